-- A transaction larger than logical_decoding_work_mem goes by way of the disk, and arrives whole.
SELECT create_slot();
CREATE TABLE spilled (id int PRIMARY KEY, v text);
ALTER TABLE spilled ALTER v SET STORAGE EXTERNAL;
CREATE TABLE spilled_late (id int PRIMARY KEY);
BEGIN;
INSERT INTO spilled SELECT i, 'row ' || i FROM generate_series(1, 5000) AS i;
SAVEPOINT a;
INSERT INTO spilled SELECT i, 'rolled back' FROM generate_series(5001, 8000) AS i;
ROLLBACK TO a;
SAVEPOINT b;
INSERT INTO spilled SELECT i, repeat('x', 4000) FROM generate_series(5001, 5050) AS i;
UPDATE spilled SET id = id + 100000 WHERE id > 5040;
RELEASE b;
ALTER TABLE spilled ADD COLUMN extra int DEFAULT 5;
UPDATE spilled SET extra = 6 WHERE id <= 10;
INSERT INTO spilled_late VALUES (1);
COMMIT;
BEGIN;
INSERT INTO spilled SELECT i, 'rolled back' FROM generate_series(20001, 25000) AS i;
ROLLBACK;
INSERT INTO spilled VALUES (0, 'last', 0);

SET logical_decoding_work_mem = '64kB';
CREATE TEMP TABLE got (record text, place bigint);
INSERT INTO got SELECT record, ordinality AS place FROM changes() WITH ORDINALITY AS c(record, ordinality);
RESET logical_decoding_work_mem;
SELECT substr(record, 3, 1) AS kind, count(*) FROM got GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows_in_order FROM got WHERE record = format('["I",1,["%s","row %s"]]', place - 3, place - 3);
SELECT count(*) AS toasted FROM got WHERE record ~ '^\["I",1,\["5\d\d\d","x' AND substr(record, 17) = repeat('x', 4000) || '"]]';
SELECT count(*) AS unchanged FROM got WHERE record ~ '^\["U",1,\["10\d\d\d\d",false\],\["50\d\d"\]\]$';
SELECT record FROM got WHERE record ~ '^\["[HBRC]"' OR place > (SELECT max(place) - 18 FROM got) ORDER BY place;

-- that it did go by way of the disk
SELECT to_regclass('pg_catalog.pg_stat_replication_slots') IS NOT NULL AS counted \gset
\if :counted
SELECT spill_txns > 0 AS spilled, spill_bytes > 0 AS bytes, total_txns > 0 AS total FROM pg_stat_replication_slots WHERE slot_name = 'regression_slot';
\endif

DROP TABLE spilled, spilled_late;
SELECT drop_slot();
