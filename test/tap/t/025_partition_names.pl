# include_tables and exclude_tables: the name of a partitioned table stands for its partitions, of every level, in the copy as in the stream.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE tree (id int, r text, v int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
	CREATE TABLE tree_a PARTITION OF tree FOR VALUES IN ('a');
	CREATE TABLE tree_b PARTITION OF tree FOR VALUES IN ('b') PARTITION BY RANGE (id);
	CREATE TABLE tree_b_low PARTITION OF tree_b FOR VALUES FROM (0) TO (100);
	CREATE TABLE tree_b_high PARTITION OF tree_b FOR VALUES FROM (100) TO (1000);
	CREATE TABLE other (id int PRIMARY KEY);
	INSERT INTO tree SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 200) i;
	INSERT INTO other SELECT generate_series(1, 10);
});

sub rows
{
	my ($node, $table) = @_;

	return $node->safe_psql('app', "SELECT count(*) || ' ' || coalesce(sum(hashtext(t::text)), 0) FROM $table t");
}

# lists; tables that come over; tables that stay empty
foreach my $case (
	[ 'root', { include_tables => 'public.tree' }, [qw(tree tree_b_low)], ['other'] ],
	[ 'middle', { include_tables => 'public.tree_b' }, [qw(tree_b tree_b_high)], [qw(tree_a other)] ],
	[ 'not_middle', { exclude_tables => 'public.tree_b' }, [qw(tree_a other)], ['tree_b'] ],
	[ 'not_leaf', { include_tables => 'public.tree', exclude_tables => 'public.tree_b_low' }, [qw(tree_a tree_b_high)], [qw(tree_b_low other)] ])
{
	my ($name, $lists, $come, $stay) = @$case;
	my $task = DbsyncTest->new(name => $name, source => $source, target => $target, options => $lists);

	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	same_schema($source, $target);
	$task->until_current_ok("$name: full sync");
	is(rows($target, $_), rows($source, $_), "$name: $_ is copied") foreach @$come;
	is(rows($target, $_), '0 0', "$name: $_ is not") foreach @$stay;
	$source->safe_psql('app', q{UPDATE tree SET v = v + 1; UPDATE other SET id = id + 100});
	$task->until_current_ok("$name: changes");
	is(rows($target, $_), rows($source, $_), "$name: changes of $_ come over") foreach @$come;
	is(rows($target, $_), '0 0', "$name: those of $_ do not") foreach @$stay;
	my ($code, $out, $err) = $task->run('verify');
	is($code, 0, "$name: verify") or diag($out . $err);
	$task->run('drop', '--yes');
}

done_testing();
