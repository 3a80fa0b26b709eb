# The full copy from MariaDB: every type, character sets, parts of a large table under one snapshot, large values, bad values by every
# policy, tables by a file, engines without transactions, and a copy that is cut off.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $source = MariaDB->new('mariadb');
my $target = new_target('target');
my $number = 0;

# An empty database app on both sides.
sub start_anew
{
	my ($source_sql, $target_sql) = @_;

	$source->sql("DROP DATABASE IF EXISTS app; CREATE DATABASE app CHARACTER SET utf8mb4; USE app; $source_sql", '');
	$target->safe_psql('app', "DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA IF EXISTS dbsync CASCADE; CREATE SCHEMA app; SET search_path = app; $target_sql");
}

sub new_task
{
	my (%arg) = @_;
	my $limit = delete $arg{reject_limit};

	return DbsyncTest->new(
		name   => 'copy' . ++$number,
		source => $source,
		target => $target,
		extra  => defined $limit ? "\n[desc.pgsql]\nignore_copy_error_count_each_table = $limit\n" : '',
		%arg);
}

sub copy_ok
{
	my ($name, %arg) = @_;
	my $task = new_task(%arg);
	my ($code, $out, $err) = $task->run('run', '--copy-only');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($code, 0, $name) or diag($err);
	return $err;
}

sub copy_fails
{
	my ($name, $message, $hint, %arg) = @_;
	my $task = new_task(%arg);
	my ($code, $out, $err) = $task->run('run', '--copy-only');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	isnt($code, 0, $name);
	like($err, $message, "$name: the message");
	like($err, qr/HINT:.*$hint/, "$name: the hint") if $hint;
	return $err;
}

sub target_is
{
	my ($sql, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($target->safe_psql('app', "SET search_path = app; SET timezone = 'UTC'; $sql"), $expected, $name);
}

# ---- types

start_anew(<<'END', <<'END');
CREATE TABLE types (id int unsigned PRIMARY KEY, t tinyint, tu tinyint unsigned, b1 tinyint(1), s smallint, su smallint unsigned, m mediumint, mu mediumint unsigned, i int,
	iu int unsigned, bi bigint, bu bigint unsigned, d decimal(20,5), d65 decimal(65,30), f float, db double, bt bit(5), b64 bit(64), y year, dt date, ti time, ti3 time(3),
	dtm datetime, dtm6 datetime(6), ts timestamp NULL, ts2 timestamp(2) NULL, c char(10), v varchar(100), tx longtext, bn binary(4), vb varbinary(20), bl longblob,
	e enum('a','b c','d''e'), st set('x','y','z"q'), j json, g geometry, u uuid, i4 inet4, i6 inet6, zf int(8) zerofill,
	gen int AS (id * 2) STORED, virt int AS (id + 1) VIRTUAL);
INSERT INTO types (id) VALUES (1);
INSERT INTO types (id, t, tu, b1, s, su, m, mu, i, iu, bi, bu, d, d65, f, db, bt, b64, y, dt, ti, ti3, dtm, dtm6, ts, ts2, c, v, tx, bn, vb, bl, e, st, j, g, u, i4, i6, zf) VALUES
	(2, -128, 255, 1, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615, -123456789012345.67891,
	 12345678901234567890123456789012345.123456789012345678901234567890, 16777217, 1e300, b'10101', 0xffffffffffffffff, 2155, '9999-12-31', '-838:59:59', '-100:11:12.340',
	 '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07', '2038-01-19 03:14:07.25', 'char', 'a\tb\nc\\d\re', 'emoji 😀 ü', 'ab', '\0\1\\x', '\0\0\n\t\\',
	 'd''e', 'x,z"q', '{"a": "\\u00e4 \\n", "b": [1, 2.50]}', ST_GeomFromText('POINT(1 2)'), '123e4567-e89b-12d3-a456-426655440000', '10.1.2.3', '2001:db8::1', 42),
	(3, 127, 0, 0, 32767, 0, 8388607, 0, 2147483647, 0, 9223372036854775807, 0, 0, 0, -3.4028234e38, 0.1, b'0', 1, 1901, '0001-01-01', '838:59:59', '00:00:00.001',
	 '1000-01-01 00:00:00', '1000-01-01 00:00:00.000001', '1970-01-01 00:00:01', '1970-01-01 00:00:01.01', '  x', '', '\\N', '\0\0\0\0', '', '', 'a', '', '[]', NULL, NULL, NULL, NULL, 0);
END
CREATE TABLE types (id bigint PRIMARY KEY, t smallint, tu smallint, b1 boolean, s smallint, su integer, m integer, mu integer, i integer, iu bigint, bi bigint, bu numeric(20),
	d numeric(20,5), d65 numeric(65,30), f real, db double precision, bt bit(5), b64 bit(64), y smallint, dt date, ti interval, ti3 interval, dtm timestamp, dtm6 timestamp, ts timestamptz, ts2 timestamptz,
	c char(10), v varchar(100), tx text, bn bytea, vb bytea, bl bytea, e text, st text[], j jsonb, g bytea, u uuid, i4 inet, i6 inet, zf bigint,
	gen int GENERATED ALWAYS AS (id * 2) STORED, virt int, more int DEFAULT 5);
END
copy_ok('all types');
target_is('SELECT t, tu, b1, s, su, m, mu, i, iu, bi, bu FROM types ORDER BY id', join("\n", '||||||||||',
		'-128|255|t|-32768|65535|-8388608|16777215|-2147483648|4294967295|-9223372036854775808|18446744073709551615',
		'127|0|f|32767|0|8388607|0|2147483647|0|9223372036854775807|0'), 'integers, signed and unsigned');
target_is('SELECT d, d65, f, db, bt, b64, zf, gen, virt, more FROM types ORDER BY id', join("\n", '|||||||2|2|5',
		'-123456789012345.67891|12345678901234567890123456789012345.123456789012345678901234567890|1.6777216e+07|1e+300|10101|' . '1' x 64 . '|42|4|3|5',
		'0.00000|0.000000000000000000000000000000|-3.4028235e+38|0.1|00000|' . '0' x 63 . '1|0|6|4|5'), 'numbers, bits, generated columns');
target_is('SELECT y, dt, ti, ti3, dtm, dtm6, ts, ts2 FROM types ORDER BY id', join("\n", '|||||||',
		'2155|9999-12-31|-838:59:59|-100:11:12.34|9999-12-31 23:59:59|9999-12-31 23:59:59.999999|2038-01-19 03:14:07+00|2038-01-19 03:14:07.25+00',
		'1901|0001-01-01|838:59:59|00:00:00.001|1000-01-01 00:00:00|1000-01-01 00:00:00.000001|1970-01-01 00:00:01+00|1970-01-01 00:00:01.01+00'), 'times');
my $half = $source->is_mysql ? '2.5' : '2.50';	# JSON is text there, and numbers here
target_is(q{SELECT c, replace(replace(v, E'\n', '<n>'), E'\r', '<r>'), tx, bn, vb, bl, e, st, j FROM types ORDER BY id}, join("\n", '||||||||',
		"char      |a\tb<n>c\\d<r>e|emoji \x{f0}\x{9f}\x{98}\x{80} \x{c3}\x{bc}|\\x61620000|\\x00315c78|\\x00000a095c|d'e|{x,\"z\\\"q\"}|{\"a\": \"\x{c3}\x{a4} \\n\", \"b\": [1, $half]}",
		'  x       ||\N|\x00000000|\x|\x|a|{}|[]'), 'texts, bytes, labels, JSON');
target_is('SELECT g, u, i4, i6 FROM types ORDER BY id', join("\n", '|||',
		'\x0101000000000000000000f03f0000000000000040|123e4567-e89b-12d3-a456-426655440000|10.1.2.3|2001:db8::1', '|||'), 'geometry, uuid, addresses');

# ---- character sets, names, keys

start_anew(<<'END', <<'END');
CREATE TABLE latin (id int PRIMARY KEY, t varchar(200)) CHARACTER SET latin1;
INSERT INTO latin VALUES (1, 'äöü €'), (2, CONVERT(_latin1 0x80e9 USING latin1));
CREATE TABLE cjk (id int PRIMARY KEY, a varchar(50) CHARACTER SET gbk, b varchar(50) CHARACTER SET utf8mb3, c varchar(50) CHARACTER SET ucs2);
INSERT INTO cjk VALUES (1, '中文', '中文', '中文');
CREATE TABLE `Mixed Case` (`Id` int PRIMARY KEY, `select` varchar(10), `qu"ote` int);
INSERT INTO `Mixed Case` VALUES (1, 'x', 2);
CREATE TABLE no_key (a int, b varchar(10));
INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
CREATE VIEW a_view AS SELECT * FROM latin;
END
CREATE TABLE latin (id int PRIMARY KEY, t text);
CREATE TABLE cjk (c text, b text, a text, id int PRIMARY KEY);
CREATE TABLE "mixed case" (id int PRIMARY KEY, "select" text, "qu""ote" int);
CREATE TABLE no_key (a int, b text);
END
copy_ok('character sets', mysql => { lower_names => 'on' });
target_is('SELECT id, t FROM latin ORDER BY id', "1|\x{c3}\x{a4}\x{c3}\x{b6}\x{c3}\x{bc} \x{e2}\x{82}\x{ac}\n2|\x{e2}\x{82}\x{ac}\x{c3}\x{a9}", 'latin1');
target_is('SELECT a = b AND b = c, a FROM cjk', "t|\x{e4}\x{b8}\x{ad}\x{e6}\x{96}\x{87}", 'gbk, utf8mb3, ucs2');
target_is('SELECT * FROM "mixed case"', '1|x|2', 'lower_names');
target_is('SELECT * FROM no_key ORDER BY 1', "1|x\n1|x\n|", 'a table without key');

$target->safe_psql('app', 'CREATE SCHEMA other; CREATE TABLE other.latin (LIKE app.latin)');
copy_ok('target_schema', target_schema => 'other', options => { include_tables => 'app.latin' });
target_is('SELECT count(*) FROM other.latin', 2, 'target_schema: the rows are there');
$target->safe_psql('app', 'DROP SCHEMA other CASCADE');

copy_fails('a column that the target lacks', qr/column is missing on the target: app.latin.t/, 'ALTER TABLE app.latin ADD COLUMN t', options => { include_tables => 'app.latin' })
  if $target->safe_psql('app', 'ALTER TABLE app.latin DROP t; SELECT 1');
copy_fails('rows that are there', qr/1 table holds rows before the full sync: app.cjk/, 'existing_rows', options => { include_tables => 'app.cjk' });
copy_ok('existing_rows', options => { include_tables => 'app.cjk', existing_rows => 'truncate' });

# ---- parts, while money moves between tables: one snapshot, or the sum is wrong

start_anew(<<'END', <<'END');
CREATE TABLE account_a (id int PRIMARY KEY, money int NOT NULL);
CREATE TABLE account_b (id int PRIMARY KEY, money int NOT NULL);
INSERT INTO account_a SELECT seq, 100 FROM seq_1_to_1000;
INSERT INTO account_b SELECT seq, 100 FROM seq_1_to_1000;
CREATE TABLE large (id bigint PRIMARY KEY, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL);
INSERT INTO large SELECT IF(seq % 2, seq, -seq * 1000000000), seq, REPEAT('x', 100), 'pad' FROM seq_1_to_200000;
CREATE TABLE pairs (a int unsigned, b int, t varchar(100), PRIMARY KEY (a, b));
INSERT INTO pairs SELECT 4294967295 - seq DIV 10, seq % 10, REPEAT('y', 100) FROM seq_1_to_30000;
ANALYZE TABLE large, pairs;
DELIMITER //
CREATE PROCEDURE move()
BEGIN
	DECLARE i int DEFAULT 0;
	WHILE GET_LOCK('stop', 0) DO
		DO RELEASE_LOCK('stop');
		START TRANSACTION;
		UPDATE account_a SET money = money - 1 WHERE id = i % 1000 + 1;
		UPDATE account_b SET money = money + 1 WHERE id = i % 1000 + 1;
		COMMIT;
		DO SLEEP(0.0005); -- a rate that any machine can follow
		SET i = i + 1;
	END WHILE;
END //
DELIMITER ;
END
CREATE TABLE account_a (id int PRIMARY KEY, money int NOT NULL);
CREATE TABLE account_b (id int PRIMARY KEY, money int NOT NULL);
CREATE TABLE large (id bigint PRIMARY KEY, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL);
CREATE TABLE pairs (a bigint, b int, t text, PRIMARY KEY (a, b));
END
my $brake = $source->session;
my $mover = $source->session;
$mover->send('CALL move()');
wait_for('money to move', sub { $source->sql('SELECT SUM(money) < 99000 FROM account_a') eq '1' });
my $log = copy_ok('parts', options => { split_bytes => '2MB', jobs => 4 });
$brake->sql("SELECT GET_LOCK('stop', 60)");
$mover->end;
$brake->end;
target_is('SELECT (SELECT sum(money) FROM account_a) + (SELECT sum(money) FROM account_b), (SELECT sum(money) < 99000 FROM account_a)', '200000|t',
	'all workers see one snapshot');
my @parts = $log =~ /copied table "app"."large" part \d+ of \d+ rows=(\d+)/g;
cmp_ok(scalar @parts, '>=', 8, 'the table is copied in parts');
cmp_ok((sort { $b <=> $a } @parts)[0], '<', 3 * 200000 / @parts, 'of about the same size, whatever the keys are');
target_is('SELECT count(*), count(DISTINCT id), sum(k), min(length(c)) FROM large', '200000|200000|20000100000|100', 'every row once');
target_is('SELECT count(*), sum(a), sum(b) FROM pairs', $source->sql('SELECT COUNT(*), SUM(a), SUM(b) FROM pairs') =~ tr/\t/|/r,
	'ranges of the first column of a key');

# ---- large values

start_anew(<<'END', <<'END');
CREATE TABLE blobs (id int PRIMARY KEY, b longblob, t longtext);
INSERT INTO blobs VALUES (1, REPEAT(0x00015c0a, 16 * 1024 * 1024), 'x'), (2, 'small', REPEAT('\t\\ü', 1024 * 1024)), (3, REPEAT('a', 65536), REPEAT('b', 65537)), (4, '', NULL);
END
CREATE TABLE blobs (id int PRIMARY KEY, b bytea, t text);
END
my $from_blobs = $source->sql("SELECT id, SHA2(b, 256), IFNULL(SHA2(t, 256), '') FROM blobs ORDER BY id") =~ tr/\t/|/r;
copy_ok('a blob of 64 MB');
target_is('SELECT id, encode(sha256(b), $$hex$$), encode(sha256(convert_to(t, $$UTF8$$)), $$hex$$) FROM blobs ORDER BY id', $from_blobs, 'a blob of 64 MB: the same bytes');
copy_ok('a blob of 64 MB, with rejects', reject_limit => 1, options => { existing_rows => 'truncate' });
target_is('SELECT id, encode(sha256(b), $$hex$$), encode(sha256(convert_to(t, $$UTF8$$)), $$hex$$) FROM blobs ORDER BY id', $from_blobs, 'with rejects: the same bytes');

# ---- bad values

start_anew(<<'END', <<'END');
CREATE TABLE dates (id int PRIMARY KEY, d date, dt datetime, ts timestamp NULL);
CREATE TABLE bad (id int PRIMARY KEY, b tinyint(1), t text);
CREATE TABLE narrow (id int PRIMARY KEY, v int unsigned, w varchar(20));
INSERT INTO narrow SELECT seq, IF(seq % 3000 = 0, 4000000000, 1), 'x' FROM seq_1_to_12000;
INSERT INTO bad SELECT seq, IF(seq % 1000 = 7, 2, 1), 'ok' FROM seq_1_to_6000;
UPDATE bad SET t = CONCAT('zero', CHAR(0), 'byte') WHERE id IN (5, 6000);
SET sql_mode = '';
INSERT INTO dates VALUES (1, '0000-00-00', '2024-00-10 00:00:00', '0000-00-00 00:00:00'), (2, '2024-01-01', '2024-01-01 00:00:00', '2024-01-01 00:00:00');
END
CREATE TABLE dates (id int PRIMARY KEY, d date, dt timestamp, ts timestamptz);
CREATE TABLE bad (id int PRIMARY KEY, b boolean, t text);
CREATE TABLE narrow (id int PRIMARY KEY, v int, w text);
END
my %only = map { $_ => { options => { include_tables => "app.$_", existing_rows => 'truncate' } } } qw(dates bad narrow);

$log = copy_ok('zero dates become NULL', %{ $only{dates} });
like($log, qr/table "app"."dates": 3 values were replaced: zero date/, 'and are counted');
target_is('SELECT * FROM dates ORDER BY id', "1|||\n2|2024-01-01|2024-01-01 00:00:00|2024-01-01 00:00:00+00", 'zero dates: the rows');
copy_fails('zero dates are an error', qr/copy of table "app"."dates": column d: zero date \(row with id=1\)/, 'zero_dates', mysql => { zero_dates => 'error' }, %{ $only{dates} });
copy_fails('a zero byte', qr/copy of table "app"."bad": column t: zero byte in text \(row with id=5\)/, 'bad_text', %{ $only{bad} });
copy_fails('a value that the target refuses', qr/copy of table "app"."narrow": .*out of range for type integer.*COPY narrow, line 3000, column v/,
	'ignore_copy_error_count_each_table', %{ $only{narrow} });
target_is('SELECT (SELECT count(*) FROM bad), (SELECT count(*) FROM narrow)', '0|0', 'of a table that failed there is nothing');

$log = copy_ok('bad text is replaced', mysql => { bad_text => 'replace', tinyint1 => 'smallint', types => 'bad.b = boolean' }, reject_limit => 6, %{ $only{bad} });
like($log, qr/table "app"."bad": 6 rows could not be stored/, 'bad text: rejected rows are counted');
like($log, qr/table "app"."bad": 2 values were replaced: zero byte in text/, 'bad text: replaced values are counted');
target_is('SELECT count(*) FROM bad', 5994, 'bad text: the other rows');
copy_fails('more rejected rows than allowed', qr/7 rows were rejected, and there is one more: column [bt]/, 'ignore_copy_error_count_each_table', reject_limit => 7, %{ $only{bad} });
target_is('SELECT count(*) FROM bad', 0, 'more rejected rows than allowed: nothing stays');
$target->safe_psql('app', 'DELETE FROM dbsync.rejects');
copy_ok('rejects', reject_limit => 8, options => { include_tables => 'app.*', exclude_tables => 'app.dates', existing_rows => 'truncate', split_bytes => '100kB' });
target_is('SELECT (SELECT count(*) FROM bad), (SELECT count(*) FROM narrow)', '5992|11996', 'all other rows are there');
target_is(q{SELECT source_schema, source_table, key, column_name, problem, row FROM dbsync.rejects WHERE key IN ('id=5', 'id=7', 'id=9000') ORDER BY key}, join("\n",
		'app|bad|id=5|t|zero byte in text|{"id":"5","b":"1","t":"zero\u0000byte"}',
		'app|bad|id=7|b|value out of range|{"id":"7","b":"2","t":"ok"}',
		'app|narrow|id=9000|v|value "4000000000" is out of range for type integer|{"id":"9000","v":"4000000000","w":"x"}'), 'what was rejected, and why');
target_is('SELECT source_table, count(*) FROM dbsync.rejects GROUP BY 1 ORDER BY 1', "bad|8\nnarrow|4", 'each rejected row once');

# ---- tables of a file, with queries

start_anew(<<'END', <<'END');
CREATE TABLE one (id int PRIMARY KEY, t varchar(10), f float, d date);
INSERT INTO one VALUES (1, 'a', 0.1, '2024-01-01'), (2, 'b', 0.2, NULL), (3, 'c', 0.3, NULL);
CREATE TABLE two (id int PRIMARY KEY);
INSERT INTO two VALUES (1), (2);
CREATE TABLE three (id int PRIMARY KEY);
END
CREATE TABLE one (id int PRIMARY KEY, t text, f real, d date, n bigint, at timestamptz);
CREATE TABLE two (id int PRIMARY KEY);
END
my $file = PostgreSQL::Test::Utils::tempdir() . '/tables';
sub write_file
{
	open my $out, '>', $file or die;
	print $out @_;
	close $out;
}
write_file("# tables\n\none : select id, concat(t, '!') as t, d, id * 2 as n, utc_timestamp() as at from one where id < 3;\n`two`\n");
copy_ok('-l', mysql => { copy_queries => $file });
target_is('SELECT id, t, d, n, at > now() - interval $$1 hour$$ FROM one ORDER BY id', "1|a!|2024-01-01|2|t\n2|b!||4|t", '-l: a query');
target_is('SELECT count(*) FROM two', 2, '-l: a whole table');
write_file("one : select id, 1 as q from one\n");
copy_fails('a column of a query that the target lacks', qr/target table "app"."one" lacks columns: "q"|the target lacks columns/, undef,
	mysql => { copy_queries => $file }, options => { existing_rows => 'truncate' });
write_file("one : select nonsense from one\n");
copy_fails('a query with a mistake', qr/query of table one: .*nonsense/, undef, mysql => { copy_queries => $file }, options => { existing_rows => 'truncate' });
write_file("one\nmissing\n");
copy_fails('a table that is not there', qr/missing/, undef, mysql => { copy_queries => $file }, options => { existing_rows => 'truncate' });

# ---- a server whose variables and init_connect would have it otherwise

start_anew(<<'END', <<'END');
CREATE TABLE parent (`key` int PRIMARY KEY, t varchar(20), at timestamp NULL, d double);
INSERT INTO parent VALUES (1, 'a😀b', FROM_UNIXTIME(86400), 0.1), (2, 'ü', NULL, NULL), (3, '', NULL, NULL);
CREATE TABLE child (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parent (`key`));
INSERT INTO child VALUES (1, 1), (2, NULL);
CREATE TABLE joined (id int PRIMARY KEY, t longtext);
INSERT INTO joined SELECT seq, REPEAT('x', 900) FROM seq_1_to_2000;
CREATE TABLE versioned (id int PRIMARY KEY);
END
CREATE TABLE parent (key int PRIMARY KEY, t text, at timestamptz, d float);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent (key));
CREATE TABLE joined (id bigint PRIMARY KEY, t text);
CREATE TABLE versioned (id int PRIMARY KEY);
END
my $own = $source->is_mysql ? 'show_gipk_in_create_table_and_information_schema = 0' : "system_versioning_asof = '2001-01-01 00:00:00'";
$source->sql('ALTER TABLE versioned ADD SYSTEM VERSIONING') unless $source->is_mysql;
$source->sql('SET sql_generate_invisible_primary_key = ON; CREATE TABLE hidden (v int); INSERT INTO hidden VALUES (7)') if $source->is_mysql;
$target->safe_psql('app', 'CREATE TABLE app.hidden (my_row_id bigint PRIMARY KEY, v int)') if $source->is_mysql;
$source->sql('INSERT INTO versioned VALUES (1)');
$source->sql(q{SET GLOBAL init_connect = "SET NAMES utf8, time_zone = '+09:00', autocommit = 0, sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES',
	sql_select_limit = 1, max_join_size = 1, sql_big_selects = 0, completion_type = 2, sql_quote_show_create = 0, group_concat_max_len = 100, } . $own . '; USE information_schema"', '');
write_file("parent\nchild\nversioned\n", $source->is_mysql ? "hidden\n" : '', "joined : select 1 as id, group_concat(t separator '') as t from joined\n");
my $told = new_task(mysql => { copy_queries => $file });
is(($told->run('run', '--copy-only'))[0], 0, 'a server of its own mind: a copy') or diag($told->log_text);
target_is('SELECT * FROM parent ORDER BY 1', "1|a😀b|1970-01-02 00:00:00+00|0.1\n2|ü||\n3|||", 'which has every character and row');
target_is('SELECT * FROM child ORDER BY 1', "1|1\n2|", 'of each table');
target_is('SELECT id, length(t) FROM joined', '1|1800000', 'a query with all of its text');
target_is('SELECT * FROM versioned', '1', 'the present');
target_is('SELECT my_row_id, v FROM hidden', '1|7', 'and the key that the server made') if $source->is_mysql;
is(($told->run('verify', '--tables', 'app.parent,app.child,app.versioned'))[0], 0, 'and is equal');
my ($code, $ddl) = $told->run('schema', '-d');
like($ddl, qr/FOREIGN KEY \("?parent"?\) REFERENCES/, 'its foreign keys are read');
$source->sql("SET GLOBAL init_connect = ''", '');

# ---- the lock

start_anew(<<'END', <<'END');
CREATE TABLE safe (id int PRIMARY KEY);
INSERT INTO safe SELECT seq FROM seq_1_to_1000;
CREATE TABLE plain (id int PRIMARY KEY, t varchar(10)) ENGINE = MyISAM;
INSERT INTO plain SELECT seq, 'x' FROM seq_1_to_1000;
END
CREATE TABLE safe (id int PRIMARY KEY);
CREATE TABLE plain (id int PRIMARY KEY, t text);
END
copy_fails('no right to lock tables', qr/table plain is of engine MyISAM/, 'GRANT LOCK TABLES ON `app`.\* TO', options => { jobs => 2 });
$source->sql("GRANT LOCK TABLES ON app.* TO sync\@'%'");
$log = copy_ok('an engine without transactions', options => { jobs => 2 });
like($log, qr/cannot be written until copied: plain/, 'writers wait, and it is said');
like($log, qr/can be written again/, 'and they go on');
target_is('SELECT count(*) FROM plain', 1000, 'an engine without transactions: its rows');

$source->sql("DROP TABLE plain; REVOKE RELOAD ON *.* FROM sync\@'%'");
copy_fails('no right to hold commits up', qr/RELOAD/, 'GRANT (ALL|.*RELOAD).* TO', options => { include_tables => 'app.safe', existing_rows => 'truncate' });
$source->sql("GRANT RELOAD ON *.* TO sync\@'%'");

my $holder = $source->session;
$holder->sql($source->is_mysql ? 'CREATE TABLE beside (id int); LOCK TABLES beside WRITE' : 'BACKUP STAGE START');
my $waiting = new_task(options => { include_tables => 'app.safe', existing_rows => 'truncate' });
$waiting->start('run', '--copy-only');
wait_for('the snapshot to wait', sub { $waiting->log_text =~ /keeps the lock for the snapshot from coming/ });
$holder->sql($source->is_mysql ? 'UNLOCK TABLES; DROP TABLE beside' : 'BACKUP STAGE END');
$holder->end;
is($waiting->wait_end, 0, 'the lock is waited for') or diag($waiting->log_text);

# ---- a copy that is cut off: the target keeps a worker waiting in the second table

start_anew(<<'END', <<'END');
CREATE TABLE first (id int PRIMARY KEY, t varchar(100));
INSERT INTO first SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000;
CREATE TABLE second (id int PRIMARY KEY, t varchar(100));
INSERT INTO second SELECT seq, REPEAT('y', 100) FROM seq_1_to_10000;
ANALYZE TABLE first, second;
END
CREATE TABLE first (id int PRIMARY KEY, t text);
CREATE TABLE second (id int PRIMARY KEY, t text);
END
# Returns when the first table is there, and a worker waits in the middle of the second.
sub stopped_in_the_middle
{
	my ($task) = @_;
	my $guard = $target->background_psql('app');

	$guard->query_safe('TRUNCATE app.first, app.second');
	$guard->query_safe('BEGIN; INSERT INTO app.second VALUES (5000, $$guard$$)');
	$task->start('run', '--copy-only');
	wait_for('a worker to wait', sub { $target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COPY%'}) > 0 });
	wait_for('the first table', sub { $task->target_rows('app.first') == 20000 });
	wait_for('other parts of the second', sub { $task->target_rows('app.second') >= 5000 });
	return $guard;
}

sub resumes
{
	my ($name, $task, $guard, $code) = @_;

	$guard->query_safe('ROLLBACK');
	$guard->quit;
	$code = ($task->run('run', '--copy-only'))[0] unless defined $code;
	is($code, 0, $name);
	target_is('SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second), (SELECT count(DISTINCT id) FROM second)', $source->sql(
			'SELECT (SELECT COUNT(*) FROM first), (SELECT COUNT(*) FROM second), (SELECT COUNT(*) FROM second)') =~ tr/\t/|/r, "$name: every row once");
}

my %cut = (options => { split_bytes => '300kB', jobs => 4 });
my $cut = new_task(%cut);
my $guard = stopped_in_the_middle($cut);
$cut->kill9;
resumes('after kill -9', $cut, $guard);
like(slurp($cut->{log}), qr/table "app"."second" starts over/, 'the unfinished table starts over, though its snapshot has the same place in the binlog');
is(scalar(() = slurp($cut->{log}) =~ /copied table "app"."first" part 1 /g), 1, 'and the finished one does not');

$cut = new_task(%cut);
$guard = stopped_in_the_middle($cut);
$source->sql(join ' ', map { "KILL $_;" } split /\n/, $source->sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'sync'"));
$guard->query_safe('ROLLBACK');
is($cut->wait_end, 0, 'the snapshot is lost: a new one') or diag($cut->log_text);
$guard->quit;
like($cut->log_text, qr/a new snapshot is needed/, 'the snapshot is lost: it is said');
target_is('SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second)', '20000|10000', 'the snapshot is lost: every row once');

# One worker: the second table is altered while the first is copied.
$source->sql('ALTER TABLE second MODIFY t varchar(200), ENGINE = InnoDB');
my $altered = new_task(options => { jobs => 1 });
$target->safe_psql('app', 'TRUNCATE app.first, app.second');
$guard = $target->background_psql('app');
$guard->query_safe('BEGIN; INSERT INTO app.first VALUES (5, $$guard$$)');
$altered->start('run', '--copy-only');
wait_for('a worker to wait', sub { $target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COPY%'}) > 0 });
$source->sql('TRUNCATE TABLE second; INSERT INTO second VALUES (1, "new")');
$guard->query_safe('ROLLBACK');
$guard->quit;
is($altered->wait_end, 0, 'a table is truncated after the snapshot') or diag($altered->log_text);
like($altered->log_text, qr/a new snapshot is needed/, 'it waits for a new snapshot');
target_is('SELECT (SELECT count(*) FROM first), (SELECT string_agg(t, $$,$$) FROM second)', '20000|new', 'and has its rows');

done_testing();
