# Every type goes over without a change, by copy and by stream, as a value, as NULL, as part of a
# key's row, and where the whole row is the identity.
use strict;
use warnings;

use DbsyncTest;
use Test::More;

my $source = new_source('source', conf => "datestyle = 'SQL, DMY'\nintervalstyle = 'sql_standard'\n"
	  . "extra_float_digits = 0\nbytea_output = 'escape'\ntimezone = 'Asia/Kolkata'");
my $target = new_target('target', conf => "datestyle = 'German, YMD'\nintervalstyle = 'iso_8601'\ntimezone = 'America/St_Johns'");

my $multirange = $source->pg_version >= 14;

# Name of the type => its values, as SQL literals.
my @types = (
	[ 'bool'        => q{'t'}, q{'f'} ],
	[ 'int2'        => q{'-32768'}, q{'32767'} ],
	[ 'int4'        => q{'-2147483648'}, q{'2147483647'} ],
	[ 'int8'        => q{'-9223372036854775808'}, q{'9007199254740993'} ],
	[ 'numeric'     => q{'NaN'}, q{'0.00000000000000000000000000000000001'}, q{'1e300'}, q{'-12345678901234567890.1234567890'}, q{'1.10'} ],
	[ 'numeric(30,10)' => q{'12345678901234567890.0123456789'} ],
	[ 'float4'      => q{'NaN'}, q{'Infinity'}, q{'-Infinity'}, q{'1.1754944e-38'}, q{'0.1'}, q{'-0'} ],
	[ 'float8'      => q{'NaN'}, q{'Infinity'}, q{'-Infinity'}, q{'0.1'}, q{'2.2250738585072014e-308'}, q{'0.30000000000000004'}, q{'-0'} ],
	[ 'money'       => q{'-92233720368547758.08'}, q{'1.50'} ],
	[ 'text'        => q{''}, q{E'tab\\t newline\\n return\\r backslash\\\\ quote\\' double" \\x01 \\x1f \\x7f'}, q{'ünïcödé 漢字 🐘'}, q{'\N'}, q{'\.'}, q{'NULL'} ],
	[ 'varchar(20)' => q{'abc '}, q{''} ],
	[ 'char(5)'     => q{'ab'}, q{''} ],
	[ '"char"'      => q{'x'}, q{''} ],
	[ 'name'        => q{'a name'} ],
	[ 'bytea'       => q{'\x'}, q{'\x00ff5c27'}, q{decode(repeat('00ff', 5000), 'hex')} ],
	[ 'date'        => q{'infinity'}, q{'-infinity'}, q{'0044-03-15 BC'}, q{'2024-02-29'}, q{'5874897-12-31'} ],
	[ 'time'        => q{'24:00:00'}, q{'00:00:00.000001'} ],
	[ 'timetz'      => q{'12:34:56.789+05:30'}, q{'00:00:00-15:59'} ],
	[ 'timestamp'   => q{'infinity'}, q{'0044-03-15 12:00:00 BC'}, q{'294276-12-31 23:59:59.999999'} ],
	[ 'timestamptz' => q{'-infinity'}, q{'2024-03-10 02:30:00-05'}, q{'1900-01-01 00:00:00+00'} ],
	[ 'interval'    => q{'1 year 2 mons -3 days 04:05:06.000007'}, q{'-178000000 years'}, q{'-1 day +23:00:00'}, q{'0'} ],
	[ 'uuid'        => q{'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'} ],
	[ 'json'        => q{'{"a":  1, "a": 2}'}, q{'"x"'}, q{'null'} ],
	[ 'jsonb'       => q{'{}'}, q{'[]'}, q{'{"n": 1.0000000000000000000001, "s": "\\u00e9\\n"}'}, q{'null'} ],
	[ 'jsonpath'    => q{'$.a[*] ? (@ > 1)'} ],
	[ 'xml'         => q{'<a b="c">x &amp; y</a>'} ],
	[ 'bit(5)'      => q{B'10101'} ],
	[ 'varbit'      => q{B''}, q{B'1010101010101'} ],
	[ 'inet'        => q{'192.168.0.1/24'}, q{'::1'} ],
	[ 'cidr'        => q{'10.0.0.0/8'}, q{'2001:db8::/32'} ],
	[ 'macaddr'     => q{'08:00:2b:01:02:03'} ],
	[ 'macaddr8'    => q{'08:00:2b:01:02:03:04:05'} ],
	[ 'point'       => q{'(0.1,-2)'} ],
	[ 'line'        => q{'{1,2,3}'} ],
	[ 'lseg'        => q{'[(0,0),(1,1.5)]'} ],
	[ 'box'         => q{'(1,1),(0,0)'} ],
	[ 'path'        => q{'[(0,0),(1,1)]'}, q{'((0,0),(1,1),(2,0))'} ],
	[ 'polygon'     => q{'((0,0),(1,1),(2,0))'} ],
	[ 'circle'      => q{'<(0,0),1.5>'} ],
	[ 'tsvector'    => q{$$'a':1A,3 'b c':2 'it''s'$$}, q{''} ],
	[ 'tsquery'     => q{$$'a' & !'b':*C <-> 'd'$$} ],
	[ 'int4range'   => q{'empty'}, q{'[1,5)'}, q{'(,)'} ],
	[ 'numrange'    => q{'[1.10,2.200]'} ],
	[ 'tstzrange'   => q{'["2024-01-01 00:00:00+00",infinity)'} ],
	[ 'daterange'   => q{'[2024-01-01,)'} ],
	[ 'pg_lsn'      => q{'16/B374D848'} ],
	[ 'txid_snapshot' => q{'10:20:10,14,15'} ],
	[ 'oid'         => q{'4294967295'} ],
	[ 'regclass'    => q{'pg_catalog.pg_class'} ],
	[ 'regtype'     => q{'double precision'} ],
	[ 'tid'         => q{'(7,3)'} ],
	[ 'xid'         => q{'4294967295'} ],
	[ 'int4[]'      => q{'{}'}, q{'{1,NULL,3}'}, q{'[0:1][5:6]={{1,2},{3,4}}'} ],
	[ 'text[]'      => q{ARRAY['a,b', 'q"q', 'b\\s', '', 'NULL', NULL, ' x ', E'\\n']} ],
	[ 'numeric[]'   => q{'{NaN,1.10}'} ],
	[ 'bytea[]'     => q{ARRAY['\x00ff'::bytea, '\x']} ],
	[ 'timestamptz[]' => q{'{"2024-01-01 00:00:00+00",infinity}'} ],
	[ 'jsonb[]'     => q{ARRAY['{"a": "b,c"}'::jsonb, 'null']} ],
	[ 'app.mood'    => q{'sad'}, q{'it''s "ok"'}, q{''} ],
	[ 'app.mood[]'  => q{ARRAY['sad', '']::app.mood[]} ],
	[ 'app.positive' => q{'1'}, q{'99999999999999999999.5'} ],
	[ 'app.email'   => q{'a@b'} ],
	[ 'app.pair'    => q{ROW(1, 'x,"y')}, q{ROW(NULL, '')}, q{ROW(NULL, NULL)} ],
	[ 'app.pair[]'  => q{ARRAY[ROW(1, 'a b'), ROW(2, NULL)]::app.pair[]} ],
	[ 'app.nested'  => q{ROW(ROW(1, 'in'), ARRAY['a', 'b'], 'sad')} ],
	[ 'app.span'    => q{'[0.1,0.2)'} ],
	[ 'app."Odd Type"' => q{'one'} ],
	[ 'app.hstore'  => q{'"a"=>"1", "b c"=>NULL, "q\"q"=>"\\\\"'}, q{''} ]);
push @types, [ 'int4multirange' => q{'{}'}, q{'{[1,3),[5,7)}'} ], [ 'app.span_multirange' => q{'{[0.1,0.2),[1,2)}'} ]
  if $multirange;

my $setup = q{
	CREATE SCHEMA app;
	CREATE EXTENSION hstore SCHEMA app;
	CREATE TYPE app.mood AS ENUM ('', 'sad', 'it''s "ok"');
	CREATE DOMAIN app.positive AS numeric CHECK (VALUE > 0);
	CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@');
	CREATE TYPE app.pair AS (a int, b text);
	CREATE TYPE app.nested AS (p app.pair, t text[], m app.mood);
	CREATE TYPE app.span AS RANGE (subtype = float8);
	CREATE TYPE app."Odd Type" AS ENUM ('one', 'two');
};
my @tables;
my $n = 0;
my ($insert, $change) = ('', '');

foreach my $type (@types)
{
	my ($name, @values) = @$type;
	my $table = sprintf 'app.t%02d', ++$n;
	my $full  = sprintf 'app.f%02d', $n;
	my $list  = join ', ', map { "(($_)::$name)" } @values, 'NULL';

	$setup .= "CREATE TABLE $table (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v $name);\n";
	$setup .= "CREATE TABLE $full (v $name, n int); ALTER TABLE $full REPLICA IDENTITY FULL;\n";
	$insert .= "INSERT INTO $table (v) VALUES $list;\nINSERT INTO $full (v, n) SELECT v, 0 FROM $table;\n";
	# Each row's value goes to its neighbour; whole rows are found by their values, twice the same ones too.
	$change .= "INSERT INTO $table (v) VALUES $list;\n";
	$change .= "INSERT INTO $full (v, n) SELECT v, 1 FROM $table;\n";
	$change .= "UPDATE $table t SET v = (SELECT o.v FROM $table o WHERE o.id = t.id + 1) WHERE id % 2 = 0;\n";
	$change .= "UPDATE $full SET n = n + 10 WHERE ctid IN (SELECT ctid FROM $full WHERE n = 0 LIMIT 2);\n";
	$change .= "DELETE FROM $full WHERE ctid IN (SELECT min(ctid) FROM $full WHERE n = 1);\n";
	$change .= "DELETE FROM $table WHERE id % 3 = 0;\n";
	push @tables, $table, $full;
}

# Types whose value can be a key, as the key itself: found again by the stream's updates.
my @keys;
foreach my $type (@types)
{
	my ($name, @values) = @$type;
	next if $name =~ /^(json|xml|point|line|lseg|box|path|polygon|circle|jsonpath|xid|txid_snapshot|app\.hstore)(\[\])?$/;
	my $table = 'app.k' . scalar(@keys);
	my $list = join ', ', map { "(($_)::$name, 0)" } @values;

	$setup .= "CREATE TABLE $table (v $name PRIMARY KEY, n int);\n";
	$insert .= "INSERT INTO $table VALUES $list;\n";
	$change .= "UPDATE $table SET n = n + 1;\nDELETE FROM $table WHERE v = (SELECT max(v::text)::$name FROM $table);\n"
	  . "INSERT INTO $table VALUES $list ON CONFLICT DO NOTHING;\nUPDATE $table SET n = n + 1;\n";
	push @keys, $table;
}
$change =~ s/^DELETE FROM (app\.k\d+) .*$/DELETE FROM $1 WHERE ctid = (SELECT max(ctid) FROM $1);/mg;

$source->safe_psql('app', $setup);
same_schema($source, $target);
$source->safe_psql('app', $insert);

foreach my $local ('sqlite', 'pg')
{
	my $task = DbsyncTest->new(name => "types_$local", source => $source, target => $target, local => $local);

	$task->until_current_ok("$local: full sync");
	$task->sums_equal_ok("$local: every type, by copy", @tables, @keys);
	$source->safe_psql('app', $change);
	$task->until_current_ok("$local: stream");
	$task->sums_equal_ok("$local: every type, by stream", @tables, @keys);
	my ($code) = $task->run('verify');
	is($code, 0, "$local: verify agrees, whatever the servers' output settings");
	$task->run('drop', '--yes');
	$target->safe_psql('app', 'TRUNCATE ' . join(', ', @tables, @keys));
}

done_testing();
