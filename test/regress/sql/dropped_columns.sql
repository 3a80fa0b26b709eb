-- Dropped columns leave no trace, wherever they stood.
SELECT create_slot();

CREATE TABLE d (gone1 int, id int PRIMARY KEY, gone2 text, v text, gone3 int, gone4 text);
INSERT INTO d VALUES (1, 1, 'g', 'v', 2, 'h');
ALTER TABLE d DROP COLUMN gone1;
INSERT INTO d VALUES (2, 'g', 'v', 2, 'h');
ALTER TABLE d DROP COLUMN gone2, DROP COLUMN gone3;
INSERT INTO d VALUES (3, 'v', 'h');
-- the last one
ALTER TABLE d DROP COLUMN gone4;
INSERT INTO d VALUES (4, 'v');
UPDATE d SET v = 'w' WHERE id IN (1, 2);
UPDATE d SET id = 30 WHERE id = 3;
DELETE FROM d WHERE id = 4;
ALTER TABLE d REPLICA IDENTITY FULL;
-- rows that still hold the dropped values, and rows that never had them
UPDATE d SET v = 'x' WHERE id = 1;
INSERT INTO d VALUES (5, NULL);
DELETE FROM d;
SELECT * FROM changes();

-- a column of the same name comes back with another type
ALTER TABLE d ADD COLUMN gone4 int;
INSERT INTO d VALUES (6, 'v', 4);
-- all but the key, then all
ALTER TABLE d DROP COLUMN v, DROP COLUMN gone4;
INSERT INTO d VALUES (7);
DELETE FROM d WHERE id = 7;
ALTER TABLE d DROP COLUMN id;
INSERT INTO d DEFAULT VALUES;
SELECT * FROM changes();

-- a dropped column whose type is gone too: decoded as it was then
CREATE TYPE passing AS ENUM ('a', 'b');
CREATE TABLE d2 (p passing, id int PRIMARY KEY, p2 passing);
INSERT INTO d2 VALUES ('a', 1, 'b');
DROP TYPE passing CASCADE;
INSERT INTO d2 VALUES (2);
UPDATE d2 SET id = 3 WHERE id = 1;
SELECT * FROM changes();

DROP TABLE d, d2;
SELECT drop_slot();
