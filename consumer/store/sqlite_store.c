/*
 * sqlite_store.c
 *		Opening and closing the SQLite store; its table of functions.
 */
#include "store/sqlite_store.h"

#include "store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
sqlite_close(Store *base)
{
	SqliteStore *store = sqlite_store(base);

	sqlite_rollback(base);
	read_ahead_release(&store->ahead);
	append_batch_release(&store->batch);
	sqlite_conn_close(&store->reader);
	sqlite_conn_close(&store->writer);
	task_lock_release(store->task_lock);
	pthread_mutex_destroy(&store->write_lock.mutex);
	pthread_cond_destroy(&store->write_lock.turn);
	pthread_mutex_destroy(&store->read_lock);
	pthread_mutex_destroy(&store->append_lock);
	pthread_mutex_destroy(&store->lock_lock);
	free(store->locked_task);
	free(store->path);
	free(store->description);
	free(store);
}

static bool
sqlite_lock_task(Store *base, const char *task, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	bool		ok = true;

	if (store->mode == STORE_READ_ONLY)
		return error_set(err, ERROR_FAILED, "%s was opened for reading only", store->description);
	pthread_mutex_lock(&store->append_lock);
	pthread_mutex_lock(&store->lock_lock);
	if (store->task_lock == NULL)
	{
		ok = task_lock_take(store->path, task, &store->task_lock, err);
		if (ok)
			store->locked_task = mem_strdup(task);
	}
	else if (strcmp(store->locked_task, task) != 0)
		ok = error_set(err, ERROR_FAILED, "%s is in use for task \"%s\" and cannot lock task \"%s\" too", store->description,
					   store->locked_task, task);
	pthread_mutex_unlock(&store->lock_lock);

	/* What an earlier run wrote before its commit, or did not finish dropping. */
	if (ok && !store->batch.spilled)
		ok = sqlite_delete_void(store, task, err);
	if (ok)
		__atomic_store_n(&store->is_appender, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}

static const StoreOps sqlite_ops = {
	.close = sqlite_close,
	.lock_task = sqlite_lock_task,
	.load_task = sqlite_load_task,
	.save_task = sqlite_save_task,
	.save_received = sqlite_save_received,
	.save_applied = sqlite_save_applied,
	.drop_task = sqlite_drop_task,
	.list_tasks = sqlite_list_tasks,
	.load_items = sqlite_load_items,
	.replace_items = sqlite_replace_items,
	.save_item = sqlite_save_item,
	.append_relation = sqlite_append_relation,
	.append = sqlite_append,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.remove_from = sqlite_remove_from,
	.drop_incomplete = sqlite_drop_incomplete,
	.read = sqlite_read,
	.read_relations = sqlite_read_relations,
	.remove_applied = sqlite_remove_applied,
	.stats = sqlite_stats,
};

/*
 * Makes the file before SQLite would, for its mode.  Only a file that was not there is opened: closing one that is there would take
 * away the locks that this process has on it.
 */
static bool
make_file(const char *path, Error *err)
{
	int			fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
	{
		close(fd);
		return true;
	}
	if (errno == EEXIST)
		return true;
	error_errno(err, "cannot create SQLite file \"%s\"", path);
	err->kind = ERROR_STORE;
	if (err->hint == NULL)
		error_hint(err, "Its directory must exist, and dbsync needs to make files in it; [local] path names the file.");
	return false;
}

static bool
check_file(const char *path, StoreMode mode, Error *err)
{
	struct stat info;

	if (stat(path, &info) == 0)
	{
		if (S_ISREG(info.st_mode))
			return true;
		return error_set(err, ERROR_STORE, "cannot use \"%s\" as SQLite file: it is not an ordinary file", path);
	}
	if (errno == ENOENT && mode == STORE_CREATE)
		return make_file(path, err);
	error_errno(err, "cannot open SQLite file \"%s\"", path);
	err->kind = ERROR_STORE;
	if (mode != STORE_CREATE)
		error_hint(err, "\"dbsync run\" makes it. Is [local] path right, and is this the directory of the configuration file?");
	return false;
}

bool
sqlite_store_open(const char *path, StoreDurability durability, StoreMode mode, Store **store, Error *err)
{
	SqliteStore *new_store;
	int			flags = mode == STORE_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	bool		ok;

	if (path[0] == '\0')
		return error_set(err, ERROR_USAGE, "the path of the local store is empty");

	new_store = mem_zalloc(sizeof(SqliteStore));
	/* SQLite reads meanings into "file:..." and ":memory:". */
	new_store->path = mem_printf("%s%s", strchr(path, ':') != NULL && path[0] != '/' ? "./" : "", path);
	new_store->description = mem_printf("SQLite file \"%s\"", path);
	new_store->base.ops = &sqlite_ops;
	new_store->base.description = new_store->description;
	new_store->mode = mode;
	new_store->durable = durability == DURABILITY_FULL;
	pthread_mutex_init(&new_store->write_lock.mutex, NULL);
	pthread_cond_init(&new_store->write_lock.turn, NULL);
	pthread_mutex_init(&new_store->read_lock, NULL);
	pthread_mutex_init(&new_store->append_lock, NULL);
	pthread_mutex_init(&new_store->lock_lock, NULL);
	append_batch_init(&new_store->batch);
	read_ahead_init(&new_store->ahead);

	/* The writer prepares the file, so it comes first. */
	ok = check_file(new_store->path, mode, err);
	if (ok && mode != STORE_READ_ONLY)
		ok = sqlite_conn_open(&new_store->writer, new_store->path, flags, err) &&
			sqlite_schema_prepare(&new_store->writer, mode, err);
	if (ok)
		ok = sqlite_conn_open(&new_store->reader, new_store->path, flags, err) &&
			(mode != STORE_READ_ONLY || sqlite_schema_prepare(&new_store->reader, mode, err));
	if (!ok)
	{
		sqlite_close(&new_store->base);
		return false;
	}
	*store = &new_store->base;
	return true;
}
