# Killed, and cut off, in the middle of a frozen copy: the table starts over, is whole in the end, and frozen.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE big (id int PRIMARY KEY, t text);
	INSERT INTO big SELECT i, repeat('x', 200) || i FROM generate_series(1, 200000) i;
});
same_schema($source, $target);

my $task = DbsyncTest->new(name => 'frozen', source => $source, target => $target, options => { log_level => 'debug' });

sub wait_copying
{
	wait_for('rows to come', sub {
		$target->safe_psql('app', q{SELECT (SELECT count(*) FROM pg_stat_progress_copy WHERE bytes_processed > 0)
			+ coalesce((SELECT pg_relation_size('big')), 0)}) > 0;
	});
}

foreach my $round (1 .. 2)
{
	$task->start('run');
	wait_copying();
	$task->kill9;
	$source->safe_psql('app', "UPDATE big SET t = t || 'y' WHERE id % 1000 = $round; DELETE FROM big WHERE id % 1001 = $round");
}
$task->start('run');
wait_copying();
$target->safe_psql('app', q{SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy});
wait_for('the copy to end', sub { $task->log_text =~ /full sync end|is not finished/ });
is($task->ended, undef, 'a lost connection is no end');
is($task->stop, 0, 'stopped');
$task->until_current_ok('a later run');
$task->sums_equal_ok('equal', 'public.big');
is($target->safe_psql('app', q{SELECT pg_relation_size('big', 'vm') > 0}), 't', 'frozen');

done_testing();
