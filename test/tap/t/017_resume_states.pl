# Starting again is always safe: what a later run does in each state of a task.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');
my $other  = new_target('other');

$source->safe_psql('app', q{
	CREATE TABLE item (id int PRIMARY KEY, v text);
	CREATE TABLE log (line text);
	INSERT INTO item SELECT i, 'v' || i FROM generate_series(1, 1000) i;
	INSERT INTO log SELECT 'line ' || i FROM generate_series(1, 1000) i;
});

my $n = 0;

sub write_some
{
	$n++;
	$source->safe_psql('app', qq{
		INSERT INTO log SELECT 'round $n, ' || i FROM generate_series(1, 100) i;
		UPDATE item SET v = 'round $n' WHERE id % 7 = $n % 7;
	});
}

sub slots
{
	return $source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots');
}

# Which transaction wrote this row on the target: another one if it was copied again.
sub written_by
{
	return $target->safe_psql('app', 'SELECT xmin FROM log LIMIT 1');
}

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(name => "resume_$local", source => $source, target => $target, local => $local);
	my ($code, $out, $err);

	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	same_schema($source, $target);

	($code, $out, $err) = $task->run('status');
	is($code, 0, "$local: status of a task that has not begun");

	($code) = $task->run('run', '--copy-only');
	is($code, 0, "$local: --copy-only ends with exit code 0");
	my $writer = written_by();
	write_some();
	($code) = $task->run('run', '--copy-only');
	is($code, 0, "$local: --copy-only once more has nothing to do");
	$task->until_current_ok("$local: a run after --copy-only goes on with the stream");
	is(written_by(), $writer, "$local: a finished table is not copied again");
	$task->sums_equal_ok("$local: sums equal");

	foreach my $round (1 .. 3)
	{
		write_some();
		$task->until_current_ok("$local: run $round of an existing task");
	}
	is(written_by(), $writer, "$local: still not copied again");
	$task->sums_equal_ok("$local: sums equal after several runs");
	is(slots(), 1, "$local: one slot");

	my $lsn = $source->safe_psql('app', 'SELECT pg_current_wal_lsn()');
	($code) = $task->run('run', '--until', '0/1');
	is($code, 0, "$local: --until a position long passed ends at once");
	($code) = $task->run('run', '--until', $lsn);
	is($code, 0, "$local: --until the end of the last transaction");
	($code, $out, $err) = $task->run('run', '--until', 'tomorrow');
	is($code, 2, "$local: --until something else is a usage error");

	# Nothing waits in the local store once all is applied.
	($code, $out, $err) = $task->run('sqls');
	is($code, 0, "$local: sqls");
	unlike($out, qr/INSERT|UPDATE/, "$local: applied changes are removed from the local store");

	# A second dbsync on the same task.
	$task->start('run');
	wait_for('the slot to be in use', sub {
		$source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots WHERE active') == 1;
	});
	($code, $out, $err) = $task->run('run', '--until', 'current');
	cmp_ok($code, 'ne', '0', "$local: a second dbsync on one task is refused");
	like("$out$err", qr/(running|in use|locked|another)/i, "$local: and told why");
	is($task->ended, undef, "$local: the first one is not disturbed");
	is($task->stop, 0, "$local: and stops as it should");

	# The same task with another target, and with another slot.
	my $stranger = DbsyncTest->new(
		name       => "stranger_$local",
		source     => $source,
		target     => $other,
		local      => 'sqlite',
		local_path => "$task->{dir}/local.db",
		options    => { slot => "resume_$local" });
	if ($local eq 'sqlite')
	{
		same_schema($source, $other);
		($code, $out, $err) = $stranger->run('run', '--until', 'current');
		cmp_ok($code, 'ne', '0', 'a task of another target is refused');
		like("$out$err", qr/target/i, 'and told why');
		is($other->safe_psql('app', 'SELECT count(*) FROM log'), 0, 'nothing was written there');
	}

	# The slot is gone after progress began: never made anew in silence.
	$source->safe_psql('app', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
	write_some();
	($code, $out, $err) = $task->run('run', '--until', 'current');
	cmp_ok($code, 'ne', '0', "$local: a lost slot stops the run");
	like("$out$err", qr/slot/, "$local: and is named");
	is(slots(), 0, "$local: and not made anew");

	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 0, "$local: drop of a task whose slot is gone");
	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 0, "$local: drop once more");

	# The whole once more on the same target, whose tables hold rows: refused, unless told to.
	($code, $out, $err) = $task->run('run', '--until', 'current');
	cmp_ok($code, 'ne', '0', "$local: a full sync into tables that hold rows is refused");
	like("$out$err", qr/(item|log)/, "$local: and names them");
	is(slots(), 0, "$local: before it makes a slot");
	$task->run('drop', '--yes');
	$target->safe_psql('app', 'TRUNCATE item, log');
	$task->until_current_ok("$local: a new full sync after drop");
	$task->sums_equal_ok("$local: sums equal after the new full sync");
	$task->run('drop', '--yes');
	is(slots(), 0, "$local: no slot stays");
}

# copy = off: the target has the data, the slot exists and stands somewhere.
$target->safe_psql('app', 'TRUNCATE item, log');
$source->safe_psql('app', q{SELECT pg_create_logical_replication_slot('handmade', 'alidecode')});
system('pg_dump -a "' . $source->connstr('app') . '" | psql -X -q -v ON_ERROR_STOP=1 -d "' . $target->connstr('app') . '" >/dev/null') == 0
  or die 'cannot copy the data';
write_some();
my $task = DbsyncTest->new(name => 'handmade', source => $source, target => $target, options => { copy => 'off' });
$task->until_current_ok('copy = off: streaming from an existing slot');
write_some();
$task->until_current_ok('copy = off: again');
$task->sums_equal_ok('copy = off: sums equal');

done_testing();
