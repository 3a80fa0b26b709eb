/*
 * my_event.c
 *		The header of an event, and the events that carry no rows.
 *
 * Layouts are those of MySQL's "Replication Protocol" and of MariaDB's manual; where the two differ the type of the event tells them apart.
 */
#include "mysql/my_event.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <zlib.h>

#define CHECKSUM_SIZE 4

/* Flags of MariaDB's GTID event. */
#define GTID_STANDALONE 0x01
#define GTID_GROUP_COMMIT 0x02
#define GTID_PREPARED_XA 0x40
#define GTID_COMPLETED_XA 0x80

const char *
my_event_name(int type)
{
	static const char *const names[] = {
		[MY_EVENT_QUERY] = "query", [MY_EVENT_STOP] = "stop", [MY_EVENT_ROTATE] = "rotate", [MY_EVENT_INTVAR] = "intvar",
		[MY_EVENT_FORMAT] = "format", [MY_EVENT_XID] = "xid", [MY_EVENT_EXECUTE_LOAD] = "load query", [MY_EVENT_TABLE_MAP] = "table map",
		[MY_EVENT_WRITE_V1] = "write rows", [MY_EVENT_UPDATE_V1] = "update rows", [MY_EVENT_DELETE_V1] = "delete rows",
		[MY_EVENT_INCIDENT] = "incident", [MY_EVENT_HEARTBEAT] = "heartbeat", [MY_EVENT_WRITE_V2] = "write rows",
		[MY_EVENT_UPDATE_V2] = "update rows", [MY_EVENT_DELETE_V2] = "delete rows", [MY_EVENT_MYSQL_GTID] = "GTID",
		[MY_EVENT_MYSQL_ANONYMOUS] = "GTID", [MY_EVENT_XA_PREPARE] = "XA prepare", [MY_EVENT_PARTIAL_UPDATE] = "partial update rows",
		[MY_EVENT_TRANSACTION_PAYLOAD] = "compressed transaction", [MY_EVENT_HEARTBEAT_V2] = "heartbeat",
		[MY_EVENT_MYSQL_TAGGED_GTID] = "GTID", [MY_EVENT_MARIADB_GTID] = "GTID", [MY_EVENT_START_ENCRYPTION] = "start encryption",
		[MY_EVENT_QUERY_COMPRESSED] = "query", [MY_EVENT_WRITE_COMPRESSED_V1] = "write rows",
		[MY_EVENT_UPDATE_COMPRESSED_V1] = "update rows", [MY_EVENT_DELETE_COMPRESSED_V1] = "delete rows",
		[MY_EVENT_WRITE_COMPRESSED_V2] = "write rows", [MY_EVENT_UPDATE_COMPRESSED_V2] = "update rows",
		[MY_EVENT_DELETE_COMPRESSED_V2] = "delete rows",
	};

	if (type < 0 || type >= (int) (sizeof(names) / sizeof(names[0])) || names[type] == NULL)
		return "unknown";
	return names[type];
}

static bool
malformed(const MyEvent *event, const char *what, Error *err)
{
	return error_set(err, ERROR_FAILED, "malformed %s event (type %d, %zu bytes): %s", my_event_name(event->type), event->type, event->length, what);
}

static bool
read_header(const void *data, size_t length, MyEvent *event, Error *err)
{
	MyBytes		bytes = my_bytes(data, length);

	event->timestamp = (uint32_t) my_bytes_number(&bytes, 4);
	event->type = (int) my_bytes_number(&bytes, 1);
	event->server_id = (uint32_t) my_bytes_number(&bytes, 4);
	event->size = (uint32_t) my_bytes_number(&bytes, 4);
	event->end = (uint32_t) my_bytes_number(&bytes, 4);
	event->flags = (int) my_bytes_number(&bytes, 2);
	event->body = bytes.at;
	event->length = my_bytes_left(&bytes);
	if (bytes.is_short)
		return error_set(err, ERROR_FAILED, "malformed event: %zu bytes are no header", length);
	if (event->size != length)
		return malformed(event, "its size does not fit the packet's", err);
	return true;
}

static bool
cut_checksum(const void *data, size_t length, MyEvent *event, Error *err)
{
	const uint8_t *bytes = data;
	uint32_t	said;

	if (event->length < CHECKSUM_SIZE)
		return malformed(event, "no room for its checksum", err);
	event->length -= CHECKSUM_SIZE;
	said = (uint32_t) my_bytes_le(bytes + length - CHECKSUM_SIZE, CHECKSUM_SIZE);
	if (crc32_z(0, bytes, length - CHECKSUM_SIZE) != said)
		return malformed(event, "wrong checksum", err);
	return true;
}

bool
my_event_open(const void *data, size_t length, bool has_checksum, MyEvent *event, Error *err)
{
	return read_header(data, length, event, err) && (!has_checksum || cut_checksum(data, length, event, err));
}

bool
my_event_format(const void *data, size_t length, MyEvent *event, MyFormat *format, Error *err)
{
	MyBytes		bytes;
	const uint8_t *version;
	int			major;
	int			minor;
	int			patch;

	memset(format, 0, sizeof(*format));
	if (!read_header(data, length, event, err))
		return false;
	bytes = my_bytes(event->body, event->length);
	if (my_bytes_number(&bytes, 2) != 4)
		return malformed(event, "not version 4 of the binary log", err);
	version = my_bytes_take(&bytes, 50);
	my_bytes_take(&bytes, 4);
	if (my_bytes_number(&bytes, 1) != MY_EVENT_HEADER_SIZE || bytes.is_short)
		return malformed(event, "unexpected length of headers", err);
	memcpy(format->server_version, version, 50);
	format->is_mariadb = strstr(format->server_version, "MariaDB") != NULL;

	/* From MySQL 5.6.1 and MariaDB 5.3 on the algorithm's number stands behind the list of lengths, and a checksum field is always there. */
	if (sscanf(format->server_version, "%d.%d.%d", &major, &minor, &patch) != 3)
		return malformed(event, "no version of a server", err);
	if (major * 10000 + minor * 100 + patch >= (format->is_mariadb ? 50300 : 50601))
	{
		const uint8_t *algorithm;

		if (my_bytes_left(&bytes) < 1 + CHECKSUM_SIZE)
			return malformed(event, "too short", err);
		algorithm = bytes.end - CHECKSUM_SIZE - 1;
		if (*algorithm > 1)
			return malformed(event, "unknown kind of checksum", err);
		format->has_checksum = *algorithm == 1;
		if (format->has_checksum && !cut_checksum(data, length, event, err))
			return false;
	}
	return true;
}

bool
my_event_rotate(const MyEvent *event, MyRotate *rotate, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	rotate->offset = my_bytes_number(&bytes, 8);
	rotate->file = (const char *) bytes.at;
	rotate->file_length = my_bytes_left(&bytes);
	if (bytes.is_short || rotate->file_length == 0)
		return malformed(event, "no file name", err);
	return true;
}

bool
my_event_heartbeat(const MyEvent *event, MyRotate *place, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	place->offset = event->end;
	place->file = (const char *) event->body;
	place->file_length = event->length;
	if (event->type == MY_EVENT_HEARTBEAT)
		return event->length > 0 || malformed(event, "no file name", err);

	place->file = NULL;
	while (my_bytes_left(&bytes) > 0)
	{
		uint64_t	field = my_bytes_packed(&bytes);
		uint64_t	length = field != 0 ? my_bytes_packed(&bytes) : 0;
		const uint8_t *value = my_bytes_take(&bytes, length);
		MyBytes		number;

		if (field == 0)
			break;
		if (value == NULL)
			return malformed(event, "too short", err);
		number = my_bytes(value, length);
		if (field == 1)
		{
			place->file = (const char *) value;
			place->file_length = length;
		}
		else if (field == 2)
			place->offset = my_bytes_packed(&number);
	}
	return (place->file != NULL && place->file_length > 0) || malformed(event, "no file name", err);
}

const char *
my_xid_text(const MyXid *xid, char buf[MY_XID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char	   *out = buf;

	for (int part = 0; part < 2; part++)
	{
		const uint8_t *data = part == 0 ? xid->data : xid->data + xid->gtrid_length;
		size_t		length = part == 0 ? xid->gtrid_length : xid->bqual_length;

		*out++ = 'X';
		*out++ = '\'';
		for (size_t i = 0; i < length; i++)
		{
			*out++ = digits[data[i] >> 4];
			*out++ = digits[data[i] & 15];
		}
		*out++ = '\'';
		*out++ = ',';
	}
	snprintf(out, 12, "%" PRIu32, xid->format_id);
	return buf;
}

static bool
mariadb_gtid(const MyEvent *event, MyGtid *gtid, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);
	int			flags;

	gtid->sequence = my_bytes_number(&bytes, 8);
	my_bytes_take(&bytes, 4);	/* domain */
	flags = (int) my_bytes_number(&bytes, 1);
	if (bytes.is_short)
		return malformed(event, "too short", err);
	gtid->is_standalone = (flags & GTID_STANDALONE) != 0;
	gtid->is_prepared_xa = (flags & GTID_PREPARED_XA) != 0;
	gtid->is_completed_xa = (flags & GTID_COMPLETED_XA) != 0;
	return true;
}

static bool
mysql_gtid(const MyEvent *event, MyGtid *gtid, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	my_bytes_take(&bytes, 1 + 16);	/* flags, server's UUID */
	gtid->sequence = my_bytes_number(&bytes, 8);
	if (bytes.is_short)
		return malformed(event, "too short", err);
	/* Logical clock, and from 8.0.1 on the time of the commit. */
	if (my_bytes_left(&bytes) >= 1 + 8 + 8 + 7 && *bytes.at == 2)
	{
		my_bytes_take(&bytes, 1 + 8 + 8);
		gtid->commit_us = (int64_t) (my_bytes_number(&bytes, 7) & ~(UINT64_C(1) << 55));
	}
	return true;
}

bool
my_event_gtid(const MyEvent *event, MyGtid *gtid, Error *err)
{
	memset(gtid, 0, sizeof(*gtid));
	switch (event->type)
	{
		case MY_EVENT_MARIADB_GTID:
			return mariadb_gtid(event, gtid, err);
		case MY_EVENT_MYSQL_TAGGED_GTID:
			/* Another layout; that a transaction begins is all that is needed of it. */
			return true;
		default:
			return mysql_gtid(event, gtid, err);
	}
}

/* Of the status variables the SQL mode and the client's character set are wanted; what comes in front of them has its place. */
static void
query_status(const uint8_t *data, size_t length, MyQuery *query)
{
	MyBytes		bytes = my_bytes(data, length);

	while (my_bytes_left(&bytes) > 0)
	{
		switch (my_bytes_number(&bytes, 1))
		{
			case 0:				/* flags2 */
			case 3:				/* auto_increment_increment, _offset */
				my_bytes_take(&bytes, 4);
				break;
			case 1:
				query->sql_mode = my_bytes_number(&bytes, 8);
				break;
			case 2:				/* catalogue, with a zero byte behind it */
				my_bytes_take(&bytes, my_bytes_number(&bytes, 1) + 1);
				break;
			case 6:				/* catalogue */
				my_bytes_take(&bytes, my_bytes_number(&bytes, 1));
				break;
			case 4:
				query->collation = (unsigned) my_bytes_number(&bytes, 2);
				return;
			default:
				return;
		}
	}
}

bool
my_event_query(const MyEvent *event, void **buffer, size_t *buffer_size, MyQuery *query, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);
	size_t		database_length;
	size_t		status_length;
	const uint8_t *status;
	const uint8_t *database;

	my_bytes_take(&bytes, 4 + 4);	/* thread, seconds it took */
	database_length = my_bytes_number(&bytes, 1);
	my_bytes_take(&bytes, 2);	/* error code */
	status_length = my_bytes_number(&bytes, 2);
	if (event->type == MY_EVENT_EXECUTE_LOAD)
		my_bytes_take(&bytes, 4 + 4 + 4 + 1);	/* file, place of its name, duplicates */
	status = my_bytes_take(&bytes, status_length);
	database = my_bytes_take(&bytes, database_length + 1);
	if (bytes.is_short || database[database_length] != 0)
		return malformed(event, "too short", err);
	query->database = (const char *) database;
	query->sql_mode = 0;
	query->collation = 0;
	query_status(status, status_length, query);
	query->text = (const char *) bytes.at;
	query->length = my_bytes_left(&bytes);
	if (event->type == MY_EVENT_QUERY_COMPRESSED)
	{
		if (!my_event_uncompress(bytes.at, query->length, UINT32_MAX, buffer, buffer_size, &query->length, err))
			return false;
		query->text = *buffer;
	}
	return true;
}

bool
my_event_xa_prepare(const MyEvent *event, MyXid *xid, bool *one_phase, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	*one_phase = my_bytes_number(&bytes, 1) != 0;
	xid->format_id = (uint32_t) my_bytes_number(&bytes, 4);
	xid->gtrid_length = my_bytes_number(&bytes, 4);
	xid->bqual_length = my_bytes_number(&bytes, 4);
	if (xid->gtrid_length > MY_XID_PART_MAX || xid->bqual_length > MY_XID_PART_MAX)
		return malformed(event, "an XA name that is too long", err);
	xid->data = my_bytes_take(&bytes, xid->gtrid_length + xid->bqual_length);
	return !bytes.is_short || malformed(event, "too short", err);
}

bool
my_event_uncompress(const uint8_t *data, size_t length, uint64_t limit, void **buffer, size_t *buffer_size, size_t *content, Error *err)
{
	MyBytes		bytes = my_bytes(data, length);
	unsigned	first = (unsigned) my_bytes_number(&bytes, 1);
	int			size_bytes = (int) (first & 7);
	const uint8_t *size_at = my_bytes_take(&bytes, (uint64_t) size_bytes);
	uint64_t	size;
	uLongf		done;

	/* high bit: compressed; algorithm 0 is zlib's; then the bytes of the size, which is big-endian */
	if (size_at == NULL || (first & 0xf0) != 0x80 || size_bytes < 1 || size_bytes > 4)
		return error_set(err, ERROR_FAILED, "malformed compressed event: unknown header %02x", first);
	size = my_bytes_be(size_at, size_bytes);
	/* deflate makes at most 1,032 bytes of one */
	if (size > limit || size / 1100 > my_bytes_left(&bytes))
		return error_set(err, ERROR_FAILED, "malformed compressed event: impossible size %" PRIu64, size);
	if (*buffer_size < size + 1)
	{
		*buffer = mem_realloc(*buffer, size + 1);
		*buffer_size = size + 1;
	}
	done = size;
	if (uncompress(*buffer, &done, bytes.at, my_bytes_left(&bytes)) != Z_OK || done != size)
		return error_set(err, ERROR_FAILED, "malformed compressed event: its content cannot be uncompressed");
	*content = size;
	return true;
}
