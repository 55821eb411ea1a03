# The JSON error log: every message is a line of JSON, with facts that became known after it.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;
use Time::HiRes ();

my $say = <<'LUA';
function handle(r)
    local args = r:parseargs()
    for n = 1, tonumber(args.times or 0) do r:warn("message " .. n .. (args.pad and string.rep("p", 200) or "")) end
    if args.first then r:err(args.first) end
    if args.sleep then
        r:puts("begun\n")
        r:flush()
        local go = args.sleep
        while not io.open(go) do r.usleep(10000) end
        if args.second then r:err(args.second) end
    end
    for name, value in pairs(args) do r.notes[name] = value end
    if args.crit then r:crit(args.crit) end
    if args.code then return tonumber(args.code) end
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LuaMapHandler ^/say @DIR@/say.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotes On
ReqNotesField order type=integer
ReqNotesErrorLog logs/json.log
ReqNotesErrorSummary Off
ErrorLogFormat "%M"
CONF

sub clean { return grep { /[\x00-\x1f]/ || length > 4095 || !eval { from_json($_) } } @_ }

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => [qw(lua proxy proxy_http)], files => { 'say.lua' => $say,
        'www/x' => 'x' }, conf => $conf . <<'CONF');
LogLevel info lua:debug
ErrorDocument 503 /say?user_id=page
ProxyPass /dead http://127.0.0.1:1/
<Location /quiet>
  LogLevel crit
</Location>
<VirtualHost *:@PORT@>
  ServerName default
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName other
  ReqNotesErrorLog logs/other.log
  CustomLog @DIR@/logs/access.log "%^RJ"
</VirtualHost>
CONF
    my $up = $httpd->json('json', qr/resuming normal operations/);
    like $up->{code}, qr/^AH00(?:489|163)$/, 'a start-up message';
    is_deeply [ @$up{qw(level pid)} ], [ 'notice', $httpd->{pid} ], '... with its level and process';
    ok !exists $up->{trace_id}, '... and no trace';

    $httpd->get('/say?first=AH12345:%20broken&user_id=5555&order=7');
    my $line = $httpd->line('json', qr/broken/);
    my $json = from_json($line);
    is_deeply [ @$json{qw(level user_id order module code message vhost client method path)} ],
        [ 'error', '5555', 7, 'lua', 'AH12345', 'broken', 'default', '127.0.0.1', 'GET', '/say' ],
        'a message has the facts that came after it';
    like $json->{trace_id}, qr/^[0-9a-f]{32}$/, '... and the trace';
    like $json->{span_id}, qr/^[0-9a-f]{16}$/, '... and the span';
    like $json->{tid}, qr/^\d+$/, '... and the thread';
    like $json->{time}, qr/^20\d\d-\S+Z$/, '... and the time';
    ok !exists $json->{source}, '... and no source at this level';

    $httpd->get('/dead', { Host => 'default' });
    $json = $httpd->json('json', qr/AH01114/);
    is $json->{module}, 'proxy_http', 'a dead backend';
    $json = $httpd->json('json', qr/AH00957/);
    like $json->{error}, qr/refused/, '... with the text of the system error';

    my $odd = join '', map { sprintf '%%%02x', ord } split //, qq{a"b\\c\\n\\x41\\\\ \x01\n\t\x1b[2J\xc3\xab\xff end};
    $httpd->get("/say?first=$odd&user_id=odd");
    $json = $httpd->json('json', qr/"level":"error".*"odd"/);
    is $json->{message}, qq{a"b\\c\\n\\x41\\\\ \x01\n\t\x1b[2J\x{eb}\x{fffd} end},
        'quotes, backslashes, control characters, text that looks like an escape: as it was';
    $httpd->get('/say?first=' . 'L' x 7000 . '&user_id=long');
    $json = $httpd->json('json', qr/"level":"error".*"long"/);
    is_deeply [ @$json{qw(user_id truncated)} ], [ 'long', JSON::PP::true() ], 'a long message is cut, not its facts';
    like $json->{message}, qr/^L{3000,}$/, '... and its beginning is there';

    $httpd->get('/say?times=2000&user_id=many');
    my @many = map { from_json($_) } $httpd->wait_lines('json', qr/"message \d/, 2000);
    is scalar(@many), 2000, 'two thousand messages of a request: each has its line';
    my %seen = map { $_->{message} => 1 } @many;
    is keys %seen, 2000, '... once';
    cmp_ok scalar(grep { ($_->{user_id} || '') eq 'many' } @many), '>', 100, '... the first of them with the fact';

    $httpd->get('/say?first=before&crit=now&user_id=c');
    $json = $httpd->json('json', qr/"now"/);
    is $json->{level}, 'crit', 'a critical message';
    $httpd->get('/say?first=leg&code=503');
    is $httpd->json('json', qr/"leg"/)->{user_id}, 'page', 'a fact of the ErrorDocument';

    $httpd->get('/say?first=elsewhere', { Host => 'other' });
    is $httpd->json('other', qr/elsewhere/)->{vhost}, 'other', 'a virtual host with a log of its own';
    is scalar(my @none = grep { /elsewhere/ } $httpd->lines('json')), 0, '... and only there';

    $httpd->get('/quiet?crit=x');
    $httpd->raw("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n");
    my $bad = $httpd->json('json', qr/AH(?:03454|02430|10244|00126)|Invalid|refused|control/i);
    $httpd->get('/x');
    my @ordinary = grep { !/^\s*$/ } $httpd->lines('error');
    my @both = ($httpd->lines('json'), $httpd->lines('other'));
    is scalar(@both), scalar(@ordinary), 'as many lines as the ordinary error log has';
    is_deeply [ clean(@both) ], [], '... all of them valid, bounded JSON';
    is scalar(my @debug = grep { $_->{source} } map { from_json($_) } @both),
        scalar(my @d = grep { $_->{level} =~ /debug|trace/ } map { from_json($_) } @both), 'debug messages have their source';
    $httpd->stop;
});

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua'], files => { 'say.lua' => $say }, conf => $conf);
    # A request that waits across a graceful restart and a rotation.
    my $go = "$httpd->{dir}/run/go";
    my $socket = $httpd->connect;
    print $socket "GET /say?first=waiting&sleep=$go&second=after&user_id=w HTTP/1.0\r\n\r\n";
    my $begun = '';
    sysread $socket, $begun, 4096, length $begun until $begun =~ /begun/;
    is scalar(my @early = grep { /waiting/ } $httpd->lines('json')), 0, 'a message waits for its request';
    ok +(grep { /waiting/ } $httpd->lines('error')), '... the ordinary log does not';
    rename "$httpd->{dir}/logs/json.log", "$httpd->{dir}/logs/old.log";
    ok $httpd->graceful, 'a rotation by rename and graceful restart';
    ok $httpd->line('json', qr/resuming/), '... opens a new log';
    $httpd->add_file('run/go', '');
    1 while sysread $socket, $begun, 4096, length $begun;
    is $httpd->json('old', qr/waiting/)->{user_id}, 'w', 'what waited is in the old log, with its fact';
    is $httpd->json('old', qr/"after"/)->{user_id}, 'w', '... and what came later too';
    unlink $go;

    # A child that is killed loses what waits, and only that.
    $socket = $httpd->connect;
    print $socket "GET /say?first=lost&sleep=$go HTTP/1.0\r\n\r\n";
    sysread $socket, $begun, 4096, length $begun until $begun =~ /begun\n.*begun/s;
    kill KILL => $httpd->children;
    ok $httpd->line('error', qr/^lost$/), 'the ordinary log has the message of a killed child';
    $httpd->add_file('run/go', '');
    ok wait_until(sub { $httpd->get('/say?first=alive')->{status} == 200 }), '... and the next one serves';
    ok $httpd->json('json', qr/alive/), '... and writes';
    $httpd->end;
});

subtest 'piped' => sub {
    my $httpd = Httpd->start(modules => ['lua'],
        files => { 'say.lua' => $say, 'sink' => "#!/bin/sh\necho \$\$ >\$1.pid\nexec cat >>\$1\n" },
        conf => $conf =~ s{ReqNotesErrorLog \S+}{ReqNotesErrorLog "|\@DIR\@/sink \@DIR\@/logs/json.log"}r);
    $httpd->get('/say?first=one&user_id=1');
    is $httpd->json('json', qr/"one"/)->{user_id}, '1', 'a program gets the lines';
    my $pid = Httpd::slurp("$httpd->{dir}/logs/json.log.pid") + 0;
    kill KILL => $pid;
    ok wait_until(sub { my $new = Httpd::slurp("$httpd->{dir}/logs/json.log.pid"); $new && $new != $pid }),
        'a program that is gone is started again';
    $httpd->get('/say?first=two&user_id=2');
    is $httpd->json('json', qr/"two"/)->{user_id}, '2', '... and gets the next lines';

    # A program that stops reading: the pipe fills, and requests go on.
    $pid = Httpd::slurp("$httpd->{dir}/logs/json.log.pid") + 0;
    kill STOP => $pid;
    for (1 .. 60) { last if $httpd->get('/say?times=60&pad=1')->{status} != 200 }
    is $httpd->get('/say?first=full')->{status}, 200, 'a full pipe holds up no request';
    kill CONT => $pid;
    is scalar(my @waited = $httpd->wait_lines('json', qr/"message \d+p/, 3600)), 3600, 'when it reads again, every line is there';
    is_deeply [ clean($httpd->lines('json')) ], [], '... and none was torn';
    $httpd->stop;
};

subtest 'rotatelogs, and mod_php' => sub {
    my $httpd = Httpd->start(php => 1,
        files => {
            'www/before.php' => "<?php\necho \$nothing;\napache_note('user_id', 'before');\n",
            'www/after.php'  => "<?php\napache_note('user_id', 'after');\nno_such_function();\n",
            'www/page.php'   => "<?php\nvirtual('/part.php');\napache_note('user_id', 'page');\n",
            'www/part.php'   => "<?php\nerror_log('within');\n",
            'www/long.php'   => "<?php\nerror_log(str_repeat('K', 16384));\napache_note('user_id', 'long');\n",
        },
        conf => $conf =~ s/^LuaMap.*\n//mr
            =~ s{ReqNotesErrorLog \S+}{ReqNotesErrorLog "|/usr/bin/rotatelogs -L \@DIR\@/logs/json.log \@DIR\@/logs/rotated.%Y 86400"}r . <<'CONF');
php_admin_value error_reporting -1
php_admin_flag log_errors on
php_admin_flag display_errors off
CONF
    $httpd->get("/$_.php") for qw(before after page long);
    my %user = ('Undefined variable' => 'before', 'undefined function' => 'after', 'within' => 'page', 'KKKKKK' => 'long');
    for my $text (sort keys %user) {
        is(($httpd->json('json', qr/$text/) || {})->{user_id}, $user{$text}, "$text: its user");
    }
    cmp_ok length $httpd->json('json', qr/KKKK/)->{message}, '>', 3000, 'of a message of 16 KB the beginning';
    is_deeply [ clean($httpd->lines('json')) ], [], 'every line is valid';
    $httpd->stop;
};

subtest 'a disk that is full' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say },
        conf => $conf =~ s{ReqNotesErrorLog \S+}{ReqNotesErrorLog /dev/full}r);
    is $httpd->get("/say?first=$_")->{status}, 200, 'a full disk holds up no request' for 1 .. 3;
    $httpd->stop;
};

subtest 'late and long' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say },
        conf => $conf . "CustomLog /dev/full \"%^RJ\"\n");
    $httpd->get('/say?user_id=late');
    is $httpd->json('json', qr/AH00646/)->{user_id}, 'late',
        'a message from when the request is logged has its facts';

    my $go = "$httpd->{dir}/run/go";
    my $socket = $httpd->connect;
    print $socket "GET /say?first=old&sleep=$go&second=new&user_id=long HTTP/1.0\r\n\r\n";
    my $begun = '';
    sysread $socket, $begun, 4096, length $begun until $begun =~ /begun/;
    # There is no condition to wait for but the time itself.
    my $end = Time::HiRes::time() + 10.5;
    Time::HiRes::sleep(0.1) while Time::HiRes::time() < $end;
    is scalar(my @none = grep { /"old"/ } $httpd->lines('json')), 0, 'a message waits';
    $httpd->add_file('run/go', '');
    1 while sysread $socket, $begun, 4096, length $begun;
    ok !exists $httpd->json('json', qr/"message":"old"/)->{user_id},
        'after ten seconds it waits for the next message, and not for the end';
    is_deeply [ map { from_json($_)->{message} } $httpd->wait_lines('json', qr/"(?:old|new)"/, 2) ],
        [ 'old', 'new' ], '... in order';
    $httpd->stop;
};

# Lines of the ordinary log with a trace ID in %L, as [id, message], that the JSON logs lack. The
# ErrorLogFormat is "[%L] %M".
sub lost {
    my ($httpd, @logs) = @_;
    my %json;
    for my $json (map { from_json($_) } map { $httpd->lines($_) } @logs) {
        ++$json{ join ' ', $json->{trace_id} // '-', ($json->{code} ? "$json->{code}:" : ()), $json->{message} };
    }
    my @lines = map { /^\[([0-9a-f]{32})\] ([^\\]{1,1000})$/ ? [ $1, $2 ] : () } $httpd->lines('error');
    return (scalar @lines, grep { !/RN0006/ && !$json{$_}-- } map { "@$_" } @lines);
}

my $every = $conf =~ s/^ErrorLogFormat.*/ErrorLogFormat "[%L] %M"/mr;

subtest 'a request_rec that is a copy: a daemon of mod_wsgi' => sub {
    my $httpd = Httpd->start(modules => ['wsgi'], files => { 'app.wsgi' => <<'PYTHON' }, conf => ($every =~ s/^LuaMap.*\n//mr) . <<'CONF');
import sys
def application(environ, start_response):
    print("to the request", file=environ["wsgi.errors"])
    print("to no request", file=sys.stderr)
    if environ["QUERY_STRING"] == "raise": raise RuntimeError("raised")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
PYTHON
ReqNotesField trace env:TRACE_ID
WSGIDaemonProcess one processes=1 threads=2 python-path=@DIR@
WSGIScriptAlias /wsgi @DIR@/app.wsgi process-group=one application-group=%{GLOBAL}
WSGISocketPrefix @DIR@/run/wsgi
<Directory @DIR@>
  Require all granted
</Directory>
CONF
    $httpd->get('/wsgi');
    my $id = $httpd->json('access', qr{"/wsgi"})->{trace_id};
    ok $httpd->line('error', qr/^\[$id\] to the request/), 'mod_wsgi tells its daemon the trace ID';
    my $json = $httpd->json('json', qr/to the request/);
    is $json->{trace_id}, $id, '... and the JSON line has it';
    is $json->{trace}, $id, '... with the facts that the copy has';
    $httpd->get('/wsgi?raise');
    $id = $httpd->json('access', qr/"query":"raise"/)->{trace_id};
    ok $httpd->line('json', qr/"trace_id":"$id".*RuntimeError: raised/), 'an exception too';
    my ($count, @lost) = lost($httpd, 'json');
    cmp_ok $count, '>', 3, 'lines with an ID';
    is_deeply \@lost, [], '... each is in the JSON log, with it';
    $httpd->stop;
};

my $service = <<'PYTHON';
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    peer = server.accept()[0]
    request = b""
    while b"\r\n\r\n" not in request:
        part = peer.recv(4096)
        if not part: break
        request += part
    if request: peer.sendall(b"HTTP/1.1 200 OK\r\nX-Note-User-Id: behind\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno number\r\n")
    peer.close()
PYTHON

each_mpm(sub {
    my $dead = Httpd::free_port();
    my $httpd = Httpd->prepare(mpm => shift,
        modules => [qw(lua include proxy proxy_http proxy_balancer lbmethod_byrequests slotmem_shm reqtimeout)],
        files => { 'say.lua' => $say, 'www/x' => 'x', 'www/in/x' => '',
            'www/page.shtml' => qq{<!--#include virtual="/balanced/1" --><!--#include virtual="/balanced/2" -->\n} },
        conf => $every . <<'CONF');
LogLevel trace6
RequestReadTimeout header=1
ReqNotesResponseHeaders X-Note-
<Proxy balancer://both>
  BalancerMember http://127.0.0.1:DEAD
  BalancerMember http://127.0.0.1:@PORT2@
</Proxy>
ProxyPass /balanced balancer://both/balanced
AddType text/html .shtml
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
<Location /missing/proxied>
  ErrorDocument 404 /balanced
</Location>
<Location /missing/page>
  ErrorDocument 404 /page.shtml
</Location>
<Location /in>
  RewriteEngine On
  RewriteRule proxied /balanced [PT]
  RewriteRule page /page.shtml [PT]
</Location>
<VirtualHost *:@PORT@>
  ServerName default
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName other
  ReqNotesErrorLog logs/other.log
  CustomLog @DIR@/logs/access.log "%^RJ"
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName off
  ErrorLog @DIR@/logs/off.log
  ReqNotes Off
</VirtualHost>
CONF
    $httpd->set_conf($httpd->{conf} =~ s/DEAD/$dead/r);
    start_python($httpd, $httpd->{port2}, $service);
    $httpd->run or BAIL_OUT($httpd->{output});

    $httpd->get('/balanced', { Host => 'default' });
    my $access = $httpd->json('access', qr{"/balanced"});
    is $access->{user_id}, 'behind', 'a balancer with a dead member';
    my $json = $httpd->json('json', qr/"AH01590"/);
    is_deeply [ @$json{qw(trace_id span_id user_id path)} ], [ @$access{qw(trace_id span_id user_id path)} ],
        'what mod_proxy says of the request that it made up for the answer';
    ok $httpd->line('error', qr/^\[$access->{trace_id}\] AH01590/), '... has the trace ID in %L too';
    is $httpd->json('json', qr/"AH01114"/)->{trace_id}, $access->{trace_id}, 'what it says of the dead member';

    # What stands for a leg is of the same request wherever that leg is.
    for (['/missing/proxied', 1], ['/in/proxied', 1], ['/page.shtml', 2], ['/missing/page', 2], ['/in/page', 2]) {
        my ($path, $count) = @$_;
        $httpd->get("$path?chain", { Host => 'default' });
        my $id = $httpd->json('access', qr{"path":"$path","query":"chain"})->{trace_id};
        is scalar(grep { /"AH01590"/ } $httpd->wait_lines('json', qr/"trace_id":"$id".*"AH01590"/, $count)), $count,
            "$path: so is what mod_proxy says of each answer";
    }

    # A host that is known when the request line has been logged already.
    $httpd->get('/x?other', { Host => 'other' });
    $access = $httpd->json('access', qr/"query":"other"/);
    $json = $httpd->json('json', qr/GET \/x\?other/);
    is $json->{trace_id}, $access->{trace_id}, 'a message from before the host was known is in the log that it was held for';
    is_deeply [ grep { /GET \/x\?other/ } $httpd->lines('other') ], [], '... and not in the log of the host';
    $httpd->get('/x?off', { Host => 'off' });
    ok $httpd->line('json', qr/GET \/x\?off/), '... also where ReqNotes is Off for the host';

    # A message of a connection.
    my $socket = $httpd->connect;
    print $socket "GET /slow HTTP/1.1\r\nHost: default\r\nX-A: b";
    my $reply = '';
    1 while sysread $socket, $reply, 4096, length $reply;
    $access = $httpd->json('access', qr/"status":408/);
    $json = $httpd->json('json', qr/"AH01382"/);
    ok $access && $json, 'a request that is too slow';
    is $json->{trace_id}, $access->{trace_id}, '... has the trace on the message of its connection';
    $socket = $httpd->connect;
    print $socket "GET /x?1 HTTP/1.1\r\nHost: default\r\n\r\nGET /x?2 HTTP/1.1\r\nHost: default\r\nConnection: close\r\n\r\n";
    1 while sysread $socket, $reply, 4096, length $reply;
    my %of = map { my $of = $httpd->json('access', qr/"query":"$_"/); ($of->{trace_id} => $_) } 1, 2;
    is scalar(keys %of), 2, 'two requests at once on a connection';
    my @sent = grep { $_->{message} =~ /^writev_nonblocking/ } map { from_json($_) } $httpd->wait_lines('json', qr/"writev/);
    is_deeply [ map { $of{ $_->{trace_id} // '' } // () } @sent ], [ 1, 2 ], '... the connection speaks of each in turn';

    my @logs = qw(json other);
    my ($count, @lost) = lost($httpd, @logs);
    cmp_ok $count, '>', 50, 'lines with an ID';
    is_deeply \@lost, [], '... each is in a JSON log, with it';
    is_deeply [ clean(map { $httpd->lines($_) } @logs) ], [], '... and valid';
    $httpd->stop;
});

subtest 'the connections of HTTP/2 streams' => sub {
    my $httpd = Httpd->start(modules => [qw(http2 lua)], files => { 'say.lua' => $say }, conf => $every . <<'CONF');
LogLevel trace2
Protocols h2c http/1.1
CONF
    my @urls = map { "'http://127.0.0.1:$httpd->{port}/say?first=broken$_&user_id=u$_'" } 1 .. 6;
    system "nghttp @urls >/dev/null 2>&1";
    my @json = map { from_json($_) } $httpd->wait_lines('json', qr/"broken\d"/, 6);
    is_deeply [ map { $_->{user_id} =~ s/^u/broken/r } @json ], [ map { $_->{message} } @json ], 'each message has the user of its stream';
    my %stream = map { ($_->{trace_id} => $_->{user_id}) } @json;
    is keys %stream, 6, '... and a trace of its own';
    # mod_http2 says this of the connection, with the request line in it.
    my @own = map { from_json($_) } $httpd->wait_lines('json', qr/created request_rec for GET/, 6);
    is_deeply [ map { $stream{ $_->{trace_id} // '' } // 'none' } @own ], [ map { $_->{message} =~ /user_id=(u\d)/ } @own ],
        'a message of the connection of a stream has its trace';
    is_deeply [ map { $_->{user_id} } @own ], [ map { $_->{message} =~ /user_id=(u\d)/ } @own ], '... and its facts';
    my ($count, @lost) = lost($httpd, 'json');
    cmp_ok $count, '>=', 6, 'lines with an ID';
    # The request that asked for the upgrade lives as long as the connection.
    system "nghttp -u 'http://127.0.0.1:$httpd->{port}/say?first=upgraded&user_id=up' >/dev/null 2>&1";
    ok $httpd->json('json', qr/"upgraded"/), 'an upgrade to HTTP/2';
    my @session = map { from_json($_) } $httpd->wait_lines('json', qr/h2_session\(\d+-\d+,(?:BUSY|WAIT|IDLE)/, 4);
    cmp_ok scalar(@session), '>=', 4, '... what mod_http2 says of the connection';
    is_deeply [ grep { $_->{trace_id} } @session ], [], '... is of none of its streams';
    is_deeply \@lost, [], '... each is in the JSON log, with it';
    $httpd->stop;
} if has_module('http2');

subtest 'PHP-FPM' => sub {
    my $httpd = Httpd->prepare(modules => [qw(proxy proxy_fcgi)],
        files => { 'www/fatal.php' => "<?php\nheader('X-Note-User-Id: 5555');\nno_such_function();\n" },
        conf => $conf =~ s/^LuaMap.*\n//mr =~ s/Summary Off/Summary On/r . <<'CONF');
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
CONF
    start_fpm($httpd);
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/fatal.php');
    my $json = $httpd->json('json', qr/"code":"AH01071"/);
    is_deeply [ @$json{qw(level code user_id path)} ], [ 'error', 'AH01071', '5555', '/fatal.php' ],
        'a fatal error from before the headers has its user';
    like $json->{message}, qr/PHP Fatal error:.*\nStack trace:\n/s, '... and its text as PHP wrote it';
    ok $httpd->line('error', qr/RN0006/), 'the closing line is in the ordinary error log';
    is_deeply [ grep { /RN0006/ } $httpd->lines('json') ], [], '... and only there';
    is scalar(my @fatal = grep { /fatal\.php/ } $httpd->lines('json')), 1, '... so that a fatal error counts once';
    $httpd->stop;
};

done_testing;
