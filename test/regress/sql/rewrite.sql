-- A rewrite of the table is not a change of its rows.
SELECT create_slot();

CREATE TABLE r (id int PRIMARY KEY, v text, big text);
ALTER TABLE r ALTER big SET STORAGE EXTERNAL;
INSERT INTO r SELECT i, 'v' || i, repeat(md5(i::text), 200) FROM generate_series(1, 3) AS i;
SELECT count(*) FROM changes();

ALTER TABLE r ALTER COLUMN id TYPE bigint;
ALTER TABLE r ADD COLUMN at timestamptz DEFAULT clock_timestamp();
VACUUM FULL r;
CLUSTER r USING r_pkey;
REINDEX TABLE r;
SELECT * FROM changes();

-- changes before and after, in the transaction of the rewrite; values out of line stay whole
ALTER TABLE r DROP COLUMN at;
BEGIN;
INSERT INTO r VALUES (4, 'before', repeat(md5('4'), 200));
UPDATE r SET v = 'touched' WHERE id = 1;
ALTER TABLE r ALTER COLUMN v TYPE varchar(100), ALTER COLUMN id TYPE numeric;
INSERT INTO r VALUES (5, 'after', repeat(md5('5'), 200));
UPDATE r SET v = 'touched' WHERE id = 2;
UPDATE r SET big = repeat(md5('x'), 200) WHERE id = 3;
COMMIT;
SELECT replace(replace(replace(record, repeat(md5('4'), 200), '<4>'), repeat(md5('5'), 200), '<5>'), repeat(md5('x'), 200), '<x>') AS record
FROM changes() AS record;

-- filled in the transaction that created it; COPY into it, FREEZE too
BEGIN;
CREATE TABLE fresh (id int PRIMARY KEY, v text);
COPY fresh FROM STDIN WITH (FREEZE);
1	frozen
2	frozen
\.
COMMIT;
BEGIN;
TRUNCATE fresh;
COPY fresh FROM STDIN;
3	after truncate
\.
COMMIT;
CREATE TABLE from_query AS SELECT * FROM fresh;
SELECT * FROM changes();

DROP TABLE r, fresh, from_query;
SELECT drop_slot();
