# The whole way once: full sync, changes made meanwhile and later, --until, equal sums. With both
# kinds of local store.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric);
	CREATE TABLE part (a int, b text, note text, PRIMARY KEY (a, b));
	CREATE TABLE log (at timestamptz DEFAULT now(), line text);
	CREATE TABLE empty (id int PRIMARY KEY);
	INSERT INTO item SELECT i, 'item ' || i, i / 7.0 FROM generate_series(1, 5000) i;
	INSERT INTO part SELECT i, 'b' || i % 3, repeat('x', i % 100) FROM generate_series(1, 1000) i;
	INSERT INTO log (line) SELECT 'line ' || i FROM generate_series(1, 1000) i;
});

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(name => "smoke_$local", source => $source, target => $target, local => $local);

	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	same_schema($source, $target);

	my ($code, $out, $err) = $task->run('check');
	is($code, 0, "$local: the preflight finds nothing");

	$task->until_current_ok("$local: full sync, --until current");
	$task->sums_equal_ok("$local: sums equal after the full sync");

	$task->start('run');
	$source->safe_psql('app', q{
		INSERT INTO item SELECT coalesce(max(id), 0) + 1, 'new', 1.5 FROM item;
		UPDATE item SET name = name || '!' WHERE id % 10 = 0;
		UPDATE part SET a = -a WHERE a % 50 = 0;
		DELETE FROM item WHERE id % 11 = 0;
		DELETE FROM part WHERE a % 7 = 3;
		INSERT INTO log (line) VALUES ('last'), (NULL), ('');
		BEGIN; INSERT INTO item VALUES (1000000, 'gone', 0); ROLLBACK;
	});
	$source->safe_psql('app', "TRUNCATE part; INSERT INTO part VALUES (1, 'again', NULL)");
	$task->wait_rows('log');
	$task->wait_rows('part');
	is($task->stop, 0, "$local: SIGTERM ends a run with exit code 0");

	$task->until_current_ok("$local: a second run goes on");
	$task->sums_equal_ok("$local: sums equal after the stream");

	($code, $out, $err) = $task->run('verify');
	is($code, 0, "$local: verify finds no difference");
	$target->safe_psql('app', "UPDATE item SET name = 'changed here' WHERE id = 1");
	($code, $out, $err) = $task->run('verify');
	is($code, 4, "$local: verify exits with 4 where a row differs");
	like($out . $err, qr/item/, "$local: and names the table");

	($code, $out, $err) = $task->run('drop', '--yes');
	is($code, 0, "$local: drop");
	is($source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots'), 0, "$local: drop removes the slot");
}

done_testing();
