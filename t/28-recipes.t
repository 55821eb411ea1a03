# The blocks of docs/recipes.md do what stands above them.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my ($request_id, $firewall, $proxies, $numbers, @more) = Httpd::slurp('docs/recipes.md') =~ /^```apache\n(.*?)^```$/msg;
my ($name_user, $warnings, @more_perl) = Httpd::slurp('docs/recipes.md') =~ /^```perl\n(.*?)^```$/msg;
is scalar(@more) + @more_perl, 0, 'every block has a test here';

my $log = qq{ReqNotes On\nCustomLog \@DIR\@/logs/access.log "%^RJ"\n};
my $lua = <<'LUA';
function handle(r)
    r.notes["order_id"] = "9007199254740993"
    r.notes["items"] = "9007199254740993"
    r:puts(r.headers_in["X-Request-Id"] or "-")
    return apache2.OK
end
LUA
my %lua = (modules => ['lua'], files => { 'say.lua' => $lua });

subtest 'X-Request-Id' => sub {
    my $httpd = Httpd->start(%lua, conf => "${log}ReqNotesRequestId X-Request-Id\nLuaMapHandler ^/say \@DIR\@/say.lua handle\n$request_id");
    my $said = $httpd->get('/say?n=none')->{content};
    my $json = $httpd->json('access', qr/n=none/);
    is $said, $json->{trace_id}, 'the application has the trace ID';
    ok !exists $json->{request_id}, '... and the caller had none';
    is $httpd->get('/say?n=own', { 'X-Request-Id' => 'a;b' })->{content}, 'a;b', "a caller's own stays";
    is $httpd->json('access', qr/n=own/)->{request_id}, 'a;b', '... and is the field';
    $httpd->stop;
};

subtest 'UNIQUE_ID' => sub {
    my $httpd = Httpd->start(modules => ['unique_id'], conf => "$log$firewall" . qq{CustomLog \@DIR\@/logs/id.log "%{UNIQUE_ID}e"\n});
    $httpd->get('/x');
    is $httpd->json('access', qr{/x})->{unique_id}, $httpd->line('id', qr/./), 'is a field';
    $httpd->stop;
};

subtest 'proxies' => sub {
    my $httpd = Httpd->start(modules => ['remoteip'], conf => <<"CONF");
$log${proxies}RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1 10.0.0.0/8
RemoteIPProxiesHeader X-Proxies
CONF
    $httpd->get('/x', { 'X-Forwarded-For' => '192.0.2.7, 10.1.1.1' });
    my $json = $httpd->json('access', qr{/x});
    is $json->{client}, '192.0.2.7', 'the client is whom mod_remoteip believes';
    $httpd->stop;
    $httpd->set_conf("$log${proxies}RemoteIPHeader X-Forwarded-For\nRemoteIPTrustedProxy 127.0.0.1 198.51.100.0/24\n");
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/y', { 'X-Forwarded-For' => '192.0.2.7, 198.51.100.9' });
    $json = $httpd->json('access', qr{/y});
    is_deeply $json->{proxies}, ['127.0.0.1', '198.51.100.9'], '... and the proxies are a list, the nearest first' or diag explain $json;
    $httpd->stop;
};

subtest 'numbers' => sub {
    my $httpd = Httpd->start(%lua, conf => "${log}LuaMapHandler ^/say \@DIR\@/say.lua handle\n$numbers");
    $httpd->get('/say');
    like $httpd->line('access', qr/say/), qr/"order_id":"9007199254740993","items":9007199254740993,/, 'a string and a number';
    $httpd->stop;
};

subtest 'mod_perl' => sub {
    # How a handler says what, whether that carries the request, and whether httpd formats it.
    my %ways = (
        log => [ '$r->log->error($text)', 1, 1 ], rerror => [ '$r->log_rerror(Apache2::Log::LOG_MARK, 3, 0, $text)', 1, 1 ],
        die => [ 'die $text', 1, 1 ],
        log_error => [ '$r->log_error($text)', 0, 1 ], r_warn => [ '$r->warn($text)', 0, 1 ],
        s_log_error => [ '$r->server->log_error($text)', 0, 1 ], s_log => [ '$r->server->log->warn($text)', 0, 1 ],
        s_warn => [ '$r->server->warn($text)', 0, 1 ], class => [ 'Apache2::ServerRec::warn($text)', 0, 1 ],
        warn => [ 'warn "$text\n"', 0, 0 ], print => [ 'print STDERR "$text\n"', 0, 0 ],
    );
    my $calls = join "\n", map { "$_ => sub { my (\$r, \$text) = \@_; $ways{$_}[0] }," } sort keys %ways;
    my $httpd = Httpd->start(modules => ['perl'], mpm => 'prefork', files => { 'warnings.pl' => $warnings, 'App.pm' => <<"PERL" }, conf => $log . <<'CONF');
package App;
use Apache2::RequestRec ();
use Apache2::RequestIO ();
use Apache2::RequestUtil ();
use Apache2::ServerRec ();
use Apache2::Log ();
use APR::Table ();
my \%ways = (
$calls
);
sub handler {
    my \$r = shift;
$name_user
    my \$way = \$r->args;
    \$r->print(\$trace_id);
    \$ways{\$way}->(\$r, "by \$way of " . \$r->uri);
    return 0;
}
1;
PERL
ReqNotesErrorLog logs/json.log
ErrorLogFormat "# [%L] [%N] %M"
<Perl>
  use lib '@DIR@';
</Perl>
PerlModule App
SetHandler modperl
PerlResponseHandler App
<Location /global>
  PerlOptions +GlobalRequest
</Location>
<Location /script>
  SetHandler perl-script
</Location>
CONF
    my $try = sub {
        my ($place, $way, $carries, $formatted) = @_;
        my $response = $httpd->get("/$place?$way");
        my $access = $httpd->json('access', qr{"/$place","query":"$way"});
        is $response->{content} =~ s/<.*//sr, $access->{trace_id}, "$place $way: the handler has the trace" if $way ne 'die';
        is $access->{user_id}, '5555', "$place $way: the access line has the note";
        my $start = !$formatted ? '' : !$carries ? '# ' : "# [$access->{trace_id}] [user_id=5555] ";
        ok $httpd->line('error', qr/^\Q$start\Eby $way of \/$place/), '... the ordinary line is as the table says';
        my ($json) = map { from_json($_) } grep { /"by $way of \/$place/ } $httpd->lines('json');
        my $known = $json ? [ map { $json->{$_} } qw(trace_id user_id) ] : 'nothing';
        is_deeply $known, $carries ? [ $access->{trace_id}, '5555' ] : $formatted ? [ undef, undef ] : 'nothing',
            '... and so is the JSON one';
    };
    for my $place (qw(plain global script)) {
        $try->($place, $_, @{ $ways{$_} }[ 1, 2 ]) for sort keys %ways;
    }
    ok $httpd->line('error', qr/^# \[[0-9a-f]{32}\] \[user_id=5555\] the album is gone/), 'what the recipe logs has the user';
    $httpd->stop;

    $httpd->set_conf($httpd->{conf} . "PerlRequire \@DIR\@/warnings.pl\n");
    $httpd->run or BAIL_OUT($httpd->{output});
    $try->($_, warn => 1, 1) for qw(global script);
    $try->('plain', warn => 0, 0);
    $httpd->stop;
};

done_testing;
