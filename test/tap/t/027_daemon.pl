# run --daemon: what the shell sees is how the start went.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', 'CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)');

my $task = DbsyncTest->new(name => 'daemon', source => $source, target => $target);
my $log = "$task->{dir}/daemon.log";
my $pid_file = "$task->{dir}/daemon.pid";
my @daemon = ('--daemon', '--pid-file', $pid_file, '--log-file', $log);

sub end_daemon
{
	my $pid = slurp($pid_file) + 0;

	kill 'TERM', $pid;
	wait_for('the daemon to end', sub { !-e $pid_file });
}

END
{
	my $pid = $pid_file && -e $pid_file ? slurp($pid_file) + 0 : 0;

	kill 'KILL', $pid if $pid;
}

# The preflight fails: the target has no table.
my ($code, $out, $err) = $task->run('run', @daemon);
is($code, 3, 'the exit code of a failed preflight');
like($err, qr/warn preflight.*item|error preflight.*item/, 'what it found is said there');
like($err, qr/error run: the preflight found/, 'and how it ended');
like(slurp($log), qr/error run: the preflight found/, 'the log has it, too');
ok(!-e $pid_file, 'the pid file is gone');

same_schema($source, $target);
($code, $out, $err) = $task->run('run', @daemon);
is($code, 0, 'a start that succeeds');
unlike($err, qr/error/, 'has nothing to say');
is(slurp($pid_file) =~ /^\d+$/ ? kill('ZERO', slurp($pid_file) + 0) : 0, 1, 'the daemon runs');
$task->wait_rows('item');

# A second one on the task.
($code, $out, $err) = $task->run('run', '--daemon', '--log-file', "$task->{dir}/second.log");
is($code, 1, 'the task is held by another');
like($err, qr/error run: .*dbsync/, 'which is said');
like(slurp("$task->{dir}/second.log"), qr/error run: .*dbsync/, 'in the log, too');
end_daemon();

# A server that is away is waited for, not by the shell.
$target->stop;
($code, $out, $err) = $task->run('run', @daemon);
is($code, 0, 'the target is away: the daemon waits');
like($err, qr/warn run: /, 'and says so');
$target->start;
$source->safe_psql('app', 'INSERT INTO item VALUES (2)');
$task->wait_rows('item');
end_daemon();

is(($task->run('drop', '--yes'))[0], 0, 'drop');
done_testing();
