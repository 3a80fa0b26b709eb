/*
 * mysql_tables.c
 *		From table maps to relations: whose map it is, whether its shape is the catalogue's, and the relation record.
 *
 * A table map comes with every statement, mostly the same as before: then nothing is to be done but to compare its bytes.
 */
#include "source/mysql_private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "model/change.h"
#include "mysql/my_name.h"
#include "mysql/my_types.h"

#define MODULE "source"

LoggedTable mysource_ignored_table;

static void
unbind(LoggedTable *table)
{
	free(table->map);
	free(table->columns);
	free(table->is_plain);
	free(table->is_key);
	free(table->is_needed);
	table->is_needed = NULL;
	table->map = NULL;
	table->columns = NULL;
	table->is_plain = NULL;
	table->is_key = NULL;
	table->map_length = 0;
}

static void
free_table(void *value)
{
	LoggedTable *table = value;

	unbind(table);
	free(table->relation_text);
	free(table);
}

void
mysource_forget_tables(MysqlSource *self)
{
	hash_clear(self->maps, NULL);
	hash_clear(self->tables, free_table);
}

/* ---------------------------------------------------------------- relation records */

static void
append_string(StrBuf *out, const char *text)
{
	mysource_append_json(out, text, strlen(text));
}

/* A row is found by its key, or where it has none by all its columns. */
static bool
is_key(const MyTable *table, int column)
{
	for (int k = 0; k < table->key_count; k++)
	{
		if (table->key_columns[k] == column)
			return true;
	}
	return table->key_count == 0;
}

static void
make_relation_text(MysqlSource *self, LoggedTable *table)
{
	const MySourceConfig *config = self->options.config;
	const MyTable *known = table->table;
	Arena	   *arena = arena_new(0);
	StrBuf		out = STRBUF_INIT;
	StrBuf		type = STRBUF_INIT;

	table->number = self->next_number++;
	strbuf_printf(&out, "[\"R\",%" PRIu64 ",0,", table->number);
	append_string(&out, self->schema);
	strbuf_append_char(&out, ',');
	append_string(&out, my_target_name(config, arena, known->name));
	strbuf_printf(&out, ",\"%c\",[", table->identity);
	for (int i = 0; i < known->column_count; i++)
	{
		const MyColumn *column = &known->columns[i];

		strbuf_append(&out, i == 0 ? "[" : ",[");
		append_string(&out, my_target_name(config, arena, column->name));
		strbuf_append_char(&out, ',');
		/* as dbsync schema would make it: it is for hints about the target */
		strbuf_reset(&type);
		my_type_append(&type, column, config);
		append_string(&out, strbuf_text(&type));
		strbuf_printf(&out, ",%d]", is_key(known, i) ? COLUMN_IDENTITY : 0);
	}
	strbuf_append(&out, "]]");
	table->relation_length = out.length;
	table->relation_text = strbuf_detach(&out);
	strbuf_free(&type);
	arena_free(arena);
}

void
mysource_announce(MysqlSource *self, LoggedTable *table, SourceEvent *event)
{
	if (table->relation_text == NULL)
		make_relation_text(self, table);
	strbuf_append_bytes(&self->records, table->relation_text, table->relation_length);
	strbuf_append_char(&self->records, '\n');
	strbuf_append_bytes(&self->kept, table->relation_text, table->relation_length);
	strbuf_append_char(&self->kept, '\n');
	table->is_announced = true;
	event->kind = SOURCE_RELATION;
	event->relation_number = table->number;
	event->relation_text = table->relation_text;
	event->relation_length = table->relation_length;
}

/* ---------------------------------------------------------------- binding */

/* Numbers, and what is made of digits, letters and signs that JSON leaves alone. */
static bool
is_plain(const MyColumn *column)
{
	switch (column->type)
	{
		case MY_SMALLINT:
		case MY_MEDIUMINT:
		case MY_INT:
		case MY_BIGINT:
		case MY_DECIMAL:
		case MY_FLOAT:
		case MY_DOUBLE:
		case MY_TIME:
		case MY_UUID:
		case MY_INET4:
		case MY_INET6:
			return true;
		case MY_TINYINT:
			return !column->is_tinyint1 && column->target_type == NULL;
		default:
			return false;
	}
}

static const MyColumn hidden_number = {.name = "(hidden)", .type = MY_BIGINT, .type_text = "bigint unsigned", .is_unsigned = true};
static const MyColumn hidden_time = {.name = "(hidden)", .type = MY_TIMESTAMP, .type_text = "timestamp(6)", .scale = 6};

/* Fills the columns from a table map.  false: it is not what the catalogue has, *problem says where. */
static bool
bind_columns(MysqlSource *self, LoggedTable *table, const MyTableMap *map, Arena *arena, const char **problem)
{
	const MyTable *known = table->table;
	int			hidden = mysource_hidden_columns(self, known->name);

	table->row_end = -1;
	for (int i = 0; i < known->column_count && known->is_versioned; i++)
	{
		if (known->columns[i].generation != NULL && strcmp(known->columns[i].generation, "ROW END") == 0)
			table->row_end = i;
	}
	/* Behind the table's columns MariaDB keeps start and end of a versioned row, and a number for each unique key on long values. */
	if (known->is_versioned && table->row_end < 0)
	{
		table->row_end = known->column_count + 1;
		hidden += 2;
	}
	if (map->column_count != known->column_count + hidden)
	{
		*problem = arena_printf(arena, "it has %d columns in the log and %d in the database", map->column_count, known->column_count);
		return false;
	}
	table->column_count = map->column_count;
	table->record_count = known->column_count;
	table->columns = mem_zalloc(sizeof(MyRowColumn) * ((size_t) map->column_count + 1));
	table->is_plain = mem_zalloc((size_t) map->column_count + 1);
	table->is_key = mem_zalloc((size_t) map->column_count + 1);
	table->is_needed = mem_zalloc((size_t) map->column_count + 1);
	for (int i = 0; i < map->column_count; i++)
	{
		const MyColumn *column = i < known->column_count ? &known->columns[i] :
			map->columns[i].type == MY_STORED_TIMESTAMP2 ? &hidden_time : &hidden_number;
		const char *what = NULL;

		if (map->has_names && i < known->column_count && strcmp(map->columns[i].name, column->name) != 0)
		{
			*problem = arena_printf(arena, "its column %d is %s in the log and %s in the database", i + 1, map->columns[i].name, column->name);
			return false;
		}
		if (!my_row_bind(&map->columns[i], map->has_signs, column, my_charsets_find(self->charsets, column->charset), arena,
						 &table->columns[i], &what))
		{
			*problem = arena_printf(arena, "column %s is %s in the database, but in the log %s", column->name, column->type_text, what);
			return false;
		}
		table->is_plain[i] = is_plain(column);
		table->is_key[i] = i < known->column_count && is_key(known, i);
	}
	return true;
}

/* What MySQL leaves out of a row has not changed; of MariaDB's generated columns that does not hold. */
static bool
ask_needed(MysqlSource *self, LoggedTable *table, Error *err)
{
	const MyTable *known = table->table;

	for (int i = 0; i < known->column_count && self->is_mariadb && self->options.needs_generated != NULL; i++)
	{
		if (known->columns[i].is_generated && !self->options.needs_generated(self->options.needs_generated_arg, known->name, known->columns[i].name,
																			  &table->is_needed[i], err))
			return false;
	}
	return true;
}

static bool
shape_error(MysqlSource *self, const char *table, const char *problem, Error *err)
{
	error_set(err, ERROR_FAILED, "table %s.%s was changed since its definition was read: %s (binary log at %s)", self->options.config->db, table,
			  problem, mysource_place(self));
	return error_hint(err, "the log before a change cannot be read with the definition of after it: \"dbsync drop\" and a new full sync bring the "
					  "table's rows, or exclude_tables then leaves it out");
}

/* The catalogue's table of that name; where the server does not look at case, in any. */
static const MyTable *
find_known(const MysqlSource *self, const char *name)
{
	const MyTable *known = my_catalog_find(&self->catalog, name);

	for (int i = 0; known == NULL && self->folds_case && i < self->catalog.count; i++)
	{
		if (mysource_same_name(self, self->catalog.tables[i].name, name))
			known = &self->catalog.tables[i];
	}
	return known;
}

static LoggedTable *
look_up(MysqlSource *self, const char *name)
{
	LoggedTable *table = hash_get_text(self->tables, name);
	const MyTable *known;

	if (table != NULL)
		return table;
	known = find_known(self, name);
	if (known == NULL)
		return NULL;
	table = mem_zalloc(sizeof(LoggedTable));
	table->table = known;
	table->identity = known->key_count == 0 ? 'f' : known->key_is_primary ? 'd' : 'i';
	hash_put_text(self->tables, name, table);
	return table;
}

/* Wanted, in the log, and not in the database (any more). */
static bool
missing_table(MysqlSource *self, const char *name, LoggedTable **table, Error *err)
{
	if (self->options.config->ddl == MY_DDL_SKIP)
	{
		log_warn(MODULE, "changes of table %s.%s are left out: it is not in the database any more (binary log at %s)", self->options.config->db, name,
				 mysource_place(self));
		*table = mem_zalloc(sizeof(LoggedTable));
		(*table)->is_left_out = true;
		hash_put_text(self->tables, name, *table);
		return true;
	}
	error_set(err, ERROR_FAILED, "the binary log at %s has changes of table %s.%s, which is not in the database any more", mysource_place(self),
			  self->options.config->db, name);
	return error_hint(err, "run once with [src.mysql] ddl = skip (--ddl skip), which leaves these changes out; "
					  "was the table renamed, its rows then differ");
}

bool
mysource_find_table(MysqlSource *self, const char *name, LoggedTable **table, Error *err)
{
	*table = look_up(self, name);
	/* It may have been made since the session began. */
	if (*table == NULL && !mysource_reload_catalog(self, err))
		return false;
	if (*table == NULL)
		*table = look_up(self, name);
	if (*table == NULL && !missing_table(self, name, table, err))
		return false;
	if ((*table)->is_left_out)
		*table = &mysource_ignored_table;
	return true;
}

static bool
bind_table(MysqlSource *self, const MyEvent *event, LoggedTable **table, Error *err)
{
	MyTableMap	map;
	const char *problem = NULL;

	arena_reset(self->arena);
	if (!my_event_table_map(event, self->arena, &map, err))
		return false;
	/* Twice: the catalogue may be older than a change that was passed over. */
	for (int round = 0; round < 2; round++)
	{
		if (!mysource_find_table(self, map.table, table, err))
			return false;
		if (*table == &mysource_ignored_table)
			return true;
		unbind(*table);
		if (bind_columns(self, *table, &map, self->arena, &problem))
		{
			if ((!map.has_names && !mysource_check_history(self, map.table, event, err)) || !ask_needed(self, *table, err))
			{
				unbind(*table);
				return false;
			}
			(*table)->map = mem_alloc(event->length + 1);
			memcpy((*table)->map, event->body, event->length);
			(*table)->map_length = event->length;
			return true;
		}
		unbind(*table);
		if (round == 0 && !mysource_reload_catalog(self, err))
			return false;
	}
	return shape_error(self, map.table, problem, err);
}

/* The flags and names of the map are part of the comparison, its id is not. */
static bool
is_same_map(const LoggedTable *table, const MyEvent *event)
{
	return table->map != NULL && table->map_length == event->length && event->length >= 6 &&
		memcmp(table->map + 6, event->body + 6, event->length - 6) == 0;
}

bool
mysource_table_map(MysqlSource *self, const MyEvent *event, Error *err)
{
	LoggedTable *table;
	const char *schema;
	const char *name;
	uint64_t	id;

	if (!my_event_table_map_id(event, &id, err))
		return false;
	table = hash_get_number(self->maps, id);
	if (table != NULL && table != &mysource_ignored_table && is_same_map(table, event))
		return true;
	if (!my_event_table_map_names(event, &schema, &name, err))
		return false;
	if (!mysource_wants(self, schema, name))
	{
		hash_put_number(self->maps, id, &mysource_ignored_table);
		return true;
	}
	table = hash_get_text(self->tables, name);
	if ((table == NULL || !is_same_map(table, event)) && !bind_table(self, event, &table, err))
		return false;
	hash_put_number(self->maps, id, table);
	return true;
}
