# packages: prometheus python3-prometheus-client
# A real Prometheus scrapes real httpds: what it computes is what was sent, an alert of the shipped
# rules fires and ends, an exemplar leads to a line of the access log, and no value of a label is
# the end of a scrape. The shipped dashboard asks for what is there.

use strict;
use warnings;
use lib 't/lib';
use Backend;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use Httpd;
use Test::More;
use Time::HiRes qw(sleep time);
use Tools;

my $dir      = tempdir('prometheus-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $promtool = tool('promtool');
my $http     = HTTP::Tiny->new(timeout => 30);

sub write_file {
    my ($name, $text) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print $out $text;
    close $out or die "$dir/$name: $!";
    return "$dir/$name";
}

# Runs promtool on a text; gives (its exit code, what it printed).
sub promtool_on {
    my ($text, @args) = @_;
    my $file = write_file('input', $text);
    my $out = qx{'$promtool' @args <'$file' 2>&1};
    return ($? >> 8, $out);
}

# --- What is shipped ---

my $rules     = Httpd::slurp('conf/prometheus/rules.yml');
my $scrape    = Httpd::slurp('conf/prometheus/scrape.yml');
my $dashboard = from_json(Httpd::slurp('conf/grafana/reqnotes.json'));

# The expressions of the dashboard, with its variables as Grafana fills them in.
sub expressions {
    my %value = (
        metric => 'api', label => 'api_method', value => '.*', instance => '.*', datasource => 'x',
        __rate_interval => '5s', __range => '1m', @_,
    );
    my %found;
    for my $panel (@{ $dashboard->{panels} }) {
        for my $target (@{ $panel->{targets} || [] }) {
            $found{"$panel->{title} $target->{refId}"} = $target->{expr} =~ s[\$(?:\{(\w+)\}|(\w+))][$value{ $1 // $2 } // die "unknown variable in $target->{expr}"]ger;
        }
    }
    return %found;
}

subtest 'rules and scrape job' => sub {
    for ([ 'check rules', 'rules.yml', '15 rules' ], [ 'check config', 'scrape.yml', 'valid' ], [ 'test rules', 'rules_test.yml', 'SUCCESS' ]) {
        my ($command, $file, $good) = @$_;
        my $text = run_tool($promtool, split(' ', $command), "conf/prometheus/$file");
        is $?, 0, "promtool $command $file" or diag $text;
        like $text, qr/$good/, '... has read it';
    }
    my @alerts = $rules =~ /- alert: (\w+)/g;
    my $tests  = Httpd::slurp('conf/prometheus/rules_test.yml');
    for my $alert (@alerts) {
        like $tests, qr/alertname: $alert\n\s+eval_time: \w+\n\s+exp_alerts:/, "$alert is seen to fire";
        cmp_ok scalar(() = $tests =~ /- \{alertname: $alert, /g), '>=', 2, '... and not to fire, before and after';
    }
};

subtest 'dashboard' => sub {
    cmp_ok $dashboard->{schemaVersion}, '>=', 36, 'a schema of Grafana 9';
    ok !defined $dashboard->{id}, 'it is nobody\'s yet';
    my %variables = map { $_->{name} => $_ } @{ $dashboard->{templating}{list} };
    is $variables{datasource}{type}, 'datasource', 'the data source is chosen';
    my (%ids, %taken);
    for my $panel (@{ $dashboard->{panels} }) {
        ok !$ids{ $panel->{id} }++, "$panel->{title} has an id of its own";
        my $grid = $panel->{gridPos};
        my @cells = map { my $y = $_; map { "$_ $y" } $grid->{x} .. $grid->{x} + $grid->{w} - 1 } $grid->{y} .. $grid->{y} + $grid->{h} - 1;
        ok $grid->{x} + $grid->{w} <= 24 && !grep({ $taken{$_}++ } @cells), '... and a place of its own';
        next if $panel->{type} eq 'text';
        like $panel->{type}, qr/^(?:stat|timeseries|heatmap)$/, '... and is of a kind that Grafana 9 has';
        is_deeply [ grep { $_->{datasource}{uid} ne '${datasource}' } $panel, @{ $panel->{targets} } ], [], '... and asks the data source that was chosen';
    }
    my %found = expressions();
    my $text = "groups:\n- name: dashboard\n  rules:\n";
    my $number = 0;
    $text .= "  - record: panel:" . ++$number . "\n    expr: '$found{$_}'\n" for sort keys %found;
    my $file = write_file('dashboard.yml', $text);
    my $out = run_tool($promtool, qw(check rules), $file);
    is $?, 0, 'each expression is one' or diag $out;
    my ($exemplars) = grep { $_->{exemplar} } map { @{ $_->{targets} || [] } } @{ $dashboard->{panels} };
    ok $exemplars, 'exemplars are on';
};

# --- What is sent ---

# Notes, status and duration as the query says; values are hexadecimal, to be any bytes.
my $lua = <<'LUA';
function handle(r)
    local status = apache2.OK
    for name, value in r.args:gmatch("(%w+)=(%w*)") do
        if name == "status" then status = tonumber(value)
        elseif name == "ms" then r.usleep(tonumber(value) * 1000)
        elseif name == "method" then r.notes["api_method"] = value:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
        elseif name == "user" then r.notes["user_id"] = value
        end
    end
    if status == apache2.OK then r:write("x") end
    return status
end
LUA

my $conf = <<'CONF';
ReqNotes On
ReqNotesBusiest user_id
CustomLog @DIR@/logs/access.log "%^RJ"
LuaMapHandler ^/api @DIR@/api.lua handle
<Location /reqnotes>
  SetHandler reqnotes
  ReqNotesPages On
  Require local
</Location>
CONF

sub start_httpd {
    my ($metrics) = @_;
    return Httpd->start(modules => ['lua'], files => { 'api.lua' => $lua }, conf => $metrics . $conf);
}

# What was sent: requests by method and class of status.
my %sent;

sub send_request {
    my ($httpd, $method, %args) = @_;
    my $status = $args{status} // 200;
    my $hex = unpack 'H*', $method;
    my $query = join '&', "method=$hex", map { "$_=$args{$_}" } sort keys %args;
    my $got = $httpd->get("/api?$query")->{status};
    BAIL_OUT("$query was answered with $got") if $got != $status;
    ++$sent{$method}{ substr($status, 0, 1) . 'xx' };
}

my $httpd   = start_httpd("ReqNotesMetric api by=api_method\nReqNotesThreshold search errors(api,photos.search) above=10% over=10 least=10\n"
    . "ReqNotesThreshold never file:never above=1 level=warning\nReqNotesMetricFiles \@DIR\@/drop\nReqNotesJob thumbs search\n");
my $hostile = start_httpd("ReqNotesMetric api by=api_method series=1000\nReqNotesMetric full by=user_id\nReqNotesMetricFiles \@DIR\@/drop\nReqNotesThreshold x file:x above=1\nReqNotesThreshold busy busy above=90 level=warning\nReqNotesJob j x busy\n");
# Numbers whose names look like those of other families.
my $watched_dir = "$hostile->{dir}/drop";
mkdir $watched_dir or die "$watched_dir: $!";
write_file('numbers', join '', map { "$_ 1.5e-7\n" } qw(x x_bucket x_count x_sum x_info y_total _ __name__ le reqnotes_http_requests A_total_total));
system('cp', "$dir/numbers", "$watched_dir/numbers") == 0 or die;

# The rules that a server writes of its own thresholds.
my $own = $httpd->get('/reqnotes/rules');
like $own->{headers}{'content-type'}, qr{^application/yaml}, 'the rules of thresholds are YAML';
my $checked = run_tool($promtool, qw(check rules), write_file('thresholds.yml', $own->{content}));
is $?, 0, '... and rules' or diag $checked;
like $checked, qr/3 rules/, '... one for each, and one for what is unknown';
write_file('thresholds.yml', $own->{content} =~ s/for: \w+/for: 1s/r =~ s/^( *)- name: \S+\K/\n$1  interval: 1s/mr);

# A counter is there from its first request on; its rate needs one before the first that counts.
send_request($httpd, 'photos.search', status => $_) for 200, 500;

# --- Prometheus ---

my $port = Httpd::free_port();
my $quick = $rules =~ s/\[\d+m\]/[5s]/gr =~ s/for: \w+/for: 1s/gr =~ s/interval: 15s/interval: 1s/gr;
write_file('rules.yml', $quick);
write_file('prometheus.yml', "rule_files: [rules.yml, thresholds.yml]\n"
    . ($scrape =~ s/localhost:80\b/127.0.0.1:$httpd->{port}, 127.0.0.1:$hostile->{port}/r
        =~ s/scrape_interval: \w+/scrape_interval: 1s/r =~ s/scrape_timeout: \w+/scrape_timeout: 1s/r));
my $prometheus = Backend::spawn(sub { $http->get("http://127.0.0.1:$port/-/ready")->{success} }, "$dir/log", tool('prometheus'),
    "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$port",
    '--enable-feature=exemplar-storage', '--log.level=warn');

sub api {
    my ($path, %args) = @_;
    my $response = $http->get("http://127.0.0.1:$port/api/v1/$path?" . $http->www_form_urlencode(\%args));
    my $answer = eval { from_json($response->{content}) } || { status => "$response->{status} $response->{content}" };
    BAIL_OUT("Prometheus: $path $args{query}: " . ($answer->{error} // $answer->{status})) if $answer->{status} ne 'success';
    return $answer->{data};
}

# The samples that an expression has now: [labels, value].
sub samples { return map { [ $_->{metric}, $_->{value}[1] ] } @{ api('query', query => $_[0])->{result} } }

# The value of an expression that has one sample.
sub value {
    my @samples = samples($_[0]);
    return @samples == 1 ? $samples[0][1] : undef;
}

sub is_firing {
    my ($alert) = @_;
    return scalar grep { $_->{state} eq 'firing' && $_->{labels}{alertname} eq $alert } @{ api('alerts')->{alerts} };
}

my $us = qq{instance="127.0.0.1:$httpd->{port}"};

subtest 'scraped' => sub {
    ok wait_until(sub { (value("sum(up)") // 0) == 2 }), 'both targets are up'
        or BAIL_OUT(join "\n", map { "$_->{scrapeUrl}: $_->{lastError}" } @{ api('targets')->{activeTargets} });
    ok wait_until(sub { (value(qq{reqnotes_api_requests_total{$us, status="5xx"}}) // 0) == 1 }), 'the first requests are seen';
    is value(qq{reqnotes_api_requests_total{$us, status="2xx", metric="api", api_method="photos.search"}}), 1, '... with the labels that the rules need';
    is value(qq{reqnotes_series_other_total{$us, metric="api"}}), 0, 'that nothing is in other is said before something is';
};

# Sends requests until a condition is true, one for each step of 50 ms; gives how many for each second.
sub send_until {
    my ($failing, $condition) = @_;
    my ($start, $number) = (time, 0);
    while (time < $start + 40) {
        ++$number;
        send_request($httpd, 'photos.search', ms => $number % 10 == 9 ? 200 : 30, status => $failing && $number % 5 == 0 ? 500 : 200, user => "u$number");
        return $number / (time - $start) if $number % 20 == 0 && time > $start + 7 && $condition->();
        sleep 0.01 while time < $start + $number * 0.05;
    }
    return;
}

subtest 'what it computes is what was sent, and an alert fires and ends' => sub {
    my $rate = send_until(1, sub { is_firing('ReqNotesErrors') });
    ok $rate, 'ReqNotesErrors fires while a fifth fails' or return;
    my $ours = qq{$us, api_method="photos.search"};
    my $seen = value(qq{sum(rate(reqnotes_api_requests_total{$ours}[5s]))});
    note sprintf '%.2f requests/s were sent, %.2f seen', $rate, $seen;
    cmp_ok abs($seen / $rate - 1), '<', 0.2, 'rate is that of what was sent';
    my $share = value(qq{series:reqnotes_failed:share2m{$ours}});
    cmp_ok abs($share - 0.2), '<', 0.05, "a fifth failed ($share)";
    for ([ p50 => 0.5, 0.025, 0.05 ], [ p95 => 0.95, 0.1, 0.25 ]) {
        my ($name, $quantile, $low, $high) = @$_;
        my $seconds = value(qq{histogram_quantile($quantile, sum by (le) (rate(reqnotes_api_duration_seconds_bucket{$ours}[5s])))});
        ok $seconds > $low && $seconds <= $high, "$name is between $low and $high s ($seconds)";
        ok defined value(qq{series:reqnotes_duration_seconds:${name}_2m{$ours}}), '... which the rules record, too';
    }
    my ($alert) = grep { $_->{labels}{alertname} eq 'ReqNotesThreshold' } @{ api('alerts')->{alerts} };
    is $alert->{labels}{severity}, 'critical', 'the threshold fires, too';
    like $alert->{annotations}{summary}, qr/^search is above 10% on 127/, '... and says what it is';
    is_deeply [ map { $_->{labels}{threshold} } grep { $_->{labels}{alertname} eq 'ReqNotesThresholdUnknown' && $_->{labels}{instance} =~ /:$httpd->{port}$/ } @{ api('alerts')->{alerts} } ], ['never'], '... and one that is unknown';
    is value(qq{reqnotes_job_go{$us, name="thumbs"}}), 0, '... and a job waits';
    my %found = expressions(instance => "127.0.0.1:$httpd->{port}");
    cmp_ok scalar(samples($found{$_})), '>', 0, "the dashboard has something to show: $_" for sort keys %found;
    for my $record ($rules =~ /- record: (\S+)/g) { cmp_ok scalar(samples($record)), '>', 0, "$record is recorded" }
    my @bad = grep { $_->{health} ne 'ok' } map { @{ $_->{rules} } } @{ api('rules')->{groups} };
    is_deeply [ map { "$_->{name}: $_->{lastError}" } @bad ], [], 'no rule has an error';

    ok send_until(0, sub { !is_firing('ReqNotesErrors') && !is_firing('ReqNotesThreshold') }), 'both end when nothing fails';
    ok wait_until(sub { (value(qq{sum(reqnotes_api_requests_total{$ours})}) // 0) == $sent{'photos.search'}{'2xx'} + $sent{'photos.search'}{'5xx'} }),
        'no request is missing';
    is value(qq{reqnotes_api_requests_total{$ours, status="5xx"}}), $sent{'photos.search'}{'5xx'}, 'no request is in another class';
    is value(qq{sum(reqnotes_http_requests_total{$us})}), value(qq{sum(reqnotes_api_requests_total{$us})}), 'the scrapes themselves are not counted';
};

subtest 'exemplars lead to the access log' => sub {
    my %line = map { my $line = from_json($_); $line->{trace_id} => $line } $httpd->lines('access');
    for (qw(reqnotes_api_duration_seconds_bucket reqnotes_api_requests_total)) {
        my @exemplars = map { @{ $_->{exemplars} } } @{ api('query_exemplars', query => "$_\{$us}", start => time - 300, end => time + 1) };
        cmp_ok scalar(@exemplars), '>', 0, "$_ has exemplars" or next;
        my @unknown = grep { !$line{ $_->{labels}{trace_id} } } @exemplars;
        is_deeply \@unknown, [], '... whose trace IDs are in the access log';
        my @other = grep { my $line = $line{ $_->{labels}{trace_id} }; $line && abs($line->{duration_us} / 1e6 - $_->{value}) > 1e-6 } @exemplars;
        is_deeply \@other, [], '... with the duration of the line';
        next unless /total/;
        is_deeply [ grep { $_->{status} != 500 } map { $line{ $_->{labels}{trace_id} } // () } @exemplars ], [], '... of requests that failed';
    }
};

# --- Values of labels ---

my $ill = "\x{FFFD}";
my @values = (
    (map { [ 'b' . chr, $_ < 0x80 ? 'b' . chr : "b$ill" ] } 1 .. 255),
    [ "\xC3(", "$ill(" ], [ "\xE2\x82", $ill ], [ "\xF0\x9F\x92x", "${ill}x" ], [ "\xED\xA0\x80", $ill x 3 ],
    [ "\xC0\xAF", $ill x 2 ], [ "\xF4\x90\x80\x80", $ill x 4 ], [ "\xC3\xA9", "\x{E9}" ], [ "\xEF\xBF\xBE", "\x{FFFE}" ],
    [ "\xE2\x80\xAE\xE2\x80\xA8", "\x{202E}\x{2028}" ], [ "a\"} 1\n# EOF\n", "a\"} 1\n# EOF\n" ], [ '\\n\\"', '\\n\\"' ],
    [ '{{ $x }}<b>', '{{ $x }}<b>' ], [ '', '' ],
    (map { [ 'L' x 100 . $_, 'L' x 100 ] } qw(a b)), (map { [ 'x' x 99 . $_, 'x' x 99 ] } "\xC3\xA9", "\xC3\xBC"),
);

my $number = 0;
send_request($hostile, $_->[0], user => 'user' . ++$number) for @values;
my %expected;
++$expected{ $_->[1] } for @values;

subtest 'hostile values and many series' => sub {
    my $it = qq{instance="127.0.0.1:$hostile->{port}"};
    ok wait_until(sub { (value(qq{sum(reqnotes_api_requests_total{$it})}) // 0) == @values }), 'a scrape has all of them'
        or diag map { "$_->{scrapeUrl}: $_->{lastError}\n" } @{ api('targets')->{activeTargets} };
    my %seen = map { ($_->[0]{api_method} // '') => $_->[1] } samples(qq{sum by (api_method) (reqnotes_api_requests_total{$it})});
    is_deeply \%seen, \%expected, 'each value is what it was, or was made harmless; equal ones are one series';

    my $full = value(qq{count(reqnotes_full_requests_total{$it, status="2xx"})});
    cmp_ok $full, '>=', 200, "a metric is full with $full series";
    is value(qq{count(reqnotes_full_duration_seconds_bucket{$it})}), $full * 12, '... each with eleven buckets and the last';
    is value(qq{sum(reqnotes_full_requests_total{$it})}), scalar @values, '... and loses no request';
    cmp_ok value(qq{reqnotes_series_other_total{$it, metric="full"}}), '>', 0, '... and says that it is full';
    is value(qq{up{$it}}), 1, 'the target stays up';
    note sprintf '%d samples, scraped in %.0f ms', map { value("$_\{$it}") * ($_ =~ /seconds/ ? 1000 : 1) } qw(scrape_samples_scraped scrape_duration_seconds);
};

subtest 'read by others' => sub {
    my @bounds = qw(0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf);
    my $read = <<'PYTHON';
import json, sys
if sys.argv[1] == "openmetrics": from prometheus_client.openmetrics.parser import text_string_to_metric_families
else: from prometheus_client.parser import text_string_to_metric_families
text = sys.stdin.buffer.read().decode("utf-8")
samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
counts = {}
for s in samples:
    if s.name == "reqnotes_api_requests_total":
        counts[s.labels["api_method"]] = counts.get(s.labels["api_method"], 0) + int(s.value)
print(json.dumps({"samples": len(samples), "counts": counts, "exemplars": len([s for s in samples if s.exemplar])}))
PYTHON
    my $script = write_file('read.py', $read);
    my %accept = (openmetrics => 'application/openmetrics-text; version=1.0.0', text => 'text/plain; version=0.0.4');
    for my $format (sort keys %accept) {
        my $response = $hostile->get('/reqnotes/metrics', { Accept => $accept{$format} });
        is $response->{status}, 200, "$format is answered";
        like $response->{headers}{'content-type'}, qr/^\Q$accept{$format}\E; charset=utf-8$/, '... and is said to be';
        note length $response->{content}, ' bytes';
        my %bounds = map { $_ => 1 } $response->{content} =~ /_bucket\{[^\n]*,le="([^"]*)"\} /g;
        is_deeply [ sort keys %bounds ], [ sort $format eq 'text' ? @bounds : map { s/^\d+\K$/.0/r } @bounds ], '... with the bounds as everybody writes them';
        my $file = write_file("answer.$format", $response->{content});
        my $out = qx{python3 '$script' $format <'$file' 2>&1};
        my $found = eval { from_json($out) } || {};
        is_deeply $found->{counts}, \%expected, '... and read by prometheus_client, value for value' or diag $out;
        cmp_ok $found->{exemplars} // -1, $format eq 'text' ? '==' : '>', 0, '... with exemplars where they may be';
        next unless $format eq 'text';
        # A number of an application may be called as it likes; promtool has an opinion of such names.
        my ($code, $text) = promtool_on($response->{content} =~ s/^.*\bapp_x_(?:bucket|count|sum)\b.*\n//mgr, qw(check metrics));
        is "$code $text", '0 ', '... and by promtool, which has nothing to say';
    }
};

subtest 'gone' => sub {
    $hostile->stop;
    ok wait_until(sub { is_firing('ReqNotesDown') }), 'ReqNotesDown fires when httpd is gone';
    ok !is_firing('ReqNotesErrors'), '... and no other does' or diag explain api('alerts');
    $httpd->stop;
};

done_testing;
