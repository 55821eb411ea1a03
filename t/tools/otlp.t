# install: nodejs
# Lines of OpenTelemetry read by others: the messages of opentelemetry-proto, the names of the
# semantic conventions, and an SDK whose spans join those of two httpds and of a PHP page in one trace. What
# stands in docs/opentelemetry.md is run as it stands there. npm is asked for the packages once; without
# it nothing is looked at.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(getcwd);
use Httpd;
use IO::Socket::INET;
use POSIX ();
use Otlp ();
use Test::More;
use Unpacked;

my $modules = getcwd() . '/build/npm/otlp';
if (!-e "$modules/node_modules/.complete") {
    my @packages = qw(@opentelemetry/otlp-transformer@0.203.0 @opentelemetry/semantic-conventions@1.45.0 @opentelemetry/api@1.9.0);
    system('mkdir', '-p', $modules);
    my $said = grep({ -x "$_/npm" } split /:/, $ENV{PATH}) ? qx{npm install --prefix $modules --ignore-scripts --no-audit --no-fund @packages 2>&1} : 'there is no npm';
    plan skip_all => "no packages of OpenTelemetry: $said" if $? || !-d "$modules/node_modules/\@opentelemetry";
    open my $out, '>', "$modules/node_modules/.complete" or die $!;
}
$ENV{NODE_PATH} = "$modules/node_modules";
my $docs = Httpd::slurp('docs/opentelemetry.md');

# What others read of a log: one answer for each line.
sub read_log {
    my ($kind, $file) = @_;
    my @read = map { from_json($_) } split /\n/, qx{node t/tools/otlp_reader.js $modules $kind $file};
    is_deeply [ grep { $_->{error} } @read ], [], "$file: every line is read" or diag $read[0]{error};
    return @read;
}

# Starts a program of others, and ends it.
my @running;
sub spawn {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    push @running, $pid;
    wait_until(sub { Httpd::slurp($log) =~ /listening/ }) or die "@command: " . Httpd::slurp($log);
}
END { my $status = $?; for (@running) { kill TERM => $_; waitpid $_, 0 } $? = $status }

sub free_port { return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)->sockport }

my $say = <<'LUA';
function handle(r)
    r.notes["user_id"] = r.headers_in["X-User"]
    r.notes["total"] = "12.5"
    for text in (r.args or ""):gmatch("say=([^&]*)") do r:err(r:unescape(text)) end
    local status = (r.args or ""):match("status=(%d+)")
    if status then r.status = tonumber(status) end
    r:puts("said")
    return apache2.OK
end
LUA

# What `%^RJ` says, by the names of the table in the docs.
my %type = map { $_ => 'intValue' } qw(network.peer.port reqnotes.keepalive server.port http.response.status_code http.response.body.size
    http.request.size http.response.size reqnotes.ttfb_us);
sub expected {
    my ($json, $port) = @_;
    my ($peer, $peer_port) = $json->{peer} =~ /^(.*):(\d+)$/;
    my $known = ($json->{method} // '') =~ /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)$/;
    my %all = (
        'user.id' => $json->{user_id}, 'reqnotes.request_id' => $json->{request_id}, 'reqnotes.vhost' => $json->{vhost}, 'client.address' => $json->{client},
        'network.peer.address' => $peer, 'network.peer.port' => $peer_port, 'reqnotes.connection_id' => $json->{connection_id}, 'reqnotes.keepalive' => $json->{keepalive},
        'url.scheme' => $json->{scheme}, 'server.address' => $json->{host}, 'server.port' => defined $json->{host} ? $port->($json->{host}) : undef,
        'http.request.method' => $known ? $json->{method} : '_OTHER', 'http.request.method_original' => $known ? undef : $json->{method},
        'url.path' => $json->{path}, 'url.query' => $json->{query}, 'network.protocol.version' => ($json->{protocol} // '') =~ s/^HTTP\///r,
        'reqnotes.request_line' => $json->{request_line}, 'reqnotes.handler' => $json->{handler}, 'http.response.status_code' => $json->{status},
        'error.type' => $json->{status} >= 500 ? "$json->{status}" : undef, 'http.response.body.size' => $json->{bytes}, 'http.request.size' => $json->{bytes_in},
        'http.response.size' => $json->{bytes_out}, 'reqnotes.outcome' => $json->{outcome}, 'reqnotes.ttfb_us' => $json->{ttfb_us},
        'reqnotes.referer' => $json->{referer}, 'user_agent.original' => $json->{user_agent},
    );
    my %expected = map { defined $all{$_} ? ($_ => { type => $type{$_} // 'stringValue', value => "$all{$_}" }) : () } keys %all;
    $expected{'shop.total'} = { type => 'doubleValue', value => $json->{total} } if defined $json->{total};
    $expected{size} = { type => 'intValue', value => "$json->{size}" } if defined $json->{size};
    $expected{secure} = { type => 'boolValue', value => JSON::PP::false } if defined $json->{secure};
    $expected{roles} = { type => 'arrayValue', value => $json->{roles} } if $json->{roles};
    return \%expected;
}

my %names;
subtest 'value by value' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => <<'CONF');
LuaMapHandler ^/say @DIR@/say.lua handle
ReqNotes On
ReqNotesService shop 2
ReqNotesRequestId X-Request-Id
ReqNotesField total type=number otel=shop.total
ReqNotesField size expr:%{REQUEST_STATUS} type=integer
ReqNotesField secure expr:off type=boolean
ReqNotesField roles request:X-Roles type=list
ReqNotesValues +trace_flags +peer +connection_id +keepalive +scheme +tls_protocol +host +request_line +handler +bytes_in +bytes_out +ttfb_us
ReqNotesTraceAccept private
CustomLog @DIR@/logs/spans.log "%^RO"
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesErrorLog @DIR@/logs/records.log otlp
CONF
    my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    my @hostile = ("plain", "\xC3\xA9\xFF\xC2\x9B\x7F", "\"\\\t<>&", "\xE2\x80\xA8\xED\xA0\x80", "\xF0\x9F\x98\x80" x 20);
    $httpd->get("/say?a=$_&token=x", { 'X-User' => $hostile[$_], 'X-Roles' => "a,$hostile[$_],b", Referer => "http://x/$hostile[$_]", 'User-Agent' => $hostile[$_],
        $_ % 2 ? (traceparent => $trace, tracestate => 'a=1') : (), 'X-Request-Id' => "id-$_" }) for 0 .. $#hostile;
    $httpd->get("/say?say=" . join('&say=', map { s/(.)/sprintf '%%%02x', ord $1/gesr } grep { !/\xE2/ } @hostile) . '&status=502');
    $httpd->request($_, '/say', {}, 'body') for qw(POST PUT BREW PROPFIND);
    $httpd->get('/nowhere');
    $httpd->get('/say', { Host => $_ }) for qw(example.com example.com:8080 [::1]);
    $httpd->raw("$_\r\n\r\n") for 'nonsense', "GET /a\x01b HTTP/1.1", 'GET / HTTP/1.0', "GET / HTTP/1.1\r\nHost: a b";
    my @lines = map { from_json($_) } $httpd->wait_lines('access', qr/./, 18);
    my @spans = read_log(traces => "$httpd->{dir}/logs/spans.log");
    is @spans, @lines, 'each request has a span';
    for my $at (0 .. $#spans) {
        my ($span, $json) = ($spans[$at], $lines[$at]);
        my $asked = $json->{host} // '';
        my %expected = %{ expected($json, sub { $asked eq 'example.com' && ($span->{attributes}{'server.port'}{value} // 0) == 8080 ? 8080 : $asked =~ /example|::1/ ? 80 : $httpd->{port} }) };
        is_deeply $span->{attributes}, \%expected, "the attributes of $json->{status} " . (($json->{method} // '') =~ s/[^ -~]/?/gr);
        is_deeply [ @$span{qw(traceId spanId parentSpanId)} ], [ @$json{qw(trace_id span_id parent_span_id)} ], '... its ids';
        is $span->{flags} & 0xFF, hex $json->{trace_flags}, '... its flags';
        is_deeply [ @$span{qw(startTimeUnixNano endTimeUnixNano)} ],
            [ Otlp::nanos($json->{time}), Otlp::nanos($json->{time}) + 1000 * $json->{duration_us} ], '... its times';
        is_deeply $span->{status}, $json->{status} >= 500 ? { code => 2 } : undef, '... its status';
    }
    is grep({ ($_->{attributes}{'server.port'}{value} // 0) == 8080 } @spans), 1, 'the port is that of Host';
    my @records = read_log(logs => "$httpd->{dir}/logs/records.log");
    my ($failed) = grep { $_->{status} } @spans;
    is_deeply [ map { $_->{attributes}{'log.message'}{value} } @{ $failed->{events} } ],
        [ map { $_->{body} } grep { ($_->{spanId} // '') eq $failed->{spanId} } @records ], 'events and log records say the same';
    $names{$_} = 1 for map { keys %{ $_->{attributes} }, keys %{ $_->{resource} } } @spans, @records;
    $httpd->stop;
};

subtest 'names of the semantic conventions' => sub {
    my %known = map { $_ => 1 } split /\n/, qx{node -e "const s={...require('\@opentelemetry/semantic-conventions'),...require('\@opentelemetry/semantic-conventions/incubating')};
        for (const [k,v] of Object.entries(s)) if (k.startsWith('ATTR_')) console.log(v)"};
    my @page = map { /`([a-z_.]+)`/g } $docs =~ /^(\| `.*?) \|/mg;
    $names{$_} = 1 for grep { /\./ && !/^\// } @page;
    is_deeply [ grep { !$known{$_} && !/^(?:reqnotes|shop|log)\./ && !/^(?:roles|size|secure)$/ } sort keys %names ], [], 'each has a place there, or is our own';
    cmp_ok scalar(keys %names), '>', 30, '... ' . keys(%names) . ' of them';
};

my ($page) = $docs =~ /^```php\n(.*?)^```/ms;
my ($send) = $docs =~ /^```perl\n(.*?)^```/ms;

subtest 'one trace' => sub {
    plan skip_all => 'no mod_php' unless unpacked('/usr/lib/apache2/modules/libphp*.so');
    my $node = free_port();
    my $inner = Httpd->start(php => 1, modules => [qw(proxy proxy_http)], files => { 'www/search.php' => $page, 'node.js' => <<'JS' }, conf => <<"CONF");
// A service with the SDK of OpenTelemetry, which writes its spans as lines.
const http = require('http'), fs = require('fs');
const { context, trace, defaultTextMapGetter } = require('@opentelemetry/api');
const { W3CTraceContextPropagator } = require('@opentelemetry/core');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { JsonTraceSerializer } = require('@opentelemetry/otlp-transformer');
const [port, file] = process.argv.slice(2);
const exporter = {
  export: (spans, done) => { fs.appendFileSync(file, Buffer.from(JsonTraceSerializer.serializeRequest(spans)) + '\n'); done({ code: 0 }); },
  shutdown: async () => {},
};
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('service');
http.createServer((request, response) => {
  const parent = new W3CTraceContextPropagator().extract(context.active(), request.headers, defaultTextMapGetter);
  tracer.startSpan('work', {}, parent).end();
  response.end('worked');
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
JS
ReqNotes On
ReqNotesService inner
ReqNotesTraceAccept private
ProxyPass /node http://127.0.0.1:$node/
CustomLog \@DIR\@/logs/spans.log "%^RO" env=TRACE_SAMPLED
CONF
    my $spans = "$inner->{dir}/run/php.otlp.json";
    $inner->add_file('www/search.php', $page =~ s{/var/log/shop/php\.otlp\.json}{$spans}r);
    spawn("$inner->{dir}/logs/node.log", 'node', "$inner->{dir}/node.js", $node, "$inner->{dir}/run/node.otlp.json");
    my $front = Httpd->start(modules => [qw(proxy proxy_http)], conf => <<"CONF");
ReqNotes On
ReqNotesService front
ReqNotesTraceAccept private
ProxyPass / http://127.0.0.1:$inner->{port}/
CustomLog \@DIR\@/logs/spans.log "%^RO" env=TRACE_SAMPLED
CONF
    for my $case ([ '/search.php', "$inner->{dir}/run/php.otlp.json", 'shop-php', 'search' ], [ '/node', "$inner->{dir}/run/node.otlp.json", undef, 'work' ]) {
        my ($path, $file, $service, $name) = @$case;
        is $front->get($path)->{status}, 200, "$path answers";
        $_->wait_lines('spans', qr/"\Q$path"/) for $front, $inner;
        ok wait_until(sub { -s $file }), '... and has written a span' or diag $inner->lines('error');
        my ($first)  = grep { $_->{attributes}{'url.path'}{value} eq $path } read_log(traces => "$front->{dir}/logs/spans.log");
        my ($second) = grep { $_->{attributes}{'url.path'}{value} eq $path } read_log(traces => "$inner->{dir}/logs/spans.log");
        # An SDK writes some numbers otherwise than protobuf's JSON does.
        my $third = $service ? (read_log(traces => $file))[0] : from_json(Httpd::slurp($file))->{resourceSpans}[0]{scopeSpans}[0]{spans}[0];
        is_deeply [ map { $_->{traceId} } $second, $third ], [ ($first->{traceId}) x 2 ], '... of one trace';
        is $first->{parentSpanId}, undef, '... that begins in front';
        is $second->{parentSpanId}, $first->{spanId}, '... goes on in the httpd behind';
        is $third->{parentSpanId}, $second->{spanId}, '... and ends in the page';
        is $third->{name}, $name, '... with a span of its own';
        is_deeply [ map { $_->{resource}{'service.name'}{value} } $first, $second ], [ qw(front inner) ], '... each by its service';
        is $third->{resource}{'service.name'}{value}, $service, '... the page too' if $service;
    }
    # What is not sampled is so for all of them.
    unlink "$inner->{dir}/run/php.otlp.json";
    $front->get('/search.php', { traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' });
    $front->get('/search.php?again');
    ok wait_until(sub { -s "$inner->{dir}/run/php.otlp.json" }), 'a later page is sampled';
    my @all = map { Httpd::slurp($_) } "$front->{dir}/logs/spans.log", "$inner->{dir}/logs/spans.log", "$inner->{dir}/run/php.otlp.json";
    is_deeply [ grep { /4bf92f3577b34da6a3ce929d0e0e4736/ } @all ], [], '... and nobody has a span of what is not';
    $_->stop for $front, $inner;
};

subtest 'without files' => sub {
    my $port = free_port();
    my $httpd = Httpd->prepare(modules => ['lua'], files => { 'say.lua' => $say, 'otlp-send' => $send, 'node.js' => <<'JS' });
// Takes what a collector takes at its two paths.
const http = require('http'), fs = require('fs');
const [port, dir] = process.argv.slice(2);
http.createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    const known = { '/v1/traces': 'traces', '/v1/logs': 'logs' }[request.url];
    if (!known || request.method !== 'POST' || request.headers['content-type'] !== 'application/json') { response.statusCode = 400; return response.end(); }
    fs.appendFileSync(`${dir}/logs/${known}.log`, body);
    response.end('{}');
  });
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
JS
    my ($conf) = $docs =~ /^```apache\n([^`]*otlp-send.*?)^```/ms;
    $conf =~ s{/usr/local/bin/otlp-send}{\@DIR\@/otlp-send}g;
    $conf =~ s{127\.0\.0\.1:4318}{127.0.0.1:$port}g;
    $httpd->set_conf("LuaMapHandler ^/say \@DIR\@/say.lua handle\nReqNotes On\n$conf");
    spawn("$httpd->{dir}/logs/node.log", 'node', "$httpd->{dir}/node.js", $port, $httpd->{dir});
    ok $httpd->run, 'the pipes of the docs' or return;
    $httpd->get("/say?say=it%20broke&$_") for 1 .. 5;
    $httpd->wait_lines('traces', qr/./, 5);
    $httpd->wait_lines('logs', qr/it broke/, 5);
    is grep({ $_->{name} eq 'GET' } read_log(traces => "$httpd->{dir}/logs/traces.log")), 5, 'each span was delivered';
    is grep({ $_->{body} eq 'it broke' } read_log(logs => "$httpd->{dir}/logs/logs.log")), 5, '... and each message';
    $httpd->stop;
};

done_testing;
