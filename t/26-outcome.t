# outcome: who broke a response off, on the access line.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;
use Time::HiRes qw(sleep);

my $size = 64_000_000;
my $log  = "ReqNotes On\nCustomLog \@DIR\@/logs/access.log \"%^RJ\"\n";

# A client for each case, at the same time: "PROTOCOL HOW PATH". It reads 8 MB, waits, and then
#   all     reads the rest, with a rest in between
#   half    has closed its half before
#   close   closes, which resets the connection, as much lies unread
#   end     closes what it has ended for writing before
#   stream  resets the stream, and gets another one
my $clients = <<'PYTHON';
import socket, ssl, struct, sys, threading, time

ports = {"h1": int(sys.argv[1]), "h2c": int(sys.argv[1]), "tls": int(sys.argv[2]), "h2": int(sys.argv[2])}

def connect(protocol):
    plain = socket.create_connection(("127.0.0.1", ports[protocol]))
    plain.settimeout(5)  # mod_proxy_fcgi leaves a client waiting for the end of what was cut
    if protocol in ("h1", "h2c"): return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2" if protocol == "h2" else "http/1.1"])
    return context.wrap_socket(plain)

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload

def headers(stream, method, path):
    text = lambda s: bytes((len(s),)) + s.encode()
    first = b"\x82" if method == "GET" else b"\x02" + text(method)
    return frame(1, 5, stream, first + b"\x86\x04" + text(path) + b"\x01" + text("localhost"))

class Streams:
    def __init__(self, connection, window):
        self.connection, self.held, self.seen = connection, b"", 0
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, window))
            + frame(8, 0, 0, struct.pack(">I", 2**31 - 1 - 65535)))
    def read(self, size):
        while len(self.held) < size:
            more = self.connection.recv(1 << 20)
            if not more: raise EOFError
            self.held += more
        got, self.held = self.held[:size], self.held[size:]
        return got
    def until(self, stream, most=None):  # its end, or that of what is wanted of it
        while most is None or self.seen < most:
            head = self.read(9)
            payload = self.read(int.from_bytes(head[:3], "big"))
            self.seen += len(payload)
            if head[3] == 3 or (head[3] in (0, 1) and head[4] & 1 and struct.unpack(">I", head[5:])[0] == stream): return

def run(protocol, how, path):
    connection = connect(protocol)
    method, path = path.split("!") if "!" in path else ("GET", path)
    if protocol in ("h2c", "h2"):
        # A server that has room for all of it sends it before it hears of a reset.
        streams = Streams(connection, 16000000 if how == "stream" else 2**31 - 1)
        connection.sendall(headers(1, method, path))
        streams.until(1, 8000000)
        if how == "all":
            if streams.seen >= 8000000:
                time.sleep(.3)
                streams.until(1)
        elif how == "stream":
            time.sleep(.3)
            connection.sendall(frame(3, 0, 1, struct.pack(">I", 8)) + headers(3, "GET", "/small"))
            streams.until(3)
    else:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        if how == "half": connection.shutdown(socket.SHUT_WR)
        seen = 0
        while seen < 8000000:
            more = connection.recv(1 << 20)
            if not more: break
            seen += len(more)
        time.sleep(.3)
        if how in ("all", "half"):
            while connection.recv(1 << 20): pass
        elif how == "end":
            connection.shutdown(socket.SHUT_WR)
    connection.close()

def attempt(case):
    try: run(*case.split())
    except (OSError, EOFError): pass

threads = [threading.Thread(target=attempt, args=(case,)) for case in sys.argv[3:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
PYTHON

# Runs clients, each with a query of its own, and gives their lines.
sub clients {
    my ($httpd, @cases) = @_;
    my $file = $httpd->add_file('clients.py', $clients);
    my @lines;
    system '/usr/bin/python3', $file, $httpd->{port}, $httpd->{port2},
        map { $cases[$_] . (($cases[$_] =~ /\?/ ? '&' : '?') . "q$_") } 0 .. $#cases;
    for my $at (0 .. $#cases) {
        push @lines, $httpd->json('access', qr/"query":"(?:[^"]*&)?q$at"/) || { outcome => 'no line' };
    }
    return @lines;
}

sub check {
    my ($line, $outcome, $what) = @_;
    is $line->{outcome}, $outcome, $what or diag explain $line;
    return;
}

# A file of nothing but zeros takes no room.
sub add_big {
    my ($httpd, @names) = @_;
    for my $name (@names) {
        $httpd->add_file("www/$name", '');
        truncate "$httpd->{dir}/www/$name", $size or die $!;
    }
    $httpd->add_file('www/small', 'x' x 100);
    return;
}

# mod_http2 does not work with prefork.
for my $mpm (qw(event worker prefork)) {
    subtest "downloads with the $mpm MPM" => sub {
        my $httpd = Httpd->prepare(mpm => $mpm, modules => [qw(http2 ssl socache_shmcb)]);
        system "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
            . "-keyout $httpd->{dir}/conf/key.pem -out $httpd->{dir}/conf/cert.pem >/dev/null 2>&1";
        my $protocols = $mpm eq 'prefork' ? '' : "LogLevel http2:error\nProtocols h2 h2c http/1.1\n";
        $httpd->set_conf(<<"CONF");
$log$protocols
StartServers 2
<Files copied>
  EnableSendfile Off
</Files>
<Files mapped>
  EnableSendfile On
</Files>
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  CustomLog \@DIR\@/logs/access.log "%^RJ"
  SSLEngine On
  SSLCertificateFile \@DIR\@/conf/cert.pem
  SSLCertificateKeyFile \@DIR\@/conf/key.pem
</VirtualHost>
CONF
        add_big($httpd, qw(copied mapped));
        $httpd->run or BAIL_OUT($httpd->{output});
        my @cases = map { ("h1 $_ /copied", "h1 $_ /mapped") } qw(all half close end);
        push @cases, map { "tls $_ /mapped" } qw(all close end);
        push @cases, map { ("h2c $_ /copied", "h2 $_ /mapped") } qw(all close stream) if $mpm ne 'prefork';
        my @lines = clients($httpd, @cases);
        for my $at (0 .. $#cases) {
            check($lines[$at], $cases[$at] =~ / (?:all|half) / ? 'completed' : 'aborted', $cases[$at]);
            is $lines[$at]{bytes}, $size, '... and what was handed to the filters' or diag explain $lines[$at];
        }
        $httpd->stop;
    };
}

subtest 'a client that does not read' => sub {
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, conf => "${log}Timeout 1\n");
        add_big($httpd, 'big');
        $httpd->run or BAIL_OUT($httpd->{output});
        my $socket = $httpd->connect;
        print $socket "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
        check($httpd->json('access', qr/big/), 'aborted', "$mpm: a write timed out");
        my $late = $httpd->connect;
        print $late "GET /big?line HT";
        check($httpd->json('access', qr/"status":408/), 'aborted', '... so has the request line');
        $httpd->stop;
    }
};

subtest 'a stop and a restart in the middle' => sub {
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, conf => "${log}EnableSendfile On\n");
        add_big($httpd, 'big');
        $httpd->run or BAIL_OUT($httpd->{output});
        my $begin = sub {
            my $socket = $httpd->connect;
            print $socket "GET /big?$_[0] HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            sysread $socket, my $head, 1000;
            return $socket;
        };
        my $socket = $begin->('q0');
        $httpd->graceful;
        1 while sysread $socket, my $more, 1 << 20;
        check($httpd->json('access', qr/q0/), 'completed', "$mpm: a graceful restart lets it complete");
        $socket = $begin->('q1');
        sleep 0.3;  # until the handler is done, and waits for the client
        $httpd->stop;
        my ($line) = grep { /q1/ } $httpd->lines('access');
        # The event MPM logs nothing of what it waited to write.
        check($line ? from_json($line) : {}, 'aborted', '... and a stop does not') if $mpm eq 'prefork';
    }
};

subtest 'requests that are short of something' => sub {
    my $httpd = Httpd->prepare(modules => [qw(http2 cgid)],
        files => {
            'www/nph-all.cgi' => "#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nhello'\n",
            'www/kill.cgi' => "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello'\nkill -9 \$\$\n",
        },
        conf => <<"CONF");
$log
Protocols h2c http/1.1
LogLevel http2:error
ScriptSock \@DIR\@/run/cgi
AddHandler cgi-script .cgi
RedirectMatch 204 ^/nothing
<Directory \@DIR\@/www>
  Options ExecCGI
</Directory>
CONF
    add_big($httpd, 'big');
    $httpd->run or BAIL_OUT($httpd->{output});
    my @cases = qw(HEAD!/big /none /nothing /small /nph-all.cgi /kill.cgi);
    my @lines = clients($httpd, map { ("h1 all $_", "h2c all $_") } @cases);
    check($lines[$_], 'completed', ($_ % 2 ? 'HTTP/2 ' : 'HTTP/1.1 ') . $cases[ $_ / 2 ]) for 0 .. $#lines;

    $httpd->get('/small?304', { 'If-None-Match' => '*' });
    check($httpd->json('access', qr/"304"/), 'completed', '304');
    $httpd->raw("GET /small?400 HTTP/1.1\r\nHost: a b\r\n\r\n");
    check($httpd->json('access', qr/"400"/), 'completed', '400');
    $httpd->raw('GET /' . 'x' x 9000 . " HTTP/1.1\r\nHost: x\r\n\r\n");
    check($httpd->json('access', qr/"status":414/), 'completed', '414');

    # More than 5 that are done, and the connection is written to while the next ones are read.
    my $socket = $httpd->connect;
    print $socket join '', map { "GET $_ HTTP/1.1\r\nHost: x\r\n\r\n" } map { "/small?a$_" } 1 .. 2000;
    $socket->flush;
    my $reply = '';
    sysread $socket, $reply, 65536, length $reply or last while ($reply =~ tr/\n//) < 9 * 2000 && $reply !~ /(?:x{100}.*?){2000}/s;
    my %outcomes = map { from_json($_)->{outcome} => 1 } $httpd->wait_lines('access', qr/"a\d+"/, 2000);
    is_deeply [ sort keys %outcomes ], ['completed'], 'two thousand in a pipeline';
    print $socket join '', map { "GET $_ HTTP/1.1\r\nHost: x\r\n\r\n" } '/small?b1', '/big?b2', map { "/small?c$_" } 1 .. 3;
    $socket->flush;
    sysread $socket, $reply, 1000;
    close $socket;
    check($httpd->json('access', qr/"b1"/), 'completed', 'before one that the client broke off');
    check($httpd->json('access', qr/"b2"/), 'aborted', '... that one');
    $httpd->stop;
};

subtest 'bodies of requests' => sub {
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, modules => [qw(proxy proxy_http)], conf => <<"CONF");
$log
ProxyPass /app http://127.0.0.1:\@PORT2\@/
CONF
        start_python($httpd, $httpd->{port2}, <<'PYTHON');
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON
        $httpd->add_file('www/small', 'x');
        $httpd->run or BAIL_OUT($httpd->{output});
        for my $path (qw(/app /small /none)) {
            my $name = substr $path, 1;
            $httpd->request('POST', "$path?whole", {}, 'x' x 100_000);
            check($httpd->json('access', qr/$name","query":"whole"/), 'completed', "$mpm: a body for $path");
            my $socket = $httpd->connect;
            print $socket "POST $path?broken HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabcd";
            close $socket;
            check($httpd->json('access', qr/$name","query":"broken"/), 'aborted', '... that was broken off');
        }
        $httpd->raw("POST /small?bad HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n");
        check($httpd->json('access', qr/"bad"/), 'completed', '... one that is refused is no client that went away');
        $httpd->stop;
    }
};

# A backend that breaks off: HTTP, FastCGI and AJP, each by its first bytes.
my $broken = <<'PYTHON';
import re, socket, struct, sys, threading

ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
answers = {
    b"whole": ok + b"Content-Length: 5\r\n\r\nhello",
    b"length": ok + b"Content-Length: 1000\r\n\r\nabc",
    b"reset": ok + b"Content-Length: 1000\r\n\r\nabc",
    b"stall": ok + b"Content-Length: 1000\r\n\r\nabc",
    b"head": ok + b"Content-Length: 1000\r\n\r\n",
    b"chunked": ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"big": ok + b"Content-Length: 9000000\r\n\r\n" + b"x" * 5000000,
    b"error": ok.replace(b"200 OK", b"500 Bad") + b"Content-Length: 1000\r\n\r\nabc",
    b"until": ok + b"\r\nabc",
    b"nothing": b"",
    b"tunnel": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}

def record(kind, text): return struct.pack(">BBHHBB", 1, kind, 1, len(text), 0, 0) + text
def packet(text): return b"AB" + struct.pack(">H", len(text)) + text
def string(text): return struct.pack(">H", len(text)) + text + b"\0"

output = record(6, b"Content-Type: text/plain\n\nhello")
ended = record(3, bytes(8))
records = {b"whole": output + record(6, b"") + ended, b"unmarked": output + ended, b"record": output[:-3],
    b"length": output}
packets = packet(b"\x04" + struct.pack(">H", 200) + string(b"OK") + b"\0\0") + packet(b"\x03\0\x05hello\0")

def serve(peer):
    first = peer.recv(2, socket.MSG_PEEK)
    text, end = b"", record(5, b"") if first[:1] == b"\x01" else b"\xff" if first == b"\x12\x34" else b"\r\n\r\n"
    while end not in text:
        more = peer.recv(65536)
        if not more: return
        text += more
    case = re.search(rb"is-([a-z]+)", text).group(1)
    if first[:1] == b"\x01": peer.sendall(records[case])
    elif first == b"\x12\x34": peer.sendall(packets + (packet(b"\x05\x01") if case == b"whole" else b""))
    else:
        peer.sendall(answers[case])
        if case == b"reset": peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if case == b"stall": peer.recv(1)
        if case == b"tunnel":
            while True:
                more = peer.recv(1000)
                if not more or b"bye" in more: return
                peer.sendall(more)

def attempt(peer):
    try: serve(peer)
    except OSError: pass
    finally: peer.close()

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=100)
while True: threading.Thread(target=attempt, args=(listener.accept()[0],), daemon=True).start()
PYTHON

my $proxied = <<"CONF";
$log
Timeout 10
ProxyTimeout 1
LogLevel http2:error
Protocols h2c http/1.1
AddOutputFilter INCLUDES .shtml
<Directory \@DIR\@/www>
  Options Includes
</Directory>
ErrorDocument 404 /app/is-length
ProxyPass /app http://127.0.0.1:\@PORT2\@ upgrade=websocket disablereuse=on
ProxyPass /fcgi fcgi://127.0.0.1:\@PORT2\@
ProxyPass /ajp ajp://127.0.0.1:\@PORT2\@
<Location /over>
  ProxyPass http://127.0.0.1:\@PORT2\@
  ProxyErrorOverride On
</Location>
<Location /set-is-length>
  SetHandler "proxy:http://127.0.0.1:\@PORT2\@/"
</Location>
CONF

my @modules = qw(http2 proxy proxy_http proxy_fcgi proxy_ajp include);

subtest 'backends that break off' => sub {
    # What follows the answer of a backend that sends a length, a head, or nothing.
    my @cases = (
        [ completed => 200, qw(/app/is-whole /app/is-until /fcgi/is-whole /fcgi/is-unmarked /ajp/is-whole) ],
        [ cut => 200, qw(/app/is-length /app/is-reset /app/is-stall /app/is-head /app/is-chunked /app/is-big
            /over/is-length /set-is-length /fcgi/is-length /fcgi/is-record /ajp/is-length /page.shtml) ],
        [ cut => 500, '/app/is-error' ],
        [ cut => 200, '/none' ],
        [ completed => 500, '/over/is-error' ],
    );
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, modules => \@modules,
            conf => $proxied . ($mpm eq 'prefork' ? "StartServers 20\nMaxSpareServers 30\n" : ''),
            files => { 'www/page.shtml' => 'begin <!--#include virtual="/app/is-length" --> end' });
        start_python($httpd, $httpd->{port2}, $broken);
        $httpd->run or BAIL_OUT($httpd->{output});
        my @paths = map { @$_[ 2 .. $#$_ ] } @cases;
        for my $protocol ('h1', $mpm eq 'event' ? 'h2c' : ()) {
            $httpd->add_file('logs/access.log', '');
            my @lines = clients($httpd, map { "$protocol all $_" } @paths);
            for my $case (@cases) {
                my ($outcome, $status, @same) = @$case;
                for my $path (@same) {
                    my $line = shift @lines;
                    check($line, $outcome, "$mpm, $protocol: $path");
                    is $line->{status}, $status, '... and its status';
                }
            }
        }
        $httpd->get('/app/is-nothing?alone');
        my $line = $httpd->json('access', qr/"alone"/);
        is "$line->{status} $line->{outcome}", '502 completed', "$mpm: no answer makes an error page";
        $httpd->raw("GET /app/is-whole HTTP/1.1\r\nHost: x\r\n\r\nGET /app/is-nothing?later HTTP/1.1\r\nHost: x\r\n\r\n");
        $line = $httpd->json('access', qr/"later"/);
        is "$line->{status} $line->{outcome}", '502 cut', '... or nothing at all, later on a connection';

        if ($mpm eq 'event') {
            # mod_http2 makes up a request that has an answer.
            clients($httpd, 'h2c all /app/is-nothing?stream');
            my @both = map { from_json($_) } $httpd->wait_lines('access', qr/"stream/, 2);
            is_deeply [ sort map { "$_->{status} $_->{outcome}" } @both ], [ '500 completed', '502 cut' ],
                '... nor on a stream';
        }

        for my $end (qw(client backend)) {
            my $socket = $httpd->connect;
            print $socket "GET /app/is-tunnel?by-$end HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
            $socket->flush;
            my $reply = '';
            sysread $socket, $reply, 1000, length $reply or last while $reply !~ /hello/;
            print $socket 'bye' if $end eq 'backend';
            1 while $end eq 'backend' && sysread $socket, $reply, 1000;
            close $socket;
            check($httpd->json('access', qr/"by-$end"/), 'completed', "$mpm: a tunnel that the $end ends");
        }
        $httpd->stop;
    }
};

subtest 'PHP-FPM that is killed' => sub {
    my $httpd = Httpd->prepare(modules => \@modules, conf => <<"CONF",
$log
<FilesMatch php>
  SetHandler "proxy:unix:\@DIR\@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
CONF
        files => { 'www/page.php' => <<'PHP' });
<?php
echo getmypid(), "\n", str_repeat('x', 300000);
flush();
while ($_GET['wait'] ?? 0) sleep(1);
PHP
    start_fpm($httpd, output_buffering => 0);
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/page.php?whole');
    check($httpd->json('access', qr/"whole"/), 'completed', 'a page of PHP');
    my $socket = $httpd->connect;
    print $socket "GET /page.php?wait=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    my $reply = '';
    sysread $socket, $reply, 65536, length $reply or last while length $reply < 50_000;
    my ($pid) = $reply =~ /^(\d+)$/m;
    kill KILL => $pid;
    check($httpd->json('access', qr/wait=1/), 'cut', '... whose process was killed in the middle');
    $httpd->stop;
};

done_testing;
