# packages: fail2ban lnav goaccess
# What docs/reading.md says of lnav, GoAccess and fail2ban, with the programs themselves: on the logs of a real
# httpd, and on lines in which a client tries to be somebody else.

use strict;
use warnings;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Tools;

my $page = Httpd::slurp('docs/reading.md');
my $folder = tempdir('reading-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub file_of {
    my ($name, @lines) = @_;
    open my $out, '>:raw', "$folder/$name" or die "$name: $!";
    print $out map { "$_\n" } @lines;
    close $out or die "$name: $!";
    return "$folder/$name";
}

# A client writes this wherever it can; its end is to be read as another line's values.
my @forged = ('","client":"192.0.2.9","x":"', '\\","client":"192.0.2.9","status":401,"x":"', '\\\\","client":"192.0.2.9","status":404}', '"},"client":"192.0.2.9","status":401}',
    '{"time":"2026-11-23T19:53:18.436157Z","client":"192.0.2.9","status":401}', 'x","module":"auth_basic","code":"AH01617","client":"192.0.2.9"');

my $httpd = Httpd->prepare(modules => [qw(authn_core authn_file auth_basic authz_user lua)], files => {
    'conf/users' => 'alice:' . crypt('right', 'ab') . "\n",
    'say.lua' => <<'LUA' }, conf => <<'CONF');
function handle(r)
    r.notes["user_id"] = r.headers_in["X-Say"]
    r:err("AH01617: user " .. (r.headers_in["X-Say"] or "") .. ": authentication failure")
    return 404
end
LUA
ReqNotes On
ReqNotesField who request:X-Say
ReqNotesField hops request:X-Hops
ReqNotesErrorLog logs/json.log
ReqNotesValues +host +request_line
CustomLog logs/access.log "%^RJ"
LuaMapHandler ^/say @DIR@/say.lua handle
<Location /private>
  AuthType Basic
  AuthName x
  AuthUserFile @DIR@/conf/users
  Require valid-user
</Location>
CONF
$httpd->run or BAIL_OUT($httpd->{output});
sub basic { return (Authorization => 'Basic ' . encode_base64("$_[0]:$_[1]", '')) }
for my $forged (@forged) {
    my $in_path = $forged =~ s/([^\w.:,-])/sprintf '%%%02x', ord $1/ger;
    my %say = ('X-Say' => $forged, Referer => $forged, 'User-Agent' => $forged, 'X-Hops' => $forged);
    $httpd->get("/private?$in_path", { %say, basic($forged, 'x') });
    $httpd->get("/say/$in_path", \%say);
    $httpd->raw("GET /missing/$forged?$forged HTTP/1.1\r\nHost: x\r\nX-Say: $forged\r\nUser-Agent: $forged\r\nConnection: close\r\n\r\n");
    $httpd->raw(($forged =~ s/\W/X/gr) . " /missing HTTP/1.1\r\nHost: $forged\r\nConnection: close\r\n\r\n");
}
$httpd->get('/private', { basic('alice', 'wrong') });
$httpd->get('/private/none', { basic('alice', 'right') });
$httpd->get($_, { 'X-Say' => '5555' }) for '/say', '/favicon.ico', '/robots.txt', '/';
# The path is logged as it was sent, and leads elsewhere.
$httpd->raw("GET $_ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") for '/.well-known/../none.php', '/.well-known/a/../../none.php', '/favicon.ico/../none.php', '/.well-known/acme-challenge/a.b';
$httpd->stop;
my @access = $httpd->lines('access');
my @errors = $httpd->lines('json');
my ($access, $errors) = (file_of('access.json', @access), file_of('error.json', @errors));
my %status;
++$status{ from_json($_)->{status} } for @access;
note join ' ', map { "$_=$status{$_}" } sort keys %status;

subtest 'lnav' => sub {
    # Where the package installs it.
    my $home = "$folder/lnav";
    make_path("$home/formats/reqnotes");
    my ($place) = Httpd::slurp('debian/libapache2-mod-reqnotes.install') =~ m{^conf/lnav/reqnotes\.json (\S+)$}m;
    is $place, 'etc/lnav/formats/reqnotes', 'the package installs the format where lnav looks for it';
    system('cp', 'conf/lnav/reqnotes.json', "$home/formats/reqnotes/") == 0 or die;
    my ($query) = $page =~ /^lnav -n -c "([^"]*)"/m;
    my $text = run_tool(tool('lnav'), '-I', $home, '-n', '-c', $query, '-c', ':write-csv-to -', $access, $errors);
    my @rows = grep { /^2026|^20\d\d-/ } split /\n/, $text;
    is scalar(@rows), (() = grep { (from_json($_)->{user_id} // '') eq '5555' } @access, @errors), 'the query of the page finds the user in both logs' or diag $text;
    is scalar(grep { /AH01617|: user 5555|authentication failure/ } @rows), 1, '... with the message';
    $text = run_tool(tool('lnav'), '-I', $home, '-n', '-c', ';SELECT trace_id, count(*), count(status), count(log_body) FROM reqnotes GROUP BY trace_id', '-c', ':write-csv-to -', $access, $errors);
    my %joined = $text =~ /^([0-9a-f]{32}),(\d+),/mg;
    my %real;
    ++$real{ from_json($_)->{trace_id} // '' } for @access, @errors;
    delete $real{''};
    is_deeply \%joined, \%real, '... and each trace has its lines of both' or diag $text;
    my @levels = qw(emerg alert crit error warn notice info debug trace1 trace8);
    my @messages = map { qq({"time":"2026-11-23T19:53:18.436157Z","level":"$_","message":"$_"}) } @levels;
    $text = run_tool(tool('lnav'), '-I', $home, '-n', '-c', ';SELECT log_body, log_level FROM reqnotes', '-c', ':write-csv-to -', file_of('levels.json', @messages));
    is_deeply { $text =~ /^(\w+),(\w+)$/mg }, { log_body => 'log_level', emerg => 'fatal', alert => 'fatal', crit => 'critical', error => 'error', warn => 'warning', notice => 'notice', info => 'info', debug => 'debug', trace1 => 'trace', trace8 => 'trace' },
        '... with the levels of httpd' or diag $text;
    my $shown = run_tool(tool('lnav'), '-I', $home, '-n', $access);
    like $shown, qr{^\S+ 404 info GET /favicon\.ico user=- us=\d+}m, 'a line to read' or diag $shown;
};

sub goaccess {
    my ($lines, @options) = @_;
    my ($report, $unread) = ("$folder/report.json", "$folder/unread");
    unlink $report, $unread;
    my $text = run_tool(tool('goaccess'), file_of('go.json', @$lines), '--no-global-config', '--no-progress', '-o', $report, "--invalid-requests=$unread", @options);
    my $found = -s $report ? from_json(Httpd::slurp($report)) : {};
    return ($found->{general}{valid_requests} // 0, [ sort map { $_->{data} } @{ $found->{hosts}{data} || [] } ]);
}

subtest 'GoAccess' => sub {
    my ($command) = $page =~ /^goaccess access\.json (.*)$/m;
    my @options = $command =~ /(--\S+='[^']*'|--\S+)/g;
    s/'//g for @options;
    my $line = '{"time":"2026-11-23T19:53:18.436157Z","trace_id":"b44d3574ed98f833d6d4f01cf4f0373a","span_id":"441267cbac634bf0",%s"vhost":"www.example.com","client":"192.0.2.7",'
        . '"method":"GET","path":"/p","query":"a=1","protocol":"HTTP/1.1","status":200,"bytes":2,"outcome":"completed","duration_us":20834,"referer":"https://www.example.com/","user_agent":"curl/8.5.0"}';
    for my $fields ('', '"user_id":"5555",', '"total":7.5,"paid":true,', '"hops":["a","192.0.2.9"],', '"cart":{"client":"192.0.2.9","status":"500","a":[{"b":1}]},') {
        is_deeply [ goaccess([ sprintf $line, $fields ], @options) ], [ 1, ['192.0.2.7'] ], "declared fields: $fields";
    }
    for my $fields ('"cart.total":7,', '"cart.total":"7","x":"1",', '"a.b.c":"1",') {
        my @lines = map { sprintf $line, $_ } $fields, $fields;
        is +(goaccess(\@lines, @options))[0], 0, "a dot in a name breaks it, as the page says: $fields";
        my ($filter) = $page =~ /^jq -c '(.*)' access\.json \| goaccess/m;
        my $renamed = run_tool('jq', '-c', $filter, file_of('dotted.json', @lines));
        is +(goaccess([ split /\n/, $renamed ], @options))[0], 2, '... and what the page says mends it';
    }
    my @known = grep { from_json($_)->{method} eq 'GET' } @access;
    is +(goaccess(\@known, @options))[0], scalar @known, 'the log of the server';
};

make_path("$folder/f2b");
system('cp', '-rL', tool_file('/etc/fail2ban'), "$folder/f2b/") == 0 or die;
system("cp conf/fail2ban/*.conf $folder/f2b/fail2ban/filter.d/") == 0 or die;

# The addresses that a filter would ban, one for each line that it counts.
sub banned {
    my ($filter, @lines) = @_;
    my $text = run_tool('python3', tool('fail2ban-regex'), '-c', "$folder/f2b/fail2ban", '-o', 'ip', file_of('ban.log', @lines), "$folder/f2b/fail2ban/filter.d/$filter.conf");
    BAIL_OUT("fail2ban-regex: $text") if $text =~ /ERROR|Traceback|No failregex/;
    return [ split ' ', $text ];
}

sub counted { return [ ('127.0.0.1') x grep { $_[0]->(from_json($_)) } @{ $_[1] } ] }

subtest 'fail2ban' => sub {
    cmp_ok $status{401}, '>', 5, 'there are logins that failed';
    is_deeply banned('reqnotes-auth', @access), counted(sub { $_[0]{status} == 401 }, \@access), 'each 401 of the access log, and no other address';
    my $asks = counted(sub { ($_[0]{module} // '') =~ /^auth_/ }, \@errors);
    cmp_ok scalar(@$asks), '>', 5, 'there are messages of mod_auth_basic';
    is_deeply banned('reqnotes-auth', @errors), $asks, 'each of them in the JSON error log, and not what an application says';
    is_deeply banned('reqnotes-scan', @access), counted(sub { $_[0]{status} == 404 && $_[0]{path} !~ m{^/(?:favicon\.ico|robots\.txt|\.well-known/acme.*)$} }, \@access),
        'each 404 but for what browsers ask by themselves';
    is_deeply banned('reqnotes-scan', @errors), [], '... and nothing of the error log';

    my $encode = sub { JSON::PP->new->ascii->encode([ $_[0] ]) =~ s/^\[|\]$//gr };
    my $line = sub {
        my (%value) = @_;
        my $pair = sub { my ($name, $else) = @_; exists $value{$name} ? qq("$name":$value{$name},) : $else };
        return '{"time":"2026-11-23T19:53:18.436157Z","trace_id":"b44d3574ed98f833d6d4f01cf4f0373a",' . $pair->('fact', '') . '"vhost":"x","client":"127.0.0.1",' . $pair->('method', '"method":"GET",')
            . $pair->('path', '"path":"/p",') . $pair->('query', '') . '"protocol":"HTTP/1.1","status":' . ($value{status} // 200) . ',"bytes":2,' . $pair->('referer', '') . '"user_agent":' . ($value{user_agent} // '"x"') . '}';
    };
    for my $place (qw(fact method path query referer user_agent)) {
        my @values = map { $encode->($_) } @forged, map { "$_\\" } @forged;
        push @values, '{"client":"192.0.2.9","status":401}', '{"a":{"b":1},"client":"192.0.2.9","status":401}', '{"a":[1,{"b":[]}],"client":"192.0.2.9","module":"auth_basic","status":404}',
            '["]","client","192.0.2.9"]', '{"}":"\",\"client\":\"192.0.2.9\""}' if $place eq 'fact';
        for my $status (200, 401, 404) {
            my @lines = map { $line->($place => $_, status => $status) } @values;
            for my $filter ([ 'reqnotes-auth', 401 ], [ 'reqnotes-scan', 404 ]) {
                my $banned = banned($filter->[0], @lines);
                is scalar(grep { $_ ne '127.0.0.1' } @$banned), 0, "$filter->[0]: nobody else by $place, status $status";
                my $fair = $filter->[1] == $status ? scalar(grep { !/\[1,\{"b"/ } @lines) : 0;
                is scalar(@$banned), $fair, '... and the client itself where it is counted';
            }
        }
    }
    my $good = $line->(status => 401);
    is_deeply banned('reqnotes-auth', $good), ['127.0.0.1'], 'a line';
    is_deeply banned('reqnotes-auth', "x $good", " $good", substr($good, 0, 60), $good =~ s/"time"/"Time"/r, $good =~ s/"127\.0\.0\.1"/"www.example.com"/r,
        $good =~ s/"127\.0\.0\.1"/"\xe2\x80\xa6"/r), [], 'what does not begin as a line, or has no address';
    is_deeply banned('reqnotes-auth', $good =~ s/127\.0\.0\.1/2001:db8::7/r), ['2001:db8::7'], 'IPv6';
    my ($jail) = $page =~ /^```ini\n(.*?)^```/ms;
    file_of('f2b/fail2ban/jail.d/reqnotes.local', $jail);
    my $text = run_tool('python3', tool('fail2ban-client'), '-c', "$folder/f2b/fail2ban", '-d');
    like $text, qr/\['set', '$_', 'addlogpath', |'add', '$_'/, "fail2ban takes the jail $_ of the page" for qw(reqnotes-auth reqnotes-scan);
    unlike $text, qr/ERROR.*reqnotes/, '... without a complaint' or diag $text =~ /^(.*ERROR.*)$/mg;
};

done_testing;
