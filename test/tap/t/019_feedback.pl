# What dbsync tells the source: alive while the target is held up, forward on an idle source, never
# ahead of what is durable. And a network that is cut.
use strict;
use warnings;

use DbsyncTest;
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

my $source = new_source('source', conf => "wal_sender_timeout = '2s'\nlisten_addresses = '127.0.0.1'");
my $target = new_target('target');

$source->safe_psql('app', 'CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (0, NULL)');
same_schema($source, $target);
$source->safe_psql('postgres', 'CREATE DATABASE busy');

sub confirmed
{
	return $source->safe_psql('app', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'feedback'");
}

sub is_confirmed
{
	my ($lsn) = @_;

	return $source->safe_psql('app',
		"SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'feedback'") eq 't';
}

sub now_lsn
{
	return $source->safe_psql('app', 'SELECT pg_current_wal_lsn()');
}

my $task = DbsyncTest->new(name => 'feedback', source => $source, target => $target);
$task->start('run');
$task->wait_rows('item');

# Another database writes; this one is idle. Its slot must not hold back WAL.
$source->safe_psql('busy', 'CREATE TABLE noise AS SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 20000) i');
my $lsn = now_lsn();
wait_for('the slot of an idle database to move', sub { is_confirmed($lsn) });
pass('the slot moves while its database is idle');

# The target is held up, for much longer than wal_sender_timeout.
my $holder = $target->background_psql('app');
$holder->query_safe('BEGIN; LOCK TABLE item IN EXCLUSIVE MODE');
my $replies = 0;
my $last = '';
$source->safe_psql('app', 'INSERT INTO item SELECT i, repeat(i::text, 100) FROM generate_series(1, 20000) i');
my $until = time() + 6;
wait_for('answers of the held up dbsync, for 6 s', sub {
	my $reply = $source->safe_psql('app', 'SELECT reply_time FROM pg_stat_replication');
	$replies++ if $reply ne $last;
	$last = $reply;
	return time() > $until;
});
cmp_ok($replies, '>', 2, 'keepalives are answered while the target is held up');
is($task->ended, undef, 'dbsync is still running');
unlike(slurp($source->logfile), qr/due to replication timeout/, 'the walsender never ran into its timeout');

# Nothing of it is on the target: what is confirmed must be in the local store, or not be confirmed.
$task->kill9;
$holder->query_safe('ROLLBACK');
$holder->quit;
$task->until_current_ok('killed while the target was held up');
$task->sums_equal_ok('nothing that was confirmed is lost');

# A network in between, which can be cut. The relay is a process of its own.
my $port = PostgreSQL::Test::Cluster::get_free_port();

sub start_relay
{
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 20, ReuseAddr => 1)
	  or die "relay: $!";
	my $pid = fork();

	die "fork: $!" unless defined $pid;
	if ($pid)
	{
		close $listener;
		return $pid;
	}
	my %peer;
	my $select = IO::Select->new($listener);
	local $SIG{PIPE} = 'IGNORE';
	while (1)
	{
		foreach my $from ($select->can_read)
		{
			if ($from == $listener)
			{
				my $in = $listener->accept or next;
				my $out = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $source->port) or next;
				@peer{ $in, $out } = ($out, $in);
				$select->add($in, $out);
				next;
			}
			my $to = $peer{$from} or next;
			my $n = sysread $from, my $data, 65536;
			my $sent = 0;
			while ($n && $sent < $n)
			{
				my $written = syswrite $to, $data, $n - $sent, $sent;
				last unless $written;
				$sent += $written;
			}
			if (!$n || $sent < $n)
			{
				$select->remove($from, $to);
				delete @peer{ $from, $to };
				close $_ for $from, $to;
			}
		}
	}
}

my $relay = start_relay();
END { local $?; kill 'KILL', $relay if $relay; }

sub cut
{
	kill 'KILL', $relay;
	waitpid $relay, 0;
}

$task->{source_extra} = "host=127.0.0.1 port=$port";
$task->write_config;
$task->start('run');

# At once: the preflight, too, waits for a network that comes back.
cut();
$relay = start_relay();
sub is_streaming
{
	die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
	return $task->log_text =~ /starting log streaming/;
}
wait_for('the stream', \&is_streaming);
foreach my $n (1 .. 3)
{
	$source->safe_psql('app', "INSERT INTO item SELECT $n * 100000 + i, repeat(i::text, 100) FROM generate_series(1, 5000) i");
	cut();
	$source->safe_psql('app', "UPDATE item SET v = 'cut $n' WHERE id % 5 = $n");
	wait_for('dbsync to say that it tries again', sub {
		die "dbsync ended with $task->{exit}:\n" . $task->log_text if defined $task->ended;
		return $task->log_text =~ /starting log streaming.*trying again/s;
	}) if $n == 1;
	$relay = start_relay();
	$task->wait_rows('item');
	is($task->ended, undef, "still running after cut $n");
}
is($task->stop, 0, 'stopped');
$task->until_current_ok('a later run');
$task->sums_equal_ok('sums equal after the cuts');

# The slot is held by another reader: dbsync waits and says who it is.
my $reader_out = '';
my $reader = IPC::Run::start(
	[ 'pg_recvlogical', '-d', $source->connstr('app'), '-S', 'feedback', '--start', '-f', '/dev/null', '-v' ],
	'<', \undef, '>', \$reader_out, '2>&1');
wait_for('another reader of the slot', sub {
	$source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots WHERE active') == 1;
});
my $holder_pid = $source->safe_psql('app', 'SELECT active_pid FROM pg_replication_slots');
$task->start('run');
wait_for('dbsync to name the holder of the slot', sub { $task->log_text =~ /\b$holder_pid\b/ });
pass('dbsync names the process that holds the slot');
is($task->ended, undef, 'and waits');
$reader->kill_kill;
$source->safe_psql('app', "INSERT INTO item VALUES (-1, 'after the other reader')");
$task->wait_rows('item');
is($task->stop, 0, 'goes on once the slot is free');
$task->sums_equal_ok('sums equal at the end');

done_testing();
