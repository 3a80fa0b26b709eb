-- Changes of a partitioned table are those of its partitions; each names its root.
SELECT create_slot();

CREATE TABLE p (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE p_north PARTITION OF p FOR VALUES IN ('north');
CREATE TABLE p_south PARTITION OF p FOR VALUES IN ('south') PARTITION BY RANGE (id);
CREATE TABLE p_south_1 PARTITION OF p_south FOR VALUES FROM (0) TO (100);
-- columns in another order, and one that is gone
CREATE TABLE p_rest (v text, gone int, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE p_rest DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p_rest DEFAULT;

INSERT INTO p VALUES (1, 'north', 'a'), (2, 'south', 'b'), (3, 'west', 'c');
UPDATE p SET v = 'z';
-- the row moves: delete and insert
UPDATE p SET region = 'south' WHERE id = 1;
DELETE FROM p WHERE id = 3;
SELECT * FROM changes();

-- detached it is a table of its own; attached again it has its root
ALTER TABLE p DETACH PARTITION p_north;
INSERT INTO p_north VALUES (4, 'north', 'alone');
ALTER TABLE p ATTACH PARTITION p_north FOR VALUES IN ('north');
INSERT INTO p VALUES (5, 'north', 'together');
-- attached deeper: the root changes
CREATE TABLE top (LIKE p, PRIMARY KEY (id, region)) PARTITION BY RANGE (id);
ALTER TABLE top ATTACH PARTITION p FOR VALUES FROM (0) TO (1000);
INSERT INTO top VALUES (6, 'north', 'deeper');
-- a root is renamed
ALTER TABLE top RENAME TO summit;
INSERT INTO summit VALUES (7, 'north', 'renamed');
SELECT * FROM changes();

-- each partition has its own identity
ALTER TABLE p_north REPLICA IDENTITY FULL;
UPDATE summit SET v = 'full' WHERE id IN (2, 7);
SELECT * FROM changes();

-- ordinary inheritance has no root
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE derived (v text) INHERITS (base);
INSERT INTO derived VALUES (1, 'x');
UPDATE base SET id = 2;
SELECT * FROM changes();

DROP TABLE summit, derived, base;
SELECT drop_slot();
