/*
 * pg_store.c
 *		Opening and closing the PostgreSQL store; its table of functions.
 */
#include "store/pg_store.h"

#include "store/pg_internal.h"

#include <stdlib.h>
#include <string.h>

static void
close_link(PgLink *link)
{
	Error		ignored = ERROR_INIT;

	/* A server notices a closed connection a little later; whoever waits for the lock should not have to. */
	if (link->conn != NULL && !pg_is_lost(link->conn) && PQtransactionStatus(pg_raw(link->conn)) == PQTRANS_IDLE &&
		!pg_exec(link->conn, "SELECT pg_catalog.pg_advisory_unlock_all()", NULL, &ignored))
		error_clear(&ignored);
	pg_store_disconnect(link);
	pthread_mutex_destroy(&link->mutex);
}

static void
pg_store_close(Store *base)
{
	PgStore    *store = pg_store(base);

	close_link(&store->appender);
	close_link(&store->reader);
	close_link(&store->state);
	read_ahead_release(&store->ahead);
	append_batch_release(&store->batch);
	free(store->locked_task);
	free(store->conninfo);
	free(store->description);
	free(store);
}

static bool
pg_store_lock_task(Store *base, const char *task, Error *err)
{
	PgStore    *store = pg_store(base);
	bool		ok = true;

	if (!pg_store_check_writable(store, err))
		return false;
	pthread_mutex_lock(&store->appender.mutex);
	/* It comes again with its lock. */
	if (!store->batch.dirty)
		pg_store_disconnect(&store->appender);
	pthread_mutex_lock(&store->state.mutex);
	if (store->locked_task == NULL)
	{
		ok = pg_store_connect(store, &store->state, err) &&
			(pg_store_take_lock(&store->state, task, err) || (err->kind != ERROR_FAILED && pg_store_failed(store, &store->state, err)));
		if (ok)
		{
			store->locked_task = mem_strdup(task);
			__atomic_store_n(&store->is_appender, true, __ATOMIC_RELEASE);
		}
	}
	else if (strcmp(store->locked_task, task) != 0)
		ok = error_set(err, ERROR_FAILED, "%s is in use for task \"%s\" and cannot lock task \"%s\" too", store->description,
					   store->locked_task, task);
	pthread_mutex_unlock(&store->state.mutex);
	pthread_mutex_unlock(&store->appender.mutex);
	return ok;
}

static const StoreOps pg_ops = {
	.close = pg_store_close,
	.lock_task = pg_store_lock_task,
	.load_task = pg_store_load_task,
	.save_task = pg_store_save_task,
	.save_received = pg_store_save_received,
	.save_applied = pg_store_save_applied,
	.drop_task = pg_store_drop_task,
	.list_tasks = pg_store_list_tasks,
	.load_items = pg_store_load_items,
	.replace_items = pg_store_replace_items,
	.save_item = pg_store_save_item,
	.append_relation = pg_store_append_relation,
	.append = pg_store_append,
	.commit = pg_store_commit,
	.rollback = pg_store_rollback,
	.remove_from = pg_store_remove_from,
	.drop_incomplete = pg_store_drop_incomplete,
	.read = pg_store_read,
	.read_relations = pg_store_read_relations,
	.remove_applied = pg_store_remove_applied,
	.stats = pg_store_stats,
};

bool
pg_store_open(const char *conninfo, StoreDurability durability, StoreMode mode, Store **result, Error *err)
{
	PgStore    *store = mem_zalloc(sizeof(PgStore));
	char	   *text = pg_describe(conninfo);
	bool		ok;

	store->conninfo = mem_strdup(conninfo);
	store->description = mem_printf("PostgreSQL store %s", text);
	free(text);
	store->base.ops = &pg_ops;
	store->base.description = store->description;
	store->mode = mode;
	store->durable = durability == DURABILITY_FULL;
	store->state.purpose = "store";
	store->appender.purpose = "store append";
	store->reader.purpose = "store read";
	pthread_mutex_init(&store->state.mutex, NULL);
	pthread_mutex_init(&store->appender.mutex, NULL);
	pthread_mutex_init(&store->reader.mutex, NULL);
	append_batch_init(&store->batch);
	read_ahead_init(&store->ahead);

	ok = pg_store_connect(store, &store->state, err) &&
		(pg_store_schema_prepare(store, store->state.conn, err) || pg_store_failed(store, &store->state, err));
	if (!ok)
	{
		pg_store_close(&store->base);
		return false;
	}
	*result = &store->base;
	return true;
}
