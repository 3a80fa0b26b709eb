-- Names and values that quoting could get wrong.
SELECT create_slot();

CREATE SCHEMA "Sch""ema";
CREATE TYPE "Sch""ema"."Ty pe" AS ENUM ('a''b', 'c"d', E'e\\f');
CREATE TABLE "Sch""ema"."Ta""ble" (
	"id" int,
	"Quote""d" text,
	"back\slash" text,
	"new
line" text,
	"tab	" text,
	"ünïcödé € 漢字 😀" text,
	"select" "Sch""ema"."Ty pe",
	"63 bytes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" "Sch""ema"."Ty pe"[],
	"{}" "char",
	"[1,2]" int4range,
	PRIMARY KEY ("id", "Quote""d")
);
INSERT INTO "Sch""ema"."Ta""ble" VALUES
	(1, 'say "hi"', E'C:\\temp\\', E'a\nb\r\nc', E'\t\b\f', 'ü € 漢字 😀', 'a''b', ARRAY['c"d', E'e\\f']::"Sch""ema"."Ty pe"[], 'x', '[1,5)'),
	(2, '', E'\x01\x02\x1f\x7f', E'\u2028\u2029\u0085', '</script>', E'\U0010FFFF\uFEFF', E'e\\f', '{}', E'\\', 'empty');
UPDATE "Sch""ema"."Ta""ble" SET "Quote""d" = E'new\nkey "\\"' WHERE id = 1;
DELETE FROM "Sch""ema"."Ta""ble" WHERE id = 2;
SELECT * FROM changes();

-- every byte that ASCII has, but the zero byte
CREATE TABLE ascii (id int PRIMARY KEY, v text);
INSERT INTO ascii SELECT i, 'a' || chr(i) || 'b' FROM generate_series(1, 127) AS i;
INSERT INTO ascii SELECT 0, string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 127) AS i;
CREATE TEMP TABLE got (id int, v text, record text);
INSERT INTO got SELECT (record::json #>> '{2,0}')::int AS id, record::json #>> '{2,1}' AS v, record FROM rows_only() AS record;
SELECT count(*) FROM ascii JOIN got USING (id, v);
SELECT record FROM got WHERE id = 0;

-- special characters at every place of a string, for code that scans eight bytes at once
INSERT INTO ascii
SELECT 1000 + 40 * len + pos, repeat('x', pos) || special || repeat('y', len - pos)
FROM generate_series(1, 24) AS len, generate_series(0, len) AS pos, (VALUES (E'\\')) AS s(special);
INSERT INTO ascii
SELECT 10000 + 1000 * ascii(special) + 40 * len + pos, repeat('ü', pos) || special || repeat('y', len - pos)
FROM generate_series(1, 20) AS len, generate_series(0, len) AS pos, (VALUES ('"'), (E'\n'), (E'\x1f'), (E'\x1'), (E'\x7f')) AS s(special);
INSERT INTO ascii
SELECT 200000 + len, repeat('z', len) FROM generate_series(0, 300) AS len;
DELETE FROM got;
INSERT INTO got SELECT (record::json #>> '{2,0}')::int, record::json #>> '{2,1}', NULL FROM rows_only() AS record;
SELECT count(*) = (SELECT count(*) FROM ascii WHERE id >= 1000) AS all_equal FROM ascii JOIN got USING (id, v);

-- composite and domain types, with names to quote
CREATE DOMAIN "Sch""ema"."Do,main" AS text CHECK (value <> 'no');
CREATE TYPE "Sch""ema"."Com.posite" AS ("A b" int, "c""d" text);
CREATE TABLE quoted_types (id int PRIMARY KEY, d "Sch""ema"."Do,main", c "Sch""ema"."Com.posite", cs "Sch""ema"."Com.posite"[]);
INSERT INTO quoted_types VALUES (1, 'x"y', ROW(1, 'a,"b"'), ARRAY[ROW(2, NULL), ROW(NULL, '')]::"Sch""ema"."Com.posite"[]);
SELECT * FROM changes();

-- the same type name in two schemas, and in the search path
CREATE SCHEMA twin;
CREATE TYPE twin.same AS ENUM ('t');
CREATE TYPE public.same AS ENUM ('p');
SET search_path = twin, public;
CREATE TABLE public.same_types (id int PRIMARY KEY, a twin.same, b public.same);
INSERT INTO public.same_types VALUES (1, 't', 'p');
SELECT * FROM public.changes();
RESET search_path;

DROP TABLE "Sch""ema"."Ta""ble", ascii, quoted_types, same_types;
DROP TYPE public.same;
DROP SCHEMA "Sch""ema", twin CASCADE;
SELECT drop_slot();
