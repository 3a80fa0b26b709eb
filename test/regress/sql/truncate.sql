SELECT create_slot();

CREATE TABLE parent (id int PRIMARY KEY, n serial);
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent);
CREATE TABLE other (v text);

TRUNCATE other;
TRUNCATE other, child;
TRUNCATE parent CASCADE;
TRUNCATE other RESTART IDENTITY;
TRUNCATE parent, other RESTART IDENTITY CASCADE;
TRUNCATE ONLY other CONTINUE IDENTITY RESTRICT;
-- among other changes
BEGIN;
INSERT INTO other VALUES ('before');
TRUNCATE other;
INSERT INTO other VALUES ('after');
COMMIT;
-- rolled back: nothing
BEGIN;
TRUNCATE other;
ROLLBACK;
SELECT * FROM changes();

-- a truncate of unlogged and temporary tables is not sent; in mixed company only the others are
CREATE UNLOGGED TABLE unlogged (v int);
TRUNCATE unlogged;
TRUNCATE unlogged, other;
SELECT * FROM changes();

-- a filtered table is left out of the list; with none left nothing is sent
TRUNCATE parent, child, other;
TRUNCATE other;
SELECT * FROM changes('exclude_tables', 'public.other');

-- a partitioned table: its partitions
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
TRUNCATE parted;
TRUNCATE parted_2;
-- inheritance: the children too, unless ONLY is said
CREATE TABLE heir () INHERITS (other);
TRUNCATE other;
TRUNCATE ONLY other;
SELECT * FROM changes();

-- a partitioned table in between is not listed: it has no rows
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (20) TO (30) PARTITION BY RANGE (id);
CREATE TABLE parted_3a PARTITION OF parted_3 FOR VALUES FROM (20) TO (30);
TRUNCATE parted;
TRUNCATE parted_3;
SELECT * FROM rows_only();
-- nor a root of which no partition is wanted
TRUNCATE parted, other;
TRUNCATE parted;
SELECT * FROM changes('exclude_tables', 'public.parted_*');

DROP TABLE parent, child, other, heir, unlogged, parted;
SELECT drop_slot();
