# dbsync schema for a MariaDB (or MySQL) source: what it prints, what it makes, what it leaves out, and that the result takes rows.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DbsyncTest;
use MariaDB;
use MysqlShop;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();

my $source = MariaDB->new('source');
my $target = new_target('target');
my $is_mysql = $source->is_mysql;
my $task   = DbsyncTest->new(source => $source, target => $target);

sub psql { return $target->safe_psql('app', $_[0]) }

# name => type of the columns of a table
sub types
{
	my ($table) = @_;

	return psql("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute"
		  . " WHERE attrelid = '$table'::regclass AND attnum > 0 AND NOT attisdropped");
}

sub keys_of
{
	my ($table) = @_;

	return psql("SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '$table'::regclass AND contype <> 'n' ORDER BY conname");
}

$source->sql(shop_schema($source));
$source->sql("GRANT EXECUTE ON app.* TO sync\@'%'");

# It prints, and touches nothing.
my ($code, $printed, $err) = $task->run('schema', '-d');
is($code, 0, 'schema -d');
is(psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'app'"), 0, 'printing leaves the target alone');
like($printed, qr/CREATE TABLE "app"\."users" \(/, 'tables are printed');
like($printed, qr/CREATE TABLE.*FOREIGN KEY/s, 'foreign keys are printed');
unlike($printed, qr/FOREIGN KEY.*\n(?:CREATE|ALTER TABLE (?!.*FOREIGN KEY))/s, 'foreign keys come last');
like($printed, qr/^-- Not carried over:$/m, 'and what is left out');
unlike("$printed$err", qr/se;cret/, 'no password is shown');

# It runs, all or nothing.
($code, my $out, $err) = $task->run('schema');
is($code, 0, 'schema') or diag $err;
foreach my $left (
	'view admins', 'trigger users_in of users', 'procedure tidy', 'function one', 'event nightly', $is_mysql ? 'BTREE index divided' : 'sequence tickets', 'FULLTEXT index words of products',
	'foreign key child_not_unique', 'ON UPDATE CURRENT_TIMESTAMP of users.updated_at', 'check stock_odd', 'check title_known', 'default of products.odd',
	'generated column products.share', 'partitions of odd_parts', 'NOT NULL of zero_dates.d', 'default of texts.h',
	$is_mysql ? 'collation utf8mb4_0900_ai_ci of users.email' : 'collation utf8mb4_general_ci of users.email')
{
	like($err, qr/not carried over: \Q$left\E/, "left out: $left");
	like($printed, qr/^--   \Q$left\E/m, "and printed: $left");
}
unlike($err, qr/collation \S+ of (?:users.login|products.sku)/, 'no warning of what is compared with case');
($code, $out, $err) = $task->run('schema');
is($code, 1, 'a second time it fails');
like($err, qr/already exists/, 'and says why');

# What psql makes of the printed text is the same.
$target->safe_psql('postgres', 'CREATE DATABASE printed');
$target->psql('printed', $printed, on_error_stop => 1, stderr => \my $psql_err);
is($psql_err, '', 'psql takes what is printed');
is(
	$target->safe_psql('printed', "SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace"),
	psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace"),
	'and has as many relations then');

# Types.
is(types('app.numbers'),
	'a smallint, b smallint, c smallint, d integer, e integer, f integer, g bigint, h bigint, i numeric(20,0), j numeric(65,30), k numeric(5,0), '
	  . 'l bigint, m real, n double precision, o boolean', 'numbers');
is(types('app.texts'),
	'a character(5), b character varying(5), c text, d text, e text, f text, g bytea, h bytea, i bytea, j bytea, k bytea, l character varying(20), m text, n text',
	'texts');
is(types('app.users'),
	'id numeric(20,0), email character varying(190), login character varying(40), is_admin boolean, role app.users_role, flags text[], country character(2), '
	  . 'born date, created_at timestamp(0) with time zone, updated_at timestamp(6) without time zone, settings jsonb, balance numeric(12,2)', 'users');
is(types('app.sessions'), 'token bytea, user_id numeric(20,0), ip ' . ($is_mysql ? 'bytea' : 'inet') . ', data bytea', 'a foreign key has the type of what it refers to');
is(types('app."Mixed Case"'), 'Id integer, select integer, a"b character varying(10), c`d integer', 'unusual names are kept');
is(psql("SELECT string_agg(enumlabel, '|' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = 'app.users_role'::regtype"), "guest|member|it's staff",
	'labels keep their order');
like(keys_of('app.long_labels'), qr/CHECK/, 'long labels are checked');

# Keys.
is(
	keys_of('app.users'), join(
		"\n",
		q{users_country FOREIGN KEY (country) REFERENCES app.countries(code) ON UPDATE CASCADE ON DELETE SET NULL},
		q{users_email UNIQUE (email)},
		q{users_flags_check CHECK ((flags <@ ARRAY['news'::text, 'a "b"'::text, 'c\d'::text]))},
		q{users_login UNIQUE (login)},
		q{users_pkey PRIMARY KEY (id)}),
	'keys of users');
like(keys_of('app.products'), qr/^price_positive CHECK/m, 'a check is carried over');
like(keys_of('app.products'), qr/^sku_form CHECK/m, 'and one of text with case');
is(keys_of('app.child'), "child_pair FOREIGN KEY (pa, pb) REFERENCES app.parent(a, b) ON UPDATE CASCADE\nchild_pkey PRIMARY KEY (id)",
	'a foreign key of two columns');
is(
	psql("SELECT string_agg(pg_get_indexdef(indexrelid), E'\\n' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'app.products'::regclass"),
	join(
		"\n",
		'CREATE INDEX products_body ON app.products USING btree ("left"(body, 50))',
		'CREATE INDEX products_by_category ON app.products USING btree (category, price DESC)',
		$is_mysql ? 'CREATE INDEX products_lowered ON app.products USING btree (lower((title)::text))' : (),
		'CREATE UNIQUE INDEX products_pkey ON app.products USING btree (id)',
		'CREATE UNIQUE INDEX products_sku ON app.products USING btree (sku)',
		'CREATE INDEX products_title ON app.products USING btree (title)'),
	'indexes, of prefixes too');
is(psql("SELECT count(*) FROM pg_index WHERE indrelid = 'app.a_table_with_a_name_that_is_rather_long_but_not_too_long'::regclass"), 3,
	'long names do not meet when they are cut');

# Comments.
is(psql("SELECT obj_description('app.countries'::regclass)"), "ISO 3166, it's short", 'comment of a table');
is(psql("SELECT col_description('app.users'::regclass, 2)"), 'unique, without case', 'comment of a column');

# A row of defaults is the same on both sides.
$source->sql("INSERT INTO users (email, login) VALUES ('a', 'a'); INSERT INTO products (sku, title, price) VALUES ('S1', 'Title', 9.50);"
	  . ' INSERT INTO texts (a) VALUES (NULL)');
psql("INSERT INTO app.users (email, login) VALUES ('a', 'a'); INSERT INTO app.products (sku, title, price) VALUES ('S1', 'Title', 9.50);"
	  . ' INSERT INTO app.texts (a) VALUES (NULL)');
is(psql("SELECT concat_ws('|', id, is_admin::int, role, array_to_string(flags, ','), born, settings, balance) FROM app.users"),
	$source->sql("SELECT concat_ws('|', id, is_admin, role, flags, born, settings, balance) FROM users WHERE login = 'a'") =~ s/\\\\/\\/gr, 'defaults of users');
is(
	psql("SELECT concat_ws('|', id, net, label, stock, weight, size, is_sold, made, takes, ip4, color) FROM app.products"),
	$source->sql("SELECT concat_ws('|', id, net, label, stock, weight, lpad(bin(size), 5, '0'), bin(is_sold), made, left(takes, 13), ip4, color) FROM products"),
	'defaults and generated columns of products');
is(psql("SELECT coalesce(encode(g, 'hex'), '610000') || l FROM app.texts"), $source->sql('SELECT lower(hex(g)), l FROM texts') =~ s/\t//r, 'defaults of texts');
is(psql("SELECT uid IS NOT NULL AND share IS NULL AND odd IS NULL FROM app.products"), 't', 'a uuid is made; what was left out is NULL');

# Numbers go on where the source's do.
is(psql("INSERT INTO app.users (email, login) VALUES ('b', 'b') RETURNING id"), 1002, 'the next number of an AUTO_INCREMENT');
is(psql("SELECT attidentity FROM pg_attribute WHERE attrelid = 'app.products'::regclass AND attname = 'id'"), 'd', 'an identity where the type allows it');

# The query of docs/mysql.md, for the day of switching over.
my ($query) = slurp("$FindBin::Bin/../../../docs/mysql.md") =~ /^ +```sql\n(.*?pg_get_serial_sequence.*?)^ +```/ms;
$query =~ s/'shop'/'app'/;
psql("INSERT INTO app.users (id, email, login) VALUES (5000, 'c', 'c')");
$target->safe_psql('app', $query);
is(psql("INSERT INTO app.users (email, login) VALUES ('d', 'd') RETURNING id"), 5001, 'numbers are set for the switch');
is(psql("INSERT INTO app.categories (title) VALUES ('x') RETURNING id"), 1, 'of an empty table, too');

# Partitions.
is(
	psql("SELECT string_agg(c.oid::regclass || ' ' || pg_get_expr(relpartbound, c.oid), E'\\n' ORDER BY inhparent::regclass::text, c.oid)"
		  . " FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE relkind = 'r'"),
	join(
		"\n",
		"app.days_a FOR VALUES FROM (MINVALUE) TO ('2024-03-01 00:00:00')",
		"app.days_b FOR VALUES FROM ('2024-03-01 00:00:00') TO ('2024-04-01 00:00:00')",
		"app.events_log_old FOR VALUES FROM (MINVALUE) TO ('2024-01-01')",
		"app.events_log_new FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)",
		'app.events_log_default DEFAULT',
		'app.hashed_p0 FOR VALUES WITH (modulus 3, remainder 0)',
		'app.hashed_p1 FOR VALUES WITH (modulus 3, remainder 1)',
		'app.hashed_p2 FOR VALUES WITH (modulus 3, remainder 2)',
		'app.keyed_p0 FOR VALUES WITH (modulus 2, remainder 0)',
		'app.keyed_p1 FOR VALUES WITH (modulus 2, remainder 1)',
		"app.orders_p2022 FOR VALUES FROM (MINVALUE) TO ('2023-01-01')",
		"app.orders_p2023 FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
		"app.orders_later FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)",
		"app.regions_west FOR VALUES IN ('fr', 'es')",
		"app.regions_east FOR VALUES IN ('pl', 'it''s')"),
	'partitions');
is(psql("INSERT INTO app.orders (user_id, placed) VALUES (1, '2023-05-05') RETURNING id || ' ' || tableoid::regclass"), '1 app.orders_p2023',
	'a partitioned table counts, too');
is(psql("INSERT INTO app.events_log (at) VALUES (now()) RETURNING tableoid::regclass"), 'app.events_log_default', 'NULL has a partition');

# Options: schema, names, partitions, types, tables.
my $other = DbsyncTest->new(
	source => $source, target => $target, name => 'other', target_schema => 'Shop',
	mysql  => { lower_names => 'on', tinyint1 => 'smallint', geometry => 'text',
		types => 'bigint unsigned = bigint, set = text, bit(1) = boolean, binary(16) = uuid, users.role = varchar(20)' });
($code, $out, $err) = $other->run('schema', '-n');
is($code, 0, 'schema -n with other options') or diag $err;
is(types('"Shop".users'),
	'id bigint, email character varying(190), login character varying(40), is_admin smallint, role character varying(20), flags text, country character(2), '
	  . 'born date, created_at timestamp(0) with time zone, updated_at timestamp(6) without time zone, settings jsonb, balance numeric(12,2)', 'other types');
like(types('"Shop".products'), qr/is_sold boolean.*place text, area text/, 'and more');
is(types('"Shop"."mixed case"'), 'id integer, select integer, a"b character varying(10), c`d integer', 'names in lower case');
is(psql(q{SELECT count(*) FROM pg_class WHERE relnamespace = '"Shop"'::regnamespace AND (relkind = 'p' OR relispartition)}), 0, 'no partitions');
is(psql(q{INSERT INTO "Shop".users (email, login) VALUES ('a', 'a') RETURNING id || ' ' || is_admin || ' ' || flags}), '1002 0 news,a "b"', 'defaults fit other types');

my $some = DbsyncTest->new(source => $source, target => $target, name => 'some', target_schema => 'some', options => { include_tables => 'app.users, app.child' });
($code, $out, $err) = $some->run('schema');
is($code, 0, 'schema for some tables') or diag $err;
is(psql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'some'::regnamespace AND relkind = 'r'"), 'child users', 'only these');
like($err, qr/not carried over: foreign key users_country of users to countries: its target is not copied/, 'a foreign key to another table is left out');

my $list = PostgreSQL::Test::Utils::tempdir() . '/tables';
open my $file, '>', $list or die "$list: $!";
print $file "parent\nno_key\n";
close $file;
my $listed = DbsyncTest->new(source => $source, target => $target, name => 'listed');
($code, $out, $err) = $listed->run('schema', '-d', '-l', $list, '-s', 'listed');
is($code, 0, 'schema -l') or diag $err;
is(join(' ', sort $out =~ /^CREATE TABLE "listed"\."(\w+)"/mg), 'no_key parent', 'only the tables of the file, in the schema of -s');

# Indexes and keys later.
my $defer = DbsyncTest->new(source => $source, target => $target, name => 'defer', target_schema => 'deferred');
($code, $out, $err) = $defer->run('schema', '--defer');
is($code, 0, 'schema --defer') or diag $err;
is(psql("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'deferred'::regnamespace"), $is_mysql ? 1 : 0,
	'no index yet, but one on an expression, which might fail later');
is(psql("SELECT count(*) FILTER (WHERE is_index) > 20, count(*) FILTER (WHERE NOT is_index) FROM dbsync.post_data WHERE task = 'defer'"), 't|6', 'all are noted');
my $sections = DbsyncTest->new(source => $source, target => $target, name => 'sections', target_schema => 'sections');
($code) = $sections->run('schema', '--pre-data');
is($code, 0, 'schema --pre-data');
($code) = $sections->run('schema', '--post-data');
is($code, 0, 'schema --post-data');
is(
	psql("SELECT count(*) FROM pg_constraint WHERE connamespace = 'sections'::regnamespace AND contype <> 'n'"),
	psql("SELECT count(*) FROM pg_constraint WHERE connamespace = 'app'::regnamespace AND contype <> 'n'"),
	'both sections are all of it');

# A table that is called as PostgreSQL would call another one's sequence.
$source->sql('CREATE TABLE seq (id int AUTO_INCREMENT PRIMARY KEY, v int) AUTO_INCREMENT = 7; CREATE TABLE seq_id_seq (id int AUTO_INCREMENT PRIMARY KEY, v int)');
my $sequences = DbsyncTest->new(source => $source, target => $target, name => 'sequences', target_schema => 'seqs', options => { include_tables => 'app.seq, app.seq_id_seq' });
($code, $out, $err) = $sequences->run('schema');
is($code, 0, 'schema of tables that are named like sequences') or diag $err;
is(psql("INSERT INTO seqs.seq (v) VALUES (1) RETURNING id || ' ' || pg_get_serial_sequence('seqs.seq', 'id')"), '7 seqs.seq_id_seq_2', 'the sequence has another name');
is(psql("INSERT INTO seqs.seq_id_seq (v) VALUES (1) RETURNING id || ' ' || pg_get_serial_sequence('seqs.seq_id_seq', 'id')"), '1 seqs.seq_id_seq_id_seq',
	'and where it is free, the usual one');

# Mistakes.
my $wrong = DbsyncTest->new(source => $source, target => $target, name => 'wrong', mysql => { types => 'int = nonsense', db => 'app' }, target_schema => 'wrong');
($code, $out, $err) = $wrong->run('schema');
is($code, 1, 'a type that the target does not have');
like($err, qr/type "nonsense" does not exist/, 'is named');
is(psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'wrong'"), 0, 'and the target is as it was');
my $syntax = DbsyncTest->new(source => $source, target => $target, name => 'syntax', mysql => { types => 'int' });
($code, $out, $err) = $syntax->run('schema', '-d');
is($code, 2, 'overrides without a type');
my $stranger = DbsyncTest->new(source => $source, target => $target, name => 'stranger', mysql => { password => 'wrong' });
($code, $out, $err) = $stranger->run('schema', '-d');
is($code, 3, 'a wrong password');
like($err, qr/Access denied.*HINT: check user and password/s, 'is explained');
my $empty = DbsyncTest->new(source => $source, target => $target, name => 'empty', options => { include_tables => 'other.*' });
($code, $out, $err) = $empty->run('schema', '-d');
is($code, 1, 'no table that is wanted');
$source->sql('CREATE TABLE USERS (id int PRIMARY KEY)');
($code, $out, $err) = $other->run('schema', '-d');
is($code, 3, 'two tables of one name in lower case');
like($err, qr/are called users in lower case/, 'are named');

done_testing();
