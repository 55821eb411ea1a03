# packages: monitoring-plugins-basic libmonitoring-plugin-perl
# The state of thresholds as monitoring systems see it: by our plugin and by the stock check_http, and with
# performance data that the library of monitoring plugins understands. Of a real httpd, over all states.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use JSON::PP ();
use Metrics;
use Test::More;
use Tools;

my $httpd = Httpd->prepare(modules => [qw(ssl socache_shmcb)], conf => <<"CONF");
ReqNotes On
ReqNotesMetricFiles \@DIR\@/numbers
ReqNotesThreshold queue file:queue above=10000 clear=10
ReqNotesThreshold share errors(http) above=5% over=30 least=5
ReqNotesThreshold slow p95(http) above=2s over=30 least=5
ReqNotesThreshold free file:free_bytes below=1.5e9 level=warning
ReqNotesThreshold alive age:queue above=90s level=warning
$location
Listen 127.0.0.1:\@PORT2\@
<VirtualHost 127.0.0.1:\@PORT2\@>
  SSLEngine on
  SSLCertificateFile \@DIR\@/tls.pem
</VirtualHost>
CONF
run_tool(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1), map { ($_, "$httpd->{dir}/tls.pem") } '-keyout', '-out');
is $?, 0, 'a certificate';
mkdir "$httpd->{dir}/numbers";

# As an application does it.
sub drop {
    my (%numbers) = @_;
    $httpd->add_file('numbers/.new', join '', map { "$_ $numbers{$_}\n" } sort keys %numbers);
    rename "$httpd->{dir}/numbers/.new", "$httpd->{dir}/numbers/all" or die $!;
}

# Runs a plugin on the server; gives its exit code and what it printed.
sub plugin {
    my ($program, @args) = @_;
    my $text = run_tool($program, '-H', '127.0.0.1', '-p', $httpd->{port}, @args);
    return ($? >> 8, $text);
}

sub check { return plugin('conf/check_reqnotes', @_) }
sub tls_check { my $text = run_tool('conf/check_reqnotes', qw(-S -H 127.0.0.1 -p), $httpd->{port2}); return ($? >> 8, $text) }
sub check_http { return plugin(tool_file('/usr/lib/nagios/plugins/check_http'), '-u', '/reqnotes/check', '-s', 'REQNOTES OK') }

# Performance data, as the library of monitoring plugins reads it: [label, value, unit, warning, critical].
sub perfdata {
    my ($line) = @_;
    my ($text) = $line =~ / \| (.*)$/ or return;
    my $json = run_tool('perl', '-MMonitoring::Plugin::Performance', '-MJSON::PP', '-e', <<'PERL', $text);
print encode_json([ map { [ $_->label, $_->value, $_->uom, $_->warning . '', $_->critical . '' ] } Monitoring::Plugin::Performance->parse_perfstring($ARGV[0]) ]);
PERL
    return eval { from_json($json) } || $json;
}

drop(queue => 7, free_bytes => 2e9);
$httpd->run or BAIL_OUT($httpd->{output});

subtest 'OK' => sub {
    $httpd->get('/none') for 1 .. 10;
    ok wait_until(sub { my ($code, $line) = check(); $code == 0 && $line !~ /=U/ }), 'our plugin';
    my ($code, $line) = check();
    my ($ours, $its) = map { s/alive=[\d.]+//r } $line, $httpd->get('/reqnotes/check')->{content};
    is $ours, $its, '... has the line of the server as it is';
    my $data = perfdata($line);
    $_->[1] = 'n' for @$data[ 1, 2, 4 ];
    is_deeply $data, [ [ queue => 7, '', '', '10000' ], [ share => 'n', '%', '', '5' ], [ slow => 'n', 's', '', '2' ], [ free => '2000000000', '', '1500000000:', '' ], [ alive => 'n', 's', '90', '' ] ],
        '... whose performance data has values, units and limits' or diag $line;
    like join('', check_http()), qr/^0HTTP OK: /, 'check_http';
};

subtest 'WARNING' => sub {
    drop(queue => 7, free_bytes => 1e9);
    ok wait_until(sub { (check())[0] == 1 }), 'our plugin';
    like +(check())[1], qr/^REQNOTES WARNING - free 1000000000 \(below 1500000000\) \| /, '... says why';
    is_deeply perfdata((check('--name=free'))[1]), [ [ free => '1000000000', '', '1500000000:', '' ] ], '... one threshold alone';
    is +(check('-n', 'queue'))[0], 0, '... and another one is fine';
    is +(check_http())[0], 2, 'check_http knows OK and CRITICAL alone';
};

subtest 'CRITICAL' => sub {
    drop(queue => 10001, free_bytes => 1e9);
    ok wait_until(sub { (check())[0] == 2 }), 'our plugin';
    like +(check())[1], qr/^REQNOTES CRITICAL - queue 10001 \(above 10000\), free .*\) \| /, '... before a warning';
    like join('', check_http()), qr/^2HTTP CRITICAL: .*not found/, 'check_http';
};

subtest 'UNKNOWN' => sub {
    drop(queue => 7);
    ok wait_until(sub { (check())[0] == 3 }), 'our plugin';
    my ($code, $line) = check('-n', 'free');
    is_deeply [ $code, $line ], [ 3, "REQNOTES UNKNOWN - free unknown | free=U;1500000000:\n" ], '... a number is gone';
    is +(check('-n', 'none'))[0], 3, '... a threshold that is none';
    like +(check('-n', 'none'))[1], qr{: status 404$}, '... and why';
    is +(check_http())[0], 2, 'check_http';
    drop(queue => 1, free_bytes => 2e9);
    ok wait_until(sub { (check())[0] == 0 }), 'all is well again';
};

subtest 'HTTPS' => sub {
    local $ENV{CURL_CA_BUNDLE};
    is_deeply [ tls_check() ], [ 3, "REQNOTES UNKNOWN - https://127.0.0.1:$httpd->{port2}/reqnotes/check: no TLS, or a certificate that is not good\n" ], 'a certificate of nobody is none';
    $ENV{CURL_CA_BUNDLE} = "$httpd->{dir}/tls.pem";
    is +(tls_check())[0], 0, 'a good one is';
};

subtest 'a server that does not answer' => sub {
    $httpd->stop;
    my ($code, $line) = check('-t', 2);
    is_deeply [ $code, $line ], [ 3, "REQNOTES UNKNOWN - http://127.0.0.1:$httpd->{port}/reqnotes/check: no connection\n" ], 'our plugin';
};

subtest 'no threshold' => sub {
    $httpd->set_conf("ReqNotes On\n$location");
    $httpd->run or BAIL_OUT($httpd->{output});
    is_deeply [ check() ], [ 3, "REQNOTES UNKNOWN - no threshold is configured\n" ], 'is unknown';
    $httpd->stop;
};

done_testing;
