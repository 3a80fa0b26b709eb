/*
 * prepare.c
 *		Before the workers start: what is done already, what must start over, and whether the other targets are empty.
 *
 * Three places know about an item: the store, the progress row on the target, and the target table.  Order of writing is such
 * that a crash between two of them is seen as something not done yet, never as something done: an item is committed on the target
 * before the store says so, and the store forgets it before the target does.
 */
#include "copy/copy_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Targets looked at in one query. */
#define EMPTY_BATCH 100

static void
set_done(CopyItem *item, Lsn snapshot_lsn, int64_t rows, int64_t bytes)
{
	item->phase = COPY_DONE;
	item->snapshot_lsn = snapshot_lsn;
	item->rows = rows;
	item->bytes = bytes;
}

static void
set_pending(CopyItem *item)
{
	item->phase = COPY_PENDING;
	item->snapshot_lsn = LSN_NONE;
	item->rows = item->bytes = item->start_us = item->end_us = 0;
}

static void
put_item_key(StrBuf *key, const char *schema, const char *table, int chunk)
{
	strbuf_reset(key);
	pg_quote_qualified(key, schema, table);
	strbuf_printf(key, "/%d", chunk);
}

/* What the target has and the store does not know yet. */
static void
merge_progress(CopyRun *run, const CopyProgress *rows, int count, bool *changed)
{
	HashMap *by_key = hash_new();
	StrBuf key = STRBUF_INIT;

	for (int i = 0; i < count; i++)
	{
		put_item_key(&key, rows[i].schema, rows[i].table, rows[i].chunk);
		hash_put_text(by_key, strbuf_text(&key), (void *) &rows[i]);
	}
	for (int i = 0; i < run->count; i++)
	{
		CopyItem *item = &run->items[i];
		const CopyProgress *row;

		if (item->phase == COPY_DONE)
			continue;
		if (item->phase == COPY_RUNNING)
		{
			set_pending(item);
			*changed = true;
		}
		put_item_key(&key, item->schema, item->table, item->chunk);
		row = hash_get_text(by_key, strbuf_text(&key));
		if (!row)
			continue;
		if (row->chunk_count != item->chunk_count)
		{
			/* Cut otherwise: what is there is ours, but of no use. */
			run->table_of[i]->group->starts_over = true;
			continue;
		}
		set_done(item, row->snapshot_lsn, row->rows, row->bytes);
		*changed = true;
	}
	strbuf_free(&key);
	hash_free(by_key, NULL);
}

typedef struct Seen
{
	Lsn lsn;
	bool has_done;
	bool has_pending;
	bool is_mixed;
	bool is_linked; /* the rest is of sets of groups */
	bool starts_over;
} Seen;

static void
see_item(Seen *seen, const CopyItem *item)
{
	if (item->phase != COPY_DONE)
	{
		seen->has_pending = true;
		return;
	}
	if (seen->has_done && seen->lsn != item->snapshot_lsn)
		seen->is_mixed = true;
	seen->has_done = true;
	seen->lsn = item->snapshot_lsn;
}

/* Of several snapshots, or soon to be. */
static bool
is_mixed(const CopyRun *run, const Seen *seen)
{
	return seen->is_mixed || (seen->has_done && seen->has_pending && seen->lsn != run->options->snapshot.lsn);
}

/*
 * All items of a table must be of one snapshot, and those still to be done will be of this one.  So must tables that share a target: a TRUNCATE that
 * one of the copies has and the other has not could neither be applied to it nor left out.
 */
static void
find_mixed_tables(CopyRun *run)
{
	Seen *seen = arena_zalloc(run->arena, (size_t) (run->table_count + 1) * sizeof(Seen));
	Seen *shared = arena_zalloc(run->arena, (size_t) (run->group_count + 1) * sizeof(Seen));

	for (int i = 0; i < run->count; i++)
	{
		CopyTable *table = run->table_of[i];

		see_item(&seen[table - run->tables], &run->items[i]);
		see_item(&shared[table->group - run->groups], &run->items[i]);
		if (run->items[i].phase == COPY_DONE)
			table->group->is_started = true;
	}
	for (int i = 0; i < run->table_count; i++)
		if (is_mixed(run, &seen[i]) || (seen[i].has_done && seen[i].has_pending && run->reader->cuts_anew))
			run->tables[i].group->starts_over = true;
	for (int i = 0; i < run->group_count; i++)
		if (is_mixed(run, &shared[i]))
			run->groups[i].starts_over = true;
}

/*
 * So must all items of linked groups.  One that starts over takes the others along in any case: emptying it may remove rows of theirs.  What was
 * never started is left alone, since rows in there would be someone's.
 */
static void
find_mixed_links(CopyRun *run)
{
	Seen *seen = arena_zalloc(run->arena, (size_t) (run->group_count + 1) * sizeof(Seen));

	for (int i = 0; i < run->count; i++)
		see_item(&seen[copy_group_chief(run->table_of[i]->group) - run->groups], &run->items[i]);
	for (int i = 0; i < run->group_count; i++)
	{
		CopyGroup *group = &run->groups[i];
		Seen *set = &seen[copy_group_chief(group) - run->groups];

		set->is_linked = set->is_linked || group->linked;
		set->starts_over = set->starts_over || group->starts_over || is_mixed(run, set);
	}
	for (int i = 0; i < run->group_count; i++)
	{
		CopyGroup *group = &run->groups[i];
		const Seen *set = &seen[copy_group_chief(group) - run->groups];

		if (set->is_linked && set->starts_over && group->is_started && !group->starts_over)
			group->starts_over = group->is_taken_along = true;
	}
}

static void
reset_groups(CopyRun *run, bool *changed)
{
	for (int i = 0; i < run->count; i++)
		if (run->table_of[i]->group->starts_over && run->items[i].phase != COPY_PENDING)
		{
			set_pending(&run->items[i]);
			*changed = true;
		}
	for (int i = 0; i < run->count; i++)
		if (run->items[i].phase != COPY_DONE)
			run->table_of[i]->group->open_items++;
}

/* TRUNCATE of a partitioned table is one of all its partitions; of any other table it is meant for that table's own rows. */
static const char *
rows_of(CopyRun *run, const CopyTable *table)
{
	if (table->target->kind == 'p')
		return table->target_title;
	return arena_printf(run->arena, "ONLY %s", table->target_title);
}

/* *done: false where a table that foreign keys point to lacks those from the list, or a role the right. */
static bool
try_truncate(PgConn *conn, const char *rows, bool *done, Error *err)
{
	*done = false;
	if (!pg_exec(conn, "SAVEPOINT dbsync_empty", NULL, err))
		return false;
	if (pg_execf(conn, err, "TRUNCATE TABLE %s", rows))
	{
		*done = true;
		return true;
	}
	if (strcmp(err->sqlstate, "0A000") != 0 && strcmp(err->sqlstate, "42501") != 0)
		return error_context(err, "cannot empty %s", rows);
	log_debug("copy", "%s, so its rows are deleted", err->message);
	error_clear(err);
	return pg_exec(conn, "ROLLBACK TO SAVEPOINT dbsync_empty", NULL, err);
}

/* What cannot be truncated is emptied row by row. */
static bool
empty_target(PgConn *conn, const char *rows, Error *err)
{
	bool done;

	if (!try_truncate(conn, rows, &done, err))
		return false;
	if (done || pg_execf(conn, err, "DELETE FROM %s", rows))
		return true;
	if (strcmp(err->sqlstate, "23503") == 0)
		error_hint(err, "rows of other tables point to it: empty those first, or GRANT SET ON PARAMETER "
						"session_replication_role TO the target's role");
	return error_context(err, "cannot empty %s", rows);
}

/* Is it the first table of its group with this target? */
static bool
is_first_of_target(const CopyRun *run, int number)
{
	const CopyTable *table = &run->tables[number];

	for (int i = 0; i < number; i++)
		if (run->tables[i].target == table->target)
			return false;
	return table->target != NULL;
}

static bool
is_in_set(const CopyTable *table, const CopyGroup *chief)
{
	return table->group->starts_over && copy_group_chief(table->group) == chief;
}

/* Tables that keys connect can be truncated by one statement only. */
static bool
truncate_set(CopyRun *run, PgConn *target, const CopyGroup *chief, bool *done, Error *err)
{
	StrBuf list = STRBUF_INIT;
	int count = 0;
	bool ok = true;

	*done = false;
	for (int i = 0; i < run->table_count; i++)
		if (is_in_set(&run->tables[i], chief) && is_first_of_target(run, i))
			strbuf_printf(&list, "%s%s", count++ > 0 ? ", " : "", rows_of(run, &run->tables[i]));
	if (count > 1)
		ok = try_truncate(target, strbuf_text(&list), done, err);
	strbuf_free(&list);
	return ok;
}

static const char *
why_it_starts_over(const CopyGroup *group)
{
	if (group->is_taken_along)
		return "foreign keys of the target connect it to others that are not finished";
	if (group->table_count > 1)
		return "its copy, or that of a table with the same target, was not finished and of an older snapshot";
	return "its unfinished copy was of an older snapshot";
}

/* In one transaction: where rows of one table are deleted, the keys may have deleted others, which then must not count as copied. */
static bool
empty_set(CopyRun *run, PgConn *target, const CopyGroup *chief, Error *err)
{
	bool is_empty;

	if (!pg_exec(target, "BEGIN", NULL, err) || !truncate_set(run, target, chief, &is_empty, err))
		return false;
	for (int i = 0; i < run->table_count; i++)
	{
		const CopyTable *table = &run->tables[i];

		if (!is_in_set(table, chief))
			continue;
		if (!is_empty && is_first_of_target(run, i) && !empty_target(target, rows_of(run, table), err))
			return false;
		if (!copy_progress_remove(target, run->options->task, table, err))
			return false;
		log_info("copy", "table %s starts over: %s", table->title, why_it_starts_over(table->group));
	}
	return pg_exec(target, "COMMIT", NULL, err);
}

/* Of a batch of tables those whose target has rows. */
static bool
find_filled(CopyRun *run, PgConn *target, const int *numbers, int count, bool *is_filled, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result;
	bool ok;

	for (int i = 0; i < count; i++)
		strbuf_printf(&sql, "%sSELECT %d WHERE EXISTS (SELECT FROM %s)", i > 0 ? " UNION ALL " : "", numbers[i],
					  rows_of(run, &run->tables[numbers[i]]));
	ok = pg_exec(target, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
	{
		if (strcmp(err->sqlstate, "42501") == 0)
			error_hint(err, "on the target, as its owner: GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES "
							"IN SCHEMA ... TO %s",
					   PQuser(pg_raw(target)));
		return error_context(err, "cannot see whether the target's tables are empty");
	}
	for (int i = 0; i < PQntuples(result); i++)
		is_filled[strtol(PQgetvalue(result, i, 0), NULL, 10)] = true;
	PQclear(result);
	return true;
}

static bool
refuse_filled(CopyRun *run, const bool *is_filled, Error *err)
{
	StrBuf names = STRBUF_INIT;
	int count = 0;

	for (int i = 0; i < run->table_count; i++)
		if (is_filled[i])
			strbuf_printf(&names, "%s%s", count++ > 0 ? ", " : "", run->tables[i].target_title);
	error_set(err, ERROR_PREFLIGHT, "%d table%s of the target %s rows already: %s", count, count == 1 ? "" : "s",
			  count == 1 ? "has" : "have", strbuf_text(&names));
	error_hint(err, "empty them (TRUNCATE), or let dbsync do it: existing_rows = truncate; where the target has the "
					"source's data already and only changes are wanted: copy = off");
	strbuf_free(&names);
	return false;
}

/* Tables that were never begun must not have rows: those are someone's. */
static bool
check_new_tables(CopyRun *run, PgConn *target, Error *err)
{
	bool *is_filled = arena_zalloc(run->arena, (size_t) run->table_count + 1);
	int numbers[EMPTY_BATCH];
	int count = 0;
	bool any = false;

	for (int i = 0; i < run->table_count; i++)
	{
		const CopyGroup *group = run->tables[i].group;

		if (group->open_items > 0 && !group->is_started && !group->starts_over && is_first_of_target(run, i))
			numbers[count++] = i;
		if (count == EMPTY_BATCH || (count > 0 && i == run->table_count - 1))
		{
			if (!find_filled(run, target, numbers, count, is_filled, err))
				return false;
			count = 0;
		}
	}
	for (int i = 0; i < run->table_count; i++)
		any = any || is_filled[i];
	if (!any)
		return true;
	if (run->options->existing_rows != EXISTING_TRUNCATE)
		return refuse_filled(run, is_filled, err);

	if (!pg_exec(target, "BEGIN", NULL, err))
		return false;
	for (int i = 0; i < run->table_count; i++)
	{
		if (!is_filled[i])
			continue;
		if (!empty_target(target, rows_of(run, &run->tables[i]), err))
			return false;
		log_info("copy", "rows of target table %s removed: existing_rows = truncate", run->tables[i].target_title);
	}
	return pg_exec(target, "COMMIT", NULL, err);
}

bool
copy_prepare(CopyRun *run, PgConn *target, Error *err)
{
	const CopyRunOptions *options = run->options;
	CopyProgress *rows;
	int count;
	bool changed = false;

	for (int i = 0; i < run->group_count; i++)
		run->groups[i] = (CopyGroup) {.table_count = run->groups[i].table_count}; /* this may be another try */
	if (!copy_prepare_target(target, err) || !copy_progress_load(target, options, run->arena, &rows, &count, err) ||
		!copy_links_find(run, target, err))
		return false;
	merge_progress(run, rows, count, &changed);
	find_mixed_tables(run);
	find_mixed_links(run);
	reset_groups(run, &changed);
	if (changed && !options->store->ops->replace_items(options->store, options->task, run->items, run->count, err))
		return error_context(err, "cannot save the state of the copy");
	for (int i = 0; i < run->group_count; i++)
	{
		CopyGroup *chief = copy_group_chief(&run->groups[i]);

		if (!run->groups[i].starts_over || chief->is_set_empty)
			continue;
		if (!empty_set(run, target, chief, err))
			return false;
		chief->is_set_empty = true;
	}
	return check_new_tables(run, target, err);
}
