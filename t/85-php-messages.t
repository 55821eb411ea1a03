# What PHP-FPM says is in the JSON error log message by message, and in httpd's own as httpd wrote it.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use Test::More;

my $page = <<'PHP';
<?php
header('X-Note-User-Id: 5555');
class Shop { function pay() { throw new LogicException('no money'); } }
switch ($_GET['do']) {
    case 'mixed':
        error_log('one');
        echo $nothing;
        trigger_error('old', E_USER_DEPRECATED);
        trigger_error('look');
        error_log("two\nlines\r\n\tand 'quotes', \\x41");
        (new Shop)->pay();
    case 'records':
        error_log('before');
        echo str_repeat('.', 10000);
        flush();
        error_log('between');
        echo '.';
        flush();
        trigger_error('after', E_USER_WARNING);
        break;
    case 'fatal':
        trigger_error('enough', E_USER_ERROR);
    case 'empty':
        error_log('');
        error_log('x');
        break;
    case 'many':
        for ($n = 0; $n < $_GET['times']; ++$n) error_log("number $n " . str_repeat('.', (int) $_GET['pad']));
        trigger_error('the end', E_USER_ERROR);
    case 'long':
        error_log('first');
        trigger_error(str_repeat('long ', $_GET['times']), E_USER_WARNING);
        error_log('last');
        break;
    case 'imitation':
        error_log('a; PHP message: PHP Fatal error:  fake; PHP message: AH00001: b; PHP message: '
            . '","trace_id":"00000000000000000000000000000000","user_id":"root"} user_id=root');
        break;
    case 'utf8':
        error_log("z\xC3\xAB; PHP message: \xC3");
        error_log("\xAB\x1B[2J\x7F");
        break;
    case 'separators':
        error_log(str_repeat('; PHP message: ', 600));
        break;
    case 'secrets':
        error_log('sent token=abc1');
        error_log('password: abc2 wrong');
        error_log('Cookie: a=abc3');
        error_log('Cookie: a; PHP message: session=abc4; PHP message: b=abc5');
        trigger_error("{\"api_key\":\"abc6; PHP message: abc7\"}\nseen", E_USER_WARNING);
        break;
}
PHP

my $conf = <<'CONF';
LogLevel error
ErrorLogFormat "[%L] %M"
LuaMapHandler ^/say @DIR@/say.lua handle
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
ReqNotesErrorSummary Off
ReqNotesLineLimit 32768
CustomLog @DIR@/logs/access.log "%^RJ"
<Location /page.php/summary>
  ReqNotesErrorSummary On
</Location>
<VirtualHost *:@PORT@>
  ServerName with
  ReqNotes On
  ReqNotesErrorLog logs/json.log
  CustomLog @DIR@/logs/access.log "%^RJ"
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName without
  ErrorLog @DIR@/logs/without.log
  ErrorLogFormat "[--------------------------------] %M"
</VirtualHost>
CONF

my $asked = 0;

# The records of one request, at least `count`, each as [level, message].
sub said {
    my ($httpd, $count, $uri, %header) = @_;
    ++$asked;
    $uri .= ($uri =~ /\?/ ? '&' : '?') . "asked=$asked";
    $httpd->get($uri, { Host => 'with', %header });
    $httpd->get($uri, { Host => 'without' });
    my $access = $httpd->json('access', qr/asked=$asked"/);
    return map { from_json($_) } $httpd->wait_lines('json', qr/"trace_id":"$access->{trace_id}"/, $count);
}
sub told { return [ map { [ $_->{level}, $_->{message} // '' ] } @_ ] }

# Both logs have the same texts, and the ordinary one is as it is without the module.
#   odd  requests whose messages are no texts, or masked
sub check_whole {
    my ($httpd, $odd) = @_;
    my @with = grep { /^\[[0-9a-f]{32}\] AH01071/ } $httpd->lines('error');
    my @without = grep { /^\[-+\] AH01071/ } $httpd->lines('without');
    is_deeply [ map { s/^\S+ //r } @with ], [ map { s/^\S+ //r } @without ],
        'the ordinary error log is as it is without the module, to the byte';
    my %odd = map { $_->{trace_id} => 1 } map { from_json($_) } grep { $_ =~ $odd } $httpd->lines('access');
    my (%want, %got);
    for (@with) {
        my ($id, $text) = /^\[(\S+)\] AH01071: Got error '(.*)/ or next;
        $text =~ s/\\(?:x([0-9a-f]{2})|(.))/defined $1 ? chr hex $1 : { n => "\n", r => "\r", t => "\t" }->{$2} || $2/ge;
        push @{ $want{$id} }, $text =~ s/^(?:; )?PHP message: //r =~ s/'$//r unless $odd{$id};
    }
    my %time;
    for (map { from_json($_) } grep { /"module":"proxy_fcgi"/ } $httpd->lines('json')) {
        push @{ $time{ $_->{trace_id} }{ $_->{time} } }, $_->{message} // '' unless $odd{ $_->{trace_id} };
    }
    for my $id (keys %time) {
        $got{$id} = [ map { join '; PHP message: ', @{ $time{$id}{$_} } } sort keys %{ $time{$id} } ];
        s/^Got error '(.*?)['\n]?\z/$1/s for @{ $got{$id} };
    }
    is_deeply \%got, \%want, '... and both have the same texts, in the same order';
    is_deeply [ grep { !eval { from_json($_) } || /"truncated"/ } $httpd->lines('json') ], [], '... every record is JSON';
}

my $httpd = Httpd->prepare(modules => [qw(lua proxy proxy_fcgi)],
    files => {
        'www/page.php'  => $page,
        'www/parse.php' => "<?php\n\$x = ;\n",
        'say.lua'       => <<'LUA',
function handle(r)
    r:err("AH01071: Got error 'PHP message: one; PHP message: PHP Warning:  two'")
    return apache2.OK
end
LUA
    },
    conf => $conf);
start_fpm($httpd);
$httpd->run or BAIL_OUT($httpd->{output});

my @mixed = said($httpd, 6, '/page.php?do=mixed');
my $file = "$httpd->{dir}/www/page.php";
is_deeply told(@mixed), [
    [ 'notice', 'one' ],
    [ 'warn',   "PHP Warning:  Undefined variable \$nothing in $file on line 7" ],
    [ 'notice', "PHP Deprecated:  old in $file on line 8" ],
    [ 'notice', "PHP Notice:  look in $file on line 9" ],
    [ 'notice', "two\nlines\r\n\tand 'quotes', \\x41" ],
    [ 'error',  "PHP Fatal error:  Uncaught LogicException: no money in $file:3\nStack trace:\n"
        . "#0 $file(11): Shop->pay()\n#1 {main}\n  thrown in $file on line 3" ],
], 'each message is a record, in order, at the level that PHP gave it, with its stack trace';
my %ids = map { (join ' ', @$_{qw(trace_id span_id user_id code module path client parsed)}) => 1 } @mixed;
my $access = $httpd->json('access', qr/do=mixed/);
is_deeply [ keys %ids ],
    [ "$access->{trace_id} $access->{span_id} 5555 AH01071 proxy_fcgi /page.php 127.0.0.1 php-fpm" ],
    '... with the trace and the facts of the request, and the mark that it was taken apart';

is_deeply told(said($httpd, 3, '/page.php?do=records')),
    [ [ 'notice', 'before' ], [ 'notice', 'between' ], [ 'warn', "PHP Warning:  after in $file on line 19" ] ],
    'messages in several records of FastCGI';
is_deeply told(said($httpd, 1, '/page.php?do=fatal')), [ [ 'error', "PHP Fatal error:  enough in $file on line 22" ] ],
    'E_USER_ERROR';
like told(said($httpd, 1, '/parse.php'))->[0][1], qr/^PHP Parse error:  syntax error/, 'a page that does not parse';
is_deeply told(said($httpd, 2, '/page.php?do=empty')), [ [ 'notice', '' ], [ 'notice', 'x' ] ], 'an empty message';

my @other = said($httpd, 1, '/missing.php');
is_deeply told(@other), [ [ 'error', "Got error 'Primary script unknown'" ] ], 'what is no message of PHP';
ok !exists $other[0]{parsed}, '... stays as it is';
@other = said($httpd, 1, '/say');
is_deeply [ @{ $other[0] }{qw(level message parsed)} ],
    [ 'error', "Got error 'PHP message: one; PHP message: PHP Warning:  two'", undef ],
    'a message of another module, though it looks like one of mod_proxy_fcgi';

my @many = said($httpd, 61, '/page.php?do=many&times=60&pad=10');
is_deeply told(@many), [ (map { [ 'notice', "number $_ .........." ] } 0 .. 59),
    [ 'error', "PHP Fatal error:  the end in $file on line 29" ] ], 'sixty notices and a fatal error';
@many = said($httpd, 64, '/page.php?do=many&times=80&pad=10');
is_deeply told(@many[ 0 .. 62 ]), [ map { [ 'notice', "number $_ .........." ] } 0 .. 62 ], 'more than 64: the first of them';
is $many[63]{level}, 'error', '... the 64th has what is left, at the level of httpd';
like $many[63]{message}, qr/^number 63 .*; PHP message: number 64 .*; PHP message: PHP Fatal error:  the end/, '... whole';
is scalar(@many), 64, '... and is the last';

# 40 KB of messages are more than a request may hold.
@many = sort { $a->{time} cmp $b->{time} } said($httpd, 277, '/page.php?do=many&times=300&pad=120');
is_deeply [ @{ $many[-1] }{qw(level message)} ], [ 'error', "PHP Fatal error:  the end in $file on line 29" ],
    'the last of three hundred';

my @imitation = said($httpd, 4, '/page.php?do=imitation');
is_deeply told(@imitation), [
    [ 'notice', 'a' ], [ 'error', 'PHP Fatal error:  fake' ], [ 'notice', 'AH00001: b' ],
    [ 'notice', '","trace_id":"00000000000000000000000000000000","user_id":"root"} user_id=root' ],
], 'a text that imitates others gains records and their levels';
is_deeply [ map { "$_->{code} $_->{user_id}" } @imitation ], [ ('AH01071 5555') x 4 ], '... no code and no fact';
is_deeply told(said($httpd, 3, '/page.php?do=utf8')),
    [ [ 'notice', "z\x{eb}" ], [ 'notice', "\x{fffd}" ], [ 'notice', "\x{fffd}\e[2J\x7f" ] ], 'broken UTF-8';
my @separators = said($httpd, 64, '/page.php?do=separators');
is scalar(@separators), 64, 'nothing but what stands between messages';
is $separators[63]{level}, 'error', '... has no level of its own in the end';

my @secrets = said($httpd, 8, '/page.php?do=secrets');
is_deeply told(@secrets), [
    [ 'notice', 'sent token=***' ], [ 'notice', 'password: *** wrong' ], [ 'notice', 'Cookie: ***' ],
    [ 'notice', '***' ], [ 'notice', '***' ], [ 'notice', '***' ],
    [ 'warn', '***' ], [ 'notice', "***\nseen in $file on line 51" ],
], 'secrets are masked, whatever looks like the end of a message';
# Ids are hexadecimal, and may look like a secret.
is_deeply [ grep { s/"\w+_id":"[0-9a-f]+"//gr =~ /abc\d/ } $httpd->lines("json") ], [], "... all of them";

said($httpd, 6, '/page.php/summary?do=mixed');
like $httpd->line('error', qr/RN0006/), qr{path=/page\.php/summary messages=1 first="AH01071: Got error 'PHP message: one; PHP message: PHP W},
    'the closing line counts the message of httpd';

check_whole($httpd, qr{do=(?:utf8|secrets)|"/say"});
$httpd->stop;

subtest 'messages that are longer than the buffers' => sub {
    my $httpd = Httpd->prepare(modules => [qw(lua proxy proxy_fcgi)],
        files => { 'www/page.php' => $page, 'say.lua' => '' }, conf => $conf);
    start_fpm($httpd, log_limit => 65536);
    $httpd->run or BAIL_OUT($httpd->{output});
    for my $times (200, 1600, 20000) {
        my @long = sort { $a->{time} cmp $b->{time} } said($httpd, 3, "/page.php?do=long&times=$times");
        my %level = (first => 'notice', 'PHP W' => 'warn', last => 'notice');
        is_deeply [ grep { $_->{level} ne ($level{ substr $_->{message}, 0, 5 } // 'error') } @long ], [],
            "5 * $times bytes: what has lost its beginning is at the level of httpd";
        like $long[1]{message}, qr/^PHP Warning:  (?:long ){200}/, '... the beginning at its own';
        is_deeply [ map { $_->{user_id} // '' } @long[ 0, 1 ] ], [ 5555, 5555 ], '... with the facts';
    }
    check_whole($httpd, qr/^$/);
    $httpd->stop;
};

done_testing;
