# The closing line: the error log names the user even when the user is known only later.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

my %php = (
    'www/fatal.php'   => "<?php\nheader('X-Note-User-Id: 5555');\nno_such_function();\n",
    'www/warning.php' => "<?php\necho \$before;\nheader('X-Note-User-Id: 5555');\necho 'page';\n",
    'www/late.php'    => "<?php\nerror_log('too early');\napache_note('user_id', '5555');\nerror_log('in time');\n",
    'www/intime.php'  => "<?php\napache_note('user_id', '5555');\nerror_log('in time');\n",
    'www/nobody.php'  => "<?php\nerror_log('nobody');\n",
    'www/off/late.php' => "<?php\ntrigger_error('too early', E_USER_WARNING);\napache_note('user_id', '5555');\n",
    'www/error.php'   => "<?php\napache_note('api_method', 'error.page');\n",
);

my $conf = <<'CONF';
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%-m:%l] [%L] [%N] %M"
<Location /off>
  ReqNotesErrorSummary Off
</Location>
CONF

subtest 'PHP-FPM' => sub {
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, modules => [qw(proxy proxy_fcgi)], files => \%php,
            conf => $conf . <<'CONF');
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
CONF
        start_fpm($httpd);
        $httpd->run or BAIL_OUT($httpd->{output});
        for my $case ([ 'fatal', 'Call to undefined function', 500 ], [ 'warning', 'Undefined variable', 200 ]) {
            my ($page, $text, $status) = @$case;
            $httpd->get("/$page.php?q=1");
            my $json = $httpd->json('access', qr/$page/);
            my $closing = $httpd->line('error', qr/RN0006.*$page/);
            like $httpd->line('error', qr/\] AH01071.*$text/), qr/^\[proxy_fcgi:error\] \[$json->{trace_id}\] AH01071/,
                "$page: PHP-FPM speaks before its user is known";
            like $closing, qr/^\[reqnotes:error\] \[$json->{trace_id}\] \[user_id=5555\] RN0006: trace_id=$json->{trace_id} status=$status method=GET path=\/$page\.php messages=1 first="AH01071: .*$text/,
                '... and the closing line names the user, at the level of that message';
            is scalar(my @all = grep { /RN0006.*$page/ } $httpd->lines('error')), 1, '... once';
        }
        $httpd->stop;
    }
};

subtest 'mod_php' => sub {
    my $httpd = Httpd->start(php => 1, modules => ['dir'], files => \%php, conf => $conf . <<'CONF');
ErrorDocument 404 /error.php
php_admin_value error_reporting -1
php_admin_flag log_errors on
php_admin_flag display_errors off
LogLevel info
CONF
    $httpd->get("/$_.php") for qw(intime nobody off/late);
    $httpd->get('/warning.php');
    my $json = $httpd->json('access', qr{"/warning});
    ok $httpd->line('error', qr/Undefined variable/), 'a warning';
    # The header is no note under mod_php without ReqNotesResponseHeaders.
    is_deeply [ grep { /RN0006/ } $httpd->lines('error') ], [],
        'no closing line: nothing was missing, nobody was named, it is off, or it was but a notice';

    $httpd->get('/missing');
    $json = $httpd->json('access', qr/missing/);
    is $json->{api_method}, 'error.page', 'an ErrorDocument that names a fact';
    $httpd->stop;
};

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua', 'include'], conf => <<'CONF',
ReqNotes On
ReqNotesField session cookie:sid
ReqNotesRequestId X-Request-Id
LuaMapHandler ^/late @DIR@/late.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "%-l|%M"
ErrorDocument 503 /late?user_id=page
LogLevel info
AddType text/html .shtml
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
CONF
        files => { 'www/sub.shtml' => qq{<!--#include virtual="/late?warn=within&user_id=sub" -->\n},
            'late.lua' => <<'LUA' });
function handle(r)
    local args = r:parseargs()
    if args.info then r:info(args.info) end
    if args.warn then r:warn(args.warn) end
    if args.err then r:err(args.err) end
    for n = 1, tonumber(args.times or 0) do r:warn("message " .. n) end
    for name, value in pairs(args) do r.notes[name] = value end
    if args.crit then r:crit(args.crit) end
    if args.code then return tonumber(args.code) end
    return apache2.OK
end
LUA
    my $closing = sub {
        my ($path, $headers) = @_;
        $httpd->get($path, $headers);
        $httpd->get('/late?err=fence&user_id=fence');  # whatever was to come has come by then
        my @lines = grep { /RN0006/ && !/first=fence/ } $httpd->lines('error');
        return @lines;
    };
    my @lines = $closing->('/late?warn=w&user_id=1&n=1');
    is scalar(@lines), 1, 'a warning before the fact';
    like $lines[0], qr/^warn\|RN0006: trace_id=\S+ user_id=1 status=200 method=GET path=\/late messages=1 first=w$/, '... at its level';
    @lines = $closing->('/late?warn=w&err=e&crit=c&user_id=2', { 'X-Request-Id' => 'r1', Cookie => 'sid=s1' });
    like $lines[-1], qr/^crit\|RN0006: trace_id=\S+ request_id=r1 user_id=2 session=s1 .* messages=3 first=w$/,
        'several messages: the worst level, the count, the first text, every field';
    my $count = @lines;
    is scalar($closing->('/late?info=i&user_id=3')), $count, 'an info alone closes with nothing';
    is scalar($closing->('/late?crit=c&user_id=4')), $count, 'nor does a message that had its facts';
    is scalar($closing->('/late?warn=w')), $count, 'nor a request without any';
    @lines = $closing->('/late?times=2000&user_id=5');
    like $lines[-1], qr/user_id=5 .* messages=2000 first="message 1"$/, 'two thousand messages, one line';
    @lines = $closing->('/late?warn=%22%5C%0a%1b%5B2J%C3%A9%FF&user_id=6');
    unlike $lines[-1], qr/[\x00-\x1f\x7f-\xff]/, 'odd bytes of a message are escaped';
    @lines = $closing->('/late?err=' . 'x' x 5000 . '&user_id=7');
    like $lines[-1], qr/user_id=7 .* first=x{200,256}$/, 'of a long message the beginning is repeated';
    $count = @lines;
    @lines = $closing->('/late?err=e&code=503');
    like $lines[-1], qr/user_id=page status=503 .*first=e$/, 'the ErrorDocument knows the fact';
    is scalar(@lines), $count + 1, '... one line for all legs';
    @lines = $closing->('/sub.shtml');
    like $lines[-1], qr/user_id=sub status=200 method=GET path=\/sub\.shtml messages=1 first=within$/,
        'the message of a sub-request is one of its request';
    $httpd->stop;
});

subtest 'a backend that refuses connections' => sub {
    my $dead = Httpd::free_port();
    my $httpd = Httpd->start(modules => [qw(proxy proxy_http)], conf => <<"CONF");
ReqNotes On
ReqNotesField user_id cookie:uid
ProxyPass /app http://127.0.0.1:$dead/
CustomLog \@DIR\@/logs/access.log "%^RJ"
ErrorLogFormat "[%N] %M"
CONF
    $httpd->get('/app', { Cookie => 'uid=5555' });
    ok $httpd->line('error', qr/^\[user_id=5555\] AH01114/), 'a user from a cookie is on the line itself';
    ok $httpd->json('access', qr/5555/);
    is_deeply [ grep { /RN0006/ } $httpd->lines('error') ], [], '... and needs no closing line';
    $httpd->stop;
};

done_testing;
