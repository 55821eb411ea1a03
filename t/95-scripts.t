# The shell scripts of conf/: what they take, what they print, how they end; against answers of any kind, which
# mod_reqnotes would not give. t/tools has them beside the software that they are for.

use strict;
use warnings;
use lib 't/lib';
use Answers;
use Cwd ();
use File::Temp qw(tempdir);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = tempdir(CLEANUP => 1);

# Runs a program; gives its exit code and what it printed.
sub run {
    my (@command) = @_;
    open my $out, '-|', @command or die "$command[0]: $!";
    local $/;
    my $text = <$out> // '';
    close $out;
    return ($? >> 8, $text);
}

my $line = "REQNOTES CRITICAL - search_errors 12.1% (above 5%) | search_errors=12.1%;;5 queue=1234;;10000";
my $long = 'REQNOTES WARNING - ' . join(', ', map { "threshold_number_$_ 1.5% (above 1%)" } 1 .. 90) . ' | ' . join(' ', map { "threshold_number_$_=1.5%;1" } 1 .. 90);

my %answer = (
    '/reqnotes/check'        => ok_with("$line\n"),
    '/reqnotes/check/ok'     => ok_with("REQNOTES OK - ok 0.5% | ok=0.5%;;5\n"),
    '/reqnotes/check/warn'   => ok_with("REQNOTES WARNING - warn 2s (above 1s) | warn=2s;1\n"),
    '/reqnotes/check/what'   => ok_with("REQNOTES UNKNOWN - what | what=U;;5\n"),
    '/reqnotes/check/two'    => ok_with("REQNOTES OK - two\nREQNOTES CRITICAL - two\n"),
    '/reqnotes/check/bytes'  => ok_with("REQNOTES OK - a\0\e[31m\tb\x7f\xc3\xa9\r | x=1\n"),
    '/reqnotes/check/format' => ok_with("REQNOTES OK - %s \\n \$(touch $dir/evil) `touch $dir/evil` | x=1\n"),
    '/reqnotes/check/long'   => ok_with("$long\n"),
    '/reqnotes/check/html'   => ok_with("<html>REQNOTES OK - x</html>\n"),
    '/reqnotes/check/word'   => ok_with("REQNOTES OKAY - x\n"),
    '/reqnotes/check/empty'  => ok_with(''),
    '/reqnotes/check/moved'  => "HTTP/1.1 302 Found\r\nLocation: /reqnotes/check/ok\r\nContent-Length: 18\r\n\r\nREQNOTES OK - moved",
    '/reqnotes/check/made'   => "HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\nREQNOTES OK - made",
    '/reqnotes/check/part'   => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nREQNOTES OK - part\n",
    '/reqnotes/check/noise'  => "\x80\x00noise\r\n\r\nREQNOTES OK - x\n",
    '/reqnotes/check/slow'   => sub { print { $_[0] } "HTTP/1.1 200 OK\r\n\r\nREQNOTES OK - slow\n"; $_[0]->flush; sleep 3 },
    '/reqnotes/check/silent' => sub { sleep 3 },
    '/reqnotes/check/flood'  => sub { print { $_[0] } ok_with('') . 'REQNOTES OK - '; 1 while print { $_[0] } 'x' x 65536 },
    '/reqnotes/check/lines'  => sub { print { $_[0] } ok_with(''); 1 while print { $_[0] } "REQNOTES OK - x\n" x 4096 },
    '/reqnotes/check/who'    => sub { my ($auth) = $_[1] =~ /^Authorization: (\S+ \S+)\r$/m; print { $_[0] } ok_with('REQNOTES OK - ' . ($auth // 'nobody') . "\n") },
    '/check'                 => ok_with("REQNOTES OK - root\n"),
    '/other/page/check/x_1'  => ok_with("REQNOTES OK - other\n"),
);

my $port = serve(%answer);

sub check {
    return run('conf/check_reqnotes', '-H', '127.0.0.1', '-p', $port, @_);
}

subtest 'check_reqnotes: answers' => sub {
    is_deeply [ check() ], [ 2, "$line\n" ], 'the line as it is, and CRITICAL is 2';
    for ([ ok => 0 ], [ warn => 1 ], [ what => 3 ]) {
        my ($name, $code) = @$_;
        my ($body) = $answer{"/reqnotes/check/$name"} =~ /\r\n\r\n(.*)/s;
        is_deeply [ check('-n', $name) ], [ $code, $body ], "$name is $code";
    }
    is_deeply [ check('-n', 'two') ], [ 0, "REQNOTES OK - two\n" ], 'one line, the first';
    is_deeply [ check('-n', 'bytes') ], [ 0, "REQNOTES OK - a[31mb | x=1\n" ], 'nothing for a terminal';
    is_deeply [ check('-n', 'format') ], [ 0, "REQNOTES OK - %s \\n \$(touch $dir/evil) `touch $dir/evil` | x=1\n" ], 'nothing is a format or a command';
    ok !-e "$dir/evil", '... and none ran';
    my ($code, $text) = check('-n', 'long');
    is $code, 1, 'a line that is too long';
    cmp_ok length $text, '<=', 4096, '... is cut';
    is substr($text, 0, -1), substr($long, 0, length($text) - 1), '... and nothing else';
    like $long, qr/^\Q@{[ substr $text, 0, -1 ]}\E /, '... between two words';
};

subtest 'check_reqnotes: what is no answer' => sub {
    for (
        [ html   => 'this is not the answer of mod_reqnotes' ], [ word  => 'this is not the answer of mod_reqnotes' ],
        [ empty  => 'this is not the answer of mod_reqnotes' ], [ moved => 'status 302' ], [ made => 'status 201' ],
        [ absent => 'status 404' ], [ part => 'curl ends with 18' ], [ noise => 'curl ends with 1' ],
        [ flood  => 'the answer is too long' ], [ lines => 'the answer is too long' ],
        [ slow   => 'no answer within 1 s' ],   [ silent => 'no answer within 1 s' ],
    ) {
        my ($name, $why) = @$_;
        my $start = time;
        is_deeply [ check('-n', $name, '-t', 1) ], [ 3, "REQNOTES UNKNOWN - http://127.0.0.1:$port/reqnotes/check/$name: $why\n" ], "$name: $why";
        cmp_ok time - $start, '<', 2.5, "$name in time";
    }
    is_deeply [ run('conf/check_reqnotes', '-H', '127.0.0.1', '-p', 1) ], [ 3, "REQNOTES UNKNOWN - http://127.0.0.1:1/reqnotes/check: no connection\n" ], 'nobody listens';
    is_deeply [ run('conf/check_reqnotes', '-H', 'no-such-host.invalid') ], [ 3, "REQNOTES UNKNOWN - http://no-such-host.invalid/reqnotes/check: the name of the host is not known\n" ], 'no such host';
    is_deeply [ run('conf/check_reqnotes', '-H', '::1', '-p', 1) ], [ 3, "REQNOTES UNKNOWN - http://[::1]:1/reqnotes/check: no connection\n" ], '... at an address of IPv6';
    is_deeply [ check('-S') ], [ 3, "REQNOTES UNKNOWN - https://127.0.0.1:$port/reqnotes/check: no TLS, or a certificate that is not good\n" ], 'no TLS';
};

subtest 'check_reqnotes: options' => sub {
    my @long = map { "--$_" } 'hostname=127.0.0.1', "port=$port", 'url=/other/page/', 'name=x_1', 'timeout=5', 'authorization=a:b';
    is_deeply [ run('conf/check_reqnotes', @long) ], [ 0, "REQNOTES OK - other\n" ], 'long names';
    is_deeply [ run('conf/check_reqnotes', map { split /=/, $_, 2 } @long) ], [ 0, "REQNOTES OK - other\n" ], '... with their values in words of their own';
    is_deeply [ check('-u', '/') ], [ 0, "REQNOTES OK - root\n" ], 'a page at the root';
    my $password = q{u"s\\er:p a"s\\s'$(x)%};
    my $encoded = encode_base64($password, '');
    is_deeply [ check('-n', 'who', '-a', $password) ], [ 0, "REQNOTES OK - Basic $encoded\n" ], 'a password of any characters';
    open my $out, '>', "$dir/password" or die $!;
    print $out $password;
    close $out;
    is_deeply [ check('-n', 'who', '-a', "\@$dir/password") ], [ 0, "REQNOTES OK - Basic $encoded\n" ], '... from a file';
    is_deeply [ check('-n', 'who') ], [ 0, "REQNOTES OK - nobody\n" ], '... and none';
    for (
        [ 'no host' ], [ 'no value', '-H' ], [ 'an option', '-H', 'a', '-x' ], [ 'a long option', '-H', 'a', '--nothing' ], [ 'an argument', '-H', 'a', 'b' ],
        [ 'a host', '-H', 'a/b' ], [ 'a host that is an option', '-H', '-K/etc/passwd' ], [ 'a host of two lines', '-H', "a\nurl = b" ],
        (map { [ "port $_", '-H', 'a', '-p', $_ ] } 0, '080', 65536, 99999999999999999999, 'x', '1 2'),
        (map { [ "timeout $_", '-H', 'a', '-t', $_ ] } 0, '', 3601, -1, '1s'),
        (map { [ "url $_", '-H', 'a', '-u', $_ ] } 'a', '/a b', '/a?b', "/a\"\nb", '/a#', "/\xc3\xa9"),
        (map { [ "name $_", '-H', 'a', '-n', $_ ] } 'A', '1a', 'a-b', 'a/../b', "a\nb"),
        (map { [ "authorization $_", '-H', 'a', '-a', $_ ] } 'nobody', "a:b\nurl=c", "\@$dir/none", "\@$dir", '@'),
    ) {
        my ($what, @args) = @$_;
        my ($code, $text) = run('conf/check_reqnotes', @args);
        is $code, 3, "refused: $what" =~ s/\n/\\n/r;
        like $text, qr{\AREQNOTES UNKNOWN - (?!http).*\n\z}, "... in one line, without asking";
    }
    my ($code, $text) = run('conf/check_reqnotes', '--help');
    is $code, 3, 'help is no state of a service';
    my ($version) = Httpd::slurp('include/reqnotes/version.hpp') =~ /kVersion\b[^"]*"([^"]+)"/;
    is_deeply [ run('conf/check_reqnotes', $_) ], [ 3, "check_reqnotes $version\n" ], "$_" for '-V', '--version';
    unlike Httpd::slurp('conf/check_reqnotes'), qr/\bcurl\b.* (?:-u|--user)\b/, 'a password is no argument';
};

# What curl is called with, and by whatever means the environment may want to change that.
subtest 'check_reqnotes: curl' => sub {
    mkdir "$dir/bin";
    open my $out, '>', "$dir/bin/curl" or die $!;
    print $out "#!/bin/sh\nprintf '%s|' \"\$@\" >'$dir/args'\nPATH=\${PATH#*:}\nexec curl \"\$@\"\n";
    close $out;
    chmod 0755, "$dir/bin/curl";
    open $out, '>', "$dir/.curlrc" or die $!;
    print $out "url = http://127.0.0.1:$port/reqnotes/check\n";
    close $out;
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    local @ENV{qw(HOME http_proxy ALL_PROXY)} = ($dir, "http://127.0.0.1:1", "http://127.0.0.1:1");
    is_deeply [ check('-n', 'ok', '-a', 'user:secret') ], [ 0, "REQNOTES OK - ok 0.5% | ok=0.5%;;5\n" ], 'neither a proxy nor a .curlrc of the environment';
    is Httpd::slurp("$dir/args"), '--disable|--config|-|', '... and nothing in the arguments of curl';
    mkdir "$dir/few";
    symlink "/usr/bin/$_", "$dir/few/$_" for qw(cut head sed tr);
    $ENV{PATH} = "$dir/few";
    is_deeply [ check() ], [ 3, "REQNOTES UNKNOWN - curl is not there\n" ], 'without curl';
};

# --- reqnotes-gmetric ---

my $metrics = <<'TEXT';
# HELP reqnotes_http_requests_total Requests that ended, by class of status.
# TYPE reqnotes_http_requests_total counter
reqnotes_http_requests_total{vhost="a",status="2xx"} 4294967290
reqnotes_http_requests_total{vhost="a",status="5xx"} 2
reqnotes_http_requests_total{vhost=",status=\"5xx\",",status="4xx"} 7
reqnotes_http_requests_total{vhost="} 5 \"5xx\"",status="5xx"} 1
reqnotes_http_requests_total{xstatus="5xx",status="2xx"} 2
reqnotes_http_requests_totals{status="5xx"} 100
reqnotes_api_requests_total{status="5xx"} 100
reqnotes_workers{state="waiting"} 20
reqnotes_workers_busy 3
reqnotes_workers_max 150
# TYPE app_queue gauge
app_queue 1234
app_load 0.25
app_below -1.5e-7
app_big 1e+22
app_thumbs_total 4294967299.75
app_bad_total -1
TEXT
my @hostile = (
    "app_nan NaN\n", "app_inf +Inf\n", "app_none \n", "app_word x\n", "app_word x1\n", "app_two 1 2\n", "app_long 1" . '0' x 40 . "\n", "xapp_x 1\n", "app_x{y=\"z\"} 1\n",
    "app_" . 'n' x 80 . " 1\n", "app_a;touch 1\n", "app_\$(touch\${IFS}$dir/evil) 1\n", "app_x `touch\${IFS}$dir/evil`\n", "app_x 1;touch\${IFS}$dir/evil\n", "--conf=/etc/passwd 1\n",
);
my @sent = (
    'reqnotes_workers_busy 3 uint32 both workers reqnotes', 'reqnotes_workers_max 150 uint32 both workers reqnotes',
    'app_queue 1234 double both  reqnotes', 'app_load 0.25 double both  reqnotes', 'app_below -1.5e-7 double both  reqnotes', 'app_big 1e+22 double both  reqnotes',
    'app_thumbs_total 3 uint32 positive 1/s reqnotes',
    'reqnotes_requests 6 uint32 positive requests/s reqnotes', 'reqnotes_failed 3 uint32 positive requests/s reqnotes',
);
$answer{'/reqnotes/metrics'} = ok_with($metrics . join('', @hostile));
$answer{'/none/metrics'}     = ok_with('');
$answer{'/cut/metrics'}      = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n$metrics";
$answer{'/many/metrics'}     = ok_with(join '', map { "app_n$_ $_\n" } 1 .. 2000);
$port = serve(%answer);

sub gmetric { return run('/bin/sh', '-c', 'exec conf/reqnotes-gmetric "$@" 2>&1', 'sh', '-u', "http://127.0.0.1:$port/reqnotes", @_) }

# What is told of each call of gmetric, or of each line that is printed.
sub told {
    my ($text) = @_;
    return [ map { my %is = /--(\w+)=([^'|]*)['|]/g; join ' ', @is{qw(name value type slope units group)} } split /\n/, $text ];
}

subtest 'reqnotes-gmetric' => sub {
    my ($code, $text) = gmetric('-n');
    is $code, 0, 'print only';
    is_deeply told($text), \@sent, '... what is a number, and nothing else';
    is scalar(grep { !/ '--tmax=120' '--dmax=180' / } split /\n/, $text), 0, '... and how long it stays';
    like $text, qr/^gmetric '--name=reqnotes_failed' .* '--title=Requests that failed'$/m, '... with a title';

    mkdir "$dir/gmetric";
    open my $out, '>', "$dir/gmetric/gmetric" or die $!;
    print $out "#!/bin/sh\nprintf '%s|' \"\$@\" >>'$dir/sent'\necho >>'$dir/sent'\ncase \"\$*\" in *app_load*) exit 1 ;; esac\ncat >/dev/null\n";
    close $out;
    chmod 0755, "$dir/gmetric/gmetric";
    local $ENV{PATH} = "$dir/gmetric:$ENV{PATH}";
    ($code, $text) = gmetric('-c', '/etc/a b/gmond.conf', '-d', 60);
    is_deeply [ $code, $text ], [ 1, "reqnotes-gmetric: gmetric failed for 1 numbers\n" ], 'one that gmetric does not take';
    is_deeply told(Httpd::slurp("$dir/sent")), \@sent, '... keeps back no other';
    is scalar(grep { !m{^--conf=/etc/a b/gmond\.conf\|--name=.*\|--dmax=60\|} } split /\n/, Httpd::slurp("$dir/sent")), 0, '... with a configuration of its own';
    ok !-e "$dir/evil", 'nothing of a number is a command';

    unlink "$dir/sent";
    is_deeply [ gmetric('-u', "http://127.0.0.1:$port/none") ], [ 0, '' ], 'nothing is counted and dropped';
    for ([ cut => 'curl: (18)' ], [ absent => 'curl: (22)' ]) {
        my ($path, $why) = @$_;
        ($code, $text) = gmetric('-u', "http://127.0.0.1:$port/$path");
        is $code, 1, "an answer that is $path";
        like $text, qr{^\Q$why\E.*\n.*nothing is sent, as http://127\.0\.0\.1:$port/$path/metrics did not answer$}, '... is told';
    }
    ok !-e "$dir/sent", '... and nothing is sent';
    ($code, $text) = gmetric('-n', '-u', "http://127.0.0.1:$port/many/");
    cmp_ok scalar(() = $text =~ /\n/g), '<=', 1002, 'many numbers are not endless';
    for (map({ [ '-u', $_ ] } '', 'x', 'file:///etc/passwd', "http://a\"\nb", 'http://a b'), map({ [ '-d', $_ ] } '', 0, '1s', -1), [ '-x' ], [ 'a' ], [ '-u' ]) {
        is +(gmetric(@$_))[0], 1, "refused: @$_" =~ s/\n/\\n/r;
    }
    my ($cron) = Httpd::slurp('conf/reqnotes-gmetric') =~ /^#   (\* \* \* \* \* nobody \S+)$/m;
    like Httpd::slurp('docs/numbers.md'), qr/^\Q$cron\E$/m, 'the line for cron is that of the manual';
};

# --- reqnotes-thresholds ---

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
    return $file;
}

# Not the module of a sanitizer, which this httpd does not load.
sub thresholds {
    my ($text, @more) = @_;
    spew("$dir/photos.thresholds", $text) if defined $text;
    my @httpd = $ENV{HTTPD} ? ('-b', $ENV{HTTPD}) : ();
    return run('/bin/sh', '-c', 'cd "$0" && exec "$@" 2>&1', $dir, Cwd::abs_path('conf/reqnotes-thresholds'), @httpd, '-m', Cwd::abs_path('build/mod_reqnotes.so'), @more, 'photos.thresholds');
}

subtest 'reqnotes-thresholds' => sub {
    local $ENV{TMPDIR} = "$dir/a \$(b) \"c\"";
    mkdir $ENV{TMPDIR} or die $!;
    my $good = <<'TEXT';
# reviewed
ReqNotesThreshold search errors(api,photos.search) above=5% clear=2%

reqnotesthreshold all   p95(api)   above=0.8s level=warning
ReqNotesThreshold most  "rate(upload,a b,c,d)" below=1
ReqNotesThreshold shop  p50(http,www.shop-1.example) above=1s
ReqNotesThreshold http  errors(http) above=1%
ReqNotesThreshold queue file:queue_thumbs above=100
ReqNotesThreshold age   age:queue_thumbs above=100
ReqNotesThreshold busy  busy above=80
ReqNotesThreshold load  load above=2
TEXT
    is_deeply [ thresholds($good) ], [ 0, "Syntax OK\n" ], 'every signal';
    is_deeply [ thresholds('') ], [ 0, "Syntax OK\n" ], '... and none';
    for (
        [ "$good\nReqNotesThreshold a busy above=500\n", 'photos\.thresholds: line 13: ReqNotesThreshold a busy above=500: the limit is in percent' ],
        [ "ReqNotesThreshold a errors(api above=5\n", 'photos\.thresholds: line 1: ' ],
        [ "ReqNotesThreshold a errors(\$(touch evil);,api) above=5\n", 'photos\.thresholds: line 1: ' ],
        [ "ReqNotesThreshold a errors(api,a,b,c,d) above=5\n", 'photos\.thresholds: line 1: ' ],
        [ "ReqNotesThreshold a errors(http,no_host) above=5\n", 'ReqNotesThreshold a at photos\.thresholds:1: no_host is the ServerName of no virtual host' ],
        [ "ReqNotesThreshold a errors(job) above=5\n", 'ReqNotesMetric job at \(made up\):\d+: job is the name of other families' ],
        [ "LoadModule evil_module evil.so\n", 'photos\.thresholds: line 1: .*only ReqNotesThreshold and comments may stand here' ],
        [ "Include /etc/passwd\n", 'photos\.thresholds: line 1: .*only ReqNotesThreshold' ],
        [ 'x' x 70_000, 'photos\.thresholds: it is longer than 64 KB' ],
        [ "\e[31mx\n", 'photos\.thresholds: line 1: ' ],
    ) {
        my ($text, $why) = @$_;
        my ($code, $said) = thresholds($text);
        is $code, 1, "refused: $why";
        like $said, qr/^(?:RN\d+: )?$why/m, '... and told why, on its line';
        unlike $said, qr/\e|\Q$dir\E/, '... without a folder of ours';
    }

    my $conf = spew("$dir/httpd.conf", <<'TEXT');
LoadModule no_such_module no/such.so
<VirtualHost *:81>
  ReqNotesField secret privacy=hash
  ReqNotesField api_method
</VirtualHost>
ReqNotesMetric api \
  by=api_method values=photos.search
TEXT
    is_deeply [ thresholds("ReqNotesThreshold a errors(api,photos.search) above=5\n", '-c', $conf) ], [ 0, "Syntax OK\n" ], 'the metrics of a configuration';
    for (
        [ "errors(api,photos.list)", 'photos\.list is not in values= of the metric' ], [ "errors(api,photos.search,x)", 'has more values than the metric has labels' ],
        [ "errors(upload)", 'upload is no metric' ],
    ) {
        my ($signal, $why) = @$_;
        my ($code, $said) = thresholds("ReqNotesThreshold a $signal above=5\n", '-c', $conf);
        is $code, 1, "no other ones: $signal";
        like $said, qr/^RN0028: ReqNotesThreshold a at photos\.thresholds:1: .*$why/m, '... and told why';
    }
    spew($conf, Httpd::slurp($conf) =~ s/values/vales/r);
    my ($code, $said) = thresholds('', '-c', $conf);
    is $code, 1, 'a mistake of the configuration';
    like $said, qr/^AH00526: Syntax error on line 7 of \Q$conf\E:$/m, '... has its line';

    # A program that prints what httpd would read.
    my $print = spew("$dir/print", "#!/bin/sh\n[ \"\$1\" = -l ] || cat \"\$3/\$5\" >&2\n");
    chmod 0755, $print;
    my $hostile = join "\n", map { "ReqNotesThreshold a $_ above=5" } "errors(a\"b,c)", 'errors(a$(touch evil))', 'p95(`touch evil`,`touch evil`)', 'rate(api,${PATH},"/../x,<x>,%{y},a*b)',
        "rate(evil\tx,b\rc)", 'rate(A1,*)', 'rate(1a,[a-z])', 'rate(' . 'a' x 41 . ')', 'rate(' . 'a,' x 41 . ')', 'errors(good_1,good-2.example)', "\xe9rrors(\xe9,\xe9)", 'errors()', 'errors(,)';
    (undef, $said) = thresholds($hostile, '-b', $print);
    is_deeply [ grep { !m{^\s*(?:</?(?:IfModule !\w+|IfModule|VirtualHost 127\.0\.0\.1:1|VirtualHost)>|LoadModule \w+ [\w/]+\.so|ServerName [A-Za-z0-9.-]+|(?:ErrorLog|ReqNotes|ReqNotesHashKey|Include|ReqNotesMetricFiles|ReqNotesThresholds) [\w.]+|ReqNotesField made_up_\d|ReqNotesMetric [a-z]\w* by=[a-z1-3_,]+ series=1)$} } split /\n/, $said ],
        [], 'nothing of the file gets into the configuration but names of metrics and hosts';
    like $said, qr/^ReqNotesMetric good_1 /m, '... which are there';
    like $said, qr/^  ServerName good-2\.example$/m, '... both';
    ok !-e "$dir/evil", '... and nothing ran';

    for ([], [ 'a', 'b' ], [ '-x', 'a' ], [ '-m' ], [ "$dir/none" ], [ $dir ], [ '-c', "$dir/none", 'photos.thresholds' ], [ '-m', "$dir/none.so", 'photos.thresholds' ], [ '-b', "$dir/none", $conf ]) {
        is +(run('/bin/sh', '-c', 'exec "$@" 2>/dev/null', 'sh', 'conf/reqnotes-thresholds', '-m', 'build/mod_reqnotes.so', @$_))[0], 1, "refused: @$_";
    }
    is_deeply [ glob '"' . $ENV{TMPDIR} =~ s/([\\"\$])/\\$1/gr . '/"*' ], [], 'nothing is left behind';
};

# --- reqnotes-flags ---

sub flags {
    my ($text, @more) = @_;
    spew("$dir/photos.flags", $text);
    my @httpd = $ENV{HTTPD} ? ('-b', $ENV{HTTPD}) : ();
    return run('/bin/sh', '-c', 'cd "$0" && exec "$@" 2>&1', $dir, Cwd::abs_path('conf/reqnotes-flags'), @httpd, '-m', Cwd::abs_path('build/mod_reqnotes.so'), @more, 'check', 'photos.flags');
}

subtest 'reqnotes-flags' => sub {
    local $ENV{TMPDIR} = "$dir/d \$(e) [f] \"g\"";
    mkdir $ENV{TMPDIR} or die $!;
    my $good = "search_v2 on trip=20%  # who \xc3\xab\n\nnew_upload=10.5% trip=5%/50/300s unanswered\ncomments off\n";
    is_deeply [ flags($_) ], [ 0, "photos.flags: good\n" ], 'a good file' for $good, '', "# none\n", Httpd::slurp('conf/photos.flags'),
        join '', map { "f$_ on # " . 'x' x 200 . "\n" } 10 .. 73;
    for (
        [ "${good}search_v2 off\n", 5, 'has a flag that a line before has' ],
        [ "a of\n", 1, 'needs on, off or a percentage' ],
        [ "a on\n\na-b on\n", 3, 'does not begin with a name' ],
        [ "A on\n", 1, 'needs a name of a-z' ],
        [ "a 101%\n", 1, 'percentage' ],
        [ "a on trip=20\n", 1, 'needs trip= with a share' ],
        [ "a on\nb on on\n", 2, 'can have trip=' ],
        [ "a on\nb off \e[31m\n", 2, 'control character' ],
        [ "a on # \xff\n", 1, 'no UTF-8' ],
        [ "a on", undef, 'is not whole' ],
        [ '# ' . 'x' x 16_382 . "\n", undef, 'has more than 16 KB' ],
        [ join('', map { "f$_ on\n" } 10 .. 74), 65, 'has a flag more than the 64' ],
    ) {
        my ($text, $line, $why) = @$_;
        my ($code, $said) = flags($text);
        is $code, 1, "refused: $why";
        like $said, defined $line ? qr/photos\.flags:? line $line:? .*(?:$why)/ : qr/photos\.flags:? .*(?:$why)/, '... and told why, on its line';
        unlike $said, qr/good|Syntax OK|\e|\Q$dir\E/, '... without a folder of ours';
    }

    # A program that says of the file what another version of httpd might.
    my $says = spew("$dir/says", <<'SH');
#!/bin/sh
[ "$1" = -l ] && exit
case $(cat "$3/flags") in
  refuse) echo "AH00526: Syntax error on line 6 of $3/httpd.conf:"; echo 'ReqNotesFlags flags: line 1: is odd'; exit 1 ;;
  warn) echo "[Sat Nov 28 10:00:00 2026] [reqnotes:warn] [pid 1] RN0000: ReqNotesFlags: $3/flags line 1 is odd"; echo 'Syntax OK' ;;
  other) echo "[Sat Nov 28 10:00:00 2026] [core:warn] [pid 1] something else"; echo 'Syntax OK' ;;
  silent) exit 1 ;;
  show) cat "$3/httpd.conf" ;;
esac >&2
SH
    chmod 0755, $says;
    for (
        [ refuse => 1, "photos.flags: line 1: is odd\n" ],
        [ warn => 1, "RN0000: ReqNotesFlags: photos.flags line 1 is odd\n" ],
        [ other => 0, "something else\nphotos.flags: good\n" ],
        [ silent => 1, '' ],
    ) {
        my ($text, @want) = @$_;
        is_deeply [ flags($text, '-b', $says) ], \@want, "a program that says: $text" or diag explain [ flags($text, '-b', $says) ];
    }
    is +(flags('show', '-b', $says))[1], "LoadModule mpm_event_module modules/mod_mpm_event.so\nLoadModule reqnotes_module mod_reqnotes.so\nServerName localhost\nErrorLog error.log\nReqNotes On\nReqNotesFlags flags\nphotos.flags: good\n",
        'nothing of the file, nor of its name, gets into the configuration';

    for ([], ['check'], [ 'check', 'a', 'b' ], [ 'chek', "$dir/photos.flags" ], [ '-x', 'check', 'a' ], ['-m'], [ 'check', "$dir/none" ], [ 'check', $dir ], [ '-m', "$dir/none.so", 'check', "$dir/photos.flags" ], [ '-b', "$dir/none", 'check', "$dir/photos.flags" ]) {
        is +(run('/bin/sh', '-c', 'exec "$@" 2>/dev/null', 'sh', 'conf/reqnotes-flags', '-m', 'build/mod_reqnotes.so', @$_))[0], 1, "refused: @$_";
    }
    is_deeply [ glob '"' . $ENV{TMPDIR} =~ s/([\\"\$\[\]])/\\$1/gr . '/"*' ], [], 'nothing is left behind';
};

done_testing;
