-- What the WAL does not hold, or is no change of a row: nothing is sent.
SELECT create_slot();
CREATE TABLE logged (id int PRIMARY KEY, v text);
INSERT INTO logged VALUES (1, 'x');
SELECT count(*) FROM changes();

CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v text);
INSERT INTO unlogged VALUES (1, 'x');
UPDATE unlogged SET v = 'y';
DELETE FROM unlogged;

CREATE TEMP TABLE temporary (id int PRIMARY KEY, v text);
INSERT INTO temporary VALUES (1, 'x');
UPDATE temporary SET v = 'y';
TRUNCATE temporary;

CREATE MATERIALIZED VIEW mv AS SELECT * FROM logged;
REFRESH MATERIALIZED VIEW mv;
CREATE UNIQUE INDEX mv_id ON mv (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;

CREATE SEQUENCE seq;
SELECT nextval('seq'), setval('seq', 100);

SELECT lo_from_bytea(0, '\x0102') > 0 AS created;

CREATE VIEW v AS SELECT * FROM logged;
CREATE ROLE regress_nobody;
GRANT SELECT ON logged TO regress_nobody;
BEGIN;
LOCK TABLE logged;
COMMIT;
VACUUM (FREEZE) logged;
SELECT * FROM changes();

-- a refresh that has rows to change writes them through a temporary table and the view's own storage
INSERT INTO logged VALUES (2, 'y');
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;
UPDATE v SET v = 'through a view' WHERE id = 1;
SELECT * FROM changes();

-- a transaction that writes both kinds sends the one
BEGIN;
INSERT INTO unlogged VALUES (2, 'x');
INSERT INTO logged VALUES (3, 'z');
INSERT INTO temporary VALUES (2, 'x');
COMMIT;
-- logged from now on: the rows that were there came with the rewrite and are not sent
ALTER TABLE unlogged SET LOGGED;
INSERT INTO unlogged VALUES (3, 'now logged');
SELECT * FROM changes();

SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata;
DROP MATERIALIZED VIEW mv;
DROP VIEW v;
DROP TABLE logged, unlogged, temporary;
DROP SEQUENCE seq;
DROP ROLE regress_nobody;
SELECT drop_slot();
