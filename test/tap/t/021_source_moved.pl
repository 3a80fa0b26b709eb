# A slot that was moved, or a source that was put back, behind dbsync's back: what is missing then cannot come any more, so the run
# stops and says so, also where it only connects again.
use strict;
use warnings;

use DbsyncTest;
use PostgreSQL::Test::RecursiveCopy;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', 'CREATE TABLE log (n int PRIMARY KEY)');
same_schema($source, $target);

sub slot_is_free
{
	my ($slot) = @_;

	wait_for('the slot to be free', sub { $source->safe_psql('app', "SELECT active FROM pg_replication_slots WHERE slot_name = '$slot'") eq 'f' });
}

my %move = (
	'made anew' => q{SELECT pg_drop_replication_slot('SLOT'); INSERT INTO log VALUES (NUMBER); SELECT pg_create_logical_replication_slot('SLOT', 'alidecode')},
	advanced => q{INSERT INTO log VALUES (NUMBER); SELECT pg_replication_slot_advance('SLOT', pg_current_wal_lsn())});
my $number = 0;

foreach my $what (sort keys %move)
{
	$number++;
	my $task = DbsyncTest->new(name => "moved_$number", source => $source, target => $target);
	my $sql = $move{$what};

	$sql =~ s/SLOT/moved_$number/g;
	$sql =~ s/NUMBER/$number/;
	$target->safe_psql('app', 'TRUNCATE log');
	$task->start('run');
	$source->safe_psql('app', "INSERT INTO log VALUES (100 + $number)");
	$task->wait_rows('log');
	wait_for('the stream', sub { $task->log_text =~ /starting log streaming/ });
	# so that it comes back only when the slot is another one
	kill 'STOP', $task->{pid};
	$source->safe_psql('app', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
	slot_is_free("moved_$number");
	$source->safe_psql('app', $sql);
	$source->safe_psql('app', "INSERT INTO log VALUES (200 + $number)");
	kill 'CONT', $task->{pid};
	is($task->wait_end, 1, "a slot that is $what while dbsync connects again stops it");
	like($task->log_text, qr/error .*slot "moved_$number" was confirmed up to .* has changes only up to/, 'says why');
	like($task->log_text, qr/HINT: .*dbsync drop/, 'and what to do');
	my ($code, undef, $err) = $task->run('run', '--until', 'current');
	is($code, 1, 'a later run, too') or diag($err);
	($code, undef, $err) = $task->run('drop', '--yes');
	is($code, 0, 'drop') or diag($err);
	$source->safe_psql('app', 'TRUNCATE log');
}

# The files of the source are put back to an older state: same server, same timeline.
my $task = DbsyncTest->new(name => 'put_back', source => $source, target => $target);
my $data = $source->data_dir;

$target->safe_psql('app', 'TRUNCATE log');
$source->safe_psql('app', 'INSERT INTO log SELECT generate_series(1, 100)');
$task->until_current_ok('full sync');
$source->stop;
PostgreSQL::Test::RecursiveCopy::copypath($data, "$data.old");
$source->start;
$source->safe_psql('app', 'INSERT INTO log SELECT generate_series(1001, 5000)');
$task->until_current_ok('what the copy will not have');
$task->start('run');
wait_for('the stream', sub { $task->log_text =~ /starting log streaming/ });
$source->stop('immediate');
rename $data, "$data.new" or die "rename: $!";
rename "$data.old", $data or die "rename: $!";
chmod 0700, $data or die "chmod: $!";
$source->start;
is($task->wait_end, 1, 'a source that was put back stops a run that connects again');
like($task->log_text, qr/error .*the source's log ends at .* has changes up to .* already/, 'says why');
like($task->log_text, qr/HINT: .*restored.*dbsync drop/, 'and what to do');
my ($code, undef, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'and a run with an end that was passed long ago');
like($err, qr/the source has gone back/, 'says the same');

done_testing();
