# Feature flags by a real server: flipped by a file, on the lines of those who asked, turned off by
# errors; and what must never happen.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Metrics;
use Test::More;
use IO::Handle;
use POSIX qw(mkfifo);
use Time::HiRes qw(time sleep);

my $lua = <<'LUA';
function handle(r)
    local flags = r.subprocess_env["FLAGS"] or ""
    local has = {}
    for name in flags:gmatch("[%w_]+") do has[name] = true end
    local asked = {}
    for name in (r.args or ""):gmatch("ask=([%w_]+)") do
        asked[#asked + 1] = (has[name] and "" or "-") .. name
    end
    if #asked > 0 then r.notes["flags"] = table.concat(asked, ",") end
    local header = (r.args or ""):match("header=([%w_-]+)")
    r:write(header and (r.headers_in[header] or "none") or "[" .. flags .. "]")
    if (r.args or ""):find("all=fails") then return 500 end
    if (r.args or ""):find("fails") and has["search_v2"] and #asked > 0 then return 500 end
    return apache2.OK
end
LUA

my $conf = <<"CONF";
ReqNotes On
ReqNotesFlags \@DIR\@/flags/main by=request:X-Uid header=X-Flags trips=\@DIR\@/flags/trips
ReqNotesThreshold flags tripped above=0
CustomLog \@DIR\@/logs/access.log "%^RJ"
LuaMapHandler ^/api \@DIR\@/h.lua handle
LogLevel info
MaxKeepAliveRequests 0
$location
RewriteEngine On
RewriteRule ^/again /api [PT]
<Location "/degraded">
  <If "reqenv('FLAGS') !~ /\\bsearch_v2\\b/">
    Redirect 503 /
  </If>
</Location>
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  ServerName other
  ReqNotesFlags \@DIR\@/flags/other
</VirtualHost>
CONF

my $httpd = Httpd->prepare(modules => [ 'lua', 'rewrite', 'alias' ], conf => $conf,
    files => { 'www/x' => 'x', 'www/degraded/x' => 'x', 'h.lua' => $lua, 'flags/other' => "only_other on\n" });

# Puts a file in place as a whole.
sub put_file {
    my ($name, $text) = @_;
    open my $out, '>', "$httpd->{dir}/flags/.new" or die $!;
    print $out $text;
    close $out;
    rename "$httpd->{dir}/flags/.new", "$httpd->{dir}/flags/$name" or die $!;
}
sub flags { put_file('main', @_) }
sub trips { put_file('trips', @_) }
sub seen { return $httpd->get('/api', @_)->{content} }
sub told { my ($id) = @_; return grep { /$id/ } $httpd->lines('error') }
sub becomes { my ($is) = @_; return wait_until(sub { seen() eq "[$is]" }, 5) }

flags("search_v2 on trip=20%/20/30s  # the search team\ncomments off # db07 rebuilding\n");
$httpd->run;

subtest 'flipped' => sub {
    ok becomes('search_v2'), 'a flag is on soon after the start';
    my $begin = time;
    flags("search_v2 on\ncomments on\nnew_upload off\n");
    ok becomes('search_v2,comments'), 'others after the file has changed';
    cmp_ok time - $begin, '<', 2.5, '... soon';
    is $httpd->get('/degraded/x')->{status}, 200, 'httpd itself asks';
    flags("search_v2 off\n");
    ok becomes(''), 'off';
    is $httpd->get('/degraded/x')->{status}, 503, '... and httpd follows';
    is scalar(told('RN0041: flags of \S+ that are on: search_v2,comments$')), 1, 'it is told';
};

subtest 'on the lines' => sub {
    flags("search_v2 on\n");
    becomes('search_v2');
    $httpd->get('/api?ask=search_v2&ask=comments&n=1');
    is_deeply $httpd->json('access', qr/n=1/)->{flags}, [ 'search_v2', '-comments' ], 'what was asked, and how it stood';
    $httpd->get('/api?n=2');
    ok !exists $httpd->json('access', qr/n=2/)->{flags}, '... and nothing where nothing was';
    is $httpd->get('/again')->{content}, '[search_v2]', 'a leg that is another one has the same';
};

subtest 'a file that is wrong' => sub {
    for ([ 'search_v2 off', 'is not whole' ], [ "search_v2 perhaps\n", 'line 1 needs on, off or a percentage' ], [ "x on\nsearch_v2 off\nx on\n", 'line 3 has a flag that a line before has' ],
        [ "x on\n" x 1 . '#' . 'x' x 20_000 . "\n", 'more than 16 KB' ]) {
        my ($text, $why) = @$_;
        flags($text);
        ok wait_until(sub { told("RN0039: .*$why") }, 5), "$why: told" or diag join "\n", told('RN0039');
        sleep 1.2;    # another look
        is seen(), '[search_v2]', '... and the flags stay';
        is scalar(told("RN0039: .*$why")), 1, '... told once';
    }
    unlink "$httpd->{dir}/flags/main";
    ok wait_until(sub { told('RN0039: .*does not exist') }, 5), 'a file that is gone: told';
    is seen(), '[search_v2]', '... and the flags stay';
    like $httpd->get('/reqnotes/')->{content}, qr/It is not read as it is: it does not exist/, '... as the page says';
    $httpd->graceful;
    is seen(), '[search_v2]', '... also over a restart';
    flags('');
    ok wait_until(sub { told('RN0039: .*is empty') }, 5), 'one with nothing in it: told';
    is seen(), '[search_v2]', '... and the flags stay';
    my ($is_good, $text) = $httpd->configtest;
    like $text, qr{error\].*RN0039: ReqNotesFlags: \S+/flags/main is empty}, '... also by a test of the configuration';
    ok $is_good, '... which does not hinder a restart';
    flags("search_v2 on\nsearch_v2 perhaps\n");
    like +($httpd->configtest)[1], qr/error\].*RN0039: .*line 2 has a flag that/, '... which tells the line';
    unlink "$httpd->{dir}/flags/main";
    like +($httpd->configtest)[1], qr/warn\].*RN0039: .*does not exist/, '... and that there is none';
    mkfifo("$httpd->{dir}/flags/main", 0644);
    ok wait_until(sub { told('RN0039: .*is no regular file') }, 5), 'a pipe: told';
    like +($httpd->configtest)[1], qr/error\].*RN0039: .*is no regular file/, '... and by a test';
    flags("search_v2 on\nlater on\n");
    ok becomes('search_v2,later'), 'nothing hangs';
    my ($is_kept, $begin) = (1, time);
    while (time - $begin < 4) {
        # As `> file` in a shell does it.
        open my $out, '>', "$httpd->{dir}/flags/main" or die $!;
        $out->autoflush(1);
        print $out "search_v2 on\n";
        sleep 0.06;
        $is_kept &&= seen() eq '[search_v2,later]';
        print $out "later on\n";
        close $out;
    }
    ok $is_kept, 'half of a file is not read';
    if ($> == 0) {
        mkdir "$httpd->{dir}/app";
        chmod 0777, "$httpd->{dir}/app";
        mkdir "$httpd->{dir}/app/below";
        $httpd->add_file('app/below/main', "evil on\n");
        unlink "$httpd->{dir}/flags/main";
        symlink "$httpd->{dir}/app/below/main", "$httpd->{dir}/flags/main";
        my $before = told('RN0039: .*can be changed by the server');
        ok wait_until(sub { told('RN0039: .*can be changed by the server') > $before }, 5), 'one below a folder of the application: told';
        flags("search_v2 on\n");
        becomes('search_v2');
    }
    flags("search_v2 on\n");
    chmod 0666, "$httpd->{dir}/flags/main";
    ok wait_until(sub { told('RN0039: .*can be changed by the server') }, 5), 'a file that the application may write: told' if $> == 0;
    flags("search_v2 on\n");
    becomes('search_v2');
};

# What visitors see, by one connection, with a hundred requests on their way at a time.
sub visits {
    my @users  = @_;
    my $socket = $httpd->connect;
    my @seen;
    while (my @some = splice @users, 0, 100) {
        print $socket map { "GET /api HTTP/1.1\r\nHost: x\r\nX-Uid: $_\r\n\r\n" } @some;
        my ($got, $answers) = (0, '');
        while ($got < @some && sysread $socket, $answers, 65536, length $answers) { $got = () = $answers =~ /\]/g }
        push @seen, $answers =~ /(\[[^\]]*\])/g;
    }
    return @seen;
}

subtest 'percentages' => sub {
    flags("half 50%\ntenth 10%\nnone 0%\nall 100%\nsearch_v2 on\n");
    ok wait_until(sub { seen() =~ /all/ }, 5), 'are read';
    my @first = visits(1 .. 10_000);
    is scalar(@first), 10_000, '10,000 visitors have answers';
    is scalar(grep { !/\ball\b/ || /none/ } @first), 0, '... 100% is all of them, and 0% none';
    # Six times the standard deviation.
    my @tenth = grep { /tenth/ } @first;
    cmp_ok abs(@tenth - 1000), '<', 180, '... and 10% a tenth, ' . @tenth;
    is_deeply [ visits(1 .. 10_000) ], \@first, '... who keep it';
    my %had = map { $_ => scalar($first[ $_ - 1 ] =~ /half/) } 1 .. 100;
    is join(' ', map { seen({ 'X-Uid' => $_ }) } 1 .. 100), join(' ', @first[ 0 .. 99 ]), '... by whatever connection';
    flags("half 80%\nall on\n");
    ok wait_until(sub { seen() !~ /search_v2/ }, 5), 'a larger share';
    is scalar(grep { $had{$_} && seen({ 'X-Uid' => $_ }) !~ /half/ } 1 .. 100), 0, '... takes it from none who had it';
};

subtest 'who does not choose' => sub {
    my $answer = $httpd->get('/api?x', { 'X-Flags' => 'evil', FLAGS => 'evil', Flags => 'evil' });
    unlike $answer->{content}, qr/evil/, 'a client';
    for my $name (qw(X-Flags X_Flags)) {
        like $httpd->get("/api?header=$name", { X_Flags => 'evil', 'x-flags' => 'evil' })->{content}, $name eq 'X-Flags' ? qr/^all(?!.*evil)/ : qr/^none$/, "... by the header $name";
    }
    unlike $httpd->get('/api?header=Connection', { Connection => 'x_flags, X-Flags, other' })->{content}, qr/flags/i, '... nor keeps them from a backend';
    my $other = do { local $httpd->{port} = $httpd->{port2}; $httpd->get('/api') };
    is $other->{content}, '[only_other]', 'a virtual host has its own';
    unlike seen(), qr/only_other/, '... and nobody else has them';
};

subtest 'a trip' => sub {
    my $line = 'search_v2 on trip=20%/20/10s';
    flags("$line\n");
    becomes('search_v2');
    # Everything fails: that is not the flag's doing.
    for (1 .. 60) { $httpd->get('/api?all=fails&ask=search_v2'); $httpd->get('/api?all=fails') }
    sleep 2.2;    # two looks
    is seen(), '[search_v2]', 'a flag stays on while all requests fail';
    ok wait_until(sub { $httpd->get('/api?ok') for 1 .. 30; $httpd->get('/api?ask=search_v2&fails') for 1 .. 10; seen() eq '[]' }, 30), 'one that fails alone is turned off';
    my ($message) = told('RN0040');
    like $message, qr/reqnotes:error\].*RN0040: flag search_v2 is turned off: of \d+ requests that had it in 10 s, \d+ failed, and of \d+ others \d+; it stays off until its line in \S+ changes trace_id=\w{32}$/, '... with a message';
    my ($trace) = ($message // '') =~ /trace_id=(\w+)/;
    is_deeply $httpd->json('access', qr/$trace/)->{flags}, ['search_v2'], '... and a trace of a request that had it';
    like $httpd->get('/reqnotes/')->{content}, qr{<td class=bad>tripped, \d+ % failed, }, '... on the page';
    is value_of($httpd, 'reqnotes_flag', flag => 'search_v2', state => 'tripped'), 1, '... in /metrics';
    ok wait_until(sub { $httpd->get('/reqnotes/check')->{content} =~ /CRITICAL - flags 1 \(above 0\)/ }, 5), '... and a threshold knows it';
    like Httpd::slurp("$httpd->{dir}/flags/trips"), qr/^search_v2 [0-9a-f]+ \d+ [\d.]+%$/m, '... and a file';
    flags("# a comment alone\n$line   # why\n");
    sleep 2.2;
    is seen(), '[]', 'a comment does not turn it on';
    $httpd->graceful;
    is seen(), '[]', '... nor a restart';
    $httpd->stop;
    $httpd->run;
    sleep 2.2;
    is seen(), '[]', '... nor a stop and a start';
    flags("$line unanswered\n");
    ok becomes('search_v2'), 'a line that a person has changed does';
    like Httpd::slurp("$httpd->{dir}/flags/trips"), qr/\A(?:#.*\n)*\z/, '... and nothing is left of the trip';
};

subtest 'the file of trips' => sub {
    my $line = 'search_v2 on trip=20%/10/10s';
    trips("# as an editor leaves it\n");
    flags("$line\n");
    becomes('search_v2');
    sleep 1.2;
    ok wait_until(sub { $httpd->get('/api?ok') for 1 .. 30; $httpd->get('/api?ask=search_v2&fails') for 1 .. 10; seen() eq '[]' }, 30), 'a flag is turned off though it was replaced';
    sleep 3.2;
    is seen(), '[]', '... and does not come on by itself';
    is scalar(told('RN0042')), 1, '... as it is told once';
    $httpd->graceful;
    ok wait_until(sub { Httpd::slurp("$httpd->{dir}/flags/trips") =~ /^search_v2 /m }, 5), '... until a restart has written it';
    $httpd->set_conf($conf =~ s{flags/trips}{flags/trips2}r);
    $httpd->graceful;
    is seen(), '[]', 'with another file it stays off';
    ok wait_until(sub { Httpd::slurp("$httpd->{dir}/flags/trips2") =~ /^search_v2 /m }, 5), '... which has it';
    $httpd->set_conf($conf);
    my $written = sub { (Time::HiRes::stat("$httpd->{dir}/flags/trips"))[9] };
    my $before = $written->();
    $httpd->graceful;
    ok wait_until(sub { $written->() > $before }, 5), 'with the first file again, that has it again';
    if ($> == 0) {
        open my $out, '>', "$httpd->{dir}/flags/trips" or die $!;
        print $out "# none\n";
        chmod 0666, $out;
        close $out;
        ok wait_until(sub { told('RN0039: \S+ \S+/trips can be changed by') }, 5), 'the application may not write it';
        is seen(), '[]', '... and turns nothing on';
    }
    $httpd->stop;
    trips("search_v2 is no trip\n");
    flags("$line\nother on\n");
    $httpd->run;
    ok becomes('other'), 'what cannot be read after a start keeps flags off that may have tripped';
    ok wait_until(sub { told('RN0039: .*trips line 1 is no trip.*; flags with trip= stay off') }, 5), '... as is told';
    sleep 2.2;
    is seen(), '[other]', '... and they stay so';
    is scalar(told('RN0039: .*line 1 is no trip')), 1, '... told once';
    trips("# removed by a person\n");
    ok becomes('search_v2,other'), 'a person may';
    $httpd->stop;
    unlink "$httpd->{dir}/flags/trips";
    $httpd->run;
    ok becomes('search_v2,other'), 'a file that is not there has no trips';
    flags("search_v2 on\n");
    becomes('search_v2');
};

subtest 'the monitor is killed' => sub {
    my ($monitor) = grep { (Httpd::slurp("/proc/$_/comm") // '') =~ /^reqnotesmonitor/ } $httpd->children;
    kill KILL => $monitor;
    is seen(), '[search_v2]', 'flags stay';
    ok wait_until(sub { my ($now) = grep { (Httpd::slurp("/proc/$_/comm") // '') =~ /^reqnotesmonitor/ } $httpd->children; $now && $now != $monitor }, 10), 'another one comes';
    flags("search_v2 on\nlater on\n");
    ok becomes('search_v2,later'), '... and reads';
};

is scalar(told('RN0042')), 1, 'trips could always be written but once' or diag told('RN0042');
$httpd->stop;

subtest 'httpd of a user' => sub {
    plan skip_all => 'needs root and setpriv' if $> != 0 || !-x '/usr/bin/setpriv';
    my $own = Httpd->prepare(under => [qw(setpriv --reuid=www-data --regid=www-data --clear-groups)], modules => ['lua'],
        conf => "ReqNotes On\nReqNotesFlags \@DIR\@/flags\nLuaMapHandler ^/api \@DIR\@/h.lua handle\n", files => { 'h.lua' => $lua, flags => "own on\n" });
    system 'chown', '-R', 'www-data:', $own->{dir};
    $own->run or return fail 'starts';
    ok wait_until(sub { $own->get('/api')->{content} eq '[own]' }, 5), 'its own files are its own' or diag $own->lines('error');
    $own->stop;
};
done_testing;
