# The PHP helper does the same under mod_php and under PHP-FPM.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

# A copy, as httpd may be another user, who cannot read the checkout.
my $require = "<?php\nrequire '\@DIR\@/reqnotes.php';\n";
my %files = (
    'www/set.php' => <<'PHP',
var_dump(reqnotes_set('user_id', 5555), reqnotes_set('ok', true), reqnotes_set('order.total', 1.5),
    reqnotes_set('api_key', "a\r\nX-Evil: 1\0\x7fb"), reqnotes_set('api_method', 'first'),
    reqnotes_set('api_method', 'last'));
foreach (['', 'User', 'a-b', "a\n", 'a b', str_repeat('a', 65)] as $bad) var_dump(reqnotes_set($bad, 1));
PHP
    'www/late.php'  => "echo 'page'; flush();\nvar_dump(reqnotes_set('user_id', 'late'));\n",
    'www/trace.php' => "echo reqnotes_trace_id(), ' ', reqnotes_traceparent();\n",
    'www/call.php'  => <<'PHP',
$context = stream_context_create(['http' => ['header' => 'traceparent: ' . reqnotes_traceparent()]]);
echo file_get_contents('http://127.0.0.1:' . $_SERVER['SERVER_PORT'] . '/trace.php', false, $context);
PHP
);
$_ = $require . $_ for values %files;

for my $sapi ('mod_php', 'PHP-FPM') {
    subtest $sapi => sub {
        my $fpm = $sapi eq 'PHP-FPM';
        my $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi)],
            files => { 'reqnotes.php' => Httpd::slurp('conf/php/reqnotes.php') }, conf => <<'CONF' . ($fpm ? <<'FPM' : <<'MOD'));
ReqNotes On
ReqNotesField ok type=boolean
ReqNotesField order.total type=number
CustomLog @DIR@/logs/access.log "%^RJ"
StartServers 4
CONF
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
FPM
php_admin_flag display_errors on
MOD
        $httpd->add_file($_, $httpd->fill_in($files{$_})) for keys %files;
        start_fpm($httpd, display_errors => 'on', output_buffering => 0) if $fpm;
        $httpd->run or BAIL_OUT($httpd->{output});

        my $response = $httpd->get('/set.php');
        is $response->{content}, 'bool(true)' . "\nbool(true)" x 5 . "\nbool(false)" x 6 . "\n",
            'it tells what it set, and warns of nothing';
        my $line = $httpd->json('access', qr/set/);
        is_deeply [ @$line{qw(user_id ok order.total api_method)} ], [ '5555', JSON::PP::true(), 1.5, 'last' ],
            'facts, with their types';
        like $line->{api_key}, qr/^a X-Evil: 1 b$/, 'control characters are blanks';
        ok !$response->{headers}{'x-evil'}, '... and make no header';
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], 'no fact reaches the client';

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
        $httpd->stop;
    };
}

is qx{php -n -d error_reporting=-1 -r 'require "conf/php/reqnotes.php"; var_dump(reqnotes_trace_id(), reqnotes_traceparent());'},
    "NULL\nNULL\n", 'without mod_reqnotes there is no trace';

done_testing;
