# The Debian package in a system of its own: built, looked at by lintian, installed, enabled,
# upgraded, disabled and purged. t/lib/package.pl has the tests.
# install: debootstrap

use strict;
use warnings;
use Test::More;

plan skip_all => 'a system of its own needs root' if $> != 0;
plan skip_all => 'a system of its own needs mounts' if system('unshare', '--mount', 'true') != 0;
my ($suite) = do { local (@ARGV, $/) = '/etc/os-release'; <> } =~ /^VERSION_CODENAME=(\w+)$/m;
plan skip_all => 'a system of its own needs a Debian with a name' unless $suite && -e "/usr/share/debootstrap/scripts/$suite";
exec 't/lib/fresh.sh', $suite, 'build/fresh', 'package' or die "fresh.sh: $!";
