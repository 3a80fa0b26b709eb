-- A database in UTF-8, read in another encoding: what that one has, it gets; a character
-- that it has not is an error that names it, never a question mark.
\set SHOW_CONTEXT never
SELECT create_slot();
CREATE TABLE u (id int PRIMARY KEY, v text);
INSERT INTO u VALUES (1, 'Grüße ¡ "x"'), (2, 'ascii');
SELECT encode(data, 'escape') AS record FROM pg_logical_slot_peek_binary_changes('regression_slot', NULL, NULL, 'encoding', 'LATIN1')
WHERE encode(substr(data, 3, 1), 'escape') = 'I';
SELECT convert_from(data, 'EUC_JP') AS record FROM pg_logical_slot_get_binary_changes('regression_slot', NULL, NULL, 'encoding', 'EUC_JP', 'include_tables', 'nobody.has');
INSERT INTO u VALUES (3, '漢字 and more');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regression_slot', NULL, NULL, 'encoding', 'LATIN1');
SELECT convert_from(data, 'EUC_JP') AS record FROM pg_logical_slot_peek_binary_changes('regression_slot', NULL, NULL, 'encoding', 'EUC_JP', 'batch_bytes', '0')
WHERE encode(substr(data, 3, 1), 'escape') = 'I';
-- the slot is none the worse for it
SELECT * FROM rows_only();
-- the longest characters, cut nowhere
INSERT INTO u SELECT 100 + i, repeat('😀', i) FROM generate_series(1, 40) AS i;
SELECT count(*) FROM rows_only('batch_bytes', '50') AS record JOIN u ON record = format('["I",1,["%s","%s"]]', id, v);
DROP TABLE u;
SELECT drop_slot();
