# A fact from each kind of handler, and the trace to it.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

# Every handler names a user after the path, and answers with the trace that it sees.
my %files = (
    'cgi/script' => <<'SHELL',
#!/bin/sh
printf 'Content-Type: text/plain\nX-Note-User-Id: cgi\n\n%s' "$TRACE_ID $HTTP_TRACEPARENT"
SHELL
    'app.wsgi' => <<'PYTHON',
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Note-User-Id", "wsgi")])
    return [(environ["TRACE_ID"] + " " + environ["HTTP_TRACEPARENT"]).encode()]
PYTHON
    'app.lua' => <<'LUA',
function handle(r)
    r.notes["user_id"] = "lua"
    r:puts(r.subprocess_env["TRACE_ID"], " ", r.headers_in["traceparent"])
    return apache2.OK
end
LUA
    'App.pm' => <<'PERL',
package App;
use Apache2::RequestRec ();
use Apache2::RequestIO ();
use Apache2::Log ();
use APR::Table ();
sub handler {
    my $r = shift;
    $r->notes->set(user_id => 'perl');
    if (($r->args || '') eq 'rewrite') {
        $r->log->crit('as it came');
        $r->the_request('GET /perl/;token=SECRET;' . 'long/' x 50_000 . ' HTTP/1.1');
        $r->log->crit('as it is now');
    }
    $r->print($r->subprocess_env('TRACE_ID'), ' ', $r->headers_in->get('traceparent'));
    return 0;
}
1;
PERL
    'www/php/page.php' => <<'PHP',
<?php
header('X-Note-User-Id: fpm');
echo $_SERVER['TRACE_ID'], ' ', $_SERVER['HTTP_TRACEPARENT'];
PHP
    'www/static.txt' => "static\n",
);

my $service = <<'PYTHON';
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Note-User-Id", "python")
        self.end_headers()
        parent = self.headers["traceparent"]
        self.wfile.write((parent.split("-")[1] + " " + parent).encode())
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON

each_mpm(sub {
    my $mpm = shift;
    my $dead = Httpd::free_port();
    my $httpd = Httpd->prepare(mpm => $mpm, files => \%files,
        modules => [qw(proxy proxy_http proxy_fcgi proxy_balancer lbmethod_byrequests slotmem_shm
            wsgi perl lua), $mpm eq 'event' ? 'cgid' : 'cgi'],
        conf => <<'CONF');
ReqNotes On
ReqNotesTraceAccept private
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesErrorLog logs/json.log
ErrorLogFormat "[%L] [%N] %M"
ScriptAlias /cgi/ @DIR@/cgi/
WSGIScriptAlias /wsgi @DIR@/app.wsgi
LuaMapHandler ^/lua @DIR@/app.lua handle
<Perl>
  use lib '@DIR@';
</Perl>
PerlModule App
<Location /perl>
  SetHandler modperl
  PerlResponseHandler App
  PerlOptions +GlobalRequest
</Location>
<Directory @DIR@>
  Require all granted
</Directory>
<Directory @DIR@/www/php>
  <FilesMatch "\.php$">
    SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
  </FilesMatch>
</Directory>
ProxyPass /python http://127.0.0.1:@PORT2@/python
<Proxy balancer://both>
  BalancerMember http://127.0.0.1:DEAD
  BalancerMember http://127.0.0.1:@PORT2@
</Proxy>
ProxyPass /balanced balancer://both/balanced
ReqNotesResponseHeaders X-Note-
<Location /static.txt>
  Header set X-User header
  Header note X-User user_id
</Location>
CONF
    $httpd->set_conf($httpd->{conf} =~ s/DEAD/$dead/r);
    start_fpm($httpd);
    start_python($httpd, $httpd->{port2}, $service);
    $httpd->run or BAIL_OUT($httpd->{output});

    my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
    for my $case (
        [ '/cgi/script',    'cgi',    'CGI' ],
        [ '/wsgi',          'wsgi',   'mod_wsgi' ],
        [ '/lua',           'lua',    'mod_lua, by r.notes' ],
        [ '/perl',          'perl',   'mod_perl, by $r->notes' ],
        [ '/php/page.php',  'fpm',    'PHP-FPM' ],
        [ '/python',        'python', 'a proxied service in Python' ],
        [ '/balanced',      'python', 'a balancer with one dead member' ],
        [ '/balanced?2',    'python', '... again' ],
        [ '/static.txt',    'header', 'mod_headers, by Header note' ],
    ) {
        my ($path, $user, $why) = @$case;
        my $response = $httpd->get($path, { traceparent => "00-$id-00f067aa0ba902b7-01" });
        is $response->{status}, 200, $why;
        my ($name) = $path =~ m{([^/?]+)(?:\?.*)?$};
        my @lines = map { from_json($_) } $httpd->wait_lines('access', qr{"path":"$path"} ) if $path !~ /\?/;
        my $line = @lines ? $lines[-1] : $httpd->json('access', qr/"query":"2"/);
        is $line->{user_id}, $user, '... its fact is on the line';
        is $line->{trace_id}, $id, '... with the trace of the client';
        is $response->{content}, "$id 00-$id-$line->{span_id}-01", '... which the handler has'
            unless $user eq 'header';
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], '... and no header leaks';
    }
    ok +(grep { /^\[$id\] AH00957|^\[$id\].*AH01114/ } $httpd->lines('error')),
        'the error line of the dead member has the trace ID';

    # A module may put another request line where the client's was.
    is $httpd->get('/perl/;token=SECRET?rewrite')->{status}, 200, 'a request line that becomes longer';
    is $httpd->json('json', qr/as it came/)->{path}, '/perl/;token=***', '... has its path in the JSON error log';
    like $httpd->json('json', qr/as it is now/)->{path}, qr{^/perl/;token=\*\*\*;(?:long/)+}, '... and the new one';
    $httpd->stop;
});

done_testing;
