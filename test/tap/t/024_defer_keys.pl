# schema --defer and a full sync that was killed between two tables of a foreign key: they are copied in different snapshots, and the
# key holds only when the changes between these are applied.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

sub pending
{
	return $target->safe_psql('app', 'SELECT count(*) FROM dbsync.post_data WHERE done_at IS NULL');
}

foreach my $way ('until', 'live', 'quiet')
{
	foreach my $node ($source, $target)
	{
		$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
		$node->safe_psql('postgres', 'CREATE DATABASE app');
	}
	$source->safe_psql('app', q{
		CREATE TABLE parent (id int PRIMARY KEY);
		CREATE TABLE child (id int PRIMARY KEY, parent int);
		ALTER TABLE child ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent;
		COMMENT ON CONSTRAINT to_parent ON child IS 'made behind it';
		INSERT INTO parent SELECT generate_series(1, 10);
		INSERT INTO child SELECT i, i FROM generate_series(1, 10) i});
	my $task = DbsyncTest->new(name => "keys_$way", source => $source, target => $target);
	my ($code, undef, $err) = $task->run('schema', '--defer');
	is($code, 0, "$way: schema --defer") or diag($err);

	my $holder = $target->background_psql('app');
	$holder->query_safe('BEGIN; LOCK TABLE parent IN EXCLUSIVE MODE');
	$task->start('run');
	wait_for('the copy of one of them', sub { $task->log_text =~ /copied table "public"\."child"/ });
	$task->kill9;
	$source->safe_psql('app', 'DELETE FROM child WHERE id = 5; DELETE FROM parent WHERE id = 5');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	if ($way eq 'until')
	{
		$task->until_current_ok("$way: the key can be made");
	}
	else
	{
		if ($way eq 'quiet')
		{
			($code, undef, $err) = $task->run('run', '--copy-only');
			is($code, 0, "$way: the copy alone") or diag($err);
			cmp_ok(pending(), '>', 0, "$way: leaves the key");
		}
		$task->start('run');
		wait_for('the key', sub { die $task->log_text if defined $task->ended; pending() == 0 });
		$source->safe_psql('app', 'INSERT INTO parent VALUES (100); INSERT INTO child VALUES (100, 100)');
		$task->wait_rows('child');
		is($task->stop, 0, "$way: and the stream goes on behind it");
	}
	is(pending(), 0, "$way: all is made");
	is($target->safe_psql('app', q{SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'to_parent'}), 'made behind it', "$way: with what stands behind it");
	$task->sums_equal_ok("$way: sums equal");
	($code, undef, $err) = $task->run('drop', '--yes');
	is($code, 0, "$way: drop") or diag($err);
}

done_testing();
