# The module against musl, the C library of Alpine: it compiles with musl's headers, and calls
# nothing that only glibc has. There is no httpd for musl here to load it.
# packages: musl musl-dev

use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Test::More;
use Unpacked;

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
}

my $musl = unpacked('/usr/include/*-linux-musl') or BAIL_OUT('no musl');
my $libc = unpacked('/usr/lib/*-linux-musl/libc.so') || unpacked('/lib/ld-musl-*');
my ($apache, $apr) = map { my $path = qx{make -s show-$_}; chomp $path; $path } qw(INCLUDEDIR APRINCLUDE);
my $dir = tempdir(CLEANUP => 1);

# The headers of the compiler and of C++, then musl's, and those of OpenSSL without their folder.
my @system = grep { m{/c\+\+/|/gcc/} } qx{g++ -std=c++20 -xc++ -E -v /dev/null 2>&1} =~ /^ (\/\S+)$/mg;
mkdir "$dir/openssl";
symlink $_, "$dir/openssl/" . s{.*/}{}r for glob('/usr/include/openssl/*'), glob('/usr/include/*-linux-gnu/openssl/*');
# Where Debian's libstdc++ is made for glibc, what it has on Alpine.
mkdir "$dir/bits";
spew("$dir/bits/os_defines.h", <<'HEADER');
#include <pthread.h>
#include <time.h>
extern "C" int pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
HEADER
spew("$dir/bits/c++locale.h", <<'HEADER');
#include <clocale>
#define _GLIBCXX_NUM_CATEGORIES 0
namespace std { using __c_locale = int*; }
HEADER
my $flags = join ' ', '-nostdinc', '-Iinclude', map { "-isystem $_" } $dir, @system, $musl, $apache, $apr;
my $build = qx{g++ -std=c++20 -Wall -Wextra -O2 -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden -D_GNU_SOURCE -DLINUX $flags -c -o $dir/module.o mod_reqnotes.cpp 2>&1};
is $?, 0, 'the module compiles with the headers of musl' or diag $build;

sub symbols { return map { (split)[-1] =~ s/\@.*//r } split /\n/, qx{nm $_[0]} }
my %musl = map { ($_ => 1) } symbols("-D --defined-only $libc");
cmp_ok scalar(keys %musl), '>', 1000, 'what musl has';
my @wanted = symbols("-u $dir/module.o");
is_deeply [ grep { !$musl{$_} && !/^(?:apr?_|ap_|unixd_|top_module|core_module|_GLOBAL_OFFSET_TABLE_|HMAC|EVP_|CRYPTO_|OPENSSL_|ERR_|OSSL_)/ } @wanted ], [],
    'every function that is not of httpd or libcrypto is in musl';

done_testing;
