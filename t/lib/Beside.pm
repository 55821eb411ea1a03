package Beside;

# What t/cost.pl and t/throughput.pl compare: requests as a browser sends them, five facts as notes,
# a LogFormat by hand that looks as our line does, and ours.

use strict;
use warnings;

use Exporter qw(import);
use Httpd ();

our @EXPORT = qw(@names %browser notes fields hand $on $json write_file write_page);

our @names   = qw(user_id api_key api_method session order_id);
our %browser = (
    'User-Agent' => 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    Referer      => 'https://www.example.com/photos/albums/2026/11/summer?page=4&sort=newest',
);
our $on   = "ReqNotes On\n";
our $json = "CustomLog \@DIR\@/logs/access.log \"%^RJ\"\n";

# Notes, set by httpd itself; the server without a log has them too.
sub notes {
    my ($value, @keys) = @_;
    return join '', map { "Header set X-$_ \"$value-$_\"\nHeader note X-$_ $_\n" } @keys;
}

sub fields { return join '', map { "ReqNotesField $_\n" } @_ }

# The LogFormat: with `more`, and notes.
sub hand {
    my ($more, @notes) = @_;
    return 'LogFormat "{\"time\":\"%{%Y-%m-%dT%H:%M:%S}t\",\"id\":\"%{UNIQUE_ID}e\",' . $more
        . join('', map { qq{\\"$_\\":\\"%{$_}n\\",} } @notes)
        . '\"vhost\":\"%v\",\"client\":\"%a\",\"method\":\"%m\",\"path\":\"%U\",\"query\":\"%q\",'
        . '\"protocol\":\"%H\",\"status\":%>s,\"bytes\":%B,\"duration_us\":%D,'
        . '\"referer\":\"%{Referer}i\",\"user_agent\":\"%{User-Agent}i\"}" hand' . "\nCustomLog \@DIR\@/logs/access.log hand\n";
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}

# Writes anew what a command has made of a page.
sub write_page {
    my ($file, $command, $text) = @_;
    my @rest = Httpd::slurp($file) =~ /^(.*<!-- made by \Q$command\E -->\n).*?(<!-- end -->.*)$/s or die "$file has no place for it\n";
    write_file($file, join $text, @rest);
}

1;
