/*
 * pg_store_read.c
 *		Reading waiting transactions of the PostgreSQL store, in binary.
 */
#include "store/pg_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_ROWS READ_AHEAD_PARTS

typedef struct Position
{
	Lsn			lsn;
	int			part;
	int			piece;
} Position;

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

/*
 * The window function weighs rows by their length, so that the long ones that are too much for this fetch are not even looked
 * at: their records stay out of line until they are sent.
 */
static const char fetch_sql[] =
	"SELECT commit_lsn, part, is_last, segment, end_lsn, xid, commit_time, changes, piece, pieces, records FROM"
	" (SELECT *, sum(bytes) OVER (ORDER BY commit_lsn, part, piece ROWS UNBOUNDED PRECEDING) - bytes AS before FROM"
	" (SELECT * FROM dbsync_local.sync_sqls WHERE task = $1 AND (commit_lsn, part, piece) > ($2::pg_lsn, $3::integer, $4::integer)"
	" ORDER BY commit_lsn, part, piece LIMIT " STRINGIFY(FETCH_ROWS) ") AS s) AS w WHERE before < $5::bigint"
	" ORDER BY commit_lsn, part, piece";

static bool
run_fetch(PgStore *store, const char *task, const Position *from, PGresult **result, Error *err)
{
	PgLink	   *link = &store->reader;
	char		lsn[LSN_TEXT_SIZE];
	char	   *part = mem_printf("%d", from->part);
	char	   *piece = mem_printf("%d", from->piece);
	char	   *bytes = mem_printf("%lld", (long long) READ_AHEAD_BYTES);
	const char *const values[] = {task, lsn_format(from->lsn, lsn), part, piece, bytes};
	bool		ok;

	*result = PQexecPrepared(pg_raw(link->conn), "fetch", 5, values, NULL, NULL, 1);
	ok = PQresultStatus(*result) == PGRES_TUPLES_OK;
	if (!ok)
	{
		pg_error(link->conn, *result, err);
		pg_store_failed(store, link, err);
		PQclear(*result);
		*result = NULL;
	}
	free(part);
	free(piece);
	free(bytes);
	return ok;
}

static bool
connect_reader(PgStore *store, Error *err)
{
	PgLink	   *link = &store->reader;
	PGresult   *result;
	bool		ok;

	if (link->conn != NULL)
		return true;
	if (!pg_store_connect(store, link, err))
		return false;
	result = PQprepare(pg_raw(link->conn), "fetch", fetch_sql, 0, NULL);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!ok)
	{
		pg_error(link->conn, result, err);
		pg_store_failed(store, link, err);
		/* Without its statement the connection is of no use. */
		pg_store_disconnect(link);
	}
	PQclear(result);
	return ok;
}

static bool
is_whole(PgStore *store, const char *task, Lsn lsn, bool *whole, Error *err)
{
	static const char sql[] =
		"SELECT is_last FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn = $2::pg_lsn ORDER BY part DESC, piece DESC LIMIT 1";
	char		text[LSN_TEXT_SIZE];
	const char *const values[] = {task, lsn_format(lsn, text)};
	PGresult   *result = NULL;

	*whole = true;
	if (lsn == store->ahead.whole_lsn)
		return true;
	if (!pg_store_run(store, &store->reader, sql, 2, values, &result, err))
		return false;
	*whole = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	if (*whole)
		store->ahead.whole_lsn = lsn;
	return true;
}

static void
part_from_row(const PGresult *result, int row, TxnPart *part)
{
	part->commit_lsn = (Lsn) pg_get_int64(result, row, 0);
	part->part = pg_get_int32(result, row, 1);
	part->last = PQgetvalue(result, row, 2)[0] != 0;
	part->segment = pg_get_int64(result, row, 3);
	part->end_lsn = (Lsn) pg_get_int64(result, row, 4);
	part->xid = (uint32_t) pg_get_int64(result, row, 5);
	part->commit_time_us = pg_get_time_us(result, row, 6);
	part->change_count = pg_get_int64(result, row, 7);
}

typedef enum FetchNext
{
	FETCH_ENOUGH, FETCH_MORE, FETCH_EXHAUSTED, FETCH_FAILED
} FetchNext;

/* Takes the rows of one result.  FETCH_MORE: a part misses pieces, or nothing but an incomplete transaction was there. */
static FetchNext
take_rows(PgStore *store, const PGresult *result, Position *position, Error *err)
{
	ReadAhead  *ahead = &store->ahead;
	int			rows = PQntuples(result);
	size_t		bytes = 0;
	bool		misses_pieces = false;
	Lsn			skipped = LSN_NONE;

	for (int row = 0; row < rows; row++)
	{
		TxnPart		part = {0};
		int			piece = pg_get_int32(result, row, 8);
		size_t		length = (size_t) PQgetlength(result, row, 10);
		bool		whole = true;

		part_from_row(result, row, &part);
		bytes += length;
		if (skipped != LSN_NONE && part.commit_lsn == skipped)
			continue;
		if (piece == 0)
		{
			if (read_ahead_is_full(ahead))
				return FETCH_ENOUGH;
			if (!part.last && !is_whole(store, ahead->task, part.commit_lsn, &whole, err))
				return FETCH_FAILED;
			if (!whole)
			{
				/* It is still coming, or was left behind: go on behind it. */
				skipped = part.commit_lsn;
				*position = (Position) {skipped, INT_MAX, INT_MAX};
				continue;
			}
		}
		read_ahead_add(ahead, &part, piece, PQgetvalue(result, row, 10), length);
		*position = (Position) {part.commit_lsn, part.part, piece};
		misses_pieces = piece < pg_get_int32(result, row, 9) - 1;
	}
	if (misses_pieces)
		return FETCH_MORE;
	if (rows < FETCH_ROWS && bytes < READ_AHEAD_BYTES)
		return FETCH_EXHAUSTED;
	return ahead->count > 0 ? FETCH_ENOUGH : FETCH_MORE;
}

static bool
fetch(PgStore *store, Error *err)
{
	ReadAhead  *ahead = &store->ahead;
	Position	position = {ahead->lsn, ahead->part, INT_MAX};
	FetchNext	next = FETCH_MORE;

	read_ahead_begin(ahead);
	ahead->generation = __atomic_load_n(&store->generation, __ATOMIC_ACQUIRE);
	while (next == FETCH_MORE)
	{
		PGresult   *result;

		next = FETCH_FAILED;
		if (!run_fetch(store, ahead->task, &position, &result, err))
			break;
		next = take_rows(store, result, &position, err);
		PQclear(result);
	}
	ahead->exhausted = next == FETCH_EXHAUSTED;
	if (next == FETCH_FAILED)
		read_ahead_drop(ahead);
	return next != FETCH_FAILED;
}

bool
pg_store_read(Store *base, const char *task, Lsn after_commit_lsn, int after_part, TxnPart **part, Error *err)
{
	PgStore    *store = pg_store(base);
	ReadAhead  *ahead = &store->ahead;
	bool		ok = true;

	pthread_mutex_lock(&store->reader.mutex);
	read_ahead_seek(ahead, task, after_commit_lsn, after_part);
	*part = read_ahead_take(ahead);
	if (*part == NULL)
	{
		/* Where another process appends, only the server knows. */
		bool		nothing_new = ahead->exhausted && __atomic_load_n(&store->is_appender, __ATOMIC_ACQUIRE) &&
			ahead->generation == __atomic_load_n(&store->generation, __ATOMIC_ACQUIRE);

		if (!nothing_new)
		{
			ok = connect_reader(store, err) && fetch(store, err);
			*part = read_ahead_take(ahead);
		}
	}
	pthread_mutex_unlock(&store->reader.mutex);
	return ok;
}

bool
pg_store_read_relations(Store *base, const char *task, int64_t segment, char **records, size_t *length, Error *err)
{
	PgStore    *store = pg_store(base);
	char	   *segment_text = mem_printf("%lld", (long long) segment);
	const char *const values[] = {task, segment_text};
	StrBuf		buf = STRBUF_INIT;
	PGresult   *result = NULL;
	bool		ok;

	*records = NULL;
	*length = 0;
	pthread_mutex_lock(&store->reader.mutex);
	ok = connect_reader(store, err);
	if (ok)
	{
		result = PQexecParams(pg_raw(store->reader.conn), "SELECT record FROM dbsync_local.sync_relations WHERE task = $1"
							  " AND segment = $2::bigint ORDER BY number", 2, NULL, values, NULL, NULL, 1);
		ok = PQresultStatus(result) == PGRES_TUPLES_OK;
		if (!ok)
		{
			pg_error(store->reader.conn, result, err);
			pg_store_failed(store, &store->reader, err);
		}
		for (int row = 0; ok && row < PQntuples(result); row++)
		{
			strbuf_append_bytes(&buf, PQgetvalue(result, row, 0), (size_t) PQgetlength(result, row, 0));
			strbuf_append_char(&buf, '\n');
		}
		PQclear(result);
	}
	pthread_mutex_unlock(&store->reader.mutex);
	free(segment_text);
	if (!ok)
	{
		strbuf_free(&buf);
		return false;
	}
	*length = buf.length;
	*records = buf.data != NULL ? strbuf_detach(&buf) : mem_strdup("");
	return true;
}

bool
pg_store_stats(Store *base, const char *task, StoreStats *stats, Error *err)
{
	static const char counts_sql[] =
		"SELECT waiting_transactions, waiting_changes, waiting_bytes FROM dbsync_local.db_sync_status WHERE task = $1";
	static const char first_sql[] =
		"SELECT commit_lsn, (extract(epoch FROM commit_time) * 1000000)::bigint FROM dbsync_local.sync_sqls WHERE task = $1 AND is_last"
		" ORDER BY commit_lsn LIMIT 1";
	static const StoreStats empty = {0};
	PgStore    *store = pg_store(base);
	PGresult   *result = NULL;
	bool		ok;

	*stats = empty;
	pthread_mutex_lock(&store->reader.mutex);
	ok = connect_reader(store, err) && pg_store_run(store, &store->reader, counts_sql, 1, &task, &result, err);
	if (ok && PQntuples(result) == 1)
	{
		stats->transaction_count = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		stats->change_count = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
		stats->bytes = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
	}
	PQclear(result);
	result = NULL;
	if (ok && stats->transaction_count > 0)
	{
		ok = pg_store_run(store, &store->reader, first_sql, 1, &task, &result, err);
		if (ok && PQntuples(result) == 1)
		{
			stats->first_commit_us = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
			if (!lsn_parse(PQgetvalue(result, 0, 0), &stats->first_lsn))
				ok = error_set(err, ERROR_STORE, "%s: column commit_lsn holds \"%s\", which is no LSN", store->description,
							   PQgetvalue(result, 0, 0));
		}
		PQclear(result);
	}
	pthread_mutex_unlock(&store->reader.mutex);
	return ok;
}
