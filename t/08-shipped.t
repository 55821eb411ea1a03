# The shipped reqnotes.conf is of use as it is, on Debian's layout and on httpd's own; and whatever
# it does can be changed, and changed back, by files that are read later.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use Httpd;
use Test::More;

my $so    = abs_path($ENV{REQNOTES_SO} || 'build/mod_reqnotes.so');
my $ships = do { local (@ARGV, $/) = 'conf/reqnotes.conf'; <> };

my @errors = ((400 .. 417), (421 .. 424), 426, 428, 429, 431, 451, (500 .. 508), 510, 511);

# What an apache2.conf of Debian and its folders hold, in their order. Each site has a log of its
# own.
my $main = <<'CONF';
IncludeOptional @DIR@/mods-enabled/*.load
IncludeOptional @DIR@/mods-enabled/*.conf
LogLevel info
LogFormat "%v %h %l %u %t \"%r\" %>s %O" combined
RequestReadTimeout header=1 body=1
KeepAlive Off
Protocols h2c http/1.1
LuaMapHandler ^/facts @DIR@/facts.lua handle
IncludeOptional @DIR@/conf-enabled/*.conf
IncludeOptional @DIR@/sites-enabled/*.conf
CONF

my %sites = map { $_ => <<"SITE" } qw(a-default b-shop c-off d-quiet);
<VirtualHost *:\@PORT\@>
  ServerName $_
  DocumentRoot \@DIR\@/www
  CustomLog \${APACHE_LOG_DIR}/$_.log combined
</VirtualHost>
SITE

# Statuses of all kinds, each with an ErrorDocument of its own.
my $statuses = join '', map { "Redirect $_ /status/$_\nErrorDocument $_ /error/$_.txt\n" } @errors;

sub prepare {
    my (%more) = @_;
    my %files = (
        'envvars'                   => '',
        'mods-enabled/reqnotes.load' => "LoadModule reqnotes_module $so\n",
        'mods-enabled/reqnotes.conf' => $ships,
        'www/index.html'             => 'index',
        'facts.lua'                  => <<'LUA',
function handle(r)
    r:warn("early " .. r.args)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    r:warn("late " .. r.args)
    return apache2.OK
end
LUA
        (map { ("www/error/$_.txt" => $_) } @errors), %more);
    my $httpd = Httpd->prepare(reqnotes => 0, conf => $main, files => {},
        modules => [qw(lua http2 reqtimeout logio)]);
    $files{"sites-enabled/$_.conf"} //= $sites{$_} for keys %sites;
    $httpd->add_file($_, $httpd->fill_in($files{$_})) for grep { defined $files{$_} } keys %files;
    mkdir "$httpd->{dir}/var";
    $ENV{APACHE_LOG_DIR} = "$httpd->{dir}/var";
    return $httpd;
}

# The complete lines of a log below APACHE_LOG_DIR.
sub logged { return $_[0]->lines("../var/$_[1]") }

sub run {
    my ($httpd) = @_;
    $httpd->run or BAIL_OUT($httpd->{output});
    return $httpd;
}

# Everything that ends in a line, in one server.
sub requests {
    my ($httpd) = @_;
    for my $host (qw(a-default b-shop c-off d-quiet)) {
        my %host = (Host => $host);
        $httpd->get($_, \%host) for '/', '/index.html', '/missing', '/facts?user_id=5555',
            map { "/status/$_" } @errors;
        $httpd->request('HEAD', '/', \%host);
        $httpd->raw("$_\r\n\r\n") for "GET / HTTP/1.1\r\nHost: $host\r\nBad Header: x",
            "GET / HTTP/1.1\r\nHost: $host\r\n: x", "GET / HTTP/3.9\r\nHost: $host",
            "GET /%zz HTTP/1.1\r\nHost: $host\r\nConnection: close",
            "GET / HTTP/1.1\r\nHost: $host\r\nTransfer-Encoding: odd\r\nConnection: close";
        qx{nghttp -H 'Host: $host' -H 'user-agent: h2' http://127.0.0.1:$httpd->{port}/ http://127.0.0.1:$httpd->{port}/missing 2>&1};
    }
    $httpd->raw("$_\r\n\r\n") for 'GET', 'nonsense', 'GET /' . 'x' x 9000 . ' HTTP/1.1',
        "GET / HTTP/1.1\r\nX: " . 'x' x 9000, 'GET / HTTP/1.1', "G\@T / HTTP/1.1\r\nHost: x";
    $httpd->raw("GET / HTTP/1.1\r\nHost: a-default\r\n");  # and no end: 408
}

each_mpm(sub {
    my ($mpm) = @_;
    my $off   = "  ReqNotes Off\n  SetEnv REQNOTES_ACCESS 1\n  RewriteEngine On\n  RewriteRule . - [E=REQNOTES_ACCESS:1]\n";
    my $quiet = "  ReqNotesAccessLog Off\n  SetEnvIf Request_URI . REQNOTES_ACCESS\n  SetEnv reqnotes_access 1\n";
    my $shop  = "  UnsetEnv REQNOTES_ACCESS\n  SetEnvIf Request_URI . !REQNOTES_ACCESS\n";
    my $httpd = prepare(
        'conf-enabled/all.conf'       => "GlobalLog \${APACHE_LOG_DIR}/all.log \"%v \%^RJ\"\n$statuses",
        'sites-enabled/b-shop.conf'   => $sites{'b-shop'}  =~ s/(?=<.Vir)/$shop/r,
        'sites-enabled/c-off.conf'    => $sites{'c-off'}   =~ s/(?=<.Vir)/$off/r,
        'sites-enabled/d-quiet.conf'  => $sites{'d-quiet'} =~ s/(?=<.Vir)/$quiet/r,
    );
    $httpd->{mpm} = $mpm;
    $httpd->write_conf;
    run($httpd);
    requests($httpd);
    $httpd->graceful;
    $httpd->get('/facts?order=last', { Host => 'b-shop', 'User-Agent' => 'last' });
    wait_until(sub { grep { /"user_agent":"last"/ } logged($httpd, 'all') });
    wait_until(sub { grep { /"status":408/ } logged($httpd, 'all') });
    # A process whose connections linger logs them when it ends.
    $httpd->stop('WINCH');

    my @all  = logged($httpd, 'all');
    my @json = logged($httpd, 'reqnotes_access');
    is_deeply [ sort @json ], [ sort map { s/^\S+ //r } grep { !/^(?:c-off|d-quiet) / } @all ],
        'the shipped log has what an unconditional one has, but of the hosts that are left out';
    is scalar(grep { /^-|REQNOTES/ } @json), 0, '... and no line without a record';
    ok +(grep { /^c-off -$/ } @all), '... which one of these would be';
    ok +(grep { /^d-quiet \{/ } @all), 'and a host that is only left out has its records elsewhere';
    my %seen;
    $seen{ from_json($_)->{status} }++ for @json;
    ok $seen{$_}, "a line with status $_" for 200, 408, grep { $_ != 408 && $_ != 407 } @errors;
    my %vhost = map { from_json($_)->{vhost} => 1 } @json;
    is_deeply [ sort keys %vhost ], [ 'a-default', 'b-shop' ], 'each host is named';
    cmp_ok scalar(grep { /"protocol":"HTTP\/2.0"/ } @json), '>', 0, 'requests of HTTP/2 are there';
    cmp_ok scalar(my @own = logged($httpd, $_)), '>', 10, "the log of $_ stays its own" for sort keys %sites;
});

# What each of the three does for one request: [access, JSON error log, facts in the error log].
sub does {
    my ($httpd) = @_;
    run($httpd);
    my $user = 'u' . int rand 1e9;
    $httpd->get("/facts?user_id=$user", { Host => 'b-shop' });
    wait_until(sub { grep { /$user/ } logged($httpd, 'b-shop') });
    $httpd->stop('WINCH');
    my $has = sub { my ($log, $like) = @_; return scalar(grep { $_ =~ $like } @$log) ? 1 : 0 };
    return [
        $has->([ logged($httpd, 'reqnotes_access') ], qr/"user_id":"$user"/),
        $has->([ logged($httpd, 'reqnotes_error') ],  qr/"user_id":"$user".*"message":"early /),
        $has->([ $httpd->lines('error') ],            qr/\b[0-9a-f]{32}\b.*late.* \[user_id=$user\]/),
    ];
}

subtest 'files that are read later' => sub {
    my $httpd = prepare();
    my ($none) = grep { /a file, .*\bNone\b/ } $httpd->directives;
    my $elsewhere = $none ? 'None' : 'logs/elsewhere.log';
    is_deeply does($httpd), [ 1, 1, 1 ], 'as shipped, all three are on';
    for my $case (
        [ 'ReqNotesAccessLog Off',           'ReqNotesAccessLog On',                                    [ 0, 1, 1 ] ],
        [ "ReqNotesErrorLog $elsewhere",     'ReqNotesErrorLog ${APACHE_LOG_DIR}/reqnotes_error.log',   [ 1, 0, 1 ] ],
        [ 'ErrorLogFormat "[%{u}t] %E: %M"', 'ErrorLogFormat "[%{u}t] [pid\ %P:%L] %E: %M [%N]"',       [ 1, 1, 0 ] ],
        [ 'ReqNotes Off',                    'ReqNotes On',                                             [ 0, 0, 0 ] ],
    ) {
        my ($off, $on, $want) = @$case;
        $httpd->add_file('conf-enabled/m.conf', "$off\n");
        is_deeply does($httpd), $want, "$off in conf-enabled";
        $httpd->add_file('conf-enabled/z.conf', "$on\n");
        is_deeply does($httpd), [ 1, 1, 1 ], "... and $on in a file after it";
        unlink map { "$httpd->{dir}/conf-enabled/$_.conf" } qw(m z);
    }
    $httpd->add_file('sites-enabled/b-shop.conf',
        $httpd->fill_in($sites{'b-shop'} =~ s/(?=<.Vir)/  ReqNotesAccessLog Off\n/r));
    is_deeply does($httpd), [ 0, 1, 1 ], 'a virtual host can leave itself out';
    my ($ok, $output) = $httpd->configtest;
    unlike $output, qr/RN\d|AH00111/, '... and nothing warns' or diag $output;
};

subtest 'without the module' => sub {
    my $httpd = prepare('conf-enabled/own.conf' => <<'CONF');
<IfModule reqnotes_module>
  ReqNotesField order_id
  ReqNotesAccessLog Off
</IfModule>
CONF
    unlink "$httpd->{dir}/mods-enabled/reqnotes.load";
    my ($ok, $output) = $httpd->configtest;
    ok $ok, 'the shipped file does no harm when the module is gone' or diag $output;
    unlink "$httpd->{dir}/mods-enabled/reqnotes.conf";
    ($ok, $output) = $httpd->configtest;
    ok $ok, '... nor what was written beside it' or diag $output;
};

subtest 'another layout' => sub {
    delete $ENV{APACHE_LOG_DIR};
    my $httpd = Httpd->prepare(conf => $ships);
    my ($ok, $output) = $httpd->configtest;
    ok $ok, 'the shipped file needs nothing of Debian' or diag $output;
    unlike $output, qr/AH00111|RN\d/, '... and nothing warns';
    run($httpd);
    $httpd->get('/missing');
    is $httpd->json('reqnotes_access', qr/missing/)->{status}, 404, '... and its logs are httpd\'s';
    $httpd->stop;
    $httpd = Httpd->prepare(conf => "Define REQNOTES_LOG_DIR \@DIR\@/run\n$ships");
    run($httpd);
    $httpd->get('/missing');
    ok $httpd->line('../run/reqnotes_access', qr/missing/), 'the folder can be chosen';
    $httpd->stop;
};

subtest 'scripts and examples' => sub {
    my %lists = map { s/.*\.//r => [ map { s{^mod }{}r =~ s/ .*//r } split /\n/, Httpd::slurp($_) ] } glob 'debian/*.examples debian/*.install debian/*.apache2';
    my @shipped = map { -d $_ ? glob "$_/*" : $_ } grep { m{^conf/} } map { @$_ } values %lists;
    is_deeply [ sort keys %{ { map { $_ => 1 } @shipped } } ], [ grep { $_ ne 'conf/install.sh' } sort grep { -f } glob 'conf/* conf/*/*' ], 'the package has every file of conf/';
    my $manual = join '', map { Httpd::slurp($_) } glob 'docs/*.md';
    for my $script (grep { Httpd::slurp($_) =~ m{^#!/bin/sh\n} } @shipped) {
        ok -x $script, "$script is a program";
        is qx{sh -n $script 2>&1}, '', '... that the shell can read';
        my ($name) = $script =~ m{([^/]+)$};
        like $manual, qr/`(?:conf\/)?\Q$name\E\b/, '... and the manual names it';
    }

    for (['photos.thresholds', 'ReqNotesThresholds'], ['photos.flags', 'ReqNotesFlags']) {
        my ($file, $directive) = @$_;
        my ($conf) = Httpd::slurp("conf/$file") =~ /has\n#\n((?:#   .*\n)+)/;
        like $conf, qr/^#   $directive /m, "$file says where it belongs";
        my $httpd = Httpd->prepare(conf => "ReqNotes On\n" . ($conf =~ s/^#   //mgr =~ s{/etc/reqnotes}{\@TOP\@/conf}r));
        my ($ok, $output) = $httpd->configtest;
        is $output, "Syntax OK\n", '... and httpd takes it there';
    }

    my $tmpfiles = Httpd::slurp('conf/tmpfiles.d/reqnotes.conf');
    like $tmpfiles, qr{^d /var/lib/reqnotes/metrics 3775 root \S+ }m, 'a directory where nobody changes files of others';
    SKIP: {
        skip 'there is no systemd-tmpfiles', 1 unless -x '/usr/bin/systemd-tmpfiles' && $> == 0;
        my $httpd = Httpd->prepare;
        $httpd->add_file("etc/$_", Httpd::slurp("/etc/$_")) for qw(passwd group);
        my $said = qx{systemd-tmpfiles --create --root='$httpd->{dir}' "\$PWD/conf/tmpfiles.d/reqnotes.conf" 2>&1};
        is sprintf('%o %s', (stat "$httpd->{dir}/var/lib/reqnotes/metrics")[2] & 07777, $said), '3775 ', '... which systemd-tmpfiles makes';
    }
};

# Whatever a value holds, it stays in its column.
subtest 'the classic line' => sub {
    my ($format) = $ships =~ /^\s*(LogFormat .* reqnotes_classic)$/m;
    my $httpd = Httpd->start(modules => ['lua'], files => { 'facts.lua' => <<'LUA' }, conf => <<"CONF");
function handle(r)
    r.notes["user_id"] = r:unescape(r:parseargs()["user_id"] or "")
    r.notes["api_key"] = "realkey"
    return apache2.OK
end
LUA
ReqNotes On
LuaMapHandler ^/facts \@DIR\@/facts.lua handle
$format
CustomLog \@DIR\@/logs/classic.log reqnotes_classic
CONF
    my @values = ('5555 STOLEN', '5555" "STOLEN', 'a\\', "tab\there", 'line\n2', "\xc3\xab \x01");
    for my $at (0 .. $#values) {
        $httpd->get("/facts?at=$at&user_id=" . $values[$at] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger);
        my $line = $httpd->line('classic', qr/at=$at&/);
        my @columns = $line =~ /("(?:\\.|[^"\\])*"|\S+)(?: |$)/g;
        is $columns[3], '"realkey"', "the key's column is its own beside number $at" or diag $line;
        like $columns[4], qr/^\d+$/, '... and so are those behind it';
    }
    $httpd->stop;
};

done_testing;
