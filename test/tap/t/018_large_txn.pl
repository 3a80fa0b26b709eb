# One transaction of many rows passes in bounded memory: 1,000,000 rows, or DBSYNC_TEST_ROWS.
use strict;
use warnings;

use DbsyncTest;
use Test::More;
use Time::HiRes qw(time);

my $rows  = $ENV{DBSYNC_TEST_ROWS} || 1_000_000;
my $limit = 120 + $rows / 3000;
my $limit_kb = 200 * 1024;

my $source = new_source('source', conf => "logical_decoding_work_mem = '16MB'\nmax_wal_size = '4GB'");
my $target = new_target('target', conf => "max_wal_size = '4GB'");

$source->safe_psql('app', q{
	CREATE TABLE big (id int PRIMARY KEY, v text, n int DEFAULT 0);
	CREATE TABLE small (id int PRIMARY KEY);
	INSERT INTO small VALUES (0);
});
same_schema($source, $target);

my $task = DbsyncTest->new(name => 'large', source => $source, target => $target);
$task->start('run');
$task->wait_rows('small');

my $started = time();
$source->safe_psql('app', qq{
	BEGIN;
	INSERT INTO big SELECT i, 'row number ' || i FROM generate_series(1, $rows) i;
	UPDATE big SET n = 1 WHERE id % 10 = 0;
	DELETE FROM big WHERE id % 100 = 7;
	COMMIT;
	INSERT INTO small VALUES (1);
}, timeout => $limit);
note(sprintf 'written in %.1f s', time() - $started);

$started = time();
my $peak_kb = 0;
wait_for('the large transaction', sub {
	die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
	my $now_kb = $task->peak_kb;
	$peak_kb = $now_kb if $now_kb > $peak_kb;
	return $task->target_rows('small') == 2;
}, $limit);
note(sprintf '%d rows applied in %.1f s more, peak of resident memory %d kB', $rows, time() - $started, $peak_kb);
cmp_ok($peak_kb, '>', 0, 'memory was measured');
cmp_ok($peak_kb, '<', $limit_kb, 'resident memory stays below 200 MB');
is($task->stop, 0, 'stopped');
$task->sums_equal_ok('sums equal');

# A kill in the middle of the next large one: it is applied whole or not at all, and once.
$task->start('run');
$source->safe_psql('app', 'UPDATE big SET n = n + 1; INSERT INTO small VALUES (2)', timeout => $limit);
wait_for('a large transaction under way', sub {
	die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
	return $target->safe_psql('app', q{SELECT count(*) FROM pg_locks WHERE relation = 'big'::regclass AND mode = 'RowExclusiveLock'}) > 0;
}, $limit);
$task->kill9;
$task->until_current_ok('after kill -9 in the middle of a large transaction', $limit);
$task->sums_equal_ok('sums equal after the kill');

done_testing();
