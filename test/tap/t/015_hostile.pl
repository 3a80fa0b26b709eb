# Hostile names and hostile data go over unchanged, by copy and by stream.
use strict;
use warnings;

use DbsyncTest;
use Test::More;
use utf8;

my $source = new_source('source');
my $target = new_target('target');

my @names = (
	q{select},
	q{Table With Spaces},
	q{it's "quoted"},
	q{back\\slash},
	"new\nline and\ttab",
	q{%s%n%d},
	q{$1 $$ $x$},
	q{; DROP TABLE victim; --},
	q{/* comment},
	q{dot.in.name},
	q{comma,[bracket]{brace}},
	q{ünïcödé_漢字_🐘},
	q{UPPER},
	' lead and trail ',
	'*',
	'?',
	'x' x 63);

sub quoted
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq{"$name"};
}

my @values = (
	q{''}, q{'\\N'}, q{'\\.'}, q{E'a\\n\\\\.\\nb'}, q{E'\\\\'}, q{E'\\t\\r\\n\\b\\f\\x0b'}, q{'"'}, q{''''},
	q{'null'}, q{'false'}, q{'{"a":[1,2]}'}, q{'["C","0/1"]'}, q{E'\\u2028\\u2029\\ufeff'}, q{'🐘' || chr(1114111)},
	q{repeat('"', 100000)}, q{repeat('\\', 100000)}, q{repeat(E'\\n', 70000)}, q{repeat('漢', 300000)},
	q{(SELECT string_agg(chr(i), '') FROM generate_series(1, 300) i)});

my $setup = "CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1);\n";
my ($insert, $change) = ('', '');
my $list = join ', ', map { "($_)" } @values;

for my $i (0 .. $#names)
{
	my $schema = quoted($names[$i]);
	my $table  = quoted($names[ ($i + 1) % @names ]);
	my $key    = quoted($names[ ($i + 2) % @names ]);
	my $column = quoted($names[ ($i + 3) % @names ]);

	$setup .= "CREATE SCHEMA $schema; CREATE TABLE $schema.$table ($key int GENERATED ALWAYS AS IDENTITY, $column text, n int DEFAULT 0, "
	  . "CONSTRAINT " . quoted("key of $i") . " PRIMARY KEY ($key));\n";
	$insert .= "INSERT INTO $schema.$table ($column) SELECT * FROM (VALUES $list) v;\n";
	$change .= "INSERT INTO $schema.$table ($column) SELECT * FROM (VALUES $list) v;\n"
	  . "UPDATE $schema.$table SET n = n + 1 WHERE $key % 2 = 0;\n"
	  . "UPDATE $schema.$table SET $column = $column || '!' WHERE $key % 5 = 0;\n"
	  . "DELETE FROM $schema.$table WHERE $key % 7 = 0;\n";
}

# As text keys, and in rows that only their whole content names.
$setup .= q{
	CREATE TABLE text_key (k text, n int, PRIMARY KEY (k));
	CREATE TABLE whole_row (v text, w text[]);
	ALTER TABLE whole_row REPLICA IDENTITY FULL;
	CREATE TABLE wide (} . join(', ', 'c0 int PRIMARY KEY', map { "c$_ text" } 1 .. 1199) . qq{);
};
my $short = join ', ', map { "($_, 0)" } grep { !/repeat|string_agg/ } @values;
$insert .= "INSERT INTO text_key VALUES $short; INSERT INTO whole_row SELECT k, ARRAY[k, NULL] FROM text_key;"
  . "INSERT INTO whole_row SELECT k, ARRAY[k, NULL] FROM text_key; INSERT INTO wide (c0, c1, c1199) VALUES (1, 'first', 'last');\n";
$change .= "UPDATE text_key SET n = n + 1; UPDATE text_key SET k = k || '!';"
  . "DELETE FROM whole_row WHERE ctid IN (SELECT min(ctid) FROM whole_row GROUP BY v); UPDATE whole_row SET v = v || '?';"
  . "UPDATE wide SET c600 = 'middle'; INSERT INTO wide (c0, c1199) VALUES (2, 'x');\n";

# psql reads its script from standard input: names with a backslash or a line feed are safe there.
my $encoded = sub { my ($sql) = @_; utf8::encode($sql); return $sql; };
$source->safe_psql('app', $encoded->($setup));
same_schema($source, $target);
$source->safe_psql('app', $encoded->($insert));

my $task = DbsyncTest->new(name => 'hostile', source => $source, target => $target);
$task->until_current_ok('full sync');
$task->sums_equal_ok('hostile names and data, by copy');
$source->safe_psql('app', $encoded->($change));
$task->until_current_ok('stream');
$task->sums_equal_ok('hostile names and data, by stream');
my ($code, $out, $err) = $task->run('verify');
is($code, 0, 'verify');
($code, $out, $err) = $task->run('status');
is($code, 0, 'status');
ok(eval { $task->status; 1 }, 'status --json is valid JSON') or diag($@);

done_testing();
