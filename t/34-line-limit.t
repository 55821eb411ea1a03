# ReqNotesLineLimit: no line of ours is longer, in any format and in either log, and what is cut
# is what the client sent.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

# A logfmt line as a hash.
sub from_logfmt {
    my ($line) = @_;
    my %values;
    while ($line =~ /\G(?:^| )([a-z][a-z0-9_.]*)=("(?:[^"\\]|\\.)*"|[^ "=]+)/gc) {
        my ($name, $value) = ($1, $2);
        $values{$name} = $value =~ /^"/ ? JSON::PP->new->utf8->allow_nonref->decode($value) : $value;
    }
    return (pos($line) || 0) == length $line ? \%values : undef;
}

sub longest { return (sort { $b <=> $a } map { 1 + length } @_)[0] }

my $conf = <<'CONF';
ErrorLogFormat "%M <%N>"
LogLevel debug
ReqNotes On
ReqNotesLineLimit @LIMIT@
ReqNotesTraceAccept all
ReqNotesRequestId X-Request-Id
ReqNotesField fact request:X-Fact max=65535
ReqNotesField count request:X-Count type=integer
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ReqNotesErrorLog @DIR@/logs/messages.log
LimitRequestLine 200000
LimitRequestFieldSize 200000
CONF

my %ids = (
    trace_id       => 'ab' x 16,
    parent_span_id => 'cd' x 8,
    request_id     => 'r' x 128,
    count          => -9223372036854775808,
);
my %headers = (traceparent => "00-$ids{trace_id}-$ids{parent_span_id}-01",
    'X-Request-Id' => $ids{request_id}, 'X-Count' => $ids{count});

for my $limit (512, 1000, 4096, 65536) {
    subtest "a limit of $limit bytes" => sub {
        my $httpd = Httpd->start(files => { 'www/x' => 'x' }, modules => ['lua'],
            conf => $conf =~ s/\@LIMIT\@/$limit/r . "LuaMapHandler ^/warn \@DIR\@/warn.lua handle\n");
        $httpd->add_file('warn.lua', <<'LUA');
function handle(r)
  r:warn("warned: " .. string.rep("\"", 6000))
  r.notes["user_id"] = string.rep("u", 300)
  r:err("failed")
  return apache2.OK
end
LUA
        my %long = (%headers, Referer => "ref\x{c3}\x{a9}" . 'e' x (2 * $limit), 'User-Agent' => "\"\xff" x 300,
            'X-Fact' => "fact\x{e2}\x{82}\x{ac}" x ($limit / 8));
        my $path = '/warn/' . '%C3%A9' x ($limit > 4096 ? 100 : $limit / 8);
        $httpd->get("$path?a=" . "b" x $limit, \%long) for 1 .. 2;
        # With room for any duration.
        $httpd->get('/x?short', { %headers, 'X-Request-Id' => 'r' x 100 });
        $httpd->raw("GET /$path HTTP/1.1\r\nHost: x\r\nBad Header: " . 'x' x $limit . "\r\n\r\n");

        my @json = $httpd->wait_lines('access', qr/./, 4);
        cmp_ok longest(@json), '<=', $limit, 'JSON: no line is longer, its newline counted';
        cmp_ok longest(@json), '>', $limit * 0.9, '... and the room is used';
        my @data = map { from_json($_) } @json;
        my @whole = grep { $_ ne 'count' || $limit > 512 } sort keys %ids;  # fields do not have all the room
        is $data[0]{$_}, $ids{$_}, "... $_ is whole" for @whole;
        ok $data[0]{truncated}, '... and the line says that it was cut';
        ok !exists $data[2]{truncated}, '... which a short one does not';
        is $data[2]{query}, 'short', '... as nothing of it is cut';
        is $data[0]{client}, '127.0.0.1', '... the address is whole';
        is $data[0]{status}, 200, '... and the status';

        my @logfmt = $httpd->wait_lines('logfmt', qr/./, 4);
        cmp_ok longest(@logfmt), '<=', $limit, 'logfmt: no line is longer';
        my @values = map { from_logfmt($_) } @logfmt;
        is scalar(grep { defined } @values), scalar @logfmt, '... every line can be read';
        is $values[0]{$_}, $ids{$_}, "... $_ is whole" for @whole;
        is $values[0]{truncated}, 'true', '... and the line says that it was cut';

        my @messages = $httpd->wait_lines('messages', qr/"failed"/, 2);
        @messages = $httpd->lines('messages');
        cmp_ok longest(@messages), '<=', $limit, 'JSON error log: no line is longer';
        my @warned = grep { ($_->{message} || "") =~ /^warned/ } map { from_json($_) } @messages;
        is $warned[0]{$_}, $ids{$_}, "... $_ is whole" for qw(trace_id request_id);
        ok $warned[0]{truncated}, '... what does not fit is cut';
        like $warned[0]{message}, qr/^warned: "/, '... the message has its share of the room';

        my $most = $limit < 2048 ? $limit : 2048;
        my ($closing) = $httpd->wait_lines('error', qr/RN0006/, 2);
        my ($text, $fields) = $closing =~ /RN0006: (.*) <(.*)>$/;
        cmp_ok length $text, '<', $most, 'the closing line keeps it';
        cmp_ok length $fields, '<', $most, '... and so does %N';
        is from_logfmt($fields)->{request_id}, $ids{request_id}, '... with whole ids';
        $httpd->stop;
    };
}

# Fields come from cookies and headers too, so that a client could leave no room for what it does.
subtest 'fields do not push out what was asked for' => sub {
    my @names = map { "f$_" } 1 .. 6;
    my $httpd = Httpd->start(modules => ['lua'], files => { 'warn.lua' => <<'LUA' }, conf => <<'CONF' . join '', map { "ReqNotesField $_ cookie:$_ note:$_ max=4096\n" } @names);
function handle(r)
  if r.args == "notes" then for n = 1, 3 do r.notes["f" .. n] = string.rep("\1", 300) end end
  r:err("failed: " .. string.rep("m", 3000))
  r.notes["user_id"] = "5555"
  return 403
end
LUA
ErrorLogFormat "%M"
ReqNotes On
ReqNotesErrorLog @DIR@/logs/messages.log
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
LuaMapHandler ^/ @DIR@/warn.lua handle
LimitRequestFieldSize 65536
CONF
    my $cookie = join '; ', map { "$_=" . 'c' x 4000 } @names;
    my %agent = ('User-Agent' => 'evil');
    $httpd->request('DELETE', '/admin/users', { %agent, Cookie => $cookie });
    $httpd->request('DELETE', '/admin/users?notes', \%agent);
    $httpd->request('DELETE', '/admin/' . ('x' x 200 . '/') x 15, { %agent, Cookie => $cookie });
    my @json   = map { from_json($_) } $httpd->wait_lines('access', qr/./, 3);
    my @logfmt = map { from_logfmt($_) } $httpd->wait_lines('logfmt', qr/./, 3);
    my @messages = map { from_json($_) } $httpd->wait_lines('messages', qr/failed: m/, 3);
    my @closing = map { from_logfmt(/RN0006: (.*)/ ? $1 =~ s/\\\\/\\/gr : '') } $httpd->wait_lines('error', qr/RN0006/, 3);
    my ($path) = map { qr/^\Q$_\E$/ } '/admin/users';
    for my $at (0 .. 2) {
        my $want = $at < 2 ? $path : qr{^/admin/x{100,}};
        my $why = ('cookies', 'notes of control characters', 'cookies and a long path')[$at];
        for my $line ($json[$at], $logfmt[$at]) {
            is_deeply [ @$line{qw(method status user_agent)} ], [ 'DELETE', 403, 'evil' ], "$why: who did what";
            like $line->{path}, $want, '... and where';
        }
        is $messages[$at]{method}, 'DELETE', '... in the JSON error log';
        like $messages[$at]{path}, $want, '... with its path';
        like $messages[$at]{message}, qr/^failed: m{500}/, '... and its message';
        is_deeply [ @{ $closing[$at] }{qw(method status)} ], [ 'DELETE', 403 ], '... in the closing line';
        like $closing[$at]{path}, qr{^/admin/}, '... with its path';
    }
    $httpd->stop;
};

subtest 'max= is of what is written' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'notes.lua' => <<'LUA' }, conf => <<'CONF');
function handle(r)
  for name, value in pairs(r:parseargs()) do r.notes[name] = value end
  r:warn("noted")
  return apache2.OK
end
LUA
ErrorLogFormat "<%N> <%{text}N> %M"
ReqNotes On
ReqNotesField text max=20
ReqNotesField list max=20 type=list
ReqNotesErrorLog @DIR@/logs/messages.log
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CustomLog @DIR@/logs/plain.log "%{text}^RF"
LuaMapHandler ^/ @DIR@/notes.lua handle
CONF
    my @cases = (
        [ '%01' x 20,        '\u0001\u0001…',        '\x01\x01\x01\x01...' ],
        [ '%7f' x 4,         '\u007f\u007f…',        '\x7f\x7f\x7f\x7f' ],
        [ '%22' x 10,        '\"' x 10,              '\"' x 10 ],
        [ '%22' x 11,        '\"' x 8 . '…',         '\"' x 8 . '...' ],
        [ 'a' x 20,          'a' x 20,                'a' x 20 ],
        [ 'a' x 21,          'a' x 17 . '…',          'a' x 17 . '...' ],
        [ '%c3%a9' x 10,     "\xc3\xa9" x 10,         '\xc3\xa9' x 2 . '...' ],
        [ '%ff' x 6,         "\xef\xbf\xbd" x 6,      '\xff' x 4 . '...' ],
        [ '%ff' x 7,         "\xef\xbf\xbd" x 5 . '…', '\xff' x 4 . '...' ],
    );
    my $count = 0;
    for my $case (@cases) {
        my ($sent, $json, $plain) = @$case;
        $httpd->get("/?text=$sent&list=$sent");
        ++$count;
        my ($access, $logfmt) = map { ($httpd->wait_lines($_, qr/./, $count))[-1] } qw(access logfmt);
        is $access =~ /"text":"((?:[^"\\]|\\.)*)"/ && $1, $json, "JSON: $json";
        is $access =~ /"list":\["((?:[^"\\]|\\.)*)"\]/ && $1, $json, '... as a list';
        is $logfmt =~ /text=(?|"((?:[^"\\]|\\.)*)"|(\S+))/ && $1, $json, '... in logfmt';
        is +($httpd->lines('plain'))[-1], $plain, '... and by a single tag';
        my ($error) = reverse $httpd->wait_lines('error', qr/noted/, $count);
        my $errorlog = $plain =~ s/\\"/"/gr;
        like $error, qr/text=(?|"\Q$json\E"|\Q$json\E) list/, '... in %N';
        like $error, qr/> <(?:\Q$errorlog\E|"{8,10}(?:\.\.\.)?)> noted/, '... and in %{NAME}N';
    }
    $httpd->stop;
};

subtest 'a virtual host has a limit of its own' => sub {
    my $httpd = Httpd->start(files => { 'www/x' => 'x' }, conf => <<'CONF');
ReqNotes On
ReqNotesLineLimit 1024
CustomLog @DIR@/logs/access.log "%^RJ"
ReqNotesErrorLog @DIR@/logs/messages.log
LogLevel debug
<VirtualHost *>
  ServerName one
</VirtualHost>
<VirtualHost *>
  ServerName two
  ReqNotesLineLimit 2048
</VirtualHost>
CONF
    for my $host (qw(one two)) {
        $httpd->get('/' . 'x' x 7000, { Host => $host });
        my $most = $host eq 'one' ? 1024 : 2048;
        for my $log (qw(access messages)) {
            my $length = 1 + length $httpd->line($log, qr/"vhost":"$host"/);
            ok $length <= $most && $length > $most - 10, "$host: $log has $most";
        }
    }
    $httpd->stop;
};

subtest 'many fields leave a message its room' => sub {
    my @names = map { sprintf 'field_number_%02d', $_ } 1 .. 60;
    for my $limit (512, 1024, 4096) {
        my $httpd = Httpd->start(modules => ['lua'], files => { 'warn.lua' => <<'LUA' }, conf => <<"CONF" . join '', map { "ReqNotesField $_\n" } @names);
function handle(r)
  for n = 1, 60 do r.notes[string.format("field_number_%02d", n)] = string.rep("v", n) end
  r:err("this has failed: " .. string.rep("m", 1000))
  r.notes["user_id"] = "5555"
  return apache2.OK
end
LUA
ReqNotes On
ReqNotesLineLimit $limit
ReqNotesErrorLog \@DIR\@/logs/messages.log
LuaMapHandler ^/ \@DIR\@/warn.lua handle
CONF
        $httpd->get('/x');
        my $line = $httpd->line('messages', qr/"message":"this/) // '{}';
        like from_json($line)->{message}, qr/^this has/, "a limit of $limit: the message is there";
        cmp_ok 1 + length $line, '<=', $limit, '... within the limit';
        like $httpd->line('error', qr/RN0006/), qr/ first="?this/, '... and in the closing line';
        $httpd->stop;
    }
};

SKIP: {
    skip 'a sanitizer needs more stack', 1 if $ENV{REQNOTES_PRELOAD};
    subtest 'the smallest stacks that are accepted' => sub {
        for my $limit (4096, 65536) {
            my $httpd = Httpd->start(modules => ['lua'], files => { 'warn.lua' => <<'LUA' }, conf => <<"CONF" . "ThreadStackSize @{[ $limit + 80 * 1024 ]}\n");
function handle(r)
  r:err("failed: " .. string.rep("token=x ", 800))
  r.notes["user_id"] = string.rep("u", 300)
  return apache2.OK
end
LUA
ReqNotes On
ReqNotesLineLimit $limit
ReqNotesErrorLog \@DIR\@/logs/messages.log
CustomLog \@DIR\@/logs/access.log "%^RJ"
LuaMapHandler ^/ \@DIR\@/warn.lua handle
CONF
            $httpd->get("/$_?token=x&password=y") for 1 .. 5;
            is scalar($httpd->wait_lines('access', qr/./, 5)), 5, "a limit of $limit: every request is answered";
            $httpd->stop('WINCH');
        }
    };
}

done_testing;
