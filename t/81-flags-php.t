# Feature flags by an application in PHP, inside httpd and behind it: flipped while requests run, on
# the lines of both logs, and turned off by the code that they lead to.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Metrics;
use Test::More;
use Time::HiRes qw(sleep time);

my $page = <<'PHP';
<?php
require '@DIR@/reqnotes.php';
$on = isset($_GET['ask']) && reqnotes_flag($_GET['ask']);
if (isset($_GET['say'])) {
    // What PHP-FPM says before its head comes before what was asked.
    echo ' ';
    flush();
    usleep(200000);
    error_log($_GET['say']);
}
if (isset($_GET['all']) || ($on && isset($_GET['fatal']))) no_such_function();
if ($on && isset($_GET['kill'])) exec('kill -9 ' . getmypid());
echo $on ? 'new' : 'old';
PHP

my $conf = <<"CONF";
ReqNotes On
ReqNotesFlags \@DIR\@/flags/main trips=\@DIR\@/flags/trips
CustomLog \@DIR\@/logs/access.log "%^RJ"
ReqNotesErrorLog logs/json.log
ErrorLogFormat "[%L] [%N] %M"
LogLevel info
ErrorDocument 503 /sorry
$location
CONF
my %conf = (mod_php => <<'MOD', 'PHP-FPM' => <<'FPM');
php_admin_flag log_errors on
php_admin_flag display_errors off
MOD
ReqNotesResponseHeaders X-Note-
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
FPM

my $httpd;

sub flags {
    my ($text) = @_;
    $httpd->add_file('flags/.new', $text);
    rename "$httpd->{dir}/flags/.new", "$httpd->{dir}/flags/main" or die $!;
}
sub seen { return $httpd->get('/page.php?ask=search_v2')->{content} }
sub becomes { my ($is) = @_; return wait_until(sub { seen() eq $is }, 5) }
sub told { my ($id) = @_; return grep { /$id/ } $httpd->lines('error') }
sub monitor { return (grep { (Httpd::slurp("/proc/$_/comm") // '') =~ /^reqnotesmonitor/ } $httpd->children)[0] }
sub counted { return value_of($httpd, 'reqnotes_flag_requests_total', flag => $_[0], state => $_[1]) // 0 }

# Visitors who ask all the time; gives how to end them, which gives `STATUS CONTENT` of each answer.
sub visitors {
    my $enough = "$httpd->{dir}/run/enough";
    my @readers = map {
        my $pid = open(my $reader, '-|') // die "fork: $!";
        if ($pid == 0) {
            until (-e $enough) {
                my $answer = eval { $httpd->get('/page.php?ask=search_v2&load=1') } || { status => 0, content => $@ };
                print "$answer->{status} $answer->{content}\n";
            }
            close STDOUT;
            POSIX::_exit(0);
        }
        $reader;
    } 1 .. 2;
    return sub {
        $httpd->add_file('run/enough', '');
        return map { my $reader = $_; <$reader> } @readers;
    };
}

# Requests that ask and fail, and those of others that do not, until the flag is off.
sub trips {
    my ($fails) = @_;
    return wait_until(sub {
        $httpd->get('/page.php') for 1 .. 15;
        $httpd->get("/page.php?ask=search_v2&$fails=1") for 1 .. 5;
        return seen() eq 'old';
    }, 30);
}

sub test_application {
    my ($fpm) = @_;
    my $end = visitors();
    my @took;
    for my $turn (1 .. 3) {
        for ([ 'off', 'old' ], [ 'on', 'new' ]) {
            my $begin = time;
            flags("search_v2 $_->[0]\n");
            ok becomes($_->[1]), "turned $_->[0] while requests run";
            push @took, time - $begin;
        }
    }
    # One may be late where the machine is busy.
    cmp_ok +(sort { $a <=> $b } @took)[3], '<', 1.5, 'followed within 1.5 s' or diag "@took";
    $httpd->graceful;
    is seen(), 'new', 'a flag is on after a graceful restart';
    kill KILL => (my $killed = monitor());
    is seen(), 'new', '... and without a monitor';
    ok wait_until(sub { my $now = monitor(); $now && $now != $killed }, 10), '... another one comes';
    flags("search_v2 off\n");
    ok becomes('old'), '... and reads';
    my @answers = $end->();
    cmp_ok scalar(@answers), '>', 50, scalar(@answers) . ' requests ran meanwhile';
    is_deeply [ grep { !/^200 (?:old|new)$/ } @answers ], [], '... and none failed';
    my %stood = map { join(',', @{ from_json($_)->{flags} // [] }) => 1 } grep { /load=1/ } $httpd->lines('access');
    is_deeply [ sort keys %stood ], [ '-search_v2', 'search_v2' ], '... each with its flag on its line';

    flags("search_v2 on\n");
    becomes('new');
    for my $case ([ 'search_v2', 'search_v2' ], [ 'comments', '-comments' ]) {
        my ($flag, $stood) = @$case;
        $httpd->get("/page.php?ask=$flag&say=with-$flag");
        my $line = $httpd->json('access', qr/with-$flag/);
        is_deeply $line->{flags}, [$stood], "$stood: the access line";
        like $httpd->line('error', qr/\] .*with-$flag/), qr/^\[$line->{trace_id}\] \[flags=$stood\] /, '... a line of the error log';
        is_deeply $httpd->json('json', qr/"message":"[^"]*with-$flag/)->{flags}, [$stood], '... and one of the JSON error log';
    }

    flags("search_v2 on trip=20%/10/10s\n");
    becomes('new');
    sleep 1.2;    # a look
    for (1 .. 30) { $httpd->get('/page.php?all=1&ask=search_v2'); $httpd->get('/page.php?all=1') }
    is $httpd->json('access', qr/all=1&ask/)->{status}, 500, 'all requests fail';
    sleep 2.2;    # two looks
    is seen(), 'new', '... which is not the doing of the flag';
    ok trips('fatal'), 'a fatal error behind the flag turns it off';
    my ($trace) = join(' ', told('RN0040')) =~ /flag search_v2 is turned off: .* trace_id=(\w+)$/;
    $trace //= 'none';
    my $line = $httpd->json('access', qr/$trace/);
    is_deeply [ @$line{qw(status flags)} ], [ 500, ['search_v2'] ], '... told with the trace of a request that had it';
    my $error = $httpd->json('json', qr/$trace.*no_such_function|no_such_function.*$trace/);
    is_deeply $error->{flags}, ['search_v2'], '... whose error has the flag too';
    is $httpd->get('/page.php?ask=search_v2&fatal=1')->{status}, 200, 'the old way works';
    $httpd->graceful;
    is seen(), 'old', '... after a graceful restart';
    kill KILL => ($killed = monitor());
    ok wait_until(sub { my $now = monitor(); $now && $now != $killed }, 10);
    sleep 1.2;
    is seen(), 'old', '... and with another monitor';
}

# A worker that is killed says nothing of what it had asked.
sub test_killed {
    flags("search_v2 on trip=20%/10/60s\n");
    becomes('new');
    my $before = counted('search_v2', 'unanswered');
    my $answer = $httpd->get('/page.php?ask=search_v2&kill=1');
    is $answer->{status}, 503, 'a flag kills its worker';
    ok !exists $httpd->json('access', qr/kill=1/)->{flags}, '... and nobody knows that it was asked';
    is counted('search_v2', 'unanswered'), $before + 1, '... but that it had the flag';
    $httpd->get('/page.php') for 1 .. 40;
    $httpd->get('/page.php?ask=search_v2&kill=1') for 1 .. 20;
    sleep 2.2;
    is seen(), 'new', '... for which a trip does not count it';
    is counted('search_v2', 'unanswered'), $before + 21;
    flags("search_v2 on trip=20%/10/10s unanswered\n");
    becomes('new');
    sleep 1.2;
    ok trips('kill'), '... unless it is said';
    is scalar(told('RN0040: flag search_v2 ')), 2, '... with a message';
    is $httpd->get('/page.php?ask=search_v2&kill=1')->{status}, 200, 'the old way works';
}

for my $sapi ('mod_php', 'PHP-FPM') {
    subtest $sapi => sub {
        my $fpm = $sapi eq 'PHP-FPM';
        $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi)], conf => "$conf$conf{$sapi}",
            files => { 'reqnotes.php' => Httpd::slurp('conf/php/reqnotes.php'), 'www/sorry' => 'sorry' });
        $httpd->add_file('www/page.php', $httpd->fill_in($page));
        flags("search_v2 on\n");
        start_fpm($httpd) if $fpm;
        $httpd->run or BAIL_OUT($httpd->{output});
        ok becomes('new'), 'an application has a flag';
        test_application($fpm);
        test_killed() if $fpm;
        is scalar(told('RN0042')), 0, 'trips could always be written' or diag told('RN0042');
        $httpd->stop;
    };
}

done_testing;
