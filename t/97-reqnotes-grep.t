# reqnotes-grep: one word for what three greps and jq do, over all logs of a server; on files of any bytes.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp qw(tempdir);
use Httpd;
use IO::Compress::Gzip qw(gzip);
use POSIX qw(mkfifo WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

my $top = abs_path('.');
my $program = abs_path('conf/bin/reqnotes-grep');
my $dir = tempdir('grep-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @none = ('--httpd', '/bin/true');

# Runs it; gives its exit code, and what it printed to the two outputs.
sub run {
    my (@args) = @_;
    my $in = ref $args[0] ? ${ shift @args } : undef;
    spew("$dir/in", $in // '');
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<', "$dir/in";
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec { $program } $program, @args or POSIX::_exit(126);
    }
    wait_until(sub { waitpid($pid, WNOHANG) == $pid }, 120) or kill KILL => $pid;
    return ($? >> 8, Httpd::slurp("$dir/out"), Httpd::slurp("$dir/err"));
}

# The same on files alone, without asking any httpd.
sub grep_files { return run(ref $_[0] ? shift : (), @none, @_) }

sub spew {
    my ($file, @text) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print $out @text;
    close $out or die "$file: $!";
    return $file;
}

sub objects { return map { from_json($_) } split /\n/, $_[0] }

sub trace { return sprintf '%032x', $_[0] }

# Lines of the formats, at second `n` of a minute.
sub access {
    my ($n, $user, $more) = @_;
    return sprintf "{\"time\":\"2026-11-23T19:53:%02d.000001Z\",\"trace_id\":\"%s\",\"user_id\":\"%s\",\"client\":\"192.0.2.7\",\"method\":\"GET\",\"path\":\"/p\",\"status\":200,\"duration_us\":20834%s}\n",
        $n, trace($n), $user, $more // '';
}

sub error {
    my ($n, $text, $zone) = @_;
    return sprintf "[Mon Nov 23 19:53:%02d.500000 2026] [php:notice] [pid 7458:%s 7458] [client 192.0.2.7:51234] %s\n", $n, trace($n), $text;
}

subtest 'the logs of a server' => sub {
    my $key = 'k' x 40;
    my $httpd = Httpd->prepare(php => 1, modules => ['lua'], files => {
        'www/page.php' => "<?php\nerror_log('too early');\napache_note('user_id', \$_GET['user']);\napache_note('api_key', '9f8e77aa12345678');\napache_note('card', '4111111111115678');\nerror_log('in time');\n",
        'www/quiet.php' => "<?php\napache_note('user_id', \$_GET['user']);\n",
    }, conf => <<'CONF');
ReqNotes On
ReqNotesHashKey hash.key old.key
ReqNotesField api_key privacy=hash
ReqNotesField card privacy=last4
ReqNotesErrorLog logs/json.log
CustomLog logs/json-access.log "%^RJ"
CustomLog "logs/classic.log" "%h %l"
LogFormat "%^RL" facts
CustomLog logs/logfmt.log facts
CustomLog "|/bin/cat >/dev/null" "%^RJ"
ErrorLogFormat "[%{u}t] [%-m:%l] [pid\ %P:%-L\ %{g}T] %7F: %E: [client\ %{client}N] %M [%N]"
CONF
    chmod 0600, $httpd->add_file('hash.key', "$key\n"), $httpd->add_file('old.key', 'o' x 40 . "\n");
    $httpd->run or BAIL_OUT($httpd->{output});
    my @ask = ('--httpd', $httpd->program, '--conf', "$httpd->{dir}/conf/httpd.conf");
    $httpd->get("/$_") for 'page.php?user=5555', 'page.php?user=55551', 'quiet.php?user=5555', 'quiet.php?user=zo%C3%AB';
    $httpd->wait_lines('logfmt', qr/./, 4);
    my $trace = $httpd->json('json-access', qr/page.*"user=5555"/)->{trace_id};
    my ($code, $out, $err) = run(@ask, 'user=5555');
    is $code, 0, 'a user is found';
    like $err, qr{^reqnotes-grep: a log goes to a program, give its files: \|/bin/cat >/dev/null\n\z}, '... and told what is not read' or diag $err;
    my @found = objects($out);
    is_deeply { map { my $log = $_; ($log => scalar grep { $_->{file} eq "$httpd->{dir}/logs/$log.log" } @found) } qw(json-access logfmt json error classic) },
        { 'json-access' => 2, logfmt => 2, json => 2, error => 2, classic => 0 }, '... in both access logs and both error logs' or diag $out;
    is scalar(grep { ($_->{user_id} // '') eq '55551' } @found), 0, '... and no other user';
    ok +(grep { $_->{log} eq 'error' && $_->{message} eq 'too early' && !exists $_->{user_id} && $_->{trace_id} eq $trace } @found), '... an error line without the fact, by its trace';
    is_deeply [ map { $_->{time} } @found ], [ sort { $a cmp $b } map { $_->{time} } @found ], '... by time' or diag $out;
    my %same = map { my $json = $_; ($json->{file} =~ m{([^/]+)\.log$})[0] => { map { ($_ => $json->{$_}) } grep { !/^(?:file|log)$/ } keys %$json } } grep { $_->{log} eq 'access' } @found;
    is_deeply $same{logfmt}, $same{'json-access'}, '... a logfmt line has the same values and types as the JSON one';

    is +(run(@ask, "trace=$trace"))[1] =~ tr/\n//, 6, 'a trace';
    is +(run(@ask, 'trace=' . uc $trace))[1] =~ tr/\n//, 6, '... in capitals';
    my $hash = substr hmac_sha256_hex('9f8e77aa12345678', $key), 0, 32;
    is +(objects((run(@ask, 'key=9f8e77aa12345678'))[1]))[0]{api_key}, $hash, 'a key that is hashed';
    is +(run(@ask, "key=$hash"))[0], 0, '... and its hash';
    is +(run(@ask, 'key=9f8e77aa12345679'))[0], 1, '... and another key is not there';
    is +(run(@none, '--hash-key', "$httpd->{dir}/hash.key", 'api_key=9f8e77aa12345678', "$httpd->{dir}/logs/json-access.log"))[0], 0, '... with the file of the key';
    for my $case ([ "$key\r\n", 2 ], [ "$key \n", 2 ], [ "short\n", 2 ], [ '', 2 ], [ $key, 0 ]) {
        is +(run(@none, '--hash-key', spew("$dir/key", $case->[0]), 'api_key=9f8e77aa12345678', "$httpd->{dir}/logs/json-access.log"))[0], $case->[1], '... which is one that httpd takes' . ($case->[1] ? ', or is told' : '');
    }
    my $own = spew("$dir/own.log", access(1, 1, qq(,"key":"$hash")));
    my $conf = $httpd->add_file('conf/own.conf', Httpd::slurp("$httpd->{dir}/conf/httpd.conf") . "ReqNotesField key privacy=hash\n");
    is +(run('--httpd', $httpd->program, '--conf', $conf, 'key=9f8e77aa12345678', $own))[0], 0, '... in a field that is called key';
    is +(run(@ask, 'card=4111111111115678'))[0], 0, 'a value of which the last four characters are kept';
    is +(run(@ask, 'card=4111111111115679'))[0], 1, '... and no other';
    is +(run(@ask, 'user=zoë'))[0], 0, 'a user in UTF-8';
    is scalar(objects((run(@ask, 'user=5555', 'path=/quiet.php'))[1])), 2, 'two names must both be there';
    is scalar(objects((run(@ask, 'user=5555', 'user=zoë', 'path=/quiet.php'))[1])), 4, '... one name twice is one or the other';
    is scalar(grep { $_->{log} ne 'error' } objects((run(@ask, 'user=5555', '--errors'))[1])), 0, '--errors shows error lines alone';
    is +(run(@ask, 'user=5555', '--since', '1h'))[1] =~ tr/\n//, 8, '--since an hour ago';
    is +(run(@ask, 'user=5555', '--until', '1h'))[0], 1, '--until an hour ago';

    # Rotated ones are found by the dump.
    my $logs = "$httpd->{dir}/logs";
    rename "$logs/json-access.log", "$logs/json-access.log.1";
    gzip "$logs/json.log" => "$logs/json.log.2.gz" and unlink "$logs/json.log";
    rename "$logs/logfmt.log", "$logs/logfmt-20261127.log";
    spew("$logs/json-access.log.old", access(1, 5555));
    is +(run(@ask, 'user=5555'))[1] =~ tr/\n//, 8, 'rotated and compressed logs';
    $httpd->stop;
    ($code, undef, $err) = run('--httpd', "$dir/none", 'user=5555');
    is $code, 2, 'without an httpd';
    like $err, qr/give the files/, '... it says what to do';
    ($code, undef, $err) = run('--httpd', $httpd->program, '--conf', spew("$dir/bad.conf", "Nonsense\n"), 'user=5555');
    like $err, qr/give the files.*: AH00534: .*No MPM loaded/, '... and why';
};

subtest 'formats' => sub {
    my $ecs = sprintf '{"@timestamp":"2026-11-23T19:53:05.000001Z","ecs.version":"9.1.0","trace.id":"%s","user.id":"5555","labels.api_key":"abc","http.response.status_code":200,"event.duration":20834000,"url.path":"/p","http.request.method":"GET"}', trace(5);
    my $ecs_error = sprintf '{"@timestamp":"2026-11-23T19:53:05.100000Z","log.level":"error","trace.id":"%s","message":"ecs broke"}', trace(5);
    my $otlp = '{"resourceSpans":[{"x":"5555"}]}';
    my @files = (spew("$dir/ecs.log", "$ecs\n$ecs_error\n$otlp\n$otlp\n"), spew("$dir/plain.log",
        '[Mon Nov 23 19:53:06.000000 2026] [core:error] [pid 1:tid 2] (2)No such file or directory: [client 192.0.2.7:1] AH00132: x 5555', "\n",
        '[Mon Nov 23 19:53:07 2026] [error] old 5555', "\n", "5555 of nobody\n", error(5, 'shipped [order=1 user_id="5555"]')));
    my ($code, $out, $err) = grep_files('--text', 'user=5555', 'vhost=www', spew("$dir/own.log", $ecs =~ s/"url.path"/"labels.outcome":"aborted","server.address":"www","client.address":"192.0.2.7","client.ip":"192.0.2.7","url.path"/r));
    is $out, "2026-11-23T19:53:05.000Z 200 GET /p 20.8ms aborted www 192.0.2.7 user_id=5555 api_key=abc @{[ trace(5) ]}\n", 'ECS is shown as the other formats are';
    ($code, $out, $err) = grep_files('user=5555', @files);
    my %text = map { ($_->{message} // 'request') => $_ } objects($out);
    is_deeply [ sort keys %text ], [ 'ecs broke', 'request', 'shipped' ], 'ECS and the ErrorLog';
    is $text{request}{'user.id'}, '5555', '... whose names stay';
    is scalar(() = $err =~ /OpenTelemetry/g), 1, 'lines of OpenTelemetry are told once';
    is +(grep_files('key=abc', @files))[0], 0, 'a label';
    is +(grep_files('user.id=5555', @files))[0], 0, 'a name of ECS';
    is +(objects((grep_files('code=AH00132', @files))[1]))[0]{error}, '(2)No such file or directory', 'httpd\'s own format';
    like +(grep_files('--text', 'user=5555', @files))[1], qr{^2026-11-23T19:53:05\.000Z 200 GET /p 20\.8ms }, 'as text';
    is +(grep_files('user=5555', spew("$dir/torn.log", '{"time":"2026-11-23T19:53:01.0', access(2, 5555))))[0], 0, 'a line behind the beginning of one';
    is +(grep_files('user=5555', spew("$dir/list.log", access(1, 1, ',"user":"5555"'))))[0], 0, 'a field that is called user is meant';
    is +(grep_files('proxies=10.1.1.1', spew("$dir/list.log", access(1, 1, ',"proxies":["10.0.0.1","10.1.1.1"]'))))[0], 0, 'an element of a list';
    for my $user ('a"b', 'a\\b', "a\nb", "a\x{1}b", 'a/b', 'a b=c', '"\\') {
        my $json = JSON::PP->new->ascii->encode([$user]) =~ s/^\["|"\]$//gr;
        is +(grep_files("user=$user", spew("$dir/esc.log", access(1, $json))))[0], 0, 'a value that is escaped: ' . ($user =~ s/[^ -~]/?/gr);
    }
    is +(grep_files('user=b', $dir . '/esc.log'))[0], 1, '... and no part of one';
};

subtest 'what a client sends is no fact' => sub {
    my $forged = '","user_id":"5555","x":"' =~ s/"/\\"/gr;
    is +(grep_files('user=5555', spew("$dir/forged.log", access(1, "1$forged"), access(2, 1, ",\"query\":\"$forged user_id=5555\""))))[0], 1, 'in JSON';
    is +(grep_files('user=5555', spew("$dir/forged.log", 'time=2026-11-23T19:53:18.4Z user_id=1 query="x user_id=5555"', "\n")))[0], 1, 'in logfmt';
    is +(grep_files('user=5555', spew("$dir/forged.log", error(1, 'said [user_id=5555] [user_id=1]'))))[0], 1, 'in a message before its facts';
    is +(grep_files('level=emerg', spew("$dir/forged.log", error(1, 'said [level=emerg]'))))[0], 1, 'nothing takes the place of what httpd says';
};

subtest 'nothing for a terminal' => sub {
    my $bad = join '', map { chr } 1 .. 9, 11 .. 12, 14 .. 31, 127;
    my $utf8 = "\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf\xe2\x80\xa8\xff\xc0\x80\xed\xa0\x80";
    my @names = ("$dir/h\e[31m\n|x.log", "$dir/h2.log", "$dir/h3.log");
    spew($names[0], error(1, "$bad$utf8\0 [user_id=5555]"), "\e]0;x\a 5555\n");
    spew($names[1], access(2, "5555", ",\"$bad\":\"$bad$utf8\",\"a\":\"\\u001b\\u009b\\u202e\",\"path\":\"\e[2J\""));
    spew($names[2], "time=2026-11-23T19:53:18.4Z user_id=5555 path=$bad$utf8\n", "time=2026-11-23T19:53:18.4Z user_id=5555 path=\e[31m\n");
    for my $mode ('--text', '--json') {
        my ($code, $out, $err) = grep_files($mode, 'user=5555', @names, "$dir/\e[31mnone\x{9b}");
        is $code, 2, "$mode: a file that is not there is trouble";
        cmp_ok $out =~ tr/\n//, '>=', 3, '... all others are read' or diag "$out$err";
        for ([ out => $out ], [ err => $err ]) {
            my ($name, $text) = @$_;
            ok utf8::decode(my $copy = $text), "... std$name is UTF-8";
            utf8::decode($text);
            unlike $text, qr/[\x00-\x09\x0b-\x1f\x7f-\x9f\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]/, '... and holds nothing but text';
        }
        ok eval { objects($out); 1 }, '... and it is JSON' or diag $@ if $mode eq '--json';
    }
};

subtest 'odd files' => sub {
    my $good = spew("$dir/-good.log", access(1, 5555));
    chdir $dir;
    is +(grep_files('user=5555', '--', '-good.log'))[0], 0, 'a leading dash behind --';
    spew("$dir/$_", access(1, 5555)) for '|touch evil', '>evil', 'touch evil|', "a\nb", 'a=b';
    is scalar(objects((grep_files('user=5555', '|touch evil', '>evil', 'touch evil|', "a\nb", './a=b'))[1])), 5, 'names that are commands elsewhere';
    ok !-e "$dir/evil", '... run nothing';
    chdir $top or die "$top: $!";
    mkfifo("$dir/fifo", 0600) or die "fifo: $!";
    symlink 'loop', "$dir/loop";
    for my $odd ("$dir/fifo", '/dev/zero', $dir, "$dir/loop", "$dir/none") {
        my ($code, $out, $err) = grep_files('user=5555', $odd, $good);
        is $code, 2, "$odd is trouble";
        like $err, qr/^reqnotes-grep: \Q$odd\E: \w/, '... that is told';
        is $out =~ tr/\n//, 1, '... and the rest is read';
    }
    is +(grep_files('user=5555', spew("$dir/empty", '')))[0], 1, 'an empty file';
    is +(grep_files('user=5555', spew("$dir/noend", access(1, 5555) =~ s/\n//r)))[0], 0, 'a file without the end of its line';
    is +(grep_files('user=5555', spew("$dir/crlf", access(1, 5555) =~ s/\n/\r\n/r)))[0], 0, 'CRLF';
    is +(grep_files('user=5555', spew("$dir/nul", "\0" x 100, "\n", access(1, 5555))))[0], 0, 'NUL';
    my $long = 'x5555' x 600_000;
    my ($code, $out, $err) = grep_files('user=5555', spew("$dir/long", access(1, 5555), "$long\n", access(2, 5555), error(3, "$long [user_id=5555]"), access(4, 5555)));
    is_deeply [ map { $_->{time} =~ /:0(\d)\./ } objects($out) ], [ 1, 2, 4 ], 'enormous lines are skipped, and those behind them are not';
    like $err, qr/a line of more than 1 MB was skipped/, '... which is told';
    is_deeply [ map { $_->{time} =~ /:0(\d)\./ } objects((grep_files('user=5555', spew("$dir/disorder", access(3, 5555), access(1, 5555), access(2, 5555)), $dir . '/noend'))[1]) ],
        [ 1, 1, 2, 3 ], 'lines that are out of order, over files';
    my $head = '{"time":"2026-11-23T19:53:18.4Z","user_id":"5555","x":';
    ($code, $out, $err) = grep_files('user=5555', spew("$dir/hard", $head . '[' x 500_000 . "\n", $head . '[' x 70_000 . ']' x 70_000 . "}\n", qq($head"@{[ '\\n' x 200_000 ]}"}\n),
        error(1, '[a="' x 100_000 . ' 5555'), error(1, ' [a=1 a=1' x 50_000 . ' 5555'), 'time=2026-11-23T19:53:18.4Z ' . 'a="' x 100_000 . "5555\n", access(2, 5555)));
    like $out, qr/"time":"2026-11-23T19:53:02\.000001Z"/, 'a line behind those that are made to be hard';
    like $err, qr/\Areqnotes-grep: \d+ lines that hold the value are of no format that is known here\n\z/, '... which are counted' or diag $err;
    is +(grep_files(\access(1, 5555), 'user=5555', '-'))[0], 0, 'the standard input';
    for my $trace ('(', '', '(a+)+$', '.*') {
        my ($code, $out, $err) = grep_files('user=5555', spew("$dir/trace", access(1, 5555) =~ s/"trace_id":"\K\w+/$trace/r, error(2, 'of another')), spew("$dir/of", error(3, 'x')));
        is "$code $err", '0 ', "a trace that is none: '$trace'";
        is $out =~ tr/\n//, 1, '... brings no error lines of others';
    }
    is +(grep_files('user=5555', "$dir/noend", "$dir/noend"))[1] =~ tr/\n//, 1, 'a file twice is read once';

    gzip \(my $text = access(1, 5555)) => "$dir/z.gz";
    is +(grep_files('user=5555', "$dir/z.gz"))[0], 0, 'gzip';
    spew("$dir/two.gz", Httpd::slurp("$dir/z.gz") x 2);
    is +(grep_files('user=5555', "$dir/two.gz"))[1] =~ tr/\n//, 2, '... of more parts';
    spew("$dir/cut.gz", substr Httpd::slurp("$dir/z.gz"), 0, 60);
    like +(grep_files('user=5555', "$dir/cut.gz"))[2], qr/cut\.gz: it is damaged/, '... that is cut';
    for my $packer ([ zstd => qw(-q -c) ], [ xz => '-c' ], [ bzip2 => '-c' ]) {
        my ($name, @options) = @$packer;
        SKIP: {
            skip "no $name", 1 if !grep { -x "$_/$name" } '/usr/bin', '/bin';
            qx{$name @options <$dir/noend >$dir/packed};
            is +(grep_files('user=5555', "$dir/packed"))[0], 0, $name;
            spew("$dir/packed", substr Httpd::slurp("$dir/packed"), 0, 20);
            is +(grep_files('user=5555', "$dir/packed"))[0], 2, '... that is cut';
        }
    }
    # Much that comes of little: 64 MB without an end of a line, in little memory.
    my $bomb = IO::Compress::Gzip->new("$dir/bomb.gz");
    my $zeros = "\0" x (1 << 20);
    $bomb->print($zeros) for 1 .. 64;
    $bomb->print("\n" . access(1, 5555));
    $bomb->close;
    my $pid = fork // die;
    if (!$pid) {
        exec '/bin/sh', '-c', 'ulimit -v 200000; exec "$@" >"$0" 2>&1', "$dir/bomb.out", $program, @none, 'user=5555', "$dir/bomb.gz";
    }
    waitpid $pid, 0;
    is $? >> 8, 0, 'a gzip bomb';
    spew("$dir/x.log", access(1, 5555)); spew("$dir/x.log.1", access(2, 5555)); spew("$dir/x-20261127.log", access(3, 5555)); spew("$dir/xy.log.1", access(4, 5555));
    is +(grep_files('user=5555', "$dir/x.log"))[1] =~ tr/\n//, 1, 'a file alone';
    is +(grep_files('user=5555', '--rotated', "$dir/x.log"))[1] =~ tr/\n//, 3, '... and with --rotated those beside it';
    is +(grep_files('user=5555', '--since', '2026-11-23', '--rotated', "$dir/x.log"))[1] =~ tr/\n//, 3, '... none is left out';
    utime 1, 1, "$dir/x.log.1";
    is +(grep_files('user=5555', '--since', '2026-11-23', '--rotated', "$dir/x.log"))[1] =~ tr/\n//, 2, '... but that which is older than --since';
};

subtest 'bounds' => sub {
    my ($code, $out, $err) = grep_files('--limit', 2, 'user=5555', spew("$dir/many", map { access($_, 5555) } 1 .. 5));
    is $out =~ tr/\n//, 2, '--limit';
    like $err, qr/more than 2 lines/, '... is told';
    is $code, 2, '... as trouble';
    open my $big, '>', "$dir/ids" or die;
    printf $big qq({"time":"2026-11-23T19:53:18.436157Z","trace_id":"%032x","user_id":"5555"}\n), $_ for 1 .. 100_001;
    close $big;
    ($code, $out, $err) = grep_files('-e', 'user=5555', "$dir/ids", spew("$dir/late", "[Mon Nov 23 19:53:18 2026] [a:error] [pid 1:${\ trace(100_000)} 1] yes\n", "[Mon Nov 23 19:53:18 2026] [a:error] [pid 1:${\ trace(100_001)} 1] no\n"));
    like $err, qr/more than 100000 requests/, 'the bound of requests is told';
    is_deeply [ map { $_->{message} } objects($out) ], ['yes'], '... and holds';
};

subtest 'time' => sub {
    local $ENV{TZ} = 'Europe/Berlin';
    # The hour that is there twice: CEST, then CET; and a log that begins in the second one.
    my @clock = ('01:59:59', '02:30:00', '02:59:59', '02:00:01', '02:30:00', '03:00:00');
    my $log = spew("$dir/dst.log", map { "[Sun Oct 25 $_.000000 2026] [a:error] [pid 1:- 1] x [user_id=5555]\n" } @clock);
    is_deeply [ map { $_->{time} =~ /T(\S+)\./ } objects((grep_files('user=5555', $log))[1]) ],
        [ '23:59:59', '00:30:00', '00:59:59', '01:00:01', '01:30:00', '02:00:00' ], 'the hour that summer time repeats';
    $ENV{TZ} = 'America/New_York';
    is +(objects((grep_files('level=notice', spew("$dir/ny.log", error(1, 'x'))))[1]))[0]{time}, '2026-11-24T00:53:01.500000Z', 'another zone';
    is +(objects((grep_files('level=error', spew("$dir/zone.log", "[2026-11-23 19:53:01.5 +0530] [a:error] x\n")))[1]))[0]{time}, '2026-11-23T14:23:01.500000Z', 'a zone in the line';
    is +(grep_files('user=5555', '--since', '2026-11-23T19:53:02Z', '--until', '2026-11-23T19:53:03Z', spew("$dir/w.log", map { access($_, 5555) } 1 .. 5)))[1] =~ tr/\n//, 1, '--since and --until in UTC';
    is +(grep_files('user=5555', '--since', '2026-11-23T14:53:02', '--until', '2026-11-23 14:53:04', "$dir/w.log"))[1] =~ tr/\n//, 2, '... and in local time';
    is +(grep_files('user=5555', '--since', $_, "$dir/w.log"))[0], 2, "--since $_ is refused" for 'yesterday', '2026-13-01', '-1h', '1y', '';
};

subtest 'words' => sub {
    for (['--help'], ['--version']) {
        my ($code, $out) = run(@$_);
        is $code, 0, "@$_";
        like $out, qr/reqnotes-grep/, '... says something';
    }
    is +(grep_files(@$_, "$dir/w.log"))[0], 2, "refused: @$_" for ['user='], [], ['--nonsense', 'user=1'], ['--json', '--text', 'user=1'], ['--limit', 0, 'user=1'];
    for my $mode ('--json', '--text') {
        my $err = qx{$program @none $mode user=5555 $dir/w.log 2>&1 >/dev/full};
        is $? >> 8, 2, "$mode: an output that takes nothing is trouble";
        like $err, qr/^reqnotes-grep: the output: No space left/, '... which is told';
    }
    for my $bad (["--\e[31m\xc2\x9b"], [ '--limit', "\e]0;x\a" ], [ '--since', "\e[2J" ], ["\e[2J=x"]) {
        my ($code, undef, $err) = grep_files('user=1', @$bad);
        is $code, 2, 'an argument with an escape';
        unlike $err, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2\x9b/, '... that does not reach the terminal';
    }
    my $version = (Httpd::slurp('include/reqnotes/version.hpp') =~ /"(\d+\.\d+\.\d+)"/)[0];
    is +(run('--version'))[1], "reqnotes-grep $version\n", 'its version is that of the module';
};

subtest 'a terminal' => sub {
    plan skip_all => 'no script' if !-x '/usr/bin/script';
    spew("$dir/t.log", access(1, 5555), error(1, 'x'));
    my $on = sub { local $ENV{NO_COLOR} = $_[0]; qx{script -qec '$program @none user=5555 $dir/t.log' /dev/null </dev/null 2>&1} };
    like $on->(''), qr/\e\[32m200\e\[0m.*\n.*\e\[36mnotice\e\[0m/, 'has colours';
    my $plain = $on->('1');
    unlike $plain, qr/\e/, '... but not with NO_COLOR';
    like $plain, qr{^2026-11-23T19:53:01\.000Z 200 GET /p 20\.8ms 192\.0\.2\.7 user_id=5555 0+1\r\n    2026-11-23T19:53:01\.500Z notice php: x 0+1\r\n\z}, '... and lines to read' or diag $plain;
};

# Starts it with --follow; gives its process id.
sub follow {
    my (@args) = @_;
    spew("$dir/followed", '');
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/followed";
        open STDERR, '>', "$dir/err";
        exec { $program } $program, @none, '--follow', @args or POSIX::_exit(126);
    }
    return $pid;
}

sub append { open my $out, '>>:raw', $_[0] or die "$_[0]: $!"; syswrite $out, $_[1] }

subtest '--follow' => sub {
    my ($log, $errors) = (spew("$dir/f.log", access(1, 5555)), spew("$dir/fe.log", ''));
    my $pid = follow('user=5555', '--since', '2026-01-01', $log, $errors, "$dir/later.log");
    my $has = sub { my $count = shift; wait_until(sub { (Httpd::slurp("$dir/followed") =~ tr/\n//) >= $count }, 60); [ map { $_->{message} // ($_->{time} =~ /:(\d+)\./)[0] + 0 } objects(Httpd::slurp("$dir/followed")) ] };
    is_deeply $has->(1), [1], 'with --since, what is there';
    append($errors, error(2, 'before'));
    append($errors, error(3, 'of nobody'));
    append($log, substr access(2, 5555), 0, 50);
    sleep 0.3;
    append($log, substr access(2, 5555), 50);
    is_deeply $has->(3), [ 1, 'before', 2 ], 'an access line in two parts brings the error line before it';
    append($errors, error(2, 'behind'));
    is_deeply $has->(4), [ 1, 'before', 2, 'behind' ], '... and those behind it';
    rename $log, "$log.1";
    append("$log.1", access(4, 5555));
    spew($log, access(5, 5555));
    append("$log.1", access(6, 1));
    is_deeply [ sort @{ $has->(6) }[ 4, 5 ] ], [ 4, 5 ], 'a rotation: the old file to its end, and the new one';
    append($log, access(6, 5555));
    $has->(7);
    spew($log, access(7, 5555));
    is_deeply $has->(8)->[7], 7, 'a file that was cut';
    append($log, 'x' x 1_100_000);
    wait_until(sub { Httpd::slurp("$dir/err") =~ /more than 1 MB/ }, 60);
    spew($log, access(10, 5555));
    is $has->(9)->[8], 10, '... in the middle of an enormous line';
    append("$dir/later.log", access(8, 5555));
    is $has->(10)->[9], 8, 'a file that was not there at the start';
    my $cpu = sub { my @stat = split ' ', Httpd::slurp("/proc/$pid/stat") =~ s/.*\) //r; $stat[11] + $stat[12] };
    my $before = $cpu->();
    sleep 1;
    cmp_ok $cpu->() - $before, '<=', 10, 'it waits without work';
    kill TERM => $pid;
    waitpid $pid, 0;
    # 120 MB of error lines that wait for requests which do not come, in less memory.
    open my $many, '>', "$dir/wait.log" or die;
    printf $many qq({"time":"2026-11-23T19:53:18.4Z","level":"error","trace_id":"%032x","message":"%s"}\n), $_, 'x' x 60_000 for 1 .. 2000;
    print $many access(1, 5555);
    close $many;
    $pid = follow('user=5555', '--since', '2026-01-01', "$dir/wait.log");
    is_deeply $has->(1), [1], 'a line behind many that wait';
    cmp_ok +(Httpd::slurp("/proc/$pid/status") =~ /VmHWM:\s+(\d+)/)[0], '<', 100_000, '... which take little memory';
    kill TERM => $pid;
    waitpid $pid, 0;
    $pid = follow('user=5555', $log);
    wait_until(sub { grep { (readlink // '') eq $log } glob "/proc/$pid/fd/*" }, 60);
    append($log, access(9, 5555));
    is_deeply $has->(1), [9], 'without --since, what comes alone';
    kill TERM => $pid;
    waitpid $pid, 0;
};

done_testing;
