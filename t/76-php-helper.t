# The PHP helper does the same under mod_php and under PHP-FPM, and hurts under neither.

use strict;
use warnings;
use lib 't/lib';
use Answers;
use Backend;
use Cwd ();
use File::Temp qw(tempdir);
use Httpd;
use Test::More;
use Time::HiRes qw(time);

my $helper = Httpd::slurp('conf/php/reqnotes.php');
my %files = (
    'www/set.php' => <<'PHP',
var_dump(reqnotes_set('user_id', 5555), reqnotes_set('ok', true), reqnotes_set('order.total', 1.5),
    reqnotes_set('api_key', "a\r\nX-Evil: 1\0\x7fb"), reqnotes_set('api_method', 'first'),
    reqnotes_set('api_method', 'last'));
foreach (['', 'User', 'a-b', "a\n", 'a b', str_repeat('a', 65)] as $bad) var_dump(reqnotes_set($bad, 1));
foreach ([null, [], new stdClass] as $bad) var_dump(reqnotes_set('user_id', $bad));
PHP
    'www/locale.php' => "setlocale(LC_ALL, 'de_DE.UTF-8');\nreqnotes_set('order.total', 0.1 + 0.2);\n",
    'www/late.php'  => "echo 'page'; flush();\nvar_dump(reqnotes_set('user_id', 'late'));\n",
    'www/trace.php' => "echo reqnotes_trace_id(), ' ', reqnotes_traceparent();\n",
    'www/call.php'  => <<'PHP',
$context = stream_context_create(['http' => ['header' => 'traceparent: ' . reqnotes_traceparent()]]);
echo file_get_contents('http://127.0.0.1:' . $_SERVER['SERVER_PORT'] . '/trace.php', false, $context);
PHP
    'www/long.php' => <<'PHP',
var_dump(reqnotes_set('api_method', str_repeat($_GET['of'], (int) $_GET['times'])));
PHP
    'www/many.php' => <<'PHP',
$taken = array_filter(range(1, 40), fn ($n) => reqnotes_set("field$n", str_repeat('v', 1000)));
echo implode(' ', $taken);
PHP
    'www/twice.php' => "require 'copy/reqnotes.php';\nreqnotes_set('user_id', 'twice');\n",
    'www/mine.php' => <<'PHP',
header_register_callback(function () { header('X-Mine: 1'); });
reqnotes_set('user_id', 'mine');
PHP
    'www/huge.php' => "ini_set('memory_limit', '16M'); \$text = str_repeat(\"a\\n\", 1 << 22);\nvar_dump(reqnotes_set('user_id', \$text));\n",
    'www/misspelt.php' => "reqnotes_set('userid', 'SECRET'); reqnotes_set('user_id', 1);\n",
    'www/drop.php' => <<'PHP',
umask(0);
var_dump(reqnotes_metric('queue', 1234), reqnotes_metrics('many.txt', ['a' => 0.25, 'b_total' => '7']));
umask(0777);
var_dump(reqnotes_metric('hidden', -1), umask());
PHP
    'www/go.php' => <<'PHP',
var_dump(reqnotes_go('thumbs', $retry), reqnotes_go('later', $retry), $retry, reqnotes_go('none'));
PHP
    'www/pages/go/thumbs' => "go\n",
    'www/flag.php' => <<'PHP',
ob_start();
foreach (['search_v2', 'comments', 'search', 'search_v2', 'new_upload', 'TRACE_ID'] as $name) echo (int) reqnotes_flag($name);
echo ' ';
foreach ([['theirs', true], ['theirs', false], ['ours', false], ['ours', false], ['ours', true]] as [$name, $result]) echo (int) reqnotes_flag_is($name, $result);
echo ' ';
foreach (['', 'Upper', 'a-b', '-search_v2', "search_v2\n", 'search_v2,new_upload', "a\r\nX-Evil: 1", '1', 'é', str_repeat('a', 41)] as $bad) echo (int) reqnotes_flag($bad), (int) reqnotes_flag_is($bad, true);
PHP
    'www/unasked.php' => "echo 'page';\n",
    'www/late-flag.php' => "reqnotes_flag('search_v2'); echo 'page'; flush();\necho (int) reqnotes_flag('new_upload'), (int) reqnotes_flag('comments');\n",
    'www/removed-flag.php' => "reqnotes_flag('search_v2'); header_remove();\n",
    'www/fatal-flag.php' => "if (reqnotes_flag('search_v2')) no_such_function();\n",
    'www/none/flag.php' => "var_dump(reqnotes_flag('search_v2'));\n",
    'www/after/flag.php' => "\$_SERVER = array_diff_key(\$_SERVER, ['FLAGS' => '']);\nvar_dump(reqnotes_flag('search_v2'), isset(\$_SERVER['REDIRECT_FLAGS']));\n",
    'www/odd/flag.php' => "\$_SERVER['FLAGS'] = ['search_v2'];\nvar_dump(reqnotes_flag('search_v2'));\n",
    'www/many-flags.php' => <<'PHP',
ob_start();
foreach (range(10, 79) as $n) { $name = str_repeat('f', 38) . $n; echo (int) reqnotes_flag($name), (int) reqnotes_flag_is($name, true); }
PHP
    'www/plain/set.php' => "var_dump(reqnotes_set('api_key', 'SECRET'));\n",
);

# What an application does to its response after the user was named.
# header_remove() takes facts away for good where the output begins before the end.
my %ends = (
    removed   => 'header_remove();',
    callback  => 'header_remove(); header_register_callback(function () { header("X-Own: 1"); });',
    buffered  => 'ob_start(); echo "x"; ob_start(); header_remove(); echo "y";',
    exit      => 'exit("bye");',
    fatal     => 'no_such_function();',
    error     => 'trigger_error("enough", E_USER_ERROR);',
    # Out of memory, PHP displays its message past every callback: what was removed before is lost.
    memory    => 'ini_set("memory_limit", "8M"); $a = str_repeat("x", 1 << 26);',
    time      => 'set_time_limit(1); for (;;);',
    throw     => 'throw new Exception("thrown");',
    finished  => 'if (function_exists("fastcgi_finish_request")) fastcgi_finish_request(); echo "after";',
    status    => 'http_response_code(503); echo "down";',
    redirect  => 'header_remove(); header("Location: http://127.0.0.1/elsewhere"); exit;',
    own       => 'if (!function_exists("apache_note")) header("X-Note-User-Id: own"); reqnotes_set("user_id", "5555");',
);
$files{"www/end-$_.php"} = "reqnotes_set('user_id', 5555);\n$ends{$_}\n" for keys %ends;
s/^/<?php\nrequire '\@DIR\@\/www\/reqnotes.php';\n/ for @files{ grep { /php$/ } keys %files };
$files{'www/reqnotes.php'} = $files{'www/copy/reqnotes.php'} = $helper;

for my $sapi ('mod_php', 'PHP-FPM') {
    subtest $sapi => sub {
        my $fpm = $sapi eq 'PHP-FPM';
        my $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi)],
            conf => <<'CONF' . ($fpm ? <<'FPM' : <<'MOD'));
ReqNotes On
ReqNotesTraceAccept private
ReqNotesField ok type=boolean
ReqNotesField order.total type=number
ReqNotesField api_method max=65535
ReqNotesLineLimit 65536
LogLevel reqnotes:debug
CustomLog @DIR@/logs/access.log "%^RJ"
StartServers 4
ReqNotesField flags type=list max=4096
SetEnv FLAGS search_v2,new_upload
<Location /none>
  SetEnv FLAGS ""
</Location>
ErrorDocument 404 /after/flag.php
SetEnv REQNOTES_METRIC_FILES @DIR@/numbers
SetEnv REQNOTES_URL http://127.0.0.1:@PORT@/pages
<Location /pages/go/later>
  Redirect 503
  Header always set Retry-After 47
</Location>
CONF
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
ReqNotesResponseHeaders X-Note-
<Location /plain>
  ReqNotesResponseHeaders None
</Location>
FPM
php_admin_flag display_errors on
MOD
        $httpd->add_file($_, $httpd->fill_in($files{$_})) for keys %files;
        start_fpm($httpd, display_errors => 'on', output_buffering => 0) if $fpm;
        mkdir "$httpd->{dir}/numbers";
        chmod 0777, "$httpd->{dir}/numbers";
        $httpd->run or BAIL_OUT($httpd->{output});

        my $response = $httpd->get('/set.php');
        is $response->{content}, 'bool(true)' . "\nbool(true)" x 5 . "\nbool(false)" x 9 . "\n",
            'it tells what it set, and warns of nothing';
        my $line = $httpd->json('access', qr/set/);
        is_deeply [ @$line{qw(user_id ok order.total api_method)} ], [ '5555', JSON::PP::true(), 1.5, 'last' ],
            'facts, with their types';
        like $line->{api_key}, qr/^a X-Evil: 1 b$/, 'control characters are blanks';
        ok !$response->{headers}{'x-evil'}, '... and make no header';
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], 'no fact reaches the client';
        $httpd->get('/locale.php');
        like $httpd->line('access', qr/locale/), qr/"order.total":0\.3/, 'a float has a point in every locale';

        $response = $httpd->get('/late.php');
        is $response->{content}, $fpm ? "pagebool(false)\n" : "pagebool(true)\n",
            'after the headers were sent: ' . ($fpm ? 'false, and no warning' : 'a note still works');

        $response = $httpd->get('/trace.php');
        $line = $httpd->json('access', qr/trace\.php/);
        is $response->{content}, "$line->{trace_id} 00-$line->{trace_id}-$line->{span_id}-03",
            'the trace ID and a traceparent for calls';
        my ($called) = $httpd->get('/call.php')->{content} =~ /^(\S+)/;
        my $caller = $httpd->json('access', qr/call\.php/);
        my $callee = $httpd->json('access', qr/trace\.php.*/);
        is $called, $caller->{trace_id}, 'a call is in the same trace';
        is $callee->{parent_span_id}, $caller->{span_id}, '... below the span of its caller';

        for (['a', 2048, 'a' x 2048], ['a', 2049, 'a' x 2045 . "\x{2026}"], ['a', 8180, 'a' x 2045 . "\x{2026}"],
            ['%C3%AB', 1024, "\x{eb}" x 1024], ['%C3%AB', 1025, "\x{eb}" x 1022 . "\x{2026}"],
            ['%F0%9F%98%80', 513, "\x{1f600}" x 511 . "\x{2026}"], ['%80', 2049, "\x{fffd}" x 2045 . "\x{2026}"],
            ['a', 3_000_000, 'a' x 2045 . "\x{2026}"]) {
            my ($of, $times, $want) = @$_;
            $response = $httpd->get("/long.php?of=$of&times=$times");
            is "$response->{status} $response->{content}", "200 bool(true)\n", "$times times $of";
            is $httpd->json('access', qr/of=$of&times=$times"/)->{api_method}, $want, '... is cut at a character';
        }
        $response = $httpd->get('/many.php');
        is $response->{status}, 200, '40 values of 1,000 bytes are no error';
        is $response->{content}, join(' ', 1 .. ($fpm ? 4 : 40)), '... of which ' . ($fpm ? 'four' : 'all') . ' are taken';
        $httpd->get('/twice.php');
        is $httpd->json('access', qr/twice\.php/)->{user_id}, 'twice', 'two copies of the helper are no error';

        $response = $httpd->get('/mine.php');
        is $response->{headers}{'x-mine'}, 1, 'the callback for headers that an application has is still called';
        is $httpd->json('access', qr/mine\.php/)->{user_id}, 'mine', '... beside its fact';
        is $httpd->get('/huge.php')->{content}, "bool(true)\n", 'a value of half of the memory that there is';

        for my $end (sort keys %ends) {
            $response = $httpd->get("/end-$end.php");
            $line = $httpd->json('access', qr/end-$end/);
            is $line->{user_id}, '5555', "the fact survives: $end";
            is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], '... and does not reach the client';
        }

        $httpd->get('/misspelt.php') for 1 .. 9;
        my @told = $httpd->wait_lines('error', qr/RN0023: no field looks for the note userid;/);
        my %by_process = map { /\[pid (\d+)/ ? ($1 => 1) : () } @told;
        is scalar(@told), keys %by_process, 'a misspelt name is told once in a process';
        is_deeply [ grep { /RN0023.*(?:SECRET|user_id|api_method)/ } $httpd->lines('error') ], [],
            '... without its value, and no other one is';

        is $httpd->get('/drop.php')->{content}, 'bool(true)' . "\nbool(true)" x 2 . "\nint(511)\n", 'numbers are dropped';
        is_deeply dropped("$httpd->{dir}/numbers"),
            { queue => "644 queue 1234\n", 'many.txt' => "644 a 0.25\nb_total 7\n", hidden => "644 hidden -1\n" },
            '... where the environment says, for everybody to read, whatever the umask';
        is $httpd->get('/go.php')->{content}, "bool(true)\nbool(false)\nint(47)\nbool(false)\n", 'whether it is a good moment';

        $response = $httpd->get('/flag.php');
        is $response->{content}, '100110 10001 ' . '01' x 10, 'flags that are on, and those that are decided elsewhere';
        $line = $httpd->json('access', qr{"/flag\.php"});
        is_deeply $line->{flags}, [qw(search_v2 -comments -search new_upload theirs ours)],
            '... and what was asked: each once, on where it was on once, and no bad name' or diag explain $line;
        is_deeply [ grep { /^x-(?:note|evil)/ } keys %{ $response->{headers} } ], [], '... of which no header reaches the client';
        $httpd->get('/unasked.php') for 1 .. 4;
        ok !exists $httpd->json('access', qr/unasked/)->{flags}, '... and the next request has asked nothing';
        is $httpd->get('/late-flag.php')->{content}, 'page10', 'after the headers were sent flags stand as before';
        is_deeply $httpd->json('access', qr/late-flag/)->{flags}, $fpm ? ['search_v2'] : [qw(search_v2 new_upload -comments)],
            '... and ' . ($fpm ? 'what is asked then is not told' : 'are told');
        for my $end (qw(removed fatal)) {
            $httpd->get("/$end-flag.php");
            is_deeply $httpd->json('access', qr/$end-flag/)->{flags}, ['search_v2'], "what was asked survives: $end";
        }
        is $httpd->get('/none/flag.php')->{content}, "bool(false)\n", 'no flag is on';
        is_deeply $httpd->json('access', qr{none/flag})->{flags}, ['-search_v2'], '... which is told too';
        is $httpd->get('/missing')->{content}, "bool(true)\nbool(true)\n", 'for an error page flags stand as for the request';
        is $httpd->get('/odd/flag.php')->{content}, "bool(false)\n", 'an application that changes $_SERVER is warned of nothing';
        is $httpd->get('/many-flags.php')->{content}, '01' x 70, 'more flags than there can be';
        is_deeply $httpd->json('access', qr/many-flags/)->{flags}, [ map { 'f' x 38 . $_ } 10 .. 73 ], '... of which 64 are told';

        $response = $httpd->get('/plain/set.php');
        is $response->{content}, $fpm ? "bool(false)\n" : "bool(true)\n",
            'where httpd does not take headers: ' . ($fpm ? 'false' : 'a note');
        is_deeply [ grep { /note/i } keys %{ $response->{headers} } ], [], '... and nothing is sent';
        $httpd->stop;
    };
}

# Runs code on the command line, with a handler of errors that is as strict as can be; gives what it printed.
sub cli {
    my ($code, $before) = @_;
    my $strict = 'set_error_handler(function ($code, $text) { echo "HANDLER $text\n"; throw new Exception($text); });';
    open my $out, '-|', '/bin/sh', '-c', ($before // 'exec ') . 'php -n -d error_reporting=-1 -d display_errors=on -d allow_url_fopen=off -r "$1" 2>&1', 'sh', "require 'conf/php/reqnotes.php'; $strict $code";
    local $/;
    my $text = <$out>;
    close $out;
    return $text;
}

# The files of a folder, with modes and contents.
sub dropped {
    my ($dir) = @_;
    opendir my $in, $dir or die "$dir: $!";
    return { map { $_ => sprintf '%o %s', (stat "$dir/$_")[2] & 07777, -f _ ? Httpd::slurp("$dir/$_") : '' } grep { !/^\.\.?$/ } readdir $in };
}

subtest 'numbers, from the command line' => sub {
    my ($dir, $elsewhere) = map { tempdir(CLEANUP => 1) } 1, 2;
    local $ENV{TMPDIR} = $elsewhere;
    is cli(q{foreach ([0, -5, PHP_INT_MAX, 0.1 + 0.2, -0.0, 1e25, '12', '-1.5e-7'] as $n => $value) var_dump(reqnotes_metric("n$n", $value));}, "export REQNOTES_METRIC_FILES=$dir; "),
        "bool(true)\n" x 8, 'numbers of each kind';
    is_deeply dropped($dir), { n0 => "644 n0 0\n", n1 => "644 n1 -5\n", n2 => "644 n2 9223372036854775807\n", n3 => "644 n3 0.30000000000000004\n",
        n4 => "644 n4 -0.0\n", n5 => "644 n5 1.0E+25\n", n6 => "644 n6 12\n", n7 => "644 n7 -1.5e-7\n" }, '... as JSON has them';
    is cli("umask(0); var_dump(reqnotes_metric('n0', 7, '$dir'));"), "bool(true)\n", 'a file is replaced';
    is dropped($dir)->{n0}, "644 n0 7\n", '... as a whole';

    is cli(q{var_dump(reqnotes_metric('queue', 1, ''));}, "export REQNOTES_METRIC_FILES=$dir; "), "bool(true)\n", 'no directory is none that is given';
    is dropped($dir)->{queue}, "644 queue 1\n", '... and not the root';

    my $good = dropped($dir);
    for ("''", "'0x1'", "'1 '", "'1\n'", "'.5'", "'01'", "'1,5'", "'x'", 'INF', 'NAN', 'true', 'null', '[]', 'new stdClass') {
        is cli("var_dump(reqnotes_metric('n0', $_, '$dir'));"), "bool(false)\n", "no number: $_" =~ s/\n/\\n/r;
    }
    for ("''", "'1a'", "'a-b'", "'a.b'", "'../a'", "\"a\\n\"", "'\xe9'", "str_repeat('a', 65)") {
        is cli("var_dump(reqnotes_metric($_, 1, '$dir'), reqnotes_metrics('file', ['ok' => 1, $_ => 1], '$dir'));"), "bool(false)\nbool(false)\n", "no name: $_";
    }
    for ("''", "'.a'", "'a~'", "'../a'", "'a/b'", "\"a\\n\"", "'-a'", "str_repeat('a', 65)") {
        is cli("var_dump(reqnotes_metrics($_, ['a' => 1], '$dir'));"), "bool(false)\n", "no file: $_";
    }
    is cli("var_dump(reqnotes_metrics('file', [], '$dir'), reqnotes_metrics('file', array_fill_keys(array_map(fn(\$n) => \"n\$n\", range(1, 257)), 1), '$dir'),
        reqnotes_metrics('file', array_fill_keys(array_map(fn(\$n) => str_repeat('n', 50) . \$n, range(1, 256)), '1' . str_repeat('0', 20)), '$dir'));"), "bool(false)\n" x 3, 'none, too many, too long';
    is_deeply dropped($dir), $good, '... and no file is written, nor left';

    mkdir "$dir/full";
    mkdir "$dir/full/taken";
    is cli("foreach (['$dir/none', '$dir/n0', \"$dir\\0\", '/proc/self', 'ftp://127.0.0.1:1'] as \$directory) var_dump(reqnotes_metric('a', 1, \$directory));
        var_dump(reqnotes_metric('taken', 1, '$dir/full'));"), "bool(false)\n" x 6, 'where no file can be: false, and not a word';
    is cli("var_dump(reqnotes_metric('a', 1, '$dir/full'));", q{trap '' XFSZ; ulimit -f 0; }), "bool(false)\n", '... nor where the disk is full';
    is_deeply [ keys %{ dropped("$dir/full") } ], ['taken'], '... and nothing is left';
    is_deeply dropped($elsewhere), {}, '... not elsewhere, either';

    SKIP: {
        skip 'another user and another file system need root and /dev/shm', 2 unless $> == 0 && -w '/dev/shm';
        $ENV{TMPDIR} = tempdir(DIR => '/dev/shm', CLEANUP => 1);
        chmod 0777, $ENV{TMPDIR};
        chmod 0755, $dir;
        open my $out, '>', "$dir/mine" or die $!;
        close $out;
        chmod 0666, "$dir/mine";
        symlink "$dir/mine", "$dir/full/link" or die $!;
        is cli("var_dump(reqnotes_metric('link', 1, '$dir/full'));", 'setpriv --reuid=65534 --clear-groups '), "bool(false)\n", 'in a folder of somebody else: false';
        is Httpd::slurp("$dir/mine"), '', '... and nothing is written through a link that lies there';
    }
};

subtest 'whether it is a good moment, from the command line' => sub {
    my $wait = sub { my ($head, $status) = @_; return "HTTP/1.1 " . ($status // '503 Service Unavailable') . "\r\nX: 1\r\n$head\r\n\r\nwait queue unknown\n" };
    my $port = serve(
        '/r/go/go'      => ok_with("go\n"),
        '/go/go'        => ok_with("go\n"),
        '/r/go/old'     => "HTTP/1.0 200 OK\r\n\r\ngo\n",
        '/r/go/wait'    => $wait->('Retry-After: 99'),
        '/r/go/lower'   => $wait->('retry-after: 98'),
        '/r/go/date'    => $wait->('Retry-After: Fri, 31 Dec 1999 23:59:59 GMT'),
        '/r/go/huge'    => $wait->('Retry-After: 9999999999999'),
        '/r/go/other'   => $wait->('Retry-After: 99', '500 Internal Server Error'),
        '/r/go/html'    => ok_with("<html>go\n</html>"),
        '/r/go/wait200' => ok_with("wait queue unknown\n"),
        '/r/go/more'    => ok_with("go\ngo\n"),
        '/r/go/empty'   => '',
        '/r/go/silent'  => sub { sleep 5 },
        '/r/go/drip'    => sub { my ($socket) = @_; $socket->autoflush(1); print $socket ok_with('') =~ s/\r\n\r\n$/\r\n/r; for (1 .. 40) { print $socket "X: 1\r\n"; select undef, undef, undef, 0.2 } },
        '/r/go/flood'   => sub { my ($socket) = @_; 1 while print $socket 'x' x 65536 },
    );
    my $ask = sub {
        my ($job, $url) = @_;
        my $start = time;
        my ($go, $retry) = cli("\$retry = -1; var_dump(reqnotes_go('$job', \$retry, " . ($url // "'http://127.0.0.1:$port/r/'") . '), $retry);') =~ /\Abool\((true|false)\)\nint\((\d+)\)\n\z/ or return 'a warning';
        return time - $start < 3 ? "$go " . ($retry >= 30 && $retry <= 60 ? '30-60' : $retry) : 'late';
    };
    is $ask->('go'), 'true 30-60', 'go';
    is $ask->('go', "'http://127.0.0.1:$port'"), 'true 30-60', '... at the root';
    is $ask->('old'), 'true 30-60', '... in HTTP/1.0';
    is cli("var_dump(reqnotes_go('go'));", "export REQNOTES_URL=http://127.0.0.1:$port/r; "), "bool(true)\n", '... where the environment says';
    is $ask->('wait'), 'false 99', 'wait, and how long';
    is $ask->('lower'), 'false 98', '... in any case';
    is $ask->($_), 'false 30-60', "... $_" for qw(date huge other);
    is $ask->($_), 'false 30-60', "no answer of httpd: $_" for qw(absent html wait200 more empty silent drip flood);
    is $ask->('go', $_), 'false 30-60', "no answer from $_" for "'http://127.0.0.1:1/'", "'https://127.0.0.1:$port/r'", "'file:///etc/passwd'", "'x'", "'http:///'", "\"http://127.0.0.1\\r\\n:$port/\"";
    is $ask->($_), 'false 30-60', "no job: $_" for 'Go', 'a/../go', '', 'go HTTP/1.0', 'a' x 41;
    my %times = map { $ask->('absent', "'http://127.0.0.1:1'") => 1, cli("reqnotes_go('go', \$retry, 'http://127.0.0.1:1'); echo \$retry;") => 1 } 1 .. 8;
    cmp_ok scalar(keys %times), '>', 2, 'askers spread';
};

subtest 'flags, from the command line' => sub {
    my $ask = q{var_dump(reqnotes_flag('search_v2'), reqnotes_flag(''), reqnotes_flag_is('x', true));};
    is cli($ask), "bool(false)\nbool(false)\nbool(true)\n", 'without mod_reqnotes: none, and not a word';
    is cli($ask, "FLAGS= "), "bool(false)\nbool(false)\nbool(true)\n", '... nor when all are off';
    my $port = Httpd::free_port();
    my $site = tempdir(CLEANUP => 1);
    open my $out, '>', "$site/index.php" or die $!;
    print $out "<?php require '" . Cwd::abs_path('conf/php/reqnotes.php') . "'; var_dump(reqnotes_flag('search_v2'), reqnotes_flag('comments'));";
    close $out;
    local $ENV{FLAGS} = 'new_upload,search_v2';
    my $pid = fork // die $!;
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec 'php', '-n', '-S', "127.0.0.1:$port", '-t', $site or die $!;
    }
    my $said;
    Httpd::wait_until(sub { ($said = qx{curl -s http://127.0.0.1:$port/}) ne '' });
    kill TERM => $pid;
    waitpid $pid, 0;
    is $said, "bool(true)\nbool(false)\n", "PHP's own server has those of the environment";
};

is qx{php -n -d error_reporting=-1 -r 'require "conf/php/reqnotes.php"; var_dump(reqnotes_trace_id(), reqnotes_traceparent(), reqnotes_set("user_id", 1));'},
    "NULL\nNULL\nbool(false)\n", 'without mod_reqnotes there is no trace, and nothing is sent';

done_testing;
