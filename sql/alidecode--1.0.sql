-- The DBA's helpers on the source database. The output plugin works without them.
--
-- Everything here runs with the rights of its caller and reads only what that
-- caller may read. Columns that not every server version has are read through
-- to_jsonb(row), so that one script serves PostgreSQL 13 to 18.

\echo Use "CREATE EXTENSION alidecode" to load this file. \quit

-- The position that WAL retention and lag are measured against; works on a standby too.
CREATE FUNCTION alidecode.current_lsn() RETURNS pg_lsn
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN pg_is_in_recovery() THEN coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
		ELSE pg_current_wal_lsn()
	END
$$;

COMMENT ON FUNCTION alidecode.current_lsn() IS 'end of the WAL written (primary) or received (standby)';

-- Slots of this plugin, of all databases: how far their reader is, and what they cost.
CREATE VIEW alidecode.slots AS
SELECT s.slot_name,
	s.database,
	s.active,
	s.active_pid,
	s.temporary,
	s.confirmed_flush_lsn,
	s.restart_lsn,
	greatest(alidecode.current_lsn() - s.confirmed_flush_lsn, 0)::bigint AS lag_bytes,
	greatest(alidecode.current_lsn() - s.restart_lsn, 0)::bigint AS retained_bytes,
	pg_size_pretty(greatest(alidecode.current_lsn() - s.restart_lsn, 0)::bigint) AS retained_wal,
	s.wal_status,
	s.safe_wal_size,
	r.reply_time AS last_confirm,
	(to_jsonb(s) ->> 'inactive_since')::timestamptz AS inactive_since,
	to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason
FROM pg_replication_slots s
LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
WHERE s.plugin = 'alidecode';

COMMENT ON VIEW alidecode.slots IS 'slots of the alidecode plugin: lag, retained WAL, last confirmation';

-- Elements of a comma separated list of names as the server writes it: quoted where needed.
CREATE FUNCTION alidecode.list_elements(list text) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(coalesce(replace(m.part[1], '""', '"'), m.part[2]) ORDER BY m.place), '{}')
	FROM regexp_matches(list, '"((?:[^"]|"")*)"|([^,"\s][^,"]*[^,"\s]|[^,"\s])', 'g') WITH ORDINALITY AS m(part, place)
$$;

COMMENT ON FUNCTION alidecode.list_elements(text) IS 'elements of a list setting of the server';

-- Ordinary tables of this database whose updates and deletes cannot name their row,
-- each with the statement that mends it.
CREATE FUNCTION alidecode.check_identity(OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH tables AS (
		SELECT c.oid, c.relreplident, n.nspname, format('%I.%I', n.nspname, c.relname) AS name
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence = 'p'
			AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
	), indexes AS (
		SELECT i.indrelid, i.indexrelid, x.relname, i.indisprimary, i.indisvalid, i.indimmediate, i.indisreplident, i.indnkeyatts,
			-- what ALTER TABLE ... REPLICA IDENTITY USING INDEX asks for
			i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
			AND NOT EXISTS (
				SELECT 1
				FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
				LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
				WHERE k.place <= i.indnkeyatts AND (k.attnum = 0 OR NOT a.attnotnull)
			) AS fits
		FROM tables t
		JOIN pg_index i ON i.indrelid = t.oid
		JOIN pg_class x ON x.oid = i.indexrelid
	), looked_at AS (
		SELECT t.*, p.relname AS pkey, p.fits AS pkey_fits, p.indimmediate AS pkey_immediate, p.indisvalid AS pkey_valid,
			chosen.relname AS chosen, chosen.fits AS chosen_fits, chosen.indisvalid AS chosen_valid, other.relname AS other
		FROM tables t
		LEFT JOIN indexes p ON p.indrelid = t.oid AND p.indisprimary
		LEFT JOIN indexes chosen ON chosen.indrelid = t.oid AND chosen.indisreplident
		LEFT JOIN LATERAL (
			SELECT i.relname
			FROM indexes i
			WHERE i.indrelid = t.oid AND i.fits AND NOT i.indisprimary
			ORDER BY i.indnkeyatts, i.relname
			LIMIT 1
		) other ON true
	)
	SELECT 'error', l.name,
		CASE
			WHEN l.relreplident = 'n' THEN 'replica identity is NOTHING'
			WHEN l.relreplident = 'i' AND l.chosen IS NULL THEN 'the index chosen as replica identity is gone'
			WHEN l.relreplident = 'i' THEN format('the index %I chosen as replica identity is not usable', l.chosen)
			WHEN l.pkey IS NULL THEN 'no primary key'
			WHEN NOT l.pkey_immediate THEN format('the primary key %I is deferrable and cannot serve as replica identity', l.pkey)
			ELSE format('the primary key %I is not usable', l.pkey)
		END || ': updates and deletes cannot name their row',
		CASE
			WHEN l.relreplident = 'i' AND NOT l.chosen_valid THEN format('REINDEX INDEX %I.%I;', l.nspname, l.chosen)
			WHEN l.relreplident = 'd' AND l.pkey_immediate AND NOT l.pkey_valid
				THEN format('REINDEX INDEX %I.%I;', l.nspname, l.pkey)
			WHEN l.pkey_fits THEN format('ALTER TABLE %s REPLICA IDENTITY DEFAULT;', l.name)
			WHEN l.other IS NOT NULL THEN format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I;', l.name, l.other)
			ELSE format('ALTER TABLE %s REPLICA IDENTITY FULL;', l.name)
		END
	FROM looked_at l
	WHERE CASE l.relreplident
			WHEN 'f' THEN false
			WHEN 'd' THEN l.pkey_fits IS NOT TRUE
			WHEN 'i' THEN l.chosen_fits IS NOT TRUE
			ELSE true
		END
	ORDER BY l.name
$$;

COMMENT ON FUNCTION alidecode.check_identity() IS 'tables whose updates and deletes cannot name their row';

-- Settings of the server and rights of the caller.
CREATE FUNCTION alidecode.check_server(OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'error', 'wal_level',
		format('wal_level is %s: the WAL does not hold what logical decoding needs', current_setting('wal_level')),
		'ALTER SYSTEM SET wal_level = ''logical''; -- then restart the server'
	WHERE current_setting('wal_level') <> 'logical'
	UNION ALL
	-- a slot that exists already needs no free one
	SELECT CASE WHEN own.present THEN 'warning' ELSE 'error' END, 'max_replication_slots',
		format('all %s replication slots are taken', used.slots),
		format('ALTER SYSTEM SET max_replication_slots = %s; -- then restart the server', used.slots + 5)
	FROM (SELECT count(*) AS slots FROM pg_replication_slots) used,
		(SELECT EXISTS (SELECT 1 FROM pg_replication_slots
			WHERE plugin = 'alidecode' AND database = current_database()) AS present) own
	WHERE used.slots >= current_setting('max_replication_slots')::int
	UNION ALL
	SELECT CASE WHEN own.present THEN 'warning' ELSE 'error' END, 'max_wal_senders',
		format('all %s connections for replication are taken', used.senders),
		format('ALTER SYSTEM SET max_wal_senders = %s; -- then restart the server', used.senders + 5)
	FROM (SELECT count(*) AS senders FROM pg_stat_replication) used,
		(SELECT EXISTS (SELECT 1 FROM alidecode.slots
			WHERE active AND database = current_database()) AS present) own
	WHERE used.senders >= current_setting('max_wal_senders')::int
	UNION ALL
	-- 0 switches the limit off; the setting is in milliseconds
	SELECT CASE WHEN t.ms = 0 THEN 'notice' ELSE 'warning' END, 'wal_sender_timeout',
		CASE WHEN t.ms = 0
			THEN 'wal_sender_timeout is 0: a connection that died without a word keeps its slot busy'
			ELSE format('wal_sender_timeout is only %s ms: a short stall of the network ends the connection', t.ms)
		END,
		'ALTER SYSTEM SET wal_sender_timeout = ''60s''; SELECT pg_reload_conf();'
	FROM (SELECT setting::bigint AS ms FROM pg_settings WHERE name = 'wal_sender_timeout') t
	WHERE t.ms < 10000
	UNION ALL
	-- in megabytes, -1 is no limit
	SELECT CASE WHEN k.mb < 0 THEN 'notice' ELSE 'warning' END, 'max_slot_wal_keep_size',
		CASE WHEN k.mb < 0
			THEN 'max_slot_wal_keep_size is -1: a reader that stays away keeps WAL until the disk is full'
			ELSE format('max_slot_wal_keep_size is only %s MB, less than max_wal_size: a slot is lost after a short pause of its reader', k.mb)
		END,
		format('ALTER SYSTEM SET max_slot_wal_keep_size = ''%sMB''; SELECT pg_reload_conf(); -- a size that the disk can spare',
			greatest(m.mb * 8, 65536))
	FROM (SELECT setting::bigint AS mb FROM pg_settings WHERE name = 'max_slot_wal_keep_size') k,
		(SELECT setting::bigint AS mb FROM pg_settings WHERE name = 'max_wal_size') m
	WHERE k.mb < m.mb
	UNION ALL
	SELECT 'warning', 'idle_replication_slot_timeout',
		format('idle_replication_slot_timeout is %s: a reader that stays away longer loses its slot', i.value),
		'ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();'
	FROM (SELECT current_setting('idle_replication_slot_timeout', true) AS value) i
	WHERE i.value <> '0'
	UNION ALL
	SELECT 'error', 'server version', 'a standby can decode only from PostgreSQL 16 on: read from the primary', NULL
	WHERE pg_is_in_recovery() AND current_setting('server_version_num')::int < 160000
	UNION ALL
	SELECT 'warning', 'hot_standby_feedback',
		'hot_standby_feedback is off: the primary removes catalogue rows that the slot needs, and the slot is lost',
		'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();'
	WHERE pg_is_in_recovery() AND current_setting('server_version_num')::int >= 160000
		AND NOT current_setting('hot_standby_feedback')::bool
	UNION ALL
	SELECT 'warning', 'server_encoding',
		'the database is in SQL_ASCII: text that is not valid UTF-8 arrives as bytes, in {"hex": ...}', NULL
	WHERE getdatabaseencoding() = 'SQL_ASCII'
	UNION ALL
	SELECT 'error', format('role %I', r.rolname), 'the role may not use replication slots',
		format('ALTER ROLE %I REPLICATION;', r.rolname)
	FROM pg_roles r
	WHERE r.rolname = current_user AND NOT r.rolreplication AND NOT r.rolsuper
$$;

COMMENT ON FUNCTION alidecode.check_server() IS 'settings of the server and rights of the caller';

-- Servers since the minor releases of August 2026 load only the output plugins that
-- a setting names. Older ones do not know the setting, and every library may be used.
-- Who may not read the setting gets no names.
CREATE FUNCTION alidecode.allowed_plugins(OUT is_known bool, OUT is_readable bool, OUT names text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	names := alidecode.list_elements(current_setting('output_plugin_libraries', true));
	is_known := current_setting('output_plugin_libraries', true) IS NOT NULL;
	is_readable := true;
EXCEPTION WHEN insufficient_privilege THEN
	is_known := true;
	is_readable := false;
END
$$;

COMMENT ON FUNCTION alidecode.allowed_plugins() IS 'output plugins that the server loads in this session, as far as the caller may know';

-- The value of output_plugin_libraries that allows the plugin beside what is allowed now.
-- No library has a comma in its name: it is a whole list that was quoted as one name.
CREATE FUNCTION alidecode.allowed_plugins_mended(names text[]) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(quote_literal(kept.name), ', ' ORDER BY kept.place)
	FROM (
		SELECT btrim(part) AS name, min(row_number) AS place
		FROM (
			SELECT part, row_number() OVER (ORDER BY n.place, p.place)
			FROM unnest(names || 'alidecode'::text) WITH ORDINALITY AS n(name, place)
			CROSS JOIN LATERAL unnest(string_to_array(n.name, ',')) WITH ORDINALITY AS p(part, place)
		) parts
		WHERE btrim(part) <> ''
		GROUP BY btrim(part)
	) kept
$$;

COMMENT ON FUNCTION alidecode.allowed_plugins_mended(text[]) IS 'value for output_plugin_libraries that allows alidecode too';

CREATE FUNCTION alidecode.check_allow_list(OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH here AS (
		SELECT a.is_readable, a.names
		FROM alidecode.allowed_plugins() a
		WHERE a.is_known
	), roles AS (
		SELECT r.rolname, alidecode.list_elements(substr(c.line, strpos(c.line, '=') + 1)) AS names, d.setdatabase <> 0 AS is_of_database
		FROM pg_db_role_setting d
		JOIN pg_roles r ON r.oid = d.setrole
		CROSS JOIN LATERAL unnest(d.setconfig) AS c(line)
		WHERE c.line LIKE 'output_plugin_libraries=%'
			AND d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
	), allowed AS (
		SELECT string_agg(DISTINCT quote_ident(rolname), ', ') AS roles, coalesce(bool_or(rolname = current_user), false) AS caller
		FROM roles
		WHERE 'alidecode' = ANY (names)
	), reader AS (
		-- the role that the narrow form of the mend speaks of
		SELECT coalesce(
			(SELECT rolname FROM pg_roles WHERE rolname = current_user AND NOT rolsuper),
			(SELECT min(rolname::text) FROM pg_roles WHERE rolreplication AND rolcanlogin AND NOT rolsuper),
			current_user) AS name
	)
	SELECT CASE WHEN a.roles IS NULL THEN 'error' ELSE 'notice' END, 'output_plugin_libraries',
		CASE
			WHEN a.roles IS NOT NULL THEN format('output_plugin_libraries names alidecode only for the role %s', a.roles)
			WHEN EXISTS (SELECT 1 FROM unnest(h.names) AS n WHERE n ~ '(^|,)\s*alidecode\s*(,|$)')
				THEN 'output_plugin_libraries holds a list that was quoted as one name: the server refuses to load alidecode'
			ELSE 'output_plugin_libraries does not name alidecode: the server refuses to load it'
		END,
		format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_reload_conf(); -- or, for one role: ALTER ROLE %I SET output_plugin_libraries = %s;',
			alidecode.allowed_plugins_mended(h.names), r.name, alidecode.allowed_plugins_mended(h.names))
	FROM here h
	CROSS JOIN allowed a
	CROSS JOIN reader r
	WHERE h.is_readable AND 'alidecode' <> ALL (h.names)
	UNION ALL
	SELECT 'notice', 'output_plugin_libraries',
		format('the role %I may not read output_plugin_libraries: whether the server loads alidecode is seen only when it is used', current_user),
		format('GRANT pg_read_all_settings TO %I;', current_user)
	FROM here h
	CROSS JOIN allowed a
	WHERE NOT h.is_readable AND NOT a.caller
	UNION ALL
	SELECT 'warning', format('role %I', o.rolname),
		'the role has its own output_plugin_libraries, which does not name alidecode',
		format('ALTER ROLE %I %sSET output_plugin_libraries = %s;', o.rolname,
			CASE WHEN o.is_of_database THEN format('IN DATABASE %I ', current_database()) ELSE '' END,
			alidecode.allowed_plugins_mended(o.names))
	FROM roles o
	WHERE 'alidecode' <> ALL (o.names) AND EXISTS (SELECT 1 FROM here)
$$;

COMMENT ON FUNCTION alidecode.check_allow_list() IS 'is the plugin named in output_plugin_libraries, where the server has it';

-- Slots that cost much or are lost, and transactions that a new slot would wait for.
CREATE FUNCTION alidecode.check_slots(retained_limit bigint, OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH slots AS (
		SELECT s.slot_name, s.plugin, s.active, s.wal_status,
			greatest(alidecode.current_lsn() - s.restart_lsn, 0) AS retained_bytes,
			coalesce((to_jsonb(s) ->> 'conflicting')::bool, false) AS conflicting,
			coalesce(nullif(to_jsonb(s) ->> 'invalidation_reason', ''), 'WAL removed') AS reason
		FROM pg_replication_slots s
	)
	SELECT CASE WHEN s.plugin = 'alidecode' THEN 'error' ELSE 'warning' END, format('slot %I', s.slot_name),
		format('the slot is lost (%s): changes since then cannot be read, what it fed has to be copied anew', s.reason),
		format('SELECT pg_drop_replication_slot(%L);', s.slot_name)
	FROM slots s
	WHERE s.wal_status = 'lost' OR s.conflicting
	UNION ALL
	SELECT 'error', format('slot %I', s.slot_name),
		'the slot keeps more WAL than max_slot_wal_keep_size: it is lost at the next checkpoint',
		'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); -- until the reader has caught up'
	FROM slots s
	WHERE s.wal_status = 'unreserved' AND NOT s.conflicting
	UNION ALL
	SELECT 'warning', format('slot %I', s.slot_name),
		format('nobody reads the slot, and it keeps %s of WAL', pg_size_pretty(s.retained_bytes)),
		format('SELECT pg_drop_replication_slot(%L); -- if its reader does not come back', s.slot_name)
	FROM slots s
	WHERE NOT s.active AND s.retained_bytes > retained_limit
		AND s.wal_status IS DISTINCT FROM 'lost' AND NOT s.conflicting
	UNION ALL
	SELECT 'warning', format('prepared transaction %L', p.gid),
		format('prepared since %s: a new slot waits for it, and WAL is kept', to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS TZ')),
		format('ROLLBACK PREPARED %L; -- or COMMIT PREPARED', p.gid)
	FROM pg_prepared_xacts p
	WHERE p.prepared < now() - interval '5 minutes'
	UNION ALL
	SELECT 'warning', format('session %s', a.pid),
		format('its transaction has written since %s: a new slot waits for it', to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ')),
		format('SELECT pg_terminate_backend(%s);', a.pid)
	FROM pg_stat_activity a
	WHERE a.backend_xid IS NOT NULL AND a.xact_start < clock_timestamp() - interval '5 minutes' AND a.pid <> pg_backend_pid()
$$;

COMMENT ON FUNCTION alidecode.check_slots(bigint) IS 'slots that are lost or keep much WAL, transactions that a new slot waits for';

-- What the WAL does not hold, so that no reader of it can have it.
CREATE FUNCTION alidecode.check_objects(OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH objects AS (
		SELECT c.oid, c.relkind, c.relpersistence, format('%I.%I', n.nspname, c.relname) AS name
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relpersistence <> 't'
	)
	SELECT 'warning', o.name, 'an unlogged table: its changes are not in the WAL',
		format('ALTER TABLE %s SET LOGGED;', o.name)
	FROM objects o
	WHERE o.relkind = 'r' AND o.relpersistence = 'u'
	UNION ALL
	SELECT 'error', o.name, format('the role %I may not read the table: it cannot be copied', current_user),
		format('GRANT SELECT ON TABLE %s TO %I;', o.name, current_user)
	FROM objects o
	WHERE o.relkind = 'r' AND o.relpersistence = 'p' AND NOT has_table_privilege(o.oid, 'SELECT')
	UNION ALL
	SELECT 'notice', o.name, 'a foreign table: its rows are stored elsewhere, and nothing of it is sent', NULL
	FROM objects o
	WHERE o.relkind = 'f'
	UNION ALL
	SELECT 'notice', o.name, 'a materialized view: its content is not sent; on the target:',
		format('REFRESH MATERIALIZED VIEW %s;', o.name)
	FROM objects o
	WHERE o.relkind = 'm'
	UNION ALL
	SELECT 'notice', 'sequences', format('%s sequences: their values are not sent; set them on the target when you switch to it', count(*)), NULL
	FROM objects o
	WHERE o.relkind = 'S'
	HAVING count(*) > 0
	UNION ALL
	SELECT 'notice', 'large objects', 'large objects are not sent; keep the data in bytea columns, or copy it by itself', NULL
	WHERE EXISTS (SELECT 1 FROM pg_largeobject_metadata)
$$;

COMMENT ON FUNCTION alidecode.check_objects() IS 'tables and other objects whose content is not in the WAL';

-- All checks, the grave ones first. An inactive slot is reported from this much WAL on.
CREATE FUNCTION alidecode.check(retained_limit bigint DEFAULT 1073741824,
	OUT severity text, OUT subject text, OUT problem text, OUT mend text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT found.severity, found.subject, found.problem, found.mend
	FROM (
		SELECT 1 AS place, * FROM alidecode.check_server()
		UNION ALL
		SELECT 2, * FROM alidecode.check_allow_list()
		UNION ALL
		SELECT 3, * FROM alidecode.check_slots(retained_limit)
		UNION ALL
		SELECT 4, * FROM alidecode.check_identity()
		UNION ALL
		SELECT 5, * FROM alidecode.check_objects()
	) found
	ORDER BY array_position(ARRAY['error', 'warning', 'notice'], found.severity), found.place, found.subject
$$;

COMMENT ON FUNCTION alidecode.check(bigint) IS 'what keeps this database from being replicated well, each with the statement that mends it';

-- The changes that wait in a slot, as rows. Nothing is consumed. What is read is
-- whole transactions until max_changes are found, of which the first max_changes
-- are shown; NULL reads and shows everything.
CREATE FUNCTION alidecode.peek(slot name, max_changes int DEFAULT 100,
	OUT lsn pg_lsn, OUT xid xid, OUT op text, OUT "schema" text, OUT "table" text, OUT new jsonb, OUT old jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	other_plugin text;
BEGIN
	IF max_changes < 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'max_changes must not be negative';
	END IF;
	SELECT coalesce(s.plugin::text, 'none, it is a physical slot') INTO other_plugin
	FROM pg_replication_slots s
	WHERE s.slot_name = slot AND s.plugin IS DISTINCT FROM 'alidecode';
	IF FOUND THEN
		RAISE invalid_parameter_value USING
			MESSAGE = format('slot "%s" is not one of the plugin alidecode', slot),
			DETAIL = format('Its plugin: %s.', other_plugin),
			HINT = 'The view alidecode.slots lists those that can be read.';
	END IF;

	-- A transaction of one change is three records, and a hello comes first: so
	-- many records hold max_changes at least.
	RETURN QUERY
	SELECT (r.record ->> 'lsn')::pg_lsn,
		(r.record ->> 'xid')::xid,
		r.record ->> 'action',
		t.named ->> 'schema',
		t.named ->> 'table',
		CASE r.record ->> 'action'
			WHEN 'message' THEN jsonb_strip_nulls(jsonb_build_object(
				'prefix', r.record -> 'prefix', 'content', r.record -> 'content', 'encoding', r.record -> 'encoding'))
			ELSE r.record -> 'new'
		END,
		nullif(r.record -> 'old', 'null')
	FROM (
		SELECT m.data::jsonb AS record, m.place
		FROM pg_logical_slot_peek_changes(slot, NULL, (least(max_changes::bigint * 3 + 1, 2147483647))::int,
			'format', 'verbose', 'messages', 'on') WITH ORDINALITY AS m(lsn, xid, data, place)
	) r
	CROSS JOIN LATERAL (
		-- one row for each table of a truncate; a message has none
		SELECT e.named, e.place
		FROM jsonb_array_elements(CASE r.record ->> 'action'
			WHEN 'truncate' THEN r.record -> 'tables'
			ELSE jsonb_build_array(r.record)
		END) WITH ORDINALITY AS e(named, place)
	) t
	WHERE r.record ->> 'action' IN ('insert', 'update', 'delete', 'truncate', 'message')
	ORDER BY r.place, t.place
	LIMIT max_changes;
END
$$;

COMMENT ON FUNCTION alidecode.peek(name, int) IS 'changes that wait in a slot, as rows; nothing is consumed';

-- What the catalogues say is open to everybody anyway; reading a slot asks for the
-- REPLICATION attribute, which the server checks itself.
GRANT USAGE ON SCHEMA alidecode TO PUBLIC;
GRANT SELECT ON alidecode.slots TO PUBLIC;
