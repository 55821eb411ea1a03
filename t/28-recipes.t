# The blocks of docs/recipes.md do what stands above them.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my ($request_id, $firewall, $proxies, $numbers, @more) = Httpd::slurp('docs/recipes.md') =~ /^```apache\n(.*?)^```$/msg;
is scalar(@more), 0, 'every block has a test here';

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

done_testing;
