# The main job on real PHP: what a page knows is on the lines of both logs.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $httpd = Httpd->start(
    php   => 1,
    files => {
        'www/page.php' => <<'PHP',
<?php
apache_note('user_id', '5555');
echo $_SERVER['TRACE_ID'], ' ', $_SERVER['SPAN_ID'], ' ', apache_note('trace_id'), ' ',
    $_SERVER['HTTP_TRACEPARENT'];
PHP
        # The key and the method are in the body, which no log of a server ever sees.
        'www/rest.php' => <<'PHP',
<?php
$call = json_decode(file_get_contents('php://input'), true);
apache_note('api_key', $call['key']);
apache_note('api_method', $call['method']);
apache_note('photos', (string) count($call['photos']));
echo "{}";
PHP
        'www/warning.php' => "<?php\napache_note('user_id', '5555');\necho \$nothing;\n",
        'www/fatal.php'   => "<?php\napache_note('user_id', '5555');\nno_such_function();\n",
        'www/early.php'   => "<?php\nerror_log('too early');\napache_note('user_id', '5555');\n",
        'www/virtual.php' => "<?php\napache_note('user_id', '5555');\nvirtual('/part.php');\n",
        'www/part.php'    => "<?php\nerror_log('part ' . apache_note('trace_id'));\n",
    },
    conf => <<'CONF');
ReqNotes On
ReqNotesField photos type=integer
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
Include @TOP@/conf/reqnotes.conf
CustomLog @DIR@/logs/classic.log reqnotes_classic
ErrorLogFormat "[%t] [%-m:%l] [%L] [%N] %M"
php_admin_value error_reporting -1
php_admin_flag log_errors on
php_admin_flag display_errors off
CONF

my ($trace, $span, $note, $parent) = split ' ', $httpd->get('/page.php')->{content};
my $json = $httpd->json('access', qr/page/);
is $json->{user_id}, '5555', "the page's user is in the access log";
is $json->{trace_id}, $trace, 'TRACE_ID is in $_SERVER';
is $json->{span_id}, $span, 'SPAN_ID too';
is $note, $trace, 'apache_note reads trace_id';
is $parent, "00-$trace-$span-03", 'HTTP_TRACEPARENT is ready to be sent on';
like $httpd->line('classic', qr/page/),
    qr{^localhost 127\.0\.0\.1 "5555" "-" \d+ \[[^]]+\] "GET /page\.php HTTP/1\.1" 200 \d+ "-" "test"$},
    'the classic line';

$httpd->request('POST', '/rest.php', { 'Content-Type' => 'application/json' },
    '{"key":"9f8e","method":"photos.search","photos":[1,2,3]}');
$json = $httpd->json('access', qr/rest/);
is_deeply [ @$json{qw(api_key api_method photos method)} ], [ '9f8e', 'photos.search', 3, 'POST' ],
    'what only the body of a POST says is in the access log';

$httpd->get('/warning.php');
$httpd->get('/fatal.php');
for my $case ([ 'warning', 200, 'Undefined variable' ], [ 'fatal', 500, 'Call to undefined function' ]) {
    my ($page, $status, $text) = @$case;
    my $json = $httpd->json('access', qr/$page/);
    is $json->{status}, $status, "a PHP $page: the status";
    is $json->{user_id}, '5555', '... the user in the access log';
    like $httpd->line('error', qr/$text/), qr/\[$json->{trace_id}\] \[user_id=5555\] PHP /,
        '... and in the error log, with the trace ID';
    like $httpd->line('logfmt', qr/$page/), qr/ user_id=5555 /, '... in the same spelling';
}

$httpd->get('/early.php');
$json = $httpd->json('access', qr/early/);
like $httpd->line('error', qr/too early/), qr/\[$json->{trace_id}\] too early$/,
    'a line from before the note leads to its user by the trace ID';

$httpd->get('/virtual.php');
$json = $httpd->json('access', qr/virtual/);
like $httpd->line('error', qr/part/), qr/\[$json->{trace_id}\] \[user_id=5555\] part $json->{trace_id}$/,
    'a sub-request has the user and the trace of its request';

$httpd->stop;
done_testing;
