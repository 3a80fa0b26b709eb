-- include_tables and exclude_tables: lists of schema.table, with * for any run of characters.
SELECT create_slot();
CREATE SCHEMA other;
CREATE SCHEMA "Odd, one";
CREATE TABLE a1 (id int PRIMARY KEY);
CREATE TABLE a2 (id int PRIMARY KEY);
CREATE TABLE b1 (id int PRIMARY KEY);
CREATE TABLE other.a1 (id int PRIMARY KEY);
CREATE TABLE other."A1" (id int PRIMARY KEY);
CREATE TABLE "Odd, one"."dot.ted" (id int PRIMARY KEY);
CREATE TABLE "Odd, one"."st*r" (id int PRIMARY KEY);
BEGIN;
INSERT INTO a1 VALUES (1);
INSERT INTO a2 VALUES (2);
INSERT INTO b1 VALUES (3);
INSERT INTO other.a1 VALUES (4);
INSERT INTO other."A1" VALUES (5);
INSERT INTO "Odd, one"."dot.ted" VALUES (6);
INSERT INTO "Odd, one"."st*r" VALUES (7);
COMMIT;

-- the values that get through
CREATE FUNCTION through(VARIADIC options text[] DEFAULT '{}') RETURNS text
LANGUAGE sql
AS $$
	SELECT string_agg(data::json #>> '{2,0}', ' ' ORDER BY place)
	FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, VARIADIC options) WITH ORDINALITY AS m(lsn, xid, data, place)
	WHERE data ^@ '["I"'
$$;
SELECT through();
SELECT through('include_tables', 'public.a1');
SELECT through('include_tables', 'public.a1,other.a1');
SELECT through('include_tables', ' public.a1 , other.a1 ');
SELECT through('include_tables', '*.a1');
SELECT through('include_tables', 'public.*');
SELECT through('include_tables', 'public.a*');
SELECT through('include_tables', '*.*1');
SELECT through('include_tables', '*.*');
SELECT through('exclude_tables', 'public.a1');
SELECT through('exclude_tables', '*.a*,public.b1');
SELECT through('exclude_tables', '*.*') IS NULL AS nothing;
-- both: exclude wins
SELECT through('include_tables', 'public.*', 'exclude_tables', '*.a1');
-- names with capitals, commas, dots and stars are quoted
SELECT through('include_tables', 'other."A1"');
SELECT through('include_tables', '"Odd, one".*');
SELECT through('include_tables', '"Odd, one"."dot.ted"');
SELECT through('include_tables', '"Odd, one"."st*r"');
-- a name that nobody has
SELECT through('include_tables', 'nobody.has') IS NULL AS nothing;

-- a transaction without a wanted change sends nothing, and the slot moves on
SELECT confirmed_flush_lsn AS before FROM pg_replication_slots WHERE slot_name = 'regression_slot' \gset
SELECT * FROM changes('include_tables', 'nobody.has');
SELECT confirmed_flush_lsn > :'before' AS moved FROM pg_replication_slots WHERE slot_name = 'regression_slot';

-- only the wanted relation is described
INSERT INTO a2 VALUES (20);
INSERT INTO b1 VALUES (30);
SELECT * FROM changes('exclude_tables', 'public.a*');

-- renamed tables are judged by their name of the time
INSERT INTO b1 VALUES (40);
ALTER TABLE b1 RENAME TO c1;
INSERT INTO c1 VALUES (41);
ALTER TABLE c1 RENAME TO b1;
INSERT INTO b1 VALUES (42);
SELECT * FROM rows_only('include_tables', 'public.b1');

-- partitions: named by themselves or by their root
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1), (11);
SELECT through('include_tables', 'public.parted_1');
SELECT through('include_tables', 'public.parted');
SELECT through('exclude_tables', 'public.parted_1');
SELECT through('exclude_tables', 'public.parted') IS NULL AS nothing;

-- the parent between a partition and its root names it too; what is detached, renamed or moved is judged anew
SELECT count(*) > 0 AS read FROM changes();
ALTER TABLE parted DETACH PARTITION parted_2;
INSERT INTO parted_2 VALUES (12);
CREATE TABLE middle (id int PRIMARY KEY) PARTITION BY RANGE (id);
ALTER TABLE middle ATTACH PARTITION parted_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE parted ATTACH PARTITION middle FOR VALUES FROM (10) TO (100);
INSERT INTO parted VALUES (3), (13);
ALTER TABLE middle RENAME TO centre;
INSERT INTO parted VALUES (4), (14);
ALTER TABLE parted RENAME TO divided;
INSERT INTO divided VALUES (5), (15);
BEGIN;
ALTER TABLE divided SET SCHEMA other;
INSERT INTO other.divided VALUES (6), (16);
ALTER SCHEMA other RENAME TO others;
INSERT INTO others.divided VALUES (7), (17);
ALTER SCHEMA others RENAME TO other;
COMMIT;
SELECT through();
SELECT through('include_tables', 'public.parted');
SELECT through('include_tables', 'public.middle');
SELECT through('exclude_tables', '*.centre');
SELECT through('include_tables', 'public.divided,others.*');
SELECT through('include_tables', 'other.divided');
SELECT through('include_tables', 'public.parted*', 'exclude_tables', 'public.middle,others.divided');

-- messages are no tables
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'hello');
SELECT * FROM changes('exclude_tables', '*.*');

DROP TABLE a1, a2, b1;
DROP FUNCTION through(text[]);
DROP SCHEMA other, "Odd, one" CASCADE;
SELECT drop_slot();
