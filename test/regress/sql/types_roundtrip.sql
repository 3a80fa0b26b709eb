-- Every type that a table may have: what was sent, read back, is the same to the byte
-- in its binary form. Sessions of both sides have the most hostile settings.
SET extra_float_digits = -15;
SET bytea_output = escape;
SET IntervalStyle = sql_standard;
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Kathmandu';

-- One column a type, filled with the values below.
CREATE TABLE sample (type regtype, value text);
INSERT INTO sample VALUES
	('bool', 'true'), ('bool', 'false'),
	('bytea', '\x'), ('bytea', '\x00ff5c27220a'), ('"char"', 'x'), ('"char"', ''), ('name', 'n"\'),
	('int8', '-9223372036854775808'), ('int2', '-32768'), ('int4', '2147483647'), ('int2vector', '1 2 3'), ('oidvector', '1 4294967295'),
	('text', ''), ('text', E'\t\n\r\\"\x01'), ('text', '😀'), ('varchar', ' x '), ('bpchar', 'x  '), ('bpchar', ''),
	('oid', '4294967295'), ('tid', '(4294967294,65535)'), ('xid', '4294967295'), ('cid', '4294967295'), ('xid8', '18446744073709551615'),
	('json', '{"a" : [1 ,"\u0000"]}'), ('jsonb', '{"n": -0.10e+5, "u": "\uD83D\uDE00"}'), ('jsonb', '[]'), ('jsonpath', '$."a"[0 to last] ? (@ like_regex "^x" flag "i")'),
	('xml', '<a>&lt;</a>'), ('xml', ''),
	('float4', '0.1'), ('float4', '3.4028235e38'), ('float4', '1e-45'), ('float4', 'NaN'), ('float4', '-0'), ('float4', '0.3'),
	('float8', '0.1'), ('float8', '0.30000000000000004'), ('float8', '4.9e-324'), ('float8', '-Infinity'), ('float8', '-0'), ('float8', '1.7976931348623157e308'), ('float8', '9007199254740993'),
	('numeric', '0.000'), ('numeric', '-1.10'), ('numeric', 'NaN'), ('numeric', '1e400'), ('numeric', '1e-400'),
	('money', '-92233720368547758.08'), ('money', '12345.67'),
	('point', '(0.1,-0.30000000000000004)'), ('lseg', '[(0.1,0.2),(1e300,-1e-300)]'), ('path', '[(0.1,0.2)]'), ('path', '((0.1,0.2),(3,4))'),
	('box', '(0.3,0.4),(0.1,0.2)'), ('polygon', '((0.1,0.2),(0.3,0.4))'), ('line', '{0.1,-0.3,0.30000000000000004}'), ('circle', '<(0.1,0.2),0.30000000000000004>'),
	('inet', '10.1.2.3/9'), ('inet', '::1'), ('cidr', '10.0.0.0/8'), ('macaddr', '08:00:2b:01:02:03'), ('macaddr8', '08:00:2b:01:02:03:04:05'),
	('date', '2024-02-29'), ('date', '4713-01-01 BC'), ('date', '-infinity'), ('date', '5874897-12-31'),
	('time', '24:00:00'), ('time', '12:34:56.789012'), ('timetz', '12:34:56.789012-15:59:59'), ('timetz', '00:00:00+05:45'),
	('timestamp', '2024-05-06 07:08:09.000001'), ('timestamp', '0001-01-01 00:00:00 BC'), ('timestamp', 'infinity'),
	('timestamptz', '2024-05-06 07:08:09.1+00'), ('timestamptz', '4713-01-01 00:00:00+00 BC'), ('timestamptz', '-infinity'), ('timestamptz', '1985-12-31 18:29:59+00'),
	('interval', '1 year -2 mons +3 days -04:05:06.789'), ('interval', '-00:00:00.000001'), ('interval', '178000000 years'), ('interval', '-1 days +02:03:00'), ('interval', '1 mon -1 days'), ('interval', '0'),
	('bit', '1'), ('varbit', ''), ('varbit', '1010101010'),
	('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('pg_lsn', 'FFFFFFFF/FFFFFFFF'), ('pg_snapshot', '10:20:10,14'), ('txid_snapshot', '10:20:10,14'),
	('tsvector', '''a b'':1A,2B c ''d''''e'''), ('tsquery', '''a b'':* & !( c <2> d )'), ('tsvector', ''),
	('int4range', '[1,5)'), ('int8range', 'empty'), ('numrange', '(1.10,)'), ('daterange', '[2024-01-02,infinity)'), ('tsrange', '["0001-01-01 BC","2024-01-01 00:00:01")'), ('tstzrange', '(,"2024-06-07 08:09:10.111213+00"]'),
	('regclass', 'pg_catalog.pg_class'), ('regtype', 'integer'), ('regproc', 'pg_catalog.pg_sleep'), ('regprocedure', 'abs(integer)'), ('regoper', 'pg_catalog.||/'), ('regoperator', '+(integer,integer)'),
	('regconfig', 'english'), ('regdictionary', 'simple'), ('regnamespace', 'pg_catalog'), ('regrole', 'postgres'), ('regcollation', '"C"'),
	('refcursor', 'c');
INSERT INTO sample SELECT t.oid, '{}' FROM pg_type t WHERE t.typname IN ('_text', '_int4');
INSERT INTO sample VALUES ('int4[]', '[-2:0]={1,NULL,3}'), ('text[]', E'{"",NULL,"NULL","a\\"b","c\\\\d","{}"," e "}'), ('timestamptz[]', '{"2024-01-02 03:04:05+00","0044-03-15 00:00:00+00 BC"}'), ('float8[]', '{0.1,NaN}'), ('bytea[]', '{"\\x00ff"}'), ('box[]', '{(1,1),(0,0);(3,3),(2,2)}'), ('interval[]', '{"1 mon -1 days"}'), ('jsonb[]', '{"{\"a\": [1]}"}'), ('tsvector[]', '{"''a b'':1"}'), ('numeric[]', '{{1.0,2.00},{3.000,4}}');

-- every base and range type that can be stored and read and has a binary form is in the sample
SELECT t.typname
FROM pg_type t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r') AND t.typcategory <> 'A' AND t.oid NOT IN (SELECT type FROM sample)
	AND t.typname NOT IN ('gtsvector', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary', 'regdatabase', 'oid8', 'aclitem')
ORDER BY 1;

CREATE TABLE stored (id int PRIMARY KEY);
SELECT create_slot();
SELECT format('ALTER TABLE stored ADD COLUMN %I %s', 'c_' || type::oid, type) FROM (SELECT DISTINCT type FROM sample) s ORDER BY type::oid \gexec
SELECT format('INSERT INTO stored (id, %I) VALUES (%s, %L::%s)', 'c_' || type::oid, row_number() OVER (ORDER BY type::oid, value COLLATE "C"), value, type)
FROM sample ORDER BY type::oid, value COLLATE "C" \gexec
SELECT count(*) FROM stored;

CREATE TABLE readback (LIKE stored INCLUDING INDEXES);
CREATE FUNCTION read_back(options text[]) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
	one record;
	n bigint := 0;
BEGIN
	FOR one IN SELECT data::json -> 2 AS v FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL, VARIADIC options) WHERE data ^@ '["I"'
	LOOP
		EXECUTE (SELECT format('INSERT INTO readback VALUES (%s)', string_agg(coalesce(quote_literal(value), 'NULL'), ', ' ORDER BY place))
			FROM json_array_elements_text(one.v) WITH ORDINALITY AS e(value, place));
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
-- the reader's session has settings of its own; those that say how text is read are the documented ones
SET DateStyle = ISO;
SET IntervalStyle = postgres;
SELECT read_back('{}') = (SELECT count(*) FROM stored) AS all_read;
SELECT count(*) FROM stored s JOIN readback r ON record_send(s) = record_send(r);
SELECT s AS stored, r AS readback FROM stored s LEFT JOIN readback r USING (id) WHERE record_send(s) IS DISTINCT FROM record_send(r);

DROP TABLE sample, stored, readback;
DROP FUNCTION read_back(text[]);
SELECT drop_slot();
