/*
 * record_scan.h
 *		The fast way from record text to a change, for the records that come by the million: insert, update, delete, and the begin and commit around them.
 *
 * record_parse() (record.h, jansson) is the reference: where this scanner is not sure of anything it says so, and the caller asks the
 * reference, which either understands or has the words for what is wrong.  A differential test holds them together.
 */
#ifndef DBSYNC_MODEL_RECORD_SCAN_H
#define DBSYNC_MODEL_RECORD_SCAN_H

#include "base/arena.h"
#include "model/change.h"
#include "model/record.h"

/*
 * One I, U or D record without line feed.  false: not understood here; nothing is to be freed.  The result is as record_parse() gives it:
 * memory from the arena, values zero-terminated.  Text that is not valid UTF-8 is not noticed.
 */
bool record_scan(const char *text, size_t length, const RelationMap *map, Arena *arena, Change *change) DBSYNC_MUST_CHECK;

/* The same for a begin record without origin, and a commit record: what record_peek_begin() and record_peek_commit() tell. */
bool record_scan_begin(const char *text, size_t length, uint32_t *xid, Lsn *commit_lsn, int64_t *commit_time_us) DBSYNC_MUST_CHECK;
bool record_scan_commit(const char *text, size_t length, Lsn *commit_lsn, Lsn *end_lsn) DBSYNC_MUST_CHECK;

#endif
