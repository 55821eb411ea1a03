# Every answered request has its lines, once and whole: while the server restarts gracefully, and
# while its children are killed but for what was under way in them.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Load;
use Test::More;
use Time::HiRes qw(time);

# The id becomes a note, and every tenth request logs an error.
my $conf = <<'CONF';
MaxKeepAliveRequests 0
Header always set X-Uid "expr=%{HTTP:X-Uid}"
Header always note X-Uid uid
<Location /denied>
  Require all denied
</Location>
ErrorLogFormat "%M"
ReqNotes On
ReqNotesField uid
ReqNotesErrorSummary Off
ReqNotesErrorLog logs/json.log
CustomLog @DIR@/logs/access.log "%^RJ"
<IfModule mpm_event_module>
  StartServers 3
  ServerLimit 8
  ThreadsPerChild 16
  MaxRequestWorkers 128
  MinSpareThreads 16
  MaxSpareThreads 128
</IfModule>
<IfModule mpm_prefork_module>
  StartServers 20
  MinSpareServers 10
  MaxSpareServers 100
</IfModule>
CONF

sub request {
    my ($id) = @_;
    my $path = $id =~ /0-$/ ? 'denied' : 'x';
    return "GET /$path HTTP/1.1\r\nHost: localhost\r\nX-Uid: $id\r\n\r\n";
}

my $begin  = qr/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"/;
my $ids    = qr/"trace_id":"([0-9a-f]{32})","span_id":"[0-9a-f]{16}","uid":"(u\d+-\d+-)"/;
my $access = qr/^\{$begin,$ids,"vhost":"localhost","client":"127\.0\.0\.1","method":"GET","path":"\/(?:x|denied)","protocol":"HTTP\/1\.1","status":(?:200|403),"bytes":\d+,"outcome":"completed","duration_us":\d+\}$/;
my $error  = qr/^\{$begin,"level":"error",$ids,"module":"authz_core","code":"AH01630","vhost":"localhost","client":"127\.0\.0\.1","method":"GET","path":"\/denied","pid":\d+,"tid":\d+,"message":"client denied by server configuration: [^"]*"\}$/;

my $other  = qr/^\{$begin,"level":"(?!error)[^{}]*\}$/;

# Compares the lines of a log with what the clients saw; gives the ids that were answered and
# have none. A process that is killed while it writes to a file may have written up to the end of
# a page, as Linux does it: each of the `killed` may leave one beginning of a line.
sub compare {
    my ($name, $httpd, $log, $pattern, $answered, $open, $killed) = @_;
    my (%lines, %traces, @torn);
    my ($at, $cut) = (0, 0);
    for my $line ($httpd->lines($log)) {
        my @parts = $line;
        while ($killed && $parts[-1] =~ /^(.+?)(\{"time":.*)/ && !(($at + $+[1]) % 4096)) {
            $at += $+[1];
            my ($beginning, $rest) = ($1, $2);
            # What was cut may be the newline alone.
            splice @parts, -1, 1, ($beginning =~ /\}$/ ? $beginning : ()), $rest;
            ++$cut;
        }
        $at += 1 + length $parts[-1];
        for (@parts) {
            if (/$pattern/) { ++$traces{$1}; ++$lines{$2} }
            else            { push @torn, $_ unless /$other/ && !/AH01630/ }
        }
    }
    is_deeply [ @torn[ 0 .. ($#torn > 3 ? 3 : $#torn) ] ], [], "$name: no line is torn";
    cmp_ok $cut, '<=', $killed, "$name: $cut of $killed killed children left the beginning of a line" if $killed;
    is scalar(grep { $_ > 1 } values %lines), 0, "$name: no request has two";
    is keys %traces, keys %lines, "$name: no two have the same trace ID";
    my %sent = map { $_ => 1 } @$answered, @$open;
    is_deeply [ grep { !$sent{$_} } keys %lines ], [], "$name: none is of a request that was never sent";
    return grep { !$lines{$_} } @$answered;
}

# Runs a load during `meanwhile`, which gets the server, and a function that lets some requests
# pass.
sub load_with {
    my ($mpm, $requests, $meanwhile) = @_;
    my $httpd = Httpd->start(mpm => $mpm, conf => $conf, files => { 'www/x' => 'x' });
    my $begin = time;
    my $load = Load->start($httpd, clients => 2, connections => 8, requests => $requests,
        go_on => 1, request => \&request);
    my $size = sub { -s "$httpd->{dir}/logs/access.log" || 0 };
    $meanwhile->($httpd, sub {
        my $before = $size->();
        wait_until(sub { $size->() > $before + 300_000 }) or fail 'the load goes on';
    });
    $load->enough;
    my $report = $load->report;
    is_deeply [ @{ $report->{failed} }, @{ $report->{stuck} } ], [], 'every client went on to the end';
    my @answered = @{ $report->{answered} };
    cmp_ok scalar(@answered), '>=', $requests,
        @answered . ' requests were answered, ' . @{ $report->{open} } . ' were not';
    note sprintf '%s: %d answered, %d without an answer, %d connections ended, %.1f s', $mpm,
        scalar @answered, scalar @{ $report->{open} }, scalar @{ $report->{cut} }, time - $begin;
    return ($httpd, $report);
}

my %requests = (event => 50_000, prefork => 10_000);

for my $mpm (qw(event prefork)) {
    subtest "graceful restarts with the $mpm MPM" => sub {
        my $restarts = 0;
        my ($httpd, $report) = load_with($mpm, $requests{$mpm}, sub {
            my ($httpd, $pass) = @_;
            for (1 .. 10) {
                $pass->();
                ++$restarts if $httpd->graceful;
            }
            $pass->();
        });
        is $restarts, 10, 'ten restarts';
        my @answered = @{ $report->{answered} };
        my @denied   = grep { /0-$/ } @answered;
        $httpd->stop('WINCH');
        is_deeply [ compare('access log', $httpd, 'access', $access, \@answered, $report->{open}) ],
            [], @answered . ' answered requests: 0 have no access line';
        is_deeply [ compare('JSON error log', $httpd, 'json', $error, \@denied, $report->{open}) ],
            [], @denied . ' of them logged an error: 0 have no line of it';
    };
}

for my $mpm (qw(event prefork)) {
    subtest "killed children with the $mpm MPM" => sub {
        my $kills = 0;
        my ($httpd, $report) = load_with($mpm, $requests{$mpm}, sub {
            my ($httpd, $pass) = @_;
            my %killed;
            for my $round (1 .. 10) {
                $pass->();
                my @children;
                wait_until(sub { @children = grep { !$killed{$_} } $httpd->children });
                # One of them, and twice all.
                @children = $children[ rand @children ] if $round % 5;
                $killed{$_} = 1 for @children;
                $kills += kill KILL => @children;
            }
            $pass->();
        });
        cmp_ok $kills, '>=', 10, "$kills children were killed";
        my @answered = @{ $report->{answered} };
        my @denied   = grep { /0-$/ } @answered;
        # A line is written after the answer. The last answer on a connection that then ended may
        # have been given by a child that was killed before it could write.
        my %under_way = map { $_ => 1 } @{ $report->{cut} };
        is_deeply [ grep { !/exit signal Killed/ } $httpd->end('WINCH') ], [], 'no other child ended by a signal';
        my @missing = compare('access log', $httpd, 'access', $access, \@answered, $report->{open}, $kills);
        is_deeply [ grep { !$under_way{$_} } @missing ], [], @answered . ' answered requests: '
            . @missing . ' have no access line, all of them the last on one of '
            . keys(%under_way) . ' connections that were cut';
        @missing = compare('JSON error log', $httpd, 'json', $error, \@denied, $report->{open}, $kills);
        is_deeply [ grep { !$under_way{$_} } @missing ], [],
            @denied . ' of them logged an error: ' . @missing . ' have no line of it';
    };
}

done_testing;
