# packages: logrotate apache2
# Logs are rotated on Debian: by the rules of its package where their names end in .log, and
# otherwise by those of the manual. A server that is stopped stays so, a missing file is no error.

use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Httpd;
use Test::More;
use Tools;

my $logrotate = tool('logrotate');
my ($rules) = Httpd::slurp('docs/operations.md') =~ m{^```text\n(/var/log/apache2/\S+ \{\n.*?^\}\n)```}ms;
my $dir = tempdir('rotation-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# The rules for files in a folder of the test, where an invoke-rc.d writes down what it is asked;
# `running` is what it says of the server.
sub rotate {
    my ($rules, $running, $how, @files) = @_;
    my $place = tempdir(DIR => $dir);
    my $write = sub {
        my ($name, $text, $mode) = @_;
        open my $out, '>', "$place/$name" or die "$place/$name: $!";
        print $out $text;
        close $out;
        chmod $mode, "$place/$name";
    };
    mkdir "$place/log";
    mkdir "$place/bin";
    $write->("log/$_", "a line\n", 0644) for @files;
    $write->("bin/$_", "#!/bin/sh\necho $_ \"\$@\" >> $place/asked\ntest \"\$2\" != status || exit $running\n", 0755)
        for qw(invoke-rc.d apachectl apache2ctl systemctl service);
    $write->('bin/pgrep', "#!/bin/sh\nexit $running\n", 0755);
    $write->('bin/logger', "#!/bin/sh\n", 0755);
    $write->('rules', $rules =~ s{/var/log/apache2}{$place/log}r, 0644);
    local $ENV{PATH} = "$place/bin:$ENV{PATH}";
    my $text = run_tool($logrotate, $how, '-s', "$place/state", "$place/rules");
    my $asked = Httpd::slurp("$place/asked");
    return { text => $text, status => $?, place => $place, asked => $asked =~ s/^.* status\n//mgr };
}

ok $rules, 'the manual has rules';
for my $case ([ 'the rules of the manual', $rules, qw(access.json error.json) ],
    [ 'those of Debian', Httpd::slurp(tool_file('/etc/logrotate.d/apache2')), qw(reqnotes_access.log reqnotes_error.log) ]) {
    my ($name, $text, @files) = @$case;
    my $debug = rotate($text, 0, '-d', @files);
    like $debug->{text}, qr{considering log \S+/log/$_$}m, "$name are for $_" for @files;
    unlike $debug->{text}, qr/error:/, '... and without mistakes';
    my $none = rotate($text, 0, '-d');
    is $none->{status}, 0, '... a missing file is no error' or diag $none->{text};
    unlike $none->{text}, qr/^error/m, '... and none is told';
    next if $>;  # an owner can be given by root alone

    my $running = rotate($text, 0, '-f', @files);
    is $running->{status}, 0, '... they rotate' or diag $running->{text};
    for my $file (@files) {
        ok -s "$running->{place}/log/$file.1", "... $file";
        my @new = stat "$running->{place}/log/$file";
        is sprintf('%o %s:%s', $new[2] & 07777, scalar getpwuid $new[4], scalar getgrgid $new[5]), '640 root:adm',
            '... whose new file only root and the group adm can read';
    }
    is $running->{asked}, "invoke-rc.d apache2 reload\n", '... reload a server that runs, once';
    is rotate($text, 3, '-f', @files)->{asked}, '', '... and leave alone one that does not';
}

done_testing;
