# Counting at its bounds: values without end, users as they come in life, a thousand virtual hosts,
# and a monitor that is killed and stopped under load.
# NOTE=1 prints figures.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Load;
use Metrics;
use Test::More;
use Time::HiRes qw(time);

# Sends requests for paths, many at once on one connection, and waits for their answers.
sub send_all {
    my ($httpd, $host, @headers) = @_;
    while (my @some = splice @headers, 0, 100) {
        my $socket = $httpd->connect or die "connect: $!";
        my $last = pop @some;
        print $socket map({ "GET /x HTTP/1.1\r\nHost: " . $host->($_) . "\r\nX-Value: $_\r\n\r\n" } @some),
            "GET /x HTTP/1.1\r\nHost: " . $host->($last) . "\r\nX-Value: $last\r\nConnection: close\r\n\r\n";
        $socket->flush;
        local $/;
        my $answers = () = <$socket> =~ /HTTP\/1\.1 200/g;
        die "$answers answers to " . (@some + 1) . " requests\n" if $answers != @some + 1;
    }
}

# The same by two clients.
sub send_both {
    my (@args) = @_;
    my ($httpd, $host, @headers) = @args;
    my $half = @headers / 2;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        eval { send_all($httpd, $host, @headers[ 0 .. $half - 1 ]); 1 } or warn $@;
        POSIX::_exit($@ ? 1 : 0);
    }
    send_all($httpd, $host, @headers[ $half .. $#headers ]);
    waitpid $pid, 0;
    die "a client failed\n" if $?;
}

# Resident memory of all processes, shared parts once, in kB. Without files: of those, other servers
# on the machine have a share, until they end.
sub memory {
    my ($httpd) = @_;
    my $sum = 0;
    for (map { Httpd::slurp("/proc/$_/smaps_rollup") } $httpd->{pid}, $httpd->children) {
        $sum += $1 while /^Pss_(?:Anon|Shmem):\s+(\d+)/mg;
    }
    return $sum;
}

sub descriptors { return scalar(my @all = glob "/proc/$_[0]/fd/*") }

my $value = <<'CONF';
Header set X-Value "expr=%{HTTP:X-Value}"
Header note X-Value value
MaxKeepAliveRequests 0
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
CONF

subtest 'values without end' => sub {
    my $httpd = Httpd->start(files => { 'www/x' => 'x' }, conf => <<"CONF");
${value}ReqNotes On
ReqNotesField value
ReqNotesMetric values by=value
ReqNotesBusiest value
$location
CONF
    my $host = sub { 'x' };
    send_all($httpd, $host, map { "first$_" } (1 .. 150) x 2);
    send_both($httpd, $host, map { "warm$_" } 1 .. 20_000);
    my $before = memory($httpd);
    my $distinct = 80_000;
    my $begin = time;
    send_both($httpd, $host, map { "value$_" } 1 .. $distinct);
    my $seconds = time - $begin;
    my $after = memory($httpd);
    send_all($httpd, $host, map { "first$_" } 1 .. 150);
    my $text;
    ok wait_until(sub { $text = scrape($httpd); sum_of($text, 'reqnotes_values_requests_total') == $distinct + 20_450 }), 'all are counted';
    is sum_of($text, 'reqnotes_series_other_total', metric => 'values'), $distinct + 20_000 - 50, 'what had no room is in other';
    is_deeply [ grep { sum_of($text, 'reqnotes_values_requests_total', value => "first$_") != 3 } 1, 75, 150 ], [], 'what was seen before stays exact';
    cmp_ok $before, '>', 1000, 'memory is known';
    cmp_ok $after, '<', $before + 2048, 'memory does not grow with them';
    diag sprintf '%d values in %.1f s, memory %d kB, then %d kB', $distinct, $seconds, $before, $after if $ENV{NOTE};
    $httpd->stop('WINCH');
};

subtest 'users as they come in life' => sub {
    my $httpd = Httpd->start(files => { 'www/x' => 'x' }, conf => <<"CONF");
${value}ReqNotes On
ReqNotesField value
ReqNotesBusiest value
$location
CONF
    # By Zipf's law, s = 1, of 20,000 users.
    srand 7;
    my ($sum, @upto) = (0);
    push @upto, $sum += 1 / $_ for 1 .. 20_000;
    my %asked;
    my @users = map {
        my $at = rand $sum;
        my ($low, $high) = (0, $#upto);
        while ($low < $high) { my $mid = int(($low + $high) / 2); $upto[$mid] < $at ? ($low = $mid + 1) : ($high = $mid) }
        ++$asked{"user$low"};
        "user$low";
    } 1 .. 30_000;
    send_both($httpd, sub { 'x' }, @users);
    wait_until(sub { value_of($httpd, 'reqnotes_http_requests_total') == @users });
    my ($list) = @{ from_json($httpd->get('/reqnotes/json')->{content})->{busiest} };
    my %shown = map { $_->{key} => 1 } @{ $list->{by_requests} };
    my @true = (sort { $asked{$b} <=> $asked{$a} } keys %asked)[ 0 .. 19 ];
    # What was asked later counts a little more, so that neighbours may change places at the end.
    my @missing = grep { !$shown{$_} } @true;
    cmp_ok scalar(@missing), '<=', 1, 'the busiest ones are on the list' or diag "@missing";
    is_deeply [ grep { !$shown{$_} } @true[ 0 .. 14 ] ], [], '... the first fifteen in any case';
    $httpd->stop('WINCH');
};

subtest 'a thousand virtual hosts' => sub {
    my $hosts = 1000;
    my %figures;
    for my $with (0, 1) {
        my $ours = $with ? <<"CONF" : '';
ReqNotes On
ReqNotesErrorLog logs/json.log
ReqNotesPages Off
ReqNotesMetric api by=api_method
$location
CONF
        my $httpd = Httpd->prepare(reqnotes => $with, files => { 'www/x' => 'x' },
            conf => $value . $ours . join '', map { "<VirtualHost *:\@PORT\@>\nServerName v$_\n</VirtualHost>\n" } 1 .. $hosts);
        my $begin = time;
        $httpd->run or BAIL_OUT($httpd->{output});
        my $start = time - $begin;
        $httpd->line('error', qr/resuming normal operations/);
        my %old = map { $_ => 1 } $httpd->children;
        $begin = time;
        $httpd->graceful;
        my $graceful = time - $begin;
        # A child of before would break off what it is asked on one connection.
        wait_until(sub { !grep { $old{$_} } $httpd->children });
        send_all($httpd, sub { "v$_[0]" }, 1 .. $hosts);
        my ($child) = grep { Httpd::slurp("/proc/$_/comm") !~ /monitor/ } $httpd->children;
        $figures{$with} = { start => $start, graceful => $graceful, memory => memory($httpd),
            parent => descriptors($httpd->{pid}), child => descriptors($child) };
        if ($with) {
            my $text;
            my $scrape = sub { $text = $httpd->get('/reqnotes/metrics', { Host => 'v1' })->{content} };
            ok wait_until(sub { $scrape->(); (sum_of($text, 'reqnotes_http_requests_total') // 0) == $hosts }), 'all are counted';
            my %seen = map { $_->[1]{vhost} => 1 } grep { $_->[0] eq 'reqnotes_http_requests_total' } samples($text);
            is scalar(keys %seen), $hosts, 'each host has a series' or diag substr $text, 0, 600;
            is sum_of($text, 'reqnotes_series_other_total'), 0, '... and none is in other';
            $figures{1}{scrape} = length $text;
            cmp_ok length $text, '<', 2_500_000, 'a scrape is not without end';
        }
        $httpd->stop('WINCH');
    }
    cmp_ok $figures{1}{$_}, '<=', $figures{0}{$_} + 3, "descriptors of a $_ do not grow with the hosts" for qw(parent child);
    if ($ENV{NOTE}) {
        for my $with (0, 1) { diag $with ? 'with: ' : 'without: ', join ', ', map { sprintf '%s %.2f', $_, $figures{$with}{$_} } sort keys %{ $figures{$with} } }
    }
};

sub comm { return Httpd::slurp("/proc/$_[0]/comm") =~ s/\n//r }

sub monitor {
    my ($httpd, $not) = @_;
    return wait_until(sub { (grep { comm($_) eq 'reqnotesmonitor' && $_ != ($not // 0) } $httpd->children)[0] });
}

for my $mpm (qw(event prefork)) {
    subtest "a monitor that is killed and stopped under load, with the $mpm MPM" => sub {
        # Where prefork has too many children, it ends some by requests of its own, which are counted.
        my $httpd = Httpd->start(mpm => $mpm, files => { 'www/x' => 'x' }, conf => <<"CONF");
ReqNotes On
ReqNotesMetric all
ReqNotesBusiest user_id
<IfModule mpm_prefork_module>
MaxSpareServers 100
</IfModule>
$location
CONF
        my $load = Load->start($httpd, clients => 2, connections => 2, requests => 20_000, go_on => 1,
            request => sub { "GET /x HTTP/1.1\r\nHost: x\r\n\r\n" });
        my $monitor;
        for my $round (1 .. 2) {
            $monitor = monitor($httpd, $monitor);
            ok kill(KILL => $monitor), "killed, time $round";
        }
        $monitor = monitor($httpd, $monitor);
        cmp_ok value_of($httpd, 'reqnotes_monitor_age_seconds'), '<', 60, 'the last one that ticked, or the start, is not long ago';
        ok wait_until(sub { value_of($httpd, 'reqnotes_monitor_age_seconds') < 1 }), 'another one goes on';
        ok kill(STOP => $monitor), 'stopped';
        my $before = value_of($httpd, 'reqnotes_all_requests_total');
        ok wait_until(sub { value_of($httpd, 'reqnotes_monitor_age_seconds') > 2 }), '... as its age tells';
        cmp_ok value_of($httpd, 'reqnotes_all_requests_total'), '>', $before + 100, '... while requests go on';
        $load->enough;
        my $report = $load->report;
        is_deeply [ map { scalar @{ $report->{$_} } } qw(open stuck failed) ], [ 0, 0, 0 ], 'all requests are answered';
        my $answered = @{ $report->{answered} };
        ok wait_until(sub { value_of($httpd, 'reqnotes_all_requests_total') == $answered }), "... and counted, $answered of them";
        $httpd->stop;
    };
}

done_testing;
