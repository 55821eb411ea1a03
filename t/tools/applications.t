# packages: wordpress mediawiki mariadb-server mariadb-server-core php-mysql php-sqlite3 php-mbstring php-getid3
# The recipes of docs/applications.md on the real applications, under mod_php and PHP-FPM: pages,
# the login itself and calls of an API carry the user in the access log, and errors in the error log.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use Cwd qw(getcwd);
use File::Path qw(make_path);
use Httpd;
use Test::More;

my $root    = getcwd() . '/build/unpacked';
my %recipes = Httpd::slurp('docs/applications.md') =~ /^## (\w+)\n.*?```\w+\n(.*?)^```/msg;

# Not what /etc has enabled: the extensions of PHP that an application needs, wherever they are.
$ENV{PHP_INI_SCAN_DIR} = '';

sub extensions {
    return join '', map {
        my ($file) = (glob("$root/usr/lib/php/2*/$_.so"), glob("/usr/lib/php/2*/$_.so"));
        $file ? "extension=$file\n" : die "no $_.so\n";
    } @_;
}

my @blog = qw(ctype iconv mysqlnd mysqli tokenizer);
my @wiki = qw(ctype iconv fileinfo intl dom xml xmlreader mbstring pdo pdo_sqlite sqlite3);

# A site that serves `wiki` or `blog` below its document root, with the recipe in the include path.
sub site {
    my ($fpm, %args) = @_;
    my $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi dir)], conf => <<'CONF' . ($fpm ? <<'FPM' : <<'MOD'));
ReqNotes On
ErrorLogFormat "[%L] %M [%N]"
CustomLog @DIR@/logs/access.log "%^RJ"
DirectoryIndex index.php
Timeout 60
CONF
ReqNotesResponseHeaders X-Note-
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
FPM
PHPINIDir @DIR@/conf
StartServers 4
MOD
    my $ini = <<INI . extensions(@{ $args{extensions} });
include_path = ".:$httpd->{dir}/share"
log_errors = on
display_errors = off
session.save_path = $httpd->{dir}/run
sys_temp_dir = $httpd->{dir}/run
INI
    $httpd->add_file('conf/php.ini', $ini);
    $httpd->add_file('share/reqnotes.php', Httpd::slurp('conf/php/reqnotes.php'));
    $args{set_up}->($httpd);
    if ($fpm) {
        local $ENV{PHPRC} = "$httpd->{dir}/conf";
        start_fpm($httpd);
    }
    $httpd->run or BAIL_OUT($httpd->{output});
    return $httpd;
}

# A browser: keeps cookies, and its Host is always the same.
sub browser {
    my ($httpd) = @_;
    my %cookies;
    return sub {
        my ($method, $path, $form, %headers) = @_;
        my $response = $httpd->request($method, $path, { %headers,
                Cookie => join('; ', map { "$_=$cookies{$_}" } sort keys %cookies),
                $form ? ('Content-Type' => 'application/x-www-form-urlencoded') : () }, $form);
        for (split /, (?=[A-Za-z_][^=;, ]*=)/, $response->{headers}{'set-cookie'} // '') {
            $cookies{$1} = $2 if /^([^=;]+)=([^;]*)/;
        }
        is_deeply [ grep { /^x-note/ } keys %{ $response->{headers} } ], [], "$method $path tells no fact";
        return $response;
    };
}

sub run_ok {
    my ($name, @command) = @_;
    my $log = File::Temp->new;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$log";
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $good = $? == 0;
    diag Httpd::slurp("$log") unless $good;
    return ok $good, $name;
}

# MariaDB on a socket in the folder of the server, as whoever httpd runs as.
sub start_mariadb {
    my ($httpd) = @_;
    my $dir  = "$httpd->{dir}/db";
    my $user = $> == 0 ? 'www-data' : getpwuid $>;
    mkdir $dir;
    chown((getpwnam $user)[2, 3], $dir);
    local $ENV{LD_LIBRARY_PATH} = join ':', glob "$root/usr/lib/*-linux-gnu*";
    local $ENV{PATH} = "$root/usr/bin:$root/usr/sbin:$ENV{PATH}";
    run_ok('a new database', "$root/usr/bin/mariadb-install-db", '--no-defaults', "--basedir=$root/usr",
        "--datadir=$dir/data", "--user=$user", '--auth-root-authentication-method=normal', '--skip-test-db');
    Backend::spawn(sub { -S "$dir/socket" }, "$httpd->{dir}/logs/mariadb.out", "$root/usr/sbin/mariadbd",
        '--no-defaults', "--basedir=$root/usr", "--datadir=$dir/data", "--socket=$dir/socket", "--user=$user",
        "--lc-messages-dir=$root/usr/share/mysql", '--skip-networking', '--innodb-buffer-pool-size=32M',
        '--innodb-flush-log-at-trx-commit=0', "--pid-file=$dir/pid", "--plugin-dir=$root/usr/lib/mysql/plugin");
    return "$dir/socket";
}

my $wordpress = sub {
    my ($httpd) = @_;
    my $www = "$httpd->{dir}/www";
    system('cp', '-rT', "$root/usr/share/wordpress", $www) == 0 or die "cp: $?";
    system('cp', '-rT', "$root/var/lib/wordpress/wp-content", "$www/wp-content");
    unlink "$www/.htaccess", glob "$www/wp-includes/ID3/*.php";
    system('cp', '-r', glob("$root/usr/share/php/getid3/*.php"), "$www/wp-includes/ID3/");
    my $socket = start_mariadb($httpd);
    $httpd->add_file('www/wp-config.php', <<PHP);
<?php
define('DB_NAME', 'blog');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:$socket');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as \$name) {
    define(\$name . '_KEY', \$name . str_repeat('k', 40));
    define(\$name . '_SALT', \$name . str_repeat('s', 40));
}
\$table_prefix = 'wp_';
define('WP_DEBUG', false);
define('WP_DEFAULT_THEME', 'plain');
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
    $httpd->add_file('www/wp-content/mu-plugins/reqnotes.php', $recipes{WordPress});
    $httpd->add_file('www/wp-content/mu-plugins/broken.php', <<'PHP');
<?php
add_action('template_redirect', function () { if (isset($_GET['fail'])) trigger_error('a plugin broke', E_USER_WARNING); });
PHP
    $httpd->add_file('www/wp-content/themes/plain/style.css', "/* Theme Name: plain */\n");
    $httpd->add_file('www/wp-content/themes/plain/index.php', "<?php while (have_posts()) { the_post(); the_title(); the_content(); }\n");
    my $site = "http://127.0.0.1:$httpd->{port}";
    $httpd->add_file('install.php', <<PHP);
<?php
(new mysqli('localhost', 'root', '', '', 0, '$socket'))->query('CREATE DATABASE blog');
define('WP_INSTALLING', true);
define('WP_SITEURL', '$site');
define('WP_HOME', '$site');
\$_SERVER['HTTP_HOST'] = '127.0.0.1:$httpd->{port}';
\$_SERVER['REQUEST_URI'] = '/';
function wp_mail() { return true; }
require '$www/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Blog', 'ann', 'ann\@example.org', false, '', 'correct horse');
PHP
    run_ok('WordPress is installed', 'php', '-n', split(/\n/, extensions(@blog) =~ s/^/-d\n/mgr), "$httpd->{dir}/install.php");
};

my $mediawiki = sub {
    my ($httpd) = @_;
    my $www = "$httpd->{dir}/www";
    system('cp', '-rsT', "$root/usr/share/mediawiki", $www) == 0 or die "cp: $?";
    # An entry point must stand in this folder: it looks for its parts beside itself.
    for (qw(index.php api.php load.php)) {
        unlink "$www/$_";
        $httpd->add_file("www/$_", Httpd::slurp("$root/usr/share/mediawiki/$_") =~ s/\A<\?php/<?php putenv('MW_INSTALL_PATH=$www');/r);
    }
    unlink map { "$www/$_" } qw(LocalSettings.php extensions images config);
    mkdir "$httpd->{dir}/$_" for qw(db images);
    $ENV{MW_INSTALL_PATH} = $www;
    run_ok('MediaWiki is installed', 'php', '-n', split(/\n/, extensions(@wiki) =~ s/^/-d\n/mgr),
        "$root/usr/share/mediawiki/maintenance/install.php", '--dbtype', 'sqlite', '--dbname', 'wiki', '--dbpath', "$httpd->{dir}/db",
        '--server', "http://127.0.0.1:$httpd->{port}", '--scriptpath', '', '--confpath', $www, '--pass', 'correct horse', 'Wiki', 'Ann');
    open my $settings, '>>', "$www/LocalSettings.php" or die;
    print $settings "\n\$wgCacheDirectory = '$httpd->{dir}/images';\n\$wgShowExceptionDetails = true;\n$recipes{MediaWiki}";
    print $settings "\$wgHooks['BeforePageDisplay'][] = function () { if (isset(\$_GET['fail'])) trigger_error('a plugin broke', E_USER_WARNING); };\n";
    close $settings;
    chmod 0644, "$www/LocalSettings.php";
    system 'chmod', '-R', 'a+rwX', "$httpd->{dir}/db", "$httpd->{dir}/images";
};

sub encode {
    my (%form) = @_;
    return join '&', map { "$_=" . $form{$_} =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger } sort keys %form;
}

for my $sapi ('mod_php', 'PHP-FPM') {
    my $fpm = $sapi eq 'PHP-FPM';
    subtest "WordPress under $sapi" => sub {
        my $httpd = site($fpm, set_up => $wordpress, extensions => \@blog);
        my $ask = browser($httpd);
        my $page = $ask->('GET', '/');
        like $page->{content}, qr/Hello world/, 'a page of a blog' or diag explain $page;
        ok !exists $httpd->json('access', qr{"path":"/"})->{user_id}, '... is seen by nobody in particular';
        $ask->('GET', '/wp-login.php');
        $ask->('POST', '/wp-login.php', encode(log => 'ann', pwd => 'wrong', testcookie => 1));
        ok !exists $httpd->json('access', qr{"POST".*wp-login})->{user_id}, 'a refused login names nobody';
        my $in = $ask->('POST', '/wp-login.php', encode(log => 'ann', pwd => 'correct horse', testcookie => 1));
        is $in->{status}, 302, 'a user logs in';
        is +(map { $_->{user_id} // '-' } map { from_json($_) } $httpd->wait_lines('access', qr{"POST".*wp-login}, 2))[1], 'ann', '... and the line of the login has the name';
        like $ask->('GET', '/wp-admin/profile.php')->{content}, qr/ann\@example.org/, 'a page of the user';
        is $httpd->json('access', qr/profile/)->{user_id}, 'ann', '... has the name';
        $ask->('GET', '/index.php?rest_route=/wp/v2/posts');
        is $httpd->json('access', qr/rest_route/)->{api_method}, 'GET /wp/v2/posts', 'a call has its route';
        $ask->('GET', '/?fail=1');
        my $line = $httpd->json('access', qr/fail=1/);
        is $line->{user_id}, 'ann', 'an error of a plugin: the name in the access log';
        like join("\n", $httpd->wait_lines('error', qr/$line->{trace_id}.*user_id=ann/)), qr/a plugin broke/, '... and in the error log';
        $httpd->stop;
    };
    subtest "MediaWiki under $sapi" => sub {
        my $httpd = site($fpm, set_up => $mediawiki, extensions => \@wiki);
        my $ask = browser($httpd);
        like $ask->('GET', '/index.php?title=Main_Page')->{content}, qr/Main Page/, 'a page of a wiki';
        ok !exists $httpd->json('access', qr{Main_Page})->{user_id}, '... is seen by nobody in particular';
        my $form = $ask->('GET', '/index.php?title=Special:UserLogin')->{content};
        my ($token) = $form =~ /name="wpLoginToken"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="wpLoginToken"/ ? $1 // $2 : '';
        $token =~ s/&#(\d+);/chr $1/ge;
        my $in = $ask->('POST', '/index.php?title=Special:UserLogin&try=1', encode(wpName => 'Ann', wpPassword => 'correct horse',
            wpLoginToken => $token, authAction => 'login', wploginattempt => 'Log in', title => 'Special:UserLogin'));
        is $in->{status}, 302, 'a user logs in' or diag $in->{content} =~ s/.*(<div class="[^"]*error.*)/$1/sr;
        is $httpd->json('access', qr{try=1})->{user_id}, 'Ann', '... and the line of the login has the name';
        like $ask->('GET', '/index.php?title=Main_Page&view=1')->{content}, qr/>Ann</, 'a page of the user';
        is $httpd->json('access', qr/view=1/)->{user_id}, 'Ann', '... has the name';
        like $ask->('GET', '/api.php?action=query&meta=userinfo&format=json')->{content}, qr/"name":"Ann"/, 'a call of the API';
        my $line = $httpd->json('access', qr/api\.php/);
        is_deeply [ @$line{qw(user_id api_method)} ], [ 'Ann', 'query' ], '... has the name and the action';
        $ask->('GET', '/index.php?title=Main_Page&fail=1');
        $line = $httpd->json('access', qr/fail=1/);
        is $line->{user_id}, 'Ann', 'an error of a plugin: the name in the access log';
        like join("\n", $httpd->wait_lines('error', qr/$line->{trace_id}.*user_id=Ann/)), qr/a plugin broke/, '... and in the error log';
        $httpd->stop;
    };
}

done_testing;
