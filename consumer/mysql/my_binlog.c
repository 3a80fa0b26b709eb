/*
 * my_binlog.c
 *		The dump of the binary log.
 *
 * The library's own functions for this (mariadb_rpl_*) refuse events of MySQL and cut positions to 32 bits in places; its packets are sound.  So
 * the command is put together by us (my_binlog_open.c), and packets are taken one by one.
 *
 * Whether a packet can be had without waiting: the library reads ahead into a cache of its own, and TLS may hold bytes that it has
 * decrypted already; only when both are empty does the socket tell.
 */
#include "mysql/my_binlog_private.h"

#include "base/clock.h"
#include "base/stop.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

/* The library's inner structs, which its headers give only to who asks for them. */
typedef unsigned char uchar;
#define HAVE_TLS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <ma_pvio.h>
#pragma GCC diagnostic pop

/* An idle server speaks at each heartbeat; after so many without a word it is taken for dead. */
#define SILENT_HEARTBEATS 10
#define SILENT_LEAST_MS 30000
#define SAME_SERVER_ID 4052		/* MariaDB */
#define READ_FATAL_ERROR 1236	/* "got fatal error from master when reading data from binary log" */

void
my_binlog_close(MyBinlog *binlog)
{
	if (binlog == NULL)
		return;
	my_close(binlog->conn);
	free(binlog->base);
	free(binlog->place);
	free(binlog);
}

/* ---------------------------------------------------------------- packets */

/* Bytes that TLS has decrypted and nobody has read. */
static bool
tls_has_pending(MARIADB_PVIO *pvio)
{
	typedef int (*PendingFunction) (const void *ssl);
	const char *library = NULL;
	void	   *symbol = NULL;
	PendingFunction pending;

	if (pvio->ctls == NULL || pvio->ctls->ssl == NULL || mariadb_get_infov(NULL, MARIADB_TLS_LIBRARY, &library) != 0 || library == NULL)
		return false;
	/* Whatever TLS the library was built with is loaded with it. */
	if (strncmp(library, "OpenSSL", 7) == 0)
		symbol = dlsym(RTLD_DEFAULT, "SSL_pending");
	else if (strncmp(library, "GnuTLS", 6) == 0)
		symbol = dlsym(RTLD_DEFAULT, "gnutls_record_check_pending");
	if (symbol == NULL)
		return false;
	memcpy(&pending, &symbol, sizeof(pending));
	return pending(pvio->ctls->ssl) > 0;
}

static bool
has_buffered(MyBinlog *binlog)
{
	MARIADB_PVIO *pvio = my_handle(binlog->conn)->net.pvio;

	if (pvio == NULL)
		return true;			/* closed: the read will say so */
	return (pvio->cache != NULL && pvio->cache + pvio->cache_size > pvio->cache_pos) || tls_has_pending(pvio);
}

/* Readable within the time?  1 yes, 0 no, -1: stopped. */
static int
wait_readable(MyBinlog *binlog, int timeout_ms)
{
	struct pollfd fds[2] = {{mysql_get_socket(my_handle(binlog->conn)), POLLIN, 0}, {stop_fd(), POLLIN, 0}};
	int			ready;

	do
		ready = poll(fds, 2, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (stop_requested())
		return -1;
	return fds[0].revents != 0;
}

bool
my_binlog_has_more(MyBinlog *binlog)
{
	return has_buffered(binlog) || wait_readable(binlog, 0) > 0;
}

static bool
check_silence(MyBinlog *binlog, Error *err)
{
	int64_t		now_ms = clock_monotonic_ms();
	int64_t		limit_ms = (int64_t) binlog->options.heartbeat_ms * SILENT_HEARTBEATS;

	if (binlog->silent_since_ms == 0)
		binlog->silent_since_ms = now_ms;
	if (limit_ms < SILENT_LEAST_MS)
		limit_ms = SILENT_LEAST_MS;
	if (now_ms - binlog->silent_since_ms < limit_ms)
		return true;
	return error_set(err, ERROR_RETRY, "not a word from the source for %" PRId64 " s, not even a heartbeat", limit_ms / 1000);
}

static bool
dump_error(MyBinlog *binlog, Error *err)
{
	MYSQL	   *raw = my_handle(binlog->conn);
	unsigned	code = mysql_errno(raw);
	const char *text = mysql_error(raw);

	/* MySQL has no number of its own for it. */
	if (code == SAME_SERVER_ID || (code == READ_FATAL_ERROR && strstr(text, "server_id") != NULL))
	{
		error_set(err, ERROR_RETRY, "another replica with server_id %" PRIu32 " has connected to the source, which ended our stream", binlog->options.server_id);
		return error_hint(err, "give each its own server_id, here in [src.mysql]");
	}
	if (code != READ_FATAL_ERROR)
		return my_error(binlog->conn, "binary log", err);
	error_set(err, ERROR_GAP, "the source cannot give its binary log at %s: %s", my_binlog_place(binlog), text);
	return error_hint(err, "if the log was purged: \"dbsync drop\" and a new full sync");
}

/* ---------------------------------------------------------------- events */

static bool
set_file(MyBinlog *binlog, const char *file, size_t length, uint64_t offset, Error *err)
{
	size_t		base_length;
	uint32_t	number;

	if (!my_position_split_name(file, length, &base_length, &number))
		return error_set(err, ERROR_FAILED, "\"%.*s\" is not the name of a binlog file", (int) length, file);
	free(binlog->base);
	binlog->base = mem_strndup(file, base_length);
	binlog->file_number = number;
	binlog->offset = offset;
	return true;
}

/* Made for this connection, and in no file. */
static bool
is_artificial(const MyEvent *event)
{
	switch (event->type)
	{
		case MY_EVENT_HEARTBEAT:
		case MY_EVENT_HEARTBEAT_V2:
			return true;
		case MY_EVENT_FORMAT:
		case MY_EVENT_ROTATE:
		case MY_EVENT_GTID_LIST:
		case MY_EVENT_START_ENCRYPTION:
		case MY_EVENT_PREVIOUS_GTIDS:
			return event->end == 0 || (event->flags & MY_EVENT_FLAG_ARTIFICIAL) != 0;
		default:
			return (event->flags & MY_EVENT_FLAG_ARTIFICIAL) != 0;
	}
}

/* Where it stands.  Offsets in the log are modulo 2^32, ours are not; those that the server does not know are counted. */
static void
place_event(MyBinlog *binlog, MyLogEvent *event)
{
	const MyEvent *plain = &event->event;

	event->file_number = binlog->file_number;
	event->is_placed = !is_artificial(plain);
	event->start = event->end = binlog->offset;
	if (!event->is_placed)
		return;
	event->end = my_position_behind(binlog->offset, plain->end, plain->size);
	if (plain->end != 0)
		event->start = event->end >= plain->size ? event->end - plain->size : 0;
	binlog->offset = event->end;
}

static bool
read_event(MyBinlog *binlog, const uint8_t *data, size_t length, MyLogEvent *event, Error *err)
{
	MyFormat	format;
	MyRotate	rotate;

	if (length > 4 && data[4] == MY_EVENT_FORMAT)
	{
		if (!my_event_format(data, length, &event->event, &format, err))
			return false;
		binlog->has_checksum = format.has_checksum;
	}
	else if (!my_event_open(data, length, binlog->has_checksum, &event->event, err))
		return false;
	place_event(binlog, event);
	if (event->event.type == MY_EVENT_ROTATE)
		return my_event_rotate(&event->event, &rotate, err) && set_file(binlog, rotate.file, rotate.file_length, rotate.offset, err);
	return true;
}

/*
 * The rotation that begins a stream comes before the format event, which alone says whether there are checksums.  What the session asked for
 * holds for it: so both ways are tried.
 */
static bool
read_first_rotate(MyBinlog *binlog, const uint8_t *data, size_t length, MyLogEvent *event, Error *err)
{
	binlog->has_checksum = true;
	if (read_event(binlog, data, length, event, err))
		return true;
	error_clear(err);
	binlog->has_checksum = false;
	return read_event(binlog, data, length, event, err);
}

bool
my_binlog_next(MyBinlog *binlog, int timeout_ms, MyLogEvent *event, MyBinlogResult *result, Error *err)
{
	MYSQL	   *raw = my_handle(binlog->conn);
	unsigned long length;
	const uint8_t *packet;
	bool		ok;

	*result = MY_BINLOG_NOTHING;
	if (!has_buffered(binlog))
	{
		int			ready = wait_readable(binlog, timeout_ms);

		if (ready < 0)
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (ready == 0)
			return check_silence(binlog, err);
	}
	binlog->silent_since_ms = 0;
	length = mysql_net_read_packet(raw);
	if (length == packet_error)
		return dump_error(binlog, err);
	packet = raw->net.read_pos;
	if (length < 8 && length > 0 && packet[0] == 0xfe)
	{
		if (binlog->options.server_id != 0)
			return error_set(err, ERROR_RETRY, "the source has ended the stream of its binary log");
		*result = MY_BINLOG_END;
		return true;
	}
	if (length < 1 || packet[0] != 0)
		return error_set(err, ERROR_FAILED, "a packet of %lu bytes is no event of the binary log", length);

	if (binlog->base == NULL && length > 5 && packet[5] == MY_EVENT_ROTATE)
		ok = read_first_rotate(binlog, packet + 1, length - 1, event, err);
	else
		ok = read_event(binlog, packet + 1, length - 1, event, err);
	if (!ok)
		return error_context(err, "binary log behind %s", my_binlog_place(binlog));
	*result = MY_BINLOG_EVENT;
	return true;
}

unsigned long
my_binlog_connection(const MyBinlog *binlog)
{
	return mysql_thread_id(my_handle(binlog->conn));
}

const char *
my_binlog_base(const MyBinlog *binlog)
{
	return binlog->base != NULL ? binlog->base : "";
}

const char *
my_binlog_place(const MyBinlog *binlog)
{
	MyBinlog   *self = (MyBinlog *) binlog;

	free(self->place);
	if (binlog->base != NULL)
		self->place = mem_printf("%s.%06" PRIu32 ":%" PRIu64, binlog->base, binlog->file_number, binlog->offset);
	else
		self->place = mem_printf("its start (file %" PRIu32 ", offset %" PRIu32 ")", my_position_file_number(binlog->options.from),
								 my_position_offset(binlog->options.from));
	return self->place;
}
