package Chromium;

# A headless Chromium with one page, driven over its debugging pipe: a message is JSON and ends with
# a NUL. It finds no other host than this one.

use strict;
use warnings;

use Fcntl;
use File::Temp qw(tempdir);
use Httpd;
use IO::Select;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX qw(setsid WNOHANG);
use Time::HiRes qw(time);
use Tools;
use Unpacked;

my @running;
my $owner = $$;

sub start {
    my ($class) = @_;
    my $self = bless { dir => tempdir('chromium-XXXXXX', TMPDIR => 1, CLEANUP => 1), id => 0, input => '', events => [] }, $class;
    my $program = tool_file('/usr/lib/chromium/chromium');
    local $ENV{FONTCONFIG_FILE} = $self->fonts;
    local $ENV{LD_LIBRARY_PATH} = join ':', grep { defined } $ENV{LD_LIBRARY_PATH}, glob tool_file('/usr/lib/*-linux-gnu/pulseaudio');
    pipe(my $commands, $self->{to}) && pipe($self->{from}, my $answers) or die "pipe: $!";
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        setsid();
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        # It reads 3 and writes 4; they may be one of the pipes' own.
        my @high = map { fcntl $_, F_DUPFD, 10 } $commands, $answers;
        POSIX::dup2($high[$_], 3 + $_) for 0, 1;
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$self->{dir}/log";
        open STDERR, '>&', \*STDOUT;
        exec { $program } $program, qw(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-sync
            --disable-background-networking --disable-component-update --disable-default-apps --disable-extensions
            --hide-scrollbars --force-device-scale-factor=1 --remote-debugging-pipe),
            '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', "--user-data-dir=$self->{dir}/profile", 'about:blank'
            or POSIX::_exit(127);
    }
    push @running, $self;
    close $_ for $commands, $answers;
    $self->{to}->autoflush(1);
    my ($page) = grep { $_->{type} eq 'page' } @{ $self->call('Target.getTargets')->{targetInfos} };
    $self->{session} = $self->call('Target.attachToTarget', targetId => $page->{targetId}, flatten => JSON::PP::true)->{sessionId};
    $self->call("$_.enable") for qw(Page Runtime Log Network);
    return $self;
}

# The configuration of fonts: those of the system, and unpacked ones.
sub fonts {
    my ($self) = @_;
    my $file = "$self->{dir}/fonts.conf";
    open my $out, '>', $file or die "$file: $!";
    print $out "<fontconfig>\n", (map { "<dir>$_</dir>\n" } '/usr/share/fonts', unpacked('/usr/share/fonts') // ()),
        (map { "<include>$_</include>\n" } unpacked('/etc/fonts/conf.d') // ()), "<cachedir>$self->{dir}/fonts</cachedir>\n</fontconfig>\n";
    close $out or die "$file: $!";
    return $file;
}

# The next message, or undef after some seconds.
sub message {
    my ($self, $end) = @_;
    while ($self->{input} !~ /\0/) {
        my $left = $end - time;
        return if $left <= 0 || !IO::Select->new($self->{from})->can_read($left);
        sysread($self->{from}, $self->{input}, 1 << 20, length $self->{input})
            or die 'Chromium ended: ' . Httpd::slurp("$self->{dir}/log");
    }
    $self->{input} =~ s/\A([^\0]*)\0//;
    return from_json($1);
}

# Calls a method of the DevTools protocol, and gives its result. Events that come are kept.
sub call {
    my ($self, $method, %params) = @_;
    my $id = ++$self->{id};
    my %message = (id => $id, method => $method, params => \%params, $self->{session} ? (sessionId => $self->{session}) : ());
    print { $self->{to} } JSON::PP->new->utf8->encode(\%message), "\0";
    my $end = time + 30;
    while (my $message = $self->message($end)) {
        if (($message->{id} // 0) != $id) { push @{ $self->{events} }, $message; next }
        die "$method: $message->{error}{message}\n" if $message->{error};
        return $message->{result};
    }
    die "Chromium does not answer $method\n" . Httpd::slurp("$self->{dir}/log");
}

# Waits for an event, one that is kept or the next; gives its parameters.
sub event {
    my ($self, $method, $seconds) = @_;
    my $end = time + ($seconds || 20);
    my $at = 0;
    while (1) {
        for (; $at < @{ $self->{events} }; ++$at) {
            return $self->{events}[$at]{params} if ($self->{events}[$at]{method} // '') eq $method;
        }
        push @{ $self->{events} }, $self->message($end) // return;
    }
}

# Opens a page, and forgets the events of the one before.
sub open_page {
    my ($self, $url) = @_;
    $self->{events} = [];
    $self->call('Page.navigate', url => $url);
    return $self->event('Page.loadEventFired');
}

# How wide the window is, and whether its owner likes it dark.
sub look {
    my ($self, $width, $scheme) = @_;
    $self->call('Emulation.setDeviceMetricsOverride', width => $width, height => 900, deviceScaleFactor => 1, mobile => JSON::PP::false);
    $self->call('Emulation.setEmulatedMedia', features => [ { name => 'prefers-color-scheme', value => $scheme } ]);
}

sub scripts {
    my ($self, $on) = @_;
    $self->call('Emulation.setScriptExecutionDisabled', value => $on ? JSON::PP::false : JSON::PP::true);
}

# The value of an expression; it has a way into the page also where scripts are off.
sub evaluate {
    my ($self, $expression) = @_;
    my $answer = $self->call('Runtime.evaluate', expression => $expression, returnByValue => JSON::PP::true);
    die "$expression: $answer->{exceptionDetails}{exception}{description}\n" if $answer->{exceptionDetails};
    return $answer->{result}{value};
}

# Writes the whole page to a file.
sub screenshot {
    my ($self, $file) = @_;
    my $shot = $self->call('Page.captureScreenshot', format => 'png', captureBeyondViewport => JSON::PP::true);
    open my $out, '>:raw', $file or die "$file: $!";
    print $out decode_base64($shot->{data});
    close $out or die "$file: $!";
}

# The addresses that the page asked for, and what it complained of.
sub requests {
    my ($self) = @_;
    return map { $_->{params}{request}{url} } grep { ($_->{method} // '') eq 'Network.requestWillBeSent' } @{ $self->{events} };
}

sub complaints {
    my ($self) = @_;
    return map {
        my $event = $_->{params};
        my $method = $_->{method} // '';
        $method eq 'Log.entryAdded' ? "$event->{entry}{level}: $event->{entry}{text}"
            : $method eq 'Runtime.exceptionThrown' ? $event->{exceptionDetails}{text}
            : $method eq 'Runtime.consoleAPICalled' ? "$event->{type}: " . join ' ', map { $_->{value} // '' } @{ $event->{args} }
            : ()
    } @{ $self->{events} };
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill TERM => -$pid;
    wait_until(sub { waitpid($pid, WNOHANG) != 0 }, 10) or kill KILL => -$pid;
}

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop for @running;
        $? = $status;
    }
}

1;
