-- A prepared transaction is sent when it is committed, as one that never was prepared.
SELECT create_slot();
CREATE TABLE tp (id int PRIMARY KEY);
BEGIN;
INSERT INTO tp VALUES (1);
PREPARE TRANSACTION 'first "one"';
INSERT INTO tp VALUES (2);
SELECT * FROM changes();
COMMIT PREPARED 'first "one"';
SELECT * FROM changes();
BEGIN;
INSERT INTO tp VALUES (3);
SAVEPOINT s;
INSERT INTO tp VALUES (4);
PREPARE TRANSACTION 'second';
ROLLBACK PREPARED 'second';
BEGIN;
ALTER TABLE tp ADD COLUMN v text;
INSERT INTO tp VALUES (5, 'new');
PREPARE TRANSACTION 'third';
SELECT * FROM changes();
COMMIT PREPARED 'third';
SELECT * FROM changes();

-- the begin's position and time are those of the commit, not of the prepare
BEGIN;
INSERT INTO tp VALUES (6, 'x');
PREPARE TRANSACTION 'fourth';
SELECT pg_current_wal_insert_lsn() AS prepared \gset
COMMIT PREPARED 'fourth';
SELECT (data::json ->> 2)::pg_lsn >= :'prepared' AS behind_prepare FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL) WHERE data ^@ '["B"';

DROP TABLE tp;
SELECT drop_slot();
