-- batch_bytes: a message carries many records, but of one transaction.
SELECT create_slot();
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE FUNCTION messages(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (place bigint, records text[], message_bytes int)
LANGUAGE sql
AS $$
	SELECT m.place, regexp_split_to_array(m.data, E'\n'), octet_length(m.data)
	FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, VARIADIC options) WITH ORDINALITY AS m(lsn, xid, data, place)
$$;
INSERT INTO b VALUES (1, 'x');
INSERT INTO b VALUES (2, E'line\nfeed'), (3, 'z');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'between');
BEGIN;
INSERT INTO b VALUES (4, 'x');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'before the transaction that it stands in');
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'within');
DELETE FROM b WHERE id = 4;
COMMIT;
-- one message a transaction; the hello may stand in the first one's
SELECT place, array_to_string(ARRAY(SELECT mask(r) FROM unnest(records) AS r), E'\n') AS records FROM messages('batch_bytes', '1MB');

-- the same records in the same order, however they are batched
CREATE FUNCTION stream(bytes text) RETURNS text
LANGUAGE sql
AS $$
	SELECT string_agg(array_to_string(records, E'\n'), E'\n' ORDER BY place) FROM messages('batch_bytes', bytes)
$$;
INSERT INTO b SELECT i, repeat('v', i % 200) FROM generate_series(100, 1099) AS i;
INSERT INTO b VALUES (5000, repeat('large', 20000));
INSERT INTO b SELECT i, 'tail' FROM generate_series(6000, 6009) AS i;
SELECT size, stream(size) = stream('0') AS same FROM unnest(ARRAY['0', '1', '100', '4kB', '64kB', '64MB']) AS size;
SELECT size, count(*) AS messages FROM unnest(ARRAY['0', '1', '64MB']) AS size, messages('batch_bytes', size) GROUP BY size ORDER BY size;

-- never two transactions in one message; full when it is sent, unless the transaction ends
SELECT size,
	bool_and((SELECT count(*) FROM unnest(records) AS r WHERE r ^@ '["B"') <= 1) AS one_begin,
	bool_and((SELECT count(*) FROM unnest(records) AS r WHERE r ^@ '["C"') <= 1) AS one_commit,
	bool_and(NOT EXISTS (SELECT 1 FROM unnest(records[:array_length(records, 1) - 1]) AS r WHERE r ^@ '["C"')) AS commit_last,
	bool_and(NOT EXISTS (SELECT 1 FROM unnest(records[2:]) AS r WHERE r ^@ '["B"') OR records[1] ^@ '["H"') AS begin_first,
	bool_and(message_bytes - octet_length(records[array_length(records, 1)]) <= 4096) AS not_overfull,
	bool_and(message_bytes >= 4096 OR records[array_length(records, 1)] ~ '^\["[CM]"') AS full
FROM (VALUES ('4kB')) AS s(size), messages('batch_bytes', size) GROUP BY size;

DROP TABLE b;
DROP FUNCTION messages(text[]), stream(text);
SELECT drop_slot();
