# The error log has the facts in the spelling of the access log.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

# Sets every query argument as a note, and then logs.
my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    r:err("something broke")
    return apache2.OK
end
LUA

sub start {
    my ($mpm, $more) = @_;
    return Httpd->start(mpm => $mpm, modules => ['lua'], files => { 'facts.lua' => $facts },
        conf => <<'CONF' . $more);
LuaMapHandler ^/facts @DIR@/facts.lua handle
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/common.log "%h %l %u %L \"%r\" %>s"
ReqNotes On
CONF
}

each_mpm(sub {
    my $httpd = start(shift, <<'CONF');
ReqNotesField roles type=list
ReqNotesField retries type=integer
ReqNotesField secret logs=access
ReqNotesField agent expr:"%{REQUEST_METHOD} %{HTTP:User-Agent}"
ReqNotesRequestId X-Request-Id
ErrorLogFormat "[%t] [%L] [%N] [one:%{user_id}N] [%{trace_id}N] %M"
CONF
    $httpd->get('/facts?user_id=5555&api_key=a%20b&roles=x,y&retries=007&secret=s&n=1',
        { 'X-Request-Id' => 'r-1' });
    my $json = $httpd->json('access', qr/n=1/);
    my $line = $httpd->line('error', qr/something broke/);
    like $line, qr/\[request_id=r-1 user_id=5555 api_key="a b" roles=x,y retries=7 agent="GET test"\]/,
        'every field in logfmt, as the access log has it';
    like $line, qr/\] \[$json->{trace_id}\] \[request_id/, '%L is the trace ID';
    like $line, qr/\[one:5555\] \[$json->{trace_id}\] something broke$/, 'single fields';
    is $httpd->line('common', qr/n=1/) =~ / - - (\S+) / && $1, $json->{trace_id},
        '%L is the trace ID in an ordinary access log too';

    $httpd->get('/facts?n=2');
    my @lines = $httpd->wait_lines('error', qr/something broke/, 2);
    like $lines[1], qr/\[[0-9a-f]{32}\] \[agent="GET test"\] \[[0-9a-f]{32}\] something broke$/,
        'what is not known is left out, with the brackets around it';
    $httpd->get('/quiet');
    like $httpd->line('common', qr/quiet/), qr/ - - [0-9a-f]{32} /,
        '%L of a request that logged no error';
    $httpd->stop;
});

subtest 'a message always finds room' => sub {
    my $httpd = start('event', <<'CONF');
ReqNotesField long max=65535
ReqNotesField wide max=65535
ErrorLogFormat "[%L] [%N] [%{long}N] %M"
CONF
    my $long = 'l' x 3000;
    my $wide = '%01' x 900;
    $httpd->get("/facts?long=$long&wide=$wide&user_id=5555");
    my $line = $httpd->line('error', qr/something broke/);
    my ($fields) = $line =~ /^\[[0-9a-f]{32}\] \[(user_id=5555 .*? truncated=true)\] /;
    ok $fields, 'long fields are cut, short ones are kept, and the line says so';
    cmp_ok length $fields, '<=', 2048, '... within 2,048 bytes';
    cmp_ok length $fields, '>', 2000, '... of which it makes use';
    $httpd->stop;
};

subtest 'once-per-request lines stay' => sub {
    my $httpd = start('event', <<'CONF');
ErrorLogFormat "[%L] %M"
ErrorLogFormat request "[%L] request %{Referer}i"
CONF
    $httpd->get('/facts?n=1', { Referer => 'http://before' });
    my $json = $httpd->json('access', qr/n=1/);
    ok $httpd->line('error', qr{^\[$json->{trace_id}\] request http://before}),
        'ErrorLogFormat request still works, with the trace ID';
    $httpd->stop;
};

subtest 'beside mod_unique_id' => sub {
    my $httpd = Httpd->start(modules => [qw(lua unique_id)], files => { 'facts.lua' => $facts },
        conf => <<'CONF');
LuaMapHandler ^/facts @DIR@/facts.lua handle
CustomLog @DIR@/logs/access.log "%L %{UNIQUE_ID}e %{trace_id}^RF"
ErrorLogFormat "[%L] %M"
ReqNotes On
CONF
    $httpd->get('/facts');
    my ($log_id, $unique_id, $trace_id) = split / /, $httpd->line('access', qr/./);
    is $log_id, $trace_id, '%L is the trace ID';
    ok $httpd->line('error', qr/^\[$trace_id\] something broke/), '... in both logs';
    isnt $unique_id, '-', 'UNIQUE_ID is still there';
    $httpd->stop;
};

# The shipped format. What fail2ban's filters want ahead of a message stands in apache-common.conf.
for my $mpm (qw(event worker prefork)) {
    subtest "the shipped format, with the $mpm MPM" => sub {
        my ($format) = Httpd::slurp('conf/reqnotes.conf') =~ /^\s*#?(ErrorLogFormat .*)$/m;
        like Httpd::slurp('docs/install.md'), qr/^\s*\Q$format\E$/m, 'the manual has the same one';
        my $httpd = Httpd->start(mpm => $mpm, modules => ['lua'], conf => <<"CONF", files => { 'say.lua' => <<'LUA' });
LogLevel debug
LuaMapHandler ^/say \@DIR\@/say.lua handle
CustomLog \@DIR\@/logs/access.log "%^RJ"
ReqNotes On
$format
CONF
function handle(r)
    local args = r:parseargs()
    r.notes.user_id = args.user
    r:err("said " .. string.rep("x", tonumber(args.length)))
    return apache2.OK
end
LUA
        $httpd->get('/say?n=1&length=1');
        $httpd->get('/say?n=2&length=1&user=5555');
        $httpd->get('/say?n=3&length=9000&user=5555');
        $httpd->get('/nowhere');
        my @said = $httpd->wait_lines('error', qr/said x/, 3);
        my @ids  = map { $httpd->json('access', qr/n=$_&/)->{trace_id} } 1 .. 3;
        my $head = qr/^\[[^\]]+\] \[\S+:\S+\] \[pid \d+:\S+ \d+\] \[client 127\.0\.0\.1:\d{1,5}\]/;
        like $said[0], qr/$head said x$/, 'nothing stands between the client and the message, or behind it';
        like $said[1], qr/$head said x \[user_id=5555\]$/, 'facts stand behind it';
        like $said[2], qr/$head said x{7900}/, 'a message fills the line';
        cmp_ok length $said[2], '>', 8180, '... to its end';
        like $said[$_], qr/ \[pid \d+:$ids[$_] \d+\]/, '... and the trace ID is there' for 0 .. 2;
        my @lines = $httpd->lines('error');
        is_deeply [ grep { !/ \[pid \d+:(?:[0-9a-f]{32}|-) \d+\] / } @lines ], [], 'each line has a pid, a trace ID or -, and a thread';
        ok $httpd->line('error', qr/\[pid $httpd->{pid}:- \d+\] AH\d+: /), '... also those of no request';
        ok scalar(grep { /\d\] \S+\.c\(\d+\): \[client / } @lines), 'at level debug, the source is where httpd has it';
        $httpd->stop;
    };
}

done_testing;
