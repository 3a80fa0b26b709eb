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
#define LSN_TEXT_SIZE 24

/* The form that PostgreSQL takes, and records, stores and statements have. */
const char *lsn_format(Lsn lsn, char buf[LSN_TEXT_SIZE]);		/* returns buf */
bool lsn_parse(const char *text, Lsn *lsn) DBSYNC_MUST_CHECK;	/* the whole string must be an LSN */
bool lsn_parse_bytes(const char *text, size_t length, Lsn *lsn) DBSYNC_MUST_CHECK;

/*
 * For people, in messages and reports: the same, or "000003:1234" (number of the binlog file, offset) after lsn_show_as_binlog().  That is called
 * once, before there are threads, by a process whose source is MySQL.  Parsing takes both.
 */
void lsn_show_as_binlog(void);
const char *lsn_show(Lsn lsn, char buf[LSN_TEXT_SIZE]);			/* returns buf */
bool lsn_parse_shown(const char *text, Lsn *lsn) DBSYNC_MUST_CHECK;

#endif
