# packages: rsyslog python3-yaml
# The files of docs/shippers/ for tools that cannot be had: they are what their format allows, name our logs
# and no field that our lines do not have, and say first that their tool has not read them. The lines of
# docs/operations.md for syslog and journald, with the real logger, rsyslogd, systemd-cat and journald:
# what arrives, and what becomes of a line that is too long.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Httpd;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Socket qw(SOCK_DGRAM SOL_SOCKET SO_RCVBUF);
use Test::More;
use Tools;

my $lua = <<'LUA';
function handle(r)
    local args = r:parseargs()
    for name, value in pairs(args) do r.notes[name] = value end
    r.notes.user_id, r.notes.api_key, r.notes.api_method = "5555", "9f8e77aa", "photos.search"
    if args.long then r.notes.long = string.rep("l", tonumber(args.long)) end
    r:err("it failed")
    return apache2.OK
end
LUA

sub server {
    my ($conf, %more) = @_;
    my $httpd = Httpd->prepare(modules => ['lua'], files => { 'facts.lua' => $lua }, conf => <<'CONF' . $conf, %more);
ReqNotes On
ReqNotesField long max=65535
LuaMapHandler ^/facts @DIR@/facts.lua handle
CONF
    return $httpd;
}

sub get { return $_[0]->get('/facts?' . ($_[1] // 'q=1'), { 'User-Agent' => "zo\xc3\xab \"},{'" }) }

# --- Files that their tools have not read ---

my %parser = (
    yaml => 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))',
    toml => 'import json, sys, tomllib; print(json.dumps(tomllib.loads(sys.stdin.read())))',
);

sub parse {
    my ($file) = @_;
    my ($kind) = $file =~ /\.(ya?ml|toml)$/;
    my $text = qx{/usr/bin/python3 -c '$parser{ $kind =~ s/yml/yaml/r }' <'$file' 2>&1};
    return $text =~ /^[{]/ ? from_json($text) : BAIL_OUT("$file: $text");
}

# All that is a text in a structure.
sub texts { return map { ref eq 'HASH' ? texts(values %$_) : ref eq 'ARRAY' ? texts(@$_) : $_ // () } @_ }

subtest 'files that their tools have not read' => sub {
    my $httpd = server("CustomLog \@DIR\@/logs/access.log \"%^RJ\"\nReqNotesErrorLog \@DIR\@/logs/json.log\n");
    $httpd->run or BAIL_OUT($httpd->{output});
    get($httpd);
    my ($access, $error) = ($httpd->json('access', qr/5555/), $httpd->json('json', qr/5555/));
    $httpd->stop;
    my %name = map { $_ => 1 } keys %$access, keys %$error;

    my @logs = map { "/var/log/apache2/$_.log" } Httpd::slurp('conf/reqnotes.conf') =~ m{\$\{REQNOTES_LOG_DIR\}/(\w+)\.log}g;
    is scalar(@logs), 2, 'the shipped configuration has two logs';
    my $page = Httpd::slurp('docs/machines.md');
    for my $file (grep { !m{/(?:rsyslog\.conf|postgresql\.sql)$} } glob 'docs/shippers/*') {
        my $text = Httpd::slurp($file);
        my ($name) = $file =~ m{([^/]+)$};
        like $text, qr/\A(?:#|\/\/) Not checked with \w[\w ]* itself/, "$name says so first";
        like $page, qr/\Q(shippers\/$name)\E.*not checked/, '... and so does the page';
        my @paths;
        if ($name =~ /\.alloy$/) {
            my $bare = $text =~ s/"(?:[^"\\\n]|\\.)*"/""/gr =~ s{//.*}{}gr;
            unlike $bare, qr/^[^"]*"[^"]*$/m, '... its strings end';
            1 while $bare =~ s/\{[^{}()\[\]]*\}|\[[^{}()\[\]]*\]|\([^{}()\[\]]*\)//;
            unlike $bare, qr/[{}()\[\]]/, '... and so do its blocks';
            @paths = $text =~ /"(\/var\/[^"]*)"/g;
            my @names = map { /(\w+) = ""/g } $text =~ /(?:expressions|values)\s*= \{(.*)\}/g;
            is_deeply [ grep { !$name{$_} } @names ], [], '... its fields are ours';
            cmp_ok scalar(@names), '>', 8, '... all of them';
            my %component = map { $_ => 1 } map { s/["\s]+/./gr =~ s/\.$//r } $text =~ /^(\w[\w.]* "\w+") \{/mg;
            is_deeply [ grep { !$component{$_} } $text =~ /= \[?([\w.]+)\.(?:targets|receiver)/g ], [], '... and what is named is there';
        }
        else {
            @paths = grep { m{^/var/log/} } texts(parse($file));
            my @names = map { $_, () } $text =~ /(?:time_key: |\.record\.|reqnotes\.)(time|\w+_id)\b/g;
            is_deeply [ grep { !$name{$_} } @names ], [], '... its fields are ours';
            cmp_ok scalar(@names), '>', 0, '... and it has some';
        }
        is_deeply [ sort keys %{ { map { s/\.1$//r => 1 } @paths } } ], [ sort @logs ], '... it reads both logs and no other';
    }
    my ($fluent, $beats) = map { parse("docs/shippers/$_") } 'fluent-bit.yaml', 'filebeat.yml';
    my $format = $fluent->{parsers}[0]{time_format} =~ s/\.%L/.\\d+/r =~ s/%[YmdHMS]/\\d+/gr;
    like $access->{time}, qr/\A$format\z/, 'Fluent Bit is told the form of our time';
    my $layout = $beats->{processors}[0]{timestamp}{layouts}[0];
    is $access->{time} =~ s/\d/0/gr, $layout =~ s/\d/0/gr, '... and so is Filebeat';
    my $vector = parse('docs/shippers/vector.toml');
    my %made = map { $_ => 1 } keys %{ $vector->{sources} }, keys %{ $vector->{transforms} };
    is_deeply [ grep { !$made{$_} } map { @{ $_->{inputs} } } values %{ $vector->{transforms} }, values %{ $vector->{sinks} } ], [], 'what Vector takes in is there';
};

# --- The lines of the manual for programs ---

my $manual = Httpd::slurp('docs/operations.md');

# The directives of a row of the table, with their programs as the test runs them.
sub row {
    my ($to, $change) = @_;
    my ($access, $error) = $manual =~ /^\| \Q$to\E \| `(CustomLog .*?)` \| `(ReqNotesErrorLog .*?)` \|$/m or BAIL_OUT("no row for $to");
    return join '', map { s/\\\|/|/r =~ s/$change->[0]/$change->[1]/r . "\n" } $access, $error;
}

# A socket of datagrams, of ours.
sub listener {
    my ($path) = @_;
    unlink $path;
    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
    chmod 0666, $path;
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4_000_000;
    return $socket;
}

# So many datagrams, by their tags, without what stands before the text.
sub datagrams {
    my ($socket, $count) = @_;
    my %of;
    my $select = IO::Select->new($socket);
    while ($count && $select->can_read(10)) {
        sysread $socket, my $text, 200_000;
        my ($tag, $line) = $text =~ /\A<\d+>(?:1 \S+ \S+ |\w+ +\d+ [\d:]+ )(httpd-\w+)(?: - - \[timeQuality [^\]]*\] |: )(.*)\z/s or die "not syslog: $text";
        next if $line =~ /"module":"(?:core|mpm_\w+)"/;  # its start
        push @{ $of{$tag} }, $line;
        --$count;
    }
    return \%of;
}

sub is_whole {
    my ($of, $what) = @_;
    for my $tag (qw(httpd-access httpd-error)) {
        my ($line, @more) = @{ $of->{$tag} || [] };
        is scalar(@more), 0, "$what: one line of $tag";
        is eval { from_json($line)->{user_id} }, 5555, '... that is a record' or diag $line;
    }
    return length $of->{'httpd-access'}[0];
}

subtest 'logger' => sub {
    my $httpd = server('');
    my $socket;
    my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0) or die $!;
    my $to = "logger -u $httpd->{dir}/run/log";
    my $run = sub {
        $socket = listener("$httpd->{dir}/run/log");
        $httpd->set_conf($httpd->{conf} =~ s/^(?:CustomLog|ReqNotesErrorLog|ReqNotesLineLimit).*\n//mgr . $httpd->fill_in($_[0]));
        $httpd->run or BAIL_OUT($httpd->{output});
    };
    my @syslog = ('syslog', [ qr/\blogger\b/, $to ]);

    $run->(row(@syslog));
    get($httpd);
    is_whole(datagrams($socket, 2), 'a short line');
    get($httpd, 'long=9000');
    is is_whole(datagrams($socket, 2), 'a line that is cut to ReqNotesLineLimit') >> 6, 63, '... whose line is as long as it may be';
    close $socket;
    unlink "$httpd->{dir}/run/log";
    get($httpd);
    $socket = listener("$httpd->{dir}/run/log");
    ok wait_until(sub {
        get($httpd);
        my $of = datagrams($socket, 2);
        return $of->{'httpd-access'} && $of->{'httpd-error'};
    }), 'when syslog was away for a while, lines come again';
    $httpd->stop;

    $run->(row(@syslog) . "ReqNotesLineLimit 16384\n");
    get($httpd, 'long=12000');
    my $pieces = datagrams($socket, 4);
    is_deeply [ map { length } @{ $pieces->{'httpd-access'} } ], [ 8192, length($pieces->{'httpd-access'}[1]) ], 'a line above --size comes in two pieces';
    is eval { from_json(join '', @{ $pieces->{'httpd-access'} })->{user_id} }, 5555, '... which are one record together';
    $httpd->stop;

    $run->(row(@syslog) =~ s/ --size 8KiB//gr);
    get($httpd, 'long=9000');
    is_deeply [ map { length >> 6 } @{ datagrams($socket, 8)->{'httpd-access'} } ], [ 16, 16, 16, 15 ], 'without --size, each piece has 1 KB';
    $httpd->stop;

    $run->(row(@syslog) =~ s/ --size 8KiB//gr . "ReqNotesLineLimit 1024\n");
    get($httpd, 'long=9000');
    is is_whole(datagrams($socket, 2), 'ReqNotesLineLimit 1024 without --size') >> 6, 15, '... is whole again';
    $httpd->stop;

    $run->(row('syslog', [ qr/\blogger\b/, 'logger -n 127.0.0.1 -P ' . $udp->sockport . ' -d' ]));
    get($httpd, 'long=9000');
    is is_whole(datagrams($udp, 2), 'over UDP to another machine') >> 6, 63, '... in one datagram, of RFC 5424';
    $httpd->stop;
};

subtest 'logger and rsyslogd' => sub {
    my $httpd = server('');
    my $dir = $httpd->{dir};
    my ($text) = $manual =~ /^```text\n(module\(load="mmjsonparse".*?)^```/ms or BAIL_OUT('no block for rsyslog');
    my $conf = $httpd->add_file('conf/rsyslog.conf', <<"CONF" . $text =~ s{/var/log/}{$dir/logs/}gr);
global(workDirectory="$dir/run")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" socket="$dir/run/log" RateLimit.Interval="0")
CONF
    my $pid = Backend::spawn(sub { -S "$dir/run/log" }, "$dir/logs/rsyslogd.out", tool('rsyslogd'), '-n', '-f', $conf, '-i', "$dir/run/rsyslogd.pid", '-M', tool_file('/usr/lib/*/rsyslog'));
    chmod 0666, "$dir/run/log";
    $httpd->set_conf($httpd->{conf} . row('syslog', [ qr/\blogger\b/, "logger -u $dir/run/log" ]));
    $httpd->run or BAIL_OUT($httpd->{output});
    get($httpd, 'long=9000');
    for my $log (qw(httpd-access httpd-error)) {
        my $record = $httpd->json($log, qr/5555/);
        is $record->{user_id}, 5555, "rsyslogd writes the record of $log";
        is $record->{client}, '127.0.0.1', '... with all that it has';
    }
    $httpd->stop;
    run_tool('/usr/bin/logger', '-u', "$dir/run/log", '-t', 'httpd-access', '--size', '64KiB', 'x' x 12000);
    my $line = $httpd->line('httpd-other', qr/xxx/);
    cmp_ok length $line, '<', 8192, 'a line above 8 KB is cut by rsyslogd, and is no record then';
    kill TERM => $pid;
};

subtest 'journald' => sub {
    my $journald = '/usr/lib/systemd/systemd-journald';
    plan skip_all => 'journald needs root, and a namespace of its own' unless $> == 0 && -x $journald && -x '/usr/bin/systemd-cat' && system('unshare -m true 2>/dev/null') == 0;
    my $httpd = server(row('journald', [ qr/x^/, '' ]));
    my $dir = $httpd->{dir};
    mkdir "$dir/journal";
    # A /run of their own, in which journald makes its sockets.
    my $enter = $httpd->add_file('enter', <<"SH");
#!/bin/sh
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
mount --bind $dir/journal /run/log/journal
printf '[Journal]\\nRateLimitBurst=0\\n' >$dir/journald.conf
mount --bind $dir/journald.conf /etc/systemd/journald.conf
$journald >$dir/logs/journald 2>&1 &
echo \$! >$dir/run/journald
until [ -S /run/systemd/journal/stdout ]; do sleep 0.1; done
exec "\$\@"
SH
    $httpd->{under} = [ 'unshare', '-m', $enter ];
    $httpd->run or BAIL_OUT($httpd->{output} . Httpd::slurp("$dir/logs/journald"));
    my $journal = sub { return grep { /user_id|yyy/ } split /\n/, run_tool('journalctl', '-D', "$dir/journal", '-q', '-o', 'cat', '-t', @_) };
    get($httpd);
    get($httpd, 'long=9000');
    my %of;
    for my $tag (qw(httpd-access httpd-error)) {
        ok wait_until(sub { (@{ $of{$tag} } = $journal->($tag)) >= 2 }), "$tag has both lines";
        is scalar(grep { from_json($_)->{user_id} eq '5555' } @{ $of{$tag} }), 2, '... and they are records';
    }
    my ($line) = grep { length > 4000 } @{ $of{'httpd-access'} };
    is length($line) >> 6, 63, '... a long one is whole';
    like from_json($line)->{user_agent}, qr/^zo\x{eb} "\},\{'/, '... as the client wrote it';
    my $cat = sub { run_tool('nsenter', '-t', $httpd->{pid}, '-m', 'sh', '-c', "printf '%0$_[0]d\\n' 0 | tr 0 y | systemd-cat -t long-$_[0]") };
    for my $case ([ 49151 => 49151 ], [ 60000 => 49152, 10848 ]) {
        my ($size, @pieces) = @$case;
        $cat->($size);
        my @found;
        ok wait_until(sub { @found = $journal->("long-$size"); @found == @pieces }), "a line of $size bytes";
        is_deeply [ map { length } @found ], \@pieces, @pieces > 1 ? '... is cut at 48 KB' : '... is whole';
    }
    $httpd->stop;
    kill TERM => Httpd::slurp("$dir/run/journald") =~ /(\d+)/;
};

done_testing;
