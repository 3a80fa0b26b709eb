# Before the first row is copied: a server that goes away is waited for, a killed run is taken up, while the preflight and the slot
# wait for a transaction of the source.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

# The tests' framework sets it, and dbsync would go by that name.
delete $ENV{PGAPPNAME};

my $source = new_source('source', conf => 'max_prepared_transactions = 5');
my $target = new_target('target');
my $store  = new_target('store');
my $n = 0;

$source->safe_psql('app', 'CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT i, i::text FROM generate_series(1, 1000) i');
same_schema($source, $target);

# A prepared transaction holds up a new slot, and outlives a restart of the source.
sub hold_up
{
	$n++;
	$source->safe_psql('app', "BEGIN; INSERT INTO item VALUES (10000 + $n, 'held up'); PREPARE TRANSACTION 'holder $n'");
}

sub let_go
{
	$source->safe_psql('app', "COMMIT PREPARED 'holder $n'");
}

# Who waits in the creation of the slot; 0: nobody.
sub maker
{
	my ($code, $out) = $source->psql('app',
		q{SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE NOT temporary AND confirmed_flush_lsn IS NULL});

	return $code == 0 ? $out : 0;
}

sub is_waiting_again
{
	my ($task, $name, $before) = @_;

	wait_for("$name: the slot to be made again", sub {
		die "dbsync ended with $task->{exit}" if defined $task->ended;
		my $pid = maker();
		return $pid && $pid != $before ? $pid : 0;
	});
}

sub begin
{
	my ($name, %arg) = @_;
	my $task = DbsyncTest->new(name => $name, source => $source, target => $target, store => $store, %arg);

	$target->safe_psql('app', 'TRUNCATE item');
	hold_up();
	$task->start('run', '--until', 'current');
	return $task;
}

sub end_ok
{
	my ($task, $name) = @_;

	let_go();
	is($task->wait_end, 0, "$name: the run ends with exit code 0");
	$task->sums_equal_ok("$name: sums equal");
	is($source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots'), 1, "$name: one slot");
	my ($code) = $task->run('drop', '--yes');
	is($code, 0, "$name: drop");
}

# The source restarts under the preflight.
my $task = begin('preflight');
wait_for('the slot of the preflight', sub {
	$source->safe_psql('app', q{SELECT count(*) FROM pg_replication_slots WHERE temporary}) > 0;
});
$source->restart('fast');
end_ok($task, 'source restarted under the preflight');
unlike($task->log_text, qr/ error /, 'an outage is no error');

# What is wrong is said all the same, once the servers are there.
$source->safe_psql('app', 'CREATE TABLE missing (id int PRIMARY KEY)');
$task = DbsyncTest->new(name => 'wrong', source => $source, target => $target);
$target->stop;
$task->start('run');
wait_for('dbsync to wait for the target', sub { $task->log_text =~ /trying again/ });
like($task->log_text, qr/ warn run: cannot connect to target /, 'it says whom it waits for');
my ($code, $out, $err) = $task->run('check');
is($code, 3, 'check does not wait');
$target->start;
is($task->wait_end, 3, 'errors of the preflight count when the target is back');
like($task->log_text, qr/missing/, 'and are named');
$source->safe_psql('app', 'DROP TABLE missing');

foreach my $local ('sqlite', 'pg')
{
	# Killed while the slot is made: the server's process for it waits on.
	$task = begin("killed_$local", local => $local);
	my $pid = is_waiting_again($task, "$local, killed", 0);
	$task->kill9;
	is(maker(), $pid, "$local, killed: the slot is still being made");
	$task->start('run', '--until', 'current');
	is_waiting_again($task, "$local, killed", $pid);
	like($task->log_text, qr/ending pid $pid /, "$local, killed: the next run ends what the killed one left, and says so");
	end_ok($task, "$local, killed");

	# Whatever goes away while the slot is made.
	$task = begin("away_$local", local => $local);
	$pid = is_waiting_again($task, "$local, away", 0);
	$source->safe_psql('app', "SELECT pg_terminate_backend($pid)");
	$pid = is_waiting_again($task, "$local, connection cut", $pid);
	$source->restart('immediate');
	is_waiting_again($task, "$local, source restarted", $pid);
	$target->restart('fast');
	$store->restart('fast');
	end_ok($task, "$local, connection cut, all servers restarted");
}

# The connection string names the application, so that nothing tells who holds the slot: waited for, and left alone.
$task = begin('stranger', source_extra => 'application_name=mine');
my $pid = is_waiting_again($task, 'stranger', 0);
$task->kill9;
$task->start('run', '--until', 'current');
wait_for('dbsync to wait for the slot', sub {
	die "dbsync ended with $task->{exit}" if defined $task->ended;
	return $task->log_text =~ /cannot drop slot "stranger".*is active for PID $pid/;
});
is(maker(), $pid, 'a process that may be somebody else\'s is not ended');
end_ok($task, 'stranger');

# A local store in PostgreSQL goes away while changes come in.
$task = DbsyncTest->new(name => 'streaming', source => $source, target => $target, store => $store, local => 'pg');
$target->safe_psql('app', 'TRUNCATE item');
$task->start('run');
$task->wait_rows('item');
foreach my $mode ('fast', 'immediate')
{
	$source->safe_psql('app', "INSERT INTO item SELECT max(id) + 1, 'before' FROM item");
	$store->restart($mode);
	$source->safe_psql('app', "INSERT INTO item SELECT max(id) + 1, 'behind' FROM item");
	$task->wait_rows('item');
}
is($task->stop, 0, 'local store restarted: dbsync ran on');
$task->until_current_ok('local store restarted: a later run');
$task->sums_equal_ok('local store restarted: sums equal');

done_testing();
