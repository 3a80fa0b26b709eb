-- Every option, its values and its errors.
\set SHOW_CONTEXT never
SELECT create_slot();
CREATE TABLE o (id int PRIMARY KEY);
INSERT INTO o VALUES (1);
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record text)
LANGUAGE sql
AS $$
	SELECT mask(data) FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL, VARIADIC options)
$$;

SELECT * FROM peek('no_such_option', 'on');
SELECT * FROM peek('Format', 'compact');
SELECT * FROM peek('messages', 'on', 'messages', 'off');

SELECT * FROM peek('version', '1');
SELECT * FROM peek('version', '2');
SELECT * FROM peek('version', '0');
SELECT * FROM peek('version', 'one');
SELECT * FROM peek('version', '');

SELECT count(*) FROM peek('format', 'compact');
SELECT count(*) > 0 AS sent FROM peek('format', 'VERBOSE');
SELECT * FROM peek('format', 'xml');
SELECT * FROM peek('format', '');

SELECT count(*) FROM peek('batch_bytes', '0');
SELECT count(*) FROM peek('batch_bytes', '64kB');
SELECT * FROM peek('batch_bytes', '-1');
SELECT * FROM peek('batch_bytes', '64 parsecs');
SELECT * FROM peek('batch_bytes', '99999999999999999999');
SELECT * FROM peek('batch_bytes', '1GB');

SELECT count(*) FROM peek('encoding', 'UTF8');
SELECT count(*) FROM peek('encoding', 'utf-8');
SELECT * FROM peek('encoding', 'klingon');
SELECT * FROM peek('encoding', 'SQL_ASCII');
-- one that clients only may have: its characters can end in a backslash
SELECT * FROM peek('encoding', 'SJIS');
SELECT * FROM peek('encoding', '');

SELECT * FROM peek('origin', 'some');
SELECT count(*) FROM peek('messages', 'off');
SELECT * FROM peek('messages', 'maybe');
SELECT * FROM peek('include_empty', '2');

SELECT * FROM peek('include_tables', '');
SELECT * FROM peek('include_tables', 'o');
SELECT * FROM peek('include_tables', 'public.o,');
SELECT * FROM peek('include_tables', 'public.');
SELECT * FROM peek('include_tables', '.o');
SELECT * FROM peek('include_tables', 'db.public.o');
SELECT * FROM peek('include_tables', 'public."o');
SELECT * FROM peek('include_tables', 'public.""');
SELECT * FROM peek('exclude_tables', 'public.o other.o');

-- after all these errors the slot is as it was
SELECT * FROM changes();

DROP TABLE o;
DROP FUNCTION peek(text[]);
SELECT drop_slot();
