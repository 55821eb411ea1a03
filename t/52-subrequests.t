# What a sub-request makes known is on the line of its request, and on its own error lines.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    if r.notes.header then r.headers_out["X-Note-Api-Key"] = r.notes.header end
    if r.notes.say then r:err(r.notes.say) end
    r.content_type = "text/html"
    r:puts("part\n")
    return apache2.OK
end
LUA

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => [qw(lua include negotiation autoindex)],
        files => {
            'facts.lua'      => $facts,
            'www/one.shtml'  => qq{<!--#include virtual="/facts?user_id=first&order=1" -->\n},
            'www/two.shtml'  => qq{<!--#include virtual="/facts?user_id=first&order=1" -->\n}
                . qq{<!--#include virtual="/facts?user_id=second&header=k" -->\n},
            'www/many.shtml' => join('', map { qq{<!--#include virtual="/facts?user_id=u$_" -->\n} } 1 .. 300),
            'www/nested.shtml' => qq{<!--#include virtual="/one.shtml" -->\n},
            'www/error.shtml'  => qq{<!--#include virtual="/facts?say=after" -->\n},
            'www/failing.shtml' => qq{<!--#include virtual="/broken?user_id=lost" -->\n},
            'www/list/a.txt' => "a\n",
        },
        conf => <<'CONF');
LuaMapHandler ^/facts @DIR@/facts.lua handle
ReqNotes On
ReqNotesField order type=integer
ReqNotesField session cookie:sid
ReqNotesField own env:OWN
ReqNotesResponseHeaders X-Note-
SetEnvIf Request_URI shtml OWN=page
ErrorLogFormat "[%L] [%N] %M"
CustomLog @DIR@/logs/access.log "%^RJ"
AddType text/html .shtml
ErrorDocument 403 /error.shtml
<Directory @DIR@/www>
  Options +Includes +Indexes
  AddOutputFilter INCLUDES .shtml
</Directory>
<Location /denied>
  Require all denied
</Location>
CONF
    my $line = sub { $httpd->get($_[0]); return $httpd->json('access', qr{"path":"$_[0]"}) };

    is_deeply [ @{ $line->('/one.shtml') }{qw(user_id order own)} ], [ 'first', 1, 'page' ],
        'the facts of an include';
    is_deeply [ @{ $line->('/two.shtml') }{qw(user_id order api_key)} ], [ 'second', 1, 'k' ],
        'of several includes the last one counts, field by field; its response headers too';
    is $line->('/many.shtml')->{user_id}, 'u300', 'of three hundred as well';
    is $line->('/nested.shtml')->{user_id}, 'first', 'an include of an include';
    ok $line->('/list/'), 'a listing, whose sub-requests never run';

    $httpd->get('/one.shtml?n=1', { Cookie => 'sid=s1' });
    is $httpd->json('access', qr/n=1/)->{session}, 's1', 'the cookie of the client';

    # The request itself knows more about itself than its parts do.
    my $page = $line->('/denied');
    is $page->{status}, 403, 'an ErrorDocument with an include';
    my $error = $httpd->line('error', qr/\] after$/);
    like $error, qr/^\[$page->{trace_id}\] \[own=page\] after$/,
        'the error line of an include in it has the trace and the facts of the request';
    $httpd->stop;
});

subtest 'PHP virtual()' => sub {
    my $httpd = Httpd->start(php => 1,
        files => {
            'www/page.php' => "<?php\nvirtual('/part.php');\nerror_log('later');\n",
            'www/own.php'  => "<?php\napache_note('user_id', 'page');\nvirtual('/part.php');\n",
            'www/part.php' => "<?php\napache_note('user_id', 'part');\nerror_log('within');\n",
        },
        conf => <<'CONF');
ReqNotes On
ErrorLogFormat "[%L] [%N] %M"
CustomLog @DIR@/logs/access.log "%^RJ"
CONF
    $httpd->get('/page.php');
    my $line = $httpd->json('access', qr/page/);
    is $line->{user_id}, 'part', 'a note of the part is on the line';
    like $httpd->line('error', qr/within/), qr/^\[$line->{trace_id}\] \[user_id=part\] within/,
        '... on its own error line';
    like $httpd->line('error', qr/later/), qr/^\[$line->{trace_id}\] \[user_id=part\] later/,
        '... and on those of the page after it';
    $httpd->get('/own.php');
    is $httpd->json('access', qr/own/)->{user_id}, 'page', 'the note of the page counts for more';
    $httpd->stop;
};

done_testing;
