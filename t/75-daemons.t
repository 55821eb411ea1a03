# What handlers in processes of their own log: what is on their messages, and how their facts come
# back. The table in docs/backends.md says what is checked here.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Digest::SHA qw(sha1_base64);
use Httpd;
use IO::Handle;
use MIME::Base64 qw(encode_base64);
use POSIX qw(mkfifo);
use Test::More;

my $conf = <<'CONF';
ReqNotes On
ReqNotesRequestId X-Request-Id
RECIPE
ReqNotesField header request:User-Agent
ReqNotesField cookie cookie:sid
ReqNotesField variable env:VARIABLE
ReqNotesField set_there env:SET_THERE
ReqNotesMaskQuery color
ReqNotesResponseHeaders X-Note-
SetEnvIf Host . VARIABLE=known
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog "|$echo 'of a program' >&2; exec cat" "%h"
ReqNotesErrorLog logs/json.log
ErrorLogFormat "# [%L] [%N] [%v] %M"
LogLevel trace8
<Directory @DIR@>
  Require all granted
</Directory>
CONF

my ($recipe) = Httpd::slurp('docs/backends.md') =~ /^## Messages of each handler.*?^```apache\n(.*?)^```$/ms;
$conf =~ s/RECIPE\n/$recipe/;

my %headers = (Cookie => 'sid=abc', 'X-Request-Id' => 'id-7');

# How many lines of each trace a log has, without closing lines.
sub traces {
    my %count;
    /\b([0-9a-f]{32})\b/ && !/RN0006/ and ++$count{$1} for @_;
    return \%count;
}

sub ids { return map { $_ => $_[0]{$_} } qw(trace_id span_id) }

# A message in both logs, where exactly `has` is known of a request.
sub check {
    my ($httpd, $text, $why, %has) = @_;
    my $json = $httpd->json($has{log} // 'json', qr/"message":"[^"]*\Q$text\E/);
    ok $json, "$why: is in the JSON log" or return;
    delete @$json{qw(time level module pid tid source message code error)};
    my %expected = map { $_ => $has{$_} } grep { defined $has{$_} && !/^(?:log|N)$/ } keys %has;
    is_deeply $json, \%expected, '... as it should be' or diag explain $json;
    my $line = $httpd->line($has{log} ? 'other' : 'error', qr/^#(?!.* RN0006).* \Q$text\E/);
    my $facts = join '', map { defined $_ ? " [$_]" : '' } $has{trace_id}, $has{N}, $has{vhost};
    like $line, qr/^#\Q$facts\E [^\[]*\Q$text\E/, '... and its ordinary one';
}

my $application = <<'PYTHON';
import logging, os, sys, time
print("while it is loaded", file=sys.stderr)
logging.basicConfig()
def application(environ, start_response):
    query = environ["QUERY_STRING"].partition("&")[0]
    print("errors " + query, file=environ["wsgi.errors"])
    print("printed " + query)
    logging.warning("logged " + query)
    print("masked " + query + " color=SECRET", file=sys.stderr)
    os.write(2, b"written " + query.encode() + b"\n")
    environ["SET_THERE"] = "there"
    if query == "raise": raise RuntimeError("raised")
    if query == "exit": os._exit(3)
    if query == "sleep": time.sleep(30)
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Note-User-Id", "wsgi")])
    return [environ["TRACE_ID"].encode()]
PYTHON

each_mpm(sub {
    my $mpm = shift;
    my $httpd = Httpd->start(mpm => $mpm, modules => [qw(wsgi auth_basic authn_core authn_file authz_user)],
        files => { 'app.wsgi' => $application, 'conf/users' => 'zoe:{SHA}' . sha1_base64('x') . "=\n" }, conf => $conf . <<'CONF');
WSGISocketPrefix @DIR@/run/wsgi
WSGIDaemonProcess one threads=2
WSGIDaemonProcess slow threads=1 request-timeout=1 shutdown-timeout=1
<VirtualHost *:@PORT@>
  ServerName first
  WSGIScriptAlias /wsgi @DIR@/app.wsgi process-group=one application-group=%{GLOBAL}
  WSGIScriptAlias /slow @DIR@/app.wsgi process-group=slow application-group=%{GLOBAL}
  WSGIScriptAlias /embedded @DIR@/app.wsgi application-group=%{GLOBAL}
  WSGIScriptAlias /login @DIR@/app.wsgi process-group=one application-group=%{GLOBAL}
  <Location /login>
    AuthType Basic
    AuthName login
    AuthUserFile @DIR@/conf/users
    Require valid-user
  </Location>
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName second
  CustomLog @DIR@/logs/access.log "%^RJ"
  ErrorLog @DIR@/logs/other.log
  ReqNotesErrorLog logs/other-json.log
  ReqNotesClient network
  ReqNotesValues -method
  WSGIScriptAlias /wsgi @DIR@/app.wsgi process-group=one application-group=%{GLOBAL}
</VirtualHost>
CONF
    my $ask = sub {
        my ($path, $status, %more) = @_;
        my $response = $httpd->get($path, { %headers, %more });
        is $response->{status}, $status, $path;
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], '... no header leaks';
        my ($query) = $path =~ /\?(.*)/;
        return $httpd->json('access', qr/"query":"\Q$query\E"/);
    };
    my %copy = (client => '127.0.0.1', method => 'GET', path => '/wsgi', agent => 'test', variable => 'known');

    my $access = $ask->('/wsgi?plain', 200);
    is_deeply [ @$access{qw(user_id agent header cookie variable request_id)} ], [qw(wsgi test test abc known id-7)],
        'a daemon of mod_wsgi: the access line has all facts, and that of the header';
    ok !exists $access->{set_there}, '... but not what the daemon has put into its environ';
    %copy = (%copy, vhost => 'first', ids($access), N => 'agent=test variable=known');
    check($httpd, 'errors plain', 'wsgi.errors', %copy);
    check($httpd, 'printed plain', 'print', %copy);
    check($httpd, 'WARNING:root:logged plain', 'logging', %copy);
    is $httpd->line('error', qr/written plain/), 'written plain', 'what goes to descriptor 2: as it is';
    check($httpd, 'while it is loaded', 'a daemon that loads its script', vhost => 'localhost');
    check($httpd, "Starting process 'one'", 'a daemon that starts', vhost => 'localhost');

    $access = $ask->('/wsgi?raise', 500);
    check($httpd, 'RuntimeError: raised', 'an exception', %copy, ids($access));
    is scalar(my @closing = grep { /RN0006/ } $httpd->lines('error')), 0, 'no closing line: the child knows of no message';

    $access = $ask->('/wsgi/;token=SECRET?path', 200);
    check($httpd, 'errors path', 'a secret in the path', %copy, ids($access), path => '***');
    ok $httpd->line('json', qr/"masked path color=\*\*\*"/), '... and one in a message';
    unlike join('', $httpd->lines('json')), qr/SECRET/, '... of which nothing is there';

    $access = $ask->('/wsgi?other', 200, Host => 'second');
    check($httpd, 'errors other', 'another virtual host', %copy, vhost => 'second', ids($access), log => 'other-json',
        client => '127.0.0.0', method => undef);

    $access = $ask->('/login?login', 200, Authorization => 'Basic ' . encode_base64('zoe:x', ''));
    check($httpd, 'errors login', 'who was authenticated', %copy, path => '/login', login => 'zoe',
        ids($access), N => 'agent=test login=zoe variable=known');

    $access = $ask->('/wsgi?exit', 500);
    my %whole = (%copy, header => 'test', cookie => 'abc', request_id => 'id-7',
        N => 'request_id=id-7 agent=test header=test cookie=abc variable=known');
    check($httpd, 'Truncated or oversized response headers', 'a daemon that dies: what the child says of it', %whole,
        ids($access));
    $access = $ask->('/slow?sleep', 500);
    check($httpd, 'request time limit exceeded', 'a time limit', vhost => 'localhost');

    $access = $ask->('/embedded?child', 200);
    is $access->{user_id}, 'wsgi', 'mod_wsgi in the child';
    check($httpd, 'errors child', '... wsgi.errors', %whole, user_id => 'wsgi', ids($access), path => '/embedded');
    like $httpd->line('error', qr/RN0006: trace_id=$access->{trace_id}/), qr/user_id=wsgi.* messages=4 /, '... and the closing line';

    is $httpd->line('error', qr/of a program/), 'of a program', 'the standard error of a log program: as it is';
    my ($ordinary, $json) = map { traces(map { $httpd->lines($_) } @$_) } [qw(error other)], [qw(json other-json)];
    cmp_ok scalar(keys %$ordinary), '>=', 7, 'traces in the ordinary log';
    is_deeply [ grep { ($json->{$_} // 0) < $ordinary->{$_} } keys %$ordinary ], [], '... each line is in the JSON log too, at any level';
    my @all = map { $httpd->lines($_) } qw(json other-json);
    is scalar(my @raw = grep { /"(?:written|of a program)/ } @all), 0, 'what has no format is in no JSON log';
    $httpd->stop;
});

subtest 'a daemon whose reader does not read' => sub {
    my $httpd = Httpd->prepare(modules => ['wsgi'], files => { 'app.wsgi' => <<'PYTHON' }, conf => <<'CONF');
def application(environ, start_response):
    for n in range(int(environ["QUERY_STRING"])):
        print("line", n, "x" * 900, file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
PYTHON
ReqNotes On
LogLevel core:info
ReqNotesErrorLog run/fifo
WSGISocketPrefix @DIR@/run/wsgi
WSGIDaemonProcess one threads=1
WSGIScriptAlias /wsgi @DIR@/app.wsgi process-group=one application-group=%{GLOBAL}
<Directory @DIR@>
  Require all granted
</Directory>
CONF
    mkfifo("$httpd->{dir}/run/fifo", 0666) or die "mkfifo: $!";
    open my $fifo, '+<', "$httpd->{dir}/run/fifo" or die "fifo: $!";
    $fifo->blocking(0);
    $httpd->run or BAIL_OUT($httpd->{output});
    my $text = '';
    my $read = sub { 1 while sysread $fifo, $text, 65536, length $text; return $text };
    is $httpd->get('/wsgi?200')->{status}, 200, 'is not held up';
    $read->();
    is $httpd->get('/wsgi?1')->{status}, 200, '... and goes on';
    $httpd->get('/none');
    ok Httpd::wait_until(sub { $read->() =~ /RN0008/ }), '... the next message of a child tells of the loss';
    my ($lost) = $text =~ /RN0008.*"messages":(\d+)/;
    my $there = () = $text =~ /"line /g;
    cmp_ok $there, '>', 30, '... what the reader took is there';
    is $there + $lost, 201, '... and all others are counted';
    $httpd->stop;
};

each_mpm(sub {
    my $mpm = shift;
    my $is_cgid = $mpm eq 'event';
    my $httpd = Httpd->prepare(mpm => $mpm, modules => [ $is_cgid ? 'cgid' : 'cgi' ], files => {
        'cgi/say' => <<'SHELL',
#!/bin/sh
echo "early" >&2
echo "[$TRACE_ID] named" >&2
printf 'Content-Type: text/plain\nX-Note-User-Id: cgi\n\nx'
echo "late" >&2
SHELL
        'cgi/silent' => "#!/bin/sh\n",
        'cgi/broken' => "#!/no/such/program\n",
    }, conf => "ScriptAlias /cgi/ \@DIR\@/cgi/\n$conf" . <<'CONF');
<VirtualHost *:@PORT@>
  ServerName first
</VirtualHost>
CONF
    $httpd->run or BAIL_OUT($httpd->{output});
    my %facts = (vhost => 'first', client => '127.0.0.1', method => 'GET', agent => 'test', header => 'test', cookie => 'abc',
        variable => 'known', request_id => 'id-7',
        N => 'request_id=id-7 agent=test header=test cookie=abc variable=known');
    my $ask = sub {
        my ($path, $status) = @_;
        is $httpd->get($path, \%headers)->{status}, $status, $path;
        my $access = $httpd->json('access', qr{"path":"$path"});
        %facts = (%facts, ids($access), path => $path);
        return $access;
    };
    my $access = $ask->('/cgi/say', 200);
    is $access->{user_id}, 'cgi', 'the access line has the fact of the script';
    if ($is_cgid) {
        ok $httpd->line('error', qr/^$_$/), "mod_cgid: '$_' as it is" for 'early', 'late', "\\[$access->{trace_id}\\] named";
        is scalar(my @none = grep { /"early|"late|named"/ } $httpd->lines('json')), 0, '... and not in the JSON error log';
    } else {
        my $says = "AH01215: stderr from $httpd->{dir}/cgi/say: ";
        check($httpd, "stderr from $httpd->{dir}/cgi/say: early", 'mod_cgi: its standard error', %facts, user_id => 'cgi');
        is $httpd->json('json', qr/say: late/)->{user_id}, 'cgi', '... and behind its output';
        ok $httpd->line('error', qr/RN0006: trace_id=$access->{trace_id}.* messages=3 /), '... and the closing line';
    }
    $ask->('/cgi/silent', 500);
    check($httpd, 'End of script output before headers: silent', 'a script that says nothing', %facts);
    $ask->('/cgi/broken', 500);
    check($httpd, "exec of '$httpd->{dir}/cgi/broken' failed", 'a script that cannot be executed', $is_cgid ? () : %facts);
    $httpd->stop;
});

subtest 'PHP and Lua: what is said of a request, and descriptor 2' => sub {
    my %files = ('www/x.php' => <<'PHP', 'x.lua' => <<'LUA');
<?php
header('X-Note-User-Id: known');
file_put_contents('php://stderr', "written\n");
error_log('said');
PHP
function handle(r)
    r.notes["user_id"] = "known"
    io.stderr:write("written\n")
    r:err("said")
    return apache2.OK
end
LUA
    for my $case ([ 'mod_php', '/x.php', php => 1 ], [ 'PHP-FPM', '/x.php', modules => [qw(proxy proxy_fcgi)] ],
        [ 'mod_lua', '/lua', modules => ['lua'] ]) {
        my ($name, $path, @more) = @$case;
        my $httpd = Httpd->prepare(files => \%files, @more, conf => <<'CONF');
ReqNotes On
ReqNotesResponseHeaders X-Note-
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesErrorLog logs/json.log
ErrorLogFormat "# [%L] [%N] %M"
<IfModule proxy_fcgi_module>
  <FilesMatch "\.php$">
    SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
  </FilesMatch>
</IfModule>
<IfModule lua_module>
  LuaMapHandler ^/lua @DIR@/x.lua handle
</IfModule>
CONF
        start_fpm($httpd) if $name eq 'PHP-FPM';
        $httpd->run or BAIL_OUT($httpd->{output});
        $httpd->get($path);
        my $access = $httpd->json('access', qr/"$path"/);
        is $access->{user_id}, 'known', "$name: its fact is on the access line";
        my $json = $httpd->json('json', qr/said/);
        is_deeply [ @$json{qw(trace_id user_id)} ], [ @$access{qw(trace_id user_id)} ], '... and on what it says of a request';
        ok $httpd->line('error', qr/^# \[$access->{trace_id}\] (?!.*RN0006).*said/), '... in both logs';
        my @written = grep { /written/ } $httpd->lines('error');
        is_deeply \@written, $name eq 'PHP-FPM' ? [] : ['written'], '... descriptor 2 is httpd\'s for what runs in a child: as it is';
        is scalar(my @none = grep { /written/ } $httpd->lines('json')), 0, '... and not in the JSON error log';
        $httpd->stop;
    }
};

done_testing;
