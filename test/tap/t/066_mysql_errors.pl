# MariaDB to PostgreSQL: what is wrong is said before anything is done, and what the binlog no longer or never has stops a run, with the place
# and what to do.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $source = MariaDB->new('mariadb', conf => ['--server-id=4711']);
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE t (id int PRIMARY KEY, v varchar(20));
CREATE TABLE secret (id int PRIMARY KEY);
INSERT INTO t VALUES (1, 'one');
CREATE USER poor@'%' IDENTIFIED BY 'poor';
GRANT SELECT ON app.t TO poor@'%';
GRANT INSERT ON app.secret TO poor@'%';
END
$target->safe_psql('app', 'CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, v varchar(20)); CREATE TABLE app.secret (id int PRIMARY KEY)');

my $task_count = 0;

sub new_task
{
	my (%arg) = @_;

	return DbsyncTest->new(name => 'e' . ++$task_count, source => $source, target => $target, options => { existing_rows => 'truncate', %{ delete $arg{options} || {} } }, %arg);
}

sub target_rows
{
	return $target->safe_psql('app', 'SELECT id, v FROM app.t ORDER BY 1');
}

# ---- preflight ----

my $task = new_task(mysql => { user => 'poor', password => 'poor' });
my ($code, $out, $err) = $task->run('check');
is($code, 3, 'check: rights are missing');
my $monitor = $source->is_mysql ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
like($out, qr/GRANT RELOAD, REPLICATION SLAVE, $monitor ON \*\.\* TO 'poor'\@'%';/, 'the GRANT is ready to be used');
like($out, qr/may not read 1 table: secret\n\s+GRANT SELECT ON `app`\.\* TO 'poor'\@'%';/, 'and the one for the table');
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 3, 'run stops for the same reason');
is($target->safe_psql('app', "SELECT count(*) FROM pg_namespace WHERE nspname = 'dbsync'"), 0, 'and has done nothing');

$task = new_task(mysql => { password => 'wrong' });
($code, $out, $err) = $task->run('check');
is($code, 3, 'check: a wrong password');
unlike($out . $err, qr/"wrong"|=wrong/, 'which is not repeated');

$task = new_task(mysql => { server_id => 4711 });
($code, $out) = $task->run('check');
is($code, 3, 'check: a server_id that is taken');
like($out, qr/server_id 4711 is the source's own/, 'and why');

$source->sql("SET GLOBAL binlog_format = 'STATEMENT'", '');
$task = new_task();
($code, $out) = $task->run('check');
is($code, 3, 'check: binlog_format STATEMENT');
like($out, qr/SET GLOBAL binlog_format = ROW;/, 'and how to mend it');
$source->sql("SET GLOBAL binlog_format = 'ROW'", '');

foreach my $image ('NOBLOB', 'MINIMAL')
{
	my $warning = qr/binlog_row_image is $image: where REPLACE names.*\n\s+SET GLOBAL binlog_row_image = FULL;/;

	$source->sql("SET GLOBAL binlog_row_image = '$image'", '');
	($code, $out) = $task->run('check');
	is($code, 0, "check: binlog_row_image $image");
	$source->is_mysql ? unlike($out, $warning, 'which MySQL does well') : like($out, $warning, 'and what it lacks');
}
$source->sql("SET GLOBAL binlog_row_image = 'FULL'", '');

if ($source->is_mysql)
{
	$source->sql("SET GLOBAL binlog_row_value_options = PARTIAL_JSON; SET GLOBAL binlog_transaction_compression = ON", '');
	($code, $out) = $task->run('check');
	is($code, 3, 'check: what only MySQL has');
	like($out, qr/SET GLOBAL binlog_row_value_options = '';/, 'JSON in pieces');
	like($out, qr/SET GLOBAL binlog_transaction_compression = OFF;/, 'and compressed transactions');
	$source->sql("SET GLOBAL binlog_row_value_options = ''; SET GLOBAL binlog_transaction_compression = OFF", '');
}

$task = new_task(options => { include_tables => 'app.t, app.nothing' });
($code, $out) = $task->run('check');
is($code, 3, 'check: a table that is not there');
like($out, qr/matches no table: app\.nothing/, 'and its name');

# ---- start without a full sync ----

$task = new_task(options => { copy => 'off' });
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 3, 'copy = off without a place to start from');
like($err, qr/binlogfile and binlogfile_offset/, 'is told how to name one');

$target->safe_psql('app', 'TRUNCATE app.t');
my ($file, $offset) = split /\t/, $source->sql('SHOW MASTER STATUS');
my $gtid = $source->sql('SELECT @@gtid_binlog_pos');
$source->sql("INSERT INTO t VALUES (2, 'two')");
$task = new_task(options => { copy => 'off' }, mysql => { binlogfile => $file, binlogfile_offset => $offset });
$task->until_current_ok('copy = off from binlogfile and binlogfile_offset');
is(target_rows(), '2|two', 'brings over what came behind it');
$source->sql("INSERT INTO t VALUES (3, 'three')");
$task->until_current_ok('and goes on');
is(target_rows(), "2|two\n3|three", 'without doing anything twice');

$target->safe_psql('app', 'TRUNCATE app.t');
$task = new_task(options => { copy => 'off' }, mysql => { gtid => $gtid });
$task->until_current_ok('copy = off from a GTID');
is(target_rows(), "2|two\n3|three", 'brings over what came behind it');

$task = new_task(options => { copy => 'off' }, mysql => { binlogfile => 'binlog.000999' });
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 3, 'a binlogfile that is not there');

$task = new_task(options => { copy => 'off' }, mysql => { binlogfile => $file =~ s/binlog/replica-bin/r, binlogfile_offset => $offset });
foreach my $command ('check', 'run')
{
	($code, $out, $err) = $task->run($command, $command eq 'run' ? ('--until', 'current') : ());
	is($code, 3, "$command: a binlogfile of another server, which has a number of ours");
	like($out . $err, qr/replica-bin\.\d+ is no file of the source, whose binlog has the name binlog\n.*such as \Q$file\E;/, 'and which name it should have');
}

# ---- until ----

$target->safe_psql('app', 'TRUNCATE app.t');
$task = new_task();
($code, $out, $err) = $task->run('run', '--copy-only');
is($code, 0, '--copy-only');
like($err, qr/keeps no binlog for this task: go on/, 'says what does not stay');
$source->sql("INSERT INTO t VALUES (4, 'four')");
($file, $offset) = split /\t/, $source->sql('SHOW MASTER STATUS');
$source->sql("INSERT INTO t VALUES (5, 'five')");
($code) = $task->run('run', '--until', "$file:$offset");
is($code, 0, '--until file:offset');
is($task->target_rows('app.t'), 4, 'ends there');
($code, $out, $err) = $task->run('run', '--until', 'tomorrow');
is($code, 2, '--until: no position');
($code, $out, $err) = $task->run('run', '--until', "replica-bin.000001:$offset");
is($code, 2, '--until: a position of another server');
like($err, qr/no position of the source, whose binlog has the name binlog/, 'is none of the source');
$task->until_current_ok('--until current');
is($task->target_rows('app.t'), 5, 'has the rest');

# ---- DDL and statements in the stream ----

$task->start('run');
wait_for('the stream', sub { $task->log_text =~ /caught up with the source/ });
$source->sql("INSERT INTO t VALUES (6, 'six'); ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (7, 'seven', 7)");
is($task->wait_end, 1, 'DDL on a table of the task stops the run');
like($task->log_text, qr/ALTER TABLE t ADD COLUMN w int/, 'and is shown');
like($task->log_text, qr/binlog\.\d{6}:\d+/, 'with its place');
is($task->target_rows('app.t'), 6, 'everything before it is on the target');
($code, $out, $err) = $task->run('run', '--until', 'current');
isnt($code, 0, 'it stops again until somebody acts');
$target->safe_psql('app', 'ALTER TABLE app.t ADD COLUMN w int');
($code, $out, $err) = $task->run('run', '--until', 'current', '--ddl', 'skip');
is($code, 0, 'with the same change on the target and ddl = skip it goes on');
is($target->safe_psql('app', 'SELECT w FROM app.t WHERE id = 7'), 7, 'and has the new column');
$source->sql("INSERT INTO t VALUES (100, 'hundred', 1)");
$task->until_current_ok('from then on without it');
is($target->safe_psql('app', 'SELECT count(*) FROM app.t'), $source->sql('SELECT COUNT(*) FROM t'), 'with all rows');
$source->sql('DELETE FROM t WHERE id = 100; ALTER TABLE t DROP COLUMN w');
$target->safe_psql('app', 'ALTER TABLE app.t DROP COLUMN w');

$target->safe_psql('app', 'TRUNCATE app.t');
$task = new_task();
$task->until_current_ok('a new task');
$source->sql("SET SESSION binlog_format = 'STATEMENT'; INSERT INTO t VALUES (8, 'eight')");
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'a change that is logged as a statement stops the run');
like($err, qr/changed in statement format \(binary log at binlog\.\d{6}:\d+\)/, 'and it says where');

# ---- zero dates where the target takes no NULL ----

my $zero = qr/ALTER TABLE "app"\."zero" ALTER COLUMN "Day" DROP NOT NULL \(a zero date of the source is a NULL: see zero_dates\)/;
$source->sql("CREATE TABLE zero (id int PRIMARY KEY, Day date NOT NULL, v int); SET sql_mode = ''; INSERT INTO zero VALUES (1, '2026-01-01', 1), (2, '0000-00-00', 2)");
$target->safe_psql('app', 'CREATE TABLE app.zero (id int PRIMARY KEY, "Day" date NOT NULL, v int NOT NULL)');
$task = new_task(options => { include_tables => 'app.zero' });
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'copy: a zero date for a column that takes no NULL');
like($err, qr/null value in column "Day".*$zero; or: ignore_copy_error_count_each_table/s, 'is told as such, with what mends it');
$source->sql("SET sql_mode = ''; INSERT INTO zero VALUES (3, 0, 3)");
$task = new_task(options => { include_tables => 'app.zero' }, extra => "\n[desc.pgsql]\nignore_copy_error_count_each_table = 1\n");
($code, $out, $err) = $task->run('run', '--until', 'current');
like($err, qr/1 rows were rejected, and there is one more: column Day: null value.*$zero; or: ignore_copy_error/s, 'so is one that is not rejected any more');
$source->sql("DELETE FROM zero WHERE id = 3");
$task->until_current_ok('one can be rejected');
is($target->safe_psql('app', q{SELECT column_name || ': ' || problem FROM dbsync.rejects WHERE source_table = 'zero'}),
	'Day: null value in column "Day" of relation "zero" violates not-null constraint', 'and is kept with its column');
$source->sql("SET sql_mode = ''; INSERT INTO zero VALUES (3, 0, 3)");
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'stream: likewise');
like($err, qr/insert of app\.zero \(id=3\).*$zero, and start again; or let dbsync pass such changes/s, 'with the same words');
$target->safe_psql('app', 'ALTER TABLE app.zero ALTER "Day" DROP NOT NULL');
$task->until_current_ok('then it goes on');
$source->sql("INSERT INTO zero VALUES (4, '2026-01-01', NULL)");
($code, $out, $err) = $task->run('run', '--until', 'current');
like($err, qr/ALTER COLUMN "v" DROP NOT NULL, and start again/, 'a NULL of another column is no zero date');

# ---- columns that the target lacks ----

$source->sql('CREATE TABLE lack (id int PRIMARY KEY)');
$target->safe_psql('app', 'CREATE TABLE app.lack (id int PRIMARY KEY)');
$task = new_task(options => { include_tables => 'app.lack' });
$task->start('run', '--ddl', 'skip');
wait_for('the stream', sub { $task->log_text =~ /caught up with the source/ });
$source->sql("ALTER TABLE lack ADD COLUMN w int unsigned, ADD COLUMN e enum('a'), ADD COLUMN at datetime(3); INSERT INTO lack VALUES (1, 1, 'a', NULL)");
is($task->wait_end, 1, 'a column that the target lacks stops the stream');
like($task->log_text, qr/ALTER TABLE "app"\."lack" ADD COLUMN "w" bigint;/, "and is named with PostgreSQL's type");
($code, $out) = $task->run('check');
like($out, qr/ALTER TABLE app\.lack ADD COLUMN w bigint;/, 'as by the preflight');
$source->sql('DROP TABLE lack, zero');

# ---- TRUNCATE of a table that others point to ----

$source->sql(<<'END');
CREATE TABLE p (id int AUTO_INCREMENT PRIMARY KEY, v int);
CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id));
INSERT INTO p VALUES (1, 1), (2, 2);
INSERT INTO c VALUES (1, 1), (2, 2);
END
$target->safe_psql('app', <<'END');
CREATE TABLE app.p (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v int);
CREATE TABLE app.c (id int PRIMARY KEY, p int CONSTRAINT ck REFERENCES app.p);
END

sub family
{
	return $target->safe_psql('app', "SELECT 'p', id FROM app.p UNION ALL SELECT 'c', id FROM app.c ORDER BY 1, 2") =~ s/\n/ /gr;
}

$task = new_task(options => { include_tables => 'app.p, app.c' });
$task->until_current_ok('tables with a foreign key');
$source->sql('SET foreign_key_checks = 0; TRUNCATE c; TRUNCATE p; INSERT INTO p VALUES (3, 3); INSERT INTO c VALUES (3, 3)');
$task->until_current_ok('both are truncated under foreign_key_checks = 0');
is(family(), 'c|3 p|3', 'and are as on the source');
$source->sql('SET foreign_key_checks = 0; TRUNCATE p; INSERT INTO p VALUES (4, 4)');
$task->until_current_ok('the parent alone is truncated');
is(family(), 'c|3 p|4', 'and the child keeps its row, as on the source');
my $always = "DO \$\$ DECLARE r record; BEGIN FOR r IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'app.p'::regclass LOOP"
  . " EXECUTE format('ALTER TABLE app.p ENABLE ALWAYS TRIGGER %I', r.tgname); END LOOP; END \$\$";
$target->safe_psql('app', $always);
$source->sql('SET foreign_key_checks = 0; TRUNCATE p; INSERT INTO p VALUES (5, 5)');
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'where the key acts for rows of dbsync, it stops');
like($err, qr/truncate of app\.p.*emptied this table alone; .* by foreign key ck of app\.c/, 'and names the key');
is(family(), 'c|3 p|4', 'and nothing has happened');
my ($mend) = $err =~ /(BEGIN; SET LOCAL .*? COMMIT;)/;
ok($mend, 'the statements that help are there') and $target->safe_psql('app', $mend);
$task->until_current_ok('with them it goes on');
is(family(), 'c|3 p|5', 'and is as on the source');

# ---- changes that are lost ----

$target->safe_psql('app', 'TRUNCATE app.t');
$task = new_task();
$task->until_current_ok('a new task');
$source->sql("INSERT INTO t VALUES (9, 'nine'); FLUSH BINARY LOGS; INSERT INTO t VALUES (10, 'ten')");
# The server keeps what the reader of before had open until it notices that it is gone.
my ($last) = split /\t/, $source->sql('SHOW MASTER STATUS');
wait_for('the purge', sub { $source->sql("PURGE BINARY LOGS TO '$last'"); $source->sql('SHOW BINARY LOGS') =~ /^\Q$last\E/ });
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'a purged binlog stops the run');
like($err, qr/purged/, 'and it says so');
like($err, qr/dbsync drop/, 'with what to do');
unlike(target_rows(), qr/10\|ten/, 'and nothing behind the gap is applied');

($code) = $task->run('drop', '--yes');
is($code, 0, 'drop');
$task->until_current_ok('and a new full sync');
is($task->target_rows('app.t'), $source->sql('SELECT COUNT(*) FROM t'), 'has everything');

# ---- changes that are not missed ----

$source->sql('CREATE TABLE busy (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20))');
$target->safe_psql('app', 'TRUNCATE app.t');
my $idle = new_task(options => { exclude_tables => 'app.busy' });
$idle->start('run');
wait_for('the stream', sub { $idle->log_text =~ /caught up with the source/ });
$source->sql("INSERT INTO busy (v) SELECT 'x' FROM seq_1_to_100; FLUSH BINARY LOGS; INSERT INTO busy (v) VALUES ('last')");
wait_for('its lag to be nothing', sub { my $lag = $idle->status->{lag_bytes}; defined $lag && $lag == 0 }, 60);
is($idle->stop, 0, 'a run that had nothing to apply is stopped');
($last) = split /\t/, $source->sql('SHOW MASTER STATUS');
wait_for('the purge', sub { $source->sql("PURGE BINARY LOGS TO '$last'"); $source->sql('SHOW BINARY LOGS') =~ /^\Q$last\E/ });
$idle->until_current_ok('it does not miss a log that had nothing for it');

$source->sql('RESET MASTER');
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'a binlog that was reset stops the run');
like($err, qr/binlog ends at .*, before /, 'and it says why');

# MySQL knows itself by a file of its data folder, MariaDB by its machine, port and server_id.
$source->stop;
unlink $source->dir . '/data/auto.cnf';
$source->start('--server-id=4712');
($code, $out, $err) = $task->run('run', '--until', 'current');
isnt($code, 0, 'another server is refused');
like($err, qr/belongs to the source/, 'and it says so');

done_testing();
