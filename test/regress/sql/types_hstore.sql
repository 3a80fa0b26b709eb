-- A type of an extension, in a schema of its own.
CREATE SCHEMA ext;
SET client_min_messages = warning;
CREATE EXTENSION hstore SCHEMA ext;
RESET client_min_messages;
SELECT create_slot();
CREATE TABLE kv (id int PRIMARY KEY, h ext.hstore, hs ext.hstore[]);
INSERT INTO kv VALUES
	(1, '', '{}'),
	(2, 'a=>1, "k \"q\" =>"=>NULL, "NULL"=>"NULL", e=>""', ARRAY['x=>"y,z"', NULL]::ext.hstore[]),
	(3, NULL, NULL);
UPDATE kv SET h = h OPERATOR(ext.||) 'new=>"\"\\"' WHERE id = 2;
SELECT * FROM changes();
DROP TABLE kv;
DROP EXTENSION hstore;
DROP SCHEMA ext;
SELECT drop_slot();
