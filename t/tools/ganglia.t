# packages: ganglia-monitor
# What cron sends with reqnotes-gmetric is in Ganglia: values, units and slopes, in the XML of a real gmond. A number
# that is stale is forgotten there, while others stay; what a restart of gmond forgets comes back with the next run.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Cwd qw(abs_path);
use Httpd;
use Metrics;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Tools;

my ($udp, $tcp) = map { Httpd::free_port() } 1, 2;
my $httpd = Httpd->prepare(conf => <<"CONF", files => { 'gmond.conf' => <<"GMOND" });
ReqNotes On
ReqNotesMetricFiles \@DIR\@/numbers stale=4
RedirectMatch 503 ^/fail
$location
CONF
globals {
  daemonize = no
  setuid = no
  cleanup_threshold = 1
  send_metadata_interval = 0
}
cluster { name = "test" }
udp_send_channel {
  host = 127.0.0.1
  port = $udp
}
udp_recv_channel {
  port = $udp
  bind = 127.0.0.1
}
tcp_accept_channel {
  port = $tcp
  bind = 127.0.0.1
}
modules {
  module { name = "core_metrics" }
}
GMOND
mkdir "$httpd->{dir}/numbers";
mkdir "$httpd->{dir}/bin";
my $conf = "$httpd->{dir}/gmond.conf";

# For the script, which looks for gmetric in the PATH.
symlink abs_path(tool('gmetric')), "$httpd->{dir}/bin/gmetric";
$ENV{PATH} = "$httpd->{dir}/bin:$ENV{PATH}";

sub start_gmond { return Backend::spawn(sub { $httpd->connect($tcp) }, "$httpd->{dir}/logs/gmond", tool('gmond'), '--conf', $conf) }

sub drop {
    my ($name, $text) = @_;
    $httpd->add_file("numbers/.$name", $text);
    rename "$httpd->{dir}/numbers/.$name", "$httpd->{dir}/numbers/$name" or die $!;
}

# As cron does it. gmond takes what it is sent when it likes.
sub cron {
    my $said = run_tool('conf/reqnotes-gmetric', '-u', "http://127.0.0.1:$httpd->{port}/reqnotes", '-c', $conf, '-d', 6);
    return $? >> 8 || $said ne '' ? "$?: $said" : '';
}

# What gmond tells gmetad: metrics by name, with their attributes and extra elements in lower case.
sub known {
    my $socket = $httpd->connect($tcp) or return {};
    my $xml = do { local $/; <$socket> } // '';
    my %known;
    while ($xml =~ m{<METRIC ([^>]*)>(.*?)</METRIC>}sg) {
        my ($attributes, $extra) = ($1, $2);
        my %is = map { lc } $attributes =~ /(\w+)="([^"]*)"/g;
        $is{ lc $1 } = $2 while $extra =~ /<EXTRA_ELEMENT NAME="(\w+)" VAL="([^"]*)"/g;
        $known{ $is{name} } = \%is;
    }
    return \%known;
}

sub value { return known()->{ $_[0] }{val} }

my $gmond = start_gmond();
sub drop_all {
    drop(queue => "queue 1234 # waiting\nmade_total 88.5\n");
    drop(load  => "disk_load 0.25\n");
}

drop_all();
$httpd->run or BAIL_OUT($httpd->{output});
$httpd->get('/none') for 1 .. 5;
$httpd->get('/fail') for 1 .. 2;
ok wait_until(sub { defined value_of($httpd, 'app_queue') && value_of($httpd, 'reqnotes_http_requests_total', status => '5xx') }), 'numbers are dropped';

subtest 'what is sent' => sub {
    is cron(), '', 'a run says nothing';
    my $known;
    # Again and again, as a machine that is busy may be slower than a number gets stale.
    ok wait_until(sub { drop_all(); cron(); $known = known(); !grep { !$known->{$_} } qw(app_queue app_disk_load app_made_total reqnotes_failed) }), 'gmond knows' or return;
    my %want = (
        app_queue             => '1234 double  both queue',
        app_disk_load         => '0.25 double  both disk_load',
        app_made_total        => '88 uint32 1/s positive made_total',
        reqnotes_requests     => '7 uint32 requests/s positive requests',
        reqnotes_failed       => '2 uint32 requests/s positive requests that failed',
        reqnotes_workers_max  => value_of($httpd, 'reqnotes_workers_max') . ' uint32 workers both workers that may be',
    );
    for my $name (sort keys %want) {
        my $is = $known->{$name};
        is lc join(' ', map { $_ // 'undef' } @$is{qw(val type units slope title)}), $want{$name}, $name;
        is "$is->{dmax} $is->{tmax} $is->{group}", '6 120 reqnotes', '... in a group of its own, for some time';
    }
    ok exists $known->{reqnotes_workers_busy}, 'reqnotes_workers_busy';
};

subtest 'a number that is stale' => sub {
    my $start = time;
    my ($gone, $bad);
    while (time < $start + 30 && !$gone) {
        drop(load => "disk_load 0.5\n");
        my $said = cron();
        $bad //= $said if $said ne '';
        $gone = !defined value('app_queue');
        sleep 0.5;
    }
    ok $gone, 'is forgotten';
    cmp_ok time - $start, '>', 4, '... after its time';
    is $bad, undef, '... and no run had anything to say';
    is value('app_disk_load'), 0.5, 'another one stays, with its value';
    is value('reqnotes_requests'), 7, '... and so does what is counted';
    drop(queue => "queue 5\n");
    ok wait_until(sub { cron() eq '' && (value('app_queue') // 0) == 5 }), 'it is back when it is written again';
};

subtest 'gmond is restarted' => sub {
    kill TERM => $gmond;
    wait_until(sub { waitpid($gmond, WNOHANG) != 0 });
    cron();
    $gmond = start_gmond();
    is value('app_queue'), undef, 'it has forgotten';
    ok wait_until(sub { drop(queue => "queue 6\n"); cron(); (value('app_queue') // 0) == 6 }), '... and knows with the next run';
    is known()->{app_queue}{slope}, 'both', '... all of it';
};

subtest 'httpd does not answer' => sub {
    $httpd->stop;
    like cron(), qr{nothing is sent, as http://127\.0\.0\.1:$httpd->{port}/reqnotes/metrics did not answer}, 'cron is told';
    ok wait_until(sub { !grep { /^(?:app|reqnotes)_/ } keys %{ known() } }), '... and nothing stays';
};

done_testing;
