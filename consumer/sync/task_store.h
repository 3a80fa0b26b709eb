/*
 * task_store.h
 *		The local store that the configuration names, whatever its kind.
 */
#ifndef DBSYNC_SYNC_TASK_STORE_H
#define DBSYNC_SYNC_TASK_STORE_H

#include "config/config.h"
#include "model/store.h"
#include "store/store_mode.h"

/*
 * Opens it.  Where it is not there yet and the mode does not create it, the result is true and *store NULL: nothing was ever stored.
 */
bool task_store_open(const Config *config, StoreMode mode, Store **store, Error *err) DBSYNC_MUST_CHECK;

#endif
