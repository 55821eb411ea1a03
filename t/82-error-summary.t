# The closing line: the error log names the user even when the user is known only later.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

my %php = (
    'www/fatal.php'   => "<?php\nheader('X-Note-User-Id: 5555');\nno_such_function();\n",
    'www/warning.php' => "<?php\necho \$before;\nheader('X-Note-User-Id: 5555');\necho 'page';\n",
    'www/late.php'    => "<?php\nerror_log('too early');\napache_note('user_id', '5555');\nerror_log('in time');\n",
    'www/intime.php'  => "<?php\napache_note('user_id', '5555');\nerror_log('in time');\n",
    'www/nobody.php'  => "<?php\nerror_log('nobody');\n",
    'www/off/late.php' => "<?php\ntrigger_error('too early', E_USER_WARNING);\napache_note('user_id', '5555');\n",
    'www/error.php'   => "<?php\napache_note('api_method', 'error.page');\n",
);

my $conf = <<'CONF';
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%-m:%l] [%L] [%N] %M"
<Location /off>
  ReqNotesErrorSummary Off
</Location>
CONF

subtest 'PHP-FPM' => sub {
    for my $mpm (qw(event prefork)) {
        my $httpd = Httpd->prepare(mpm => $mpm, modules => [qw(proxy proxy_fcgi)], files => \%php,
            conf => $conf . <<'CONF');
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
CONF
        start_fpm($httpd);
        $httpd->run or BAIL_OUT($httpd->{output});
        for my $case ([ 'fatal', 'Call to undefined function', 500 ], [ 'warning', 'Undefined variable', 200 ]) {
            my ($page, $text, $status) = @$case;
            $httpd->get("/$page.php?q=1");
            my $json = $httpd->json('access', qr/$page/);
            my $closing = $httpd->line('error', qr/RN0006.*$page/);
            like $httpd->line('error', qr/\] AH01071.*$text/), qr/^\[proxy_fcgi:error\] \[$json->{trace_id}\] AH01071/,
                "$page: PHP-FPM speaks before its user is known";
            like $closing, qr/^\[reqnotes:error\] \[$json->{trace_id}\] \[user_id=5555\] RN0006: trace_id=$json->{trace_id} status=$status method=GET path=\/$page\.php messages=1 first="AH01071: .*$text/,
                '... and the closing line names the user, at the level of that message';
            is scalar(my @all = grep { /RN0006.*$page/ } $httpd->lines('error')), 1, '... once';
        }
        $httpd->stop;
    }
};

subtest 'mod_php' => sub {
    my $httpd = Httpd->start(php => 1, modules => ['dir'], files => \%php, conf => $conf . <<'CONF');
ErrorDocument 404 /error.php
php_admin_value error_reporting -1
php_admin_flag log_errors on
php_admin_flag display_errors off
LogLevel info
CONF
    $httpd->get("/$_.php") for qw(intime nobody off/late);
    $httpd->get('/warning.php');
    my $json = $httpd->json('access', qr{"/warning});
    ok $httpd->line('error', qr/Undefined variable/), 'a warning';
    # The header is no note under mod_php without ReqNotesResponseHeaders.
    is_deeply [ grep { /RN0006/ } $httpd->lines('error') ], [],
        'no closing line: nothing was missing, nobody was named, it is off, or it was but a notice';

    $httpd->get('/missing');
    $json = $httpd->json('access', qr/missing/);
    is $json->{api_method}, 'error.page', 'an ErrorDocument that names a fact';
    $httpd->stop;
};

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua', 'include'], conf => <<'CONF',
ReqNotes On
ReqNotesField session cookie:sid
ReqNotesRequestId X-Request-Id
LuaMapHandler ^/late @DIR@/late.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "%-l|%M"
ErrorDocument 503 /late?user_id=page
LogLevel info
AddType text/html .shtml
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
CONF
        files => { 'www/sub.shtml' => qq{<!--#include virtual="/late?warn=within&user_id=sub" -->\n},
            'late.lua' => <<'LUA' });
function handle(r)
    local args = r:parseargs()
    if args.info then r:info(args.info) end
    if args.warn then r:warn(args.warn) end
    if args.err then r:err(args.err) end
    for n = 1, tonumber(args.times or 0) do r:warn("message " .. n) end
    for name, value in pairs(args) do r.notes[name] = value end
    if args.crit then r:crit(args.crit) end
    if args.code then return tonumber(args.code) end
    return apache2.OK
end
LUA
    my $closing = sub {
        my ($path, $headers) = @_;
        $httpd->get($path, $headers);
        $httpd->get('/late?err=fence&user_id=fence');  # whatever was to come has come by then
        my @lines = grep { /RN0006/ && !/first=fence/ } $httpd->lines('error');
        return @lines;
    };
    my @lines = $closing->('/late?warn=w&user_id=1&n=1');
    is scalar(@lines), 1, 'a warning before the fact';
    like $lines[0], qr/^warn\|RN0006: trace_id=\S+ user_id=1 status=200 method=GET path=\/late messages=1 first=w$/, '... at its level';
    @lines = $closing->('/late?warn=w&err=e&crit=c&user_id=2', { 'X-Request-Id' => 'r1', Cookie => 'sid=s1' });
    like $lines[-1], qr/^crit\|RN0006: trace_id=\S+ request_id=r1 user_id=2 session=s1 .* messages=3 first=w$/,
        'several messages: the worst level, the count, the first text, every field';
    my $count = @lines;
    is scalar($closing->('/late?info=i&user_id=3')), $count, 'an info alone closes with nothing';
    is scalar($closing->('/late?crit=c&user_id=4')), $count, 'nor does a message that had its facts';
    is scalar($closing->('/late?warn=w')), $count, 'nor a request without any';
    @lines = $closing->('/late?times=2000&user_id=5');
    like $lines[-1], qr/user_id=5 .* messages=2000 first="message 1"$/, 'two thousand messages, one line';
    @lines = $closing->('/late?warn=%22%5C%0a%1b%5B2J%C3%A9%FF&user_id=6');
    unlike $lines[-1], qr/[\x00-\x1f\x7f-\xff]/, 'odd bytes of a message are escaped';
    @lines = $closing->('/late?err=' . 'x' x 5000 . '&user_id=7');
    like $lines[-1], qr/user_id=7 .* first=x{200,256}$/, 'of a long message the beginning is repeated';
    $count = @lines;
    @lines = $closing->('/late?err=e&code=503');
    like $lines[-1], qr/user_id=page status=503 .*first=e$/, 'the ErrorDocument knows the fact';
    is scalar(@lines), $count + 1, '... one line for all legs';
    @lines = $closing->('/sub.shtml');
    like $lines[-1], qr/user_id=sub status=200 method=GET path=\/sub\.shtml messages=1 first=within$/,
        'the message of a sub-request is one of its request';
    $httpd->stop;
});

subtest 'a backend that refuses connections' => sub {
    my $dead = Httpd::free_port();
    my $httpd = Httpd->start(modules => [qw(proxy proxy_http)], conf => <<"CONF");
ReqNotes On
ReqNotesField user_id cookie:uid
ProxyPass /app http://127.0.0.1:$dead/
CustomLog \@DIR\@/logs/access.log "%^RJ"
ErrorLogFormat "[%N] %M"
CONF
    $httpd->get('/app', { Cookie => 'uid=5555' });
    ok $httpd->line('error', qr/^\[user_id=5555\] AH01114/), 'a user from a cookie is on the line itself';
    ok $httpd->json('access', qr/5555/);
    is_deeply [ grep { /RN0006/ } $httpd->lines('error') ], [], '... and needs no closing line';
    $httpd->stop;
};

my $say = <<'LUA';
function handle(r)
    local args = r:parseargs()
    if args.long then r:err(string.rep(args.of or "x", tonumber(args.long)) .. " end") end
    if args.warn then r:warn(args.warn) end
    for name, value in pairs(args) do r.notes[name] = value end
    if args.after then r:warn(args.after) end
    return apache2.OK
end
LUA

# Whatever is to come has come when a line of the next request is there.
sub closing_lines {
    my ($httpd, $fence) = @_;
    $httpd->get("/say?after=fence$fence");
    $httpd->line('error', qr/fence$fence/);
    return grep { /RN0006/ } $httpd->lines('error');
}

subtest 'only for facts that an error line could have had' => sub {
    my $httpd = Httpd->start(modules => [qw(lua authn_core auth_basic authn_file authz_user)], files => { 'say.lua' => $say, 'www/shut/x' => 'x' }, conf => <<'CONF');
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
ReqNotesField kind response:Content-Type
ReqNotesField agent expr:"%{HTTP:User-Agent} %{REQUEST_STATUS}"
ReqNotesField mixed note:mixed response:X-Answer
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%N] %M"
LogLevel info
Header always set X-Answer 42
<Location /shut>
  Require all denied
</Location>
<Location /login>
  AuthType Basic
  AuthName x
  AuthBasicProvider file
  AuthUserFile @DIR@/none
  Require valid-user
</Location>
CONF
    for (1 .. 50) {
        $httpd->get('/shut/x');
        $httpd->get("/missing$_");
        $httpd->get('/login');
        $httpd->get('/login', { Authorization => 'Basic YTpi' });
        $httpd->get('/say?warn=plain');
    }
    like $httpd->line('access', qr{/shut/x}), qr/"kind":"text.*"agent":"test 403".*"mixed":"42"/, 'fields that are there at the end';
    cmp_ok scalar(my @refused = grep { /AH01630/ } $httpd->lines('error')), '>=', 50, 'messages without them';
    is scalar(closing_lines($httpd, 1)), 0, '... and no closing line for them';
    $httpd->get('/say?warn=w&mixed=yes');
    my @lines = closing_lines($httpd, 2);
    is scalar(@lines), 1, 'one for a note that came later';
    like $lines[0], qr/^\[agent="test 200" mixed=yes\] RN0006: /, '... with every field';
    $httpd->stop;
};

# What the closing line says of a value, and what the access log says.
my @values = (
    [ '5555',        'user_id=5555',          'user_id=5555' ],
    [ 'zoë',         'user_id=zoë',           'user_id=zo\xc3\xab' ],
    [ '日本',        'user_id=日本',          'user_id=\xe6\x97\xa5\xe6\x9c\xac' ],
    [ 'q"x',         'user_id="q\"x"',        'user_id=q"x' ],
    [ 'back\slash',  'user_id=back\slash',    'user_id=back\\\\slash' ],
    [ '\n\x41',      'user_id=\n\x41',        'user_id=\\\\n\\\\x41' ],
    [ 'a b',         'user_id="a b"',         'user_id="a b"' ],
    [ 'a "b" c',     'user_id="a \"b\" c"',   'user_id="a ""b"" c"' ],
    [ '"x status=1', 'user_id="\"x status=1"', 'user_id="""x status=1"' ],
    [ "tab\there",   'user_id="tab\there"',   'user_id=tab\there' ],
);
sub encoded { return join '', map { sprintf '%%%02x', ord } split //, $_[0] }

for my $case ([ 'with %N' => 'ErrorLogFormat "%M [%L] [%N]"' ], [ 'without %N' => '' ],
    [ '%N for debug messages alone' => 'ErrorLogFormat "%M %7N"' ],
    [ 'a virtual host with a format of its own' => <<'CONF' ]) {
ErrorLogFormat "%M"
<VirtualHost *:@PORT@>
  ErrorLogFormat "[%N] %M"
  CustomLog @DIR@/logs/access.log "%^RL"
</VirtualHost>
CONF
    my ($name, $format) = @$case;
    my $by_n = $name !~ /without|debug/;
    subtest "the spelling of facts: $name" => sub {
        my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => <<"CONF");
ReqNotes On
ReqNotesRequestId X-Request-Id
LuaMapHandler ^/say \@DIR\@/say.lua handle
CustomLog \@DIR\@/logs/access.log "%^RL"
LogLevel info
$format
CONF
        my $n = 0;
        for my $case (@values) {
            my ($value, $logfmt, $escaped) = @$case;
            ++$n;
            $httpd->get("/say?warn=n$n.&user_id=" . encoded($value), { 'X-Request-Id' => "r$n" });
            my $line = $httpd->line('error', qr/RN0006.*first=n$n\./);
            like $httpd->line('access', qr/request_id=r$n /), qr/ \Q$logfmt\E /, "$value: in the access log";
            my $spelled = $by_n ? $logfmt : $escaped;
            like $line, qr/[ \[]request_id=r$n \Q$spelled\E[ \]]/, '... and in the error log';
            is scalar(my @twice = $line =~ /\buser_id=/g), 1, '... once';
        }
        $httpd->stop;
    };
}

subtest 'the grep of the manual' => sub {
    my ($recipe) = Httpd::slurp('docs/errors.md') =~ /\n(spelled\(\) \{.*?\n)```/s;
    my ($function, $grep) = ($recipe // '') =~ /\A(.*?\n)\n?(grep .*)\n\z/s or return fail 'there is one';
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => <<'CONF');
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
LogLevel info
CONF
    for my $case (@values) {
        my $value = $case->[0];
        next if $value =~ /[ ="\t]/;
        $httpd->get("/say?warn=w&user_id=" . encoded($value));
        my $command = ($grep =~ s/'[^']*'\)"/'$value')"/r) =~ s{\S+\.log}{$httpd->{dir}/logs/error.log}r;
        wait_until(sub { qx{$function$command} =~ /RN0006/ });
        like scalar(qx{$function$command}), qr/\A[^\n]*RN0006[^\n]*\n\z/, "finds $value";
    }
    $httpd->stop;
};

subtest 'the first message' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => <<'CONF');
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
LogLevel info
CONF
    for my $case ([ 'Ошибка ', 40 ], [ '日', 200 ], [ 'x', 300 ], [ '\\', 300 ]) {
        my ($text, $times) = @$case;
        $httpd->get("/say?long=$times&user_id=u&of=" . encoded($text));
        my ($first) = $httpd->line('error', qr/RN0006.*user_id=u /) =~ / first="?(.*?)"?$/;
        my $plain = $first =~ s/\\(?:x(..)|(\\))/defined $1 ? chr hex $1 : $2/ger;
        is index("$text" x $times . ' end', $plain), 0, "of $text x $times the beginning";
        cmp_ok length $plain, '<=', 256, '... at most 256 bytes of it';
        cmp_ok length $plain, '>', 250, '... and not much less';
        ok utf8::decode($plain), '... cut at a character';
        unlink "$httpd->{dir}/logs/error.log";
        $httpd->end;
        $httpd->run;
    }
    $httpd->stop;
};

subtest 'a secret that what stands behind it tells' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => <<'CONF');
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
LogLevel info
CONF
    my @sizes = map { 950 + 6 * $_ } 0 .. 15;
    $httpd->get('/say?user_id=u&warn=token%3d' . 'x' x $_ . '%20http://user:WORDWORD%40host/') for @sizes;
    my @lines = $httpd->wait_lines('error', qr/RN0006/, scalar @sizes);
    is_deeply [ map { / first=(.*)/ } @lines ], [ ('"token=*** http://***@host/"') x @sizes ], 'wherever a long message is cut';
    $httpd->stop;
};

subtest 'a message that comes before its place is known' => sub {
    for my $log ('', "ReqNotesErrorLog logs/json.log\n") {
        my $httpd = Httpd->start(modules => ['lua'], conf => $log . <<'CONF', files => { 'early.lua' => <<'LUA' });
ReqNotes On
LuaHookTranslateName @DIR@/early.lua early early
LuaMapHandler ^/ @DIR@/early.lua handle
LogLevel warn
<Location /mine>
  ReqNotesMaskQuery mine
</Location>
<Location /other>
  ReqNotesMaskQuery other
</Location>
<Location /none>
  ReqNotesMaskQuery None
</Location>
CONF
function early(r) r:warn("mine=A other=B token=C next=D") return apache2.DECLINED end
function handle(r) r.notes["user_id"] = "u" return apache2.OK end
LUA
        my @places = qw(/mine /none /x);
        $httpd->get($_) for @places;
        my @lines = $httpd->wait_lines('error', qr/RN0006/, scalar @places);
        is_deeply [ map { / first=(.*)/ } @lines ], [ ('"mine=*** other=*** token=*** next=D"') x @places ],
            'is masked by what any place says, ' . ($log ? 'with the JSON error log' : 'without one');
        $httpd->stop;
    }
};

subtest 'messages of places that ask for no closing line' => sub {
    for my $log ('', "ReqNotesErrorLog logs/json.log\n") {
        my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say =~ s/apache2.OK/tonumber(args.code or 0)/r }, conf => $log . <<'CONF');
ReqNotes On
LuaMapHandler ^/(off|on) @DIR@/say.lua handle
LogLevel info
<Location /off>
  ReqNotesErrorSummary Off
  ErrorDocument 503 /on?warn=on&user_id=u
</Location>
<Location /on>
  ErrorDocument 503 /off?warn=off&user_id=u
</Location>
CONF
        my $with = $log ? 'with the JSON error log' : 'without one';
        for my $query ('off?warn=a&code=503', 'off?long=1&of=a&warn=b&code=503', 'on?warn=on&code=503') {
            $httpd->get("/$query");
            my ($place) = $query =~ /(\w+)/;
            like $httpd->line('error', qr/RN0006.*path=\/$place /), qr/:warn\].* messages=1 .*first=on$/, "do not count: $query, $with";
            unlink "$httpd->{dir}/logs/error.log";
            $httpd->end;
            $httpd->run;
        }
        $httpd->stop;
    }
};

subtest 'a message that leaves no room' => sub {
    my $conf = <<'CONF';
ReqNotes On
LuaMapHandler ^/say @DIR@/say.lua handle
ReqNotesField plan env:PLAN
CustomLog @DIR@/logs/access.log "%^RJ"
SetEnvIf Request_URI ^/say PLAN=gold
LogLevel info
CONF
    for my $format ('%M [%L] [%N]', '%M [%N] [%L]', '[%t] [%-m:%l] %M [%L]\ [%N], referer\ %{Referer}i', '%M %N') {
        my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say }, conf => $conf . "ErrorLogFormat \"$format\"\n");
        my ($with, $closed, $wrong) = (0, 0, 0);
        my @lengths = (6000, 8000, 8040, 8050 .. 8190, 8200, 9000);
        my $n = 0;
        for my $length (@lengths) {
            ++$n;
            $httpd->get("/say?long=$length&n=$n", { Referer => 'http://r' });
            my $id = $httpd->json('access', qr/"query":"long=\d+&n=$n"/)->{trace_id};
            my ($line) = ($httpd->wait_lines('error', qr/^(?:\[.*\] )?x{5000}/, $n))[ $n - 1 ];
            my $has = $line =~ /plan=gold(?:\]|$)/ && ($format !~ /%L/ || $line =~ /\[$id\]/);
            my @closing = grep { /RN0006: trace_id=$id/ } $httpd->lines('error');
            ++$with if $has;
            ++$closed if @closing == 1 && $closing[0] =~ /plan=gold/;
            ++$wrong if @closing > 1 || !@closing && !$has || $line =~ /plan=(?!gold(?:[\] ]|$))/ || length $line > 8190;
            diag "$length: ", substr($line, 7900), " closing: @closing" if $wrong == 1;
        }
        is $wrong, 0, "$format: no line of a request without its facts, and none cut";
        cmp_ok $with, '>', 0, '... on most lines themselves';
        cmp_ok $closed, '>', 0, '... or on the closing line';
        cmp_ok $with + $closed - @lengths, '<', 70, '... rarely on both';
        $httpd->stop;
    }
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $say },
        conf => $conf . "ErrorLogFormat \"%M plan=%{plan}N.\"\n");
    $httpd->get("/say?long=$_") for 8000, 8050 .. 8190;
    my @lines = $httpd->wait_lines('error', qr/^x{5000}/, 142);
    is_deeply [ grep { /plan=(?!gold\.)/ } @lines ], [], 'nor is a single one cut';
    cmp_ok scalar(my @whole = grep { /gold/ } @lines), '>', 50, '... though most have room';
    $httpd->stop;
};

done_testing;
