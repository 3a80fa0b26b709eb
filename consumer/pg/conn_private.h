/*
 * conn_private.h
 *		What the files of pg/ that make up a connection share.  Nobody else includes it.
 */
#ifndef DBSYNC_PG_CONN_PRIVATE_H
#define DBSYNC_PG_CONN_PRIVATE_H

#include "pg/conn.h"

#include <stdarg.h>

struct PgConn
{
	PGconn *raw;
	PgRole role;
	int flags;
	int abort_fd;	  /* -1: none */
	bool replica_role; /* target: triggers and foreign keys are off */
	int64_t notice_count;
	char *name; /* for messages */
};

const char *pg_role_name(PgRole role);

/* connect_error.c: why a connection attempt failed, and what to do.  Always returns false. */
bool pg_connect_error(PGconn *raw, PgRole role, const char *name, Error *err);

/* session.c: the settings of the connection's role, and the checks that go with them. */
bool pg_session_setup(PgConn *conn, const char *client_encoding, Error *err) DBSYNC_MUST_CHECK;

/* The kind that goes with an SQLSTATE; lost: the connection is gone with it. */
ErrorKind pg_error_kind(const char *sqlstate, bool lost);

#endif
