# The blocks of docs/reading.md, as they are printed: what stands below a command is what it prints.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use Httpd;
use Test::More;

my $page = Httpd::slurp('docs/reading.md');
my ($own, $jq) = map { ($page =~ /^## $_\n(.*?)^## /ms)[0] } 'reqnotes-grep', 'grep and jq';
plan skip_all => 'no jq' if !grep { -x "$_/jq" } split /:/, $ENV{PATH};

# Requests: key, user, method, status, microseconds, trace.
my @requests = (
    [ '9f8e77aa', 5555, 'photos.search', 200, 20834, 'b44d3574ed98f833d6d4f01cf4f0373a' ], [ '9f8e77aa', 5555, 'albums.add', 200, 4236, '421a397db01d8e0f749dc45465e35b5f' ],
    [ '9f8e77aa', 55551, 'photos.search', 500, 300, 'a' x 32 ], (map { [ '9f8e77aa', 1, 'photos.search', 200, 100, sprintf '%032x', $_ ] } 1, 2),
    [ '11bb', 2, 'a', 200, 90, 'b' x 32 ], [ '11bb', 2, 'a', 503, 91, 'c' x 32 ], (map { [ undef, undef, undef, 200, 80, sprintf '%032x', $_ ] } 3, 4),
);
my (@json, @logfmt, @error, @error_json);
my $second = 18;
for (@requests) {
    my ($key, $user, $method, $status, $us, $trace) = @$_;
    my $path = $method && $method eq 'photos.search' && $user == 5555 ? '/services/rest' : '/other';
    my @facts = grep { defined $_->[1] } [ user_id => $user ], [ api_key => $key ], [ api_method => $method ];
    push @json, qq({"time":"2026-11-23T19:53:$second.436157Z","trace_id":"$trace",) . join('', map { qq("$_->[0]":"$_->[1]",) } @facts)
        . qq("vhost":"www.example.com","client":"192.0.2.7","method":"POST","path":"$path","query":"format=json","protocol":"HTTP/1.1","status":$status,"bytes":2,"outcome":"completed","duration_us":$us}\n);
    push @logfmt, "time=2026-11-23T19:53:$second.436157Z trace_id=$trace " . join('', map { "$_->[0]=$_->[1] " } @facts) . "path=$path status=$status\n";
    my $text = $status >= 500 ? 'broken' : 'search index is slow';
    push @error, "[Mon Nov 23 19:53:$second.456829 2026] [php:notice] [pid 7458:$trace 7458] [client 192.0.2.7:51234] $text [" . join(' ', map { "$_->[0]=$_->[1]" } @facts) . "]\n" if $path ne '/other' || $status >= 500;
    push @error, "[Mon Nov 23 19:53:$second.457829 2026] [php:warn] [pid 7458:$trace 7458] [client 192.0.2.7:51234] cache is cold\n" if $path ne '/other';
    push @error_json, qq({"time":"2026-11-23T19:53:$second.456829Z","level":"error","trace_id":"$trace","api_method":"$method","path":"$path","code":"AH01071","message":"broken"}\n) if $status >= 500;
    ++$second;
}

# The logs belong to a server that does not run: its configuration alone is asked.
my $httpd = Httpd->prepare(conf => <<'CONF', files => {
ReqNotes On
CustomLog logs/access.json "%^RJ"
ErrorLog logs/error.log
CONF
    'logs/access.json' => join('', @json), 'logs/access.logfmt' => join('', @logfmt), 'logs/error.log' => join('', @error), 'logs/error.json' => join('', @error_json) });
my $program = abs_path('conf/bin/reqnotes-grep');
my $asks = "exec $program --httpd @{[ $httpd->program ]} --conf $httpd->{dir}/conf/httpd.conf";
chmod 0755, $httpd->add_file('bin/reqnotes-grep', "#!/bin/sh\n$asks \"\$\@\"\n");

sub run_block {
    my ($block) = @_;
    local $ENV{PATH} = "$httpd->{dir}/bin:$ENV{PATH}";
    local $ENV{TZ} = 'UTC';
    my $script = $httpd->add_file('block.sh', "cd $httpd->{dir}\nset -eo pipefail\n$block");
    my $text = qx{bash $script 2>&1};
    return ($? >> 8, $text);
}

# What the blocks print that have nothing below them.
my %prints = (
    'user_id=5555. logs/access.logfmt' => [ 5, qr/user_id=5555 / ], 'api_key=9f8e77aa' => [ 12, qr/9f8e77aa/ ],
    'grep b44d' => [ 3, qr/b44d/ ], 'trace_id. logs/access.json . grep -F' => [ 2, qr/broken/ ],
    'api_method // "-"\x27 logs' => [ 4, qr/4 photos\.search\n/ ], 'time\[:16\]' => [ 2, qr/2 2026-11-23T19:53 5xx\n/ ],
    'sort_by\(.time\)' => [ 11, qr/"message":"broken"\}\n/ ], 'level == "error" or' => [ 2, qr/1 photos\.search AH01071\n/ ],
);
my $count = 0;
my $text_of = sub {
    my ($section) = @_;
    my @blocks = $section =~ /^```(\w+)\n(.*?)^```\n/msg;
    while (my ($kind, $block, $next, $text) = @blocks) {
        splice @blocks, 0, 2;
        $text = undef if ($next // '') ne 'text';
        next if $kind ne 'sh';
        my ($name) = $block =~ /^(.*)/;
        $block =~ s/^(reqnotes-grep [^|\n]*)$/$1 --text/m;  # as on a terminal
        my ($code, $printed) = run_block($block);
        is $code, 0, $name or diag $printed;
        ++$count;
        if (defined $text) { is $printed, $text, '... prints what stands below it' }
        else {
            my ($found) = grep { $block =~ /$_/ } keys %prints;
            ok defined $found, '... is known here' or next;
            my ($lines, $pattern) = @{ delete $prints{$found} };
            is $printed =~ tr/\n//, $lines, '... prints as many lines as there are' or diag $printed;
            like $printed, $pattern, '... and what is asked for';
        }
    }
};
$text_of->($own);
$text_of->($jq);
is_deeply [ keys %prints ], [], 'no block is missing';
cmp_ok $count, '>=', 12, "$count blocks";
is scalar(() = $page =~ /^```sh\n/mg), $count + 3, '... and the others are run by t/tools/reading.t';

done_testing;
