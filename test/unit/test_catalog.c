/*
 * The catalogue: what is read of tables, columns and types.  Needs a server: DBSYNC_TEST_PG.
 */
#include "pg_test.h"

#include "pg/catalog.h"

static PgConn *admin;
static PgConn *conn;
static Arena *arena;
static PgCatalog catalog;

static bool
keep_cat(const PgTable *table, void *arg)
{
	(void) arg;
	return strncmp(table->schema, "cat", 3) == 0 && strcmp(table->name, "unwanted") != 0;
}

static void
open_database(void)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET};
	Error err = ERROR_INIT;
	char *conninfo = pg_test_conninfo_as(NULL, "dbsync_test_catalog");

	assert_ok(pg_connect(pg_test_conninfo(), &options, &admin, &err), &err);
	pg_test_sql(admin, "DROP DATABASE IF EXISTS dbsync_test_catalog");
	pg_test_sql(admin, "CREATE DATABASE dbsync_test_catalog");
	assert_ok(pg_connect(conninfo, &options, &conn, &err), &err);
	free(conninfo);
}

static int
set_up(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	if (!pg_test_conninfo())
		return 0;
	open_database();
	pg_test_sql(conn, "CREATE SCHEMA cat; CREATE SCHEMA \"cat \"\"x\"; CREATE SCHEMA other; CREATE SCHEMA dbsync;"
					  "CREATE TABLE other.t(i int); CREATE TABLE dbsync.t(i int); CREATE TABLE cat.unwanted(i int)");
	pg_test_sql(conn, "CREATE TABLE cat.keys(gone int, a int, b text NOT NULL DEFAULT 'x', c numeric(10,2),"
					  " d int GENERATED ALWAYS AS (a + 1) STORED, e bigint GENERATED ALWAYS AS IDENTITY,"
					  " PRIMARY KEY (b, a)); ALTER TABLE cat.keys DROP gone; ALTER TABLE cat.keys ADD last char(3)");
	pg_test_sql(conn, "CREATE TABLE cat.nokey(i int); CREATE TABLE cat.full(i int, u int UNIQUE);"
					  "ALTER TABLE cat.full REPLICA IDENTITY FULL");
	pg_test_sql(conn, "CREATE TABLE cat.deferred(i int PRIMARY KEY DEFERRABLE)");
	pg_test_sql(conn, "CREATE TABLE cat.byindex(i int NOT NULL, j int NOT NULL, CONSTRAINT bi UNIQUE (j));"
					  "ALTER TABLE cat.byindex REPLICA IDENTITY USING INDEX bi");
	pg_test_sql(conn, "CREATE TABLE cat.ref(i int PRIMARY KEY, r int REFERENCES cat.ref);"
					  "CREATE TABLE cat.referred(i int PRIMARY KEY);"
					  "CREATE TABLE cat.child(i int REFERENCES cat.referred)");
	pg_test_sql(conn, "CREATE TABLE cat.root(k int, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k);"
					  "CREATE TABLE cat.mid PARTITION OF cat.root FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (k);"
					  "CREATE TABLE cat.leaf PARTITION OF cat.mid FOR VALUES FROM (0) TO (10)");
	pg_test_sql(conn, "CREATE TABLE cat.parent(i int); CREATE TABLE cat.heir() INHERITS (cat.parent)");
	pg_test_sql(conn, "CREATE UNLOGGED TABLE cat.unlogged(i int); CREATE TABLE cat.none(); CREATE TEMP TABLE temp(i int)");
	pg_test_sql(conn, "CREATE TABLE \"cat \"\"x\".\"a'b\nc\"(\"d\"\"e\" int PRIMARY KEY)");
	pg_test_sql(conn, "CREATE TABLE cat.blocks(i int, t text);"
					  "INSERT INTO cat.blocks SELECT i, repeat('x', 500) FROM generate_series(1, 1000) i");
	pg_test_sql(conn, "CREATE FUNCTION cat.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
					  "CREATE TABLE cat.trig(i int);"
					  "CREATE TRIGGER t AFTER INSERT ON cat.trig FOR EACH ROW EXECUTE FUNCTION cat.f();"
					  "CREATE TABLE cat.always(i int);"
					  "CREATE TRIGGER t AFTER INSERT ON cat.always FOR EACH ROW EXECUTE FUNCTION cat.f();"
					  "ALTER TABLE cat.always ENABLE ALWAYS TRIGGER t");
	pg_test_sql(conn, "CREATE TYPE cat.mood AS ENUM ('a', 'b'); CREATE DOMAIN cat.dom AS text;"
					  "CREATE DOMAIN cat.domjson AS json; CREATE TYPE cat.pair AS (a int, b text);"
					  "CREATE TYPE cat.bad AS (a int, b point); CREATE EXTENSION citext SCHEMA other");
	pg_test_sql(conn, "CREATE TABLE cat.types(a int, b varchar(10), c bit, d char, e timestamp(3) with time zone,"
					  " f json, g jsonb, h point, i cat.mood, j cat.mood[], k cat.dom, l cat.domjson, m cat.pair,"
					  " n cat.bad, o json[], p other.citext, q other.citext[], r int4range, s xml, t xid, u name)");
	arena = arena_new(0);
	assert_ok(pg_catalog_load(conn, keep_cat, NULL, arena, &catalog, &err), &err);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	if (!admin)
		return 0;
	pg_catalog_free(&catalog);
	arena_free(arena);
	pg_close(conn);
	pg_test_sql(admin, "DROP DATABASE dbsync_test_catalog");
	pg_close(admin);
	return 0;
}

static PgTable *
find(const char *name)
{
	PgTable *table = pg_catalog_find(&catalog, "cat", name);

	assert_non_null(table);
	return table;
}

static void
tables_are_listed_by_filter_and_sorted(void **state)
{
	(void) state;
	assert_null(pg_catalog_find(&catalog, "other", "t"));
	assert_null(pg_catalog_find(&catalog, "cat", "unwanted"));
	assert_null(pg_catalog_find(&catalog, "dbsync", "t"));
	assert_non_null(pg_catalog_find(&catalog, "cat \"x", "a'b\nc"));
	for (int i = 1; i < catalog.count; i++)
		assert_true(strcmp(catalog.tables[i - 1].schema, catalog.tables[i].schema) < 0 ||
					strcmp(catalog.tables[i - 1].name, catalog.tables[i].name) < 0);
	assert_int_equal(find("none")->column_count, 0);
	assert_int_equal(find("unlogged")->persistence, 'u');
	assert_true(find("parent")->has_inheritance_children);
	assert_false(find("heir")->is_partition);
	assert_true(find("keys")->is_heap);
	assert_true(find("keys")->can_select && find("keys")->can_write);
}

static void
columns_skip_dropped_ones(void **state)
{
	PgTable *keys = find("keys");
	PgColumn *column;

	(void) state;
	assert_int_equal(keys->column_count, 6);
	assert_string_equal(keys->columns[0].name, "a");
	assert_int_equal(keys->columns[0].number, 2);
	assert_string_equal(keys->columns[5].name, "last");
	assert_int_equal(pg_table_column(keys, "a")->identity_position, 2);
	assert_int_equal(pg_table_column(keys, "b")->identity_position, 1);
	assert_true(pg_table_column(keys, "b")->has_default);
	column = pg_table_column(keys, "d");
	assert_int_equal(column->generated, 's');
	assert_false(column->has_default);
	assert_int_equal(pg_table_column(keys, "e")->identity, 'a');
	assert_string_equal(pg_table_column(keys, "c")->type, "numeric(10,2)");
	assert_string_equal(pg_table_column(keys, "c")->type_bare, "numeric");
	assert_null(pg_table_column(keys, "gone"));
}

static void
identity_is_what_the_server_would_use(void **state)
{
	(void) state;
	assert_int_equal(find("keys")->identity, 'd');
	assert_string_equal(find("keys")->identity_index, "keys_pkey");
	assert_int_equal(find("nokey")->identity, 'n');
	assert_int_equal(find("nokey")->identity_setting, 'd');
	assert_int_equal(find("deferred")->identity, 'n');
	assert_int_equal(find("full")->identity, 'f');
	assert_true(find("full")->has_other_unique);
	assert_int_equal(find("byindex")->identity, 'i');
	assert_int_equal(pg_table_column(find("byindex"), "j")->identity_position, 1);
	assert_false(find("byindex")->has_other_unique);
	assert_false(find("keys")->has_other_unique);
}

static void
partitions_know_their_root(void **state)
{
	PgTable *leaf = find("leaf");

	(void) state;
	assert_int_equal(find("root")->kind, 'p');
	assert_int_equal(find("mid")->kind, 'p');
	assert_int_equal(leaf->kind, 'r');
	assert_true(leaf->is_partition);
	assert_string_equal(leaf->root_name, "root");
	assert_int_equal(leaf->identity, 'd');
	assert_ptr_equal(pg_catalog_target_of(&catalog, NULL, "cat", "elsewhere", "cat", "root"), find("root"));
	assert_ptr_equal(pg_catalog_target_of(&catalog, NULL, "cat", "leaf", "cat", "root"), leaf);
	assert_ptr_equal(pg_catalog_target_of(&catalog, "cat", "s", "leaf", NULL, NULL), leaf);
	assert_null(pg_catalog_target_of(&catalog, NULL, "cat", "elsewhere", NULL, NULL));
}

static void
triggers_and_references_are_seen(void **state)
{
	(void) state;
	assert_false(find("trig")->has_triggers);
	assert_true(find("trig")->has_origin_triggers);
	assert_true(find("always")->has_triggers);
	assert_false(find("ref")->is_referenced);
	assert_true(find("ref")->has_origin_triggers);
	assert_true(find("referred")->is_referenced);
	assert_false(find("child")->is_referenced);
	assert_true(find("child")->has_origin_triggers);
}

static void
sizes_are_actual(void **state)
{
	PgTable *blocks = find("blocks");

	(void) state;
	assert_in_range(blocks->heap_blocks, 60, 100);
	assert_in_range(blocks->size_bytes, 60 * 8192, 100 * 8192);
	assert_true(blocks->rows_estimated == -1 || blocks->rows_estimated == 1000);
}

static void
types_are_castable_and_know_equality(void **state)
{
	static const struct
	{
		const char *column;
		const char *type;
		const char *bare;
		bool has_equality;
		const char *equality;
	} wanted[] = {
		{"a", "integer", "integer", true, "OPERATOR(pg_catalog.=)"},
		{"b", "character varying(10)", "character varying", true, "OPERATOR(pg_catalog.=)"},
		{"c", "bit(1)", "\"bit\"", true, "OPERATOR(pg_catalog.=)"},
		{"d", "character(1)", "bpchar", true, "OPERATOR(pg_catalog.=)"},
		{"e", "timestamp(3) with time zone", "timestamp with time zone", true, "OPERATOR(pg_catalog.=)"},
		{"f", "json", "json", false, NULL},
		{"g", "jsonb", "jsonb", true, "OPERATOR(pg_catalog.=)"},
		{"h", "point", "point", false, NULL},
		{"i", "cat.mood", "cat.mood", true, "OPERATOR(pg_catalog.=)"},
		{"j", "cat.mood[]", "cat.mood[]", true, "OPERATOR(pg_catalog.=)"},
		{"k", "cat.dom", "cat.dom", true, "OPERATOR(pg_catalog.=)"},
		{"l", "cat.domjson", "cat.domjson", false, NULL},
		{"m", "cat.pair", "cat.pair", true, "OPERATOR(pg_catalog.=)"},
		{"n", "cat.bad", "cat.bad", false, NULL},
		{"o", "json[]", "json[]", false, NULL},
		{"p", "other.citext", "other.citext", false, "OPERATOR(other.=)"},
		{"q", "other.citext[]", "other.citext[]", true, "OPERATOR(pg_catalog.=)"},
		{"r", "int4range", "int4range", true, "OPERATOR(pg_catalog.=)"},
		{"s", "xml", "xml", false, NULL},
		{"t", "xid", "xid", true, "OPERATOR(pg_catalog.=)"},
		{"u", "name", "name", true, "OPERATOR(pg_catalog.=)"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
	{
		PgColumn *column = pg_table_column(find("types"), wanted[i].column);
		StrBuf sql = STRBUF_INIT;

		assert_non_null(column);
		print_message("%s\n", column->type);
		assert_string_equal(column->type, wanted[i].type);
		assert_string_equal(column->type_bare, wanted[i].bare);
		assert_int_equal(column->has_equality, wanted[i].has_equality);
		assert_int_equal(column->equality == NULL, wanted[i].equality == NULL);
		if (wanted[i].equality)
		{
			assert_string_equal(column->equality, wanted[i].equality);
			strbuf_printf(&sql, "SELECT count(*) FROM cat.types WHERE %s %s NULL::%s", wanted[i].column,
						  wanted[i].equality, column->type_bare);
			assert_value(conn, strbuf_text(&sql), "0");
			strbuf_free(&sql);
		}
		if (wanted[i].has_equality)
		{
			strbuf_printf(&sql, "SELECT count(*) FROM cat.types WHERE %s IS NOT DISTINCT FROM NULL::%s",
						  wanted[i].column, column->type_bare);
			assert_value(conn, strbuf_text(&sql), "0");
			strbuf_free(&sql);
		}
	}
}

static void
one_table_is_read_alone(void **state)
{
	Error err = ERROR_INIT;
	PgTable *table;

	(void) state;
	assert_ok(pg_catalog_load_table(conn, "cat", "keys", arena, &table, &err), &err);
	assert_non_null(table);
	assert_int_equal(table->column_count, 6);
	assert_ok(pg_catalog_load_table(conn, "cat", "not there", arena, &table, &err), &err);
	assert_null(table);
}

static void
rights_are_those_of_the_role(void **state)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE};
	char *conninfo = pg_test_conninfo_as("cat_reader", "dbsync_test_catalog");
	PgConn *reader;
	PgTable *table;
	Error err = ERROR_INIT;

	(void) state;
	pg_test_sql(conn, "DROP ROLE IF EXISTS cat_reader; CREATE ROLE cat_reader LOGIN");
	pg_test_sql(conn, "GRANT USAGE ON SCHEMA cat TO cat_reader; GRANT SELECT ON cat.keys TO cat_reader;"
					  "ALTER TABLE cat.nokey ENABLE ROW LEVEL SECURITY; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE"
					  " ON cat.nokey TO cat_reader");
	assert_ok(pg_connect(conninfo, &options, &reader, &err), &err);
	assert_ok(pg_catalog_load_table(reader, "cat", "keys", arena, &table, &err), &err);
	assert_true(table->can_select);
	assert_false(table->can_write);
	assert_false(table->row_security);
	assert_ok(pg_catalog_load_table(reader, "cat", "nokey", arena, &table, &err), &err);
	assert_true(table->can_write);
	assert_true(table->row_security);
	assert_ok(pg_catalog_load_table(reader, "cat", "trig", arena, &table, &err), &err);
	assert_false(table->can_select);
	assert_ok(pg_catalog_load_table(reader, "cat \"x", "a'b\nc", arena, &table, &err), &err);
	assert_non_null(table);
	assert_false(table->can_select);
	pg_close(reader);
	pg_test_sql(conn, "DROP OWNED BY cat_reader; DROP ROLE cat_reader");
	free(conninfo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_listed_by_filter_and_sorted),
		cmocka_unit_test(columns_skip_dropped_ones),
		cmocka_unit_test(identity_is_what_the_server_would_use),
		cmocka_unit_test(partitions_know_their_root),
		cmocka_unit_test(triggers_and_references_are_seen),
		cmocka_unit_test(sizes_are_actual),
		cmocka_unit_test(types_are_castable_and_know_equality),
		cmocka_unit_test(one_table_is_read_alone),
		cmocka_unit_test(rights_are_those_of_the_role),
	};

	return pg_test_run("catalog", tests, set_up, tear_down);
}
