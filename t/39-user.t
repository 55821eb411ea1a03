# The source `user` is who was authenticated. A name that a client merely claims is not a fact,
# whoever puts it into r->user: a refused login, mod_php, mod_lua, an error page.

use strict;
use warnings;
use lib 't/lib';
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha1_base64);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $lua = <<'LUA';
function claim(r)
    r.user = r.headers_in["X-Claim"]
    r:err("claimed by a handler")
    return apache2.OK
end
function early(r)
    if r.headers_in["X-Early"] then r.user = r.headers_in["X-Early"] end
    return apache2.DECLINED
end
LUA
my %files = (
    'say.lua'              => $lua,
    'www/page.php'         => '<?php error_log("on the page"); echo $_SERVER["PHP_AUTH_USER"] ?? "-";',
    'www/private/x.php'    => '<?php error_log("on the page"); echo "private";',
    'www/include.shtml'    => '<!--#include virtual="/private/x" -->',
    'www/two.shtml'        => '<!--#include virtual="/private/x" --><!--#include virtual="/private/y" -->',
    'www/digest/x'         => 'x',
    'www/any/x'            => 'x',
    'www/private/x'        => 'x',
    'www/private/y'        => 'y',
    'www/folder/inner.txt' => 'inner',
    'conf/users'           => join('', map { "$_:{SHA}" . sha1_base64('right') . "=\n" } qw(alice bob)),
    'conf/digest'          => 'alice:place:' . md5_hex('alice:place:right') . "\n",
);
my $conf = <<'CONF';
ReqNotes On
ReqNotesField login user
ReqNotesErrorLog logs/messages.log
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/claimed.log "%<u"
ErrorLogFormat "%M <%N>"
LogLevel info
ErrorDocument 401 /page.php
AddOutputFilter INCLUDES .shtml
LuaMapHandler ^/claim @DIR@/say.lua claim
LuaHookTranslateName @DIR@/say.lua early
<Directory @DIR@/www>
  Options +Includes
</Directory>
<Location /private>
  AuthType Basic
  AuthName place
  AuthUserFile @DIR@/conf/users
  Require user alice
</Location>
<Location /private/y>
  Require all denied
</Location>
<Location /forbidden>
  AuthType Basic
  AuthName place
  AuthUserFile @DIR@/conf/users
  Require user nobody
  AuthzSendForbiddenOnFailure On
</Location>
<Location /digest>
  AuthType Digest
  AuthName place
  AuthUserFile @DIR@/conf/digest
  Require valid-user
</Location>
<Location /any>
  AuthType Basic
  AuthName place
  AuthUserFile @DIR@/conf/users
  <RequireAny>
    Require ip 127.0.0.1
    Require valid-user
  </RequireAny>
</Location>
<Location /folder>
  AuthType Basic
  AuthName place
  AuthUserFile @DIR@/conf/users
  Require valid-user
  DirectoryIndex inner.txt
</Location>
<Location /form>
  SetHandler form-login-handler
  AuthType form
  AuthName place
  AuthFormProvider file
  AuthUserFile @DIR@/conf/users
  AuthFormLoginRequiredLocation /page.php
  AuthFormLoginSuccessLocation /private/x
  Session On
  SessionCookieName login path=/
</Location>
<Location /inside>
  AuthType form
  AuthName place
  AuthFormProvider file
  AuthUserFile @DIR@/conf/users
  Session On
  SessionCookieName login path=/
  Require valid-user
</Location>
CONF

sub basic { return { Authorization => 'Basic ' . encode_base64("$_[0]:$_[1]", '') } }

sub digest {
    my ($httpd, $password) = @_;
    my $reply = $httpd->get('/digest/x');
    my ($nonce) = $reply->{headers}{'www-authenticate'} =~ /nonce="([^"]+)"/;
    my $answer = md5_hex(join ':', md5_hex("alice:place:$password"), $nonce, '00000001', 'c', 'auth', md5_hex('GET:/digest/x'));
    return { Authorization => qq{Digest username="alice", realm="place", nonce="$nonce", uri="/digest/x", }
        . qq{qop=auth, nc=00000001, cnonce="c", response="$answer", algorithm=MD5} };
}

my $httpd = Httpd->prepare(mpm => 'prefork', files => \%files, conf => $conf,
    php => 1, modules => [qw(lua include request session session_cookie auth_form auth_basic auth_digest
        authn_core authn_file authz_user authz_host)]);
$httpd->run or BAIL_OUT("httpd does not start: $httpd->{output}");

my $count = 0;
$httpd->wait_lines("messages", qr{Command line});

# Sends a request, and compares status and user of its lines. Each request logs no other user.
sub logs {
    my ($why, $path, $headers, $status, $user, $claimed) = @_;
    my %before = map { my @lines = $httpd->lines($_); ($_ => scalar @lines) } qw(error messages);
    my $reply = ref $path ? $httpd->request('POST', $$path, { %$headers, 'Content-Type' => 'application/x-www-form-urlencoded' },
        'httpd_username=alice&httpd_password=' . $headers->{password}) : $httpd->get($path, $headers);
    my $line = from_json(($httpd->wait_lines('access', qr/./, ++$count))[-1]);
    is_deeply [ @$line{qw(status login)} ], [ $status, $user ], $why;
    is +(($httpd->lines('claimed'))[-1]), $claimed, '... r->user was set' if $claimed;
    for my $log (qw(error messages)) {
        my @lines = $httpd->lines($log);
        my @new = @lines[ $before{$log} .. $#lines ];
        my @users = map { /(?:<|"|\b)login(?:=|":")([^" >]+)/ ? $1 : () } @new;
        is_deeply [ grep { $_ ne ($user // '') } @users ], [], "... and in the $log log";
        if ($user && @new && $log eq "messages") { ok scalar(@users), "... which has it" or diag explain \@new }
    }
    return $reply;
}

logs('nobody',                      '/private/x', {},                      401, undef);
logs('a login',                     '/private/x', basic(qw(alice right)),  200, 'alice', 'alice');
logs('a wrong password',            '/private/x', basic(qw(alice wrong)),  401, undef, 'alice');
ok +(grep { /AH01617.*alice.*<>$/ || /AH01617.*alice/ && !/login=/ } $httpd->lines('error')), '... which is told without a user';
logs('an unknown user',             '/private/x', basic(qw(eve right)),    401, undef, 'eve');
ok +(grep { /AH01618.*eve/ && !/login=/ } $httpd->lines('error')), '... which is told without a user';
logs('one who may not',             '/private/x', basic(qw(bob right)),    401, 'bob', 'bob');
logs('one who is forbidden',        '/forbidden', basic(qw(alice right)),  403, 'alice', 'alice');
logs('PHP and a claimed name',      '/page.php',  basic(qw(alice wrong)),  200, undef, 'alice');
logs('PHP and a login',             '/private/x.php', basic(qw(alice right)), 200, 'alice', 'alice');
logs('an error page in PHP',        '/private/x', basic(qw(alice x)),      401, undef);
logs('a handler that claims',       '/claim',     { 'X-Claim' => 'root' }, 200, undef, 'root');
logs('a module that claims',        '/page.php',  { 'X-Early' => 'root' }, 200, undef);
logs('... before a refused login',  '/private/x', { 'X-Early' => 'root' }, 403, undef);
logs('an address that is enough',   '/any/x',     basic(qw(alice wrong)),  200, undef);
logs('a folder and its index',      '/folder/',   basic(qw(bob right)),    200, 'bob', 'bob');
logs('an include with a login',     '/include.shtml', basic(qw(alice right)), 200, 'alice');
logs('an include without one',      '/include.shtml', basic(qw(alice wrong)), 200, undef);
logs('one that is refused after it', '/two.shtml', basic(qw(alice right)), 200, 'alice');
my $right = digest($httpd, 'right'); ++$count;
logs('a digest',                    '/digest/x', $right,                   200, 'alice', 'alice');
my $wrong = digest($httpd, 'wrong'); ++$count;
logs('a wrong digest',              '/digest/x', $wrong,                   401, undef, 'alice');
logs('a form with a wrong password', \'/form',   { password => 'wrong' },  302, undef);
logs('a wrong password in place',   \'/inside/x', { password => 'wrong' }, 401, undef);
my $reply = logs('a form',          \'/form',    { password => 'right' },  302, undef);
my ($cookie) = $reply->{headers}{'set-cookie'} =~ /^(login=[^;]+)/;
logs('its session',                 '/inside/x', { Cookie => $cookie },    404, 'alice');
logs('a session that is made up',   '/inside/x', { Cookie => 'login=place-user=alice&place-pw=wrong' }, 401, undef);
$httpd->stop;

# A certificate stands for a name where mod_ssl has verified it, and nowhere else.
subtest 'SSLUserName' => sub {
    my $tls = Httpd->prepare(modules => [qw(ssl socache_shmcb)], files => { 'www/x' => 'x' }, conf => <<'CONF');
Listen 127.0.0.1:@PORT2@
ReqNotes On
ReqNotesField login user
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/claimed.log "%<u %{SSL_CLIENT_VERIFY}x"
<VirtualHost *:@PORT2@>
  SSLEngine On
  SSLCertificateFile @DIR@/conf/ca.pem
  SSLCertificateKeyFile @DIR@/conf/ca.key
  SSLCACertificateFile @DIR@/conf/ca.pem
  SSLVerifyClient optional_no_ca
  SSLUserName SSL_CLIENT_S_DN_CN
</VirtualHost>
CONF
    my $dir = "$tls->{dir}/conf";
    for my $command (
        "req -x509 -newkey rsa:2048 -nodes -keyout $dir/ca.key -out $dir/ca.pem -days 2 -subj /CN=ca",
        "req -newkey rsa:2048 -nodes -keyout $dir/alice.key -out $dir/alice.csr -subj /CN=alice",
        "x509 -req -in $dir/alice.csr -CA $dir/ca.pem -CAkey $dir/ca.key -CAcreateserial -out $dir/alice.pem -days 2",
        "req -x509 -newkey rsa:2048 -nodes -keyout $dir/eve.key -out $dir/eve.pem -days 2 -subj /CN=alice",
    ) {
        system("openssl $command >/dev/null 2>&1") == 0 or die "openssl $command";
    }
    $tls->run or return fail("httpd does not start: $tls->{output}");
    for my $case ([ 'a verified certificate', 'alice', 'alice' ], [ 'one that anyone can make', 'eve', undef ]) {
        my ($why, $file, $user) = @$case;
        system("printf 'GET /x HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:$tls->{port2} "
            . "-cert $dir/$file.pem -key $dir/$file.key >/dev/null 2>&1");
        my $want = $user ? 1 : 2;
        my $line = from_json(($tls->wait_lines('access', qr/./, $want))[-1]);
        is $line->{login}, $user, $why;
        is +(($tls->lines("claimed"))[-1]), "alice " . ($user ? "SUCCESS" : "FAILED:self-signed certificate"), '... which has set r->user';
    }
    $tls->stop;
};

done_testing;
