# What a request costs, above the same server without a log: user-space instructions, counted by
# callgrind, so that neither the machine nor its load matters, and bytes of pools. `make cost` runs
# it, and fails when a figure is above its bound.
#
# A server with one process answers a short and a long series of the same request on one
# connection; the difference leaves out start and stop. Every row adds and subtracts such servers,
# which differ in nothing but what the row is about.
#
#   ONLY=regex  the rows of these names alone
#   SVG=file    writes a chart of the figures, PAGE=file the tables of that page

use strict;
use warnings;
use Beside;
use Httpd;
use POSIX qw(strftime);
use Time::HiRes qw(sleep);

my ($short, $long) = (200, 1200);
my $noise   = 10;  # instructions by which a row differs from run to run
my $logfmt  = "CustomLog \@DIR\@/logs/access.log \"%^RL\"\n";
my $otlp    = "CustomLog \@DIR\@/logs/access.log \"%^RO\"\n";
my $default = 'ErrorLogFormat "[%{u}t] [%-m:%l] [pid %P:tid %{g}T] [client\ %a] %E: %M"' . "\n";
my @more    = map { "more$_" } 1 .. 30;
my %traced  = (%browser, traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');

# Notes that are there before a request is denied.
sub early { return notes(@_) =~ s/\n/ early\n/gr }

my $combined = 'CustomLog @DIR@/logs/access.log "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""' . "\n";
my $messages = "ReqNotesErrorLog \@DIR\@/logs/messages.log\n";
my $by_hand  = join ' ', map { "$_=%{$_}n" } @names;

# Servers by name: configuration, and what differs from the usual request.
my $five   = notes('value', @names);
my $all    = notes('value', @names, @more);
my $odd    = notes('say \"\xc3\xab\" \\\\\\\\ twice', @names);
my $known  = early('value', @names) . $default;
my $two    = fields(@names[ 3, 4 ]);
my $accept = "${on}ReqNotesTraceAccept all\n";
my @absent = map { "absent$_" } 1 .. 60;
my @id     = (modules => ['unique_id']);
my @denied = (path => '/denied');
my $asked  = "${on}ReqNotesThreshold load load above=1000\nReqNotesJob thumbs load\n<Location /reqnotes>\nSetHandler reqnotes\nReqNotesPages On\n</Location>\n";
my $notice  = "LogLevel reqnotes:notice\n";  # RN0041, and each check of a level costs more with it
my $counted = $five . $on . $two . $json . "ReqNotesMetric http by=vhost\n$notice";
my $flagged = "ReqNotesFlags \@DIR\@/flags by=client\n";
my $eleven  = join '', map { "flag_$_ on\n" } 1 .. 11;
my $asks    = "Header set X-Asked flag_1,flag_2,-comments\nHeader note X-Asked flags\n";
my $plain   = $five . $on . $two . $json . $notice;
my $usual   = $plain . "ReqNotesMetric http by=api_method\nReqNotesBusiest user_id api_key\n";
my %servers = (
    bare          => [ $five, reqnotes => 0 ],
    base          => [ $five ],
    trace         => [ $five . $on ],
    json          => [ $five . $on . $two . $json ],
    logfmt        => [ $five . $on . $two . $logfmt ],
    ecs           => [ $five . $on . $two . $json =~ s/%\^RJ/%^RE/r ],
    otlp          => [ $five . $on . $two . $otlp ],
    otlp_sampled  => [ $five . $on . $two . $otlp =~ s/$/ env=TRACE_SAMPLED/r ],
    sampled       => [ $five . $on . "SetEnvIf TRACE_SAMPLED 1 x\n" ],
    envif         => [ $five . $on . "SetEnvIf TRACE_SIMPLED 1 x\n" ],
    traced_base   => [ $five, headers => \%traced ],
    traced        => [ $five . $accept, headers => \%traced ],
    traced_json   => [ $five . $accept . $two . $json, headers => \%traced ],
    notes_base    => [ $all ],
    notes         => [ $all . $on . $two . $json ],
    notes_fields  => [ $all . $on . $two . fields(@more) . $json ],
    three         => [ $five . $on . $json ],
    absent        => [ $five . $on . fields(@absent) . $json ],
    odd_base      => [ $odd ],
    odd           => [ $odd . $on . $two . $json ],
    idle_log      => [ $five . $on . $messages . $two . $json ],
    chosen        => [ $five . $on . "ReqNotesValues +host +peer +scheme\n" . $two . $json ],
    wire          => [ $five . $on . "ReqNotesValues +bytes_in +bytes_out +ttfb_us\n" . $two . $json ],
    one_metric    => [ $five . $on . $two . $json . "ReqNotesMetric http by=api_method\n" ],
    two_metrics   => [ $five . $on . $two . $json . "ReqNotesMetric http by=api_method\nReqNotesMetric more by=api_key,vhost\n" ],
    further       => [ $five . $on . $two . $json . "ReqNotesMetric http by=api_method\nReqNotesMetric more by=api_key\n" ],
    by_host       => [ $five . $on . $two . $json . "ReqNotesMetric http by=vhost\n" ],
    two_lists     => [ $five . $on . $two . $json . "ReqNotesMetric http by=api_method\nReqNotesBusiest user_id api_key\n" ],
    flags_off     => [ $counted . $flagged, flags => "comments off\n" ],
    flags_on      => [ $counted . $flagged, flags => $eleven ],
    flags_share   => [ $counted . $flagged, flags => "one 10%\ntwo 20%\nthree 30%\n" ],
    asked_one     => [ $counted . $flagged . $asks =~ s/,\S+//r, flags => "${eleven}comments off\n" ],
    asked         => [ $counted . $flagged . $asks, flags => "${eleven}comments off\n" ],
    one_base      => [ $counted . "ReqNotesField flags type=list\n" . $asks =~ s/,\S+//r ],
    counted       => [ $counted ],
    asked_base    => [ $counted . "ReqNotesField flags type=list\n" . $asks ],
    usual         => [ $usual . $flagged . $asks, flags => "${eleven}comments off\n" ],
    usual_base    => [ $plain . "ReqNotesField flags type=list\n" . $asks ],
    summed        => [ $five . $on . $two . $json . "ReqNotesField number type=integer\nReqNotesMetric http by=api_method\n" . notes('12345', 'number') =~ s/-number"/"/r ],
    with_sum      => [ $five . $on . $two . $json . "ReqNotesField number type=integer\nReqNotesMetric http by=api_method sum=number\n" . notes('12345', 'number') =~ s/-number"/"/r ],
    mask_none     => [ $five . $on . "ReqNotesMaskQuery None\n" . $two . $json ],
    denied_base   => [ "$five$default", @denied ],
    denied_trace  => [ "$five$default${on}LogLevel crit\n", @denied ],
    denied_off    => [ "$five${default}LogLevel crit\n", @denied ],
    denied        => [ "$five$default${on}ReqNotesErrorSummary Off\n", @denied ],
    denied_close  => [ "$five$default$on", @denied ],
    denied_n      => [ $five . $default =~ s/%M/%M %N/r . $on, @denied ],
    denied_json   => [ "$five$default$on$messages", @denied ],
    known_base    => [ $known, @denied ],
    known_close   => [ $known . $on . $two, @denied ],
    known_n       => [ $known =~ s/%M/%M [%N]/r . $on . $two, @denied ],

    go            => [ $asked, path => '/reqnotes/go/thumbs' ],
    static        => [ $asked, path => '/x' ],

    # What httpd has itself.
    unique_id     => [ $five, @id ],
    traced_id     => [ $five, @id, headers => \%traced ],
    hand          => [ $five . hand('', @names), @id ],
    traced_hand   => [ $five . hand('\"traceparent\":\"%{traceparent}i\",', @names), @id, headers => \%traced ],
    notes_hand    => [ $all . hand('', @names), @id ],
    fields_hand   => [ $all . hand('', @names, @more), @id ],
    absent_hand   => [ $five . hand('', @names, @absent), @id ],
    odd_hand      => [ $odd . hand('', @names), @id ],
    known_hand    => [ $known =~ s/%M/%M [$by_hand]/r, @denied ],
    combined      => [ $five . $combined ],
    forensic      => [ $five . "ForensicLog \@DIR\@/logs/forensic.log\n", modules => ['log_forensic'] ],
    usertrack     => [ $five . "CookieTracking On\n", modules => ['usertrack'] ],
);

# Tables: 1 for bytes of pools, what is counted, then rows: what it is, the servers, what they are
# divided by, the bound; and beside it what httpd has for that job, and its servers.
my $message = length 'AH01630: client denied by server configuration: /tmp/reqnotes-XXXXXX/www/denied';
my @tables = (
    [ 0, 'instructions for each request',
        [ 'JSON line, 5 fields, trace made',          'json - base', 1, 5000,                      'by hand + mod_unique_id', 'hand - base' ],
        [ '... with an inbound traceparent',          'traced_json - traced_base', 1, 5600,        'the same, with its header', 'traced_hand - traced_base' ],
        [ 'logfmt line, 5 fields, trace made',        'logfmt - base', 1, [ 1.05, 'json - base' ] ],
        [ 'ECS line, 5 fields, trace made',           'ecs - base', 1, [ 1.25, 'json - base' ] ],
        [ 'a span of OpenTelemetry, 5 fields, trace made', 'otlp - base', 1, [ 1.4, 'json - base' ] ],
        [ 'TRACE_SAMPLED, where a directive names it', 'sampled - envif', 1, 550 ],
        [ '... and a log asks for it, on top of its line', 'otlp_sampled - otlp', 1, 550 ],
        [ 'trace only',                               'trace - base', 1, 1000,                     'mod_unique_id', 'unique_id - base' ],
        [ '... with an inbound traceparent',          'traced - traced_base', 1, 1600,             'mod_unique_id', 'traced_id - traced_base' ],
        [ 'an answer of /go',                         'go', 1, [ 1.15, 'static' ],                  'a small static file', 'static' ],
        [ 'loaded, and ReqNotes Off',                 'base - bare', 1 ],
        [ 'each further field that is there, of 30',  'notes_fields - notes', 30, 180,             '%{..}n', 'fields_hand - notes_hand' ],
        [ 'each declared field that is absent, of 60', 'absent - three', 60, 16,                   '%{..}n', 'absent_hand - hand' ],
        [ 'each note of others, of 30',               'notes - notes_base - json + base', 30, 20,  'by hand', 'notes_hand - notes_base - hand + base' ],
        [ 'values that need escapes or repair, on top', 'odd - odd_base - json + base', 1, 1200,   'by hand', 'odd_hand - odd_base - hand + base' ],
        [ 'a JSON error log without a message, on top', 'idle_log - json', 1, 0 ],
        [ 'host, peer and scheme chosen, on top',     'chosen - json', 1 ],
        [ 'bytes in and out and time to first byte chosen, on top', 'wire - json', 1 ],
        [ 'counting by a field, on top',              'one_metric - json', 1, 350 ],
        [ '... by vhost alone',                       'by_host - json', 1, 350 ],
        [ 'each further metric',                      'further - one_metric', 1, 200 ],
        [ '... by two labels',                        'two_metrics - one_metric', 1 ],
        [ 'each list of the busiest',                 'two_lists - one_metric', 2, 150 ],
        [ 'each sum',                                 'with_sum - summed', 1 ],
        [ 'feature flags, none of them on, on top',   'flags_off - counted', 1, 150 ],
        [ '... eleven on for everybody',              'flags_on - counted', 1, 150 ],
        [ '... three on for a share',                 'flags_share - counted', 1 ],
        [ 'each further flag that is asked, on top of its text', 'asked - asked_one - asked_base + one_base', 2, 80 ],
        [ 'a metric, two lists, flags and three asked', 'usual - usual_base', 1, 1000 ],
        [ 'ReqNotesMaskQuery None, on top',           'mask_none - json', 1, 0 ],
        [ 'an error line, nothing of ours in it, above the trace', 'denied - denied_base - denied_trace + denied_off', 1, 300 ],
        [ '... with the check for the closing line',  'denied_close - denied_base - denied_trace + denied_off', 1, 500 ],
        [ '%N on it',                                 'denied_n - denied_close', 1, 1200 ],
        [ '... where all 5 fields are known',         'known_n - known_close', 1, undef,           '5 of %{..}n', 'known_hand - known_base' ],
        [ 'its line in the JSON error log',           'denied_json - denied_close', 1, 4000 ],
        [ 'combined',                                 undef, 1, undef,                             'mod_log_config', 'combined - base' ],
        [ 'both lines of a ForensicLog',              undef, 1, undef,                             'mod_log_forensic', 'forensic - base' ],
        [ 'a cookie as an ID',                        undef, 1, undef,                             'mod_usertrack', 'usertrack - base' ],
    ],
    [ 1, 'bytes of pools for each request',
        [ 'JSON line, 5 fields, trace made, in bytes', 'json - base', 1, undef,                    'by hand + mod_unique_id', 'hand - base' ],
        [ 'trace only, in bytes',                     'trace - base', 1, undef,                    'mod_unique_id', 'unique_id - base' ],
        [ 'a request with one line in the JSON error log, in bytes', 'denied_json - denied_base', 1, 1500 + $message ],
    ],
);
my @bars = (
    [ 'JSON by LogFormat, with mod_unique_id', 'hand - base', 'theirs' ],
    [ 'JSON line of mod_reqnotes, with the trace', 'json - base', 'ours' ],
    [ 'combined', 'combined - base', 'theirs' ],
    [ 'mod_unique_id alone', 'unique_id - base', 'theirs' ],
    [ 'trace of mod_reqnotes alone', 'trace - base', 'ours' ],
);

# Answers a series of requests; gives the instructions or the bytes of pools, start and stop
# included. Not with the event MPM, whose threads have more to do the longer it takes.
sub series {
    my ($bytes, $count, $conf, %args) = @_;
    my $path = $args{path} || '/x?n=1';
    my $httpd = Httpd->prepare(mpm => 'prefork', modules => $args{modules} || [], reqnotes => $args{reqnotes} // 1, files => { 'www/x' => 'x' x 99 . "\n", 'run/pools' => "\0" x 16, flags => $args{flags} // '' },
        conf => "MaxKeepAliveRequests 0\nStartServers 1\n<Location /denied>\nRequire all denied\n</Location>\n$conf");
    my $counts = "$httpd->{dir}/run/callgrind";
    $httpd->{options} = ['-DONE_PROCESS'];
    if ($bytes) { $httpd->{preload} = "$ENV{PWD}/build/growth.so" }
    else        { $httpd->{under} = [ 'valgrind', '--tool=callgrind', "--callgrind-out-file=$counts" ] }
    local $ENV{REQNOTES_GROWTH} = "$httpd->{dir}/run/pools";
    chmod 0666, $ENV{REQNOTES_GROWTH};
    my $done = eval {
        $httpd->run or die "httpd does not start: $httpd->{output}\n";
        chmod 0666, $counts;  # it was made before httpd dropped its privileges
        wait_until(sub { grep { /RN0041/ } $httpd->lines('error') }) or die "no flags\n" if $args{flags};
        # A threshold is unknown at first, and httpd closes a connection behind a 503.
        wait_until(sub { $httpd->get($path)->{status} == 200 }) or die "no answer\n" if $path =~ m{/go/};
        my $socket  = $httpd->connect;
        my %headers = %{ $args{headers} || \%browser };
        my $request = "GET $path HTTP/1.1\r\nHost: x\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n";
        for (1 .. $count) {
            print $socket $request;
            my $reply = '';
            sysread($socket, $reply, 65536, length $reply) or die "no answer\n" while $reply !~ /\r\n\r\n.*\n\z/s;
        }
        # A child of prefork ends where the signal meets it, which may be while it holds a lock.
        close $socket;
        wait_until(sub { sleep 0.1; Httpd::slurp("/proc/$httpd->{pid}/stat") =~ /\) S / });
    };
    $httpd->end;
    die $@ unless $done;
    return unpack 'Q', Httpd::slurp($ENV{REQNOTES_GROWTH}) if $bytes;
    my $total = 0;
    Httpd::slurp($_) =~ /^(?:summary|totals): (\d+)/m and $total += $1 for glob "$counts*";
    return $total || die "no count\n";
}

# What servers cost for each request, with as many at a time as there are processors.
my %each;
sub count {
    my @servers = @_;
    my $workers = qx{nproc} + 0;
    my @from;
    for my $worker (0 .. $workers - 1) {
        next if open($from[$worker], '-|') // die "fork: $!\n";
        $SIG{$_} = sub { die "ended\n" } for qw(INT TERM HUP PIPE);
        for my $server (map { $servers[$_] } grep { $_ % $workers == $worker } 0 .. $#servers) {
            my ($bytes, $name) = split / /, $server;
            my ($less, $more) = map { series($bytes, $_, @{ $servers{$name} }) } $short, $long;
            print "$server ", ($more - $less) / ($long - $short), "\n";
            print STDERR '.' if -t STDERR;
        }
        exit;
    }
    for my $from (@from) {
        /^(\d \w+) (\S+)$/ and $each{$1} = $2 while <$from>;
        close $from or exit 1;
    }
    print STDERR "\n" if -t STDERR;
}

# Adds and subtracts servers, as in "json - base".
sub servers { return $_[0] =~ /(\w+)/g }
sub sum {
    my ($bytes, $servers) = @_;
    my ($sum, %terms) = (0, reverse "+ $servers" =~ /([+-]) (\w+)/g);
    $sum += "$terms{$_}1" * $each{"$bytes $_"} for keys %terms;
    return $sum;
}

# A row with its figures: what, ours, its bound, whether it is above that, and httpd's own.
sub figures {
    my ($bytes, $row) = @_;
    my ($name, $ours, $count, $most, $what, $theirs) = @$row;
    my $this = defined $ours ? sum($bytes, $ours) / $count : undef;
    $most = $most->[0] * sum($bytes, $most->[1]) if ref $most;
    my $other = defined $theirs ? sum($bytes, $theirs) / $count : undef;
    my @shown = map { defined $_ ? sprintf '%.0f', $_ : '' } $this, $most, $other;
    return [ $name, $shown[0], $shown[1], defined $most && $this > $most + $noise / $count ? 'above' : '', $shown[2], $what // '' ];
}

sub thousands { return scalar reverse(reverse($_[0]) =~ s/(\d{3})(?=\d)/$1,/gr) }

# A bar for each row: what it is, its figure, and the class of its color.
sub chart {
    my @rows = @_;
    my ($most) = sort { $b <=> $a } map { $_->[1] } @rows;
    my ($bars, $y) = ('', 62);
    for (@rows) {
        my ($name, $figure, $class) = @$_;
        $bars .= sprintf qq{  <text x="320" y="%d" text-anchor="end">%s</text>\n}
            . qq{  <rect class="%s" x="330" y="%d" width="%.0f" height="24" rx="3"/>\n}
            . qq{  <text class="head" x="%.0f" y="%d">%s</text>\n},
            $y + 17, $name, $class, $y, 470 * $figure / $most, 338 + 470 * $figure / $most, $y + 17, thousands($figure);
        $y += 34;
    }
    my $told = join '; ', map { "$_->[0]: " . thousands($_->[1]) } @rows;
    my $height = $y + 34;
    return <<"SVG";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 $height" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13" role="img" aria-labelledby="title desc">
  <title id="title">Instructions for each request</title>
  <desc id="desc">Above the same server without a log. $told.</desc>
  <style>
    .bg { fill: #ffffff } .ours { fill: #3c7a4b } .theirs { fill: #9aa5b0 } text { fill: #1d2730 } .head { font-weight: bold } .dim { fill: #55616c; font-size: 12px }
  </style>
  <rect class="bg" width="900" height="$height" rx="8"/>
  <text class="head" x="330" y="32">Instructions for each request</text>
  <text class="dim" x="330" y="50">above the same server without a log; fewer are better</text>
$bars  <rect class="ours" x="330" y="@{[ $y + 4 ]}" width="11" height="11" rx="2"/>
  <text class="dim" x="347" y="@{[ $y + 14 ]}">mod_reqnotes</text>
  <rect class="theirs" x="460" y="@{[ $y + 4 ]}" width="11" height="11" rx="2"/>
  <text class="dim" x="477" y="@{[ $y + 14 ]}">what httpd has itself</text>
</svg>
SVG
}

sub first_line { return (split /\n/, qx{$_[0]})[0] // '' }

# The day of the figures, and the programs that they are of.
sub versions {
    my ($httpd) = first_line("@{[ Httpd->prepare->program ]} -v") =~ m{Apache/(\S+ \S+)};
    my ($compiler) = qx{readelf -p .comment $ENV{PWD}/build/mod_reqnotes.so} =~ /\] +(.*\S)/;
    my ($valgrind) = first_line('valgrind --version') =~ /([\d.]+)/;
    my ($machine)  = qx{uname -m} =~ /(\S+)/;
    return strftime('%Y-%m-%d', gmtime) . ": httpd $httpd, $compiler, valgrind $valgrind, $machine.";
}

my $only = $ENV{ONLY} // '';
my $page = '';
my %wanted;
for my $table (@tables) {
    my ($bytes, $what, @rows) = @$table;
    @rows = grep { $_->[0] =~ /(?:$only)/ } @rows;
    $wanted{"$bytes $_"} = 1 for map { servers($_) } map { grep { defined } $_->[1], ref $_->[3] ? $_->[3][1] : (), $_->[5] } @rows;
}
$wanted{"0 $_"} = 1 for $ENV{SVG} ? map { servers($_->[1]) } @bars : ();
count(sort keys %wanted);

my $above = 0;
for my $table (@tables) {
    my ($bytes, $what, @rows) = @$table;
    @rows = map { figures($bytes, $_) } grep { $_->[0] =~ /(?:$only)/ } @rows or next;
    printf "%-58s %7s %8s %-6s %8s\n", $what, 'this', 'at most', '', "httpd's";
    printf "%-58s %7s %8s %-6s %8s %s\n", @$_ for @rows;
    print "\n";
    $above += grep { $_->[3] } @rows;
    $page .= "| \u$what | mod_reqnotes | Must be at most | What httpd has | Which is |\n|---|--:|--:|--:|---|\n";
    for (@rows) {
        my ($name, $which) = map { s/%\S+/`$&`/gr } @$_[ 0, 5 ];
        my ($this, $most, $other) = map { thousands($_) } @$_[ 1, 2, 4 ];
        $page .= sprintf "| %s | %s | %s | %s | %s |\n", $name, $_->[3] ? "**$this**" : $this, $most, $other, $which;
    }
    $page .= "\n";
}
write_file($ENV{SVG}, chart(map { [ $_->[0], sprintf('%.0f', sum(0, $_->[1])), $_->[2] ] } @bars)) if $ENV{SVG};
write_page($ENV{PAGE}, 'make performance', $page . versions() . "\n") if $ENV{PAGE};
print STDERR "$above of them cost more than they may.\n" if $above;
exit !!$above;
