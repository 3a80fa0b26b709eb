/*
 * mysql_schema.c
 *		The schema of a MySQL database for PostgreSQL: read, written as statements, printed or run.
 */
#include "sync/mysql_schema.h"

#include "base/log.h"
#include "mysql/my_name.h"
#include "pg/conn.h"
#include "sync/mysql_schema_private.h"
#include "sync/mysql_task.h"
#include "sync/post_data.h"

#include <stdio.h>
#include <string.h>

#define MOST_NAME_BYTES 63

/* The lists */

static void *
grow(Arena *arena, void *items, int count, size_t size)
{
	void *grown;

	if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
		return items;
	grown = arena_alloc(arena, size * (size_t) (count < 16 ? 16 : count * 2));
	if (count > 0)
		memcpy(grown, items, size * (size_t) count);
	return grown;
}

DdlStatement *
mysql_schema_add(MysqlSchema *self, const char *name, StrBuf *sql)
{
	DdlStatement *statement;

	self->statements = grow(self->arena, self->statements, self->statement_count, sizeof(DdlStatement));
	statement = &self->statements[self->statement_count++];
	*statement = (DdlStatement){.name = name, .sql = arena_strdup(self->arena, strbuf_text(sql))};
	strbuf_free(sql);
	return statement;
}

void
mysql_schema_leave_out(MysqlSchema *self, const char *fmt, ...)
{
	StrBuf text = STRBUF_INIT;
	va_list args;

	if (self->is_quiet)
		return;
	va_start(args, fmt);
	strbuf_vprintf(&text, fmt, args);
	va_end(args);
	/* One line each. */
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] == '\n' || text.data[i] == '\r')
			text.data[i] = ' ';
	self->left_out = grow(self->arena, self->left_out, self->left_count, sizeof(char *));
	self->left_out[self->left_count++] = arena_strdup(self->arena, strbuf_text(&text));
	strbuf_free(&text);
}

/* Names */

void
mysql_schema_append_name(const MysqlSchema *self, StrBuf *out, const char *name)
{
	pg_quote_identifier(out, my_target_name(self->mysql, self->arena, name));
}

void
mysql_schema_append_table(const MysqlSchema *self, StrBuf *out, const char *table)
{
	pg_quote_qualified(out, self->name, my_target_name(self->mysql, self->arena, table));
}

/* So many bytes of a name at most, but no half character. */
static size_t
cut_length(const char *name, size_t most)
{
	size_t length = strlen(name);

	if (length <= most)
		return length;
	for (length = most; length > 0 && ((unsigned char) name[length] & 0xc0) == 0x80; length--)
		;
	return length;
}

const char *
mysql_schema_free_name(MysqlSchema *self, const char *wanted)
{
	const char *name = arena_strndup(self->arena, wanted, cut_length(wanted, MOST_NAME_BYTES));

	for (int i = 2; hash_get_text(self->names, name) != NULL; i++)
	{
		char suffix[16];

		snprintf(suffix, sizeof(suffix), "_%d", i);
		name = arena_printf(self->arena, "%.*s%s", (int) cut_length(wanted, MOST_NAME_BYTES - strlen(suffix)), wanted,
							suffix);
	}
	hash_put_text(self->names, name, self);
	return name;
}

static bool
check_name(const char *name, const char *kind, Error *err)
{
	if (strlen(name) <= MOST_NAME_BYTES)
		return true;
	error_set(err, ERROR_PREFLIGHT, "%s %s: the name has more than the %d bytes that PostgreSQL allows", kind, name,
			  MOST_NAME_BYTES);
	return error_hint(err, "rename it on the source, or leave its table out (exclude_tables)");
}

/* Tables have their own names; all others have to be free of them. */
static bool
take_table_names(MysqlSchema *self, Error *err)
{
	for (int i = 0; i < self->catalog.count; i++)
	{
		const MyTable *table = &self->catalog.tables[i];
		const char *name = my_target_name(self->mysql, self->arena, table->name);

		if (!check_name(name, "table", err))
			return false;
		if (hash_put_text(self->names, name, self) != NULL)
		{
			error_set(err, ERROR_PREFLIGHT, "two tables of the source are called %s in lower case", name);
			return error_hint(err, "leave one of them out (exclude_tables), or set lower_names = off");
		}
		for (int k = 0; k < table->column_count; k++)
			if (!check_name(table->columns[k].name, "column", err))
				return error_context(err, "table %s", table->name);
	}
	return true;
}

/* Reading */

static bool
read_source(MysqlSchema *self, Error *err)
{
	MysqlTables tables;

	return mysql_tables_load(self->config, self->arena, &tables, err) &&
		   my_connect(self->mysql, "schema", &self->conn, err) &&
		   my_catalog_load(self->conn, self->mysql->db, mysql_tables_wants, &tables, self->arena, &self->catalog,
						   err) &&
		   my_schema_load(self->conn, self->mysql->db, &self->catalog, self->arena, &self->more, err);
}

static void
note_objects(MysqlSchema *self)
{
	for (int i = 0; i < self->more.object_count; i++)
	{
		const MyObject *object = &self->more.objects[i];

		if (object->table == NULL)
			mysql_schema_leave_out(self, "%s %s", object->kind, object->name);
		else if (my_catalog_find(&self->catalog, object->table) != NULL)
			mysql_schema_leave_out(self, "%s %s of %s", object->kind, object->name, object->table);
	}
	for (int i = 0; i < self->catalog.count; i++)
		if (self->catalog.tables[i].is_versioned)
			mysql_schema_leave_out(self, "system versioning of %s", self->catalog.tables[i].name);
}

static void
write_statements(MysqlSchema *self)
{
	StrBuf sql = STRBUF_INIT;

	strbuf_append(&sql, "CREATE SCHEMA IF NOT EXISTS ");
	pg_quote_identifier(&sql, self->name);
	mysql_schema_add(self, arena_printf(self->arena, "SCHEMA %s", self->name), &sql);
	mysql_schema_tables(self);
	mysql_schema_keys(self);
	note_objects(self);
}

static bool
is_wanted(const MysqlSchema *self, const DdlStatement *statement)
{
	const char *section = self->options->section;

	return section == NULL || strcmp(section, statement->is_post ? "post-data" : "pre-data") == 0;
}

/* Printing */

static bool
print(const MysqlSchema *self, Error *err)
{
	printf("--\n-- Schema of the %s database %s\n--\n", my_server(self->conn)->is_mariadb ? "MariaDB" : "MySQL",
		   self->mysql->db);
	for (int i = 0; i < self->statement_count; i++)
		if (is_wanted(self, &self->statements[i]))
			printf("\n%s;\n", self->statements[i].sql);
	if (self->left_count > 0)
		printf("\n-- Not carried over:\n");
	for (int i = 0; i < self->left_count; i++)
		printf("--   %s\n", self->left_out[i]);
	return fflush(stdout) == 0 || error_errno(err, "cannot print the SQL");
}

/* Running */

static bool
run_statement(MysqlSchema *self, PgConn *target, const DdlStatement *statement, Error *err)
{
	if (statement->failed == NULL)
	{
		if (pg_exec(target, statement->sql, NULL, err))
			return true;
		return error_context(err, "%s", statement->name);
	}
	if (!pg_exec(target, "SAVEPOINT ddl", NULL, err))
		return false;
	if (!pg_exec(target, statement->sql, NULL, err))
	{
		if (err->kind == ERROR_CANCELLED || pg_is_lost(target))
			return false;
		mysql_schema_leave_out(self, "%s (%s)", statement->failed, err->message);
		error_clear(err);
		if (!pg_exec(target, "ROLLBACK TO SAVEPOINT ddl", NULL, err))
			return false;
		if (statement->fallback != NULL && !pg_exec(target, statement->fallback, NULL, err))
			return error_context(err, "%s", statement->name);
	}
	return pg_exec(target, "RELEASE SAVEPOINT ddl", NULL, err);
}

/* What dbsync run makes after the copy. */
static bool
note_post_data(MysqlSchema *self, PgConn *target, Error *err)
{
	const char *dbsync;
	StrBuf sql = STRBUF_INIT;
	bool ok = pg_query_value(target, self->arena,
							 "SELECT oid FROM (SELECT 1) x LEFT JOIN pg_catalog.pg_namespace ON nspname = 'dbsync'", 0,
							 NULL, &dbsync, err);

	if (!ok)
		return false;
	post_data_append_table(&sql, dbsync == NULL);
	for (int i = 0; i < self->statement_count; i++)
	{
		const DdlStatement *statement = &self->statements[i];

		if (statement->is_post)
			post_data_append_row(&sql, self->config->slot, statement->is_index, statement->name, statement->table,
								 statement->sql);
	}
	ok = pg_exec(target, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	return ok;
}

static bool
run(MysqlSchema *self, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "schema"};
	PgConn *target = NULL;
	bool ok;

	if (!pg_connect(self->config->target, &options, &target, err))
		return false;
	/* Types of extensions stand in public; what we write ourselves is in pg_catalog, or qualified. */
	ok = pg_exec(target, "BEGIN", NULL, err) &&
		 pg_exec(target, "SET LOCAL search_path = pg_catalog, public", NULL, err) &&
		 pg_exec(target, "SET LOCAL client_min_messages = warning", NULL, err);
	for (int i = 0; ok && i < self->statement_count; i++)
		if (is_wanted(self, &self->statements[i]))
			ok = run_statement(self, target, &self->statements[i], err);
	ok = ok && (!self->options->defer || note_post_data(self, target, err)) && pg_exec(target, "COMMIT", NULL, err);
	if (!ok && err->kind == ERROR_FAILED)
		error_hint(err, "the target is as it was; dbsync schema --print shows the statements");
	pg_close(target);
	return ok;
}

static void
report(const MysqlSchema *self)
{
	for (int i = 0; i < self->left_count; i++)
		log_warn("schema", "not carried over: %s", self->left_out[i]);
	log_info("schema", "tables=%d not_carried_over=%d", self->catalog.count, self->left_count);
}

bool
mysql_schema_create(const Config *config, const SchemaOptions *options, Error *err)
{
	MysqlSchema self = {
		.config = config, .mysql = &config->mysql, .options = options, .arena = arena_new(0), .names = hash_new()};
	bool ok;

	self.name = config->target_schema != NULL ? config->target_schema
											  : my_target_name(&config->mysql, self.arena, config->mysql.db);
	ok = read_source(&self, err) && take_table_names(&self, err);
	if (ok && self.catalog.count == 0)
	{
		ok = error_set(err, ERROR_FAILED, "database %s has no tables that are wanted", config->mysql.db);
		error_hint(
			err,
			"a table is seen only with a right on it: GRANT SELECT ON `%s`.* TO '%s'@'%%'; include_tables wants schema.table",
			config->mysql.db, config->mysql.user);
	}
	if (ok)
	{
		write_statements(&self);
		ok = options->print ? print(&self, err) : run(&self, err);
	}
	if (ok && !options->print)
		report(&self);
	my_close(self.conn);
	hash_free(self.names, NULL);
	arena_free(self.arena);
	return ok;
}
