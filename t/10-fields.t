# Facts from every source become typed fields of the access log.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

# Sets every query argument as a note.
my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    r.content_type = "text/plain"
    r.headers_out["X-Build"] = "b17"
    r.err_headers_out["X-Pool"] = "blue"
    r:puts("ok\n")
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LuaMapHandler ^/facts @DIR@/facts.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CustomLog @DIR@/logs/own.log "[%{user_id}^RF] [%{roles}^RF] [%{trace_id}^RF] [%{absent}^RF]"
ReqNotes On
CONF

sub start {
    my ($mpm, $more) = @_;
    return Httpd->start(mpm => $mpm, modules => [qw(lua auth_basic authn_core authn_file authz_user)],
        conf => $conf . $more,
        files => { 'facts.lua' => $facts, 'users' => "ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n" });
}

subtest 'with ReqNotes On alone' => sub {
    my $httpd = start('event', "ReqNotesField absent\n");
    $httpd->get('/facts?user_id=5555&api_key=9f8e&api_method=photos.search&other=1');
    my $line = $httpd->line('access', qr/./);
    my $json = from_json($line);
    is $json->{user_id},    '5555',          'user_id is read from its note';
    is $json->{api_key},    '9f8e',          'api_key too';
    is $json->{api_method}, 'photos.search', 'api_method too';
    ok !exists $json->{other},  'a note that is no field stays out';
    ok !exists $json->{absent}, 'an absent field is left out';
    is_deeply [ $line =~ /"([a-z_]+)":/g ],
        [qw(time trace_id span_id user_id api_key api_method vhost client method path query
            protocol status bytes outcome duration_us user_agent)], 'the keys stand in their order';
    like $json->{time}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'time';
    is $json->{vhost},    'localhost', 'vhost';
    is $json->{client},   '127.0.0.1', 'client';
    is $json->{method},   'GET',       'method';
    is $json->{path},     '/facts',    'path';
    is $json->{query}, 'user_id=5555&api_key=***&api_method=photos.search&other=1', 'query';
    is $json->{protocol}, 'HTTP/1.1',  'protocol';
    like $line, qr/"status":200,"bytes":3,"outcome":"completed","duration_us":\d+,"user_agent":"test"}$/,
        'numbers are numbers, and the user agent ends the line';

    my $logfmt = $httpd->line('logfmt', qr/./);
    like $logfmt, qr/^time=\S+Z trace_id=$json->{trace_id} span_id=$json->{span_id} user_id=5555 api_key=9f8e api_method=photos.search vhost=localhost /,
        'logfmt has the same fields in the same order';
    is $httpd->line('own', qr/./), "[5555] [-] [$json->{trace_id}] [-]",
        'single fields in a LogFormat, with - for an absent one';
    $httpd->stop;
};

each_mpm(sub {
    my $httpd = start(shift, <<'CONF');
SetEnv POOL_SIZE 7
ReqNotesField env     env:POOL_SIZE
ReqNotesField asked   request:Host
ReqNotesField build   response:x-build
ReqNotesField pool    response:X-Pool
ReqNotesField session cookie:sid
ReqNotesField login   user
ReqNotesField twice   expr:"%{REQUEST_METHOD} %{HTTP:X-Two}"
ReqNotesField either  note:first cookie:sid env:POOL_SIZE
ReqNotesField renamed note:Other_Name
<Location /private>
  AuthType Basic
  AuthName private
  AuthBasicProvider file
  AuthUserFile @DIR@/users
  Require valid-user
</Location>
CONF
    my %headers = (Cookie => 'sid2=no; sid=s%201; sid=late', 'X-Two' => 'two words');
    $httpd->get('/facts?other_name=renamed', \%headers);
    my $json = $httpd->json('access', qr/renamed/);
    is $json->{env},     '7',                            'env:';
    is $json->{asked},   "127.0.0.1:$httpd->{port}",     'request:';
    is $json->{build},   'b17',                          'response:';
    is $json->{pool},    'blue',                         'response: of err_headers_out';
    is $json->{session}, 's%201',                        'cookie: the first of its name';
    is $json->{twice},   'GET two words',                'expr:';
    is $json->{either},  's%201',                        'the first source that is present wins';
    is $json->{renamed}, 'renamed',                      'note:';
    ok !exists $json->{login}, 'user is absent without authentication';

    $httpd->get('/facts?first=&n=2');
    $json = $httpd->json('access', qr/n=2/);
    is $json->{either}, '7', 'an empty value is an absent one';
    ok !exists $json->{session}, 'a cookie that is not there';

    $httpd->request('GET', '/private', { Authorization => 'Basic YW5uOnRlc3Q=' });
    is $httpd->json('access', qr{"/private"})->{login}, 'ann', 'user';
    $httpd->stop;
});

subtest 'types' => sub {
    my $httpd = start('event', <<'CONF');
ReqNotesField i type=integer
ReqNotesField n type=number
ReqNotesField b type=boolean
ReqNotesField roles type=list
ReqNotesField s type=string
CONF
    my @cases = (
        [ 'i=42',                   '"i":42',               'i=42',            'an integer' ],
        [ 'i=-7',                   '"i":-7',               'i=-7',            'a negative one' ],
        [ 'i=007',                  '"i":7',                'i=7',             'leading zeros are no JSON' ],
        [ 'i=9223372036854775808',  '"i":"9223372036854775808"', 'i=9223372036854775808', 'beyond 64 bits: text' ],
        [ 'i=12x',                  '"i":"12x"',            'i=12x',           'no integer: text' ],
        [ 'n=1.50e3',               '"n":1.50e3',           'n=1.50e3',        'a number as it came' ],
        [ 'n=1e999',                '"n":"1e999"',          'n=1e999',         'not finite: text' ],
        [ 'n=.5',                   '"n":".5"',             'n=.5',            'no JSON number: text' ],
        [ 'b=Yes',                  '"b":true',             'b=true',          'true' ],
        [ 'b=0',                    '"b":false',            'b=false',         'false' ],
        [ 'b=maybe',                '"b":"maybe"',          'b=maybe',         'no boolean: text' ],
        [ 'roles=a%2C%20b%20c%20%2C%2Cd', '"roles":["a","b c","d"]', 'roles="a, b c ,,d"', 'a list' ],
        [ 'roles=%2C%20%2C',          undef,                  undef,             'a list of nothing is absent' ],
        [ 's=12',                   '"s":"12"',             's=12',            'a string stays one' ],
        [ 's=a%22b%5C',             '"s":"a\\"b\\\\"',      's="a\\"b\\\\"',   'quotes are escaped' ],
    );
    my $count = 0;
    for my $case (@cases) {
        my ($query, $json, $logfmt, $why) = @$case;
        my ($name) = $query =~ /^(\w+)/;
        $httpd->get("/facts?$query");
        ++$count;
        my $got = ($httpd->wait_lines('access', qr/./, $count))[-1];
        ok defined from_json($got), 'the line is JSON';
        my ($value) = $got =~ /("$name":.*),"vhost"/;
        is $value, $json, "$why, in JSON";
        ($value) = ($httpd->wait_lines('logfmt', qr/./, $count))[-1] =~ / ($name=.*) vhost=/;
        is $value, $logfmt, "$why, in logfmt";
    }
    $httpd->stop;
};

subtest 'max and logs' => sub {
    my $httpd = start('event', <<'CONF');
ReqNotesField short max=10
ReqNotesField tiny max=4
ReqNotesField user_id logs=error
ReqNotesField api_key logs=access
ReqNotesField roles type=list max=9
ErrorLogFormat "%N | %M"
LogLevel debug
CONF
    $httpd->get('/facts?short=abcdefghijk&user_id=u&api_key=k&roles=alpha%2Cbeta&n=1');
    my $json = $httpd->json('access', qr/n=1/);
    is $json->{short}, "abcdefg\x{2026}", 'a long value is cut, and the mark still fits';
    is_deeply $json->{roles}, [ 'alpha', "\x{2026}" ], 'a list is cut as text';
    ok !exists $json->{user_id}, 'logs=error keeps a field out of the access log';
    is $json->{api_key}, 'k', 'logs=access';
    is $httpd->line('own', qr/^\[-\]/), "[-] [alpha,...] [$json->{trace_id}] [-]",
        'single fields obey max and logs, and are escaped as httpd escapes its own';

    $httpd->get('/facts?short=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9&n=2');
    is $httpd->json('access', qr/n=2/)->{short}, "\x{e9}\x{e9}\x{e9}\x{2026}",
        'a value is cut between characters';
    $httpd->get('/facts?tiny=%C3%A9%C3%A9%C3%A9&n=4');
    is $httpd->json('access', qr/n=4/)->{tiny}, "\x{2026}", 'a value that is cut to nothing leaves the mark';
    $httpd->get('/facts?short=abcdefghij&n=3');
    is $httpd->json('access', qr/n=3/)->{short}, 'abcdefghij', 'the maximum itself fits';
    $httpd->stop;
};

# What is JSON stands in the line as it is, and never breaks it.
subtest 'type=json' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => <<'LUA' }, conf => <<'CONF');
function handle(r)
    r.notes["claim"] = r:unescape(r:parseargs()["claim"] or "")
    return apache2.OK
end
LUA
ReqNotes On
ReqNotesField claim type=json max=64
ReqNotesErrorLog @DIR@/logs/messages.log
LuaMapHandler ^/say @DIR@/say.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CONF
    my %want = (
        '{"id":7,"roles":["a"]}' => { id => 7, roles => ['a'] },
        '[1, true, null]'        => [ 1, JSON::PP::true(), undef ],
        '{"id":7'                => '{"id":7',
        "[1,\n2]"                => "[1,\n2]",
        '{"a":1,"a":2}'          => '{"a":1,"a":2}',
        '"word"'                 => '"word"',
        '},"user_id":"forged"'   => '},"user_id":"forged"',
        '["' . 'x' x 70 . '"]'   => '["' . 'x' x 58 . "\x{2026}",
    );
    my $at = 0;
    for my $claim (sort keys %want) {
        ++$at;
        $httpd->get("/say?n=$at&claim=" . $claim =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger);
        my $json = $httpd->json('access', qr/n=$at&/);
        is_deeply $json->{claim}, $want{$claim}, 'JSON: ' . $claim =~ s/\n/\\n/r;
        ok !exists $json->{user_id}, '... and no other field';
        my ($logfmt) = $httpd->line('logfmt', qr/n=$at&/) =~ / claim="((?:\\.|[^"\\])*)" /;
        like $logfmt, qr/^[^\x00-\x1f]+$/, '... a text in logfmt';
    }
    $httpd->stop;
};

done_testing;
