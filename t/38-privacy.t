# privacy= and ReqNotesHashKey: a private value is in no log, and openssl finds its hash.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $secret = '9f8e77aa12345678';

# The line of the manual that turns a value into its hash, for another value and key file.
sub documented_hash {
    my ($value, $key) = @_;
    my ($line) = Httpd::slurp('docs/fields.md') =~ /^(printf .*openssl dgst .*reqnotes\.key.*)$/m or die;
    $line =~ s/\Q$secret\E/$value/ or die;
    $line =~ s{/etc/apache2/reqnotes\.key}{$key} or die;
    my $hash = qx{$line};
    chomp $hash;
    return $hash;
}

# And the one that makes a key.
sub make_key {
    my ($httpd, $name) = @_;
    my ($line) = Httpd::slurp('docs/directives.md') =~ /^(\(umask .*openssl rand.*)$/m or die;
    my $file = "$httpd->{dir}/conf/$name";
    $line =~ s{/etc/apache2/reqnotes\.key}{$file} or die;
    system($line) == 0 or die;
    return $file;
}

my $conf = <<'CONF';
ErrorLogFormat "%M <%N> <%{api_key}N>"
LogLevel warn
ReqNotes On
ReqNotesHashKey @DIR@/conf/key
ReqNotesField api_key privacy=hash max=8 type=integer
ReqNotesField card privacy=last4 type=list
ReqNotesField pin privacy=last4
ReqNotesField agent request:User-Agent privacy=hash logs=access
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CustomLog @DIR@/logs/classic.log "%{api_key}^RF %{card}^RF"
ReqNotesErrorLog @DIR@/logs/messages.log
LuaMapHandler ^/facts @DIR@/facts.lua handle
Options +Includes
AddOutputFilter INCLUDES .shtml
CONF

my %files = (
    'facts.lua' => <<'LUA',
function handle(r)
  r:warn("before")
  r.notes["api_key"] = "9f8e77aa12345678"
  r.notes["card"] = "41x1,1111,2222,3333"
  r.notes["pin"] = "12x4"
  r:err("after")
  return apache2.OK
end
LUA
    'www/page.shtml' => '<!--#include virtual="/facts" -->',
);

sub prepare { return Httpd->prepare(modules => [qw(lua include)], conf => $conf, files => \%files) }

each_mpm(sub {
    my $httpd = prepare();
    $httpd->{mpm} = shift;
    $httpd->write_conf;
    my $key = make_key($httpd, 'key');
    is((stat $key)[2] & 07777, 0600, 'the line of the manual makes a private key');
    $httpd->run or BAIL_OUT('httpd does not start: ' . $httpd->{output});
    my $want = documented_hash($secret, $key);
    like $want, qr/^[0-9a-f]{32}$/, 'the line of the manual gives a hash';

    $httpd->get($_) for '/facts', '/page.shtml';
    my @lines = map { from_json($_) } $httpd->wait_lines('access', qr/./, 2);
    for my $line (@lines) {
        is $line->{api_key}, $want, "$line->{path}: openssl finds the same, of the whole value";
        is $line->{card}, '…3333' =~ s/…/\x{2026}/r, '... last4 shows four characters';
        is $line->{pin}, "\x{2026}", '... and nothing of a short value';
        is $line->{agent}, documented_hash('test', $key), '... a request header is hashed too';
    }
    like $httpd->line('logfmt', qr{path=/facts}), qr/ api_key=$want card=\xe2\x80\xa63333 /, 'logfmt';
    is $httpd->line('classic', qr/./), "$want \\xe2\\x80\\xa63333", '%{NAME}^RF';
    like $httpd->line('error', qr/after/), qr/<api_key=$want card=\xe2\x80\xa63333 .*> <$want>/, '%N and %{NAME}N';
    like $httpd->line('error', qr/RN0006/), qr/RN0006: .*api_key=$want/, 'the closing line';
    is $httpd->json('messages', qr/"before"/)->{api_key}, $want, 'the JSON error log';
    my @all = map { $httpd->lines($_) } qw(access logfmt classic messages error);
    # No id and no hash has these, but once in a million runs. A value may have been cut.
    is_deeply [ grep { /9f8e7(?:7aa|[^\w"> ])|41x1|12x4/ } @all ], [], 'the values themselves are nowhere';

    # Rotation: the new key writes, and the old one stays for a while.
    my $new = make_key($httpd, 'new');
    $httpd->set_conf($conf =~ s{conf/key}{conf/new \@DIR@/conf/key}r);
    ok $httpd->graceful, 'a graceful restart with a new key';
    # A child of before may still take a request.
    my $later = wait_until(sub {
        my $asked = () = $httpd->lines('access');
        $httpd->get('/facts?new');
        my $hash = from_json(($httpd->wait_lines('access', qr/./, $asked + 1))[-1])->{api_key};
        return $hash ne $want && $hash;
    });
    is $later, documented_hash($secret, $new), 'the new key writes';
    isnt $later, $want, '... another hash';

    # Without the directive, no key is left in the parent's memory.
    SKIP: {
        my $text = Httpd::slurp($new);
        chomp $text;
        my $first = count_in_memory($httpd->{pid}, $text);
        skip 'the memory of a process cannot be read here', 3 unless defined $first;
        cmp_ok $first, '>', 0, 'the key is in memory while it is needed';
        $httpd->set_conf(join "\n", grep { !/HashKey|privacy=hash/ } split /\n/, $conf);
        ok $httpd->graceful, 'a graceful restart without a key';
        is count_in_memory($httpd->{pid}, $text), 0, '... and it is wiped';
    }
    $httpd->stop('WINCH');
});

# How often a text stands in a process's writable memory.
sub count_in_memory {
    my ($pid, $text) = @_;
    open my $maps, '<', "/proc/$pid/maps" or return;
    open my $memory, '<:raw', "/proc/$pid/mem" or return;
    my $count = 0;
    for my $map (grep { /^\S+ rw/ && !/\[v/ } <$maps>) {
        my ($begin, $end) = map { no warnings "portable"; hex } $map =~ /^([0-9a-f]+)-([0-9a-f]+)/;
        next if $end - $begin > 1 << 28;  # a sanitizer's own
        next unless sysseek $memory, $begin, 0;
        my $bytes = '';
        while (length $bytes < $end - $begin) {
            sysread($memory, $bytes, $end - $begin - length $bytes, length $bytes) or last;
        }
        $count += () = $bytes =~ /\Q$text\E/g;
    }
    return $count;
}

subtest 'key files that are refused' => sub {
    my $httpd = prepare();
    my $good = make_key($httpd, 'key');
    my $hex  = Httpd::slurp($good);
    my @cases = (
        [ 'it is as it should be', $hex,                    0600, undef ],
        [ 'no newline',            $hex =~ s/\n//r,         0400, undef ],
        [ 'others can read it',    $hex,                    0604, qr/others than its owner can read or write it; chmod it to 600/ ],
        [ 'its group can',         $hex,                    0640, qr/chmod it to 600/ ],
        [ 'others can write it',   $hex,                    0602, qr/chmod it to 600/ ],
        [ 'it is empty',           '',                      0600, qr/one line of 32 to 512 printable characters/ ],
        [ 'it is too short',       'x' x 31,                0600, qr/`openssl rand -hex 32` makes/ ],
        [ 'it is too long',        'x' x 513,               0600, qr/32 to 512/ ],
        [ 'it has a blank',        'x' x 20 . ' ' . 'x' x 20, 0600, qr/without blanks/ ],
        [ 'it has two lines',      "$hex$hex",              0600, qr/one line/ ],
        [ 'it is binary',          "\0\xff" x 20,           0600, qr/printable/ ],
    );
    for (@cases) {
        my ($name, $content, $mode, $says) = @$_;
        chmod 0600, $good;
        chmod $mode, $httpd->add_file('conf/key', $content);
        my ($passes, $text) = $httpd->configtest;
        if ($says) {
            ok !$passes, "$name: refused";
            like $text, qr{ReqNotesHashKey \S+/conf/key: .*$says}s, '... and it says why';
        }
        else {
            ok $passes, $name or diag $text;
        }
    }
    unlink $good;
    mkdir $good;
    like +($httpd->configtest)[1], qr/it is no file/, 'a folder';
    rmdir $good;
    POSIX::mkfifo($good, 0600);
    like +($httpd->configtest)[1], qr/it is no file/, 'a pipe, which is not waited for';
    unlink $good;
    chmod 0600, $httpd->add_file('conf/key', $hex);
    {
        local $ENV{OPENSSL_CONF} = $httpd->add_file('conf/openssl.cnf', <<'CONF');
openssl_conf = init
[init]
providers = providers
[providers]
null = nothing
[nothing]
activate = 1
CONF
        like +($httpd->configtest)[1], qr/libcrypto has no HMAC-SHA-256/, 'a libcrypto that cannot';
    }
    chmod 0600, $httpd->add_file('conf/key', $hex), $httpd->add_file('conf/same', $hex);
    $httpd->set_conf($conf =~ s{conf/key}{conf/key \@DIR@/conf/same}r);
    like +($httpd->configtest)[1], qr/both files hold the same key/, 'the same key twice';
    SKIP: {
        skip 'only root can give a file away', 1 if $> != 0;
        chown scalar(getpwnam 'www-data'), 0, $good;
        like +($httpd->configtest)[1], qr/it belongs to somebody else/, 'a key of another user';
    }
};

done_testing;
