# Only declared fields are ever written. Other modules keep passwords, names and even pointers
# (mod_session_cookie) in notes and environment variables; none of that gets into a log of ours.

use strict;
use warnings;
use lib 't/lib';
use Digest::SHA qw(sha1_base64);
use Httpd;
use MIME::Base64 qw(encode_base64);
use Test::More;

my ($user, $password) = ('Uk4"rosa', qq{Pw7xK"\\=&%+ \xc3\xab\x1b});
my %secrets = (
    'the name that mod_auth_form keeps'     => $user,
    'the password that mod_auth_form keeps' => $password,
    'a note of an application'              => 'Nt5 "undeclared"',
    'an environment variable'               => 'Ev6-undeclared',
    'the route that mod_proxy_balancer keeps'   => 'Rt8route',
    'its cookie'                            => 'CK9STICKY',
    'its balancer'                          => 'balancer://bl3cluster',
);

my $say = <<'LUA';
function handle(r)
    r:err("before")
    r.notes["application"] = 'Nt5 "undeclared"'
    r.notes["user_id"] = "5555"
    r.subprocess_env["APPLICATION"] = "Ev6-undeclared"
    r:crit("after")
    return apache2.OK
end
function begin(r)
    r:warn("begin")
    return apache2.DECLINED
end
function finish(r)
    r:err("finish")
    return apache2.DECLINED
end
LUA

# The last CustomLog is httpd's own: it proves that everything was there.
my $conf = <<'CONF';
Listen 127.0.0.1:@PORT2@
ReqNotes On
ReqNotesResponseHeaders X-Note-
ReqNotesField part note:private-p
ReqNotesField whole note:private
ReqNotesField stem env:APPLICATIO
ReqNotesErrorLog logs/json.log
ErrorLogFormat "[%L] [%N] [%{private-pw}N] [%{application}N] %M"
CustomLog @DIR@/logs/access.log "%^RJ"
CustomLog @DIR@/logs/logfmt.log "%^RL"
CustomLog @DIR@/logs/plain.log "%L %{user_id}^RF %{private-user}^RF %{private-pw}^RF %{application}^RF %{APPLICATION}^RF %{session-route}^RF"
CustomLog @DIR@/logs/proof.log "%{private-user}n|%{private-pw}n|%{application}n|%{APPLICATION}e|%{session-route}n|%{session-sticky}n|%{BALANCER_NAME}e"
LuaMapHandler ^/private/page @DIR@/say.lua handle
LuaHookFixups @DIR@/say.lua begin
LuaHookLog @DIR@/say.lua finish
<Location /private>
  AuthType form
  AuthName private
  AuthFormProvider file
  AuthUserFile @DIR@/conf/users
  Session On
  SessionCookieName login path=/
  Require valid-user
</Location>
<Proxy balancer://bl3cluster>
  BalancerMember http://127.0.0.1:@PORT2@ route=Rt8route
  ProxySet stickysession=CK9STICKY
</Proxy>
ProxyPass /app balancer://bl3cluster/app
<VirtualHost *:@PORT2@>
  ReqNotes Off
  ReqNotesResponseHeaders None
  LuaMapHandler ^/app @DIR@/say.lua handle
  Header always set X-Note-User-Id 5555
  ErrorLog @DIR@/logs/backend.log
  CustomLog @DIR@/logs/backend-access.log "%r"
  LogLevel emerg
</VirtualHost>
CONF

my $declared = <<'CONF';
ReqNotesField leak_user note:private-user
ReqNotesField leak_pw note:private-pw
ReqNotesField leak_note note:application
ReqNotesField leak_env env:APPLICATION
ReqNotesField leak_route note:session-route
ReqNotesField leak_sticky note:session-sticky
ReqNotesField leak_balancer env:BALANCER_NAME
CONF

# All spellings in which bytes may have got into a log.
sub spellings {
    my ($text) = @_;
    my $each = sub { my ($format) = @_; join '', map { sprintf $format, ord } split //, $text };
    my $odd = sub { my ($format) = @_; $text =~ s/([^A-Za-z0-9])/sprintf $format, ord $1/ger };
    my $json = $text =~ s/(["\\])/\\$1/gr =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ger;
    return ($text, $json, $odd->('%%%02X'), $odd->('%%%02x'), $odd->('%%%02X') =~ s/%20/+/gr, $odd->('\\x%02x'),
        $each->('%%%02X'), $each->('\\x%02x'), $each->('\\u%04x'), $each->('%02x'),
        encode_base64($text, '') =~ s/..?=*\z//r, $text =~ /^(\w{3,})/);  # the first word is unmistakable
}

my @logs = qw(access logfmt plain error json stderr);

sub text_of {
    my ($httpd, $log) = @_;
    return Httpd::slurp("$httpd->{dir}/logs/" . ($log eq 'stderr' ? $log : "$log.log"));
}

# A server, a login, a page with the session of that login, and a page of the balancer.
sub run_server {
    my ($mpm, $more) = @_;
    my $httpd = Httpd->start(mpm => $mpm, conf => "$conf$more",
        modules => [qw(lua request session session_cookie auth_form authn_core authn_file authz_user
            proxy proxy_http proxy_balancer lbmethod_byrequests slotmem_shm)],
        files => { 'say.lua' => $say, 'conf/users' => "$user:{SHA}" . sha1_base64($password) . "=\n" });
    my $encode = sub { $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger };
    my $reply = $httpd->request('POST', '/private/page', { 'Content-Type' => 'application/x-www-form-urlencoded' },
        'httpd_username=' . $encode->($user) . '&httpd_password=' . $encode->($password));
    is $reply->{status}, 200, 'a login by mod_auth_form';
    my ($cookie) = $reply->{headers}{'set-cookie'} =~ /^(login=[^;]+)/;
    like $cookie, qr/private-pw=Pw7xK/, '... whose session is in a cookie';
    is $httpd->get('/private/page', { Cookie => $cookie })->{status}, 200, 'a page of that session';
    is $httpd->get('/private/page', { Cookie => 'login=private-user=x&private-pw=y' })->{status}, 401, 'a page of another one';
    is $httpd->get('/app', { Cookie => 'CK9STICKY=abc.Rt8route' })->{status}, 200, 'a page of the balancer';
    $httpd->wait_lines($_, qr/./, 4) for qw(access logfmt plain proof);
    $httpd->wait_lines('json', qr/"finish"/, 4);
    return $httpd;
}

each_mpm(sub {
    my ($mpm) = @_;
    my $httpd = run_server($mpm, '');
    my @proof = $httpd->lines('proof');
    is scalar(grep { /^Uk4.*\|Pw7xK/ } @proof), 1, 'notes have the name and the password of the login';
    is scalar(grep { /\|Nt5.*\|Ev6/ } @proof), 2, '... notes and variables what the application set';
    is scalar(grep { /\|Rt8route\|CK9STICKY\|balancer:\/\/bl3cluster$/ } @proof), 1, '... and what mod_proxy_balancer keeps';
    cmp_ok scalar(grep { /^\[\w+\] \[user_id=5555\] RN0006/ } $httpd->lines('error')), '>=', 3, 'there are closing lines';
    cmp_ok scalar(grep { /^\[\w+\] \[user_id=5555\].* finish$/ } $httpd->lines('error')), '>=', 3, '... and lines with the declared fact';
    for my $what (sort keys %secrets) {
        my @found;
        for my $log (@logs) {
            my $text = text_of($httpd, $log);
            push @found, map { "$log: $_" } grep { index($text, $_) >= 0 } spellings($secrets{$what});
        }
        is_deeply \@found, [], "$what is in no log";
    }
    is_deeply [ map { (split / /, $_, 3)[2] } $httpd->lines('plain') ], [ ('- - - - -') x 4 ], 'a tag for what is not declared writes nothing';
    my %known = map { $_ => 1 } qw(time trace_id span_id parent_span_id user_id vhost client method path query protocol status bytes outcome
        duration_us referer user_agent level module code message error pid tid source truncated);
    is_deeply [ grep { !$known{$_} } map { keys %{ from_json($_) } } $httpd->lines('access'), $httpd->lines('json') ], [],
        'no line has a field that is not declared';
    $httpd->stop;
});

subtest 'the same, declared' => sub {
    my $httpd = run_server('event', $declared);
    my @closing = grep { /RN0006/ } $httpd->lines('error');
    for my $what (sort keys %secrets) {
        my @words = spellings($secrets{$what});
        my $has = sub { my ($text) = @_; scalar grep { index($text, $_) >= 0 } @words };
        ok $has->(text_of($httpd, $_)), "$what is found in the $_ log" for qw(access logfmt error json);
        ok $has->(join "\n", @closing), '... and in a closing line';
    }
    my ($line) = grep { $_->{leak_pw} } map { from_json($_) } $httpd->lines('access');
    is $line->{leak_pw}, "Pw7xK\"\\=&%+ \x{eb}\x1b", 'the password as it was';
    $httpd->stop;
};

done_testing;
