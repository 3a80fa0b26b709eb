# MariaDB to PostgreSQL, the whole way once: the full sync while the source is written, every kind of statement in the stream, resume, and
# the same rows on both sides. With both kinds of local store.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $source = MariaDB->new('mariadb');
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE item (id int PRIMARY KEY AUTO_INCREMENT, name varchar(80) NOT NULL, price decimal(12,3), kind enum('a','b','c'), at datetime(6), note text) CHARACTER SET utf8mb4;
CREATE TABLE part (a int, b varchar(20), n bigint unsigned, raw varbinary(40), PRIMARY KEY (a, b)) CHARACTER SET latin1;
CREATE TABLE event (at timestamp(3) NULL, line varchar(200));
CREATE TABLE wide (id int PRIMARY KEY, body longblob);
CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what varchar(40));
CREATE TABLE unsafe (id int PRIMARY KEY, v varchar(20)) ENGINE = MyISAM;
INSERT INTO unsafe SELECT seq, 'x' FROM seq_1_to_100;
GRANT LOCK TABLES ON *.* TO sync@'%';
CREATE TABLE not_ours (id int PRIMARY KEY);
CREATE TABLE hollow (id int PRIMARY KEY);
INSERT INTO item SELECT seq, CONCAT('item ', seq, ' é'), seq / 7, ELT(seq % 3 + 1, 'a', 'b', 'c'), '2024-01-31 10:00:00.25' + INTERVAL seq SECOND, IF(seq % 5, REPEAT('x', seq % 50), NULL) FROM seq_1_to_20000;
INSERT INTO part SELECT seq, CONCAT('b', seq % 3, 'ä'), 18446744073709551615 - seq, UNHEX(SHA2(seq, 256)) FROM seq_1_to_2000;
INSERT INTO event SELECT '2024-06-01 12:00:00.5' + INTERVAL seq SECOND, CONCAT('line ', seq) FROM seq_1_to_1000;
INSERT INTO wide VALUES (1, REPEAT('\0\\\n\r', 100000)), (2, ''), (3, NULL);
CREATE TRIGGER item_log AFTER DELETE ON item FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('deleted ', OLD.id));
DELIMITER //
CREATE PROCEDURE work(n int)
BEGIN
	DECLARE i int DEFAULT 0;
	WHILE i < n DO
		INSERT INTO item (name, price) VALUES (CONCAT('new ', i), i / 3);
		UPDATE item SET price = price + 1, note = 'seen' WHERE id = i % 20000;
		START TRANSACTION;
		INSERT INTO event VALUES (NOW(3), CONCAT('load ', i));
		INSERT INTO part VALUES (100000 + i, 'load', i, NULL) ON DUPLICATE KEY UPDATE n = n + 1;
		DELETE FROM part WHERE a = i;
		IF i % 10 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
		SET i = i + 1;
	END WHILE;
END //
DELIMITER ;
END

my $target_schema = <<'END';
CREATE SCHEMA app;
CREATE TABLE app.item (id int PRIMARY KEY, name varchar(80) NOT NULL, price numeric(12,3), kind text, at timestamp(6), note text);
CREATE TABLE app.part (a int, b varchar(20), n numeric(20), raw bytea, PRIMARY KEY (a, b));
CREATE TABLE app.event (at timestamptz(3), line varchar(200));
CREATE TABLE app.wide (id int PRIMARY KEY, body bytea);
CREATE TABLE app.audit (id int PRIMARY KEY, what varchar(40));
CREATE TABLE app.hollow (id int PRIMARY KEY);
CREATE TABLE app.unsafe (id int PRIMARY KEY, v varchar(20));
END

# A row as one text, written the same way by both servers.
my %row = (
	item => [
		q{CONCAT_WS('|', id, name, IFNULL(price, '-'), IFNULL(kind, '-'), IFNULL(DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'), '-'), IFNULL(note, '-'))},
		q{concat_ws('|', id, name, coalesce(price::text, '-'), coalesce(kind, '-'), coalesce(to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), '-'), coalesce(note, '-'))} ],
	part => [
		q{CONCAT_WS('|', a, b, IFNULL(n, '-'), IFNULL(LOWER(HEX(raw)), '-'))},
		q{concat_ws('|', a, b, coalesce(n::text, '-'), coalesce(encode(raw, 'hex'), '-'))} ],
	event => [
		q{CONCAT_WS('|', IFNULL(UNIX_TIMESTAMP(at) * 1000 DIV 1, '-'), line)},
		q{concat_ws('|', coalesce((extract(epoch from at) * 1000)::bigint::text, '-'), line)} ],
	wide => [ q{CONCAT_WS('|', id, IFNULL(SHA2(body, 256), '-'))}, q{concat_ws('|', id, coalesce(encode(sha256(body), 'hex'), '-'))} ],
	audit => [ q{CONCAT_WS('|', id, what)}, q{concat_ws('|', id, what)} ],
	unsafe => [ q{CONCAT_WS('|', id, v)}, q{concat_ws('|', id, v)} ],
	hollow => [ 'id', 'id::text' ],
);

sub rows_of
{
	my ($table) = @_;
	my @from = sort split /\n/, $source->sql("SELECT $row{$table}[0] FROM $table");
	my @to   = sort split /\n/, $target->safe_psql('app', "SELECT $row{$table}[1] FROM app.$table");

	return (\@from, \@to);
}

sub is_equal
{
	my ($from, $to) = rows_of($_[0]);

	return join("\n", @$from) eq join("\n", @$to);
}

sub equal_ok
{
	my ($name) = @_;
	my @different;

	foreach my $table (sort keys %row)
	{
		my ($from, $to) = rows_of($table);
		next if join("\n", @$from) eq join("\n", @$to);
		my ($i) = grep { ($from->[$_] // '') ne ($to->[$_] // '') } 0 .. (@$from > @$to ? $#$from : $#$to);
		push @different, sprintf "%s: source %d rows, target %d rows, first difference: %s / %s", $table, scalar @$from, scalar @$to,
		  substr($from->[$i] // 'none', 0, 200), substr($to->[$i] // 'none', 0, 200);
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@different, $name) or diag(join "\n", @different);
}

sub wait_equal
{
	my ($task) = @_;

	foreach my $table (sort keys %row)
	{
		wait_for("$table to be equal", sub { die 'dbsync ended: ' . $task->log_text if defined $task->ended; is_equal($table) });
	}
}

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(
		name    => "my_$local",
		source  => $source,
		target  => $target,
		local   => $local,
		options => { exclude_tables => 'app.not_ours, app.elsewhere', jobs => 2, split_bytes => '256kB' });

	$target->safe_psql('app', 'DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA IF EXISTS dbsync CASCADE;' . $target_schema);
	my ($code, $out, $err) = $task->run('check');
	is($code, 0, "$local: the preflight finds nothing that would stop a run") or diag($out);
	like($out, qr/no primary key.*event/s, "$local: it names the table without key");
	like($out, qr/engine without transactions.*unsafe/, "$local: and the one without transactions");

	my $load = $source->session;
	$load->send('CALL work(600)');
	$task->start('run');
	$load->sql('SELECT 1');
	wait_equal($task);
	like($task->log_text, qr/full sync end/, "$local: full sync while the source is written");
	like($task->log_text, qr/snapshot of the source at binlog\.\d{6}:\d+/, "$local: its place in the binlog is told");
	equal_ok("$local: equal after full sync and load");

	$source->sql(<<'END');
INSERT INTO item (id, name) VALUES (900001, 'one'), (900002, 'two 😀'), (900003, 'three');
INSERT INTO item (id, name) VALUES (900001, 'again') ON DUPLICATE KEY UPDATE name = CONCAT(name, '!'), kind = 'c';
REPLACE INTO item (id, name) VALUES (900002, 'replaced'), (900004, 'four');
UPDATE item SET id = id + 100 WHERE id = 900003;
UPDATE item, part SET item.price = 1, part.n = 2 WHERE item.id = part.a AND item.id < 1500 AND item.id % 100 = 3;
DELETE item FROM item JOIN part ON item.id = part.a WHERE item.id % 100 = 7;
INSERT INTO event (at, line) SELECT at, name FROM item WHERE id < 20;
INSERT INTO event VALUES (NULL, 'same'), (NULL, 'same'), ('2038-01-01 00:00:00', '');
DELETE FROM event WHERE line = 'same' LIMIT 1;
BEGIN; INSERT INTO item (id, name) VALUES (910000, 'gone'); ROLLBACK;
BEGIN; INSERT INTO item (id, name) VALUES (910001, 'kept'); SAVEPOINT s; INSERT INTO item (id, name) VALUES (910002, 'gone'); ROLLBACK TO s; COMMIT;
UPDATE part SET a = -a WHERE a % 50 = 1;
INSERT INTO unsafe VALUES (1001, 'new'), (1002, 'new');
BEGIN; UPDATE unsafe SET v = 'stays' WHERE id < 10; ROLLBACK;
DELETE FROM unsafe WHERE id > 1001 OR id = 50;
UPDATE unsafe SET id = id + 500 WHERE id BETWEEN 20 AND 30;
UPDATE wide SET body = REPEAT(UNHEX('00ff27'), 700000) WHERE id = 2;
UPDATE wide SET id = 4 WHERE id = 1;
CREATE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (1); INSERT INTO audit (what) SELECT 'temp' FROM t; DROP TEMPORARY TABLE t;
INSERT INTO not_ours VALUES (1) ON DUPLICATE KEY UPDATE id = id; ALTER TABLE not_ours COMMENT 'not ours';
CREATE TABLE elsewhere (id int); DROP TABLE elsewhere;
INSERT INTO hollow VALUES (1), (2); TRUNCATE hollow; INSERT INTO hollow VALUES (3);
CALL work(30);
XA START 'y'; INSERT INTO item (id, name) VALUES (920002, 'xa gone'); XA END 'y'; XA PREPARE 'y'; XA ROLLBACK 'y';
XA START 'x'; INSERT INTO item (id, name) VALUES (920001, 'xa'); XA END 'x'; XA PREPARE 'x';
END
	$source->sql("INSERT INTO audit (what) VALUES ('between'); XA COMMIT 'x'");
	wait_equal($task);
	equal_ok("$local: equal after every kind of statement");
	is($task->status->{state}, 'streaming', "$local: status says streaming");
	ok($task->status->{running}, "$local: and that it runs");
	is($task->stop, 0, "$local: SIGTERM ends the run with exit code 0");

	my $status = $task->status;
	ok(!$status->{running}, "$local: status sees the end");
	is($status->{slot}, undef, "$local: there is no slot");
	like($status->{received_lsn}, qr/^\d{6}:\d+$/, "$local: positions are file and offset");

	$source->sql('FLUSH BINARY LOGS; CALL work(50)');
	cmp_ok($task->status->{lag_bytes}, '>', 0, "$local: status knows how far behind the target is");
	$source->restart;
	$source->sql('CALL work(20); UPDATE item SET name = "last" WHERE id = 1');
	$task->until_current_ok("$local: a second run goes on, over two binlog files");
	equal_ok("$local: equal after it");
	is($task->status->{lag_bytes}, 0, "$local: nothing is behind");

	($code, $out, $err) = $task->run('verify');
	is($code, 0, "$local: verify finds no difference") or diag($out . $err);
	$target->safe_psql('app', "UPDATE app.item SET name = 'changed here' WHERE id = 2");
	($code, $out, $err) = $task->run('verify');
	is($code, 4, "$local: verify exits with 4 where a row differs");
	like($out, qr/item.*different/, "$local: and names the table");

	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 0, "$local: drop") or diag($err);
	is($target->safe_psql('app', 'SELECT count(*) FROM dbsync.progress'), 0, "$local: drop removes the progress");
	is($task->status->{state}, 'none', "$local: and the state");
	$source->sql('DELETE FROM item WHERE id > 800000; DELETE FROM part WHERE a < 0 OR a >= 100000; DELETE FROM wide; DELETE FROM audit; DELETE FROM unsafe WHERE id > 500; TRUNCATE event; TRUNCATE hollow');
	$source->sql(q{INSERT INTO wide VALUES (1, REPEAT('x', 100)), (2, NULL)});
}

done_testing();
