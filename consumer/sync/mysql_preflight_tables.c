/* The preflight of a MySQL source's tables: can they be read, can their changes be named, and what does their log not say? */
#include "sync/mysql_preflight.h"

#include "model/table_pattern.h"
#include "mysql/my_name.h"
#include "mysql/my_types.h"
#include "sync/table_filter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- rights ---- */

/* Without SELECT ON *.* every table is asked for no rows: rights may come from the database, the table, or a role. */
static bool
check_readable(MysqlPreflight *self, const MyCatalog *catalog, Error *err)
{
	Preflight  *p = self->p;
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		sql = STRBUF_INIT;
	bool		ok = true;

	for (int i = 0; ok && !self->may_read_all && i < catalog->count; i++)
	{
		strbuf_reset(&sql);
		strbuf_append(&sql, "SELECT * FROM ");
		my_quote_identifier(&sql, catalog->tables[i].schema);
		strbuf_append_char(&sql, '.');
		my_quote_identifier(&sql, catalog->tables[i].name);
		strbuf_append(&sql, " LIMIT 0");
		if (my_exec(self->conn, strbuf_text(&sql), err))
			continue;
		ok = err->kind != ERROR_CANCELLED && !my_is_lost(self->conn);
		if (ok)
		{
			name_list_add(&names, catalog->tables[i].name);
			error_clear(err);
		}
	}
	if (!ok)
		ok = finding_add_error(p, "source", err);
	else if (names.count > 0)
	{
		strbuf_reset(&sql);
		strbuf_append(&sql, "GRANT SELECT ON ");
		my_quote_identifier(&sql, p->config->mysql.db);
		strbuf_printf(&sql, ".* TO %s;\n(or leave them out: exclude_tables)", self->account);
		finding_add(p, FINDING_ERROR, "source", strbuf_text(&sql), "the user %s may not read %d table%s: %s", self->account, names.count,
					names.count == 1 ? "" : "s", name_list_text(&names));
	}
	name_list_free(&names);
	strbuf_free(&sql);
	return ok;
}

/* ---- keys, engines ---- */

static void
check_keys(MysqlPreflight *self, const MyCatalog *catalog)
{
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;

	for (int i = 0; i < catalog->count; i++)
	{
		if (catalog->tables[i].key_count > 0)
			continue;
		name_list_add(&names, catalog->tables[i].name);
		strbuf_append(&mend, mend.length > 0 ? "\nALTER TABLE " : "ALTER TABLE ");
		my_quote_identifier(&mend, catalog->tables[i].name);
		strbuf_append(&mend, " ADD PRIMARY KEY (...);");
	}
	if (names.count > 0)
		finding_add(self->p, FINDING_WARNING, "source", strbuf_text(&mend),
					"%d table%s no primary key: every update and delete there reads the whole table on the target, unless an index helps: %s",
					names.count, names.count == 1 ? " has" : "s have", name_list_text(&names));
	name_list_free(&names);
	strbuf_free(&mend);
}

static bool
check_engines(MysqlPreflight *self, const MyCatalog *catalog, Error *err)
{
	Preflight  *p = self->p;
	HashMap    *transactional = hash_new();
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	if (!my_query(self->conn, "SELECT LOWER(ENGINE) FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES'", &result, err))
	{
		hash_free(transactional, NULL);
		return finding_add_error(p, "source", err);
	}
	while ((row = mysql_fetch_row(result)) != NULL)
		hash_put_text(transactional, row[0], self);
	mysql_free_result(result);
	for (int i = 0; i < catalog->count; i++)
	{
		const MyTable *table = &catalog->tables[i];
		char	   *engine = mem_strdup(table->engine != NULL ? table->engine : "");

		for (char *c = engine; *c != '\0'; c++)
			*c = (char) (*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
		if (hash_get_text(transactional, engine) == NULL)
		{
			name_list_add(&names, table->name);
			strbuf_append(&mend, mend.length > 0 ? "\nALTER TABLE " : "ALTER TABLE ");
			my_quote_identifier(&mend, table->name);
			strbuf_append(&mend, " ENGINE = InnoDB;");
		}
		free(engine);
	}
	if (names.count > 0)
	{
		finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
					"%d table%s an engine without transactions: writers wait while the full sync copies %s, and a crash of the server may leave rows that its binlog does not have: %s",
					names.count, names.count == 1 ? " has" : "s have", names.count == 1 ? "it" : "them", name_list_text(&names));
		if (p->copy_pending && !self->may_lock_tables)
		{
			strbuf_reset(&mend);
			strbuf_printf(&mend, "GRANT LOCK TABLES ON *.* TO %s;", self->account);
			finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend), "the user %s may lack LOCK TABLES, which tables without transactions need", self->account);
		}
	}
	name_list_free(&names);
	strbuf_free(&mend);
	hash_free(transactional, NULL);
	return true;
}

/* ---- names ---- */

typedef struct PatternCheck
{
	const MyCatalog *catalog;
	NameList	unmatched;
} PatternCheck;

static void
check_pattern(const char *item, void *arg)
{
	PatternCheck *check = arg;

	for (int i = 0; i < check->catalog->count; i++)
		if (table_pattern_match(item, check->catalog->tables[i].schema, check->catalog->tables[i].name))
			return;
	name_list_add(&check->unmatched, item);
}

/* The copy is what a query picks, the stream is all of the table. */
static void
check_queries(MysqlPreflight *self)
{
	const MyCopyQueries *queries = self->tables.queries;
	NameList	names = {STRBUF_INIT, 0};

	for (int i = 0; queries != NULL && i < queries->count; i++)
		if (queries->queries[i].select != NULL)
			name_list_add(&names, queries->queries[i].table);
	if (names.count > 0 && !self->p->config->copy_only)
		finding_add(self->p, FINDING_WARNING, "source", "a query that leaves rows out, or changes them, suits --copy-only",
					"%d table%s copied by a query, but changes come as the source makes them, of every row: %s", names.count,
					names.count == 1 ? " is" : "s are", name_list_text(&names));
	name_list_free(&names);
}

static void
check_names(MysqlPreflight *self, const MyCatalog *catalog)
{
	Preflight  *p = self->p;
	const MyCopyQueries *queries = self->tables.queries;
	PatternCheck check = {catalog, {STRBUF_INIT, 0}};
	NameList	unknown = {STRBUF_INIT, 0};

	if (p->config->include_tables != NULL)
		table_filter_items(p->config->include_tables, check_pattern, &check);
	for (int i = 0; queries != NULL && i < queries->count; i++)
		if (my_catalog_find(catalog, queries->queries[i].table) == NULL)
			name_list_add(&unknown, queries->queries[i].table);
	if (check.unmatched.count > 0)
		finding_add(p, FINDING_ERROR, "source", "correct [dbsync] include_tables; names are taken in their case, database.table",
					"include_tables names what matches no table: %s", name_list_text(&check.unmatched));
	check_queries(self);
	if (unknown.count > 0)
		finding_add(p, FINDING_ERROR, "source", "correct the file, or [dbsync] include_tables and exclude_tables", "%s names what is no table of the task: %s",
					queries->path, name_list_text(&unknown));
	if (catalog->count == 0)
		finding_add(p, p->has_started ? FINDING_WARNING : FINDING_ERROR, "source",
					"correct db of [src.mysql], [dbsync] include_tables and exclude_tables; a user sees only tables on which it has rights",
					"there is no table to bring over");
	name_list_free(&check.unmatched);
	name_list_free(&unknown);
}

/* ---- what the binlog does not have ---- */

static void
check_versioned(MysqlPreflight *self, const MyCatalog *catalog)
{
	NameList	names = {STRBUF_INIT, 0};

	for (int i = 0; i < catalog->count; i++)
		if (catalog->tables[i].is_versioned)
			name_list_add(&names, catalog->tables[i].name);
	if (names.count > 0)
		finding_add(self->p, FINDING_WARNING, "source", NULL, "%d table%s system-versioned: only the present rows are brought over: %s", names.count,
					names.count == 1 ? " is" : "s are", name_list_text(&names));
	name_list_free(&names);
}

/* ---- for the target's part ---- */

static void
make_column(Preflight *p, const MyTable *table, int number, PgColumn *to)
{
	const MyColumn *from = &table->columns[number];
	StrBuf		type = STRBUF_INIT;

	/* Several types of the target take a column's values, so it is one to make, not one to compare with. */
	my_type_append(&type, from, &p->config->mysql);
	*to = (PgColumn) {
		.name = my_target_name(&p->config->mysql, p->arena, from->name),
		.number = number + 1,
		.type_bare = arena_strdup(p->arena, strbuf_text(&type)),
		.not_null = !from->is_nullable,
		.generated = from->is_virtual ? 'v' : from->is_generated ? 's' : '\0',
	};
	strbuf_free(&type);
	for (int i = 0; i < table->key_count; i++)
		if (table->key_columns[i] == number)
			to->identity_position = i + 1;
}

/* The tables as they would be on a PostgreSQL source: what the preflight of the target compares with. */
static void
make_tables(Preflight *p, const MyCatalog *catalog)
{
	const MySourceConfig *config = &p->config->mysql;

	p->source_tables.tables = arena_zalloc(p->arena, sizeof(PgTable) * ((size_t) catalog->count + 1));
	p->source_tables.count = catalog->count;
	for (int i = 0; i < catalog->count; i++)
	{
		const MyTable *from = &catalog->tables[i];
		PgTable    *to = &p->source_tables.tables[i];

		*to = (PgTable) {
			.schema = my_target_name(config, p->arena, from->schema),
			.name = my_target_name(config, p->arena, from->name),
			.kind = 'r',
			.persistence = 'p',
			.identity = from->key_count > 0 ? 'd' : 'f',
			.can_select = true,
			.size_bytes = from->estimated_bytes,
			.column_count = from->column_count,
			.columns = arena_alloc(p->arena, sizeof(PgColumn) * ((size_t) from->column_count + 1)),
		};
		for (int c = 0; c < from->column_count; c++)
			make_column(p, from, c, &to->columns[c]);
	}
	pg_catalog_index(&p->source_tables);
	p->has_source_tables = true;
	p->generated_is_sent = true;
}

bool
mysql_preflight_tables(MysqlPreflight *self, Error *err)
{
	Preflight  *p = self->p;
	MyCatalog	catalog = {0};

	if (!my_catalog_load(self->conn, p->config->mysql.db, mysql_tables_wants, &self->tables, p->arena, &catalog, err))
		return finding_add_error(p, "source", err);
	finding_add(p, FINDING_OK, "source", NULL, "%d table%s wanted", catalog.count, catalog.count == 1 ? " is" : "s are");
	check_names(self, &catalog);
	if (!check_readable(self, &catalog, err))
		return false;
	check_keys(self, &catalog);
	if (!check_engines(self, &catalog, err) || !mysql_preflight_cascades(self, &catalog, err))
		return false;
	check_versioned(self, &catalog);
	make_tables(p, &catalog);
	if (!mysql_variable_is(self, "binlog_row_image", "FULL") && !mysql_variable_is(self, "binlog_row_image", "FULL_NODUP"))
		p->row_image = mysql_variable(self, "binlog_row_image");
	return true;
}
