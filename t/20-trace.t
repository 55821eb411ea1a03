# W3C Trace Context: in, out, on every line; and from whom it is accepted.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

# Answers with what a handler sees.
my $seen = <<'LUA';
function handle(r)
    r.content_type = "text/plain"
    for _, name in ipairs({"traceparent", "tracestate", "b3", "X-B3-TraceId", "X-B3-SpanId",
                           "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags", "X-Request-Id"}) do
        if r.headers_in[name] then r:puts(name:lower(), "=", r.headers_in[name], "\n") end
    end
    for _, name in ipairs({"TRACE_ID", "SPAN_ID"}) do
        if r.subprocess_env[name] then r:puts(name, "=", r.subprocess_env[name], "\n") end
    end
    if r.notes["trace_id"] then r:puts("note=", r.notes["trace_id"], "\n") end
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LuaMapHandler ^/seen @DIR@/seen.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotes On
CONF

my $id   = '4bf92f3577b34da6a3ce929d0e0e4736';
my $span = '00f067aa0ba902b7';

sub start {
    my ($more, %args) = @_;
    return Httpd->start(modules => ['lua'], files => { 'seen.lua' => $seen },
        conf => $conf . ($more =~ /ReqNotesTraceAccept/ ? '' : "ReqNotesTraceAccept private\n") . $more, %args);
}

sub seen {
    my ($httpd, $headers, $path) = @_;
    my $response = $httpd->get($path || '/seen', $headers);
    my %seen = $response->{content} =~ /^([^=\n]+)=(.*)$/mg;
    $seen{headers} = $response->{headers};
    return \%seen;
}

each_mpm(sub {
    my $httpd = start('', mpm => shift);
    my $new = seen($httpd, {});
    like $new->{traceparent}, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/,
        'a request without a trace starts one, random and sampled';
    is $new->{traceparent}, "00-$new->{TRACE_ID}-$new->{SPAN_ID}-03", 'TRACE_ID and SPAN_ID';
    is $new->{note}, $new->{TRACE_ID}, 'the note trace_id';
    my $json = $httpd->json('access', qr/$new->{TRACE_ID}/);
    is $json->{span_id}, $new->{SPAN_ID}, 'the log has the span of the request';
    ok !exists $json->{parent_span_id}, 'no parent';

    my $continued = seen($httpd, { traceparent => "00-$id-$span-01", tracestate => 'a=1, b=2' });
    is $continued->{TRACE_ID}, $id, 'a trace is continued';
    isnt $continued->{SPAN_ID}, $span, '... with a span of its own';
    is $continued->{traceparent}, "00-$id-$continued->{SPAN_ID}-01", '... flags kept';
    is $continued->{tracestate}, 'a=1, b=2', '... tracestate kept';
    $json = $httpd->json('access', qr/$id/);
    is $json->{parent_span_id}, $span, '... and the log has its parent';

    # What one request had in a long header lies where the next one has its ids.
    my @each = map { seen($httpd, { filler => 'f' x (120 * (50 - $_)) }) } 1 .. 50;
    my %distinct = map { $_->{TRACE_ID} => 1 } @each;
    is keys %distinct, 50, 'ids are distinct';
    is_deeply [ grep { $_->{traceparent} ne "00-$_->{TRACE_ID}-$_->{SPAN_ID}-03" } @each ], [],
        '... and end where they should';
    $httpd->stop;
});

subtest 'inbound headers' => sub {
    my $httpd = start('');
    my @cases = (
        [ { traceparent => "00-$id-$span-00" },             $id, '00', 'not sampled stays so' ],
        [ { traceparent => "00-$id-$span-02" },             $id, '02', 'the random flag is kept' ],
        [ { traceparent => "00-$id-$span-ff" },             $id, '03', 'unknown flags are cleared' ],
        [ { traceparent => "cc-$id-$span-01" },             $id, '01', 'a higher version' ],
        [ { traceparent => "cc-$id-$span-01-more" },        $id, '01', 'a higher version with more' ],
        [ { TraceParent => "00-$id-$span-01" },             $id, '01', 'the name has no case' ],
        [ { traceparent => "00-$id-$span-01-more" },        undef, '03', 'version 00 with more' ],
        [ { traceparent => "cc-$id-$span-01.more" },        undef, '03', 'a higher version without a dash' ],
        [ { traceparent => "ff-$id-$span-01" },             undef, '03', 'version ff' ],
        [ { traceparent => "00-\U$id\E-$span-01" },         undef, '03', 'upper case' ],
        [ { traceparent => "00-" . '0' x 32 . "-$span-01" }, undef, '03', 'a trace-id of zeros' ],
        [ { traceparent => "00-$id-" . '0' x 16 . "-01" },  undef, '03', 'a parent-id of zeros' ],
        [ { traceparent => [ "00-$id-$span-01", "00-$id-$span-01" ] }, undef, '03', 'two traceparents' ],
        [ { traceparent => '' },                            undef, '03', 'an empty one' ],
        [ { traceparent => "00-$id-$span-01\x80" },         undef, '03', 'odd bytes' ],
        [ { b3 => "$id-$span-1" },                          undef, '03', 'B3, which is not configured' ],
    );
    for my $case (@cases) {
        my ($headers, $want, $flags, $why) = @$case;
        my $got = seen($httpd, $headers);
        if   ($want) { is $got->{TRACE_ID}, $want, "$why: continued" }
        else         { isnt $got->{TRACE_ID}, $id, "$why: a new trace" }
        like $got->{traceparent}, qr/^00-$got->{TRACE_ID}-$got->{SPAN_ID}-$flags$/, '... flags';
    }

    my $parent = "00-$id-$span-01";
    is seen($httpd, { traceparent => $parent, tracestate => [ 'a=1', 'b=2' ] })->{tracestate},
        'a=1, b=2', 'several tracestates are combined, in order';
    for my $bad ('a b', 'x' x 257, "caf\xc3\xa9") {
        my $got = seen($httpd, { traceparent => $parent, tracestate => $bad });
        is $got->{tracestate}, undef, 'an invalid tracestate is dropped: ' . substr $bad, 0, 20;
        is $got->{TRACE_ID}, $id, '... without the trace';
    }
    my $many = join ',', map { "k$_=1" } 1 .. 32;
    is seen($httpd, { traceparent => $parent, tracestate => $many })->{tracestate}, $many,
        '32 members are valid';
    is seen($httpd, { tracestate => 'a=1' })->{tracestate}, undef,
        'tracestate without traceparent is dropped';
    is seen($httpd, { traceparent => 'x', tracestate => 'a=1' })->{tracestate}, undef,
        '... and with an invalid one';
    $httpd->stop;
};

subtest 'trust' => sub {
    my @headers = ({ traceparent => "00-$id-$span-01", tracestate => 'a=1', b3 => "$id-$span-1",
        'X-B3-TraceId' => $id, 'X-B3-SpanId' => $span, 'X-B3-ParentSpanId' => $span,
        'X-B3-Sampled' => 1, 'X-B3-Flags' => 1, 'X-Forwarded-For' => '10.0.0.1' });
    for my $case ([ 'none', 0 ], [ 'all', 1 ], [ 'private', 1 ], [ '127.0.0.0/8', 1 ],
        [ '127.0.0.1', 1 ], [ '10.0.0.0/8 ::1', 0 ], [ '192.0.2.0/24 private', 1 ]) {
        my ($accept, $trusted) = @$case;
        my $httpd = start("ReqNotesTraceAccept $accept\n");
        my $got = seen($httpd, @headers);
        my @left = grep { /^b3|^x-b3|^tracestate/ } sort keys %$got;
        if ($trusted) {
            is $got->{TRACE_ID}, $id, "$accept: continued";
            is $got->{tracestate}, 'a=1', '... with its tracestate';
        }
        else {
            isnt $got->{TRACE_ID}, $id, "$accept: a new trace";
            is_deeply \@left, [], '... and nothing inbound travels on';
            unlike join(' ', values %$got), qr/$id|$span/, '... nowhere';
            my $json = $httpd->json('access', qr/$got->{TRACE_ID}/);
            ok !exists $json->{parent_span_id}, '... nor into the log';
        }
        $httpd->stop;
    }
};

subtest 'IPv6' => sub {
    require IO::Socket::IP;
    my $probe = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);
    plan skip_all => 'this machine has no IPv6 loopback' unless $probe;
    my $port = $probe->sockport;
    close $probe;
    for my $case ([ '::1', 1 ], [ 'private', 1 ], [ '2001:db8::/32 127.0.0.1', 0 ]) {
        my ($accept, $trusted) = @$case;
        my $httpd = start("Listen [::1]:$port\nReqNotesTraceAccept $accept\n");
        my $socket = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port);
        print $socket "GET /seen HTTP/1.0\r\ntraceparent: 00-$id-$span-01\r\n\r\n";
        local $/;
        my $text = <$socket>;
        is $text =~ /TRACE_ID=$id/ ? 1 : 0, $trusted, "$accept, from ::1";
        $httpd->stop;
    }
};

subtest 'B3' => sub {
    my $httpd = start("ReqNotesTraceFormats b3 tracecontext\nReqNotesTraceSample 0.5\n");
    my $got = seen($httpd, { b3 => "$id-$span-0-$span" });
    is $got->{TRACE_ID}, $id, 'a single header is continued';
    is $got->{b3}, "$id-$got->{SPAN_ID}-0", '... and sent on, with our span';
    is $got->{traceparent}, "00-$id-$got->{SPAN_ID}-00", '... as traceparent too';
    $got = seen($httpd, { 'X-B3-TraceId' => substr($id, 16), 'X-B3-SpanId' => $span, 'X-B3-Sampled' => 1 });
    is $got->{TRACE_ID}, '0' x 16 . substr($id, 16), 'several headers, and a trace id of 64 bits';
    is $got->{'x-b3-traceid'}, undef, '... do not travel on beside the single one';
    $got = seen($httpd, { b3 => "$id-$span-1", traceparent => '00-' . 'a' x 32 . "-$span-01" });
    is $got->{TRACE_ID}, $id, 'the first format that is present wins';
    $got = seen($httpd, { b3 => 'junk', traceparent => '00-' . 'a' x 32 . "-$span-01", tracestate => 'a=1' });
    is $got->{TRACE_ID}, 'a' x 32, '... if it can be read';
    is $got->{tracestate}, 'a=1', '... with its tracestate';
    my %decided = map { seen($httpd, { b3 => "$id-$span" })->{traceparent} =~ /-(0.)$/ => 1 } 1 .. 20;
    is keys %decided, 1, 'a deferred decision is one of the trace, not of the request';
    $got = seen($httpd, { b3 => '0' });
    like $got->{b3}, qr/^[0-9a-f]{32}-[0-9a-f]{16}-0$/, 'a lone 0 starts a trace that is not sampled';
    $httpd->stop;

    $httpd = start("ReqNotesTraceFormats b3multi\n");
    $got = seen($httpd, { b3 => "$id-$span-1" });
    is $got->{'x-b3-traceid'}, $id, 'b3multi is sent as several headers';
    is $got->{'x-b3-spanid'}, $got->{SPAN_ID}, '... with our span';
    is $got->{'x-b3-sampled'}, 1, '... and the flag';
    is $got->{b3}, undef, '... alone';
    $httpd->stop;
};

subtest 'sampling and the ids of others' => sub {
    my $httpd = start("ReqNotesTraceSample 0\nReqNotesRequestId X-Request-Id\n");
    my $got = seen($httpd, {});
    like $got->{traceparent}, qr/-02$/, 'a ratio of 0 samples no new trace';
    like seen($httpd, { traceparent => "00-$id-$span-01" })->{traceparent}, qr/-01$/,
        '... and does not touch a continued one';
    is scalar($httpd->wait_lines('access', qr/./, 2)), 2, '... and never decides on a line';

    my $theirs = 'Req_1.~+/=:-Zz';
    $got = seen($httpd, { 'X-Request-Id' => $theirs });
    is $got->{'x-request-id'}, $theirs, "a caller's own id travels on, byte for byte";
    my $json = $httpd->json('access', qr/Req_1/);
    is $json->{request_id}, $theirs, '... and is the field request_id';
    like $httpd->line('access', qr/Req_1/), qr/"span_id":"[0-9a-f]+","request_id":/, '... in its place';
    for my $bad ('a b', 'x' x 257, "caf\xe9") {
        $got = seen($httpd, { 'X-Request-Id' => $bad, 'User-Agent' => 'bad' });
        ok !exists $httpd->json('access', qr/$got->{TRACE_ID}/)->{request_id},
            'an id of other bytes is none: ' . substr($bad, 0, 9) =~ s/[^ -~]/?/gr;
    }
    $httpd->stop;

    $httpd = start("ReqNotesTraceSample 0.5\n");
    my $sampled = grep { seen($httpd, {})->{traceparent} =~ /-03$/ } 1 .. 200;
    cmp_ok $sampled, '>', 50,  'a ratio of 0.5 samples some';
    cmp_ok $sampled, '<', 150, '... but not all';
    $httpd->stop;
};

subtest 'through a real proxy to a real backend' => sub {
    my $backend = start("ReqNotesField user_id env:TRACE_ID\n", mpm => 'prefork');
    my $front = Httpd->start(modules => [qw(proxy proxy_http)], conf => <<"CONF");
ReqNotes On
ReqNotesTraceAccept private
CustomLog \@DIR\@/logs/access.log "%^RJ"
ProxyPass /seen http://127.0.0.1:$backend->{port}/seen
CONF
    my $got = seen($front, { traceparent => "00-$id-$span-01", tracestate => 'a=1' });
    my $first  = $front->json('access', qr/$id/);
    my $second = $backend->json('access', qr/$id/);
    is $got->{TRACE_ID}, $id, 'the backend is in the same trace';
    is $first->{parent_span_id}, $span, 'client -> front';
    is $second->{parent_span_id}, $first->{span_id}, 'front -> backend';
    is $second->{span_id}, $got->{SPAN_ID}, 'backend -> handler';
    is $got->{tracestate}, 'a=1', 'tracestate arrives';

    for my $words ('close, traceparent, TraceState , b3, x-b3-traceid', 'close;traceparent', 'close traceparent', "close\ttraceparent;") {
        my $hop = seen($front, { Connection => $words });
        is $backend->json('access', qr/$hop->{TRACE_ID}/)->{parent_span_id},
            ($front->json('access', qr/$hop->{TRACE_ID}/) || { span_id => 'of no trace here' })->{span_id},
            "a client cannot keep the trace from a backend by Connection: $words";
    }

    my $new = seen($front, {});
    is $front->json('access', qr/$new->{TRACE_ID}/)->{span_id},
        $backend->json('access', qr/$new->{TRACE_ID}/)->{parent_span_id},
        'a trace that starts at the front';
    $front->stop;
    $backend->stop;
};

subtest 'ReqNotesTraceResponse' => sub {
    my $httpd = start(<<'CONF', modules => [qw(lua cgi cgid cache cache_disk)]);
ReqNotesTraceResponse X-Request-Id Server-Timing
Header always set Server-Timing "db;dur=5"
<Location /denied>
  Require all denied
</Location>
ErrorDocument 404 /seen
CONF
    for my $case ([ '/seen', 200 ], [ '/denied', 403 ], [ '/missing', 404 ]) {
        my ($path, $status) = @$case;
        my $response = $httpd->get($path);
        is $response->{status}, $status, "$path: $status";
        my $log = $httpd->json('access', qr/$response->{headers}{'x-request-id'}/);
        is $log->{status}, $status, '... has the trace ID of its line';
        is $response->{headers}{'server-timing'},
            "db;dur=5, trace;desc=00-$log->{trace_id}-$log->{span_id}-03",
            '... and Server-Timing beside that of others';
    }
    $httpd->stop;
};

done_testing;
