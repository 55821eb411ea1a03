# Whatever bytes arrive, a line stays one line, valid and bounded.

use strict;
use warnings;
use lib 't/lib';
use Encode qw(decode FB_CROAK LEAVE_SRC);
use Httpd;
use Test::More;

my $facts = <<'LUA';
function handle(r)
    for name, value in pairs(r:parseargs()) do r.notes[name] = value end
    return apache2.OK
end
LUA

# Strict UTF-8 (Perl's own "utf8" is lax) and no control character.
sub is_clean {
    my ($line) = @_;
    my $text = eval { decode('UTF-8', $line, FB_CROAK | LEAVE_SRC) };
    return defined $text && $text !~ /[\x00-\x1f\x7f-\x9f]/;
}

# Reads logfmt strictly, and gives its pairs.
sub from_logfmt {
    my ($line) = @_;
    my @pairs;
    while (length $line) {
        $line =~ s/\A([a-z][a-z0-9_.]*)=("(?:[^"\\]|\\(?:["\\bfnrt]|u[0-9a-f]{4}))*"|[^\s="]+)(?: |\z)//
            or return;
        my ($name, $value) = ($1, $2);
        push @pairs, $name, $value =~ /^"/ ? from_json("[$value]")->[0] : decode('UTF-8', $value);
    }
    return {@pairs};
}

each_mpm(sub {
    my $httpd = Httpd->start(mpm => shift, modules => ['lua'], files => { 'facts.lua' => $facts },
        conf => <<'CONF');
LuaMapHandler ^/facts @DIR@/facts.lua handle
ReqNotes On
ReqNotesField agent request:User-Agent max=4096
ReqNotesField big max=65535
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ErrorLogFormat "[%L] [%N] %M"
LogLevel debug
LimitRequestLine 20000
LimitRequestFieldSize 20000
CONF
    my @values = (
        [ 'every byte of a header',  join '', map { chr } 1 .. 8, 11, 12, 14 .. 255 ],
        [ 'terminal escapes',        "\x1b[2J\x1b]0;title\x07\xc2\x9b31m" ],
        [ 'invalid UTF-8',           "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xff\xe2\x82" ],
        [ 'quotes and backslashes',  qq{"\\"\\\\ "} ],
        [ 'JSON in a value',         '"},{"user_id":"root"}' ],
        [ 'logfmt in a value',       'x user_id=root y="' ],
        [ 'UTF-8',                   "Zo\xc3\xab \xf0\x9f\x90\xab \xe2\x80\xa8" ],
        [ 'a very long value',       "\xc3\xab" x 4000 ],
        [ 'a long value to escape',  "\x01" x 6000 ],
    );
    my $count = 0;
    for my $case (@values) {
        my ($why, $value) = @$case;
        my $encoded = join '', map { sprintf '%%%02x', ord } split //, $value;
        my $header = $value =~ s/[\x00-\x1f\x7f]/?/gr;  # httpd refuses these in a header
        $httpd->raw("GET /facts?user_id=$encoded&big=$encoded HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            . "User-Agent: $header\r\nReferer: $header\r\n\r\n") if length $encoded < 9000;
        $httpd->raw("GET /facts?q=$header HTTP/1.0\r\nUser-Agent: $header\r\nReferer: $header\r\n\r\n");
        my $want = $count += length $encoded < 9000 ? 2 : 1;
        my @json   = $httpd->wait_lines('access', qr/./, $want);
        my @logfmt = $httpd->wait_lines('logfmt', qr/./, $want);
        is scalar(@json), $want, "$why: one line for a request";
        my @bad = grep { !is_clean($_) || length > 4095 } @json, @logfmt, $httpd->lines('error');
        is_deeply \@bad, [], '... clean and bounded';
        is scalar(grep { eval { from_json($_)->{trace_id} } } @json), $want, '... valid JSON';
        is scalar(grep { (from_logfmt($_) || {})->{trace_id} } @logfmt), $want, '... valid logfmt';
    }

    my $text = decode 'UTF-8', "Zo\xc3\xab \xf0\x9f\x90\xab \xe2\x80\xa8";
    is +(grep { ($_->{user_id} || '') eq $text } map { from_json($_) } $httpd->lines('access')), 1,
        'UTF-8 arrives as it was, in JSON';
    is +(grep { ($_->{user_id} || '') eq $text } map { from_logfmt($_) } $httpd->lines('logfmt')), 1,
        '... and in logfmt';
    my @cut = grep { $_->{truncated} } map { from_json($_) } $httpd->lines('access');
    cmp_ok scalar(@cut), '>=', 2, 'lines that were cut say so';
    is_deeply [ grep { !$_->{span_id} || !$_->{status} } @cut ], [], '... and keep their ids and numbers';
    is_deeply [ grep { ($_->{user_id} || '') =~ /root/ && $_->{user_id} !~ /["=]/ }
        map { from_json($_) } $httpd->lines('access') ], [], 'no value becomes another field';
    $httpd->stop;
});

# Modules put what a client sent where others take it for httpd's own: mod_rpaf and handlers in Perl
# and Lua set the address, a user, a protocol. Nothing is trusted to have the form that it should.
subtest 'texts that a module has set' => sub {
    my $httpd = Httpd->start(mpm => 'prefork', modules => ['perl'], files => { 'Claims.pm' => <<'PERL' }, conf => <<'CONF');
package Claims;
use Apache2::RequestRec ();
use Apache2::Connection ();
use Apache2::Log ();
use APR::Table ();
sub take {
    my $r = shift;
    my $claim = $r->headers_in->get('X-Forwarded-For') // return -1;
    $r->useragent_ip($claim);
    $r->connection->client_ip($claim);
    $r->hostname($claim);
    $r->user($claim);
    $r->method($claim);
    $r->log->error('told');
    return -1;
}
sub handler {
    my $r = shift;
    $r->notes->set(user_id => 'real');
    return 0;
}
1;
PERL
<Perl>
  use lib '@DIR@';
</Perl>
PerlModule Claims
PerlPostReadRequestHandler Claims::take
SetHandler modperl
PerlResponseHandler Claims
ReqNotes On
ReqNotesField login user
ReqNotesErrorLog @DIR@/logs/messages.log
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CustomLog @DIR@/logs/claimed.log "%a"
ErrorLogFormat "%M <%N>"
LimitRequestFieldSize 20000
CONF
    my $count = 0;
    for my $case (
        [ 'a member',         'a","user_id":"5555","z":"b' ],
        [ 'a quote',          '"' ],
        [ 'another field',    'a user_id=5555' ],
        [ 'a backslash',      '\\' ],
        [ 'any bytes',        "\xff\xc2\x9b\xe2\x82" ],
        [ 'the word null',    'null' ],
        [ 'much',             '"' x 5000 ],
        [ 'much that is bare', 'x' x 9000 ],
    ) {
        my ($why, $claim) = @$case;
        my $status = $httpd->raw("GET /claims?n=$count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            . "X-Forwarded-For: $claim\r\nUser-Agent: agent\r\n\r\n");
        ++$count;
        my $json     = ($httpd->wait_lines('access', qr/./, $count))[-1];
        my $logfmt   = ($httpd->wait_lines('logfmt', qr/./, $count))[-1];
        my $message  = ($httpd->wait_lines('messages', qr/"told/, $count))[-1];
        my $closing  = ($httpd->wait_lines('error', qr/RN0006/, $count))[-1];
        my @lines = (eval { from_json($json) }, from_logfmt($logfmt), eval { from_json($message) });
        like +($httpd->lines('claimed'))[-1], qr/[^0-9.]/, "$why: the address was set";
        is_deeply [ map { $_->{user_id} } @lines ], [ ('real') x 3 ], '... and is no other field';
        is scalar(grep { ($_->{path} // '') eq '/claims' && ($_->{method} // '') eq 'GET' && !exists $_->{login} } @lines), 3,
            '... keeps what was asked for, and names nobody';
        is_deeply [ map { $_->{user_agent} } @lines[ 0, 1 ] ], [ ('agent') x 2 ], '... and the rest';
        my $want = decode 'UTF-8', $claim =~ s/\xff/\xef\xbf\xbd/gr =~ s/\xe2\x82$/\xef\xbf\xbd/r;
        is scalar(grep { length $_->{client} && index($want, $_->{client}) == 0 && (length $want > 2000 || $_->{client} eq $want) } @lines), 3,
            '... and is written as it is, or its beginning';
        is_deeply [ grep { !is_clean($_) || length > 4095 } $json, $logfmt, $message ], [], '... in clean lines';
        unlike $closing, qr/login=|user_id=5555/, '... and not in the closing line';
    }
    $httpd->stop;
};

done_testing;
