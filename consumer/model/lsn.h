/*
 * lsn.h
 *		A position in the source's log.  Grows with time; 0 is "none".
 *
 * For PostgreSQL it is the WAL's byte position, written 16/B374D848.  For a MySQL source it is the number of the binlog file
 * in the upper half and the offset in the lower one, so that order and comparison stay the same.
 */
#ifndef DBSYNC_MODEL_LSN_H
#define DBSYNC_MODEL_LSN_H

#include "base/compiler.h"

typedef uint64_t Lsn;

#define LSN_NONE ((Lsn) 0)
#define LSN_TEXT_SIZE 20

const char *lsn_format(Lsn lsn, char buf[LSN_TEXT_SIZE]);		/* returns buf */
bool lsn_parse(const char *text, Lsn *lsn) DBSYNC_MUST_CHECK;	/* the whole string must be an LSN */
bool lsn_parse_bytes(const char *text, size_t length, Lsn *lsn) DBSYNC_MUST_CHECK;

#endif
