# dbsync schema: the source's tables on the target, whole or in two steps, without what is not wanted.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE SCHEMA app;
	CREATE TYPE app.mood AS ENUM ('sad', 'happy');
	CREATE TABLE app.item (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m app.mood, v text UNIQUE);
	CREATE TABLE app.child (id serial PRIMARY KEY, item int REFERENCES app.item);
	CREATE TABLE app.secret (id int PRIMARY KEY);
	CREATE TABLE app.of_secret (id int PRIMARY KEY, s int REFERENCES app.secret);
	CREATE VIEW app.seen AS SELECT * FROM app.item;
	CREATE VIEW app.unseen AS SELECT * FROM app.secret;
	CREATE VIEW app.over_unseen AS SELECT * FROM app.unseen;
	CREATE TABLE app.parted (id int, r text, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
	CREATE TABLE app.parted_a PARTITION OF app.parted FOR VALUES IN ('a');
	CREATE TABLE app."Odd ""name" (id int PRIMARY KEY);
	CREATE PUBLICATION pub FOR TABLE app.item;
	CREATE ROLE owner;
	GRANT USAGE ON SCHEMA app TO owner;
	ALTER TABLE app.item OWNER TO owner;
});
my $has_extension = $source->safe_psql('app', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'alidecode'});
$source->safe_psql('app', 'CREATE EXTENSION alidecode') if $has_extension;

sub new_database
{
	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
}

sub tables
{
	return $target->safe_psql('app', q{
		SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relkind IN ('r', 'p', 'v') AND relnamespace = 'app'::regnamespace});
}

sub constraints
{
	return $target->safe_psql('app', q{SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f', 'u')
		AND connamespace = 'app'::regnamespace});
}

my $task = DbsyncTest->new(name => 'schema', source => $source, target => $target);
my ($code, $out, $err);

# Shown only.
($code, $out, $err) = $task->run('schema', '--print');
is($code, 0, '--print');
like($out, qr/CREATE TABLE app\.item/, 'shows the SQL');
like($err, qr/running .*pg_dump .*-s/, 'says what it runs');
is($target->safe_psql('app', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'app'}), 0, 'and leaves the target alone');

# Whole.
($code, $out, $err) = $task->run('schema');
is($code, 0, 'all of it');
is(tables(), 'Odd "name child item of_secret over_unseen parted parted_a secret seen unseen', 'tables and views');
is(constraints(), 10, 'constraints') or diag(constraints());
is($target->safe_psql('app', q{SELECT count(*) FROM pg_extension WHERE extname = 'alidecode'}), 0,
	'the extension of the source does not come over');
is($target->safe_psql('app', 'SELECT count(*) FROM pg_publication'), 0, 'nor do publications');
($code, $out, $err) = $task->run('schema');
is($code, 1, 'once more: what is there already is an error');
like($err, qr/already exists/, 'of psql, which is shown');
is(constraints(), 10, 'and nothing has changed');

# In two steps, with the copy between.
new_database();
$source->safe_psql('app', q{INSERT INTO app.item (m, v) VALUES ('sad', 'x'); INSERT INTO app.child (item) VALUES (1)});
($code) = $task->run('schema', '--section=pre-data');
is($code, 0, '--section=pre-data');
is(constraints(), 0, 'tables without indexes and constraints');
($code) = $task->run('run', '--copy-only');
is($code, 0, 'the full sync');
($code) = $task->run('schema', '--post-data');
is($code, 0, '--post-data');
is(constraints(), 10, 'constraints behind the data');
$task->until_current_ok('and the stream');
$task->run('drop');

# Without some tables: neither they, nor what depends on them.
new_database();
$target->safe_psql('app', 'CREATE SCHEMA app');
my $some = DbsyncTest->new(
	name    => 'some',
	source  => $source,
	target  => $target,
	options => { exclude_tables => 'app.secret, app."Odd ""name"' });
($code, $out, $err) = $some->run('schema');
is($code, 0, 'without the tables that are not wanted, into a schema that is there');
is(tables(), 'child item of_secret parted parted_a seen', 'no view of such a table');
is($target->safe_psql('app', q{SELECT count(*) FROM pg_constraint WHERE conrelid = 'app.of_secret'::regclass AND contype = 'f'}),
	0, 'no foreign key to one');
$some->until_current_ok('a sync of these');
$some->run('drop');

# By patterns of partitions alone: their root comes with them.
new_database();
my $parts = DbsyncTest->new(
	name => 'parts', source => $source, target => $target, options => { include_tables => 'app.parted_*' });
($code) = $parts->run('schema');
is($code, 0, 'a partition');
is(tables(), 'parted parted_a', 'comes with its root');

# A password is in no command line.
$source->safe_psql('app', q{CREATE ROLE pw LOGIN SUPERUSER PASSWORD 'open sesame'});
my $secret = DbsyncTest->new(
	name => 'password', source => $source, target => $target, source_user => "pw password='open sesame'");
($code, $out, $err) = $secret->run('schema', '--print');
is($code, 0, 'a password in the connection string');
unlike($out . $err, qr/sesame/, 'is not shown');

my $moved = DbsyncTest->new(name => 'moved', source => $source, target => $target, target_schema => 'other');
($code, $out, $err) = $moved->run('schema');
is($code, 2, 'target_schema is not supported');
like($err, qr/target_schema/, 'said plainly');
($code) = $task->run('schema', '--section=data');
is($code, 2, 'a section that is none');

done_testing();
