-- 1,600 columns: the most that a table can have.
SELECT create_slot();
\o /dev/null
SELECT format('CREATE TABLE wide (%s)', string_agg(CASE WHEN i = 1600 THEN 'c1600 bool PRIMARY KEY' ELSE format('c%s bool', i) END, ', ' ORDER BY i)) FROM generate_series(1, 1600) AS i \gexec
SELECT format('INSERT INTO wide VALUES (%s)', string_agg(CASE i % 3 WHEN 0 THEN 'NULL' WHEN 1 THEN 'true' ELSE 'false' END, ', ' ORDER BY i)) FROM generate_series(1, 1600) AS i \gexec
\o
UPDATE wide SET c1 = false;
UPDATE wide SET c1600 = false;
ALTER TABLE wide REPLICA IDENTITY FULL;
DELETE FROM wide;
CREATE TEMP TABLE got (r jsonb, line text, place bigint);
INSERT INTO got SELECT data::jsonb AS r, data AS line, place FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL) WITH ORDINALITY AS c(lsn, xid, data, place);
\pset null '(null)'
SELECT r ->> 0 AS kind, jsonb_array_length(r -> 2) AS "values", jsonb_array_length(r -> 3) AS old, r #> '{2,0}' AS first, r #> '{2,1599}' AS last, r -> 3 -> 0 AS old_first
FROM got WHERE line ~ '^\["[IUD]"' ORDER BY place;
SELECT count(*) FROM got, jsonb_array_elements(r -> 2) WITH ORDINALITY AS v(value, i)
WHERE r ->> 0 = 'I' AND value = CASE i % 3 WHEN 0 THEN 'null'::jsonb WHEN 1 THEN '"t"' ELSE '"f"' END;

INSERT INTO wide (c1600) VALUES (true);
CREATE TEMP TABLE rel (r jsonb);
INSERT INTO rel SELECT regexp_replace(record, ',OID,', ',0,')::jsonb AS r FROM changes() AS record WHERE record ~ '^\["R"';
SELECT jsonb_array_length(r -> 6), r #> '{6,0}' AS first, r #> '{6,1599}' AS last FROM rel;

DROP TABLE wide;
SELECT drop_slot();
