# A directive that is given again: a mistake within one file, and the last word in another one.

use strict;
use warnings;
use lib 't/lib';
use Httpd;
use Test::More;

my $key = 'k' x 64 . "\n";

# Runs configtest with the main file and more files; gives (whether it is good, what it printed).
sub check {
    my ($conf, %files) = @_;
    my $httpd = Httpd->prepare(modules => ['macro'], conf => "ReqNotesThreshold t load above=1\n$conf");
    $httpd->add_file($_, $httpd->fill_in($files{$_})) for keys %files;
    chmod 0600, $httpd->add_file("$_.key", "$_$key") for qw(a b);
    my $dump = qx{@{[ $httpd->program ]} -t -D DUMP_REQNOTES -f $httpd->{dir}/conf/httpd.conf 2>&1};
    return ($? == 0, $dump =~ s/\Q$httpd->{dir}\E/DIR/gr);
}

# Each directive in two spellings that contradict each other. Flags have no others than these.
my %help = join("\n", Httpd->prepare->directives) =~ /^(ReqNotes\w*) \(mod_reqnotes.*\n\t(.*)/mg;
my %spellings = (
    (map { $help{$_} =~ /^On (?:\(default\) )?or Off/ ? ($_ => [ 'Off', 'On' ]) : () } keys %help),
    ReqNotesBusiest         => [ 'user_id', 'api_key keys=64' ],
    ReqNotesClient          => [ 'none', 'network' ],
    ReqNotesErrorLog        => [ 'logs/one', 'logs/two' ],
    ReqNotesField           => [ 'a note:one', 'a note:two' ],
    ReqNotesFlags           => [ '/nowhere/a', '/nowhere/b by=client' ],
    ReqNotesHashKey         => [ '@DIR@/a.key', '@DIR@/b.key' ],
    ReqNotesJob             => [ 'one t', 'one t retry=9' ],
    ReqNotesLineLimit       => [ '600', '700' ],
    ReqNotesMaskPath        => [ '/one/*', '/two/*' ],
    ReqNotesMaskQuery       => [ 'one', 'two' ],
    ReqNotesMetric          => [ 'one by=api_method', 'one series=6' ],
    ReqNotesMetricFiles     => [ 'logs stale=9', 'logs' ],
    ReqNotesRequestId       => [ 'X-One', 'X-Two' ],
    ReqNotesResponseHeaders => [ 'X-One-', 'X-Two-' ],
    ReqNotesService         => [ 'one', 'two 2.0' ],
    ReqNotesThreshold       => [ 'one busy above=5', 'one busy above=6%' ],
    ReqNotesTraceAccept     => [ 'all', 'private 192.0.2.1' ],
    ReqNotesTraceFormats    => [ 'b3', 'b3multi b3' ],
    ReqNotesTraceResponse   => [ 'X-One', 'X-Two' ],
    ReqNotesTraceSample     => [ '0.1', '0.2' ],
    ReqNotesValues          => [ '+host', '-path' ],
);
# Each time, this one adds the thresholds of a file.
is_deeply [ sort 'ReqNotesThresholds', keys %spellings ], [ sort keys %help ], 'every directive is looked at';

for my $name (sort keys %spellings) {
    my ($one, $two) = map { "$name $_" } @{ $spellings{$name} };
    my ($shown) = map { s/\@DIR\@/DIR/r } $two;
    $shown = 'Field a note:two' if $name eq 'ReqNotesField';
    $shown =~ s/^ReqNotes// if $name =~ /^ReqNotes(?:Metric|Threshold|Job)$/;
    $shown = 'two one'          if $name eq 'ReqNotesMaskQuery';
    $shown = '/two/* /one/*'    if $name eq 'ReqNotesMaskPath';
    $shown = 'host method query' if $name eq 'ReqNotesValues';
    my ($first) = map { s/\@DIR\@/DIR/r } $one;

    my ($ok, $output) = check("Include \@DIR\@/x\n", x => "\n$one\n$two\n");
    ok !$ok, "$name twice in one file is a mistake";
    like $output, qr/\Q: contradicts "$first" on line 2 of DIR\/x; give it once\E$/m, '... which is told with file and line';
    like $output, qr/line 3 of DIR\/x:/, '... as is the second one';

    ($ok, $output) = check("Include \@DIR\@/x\n", x => "$one\n$one\n");
    ok $ok, "$name with the same words is none" or diag $output;

    ($ok, $output) = check("Include \@DIR\@/x\nInclude \@DIR\@/y\n", x => $one, y => $two);
    ok $ok, "$name in another file is none" or diag $output;
    like $output, qr/^  .*\Q$shown\E .*\(DIR\/y:1\)$/m, '... and counts';

    ($ok, $output) = check("Include \@DIR\@/x\nInclude \@DIR\@/y\nInclude \@DIR\@/x\n", x => $one, y => $two);
    ok $ok, "$name of a file that is included twice is none" or diag $output;
    like $output, qr/^  .*\(DIR\/x:1\)$/m, '... and the last time counts';

    # What stands between does not hide a contradiction.
    ($ok, $output) = check("$one\nInclude \@DIR\@/y\n$two\n", y => $two);
    ok !$ok, "$name twice in one file, with another one between, is a mistake";
    like $output, qr/contradicts "\Q$first\E" on line \d+ of DIR\/conf\/httpd.conf/, '... of the first file';

    my $macro = "<Macro M \$v>\n$name \$v\n</Macro>\n";
    my ($use1, $use2) = map { "Use M \"$_\"\n" } @{ $spellings{$name} };
    # mod_macro puts what is in quotes into the line as it is.
    ($ok, $output) = check("Include \@DIR\@/m\nInclude \@DIR\@/x\nInclude \@DIR\@/y\n",
        m => $macro, x => $use1, y => $use2);
    ok $ok, "$name by a macro that two files use is none" or diag $output;
    like $output, qr/^  .*\Q$shown\E .*used on line 1 of "DIR\/y"/m, '... and the last use counts';
    ($ok, $output) = check("Include \@DIR\@/m\nInclude \@DIR\@/x\n", m => $macro, x => "$use1$use2");
    ok !$ok, "$name by a macro that one file uses twice is a mistake";
    like $output, qr/contradicts "\Q$first\E" on line 1 of macro 'm' \(.*\) used on line 1 of "DIR\/x"/,
        '... which is told with the first use';
    ($ok, $output) = check("Include \@DIR\@/m\nInclude \@DIR\@/x\n",
        m => "$macro<Macro N \$v>\nUse M \"\$v\"\n</Macro>\n", x => "$one\n" . $use2 =~ s/M/N/r);
    ok !$ok, "... and so is one within a macro, where its file says something else";
}

subtest 'fields' => sub {
    my $both = "Include \@DIR\@/x\nInclude \@DIR\@/y\n";
    my ($ok, $output) = check("ReqNotes On\n$both", x => "ReqNotesField a user\nReqNotesField b\n", y => 'ReqNotesField !a');
    unlike $output, qr/Field a |RN0001/, 'another file removes a field, and nothing warns';
    like $output, qr/Field b/, '... and no other one';
    ($ok, $output) = check("ReqNotes On\n$both", x => 'ReqNotesField !user_id', y => 'ReqNotesField user_id user');
    like $output, qr/Field user_id user .*\(DIR\/y:1\)/, 'another file brings a field back';
    ($ok, $output) = check("ReqNotes On\n$both", x => 'ReqNotesField !nobody', y => 'ReqNotesField !nobody');
    is scalar(() = $output =~ /RN0001/g), 1, 'what nobody declares is told once';
    ($ok, $output) = check("ReqNotes On\n$both", x => 'ReqNotesField a privacy=hash', y => 'ReqNotesField a privacy=last4');
    ok $ok, 'a declaration that was replaced needs no key' or diag $output;
    like $output, qr/Field a note:a type=string max=256 privacy=last4 /, '... and keeps no option';
};

subtest 'names to mask' => sub {
    my $conf = "Include \@DIR\@/x\nInclude \@DIR\@/y\nInclude \@DIR\@/z\n";
    my ($ok, $output) = check($conf, x => 'ReqNotesMaskQuery one', y => 'ReqNotesMaskQuery None', z => 'ReqNotesMaskQuery two');
    like $output, qr/^  Masked two  \(DIR\/z:1\)$/m, 'None takes back what was said before it, and only that';
    ($ok, $output) = check("$conf<VirtualHost *:80>\nReqNotesMaskQuery three\n</VirtualHost>\n",
        map { $_ => "ReqNotesMaskQuery $_" } qw(x y z));
    like $output, qr/^  Masked \*passwd .* three z y x  /m, 'names of all files and of a virtual host add up';
};

subtest 'places' => sub {
    my ($ok, $output) = check("ReqNotes On\n<VirtualHost *:80>\nReqNotes Off\n</VirtualHost>\n"
        . "<VirtualHost *:81>\nReqNotes On\n</VirtualHost>\n");
    ok $ok, 'each server is a place of its own' or diag $output;
    my $section = "<Location /x>\nReqNotesTraceResponse %s\n</Location>\n";
    ($ok, $output) = check(sprintf("$section$section", 'X-A', 'X-B'));
    ok $ok, 'and each section' or diag $output;
    ($ok, $output) = check("<Location /x>\nReqNotesTraceResponse X-A\nInclude \@DIR\@/x\n</Location>\n", x => 'ReqNotesTraceResponse X-B');
    ok $ok, 'a file within a section is another file' or diag $output;
    ($ok, $output) = check("<Location /x>\nReqNotesTraceResponse X-A\nReqNotesTraceResponse X-B\n</Location>\n");
    ok !$ok, 'a section that contradicts itself is a mistake';

    my $httpd = Httpd->start(conf => <<'CONF', files => {
ReqNotes On
<Directory @DIR@/www>
  AllowOverride FileInfo
  ReqNotesTraceResponse X-Main
</Directory>
CONF
        'www/.htaccess'     => "ReqNotesTraceResponse X-Own\n" x 2000,
        'www/bad/.htaccess' => "ReqNotesTraceResponse X-A\nReqNotesTraceResponse X-B\n",
        'www/a.txt'         => 'a',
        'www/bad/a.txt'     => 'a',
    });
    ok $httpd->get('/a.txt')->{headers}{'x-own'}, '.htaccess counts more than its section';
    is $httpd->get('/bad/a.txt')->{status}, 500, '... and must not contradict itself';
    ok $httpd->line('error', qr{contradicts "ReqNotesTraceResponse X-A" on line 1 of \S+/www/bad/\.htaccess}),
        '... which is told with its name';
    $httpd->stop;
};

done_testing;
