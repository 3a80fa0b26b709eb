# dbsync drop: removes every trace, of whole and of half tasks, and never what is not its own.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', 'CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (1, \'a\')');
same_schema($source, $target);

sub slots
{
	return $source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots');
}

sub rows
{
	my ($table) = @_;

	return $target->safe_psql('app', "SELECT count(*) FROM dbsync.$table");
}

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(name => "drop_$local", source => $source, target => $target, local => $local);
	my ($code, $out, $err);

	$target->safe_psql('app', 'TRUNCATE item');
	$task->until_current_ok("$local: full sync");
	$target->safe_psql('app', "INSERT INTO dbsync.strict_replays (task, reason) VALUES ('drop_$local', 'x'), ('another', 'x')");

	# While a run has the task.
	$task->start('run');
	wait_for('the slot to be read', sub {
		$source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots WHERE active') == 1;
	});
	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 1, "$local: refused while a run has the task");
	like($err, qr/another dbsync/, "$local: and told why");
	is(slots(), 1, "$local: the slot is there");
	is($task->ended, undef, "$local: the run goes on");
	is($task->stop, 0, "$local: and stops as it should");

	# The target is away: refused, then forced.
	if ($local eq 'sqlite')
	{
		$target->stop;
		($code, $out, $err) = $task->run('drop', '--yes');
		is($code, 1, 'a target that is away');
		like($err, qr/nothing was removed/, 'nothing is removed');
		is(slots(), 1, 'indeed');
		($code, $out, $err) = $task->run('drop', '--yes', '--force');
		is($code, 1, '--force: something is left, so exit code 1');
		like($out, qr/DELETE FROM dbsync\.$_ WHERE task = 'drop_sqlite'/, "which is said, with the statement: $_")
		  foreach qw(progress copy_progress conflicts strict_replays post_data);
		is(slots(), 0, 'the slot is gone');
		is($task->status->{state}, 'none', 'and the state');
		$target->start;
		is(rows('progress'), 1, 'the progress is left');
		($code, $out, $err) = $task->run('drop', '--yes');
		is($code, 0, 'the rest is removed once the target is back');
		is(rows('progress'), 0, 'indeed');
	}
	else
	{
		# A slot that somebody else reads now.
		my $reader = IPC::Run::start(
			[ 'pg_recvlogical', '-d', $source->connstr('app'), '-S', "drop_$local", '--start', '-f', '-' ],
			'>', '/dev/null', '2>', '/dev/null');
		wait_for('another reader', sub {
			$source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots WHERE active') == 1;
		});
		($code, $out, $err) = $task->run('drop', '--yes');
		is($code, 1, 'a slot that somebody reads is not dropped');
		like($err, qr/being read by pid \d+/, 'the pid is named');
		is(rows('progress'), 1, 'and nothing else is removed');
		$reader->kill_kill;
		($code, $out, $err) = $task->run('drop', '--yes');
		is($code, 0, 'once it has gone');
	}
	is(slots(), 0, "$local: no slot");
	is(rows($_), 0, "$local: no row in dbsync.$_") foreach qw(progress copy_progress conflicts);
	is($target->safe_psql('app', 'DELETE FROM dbsync.strict_replays RETURNING task'), 'another', "$local: nor in dbsync.strict_replays, but for another task's");
	is($task->target_rows('item'), 1, "$local: the tables stay as they are");
	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 0, "$local: once more: nothing to do");

	# Somebody else's slot of that name.
	$source->safe_psql('app', "SELECT pg_create_logical_replication_slot('drop_$local', 'test_decoding')");
	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 1, "$local: a slot of another plugin is not dropped");
	is(slots(), 1, "$local: it is there");
	$source->safe_psql('app', "SELECT pg_drop_replication_slot('drop_$local')");
}

# Two tasks of one store: the other one is not touched.
my $one = DbsyncTest->new(name => 'one', source => $source, target => $target);
my $two = DbsyncTest->new(name => 'two', source => $source, target => $target, local_path => "$one->{dir}/local.db");
$target->safe_psql('app', 'TRUNCATE item');
$one->until_current_ok('task one');
$target->safe_psql('app', 'TRUNCATE item');
$two->until_current_ok('task two, in the same local store');
$one->run('drop', '--yes');
is($one->status->{state}, 'none', 'one is gone');
isnt($two->status->{state}, 'none', 'two is there');
is(rows('progress'), 1, 'with its progress');
$two->until_current_ok('and goes on');

done_testing();
