# ErrorDocument and other internal redirects: the facts and the trace stay with the request.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    if r.notes.code then return tonumber(r.notes.code) end
    return apache2.OK
end

function page(r)
    r.notes["page"] = "error page"
    r.notes["either"] = "from the page"
    r:err("page " .. (r.subprocess_env["TRACE_ID"] or "-") .. " " .. (r.notes["trace_id"] or "-"))
    r:puts("page\n")
    return apache2.OK
end
LUA

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => [qw(lua include)],
        files => {
            'facts.lua'           => $facts,
            'www/dir/index.html'  => "index\n",
            'www/ssi.shtml'       => qq{<!--#include virtual="/page" -->\n},
            'www/part.txt'        => "part\n",
        },
        conf => <<'CONF');
LuaMapHandler ^/facts @DIR@/facts.lua handle
LuaMapHandler ^/page @DIR@/facts.lua page
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/plain.log "%L %{TRACE_ID}e %{trace_id}n %{user_id}^RF"
ErrorLogFormat "[%L] [%N] %M"
ReqNotes On
ReqNotesField page
ReqNotesField either
ErrorDocument 500 /page?from=500
ErrorDocument 404 /page
DirectoryIndex index.html
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
  RewriteEngine On
  RewriteRule ^moved$ /page [L]
</Directory>
CONF
    my $response = $httpd->request('POST', '/facts?user_id=5555&either=first&code=500', {}, 'body');
    is $response->{content}, "page\n", 'the ErrorDocument is sent';
    my $json = $httpd->json('access', qr/either=first/);
    is $json->{user_id}, '5555',          'a note of the first leg is on the line';
    is $json->{page},    'error page',    'a note of the last leg too';
    is $json->{either},  'from the page', 'where both have one, the last leg wins';
    is $json->{status},  500,             'the final status';
    is_deeply [ @$json{qw(method path query)} ],
        [ 'POST', '/facts', 'user_id=5555&either=first&code=***' ], 'what the client asked for';
    is $httpd->line('plain', qr/5555/), join(' ', ($json->{trace_id}) x 3, '5555'),
        'one trace ID in every spelling';
    like $httpd->line('error', qr/page/),
        qr/^\[$json->{trace_id}\] \[user_id=5555 page="error page" either="from the page"\] page $json->{trace_id} $json->{trace_id}$/,
        'the error line of the last leg has the facts of the first, and its handler the trace';
    like $json->{span_id}, qr/^[0-9a-f]{16}$/, 'the redirect is no span of its own';
    ok !exists $json->{parent_span_id}, '... and no parent';

    $httpd->get('/missing');
    is $httpd->json('access', qr/missing/)->{page}, 'error page', 'a 404 by a handlerless request';
    $httpd->get('/dir/');
    $json = $httpd->json('access', qr{"/dir/"});
    is_deeply [ @$json{qw(status path bytes)} ], [ 200, '/dir/', 6 ], 'DirectoryIndex';
    $httpd->get('/moved');
    $json = $httpd->json('access', qr{"/moved"});
    is_deeply [ @$json{qw(status path page)} ], [ 200, '/moved', 'error page' ],
        'a rewrite in a directory';
    $httpd->get('/ssi.shtml');
    $json = $httpd->json('access', qr/ssi/);
    ok +(grep { /^\[$json->{trace_id}\] \[.*\] page $json->{trace_id} $json->{trace_id}$/ }
        $httpd->lines('error')), 'a sub-request has the trace of its request, in note and environment';
    $httpd->stop;
});

done_testing;
