-- What the other files use. Positions, transaction ids, oids, times and versions
-- differ from run to run and are masked; everything else is shown as it was sent.
--
-- A slot is read by statements that have written no WAL themselves: the server waits
-- for what its own transaction wrote to be flushed, up to 15 seconds. So no file says
-- CREATE TABLE ... AS SELECT ... FROM changes().

CREATE FUNCTION mask(record text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE substr(record, 1, 5)
		WHEN '["H",' THEN regexp_replace(regexp_replace(record,
			'^(\["H",\d+),\d+,', '\1,PG_VERSION,'),
			'"plugin":"\d+\.\d+[^"]*"', '"plugin":"VERSION"')
		WHEN '["B",' THEN regexp_replace(record,
			'^\["B",\d+,"[0-9A-F]+/[0-9A-F]+","\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00"', '["B",XID,"LSN","TIME"')
		WHEN '["R",' THEN regexp_replace(record, '^(\["R",\d+),\d+,', '\1,OID,')
		WHEN '["C",' THEN regexp_replace(record,
			'^\["C","[0-9A-F]+/[0-9A-F]+","[0-9A-F]+/[0-9A-F]+","\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00"', '["C","LSN","LSN","TIME"')
		WHEN '["M",' THEN regexp_replace(record, '"[0-9A-F]+/[0-9A-F]+",(true|false)(,"base64")?\]$', '"LSN",\1\2]')
		ELSE record
	END
$$;

-- The records that wait in the slot, one a row, masked; they are consumed. A record
-- that is not valid JSON is an error of the cast.
CREATE FUNCTION changes(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record text)
LANGUAGE plpgsql
AS $$
DECLARE
	line text;
BEGIN
	FOR line IN
		SELECT l.line
		FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL, VARIADIC options) WITH ORDINALITY AS m(lsn, xid, data, place)
		CROSS JOIN LATERAL regexp_split_to_table(m.data, E'\n') WITH ORDINALITY AS l(line, place)
		ORDER BY m.place, l.place
	LOOP
		PERFORM line::json;
		record := mask(line);
		RETURN NEXT;
	END LOOP;
END
$$;

-- The same without hello, relation, begin and commit: the changes alone.
CREATE FUNCTION rows_only(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record text)
LANGUAGE sql
AS $$
	SELECT c.record FROM changes(VARIADIC options) AS c WHERE c.record !~ '^\["[HRBC]"'
$$;

CREATE FUNCTION create_slot() RETURNS text
LANGUAGE sql
AS $$
	SELECT slot_name::text FROM pg_create_logical_replication_slot('regression_slot', 'alidecode')
$$;

CREATE FUNCTION drop_slot() RETURNS void
LANGUAGE sql
AS $$
	SELECT pg_drop_replication_slot('regression_slot')
$$;
