# HTTP/2: each stream is a request with a span and facts of its own.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    r:puts(r.subprocess_env["TRACE_ID"], " ", r.headers_in["traceparent"], "\n")
    return apache2.OK
end
LUA

my $id = '4bf92f3577b34da6a3ce929d0e0e4736';

# mod_http2 does not work with prefork.
subtest 'with the event MPM' => sub {
    for my $accept ('private', '192.0.2.0/24') {
        my $httpd = Httpd->prepare(modules => [qw(http2 ssl socache_shmcb lua)],
            files => { 'facts.lua' => $facts });
        system "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
            . "-keyout $httpd->{dir}/conf/key.pem -out $httpd->{dir}/conf/cert.pem >/dev/null 2>&1";
        $httpd->set_conf(<<"CONF");
LogLevel http2:error
Protocols h2 h2c http/1.1
ReqNotes On
ReqNotesTraceAccept $accept
ReqNotesTraceResponse X-Request-Id
LuaMapHandler ^/facts \@DIR\@/facts.lua handle
CustomLog \@DIR\@/logs/access.log "%^RJ"
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  CustomLog \@DIR\@/logs/access.log "%^RJ"
  SSLEngine On
  SSLCertificateFile \@DIR\@/conf/cert.pem
  SSLCertificateKeyFile \@DIR\@/conf/key.pem
</VirtualHost>
CONF
        $httpd->run or BAIL_OUT($httpd->{output});
        my $trusted = $accept eq 'private';
        for my $case ([ "http://127.0.0.1:$httpd->{port}", 'h2c' ],
            [ "https://127.0.0.1:$httpd->{port2}", 'h2' ]) {
            my ($base, $name) = @$case;
            # One connection, many streams at once.
            my @urls = map { "'$base/facts?user_id=$name$_'" } 1 .. 24;
            my $out = qx{nghttp --no-verify-peer -H 'traceparent: 00-$id-00f067aa0ba902b7-01' @urls 2>&1};
            my @answers = $out =~ /^([0-9a-f]{32} 00-[0-9a-f-]+)$/mg;
            is scalar(@answers), 24, "$name: 24 streams were answered" or diag $out;
            my %lines = map { $_->{user_id} => $_ } map { from_json($_) }
                $httpd->wait_lines('access', qr/"user_id":"$name\d+"/, 24);
            is keys %lines, 24, '... each with a line of its own';
            is_deeply [ grep { $lines{$_}{query} ne "user_id=$_" } keys %lines ], [], '... and with its own facts';
            my %spans = map { $_->{span_id} => 1 } values %lines;
            is keys %spans, 24, '... each a span of its own';
            my %traces = map { $_->{trace_id} => 1 } values %lines;
            is_deeply [ sort keys %traces ], [$id], '... in the trace of the client' if $trusted;
            is keys %traces, 24, '... in traces of their own, as the peer is not trusted' unless $trusted;
            my %seen = map { $_ => 1 } @answers;
            is_deeply [ grep { !$seen{"$_->{trace_id} 00-$_->{trace_id}-$_->{span_id}-" . ($trusted ? '01' : '03')} } values %lines ],
                [], '... which its handler saw';
            is $lines{"${name}1"}{protocol}, 'HTTP/2.0', '... over HTTP/2';
            like qx{nghttp --no-verify-peer -nv '$base/nowhere' 2>&1}, qr/ x-request-id: [0-9a-f]{32}$/m,
                '... and the trace ID in the response';
        }
        $httpd->stop;
    }
};

# mod_http2 hands no target on that is longer than LimitRequestFieldSize.
subtest 'a target that is too long' => sub {
    my $httpd = Httpd->start(modules => ['http2'], conf => <<'CONF');
ReqNotes On
Protocols h2c http/1.1
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CONF
    qx{nghttp -n http://127.0.0.1:$httpd->{port}/@{[ 'x' x 9000 ]} 2>&1};
    my $json = $httpd->json('access', qr/"status":414/);
    is_deeply [ @$json{qw(method path protocol)} ], [ 'GET', undef, 'HTTP/2.0' ], 'has no path, and not the word of a null pointer';
    unlike $httpd->line('logfmt', qr/status=414/), qr/null/, '... in logfmt neither';
    $httpd->stop;
};

subtest 'trailers and early responses of a backend' => sub {
    my $httpd = Httpd->prepare(modules => [qw(http2 proxy proxy_http)], conf => <<'CONF');
Protocols h2c http/1.1
LogLevel http2:error
H2EarlyHints On
ReqNotes On
ReqNotesResponseHeaders X-Note-
ProxyPass /app http://127.0.0.1:@PORT2@/
CustomLog @DIR@/logs/access.log "%^RJ"
<VirtualHost *>
</VirtualHost>
<VirtualHost *>
  ServerName off
  ReqNotes Off
</VirtualHost>
CONF
    start_python($httpd, $httpd->{port2}, <<'PYTHON');
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.wfile.write(b"HTTP/1.1 103 Early\r\nX-Note-Api-Method: early\r\nX-Early: yes\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Note-User-Id, X-Kept\r\n"
            b"X-Note-Api-Key: head\r\n\r\n5\r\nbody\n\r\n0\r\nX-Note-User-Id: trailer\r\nX-Kept: yes\r\n\r\n")
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON
    $httpd->run or BAIL_OUT($httpd->{output});
    my $seen = qx{nghttp -v 'http://127.0.0.1:$httpd->{port}/app' 2>&1};
    like $seen, qr/x-early: yes/, 'HTTP/2 passes early hints on';
    like $seen, qr/x-kept: yes/, '... and trailers';
    unlike $seen, qr/x-note-[a-z-]*: /, '... but for those with the prefix';
    my $line = $httpd->json('access', qr/app/);
    is $line->{api_key}, 'head', 'a header names a fact';
    is $line->{api_method}, 'early', '... an early one too';
    my $off = qx{nghttp -v -H':authority: off' 'http://127.0.0.1:$httpd->{port}/app' 2>&1};
    like $off, qr/x-kept: yes/, 'where ReqNotes is Off';
    unlike $off, qr/x-note-[a-z-]*: /, '... the headers are removed all the same';
    ok !exists $line->{user_id}, '... and a trailer does not';
    $httpd->stop;
};

done_testing;
