# dbsync status and dbsync sqls: before, during and after a run, with each side away.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');
my $store  = new_target('store');

$source->safe_psql('app', q{
	CREATE TABLE item (id int PRIMARY KEY, "Note" text);
	CREATE TABLE "Odd ""name" (id int PRIMARY KEY);
	CREATE TABLE handed (id int PRIMARY KEY, u int UNIQUE);
	INSERT INTO item SELECT i, 'n' || i FROM generate_series(1, 1000) i;
});

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(
		name => "status_$local", source => $source, target => $target, local => $local, store => $store);
	my ($code, $out, $err, $status);

	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	same_schema($source, $target);
	$source->safe_psql('app', 'DELETE FROM item WHERE id > 1000; TRUNCATE handed; INSERT INTO handed VALUES (1, 1), (2, 2)');

	# Before anything was done: nothing is created by looking.
	$status = $task->status;
	is($status->{state}, 'none', "$local: no task yet");
	is($status->{slot}, undef, "$local: no slot");
	ok($status->{source}{connected} && $status->{target}{connected}, "$local: both sides are reached");
	ok(!-e "$task->{dir}/local.db", "$local: looking does not make a local store");
	is_deeply($status->{strict_replays}, [], "$local: nothing was replayed");
	is_deeply($status->{post_data}, { statements => 0, pending => [] }, "$local: nothing was left for later");
	unlike(slurp($target->logfile), qr/does not exist/, "$local: nor does it leave errors in the target's log");

	$task->start('run');
	wait_for('streaming', sub { $task->status->{state} eq 'streaming' });
	$status = $task->status;
	ok($status->{running}, "$local: it runs");
	is($status->{copy}{tables_done}, 3, "$local: all tables are copied");
	is($status->{copy}{rows}, 1002, "$local: rows are counted");
	is_deeply([ sort map { $_->{table} } @{ $status->{tables} } ], [ 'Odd "name', 'handed', 'item' ], "$local: by name");
	is_deeply($status->{strict_replays}, [], "$local: no group was replayed");
	cmp_ok($status->{slot}{active_pid}, '>', 0, "$local: who reads the slot");
	$source->safe_psql('app', q{UPDATE item SET "Note" = 'x' WHERE id < 10});
	wait_for('the change', sub { $task->target_rows(q{item WHERE "Note" = 'x'}) == 9 });
	wait_for('no lag', sub { my $s = $task->status; defined $s->{lag_bytes} && $s->{lag_bytes} < 10_000 });
	like($task->status->{applied_lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, "$local: applied up to");
	($code, $out) = $task->run('status');
	is($code, 0, "$local: as text");
	like($out, qr/^state +streaming, running$/m, "$local: state");
	like($out, qr/^replays +none$/m, "$local: no replays");

	# A unique value goes from row to row: no batch can do that.
	$source->safe_psql('app', q{
		BEGIN; UPDATE handed SET u = NULL; UPDATE handed SET u = 1 WHERE id = 2; UPDATE handed SET u = 2 WHERE id = 1; COMMIT});
	wait_for('the exchange', sub { $task->target_rows('handed WHERE u = 3 - id') == 2 });
	$status = $task->status;
	is(scalar(@{ $status->{strict_replays} }), 1, "$local: a replay has one reason");
	my $replay = $status->{strict_replays}[0];
	like($replay->{reason}, qr/handed.*handed_u_key/, "$local: which names table and constraint");
	is($replay->{count}, 1, "$local: once");
	like($replay->{$_}, qr/^\d{4}-\d\d-\d\d /, "$local: $_") foreach qw(first_at last_at);
	($code, $out) = $task->run('status');
	like($out, qr/^replays +1 groups .*\n  1 +.*handed_u_key"?$/m, "$local: as text, too");

	# The target is away: what is received waits, and can be read as SQL.
	$target->stop;
	$source->safe_psql('app', q{
		BEGIN;
		INSERT INTO item VALUES (5000, E'it''s\nhere');
		UPDATE item SET id = 5001 WHERE id = 5000;
		DELETE FROM item WHERE id = 5001;
		TRUNCATE "Odd ""name";
		COMMIT;
	});
	$source->safe_psql('app', 'INSERT INTO item VALUES (6000)');
	wait_for('two transactions to wait', sub { $task->status->{waiting}{transactions} == 2 });
	$status = $task->status;
	ok(!$status->{target}{connected}, "$local: the target is not reached");
	like($status->{target}{error}, qr/\S/, "$local: and why");
	is($status->{$_}, undef, "$local: what only the target knows is not known: $_") foreach qw(conflicts strict_replays post_data);
	is($status->{waiting}{changes}, 5, "$local: changes that wait");
	cmp_ok($status->{lag_bytes}, '>', 0, "$local: it lags");
	cmp_ok($status->{lag_seconds}, '>=', 0, "$local: for some time");
	($code, $out) = $task->run('status');
	is($code, 0, "$local: the text, too");
	like($out, qr/^target +not reached/m, "$local: says what is missing");

	($code, $out) = $task->run('sqls');
	is($code, 0, "$local: sqls while it runs");
	like($out, qr/INSERT INTO "public"\."item" \("id", "Note"\) VALUES \('5000', 'it''s\nhere'\);/, "$local: insert");
	like($out, qr/UPDATE "public"\."item" SET "id" = '5001'.* WHERE "id" = '5000';/s, "$local: update of a key");
	like($out, qr/DELETE FROM "public"\."item" WHERE "id" = '5001';/, "$local: delete");
	like($out, qr/TRUNCATE "public"\."Odd ""name";/, "$local: truncate");
	like($out, qr/VALUES \('6000', NULL\);/, "$local: NULL");
	is(scalar(() = $out =~ /^BEGIN;$/mg), 2, "$local: transactions");
	like($out, qr/^-- 2 transactions$/m, "$local: are counted");
	($code, $out) = $task->run('sqls', '--limit', 1);
	is(scalar(() = $out =~ /^BEGIN;$/mg), 1, "$local: --limit");
	($code) = $task->run('sqls', '--limit', 'few');
	is($code, 2, "$local: --limit takes a number");

	is($task->stop, 0, "$local: stopped");
	is($task->status->{waiting}{transactions}, 2, "$local: they wait while nothing runs, too");
	ok(!$task->status->{running}, "$local: not running");
	$target->start;

	# The source is away.
	$source->stop;
	$status = $task->status;
	ok(!$status->{source}{connected}, "$local: the source is not reached");
	is($status->{state}, 'streaming', "$local: the state is known all the same");
	($code) = $task->run('status');
	is($code, 0, "$local: status without the source");
	$source->start;

	$task->until_current_ok("$local: what waited is applied");
	is($task->status->{waiting}{transactions}, 0, "$local: nothing waits");
	is($task->target_rows('item WHERE id = 6000'), 1, "$local: it has arrived");
	$task->run('drop');
}

# A store that cannot be read is the one thing that fails.
my $broken = DbsyncTest->new(name => 'broken', source => $source, target => $target);
open my $file, '>', "$broken->{dir}/local.db" or die $!;
print $file 'this is not a database, and long enough to be seen as none' x 100;
close $file;
my ($code, $out, $err) = $broken->run('status');
is($code, 1, 'a local store that is none');
like($err, qr/local\.db/, 'is named');

done_testing();
