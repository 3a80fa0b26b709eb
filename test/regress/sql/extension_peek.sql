-- alidecode.peek(): changes as rows, nothing consumed.
CREATE EXTENSION alidecode;
SELECT create_slot();
CREATE TABLE p (id int PRIMARY KEY, v text, big text);
ALTER TABLE p ALTER big SET STORAGE EXTERNAL;
CREATE TABLE keyless (a int, "B ""c""" date);
INSERT INTO p VALUES (1, E'line\n"q" \\ ü', repeat('x', 3000)), (2, NULL, NULL);
BEGIN;
UPDATE p SET v = 'new' WHERE id = 1;
UPDATE p SET id = 20 WHERE id = 2;
DELETE FROM p WHERE id = 20;
INSERT INTO keyless VALUES (1, '2024-02-03');
UPDATE keyless SET a = 2;
COMMIT;
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'text');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', '\x00ff'::bytea);
TRUNCATE p, keyless;
CREATE VIEW peeked AS
SELECT op, "schema", "table", CASE WHEN length(new ->> 'big') > 10 THEN new || '{"big": "..."}' ELSE new END AS new, old
FROM alidecode.peek('regression_slot');
\pset null '(null)'
TABLE peeked;
-- again: it is all there still
SELECT count(*) FROM peeked;
-- transactions can be told apart, positions rise
SELECT count(DISTINCT xid::text) AS transactions, count(*) FILTER (WHERE xid IS NULL) AS without, bool_and(lsn >= before) AS rising
FROM (SELECT xid, lsn, lag(lsn, 1, '0/0') OVER (ORDER BY place) AS before FROM alidecode.peek('regression_slot') WITH ORDINALITY AS p(lsn, xid, op, s, t, new, old, place)) o;

-- the limit
SELECT op, new ->> 'id' AS id FROM alidecode.peek('regression_slot', 1);
SELECT count(*) FROM alidecode.peek('regression_slot', 3);
SELECT count(*) FROM alidecode.peek('regression_slot', 0);
SELECT count(*) FROM alidecode.peek('regression_slot', 100);
SELECT count(*) FROM alidecode.peek('regression_slot', NULL);
SELECT count(*) FROM alidecode.peek('regression_slot', 2147483647);
-- as many as asked for, although each is a transaction of its own
INSERT INTO p VALUES (101), (102);
INSERT INTO p VALUES (103);
INSERT INTO p VALUES (104);
INSERT INTO p VALUES (105);
SELECT count(*) FROM generate_series(0, 14) AS n WHERE (SELECT count(*) FROM alidecode.peek('regression_slot', n)) = n;
\set SHOW_CONTEXT never
SELECT * FROM alidecode.peek('regression_slot', -1);

-- wrong slots
SELECT slot_name FROM pg_create_logical_replication_slot('other_plugin', 'test_decoding');
SELECT slot_name FROM pg_create_physical_replication_slot('physical_slot');
SELECT * FROM alidecode.peek('other_plugin');
SELECT * FROM alidecode.peek('physical_slot');
SELECT * FROM alidecode.peek('no_such_slot');
SELECT pg_drop_replication_slot('physical_slot'), pg_drop_replication_slot('other_plugin');

-- a role that may replicate, and one that may not
CREATE ROLE regress_replicator REPLICATION;
CREATE ROLE regress_other;
SET ROLE regress_replicator;
SELECT count(*) FROM alidecode.peek('regression_slot', NULL);
SET ROLE regress_other;
-- the server's words for it change from version to version
\set VERBOSITY sqlstate
SELECT count(*) FROM alidecode.peek('regression_slot', NULL);
\set VERBOSITY default
RESET ROLE;
DROP ROLE regress_replicator, regress_other;

-- a hostile search path
CREATE SCHEMA trap;
CREATE FUNCTION trap.coalesce_trap() RETURNS int LANGUAGE sql AS 'SELECT 1/0';
CREATE TABLE trap.pg_replication_slots (slot_name name);
SET search_path = trap, pg_catalog;
SELECT count(*) FROM alidecode.peek('regression_slot', NULL);
RESET search_path;
DROP SCHEMA trap CASCADE;

DROP VIEW peeked;
DROP TABLE p, keyless;
DROP EXTENSION alidecode;
SELECT drop_slot();
