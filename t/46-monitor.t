# The monitor: one process, only where something is counted, and nothing that an operator would
# wonder about, whatever becomes of it or of httpd.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Metrics;
use POSIX qw(setsid WNOHANG);
use Test::More;
use Time::HiRes qw(time sleep);

my $conf = "ReqNotes On\nReqNotesBusiest user_id\n$location";

sub comm { return (Httpd::slurp("/proc/$_[0]/comm") // '') =~ s/\n//r }

# The processes of a name below a server.
sub named {
    my ($httpd, $name) = @_;
    return grep { comm($_) eq $name } $httpd->children;
}

sub monitors { return named($_[0], 'reqnotesmonitor') }

sub one_monitor {
    my ($httpd, @not) = @_;
    my %not = map { $_ => 1 } @not;
    return wait_until(sub { my @found = monitors($httpd); @found == 1 && !$not{ $found[0] } ? $found[0] : undef }, 10);
}

sub is_gone { return !-e "/proc/$_[0]" || Httpd::slurp("/proc/$_[0]/stat") =~ /\) Z / }

# Seconds until a condition holds; undef where it does not.
sub seconds_until {
    my ($condition) = @_;
    my $begin = time;
    return wait_until($condition, 15) ? time - $begin : undef;
}

sub age { return value_of($_[0], 'reqnotes_monitor_age_seconds') }
sub counted { return value_of($_[0], 'reqnotes_http_requests_total') // 0 }

# What operators would ask about.
sub odd { return grep { /RN0033|RN0032|AH00488|lost child|AH0004[5-9]|exit signal|RN0029/ } $_[0]->lines('error') }

subtest 'nothing is started that was not asked for' => sub {
    my $httpd = Httpd->start(conf => "ReqNotes On\n");
    is_deeply [ monitors($httpd) ], [], 'no monitor';
    $httpd->stop;
};

for my $mpm (qw(event worker prefork)) {
    subtest "with the $mpm MPM" => sub {
        my $httpd = Httpd->start(mpm => $mpm, conf => $conf, files => { 'www/x' => 'x' });
        my $pid = one_monitor($httpd);
        ok $pid, 'one monitor, by its name';
        my $ask = sub { my $before = counted($httpd); $httpd->get('/x'); wait_until(sub { counted($httpd) == $before + 1 }) };
        ok $ask->(), 'requests are counted';
        if ($> == 0) {
            my ($uid) = Httpd::slurp("/proc/$pid/status") =~ /^Uid:\s+(\d+)/m;
            is $uid, (getpwnam 'www-data')[2], 'its user is that of the children';
        }
        is_deeply [ grep { /socket|pipe/ } map { readlink } glob "/proc/$pid/fd/*" ], [], 'no listening socket, and no pipe';
        ok wait_until(sub { age($httpd) < 2 }), 'it goes on';

        $httpd->graceful;
        my $second = one_monitor($httpd, $pid);
        ok $second && is_gone($pid), 'after a graceful restart, another one alone';
        is counted($httpd), 1, '... and what was counted is still there';
        my $before = () = $httpd->lines('error');
        kill HUP => $httpd->{pid};
        my $third = one_monitor($httpd, $pid, $second);
        ok $third && is_gone($second), 'after a restart too';
        ok wait_until(sub { $httpd->connect }), '... which serves';
        ok $ask->(), '... and counts on';
        is counted($httpd), 2, '... where it was';
        is_deeply [ odd($httpd) ], [], 'no message';

        kill KILL => $third;
        my $seconds = seconds_until(sub { my @found = monitors($httpd); @found == 1 && $found[0] != $third && age($httpd) < 1 });
        ok defined $seconds && $seconds < 3, 'killed, it is back' or diag $seconds;
        is scalar($httpd->wait_lines('error', qr/RN0033: the monitor \(process $third\) has ended; another one is started/)), 1, '... which is told';
        ok $ask->(), '... and requests go on';
        my $fourth = one_monitor($httpd);
        kill STOP => $fourth;
        ok wait_until(sub { age($httpd) > 1.5 }), 'stopped, its age tells';
        ok $ask->(), '... and requests go on';
        kill CONT => $fourth;
        ok wait_until(sub { age($httpd) < 1 }, 3), 'woken, it goes on';
        kill $_ => $fourth for qw(TERM HUP INT USR1 WINCH);
        is $httpd->graceful && scalar(grep { /RN0033/ } $httpd->lines('error')), 1, 'other signals do nothing';
        my $last = one_monitor($httpd, $fourth);
        kill STOP => $last;
        $httpd->stop;
        ok is_gone($last), 'it ends with httpd, even if it is stopped';
    };
}

subtest 'the parent is killed' => sub {
    my $httpd = Httpd->start(conf => $conf);
    my $pid = one_monitor($httpd);
    my @all = $httpd->children;
    kill KILL => $httpd->{pid};
    my $seconds = seconds_until(sub { is_gone($pid) });
    ok defined $seconds && $seconds < 2.5, 'it ends' or diag $seconds;
    kill KILL => @all;
    waitpid delete $httpd->{pid}, 0;
};

subtest 'httpd -X' => sub {
    my $httpd = Httpd->start(conf => $conf, options => ['-X'], files => { 'www/x' => 'x' });
    my $pid = one_monitor($httpd);
    ok $pid, 'has a monitor';
    $httpd->get('/x');
    ok wait_until(sub { counted($httpd) == 1 }), '... and counts';
    $httpd->stop;
    ok is_gone($pid), '... which ends';
};

subtest 'several servers' => sub {
    my @servers = map { Httpd->start(conf => $conf, files => { 'www/x' => 'x' }) } 1 .. 2;
    $servers[0]->get('/x') for 1 .. 3;
    $servers[1]->get('/x');
    ok wait_until(sub { counted($servers[0]) == 3 && counted($servers[1]) == 1 }), 'each counts its own';
    is scalar(monitors($_)), 1, '... with a monitor' for @servers;
    $_->stop for @servers;
};

# A log program ends when nobody can write to it any more.
my $pipes = <<'CONF';
ErrorLog "|/bin/cat >> @DIR@/logs/error.log"
CustomLog "|/usr/bin/rotatelogs @DIR@/logs/access-%Y.log 86400" "%^RJ"
CustomLog "|$/bin/cat > /dev/null" "%^RL"
ReqNotesErrorLog "|/bin/cat"
<VirtualHost *:@PORT@>
  ErrorLog "|/bin/cat"
  ReqNotesErrorLog "|/usr/bin/rotatelogs @DIR@/logs/errors-%Y.log 86400"
</VirtualHost>
CONF

sub programs { my ($httpd) = @_; return grep { comm($_) =~ /^(?:cat|rotatelogs|sh)$/ } $httpd->children }

subtest 'log programs' => sub {
    plan skip_all => 'no rotatelogs' unless -x '/usr/bin/rotatelogs';
    my $httpd = Httpd->start(conf => "$conf$pipes");
    for my $how ('graceful restart', 'restart') {
        my @before;
        ok wait_until(sub { (@before = programs($httpd)) >= 5 }), "before a $how, the programs of the logs";
        my @serving = grep { comm($_) !~ /reqnotesmonitor|cat|rotatelogs|sh/ } $httpd->children;
        my $monitor = one_monitor($httpd);
        if ($how eq 'restart') { kill HUP => $httpd->{pid} }
        else { $httpd->graceful }
        ok one_monitor($httpd, $monitor), 'another monitor';
        ok wait_until(sub { !grep { !is_gone($_) } @serving }), '... and other children';
        my $seconds = seconds_until(sub { !grep { !is_gone($_) } @before });
        ok defined $seconds && $seconds < 1, 'the old programs end at once'
            or diag $seconds // 'never', ': ', join ', ', map { comm($_) } grep { !is_gone($_) } @before;
    }
    my @before = (programs($httpd), one_monitor($httpd));
    my @fds = grep { /pipe/ } map { readlink } glob "/proc/$before[-1]/fd/*";
    my %fds = map { $_ => 1 } @fds;
    cmp_ok scalar(keys %fds), '<=', 2, 'the monitor writes to the two logs of the main server' or diag "@fds";
    $httpd->stop;
    my $seconds = seconds_until(sub { !grep { !is_gone($_) } @before });
    ok defined $seconds && $seconds < 1, '... and all end when httpd does' or diag $seconds;
};

subtest 'httpd as process 1' => sub {
    plan skip_all => 'not root' if $> != 0;
    plan skip_all => 'no namespaces here' if system('unshare', '-pf', '--mount-proc', 'true') != 0;
    my $httpd = Httpd->prepare(conf => "$conf$pipes", files => { 'www/x' => 'x' });
    $httpd->{under} = [qw(unshare --pid --fork --kill-child --mount-proc --)];
    $httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");
    $httpd->get('/x');
    ok wait_until(sub { counted($httpd) == 1 }), 'it counts';
    ok wait_until(sub { age($httpd) < 1.5 }), '... with a monitor';
    my ($first) = $httpd->children;
    my %below = map { $_ => comm($_) } split ' ', Httpd::slurp("/proc/$first/task/$first/children");
    my ($monitor) = grep { $below{$_} eq 'reqnotesmonitor' } keys %below;
    ok $monitor, '... by its name' or diag join ' ', values %below;
    kill WINCH => $first;
    ok wait_until(sub { is_gone($first) }), 'it stops';
    ok is_gone($monitor), '... and so does the monitor';
    waitpid delete $httpd->{pid}, 0;
};

subtest 'a monitor that hangs' => sub {
    my $httpd = Httpd->start(conf => $conf);
    my $pid = one_monitor($httpd);
    kill STOP => $pid;
    ok wait_until(sub { grep { /RN0033: the monitor \(process $pid\) hung, and was ended/ } $httpd->lines('error') }, 45), 'is told';
    ok one_monitor($httpd, $pid), '... and replaced';
    $httpd->stop;
};

done_testing;
