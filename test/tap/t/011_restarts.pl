# A server that goes away comes back: the same dbsync process goes on, nothing is lost or doubled.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE keyed (id int PRIMARY KEY, v text);
	CREATE TABLE history (n int, v text);
	INSERT INTO keyed SELECT i, 'start' FROM generate_series(1, 1000) i;
});
same_schema($source, $target);

my $n = 0;

sub write_some
{
	$n++;
	$source->safe_psql('app', qq{
		INSERT INTO history SELECT $n, i::text FROM generate_series(1, 500) i;
		UPDATE keyed SET v = 'round $n' WHERE id % 3 = $n % 3;
		INSERT INTO keyed VALUES (10000 + $n, 'new');
	});
}

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(name => "restart_$local", source => $source, target => $target, local => $local);

	$target->safe_psql('app', 'TRUNCATE keyed, history');
	$task->start('run');
	write_some();
	$task->wait_rows('history');

	foreach my $what (
		[ 'source, fast',      $source, 'fast' ],
		[ 'source, immediate', $source, 'immediate' ],
		[ 'target, fast',      $target, 'fast' ],
		[ 'target, immediate', $target, 'immediate' ])
	{
		my ($name, $node, $mode) = @$what;

		write_some();
		$node->stop($mode);
		write_some() if $node == $target;
		$node->start;
		write_some();
		$task->wait_rows('history');
		is($task->ended, undef, "$local, $name: dbsync is still running");
		$task->sums_equal_ok("$local, $name: sums equal", 'public.history');
	}

	# The connections alone, cut by the server, in the middle of a transaction's stream.
	$source->safe_psql('app', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
	$target->safe_psql('app',
		q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'});
	write_some();
	$task->wait_rows('history');
	is($task->stop, 0, "$local: stopped");
	$task->until_current_ok("$local: a later run");
	$task->sums_equal_ok("$local: sums equal at the end");
	my ($code) = $task->run('drop', '--yes');
	is($code, 0, "$local: drop");
}

done_testing();
