-- Types that the plugin writes itself, without their output functions: over random values
-- and the edges of each type, the text is the same to the byte as that of the function.
SELECT create_slot();
CREATE TABLE random_values (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8,
	n numeric, nt numeric(20, 4), d date, t timestamp, tz timestamptz, u uuid, x bytea, s text, v varchar, c char(12));
SELECT setseed(0.20261124);

-- numbers of any size: a random sign, number of digits before and behind the point
CREATE FUNCTION random_digits(length int) RETURNS text
LANGUAGE sql VOLATILE
AS $$
	SELECT coalesce(string_agg(CASE WHEN random() < 0.4 THEN '0' ELSE (floor(random() * 10))::int::text END, ''), '') FROM generate_series(1, length)
$$;
CREATE FUNCTION random_numeric(most int) RETURNS numeric
LANGUAGE sql VOLATILE
AS $$
	SELECT (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || '0' || random_digits((random() * most)::int) || '.' || random_digits((random() * most)::int))::numeric
$$;
-- text of any length around the blocks in which it is looked at, with what must be escaped at any place
CREATE FUNCTION random_text(length int) RETURNS text
LANGUAGE sql VOLATILE
AS $$
	SELECT coalesce(string_agg(CASE WHEN random() < 0.03 THEN substr(E'"\\\n\t\r\b\f\x01\x1f\x7f /é€😀', 1 + (random() * 14)::int, 1) ELSE chr(97 + (random() * 25)::int) END, ''), '') FROM generate_series(1, length)
$$;

INSERT INTO random_values
SELECT i, random() < 0.5,
	(random() * 65535 - 32768)::int2, (random() * 4294967295 - 2147483648)::int4, ((random() - 0.5) * power(10::float8, random() * 18.9))::int8, (random() * 4294967295)::bigint::oid,
	((random() - 0.5) * power(10::float8, random() * 70 - 35))::float4, (random() - 0.5) * power(10::float8, random() * 600 - 300),
	random_numeric(CASE WHEN i % 50 = 0 THEN 300 ELSE 25 END), ((random() - 0.5) * power(10::float8, random() * 16))::numeric(20, 4),
	'0002-01-01'::date + (random() * 4000000)::int, '0002-01-01'::timestamp + random() * 4000000 * interval '1 day', '0002-01-01'::timestamptz + floor(random() * 4000000 * 86400) * interval '1 s',
	md5(i::text)::uuid, decode(left(md5(random()::text), 2 * (random() * 16)::int), 'hex'),
	random_text(i % 70), random_text(i % 9), random_text(i % 10)
FROM generate_series(1, 3000) AS i;
INSERT INTO random_values (id, n) SELECT 10000 + row_number() OVER (), value::numeric
FROM unnest('{0,0.0,0.000000000,-0,1,-1,10000,9999,99990000,100000000,0.0001,0.00010,0.00001,0.000000001,-0.00000000000000000000001,1e100,1e-100,1e131071,-1e-16383,1.5e64,1.5e63,1e256,123456789012345678901234567890.5,NaN}'::text[]) AS value;
INSERT INTO random_values (id, n) SELECT 20000 + k, power(10::numeric, k) FROM generate_series(-70, 70) AS k;
INSERT INTO random_values (id, n) SELECT 30000, (repeat('1234567890', 3000) || '.' || repeat('0987654321', 1000))::numeric;
INSERT INTO random_values (id, d, t, tz) SELECT 40000 + row_number() OVER (), day::date, day::timestamp, day::timestamptz
FROM unnest('{0001-01-01,0001-12-31 BC,4713-01-01 BC,9999-12-31,10000-01-01,1999-12-31 23:59:59.999999,2000-01-01,2000-01-01 00:00:00.000001,1900-02-28,2000-02-29,infinity,-infinity}'::text[]) AS day;
INSERT INTO random_values (id, i2, i4, i8, o, f4, f8) VALUES (50000, -32768, -2147483648, -9223372036854775808, 4294967295, '-0', '-0'), (50001, 32767, 2147483647, 9223372036854775807, 0, 'NaN', '-Infinity');
-- the same again by updates, whose tuples were moved and packed in another way
UPDATE random_values SET id = -id;

-- what the output functions make of them, under the settings of the record format
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = hex;
CREATE TABLE expected_text AS
SELECT abs(id) AS id, array[b::text, i2::text, i4::text, i8::text, o::text, f4::text, f8::text, n::text, nt::text, d::text, t::text, tz::text, u::text, x::text, s, v, c::bpchar::text] AS texts,
	c FROM random_values;
-- a cast of boolean and char(n) to text is not its output function
UPDATE expected_text e SET texts[1] = CASE r.b WHEN true THEN 't' WHEN false THEN 'f' END, texts[17] = format('%s', r.c) FROM random_values r WHERE abs(r.id) = e.id;
UPDATE expected_text SET texts[17] = NULL WHERE c IS NULL;
RESET DateStyle;
RESET TimeZone;
RESET extra_float_digits;
RESET bytea_output;

CREATE TABLE sent_text AS
SELECT data::json ->> 0 AS kind, abs((data::json -> 2 ->> 0)::int) AS id,
	(SELECT array_agg(value ORDER BY place) FROM json_array_elements_text(data::json -> 2) WITH ORDINALITY AS e(value, place) WHERE place > 1) AS texts
FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL, 'include_tables', '*.random_values')
WHERE data ^@ '["I"' OR data ^@ '["U"';
SELECT kind, count(*), count(*) FILTER (WHERE s.texts = e.texts) AS same FROM sent_text s JOIN expected_text e USING (id) GROUP BY kind ORDER BY kind;
SELECT kind, id, place, sent, expected FROM sent_text s JOIN expected_text e USING (id), unnest(s.texts, e.texts) WITH ORDINALITY AS v(sent, expected, place)
WHERE sent IS DISTINCT FROM expected ORDER BY id, kind, place LIMIT 10;

DROP TABLE random_values, expected_text, sent_text;
DROP FUNCTION random_digits(int);
DROP FUNCTION random_numeric(int);
DROP FUNCTION random_text(int);
SELECT drop_slot();
