# Nothing grows faster than its input: four times as much of anything that a client, a backend or an
# application sends costs four times as much memory and work, and not sixteen times.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

plan skip_all => 'a sanitizer has allocations of its own' if $ENV{REQNOTES_PRELOAD};

my $script = <<'SHELL';
#!/bin/sh
case "$QUERY_STRING" in *same*) format='X-Note-User-Id: %d\n' ;; *) format='X-Note-Order-%d: value\n' ;; esac
printf "$format" $(seq ${QUERY_STRING%%[!0-9]*})
case "$SCRIPT_NAME" in
  /cgi/from) printf 'Location: /cgi/to?%s\n\n' "$QUERY_STRING" ;;
  *) printf 'Content-Type: text/plain\n\nend\n' ;;
esac
SHELL

my $lua = <<'LUA';
function handle(r)
    local what, count = r.uri:match("^/lua/(%a+)"), tonumber(r.args:match("^%d+"))
    for n = 1, count do
        if what == "notes" or what == "both" then r.notes["user_idea" .. n] = "value" end
        if what == "both" then r.headers_out["X-Note-User-Id-" .. n] = "value" end
        if what == "messages" then r:err("token=" .. n) end
    end
    if what == "equal" then r:err(string.rep("a=", count)) end
    if what == "secret" then r:err(string.rep("token=b&", count)) end
    if what == "urls" then r:err(string.rep("://", count)) end
    if what == "users" then r:err(string.rep("http://u:p@h/?", count)) end
    if what == "ends" then r:err(string.rep("@", count)) end
    if what == "quotes" then r:err("token=" .. string.rep('"', count)) end
    if what == "brackets" then r:err(string.rep("[", count) .. "=") end
    if what == "percent" then r:err(string.rep("%25", count) .. "3d") end
    if what == "long" then r.notes["user_id"] = string.rep("\1", count) end
    r:puts("end\n")
    return apache2.OK
end
LUA

# One interim response with many headers, or many with one.
my $service = <<'PYTHON';
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        count = int(self.path.split("?")[1].split("&")[0])
        header = b"X-Note-User-Id: value\r\n"
        early = b"HTTP/1.1 103 Early\r\nX-Kept: yes\r\n"
        if "/one" in self.path: out = early + header * count + b"\r\n"
        else: out = (early + header + b"\r\n") * count
        # Said, so that httpd does not use the connection again as it ends.
        self.wfile.write(out + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nend\n")
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
PYTHON

my $httpd = Httpd->prepare(so => "$ENV{PWD}/build/growth/mod_reqnotes.so", mpm => 'prefork',
    preload => "$ENV{PWD}/build/growth.so", modules => [qw(cgi lua include proxy proxy_http)],
    files => {
        'cgi/from' => $script, 'cgi/to' => $script, 'work.lua' => $lua, 'www/part.txt' => "part\n",
        map { ("www/$_.shtml" => qq{<!--#include virtual="/part.txt" -->\n} x $_ . "end\n") } 100, 400,
    },
    conf => <<'CONF');
StartServers 1
MinSpareServers 1
MaxSpareServers 1
MaxRequestWorkers 1
KeepAlive Off
LimitRequestLine 400000
LimitRequestFieldSize 400000
LimitRequestFields 0
ReqNotes On
ReqNotesField session cookie:sid request:Nobody
ReqNotesField order note:order note:order_1
ReqNotesField claim request:X-Claim type=json max=65535
ReqNotesRequestId X-Request-Id
ReqNotesTraceFormats tracecontext b3 b3multi
ReqNotesErrorLog logs/error.json
CustomLog @DIR@/logs/access.log "%^RJ %^RL"
ErrorLogFormat "[%L] %M [%N]"
ScriptAlias /cgi/ @DIR@/cgi/
<Directory @DIR@/cgi>
  Require all granted
</Directory>
LuaMapHandler ^/lua/ @DIR@/work.lua handle
ProxyPass /proxy/ http://127.0.0.1:@PORT2@/
<LocationMatch ^/(cgi/to|lua|proxy)>
  ReqNotesResponseHeaders X-Note-
</LocationMatch>
AddType text/html .shtml
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
<VirtualHost *>
</VirtualHost>
<VirtualHost *>
  ServerName fields
FIELDS</VirtualHost>
<VirtualHost *>
  ServerName off
  ReqNotes Off
</VirtualHost>
CONF
my $fields = join '', map { "  ReqNotesField f$_ note:f$_ env:F$_\n" } 1 .. 50;
$httpd->set_conf($httpd->{conf} =~ s/FIELDS/$fields/r);
my $file = $httpd->add_file('run/counts', "\0" x 16);
chmod 0666, $file;
$ENV{REQNOTES_GROWTH} = $file;
start_python($httpd, $httpd->{port2}, $service);
$httpd->run or BAIL_OUT($httpd->{output});

# What a request costs: bytes of pools and steps of the module. The only child has ended a request
# when it answers the next one.
sub cost {
    my ($host, $path, %headers) = @_;
    my $ask = sub { return $httpd->request('GET', $_[0], { Host => $host, %headers }) };
    %headers = ('User-Agent' => 'test', %headers);
    my @before = unpack 'QQ', Httpd::slurp($file);
    my $response = $ask->($path);
    $httpd->get('/part.txt');
    my @after = unpack 'QQ', Httpd::slurp($file);
    return ($after[0] - $before[0], $after[1] - $before[1], $response);
}

# The cheapest of five, as what comes through pipes and sockets comes in pieces of any size.
sub least { return @{ (sort { $a->[0] <=> $b->[0] } map { [ cost(@_) ] } 1 .. 5)[0] } }

# What is sent, at a size, as a path and headers, and how many bytes of input that is for each.
my @kinds = (
    [ 'words of Connection',       4000, 2, sub { ('/part.txt', Connection => 'a,' x $_[0]) } ],
    [ '... with one of ours',      4000, 2, sub { ('/part.txt', Connection => 'a,' x $_[0] . 'traceparent') } ],
    [ '... all of them ours',      4000, 3, sub { ('/part.txt', Connection => 'b3,' x $_[0]) } ],
    [ 'members of tracestate',     4000, 4, sub { ('/part.txt', tracestate => 'a=b,' x $_[0], traceparent => '00-' . '1' x 32 . '-' . '2' x 16 . '-01') } ],
    [ '... empty ones',            4000, 1, sub { ('/part.txt', tracestate => ',' x $_[0], traceparent => '00-' . '1' x 32 . '-' . '2' x 16 . '-01') } ],
    [ 'repeated trace headers',    1000, 20, sub { ('/part.txt', map { ($_ => [ ('a=b') x $_[0] ]) } qw(tracestate traceparent b3 X-B3-TraceId)) } ],
    [ 'request headers',           2000, 12, sub { my $n = shift; ('/part.txt', map { ("X-H$_" => 'v') } 1 .. $n) } ],
    [ 'cookies',                   4000, 8, sub { ('/part.txt', Cookie => join '; ', map { "c$_=v" } 1 .. $_[0]) } ],
    [ 'a path',                    4000, 2, sub { ('/' . 'a/' x $_[0]) } ],
    [ 'parameters',                4000, 8, sub { ('/part.txt?' . 'token=x&' x $_[0]) } ],
    [ 'parameters of the referer', 4000, 8, sub { ('/part.txt', Referer => 'http://x/?' . 'token=x&' x $_[0]) } ],
    [ 'an array of a fact that is JSON', 4000, 2, sub { ('/part.txt', 'X-Claim' => '[1' . ',1' x $_[0] . ']') } ],
    [ '... names of its objects',  450, 60, sub { ('/part.txt', 'X-Claim' => '[{}' . join('', map { ',{"a":1,"b":2,"c":{"d":3},"e":[]}' } 1 .. $_[0]) . ']') } ],
    [ '... and what is none',      4000, 1, sub { ('/part.txt', 'X-Claim' => '[' x $_[0]) } ],
    [ 'a user agent',              8000, 1, sub { ('/part.txt', 'User-Agent' => "\xff" x $_[0]) } ],
    [ 'a request id',              8000, 1, sub { ('/part.txt', 'X-Request-Id' => 'i' x $_[0]) } ],
    [ 'headers of a backend',      1000, 24, sub { ("/cgi/to?$_[0]") } ],
    [ '... of one name',           1000, 20, sub { ("/cgi/to?$_[0]same") } ],
    [ '... that redirects',        1000, 48, sub { ("/cgi/from?$_[0]") } ],
    [ '... of one name',           1000, 40, sub { ("/cgi/from?$_[0]same") } ],
    [ 'an early response',         400,  24, sub { ("/proxy/one?$_[0]") } ],
    [ 'early responses',           2,    64, sub { ("/proxy/many?$_[0]") } ],
    [ 'notes',                     1000, 24, sub { ("/lua/notes?$_[0]") } ],
    [ 'notes and headers',         1000, 48, sub { ("/lua/both?$_[0]") } ],
    [ 'a long note',               8000, 1, sub { ("/lua/long?$_[0]") } ],
    [ 'messages',                  100,  12, sub { ("/lua/messages?$_[0]") } ],
    [ 'messages, many fields',     100,  12, sub { ("/lua/messages?$_[0]", Host => 'fields') } ],
    [ 'a message of assignments',  800,  2, sub { ("/lua/equal?$_[0]") } ],
    [ '... of secrets',            200,  8, sub { ("/lua/secret?$_[0]") } ],
    [ '... of schemes',            600,  3, sub { ("/lua/urls?$_[0]") } ],
    [ '... of URLs with users',    120,  14, sub { ("/lua/users?$_[0]") } ],
    [ '... of @',                  1900, 1, sub { ("/lua/ends?$_[0]") } ],
    [ '... of quotes',             1900, 1, sub { ("/lua/quotes?$_[0]") } ],
    [ '... of brackets',           1900, 1, sub { ("/lua/brackets?$_[0]") } ],
    [ '... of encoded signs',      600,  3, sub { ("/lua/percent?$_[0]") } ],
    [ 'includes',                  100,  40, sub { ("/$_[0].shtml") } ],
);
cost('x', '/part.txt') for 1 .. 3;
for my $kind (@kinds) {
    my ($name, $size, $unit, $ask) = @$kind;
    my (@bytes, @steps, @status);
    # What comes in more pieces costs more, and never less: on a busy machine the cheapest takes
    # longer to come.
    for my $round (1 .. 5) {
        my $at = 0;
        for my $times (1, 4) {
            my ($path, %headers) = $ask->($size * $times);
            my ($on, $steps, $response) = least(delete $headers{Host} || 'x', $path, %headers);
            my ($off) = least('off', $path, %headers);
            my ($old_on, $old_off) = @{ $bytes[$at] || [ $on, $off ] };
            $bytes[$at] = [ $on < $old_on ? $on : $old_on, $off < $old_off ? $off : $old_off ];
            $steps[$at] = $steps if !defined $steps[$at] || $steps < $steps[$at];
            $status[$at++] = $response->{status} || 500;
        }
        last if $bytes[1][0] - $bytes[1][1] - $bytes[0][0] + $bytes[0][1] < 8192 + 4 * 3 * $size * $unit;
    }
    cmp_ok $status[$_], '<', 500, "$name, " . (1, 4)[$_] . ' times' for 0, 1;
    @bytes = map { $_->[0] - $_->[1] } @bytes;
    my $each = ($bytes[1] - $bytes[0]) / (3 * $size * $unit);
    my $more = $steps[1] / $steps[0];
    note sprintf '%-26s %.1f bytes of pool for each byte, %.1f times the steps', $name, $each, $more;
    # A block more or less is no growth: what comes from a backend comes in pieces of any size.
    cmp_ok $bytes[1] - $bytes[0], '<', 8192 + 4 * 3 * $size * $unit, "$name: memory";
    cmp_ok $more, '<', 6, "$name: work";
}
$httpd->stop;

done_testing;
