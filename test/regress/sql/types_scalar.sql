-- Text that reads back to the same value, whatever the session's settings. pg_regress
-- sets DateStyle, IntervalStyle and TimeZone to unusual values; here are more.
SET extra_float_digits = -5;
SET bytea_output = escape;
SET IntervalStyle = sql_standard;
SET DateStyle = 'German, DMY';
SET TimeZone = 'America/Caracas';
SELECT create_slot();

-- numbers: the last digit, both zeros, the ends of the ranges
CREATE TABLE num (id int PRIMARY KEY, i2 int2, i4 int4, i8 int8, n numeric, nn numeric(20,5), f4 float4, f8 float8, m money);
INSERT INTO num VALUES
	(1, -32768, -2147483648, -9223372036854775808, -0.00000000000000000001, 1.5, '-0', '-0', '-92233720368547758.08'::numeric::money),
	(2, 32767, 2147483647, 9223372036854775807, 123456789012345678901234567890.123456789, -12345678.12345, 3.4028235e38, 1.7976931348623157e308, 92233720368547758.07::numeric::money),
	(3, 0, 0, 0, 'NaN', 'NaN', 'NaN', 'NaN', 0.1::numeric::money),
	(4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(5, 1, 1, 1, 1.10, 0, 'Infinity', '-Infinity', 1234.56::numeric::money),
	(6, 1, 1, 1, 1e100, 0, 0.1, 0.1, 0::money),
	(7, 1, 1, 1, 1.000000000000000000000000000, 0, 1e-45, 4.9e-324, 0::money),
	(8, 1, 1, 1, 100, 0, 16777217, 0.30000000000000004, 0::money);
SELECT * FROM changes();

CREATE TABLE str (id int PRIMARY KEY, t text, v varchar(20), c char(5), n name, q "char", b bytea);
INSERT INTO str VALUES
	(1, '', '', '', '', '', ''),
	(2, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, ' spaces ', ' v ', 'c', 'n', 'q', '\x00'),
	(4, 'null', 'NULL', 'true', 'false', E'\\377', '\xdeadbeef00ff27225c0a'),
	(5, '{"a": [1]}', '[]', '"', '''', '"', '\x5c78'),
	(6, E'a\nb', 'ü', 'üüüüü', 'ä', '\', convert_to('Grüße', 'UTF8'));
SELECT * FROM changes();

CREATE TABLE moment (id int PRIMARY KEY, d date, t time, tz timetz, ts timestamp, tstz timestamptz, i interval);
INSERT INTO moment VALUES
	(1, '2024-02-29', '12:34:56.789012', '12:34:56.789-03:30', '2024-02-29 12:34:56.789012', '2024-07-01 12:00:00+02', '1 year 2 mons -3 days 04:05:06.789'),
	(2, 'infinity', '24:00:00', '00:00:00+15:59:59', 'infinity', 'infinity', '-1 mon +1 day -00:00:00.000001'),
	(3, '-infinity', '00:00:00', '24:00:00-15:59', '-infinity', '-infinity', '0'),
	(4, '0044-03-15 BC', '23:59:59.999999', '00:00:00+00', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '178000000 years'),
	(5, '5874897-12-31', '00:00:00.1', '12:00+05:30', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-178000000 years -2147483648 days'),
	(6, '0001-01-01', NULL, NULL, '0001-12-31 BC', '1900-01-01 00:00:00+00', '9223372036.854775 seconds'),
	-- an hour that comes twice in the session's zone, and a zone with seconds
	(7, '1582-10-15', NULL, NULL, NULL, '2023-11-05 09:30:00+00', 'P1Y-2M10DT2H30M');
SELECT * FROM changes();

CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy "!"');
CREATE DOMAIN posint AS int CHECK (value > 0);
CREATE DOMAIN posint2 AS posint;
CREATE TABLE misc (id int PRIMARY KEY, b bool, u uuid, bi bit(5), vb varbit, m mood, p posint, p2 posint2, o oid, x xid8, l pg_lsn, rc regclass, rt regtype, s pg_snapshot, tid tid);
INSERT INTO misc VALUES
	(1, true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', B'10101', B'', 'so so', 1, 2, 4294967295, '18446744073709551615', 'FFFFFFFF/FFFFFFFF', 'pg_class', 'int4[]', '10:20:10,14', '(1,2)'),
	(2, false, '00000000-0000-0000-0000-000000000000', B'00000', B'1', 'happy "!"', NULL, NULL, 0, '0', '0/0', '0', '-', NULL, NULL);
SELECT * FROM changes();

CREATE TABLE net (id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8);
INSERT INTO net VALUES
	(1, '192.168.1.5/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
	(2, '::ffff:1.2.3.4', '2001:db8::/32', 'ffffffffffff', '08002b:010203'),
	(3, '0.0.0.0/0', '::/0', '000000000000', NULL);
SELECT * FROM changes();

CREATE TABLE geo (id int PRIMARY KEY, p point, l line, s lseg, b box, pa path, po polygon, c circle);
INSERT INTO geo VALUES
	(1, '(0.1,-0.30000000000000004)', '{1,-1,0.5}', '[(1,2),(3,4)]', '(3,4),(1,2)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3.5>'),
	(2, '(1e300,-1e-300)', '{0,-1,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0))', '((0,0))', '<(0,0),0>'),
	(3, '(NaN,Infinity)', NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM changes();

-- the session has its settings back
SHOW extra_float_digits;
SHOW bytea_output;
SHOW IntervalStyle;
SHOW DateStyle;
SHOW TimeZone;

DROP TABLE num, str, moment, misc, net, geo;
DROP DOMAIN posint2, posint;
DROP TYPE mood;
SELECT drop_slot();
