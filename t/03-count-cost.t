# What is counted of a request costs about as many instructions as it did, as in 02-encode-cost.t.

use strict;
use warnings;
use Test::More;

chomp(my $machine = qx{uname -m});
plan skip_all => "the bounds are of x86_64, not of $machine" if $machine ne 'x86_64';

# The name of what is counted, and its instructions; nothing where there is no more.
sub count {
    my ($which, $times) = @_;
    my $count = qx{build/count_cost $which $times};
    plan skip_all => 'this system lets no process trace another' if $? >> 8 == 77;
    return if $? >> 8 == 3;
    return $count =~ /^(\w+) (\d+)$/ ? ($1, $2) : BAIL_OUT("build/count_cost is broken: $?");
}

my %each;
for (my $which = 0; my ($name, $two) = count($which, 2); ++$which) {
    $each{$name} = ((count($which, 6))[1] - $two) / 4;
}
my $calling = delete $each{nothing};
$each{snapshot} /= 2;  # it is of two series

my %most = (usual => 185, failed => 270, full => 280, busiest_known => 150, busiest_unknown => 200, snapshot => 367,
    flags_none => 38, flags_on => 150, flags_share => 200, asked_none => 50, asked_one => 150, asked_three => 360);
is_deeply [ sort keys %each ], [ sort keys %most ], 'all have a bound';
for my $name (sort keys %most) {
    my $each = $each{$name} - ($name =~ /^(?:busiest|snapshot)/ ? 0 : $calling);
    cmp_ok $each, '<', $most{$name}, sprintf "$name: %.0f instructions", $each;
    cmp_ok $each, '>', $most{$name} / 5, '... and it was counted';
}

done_testing;
