/* Changes as SQL text. */
#include "observe/change_sql.h"

#include "pg/conn.h"

/* Bytes that are no valid text in the stream's encoding: each as an escape. */
static void
write_bytes(StrBuf *out, const Value *value)
{
	strbuf_append(out, "E'");
	for (size_t i = 0; i < value->length; i++)
		strbuf_printf(out, "\\x%02X", (unsigned char) value->data[i]);
	strbuf_append_char(out, '\'');
}

static void
write_value(StrBuf *out, const Value *value)
{
	switch (value->kind)
	{
		case VALUE_NULL:
			strbuf_append(out, "NULL");
			break;
		case VALUE_TEXT:
			pg_quote_literal(out, value->data);
			break;
		case VALUE_BYTES:
			write_bytes(out, value);
			break;
		case VALUE_UNCHANGED:
			strbuf_append(out, "/* unchanged */ NULL");
			break;
	}
}

static void
write_table(StrBuf *out, const Relation *relation, const char *target_schema)
{
	pg_quote_qualified(out, target_schema != NULL ? target_schema : relation->schema, relation->table);
}

/* A generated column is never written. */
static bool
is_written(const Relation *relation, int column)
{
	return (relation->columns[column].flags & COLUMN_GENERATED) == 0;
}

static void
write_insert(StrBuf *out, const Change *change, const char *target_schema)
{
	const Relation *relation = change->relation;
	const char *separator = "";

	strbuf_append(out, "INSERT INTO ");
	write_table(out, relation, target_schema);
	strbuf_append(out, " (");
	for (int i = 0; i < relation->column_count; i++)
	{
		if (!is_written(relation, i))
			continue;
		strbuf_append(out, separator);
		pg_quote_identifier(out, relation->columns[i].name);
		separator = ", ";
	}
	strbuf_append(out, ") VALUES (");
	separator = "";
	for (int i = 0; i < relation->column_count; i++)
	{
		if (!is_written(relation, i))
			continue;
		strbuf_append(out, separator);
		write_value(out, &change->new_values[i]);
		separator = ", ";
	}
	strbuf_append(out, ");\n");
}

/* The row: by its old identity where that was sent, else it has not changed and stands among the new values. */
static void
write_where(StrBuf *out, const Change *change)
{
	const Relation *relation = change->relation;
	const char *separator = " WHERE ";

	for (int i = 0; i < relation->identity_count; i++)
	{
		int			column = relation->identity_columns[i];
		const Value *value = change->old_values != NULL ? &change->old_values[i] : &change->new_values[column];

		strbuf_append(out, separator);
		pg_quote_identifier(out, relation->columns[column].name);
		if (value->kind == VALUE_NULL)
			strbuf_append(out, " IS NULL");
		else
		{
			strbuf_append(out, " = ");
			write_value(out, value);
		}
		separator = " AND ";
	}
	strbuf_append(out, ";\n");
}

static void
write_update(StrBuf *out, const Change *change, const char *target_schema)
{
	const Relation *relation = change->relation;
	const char *separator = " SET ";

	strbuf_append(out, "UPDATE ");
	write_table(out, relation, target_schema);
	for (int i = 0; i < relation->column_count; i++)
	{
		if (!is_written(relation, i) || change->new_values[i].kind == VALUE_UNCHANGED)
			continue;
		strbuf_append(out, separator);
		pg_quote_identifier(out, relation->columns[i].name);
		strbuf_append(out, " = ");
		write_value(out, &change->new_values[i]);
		separator = ", ";
	}
	write_where(out, change);
}

static void
write_truncate(StrBuf *out, const Change *change, const char *target_schema)
{
	strbuf_append(out, "TRUNCATE ");
	for (int i = 0; i < change->relation_count; i++)
	{
		if (i > 0)
			strbuf_append(out, ", ");
		write_table(out, change->relations[i], target_schema);
	}
	if (change->truncate_flags & TRUNCATE_RESTART_IDENTITY)
		strbuf_append(out, " RESTART IDENTITY");
	if (change->truncate_flags & TRUNCATE_CASCADE)
		strbuf_append(out, " CASCADE");
	strbuf_append(out, ";\n");
}

void
change_sql_write(StrBuf *out, const Change *change, const char *target_schema)
{
	if (change->no_identity && (change->kind == CHANGE_UPDATE || change->kind == CHANGE_DELETE))
	{
		strbuf_printf(out, "-- %s of a row that cannot be named (no replica identity) in ",
					  change->kind == CHANGE_UPDATE ? "update" : "delete");
		/* A name may hold a line feed, which would end the comment. */
		for (const char *p = change->relation->table; *p != '\0'; p++)
			strbuf_append_char(out, *p == '\n' || *p == '\r' ? ' ' : *p);
		strbuf_append_char(out, '\n');
		return;
	}
	switch (change->kind)
	{
		case CHANGE_INSERT:
			write_insert(out, change, target_schema);
			break;
		case CHANGE_UPDATE:
			write_update(out, change, target_schema);
			break;
		case CHANGE_DELETE:
			strbuf_append(out, "DELETE FROM ");
			write_table(out, change->relation, target_schema);
			write_where(out, change);
			break;
		case CHANGE_TRUNCATE:
			write_truncate(out, change, target_schema);
			break;
		case CHANGE_MESSAGE:
			strbuf_append(out, "-- message of pg_logical_emit_message(), prefix ");
			for (const char *p = change->prefix; *p != '\0'; p++)
				strbuf_append_char(out, *p == '\n' || *p == '\r' ? ' ' : *p);
			strbuf_printf(out, ", %zu bytes\n", change->content_length);
			break;
	}
}
