# Foreign keys of MariaDB with ON DELETE and ON UPDATE change rows without a word in the binlog: dbsync does not start before the target's keys do the
# same, and then both sides stay equal, also where many changes are applied as one group.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

# MySQL logs these changes from 9.6 on, unless this is set.
my $source = MariaDB->new('mariadb', conf => [ MariaDB::is_mysql() ? '--loose-innodb-native-foreign-keys=ON' : () ]);
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE parent (id int PRIMARY KEY, v int);
CREATE TABLE child (id int PRIMARY KEY, p int, v int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE grandchild (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES child (id) ON DELETE SET NULL);
CREATE TABLE plain (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE RESTRICT);
INSERT INTO parent SELECT seq, 0 FROM seq_1_to_300;
INSERT INTO child SELECT seq, 1 + seq % 300, 0 FROM seq_1_to_1500;
INSERT INTO grandchild SELECT seq, seq FROM seq_1_to_1000;
INSERT INTO plain VALUES (1, 300);
END
$target->safe_psql('app', <<'END');
CREATE SCHEMA app;
CREATE TABLE app.parent (id int PRIMARY KEY, v int);
CREATE TABLE app.child (id int PRIMARY KEY, p int, v int);
CREATE TABLE app.grandchild (id int PRIMARY KEY, c int REFERENCES app.child ON DELETE SET NULL);
CREATE TABLE app.plain (id int PRIMARY KEY, p int REFERENCES app.parent);
END

sub equal_ok
{
	my ($name) = @_;

	foreach my $table ('parent', 'child', 'grandchild', 'plain')
	{
		my @from = split /\n/, $source->sql("SELECT * FROM $table ORDER BY id") =~ s/\t/|/gr =~ s/NULL//gr;
		my @to   = split /\n/, $target->safe_psql('app', "SELECT * FROM app.$table ORDER BY id");
		my ($i)  = grep { ($from[$_] // '') ne ($to[$_] // '') } 0 .. (@from > @to ? $#from : $#to);

		ok(!defined $i, "$name: $table") or diag(sprintf "first difference: source %s, target %s", $from[$i] // 'none', $to[$i] // 'none');
	}
}

my $task = DbsyncTest->new(name => 'cascade', source => $source, target => $target);
my ($code, $out) = $task->run('check');
is($code, 3, 'the preflight stops');
like($out, qr/lacks the source's foreign keys .*: app\.child\n/, 'because of a key that the target lacks');
like($out, qr/do not act for rows of dbsync.*: app\.grandchild\n/, 'and of one that would not act');

my $ignoring = DbsyncTest->new(name => 'ignoring', source => $source, target => $target, mysql => { cascades => 'ignore' });
($code) = $ignoring->run('check');
is($code, 0, 'cascades = ignore makes warnings of it');

my $orphan = DbsyncTest->new(name => 'orphan', source => $source, target => $target, options => { exclude_tables => 'app.parent' });
($code, $out) = $orphan->run('check');
is($code, 3, 'the preflight stops where the parent is not wanted');
like($out, qr/error.* 1 foreign key has ON DELETE or ON UPDATE to a table that the task does not have: .*: child to app\.parent\n/, '... and names both tables');
like($out, qr/let the task have the other table too/, '... and says what to do');
unlike($out, qr/lacks the source's foreign keys/, '... and asks for no such key');
$orphan = DbsyncTest->new(name => 'orphan', source => $source, target => $target, mysql => { cascades => 'ignore' }, options => { exclude_tables => 'app.parent' });
($code, $out) = $orphan->run('check');
is($code, 0, 'cascades = ignore makes a warning of it, too');
like($out, qr/warning.* 1 foreign key has ON DELETE or ON UPDATE to a table/, '... that is there');

$target->safe_psql('app', 'ALTER TABLE app.child ADD FOREIGN KEY (p) REFERENCES app.parent ON DELETE CASCADE ON UPDATE CASCADE');
($code, $out) = $task->run('check');
my @statements = $out =~ /^\s+(ALTER TABLE \S+ ENABLE ALWAYS TRIGGER .*;)$/mg;
is(scalar @statements, 3, 'the statements are there that let the keys act');
$target->safe_psql('app', join ' ', @statements);
($code, $out) = $task->run('check');
is($code, 0, 'and then the preflight is content');
like($out, qr/act for rows of dbsync, as on the source/, 'and says so');

$task->until_current_ok('full sync');
equal_ok('full sync');

# One group: what is deleted comes back, with and without its children.
$source->sql(<<'END');
DELETE FROM parent WHERE id BETWEEN 1 AND 20;
INSERT INTO parent SELECT seq, 1 FROM seq_1_to_10;
INSERT INTO child SELECT 5000 + seq, seq, 1 FROM seq_1_to_10;
INSERT INTO child VALUES (1500, 5, 2);
UPDATE child SET v = 9 WHERE p BETWEEN 21 AND 40;
UPDATE parent SET id = id + 1000 WHERE id BETWEEN 31 AND 50;
DELETE FROM parent WHERE id = 1031;
DELETE FROM child WHERE p = 60;
INSERT INTO child SELECT id, 61, 3 FROM child WHERE p = 1032 ON DUPLICATE KEY UPDATE v = 3;
UPDATE child SET p = 70 WHERE p = 71;
DELETE FROM parent WHERE id = 70;
INSERT INTO parent VALUES (70, 7);
UPDATE grandchild SET c = NULL WHERE id = 900;
END
$task->until_current_ok('everything as one group');
equal_ok('one group');

# Nothing here that makes the group go change by change: the child rows still are on the target before their parents go.
$source->sql(<<'END');
INSERT INTO child SELECT 6000 + seq, 80 + seq % 3, 1 FROM seq_1_to_900;
INSERT INTO grandchild SELECT 6000 + seq, 6000 + seq FROM seq_1_to_900;
UPDATE child SET p = 80, v = 4 WHERE p = 84;
DELETE FROM parent WHERE id IN (80, 81);
UPDATE parent SET id = 4000 WHERE id = 82;
INSERT INTO child VALUES (6999, 4000, 1);
END
$task->until_current_ok('children and parents as one group');
equal_ok('children and parents');

$task->start('run');
$source->sql('DELETE FROM parent WHERE id BETWEEN 100 AND 150');
$source->sql('UPDATE parent SET id = -id WHERE id BETWEEN 200 AND 250');
$source->sql("INSERT INTO parent VALUES (9999, 9)");
wait_for('the stream', sub { $target->safe_psql('app', 'SELECT count(*) FROM app.parent WHERE id = 9999') });
equal_ok('stream');
is($task->stop, 0, 'stop');

# Under foreign_key_checks = 0 the source's keys do nothing, and the target's would.
$source->sql(<<'END');
SET foreign_key_checks = 0;
INSERT INTO parent VALUES (7001, 0), (7002, 0);
INSERT INTO child VALUES (7001, 7001, 0), (7002, 7002, 0);
UPDATE parent SET v = 1 WHERE id > 7000;
DELETE FROM plain WHERE id = 1;
DELETE FROM grandchild WHERE id = 999;
END
$task->until_current_ok('without checks of keys: nothing that keys would follow');
equal_ok('without checks of keys');
$source->sql('DELETE FROM parent WHERE id = 90');
$source->sql('SET foreign_key_checks = 0; BEGIN; UPDATE parent SET id = 8001 WHERE id = 7001; DELETE FROM parent WHERE id = 7002; COMMIT');
$source->sql('DELETE FROM parent WHERE id = 91');
($code, undef, $out) = $task->run('run', '--until', 'current');
is($code, 1, 'without checks of keys: a change that keys would follow stops the stream');
like($out, qr/stops at an update of table app\.parent that was made with foreign_key_checks = 0 \(binary log at /, '... and says where');
my ($start, $behind) = $out =~ /dbsync run --until (\S+:\d+);.*dbsync run --cascades ignore --until (\S+:\d+);/s;
my @ordinary = $out =~ /(ALTER TABLE \S+ ENABLE TRIGGER .*;)$/mg;
is(scalar @ordinary, 2, '... and has the statements that keep the keys from it');
($code) = $task->run('run', '--until', $start);
is($code, 0, 'without checks of keys: all before comes over');
is($target->safe_psql('app', 'SELECT count(*) FROM app.child WHERE p = 90'), 0, '... with what keys do');
$target->safe_psql('app', join ' ', @ordinary);
($code) = $task->run('run', '--cascades', 'ignore', '--until', $behind);
is($code, 0, '... then the transaction itself');
is($target->safe_psql('app', 'SELECT string_agg(p::text, \' \' ORDER BY p) FROM app.child WHERE id IN (7001, 7002)'), '7001 7002', '... without what keys would do');
$target->safe_psql('app', $_) foreach @statements;
$task->until_current_ok('... and all behind it');
equal_ok('without checks of keys, as it was made');

SKIP:
{
	skip 'only newer MySQL logs what its foreign keys do', 11
	  unless $source->is_mysql && $source->sql("SHOW VARIABLES LIKE 'innodb_native_foreign_keys'") =~ /ON/;
	$source->stop;
	$source->start('--innodb-native-foreign-keys=OFF');
	$target->safe_psql('app', $_ =~ s/ENABLE ALWAYS TRIGGER/ENABLE TRIGGER/r) foreach @statements;
	($code, $out) = $task->run('check');
	is($code, 0, 'the preflight asks for nothing where the log has the changes');
	$source->sql('DELETE FROM parent WHERE id BETWEEN 151 AND 160; UPDATE parent SET id = id + 5000 WHERE id BETWEEN 161 AND 170');
	$task->until_current_ok('and they come by it');
	equal_ok('logged');
	$target->safe_psql('app', $_) foreach @statements;
	$source->sql('DELETE FROM parent WHERE id BETWEEN 171 AND 180; UPDATE parent SET id = id + 5000 WHERE id BETWEEN 181 AND 190');
	$task->until_current_ok('also where the keys of the target act');
	equal_ok('logged, and done by the target');
}

# A full sync that is killed while one table waits goes on under a younger snapshot, which shows what the keys have done since.
sub interrupted_ok
{
	my ($waiting, $base) = @_;
	my $cut   = DbsyncTest->new(name => "cut$base", source => $source, target => $target);
	my @ids   = map { $base + $_ } 1 .. 4;
	my @done  = grep { $_ ne $waiting } 'parent', 'child', 'grandchild';
	my $guard = $target->background_psql('app');

	$source->sql("INSERT INTO parent VALUES ($_, 0); INSERT INTO child VALUES ($_, $_, 0); INSERT INTO grandchild VALUES ($_, $_)") foreach @ids;
	$target->safe_psql('app', 'TRUNCATE app.parent, app.child, app.grandchild, app.plain');
	$guard->query_safe("BEGIN; INSERT INTO app.$waiting VALUES ($ids[3])");
	$cut->start('run');
	foreach my $table (@done, 'plain')
	{
		my $rows = $source->sql("SELECT COUNT(*) FROM $table");

		wait_for("the copy of $table", sub { $cut->target_rows("app.$table") == $rows });
	}
	wait_for('a worker to wait', sub { $target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COPY%'}) > 0 });
	$cut->kill9;
	$guard->query_safe('ROLLBACK');
	$guard->quit;
	$source->sql(<<"END");
DELETE FROM parent WHERE id = $ids[0];
DELETE FROM parent WHERE id = $ids[1];
INSERT INTO parent VALUES ($ids[1], 1);
INSERT INTO child VALUES ($ids[1], $ids[1], 1);
UPDATE grandchild SET c = id WHERE id = $ids[1];
UPDATE parent SET id = -id WHERE id = $ids[2];
END
	$cut->until_current_ok("$waiting was not finished");
	equal_ok("$waiting was not finished");
	my $log = slurp($cut->{log});
	my @copied = map { my $table = $_; scalar(() = $log =~ /copied table "app"."$table" /g) } $waiting, @done, 'plain';
	is("@copied", '1 2 2 1', "$waiting was not finished: tables that the keys connect start over, and no others");
	like($log, qr/table "app"."$_" starts over: foreign keys/, "$waiting was not finished: $_ starts over") foreach @done;
}

interrupted_ok('parent', 20000);
interrupted_ok('child', 30000);
interrupted_ok('grandchild', 40000);

# Text of most collations finds rows that are not the same by their bytes.
my $by_bytes = $source->is_mysql ? 'utf8mb4_0900_bin' : 'utf8mb4_nopad_bin';
$source->sql(<<"END");
CREATE TABLE code (code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY);
CREATE TABLE coded (id int PRIMARY KEY, code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	FOREIGN KEY (code) REFERENCES code (code) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE exact (code varchar(20) CHARACTER SET utf8mb4 COLLATE $by_bytes PRIMARY KEY, up varchar(20) CHARACTER SET utf8mb4 COLLATE $by_bytes,
	FOREIGN KEY (up) REFERENCES exact (code) ON DELETE CASCADE);
INSERT INTO code VALUES ('abc'), ('def'), ('ghi'), ('jkl');
INSERT INTO coded VALUES (1, 'abc'), (2, 'ABC'), (3, 'DEF'), (4, 'Ghi'), (5, 'jkl');
INSERT INTO exact VALUES ('a', 'a'), ('A', 'A'), ('b', 'a');
END
$target->safe_psql('app', <<'END');
CREATE TABLE app.code (code varchar(20) PRIMARY KEY);
CREATE TABLE app.coded (id int PRIMARY KEY, code varchar(20) REFERENCES app.code ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE app.exact (code varchar(20) PRIMARY KEY, up varchar(20) REFERENCES app.exact ON DELETE CASCADE);
END
my %coded = (source => $source, target => $target, options => { include_tables => 'app.code, app.coded, app.exact' });
my $text = DbsyncTest->new(%coded, name => 'text');
if ($source->is_mysql && $source->sql("SHOW VARIABLES LIKE 'innodb_native_foreign_keys'") =~ /OFF/)
{
	$source->stop;
	$source->start('--innodb-native-foreign-keys=ON');
}
($code, $out) = $text->run('check');
$target->safe_psql('app', $_) foreach $out =~ /^\s+(ALTER TABLE \S+ ENABLE ALWAYS TRIGGER .*;)$/mg;
($code, $out) = $text->run('check');
is($code, 3, 'text that is not compared by bytes: the preflight stops, though the keys act');
like($out, qr/error.* of text that the source does not compare by its bytes .*: app\.code\.code \(utf8mb4_general_ci\), app\.coded\.code \(utf8mb4_general_ci\)\n/, '... for the columns of such a key');
like($out, qr/nondeterministic collation/, '... and says what to do');
unlike($out, qr/as on the source/, '... and does not say that all is well');
($code, $out) = DbsyncTest->new(%coded, name => 'text', mysql => { cascades => 'ignore' })->run('check');
is($code, 0, '... and cascades = ignore makes a warning of it');
SKIP:
{
	skip 'no ICU', 6 unless $target->safe_psql('app', "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'") > 0;
	my $one = 'ALTER COLUMN code TYPE varchar(20) COLLATE app.ci';

	$target->safe_psql('app', "CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
	$target->safe_psql('app', "ALTER TABLE app.coded DROP CONSTRAINT coded_code_fkey, $one");
	$target->safe_psql('app', "ALTER TABLE app.code $one");
	$target->safe_psql('app', 'ALTER TABLE app.coded ADD FOREIGN KEY (code) REFERENCES app.code ON DELETE CASCADE ON UPDATE CASCADE');
	(undef, $out) = $text->run('check');
	$target->safe_psql('app', $_) foreach $out =~ /^\s+(ALTER TABLE \S+ ENABLE ALWAYS TRIGGER .*;)$/mg;
	($code, $out) = $text->run('check');
	is($code, 0, 'text that the target compares likewise: the preflight is content');
	$text->until_current_ok('text: full sync');
	$source->sql(<<'END');
DELETE FROM code WHERE code = 'abc';
UPDATE code SET code = 'new' WHERE code = 'def';
UPDATE code SET code = 'GHI' WHERE code = 'ghi';
DELETE FROM exact WHERE code = 'a';
END
	$text->until_current_ok('text: the keys act');
	foreach my $table ([ 'code', 'code' ], [ 'coded', 'id' ], [ 'exact', 'code' ])
	{
		my ($name, $key) = @$table;

		is($target->safe_psql('app', "SELECT * FROM app.$name ORDER BY $key") . "\n", $source->sql("SELECT * FROM $name ORDER BY $key") =~ s/\t/|/gr =~ s/\n*$/\n/r,
			"text: $name is the same");
	}
}

done_testing();
