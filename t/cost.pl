# What a request costs: user-space instructions above the same server without an access log,
# counted by callgrind, so that neither the machine nor its load matters. `make cost` runs it.
#
# A server with one process answers a short and a long series of the same request on one
# connection; the difference leaves out start and stop.

use strict;
use warnings;
use Httpd;
use IO::Socket::INET;

my ($short, $long) = (200, 1200);
my @names = qw(user_id api_key api_method session order_id tenant region plan build cache);
my $agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
my $referer = 'https://www.example.com/photos/albums/2026/11/summer?page=4&sort=newest';

# Ten notes, set by httpd itself, in every run.
my $notes = join '', map { "Header set X-$_ value-of-$_\nHeader note X-$_ $_\n" } @names;

# So many of them as fields; the first three are so by default.
sub fields { return join '', map { "ReqNotesField $_\n" } @names[ 3 .. $_[0] - 1 ] }

my $hand = '{\"time\":\"%{%Y-%m-%dT%H:%M:%S}t\",\"id\":\"%{UNIQUE_ID}e\",'
    . join('', map { qq{\\"$_\\":\\"%{$_}n\\",} } @names[ 0 .. 4 ])
    . '\"vhost\":\"%v\",\"client\":\"%a\",\"method\":\"%m\",\"path\":\"%U\",\"query\":\"%q\",'
    . '\"protocol\":\"%H\",\"status\":%>s,\"bytes\":%B,\"duration_us\":%D,'
    . '\"referer\":\"%{Referer}i\",\"user_agent\":\"%{User-Agent}i\"}';

my $on = "ReqNotes On\n";
my $log = 'CustomLog @DIR@/logs/access.log';
my @cases = (
    [ 'module off, no log',                     '' ],
    [ 'trace context only, no log',             $on ],
    [ 'JSON line, 3 fields',                    "$on$log \"%^RJ\"\n" ],
    [ 'JSON line, 5 fields',                    $on . fields(5) . "$log \"%^RJ\"\n" ],
    [ 'JSON line, 10 fields',                   $on . fields(10) . "$log \"%^RJ\"\n" ],
    [ 'logfmt line, 10 fields',                 $on . fields(10) . "$log \"%^RL\"\n" ],
    [ 'combined, for comparison',               "$log \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\"\n" ],
    [ 'JSON by LogFormat, 5 notes, mod_unique_id', "$log \"$hand\"\n", 'unique_id' ],
);

sub instructions {
    my ($conf, $count, @modules) = @_;
    my $httpd = Httpd->prepare(conf => $notes . "MaxKeepAliveRequests 0\nStartServers 1\n" . $conf,
        modules => \@modules, files => { 'www/x' => "x\n" });
    my $counts = "$httpd->{dir}/run/callgrind";
    $httpd->{under} = [ 'valgrind', '--tool=callgrind', "--callgrind-out-file=$counts" ];
    $httpd->{options} = ['-DONE_PROCESS'];
    $httpd->run or die "httpd does not start: $httpd->{output}\n";
    chmod 0666, $counts;  # it was made before httpd dropped its privileges
    my $socket = $httpd->connect;
    my $request = "GET /x?n=1 HTTP/1.1\r\nHost: x\r\nUser-Agent: $agent\r\nReferer: $referer\r\n\r\n";
    for (1 .. $count) {
        print $socket $request;
        my $reply = '';
        sysread $socket, $reply, 65536, length $reply while $reply !~ /\r\n\r\nx\n\z/;
    }
    close $socket;
    $httpd->end;
    my $total = 0;
    for my $file (glob "$counts*") {
        open my $in, '<', $file or die;
        /^(?:summary|totals): (\d+)/ and $total += $1 and last while <$in>;
    }
    return $total;
}

my $base;
printf "%-44s %12s %12s\n", 'instructions per request', 'in all', 'above base';
for my $case (@cases) {
    my ($name, $conf, @modules) = @$case;
    my $each = (instructions($conf, $long, @modules) - instructions($conf, $short, @modules))
        / ($long - $short);
    $base //= $each;
    printf "%-44s %12.0f %12.0f\n", $name, $each, $each - $base;
}
