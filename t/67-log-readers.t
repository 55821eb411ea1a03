# Readers of the JSON error log: none of them can hold up a request, and what one does not read at
# once waits for it. What is lost when there is no room any more is counted, and told once.

use strict;
use warnings;
use lib 't/lib';
use Fcntl;
use Httpd;
use Load;
use POSIX qw(mkfifo);
use Test::More;

# A request logs many messages, which have its id, a number, and a text of some length.
my $say = <<'LUA';
function handle(r)
    local args = r:parseargs()
    for n = 1, tonumber(args.times) do
        r:warn(args.id .. n .. " " .. string.rep("x", tonumber(args.size)))
    end
    return apache2.OK
end
LUA

my $conf = <<'CONF';
MaxKeepAliveRequests 0
LuaMapHandler ^/say @DIR@/say.lua handle
LogLevel warn
ErrorLogFormat "%M"
ReqNotes On
ReqNotesErrorSummary Off
<IfModule mpm_event_module>
  LogLevel mpm_event:crit
  StartServers 2
  ThreadsPerChild 16
  MaxRequestWorkers 32
  MaxSpareThreads 32
</IfModule>
<IfModule mpm_prefork_module>
  LogLevel mpm_prefork:crit
  StartServers 8
  MinSpareServers 8
  MaxSpareServers 32
</IfModule>
CONF

sub start {
    my ($mpm, $more, $prepare) = @_;
    my $httpd = Httpd->prepare(mpm => $mpm, modules => ['lua'], conf => $conf . $more,
        files => { 'say.lua' => $say, sink => "#!/bin/sh\necho \$\$ >\"\$1.pid\"\nexec cat >>\"\$1\"\n" });
    $prepare->($httpd) if $prepare;
    return $httpd if $httpd->run;
    diag $httpd->{output} || '', $httpd->lines('error');
    BAIL_OUT('httpd does not start');
}

sub sink_pid {
    my ($httpd) = @_;
    return wait_until(sub { (Httpd::slurp("$httpd->{dir}/logs/json.log.pid") =~ /(\d+)\n/)[0] });
}

# Has `count` messages logged, of `size` bytes each; gives what the lines begin with.
my $round = 0;
sub burst {
    my ($httpd, $count, $size) = @_;
    my $times  = 20;  # what waits for the end of a request is in order
    my $prefix = 'r' . ++$round;
    my $report = Load->start($httpd, clients => 2, connections => 4, requests => $count / $times,
        request => sub { "GET /say?id=$prefix$_[0]&times=$times&size=$size HTTP/1.1\r\nHost: x\r\n\r\n" })->report;
    is_deeply [ map { @{ $report->{$_} } } qw(stuck failed open) ], [], 'every request is answered';
    return map { my $id = "$prefix$_"; map { "$id$_" } 1 .. $times } @{ $report->{answered} };
}

# Sorts lines into messages, the number of lines that are told to be lost, and anything else.
sub sort_lines {
    my (%seen, @order, @odd);
    my $told = 0;
    for (@_) {
        if    (/^\{"time":.*"message":"(r\d+u\d+-\d+-\d+) x*"(?:,"truncated":true)?\}$/) { ++$seen{$1}; push @order, $1 }
        elsif (/^\{"time":.*"code":"RN0008".*"messages":(\d+)/) { $told += $1 }
        else                                                   { push @odd, $_ unless /^\{"time":[^{}]*"level":"notice"[^{}]*\}$/ }
    }
    return (\%seen, $told, \@odd, \@order);
}

# Every one of the messages is there, once, and those of a request in order.
sub complete {
    my ($sent, @lines) = @_;
    my ($seen, $told, $odd, $order) = sort_lines(@lines);
    is_deeply [ @$odd[ 0 .. ($#$odd > 3 ? 3 : $#$odd) ] ], [], 'every line is whole';
    is $told, 0, '... none is told to be lost';
    is scalar(grep { ($seen->{$_} || 0) != 1 } @$sent), 0, '... each of ' . @$sent . ' messages has one';
    is scalar(keys %$seen), scalar(@$sent), '... and there are no others';
    my (%last, $disorder);
    for (@$order) {
        my ($id, $number) = /(.*-)(\d+)/;
        ++$disorder if ($last{$id} || 0) >= $number;
        $last{$id} = $number;
    }
    is $disorder, undef, '... those of a request are in order';
    return;
}

my $piped = qq{ReqNotesErrorLog "|\@DIR\@/sink \@DIR\@/logs/json.log"\n};

subtest 'a reader that sleeps' => sub {
    each_mpm(sub {
        my $httpd = start(shift, $piped);
        my $pid = sink_pid($httpd);
        my @sent;
        for my $sleep (1, 2) {
            kill STOP => $pid;
            push @sent, burst($httpd, 10_000, 500);
            kill CONT => $pid;
            $httpd->wait_lines('json', qr/ x/, scalar @sent);
        }
        complete(\@sent, $httpd->lines('json'));
        # The threads that wrote what waited have ended with it.
        my $threads = sub { my $most = 0; for ($httpd->children) { my @t = glob "/proc/$_/task/*"; $most = @t if @t > $most } $most };
        ok wait_until(sub { $threads->() == 1 }), '... and nothing is left running' if $httpd->{mpm} eq 'prefork';
        $httpd->stop('WINCH');
    });
};

subtest 'a reader that is stopped for good' => sub {
    each_mpm(sub {
        my $httpd = start(shift, $piped);
        my $pid = sink_pid($httpd);
        kill STOP => $pid;
        # More than the 32 MB that may wait.
        my @sent = burst($httpd, 12_000, 3500);
        kill CONT => $pid;
        my ($seen, $told, $odd);
        wait_until(sub {
            ($seen, $told, $odd) = sort_lines($httpd->lines('json'));
            return keys(%$seen) + $told >= @sent;
        }, 60);
        cmp_ok $told, '>', 0, "$told of " . @sent . ' lines are lost, which is told when it reads again';
        is keys(%$seen) + $told, scalar(@sent), '... and all others are there';
        is scalar(grep { $_ != 1 } values %$seen), 0, '... once';
        is_deeply $odd, [], '... and whole';
        my @again = burst($httpd, 1000, 500);
        ok wait_until(sub { my ($seen) = sort_lines($httpd->lines('json')); !grep { !$seen->{$_} } @again }),
            'what it comes to read later is there again';

        kill STOP => $pid;
        @sent = burst($httpd, 12_000, 3500);
        is_deeply [ $httpd->end('TERM') ], [], 'it stops nobody from stopping';
        my @told = map { /^RN0008: ReqNotesErrorLog \|.*: (\d+) lines of this log were lost$/ } $httpd->lines('error');
        is scalar(@told), 1, 'the error log tells of what nobody can tell any more';
        cmp_ok $told[0] || 0, '>', @sent / 2, '... of ' . @sent . " messages that are $told[0]";
        cmp_ok $told[0] || 0, '<=', scalar @sent, '... and not more than there were';
        kill KILL => $pid;
    });
};

subtest 'a FIFO' => sub {
    each_mpm(sub {
        my $httpd = start(shift, "ReqNotesErrorLog \@DIR\@/logs/fifo\n",
            sub { my ($httpd) = @_; mkfifo("$httpd->{dir}/logs/fifo", 0600) or die "fifo: $!" });
        ok 1, 'that nobody reads does not keep httpd from its start';
        my @sent = burst($httpd, 5000, 500);
        sysopen my $fifo, "$httpd->{dir}/logs/fifo", O_RDONLY | O_NONBLOCK or die "fifo: $!";
        my $text  = '';
        my $count = 0;
        wait_until(sub {
            while (sysread $fifo, my $more, 65536) { $text .= $more; $count += $more =~ tr/\n// }
            return $count >= @sent && @sent <= (() = $text =~ /x"\}\n/g);
        });
        complete(\@sent, $text =~ /^(.*)\n/mg);
        close $fifo;
        push @sent, burst($httpd, 200, 500);
        $httpd->stop('WINCH');
    });
};

subtest 'rotatelogs' => sub {
    plan skip_all => 'no rotatelogs' unless -x '/usr/bin/rotatelogs';
    each_mpm(sub {
        my $httpd = start(shift, qq{ReqNotesErrorLog "|/usr/bin/rotatelogs \@DIR\@/logs/json.log 86400"\n});
        my $lines = sub { map { Httpd::slurp($_) =~ /^(.*)\n/mg } glob "$httpd->{dir}/logs/json.log*" };
        my @sent = map { burst($httpd, 10_000, 500) } 1, 2;
        wait_until(sub { @sent <= grep { /x"\}$/ } $lines->() });
        complete(\@sent, $lines->());
        $httpd->stop('WINCH');
    });
};

subtest 'what is lost at last' => sub {
    each_mpm(sub {
        my $httpd = start(shift, "ReqNotesErrorLog /dev/full\nStartServers 1\n");
        my @sent = burst($httpd, 200, 10);
        is_deeply [ grep { /RN0008/ } $httpd->lines('error') ], [], 'a full disk is not told of in the error log at once';
        $httpd->graceful;
        is_deeply [ grep { /RN0008/ } $httpd->lines('error') ], [], '... nor at a restart';
        $httpd->stop('WINCH');
        is_deeply [ map { /^RN0008: ReqNotesErrorLog \/dev\/full: (\d+) lines of this log were lost$/ } $httpd->lines('error') ],
            [ scalar grep { /./ && !/RN0008/ } $httpd->lines('error') ], '... but at the end, once, with the number';
    });
};

subtest 'a virtual host without the log' => sub {
    each_mpm(sub {
        my $httpd = start(shift, <<'CONF');
ReqNotesErrorLog @DIR@/logs/json.log
<VirtualHost *:@PORT@>
  ServerName with
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName without
  ReqNotesErrorLog None
</VirtualHost>
CONF
        $httpd->get("/say?id=r1u1-$_->[0]-&times=1&size=5", { Host => $_->[1] }) for [ 1, 'with' ], [ 2, 'without' ], [ 3, 'with' ];
        $httpd->wait_lines('json', qr/r1u1-3-1/);
        is_deeply [ map { /"message":"(r1u1-\d)/ } $httpd->lines('json') ], [ 'r1u1-1', 'r1u1-3' ], 'None turns an inherited log off';
        is scalar(my @plain = grep { /r1u1-2-1/ } $httpd->lines('error')), 1, '... and not the ordinary one';
        ok !-e "$httpd->{dir}/None", '... and makes no file';
        $httpd->stop;
    });
};

done_testing;
