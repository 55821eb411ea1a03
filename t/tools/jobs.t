# packages: gearman-job-server gearman-tools php-cli
# The recipes of docs/jobs.md, as they are printed, with a real httpd: each job waits while it is told to, ends its work
# when it may, and waits when there is no answer at all.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Cwd qw(abs_path);
use Httpd;
use Metrics;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Tools;

my $page  = Httpd::slurp('docs/jobs.md');
my $httpd = Httpd->prepare(conf => <<"CONF");
ReqNotes On
ReqNotesMetricFiles \@DIR\@/numbers
ReqNotesThreshold hold file:hold above=0
ReqNotesThreshold load load above=100000
ReqNotesJob thumbs load hold retry=1
$location
CONF
my $dir = $httpd->{dir};
mkdir "$dir/$_" for qw(numbers bin spool);

sub wait_or_go {
    my ($hold) = @_;
    $httpd->add_file('numbers/.hold', "hold $hold\n");
    rename "$dir/numbers/.hold", "$dir/numbers/hold" or die $!;
    my $status = $hold ? 503 : 200;
    ok wait_until(sub { $httpd->get('/reqnotes/go/thumbs')->{status} == $status }), $hold ? 'httpd says wait' : 'httpd says go' or diag $httpd->get('/reqnotes/check')->{content};
}

# A block of the page, by its language and what is in it, with what differs here: where httpd is, where programs
# are, and how long to rest.
sub recipe {
    my ($language, $what) = @_;
    my ($found, @more) = grep { /$what/ } $page =~ /^```$language\n(.*?)^```$/msg;
    BAIL_OUT("one block of $language has $what") if !$found || @more;
    return here($found);
}

sub here {
    my ($text) = @_;
    return $text =~ s{http://127\.0\.0\.1/}{http://127.0.0.1:$httpd->{port}/}gr =~ s{/usr/local/bin}{$dir/bin}gr =~ s{/var/spool/thumbs}{$dir/spool}gr
        =~ s{\$\(\(30 \+ \$\$ % 30\)\)}{0.2}gr;
}

# The programs that do the work: each writes down what it did.
my $log = "$dir/logs/done.log";
sub done { return join ' ', $httpd->lines('done') }
sub forget { unlink $log }
for my $name (qw(make-thumb make-thumbs)) {
    $httpd->add_file("bin/$name", "#!/bin/sh\necho \"$name \$*\" | sed 's/ \$//' >>'$log'\n");
}
$ENV{PATH} = "$dir/bin:$ENV{PATH}";

sub start_httpd {
    $httpd->run or BAIL_OUT($httpd->{output});
    wait_or_go(0);
}

# Runs a command in the shell; gives its exit code and what it printed.
sub sh {
    my $text = run_tool('/bin/sh', '-c', $_[0]);
    return [ $? >> 8, $text ];
}

start_httpd();

subtest 'cron' => sub {
    my $line = recipe('text', 'www-data curl');
    like $line, qr{\A[*]/5 [*] [*] [*] [*] www-data curl .*\n\z}, 'one line of a crontab, whose sixth word is a user';
    unlike $line, qr/%/, '... without what cron takes for a newline';
    my ($command) = $line =~ /^(?:\S+ ){6}(.*)/;
    is_deeply [ sh($command), done() ], [ [ 0, '' ], 'make-thumbs' ], 'it runs';
    wait_or_go(1);
    forget();
    is_deeply [ sh($command), done() ], [ [ 22, '' ], '' ], 'it does not run, and says nothing that cron would mail';
};

subtest 'a script' => sub {
    my $script = $httpd->add_file('bin/all', recipe('sh', 'make-thumbs: all'));
    $httpd->add_file("spool/$_.jpg", '') for 'a b', 'c';
    wait_or_go(0);
    is_deeply [ sh($script), done() ], [ [ 0, '' ], "make-thumb $dir/spool/a b.jpg make-thumb $dir/spool/c.jpg" ], 'it runs';
    forget();
    wait_or_go(1);
    my $pid = fork // die "fork: $!";
    if (!$pid) { exec $script or POSIX::_exit(127) }
    sleep 1;
    is done(), '', 'it waits';
    wait_or_go(0);
    ok wait_until(sub { waitpid($pid, WNOHANG) == $pid }), '... and ends';
    is done(), "make-thumb $dir/spool/a b.jpg make-thumb $dir/spool/c.jpg", '... with all of its work';
    forget();
};

subtest 'systemd' => sub {
    my $unit = recipe('ini', 'ExecCondition');
    my ($condition) = $unit =~ /^ExecCondition=(.*)$/m;
    is sh($condition)->[0], 0, 'its condition is true';
    wait_or_go(1);
    my $code = sh($condition)->[0];
    ok $code >= 1 && $code <= 254, "... and otherwise $code, which skips the unit: 255 would be a failure";
    is sh($condition =~ s{go/thumbs}{go/none}r)->[0], 22, '... as for a job that is none';
    SKIP: {
        skip 'there is no systemd-analyze', 1 unless -x '/usr/bin/systemd-analyze';
        my $file = $httpd->add_file('thumbs.service', $unit);
        my $said = run_tool('systemd-analyze', 'verify', '--man=no', $file);
        is_deeply [ grep { /thumbs/ } split /\n/, $said ], [], 'systemd-analyze has nothing to say of the unit';
    }
};

subtest 'Gearman' => sub {
    my $port = Httpd::free_port();
    my @at = ('-h', '127.0.0.1', '-p', $port);
    Backend::spawn(sub { $httpd->connect($port) }, "$dir/logs/gearmand", tool('gearmand'), "--port=$port", '--listen=127.0.0.1', '--log-file=stderr');
    # Where the server is, and what is put back.
    $httpd->add_file('bin/gearman', "#!/bin/sh\n[ \"\$1\" = -w ] || echo put >>'$dir/logs/put.log'\nexec '@{[ abs_path(tool('gearman')) ]}' @at \"\$@\"\n");
    my $job = $httpd->add_file('bin/thumbs-job', recipe('sh', 'thumbs-job: one'));
    my ($worker) = $page =~ /`(gearman -w [^`]*)`/;
    my @worker = split ' ', here($worker);
    is $worker[-1], $job, 'what the worker runs';
    Backend::spawn(sub { 1 }, "$dir/logs/worker$_", @worker) for 1, 2;
    my $queued = sub { return run_tool(tool('gearadmin'), @at, '--status') =~ /^thumbs\t(\d+)\t/m ? $1 : undef };
    my @photos = map { "$dir/spool/photo $_.jpg" } 1 .. 5;
    system('gearman', '-b', '-s', '-f', 'thumbs', $_) == 0 or die "gearman fails" for @photos;
    ok wait_until(sub { (my @put = $httpd->lines('put')) >= 15 }), 'jobs are put back, and taken again, while httpd says wait';
    is done(), '', '... and none is done';
    cmp_ok $queued->(), '>=', 5, '... nor lost';
    wait_or_go(0);
    ok wait_until(sub { ($queued->() // 1) == 0 }), 'when it says go, the queue gets empty';
    is_deeply [ sort $httpd->lines('done') ], [ map { "make-thumb $_" } @photos ], '... and each job was done once';
    forget();
};

subtest 'PHP' => sub {
    my $loop = $httpd->add_file('loop.php', recipe('php', 'queue->next'));
    my $before = $httpd->add_file('before.php', <<'PHP');
<?php
// A queue that delivers what is due; time passes here when nothing is.
final class Queue
{
    public $photos, $later = [], $retries = [];
    public function __construct() { $this->photos = array_slice($_SERVER['argv'], 1); }
    public function next() {
        if ($this->photos === [] && $this->later !== [] && count($this->retries) < 2 * getenv('ROUNDS')) { usleep(300000); $this->photos = $this->later; $this->later = []; }
        return array_shift($this->photos);
    }
    public function later($photo, $retry) { $this->later[] = $photo; $this->retries[] = $retry; }
}
function make_thumb($photo) { echo "made $photo\n"; }
$queue = new Queue;
register_shutdown_function(function () use ($queue) { foreach ($queue->later as $n => $photo) echo "later $photo\n"; echo min($queue->retries ?: [0]), ' ', max($queue->retries ?: [0]), "\n"; });
PHP
    my $run = sub { return run_tool(tool('php'), '-n', '-d', 'error_reporting=-1', '-d', 'display_errors=on', '-d', "include_path=conf/php", '-d', "auto_prepend_file=$before", $loop, qw(a b)) };
    local $ENV{ROUNDS} = 3;
    local $ENV{REQNOTES_URL} = "http://127.0.0.1:$httpd->{port}/reqnotes";
    is $run->(), "made a\nmade b\n0 0\n", 'it runs';
    wait_or_go(1);
    like $run->(), qr/\Alater a\nlater b\n[12] [12]\n\z/, 'it puts all jobs back, for as long as httpd says';
    local $ENV{ROUNDS} = 60;
    my $pid = open(my $out, '-|') // die "fork: $!";
    if (!$pid) { print $run->(); close STDOUT; POSIX::_exit(0) }
    sleep 0.3;
    wait_or_go(0);
    like do { local $/; <$out> }, qr/^made [ab]\nmade [ab]\n[12] [12]\n\z/, '... and does them when it may';
    local $ENV{ROUNDS} = 3;
    $httpd->stop;
    like $run->(), qr/\Alater a\nlater b\n(?:3\d|4\d|5\d|60) (?:3\d|4\d|5\d|60)\n\z/, 'without httpd they wait, too';
};

subtest 'without httpd' => sub {
    my ($command) = recipe('text', 'www-data curl') =~ /^(?:\S+ ){6}(.*)/;
    is_deeply [ sh($command), done() ], [ [ 7, '' ], '' ], 'cron runs nothing, and says nothing';
    my ($condition) = recipe('ini', 'ExecCondition') =~ /^ExecCondition=(.*)$/m;
    is sh($condition)->[0], 7, 'systemd skips the unit';
};

done_testing;
