# The manual has every directive, field, value, tag, message and cost of the code, and nothing else;
# its links lead somewhere; README.md is an entrance.

use strict;
use warnings;
use lib 't/lib';
use File::Basename qw(dirname);
use Httpd;
use Test::More;

my %page = map { $_ => Httpd::slurp($_) } 'README.md', 'CHANGELOG.md', glob 'docs/*.md';
my $code = join "\n", map { Httpd::slurp($_) } glob 'include/reqnotes/*.hpp include/reqnotes/*/*.hpp include/reqnotes/*/*/*.hpp';

cmp_ok scalar(split /\n/, $page{'README.md'}), '<=', 150, 'README.md has at most 150 lines';

# The text of a page below a heading of the second order.
sub section {
    my ($page, $heading) = @_;
    my ($text) = $page{$page} =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms;
    ok defined $text, "$page has \"$heading\"" or return '';
    return $text;
}

# What stands in the first column of the tables of a text, between backquotes.
sub rows { return sort map { /^\| `([^`]+)` \|/ ? $1 : () } split /\n/, $_[0] }

# The words of a table in the code.
sub table {
    my ($name) = @_;
    my ($text) = $code =~ /\b\Q$name\E\[\] = \{(.*?)\n?\};/s or die "no $name\n";
    return $text;
}

subtest 'directives' => sub {
    my $page = $page{'docs/directives.md'};
    my %allowed;
    my $name;
    for (Httpd->prepare->directives) {
        if (/^(\S+) \(/) { $name = /^(ReqNotes\w*) \(mod_reqnotes/ ? $1 : undef }
        elsif (defined $name && /^\tAllowed in (.*)/) { $allowed{$name} = $1; $name = undef }
    }
    my $httpd = Httpd->prepare;
    my %default = qx{@{[ $httpd->program ]} -t -D DUMP_REQNOTES -f $httpd->{dir}/conf/httpd.conf 2>&1}
        =~ /^  (ReqNotes\w*) (.*)  \(default\)$/mg;
    my @listed = $page =~ /^\| \[(ReqNotes\w*)\]\(#\w+\) \|/mg;
    is_deeply [ sort @listed ], [ sort keys %allowed ], 'the index has all of them';
    is_deeply [ sort $page =~ /^## (ReqNotes\w*)$/mg ], [ sort keys %allowed ], '... and the page a section for each';
    for my $directive (sort keys %allowed) {
        my ($text) = $page =~ /^## $directive\n(.*?)(?=^## |\z)/ms;
        like $text, qr/^- $_: \S/m, "$directive: $_" for qw(Description Syntax Default Context Module Compatibility);
        my ($context) = $text =~ /^- Context: (.*)/m;
        is $context =~ /directory/ ? 1 : 0, $allowed{$directive} =~ /anywhere/ ? 1 : 0, '... of directories' or diag "$allowed{$directive}";
        is $text =~ /^- Override: / ? 1 : ($text =~ /^- Override: /m ? 1 : 0), $allowed{$directive} =~ /htaccess/ ? 1 : 0, '... and of .htaccess, with an Override';
        like $text, qr/^- Default: (?:none|`$directive \Q$default{$directive}\E`)$/m, '... and its default' if $default{$directive};
        like $text, qr/^```apache\n/m, '... and an example' ;
        my ($row) = $page =~ /^\| \[$directive\]\(#\w+\) \| .* \| (.*) \|$/m;
        is $row, $context, '... and the index agrees';
    }
};

subtest 'fields and values' => sub {
    my @built_in = map { [ /^(?:\w+\(\s*)?(text|id|number)_row\(\s*"(\w+)",\s*(?:"([^"]*)",\s*)?([\w| ]+),/, /Form::kTime/ ? 'time' : '', /^chosen/ ? 'chosen' : '' ] }
        table('kBuiltIns') =~ /^ {4}((?:(?:usual|chosen)\(\s*)?(?:text|id|number)_row\(.*?)(?=^ {4}\w|\z)/msg;
    my @rows = section('docs/fields.md', 'Built-in fields') =~ /^\| `(\w+)` \| (\w+) \| (.*) \|$/mg;
    my (%type, %meaning, @order);
    while (my ($name, $type, $meaning) = splice @rows, 0, 3) { push @order, $name; $type{$name} = $type; $meaning{$name} = $meaning }
    my @access = grep { $_->[3] =~ /kAccessLine/ } @built_in;
    is_deeply [ @order[ 0 .. @access ] ], [ (map { $_->[1] } @access), 'truncated' ], 'the built-in fields of the access log, in their order';
    is_deeply [ sort @order ], [ sort 'truncated', map { $_->[1] } @built_in ], '... and all others';
    for my $row (@built_in) {
        my ($kind, $name, $unit, undef, $time, $chosen) = @$row;
        is $type{$name}, $kind ne "number" || $time ? 'string' : 'integer', "the type of $name";
        like $meaning{$name}, qr/\Q$unit\E/, '... and its unit' if $unit;
        is $meaning{$name} =~ /; chosen$/ ? 'chosen' : '', $chosen, '... and whether it must be chosen';
    }
    my @named = map { [ /`(\w+)`/g ] } $page{'docs/directives.md'} =~ /^\| (?:there unless they are taken away|to choose) \| (.*) \|$/mg;
    my %usual = map { $_ => 1 } $code =~ /usual\(\s*(?:text|id|number)_row\(\s*"(\w+)"/g;
    is_deeply \@named, [ [ grep { $usual{$_} } map { $_->[1] } @built_in ], [ map { $_->[1] } grep { $_->[5] } @built_in ] ],
        'ReqNotesValues names all that it decides over';
    is_deeply [ rows(section('docs/fields.md', 'Types')) ], [ sort { $a cmp $b } table('kTypes') =~ /\{"(\w+)", Type/g ], 'every type';
    my @sources = map { s/ .*//r } table('kSources') =~ /^ *\{"\w+", "((?:[^"\\]|\\.)*)"/mg;
    is_deeply [ map { s/:.*//r } rows(section('docs/fields.md', 'Sources of a field')) ], [ sort map { s/:.*//r } @sources ], 'every source';
    is_deeply [ grep { !/=/ } rows(section('docs/fields.md', 'Private values')) ], [ qw(hash last4) ], 'every kind of privacy';
    my @tags = rows(section('docs/formats.md', 'Log tags'));
    is_deeply [ sort @tags ], [ sort(map({ "%$_" } table('kFormats') =~ /\{"([^"]+)"/g), '%{NAME}^RF', '%N', '%{NAME}N', ('%L') x 2) ],
        'every tag of both logs, and no other';
};

subtest 'messages' => sub {
    my %told = map { $_ => 1 } $code =~ /"(RN\d{4}): /g, $code =~ /"(RN\d{4})"/g;
    is_deeply [ sort $page{'docs/messages.md'} =~ /^\| (RN\d{4}) \|/mg ], [ sort keys %told ], 'each has a row, and there is no other row';
};

subtest 'what a request costs' => sub {
    my ($table) = $page{'docs/performance.md'} =~ /<!-- made by make performance -->\n(.*)<!-- end -->/s;
    my ($rows) = Httpd::slurp('t/cost.pl') =~ /^my \@tables = \((.*?)^\);/ms;
    is_deeply [ map { tr/`//dr } $table =~ /^\| (.+?) \| [-*\d,]* \|/mg ], [ $rows =~ /^ {8}\[ '(.+?)', /mg ], 'every row of `make cost`';
    my ($chart) = Httpd::slurp('docs/performance.svg') =~ m{<desc.*?>(.*)</desc>};
    like $table, qr/\| \*{0,2}$_\b/, "the chart has $_ of the same run" for $chart =~ /: ([\d,]+\d)/g;
};

# GitHub's way: lower case, without marks, blanks as dashes.
sub anchor { return lc($_[0]) =~ s/`//gr =~ s/[^\w\- ]//gr =~ s/ /-/gr }

subtest 'links' => sub {
    my %anchors = map {
        my $text = $page{$_} =~ s/^```.*?^```$//gmsr;
        ($_ => { map { anchor($_) => 1 } $text =~ /^#+ (.+)$/mg });
    } keys %page;
    my $count = 0;
    for my $from (sort keys %page) {
        my $text = $page{$from} =~ s/^```.*?^```$//gmsr;
        for my $link ($text =~ /\]\(([^)\s]+)\)/g) {
            next if $link =~ m{^https?://};
            my ($file, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
            my $to = $file eq '' ? $from : dirname($from) . "/$file";
            1 while $to =~ s{(^|/)[^/.]+/\.\./}{$1};
            $to =~ s{^\./}{};
            ++$count;
            fail("$from: $link is no file"), next unless -e $to;
            ok !length $anchor || $anchors{$to}{$anchor}, "$from: $link";
        }
    }
    cmp_ok $count, '>', 60, "$count links";
};

subtest 'nothing of one machine' => sub {
    unlike $page{$_}, qr{/tmp/|/home/}, $_ for sort keys %page;
};

done_testing;
