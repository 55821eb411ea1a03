package Metrics;

# What /metrics says, in Prometheus's text format. Core Perl only.

use strict;
use warnings;

use Exporter qw(import);
use Httpd;

our @EXPORT = qw($location scrape samples sum_of value_of);

# The pages, for a configuration.
our $location = <<'CONF';
<Location "/reqnotes">
  SetHandler reqnotes
  ReqNotesPages On
</Location>
CONF

sub scrape {
    my ($httpd, $accept) = @_;
    return $httpd->get('/reqnotes/metrics', $accept ? { Accept => $accept } : {})->{content};
}

# A list of [name, {labels}, value].
sub samples {
    my ($text) = @_;
    my @samples;
    for (split /\n/, $text) {
        next if /^#/ || $_ eq '';
        my ($name, $labels, $value) = /^([A-Za-z_][A-Za-z0-9_]*)(?:\{(.*?)\})? (\S+)(?: #.*)?$/ or die "no sample: $_\n";
        my %labels;
        while (($labels // '') =~ /\G([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)",?/g) {
            my ($label, $text) = ($1, $2);
            $text =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ge;
            $labels{$label} = $text;
        }
        push @samples, [ $name, \%labels, $value ];
    }
    return @samples;
}

# The sum of the samples of a name that have these labels; undef where there is none.
sub sum_of {
    my ($text, $name, %labels) = @_;
    my $sum;
    for my $sample (samples($text)) {
        next if $sample->[0] ne $name || grep { ($sample->[1]{$_} // '') ne $labels{$_} } keys %labels;
        $sum = ($sum // 0) + $sample->[2];
    }
    return $sum;
}

# The same of a server, asked now.
sub value_of {
    my ($httpd, @what) = @_;
    return sum_of(scrape($httpd), @what);
}

1;
