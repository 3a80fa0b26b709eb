-- alidecode.check(): what it finds, and that its statements mend it.
\x on
CREATE EXTENSION alidecode;
ALTER SYSTEM SET max_slot_wal_keep_size = '10GB';
SELECT pg_reload_conf();
-- the new value may take a moment to reach this session
CREATE FUNCTION wait_for(query text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	done bool;
BEGIN
	FOR i IN 1..600 LOOP
		EXECUTE query INTO done;
		IF done THEN
			RETURN 'done';
		END IF;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN 'not within 30 seconds: ' || query;
END
$$;
\connect
SELECT wait_for($$ SELECT current_setting('max_slot_wal_keep_size') = '10GB' $$);
\x on
-- a good database: nothing to say
SELECT * FROM alidecode.check();

-- replica identity
CREATE SCHEMA "S ""c""";
CREATE TABLE ok_pk (id int PRIMARY KEY);
CREATE TABLE ok_full (id int);
ALTER TABLE ok_full REPLICA IDENTITY FULL;
CREATE TABLE ok_index (id int NOT NULL, CONSTRAINT ok_index_u UNIQUE (id));
ALTER TABLE ok_index REPLICA IDENTITY USING INDEX ok_index_u;
CREATE TABLE "S ""c"""."no KEY" (id int);
CREATE TABLE has_unique (a int NOT NULL, b int NOT NULL, c int NOT NULL);
CREATE UNIQUE INDEX has_unique_two ON has_unique (a, b);
CREATE UNIQUE INDEX "has unique ""one""" ON has_unique (c);
CREATE TABLE no_fit (a int, b int NOT NULL, c int NOT NULL UNIQUE DEFERRABLE, d text NOT NULL);
CREATE UNIQUE INDEX no_fit_nullable ON no_fit (a);
CREATE UNIQUE INDEX no_fit_partial ON no_fit (b) WHERE b > 0;
CREATE UNIQUE INDEX no_fit_expression ON no_fit (lower(d));
CREATE INDEX no_fit_not_unique ON no_fit (b);
CREATE TABLE deferrable_pk (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE nothing_pk (id int PRIMARY KEY);
ALTER TABLE nothing_pk REPLICA IDENTITY NOTHING;
CREATE TABLE nothing_unique (id int NOT NULL, CONSTRAINT nothing_unique_u UNIQUE (id));
ALTER TABLE nothing_unique REPLICA IDENTITY NOTHING;
CREATE TABLE index_gone (id int PRIMARY KEY, u int NOT NULL);
CREATE UNIQUE INDEX index_gone_u ON index_gone (u);
ALTER TABLE index_gone REPLICA IDENTITY USING INDEX index_gone_u;
DROP INDEX index_gone_u;
CREATE TABLE index_invalid (u int NOT NULL);
CREATE UNIQUE INDEX index_invalid_u ON index_invalid (u);
ALTER TABLE index_invalid REPLICA IDENTITY USING INDEX index_invalid_u;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'index_invalid_u'::regclass;
CREATE TABLE include_nullable (a int NOT NULL, b int);
CREATE UNIQUE INDEX include_nullable_u ON include_nullable (a) INCLUDE (b);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_pk (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_pk_1 PARTITION OF parted_pk FOR VALUES FROM (0) TO (10);
CREATE TEMP TABLE temporary (id int);
SELECT * FROM alidecode.check();
-- each statement does what it says
\x off
\t on
SELECT mend FROM alidecode.check() WHERE mend IS NOT NULL \gexec
\t off
SELECT * FROM alidecode.check();
\x on
DROP TABLE ok_pk, ok_full, ok_index, "S ""c"""."no KEY", has_unique, no_fit, deferrable_pk, nothing_pk, nothing_unique, index_gone, index_invalid, include_nullable, parted, parted_pk, temporary;
DROP SCHEMA "S ""c""";

-- what is not in the WAL
CREATE UNLOGGED TABLE "un logged" (id int PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged_no_key (id int);
CREATE TABLE base (id serial PRIMARY KEY, other serial);
CREATE MATERIALIZED VIEW mat AS SELECT * FROM base;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE elsewhere (id int) SERVER regress_server;
SELECT lo_from_bytea(4711, '\x00');
SELECT * FROM alidecode.check();
ALTER TABLE "un logged" SET LOGGED;
SELECT * FROM alidecode.check() WHERE severity <> 'notice';

-- a role with fewer rights
CREATE ROLE "regress reader";
SET ROLE "regress reader";
SELECT * FROM alidecode.check() WHERE severity = 'error';
RESET ROLE;
ALTER ROLE "regress reader" REPLICATION;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO "regress reader";
SET ROLE "regress reader";
SELECT * FROM alidecode.check() WHERE severity = 'error';
RESET ROLE;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "regress reader";
DROP ROLE "regress reader";
SELECT lo_unlink(4711);
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP MATERIALIZED VIEW mat;
DROP TABLE "un logged", unlogged_no_key, base;

-- settings
SET wal_sender_timeout = 0;
SELECT * FROM alidecode.check();
SET wal_sender_timeout = '2s';
SELECT * FROM alidecode.check();
RESET wal_sender_timeout;

-- slots: all taken; first none of them this database's and this plugin's
SELECT count(pg_create_physical_replication_slot('full_' || i)) FROM generate_series(1, current_setting('max_replication_slots')::int) AS i;
SELECT * FROM alidecode.check();
SELECT pg_drop_replication_slot('full_1');
SELECT create_slot();
SELECT severity, subject FROM alidecode.check();
SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE slot_name ^@ 'full_';

-- a slot that nobody reads
SELECT severity, subject, regexp_replace(problem, '\d+ (bytes|[kMGT]B)', 'SIZE') AS problem, mend FROM alidecode.check(0);
SELECT count(*) FROM alidecode.check();
-- a slot that is lost
ALTER SYSTEM SET max_slot_wal_keep_size = '1MB';
SELECT pg_reload_conf();
\connect
\x on
SELECT wait_for($$ SELECT current_setting('max_slot_wal_keep_size') = '1MB' $$);
SELECT severity, subject, problem, regexp_replace(mend, '\d+MB', 'SIZE') AS mend FROM alidecode.check() WHERE subject = 'max_slot_wal_keep_size';
CREATE FUNCTION use_up_wal() RETURNS bool
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM pg_logical_emit_message(false, 'fill', 'x'), pg_switch_wal();
	CHECKPOINT;
	RETURN (SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'regression_slot');
END
$$;
SELECT wait_for('SELECT use_up_wal()');
SELECT severity, subject, regexp_replace(problem, '\(.*\)', '(REASON)') AS problem, mend FROM alidecode.check() WHERE subject ~ '^slot';
SELECT slot_name, wal_status FROM alidecode.slots;
ALTER SYSTEM RESET max_slot_wal_keep_size;
SELECT pg_reload_conf();
\connect
\x on
SELECT wait_for($$ SELECT current_setting('max_slot_wal_keep_size') = '-1' $$);
SELECT * FROM alidecode.check() WHERE subject !~ '^slot';

DROP FUNCTION wait_for(text), use_up_wal();
DROP EXTENSION alidecode;
SELECT drop_slot();
