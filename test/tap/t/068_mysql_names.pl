# MariaDB to PostgreSQL: unusual names, lower_names, another schema on the target, MINIMAL row images, a file of tables, and the commands that look
# at what waits.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no mariadbd' unless MariaDB::available();

my $source = MariaDB->new('mariadb', conf => [ '--binlog-row-image=MINIMAL', '--binlog-row-metadata=FULL' ]);
my $target = new_target('target');

$source->sql(<<'END');
CREATE TABLE `Orders` (`Id` int PRIMARY KEY, `Customer Name` varchar(40), `Größe` decimal(8,2), `select` text, `Sum` int GENERATED ALWAYS AS (`Id` * 2) STORED);
CREATE TABLE `we``ird "Name"` (`a.b` int, `c``d` varchar(10), `e"f` text, PRIMARY KEY (`a.b`, `c``d`));
CREATE TABLE `Unlisted` (id int PRIMARY KEY);
CREATE TABLE `Empty_Defaults` (id int PRIMARY KEY, v varchar(10) NOT NULL DEFAULT 'x', n int);
CREATE TABLE `TWIN` (`A` int PRIMARY KEY, v text, b bit(12) DEFAULT b'101');
CREATE TABLE `Twin` (b int, w varchar(5) NOT NULL, PRIMARY KEY (w, b));
INSERT INTO `TWIN` (`A`, v) VALUES (1, 'x'), (2, 'y');
INSERT INTO `Twin` VALUES (3, 'p'), (4, 'q');
INSERT INTO `Orders` (`Id`, `Customer Name`, `Größe`, `select`) SELECT seq, CONCAT('n', seq), seq / 3, REPEAT('t', seq) FROM seq_1_to_200;
INSERT INTO `we``ird "Name"` SELECT seq, 'x', 'y' FROM seq_1_to_50;
INSERT INTO `Empty_Defaults` (id) SELECT seq FROM seq_1_to_5;
END

my $work = <<'END';
UPDATE `Orders` SET `select` = 'new' WHERE `Id` < 10;
UPDATE `Orders` SET `Id` = `Id` + 1000, `Größe` = NULL WHERE `Id` > 190;
DELETE FROM `Orders` WHERE `Id` BETWEEN 50 AND 60;
INSERT INTO `Orders` (`Id`, `Customer Name`) VALUES (5000, '😀');
UPDATE `we``ird "Name"` SET `e"f` = NULL WHERE `a.b` % 2 = 0;
UPDATE `we``ird "Name"` SET `c``d` = 'z' WHERE `a.b` = 3;
DELETE FROM `we``ird "Name"` WHERE `a.b` > 40;
INSERT INTO `Empty_Defaults` (id, n) VALUES (10, 1), (11, NULL);
UPDATE `TWIN` SET v = 'z' WHERE `A` = 1;
REPLACE INTO `TWIN` (`A`) VALUES (3);
UPDATE `Twin` SET w = 'r' WHERE b = 3;
UPDATE `Empty_Defaults` SET n = 5, v = DEFAULT WHERE id < 3;
END

sub rows_equal_ok
{
	my ($name, $from, $to) = @_;
	my @from = sort split /\n/, $source->sql($from) =~ s/\t/|/gr =~ s/\bNULL\b//gr;
	my @to   = sort split /\n/, $target->safe_psql('app', $to);
	my ($i)  = grep { ($from[$_] // '') ne ($to[$_] // '') } 0 .. (@from > @to ? $#from : $#to);

	ok(@from && !defined $i, $name) or diag(sprintf "%d and %d rows; first difference: source %s, target %s", scalar @from, scalar @to, $from[$i || 0] // 'none', $to[$i || 0] // 'none');
}

# ---- names as they are, made by dbsync schema ----

my $task = DbsyncTest->new(name => 'kept', source => $source, target => $target, options => { exclude_tables => 'app."Unlisted"' });
my ($code, $out, $err) = $task->run('schema');
is($code, 0, 'schema') or diag($err);
$task->until_current_ok('names are kept: full sync');
$source->sql($work);
$task->until_current_ok('names are kept: stream');

sub kept_equal_ok
{
	my ($name) = @_;

	rows_equal_ok("$name: Orders", 'SELECT `Id`, `Customer Name`, `Größe`, `select`, `Sum` FROM `Orders`', 'SELECT "Id", "Customer Name", "Größe", "select", "Sum" FROM app."Orders"');
	rows_equal_ok("$name: a weird name", 'SELECT * FROM `we``ird "Name"`', 'SELECT * FROM app."we`ird ""Name"""');
	rows_equal_ok("$name: a table", 'SELECT `A`, v, b + 0 FROM `TWIN`', 'SELECT "A", v, b::int FROM app."TWIN"');
	rows_equal_ok("$name: and another, whose name differs in case only", 'SELECT b, w FROM `Twin`', 'SELECT b, w FROM app."Twin"');
	rows_equal_ok("$name: defaults", 'SELECT * FROM `Empty_Defaults`', 'SELECT * FROM app."Empty_Defaults"');
}
kept_equal_ok('names are kept');
($code, $out) = $task->run('verify');
is($code, 0, 'names are kept: verify') or diag($out);

# ---- what waits ----

$target->safe_psql('app', 'ALTER TABLE app."Orders" RENAME TO away');
$source->sql("UPDATE `Orders` SET `select` = 'waiting' WHERE `Id` = 1");
($code, $out, $err) = $task->run('run', '--until', 'current');
isnt($code, 0, 'a table that is gone from the target stops the run');
$target->safe_psql('app', 'ALTER TABLE app.away RENAME TO "Orders"');
$task->until_current_ok('it goes on when the table is back');
kept_equal_ok('after that');

# ---- lower case, another schema, a file of tables ----

my $file = $task->{dir} . '/tables';
open my $list, '>', $file or die $!;
print $list "# what is copied\nOrders\nEmpty_Defaults : select id, v, n from Empty_Defaults where id > 0\n";
close $list;
$target->safe_psql('app', 'DROP SCHEMA app CASCADE');
my $lower = DbsyncTest->new(
	name          => 'lower',
	source        => $source,
	target        => $target,
	target_schema => 'public',
	mysql         => { lower_names => 'on', copy_queries => $file });
($code, $out, $err) = $lower->run('schema');
is($code, 0, 'lower_names: schema') or diag($err);
($code, $out, $err) = $lower->run('check');
is($code, 0, 'lower_names: check') or diag($out);
like($out, qr/1 table is copied by a query.*Empty_Defaults/, 'a table with its own query is named');
$lower->until_current_ok('lower_names: full sync');
$source->sql("DELETE FROM `Orders` WHERE `Id` > 4000; $work; INSERT INTO `Unlisted` VALUES (1)" =~ s/\(10, 1\), \(11, NULL\)/(20, 1), (21, NULL)/r =~ s/INSERT INTO `Orders`[^;]*;//r =~ s/UPDATE `we[^;]*'z'[^;]*;//r =~ s/UPDATE `Orders` SET `Id`[^;]*;//r);
$lower->until_current_ok('lower_names: stream');
rows_equal_ok('lower_names: orders', 'SELECT `Id`, `Customer Name`, `Größe`, `select` FROM `Orders`', 'SELECT id, "customer name", "größe", "select" FROM public.orders');
rows_equal_ok('lower_names: empty_defaults', 'SELECT * FROM `Empty_Defaults`', 'SELECT * FROM public.empty_defaults');
is($target->safe_psql('app', "SELECT count(*) FROM pg_class WHERE relname ILIKE '%unlisted%' OR relname ILIKE '%weird%'"), 0, 'only the tables of the file are there');
($code, $out) = $lower->run('verify');
is($code, 0, 'lower_names: verify') or diag($out);
($code, $out, $err) = DbsyncTest->new(name => 'lower', source => $source, target => $target, target_schema => 'public', local_path => "$lower->{dir}/local.db", mysql => { copy_queries => $file })->run('run', '--until', 'current');
is($code, 2, 'another way with names is another task');

# ---- what waits while the target is away ----

$lower->start('run');
wait_for('the stream', sub { $lower->log_text =~ /caught up with the source/ });
$target->stop('immediate');
$source->sql("UPDATE `Orders` SET `select` = 'while the target is away' WHERE `Id` = 2");
wait_for('the change to be stored', sub { $lower->status->{waiting}{transactions} > 0 });
$lower->kill9;
($code, $out) = $lower->run('sqls');
is($code, 0, 'sqls');
like($out, qr/UPDATE .*orders.*'while the target is away'/, 'shows what waits');
like($out, qr/commit \d{6}:\d+/, 'and its place');
like($lower->status->{waiting}{first_lsn}, qr/^\d{6}:\d+$/, 'which status has too');
$target->start;
$lower->until_current_ok('the target is back');
rows_equal_ok('and has it', 'SELECT `Id`, `select` FROM `Orders`', 'SELECT id, "select" FROM public.orders');

done_testing();
