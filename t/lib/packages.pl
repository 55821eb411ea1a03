# Debian's packages for the targets of the Makefile, on a machine that must stay as it is.
#
#   perl t/lib/packages.pl DIR install NAME ... unpack NAME ...
#
# install  compilers, headers, libraries and plain tools: installed when they are missing, and when
#          that upgrades, removes and configures nothing of an Apache or a PHP that is there, and
#          brings nothing that starts or enables something. Otherwise they are unpacked, too.
# unpack   everything else, with all that it needs: unpacked below DIR/unpacked and never installed,
#          so that no script of a package runs. t/lib/Unpacked.pm says where things are found.
#
# When something cannot be had, it says why, before it has changed anything outside of DIR. Needs
# perl-base alone; runs that come together wait for each other.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path qw(make_path);

$SIG{__DIE__} = sub { print STDERR @_; exit 1 };

my $dir = shift || die "usage: packages.pl DIR install NAME ... unpack NAME ...\n";
my %wanted;
my $list;
for (@ARGV) {
    if (/^(?:install|unpack)$/) { $list = $_ }
    else                        { push @{ $wanted{$list} }, $_ }
}

-x '/usr/bin/apt-get' or die "This sets up packages of Debian, and there is no apt-get. Nothing was changed.\n";
make_path($dir);
$dir = do { my $path = qx{cd '$dir' && pwd}; chomp $path; $path };
my $root = "$dir/unpacked";
open my $lock, '>', "$dir/packages.lock" or die "$dir/packages.lock: $!\n";
flock $lock, LOCK_EX or die "flock: $!\n";

# A package of these is never taken from the machine: it would read the machine's configuration,
# and it must be of one version with the others of its family.
my $families = qr/^(?:php|libphp|libapache2-mod-|dokuwiki)/;

# What other packages need for their scripts and services alone, and what finds its own parts in one
# place only, so that it must be installed.
my $never = qr/^(?:nodejs|usrmerge|systemd|systemd-.*|dbus|udev|apache2|init-system-helpers)$/;

# What a script of a package does not say unless it starts or enables something.
my $starts = qr/\b(deb-systemd-(?:invoke|helper)|invoke-rc\.d|update-rc\.d|systemctl|a2en(?:mod|conf|site)|apache2_invoke|phpenmod|php_invoke)\b/;

my %installed = map { /^(\S+) installed$/ ? ($1 => 1) : () }
    split /\n/, qx{dpkg-query -W -f '\${Package} \${db:Status-Status}\n'};
my %unpacked = map { ($_ => 1) } split /\n/, slurp("$root/.packages");

my (@harmless, %coming, %download);  # to install; what comes with that; to unpack
my @install = grep { !$installed{$_} && !$unpacked{$_} } @{ $wanted{install} || [] };
my @unpack  = grep { !$unpacked{$_} } @{ $wanted{unpack} || [] };
exit 0 unless @install || @unpack;

$ENV{LC_ALL} = 'C';
$ENV{DEBIAN_FRONTEND}    = 'noninteractive';
$ENV{NEEDRESTART_SUSPEND} = 1;
my @apt = ('apt-get', '-qq', '-o', 'APT::Install-Recommends=0', '-o', 'Dpkg::Use-Pty=0');
push @apt, '-o', 'APT::Sandbox::User=root' if $> == 0;  # another user cannot read a home of root

# The lists of packages are the machine's own; where they are missing or too old, private ones.
if (!prepare()) {
    print "Fetching lists of packages.\n";
    make_path("$dir/lists/partial");
    push @apt, '-o', "Dir::State::Lists=$dir/lists";
    system(@apt, '-o', 'Debug::NoLocking=1', 'update') == 0 && prepare(1)
        or die "Nothing was changed.\n";
}
unpack_all();
install();
system('rm', '-rf', map { "$dir/$_" } qw(archives scripts status));
exit 0;

# Decides what is to be done, and downloads it. False when the lists are of no use.
sub prepare {
    my ($last) = @_;
    my %todo = map { ($_ => 1) } @unpack;
    (@harmless, %coming, %download) = ();
    if (@install) {
        my ($error, $reason) = judge(\@install, $last);
        return 0 if $error;
        @harmless = @install unless $reason;
        for my $name ($reason ? @install : ()) {  # then one by one
            ($error, $reason) = judge([$name], $last);
            return 0 if $error;
            if (!$reason) { push @harmless, $name }
            elsif ($reason =~ /libc6/) {
                die "$name is missing, and installing it is not for a test: $reason.\n",
                    "Nothing was changed. Bring the system up to date when it suits you, and try again.\n";
            }
            else {
                print "Not installing $name: $reason. Unpacking it below $dir.\n";
                $todo{$name} = 1;
            }
        }
    }
    if (@harmless && $> != 0) {
        die "Some packages are missing, and installing them needs root. Nothing was changed. Run:\n",
            "  sudo apt-get install --no-install-recommends @harmless\n" if system('sudo -n true 2>/dev/null') != 0;
    }
    if (%todo) {
        my @plan = plan(1, sort keys %todo) or return failed($last);
        @plan = grep { my $name = $_->{name}; $todo{$name} || $name =~ $families || !$installed{$name} && !$coming{$name} } @plan;
        @plan = grep { $todo{ $_->{name} } || $_->{name} !~ $never } @plan;
        fetch(@plan) or return failed($last);
        %download = map { ($_->{name} => $_) } @plan;
    }
    @unpack = sort keys %todo;
    return 1;
}

sub failed {
    my ($last) = @_;
    print "apt-get cannot find or fetch what is needed (above is why).\n" if $last;
    return 0;
}

# What apt-get would do, as a list of packages. `alone` for a machine on which nothing is installed.
sub plan {
    my ($alone, @names) = @_;
    my @status;
    if ($alone) {
        open my $empty, '>', "$dir/status" or die "$dir/status: $!\n";
        @status = ('-o', "Dir::State::status=$dir/status");
    }
    my $out = output(@apt, '-s', '-o', 'Debug::NoLocking=1', @status, 'install', @names);
    my (@plan, %known);
    for (split /\n/, $out) {
        if (/^Inst (\S+)(?: \[([^]]+)\])? \((\S+)/) {
            push @plan, { name => $1, old => $2, version => $3 };
            $known{$1} = 1;
        }
        elsif (/^Remv (\S+)/) { push @plan, { name => $1, removed => 1 } }
        elsif (/^Conf (\S+)/ && !$known{$1}) { push @plan, { name => $1, configured => 1 } }
    }
    return @plan;
}

# Gives (true when the lists are of no use, why installing these packages would do harm).
sub judge {
    my ($names, $last) = @_;
    my @plan = plan(0, @$names) or return (1 + failed($last), undef);
    for (@plan) {
        return (0, "$_->{name} would be removed") if $_->{removed};
        return (0, "$_->{name} would be configured") if $_->{configured};
        return (0, "$_->{name} would be upgraded") if $_->{old} && $_->{name} =~ /^(?:lib)?(?:apache2|php)|^libc6$/;
    }
    fetch(@plan) or return (1 + failed($last), undef);
    for (@plan) {
        my $scripts = "$dir/scripts";
        system('rm', '-rf', $scripts);
        system('dpkg-deb', '-e', file($_), $scripts) == 0 or die "dpkg-deb fails\n";
        my ($found) = map { slurp("$scripts/$_") =~ $starts } qw(preinst postinst);
        return (0, "$_->{name} starts or enables something by $found") if $found;
    }
    $coming{ $_->{name} } = 1 for @plan;
    return (0, undef);
}

# The file of a package, as apt-get names it.
sub file {
    my ($package) = @_;
    my ($file) = glob "$dir/archives/$package->{name}_" . $package->{version} =~ s/:/%3a/gr . '_*.deb';
    return $file;
}

sub fetch {
    my @missing = grep { !file($_) } @_;
    return 1 unless @missing;
    make_path("$dir/archives/partial");
    chdir "$dir/archives" or die "$dir/archives: $!\n";
    my $done = system(@apt, 'download', map { "$_->{name}=$_->{version}" } @missing) == 0;
    chdir $dir;
    return $done;
}

sub unpack_all {
    return unless %download;
    print "Unpacking below $root: @unpack\n";
    make_path($root);
    for (sort keys %download) {
        system('dpkg-deb', '-x', file($download{$_}), $root) == 0 or die "$_ cannot be unpacked\n";
    }
    system('chmod', '-R', 'u+rwX,go+rX', $root);
    relocate();
    my %all = (%unpacked, map { ($_ => 1) } @unpack);
    spew("$root/.packages", map { "$_\n" } sort keys %all);
}

sub install {
    return unless @harmless;
    print "Installing: @harmless\n";
    my @command = (@apt, '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', "Dir::Cache::archives=$dir/archives", 'install', @harmless);
    unshift @command, 'sudo', 'env', map { "$_=$ENV{$_}" } qw(LC_ALL DEBIAN_FRONTEND NEEDRESTART_SUSPEND) if $> != 0;
    return if system("exec >'$dir/packages.log' 2>&1; " . join ' ', map { "'$_'" } @command) == 0;
    print slurp("$dir/packages.log");
    die "apt-get fails.\n";
}

# What a package believes to be in the root of the system is here.
sub relocate {
    for my $link (split /\n/, output('find', $root, '-type', 'l')) {
        my $target = readlink $link;
        if ($target !~ m{^/}) {
            next if -e $link;
            $target = $link =~ s{^\Q$root\E(.*/)[^/]*$}{$1$target}r;  # a library that the system has
            next unless -e $target;
        }
        elsif ($target =~ /^\Q$root\E/ || !-e "$root$target") { next }
        else { $target = "$root$target" }
        unlink $link;
        symlink $target, $link;
    }

    # apxs tells of headers that are here, and of modules that are installed in the system.
    my $vars = "$root/usr/share/apache2/build/config_vars.mk";
    if (-e $vars) {
        my $text = slurp($vars);
        my %here = (includedir => '/usr/include/apache2', APR_INCLUDEDIR => '/usr/include/apr-1.0', APU_INCLUDEDIR => '/usr/include/apr-1.0');
        -d "$root$here{$_}" and $text =~ s{^$_ = .*}{$_ = $root$here{$_}}m for keys %here;
        spew($vars, $text);
    }
    for my $program (grep { !-l } glob "$root/usr/bin/ap[ru]-*config") {
        my $text = slurp($program);
        spew($program, $text) if $text =~ s{cd /usr/share}{cd $root/usr/share};
    }

    # PHP: the name that an alternative would have, and one php.ini with its extensions, in their
    # order. Not opcache, which PHP does without.
    my ($php) = glob "$root/usr/bin/php[0-9]*.[0-9]";
    symlink $php, "$root/usr/bin/php" if $php && !-e "$root/usr/bin/php";
    my ($extensions) = glob "$root/usr/lib/php/20*";
    my %line;
    for my $ini ($extensions ? glob "$root/usr/share/php*-*/*/*.ini" : ()) {
        my $text = slurp($ini);
        my ($name) = $text =~ /^extension=(\S+?)(?:\.so)?$/m or next;
        $line{$name} = [ $text =~ /priority=(\d+)/ ? $1 : 20, "extension=$name\n" ];
    }
    spew("$root/php.ini", "extension_dir = \"$extensions\"\n", "include_path = \".:$root/usr/share/php\"\n",
        map { $line{$_}[1] } sort { $line{$a}[0] <=> $line{$b}[0] || $a cmp $b } keys %line) if $extensions;
}

sub output {
    my @command = @_;
    open my $out, '-|', @command or die "$command[0]: $!\n";
    local $/;
    my $text = <$out> // '';
    close $out;
    return $text;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub spew {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out @text;
    close $out or die "$file: $!\n";
}
