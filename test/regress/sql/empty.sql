-- A transaction with nothing to send sends nothing, and the slot moves on.
SELECT create_slot();
CREATE TABLE e (id int PRIMARY KEY);
SELECT * FROM changes();

SELECT confirmed_flush_lsn AS before FROM pg_replication_slots WHERE slot_name = 'regression_slot' \gset
CREATE TABLE e2 (id int PRIMARY KEY);
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
COMMIT;
UPDATE e SET id = 0;
DROP TABLE e2;
SELECT * FROM changes();
SELECT confirmed_flush_lsn > :'before' AS moved FROM pg_replication_slots WHERE slot_name = 'regression_slot';

-- asked for: begin and commit, nothing between
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
COMMIT;
CREATE TABLE e2 (id int PRIMARY KEY);
INSERT INTO e VALUES (1);
SELECT * FROM changes('include_empty', 'on');
INSERT INTO e VALUES (2);
SELECT * FROM changes('include_empty', 'on', 'exclude_tables', 'public.e');

DROP TABLE e, e2;
SELECT drop_slot();
