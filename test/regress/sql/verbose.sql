-- format = verbose: one object a record, which needs no other to be read.
SELECT create_slot();
CREATE FUNCTION verbose(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record text)
LANGUAGE sql
AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(line,
		'"((?:commit_|end_)?lsn)":"[0-9A-F]+/[0-9A-F]+"', '"\1":"LSN"', 'g'),
		'"xid":\d+', '"xid":XID'),
		'"commit_time":"[^"]*\+00"', '"commit_time":"TIME"'),
		'"server_version":\d+,', '"server_version":PG_VERSION,'),
		'"plugin":"\d+\.\d+[^"]*"', '"plugin":"VERSION"') AS record
	FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL, VARIADIC '{format,verbose}' || options) WITH ORDINALITY AS m(lsn, xid, data, place)
	CROSS JOIN LATERAL regexp_split_to_table(m.data, E'\n') WITH ORDINALITY AS l(line, place)
	WHERE line::json IS NOT NULL
	ORDER BY m.place, l.place
$$;
CREATE TYPE verbose_mood AS ENUM ('fine');
CREATE TABLE v (id int, "K ""ey" text, n numeric, m verbose_mood, big text, g int GENERATED ALWAYS AS (id * 2) STORED, gone int, PRIMARY KEY ("K ""ey", id));
ALTER TABLE v ALTER big SET STORAGE EXTERNAL, DROP COLUMN gone;
CREATE TABLE keyless (a int);
INSERT INTO v VALUES (1, 'k"1', 1.50, 'fine', NULL);
UPDATE v SET n = 2;
UPDATE v SET "K ""ey" = E'k\n2';
DELETE FROM v;
BEGIN;
INSERT INTO keyless VALUES (1);
UPDATE keyless SET a = NULL;
DELETE FROM keyless;
TRUNCATE v, keyless RESTART IDENTITY CASCADE;
SELECT 'sent' FROM pg_logical_emit_message(true, 'pre', 'content');
COMMIT;
SELECT 'sent' FROM pg_logical_emit_message(false, 'pre', '\x00'::bytea);
COMMENT ON TABLE v IS 'committed';
SELECT * FROM verbose();

-- unchanged TOAST, identity FULL, a shape that changes, a partition
INSERT INTO v VALUES (2, 'k', 1, NULL, repeat('x', 3000));
UPDATE v SET n = 3;
ALTER TABLE v REPLICA IDENTITY FULL;
UPDATE v SET n = 4;
ALTER TABLE v DROP COLUMN big;
DELETE FROM v;
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted VALUES (1);
SELECT replace(record, repeat('x', 3000), '...') AS record FROM verbose() WHERE record !~ '"action":"(hello|begin|commit)"';

-- with origins and in batches
SELECT pg_replication_origin_create('somewhere "else"') IS NOT NULL AS created;
SELECT pg_replication_origin_session_setup('somewhere "else"');
INSERT INTO keyless VALUES (5);
SELECT pg_replication_origin_session_reset();
SELECT * FROM verbose('batch_bytes', '1MB');
SELECT pg_replication_origin_drop('somewhere "else"');

DROP TABLE v, keyless, parted;
DROP TYPE verbose_mood;
DROP FUNCTION verbose(text[]);
SELECT drop_slot();
