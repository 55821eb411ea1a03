# A log can be shown on a terminal: what a client or a backend sends moves no cursor, names no
# window and hides no line, whatever way it comes in.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Encode qw(decode FB_CROAK LEAVE_SRC);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $say = <<'LUA';
function handle(r)
    local args = r:parseargs()
    if args.message then r:err(args.message) end
    for _, name in ipairs({"Host", "Referer", "X-Odd", "User-Agent", "Cookie", "traceparent", "X-Request-Id"}) do
        if r.headers_in[name] then r:warn(name .. ": " .. r.headers_in[name]) end
    end
    for name, value in pairs(args) do r.notes[name] = value end
    return apache2.OK
end
LUA

# Answers with the bytes that its path has in hex, in two response headers.
my $service = <<'PYTHON';
import socket, sys, threading
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def answer(peer):
    data = b""
    while b"\r\n\r\n" not in data:
        got = peer.recv(65536)
        if not got: return
        data += got
    value = bytes.fromhex(data.split(b" ")[1].split(b"/")[-1].decode())
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\nX-Note-Odd: " + value
                 + b"\r\nX-Odd: " + value + b"\r\n\r\n")
    peer.close()
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
PYTHON

my $port = Httpd::free_port();
my $httpd = Httpd->prepare(modules => [qw(lua proxy proxy_http auth_basic authn_core authn_anon authz_user)],
    files => { 'say.lua' => $say }, conf => <<"CONF");
Listen 127.0.0.1:\@PORT2\@
ReqNotes On
ReqNotesRequestId X-Request-Id
ReqNotesTraceFormats tracecontext b3
ReqNotesField odd max=4096
ReqNotesField many note:odd type=list max=4096
ReqNotesField number note:odd type=integer max=4096
ReqNotesField cut note:odd max=7
ReqNotesField answer response:X-Odd max=4096
ReqNotesField header request:X-Odd max=4096
ReqNotesField cookie cookie:odd max=4096
ReqNotesField login user max=4096
ReqNotesField variable env:ODD max=4096
ReqNotesField expression expr:"%{HTTP:X-Odd}" max=4096
SetEnvIf X-Odd "^(.*)\$" ODD=\$1
LuaMapHandler ^/say \@DIR\@/say.lua handle
ProxyPass /backend/ http://127.0.0.1:$port/
<Location /backend>
  ReqNotesResponseHeaders X-Note-
</Location>
<Location /say/private>
  AuthType Basic
  AuthName private
  AuthBasicProvider anon
  Anonymous *
  Anonymous_MustGiveEmail off
  Anonymous_LogEmail on
  Require valid-user
</Location>
<VirtualHost *:\@PORT2\@>
  HttpProtocolOptions Unsafe
</VirtualHost>
CustomLog \@DIR\@/logs/access.log "%^RJ"
CustomLog \@DIR\@/logs/logfmt.log "%^RL"
CustomLog \@DIR\@/logs/plain.log "%{odd}^RF %{many}^RF %{cut}^RF %{answer}^RF %{header}^RF %{cookie}^RF %{login}^RF %{variable}^RF %{expression}^RF %{request_id}^RF %L"
ErrorLogFormat "[%L] [%N] [%{odd}N] [%{header}N] [%{login}N] [%{cookie}N] %M"
ReqNotesErrorLog logs/json.log
LogLevel debug core:trace4 http:trace4
LimitRequestFieldSize 8000
CONF
start_python($httpd, $port, $service);
$httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");

# What Unicode's practice of maximal subparts makes of bytes.
sub repair {
    my ($bytes) = @_;
    my $valid = qr/[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
        |\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/x;
    my $part = qr/\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]?
        |[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?/x;
    my $text = '';
    $text .= defined $1 ? decode('UTF-8', $1) : "\x{fffd}" while $bytes =~ /\G(?:($valid)|$part|.)/gsx;
    return $text;
}

# Sends one request; what is written of it is looked at later.
my $count = 0;

sub send_request {
    my ($to, $line, @headers) = @_;
    my $socket = $httpd->connect($to) or die "connect: $!";
    print $socket join("\r\n", $line, 'Connection: close', @headers, '', '');
    1 while sysread $socket, my $reply, 65536;
    ++$count;
}

my @logs = qw(access logfmt plain error json);
my %read = map { $_ => 0 } @logs;
my $dels = 0;

# The lines of each log since the last call, once every request has its own. Looks for what a
# terminal would obey: control characters, DEL and C1 among them, raw and as UTF-8.
sub new_lines {
    wait_until(sub { Httpd::slurp("$httpd->{dir}/logs/$_.log") =~ tr/\n// >= $count or return for qw(access logfmt plain); 1 });
    my (%lines, @bad);
    for my $log (@logs) {
        my $text = substr Httpd::slurp("$httpd->{dir}/logs/$log.log"), $read{$log};
        $text =~ s/[^\n]*\z//;
        $read{$log} += length $text;
        $lines{$log} = [ split /\n/, $text ];
        for my $line (@{ $lines{$log} }) {
            my $decoded = eval { decode('UTF-8', $line, FB_CROAK | LEAVE_SRC) };
            push @bad, "$log: invalid UTF-8: $line" unless defined $decoded;
            push @bad, "$log: a control character: $line" if ($decoded // $line) =~ /[\x00-\x1f\x7f-\x9f]/;
            ++$dels if $line =~ /\\u007f/;
        }
    }
    for my $log (qw(access json)) {
        @{ $lines{$log} } = map { eval { from_json($_) } || (push(@bad, "$log: no JSON: $_"), ()) } @{ $lines{$log} };
    }
    s/([^\x20-\x7e])/sprintf '<%02x>', ord $1/ge for @bad;
    is_deeply \@bad, [], 'nothing that a terminal obeys';
    return \%lines;
}

sub percent { return join '', map { sprintf '%%%02x', ord } split //, $_[0] }

my ($esc, $bell, $st, $csi, $c1) = ("\x1b", "\x07", "\x1b\\", "\x9b", "\xc2\x9b");
my @cases = (
    [ 'CSI',                        "a$esc\[2J$esc\[1;31m$esc\[8mz" ],
    [ 'OSC with BEL',               "a$esc]0;title${bell}z" ],
    [ 'OSC with ST',                "a$esc]8;;http://x/$st$esc]52;c;cHduz$st-z" ],
    [ 'DCS, APC, PM, RIS, a charset', "a${esc}P1\$r$st${esc}_x$st${esc}^x$st${esc}c$esc(0z" ],
    [ 'C1 as bytes',                "a${csi}2J\x9d0:title\x9c\x90x\x9c\x85\x84z" ],
    [ 'C1 as UTF-8',                "a${c1}2J\xc2\x9d0:title\xc2\x9c\xc2\x85\xc2\x84z" ],
    [ 'overlong ESC and CSI',       "a\xc0\x9b[2J\xe0\x80\x9b[2J\xf0\x80\x80\x9b\xe0\x82\x9b2Jz" ],
    [ 'surrogates, beyond Unicode', "a\xed\xa0\x9b\xf4\x90\x80\x9b\xf8\x88\x80\x80\x9bz" ],
    [ 'a character cut by an ESC',  "a\xe2\x82$esc\[2J\xc3${csi}1m\xf0\x9f\x90z" ],
    [ 'DEL and backspace',          "a\x7f\x7f\x08\x08z" ],
    [ 'other controls',             join '', 'a', map({ chr } 1 .. 9, 14 .. 31), 'z' ],
    [ 'VT and FF',                  "a\x0b\x0b\x0cz" ],
    [ 'all C1',                     join '', 'a', map({ chr($_), "\xc2" . chr } 0x80 .. 0x9f), 'z' ],
    [ 'CR',                         "a\rb\r\rz" ],
    [ 'LF and CR',                  "a\nb\r\nz" ],
    [ 'U+202E, U+2028, U+FEFF',     "a\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbfz" ],
);
for my $case (@cases) {
    my ($why, $odd) = @$case;
    my $encoded = percent($odd);
    subtest $why => sub {
        send_request($httpd->{port}, "GET /say?odd=$encoded&message=$encoded HTTP/1.1", 'Host: x');
        send_request($httpd->{port}, 'GET /say/private HTTP/1.1', 'Host: x', 'Authorization: Basic ' . encode_base64("$odd:p", ''));

        # As a client sends it, to a strict server and to a lax one. What httpd refuses has a line all the same.
        my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
        for my $to ($httpd->{port}, $httpd->{port2}) {
            # httpd passes on no header with a control character, and has the fact all the same.
            send_request($to, 'GET /backend/' . unpack('H*', $odd) . ' HTTP/1.1', 'Host: x') if $odd !~ /\n/;
            send_request($to, @$_) for (
                [ "GET /say/$odd HTTP/1.1",        'Host: x' ],
                [ "GET /say?$odd HTTP/1.1",        'Host: x' ],
                [ "GET http://h$odd/say HTTP/1.1", 'Host: x' ],
                [ "G$odd /say HTTP/1.1",           'Host: x' ],
                [ "GET /say HTTP/1.1$odd",         'Host: x' ],
                [ "GET /say $odd",                 'Host: x' ],
                [ 'GET /say HTTP/1.1',             "Host: $odd" ],
                [ 'GET /say HTTP/1.1',             'Host: x', "$odd: x" ],
                [ 'GET /say HTTP/1.1',             'Host: x', "traceparent: $odd", "b3: $odd", "X-B3-TraceId: $odd" ],
                [ 'GET /say HTTP/1.1',             'Host: x', "traceparent: 00-$id-00f067aa0ba902b7-01", "tracestate: a=$odd" ],
                [ 'GET /lax HTTP/1.1',             'Host: x', "X-Request-Id: $odd", "Referer: $odd", "User-Agent: $odd",
                    "Cookie: odd=$odd", "X-Odd: $odd" ],
            );
        }

        my $lines = new_lines();
        my $want  = repair($odd);
        my ($note)    = grep { ($_->{query} || '') eq "odd=$encoded&message=$encoded" } @{ $lines->{access} };
        my ($private) = grep { ($_->{path} || '') eq '/say/private' } @{ $lines->{access} };
        my @backend   = grep { ($_->{path} || '') =~ m{^/backend/} } @{ $lines->{access} };
        my ($lax)     = grep { ($_->{path} || '') eq '/lax' && $_->{header} } reverse @{ $lines->{access} };
        my ($message) = grep { $_->{module} eq 'lua' && $_->{level} eq 'error' } @{ $lines->{json} };
        is $note->{odd}, $want, 'a note arrives as it was';
        is $note->{number}, $want, '... of any type';
        is join(',', @{ $note->{many} }), $want, '... in a list';
        is $private->{login}, $want =~ s/:.*//r, 'the name of a user arrives as it was';
        is $message->{message}, $want, 'a message of the JSON error log does too';
        ok +(grep { /RN0006: .* first=/ } @{ $lines->{error} }), '... and the closing line repeats it';
        is_deeply [ map { $_->{odd} } @backend ], [ ($want) x 2 ], 'what a backend sends arrives as it was' if $odd !~ /[\r\n]/;
        is_deeply [ map { @$_{qw(status answer)} } @backend ], [ $odd =~ /[\x00-\x1f\x7f]/ ? (500, undef) x 2 : (200, $want) x 2 ],
            '... in a header that stays, too, if httpd lets it' if $odd !~ /[\r\n]/;
        is_deeply [ @$lax{qw(referer user_agent header variable expression cookie)} ], [ ($want) x 5, $want =~ s/;.*//sr ],
            'each header arrives as it was' if $odd !~ /[\x0a-\x0d]/;  # even the lax server refuses these
        is scalar(grep { exists $_->{request_id} } @{ $lines->{access} }), 0, '... but as the id of a request' if $odd !~ /\n/;
        is scalar(grep { ($_->{trace_id} || '') !~ /^[0-9a-f]{32}$/ } @{ $lines->{access} }), 0, '... or of a trace';
    };
}

subtest 'NUL' => sub {
    send_request($httpd->{port}, 'GET /say?odd=a%00%1b[2Jz&message=a%00z HTTP/1.1', 'Host: x');
    send_request($httpd->{port}, 'GET /say/private HTTP/1.1', 'Host: x', 'Authorization: Basic ' . encode_base64("a\0$esc\[2Jz:p", ''));
    for my $to ($httpd->{port}, $httpd->{port2}) {
        send_request($to, "GET /say/a\0z HTTP/1.1", 'Host: x');
        send_request($to, 'GET /say HTTP/1.1', 'Host: x', "X-Odd: a\0$esc\[2Jz", "User-Agent: \0");
        send_request($to, "\0$esc\[2J");
    }
    new_lines();
};

ok $dels, "DEL is escaped in $dels lines";
cmp_ok $read{$_}, '>', 20_000, "$_: $read{$_} bytes were looked at" for @logs;
$httpd->stop;
done_testing;
