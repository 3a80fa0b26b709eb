-- A database in LATIN1: the SQL functions stay in it, a reader may ask for UTF-8.
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_latin1;
RESET client_min_messages;
CREATE DATABASE regress_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\connect regress_latin1
SET client_encoding = 'UTF8';
SELECT slot_name FROM pg_create_logical_replication_slot('latin1_slot', 'alidecode');
CREATE SCHEMA "Schräg";
CREATE TYPE "Schräg"."Tÿp" AS ENUM ('süß', 'b');
CREATE TABLE "Schräg"."Tabelle ñ" (id int PRIMARY KEY, "größe" text, t "Schräg"."Tÿp", x xml, j jsonb);
INSERT INTO "Schräg"."Tabelle ñ" VALUES (1, 'Grüße "¡" \', 'süß', '<ä>ö</ä>', '{"ü": "ß"}'), (2, NULL, 'b', NULL, NULL), (3, 'ascii only', 'b', NULL, NULL);
SELECT 'sent' FROM pg_logical_emit_message(true, 'prä', 'Inhält');

-- in the database's encoding, converted by the server for this client
SELECT regexp_replace(data, '(\["R",\d+),\d+', '\1,OID') AS record FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL) WHERE data ~ '^\["[RIU]"';
SELECT data::json ->> 3 AS encoding FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL) WHERE data ^@ '["H"';
SELECT data::json ->> 1 AS prefix, data::json ->> 2 AS content FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL) WHERE data ^@ '["M"';
-- asked for by its name it is the same
SELECT count(*) FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL, 'encoding', 'LATIN1');
-- UTF-8 as bytes
SELECT regexp_replace(encode(data, 'escape'), '(\["R",\d+),\d+', '\1,OID') AS record
FROM pg_logical_slot_peek_binary_changes('latin1_slot', NULL, NULL, 'encoding', 'UTF8') WHERE encode(substr(data, 3, 1), 'escape') IN ('R', 'I');
SELECT encode(data, 'escape') ~ '^\["H",1,\d+,"UTF8",' AS says_utf8 FROM pg_logical_slot_peek_binary_changes('latin1_slot', NULL, NULL, 'encoding', 'UTF8') LIMIT 1;
SELECT convert_from(data, 'UTF8')::json #>> '{2,1}' = 'Grüße "¡" \' AS equal
FROM pg_logical_slot_peek_binary_changes('latin1_slot', NULL, NULL, 'encoding', 'UTF8') WHERE encode(data, 'escape') ^@ '["I",1,["1"';
-- text in another encoding is not something that these functions can return
\set SHOW_CONTEXT never
SELECT count(*) FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL, 'encoding', 'UTF8');
-- filters are in the database's encoding, whatever is sent
SELECT count(*) FROM pg_logical_slot_peek_changes('latin1_slot', NULL, NULL, 'include_tables', '"Schräg"."Tabelle ñ"') WHERE data ^@ '["I"';
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('latin1_slot', NULL, NULL, 'include_tables', '"Schräg".*', 'encoding', 'UTF8') WHERE encode(data, 'escape') ^@ '["I"';

SELECT pg_drop_replication_slot('latin1_slot');
\connect regression
DROP DATABASE regress_latin1;
