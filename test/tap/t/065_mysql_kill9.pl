# MariaDB to PostgreSQL, exactly once under kill -9: dbsync is killed at 20 random moments, in the full sync and while streaming, with the
# source being written all the time; in the middle the source itself is restarted. A table has no key, so that a change applied twice shows.
#
# DBSYNC_TEST_SEED repeats a run's moments, DBSYNC_TEST_KILLS asks for more of them.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $seed  = $ENV{DBSYNC_TEST_SEED}  || 20261126;
my $kills = $ENV{DBSYNC_TEST_KILLS} || 20;

srand($seed);
note("seed $seed: set DBSYNC_TEST_SEED to repeat");

my $source = MariaDB->new('mariadb');
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, filler varchar(200));
CREATE TABLE branch (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE history (account int, delta int, at datetime(6));
CREATE TABLE document (id int PRIMARY KEY, body longtext, version int DEFAULT 0);
CREATE TABLE halt (id int) ENGINE = InnoDB;
INSERT INTO account SELECT seq, 0, REPEAT('f', 150) FROM seq_1_to_200000;
INSERT INTO branch SELECT seq, 0 FROM seq_1_to_20;
INSERT INTO history SELECT seq, 0, NOW(6) FROM seq_1_to_100000;
INSERT INTO document SELECT seq, REPEAT(LEFT(SHA2(seq, 256), 32), 200), 0 FROM seq_1_to_2000;
DELIMITER //
CREATE PROCEDURE work()
BEGIN
	DECLARE a, b, d, doc, kind int;
	DECLARE halted int DEFAULT 0;
	WHILE halted = 0 DO
		SET a = 1 + FLOOR(RAND() * 200000), b = 1 + FLOOR(RAND() * 20), d = FLOOR(RAND() * 10000) - 5000, doc = 1 + FLOOR(RAND() * 2000), kind = RAND() * 100;
		START TRANSACTION;
		UPDATE account SET balance = balance + d WHERE id = a;
		UPDATE branch SET balance = balance + d WHERE id = b;
		INSERT INTO history VALUES (a, d, NOW(6));
		IF kind <= 10 THEN UPDATE document SET version = version + 1 WHERE id = doc;
		ELSEIF kind <= 13 THEN UPDATE document SET body = REPEAT(LEFT(SHA2(doc, 256), 32), 100 + kind) WHERE id = doc;
		ELSEIF kind <= 16 THEN
			DELETE FROM document WHERE id = doc;
			INSERT INTO document VALUES (doc, REPEAT('new', 1000), 0);
		ELSEIF kind = 17 THEN INSERT INTO history SELECT seq, d, NOW(6) FROM seq_1_to_2000;
		ELSEIF kind = 18 THEN DELETE FROM history WHERE account = a;
		END IF;
		IF kind = 20 THEN ROLLBACK; ELSE COMMIT; END IF;
		SELECT COUNT(*) INTO halted FROM halt;
		DO SLEEP(0.001);
	END WHILE;
END //
DELIMITER ;
END
$target->safe_psql('app', <<'END');
CREATE SCHEMA app;
CREATE TABLE app.account (id int PRIMARY KEY, balance bigint NOT NULL, filler varchar(200));
CREATE TABLE app.branch (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE app.history (account int, delta int, at timestamp(6));
CREATE TABLE app.document (id int PRIMARY KEY, body text, version int DEFAULT 0);
END

my %row = (
	account  => [ q{CONCAT_WS('|', id, balance, filler)}, q{concat_ws('|', id, balance, filler)} ],
	branch   => [ q{CONCAT_WS('|', id, balance)}, q{concat_ws('|', id, balance)} ],
	history  => [ q{CONCAT_WS('|', account, delta, DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'))}, q{concat_ws('|', account, delta, to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'))} ],
	document => [ q{CONCAT_WS('|', id, version, SHA2(body, 256))}, q{concat_ws('|', id, version, encode(sha256(convert_to(body, 'UTF8')), 'hex'))} ],
);

sub equal_ok
{
	my ($table) = @_;
	my @from = sort split /\n/, $source->sql("SELECT $row{$table}[0] FROM $table");
	my @to   = sort split /\n/, $target->safe_psql('app', "SELECT $row{$table}[1] FROM app.$table");
	my ($i)  = grep { ($from[$_] // '') ne ($to[$_] // '') } 0 .. (@from > @to ? $#from : $#to);

	ok(!defined $i, "$table is equal, " . @from . ' rows')
	  or diag(sprintf "source %d rows, target %d rows, first difference: %s / %s", scalar @from, scalar @to, $from[$i] // 'none', $to[$i] // 'none');
}

my $task = DbsyncTest->new(
	name    => 'kill',
	source  => $source,
	target  => $target,
	options => { exclude_tables => 'app.halt', jobs => 2, split_bytes => '4MB', queue_bytes => '1MB' });
my $load = $source->session;
my ($in_copy, $in_stream, $unexpected) = (0, 0, 0);

$load->send('CALL work()');
for my $n (1 .. $kills)
{
	# Every third run works to its first change of phase or further; the others are cut short anywhere.
	$task->start('run');
	sleep(0.15 + rand($n <= $kills / 2 ? 0.6 : 1.5));
	if (defined $task->ended)
	{
		$unexpected++;
		diag($task->log_text);
		last;
	}
	$task->kill9;
	my $state = $task->status->{state};
	$state =~ /catching up|streaming/ ? $in_stream++ : $in_copy++;
	next unless $n == int($kills / 2);

	# The source restarts while dbsync is at work, and dbsync goes on by itself.
	$task->start('run');
	wait_for('the stream to begin', sub { $task->log_text =~ /starting log streaming/ });
	$source->kill9;
	eval { $load->end };
	sleep(0.5);
	$source->start;
	$load = $source->session;
	$load->send('CALL work()');
	my $rows = $source->sql('SELECT COUNT(*) FROM history');
	wait_for('the run to go on after the restart of the source', sub { die $task->log_text if defined $task->ended; $task->status->{state} =~ /catching up|streaming/ });
	$task->kill9;
	$in_stream++;
}
is($unexpected, 0, 'no run ended by itself');
note("killed $in_copy times in the full sync, $in_stream times later");
cmp_ok($in_copy, '>', 0, 'killed in the full sync');
cmp_ok($in_stream, '>', 2, 'killed while streaming');

$source->sql('INSERT INTO halt VALUES (1)');
$load->end;
$task->until_current_ok('a last run catches up');
equal_ok($_) foreach sort keys %row;
my ($code, $out, $err) = $task->run('verify');
is($code, 0, 'verify finds no difference') or diag($out . $err);

done_testing();
