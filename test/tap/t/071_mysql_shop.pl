# The sample schema from a MariaDB (or MySQL) source, as dbsync schema makes it: every table by the full copy, and all of it again by the stream.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DbsyncTest;
use MariaDB;
use MysqlShop;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();

my $source = MariaDB->new('source');
my $target = new_target('target');

$source->sql(shop_schema($source));
$source->sql(shop_rows(1000));

sub verified
{
	my ($task, $name) = @_;
	my ($code, $out, $err) = $task->run('verify');

	is($code, 0, $name) or diag $out, $err;
}

# Copy, then changes, then all of it once more: what the stream makes of a row is what the copy makes of it.
my $base = 1000;

sub both_ways
{
	my ($name, $schema_options, %task) = @_;
	my $task = DbsyncTest->new(source => $source, target => $target, name => $name, %task, mysql => { cascades => 'ignore', %{ $task{mysql} || {} } });
	my ($code, $out, $err) = $task->run('schema', @$schema_options);

	is($code, 0, "$name: schema") or diag $err;
	$task->until_current_ok("$name: full copy");
	verified($task, "$name: equal after the copy");
	$source->sql(shop_changes());
	$task->until_current_ok("$name: changes");
	verified($task, "$name: equal after the changes");
	$source->sql(shop_deletes($source));
	$base += 1000;
	$source->sql(shop_rows($base));
	$task->until_current_ok("$name: all of it again");
	verified($task, "$name: equal after the stream");
	is($target->safe_psql('app', "SELECT count(*) FROM dbsync.progress"), 1, "$name: progress");
	($code) = $task->run('drop', '--yes');
	is($code, 0, "$name: drop");
}

both_ways('plain', [], mysql => { types => 'bigint unsigned = numeric' });

# Columns that are generated there, and ordinary here, need whole rows.
$source->sql('SET GLOBAL binlog_row_image = MINIMAL', '');
my $cut = DbsyncTest->new(source => $source, target => $target, name => 'cut', mysql => { cascades => 'ignore' }, options => { existing_rows => 'truncate' });
my ($code, $out, $err) = $cut->run('check');
is($code, 3, 'rows that are cut are refused');
like($out, qr/binlog_row_image is MINIMAL, and 1 column is generated.*app\.products\.share\n *SET GLOBAL binlog_row_image = FULL/, 'with what mends it');

# Without such a column they are not; other types, names and schema.
$source->sql('ALTER TABLE products DROP share');
$source->sql('SET GLOBAL binlog_row_metadata = FULL', '');
both_ways(
	'other',
	[ '-n', '--defer' ],
	target_schema => 'Shop',
	mysql         => { lower_names => 'on', tinyint1 => 'smallint', geometry => 'text',
		types => 'bigint unsigned = numeric(21), set = text, bit(1) = boolean, bit(5) = integer, users.role = varchar(20), year = integer, float = double precision' });

done_testing();
