# Messages that httpd logs for a connection, and for no request, name the connection and its client
# in the JSON error log, so that they can be joined with the access line.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use IO::Socket::INET;
use Test::More;

my $conf = <<'CONF';
ReqNotes On
ReqNotesErrorLog logs/json.log
RequestReadTimeout handshake=1 header=1
ErrorLogFormat "[%-{c}L] [%-L] %M"
LogFormat "%{c}L %s %{trace_id}^RF \"%r\"" connection
CustomLog @DIR@/logs/access.log connection
Listen 127.0.0.1:@PORT2@
CONF
my $tls = <<'CONF';
<VirtualHost *:@PORT2@>
  SSLEngine On
  SSLCertificateFile @DIR@/conf/cert.pem
  SSLCertificateKeyFile @DIR@/conf/key.pem
  CustomLog @DIR@/logs/access.log connection
</VirtualHost>
CONF
my %start = (modules => [qw(ssl socache_shmcb reqtimeout http2 unique_id)]);

sub start {
    my ($mpm, $more) = @_;
    my $httpd = Httpd->prepare(%start, mpm => $mpm, files => { 'www/x' => 'x' });
    system "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        . "-keyout $httpd->{dir}/conf/key.pem -out $httpd->{dir}/conf/cert.pem >/dev/null 2>&1";
    $httpd->set_conf("$conf$more$tls");
    $httpd->run or BAIL_OUT($httpd->{output});
    return $httpd;
}

# Sends bytes to a port and waits until httpd closes the connection.
sub send_to {
    my ($httpd, $port, $bytes) = @_;
    my $socket = $httpd->connect($port) or die "connect: $!";
    syswrite $socket, $bytes;
    my $reply = '';
    1 while sysread $socket, $reply, 65536, length $reply;
    return $reply;
}

# A message, with all of its names of the connection.
sub names_its_connection {
    my ($json, $what) = @_;
    ok $json, $what or return;
    like $json->{connection_id}, qr{^[\w+/]{11}$}, '... names its connection';
    is $json->{client}, '127.0.0.1', '... and the client';
}

each_mpm(sub {
    my $httpd = start(shift, "LogLevel info\n");
    send_to($httpd, $httpd->{port2}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    my $json = $httpd->json('json', qr/"AH01996"/);
    names_its_connection($json, 'HTTP to a port of TLS');
    send_to($httpd, $httpd->{port2}, "\x16\x03\x01\x00\x04\x01\x00\x00\x00");
    my $handshake = $httpd->json('json', qr/"AH02008"/);
    names_its_connection($handshake, 'a handshake that is none');
    isnt $handshake->{connection_id}, $json->{connection_id}, '... another one';
    my $library = $httpd->json('json', qr/SSL Library Error/);
    ok $library, 'what OpenSSL says';
    ok !exists $library->{connection_id}, '... has none, as mod_ssl tells none';

    send_to($httpd, $httpd->{port}, "GET /slow HTTP/1.1\r\nHost: x\r\nX-A: b");
    $json = $httpd->json('json', qr/"AH01382"/);
    names_its_connection($json, 'a request that is too slow');
    my ($id, $trace) = $httpd->line('access', qr/ 408 /) =~ /^(\S+) 408 (\S+)/;
    is $id, $json->{connection_id}, '... which is that of the line with 408';
    is $trace, $json->{trace_id}, '... as is the trace';

    # The kernel hands a connection on with its first byte.
    my $silent = $httpd->connect($httpd->{port2});
    syswrite $silent, "\x16";
    $json = $httpd->json('json', qr/"AH01382".*handshake/);
    names_its_connection($json, 'a client that does not end its handshake');
    ok !exists $json->{trace_id}, '... there is no request';
    close $silent;

    $httpd->get('/nowhere');
    $httpd->raw("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n");
    my @requests = grep { $_->{path} && $_->{code} ne 'AH01382' } map { from_json($_) } $httpd->lines('json');
    cmp_ok scalar(@requests), '>', 0, 'messages of requests';
    is_deeply [ grep { $_->{connection_id} } @requests ], [], '... have their trace instead';
    my @ids = map { /^(\S{11}) / ? $1 : () } $httpd->lines('access');
    my %seen = map { $_ => 1 } @ids;
    is keys %seen, @ids, 'each connection has an id of its own' or diag "@ids";
    $httpd->stop;
});

# Lines of the ordinary log for a connection and no request, that the JSON log lacks or has
# otherwise; and how many there are. httpd writes its own line first.
sub lost {
    my ($httpd) = @_;
    my (@lines, @lost);
    wait_until(sub {
        @lines = map { /^\[([^\]-]\S+)\] \[-\] ([^\\]{1,1000})$/ ? "$1 $2" : () } $httpd->lines('error');
        my %json;
        for (map { from_json($_) } $httpd->lines('json')) {
            my $text = ($_->{code} ? "$_->{code}: " : '') . $_->{message};
            ++$json{"$_->{connection_id} $text"} if $_->{connection_id} && $_->{client};
        }
        @lost = grep { !$json{$_}-- } @lines;
        return !@lost;
    }, 5);
    return (scalar @lines, @lost);
}

each_mpm(sub {
    my $httpd = start(shift, "LogLevel trace6\n");
    send_to($httpd, $httpd->{port2}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    send_to($httpd, $httpd->{port2}, "\x16\x03\x01\x00\x04\x01\x00\x00\x00");
    qx{openssl s_client -quiet -connect 127.0.0.1:$httpd->{port2} </dev/null 2>&1};
    $httpd->get('/x');
    $httpd->raw("GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /x?2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    $httpd->wait_lines('access', qr/"/, 3);
    ok $httpd->line('json', qr/"AH02008"/), 'at LogLevel trace6';
    my ($count, @lost) = lost($httpd);
    cmp_ok $count, '>', 20, '... many messages of connections';
    is_deeply \@lost, [], '... each names its connection and its client';
    $httpd->stop;
});

# A frame of a type, with flags, of a stream.
sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return pack("N", length $payload) =~ s{^.}{}sr . pack("C C N", $type, $flags, $stream) . $payload;
}

subtest 'HTTP/2' => sub {
    my $settings = frame(4, 0, 0, '');
    # GET /x of the default host, and then data of no stream.
    my $get = frame(1, 5, 1, "\x82\x86\x04\x02/x\x41\x01x");
    my $bad = frame(0, 0, 0, 'data');
    for my $level ('warn http2:debug', 'trace4') {
        my $httpd = start('event', "LogLevel $level\nProtocols h2c http/1.1\n");
        my $socket = $httpd->connect;
        syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$settings$get";
        my $line = $httpd->line('access', qr{/x});
        syswrite $socket, $bad;
        my $reply = '';
        1 while sysread $socket, $reply, 65536, length $reply;
        my $json = $httpd->json('json', qr{GOAWAY\[error=1,});
        names_its_connection($json, "$level: an error of the session");
        my ($id) = $line =~ /^(\S+) 200/;
        is $id, $json->{connection_id}, '... that of the line of its stream';
        my ($count, @lost) = lost($httpd);
        cmp_ok $count, '>', 0, '... messages of connections';
        is_deeply \@lost, [], '... each names its connection and its client';
        $httpd->stop;
    }

    # The streams of a connection of which nothing was logged.
    my $httpd = start('event', "LogLevel warn\nProtocols h2c http/1.1\n");
    my $socket = $httpd->connect;
    syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$settings$get" . ($get =~ s/\x01(?=\x82)/\x03/r);
    my @ids = map { /^(\S{11}) / } $httpd->wait_lines('access', qr{/x}, 2);
    is scalar(@ids), 2, 'two streams';
    is $ids[0], $ids[1], '... of one connection';
    $httpd->stop;
} if has_module('http2');

# httpd writes the lines of `ErrorLogFormat connection` with the first message.
subtest 'ErrorLogFormat connection' => sub {
    my $httpd = start('event', qq{LogLevel info\nErrorLogFormat connection "new connection %{c}L"\n});
    send_to($httpd, $httpd->{port2}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    my $json = $httpd->json('json', qr/"AH01996"/);
    names_its_connection($json, 'a message');
    is $httpd->line('error', qr/^new connection/), "new connection $json->{connection_id}", 'httpd tells of its connection still';
    $httpd->stop;
};

done_testing;
