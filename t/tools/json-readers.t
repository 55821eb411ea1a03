# packages: fail2ban lnav goaccess jq
# Readers of the JSON logs find what is there, and nothing that a client made look as if it were:
# lnav with our format, fail2ban with our filters, GoAccess with the format of the manual. On the
# lines of a real httpd.

use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Tools;

my $folder = tempdir('json-readers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $manual = Httpd::slurp('docs/reading.md');

# What begins with a quote ends the value that it stands in, if nobody escapes it.
my $forged = '","client":"198.51.100.66","status":401,"status":404,"code":"AH01617","x":"';
my $lua = <<'LUA';
function handle(r)
    local args = r:parseargs()
    r:warn("a message " .. (args.say or "") .. (r.headers_in["X-Say"] or ""))
    for name, value in pairs(args) do r.notes[name] = value end
    r.notes["user_id"] = r.headers_in["X-User"] or r.notes["user_id"]
    r.notes["tags"] = r.headers_in["X-User"]
    return tonumber(args.status or "0")
end
LUA

my $httpd = Httpd->prepare(
    modules => [qw(lua auth_basic auth_digest authn_core authn_file authz_user remoteip)],
    files   => { 'www/x' => 'x', 'h.lua' => $lua, 'conf/basic' => 'alice:{SHA}' . encode_base64('not a hash', '') . "\n" },
    conf    => <<'CONF');
LuaMapHandler ^/app @DIR@/h.lua handle
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
ReqNotes On
ReqNotesField tags type=list
ReqNotesRequestId X-Request-Id
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ErrorLogFormat "[%{u}t] [%-m:%l] [pid\ %P:%-L\ %{g}T] %7F: %E: [client\ %a] %M [%N]"
ReqNotesErrorLog @DIR@/logs/messages.log
<Location /basic>
  AuthType Basic
  AuthName basic
  AuthBasicProvider file
  AuthUserFile @DIR@/conf/basic
  Require user alice
</Location>
CONF
$httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");

# Every value of a client in turn tries to be another address.
my @hostile = ($forged, $forged =~ s/"/\\"/gr, $forged =~ s/"/%22/gr, "a\\$forged", "[$forged]", "{$forged}", "\xFF$forged", "\\u0022$forged");
sub encoded { return $_[0] =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger }
sub ask {
    my ($client, $path, %headers) = @_;
    return $httpd->get($path, { 'X-Client' => $client, %headers });
}
my %tried;
for my $text (@hostile) {
    my %said = ('User-Agent' => $text, Referer => $text, 'X-User' => $text, 'X-Request-Id' => $text =~ s/[\x80-\xFF]//gr, 'X-Say' => $text);
    $tried{401}{'192.0.2.41'}++, ask('192.0.2.41', '/app?status=401&say=' . encoded($text), %said);
    $tried{404}{'192.0.2.44'}++, ask('192.0.2.44', '/none/' . encoded($text) . '?' . encoded($text), %said);
    $tried{404}{'2001:db8::44'}++, ask('2001:db8::44', '/app/' . ($text =~ s/[^!-~]//gr) . "?status=404&user_id=" . encoded($text), %said);
    $tried{401}{'192.0.2.43'}++, $tried{password}{'192.0.2.43'}++, ask('192.0.2.43', '/basic?' . encoded($text), %said, Authorization => 'Basic ' . encode_base64("$text:$text", ''));
    ask('192.0.2.20', '/app?status=0&say=' . encoded($text), %said);
}
for my $n (1 .. 3) { $tried{401}{'192.0.2.43'}++, $tried{password}{'192.0.2.43'}++, ask('192.0.2.43', '/basic', Authorization => 'Basic ' . encode_base64("alice:wrong$n", '')) }
ask('192.0.2.20', '/app', 'X-User' => '5555');
ask('192.0.2.21', '/app?status=500', 'X-User' => '5555');
ask('192.0.2.22', '/app?user_id=77&api_key=9f8e77aa&api_method=photos.search');
$httpd->stop;

sub file_of {
    my ($name, @lines) = @_;
    open my $out, '>:raw', "$folder/$name" or die "$name: $!";
    print $out map { "$_\n" } @lines;
    close $out or die "$name: $!";
    return "$folder/$name";
}
my %file = map { $_ => "$httpd->{dir}/logs/$_.log" } qw(access messages);

# How often a filter would count each address.
sub counted {
    my ($filter, $file) = @_;
    my $text = run_tool('python3', tool('fail2ban-regex'), '-c', tool_file('/etc/fail2ban'), '-v', $file, "conf/fail2ban/$filter.conf");
    $text =~ /^Lines: \d+ lines, 0 ignored, (\d+) matched/m or BAIL_OUT("fail2ban-regex: $text");
    my ($matched, %count) = $1;
    $count{$1}++ while $text =~ /^\|\s+(\S+)  \w{3} \w{3} +\d+ [\d:]+ \d{4}$/mg;
    my $sum = 0;
    $sum += $_ for values %count;
    is $sum, $matched, "$filter: every match has an address" or diag $text;
    return \%count;
}

subtest 'fail2ban' => sub {
    is_deeply counted('reqnotes-auth', $file{access}), $tried{401}, 'who is refused by 401, in the access log, and nobody else';
    is_deeply counted('reqnotes-auth', $file{messages}), $tried{password}, 'who has a wrong name or password, in the JSON error log, and nobody else';
    is_deeply counted('reqnotes-scan', $file{access}), $tried{404}, 'who looks for what is not there, and nobody else';
    is_deeply counted('reqnotes-scan', $file{messages}), {}, '... by the access log alone';
    # As a client would like his line to be read.
    my ($line) = grep { /"status":401/ } $httpd->lines('access');
    my @lines = map { $line =~ s/$_->[0]/$_->[1]/r } [ qr/"client":"[^"]*",/, '' ], [ qr/"client":"/, '"client":"x' ], [ qr/^\{/, '{"a":{"client":"198.51.100.66"},' ],
        [ qr/"vhost"/, '"a":{"client":"198.51.100.66","status":401},"vhost"' ], [ qr/^\{"time":"[^"]*"/, '{"time":"x"' ], [ qr/"status":401/, '"status":4010' ];
    is_deeply counted('reqnotes-auth', file_of('forged.log', grep { $_ ne $line } @lines)), {}, 'a line that is not ours counts for nobody';
    my ($jail) = $manual =~ /^```ini\n(.*?)^```$/ms;
    my %names = map { $_ => 1 } ($jail // '') =~ /^filter\s*=\s*(\S+)$/mg;
    is_deeply [ sort keys %names ], [ 'reqnotes-auth', 'reqnotes-scan' ], 'the manual has a jail for each filter';
};

sub sql {
    my ($query, @files) = @_;
    my $text = run_tool(tool('lnav'), '-n', '-c', ";$query", '-c', ':write-csv-to -', @files);
    my (undef, @rows) = split /\n/, $text;
    return \@rows;
}

subtest 'lnav' => sub {
    like run_tool(tool('lnav'), '-i', 'conf/lnav/reqnotes.json'), qr/installed/, 'the format is one of lnav';
    my ($query) = $manual =~ /^lnav -n -c ";(SELECT .*)" -c /m;
    my @files = @file{qw(access messages)};
    my $rows = sql($query, @files);
    is scalar(@$rows), 4, 'all lines of a user, of both logs' or diag explain $rows;
    is scalar(grep { /,warning,/ && /a message/ } @$rows), 2, '... with their messages and levels';
    is scalar(grep { /,500,/ } @$rows), 1, '... and their statuses';
    my $all = sql('SELECT count(*), count(DISTINCT trace_id), sum(status > 0) FROM reqnotes', @files);
    my ($lines, $traces) = map { my $what = $_; scalar(map { $httpd->lines($_) } qw(access messages)) } 1;
    my %traces = map { /"trace_id":"(\w+)"/ ? ($1 => 1) : () } map { $httpd->lines($_) } qw(access messages);
    my $access = () = $httpd->lines('access');
    is_deeply $all, [ join ',', $lines, scalar(keys %traces), $access ], 'every line is a row';
    is_deeply sql("SELECT count(*) FROM reqnotes WHERE client = '198.51.100.66'", @files), ['0'], 'none has an address that was forged';
    my $shown = run_tool(tool('lnav'), '-n', @files);
    unlike $shown, qr/[\x00-\x08\x0B-\x1F\x7F]/, 'a terminal finds nothing to obey';
};

# How many requests GoAccess finds, and for whom. It decodes paths, and writes what is then no UTF-8.
sub goaccess {
    my ($file, @options) = @_;
    unlink "$folder/report.json";
    my $text = run_tool(tool('goaccess'), $file, '--no-global-config', '--no-progress', '-o', "$folder/report.json", @options);
    my $report = -s "$folder/report.json" ? from_json(Httpd::slurp("$folder/report.json") =~ s/[\x80-\xFF]/?/gr) : return $text;
    return [ $report->{general}{valid_requests}, sort map { $_->{data} } @{ $report->{hosts}{data} } ];
}

subtest 'GoAccess' => sub {
    my ($command) = $manual =~ /^goaccess access.json (.*)$/m;
    my @options = map { s/'//gr } ($command // '') =~ /(--\S+='[^']*'|--\S+)/g;
    my @lines = $httpd->lines('access');
    my %clients = map { from_json($_)->{client} => 1 } @lines;
    my $found = [ scalar @lines, sort keys %clients ];
    is_deeply goaccess($file{access}, @options), $found, 'every request, with its client';
    my @dotted = map { s/"vhost"/"order.id":"7","vhost"/r } @lines;
    isnt ref goaccess(file_of('dotted.log', @dotted), @options), 'ARRAY', 'a name with a dot makes every line unreadable, as the manual warns';
    my ($jq) = $manual =~ /^jq -c '(with_entries.*)' access.json \| goaccess - /m;
    file_of('plain.log', split /\n/, run_tool('jq', '-c', $jq, "$folder/dotted.log"));
    is_deeply goaccess("$folder/plain.log", @options), $found, '... and jq takes it away';
};

# What the manual shows of grep and jq, with logs of the names that it has, and the user, the key
# and the trace of its examples.
subtest 'grep and jq' => sub {
    mkdir "$folder/logs";
    my $trace = from_json((grep { /"user_id":"5555".*"status":500/ } $httpd->lines('access'))[0])->{trace_id};
    my %logs = map { $_->[1] => [ map { s/$trace/b44d3574ed98f833d6d4f01cf4f0373a/r } $httpd->lines($_->[0]) ] }
        [ access => 'access.json' ], [ messages => 'error.json' ], [ logfmt => 'access.logfmt' ], [ error => 'error.log' ];
    file_of("logs/$_", @{ $logs{$_} }) for keys %logs;
    my %has = (access => [ map { from_json($_) } @{ $logs{'access.json'} } ], error => [ map { from_json($_) } @{ $logs{'error.json'} } ]);
    my %checks = (
        qr/"user_id":"5555"' logs.access.json$/m => sub { is scalar(() = $_[0] =~ /"user_id":"5555"/g), 2, 'a user, by grep' },
        qr/-F -f - logs.error.log/ => sub { like $_[0], qr/b44d3574ed98f833d6d4f01cf4f0373a/, 'error lines of what failed' },
        qr/\.level\) \\\(\.message/ => sub { is scalar(() = $_[0] =~ / warn a message/g), 2, 'error lines of a user' },
        qr/sort_by\(\.time/ => sub { is scalar(() = $_[0] =~ /"time":/g), 2, 'both logs of a trace' },
        qr/\@csv/ => sub { is scalar(() = $_[0] =~ /\n/g), scalar @{ $has{access} }, 'a row for each request' },
        qr/group_by\(\.api_key/ => sub { like $_[0], qr/^9f8e77aa 1 0%$/m, 'errors by API key' },
        qr/failed\[minute/ => sub { my $sum = 0; $sum += $1 while $_[0] =~ / (\d+) \d+$/mg; is $sum, scalar @{ $has{access} }, 'requests of each minute' },
        qr/--arg since/ => sub { like $_[0], qr{^ +1 /app$}m, 'what failed in the last hour' },
        qr/length \* 95/ => sub { like $_[0], qr/^\d+$/, 'a percentile' },
    );
    for my $block ($manual =~ /^```sh\n(.*?)^```$/msg) {
        next if $block =~ /^(?:lnav|goaccess)/;
        open my $shell, '-|', 'sh', '-c', 'cd "$1"; exec 2>&1; set -e; eval "$2"', 'sh', $folder, $block or die $!;
        my $text = do { local $/; <$shell> };
        ok close $shell, 'ends well: ' . ($block =~ /^(.*)/)[0] or diag $text;
        isnt $text // '', '', '... and finds something';
        my ($check) = grep { $block =~ $_ } keys %checks;
        (delete $checks{$check})->($text) if $check;
    }
    is_deeply [ keys %checks ], [], 'every block that is looked at is there';
};

done_testing;
