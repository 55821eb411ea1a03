# packages: fail2ban lnav logwatch goaccess libapache2-mod-security2 libapache2-mod-evasive
# What reads httpd's own logs reads ours: as many failures for each of Debian's fail2ban filters,
# as many messages for logwatch and lnav, as many requests for GoAccess. Under each MPM, on the
# failures of a real httpd, without a fact and with one on each line.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Digest::MD5 qw(md5_hex);
use File::Temp qw(tempdir);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Tools;

my $shipped = Httpd::slurp('conf/reqnotes.conf');
my ($format) = $shipped =~ /^\s*#?(ErrorLogFormat .*)$/m;
my ($classic) = $shipped =~ /^\s*(LogFormat .* reqnotes_classic)$/m;

# These want nothing behind their messages, so that a line with a fact can be lost to them.
my %to_the_end = map { $_ => 1 } qw(apache-botsearch apache-shellshock);

my $serial = 0;
my $folder = tempdir('readers-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# A fact that a client sends, to be read as something else.
my $fact = 'a, "b=1"] client 192.0.2.9:1] client denied by server configuration';

# How the same failures are logged: by httpd alone, by the shipped format before and after a fact
# is known, and in a shape that filters do not read, which shows that this test can tell.
my %shapes = (
    own   => { reqnotes => 0 },
    ours  => { conf => "ReqNotes On\n$format\n" },
    facts => { conf => "ReqNotes On\nReqNotesField user_id request:X-Who\n$format\n$classic\n" . <<'CONF', fact => $fact },
CustomLog @DIR@/logs/classic.log reqnotes_classic
CustomLog @DIR@/logs/json.log "%^RJ"
CustomLog @DIR@/logs/usual.log "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
CONF
    wrong => { conf => "ReqNotes On\n" . ($format =~ s/ %M/ [%-L] %M/r) . "\n" },
);

my $conf = <<'CONF';
LogLevel info
StartServers 1
<IfModule mpm_prefork_module>
  MaxRequestWorkers 1
</IfModule>
<IfModule !mpm_prefork_module>
  ServerLimit 1
  ThreadsPerChild 25
  MaxRequestWorkers 25
</IfModule>
LimitRequestLine 1000
CustomLog @DIR@/logs/access.log "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
# apache-fakegooglebot wants one word more than the usual formats have.
CustomLog @DIR@/logs/access.log "%h %l %u %t %v \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
SecRuleEngine On
SecRule REQUEST_URI "@contains attack" "id:1,phase:1,deny,status:403,log,msg:'An attack'"
DOSPageCount 20
DOSPageInterval 60
DOSSiteCount 1000
DOSLogDir @DIR@/run
ScriptAlias /cgi-bin/ @DIR@/cgi-bin/
<IfModule cgid_module>
  ScriptSock @DIR@/run/cgid
</IfModule>
LuaMapHandler ^/say @DIR@/say.lua handle
<Location /denied>
  Require all denied
</Location>
<LocationMatch "^/(basic|knocking)">
  AuthType Basic
  AuthName basic
  AuthBasicProvider file
  AuthUserFile @DIR@/conf/basic
  Require user alice
</LocationMatch>
<Location /digest>
  AuthType Digest
  AuthName digest
  AuthDigestProvider file
  AuthUserFile @DIR@/conf/digest
  Require valid-user
</Location>
<Directory "@DIR@/www">
  <FilesMatch "\.fpm$">
    SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost/"
  </FilesMatch>
</Directory>
CONF

# Logs what the query says: for messages of software that is not here.
my $say = <<'LUA';
function handle(r)
    r:err(r:unescape(r.args))
    return apache2.OK
end
LUA

sub basic { return { Authorization => 'Basic ' . encode_base64(join(':', @_), '') } }

# The credentials of a digest, with the challenge of the server; `%wrong` replaces parts of them.
sub digest {
    my ($httpd, $user, $password, %wrong) = @_;
    my ($nonce) = $httpd->get('/digest')->{headers}{'www-authenticate'} =~ /nonce="([^"]+)"/;
    my %part = (username => $user, realm => 'digest', nonce => $nonce, uri => '/digest', cnonce => 'c',
        nc => '00000001', qop => 'auth', algorithm => 'MD5', %wrong);
    my $ha1 = md5_hex("$user:$part{realm}:$password");
    $part{response} = md5_hex(join ':', $ha1, @part{qw(nonce nc cnonce qop)}, md5_hex("GET:/digest"));
    return { Authorization => 'Digest ' . join(', ', map { qq($_="$part{$_}") } sort keys %part) };
}

# Everything that a filter looks for, and something that none does.
sub fail_in_every_way {
    my ($httpd, $fact) = @_;
    my @who = defined $fact ? ('X-Who' => $fact) : ();
    my $get = sub { $httpd->get($_[0], { @who, %{ $_[1] || {} } }) };
    my $raw = sub { $httpd->raw("$_[0]\r\nHost: x\r\nConnection: close\r\n" . (@who ? "X-Who: $fact\r\n" : '') . "\r\n") };

    $get->('/denied');
    $get->('/basic', basic(@$_)) for [ 'mallory', 'x' ], [ 'alice', 'wrong' ], [ 'bob', 'right' ], [ 'a b', 'c' ];
    $get->('/basic', digest($httpd, 'alice', 'right'));
    $get->('/digest', digest($httpd, @$_)) for [ 'mallory', 'x' ], [ 'alice', 'wrong' ], [ 'alice', 'right', nonce => 'short' ],
        [ 'alice', 'right', realm => 'another' ], [ 'alice', 'right', algorithm => 'SHA-9' ], [ 'alice', 'right', qop => 'none' ];
    $get->($_) for qw(/a.php /b.asp /c.exe /d.pl /cgi-bin/none.pl /missing.fpm /~root/ /phpmyadmin/
        /wp-login.php /mail/ /myadmin), '/pma?x=1', '/attack';
    $get->('/phpmyadmin/a', { Referer => 'http://example.com/x,y' });
    $raw->($_) for 'GET /' . 'a' x 2000 . ' HTTP/1.1', 'NONSENSE / HTTP/1.1', 'GET nothing HTTP/1.1', 'GET /%zz HTTP/1.1',
        "GET /\x01 HTTP/1.1";
    $get->("/say?$_") for '/bin/bash:%20warning:%20HTTP_X:%20ignoring%20function%20definition%20attempt',
        '/bin/sh:%20error%20importing%20function%20definition%20for%20%60HTTP_Y%27', 'just%20a%20message';
    $get->('/', { 'User-Agent' => $_ }) for 'EmailCollector', 'Mozilla/5.0 (compatible; Googlebot/2.1)', 'test';
    $get->('/knocking/', { 'User-Agent' => 'knock', %{ basic('alice', 'right') } });
    $get->('/again') for 1 .. 24;
}

# The lines of a server that has failed in every way.
sub failures {
    my ($mpm, $shape) = @_;
    my $cgi = $mpm eq 'prefork' ? 'cgi' : 'cgid';
    my $httpd = Httpd->prepare(mpm => $mpm, php => $mpm eq 'prefork',
        modules => [qw(authn_core authn_file auth_basic auth_digest authz_user lua proxy proxy_fcgi unique_id), $cgi],
        files => {
            'say.lua' => $say, 'www/index.html' => "x\n", 'www/knocking/index.html' => "x\n", 'cgi-bin/x' => "#!/bin/sh\n",
            'conf/basic'  => join('', map { "$_:" . crypt('right', 'ab') . "\n" } qw(alice bob)),
            'conf/digest' => 'alice:digest:' . md5_hex('alice:digest:right') . "\n",
        },
        reqnotes => 1, %$shape,
        conf => join '', (map { "LoadModule ${_}_module " . tool_file("/usr/lib/apache2/modules/mod_$_.so") . "\n" }
            qw(security2 evasive20)), $conf, $shape->{conf} // '');
    start_fpm($httpd);
    $httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");
    fail_in_every_way($httpd, $shape->{fact});
    $httpd->stop;
    # Each line is of one server, and known again when a reader shows it.
    my %lines = map { $_ => [ map { s/\Q$httpd->{dir}\E/$folder/gr =~ s/\s+\z//r } $httpd->lines($_) ] } qw(error access classic json usual);
    s/ \K(?=\d+ "[^"]*" "[^"]*"\z)/++$serial/e for @{ $lines{access} };
    return \%lines;
}

# Puts lines of all servers into one file, and gives its name: a reader takes a second to start.
sub file_of {
    my ($name, @lines) = @_;
    my $file = "$folder/$name";
    open my $out, '>:raw', $file or die "$file: $!";
    print $out map { "$_\n" } @lines;
    close $out or die "$file: $!";
    return $file;
}

# How many lines of each server a filter matches.
sub matches {
    my ($filter, $log, $options, $ran) = @_;
    my %from;
    for my $server (keys %$ran) { $from{$_} = $server for @{ $ran->{$server}{$log} } }
    my $text = run_tool('python3', tool('fail2ban-regex'), '-c', tool_file('/etc/fail2ban'), '--print-all-matched',
        file_of('lines.log', keys %from), tool_file("/etc/fail2ban/filter.d/$filter.conf") =~ s/\.conf\z/$options/r);
    $text =~ /^Lines: \d+ lines, \d+ ignored, \d+ matched/m or BAIL_OUT("fail2ban-regex: $text");
    my %count = map { $_ => 0 } keys %$ran;
    my ($shown) = $text =~ /^\|- Matched line\(s\):\n(.*?)^`-/ms;
    for my $line (($shown // '') =~ /^\|  (.*?)\s*$/mg) {
        defined $from{$line} ? $count{ $from{$line} }++ : BAIL_OUT("fail2ban-regex shows an unknown line: $line");
    }
    return \%count;
}

my @mpms = qw(event worker prefork);
my %ran;
for my $mpm (@mpms) { $ran{"$mpm $_"} = failures($mpm, $shapes{$_}) for sort keys %shapes }

subtest 'fail2ban' => sub {
    my @filters = grep { !/common/ } map { m{([^/]+)\.conf$} } glob tool_file('/etc/fail2ban/filter.d') . '/apache-*.conf';
    my %options = ('apache-botsearch' => "[webroot=\"$folder/www/\"]");
    for my $filter ((map { [ $_, $options{$_} // '' ] } @filters), [ 'apache-auth', '[mode="aggressive"]' ]) {
        my ($name, $options) = @$filter;
        my $log = $name =~ /badbots|fakegooglebot|pass/ ? 'access' : 'error';
        my $count = matches($name, $log, $options, \%ran);
        for my $mpm (@mpms) {
            my %of = map { $_ => $count->{"$mpm $_"} } keys %shapes;
            my $title = "$name$options, $mpm";
            note "$title: ", join ' ', map { "$_=$of{$_}" } qw(own ours facts wrong);
            cmp_ok $of{own}, '>', 0, "$title: matches httpd's own lines";
            is $of{ours}, $of{own}, '... and as many of ours';
            is $of{facts}, $of{own}, '... and of those with a fact' unless $to_the_end{$name};
            is $of{wrong}, 0, '... and would none of another shape' if $log eq 'error';
        }
    }
};

# What the servers of an MPM logged about requests.
sub of_requests { return grep { /\[client / } @{ $ran{$_[0]}{error} } }

# How often lnav finds each value of some columns, for each server.
sub lnav {
    my ($format, @columns) = @_;
    my %file = map { $_ => file_of("$_.log" =~ s/ /-/r, of_requests($_)) } keys %ran;
    my $columns = join ', ', 'log_path', @columns;
    my $text = run_tool(tool('lnav'), '-n', '-c', ";SELECT $columns, count(*) FROM $format GROUP BY $columns",
        '-c', ':write-csv-to -', values %file);
    return map { $_ => { $text =~ /^\Q$file{$_}\E,(.*),(\d+)$/mg } } keys %ran;
}

subtest 'lnav' => sub {
    my %read = lnav('error_log', 'log_level', 'module', 'log_time IS NOT NULL');
    my %client = lnav('error_log', 'log_level', 'module', 'c_ip', 'pid > 0', 'tid > 0', "log_body LIKE '[%'");
    run_tool(tool('lnav'), '-i', 'conf/lnav/reqnotes_error.json');
    my %ours = lnav('reqnotes_error', 'log_level', 'module', 'c_ip', 'pid > 0', 'tid > 0', "log_body LIKE '[%'");
    my %traced = lnav('reqnotes_error', 'length(trace_id)');
    for my $mpm (@mpms) {
        my $own = $read{"$mpm own"};
        cmp_ok scalar(keys %$own), '>', 5, "$mpm: lnav knows httpd's own levels and modules";
        for my $shape (qw(ours facts)) {
            is_deeply $read{"$mpm $shape"}, $own, "... and the same of $shape";
            is_deeply $ours{"$mpm $shape"}, $client{"$mpm own"}, '... with our format for it, the pid and the client too';
            is_deeply $traced{"$mpm $shape"}, { 32 => scalar of_requests("$mpm $shape") }, '... and the trace IDs';
        }
    }
};

# The program itself, with the place that it is unpacked to for the one that is written in it.
sub logwatch {
    my (@lines) = @_;
    my $base = tool_file('/usr/share/logwatch');
    my $program = Httpd::slurp("$base/scripts/logwatch.pl") =~ s{"/usr/share/logwatch"}{"$base"}r =~ s{"/etc/logwatch"}{"$folder/etc"}r;
    file_of('logwatch.pl', $program);
    mkdir "$folder/$_" for qw(apache2 cache);
    file_of('apache2/error.log', @lines);
    my $text = run_tool($^X, "$folder/logwatch.pl", '--logdir', $folder, '--service', 'http-error', '--range', 'all',
        '--detail', '5', '--output', 'stdout', '--format', 'text');
    return { $text =~ /(\w+ code: AH\d+):\s+(\d+) Time/g };
}

subtest 'logwatch' => sub {
    for my $mpm (@mpms) {
        my $own = logwatch(of_requests("$mpm own"));
        cmp_ok scalar(keys %$own), '>', 5, "$mpm: logwatch counts httpd's own messages";
        is_deeply logwatch(of_requests("$mpm $_")), $own, "... and ours ($_)" for qw(ours facts);
    }
};

# How many requests GoAccess finds, and the lines that it cannot read.
sub goaccess {
    my ($name, $lines, @options) = @_;
    my ($report, $unread) = ("$folder/$name.json", "$folder/unread");
    unlink $report, $unread;
    my $text = run_tool(tool('goaccess'), file_of("$name.log", @$lines), '--no-global-config', '--no-progress', '-o', $report,
        "--invalid-requests=$unread", @options);
    my $found = -s $report ? from_json(Httpd::slurp($report))->{general}{valid_requests} : $text;
    return [ $found, Httpd::slurp($unread) ];
}

subtest 'GoAccess' => sub {
    my $page = Httpd::slurp('docs/reading.md');
    my %options = (usual => ['--log-format=COMBINED']);
    for my $name (qw(json classic)) {
        my $file = $name eq 'json' ? 'access.json' : 'access.log';
        my ($command) = $page =~ /^goaccess $file (.*)$/m;
        $options{$name} = [ $command =~ /(--\S+='[^']*'|--\S+)/g ];
        s/'//g for @{ $options{$name} };
    }
    for my $mpm (@mpms) {
        for my $name (qw(usual json classic)) {
            # What GoAccess is told to be a method must be one.
            my @lines = grep { !/"method":"NONSENSE"/ } @{ $ran{"$mpm facts"}{$name} };
            cmp_ok scalar(@lines), '>', 60, "$mpm: there is a $name log";
            is_deeply goaccess($name, \@lines, @{ $options{$name} }), [ scalar @lines, '' ],
                '... and GoAccess finds a request in each line';
        }
    }
};

done_testing;
