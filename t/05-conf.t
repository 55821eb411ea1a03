# Configuration mistakes stop configtest, and say what would be right.

use strict;
use warnings;
use lib 't/lib';
use File::Temp;
use Httpd;
use Test::More;

my $httpd = Httpd->prepare(modules => [qw(lua)]);

sub check {
    my ($conf) = @_;
    $httpd->set_conf($conf);
    return $httpd->configtest;
}

my @good = (
    'ReqNotes On',
    'ReqNotes Off',
    "ReqNotes On\nReqNotes On",
    'ReqNotesField user_id',
    'ReqNotesField user.id note:uid user request:X-User response:X-User cookie:uid env:UID',
    'ReqNotesField a expr:"%{REQUEST_METHOD} \\"%{HTTP:X}\\"" type=string',
    'ReqNotesField a "expr:%{REQUEST_METHOD} x"',
    'ReqNotesField a type=integer max=4 logs=error',
    'ReqNotesField a logs=error,access max=65535',
    'ReqNotesField a' . 'b' x 63,
    "ReqNotesField a\n<VirtualHost *:81>\nReqNotesField a user\n</VirtualHost>",
    'ReqNotesField !user_id',
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
    'ReqNotesRequestId X-Request-Id',
    'ReqNotesResponseHeaders X-Note-',
    "<Location /x>\nReqNotesResponseHeaders None\nReqNotesErrorSummary Off\n</Location>",
    'ReqNotesErrorLog logs/error.json',
    'ReqNotesErrorLog "|/bin/cat -u"',
    'ReqNotesErrorLog "|$cat >/dev/null"',
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
    [ "ReqNotes On\nReqNotes Off",              qr/ReqNotes Off: contradicts "ReqNotes On" on line \d+/ ],
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
    [ 'ReqNotesTraceResponse Content-Length',   qr/"Content-Length" has a meaning of its own/ ],
    [ 'ReqNotesTraceResponse Set-Cookie',       qr/"Set-Cookie" has a meaning of its own/ ],
    [ 'ReqNotesResponseHeaders Content-',       qr/Content-: that would take content-length too/ ],
    [ 'ReqNotesResponseHeaders X-',             qr/X-: that would take x-content-type-options too/ ],
    [ 'ReqNotesField a type=int',               qr/type=int: the type must be string, integer, number, boolean or list/ ],
    [ 'ReqNotesField a type=',                  qr/the type must be/ ],
    [ 'ReqNotesField a max=3',                  qr/max=3: max must be a number of bytes from 4 to 65535/ ],
    [ 'ReqNotesField a max=65536',              qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=12x',                qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=',                   qr/from 4 to 65535/ ],
    [ 'ReqNotesField a max=8 max=9',            qr/given twice/ ],
    [ 'ReqNotesField a logs=',                  qr/logs must be access, error or access,error/ ],
    [ 'ReqNotesField a logs=access,access',     qr/logs must be/ ],
    [ 'ReqNotesField a logs=both',              qr/logs must be/ ],
    [ 'ReqNotesField a secrecy=hash',           qr/secrecy=hash: the options are type=, max=, privacy= and logs=/ ],
    [ 'ReqNotesField a privacy=sha256',         qr/privacy must be plain, hash or last4/ ],
    [ 'ReqNotesField a privacy=hash privacy=hash', qr/given twice/ ],
    [ 'ReqNotesField a privacy=hash',           qr/RN0009: ReqNotesField a privacy=hash at \S+:\d+ needs a key; give its file with ReqNotesHashKey/ ],
    [ 'ReqNotesHashKey',                        qr/takes 1-2 arguments, a file with the key/ ],
    [ 'ReqNotesHashKey /no/such/key',           qr{ReqNotesHashKey /no/such/key: it cannot be opened: No such file} ],
    [ "<VirtualHost *>\nReqNotesHashKey conf/key\n</VirtualHost>", qr/ReqNotesHashKey cannot occur within <VirtualHost/ ],
    [ "ReqNotesField a\nReqNotesField a user",  qr/declared already at \S+:\d+/ ],
    [ "ReqNotesField a\nReqNotesField !a",      qr/declared already/ ],
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
    [ 'ReqNotesTraceResponse "X Y"',            qr/"X Y" cannot be the name of a header/ ],
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
    [ 'ReqNotesErrorLog',                       qr/takes one argument, a file, or "\|program"/ ],
    [ 'ReqNotesErrorLog "|"',                   qr/give a file, or "\|program"/ ],
    [ "ReqNotes On\nReqNotesErrorLog /nowhere/error.json", qr{ReqNotesErrorLog /nowhere/error.json: its directory does not exist; give a file} ],
    [ "ReqNotes On\nReqNotesErrorLog logs",     qr/ReqNotesErrorLog logs: it cannot be written/ ],
    [ "ReqNotes On\nReqNotesErrorLog |/no/such/program", qr{ReqNotesErrorLog \|/no/such/program: there is no such program} ],
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

my @warned = (
    [ 'ReqNotesField !nobody',  qr/RN0001: ReqNotesField !nobody at \S+:\d+ removes nothing/ ],
    [ 'CustomLog logs/x "%{nobody}^RF"', qr/RN0003: CustomLog at \S+:\d+ has %\{nobody\}\^RF/ ],
    [ 'ErrorLogFormat "%{nobody}N %M"',  qr/RN0003: ErrorLogFormat at \S+:\d+ has %\{nobody\}N/ ],
    [ "ReqNotes Off\nReqNotesField a",   qr/RN0004: ReqNotesField a at \S+:\d+ has no effect/ ],
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

# The shipped files, and every example of the README.
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
    $commented =~ s/^(\s*)#(?=ReqNotes|ErrorLogFormat)/$1/mg;
    my $key = $installed->add_file('conf/reqnotes.key', 'k' x 64 . "\n");
    chmod 0600, $key;
    $commented =~ s{/etc/apache2/reqnotes\.key}{$key};
    $installed->set_conf("Define APACHE_LOG_DIR \@DIR\@/logs\n$commented");
    ($ok, $output) = $installed->configtest;
    ok $ok, '... and so do its comments' or diag $output;
    unlike $output, qr/RN\d/, '... without a warning';

    my $readme = do { local (@ARGV, $/) = 'README.md'; <> };
    my @directives = map { /^(ReqNotes\w*) \(mod_reqnotes/ ? $1 : () } $installed->directives;
    cmp_ok scalar(@directives), '>=', 7, 'httpd -L knows the directives';
    for my $directive (@directives) {
        like $readme, qr/^### $directive$/m, "the README has a section for $directive";
        like $commented, qr/^\s*$directive /m, '... and reqnotes.conf a line';
    }
    my @examples = $readme =~ /^```apache\n(.*?)^```/msg;
    cmp_ok scalar(@examples), '>', 8, 'the README has examples';
    my $server = Httpd->prepare(modules => [qw(proxy proxy_http proxy_fcgi
        proxy_balancer slotmem_shm lbmethod_byrequests lua include cgid wsgi)]);
    for my $example (@examples) {
        $example =~ s{/etc/apache2/[\w-]+\.key}{$key}g;
        $server->set_conf(($example =~ /^ReqNotes O/m ? '' : "ReqNotes On\n") . $example);
        ($ok, $output) = $server->configtest;
        ok $ok, 'README: ' . (split /\n/, $example)[0] or diag $output;
        unlike $output, qr/RN\d/, '... without a warning';
    }
}

done_testing;
