package Otlp;

# Reads lines of OTLP/JSON.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use Time::Local qw(timegm);

our @EXPORT = qw(nanos read_record read_span);

# How JSON writes each type.
my %shape = (stringValue => qr/".*"/, intValue => qr/"-?\d+"/, doubleValue => qr/-?[\d.]+(?:[eE].\d+)?/, boolValue => qr/true|false/);

sub value {
    my ($any) = @_;
    my ($type) = keys %$any;
    if (my $shape = $shape{$type}) {
        my $text = JSON::PP->new->allow_nonref->encode($any->{$type});
        die "$text is no $type\n" unless $text =~ /^$shape$/;
        return $any->{$type};
    }
    die "no type $type\n" unless $type eq 'arrayValue';
    return [ map { value($_) } @{ $any->{$type}{values} } ];
}

sub attributes {
    my %all;
    for my $one (@{ $_[0] }) {
        die "$one->{key} is there twice\n" if exists $all{ $one->{key} };
        $all{ $one->{key} } = value($one->{value});
    }
    return \%all;
}

# What a line holds one of, with its attributes and those of its resource as hashes.
sub read_one {
    my ($line, $groups, $scopes, $ones) = @_;
    my $group = JSON::PP->new->utf8->decode($line)->{$groups}[0];
    my $scope = $group->{$scopes}[0];
    die "no scope\n" unless $scope->{scope}{name} eq 'mod_reqnotes';
    my $one = $scope->{$ones}[0];
    $_->{attributes} = attributes($_->{attributes}) for $one, @{ $one->{events} || [] };
    $one->{body} = value($one->{body}) if $one->{body};
    return { %$one, resource => attributes($group->{resource}{attributes}) };
}

sub read_span   { return read_one($_[0], qw(resourceSpans scopeSpans spans)) }
sub read_record { return read_one($_[0], qw(resourceLogs scopeLogs logRecords)) }

# A time of RFC 3339 with microseconds, as nanoseconds since 1970.
sub nanos {
    my ($year, $month, $day, $hour, $minute, $second, $micros) = $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{6})Z$/;
    return timegm($second, $minute, $hour, $day, $month - 1, $year) . "${micros}000";
}

1;
