# TRUNCATE where a full sync was interrupted, so that some tables have it in their copy and others have not.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', <<'END');
CREATE TABLE tree (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE tree_a PARTITION OF tree FOR VALUES FROM (0) TO (100);
CREATE TABLE tree_m PARTITION OF tree FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (id);
CREATE TABLE tree_b PARTITION OF tree_m FOR VALUES FROM (100) TO (200);
CREATE TABLE tree_c PARTITION OF tree_m FOR VALUES FROM (200) TO (300);
CREATE TABLE flat (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE flat_a PARTITION OF flat FOR VALUES FROM (0) TO (100);
CREATE TABLE flat_b PARTITION OF flat FOR VALUES FROM (100) TO (300);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent);
END
same_schema($source, $target);
$target->safe_psql('app', 'DROP TABLE flat; CREATE TABLE flat (id int PRIMARY KEY)');

sub fill
{
	$source->safe_psql('app', <<'END');
TRUNCATE tree, flat, parent, child;
INSERT INTO tree SELECT generate_series(1, 299);
INSERT INTO flat SELECT generate_series(1, 299);
INSERT INTO parent SELECT generate_series(1, 9);
INSERT INTO child SELECT i, i FROM generate_series(1, 9) i;
END
	$target->safe_psql('app', 'TRUNCATE tree, flat, parent, child');
}

# A full sync that is killed while one table waits for a lock, and goes on once the source has changed.
sub interrupted_ok
{
	my (%arg) = @_;
	my $name  = $arg{name};
	my $task  = DbsyncTest->new(name => $name, source => $source, target => $target, options => { include_tables => $arg{tables}, %{ $arg{options} || {} } });
	my $guard = $target->background_psql('app');

	fill();
	$guard->query_safe("BEGIN; $arg{hold}");
	$task->start('run');
	wait_for('the other copies', sub { $target->safe_psql('app', $arg{done}) eq 't' });
	wait_for('a worker to wait', sub {
		$target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COPY%'}) > 0;
	});
	$task->kill9;
	$guard->query_safe('ROLLBACK');
	$guard->quit;
	$source->safe_psql('app', $arg{between});
	$task->until_current_ok("$name: it goes on");
	foreach my $table (@{ $arg{equal} })
	{
		my $sql = "SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM $table";

		is($target->safe_psql('app', $sql), $source->safe_psql('app', $sql), "$name: $table is as on the source");
	}
	$source->safe_psql('app', $arg{between} =~ s/INSERT.*//sr);
	$task->until_current_ok("$name: once more");
	is($target->safe_psql('app', "SELECT count(*) FROM $_"), 0, "$name: $_ is empty") foreach @{ $arg{equal} };
	return $task;
}

interrupted_ok(
	name    => 'tree',
	tables  => 'public.tree*',
	hold    => 'LOCK TABLE tree_b IN EXCLUSIVE MODE',
	done    => 'SELECT (SELECT count(*) FROM tree_a) = 99 AND (SELECT count(*) FROM tree_c) = 100',
	between => 'TRUNCATE tree; INSERT INTO tree VALUES (1), (101), (102), (201)',
	equal   => [ 'tree_a', 'tree_b', 'tree_c' ]);

my $task = interrupted_ok(
	name    => 'flat',
	tables  => 'public.flat*',
	hold    => 'INSERT INTO flat VALUES (150)',
	done    => 'SELECT count(*) = 99 FROM flat',
	between => 'TRUNCATE flat; INSERT INTO flat VALUES (1), (101), (102)',
	equal   => ['flat']);
like(slurp($task->{log}), qr/table "public"."flat_a" starts over: its copy, or that of a table with the same target/, 'partitions with one target are of one snapshot');

interrupted_ok(
	name    => 'child',
	tables  => 'public.parent, public.child',
	hold    => 'LOCK TABLE child IN EXCLUSIVE MODE',
	done    => 'SELECT count(*) = 9 FROM parent',
	between => 'TRUNCATE parent CASCADE; INSERT INTO parent VALUES (7); INSERT INTO child VALUES (7, 7)',
	equal   => [ 'parent', 'child' ]);

# An excluded partition is the target's own.
fill();
$task = DbsyncTest->new(name => 'excluded', source => $source, target => $target,
	options => { include_tables => 'public.tree*', exclude_tables => 'public.tree_b' });
$target->safe_psql('app', 'INSERT INTO tree VALUES (150)');
$task->until_current_ok('a partition is excluded');
$source->safe_psql('app', 'TRUNCATE tree; INSERT INTO tree VALUES (1), (101)');
$task->until_current_ok('TRUNCATE of its root');
is($target->safe_psql('app', q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM tree}), '1 150', 'leaves it alone');
$source->safe_psql('app', 'TRUNCATE tree_m');
$task->until_current_ok('TRUNCATE of the table above it');
is($target->safe_psql('app', q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM tree}), '1 150', 'leaves it alone, too');

done_testing();
