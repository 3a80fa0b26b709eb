-- What the old values hold, for every kind of identity.
SELECT create_slot();

CREATE TABLE ident (id int PRIMARY KEY, a int NOT NULL, b text NOT NULL, c text);
CREATE UNIQUE INDEX ident_ba ON ident (b, a);
INSERT INTO ident VALUES (1, 10, 'x', 'c1'), (2, 20, 'y', NULL), (3, 30, 'z', 'c3'), (4, 40, 'w', 'c4'), (5, 50, 'v', 'c5');

-- default: the primary key, and only where it changed
UPDATE ident SET c = 'new' WHERE id = 1;
UPDATE ident SET id = 11 WHERE id = 1;
DELETE FROM ident WHERE id = 11;
SELECT * FROM changes();

-- an index: its columns
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_ba;
UPDATE ident SET c = 'new' WHERE id = 2;
UPDATE ident SET id = 12 WHERE id = 2;
UPDATE ident SET a = 21 WHERE id = 12;
DELETE FROM ident WHERE id = 12;
SELECT * FROM changes();

-- full: the whole old row, each time
ALTER TABLE ident REPLICA IDENTITY FULL;
UPDATE ident SET c = NULL WHERE id = 3;
UPDATE ident SET id = 13 WHERE id = 3;
DELETE FROM ident WHERE id = 13;
SELECT * FROM changes();

-- nothing: sent all the same, marked
ALTER TABLE ident REPLICA IDENTITY NOTHING;
UPDATE ident SET c = 'new' WHERE id = 4;
UPDATE ident SET id = 14 WHERE id = 4;
DELETE FROM ident WHERE id = 14;
SELECT * FROM changes();

-- the chosen index goes: no identity any more, although a primary key is there
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_ba;
DROP INDEX ident_ba;
UPDATE ident SET c = 'new' WHERE id = 5;
SELECT * FROM changes();

-- switching inside one transaction: each change under the identity of its time
CREATE UNIQUE INDEX ident_ba ON ident (b, a);
BEGIN;
ALTER TABLE ident REPLICA IDENTITY DEFAULT;
UPDATE ident SET c = '1' WHERE id = 5;
ALTER TABLE ident REPLICA IDENTITY FULL;
UPDATE ident SET c = '2' WHERE id = 5;
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_ba;
UPDATE ident SET a = 51 WHERE id = 5;
ALTER TABLE ident REPLICA IDENTITY NOTHING;
DELETE FROM ident;
COMMIT;
SELECT * FROM changes();

-- from one index to another: the letter is the same, the columns are not
CREATE TABLE two_indexes (a int NOT NULL, b int NOT NULL, CONSTRAINT two_indexes_a UNIQUE (a), CONSTRAINT two_indexes_b UNIQUE (b));
BEGIN;
INSERT INTO two_indexes VALUES (1, 2);
ALTER TABLE two_indexes REPLICA IDENTITY USING INDEX two_indexes_a;
UPDATE two_indexes SET a = 11, b = 12;
ALTER TABLE two_indexes REPLICA IDENTITY USING INDEX two_indexes_b;
UPDATE two_indexes SET a = 21, b = 22;
ALTER INDEX two_indexes_b RENAME TO two_indexes_c;
DELETE FROM two_indexes;
COMMIT;
-- the primary key gets other columns
CREATE TABLE other_key (a int, b int NOT NULL, PRIMARY KEY (a));
INSERT INTO other_key VALUES (1, 2);
ALTER TABLE other_key DROP CONSTRAINT other_key_pkey, ADD PRIMARY KEY (b);
UPDATE other_key SET a = 3, b = 4;
SELECT * FROM changes();

-- no primary key under default: no identity
CREATE TABLE keyless (a int, b text);
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
UPDATE keyless SET b = 'y' WHERE a = 1;
DELETE FROM keyless;
SELECT * FROM changes();

-- full without any key, equal rows and NULLs
ALTER TABLE keyless REPLICA IDENTITY FULL;
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
UPDATE keyless SET b = 'y';
DELETE FROM keyless;
SELECT * FROM changes();

-- a deferrable primary key does not serve
CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE, v text);
INSERT INTO deferred VALUES (1, 'x');
UPDATE deferred SET v = 'y';
DELETE FROM deferred;
SELECT * FROM changes();

-- a key in another order than the columns, with included columns, which are no part of it
CREATE TABLE ordered (v text, k2 int, filler text, k1 int, PRIMARY KEY (k1, k2) INCLUDE (v));
INSERT INTO ordered VALUES ('v', 2, 'f', 1);
UPDATE ordered SET k1 = 11;
UPDATE ordered SET v = 'w';
DELETE FROM ordered;
SELECT * FROM changes();

-- a table of one column, and one without any
CREATE TABLE only_key (id int PRIMARY KEY);
INSERT INTO only_key VALUES (1);
UPDATE only_key SET id = 2;
DELETE FROM only_key;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
DELETE FROM no_columns;
ALTER TABLE no_columns REPLICA IDENTITY FULL;
INSERT INTO no_columns DEFAULT VALUES;
DELETE FROM no_columns;
SELECT * FROM changes();

-- the server's log says once, for each process and table, what cannot be applied
INSERT INTO keyless VALUES (7, 'x');
ALTER TABLE keyless REPLICA IDENTITY NOTHING;
UPDATE keyless SET b = 'y';
DELETE FROM deferred;
INSERT INTO deferred VALUES (1, 'x');
DELETE FROM deferred;
DELETE FROM keyless;
\! psql -X -q -d regression -c "SET client_min_messages = log" -c "SELECT count(*) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL)" -c "SELECT count(*) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL)" 2>&1 | grep -A 2 identity

DROP TABLE ident, two_indexes, other_key, keyless, deferred, ordered, only_key, no_columns;
SELECT drop_slot();
