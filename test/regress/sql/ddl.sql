-- Each change is sent in the shape that its table had at that moment.
SELECT create_slot();

CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one');
ALTER TABLE t ADD COLUMN n int;
INSERT INTO t VALUES (2, 'two', 2);
ALTER TABLE t RENAME COLUMN v TO value;
INSERT INTO t VALUES (3, 'three', 3);
ALTER TABLE t ALTER COLUMN n TYPE numeric(10,2);
INSERT INTO t VALUES (4, 'four', 4);
ALTER TABLE t RENAME TO u;
INSERT INTO u VALUES (5, 'five', 5);
CREATE SCHEMA elsewhere;
ALTER TABLE u SET SCHEMA elsewhere;
INSERT INTO elsewhere.u VALUES (6, 'six', 6);
ALTER SCHEMA elsewhere RENAME TO somewhere;
INSERT INTO somewhere.u VALUES (7, 'seven', 7);
ALTER TABLE somewhere.u DROP COLUMN value;
INSERT INTO somewhere.u VALUES (8, 8);
ALTER TABLE somewhere.u DROP CONSTRAINT t_pkey;
INSERT INTO somewhere.u VALUES (9, 9);
UPDATE somewhere.u SET n = 0 WHERE id = 9;
DELETE FROM somewhere.u WHERE n IS NULL;
ALTER TABLE somewhere.u ADD PRIMARY KEY (n, id);
UPDATE somewhere.u SET n = 1 WHERE id = 9;
SELECT * FROM changes();

-- all of that inside one transaction, with a rollback in the middle
BEGIN;
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one');
ALTER TABLE t ADD COLUMN n int DEFAULT 7;
UPDATE t SET v = 'two';
SAVEPOINT s;
ALTER TABLE t ADD COLUMN gone text DEFAULT 'gone';
INSERT INTO t VALUES (2, 'rolled back', 2, 'gone');
ROLLBACK TO s;
INSERT INTO t VALUES (3, 'three', 3);
ALTER TABLE t RENAME COLUMN v TO value;
ALTER TABLE t DROP COLUMN n;
INSERT INTO t VALUES (4, 'four');
ALTER TABLE t RENAME TO t2;
DELETE FROM t2 WHERE id = 1;
COMMIT;
SELECT * FROM changes();

-- a shape that came and went: the relation may be sent again, the rows fit it
INSERT INTO t2 VALUES (10, 'before');
BEGIN;
ALTER TABLE t2 ADD COLUMN x int;
ALTER TABLE t2 DROP COLUMN x;
COMMIT;
INSERT INTO t2 VALUES (11, 'after');
SELECT * FROM rows_only();

-- the table is gone when its changes are read
CREATE TABLE brief (id int PRIMARY KEY, v text);
INSERT INTO brief VALUES (1, 'still sent');
DROP TABLE brief;
-- and one of the same name comes
CREATE TABLE brief (v text, id int);
INSERT INTO brief VALUES ('another', 1);
DROP TABLE brief;
SELECT * FROM changes();

-- a type is renamed, moved, and gets new values
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE feeling (id int PRIMARY KEY, m mood);
INSERT INTO feeling VALUES (1, 'sad');
ALTER TYPE mood ADD VALUE 'so so';
INSERT INTO feeling VALUES (2, 'so so');
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
INSERT INTO feeling VALUES (3, 'blue');
ALTER TYPE mood RENAME TO humour;
INSERT INTO feeling VALUES (4, 'happy');
ALTER TYPE humour SET SCHEMA somewhere;
INSERT INTO feeling VALUES (5, 'happy');
SELECT * FROM changes();

-- constraints, triggers, privileges, owners, storage: the shape stays
INSERT INTO t2 VALUES (20, 'before');
ALTER TABLE t2 ADD CHECK (id > 0), ALTER COLUMN value SET DEFAULT 'd', ALTER COLUMN value SET STORAGE EXTERNAL, SET (fillfactor = 90);
GRANT SELECT ON t2 TO PUBLIC;
ALTER TABLE t2 CLUSTER ON t_pkey;
INSERT INTO t2 VALUES (21, 'after');
SELECT * FROM changes();

DROP TABLE somewhere.u, t2, feeling;
DROP SCHEMA somewhere CASCADE;
SELECT drop_slot();
