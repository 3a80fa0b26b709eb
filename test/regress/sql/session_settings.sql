-- Reading changes leaves the session as it was, also when it ends in an error.
\set SHOW_CONTEXT never
SELECT create_slot();
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE s (id int PRIMARY KEY, d timestamptz, f float8, i interval, b bytea, m mood, c regclass, t regtype, p regprocedure);
INSERT INTO s VALUES (1, '2024-05-06 07:08:09+00', 0.30000000000000004, '-1 day -02:03:04', '\x00ff', 'sad', 's', 'mood', 'changes(text[])');
CREATE VIEW settings AS
SELECT string_agg(setting, ' | ' ORDER BY lower(name)) AS settings FROM pg_settings
WHERE name IN ('DateStyle', 'IntervalStyle', 'TimeZone', 'extra_float_digits', 'bytea_output', 'lc_monetary', 'search_path', 'quote_all_identifiers');
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record text)
LANGUAGE sql
AS $$
	SELECT mask(data) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, VARIADIC options) WHERE data ~ '^\["[RI]"'
$$;
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = iso_8601;
SET TimeZone = 'Asia/Kolkata';
SET extra_float_digits = -3;
SET bytea_output = escape;
SET quote_all_identifiers = on;
TABLE settings;
SELECT * FROM peek();
TABLE settings;

-- within a transaction, with SET LOCAL
BEGIN;
SET LOCAL DateStyle = 'German';
SELECT * FROM peek();
TABLE settings;
SAVEPOINT a;
SET LOCAL TimeZone = 'Europe/Berlin';
SELECT * FROM peek();
TABLE settings;
-- an error in the options
SELECT * FROM peek('format', 'none');
ROLLBACK TO a;
TABLE settings;
COMMIT;
TABLE settings;
SELECT * FROM peek('batch_bytes', 'many');
TABLE settings;

-- an error in the middle of decoding
INSERT INTO s SELECT i, now(), i, '1 day' FROM generate_series(100, 30000) AS i;
SET statement_timeout = '5ms';
SELECT count(*) FROM peek();
RESET statement_timeout;
TABLE settings;
SELECT count(*) FROM peek();
-- a division by zero in the query, half way through the rows that were read
SELECT 1 / (length(record) - length(record)) FROM peek();
TABLE settings;
-- the values that the session shows are in its own style again
SELECT id, d, f, i, b, c FROM s WHERE id = 1;

-- two slots read in one query
SELECT slot_name FROM pg_create_logical_replication_slot('second_slot', 'alidecode');
INSERT INTO s VALUES (2, NULL, NULL, NULL, NULL);
SELECT a.data = b.data AS same
FROM pg_logical_slot_peek_changes('second_slot', NULL, NULL) a, pg_logical_slot_peek_changes('regression_slot', NULL, NULL) b
WHERE a.data ^@ '["I",1,["2"' AND b.data ^@ '["I",1,["2"';
TABLE settings;
SELECT pg_drop_replication_slot('second_slot');

DROP VIEW settings;
DROP TABLE s;
DROP TYPE mood;
DROP FUNCTION peek(text[]);
SELECT drop_slot();
