# packages: chromium
# The page in a real browser: it complains of nothing, asks for nothing else, and is as good without
# JavaScript; on a telephone and on a wide screen, light and dark. What it looks like is left in
# build/screenshots/.

use strict;
use warnings;
use lib 't/lib';
use utf8;
use Chromium;
use File::Path qw(make_path);
use Httpd;
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $lua = <<'LUA';
function handle(r)
    local status = apache2.OK
    for name, value in r.args:gmatch("(%w+)=(%w*)") do
        local text = value:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
        if name == "status" then status = tonumber(value)
        elseif name == "ms" then r.usleep(tonumber(value) * 1000)
        elseif name == "method" then r.notes["api_method"] = text
        elseif name == "user" then r.notes["user_id"] = text
        end
    end
    if status == apache2.OK then r:write("x") end
    return status
end
LUA

# Dropped numbers, and files that are none.
my %dropped = ('drop/thumbs' => "queue_thumbs 12345\nload_thumbs 0.25\n", 'drop/half' => 'half 1', 'drop/<b>bad' => "bad 1\n", 'drop/old' => "old_number 1\n");
my $httpd = Httpd->prepare(modules => ['lua'], files => { 'api.lua' => $lua, %dropped }, conf => <<'CONF');
ReqNotes On
ReqNotesMetricFiles @DIR@/drop stale=3600
ReqNotesThreshold search_errors errors(api,photos.search) above=1% over=600
ReqNotesThreshold queue file:queue_thumbs above=10000 level=warning
ReqNotesThreshold nothing file:never_dropped above=1
ReqNotesThreshold slow p95(http) above=90s
ReqNotesJob thumbs queue slow
ReqNotesJob reports slow
ReqNotesMetric api by=api_method
ReqNotesMetric empty by=order_id
ReqNotesField order_id
ReqNotesBusiest user_id
CustomLog @DIR@/logs/access.log "%r"
LuaMapHandler ^/api @DIR@/api.lua handle
<Location /reqnotes>
  SetHandler reqnotes
  ReqNotesPages On
  Require local
</Location>
CONF

utime time - 7200, time - 7200, "$httpd->{dir}/drop/old";
$httpd->run;

# --- What is shown ---

# Values that would be something else if the page let them: markup, a script, a text that turns
# around, control characters, the end of a table, a hundred bytes without a place to break.
my %hostile = (
    markup  => '<b>bold</b>',
    script  => '<script>document.title="taken"</script>',
    image   => '"><img src=http://other.invalid/x.png onerror=alert(1)>',
    ending  => '</td></tr></table></main></body>',
    entity  => '&lt;&#60;&amp;',
    turned  => "\x{202E}desrever\x{202C}",
    control => "a\x01\x1B[31m\x07b\nc\td",
    long    => 'w' x 100,
    letters => "\x{1F600}\x{5B57}\x{E9}",
);
my %plain = ('photos.search' => 40, 'photos.getInfo' => 100, 'people.find' => 10);

sub send_request {
    my ($method, $user, %args) = @_;
    my $hex = sub { my $text = shift; utf8::encode($text); unpack 'H*', $text };
    my $query = join '&', 'method=' . $hex->($method), 'user=' . $hex->($user), map { "$_=$args{$_}" } sort keys %args;
    return $httpd->get("/api?$query");
}

for my $method (sort keys %plain) {
    send_request($method, 'user' . $_ % 7, $method eq 'photos.search' ? (ms => $_ % 10 ? 3 : 60) : (), $_ % 20 == 3 ? (status => 500) : ()) for 1 .. $plain{$method};
}
send_request($_, $_) for values %hostile;

my $url  = "http://127.0.0.1:$httpd->{port}/reqnotes/";
my $page = sub { my $text = $httpd->get('/reqnotes/')->{content}; utf8::decode($text); $text };
ok wait_until(sub { my $text = $page->(); $text =~ /photos\.search/ && $text =~ /user3/ && $text =~ /2 alarms: / && $text =~ /queue_thumbs/ }, 30), 'the page shows what was sent' or diag $page->();

my $head = $httpd->get('/reqnotes/')->{headers};
is $head->{'content-type'}, 'text/html; charset=utf-8', 'it is HTML';
like $head->{'content-security-policy'}, qr/default-src 'none'/, '... that may load nothing';
unlike $head->{'content-security-policy'}, qr/unsafe|script-src/, '... nor run anything';
is $head->{'x-content-type-options'}, 'nosniff', '... and is nothing else';
like $head->{'cache-control'}, qr/no-store/, '... and is kept nowhere';

my %links = $page->() =~ /<a href=["']?([^"'> ]+)["']?>([^<]+)/g;
cmp_ok scalar(keys %links), '>=', 3, 'it has links';
is $httpd->get("/reqnotes/$_")->{status}, 200, "... and $_ is there" for sort keys %links;
my $bare = $httpd->get('/reqnotes');
is "$bare->{status} " . ($bare->{headers}{location} // ''), "301 $url", '... also for somebody who leaves out the slash';

# --- How it is shown ---

# Texts whose contrast with what is behind them is less than WCAG's 4.5, once each.
my $faint = <<'JS';
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (...colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = rgb => rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const base = matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'white';
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.getClientRects().length || element.closest('svg, style, script')) continue;
    const behind = [];
    for (let up = element; up; up = up.parentElement) behind.unshift(getComputedStyle(up).backgroundColor);
    const style = getComputedStyle(element);
    const [a, b] = [luminance(paint(base, ...behind)), luminance(paint(base, ...behind, style.color))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) * (style.opacity < 1 ? style.opacity : 1);
    if (contrast < 4.5) found.add(`${contrast.toFixed(2)}: ${text.slice(0, 40)} (${style.color})`);
  }
  return [...found];
})()
JS

# What somebody who does not see the page, or uses no mouse, would miss.
my $missing = <<'JS';
(() => {
  const found = [];
  const named = e => e.querySelector('caption') || e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').some(id => document.getElementById(id));
  if (!document.documentElement.lang) found.push('lang');
  if (!document.title) found.push('title');
  if (document.compatMode !== 'CSS1Compat') found.push('doctype');
  if (document.querySelectorAll('h1').length !== 1) found.push('one h1');
  if (!document.querySelector('main')) found.push('main');
  if (!document.querySelector('meta[name=viewport]')) found.push('viewport');
  for (const table of document.querySelectorAll('table')) if (!named(table)) found.push('a name: ' + table.innerText.slice(0, 60));
  for (const th of document.querySelectorAll('th')) if (!th.scope) found.push('scope: ' + th.innerText);
  for (const svg of document.querySelectorAll('svg')) if (svg.getAttribute('aria-hidden') !== 'true' && !svg.querySelector('title') && !named(svg)) found.push('a text for an image');
  for (const e of document.querySelectorAll('body *')) {
    const rolls = e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX);
    if (rolls && (e.tabIndex < 0 || !named(e))) found.push('a way to roll by the keyboard: ' + e.tagName + ' ' + e.innerText.slice(0, 60));
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) found.push('ids of their own');
  if (document.querySelector('[style]')) found.push('a style that CSP would not drop');
  return found;
})()
JS

my $chromium = Chromium->start;
make_path('build/screenshots');

# What every view of the page must be.
sub check_view {
    my ($name, $width) = @_;
    is_deeply [ grep { $_ ne $url && !/^data:/ } $chromium->requests ], [], "$name: it asks for nothing but itself";
    is_deeply [ $chromium->complaints ], [], '... and the browser complains of nothing';
    my ($inner, $scroll, $title, $rows, $text) = @{ $chromium->evaluate(
        '[innerWidth, document.documentElement.scrollWidth, document.title, document.querySelectorAll("tr").length, document.body.innerText]') };
    is $inner, $width, "... $width px are $width px";
    cmp_ok $scroll, '<=', $width, '... and nothing is wider';
    isnt $title, 'taken', '... no value has become a script';
    is_deeply [ grep { index($text, $_) < 0 } keys %plain, 'user3', 'order_id' ], [], '... methods and users are there';
    is_deeply [ grep { index($text, $_) < 0 } 'search_errors', 'queue 12345 above 10000', '12345', 'is not whole', '?b?bad', 'is older than 3600 s', 'unknown' ], [], '... thresholds, jobs and dropped numbers';
    is_deeply [ grep { index($text, $hostile{$_}) < 0 } qw(markup script image ending entity long letters) ], [], '... and values that look like something else';
    is $chromium->evaluate('document.querySelectorAll("script, img, iframe, object, form, link[rel=stylesheet], bdi *").length'), 0, '... which are nothing else';
    return $rows;
}

my %background;
subtest 'every screen' => sub {
    for my $scheme (qw(light dark)) {
        for my $width (400, 1200, 1600) {
            $chromium->look($width, $scheme);
            $chromium->open_page($url);
            check_view("$scheme, $width px", $width);
            is_deeply $chromium->evaluate($faint), [], '... everything can be read';
            is_deeply $chromium->evaluate($missing), [], '... by everybody';
            $chromium->screenshot("build/screenshots/page-$width-$scheme.png");
            ok -s "build/screenshots/page-$width-$scheme.png", '... and is kept as a picture';
            $background{$scheme} = $chromium->evaluate('getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color');
        }
    }
    isnt $background{dark}, $background{light}, 'dark is not light';
};

subtest 'without JavaScript' => sub {
    $chromium->look(1200, 'light');
    $chromium->open_page($url);
    my $rows = check_view('with it', 1200);
    $chromium->scripts(0);
    $chromium->open_page($url);
    is check_view('without it', 1200), $rows, 'all rows are there';
    $chromium->screenshot('build/screenshots/page-1200-no-script.png');
    $chromium->scripts(1);
};

# It becomes new by itself, and stays where its reader is.
subtest 'refresh' => sub {
    $chromium->look(400, 'light');
    $chromium->open_page($url);
    $chromium->evaluate('scrollTo(0, 200)');
    my $at = $chromium->evaluate('scrollY');
    cmp_ok $at, '>', 0, 'the page is longer than the screen';
    $chromium->{events} = [];
    ok $chromium->event('Page.loadEventFired', 20), 'it is loaded again' or return;
    is $chromium->evaluate('scrollY'), $at, '... and stands where it stood';
    my $link = $chromium->evaluate('[...document.links].map(a => a.href).find(a => /refresh=off/.test(a)) || ""');
    like $link, qr/\?refresh=off$/, 'a link holds it';
    $chromium->open_page($link);
    is $chromium->evaluate('document.querySelectorAll("meta[http-equiv=refresh]").length'), 0, '... and then it stays';
    is $chromium->evaluate(qq{[...document.links].some(a => a.href.replace(/\\?\$/, "") === "$url")}), 1, '... until another link lets it go';
};

my @others = grep { !m{^GET /(?:api|reqnotes)\b} } $httpd->lines('access');
is_deeply \@others, [], 'httpd was asked for nothing else';
$chromium->stop;
$httpd->stop;
done_testing;
