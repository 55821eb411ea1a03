# Virtual hosts inherit and override; conditions, pipes, nicknames and rotation stay httpd's own.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    return apache2.OK
end
LUA

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua'], files => { 'facts.lua' => $facts },
        conf => <<'CONF');
LuaMapHandler ^/facts @DIR@/facts.lua handle
LogFormat "%^RJ" reqnotes_json
ReqNotes On
ReqNotesField order
ReqNotesField order_total type=integer
CustomLog @DIR@/logs/main.log reqnotes_json
<VirtualHost *:@PORT@>
  ServerName inherits
  CustomLog @DIR@/logs/inherits.log reqnotes_json
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName overrides
  ReqNotesField order note:order_number note:order type=integer
  ReqNotesField !user_id
  ReqNotesField basket
  CustomLog @DIR@/logs/overrides.log reqnotes_json
  CustomLog @DIR@/logs/some.log reqnotes_json env=WANTED
  CustomLog @DIR@/logs/expr.log reqnotes_json "expr=%{REQUEST_URI} =~ /wanted/"
  CustomLog "|$cat >>@DIR@/logs/pipe.log" reqnotes_json
  SetEnvIf Request_URI wanted WANTED
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName off
  ReqNotes Off
  CustomLog @DIR@/logs/off.log "%^RJ %L"
</VirtualHost>
CONF
    my $query = 'user_id=u1&order=7&order_total=12&basket=b&api_key=k';
    my $get = sub { $httpd->get("/facts$_[2]?$query&$_[1]", { Host => $_[0] }) };

    $get->('inherits', 'n=1', '');
    my $line = $httpd->line('inherits', qr/n=1/);
    my $json = from_json($line);
    is $json->{vhost}, 'inherits', 'the canonical name of the virtual host';
    is_deeply [ @$json{qw(user_id api_key order order_total)} ], [ 'u1', 'k', '7', 12 ],
        'a virtual host has the fields of the main server';
    ok !exists $json->{basket}, '... and not those of another one';

    $get->('overrides', 'order_number=99', '');
    $line = $httpd->line('overrides', qr/order_number/);
    $json = from_json($line);
    is_deeply [ @$json{qw(order order_total basket api_key)} ], [ 99, 12, 'b', 'k' ],
        'an inner declaration overrides, and adds';
    ok !exists $json->{user_id}, 'a removed field is gone';
    like $line, qr/"api_key":"k","order":99,"order_total":12,"basket":"b","vhost"/,
        'an overridden field keeps its place, a new one comes last';

    $get->('overrides', 'n=2', '/wanted');
    ok $httpd->line('some', qr/n=2/), 'CustomLog env= works';
    ok $httpd->line('expr', qr/n=2/), 'CustomLog expr= works';
    is scalar(grep { /order_number/ } $httpd->lines('some'), $httpd->lines('expr')), 0,
        '... and leaves out what it should';
    ok from_json($httpd->line('pipe', qr/n=2/)), 'a piped log gets whole lines';

    $get->('off', 'n=3', '');
    is $httpd->line('off', qr/./), '- -', 'ReqNotes Off in a virtual host';
    is_deeply [ $httpd->lines('main') ], [], 'a log of the main server is not used by virtual hosts';
    $httpd->stop;
});

subtest 'per directory' => sub {
    my $httpd = Httpd->start(
        files => {
            'www/a/index.txt'      => 'a',
            'www/a/b/index.txt'    => 'b',
            'www/a/none/index.txt' => 'c',
            'www/a/none/.htaccess' => "ReqNotesTraceResponse None\n",
            'www/a/bad/.htaccess'  => "ReqNotesTraceResponse\n",
            'www/a/bad/index.txt'  => 'd',
        },
        conf => <<'CONF');
ReqNotes On
ReqNotesTraceResponse X-Outer
<Directory @DIR@/www/a>
  AllowOverride FileInfo
</Directory>
<Directory @DIR@/www/a/b>
  ReqNotesTraceResponse X-Inner Server-Timing
</Directory>
CONF
    my $headers = $httpd->get('/a/index.txt')->{headers};
    like $headers->{'x-outer'}, qr/^[0-9a-f]{32}$/, 'a server-wide response header';
    $headers = $httpd->get('/a/b/index.txt')->{headers};
    ok !$headers->{'x-outer'}, 'an inner section overrides it';
    like $headers->{'x-inner'}, qr/^[0-9a-f]{32}$/, '... with its own';
    is $headers->{'server-timing'} =~ /^trace;desc=00-([0-9a-f]{32})-[0-9a-f]{16}-0[0-3]$/ && $1,
        $headers->{'x-inner'}, 'Server-Timing carries the whole context';
    $headers = $httpd->get('/a/none/index.txt')->{headers};
    ok !$headers->{'x-outer'}, 'None in .htaccess takes it away';
    is $httpd->get('/a/bad/index.txt')->{status}, 500, 'a mistake in .htaccess is an error';
    ok $httpd->line('error', qr/ReqNotesTraceResponse: give response headers/), '... that is named';
    like $httpd->get('/missing')->{headers}{'x-outer'}, qr/^[0-9a-f]{32}$/, 'a 404 has the header too';
    $httpd->stop;
};

done_testing;
