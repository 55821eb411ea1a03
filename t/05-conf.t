# Configuration mistakes stop configtest, and say what would be right.

use strict;
use warnings;
use lib 't/lib';
use File::Temp;
use Httpd;
use IO::Socket::UNIX;
use Test::More;

my $httpd = Httpd->prepare(modules => [qw(lua)]);
my $socket = IO::Socket::UNIX->new(Local => "$httpd->{dir}/run/socket", Listen => 1) or die "socket: $!";

sub check {
    my ($conf) = @_;
    $httpd->set_conf($conf);
    return $httpd->configtest;
}

my @good = (
    'ReqNotes On',
    'ReqNotes Off',
    "ReqNotes On\nReqNotes On",
    "ReqNotesField a user\nReqNotesField a user",
    "ReqNotesField !user_id\nReqNotesField !user_id",
    'ReqNotesAccessLog Off',
    'GlobalLog logs/all.log "%^RJ" env=REQNOTES_ACCESS' . "\nReqNotesAccessLog On",
    'ReqNotesField user_id',
    'ReqNotesField user.id note:uid user request:X-User response:X-User cookie:uid env:UID',
    'ReqNotesField a expr:"%{REQUEST_METHOD} \\"%{HTTP:X}\\"" type=string',
    'ReqNotesField a "expr:%{REQUEST_METHOD} x"',
    'ReqNotesField a type=integer max=4 logs=error',
    'ReqNotesField a logs=error,access max=65535',
    'ReqNotesField a' . 'b' x 63,
    "ReqNotesField a\n<VirtualHost *:81>\nReqNotesField a user\n</VirtualHost>",
    'ReqNotesField !user_id',
    'ReqNotesField a ecs=user.name',
    'ReqNotesField a ecs=tags type=list',
    'ReqNotesField user_id user ecs=user.email',
    "ReqNotesField user_id user ecs=user.email\nReqNotesField b ecs=user.id",
    "ReqNotesField !user_id\nReqNotesField b ecs=user.id",
    "ReqNotesField a.b\nReqNotesField a_b",
    "ReqNotesField a.b ecs=labels.other\nReqNotesField a_b\nCustomLog logs/a %^RE",
    'ReqNotesTraceAccept none',
    'ReqNotesTraceAccept private',
    'ReqNotesTraceAccept all',
    'ReqNotesTraceAccept private 192.0.2.0/24 2001:db8::/32 192.0.2.1 ::1',
    'ReqNotesTraceFormats tracecontext',
    'ReqNotesTraceFormats b3multi b3 tracecontext',
    map({ "ReqNotesTraceSample $_" } qw(0 1 0.25 1.0 0.000000001)),
    'ReqNotesTraceResponse X-Request-Id Server-Timing',
    'ReqNotesTraceResponse None',
    "<Location /x>\nReqNotesTraceResponse X-Request-Id\n</Location>",
    map({ "ReqNotesTraceResponse $_" } qw(X-Request-Id Server-Timing server-timing Request-Id requestid CF-Ray X-Trace uber-trace-id X-Amzn-Trace-Id)),
    map({ "ReqNotesRequestId $_" } qw(X-Request-Id None Request-Id traceid CF-Ray X-Correlation-ID)),
    map({ "ReqNotesResponseHeaders $_" } qw(X-Note- Note- X-Acme- None x-c-)),
    map({ "ReqNotesTraceAccept $_" } qw(10.0.0.0/8 10.1.2.3/32 10.1.2.3 128.0.0.0/1 2001:db8::/33 fe80::1/128 ::1)),
    map({ "ReqNotesField $_" } qw(a.b a.b.c a.0 usera user_id2 clients.ip)),
    "ReqNotesField user\nReqNotesField users.id",
    "ReqNotesField !user_id\nReqNotesField user_id.x",
    "ReqNotesField user\n<VirtualHost *:81>\nReqNotes On\nReqNotesField !user\nReqNotesField user.id\n</VirtualHost>",
    "<VirtualHost *:81>\nReqNotesField user\n</VirtualHost>\n<VirtualHost *:82>\nReqNotesField user.id\n</VirtualHost>",
    'ReqNotesField a note:x request:x cookie:x cookie:X env:x',
    "ReqNotesRequestId X-Id\n<VirtualHost *:81>\nReqNotesRequestId None\n</VirtualHost>",
    'ReqNotesResponseHeaders X-Note-',
    "<Location /x>\nReqNotesResponseHeaders None\nReqNotesErrorSummary Off\n</Location>",
    'ReqNotesErrorLog logs/error.json',
    'ReqNotesErrorLog "|/bin/cat -u"',
    'ReqNotesErrorLog "|$cat >/dev/null"',
    'ReqNotesErrorLog "||/bin/cat \'-u\'"',
    'ReqNotesErrorLog None',
    'ReqNotesErrorLog logs/error.json json',
    'ReqNotesErrorLog logs/error.json ecs',
    'ReqNotesErrorLog logs/error.json otlp',
    "ReqNotesErrorLog logs/a\n<VirtualHost *:81>\nReqNotesErrorLog logs/b ECS\n</VirtualHost>",
    'ReqNotesErrorLog ./syslog',
    'ReqNotesErrorLog syslog.json',
    'ReqNotesErrorLog /dev/null',
    "ReqNotesErrorLog logs/a\n<VirtualHost *:81>\nReqNotesErrorLog none\n</VirtualHost>",
    'LogFormat "%^RJ %^RL %{user_id}^RF" x',
    'ErrorLogFormat "[%L] [%N] [%{user_id}N] %M"',
);
for my $conf (@good) {
    my ($ok, $output) = check($conf =~ /^ReqNotes O/ ? $conf : "ReqNotes On\n$conf");
    ok $ok, "good: $conf" =~ s/\n/; /gr or diag $output;
    unlike $output, qr/RN\d/, '... without a warning';
}

# What is wrong, and what the message must name beside the directive.
my @bad = (
    [ 'ReqNotes Maybe',                         qr/On or Off/i ],
    [ "ReqNotes On\nReqNotes Off",              qr{ReqNotes Off: contradicts "ReqNotes On" on line \d+ of /\S+/conf/httpd.conf; give it once} ],
    [ 'ReqNotesAccessLog Maybe',                qr/On or Off/i ],
    [ "ReqNotesAccessLog On\nReqNotesAccessLog Off", qr/contradicts/ ],
    [ "<Location /x>\nReqNotesAccessLog Off\n</Location>", qr/not allowed (?:here|in)/ ],
    [ 'ReqNotesField',                          qr/give a field's name/ ],
    [ 'ReqNotesField User',                     qr/User: a field's name is a lower-case letter/ ],
    [ 'ReqNotesField 1st',                      qr/1st: a field's name/ ],
    [ 'ReqNotesField a-b',                      qr/a-b: a field's name/ ],
    [ 'ReqNotesField a' . 'b' x 64,             qr/up to 63 more/ ],
    [ 'ReqNotesField trace_id',                 qr/trace_id: this name is built in/ ],
    [ 'ReqNotesField status note:x',            qr/built in/ ],
    [ 'ReqNotesField a noet:x',                 qr/noet:x: the source must be one of note:KEY, env:NAME, request:HEADER, response:HEADER, cookie:NAME, user, expr:/ ],
    [ 'ReqNotesField a note',                   qr/must look like note:KEY/ ],
    [ 'ReqNotesField a note:',                  qr/must look like note:KEY/ ],
    [ 'ReqNotesField a user:bob',               qr/must look like user/ ],
    [ 'ReqNotesField a env:A=B',                qr/env/ ],
    [ 'ReqNotesField a "request:X Y"',          qr/must look like request:HEADER/ ],
    [ 'ReqNotesField a response:X:Y',           qr/must look like response:HEADER/ ],
    [ 'ReqNotesField a cookie:a=b',             qr/cookie/ ],
    [ 'ReqNotesField a expr:%{NO_SUCH(',        qr/the expression cannot be read/ ],
    [ 'ReqNotesField a expr:"abc',              qr/a quote is never closed/ ],
    map({ [ "ReqNotesTraceResponse $_", qr/ReqNotesTraceResponse $_: "$_" cannot carry an id; give headers of your own with a dash in their name, such as X-Request-Id, or Server-Timing, or None/ ] }
        qw(Off On traceparent tracestate traceresponse b3 X-B3-TraceId Refresh Location Vary Link Set-Cookie Set-Cookie2
           Content-Length Content-Id Sec-Trace-Id Access-Control-Max-Age Server Server-Id Last-Modified X-Frame-Options
           X-Accel-Redirect X-Sendfile x-sendfile X-Content-Id X-Forwarded-For Proxy-Status Cross-Origin-Opener-Policy
           Strict-Transport-Security WWW-Authenticate Keep-Alive Transfer-Encoding CDN-Cache-Control Surrogate-Control)),
    map({ [ "ReqNotesRequestId $_", qr/ReqNotesRequestId $_: that cannot carry an id; give the name of one request header of the callers' own with a dash in it, such as X-Request-Id, or None/ ] }
        qw(Off On Cookie Authorization Proxy-Authorization Host traceparent tracestate b3 X-B3-TraceId User-Agent Referer
           Range If-None-Match Accept-Language Content-Type Sec-Fetch-Site X-Forwarded-For Forwarded Last-Event-ID)),
    [ 'ReqNotesResponseHeaders Content-',       qr/Content-: that would take content-length too; choose another beginning, such as X-Note-/ ],
    [ 'ReqNotesResponseHeaders X-',             qr/X-: that would take x-content-type-options too/ ],
    [ 'ReqNotesResponseHeaders Sec-',           qr/Sec-: that would take sec-websocket-accept too/ ],
    [ 'ReqNotesResponseHeaders Sec-WebSocket-', qr/that would take sec-websocket-accept too/ ],
    [ 'ReqNotesResponseHeaders Server-',        qr/Server-: that would take server-timing too/ ],
    [ 'ReqNotesResponseHeaders Access-Control-', qr/Access-Control-: that would take access-control-allow-origin too/ ],
    [ 'ReqNotesResponseHeaders Content-Note-',  qr/Content-Note-: that would take content-\.\.\. too/ ],
    [ 'ReqNotesResponseHeaders X-Accel-',       qr/that would take x-accel-redirect too/ ],
    [ 'ReqNotesResponseHeaders Set-',           qr/that would take set-cookie too/ ],
    [ 'ReqNotesResponseHeaders X-B3-',          qr/that would take x-b3-\.\.\. too/ ],
    map({ [ "ReqNotesResponseHeaders $_",       qr/$_: give the beginning of header names, such as X-Note-, or None/ ] } qw(Off On X X-Note Server)),
    [ 'ReqNotesTraceAccept 10.1.2.3/8',         qr{"10.1.2.3/8" has bits of a host behind its prefix; say 10.0.0.0/8, or 10.1.2.3 for that address alone} ],
    [ 'ReqNotesTraceAccept 10.0.0.255/25',      qr{say 10.0.0.128/25,} ],
    [ 'ReqNotesTraceAccept 2001:db8::7/64',     qr{"2001:db8::7/64" has bits of a host behind its prefix; say 2001:db8::/64, or 2001:db8::7 } ],
    [ 'ReqNotesTraceAccept 0.0.0.0/0',          qr{"0.0.0.0/0" is every address; say all} ],
    [ 'ReqNotesTraceAccept ::/0',               qr{"::/0" is every address; say all} ],
    [ 'ReqNotesTraceAccept 10.0.0.0/08',        qr{"10.0.0.0/08" is no network; give none, private, all} ],
    [ 'ReqNotesTraceAccept Off',                qr{"Off" is no network; give none, private, all} ],
    [ 'ReqNotesTraceAccept private ::1 Private', qr/"Private" is given twice/ ],
    [ 'ReqNotesTraceSample 1e-1',               qr/1e-1: the ratio must be a number from 0 to 1/ ],
    [ 'ReqNotesTraceSample .5',                 qr/\.5: the ratio must be a number from 0 to 1/ ],
    [ 'ReqNotesTraceSample Off',                qr/Off: the ratio must be a number from 0 to 1/ ],
    [ 'ReqNotesLineLimit 0512',                 qr/0512: give a number of bytes from 512 to 65536/ ],
    [ 'ReqNotesField a max=064',                qr/max=064: max must be a number of bytes/ ],
    map({ [ "ReqNotesField $_",                 qr/ReqNotesField \Q$_\E: a dot in a field's name stands between two other characters, as in order\.id/ ] } qw(a. a..b a.b. a...)),
    map({ [ "ReqNotesField $_",                 qr/ReqNotesField \Q$_\E: what stands before a dot is built in, .*choose another name/ ] } qw(client.ip time.start status.text trace_id.x)),
    [ "ReqNotesField user\nReqNotesField user.id", qr/RN0015: ReqNotesField user\.id at \S+:\d+: a reader that splits names at dots could not keep it beside user; choose another name, or remove that one with "ReqNotesField !user"/ ],
    [ "ReqNotesField user.id\nReqNotesField user", qr/RN0015: ReqNotesField user at \S+:\d+: .* beside user\.id;/ ],
    [ "ReqNotesField a.b\nReqNotesField a.b.c",  qr/RN0015: ReqNotesField a\.b\.c at .* beside a\.b;/ ],
    [ 'ReqNotesField user_id.name',             qr/RN0015: ReqNotesField user_id\.name at .* beside user_id;/ ],
    [ "ReqNotesField user\n<VirtualHost *:81>\nReqNotesField user.id\n</VirtualHost>", qr/RN0015: ReqNotesField user\.id at .* beside user;/ ],
    [ "ReqNotesField !user_id\nReqNotesField user_id.x\n<VirtualHost *:81>\nReqNotesField user_id\n</VirtualHost>", qr/RN0015: ReqNotesField user_id at .* beside user_id\.x;/ ],
    [ 'ReqNotesField a note:x note:X',          qr/note:X is given twice; give each source once/ ],
    [ 'ReqNotesField a cookie:x user cookie:x', qr/cookie:x is given twice/ ],
    [ 'ReqNotesField a user user',              qr/user is given twice/ ],
    [ 'ReqNotesField a type=int',               qr/type=int: the type must be string, integer, number, boolean, list or json/ ],
    [ 'ReqNotesField a type=',                  qr/the type must be/ ],
    [ 'ReqNotesField a max=3',                  qr/max=3: max must be a number of bytes from 4 to 65535/ ],
    [ 'ReqNotesField a max=65536',              qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=12x',                qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=',                   qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=8 max=9',            qr/given twice/ ],
    [ 'ReqNotesField a logs=',                  qr/logs must be access, error or access,error/ ],
    [ 'ReqNotesField a logs=access,access',     qr/logs must be/ ],
    [ 'ReqNotesField a logs=both',              qr/logs must be/ ],
    [ 'ReqNotesField a secrecy=hash',           qr/secrecy=hash: the options are type=, max=, privacy=, logs=, ecs= and otel=/ ],
    [ 'ReqNotesField a ecs=',                   qr/ReqNotesField a ecs=: a name behind ecs= looks like user\.id/ ],
    [ 'ReqNotesField a ecs=User.id',            qr/a name behind ecs= looks like user\.id/ ],
    [ 'ReqNotesField a ecs=user.',              qr/a name behind ecs= looks like user\.id/ ],
    [ 'ReqNotesField a ecs=a.b ecs=a.c',        qr/an option is given twice/ ],
    map({ [ "ReqNotesField a ecs=$_",           qr/ReqNotesField a ecs=$_: ECS has an object of this name; give a name within it/ ] } qw(user url client error log host service labels)),
    map({ [ "ReqNotesField a ecs=$_",           qr/ReqNotesField a ecs=$_: the line has this name of itself; choose another/ ] } qw(@timestamp message trace.id url.path labels.truncated labels.outcome http.response.body.bytes)),
    map({ [ "ReqNotesField a ecs=$_",           qr/ReqNotesField a ecs=$_: one name is a value where the other is an object/ ] } qw(http.response url.path.first message.text)),
    [ 'ReqNotesField a ecs=labels.b.c',         qr/a label has no dot in its name; write labels\.order_id/ ],
    [ 'ReqNotesField a ecs=user.id',            qr/RN0015: ReqNotesField a at \S+:\d+: in ECS it is user\.id, which cannot be kept beside the user\.id of user_id; give one of them another name with ecs=/ ],
    [ 'ReqNotesField a ecs=user.id.x',          qr/RN0015: .* which cannot be kept beside the user\.id of user_id/ ],
    [ 'ReqNotesField a ecs=labels.api_key',     qr/RN0015: ReqNotesField a at .* beside the labels\.api_key of api_key/ ],
    [ "ReqNotesField a ecs=x.y\nReqNotesField b ecs=x.y", qr/RN0015: ReqNotesField b at .* beside the x\.y of a/ ],
    [ "ReqNotesField a ecs=x\nReqNotesField b ecs=x.y", qr/RN0015: ReqNotesField b at .* beside the x of a/ ],
    [ "ReqNotesField a ecs=x.y\n<VirtualHost *:81>\nReqNotesField b ecs=x\n</VirtualHost>", qr/RN0015: ReqNotesField b at .* beside the x\.y of a/ ],
    [ "ReqNotesField a ecs=labels.b\nReqNotesField b", qr/RN0015: ReqNotesField b at .* beside the labels\.b of a/ ],
    map({ [ "ReqNotesField a.b\nReqNotesField a_b\n$_", qr/RN0015: ReqNotesField a_b at .* in ECS it is labels\.a_b, which cannot be kept beside the labels\.a_b of a\.b/ ] }
        'CustomLog logs/a %^RE', 'LogFormat "%h %^RE" x', "ReqNotes On\nReqNotesErrorLog logs/a ecs", "<VirtualHost *:81>\nCustomLog logs/a \"%^RE\"\n</VirtualHost>"),
    [ 'ReqNotesField a privacy=sha256',         qr/privacy must be plain, hash or last4/ ],
    [ 'ReqNotesField a privacy=hash privacy=hash', qr/given twice/ ],
    [ 'ReqNotesField a privacy=hash',           qr/RN0009: ReqNotesField a privacy=hash at \S+:\d+ needs a key; give its file with ReqNotesHashKey/ ],
    [ 'ReqNotesHashKey',                        qr/takes 1-2 arguments, a file with the key/ ],
    [ 'ReqNotesHashKey /no/such/key',           qr{ReqNotesHashKey /no/such/key: it cannot be opened: No such file} ],
    [ "<VirtualHost *>\nReqNotesHashKey conf/key\n</VirtualHost>", qr/ReqNotesHashKey cannot occur within <VirtualHost/ ],
    [ "ReqNotesField a\nReqNotesField a user",  qr/ReqNotesField a user: contradicts "ReqNotesField a" on line \d+ of/ ],
    [ "ReqNotesField a\nReqNotesField !a",      qr/contradicts/ ],
    [ 'ReqNotesField !a note:x',                qr/nothing may follow a removal/ ],
    [ 'ReqNotesField !',                        qr/a field's name/ ],
    [ join("\n", map { "ReqNotesField a$_" } 1 .. 62), qr/a62 at \S+:\d+: a server can have at most 64 fields/ ],
    [ 'ReqNotesTraceAccept',                    qr/give none, private, all, or addresses/ ],
    [ 'ReqNotesTraceAccept none private',       qr/none must stand alone/ ],
    [ 'ReqNotesTraceAccept private all',        qr/all must stand alone/ ],
    [ 'ReqNotesTraceAccept 10.0.0.0/33',        qr{"10.0.0.0/33" is no network} ],
    [ 'ReqNotesTraceAccept 10.1',               qr/"10.1" is no network/ ],
    [ 'ReqNotesTraceAccept ::1/129',            qr{"::1/129" is no network} ],
    [ 'ReqNotesTraceAccept localhost',          qr/"localhost" is no network/ ],
    [ 'ReqNotesTraceAccept 10.0.0.0/8x',        qr/is no network/ ],
    [ "ReqNotesTraceAccept none\nReqNotesTraceAccept all", qr/contradicts/ ],
    [ 'ReqNotesTraceFormats',                   qr/give tracecontext, b3 and b3multi/ ],
    [ 'ReqNotesTraceFormats w3c',               qr/w3c: give tracecontext/ ],
    [ 'ReqNotesTraceFormats b3 b3',             qr/at most once/ ],
    [ 'ReqNotesTraceSample 1.1',                qr/1\.1: the ratio must be a number from 0 to 1/ ],
    [ 'ReqNotesTraceSample -1',                 qr/from 0 to 1/ ],
    [ 'ReqNotesTraceSample 10%',                qr/from 0 to 1/ ],
    [ 'ReqNotesTraceSample 0.5x',               qr/from 0 to 1/ ],
    [ 'ReqNotesTraceSample',                    qr/takes one argument/ ],
    [ 'ReqNotesTraceResponse',                  qr/give response headers/ ],
    [ 'ReqNotesTraceResponse "X Y"',            qr/"X Y" cannot carry an id/ ],
    [ 'ReqNotesTraceResponse None X-Id',        qr/None must stand alone/ ],
    [ 'ReqNotesTraceResponse X-Id x-id',        qr/"x-id" is given twice/ ],
    [ 'ReqNotesRequestId "X Id"',               qr/give the name of one request header/ ],
    [ 'ReqNotesRequestId X-A X-B',              qr/takes one argument/ ],
    [ 'ReqNotesLineLimit 511',                  qr/511: give a number of bytes from 512 to 65536/ ],
    [ 'ReqNotesLineLimit 65537',                qr/from 512 to 65536/ ],
    [ 'ReqNotesLineLimit 4k',                   qr/4k: give a number of bytes/ ],
    [ 'ReqNotesLineLimit -1',                   qr/-1: give a number of bytes/ ],
    [ 'ReqNotesLineLimit',                      qr/takes one argument, 512 to 65536/ ],
    [ "ReqNotesLineLimit 512\nReqNotesLineLimit 513", qr/contradicts/ ],
    [ "ReqNotes On\nThreadStackSize 65536\nReqNotesErrorLog logs/e", qr/RN0011: ThreadStackSize 65536 is too little for ReqNotesErrorLog with a ReqNotesLineLimit of 4096; give at least 86016/ ],
    [ 'ReqNotesMetric',                         qr/give a metric's name, then its options/ ],
    [ 'ReqNotesMetric Api',                     qr/ReqNotesMetric Api: a metric's name is a lower-case letter and up to 39 more/ ],
    [ 'ReqNotesMetric a api_method',            qr/a api_method: the options are by=, values=, sum=, buckets= and series=/ ],
    [ 'ReqNotesMetric a series=0',              qr/series=0: series must be a number from 1 to 10000/ ],
    [ 'ReqNotesMetric a series=5 series=5',     qr/an option is given twice/ ],
    [ 'ReqNotesMetric a by=vhost,vhost',        qr/one name is given twice/ ],
    [ 'ReqNotesMetric a by=a,b,c,d',            qr/by can name at most three/ ],
    [ 'ReqNotesMetric a values=x',              qr/values= is for the last one of by=; give that too/ ],
    [ 'ReqNotesMetric a buckets=0.7',           qr/buckets=0\.7: buckets must be seconds from 0\.0001 to 100/ ],
    [ 'ReqNotesMetric a buckets=2,1',           qr/buckets must rise/ ],
    [ 'ReqNotesMetric a by=nothing',            qr/RN0028: ReqNotesMetric a at \S+:\d+: nothing is no field; declare it with ReqNotesField/ ],
    [ "ReqNotesField x request:X\nReqNotesMetric a by=x", qr/RN0028: ReqNotesMetric a at \S+:\d+: x can come from the client/ ],
    [ "ReqNotesField x note:a cookie:b\nReqNotesMetric a by=x,vhost values=y", qr/RN0028: .*: x can come from the client, .* name it last in by=/ ],
    [ "ReqNotesField x user\nReqNotesMetric a by=x", qr/RN0028: .*: x can come from the client/ ],
    [ "ReqNotesField x logs=error\nReqNotesMetric a by=x", qr/RN0028: .*: x is left out of access lines by logs=error/ ],
    [ "ReqNotesField a.b\nReqNotesField a_b\nReqNotesMetric a by=a.b,a_b", qr/RN0028: .*: a_b is the same label as another/ ],
    [ "ReqNotesField le\nReqNotesMetric a by=le", qr/RN0028: .*: le is a label that Prometheus has of its own/ ],
    [ 'ReqNotesMetric a sum=api_key',           qr/RN0028: .*: api_key cannot be added up; declare it with type=integer or type=number/ ],
    [ "ReqNotesHashKey \@DIR\@/conf/a.key\nReqNotesField x type=integer privacy=last4\nReqNotesMetric a sum=x", qr/RN0028: .*: x cannot be added up|ReqNotesHashKey/ ],
    [ "ReqNotesField requests type=integer\nReqNotesMetric a sum=requests", qr/RN0028: .*: (?:requests is what a metric has of itself|a_requests)/ ],
    [ "ReqNotesField b_requests type=integer\nReqNotesMetric a sum=b_requests\nReqNotesMetric a_b", qr/RN0028: ReqNotesMetric a_b at .*: a_b_requests would be written for another metric or field too/ ],
    [ "ReqNotesField a.b type=integer\nReqNotesField a_b type=integer\nReqNotesMetric a sum=a.b,a_b", qr/RN0028: .*: a_a_b\w* would be written/ ],
    [ "ReqNotesField x type=integer\nReqNotesField x_count type=integer\nReqNotesMetric a sum=x,x_count", qr/RN0028: .*: a_x_count would be written/ ],
    [ "ReqNotesField total type=integer\nReqNotesMetric series_other sum=total", qr/RN0028: .*: series_other_total would be written/ ],
    [ "ReqNotesField quantile\nReqNotesMetric a by=quantile", qr/RN0028: .*: quantile is a label that Prometheus has of its own/ ],
    [ 'ReqNotesMetric workers',                 qr/RN0028: .*: workers is the name of other families/ ],
    [ "ReqNotesMetric a series=10000\nReqNotesMetric b series=10000", qr/RN0028: .*: all metrics together have more than 20000 series/ ],
    [ "ReqNotesMetric a\nReqNotesMetric a series=2", qr/contradicts/ ],
    [ "<VirtualHost *:1>\nReqNotesMetric a\n</VirtualHost>", qr/ReqNotesMetric cannot occur within <VirtualHost>/ ],
    [ 'ReqNotesBusiest',                        qr/give names of fields, such as user_id/ ],
    [ 'ReqNotesBusiest keys=100',               qr/give names of fields/ ],
    [ 'ReqNotesBusiest user_id keys=63',        qr/keys=63: keys must be a number from 64 to 65536/ ],
    [ 'ReqNotesBusiest user_id user_id',        qr/one field is given twice/ ],
    [ 'ReqNotesBusiest a b c d e f g h i',      qr/give at most eight fields/ ],
    [ 'ReqNotesBusiest nobody',                 qr/RN0028: ReqNotesBusiest at \S+:\d+: nobody is no field/ ],
    [ 'ReqNotesMetricFiles',                    qr/give a directory, and then stale= or nothing/ ],
    [ 'ReqNotesMetricFiles a b',                qr/give a directory, and then stale= or nothing/ ],
    [ 'ReqNotesMetricFiles /tmp stale=1',       qr/stale=1: stale must be a number of seconds from 2 to 31536000/ ],
    [ 'ReqNotesMetricFiles conf/httpd.conf',    qr/conf\/httpd.conf: this is no directory/ ],
    [ 'ReqNotesThreshold',                      qr/give a name, a signal, and above= or below=, as in search_errors errors\(api\) above=5%/ ],
    [ 'ReqNotesThreshold a busy',               qr/give a name, a signal, and above= or below=/ ],
    [ 'ReqNotesThreshold A busy above=5',       qr/A busy above=5: a threshold's name is a lower-case letter and up to 39 more/ ],
    [ 'ReqNotesThreshold a bussy above=5',      qr/the signal must be errors\(METRIC\), .* busy, load, file:NAME, age:NAME or tripped/ ],
    [ 'ReqNotesThreshold a busy(http) above=5', qr/the signal must be/ ],
    [ 'ReqNotesThreshold a errors above=5',     qr/the signal must be/ ],
    [ 'ReqNotesThreshold a errors() above=5',   qr/between the brackets a metric's name comes first/ ],
    [ 'ReqNotesThreshold a errors(nix) above=5', qr/RN0028: ReqNotesThreshold a at \S+:\d+: nix is no metric; declare it with ReqNotesMetric/ ],
    [ 'ReqNotesThreshold a errors(http,b) above=5', qr/RN0028: .*: b is the ServerName of no virtual host/ ],
    [ 'ReqNotesThreshold a errors(http,localhost,b) above=5', qr/RN0028: .* has more values than the metric has labels/ ],
    [ "ReqNotesMetric m by=api_method values=x\nReqNotesThreshold a errors(m,y) above=5", qr/RN0028: .*: y is not in values= of the metric/ ],
    [ 'ReqNotesThreshold a file:9 above=5',     qr/a number's name is a letter or _/ ],
    [ 'ReqNotesThreshold a file:queue above=5', qr/RN0028: ReqNotesThreshold a at \S+:\d+: file:queue needs ReqNotesMetricFiles/ ],
    [ 'ReqNotesThreshold a busy over=60',       qr/say from where on it is exceeded, with above= or below=/ ],
    [ 'ReqNotesThreshold a busy above=5 below=2', qr/give above= or below=, and not both/ ],
    [ 'ReqNotesThreshold a busy above=100',     qr/the limit is in percent, and less than 100/ ],
    [ 'ReqNotesThreshold a busy above=5s',      qr/the limit must be a number of percent, such as 5 or 5%/ ],
    [ 'ReqNotesThreshold a p95(http) above=500ms', qr/the limit must be a number of seconds, such as 0\.5 or 0\.5s/ ],
    [ 'ReqNotesThreshold a p95(http) above=500', qr/the limit is in seconds, and less than 100/ ],
    [ 'ReqNotesThreshold a load above=x',       qr/the limit must be a number, such as 10000/ ],
    [ 'ReqNotesThreshold a load above=-1',      qr/the limit cannot be negative/ ],
    [ 'ReqNotesThreshold a load above=1 over=60', qr/over= is for errors, p50, p95, p99, rate and busy/ ],
    [ 'ReqNotesThreshold a busy above=1 least=5', qr/least= is for errors, p50, p95 and p99/ ],
    [ 'ReqNotesThreshold a busy above=1 over=9', qr/over must be a number of seconds from 10 to 3600/ ],
    [ 'ReqNotesThreshold a errors(http) above=1 least=0', qr/least must be a number of requests from 1 to 1000000/ ],
    [ 'ReqNotesThreshold a busy above=5 clear=6', qr/clear= must not be more than above=/ ],
    [ 'ReqNotesThreshold a busy below=5 clear=4', qr/clear= must not be less than below=/ ],
    [ 'ReqNotesThreshold a busy above=5 level=bad', qr/level must be warning or critical/ ],
    [ 'ReqNotesThreshold a busy above=5 why=not', qr/the options are above= or below=, clear=, over=, least= and level=/ ],
    [ 'ReqNotesThreshold a busy above=5 above=5', qr/an option is given twice/ ],
    [ "ReqNotesThreshold a busy above=5\nReqNotesThreshold a busy above=6", qr/contradicts/ ],
    [ "<VirtualHost *:1>\nReqNotesThreshold a busy above=5\n</VirtualHost>", qr/ReqNotesThreshold cannot occur within <VirtualHost>/ ],
    [ join("\n", map { "ReqNotesThreshold t$_ busy above=5" } 1 .. 65), qr/t65 busy above=5: there can be at most 64 thresholds/ ],
    [ 'ReqNotesThreshold json busy above=5',    qr/RN0028: ReqNotesThreshold at \S+:\d+: json is what another answer is called/ ],
    [ 'ReqNotesThresholds /nowhere/at/all',     qr/ReqNotesThresholds \/nowhere\/at\/all: there is no such file/ ],
    [ 'ReqNotesThresholds /tmp',                qr/ReqNotesThresholds \/tmp: it is no regular file/ ],
    [ 'ReqNotesJob',                            qr/give a job's name, which is a lower-case letter/ ],
    [ 'ReqNotesJob thumbs',                     qr/give a job's name, .* and then names of thresholds/ ],
    [ 'ReqNotesJob thumbs retry=5',             qr/give the thresholds that it waits for/ ],
    [ 'ReqNotesJob thumbs nix',                 qr/RN0028: ReqNotesJob thumbs at \S+:\d+: nix is no threshold; declare it with ReqNotesThreshold/ ],
    [ 'ReqNotesJob thumbs a retry=0',           qr/retry must be a number of seconds from 1 to 86400/ ],
    [ 'ReqNotesJob thumbs a a',                 qr/a word is given twice/ ],
    [ "ReqNotesThreshold a busy above=5\nReqNotesJob metrics a", qr/RN0028: ReqNotesJob at \S+:\d+: metrics is what another answer is called/ ],
    [ 'ReqNotesFlags',                          qr/give a file of flags, or None/ ],
    [ 'ReqNotesFlags None by=client',           qr/None must stand alone/ ],
    [ 'ReqNotesFlags f by=note:user',           qr/by= must be cookie:NAME, request:HEADER or client: what is known only later, such as a note or the user/ ],
    [ 'ReqNotesFlags f by=user',                qr/by= must be cookie:NAME/ ],
    [ 'ReqNotesFlags f by=cookie:',             qr/the name behind by= is none/ ],
    [ 'ReqNotesFlags f by=client:x',            qr/by= must be cookie:NAME/ ],
    [ 'ReqNotesFlags f header=a:b',             qr/header= must be the name of a header/ ],
    [ 'ReqNotesFlags f trips=',                 qr/trips= must be a file/ ],
    [ 'ReqNotesFlags f why=not',                qr/the options are by=, header= and trips=/ ],
    [ 'ReqNotesFlags f by=client by=client',    qr/an option is given twice/ ],
    [ 'ReqNotesFlags f header=X-U by=request:x-u', qr/header= is taken away from what clients send, so by= cannot read it/ ],
    [ "ReqNotes On\nReqNotesFlags f trips=a\n<VirtualHost *:1>\nReqNotesFlags f trips=b\n</VirtualHost>", qr/RN0028: ReqNotesFlags at \S+:\d+: \S+\/f has another trips= elsewhere/ ],
    [ join("\n", 'ReqNotes On', map { "<VirtualHost *:$_>\nReqNotesFlags f$_\n</VirtualHost>" } 1 .. 17), qr/RN0028: .*\/f\d+ is one file more than 16/ ],
    [ 'ReqNotesPages maybe',                    qr/ReqNotesPages must be On or Off/ ],
    [ 'ReqNotesMaskQuery',                      qr/give names of parameters, or None/ ],
    [ 'ReqNotesMaskQuery None pin',             qr/None pin: None must stand alone/ ],
    [ 'ReqNotesMaskQuery pin a=b',              qr/"a=b": give plain names with blanks between them/ ],
    [ 'ReqNotesMaskQuery p%69n',                qr/without percent-encoding/ ],
    [ 'ReqNotesMaskQuery ' . 'n' x 65,          qr/at most 64 bytes/ ],
    [ 'ReqNotesMaskQuery *password*',           qr/"\*password\*": a \* stands for what a name begins with/ ],
    [ 'ReqNotesMaskQuery sess*',                qr/\*password means all names that end with it/ ],
    [ 'ReqNotesMaskQuery *',                    qr/give plain names/ ],
    [ 'ReqNotesMaskQuery pin_',                 qr/give plain names/ ],
    [ 'ReqNotesMaskQuery Off',                  qr/"Off": give names of parameters, or None to mask none/ ],
    [ 'ReqNotesMaskQuery On',                   qr/None to mask none/ ],
    [ 'ReqNotesMaskQuery !token',               qr/no name can be taken away/ ],
    [ 'ReqNotesMaskPath',                       qr/give paths such as \/reset\/\*, or None/ ],
    [ 'ReqNotesMaskPath None /a/*',             qr/None must stand alone/ ],
    [ 'ReqNotesMaskPath /reset',                qr/"\/reset": a \* must stand for what is hidden/ ],
    [ 'ReqNotesMaskPath Off',                   qr/give segments of a path/ ],
    [ 'ReqNotesMaskPath /*/a',                  qr/the first segment must say more/ ],
    [ 'ReqNotesMaskPath /a/*b',                 qr/must be the end of its segment/ ],
    [ 'ReqNotesMaskPath /a/*?b',                qr/must be the end of its segment/ ],
    [ 'ReqNotesMaskPath /a%20/*',               qr/when nothing is percent-encoded/ ],
    [ "ReqNotesMaskQuery a\nReqNotesMaskQuery b", qr/contradicts/ ],
    [ 'ReqNotesErrorSummary Maybe',             qr/On or Off/i ],
    [ 'ReqNotesErrorLog',                       qr/give a file, "\|program" or None, then json, ecs or otlp/ ],
    [ 'ReqNotesErrorLog a ecs b',               qr/give a file, "\|program" or None, then json, ecs or otlp/ ],
    [ 'ReqNotesErrorLog logs/a xml',            qr/ReqNotesErrorLog logs\/a xml: "xml" is no format; give json, ecs or otlp/ ],
    [ 'ReqNotesErrorLog None ecs',              qr/None must stand alone/ ],
    [ "ReqNotes On\nReqNotesErrorLog logs/a ecs\n<VirtualHost *:81>\nReqNotesErrorLog logs/a\n</VirtualHost>",
        qr{RN0007: ReqNotesErrorLog logs/a: this log is ecs for one server and json for another; give it one format, or another file} ],
    [ 'ReqNotesErrorLog ""',                    qr/give a file, "\|program" or None/ ],
    [ "ReqNotesErrorLog \"|\t\"",               qr/no program follows/ ],
    [ 'ReqNotesErrorLog " |/bin/cat"',          qr/give a file, "\|program" or None/ ],
    map({ [ qq{ReqNotesErrorLog "$_"},          qr/ReqNotesErrorLog \Q$_\E: no program follows; give one with its full path/ ] }
        '|', '| ', '||', '|$', '||$ '),
    map({ [ "ReqNotesErrorLog $_",              qr/ReqNotesErrorLog $_: this is no file; say None, or .\/$_/ ] } qw(Off off No false)),
    [ 'ReqNotesErrorLog On',                    qr/ReqNotesErrorLog On: this is no file; give a file, or "\|program"/ ],
    map({ [ "ReqNotesErrorLog $_",              qr{ReqNotesErrorLog $_: this is no file; say "\|/usr/bin/logger -t httpd} ] } qw(syslog SYSLOG syslog:local1 syslog:local1:httpd)),
    [ 'ReqNotesErrorLog journald',              qr{this is no file; say "\|/usr/bin/systemd-cat -t httpd"} ],
    [ 'ReqNotesErrorLog stderr',                qr{this is no file; say /dev/stderr} ],
    [ 'ReqNotesErrorLog -',                     qr{this is no file; say /dev/stdout} ],
    [ 'ReqNotesErrorLog logs/',                 qr/ReqNotesErrorLog logs\/: this is the name of a directory; give a file in it/ ],
    [ "ReqNotes On\nReqNotesErrorLog /nowhere/error.json", qr{ReqNotesErrorLog /nowhere/error.json: its directory does not exist; give a file} ],
    [ "ReqNotes On\nReqNotesErrorLog logs",     qr/ReqNotesErrorLog logs: it is a directory; give a file in it/ ],
    [ "ReqNotes On\nReqNotesErrorLog run/socket", qr/ReqNotesErrorLog run\/socket: it is a socket; give "\|program"/ ],
    map({ [ qq{ReqNotes On\nReqNotesErrorLog "$_"}, qr{ReqNotesErrorLog \Q$_\E: there is no such program to run; give one with its full path} ] }
        '|/no/such/program', '||/no/such/program -x', '|/tmp', '|/etc/passwd', "|'/no such' x"),
    [ "ReqNotes On\nReqNotesErrorLog |cat",     qr{ReqNotesErrorLog \|cat: give the program with its full path} ],
    [ "ReqNotes On\nReqNotesErrorLog |no-such-program", qr{ReqNotesErrorLog \|no-such-program: give the program with its full path} ],
    [ "ReqNotesErrorLog logs/a\nReqNotesErrorLog logs/b", qr/contradicts/ ],
    [ "<Location /x>\nReqNotesErrorLog logs/a\n</Location>", qr/not allowed (?:here|in)/ ],
    [ 'ReqNotesResponseHeaders',                qr/takes one argument/ ],
    [ 'ReqNotesResponseHeaders X-Note',         qr/X-Note: give the beginning of header names/ ],
    [ 'ReqNotesResponseHeaders "X Note-"',      qr/give the beginning of header names/ ],
    [ 'ReqNotesResponseHeaders -',              qr/give the beginning of header names/ ],
    [ "<Location /x>\nReqNotes On\n</Location>", qr/not allowed (?:here|in)/ ],
    [ "<Location /x>\nReqNotesField a\n</Location>", qr/not allowed (?:here|in)/ ],
    [ 'LogFormat "%^RX"',                       qr/Unrecognized LogFormat directive/ ],
);
for my $case (@bad) {
    my ($conf, $want) = @$case;
    my ($directive) = $conf =~ /(\w+)[^\n]*(?:\n<.*)?\z/;
    my ($ok, $output) = check($conf);
    my $name = length $conf > 60 ? substr($conf, 0, 60) . '...' : $conf;
    ok !$ok, "bad: $name" =~ s/\n/; /gr;
    like $output, $want, '... and the message says why';
    like $output, qr/ReqNotes\w*|LogFormat/, '... and names the directive';
}

# httpd itself would drop the words behind the 64th, and say nothing.
for my $count (65, 256, 257) {
    $httpd->set_conf("ReqNotesMaskQuery " . join ' ', map { "name$_" } 1 .. $count);
    my $dump = qx{@{[ $httpd->program ]} -t -D DUMP_REQNOTES -f $httpd->{dir}/conf/httpd.conf 2>&1};
    my ($masked) = $dump =~ /^  Masked (.*)/m;
    is $count > 256 ? $dump =~ /: give at most 256 words$/m : $masked =~ / name$count /, 1, "$count words";
}

my @warned = (
    [ 'ReqNotesField !nobody',  qr/RN0001: ReqNotesField !nobody at \S+:\d+ removes nothing/ ],
    [ 'CustomLog logs/x "%{nobody}^RF"', qr/RN0003: CustomLog at \S+:\d+ has %\{nobody\}\^RF/ ],
    [ 'ErrorLogFormat "%{nobody}N %M"',  qr/RN0003: ErrorLogFormat at \S+:\d+ has %\{nobody\}N/ ],
    [ "ReqNotes Off\nReqNotesField a",   qr/RN0004: ReqNotesField a at \S+:\d+ has no effect/ ],
    [ 'ReqNotesAccessLog On',            qr/RN0022: ReqNotesAccessLog On at \S+:\d+ has no effect: no log has env=REQNOTES_ACCESS/ ],
);
for my $case (@warned) {
    my ($conf, $want) = @$case;
    my ($ok, $output) = check("ReqNotes On\n$conf" =~ s/ReqNotes On\n(?=ReqNotes Off)//r);
    ok $ok, "warned: $conf" =~ s/\n/; /gr;
    like $output, $want, '... with a warning';
}

# Loading the module and nothing else changes nothing visible.
{
    my $plain = Httpd->start(conf => <<'CONF', modules => ['lua'],
LuaMapHandler ^/env @DIR@/env.lua handle
CustomLog @DIR@/logs/access.log "%L %{TRACE_ID}e %{trace_id}n %^RJ"
CONF
        files => { 'env.lua' => <<'LUA' });
function handle(r)
    r:puts((r.headers_in["traceparent"] or "-") .. (r.subprocess_env["TRACE_ID"] or "-"))
    return apache2.OK
end
LUA
    is $plain->get('/env')->{content}, '--', 'while ReqNotes is Off, handlers see no trace';
    is $plain->line('access', qr/./), '- - - -', '... and neither does the log';
    $plain->stop;
}

# The shipped files, and every example of the manual.
{
    my $install = File::Temp::tempdir(CLEANUP => 1);
    my $make = qx{make -s install DESTDIR=$install 2>&1};
    is $?, 0, 'make install' or diag $make;
    my ($load) = glob "$install/etc/apache2/mods-available/reqnotes.load";
    my ($file) = glob "$install/etc/apache2/mods-available/reqnotes.conf";
    my $text = do { local (@ARGV, $/) = $load; <> };
    my ($path) = $text =~ /^LoadModule reqnotes_module (\S+)$/m;
    ok -e "$install$path", 'reqnotes.load names the file that was installed';

    my $installed = Httpd->prepare(so => "$install$path", conf => "Include $file\n");
    my ($ok, $output) = $installed->configtest;
    ok $ok, 'the shipped configuration passes' or diag $output;
    my $commented = do { local (@ARGV, $/) = $file; <> };
    $commented =~ s/^(\s*)#(?=ReqNotes)/$1/mg;
    my $key = $installed->add_file('conf/reqnotes.key', 'k' x 64 . "\n");
    chmod 0600, $key;
    $commented =~ s{/etc/apache2/reqnotes\.key}{$key};
    my $thresholds = $installed->add_file('conf/one.thresholds', "ReqNotesThreshold one errors(http) above=5%\n");
    $commented =~ s{/etc/reqnotes/\w+\.thresholds}{$thresholds};
    my $flags = $installed->add_file('conf/one.flags', "one on\n");
    $commented =~ s{/etc/reqnotes/\w+\.flags}{$flags};
    $installed->set_conf($commented);
    ($ok, $output) = $installed->configtest;
    ok $ok, '... and so do its comments' or diag $output;
    unlike $output, qr/RN\d/, '... without a warning';

    my @directives = map { /^(ReqNotes\w*) \(mod_reqnotes/ ? $1 : () } $installed->directives;
    cmp_ok scalar(@directives), '>=', 7, 'httpd -L knows the directives';
    like $commented, qr/^\s*$_ /m, "reqnotes.conf has a line for $_" for @directives;
    # t/88-container.t has the one that is a configuration as a whole.
    my @examples = grep { !/^ServerRoot/ }
        map { Httpd::slurp($_) =~ /^```apache\n(.*?)^```/msg } 'README.md', glob 'docs/*.md';
    cmp_ok scalar(@examples), '>', 25, 'the manual has examples';
    my @modules = qw(proxy proxy_http proxy_fcgi proxy_balancer slotmem_shm lbmethod_byrequests lua
        include cgid wsgi);
    my $server  = Httpd->prepare(modules => \@modules);
    my $without = Httpd->prepare(modules => \@modules, reqnotes => 0);
    local $ENV{APACHE_LOG_DIR} = "$server->{dir}/logs";
    for my $example (@examples) {
        my $name = join ' ', map { s/^ +//r } (split /\n/, $example)[0 .. 1];
        $example =~ s{/etc/apache2/[\w-]+\.key}{$key}g;
        $example =~ s{/etc/reqnotes/\w+\.thresholds}{$thresholds}g;
        $example =~ s{/etc/reqnotes/\w+\.flags}{$flags}g;
        $example =~ s{/usr/local/bin/otlp-send}{/bin/cat}g;
        unlike $example, qr{Log "?logs/}, "example: $name: names a folder that Debian has";
        $server->set_conf(($example =~ /^\s*ReqNotes O/m ? '' : "ReqNotes On\n") . $example);
        ($ok, $output) = $server->configtest;
        ok $ok, '... passes' or diag $output;
        unlike $output, qr/RN\d/, '... without a warning';
        $without->set_conf($example);
        ($ok, $output) = $without->configtest;
        ok $ok, '... and without the module, after a2dismod' or diag $output;
    }
}

done_testing;
