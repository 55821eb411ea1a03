# ReqNotesValues: which values a line has of its own. ReqNotesClient: what is written of an address.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my @fixed = qw(time trace_id span_id client);
my @usual = qw(vhost method path query protocol status bytes outcome duration_us referer user_agent);

my %files = (
    'www/x'         => 'x',
    'www/in/y'      => 'y',
    'www/error'     => 'sorry',
    'www/list/x'    => 'x',
    'www/less/x'    => 'x',
    'www/less/more' => 'x',
    'www/hidden/x'  => 'x',
    'conf/key'      => 'k' x 40 . "\n",
);
my $logs = <<'CONF';
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
ReqNotesErrorLog @DIR@/logs/messages.log
CONF

sub names { return [ sort keys %{ $_[0] } ] }

my %headers = (Referer => 'http://a.test/b', Host => 'Shop.test:8080');

subtest 'which values' => sub {
    my $httpd = Httpd->prepare(files => \%files, conf => <<"CONF");
ReqNotes On
ReqNotesValues +host
$logs
CustomLog \@DIR\@/logs/one.log "%{path}^RF %{status}^RF %{peer}^RF %{host}^RF %{query}^RF %{time}^RF %{trace_flags}^RF %{module}^RF"
<Directory \@DIR\@/www/in>
  ReqNotesValues +handler -host
</Directory>
<Location /list>
  ReqNotesValues status path
</Location>
<Location /less>
  ReqNotesValues -query -referer -user_agent -path
  ErrorDocument 404 /error
</Location>
<Location /later>
  ErrorDocument 404 /less/x
</Location>
<Location /less/more>
  ReqNotesValues +query
</Location>
CONF
    $httpd->run or BAIL_OUT($httpd->{output});
    my $line = sub {
        my ($path, $want, $name) = @_;
        $httpd->get($path, \%headers);
        my $marker = @{[ $httpd->wait_lines('access', qr/./, ++$httpd->{count}) ]}[-1];
        is_deeply names(from_json($marker)), [ sort @fixed, @$want ], $name or diag $marker;
        return from_json($marker);
    };
    my $usual = $line->('/x?q=1', [ @usual, 'host' ], 'the usual values, and one more');
    is $usual->{host}, 'shop.test', '... the host that was asked for';
    is_deeply [ split / /, $httpd->line('one', qr/^/) ], [ '/x', 200, $httpd->line('one', qr/^/) =~ /(127\.0\.0\.1:\d+)/, 'shop.test', 'q=1',
        $usual->{time}, '03', '-' ], '%{NAME}^RF has each value by itself';
    $line->('/in/y?q', [ grep { $_ ne 'handler' } @usual ], 'a directory takes away; a file has no handler');
    $line->('/list/x', [qw(status path)], 'a list without + and - is all there is');
    $line->('/less/x?q', [ 'host', grep { !/query|referer|user_agent|path/ } @usual ], 'what must not be kept');
    $line->('/less/more?q', [ 'host', grep { !/referer|user_agent|path/ } @usual ], 'an inner place gives one back');
    $line->('/less/none?q', [ 'host', grep { !/query|referer|user_agent|path/ } @usual ], 'what a place takes away does not come back with an ErrorDocument elsewhere');
    $line->('/later/none?q', [ 'host', grep { !/query|referer|user_agent|path/ } @usual ], '... nor what a place takes away that it comes to');
    is_deeply [ map { / host=(\S+)/ } $httpd->lines('logfmt') ], [ ('shop.test') x 5 ], 'logfmt has the same';
    my %seen = map { $_->[0] => 1 } map { [ split / / ] } $httpd->lines('one');
    is_deeply [ sort keys %seen ], [ '-', '/in/y', '/list/x', '/x' ], '%{path}^RF does not show it either';

    $httpd->stop;
};

subtest 'messages' => sub {
    my $httpd = Httpd->prepare(files => \%files, modules => ['authz_core'], conf => <<"CONF");
ReqNotes On
ReqNotesValues -path
$logs
ErrorLogFormat "[%{client}N] %M"
<Location /hidden>
  Require all denied
</Location>
CONF
    $httpd->run or BAIL_OUT($httpd->{output});
    $httpd->get('/hidden/x?user_id=1');
    my $message = $httpd->json('messages', qr/AH01630/);
    ok !exists $message->{path}, 'a message has no path either';
    is $message->{method}, 'GET', '... but all else';
    is $message->{client}, '127.0.0.1', '... the client too';
    like $httpd->line('error', qr/AH01630/), qr/^\[127\.0\.0\.1:\d+\] AH01630/, '%{client}N has it in the ordinary log';
    $httpd->stop;
};

subtest 'values of a connection' => sub {
    my $httpd = Httpd->prepare(modules => [qw(http2 ssl socache_shmcb)], files => \%files);
    system "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        . "-keyout $httpd->{dir}/conf/key.pem -out $httpd->{dir}/conf/cert.pem >/dev/null 2>&1";
    $httpd->set_conf(<<"CONF");
ReqNotes On
ReqNotesValues +peer +keepalive +scheme +tls_protocol +request_line +trace_flags +host
Protocols h2 h2c http/1.1
$logs
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  $logs
  SSLEngine On
  SSLCertificateFile \@DIR\@/conf/cert.pem
  SSLCertificateKeyFile \@DIR\@/conf/key.pem
</VirtualHost>
CONF
    $httpd->run or BAIL_OUT($httpd->{output});
    my $socket = $httpd->connect;
    my $port = $socket->sockport;
    print $socket "GET /x?$_ HTTP/1.1\r\nHost: a\r\n" . ($_ == 2 ? "Connection: close\r\n" : '') . "\r\n" for 0 .. 2;
    1 while sysread $socket, my $answer, 4096;
    my @lines = map { from_json($_) } $httpd->wait_lines('access', qr/"query":"\d"/, 3);
    is_deeply [ map { $_->{peer} } @lines ], [ ("127.0.0.1:$port") x 3 ], 'the peer with its port';
    is_deeply [ map { $_->{scheme} } @lines ], [ ('http') x 3 ], 'the scheme';
    ok !exists $lines[0]{tls_protocol}, '... without TLS';
    ok !exists $lines[0]{request_line}, '... and no request line, as it was parsed';

    $socket = $httpd->connect;
    for my $count (0 .. 2) {
        print $socket "HEAD /x?k$count HTTP/1.1\r\nHost: a\r\n" . ($count == 2 ? "Connection: close\r\n" : '') . "\r\n";
        sysread $socket, my $answer, 4096;
        is $httpd->json('access', qr/"query":"k$count"/)->{keepalive}, $count, "$count requests before on this connection";
    }

    qx{curl -sk https://127.0.0.1:$httpd->{port2}/x?tls --tls-max 1.2 --http1.1};
    my $tls = $httpd->json('access', qr/"query":"tls"/);
    is "$tls->{scheme} $tls->{tls_protocol}", 'https TLSv1.2', 'TLS has its version';
    qx{curl -sk https://127.0.0.1:$httpd->{port2}/x?h2 --http2 -H 'Host: asked.test'};
    my $h2 = $httpd->json('access', qr/"query":"h2"/);
    is "$h2->{scheme} $h2->{protocol} $h2->{host}", 'https HTTP/2.0 asked.test', '... HTTP/2 too';
    like $h2->{tls_protocol}, qr/^TLSv1\.[23]$/, '... with the version of its connection';
    like $h2->{peer}, qr/^127\.0\.0\.1:\d+$/, '... and its peer';
    ok !exists $h2->{keepalive}, '... but streams are not one behind the other';

    $httpd->raw("MGLNDD_1.2.3.4\n");
    is $httpd->json('access', qr/MGLNDD/)->{request_line}, 'MGLNDD_1.2.3.4', 'what was no request line';
    $httpd->raw("GET /x?token=SECRET&lf HTTP/1.1\nHost: a\r\n\r\n");
    my $bare = $httpd->json('access', qr/\*\*\* HTTP/);
    is $bare->{request_line}, 'GET /x?token=*** HTTP/1.1', '... or has a line end that httpd refuses; its secrets are masked';
    is $bare->{status}, 400, '... status 400';
    $httpd->stop;
};

# mod_logio counts the same: it is the judge, and is in httpd itself on Debian.
my $stream = <<'SHELL';
#!/bin/sh
printf 'Content-Type: text/plain\n\nfirst\n'
sleep 0.4
printf 'last\n'
SHELL
Httpd::each_mpm(sub {
    my ($mpm) = @_;
    my $httpd = Httpd->prepare(mpm => $mpm, modules => [qw(http2 ssl socache_shmcb cgi)],
        files => { %files, 'cgi/stream' => $stream, 'www/big' => 'b' x 300_000, 'www/here/index.txt' => 'i' });
    system "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        . "-keyout $httpd->{dir}/conf/key.pem -out $httpd->{dir}/conf/cert.pem >/dev/null 2>&1";
    my $wire = 'CustomLog @DIR@/logs/access.log "%^RJ %I %O"' . "\n";
    $httpd->set_conf(<<"CONF");
ReqNotes On
Protocols h2 h2c http/1.1
LogLevel http2:error
ScriptAlias /stream \@DIR\@/cgi/stream
$wire
<LocationMatch "^/(?!less/)">
  ReqNotesValues +bytes_in +bytes_out
</LocationMatch>
<LocationMatch "^/(?!error)(?!here/index)">
  ReqNotesValues +ttfb_us
</LocationMatch>
DirectoryIndex index.txt
ErrorDocument 404 /error
<Location /less>
  ReqNotesValues -bytes_in -bytes_out -ttfb_us
</Location>
Listen 127.0.0.1:\@PORT2\@
<VirtualHost *:\@PORT2\@>
  $wire
  SSLEngine On
  SSLCertificateFile \@DIR\@/conf/cert.pem
  SSLCertificateKeyFile \@DIR\@/conf/key.pem
</VirtualHost>
CONF
    $httpd->run or BAIL_OUT($httpd->{output});
    my $count = 0;
    for my $case (
        [ 'one connection',  "http://127.0.0.1:$httpd->{port}",   '--http1.1' ],
        [ 'TLS',             "https://127.0.0.1:$httpd->{port2}", '--http1.1' ],
        ($mpm eq 'prefork' ? () : [ 'HTTP/2', "https://127.0.0.1:$httpd->{port2}", '--http2' ]),
      ) {
        my ($name, $base, $option) = @$case;
        my $body = 'd' x 20_000;
        qx{curl -sk $option -o /dev/null -d $body $base/big -o /dev/null $base/x -o /dev/null $base/less/x -o /dev/null $base/stream -o /dev/null $base/none};
        $count += 5;
        my @lines = $httpd->wait_lines('access', qr/./, $count);
        my %line;
        for (@lines[ -5 .. -1 ]) {
            my ($json, $in, $out) = /^(\{.*\}) (\d+) (\d+)$/ or die $_;
            my $line = from_json($json);
            $line{ $line->{path} } = $line;
            next if $line->{path} eq '/less/x';
            is "$line->{bytes_in} $line->{bytes_out}", "$in $out", "$name: $line->{path} has $in bytes in and $out out, as mod_logio has";
            cmp_ok $line->{ttfb_us}, '<=', $line->{duration_us}, '... and its first byte before its end';
        }
        cmp_ok $line{'/big'}{bytes_out}, '>', 300_000, '... a large one';
        cmp_ok $line{'/big'}{bytes_in}, '>', 20_000, '... that was asked for with a body' if $name ne 'HTTP/2';  # nobody reads that of a stream
        ok !(grep { exists $line{'/less/x'}{$_} } qw(bytes_in bytes_out ttfb_us)), '... and none where they are not chosen';
        cmp_ok $line{'/stream'}{ttfb_us}, '<', $line{'/stream'}{duration_us} - 390_000, 'the first byte does not wait for the last';
        cmp_ok $line{'/stream'}{ttfb_us}, '>', 0, '... but has a time';
    }
    $httpd->get("/here$_") for '/', '/none';
    my %line = map { $_->{path} => $_ } map { from_json(s/ \d+ \d+$//r) } $httpd->wait_lines('access', qr{"path":"/here}, 2);
    cmp_ok $line{"/here$_"}{ttfb_us} // -1, '>', 0, "/here$_: chosen by the place that was asked for, served from another" for '/', '/none';
    $httpd->graceful;
    $httpd->get('/x?after');
    like $httpd->line('access', qr/"query":"after"/), qr/"bytes_in":(\d+),"bytes_out":(\d+),.*\} \1 \2$/, 'after a graceful restart too';
    $httpd->stop;
});

subtest 'the client' => sub {
    my ($hash) = qx{printf %s 203.0.113.77 | openssl dgst -sha256 -hmac @{[ 'k' x 40 ]} -r} =~ /^(.{32})/;
    my ($own) = qx{printf %s 127.0.0.1 | openssl dgst -sha256 -hmac @{[ 'k' x 40 ]} -r} =~ /^(.{32})/;
    my $httpd = Httpd->prepare(files => \%files, modules => [qw(remoteip authz_core)], conf => <<"CONF");
ReqNotes On
ReqNotesHashKey conf/key
ReqNotesValues +peer
RemoteIPHeader X-Client
$logs
CustomLog \@DIR\@/logs/one.log "%{client}^RF %{peer}^RF"
ErrorLogFormat "[client\\ %{client}N] %M"
LogLevel info
<LocationMatch "^/(?<form>network|hash|none|full)">
  Require all denied
</LocationMatch>
<Location /network>
  ReqNotesClient network
</Location>
<Location /hash>
  ReqNotesClient Hash
  ErrorDocument 403 /full/x
</Location>
<Location /none>
  ReqNotesClient none
</Location>
<Location /x>
  ReqNotesClient none
</Location>
<Location /full/later>
  ErrorDocument 403 /x
</Location>
CONF
    chmod 0600, "$httpd->{dir}/conf/key";
    $httpd->run or BAIL_OUT($httpd->{output});
    my $count = 0;
    for my $case (
        [ '/full/a',    '203.0.113.77',               '203.0.113.77',  qr/^127\.0\.0\.1:\d+$/ ],
        [ '/network/a', '203.0.113.77',               '203.0.113.0',   qr/^127\.0\.0\.0$/ ],
        [ '/network/b', '2001:db8:aaaa:bbbb:1::9',    '2001:db8:aaaa::', qr/^127\.0\.0\.0$/ ],
        [ '/network/c', '::ffff:203.0.113.77',        '203.0.113.0',   qr/^127\.0\.0\.0$/ ],
        [ '/hash/a',    '203.0.113.77',               $hash,           qr/^$own$/ ],
        [ '/full/later', '203.0.113.77',              undef,           undef, 'came before' ],
        [ '/none/a',    '203.0.113.77',               undef,           undef ],
      ) {
        my ($path, $address, $want, $peer, $before) = @$case;
        $httpd->get($path, { 'X-Client' => $address });
        ++$count;
        my $line = from_json(($httpd->wait_lines('access', qr/./, $count))[-1]);
        is $line->{client}, $want, "$path: $address becomes " . ($want // 'nothing');
        $peer ? like $line->{peer}, $peer, '... and the peer likewise' : is $line->{peer}, undef, '... and so does the peer';
        is + ($httpd->wait_lines('one', qr/./, $count))[-1], join(' ', $line->{client} // '-', $line->{peer} // '-'), '... in a format of their own too';
        next if $before;  # the message did
        is $httpd->json('messages', qr/AH01630/)->{client}, $want, '... and in a message';
        like +(grep { /AH01630/ } $httpd->lines('error'))[-1], defined $want ? qr/^\[client \Q$want\E(?::\d+)?\] AH/ : qr/^ ?AH01630/, '... of both logs';
    }
    my @shown = grep { !m{"/full} && /203\.0\.113\.77/ } map { $httpd->lines($_) } qw(access logfmt messages);
    is_deeply \@shown, [ grep { m{path=/full} } @shown ], 'no line of another place shows it';
    $httpd->stop;
};

subtest 'all of them on a short line' => sub {
    my @chosen = map { s/`//gr } split /, /, Httpd::slurp('docs/directives.md') =~ /^\| to choose \| (.*) \|$/m ? $1 : die;
    cmp_ok scalar(@chosen), '>=', 12, 'the manual has the names';
    my $httpd = Httpd->prepare(files => \%files, conf => "ReqNotes On\nReqNotesLineLimit 512\nReqNotesValues @{[ map { qq{+$_} } @chosen ]}\n$logs");
    $httpd->run or BAIL_OUT($httpd->{output});
    my $long = '%22\\"' x 200;
    $httpd->get("/x?$long", { Host => 'h' x 200, Referer => $long, 'User-Agent' => "\xff\x01" x 200 });
    $httpd->raw("G\x01T /x?$long HTTP/1.1\r\nHost: a\r\n\r\n");
    for my $log (qw(access logfmt)) {
        my @lines = $httpd->wait_lines($log, qr/truncated/, 2);
        is scalar(@lines), 2, "$log: both lines are cut";
        cmp_ok length, '<=', 511, '... to fit' for @lines;
    }
    for (map { from_json($_) } $httpd->lines('access')) {
        is $_->{client}, '127.0.0.1', '... which is JSON';
        like $_->{bytes_out}, qr/^\d+$/, '... with its numbers';
        like $_->{outcome}, qr/^completed$/, '... and words';
    }
    $httpd->stop;
};

subtest 'configtest' => sub {
    my @wrong = (
        [ 'ReqNotesValues',                qr/ReqNotesValues: give names of values/ ],
        [ 'ReqNotesValues +host path',     qr/ReqNotesValues \+host path: either all names have a \+ or a -, or none has/ ],
        [ 'ReqNotesValues +nothing',       qr/ReqNotesValues \+nothing: "nothing" is none of trace_flags, .*status/ ],
        [ 'ReqNotesValues -trace_id',      qr/ReqNotesValues -trace_id: "trace_id" is none of/ ],
        [ 'ReqNotesValues -client',        qr/ReqNotesValues -client: "client": say ReqNotesClient none/ ],
        [ 'ReqNotesClient some',           qr/ReqNotesClient some: give full, network, hash or none/ ],
        [ 'ReqNotesClient hash',           qr/RN0009: ReqNotesClient hash at .*:\d+ needs a key; give its file with ReqNotesHashKey/ ],
        [ "<Directory />\nReqNotesClient hash\n</Directory>", qr/RN0009: ReqNotesClient hash at/ ],
    );
    for (@wrong) {
        my ($conf, $why) = @$_;
        my ($good, $text) = Httpd->prepare(conf => "ReqNotes On\n$conf\n")->configtest;
        ok !$good, "$conf: refused" or next;
        like $text, $why, '... with the reason';
    }
    my ($good, $text) = Httpd->prepare(conf => <<'CONF')->configtest;
ReqNotes On
CustomLog logs/a.log "%{host}^RF %{client}^RF %{outcomes}^RF"
ErrorLogFormat "%{client}N %{host}N %M"
CONF
    ok $good, 'names of values are known to both formats';
    is_deeply [ $text =~ /RN0003: .*? has (\S+),/g ], [ '%{outcomes}^RF', '%{host}N' ], '... and others are told' or diag $text;
    my $httpd = Httpd->prepare(conf => "ReqNotes On\nReqNotesValues -path +host\nReqNotesClient network\n");
    my $dump = qx{@{[ $httpd->program ]} -t -D DUMP_REQNOTES -f $httpd->{dir}/conf/httpd.conf 2>&1};
    like $dump, qr/^  Values vhost host method query .*  \(.*httpd\.conf:\d+\)$/m, 'the dump has the values that count';
    like $dump, qr/^  ReqNotesClient network  \(/m, '... and the form of the client';

    my $htaccess = Httpd->prepare(files => { 'www/t/.htaccess' => "ReqNotesClient none\n", 'www/t/x' => 'x' },
        conf => "ReqNotes On\n<Directory \@DIR\@/www>\nAllowOverride All\n</Directory>\n");
    $htaccess->run or BAIL_OUT($htaccess->{output});
    is $htaccess->get('/t/x')->{status}, 500, 'an .htaccess cannot say what is kept of a client';
    like $htaccess->line('error', qr/htaccess/), qr/ReqNotesClient not allowed here/, '... and httpd says so';
    $htaccess->stop;
};

done_testing;
