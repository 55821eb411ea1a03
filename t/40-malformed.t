# Requests that never reach a handler have a line, and a trace ID on it.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => [qw(reqtimeout allowmethods)], conf => <<'CONF');
ReqNotes On
ReqNotesTraceAccept private
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/plain.log "%>s %L %{TRACE_ID}e %{trace_id}n %{trace_id}^RF"
ErrorLogFormat "[%L] %M"
LogLevel debug
LimitRequestLine 300
LimitRequestFieldSize 200
LimitRequestFields 10
RequestReadTimeout header=1
TraceEnable off
KeepAlive Off
<Location />
  AllowMethods GET
</Location>
CONF
    my $host  = "Host: x\r\n";
    my $long  = 'x' x 400;
    my @cases = (
        [ 400, "GET / HTTP/1.1\r\n\r\n",                    'no Host' ],
        [ 400, "GET /\x01 HTTP/1.1\r\n$host\r\n",           'a control character in the URL' ],
        [ 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n", 'TLS on a plain port' ],
        [ 400, "GET\r\n\r\n",                               'a method alone' ],
        [ 400, " \r\n\r\n",                                 'a blank line that is none' ],
        [ 400, "GET / HTTP/1.1\r\n${host}bad header\r\n\r\n", 'a header without a colon' ],
        [ 400, "GET / HTTP/1.1\r\n$host$host$long: $long\r\n\r\n", 'a long header' ],
        [ 400, "GET / HTTP/1.1\r\n$host" . join('', map { "X-$_: 1\r\n" } 1 .. 12) . "\r\n", 'too many headers' ],
        [ 414, "GET /$long HTTP/1.1\r\n$host\r\n",          'a long request line' ],
        [ 505, "GET / HTTP/9.1\r\n$host\r\n",               'a version from the future' ],
        [ 501, "BREW / HTTP/1.1\r\n$host\r\n",              'an unknown method' ],
        [ 405, "TRACE / HTTP/1.1\r\n$host\r\n",             'TRACE' ],
        [ 405, "POST / HTTP/1.1\r\nContent-Length: 0\r\n$host\r\n", 'a refused method' ],
        [ 417, "GET / HTTP/1.1\r\nExpect: wonders\r\n$host\r\n", 'an expectation' ],
        [ 400, "GET / HTTP/1.1\r\nContent-Length: x\r\n$host\r\n", 'a bad length' ],
        [ 408, "GET / HTTP/1.1\r\n",                        'headers that never end' ],
    );
    my $count = 0;
    my %seen;
    for my $case (@cases) {
        my ($status, $bytes, $why) = @$case;
        $httpd->raw($bytes);
        ++$count;
        my @lines = $httpd->wait_lines('access', qr/./, $count);
        is scalar(@lines), $count, "$why: one line";
        my $json = from_json($lines[-1]);
        like $json->{status}, qr/^(?:$status|4\d\d)$/, "... with its status ($json->{status})";
        like $json->{trace_id}, qr/^[0-9a-f]{32}$/, '... and a trace ID';
        ok !$seen{ $json->{trace_id} }++, '... of its own';
        like $json->{time}, qr/^20\d\d-/, '... and a time';
        cmp_ok $json->{duration_us}, '>=', 0, '... and a duration';
        my $plain = ($httpd->wait_lines('plain', qr/./, $count))[-1];
        is $plain, "$json->{status} " . join(' ', ($json->{trace_id}) x 4), '... in every spelling';
    }
    my @errors = grep { /AH(?:10244|02418|02426|00566|00567|00561|00562|00563|00565|03454|10242)/ }
        $httpd->lines('error');
    cmp_ok scalar(@errors), '>', 4, 'some of these log an error';
    is_deeply [ grep { !/^\[([0-9a-f]{32})\]/ || !$seen{$1} } @errors ], [],
        '... and each has the trace ID of its access line';

    my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
    $httpd->raw("GET / HTTP/1.1\r\ntraceparent: 00-$id-00f067aa0ba902b7-01\r\n\r\n");
    is(($httpd->json('access', qr/$id/) || {})->{status}, 400,
        'a request that is refused after its headers were read continues its trace');
    $httpd->stop;
});

subtest 'an ErrorDocument of a request that was refused while it was read' => sub {
    my $httpd = Httpd->start(modules => ['lua'], conf => <<'CONF', files => { 'seen.lua' => <<'LUA' });
ReqNotes On
ReqNotesTraceAccept none
ErrorDocument 417 /seen
ErrorDocument 400 /seen
LuaMapHandler ^/seen @DIR@/seen.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
CONF
function handle(r)
    for _, name in ipairs({"traceparent", "tracestate", "b3"}) do
        r:puts(name, "=", r.headers_in[name] or "-", " ")
    end
    r:puts(r.subprocess_env["TRACE_ID"] or "-", "\n")
    return apache2.OK
end
LUA
    my $id = '4bf92f3577b34da6a3ce929d0e0e4736';
    for my $case ([ 417, "Host: x\r\nExpect: wonders\r\n" ], [ 400, '' ]) {
        my ($status, $headers) = @$case;
        my $reply = $httpd->raw("GET /$status HTTP/1.1\r\n${headers}Connection: close\r\ntraceparent: 00-$id-00f067aa0ba902b7-01\r\n"
            . "tracestate: a=1\r\nb3: $id-00f067aa0ba902b7-1\r\n\r\n");
        my $line = $httpd->json('access', qr{"/$status"});
        like $reply, qr/traceparent=00-$line->{trace_id}-$line->{span_id}-03 tracestate=- b3=- $line->{trace_id}$/m,
            "$status: its page sees the trace of the line, and nothing of the client's";
    }
    $httpd->stop;
};

subtest 'the parts of a request line' => sub {
    my $httpd = Httpd->start(conf => <<'CONF');
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
CONF
    my @cases = (
        [ "GET http://h/p%20q?a=%26&b HTTP/1.1", 'GET', '/p%20q', 'a=%26&b', 'an absolute target' ],
        [ "GET /a? HTTP/1.1",                    'GET', '/a', undef, 'an empty query' ],
        [ "OPTIONS * HTTP/1.1",                  'OPTIONS', '*', undef, 'an asterisk' ],
        [ "HEAD /h?q?r HTTP/1.0",                'HEAD', '/h', 'q?r', 'HEAD' ],
        [ "GET //x/../y HTTP/1.1",               'GET', '//x/../y', undef, 'as received' ],
    );
    my $count = 0;
    for my $case (@cases) {
        my ($line, $method, $path, $query, $why) = @$case;
        $httpd->raw("$line\r\nHost: h\r\nConnection: close\r\n\r\n");
        my $json = from_json(($httpd->wait_lines('access', qr/./, ++$count))[-1]);
        is_deeply [ @$json{qw(method path query)} ], [ $method, $path, $query ], $why;
    }
    $httpd->stop;
};

done_testing;
