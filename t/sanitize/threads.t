# Many threads at once under TSan, over graceful restarts. `make sanitize` runs it.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Site;
use Test::More;

my $httpd = Site::prepare(conf => <<'CONF');
StartServers 1
ServerLimit 8
ThreadsPerChild 16
MaxRequestWorkers 64
CONF
$httpd->run or BAIL_OUT("httpd does not start: " . $httpd->{output} =~ s{\n}{ }gr);
open my $maps, '<', "/proc/$httpd->{pid}/maps" or die;
ok +(grep { /libtsan/ } <$maps>), 'the runtime of TSan is in httpd';

for my $round (1 .. 4) {
    my $clients = Site::start($httpd, 6, 150);
    my ($asked, @complaints) = $clients->wait;
    my $count = 0;
    $count += $_ for values %$asked;
    is $count, 900, "round $round: 900 requests were asked";
    is_deeply \@complaints, [], '... and answered';
    ok $httpd->graceful, '... and a graceful restart';
}
$httpd->stop('WINCH');

done_testing;
