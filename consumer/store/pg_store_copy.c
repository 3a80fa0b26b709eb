/*
 * pg_store_copy.c
 *		Parts and relations on their way into the PostgreSQL store, in the server's binary formats.
 */
#include "store/pg_internal.h"

#include <string.h>

#define SEND_BYTES ((size_t) 256 * 1024)

/* 2000-01-01, where the server's clock starts. */
#define SERVER_EPOCH_US INT64_C(946684800000000)

#define OID_INT8 20
#define OID_BYTEA 17

static const char copy_sql[] =
	"COPY dbsync_local.sync_sqls (task, segment, commit_lsn, end_lsn, part, is_last, piece, pieces, xid, commit_time, changes, bytes,"
	" records) FROM STDIN (FORMAT binary)";
#define COPY_COLUMNS 13

/* Signature, flags, no extension. */
static const char copy_header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";

void
pg_put_int16(StrBuf *buf, int16_t value)
{
	uint16_t	v = (uint16_t) value;
	unsigned char bytes[2] = {(unsigned char) (v >> 8), (unsigned char) v};

	strbuf_append_bytes(buf, bytes, sizeof(bytes));
}

void
pg_put_int32(StrBuf *buf, int32_t value)
{
	uint32_t	v = (uint32_t) value;
	unsigned char bytes[4] = {(unsigned char) (v >> 24), (unsigned char) (v >> 16), (unsigned char) (v >> 8), (unsigned char) v};

	strbuf_append_bytes(buf, bytes, sizeof(bytes));
}

void
pg_put_int64(StrBuf *buf, int64_t value)
{
	pg_put_int32(buf, (int32_t) ((uint64_t) value >> 32));
	pg_put_int32(buf, (int32_t) (uint64_t) value);
}

int32_t
pg_get_int32(const PGresult *result, int row, int column)
{
	const unsigned char *b = (const unsigned char *) PQgetvalue(result, row, column);

	if (PQgetisnull(result, row, column) || PQgetlength(result, row, column) != 4)
		return 0;
	return (int32_t) ((uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | (uint32_t) b[3]);
}

int64_t
pg_get_int64(const PGresult *result, int row, int column)
{
	const unsigned char *b = (const unsigned char *) PQgetvalue(result, row, column);
	uint64_t	value = 0;

	if (PQgetisnull(result, row, column) || PQgetlength(result, row, column) != 8)
		return 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | b[i];
	return (int64_t) value;
}

int64_t
pg_get_time_us(const PGresult *result, int row, int column)
{
	return pg_get_int64(result, row, column) + SERVER_EPOCH_US;
}

/* Field of COPY, or parameter: length and value. */
static void
field_int32(StrBuf *buf, int32_t value)
{
	pg_put_int32(buf, 4);
	pg_put_int32(buf, value);
}

static void
field_int64(StrBuf *buf, int64_t value)
{
	pg_put_int32(buf, 8);
	pg_put_int64(buf, value);
}

static bool
send_bytes(PgPartCopy *copy, PgConn *conn, const char *data, size_t length, Error *err)
{
	while (length > 0)
	{
		size_t		step = length < 4 * SEND_BYTES ? length : 4 * SEND_BYTES;

		if (PQputCopyData(copy->raw, data, (int) step) != 1)
			return pg_error(conn, NULL, err);
		data += step;
		length -= step;
	}
	return true;
}

static bool
send_buffer(PgPartCopy *copy, PgConn *conn, Error *err)
{
	bool		ok = send_bytes(copy, conn, copy->buf.data, copy->buf.length, err);

	strbuf_reset(&copy->buf);
	return ok;
}

static bool
begin_copy(PgPartCopy *copy, PgConn *conn, Error *err)
{
	if (copy->raw != NULL)
		return true;
	if (!pg_exec(conn, copy_sql, NULL, err))
		return false;
	copy->raw = pg_raw(conn);
	strbuf_reset(&copy->buf);
	strbuf_append_bytes(&copy->buf, copy_header, sizeof(copy_header));
	return true;
}

bool
pg_part_copy_add(PgPartCopy *copy, PgConn *conn, const char *task, const TxnPart *part, Error *err)
{
	size_t		pieces = part->length == 0 ? 1 : (part->length + APPEND_PIECE_BYTES - 1) / APPEND_PIECE_BYTES;
	StrBuf	   *buf = &copy->buf;
	size_t		task_length = strlen(task);

	if (!begin_copy(copy, conn, err))
		return false;
	for (size_t piece = 0; piece < pieces; piece++)
	{
		size_t		start = piece * APPEND_PIECE_BYTES;
		size_t		length = part->length - start < APPEND_PIECE_BYTES ? part->length - start : APPEND_PIECE_BYTES;

		pg_put_int16(buf, COPY_COLUMNS);
		pg_put_int32(buf, (int32_t) task_length);
		strbuf_append_bytes(buf, task, task_length);
		field_int64(buf, part->segment);
		field_int64(buf, (int64_t) part->commit_lsn);
		if (part->last)
			field_int64(buf, (int64_t) part->end_lsn);
		else
			pg_put_int32(buf, -1);
		field_int32(buf, part->part);
		pg_put_int32(buf, 1);
		strbuf_append_char(buf, part->last ? 1 : 0);
		field_int32(buf, (int32_t) piece);
		field_int32(buf, (int32_t) pieces);
		field_int64(buf, part->xid);
		field_int64(buf, part->commit_time_us - SERVER_EPOCH_US);
		field_int64(buf, piece == 0 ? part->change_count : 0);
		field_int32(buf, (int32_t) length);
		pg_put_int32(buf, (int32_t) length);
		if (length >= SEND_BYTES)
		{
			if (!send_buffer(copy, conn, err) || !send_bytes(copy, conn, part->records + start, length, err))
				return false;
		}
		else if (length > 0)
			strbuf_append_bytes(buf, part->records + start, length);
		if (buf->length >= SEND_BYTES && !send_buffer(copy, conn, err))
			return false;
	}
	return true;
}

bool
pg_part_copy_end(PgPartCopy *copy, PgConn *conn, Error *err)
{
	PGresult   *result;
	bool		ok = true;

	if (copy->raw == NULL)
		return true;
	pg_put_int16(&copy->buf, -1);
	if (!send_buffer(copy, conn, err) || PQputCopyEnd(copy->raw, NULL) != 1)
	{
		copy->raw = NULL;
		return err->kind != ERROR_NONE ? false : pg_error(conn, NULL, err);
	}
	while ((result = PQgetResult(copy->raw)) != NULL)
	{
		if (ok && PQresultStatus(result) != PGRES_COMMAND_OK)
			ok = pg_error(conn, result, err);
		PQclear(result);
		if (PQstatus(copy->raw) == CONNECTION_BAD)
			break;
	}
	copy->raw = NULL;
	return ok;
}

void
pg_part_copy_release(PgPartCopy *copy)
{
	strbuf_free(&copy->buf);
	copy->raw = NULL;
}

static void
array_header(StrBuf *buf, int count, int oid)
{
	pg_put_int32(buf, 1);		/* dimensions */
	pg_put_int32(buf, 0);		/* no nulls */
	pg_put_int32(buf, oid);
	pg_put_int32(buf, count);
	pg_put_int32(buf, 1);		/* lower bound */
}

bool
pg_store_write_relations(PgConn *conn, const AppendBatch *batch, Error *err)
{
	static const char sql[] =
		"INSERT INTO dbsync_local.sync_relations (task, segment, number, record)"
		" SELECT $1::text, s, n, r FROM ROWS FROM (pg_catalog.unnest($2::bigint[]), pg_catalog.unnest($3::bigint[]),"
		" pg_catalog.unnest($4::bytea[])) AS u(s, n, r) ON CONFLICT DO NOTHING";
	static const int formats[] = {0, 1, 1, 1};
	StrBuf		arrays[3] = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT};
	const char *values[4];
	int			lengths[4] = {0, 0, 0, 0};
	PGresult   *result;
	bool		ok;

	if (batch->relation_count == 0)
		return true;
	array_header(&arrays[0], batch->relation_count, OID_INT8);
	array_header(&arrays[1], batch->relation_count, OID_INT8);
	array_header(&arrays[2], batch->relation_count, OID_BYTEA);
	for (int i = 0; i < batch->relation_count; i++)
	{
		const AppendRelation *relation = &batch->relations[i];

		field_int64(&arrays[0], relation->segment);
		field_int64(&arrays[1], (int64_t) relation->number);
		pg_put_int32(&arrays[2], (int32_t) relation->length);
		strbuf_append_bytes(&arrays[2], relation->record, relation->length);
	}
	values[0] = batch->task;
	for (int i = 0; i < 3; i++)
	{
		values[i + 1] = arrays[i].data;
		lengths[i + 1] = (int) arrays[i].length;
	}
	result = PQexecParams(pg_raw(conn), sql, 4, NULL, values, lengths, formats, 0);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK || pg_error(conn, result, err);
	PQclear(result);
	for (int i = 0; i < 3; i++)
		strbuf_free(&arrays[i]);
	return ok;
}
