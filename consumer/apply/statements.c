/*
 * statements.c
 *		Prepared statements of one connection, least recently used ones first to go.
 */
#include "apply/statements.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct StatementCache
{
	HashMap	   *by_key;
	int			limit;
	uint64_t	last_number;
	Statement  *newest;
	Statement  *oldest;
	StrBuf		key;			/* scratch */
	StrBuf		checked;		/* scratch */
	TargetSql	sql;			/* scratch */
};

StatementCache *
statements_new(int limit)
{
	StatementCache *cache = mem_zalloc(sizeof(StatementCache));

	cache->by_key = hash_new();
	cache->limit = limit;
	return cache;
}

static void
free_statement(void *value)
{
	Statement  *statement = value;

	free(statement->params);
	free(statement->key);
	free(statement);
}

void
statements_clear(StatementCache *cache)
{
	hash_clear(cache->by_key, free_statement);
	cache->newest = cache->oldest = NULL;
}

void
statements_free(StatementCache *cache)
{
	if (cache == NULL)
		return;
	hash_free(cache->by_key, free_statement);
	strbuf_free(&cache->key);
	strbuf_free(&cache->checked);
	target_sql_free(&cache->sql);
	free(cache);
}

static void
unlink_statement(StatementCache *cache, Statement *statement)
{
	if (statement->newer != NULL)
		statement->newer->older = statement->older;
	else
		cache->newest = statement->older;
	if (statement->older != NULL)
		statement->older->newer = statement->newer;
	else
		cache->oldest = statement->newer;
}

static void
link_newest(StatementCache *cache, Statement *statement)
{
	statement->newer = NULL;
	statement->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = statement;
	else
		cache->oldest = statement;
	cache->newest = statement;
}

static bool
evict_oldest(StatementCache *cache, Pipeline *pipeline, const PipelineNote *note, Error *err)
{
	Statement  *statement = cache->oldest;
	PipelineNote control = *note;
	bool		is_prepared = !statement->is_empty;
	char		sql[64];

	snprintf(sql, sizeof(sql), "DEALLOCATE %s", statement->name);
	control.kind = PIPELINE_CONTROL;
	unlink_statement(cache, statement);
	hash_remove(cache->by_key, statement->key, statement->key_length);
	free_statement(statement);
	return !is_prepared || pipeline_query(pipeline, sql, 0, NULL, &control, err);
}

Statement *
statements_find(StatementCache *cache, const void *key, size_t key_length)
{
	Statement  *found = hash_get(cache->by_key, key, key_length);

	if (found != NULL && found != cache->newest)
	{
		unlink_statement(cache, found);
		link_newest(cache, found);
	}
	return found;
}

/* sql NULL: there is nothing to send. */
static bool
add(StatementCache *cache, Pipeline *pipeline, const void *key, size_t key_length, const char *sql, const PipelineNote *note, Statement **result,
	Error *err)
{
	Statement  *statement;
	PipelineNote prepare_note = *note;

	if (hash_count(cache->by_key) >= (size_t) cache->limit && !evict_oldest(cache, pipeline, note, err))
		return false;
	prepare_note.kind = PIPELINE_PREPARE;
	statement = mem_zalloc(sizeof(Statement));
	snprintf(statement->name, sizeof(statement->name), "dbsync_%" PRIu64, ++cache->last_number);
	statement->is_empty = sql == NULL;
	if (sql != NULL && !pipeline_prepare(pipeline, statement->name, sql, &prepare_note, err))
	{
		free_statement(statement);
		return false;
	}
	statement->key_length = key_length;
	statement->key = mem_alloc(key_length);
	memcpy(statement->key, key, key_length);
	hash_put(cache->by_key, statement->key, statement->key_length, statement);
	link_newest(cache, statement);
	*result = statement;
	return true;
}

bool
statements_add(StatementCache *cache, Pipeline *pipeline, const void *key, size_t key_length, const char *sql, const PipelineNote *note,
			   Statement **statement, Error *err)
{
	return add(cache, pipeline, key, key_length, sql, note, statement, err);
}

static bool
prepare(StatementCache *cache, Pipeline *pipeline, TargetTable *table, TargetOperation operation, const Change *change, bool is_checked,
		const PipelineNote *note, Statement **result, Error *err)
{
	Statement  *statement;
	TargetSql  *sql = &cache->sql;
	const char *text;

	/* counting this one may change what the key says; it is found under the key that was asked for */
	if (!target_sql_build(table, operation, change, sql, err))
		return false;
	if (table->relation->identity == 'f' && table->key_count == 0 && operation != TARGET_INSERT)
		table->null_patterns++;
	text = strbuf_text(&sql->text);
	if (is_checked)
	{
		strbuf_reset(&cache->checked);
		strbuf_printf(&cache->checked, "WITH x AS (%s RETURNING 1) SELECT 1 / EXISTS (SELECT FROM x)::int4", text);
		text = strbuf_text(&cache->checked);
	}
	if (!add(cache, pipeline, cache->key.data, cache->key.length, sql->is_empty ? NULL : text, note, &statement, err))
		return false;
	statement->any_count = sql->any_count;
	statement->param_count = sql->param_count;
	statement->params = mem_alloc(sizeof(int) * (size_t) (statement->param_count + 1));
	for (int i = 0; i < statement->param_count; i++)
		statement->params[i] = sql->params[i];
	*result = statement;
	return true;
}

bool
statements_get(StatementCache *cache, Pipeline *pipeline, TargetTable *table, TargetOperation operation, const Change *change,
			   const PipelineNote *note, Statement **statement, Error *err)
{
	target_sql_key(table, operation, change, &cache->key);
	*statement = statements_find(cache, cache->key.data, cache->key.length);
	return *statement != NULL || prepare(cache, pipeline, table, operation, change, false, note, statement, err);
}

bool
statements_get_checked(StatementCache *cache, Pipeline *pipeline, TargetTable *table, TargetOperation operation, const Change *change,
					   const PipelineNote *note, Statement **statement, Error *err)
{
	target_sql_key(table, operation, change, &cache->key);
	strbuf_append_char(&cache->key, 'c');
	*statement = statements_find(cache, cache->key.data, cache->key.length);
	return *statement != NULL || prepare(cache, pipeline, table, operation, change, true, note, statement, err);
}

int
statements_count(const StatementCache *cache)
{
	return (int) hash_count(cache->by_key);
}
