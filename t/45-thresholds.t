# Thresholds, jobs and dropped numbers, by a real server: states, messages, and what is answered.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use JSON::PP ();
use Metrics;
use Test::More;
use Time::HiRes qw(time sleep);

sub check { return $_[0]->get('/reqnotes/check' . ($_[1] // ''))->{content} }
sub json  { return Httpd::from_json($_[0]->get('/reqnotes/json')->{content}) }
sub state_of {
    my ($httpd, $name) = @_;
    my ($found) = grep { $_->{name} eq $name } @{ json($httpd)->{thresholds} };
    return $found->{state};
}
sub told { return grep { /\bRN00(?:3[5-8])\b/ } $_[0]->lines('error') }
sub monitor { return grep { (Httpd::slurp("/proc/$_/comm") // '') =~ /^reqnotesmonitor/ } $_[0]->children }

# As an application does it.
sub drop {
    my ($httpd, $name, $text, $age) = @_;
    my $file = "$httpd->{dir}/drop/$name";
    open my $out, '>', "$httpd->{dir}/drop/.$name.new" or die $!;
    print $out $text;
    close $out;
    chmod 0644, "$httpd->{dir}/drop/.$name.new";
    utime time - $age, time - $age, "$httpd->{dir}/drop/.$name.new" if $age;
    rename "$httpd->{dir}/drop/.$name.new", $file or die $!;
}

my $conf = <<"CONF";
ReqNotes On
CustomLog \@DIR\@/logs/access.log "%^RJ"
ReqNotesMetric api by=api_method,user_id
ReqNotesMetricFiles \@DIR\@/drop stale=60
ReqNotesThreshold errors errors(http) above=5% clear=2% over=10
ReqNotesThreshold search errors(api,search) above=50 over=10 least=5 level=warning
ReqNotesThreshold slow p95(http) above=0.5s over=10 least=5
ReqNotesThreshold traffic rate(http) above=1000 over=10
ReqNotesThreshold workers busy above=90 over=10
ReqNotesThreshold load load above=1000
ReqNotesThreshold queue file:queue above=100 clear=10
ReqNotesThreshold alive age:queue above=50
ReqNotesJob thumbs errors load retry=7
ReqNotesJob queue queue
$location
<Location "/go">
  SetHandler reqnotes
  ReqNotesPages On
</Location>
RedirectMatch 503 ^/fail
CONF

my $httpd = Httpd->prepare(modules => ['cgid'], files => { 'www/x' => "x\n" }, conf => $conf);
mkdir "$httpd->{dir}/drop" or die $!;
drop($httpd, 'queue', "queue 5\n");
$httpd->run;

subtest 'fine' => sub {
    $httpd->get('/x') for 1 .. 25;
    ok wait_until(sub { $httpd->get('/x') for 1 .. 3; !grep { $_->{state} ne 'fine' } @{ json($httpd)->{thresholds} } }, 20), 'all thresholds become fine' or diag check($httpd);
    my $line = check($httpd);
    like $line, qr/^REQNOTES OK - 8 thresholds are fine \| errors=0%;;5 search=U;50 slow=[\d.]+s;;0\.5 traffic=[\d.]+;;1000 workers=[\d.]+%;;90 load=[\d.]+;;1000 queue=5;;100 alive=[\d.]+s;;50\n\z/, 'the line';
    like check($httpd, '/queue'), qr/^REQNOTES OK - 1 threshold is fine \| queue=5;;100\n\z/, 'one of them';
    is $httpd->get('/reqnotes/check/nix')->{status}, 404, 'one that is none';
    my $go = $httpd->get('/reqnotes/go/thumbs');
    is "$go->{status} $go->{content}", "200 go\n", 'a job may go';
    is $go->{headers}{'cache-control'}, 'no-store', '... now';
    is $httpd->get("/reqnotes/go/$_")->{status}, 404, "no job: '$_'" for 'nix', 'errors';
    is $httpd->get('/reqnotes/go')->{status}, 404, 'no job at all';
    is $httpd->get("/reqnotes/go/$_")->{status}, 404, "... nor does another answer tell it to go: '$_'" for '', qw(metrics json rules check thumbs/ thumbs/metrics);
    is $httpd->get('/reqnotes/check/metrics')->{status}, 404, '... or passes for a check';
    is $httpd->get("/go/$_")->{status}, 200, "the pages may be at a place that is called as an answer is: '$_'" for '', qw(metrics json go/thumbs);
    is $httpd->get("/go/go/$_")->{status}, 404, "... where no other answer is a job's either: '$_'" for '', 'json';
    is $httpd->get("/reqnotes/$_")->{headers}{'content-security-policy'}, "default-src 'none'", "$_ may load nothing" for qw(json check go/thumbs);
    is_deeply [ told($httpd) ], [], 'nothing is told';
};

subtest 'errors' => sub {
    ok wait_until(sub { $httpd->get('/fail') for 1 .. 10; state_of($httpd, 'errors') eq 'exceeded' }, 20), 'a share of errors is exceeded';
    my ($view) = grep { $_->{name} eq 'errors' } @{ json($httpd)->{thresholds} };
    my %failed = map { $_->{trace_id} => 1 } grep { $_->{status} == 503 && $_->{path} eq '/fail' } map { Httpd::from_json($_) } $httpd->lines('access');
    ok $failed{ $view->{trace_id} }, 'its trace is of a failed request' or diag $view->{trace_id};
    my ($message) = grep { /RN0035: threshold errors/ } told($httpd);
    like $message, qr/reqnotes:error\].*RN0035: threshold errors is exceeded: errors\(http\) is [\d.]+%, above 5% trace_id=\w{32}$/, 'a message';
    my ($logged) = $message =~ /trace_id=(\w+)/;
    ok $failed{$logged}, '... with the trace of one';
    like check($httpd), qr/^REQNOTES CRITICAL - errors [\d.]+% \(above 5%\) \| /, 'the check';
    my $go = $httpd->get('/reqnotes/go/thumbs');
    is $go->{status}, 503, 'a job waits';
    like $go->{content}, qr/^wait errors [\d.]+ above 5\n\z|^wait errors [\d.]+% above 5%\n\z/, '... and is told why';
    my %after = map { $httpd->get('/reqnotes/go/thumbs')->{headers}{'retry-after'} => 1 } 1 .. 60;
    ok !(grep { $_ < 7 || $_ > 14 } keys %after), '... and when to ask again' or diag join ' ', keys %after;
    cmp_ok scalar(keys %after), '>', 3, '... not all of them at once';
    is $httpd->request('HEAD', '/reqnotes/go/thumbs')->{status}, 503, 'HEAD too';
    is $httpd->get('/reqnotes/go/queue')->{status}, 200, 'another job goes';
    my $page = $httpd->get('/reqnotes/')->{content};
    like $page, qr{<title>1 alarm: }, 'the title of the page';
    my ($shown) = $page =~ m{<tbody>\n<tr><th scope=row class=name>errors</th><td class=bad>critical</td>.*<code>(\w{32})</code></td></tr>$}m;
    ok $failed{ $shown // '' }, '... its first row has the trace of a failed request';
    cmp_ok index($page, '>Thresholds<'), '<', index($page, '>Jobs<'), '... alarms, then jobs';
    cmp_ok index($page, '>Jobs<'), '<', index($page, 'by vhost'), '... then requests';
    cmp_ok index($page, 'by vhost'), '<', index($page, '>Numbers of applications<'), '... then numbers';
    is value_of($httpd, 'reqnotes_threshold_exceeded', threshold => 'errors'), 1, 'in /metrics';
    is value_of($httpd, 'reqnotes_job_go', name => 'thumbs'), 0, '... and the job';
    ok wait_until(sub { $httpd->get('/x'); state_of($httpd, 'errors') eq 'fine' }, 20), 'it ends';
    ok wait_until(sub { grep { /RN0036: threshold errors is fine again/ } told($httpd) }, 15), '... with a message';
    is scalar(grep { /RN0035: threshold errors/ } told($httpd)), 1, '... and was told once';
};

subtest 'a dropped number' => sub {
    drop($httpd, 'queue', "queue 101\nmade_total=7 # all of them\n");
    ok wait_until(sub { state_of($httpd, 'queue') eq 'exceeded' }, 5), 'is exceeded';
    is value_of($httpd, 'app_queue'), 101, '... in /metrics';
    like scrape($httpd), qr/^# TYPE app_made counter\napp_made_total 7$|^# TYPE app_made_total counter\napp_made_total 7$/m, '... a counter';
    is $httpd->get('/reqnotes/go/queue')->{content}, "wait queue 101 above 100\n", '... a job waits';
    my ($number) = grep { $_->{name} eq 'queue' } @{ json($httpd)->{numbers} };
    is "$number->{value} $number->{file}", '101 queue', '... in /json';
    drop($httpd, 'queue', "queue 50\n");
    ok wait_until(sub { check($httpd) =~ /queue=50;/ }, 5), 'it falls';
    is state_of($httpd, 'queue'), 'exceeded', '... not below clear=';
    drop($httpd, 'queue', "queue 10\n");
    ok wait_until(sub { state_of($httpd, 'queue') eq 'fine' }, 5), '... then it does';
    drop($httpd, 'queue', "queue 11");
    ok wait_until(sub { grep { /RN0038: .*queue is not whole/ } told($httpd) }, 5), 'a file that is not whole is told';
    is value_of($httpd, 'app_queue'), 10, '... and what it had, stays';
    drop($httpd, 'queue', "queue 12\n", 61);
    ok wait_until(sub { state_of($httpd, 'queue') eq 'unknown' }, 5), 'a stale one is unknown';
    is value_of($httpd, 'app_queue'), undef, '... not in /metrics';
    is state_of($httpd, 'alive'), 'exceeded', '... and its age is exceeded';
    is $httpd->get('/reqnotes/go/queue')->{content}, "wait queue unknown\n", '... jobs wait';
    ok wait_until(sub { grep { /RN0037: threshold queue is unknown/ } told($httpd) }, 10), '... told';
    drop($httpd, 'queue', "queue 1\n");
    ok wait_until(sub { check($httpd) =~ /^REQNOTES OK/ }, 10), 'all is well again' or diag check($httpd);
};

subtest 'the monitor is stopped' => sub {
    my ($monitor) = monitor($httpd);
    kill STOP => $monitor;
    my $begin = time;
    ok wait_until(sub { state_of($httpd, 'load') eq 'unknown' }, 10), 'after a while nothing is known';
    cmp_ok time - $begin, '>', 3, '... but not at once';
    ok !(grep { $_->{state} ne 'unknown' } @{ json($httpd)->{thresholds} }), 'all thresholds are unknown';
    like check($httpd), qr/^REQNOTES UNKNOWN - errors unknown, /, 'the check';
    is $httpd->get('/reqnotes/go/thumbs')->{content}, "wait errors unknown\n", 'jobs wait';
    is value_of($httpd, 'reqnotes_threshold_unknown', threshold => 'load'), 1, '/metrics';
    kill CONT => $monitor;
    ok wait_until(sub { check($httpd) =~ /^REQNOTES OK/ }, 10), 'it goes on' or diag check($httpd);
};

subtest 'a graceful restart' => sub {
    ok wait_until(sub { $httpd->get('/fail') for 1 .. 10; state_of($httpd, 'errors') eq 'exceeded' }, 20), 'exceeded';
    my ($before) = monitor($httpd);
    $httpd->graceful;
    ok wait_until(sub { my ($now) = monitor($httpd); $now && $now != $before }, 10), 'another monitor';
    is state_of($httpd, 'errors'), 'exceeded', 'the state stays';
    sleep 2.5;    # two looks of the new monitor
    is state_of($httpd, 'errors'), 'exceeded', '... as do the requests that it is of';
    is scalar(grep { /RN0035: threshold errors/ } told($httpd)), 2, '... and it is not told again' or diag join "\n", told($httpd);
};

subtest 'somebody else who may drop files' => sub {
    drop($httpd, 'queue', "queue 101\n");
    ok wait_until(sub { state_of($httpd, 'queue') eq 'exceeded' }, 5), 'a number is exceeded';
    drop($httpd, '0first', "queue 0\n");
    ok wait_until(sub { grep { /RN0038: .*: 0first line 1 has a number that is there/ } told($httpd) }, 5), 'is not made up by a file before it';
    is value_of($httpd, 'app_queue'), 101, '... but stays';
    my ($before) = monitor($httpd);
    $httpd->graceful;
    ok wait_until(sub { my ($now) = monitor($httpd); $now && $now != $before }, 10), 'another monitor';
    sleep 2.5;
    is value_of($httpd, 'app_queue'), 101, '... knows whose it is';
    drop($httpd, "bad$_", 'x') for 1 .. 50;
    my $many = sub { grep { /RN0038: .*: bad/ } told($httpd) };
    ok wait_until(sub { $many->() >= 20 }, 5), 'files that are refused are told';
    sleep 1.5;
    is scalar($many->()), 20, '... but do not fill the log';
    like +($many->())[-1], qr/; the page tells of more, and the log not before a minute$/, '... which says so';
    unlink glob "$httpd->{dir}/drop/{bad*,0first}";
};

is scalar(grep { /RN0035: threshold (?!errors|queue|alive)/ } told($httpd)), 0, 'nothing else was ever exceeded' or diag join "\n", told($httpd);
$httpd->stop;

subtest 'a file of thresholds' => sub {
    my $in_file = sub {
        my ($text, $more) = @_;
        my $other = Httpd->prepare(conf => "ReqNotesMetric api by=api_method\n" . ($more // '') . "ReqNotesThresholds \@DIR\@/one\n");
        $other->add_file('one', $text);
        my ($ok, $output) = $other->configtest;
        return ($ok, $output =~ s/\Q$other->{dir}\E/DIR/gr);
    };
    my ($ok, $output) = $in_file->("# reviewed\n\n  ReqNotesThreshold a errors(api,search) above=5%\nreqnotesthreshold b busy above=5\n");
    ok $ok, 'thresholds, comments and empty lines' or diag $output;
    my $ran = "/tmp/reqnotes-ran-$$";
    for my $line (qq{CustomLog "|/usr/bin/touch $ran" common}, qq{ErrorLog "|/usr/bin/touch $ran"}, 'LoadModule x y', 'Include /etc/passwd', '<IfModule reqnotes_module>',
        'ReqNotes On', 'ReqNotesThresholds DIR/one', 'ReqNotesErrorLog "|/bin/cat"', 'Define X y', "ReqNotesJob x a") {
        ($ok, $output) = $in_file->("ReqNotesThreshold a busy above=5\n$line\n");
        ok !$ok, "refused: $line";
        like $output, qr/ReqNotesThresholds DIR\/one: line 2: .*only ReqNotesThreshold and comments may stand here/, '... and told why';
    }
    ok !-e $ran, 'nothing ran';
    ($ok, $output) = $in_file->("\nReqNotesThreshold a busy above=500\n");
    like $output, qr/ReqNotesThresholds DIR\/one: line 2: ReqNotesThreshold a busy above=500: the limit is in percent/, 'a mistake has its line';
    ($ok, $output) = $in_file->("ReqNotesThreshold a errors(nix) above=5\n");
    like $output, qr/RN0028: ReqNotesThreshold a at DIR\/one:1: nix is no metric/, '... also one that is seen later';
    ($ok, $output) = $in_file->("ReqNotesThreshold a busy above=5\n", "ReqNotesThreshold a busy above=6\n");
    like $output, qr/line 1: a threshold a is on line \d+ of DIR\/conf\/httpd.conf already; choose another name/, 'a name of the operator is his';
    ($ok, $output) = $in_file->('x' x 70_000 . "\n");
    like $output, qr/it is longer than 64 KB/, 'too long';
    ($ok, $output) = $in_file->('#' . 'x' x 2000 . "\n");
    like $output, qr/line \d: a line is longer than 1000 bytes/, 'a line that is too long';
    ($ok, $output) = $in_file->("ReqNotesThreshold a busy above=5\e]0;x\a\n");
    unlike $output, qr/[\e\a]/, 'no control character is printed';
    for my $bytes ("ReqNotesThreshold a busy above=5\0 more\n", "\0\n", "# \e[2K\n", 'ReqNotesThreshold a "errors(http,' . "\e[31m" . ')" above=5' . "\n", "# \xff\n") {
        ($ok, $output) = $in_file->("\n$bytes");
        like $output, qr/line 2: it is no UTF-8, or has a control character/, 'what a review does not show is refused';
    }
    my $link = sub {
        my ($to) = @_;
        my $other = Httpd->prepare(conf => "ReqNotesThresholds \@DIR\@/one\n");
        symlink $to, "$other->{dir}/one";
        local $SIG{ALRM} = sub { die "configtest hangs\n" };
        alarm 20;
        my @result = $other->configtest;
        alarm 0;
        return @result;
    };
    ($ok, $output) = $link->('/etc/passwd');
    ok !$ok && $output !~ /root/, 'a link to a file of root tells nothing of it' or diag $output;
    ok eval { $link->($_); 1 }, "$_ does not hold up httpd" or diag $@ for '/proc/self/pagemap', '/dev/zero';
    ($ok, $output) = $in_file->("ReqNotesThreshold a busy above=\${PATH}\n");
    ok !$ok && $output !~ m{/bin}, 'no variable is filled in';
};

done_testing;
