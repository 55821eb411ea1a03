# make install and make uninstall: each layout of httpd, and configurations that stay as they are.

use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Httpd;
use Test::More;

my %layouts = (
    'Debian' => {
        LIBEXECDIR => '/usr/lib/apache2/modules', SYSCONFDIR => '/etc/apache2',
        files => [qw(/etc/apache2/mods-available/reqnotes.load /etc/apache2/mods-available/reqnotes.conf /etc/apache2/conf-available/reqnotes-pages.conf)],
        use  => sub { mkdir "$_[0]/etc/apache2/mods-enabled"; symlink '../mods-available/reqnotes.load', $_[1] },
        uses => '/etc/apache2/mods-enabled/reqnotes.load',
    },
    'Red Hat' => {
        LIBEXECDIR => '/usr/lib64/httpd/modules', SYSCONFDIR => '/etc/httpd/conf',
        files => [qw(/etc/httpd/conf.modules.d/10-reqnotes.conf /etc/httpd/conf.d/reqnotes.conf /etc/httpd/conf/reqnotes-pages.conf)],
    },
    'httpd and its image' => {
        LIBEXECDIR => '/usr/local/apache2/modules', SYSCONFDIR => '/usr/local/apache2/conf',
        files => [qw(/usr/local/apache2/conf/extra/reqnotes.load /usr/local/apache2/conf/extra/reqnotes.conf /usr/local/apache2/conf/extra/reqnotes-pages.conf)],
        use  => sub { spew($_[1], "Include conf/extra/reqnotes.load\n") },
        uses => '/usr/local/apache2/conf/httpd.conf',
    },
);

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
}

my $php = "/usr/share/php/reqnotes.php";
my $grep = "/usr/bin/reqnotes-grep";

sub files_below {
    my ($dir) = @_;
    return [ sort map { s/^\Q$dir\E//r } split /\n/, qx{find $dir ! -type d} ];
}

for my $name (sort keys %layouts) {
    subtest "the layout of $name" => sub {
        my $layout = $layouts{$name};
        my $dest = tempdir(CLEANUP => 1);
        my $make = sub { my $out = qx{make -s $_[0] DESTDIR=$dest LIBEXECDIR=$layout->{LIBEXECDIR} SYSCONFDIR=$layout->{SYSCONFDIR} 2>&1}; return ($? == 0, $out) };
        my ($load, $conf, $pages) = @{ $layout->{files} };
        my $so = "$layout->{LIBEXECDIR}/mod_reqnotes.so";
        my ($ok, $output) = $make->('install');
        ok $ok, 'install' or diag $output;
        is_deeply files_below($dest), [ sort $so, $load, $conf, $pages, $php, $grep ], '... places six files';
        like Httpd::slurp("$dest$load"), qr/^LoadModule reqnotes_module \Q$so\E$/m, '... and the path of the module';
        my $shipped = Httpd::slurp("$dest$conf");
        $name eq 'Debian' ? is $shipped, Httpd::slurp('conf/reqnotes.conf'), '... the configuration'
                          : unlike $shipped, qr/APACHE_LOG_DIR/, '... and no variable of Debian';
        my $httpd = Httpd->prepare(reqnotes => 0, conf => join "\n", 'Define APACHE_LOG_DIR @DIR@/logs',
            (map { (Httpd::slurp("$dest$_") =~ s{\Q$layout->{LIBEXECDIR}\E}{$dest$layout->{LIBEXECDIR}}r) } $load, $conf, $pages), '');
        ($ok, $output) = $httpd->configtest;
        ok $ok, 'httpd takes it' or diag $output;

        ($ok, $output) = $make->('install');
        is_deeply [ $ok, $output, files_below($dest) ], [ 1, '', [ sort $so, $load, $conf, $pages, $php, $grep ] ], 'once more changes nothing';

        spew("$dest$conf", "# edited\n");
        ($ok, $output) = $make->('install');
        ok $ok, 'over an edited configuration';
        is Httpd::slurp("$dest$conf"), "# edited\n", '... which stays';
        is Httpd::slurp("$dest$conf.new"), $shipped, '... with the new one beside it';
        like $output, qr/\Q$dest$conf.new\E$/, '... and it says so';

        if ($layout->{uses}) {
            $layout->{use}->($dest, "$dest$layout->{uses}");
            ($ok, $output) = $make->('uninstall');
            ok !$ok && -e "$dest$so", 'uninstall, while httpd uses it, removes nothing';
            like $output, qr/Nothing was removed. First: (?:a2dismod reqnotes|remove the lines)/, '... and says what to do';
            unlink "$dest$layout->{uses}";
        }
        ($ok, $output) = $make->('uninstall');
        ok $ok, 'uninstall';
        is_deeply files_below($dest), [ $conf ], '... leaves the edited configuration alone';
        like $output, qr/\Q$conf\E is not as it was placed, and stays/, '... and says so';
        unlink "$dest$conf";
        $make->($_) for qw(install uninstall);
        is_deeply files_below($dest), [], 'without an edit nothing is left';
    };
}

my $output = qx{make -s -B APXS= build/mod_reqnotes.so 2>&1};
like $output, qr/^\S+ \*\*\* apxs is missing\. On Debian: apt-get install g\+\+ apache2-dev libssl-dev\./, 'without apxs, one line says what to install';
is scalar(() = $output =~ /\n/g), 1, '... and nothing else';

for my $flags (map { "${_}FLAGS=-Wl,--" . lc } 'CPP', 'CXX', 'LD') {
    my ($flag) = $flags =~ /=(.*)/;
    my @commands = split /\n/, qx{make -n -B $flags all build/faults.so build/unit/unit_tests fuzz-replay build/sanitize/mod_reqnotes.so};
    my @modules = grep { /-o \S*mod_reqnotes\.so / } @commands;
    @commands = grep { /^(?:g\+\+|c\+\+|clang\+\+) /m && ($flags !~ /^CPP/ || / -c |\.cpp/) && ($flags !~ /^LD/ || !/ -c /) } @commands;
    @commands = grep { / -o build\/mod_reqnotes\.so / } @commands if $flags =~ /^CXX/;
    cmp_ok scalar(@commands), '>', 0, "$flags";
    is_deeply [ grep { !/ \Q$flag\E / } @commands ], [], '... is in every command that it concerns';
}

my ($version) = Httpd::slurp('include/reqnotes/version.hpp') =~ /kVersion\b[^"]*"([^"]+)"/;
ok defined $version, 'the module has a version';
like Httpd::slurp('debian/changelog'), qr/\Alibapache2-mod-reqnotes \(\Q$version\E\) /, '... which is that of the Debian package';

done_testing;
