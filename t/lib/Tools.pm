package Tools;

# Programs of others, unpacked from Debian's packages and not installed: some would start a service.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Unpacked;

our @EXPORT = qw(tool tool_file run_tool);

$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{HOME} = tempdir(CLEANUP => 1);

# A file of an unpacked package, or the same of an installed one.
sub tool_file {
    my ($path) = @_;
    return unpacked($path) // BAIL_OUT("$path is not there; `make test-tools` unpacks it");
}

# The program of that name.
sub tool {
    my ($name) = @_;
    return unpacked("/usr/bin/$name") // unpacked("/usr/sbin/$name")
        // BAIL_OUT("$name is not there; `make test-tools` unpacks it");
}

# Runs a command without a shell; gives what it prints, errors included.
sub run_tool {
    my (@command) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDIN,  '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    local $/;
    my $text = <$out>;
    close $out;
    return $text;
}

1;
