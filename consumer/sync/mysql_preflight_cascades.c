/*
 * mysql_preflight_cascades.c
 *		Foreign keys that change rows of a MySQL source without a word in its binlog, and those of the target that do the same.
 *
 * Under session_replication_role = replica a foreign key of the target acts only where its triggers are told to fire always.
 */
#include "sync/mysql_preflight.h"

#include "mysql/my_name.h"
#include "mysql/my_schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- source ---- */

typedef struct Source
{
	MysqlPreflight *self;
	const MyCatalog *catalog;
	NameList	strays;			/* keys to tables that are not wanted */
} Source;

static int
count_actions(const MyForeignKey *key)
{
	static const char *const actions[] = {"ON DELETE CASCADE", "ON DELETE SET NULL", "ON UPDATE CASCADE", "ON UPDATE SET NULL"};
	int			count = 0;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		count += strstr(key->actions, actions[i]) != NULL;
	return count;
}

/* NULL: its rows do not come to the target. */
static const MyTable *
find_parent(const Source *source, const MyForeignKey *key)
{
	const char *database = source->self->p->config->mysql.db;
	bool		folds = !mysql_variable_is(source->self, "lower_case_table_names", "0");
	int			(*compare) (const char *, const char *) = folds ? strcasecmp : strcmp;

	if (key->to_schema != NULL && compare(key->to_schema, database) != 0)
		return NULL;
	for (int i = 0; i < source->catalog->count; i++)
		if (compare(source->catalog->tables[i].name, key->to_table) == 0)
			return &source->catalog->tables[i];
	return NULL;
}

static void
note_key(Source *source, const MyForeignKey *key, MysqlCascade *cascade)
{
	if (count_actions(key) == 0)
		return;
	if (find_parent(source, key) == NULL)
	{
		char	   *name = mem_printf("%s to %s.%s", key->table->name, key->to_schema != NULL ? key->to_schema : key->table->schema, key->to_table);

		name_list_add(&source->strays, name);
		free(name);
		return;
	}
	cascade->actions += count_actions(key);
}

/* One item a line; a line feed within one is written as an escape. */
static void
note_keys(Source *source, const MyTable *table, const char *create, MysqlCascade *cascade)
{
	Arena	   *arena = source->self->p->arena;

	while (*create != '\0')
	{
		size_t		length = strcspn(create, "\n");
		MyForeignKey key;

		if (strncmp(create, "  CONSTRAINT `", strlen("  CONSTRAINT `")) == 0 &&
			my_parse_foreign_key(arena_strndup(arena, create, length), table, arena, &key))
			note_key(source, &key, cascade);
		create += length + (create[length] == '\n');
	}
}

/* information_schema shows foreign keys only to who may do more than read. */
static bool
read_keys(Source *source, const MyTable *table, MysqlCascade *cascade, Error *err)
{
	MyConn	   *conn = source->self->conn;
	StrBuf		sql = STRBUF_INIT;
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	bool		ok;

	strbuf_append(&sql, "SHOW CREATE TABLE ");
	my_quote_identifier(&sql, table->schema);
	strbuf_append_char(&sql, '.');
	my_quote_identifier(&sql, table->name);
	ok = my_query(conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
	{
		/* One that may not be read was named before; one that is gone has none. */
		if (err->kind == ERROR_CANCELLED || my_is_lost(conn))
			return false;
		error_clear(err);
		return true;
	}
	row = mysql_fetch_row(result);
	if (row != NULL && row[1] != NULL)
		note_keys(source, table, row[1], cascade);
	mysql_free_result(result);
	return true;
}

static FindingSeverity
severity(const Preflight *p)
{
	return p->config->mysql.cascades == MY_CASCADES_STOP ? FINDING_ERROR : FINDING_WARNING;
}

static void
add_strays(Source *source)
{
	Preflight  *p = source->self->p;

	if (source->strays.count > 0)
		finding_add(p, severity(p), "source",
					"let the task have the other table too (include_tables, exclude_tables, copy_queries), or leave this one out; of another database it cannot. "
					"Where the source's applications never let these keys act: cascades = ignore",
					"%d foreign key%s ON DELETE or ON UPDATE to a table that the task does not have: the binlog does not have what %s, and the target does not learn"
					" of the changes that make %s act: %s", source->strays.count, source->strays.count == 1 ? " has" : "s have",
					source->strays.count == 1 ? "it changes" : "they change", source->strays.count == 1 ? "it" : "them", name_list_text(&source->strays));
}

bool
mysql_preflight_cascades(MysqlPreflight *self, const MyCatalog *catalog, Error *err)
{
	Preflight  *p = self->p;
	const MySourceConfig *config = &p->config->mysql;
	MysqlCascade *cascades = arena_alloc(p->arena, sizeof(MysqlCascade) * ((size_t) catalog->count + 1));
	Source		source = {self, catalog, {STRBUF_INIT, 0}};
	bool		ok = true;

	p->cascades = cascades;
	/* From 9.6 on MySQL does this above InnoDB, unless told otherwise, and logs each row. */
	if (mysql_variable_is(self, "innodb_native_foreign_keys", "OFF"))
		return true;
	for (int i = 0; ok && i < catalog->count; i++)
	{
		const MyTable *table = &catalog->tables[i];
		MysqlCascade cascade = {
			.schema = p->config->target_schema != NULL ? p->config->target_schema : my_target_name(config, p->arena, table->schema),
			.table = my_target_name(config, p->arena, table->name),
		};

		ok = read_keys(&source, table, &cascade, err);
		if (cascade.actions > 0)
			cascades[p->cascade_count++] = cascade;
	}
	if (ok)
		add_strays(&source);
	name_list_free(&source.strays);
	return ok || finding_add_error(p, "source", err);
}

/* ---- target ---- */

/* $1: states in which a trigger does not fire for rows of dbsync. */
static const char actions_sql[] =
	"SELECT n.nspname, c.relname, pg_catalog.count(*),"
	" pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', t.tgrelid::pg_catalog.regclass, t.tgname), E'\\n'"
	"  ORDER BY t.tgname) FILTER (WHERE pg_catalog.strpos($1, t.tgenabled::pg_catalog.text) > 0)"
	" FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.conrelid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_trigger t ON t.tgconstraint = f.oid AND t.tgrelid = f.confrelid"
	" JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid"
	" WHERE f.contype = 'f' AND p.proname IN ('RI_FKey_cascade_del', 'RI_FKey_cascade_upd', 'RI_FKey_setnull_del', 'RI_FKey_setnull_upd')"
	" GROUP BY 1, 2";

static int
find_row(const PGresult *result, const MysqlCascade *cascade)
{
	for (int i = 0; i < PQntuples(result); i++)
		if (strcmp(PQgetvalue(result, i, 0), cascade->schema) == 0 && strcmp(PQgetvalue(result, i, 1), cascade->table) == 0)
			return i;
	return -1;
}

static void
add_findings(Preflight *p, const PGresult *result)
{
	NameList	lacking = {STRBUF_INIT, 0};
	NameList	silent = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;

	for (int i = 0; i < p->cascade_count; i++)
	{
		const MysqlCascade *cascade = &p->cascades[i];
		int			row = find_row(result, cascade);

		if (row < 0 || atoi(PQgetvalue(result, row, 2)) < cascade->actions)
			name_list_add_table(&lacking, cascade->schema, cascade->table);
		if (row < 0 || PQgetisnull(result, row, 3))
			continue;
		name_list_add_table(&silent, cascade->schema, cascade->table);
		strbuf_printf(&mend, "%s%s", mend.length > 0 ? "\n" : "", PQgetvalue(result, row, 3));
	}
	strbuf_append(&mend, "\n(as a superuser; or, where the source's applications never let these keys act: cascades = ignore)");
	if (lacking.count > 0)
		finding_add(p, severity(p), "target", "create the same foreign keys; or, where the source's applications never let them act: cascades = ignore",
					"%d table%s the source's foreign keys with ON DELETE or ON UPDATE, whose changes of rows the binlog does not have: %s",
					lacking.count, lacking.count == 1 ? " lacks" : "s lack", name_list_text(&lacking));
	if (silent.count > 0)
		finding_add(p, severity(p), "target", strbuf_text(&mend),
					"foreign keys with ON DELETE or ON UPDATE do not act for rows of dbsync, and the binlog does not have what they change: %s",
					name_list_text(&silent));
	if (lacking.count == 0 && silent.count == 0)
		finding_add(p, FINDING_OK, "target", NULL, "foreign keys with ON DELETE or ON UPDATE act for rows of dbsync, as on the source");
	name_list_free(&lacking);
	name_list_free(&silent);
	strbuf_free(&mend);
}

bool
preflight_mysql_target(Preflight *p, Error *err)
{
	const char *values[1];
	PGresult   *result = NULL;

	if (p->target == NULL || p->cascade_count == 0)
		return true;
	values[0] = pg_replica_role(p->target) ? "OD" : "RD";
	if (!pg_exec_params(p->target, actions_sql, 1, values, &result, err))
		return finding_add_error(p, "target", err);
	add_findings(p, result);
	PQclear(result);
	return true;
}
