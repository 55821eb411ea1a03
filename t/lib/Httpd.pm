package Httpd;

# One httpd for a test: on free loopback ports, in a folder of its own, stopped by its process id
# at the end. Core Perl only.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(setsid WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Unpacked;

our @EXPORT = qw(each_mpm from_json has_module wait_until);

my $top     = abs_path(dirname(__FILE__) . '/../..');
my $program = $ENV{HTTPD} || (grep { -x } qw(/usr/sbin/apache2 /usr/sbin/httpd))[0];
my $modules = $ENV{HTTPD_MODULES} || '/usr/lib/apache2/modules';
my $module  = abs_path($ENV{REQNOTES_SO} || "$top/build/mod_reqnotes.so");
my @running;
my $owner = $$;

# A program that dies of a signal runs no END block, and its servers would stay.
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

# What httpd needs for anything at all. The MPM and a test's own modules come on top.
my @base = qw(authz_core authz_host alias dir env headers mime rewrite setenvif unixd log_config);

# The file of a module, httpd's own or a package's; undef when there is none.
sub module_file {
    my ($file) = @_;
    return -e "$modules/$file" ? "$modules/$file" : unpacked("/usr/lib/apache2/modules/$file");
}

sub has_module { return defined module_file("mod_$_[0].so") }

sub from_json { return JSON::PP->new->utf8->decode($_[0]) }

# Calls a condition until it is true, and gives its value; after `seconds` gives undef.
sub wait_until {
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds || 20);
    while (1) {
        my $value = $condition->();
        return $value if $value || time > $end;
        sleep 0.01;
    }
}

# Runs a subtest with each MPM.
sub each_mpm {
    my ($test) = @_;
    subtest "with the $_ MPM" => sub { $test->($_) } for qw(event prefork);
}

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
        or die "no free port: $!";
    return $socket->sockport;
}

# The folder, the ports and the configuration file, without a server yet.
#   conf     configuration; @DIR@, @PORT@, @PORT2@ and @TOP@ are filled in
#   mpm      event or prefork
#   modules  more modules than the base, by their names without mod_ and .so
#   files    path below the folder => content
#   php      true to load mod_php, which needs prefork
#   reqnotes false to leave the module out
#   options  more arguments for httpd
#   under    a command that runs httpd, such as valgrind
#   preload  a library for LD_PRELOAD, ahead of any other
sub prepare {
    my ($class, %args) = @_;
    my $self = bless { reqnotes => 1, modules => [], files => {}, conf => '', options => [], under => [], %args }, $class;
    $self->{mpm} ||= $self->{php} ? 'prefork' : 'event';
    $self->{dir} = tempdir("reqnotes-XXXXXX", TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $self->{dir};
    make_path(map { "$self->{dir}/$_" } qw(conf logs run www));
    chmod 0777, "$self->{dir}/run";
    $self->add_file($_, $self->{files}{$_}) for keys %{ $self->{files} };
    $self->{port}  = free_port();
    $self->{port2} = free_port();
    $self->write_conf;
    return $self;
}

# httpd, with what is preloaded: REQNOTES_PRELOAD is a sanitizer's runtime, for httpd alone.
sub program {
    my ($self) = @_;
    my @preload = grep { $_ } $self->{preload}, $ENV{REQNOTES_PRELOAD};
    return ((map { ('env', 'LD_PRELOAD=' . join ':', @$_) } grep { @$_ } \@preload), $program);
}

sub fill_in {
    my ($self, $text) = @_;
    my %values = (DIR => $self->{dir}, PORT => $self->{port}, PORT2 => $self->{port2}, TOP => $top);
    $text =~ s/\@(DIR|PORT|PORT2|TOP)\@/$values{$1}/g;
    return $text;
}

sub add_file {
    my ($self, $path, $content) = @_;
    my $file = "$self->{dir}/$path";
    make_path(dirname($file));
    open my $out, '>:raw', $file or die "$file: $!";
    print $out $content;
    close $out or die "$file: $!";
    chmod($content =~ /^#!/ ? 0755 : 0644, $file);
    return $file;
}

sub set_conf {
    my ($self, $conf) = @_;
    $self->{conf} = $conf;
    $self->write_conf;
}

sub write_conf {
    my ($self) = @_;
    my @load = map { "LoadModule ${_}_module " . module_file("mod_$_.so") }
        grep { has_module($_) } "mpm_$self->{mpm}", @base, @{ $self->{modules} };
    push @load, "LoadModule reqnotes_module " . ($self->{so} || $module) if $self->{reqnotes};
    push @load, 'LoadModule php_module ' . unpacked('/usr/lib/apache2/modules/libphp*.so'), 'AddHandler application/x-httpd-php .php'
        if $self->{php};
    # Pools give memory back early, so that a sanitizer sees more of what is done with it later.
    push @load, 'MaxMemFree 1' if $ENV{REQNOTES_PRELOAD};
    push @load, 'User www-data', 'Group www-data' if $> == 0;
    my $first = 'ServerRoot "@DIR@"';
    $self->add_file('conf/httpd.conf', $self->fill_in(join "\n", $first, @load, <<'CONF', $self->{conf}, ''));
DefaultRuntimeDir "@DIR@/run"
PidFile "@DIR@/run/httpd.pid"
ServerName localhost
Listen 127.0.0.1:@PORT@
Timeout 20
GracefulShutdownTimeout 10
ErrorLog "@DIR@/logs/error.log"
DocumentRoot "@DIR@/www"
<IfModule mime_module>
  TypesConfig /dev/null
</IfModule>
<Directory "@DIR@/www">
  <IfModule authz_core_module>
    Require all granted
  </IfModule>
</Directory>
CONF
}

# Starts a server and waits until it answers.
sub start {
    my ($class, %args) = @_;
    my $self = $class->prepare(%args);
    return $self if $self->run;
    diag $self->{output} || '', $self->lines('error');
    BAIL_OUT('httpd does not start');
}

# The same for a folder that is prepared; false when httpd does not start.
sub run {
    my ($self) = @_;
    for my $try (1 .. 5) {
        return 1 if $self->launch;
        return 0 unless "$self->{output} @{[ $self->lines('error') ]}" =~ /could not bind|Address already in use/;
        $self->{port} = free_port();  # another program was quicker
        $self->write_conf;
    }
    return 0;
}

sub launch {
    my ($self) = @_;
    my $output = "$self->{dir}/logs/stderr";
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        # In a session of its own: httpd ends by a signal to its process group.
        setsid();
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $output;
        open STDERR, '>&', \*STDOUT;
        my @command = (@{ $self->{under} }, $self->program, '-f', "$self->{dir}/conf/httpd.conf",
            '-DFOREGROUND', @{ $self->{options} });
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    push @running, $self;
    my $answers = wait_until(sub {
        return 'gone' if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        return -s "$self->{dir}/run/httpd.pid" && $self->connect;
    });
    return 1 if ref $answers;
    delete $self->{pid} if $answers;
    $self->{output} = slurp($output);
    return 0;
}

# Runs `httpd -t`; gives (true when it is good, what it printed).
sub configtest {
    my ($self) = @_;
    my $text = qx{@{[ $self->program ]} -t -f $self->{dir}/conf/httpd.conf 2>&1};
    return ($? == 0, $text);
}

# The directives that httpd knows with this configuration, as `httpd -L` lists them.
sub directives {
    my ($self) = @_;
    return split /\n/, qx{@{[ $self->program ]} -L -f $self->{dir}/conf/httpd.conf 2>&1};
}

sub connect {
    my ($self, $port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port || $self->{port},
        Timeout => 10);
}

# One request on a connection of its own. Headers are a hash; an array repeats a header, and Host
# can be chosen, which is why this is not HTTP::Tiny. Gives status, headers (lower case, joined
# with commas) and content.
sub request {
    my ($self, $method, $path, $headers, $content) = @_;
    my %headers = (Host => "127.0.0.1:$self->{port}", 'User-Agent' => 'test', %{ $headers || {} });
    $headers{'Content-Length'} = length $content if defined $content;
    my $text = "$method $path HTTP/1.1\r\nConnection: close\r\n";
    for my $name (sort keys %headers) {
        $text .= "$name: $_\r\n" for ref $headers{$name} ? @{ $headers{$name} } : $headers{$name};
    }
    return parse_response($self->raw("$text\r\n" . ($content // '')));
}

sub parse_response {
    my ($text) = @_;
    my %response = (status => 0, headers => {}, content => '');
    while ($text =~ s/\AHTTP\/\S+ (\d+)[^\n]*\n(.*?)\r?\n\r?\n//s) {
        my ($status, $head) = ($1, $2);
        next if $status < 200;
        $response{status} = $status;
        while ($head =~ /^([^:\n]+):[ \t]*(.*?)\r?$/mg) {
            my $old = $response{headers}{ lc $1 };
            $response{headers}{ lc $1 } = defined $old ? "$old, $2" : $2;
        }
        last;
    }
    if (($response{headers}{'transfer-encoding'} || '') eq 'chunked') {
        while ($text =~ s/\A([0-9A-Fa-f]+)[^\n]*\n//) {
            $response{content} .= substr $text, 0, hex $1, '';
            $text =~ s/\A\r\n//;
        }
    }
    else {
        $response{content} = $text;
    }
    return \%response;
}

sub get { return $_[0]->request('GET', $_[1], $_[2]) }

# Sends bytes as they are and gives all that comes back.
sub raw {
    my ($self, $bytes) = @_;
    my $socket = $self->connect or die "connect: $!";
    print $socket $bytes;
    $socket->flush;
    my $select = IO::Select->new($socket);
    my $reply  = '';
    while ($select->can_read(20)) {
        sysread($socket, $reply, 65536, length $reply) or last;
    }
    return $reply;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar <$in>;
}

# The complete lines of a log, without their newlines.
sub lines {
    my ($self, $log) = @_;
    my $text = slurp("$self->{dir}/logs/$log.log");
    return $text =~ /^(.*)\n/mg;
}

# The lines of a log that match, once there are `count` of them. A line is written after the
# client has its answer.
sub wait_lines {
    my ($self, $log, $pattern, $count) = @_;
    my @found;
    wait_until(sub { (@found = grep { $_ =~ $pattern } $self->lines($log)) >= ($count || 1) });
    return @found;
}

# The last matching line of a log, awaited.
sub line {
    my ($self, $log, $pattern) = @_;
    my @found = $self->wait_lines($log, $pattern);
    return $found[-1];
}

# The last line of a JSON log that matches, as data.
sub json {
    my ($self, $log, $pattern) = @_;
    my $line = $self->line($log, $pattern);
    return defined $line ? from_json($line) : undef;
}

sub children {
    my ($self) = @_;
    return split ' ', slurp("/proc/$self->{pid}/task/$self->{pid}/children");
}

# Restarts gracefully, and waits until the new generation serves. A server that has not begun would
# end by the signal, or say only now that it has.
sub graceful {
    my ($self) = @_;
    my $resuming = sub { scalar grep { /AH00489|AH00163|resuming normal operations/ } $self->lines('error') };
    my $before = wait_until($resuming);
    kill USR1 => $self->{pid};
    return wait_until(sub { $resuming->() > $before });
}

# The lines that tell of a crash.
sub crashes {
    my ($self) = @_;
    return grep { /exit signal|AH00052|Sanitizer|runtime error:/ }
        $self->lines('error'), split /\n/, slurp("$self->{dir}/logs/stderr");
}

# Ends the server; gives what tells of a crash. `how` is TERM, or WINCH to let children end in
# their own time, which takes a second.
sub end {
    my ($self, $how) = @_;
    my $pid = delete $self->{pid} or return;
    my @crashes = $self->crashes;
    kill +($how || 'TERM') => $pid;
    if (!wait_until(sub { waitpid($pid, WNOHANG) == $pid }, 20)) {
        kill KILL => -$pid;
        waitpid $pid, 0;
        push @crashes, 'httpd does not stop when it is told to';
    }
    # Told to end at once, the event MPM of 2.4.71 closes the sockets of workers that are still
    # freeing them, and about one stop in a hundred ends in a crash of its own.
    my @late = $self->crashes;
    @late = grep { !/exit signal|AH00052/ } @late if $self->{mpm} eq 'event' && !$how;
    diag $self->findings if @late || @crashes;
    return (@late, @crashes);
}

# The first report of a sanitizer, with its stack.
sub findings {
    my ($self) = @_;
    my @lines = (split(/\n/, slurp("$self->{dir}/logs/stderr")), $self->lines('error'));
    shift @lines while @lines && $lines[0] !~ /Sanitizer|runtime error:/;
    return join "\n", splice @lines, 0, 40;
}

# The same as a test.
sub stop {
    my ($self, $how) = @_;
    is_deeply [ $self->end($how) ], [], 'no child of httpd crashed';
    return;
}

# Leaves the server and its folder when the program ends.
sub leave {
    my ($self) = @_;
    $File::Temp::KEEP_ALL = 1;
    return delete $self->{pid};
}

# What a test left running, because it died.
END {
    if ($$ == $owner) {
        my $status = $?;
        for my $server (@running) {
            next unless $server->{pid};
            my $findings = $server->findings;
            diag $findings if $findings;
            $status ||= 1 if $findings;
            kill TERM => $server->{pid};
            wait_until(sub { waitpid($server->{pid}, WNOHANG) != 0 }, 5)
                or kill KILL => -$server->{pid};
        }
        $? = $status;
    }
}

1;
