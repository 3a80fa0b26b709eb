-- The order of records: hello once, a relation before its first change, a
-- transaction whole between begin and commit.
SELECT create_slot();

CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(10,2));
CREATE TABLE pair (a int, b text, note text, PRIMARY KEY (b, a));

INSERT INTO item VALUES (1, 'one', 1.50), (2, NULL, NULL);
UPDATE item SET price = 2 WHERE id = 1;
DELETE FROM item WHERE id = 2;
BEGIN;
INSERT INTO pair VALUES (1, 'x', 'first');
INSERT INTO item VALUES (3, '', 0);
UPDATE pair SET note = NULL;
DELETE FROM pair;
COMMIT;
SELECT * FROM changes();

-- A new session starts anew: hello, and relations before their changes.
INSERT INTO item VALUES (4, 'four', 4);
SELECT * FROM changes();

-- Nothing waits, nothing is sent: not even a hello.
SELECT * FROM changes();

-- ANALYZE, VACUUM, statistics and comments touch the catalogue, not the shape.
INSERT INTO item VALUES (5, 'five', 5);
ANALYZE item;
INSERT INTO item VALUES (6, 'six', 6);
VACUUM item;
COMMENT ON TABLE item IS 'a comment';
ALTER TABLE item ALTER COLUMN name SET STATISTICS 50;
CREATE INDEX item_price ON item (price);
INSERT INTO item VALUES (7, 'seven', 7);
SELECT * FROM changes();

-- An update that changes nothing is a change all the same.
UPDATE item SET name = name WHERE id = 7;
-- INSERT ... ON CONFLICT, a row locked, COPY
INSERT INTO item VALUES (7, 'seven', 7) ON CONFLICT (id) DO UPDATE SET name = 'SEVEN';
INSERT INTO item VALUES (7, 'seven', 7) ON CONFLICT DO NOTHING;
SELECT id FROM item WHERE id = 7 FOR UPDATE;
COPY item FROM STDIN;
8	eight	8
9	\N	9
\.
SELECT * FROM changes();

-- Many rows: one relation record, and every row in order.
INSERT INTO item SELECT i, 'n' || i, i FROM generate_series(100, 1099) AS i;
CREATE TEMP TABLE got (record text, ordinality bigint);
INSERT INTO got SELECT record, ordinality FROM changes() WITH ORDINALITY;
SELECT substr(record, 2, 3) AS kind, count(*) FROM got GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM got WHERE record = format('["I",1,["%s","n%s","%s.00"]]', ordinality + 96, ordinality + 96, ordinality + 96);

DROP TABLE item, pair;
SELECT drop_slot();
