/*
 * store_mode.h
 *		How a local store is opened; the same for both kinds.
 */
#ifndef DBSYNC_STORE_STORE_MODE_H
#define DBSYNC_STORE_STORE_MODE_H

typedef enum StoreMode
{
	STORE_CREATE,				/* made where it is missing: dbsync run */
	STORE_EXISTING,				/* an error where it is missing: dbsync drop */
	STORE_READ_ONLY				/* the same, and nothing is ever written: dbsync status, sqls, also while a run is active */
} StoreMode;

#endif
