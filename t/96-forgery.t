# A client cannot make a fact: whatever it sends, its lines have no user that the application did
# not name, for whoever reads the fields, and for a grep in the JSON logs.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua'], conf => <<'CONF', files => { 'facts.lua' => <<'LUA' });
ErrorLogFormat "[%N] %M"
LogLevel debug
ReqNotes On
ReqNotesResponseHeaders X-Note-
ReqNotesRequestId X-Request-Id
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ReqNotesErrorLog @DIR@/logs/messages.log
LuaMapHandler ^/known @DIR@/facts.lua known
LuaMapHandler ^/ @DIR@/facts.lua unknown
CONF
function unknown(r)
  r:warn("asked for " .. r.unparsed_uri .. " by " .. (r.headers_in["User-Agent"] or ""))
  return apache2.OK
end
function known(r)
  r.notes["user_id"] = "5555"
  return unknown(r)
end
LUA
    my @forged = ('"user_id":"5555"', '","user_id":"5555","x":"', 'user_id=5555', '" user_id=5555 x="',
        "\\\" user_id=5555", '\\","user_id":"5555', "\xc2\x85user_id=5555 ", '}{"user_id":"5555"}');
    my $asked = 0;
    for my $text (@forged) {
        (my $url = $text) =~ s/ /\t/g;
        my %headers = (Referer => $text, 'User-Agent' => $text, Cookie => "user_id=5555; $text",
            'X-Note-User-Id' => '5555', 'user_id' => '5555', 'X-Request-Id' => $text);
        $httpd->raw("GET /$_ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n")
            for "a?$url", "$url", "a?n=$url&user_id=5555";
        $httpd->raw("user_id=5555 $text\r\n\r\n");
        $asked += 4;
    }
    my @json   = $httpd->wait_lines('access', qr/./, $asked);
    my @logfmt = $httpd->wait_lines('logfmt', qr/./, $asked);
    is scalar(@json), $asked, 'one JSON line for each request';
    is scalar(@logfmt), $asked, '... and one logfmt line';
    is_deeply [ grep { /"user_id":"5555"/ } @json, $httpd->lines('messages') ], [],
        'a grep finds no such user in the JSON logs';
    is_deeply [ grep { exists from_json($_)->{user_id} } @json, $httpd->lines('messages') ], [],
        '... and neither does a reader';
    is_deeply [ grep { s/"(?:[^"\\]|\\.)*"//gr =~ /\buser_id=/ } @logfmt ], [],
        'outside quotes, no logfmt line has one';
    cmp_ok scalar(grep { /user_id=5555/ } @logfmt), '>', 0, '... though a plain grep finds the words';
    is_deeply [ grep { s/"(?:[^"\\]|\\.)*"//gr =~ /^\[[^\]]*user_id/ } $httpd->lines("error") ], [], '%N names nobody';

    $httpd->get('/known');
    like $httpd->line('access', qr{"path":"/known"}), qr/"user_id":"5555"/, 'the application does name one';
    $httpd->stop;
});

done_testing;
