-- Where reading stops, and where it starts again: no transaction twice, none left out.
SELECT create_slot();
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
INSERT INTO p VALUES (2), (3);
BEGIN;
INSERT INTO p VALUES (4);
SAVEPOINT s;
INSERT INTO p VALUES (5);
COMMIT;
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'm');
TRUNCATE p;
INSERT INTO p SELECT i FROM generate_series(6, 205) AS i;

-- one row a transaction, with the positions of its begin and its commit
CREATE FUNCTION transactions(slot name, upto pg_lsn DEFAULT NULL, upto_changes int DEFAULT NULL)
RETURNS TABLE (place bigint, xid text, begin_commit_lsn pg_lsn, commit_lsn pg_lsn, end_lsn pg_lsn, changes bigint)
LANGUAGE sql
AS $$
	SELECT t.number, max(r.data ->> 1) FILTER (WHERE r.kind = 'B'), (max(r.data ->> 2) FILTER (WHERE r.kind = 'B'))::pg_lsn,
		(max(r.data ->> 1) FILTER (WHERE r.kind = 'C'))::pg_lsn, (max(r.data ->> 2) FILTER (WHERE r.kind = 'C'))::pg_lsn,
		count(*) FILTER (WHERE r.kind IN ('I', 'U', 'D', 'T', 'M'))
	FROM (
		SELECT m.data::json ->> 0 AS kind, m.data::json AS data, m.place,
			count(*) FILTER (WHERE m.data ^@ '["B"') OVER (ORDER BY m.place) AS number
		FROM pg_logical_slot_peek_changes(slot, upto, upto_changes) WITH ORDINALITY AS m(lsn, xid, data, place)
	) r, LATERAL (SELECT r.number) t
	WHERE t.number > 0
	GROUP BY t.number
$$;
CREATE TEMP TABLE whole (place bigint, xid text, begin_commit_lsn pg_lsn, commit_lsn pg_lsn, end_lsn pg_lsn, changes bigint);
INSERT INTO whole SELECT * FROM transactions('regression_slot');
SELECT place, begin_commit_lsn = commit_lsn AS same, commit_lsn < end_lsn AS ends_later,
	commit_lsn >= lag(end_lsn, 1, '0/0') OVER (ORDER BY place) AS behind_former, changes
FROM whole ORDER BY place;
SELECT count(DISTINCT xid) FROM whole;

-- the position beside each record: that of the commit's end for the commit, rising for all
SELECT bool_and(m.lsn = (m.data::json ->> 2)::pg_lsn) AS end_of_commit
FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL) AS m WHERE m.data ^@ '["C"';
SELECT bool_and(lsn >= before) AS rising
FROM (SELECT lsn, lag(lsn, 1, '0/0') OVER (ORDER BY place) AS before FROM pg_logical_slot_peek_changes('regression_slot', NULL, NULL) WITH ORDINALITY AS m(lsn, xid, data, place)) o;

-- a reader that stops behind any transaction, or in the middle of it, gets whole transactions
SELECT w.place, (SELECT count(*) FROM transactions('regression_slot', w.end_lsn)) AS to_end,
	(SELECT count(*) FROM transactions('regression_slot', w.commit_lsn)) AS to_commit,
	(SELECT count(*) FILTER (WHERE t.commit_lsn IS NULL) FROM transactions('regression_slot', w.commit_lsn) t) AS torn
FROM whole w ORDER BY w.place;
SELECT n AS asked, (SELECT sum(changes) FROM transactions('regression_slot', NULL, n)) AS changes,
	(SELECT count(*) FILTER (WHERE t.commit_lsn IS NULL) FROM transactions('regression_slot', NULL, n) t) AS torn
FROM unnest(ARRAY[1, 5, 6, 200]) AS n;

-- a slot confirmed up to the end of any transaction goes on with the next one; confirmed
-- into the middle of one it sends that one again, whole, with a hello and its relations
CREATE FUNCTION rest_after(confirmed pg_lsn) RETURNS TABLE (first bigint, last bigint, torn bigint, starts text)
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM pg_copy_logical_replication_slot('regression_slot', 'copied_slot');
	PERFORM pg_replication_slot_advance('copied_slot', confirmed);
	RETURN QUERY
	SELECT min(w.place), max(w.place), count(*) FILTER (WHERE t.commit_lsn IS NULL),
		(SELECT string_agg(substr(data, 3, 1), '' ORDER BY m.place) FROM pg_logical_slot_peek_changes('copied_slot', NULL, NULL) WITH ORDINALITY AS m(lsn, xid, data, place) WHERE m.place <= 3)
	FROM transactions('copied_slot') t JOIN whole w USING (xid);
	PERFORM pg_drop_replication_slot('copied_slot');
END
$$;
SELECT w.place, r.* FROM whole w, rest_after(w.end_lsn) r ORDER BY w.place;
SELECT w.place, r.* FROM whole w, rest_after(w.commit_lsn) r ORDER BY w.place;

-- consumed up to a position, then the rest
SELECT end_lsn AS "end" FROM whole WHERE place = 2 \gset
SELECT count(*) FROM pg_logical_slot_get_changes('regression_slot', :'end', NULL);
SELECT min(w.place), max(w.place) FROM transactions('regression_slot') JOIN whole w USING (xid);

DROP FUNCTION transactions(name, pg_lsn, int), rest_after(pg_lsn);
DROP TABLE p;
SELECT drop_slot();
