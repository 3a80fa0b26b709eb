# dbsync verify with a MariaDB source: equal where the copy is, whatever the types; what differs is named; a source that is written meanwhile.
use strict;
use warnings;

use DbsyncTest;
use JSON::PP ();
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $source = MariaDB->new('mariadb');
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE types (id int PRIMARY KEY, b1 tinyint(1), bu bigint unsigned, d decimal(20,5), f float, db double, bt bit(5), y year, dt date, ti time(3), dtm datetime(6), ts timestamp(2) NULL,
	c char(10), v varchar(100), tx longtext, bn binary(4), bl longblob, e enum('a','b'), st set('x','y','z"q'), j json, g geometry, u uuid, gen int AS (id * 2) STORED, virt int AS (id + 1) VIRTUAL);
INSERT INTO types (id) VALUES (1);
INSERT INTO types (id, b1, bu, d, f, db, bt, y, dt, ti, dtm, ts, c, v, tx, bn, bl, e, st, j, g, u) VALUES
	(2, 1, 18446744073709551615, 1.5, 0.1, 0.1, b'101', 2024, '2024-02-29', '-100:11:12.340', '2024-02-29 10:00:00.25', '2024-02-29 10:00:00.5', 'a ', 'b ', 'ü\t😀', 'x', '\0\1', 'b', 'x,z"q',
	 '{"b": 1.0,  "a": [true, null]}', ST_GeomFromText('POINT(1 2)'), '123e4567-e89b-12d3-a456-426655440000'),
	(3, 0, 0, -0.00001, 16777217, 1e-300, b'0', 1901, '0001-01-01', '838:59:59', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '', '', '', '', '', 'a', '', '"text"', NULL, NULL);
CREATE TABLE large (id bigint PRIMARY KEY, t varchar(50));
INSERT INTO large SELECT seq, CONCAT('row ', seq) FROM seq_1_to_50000;
CREATE TABLE pair (a int, b varchar(20), n int, PRIMARY KEY (a, b)) CHARACTER SET latin1;
INSERT INTO pair SELECT seq, CONCAT('ä', seq), seq FROM seq_1_to_1000;
CREATE TABLE no_key (a int, b varchar(10));
INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
CREATE TABLE hollow (id int PRIMARY KEY);
SET sql_mode = '';
CREATE TABLE zero (id int PRIMARY KEY, d date, t text);
INSERT INTO zero VALUES (1, '0000-00-00', 'ok');
END
$target->safe_psql('app', <<'END');
CREATE SCHEMA app;
SET search_path = app;
CREATE TABLE types (id int PRIMARY KEY, b1 boolean, bu numeric(20), d numeric(20,5), f real, db double precision, bt bit(5), y smallint, dt date, ti interval, dtm timestamp, ts timestamptz,
	c char(10), v varchar(100), tx text, bn bytea, bl bytea, e text, st text[], j jsonb, g bytea, u uuid, gen int GENERATED ALWAYS AS (id * 2) STORED, virt int);
CREATE TABLE large (id bigint PRIMARY KEY, t text);
CREATE TABLE pair (n int, b text, a int, PRIMARY KEY (a, b));
CREATE TABLE no_key (a int, b text);
CREATE TABLE hollow (id int PRIMARY KEY);
CREATE TABLE zero (id int PRIMARY KEY, d date, t text);
END

my $task = DbsyncTest->new(source => $source, target => $target, name => 'verify');

# Exit code, and the report's tables by name.
sub verify
{
	my (@args) = @_;
	my ($code, $out, $err) = $task->run('verify', '--json', @args);
	my $report = JSON::PP->new->utf8->decode($out);

	return ($code, { map { $_->{table} => $_ } @{ $report->{tables} } }, $report, $err);
}

# ---- nobody runs

is(($task->run('run', '--copy-only'))[0], 0, 'the copy');
my ($code, $tables, $report) = verify();
is($code, 0, 'equal after the copy');
is(scalar keys %$tables, 6, 'all tables are compared');
is_deeply([ map { "$_ $tables->{$_}{result} $tables->{$_}{source_rows} $tables->{$_}{target_rows}" } sort keys %$tables ],
	[ 'hollow equal 0 0', 'large equal 50000 50000', 'no_key equal 3 3', 'pair equal 1000 1000', 'types equal 3 3', 'zero equal 1 1' ],
	'each of them, with its rows');
ok($report->{equal}, 'the report says so');
($code, $tables) = verify('--tables=app.l*');
is_deeply([ $code, keys %$tables ], [ 0, 'large' ], '--tables');

# What the target computes is compared with what the source has.
$target->safe_psql('app', 'ALTER TABLE app.types DROP gen, ADD gen int GENERATED ALWAYS AS (id * 3) STORED');
($code, $tables) = verify('--tables=app.types', '--once');
is("$code $tables->{types}{result}", '4 different', 'a generated column that the target computes in another way');
$target->safe_psql('app', 'ALTER TABLE app.types DROP gen, ADD gen int GENERATED ALWAYS AS (id * 2) STORED');

# ---- differences, and which

$target->safe_psql('app', <<'END');
SET search_path = app;
DELETE FROM large WHERE id = 777;
UPDATE large SET t = t || ' ' WHERE id IN (5, 49999);
INSERT INTO large VALUES (50001, 'more');
UPDATE pair SET n = 0 WHERE a = 10;
UPDATE types SET ts = ts + interval '10 ms' WHERE id = 2;
INSERT INTO no_key VALUES (1, 'x');
INSERT INTO hollow VALUES (1);
END
($code, $tables, $report, my $err) = verify();
is($code, 4, 'different: exit code');
is($tables->{$_}{result}, 'different', "$_ is different") foreach qw(large pair types no_key hollow);
is($tables->{zero}{result}, 'equal', 'a table that is equal stays so');
like($tables->{large}{remark}, qr/^row \(id\) = /, 'the rows are named');
like($tables->{large}{remark}, qr/\($_->[0]\) is $_->[1]/, "row $_->[0] is $_->[1]")
  foreach ([ 5, 'not the same' ], [ 49999, 'not the same' ], [ 777, 'missing on the target' ], [ 50001, 'only on the target' ]);
like($tables->{pair}{remark}, qr/^row \(a, b\) = \(10,\x{e4}10\) is not the same$/, 'a key of two columns');
like($tables->{types}{remark}, qr/\(2\) is not the same/, 'ten milliseconds are a difference');
is($tables->{no_key}{remark}, undef, 'rows without key have no name');
like($err, qr/error verify: app.large is different: row \(id\)/, 'the log has it, too');

$target->safe_psql('app', q{UPDATE app.large SET t = 'all others'});
($code, $tables) = verify('--tables', 'app.large');
like($tables->{large}{remark}, qr/(is not the same, .*){5}and more$/, 'a few of many rows');

$target->safe_psql('app', 'TRUNCATE app.large, app.pair; DROP TABLE app.hollow; ALTER TABLE app.pair DROP n; ALTER TABLE app.types ALTER bu TYPE int USING 1');
$source->sql("INSERT INTO zero VALUES (2, NULL, CONCAT('a', CHAR(0)))");
($code, $tables) = verify();
like($tables->{hollow}{result} . $tables->{hollow}{remark}, qr/failed.*no such table/, 'a table that the target has not');
like($tables->{pair}{result} . $tables->{pair}{remark}, qr/failed.*no column n/, 'a column that the target has not');
like($tables->{types}{result} . $tables->{types}{remark}, qr/different.*cannot have a value.*out of range/, 'a value that does not fit');
like($tables->{zero}{result} . $tables->{zero}{remark}, qr/different1 row of the source cannot be stored \(zero byte in text in column t\)/,
	'a value that cannot be stored');
is($tables->{large}{source_rows} . ' ' . $tables->{large}{target_rows}, '50000 0', 'an empty table');

# ---- beside a run, while the source is written

$source->sql('DROP TABLE types, zero, pair, no_key, hollow');
$source->sql(<<'END');
DELIMITER //
CREATE PROCEDURE work()
BEGIN
	DECLARE i int DEFAULT 0;
	WHILE GET_LOCK('stop', 0) DO
		DO RELEASE_LOCK('stop');
		UPDATE large SET t = CONCAT('new ', i) WHERE id = i * 7 % 50000 + 1;
		DO SLEEP(0.003); -- a rate that any machine can follow
		SET i = i + 1;
	END WHILE;
END //
DELIMITER ;
END
$target->safe_psql('app', 'DROP SCHEMA dbsync CASCADE; TRUNCATE app.large');
$task = DbsyncTest->new(source => $source, target => $target, name => 'beside');
$task->start('run');
wait_for('the copy', sub { $task->target_rows('app.large') == 50000 });
my $brake = $source->session;
my $writer = $source->session;
$writer->send('CALL work()');
wait_for('the stream', sub { $target->safe_psql('app', q{SELECT count(*) > 20 FROM app.large WHERE t LIKE 'new %'}) eq 't' });
($code, $tables, $report) = verify();
is($code, 0, 'equal while the source is written') or diag(JSON::PP->new->pretty->encode($report));
is($report->{note}, undef, 'the run was waited for');
$brake->sql("SELECT GET_LOCK('stop', 60)");
$writer->end;
$brake->end;
($code, $tables, $report) = verify();
is("$code $tables->{large}{looks}", '0 1', 'and once it pauses') or diag(JSON::PP->new->pretty->encode($report));
$source->sql('CREATE DATABASE elsewhere; CREATE TABLE elsewhere.t (id int); INSERT INTO elsewhere.t VALUES (1)');
($code, $tables, $report) = verify('--wait=20s');
is($code, 0, 'equal, though the last transaction is of another database');
is($report->{note}, undef, 'and that does not keep us waiting');
is($task->stop, 0, 'the run ends');
($code, $tables, $report) = verify('--once');
is($code, 0, 'equal when nobody runs');

done_testing();
