# Source and target need not be the same: column order, extra columns, other types, partitions,
# identity and generated columns, another schema. What cannot be brought over is an error.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE ordered (id int PRIMARY KEY, a text, b int);
	CREATE TABLE extra (id int PRIMARY KEY, a text);
	CREATE TABLE wider (id int PRIMARY KEY, n int, v varchar(10));
	CREATE TABLE dropped (gone1 int, id int PRIMARY KEY, a text, gone2 text, gone3 int);
	CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
	CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, z text);
	CREATE TABLE flat (id int, region text, v int, PRIMARY KEY (id, region));
	CREATE TABLE parted (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
	CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
	ALTER TABLE dropped DROP gone1, DROP gone2, DROP gone3;
	INSERT INTO ordered SELECT i, 'a' || i, i FROM generate_series(1, 100) i;
	INSERT INTO extra SELECT i, 'a' || i FROM generate_series(1, 100) i;
	INSERT INTO wider SELECT i, i, 'v' || i FROM generate_series(1, 100) i;
	INSERT INTO dropped SELECT i, 'a' || i FROM generate_series(1, 100) i;
	INSERT INTO always (a) SELECT 'a' || i FROM generate_series(1, 100) i;
	INSERT INTO computed SELECT i, i FROM generate_series(1, 100) i;
	INSERT INTO flat SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 100) i;
	INSERT INTO parted SELECT * FROM flat;
});
$target->safe_psql('app', q{
	CREATE TABLE ordered (b int, id int PRIMARY KEY, a text);
	CREATE TABLE extra (note text DEFAULT 'kept', id int PRIMARY KEY, a text, at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE wider (id bigint PRIMARY KEY, n numeric, v text);
	CREATE TABLE dropped (id int PRIMARY KEY, a text);
	CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
	CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, z text);
	CREATE TABLE flat (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	CREATE TABLE flat_a PARTITION OF flat FOR VALUES IN ('a');
	CREATE TABLE flat_b PARTITION OF flat FOR VALUES IN ('b');
	CREATE TABLE parted (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY HASH (id);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
});

my $change = q{
	INSERT INTO ordered VALUES (1000 + %1$d, 'new', 7);
	UPDATE ordered SET a = NULL WHERE id % 3 = 0;
	DELETE FROM ordered WHERE id % 10 = 1;
	INSERT INTO extra VALUES (1000 + %1$d, 'new');
	UPDATE extra SET a = a || '!';
	UPDATE wider SET n = n + 1, v = 'w';
	INSERT INTO dropped VALUES (1000 + %1$d, 'new');
	UPDATE dropped SET a = 'b' WHERE id < 50;
	INSERT INTO always (a) VALUES ('new'), ('new');
	UPDATE always SET a = a || 'x' WHERE id % 2 = 0;
	DELETE FROM always WHERE id % 9 = 0;
	INSERT INTO computed (id, a, z) VALUES (1000 + %1$d, 5, 'z');
	UPDATE computed SET a = a + 1;
	UPDATE flat SET region = 'b' WHERE region = 'a' AND id % 4 = 0;
	UPDATE parted SET region = 'a', v = -v WHERE region = 'b' AND id % 3 = 0;
	DELETE FROM parted WHERE id % 11 = 0;
	UPDATE flat SET v = v + 1;
};

sub change
{
	my ($n) = @_;
	(my $sql = $change) =~ s/%1\$d/$n/g;

	$source->safe_psql('app', $sql);
}

my $task = DbsyncTest->new(name => 'diff', source => $source, target => $target);

# The same columns in the same order, whatever the tables look like.
my %columns = (
	ordered  => 'id, a, b',
	extra    => 'id, a',
	wider    => 'id, n, v',
	dropped  => 'id, a',
	always   => 'id, a',
	computed => 'id, a, twice, z',
	flat     => 'id, region, v',
	parted   => 'id, region, v');

sub equal_ok
{
	my ($name) = @_;

	foreach my $table (sort keys %columns)
	{
		$task->same_rows_ok("$name: $table",
			"SELECT $columns{$table} FROM public.$table ORDER BY " . ($columns{$table} =~ s/(\w+)/$1::text/gr));
	}
}

$task->until_current_ok('full sync');
equal_ok('by copy');
is($target->safe_psql('app', "SELECT count(*) FROM extra WHERE note = 'kept'"), 100, 'extra columns have their default');
change(1);
$task->until_current_ok('stream');
equal_ok('by stream');

# A column that is added on both sides, on the target first, while dbsync runs.
$task->start('run');
$target->safe_psql('app', 'ALTER TABLE ordered ADD c text');
$source->safe_psql('app', q{ALTER TABLE ordered ADD c text; INSERT INTO ordered VALUES (5000, 'x', 1, 'c'); UPDATE ordered SET c = 'd' WHERE id < 20});
$columns{ordered} = 'id, a, b, c';
$task->wait_rows('ordered');
is($task->stop, 0, 'still running after a column was added on both sides');
$task->until_current_ok('a column added on both sides');
equal_ok('after the added column');

# A column that the target does not have: an error that names it, and nothing of it is applied.
$source->safe_psql('app', q{ALTER TABLE extra ADD missing text; INSERT INTO extra VALUES (9000, 'x', 'lost?')});
my ($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'a column that the target lacks is an error');
like("$out$err", qr/missing/, 'that names the column');
like("$out$err", qr/extra/, 'and the table');
$target->safe_psql('app', 'ALTER TABLE extra ADD missing text');
$task->until_current_ok('goes on once the target has the column');
$columns{extra} = 'id, a, missing';
equal_ok('after the mended table');

# What the preflight finds before anything was copied.
$task->run('drop', '--yes');
$target->safe_psql('app', 'DROP TABLE wider; ALTER TABLE dropped DROP a');
my $broken = DbsyncTest->new(name => 'broken', source => $source, target => $target);
($code, $out, $err) = $broken->run('check');
is($code, 3, 'the preflight sees what the target lacks');
like("$out$err", qr/wider/, 'a table');
like("$out$err", qr/dropped/, 'a column');

# All tables into one schema of another name.
$target->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)');
$target->safe_psql('postgres', 'CREATE DATABASE app');
$target->safe_psql('app', 'CREATE SCHEMA other; CREATE TABLE other.ordered (id int PRIMARY KEY, a text, b int, c text)');
my $moved = DbsyncTest->new(
	name          => 'moved',
	source        => $source,
	target        => $target,
	target_schema => 'other',
	options       => { include_tables => 'public.ordered' });
$moved->until_current_ok('into another schema');
$source->safe_psql('app', q{INSERT INTO ordered VALUES (6000, 'moved', 1, 'c'); DELETE FROM ordered WHERE id = 5});
$moved->until_current_ok('and by stream');
$moved->same_rows_ok('target_schema: rows equal', 'SELECT * FROM public.ordered ORDER BY id',
	'SELECT * FROM other.ordered ORDER BY id');

done_testing();
