# The full copy: binary where both sides mean the same by it, frozen where nobody can notice, text and plain elsewhere.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source');
my $target = new_target('target');

my $same = q{
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	CREATE TYPE pair AS (a int, b text);
	CREATE TABLE plain (id int PRIMARY KEY, s smallint, b bigint, o oid, t text, v varchar(20), c char(7), bo bool, r real, d double precision,
		n numeric, n2 numeric(12, 3), by bytea, da date, ti time, tz timetz, ts timestamp(3), tstz timestamptz, iv interval, u uuid,
		j json, jb jsonb, i inet, m macaddr, m8 macaddr8, bi bit(5), vb varbit, p point,
		ia int[], ta text[], na numeric[], tsa timestamptz[], ua uuid[]);
	CREATE TABLE with_enum (id int PRIMARY KEY, m mood);
	CREATE TABLE with_domain (id int PRIMARY KEY, p positive);
	CREATE TABLE with_pair (id int PRIMARY KEY, p pair, ps pair[]);
	CREATE TABLE with_range (id int PRIMARY KEY, r int4range, x xml, l money);
	CREATE TABLE empty (id int PRIMARY KEY);
	CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, t text);
	CREATE TABLE big (id int PRIMARY KEY, t text);
	CREATE TABLE referenced (id int PRIMARY KEY, t text);
	CREATE TABLE referencing (id int PRIMARY KEY, r int REFERENCES referenced);
	CREATE TABLE large_row (id int PRIMARY KEY, t text, b bytea);
	ALTER TABLE large_row ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
};
$source->safe_psql('app', $same);
# Types of users have other numbers there.
$target->safe_psql('app', q{CREATE TYPE first AS ENUM ('x'); CREATE TYPE second AS (a int);} . $same);
$source->safe_psql('app', 'CREATE TABLE wider (id int PRIMARY KEY, n int, o int)');
$target->safe_psql('app', 'CREATE TABLE wider (o int, n bigint, id int PRIMARY KEY, more text DEFAULT 1)');
$source->safe_psql('app', 'CREATE TABLE moved (id int PRIMARY KEY, a text, b int)');
$target->safe_psql('app', 'CREATE TABLE moved (b int, more text DEFAULT 1, a text, id int PRIMARY KEY)');

$source->safe_psql('app', q{
	INSERT INTO plain SELECT i, i % 30000, i * 10000000000::bigint, i, E'l\tine\n\\\\' || i || 'ü€', 'v' || i, 'c' || i % 100, i % 2 = 0,
		i / 3.0, i / 7.0, i / 3.0, i / 3.0, decode(lpad(to_hex(i), 8, '0'), 'hex'), date '4713-01-01 BC' + i, time '00:00' + i * interval '1 ms',
		timetz '00:00+05:30', timestamp '2000-01-01' + i * interval '1.234 s', timestamptz '1900-01-01' + i * interval '1 h',
		i * interval '1 month 1 day 1.5 s', md5(i::text)::uuid, json_build_object('a', i), jsonb_build_object('ü', i), '10.0.0.0'::inet + i,
		'08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', (i % 32)::bit(5), i::bit(9), point(i, -i),
		ARRAY[i, NULL, -i], ARRAY['a"', NULL, '{}', i::text], ARRAY['NaN', i / 3.0], ARRAY[timestamptz 'infinity'], ARRAY[md5(i::text)::uuid]
		FROM generate_series(1, 2000) i;
	INSERT INTO plain (id, r, d, n, da, ts, by, t, v, jb, ta) VALUES (0, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', '', '', '', '{}', '{}'),
		(-1, '-0', '-0', 'Infinity', '-infinity', 'infinity', '\x00', '\N', 'x', 'null', '[2:3]={a,b}');
	INSERT INTO plain (id) VALUES (-2);
	INSERT INTO with_enum SELECT i, CASE WHEN i % 3 = 0 THEN 'sad'::mood WHEN i % 3 = 1 THEN 'happy'::mood END FROM generate_series(1, 100) i;
	INSERT INTO with_domain SELECT i, i FROM generate_series(1, 100) i;
	INSERT INTO with_pair SELECT i, ROW(i::int, 'x'::text)::pair, ARRAY[ROW(i::int, 'y'::text)::pair] FROM generate_series(1, 100) i;
	INSERT INTO with_range SELECT i, int4range(i, i + 5), '<a/>', i FROM generate_series(1, 100) i;
	INSERT INTO made (id, t) SELECT i, 'x' FROM generate_series(1, 100) i;
	INSERT INTO wider SELECT i, i, -i FROM generate_series(1, 100) i;
	INSERT INTO moved SELECT i, 'a' || i, -i FROM generate_series(1, 100) i;
	INSERT INTO big SELECT i, repeat('x', 500) || i FROM generate_series(1, 20000) i;
	INSERT INTO referenced SELECT i, repeat('x', 500) || i FROM generate_series(1, 20000) i;
	INSERT INTO referencing SELECT i, i FROM generate_series(1, 100) i;
	INSERT INTO large_row SELECT i, repeat(md5(i::text), 100000), decode(repeat(md5(i::text), 50000), 'hex') FROM generate_series(1, 3) i;
});

my @tables = map { "public.$_" }
  qw(plain with_enum with_domain with_pair with_range empty made big referenced referencing large_row);

sub log_of
{
	my ($task, @command) = @_;
	my ($code, $out, $err) = $task->run(@command);

	is($code, 0, "$task->{name}: @command") or diag($err);
	return $err;
}

sub is_frozen
{
	return $target->safe_psql('app', "SELECT pg_relation_size('$_[0]', 'vm') > 0") eq 't';
}

sub format_ok
{
	my ($log, $table, $format) = @_;

	like($log, qr/table "public"\."$table" part 1 format=$format/, "$table goes as $format");
}

my $task = DbsyncTest->new(name => 'auto', source => $source, target => $target, options => { log_level => 'debug' });
my $log = log_of($task, 'run', '--copy-only');
format_ok($log, $_, 'binary') foreach qw(plain empty made big referenced referencing large_row moved);
format_ok($log, $_, 'text') foreach qw(with_enum with_domain with_pair with_range wider);
like($log, qr/copied table "public"\."plain" rows=2003 /, 'rows are rows');
like($log, qr/copied table "public"\."empty" rows=0 /, 'and none where there are none');
$task->sums_equal_ok('as it is on the source', @tables);
my $differs = 'SELECT md5(string_agg(w::text, chr(10) ORDER BY id)) FROM ';
is($target->safe_psql('app', $differs . '(SELECT id, n, o FROM wider) w'),
	$source->safe_psql('app', $differs . '(SELECT id, n, o FROM wider) w'), 'a wider type');
is($target->safe_psql('app', $differs . '(SELECT id, a, b FROM moved) w'),
	$source->safe_psql('app', $differs . '(SELECT id, a, b FROM moved) w'), 'another order of columns');
ok(is_frozen('big'), 'a table that is copied whole is frozen');
ok(is_frozen('large_row'), 'by the size of its TOAST, too');
ok(!is_frozen('referenced'), 'one that foreign keys point to is not');
ok(!is_frozen('with_enum'), 'nor is a small one');
isnt($target->safe_psql('app', q{SELECT count(*) FROM pg_stats WHERE tablename = 'big'}), 0, 'it has statistics');

# Changes go on on top of frozen rows.
$source->safe_psql('app', q{UPDATE big SET t = 'y' WHERE id % 100 = 0; DELETE FROM big WHERE id % 101 = 0});
$task->until_current_ok('changes behind the copy');
$task->sums_equal_ok('equal again', @tables);
$task->run('drop', '--yes');

# Text for all, parts, and no statistics.
$target->safe_psql('app', 'TRUNCATE ' . join(', ', @tables) . ', wider, moved');
$target->safe_psql('app', 'DELETE FROM pg_statistic');
my $text = DbsyncTest->new(
	name => 'text', source => $source, target => $target,
	options => { log_level => 'debug', copy_format => 'text', analyze => 'off', split_bytes => '1MB', jobs => 3 });
$log = log_of($text, 'run', '--copy-only');
unlike($log, qr/format=binary/, 'copy_format = text');
$text->sums_equal_ok('equal', @tables);
my ($parts) = $log =~ /copied table "public"\."big" part \d+ of (\d+)/;
ok($parts && $parts % 3 == 0, 'as many parts as the workers can share');
ok(!is_frozen('big'), 'parts cannot be frozen');
is($target->safe_psql('app', q{SELECT count(*) FROM pg_stats WHERE tablename = 'big'}), 0, 'analyze = off');
$text->run('drop', '--yes');

# A table that somebody reads is copied the plain way: a reader waits for nothing, and the copy not for him.
$target->safe_psql('app', 'TRUNCATE ' . join(', ', @tables) . ', wider, moved');
my $reader = $target->background_psql('app');
$reader->query_safe('BEGIN');
$reader->query_safe('SELECT count(*) FROM big');
my $read = DbsyncTest->new(name => 'read', source => $source, target => $target, options => { log_level => 'debug' });
$log = log_of($read, 'run', '--copy-only');
like($log, qr/table "public"\."big" part 1 format=binary freeze=off/, 'a table in use is not frozen');
$read->sums_equal_ok('but copied', @tables);
$reader->query_safe('COMMIT');
$reader->quit;
$read->run('drop', '--yes');

# Published tables of the target: their subscribers must not be told of a TRUNCATE.
$target->safe_psql('app', 'TRUNCATE ' . join(', ', @tables) . ', wider, moved');
$target->safe_psql('app', 'CREATE PUBLICATION onwards FOR TABLE big');
my $published = DbsyncTest->new(name => 'published', source => $source, target => $target, options => { log_level => 'debug' });
$log = log_of($published, 'run', '--copy-only');
like($log, qr/table "public"\."big" part 1 format=binary freeze=off/, 'a published table is not frozen');
$published->sums_equal_ok('equal', @tables);

done_testing();
