# The local store's file system is full: dbsync stops with an error that says so, and goes on once
# there is space, without loss.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $small = $ENV{DBSYNC_TEST_SMALL};
plan skip_all => 'needs a small file system, which only root can mount' unless $small && -d $small;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', 'CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big VALUES (0, NULL)');
same_schema($source, $target);

my $ballast = "$small/ballast";
my $task = DbsyncTest->new(
	name       => 'full',
	source     => $source,
	target     => $target,
	local_path => "$small/local.db",
	options    => { queue_bytes => '1MB' });

# All but 8 MB are taken.
my ($free_kb) = `df -k --output=avail '$small'` =~ /(\d+)\s*$/;
is(system('fallocate', '-l', ($free_kb - 8192) * 1024, $ballast), 0, 'the file system is almost full');

$task->start('run');
$task->wait_rows('big');

# The target is held up, so that changes have to wait in the local store.
my $holder = $target->background_psql('app');
$holder->query_safe('BEGIN; LOCK TABLE big IN EXCLUSIVE MODE');

foreach my $n (1 .. 40)
{
	$source->safe_psql('app',
		"INSERT INTO big SELECT $n * 1000 + i, repeat(md5(i::text), 32) FROM generate_series(1, 800) i");
}
is($task->wait_end, 1, 'dbsync stops with exit code 1');
like($task->log_text, qr/(full|no space)/i, 'the error says that there is no space');
like($task->log_text, qr/\Q$small\E/, 'and where');

my ($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'it stops again while there is no space');

$holder->query_safe('ROLLBACK');
$holder->quit;
unlink $ballast or die "$ballast: $!";
$task->until_current_ok('it goes on after space was made');
$task->sums_equal_ok('nothing is lost');

done_testing();
