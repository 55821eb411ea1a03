# `httpd -t -D DUMP_REQNOTES` shows what counts, and where it was said; the version is one.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $secret = 'SECRET' x 8;
my $httpd  = Httpd->prepare(modules => [qw(macro dir)], conf => <<'CONF');
Include @DIR@/shipped.conf
Include @DIR@/local.conf
LogFormat "%h %l" common
CustomLog @DIR@/logs/main.log common
<Location "/main">
  ReqNotesTraceResponse X-Main
</Location>
<VirtualHost *:81>
  ServerName shop.example.com
  LogFormat "%h own" common
  LogFormat "%h plain"
  CustomLog @DIR@/logs/shop.log common
  TransferLog @DIR@/logs/transfer.log
  ErrorLog @DIR@/logs/shop-error.log
  ErrorLogFormat "%M shop"
  ReqNotesField order_id note:order expr:"%{REQUEST_METHOD}" type=integer max=20 logs=access ecs=order.id
  ReqNotesField !api_key
  ReqNotesTraceAccept 192.0.2.0/24
  ReqNotesMaskQuery pin
  <Directory "/srv/shop">
    Options -Indexes
    <Files "*.php">
      ReqNotesResponseHeaders X-Note-
    </Files>
  </Directory>
  <Location "/plain">
    Options -Indexes
  </Location>
</VirtualHost>
<VirtualHost *:82>
  ServerName bare.example.com
  ReqNotes Off
  ReqNotesMaskQuery None
</VirtualHost>
CONF
$httpd->add_file('shipped.conf', $httpd->fill_in(<<'CONF'));
ReqNotes On
ReqNotesErrorLog logs/json.log
GlobalLog logs/all.log "%^RJ" env=REQNOTES_ACCESS
ErrorLogFormat "%M main"
CONF
$httpd->add_file('local.conf', $httpd->fill_in(<<'CONF'));
ReqNotesHashKey @DIR@/old-new.key
ReqNotesField user_id privacy=hash
ReqNotesLineLimit 8192
ReqNotesMetric api by=api_method series=9
CONF
chmod 0600, $httpd->add_file('old-new.key', "$secret\n");

sub dump_of {
    my ($httpd, @more) = @_;
    my $text = qx{@{[ $httpd->program ]} -t @more -f $httpd->{dir}/conf/httpd.conf 2>/dev/null};
    is $?, 0, 'configtest passes';
    return $text =~ s/\Q$httpd->{dir}\E/DIR/gr;
}

is dump_of($httpd), '', 'without -D DUMP_REQNOTES nothing is printed';
my $dump = dump_of($httpd, '-D DUMP_REQNOTES');
my ($head, $main, $shop, $bare, $end) = split /\n\n/, $dump;
my ($version) = $head =~ /^mod_reqnotes (\d+\.\d+\.\d+)$/ or BAIL_OUT($dump);
unlike $dump, qr/SECRET/, 'the key is not printed';

like $main, qr/^  Metric api by=api_method series=9  \(DIR\/local.conf:4\)$/m, 'a metric, in the main server';
unlike $shop, qr/^  Metric/m, '... alone';

my @known = map { /^(ReqNotes\w*) \(mod_reqnotes/ ? $1 : () } $httpd->directives;
for my $server ($main, $shop, $bare) {
    my ($name) = $server =~ /^(.*)/;
    for my $directive (grep { !/Field|Mask|Values|Metric$|Threshold|Job/ } @known) {
        like $server, qr/^  $directive \S.*  \((?:\S+:\d+|default)\)$/m, "$name: $directive";
    }
    like $server, qr/^  $_ \S.*  \((?:\S+:\d+|default)\)$/m, "$name: $_" for 'Field', 'Values', 'Masked', 'Masked paths';
}

# What must be found in a server, line by line.
sub has {
    my ($name, $server, @lines) = @_;
    my %is = map { $_ => 1 } split /\n/, $server;
    ok $is{$_}, "$name: " . s/^ +//r or diag $server for @lines;
}
has('main', $main,
    'Main server localhost',
    '  ReqNotes On  (DIR/shipped.conf:1)',
    '  ReqNotesErrorLog logs/json.log  (DIR/shipped.conf:2)',
    '  ReqNotesHashKey DIR/old-new.key  (DIR/local.conf:1)',
    '  ReqNotesTraceAccept none  (default)',
    '  Field user_id note:user_id type=string max=256 privacy=hash logs=access,error  (DIR/local.conf:2)',
    '  Field api_key note:api_key type=string max=256 privacy=plain logs=access,error  (default)',
    '  GlobalLog logs/all.log "%^RJ" env=REQNOTES_ACCESS  (DIR/shipped.conf:3)',
    '    common is %h %l',
    '  ErrorLog DIR/logs/error.log',
    '  ErrorLogFormat "%M main"  (DIR/shipped.conf:4)');
like $main, qr{^  CustomLog DIR/logs/main.log common  \(DIR/conf/httpd.conf:\d+\)$}m, 'main: its own log';
like $main, qr{^  <Location "/main">  \(DIR/conf/httpd.conf:\d+\)\n    ReqNotesTraceResponse X-Main  \(DIR/conf/httpd.conf:\d+\)$}m,
    'main: its section';
unlike $main, qr/X-Note-|shop/, 'main: nothing of a virtual host';

has('shop', $shop,
    '  ReqNotes On  (DIR/shipped.conf:1)',
    '  ReqNotesLineLimit 8192  (DIR/local.conf:3)',
    '  GlobalLog logs/all.log "%^RJ" env=REQNOTES_ACCESS  (DIR/shipped.conf:3)',
    '    common is %h own',
    '    it is %h plain',
    '  ErrorLog DIR/logs/shop-error.log');
like $shop, qr{^Virtual host shop.example.com  \(DIR/conf/httpd.conf:\d+\)}, 'shop: its name and place';
like $shop, qr{^  $_  \(DIR/conf/httpd.conf:\d+\)$}m, "shop: $_" for
    'ReqNotesTraceAccept 192\.0\.2\.0/24',
    'Field order_id note:order expr:"%\{REQUEST_METHOD\}" type=integer max=20 privacy=plain logs=access ecs=order.id',
    'Masked \*passwd .*\*signature.* pin',
    'CustomLog DIR/logs/shop.log common',
    'TransferLog DIR/logs/transfer.log',
    'ErrorLogFormat "%M shop"',
    '<Directory "/srv/shop">',
    '  <Files "\*\.php">',
    '    ReqNotesResponseHeaders X-Note-';
unlike $shop, qr/api_key note|main\.log|%M main|\/plain|X-Main|Indexes/, 'shop: nothing that does not count there';

has('bare', $bare, '    common is %h %l', '  ErrorLog DIR/logs/error.log', '  ErrorLogFormat "%M main"  (DIR/shipped.conf:4)');
like $bare, qr/^  ReqNotes Off  /m, 'bare: ReqNotes is Off';
like $bare, qr/^  Masked nothing  /m, 'bare: nothing is masked';
like $bare, qr{^  $_}m, "bare: $_ of the main server" for 'CustomLog DIR/logs/main.log', 'GlobalLog logs/all.log';

subtest 'the version is one' => sub {
    my $changes = do { local (@ARGV, $/) = 'CHANGELOG.md'; <> };
    is +($changes =~ /^## (\S+)/m)[0], $version, 'the first entry of CHANGELOG.md';
    my $server = Httpd->start(conf => "LogLevel info\nReqNotes On\n<VirtualHost *:81>\nReqNotes Off\n</VirtualHost>\n");
    my @notices = grep { /RN0020/ } $server->lines('error');
    is scalar(@notices), 1, 'one notice at start';
    like $notices[0], qr{\[reqnotes:info\].*RN0020: ReqNotes/\Q$version\E, On in 1 of 2 servers$}, '... with the version';
    $server->graceful;
    is scalar(my @both = $server->wait_lines('error', qr/RN0020/, 2)), 2, '... and one after a restart';
    $server->stop;
    my $quiet = Httpd->start(conf => "LogLevel notice\nReqNotes On\n");
    is scalar(grep { /RN0020/ } $quiet->lines('error')), 0, '... and none where LogLevel leaves out info';
    my $answer = $quiet->get('/');
    unlike join(' ', %{ $answer->{headers} }), qr/reqnotes/i, 'clients are not told';
    $quiet->stop;
};

done_testing;
