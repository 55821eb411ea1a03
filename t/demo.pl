# The main job on real input: requests to a private httpd with mod_php and the shipped
# configuration, and what an operator then finds in the logs. `make demo` runs it.

use strict;
use warnings;
use Httpd;

my $httpd = Httpd->start(
    php   => 1,
    files => {
        'www/album.php' => <<'PHP',
<?php
apache_note('user_id', '5555');
echo "The album of user 5555\n";
PHP
        'www/rest.php' => <<'PHP',
<?php
$call = json_decode(file_get_contents('php://input'), true);
apache_note('user_id', '5555');
apache_note('api_key', $call['api_key']);
apache_note('api_method', $call['method']);
echo json_encode(['photos' => 3]), "\n";
PHP
        'www/upload.php' => "<?php\napache_note('user_id', '5555');\necho \$quota;\n",
        'www/delete.php' => "<?php\napache_note('user_id', '5555');\napache_note('api_key', '9f8e7d6c');\ndelete_album(7);\n",
    },
    conf => <<'CONF');
Include @TOP@/conf/reqnotes.conf
ReqNotesTraceResponse X-Request-Id
CustomLog @DIR@/logs/access.json.log reqnotes_json
CustomLog @DIR@/logs/access.log reqnotes_logfmt
CustomLog @DIR@/logs/classic.log reqnotes_classic
ErrorLogFormat "[%{u}t] [%-m:%l] [pid\ %P:%-L\ %{g}T] %7F: %E: [client\ %a] %M [%N]"
php_admin_value error_reporting -1
php_admin_flag log_errors on
php_admin_flag display_errors off
CONF

my $logs = "$httpd->{dir}/logs";

sub title { print "\n\e[1m", $_[0], "\e[0m\n" }

# Shows a command as an operator would type it, and what it prints.
sub shell {
    my ($command) = @_;
    print "\n\$ $command\n";
    system "cd $logs && $command";
}

title 'Five requests to a private httpd with mod_php';
my @requests = (
    [ 'a page view of a user who is logged in', 'GET',  '/album.php' ],
    [ 'an API call, its key only in the body',  'POST', '/rest.php',
        '{"api_key":"9f8e7d6c","method":"photos.search"}' ],
    [ 'a PHP warning',                          'GET',  '/upload.php' ],
    [ 'a PHP fatal error, after the notes',     'GET',  '/delete.php' ],
    [ 'a page that is not there',               'GET',  '/nowhere' ],
);
my $trace;
for (@requests) {
    my ($what, $method, $path, $body) = @$_;
    my $response = $httpd->request($method, $path, { 'User-Agent' => 'demo' }, $body);
    printf "%-42s %-4s %-12s -> %s, trace %s\n", $what, $method, $path, $response->{status},
        $response->{headers}{'x-request-id'};
    $trace = $response->{headers}{'x-request-id'} if $path eq '/delete.php';
}
for my $log (qw(access.json access classic)) {
    my @lines = $httpd->wait_lines($log, qr/./, scalar @requests);
    @lines == @requests or die "the log $log is not complete\n";
}

title 'The access log, three ways';
shell 'cat access.json.log';
shell 'cat access.log';
shell 'cat classic.log';

title 'The error log: every line has its trace ID, and the facts that were known';
shell q(grep -v ':notice\]' error.log);

title 'Everything of one user, in both logs, with one grep';
shell 'grep -c user_id=5555 access.log error.log';
shell q(grep -ho 'PHP .*user_id=5555.*' error.log);

title 'Everything of one API key';
shell 'grep -l api_key=9f8e7d6c access.log error.log';
shell q(grep -ho 'api_key=9f8e7d6c.*' access.log error.log);

title "One trace through both logs: the request that died, as the client's X-Request-Id names it";
shell "grep $trace access.log error.log";

if ($ENV{KEEP}) {
    title 'The server is left running';
    print "http://127.0.0.1:$httpd->{port}/album.php  logs in $logs\n",
        "To stop it and remove its folder: kill $httpd->{pid} && rm -r $httpd->{dir}\n";
    $httpd->leave;
}
else {
    die "httpd crashed\n" if $httpd->end;
}
