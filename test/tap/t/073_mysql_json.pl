# MySQL's JSON is binary in the log and text in a SELECT: documents of all kinds of values, made at random, are the same on the target whether they came
# by the copy or by the stream, in full and in cut images. Prints its seed; DBSYNC_TEST_SEED repeats it.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no MySQL: make check-mysql' unless MariaDB::is_mysql();

my $seed = $ENV{DBSYNC_TEST_SEED} || time;
diag("DBSYNC_TEST_SEED=$seed");
srand $seed;

my $source = MariaDB->new('mysql');
my $target = new_target('target');

sub one_of { return $_[ rand @_ ] }

sub letters
{
	my ($count) = @_;

	return join '', map { one_of('a', '"', '\\\\', '\n', 'é', '😀', '\t', "''", '/', 'x', '\b', ' ') } 1 .. $count;
}

# SQL of a value within a document
sub value
{
	my ($depth) = @_;
	my @kinds = (
		sub { 'CAST(' . one_of(qw(0 1 -1 32767 32768 -32768 -32769 65535 65536 2147483647 2147483648 -2147483649 9223372036854775807 18446744073709551615
			-9223372036854775808)) . ' AS JSON)' },
		sub { 'CAST(' . one_of(qw(0e0 1e0 -0.1e0 1e300 2.5e-10 123456789.123e0 1e15 1e16 1e17 -1e-7 3e0 0.1e0)) . ' AS JSON)' },
		sub { q{CAST(CAST('} . one_of(qw(1.50 -0.001 12345678901234567890.123456789 0 -99999999999999999999999999999999999.999999999999999999999999999999))
			  . q{' AS DECIMAL(65,30)) AS JSON)} },
		sub { 'CAST(' . one_of('1.5', '-0.01', '10') . ' AS JSON)' },
		sub { q{CAST(CAST('2024-02-29 10:11:12.345678' AS DATETIME(} . int(rand 7) . ')) AS JSON)' },
		sub { q{CAST(CAST('} . one_of('-838:59:59', '10:00:00.5', '-00:00:00.1', '00:00:00') . q{' AS TIME(6)) AS JSON)} },
		sub { q{CAST(DATE'1999-12-31' AS JSON)} },
		sub { q{CAST(TIMESTAMP'2001-01-01 00:00:00.25' AS JSON)} },
		sub { q{CAST(x'00ff41} . 'ab' x int(rand 200) . q{' AS JSON)} },
		sub { q{CAST(b'10101' AS JSON)} },
		sub { 'CAST(' . one_of(q{'true'}, q{'false'}, q{'null'}) . ' AS JSON)' },
		sub { q{'} . letters(int rand 30) . q{'} },
		sub { q{REPEAT('} . letters(3) . q{', } . one_of(40, 50, 100, 6000, 20000) . ')' },
		sub { 'JSON_ARRAY(' . join(', ', map { value($depth + 1) } 1 .. int rand 6) . ')' },
		sub { 'JSON_OBJECT(' . join(', ', map { (qq{'$_} . letters(int rand 5) . q{'}, value($depth + 1)) } 1 .. int rand 6) . ')' });

	return $kinds[ rand($depth > 3 ? @kinds - 2 : @kinds) ]->();
}

my $id = 0;

sub documents
{
	my ($count) = @_;

	return join '', map { 'INSERT INTO doc VALUES (' . ++$id . ', ' . one_of('JSON_EXTRACT(JSON_ARRAY(' . value(0) . q{), '$[0]')}, 'JSON_ARRAY(' . value(0) . ')',
			q{JSON_OBJECT('', } . value(0) . q{, 'a', } . value(0) . ')', 'NULL') . ", 0);\n" } 1 .. $count;
}

# Beyond 64 kB offsets have four bytes.
my $large = <<'END';
INSERT INTO doc SELECT %d, JSON_ARRAYAGG(seq), 0 FROM seq_1_to_30000;
INSERT INTO doc SELECT %d, JSON_OBJECTAGG(CONCAT('key', seq), seq * 3.5), 0 FROM seq_1_to_20000;
INSERT INTO doc SELECT %d, JSON_OBJECT('a', JSON_ARRAYAGG(JSON_ARRAY(seq, CONCAT('s', seq))), 'b', REPEAT('x', 3000000)), 0 FROM seq_1_to_5000;
END

sub equal_ok
{
	my ($what, $task) = @_;
	my ($code, $out, $err) = $task->run('verify');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($code, 0, $what) or diag($out, $err);
}

$source->sql('CREATE TABLE doc (id int PRIMARY KEY, j json, n int)');
$source->sql(documents(150) . sprintf($large, map { $_ + 10000 } 1 .. 3));
my $task = DbsyncTest->new(source => $source, target => $target);
is(($task->run('schema'))[0], 0, 'the table');
$task->until_current_ok('copy');
equal_ok('the copy is equal', $task);

foreach my $image (qw(FULL NOBLOB MINIMAL))
{
	$source->sql("SET GLOBAL binlog_row_image = $image", '');
	$source->sql(documents(100) . sprintf($large, map { ++$id + 20000 } 1 .. 3));
	$source->sql(<<'END');
UPDATE doc SET n = n + 1 WHERE id % 2 = 0;
UPDATE doc AS a JOIN doc AS b ON a.id = b.id + 1 SET a.j = b.j WHERE a.id % 3 = 0;
UPDATE doc SET j = JSON_SET(j, '$.a', n) WHERE id % 5 = 0;
UPDATE doc SET id = id + 100000 WHERE id % 11 = 0 AND id < 100000;
DELETE FROM doc WHERE id % 17 = 0;
END
	$task->until_current_ok("stream, binlog_row_image = $image");
	equal_ok("the stream is equal, binlog_row_image = $image", $task);
}

done_testing();
