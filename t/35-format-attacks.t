# What was found by attacking ECS and OTLP: names that stand twice, ids that are cut, numbers that
# are none, and texts that are cut and do not say so.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Otlp;
use Test::More;

my $lua = <<'LUA';
function handle(r)
    local args = r:parseargs()
    r.notes.user_id = ("u"):rep(tonumber(args.note or 0))
    if args.say then r:err(("m"):rep(tonumber(args.say))) end
    if args.status then r.status = tonumber(args.status) end
    r:puts("done\n")
    return apache2.OK
end
LUA

sub start {
    my ($conf, %args) = @_;
    return Httpd->start(modules => ['lua'], files => { 'say.lua' => $lua, 'www/x' => 'x' },
        conf => "LuaMapHandler ^/say \@DIR\@/say.lua handle\nReqNotes On\n$conf", %args);
}

for (
    (map { [ "ReqNotesField $_->[0]\nCustomLog logs/a %^RE", qr/RN0015: ReqNotesField \Q$_->[0]\E at \S+:\d+: in ECS it is $_->[1], which the line has of itself; give it another name with ecs=/ ] }
        [ 'request.line', 'labels.request_line' ], [ 'parent.span.id', 'labels.parent_span_id' ], [ 'connection.id', 'labels.connection_id' ]),
    (map { [ "ReqNotesField a ecs=$_", qr/ReqNotesField a ecs=\Q$_\E: ECS has an object of this name; give a name within it/ ] } qw(client.geo host.os user.target tls.server)),
    [ "CustomLog logs/a %^RE\nReqNotesLineLimit 1023", qr/RN0046: ReqNotesLineLimit 1023 is too little for %\^RE and for ReqNotesErrorLog with ecs; give at least 1024/ ],
    [ "ReqNotesErrorLog logs/a ecs\n<VirtualHost *:81>\nReqNotesLineLimit 600\n</VirtualHost>", qr/RN0046: ReqNotesLineLimit 600/ ],
) {
    my ($conf, $says) = @$_;
    my ($is_good, $said) = Httpd->prepare(conf => "ReqNotes On\n$conf\n")->configtest;
    ok !$is_good, "refused: $conf";
    like $said, $says, '... with what would be right';
}
for ("ReqNotesField request.line", "ReqNotesField request.line ecs=shop.line\nCustomLog logs/a %^RE", "ReqNotesField a ecs=client.geo.name", "ReqNotesLineLimit 512",
    "CustomLog logs/a %^RE\nReqNotesLineLimit 1024", "CustomLog logs/a %^RE\n<VirtualHost *:81>\nReqNotes Off\nReqNotesLineLimit 512\n</VirtualHost>") {
    my ($is_good, $said) = Httpd->prepare(conf => "ReqNotes On\n$_\n")->configtest;
    ok $is_good, "good: $_" or diag $said;
}

subtest 'ids in the shortest line of ECS' => sub {
    my $httpd = start(<<'CONF', mpm => 'worker');
ReqNotesTraceAccept all
ReqNotesRequestId X-Request-Id
ReqNotesLineLimit 1024
ReqNotesValues +trace_flags +peer +connection_id +keepalive +scheme +tls_protocol +host +request_line +handler +bytes_in +bytes_out +ttfb_us
CustomLog @DIR@/logs/ecs.log "%^RE"
CONF
    $httpd->get("/say?note=$_&q=" . 'q' x (4 * $_), { traceparent => '00-' . 'ab' x 16 . '-' . 'cd' x 8 . '-01', 'X-Request-Id' => 'r' x ($_ % 129), 'User-Agent' => '"' x $_ }) for 1, map { 7 * $_ } 1 .. 60;
    my @lines = $httpd->wait_lines('ecs', qr/./, 61);
    is scalar(grep { length > 1023 } @lines), 0, 'no line is longer than it may be';
    is_deeply [ grep { my $line = from_json($_); grep { ($line->{ $_->[0] } // '') !~ $_->[1] }
            [ 'trace.id', qr/^(?:ab){16}$/ ], [ 'span.id', qr/^[0-9a-f]{16}$/ ], [ 'labels.parent_span_id', qr/^(?:cd){8}$/ ] } @lines ], [], 'every id is whole';
    $httpd->stop;
};

subtest 'numbers that are none' => sub {
    my $httpd = start("ReqNotesErrorLog \@DIR\@/logs/records.log otlp\nCustomLog \@DIR\@/logs/spans.log \"%^RO\"\n");
    my $ask = sub {
        my ($bytes) = @_;
        my $before = () = $httpd->lines('spans');
        $httpd->raw($bytes);
        return read_span(($httpd->wait_lines('spans', qr/./, $before + 1))[-1])->{attributes};
    };
    my $end = "HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n";
    for ([ 'x:99999', undef ], [ 'x:65536', undef ], [ 'x:0', undef ], [ 'x:65535', 65535 ], [ 'x:81', 81 ], [ 'x:', 80 ], [ 'x', 80 ]) {
        my $got = $ask->("GET http://$_->[0]/x $end");
        is_deeply [ @$got{qw(server.address server.port)} ], [ 'x', $_->[1] ], "the port of $_->[0]";
    }
    for ([ 500, 500 ], [ 599, 599 ], [ 600, '_OTHER' ], [ 999, '_OTHER' ], [ 499, undef ]) {
        my $got = $ask->("GET /say?status=$_->[0] $end");
        is_deeply [ @$got{qw(http.response.status_code error.type)} ], $_, "the error of $_->[0]";
    }
    $httpd->stop;
};

subtest 'a log record tells that it was cut' => sub {
    my $httpd = start("LogLevel error\nReqNotesLineLimit 2048\nReqNotesField user_id max=4096\nReqNotesErrorLog \@DIR\@/logs/records.log otlp\n");
    my @sizes = 1 .. 420;
    my @asked = map { my $say = $_; map { [ $_, $say ] } @sizes } 3000, 600;
    $httpd->get("/say?note=$_->[0]&say=$_->[1]") for @asked;
    my @records = map { read_record($_) } $httpd->wait_lines('records', qr/"m{20}/, scalar @asked);
    is scalar @records, scalar @asked, 'all are there';
    my %wrong;
    for my $at (0 .. $#records) {
        my ($body, $all) = @{ $records[$at] }{qw(body attributes)};
        my $lacks  = grep { !defined $all->{$_} } qw(reqnotes.module reqnotes.vhost client.address http.request.method url.path process.pid thread.id);
        my $is_cut = $lacks || length $body != $asked[$at][1] || length($all->{'user.id'} // '') != $asked[$at][0];
        push @{ $wrong{ $is_cut ? 'cut, and does not say so' : 'whole, but says that it was cut' } }, "@{ $asked[$at] }" if !$is_cut != !$all->{'reqnotes.truncated'};
    }
    is_deeply \%wrong, {}, 'what is cut says so, and nothing else';
    is scalar(grep { length > 2047 } $httpd->lines('records')), 0, '... within the limit';
    $httpd->stop;
};

done_testing;
