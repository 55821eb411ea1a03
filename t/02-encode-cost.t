# A line costs about as many instructions as it did: they are counted, so that neither the machine
# nor its load matters, and the bounds are half as much again. `make cost` has the whole request.

use strict;
use warnings;
use Test::More;

chomp(my $machine = qx{uname -m});
plan skip_all => "the bounds are of x86_64, not of $machine" if $machine ne 'x86_64';

# The word and the instructions of a format; nothing where there are no more.
sub count {
    my ($format, $lines) = @_;
    my $count = qx{build/encode_cost $format $lines};
    plan skip_all => 'this system lets no process trace another' if $? >> 8 == 77;
    return if $? >> 8 == 3;
    return $count =~ /^(\w+) (\d+)$/ ? ($1, $2) : BAIL_OUT("build/encode_cost is broken: $?");
}

my %most = (JSON => 4150, logfmt => 4550, ECS => 4150, OTLP => 4450);
for (my $format = 0; my ($word, $two) = count($format, 2); ++$format) {
    my $each = ((count($format, 6))[1] - $two) / 4;
    my $most = delete $most{$word};
    ok $most, "$word has a bound" or next;
    cmp_ok $each, '<', $most, sprintf "a $word line: %.0f instructions", $each;
    cmp_ok $each, '>', $most / 5, '... and it was written';
}
is_deeply \%most, {}, 'and no other has';

done_testing;
