# What an untrusted place says never becomes a fact, by any chain of redirects, includes and error
# documents; what a trusted one says always does, and never reaches the client.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

# A request for /t/cgi/u/error/t/end goes to a trusted script, from there to an untrusted handler,
# and from there to a trusted script. Each says who the user is, in its response headers.
my $script = <<'SHELL';
#!/bin/sh
case "$SCRIPT_NAME" in /t*) who=GOOD ;; *) who=FORGED ;; esac
printf 'X-Note-User-Id: %s\n' $who
test $who = GOOD || printf 'X-Note-Api-Key: FORGED\n'
case "$0" in
  */cgi) printf 'Location: /%s\n\n' "$NEXT" ;;
  *) printf 'Content-Type: text/plain\n\nend\n' ;;
esac
SHELL

my $lua = <<'LUA';
local function say(r, ...)
    local trusted = r.uri:sub(1, 3) == "/t/"
    for _, headers in ipairs { r.err_headers_out, ... } do
        headers["X-Note-User-Id"] = trusted and "GOOD" or "FORGED"
        if not trusted then headers["X-Note-Api-Key"] = "FORGED" end
    end
end
function hook(r) say(r) return apache2.DECLINED end
function fail(r) say(r, r.headers_out) return 500 end
function lua(r) say(r, r.headers_out) r.content_type = "text/plain" r:puts("end\n") return apache2.OK end
LUA

# Places that DirectoryIndex, FallbackResource or Action send elsewhere in their own way.
my %static;
my $static = '';
for my $from (qw(t u)) {
    for my $to (qw(t u)) {
        for my $end (qw(end lua)) {
            my $name = "$to-$end";
            $static .= <<"CONF";
<Location /$from/index-$name/>
  DirectoryIndex /$to/$end
</Location>
<Location /$from/fallback-$name>
  FallbackResource /$to/$end
</Location>
<Location /$from/action-$name>
  SetHandler act-$name
  Action act-$name /$to/$end virtual
</Location>
CONF
            $static{"$from/$_-$name"} = [ "$to/$end" ] for qw(fallback action);
            $static{"$from/index-$name/"} = [ "$to/$end" ];
        }
    }
}

my $conf = <<'CONF' . $static;
ReqNotes On
CustomLog @DIR@/logs/access.log "%^RJ"
RewriteEngine On
RewriteRule ^/[tu]/\w+/(.*)$ - [E=NEXT:$1]
<LocationMatch ^/t/>
  ReqNotesResponseHeaders X-Note-
</LocationMatch>
ScriptAliasMatch ^/[tu]/(cgi|end) @DIR@/cgi/$1
LuaMapHandler ^/[tu]/error @DIR@/say.lua fail
LuaMapHandler ^/[tu]/lua @DIR@/say.lua lua
<LocationMatch ^/[tu]/hooked>
  LuaHookFixups @DIR@/say.lua hook
</LocationMatch>
AliasMatch ^/[tu]/hooked @DIR@/www/t/page.html
ErrorDocument 500 /%{reqenv:NEXT}
AliasMatch ^/[tu]/ssi/ @DIR@/www/page.shtml
AliasMatch ^/[tu]/rewrite/(.*) @DIR@/www/rewrite/$1
AliasMatch ^/[tu]/index-[^/]*/ @DIR@/www/empty/
AliasMatch ^/[tu]/fallback @DIR@/www/nothing
<Directory @DIR@/cgi>
  Require all granted
</Directory>
<Directory @DIR@/www>
  Options +Includes
  AddOutputFilter INCLUDES .shtml
  AddType text/html .shtml
</Directory>
<Directory @DIR@/www/rewrite>
  RewriteEngine On
  RewriteRule ^(.+)$ /$1 [L]
</Directory>
CONF

# The chains: every way onwards from every kind of place, two of them in a row, to every end. A page
# in a page has the environment of the outer one, and would include itself.
my @ends    = map { my $trust = $_; map { "$trust/$_" } qw(end lua hooked page.html) } qw(t u);
my @onwards = map { my $trust = $_; map { "$trust/$_" } qw(cgi error ssi rewrite) } qw(t u);
my @last    = (@ends, sort keys %static);
my @chains  = map { [$_] } @last;
push @chains, map { my $first = $_; map { [ $first, $_ ] } @last } @onwards;
push @chains, map { my $first = $_; map { my $second = $_; map { [ $first, $second, $_ ] } @ends }
    grep { "$first $_" !~ /ssi.*ssi/ } @onwards } @onwards;

# Whether a trusted place of the chain is reached that says something, and the last place of the
# request itself.
sub expect {
    my ($good, $last, $errors, $before, $included) = (0, '', 0, '', 0);
    for my $hop (map { ($_, @{ $static{$_} || [] }) } @_) {
        my ($trust, $how) = split m{/}, $hop;
        $good = 1 if $trust eq 't' && $how =~ /^(?:cgi|error|end|lua|hooked)$/;
        $last = $hop unless $included;
        # After an error there is no other ErrorDocument, nor a redirect by a script; a sub-request
        # has no ErrorDocument of its own.
        last if $how eq 'error' && ($errors++ || $before eq 'ssi') || $how eq 'cgi' && $errors;
        $errors = 0, $included = 1 if $how eq 'ssi';
        $before = $how;
    }
    return ($good, $last);
}

each_mpm(sub {
    my $mpm = shift;
    my $httpd = Httpd->start(mpm => $mpm, conf => $conf,
        modules => [qw(lua include actions), $mpm eq 'event' ? 'cgid' : 'cgi'],
        files => {
            'cgi/cgi' => $script, 'cgi/end' => $script, 'say.lua' => $lua,
            'www/t/page.html' => "end\n", 'www/u/page.html' => "end\n", 'www/t/lua' => '', 'www/u/lua' => '',
            'www/empty/x' => '', 'www/rewrite/x' => '',
            'www/page.shtml' => qq{<!--#include virtual="/\${NEXT}" -->\n},
        });
    my @responses = map { $httpd->raw("GET /" . join('/', @{ $chains[$_] }) . "?n=$_. HTTP/1.0\r\nHost: x\r\n\r\n") } 0 .. $#chains;
    my %lines = map { /"query":"n=(\d+)\."/ ? ($1 => $_) : () } $httpd->wait_lines('access', qr/./, scalar @chains);
    my (@forged, @missing, @leaked, @unreached);
    for my $n (0 .. $#chains) {
        my $path = '/' . join '/', @{ $chains[$n] };
        my ($good, $last) = expect(@{ $chains[$n] });
        my ($line, $response) = ($lines{$n} || '', $responses[$n]);
        my ($head) = $response =~ /^(.*?)\r\n\r\n/s;
        push @forged,  $path if $line =~ /FORGED/;
        push @missing, $path if !$line || $good != ($line =~ /"user_id":"GOOD"/);
        push @leaked,  $path if $head =~ /GOOD/ || ($last =~ /^t/ && $head =~ /x-note/i);
        push @unreached, $path unless $response =~ /end\n/ || $path =~ m{/error/};
    }
    cmp_ok scalar(@chains), '>', 500, "@{[ scalar @chains ]} chains";
    is_deeply \@unreached, [], 'each one comes to its end';
    is_deeply \@forged,    [], 'nothing that an untrusted place said is a fact';
    is_deeply \@missing,   [], 'what a trusted place said is one';
    is_deeply \@leaked,     [], '... and does not reach the client';
    $httpd->stop;
});

done_testing;
