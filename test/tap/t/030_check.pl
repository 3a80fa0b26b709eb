# What the preflight finds, each with the statement that mends it. Statements are run as they were
# printed, and the finding is gone.
use strict;
use warnings;

use DbsyncTest;
use JSON::PP ();
use Test::More;

my $source = new_source('source', plugin_list => 0);
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE SCHEMA app;
	CREATE SCHEMA hidden;
	CREATE TABLE app.item (id int PRIMARY KEY, v text, n numeric(10,2), code varchar(10));
	CREATE TABLE app.child (id int PRIMARY KEY, item int REFERENCES app.item);
	CREATE TABLE app.nokey (a int, b text);
	CREATE TABLE app.uniq (a int NOT NULL UNIQUE, b text);
	CREATE UNLOGGED TABLE app.fleeting (a int PRIMARY KEY);
	CREATE TABLE app."Odd ""name" (id int PRIMARY KEY, "Col" text);
	CREATE TABLE hidden.t (a int PRIMARY KEY);
	CREATE TABLE app.guarded (id int PRIMARY KEY, who text);
	ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON app.guarded USING (who = current_user);
	SELECT lo_create(0);
	CREATE SEQUENCE app.counter;
	CREATE MATERIALIZED VIEW app.seen AS SELECT * FROM app.item;
	CREATE ROLE reader LOGIN;
});
# Many tables give few findings.
$source->safe_psql('app', join('', map { "CREATE TABLE hidden.t$_ (id int PRIMARY KEY);" } 1 .. 200));
$target->safe_psql('app', q{
	CREATE SCHEMA app;
	CREATE SCHEMA hidden;
	CREATE TABLE app.item (id int PRIMARY KEY, v text, n numeric(8,2), extra text NOT NULL);
	CREATE TABLE app.child (id int PRIMARY KEY, item int REFERENCES app.item);
	CREATE TABLE app.nokey (a int, b text);
	CREATE TABLE app.uniq (a int NOT NULL, b text);
	CREATE TABLE app.fleeting (a int PRIMARY KEY);
	CREATE TABLE hidden.t (a int PRIMARY KEY);
	CREATE TABLE app.guarded (id int PRIMARY KEY, who text);
	INSERT INTO app.nokey VALUES (1, 'before');
	CREATE ROLE writer LOGIN;
});
$target->safe_psql('app', join('', map { "CREATE TABLE hidden.t$_ (id int PRIMARY KEY);" } 1 .. 200));

my $task = DbsyncTest->new(
	name        => 'check',
	source      => $source,
	target      => $target,
	source_user => 'reader',
	target_user => 'writer');

sub check
{
	my ($of) = @_;
	my ($code, $out) = ($of || $task)->run('check', '--json');

	return ($code, JSON::PP->new->utf8->decode($out));
}

# The one finding that matches; undef where none does.
sub finding
{
	my ($report, $what) = @_;
	my @found = grep { $_->{what} =~ $what } @{ $report->{findings} };

	return $found[0];
}

# It is there, of this severity, and its statements can be run as they are on that side.
sub mend_ok
{
	my ($report, $what, $severity, $node, $name) = @_;
	my $found = finding($report, $what);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($found && $found->{severity}, $severity, $name);
	return unless $found && $node;
	(my $sql = $found->{mend}) =~ s/^\(.*$|^or for.*$//mg;
	$node->safe_psql('app', $_) foreach grep { /\S/ } map { s/--.*//r } map { split /;\s*/ } split /\n/, $sql;
}

# A role without the right to replicate.
my ($code, $report) = check();
is($code, 3, 'errors: exit code 3');
mend_ok($report, qr/superuser or replication role|permission denied to start WAL sender/, 'error', undef,
	'no right to replicate');
like(finding($report, qr/role to start walsender|start WAL sender/)->{mend}, qr/ALTER ROLE reader REPLICATION/, 'and how to mend it');
$source->safe_psql('app', 'ALTER ROLE reader REPLICATION');

($code, $report) = check();
if (knows_plugin_list($source))
{
	my $found = finding($report, qr/output_plugin_libraries/);

	is($found->{severity}, 'error', 'the plugin is not in the list of the server');
	like($found->{mend}, qr/ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'alidecode'/, 'for everybody');
	like($found->{mend}, qr/ALTER ROLE reader SET output_plugin_libraries/, 'or for the role alone');
	$source->safe_psql('app', q{ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'wal2json'});
	$source->reload;
	$source->safe_psql('app', 'GRANT pg_read_all_settings TO reader');
	wait_for('the new list', sub { $source->safe_psql('app', 'SHOW output_plugin_libraries') =~ /wal2json/ });
	(undef, $report) = check();
	$found = finding($report, qr/output_plugin_libraries/);
	like($found->{mend}, qr/= 'pgoutput', 'test_decoding', 'wal2json', 'alidecode';/, 'what the list has is kept');
	mend_ok($report, qr/output_plugin_libraries/, 'error', $source, 'as printed');
	wait_for('the mended list', sub { $source->safe_psql('app', 'SHOW output_plugin_libraries') =~ /alidecode/ });
}

($code, $report) = check();
ok(!finding($report, qr/output_plugin_libraries/), 'the plugin list is mended');
is(finding($report, qr/alidecode can be loaded/)->{severity}, 'ok', 'a temporary slot has proved the plugin');
is($source->safe_psql('app', 'SELECT count(*) FROM pg_replication_slots'), 0, 'and is gone');

mend_ok($report, qr/may not use 2 of the schemas: app, hidden/, 'error', $source, 'schemas of the source');
my $unreadable = finding($report, qr/may not read 208 tables/);
is($unreadable->{severity}, 'error', 'unreadable tables are one finding');
like($unreadable->{mend}, qr/GRANT SELECT ON .*app\.item/, 'that names each in its statements');
is(scalar(() = $unreadable->{mend} =~ /hidden\.t\d+/g), 200, 'all of them');
like($unreadable->{mend}, qr/app\."Odd ""name"/, 'odd names are quoted');
mend_ok($report, qr/may not read/, 'error', $source, 'GRANT as printed');
mend_ok($report, qr/without usable replica identity.*app\.nokey, app\.uniq/, 'warning', undef, 'tables without identity');
my $identity = finding($report, qr/replica identity/)->{mend};
like($identity, qr/^ALTER TABLE app\.nokey REPLICA IDENTITY FULL;$/m, 'FULL where there is no key');
like($identity, qr/^ALTER TABLE app\.uniq REPLICA IDENTITY USING INDEX uniq_a_key;$/m, 'the index where there is one');
mend_ok($report, qr/replica identity/, 'warning', $source, 'as printed');
mend_ok($report, qr/unlogged/, 'warning', undef, 'unlogged tables');
mend_ok($report, qr/large objects/, 'warning', undef, 'large objects');
mend_ok($report, qr/sequences/, 'notice', undef, 'sequences');
mend_ok($report, qr/materialized views/, 'notice', undef, 'materialized views');

# Row security is seen once the table may be read at all.
mend_ok($report, qr/may not create the schema dbsync/, 'error', $target, 'the schema of progress');
mend_ok($report, qr/1 table is missing on the target: app\."Odd ""name"/, 'error', undef, 'a missing table');
mend_ok($report, qr/1 column is missing on the target: app\.item\.code/, 'error', $target, 'a missing column');
mend_ok($report, qr/NOT NULL on the target.*app\.item\.extra/, 'error', $target, 'a column that nothing fills');
mend_ok($report, qr/another type on the target.*app\.item\.n/, 'warning', $target, 'a type that is narrower');
mend_ok($report, qr/role writer may not write 207 tables/, 'error', $target, 'rights on the target');
if ($target->pg_version >= 15)
{
	mend_ok($report, qr/may not set session_replication_role: foreign keys stop the copy.*app\.item/, 'error', $target,
		'foreign keys that would be enforced');
}
$target->safe_psql('app', q{
	GRANT USAGE ON SCHEMA app, hidden TO writer;
	CREATE TABLE app."Odd ""name" (id int PRIMARY KEY, "Col" text);
	GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON app."Odd ""name" TO writer;
});

($code, $report) = check();
mend_ok($report, qr/row security would hide rows.*app\.guarded/, 'error', $source, 'row security');
mend_ok($report, qr/1 table holds rows before the full sync: app\.nokey/, 'error', undef, 'rows before the full sync');
$target->safe_psql('app', 'TRUNCATE app.nokey');

($code, $report) = check();
is($code, 0, 'all is mended: exit code 0') or diag(explain([ grep { $_->{severity} eq 'error' } @{ $report->{findings} } ]));
is($report->{errors}, 0, 'no errors');

# Patterns that match nothing, a target that is the source, ambiguous targets.
my %of = (source => $source, target => $target, source_user => 'reader', target_user => 'writer');
($code, $report) = check(DbsyncTest->new(name => 'pattern', %of, options => { include_tables => 'app.item, app.itme, nowhere.*' }));
is($code, 3, 'a pattern that matches nothing is an error');
like(finding($report, qr/include_tables/)->{what}, qr/app\.itme, nowhere\.\*$/, 'that names the patterns');

($code, $report) = check(DbsyncTest->new(name => 'self', source => $source, target => $source, source_user => 'reader'));
is(finding($report, qr/the same database/)->{severity}, 'error', 'source and target are the same');

$source->safe_psql('app', 'CREATE TABLE hidden.item (id int PRIMARY KEY); GRANT SELECT ON hidden.item TO reader');
($code, $report) = check(DbsyncTest->new(
	name => 'one_schema', %of, target_schema => 'app', options => { include_tables => 'app.item, hidden.item' }));
like(finding($report, qr/same target table/)->{what}, qr/app\.item/, 'two tables that would become one');

# A slot of that name.
$source->safe_psql('app', q{SELECT pg_create_logical_replication_slot('taken', 'test_decoding')});
my $taken = DbsyncTest->new(name => 'taken', %of, options => { exclude_tables => 'hidden.item' });
($code, $report) = check($taken);
is($code, 3, 'a slot of another plugin');
like(finding($report, qr/slot taken/)->{what}, qr/test_decoding/, 'is named');
$source->safe_psql('app', q{SELECT pg_drop_replication_slot('taken')});
my $off = DbsyncTest->new(name => 'off', %of, options => { copy => 'off', exclude_tables => 'hidden.item' });
($code, $report) = check($off);
is($code, 3, 'copy = off without a slot is an error');
mend_ok($report, qr/copy is off/, 'error', undef, 'said');
$source->safe_psql('app', (finding($report, qr/copy is off/)->{mend} =~ s/--.*//r));
($code, $report) = check($off);
is($code, 0, 'and is none once the slot is made as printed');
my $other = DbsyncTest->new(name => 'off', %of, options => { slot => 'off', exclude_tables => 'hidden.item' });
($code, $report) = check($other);
is($code, 3, 'a slot that no task knows is not taken over');

# A transaction that was open before: a new slot waits for it.
my $open = $source->background_psql('app', on_error_stop => 1);
$open->query_safe('BEGIN');
$open->query_safe('CREATE TABLE app.later (a int)');
($code, $report) = check(DbsyncTest->new(name => 'waits', %of, options => { exclude_tables => 'hidden.item' }));
my $pid = $open->query_safe('SELECT pg_backend_pid()');
is($code, 0, 'an open transaction is no error');
like(finding($report, qr/waits for transactions/)->{what}, qr/pid $pid\b/, 'but its pid is named');
$open->query_safe('ROLLBACK');
$open->quit;
is($source->safe_psql('app', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'dbsync_check%' AND NOT active}),
	0, 'no temporary slot stays');

# The people's form.
my ($text_code, $text) = $taken->run('check');
like($text, qr/^\d+ errors?, \d+ warnings?$/m, 'the table ends with a count');

# A server that is away.
$target->stop;
($code, $report) = check($taken);
is($code, 3, 'a target that is down');
like(finding($report, qr/cannot connect/)->{side}, qr/target/, 'is said');

done_testing();
