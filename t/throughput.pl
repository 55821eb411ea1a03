# Requests for each second, and the processor's time for each request, without a log, with one by
# hand and with ours, measured with wrk: `make throughput`. Three servers run side by side, and are
# asked one after the other, in rounds, so that what else the machine does meets all of them. It
# still is noisy: client and servers share the processors. `make cost` counts, and is exact.
#
#   SECONDS  of each measurement (3)
#   ROUNDS   (15)
#   PAGE     writes the table of that page

use strict;
use warnings;
use Beside;
use Httpd;
use POSIX ();

my $seconds = $ENV{SECONDS} || 3;
my $rounds  = $ENV{ROUNDS} || 15;

my @kinds = (
    [ 'no log',  '', reqnotes => 0 ],
    [ 'by hand', hand('', @names), reqnotes => 0, modules => ['unique_id'] ],
    [ 'ours',    $on . fields(@names[ 3, 4 ]) . $json ],
);
my @servers = map {
    my ($name, $conf, @args) = @$_;
    Httpd->start(files => { 'www/x' => 'x' x 99 . "\n" }, conf => "MaxKeepAliveRequests 0\n@{[ notes('value', @names) ]}$conf", @args);
} @kinds;

# The time that the processes of a server have used, in seconds.
sub used {
    my ($server) = @_;
    my $ticks = 0;
    for ($server->{pid}, $server->children) {
        my @stat = split ' ', Httpd::slurp("/proc/$_/stat") =~ s/.*\) //r;
        $ticks += $stat[11] + $stat[12];
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK);
}

# Requests for each second of a server, and microseconds of processor for each. Its log begins anew,
# so that no disk gets full.
sub measure {
    my ($server, $for) = @_;
    truncate "$server->{dir}/logs/access.log", 0 if -e "$server->{dir}/logs/access.log";
    my $headers = join ' ', map { "-H '$_: $browser{$_}'" } sort keys %browser;
    my $before  = used($server);
    my $told = qx{wrk -t 1 -c 8 -d $for $headers 'http://127.0.0.1:$server->{port}/x?n=1' 2>&1};
    my ($count, $rate) = $told =~ m{(\d+) requests in .*Requests/sec: +([\d.]+)}s;
    die $told if !$rate || $told =~ /Non-2xx|Socket errors/;
    return [ $rate, (used($server) - $before) / $count * 1e6 ];
}
sub median { my @sorted = sort { $a <=> $b } @_; return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2 }

$| = 1;
measure($_, 1) for @servers;
my @figures;
for my $round (1 .. $rounds) {
    $figures[$_][ $round - 1 ] = measure($servers[$_], $seconds) for map { ($_ + $round) % @servers } 0 .. $#servers;
    print "round $round of $rounds: ", join(', ', map { sprintf '%s %.0f/s %.1f us', $kinds[$_][0], @{ $figures[$_][-1] } } 0 .. $#kinds), "\n";
}
my $crashes = grep { $_->end } @servers;

print "\nmedian of $rounds rounds of $seconds s, least and most (noisy: look at the spread)\n";
my $page = "| Median of $rounds rounds of $seconds s | Ratio | Least and most |\n|---|--:|--:|\n";
for my $of (0, 1) {
    for my $pair ([ 1, 0 ], [ 2, 0 ], [ 2, 1 ]) {
        my ($this, $other) = @$pair;
        my @ratios = map { $figures[$this][$_][$of] / $figures[$other][$_][$of] } 0 .. $rounds - 1;
        my ($least, $most) = (sort { $a <=> $b } @ratios)[ 0, -1 ];
        my $name = ('requests for each second', 'time of the processor for each request')[$of] . ", $kinds[$this][0] to $kinds[$other][0]";
        my @shown = ($name, map { sprintf '%.2f', $_ } median(@ratios), $least, $most);
        printf "%-60s %s (%s to %s)\n", @shown;
        $page .= sprintf "| \u%s | %s | %s to %s |\n", @shown;
    }
}
write_page($ENV{PAGE}, 'make throughput', $page) if $ENV{PAGE};
exit !!$crashes;
