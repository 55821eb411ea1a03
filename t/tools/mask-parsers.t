# packages: php-cli node-qs
# install: nodejs
#
# Masking against the parsers that applications have: a million random queries each for PHP's
# parse_str, Python's urllib.parse and qs of Node. No value that one of them hands to somebody who
# asks for a masked name is in the masked query. How much was masked without need is printed.
#
# Each query is a row of pairs; each value has a marker of its own. A program per parser reads
# "query TAB masked query" lines, and answers with leaks, and with how many markers were
# hidden and how many of these were a secret to it.

use strict;
use warnings;
use File::Temp qw(tempdir);
use IPC::Open2;
use Test::More;

my $count = $ENV{QUERIES} || 1_000_000;
my $seed  = $ENV{SEED} || 20261125;
my $dir   = tempdir(CLEANUP => 1);

my $build = system('g++', '-std=c++20', '-O2', '-Iinclude', '-Itests', '-o', "$dir/mask", 't/tools/mask_queries.cpp');
is $build, 0, 'the program that masks is built' or BAIL_OUT('no program');

# Whether a key of any depth means a secret, for these few names: what is_secret says of the
# whole of a key, without marks before it, in any case and with any mark for `_`.
my $endings = 'password|token|secret|api_key|apikey|signature|session_id';
my $words   = 'code|pin|otp|key|auth|ticket|pass';
use Unpacked;
my %parser = (
    php => [ 'php', '-d', 'memory_limit=-1', '-d', 'max_input_vars=100000', '-r', <<'PHP' ],
function walk($value, $path, &$out) {
  if (!is_array($value)) { $out[] = [$path, (string)$value]; return; }
  foreach ($value as $key => $inner) { $keys = $path; $keys[] = (string)$key; walk($inner, $keys, $out); }
}
while (($line = fgets(STDIN)) !== false) {
  [$query, $masked] = explode("\t", rtrim($line, "\n"));
  parse_str($query, $data);
  walk($data, [], $out);
  foreach ($out as [$keys, $value]) tell($keys, $value, $query, $masked);
  $out = [];
}
finish();
PHP
    python => [ 'python3', '-c', <<'PYTHON' ],
import sys, re, urllib.parse
for line in sys.stdin.buffer:
    query, masked = line.decode('latin-1').rstrip('\n').split('\t')
    for key, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        tell([key], value, query, masked)
finish()
PYTHON
    qs => [ 'node', '-e', <<'NODE' ],
const qs = require('qs');
function walk(value, path, query, masked) {
  if (value === null || typeof value !== 'object') return tell(path, String(value), query, masked);
  for (const key of Object.keys(value)) walk(value[key], path.concat([key]), query, masked);
}
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const [query, masked] = line.split('\t');
  walk(qs.parse(query, {depth: 8, allowPrototypes: true, arrayLimit: 0}), [], query, masked);
}).on('close', finish);
NODE
);
my %tell = (
    php => <<'PHP',
$secret = '/(?:^|_)(?:WORDS)_?\d*$|(?:ENDINGS)_?\d*$/'; $leaks = []; $leaked = $needed = $hidden = 0;
function tell($keys, $value, $query, $masked) {
  global $secret, $leaks, $leaked, $needed, $hidden;
  $is = false;
  foreach ($keys as $key) $is = $is || preg_match($secret, preg_replace('/[-. +\[]/', '_', strtolower(ltrim($key, ' +'))));
  preg_match_all('/M\d+M/', $value, $markers);
  foreach ($markers[0] as $marker) {
    if (strpos($masked, $marker) === false) { $hidden++; if ($is) $needed++; }
    elseif ($is) { if (++$leaked <= 5) $leaks[] = "$query -> $masked"; }
  }
}
function finish() { global $leaks, $leaked, $needed, $hidden; echo "$leaked $needed $hidden\n", implode("\n", $leaks), "\n"; }
PHP
    python => <<'PYTHON',
import re
secret = re.compile(r'(?:^|_)(?:WORDS)_?\d*$|(?:ENDINGS)_?\d*$')
leaks = []; leaked = needed = hidden = 0
def tell(keys, value, query, masked):
    global leaked, needed, hidden
    found = any(secret.search(re.sub(r'[-. +\[]', '_', key.lstrip(' +').lower())) for key in keys)
    for marker in re.findall(r'M\d+M', value):
        if marker not in masked:
            hidden += 1; needed += found
        elif found:
            leaked += 1
            if leaked <= 5: leaks.append(query + ' -> ' + masked)
def finish():
    print(leaked, needed, hidden); print('\n'.join(leaks))
PYTHON
    qs => <<'NODE',
const secret = /(?:^|_)(?:WORDS)_?\d*$|(?:ENDINGS)_?\d*$/, leaks = []; let leaked = 0, needed = 0, hidden = 0;
function tell(keys, value, query, masked) {
  const found = keys.some(key => secret.test(key.replace(/^[ +]+/, '').toLowerCase().replace(/[-. +\[]/g, '_')));
  for (const marker of value.match(/M\d+M/g) || []) {
    if (!masked.includes(marker)) { hidden++; if (found) needed++; }
    else if (found && ++leaked <= 5) leaks.push(query + ' -> ' + masked);
  }
}
function finish() { console.log(leaked, needed, hidden); console.log(leaks.join('\n')); }
NODE
);

for my $name (qw(php python qs)) {
    my @command = @{ $parser{$name} };
    my $program = "$tell{$name}\n" . pop @command;
    $program =~ s/WORDS/$words/g;
    $program =~ s/ENDINGS/$endings/g;
    open my $file, '>', "$dir/$name" or die;
    print $file $name eq 'php' ? "<?php\n$program" : $program;
    close $file;
    pop @command;
    pop @command if $name ne 'php' && $command[-1] =~ /^-/;
    my $run = join ' ', map { "'$_'" } @command, "$dir/$name";
    my ($answer, @leaks) = split /\n/, `'$dir/mask' $seed $count | $run`;
    my ($leaked, $needed, $hidden) = split / /, $answer || '';
    is $leaked, 0, "$name: no leak in $count queries" or diag join "\n", @leaks;
    cmp_ok $needed || 0, '>', $count / 8, "... and $needed values were secrets";
    diag sprintf "%s: %d of %d hidden values (%.1f %%) were hidden without need", $name,
        $hidden - $needed, $hidden, 100 * ($hidden - $needed) / ($hidden || 1);
}

done_testing;
