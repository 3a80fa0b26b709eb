# Generated columns, checks and defaults of a MariaDB (or MySQL) source: what the target computes is what the source has, of the copy and of the stream;
# what would differ is a plain column with the source's values; verify compares them all.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();

my $source = MariaDB->new('source');
my $target = new_target('target');
my $task   = DbsyncTest->new(source => $source, target => $target, mysql => { zero_dates => 'error' });

# name => type and expression
my %same = (
	area => 'int AS (w * h)',
	area_unsigned => 'int unsigned AS (w * h)',
	next_n => 'bigint AS (n + 1)',
	big => 'decimal(30) AS (u * u)',
	huge => 'bigint unsigned AS (bu % 1000 + w)',
	left_over => 'int AS (n % m)',
	left_over_decimal => 'decimal(10,2) AS (p % m)',
	by_mod => 'int AS (mod(m, 7))',
	minus => 'bigint AS (-n)',
	absolute => 'bigint AS (abs(n))',
	signs => 'int AS (sign(n) * 2)',
	rounded => 'int AS (p)',
	rounded_too => 'decimal(10,1) AS (p * 1.5)',
	round_one => 'decimal(12,2) AS (round(p, 1))',
	floors => 'int AS (floor(p))',
	ceils => 'int AS (ceil(p))',
	is_more => 'int AS (n > m)',
	is_more_flag => 'tinyint(1) AS (n > m)',
	sum_of_truth => 'int AS ((n > 0) + (m > 0) + flag)',
	logic => 'int AS (n > 0 or m > 0 and not w <=> h)',
	listed => 'int AS (n in (1, 2, 7) or p not between -1 and 1.5)',
	no_value => 'int AS (t is null)',
	first_of => 'int AS (coalesce(m, n, 0))',
	picked => 'int AS (case when n > 0 then 1 when m then 2 else 3 end)',
	by_label => 'int AS (case e when \'b\' then 1 else 2 end)',
	by_text => 'int AS (case b when \'x\' then 1 when \'\' then 2 end)',
	is_x => 'int AS (b = \'x\')',
	both => 'int AS (b = c)',
	like_x => 'int AS (b like \'x%\')',
	nothing_if => 'varchar(20) AS (nullif(b, \'x\'))',
	part => 'varchar(20) AS (substr(t, 2, 2))',
	rest => 'varchar(20) AS (substr(t, 3))',
	from_left => 'varchar(20) AS (left(t, 2))',
	from_right => 'varchar(20) AS (right(t, 2))',
	characters => 'int AS (char_length(t))',
	of_char => 'int AS (char_length(c))',
	bytes => 'int AS (length(t))',
	bytes_of_char => 'int AS (length(c) + length(bl))',
	digest => 'char(32) AS (md5(t))',
	digest_bytes => 'char(32) AS (md5(bl))',
	joined => 'varchar(200) AS (concat(t, \'-\', n, \'/\', p, c))',
	replaced => 'varchar(60) AS (replace(b, \'x\', \'yz\'))',
	years => 'int AS (year(d))',
	quarters => 'int AS (quarter(dt) * 10 + month(dt) + day(d))',
	small => 'tinyint unsigned AS (w % 7)',
	as_double => 'double AS (p + n)',
);
my %plain = (
	value => 'varchar(50) AS (json_value(j, \'$.a\'))',
	unquoted => 'varchar(50) AS (json_unquote(json_extract(j, \'$.a\')))',
	zero => 'varchar(20) AS (substr(t, 0, 2))',
	behind => 'varchar(20) AS (substr(t, -2))',
	folded => 'varchar(3) AS (if(t = \'ABC\', \'y\', \'n\'))',
	in_list => 'int AS (t in (\'abc\', \'x\'))',
	like_folded => 'int AS (t like \'ab%\')',
	nothing_folded => 'varchar(20) AS (nullif(t, \'ABC\'))',
	latin_bytes => 'int AS (length(l))',
	latin_digest => 'varchar(40) AS (md5(l))',
	lowered => 'varchar(20) AS (lower(t))',
	divided => 'decimal(20,4) AS (n / 3)',
	may_be_cut => 'tinyint unsigned AS (u % 300)',
	ordered => 'int AS (b > \'m\')',
	filled => 'varchar(20) AS (concat(z))',
	largest => 'int AS (greatest(n, m))',
);

# MySQL has no digests in generated columns.
delete @same{qw(digest digest_bytes)}, delete $plain{latin_digest} if $source->is_mysql;

# What a char gives depends on the sql_mode of MariaDB, which stores no such column.
my %all     = (%same, %plain);
my $n       = 0;
my $columns = join ",\n", map { "`$_` $all{$_}" . ($all{$_} !~ /\bc\b/ && $n++ % 2 ? ' STORED' : ' VIRTUAL') } sort keys %all;

$source->sql(<<"END");
CREATE TABLE g (id int PRIMARY KEY, w tinyint unsigned, h tinyint unsigned, n int, m smallint, u int unsigned, bu bigint unsigned, p decimal(10,2), flag tinyint(1),
	t varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
	c char(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, l varchar(20) CHARACTER SET latin1, bl varbinary(20), e enum('a','b'), j json, d date, dt datetime(3),
	z int(6) zerofill, x int DEFAULT (5 + 6),
$columns,
	CONSTRAINT fits CHECK (w * h < 100000), CONSTRAINT not_none CHECK (t <> 'none'), CONSTRAINT truth CHECK (m % 3 or m is null or m)) CHARACTER SET utf8mb4;
END

# Ends of types, zeros, empty text and blanks, what differs in case, and NULL.
my $names = '(id, w, h, n, m, u, bu, p, flag, t, b, c, l, bl, e, j, d, dt, z)';
my $rows  = <<"END";
INSERT INTO g $names VALUES
	(1, 200, 200, 1, -7, 4294967295, 9223372036854775808, 0.5, 1, 'abc', 'x', 'x', 'é', x'ff00', 'a', '{"a":{"b":1}}', '2024-02-29', '2024-12-31 23:59:59.999', 7),
	(2, 255, 255, 2147483647, 0+1, 3, 1, -0.5, 0, 'ABC', 'x ', 'x ', 'e', 'x', 'b', '{"a":true}', '1000-01-01', '1000-01-01', 123456),
	(3, 0, 0, -2147483648, 32767, 0, 18446744073709551000, 2.5, NULL, '', '', '', '', '', 'b', '{"a":null}', '9999-12-31', '9999-12-31', 0),
	(4, 1, NULL, 0, -32768, 1, 5, -2.45, 1, 'é😀 x', 'X', 'é😀', NULL, NULL, NULL, '{"a":1E2}', NULL, NULL, NULL),
	(5, NULL, 1, -5, 2, NULL, NULL, 99999999.99, 0, '  ', '  ', 'xx  y', 'ß', x'00', 'a', '{"a":"s"}', '2000-01-01', '2000-06-15 12:00:00', 1);
INSERT INTO g (id, n, m) VALUES (6, 7, NULL), (7, NULL, 3);
END
$source->sql($rows);

my ($code, $out, $err) = $task->run('schema');
is($code, 0, 'schema') or diag $err;
my %is_generated = map { $_ => 1 } split /\n/, $target->safe_psql('app', q{SELECT attname FROM pg_attribute WHERE attrelid = 'app.g'::regclass AND attgenerated <> ''});
is_deeply([ sort keys %is_generated ], [ sort keys %same ], 'what gives the same is generated on the target') or diag $err;
like($err, qr/not carried over: generated column g\.\Q$_\E is a plain one/, "$_ is a plain column, and listed") foreach sort keys %plain;
like($err, qr/not carried over: check not_none of g: .* \(it compares without case\)/, 'a check that ignores case is listed');
is($target->safe_psql('app', q{SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'app.g'::regclass AND contype = 'c'}), 'fits truth', 'others are there');
is($target->safe_psql('app', q{SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute a ON attrelid = adrelid AND attnum = adnum
	WHERE adrelid = 'app.g'::regclass AND attname = 'x'}) =~ s/[^0-9+]|bigint|integer//gr =~ s/^.*?5.*?\+.*?6.*$/sum/r, 'sum', 'a default that computes');

sub verify_ok
{
	my ($what) = @_;

	($code, $out, $err) = $task->run('verify');
	is($code, 0, $what) or diag $err;
}

$task->until_current_ok('the copy');
verify_ok('generated columns are the same after the copy');
$source->sql($rows =~ s/\((\d), /'(1' . $1 . ', '/gre . q{;
	UPDATE g SET n = n DIV 2, m = 5, p = -p, t = 'aBc', b = concat(b, ' '), c = 'y ', l = 'ü', j = '[]', flag = 1 - flag WHERE id < 5; DELETE FROM g WHERE id = 15});
$task->until_current_ok('the stream');
verify_ok('and after the stream');

# It is the target's own value that is compared.
$target->safe_psql('app', 'ALTER TABLE app.g DROP COLUMN years; ALTER TABLE app.g ADD COLUMN years int GENERATED ALWAYS AS (CAST(extract(year FROM d) AS int) % 100) STORED');
($code, $out, $err) = $task->run('verify', '--once');
is($code, 4, 'verify sees a generated column that has another value');
like("$out$err", qr/app\.g is different: row \(id\) = /, 'and names a row');

done_testing();
