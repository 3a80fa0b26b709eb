/*
 * task_lock.h
 *		A lock file that says who works on a task.
 *
 * The lock is the kernel's (flock), so it ends with the process, however that ends; the file's text only names the holder.
 */
#ifndef DBSYNC_STORE_TASK_LOCK_H
#define DBSYNC_STORE_TASK_LOCK_H

#include "base/error.h"

typedef struct TaskLock TaskLock;

/* PATH.TASK.lock.  ERROR_FAILED that names the holder if another has it. */
bool task_lock_take(const char *path, const char *task, TaskLock **lock, Error *err) DBSYNC_MUST_CHECK;
void task_lock_release(TaskLock *lock);		/* removes the file; NULL is fine */

#endif
