package Unpacked;

# Where the software is that t/lib/packages.pl unpacked below build/, and the environment in which
# it is found before what the system has. PHP reads no configuration of the system's.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

our @EXPORT = qw(unpacked);

my $root = abs_path(dirname(__FILE__) . '/../..') . '/build/unpacked';

# The first file that a path with wildcards names, below build/ or in the system; undef without any.
sub unpacked {
    my ($path) = @_;
    my ($found) = grep { -e } glob("$root$path"), glob $path;
    return $found;
}

# Puts the folders that are there in front of a variable's.
sub prepend {
    my ($name, @paths) = @_;
    my @found = grep { -d } map { glob "$root$_" } @paths or return;
    $ENV{$name} = join ':', @found, defined $ENV{$name} && length $ENV{$name} ? $ENV{$name} : ();
}

prepend(PATH            => qw(/usr/bin /usr/sbin /usr/games));
prepend(LD_LIBRARY_PATH => qw(/usr/lib/*-linux-gnu /lib/*-linux-gnu));
prepend(PERL5LIB        => qw(/usr/lib/*-linux-gnu/perl5/5.* /usr/share/perl5));
prepend(PYTHONPATH      => qw(/usr/lib/python3/dist-packages));
prepend(NODE_PATH       => qw(/usr/lib/*-linux-gnu/nodejs /usr/share/nodejs));
# What an unpacked module needs may be installed, where only Debian's own Node looks for it.
$ENV{NODE_PATH} = join ':', grep { defined && length } $ENV{NODE_PATH}, '/usr/share/nodejs';
@ENV{qw(PHPRC PHP_INI_SCAN_DIR)} = ($root, '') if -e "$root/php.ini";

1;
