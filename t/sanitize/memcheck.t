# The module as it ships, in a server of one process under valgrind: no error and no leak that
# names it. `make sanitize` runs this.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use Httpd;
use Site;
use Test::More;

# Pools give memory back early, so that more of what is wrong with it shows.
my $httpd = Site::prepare(conf => "ThreadsPerChild 4\nMaxMemFree 1\n");
my $report = "$httpd->{dir}/run/memcheck";
my $preload = abs_path('build/sanitize/undefined.so');
$httpd->{under} = [ 'env', "LD_PRELOAD=$preload", qw(valgrind --tool=memcheck --leak-check=full --num-callers=40 --error-limit=no
    --track-origins=yes --keep-debuginfo=yes), "--log-file=$report" ];
$httpd->{options} = ['-DONE_PROCESS'];
$httpd->run or BAIL_OUT('httpd does not start: ' . $httpd->{output} =~ s/\n/ /gr);

is_deeply [ Site::round($httpd, 10) ], [], 'a mixed load is answered';
my $pid = $httpd->{pid};
is_deeply [ $httpd->end ], [], 'no child of httpd crashed';

# The server's own report, and not that of a process that it forked.
my $text = join "\n", map { s/^==\d+== ?//r } grep { /^==$pid==/ } split /\n/, Httpd::slurp($report);
like $text, qr/ERROR SUMMARY/, 'valgrind has seen the server end';
my @blocks = split /\n\s*\n/, $text;
my @ours = grep { /^\s+(?:at|by) 0x.*reqnotes/m } @blocks;
is_deeply \@ours, [], 'no error and no leak names the module';
diag scalar(grep { /^\s+(?:at|by) 0x/m } @blocks) . ' reports in all' if @ours;

done_testing;
