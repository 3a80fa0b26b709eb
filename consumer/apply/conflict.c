/*
 * conflict.c
 *		What to say of a change that did not fit, and where it is kept: table dbsync.conflicts on the target.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 64			/* of a value, in a message */
#define SHOWN_COLUMNS 8
#define SHOWN_CONFLICTS 20		/* in the log, of a group */
#define KEPT_BYTES ((size_t) 64 * 1024 * 1024)	/* of all values of a row, in the table; jsonb ends at 256 MB */

static const char *
operation_name(ChangeKind kind)
{
	switch (kind)
	{
		case CHANGE_INSERT:
			return "insert";
		case CHANGE_UPDATE:
			return "update";
		case CHANGE_DELETE:
			return "delete";
		case CHANGE_TRUNCATE:
			return "truncate";
		default:
			return "message";
	}
}

/* The columns that name the row of a change: those of the target's key if known, else the identity's, else all. */
static int
key_count(const Relation *relation)
{
	const TargetTable *table = relation->applier_data;

	if (table != NULL && table->key_count > 0)
		return table->key_count;
	return relation->identity_count > 0 ? relation->identity_count : relation->column_count;
}

static int
key_column(const Relation *relation, int i)
{
	const TargetTable *table = relation->applier_data;

	if (table != NULL && table->key_count > 0)
		return table->key_columns[i];
	return relation->identity_count > 0 ? relation->identity_columns[i] : i;
}

/* The value by which the target's row is found; NULL where the change does not have it. */
static const Value *
key_value(const Change *change, int column)
{
	const Relation *relation = change->relation;

	for (int i = 0; change->old_values != NULL && i < relation->identity_count; i++)
	{
		if (relation->identity_columns[i] == column)
			return &change->old_values[i];
	}
	return change->new_values != NULL && !change->no_identity ? &change->new_values[column] : NULL;
}

/* Cut where a UTF-8 character begins. */
static size_t
shown_length(const Value *value)
{
	size_t		length = value->length;

	if (length <= SHOWN_BYTES)
		return length;
	for (length = SHOWN_BYTES; length > 0 && ((unsigned char) value->data[length] & 0xC0) == 0x80; length--)
		;
	return length;
}

static void
describe_value(const Value *value, StrBuf *text)
{
	size_t		length;

	switch (value->kind)
	{
		case VALUE_NULL:
			strbuf_append(text, "NULL");
			return;
		case VALUE_UNCHANGED:
			strbuf_append(text, "(unchanged)");
			return;
		case VALUE_BYTES:
			strbuf_printf(text, "(%zu bytes)", value->length);
			return;
		case VALUE_TEXT:
			break;
	}
	length = shown_length(value);
	for (size_t i = 0; i < length; i++)
		strbuf_append_char(text, (unsigned char) value->data[i] < ' ' ? ' ' : value->data[i]);
	if (length < value->length)
		strbuf_printf(text, "... (%zu bytes)", value->length);
}

void
conflict_describe(const Change *change, StrBuf *text)
{
	int			count;
	int			shown = 0;

	strbuf_printf(text, "%s of ", operation_name(change->kind));
	if (change->kind == CHANGE_TRUNCATE)
	{
		for (int i = 0; i < change->relation_count; i++)
			strbuf_printf(text, "%s%s.%s", i > 0 ? ", " : "", change->relations[i]->schema, change->relations[i]->table);
		return;
	}
	if (change->relation == NULL)
		return;					/* a message */
	strbuf_printf(text, "%s.%s", change->relation->schema, change->relation->table);
	count = key_count(change->relation);
	for (int i = 0; i < count && shown < SHOWN_COLUMNS; i++)
	{
		int			column = key_column(change->relation, i);
		const Value *value = key_value(change, column);

		if (value == NULL)
			continue;
		strbuf_printf(text, "%s%s=", shown == 0 ? " (" : ", ", change->relation->columns[column].name);
		describe_value(value, text);
		shown++;
	}
	if (shown > 0)
		strbuf_append(text, shown < count ? ", ...)" : ")");
}

bool
conflict_context(Applier *applier, const Change *change, const TxnPart *part, Error *err)
{
	StrBuf		text = STRBUF_INIT;
	char		lsn[LSN_TEXT_SIZE];

	if (careful_has_company(applier, err))
		return careful_retreat(applier, part->commit_lsn, err);
	conflict_describe(change, &text);
	error_context(err, "%s in transaction %" PRIu32 " with commit LSN %s", strbuf_text(&text), part->xid, lsn_show(part->commit_lsn, lsn));
	strbuf_free(&text);
	if (err->kind != ERROR_CONFLICT || applier->options.apply.conflict != CONFLICT_STOP)
		return false;
	if (err->hint == NULL)
		error_hint(err, "Mend the row on the target and start again; or let dbsync pass such changes, into dbsync.conflicts on the target: conflict = skip, or conflict = upsert");
	else if (err->column[0] != '\0')
		error_hint(err, "%s, and start again; or let dbsync pass such changes, into dbsync.conflicts on the target: conflict = skip", err->hint);
	return false;
}

/*
 * JSON for the table
 */

static void
append_json_string(StrBuf *json, const char *text, size_t length)
{
	strbuf_append_char(json, '"');
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c == '"' || c == '\\')
			strbuf_append_char(json, '\\');
		if (c < ' ')
			strbuf_printf(json, "\\u%04x", c);
		else
			strbuf_append_char(json, (char) c);
	}
	strbuf_append_char(json, '"');
}

static void
append_json_value(StrBuf *json, const Value *value)
{
	if (value->kind == VALUE_NULL)
		strbuf_append(json, "null");
	else if (value->kind == VALUE_TEXT)
		append_json_string(json, value->data, value->length);
	else
	{
		strbuf_append(json, "{\"hex\":\"");
		for (size_t i = 0; i < value->length; i++)
			strbuf_printf(json, "%02x", (unsigned char) value->data[i]);
		strbuf_append(json, "\"}");
	}
}

static void
append_json_member(StrBuf *json, const char *name, const Value *value)
{
	/* an unchanged value is not known: left out */
	if (value == NULL || value->kind == VALUE_UNCHANGED)
		return;
	if (json->length > 1)
		strbuf_append_char(json, ',');
	append_json_string(json, name, strlen(name));
	strbuf_append_char(json, ':');
	append_json_value(json, value);
}

static bool
is_too_large(const Value *values, int count)
{
	size_t		size = 0;

	for (int i = 0; i < count; i++)
		size += values[i].length;
	return size > KEPT_BYTES;
}

static char *
key_json(const Change *change)
{
	StrBuf		json = STRBUF_INIT;
	int			count = key_count(change->relation);

	if (change->old_values != NULL && is_too_large(change->old_values, change->relation->identity_count))
		return NULL;
	strbuf_append_char(&json, '{');
	for (int i = 0; i < count; i++)
	{
		int			column = key_column(change->relation, i);

		append_json_member(&json, change->relation->columns[column].name, key_value(change, column));
	}
	strbuf_append_char(&json, '}');
	return strbuf_detach(&json);
}

static char *
values_json(const Change *change)
{
	StrBuf		json = STRBUF_INIT;

	if (change->new_values == NULL || is_too_large(change->new_values, change->relation->column_count))
		return NULL;
	strbuf_append_char(&json, '{');
	for (int i = 0; i < change->relation->column_count; i++)
		append_json_member(&json, change->relation->columns[i].name, &change->new_values[i]);
	strbuf_append_char(&json, '}');
	return strbuf_detach(&json);
}

/*
 * The table
 */

void
conflict_note(Applier *applier, const Change *change, const TxnPart *part, const char *resolution, Error *reason)
{
	ConflictRow *row = mem_zalloc(sizeof(ConflictRow));
	StrBuf		text = STRBUF_INIT;
	char		lsn[LSN_TEXT_SIZE];

	row->commit_lsn = part->commit_lsn;
	row->xid = part->xid;
	row->operation = operation_name(change->kind);
	if (change->relation != NULL)
	{
		row->schema = mem_strdup(change->relation->schema);
		row->table = mem_strdup(change->relation->table);
		row->key = (change->no_identity || change->kind == CHANGE_TRUNCATE) ? NULL : key_json(change);
		row->values = values_json(change);
	}
	else if (change->kind == CHANGE_TRUNCATE && change->relation_count == 1)
	{
		row->schema = mem_strdup(change->relations[0]->schema);
		row->table = mem_strdup(change->relations[0]->table);
	}
	memcpy(row->sqlstate, reason->sqlstate, sizeof(row->sqlstate));
	row->reason = mem_strdup(reason->message != NULL ? reason->message : "unknown");
	row->resolution = resolution;
	*applier->conflicts_end = row;
	applier->conflicts_end = &row->next;
	applier->stats.conflicts++;

	if (++applier->group_conflicts > SHOWN_CONFLICTS && !log_enabled(LOG_DEBUG))
	{
		error_clear(reason);
		return;
	}
	conflict_describe(change, &text);
	log_warn(MODULE, "%s, kept in dbsync.conflicts: %s in transaction %" PRIu32 " with commit LSN %s: %s", resolution, strbuf_text(&text), part->xid,
			 lsn_show(part->commit_lsn, lsn), row->reason);
	strbuf_free(&text);
	error_clear(reason);
}

static void
free_row(ConflictRow *row)
{
	free(row->schema);
	free(row->table);
	free(row->key);
	free(row->values);
	free(row->reason);
	free(row);
}

static ConflictRow *
take_row(Applier *applier)
{
	ConflictRow *row = applier->conflicts;

	applier->conflicts = row->next;
	if (applier->conflicts == NULL)
		applier->conflicts_end = &applier->conflicts;
	return row;
}

void
conflict_drop_waiting(Applier *applier)
{
	while (applier->conflicts != NULL)
		free_row(take_row(applier));
}

static bool
send_row(Applier *applier, const ConflictRow *row, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CONTROL};
	char		lsn[LSN_TEXT_SIZE];
	char		xid[16];
	const char *values[11];

	snprintf(xid, sizeof(xid), "%" PRIu32, row->xid);
	values[0] = applier->options.task;
	values[1] = lsn_format(row->commit_lsn, lsn);
	values[2] = xid;
	values[3] = row->operation;
	values[4] = row->schema;
	values[5] = row->table;
	values[6] = row->key;
	values[7] = row->values;
	values[8] = row->sqlstate[0] != '\0' ? row->sqlstate : NULL;
	values[9] = row->reason;
	values[10] = row->resolution;
	return applier_begin(applier, err) &&
		pipeline_query(applier->pipeline,
					   "INSERT INTO dbsync.conflicts (task, commit_lsn, xid, operation, schema_name, table_name, key, \"values\", sqlstate, reason, resolution)"
					   " VALUES ($1, $2::pg_lsn, $3::int8, $4, $5, $6, $7::jsonb, $8::jsonb, $9, $10, $11)",
					   11, values, &note, err);
}

/* Never from within an answer: sending may read answers. */
bool
conflict_flush(Applier *applier, Error *err)
{
	while (applier->conflicts != NULL)
	{
		ConflictRow *row = take_row(applier);
		bool		ok = send_row(applier, row, err);

		free_row(row);
		if (!ok)
			return false;
	}
	return true;
}
