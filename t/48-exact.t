# What is counted is what the access log has: over restarts, with every MPM, with HTTP/2, with what
# no server understands, and with children that are killed.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Load;
use Metrics;
use Test::More;
use Time::HiRes qw(sleep);

my $restarts = 20;

# Some requests are refused before they have a path; some are redirected within httpd.
my $conf = <<"CONF";
ReqNotes On
ReqNotesField kind request:X-Kind
ReqNotesMetric kinds by=vhost,kind values=a,b,c series=3
ReqNotesMetric all
CustomLog \@DIR\@/logs/access.log "%^RJ"
ErrorDocument 404 /error.txt
MaxKeepAliveRequests 50
LogLevel core:crit
$location
CONF

my @requests = map { "$_ HTTP/1.1\r\nHost: x\r\nX-Kind: %s\r\n\r\n" } 'GET /x', 'GET /missing';
my @kinds = qw(a b c d e f);

sub total {
    my ($text, $metric) = @_;
    return sum_of($text, "reqnotes_${metric}_requests_total") // 0;
}

# The lines of others than our own pages, once they are as many as was counted.
sub compare {
    my ($httpd, $slack) = @_;
    my ($lines, $text);
    my $equal = wait_until(sub {
        $lines = grep { !m{"path":"/reqnotes/} } $httpd->lines('access');
        $text = scrape($httpd);
        abs(total($text, 'all') - $lines) <= $slack;
    }, 10);
    ok $equal, "$lines lines, and as many are counted" or diag total($text, 'all');
    return ($text, $lines);
}

for my $mpm (qw(event worker prefork)) {
    subtest "$restarts graceful restarts with the $mpm MPM" => sub {
        my $h2 = $mpm ne 'prefork' && qx{nghttp --version 2>&1} =~ /nghttp2/;
        my $httpd = Httpd->start(mpm => $mpm, modules => ['http2'], files => { 'www/x' => 'x', 'www/error.txt' => "error\n" },
            conf => $conf . ($h2 ? "Protocols h2c http/1.1\nLogLevel http2:error\n" : ''));
        my $load = Load->start($httpd, clients => 2, connections => 4, requests => 2000, go_on => 1, request => sub {
            my ($number) = $_[0] =~ /-(\d+)-/;
            return sprintf $requests[ $number % 2 ], $kinds[ $number % @kinds ];
        });
        for my $round (1 .. $restarts) {
            $httpd->graceful or fail("restart $round");
            $httpd->raw("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n");
            $httpd->raw("nonsense\r\n\r\n");
            qx{nghttp -n http://127.0.0.1:$httpd->{port}/x?kind=h http://127.0.0.1:$httpd->{port}/x?kind=a 2>&1} if $h2;
        }
        $load->enough;
        my $report = $load->report;
        is_deeply $report->{failed}, [], 'the clients went on';
        my ($text, $lines) = compare($httpd, 0);
        cmp_ok $lines, '>', 2000, '... of many';
        is total($text, 'kinds'), $lines, '... in series and other together';
        is total($text, 'http'), $lines, '... and by host';
        is sum_of($text, 'reqnotes_all_duration_seconds_count'), $lines, '... and so are the durations';
        cmp_ok sum_of($text, 'reqnotes_all_requests_total', status => '4xx'), '>=', 2 * $restarts, '... refused ones among them';
        cmp_ok sum_of($text, 'reqnotes_series_other_total', metric => 'kinds'), '>', 0, '... and some were other';
        is_deeply [ grep { /RN00(?:29|3[23])|AH00488|exit signal/ } $httpd->lines('error') ], [], 'nothing was said of it';
        $httpd->stop;
    };
}

subtest 'children that are killed' => sub {
    my $httpd = Httpd->start(mpm => 'prefork', files => { 'www/x' => 'x', 'www/error.txt' => "error\n" }, conf => $conf . "StartServers 4\n");
    my $load = Load->start($httpd, clients => 2, connections => 4, requests => 1000, go_on => 1,
        request => sub { sprintf $requests[0], $kinds[0] });
    my $kills = 0;
    for (1 .. 10) {
        my $before = () = $httpd->lines('access');
        $httpd->wait_lines('access', qr/./, $before + 50);
        my @children = grep { Httpd::slurp("/proc/$_/comm") !~ /monitor/ } $httpd->children;
        $kills += kill KILL => $children[ rand @children ];
    }
    $load->enough;
    $load->report;
    my ($text, $lines) = compare($httpd, $kills);
    cmp_ok abs(total($text, "http") - total($text, "all")), "<=", $kills, "$kills of them, each in the middle of one request at most";
    ok wait_until(sub { (value_of($httpd, 'reqnotes_monitor_age_seconds') // 9) < 2 }), 'the monitor went on';
    $httpd->get('/x');
    $httpd->end;
};

done_testing;
