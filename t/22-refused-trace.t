# By default nobody's trace is continued. That a private peer's was refused is told once.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $id     = '4bf92f3577b34da6a3ce929d0e0e4736';
my %traced = (traceparent => "00-$id-00f067aa0ba902b7-01");

# A message comes before the line of its request.
sub told {
    my ($httpd, $path, $headers) = @_;
    $httpd->get($path, $headers);
    my $json = $httpd->json('access', qr/"path":"\Q$path\E"/);
    isnt $json->{trace_id}, $id, "$path: the trace is not continued";
    return grep { /RN0021/ } $httpd->lines('error');
}

my $log = qq{CustomLog \@DIR\@/logs/access.log "%^RJ"\n};
# Whose address is not private: the other end is loopback, so that the networks are changed.
each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, conf => "LogLevel emerg\nReqNotes On\n$log");
    is told($httpd, '/none'), 0, 'nothing is told of a request without a trace';
    is told($httpd, '/bad', { traceparent => "00-$id" }), 0, '... nor of one that cannot be read';
    is told($httpd, '/b3', { b3 => "$id-00f067aa0ba902b7-1" }), 0, '... nor of a format that is not read';
    my @told = told($httpd, '/first', \%traced);
    is scalar(@told), 1, 'the first trace that is refused is told of';
    like $told[0], qr/\[reqnotes:notice\].*RN0021: the trace that 127\.0\.0\.1 sent is not continued; where only callers that you trust can send one through it, add: ReqNotesTraceAccept 127\.0\.0\.1$/,
        '... with the line to add';
    # Several children, so that not only the one that told it knows.
    my @many = map { my $socket = $httpd->connect; $socket } 1 .. 8;
    print $_ "GET /many HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: $traced{traceparent}\r\n\r\n" for @many;
    for my $socket (@many) { local $/; <$socket> }
    is told($httpd, '/last', \%traced), 1, '... and no other one';
    ok $httpd->graceful, 'after a restart';
    # A child of before the restart may still take requests, and knows that it was told.
    wait_until(sub { told($httpd, '/again', \%traced) > 1 });
    is told($httpd, '/again', \%traced), 2, '... it is told once more';

    my ($line) = $told[0] =~ /add: (.*)$/;
    $httpd->stop;
    $httpd->set_conf("ReqNotes On\n$line\n$log");
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/trusted', \%traced);
    is $httpd->json('access', qr/trusted/)->{trace_id}, $id, 'the line does what it says';
    is scalar(grep { /RN0021/ } $httpd->lines('error')), 2, '... and ends the message';
    $httpd->stop;
});

subtest 'what is said is meant' => sub {
    for my $accept ('none', '192.0.2.0/24') {
        my $httpd = Httpd->start(conf => "ReqNotes On\nReqNotesTraceAccept $accept\n$log");
        is told($httpd, '/said', \%traced), 0, "nothing is told after ReqNotesTraceAccept $accept";
        $httpd->stop;
    }
    my $httpd = Httpd->start(conf => "ReqNotes Off\n$log");
    $httpd->get('/off', \%traced);
    $httpd->line('access', qr/^-$/);
    is scalar(grep { /RN0021/ } $httpd->lines('error')), 0, '... nor where ReqNotes is Off';
    $httpd->stop;
};

subtest 'B3' => sub {
    my $httpd = Httpd->start(conf => "ReqNotes On\nReqNotesTraceFormats b3\n$log");
    is told($httpd, '/b3', { b3 => "$id-00f067aa0ba902b7-1" }), 1, 'a trace of a format that is read';
    $httpd->stop;
};

subtest 'peers from elsewhere' => sub {
    plan skip_all => 'no mod_remoteip' unless has_module('remoteip');
    my $httpd = Httpd->start(modules => ['remoteip'], conf => <<"CONF");
ReqNotes On
$log
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
CONF
    my @told = told($httpd, '/remote', { %traced, 'X-Client' => '192.0.2.7' });
    like "@told", qr/ReqNotesTraceAccept 127\.0\.0\.1$/, 'what counts is the peer of the connection';
    $httpd->stop;
};

done_testing;
