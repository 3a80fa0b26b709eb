SELECT create_slot();
CREATE TABLE m (id int PRIMARY KEY);

-- transactional: in its transaction, or not at all
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'pre fix', 'in a transaction');
INSERT INTO m VALUES (1);
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', '');
COMMIT;
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'rolled back');
ROLLBACK;
-- only a message in it
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'alone');
SELECT * FROM changes();

-- not transactional: sent although its transaction is rolled back
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'at once');
INSERT INTO m VALUES (2);
ROLLBACK;
-- only a commit makes sure that it is in the WAL on disk, from where it is read
COMMENT ON TABLE m IS 'committed';
SELECT * FROM changes();

-- not transactional, inside a transaction that commits: it stands before its begin
BEGIN;
INSERT INTO m VALUES (3);
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'first');
INSERT INTO m VALUES (4);
COMMIT;
SELECT * FROM changes();

-- content: what JSON escapes, what is not text, an empty prefix
SELECT 'sent' FROM pg_logical_emit_message(true, E'qu"ote\\ \n', E'a "quote", a \\, \t\n\r\x01 and ü €');
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\x00ff10'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\xc3'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\xc3bc'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', ''::bytea);
SELECT 'sent' FROM pg_logical_emit_message(false, 'bytes', '\xfffefd00'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, '', 'no prefix');
SELECT * FROM rows_only();

-- a large one, as text and as bytes
SELECT 'sent' FROM pg_logical_emit_message(true, 'large', repeat('0123456789', 100000));
SELECT 'sent' FROM pg_logical_emit_message(true, 'large', decode(repeat('ff00', 100000), 'hex'));
SELECT substr(record, 1, 30) AS begins, length(record::json ->> 2) AS length,
	CASE record::json ->> 5 WHEN 'base64' THEN decode(record::json ->> 2, 'base64') = decode(repeat('ff00', 100000), 'hex')
	ELSE record::json ->> 2 = repeat('0123456789', 100000) END AS equal
FROM rows_only() AS record;

-- switched off
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'off');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'off');
COMMENT ON TABLE m IS 'committed';
SELECT * FROM changes('messages', 'off');
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'on');
SELECT * FROM changes('messages', 'on');

DROP TABLE m;
SELECT drop_slot();
