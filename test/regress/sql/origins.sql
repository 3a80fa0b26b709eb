-- What was replayed from elsewhere says so, and can be left out.
SELECT create_slot();
CREATE TABLE o (id int PRIMARY KEY, v text);

SELECT pg_replication_origin_create('west "coast"') IS NOT NULL AS created;
INSERT INTO o VALUES (1, 'local');
SELECT pg_replication_origin_session_setup('west "coast"');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2020-01-02 03:04:05+00');
INSERT INTO o VALUES (2, 'from the west');
SELECT 'sent' FROM pg_logical_emit_message(true, 'west', 'transactional');
COMMIT;
INSERT INTO o VALUES (3, 'from the west, at the position given last');
SELECT 'sent' FROM pg_logical_emit_message(false, 'west', 'at once');
SELECT pg_replication_origin_session_reset();
INSERT INTO o VALUES (4, 'local again');

CREATE FUNCTION peek(VARIADIC options text[]) RETURNS TABLE (record text)
LANGUAGE sql
AS $$
	SELECT mask(data) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, VARIADIC options)
$$;
SELECT * FROM peek('origin', 'any');
SELECT * FROM peek('origin', 'none');

-- an origin that is gone when the changes are read: its transactions are read all the same
SELECT pg_replication_origin_drop('west "coast"');
SELECT * FROM peek('origin', 'any') WHERE record ~ '^\["[BI]"';
SELECT * FROM changes('origin', 'none');

DROP TABLE o;
DROP FUNCTION peek(text[]);
SELECT drop_slot();
