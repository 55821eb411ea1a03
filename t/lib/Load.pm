package Load;

# Many requests from a few processes, over connections that are kept: on each, one request after
# the other, every one with an id of its own, which is never sent twice.

use strict;
use warnings;

use Httpd;
use POSIX ();
use Socket qw(MSG_NOSIGNAL SOL_SOCKET SO_RCVTIMEO);
use Time::HiRes qw(sleep);

# Starts clients; `report` waits for them.
#   clients      processes
#   connections  of each process, which has one request under way on every one of them
#   requests     as many as are answered at least
#   go_on        true: they go on until `enough` is called, but not for ever
#   request      gives the bytes of a request for its id
sub start {
    my ($class, $httpd, %args) = @_;
    my $self = bless { httpd => $httpd, clients => 4, connections => 4, %args, pids => [] }, $class;
    $self->{enough} = "$httpd->{dir}/run/enough-" . ++$httpd->{loads};
    for my $number (1 .. $self->{clients}) {
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
            my $sent = eval { $self->send_all($number); 1 };
            warn $@ unless $sent;
            POSIX::_exit($sent ? 0 : 1);
        }
        push @{ $self->{pids} }, $pid;
    }
    return $self;
}

# One client. What it has seen goes to a file, one event a line:
#   answered ID  the whole response was read
#   open ID      the connection ended before that
#   stuck ID     nothing came for a long time; the client gives up
#   cut ID       the last answer on a connection that ended later, or nothing if it had none
sub send_all {
    my ($self, $number) = @_;
    open my $report, '>', "$self->{enough}.$number" or die "report: $!";
    my $share = POSIX::ceil($self->{requests} / $self->{clients});
    my $most  = $share * 20;
    my ($count, $answered, @sockets, @last, @ids) = (0, 0);
    my $lose = sub {
        my ($at, $why) = @_;
        print $report "$why $ids[$at]\ncut ", $last[$at] // '', "\n";
        undef $_ for $sockets[$at], $last[$at], $ids[$at];
        $count = $most if $why eq 'stuck';
    };
    while ($count < $most && ($answered < $share || $self->{go_on} && !-e $self->{enough})) {
        for my $at (0 .. $self->{connections} - 1) {
            $sockets[$at] //= wait_until(sub { $self->connect_once });
            die "the server takes no connection\n" unless $sockets[$at];
            $ids[$at] = "u$number-" . ++$count . '-';
            my $bytes = $self->{request}->($ids[$at]);
            my $sent = send $sockets[$at], $bytes, MSG_NOSIGNAL;
            $lose->($at, 'open') unless ($sent // 0) == length $bytes;
        }
        for my $at (0 .. $self->{connections} - 1) {
            my $socket = $sockets[$at] or next;
            my ($reply, $size) = ('');
            until (defined $size && length $reply >= $size) {
                my $got = sysread $socket, $reply, 65536, length $reply;
                if (!$got) {
                    $lose->($at, !defined $got && $!{EAGAIN} ? 'stuck' : 'open');
                    last;
                }
                my $head = index $reply, "\r\n\r\n";
                $size = $head + 4 + ($reply =~ /^Content-Length: (\d+)/mi ? $1 : 0) if $head >= 0;
            }
            next unless defined $ids[$at];
            ++$answered;
            print $report "answered $ids[$at]\n";
            $last[$at] = $ids[$at];
            if ($reply =~ /^Connection: close/mi) {
                print $report "cut $ids[$at]\n";
                undef $_ for $sockets[$at], $last[$at];
            }
        }
    }
    close $report or die "report: $!";
}

sub connect_once {
    my ($self) = @_;
    my $socket = $self->{httpd}->connect or return;
    setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 20, 0;
    return $socket;
}

# No more requests than those that are due.
sub enough { $_[0]{httpd}->add_file($_[0]{enough} =~ s/.*(?=run)//r, '') }

# Waits for the end; gives the ids by what became of them, and `failed`, the clients that died.
sub report {
    my ($self) = @_;
    my %report = map { $_ => [] } qw(answered open stuck cut failed);
    for my $number (1 .. $self->{clients}) {
        waitpid $self->{pids}[ $number - 1 ], 0;
        push @{ $report{failed} }, $number if $?;
        for (split /\n/, Httpd::slurp("$self->{enough}.$number")) {
            my ($event, $id) = split;
            push @{ $report{$event} }, $id if defined $id;
        }
    }
    return \%report;
}

1;
