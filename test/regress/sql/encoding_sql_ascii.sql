-- SQL_ASCII: any bytes. Where they are UTF-8 they are text, else they are sent as hex.
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_ascii;
RESET client_min_messages;
CREATE DATABASE regress_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
\connect regress_ascii
SET client_encoding = 'SQL_ASCII';
SELECT slot_name FROM pg_create_logical_replication_slot('ascii_slot', 'alidecode');
CREATE TABLE bytes (id int PRIMARY KEY, v text, w text[]);
INSERT INTO bytes VALUES
	(1, 'ascii "only"', '{a}'),
	(2, E'\xc3\xbc', NULL),
	(3, E'\xfc', ARRAY['ok', E'\xff']),
	(4, E'half \xe2\x82', NULL),
	(5, E'surrogate \xed\xa0\x80', NULL),
	(6, E'overlong \xc0\xaf', NULL),
	(7, E'beyond \xf4\x90\x80\x80', NULL),
	(8, E'last \xf4\x8f\xbf\xbf', NULL),
	(9, E'\x80', NULL),
	(10, 'long ' || repeat(E'\xc3\xbc', 100) || E'\xc3', NULL);
UPDATE bytes SET id = 11 WHERE id = 3;
-- the key itself
CREATE TABLE byte_key (k text PRIMARY KEY);
INSERT INTO byte_key VALUES (E'\xe4');
DELETE FROM byte_key;
SELECT 'sent' FROM pg_logical_emit_message(true, 'pre', E'\xe4');
SELECT encode(convert_to(regexp_replace(regexp_replace(data, '(\["R",\d+),\d+', '\1,OID'), '"[0-9A-F]+/[0-9A-F]+"', '"LSN"', 'g'), 'SQL_ASCII'), 'escape') AS record
FROM pg_logical_slot_peek_changes('ascii_slot', NULL, NULL) WHERE data ~ '^\["[RIUDM]"';
SELECT data::json ->> 3 AS encoding FROM pg_logical_slot_peek_changes('ascii_slot', NULL, NULL) LIMIT 1;
-- asked for as UTF-8, the rule is the same
SELECT count(*) AS records, count(*) FILTER (WHERE b.data = convert_to(t.data, 'SQL_ASCII')) AS equal
FROM pg_logical_slot_peek_binary_changes('ascii_slot', NULL, NULL, 'encoding', 'UTF8') WITH ORDINALITY AS b(lsn, xid, data, place)
JOIN pg_logical_slot_peek_changes('ascii_slot', NULL, NULL) WITH ORDINALITY AS t(lsn, xid, data, place) USING (place)
WHERE t.data !~ '^\["[H]"';
\set SHOW_CONTEXT never
SELECT count(*) FROM pg_logical_slot_peek_changes('ascii_slot', NULL, NULL, 'encoding', 'LATIN1');
-- names that are not UTF-8
CREATE TABLE "t" (id int PRIMARY KEY, v text);
SELECT count(*) > 0 AS read FROM pg_logical_slot_get_changes('ascii_slot', NULL, NULL);
DO $$ BEGIN EXECUTE format(E'ALTER TABLE t RENAME TO %I', E'na\xefve'); END $$;
DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (1, %L)', E'na\xefve', 'x'); END $$;
SELECT encode(convert_to(regexp_replace(data, '(\["R",\d+),\d+', '\1,OID'), 'SQL_ASCII'), 'escape') AS record
FROM pg_logical_slot_peek_changes('ascii_slot', NULL, NULL) WHERE data ~ '^\["[RI]"';
SELECT pg_drop_replication_slot('ascii_slot');
\connect regression
DROP DATABASE regress_ascii;
