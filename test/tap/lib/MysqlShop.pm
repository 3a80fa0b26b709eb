# MysqlShop
#	The sample schema of sql/mysql_schema.sql and rows for it, in the words of the server at hand.
package MysqlShop;

use strict;
use warnings;

use DbsyncTest;
use Exporter 'import';
use File::Basename;

our @EXPORT = qw(shop_schema shop_rows shop_changes shop_deletes);

my $folder = dirname(__FILE__) . '/../sql';

# MySQL has not all of it, and not by default.
sub shop_schema
{
	my ($source) = @_;
	my $sql = slurp("$folder/mysql_schema.sql");

	return $sql unless $source->is_mysql;
	$sql =~ s/^CREATE SEQUENCE.*\n//m;
	$sql =~ s/settings json DEFAULT ('.*'),$/settings json DEFAULT ($1),/m;
	$sql =~ s/ip inet6/ip varbinary(16)/;
	$sql =~ s/uid uuid DEFAULT uuid\(\), ip4 inet4/uid varchar(36) DEFAULT (uuid()), ip4 varchar(15)/;
	$sql =~ s/odd int DEFAULT \(10 \/ 2\)/odd int DEFAULT (10 DIV 2), KEY lowered ((lower(title))), KEY divided ((price DIV 2))/;
	return "SET sql_mode = '', restrict_fk_on_non_standard_key = OFF;\n$sql";
}

# Rows of every table: values at the ends of their types, and those that are easily lost.  base: what is added to the ids.
sub shop_rows
{
	my ($base) = @_;
	my ($one, $two) = ($base + 1, $base + 2);

	return <<"SQL";
SET sql_mode = '';
INSERT INTO countries VALUES ('de', 'Germany'), ('fr', 'Frænce 😀');
INSERT INTO users (id, email, login, role, flags, country, born, settings, balance, is_admin) VALUES
	($one, 'a\@b', 'a', 'it''s staff', 'news,c\\\\d', 'de', '2000-02-29', '{"x": null, "y": [1.50, "ü"]}', 12.34, 1),
	($two, 'c\@d', 'c', 'guest', '', NULL, NULL, NULL, -0.01, 0);
INSERT INTO sessions (token, user_id, data) VALUES (x'00112233445566778899aabbccddeeff', $one, x'00ff'), (x'00112233445566778899aabbccdd0000', $two, NULL);
INSERT INTO categories (id, title) VALUES ($one, 'one'), ($two, 'two');
UPDATE categories SET parent = $one WHERE id = $two;
INSERT INTO products (id, sku, category, title, body, price, rating, weight, size, is_sold, made, takes, place, area) VALUES
	($one, 'S1', $one, 'Title', 'body', 9.5, 1234567.891, 0.1, b'10101', b'1', 2024, '838:59:59.999', ST_GeomFromText('POINT(1 2)'),
	 ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')),
	($two, 'S2', NULL, 'T2', NULL, 0.01, NULL, NULL, b'0', b'0', 0, '-00:00:00.001', NULL, NULL);
INSERT INTO orders (user_id, placed, total, note) VALUES ($one, '2022-05-05', 1.2345, 'n'), ($one, '2023-05-05', NULL, NULL), ($two, '2030-01-01', 1, '');
INSERT INTO order_items VALUES (1, 1, $one, 5), (1, 255, $two, -3);
INSERT INTO events_log VALUES ('2024-01-01 00:00:00', '2023-12-31', 'x'), ('2024-01-01 00:00:00', NULL, NULL);
INSERT INTO regions VALUES (1, 'fr'), (2, 'it''s');
INSERT INTO hashed VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO keyed VALUES (1, 1), (2, 2);
INSERT INTO days VALUES (1, '2024-02-29 23:59:59'), (2, '2024-03-01 00:00:00');
INSERT INTO odd_parts VALUES (1, 1), (6, 6);
INSERT INTO zero_dates (id) VALUES (1);
INSERT INTO zero_dates (id, d) VALUES (2, '2024-01-31');
INSERT INTO numbers VALUES (-128, 255, -32768, 65535, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615,
	-1234567890123456789012345.123456789012345678901234567891, 99999, 42, 1.25, 1e300, 1), (127, 0, 32767, 0, 0, 2147483647, 0, 9223372036854775807, 0, 0, -99999, 0,
	-0.01, 0, 0), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO texts (a, b, c, d, g, h, i, l, m, n) VALUES ('ab ', 'cd ', 'é', '😀\\n\\t\\\\', 'z', x'0001', '', 'ñ', 'ü😀', ''),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO `Mixed Case` VALUES (1, 2, 'x"y', 3);
INSERT INTO no_key VALUES (1, NULL), (1, NULL), (2, 2);
INSERT INTO long_labels VALUES ('short');
INSERT INTO parent VALUES (1, 2, 3);
INSERT INTO child VALUES (1, 1, 2, 3);
INSERT INTO a_table_with_a_name_that_is_rather_long_but_not_too_long VALUES (1, 2, 3);
SQL
}

# Updates of what shop_rows() has made, keys among them.
sub shop_changes
{
	return <<'SQL';
UPDATE products SET title = 'changed', price = price * 2, body = repeat('x', 100000) WHERE sku = 'S1';
UPDATE products SET made = NULL, size = b'11111', place = ST_GeomFromText('POINT(-1.5 0.1)') WHERE sku = 'S2';
UPDATE texts SET b = 'q', k = x'00' WHERE a IS NULL;
UPDATE no_key SET a = 7 WHERE b = 2;
UPDATE `Mixed Case` SET `select` = 9;
UPDATE users SET flags = 'news', role = 'member', settings = '[]';
UPDATE orders SET placed = '2024-12-24' WHERE total = 1;
UPDATE sessions SET token = x'ff00' WHERE data IS NULL;
UPDATE zero_dates SET d = '0000-00-00', t = '2024-02-29 12:00:00' WHERE id = 2;
UPDATE numbers SET i = 1, j = 0.5, m = 3.25 WHERE a = 127;
DELETE FROM hashed WHERE id = 2;
SQL
}

# All rows of all tables.
sub shop_deletes
{
	my ($source) = @_;
	my @tables = split /\n/, $source->sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' AND table_type = 'BASE TABLE'");

	return join("\n", 'SET foreign_key_checks = 0;', map { "DELETE FROM `$_`;" } @tables);
}

1;
