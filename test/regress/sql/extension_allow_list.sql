-- output_plugin_libraries, which servers have since the minor releases of August 2026.
SELECT current_setting('output_plugin_libraries', true) IS NULL AS unknown \gset
\if :unknown
\quit
\endif
\x on
CREATE EXTENSION alidecode;
CREATE VIEW found AS SELECT * FROM alidecode.check_allow_list();
TABLE found;
-- what is there is kept, in the server's quoting
SET output_plugin_libraries = pgoutput, test_decoding;
TABLE found;
SET output_plugin_libraries = 'pgoutput', 'my "own" lib', 'Upper', 'alidecode_not';
TABLE found;
SET output_plugin_libraries = '';
TABLE found;
-- the classic mistake: one name with commas in it
SET output_plugin_libraries = 'pgoutput, test_decoding, alidecode';
SHOW output_plugin_libraries;
TABLE found;
SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'alidecode';
TABLE found;

-- the narrow form, for the role that reads
SET output_plugin_libraries = pgoutput;
CREATE ROLE "regress source" LOGIN REPLICATION;
TABLE found;
ALTER ROLE "regress source" SET output_plugin_libraries = 'pgoutput', 'alidecode';
TABLE found;
-- a role that was forgotten
ALTER ROLE "regress source" SET output_plugin_libraries = 'pgoutput';
SET output_plugin_libraries = pgoutput, alidecode;
TABLE found;
ALTER ROLE "regress source" RESET output_plugin_libraries;
ALTER ROLE "regress source" IN DATABASE regression SET output_plugin_libraries = 'pgoutput';
TABLE found;
\t on
SELECT mend FROM found \gexec
\t off
TABLE found;

RESET output_plugin_libraries;
DROP VIEW found;
DROP EXTENSION alidecode;
DROP ROLE "regress source";
