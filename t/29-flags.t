# The blocks of docs/flags.md do what stands above them.

use strict;
use warnings;
use lib 't/lib';
use Answers;
use Backend;
use Httpd;
use Test::More;

my %blocks;
my $page = Httpd::slurp('docs/flags.md');
push @{ $blocks{$1} }, $2 while $page =~ /^```(\w+)\n(.*?)^```$/msg;
my ($flags, undef, $header, $rests, $instead, $front, $canary, @more) = @{ $blocks{apache} };
my ($class, $django, $wsgi) = @{ $blocks{python} };
is scalar(@more) + @{ $blocks{js} } + @{ $blocks{perl} } + @{ $blocks{python} }, 5, 'every block is known here';

my $log = qq{ReqNotes On\nLogLevel reqnotes:notice\nCustomLog \@DIR\@/logs/access.log "%^RJ"\nReqNotesResponseHeaders X-Note-\n};

# Starts a server with a block, and with flags.
sub start {
    my ($block, $text, %args) = @_;
    $block =~ s{/etc/reqnotes/}{\@DIR\@/conf/}g;
    $block =~ s{/var/lib/reqnotes/}{\@DIR\@/run/}g;
    return Httpd->start(%args, conf => "$log$block" . ($args{conf} // ''), files => { 'conf/photos.flags' => $text, %{ $args{files} // {} } });
}

# Changes the flags, and waits for it.
sub flip {
    my ($httpd, $text) = @_;
    my $before = grep { /RN0041/ } $httpd->lines('error');
    $httpd->add_file('conf/photos.flags', $text);
    $httpd->wait_lines('error', qr/RN0041/, $before + 1);
}

sub at_once { $_[0]->wait_lines('error', qr/RN0041/) }

# What pages say under both states, and what is on their lines.
sub both {
    my ($httpd, $path, $name, $on, $off, $what) = @_;
    at_once($httpd);
    is $httpd->get("$path?on")->{content}, $on, "$what: the flag is on";
    is_deeply $httpd->json('access', qr/"on"/)->{flags}, [$name], '... which is told';
    flip($httpd, "$name off\n");
    is $httpd->get("$path?off")->{content}, $off, '... and off';
    is_deeply $httpd->json('access', qr/"off"/)->{flags}, ["-$name"], '... which is told too';
    $httpd->stop;
}

subtest 'Python' => sub {
    my $httpd = start($flags, "search_v2 on\n", modules => ['wsgi'], files => { 'app.wsgi' => "$class\n$wsgi" }, conf => "WSGIScriptAlias /photos \@DIR\@/app.wsgi\n");
    both($httpd, '/photos', 'search_v2', 'the new search', 'the old search', 'mod_wsgi');
};

subtest 'Node' => sub {
    plan skip_all => 'there is no node' unless grep { -x "$_/node" } split /:/, $ENV{PATH};
    my $port = Httpd::free_port();
    my $httpd = start($header =~ s/127\.0\.0\.1:8080/127.0.0.1:$port/r, "search_v2 on\n", modules => [qw(proxy proxy_http)], files => { 'app.js' => <<"JS" });
$blocks{js}[0]
require('http').createServer((req, res) => {
  const flag = flagsOf(req, res);
  res.end((flag('search_v2') ? 'new' : 'old') + (flag('search_v2') ? 'new' : 'old') + (req.headers['x-flags'] || 'none'));
  flag('late');
}).listen($port, '127.0.0.1');
JS
    Backend::spawn(sub { $httpd->connect($port) }, "$httpd->{dir}/logs/node.out", 'node', "$httpd->{dir}/app.js");
    at_once($httpd);
    is $httpd->get('/photos', { 'X-Flags' => 'mine' })->{content}, 'newnewsearch_v2', 'what a client sends is taken away';
    both($httpd, '/photos', 'search_v2', 'newnewsearch_v2', 'oldoldnone', 'Node');
};

subtest 'Perl' => sub {
    my $httpd = start($flags, "search_v2 on\n", modules => ['perl'], mpm => 'prefork', files => { 'App.pm' => <<"PERL" }, conf => <<'CONF');
package App;
use Apache2::RequestRec ();
use Apache2::RequestIO ();
use APR::Table ();
$blocks{perl}[0]
sub handler { my (\$r) = \@_; \$r->print(flag(\$r, 'search_v2') ? 'new' : 'old'); \$r->print(flag(\$r, 'other') ? 'new' : 'old'); return 0 }
1;
PERL
PerlRequire @DIR@/App.pm
<Location /perl>
  SetHandler modperl
  PerlResponseHandler App
</Location>
CONF
    at_once($httpd);
    is $httpd->get('/perl')->{content}, 'newold', 'mod_perl';
    is_deeply $httpd->json('access', qr{/perl})->{flags}, [qw(search_v2 -other)], '... tells both';
    $httpd->stop;
};

subtest 'a part that rests' => sub {
    my $httpd = start($rests, "search on\n", files => { 'www/search/x' => 'found', 'www/other' => 'other' });
    at_once($httpd);
    is $httpd->get('/search/x')->{content}, 'found', 'the flag is on';
    flip($httpd, "search_v2 on\nresearch on\nsearch off\n");
    my $response = $httpd->get('/search/x');
    is "$response->{status} $response->{headers}{'retry-after'}", '503 60', 'names that are longer are others';
    is $httpd->get('/other')->{status}, 200, '... and another part does not rest';
    $httpd->stop;
};

subtest 'a page instead' => sub {
    my $port = serve('/comments' => ok_with('backend'), '/comments/1' => ok_with('backend'));
    my $httpd = start($instead =~ s/8080/$port/r, "comments on\n", modules => [qw(proxy proxy_http)], files => { 'www/resting.html' => 'resting' });
    at_once($httpd);
    is $httpd->get($_)->{content}, 'backend', "$_: the backend" for qw(/comments /comments/1);
    flip($httpd, "comments off\n");
    is $httpd->get($_)->{content}, 'resting', "$_: the page" for qw(/comments /comments/1);
    $httpd->stop;
};

subtest 'a front controller' => sub {
    my $httpd = start($front, "new_front on\n", files => { 'www/index.php' => 'old', 'www/new.php' => 'new' });
    at_once($httpd);
    is $httpd->get('/app/x')->{content}, 'new', 'the new one';
    flip($httpd, "new_front off\n");
    is $httpd->get('/app/x')->{content}, 'old', 'the old one';
    $httpd->stop;
};

subtest 'a backend that fails' => sub {
    my ($old, $new) = (serve('/api/x' => ok_with('old')), serve('/api/x' => "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    # By request, as one client asks.
    my $httpd = start($canary =~ s/8080/$old/r =~ s/8081/$new/r =~ s/ by=client//r, "new_backend 50% trip=20%/5/10s\n", modules => [qw(proxy proxy_http)]);
    at_once($httpd);
    my %got = map { $httpd->get('/api/x')->{status} => 1 } 1 .. 60;
    is_deeply [ sort keys %got ], [ 200, 500 ], 'both have a share';
    is_deeply $httpd->json('access', qr/"status":500/)->{flags}, ['new_backend'], '... of which lines tell';
    is_deeply $httpd->json('access', qr/"status":200/)->{flags}, ['-new_backend'], '... each';
    ok $httpd->wait_lines('error', qr/RN0040: flag new_backend /), 'the flag trips';
    $httpd->wait_lines('error', qr/RN0041/, 2);
    is_deeply [ map { $httpd->get('/api/x')->{content} } 1 .. 20 ], [ ('old') x 20 ], '... and everybody has the old one';
    $httpd->stop;
};

done_testing;
