package Tools;

# Other people's programs, unpacked from Debian's packages and not installed: some would start a
# service. REQNOTES_TOOLS is the folder that they are unpacked to.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

our @EXPORT = qw(tool tool_file run_tool);

my $root = $ENV{REQNOTES_TOOLS} || abs_path(dirname(__FILE__) . '/../..') . '/build/unpacked';

$ENV{LD_LIBRARY_PATH} = join ':', glob("$root/usr/lib/*-linux-*"), glob("$root/lib/*-linux-*"),
    grep { length } $ENV{LD_LIBRARY_PATH} // '';
$ENV{PYTHONPATH} = "$root/usr/lib/python3/dist-packages";
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{HOME} = tempdir(CLEANUP => 1);

# A file of an unpacked package, or the same of an installed one.
sub tool_file {
    my ($path) = @_;
    my ($found) = grep { -e } "$root$path", $path;
    BAIL_OUT("$path is not there; `make test-tools` unpacks it") unless $found;
    return $found;
}

# The program of that name.
sub tool {
    my ($name) = @_;
    my ($found) = grep { -x } map { ("$root/usr/$_/$name", "/usr/$_/$name") } qw(bin sbin);
    BAIL_OUT("$name is not there; `make test-tools` unpacks it") unless $found;
    return $found;
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
