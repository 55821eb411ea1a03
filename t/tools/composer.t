# packages: composer php-cli
# conf/php/composer.json is valid, and an application that takes the helper with Composer has it.

use strict;
use warnings;
use lib 't/lib';
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Httpd;
use Test::More;
use Tools;

my $top = getcwd();
my $dir = tempdir(CLEANUP => 1);
# Packages of the system look for others in /usr/share/php.
my @php = (tool('php'), '-d', 'include_path=' . join ':', grep { -d } "$top/build/unpacked/usr/share/php", '/usr/share/php');
$ENV{COMPOSER_HOME} = "$dir/home";
$ENV{COMPOSER_ALLOW_SUPERUSER} = $ENV{COMPOSER_DISABLE_NETWORK} = 1;
my @composer = (@php, tool('composer'), '--no-interaction');

my $said = run_tool(@composer, 'validate', '--strict', "$top/conf/php/composer.json");
is $?, 0, 'composer.json is valid' or diag $said;

mkdir "$dir/app";
open my $out, '>', "$dir/app/composer.json" or die $!;
print $out JSON::PP->new->encode({
    repositories => [ { type => 'path', url => "$top/conf/php", options => { symlink => JSON::PP::false } }, { 'packagist.org' => JSON::PP::false } ],
    require      => { 'mod-reqnotes/reqnotes' => '*@dev' },
});
close $out;
$said = run_tool(@composer, 'install', "--working-dir=$dir/app");
is $?, 0, 'an application takes it' or diag $said;
is run_tool(tool('php'), '-n', '-r', "require '$dir/app/vendor/autoload.php'; require '$top/conf/php/reqnotes.php'; var_dump(reqnotes_set('user_id', 1));"),
    "bool(false)\n", '... and has its functions, beside a copy of its own too';

done_testing;
