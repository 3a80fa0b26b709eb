-- A database in an encoding of several bytes a character that are not UTF-8's.
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_eucjp;
RESET client_min_messages;
CREATE DATABASE regress_eucjp TEMPLATE template0 ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C';
\connect regress_eucjp
SET client_encoding = 'UTF8';
SELECT slot_name FROM pg_create_logical_replication_slot('eucjp_slot', 'alidecode');
CREATE TABLE "表" (id int PRIMARY KEY, "名前" text);
INSERT INTO "表" VALUES (1, '漢字とカナ "引用" \ ｶﾅ'), (2, repeat('漢', 1000));
SELECT 'sent' FROM pg_logical_emit_message(true, '前', '内容');
SELECT regexp_replace(regexp_replace(data, '(\["R",\d+),\d+', '\1,OID'), '漢{20,}', '...') AS record FROM pg_logical_slot_peek_changes('eucjp_slot', NULL, NULL) WHERE data ~ '^\["[RI]"';
SELECT regexp_replace(convert_from(data, 'UTF8'), '"[0-9A-F]+/[0-9A-F]+"', '"LSN"', 'g') AS record
FROM pg_logical_slot_peek_binary_changes('eucjp_slot', NULL, NULL, 'encoding', 'UTF8') WHERE encode(substr(data, 3, 1), 'escape') = 'M';
SELECT encode(data, 'escape') AS record
FROM pg_logical_slot_peek_binary_changes('eucjp_slot', NULL, NULL, 'encoding', 'UTF8') WHERE encode(data, 'escape') ^@ '["I",1,["1"';
SELECT convert_from(data, 'UTF8') = '["I",1,["2","' || repeat('漢', 1000) || '"]]' AS equal
FROM pg_logical_slot_peek_binary_changes('eucjp_slot', NULL, NULL, 'encoding', 'UTF8') WHERE encode(data, 'escape') ^@ '["I",1,["2"';
SELECT pg_drop_replication_slot('eucjp_slot');
\connect regression
DROP DATABASE regress_eucjp;
