# dbsync schema --defer: tables now; indexes, constraints and triggers by dbsync run, between the copy and the first change.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

$source->safe_psql('app', q{
	CREATE SCHEMA "odd ""name";
	CREATE TABLE item (id int PRIMARY KEY, v text UNIQUE, r int4range, EXCLUDE USING gist (r WITH &&));
	CREATE INDEX item_lower ON item (lower(v)) WHERE id > 10;
	COMMENT ON INDEX item_lower IS E'-- Name: not a header; Type: none\n--\n\n''; DROP TABLE item; \\\\ ü';
	CREATE STATISTICS item_statistics ON id, v FROM item;
	CREATE TABLE child (id serial PRIMARY KEY, item int);
	ALTER TABLE child ADD CONSTRAINT to_item FOREIGN KEY (item) REFERENCES item ON DELETE CASCADE;
	COMMENT ON CONSTRAINT to_item ON child IS 'to item';
	CREATE TABLE full_identity (a int NOT NULL, b int);
	CREATE UNIQUE INDEX full_identity_a ON full_identity (a);
	ALTER TABLE full_identity REPLICA IDENTITY USING INDEX full_identity_a;
	CREATE TABLE "odd ""name"."a table; --" (id int PRIMARY KEY, t text);
	CREATE INDEX "an 'index'" ON "odd ""name"."a table; --" (t);
	CREATE TABLE parted (id int, r text, v int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
	CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
	CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
	CREATE INDEX parted_v ON parted (v);
	CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER item_seen BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION seen();
	CREATE RULE no_child AS ON DELETE TO child WHERE old.id < 0 DO INSTEAD NOTHING;
	CREATE VIEW looked AS SELECT * FROM item;
	INSERT INTO item SELECT i, 'v' || i, int4range(i, i + 1) FROM generate_series(1, 5000) i;
	INSERT INTO child (item) SELECT i FROM generate_series(1, 5000) i;
	INSERT INTO full_identity SELECT i, i FROM generate_series(1, 1000) i;
	INSERT INTO "odd ""name"."a table; --" SELECT i, 't' || i FROM generate_series(1, 1000) i;
	INSERT INTO parted SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 1000) i;
});
my @tables = ('public.item', 'public.child', 'public.full_identity', 'public.parted', '"odd ""name"."a table; --"');

sub change
{
	$source->safe_psql('app', q{
		UPDATE item SET v = v || 'x' WHERE id % 10 = 0;
		DELETE FROM item WHERE id % 100 = 1;
		UPDATE full_identity SET b = b + 1 WHERE a % 10 = 0;
		UPDATE parted SET v = v + 1 WHERE id % 10 = 0;
		UPDATE "odd ""name"."a table; --" SET t = t || 'x' WHERE id % 10 = 0;
	});
}

sub new_database
{
	$target->safe_psql('postgres', 'DROP DATABASE IF EXISTS app WITH (FORCE)');
	$target->safe_psql('postgres', 'CREATE DATABASE app');
}

# What pg_dump says of the tables' schema: everything, in words.
sub dump_of
{
	my ($node) = @_;
	my $dump = `pg_dump -s --no-owner -N dbsync -N alidecode -d "@{[$node->connstr('app')]}"`;

	# The order of what is attached, and the key of newer dumps, differ from run to run.
	return join("\n", sort grep { !/^\\\\?(un)?restrict|^--|^$/ && !/EXTENSION/ } split /\n/, $dump);
}

sub pending
{
	return $target->safe_psql('app', 'SELECT count(*) FROM dbsync.post_data WHERE done_at IS NULL');
}

my $task = DbsyncTest->new(name => 'defer', source => $source, target => $target, options => { jobs => 3 });
my ($code, $out, $err) = $task->run('schema', '--defer');
is($code, 0, 'schema --defer') or diag($err);
is($target->safe_psql('app', q{SELECT count(*) FROM pg_index WHERE indrelid = 'item'::regclass}), 0, 'no index yet');
cmp_ok(pending(), '>', 10, 'they are noted');
my $status = $task->status;
is($status->{post_data}{statements}, pending(), 'status counts them');
is(scalar @{ $status->{post_data}{pending} }, pending(), 'and lists them');
my ($key) = grep { $_->{name} =~ /^CONSTRAINT public item item_pkey\b/ } @{ $status->{post_data}{pending} };
like($key->{table}, qr/^"?public"?\."?item"?$/, 'with their tables');
($code, $out) = $task->run('status');
like($out, qr/^indexes +0 of $status->{post_data}{statements} .*\n(  pending .*\n)*  pending +CONSTRAINT public item item_pkey\b/m, 'as text, too');

($code, $out, $err) = $task->run('run', '--copy-only');
is($code, 0, 'run') or diag($err);
is(pending(), 0, 'all is made');
is(dump_of($target), dump_of($source), 'and is what the source has');
like($err, qr/made CONSTRAINT public item item_pkey/, 'the log says so');
is($target->safe_psql('app', q{SELECT count(*) FROM pg_stats WHERE tablename = 'item_lower'}), 1, 'an index of an expression has statistics');
is($target->safe_psql('app', q{SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'item_statistics' AND n_distinct IS NOT NULL}), 1, 'a statistics object, too');
is_deeply($task->status->{post_data}, { statements => $status->{post_data}{statements}, pending => [] }, 'status knows');
change();
$task->until_current_ok('changes behind it');
$task->sums_equal_ok('equal', @tables);
($code, $out, $err) = $task->run('run', '--until', 'current');
unlike($err, qr/making indexes/, 'nothing is made twice');
($code, $out) = $task->run('drop', '--yes');
unlike($out, qr/not made/, 'drop has nothing to say of them');
is($target->safe_psql('app', 'SELECT count(*) FROM dbsync.post_data'), 0, 'and forgets them');

# Killed in the middle, several times, and the target's connections cut.
new_database();
$task->run('schema', '--defer');
my $reader = $target->background_psql('app');
$reader->query_safe('BEGIN');
$reader->query_safe('SELECT count(*) FROM item');

sub wait_blocked
{
	wait_for('a key to wait for the reader', sub {
		$target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity
			WHERE wait_event_type = 'Lock' AND query ~ 'ALTER TABLE'}) > 0;
	});
}

$task->start('run');
wait_blocked();
change();
$task->kill9;
cmp_ok(pending(), '>', 0, 'killed while indexes were made');
$task->start('run');
wait_for('the same again', sub {
	$target->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity
		WHERE wait_event_type = 'Lock'}) > 1;
});
$target->safe_psql('app', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'});
change();
$reader->query_safe('COMMIT');
$reader->quit;
wait_for('all of it', sub { pending() == 0 });
is($task->stop, 0, 'stopped');
$task->until_current_ok('a later run');
is(dump_of($target), dump_of($source), 'the schema is the same');
$task->sums_equal_ok('and so are the rows', @tables);
$task->run('drop', '--yes');

# A key that the rows do not allow: said with the statement that mends it, before any change is applied.
new_database();
$task->run('schema', '--defer');
$target->safe_psql('app', q{INSERT INTO dbsync.post_data SELECT task, 1000, true, 'INDEX made by hand', 'public.item',
	'CREATE UNIQUE INDEX by_hand ON public.item ((id % 10))', NULL FROM dbsync.post_data LIMIT 1});
($code, $out, $err) = $task->run('run', '--until', 'current');
is($code, 1, 'a key that is not unique');
like($err, qr/cannot make INDEX made by hand: .*could not create unique index "by_hand"/, 'is named');
like($err, qr/HINT: .*UPDATE dbsync\.post_data SET done_at.*position = 1000/, 'with a way on');
$target->safe_psql('app', 'UPDATE dbsync.post_data SET done_at = now() WHERE position = 1000');
$task->until_current_ok('and a run goes on');
is(pending(), 0, 'with the rest');
is(dump_of($target), dump_of($source), 'the schema is the same');
$task->sums_equal_ok('and so are the rows', @tables);

# Given up before they were made.
$task->run('drop', '--yes');
new_database();
$task->run('schema', '--defer');
my $left = pending();
($code, $out, $err) = $task->run('drop', '--yes');
is($code, 0, 'drop before the run');
like($out, qr/^target +$left rows removed, $left of them .* not made yet$/m, 'says what was not made');
is($target->safe_psql('app', 'SELECT count(*) FROM dbsync.post_data'), 0, 'and forgets it');

# A comment that looks like the head of an entry: no guess is made at where one ends.
$source->safe_psql('app', q{COMMENT ON INDEX item_lower IS E'a\n--\n-- Name: b; Type: INDEX; Schema: public; Owner: -\n--\n\nSET default_tablespace = c;\n'});
new_database();
($code, $out, $err) = $task->run('schema', '--defer');
is($code, 0, 'schema --defer with a comment like an entry') or diag($err);
like($err, qr/a comment looks like an entry/, 'which is seen');
$task->until_current_ok('run');
is(dump_of($target), dump_of($source), 'the schema is the same');
$task->run('drop', '--yes');

# What pg_dump makes behind a primary key, because it groups by it alone; and indexes that depend on that.
my $has_atomic = $source->safe_psql('app', 'SHOW server_version_num') >= 140000;
$source->safe_psql('app', q{
	CREATE VIEW grouped AS SELECT id, v, count(*) AS n FROM item GROUP BY id;
	CREATE MATERIALIZED VIEW kept AS SELECT id, v, count(*) AS n FROM item GROUP BY id;
	CREATE UNIQUE INDEX kept_id ON kept (id);
	CREATE MATERIALIZED VIEW kept_twice AS SELECT * FROM kept;
	CREATE INDEX kept_twice_v ON kept_twice (lower(v));
	CREATE MATERIALIZED VIEW of_view AS SELECT * FROM grouped;
	CREATE INDEX of_view_v ON of_view (v);
});
$source->safe_psql('app', q{
	CREATE FUNCTION name_of(i int) RETURNS text LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT v FROM item WHERE id = i GROUP BY id; END;
	CREATE TABLE named (i int, EXCLUDE USING btree (name_of(i) WITH =));
	CREATE INDEX named_i ON named (name_of(i));
	CREATE INDEX named_some ON named (i) WHERE name_of(i) > 'a';
}) if $has_atomic;
new_database();
($code, $out, $err) = $task->run('schema', '--defer');
is($code, 0, 'schema --defer: indexes of what comes behind a key') or diag($err);
is($target->safe_psql('app', q{SELECT string_agg(split_part(name, ' ', 3), ' ' ORDER BY name) FROM dbsync.post_data
	WHERE NOT is_index AND name ~ '^INDEX ' AND name !~ '^INDEX ATTACH | named'}), 'kept_id kept_twice_v of_view_v', 'these wait for it, the others do not');
cmp_ok($target->safe_psql('app', q{SELECT count(*) FROM dbsync.post_data WHERE is_index AND name ~ ' item'}), '>', 3, 'which come first');
$task->until_current_ok('run: all of them can be made');
is(pending(), 0, 'and are');
is(dump_of($target), dump_of($source), 'the schema is the same');
$task->run('drop', '--yes');

($code, $out, $err) = $task->run('schema', '--defer', '--post-data');
is($code, 2, '--defer is no section');

done_testing();
