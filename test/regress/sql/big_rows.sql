-- A row of 100 MB: no limit but the server's own.
SELECT create_slot();
-- the faster way to compress, where there is one: it would take most of this test's time
DO $$
BEGIN
	IF EXISTS (SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
		SET default_toast_compression = 'lz4';
	END IF;
END
$$;
CREATE TABLE big (id int PRIMARY KEY, v text, b bytea);
INSERT INTO big VALUES (1, repeat(repeat('0123456789', 100), 104858), NULL);
UPDATE big SET id = 10 WHERE id = 1;
-- bytes, which double; and text in which every character is escaped
INSERT INTO big SELECT 2, NULL, decode(repeat('00ff', 1048576), 'hex');
INSERT INTO big VALUES (3, repeat(E'"\\', 1048576), NULL);
SET work_mem = '1GB';
SELECT octet_length(data) AS bytes,
	CASE left(data, 12)
		WHEN '["I",1,["1",' THEN data = '["I",1,["1","' || repeat(repeat('0123456789', 100), 104858) || '",null]]'
		WHEN '["U",1,["10"' THEN data = '["U",1,["10",false,null],["1"]]'
		WHEN '["I",1,["2",' THEN data = '["I",1,["2",null,"\\x' || repeat('00ff', 1048576) || '"]]'
		WHEN '["I",1,["3",' THEN data = '["I",1,["3","' || repeat(E'\\"\\\\', 1048576) || '",null]]'
	END AS equal
FROM pg_logical_slot_get_changes('regression_slot', NULL, NULL) WHERE data ^@ '["I"' OR data ^@ '["U"';
RESET work_mem;
DROP TABLE big;
SELECT drop_slot();
