/*
 * catalog_sql.h
 *		The queries of catalog.c, each with the numbers of its columns.  They run on every server from 13 on and under an empty
 *		search_path.
 */
#ifndef DBSYNC_PG_CATALOG_SQL_H
#define DBSYNC_PG_CATALOG_SQL_H

enum
{
	TABLE_OID,
	TABLE_SCHEMA,
	TABLE_NAME,
	TABLE_KIND,
	TABLE_PERSISTENCE,
	TABLE_IS_HEAP,
	TABLE_IDENTITY_SETTING,
	TABLE_IDENTITY_INDEX,
	TABLE_IS_PARTITION,
	TABLE_ROOT_SCHEMA,
	TABLE_ROOT_NAME,
	TABLE_PARENT,
	TABLE_HAS_CHILDREN,
	TABLE_ROW_SECURITY,
	TABLE_CAN_SELECT,
	TABLE_CAN_WRITE,
	TABLE_HAS_TRIGGERS,
	TABLE_FIRES_ON_INSERT,
	TABLE_HAS_ORIGIN_TRIGGERS,
	TABLE_HAS_OTHER_UNIQUE,
	TABLE_IS_REFERENCED,
	TABLE_SIZE_BYTES,
	TABLE_HEAP_BLOCKS,
	TABLE_ROWS_ESTIMATED
};

/* A trigger, also a foreign key's or a partition's, or a rule that fires under replica role.  and: which triggers count. */
#define PG_CATALOG_FIRES_SQL(and) \
	" EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE (t.tgrelid = c.oid OR c.relkind = 'p'" \
	"  AND t.tgrelid IN (SELECT l.relid FROM pg_catalog.pg_partition_tree(c.oid) l))" \
	"  AND t.tgenabled IN ('A', 'R')" and ")" \
	"  OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_enabled IN ('A', 'R'))"

/*
 * $1, $2: schema and name of one table, or NULLs.  The identity's index is one that the server itself would use: a partial,
 * deferrable or invalid one is none.  A size is NULL where the table has gone meanwhile.
 */
#define PG_CATALOG_TABLES_SQL \
	"SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence," \
	" coalesce(am.amhandler = 'pg_catalog.heap_tableam_handler'::pg_catalog.regproc, false), c.relreplident," \
	" i.index_name, c.relispartition, rn.nspname, r.relname," \
	" (SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE c.relispartition AND h.inhrelid = c.oid)," \
	" c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid)," \
	" pg_catalog.row_security_active(c.oid)," \
	" pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')," \
	" pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')" \
	"  AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE')" \
	"  AND pg_catalog.has_table_privilege(c.oid, 'TRUNCATE')," \
	PG_CATALOG_FIRES_SQL("") "," \
	PG_CATALOG_FIRES_SQL(" AND t.tgtype & 4 <> 0") "," \
	" EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal" \
	"  AND t.tgenabled IN ('O', 'A'))" \
	"  OR EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND c.oid IN (f.conrelid, f.confrelid))," \
	" EXISTS (SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class xc ON xc.oid = x.indexrelid" \
	"  WHERE x.indrelid = c.oid AND (x.indisunique OR x.indisexclusion) AND x.indisready" \
	"  AND x.indexrelid IS DISTINCT FROM i.index_oid)," \
	" EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.oid" \
	"  AND f.conrelid <> c.oid)," \
	" coalesce(pg_catalog.pg_relation_size(c.oid), 0)" \
	"  + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0)," \
	" coalesce(pg_catalog.pg_relation_size(c.oid), 0)" \
	"  / pg_catalog.current_setting('block_size')::pg_catalog.int8," \
	" CASE WHEN c.reltuples > 0 OR c.relpages > 0 THEN c.reltuples ELSE -1 END" \
	" FROM pg_catalog.pg_class c" \
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
	" LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam" \
	" LEFT JOIN pg_catalog.pg_class r ON c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)" \
	" LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace" \
	" LEFT JOIN LATERAL (SELECT x.indexrelid AS index_oid, xc.relname AS index_name" \
	"  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class xc ON xc.oid = x.indexrelid" \
	"  WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL" \
	"  AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END" \
	"  LIMIT 1) i ON true" \
	" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'" \
	" AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'alidecode', 'dbsync')" \
	" AND ($1::pg_catalog.text IS NULL OR (n.nspname = $1::pg_catalog.text AND c.relname = $2::pg_catalog.text))" \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass" \
	"  AND d.objid = c.oid AND d.deptype = 'e')"

enum
{
	COLUMN_TABLE_OID,
	COLUMN_NUMBER,
	COLUMN_NAME,
	COLUMN_TYPE_OID,
	COLUMN_TYPE,
	COLUMN_TYPE_BARE,
	COLUMN_NOT_NULL,
	COLUMN_GENERATED_KIND,
	COLUMN_HAS_DEFAULT,
	COLUMN_IDENTITY_KIND,
	COLUMN_IDENTITY_POSITION
};

/* $1: oids of tables.  The modifier -1 (not NULL) makes format_type say bpchar and "bit", whose casts do not cut. */
#define PG_CATALOG_COLUMNS_SQL \
	"SELECT a.attrelid, a.attnum, a.attname, a.atttypid," \
	" pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(a.atttypid, -1)," \
	" a.attnotnull, a.attgenerated, a.atthasdef AND a.attgenerated = '', a.attidentity, coalesce(k.position, 0)" \
	" FROM pg_catalog.pg_attribute a" \
	" JOIN pg_catalog.pg_class c ON c.oid = a.attrelid" \
	" LEFT JOIN LATERAL (SELECT u.position FROM pg_catalog.pg_index x" \
	"  CROSS JOIN LATERAL pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY u(attnum, position)" \
	"  WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL" \
	"  AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END" \
	"  AND u.position <= x.indnkeyatts AND u.attnum = a.attnum LIMIT 1) k ON true" \
	" WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped" \
	" ORDER BY a.attrelid, a.attnum"

enum
{
	TYPE_OID,
	TYPE_HAS_EQUALITY,
	TYPE_EQUALITY
};

/*
 * $1: oids of types.  A domain is as comparable as its base, an array as its elements, a row as all of its fields.  What is
 * left has a default operator class, its own or that of a type it is binary coercible to.  A plain "=" is found only in
 * pg_catalog, so an operator elsewhere (citext, hstore) does not count for has_equality.
 */
#define PG_CATALOG_TYPES_SQL \
	"WITH RECURSIVE part(start, oid, top) AS (" \
	" SELECT t.oid, t.oid, true FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1::pg_catalog.oid[])" \
	" UNION" \
	" SELECT p.start, x.next, x.top FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.oid" \
	" CROSS JOIN LATERAL (" \
	"  SELECT t.typbasetype, p.top WHERE t.typtype = 'd'" \
	"  UNION ALL SELECT t.typelem, false WHERE t.typtype <> 'd' AND t.typcategory = 'A' AND t.typelem <> 0" \
	"  UNION ALL SELECT a.atttypid, false FROM pg_catalog.pg_attribute a" \
	"   WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped" \
	" ) x(next, top))," \
	" leaf AS (" \
	" SELECT p.start, p.top, o.name, o.is_system, t.typtype IN ('e', 'r', 'm') OR o.name IS NOT NULL AS comparable" \
	" FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.oid" \
	" LEFT JOIN LATERAL (" \
	"  SELECT 'OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || op.oprname || ')', n.nspname = 'pg_catalog'" \
	"  FROM pg_catalog.pg_opclass oc JOIN pg_catalog.pg_am am ON am.oid = oc.opcmethod" \
	"  JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype" \
	"   AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = CASE am.amname WHEN 'btree' THEN 3 ELSE 1 END" \
	"  JOIN pg_catalog.pg_operator op ON op.oid = ao.amopopr" \
	"  JOIN pg_catalog.pg_namespace n ON n.oid = op.oprnamespace" \
	"  WHERE oc.opcdefault AND am.amname IN ('btree', 'hash')" \
	"  AND (oc.opcintype = t.oid OR EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = t.oid" \
	"   AND k.casttarget = oc.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'))" \
	"  ORDER BY oc.opcintype = t.oid DESC, am.amname LIMIT 1) o(name, is_system) ON true" \
	" WHERE NOT (t.typtype IN ('d', 'c') OR (t.typcategory = 'A' AND t.typelem <> 0)))" \
	" SELECT l.start," \
	" pg_catalog.bool_and(l.comparable AND (NOT l.top OR coalesce(l.is_system, true)))," \
	" CASE WHEN pg_catalog.bool_and(l.comparable) THEN" \
	"  coalesce(pg_catalog.max(l.name) FILTER (WHERE l.top), 'OPERATOR(pg_catalog.=)') END" \
	" FROM leaf l GROUP BY l.start"

#endif
