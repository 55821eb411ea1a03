# Response headers of a backend become facts, and go no further.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

# A service that answers with whatever status and headers the query asks for.
my $service = <<'PYTHON';
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit, parse_qsl

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        url = urlsplit(self.path)
        query = parse_qsl(url.query, keep_blank_values=True, encoding="latin-1")
        status, count, body, interim = 200, 0, b"body\n", None
        headers = []
        for name, value in query:
            if name == "status": status = int(value)
            elif name == "interim": interim = int(value)
            elif name == "long": headers.append(("X-Note-User-Id", "v" * int(value)))
            elif name == "many": count = int(value)
            elif name[0].isupper(): headers.append((name, value))
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        out = b""
        if interim:
            out += b"HTTP/1.1 %d Interim\r\nX-Note-User-Id: early\r\nX-Kept: yes\r\n" % interim
            if interim == 101: out += b"Connection: Upgrade\r\nUpgrade: echo\r\nx-note-Order: 17\r\n"
            out += b"\r\n"
            if interim == 101: out += b"X-Note-Tunnel: is no header here\r\n"
        if interim != 101:
            bodiless = status in (204, 304)
            out += b"HTTP/1.1 %d Status\r\n" % status
            if not bodiless: out += b"Content-Length: %d\r\n" % len(body)
            for name, value in headers:
                out += name.encode("latin-1") + b": " + value.encode("latin-1") + b"\r\n"
            for n in range(count): out += b"X-Note-Order: %d\r\nX-Note-N%d: x\r\n" % (n, n)
            out += b"\r\n"
            if not bodiless and self.command != "HEAD": out += body
        self.wfile.write(out)
        self.wfile.flush()
        if interim == 101: self.close_connection = True

    do_GET = do_POST = do_HEAD = answer
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON

# A script whose headers stand in err_headers_out.
my $script = <<'SHELL';
#!/bin/sh
case "$PATH_INFO" in
  /untrusted) printf 'Location: /cgi/script/200x\nX-Note-Api-Key: forged\nX-Note-User-Id: forged\n\n' ;;
  /denied) printf 'Location: /cgi/denied\nX-Note-Api-Key: forged\n\n' ;;
  /redirect) printf 'Location: /page.html\nX-Note-User-Id: 5555\n\n' ;;
  /200x) printf 'Content-Type: text/plain\nX-Note-User-Id: 5555\n\nbody\n' ;;
  *) printf 'Status: %s\nContent-Type: text/plain\nX-Note-User-Id: 5555\nX-Other: kept\n\nbody\n' "${PATH_INFO#/}" ;;
esac
SHELL

sub leaks { return grep { /^x-note-/ } keys %{ $_[0]{headers} } }

each_mpm(sub {
    my $mpm = shift;
    my $httpd = Httpd->start(mpm => $mpm, modules => [qw(proxy proxy_http proxy_wstunnel cache cache_disk), $mpm eq 'event' ? 'cgid' : 'cgi'],
        files => { 'cgi/script' => $script, 'www/page.html' => "page\n", 'www/error.html' => "error\n" },
        conf  => <<'CONF');
ReqNotes On
ReqNotesField order
ReqNotesField dotted.name
ReqNotesField early note:user_id
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%L] [%N] %M"
ScriptAlias /cgi/ @DIR@/cgi/
<Directory @DIR@/cgi>
  Require all granted
</Directory>
ScriptAlias /plain/ @DIR@/cgi/
<Location /cgi/denied>
  Require all denied
</Location>
ProxyPass /app http://127.0.0.1:@PORT2@/app upgrade=ANY
ProxyPass /trusting http://127.0.0.1:@PORT2@/app
ProxyPass /override http://127.0.0.1:@PORT2@/app
ProxyPass /canned http://127.0.0.1:@PORT2@/app
ProxyPass /cached http://127.0.0.1:@PORT2@/app
<LocationMatch ^/(app|override|canned|cached|cgi)>
  ReqNotesResponseHeaders x-note-
</LocationMatch>
<Location /override>
  ProxyErrorOverride On
  ErrorDocument 503 /error.html
</Location>
<Location /canned>
  ProxyErrorOverride On
</Location>
<Location /app/none>
  ReqNotesResponseHeaders None
</Location>
ErrorDocument 404 /error.html
CacheRoot @DIR@/run
CacheEnable disk /cached
CacheQuickHandler off
<VirtualHost *>
</VirtualHost>
<VirtualHost *>
  ServerName off
  ReqNotes Off
  CustomLog @DIR@/logs/off.log "%^RJ %{user_id}n"
</VirtualHost>
CONF
    start_python($httpd, $httpd->{port2}, $service);
    my $n = 0;
    # Asks for something, and gives the response and its line.
    my $ask = sub {
        my ($path, $method, $headers) = @_;
        my $id = "n$mpm" . ++$n;
        my $response = $httpd->request($method || 'GET', $path . ($path =~ /\?/ ? '&' : '?') . $id, $headers);
        return ($response, $httpd->json('access', qr/[?&"]$id"/));
    };

    for my $status (200, 201, 204, 304, 400, 404, 418, 500, 503) {
        my ($response, $line) = $ask->("/app?status=$status&X-Note-User-Id=5555&X-Kept=1");
        is $response->{status}, $status, "a proxied $status";
        is $line->{user_id}, '5555', '... its fact is on the line';
        is_deeply [ leaks($response) ], [], '... and not with the client';
        ok $response->{headers}{'x-kept'}, '... which has the other headers' if $status != 304;
        ($response, $line) = $ask->("/cgi/script/$status") if $status != 204 && $status != 304;
        is $line->{user_id}, '5555', "a CGI $status: its fact is on the line";
        is_deeply [ leaks($response) ], [], '... and not with the client';
    }
    my ($response, $line) = $ask->('/app?X-Note-User-Id=5555', 'HEAD');
    is $line->{user_id}, '5555', 'HEAD: the fact';
    is_deeply [ leaks($response) ], [], '... is not with the client';

    ($response, $line) = $ask->('/override?status=503&X-Note-User-Id=5555');
    is $response->{content}, "error\n", 'an ErrorDocument by ProxyErrorOverride';
    is $line->{user_id}, '5555', '... keeps the fact of the response that it replaced';
    is_deeply [ leaks($response) ], [], '... without the header';
    ($response, $line) = $ask->('/canned?status=500&X-Note-User-Id=5555');
    like $response->{content}, qr/The server encountered an internal error/, 'a page of httpd by ProxyErrorOverride';
    is $line->{user_id}, '5555', '... keeps the fact';
    is_deeply [ leaks($response) ], [], '... without the header';
    ($response, $line) = $ask->('/cgi/script/redirect');
    is $response->{content}, "page\n", 'an internal redirect by Location';
    is $line->{user_id}, '5555', '... keeps the fact of the script';
    is_deeply [ leaks($response) ], [], '... and its header does not come with the page';

    for my $path (qw(untrusted denied)) {
        ($response, $line) = $ask->("/plain/script/$path");
        is $line->{user_id}, $path eq 'untrusted' ? '5555' : undef, "a redirect to a trusted place: $path";
        ok !exists $line->{api_key}, "a script that is not trusted forges nothing by a redirect: $path";
    }

    # Interim responses go past all filters of the request.
    my $raw = $httpd->raw("GET /app?interim=103&X-Note-Order=9&raw=103 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    like $raw, qr/^HTTP\/1.1 103 .*?\r\nX-Kept: yes\r\n\r\nHTTP\/1.1 200 /s, '103 is passed on, with its other headers';
    unlike $raw, qr/x-note/i, '... and without facts';
    $line = $httpd->json('access', qr/raw=103/);
    is_deeply [ @$line{qw(early order)} ], [ 'early', '9' ], '... which are on the line';
    $raw = $httpd->raw("GET /app?interim=101&raw=101 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    like $raw, qr/^HTTP\/1.1 101 .*X-Kept: yes.*\r\n\r\nX-Note-Tunnel: is no header here/s,
        '101 is passed on, and the tunnel behind it untouched';
    unlike $raw, qr/x-note-(?!tunnel)/i, '... without facts';
    is $httpd->json('access', qr/raw=101/)->{order}, '17', '... which are on the line';

    $raw = $httpd->raw(join '', map { "GET /app?interim=103&X-Note-Order=$_&piped=$_ HTTP/1.1\r\nHost: x\r\n"
        . ($_ < 8 ? '' : "Connection: close\r\n") . "\r\n" } 1 .. 8);
    is scalar(my @heads = $raw =~ /^HTTP\/1.1 103 /mg), 8, 'eight pipelined requests, each with a 103';
    unlike $raw, qr/x-note/i, '... and none with a fact';

    ($response, $line) = $ask->('/app?status=200', 'GET', { 'X-Note-User-Id' => 'evil' });
    ok !exists $line->{user_id}, 'a client cannot name facts';
    ($response, $line) = $ask->('/trusting?X-Note-User-Id=5555');
    ok !exists $line->{user_id}, 'nor can a backend that is not trusted to';
    is $response->{headers}{'x-note-user-id'}, '5555', '... whose headers are let alone';
    ($response, $line) = $ask->('/app/none?X-Note-User-Id=5555');
    ok !exists $line->{user_id}, 'None turns it off again';

    ($response, $line) = $ask->('/app?X-NOTE-USER-ID=a&X-note-user-id=b&X-Note-Order=&X-Note-Dotted.Name=d');
    is $line->{user_id}, 'b', 'of repeated headers the last one counts, whatever their case';
    ok !exists $line->{order}, 'an empty one says nothing';
    is $line->{'dotted.name'}, 'd', 'a dot in a name';
    ($response, $line) = $ask->('/app?long=7000');
    is $line->{user_id}, 'v' x 253 . "\x{2026}", 'a long value is cut on the line';
    ($response, $line) = $ask->('/app?X-Note-User-Id=%E9%22%5C');
    is $line->{user_id}, "\x{fffd}\"\\", 'odd bytes are repaired';
    for my $odd ('X-Note-', 'X-Note-User%24', 'X-Note-' . 'n' x 65) {
        ($response, $line) = $ask->("/app?$odd=1&X-Note-User-Id=5555");
        is_deeply [ leaks($response) ], [], "$odd does not reach the client";
        is $line->{user_id}, '5555', '... and harms nobody';
    }
    ($response, $line) = $ask->('/app?many=5000&X-Last=1');
    is $response->{status}, 200, 'ten thousand prefixed headers';
    is_deeply [ leaks($response) ], [], '... reach no client';
    is $line->{order}, '4999', '... and the last one counts';

    ($response, $line) = $ask->('/cached?X-Note-User-Id=5555&Cache-Control=max-age=60&Etag=%22a%22&fixed');
    is $line->{user_id}, '5555', 'a response that is cached has its fact';
    for my $query ((map { "status=$_" } 200, 304, 418, 503), 'fixed=off&Cache-Control=max-age=60&Etag=%22a%22') {
        for my $path (qw(app override canned cached)) {
            $response = $httpd->get("/$path?$query&X-Note-User-Id=5555&x-note-api-key=9f8e", { Host => 'off' });
            ok $response->{status}, "ReqNotes Off: /$path?$query";
            is_deeply [ leaks($response) ], [], '... the client gets none of the headers';
        }
    }
    for my $what ('app?interim=103', 'cgi/script/redirect', 'cgi/script/500', 'app?many=3') {
        my $raw = $httpd->raw("GET /$what HTTP/1.1\r\nHost: off\r\nConnection: close\r\n\r\n");
        like $raw, qr{^HTTP/1.1 \d}, "ReqNotes Off: /$what";
        unlike $raw, qr/x-note/i, '... neither here';
    }
    $response = $httpd->get('/trusting?X-Note-User-Id=5555', { Host => 'off' });
    is $response->{headers}{'x-note-user-id'}, '5555', '... elsewhere they are let alone';
    is_deeply [ grep { $_ ne '- -' } $httpd->wait_lines('off', qr/./, 25) ], [], '... and nothing is taken';
    my $stored = join '', map { Httpd::slurp($_) } glob "$httpd->{dir}/run/*/*/*.header";
    if (ok $stored =~ /max-age=60/, '... and is in the store') {
        unlike $stored, qr/^x-note-/mi, '... without it';
    }
    $httpd->stop;
});

subtest 'a final response of 103, by PHP-FPM' => sub {
    my $httpd = Httpd->prepare(modules => [qw(proxy proxy_fcgi)],
        files => { 'www/interim.php' => "<?php\nhttp_response_code(103);\nheader('X-Note-User-Id: 5555');\necho 'x';\n" },
        conf => <<'CONF');
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesResponseHeaders X-Note-
MaxMemFree 1
FlushMaxPipelined 0
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
CONF
    start_fpm($httpd);
    $httpd->run or BAIL_OUT($httpd->{output});
    my $reply = $httpd->raw("GET /interim.php HTTP/1.1\r\nHost: x\r\n\r\n" x 12
        . "GET /interim.php HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    unlike $reply, qr/x-note/i, 'a status that no final response can have leaks nothing';
    is scalar(my @lines = $httpd->wait_lines('access', qr/"5555"/)) > 0, 1, '... and crashes nothing';
    $httpd->stop('WINCH');
};

done_testing;
