# A line costs about as many instructions as it did: they are counted, so that neither the machine
# nor its load matters, and the bounds are half as much again. `make cost` has the whole request.

use strict;
use warnings;
use Test::More;

chomp(my $machine = qx{uname -m});
plan skip_all => "the bounds are of x86_64, not of $machine" if $machine ne 'x86_64';

sub count {
    my ($format, $lines) = @_;
    my $count = qx{build/encode_cost $format $lines};
    plan skip_all => 'this system lets no process trace another' if $? >> 8 == 77;
    return $count =~ /^(\d+)$/ ? $1 : BAIL_OUT("build/encode_cost is broken: $?");
}

my %most = (json => 4150, logfmt => 4550);
for my $format (sort keys %most) {
    my $each = (count($format, 6) - count($format, 2)) / 4;
    cmp_ok $each, '<', $most{$format}, sprintf "a $format line: %.0f instructions", $each;
    cmp_ok $each, '>', $most{$format} / 5, '... and it was written';
}

done_testing;
