/*
 * freeze.c
 *		Whether a table's rows may go in frozen: COPY ... (FREEZE).
 *
 * Rows that come in frozen are never written again to set hint bits or to freeze them, and where wal_level is minimal they need no WAL.  The server
 * allows it into a table that was truncated in the same transaction, so that needs its strongest lock.  It is for tables that have no
 * rows anyway, have one source table, are copied as a whole, and are large enough to be worth a new file.  A table that somebody reads, that has
 * got rows meanwhile, whose TRUNCATE would fire something or go on to subscribers, is copied the plain way.
 *
 * A kill before the commit leaves the table as it was.
 */
#include "copy/copy_private.h"

#include "base/log.h"

#include <string.h>

/* Less is not worth the new file, and the sync that it costs. */
#define FREEZE_BYTES (4 * 1024 * 1024)

static bool
is_possible(const PgConn *target, const CopyTable *table, const CopyItem *item)
{
	const PgTable *to = table->target;

	return item->chunk_count <= 1 && item->estimated_bytes >= FREEZE_BYTES && table->group->table_count == 1 &&
		to->kind == 'r' && to->is_heap && !to->is_partition && !to->has_inheritance_children && !to->is_referenced &&
		to->can_write && !to->has_triggers && (!to->has_origin_triggers || pg_replica_role(target));
}

static bool
is_empty_and_private(PgConn *target, const CopyTable *table, bool *yes, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	bool ok;

	strbuf_printf(&sql, "SELECT NOT EXISTS (SELECT FROM ONLY %s) AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_tables"
						" WHERE schemaname = ", table->target_title);
	pg_quote_literal(&sql, table->target->schema);
	strbuf_append(&sql, " AND tablename = ");
	pg_quote_literal(&sql, table->target->name);
	strbuf_append(&sql, ")");
	ok = pg_query_bool(target, strbuf_text(&sql), 0, NULL, yes, err);
	strbuf_free(&sql);
	return ok;
}

/* As if nothing had been tried: locks taken since the savepoint go, too. */
static bool
copy_plainly(PgConn *target, Error *err)
{
	return pg_exec(target, "ROLLBACK TO SAVEPOINT dbsync_freeze; RELEASE SAVEPOINT dbsync_freeze", NULL, err);
}

bool
copy_freeze_begin(PgConn *target, const CopyTable *table, const CopyItem *item, bool *freeze, Error *err)
{
	*freeze = false;
	if (!is_possible(target, table, item))
		return true;
	/* The savepoint must be gone before the TRUNCATE: FREEZE looks at the subtransaction too. */
	if (!pg_exec(target, "SAVEPOINT dbsync_freeze", NULL, err))
		return false;
	if (!pg_execf(target, err, "LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE NOWAIT", table->target_title))
	{
		if (strcmp(err->sqlstate, "55P03") != 0 && strcmp(err->sqlstate, "42501") != 0)
			return false;
		log_debug("copy", "not frozen: %s", err->message);
		error_clear(err);
		return copy_plainly(target, err);
	}
	if (!is_empty_and_private(target, table, freeze, err))
		return false;
	if (!*freeze)
		return copy_plainly(target, err);
	return pg_exec(target, "RELEASE SAVEPOINT dbsync_freeze", NULL, err) &&
		pg_execf(target, err, "TRUNCATE TABLE ONLY %s", table->target_title);
}
