# packages: libapache2-mod-fcgid
# What docs/backends.md says of mod_fcgid: the FastCGI stream for errors belongs to the request,
# descriptor 2 of the process does not.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $responder = <<'PYTHON';
#!/usr/bin/python3
import os, socket, struct

def take(peer, size):
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        if not part: raise EOFError
        data += part
    return data

def record(kind, request, data):
    return struct.pack(">BBHHBB", 1, kind, request, len(data), 0, 0) + data

listener = socket.socket(fileno=0)
while True:
    peer = listener.accept()[0]
    try:
        kind = size = -1
        while (kind, size) != (5, 0):
            _, kind, request, size, padding, _ = struct.unpack(">BBHHBB", take(peer, 8))
            take(peer, size + padding)
        os.write(2, b"to descriptor 2\n")
        head = b"Content-Type: text/plain\r\nX-Note-User-Id: fcgid\r\n\r\nx"
        peer.sendall(record(7, request, b"to the stream\n") + record(6, request, head) + record(6, request, b"") + record(3, request, bytes(8)))
    except EOFError:
        pass
    peer.close()
PYTHON

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['fcgid'], files => { 'www/run/app' => $responder }, conf => <<'CONF');
ReqNotes On
LogLevel trace8
ReqNotesResponseHeaders X-Note-
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesErrorLog logs/json.log
ErrorLogFormat "# [%L] %M"
FcgidIPCDir @DIR@/run
FcgidProcessTableFile @DIR@/run/table
<Directory @DIR@/www/run>
  Options +ExecCGI
  SetHandler fcgid-script
</Directory>
CONF
    my $response = $httpd->get('/run/app');
    is $response->{status}, 200, 'a process of mod_fcgid';
    ok !exists $response->{headers}{'x-note-user-id'}, '... no header leaks';
    my $access = $httpd->json('access', qr{/run/app});
    is $access->{user_id}, 'fcgid', '... its fact is on the access line';
    ok $httpd->line('error', qr/^# \[$access->{trace_id}\].* to the stream/), '... the stream for errors has the trace';
    my $json = $httpd->json('json', qr/to the stream/);
    is_deeply [ @$json{qw(trace_id user_id)} ], [ $access->{trace_id}, 'fcgid' ], '... and its fact in the JSON error log';
    ok $httpd->line('error', qr/^to descriptor 2$/), 'descriptor 2: as it is';
    ok $httpd->line('error', qr/^# .*server .*app\(\d+\) started/), 'the process manager: no trace';
    ok !exists $httpd->json('json', qr/app\(\d+\) started/)->{trace_id}, '... nor in the JSON error log';
    is scalar(my @raw = grep { /to descriptor 2/ } $httpd->lines('json')), 0, '... which has nothing of descriptor 2';
    $httpd->stop;
});

done_testing;
