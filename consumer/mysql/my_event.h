/*
 * my_event.h
 *		Events of the binary log: from bytes to structs.  Pure; no I/O, no memory but where a parser says so.
 *
 * Every length is checked: bytes that are no event give an error that names the kind of the event, never a crash.  Pointers of the results lead
 * into the event's bytes.
 *
 *     event = header(19) body [crc32(4)]       header = timestamp(4) type(1) server_id(4) size(4) end(4) flags(2), all little-endian
 *
 * end is the offset in the file behind the event, modulo 2^32; 0 where the server does not know it (heartbeats and other events made for us
 * alone, and row events of MariaDB 11.4 on).
 */
#ifndef DBSYNC_MYSQL_MY_EVENT_H
#define DBSYNC_MYSQL_MY_EVENT_H

#include "base/error.h"
#include "mysql/my_bytes.h"

typedef enum MyEventType
{
	MY_EVENT_QUERY = 2, MY_EVENT_STOP = 3, MY_EVENT_ROTATE = 4, MY_EVENT_INTVAR = 5, MY_EVENT_APPEND_BLOCK = 9, MY_EVENT_DELETE_FILE = 11,
	MY_EVENT_RAND = 13, MY_EVENT_USER_VAR = 14, MY_EVENT_FORMAT = 15, MY_EVENT_XID = 16, MY_EVENT_BEGIN_LOAD = 17, MY_EVENT_EXECUTE_LOAD = 18,
	MY_EVENT_TABLE_MAP = 19, MY_EVENT_WRITE_V1 = 23, MY_EVENT_UPDATE_V1 = 24, MY_EVENT_DELETE_V1 = 25, MY_EVENT_INCIDENT = 26,
	MY_EVENT_HEARTBEAT = 27, MY_EVENT_IGNORABLE = 28, MY_EVENT_ROWS_QUERY = 29, MY_EVENT_WRITE_V2 = 30, MY_EVENT_UPDATE_V2 = 31,
	MY_EVENT_DELETE_V2 = 32, MY_EVENT_MYSQL_GTID = 33, MY_EVENT_MYSQL_ANONYMOUS = 34, MY_EVENT_PREVIOUS_GTIDS = 35,
	MY_EVENT_TRANSACTION_CONTEXT = 36, MY_EVENT_VIEW_CHANGE = 37, MY_EVENT_XA_PREPARE = 38, MY_EVENT_PARTIAL_UPDATE = 39,
	MY_EVENT_TRANSACTION_PAYLOAD = 40, MY_EVENT_HEARTBEAT_V2 = 41, MY_EVENT_MYSQL_TAGGED_GTID = 42,
	/* MariaDB's own */
	MY_EVENT_ANNOTATE_ROWS = 160, MY_EVENT_CHECKPOINT = 161, MY_EVENT_MARIADB_GTID = 162, MY_EVENT_GTID_LIST = 163,
	MY_EVENT_START_ENCRYPTION = 164, MY_EVENT_QUERY_COMPRESSED = 165, MY_EVENT_WRITE_COMPRESSED_V1 = 166,
	MY_EVENT_UPDATE_COMPRESSED_V1 = 167, MY_EVENT_DELETE_COMPRESSED_V1 = 168, MY_EVENT_WRITE_COMPRESSED_V2 = 169,
	MY_EVENT_UPDATE_COMPRESSED_V2 = 170, MY_EVENT_DELETE_COMPRESSED_V2 = 171
} MyEventType;

#define MY_EVENT_HEADER_SIZE 19
#define MY_EVENT_FLAG_ARTIFICIAL 0x20	/* made for this connection: it stands in no file */
#define MY_EVENT_FLAG_IGNORABLE 0x80	/* who does not know it may pass over it */

typedef struct MyEvent
{
	int			type;			/* MyEventType, or one that we do not know */
	uint32_t	timestamp;		/* seconds since 1970 */
	uint32_t	server_id;
	uint32_t	size;			/* in the file, header and checksum included */
	uint32_t	end;
	int			flags;
	const uint8_t *body;
	size_t		length;			/* of the body, without checksum */
} MyEvent;

/* For messages: "table map event". */
const char *my_event_name(int type);

/* has_checksum: the format event of the file said so; the checksum is verified. */
bool my_event_open(const void *data, size_t length, bool has_checksum, MyEvent *event, Error *err) DBSYNC_MUST_CHECK;

typedef struct MyFormat
{
	char		server_version[51];
	bool		is_mariadb;
	bool		has_checksum;	/* of the events that follow */
} MyFormat;

/* The whole event: whether it has a checksum itself is known only from its content. */
bool my_event_format(const void *data, size_t length, MyEvent *event, MyFormat *format, Error *err) DBSYNC_MUST_CHECK;

typedef struct MyRotate
{
	uint64_t	offset;			/* where the next event begins, in the next file */
	const char *file;			/* not zero-terminated */
	size_t		file_length;
} MyRotate;

bool my_event_rotate(const MyEvent *event, MyRotate *rotate, Error *err) DBSYNC_MUST_CHECK;

/* Heartbeat, both kinds: the place up to which everything was sent. */
bool my_event_heartbeat(const MyEvent *event, MyRotate *place, Error *err) DBSYNC_MUST_CHECK;

/* An XA transaction's name. */
typedef struct MyXid
{
	uint32_t	format_id;
	const uint8_t *data;		/* gtrid, then bqual */
	size_t		gtrid_length;
	size_t		bqual_length;
} MyXid;

#define MY_XID_PART_MAX 64
#define MY_XID_TEXT_SIZE (2 * 2 * MY_XID_PART_MAX + 24)
/* "X'6162',X'63',1", as statements in the log have it; returns buf. */
const char *my_xid_text(const MyXid *xid, char buf[MY_XID_TEXT_SIZE]);

typedef struct MyGtid
{
	uint64_t	sequence;		/* MariaDB's seq_no, MySQL's gno; 0: anonymous */
	int64_t		commit_us;		/* 0: not said; the header's timestamp serves */
	bool		is_standalone;	/* MariaDB: the group is one statement, without COMMIT */
	bool		is_prepared_xa; /* MariaDB: the group ends with XA PREPARE */
	bool		is_completed_xa;	/* MariaDB: the group is XA COMMIT or XA ROLLBACK */
} MyGtid;

bool my_event_gtid(const MyEvent *event, MyGtid *gtid, Error *err) DBSYNC_MUST_CHECK;

typedef struct MyQuery
{
	const char *database;		/* the default one; zero-terminated, may be "" */
	const char *text;			/* not zero-terminated */
	size_t		length;
	uint64_t	sql_mode;		/* 0: not said */
	unsigned	collation;		/* a number, whose character set the text has; 0: not said */
} MyQuery;

/* QUERY, QUERY_COMPRESSED, EXECUTE_LOAD. A compressed text goes to *buffer, which grows by realloc; the caller frees it. */
bool my_event_query(const MyEvent *event, void **buffer, size_t *buffer_size, MyQuery *query, Error *err) DBSYNC_MUST_CHECK;

bool my_event_xa_prepare(const MyEvent *event, MyXid *xid, bool *one_phase, Error *err) DBSYNC_MUST_CHECK;

/* MariaDB's compressed block: *buffer (realloc'd) gets its content. limit: more than that is an error. */
bool my_event_uncompress(const uint8_t *data, size_t length, uint64_t limit, void **buffer, size_t *buffer_size, size_t *content, Error *err) DBSYNC_MUST_CHECK;

#endif
