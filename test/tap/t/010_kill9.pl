# Exactly once under kill -9: dbsync is killed at 30 random moments, in three fresh syncs, in the
# full sync and while streaming, with the source being written all the time. The append-only table
# has no key, so that a change applied twice shows as a row too many.
#
# DBSYNC_TEST_SEED repeats a run's moments, DBSYNC_TEST_KILLS asks for more of them.
use strict;
use warnings;

use DbsyncTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed  = $ENV{DBSYNC_TEST_SEED}  || 20261124;
my $kills = $ENV{DBSYNC_TEST_KILLS} || 30;
my $rounds = 3;

srand($seed);
note("seed $seed: set DBSYNC_TEST_SEED to repeat");

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, filler text);
	CREATE TABLE branch (id int PRIMARY KEY, balance bigint NOT NULL);
	CREATE TABLE history (n bigserial, account int, delta int, at timestamptz DEFAULT clock_timestamp());
	CREATE TABLE document (id int PRIMARY KEY, body text, version int DEFAULT 0);
	CREATE TABLE pair (a int, b int, v text);
	ALTER TABLE document ALTER body SET STORAGE EXTERNAL;
	ALTER TABLE pair REPLICA IDENTITY FULL;
	INSERT INTO account SELECT i, 0, repeat('f', 80) FROM generate_series(1, 150000) i;
	INSERT INTO branch SELECT i, 0 FROM generate_series(1, 20) i;
	INSERT INTO history (account, delta) SELECT i, 0 FROM generate_series(1, 100000) i;
	INSERT INTO document SELECT i, repeat(md5(i::text), 200) FROM generate_series(1, 2000) i;
	INSERT INTO pair SELECT i % 20, i % 10, 'same' FROM generate_series(1, 100) i;
});

my $script = $source->basedir . '/load.sql';
open my $out, '>', $script or die "$script: $!";
print $out <<'END';
\set a random(1, 150000)
\set b random(1, 20)
\set d random(-5000, 5000)
\set doc random(1, 2000)
\set kind random(1, 100)
BEGIN;
UPDATE account SET balance = balance + :d WHERE id = :a;
UPDATE branch SET balance = balance + :d WHERE id = :b;
INSERT INTO history (account, delta) VALUES (:a, :d);
\if :kind <= 10
UPDATE document SET version = version + 1 WHERE id = :doc;
\elif :kind <= 13
UPDATE document SET body = repeat(md5(:doc::text), 100 + :kind) WHERE id = :doc;
\elif :kind <= 16
DELETE FROM document WHERE id = :doc;
INSERT INTO document VALUES (:doc, repeat('new', 1000)) ON CONFLICT DO NOTHING;
\elif :kind <= 18
UPDATE pair SET v = 'x' || :d WHERE ctid = (SELECT ctid FROM pair ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED);
\elif :kind = 19
INSERT INTO history (account, delta) SELECT i, :d FROM generate_series(1, 2000) i;
\elif :kind = 20
UPDATE account SET filler = 'b' || :d WHERE id BETWEEN :a AND :a + 500;
\endif
END;
END
close $out;

sub start_load
{
	my $log = "$PostgreSQL::Test::Utils::log_path/pgbench.log";
	my $pid = fork();

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open STDOUT, '>>', $log;
		open STDERR, '>>', $log;
		my @command = ('pgbench', '-n', '-c', 4, '-j', 1, '-R', 150, '-T', 3600, '--max-tries=100',
			'-f', $script, $source->connstr('app'));
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	return $pid;
}

sub stop_load
{
	my ($pid) = @_;

	# Not INT: a shell starts what runs in its background with that signal ignored.
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

# Is any copy running on the target? Its progress view tells, from outside of dbsync.
sub is_copying
{
	return $target->safe_psql('app', 'SELECT count(*) FROM pg_stat_progress_copy') > 0;
}

sub has_streamed
{
	my ($rows) = @_;

	return $target->safe_psql('app', 'SELECT count(*) FROM history') > $rows;
}

my $load;
END { local $?; stop_load($load) if $load; }

my ($in_copy, $in_stream) = (0, 0);

foreach my $round (1 .. $rounds)
{
	my $local = $round == 2 ? 'pg' : 'sqlite';
	my $task  = DbsyncTest->new(
		name    => "kill_$round",
		source  => $source,
		target  => $target,
		local   => $local,
		options => { jobs => $round, split_bytes => '4MB' });
	my $share = int($kills / $rounds);
	my $copy_share = int($share / 2);

	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	same_schema($source, $target);
	$load ||= start_load();

	# In the full sync: somewhere in the second behind the first byte of a copy. One that is over
	# sooner is killed in what follows.
	foreach my $n (1 .. $copy_share)
	{
		my $over;

		$task->start('run');
		wait_for('a copy', sub {
			die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
			return is_copying() || ($over = $task->log_text =~ /streaming at/);
		});
		sleep rand(0.3);
		is_copying() ? $in_copy++ : $in_stream++;
		$task->kill9;
	}

	# While it catches up and streams.
	foreach my $n ($copy_share + 1 .. $share)
	{
		$task->start('run');
		if ($n % 2)
		{
			my $rows = $task->target_rows('history');
			wait_for('rows of the stream', sub {
				die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
				return has_streamed($rows);
			});
		}
		sleep rand(1.5);
		die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
		$task->kill9;
		$in_stream++;
	}
	stop_load($load);
	$load = undef;
	$task->until_current_ok("round $round ($local): --until current after $share kills");
	$task->sums_equal_ok("round $round ($local): sums equal, seed $seed");
	my ($code) = $task->run('drop', '--yes');
	is($code, 0, "round $round: drop");
}
note("$in_copy kills in the full sync, $in_stream in the stream");
cmp_ok($in_copy, '>=', $rounds, 'some kills met a copy');
cmp_ok($in_stream, '>=', $rounds, 'some kills met the stream');

done_testing();
