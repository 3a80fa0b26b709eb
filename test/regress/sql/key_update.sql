-- The old identity is sent when it changed, and only then.
SELECT create_slot();

CREATE TABLE k (a int, b text, v text, PRIMARY KEY (a, b));
INSERT INTO k VALUES (1, 'x', 'v'), (2, 'y', 'v');

UPDATE k SET v = 'w' WHERE a = 1;
UPDATE k SET a = a, b = b, v = 'u' WHERE a = 1;
UPDATE k SET b = 'X' WHERE a = 1;
UPDATE k SET a = 3 WHERE a = 1;
-- keys shifted over each other in one statement
CREATE TABLE shift (id int PRIMARY KEY, v text);
INSERT INTO shift VALUES (3, 'c'), (2, 'b'), (1, 'a');
UPDATE shift SET id = id + 1;
-- swapped by way of a third
BEGIN;
UPDATE shift SET id = -1 WHERE id = 2;
UPDATE shift SET id = 2 WHERE id = 3;
UPDATE shift SET id = 3 WHERE id = -1;
COMMIT;
SELECT * FROM changes();

-- equal for the type, not for its text: the key did change
CREATE TABLE num_key (id numeric PRIMARY KEY, v int);
INSERT INTO num_key VALUES (1.0, 1);
UPDATE num_key SET id = 1.00, v = 2;
UPDATE num_key SET v = 3;
SELECT * FROM changes();

-- a long key, stored compressed
CREATE TABLE long_key (id text PRIMARY KEY, v int);
INSERT INTO long_key VALUES (repeat('k', 5000), 1);
UPDATE long_key SET v = 2;
UPDATE long_key SET id = repeat('l', 5000);
DELETE FROM long_key;
SELECT regexp_replace(record, '([kl])\1+', '\1...', 'g'), length(record) FROM changes() AS record WHERE record !~ '^\["[BC]"';

DROP TABLE k, shift, num_key, long_key;
SELECT drop_slot();
