# The life of the Debian package in a system of its own, as root: `t/lib/fresh.sh SUITE DIR package`
# runs it in a chroot. Never run it elsewhere: it installs, starts and purges.
#
#   perl package.pl PACKAGE.deb NEWER.deb

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

my ($package, $newer) = @ARGV;
$ENV{DEBIAN_FRONTEND} = 'noninteractive';
my $etc   = '/etc/apache2';
my $logs  = '/var/log/apache2';
my $before;
my @names = split ' ', $ENV{REQNOTES_LOGS} // '';

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub run {
    my ($command) = @_;
    my $output = qx{$command 2>&1};
    return $? == 0 || (diag($output), 0)[1];
}

# Every file where a package may leave one, with its owner and mode. Not logs of others, and not
# where a2enmod keeps its accounts.
sub files {
    return [ grep { !m{ /var/lib/apache2/module/\w+ $} } grep { !m{ /(?:var/(?:cache|lib/(?:dpkg|apt)|log/(?:apt|dpkg|alternatives|service-calls|apache2/(?:error|access|other_vhosts_access|seen)\.log))|etc/ld\.so\.cache|run/)} }
        sort split /\n/, qx{find /etc /usr /var -printf '%M %u:%g %p %l\n'} ];
}

# What is not as it was before.
sub changes {
    my %count;
    ++$count{$_} for @{ files() };
    --$count{$_} for @$before;
    return [ sort grep { $count{$_} } keys %count ];
}

# What packages asked of services, since the last time.
my $calls = 0;
sub service_calls {
    my @lines = split /\n/, slurp('/var/log/service-calls');
    my @new = @lines[ $calls .. $#lines ];
    $calls = @lines;
    return \@new;
}

sub get {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new('127.0.0.1:8098') or return '';
    print $socket "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
    local $/;
    return scalar(<$socket>) // '';
}

sub wait_for {
    my ($condition) = @_;
    for (1 .. 200) {
        return 1 if $condition->();
        select undef, undef, undef, 0.05;
    }
    return 0;
}

# Reloads, and waits until the new generation answers.
sub reload {
    my $before = () = slurp("$logs/error.log") =~ /resuming normal operations/g;
    run('apache2ctl graceful') or return 0;
    return wait_for(sub { (() = slurp("$logs/error.log") =~ /resuming normal operations/g) > $before && get('/') });
}

sub logged {
    my ($path) = @_;
    get($path);
    return wait_for(sub { slurp("$logs/seen.log") =~ /"trace_id":"[0-9a-f]{32}".*"path":"\Q$path\E"/ });
}

is qx{cd \$(dirname $package) && lintian --allow-root --fail-on error,warning *.changes 2>&1}, '', 'lintian has nothing to say';

open my $ports, '>', "$etc/ports.conf" or die;
print $ports "Listen 127.0.0.1:8098\n<IfModule reqnotes_module>\n  GlobalLog $logs/seen.log \"%^RJ\"\n</IfModule>\n";
close $ports;
run(q(sed -i 's/:80>/:8098>/' /etc/apache2/sites-available/000-default.conf));
ok run('apache2ctl start') && wait_for(sub { get('/') }), 'a system with a running Apache';
$before = files();
service_calls();

ok run("apt-get install -qq -y --no-install-recommends $package"), 'install';
is_deeply service_calls(), [], '... asks nothing of a service';
is_deeply [ glob "$etc/*-enabled/*reqnotes*" ], [], '... and enables nothing';
is_deeply [ sort map { s/^ | [0-9a-f]{32}$//gr } grep { /\S/ } split /\n/, qx{dpkg-query -W -f '\${Conffiles}' libapache2-mod-reqnotes} ],
    [ "$etc/mods-available/reqnotes.conf", "$etc/mods-available/reqnotes.load", '/etc/lnav/formats/reqnotes/reqnotes.json' ], 'the files of the configuration and the format for lnav are conffiles';
is qx{reqnotes-grep --version}, "reqnotes-grep 1.0.0\n", 'reqnotes-grep';
ok -e '/usr/share/php/reqnotes.php' && -e '/usr/share/doc/libapache2-mod-reqnotes/README.md.gz', 'the helper for PHP, and documents';
is sprintf('%s %04o', join(':', map { $_->[0] } [ getpwuid((stat "$logs/$_")[4]) ], [ getgrgid((stat _)[5]) ]), (stat _)[2] & 07777),
    'root:adm 0640', "$_ is not for everybody" for @names;
my ($so) = glob '/usr/lib/apache2/modules/mod_reqnotes.so';
like qx{readelf -d $so}, qr/BIND_NOW|FLAGS.*NOW/, 'the module is hardened';
like qx{readelf -sW $so}, qr/__\w+_chk/, '... by CPPFLAGS too';
unlike qx{readelf -SW $so}, qr/\.symtab|\.debug/, '... and stripped';

ok run('a2enmod -q reqnotes') && run('apache2ctl configtest') && reload(), 'enable';
ok logged('/first'), '... and a request is logged with its trace';
for my $name (grep { /access/ } @names) {
    ok wait_for(sub { slurp("$logs/$name") =~ /"trace_id":.*"path":"\/first"/ }), "... in $name, with nothing else done";
}
is sprintf('%04o', (stat "$logs/$_")[2] & 07777), '0640', "$_ is still not for everybody" for @names;

run("echo '# edited' >> $etc/mods-available/reqnotes.conf");
service_calls();
ok run("apt-get install -qq -y --no-install-recommends $newer"), 'upgrade';
like qx{dpkg-query -W -f '\${Version}' libapache2-mod-reqnotes}, qr/\+newer$/, '... to the newer version';
like slurp("$etc/mods-available/reqnotes.conf"), qr/^# edited$/m, '... keeps the edited configuration';
ok -l "$etc/mods-enabled/reqnotes.load", '... stays enabled';
ok reload() && logged('/second'), '... and logs';

ok run('a2dismod -q reqnotes') && run('apache2ctl configtest') && reload(), 'disable';
like get('/third'), qr/^HTTP\/1\.1 404/, '... and Apache serves without it';
unlike slurp("$logs/seen.log"), qr/third/, '... and without its lines';
ok run('apt-get purge -qq -y libapache2-mod-reqnotes'), 'purge';
is_deeply changes(), [], '... leaves nothing';

ok run("apt-get install -qq -y --no-install-recommends $package") && run('a2enmod -q reqnotes') && reload() && logged('/fourth'), 'once more';
ok run('apt-get purge -qq -y libapache2-mod-reqnotes'), 'purge while it is enabled';
is_deeply changes(), [], '... leaves nothing';
ok run('apache2ctl configtest') && reload(), '... and Apache starts without it';
run('apache2ctl stop');
done_testing;
