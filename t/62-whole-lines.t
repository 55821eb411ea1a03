# One write for each line: lines near the limit and beyond it, from many processes and threads at
# once, into files and pipes. Each arrives whole, once, and no longer than 4,096 bytes.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Load;
use Test::More;
use Time::HiRes qw(time);

my $limit    = 4096;
my $requests = 8_000;

my $conf = <<'CONF';
MaxKeepAliveRequests 0
ErrorLogFormat "%M"
ReqNotes On
ReqNotesField uid request:X-Uid
ReqNotesErrorSummary Off
ReqNotesErrorLog logs/error-file.log
CustomLog @DIR@/logs/json-file.log "%^RJ"
CustomLog "|@DIR@/sink @DIR@/logs/json-pipe.log" "%^RJ"
CustomLog @DIR@/logs/logfmt-file.log "%^RL"
CustomLog "|@DIR@/sink @DIR@/logs/logfmt-pipe.log" "%^RL"
<Location />
  Require all denied
</Location>
<VirtualHost *:@PORT@>
  ServerName file
</VirtualHost>
<VirtualHost *:@PORT@>
  ServerName pipe
  ReqNotesErrorLog "|@DIR@/sink @DIR@/logs/error-pipe.log"
</VirtualHost>
<IfModule mpm_event_module>
  StartServers 4
  ThreadsPerChild 8
  MaxRequestWorkers 64
  MinSpareThreads 32
</IfModule>
<IfModule mpm_prefork_module>
  StartServers 20
  MinSpareServers 20
</IfModule>
CONF
# The virtual hosts write to the logs of the main server.
$conf =~ s/(?=<\/VirtualHost>)/join '', map { "  $_\n" } $conf =~ m{^(CustomLog.*)}mg/ge;

# Lines of one object whose values are strings, numbers and true; pairs of logfmt.
my $string  = qr/"(?:[^"\\\x00-\x1f\x7f]++|\\(?:["\\\/bfnrt]|u[0-9a-f]{4}))*+"/;
my $is_json = qr/^\{"time":$string(?:,"(?!time")[a-z_.]+":(?:$string|\d+|true))*+\}$/;
my $is_logfmt = qr/^time=\S+(?: (?!time=)[a-z_.]+=(?:$string|[^ "=\x00-\x1f\x7f]++))*+$/;
my %uid     = (json => qr/"uid":"([^"]+)"/, error => qr/"uid":"([^"]+)"/, logfmt => qr/ uid=(\S+)/);

# Bytes of every kind that a client can send in a header.
my @odd = (map({ chr } 0x20 .. 0x7e), '"', '\\', "\t", "\xc3\xab", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff", "\xc3", "\xe2\x80\xa8", "\xc2\x85");

# The lines that a JSON error log says were lost.
sub lost {
    my $lost = 0;
    $lost += $_ for map { /"RN0008".*"messages":(\d+)/ } @_;
    return $lost;
}

# A path without names that are too long for a file system.
sub long_path { return substr +('/' . 'p' x 98) x 100, 0, shift }

# A request for an id. `room` is what a line of each kind has left below the limit otherwise.
sub request {
    my ($id, $room) = @_;
    my ($number) = $id =~ /-(\d+)-/;
    my $kind = $number % 5;
    my $host = int($number / 5) % 2 ? 'pipe' : 'file';
    my $near = 24 - int($number / 10) % 49;
    my $odd  = sub { join '', map { $odd[ rand @odd ] } 1 .. rand 4000 };
    my ($path, $query, $referer, $agent) = ("/$kind", 'q', 'R', 'A');
    if    (!$room)     { }
    elsif ($kind == 0) { $agent .= 'a' x ($room->{json} + $near) }
    elsif ($kind == 1) { $agent .= 'a' x ($room->{logfmt} + $near) }
    elsif ($kind == 2) { $path .= long_path($room->{error} + $near) }
    elsif ($kind == 3) { $_ .= $odd->() . 'x' for $referer, $agent }
    elsif ($near > 0)  { $path .= long_path(4000 + rand 4000) }
    else               { $_ .= 'l' x (4000 + rand 4000) for $query, $referer, $agent }
    return "GET $path?$query HTTP/1.1\r\nHost: $host\r\nX-Uid: $id\r\n"
        . "Referer: $referer\r\nUser-Agent: $agent\r\n\r\n";
}

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, conf => $conf,
        files => { sink => "#!/bin/sh\nexec cat >>\"\$1\"\n" });
    $httpd->raw(request('u0-1000-') =~ s/Host/Connection: close\r\nHost/r);
    my %room = map { $_ => $limit - 1 - length $httpd->line("$_-file", qr/u0-1000/) } qw(json logfmt error);

    my $begin  = time;
    my $report = Load->start($httpd, clients => 2, connections => 8, requests => $requests,
        request => sub { request($_[0], \%room) })->report;
    is_deeply [ map { @{ $report->{$_} } } qw(stuck failed) ], [], 'every client went on to the end';
    my %sent = map { $_ => 1 } map { @{ $report->{$_} } } qw(answered open);
    my @answered = @{ $report->{answered} };
    my $open = @{ $report->{open} };
    note sprintf '%d requests, %.1f s', scalar @answered, time - $begin;
    my $is_pipe = sub { int((split /-/, $_[0])[1] / 5) % 2 };
    # A pipe that is full takes no line of the JSON error log; the next one that it takes tells of
    # those.
    for (my $number = 2005; $number < 3000; $number += 10) {
        my @lines = $httpd->lines('error-pipe');
        last if lost(@lines) + grep({ /$uid{error}/ } @lines) >= grep { $is_pipe->($_) } keys %sent;
        push @answered, my $id = "u0-$number-";
        $sent{$id} = 1;
        $httpd->raw(request($id) =~ s/Host/Connection: close\r\nHost/r);
    }
    $httpd->stop('WINCH');

    for my $log (qw(json-file json-pipe logfmt-file logfmt-pipe error-file error-pipe)) {
        my ($kind) = $log =~ /(\w+)/;
        my @due = grep { $log !~ /error-(.*)/ || $1 eq ($is_pipe->($_) ? 'pipe' : 'file') } @answered;
        my (%lines, @odd, %length);
        my $pattern = $kind eq 'logfmt' ? $is_logfmt : $is_json;
        my @lines = $httpd->lines($log);
        for my $line (@lines) {
            my $text = $line;
            push @odd, $line unless length $line < $limit && $line =~ $pattern && utf8::decode($text);
            my ($id) = $line =~ $uid{$kind};
            ++$lines{$id} if defined $id && $id ne 'u0-1000-';
            ++$length{ length $line };
        }
        is_deeply [ @odd[ 0 .. ($#odd > 3 ? 3 : $#odd) ] ], [], "$log: every line is whole, and none too long";
        is_deeply [ grep { $lines{$_} != 1 } keys %lines ], [], '... no request has two';
        is_deeply [ grep { !$sent{$_} } keys %lines ], [], '... none is of a request that was never sent';
        my $missing = grep { !$lines{$_} } @due;
        my $told    = lost(@lines);
        is $missing, 0, '... none is missing of ' . @due if $log ne 'error-pipe' || !$told;
        # A request without an answer may have logged an error.
        cmp_ok abs($told - $missing - $open / 2), '<=', $open / 2,
            "... $missing are missing of " . @due . ", and RN0008 tells of $told" if $told;
        cmp_ok $length{ $limit - 1 } || 0, '>=', 1, '... some are exactly as long as allowed';
        cmp_ok scalar(grep { /"truncated":true|truncated=true/ } @lines), '>', 100, '... and some were cut';
        next if $kind eq 'logfmt';
        is_deeply [ grep { !eval { from_json($_) } } map { $lines[ rand @lines ] } 1 .. 100 ], [],
            '... a hundred of them are JSON for another reader too';
    }
});

done_testing;
