# apply = batch and apply = strict leave the same tables: thousands of random histories over tables of every kind, applied
# by one dbsync of each mode to a target of its own, in groups of many sizes, with kills in between. What is compared is
# every row, with the source's and with each other.
#
# DBSYNC_TEST_SEED repeats a run's histories, DBSYNC_TEST_ROUNDS asks for more of them, DBSYNC_TEST_TABLES (a pattern)
# for some tables only.
use strict;
use warnings;

use Cwd 'abs_path';
use DbsyncTest;
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use utf8;

my $seed   = $ENV{DBSYNC_TEST_SEED}   || time() * 1000 % 1_000_000_000;
my $rounds = $ENV{DBSYNC_TEST_ROUNDS} || 5;
my $only   = $ENV{DBSYNC_TEST_TABLES} || '';
my $transactions = 80;		# in each of a round's histories
my $histories    = 4;		# in a round, each over some of the tables
my $tables_each  = 14;

srand($seed);
note("seed $seed: set DBSYNC_TEST_SEED to repeat");

#
# Servers
#
my $source = new_source('source');
my %target = (batch => new_target('batch'), strict => new_target('strict'));
my $version = $source->pg_version;

sub available
{
	return $source->safe_psql('app', "SELECT count(*) FROM pg_available_extensions WHERE name = '$_[0]'") > 0;
}

sub octets
{
	my ($text) = @_;

	utf8::encode($text);
	return $text;
}

sub sql
{
	my ($node, $text) = @_;
	my $result = $node->safe_psql('app', octets($text));

	utf8::decode($result);
	return $result;
}

sub identifier
{
	my ($name) = @_;

	return $name if $name =~ /^[a-z_][a-z0-9_]*$/ && $name !~ /^(select|table|order|user)$/;
	$name =~ s/"/""/g;
	return qq{"$name"};
}

sub literal
{
	my ($text) = @_;

	return 'NULL' unless defined $text;
	$text =~ s/'/''/g;
	$text =~ s/\\/\\\\/g;
	return "E'$text'";
}

sub array
{
	return 'ARRAY[' . join(', ', map { literal($_) } @_) . ']::text[]';
}

#
# Values: an SQL expression for each type
#
sub pick
{
	my ($type, @values) = @_;

	return 'gen.pick(' . join(', ', map { literal($_) } @values) . ")::$type";
}

my %value = (
	'int'         => 'gen.n(16)',
	'bigint'      => pick('bigint', qw(-9223372036854775808 9223372036854775807 9007199254740993 0 1 2 3 -4 100)),
	'smallint'    => pick('smallint', qw(-32768 32767 0 1 2 -3 4 10 9)),
	'numeric'     => pick('numeric', qw(1 1.0 1.00 0 0.0 -0.50 -0.5 NaN 1e20 100000000000000000000 100000000000000000000.0 12345678901234567890.123 10 100)),
	'numeric(6,2)' => pick('numeric', qw(1 1.0 1.00 0 -0.5 10.25 100)),
	'float8'      => pick('float8', qw(-0 0 NaN Infinity -Infinity 0.1 1e-300 1 1e20)),
	'float4'      => pick('float4', qw(-0 0 NaN Infinity -Infinity 0.1 1.1754944e-38 1)),
	'bool'        => pick('bool', qw(t f)),
	'text'        => 'gen.txt()',
	'varchar(20)' => pick('text', 'a', 'a ', 'A', '', 'b', 'c,"d"', '1'),
	'char(4)'     => pick('text', 'a', 'a   ', 'ab', 'b', '', '  c'),
	'"char"'      => pick('"char"', 'a', 'b', 'c', ''),
	'name'        => pick('name', 'a', 'A', 'b c', ''),
	'bytea'       => pick('bytea', '\x', '\x00', '\x00ff', '\x5c27', '\x61', 'a'),
	'date'        => pick('date', '2024-01-01', '2024-02-29', 'infinity', '-infinity', '0044-03-15 BC', '1999-12-31'),
	'time'        => pick('time', '24:00', '00:00', '12:34:56.789', '12:34:56.7890'),
	'timetz'      => pick('timetz', '12:00+00', '13:00+01', '14:00+02', '00:00-12'),
	'timestamp'   => pick('timestamp', '2024-01-01', '2024-01-01 00:00:00.1', 'infinity', '0044-03-15 12:00 BC', '294276-12-31'),
	'timestamptz' => pick('timestamptz', '2024-01-01 00:00+00', '2024-01-01 01:00+00', 'infinity', '-infinity', '1900-01-01', '2024-06-01 12:00:00.5+02'),
	'interval'    => pick('interval', '1 day', '24 hours', '1 mon', '30 days', '0', '-1 day +24:00:00', '1 year 2 mons -3 days 04:05:06.000007'),
	'uuid'        => q{('00000000-0000-0000-0000-00000000000' || gen.n(8))::uuid},
	'json'        => pick('json', '{"a":  1, "a": 2}', '[]', 'null', '"x"', '{"b": null}'),
	'jsonb'       => pick('jsonb', '{}', '[]', 'null', '1', '1.0', '1.00', '{"n": 1.0000000000000000000001}', '"ä"'),
	'xml'         => pick('xml', '<a b="c">x &amp; y</a>', '<b/>', 'text'),
	'int4range'   => pick('int4range', 'empty', '[1,5)', '(,)', '[5,9]', '(0,4]', '[1,4]'),
	'numrange'    => pick('numrange', '[1.0,2)', '[1.00,2)', '[1,2.0)', 'empty', '(,)', '(3,4]'),
	'inet'        => pick('inet', '192.168.0.1/24', '192.168.0.1', '::1', '10.0.0.0/8'),
	'macaddr'     => pick('macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:04'),
	'money'       => pick('money', '1.50', '0', '-92233720368547758.08', '1234567.89'),
	'oid'         => pick('oid', '0', '1', '4294967295', '10'),
	'pg_lsn'      => pick('pg_lsn', '0/0', '16/B374D848', 'FFFFFFFF/0'),
	'bit(5)'      => pick('bit(5)', '10101', '00000', '11111'),
	'varbit'      => pick('varbit', '', '1', '10', '1010'),
	'point'       => pick('point', '(0.1,-2)', '(0,0)', '(-0,0)'),
	'tsvector'    => pick('tsvector', q{'a':1A,3 'b c':2}, '', q{'it''s'}),
	'app.mood'    => pick('app.mood', '', 'sad', q{it's "ok"}, 'zzz'),
	'app.pair'    => pick('app.pair', '(1,a)', '(1,"b c")', '(,)', '(2,"q""q")', '(,"")'),
	'app.positive' => pick('app.positive', '1', '1.0', '1.00', '2', '0.5', '0.50'),
	'app.email'   => pick('app.email', 'a@b', 'A@b', 'c@d', '@'),
	'app.small'   => pick('app.small', qw(1 2 3 4 5)),
	'int[]'       => pick('int[]', '{}', '{1,NULL,3}', '{1,2}', '[0:1]={1,2}', '{NULL}'),
	'text[]'      => pick('text[]', '{}', '{a,"b,c",NULL}', '{""}', '{"q\"q","b\\\\s"}', '{{a,b},{c,d}}'),
	'numeric[]'   => pick('numeric[]', '{1.0}', '{1.00}', '{1}', '{NaN,1.10}', '{}'),
	'float8[]'    => pick('float8[]', '{0}', '{-0}', '{NaN}'),
	'jsonb[]'     => q{ARRAY[gen.pick('{"a": "b,c"}', 'null', '1.0')::jsonb]},
	'bytea[]'     => q{ARRAY[gen.pick('\x00', '\x')::bytea, NULL]},
	'app.pair[]'  => q{ARRAY[gen.pick('(1,a)', '(,)')::app.pair]},
	'app.mood[]'  => q{ARRAY[gen.pick('sad', '')::app.mood]},
	'long'        => 'gen.long()',
	'region'      => pick('text', 'a', 'b', 'c'));
$value{'int4multirange'} = pick('int4multirange', '{}', '{[1,3),[5,7)}', '{[1,3)}') if $version >= 14;
my %sql_type = (long => 'text', region => 'text');

#
# Tables.  A column: "name type", "!" behind it is NOT NULL, "= expression" its values. 
#
my @tables;
my ($source_sql, $target_sql) = ('', '');

sub table
{
	my ($name, $columns, %arg) = @_;
	my ($schema, $bare) = ref $name ? @$name : ('app', $name);
	my %table = (%arg, schema => $schema, bare => $bare, name => identifier($schema) . '.' . identifier($bare));

	foreach my $column (@$columns)
	{
		my ($column_name, $type, $rest) = ref $column ? @$column : $column =~ /^(\w+) (.+?)(!? = .*|!)?$/;
		$rest //= '';
		my $not_null = $rest =~ s/^!//;
		my ($expr) = $rest =~ /^ = (.*)/;
		my $is_key = grep { $_ eq $column_name } @{ $arg{key} || [] };
		$expr = $value{$type} unless defined $expr;
		die "$name: no values of type $type" unless defined $expr;
		$expr = "CASE WHEN gen.n(6) > 0 THEN $expr END" unless $not_null || $is_key || $type eq 'long';
		push @{ $table{columns} }, { name => $column_name, type => $type, expr => $expr, is_key => $is_key, not_null => $not_null };
	}
	push @tables, \%table;
	return if $arg{source};
	my @parts = map { identifier($_->{name}) . ' ' . ($sql_type{ $_->{type} } || $_->{type}) . ($_->{not_null} ? ' NOT NULL' : '') } @{ $table{columns} };
	push @parts, @{ $arg{more} || [] };
	push @parts, 'PRIMARY KEY (' . join(', ', map { identifier($_) } @{ $arg{key} }) . ')' if $arg{key} && !$arg{no_primary};
	$source_sql .= "CREATE TABLE $table{name} (" . join(', ', @parts) . ')' . ($arg{behind} || '') . ";\n";
	foreach my $column (grep { $_->{type} eq 'long' } @{ $table{columns} })
	{
		$source_sql .= "ALTER TABLE $table{name} ALTER " . identifier($column->{name}) . " SET STORAGE EXTERNAL;\n";
	}
	$source_sql .= "$_;\n" for @{ $arg{after} || [] };
	$target_sql .= "$_;\n" for @{ $arg{target} || [] };
}

# Keys of one column, of every kind.
my %key_of = (
	int => 'int', smallint => 'smallint', bigint => 'bigint', numeric => 'numeric', numeric_scale => 'numeric(6,2)', text => 'text', varchar => 'varchar(20)',
	char4 => 'char(4)', onechar => '"char"', name => 'name', bytea => 'bytea', bool => 'bool', date => 'date', time => 'time', timetz => 'timetz', timestamp => 'timestamp',
	timestamptz => 'timestamptz', interval => 'interval', uuid => 'uuid', enum => 'app.mood', domain_numeric => 'app.positive', domain_text => 'app.email',
	domain_int => 'app.small', array => 'int[]', array_numeric => 'numeric[]', array_text => 'text[]', range => 'int4range', range_numeric => 'numrange', jsonb => 'jsonb',
	inet => 'inet', macaddr => 'macaddr', float8 => 'float8', float4 => 'float4', money => 'money', oid => 'oid', pg_lsn => 'pg_lsn', bits => 'bit(5)', pair => 'app.pair', tsvector => 'tsvector');
table("key_$_", [ "k $key_of{$_}", 'n int', 't text', 'body long' ], key => ['k'], moves => [ [ 'k', $value{ $key_of{$_} } ] ]) for sort keys %key_of;

table('key_collated', [ [ 'k', 'text', q{! = gen.pick('a', 'A', 'b', 'B', 'ä', 'Ä')} ], 'n int' ],
	key => ['k'], after => [ 'ALTER TABLE app.key_collated ALTER k TYPE text COLLATE app.nocase' ]);
table('key_two', [ 'a int! = gen.n(4)', 'n int', 'b text! = gen.pick(\'x\', \'y\', \'\')', 'body long' ], key => [ 'b', 'a' ], moves => [ [ 'a, b', "-1, 't'" ], [ 'a', '-1' ] ]);
table('key_three', [ 'c date!', 'a numeric!', 'v text', 'b app.mood!' ], key => [ 'a', 'b', 'c' ], moves => [ [ 'a, b, c', "77, 'sad', '2000-01-01'" ] ]);
table('key_only', ['k int'], key => ['k'], moves => [ [ 'k', '-1' ] ]);
table('key_only_two', [ 'a int! = gen.n(4)', 'b varchar(20)!' ], key => [ 'a', 'b' ]);
table('key_include', [ 'k int', 'v int', 'w text' ], key => ['k'], no_primary => 1, more => ['PRIMARY KEY (k) INCLUDE (v)']);

# Other unique keys.
table('unique_plain', [ 'k int', 'u int = gen.n(10)', 'v text', 'w int = gen.n(4)' ], key => ['k'], more => [ 'UNIQUE (u)', 'UNIQUE (w, v)' ],
	moves => [ [ 'u', 'NULL' ], [ 'u', '-1' ], [ 'k', '-1' ], [ 'v, w', 'NULL, 0' ], [ 'u, v, w', "-2, 't', 9" ] ]);
table('unique_partial', [ 'k int', 'u int = gen.n(6)', 'active bool!', 'v text' ], key => ['k'], after => ['CREATE UNIQUE INDEX ON app.unique_partial (u) WHERE active'],
	moves => [ [ 'u', 'NULL' ], [ 'active', 'false' ], [ 'u, active', 'NULL, true' ] ]);
table('unique_expression', [ 'k int', 'u text', 'v int' ], key => ['k'], after => ['CREATE UNIQUE INDEX ON app.unique_expression (lower(u), (coalesce(v, -1)))'],
	moves => [ [ 'u', "'temp'" ], [ 'u, v', "'temp', NULL" ] ]);
table('unique_not_distinct', [ 'k int', 'u int = gen.n(6)', 'v text' ], key => ['k'], more => ['UNIQUE NULLS NOT DISTINCT (u)'], moves => [ [ 'u', '-1' ], [ 'u', 'NULL' ] ]) if $version >= 15;
table('unique_deferred', [ 'k int', 'u int = gen.n(8)', 'v text' ], key => ['k'], more => ['UNIQUE (u) DEFERRABLE INITIALLY DEFERRED'], ignores_conflicts => 0,
	moves => [ [ 'u', '-1' ], [ 'u', 'NULL' ], [ 'k', '-1' ] ]);
table('unique_deferrable', [ 'k int', 'u int = gen.n(8)', 'v text' ], key => ['k'], more => ['UNIQUE (u) DEFERRABLE'], ignores_conflicts => 0, moves => [ [ 'u', '-1' ], [ 'u', 'NULL' ] ]);
table('deferrable_key_full', [ 'k int', 'v text', 'body long' ], key => ['k'], no_primary => 1, more => ['PRIMARY KEY (k) DEFERRABLE'], ignores_conflicts => 0, conflict => undef,
	after => ['ALTER TABLE app.deferrable_key_full REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ]);
table('deferrable_key_index', [ 'k int', 'u int! = gen.n(12)', 'v text' ], key => [ 'k', 'u' ], no_primary => 1, more => [ 'PRIMARY KEY (k) DEFERRABLE INITIALLY DEFERRED', 'CONSTRAINT named UNIQUE (u)' ],
	ignores_conflicts => 0, conflict => undef, after => ['ALTER TABLE app.deferrable_key_index REPLICA IDENTITY USING INDEX named'], moves => [ [ 'k', '-1' ], [ 'u', '-1' ] ]);
table('exclusion', [ 'k int', 'r int4range = int4range(gen.n(12), 12 + gen.n(3))', 'v text' ], key => ['k'], more => ['EXCLUDE USING gist (r WITH &&)'],
	moves => [ [ 'r', "'empty'" ], [ 'r', 'NULL' ] ]);
table('exclusion_full', [ 'r int4range = int4range(gen.n(30), 30 + gen.n(3))', 'v text' ], more => ['EXCLUDE USING gist (r WITH &&)'], after => ['ALTER TABLE app.exclusion_full REPLICA IDENTITY FULL'],
	moves => [ [ 'r', "'empty'" ] ]);
table('exclusion_deferred', [ 'k int', 'r int4range = (SELECT int4range(x, x + 2) FROM gen.n(20) x)', 'v text' ], key => ['k'], ignores_conflicts => 0, conflict => undef,
	more => ['EXCLUDE USING gist (r WITH &&) DEFERRABLE INITIALLY DEFERRED'], moves => [ [ 'r', "'empty'" ] ]);
table('exclusion_room', [ 'k int', 'room int! = gen.n(3)', 'r int4range = (SELECT int4range(x, x + 2) FROM gen.n(8) x)' ], key => ['k'], more => ['EXCLUDE USING gist (room WITH =, r WITH &&)'],
	moves => [ [ 'r', "'empty'" ], [ 'room', '-1' ], [ 'room, r', "-1, 'empty'" ] ]) if available('btree_gist');

# Values out of line.
table('toast', [ 'k int', 'body long', 'n int', 'other long', 'u int = gen.n(9)' ], key => ['k'], moves => [ [ 'k', '-1' ], [ 'body', "'temp'" ] ]);
table('toast_unique', [ 'k int', 'body long', 'n int', 'u int = gen.n(9)' ], key => ['k'], more => ['UNIQUE (u)'], moves => [ [ 'k', '-1' ], [ 'u', 'NULL' ], [ 'k, u', '-1, -1' ] ]);
table('toast_full', [ 'k int', 'body long', 'n int' ], key => ['k'], after => ['ALTER TABLE app.toast_full REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ]);
table('toast_full_nokey', [ 'a int = gen.n(4)', 'body long', 'n int' ], after => ['ALTER TABLE app.toast_full_nokey REPLICA IDENTITY FULL']);
table('toast_text_key', [ 'k text!', 'body long', 'n int', 'list text[]' ], key => ['k'], moves => [ [ 'k', "'temp'" ] ]);

# Identities.
table('full_nokey', [ 'a int = gen.n(3)', 'b text', 'j json', 'f float8', 'x xml', 'p point' ], after => ['ALTER TABLE app.full_nokey REPLICA IDENTITY FULL'], truncates_less => 1);
table('full_narrow', [ 'a int = gen.n(2)', 'b numeric' ], after => ['ALTER TABLE app.full_narrow REPLICA IDENTITY FULL']);
table('full_key', [ 'k int', 'v text', 'j json' ], key => ['k'], after => ['ALTER TABLE app.full_key REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ]);
table('full_numeric_key', [ 'k numeric', 'v text' ], key => ['k'], after => ['ALTER TABLE app.full_numeric_key REPLICA IDENTITY FULL'], moves => [ [ 'k', '77' ] ]);
table('full_nullable_key', [ 'k int', 'v text' ], more => ['UNIQUE (k)'], after => ['ALTER TABLE app.full_nullable_key REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ], [ 'k', 'NULL' ] ]);
table('full_target_key', [ 'k int!', 'v text' ], more => ['UNIQUE (k)'], after => ['ALTER TABLE app.full_target_key REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.full_target_key', 'CREATE TABLE app.full_target_key (v text, k bigint PRIMARY KEY)' ]);
table('full_no_target_key', [ 'k int', 'v text', 'w numeric' ], key => ['k'], after => ['ALTER TABLE app.full_no_target_key REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.full_no_target_key', 'CREATE TABLE app.full_no_target_key (k int, v text, w numeric)' ]);
table('nothing', [ 'a int', 'b text', 'c int[]' ], only_inserts => 1, bulk => 1);
table('nothing_key', [ 'k int = gen.n(100000)', 'b text' ], key => ['k'], only_inserts => 1, after => ['ALTER TABLE app.nothing_key REPLICA IDENTITY NOTHING']);
table('nothing_default', [ 'a int', 'b text' ], only_inserts => 1);
table('index_identity', [ 'k int', 'code text!', 'v int', 'body long' ], key => ['k'], key_also => ['code'], more => ['CONSTRAINT by_code UNIQUE (code)'],
	after => ['ALTER TABLE app.index_identity REPLICA IDENTITY USING INDEX by_code'], moves => [ [ 'k', '-1' ], [ 'code', "'temp'" ], [ 'k, code', "-1, 'temp'" ] ]);
table('index_identity_two', [ 'a int! = gen.n(4)', 'b app.mood!', 'v text' ], key_also => [ 'a', 'b' ], conflict => 'a, b', after => [ 'CREATE UNIQUE INDEX by_both ON app.index_identity_two (b, a)', 'ALTER TABLE app.index_identity_two REPLICA IDENTITY USING INDEX by_both' ],
	moves => [ [ 'a', '-1' ], [ 'a, b', "-1, 'sad'" ] ]);
table('no_target_key', [ 'k int', 'v text' ], key => ['k'], moves => [ [ 'k', '-1' ] ], target => [ 'ALTER TABLE app.no_target_key DROP CONSTRAINT no_target_key_pkey', 'CREATE INDEX ON app.no_target_key (v)' ]);
table('no_columns', [], only_inserts => 1);

# Partitions.
my @parted = ([ 'id', 'int' ], [ 'region', 'region', '!' ], [ 'v', 'int' ], [ 'body', 'long' ]);
my $parted_source = sub {
	my ($name) = @_;
	return "CREATE TABLE app.$name (id int, region text, v int, body text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);"
	  . "CREATE TABLE app.${name}_a PARTITION OF app.$name FOR VALUES IN ('a'); CREATE TABLE app.${name}_b (v int, gone int, region text NOT NULL, id int NOT NULL, body text);"
	  . "ALTER TABLE app.${name}_b DROP gone; ALTER TABLE app.$name ATTACH PARTITION app.${name}_b FOR VALUES IN ('b'); CREATE TABLE app.${name}_rest PARTITION OF app.$name DEFAULT;";
};
foreach my $name (qw(parted parted_flat parted_hash))
{
	table($name, \@parted, key => [ 'id', 'region' ], source => 1, moves => [ [ 'region', "'t'" ], [ 'id', '-1' ], [ 'id, region', "-1, 't'" ] ]);
	$source_sql .= $parted_source->($name);
}
$target_sql .= q{
	DROP TABLE app.parted_flat; CREATE TABLE app.parted_flat (body text, id int, region text, v int, PRIMARY KEY (id, region));
	DROP TABLE app.parted_hash; CREATE TABLE app.parted_hash (id bigint, region text, v int, body text, PRIMARY KEY (id, region)) PARTITION BY HASH (id);
	CREATE TABLE app.parted_hash_0 PARTITION OF app.parted_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE app.parted_hash_1 PARTITION OF app.parted_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
};
table('flat_parted', [ 'id int', 'region region!', 'v int', 'body long' ], key => [ 'id', 'region' ], moves => [ [ 'region', "'t'" ], [ 'id', '-1' ] ],
	target => [ 'DROP TABLE app.flat_parted', $parted_source->('flat_parted') =~ s/;$//r ]);
table('flat_parted_loose', [ 'id int', 'region region!', 'v int' ], key => ['id'], moves => [ [ 'region', "'t'" ], [ 'id', '-1' ] ],
	target => [ 'DROP TABLE app.flat_parted_loose', $parted_source->('flat_parted_loose') =~ s/;$//r ]);
table('parted_full', [ [ 'id', 'int', ' = gen.n(4)' ], [ 'region', 'region' ], [ 'v', 'numeric' ] ], source => 1);
$source_sql .= q{
	CREATE TABLE app.parted_full (id int, region text, v numeric) PARTITION BY LIST (region);
	CREATE TABLE app.parted_full_a PARTITION OF app.parted_full FOR VALUES IN ('a'); CREATE TABLE app.parted_full_rest PARTITION OF app.parted_full DEFAULT;
	ALTER TABLE app.parted_full REPLICA IDENTITY FULL; ALTER TABLE app.parted_full_a REPLICA IDENTITY FULL; ALTER TABLE app.parted_full_rest REPLICA IDENTITY FULL;
};
table('parted_deep', [ [ 'id', 'int' ], [ 'region', 'region', '!' ], [ 'v', 'int' ] ], key => [ 'id', 'region' ], source => 1, moves => [ [ 'region', "'t'" ], [ 'id', '-1' ] ]);
$source_sql .= q{
	CREATE TABLE app.parted_deep (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY RANGE (id);
	CREATE TABLE app.parted_deep_low PARTITION OF app.parted_deep FOR VALUES FROM (MINVALUE) TO (8) PARTITION BY LIST (region);
	CREATE TABLE app.parted_deep_low_a PARTITION OF app.parted_deep_low FOR VALUES IN ('a'); CREATE TABLE app.parted_deep_low_rest PARTITION OF app.parted_deep_low DEFAULT;
	CREATE TABLE app.parted_deep_high PARTITION OF app.parted_deep DEFAULT;
};
table('family', [ 'k int', 'v text' ], key => ['k'], ignores_conflicts => 0, conflict => undef);
table('family_child', [ [ 'k', 'int' ], [ 'v', 'text' ], [ 'own', 'int' ] ], key => ['k'], source => 1, conflict => undef);
$source_sql .= "CREATE TABLE app.family_child (own int, PRIMARY KEY (k)) INHERITS (app.family);\n";

# Generated and identity columns, foreign keys.
table('generated', [ 'k int', 'a int', 'z text' ], key => ['k'], more => [ 'twice int GENERATED ALWAYS AS (a * 2) STORED', 'upper_z text GENERATED ALWAYS AS (upper(z)) STORED', 'UNIQUE (twice)' ], moves => [ [ 'a', 'NULL' ], [ 'k', '-1' ] ]);
table('generated_first', [ 'k int', 'a int' ], key => ['k'], after => ['ALTER TABLE app.generated_first ADD g int GENERATED ALWAYS AS (a + 1) STORED, ADD z text'],
	target => [ 'DROP TABLE app.generated_first', 'CREATE TABLE app.generated_first (g int GENERATED ALWAYS AS (a + 1) STORED, z text, a int, k int PRIMARY KEY)' ]);
table('always', [ 'k int', 'v text' ], key => ['k'], fixed => ['k'], overriding => 'OVERRIDING SYSTEM VALUE', after => ['ALTER TABLE app.always ALTER k ADD GENERATED ALWAYS AS IDENTITY']);
table('always_beside', [ 'k int', 'n int!', 'v text' ], key => ['k'], fixed => ['n'], overriding => 'OVERRIDING SYSTEM VALUE',
	after => ['ALTER TABLE app.always_beside ALTER n ADD GENERATED ALWAYS AS IDENTITY'], moves => [ [ 'k', '-1' ] ]);
table('by_default', [ 'k int', 'v text' ], key => ['k'], after => ['ALTER TABLE app.by_default ALTER k ADD GENERATED BY DEFAULT AS IDENTITY'], moves => [ [ 'k', '-1' ] ]);
table('parent', [ 'k int', 'v text' ], key => ['k'], moves => [ [ 'k', '-1' ] ]);
table('child', [ 'k int', 'p int', 'q int', 'v text' ], key => ['k'], more => [ 'FOREIGN KEY (p) REFERENCES app.parent ON DELETE CASCADE ON UPDATE CASCADE', 'FOREIGN KEY (q) REFERENCES app.parent ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE' ],
	moves => [ [ 'k', '-1' ] ]);

# The target's table differs.
table('wider', [ 'k int', 'a smallint', 'v varchar(20)', 'f float4', 'm app.mood' ], key => ['k'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.wider', 'CREATE TABLE app.wider (m text, v text, k bigint PRIMARY KEY, a numeric, f text)' ]);
table('wider_types', [ 'k int', 'f float4', 'i int', 'b bool', 'n numeric', 'ts timestamp', 'u uuid', 'c char(4)', 'j json', 'a int[]', 'm app.positive' ], key => ['k'],
	target => [ 'DROP TABLE app.wider_types', 'CREATE TABLE app.wider_types (c text, m numeric, a text, k numeric PRIMARY KEY, n text, f text, i float8, b text, j text, ts text, u text)' ]);
table('wider_dates', [ 'k int', 'd date', 'f float4', 'n numeric', 't timestamp', 's text' ], key => ['k'], looks_different => 1,
	target => [ 'DROP TABLE app.wider_dates', 'CREATE TABLE app.wider_dates (d timestamp, f float8, n numeric(40,2), t timestamptz, s char(40), k bigint PRIMARY KEY)' ]);
table('numeric_of_int', [ 'k int', 'v text' ], key => ['k'], moves => [ [ 'k', '-1' ] ], target => [ 'ALTER TABLE app.numeric_of_int ALTER k TYPE numeric' ]);
table('key_bpchar', [ [ 'k', 'bpchar', q{! = gen.pick('a', 'a ', 'a  ', 'b', '')::bpchar} ], 'v text' ], key => ['k'], moves => [ [ 'k', "'temp'" ] ]);
table('toast_long_key', [ [ 'k', 'long', q{! = repeat(md5(gen.n(8)::text), 68)} ], [ 'body', 'long' ], [ 'n', 'int' ] ], key => ['k'], moves => [ [ 'k', "'temp'" ] ]);
table('toast_long_key_two', [ [ 'a', 'int', '! = gen.n(3)' ], [ 'k', 'long', q{! = repeat(md5(gen.n(4)::text), 66)} ], [ 'n', 'int' ], [ 'u', 'int', ' = gen.n(9)' ] ], key => [ 'a', 'k' ], more => ['UNIQUE (u)'], moves => [ [ 'a, k', "-1, 'temp'" ], [ 'u', 'NULL' ] ]);
table('wider_key', [ 'a int! = gen.n(4)', 'b varchar(20)!', 'v text' ], key => [ 'a', 'b' ], moves => [ [ 'a', '-1' ] ],
	target => [ 'DROP TABLE app.wider_key', 'CREATE TABLE app.wider_key (v text, b text, a numeric, PRIMARY KEY (b, a))' ]);
table('extra', [ 'k int', 'a int', 'body long' ], key => ['k'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.extra', q{CREATE TABLE app.extra (note text DEFAULT 'fresh', a int, k int PRIMARY KEY, more int NOT NULL DEFAULT 5, body text)} ]);
table('extra_full', [ 'k int', 'a int', 'body long' ], key => ['k'], after => ['ALTER TABLE app.extra_full REPLICA IDENTITY FULL'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.extra_full', q{CREATE TABLE app.extra_full (note text DEFAULT 'fresh', a int, k int PRIMARY KEY, body text)} ]);
table('extra_loose', [ 'k numeric', 'a int' ], key => ['k'], moves => [ [ 'k', '77' ] ], target => [ q{ALTER TABLE app.extra_loose ADD note text DEFAULT 'fresh'} ]);
my @extras = qw(app.extra app.extra_full app.extra_loose);
table('evolving', [ 'k int', 'a int', 'b text' ], key => ['k'], moves => [ [ 'k', '-1' ] ],
	target => [ 'DROP TABLE app.evolving', 'CREATE TABLE app.evolving (k int PRIMARY KEY, a bigint, b text, c int DEFAULT 7, d text, "e E" int[])' ]);

# Long runs, wide rows, every type, odd names.
table('bulk', [ 'k int = gen.n(4000)', 'a int', 'b text', 'c timestamptz', 'd numeric' ], key => ['k'], bulk => 1, moves => [ [ 'k', '-1' ] ]);
table('bulk_arrays', [ 'k int = gen.n(4000)', 'a int[]', 'b app.pair', 'c text[]' ], key => ['k'], bulk => 1);
table('bulk_text', [ [ 'k', 'text', q{! = md5(gen.n(3000)::text)} ], 'a text', 'b jsonb', 'c bytea' ], key => ['k'], bulk => 1);
table('bulk_full', [ 'a int', 'b text' ], bulk => 1, after => ['ALTER TABLE app.bulk_full REPLICA IDENTITY FULL', 'CREATE INDEX ON app.bulk_full (a)']);
table('wide', [ 'k int', map { "c$_ " . ('int', 'text', 'numeric', 'bool', 'date')[ $_ % 5 ] } 1 .. 60 ], key => ['k']);
table('types', [ 'k int', map { [ sprintf('c%02d', $_), (sort keys %value)[$_] ] } 0 .. keys(%value) - 1 ], key => ['k'], moves => [ [ 'k', '-1' ] ]);
table('types_full', [ map { [ sprintf('c%02d', $_), (sort keys %value)[$_] ] } 0 .. keys(%value) - 1 ], after => ['ALTER TABLE app.types_full REPLICA IDENTITY FULL']);
my @names = (q{Odd Schema "x"}, q{it's; a \\table}, q{select}, "new\nline", q{ünïcödé_漢字_🐘}, q{$1}, q{%s%n}, 'x' x 63, q{UPPER}, ' lead and trail ', q{a,b}, q{dot.dot});
foreach my $i (0 .. 3)
{
	my ($schema, $name, $key, $column, $unique) = map { $names[ ($_ + 3 * $i) % @names ] } 0 .. 4;

	$source_sql .= 'CREATE SCHEMA ' . identifier($schema) . ";\n";
	table([ $schema, $name ], [ [ $key, 'int' ], [ $column, 'text' ], [ $unique, 'int', ' = gen.n(12)' ] ], key => [$key], more => [ 'UNIQUE (' . identifier($unique) . ')' ],
		moves => [ [ identifier($key), '-1' ], [ identifier($unique), 'NULL' ] ]);
}
if (available('hstore'))
{
	$value{'app.hstore'} = pick('app.hstore', 'a=>1', 'a=>NULL', '', '"b c"=>"q\"q"');
	table('with_hstore', [ 'k int', 'h app.hstore', 'v text' ], key => ['k']);
	table('with_hstore_full', [ 'h app.hstore', 'v int' ], after => ['ALTER TABLE app.with_hstore_full REPLICA IDENTITY FULL']);
}
if (available('citext'))
{
	$value{'app.citext'} = pick('app.citext', 'a', 'A', 'b', 'B', '');
	table('with_citext', [ 'k app.citext', 'v int' ], key => ['k'], moves => [ [ 'k', "'temp'" ] ]);
}

# What a random history has to know of a table.
sub describe
{
	my ($table) = @_;
	my @columns = @{ $table->{columns} };
	my %fixed = map { $_ => 1 } @{ $table->{fixed} || [] };
	my %key = map { $_ => 1 } @{ $table->{key} || [] }, @{ $table->{key_also} || [] };
	my @key = map { identifier($_) } @{ $table->{key} || [] };
	my $set = sub { identifier($_->{name}) . " = $_->{expr}" };
	my $conflict = exists $table->{conflict} ? $table->{conflict} : @key ? join(', ', @key) : undef;

	sql($source, 'INSERT INTO gen.tab VALUES (' . join(', ',
		literal($table->{name}),
		literal(join(', ', map { identifier($_->{name}) } @columns)),
		literal(join(', ', map { $_->{expr} } @columns)),
		array(map { $set->() } grep { !$key{ $_->{name} } && !$fixed{ $_->{name} } } @columns),
		array(map { $set->() } grep { $key{ $_->{name} } && !$fixed{ $_->{name} } } @columns),
		literal($conflict),
		literal($table->{overriding} || ''),
		array(map { $_->[0] } @{ $table->{moves} || [] }),
		array(map { $_->[1] } @{ $table->{moves} || [] }),
		map { $_ ? 'true' : 'false' } $table->{only_inserts}, ($table->{ignores_conflicts} // 1), $table->{bulk}, ($table->{truncates} // 1)) . ')
		ON CONFLICT (name) DO UPDATE SET columns = EXCLUDED.columns, exprs = EXCLUDED.exprs, sets = EXCLUDED.sets, key_sets = EXCLUDED.key_sets');
}

@tables = grep { $_->{name} =~ /$only/ } @tables if $only ne '';
die "no tables match $only" unless @tables;

sql($source, q{
	CREATE SCHEMA app;
	CREATE TYPE app.mood AS ENUM ('', 'sad', 'it''s "ok"', 'zzz');
	CREATE DOMAIN app.positive AS numeric CHECK (VALUE > 0);
	CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@');
	CREATE DOMAIN app.small AS int CHECK (VALUE BETWEEN -100 AND 100);
	CREATE TYPE app.pair AS (a int, b text);
	CREATE COLLATION app.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
} . join('', map { "CREATE EXTENSION $_ SCHEMA app;\n" } grep { available($_) } qw(hstore citext btree_gist)) . $source_sql);
foreach my $node (values %target)
{
	same_schema($source, $node);
	sql($node, $target_sql);
}
sql($source, slurp(dirname(abs_path(__FILE__)) . '/../sql/random_history.sql'));
describe($_) for @tables;

#
# Rounds
#
my %task = map { $_ => DbsyncTest->new(name => $_, source => $source, target => $target{$_}, options => { exclude_tables => 'gen.*' }) } qw(batch strict);

my $lossless = q{SET search_path = pg_catalog; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3;
	SET bytea_output = 'hex'; SET timezone = 'UTC'; SET lc_monetary = 'C';
};

sub one_of
{
	return $_[ int rand @_ ];
}

sub configure
{
	my ($mode, %options) = @_;
	my $task = $task{$mode};

	$task->{options} = { exclude_tables => 'gen.*', apply => $mode, retry_max => '1s', %options };
	$task->write_config;
}

# The source's columns of each table, in its order: what both sides have.
my %columns;

sub look_at_columns
{
	my $list = sql($source, join("\n", map {
		"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = " . literal($_->{name}) . "::regclass AND attnum > 0 AND NOT attisdropped;"
	} grep { @{ $_->{columns} } } @tables));
	my @list = split /^/, $list;

	%columns = ();
	# A name may hold a line feed; then its table's list goes over two lines.
	foreach my $table (grep { @{ $_->{columns} } } @tables)
	{
		$columns{ $table->{name} } = shift @list;
		while ((() = $columns{ $table->{name} } =~ /"/g) % 2)
		{
			$columns{ $table->{name} } .= shift @list;
		}
		chomp $columns{ $table->{name} };
	}
}

sub rows_query
{
	my ($table, $whole) = @_;
	my $name = $table->{name};
	my $columns = $columns{$name};

	return "SELECT 'row' AS x FROM $name t" unless defined $columns;
	return $whole ? "SELECT t.*::text AS x FROM ONLY_ t" =~ s/ONLY_/$name/r : "SELECT ROW($columns)::text AS x FROM $name t";
}

sub sums
{
	my ($node, $whole) = @_;
	my $text = sql($node, $lossless . join("\n", map {
		"SELECT count(*) || ' ' || md5(coalesce(string_agg(x, E'\\n' ORDER BY x COLLATE \"C\"), '')) FROM (" . rows_query($_, $whole) . ') r;' } @tables));

	return split /\n/, $text;
}

sub rows
{
	my ($node, $table, $whole) = @_;

	return split /\n/, sql($node, $lossless . "SELECT encode(convert_to(x, 'UTF8'), 'escape') FROM (" . rows_query($table, $whole) . ') r ORDER BY x COLLATE "C"');
}

# Rows that only one of the two has.
sub difference
{
	my ($left_name, $left, $right_name, $right) = @_;
	my %count;
	my @lines;

	$count{$_}++ for @$left;
	$count{$_}-- for @$right;
	foreach my $row (sort keys %count)
	{
		next unless $count{$row};
		my $shown = length $row > 600 ? substr($row, 0, 300) . ' ... ' . substr($row, -200) . ' (' . length($row) . ' bytes)' : $row;
		push @lines, sprintf '  %s has %d more of: %s', $count{$row} > 0 ? ($left_name, $count{$row}) : ($right_name, -$count{$row}), $shown;
	}
	return (@lines > 12 ? (@lines[ 0 .. 11 ], sprintf('  ... %d more', @lines - 12)) : @lines);
}

my $failures = 0;

# What happened to the table in this round, as records, into a file beside the logs.
sub keep_history
{
	my ($table, $round) = @_;
	my $file = "$PostgreSQL::Test::Utils::log_path/history_${round}_$table->{bare}.json" =~ s/[^\w\/.-]/_/gr;
	my $list = literal(join '.', map { '"' . s/"/""/gr . '"' } $table->{schema}, $table->{bare});

	open my $out, '>', $file or die "$file: $!";
	print $out octets(sql($source, "SELECT data FROM pg_logical_slot_peek_changes('history', NULL, NULL, 'format', 'verbose', 'include_tables', $list)"));
	close $out;
	return $file;
}

sub compare
{
	my ($round, $about) = @_;
	my @problems;

	look_at_columns();
	my @from   = sums($source, 0);
	my %to     = map { $_ => [ sums($target{$_}, 0) ] } keys %target;
	my %whole  = map { $_ => [ sums($target{$_}, 1) ] } keys %target;
	foreach my $i (0 .. $#tables)
	{
		my $table = $tables[$i];
		my @wrong = grep { $from[$i] ne $to{$_}[$i] && !$table->{looks_different} } sort keys %target;
		next unless @wrong || $whole{batch}[$i] ne $whole{strict}[$i];

		push @problems, "$table->{name}: source $from[$i], batch $to{batch}[$i], strict $to{strict}[$i]";
		foreach my $mode (@wrong)
		{
			push @problems, difference('source', [ rows($source, $table) ], $mode, [ rows($target{$mode}, $table) ]);
		}
		push @problems, difference('batch', [ rows($target{batch}, $table, 1) ], 'strict', [ rows($target{strict}, $table, 1) ]) unless @wrong;
		push @problems, '  history: ' . keep_history($table, $round) if @problems < 100;
	}
	foreach my $mode (sort keys %target)
	{
		my $conflicts = sql($target{$mode}, q{SELECT operation, schema_name, table_name, key, reason FROM dbsync.conflicts LIMIT 5});
		push @problems, "conflicts of $mode: $conflicts" if $conflicts ne '';
	}
	$failures++ if @problems;
	my $ok = ok(!@problems, "round $round: the same rows everywhere ($about)");
	diag(octets(join "\n", "seed $seed, round $round, $about", @problems)) unless $ok;
	return $ok;
}

sub history
{
	my ($round, $n) = @_;
	my %chosen = map { $_->{name} => 1 } map { one_of(@tables) } 1 .. $tables_each;
	# Every table has its turn.
	my $turn = (($round - 1) * $histories + $n) * 6;
	$chosen{ $tables[ ($turn + $_) % @tables ]{name} } = 1 for 0 .. 5;
	my $random = rand(2) - 1;

	sql($source, "CALL gen.history($random, $transactions, " . array(sort keys %chosen) . ')');
}

# The source's tables change while their changes wait; the target has had the columns all the time.
my ($evolving) = grep { $_->{bare} eq 'evolving' } @tables;
my @evolution = (
	sub { push @{ $evolving->{columns} }, { name => 'c', type => 'int', expr => 'gen.n(9)' }; 'ADD c int DEFAULT 7' },
	sub { push @{ $evolving->{columns} }, { name => 'd', type => 'text', expr => 'gen.long()' }; 'ADD d text' },
	sub { @{ $evolving->{columns} } = grep { $_->{name} ne 'b' } @{ $evolving->{columns} }; 'DROP b' },
	sub { 'ALTER a TYPE bigint' },
	sub { push @{ $evolving->{columns} }, { name => 'e E', type => 'int[]', expr => $value{'int[]'} }; 'ADD "e E" int[]' },
	sub { @{ $evolving->{columns} } = grep { $_->{name} ne 'c' } @{ $evolving->{columns} }; 'DROP c, ALTER d SET STORAGE EXTERNAL' });

sub evolve
{
	return unless $evolving && @evolution;
	my $change = shift(@evolution)->();

	# Within one transaction, with changes before and behind.
	sql($source, "BEGIN; UPDATE app.evolving SET a = a + 1; DELETE FROM app.evolving WHERE k = -1000; INSERT INTO app.evolving (k, a) VALUES (1000, 1) ON CONFLICT DO NOTHING;
		ALTER TABLE app.evolving $change; UPDATE app.evolving SET a = a + 10 WHERE k % 2 = 0;
		UPDATE app.evolving SET k = -k WHERE k = 1000; DELETE FROM app.evolving WHERE k = 3; INSERT INTO app.evolving (k, a) VALUES (3, 33); COMMIT;");
	describe($evolving);
}

sub drain_ok
{
	my ($mode, $about) = @_;

	my $task = $task{$mode};
	my $code = $task->wait_end(2 * seconds_limit());
	is($code, 0, "$mode: up to date ($about)") or diag("seed $seed\n", join("\n", grep { defined } (split /\n/, $task->log_text)[ -25 .. -1 ]));
	$failures++ if $code;
}

# Some rows are there before the full sync.
configure($_) for keys %task;
history(0, $_) for 0 .. 1;
sql($source, "SELECT pg_create_logical_replication_slot('history', 'alidecode')");
$_->start('run', '--until', 'current') for values %task;
drain_ok($_, 'full sync') for sort keys %task;
compare(0, 'full sync');

my $kills = 0;
foreach my $round (1 .. $rounds)
{
	last if $failures;
	my %options = (
		group_changes  => one_of(1, 7, 100, 5000, 5000),
		group_bytes    => one_of('1kB', '20kB', '8MB', '8MB'),
		pipeline_bytes => one_of('8kB', '256kB'),
		batch_bytes    => one_of(0, '1kB', '64kB'),
		queue_bytes    => one_of('64kB', '32MB'));
	my $way = (qw(backlog kills live))[ $round % 3 ];
	my $about = join ' ', $way, map { "$_=$options{$_}" } sort keys %options;
	my $started = time();

	configure($_, %options, log_level => $way eq 'kills' ? 'debug' : 'info') for keys %task;
	sql($target{$_}, join ' ', map { "UPDATE $_ SET note = 'touched' WHERE a % 2 = 0;" } @extras) for keys %target;
	sql($source, "SELECT pg_replication_slot_advance('history', pg_current_wal_lsn())");
	if ($way eq 'live')
	{
		$_->start('run') for values %task;
	}
	foreach my $n (0 .. $histories - 1)
	{
		history($round, $n);
		evolve() if $n == 1;
	}
	my $written = time();
	if ($way eq 'live')
	{
		is($task{$_}->stop, 0, "round $round: $_ stopped") for sort keys %task;
	}
	$task{strict}->start('run', '--until', 'current');
	foreach my $n (1 .. ($way eq 'kills' ? 3 : 0))
	{
		$task{batch}->start('run');
		my $limit = time() + seconds_limit();
		# Once it applies, at any moment; or where there is nothing left to apply.
		while (!defined $task{batch}->ended && time() < $limit && $task{batch}->log_text !~ /committed transactions|caught up/)
		{
			sleep 0.01;
		}
		sleep rand(0.15);
		$kills++;
		$task{batch}->kill9;
	}
	$task{batch}->start('run', '--until', 'current');
	drain_ok('strict', "round $round");
	drain_ok('batch', "round $round, $about");
	note(sprintf 'round %d: written in %.1f s, drained in %.1f s', $round, $written - $started, time() - $written);
	compare($round, $about);
}

# The histories were histories: most kinds of step have worked, on most tables.
my @idle = split /\n/, sql($source, q{SELECT name FROM gen.tab t WHERE NOT EXISTS (SELECT FROM gen.outcome o WHERE o.name = t.name AND state = '00000' AND step <> 'many')});
cmp_ok(scalar @idle, '<=', $rounds < 5 ? @tables : 3, 'all tables had changes') or diag(join ', ', @idle);
note("strict replays of batch:\n", octets(sql($target{batch}, q{SELECT count || ' ' || reason FROM dbsync.strict_replays ORDER BY count DESC})));
ok(slurp($task{batch}{log}) =~ /way=batch/, 'batches were committed');
note("$kills kills; steps:\n", sql($source, q{SELECT step || ' ' || state || ': ' || count(*) FROM gen.outcome GROUP BY step, state ORDER BY 1}));
note(octets(sql($source, q{SELECT count(*) || ' ' || state || ' ' || left(message, 110) FROM gen.outcome WHERE state NOT IN ('00000', '23505', 'ZZ001') GROUP BY state, left(message, 110) ORDER BY count(*) DESC LIMIT 40})));

done_testing();
