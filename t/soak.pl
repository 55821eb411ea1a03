# Mixed load for a while, with a graceful restart every few seconds and then none: memory and
# descriptors stay flat, nothing crashes, the old module leaves memory, every line is valid.
# `make soak SECONDS=600` runs it; with REQNOTES=off the same server without the module, which
# shows what httpd does by itself.

use strict;
use warnings;
use File::Copy qw(copy);
use Httpd;
use List::Util qw(max sum);
use Site;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{SECONDS} || 600;
my $with    = ($ENV{REQNOTES} || '') ne 'off';
my $every   = 5;
my $so      = $ENV{REQNOTES_SO} || 'build/mod_reqnotes.so';
die "SECONDS must be 120 or more\n" if $seconds < 120;
my %wrong;

# What is wrong, in the form "KIND: what"; the first five of a kind are shown.
sub wrong {
    my ($what) = @_;
    my ($kind) = $what =~ /^([^:]+)/;
    print "WRONG: $what\n" if ++$wrong{$kind} <= 5;
}

# As many children as StartServers says, whatever the load.
my $httpd = Site::prepare(reqnotes => $with, conf => <<'CONF');
StartServers 2
ServerLimit 16
ThreadsPerChild 16
MaxRequestWorkers 256
MaxMemFree 64
MinSpareThreads 16
MaxSpareThreads 256
CONF
my $copy = "$httpd->{dir}/mod_reqnotes.so";

# A new file each time: what is mapped tells of which start it is.
sub install {
    unlink $copy;
    copy($so, $copy) or die "$copy: $!";
    chmod 0755, $copy;
}

if ($with) {
    install();
    $httpd->{so} = $copy;
    $httpd->write_conf;
}
$httpd->run or die "httpd does not start: $httpd->{output}\n";

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted ? $sorted[ @sorted / 2 ] : 0;
}

# Resident memory in kB.
sub memory {
    my ($pid) = @_;
    return Httpd::slurp("/proc/$pid/smaps_rollup") =~ /^Rss:\s+(\d+)/m ? $1 : undef;
}

# Open descriptors, without the connections that come and go.
sub descriptors {
    my ($pid) = @_;
    return scalar grep { defined && !/^socket:/ } map { readlink } glob "/proc/$pid/fd/*";
}

# The module is in the parent once, and from the file that is there now.
sub check_mapping {
    my @maps = grep { /mod_reqnotes/ } split /\n/, Httpd::slurp("/proc/$httpd->{pid}/maps");
    my %inodes = map { (split)[4] => 1 } @maps;
    my $inode = (stat $copy)[1];
    wrong('stale mapping: the parent has the inodes ' . join(' ', sort keys %inodes) . " in memory, not $inode")
        unless keys %inodes == 1 && $inodes{$inode};
    wrong('mapped more than once') if 1 != grep { / 00000000 / } @maps;
    wrong('deleted module mapped') if grep { /\(deleted\)/ } @maps;
}

my $string = qr/"(?:[^"\\\x00-\x1f]++|\\(?:["\\\/bfnrt]|u[0-9a-f]{4}))*+"/;
my $value  = qr/$string|-?\d[0-9.eE+-]*|true|false|\[(?:$string(?:,$string)*+)?\]/;
my $object = qr/\A\{$string:$value(?:,$string:$value)*+\}\z/;
my (%spans, %lines, %crashes);

# Reads a log. Every line is held against JSON's grammar, and one in fifty is decoded too.
sub check_lines {
    my ($log) = @_;
    open my $in, '<:raw', "$httpd->{dir}/logs/$log.log" or return;
    while (my $line = <$in>) {
        last if $line !~ /\n\z/;  # it is being written
        ++$lines{$log};
        wrong("$log: " . length($line) . ' bytes in a line') if length $line > 4096;
        chomp $line;
        my $text = $line;
        my $good = $line =~ $object && utf8::decode($text);
        $good &&= eval { from_json($line) } if $lines{$log} % 50 == 0;
        wrong("$log: no JSON: " . substr $line, 0, 300) unless $good;
        ++$lines{"$log lost"} if $line =~ /RN0008/;
        next if $log ne 'access';
        my ($span) = $line =~ /"span_id":"([0-9a-f]{16})"/ or wrong("no span ID: $line");
        wrong("span ID twice: $span") if $span && $spans{ pack 'H*', $span }++;
    }
}

# Reads all logs and empties them, so that neither the disk fills nor this program. The few lines
# that come between the one and the other stay unread.
sub check_logs {
    wrong("crash: $_") for grep { !$crashes{$_}++ } $httpd->crashes;
    if ($with) { check_lines($_) for qw(access json piped) }
    truncate $_, 0 for glob "$httpd->{dir}/logs/*.log";
}

# The samples of one figure: flat when the later ones are no higher than the earlier ones.
my (%samples, @flat);

sub flat {
    my ($name, $per_cent, $more, @values) = @_;
    # Warming up. A child that is never replaced takes longer: its pools and heap still grow, with
    # the module and without.
    splice @values, 0, int(@values / ($name =~ /without/ ? 2 : 3));
    my $half  = int(@values / 2);
    my $first = median(@values[ 0 .. $half - 1 ]);
    my $last  = median(@values[ $half .. $#values ]);
    my $is_flat = @values >= 4 && $last <= $first * (1 + $per_cent / 100) + $more;
    push @flat, sprintf "%-34s %7d %9d %9d %9d  %s\n", $name, scalar @values, $first, $last, max(@values), $is_flat ? 'flat' : 'NOT FLAT';
    wrong("not flat: $name: " . join ' ', @values) unless $is_flat;
}

sub sample {
    my ($phase) = @_;
    my @children = $httpd->children;
    # Piped logs are children too, and a generation that is ending has fewer threads left.
    my @serving = grep { Httpd::slurp("/proc/$_/comm") =~ /apache2|httpd/ } @children;
    my $now = time;
    push @{ $samples{"$phase parent memory"} }, memory($httpd->{pid}) // 0;
    push @{ $samples{"$phase parent descriptors"} }, descriptors($httpd->{pid});
    push @{ $samples{"$phase children"} }, scalar @serving;
    my @newest = (sort { $b <=> $a } @serving)[ 0, 1 ];
    my @memory = grep { defined } map { memory($_) } grep { defined } @newest;
    my $memory = @memory ? sum(@memory) / @memory : 0;
    my $descriptors = max(0, map { descriptors($_) } grep { defined } @newest);
    push @{ $samples{"$phase child memory"} }, $memory;
    push @{ $samples{"$phase child descriptors"} }, $descriptors;
    printf "%5d s  %-9s parent %6d kB %3d fd   newest children %6d kB %3d fd, %d in all\n",
        $now - $^T, $phase, $samples{"$phase parent memory"}[-1], $samples{"$phase parent descriptors"}[-1],
        $memory, $descriptors, scalar @serving;
}

$| = 1;
printf "%s s, httpd %s the module\n", $seconds, $with ? 'with' : 'without';
my $begin   = time;
my $clients = Site::start($httpd, 4, 1_000_000);
my $restarts = 0;
while (time < $begin + $seconds * 0.6) {
    sleep $every;
    sample('restarts');
    install() if $with;
    check_logs();
    $httpd->graceful or wrong('no graceful restart');
    ++$restarts;
    check_mapping() if $with;
}
while (time < $begin + $seconds) {
    my $next = time + $every;
    check_logs();
    sleep max(0, $next - time);
    sample('none');
}
my ($asked, @complaints) = $clients->stop;
wrong("wrong answer: $_") for @complaints;
wrong("crash: $_") for grep { !$crashes{$_}++ } $httpd->end('WINCH');
check_logs();

my $requests = 0;
$requests += $_ for values %$asked;
printf "\n%d requests in %d s, over %d graceful restarts:\n", $requests, time - $begin, $restarts;
print join(', ', map { "$asked->{$_} $_" } sort { $asked->{$b} <=> $asked->{$a} } keys %$asked), "\n";
printf "%d lines of the access log, %d of the JSON error log, %d of the piped one read; %d distinct span IDs; %d times lines were lost\n",
    (map { $lines{$_} // 0 } qw(access json piped)), scalar keys %spans, ($lines{'json lost'} // 0) + ($lines{'piped lost'} // 0) if $with;
printf "\n%-34s %7s %9s %9s %9s\n", 'median of each half', 'samples', 'first', 'second', 'most';
for my $phase (qw(restarts none)) {
    my $name = $phase eq 'none' ? 'without a restart' : 'with restarts';
    flat("parent, kB, $name",      3, 256, @{ $samples{"$phase parent memory"} });
    flat("parent, files, $name",   0, 0,   @{ $samples{"$phase parent descriptors"} });
    flat("children, kB, $name",    3, 256, @{ $samples{"$phase child memory"} });
    flat("children, files, $name", 0, 8,   @{ $samples{"$phase child descriptors"} });
}
print @flat;
print "\n", %wrong ? join('', map { "WRONG: $wrong{$_} times: $_\n" } sort keys %wrong) : "nothing wrong\n";
exit(%wrong ? 1 : 0);
