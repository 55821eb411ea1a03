# The PHP helper does the same under mod_php and under PHP-FPM, and hurts under neither.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

my $helper = Httpd::slurp('conf/php/reqnotes.php');
my %files = (
    'www/set.php' => <<'PHP',
var_dump(reqnotes_set('user_id', 5555), reqnotes_set('ok', true), reqnotes_set('order.total', 1.5),
    reqnotes_set('api_key', "a\r\nX-Evil: 1\0\x7fb"), reqnotes_set('api_method', 'first'),
    reqnotes_set('api_method', 'last'));
foreach (['', 'User', 'a-b', "a\n", 'a b', str_repeat('a', 65)] as $bad) var_dump(reqnotes_set($bad, 1));
foreach ([null, [], new stdClass] as $bad) var_dump(reqnotes_set('user_id', $bad));
PHP
    'www/locale.php' => "setlocale(LC_ALL, 'de_DE.UTF-8');\nreqnotes_set('order.total', 0.1 + 0.2);\n",
    'www/late.php'  => "echo 'page'; flush();\nvar_dump(reqnotes_set('user_id', 'late'));\n",
    'www/trace.php' => "echo reqnotes_trace_id(), ' ', reqnotes_traceparent();\n",
    'www/call.php'  => <<'PHP',
$context = stream_context_create(['http' => ['header' => 'traceparent: ' . reqnotes_traceparent()]]);
echo file_get_contents('http://127.0.0.1:' . $_SERVER['SERVER_PORT'] . '/trace.php', false, $context);
PHP
    'www/long.php' => <<'PHP',
var_dump(reqnotes_set('api_method', str_repeat($_GET['of'], (int) $_GET['times'])));
PHP
    'www/many.php' => <<'PHP',
$taken = array_filter(range(1, 40), fn ($n) => reqnotes_set("field$n", str_repeat('v', 1000)));
echo implode(' ', $taken);
PHP
    'www/twice.php' => "require 'copy/reqnotes.php';\nreqnotes_set('user_id', 'twice');\n",
    'www/mine.php' => <<'PHP',
header_register_callback(function () { header('X-Mine: 1'); });
reqnotes_set('user_id', 'mine');
PHP
    'www/huge.php' => "ini_set('memory_limit', '16M'); \$text = str_repeat(\"a\\n\", 1 << 22);\nvar_dump(reqnotes_set('user_id', \$text));\n",
    'www/misspelt.php' => "reqnotes_set('userid', 'SECRET'); reqnotes_set('user_id', 1);\n",
    'www/plain/set.php' => "var_dump(reqnotes_set('api_key', 'SECRET'));\n",
);

# What an application does to its response after the user was named.
# header_remove() takes facts away for good where the output begins before the end.
my %ends = (
    removed   => 'header_remove();',
    callback  => 'header_remove(); header_register_callback(function () { header("X-Own: 1"); });',
    buffered  => 'ob_start(); echo "x"; ob_start(); header_remove(); echo "y";',
    exit      => 'exit("bye");',
    fatal     => 'no_such_function();',
    error     => 'trigger_error("enough", E_USER_ERROR);',
    # Out of memory, PHP displays its message past every callback: what was removed before is lost.
    memory    => 'ini_set("memory_limit", "8M"); $a = str_repeat("x", 1 << 26);',
    time      => 'set_time_limit(1); for (;;);',
    throw     => 'throw new Exception("thrown");',
    finished  => 'if (function_exists("fastcgi_finish_request")) fastcgi_finish_request(); echo "after";',
    status    => 'http_response_code(503); echo "down";',
    redirect  => 'header_remove(); header("Location: http://127.0.0.1/elsewhere"); exit;',
    own       => 'if (!function_exists("apache_note")) header("X-Note-User-Id: own"); reqnotes_set("user_id", "5555");',
);
$files{"www/end-$_.php"} = "reqnotes_set('user_id', 5555);\n$ends{$_}\n" for keys %ends;
$_ = "<?php\nrequire '\@DIR\@/www/reqnotes.php';\n$_" for values %files;
$files{'www/reqnotes.php'} = $files{'www/copy/reqnotes.php'} = $helper;

for my $sapi ('mod_php', 'PHP-FPM') {
    subtest $sapi => sub {
        my $fpm = $sapi eq 'PHP-FPM';
        my $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi)],
            conf => <<'CONF' . ($fpm ? <<'FPM' : <<'MOD'));
ReqNotes On
ReqNotesTraceAccept private
ReqNotesField ok type=boolean
ReqNotesField order.total type=number
ReqNotesField api_method max=65535
ReqNotesLineLimit 65536
LogLevel reqnotes:debug
CustomLog @DIR@/logs/access.log "%^RJ"
StartServers 4
CONF
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
<Location /plain>
  ReqNotesResponseHeaders None
</Location>
FPM
php_admin_flag display_errors on
MOD
        $httpd->add_file($_, $httpd->fill_in($files{$_})) for keys %files;
        start_fpm($httpd, display_errors => 'on', output_buffering => 0) if $fpm;
        $httpd->run or BAIL_OUT($httpd->{output});

        my $response = $httpd->get('/set.php');
        is $response->{content}, 'bool(true)' . "\nbool(true)" x 5 . "\nbool(false)" x 9 . "\n",
            'it tells what it set, and warns of nothing';
        my $line = $httpd->json('access', qr/set/);
        is_deeply [ @$line{qw(user_id ok order.total api_method)} ], [ '5555', JSON::PP::true(), 1.5, 'last' ],
            'facts, with their types';
        like $line->{api_key}, qr/^a X-Evil: 1 b$/, 'control characters are blanks';
        ok !$response->{headers}{'x-evil'}, '... and make no header';
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], 'no fact reaches the client';
        $httpd->get('/locale.php');
        like $httpd->line('access', qr/locale/), qr/"order.total":0\.3/, 'a float has a point in every locale';

        $response = $httpd->get('/late.php');
        is $response->{content}, $fpm ? "pagebool(false)\n" : "pagebool(true)\n",
            'after the headers were sent: ' . ($fpm ? 'false, and no warning' : 'a note still works');

        $response = $httpd->get('/trace.php');
        $line = $httpd->json('access', qr/trace\.php/);
        is $response->{content}, "$line->{trace_id} 00-$line->{trace_id}-$line->{span_id}-03",
            'the trace ID and a traceparent for calls';
        my ($called) = $httpd->get('/call.php')->{content} =~ /^(\S+)/;
        my $caller = $httpd->json('access', qr/call\.php/);
        my $callee = $httpd->json('access', qr/trace\.php.*/);
        is $called, $caller->{trace_id}, 'a call is in the same trace';
        is $callee->{parent_span_id}, $caller->{span_id}, '... below the span of its caller';

        for (['a', 2048, 'a' x 2048], ['a', 2049, 'a' x 2045 . "\x{2026}"], ['a', 8180, 'a' x 2045 . "\x{2026}"],
            ['%C3%AB', 1024, "\x{eb}" x 1024], ['%C3%AB', 1025, "\x{eb}" x 1022 . "\x{2026}"],
            ['%F0%9F%98%80', 513, "\x{1f600}" x 511 . "\x{2026}"], ['%80', 2049, "\x{fffd}" x 2045 . "\x{2026}"],
            ['a', 3_000_000, 'a' x 2045 . "\x{2026}"]) {
            my ($of, $times, $want) = @$_;
            $response = $httpd->get("/long.php?of=$of&times=$times");
            is "$response->{status} $response->{content}", "200 bool(true)\n", "$times times $of";
            is $httpd->json('access', qr/of=$of&times=$times"/)->{api_method}, $want, '... is cut at a character';
        }
        $response = $httpd->get('/many.php');
        is $response->{status}, 200, '40 values of 1,000 bytes are no error';
        is $response->{content}, join(' ', 1 .. ($fpm ? 4 : 40)), '... of which ' . ($fpm ? 'four' : 'all') . ' are taken';
        $httpd->get('/twice.php');
        is $httpd->json('access', qr/twice\.php/)->{user_id}, 'twice', 'two copies of the helper are no error';

        $response = $httpd->get('/mine.php');
        is $response->{headers}{'x-mine'}, 1, 'the callback for headers that an application has is still called';
        is $httpd->json('access', qr/mine\.php/)->{user_id}, 'mine', '... beside its fact';
        is $httpd->get('/huge.php')->{content}, "bool(true)\n", 'a value of half of the memory that there is';

        for my $end (sort keys %ends) {
            $response = $httpd->get("/end-$end.php");
            $line = $httpd->json('access', qr/end-$end/);
            is $line->{user_id}, '5555', "the fact survives: $end";
            is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], '... and does not reach the client';
        }

        $httpd->get('/misspelt.php') for 1 .. 9;
        my @told = $httpd->wait_lines('error', qr/RN0023: no field looks for the note userid;/);
        my %by_process = map { /\[pid (\d+)/ ? ($1 => 1) : () } @told;
        is scalar(@told), keys %by_process, 'a misspelt name is told once in a process';
        is_deeply [ grep { /RN0023.*(?:SECRET|user_id|api_method)/ } $httpd->lines('error') ], [],
            '... without its value, and no other one is';

        $response = $httpd->get('/plain/set.php');
        is $response->{content}, $fpm ? "bool(false)\n" : "bool(true)\n",
            'where httpd does not take headers: ' . ($fpm ? 'false' : 'a note');
        is_deeply [ grep { /note/i } keys %{ $response->{headers} } ], [], '... and nothing is sent';
        $httpd->stop;
    };
}

is qx{php -n -d error_reporting=-1 -r 'require "conf/php/reqnotes.php"; var_dump(reqnotes_trace_id(), reqnotes_traceparent(), reqnotes_set("user_id", 1));'},
    "NULL\nNULL\nbool(false)\n", 'without mod_reqnotes there is no trace, and nothing is sent';

done_testing;
