/*
 * mysql_preflight_cascades.c
 *		Foreign keys that change rows of a MySQL source without a word in its binlog, and those of the target that do the same.
 *
 * Under session_replication_role = replica a foreign key of the target acts only where its triggers are told to fire always.
 */
#include "sync/mysql_preflight.h"

#include "mysql/my_name.h"
#include "mysql/my_schema.h"
#include "mysql/my_types.h"

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

/* Whoever wrote the key may have written the name in another case. */
static const MyColumn *
find_column(const MyTable *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcasecmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

static void
note_text(const Source *source, const MyTable *table, const MyColumn *column, MysqlCascade *cascade)
{
	Preflight  *p = source->self->p;
	const MySourceConfig *config = &p->config->mysql;
	MysqlKeyText *text = arena_zalloc(p->arena, sizeof(MysqlKeyText));

	text->table = my_target_name(config, p->arena, table->name);
	text->column = my_target_name(config, p->arena, column->name);
	text->collation = column->collation;
	text->next = cascade->texts;
	cascade->texts = text;
}

/* Both columns of a pair have one collation there, but maybe not one type. */
static void
note_texts(const Source *source, const MyForeignKey *key, const MyTable *parent, MysqlCascade *cascade)
{
	for (int i = 0; i < key->column_count; i++)
	{
		const MyColumn *from = find_column(key->table, key->columns[i]);
		const MyColumn *to = find_column(parent, key->to_columns[i]);

		if (from == NULL || to == NULL || (my_type_compares_bytes(from) && my_type_compares_bytes(to)))
			continue;
		note_text(source, key->table, from, cascade);
		note_text(source, parent, to, cascade);
	}
}

static void
note_key(Source *source, const MyForeignKey *key, MysqlCascade *cascade)
{
	const MyTable *parent;

	if (count_actions(key) == 0)
		return;
	parent = find_parent(source, key);
	if (parent == NULL)
	{
		char	   *name = mem_printf("%s to %s.%s", key->table->name, key->to_schema != NULL ? key->to_schema : key->table->schema, key->to_table);

		name_list_add(&source->strays, name);
		free(name);
		return;
	}
	cascade->actions += count_actions(key);
	note_texts(source, key, parent, cascade);
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

/* Columns that may find other text equal, too: that this is what the source finds equal is taken from who made them so. */
static const char equal_sql[] =
	"SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
	" LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation"
	" WHERE a.attnum > 0 AND NOT a.attisdropped AND (t.typname = 'citext' OR NOT l.collisdeterministic)";

static bool
is_equal_there(const PGresult *result, const char *schema, const MysqlKeyText *text)
{
	for (int i = 0; i < PQntuples(result); i++)
		if (strcmp(PQgetvalue(result, i, 0), schema) == 0 && strcmp(PQgetvalue(result, i, 1), text->table) == 0 &&
			strcmp(PQgetvalue(result, i, 2), text->column) == 0)
			return true;
	return false;
}

/* *count: columns by which the target's keys find fewer rows than the source's. */
static bool
check_texts(Preflight *p, int *count, Error *err)
{
	NameList	names = {STRBUF_INIT, 0};
	HashMap    *seen = hash_new();
	PGresult   *result = NULL;
	bool		ok = pg_exec_params(p->target, equal_sql, 0, NULL, &result, err);

	for (int i = 0; ok && i < p->cascade_count; i++)
	{
		for (const MysqlKeyText *text = p->cascades[i].texts; text != NULL; text = text->next)
		{
			const char *name = arena_printf(p->arena, "%s.%s.%s (%s)", p->cascades[i].schema, text->table, text->column,
											text->collation != NULL ? text->collation : "");

			if (!is_equal_there(result, p->cascades[i].schema, text) && hash_put_text(seen, name, p) == NULL)
				name_list_add(&names, name);
		}
	}
	if (names.count > 0)
		finding_add(p, severity(p), "target",
					"on the source: give the key's columns a collation that compares bytes (MariaDB: utf8mb4_nopad_bin; MySQL: utf8mb4_0900_bin);\n"
					"or on the target: give them one nondeterministic collation that finds the same text equal, or the type citext;\n"
					"or, where keys are always written alike, or the source's applications never let them act: cascades = ignore",
					"foreign keys with ON DELETE or ON UPDATE are of text that the source does not compare by its bytes ('a' may be 'A', or 'a '), as the target does:"
					" some rows that they change on the source they would not on the target: %s", name_list_text(&names));
	*count = names.count;
	PQclear(result);
	hash_free(seen, NULL);
	name_list_free(&names);
	return ok;
}

static void
add_findings(Preflight *p, const PGresult *result, int text_count)
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
	if (lacking.count == 0 && silent.count == 0 && text_count == 0)
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
	int			text_count;

	if (p->target == NULL || p->cascade_count == 0)
		return true;
	values[0] = pg_replica_role(p->target) ? "OD" : "RD";
	if (!check_texts(p, &text_count, err) || !pg_exec_params(p->target, actions_sql, 1, values, &result, err))
		return finding_add_error(p, "target", err);
	add_findings(p, result, text_count);
	PQclear(result);
	return true;
}
