-- Memory does not grow with what is decoded, nor from one session of decoding to the next.
SELECT create_slot();
CREATE TABLE mem (id int, v text, n numeric, t timestamptz);
INSERT INTO mem SELECT i, 'value ' || i, i / 7.0, now() FROM generate_series(1, 5000) AS i;
INSERT INTO mem VALUES (0, repeat('large', 100000));
UPDATE mem SET v = 'keyless' WHERE id < 10;

-- many sessions in one backend, some of which end in an error
SELECT to_regclass('pg_catalog.pg_backend_memory_contexts') IS NOT NULL AS shown \gset
\if :shown
CREATE FUNCTION decode_often(times int) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	FOR i IN 1..times LOOP
		PERFORM count(*) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, 'format', CASE WHEN i % 2 = 0 THEN 'verbose' ELSE 'compact' END);
		BEGIN
			PERFORM 1 / (length(data) - length(data)) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL);
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		BEGIN
			PERFORM count(*) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, 'format', 'none');
		EXCEPTION WHEN invalid_parameter_value THEN NULL;
		END;
	END LOOP;
END
$$;
-- what is read for the first time stays in caches
SELECT decode_often(4);
SELECT sum(used_bytes) > 0 AS warm FROM pg_backend_memory_contexts;
SELECT sum(used_bytes) AS before FROM pg_backend_memory_contexts \gset
SELECT decode_often(20);
SELECT sum(used_bytes) - :before < 50000 AS steady FROM pg_backend_memory_contexts;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'alidecode change%';
DROP FUNCTION decode_often(int);
\else
SELECT 'not shown by this server';
\endif

-- a long transaction, in a fresh backend: the most that it ever used, in kB, where the
-- system shows it; the server's own part of decoding and of the result is kept small
INSERT INTO mem SELECT i, 'value ' || i, i / 7.0, now() FROM generate_series(1, 200000) AS i;
\connect
SET logical_decoding_work_mem = '64kB';
SET work_mem = '64kB';
CREATE FUNCTION peak_kb() RETURNS bigint
LANGUAGE sql
AS $$
	SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status', 0, 10000, true) FROM 'VmHWM:\s+(\d+)')::bigint
$$;
SELECT count(*) FROM pg_logical_slot_get_changes('regression_slot', NULL, 1) WHERE data ^@ '["I"';
SELECT coalesce(peak_kb(), 0) AS before \gset
SELECT count(*) FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL) WHERE data ^@ '["I"';
SELECT coalesce(peak_kb(), 0) - :before < 8000 AS steady;

DROP FUNCTION peak_kb();
DROP TABLE mem;
SELECT drop_slot();
