# dbsync verify: equal, different, under load, in part; partitions, column order, encodings.
use strict;
use warnings;

use DbsyncTest;
use JSON::PP ();
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE item (id int PRIMARY KEY, name text, n numeric, at timestamptz DEFAULT now(), f float8, b bytea);
	CREATE TABLE log (line text);
	CREATE TABLE parted (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
	CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
	CREATE TABLE flat (id int PRIMARY KEY, v text);
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE heir (more text) INHERITS (parent);
	CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
	CREATE TABLE nothing ();
	CREATE TABLE "Odd ""name" ("a b" int PRIMARY KEY, "c'd" text);
	INSERT INTO item SELECT i, 'n' || i, i / 7.0, now(), i / 3.0, decode(md5(i::text), 'hex') FROM generate_series(1, 5000) i;
	INSERT INTO log SELECT 'l' || i FROM generate_series(1, 500) i;
	INSERT INTO parted SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 200) i;
	INSERT INTO flat SELECT i, 'f' || i FROM generate_series(1, 200) i;
	INSERT INTO parent VALUES (1), (2);
	INSERT INTO heir VALUES (3, 'x');
	INSERT INTO computed SELECT i, i FROM generate_series(1, 50) i;
	INSERT INTO "Odd ""name" VALUES (1, 'x');
});
$target->safe_psql('app', q{
	CREATE TABLE item (b bytea, f float8, at timestamptz, extra text DEFAULT 'kept', n numeric, name text, id int PRIMARY KEY);
	CREATE TABLE log (line text);
	CREATE TABLE parted (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY HASH (id);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	CREATE TABLE flat (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE flat_1 PARTITION OF flat FOR VALUES FROM (MINVALUE) TO (100);
	CREATE TABLE flat_2 PARTITION OF flat FOR VALUES FROM (100) TO (MAXVALUE);
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE heir (more text) INHERITS (parent);
	CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
	CREATE TABLE nothing ();
	CREATE TABLE "Odd ""name" ("a b" int PRIMARY KEY, "c'd" text);
	ALTER DATABASE app SET extra_float_digits = 0;
	ALTER DATABASE app SET timezone = 'Asia/Tokyo';
	ALTER DATABASE app SET bytea_output = 'escape';
});

my $task = DbsyncTest->new(name => 'verify', source => $source, target => $target);

sub verify
{
	my @args = @_;
	my ($code, $out) = $task->run('verify', '--json', @args);
	my $report = JSON::PP->new->utf8->decode($out);

	return ($code, $report, { map { $_->{table} => $_ } @{ $report->{tables} } });
}

my ($code, $report, $table);

$task->until_current_ok('full sync');
($code, $report, $table) = verify();
is($code, 0, 'equal, whatever column order, partitions and output settings: exit code 0');
is_deeply([ sort keys %$table ], [ sort 'Odd "name', qw(computed flat heir item log nothing parent parted) ],
	'partitioned tables are compared as a whole');
is($table->{item}{source_rows}, 5000, 'rows are counted');
is($table->{parent}{source_rows}, 2, "a parent's rows are its own");
is($table->{item}{source_sum}, (split / /, (sums_of($source, 'public.item'))[0])[1], 'the sum is that of the row text');

# Without a run: said, and compared all the same.
$source->safe_psql('app', 'INSERT INTO log VALUES (\'later\')');
($code, $report, $table) = verify();
is($code, 4, 'a row that no dbsync brings over: exit code 4');
like($report->{note}, qr/no dbsync is running/, 'and that none is running');
is($table->{log}{result}, 'different', 'the table is named');
is($table->{log}{source_rows} - $table->{log}{target_rows}, 1, 'with its rows');

# With one: waits for it.
$task->start('run');
wait_for('the slot to be read', sub {
	$source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots WHERE active') == 1;
});
($code, $report) = verify();
is($code, 0, 'with a run: waits until the target has the position');
is($report->{note}, undef, 'nothing to remark');
my $idle = $source->safe_psql('app', 'SELECT pg_switch_wal(); CHECKPOINT; SELECT 1');
($code, $report) = verify();
is($code, 0, 'an idle source whose WAL moves');
is($report->{note}, undef, 'its position is passed too');

# Changed on the target: a value, a row too many, a row too few.
$target->safe_psql('app', q{
	UPDATE item SET n = n + 0.0000001 WHERE id = 77;
	INSERT INTO parted VALUES (9999, 'a', 1);
	DELETE FROM heir;
});
($code, $report, $table) = verify();
is($code, 4, 'differences: exit code 4');
is_deeply([ grep { $table->{$_}{result} ne 'equal' } sort keys %$table ], [qw(heir item parted)], 'in these tables');
($code, $report, $table) = verify('--tables', 'public.log, public.flat');
is($code, 0, '--tables leaves out others');
is_deeply([ sort keys %$table ], [qw(flat log)], 'and has these');
($code, $report, $table) = verify('--tables', 'public.parted', '--once');
is($code, 4, '--once');
is($table->{parted}{looks}, 1, 'looks once');
($code) = $task->run('verify', '--tables', '"open');
is($code, 2, 'a pattern that is none is a usage error');
($code) = $task->run('verify', '--wait', 'long');
is($code, 2, 'a time that is none, too');
my ($text_code, $text, $log) = $task->run('verify');
like($text, qr/^public\.item .* different$/m, 'the table for people');
like($log, qr/public\.heir is different/, 'and the list in the log');
$target->safe_psql('app', q{
	UPDATE item SET n = n - 0.0000001 WHERE id = 77;
	DELETE FROM parted WHERE id = 9999;
	INSERT INTO heir VALUES (3, 'x');
});

# While the source is written all the time: what is equal is found to be, and a difference is found.
my $load = "$task->{dir}/load.sql";
open my $file, '>', $load or die $!;
print $file "\\set id random(1, 5000)\nUPDATE item SET name = name || '.' WHERE id = :id;\nINSERT INTO log VALUES (:id);\n";
close $file;
my $writer = IPC::Run::start([ 'pgbench', '-n', '-c', 2, '-T', 300, '-f', $load, $source->connstr('app') ],
	'>', '/dev/null', '2>', '/dev/null');
wait_for('some writes', sub { $source->safe_psql('app', 'SELECT count(*) FROM log') > 1000 });
($code, $report, $table) = verify();
is($code, 0, 'under load: equal') or diag(explain($report));
cmp_ok($table->{log}{looks}, '>=', 1, 'after some looks');
$target->safe_psql('app', q{INSERT INTO "Odd ""name" VALUES (2, 'not from the source'); INSERT INTO log VALUES ('nor this')});
($code, $report, $table) = verify();
is($code, 4, 'under load: a difference is found');
is($table->{log}{result}, 'different', 'also in a table that is being written');
is($table->{'Odd "name'}{result}, 'different', 'and in one that is not');
is($table->{item}{result}, 'equal', 'the other one is equal');
$writer->kill_kill;
$target->safe_psql('app', q{DELETE FROM "Odd ""name" WHERE "a b" = 2; DELETE FROM log WHERE line = 'nor this'});
is($task->stop, 0, 'stopped');

# What cannot be compared is no equality.
$target->safe_psql('app', 'ALTER TABLE computed RENAME a TO z; ALTER TABLE nothing RENAME TO something');
($code, $report, $table) = verify();
is($code, 4, 'a missing table and a missing column: exit code 4');
is($table->{nothing}{result}, 'failed', 'table');
like($table->{computed}{remark}, qr/no column a/, 'column');

# The same text in two encodings.
my $latin = new_target('latin', encoding => 'LATIN1', locale => 'C');
$source->safe_psql('app', "CREATE TABLE word (id int PRIMARY KEY, w text); INSERT INTO word VALUES (1, E'gr\\u00fcn'), (2, 'plain')");
$latin->safe_psql('app', 'CREATE TABLE word (id int PRIMARY KEY, w text)');
my $encoded = DbsyncTest->new(
	name => 'encoded', source => $source, target => $latin, options => { include_tables => 'public.word' });
$encoded->until_current_ok('into another encoding');
($code) = $encoded->run('verify');
is($code, 0, 'is equal to what it was');
$latin->safe_psql('app', "UPDATE word SET w = 'grun' WHERE id = 1");
($code) = $encoded->run('verify');
is($code, 4, 'until it is changed');

done_testing();
