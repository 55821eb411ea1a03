# SetHandler reqnotes: who gets the pages, how they are asked for, and what goes with them.

use strict;
use warnings;
use lib 't/lib';
use Digest::SHA qw(sha256_base64);
use Httpd;
use Metrics;
use Test::More;

my $httpd = Httpd->start(
    files => {
        'www/tenant/.htaccess' => "SetHandler reqnotes\n",
        'www/tenant/x'         => "a file\n",
        'www/files/.htaccess'  => "<Files metrics>\nSetHandler reqnotes\n</Files>\n",
        'www/files/metrics'    => "a file\n",
        'www/page.shtml'       => '<!--#include virtual="/tenant/metrics" -->',
        'www/x'                => 'x',
        'www/if/.htaccess'     => "<If \"true\">\nSetHandler reqnotes\n</If>\n",
        'www/type/.htaccess'   => "AddHandler reqnotes .rn\n",
        'www/type/metrics.rn'  => "a file\n",
        'www/late/.htaccess'   => "RewriteEngine On\nRewriteRule ^x\$ - [H=reqnotes]\n",
        'www/late/x'           => "a file\n",
        'www/hides.shtml'      => '<!--#include virtual="/reqnotes/nothing" -->',
        'www/hides/.htaccess'  => "ErrorDocument 404 /reqnotes/metrics\nRewriteEngine On\nRewriteRule ^y\$ /reqnotes/metrics [L]\n",
    },
    modules => ['include'],
    conf => <<"CONF");
ReqNotes On
ReqNotesMetric all
CustomLog \@DIR\@/logs/access.log "%^RJ"
<Directory "\@DIR\@/www">
  AllowOverride FileInfo
  Options +Includes
</Directory>
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
$location
<Location "/admin/reqnotes">
  SetHandler reqnotes
  ReqNotesPages On
</Location>
<Location "/denied">
  SetHandler reqnotes
  ReqNotesPages On
  Require all denied
</Location>
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  ReqNotes Off
  $location
</VirtualHost>
CONF

my $refused = sub { scalar grep { /RN0034/ } $httpd->lines('error') };

subtest 'a tenant' => sub {
    my $count = 0;
    for my $path ('/tenant/', '/tenant/metrics', '/tenant/json', '/tenant/x', '/files/metrics', '/if/metrics', '/type/metrics.rn', '/late/x') {
        my $answer = $httpd->get($path);
        is $answer->{status}, 403, "$path is refused";
        unlike $answer->{content}, qr/reqnotes_|"schema"|a file/, '... and tells nothing';
        ok wait_until(sub { $refused->() == $count + 1 }), '... with one message' or diag $refused->();
        $count = $refused->();
    }
    unlike $httpd->get('/page.shtml')->{content}, qr/reqnotes_http/, 'nor by an include';
    is $httpd->get('/denied/metrics')->{status}, 403, 'Require counts';
};

subtest 'methods and paths' => sub {
    is $httpd->request($_, '/reqnotes/metrics')->{status}, 405, $_ for qw(POST PUT DELETE OPTIONS PATCH NONSENSE);
    is join(',', sort split /, */, $httpd->request('POST', '/reqnotes/metrics')->{headers}{allow}), 'GET,HEAD,TRACE', '... and are told which there are';
    my $head = $httpd->request('HEAD', '/reqnotes/json');
    is $head->{status}, 200, 'HEAD';
    is $head->{content}, '', '... without a body';
    is $head->{headers}{'content-type'}, 'application/json', '... has the head';
    my $bare = $httpd->get('/reqnotes', { Host => 'evil.example' });
    is $bare->{status}, 301, 'without a slash';
    like $bare->{headers}{location}, qr{^http://[^/]+/reqnotes/$}, '... it is added';
    like $httpd->get('/admin/reqnotes')->{headers}{location}, qr{/admin/reqnotes/$}, '... also where there is no such folder';
    is $httpd->get('/reqnotes/nothing')->{status}, 404, 'what is not there';
    is $httpd->get('/reqnotes/metrics/')->{status}, 200, 'a slash at the end is the page';
};

subtest 'what is counted' => sub {
    my $counted = sub { value_of($httpd, 'reqnotes_all_requests_total') };
    for my $case ([ '/reqnotes/', 0 ], [ '/reqnotes/json', 0 ], [ '/x', 1 ], [ '/hides.shtml', 1 ], [ '/hides/x', 1 ], [ '/hides/y', 1 ]) {
        my ($path, $count) = @$case;
        my $before = $counted->();
        $httpd->get($path);
        $httpd->get('/x');
        ok wait_until(sub { $counted->() == $before + $count + 1 }, 3), "$path: $count" or diag $counted->() - $before - 1;
    }
};

subtest 'heads' => sub {
    my $page = $httpd->get('/reqnotes/');
    is $page->{headers}{$_->[0]}, $_->[1], "$_->[0]" for [ 'content-type', 'text/html; charset=utf-8' ],
        [ 'cache-control', 'no-store' ], [ 'x-content-type-options', 'nosniff' ], [ 'referrer-policy', 'no-referrer' ];
    my ($style) = $page->{content} =~ m{<style>(.*?)</style>}s;
    my $hash = sha256_base64($style);
    $hash .= '=' while length($hash) % 4;
    is $page->{headers}{'content-security-policy'},
        "default-src 'none'; style-src 'sha256-$hash'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", 'its policy knows its style';
    my %types = (
        'text/plain' => [ '', '*/*', 'text/plain', 'application/openmetrics-text;version=1.0.0;q=0', 'application/openmetrics-text;q=0.2,text/plain;q=0.5' ],
        'application/openmetrics-text' => [ 'application/openmetrics-text',
            'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2' ],
    );
    for my $type (sort keys %types) {
        for my $accept (@{ $types{$type} }) {
            my $answer = $httpd->get('/reqnotes/metrics', $accept ne '' ? { Accept => $accept } : {});
            like $answer->{headers}{'content-type'}, qr/^\Q$type\E; version=[\d.]+; charset=utf-8$/, "$type for '$accept'";
            is $answer->{content} =~ /^# EOF\n\z/m ? 1 : 0, $type =~ /open/ ? 1 : 0, '... is what it says';
        }
    }
};

subtest 'where ReqNotes is Off' => sub {
    my $socket = $httpd->connect($httpd->{port2});
    print $socket "GET /reqnotes/metrics HTTP/1.0\r\n\r\n";
    like do { local $/; <$socket> }, qr/^reqnotes_http_requests_total/m, 'the pages answer';
};

$httpd->stop;

subtest 'On in quotes' => sub {
    my $other = Httpd->start(conf => "ReqNotes On\n" . $location =~ s/Pages On/Pages "On"/r, files => { 'www/x' => 'x' });
    $other->get('/x');
    ok wait_until(sub { value_of($other, 'reqnotes_http_requests_total') }, 3), 'counts too';
    $other->stop;
};

subtest 'where nothing is counted' => sub {
    my $other = Httpd->start(conf => "<Directory \"\@DIR\@/www\">\nAllowOverride FileInfo\n</Directory>\n",
        files => { 'www/t/.htaccess' => "SetHandler reqnotes\n", 'www/t/x' => 'x' });
    is $other->get('/t/x')->{status}, 403, 'the handler is refused';
    is scalar($other->wait_lines('error', qr/RN0034/)), 1, '... with one message';
    $other->stop;
};

done_testing;
