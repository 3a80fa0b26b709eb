-- A large value that an update did not touch is not in the WAL: false stands for it.
SELECT create_slot();

CREATE FUNCTION noise(seed int, len int) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT substr(string_agg(md5((seed * 1000000 + i)::text), '' ORDER BY i), 1, len) FROM generate_series(1, len / 32 + 1) AS i
$$;

-- lengths in place of long strings
CREATE FUNCTION short(record text) RETURNS text
LANGUAGE sql
AS $$
	SELECT regexp_replace(record, '"([0-9a-fx]{40})[0-9a-fx]+"', '"\1..."', 'g') || ' ' || length(record)
$$;

CREATE TABLE toasted (id int PRIMARY KEY, small text, ext text, comp text);
ALTER TABLE toasted ALTER ext SET STORAGE EXTERNAL;

-- inserted: sent whole; out of line, compressed inline, compressed out of line
INSERT INTO toasted VALUES
	(1, 'a', noise(1, 10000), repeat('x', 5000)),
	(2, 'b', noise(2, 3000), noise(3, 4) || repeat(noise(4, 3000), 6));
SELECT short(record) FROM rows_only() AS record;

-- not touched, and the same value assigned
UPDATE toasted SET small = 'c' WHERE id = 1;
UPDATE toasted SET small = 'd', ext = ext WHERE id = 1;
-- touched
UPDATE toasted SET ext = noise(5, 9000) WHERE id = 1;
-- a short value, NULL, and back
UPDATE toasted SET ext = 'short' WHERE id = 1;
UPDATE toasted SET ext = NULL WHERE id = 1;
UPDATE toasted SET ext = noise(6, 8000) WHERE id = 1;
-- key changed, large value not: it has to be false still
UPDATE toasted SET id = 10 WHERE id = 1;
DELETE FROM toasted WHERE id = 2;
SELECT short(record) FROM rows_only() AS record;

-- changed and then left alone, in one transaction
BEGIN;
UPDATE toasted SET ext = noise(7, 9000);
UPDATE toasted SET small = 'e';
UPDATE toasted SET ext = noise(8, 9000);
COMMIT;
SELECT short(record) FROM rows_only() AS record;

-- identity FULL: the old row has the value that the new one lacks
ALTER TABLE toasted REPLICA IDENTITY FULL;
UPDATE toasted SET small = 'f';
UPDATE toasted SET ext = noise(9, 5000);
DELETE FROM toasted;
SELECT short(record) FROM rows_only() AS record;

-- a key that is itself out of line: it is unchanged in the new row, so the old one brings it
CREATE TABLE toasted_key (id text PRIMARY KEY, v text, big text) WITH (toast_tuple_target = 128);
ALTER TABLE toasted_key ALTER id SET STORAGE EXTERNAL, ALTER big SET STORAGE EXTERNAL;
INSERT INTO toasted_key VALUES (noise(40, 1500), 'a', noise(41, 3000));
UPDATE toasted_key SET v = 'b';
UPDATE toasted_key SET v = 'c', big = noise(42, 3000);
UPDATE toasted_key SET id = noise(43, 1500);
UPDATE toasted_key SET id = 'short';
DELETE FROM toasted_key;
SELECT short(record) FROM rows_only() AS record;

-- many values out of line in one row, many rows in one transaction
CREATE TABLE many_toasted (id int PRIMARY KEY, v1 text, v2 bytea, v3 text);
ALTER TABLE many_toasted ALTER v1 SET STORAGE EXTERNAL, ALTER v2 SET STORAGE EXTERNAL, ALTER v3 SET STORAGE EXTERNAL;
INSERT INTO many_toasted SELECT i, noise(i, 4000), noise(i + 100, 6000)::bytea, noise(i + 200, 3000) FROM generate_series(1, 20) AS i;
UPDATE many_toasted SET v2 = v2 || '\x00' WHERE id % 2 = 0;
CREATE TEMP TABLE got (r json);
INSERT INTO got SELECT record::json AS r FROM rows_only() AS record;
SELECT count(*) FROM got JOIN many_toasted t ON t.id = (r -> 2 ->> 0)::int
WHERE r ->> 0 = 'I' AND r -> 2 ->> 1 = v1 AND r -> 2 ->> 3 = v3 AND (r -> 2 ->> 2)::bytea = CASE WHEN id % 2 = 0 THEN substr(v2, 1, 6000) ELSE v2 END;
SELECT count(*) FROM got JOIN many_toasted t ON t.id = (r -> 2 ->> 0)::int
WHERE r ->> 0 = 'U' AND r #>> '{2,1}' = 'false' AND json_typeof(r #> '{2,1}') = 'boolean' AND (r #>> '{2,2}')::bytea = v2;

-- out of line in a jsonb, an array and a composite, and not in a numeric beside them
CREATE TYPE big_pair AS (a text, b text);
CREATE TABLE toasted_types (id int PRIMARY KEY, j jsonb, a text[], c big_pair, n numeric);
INSERT INTO toasted_types VALUES (1, jsonb_build_object('k', noise(20, 5000)), ARRAY[noise(21, 4000), 'x'], ROW(noise(22, 4000), 'y'), translate(noise(23, 40), 'abcdef', '123456')::numeric);
UPDATE toasted_types SET id = 2;
CREATE TEMP TABLE got_types (r json);
INSERT INTO got_types SELECT record::json AS r FROM rows_only() AS record;
SELECT (r #>> '{2,1}')::jsonb = j AS j, (r #>> '{2,2}')::text[] = a AS a, (r #>> '{2,3}')::big_pair = c AS c, (r #>> '{2,4}')::numeric = n AS n
FROM got_types, toasted_types WHERE r ->> 0 = 'I';
SELECT r FROM got_types WHERE r ->> 0 = 'U';

DROP TABLE toasted, toasted_key, many_toasted, toasted_types;
DROP TYPE big_pair;
DROP FUNCTION noise(int, int), short(text);
SELECT drop_slot();
