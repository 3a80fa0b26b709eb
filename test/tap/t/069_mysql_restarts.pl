# MariaDB to PostgreSQL: one dbsync that is never killed, while its connections are ended and both servers are restarted, gracefully and not, under
# load and within a large transaction. It goes on by itself, and both sides are equal.
#
# DBSYNC_TEST_SEED repeats a run's moments, DBSYNC_TEST_ROUNDS asks for more of them.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $seed   = $ENV{DBSYNC_TEST_SEED}   || 20261126;
my $rounds = $ENV{DBSYNC_TEST_ROUNDS} || 14;

srand($seed);
note("seed $seed: set DBSYNC_TEST_SEED to repeat");

my $source = MariaDB->new('mariadb', conf => ['--max-binlog-size=4M']);
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, note varchar(100));
CREATE TABLE history (account int, delta int, at datetime(6));
CREATE TABLE bulk (id int AUTO_INCREMENT PRIMARY KEY, round int, v varchar(200));
CREATE TABLE halt (id int);
INSERT INTO account SELECT seq, 0, NULL FROM seq_1_to_5000;
DELIMITER //
CREATE PROCEDURE work()
BEGIN
	DECLARE a, d int;
	DECLARE halted int DEFAULT 0;
	WHILE halted = 0 DO
		SET a = 1 + FLOOR(RAND() * 5000), d = FLOOR(RAND() * 1000) - 500;
		START TRANSACTION;
		UPDATE account SET balance = balance + d, note = CONCAT('last ', d) WHERE id = a;
		INSERT INTO history VALUES (a, d, NOW(6));
		IF d % 20 = 0 THEN DELETE FROM history WHERE account = a AND delta <> d; END IF;
		COMMIT;
		DO SLEEP(0.001);
		SELECT COUNT(*) INTO halted FROM halt;
	END WHILE;
END //
DELIMITER ;
END
$target->safe_psql('app', <<'END');
CREATE SCHEMA app;
CREATE TABLE app.account (id int PRIMARY KEY, balance bigint NOT NULL, note varchar(100));
CREATE TABLE app.history (account int, delta int, at timestamp(6));
CREATE INDEX ON app.history (account);
CREATE TABLE app.bulk (id int PRIMARY KEY, round int, v varchar(200));
END

my $task = DbsyncTest->new(
	name    => 'restarts',
	source  => $source,
	target  => $target,
	options => { exclude_tables => 'app.halt', queue_bytes => '1MB', retry_max => '300ms' });
my $load;

sub start_load
{
	$load = $source->session;
	$load->send('CALL work()');
}

sub is_alive
{
	die "dbsync ended: " . $task->log_text if defined $task->ended;
	return 1;
}

my %action = (
	'dump connection' => sub {
		$source->sql("KILL CONNECTION $_", '')
		  foreach split /\n/, $source->sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'sync' AND COMMAND LIKE 'Binlog Dump%'", '');
	},
	'target backends' => sub { $target->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app' AND pid <> pg_backend_pid()") },
	'target, immediate' => sub { $target->stop('immediate'); sleep rand 0.5; $target->start },
	'source, killed' => sub { $source->kill9; eval { $load->end }; sleep rand 0.5; $source->start; start_load() },
	'source, stopped' => sub { $source->stop; eval { $load->end }; $source->start; start_load() },
	'new log file' => sub { $source->sql('FLUSH BINARY LOGS') },
	'large transaction, cut' => sub {
		my $session = $source->session;
		$session->sql('BEGIN; INSERT INTO bulk (round, v) SELECT 1, REPEAT(LEFT(SHA2(seq, 256), 32), 5) FROM seq_1_to_20000');
		$session->sql('COMMIT');
		$session->end;
		$target->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app' AND pid <> pg_backend_pid()");
		$source->sql('UPDATE bulk SET round = round + 1 WHERE id % 3 = 0');
	},
);
my @names = sort keys %action;

start_load();
$task->start('run');
wait_for('the stream', sub { is_alive(); $task->log_text =~ /caught up with the source/ });
for my $round (1 .. $rounds)
{
	# Each kind once, then any.
	my $name = $round <= @names ? $names[ $round - 1 ] : $names[ rand @names ];
	my $rows;

	sleep rand 0.4;
	$action{$name}->();
	$rows = $source->sql('SELECT COALESCE(MAX(at), 0) FROM history');
	wait_for("the stream to go on after: $name", sub { is_alive(); $task->target_rows(qq{app.history WHERE at > '$rows'}) > 0 });
	pass("goes on after: $name");
}
$source->sql('INSERT INTO halt VALUES (1)');
$load->end;
is($task->stop, 0, 'and ends when it is asked to');
$task->until_current_ok('a last run');

my %row = (
	account => [ q{CONCAT_WS('|', id, balance, IFNULL(note, '-'))}, q{concat_ws('|', id, balance, coalesce(note, '-'))} ],
	history => [ q{CONCAT_WS('|', account, delta, DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'))}, q{concat_ws('|', account, delta, to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'))} ],
	bulk    => [ q{CONCAT_WS('|', id, round, v)}, q{concat_ws('|', id, round, v)} ],
);
foreach my $table (sort keys %row)
{
	my @from = sort split /\n/, $source->sql("SELECT $row{$table}[0] FROM $table");
	my @to   = sort split /\n/, $target->safe_psql('app', "SELECT $row{$table}[1] FROM app.$table");
	my ($i)  = grep { ($from[$_] // '') ne ($to[$_] // '') } 0 .. (@from > @to ? $#from : $#to);

	ok(!defined $i, "$table is equal, " . @from . ' rows')
	  or diag(sprintf "source %d rows, target %d rows, first difference: %s / %s", scalar @from, scalar @to, $from[$i] // 'none', $to[$i] // 'none');
}

done_testing();
