# The configuration of docs/containers.md: an ordinary user, logs on standard output and standard
# error, and, where this test runs as root, a root file system that is read-only.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use POSIX qw(setsid);
use Test::More;

my ($conf) = Httpd::slurp('docs/containers.md') =~ /^```apache\n(.*?)^```/ms;
my $httpd = Httpd->prepare(files => { 'www/index.html' => "page\n" });
my $dir = $httpd->{dir};
my $so  = $ENV{REQNOTES_SO} || "$ENV{PWD}/build/mod_reqnotes.so";
-e $so or BAIL_OUT("no $so");
# What the image has and this system has not, or elsewhere.
system('cp', $so, "$dir/mod_reqnotes.so");
$conf =~ s{modules/mod_reqnotes\.so}{$dir/mod_reqnotes.so};
$conf =~ s{/run/httpd}{$dir/run}g;
$conf =~ s{/etc/mime\.types}{/dev/null};
$conf =~ s{/srv/www}{$dir/www};
$conf =~ s{^Listen 8080$}{Listen 127.0.0.1:$httpd->{port}}m or die;
$httpd->add_file('conf/httpd.conf', $conf);

# An engine gives standard output and standard error, pipes, to the user.
pipe my $out, my $to_out or die "pipe: $!";
pipe my $err, my $to_err or die "pipe: $!";
my @user = getpwnam 'www-data';
chown $user[2], $user[3], $to_out, $to_err if $> == 0;
my @command = ($httpd->program, '-f', "$dir/conf/httpd.conf", '-DFOREGROUND');
unshift @command, 'unshare', '-m', 'sh', '-euc', <<'SHELL', $dir if $> == 0;
mount -t tmpfs -o mode=1777 tmpfs "$0/run"
mount -o remount,bind,ro /
! touch "$0/www/x" 2> /dev/null
exec setpriv --reuid www-data --regid www-data --clear-groups "$@"
SHELL
plan skip_all => 'no mount here, to make a file system read-only' if $> == 0 && system('unshare', '-m', 'mount', '-o', 'remount,bind,ro', '/') != 0;

my $pid = fork // die "fork: $!";
if ($pid == 0) {
    setsid();
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
    open STDOUT, '>&', $to_out;
    open STDERR, '>&', $to_err;
    exec @command or POSIX::_exit(127);
}
close $_ for $to_out, $to_err;
END { kill KILL => -$pid if $pid }

ok wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == 0 && $httpd->connect }), 'it starts'
    or do { kill TERM => $pid; diag do { local $/; <$err> }; $pid = 0; BAIL_OUT('httpd does not start') };
my ($uid) = Httpd::slurp("/proc/$pid/status") =~ /^Uid:\s+(\d+)/m;
isnt $uid, 0, 'as an ordinary user';
is $httpd->get('/index.html')->{content}, "page\n", '... and serves';
is $httpd->get('/missing')->{status}, 404, '... and refuses';
like $httpd->raw("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"), qr/^HTTP\/1.1 400/, '... and hears nonsense';
kill WINCH => $pid;
my @out = do { local $SIG{ALRM} = sub { die 'no end' }; alarm 30; my @lines = <$out>; alarm 0; @lines };
my $text = do { local $/; <$err> };
waitpid $pid, 0;
$pid = 0;
is $?, 0, 'SIGWINCH ends it';

my @json = map { eval { from_json($_) } || fail("not JSON: $_") } @out;
my @access = grep { defined $_->{status} && !defined $_->{message} } @json;
is_deeply [ sort map { $_->{path} // '' } grep { $_->{status} < 400 || $_->{status} == 404 } @access ], [ '/index.html', '/missing' ],
    'standard output has the access lines';
is scalar(grep { ($_->{trace_id} // '') =~ /^[0-9a-f]{32}$/ } @access), 3, '... with their traces';
ok +(grep { ($_->{message} // '') =~ /resuming normal operations/ } @json), '... and the messages of the error log';
like $text, qr/resuming normal operations/, 'standard error has the ordinary error log';
unlike $text, qr/denied|Read-only|RN\d{4}/, '... which complains of nothing';

done_testing;
