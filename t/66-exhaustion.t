# What a request needs to be logged runs out: no request waits or fails for it, what is lost is
# counted, and when there is room again, lines are whole.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use IO::Select;
use Load;
use Test::More;

my $conf = <<'CONF';
MaxKeepAliveRequests 0
ErrorLogFormat "%M"
LogLevel warn log_config:crit
ReqNotes On
ReqNotesField uid request:X-Uid
ReqNotesErrorSummary Off
<Location /denied>
  Require all denied
</Location>
<IfModule mpm_event_module>
  StartServers 3
  ThreadsPerChild 8
  MaxRequestWorkers 64
  MinSpareThreads 24
</IfModule>
<IfModule mpm_prefork_module>
  StartServers 10
  MinSpareServers 10
</IfModule>
CONF

# Each request logs an error.
sub request { return "GET /denied HTTP/1.1\r\nHost: localhost\r\nX-Uid: $_[0]\r\n\r\n" }

# Sends requests, which must be answered; gives their ids. No id of two rounds is the same. Where
# httpd closes a connection first, a request has no answer, and may have a line or not.
my $round = 0;
my $open;
sub answers {
    my ($httpd, $count, $when) = @_;
    my $prefix = 'r' . ++$round;
    my $report = Load->start($httpd, clients => 2, connections => 4, requests => $count,
        request => sub { request($prefix . $_[0]) })->report;
    is_deeply [ map { @{ $report->{$_} } } qw(stuck failed) ], [], "$when: nothing is stuck";
    cmp_ok scalar @{ $report->{answered} }, '>=', $count, '... requests are answered';
    $open += @{ $report->{open} };
    return map { $prefix . $_ } @{ $report->{answered} };
}

my $uid = qr/^\{"time":"[^"]+","level":"error","trace_id":"\w+","span_id":"\w+","uid":"([^"]+)",.*AH01630(?!.*"time":).*"\}$/;
my $lost = qr/^\{"time":"[^"]+","level":"warn","module":"reqnotes","code":"RN0008",[^{}]*"messages":(\d+)[^{}]*\}$/;

# The lines of the JSON error log, and the number of those that it says were lost, once that is
# all of them. `lossless` is true where there need be none of these.
sub account {
    my ($httpd, $log, $sent, $lossless) = @_;
    my (%lines, $told, @odd, @extra);
    wait_until(sub {
        push @extra, 'x' . ++$round . '-';
        $httpd->request('GET', '/denied', { 'X-Uid' => $extra[-1] });
        ($told, %lines, @odd) = 0;
        for ($httpd->lines($log)) {
            if    (/$uid/)  { ++$lines{$1} }
            elsif (/$lost/) { $told += $1 }
            else            { push @odd, $_ unless /^\{"time".*"level":"notice".*\}$/ }
        }
        return ($told || $lossless) && keys(%lines) + $told >= @$sent + @extra;
    });
    my @sent = (@$sent, @extra);
    is scalar(grep { $_ > 1 } values %lines), 0, 'no line is there twice';
    cmp_ok abs(keys(%lines) + $told - @sent - $open / 2), '<=', $open / 2,
        @sent . " messages, $open more at most: " . keys(%lines) . " lines, and RN0008 tells of $told lost ones";
    return @odd;
}

sub sink { return "#!/bin/sh\necho \$\$ >\"\$1.pid\"\nexec cat >>\"\$1\"\n" }

subtest 'a pipe whose reader has stopped' => sub {
    each_mpm(sub {
        my $httpd = Httpd->start(mpm => shift, files => { sink => sink() }, conf => $conf . <<'CONF');
ReqNotesErrorLog "|@DIR@/sink @DIR@/logs/json.log"
CustomLog @DIR@/logs/access.log "%^RJ"
CONF
        my $pid = wait_until(sub { (Httpd::slurp("$httpd->{dir}/logs/json.log.pid") =~ /(\d+)\n/)[0] });
        $httpd->wait_lines('error', qr/AH00094/);  # the last message of a start: none of it is lost
        $open = 0;
        my @sent = answers($httpd, 200, 'before');
        kill STOP => $pid;
        push @sent, answers($httpd, 3000, 'while it has stopped');
        kill CONT => $pid;
        my @odd = account($httpd, 'json', \@sent, 1);
        is_deeply \@odd, [], '... and no line is torn';
        is scalar(grep { /$lost/ } $httpd->lines('json')), 0, '... nor lost';
        $httpd->stop('WINCH');
    });
};

# Log files that have no room, until there is some.
sub full_files {
    my ($mpm, $prepare, $make_room) = @_;
    my $httpd = Httpd->prepare(mpm => $mpm, conf => $conf . <<'CONF');
ReqNotesErrorLog @DIR@/full/json.log
CustomLog @DIR@/full/access.log "%^RJ"
CONF
    mkdir "$httpd->{dir}/full" or die;
    $httpd->{under} = [ $prepare->($httpd) ];
    $httpd->run or BAIL_OUT('httpd does not start');
    # As the server sees it, which may have mounted something there.
    symlink "/proc/$httpd->{pid}/root$httpd->{dir}/full/$_.log", "$httpd->{dir}/logs/$_.log" or die for qw(json access);
    $httpd->wait_lines('error', qr/AH00094/);  # the last message of a start: none of it is lost
    $open = 0;
    my @sent = answers($httpd, 1000, 'while it gets full');
    push @sent, answers($httpd, 200, 'when it is full');
    my $before = () = $httpd->lines('json');
    $make_room->($httpd);
    my @later = answers($httpd, 100, 'when there is room');
    my @odd = account($httpd, 'json', [ @sent, @later ]);
    cmp_ok scalar(@odd), '<=', 1, '... one line is torn, and spoils no other one' or diag @odd;
    my $text = join "\n", $httpd->lines('access');
    is scalar(grep { index($text, qq("$_")) < 0 } @later), 0, 'the access log goes on, too';
    # A line that did not fit is followed by the next one, as httpd writes it.
    my @joined = grep { !/^\{"time":"(?:(?!"time").)*"duration_us":\d+,"user_agent":"test"\}$|^\{"time":"(?:(?!"time").)*"duration_us":\d+\}$/ } $httpd->lines('access');
    cmp_ok scalar(@joined), '<=', 1, '... where one line was torn';
    is_deeply [ $httpd->end('WINCH') ], [], 'no child of httpd crashed';
}

subtest 'the limit of the size of a file' => sub {
    each_mpm(sub {
        full_files(shift,
            sub { 'prlimit', '--fsize=65536:unlimited' },
            sub {
                my ($httpd) = @_;
                is system('prlimit', "--pid=$httpd->{pid}", '--fsize=unlimited'), 0, 'the limit is raised';
                my %old = map { $_ => 1 } $httpd->children;
                ok $httpd->graceful, '... and its children know after a restart';
                ok wait_until(sub { !grep { $old{$_} } $httpd->children }), '... when the old ones are gone';
            });
    });
};

subtest 'a full disk' => sub {
    my @mount = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"');
    plan skip_all => 'only root can mount a small disk'
        if $> != 0 || system(@mount, '/tmp', 'true') != 0;
    each_mpm(sub {
        full_files(shift,
            sub { my ($httpd) = @_; (@mount[0 .. 3], $mount[4] =~ s/&&/&& head -c 131072 \/dev\/zero >"\$0\/filler" &&/r, "$httpd->{dir}/full") },
            sub { my ($httpd) = @_; unlink "/proc/$httpd->{pid}/root$httpd->{dir}/full/filler" or die "filler: $!" });
    });
};

# The same server without the module's work. It has as many logs, because each takes a descriptor.
sub off { return $_[0] =~ s/ReqNotes On/ReqNotes Off/r =~ s/^ReqNotesErrorLog.*/CustomLog \/dev\/null %h/mr }

subtest 'the limit of descriptors' => sub {
    my $one_child = $conf . <<'CONF';
ReqNotesErrorLog logs/json.log
CustomLog @DIR@/logs/access.log "%^RJ uid=%{X-Uid}i"
KeepAliveTimeout 60
<IfModule mpm_event_module>
  StartServers 1
  ServerLimit 1
  ThreadsPerChild 32
  MaxRequestWorkers 32
  MaxSpareThreads 64
</IfModule>
CONF
    my %served;
    for my $mode (qw(On Off)) {
        my $httpd = Httpd->start(mpm => 'event', under => [ 'prlimit', '--nofile=24' ],
            conf => $mode eq 'On' ? $one_child : off($one_child));
        my (@sockets, @answered);
        # Connections that stay, until one of them is not served.
        for my $number (1 .. 24) {
            my $socket = $httpd->connect or last;
            push @sockets, $socket;
            syswrite $socket, request("fd$number-");
            IO::Select->new($socket)->can_read(2) && sysread($socket, my $reply, 65536) or last;
            push @answered, "fd$number-";
        }
        $served{$mode} = @answered;
        cmp_ok scalar(@answered), '<', 24, "$mode: connections reach the limit";
        my @lines = $httpd->wait_lines('access', qr/uid=fd/, scalar @answered);
        is_deeply [ grep { my $id = $_; 1 != grep { /uid=\Q$id\E/ } @lines } @answered ], [],
            '... each of ' . @answered . ' answers has its line';
        is_deeply [ grep { !/^\{.*\} uid=/ } @lines ], [], '... which is whole' if $mode eq 'On';
        is scalar(my @errors = grep { /"uid":"fd/ } $httpd->lines('json')), scalar @answered,
            '... and so has each error' if $mode eq 'On';
        is_deeply [ $httpd->crashes ], [], '... and no child crashed';
        undef @sockets;
        # Out of descriptors with its first child, httpd ends by itself (AH02324).
        $httpd->end;
    }
    # The connection by which the start was awaited may still count.
    cmp_ok abs($served{On} - $served{Off}), '<=', 1, 'with the module as many as without';
};

# Most bytes of address space that a process of the server has had.
sub peak { return (sort { $b <=> $a } map { Httpd::slurp("/proc/$_/status") =~ /VmPeak:\s+(\d+)/ } $_[0]{pid}, $_[0]->children)[0] * 1024 }

subtest 'little memory' => sub {
    my $logs = "ReqNotesErrorLog logs/json.log\nCustomLog \@DIR\@/logs/access.log \"%^RJ\"\n";
    # Lines that must be cut need most.
    my $long = sub { request($_[0]) =~ s/denied/'denied?' . 'q' x 7000/er
            =~ s/(?=X-Uid)/'Referer: ' . "\xff" x 7000 . "\r\nUser-Agent: " . "\"" x 7000 . "\r\n"/er };
    for my $mpm (qw(event prefork)) {
        my $load = sub {
            my ($httpd, $name) = @_;
            my $report = Load->start($httpd, clients => 2, connections => 4, requests => 500, request => $long)->report;
            is_deeply [ map { @{ $report->{$_} } } qw(stuck failed) ], [], "$name: nothing is stuck";
            return @{ $report->{answered} };
        };
        my $stack = $mpm eq 'event' ? "ThreadStackSize 86016\n" : '';
        my $usual = Httpd->start(mpm => $mpm, conf => off($conf . $logs));
        $load->($usual, "$mpm, without limits and ReqNotes Off");
        my $peak = peak($usual);
        $usual->end;
        for my $case ([ 'the smallest stacks that are accepted', [qw(prlimit --stack=262144)], $stack ],
            [ 'address space for 4 MB more', [ 'prlimit', '--as=' . ($peak + (4 << 20)) ], '' ]) {
            my ($name, $under, $more) = @$case;
            $name = 'a stack of 256 KB' if $name =~ /stack/ && $mpm eq 'prefork';
            my $httpd = Httpd->start(mpm => $mpm, under => $under, conf => $conf . $logs . $more);
            my @answered = $load->($httpd, "$mpm, $name");
            cmp_ok scalar(@answered), '>=', 500, '... requests are answered';
            $httpd->stop('WINCH');
            for my $log (qw(access json)) {
                my %lines;
                ++$lines{$_} for map { /^\{"time":.*"uid":"([^"]+)".*\}$/ } $httpd->lines($log);
                is_deeply [ grep { ($lines{$_} || 0) != 1 } @answered ], [], "... and each has its line in the $log log";
            }
        }
    }
};

done_testing;
