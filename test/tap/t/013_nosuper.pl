# Roles with the least rights on both sides, as docs/operations.md lists them, and what dbsync
# says where one is missing.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source', plugin_list => 0);
my $target = new_target('target');
my $version = $target->pg_version;

$source->safe_psql('app', q{
	CREATE SCHEMA app;
	CREATE TABLE app.item (id int PRIMARY KEY, v text);
	CREATE TABLE app.child (id int PRIMARY KEY, item int REFERENCES app.item);
	CREATE TABLE public.log (line text);
	CREATE TABLE app.secret (id int PRIMARY KEY, v text);
	INSERT INTO app.item SELECT i, 'v' || i FROM generate_series(1, 1000) i;
	INSERT INTO app.child SELECT i, i FROM generate_series(1, 1000) i;
	INSERT INTO public.log SELECT 'line ' || i FROM generate_series(1, 100) i;
	INSERT INTO app.secret VALUES (1, 'x');

	CREATE ROLE sync_source LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA app TO sync_source;
	GRANT SELECT ON app.item, app.child, public.log TO sync_source;
});
same_schema($source, $target, '--no-owner', '--no-acl');
$target->safe_psql('app', q{
	CREATE TABLE public.fired (t text);
	CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.fired VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
	CREATE TRIGGER fire AFTER INSERT ON app.item FOR EACH ROW EXECUTE FUNCTION public.fire();
	CREATE ROLE sync_target LOGIN;
});

my $task = DbsyncTest->new(
	name        => 'nosuper',
	source      => $source,
	target      => $target,
	source_user => 'sync_source',
	target_user => 'sync_target',
	options     => { exclude_tables => 'app.secret' });

my ($code, $out, $err) = $task->run('check');
is($code, 3, 'the preflight fails while rights are missing');
like("$out$err", qr/GRANT.*app\.item/s, 'and says which grant mends it');

if (knows_plugin_list($source))
{
	like("$out$err", qr/output_plugin_libraries/, 'the plugin list is named by the preflight');
	$source->safe_psql('app', 'ALTER ROLE sync_source SET output_plugin_libraries = pgoutput, alidecode');
}

$target->safe_psql('app', q{
	GRANT CREATE ON DATABASE app TO sync_target;
	GRANT USAGE ON SCHEMA app, public TO sync_target;
	GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON app.item, app.child, public.log TO sync_target;
});
SKIP:
{
	skip 'session_replication_role can be granted from version 15 on', 2 if $version < 15;
	($code, $out, $err) = $task->run('check');
	like("$out$err", qr/GRANT SET ON PARAMETER session_replication_role/i,
		'without the right to session_replication_role: the preflight says so');
	$target->safe_psql('app', 'GRANT SET ON PARAMETER session_replication_role TO sync_target');
	($code, $out, $err) = $task->run('check');
	is($code, 0, 'the preflight finds nothing once all is granted');
}

$task->until_current_ok('full sync without superuser');
$source->safe_psql('app', q{
	INSERT INTO app.item SELECT i, 'w' || i FROM generate_series(1001, 2000) i;
	UPDATE app.item SET v = 'u' WHERE id % 5 = 0;
	DELETE FROM app.child WHERE id % 2 = 0;
	INSERT INTO public.log VALUES ('more');
	INSERT INTO app.secret VALUES (2, 'y');
	TRUNCATE public.log;
	INSERT INTO public.log VALUES ('after');
});
$task->until_current_ok('stream without superuser');
$task->sums_equal_ok('sums equal', 'app.item', 'app.child', 'public.log');
is($target->safe_psql('app', 'SELECT count(*) FROM app.secret'), 0, 'the excluded table stays empty');
is($target->safe_psql('app', 'SELECT count(*) FROM fired'), 0, 'no trigger fired on the target') if $version >= 15;

($code, $out, $err) = $task->run('verify');
is($code, 0, 'verify without superuser');

# A table that may not be read: the run does not start; told to, it leaves the table out.
my $wide = DbsyncTest->new(
	name        => 'unreadable',
	source      => $source,
	target      => $target,
	source_user => 'sync_source',
	target_user => 'sync_target');
$target->safe_psql('app', 'TRUNCATE app.item, app.child, public.log');
($code, $out, $err) = $wide->run('run', '--until', 'current');
is($code, 3, 'a table that may not be read stops the run before it starts');
like("$out$err", qr/app\.secret/, 'and is named');
is($target->safe_psql('app', 'SELECT count(*) FROM app.item'), 0, 'nothing was copied');

$wide = DbsyncTest->new(
	name        => 'unreadable_skip',
	source      => $source,
	target      => $target,
	source_user => 'sync_source',
	target_user => 'sync_target',
	options     => { unreadable_tables => 'skip' });
$wide->until_current_ok('unreadable_tables = skip leaves it out');
$wide->sums_equal_ok('and copies the others', 'app.item', 'app.child', 'public.log');

done_testing();
