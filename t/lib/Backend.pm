package Backend;

# Real backends beside an Httpd: PHP-FPM on a unix socket, and a service in Python over HTTP.

use strict;
use warnings;

use Exporter qw(import);
use Httpd;
use POSIX qw(setsid WNOHANG);
use Unpacked;

our @EXPORT = qw(start_fpm start_python);

my @running;
my $owner = $$;

# Starts a command in a session of its own, and waits for a condition.
sub spawn {
    my ($ready, $log, @command) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        setsid();
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    push @running, $pid;
    Httpd::wait_until(sub { waitpid($pid, WNOHANG) == $pid || $ready->() });
    return $pid if $ready->();
    die "$command[0] does not start: " . Httpd::slurp($log);
}

# PHP-FPM with its socket at run/fpm.sock of the server's folder, and values of php.ini; log_limit is
# one of its own.
sub start_fpm {
    my ($httpd, %ini) = @_;
    my $program = unpacked('/usr/sbin/php-fpm[0-9]*');
    die "php-fpm is not installed\n" unless $program;
    my $dir = $httpd->{dir};
    my $user = $> == 0 ? "user = www-data\ngroup = www-data\nlisten.owner = www-data\nlisten.group = www-data\n" : '';
    %ini = (log_errors => 'on', display_errors => 'off', error_reporting => 32767, %ini);
    my $limit = delete $ini{log_limit} // 1024;
    my $values = join '', map { "php_admin_value[$_] = $ini{$_}\n" } sort keys %ini;
    $httpd->add_file('conf/fpm.conf', <<"CONF");
[global]
error_log = $dir/logs/fpm.log
log_limit = $limit
daemonize = no
[www]
$user
listen = $dir/run/fpm.sock
pm = static
pm.max_children = 3
catch_workers_output = no
$values
CONF
    return spawn(sub { -S "$dir/run/fpm.sock" }, "$dir/logs/fpm.out", $program, '-F',
        '-y', "$dir/conf/fpm.conf");
}

# A program in Python that listens on the port of its first argument.
sub start_python {
    my ($httpd, $port, $script) = @_;
    my $file = $httpd->add_file("backend-$port.py", $script);
    return spawn(sub { $httpd->connect($port) }, "$httpd->{dir}/logs/python-$port.out",
        '/usr/bin/python3', $file, $port);
}

END {
    if ($$ == $owner) {
        my $status = $?;
        for my $pid (@running) {
            kill TERM => -$pid;
            Httpd::wait_until(sub { waitpid($pid, WNOHANG) != 0 }, 5) or kill KILL => -$pid;
        }
        $? = $status;
    }
}

1;
