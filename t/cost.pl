# What a request costs: user-space instructions for each request above the same server without a
# log, counted by callgrind, so that neither the machine nor its load matters. `make cost` runs it.
#
# A server with one process answers a short and a long series of the same request on one
# connection; the difference leaves out start and stop. Every row is the difference of two such
# servers, which differ in nothing but what the row is about.

use strict;
use warnings;
use Httpd;

my ($short, $long) = (200, 1200);
my $on      = "ReqNotes On\n";
my $json    = "CustomLog \@DIR\@/logs/access.log \"%^RJ\"\n";
my $logfmt  = "CustomLog \@DIR\@/logs/access.log \"%^RL\"\n";
my $default = 'ErrorLogFormat "[%{u}t] [%-m:%l] [pid %P:tid %{g}T] [client\ %a] %E: %M"' . "\n";
my @names   = qw(user_id api_key api_method session order_id);
my @more    = map { "more$_" } 1 .. 30;
my %browser = (
    'User-Agent' => 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    Referer      => 'https://www.example.com/photos/albums/2026/11/summer?page=4&sort=newest',
);
my %traced = (%browser, traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');

# Notes, set by httpd itself; the server without a log has them too.
sub notes {
    my ($value, @keys) = @_;
    return join '', map { "Header set X-$_ \"$value-$_\"\nHeader note X-$_ $_\n" } @keys;
}
sub fields { return join '', map { "ReqNotesField $_\n" } @_ }

my $hand = 'LogFormat "{\"time\":\"%{%Y-%m-%dT%H:%M:%S}t\",\"id\":\"%{UNIQUE_ID}e\",'
    . join('', map { qq{\\"$_\\":\\"%{$_}n\\",} } @names)
    . '\"vhost\":\"%v\",\"client\":\"%a\",\"method\":\"%m\",\"path\":\"%U\",\"query\":\"%q\",'
    . '\"protocol\":\"%H\",\"status\":%>s,\"bytes\":%B,\"duration_us\":%D,'
    . '\"referer\":\"%{Referer}i\",\"user_agent\":\"%{User-Agent}i\"}" hand' . "\nCustomLog \@DIR\@/logs/access.log hand\n";
my $combined = 'CustomLog @DIR@/logs/access.log "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""' . "\n";

# Servers by name: configuration, and what differs from the usual request.
my $five = notes('value', @names);
my $all  = notes('value', @names, @more);
my $odd  = notes('say \"\xc3\xab\" \\\\\\\\ twice', @names);
my %servers = (
    base          => [ $five ],
    trace         => [ $five . $on ],
    json          => [ $five . $on . fields(@names[ 3, 4 ]) . $json ],
    logfmt        => [ $five . $on . fields(@names[ 3, 4 ]) . $logfmt ],
    traced_base   => [ $five, headers => \%traced ],
    traced        => [ $five . "${on}ReqNotesTraceAccept all\n", headers => \%traced ],
    traced_json   => [ $five . "${on}ReqNotesTraceAccept all\n" . fields(@names[ 3, 4 ]) . $json, headers => \%traced ],
    notes_base    => [ $all ],
    notes         => [ $all . $on . fields(@names[ 3, 4 ]) . $json ],
    notes_fields  => [ $all . $on . fields(@names[ 3, 4 ], @more) . $json ],
    three         => [ $five . $on . $json ],
    absent        => [ $five . $on . fields(map { "absent$_" } 1 .. 60) . $json ],
    odd_base      => [ $odd ],
    odd           => [ $odd . $on . fields(@names[ 3, 4 ]) . $json ],
    denied_base   => [ "$five$default", path => '/denied' ],
    denied_trace  => [ "$five$default${on}LogLevel crit\n", path => '/denied' ],
    denied_off    => [ "$five${default}LogLevel crit\n", path => '/denied' ],
    denied        => [ "$five$default${on}ReqNotesErrorSummary Off\n", path => '/denied' ],
    denied_close  => [ "$five$default$on", path => '/denied' ],
    denied_n      => [ $five . $default =~ s/%M/%M %N/r . $on, path => '/denied' ],
    denied_json   => [ "$five$default${on}ReqNotesErrorLog \@DIR\@/logs/messages.log\n", path => '/denied' ],
    idle_log      => [ $five . $on . "ReqNotesErrorLog \@DIR\@/logs/messages.log\n" . fields(@names[ 3, 4 ]) . $json ],
    mask_none     => [ $five . $on . "ReqNotesMaskQuery None\n" . fields(@names[ 3, 4 ]) . $json ],
    unique_id     => [ $five, modules => ['unique_id'] ],
    hand          => [ $five . $hand, modules => ['unique_id'] ],
    combined      => [ $five . $combined ],
);

# Rows: what it is, the server, the one below it, how many of it there are, and the bound.
my @rows = (
    [ 'JSON line, 5 fields, trace made',                 'json',         'base', 1, 5000 ],
    [ '... with an inbound traceparent',                 'traced_json',  'traced_base', 1, 5600 ],
    [ 'logfmt line, 5 fields, trace made',               'logfmt',       'base', 1 ],
    [ 'trace only',                                      'trace',        'base', 1, 1000 ],
    [ '... with an inbound traceparent',                 'traced',       'traced_base', 1, 1600 ],
    [ 'each further field that is there, of 30',         'notes_fields', 'notes', 30, 180 ],
    [ 'each declared field that is absent, of 60',       'absent',       'three', 60, 16 ],
    [ 'values that need escapes or repair, on top',      [ 'odd', 'odd_base' ], [ 'json', 'base' ], 1, 1200 ],
    [ 'each note of others, of 30',                      [ 'notes', 'notes_base' ], [ 'json', 'base' ], 30, 20 ],
    [ 'an error line, nothing of ours in its format, above the trace', [ 'denied', 'denied_base' ], [ 'denied_trace', 'denied_off' ], 1, 300 ],
    [ '... with the check for the closing line',         [ 'denied_close', 'denied_base' ], [ 'denied_trace', 'denied_off' ], 1, 500 ],
    [ '%N on it',                                        'denied_n',     'denied_close', 1, 1200 ],
    [ 'its line in the JSON error log',                  'denied_json',  'denied_close', 1, 4000 ],
    [ 'a JSON error log without a message, on top',      'idle_log',     'json', 1, 0 ],
    [ 'ReqNotesMaskQuery None, on top',                  'mask_none',    'json', 1, 0 ],
    [ 'mod_unique_id',                                   'unique_id',    'base', 1 ],
    [ 'combined',                                        'combined',     'base', 1 ],
    [ 'JSON by LogFormat, 5 notes, mod_unique_id',       'hand',         'base', 1 ],
);

sub series {
    my ($count, $conf, %args) = @_;
    my $path = $args{path} || '/x?n=1';
    my $httpd = Httpd->prepare(modules => $args{modules} || [], files => { 'www/x' => 'x' x 99 . "\n" },
        conf => "MaxKeepAliveRequests 0\nStartServers 1\n<Location /denied>\nRequire all denied\n</Location>\n$conf");
    my $counts = "$httpd->{dir}/run/callgrind";
    $httpd->{under} = [ 'valgrind', '--tool=callgrind', "--callgrind-out-file=$counts" ];
    $httpd->{options} = ['-DONE_PROCESS'];
    $httpd->run or die "httpd does not start: $httpd->{output}\n";
    chmod 0666, $counts;  # it was made before httpd dropped its privileges
    my $socket  = $httpd->connect;
    my %headers = %{ $args{headers} || \%browser };
    my $request = "GET $path HTTP/1.1\r\nHost: x\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n";
    for (1 .. $count) {
        print $socket $request;
        my $reply = '';
        sysread($socket, $reply, 65536, length $reply) or die "no answer\n" while $reply !~ /\r\n\r\n.*\n\z/s;
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

my %each;
sub each_request {
    my ($name) = @_;
    return each_request($name->[0]) - each_request($name->[1]) if ref $name;
    my $server = $servers{$name};
    return $each{$name} //= (series($long, @$server) - series($short, @$server)) / ($long - $short);
}

my $only = $ENV{ONLY};
printf "%-66s %12s %8s\n", 'instructions per request', 'this', 'at most';
for my $row (@rows) {
    my ($name, $this, $below, $count, $most) = @$row;
    next if $only && $name !~ /$only/;
    $| = 1;
    printf "%-66s %12.0f %8s\n", $name, (each_request($this) - each_request($below)) / $count, $most // '';
}
