# What only MySQL has: its ways to log in, GTIDs that are switched on below a run, tagged GTIDs, both forms of metadata in the log, events that
# MariaDB does not write, hidden columns; and JSON in pieces and compressed transactions, which stop the stream.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no MySQL: make check-mysql' unless MariaDB::is_mysql();

my $source = MariaDB->new('mysql', conf => [ '--gtid-mode=OFF', '--enforce-gtid-consistency=ON', '--binlog-rows-query-log-events=ON' ]);
my $target = new_target('target');
my $number = 0;

diag('the server is MySQL ' . $source->sql('SELECT VERSION()'));

sub new_task
{
	my (%arg) = @_;

	return DbsyncTest->new(name => 'only' . ++$number, source => $source, target => $target, %arg);
}

# Both sides' rows as text, by the source's and the target's expressions.
sub equal_ok
{
	my ($what, $table, $from, $to) = @_;
	my $left = $source->sql("SELECT $from FROM $table ORDER BY id");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($target->safe_psql('app', 'SELECT ' . ($to || $from) . " FROM app.$table ORDER BY id"), $left, $what);
}

# ---- logging in

$source->sql('CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text)');
$source->sql("INSERT INTO t VALUES (1, 'one', NULL)");
$target->safe_psql('app', 'CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, v text, body text)');

is($source->sql("SELECT plugin FROM mysql.user WHERE user = 'sync'"), 'caching_sha2_password', 'the user of all tests logs in by caching_sha2_password');

# FLUSH PRIVILEGES empties the server's cache: the whole way, by the server's key where the line is open, and then the short one.
foreach my $way ([ 'an open line', tls => 'disabled' ], [ 'TLS', tls => 'required' ], [ 'a socket', host => undef, port => undef, socket => $source->socket ])
{
	my ($name, %option) = @$way;

	$source->sql('FLUSH PRIVILEGES');
	foreach my $time ('first', 'second')
	{
		my ($code, $out, $err) = new_task(mysql => \%option)->run('check');
		is($code, 0, "caching_sha2_password by $name, the $time time") or diag($out, $err);
	}
	$source->sql('FLUSH PRIVILEGES');
	my ($code, $out, $err) = new_task(mysql => { %option, password => 'wrong' })->run('check');
	is($code, 3, "a wrong password by $name");
	like($out . $err, qr/Access denied/, 'and it is said');
}

my $long = 'x' x 200;
$source->sql("CREATE USER lengthy\@'%' IDENTIFIED BY '$long'; CREATE USER bare\@'%'; CREATE ROLE syncing;"
	  . ' GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON app.* TO syncing; GRANT RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO syncing;'
	  . " GRANT syncing TO lengthy\@'%', bare\@'%'; SET DEFAULT ROLE ALL TO lengthy\@'%', bare\@'%'");
foreach my $user ([ 'lengthy', $long ], [ 'bare', undef ])
{
	my ($code, $out, $err) = new_task(mysql => { user => $user->[0], password => $user->[1], tls => 'disabled' })->run('check');
	is($code, 0, "user $user->[0], whose rights come by a role") or diag($out, $err);
}
my ($code, $out, $err);
if ($source->sql("SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'sha256_password' AND PLUGIN_STATUS = 'ACTIVE'"))
{
	$source->sql("CREATE USER old\@'%' IDENTIFIED WITH sha256_password BY 'old'; GRANT syncing TO old\@'%'; SET DEFAULT ROLE ALL TO old\@'%'");
	($code, $out, $err) = new_task(mysql => { user => 'old', password => 'old', tls => 'required' })->run('check');
	is($code, 0, 'sha256_password') or diag($out, $err);
}
$source->sql('SET GLOBAL require_secure_transport = ON', '');
is((new_task()->run('check'))[0], 0, 'a server that wants TLS gets it');
is((new_task(mysql => { tls => 'disabled' })->run('check'))[0], 3, 'unless it is disabled');
$source->sql('SET GLOBAL require_secure_transport = OFF', '');

# ---- GTIDs

my $task = new_task(mysql => { tls => 'disabled' });
$task->start('run');
wait_for('the copy', sub { $task->target_rows('app.t') == 1 });
my $id = 1;
foreach my $mode (qw(OFF OFF_PERMISSIVE ON_PERMISSIVE ON))
{
	$source->sql("SET GLOBAL gtid_mode = $mode", '') unless $mode eq 'OFF';
	foreach my $metadata (qw(MINIMAL FULL))
	{
		$source->sql("SET GLOBAL binlog_row_metadata = $metadata", '');
		$id++;
		$source->sql("INSERT INTO t VALUES ($id, '$mode', 'one'); UPDATE t SET body = '$metadata' WHERE id = $id; DELETE FROM t WHERE id = $id - 5");
	}
}
wait_for('the stream through all modes', sub { $target->safe_psql('app', "SELECT count(*) FROM app.t WHERE id = $id AND body = 'FULL'") == 1 });
$source->restart('--gtid-mode=ON', '--binlog-row-metadata=FULL', '--binlog-checksum=NONE');
$source->sql("SET gtid_next = 'AUTOMATIC:blue'; INSERT INTO t VALUES (101, 'tagged', NULL)");
my $gtid = $source->sql('SELECT @@gtid_executed') =~ s/\s//gr;
like($gtid, qr/blue/, 'a tagged GTID');
$source->sql("INSERT INTO t VALUES (102, 'untagged', NULL)");
$source->sql("SET gtid_next = 'AUTOMATIC:red'; INSERT INTO t VALUES (103, 'tagged', NULL); UPDATE t SET v = 'again' WHERE id = 103");
wait_for('the stream after a restart', sub { $target->safe_psql('app', q{SELECT count(*) FROM app.t WHERE v = 'again'}) == 1 });
is($task->stop, 0, 'the run ends');
equal_ok('all modes of GTIDs, both of metadata', 't', q{CONCAT_WS('|', id, v, IFNULL(body, '-'))}, q{concat_ws('|', id, v, coalesce(body, '-'))});

$target->safe_psql('app', 'DELETE FROM app.t WHERE id > 101');
$task = new_task(options => { copy => 'off' }, mysql => { gtid => $gtid });
$task->until_current_ok('a start behind a tagged GTID');
equal_ok('brings what came behind it', 't', q{CONCAT_WS('|', id, v)}, q{concat_ws('|', id, v)});

# ---- tables and statements of MySQL's own

$source->sql(<<'END');
SET sql_generate_invisible_primary_key = ON;
CREATE TABLE hidden (id int, v varchar(20));
SET sql_generate_invisible_primary_key = OFF;
CREATE TABLE veiled (id int PRIMARY KEY, secret int INVISIBLE, v varchar(20));
CREATE TABLE indexed (id int PRIMARY KEY, v varchar(20), n int, tags json, m int AS (n + 1) VIRTUAL, s int AS (n + 2) STORED,
	KEY low ((lower(v))), KEY twice ((n * 2)), KEY tag ((CAST(tags -> '$.t' AS UNSIGNED ARRAY))), KEY m (m));
CREATE TABLE doc (id int PRIMARY KEY, j json);
CREATE TABLE loaded (id int PRIMARY KEY, v varchar(20));
CREATE TABLE parts (id int, k int, v varchar(50), b blob, PRIMARY KEY (id, k)) PARTITION BY RANGE (k) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
	(PARTITION low VALUES LESS THAN (100), PARTITION rest VALUES LESS THAN MAXVALUE);
CREATE TABLE place (id int PRIMARY KEY, p point NOT NULL SRID 4326, g geometry);
INSERT INTO hidden VALUES (1, 'a'), (2, 'b');
INSERT INTO veiled (id, secret, v) VALUES (1, 10, 'a'), (2, 20, 'b');
INSERT INTO indexed (id, v, n, tags) VALUES (1, 'A', 1, '{"t": [1, 2]}'), (2, 'B', 2, NULL);
INSERT INTO parts SELECT seq, seq * 7 % 200, CONCAT('v', seq), REPEAT('b', seq) FROM seq_1_to_200;
INSERT INTO place VALUES (1, ST_GeomFromText('POINT(10.5 20)', 4326), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,2 2))'));
INSERT INTO doc VALUES (1, '{"a": 1, "b": "long enough to be worth a part of it"}');
END
$task = new_task(options => { existing_rows => 'truncate' });
($code, $out, $err) = $task->run('schema', '-d');
is($code, 0, 'schema of such tables') or diag($err);
$target->safe_psql('app', 'DROP SCHEMA app CASCADE; DROP SCHEMA dbsync CASCADE');
($code, $out, $err) = $task->run('schema');
is($code, 0, 'which the target takes') or diag($err);
$task->until_current_ok('their copy');
$source->sql(<<'END');
INSERT INTO hidden VALUES (3, 'c');
UPDATE hidden SET v = 'B' WHERE id = 2;
INSERT INTO veiled (id, v) VALUES (3, 'c');
UPDATE veiled SET secret = 11, v = 'A' WHERE id = 1;
INSERT INTO indexed (id, v, n, tags) VALUES (3, 'C', 3, '{"t": [5]}');
UPDATE indexed SET n = 20, tags = '{"t": [7, 8, 9]}' WHERE id = 2;
DELETE FROM indexed WHERE id = 1;
UPDATE parts SET k = k + 100 WHERE id % 2 = 0;
UPDATE parts SET v = 'new' WHERE id % 3 = 0;
UPDATE parts SET b = NULL WHERE id % 5 = 0;
DELETE FROM parts WHERE id % 7 = 0;
INSERT INTO place SELECT id + 1, p, ST_GeomFromText('POINT(-10 20)', 4326) FROM place;
UPDATE place SET p = ST_GeomFromText('POINT(-10 20)', 4326) WHERE id = 1;
BEGIN;
INSERT INTO doc VALUES (2, '[]');
SAVEPOINT here;
INSERT INTO doc VALUES (3, '[]');
ROLLBACK TO SAVEPOINT here;
UPDATE doc SET j = JSON_SET(j, '$.a', 1.50, '$.new', CAST('2024-02-29 10:00:00.5' AS DATETIME(6)), '$.d', CAST(12345678901234567890.12345 AS DECIMAL(30,5))) WHERE id = 1;
COMMIT;
ANALYZE TABLE indexed, doc;
ANALYZE TABLE indexed UPDATE HISTOGRAM ON n;
OPTIMIZE TABLE doc;
CREATE USER one@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON app.doc TO one@'%'; ALTER USER one@'%' ACCOUNT LOCK; DROP USER one@'%';
CREATE DATABASE other;
CREATE TABLE other.made AS SELECT * FROM doc;
CREATE TABLE other.more SELECT * FROM indexed;
INSERT INTO loaded TABLE loaded LIMIT 0;
INSERT INTO loaded VALUES ROW (1, 'values'), ROW (2, 'row');
INSERT INTO loaded SELECT * FROM (VALUES ROW (2, 'again'), ROW (3, 'new')) AS n (id, v) ON DUPLICATE KEY UPDATE v = n.v;
REPLACE INTO loaded VALUES (1, 'replaced');
END
$task->until_current_ok('their stream, and statements that do not matter');
equal_ok('a key that MySQL made', 'hidden', q{CONCAT_WS('|', my_row_id, id, v)}, q{concat_ws('|', my_row_id, id, v)});
equal_ok('an invisible column', 'veiled', q{CONCAT_WS('|', id, IFNULL(secret, '-'), v)}, q{concat_ws('|', id, coalesce(secret::text, '-'), v)});
equal_ok('indexes of expressions, which are hidden columns', 'indexed', q{CONCAT_WS('|', id, v, n, m, s)}, q{concat_ws('|', id, v, n, m, s)});
equal_ok('VALUES and REPLACE', 'loaded', q{CONCAT_WS('|', id, v)}, q{concat_ws('|', id, v)});
is($target->safe_psql('app', 'SELECT count(*) FROM app.doc'), 2, 'a savepoint');
($code, $out, $err) = $task->run('verify');
is($code, 0, 'both sides are equal') or diag($out, $err);

($code, $out, $err) = ('', '', '');
$source->sql('CREATE TABLE made AS SELECT * FROM doc');
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'CREATE TABLE ... SELECT of a table of the task stops it');
like($err, qr/changes table app\.made|creates? table/, 'as any that creates a table');
$source->sql('DROP TABLE made');
($code, $out, $err) = $task->run('run', '--until', 'current', '--ddl', 'skip');
is($code, 0, 'and is passed over') or diag($err);

# ---- what a session may turn on, unseen by the preflight

foreach my $bad (
	[ 'JSON in pieces', q{SET binlog_row_value_options = PARTIAL_JSON; UPDATE doc SET j = JSON_SET(j, '$.a', 2) WHERE id = 1}, qr/part|piece/i, "binlog_row_value_options" ],
	[ 'a compressed transaction', q{SET binlog_transaction_compression = ON; INSERT INTO doc VALUES (7, '[]')}, qr/compressed transaction/, 'binlog_transaction_compression = OFF' ])
{
	my ($name, $sql, $message, $hint) = @$bad;

	$task->until_current_ok("before $name");
	$source->sql("INSERT INTO doc VALUES ($id + 1000, '[1]')");
	$id++;
	$source->sql($sql);
	$source->sql("INSERT INTO doc VALUES ($id + 1000, '[2]')");
	$id++;
	($code, $out, $err) = $task->run('run', '--until', 'current');
	is($code, 1, "$name stops the stream");
	like($err, $message, "$name: the message");
	like($err, qr/HINT:.*\Q$hint\E/, "$name: what to do");
	is($target->safe_psql('app', q{SELECT count(*) FROM app.doc WHERE j = '[2]'}), 0, "$name: nothing of behind it");
	is($target->safe_psql('app', q{SELECT count(*) FROM app.doc WHERE j = '[1]'}), 1, "$name: all of before it");
	$task->run('drop');
	$source->sql('DELETE FROM doc WHERE id > 1000');
	$task = new_task(options => { existing_rows => 'truncate' });
	$task->until_current_ok("a new full sync after $name");
}

# Of tables of others it does not matter.
$source->sql(q{SET binlog_row_value_options = PARTIAL_JSON; UPDATE other.made SET j = JSON_SET(j, '$.a', 3) WHERE id = 1});
$task->until_current_ok('JSON in pieces of another table');
($code, $out, $err) = $task->run('verify');
is($code, 0, 'both sides are equal') or diag($out, $err);

done_testing();
