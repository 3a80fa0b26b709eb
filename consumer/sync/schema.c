/*
 * By way of a custom archive: its list of contents names every object by oid, so that what is not wanted can be taken out exactly.
 */
#include "sync/schema.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "pg/catalog.h"
#include "sync/mysql_schema.h"
#include "sync/pg_program.h"
#include "sync/post_data.h"
#include "sync/readable_name.h"
#include "sync/schema_text.h"
#include "sync/table_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SHOWN 2000
#define SET_17 "SET transaction_timeout = 0;\n"

typedef struct Schema
{
	const Config *config;
	const SchemaOptions *options;
	Arena	   *arena;
	PgConn	   *source;
	PgCatalog	tables;			/* all of the source's */
	PgPrograms	programs;
	int			target_version;	/* 0: not asked */
	bool		has_dbsync;		/* schema dbsync is on the target */
	HashMap    *dropped;		/* "class/oid" of what depends on tables that are not wanted */
	HashMap    *detached;		/* "schema name" of partitions whose root is not wanted */
	char	   *folder;			/* temporary */
	char	   *archive;
	char	   *list;
	char	   *used;
	char	   *sql;
	char	   *part;			/* one entry of the rest */
} Schema;

static bool
is_wanted(const Schema *schema, const PgTable *table)
{
	if (!table->can_select && schema->config->copy.unreadable == UNREADABLE_SKIP)
		return false;
	return table_filter_wants_table(table, (void *) schema->config);
}

/*
 * A root is needed where any of its partitions is wanted, though no pattern may name it.
 */
static bool
root_is_needed(const Schema *schema, const PgTable *root)
{
	for (int i = 0; i < schema->tables.count; i++)
	{
		const PgTable *leaf = &schema->tables.tables[i];

		if (leaf->is_partition && leaf->root_schema != NULL && strcmp(leaf->root_schema, root->schema) == 0 &&
			strcmp(leaf->root_name, root->name) == 0 && is_wanted(schema, leaf))
			return true;
	}
	return false;
}

static bool
is_dumped(const Schema *schema, const PgTable *table)
{
	return is_wanted(schema, table) || (table->kind == 'p' && !table->is_partition && root_is_needed(schema, table));
}

/* ---- what is left out ---- */

static void
append_oid(StrBuf *list, uint32_t oid)
{
	strbuf_printf(list, "%s%u", list->length > 1 ? "," : "", oid);
}

/* Objects by "class/oid", as the entries of an archive name them: those that a query of two arrays finds. */
static bool
load_objects(const Schema *schema, const char *sql, const char *first, const char *second, HashMap *objects, Error *err)
{
	const char *values[] = {first, second};
	PGresult   *result = NULL;

	if (!pg_exec_params(schema->source, sql, 2, values, &result, err))
		return false;
	for (int i = 0; i < PQntuples(result); i++)
		hash_put_text(objects, PQgetvalue(result, i, 0), objects);
	PQclear(result);
	return true;
}

static bool
is_among(const HashMap *objects, uint32_t class_oid, uint32_t oid)
{
	char		key[32];

	snprintf(key, sizeof(key), "%u/%u", class_oid, oid);
	return hash_get_text(objects, key) != NULL;
}

static bool
load_dropped(Schema *schema, const char *unwanted, const char *wanted, Error *err)
{
	/* Tables that are wanted stay, so that the target says what they lack. */
	static const char sql[] =
		/* what depends on what; a rule does not name its view as a dependent */
		"WITH RECURSIVE edge(refclass, refoid, class, oid) AS ("
		" SELECT refclassid, refobjid, classid, objid FROM pg_catalog.pg_depend"
		" UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid, 'pg_catalog.pg_class'::pg_catalog.regclass, ev_class"
		" FROM pg_catalog.pg_rewrite),"
		" gone(class, oid) AS ("
		" SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, u.oid FROM pg_catalog.unnest($1::oid[]) u(oid)"
		" UNION SELECT e.class, e.oid FROM edge e JOIN gone g ON e.refclass = g.class AND e.refoid = g.oid"
		" WHERE NOT (e.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.oid = ANY ($2::oid[])))"
		" SELECT class || '/' || oid FROM gone";

	return load_objects(schema, sql, unwanted, wanted, schema->dropped, err);
}

static bool
find_unwanted(Schema *schema, Error *err)
{
	StrBuf		unwanted = STRBUF_INIT;
	StrBuf		wanted = STRBUF_INIT;
	StrBuf		name = STRBUF_INIT;
	bool		ok;

	schema->dropped = hash_new();
	schema->detached = hash_new();
	strbuf_append_char(&unwanted, '{');
	strbuf_append_char(&wanted, '{');
	for (int i = 0; i < schema->tables.count; i++)
	{
		const PgTable *table = &schema->tables.tables[i];
		const PgTable *root = table->is_partition && table->root_schema != NULL
			? pg_catalog_find(&schema->tables, table->root_schema, table->root_name) : NULL;

		append_oid(is_dumped(schema, table) ? &wanted : &unwanted, table->oid);
		if (root != NULL && !is_dumped(schema, root))
		{
			strbuf_reset(&name);
			strbuf_printf(&name, "%s %s ", table->schema, table->name);
			hash_put_text(schema->detached, strbuf_text(&name), schema);
		}
	}
	strbuf_append_char(&unwanted, '}');
	strbuf_append_char(&wanted, '}');
	ok = unwanted.length == 2 || load_dropped(schema, strbuf_text(&unwanted), strbuf_text(&wanted), err);
	strbuf_free(&unwanted);
	strbuf_free(&wanted);
	strbuf_free(&name);
	return ok;
}

bool
schema_entry_parse(const char *line, uint32_t *class_oid, uint32_t *oid, const char **description)
{
	char	   *end;
	unsigned long number;

	if (*line < '0' || *line > '9')
		return false;
	number = strtoul(line, &end, 10);
	(void) number;
	if (end[0] != ';' || end[1] != ' ')
		return false;
	number = strtoul(end + 2, &end, 10);
	*class_oid = (uint32_t) number;
	if (*end != ' ')
		return false;
	number = strtoul(end + 1, &end, 10);
	*oid = (uint32_t) number;
	if (*end != ' ')
		return false;
	*description = end + 1;
	return true;
}

bool
schema_entry_is_ours(const char *line)
{
	uint32_t	class_oid;
	uint32_t	oid;
	const char *what;

	if (!schema_entry_parse(line, &class_oid, &oid, &what))
		return false;
	/* A comment on an extension can be set by its owner only, and says nothing of the tables. */
	return text_starts_with(what, "EXTENSION - alidecode ") || text_starts_with(what, "COMMENT - EXTENSION ") ||
		text_starts_with(what, "SCHEMA - alidecode ") || text_starts_with(what, "SCHEMA - dbsync ") ||
		text_starts_with(what, "SCHEMA - dbsync_local ") || text_starts_with(what, "COMMENT - SCHEMA alidecode ") ||
		text_starts_with(what, "COMMENT - SCHEMA dbsync ");
}

/* "TABLE ATTACH schema partition owner": entries without oids, known by name. */
static bool
is_detached(const Schema *schema, const char *what)
{
	const void *key;
	size_t		length;
	void	   *value;
	size_t		cursor = 0;

	if (!text_starts_with(what, "TABLE ATTACH "))
		return false;
	what += strlen("TABLE ATTACH ");
	while (hash_next(schema->detached, &cursor, &key, &length, &value))
		if (strncmp(what, key, length) == 0)
			return true;
	return false;
}

static bool
is_left_out(const Schema *schema, const char *line)
{
	uint32_t	class_oid;
	uint32_t	oid;
	const char *what;

	if (!schema_entry_parse(line, &class_oid, &oid, &what))
		return false;
	return schema_entry_is_ours(line) || is_detached(schema, what) || (oid != 0 && is_among(schema->dropped, class_oid, oid));
}

/* The list without what is left out. */
static bool
filter_list(Schema *schema, Error *err)
{
	FILE	   *in = fopen(schema->list, "r");
	FILE	   *out = in != NULL ? fopen(schema->used, "w") : NULL;
	char	   *line = NULL;
	size_t		size = 0;
	bool		ok = out != NULL;

	while (ok && getline(&line, &size, in) > 0)
		if (!is_left_out(schema, line))
			ok = fputs(line, out) >= 0;
	if (out != NULL && fclose(out) != 0)
		ok = false;
	if (!ok)
		ok = error_errno(err, "cannot filter the list of contents in %s", schema->folder);
	if (in != NULL)
		fclose(in);
	free(line);
	return ok;
}

/* ---- programs ---- */

typedef struct Arguments
{
	const char **list;
	int			count;
	int			capacity;
} Arguments;

static void
add_argument(Arguments *arguments, const char *text)
{
	if (arguments->count + 1 >= arguments->capacity)
	{
		arguments->capacity = arguments->capacity == 0 ? 32 : arguments->capacity * 2;
		arguments->list = mem_realloc(arguments->list, sizeof(char *) * (size_t) arguments->capacity);
	}
	arguments->list[arguments->count++] = text;
	arguments->list[arguments->count] = NULL;
}

static bool
run(Schema *schema, Arguments *arguments, const char *password, const char *output, Error *err)
{
	bool		ok;
	const char *line = pg_program_line(arguments->list, schema->arena);

	/* With many tables left out the line is of no use any more. */
	log_info("schema", "running %.*s%s", LINE_SHOWN, line, strlen(line) > LINE_SHOWN ? " ..." : "");
	ok = pg_program_run(arguments->list, password, output, err);
	free(arguments->list);
	*arguments = (Arguments) {0};
	return ok;
}

static bool
dump(Schema *schema, Error *err)
{
	Arguments	arguments = {0};
	const char *plain;
	const char *password;

	if (!pg_program_conninfo(schema->config->source, schema->arena, &plain, &password, err))
		return false;
	add_argument(&arguments, schema->programs.pg_dump);
	add_argument(&arguments, "-Fc");
	add_argument(&arguments, "-s");
	add_argument(&arguments, "--no-owner");
	add_argument(&arguments, "--no-privileges");
	add_argument(&arguments, "--no-publications");
	add_argument(&arguments, "--no-subscriptions");
	add_argument(&arguments, "--exclude-schema=alidecode");
	add_argument(&arguments, "--exclude-schema=dbsync");
	add_argument(&arguments, "--exclude-schema=dbsync_local");
	for (int i = 0; i < schema->tables.count; i++)
	{
		const PgTable *table = &schema->tables.tables[i];
		StrBuf		name = STRBUF_INIT;

		if (is_dumped(schema, table))
			continue;
		strbuf_append(&name, "--exclude-table=");
		readable_name_write_qualified(&name, table->schema, table->name);
		add_argument(&arguments, arena_strdup(schema->arena, strbuf_text(&name)));
		strbuf_free(&name);
	}
	add_argument(&arguments, "-f");
	add_argument(&arguments, schema->archive);
	add_argument(&arguments, "-d");
	add_argument(&arguments, plain);
	return run(schema, &arguments, password, NULL, err);
}

static bool
make_sql(Schema *schema, Error *err)
{
	Arguments	arguments = {0};

	add_argument(&arguments, schema->programs.pg_restore);
	add_argument(&arguments, "-l");
	add_argument(&arguments, schema->archive);
	if (!run(schema, &arguments, NULL, schema->list, err) || !filter_list(schema, err))
		return false;
	add_argument(&arguments, schema->programs.pg_restore);
	add_argument(&arguments, "--no-owner");
	add_argument(&arguments, "--no-privileges");
	if (schema->options->section != NULL)
		add_argument(&arguments, arena_printf(schema->arena, "--section=%s", schema->options->section));
	add_argument(&arguments, "-L");
	add_argument(&arguments, schema->used);
	add_argument(&arguments, "-f");
	add_argument(&arguments, "-");
	add_argument(&arguments, schema->archive);
	return run(schema, &arguments, NULL, schema->sql, err);
}

/* ---- the rest, for later ---- */

/* Entries of the archive as "pg_restore -l" lists them. */
typedef struct Entries
{
	const char **lines;
	const char **whats;			/* the same, from the type on */
	const char **statements;
	int			count;
	HashMap    *late;			/* "class/oid" of what depends on entries that are no index; NULL: nothing does */
} Entries;

static bool
read_entries(Schema *schema, Entries *entries, Error *err)
{
	FILE	   *in = fopen(schema->list, "r");
	char	   *line = NULL;
	size_t		size = 0;
	int			capacity = 0;

	if (in == NULL)
		return error_errno(err, "cannot read in %s", schema->folder);
	while (getline(&line, &size, in) > 0)
	{
		uint32_t	class_oid;
		uint32_t	oid;
		const char *what;

		if (is_left_out(schema, line) || !schema_entry_parse(line, &class_oid, &oid, &what))
			continue;
		if (entries->count == capacity)
		{
			capacity = capacity == 0 ? 64 : capacity * 2;
			entries->lines = mem_realloc(entries->lines, sizeof(char *) * (size_t) capacity);
			entries->whats = mem_realloc(entries->whats, sizeof(char *) * (size_t) capacity);
		}
		entries->lines[entries->count] = arena_strdup(schema->arena, line);
		entries->whats[entries->count] = entries->lines[entries->count] + (what - line);
		entries->count++;
	}
	free(line);
	fclose(in);
	entries->statements = arena_zalloc(schema->arena, sizeof(char *) * (size_t) (entries->count + 1));
	return true;
}

static bool
read_part(const Schema *schema, StrBuf *text, Error *err)
{
	FILE	   *in = fopen(schema->part, "r");
	char		buffer[64 * 1024];
	size_t		length;
	bool		ok;

	strbuf_reset(text);
	if (in == NULL)
		return error_errno(err, "cannot read in %s", schema->folder);
	while ((length = fread(buffer, 1, sizeof(buffer), in)) > 0)
		strbuf_append_bytes(text, buffer, length);
	ok = ferror(in) == 0 || error_errno(err, "cannot read in %s", schema->folder);
	fclose(in);
	return ok;
}

/* What pg_restore writes of these entries. */
static bool
restore_text(Schema *schema, const char *const *lines, int count, StrBuf *text, Error *err)
{
	Arguments	arguments = {0};
	FILE	   *out = fopen(schema->used, "w");
	bool		ok = out != NULL;

	for (int i = 0; ok && i < count; i++)
		ok = fputs(lines[i], out) >= 0;
	if (out != NULL && fclose(out) != 0)
		ok = false;
	if (!ok)
		return error_errno(err, "cannot write in %s", schema->folder);
	add_argument(&arguments, schema->programs.pg_restore);
	add_argument(&arguments, "--no-owner");
	add_argument(&arguments, "--no-privileges");
	add_argument(&arguments, "-L");
	add_argument(&arguments, schema->used);
	add_argument(&arguments, "-f");
	add_argument(&arguments, schema->part);
	add_argument(&arguments, schema->archive);
	ok = pg_program_run(arguments.list, NULL, NULL, err) && read_part(schema, text, err);
	free(arguments.list);
	return ok;
}

/* All at once; or, where that would leave a doubt, one at a time: so we need not know where one of its statements ends. */
static bool
make_statements(Schema *schema, Entries *entries, Error *err)
{
	StrBuf		text = STRBUF_INIT;
	bool		ok;

	ok = entries->count == 0 || restore_text(schema, entries->lines, entries->count, &text, err);
	if (ok && !schema_text_cut(strbuf_text(&text), entries->whats, entries->count, schema->arena, entries->statements))
	{
		log_info("schema", "a comment looks like an entry of pg_restore: running it for each of the entries=%d", entries->count);
		for (int i = 0; ok && i < entries->count; i++)
		{
			ok = restore_text(schema, &entries->lines[i], 1, &text, err);
			entries->statements[i] = ok ? schema_text_of_one(strbuf_text(&text), schema->arena) : NULL;
			if (ok && entries->statements[i] == NULL)
				ok = error_set(err, ERROR_FAILED, "pg_restore has written no entry");
		}
	}
	strbuf_free(&text);
	return ok;
}

static bool
table_of_entry(Schema *schema, uint32_t oid, bool is_constraint, const char **table, Error *err)
{
	static const char of_index[] = "SELECT (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
		" FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indrelid"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE x.indexrelid = $1::pg_catalog.oid)";
	static const char of_constraint[] = "SELECT (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
		" FROM pg_catalog.pg_constraint x JOIN pg_catalog.pg_class c ON c.oid = x.conrelid"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE x.oid = $1::pg_catalog.oid)";
	const char *values[] = {arena_printf(schema->arena, "%u", oid)};

	return pg_query_value(schema->source, schema->arena, is_constraint ? of_constraint : of_index, 1, values, table, err);
}

/* Entries that come by themselves, in any order: indexes, and the constraints that are indexes. */
static bool
is_index(const char *what)
{
	return text_starts_with(what, "CONSTRAINT ") || (text_starts_with(what, "INDEX ") && !text_starts_with(what, "INDEX ATTACH "));
}

/* Common entries that no index can depend on. */
static bool
is_leaf(const char *what)
{
	static const char *const kinds[] = {"INDEX ATTACH ", "CHECK CONSTRAINT ", "FK CONSTRAINT ", "TRIGGER ", "STATISTICS ", "COMMENT "};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (text_starts_with(what, kinds[i]))
			return true;
	return false;
}

static bool
load_late(const Schema *schema, const char *classes, const char *oids, HashMap *late, Error *err)
{
	static const char sql[] =
		/* what depends on what; a rule does not name its view as a dependent, nor an index the constraint that it is made by */
		"WITH RECURSIVE edge(refclass, refoid, class, oid) AS ("
		" SELECT refclassid, refobjid, classid, objid FROM pg_catalog.pg_depend"
		" UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid, 'pg_catalog.pg_class'::pg_catalog.regclass, ev_class"
		" FROM pg_catalog.pg_rewrite WHERE rulename = '_RETURN'"
		" UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, conindid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid"
		" FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'u', 'x')),"
		" late(class, oid) AS ("
		" SELECT u.class, u.oid FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) u(class, oid)"
		" UNION SELECT e.class, e.oid FROM edge e JOIN late l ON e.refclass = l.class AND e.refoid = l.oid)"
		" SELECT class || '/' || oid FROM late";

	return load_objects(schema, sql, classes, oids, late, err);
}

/*
 * pg_dump moves what needs a primary key to be understood (GROUP BY of the key alone) behind it: materialized views, functions, rules of views.
 * An index that depends on one of these cannot go before it.
 */
static bool
find_late(const Schema *schema, Entries *entries, Error *err)
{
	StrBuf		classes = STRBUF_INIT;
	StrBuf		oids = STRBUF_INIT;
	bool		ok = true;

	strbuf_append_char(&classes, '{');
	strbuf_append_char(&oids, '{');
	for (int i = 0; i < entries->count; i++)
	{
		uint32_t	class_oid;
		uint32_t	oid;
		const char *what;

		if (is_index(entries->whats[i]) || is_leaf(entries->whats[i]) || !schema_entry_parse(entries->lines[i], &class_oid, &oid, &what) || oid == 0)
			continue;
		append_oid(&classes, class_oid);
		append_oid(&oids, oid);
	}
	strbuf_append_char(&classes, '}');
	strbuf_append_char(&oids, '}');
	if (oids.length > 2)
	{
		entries->late = hash_new();
		ok = load_late(schema, strbuf_text(&classes), strbuf_text(&oids), entries->late, err);
	}
	strbuf_free(&classes);
	strbuf_free(&oids);
	return ok;
}

/* What is late keeps pg_dump's place among the others. */
static bool
defer_entry(Schema *schema, const Entries *entries, int i, StrBuf *sql, Error *err)
{
	const char *what = entries->whats[i];
	const char *table = NULL;
	bool		is_first = is_index(what);

	if (is_first)
	{
		uint32_t	class_oid;
		uint32_t	oid;

		if (!schema_entry_parse(entries->lines[i], &class_oid, &oid, &what) ||
			!table_of_entry(schema, oid, text_starts_with(what, "CONSTRAINT "), &table, err))
			return false;
		is_first = entries->late == NULL || !is_among(entries->late, class_oid, oid);
	}
	post_data_append_row(sql, schema->config->slot, is_first, arena_strndup(schema->arena, what, strcspn(what, "\n")), table, entries->statements[i]);
	return true;
}

/* Appends to the SQL what notes the rest: one transaction makes the tables and the note. */
static bool
defer_rest(Schema *schema, Error *err)
{
	Arguments	arguments = {0};
	Entries		entries = {0};
	StrBuf		sql = STRBUF_INIT;
	FILE	   *out;
	bool		ok;

	add_argument(&arguments, schema->programs.pg_restore);
	add_argument(&arguments, "-l");
	add_argument(&arguments, "--section=post-data");
	add_argument(&arguments, schema->archive);
	ok = run(schema, &arguments, NULL, schema->list, err) && read_entries(schema, &entries, err) && make_statements(schema, &entries, err) &&
		find_late(schema, &entries, err);
	post_data_append_table(&sql, !schema->has_dbsync);
	for (int i = 0; ok && i < entries.count; i++)
		ok = defer_entry(schema, &entries, i, &sql, err);
	free(entries.lines);
	free(entries.whats);
	hash_free(entries.late, NULL);
	if (ok)
	{
		out = fopen(schema->sql, "a");
		ok = out != NULL && fputs(strbuf_text(&sql), out) >= 0;
		if (out != NULL && fclose(out) != 0)
			ok = false;
		if (!ok)
			error_errno(err, "cannot write in %s", schema->folder);
	}
	strbuf_free(&sql);
	return ok;
}

/* A newer pg_dump sets what an older target does not know. */
static bool
fit_target(Schema *schema, Error *err)
{
	char	   *fitted;
	FILE	   *in;
	FILE	   *out;
	char	   *line = NULL;
	size_t		size = 0;
	bool		ok;

	if (schema->target_version == 0 || schema->target_version >= 170000 || schema->programs.major < 17)
		return true;
	fitted = arena_printf(schema->arena, "%s/fitted.sql", schema->folder);
	in = fopen(schema->sql, "r");
	out = in != NULL ? fopen(fitted, "w") : NULL;
	ok = out != NULL;
	while (ok && getline(&line, &size, in) > 0)
		if (strcmp(line, SET_17) != 0)
			ok = fputs(line, out) >= 0;
	if (out != NULL && fclose(out) != 0)
		ok = false;
	if (!ok || rename(fitted, schema->sql) != 0)
		ok = error_errno(err, "cannot write in %s", schema->folder);
	if (in != NULL)
		fclose(in);
	free(line);
	return ok;
}

static bool
print_sql(const Schema *schema, Error *err)
{
	FILE	   *in = fopen(schema->sql, "r");
	char		buffer[8192];
	size_t		length;
	bool		ok = in != NULL;

	while (ok && (length = fread(buffer, 1, sizeof(buffer), in)) > 0)
		ok = fwrite(buffer, 1, length, stdout) == length;
	if (!ok || fflush(stdout) != 0)
		ok = error_errno(err, "cannot print the SQL");
	if (in != NULL)
		fclose(in);
	return ok;
}

static bool
run_sql(Schema *schema, Error *err)
{
	Arguments	arguments = {0};
	const char *plain;
	const char *password;

	if (!pg_program_conninfo(schema->config->target, schema->arena, &plain, &password, err))
		return false;
	add_argument(&arguments, schema->programs.psql);
	add_argument(&arguments, "-X");
	add_argument(&arguments, "-q");
	add_argument(&arguments, "-v");
	add_argument(&arguments, "ON_ERROR_STOP=1");
	add_argument(&arguments, "--single-transaction");
	add_argument(&arguments, "-o");
	add_argument(&arguments, "/dev/null");
	add_argument(&arguments, "-f");
	add_argument(&arguments, schema->sql);
	add_argument(&arguments, "-d");
	add_argument(&arguments, plain);
	if (run(schema, &arguments, password, NULL, err))
		return true;
	if (err->kind == ERROR_FAILED)
		(void) error_hint(err, "the target is as it was; psql's message is above");
	return false;
}

/* ---- all ---- */

static bool
make_folder(Schema *schema, Error *err)
{
	const char *base = getenv("TMPDIR");

	schema->folder = arena_printf(schema->arena, "%s/dbsync-schema.XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
	if (mkdtemp(schema->folder) == NULL)
	{
		bool		ok = error_errno(err, "cannot create the temporary folder %s", schema->folder);

		schema->folder = NULL;
		return ok;
	}
	schema->archive = arena_printf(schema->arena, "%s/schema.dump", schema->folder);
	schema->list = arena_printf(schema->arena, "%s/contents", schema->folder);
	schema->used = arena_printf(schema->arena, "%s/contents.used", schema->folder);
	schema->sql = arena_printf(schema->arena, "%s/schema.sql", schema->folder);
	schema->part = arena_printf(schema->arena, "%s/part.sql", schema->folder);
	return true;
}

static void
remove_folder(const Schema *schema)
{
	if (schema->folder == NULL)
		return;
	unlink(schema->archive);
	unlink(schema->list);
	unlink(schema->used);
	unlink(schema->sql);
	unlink(schema->part);
	rmdir(schema->folder);
}

/* Schemas that the target has already need not be made; they are no sign that the tables are there. */
static bool
leave_out_schemas(Schema *schema, PgConn *target, Error *err)
{
	static const char names_sql[] = "SELECT pg_catalog.array_agg(nspname::text) FROM pg_catalog.pg_namespace";
	const char *names;
	PGresult   *result = NULL;
	bool		ok;

	ok = pg_query_value(target, schema->arena, names_sql, 0, NULL, &names, err) &&
		pg_exec_params(schema->source,
					   "SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid || '/' || oid"
					   " FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::text[])",
					   1, &names, &result, err);
	for (int i = 0; ok && i < PQntuples(result); i++)
		hash_put_text(schema->dropped, PQgetvalue(result, i, 0), schema);
	PQclear(result);
	return ok;
}

static bool
look_at_target(Schema *schema, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "schema"};
	PgConn	   *conn = NULL;
	const char *dbsync = NULL;
	bool		ok;

	if (schema->options->print)
		return true;
	if (!pg_connect(schema->config->target, &options, &conn, err))
		return false;
	schema->target_version = pg_server_version(conn);
	ok = leave_out_schemas(schema, conn, err) &&
		pg_query_value(conn, schema->arena, "SELECT oid FROM (SELECT 1) x LEFT JOIN pg_catalog.pg_namespace ON nspname = 'dbsync'",
					   0, NULL, &dbsync, err);
	schema->has_dbsync = ok && dbsync != NULL;
	pg_close(conn);
	return ok;
}

static bool
look_at_source(Schema *schema, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "schema"};

	return pg_connect(schema->config->source, &options, &schema->source, err) &&
		pg_programs_find(pg_server_version(schema->source) / 10000, schema->arena, &schema->programs, err) &&
		pg_catalog_load(schema->source, NULL, NULL, schema->arena, &schema->tables, err) && find_unwanted(schema, err);
}

bool
schema_create(const Config *config, const SchemaOptions *options, Error *err)
{
	Schema		schema = {.config = config, .options = options};
	bool		ok;

#ifdef DBSYNC_WITH_MYSQL
	if (config->is_mysql)
		return mysql_schema_create(config, options, err);
#endif
	if (config->target_schema != NULL && !options->print)
	{
		error_set(err, ERROR_USAGE, "target_schema is set: the source's schema cannot be made under another name");
		return error_hint(err, "dbsync schema --print shows the SQL; change the schema's name in it, and run it by psql");
	}
	schema.arena = arena_new(0);
	ok = look_at_source(&schema, err) && look_at_target(&schema, err) && make_folder(&schema, err) &&
		dump(&schema, err) && make_sql(&schema, err) && fit_target(&schema, err) &&
		(!options->defer || defer_rest(&schema, err));
	if (ok)
		ok = options->print ? print_sql(&schema, err) : run_sql(&schema, err);
	remove_folder(&schema);
	pg_close(schema.source);
	pg_catalog_free(&schema.tables);
	hash_free(schema.dropped, NULL);
	hash_free(schema.detached, NULL);
	arena_free(schema.arena);
	return ok;
}
