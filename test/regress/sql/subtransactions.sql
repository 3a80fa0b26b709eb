-- What was rolled back is not sent, at whatever level.
SELECT create_slot();

CREATE TABLE s (id int PRIMARY KEY, v text);

BEGIN;
INSERT INTO s VALUES (1, 'top');
SAVEPOINT a;
INSERT INTO s VALUES (2, 'a');
SAVEPOINT b;
INSERT INTO s VALUES (3, 'b, rolled back');
ROLLBACK TO b;
INSERT INTO s VALUES (3, 'b, again');
RELEASE b;
INSERT INTO s VALUES (4, 'a, later');
RELEASE a;
COMMIT;

BEGIN;
INSERT INTO s VALUES (5, 'rolled back');
SAVEPOINT a;
INSERT INTO s VALUES (6, 'rolled back');
RELEASE a;
ROLLBACK;

-- the inner one was released before the outer one was rolled back
BEGIN;
SAVEPOINT a;
INSERT INTO s VALUES (7, 'rolled back');
SAVEPOINT b;
INSERT INTO s VALUES (8, 'rolled back');
RELEASE b;
ROLLBACK TO a;
INSERT INTO s VALUES (9, 'stays');
COMMIT;

-- everything in subtransactions, all rolled back: an empty transaction
BEGIN;
SAVEPOINT a;
INSERT INTO s VALUES (10, 'rolled back');
ROLLBACK TO a;
COMMIT;

-- exceptions are subtransactions; the failed statement sends nothing
DO $$
BEGIN
	INSERT INTO s VALUES (11, 'stays');
	BEGIN
		INSERT INTO s VALUES (12, 'rolled back'), (11, 'duplicate');
	EXCEPTION WHEN unique_violation THEN
		INSERT INTO s VALUES (13, 'stays');
	END;
END
$$;
INSERT INTO s VALUES (14, 'rolled back'), (1, 'duplicate');
SELECT * FROM changes();

-- a table created, changed and filled in a subtransaction that is rolled back
BEGIN;
SAVEPOINT a;
ALTER TABLE s ADD COLUMN extra int;
INSERT INTO s VALUES (20, 'rolled back', 1);
CREATE TABLE gone (id int PRIMARY KEY);
INSERT INTO gone VALUES (1);
ROLLBACK TO a;
INSERT INTO s VALUES (21, 'stays');
COMMIT;
SELECT * FROM changes();

-- many subtransactions, more than a backend keeps in memory
DO $$
BEGIN
	FOR i IN 1..200 LOOP
		BEGIN
			INSERT INTO s VALUES (1000 + i, 'many');
			IF i % 4 = 0 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
END
$$;
CREATE TEMP TABLE got (id int, ordinality bigint);
INSERT INTO got SELECT (record::json #>> '{2,0}')::int AS id, ordinality FROM rows_only() WITH ORDINALITY AS c(record, ordinality);
SELECT count(*), min(id), max(id), count(*) FILTER (WHERE id % 4 = 0) AS rolled_back FROM got;
SELECT bool_and(id > before) AS in_order FROM (SELECT id, lag(id, 1, 0) OVER (ORDER BY ordinality) AS before FROM got) o;

DROP TABLE s;
SELECT drop_slot();
