# A real application: DokuWiki from Debian, with a plugin of a few lines, and a user who logs in
# through its form.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use File::Path qw(make_path);
use Httpd;
use Test::More;
use Unpacked;

my $hash = qx{php -n -r 'echo password_hash("secret", PASSWORD_BCRYPT);'};

# What is private to the test: configuration, data, and the folder of plugins.
my $prepend = <<'PHP';
<?php
define('DOKU_CONF', '@DIR@/wiki/');
define('DOKU_PLUGIN', '@DIR@/plugins/');
PHP
my $local = <<'PHP';
<?php
$conf['savedir'] = '@DIR@/data';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
PHP

# The plugin that an operator would install.
my $plugin = <<'PHP';
<?php
require_once '@DIR@/reqnotes.php';

class action_plugin_reqnotes extends \dokuwiki\Extension\ActionPlugin
{
    public function register(\dokuwiki\Extension\EventHandler $controller)
    {
        $controller->register_hook('DOKUWIKI_INIT_DONE', 'BEFORE', $this, 'nameUser');
    }

    public function nameUser()
    {
        if (!empty($_SERVER['REMOTE_USER'])) reqnotes_set('user_id', $_SERVER['REMOTE_USER']);
    }
}
PHP

# One that is broken, for the error. What PHP-FPM says before its headers is another matter: these
# are on their way here.
my $broken = <<'PHP';
<?php
class action_plugin_broken extends \dokuwiki\Extension\ActionPlugin
{
    public function register(\dokuwiki\Extension\EventHandler $controller)
    {
        $controller->register_hook('TPL_CONTENT_DISPLAY', 'BEFORE', $this, 'fail');
    }

    public function fail()
    {
        if (empty($_GET['fail'])) return;
        while (ob_get_level()) ob_end_flush();
        flush();
        usleep(200000);
        trigger_error('a plugin broke', E_USER_WARNING);
    }
}
PHP

# One with a new part behind a flag, which is broken too.
my $flagged = <<'PHP';
<?php
class action_plugin_flagged extends \dokuwiki\Extension\ActionPlugin
{
    private $isOn = false;

    public function register(\dokuwiki\Extension\EventHandler $controller)
    {
        $controller->register_hook('ACTION_ACT_PREPROCESS', 'BEFORE', $this, 'ask');
        $controller->register_hook('TPL_CONTENT_DISPLAY', 'BEFORE', $this, 'show');
    }

    public function ask()
    {
        $this->isOn = !empty($_GET['flagged']) && reqnotes_flag('new_part');
        try {
            if ($this->isOn && $_GET['flagged'] === 'fatal') no_such_function();
        } catch (\Throwable $error) {
            // The page that the wiki makes of it would have the status 200.
            http_response_code(500);
            throw $error;
        }
    }

    public function show(\dokuwiki\Extension\Event $event)
    {
        if ($this->isOn) $event->data .= 'the new part';
    }
}
PHP

# The wiki without the configuration of one that the system may have, where httpd can read it as
# another user. Its files say where others of Debian's are.
sub install_wiki {
    my ($httpd) = @_;
    my @parts = qw(/etc/dokuwiki /usr/share/dokuwiki /usr/share/php /usr/share/php-geshi /var/lib/dokuwiki);
    my $copy = "$httpd->{dir}/system";
    for my $part (@parts) {
        my $from = unpacked($part) or next;
        make_path(my $to = "$copy$part");
        system "cp -rL $from/. $to 2>/dev/null";  # users that are not there yet are dangling links
    }
    my $pattern = join '|', @parts;
    system(qq{grep -rlE '$pattern' $copy --include=*.php | xargs sed -i -E 's#$pattern#$copy&#g'}) == 0 or die;
    return "$copy/usr/share/dokuwiki";
}

for my $sapi ('mod_php', 'PHP-FPM') {
    subtest $sapi => sub {
        my $fpm = $sapi eq 'PHP-FPM';
        my $httpd = Httpd->prepare(php => !$fpm, modules => [qw(proxy proxy_fcgi)],
            files => { 'reqnotes.php' => Httpd::slurp('conf/php/reqnotes.php') },
            conf => <<'CONF' . ($fpm ? <<'FPM' : <<'MOD'));
ReqNotes On
ReqNotesFlags @DIR@/flags/wiki
CustomLog @DIR@/logs/access.log "%^RJ"
ErrorLogFormat "[%L] [%N] %M"
Alias /wiki @DIR@/system/usr/share/dokuwiki
<Directory @DIR@/system/usr/share/dokuwiki>
  AllowOverride None
  Require all granted
</Directory>
CONF
ReqNotesResponseHeaders X-Note-
<FilesMatch "\.php$">
  SetHandler "proxy:unix:@DIR@/run/fpm.sock|fcgi://localhost"
</FilesMatch>
FPM
php_admin_value auto_prepend_file @DIR@/prepend.php
php_admin_value session.save_path @DIR@/run
php_admin_flag log_errors on
php_admin_flag display_errors off
MOD
        my $wiki = install_wiki($httpd);
        $httpd->add_file($_->[0], $httpd->fill_in($_->[1])) for (
            [ 'prepend.php', $prepend ], [ 'wiki/local.php', $local ],
            [ 'wiki/acl.auth.php', "* \@ALL 8\n" ],
            [ 'wiki/users.auth.php', "ann:$hash:Ann:ann\@example.org:user\n" ],
            [ 'plugins/reqnotes/action.php', $plugin ], [ 'plugins/broken/action.php', $broken ],
            [ 'plugins/flagged/action.php', $flagged ], [ 'flags/wiki', "new_part off\n" ]);
        symlink $_, "$httpd->{dir}/plugins/" . (split m{/})[-1] for glob "$wiki/lib/plugins/*";
        make_path(my @data = map { "$httpd->{dir}/data/$_" }
            qw(attic cache index locks log media media_attic media_meta meta pages tmp));
        chmod 0777, "$httpd->{dir}/data", @data;  # httpd is another user where it began as root
        start_fpm($httpd, auto_prepend_file => "$httpd->{dir}/prepend.php",
            'session.save_path' => "$httpd->{dir}/run") if $fpm;
        $httpd->run or BAIL_OUT($httpd->{output});

        my %cookies;
        my $ask = sub {
            my ($method, $path, $form) = @_;
            my $response = $httpd->request($method, "/wiki/doku.php$path", {
                    Cookie => join('; ', map { "$_=$cookies{$_}" } sort keys %cookies),
                    $form ? ('Content-Type' => 'application/x-www-form-urlencoded') : () }, $form);
            my $set = $response->{headers}{'set-cookie'} // '';
            $cookies{$1} = $2 while $set =~ /(?:^|, )(DokuWiki|DW[0-9a-f]+)=([^;,]*)/g;
            return $response;
        };
        my $form = $ask->('GET', '?do=login');
        like $form->{content}, qr/name="p"/, 'the login form of the wiki';
        my ($token) = $form->{content} =~ /name="sectok" value="([^"]*)"/;
        ok !exists $httpd->json('access', qr/do=login/)->{user_id}, '... is seen by nobody in particular';

        $ask->('POST', '?id=start', "sectok=" . ($token // '') . "&id=start&do=login&u=ann&p=secret");
        ok +(grep { /^DW/ } keys %cookies), 'a user logs in';
        is $httpd->json('access', qr/"POST"/)->{user_id}, 'ann', '... and the line of the login has the name';

        my $page = $ask->('GET', '?id=start&view=1');
        like $page->{content}, qr/Logged in as.*Ann/s, 'a page view of the user';
        my $line = $httpd->json('access', qr/view=1/);
        is $line->{user_id}, 'ann', '... has the name in the access log';
        is_deeply [ grep { /^x-note/ } keys %{ $page->{headers} } ], [], '... and no header tells it';

        $ask->('GET', '?id=start&fail=1');
        $line = $httpd->json('access', qr/fail=1/);
        is $line->{user_id}, 'ann', 'an error of a plugin: the name in the access log';
        like $httpd->line('error', qr/a plugin broke/),
            qr/^\[$line->{trace_id}\] \[user_id=ann\] /, '... and in the error log';

        my $shows = sub { $ask->('GET', "?id=start&flagged=$_[0]")->{content} =~ /the new part/ };
        ok !$shows->('before'), 'a part behind a flag that is off';
        is_deeply $httpd->json('access', qr/flagged=before/)->{flags}, ['-new_part'], '... as the line says';
        $httpd->add_file('flags/wiki', "new_part on trip=20%/5/10s\n");
        ok wait_until(sub { $shows->('turned') }, 5), '... and that somebody turns on';
        $ask->('GET', '?id=start&flagged=fatal');
        $line = $httpd->json('access', qr/flagged=fatal/);
        is_deeply [ @$line{qw(status flags user_id)} ], [ 500, ['new_part'], 'ann' ], '... breaks the page, as the line says';
        ok wait_until(sub {
            $ask->('GET', "?id=start&flagged=$_") for qw(fatal fatal none);
            $ask->('GET', '?id=start');
            !$shows->('after');
        }, 15), '... until its errors turn it off';
        like $httpd->line('error', qr/RN0040/), qr/flag new_part is turned off: of \d+ requests that had it in 10 s, [1-9]\d* failed, and of \d+ others 0;/, '... which is told';
        is $ask->('GET', '?id=start&flagged=fatal')->{status}, 200, '... and the page is whole again';
        $httpd->stop;
    };
}

done_testing;
