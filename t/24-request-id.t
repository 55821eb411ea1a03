# A caller's own id is kept byte for byte; one that cannot be is told of once, and counted.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $conf = <<'CONF';
ReqNotes On
ReqNotesRequestId X-Request-Id
ErrorLogFormat "[%-m:%l] %M [%N]"
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CONF

# Of load balancers, clouds and frameworks, and what else is printable.
my @kept = (
    'Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678;CalledFrom=app',
    '105445aa7843bc8bf206b12000100000/1;o=1', '|abc.1.2_', 'a,b@c#d*{e}', '"quoted\\', 'null', 'x' x 200, 'y' x 256,
);
my @dropped = ('z' x 257, 'a b', "caf\xc3\xa9");

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, conf => $conf);
    my $told = sub { grep { /RN0024/ } $httpd->lines('error') };
    for my $at (0 .. $#kept) {
        $httpd->get("/kept$at", { 'X-Request-Id' => $kept[$at] });
        is $httpd->json('access', qr{"path":"/kept$at"})->{request_id}, $kept[$at], "kept: $kept[$at]";
        my ($logfmt) = $httpd->line('logfmt', qr{path=/kept$at }) =~ / request_id=("(?:\\.|[^"])*"|\S+) /;
        is $logfmt =~ s/^"(.*)"$/$1/r =~ s/\\(.)/$1/gr, $kept[$at] =~ /["=]|^null$/ ? $kept[$at] : $kept[$at] =~ s/\\(.)/$1/gr, '... in logfmt';
    }
    is $told->(), 0, 'nothing is told of them';
    $httpd->get('/none');
    ok !exists $httpd->json('access', qr{"path":"/none"})->{request_id}, 'no header, no id';
    is $told->(), 0, '... and nothing is told';
    for my $at (0 .. $#dropped) {
        $httpd->get("/dropped$at", { 'X-Request-Id' => $dropped[$at] });
        ok !exists $httpd->json('access', qr{"path":"/dropped$at"})->{request_id}, "dropped: number $at";
    }
    my @told = $told->();
    is scalar(@told), 1, 'it is told once';
    is $told[0], '[reqnotes:notice] RN0024: the id in the header X-Request-Id is not kept as request_id: it is longer than 256 bytes', '... why';
    $httpd->stop;
    is_deeply [ grep { /RN0025/ } $httpd->lines('error') ], ['[reqnotes:notice] RN0025: 3 request ids were not kept, see RN0024'], 'at the end they are counted';
});

# A request that is refused while it is read has an id, too, and tells nothing where a message is under way.
subtest 'a malformed request' => sub {
    my $httpd = Httpd->start(conf => $conf);
    my $socket = $httpd->connect;
    print $socket "GET /bad HTTP/1.1\r\nX-Request-Id: a b\r\nHost: x\r\nHost: y/\r\n\r\n";
    { local $/; <$socket> }
    $httpd->wait_lines('access', qr/"status":400/, 1);
    is scalar(grep { /RN0024/ } $httpd->lines('error')), 0, 'it is not told';
    $httpd->stop;
};

done_testing;
