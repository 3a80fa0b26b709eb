/*
 * my_conn_private.h
 *		What the files of a connection share.
 */
#ifndef DBSYNC_MYSQL_MY_CONN_PRIVATE_H
#define DBSYNC_MYSQL_MY_CONN_PRIVATE_H

#include "mysql/my_conn.h"

struct MyConn
{
	MYSQL	   *raw;
	const MySourceConfig *config;
	char	   *name;			/* "mysql host=db1 port=3306 db=app user=u (copy 3)" */
	MyServer	server;
	char	   *version_text;
	unsigned	last_error;		/* of the server or the library; 0: none */
	bool		is_connected;
};

/* A stop is no failure of the server, though the library takes it for one. */
bool my_stopped_error(const MyConn *conn, Error *err);
/* Of an attempt to connect.  Always returns false. */
bool my_connect_error(MyConn *conn, Error *err);
/* Ends what the server does for this connection, by another one. */
void my_kill_statement(const MyConn *conn);

#endif
