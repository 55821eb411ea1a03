# ReqNotesMaskQuery: no secret of a URL is in any line of ours.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $lua = <<'LUA';
function handle(r)
  r:warn("cannot serve " .. r.the_request .. " for " .. (r.headers_in["Referer"] or ""))
  r.notes["user_id"] = "5555"
  return apache2.OK
end
LUA

my $conf = <<'CONF';
ErrorLogFormat "%M"
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ReqNotesErrorLog @DIR@/logs/messages.log
LuaMapHandler ^/warn @DIR@/warn.lua handle
ErrorDocument 404 /missing
<Directory "@DIR@/www">
  AllowOverride FileInfo
</Directory>
CONF

sub server {
    my ($more, %args) = @_;
    return Httpd->start(modules => ['lua'], conf => $conf . $more, %args,
        files => { 'warn.lua' => $lua, 'www/x' => 'x', 'www/missing' => 'm', %{ $args{files} || {} } });
}

# The lines of ours: of the error log, those whose text this module made.
sub ours {
    my ($httpd) = @_;
    return ((map { $httpd->lines($_) } qw(access logfmt messages)),
        grep { /RN0006/ } $httpd->lines('error'));
}

subtest 'the default names, in every spelling and place' => sub {
    my $httpd = server('');
    my @names = qw(password passwd token access_token api_key secret signature apikey api-key client_secret
        httpd_password sig X-Amz-Signature SAMLResponse code jwt otp pin pwd ticket PHPSESSID auth_code user[pin]);
    my @queries = (
        (map { "a=1&$_=hidden&b=2" } @names),
        (map { uc . '=hidden' } @names),
        'pass%77ord=hidden', '%70%61%73%73%77%64=hidden&a=1', 'pass%2577ord=hidden',
        'token=hidden1&token=hidden2&a=1&token=hidden3',
        'user[password]=hidden', 'token%5B%5D=hidden', 'api.key=hidden',
        'next=%2Flogin%3Fpassword%3Dhidden', 'next=/login?password=hidden',
        'a=1;token=hidden', 'token=hidden;hidden', 'token=hidden/hidden', 'token=hidden=hidden',
        'password%00x=hidden', 'a=b#token=hidden/hidden', 'token="hidden', 'token=hidden<hidden>hidden',
        'api[key=hidden', 'token%00/=hidden', 'token%00%26=hidden', 'token[%2F]=hidden', 'token/=hidden', 'api%20key=hidden',
        'u=http%3A%2F%2Fhid%3Aden%40h%2F', 'u=http://hid:den@h/', 'password2=hidden', 'x=1[token]=hidden',
        'token=%26hidden', 'token=hidden%00hidden', "token=hid\xffden",
    );
    for my $query (@queries) {
        $httpd->get("/warn?$query", { Referer => "http://h/warn?$query" });
        $httpd->get("/nowhere?$query");
        $httpd->raw("GET /x?$query HTTP/1.1\r\n\r\n");  # refused: no Host
    }
    $httpd->get('/warn/token=hidden/x;password=hidden;v=1');
    $httpd->get('/warn?token&password=&a=b');
    my ($last) = $httpd->wait_lines('access', qr/token&password=/);
    $httpd->wait_lines('access', qr/./, 3 * @queries + 2);

    my @ours = ours($httpd);
    cmp_ok scalar(@ours), '>', 8 * @queries, scalar(@ours) . ' lines';
    is_deeply [ grep { /hid/ } @ours ], [], '... and no secret in any';
    is from_json($last)->{query}, 'token&password=***&a=b', 'a name without a value, and an empty one';

    my @data = map { from_json($_) } $httpd->lines('access');
    my ($first) = grep { $_->{path} eq '/warn' } @data;
    is $first->{query}, 'a=1&password=***&b=2', 'the rest of a query is as it was';
    is $first->{referer}, 'http://h/warn?a=1&password=***&b=2', '... and that of a referer';
    my ($path) = grep { $_->{path} =~ m{^/warn/} } @data;
    is $path->{path}, '/warn/token=***/x;password=***;v=1', '... and that of a path';
    my ($message) = grep { $_->{message} =~ /cannot serve/ } map { from_json($_) } $httpd->lines('messages');
    is $message->{message}, 'cannot serve GET /warn?a=1&password=*** HTTP/1.1'
        . ' for http://h/warn?a=1&password=***', '... and that of a message';
    my ($closing) = grep { m{path="?/warn/token} } $httpd->lines('error');
    like $closing, qr{RN0006: .*path="?/warn/token=\*\*\*/x;password=\*\*\*;v=1.*first=.*token=\*\*\*},
        '... and that of a closing line';
    $httpd->stop;
};

subtest 'names of ones own, place by place' => sub {
    my $httpd = server(<<'CONF', files => { 'www/inner/x' => 'x', 'www/inner/.htaccess' => "ReqNotesMaskQuery size\n" });
ReqNotesMaskQuery Color
<Location /debug>
  ReqNotesMaskQuery None
</Location>
<Location /debug/half>
  ReqNotesMaskQuery album.id
</Location>
<VirtualHost *>
  ServerName one
</VirtualHost>
<VirtualHost *>
  ServerName two
  ReqNotesMaskQuery None
</VirtualHost>
CONF
    my $all = 'color=1&password=2&size=3&album_id=4';
    my %want = (
        '/x'            => 'color=***&password=***&size=3&album_id=4',
        '/inner/x'      => 'color=***&password=***&size=***&album_id=4',
        '/debug/x'      => $all,
        '/debug/half/x' => 'color=1&password=2&size=3&album_id=***',
    );
    for my $path (sort keys %want) {
        $httpd->get("$path?$all", { Host => 'one' });
        my $got = $httpd->json('access', qr{"path":"$path"});
        # Of a redirect (a page that is not there), each place counts.
        my $want = $path =~ /debug/ ? qr/^color=\*\*\*&password=\*\*\*/ : qr/^\Q$want{$path}\E$/;
        like $got->{query}, $want, $path;
    }
    $httpd->get("/x?$all", { Host => 'two' });
    is $httpd->json('access', qr/"vhost":"two"/)->{query}, $all, 'None in a virtual host';
    $httpd->stop;

    $httpd = server(<<'CONF', files => { 'www/debug/x' => 'x', 'www/debug/half/x' => 'x' });
ReqNotesMaskQuery Color
<Location /debug>
  ReqNotesMaskQuery None
</Location>
<Location /debug/half>
  ReqNotesMaskQuery album.id
</Location>
CONF
    for my $path (grep { /debug/ } sort keys %want) {
        $httpd->get("$path?$all");
        is $httpd->json('access', qr{"path":"$path"})->{query}, $want{$path}, "$path without a redirect";
    }
    $httpd->stop;
};

subtest 'a sub-request has the names of its own place' => sub {
    my $httpd = Httpd->start(modules => [qw(lua include)], conf => $conf . <<'CONF', files => { 'warn.lua' => $lua, 'www/missing' => 'm',
Options +Includes
AddOutputFilter INCLUDES .shtml
LuaMapHandler ^/inner @DIR@/warn.lua inner
<Location /inner>
  ReqNotesMaskQuery color
</Location>
CONF
        'www/page.shtml' => '<!--#include virtual="/inner?color=hidden" -->' });
    $httpd->add_file('warn.lua', $lua . <<'LUA');
function inner(r)
  r:warn("included with " .. (r.args or ""))
  r.notes["user_id"] = "5555"
  return apache2.OK
end
LUA
    $httpd->get('/page.shtml');
    like $httpd->line('error', qr/RN0006/), qr/included with color=\*\*\*/, 'the closing line';
    like $httpd->line('messages', qr/included/), qr/included with color=\*\*\*/, 'the JSON error log';
    is_deeply [ grep { /hidden/ } ours($httpd) ], [], 'no secret';
    $httpd->stop;
};

subtest 'messages of modules, and refused requests' => sub {
    my $httpd = server(<<'CONF', modules => [qw(lua rewrite)]);
LogLevel rewrite:trace3
RewriteEngine On
RewriteRule ^/rw$ /x?token=hidden&b=1 [QSA]
ReqNotesMaskQuery pin
<Location /app>
  ReqNotesMaskQuery album
</Location>
CONF
    $httpd->get('/rw?password=hidden');
    $httpd->get('/app/%zz?pin=hidden&album=hidden');
    $httpd->raw("GET /app?pin=hidden&album=hidden HTTP/1.1\r\n\r\n");
    $httpd->get('/x?album=seen');
    $httpd->wait_lines('access', qr/./, 4);
    cmp_ok scalar(grep { /token=\*\*\*/ } $httpd->lines('messages')), '>', 0, 'mod_rewrite tells of the token';
    is_deeply [ grep { /hidden/ } ours($httpd) ], [], '... without its value, nor one of a place that may have been meant';
    is scalar(grep { /album=seen/ } $httpd->lines('access')), 1, 'names of other places do not count where the place is known';
    $httpd->stop;
};

# Places of which httpd loses sight: a fast redirect replaces what they say, and a request that is
# refused on the way to a file never has it.
subtest 'the place that was asked for counts, whatever serves it' => sub {
    my $places = <<'CONF';
ReqNotesTraceResponse None
<Location "/account">
  ReqNotesMaskQuery color
  ReqNotesMaskPath /reset/*
  ReqNotesTraceResponse X-Request-Id
</Location>
<Location "/app">
  ReqNotesMaskQuery size
</Location>
<Directory "@DIR@/www/account">
  FallbackResource /app/index.html
</Directory>
<Directory "@DIR@/www/account/index">
  FallbackResource disabled
  DirectoryIndex /app/index.html
</Directory>
CONF
    my $httpd = Httpd->start(modules => [qw(lua dir include)], conf => $conf . <<"CONF", files => {
$places
LuaMapHandler ^/warn \@DIR\@/warn.lua handle
Options +Includes
AddOutputFilter INCLUDES .shtml
CONF
        'warn.lua' => $lua, 'www/missing' => 'm', 'www/app/index.html' => 'app', 'www/account/x' => 'x',
        'www/account/index/x' => 'x', 'www/account/broken/.htaccess' => "Nonsense\n", 'www/account/broken/x' => 'x',
        'www/page.shtml' => '<!--#include virtual="/account/index/?color=hidden&size=hidden" -->' });
    my %paths = (
        '/account/x'                => 200,
        '/account/route'            => 200,
        '/account/index/'           => 200,
        '/account/broken/x'         => 500,
        '/account/' . 'n' x 300     => 403,
        '/account/a%2Fb'            => 404,
        '/account/%zz'              => 400,
        '/account/reset/hidden'     => 200,
    );
    for my $path (sort keys %paths) {
        my $reply = $httpd->get("$path?color=hidden", { Referer => "http://hid:den\@h/?color=hidden" });
        my $name = length $path > 40 ? 'a name that is too long' : $path;
        is $reply->{status}, $paths{$path}, "$name";
        # An ErrorDocument is a place of its own; and httpd refuses %zz before any place.
        next if $paths{$path} == 404 || $paths{$path} == 400;
        like $reply->{headers}{'x-request-id'}, qr/^[0-9a-f]{32}$/, '... its trace ID is told';
    }
    my @lines = $httpd->wait_lines('access', qr/./, scalar keys %paths);
    is scalar(@lines), scalar(keys %paths), 'a line each';
    is_deeply [ grep { /hid/ } ours($httpd) ], [], '... without a secret';
    is $httpd->json('access', qr{"path":"/account/reset})->{path}, '/account/reset/***', 'a segment is hidden';
    $httpd->get('/x?color=seen&size=seen');
    is $httpd->json('access', qr{"path":"/x"})->{query}, 'color=seen&size=seen', 'other places are as ever';
    is $httpd->get('/app/index.html')->{headers}{'x-request-id'}, undef, '... and tell no trace ID';
    $httpd->get('/page.shtml');
    is_deeply [ grep { /hid/ } ours($httpd) ], [], 'a sub-request with a fast redirect';
    $httpd->stop;
};

subtest 'None counts where it is sure' => sub {
    my $conf = <<'CONF';
<Location "/debug">
  ReqNotesMaskQuery None
</Location>
CONF
    my $httpd = server($conf, files => { 'www/debug/x' => 'x' });
    $httpd->get('/debug/x?token=seen');
    $httpd->get('/debug/%zz?token=hidden');
    is $httpd->json('access', qr{"path":"/debug/x"})->{query}, 'token=seen', 'in its place';
    is $httpd->json('access', qr{zz})->{query}, 'token=***', 'not where the place is not known';
    $httpd->stop;

    $httpd = server("ReqNotesMaskQuery None\n$conf");
    $httpd->get('/%zz?token=seen');
    is $httpd->json('access', qr{zz})->{query}, 'token=seen', 'but where it holds everywhere';
    $httpd->stop;
};

done_testing;
