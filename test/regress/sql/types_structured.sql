-- Types made of others, and documents.
SET DateStyle = 'SQL, DMY';
SET bytea_output = escape;
SET extra_float_digits = 0;
SELECT create_slot();

CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (p pair, list pair[], at timestamptz, f float8, raw bytea);
CREATE DOMAIN short_text AS text CHECK (length(value) < 10);
CREATE DOMAIN int_list AS int[];

CREATE TABLE arrays (id int PRIMARY KEY, i int[], t text[], m numeric[][], d date[], f float8[], b bytea[], p pair[], s short_text[], l int_list, bx box[], n name[], v varchar(5)[]);
INSERT INTO arrays VALUES
	(1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
	(2, '{1,NULL,-3}', ARRAY['a', NULL, 'NULL', '', 'x"y', 'c\d', '{}', 'a,b', E'new\nline'], '{{1.0,2.00},{NaN,4}}', '{2024-03-04,infinity,"0001-01-01 BC"}', '{0.1,-Infinity}', '{"\\x00","\\x5c"}',
		ARRAY[ROW(1, 'x'), NULL, ROW(NULL, '')]::pair[], '{short}', '{1,2}', '{(1,1),(0,0);(2,2),(1,1)}', '{n}', '{v}'),
	(3, '[0:2]={1,2,3}', '[-1:0][2:3]={{a,b},{c,d}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM changes();

CREATE TABLE composites (id int PRIMARY KEY, p pair, n nested);
INSERT INTO composites VALUES
	(1, ROW(1, 'x'), ROW(ROW(2, 'y'), ARRAY[ROW(3, 'z "q" \ (,)')::pair], '2024-05-06 07:08:09+00', 0.30000000000000004, '\x0001')),
	(2, ROW(NULL, NULL), ROW(NULL, NULL, NULL, NULL, NULL)),
	(3, ROW(NULL, ''), NULL),
	(4, NULL, ROW(ROW(NULL, NULL), '{}', 'infinity', 'NaN', ''));
SELECT * FROM changes();

CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE TABLE ranges (id int PRIMARY KEY, i int4range, l int8range, n numrange, d daterange, ts tsrange, tz tstzrange, f float_range, ra int4range[]);
INSERT INTO ranges VALUES
	(1, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{empty}'),
	(2, '[1,5]', '(,5)', '(1.10,2.20]', '[2024-01-02,2024-03-04)', '[2024-01-02 03:04,infinity)', '["2024-01-02 03:04:05+02",)', '[0.1,0.30000000000000004)', '{"[1,2)","(,)"}'),
	(3, '(,)', NULL, '[NaN,NaN]', '(,2024-01-01)', '(,)', '(,"0044-03-15 00:00:00+00 BC")', '[-Infinity,Infinity]', NULL);
SELECT * FROM changes();

CREATE TABLE documents (id int PRIMARY KEY, j json, jb jsonb, jp jsonpath, x xml, tv tsvector, tq tsquery);
INSERT INTO documents VALUES
	(1, '{"a" :  1.0, "a": "\u00fc\n", "b": null}', '{"a" :  1.0, "a": "\u00fc\n", "b": null, "n": 123456789012345678901234567890.10}', '$.a[*] ? (@ > 1)', '<a b="c">text &amp; more<!-- c --></a>', 'a:1A fat:2B,4C ''it''''s'' "q"', 'fat & (rat | !cat:AB) <-> d'),
	(2, 'null', 'null', '$', 'content, no element', '', ''),
	(3, '""', '""', 'strict $."x y"', '<?xml version="1.0" encoding="UTF-8"?><r/>', NULL, NULL),
	(4, '[]', '{}', NULL, NULL, E'''back\\\\slash'' new', E'''it''''s'''),
	(5, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM changes();

-- a type that changes between two changes of one transaction
CREATE TABLE growing (id int PRIMARY KEY, p pair, ps pair[]);
BEGIN;
INSERT INTO growing VALUES (1, ROW(1, 'x'), ARRAY[ROW(1, 'x')::pair]);
ALTER TYPE pair ADD ATTRIBUTE c float8 CASCADE;
INSERT INTO growing VALUES (2, ROW(2, 'y', 0.1), ARRAY[ROW(2, 'y', 0.1)::pair]);
ALTER TYPE pair DROP ATTRIBUTE a;
INSERT INTO growing VALUES (3, ROW('z', 0.2), ARRAY[ROW('z', 0.2)::pair]);
UPDATE growing SET id = id + 10;
COMMIT;
SELECT * FROM changes();

-- a row type of a table as a column, and its shape changes later
CREATE TABLE inner_table (a int, b text);
CREATE TABLE outer_table (id int PRIMARY KEY, r inner_table);
INSERT INTO outer_table VALUES (1, ROW(1, 'b'));
ALTER TABLE inner_table ADD COLUMN c date;
INSERT INTO outer_table VALUES (2, ROW(1, 'b', '2024-07-08'));
ALTER TABLE inner_table DROP COLUMN a;
INSERT INTO outer_table VALUES (3, ROW('b', '2024-07-08'));
UPDATE outer_table SET r.b = 'changed';
SELECT * FROM changes();

DROP TABLE growing, arrays, composites, ranges, documents, outer_table, inner_table;
DROP TYPE nested, pair, short_text, int_list, float_range;
SELECT drop_slot();
