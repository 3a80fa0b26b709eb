/*
 * mysql_preflight_cascades.c
 *		Foreign keys that change rows of a MySQL source without a word in its binlog, and those of the target that do the same.
 *
 * Under session_replication_role = replica a foreign key of the target acts only where its triggers are told to fire always.
 */
#include "sync/mysql_preflight.h"

#include "mysql/my_name.h"

#include <stdlib.h>
#include <string.h>

/* ---- source ---- */

/* How many actions a line of SHOW CREATE TABLE defines. */
static int
line_actions(const char *line, size_t length)
{
	static const char *const actions[] = {" ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE", " ON UPDATE SET NULL"};
	char	   *text = mem_strndup(line, length);
	const char *key = strstr(text, " FOREIGN KEY (");
	const char *columns = strrchr(text, ')');
	int			count = 0;

	/* Names may hold anything; what follows the last parenthesis is the server's. */
	for (size_t i = 0; key != NULL && columns != NULL && i < sizeof(actions) / sizeof(actions[0]); i++)
		count += strstr(columns, actions[i]) != NULL;
	free(text);
	return count;
}

static int
table_actions(const char *create)
{
	static const char start[] = "  CONSTRAINT `";
	int			count = 0;

	while (*create != '\0')
	{
		size_t		length = strcspn(create, "\n");

		if (strncmp(create, start, sizeof(start) - 1) == 0)
			count += line_actions(create, length);
		create += length + (create[length] == '\n');
	}
	return count;
}

/* information_schema shows foreign keys only to who may do more than read. */
static bool
count_actions(MysqlPreflight *self, const MyTable *table, int *actions, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	bool		ok;

	*actions = 0;
	strbuf_append(&sql, "SHOW CREATE TABLE ");
	my_quote_identifier(&sql, table->schema);
	strbuf_append_char(&sql, '.');
	my_quote_identifier(&sql, table->name);
	ok = my_query(self->conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
	{
		/* One that may not be read was named before; one that is gone has none. */
		if (err->kind == ERROR_CANCELLED || my_is_lost(self->conn))
			return false;
		error_clear(err);
		return true;
	}
	row = mysql_fetch_row(result);
	if (row != NULL && row[1] != NULL)
		*actions = table_actions(row[1]);
	mysql_free_result(result);
	return true;
}

bool
mysql_preflight_cascades(MysqlPreflight *self, const MyCatalog *catalog, Error *err)
{
	Preflight  *p = self->p;
	const MySourceConfig *config = &p->config->mysql;
	MysqlCascade *cascades = arena_alloc(p->arena, sizeof(MysqlCascade) * ((size_t) catalog->count + 1));

	p->cascades = cascades;
	/* From 9.6 on MySQL does this above InnoDB, unless told otherwise, and logs each row. */
	if (mysql_variable_is(self, "innodb_native_foreign_keys", "OFF"))
		return true;
	for (int i = 0; i < catalog->count; i++)
	{
		const MyTable *table = &catalog->tables[i];
		int			actions;

		if (!count_actions(self, table, &actions, err))
			return finding_add_error(p, "source", err);
		if (actions == 0)
			continue;
		cascades[p->cascade_count++] = (MysqlCascade) {
			.schema = p->config->target_schema != NULL ? p->config->target_schema : my_target_name(config, p->arena, table->schema),
			.table = my_target_name(config, p->arena, table->name),
			.actions = actions,
		};
	}
	return true;
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
	FindingSeverity severity = p->config->mysql.cascades == MY_CASCADES_STOP ? FINDING_ERROR : FINDING_WARNING;
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
		finding_add(p, severity, "target", "create the same foreign keys; or, where the source's applications never let them act: cascades = ignore",
					"%d table%s the source's foreign keys with ON DELETE or ON UPDATE, whose changes of rows the binlog does not have: %s",
					lacking.count, lacking.count == 1 ? " lacks" : "s lack", name_list_text(&lacking));
	if (silent.count > 0)
		finding_add(p, severity, "target", strbuf_text(&mend),
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
