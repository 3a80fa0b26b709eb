# Every type of a MySQL source, the whole way into PostgreSQL: a row that came by the copy, one that came as an insert of the stream, and one
# that an update of the stream changed into it, are the same on the target; and dbsync verify finds both sides equal.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();

my $source = MariaDB->new('source', conf => ['--sql-mode=ALLOW_INVALID_DATES']);
my $target = new_target('target');
my $is_mysql = $source->is_mysql;

# [ type, values ... ]: SQL of the source
my @types = (
	[ 'tinyint', '-128', '127', '0' ],
	[ 'tinyint unsigned', '255', '0' ],
	[ 'tinyint(1)', '0', '1' ],
	[ 'smallint', '-32768', '32767' ],
	[ 'smallint unsigned', '65535' ],
	[ 'mediumint', '-8388608', '8388607' ],
	[ 'mediumint unsigned', '16777215' ],
	[ 'int', '-2147483648', '2147483647' ],
	[ 'int unsigned', '4294967295' ],
	[ 'bigint', '-9223372036854775808', '9223372036854775807' ],
	[ 'bigint unsigned', '18446744073709551615', '9223372036854775808' ],
	[ 'decimal(10,2)', '-12345678.90', '-0.01', '0' ],
	[ 'decimal(65,30)', '-12345678901234567890123456789012345.123456789012345678901234567890' ],
	[ 'decimal(5,5)', '-0.12345' ],
	[ 'float', '1.1', '-3.4028234e38', '123456.789', '16777216' ],
	[ 'float(7,2)', '12345.67' ],
	[ 'double', '0.1', '1.7976931348623157e308', '-123456789.123456789', '2.2250738585072014e-308' ],
	[ 'bit(1)', q{b'1'}, q{b'0'} ],
	[ 'bit(5)', q{b'10110'} ],
	[ 'bit(64)', q{x'8000000000000001'} ],
	[ 'year', '1901', '2155', '0' ],
	[ 'date', q{'1000-01-01'}, q{'9999-12-31'}, q{'0000-00-00'}, q{'2024-02-29'} ],
	[ 'time', q{'-838:59:59'}, q{'838:59:59'}, q{'00:00:00'} ],
	[ 'time(6)', q{'-100:11:12.345678'}, q{'-00:00:00.000001'}, q{'23:59:59.999999'} ],
	[ 'time(2)', q{'-100:11:12.34'} ],
	[ 'datetime', q{'0000-00-00 00:00:00'}, q{'9999-12-31 23:59:59'} ],
	[ 'datetime(3)', q{'2024-02-29 12:34:56.789'} ],
	[ 'datetime(6)', q{'2024-02-29 12:34:56.000001'} ],
	[ 'timestamp null', q{'2038-01-19 03:14:07'}, q{'1970-01-02 00:00:01'} ],
	[ 'timestamp(6) null', q{'2024-02-29 12:34:56.789123'} ],
	[ 'char(20)', q{'äöü€😀'}, q{''}, q{'  x'} ],
	[ 'char(20) character set latin1', q{'äöü€'} ],
	[ 'varchar(60)', q{'trailing  '}, q{'\\\\ " \n \t \b'}, q{'{"not": json}'}, q{'\\\\x41'} ],
	[ 'varchar(60) character set latin1', q{'äöü€œ'} ],
	[ 'varchar(60) character set sjis', q{'日本語 \\\\ ~'} ],
	[ 'varchar(60) character set cp1251', q{'Привет'} ],
	[ 'varchar(60) character set utf16', q{'aä€😀'} ],
	[ 'tinytext', q{'ä'} ],
	[ 'text', q{REPEAT('y', 20000)}, q{''} ],
	[ 'longtext', q{REPEAT('€', 70000)} ],
	[ 'binary(5)', q{x'01'}, q{x'0000000000'} ],
	[ 'varbinary(20)', q{x'00ff00'}, q{''} ],
	[ 'blob', q{REPEAT(x'00', 1000)}, q{''} ],
	[ 'longblob', q{REPEAT(x'00ff5c', 50000)} ],
	[ q{enum('a','B','ä','it''s')}, q{'ä'}, q{'it''s'} ],
	[ q{set('a','b','c d')}, q{'a,c d'}, q{''} ],
	[ 'json', q{'{"a": [1, 2.5, true, null, "x\\\\ny"], "ä": {}}'}, q{'[]'} ],
	[ 'geometry', q{ST_GeomFromText('POINT(1.5 -2)')}, q{ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')} ],
);

push @types, [ 'uuid', q{'018f4e5a-7b3c-7def-8123-456789abcdef'}, q{'00112233-4455-1677-8899-aabbccddeeff'} ],
  [ 'inet6', q{'2001:db8::ff00:42:8329'}, q{'::ffff:1.2.3.4'}, q{'1:0:2:0:3:0:4:0'} ], [ 'inet4', q{'10.0.0.1'} ],
  [ 'varchar(500) compressed', q{REPEAT('aä', 200)} ], [ 'longblob compressed', q{REPEAT(x'00ff', 5000)} ]
  unless $is_mysql;
push @types, [ 'vector(3)', q{STRING_TO_VECTOR('[1,2.5,-3]')} ] if $is_mysql;

# A table for each type: rows 1.. come by the copy, 1001.. as inserts, 2001.. by updates, where they first held NULL.
sub table_of { return sprintf 't%02d', $_[0] }

sub rows_from
{
	my ($first) = @_;
	my $sql = '';

	foreach my $i (0 .. $#types)
	{
		my ($type, @values) = @{ $types[$i] };
		my $id = $first;

		$sql .= sprintf "INSERT INTO %s VALUES %s;\n", table_of($i), join(', ', map { sprintf '(%d, %s)', $id++, $_ } @values, 'NULL');
	}
	return $sql;
}

my @tables = map { table_of($_) } 0 .. $#types;

$source->sql(join '', map { "CREATE TABLE " . table_of($_) . " (id int PRIMARY KEY, v $types[$_][0]);\n" } 0 .. $#types);
$source->sql(rows_from(1));
$source->sql(join '', map { "INSERT INTO $_ SELECT id + 2000, NULL FROM $_;\n" } @tables);

my $task = DbsyncTest->new(source => $source, target => $target);
my ($code, $out, $err) = $task->run('schema');
is($code, 0, 'dbsync schema makes the tables') or diag($err);

$task->until_current_ok('full sync');
my %copied = map { $_ => $target->safe_psql('app', "SELECT id, v FROM app.$_ WHERE id < 1000 ORDER BY id") } @tables;

$source->sql(rows_from(1001));
$source->sql(join '', map { "UPDATE $_ AS t JOIN $_ AS f ON t.id = f.id + 2000 SET t.v = f.v WHERE t.id > 2000;\n" } @tables);
$task->until_current_ok('stream');

foreach my $i (0 .. $#types)
{
	my $table = table_of($i);

	foreach my $way ([ 1000, 'inserted' ], [ 2000, 'updated' ])
	{
		my ($offset, $name) = @$way;
		my $got = $target->safe_psql('app',
			"SELECT id - $offset, v FROM app.$table WHERE id BETWEEN $offset + 1 AND $offset + 999 ORDER BY id");

		is($got, $copied{$table}, "$types[$i][0]: what is $name by the stream is what was copied");
	}
}

($code, $out, $err) = $task->run('verify');
is($code, 0, 'dbsync verify finds no difference') or diag($out, $err);

# The whole row is the key where there is none: floats, json and geometry have to be found by their values too.
$source->sql(<<'END');
CREATE TABLE keyless (a int, f float, d double, n decimal(10,3), at datetime(6), t time(3), j json, g geometry, b blob, e enum('x','y'));
END
$target->safe_psql('app',
	'CREATE TABLE app.keyless (a int, f real, d double precision, n numeric(10,3), at timestamp(6), t interval, j jsonb, g bytea, b bytea, e text)');
my $skipping = DbsyncTest->new(source => $source, target => $target, mysql => { ddl => 'skip' }, local_path => "$task->{dir}/local.db");

$source->sql(<<'END');
INSERT INTO keyless VALUES (1, 1.1, 0.1, 1.5, '2024-01-01 00:00:00.000001', '-10:00:00.5', '{"a": 1}', ST_GeomFromText('POINT(1 2)'), x'00', 'x'),
	(2, 123456.789, 1e300, -1.5, NULL, '838:59:59', '[]', NULL, '', 'y'), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
UPDATE keyless SET a = a + 10;
DELETE FROM keyless WHERE a = 12;
UPDATE keyless SET f = f + 1, j = NULL;
END
$skipping->until_current_ok('stream of a table without key');
is($target->safe_psql('app', q{SELECT string_agg(concat_ws(',', a, f, d, n, at, t, e), ' ' ORDER BY a) FROM app.keyless}),
	'11,2.1,0.1,1.500,2024-01-01 00:00:00.000001,-10:00:00.5,x 13', 'rows without a key are found by their values');

# A generated column that is an ordinary one on the target must be in the log; a session may leave it out.
SKIP:
{
	skip 'MySQL leaves out only what has not changed', 4 if $is_mysql;
	$target->safe_psql('app', 'CREATE TABLE app.made (id int PRIMARY KEY, a int, g int)');
	$source->sql('CREATE TABLE made (id int PRIMARY KEY, a int, g int AS (a + 1) VIRTUAL); INSERT INTO made (id, a) VALUES (1, 1); UPDATE made SET a = 2;');
	$skipping->until_current_ok('generated column');
	is($target->safe_psql('app', 'SELECT * FROM app.made'), '1|2|3', 'its value comes with whole rows');
	$source->sql('SET binlog_row_image = MINIMAL; UPDATE made SET a = 3;');
	($code, $out, $err) = $skipping->run('run', '--until', 'current');
	isnt($code, 0, 'an update without it stops the stream');
	like($err, qr/no value for the generated column g/, 'which says why');
}

done_testing();
