# The module leaves no trace: one symbol, libc and libcrypto alone, and nothing that pins it in memory.

use strict;
use warnings;
use Test::More;

my $so = $ENV{REQNOTES_SO} || 'build/mod_reqnotes.so';

my @exported = map { (split)[2] } split /\n/, qx{nm -D --defined-only $so};
is_deeply \@exported, ['reqnotes_module'], 'one symbol is exported';

my @needed = qx{readelf -d $so} =~ /\(NEEDED\)\s+Shared library: \[([^\]]+)\]/g;
like "@needed", qr/^libcrypto\.so\.\S+ libc\.so\.6$/, 'libcrypto and libc are the only libraries needed';

my @unique = grep { / u / } split /\n/, qx{nm $so};
is_deeply \@unique, [], 'no unique symbol keeps the module loaded for ever';

unlike qx{readelf -SW $so}, qr/\.tbss|\.tdata/, 'no thread-local storage';
unlike qx{readelf -sW $so}, qr/_GLOBAL__sub_I|__cxa_guard|__cxa_atexit/,
    'nothing static is constructed or destroyed';

done_testing;
