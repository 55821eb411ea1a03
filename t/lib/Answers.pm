package Answers;

# Servers whose answers are any bytes, at any time: what httpd would not do.

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;
use POSIX ();

our @EXPORT = qw(ok_with serve);

my @running;
my $owner = $$;

sub ok_with { return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n$_[0]" }

# Starts a server that has an answer for each path, or a function that gets the socket and the
# request; gives its port. It ends with the test.
sub serve {
    my (%answer) = @_;
    my $listen = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
    my $pid = fork // die "fork: $!";
    if ($pid) {
        push @running, $pid;
        return $listen->sockport;
    }
    local @SIG{qw(PIPE CHLD TERM)} = ('IGNORE', 'IGNORE', 'DEFAULT');
    while (my $socket = $listen->accept) {
        answer($socket, \%answer) if !fork;
    }
    POSIX::_exit(1);
}

sub answer {
    my ($socket, $answers) = @_;
    my $request = '';
    # Not to the end of what is no request, such as a handshake of TLS.
    while ($request !~ /\r\n\r\n/) { sysread($socket, $request, 4096, length $request) && $request =~ /^G/ or last }
    my ($path) = $request =~ /^GET (\S+) /;
    my $answer = $answers->{ $path // '' } // "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    ref $answer ? $answer->($socket, $request) : print $socket $answer;
    close $socket;
    POSIX::_exit(0);
}

END {
    if ($$ == $owner) {
        local $?;
        kill TERM => $_ and waitpid $_, 0 for @running;
    }
}

1;
