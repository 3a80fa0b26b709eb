-- Multiranges, which servers have from version 14 on.
SELECT current_setting('server_version_num')::int < 140000 AS too_old \gset
\if :too_old
\quit
\endif
SELECT create_slot();
CREATE TABLE multi (id int PRIMARY KEY, i int4multirange, n nummultirange, tz tstzmultirange, a datemultirange[]);
INSERT INTO multi VALUES
	(1, '{}', '{}', '{}', '{}'),
	(2, '{[1,2],[5,9)}', '{(,1.10],(2.20,)}', '{["2024-01-02 03:04:05+02","2024-02-02 00:00:00+00"),["2025-01-01 00:00:00+00",infinity]}', ARRAY['{[2024-01-01,2024-01-02]}', NULL]::datemultirange[]),
	(3, '{(,)}', NULL, NULL, NULL);
CREATE TYPE span AS RANGE (subtype = float8, multirange_type_name = "multi span");
CREATE TABLE own (id int PRIMARY KEY, s span, m "multi span");
INSERT INTO own VALUES (1, '[0.1,0.2)', '{[0.1,0.2),[1e300,Infinity]}');
SELECT * FROM changes();
DROP TABLE multi, own;
DROP TYPE span;
SELECT drop_slot();
