# Who the client is: mod_remoteip and the PROXY protocol tell `client`, and never who is trusted.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
my $parent = "traceparent: 00-$id-00f067aa0ba902b7-01";

each_mpm(sub {
    my $mpm = shift;
    for my $case ([ '127.0.0.1', 1, 'the real peer is trusted' ], [ '192.0.2.0/24', 0, 'the named client is trusted, which is nothing' ]) {
        my ($accept, $continued, $why) = @$case;
        my $httpd = Httpd->start(mpm => $mpm, modules => ['remoteip'], conf => <<"CONF");
ReqNotes On
ReqNotesTraceAccept $accept
RemoteIPHeader X-Forwarded-For
CustomLog \@DIR\@/logs/access.log "%^RJ"
CONF
        $httpd->raw("GET / HTTP/1.0\r\nX-Forwarded-For: 192.0.2.7\r\n$parent\r\n\r\n");
        my $line = $httpd->json('access', qr/./);
        is $line->{client}, '192.0.2.7', 'mod_remoteip names the client';
        is $line->{trace_id} eq $id ? 1 : 0, $continued, "... and $why";
        $httpd->stop;

        $httpd = Httpd->prepare(mpm => $mpm, modules => ['remoteip'], conf => <<"CONF");
ReqNotes On
ReqNotesTraceAccept $accept
RemoteIPProxyProtocol On
CustomLog \@DIR\@/logs/access.log "%^RJ"
CONF
        $httpd->run or BAIL_OUT($httpd->{output});
        $httpd->raw("PROXY TCP4 192.0.2.7 192.0.2.1 56324 80\r\nGET / HTTP/1.0\r\n$parent\r\n\r\n");
        $line = $httpd->json('access', qr/"method"/);
        is $line->{client}, '192.0.2.7', 'the PROXY protocol names the client';
        is $line->{trace_id} eq $id ? 1 : 0, $continued, "... and $why";
        $httpd->stop;
    }
});

done_testing;
