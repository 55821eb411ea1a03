# ReqNotesMetric and ReqNotesBusiest: what is counted, once, from the values of the access line.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Metrics;
use Test::More;

# A note for each parameter, and a status.
my $notes = <<'LUA';
function handle(r)
    local args = r:parseargs()
    for name, value in pairs(args) do r.notes[name] = value end
    if args.status then return tonumber(args.status) end
    r:puts("x")
    return apache2.OK
end
LUA

my $conf = <<"CONF";
ReqNotes On
ReqNotesField total type=number
ReqNotesField items type=integer
ReqNotesField order.kind
ReqNotesField device request:X-Device
ReqNotesField secret max=400
ReqNotesMetric api by=api_method sum=total,items series=4
ReqNotesMetric kinds by=vhost,order.kind buckets=0.1,1,10
ReqNotesMetric devices by=device values=phone,desktop
ReqNotesMetric all
ReqNotesMetric long by=secret
ReqNotesBusiest user_id api_key keys=64
LuaMapHandler ^/facts \@DIR\@/facts.lua handle
CustomLog \@DIR\@/logs/access.log "%^RJ"
$location
CONF

my $httpd = Httpd->start(modules => ['lua'], files => { 'facts.lua' => $notes }, conf => $conf);
my $ask = sub { $httpd->get("/facts?$_[0]", $_[1]) };
my $value = sub { value_of($httpd, @_) };
my $counted = sub { $value->("reqnotes_$_[0]_requests_total", @_[1 .. $#_]) };
# A line is written, and counted, after the client has its answer.
my $done = 0;
is $counted->('all'), 0, 'what has no labels is there before it has counted, so that nobody makes it twice';
my $settle = sub { $done += $_[0]; wait_until(sub { ($counted->('all') // 0) == $done }) };

subtest 'classes, labels and sums' => sub {
    $ask->('api_method=photos.search&total=1.5&items=3') for 1 .. 3;
    $ask->('api_method=photos.search&total=nonsense&items=2.5&status=404');
    $ask->('api_method=photos.search&total=-0.25&status=503');
    $ask->('api_method=photos.getInfo');
    $ask->('');
    ok $settle->(7), 'each request is counted once in each metric';
    is $counted->('http', vhost => 'localhost'), 7, 'by vhost, without being asked for';
    is $counted->('api', api_method => 'photos.search', status => '2xx'), 3, 'by field and class';
    is $counted->('api', api_method => 'photos.search', status => '4xx'), 1, '... 4xx';
    is $counted->('api', api_method => 'photos.search', status => '5xx'), 1, '... 5xx';
    is $counted->('api', api_method => ''), 1, 'without a value the label is empty';
    is $value->('reqnotes_api_total_sum', api_method => 'photos.search'), 4.25, 'a sum of numbers';
    is $value->('reqnotes_api_total_count', api_method => 'photos.search'), 4, '... of those that are numbers';
    is $value->('reqnotes_api_items_sum', api_method => 'photos.search'), 9, 'a sum of integers';
    is $value->('reqnotes_api_items_count', api_method => 'photos.search'), 3, '... of those that are integers';
    is $value->('reqnotes_api_duration_seconds_count', api_method => 'photos.search'), 5, 'and the durations';
    is $value->('reqnotes_api_duration_seconds_bucket', api_method => 'photos.search', le => '+Inf'), 5, '... in buckets';
};

subtest 'other' => sub {
    $ask->("api_method=m$_") for 1 .. 10;
    $ask->('api_method=photos.getInfo');
    $ask->('api_method=other');
    ok $settle->(12), 'counted';
    is $counted->('api', api_method => 'photos.getInfo'), 2, 'what was seen before stays exact';
    is $counted->('api', api_method => 'm1'), 1, 'the last one that had room';
    is $counted->('api', api_method => 'm2'), undef, '... and the first without';
    is $counted->('api', api_method => 'other'), 10, 'they are in other, with what is called so';
    is $value->('reqnotes_series_other_total', metric => 'api'), 10, '... which is told';
    is scalar($httpd->wait_lines('error', qr/RN0031: ReqNotesMetric api has its 4 series/)), 1, '... once in the log';
};

subtest 'labels' => sub {
    $ask->('order.kind=gift');
    $ask->('', { 'X-Device' => 'phone' });
    $ask->('', { 'X-Device' => 'x' x 50 });
    $ask->('', { 'X-Device' => "tel\xFF" });
    $ask->('secret=' . 'y' x 150 . $_) for 1 .. 2;
    $ask->("secret=%FF%00%0A%22%5C");
    ok $settle->(7), 'counted';
    is $counted->('kinds', vhost => 'localhost', order_kind => 'gift'), 1, 'two labels, and no dot in a name';
    is $value->('reqnotes_kinds_duration_seconds_bucket', order_kind => 'gift', le => '10'), 1, 'buckets of its own';
    is $counted->('devices', device => 'phone'), 1, 'a value that is allowed';
    is $counted->('devices', device => 'other'), 2, '... and those that are not';
    is $counted->('long', secret => 'y' x 100), 2, 'what is the same when it is cut is one series';
    my $text = scrape($httpd);
    ok utf8::decode(my $copy = $text), 'all is UTF-8';
};

subtest 'the busiest' => sub {
    $ask->("user_id=anna&api_key=k1") for 1 .. 20;
    $ask->("user_id=ben&status=500") for 1 .. 5;
    ok $settle->(25), 'counted';
    my $json = from_json($httpd->get('/reqnotes/json')->{content});
    my ($users) = grep { $_->{field} eq 'user_id' } @{ $json->{busiest} };
    is $users->{by_requests}[0]{key}, 'anna', 'the first one';
    cmp_ok abs($users->{by_requests}[0]{requests_per_minute} - 20), '<', 10, '... with a number';
    is $users->{by_requests}[1]{key}, 'ben', 'the second one';
    is $users->{by_requests}[1]{failed_share}, 1, '... which fails';
};

subtest 'our own pages' => sub {
    $httpd->get("/reqnotes/$_") for '', 'metrics', 'json';
    $ask->('');
    ok $settle->(1), 'are not counted';
};

subtest 'a restart with another configuration' => sub {
    my $all = $counted->('all');
    my $kinds = $counted->('kinds');
    my $restart = sub {
        my %old = map { $_ => 1 } $httpd->children;
        $httpd->set_conf($_[0]);
        ok $httpd->graceful, $_[1];
        # A child of before would show what it was told.
        wait_until(sub { !grep { $old{$_} } $httpd->children });
    };
    $restart->($conf =~ s/series=4/series=5/r =~ s/buckets=0\.1,1,10/buckets=0.25/r . "ReqNotesMetric new by=api_method\n", 'one is defined anew');
    is $counted->('api'), undef, '... and has counted nothing';
    is $counted->('new'), undef, '... as one that is new';
    is $counted->('all'), $all, '... and the others go on';
    is $value->('reqnotes_kinds_duration_seconds_bucket', le => '0.25'), $kinds, '... with other buckets';
    my $users = sub { my ($list) = grep { $_->{field} eq 'user_id' } @{ from_json($httpd->get('/reqnotes/json')->{content})->{busiest} }; return $list };
    is $users->()->{by_requests}[0]{key}, 'anna', 'a list goes on';
    chmod 0600, $httpd->add_file('conf/hash.key', 'k' x 64 . "\n");
    $restart->($conf . "ReqNotesHashKey \@DIR\@/conf/hash.key\nReqNotesField user_id privacy=hash\n", 'a field is private by now');
    is_deeply [ map { @{ $users->()->{$_} } } qw(by_requests by_time) ], [], '... and its plain values are gone';
    is $users->()->{privacy}, 'hash', '... which is told';
    $httpd->get('/facts?user_id=anna');
    ok wait_until(sub { ($users->()->{by_requests}[0]{key} // '') =~ /^[0-9a-f]{32}$/ }), 'those that come are hashed';
};

$httpd->stop;
done_testing;
