-- All files before this one worked without the extension. What it brings, and takes away again.
SELECT count(*) FROM pg_extension WHERE extname = 'alidecode';
CREATE EXTENSION alidecode;
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'alidecode')
	AND deptype = 'e' AND classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
ORDER BY 1;
-- everybody may use it, and it runs with the caller's rights
SELECT has_schema_privilege('public', 'alidecode', 'USAGE') AS usage, has_table_privilege('public', 'alidecode.slots', 'SELECT') AS slots,
	bool_and(has_function_privilege('public', oid, 'EXECUTE')) AS functions, bool_or(prosecdef) AS security_definer
FROM pg_proc WHERE pronamespace = 'alidecode'::regnamespace;
DROP EXTENSION alidecode;
-- the schema stays, as that of any extension with a schema of its own; nothing is in it
SELECT count(*) FROM pg_class WHERE relnamespace = 'alidecode'::regnamespace;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'alidecode'::regnamespace;
DROP SCHEMA alidecode;

-- the schema is fixed
CREATE EXTENSION alidecode SCHEMA public;

-- the view: slots of the plugin, of all databases; no others
CREATE EXTENSION alidecode;
SELECT * FROM alidecode.slots;
SELECT create_slot();
SELECT slot_name FROM pg_create_physical_replication_slot('physical_slot');
SELECT slot_name FROM pg_create_logical_replication_slot('other_plugin', 'test_decoding');
SELECT slot_name, database, active, active_pid, temporary, lag_bytes >= 0 AS lag, retained_bytes > 0 AS retained, retained_wal IS NOT NULL AS pretty,
	wal_status, safe_wal_size, last_confirm
FROM alidecode.slots;
-- lag grows by what is written and goes by what is read; retained WAL is never less
CREATE TABLE l (id int PRIMARY KEY, v text);
SELECT lag_bytes AS before FROM alidecode.slots \gset
INSERT INTO l SELECT i, repeat('x', 100) FROM generate_series(1, 1000) AS i;
SELECT lag_bytes - :before > 100000 AS grown, retained_bytes >= lag_bytes AS retained FROM alidecode.slots;
SELECT count(*) FROM changes();
SELECT lag_bytes < :before + 100000 AS gone FROM alidecode.slots;

-- the same for a role that may do nothing but connect
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT slot_name, retained_bytes > 0 AS retained FROM alidecode.slots;
RESET ROLE;

DROP TABLE l;
DROP ROLE regress_reader;
SELECT pg_drop_replication_slot('physical_slot'), pg_drop_replication_slot('other_plugin');
DROP EXTENSION alidecode;
SELECT drop_slot();
