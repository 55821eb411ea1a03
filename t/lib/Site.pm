package Site;

# A site that uses everything at once, and clients that ask it for everything: pages under PHP-FPM,
# a proxied service, Lua, includes, HTTP/2, errors, malformed requests, clients that go away.

use strict;
use warnings;

use Backend;
use Httpd;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes ();

my $lua = <<'LUA';
function handle(r)
    local args = r:parseargs()
    for n = 1, tonumber(args.times or 0) do r:warn("message " .. n .. string.rep("p", tonumber(args.pad or 0))) end
    if args.say then r:err(args.say) end
    if args.big then r.notes.big = string.rep("n\xc3\xab\"", math.floor(tonumber(args.big) / 4)) end
    for name, value in pairs(args) do r.notes[name] = r.notes[name] or value end
    r.headers_out["X-Note-Order"] = args.order
    r.content_type = "text/html"
    r:puts("lua\n")
    if args.crit then r:crit(args.crit) end
    if args.code then return tonumber(args.code) end
    return apache2.OK
end
LUA

my $python = <<'PYTHON';
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = self.headers.get("traceparent", "-").encode() + b"\n" + b"s" * 20000
        self.send_response(503 if "fail" in self.path else 200)
        self.send_header("X-Note-User-Id", "service")
        self.send_header("X-Note-Api-Key", "k" * (3000 if "long" in self.path else 8))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON

my %files = (
    'load.lua'         => $lua,
    'www/x'            => "x\n",
    'www/large'        => 'l' x 2_000_000,
    'www/page.php'     => "<?php\nheader('X-Note-User-Id: 5555');\nheader('X-Note-Api-Method: photos.search');\necho \$_SERVER['HTTP_TRACEPARENT'];\n",
    'www/warning.php'  => "<?php\nheader('X-Note-User-Id: warned');\necho \$nothing;\n",
    'www/fatal.php'    => "<?php\nheader('X-Note-User-Id: fatal');\nno_such_function();\n",
    'www/parts.shtml'  => join('', map { qq{<!--#include virtual="/lua?user_id=part$_&order=$_" -->\n} } 1 .. 5)
        . qq{<!--#include virtual="/lua?say=within" -->\n<!--#include virtual="/nowhere" -->\n},
);

# Without EnableMMAP Off, mod_http2 of httpd 2.4.71 now and then crashes while it frees the mapped
# file of a stream that has ended, with this module and without.
my $conf = <<'CONF';
EnableMMAP Off
Listen 127.0.0.1:@PORT3@
Protocols h2c http/1.1
LogLevel info http2:error
AddType text/html .shtml
LuaMapHandler ^/lua @DIR@/load.lua handle
ProxyPass /service http://127.0.0.1:@PORT2@/
ProxyPass /dead http://127.0.0.1:1/
ErrorDocument 404 /lua?user_id=missing
ErrorDocument 503 /parts.shtml
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost/"
</FilesMatch>
<IfModule reqnotes_module>
  ReqNotes On
  ReqNotesField order type=integer
  ReqNotesField big max=65535
  ReqNotesField agent request:User-Agent max=64 logs=access
  ReqNotesField session cookie:sid
  ReqNotesField verb expr:"%{REQUEST_METHOD} %{REQUEST_STATUS}"
  ReqNotesField words type=list
  ReqNotesField flag type=boolean
  ReqNotesResponseHeaders X-Note-
  ReqNotesTraceAccept private
  ReqNotesTraceFormats tracecontext b3 b3multi
  ReqNotesTraceResponse X-Trace Server-Timing
  ReqNotesRequestId X-Request-Id
  ReqNotesErrorLog logs/json.log
  ReqNotesMetric api by=api_method,words sum=order series=20
  ReqNotesMetric agents by=vhost,agent values=test
  ReqNotesBusiest user_id session keys=64
  <Location "/reqnotes">
    SetHandler reqnotes
    ReqNotesPages On
  </Location>
  ErrorLogFormat "[%t] [%-m:%l] [%L] [%N] %E: %M"
  CustomLog @DIR@/logs/access.log "%^RJ"
  CustomLog @DIR@/logs/logfmt.log "%^RL"
  CustomLog @DIR@/logs/classic.log "%h %{user_id}^RF %{big}^RF %{trace_id}^RF \"%r\" %>s %L"
</IfModule>
<IfModule !reqnotes_module>
  CustomLog @DIR@/logs/access.log "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
</IfModule>
<VirtualHost 127.0.0.1:@PORT3@>
  <IfModule reqnotes_module>
    ReqNotesErrorLog "|/usr/bin/tee -a @DIR@/logs/piped.log"
    ReqNotesTraceAccept none
    CustomLog @DIR@/logs/access.log "%^RJ"
  </IfModule>
  LuaMapHandler ^/lua @DIR@/load.lua handle
</VirtualHost>
CONF

# The site, with its backends running and its server not yet.
sub prepare {
    my (%args) = @_;
    my $port3 = Httpd::free_port();
    my $httpd = Httpd->prepare(%args, modules => [qw(lua include proxy proxy_http proxy_fcgi http2)],
        files => \%files, conf => ($args{conf} // '') . $conf =~ s/\@PORT3\@/$port3/gr);
    $httpd->{port3} = $port3;
    start_fpm($httpd);
    start_python($httpd, $httpd->{port2}, $python);
    return $httpd;
}

my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
my @traces = (
    {},
    { traceparent => "00-$id-00f067aa0ba902b7-01", tracestate => 'a=1,b=2' },
    { traceparent => [ "00-$id-00f067aa0ba902b7-01", "00-$id-00f067aa0ba902b7-00" ] },
    { traceparent => "00-$id-00f067aa0ba902b7-01", tracestate => join(',', map { "k$_=v" } 1 .. 40) },
    { traceparent => "ff-$id-00f067aa0ba902b7-01\xff", 'X-Request-Id' => 'abc.def' },
    { traceparent => 'z' x 7000, tracestate => "\x80" },
    { b3 => "$id-00f067aa0ba902b7-1", Connection => 'close, b3, traceparent' },
    { 'X-B3-TraceId' => substr($id, 16), 'X-B3-SpanId' => '00f067aa0ba902b7', 'X-B3-Flags' => '1' },
    { Cookie => 'sid=abc; other="q"', Referer => "http://h/\t\x80\"\\" . 'r' x 3000, 'User-Agent' => "\xf0\x9f\x98\x80" x 800 },
);
my @malformed = (
    "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
    "GET /x HTTP/1.1\r\n\r\n",
    'GET /' . 'u' x 9000 . " HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: x\r\n" . 'H' x 9000 . ": v\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: x\r\nHeader without colon\r\n\r\n",
    "POST /lua HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
    "NOSUCH \xff\xfe HTTP/9.9\r\n\r\n",
    "GET /%00 HTTP/1.0\r\n\r\n",
    "GET /lua HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n",
);
my @odd = map { join '', map { sprintf '%%%02x', ord } split //, $_ }
    qq{a"b\\c\\n\x01\n\x1b[2J\xc3\xab\xff}, "\x80" x 100, "\xe2\x82", '%s%n', "x\x7f\xc2\x85=";

# Closes with a reset, so that httpd's next write or read fails.
sub drop {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
}

sub half {
    my ($httpd, $bytes, $wanted) = @_;
    my $socket = $httpd->connect or return;
    syswrite $socket, $bytes;
    sysread $socket, my $begun, $wanted if $wanted;
    drop($socket);
    return;
}

# Each gives the response whose status matters, or nothing.
my @kinds = (
    # name, how often, the status that is right, the request
    [ static  => 6, 200, sub { $_[0]->get("/x?n=$_[1]", $traces[ $_[1] % @traces ]) } ],
    [ php     => 4, 200, sub { $_[0]->get('/page.php', $traces[ $_[1] % @traces ]) } ],
    [ warning => 2, 200, sub { $_[0]->get('/warning.php?user_id=5555') } ],
    [ fatal   => 2, 500, sub { $_[0]->get('/fatal.php') } ],
    [ service => 4, 200, sub { $_[0]->request('POST', '/service/' . ($_[1] % 2 ? 'long' : ''), $traces[ $_[1] % @traces ], 'b' x 5000) } ],
    [ failing => 1, 503, sub { $_[0]->get('/service/fail') } ],
    [ dead    => 1, 503, sub { $_[0]->get('/dead') } ],
    [ lua     => 4, 200, sub { $_[0]->get("/lua?user_id=u$_[1]&order=$_[1]&words=a,b&flag=on&say=" . $odd[ $_[1] % @odd ]) } ],
    [ noisy   => 1, 200, sub { $_[0]->get('/lua?user_id=noisy&times=60&pad=' . $_[1] % 500) } ],
    [ crit    => 1, 500, sub { $_[0]->get('/lua?user_id=c&say=before&crit=now&code=500') } ],
    [ big     => 2, 200, sub { $_[0]->get('/lua?say=big&user_id=b&big=' . 1024 * (1 + $_[1] % 64)) } ],
    [ parts   => 3, 200, sub { $_[0]->get('/parts.shtml') } ],
    [ counts  => 2, undef, sub { $_[0]->get('/reqnotes/' . (qw(metrics json), '')[ $_[1] % 3 ], $_[1] % 2 ? { Accept => 'application/openmetrics-text' } : {}) } ],
    [ missing => 2, 404, sub { $_[0]->get('/nowhere?' . $odd[ $_[1] % @odd ]) } ],
    [ piped   => 3, 200, sub {
        my $text = "GET /lua?user_id=p&times=5&say=piped HTTP/1.0\r\n\r\n";
        my $socket = $_[0]->connect($_[0]{port3}) or return { status => 0 };
        print $socket $text;
        local $/;
        return Httpd::parse_response(scalar(<$socket>) // '');
    } ],
    [ keepalive => 2, undef, sub {
        $_[0]->raw(join '', map { "GET /x?k=$_ HTTP/1.1\r\nHost: x\r\n" . ($_ < 8 ? '' : "Connection: close\r\n") . "\r\n" } 1 .. 8);
        return;
    } ],
    [ malformed => 4, undef, sub { $_[0]->raw($malformed[ $_[1] % @malformed ]); return } ],
    [ 'half response' => 2, undef, sub { half($_[0], "GET /large HTTP/1.0\r\n\r\n", 1000) } ],
    [ 'half service'  => 1, undef, sub { half($_[0], "GET /service/ HTTP/1.0\r\n\r\n") } ],
    [ 'half page'     => 1, undef, sub { half($_[0], "GET /fatal.php HTTP/1.0\r\n\r\n") } ],
    [ 'half request'  => 2, undef, sub { half($_[0], "POST /service/ HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nbody") } ],
    [ 'half head'     => 1, undef, sub { half($_[0], "GET /lua?say=x HTTP/1.1\r\nHost:") } ],
    [ http2 => 1, undef, sub {
        my $base = "http://127.0.0.1:$_[0]{port}";
        my @urls = map { "$base$_" } '/lua?user_id=h2&say=stream', '/x', '/page.php', '/nowhere', '/service/', '/parts.shtml', '/large';
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>&', \*STDOUT;
            exec 'nghttp', '-t', '10', '-H', "traceparent: 00-$id-00f067aa0ba902b7-01", @urls, @urls or POSIX::_exit(127);
        }
        # Now and then the client goes away in the middle.
        if ($_[1] % 4 == 0) { Time::HiRes::sleep(0.005); kill KILL => $pid }
        waitpid $pid, 0;
        return;
    } ],
);

sub names { return map { $_->[0] } @kinds }

# Sends one request of a kind; gives what is wrong with its answer, or nothing.
sub ask {
    my ($httpd, $kind, $n) = @_;
    my (undef, undef, $status, $send) = @$kind;
    local $SIG{PIPE} = 'IGNORE';
    my $response = eval { $send->($httpd, $n) };
    return "$kind->[0]: $@" if $@;
    return if !$status || $response->{status} == $status;
    return "$kind->[0]: status $response->{status}, not $status";
}

# One of each kind, as often as asked; gives all complaints.
sub round {
    my ($httpd, $times) = @_;
    my @complaints;
    for my $n (0 .. $times - 1) { push @complaints, ask($httpd, $_, $n) for @kinds }
    return @complaints;
}

# Starts clients that send at random until stop() or until each has sent `most` requests.
sub start {
    my ($httpd, $count, $most) = @_;
    my @bag = map { ($_) x $_->[1] } @kinds;
    my $self = bless { stop => "$httpd->{dir}/enough", clients => [] }, __PACKAGE__;
    my $parent = $$;
    for my $client (1 .. $count) {
        pipe my $from, my $to or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            close $from;
            srand $client;
            my ($n, %asked, @complaints) = (0);
            while ($n < $most && !-e $self->{stop} && getppid == $parent) {
                my $kind = $bag[ rand @bag ];
                my $complaint = ask($httpd, $kind, ++$n);
                ++$asked{ $kind->[0] };
                push @complaints, $complaint if $complaint;
            }
            print $to map { "$_\t$asked{$_}\n" } sort keys %asked;
            print $to map { s/\s+/ /gr . "\n" } @complaints;
            close $to;
            POSIX::_exit(0);
        }
        close $to;
        push @{ $self->{clients} }, [ $pid, $from ];
    }
    return $self;
}

# Ends the clients when they have not ended by themselves. Gives (what they asked, complaints).
sub wait {
    my ($self) = @_;
    my (%asked, @complaints);
    for (@{ $self->{clients} }) {
        my ($pid, $from) = @$_;
        for (<$from>) {
            chomp;
            if (/^(.*)\t(\d+)$/) { $asked{$1} += $2 }
            else { push @complaints, $_ }
        }
        waitpid $pid, 0;
    }
    return (\%asked, @complaints);
}

sub stop {
    my ($self) = @_;
    open my $enough, '>', $self->{stop};
    return $self->wait;
}

1;
