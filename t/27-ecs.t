# Lines by the names of the Elastic Common Schema: each value under the name and with the type that
# docs/ecs.md and Elastic's list have for it, whatever a client sends, and no name that is a value
# here and an object there.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use POSIX qw(mkfifo);
use Socket qw(AF_INET AF_INET6 inet_pton);
use Sys::Hostname qw(hostname);
use Test::More;

my (%type, %is_list);
for (map { [ split /\t/ ] } grep { !/^#/ } split /\n/, Httpd::slurp('tests/ecs.tsv')) {
    $type{ $_->[0] } = $_->[1];
    $is_list{ $_->[0] } = 1 if ($_->[2] // '') eq 'array';
}
my $manual = Httpd::slurp('docs/ecs.md');
my %called;  # by a value's own name: its names there, and their types
while ($manual =~ /^\| `(\w+)` \| (`.*`) \| (.*) \|$/mg) {
    my ($own, $names, $types) = ($1, $2, $3);
    $called{$own} = [ [ $names =~ /`([^`]+)`/g ], [ $types =~ /\b(keyword|long|ip|date|wildcard|match_only_text)\b/g ] ];
}
my ($rows) = Httpd::slurp('include/reqnotes/httpd/line/ecs_rows.hpp') =~ /kEcsRows\[\] = \{(.*?)^\};/ms;
my @made = $rows =~ /(?:renamed|made_of)\(\s*"(\w+)",\s*"([^"]+)"/g;
my @constant = $rows =~ /(?:id_row|literal_row)\(\s*"([^"]+)"/g;
my @named = $rows =~ /text_row\(\s*"([^"]+)"/g;

subtest 'the table of the manual' => sub {
    my %made = (truncated => ['labels.truncated']);
    for (my @pairs = @made; my ($own, $ecs) = splice @pairs, 0, 2;) { push @{ $made{$own} }, $ecs }
    is_deeply { map { $_ => [ sort @{ $called{$_}[0] } ] } keys %called }, { map { $_ => [ sort @{ $made{$_} } ] } keys %made }, 'has every value, and no other';
    my ($built_in) = Httpd::slurp('include/reqnotes/httpd/line/built_in.hpp') =~ /kBuiltIns\[\] = \{(.*?)^\};/ms;
    is_deeply [ sort keys %called ], [ sort 'truncated', grep { $_ ne 'first' } $built_in =~ /_row\(\s*"(\w+)"/g ], '... of all formats';
    for my $own (sort keys %called) {
        my ($names, $types) = @{ $called{$own} };
        for my $at (0 .. $#$names) {
            my $want = $names->[$at] =~ /^labels\./ ? 'keyword' : $type{ $names->[$at] };
            is $types->[$at] // $types->[0], $want, "the type of $names->[$at]";
        }
    }
    my ($always) = $manual =~ /^And on every line.*?\n\n(.*?)\n\n/ms;
    my %seen;
    is_deeply [ $always =~ /^\| `([^`]+)`/mg ], [ grep { !$seen{$_}++ } @constant, @named ], '... and what stands on every line';
    ok exists $type{$_}, "ECS has $_" for @constant;
};

subtest 'the index template' => sub {
    my ($text) = $manual =~ /^```json\n(\{\n.*?)^```/ms;
    my $properties = from_json($text)->{template}{mappings}{properties};
    delete $type{labels};
    is_deeply { map { $_ => $properties->{$_}{type} } keys %$properties }, \%type, 'has every name with its type';
};

# A line as pairs of a name and what stands behind it, as it is written; undef where it is more than
# a flat object, or has a name twice.
sub pairs {
    my ($line) = @_;
    my %values;
    my $string = qr/"(?:[^"\\\x00-\x1f\x7f]|\\.)*"/;
    return if $line !~ /\G\{/gc;
    while ($line =~ /\G,?"([^"\\]+)":($string|\[$string(?:,$string)*\]|-?\d+(?:\.\d+)?|true|false)/gc) {
        return if exists $values{$1};
        $values{$1} = $2;
    }
    return $line =~ /\G\}\z/gc ? \%values : undef;
}

sub is_address { my ($text) = @_; return inet_pton($text =~ /:/ ? AF_INET6 : AF_INET, $text) }

# What is wrong with a line. `more` are types of the declared fields that have a name there.
sub faults {
    my ($line, %more) = @_;
    my $values = pairs($line) or return 'no flat object';
    my $data = eval { from_json($line) } or return 'no JSON';
    my (@faults, %parts);
    for my $name (sort keys %$values) {
        my ($written, $value) = ($values->{$name}, $data->{$name});
        my $type = $name =~ /^labels\.\w+$/ ? 'label' : $more{$name} // $type{$name} // 'unknown';
        my $is_text = $written =~ /^"/;
        my $is_right =
              $type eq 'label'                                    ? $written =~ /^["\[]/
            : $is_list{$name} || $type eq 'list'                  ? $written =~ /^\[/
            : $type =~ /^(?:keyword|wildcard|match_only_text)$/   ? $is_text
            : $type eq 'ip'                                       ? $is_text && is_address($value)
            : $type eq 'long'                                     ? $written =~ /^-?\d+$/
            : $type eq 'number'                                   ? $written =~ /^-?\d/
            : $type eq 'boolean'                                  ? $written =~ /^[tf]/
            : $type eq 'date'                                     ? $value =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
            :                                                       0;
        push @faults, "$name is $written, no $type" unless $is_right;
        # As Elasticsearch does with dots.
        my @parts = split /\./, $name;
        for my $size (1 .. @parts) {
            my $kind = $size == @parts ? 'value' : 'object';
            my $path = join '.', @parts[ 0 .. $size - 1 ];
            push @faults, "$path is a value and an object" if ($parts{$path} //= $kind) ne $kind;
        }
    }
    push @faults, "$_ is missing" for grep { !exists $values->{$_} } '@timestamp', @constant;
    return @faults;
}

# What a line must have where the line of the other format has `own`.
sub translated {
    my ($own) = @_;
    my %want;
    for my $name (grep { $called{$_} } keys %$own) {
        my ($first, $second, $third) = @{ $called{$name}[0] };
        my $value = $own->{$name};
        if ($name eq 'peer') {
            my ($address, $port) = $value =~ /^(.*?)(?::(\d+))?$/;
            $want{$first}  = $address;
            $want{$second} = $address if is_address($address);
            $want{$third} = $port if defined $port;
        }
        elsif ($name eq 'client')   { @want{ $first, is_address($value) ? $second : () } = ($value, $value) }
        elsif ($name eq 'protocol') { $want{$first} = $value =~ s{^HTTP/}{}r }
        elsif ($name eq 'duration_us') { $want{$first} = $value * 1000 }
        elsif ($name eq 'truncated') { }
        else                        { $want{$first} = "$value" }
    }
    my $outcome = $own->{outcome};
    $want{'event.outcome'} = $outcome eq 'aborted' ? 'unknown' : $outcome eq 'completed' && $own->{status} < 400 ? 'success' : 'failure' if $outcome && $own->{status};
    return \%want;
}

# Compares the two lines of each request.
sub compare {
    my ($json, $ecs, %own) = @_;
    my %other = map { $_->{'trace.id'} => $_ } map { from_json($_) } @$ecs;
    my $same = 0;
    for my $line (map { from_json($_) } @$json) {
        my $got  = $other{ $line->{trace_id} } or next;
        my $want = translated($line);
        delete $own{$_} && delete $want->{$_} for keys %own;
        my %got = map { exists $want->{$_} ? ($_ => $got->{$_}) : () } keys %$got;
        if (!$line->{truncated} && !$got->{'labels.truncated'}) {
            is_deeply \%got, $want, 'both formats have the same of ' . ($line->{path} // 'a malformed request') or diag explain $got;
        }
        else {
            my @differ = grep { defined $got{$_} && index($want->{$_}, $got{$_}) != 0 } keys %$want;
            is_deeply \@differ, [], 'a cut line has beginnings of the same';
        }
        ++$same;
    }
    return $same;
}

my $lua = <<'LUA';
function handle(r)
    local args = r:parseargs()
    r.notes.user_id, r.notes["order.id"], r.notes.photos, r.notes.roles = "5555", "77", args.photos or "3", "a, b,c"
    r.notes.paid, r.notes.odd, r.notes.tree, r.notes.tags = "yes", args.odd or "x", '{"a":[1,{"b":2}]}', "red,green"
    r.notes.price, r.notes.login, r.notes.ratio = "9.5", "ann", "1.5"
    if args.say then r:err(args.say) end
    for n = 1, tonumber(args.times or 0) do r:crit(string.rep("m", 3000)) end
    if args.debug then r:debug("it is " .. args.debug) end
    if args.sleep then
        for n = 1, 400 do r:puts(string.rep("x", 10000)) r:flush() r.usleep(5000) end
    end
    if args.code then return tonumber(args.code) end
    r:puts("done\n")
    return apache2.OK
end
LUA

my $conf = <<'CONF';
LuaMapHandler ^/say @DIR@/say.lua handle
LogLevel info
ReqNotes On
ReqNotesTraceAccept all
ReqNotesRequestId X-Request-Id
ReqNotesField order.id type=integer
ReqNotesField photos type=integer ecs=photos.count
ReqNotesField price type=number
ReqNotesField ratio type=number ecs=photos.ratio
ReqNotesField roles type=list
ReqNotesField tags type=list ecs=tags
ReqNotesField paid type=boolean ecs=photos.paid
ReqNotesField odd type=boolean
ReqNotesField tree type=json
ReqNotesField login privacy=last4 ecs=user.name
ReqNotesField header request:X-Field ecs=photos.header max=65535
LimitRequestLine 200000
LimitRequestFieldSize 200000
CONF
my %more = ('user.name' => 'keyword', 'photos.count' => 'long', 'photos.ratio' => 'number', 'photos.paid' => 'boolean', tags => 'list', 'photos.header' => 'keyword');
my $chosen = "ReqNotesValues +trace_flags +peer +connection_id +keepalive +scheme +tls_protocol +host +request_line +handler +bytes_in +bytes_out +ttfb_us\n";
my $logs = <<'CONF';
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/ecs.log "%^RE"
ReqNotesErrorLog @DIR@/logs/messages.log ecs
ErrorLogFormat "%M"
CONF

each_mpm(sub {
    my $httpd = Httpd->prepare(mpm => shift, modules => ['lua'], files => { 'say.lua' => $lua, 'www/x' => 'x', 'conf/key' => 'k' x 32 },
        conf => $conf . $chosen . $logs . <<'CONF');
ReqNotesHashKey @DIR@/conf/key
ReqNotesService "the shop" 2.4.1
ErrorDocument 404 /say?say=not%20here
ErrorDocument 503 "busy"
Redirect 302 /moved /x
<Location /denied>
  Require all denied
</Location>
<Location /hidden>
  ReqNotesClient network
</Location>
<Location /hashed>
  ReqNotesClient hash
</Location>
<Location /less>
  ReqNotesValues -method -path -user_agent
</Location>
<Location /least>
  ReqNotesValues status
</Location>
CONF
    chmod 0600, "$httpd->{dir}/conf/key";
    ok $httpd->run, 'it starts' or return diag $httpd->{output};
    my %ids = (traceparent => '00-' . 'ab' x 16 . '-' . 'cd' x 8 . '-01', 'X-Request-Id' => 'request-1');
    $httpd->get('/say?a=1', { %ids, Referer => 'http://www.example.com/a?password=x', Host => 'www.example.com' });
    my $line = $httpd->json('ecs', qr/"abab/);
    is_deeply [ @$line{qw(trace.id labels.parent_span_id http.request.id url.domain http.request.referrer labels.trace_flags)} ],
        [ 'ab' x 16, 'cd' x 8, 'request-1', 'www.example.com', 'http://www.example.com/a?password=***', '01' ], 'a request';
    is_deeply [ @$line{qw(user.id labels.order_id photos.count labels.price photos.ratio labels.roles tags photos.paid labels.odd labels.tree)} ],
        [ '5555', '77', 3, '9.5', 1.5, [qw(a b c)], [qw(red green)], JSON::PP::true, 'x', '{"a":[1,{"b":2}]}' ], '... with its fields';
    unlike $line->{'user.name'}, qr/^ann$/, '... one of which is private';
    is_deeply [ @$line{qw(ecs.version event.kind event.category event.type event.module event.dataset event.outcome)} ],
        [ '9.4.0', 'event', ['web'], ['access'], 'apache', 'apache.access', 'success' ], '... and what ECS asks for';

    is_deeply [ @$line{qw(service.name service.version host.name)} ], [ 'the shop', '2.4.1', hostname() ], '... and the service';

    $httpd->get("/say?odd=no&photos=many");
    $line = $httpd->json('ecs', qr/photos=many/);
    is_deeply [ @$line{qw(labels.odd photos.count)} ], [ 'no', 'many' ], 'a label keeps its spelling, and what is no number is a string';

    my $bytes = join '', map { chr } 1 .. 9, 11, 12, 14 .. 255;
    my $hostile = "\xC3\x28\"\\\x01\x7F\xC2\x85\xED\xA0\x80\xF0\x9F\x98\x80{}[],:\x{1b}[31m";
    $httpd->raw("GET /say?q=$hostile HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: $bytes\r\nReferer: $bytes\r\nX-Field: $bytes\r\n\r\n");
    $httpd->raw("GET /say HTTP/1.0\r\n\r\n");
    $httpd->raw("GET /x\r\n");
    $httpd->raw("$hostile\r\n\r\n");
    $httpd->raw("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n");
    $httpd->raw("\x16\x03\x01\x02\r\n\r\n");
    $httpd->get($_) for '/x', '/missing', '/moved', '/denied', '/say?code=500', '/say?code=503', '/hidden', '/hashed', '/less', '/least',
        '/long/' . 'p' x 9000, '/say?' . 'q' x 3000 . '%22' x 3000;
    $httpd->get('/x', { 'User-Agent' => '"' x 5000, 'X-Field' => "\"\\" x 6000 });
    $httpd->request('POST', '/say', {}, 'b' x 5000);
    my $socket = $httpd->connect;
    print $socket "GET /say?sleep=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    sysread $socket, my $some, 1000;
    close $socket;
    is $httpd->json('ecs', qr/sleep=1/)->{'event.outcome'}, 'unknown', 'a client that went away';

    my @json = $httpd->wait_lines('access', qr/./, 25);
    my @ecs  = $httpd->wait_lines('ecs', qr/./, scalar @json);
    is scalar @ecs, scalar @json, 'each request has a line';
    is_deeply [ map { faults($_, %more) } grep { !/photos=many/ } @ecs ], [], '... in which every name has its type';
    cmp_ok scalar(grep { /"labels.truncated":"true"/ } @ecs), '>=', 3, '... and some were cut';
    is scalar(grep { length > 4095 } @ecs), 0, '... to their limit';
    is compare(\@json, \@ecs), scalar @json, '... and has what the other format has';
    my %outcome = map { from_json($_)->{'http.response.status_code'} => from_json($_)->{'event.outcome'} } grep { !/sleep=1/ && /event\.outcome/ && /status_code/ } @ecs;
    is_deeply { map { $_ => $outcome{$_} } 200, 302, 400, 403, 404, 500, 503 },
        { 200 => 'success', 302 => 'success', map { $_ => 'failure' } 400, 403, 404, 500, 503 }, '... and its outcome';
    my ($hidden) = map { from_json($_) } grep { m{"/hidden"} } @ecs;
    is_deeply [ @$hidden{qw(client.address client.ip source.ip source.port)} ], [ ('127.0.0.0') x 3, undef ], 'a network has an address, and no port';
    my ($hashed) = map { from_json($_) } grep { m{"/hashed"} } @ecs;
    like $hashed->{'client.address'}, qr/^[0-9a-f]{16,}$/, 'what stands for an address is one';
    is_deeply [ @$hashed{qw(client.ip source.ip source.port)} ], [ (undef) x 3 ], '... but no IP address';
    ok !grep({ m{"/less"|"/least"} } @ecs), 'what a place takes away is gone';
    my ($least) = grep { !/"event.duration"/ } @ecs;
    unlike $least, qr/event\.outcome|server\.address|source\.|labels\.(?!order|price|roles|odd|tree)/, '... and what is made of it';

    # The messages.
    $httpd->get('/say?say=AH12345:%20broken%20%22' . '%01%ff', { 'User-Agent' => 'x' });
    my $message = $httpd->json('messages', qr/AH12345/);
    is_deeply [ @$message{qw(service.name service.version host.name)} ], [ 'the shop', '2.4.1', hostname() ], 'a message has the service';
    is_deeply [ @$message{qw(log.level log.logger error.code user.id labels.order_id photos.count http.request.method url.path client.ip client.address server.address event.dataset)} ],
        [ 'error', 'lua', 'AH12345', '5555', '77', 3, 'GET', '/say', '127.0.0.1', '127.0.0.1', 'localhost', 'apache.error' ], 'a message';
    is_deeply $message->{'event.type'}, ['error'], '... is an error';
    like $message->{'trace.id'}, qr/^[0-9a-f]{32}$/, '... and has the trace';
    my $up = $httpd->json('messages', qr/resuming normal operations/);
    is_deeply [ @$up{qw(log.level event.type process.pid)} ], [ 'notice', ['info'], $httpd->{pid} ], 'a message of no request';
    is_deeply [ map { faults($_, %more) } $httpd->lines('messages') ], [], 'every message has names and types of ECS';
    $httpd->stop;
});

subtest 'messages with a place in the source, and with what the system says' => sub {
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $lua, 'www/closed' => 'x' },
        conf => ($conf =~ s/LogLevel info/LogLevel trace8/r) . $logs);
    chmod 0, "$httpd->{dir}/www/closed";
    $httpd->get('/closed');
    $httpd->get('/say?debug=so');
    my $message = $httpd->json('messages', qr/"it is so"/);
    like $message->{'log.origin.file.name'}, qr/^\w+\.(?:c|lua)$/, 'the file';
    like $message->{'log.origin.file.line'}, qr/^\d+$/, '... and the line';
    like $httpd->json('messages', qr/AH00132/)->{'error.message'}, qr/Permission denied/, 'what the system says';
    is_deeply [ map { faults($_, %more) } $httpd->lines('messages') ], [], 'all have names and types of ECS';
    $httpd->stop;
};

for my $limit (1024, 65536) {
    subtest "a limit of $limit bytes" => sub {
        my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $lua, 'www/x' => 'x' }, conf => "$conf$chosen${logs}ReqNotesLineLimit $limit\n");
        my %ids = (traceparent => '00-' . 'ab' x 16 . '-' . 'cd' x 8 . '-01', 'X-Request-Id' => 'r' x 40);
        $httpd->get('/say?say=' . 'm' x 3000 . '&' . 'q' x 90000, { %ids, 'User-Agent' => '"' x 3000, 'X-Field' => "\xC3\xA9" x 5000 });
        $httpd->get('/say?say=short');
        my @ecs = $httpd->wait_lines('ecs', qr/./, 2);
        is_deeply [ map { faults($_, %more) } @ecs, $httpd->lines('messages') ], [], 'every line is whole';
        is scalar(grep { length >= $limit } @ecs, $httpd->lines('messages')), 0, '... within its limit';
        if ($limit > 512) {
            my ($line) = map { from_json($_) } grep { /abab/ } @ecs;
            ok exists $line->{$_}, "... with $_" for map { @{ $called{$_}[0] } } qw(time trace_id span_id request_id parent_span_id client peer keepalive method path status bytes bytes_in bytes_out outcome duration_us);
            is $line->{'http.request.id'}, 'r' x 40, '... an id as a whole';
        }
        $httpd->stop;
    };
}

subtest 'lines that were lost' => sub {
    my $httpd = Httpd->prepare(modules => ['lua'], files => { 'say.lua' => $lua }, conf => $conf . $logs =~ s/messages\.log/fifo/r);
    mkfifo "$httpd->{dir}/logs/fifo", 0666 or die $!;
    chmod 0666, "$httpd->{dir}/logs/fifo";
    open my $fifo, '+<', "$httpd->{dir}/logs/fifo" or die $!;
    $fifo->blocking(0);
    ok $httpd->run, 'a reader that does not read' or return;
    $httpd->get('/say?times=14000');
    my $text = '';
    my $told = wait_until(sub {
        1 while sysread $fifo, $text, 1 << 16, length $text;
        $httpd->get('/say?say=again') if $text !~ /RN0008/;
        return $text =~ /^(.*RN0008.*)\n/m ? $1 : undef;
    });
    my $lost = from_json($told // '{}');
    is_deeply [ @$lost{qw(log.level log.logger error.code message event.dataset)} ], [ 'warn', 'reqnotes', 'RN0008', 'lines of this log were lost', 'apache.error' ], 'RN0008';
    like $lost->{'labels.messages'}, qr/^[1-9]\d*$/, '... with their number, as a label';
    is_deeply [ map { faults($_, %more) } $text =~ /^(.*)\n/mg ], [], 'all have names and types of ECS';
    $httpd->end;
};

subtest 'notes and messages of PHP' => sub {
    my $httpd = Httpd->start(php => 1, modules => ['lua'], files => {
        'www/page.php' => "<?php\napache_note('user_id', '5555');\napache_note('photos', '12');\necho \$nothing;\nerror_log(\"said \\\"\xC3\\n\");\n",
    }, conf => $conf . $logs);
    $httpd->get('/page.php');
    my $line = $httpd->json('ecs', qr/page\.php/);
    is_deeply [ @$line{qw(user.id photos.count event.outcome)} ], [ '5555', 12, 'success' ], 'a page';
    my $message = $httpd->json('messages', qr/said/);
    is_deeply [ @$message{qw(user.id photos.count trace.id)} ], [ '5555', 12, $line->{'trace.id'} ], '... and its message';
    is_deeply [ map { faults($_, %more) } $httpd->lines('ecs'), $httpd->lines('messages') ], [], 'all have names and types of ECS';
    $httpd->stop;
};

subtest 'two servers' => sub {
    my $httpd = Httpd->start(files => { 'www/x' => 'x' }, conf => <<'CONF');
ReqNotes On
LogLevel warn
ErrorLogFormat "%M"
ReqNotesErrorLog logs/json.log
<Location /denied>
  Require all denied
</Location>
<VirtualHost *:@PORT@>
  ServerName one
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName two
  ReqNotesErrorLog logs/two.log ecs
</VirtualHost>
CONF
    $httpd->get('/denied', { Host => $_ }) for qw(one two);
    is $httpd->json('json', qr/AH01630/)->{vhost}, 'one', 'one has its JSON';
    is $httpd->json('two', qr/AH01630/)->{'server.address'}, 'two', '... and the other ECS';
    is scalar(grep { /AH01630/ } $httpd->lines('json')), 1, '... each once';
    $httpd->stop;
};

subtest 'jq reads it' => sub {
    my ($jq) = grep { -x } qw(/usr/bin/jq), glob 'build/unpacked/usr/bin/jq';
    plan skip_all => 'no jq' unless $jq;
    my $httpd = Httpd->start(modules => ['lua'], files => { 'say.lua' => $lua }, conf => $conf . $logs);
    $httpd->get("/say?$_") for 1 .. 3;
    $httpd->wait_lines('ecs', qr/./, 3);
    is qx{$jq -r '."url.query"' $httpd->{dir}/logs/ecs.log}, "1\n2\n3\n", 'by name';
    is qx{$jq -c 'reduce to_entries[] as \$e ({}; setpath(\$e.key | split("."); \$e.value)) | .http.response' $httpd->{dir}/logs/ecs.log},
        qq({"status_code":200,"body":{"bytes":5}}\n) x 3, '... and as objects';
    my %text = map { $_ => qx{conf/bin/reqnotes-grep --text user=5555 $httpd->{dir}/logs/$_.log} =~ s/ (?:user|login|order|photos|ratio|paid)[._]?\w*=\S+//gr } qw(access ecs);
    is scalar(() = $text{access} =~ /\n/g), 3, 'reqnotes-grep finds the requests';
    is $text{ecs}, $text{access}, '... and the same by names of ECS';
    $httpd->stop;
};

done_testing;
