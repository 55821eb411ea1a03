# install: nodejs
# What this module writes by the names of the Elastic Common Schema, against the list of names that
# Elastic publishes for programs, @elastic/ecs, which npm is asked for once.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(getcwd);
use File::Path qw(make_path);
use Httpd;
use Test::More;
use Tools;

my ($version) = Httpd::slurp('include/reqnotes/httpd/line/ecs_rows.hpp') =~ /kEcsVersion = "([\d.]+)"/;
my $home = getcwd() . "/build/npm/ecs-$version";
make_path($home);
my ($npm, $node) = map { my $name = $_; (grep { -x } map { "$_/$name" } split /:/, $ENV{PATH})[0] } qw(npm node);
plan skip_all => 'there is no npm' unless $npm && $node;
unless (-e "$home/node_modules/\@elastic/ecs/package.json") {
    my $said = run_tool($npm, 'install', '--prefix', $home, '--ignore-scripts', '--no-audit', '--no-fund', "\@elastic/ecs\@$version");
    plan skip_all => "no list of Elastic's: $said" if $?;
}
my $list = from_json(run_tool($node, '-e', <<"JS"));
const ecs = require('$home/node_modules/\@elastic/ecs');
const fields = Object.values(ecs.EcsFlat).map(f => [ f.flat_name, [ f.type, f.normalize.join(), (f.allowed_values || []).map(v => v.name) ] ]);
console.log(JSON.stringify({ version: ecs.EcsVersion, fields: Object.fromEntries(fields) }));
JS
my $fields = $list->{fields};
cmp_ok keys(%$fields), '>', 1000, 'a list of many names';
is $list->{version} =~ s/^v//r, $version, '... of the version that the lines tell';

my (%objects, %first);
for my $name (keys %$fields) {
    my @parts = split /\./, $name;
    $first{ $parts[0] } = 1 if @parts > 1;
    $objects{ join '.', @parts[ 0 .. $_ - 1 ] } = 1 for 1 .. $#parts;
}
my $code = Httpd::slurp('include/reqnotes/line/ecs.hpp');
my ($known) = $code =~ /kEcsObjects\[\] = \{(.*?)\};/s;
is_deeply [ sort $known =~ /"(\w+)"/g ], [ sort 'labels', keys %first ], 'every object is refused as the name of a field';

my ($inner) = $code =~ /kEcsInnerObjects\[\] = \{(.*?)\};/s;
is_deeply [ $inner =~ /"([\w.]+)"/g ], [ sort grep { tr/.// == 1 } keys %objects ], '... and within these';

my @used = map { [ split /\t/ ] } grep { !/^#/ } split /\n/, Httpd::slurp('tests/ecs.tsv');
cmp_ok scalar @used, '>', 40, 'the names that are written';
for (@used) {
    my ($name, $type, $normal) = @$_;
    is_deeply [ $type, $normal // '' ], [ @{ $fields->{$name} || [] }[ 0, 1 ] ], "ECS has $name with this type";
    ok $name eq 'labels' || !$objects{$name}, '... and no object of that name';
}
my ($rows) = Httpd::slurp('include/reqnotes/httpd/line/ecs_rows.hpp') =~ /kEcsRows\[\] = \{(.*?)^\};/ms;
my %listed = map { $_->[0] => 1 } @used;
for my $name ($rows =~ /(?:renamed|made_of)\(\s*"\w+",\s*"([^"]+)"/g, $rows =~ /(?:id_row|literal_row)\(\s*"([^"]+)"/g) {
    ok $name =~ /^labels\.\w+$/ || $listed{$name}, "$name is a name of ECS, or a label";
}
my %words = ('event.kind' => [qw(event)], 'event.category' => [qw(web)], 'event.type' => [qw(access error info)], 'event.outcome' => [qw(success failure unknown)]);
for my $name (sort keys %words) {
    my %allowed = map { $_ => 1 } @{ $fields->{$name}[2] };
    is_deeply [ grep { !$allowed{$_} } @{ $words{$name} } ], [], "the words of $name";
}

done_testing;
