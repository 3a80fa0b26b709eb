/*
 * cmd_sqls.c
 *		dbsync sqls: what waits in the local store, as SQL text, in the order it will be applied.
 */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "model/record.h"
#include "observe/change_sql.h"
#include "sync/task_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Sqls
{
	const Config *config;
	Store	   *store;
	RelationMap *map;			/* of the present segment */
	int64_t		segment;
	Arena	   *arena;			/* of one record */
	StrBuf		out;
	int64_t		transactions;
	int64_t		limit;			/* 0: none */
} Sqls;

/* Each line of the text to parse(); the last one may lack its line feed. */
static bool
each_line(Sqls *sqls, const char *text, size_t length, bool (*take) (Sqls *sqls, const char *line, size_t length, Error *err),
		  Error *err)
{
	const char *end = text + length;

	while (text < end)
	{
		const char *stop = memchr(text, '\n', (size_t) (end - text));
		size_t		line_length = (size_t) ((stop != NULL ? stop : end) - text);

		if (line_length > 0 && !take(sqls, text, line_length, err))
			return false;
		text += line_length + 1;
	}
	return true;
}

static bool
take_relation(Sqls *sqls, const char *line, size_t length, Error *err)
{
	Record		record;

	arena_reset(sqls->arena);
	return record_parse(line, length, sqls->map, sqls->arena, &record, err);
}

/* Relation numbers mean something only within their segment. */
static bool
enter_segment(Sqls *sqls, int64_t segment, Error *err)
{
	char	   *records = NULL;
	size_t		length = 0;
	bool		ok;

	if (sqls->segment == segment)
		return true;
	relation_map_clear(sqls->map, NULL);
	sqls->segment = segment;
	ok = sqls->store->ops->read_relations(sqls->store, sqls->config->slot, segment, &records, &length, err) &&
		each_line(sqls, records, length, take_relation, err);
	free(records);
	return ok;
}

static bool
flush(Sqls *sqls, Error *err)
{
	bool		ok = sqls->out.length == 0 || fwrite(strbuf_text(&sqls->out), 1, sqls->out.length, stdout) == sqls->out.length;

	strbuf_reset(&sqls->out);
	return ok || error_errno(err, "cannot write to standard output");
}

static bool
take_record(Sqls *sqls, const char *line, size_t length, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	char		time[CLOCK_TEXT_SIZE];
	Record		record;

	arena_reset(sqls->arena);
	if (!record_parse(line, length, sqls->map, sqls->arena, &record, err))
		return false;
	switch (record.kind)
	{
		case RECORD_BEGIN:
			strbuf_printf(&sqls->out, "-- transaction %u, commit %s, %s\nBEGIN;\n", record.xid,
						  lsn_show(record.commit_lsn, lsn), clock_format(record.commit_time_us, time));
			break;
		case RECORD_CHANGE:
			change_sql_write(&sqls->out, &record.change, sqls->config->target_schema);
			break;
		case RECORD_COMMIT:
			strbuf_printf(&sqls->out, "COMMIT; -- end %s\n\n", lsn_show(record.end_lsn, lsn));
			break;
		case RECORD_HELLO:
		case RECORD_RELATION:
			break;
	}
	return sqls->out.length < 64 * 1024 || flush(sqls, err);
}

static bool
write_all(Sqls *sqls, Error *err)
{
	Lsn			after = LSN_NONE;
	int			after_part = -1;

	while (sqls->limit == 0 || sqls->transactions < sqls->limit)
	{
		TxnPart    *part = NULL;
		bool		ok;

		if (stop_requested())
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (!sqls->store->ops->read(sqls->store, sqls->config->slot, after, after_part, &part, err))
			return false;
		if (part == NULL)
			break;
		ok = enter_segment(sqls, part->segment, err) && each_line(sqls, part->records, part->length, take_record, err);
		after = part->commit_lsn;
		after_part = part->part;
		sqls->transactions += part->last;
		txn_part_free(part);
		if (!ok)
			return false;
	}
	return flush(sqls, err);
}

static bool
read_limit(int argc, char **argv, int64_t *limit, Error *err)
{
	const char *text = command_option(argc, argv, "limit");
	char	   *end;

	*limit = 0;
	if (text == NULL)
		return true;
	errno = 0;
	*limit = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *limit < 1)
		return error_set(err, ERROR_USAGE, "option --limit: \"%s\" is not a number above 0", text);
	return true;
}

int
cmd_sqls(const Config *config, int argc, char **argv)
{
	Sqls		sqls = {.config = config, .segment = -1, .out = STRBUF_INIT};
	Error		err = ERROR_INIT;
	bool		ok;
	int			code;

	sqls.map = relation_map_new();
	sqls.arena = arena_new(0);
	ok = read_limit(argc, argv, &sqls.limit, &err) && task_store_open(config, STORE_READ_ONLY, &sqls.store, &err);
	if (ok && sqls.store != NULL)
		ok = write_all(&sqls, &err);
	if (ok)
		printf("-- %lld transaction%s\n", (long long) sqls.transactions, sqls.transactions == 1 ? "" : "s");
	else
		log_report(LOG_ERROR, "sqls", &err);
	fflush(stdout);
	if (sqls.store != NULL)
		sqls.store->ops->close(sqls.store);
	code = error_exit_code(&err);
	relation_map_free(sqls.map);
	arena_free(sqls.arena);
	strbuf_free(&sqls.out);
	error_clear(&err);
	return code;
}
