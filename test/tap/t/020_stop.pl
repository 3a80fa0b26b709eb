# SIGTERM before the end that was asked for is no success, wherever it comes; a run without an end has none to miss.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE item (id int PRIMARY KEY, v text);
	INSERT INTO item SELECT i, 'v' || i FROM generate_series(1, 1000) i;
});
same_schema($source, $target);
my $task = DbsyncTest->new(name => 'stop', source => $source, target => $target);

# Runs while somebody has locked the table on the target; stopped once it waits for that.
sub stopped_behind
{
	my ($mode, $query, @command) = @_;
	my $guard = $target->background_psql('app');

	$guard->query_safe("BEGIN; LOCK TABLE item IN $mode MODE");
	$task->start(@command);
	wait_for('dbsync to wait for the lock', sub {
		die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
		return $target->safe_psql('app', qq{SELECT count(*) FROM pg_stat_activity
			WHERE wait_event_type = 'Lock' AND query ~ '$query'}) > 0;
	});
	my $code = $task->stop;
	$guard->query_safe('ROLLBACK');
	$guard->quit;
	return $code;
}

my @copy = ('run', '--copy-only');
my @until = ('run', '--until', 'current');

is(stopped_behind('SHARE', 'COPY', @copy), 1, '--copy-only, stopped in the copy');
like($task->log_text, qr/error run: stopped before the full sync was done.*--copy-only/, 'says that it is not done');
is(stopped_behind('SHARE', 'COPY', 'run'), 0, 'a run without an end, stopped in the copy');
is(stopped_behind('SHARE', 'COPY', @until), 1, '--until, stopped in the copy');
is(($task->run(@copy))[0], 0, 'the copy');

my $behind = $target->safe_psql('app', 'SELECT applied_lsn FROM dbsync.progress');
$source->safe_psql('app', q{INSERT INTO item VALUES (5000, 'later')});
is(stopped_behind('SHARE', 'item', @until), 1, '--until, stopped before the position');
like($task->log_text, qr{error run: stopped before \w+/\w+: what was asked for \(--until current\) is not reached, the target has all up to $behind\b},
	'says what is missing');
is(stopped_behind('SHARE', 'item', 'run'), 0, 'a run without an end, stopped while it applies');
is(stopped_behind('ACCESS EXCLUSIVE', 'nspname', @until), 1, '--until, stopped in the preflight');
like($task->log_text, qr/error run: stopped before the start.*--until current/, 'says so');
is(stopped_behind('ACCESS EXCLUSIVE', 'nspname', 'run'), 0, 'a run without an end, stopped in the preflight');
like($task->log_text, qr/info +run: stopped before the start/, 'says so, too');
is($task->target_rows('item'), 1000, 'nothing has been applied');

# The preflight says what it waits for, and goes on once it is free.
my $guard = $target->background_psql('app');
my $holder = $guard->query_safe('SELECT pg_backend_pid()');
$guard->query_safe('BEGIN; LOCK TABLE item');
my ($code, $out) = $task->run('check');
is($code, 3, 'check: a table is locked on the target');
like($out, qr/^error +target +a table is locked.*public\.item by pid $holder \(user/m, 'names it, and who holds it');
like($out, qr/SELECT pg_terminate_backend\($holder\)/, 'and how to end that');
$task->start('run');
wait_for('the log to say so', sub { $task->log_text =~ /warn +run: a table is locked \(ACCESS EXCLUSIVE\) on the target .*public\.item by pid $holder\b.*trying again/s });
$guard->query_safe('ROLLBACK');
$task->wait_rows('item');
is($task->stop, 0, 'goes on once it is free');
$guard->quit;

$guard = $source->background_psql('app');
$holder = $guard->query_safe('SELECT pg_backend_pid()');
$guard->query_safe('BEGIN; LOCK TABLE item');
($code, $out) = $task->run('check');
is($code, 3, 'check: a table is locked on the source');
like($out, qr/^error +source +a table is locked.*public\.item by pid $holder \(user/m, 'names it, and who holds it');
$guard->quit;

$task->until_current_ok('and the next run goes on');
$task->sums_equal_ok('sums equal');

done_testing();
