# What the target refuses for now is tried again, at growing intervals and not for ever, and named; what comes before it is applied.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE log (n int PRIMARY KEY);
	CREATE TABLE item (id int PRIMARY KEY, v text);
	INSERT INTO item VALUES (1, 'a');
});
same_schema($source, $target);

# The target raises the new value as an SQLSTATE.
$target->safe_psql('app', q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.v ~ '^[0-9][0-9A-Z]{4}$' THEN RAISE 'refused' USING ERRCODE = NEW.v; END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION refuse();
	ALTER TABLE item ENABLE ALWAYS TRIGGER refuse;
});

# Sixty transactions, the thirtieth of which the target refuses.
sub write_with
{
	my ($state) = @_;

	$source->safe_psql('app', join "\n", map { "BEGIN; INSERT INTO log VALUES ($_);" . ($_ == 30 ? "UPDATE item SET v = '$state';" : '') . ' COMMIT;' } 1 .. 60);
}

foreach my $mode ('batch', 'strict')
{
	my ($code, $out, $err);
	my $task = DbsyncTest->new(
		name => "retry_$mode", source => $source, target => $target, options => { apply => $mode, retry_max => '30s', retry_give_up => '3s' });

	$source->safe_psql('app', "TRUNCATE log; UPDATE item SET v = 'a'");
	$target->safe_psql('app', 'TRUNCATE log, item');
	$task->until_current_ok("$mode: full sync");

	write_with('40001');
	($code, $out, $err) = $task->run('run', '--until', 'current');
	is($code, 1, "$mode: a change that is refused again and again ends the run");
	like($err, qr/gave up: update of public\.item \(id=1\) in transaction \d+ with commit LSN .*refused/, "$mode: and is named");
	my $tries = () = $err =~ /apply: trying again in/g;
	cmp_ok($tries, '<', 8, "$mode: the intervals grow");
	is($task->target_rows('log'), 29, "$mode: what comes before it is applied");

	# A refusal that passes ends nothing.
	$task->start('run', '--until', 'current');
	wait_for('a try', sub { $task->log_text =~ /trying again/ });
	$target->safe_psql('app', 'ALTER TABLE item DISABLE TRIGGER refuse');
	is($task->wait_end, 0, "$mode: a later try gets through");
	$task->sums_equal_ok("$mode: sums equal");
	$target->safe_psql('app', 'ALTER TABLE item ENABLE ALWAYS TRIGGER refuse');

	# Of a class that at a connection means a wrong password.
	$source->safe_psql('app', 'TRUNCATE log');
	write_with('28000');
	($code, $out, $err) = $task->run('run', '--until', 'current');
	is($code, 1, "$mode: a failed statement is no failed preflight");
	like($err, qr/update of public\.item \(id=1\) in transaction \d+ with commit LSN .*refused/, "$mode: the change is named");
	is($task->target_rows('log'), 29, "$mode: what comes before it is applied");
	is(($task->run('drop', '--yes'))[0], 0, "$mode: drop");
}

# Failures that come now and then are not one that lasts.
my $task = DbsyncTest->new(name => 'retry_cut', source => $source, target => $target, options => { retry_give_up => '1s' });
my $start = time();
my $n = 0;

$source->safe_psql('app', "TRUNCATE log; UPDATE item SET v = 'a'");
$target->safe_psql('app', 'TRUNCATE log, item');
$task->start('run');
while ($n < 4 || time() - $start < 5)
{
	$target->safe_psql('app', q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'});
	$source->safe_psql('app', 'INSERT INTO log VALUES (' . ++$n . ')');
	$task->wait_rows('log');
}
is($task->ended, undef, 'a connection that is cut now and then: dbsync goes on');
like($task->log_text, qr/(?:apply: trying again.*?){3}/s, 'it was cut indeed');
is($task->stop, 0, 'and stops as it should');

done_testing();
