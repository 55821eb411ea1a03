# packages: rsyslog rsyslog-pgsql postgresql
# Two machines, a front with a proxy and a backend with PHP, each with an rsyslogd of its own, send both
# logs to one PostgreSQL, with the files of docs/shippers/. Everything is rotated, restarted and killed
# under traffic; then each line of the files is in the tables once, as it was written, and the answers
# of docs/machines.md are what the files say. No value of a line is lost, refused, or read as SQL.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use Httpd;
use JSON::PP ();
use Load;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Tools;

my $dir  = tempdir('machines-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $page = Httpd::slurp('docs/machines.md');
my ($bin) = tool_file('/usr/lib/postgresql/[0-9]*/bin/initdb') =~ m{(.*)/};
$ENV{LC_ALL} = 'C.UTF-8';

# --- PostgreSQL, which does not run as root ---

my @as = $> == 0 ? ('/usr/bin/setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--clear-groups') : ();
mkdir "$dir/pg" or die $!;
chmod 0755, $dir;
plan skip_all => "$as[2] cannot run what is below $bin" if @as && system(@as, 'test', '-x', "$bin/postgres") != 0;
chown +(getpwnam 'www-data')[ 2, 3 ], "$dir/pg" if @as;
my $postgres;

sub start_postgres {
    $postgres = Backend::spawn(sub { query('SELECT 1', db => 'postgres') eq '1' }, "$dir/pg.log", @as, "$bin/postgres", '-D', "$dir/pg/data",
        '-k', "$dir/pg", '-c', 'listen_addresses=', '-c', 'log_min_messages=warning', '-c', 'lc_messages=C');
}

# INT ends its connections, QUIT ends it as a crash does, with a recovery at the next start.
sub stop_postgres {
    my ($signal) = @_;
    kill $signal => $postgres;
    ok wait_until(sub { waitpid($postgres, WNOHANG) == $postgres }), "PostgreSQL ends by $signal";
}

# What a query gives, without a head; what psql says otherwise comes with it.
sub query {
    my ($sql, %more) = @_;
    my $text = run_tool("$bin/psql", '-XAtq', '-h', "$dir/pg", '-U', $more{user} // 'postgres', '-d', $more{db} // 'reqnotes', '-c', $sql);
    chomp $text;
    return $text;
}

my $said = run_tool(@as, "$bin/initdb", '-D', "$dir/pg/data", '-A', 'trust', '-U', 'postgres', '-E', 'SQL_ASCII', '--locale', 'C', '--no-sync');
like $said, qr/Success/, 'initdb, with another encoding than ours' or BAIL_OUT($said);
start_postgres();

# --- The steps of the page ---

# The only block of a language that has a word, with the places of this test.
sub block {
    my ($language, $what) = @_;
    my ($found, @more) = grep { /$what/ } $page =~ /^ *```$language\n(.*?)^ *```$/msg;
    BAIL_OUT("one block of $language has $what") if !defined $found || @more;
    return $found;
}

sub sh {
    my ($text) = @_;
    local @ENV{qw(PGHOST PGUSER PATH)} = ("$dir/pg", 'postgres', "$bin:$ENV{PATH}");
    return run_tool('/bin/sh', '-ec', $text =~ s/sudo -u postgres/@as/gr);
}

subtest 'the steps of the page' => sub {
    for my $time (1, 2) {
        my $create = block('sh', 'createdb');
        $create =~ s/^.*createdb.*\n//m if $time == 2;
        # In a folder that is closed to PostgreSQL, as a home is.
        unlike $said = sh("exec 2>&1; mkdir -p -m 700 $dir/home; cp docs/shippers/postgresql.sql $dir/home; cd $dir/home; $create"), qr/ERROR|FATAL|No such|sql: Permission/, "the database is made, run $time" or diag $said;
    }
    like query('SHOW server_encoding'), qr/^UTF8$/, '... in UTF8';
    like run_tool("$bin/psql", '-Xq', '-h', "$dir/pg", '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-f', 'docs/shippers/postgresql.sql'),
        qr/must have the encoding UTF8/, '... and in no other encoding are there tables';
};

# --- Two machines ---

my $php = <<'PHP';
<?php
foreach (array('user_id', 'api_key') as $name) {
    if (isset($_GET[$name])) { apache_note($name, $_GET[$name]); header('X-Note-' . str_replace('_', '-', $name) . ': ' . $_GET[$name]); }
}
if (isset($_GET['say'])) { error_log($_GET['say']); error_log($_GET['say']); }
if (isset($_GET['fail'])) http_response_code(500);
echo "page\n";
PHP
my $logs = <<'CONF';
ReqNotes On
LogLevel warn
CustomLog @DIR@/logs/reqnotes_access.log "%^RJ"
ReqNotesErrorLog @DIR@/logs/reqnotes_error.log
CONF
my $back = Httpd->prepare(php => 1, files => { 'www/page.php' => $php }, conf => $logs . "StartServers 4\nMinSpareServers 4\nReqNotesTraceAccept private\nTraceEnable Off\n");
my $front = Httpd->prepare(modules => [qw(proxy proxy_http)], files => { 'www/health' => "well\n" }, conf => $logs . <<"CONF");
ProxyPass /page.php http://127.0.0.1:$back->{port}/page.php retry=0
<Location /page.php>
  ReqNotesResponseHeaders X-Note-
</Location>
CONF
my %machine = (front => { httpd => $front, more => 1 }, back => { httpd => $back });

# The shipped file, in the folders of this test. The front leaves out what nobody wants; the backend
# has a queue that is soon full.
for my $name (keys %machine) {
    my ($machine, $conf) = ($machine{$name}, Httpd::slurp('docs/shippers/rsyslog.conf'));
    my $at = $machine->{httpd}{dir};
    mkdir "$at/rsyslog";
    is +($conf =~ s{/var/log/apache2}{$at/logs}g), 4, 'both logs, and both renamed ones';
    is +($conf =~ s{/run/postgresql}{$dir/pg}g), 1, 'the server';
    $conf =~ s/^#(?!global)(?=module)//m, $conf =~ s/^  #(?=action|if )/  /mg if $machine->{more};
    is +($conf =~ s/queue\.size="200000"/queue.size="2000" queue.fullDelayMark="300"/), 1, 'a small queue' unless $machine->{more};
    $machine->{conf} = $machine->{httpd}->add_file('conf/rsyslog.conf', <<"CONF");
global(workDirectory="$at/rsyslog" localHostname="$name" maxMessageSize="64k")
$conf
syslog.* action(type="omfile" file="$at/logs/rsyslogd.log")
CONF
}

sub start_rsyslogd {
    my ($name) = @_;
    my $machine = $machine{$name};
    my $pid = "$machine->{httpd}{dir}/run/rsyslogd.pid";
    unlink $pid;
    $machine->{pid} = Backend::spawn(sub { -s $pid }, "$machine->{httpd}{dir}/logs/rsyslogd.out", tool('rsyslogd'), '-n', '-f', $machine->{conf}, '-i', $pid, modules());
}

sub modules { return ('-M', tool_file('/usr/lib/*/rsyslog')) }

# As systemd does: what does not end in time is killed. While PostgreSQL is away, it does not.
sub stop_rsyslogd {
    my ($name, $signal) = @_;
    my $pid = $machine{$name}{pid};
    my $ended = sub { waitpid($pid, WNOHANG) == $pid };
    kill $signal => $pid;
    return pass("the rsyslogd of the $name ends by $signal") if wait_until($ended, 2);
    kill KILL => $pid;
    ok wait_until($ended), "the rsyslogd of the $name is killed after $signal";
}

like run_tool(tool('rsyslogd'), '-N1', '-f', $machine{$_}{conf}, modules()), qr/\A(?!.*(?:error|warn)).*End of config validation run/s, "rsyslogd takes the file of the $_" for sort keys %machine;

# Waits, with more requests under way.
sub under_traffic {
    my ($lines) = @_;
    my $count = sub { scalar(my @all = $front->lines('reqnotes_access')) };
    my $before = $count->();
    ok wait_until(sub { $count->() > $before + $lines || $count->() < $before }), '... and requests go on';
}

# As logrotate does, with a rule that says delaycompress.
sub rotate {
    my ($httpd) = @_;
    for my $log (map { "$httpd->{dir}/logs/reqnotes_$_.log" } qw(access error)) {
        rename "$log.1", "$log.2" if -e "$log.1";
        rename $log, "$log.1" or die "$log: $!";
    }
    ok $httpd->graceful, 'logs are rotated';
}

sub restart_httpd {
    my ($httpd) = @_;
    $httpd->stop('WINCH');
    $httpd->run or BAIL_OUT($httpd->{output});
}

# Every line of files, as it is expected in a table: its host, log and text, by its id.
sub expected {
    my ($which) = @_;
    my %line;
    for my $host (keys %machine) {
        for my $file (glob "$machine{$host}{httpd}{dir}/logs/$which") {
            my ($kind) = $file =~ /reqnotes_(\w+)/;
            open my $in, '<:raw', $file or die $!;
            my $offset = 0;
            while (my $line = <$in>) {
                my $id = substr sha256_hex("$host $offset " . substr $line, 0, -1), 0, 32;
                $offset += length $line;
                chomp $line;
                $line{$id} = [ $host, $kind, $line ] unless $host eq 'front' && $line =~ m{"path":"/health"};
            }
        }
    }
    return \%line;
}

# Waits for what a day is long enough for: that the renamed files are read, before others take their names.
sub renamed_are_read {
    my @id = keys %{ expected('reqnotes_*.log.1') };
    ok wait_until(sub {
        my %have = map { $_ => 1 } split /\n/, query(q(SELECT replace(id::text, '-', '') FROM reqnotes.line));
        return !grep { !$have{$_} } @id;
    }, 60), 'what was renamed is read to its end';
}

# --- Traffic, and everything that can be restarted ---

my @users = ('5555', '55555', "O'Brien'); DROP TABLE reqnotes.line; --", 'back\\\\slash\\', '$$a$$ %s %$!all%', "zo\xc3\xab", '{"user_id":"5555"}');
my @keys  = qw(9f8e77aa 11bb);
sub escaped { return $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger }

# A machine that was taken over has the password of all, and sets traps for the lines of the others.
is query("ALTER ROLE reqnotes_writer SET $_", user => 'reqnotes_writer'), '', "the writer can: $_"
    for 'standard_conforming_strings = off', "client_encoding = 'UTF8'", 'statement_timeout = 1', 'lock_timeout = 1', 'default_transaction_read_only = on';

$_->run or BAIL_OUT($_->{output}) for $back, $front;
start_rsyslogd($_) for sort keys %machine;
my $load = Load->start($front, clients => 2, connections => 2, requests => 400, go_on => 1, request => sub {
    my ($id) = @_;
    my ($n) = $id =~ /-(\d+)-/;
    my $path = $n % 10 == 9 ? '/health' : join '&', "/page.php?n=$n", 'user_id=' . escaped($users[ $n % @users ]), ('api_key=' . $keys[ $n % 4 == 0 ]) x ($n % 5 > 0),
        ("say=it's%20$id") x ($n % 3 == 0), ('fail=1') x ($n % 7 == 0);
    sleep 0.01;
    return "GET $path HTTP/1.1\r\nHost: x\r\nUser-Agent: \"},{\"user_id\":\"5555\",\"x\":\"'); COMMIT; --\\\r\n\r\n";
});
ok wait_until(sub { query('SELECT count(DISTINCT (host, kind)) FROM reqnotes.line') >= 3 }), 'lines of both machines arrive while they are written' or BAIL_OUT(Httpd::slurp("$front->{dir}/logs/rsyslogd.out"));

under_traffic(100);
for my $event (
    [ 'the front is rotated',                 sub { rotate($front) } ],
    [ 'the rsyslogd of the front is killed',  sub { stop_rsyslogd(front => 'KILL'); under_traffic(20); start_rsyslogd('front') } ],
    [ 'PostgreSQL is restarted',              sub { stop_postgres('INT'); start_postgres() } ],
    [ 'the backend is rotated',               sub { rotate($back) } ],
    [ 'the backend is restarted',             sub { restart_httpd($back) } ],
    [ 'the rsyslogd of the backend is restarted while it is rotated', sub { renamed_are_read(); stop_rsyslogd(back => 'TERM'); rotate($back); under_traffic(20); start_rsyslogd('back') } ],
    [ 'PostgreSQL crashes, and is away for long', sub {
        renamed_are_read();
        stop_postgres('QUIT');
        under_traffic(200);
        rotate($front);
        stop_rsyslogd(front => 'TERM');
        start_rsyslogd('front');
        stop_rsyslogd(back => 'KILL');
        start_rsyslogd('back');
        under_traffic(200);
        start_postgres();
    } ],
    [ 'the front is restarted',               sub { restart_httpd($front) } ],
    [ 'the rsyslogd of the backend is killed', sub { stop_rsyslogd(back => 'KILL'); start_rsyslogd('back') } ],
) {
    note POSIX::strftime("%H:%M:%S ", gmtime), $event->[0];
    $event->[1]->();
    under_traffic(50);
}
$load->enough;
my $report = $load->report;
is_deeply $report->{failed}, [], 'the clients went on to the end';
cmp_ok scalar(@{ $report->{answered} }), '>', 1000, '... with many requests';
$_->stop('WINCH') for $front, $back;

# --- Lines that a file should not have, or that are hard to store ---

my $head = '"time":"2000-01-01T00:00:00.123456Z","trace_id":"b44d3574ed98f833d6d4f01cf4f0373a"';
my $deep = '[' x 5000 . ']' x 5000;
my @hard = (
    [ line => qq~{$head,"user_id":"hard","x":"nul \\u0000\\u0000 \\\\u0000 \\\\\\u0000"}~, "nul \x{fffd}\x{fffd} \\u0000 \\\x{fffd}" ],
    [ line => qq~{$head,"user_id":"hard","x":"\\ud800 \\udc00 \\ud83d\\ude00 \\\\ud800 \\ud800\\ud800\\udc00"}~, "\x{fffd} \x{fffd} \x{1f600} \\ud800 \x{fffd}\x{10000}" ],
    [ line => qq~{$head,"user_id":"hard","x":"E'\\\\x27' \\\\' '' \$1 ;"}~, q~E'\x27' \' '' $1 ;~ ],
    [ line => qq~{$head,"user_id":"hard","x":"~ . 'y' x (4095 - length qq~{$head,"user_id":"hard","x":""}~) . '"}', undef ],
    [ line => qq~{$head,"user_id":"hard","x":"~ . 'y' x (65535 - length qq~{$head,"user_id":"hard","x":""}~) . '"}', undef ],
    [ line => qq~{$head,"user_id":"~ . join('', map { chr(97 + $_ * 7919 % 26) } 1 .. 6000) . '"}', undef ],
    [ line => qq~{$head,"user_id":"hard","x":$deep}~, undef ],
    [ line => qq~{$head,"user_id":"hard","x":"twice"}~, 'twice' ],
    [ line => qq~{$head,"user_id":"hard","x":"twice"}~, 'twice' ],
    [ unread => qq~{"time":"2000-01-01T00:0{$head,"user_id":"5555"}~ ],
    [ unread => qq~{$head,"user_id":"hard","x":1e999999}~ ],
    [ unread => qq~{$head,"status":"'1'"}~ ],
    [ unread => qq~{$head,"x":"\xff\xc3"}~ ],
    [ unread => "\x01\x09\x80\x9f no record" ],
    map { [ unread => $_ ] } '[1]', '5', 'null', '{}', '{"time":"soon"}', qq~{$head~,
);
for my $name (sort keys %machine) {
    open my $out, '>>:raw', "$machine{$name}{httpd}{dir}/logs/reqnotes_access.log" or die $!;
    print $out map { "$_->[1]\n" } @hard;
    close $out or die $!;
}

my $expected = expected('reqnotes_*');
my $stored = sub { query('SELECT (SELECT count(*) FROM reqnotes.line) + (SELECT count(*) FROM reqnotes.unread)') };
my ($most, $since) = (0, time);
wait_until(sub {
    my $now = $stored->();
    ($most, $since) = ($now, time) if $now > $most;
    return $most >= keys %$expected || time > $since + 15;
}, 60);
stop_rsyslogd($_ => 'TERM') for sort keys %machine;

my (%stored, @records);
for (split /\n/, query(q(SELECT replace(id::text, '-', ''), host, kind, record FROM reqnotes.line))) {
    my ($id, $host, $kind, $record) = split /\|/, $_, 4;
    $stored{$id} = [ $host, $kind, $record ];
}
my %unread = map { my ($id, $hex) = split /\|/; $id => pack 'H*', $hex } split /\n/, query(q(SELECT replace(id::text, '-', ''), encode(line, 'hex') FROM reqnotes.unread));

subtest 'each line is there once' => sub {
    my %all = (%stored, %unread);
    is scalar(keys %all), scalar(keys %$expected), 'no more and no fewer lines';
    my @lost = grep { !$all{$_} } keys %$expected;
    is_deeply [ sort map { "@{ $expected->{$_} }" } @lost ], [], 'none is lost';
    my $json = JSON::PP->new->utf8->allow_bignum;
    my ($same, %of) = (0);
    for my $id (grep { $stored{$_} } keys %$expected) {
        my ($host, $kind, $line) = @{ $expected->{$id} };
        ++$of{"$host $kind"};
        my @both = $line =~ /"2000-01-01T/ ? () : map { $json->canonical->encode($json->decode($_)) } $line, $stored{$id}[2];
        ++$same if "$stored{$id}[0] $stored{$id}[1]" eq "$host $kind" && (!@both || $both[0] eq $both[1]);
    }
    is $same, scalar(keys %stored), 'each has its host, its log, and the record of its line';
    cmp_ok $of{$_} // 0, '>', 100, "... many of the $_ log" for 'front access', 'back access', 'back error';
};

subtest 'what is hard to store' => sub {
    for my $host (sort keys %machine) {
        my @of_host = grep { $_->[0] eq $host } values %$expected;
        my @unread  = grep { defined $unread{$_} } grep { $expected->{$_}[0] eq $host } keys %$expected;
        is_deeply [ sort map { $unread{$_} } @unread ], [ sort map { $_->[1] } grep { $_->[0] eq 'unread' } @hard ], "$host: what is no record is kept, byte for byte";
    }
    my $text = JSON::PP->new->utf8->max_depth(100_000);
    my @x = map { $text->decode($_)->{x} } split /\n/, query(q(SELECT record FROM reqnotes.line WHERE host = 'back' AND record->>'user_id' = 'hard'));
    for my $case (grep { $_->[0] eq 'line' && defined $_->[2] } @hard) {
        ok scalar(grep { !ref && $_ eq $case->[2] } @x), 'as it should be: ' . $case->[2] =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ger;
    }
    is query(q(SELECT count(*) FROM reqnotes.line WHERE user_id = 'hard' AND record->>'x' = 'twice')), 4, 'two equal lines of a file are two';
    is query('SELECT max(length(record::text)) > 65500 FROM reqnotes.line'), 't', 'a line of 65,536 bytes is whole';
    is query('SELECT count(*) FROM reqnotes.line WHERE length(user_id) = 256 AND length(record->>\'user_id\') = 6000'), 2, 'a long user is found by its beginning';
};

# --- The answers of the page ---

# The records of the files that a condition holds for.
sub of_files {
    my ($condition) = @_;
    return grep { $condition->() } map { { %{ from_json($_->[2]) }, host => $_->[0], kind => $_->[1] } }
        map { $expected->{$_} } grep { $stored{$_} && $expected->{$_}[2] !~ m{"2000-01-01T} } keys %$expected;
}

# A query of the page, with other values than those of the page, as the reader asks it.
sub asked {
    my ($what, %value) = @_;
    my $sql = block('sql', $what);
    $sql =~ s/\Q$_\E/$value{$_}/ or die "$_ is not in $sql" for keys %value;
    return query($sql, user => 'asker');
}
query('CREATE ROLE asker LOGIN IN ROLE reqnotes_reader');

subtest 'all lines of user 5555 over all hosts' => sub {
    my @of = of_files(sub { ($_->{user_id} // '') eq '5555' });
    my %count;
    $count{"$_->{host} $_->{kind}"}++ for @of;
    is scalar(keys %count), 3, 'both hosts and both logs know this user';
    my @rows = split /\n/, asked('of_user');
    is scalar(@rows), scalar(@of), 'as many as in the files';
    is_deeply [ map { (split /\|/)[0] } @rows ], [ sort map { (split /\|/)[0] } @rows ], 'by time';
    my %got;
    $got{ join ' ', (split /\|/)[ 1, 2 ] }++ for @rows;
    is_deeply \%got, \%count, '... of the same hosts and logs';
    is scalar(my @quoted = split /\n/, query(q{SELECT * FROM reqnotes.of_user('O''Brien''); DROP TABLE reqnotes.line; --')})),
        scalar(of_files(sub { ($_->{user_id} // '') =~ /^O'Brien/ })), 'a user with quotes is one like others';
};

subtest 'one trace over front and backend' => sub {
    my ($line) = of_files(sub { $_->{host} eq 'back' && $_->{kind} eq 'error' && ($_->{message} // '') =~ /it's/ });
    my @of = sort { $a->{time} cmp $b->{time} } of_files(sub { ($_->{trace_id} // '') eq $line->{trace_id} });
    is_deeply [ map { "$_->{host} $_->{kind}" } @of ], [ 'front access', 'back access', ('back error') x 2 ], 'a request of both machines';
    my @rows = split /\n/, asked('of_trace', b44d3574ed98f833d6d4f01cf4f0373a => $line->{trace_id});
    is_deeply [ map { join ' ', (split /\|/)[ 1, 2 ] } @rows ], [ map { "$_->{host} $_->{kind}" } @of ], 'is found, in its order';
};

subtest 'error rate by API key' => sub {
    my %of;
    for (of_files(sub { $_->{kind} eq 'access' })) {
        my $key = $_->{api_key} // '';
        $of{$key}{requests}++;
        $of{$key}{failed} += $_->{status} >= 500;
    }
    my %got = map { my @row = split /\|/; $row[0] => { requests => $row[1], failed => $row[2] } } grep { /\|/ } split /\n/, query(q(SELECT * FROM reqnotes.by_key('2001-01-01')));
    is_deeply \%got, \%of, 'requests and failures of each key are those of the files';
    cmp_ok $of{$_}{failed}, '>', 10, "... and $_ has some" for @keys;
    my @rows = split /\n/, asked('by_key');
    my ($row) = grep { /^11bb\|/ } @rows;
    is +(split /\|/, $row)[3], sprintf('%.1f', 100 * $of{'11bb'}{failed} / $of{'11bb'}{requests}), 'so is the percentage';
};

# --- Rights, repeats, and what is old ---

query('ALTER ROLE reqnotes_writer RESET ALL');

subtest 'who may do what' => sub {
    for my $case (
        [ reqnotes_writer => 'SELECT * FROM reqnotes.line' ], [ reqnotes_writer => 'INSERT INTO reqnotes.unread SELECT * FROM reqnotes.unread' ],
        [ reqnotes_writer => 'DELETE FROM reqnotes.line' ], [ reqnotes_writer => 'CREATE TABLE public.x()' ], [ reqnotes_writer => 'CREATE TEMPORARY TABLE x()' ],
        [ reqnotes_writer => q(SELECT reqnotes.forget('0s')) ], [ reqnotes_writer => q(SELECT reqnotes.of_user('5555')) ],
        [ reqnotes_writer => q(SELECT reqnotes.store(NULL, 'x', 'x', 'x')) ],
        [ asker => 'DELETE FROM reqnotes.line' ], [ asker => q(SELECT reqnotes.forget('0s')) ], [ asker => q(SELECT reqnotes.take('x', 'x', 'x', 'x')) ],
    ) {
        my ($user, $sql) = @$case;
        like query($sql, user => $user), qr/ERROR:  permission denied/, "$user may not: $sql";
    }
    like query('SELECT count(*) FROM reqnotes.unread', user => 'asker'), qr/^\d+$/, 'who asks may read';
};

subtest 'repeats' => sub {
    my $count = $stored->();
    my $take = sub { query("SELECT reqnotes.take('$_[0]', 'access', '$_[1]', '{\"time\":\"2026-11-28T12:00:00Z\",\"n\":$_[2]}')", user => 'reqnotes_writer') };
    $take->('web', 0, 1) for 1 .. 3;
    is $stored->() - $count, 1, 'what is sent again is stored once';
    $take->('web', 0, 2);
    is $stored->() - $count, 2, '... another line of a machine of the same name is another';
    $take->('web', 50, 1);
    is $stored->() - $count, 3, '... and so is an equal line elsewhere in the file';
    $take->('web2', 0, 1);
    is $stored->() - $count, 4, '... or of another machine';
};

subtest 'what is old' => sub {
    my $before = $stored->();
    query("UPDATE reqnotes.line SET time = now() - interval '31 days' WHERE host = 'web'");
    query("UPDATE reqnotes.line SET time = now() WHERE time = 'infinity' OR host <> 'web'");
    my $job = block('sh', 'forget');
    $job =~ s/\\gexec/;/;
    unlike $said = sh("exec 2>&1; $job"), qr/ERROR/, 'the job of the page' or diag $said;
    is $before - $stored->(), 3, '... deletes what is older than 30 days, and nothing else';
};

subtest 'a table that takes nothing for a while' => sub {
    my $before = $stored->();
    query('ALTER TABLE reqnotes.line RENAME TO away; ALTER TABLE reqnotes.unread RENAME TO unread_away');
    my $waits = Backend::spawn(sub { Httpd::slurp("$dir/pg.log") =~ /a line waits/ }, "$dir/psql.log", "$bin/psql", '-Xq', '-h', "$dir/pg", '-U', 'reqnotes_writer',
        '-d', 'reqnotes', '-c', q(SELECT reqnotes.take('web', 'access', '0', '{"time":"2026-11-28T12:00:00Z","x":"waits"}')));
    query('ALTER TABLE reqnotes.away RENAME TO line; ALTER TABLE reqnotes.unread_away RENAME TO unread');
    ok wait_until(sub { waitpid($waits, WNOHANG) == $waits }), 'a line waits for it';
    is $stored->() - $before, 1, '... and is there then';
};

kill INT => $postgres;
done_testing;
