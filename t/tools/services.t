# packages: python3-django node-express
# install: nodejs
# The recipes of docs/applications.md and docs/flags.md for services behind mod_proxy: Django and
# Express as Debian has them. The response headers name the user, and what was asked of the flags,
# and go no further.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Cwd qw(getcwd);
use Httpd;
use Test::More;

my $root    = getcwd() . '/build/unpacked';
my %recipes = Httpd::slurp('docs/applications.md') =~ /^## (\w+)\n.*?```\w+\n(.*?)^```/msg;
my $flags   = Httpd::slurp('docs/flags.md');
my $python  = join "\n", ($flags =~ /^```python\n(.*?)^```/msg)[0, 1];
my ($meta)  = $flags =~ /^Python behind `ProxyPass` .*`(request\.META\..*)`/m;
$python =~ s/request\.META\.get\(.*?\)(?=\))/$meta/;
my ($js)  = $flags =~ /^```js\n(.*?)^```/ms;
my ($use) = $flags =~ /^In Express: `(.*)`$/m;

my $django = <<"PYTHON" . "$python\n$recipes{Django}" . <<'PYTHON';
import sys
sys.path.append("$root/usr/lib/python3/dist-packages")
from wsgiref.simple_server import make_server, WSGIRequestHandler
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

PYTHON

class User:
    def __init__(self, name): self.name, self.is_authenticated = name, bool(name)
    def get_username(self): return self.name

def session(get_response):
    def middleware(request):
        request.user = User(request.COOKIES.get("session"))
        return get_response(request)
    return middleware

class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass

def search(request):
    request.flag("search_v2"), request.flag("other")
    return HttpResponse("found")

def fail(request):
    request.flag("search_v2"), request.flag("other")
    raise ValueError("failed")

settings.configure(SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DEFAULT_CHARSET="utf-8",
                   MIDDLEWARE=[__name__ + ".session", __name__ + ".reqnotes", __name__ + ".flags"])
urlpatterns = [path("app/search", search, name="photos.search"), path("app/fail", fail, name="photos.fail")]
make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), handler_class=Quiet).serve_forever()
PYTHON

my $express = <<'JS' . "$recipes{Express}\n$js\n$use" . <<'JS';
const express = require('express');
const app = express();
app.use((req, res, next) => {
  if (/session=ann/.test(req.headers.cookie || '')) req.user = { id: 'ann' };
  next();
});
JS

const routes = express.Router();
const ask = (req) => { req.flag('search_v2'); req.flag('other'); };
routes.get('/search', (req, res) => { ask(req); res.send('found'); });
routes.get('/fail', (req) => { ask(req); throw new Error('failed'); });
app.use('/app', routes);
app.set('env', 'test');
app.listen(Number(process.argv[2]), '127.0.0.1');
JS

sub check {
    my ($service, $start, %methods) = @_;
    subtest $service => sub {
        my $httpd = Httpd->prepare(modules => [qw(proxy proxy_http)], files => { 'conf/photos.flags' => "search_v2 on\n" }, conf => <<'CONF');
ReqNotes On
ReqNotesFlags @DIR@/conf/photos.flags header=X-Flags
LogLevel reqnotes:notice
ErrorLogFormat "[%L] %M [%N]"
CustomLog @DIR@/logs/access.log "%^RJ"
<Location "/app">
  ProxyPass "http://127.0.0.1:@PORT2@/app"
  ReqNotesResponseHeaders X-Note-
</Location>
CONF
        $start->($httpd);
        $httpd->run or BAIL_OUT($httpd->{output});
        $httpd->wait_lines('error', qr/RN0041/);
        is $httpd->get('/app/search')->{content}, 'found', 'somebody';
        ok !exists $httpd->json('access', qr{search})->{user_id}, '... who has no name';
        for my $page (sort keys %methods) {
            my $response = $httpd->get("/app/$page?a=b", { Cookie => 'session=ann' });
            is $response->{status}, $page eq 'fail' ? 500 : 200, "a user calls $page";
            my $line = $httpd->json('access', qr/$page.*a=b/);
            is_deeply [ @$line{qw(user_id api_method)} ], [ 'ann', $methods{$page} ], '... and the line names him, and what he called';
            is_deeply $line->{flags}, [qw(search_v2 -other)], '... and which flags were asked';
            is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], '... which he is not told';
        }
        $httpd->stop;
    };
}

check('Django', sub { start_python($_[0], $_[0]{port2}, $django) }, search => 'photos.search', fail => 'photos.fail');
check('Express', sub {
        my ($httpd) = @_;
        my ($node) = grep { -x } '/usr/bin/node', map { "$_/node" } split /:/, $ENV{PATH};
        local $ENV{NODE_PATH} = "$root/usr/share/nodejs:/usr/share/nodejs";
        Backend::spawn(sub { $httpd->connect($httpd->{port2}) }, "$httpd->{dir}/logs/node.out", $node,
            $httpd->add_file('app.js', $express), $httpd->{port2});
    }, search => 'GET /search', fail => 'GET /fail');

done_testing;
