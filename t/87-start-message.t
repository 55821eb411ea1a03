# The message at the start of what lasts long: a WebSocket, an event stream. It is there while the
# request runs, and joined with the access line by its ids.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

# Speaks WebSocket as far as to switch, and streams events; what is begun ends with the connection.
my $service = <<'PYTHON';
import base64, hashlib, os, re, socket, sys, threading, time

def serve(peer):
    head = b""
    while b"\r\n\r\n" not in head:
        part = peer.recv(4096)
        if not part: return
        head += part
    key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head)
    accept = base64.b64encode(hashlib.sha1((key.group(1) if key else b"") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    token = re.search(rb"(?im)^upgrade: *(\S+)", head)
    if b"refuse" in head:
        peer.sendall(b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 24\r\n\r\n")
        peer.sendall(b"HTTP/1.1 101 Forged\r\n\r\nx")
        return
    if token:
        peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + token.group(1)
            + b"\r\nSec-WebSocket-Accept: " + accept + b"\r\nX-Note-User-Id: early\r\n\r\nbegun\n")
        while peer.recv(4096): pass
    elif b"plain" in head:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\nContent-Length: 1\r\n\r\nx")
    else:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nX-Note-User-Id: early\r\n\r\ndata: begun\n\n")
        go = re.search(rb"go=([^ &]+)", head)
        while go and not os.path.exists(go.group(1)): time.sleep(0.01)

def run(peer):
    with peer: serve(peer)

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: threading.Thread(target=run, args=(server.accept()[0],), daemon=True).start()
PYTHON

my $stream = <<'LUA';
function handle(r)
    local args = r:parseargs()
    if args.say then r:err(args.say) end
    r.notes.user_id = "early"
    r.content_type = args.type or "text/event-stream"
    r:puts("data: begun\n\n")
    r:flush()
    while args.go and not io.open(args.go) do r.usleep(10000) end
    r.notes.api_key = "late"
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LogLevel warn reqnotes:info
ReqNotes On
ReqNotesStartMessage On
ReqNotesErrorLog logs/json.log
ReqNotesResponseHeaders X-Note-
ReqNotesMaskPath /secret/*
ErrorLogFormat "[%L] [%N] %M"
CustomLog @DIR@/logs/access.log "%^RJ"
LuaMapHandler ^/(stream|deflated|late) @DIR@/stream.lua handle
ProxyPass /any http://127.0.0.1:@PORT2@/any upgrade=ANY
ProxyPass /tunnel ws://127.0.0.1:@PORT2@/
ProxyPass /upgrade http://127.0.0.1:@PORT2@/ upgrade=websocket
ProxyPass /fallback ws://127.0.0.1:@PORT2@/
ProxyPass /off http://127.0.0.1:@PORT2@/ upgrade=websocket
ProxyPass /app http://127.0.0.1:@PORT2@/
<Location /tunnel>
  ProxyWebsocketFallbackToProxyHttp Off
</Location>
<Location /off>
  ReqNotesStartMessage Off
</Location>
<Location /deflated>
  SetOutputFilter DEFLATE
</Location>
<Location /late>
  Header set Content-Type text/event-stream
</Location>
<Location /missing>
  ErrorDocument 404 /stream
</Location>
<Location /moved>
  RewriteEngine On
  RewriteRule moved /stream [PT]
</Location>
CONF
my %start = (modules => [qw(lua proxy proxy_http proxy_wstunnel deflate http2)],
    files => { 'stream.lua' => $stream, 'www/x' => 'x' });

sub starts { return grep { /RN0026/ } $_[0]->lines($_[1]) }

# Asks for something long; gives the socket once its first bytes are there.
sub begin {
    my ($httpd, $path, $headers) = @_;
    my $socket = $httpd->connect or die "connect: $!";
    syswrite $socket, "GET $path HTTP/1.1\r\nHost: x\r\n" . ($headers // '') . "\r\n";
    my $reply = '';
    until ($reply =~ /begun|\x1f\x8b/) { sysread $socket, $reply, 4096, length $reply or last }
    return ($socket, $reply);
}
sub websocket { return "Connection: Upgrade\r\nUpgrade: " . ($_[0] // 'websocket') . "\r\nSec-WebSocket-Key: eA==\r\n" }

# Begins it, looks at its message while it runs, ends it, and looks at its line.
sub begins {
    my ($httpd, $name, $path, $what, $headers, $go) = @_;
    my ($plain) = $path =~ /^([^?]*)/;
    my %before = map { $_ => scalar starts($httpd, $_) } qw(json error);
    my ($socket, $reply) = begin($httpd, $path, $headers);
    my ($line) = ($httpd->wait_lines('json', qr/RN0026/, $before{json} + 1))[ $before{json} ];
    ok $line, "$name: a message" or diag $reply, return;
    my $json = from_json($line);
    is $json->{message}, "GET $plain $what", '... says what it is';
    is_deeply [ @$json{qw(level module code path)} ], [ 'info', 'reqnotes', 'RN0026', $plain ], '... as any message';
    is_deeply [ grep { /\Q$json->{trace_id}/ } $httpd->lines('access') ], [], '... while the request runs';
    $httpd->add_file("run/$go", '') if $go;
    shutdown $socket, 1;
    1 while sysread $socket, $reply, 4096;
    close $socket;
    my $access = $httpd->json('access', qr/$json->{trace_id}/);
    is_deeply [ @$json{qw(trace_id span_id)} ], [ @$access{qw(trace_id span_id)} ], '... with the ids of the line at the end';
    is scalar(grep { /\Q$json->{span_id}/ } $httpd->lines('access')), 1, '... which is one';
    ok scalar(grep { /^\[$json->{trace_id}\].*RN0026: GET \Q$plain $what\E$/ } $httpd->lines('error')), '... in both logs';
    is scalar(starts($httpd, $_)), $before{$_} + 1, "... once in $_.log" for qw(json error);
    return ($json, $access);
}

each_mpm(sub {
    my $mpm = shift;
    my $httpd = Httpd->prepare(%start, mpm => $mpm, conf => $conf);
    start_python($httpd, $httpd->{port2}, $service);
    $httpd->run or BAIL_OUT($httpd->{output});

    for ([ 'mod_proxy_wstunnel', 'tunnel' ], [ 'mod_proxy_http', 'upgrade' ], [ 'a fallback to it', 'fallback' ]) {
        my ($name, $path) = @$_;
        my ($json) = begins($httpd, $name, "/$path/ws?token=1", 'switched to websocket', websocket());
        is $json->{user_id}, 'early', '... with what its head named' if $path ne 'tunnel';
    }
    begins($httpd, 'another protocol', '/any/x', 'switched to special', websocket('special'));

    my $go = "$httpd->{dir}/run/go";
    my ($json, $access) = begins($httpd, 'an event stream', "/stream?say=before&go=$go", 'sends an event stream', "Connection: close\r\n", 'go');
    is_deeply [ @$json{qw(user_id api_key)} ], [ 'early', undef ], '... with the facts that are known';
    is_deeply [ @$access{qw(user_id api_key)} ], [ 'early', 'late' ], '... before all of them';
    is_deeply [ map { $_->{message} =~ s/ .*//r } map { from_json($_) } grep { /$json->{trace_id}/ } $httpd->lines('json') ],
        [ 'before', 'GET' ], '... behind what its request held';
    unlink $go;
    begins($httpd, 'what mod_deflate compresses', "/deflated?go=$go", 'sends an event stream', "Connection: close\r\nAccept-Encoding: gzip\r\n", 'go');
    unlink $go;
    begins($httpd, 'a type that a filter sets', "/late?type=text/plain&go=$go", 'sends an event stream', "Connection: close\r\n", 'go');
    unlink $go;
    begins($httpd, 'a rewritten one', "/moved?go=$go", 'sends an event stream', "Connection: close\r\n", 'go');
    unlink $go;
    ($json) = begins($httpd, 'of a backend', "/app/x?go=$go", 'sends an event stream', "Connection: close\r\n", 'go');
    is $json->{user_id}, 'early', '... with what its head named';

    # What begins nothing.
    my @before = starts($httpd, 'json');
    $httpd->get($_) for '/x', '/nowhere', '/app/plain', '/stream?type=text/event-streams';
    $httpd->request('HEAD', '/stream');
    my ($socket) = begin($httpd, '/off/ws', websocket());
    close $socket;
    $httpd->line('access', qr{/off/ws});
    $httpd->raw("GET /$_/refuse HTTP/1.1\r\nHost: x\r\n" . websocket() . "Connection: close\r\n\r\n") for qw(tunnel upgrade);
    $httpd->line('access', qr{/upgrade/refuse});
    is_deeply [ starts($httpd, 'json') ], \@before, 'no message of what is short, refused, or where it is Off';

    $httpd->get('/missing');
    is $httpd->json('json', qr/RN0026.*missing/)->{path}, '/missing', 'an ErrorDocument that is a stream';
    my $odd = '%0a%1b' . "\xff\"\\" . 'p' x 5000;
    $httpd->get("/app/$odd");
    $json = $httpd->json('json', qr/RN0026.*%0a/);
    cmp_ok length $json->{message}, '<', 1100, 'a long path is cut';
    like $json->{message}, qr/^GET \/app\/%0a%1b\x{fffd}"\\p+ sends an event stream$/, '... and an odd one no trouble';
    like $httpd->line('error', qr/RN0026.*%0a/), qr/^\[[0-9a-f]{32}\] \[.*user_id=early.*\] RN0026: GET/, '... there is room for the facts';

    # One connection, many refused and then a switch: the filter of the connection is one.
    my $text = "GET /upgrade/refuse HTTP/1.1\r\nHost: x\r\n" . websocket() . "\r\n";
    $socket = $httpd->connect;
    for (1 .. 3) {
        syswrite $socket, $text;
        my $reply = '';
        sysread $socket, $reply, 4096, length $reply or last until $reply =~ /Forged.*x/s;
    }
    @before = starts($httpd, 'json');
    syswrite $socket, "GET /upgrade/last HTTP/1.1\r\nHost: x\r\n" . websocket() . "\r\n";
    is $httpd->json('json', qr{RN0026.*/last})->{message}, 'GET /upgrade/last switched to websocket', 'after refusals on its connection';
    is scalar(starts($httpd, 'json')), @before + 1, '... once';
    close $socket;
    $httpd->line('access', qr{/upgrade/last});
    $httpd->stop;
});

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return pack("N", length $payload) =~ s{^.}{}sr . pack("C C N", $type, $flags, $stream) . $payload;
}
sub text { return chr(length $_[0]) . $_[0] }

subtest 'HTTP/2' => sub {
    my $httpd = Httpd->prepare(%start, conf => "${conf}Protocols h2c http/1.1\nH2WebSockets On\n");
    start_python($httpd, $httpd->{port2}, $service);
    $httpd->run or BAIL_OUT($httpd->{output});
    my $go = "$httpd->{dir}/run/go";
    for my $upgrade ('', '-u') {
        unlink $go;
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>&', \*STDOUT;
            exec 'nghttp', ($upgrade || ()), "http://127.0.0.1:$httpd->{port}/stream?go=$go" or POSIX::_exit(127);
        }
        my $count = $upgrade ? 2 : 1;
        my $json = from_json(($httpd->wait_lines('json', qr/RN0026/, $count))[ $count - 1 ]);
        is $json->{message}, 'GET /stream sends an event stream', "a stream $upgrade";
        is_deeply [ grep { /\Q$json->{span_id}/ } $httpd->lines('access') ], [], '... while it runs';
        $httpd->add_file('run/go', '');
        waitpid $pid, 0;
        is $httpd->json('access', qr/$json->{span_id}/)->{protocol}, 'HTTP/2.0', '... and its line';
        is scalar(starts($httpd, 'json')), $count, '... once, and none for an upgrade to HTTP/2';
    }

    # A WebSocket on a stream: RFC 8441.
    my $head = "\x02" . text('CONNECT') . "\x00" . text(':protocol') . text('websocket') . "\x86\x04"
        . text('/upgrade/h2') . "\x01" . text('x') . "\x00" . text('sec-websocket-version') . text('13');
    my $socket = $httpd->connect;
    syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '') . frame(1, 4, 1, $head);
    my $json = $httpd->json('json', qr{RN0026.*/upgrade/h2});
    is $json->{message}, 'GET /upgrade/h2 switched to websocket', 'a WebSocket on a stream';
    is_deeply [ grep { m{/upgrade/h2} } $httpd->lines('access') ], [], '... while it runs';
    close $socket;
    is $httpd->json('access', qr{/upgrade/h2})->{span_id}, $json->{span_id}, '... has the ids of its line';
    $httpd->stop;
} if has_module('http2');

# A virtual host behind another one where nothing is On; and a level that lets nothing through.
subtest 'where it is On' => sub {
    my $httpd = Httpd->prepare(%start, conf => ($conf =~ s/^ReqNotes(?:StartMessage)? On\n//mgr) . <<'CONF');
<VirtualHost *:@PORT@>
  ServerName off
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName x
  ReqNotes On
  ReqNotesErrorLog logs/json.log
  CustomLog @DIR@/logs/access.log "%^RJ"
  LuaMapHandler ^/(stream) @DIR@/stream.lua handle
  ProxyPass /upgrade http://127.0.0.1:@PORT2@/ upgrade=websocket
  <Location /upgrade>
    ReqNotesStartMessage "On"
  </Location>
</VirtualHost>
CONF
    start_python($httpd, $httpd->{port2}, $service);
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/stream', { Host => 'x' });
    for my $n (1 .. 3) {
        begins($httpd, "a place of a virtual host, $n", '/upgrade/ws', 'switched to websocket', websocket());
    }
    is scalar(starts($httpd, 'json')), 3, 'none elsewhere';
    $httpd->stop;
};

subtest 'configtest' => sub {
    my $test = sub {
        my ($good, $text) = Httpd->prepare(conf => "ReqNotes On\n$_[0]\n")->configtest;
        ok $good, 'is no mistake';
        return [ $text =~ /RN0027: ReqNotesStartMessage On at \S+:(\d+) has no effect/g ];
    };
    my $on = 'ReqNotesStartMessage On';
    is scalar(@{ $test->($on) }), 1, 'On at LogLevel warn';
    is_deeply $test->("ReqNotesStartMessage Off"), [], 'Off';
    is_deeply $test->("$on\nLogLevel warn reqnotes:info"), [], 'On at LogLevel reqnotes:info';
    is scalar(@{ $test->("<Location /a>\n$on\n</Location>") }), 1, 'On in a section';
    is_deeply $test->("<Location /a>\nLogLevel reqnotes:info\n$on\n</Location>"), [], '... that has a level of its own';
    is_deeply $test->("LogLevel info\n<Location /a>\n<If true>\n$on\n</If>\n</Location>"), [], '... in one that lets it through';
    is scalar(@{ $test->("<VirtualHost *>\n$on\n</VirtualHost>\n<VirtualHost *>\nServerName b\nLogLevel info\n<Location /b>\n$on\n</Location>\n</VirtualHost>") }), 1, 'in one of two virtual hosts';
};

done_testing;
