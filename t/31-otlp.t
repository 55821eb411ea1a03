# OpenTelemetry: %^RO, TRACE_SAMPLED, ReqNotesService, otel=, span events, and ReqNotesErrorLog with
# otlp. t/tools/otlp.t reads the same lines by the messages of opentelemetry-proto.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Otlp;
use Sys::Hostname qw(hostname);
use Test::More;
use Unpacked;

my $id   = '4bf92f3577b34da6a3ce929d0e0e4736';
my $span = '00f067aa0ba902b7';

my $say = <<'LUA';
function handle(r)
    r.content_type = "text/plain"
    for name, value in (r.args or ""):gmatch("note_(%w+)=([^&]*)") do r.notes[name] = r:unescape(value) end
    r:puts(tostring(r.subprocess_env["TRACE_SAMPLED"]))
    for text in (r.args or ""):gmatch("say=([^&]*)") do r:err(r:unescape(text)) end
    local many = tonumber((r.args or ""):match("many=(%d+)") or 0)
    for i = 1, many do r:warn("message " .. i .. " " .. string.rep("m", 400)) end
    local status = (r.args or ""):match("status=(%d+)")
    if status then r.status = tonumber(status) end
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LuaMapHandler ^/say @DIR@/say.lua handle
ReqNotes On
ReqNotesTraceAccept private
ReqNotesService "shop \"2\"" 2.4.1
CustomLog @DIR@/logs/spans.log "%^RO" env=TRACE_SAMPLED
CustomLog @DIR@/logs/access.log "%^RJ"
CONF

sub start {
    my ($more, %args) = @_;
    return Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => "$conf$more", %args);
}

# The span, and the line of %^RJ, of the request that comes next.
sub one {
    my ($httpd, $ask) = @_;
    my $before = () = $httpd->lines('access');
    $ask->();
    my @lines = $httpd->wait_lines('access', qr/./, $before + 1);
    my $json  = from_json($lines[-1]);
    my ($line) = grep { /"$json->{span_id}"/ } $httpd->lines('spans');
    return (defined $line ? read_span($line) : undef, $json);
}

each_mpm(sub {
    my $httpd = start(<<'CONF', mpm => shift);
ErrorDocument 404 /say
ReqNotesErrorLog @DIR@/logs/records.log otlp
ReqNotesField total type=number otel=shop.order.total
ReqNotesField count type=integer
ReqNotesField paid type=boolean
ReqNotesField roles type=list
ReqNotesField raw type=json
ReqNotesValues +scheme +host +peer +bytes_in +bytes_out +ttfb_us +keepalive +handler
CONF
    my $notes = 'note_user=1&' . join '&', map { "note_$_" } 'total=12.50', 'count=-7', 'paid=yes', 'roles=a,%20b', 'raw=%7B%22a%22:1%7D';
    my ($got, $json) = one($httpd, sub {
        $httpd->get("/say?$notes&token=secret", { traceparent => "00-$id-$span-01", tracestate => 'a=1,b="2"', Referer => 'http://x/?pin=1' });
    });
    is_deeply $got->{resource}, { 'service.name' => 'shop "2"', 'service.version' => '2.4.1', 'host.name' => hostname() }, 'the service and the host';
    is_deeply [ @$got{qw(traceId spanId parentSpanId traceState)} ], [ $id, $json->{span_id}, $span, 'a=1,b="2"' ], 'the ids';
    is $got->{flags}, 0x301, 'the flags of the trace, and a parent elsewhere';
    is $got->{name}, 'GET', 'the name';
    is $got->{kind}, 2, 'a server';
    ok !exists $got->{status}, 'no status where nothing failed';
    ok !exists $got->{events}, '... and no events';
    is "$got->{startTimeUnixNano}", nanos($json->{time}), 'the beginning is that of the line';
    is $got->{endTimeUnixNano} - $got->{startTimeUnixNano}, 1000 * $json->{duration_us}, '... and the end its duration later';
    my ($peer, $port) = $json->{peer} =~ /(.*):(.*)/;
    my $all = $got->{attributes};
    is_deeply $all, {
        'shop.order.total' => 12.5, count => -7, paid => JSON::PP::true, roles => [qw(a b)], raw => '{"a":1}',
        'reqnotes.vhost' => 'localhost', 'client.address' => '127.0.0.1', 'network.peer.address' => $peer, 'network.peer.port' => $port,
        'reqnotes.keepalive' => 0, 'url.scheme' => 'http', 'server.address' => '127.0.0.1', 'server.port' => $httpd->{port},
        'http.request.method' => 'GET', 'url.path' => '/say', 'url.query' => "$notes&token=***", 'network.protocol.version' => '1.1',
        'reqnotes.handler' => $json->{handler}, 'http.response.status_code' => 200, 'http.response.body.size' => $json->{bytes},
        'http.request.size' => $json->{bytes_in}, 'http.response.size' => $json->{bytes_out}, 'reqnotes.outcome' => 'completed',
        'reqnotes.ttfb_us' => $json->{ttfb_us}, 'reqnotes.referer' => 'http://x/?pin=***', 'user_agent.original' => 'test',
    }, 'the attributes';

    ($got, $json) = one($httpd, sub { is $httpd->get('/say?say=it%20%22broke%22&say=AH00001:%20password=x&status=500')->{content}, '1', 'a handler sees TRACE_SAMPLED' });
    is $got->{flags}, 0x103, 'a new trace has no parent';
    ok !exists $got->{parentSpanId} && !exists $got->{traceState}, '... indeed';
    is_deeply $got->{status}, { code => 2 }, 'a failed request has a status';
    is $got->{attributes}{'error.type'}, '500', '... and says why';
    is_deeply [ map { [ $_->{name}, $_->{attributes} ] } @{ $got->{events} } ], [
        [ log => { 'log.severity' => 'error', 'reqnotes.module' => 'lua', 'log.message' => 'it "broke"' } ],
        [ log => { 'log.severity' => 'error', 'reqnotes.module' => 'lua', 'reqnotes.code' => 'AH00001', 'log.message' => 'password=***' } ],
    ], '... and the messages as events';
    cmp_ok $_->{timeUnixNano}, '>=', $got->{startTimeUnixNano}, '... of its time' for @{ $got->{events} };
    is $got->{droppedEventsCount}, 0, '... all of them';
    my @records = map { read_record($_) } $httpd->wait_lines('records', qr/$json->{trace_id}/, 2);
    is_deeply [ map { [ @$_{qw(severityNumber severityText body spanId flags)} ] } @records ],
        [ [ 17, 'error', 'it "broke"', $json->{span_id}, 3 ], [ 17, 'error', 'password=***', $json->{span_id}, 3 ] ], 'each is a log record too';
    is_deeply $records[1]{resource}, $got->{resource}, '... of the same service';
    my %of = %{ $records[1]{attributes} };
    like delete $of{$_}, qr/^\d+$/, $_ for qw(process.pid thread.id);
    is_deeply \%of, { 'reqnotes.module' => 'lua', 'reqnotes.code' => 'AH00001', 'reqnotes.vhost' => 'localhost', 'client.address' => '127.0.0.1',
        'http.request.method' => 'GET', 'url.path' => '/say' }, '... with its attributes';
    my ($start) = map { read_record($_) } $httpd->wait_lines('records', qr/resuming normal/);
    ok !exists $start->{traceId} && !exists $start->{flags}, 'a message without a request has no trace';
    is $start->{severityText}, 'notice', '... and its severity';

    is $httpd->get('/nowhere')->{content}, '1', 'an error document sees TRACE_SAMPLED';
    $httpd->wait_lines('access', qr/nowhere/);
    ($got, $json) = one($httpd, sub { $httpd->get('/say?many=20') });
    my @events = @{ $got->{events} };
    cmp_ok scalar(@events), '>=', 3, 'some of many events are there';
    is @events + $got->{droppedEventsCount}, 20, '... and the others are counted';
    ($got) = one($httpd, sub { $httpd->request('BREW', '/say') });
    is_deeply [ $got->{name}, @{ $got->{attributes} }{qw(http.request.method http.request.method_original)} ], [ qw(HTTP _OTHER BREW) ], 'an unknown method names no span';
    ($got) = one($httpd, sub { $httpd->raw("GET /say HTTP/1.0\r\nUser-Agent: \xC3\xA9\xFF\"\\\r\n\r\n") });
    is $got->{attributes}{'user_agent.original'}, "\x{E9}\x{FFFD}\"\\", 'hostile bytes are repaired';
    ($got) = one($httpd, sub { $httpd->raw("nonsense\r\n\r\n") });
    is $got->{attributes}{'http.response.status_code'}, 400, 'a malformed request has a span';
    ok !exists $got->{status}, '... that is no error of the server';
    ($got, $json) = one($httpd, sub { $httpd->get('/say', { traceparent => "00-$id-$span-00" }) });
    is $got, undef, 'a trace that is not sampled has none';
    is $json->{trace_id}, $id, '... but its line';
    $httpd->stop;
});

subtest 'what is long' => sub {
    my $httpd = start("ReqNotesField cookie request:Cookie max=2000\nReqNotesErrorLog \@DIR\@/logs/records.log otlp\n");
    my ($got) = one($httpd, sub {
        $httpd->get('/say?many=9&say=' . 'p' x 3000, { 'User-Agent' => "\xE2\x82\xAC" x 900, Cookie => '"' x 1900, tracestate => 'a=' . 'x' x 200, traceparent => "00-$id-$span-01" });
    });
    cmp_ok length($_), '<', 4096, 'a line keeps its limit' for $httpd->lines('spans'), $httpd->lines('records');
    is $got->{attributes}{'reqnotes.truncated'}, JSON::PP::true, 'a span that was cut says so';
    is $got->{traceId}, $id, '... and has its ids';
    is $got->{attributes}{'http.response.status_code'}, 200, '... and numbers';
    like $got->{attributes}{'user_agent.original'}, qr/^\x{20AC}+$/, '... and beginnings of texts';
    is $got->{traceState}, 'a=' . 'x' x 200, '... and a trace state of 202 bytes';
    my @records = map { read_record($_) } $httpd->wait_lines('records', qr/$id/, 10);
    my ($long) = grep { $_->{body} =~ /^p/ } @records;
    like $long->{body}, qr/^p{1000,2999}$/, 'a long message has at least a third of the line';
    is $long->{attributes}{'reqnotes.truncated'}, JSON::PP::true, '... and says that it was cut';
    my ($short) = grep { $_->{body} =~ /^message 1 / } @records;
    like $short->{body}, qr/^message 1 m{400}$/, 'one that has room is whole';
    $httpd->stop;
};

subtest 'the least limit' => sub {
    my $httpd = start("ReqNotesLineLimit 2048\n<VirtualHost *>\nReqNotesService " . 's' x 128 . ' ' . 'v' x 64 . "\n</VirtualHost>\n");
    my ($got) = one($httpd, sub {
        $httpd->get('/say?many=9&status=503&q=' . 'q' x 3000, { 'User-Agent' => "\xE2\x82\xAC" x 900, tracestate => join(',', map { "$_=" . '"' x 200 } 'a', 'b'), traceparent => "00-$id-$span-01" });
    });
    is $got->{resource}{'service.name'}, 's' x 128, 'a virtual host has a name of its own';
    is_deeply $got->{status}, { code => 2 }, '... and a span as short as can be';
    ok !exists $got->{traceState}, 'a tracestate that is too long is left out';
    is $got->{attributes}{'http.response.status_code'}, 503, '... numbers stay';
    cmp_ok length($_), '<', 2048, '... in its limit' for $httpd->lines('spans');
    $httpd->stop;
};

subtest 'TRACE_SAMPLED' => sub {
    my $httpd = start(<<'CONF', modules => [qw(lua include)]);
SetEnv TRACE_SAMPLED 1
SetEnvIf Request_URI "x" trace_sampled=1
ReqNotesTraceSample 0
ErrorDocument 404 /say
CustomLog @DIR@/logs/plain.log "%{TRACE_SAMPLED}e %U" env=TRACE_SAMPLED
CONF
    my ($got, $json) = one($httpd, sub { $httpd->get('/say?x', { Trace_Sampled => 1, 'TRACE-SAMPLED' => 1 }) });
    is $got, undef, 'with a ratio of 0 nothing is sampled, whatever SetEnv, SetEnvIf and a client say';
    ($got) = one($httpd, sub { $httpd->raw("nonsense x\r\n\r\n") });
    is $got, undef, '... and no malformed request';
    ($got, $json) = one($httpd, sub { is $httpd->get('/nowhere', { traceparent => "00-$id-$span-01" })->{content}, '1', 'an error document sees it' });
    ok $got, 'a trace that was sampled elsewhere stays so';
    is_deeply [ @{ $got->{attributes} }{qw(url.scheme server.address server.port)} ], [ 'http', '127.0.0.1', $httpd->{port} ], 'a span has the scheme and the host by itself';
    is $got->{attributes}{'url.path'}, '/nowhere', '... over an error document';
    is_deeply [ $httpd->lines('plain') ], [ '1 /nowhere' ], 'other logs can ask for it';
    $httpd->stop;

    $httpd = start("ReqNotesTraceSample 0.5\n");
    my @ids = map { (one($httpd, sub { $httpd->get('/say') }))[1]{trace_id} } 1 .. 60;
    my %sampled = map { read_span($_)->{traceId} => 1 } $httpd->lines('spans');
    my $count = grep { $sampled{$_} } @ids;
    cmp_ok $count, '>', 8,  'of a ratio of 0.5 some are there';
    cmp_ok $count, '<', 52, '... and some are not';
    is_deeply [ sort keys %sampled ], [ sort grep { $sampled{$_} } @ids ], '... one line each';
    $httpd->stop;

    # A variable that nobody asks for is left alone.
    $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say },
        conf => "LuaMapHandler ^/say \@DIR\@/say.lua handle\nReqNotes On\nCustomLog \@DIR\@/logs/spans.log \"%^RO\"\n<VirtualHost *:\@PORT2\@>\nReqNotes Off\n</VirtualHost>\nListen 127.0.0.1:\@PORT2\@\n");
    is $httpd->get('/say')->{content}, 'nil', 'nothing is set where no directive names it';
    my $off = $httpd->connect($httpd->{port2});
    print $off "GET / HTTP/1.0\r\n\r\n";
    1 while <$off>;
    my @lines = $httpd->wait_lines('spans', qr/./, 2);
    is read_span($lines[0])->{resource}{'service.name'}, 'unknown_service:httpd', 'without a name the service is unknown';
    is $lines[1], '{}', 'where ReqNotes is Off a line exports nothing';
    $httpd->stop;
};

subtest 'what fails' => sub {
    my $httpd = start("LuaMapHandler ^/slow \@DIR\@/slow.lua handle\n", files => { 'say.lua' => $say, 'slow.lua' => <<'LUA' });
function handle(r)
    for i = 1, 400 do r:puts(string.rep("s", 65536)) r:flush() end
    return apache2.OK
end
LUA
    my ($got) = one($httpd, sub {
        my $socket = $httpd->connect;
        print $socket "GET /slow HTTP/1.0\r\n\r\n";
        sysread $socket, my $some, 1000;
        close $socket;
    });
    is $got->{attributes}{'error.type'}, 'aborted', 'a client that went away is an error';
    is_deeply $got->{status}, { code => 2 }, '... of the span';
    is $got->{attributes}{'http.response.status_code'}, 200, '... whatever its status';
    $httpd->stop;
};

subtest 'lines that were lost' => sub {
    my $httpd = Httpd->prepare(modules => ['lua'], files => { 'say.lua' => $say }, under => [ 'prlimit', '--fsize=20000:unlimited' ],
        conf => "LuaMapHandler ^/say \@DIR\@/say.lua handle\nReqNotes On\nErrorLogFormat %M\nReqNotesErrorLog \@DIR\@/logs/records.log otlp\n");
    $httpd->run or BAIL_OUT('httpd does not start');
    $httpd->get('/say?many=12') for 1 .. 3;
    is system('prlimit', "--pid=$httpd->{pid}", '--fsize=unlimited'), 0, 'there is room again';
    ok $httpd->graceful, '... for new children';
    $httpd->get('/say?say=later');
    my ($lost) = map { read_record($_) } $httpd->wait_lines('records', qr/RN0008/);
    is $lost->{body}, 'lines of this log were lost', 'they are told of';
    cmp_ok $lost->{attributes}{'reqnotes.messages'}, '>', 10, '... and counted';
    is_deeply [ @$lost{qw(severityNumber severityText)} ], [ 13, 'warn' ], '... as a warning';
    is $lost->{resource}{'service.name'}, 'unknown_service:httpd', '... of the service';
    $httpd->stop;
};

subtest 'PHP' => sub {
    plan skip_all => 'no mod_php' unless unpacked('/usr/lib/apache2/modules/libphp*.so');
    my $httpd = Httpd->start(php => 1, files => { 'www/a.php' => '<?php apache_note("user_id", "5555"); apache_note("api_method", "a.b"); trigger_error("careful"); echo "ok";' },
        conf => $conf =~ s/^Lua.*\n//mr . "php_flag log_errors on\nphp_flag display_errors off\n");
    my ($got) = one($httpd, sub { $httpd->get('/a.php') });
    is $got->{attributes}{'user.id'}, '5555', 'a note is an attribute';
    is $got->{attributes}{api_method}, 'a.b', '... by its own name, where there is no better one';
    like $got->{events}[0]{attributes}{'log.message'}, qr/^PHP Notice:  careful/, 'what PHP says is an event';
    $httpd->stop;
};

{
    my $httpd = Httpd->prepare(conf => "ReqNotes On\nReqNotesService shop 2.4\nReqNotesField a otel=b.c\n");
    my $dump  = qx{@{[ $httpd->program ]} -t -D DUMP_REQNOTES -f $httpd->{dir}/conf/httpd.conf 2>&1};
    like $dump, qr/^  ReqNotesService shop 2\.4  \(/m, 'the dump has the service';
    like $dump, qr/^  Field a note:a .* otel=b\.c  \(/m, '... and the name of an attribute';
}

subtest 'PHP-FPM' => sub {
    plan skip_all => 'no PHP-FPM' unless unpacked('/usr/sbin/php-fpm[0-9]*');
    my $httpd = Httpd->start(modules => [qw(proxy proxy_fcgi)], files => { 'www/a.php' => '<?php header("X-Note-User-Id: 5555"); error_log("pin=1234 one"); trigger_error("two", E_USER_WARNING);' },
        conf => $conf =~ s/^Lua.*\n//mr . <<'CONF');
ReqNotesResponseHeaders X-Note-
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost/"
</FilesMatch>
CONF
    start_fpm($httpd);
    my ($got) = one($httpd, sub { $httpd->get('/a.php') });
    is $got->{attributes}{'user.id'}, '5555', 'a header is an attribute';
    my @events = map { $_->{attributes} } @{ $got->{events} };
    is_deeply [ map { $_->{'log.message'} =~ s/ in .*//r } @events ], [ 'pin=*** one', 'PHP Warning:  two' ], 'each message of PHP is an event, and masked';
    is $events[1]{'log.severity'}, 'warn', '... with its level';
    $httpd->stop;
};

# What configtest says.
my @refused = (
    [ 'ReqNotesService',                       qr/ReqNotesService: give the service's name/ ],
    [ 'ReqNotesService ""',                    qr/the name must be 1 to 128 bytes of UTF-8 without control characters/ ],
    [ 'ReqNotesService ' . 's' x 129,          qr/the name must be 1 to 128 bytes/ ],
    [ "ReqNotesService \"a\tb\"",              qr/the name must be 1 to 128 bytes/ ],
    [ "ReqNotesService a\xFF",                 qr/the name must be 1 to 128 bytes/ ],
    [ "ReqNotesService a\xC2\x9B",             qr/the name must be 1 to 128 bytes/ ],
    [ "ReqNotesService a\x7F",                 qr/the name must be 1 to 128 bytes/ ],
    [ 'ReqNotesService a ' . 'v' x 65,         qr/the version must be 1 to 64 bytes/ ],
    [ 'ReqNotesService a 1 b',                 qr/give the service's name and, if it has one, its version/ ],
    [ 'ReqNotesField a otel=Bad',              qr/ReqNotesField a otel=Bad: a field's name is a lower-case letter/ ],
    [ 'ReqNotesField a otel=url.path',         qr/a span has an attribute of this name by itself; give otel= another one/ ],
    [ 'ReqNotesField a otel=reqnotes.truncated', qr/a span has an attribute of this name by itself/ ],
    [ 'ReqNotesField a otel=b.c otel=b.d',     qr/an option is given twice/ ],
    [ "ReqNotesField a otel=x.y\nReqNotesField b otel=x.y", qr/RN0045: ReqNotesField b at .* would be the attribute x\.y of a span, as field a is; give it another name with otel=/ ],
    [ 'ReqNotesField a otel=user.id',          qr/RN0045: .*would be the attribute user\.id of a span, as field user_id is/ ],
    [ "CustomLog logs/a \"%^RO\"\nReqNotesField url.path note:p", qr/RN0045: ReqNotesField url\.path at .* as one of the module's own is/ ],
    [ "ReqNotesErrorLog logs/a otlp\nReqNotesField user.id note:p", qr/RN0045: ReqNotesField user\.id/ ],
    [ "LogFormat \"%^RO\" o\nReqNotesLineLimit 2047", qr/RN0046: ReqNotesLineLimit 2047 is too little for %\^RO and for ReqNotesErrorLog with otlp; give at least 2048/ ],
    [ "ReqNotesErrorLog logs/a otlp\nReqNotesLineLimit 600", qr/RN0046: ReqNotesLineLimit 600/ ],
);
for (@refused) {
    my ($directives, $why) = @$_;
    my ($ok, $text) = Httpd->prepare(conf => "ReqNotes On\n$directives\n")->configtest;
    ok !$ok, $directives =~ s/[^ -~]/?/gr . ' is refused';
    like $text, $why, '... and it is said why';
}
for ("ReqNotesService \"caf\xC3\xA9 \\\"1\\\"\" 1.0", 'ReqNotesService ' . 's' x 128, 'ReqNotesField url.path note:p', 'ReqNotesField user.id note:p',
    "CustomLog logs/a \"%^RO\"\nReqNotesField url.path note:p otel=my.path", "CustomLog logs/a \"%^RO\"\nReqNotesField !user_id\nReqNotesField user.id note:p", 'ReqNotesLineLimit 512') {
    my ($ok, $text) = Httpd->prepare(conf => "ReqNotes On\n$_\n")->configtest;
    ok $ok, s/[^ -~]/?/gr . ' is taken' or diag $text;
}

done_testing;
