# What fails below the module: no random bytes, at start and later, writes that are cut or fail, and
# threads that cannot be started.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use Httpd;
use Test::More;

my $faults = 'build/faults.so';
-e $faults or system('make', '-s', $faults) == 0 or BAIL_OUT("no $faults");
$faults = abs_path($faults);

my $conf = <<'CONF';
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
CustomLog @DIR@/logs/plain.log "%{trace_id}^RF %{span_id}^RF %{TRACE_ID}e %{trace_id}n"
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ErrorLogFormat "[%P] [%N] %M"
MaxKeepAliveRequests 0
CONF

my $say = <<'LUA';
function handle(r)
    local message = r:parseargs().message
    if message then r:warn(message) end
    r:puts("traceparent=", r.headers_in["traceparent"] or "-")
    return apache2.OK
end
LUA

# A server whose module can be made to fail. Nothing fails yet.
sub prepare {
    my (%args) = @_;
    my $httpd = Httpd->prepare(mpm => 'prefork', modules => ['lua'], files => { 'say.lua' => $say }, conf => $conf, %args);
    $httpd->{preload} = $faults;
    $httpd->{under}   = [ 'env', "REQNOTES_FAULTS=$httpd->{dir}/run" ];
    return $httpd;
}

sub start {
    my $httpd = prepare(@_);
    $httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");
    return $httpd;
}

# Says what fails from now on; without a second argument it works again.
sub set_fault {
    my ($httpd, $name, $what) = @_;
    my $file = "$httpd->{dir}/run/$name";
    unlink $file;
    return unless defined $what;
    $httpd->add_file("run/.$name", $what);
    rename "$httpd->{dir}/run/.$name", $file or die "$file: $!";
}

# Many requests on one connection; gives the number of those that were answered.
sub ask {
    my ($httpd, $count) = @_;
    my $reply = $httpd->raw("GET /say HTTP/1.1\r\nHost: x\r\n\r\n" x ($count - 1)
        . "GET /say HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return scalar(() = $reply =~ /HTTP\/1\.1 200 /g);
}

# Looks at all lines: valid, with both ids or none, no id twice. Gives how many have ids.
sub check_ids {
    my ($httpd, $count, $why) = @_;
    my @json  = map { from_json($_) } $httpd->wait_lines('access', qr/./, $count);
    my @plain = $httpd->wait_lines('plain', qr/./, $count);
    my @bare  = $httpd->wait_lines('logfmt', qr/./, $count);
    is_deeply [ map { scalar @$_ } \@json, \@plain, \@bare ], [ ($count) x 3 ], "$why: a line for each request";
    my @with = grep { exists $_->{trace_id} || exists $_->{span_id} } @json;
    is_deeply [ grep { ($_->{trace_id} || '') !~ /^(?!0{32})[0-9a-f]{32}$/ || ($_->{span_id} || '') !~ /^(?!0{16})[0-9a-f]{16}$/ } @with ],
        [], '... both ids or none, and none of zeroes';
    my %ids = map { $_ => 1 } map { @$_{qw(trace_id span_id)} } @with;
    is keys %ids, 2 * @with, '... and no id twice';
    is scalar(grep { /^- - - -$/ } @plain), @json - @with, '... nor anything in their place';
    is scalar(grep { !/trace_id|span_id/ } @bare), @json - @with, '... in any format';
    return scalar @with;
}

subtest 'no randomness at start' => sub {
    my $httpd = prepare();
    set_fault($httpd, random => 'fail');
    ok !$httpd->run, 'httpd does not start' or $httpd->end;
    like join("\n", $httpd->lines('error')), qr/RN0005: the kernel gives no random bytes/, '... and says why';
    {
        local $ENV{REQNOTES_FAULTS} = "$httpd->{dir}/run";
        my ($good, $text) = $httpd->configtest;
        ok $good, 'configtest does not look at it' or diag $text;
    }
    $httpd->set_conf($conf =~ s/ReqNotes On/<VirtualHost *:\@PORT\@>\nReqNotes On\n<\/VirtualHost>/r);
    ok !$httpd->run, 'it does not start for a virtual host either' or $httpd->end;
    $httpd->set_conf($conf =~ s/ReqNotes On/ReqNotes Off/r);
    ok $httpd->run, 'it starts where the module is off' or diag $httpd->lines('error');
    is $httpd->get('/say')->{status}, 200, '... and serves';
    $httpd->stop;
    set_fault($httpd, random => 'pieces');
    unlink map { "$httpd->{dir}/logs/$_.log" } qw(access logfmt plain);
    $httpd->set_conf($conf);
    ok $httpd->run, 'it starts with a source that gives little at a time, between signals';
    is ask($httpd, 300), 300, '... and serves';
    is check_ids($httpd, 300, 'in pieces'), 300, '... with whole ids';
    $httpd->stop;
};

each_mpm(sub {
    my $httpd = start(mpm => shift, conf => "$conf\nStartServers 1\nServerLimit 1\n"
        . "<IfModule mpm_event_module>\nThreadsPerChild 4\nMaxRequestWorkers 4\n</IfModule>\n");
    my ($asked, $told, $with) = (0, 0, 0);
    for my $outage (1, 2) {
        is ask($httpd, 30), 30, 'requests before';
        $asked += 30;
        set_fault($httpd, random => 'fail');
        is ask($httpd, 300), 300, "outage $outage: every request is answered";
        $asked += 300;
        is $httpd->get('/say', { traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' })->{content},
            'traceparent=-', '... and its handler sees no trace';
        ++$asked;
        my $has = check_ids($httpd, $asked, 'meanwhile');
        cmp_ok $asked - $has, '>=', 100, '... most of them without ids' or diag $has;
        $httpd->wait_lines('error', qr/RN0010/, $outage);
        is scalar(grep { /RN0010/ } $httpd->lines('error')), $outage, '... which the log says once';
        set_fault($httpd, 'random');
        is ask($httpd, 300), 300, 'it is over';
        $asked += 300;
        is check_ids($httpd, $asked, 'after it'), $has + 300, '... and each has ids again';
    }
    is scalar(grep { /RN0006/ } $httpd->lines('error')), 0, 'no request is blamed';
    $httpd->stop('WINCH');
});

subtest 'children that begin without randomness' => sub {
    my $httpd = start(conf => "$conf\nStartServers 3\nMinSpareServers 3\nMaxRequestWorkers 3\nLogLevel mpm_prefork:crit\n");
    is ask($httpd, 5), 5, 'requests before';
    set_fault($httpd, random => 'fail');
    my %old = map { $_ => 1 } $httpd->children;
    kill TERM => keys %old;
    wait_until(sub { 3 == grep { !$old{$_} } $httpd->children });

    # A connection to each child.
    my @sockets = map { $httpd->connect } 1 .. 3;
    my $round = sub {
        for my $socket (@sockets) {
            print $socket "GET /say HTTP/1.1\r\nHost: x\r\n\r\n" x 20;
            my $reply = '';
            sysread $socket, $reply, 65536, length $reply or last until 20 <= (() = $reply =~ /traceparent=/g);
            is scalar(() = $reply =~ /HTTP\/1\.1 200 /g), 20, 'all are answered';
        }
    };
    $round->();
    is check_ids($httpd, 65, 'without'), 5, 'new children have no ids';
    my %told;
    $httpd->wait_lines('error', qr/RN0010/, 3);
    ++$told{ (/^\[(\d+)\]/)[0] } for grep { /RN0010/ } $httpd->lines('error');
    is_deeply [ sort values %told ], [ 1, 1, 1 ], '... and each says so once';
    set_fault($httpd, 'random');
    $round->() for 1 .. 10;
    is check_ids($httpd, 665, 'of all children'), 605, 'then each request has ids again';
    $httpd->stop;
};

# The lines of the JSON error log: messages of requests, other valid lines, and torn ones.
sub sort_lines {
    my ($httpd) = @_;
    my (%message, @lost, @torn);
    for ($httpd->lines('json')) {
        my $json = eval { from_json($_) };
        if (!$json) { push @torn, $_ }
        elsif (($json->{code} || '') eq 'RN0008') { push @lost, $json->{messages} }
        else { ++$message{ $json->{message} } }
    }
    return (\%message, \@lost, \@torn);
}

my $json_log = "$conf\nReqNotesErrorLog logs/json.log\nReqNotesErrorSummary Off\nLogLevel mpm_prefork:crit\n";

# Sends requests that log one message each, and waits until each was logged.
sub log_messages {
    my ($httpd, @messages) = @_;
    for my $message (@messages) {
        is $httpd->get("/say?message=$message")->{status}, 200, "$message: answered";
        my $done = () = $httpd->lines('access');
        $httpd->wait_lines('access', qr/"message=$message"/);
    }
}

subtest 'the JSON error log' => sub {
    my $httpd = start(conf => "$json_log\nStartServers 1\nMaxRequestWorkers 1\n");
    $httpd->wait_lines('json', qr/AH00094/);  # the last message of a start
    my @told;
    my $round = sub {
        my ($fault, $name, $lost, $torn) = @_;
        my (undef, $lost_before, $torn_before) = sort_lines($httpd);
        set_fault($httpd, write => $fault);
        my @bad = map { "$name-$_" } 1 .. 4;
        log_messages($httpd, @bad);
        set_fault($httpd, 'write');
        push @told, @bad if !$lost;
        my @good = map { "$name-fine-$_" } 1, 2;
        log_messages($httpd, @good);
        push @told, @good;
        $httpd->wait_lines('json', qr/$good[1]/);
        my ($message, $lost_now, $torn_now) = sort_lines($httpd);
        is_deeply [ map { $message->{$_} || 0 } @told ], [ (1) x @told ], "$name: all others are there, once";
        is_deeply [ map { $message->{$_} || 0 } @bad ], [ ($lost ? 0 : 1) x 4 ], '... and these are ' . ($lost ? 'not' : 'too');
        is_deeply [ @$lost_now[ @$lost_before .. $#$lost_now ] ], [ $lost || () ], '... RN0008 has their number';
        is @$torn_now - @$torn_before, $torn, "... $torn torn lines, on lines of their own";
    };
    $round->('signal', 'signals', 0, 0);
    $round->(0,        'full',    4, 0);
    # An attempt to tell of what was lost is torn as well: it begins each message but the first.
    $round->(25,       'cut',     4, 7);
    $round->(1,        'one-byte', 4, 4);
    $round->(0,        'full-again', 4, 0);
    $httpd->stop;
};

subtest 'a child that leaves a torn line, and another one that goes on' => sub {
    my $httpd = start(conf => "$json_log\nStartServers 10\nMinSpareServers 10\nMaxConnectionsPerChild 1\n");
    $httpd->wait_lines('json', qr/AH00094/);  # the last message of a start
    for my $round (1 .. 3) {
        set_fault($httpd, write => 30);
        log_messages($httpd, "torn-$round");
        set_fault($httpd, 'write');
        log_messages($httpd, "whole-$round");
        $httpd->wait_lines('json', qr/whole-$round/);
    }
    my ($message, $lost, $torn) = sort_lines($httpd);
    is_deeply [ map { $message->{"whole-$_"} } 1 .. 3 ], [ 1, 1, 1 ], 'no line of another child is spoiled';
    is scalar(@$torn), 3, '... by three that are torn';
    is_deeply $lost, [ 1, 1, 1 ], '... and another child tells what this one has lost';

    set_fault($httpd, write => 30);
    log_messages($httpd, 'torn-at-the-end');
    $httpd->stop;
    set_fault($httpd, 'write');
    $httpd->run or BAIL_OUT($httpd->{output});
    log_messages($httpd, 'whole-at-last');
    $httpd->wait_lines('json', qr/whole-at-last/);
    ($message, $lost, $torn) = sort_lines($httpd);
    is $message->{'whole-at-last'}, 1, 'nor is one by a torn line that an earlier server has left';
    unlike join('', map { "$_\n" } @$torn), qr/.\{/, '... whatever it began with';
    $httpd->stop;
};

subtest 'no thread for what a reader did not take at once' => sub {
    my $httpd = start(files => { 'say.lua' => $say, sink => "#!/bin/sh\necho \$\$ >\"\$1.pid\"\nexec cat >>\"\$1\"\n" },
        conf => "$json_log\nStartServers 1\nMaxRequestWorkers 1\n" =~ s{(?=logs/json.log)(\S+)}{"|\@DIR\@/sink \@DIR\@/$1"}r);
    my $pid = wait_until(sub { (Httpd::slurp("$httpd->{dir}/logs/json.log.pid") =~ /(\d+)\n/)[0] });
    set_fault($httpd, thread => 'fail');
    kill STOP => $pid;
    my @messages = map { "wait-$_-" . 'x' x 3000 } 1 .. 30;
    log_messages($httpd, @messages);
    kill CONT => $pid;
    $httpd->wait_lines('json', qr/wait-/, 15);
    log_messages($httpd, 'next');
    $httpd->wait_lines('json', qr/"message":"next"/);
    is_deeply [ map { /"message":"(wait-\d+-|next)/ } $httpd->lines('json') ], [ (map { "wait-$_-" } 1 .. 30), 'next' ],
        'the next line brings those that waited' or diag scalar $httpd->lines('json');
    set_fault($httpd, 'thread');
    $httpd->stop('WINCH');
};

# Durations are what the steady clock says, or absent. Each child finds out for itself that the clock
# was set, so there is only one.
my $one_child = "$conf\nStartServers 1\nMaxRequestWorkers 1\nLogLevel mpm_prefork:crit\n";

# Asks for a path; gives the duration in its line.
sub duration {
    my ($httpd, $name) = @_;
    $httpd->get("/say?n=$name");
    my $json = $httpd->json('access', qr/\bn=$name\b/);
    like $httpd->line('logfmt', qr/\bn=$name\b/), $json->{duration_us} ? qr/ duration_us=$json->{duration_us} / : qr/^(?!.*duration_us)/,
        "$name: the same in logfmt";
    return $json->{duration_us};
}

# The line of a request that begins before the clock is set, and ends after it.
sub set_clock {
    my ($httpd, $seconds) = @_;
    my $socket = $httpd->connect;
    print $socket "POST /say?n=during HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    sysread $socket, my $continue, 100;
    set_fault($httpd, clock => $seconds);
    print $socket "x";
    sysread $socket, my $answer, 4096;
    close $socket;
    return $httpd->json('access', qr/\bn=during\b/);
}

subtest 'the clock is set' => sub {
    for my $seconds (-3600, 3600, -2) {
        my $httpd = start(conf => $one_child);
        my $before = duration($httpd, 'before');
        ok $before > 0 && $before < 60e6, 'a duration' or diag $before;
        my $json = set_clock($httpd, $seconds);
        ok !exists $json->{duration_us}, "set by $seconds seconds during a request: it has none" or diag $json->{duration_us};
        # Of the next one it may not be sure yet.
        duration($httpd, 'next');
        my $later = duration($httpd, 'later');
        ok defined $later, '... and later ones have one again';
        cmp_ok $later // -1, '<', 60e6, '... that is true';
        $httpd->stop;
    }
};

subtest 'interrupted while the clocks are read' => sub {
    my $httpd = start(conf => $one_child);
    ok duration($httpd, 'before'), 'a duration';
    set_fault($httpd, pause => 'always');
    my $json = set_clock($httpd, 3600);
    ok !exists $json->{duration_us}, 'again and again, as the clock is set: no duration' or diag $json->{duration_us};
    set_fault($httpd, 'pause');
    duration($httpd, 'next');
    my $later = duration($httpd, 'later');
    ok $later && $later < 60e6, '... and a true one when that is over' or diag $later;

    set_fault($httpd, pause => 'once');
    ok duration($httpd, 'interrupted'), 'once, as a request ends: it has one';

    set_fault($httpd, pause => 'once');
    kill TERM => $httpd->children;
    ok wait_until(sub { !-e "$httpd->{dir}/run/pause" }), 'once, as a child begins';
    ok duration($httpd, 'first'), '... its first request has a duration';
    $httpd->stop;
};

done_testing;
