/* Removes a task.  The slot first, so that it keeps no more WAL; the local store, which knows what there is to remove, last. */
#include "sync/drop.h"

#include "base/clock.h"
#include "base/stop.h"
#include "pg/slot.h"
#include "sync/task_store.h"

#include <stdlib.h>
#include <string.h>

/* The server notices a killed reader only after a moment. */
#define INACTIVE_WAIT_MS 10000
#define POLL_MS 100

#define PLUGIN "alidecode"

typedef struct Drop
{
	const Config *config;
	DropReport *report;
	Store	   *store;			/* or NULL: there is none */
	PgConn	   *source;			/* or NULL: could not be reached */
	PgConn	   *target;
} Drop;

/* ---- slot ---- */

static bool
wait_inactive(Drop *drop, SlotInfo *info, Error *err)
{
	int64_t		end_ms = clock_monotonic_ms() + INACTIVE_WAIT_MS;

	for (;;)
	{
		if (!slot_look(drop->source, drop->config->slot, drop->report->arena, info, err))
			return false;
		if (!info->exists || info->active_pid == 0)
			return true;
		if (clock_monotonic_ms() >= end_ms)
		{
			error_set(err, ERROR_FAILED, "the slot %s is being read by pid %d", drop->config->slot, info->active_pid);
			return error_hint(err, "stop its reader, or on the source: SELECT pg_terminate_backend(%d)", info->active_pid);
		}
		if (!stop_wait(POLL_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
}

/* Never somebody else's slot of the same name. */
static bool
check_slot(Drop *drop, SlotInfo *info, Error *err)
{
	if (!wait_inactive(drop, info, err))
		return false;
	if (!info->exists)
		return true;
	if (info->plugin != NULL && strcmp(info->plugin, PLUGIN) == 0 && info->is_of_this_database)
		return true;
	error_set(err, ERROR_FAILED, "the slot %s is not of dbsync: plugin %s, database %s", drop->config->slot,
			  info->plugin != NULL ? info->plugin : "none", info->database != NULL ? info->database : "none");
	return error_hint(err, "nothing was removed; choose the task by [dbsync] slot or --slot");
}

static bool
remove_slot(Drop *drop, Error *err)
{
	DropReport *report = drop->report;
	SlotInfo	info = {0};

	if (drop->source == NULL)
	{
		StrBuf		line = STRBUF_INIT;

		strbuf_append(&line, "left: the source was not reached; there: SELECT pg_drop_replication_slot(");
		pg_quote_literal(&line, drop->config->slot);
		strbuf_append_char(&line, ')');
		report->slot = arena_strdup(report->arena, strbuf_text(&line));
		report->left++;
		strbuf_free(&line);
		return true;
	}
	if (!check_slot(drop, &info, err))
		return false;
	if (!info.exists)
	{
		report->slot = "was not there";
		return true;
	}
	if (!slot_drop(drop->source, drop->config->slot, err))
		return false;
	report->slot = "removed";
	return true;
}

/* ---- target ---- */

/* Those that hold rows of tasks.  post_data: indexes that a later run would have made. */
#define POST_DATA "dbsync.post_data"
static const char *const target_tables[] = {"dbsync.progress", "dbsync.copy_progress", "dbsync.conflicts", "dbsync.strict_replays", "dbsync.rejects", POST_DATA};
#define TARGET_TABLES (sizeof(target_tables) / sizeof(target_tables[0]))

/* Rows of the task in one of the tables; a table that is not there has none. */
static bool
remove_rows(Drop *drop, const char *table, int64_t *rows, Error *err)
{
	const char *values[] = {drop->config->slot};
	char	   *sql = mem_printf("DELETE FROM %s WHERE task = $1", table);
	PGresult   *result;
	bool		ok;

	ok = pg_exec_if_there(drop->target, table, sql, 1, values, &result, err);
	if (ok && result != NULL)
		*rows += strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	free(sql);
	return ok;
}

static bool
count_pending(Drop *drop, int64_t *pending, Error *err)
{
	const char *values[] = {drop->config->slot};
	PGresult   *result;

	if (!pg_exec_if_there(drop->target, POST_DATA, "SELECT pg_catalog.count(*) FROM " POST_DATA " WHERE task = $1 AND done_at IS NULL",
						  1, values, &result, err))
		return false;
	*pending = result != NULL ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	return true;
}

/* The target was not reached. */
static void
leave_target_rows(Drop *drop)
{
	DropReport *report = drop->report;
	StrBuf		line = STRBUF_INIT;

	strbuf_append(&line, "left: the target was not reached; there:");
	for (size_t i = 0; i < TARGET_TABLES; i++)
	{
		strbuf_printf(&line, "%s DELETE FROM %s WHERE task = ", i > 0 ? ";" : "", target_tables[i]);
		pg_quote_literal(&line, drop->config->slot);
	}
	strbuf_append(&line, "; of these tables, not all need be there");
	report->target = arena_strdup(report->arena, strbuf_text(&line));
	report->left++;
	strbuf_free(&line);
}

static bool
remove_target_rows(Drop *drop, Error *err)
{
	DropReport *report = drop->report;
	int64_t		rows = 0;
	int64_t		pending;

	if (drop->target == NULL)
	{
		leave_target_rows(drop);
		return true;
	}
	if (!count_pending(drop, &pending, err))
		return false;
	for (size_t i = 0; i < TARGET_TABLES; i++)
		if (!remove_rows(drop, target_tables[i], &rows, err))
			return false;
	report->target = rows > 0 ? arena_printf(report->arena, "%lld rows removed", (long long) rows) : "had nothing";
	if (pending > 0)
		report->target = arena_printf(report->arena, "%s, %lld of them indexes, constraints and triggers of schema --defer that were not made yet",
									  report->target, (long long) pending);
	return true;
}

/* ---- local store ---- */

static bool
remove_state(Drop *drop, Error *err)
{
	DropReport *report = drop->report;
	TaskState	state;
	bool		found = false;

	if (drop->store != NULL &&
		!drop->store->ops->load_task(drop->store, drop->config->slot, report->arena, &state, &found, err))
		return false;
	if (drop->store != NULL && !drop->store->ops->drop_task(drop->store, drop->config->slot, err))
		return false;
	report->store = found ? "state and waiting changes removed" : "had nothing";
	return true;
}

/* ---- all ---- */

static bool
reach(const char *conninfo, PgRole role, bool force, PgConn **conn, Error *err)
{
	PgConnOptions options = {.role = role, .name_suffix = "drop"};

	if (pg_connect(conninfo, &options, conn, err))
		return true;
	*conn = NULL;
	if (!force || err->kind == ERROR_CANCELLED)
	{
		(void) error_context(err, "nothing was removed");
		if (!force)
			(void) error_hint(err, "--force removes the rest, and says what is left");
		return false;
	}
	error_clear(err);
	return true;
}

bool
drop_task(const Config *config, bool force, DropReport *report, Error *err)
{
	Drop		drop = {.config = config, .report = report};
	bool		ok;

	if (report->arena == NULL)
		report->arena = arena_new(0);
	ok = task_store_open(config, STORE_EXISTING, &drop.store, err);
	if (ok && drop.store != NULL)
		ok = drop.store->ops->lock_task(drop.store, config->slot, err);
	/* A MySQL source has nothing of the task. */
	ok = ok && (config->is_mysql || reach(config->source, PG_ROLE_SOURCE, force, &drop.source, err)) &&
		reach(config->target, PG_ROLE_TARGET, force, &drop.target, err) &&
		(config->is_mysql || remove_slot(&drop, err)) &&
		remove_target_rows(&drop, err) &&
		remove_state(&drop, err);
	pg_close(drop.source);
	pg_close(drop.target);
	if (drop.store != NULL)
		drop.store->ops->close(drop.store);
	if (ok && report->left > 0)
		ok = error_set(err, ERROR_FAILED, "the task %s was not removed whole", config->slot);
	return ok;
}
