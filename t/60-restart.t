# Graceful restarts: requests go on, the configuration is new, and nothing of the old module stays.

use strict;
use warnings;
use lib 't/lib';
use File::Copy qw(copy);
use Httpd;
use Test::More;

my $so = $ENV{REQNOTES_SO} || 'build/mod_reqnotes.so';

# The files of this module that a process has in memory, by inode.
sub mapped {
    my ($pid) = @_;
    open my $maps, '<', "/proc/$pid/maps" or return;
    my %inodes = map { (split)[4] => 1 } grep { /mod_reqnotes/ } <$maps>;
    return keys %inodes;
}

each_mpm(sub {
    my $httpd = Httpd->prepare(mpm => shift, modules => [], files => { 'www/x' => 'x' });
    my $copy = "$httpd->{dir}/mod_reqnotes.so";
    my $install = sub { unlink $copy; copy($so, $copy) or die "$copy: $!"; chmod 0755, $copy };
    $install->();
    $httpd->{so} = $copy;
    my $conf = <<'CONF';
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%t] [%L] [%N] %M"
LogLevel trace4
SetEnv GENERATION 0
ReqNotes On
CONF
    $httpd->set_conf($conf);
    $httpd->run or BAIL_OUT('httpd does not start');
    $httpd->get('/x');

    # Requests that never stop, from a process of their own.
    pipe my $from, my $to or die;
    my $client = fork // die;
    if ($client == 0) {
        close $from;
        my ($asked, $answered) = (0, 0);
        until (-e "$httpd->{dir}/enough" || $asked >= 20_000) {
            ++$asked;
            ++$answered if $httpd->get("/x?n=$asked")->{status} == 200;
        }
        print $to "$asked $answered\n";
        close $to;
        POSIX::_exit(0);
    }
    close $to;

    my $rounds = 6;
    for my $round (1 .. $rounds) {
        $install->();
        $httpd->set_conf($conf =~ s/GENERATION 0/GENERATION $round/r
            . "ReqNotesField round$round env:GENERATION type=integer\n");
        ok $httpd->graceful, "graceful restart $round";
        my $before = () = $httpd->lines('access');
        $httpd->wait_lines('access', qr/./, $before + 10);
    }
    $httpd->add_file('enough', '');
    my ($asked, $answered) = split ' ', scalar <$from>;
    waitpid $client, 0;
    cmp_ok $answered, '>=', 60, "$answered requests meanwhile";
    is $answered, $asked, '... and every one of them was answered';

    my @lines = $httpd->wait_lines('access', qr/./, $answered + 1);
    is scalar(@lines), $answered + 1, 'each has one line';
    my %ids = map { from_json($_)->{trace_id} => 1 } @lines;
    is keys %ids, $answered + 1, '... with a trace ID that no restart repeats';

    $httpd->get('/x?last');
    my $last = $httpd->json('access', qr/last/);
    is $last->{"round$rounds"}, $rounds, 'the new configuration is in force';
    is scalar(grep { /^round/ } keys %$last), 1, '... and the old one is not';
    my ($inode) = (stat $copy)[1];
    is_deeply [ mapped($httpd->{pid}) ], [$inode], 'the parent has the new module in memory, and no old one';
    for my $child ($httpd->children) {
        my @mapped = mapped($child) or next;
        is_deeply \@mapped, [$inode], '... and so has a child';
        last;
    }
    $httpd->stop('WINCH');
});

subtest 'two servers at once' => sub {
    my @servers = map {
        Httpd->start(files => { 'www/x' => $_ }, conf => <<'CONF') } 1, 2;
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
CONF
    $_->get('/x') for @servers, @servers;
    my @ids = map { from_json($_)->{trace_id} } map { $_->wait_lines('access', qr/./, 2) } @servers;
    my %distinct = map { $_ => 1 } @ids;
    is keys %distinct, 4, 'their ids are distinct';
    $_->stop for @servers;
};

subtest 'ids of many children' => sub {
    my $httpd = Httpd->start(mpm => 'prefork', files => { 'www/x' => 'x' }, conf => <<'CONF');
StartServers 8
MaxConnectionsPerChild 5
ReqNotes On
CustomLog @DIR@/logs/access.log "%P %{trace_id}^RF %{span_id}^RF"
CONF
    $httpd->get('/x') for 1 .. 200;
    my (%pids, %ids, %spans);
    for ($httpd->wait_lines('access', qr/./, 200)) {
        my ($pid, $id, $span) = split;
        $pids{$pid} = $ids{$id} = $spans{$span} = 1;
    }
    cmp_ok scalar(keys %pids), '>=', 30, scalar(keys %pids) . ' children, each with a fork behind it';
    is keys %ids,   200, 'no trace ID twice';
    is keys %spans, 200, 'no span ID twice';
    $httpd->stop;
};

done_testing;
