/*
 * mysql_changes.c
 *		From rows to insert, update and delete records.
 *
 * The hottest code of a MySQL source: values go from the event's bytes into the record text, by way of one scratch buffer where their form changes.
 */
#include "source/mysql_private.h"

#include "mysql/my_value.h"

/* "(id, part) = (5, a)": the row, for messages. */
static void
append_key(const LoggedTable *table, const MyCell *cells, StrBuf *out)
{
	const MyTable *known = table->table;

	for (int pass = 0; pass < 2; pass++)
	{
		strbuf_append(out, pass == 0 ? "(" : " = (");
		for (int k = 0; k < known->key_count; k++)
		{
			int			i = known->key_columns[k];
			StrBuf		scratch = STRBUF_INIT;
			Error		ignored = ERROR_INIT;
			const char *data = "?";
			size_t		length = 1;

			if (k > 0)
				strbuf_append(out, ", ");
			if (pass == 0)
				strbuf_append(out, known->columns[i].name);
			else if (cells[i].state == MY_CELL_VALUE && my_row_text(&table->columns[i], &cells[i], &scratch, &data, &length, &ignored))
				strbuf_append_bytes(out, data, length < 100 ? length : 100);
			else
				strbuf_append(out, cells[i].state == MY_CELL_NULL ? "null" : "?");
			error_clear(&ignored);
			strbuf_free(&scratch);
		}
		strbuf_append_char(out, ')');
	}
}

static bool
value_error(MysqlSource *self, const LoggedTable *table, const MyCell *cells, int i, MyProblem problem, Error *err)
{
	StrBuf		key = STRBUF_INIT;

	if (table->table->key_count > 0)
	{
		strbuf_append(&key, ", row ");
		append_key(table, cells, &key);
	}
	error_set(err, ERROR_FAILED, "table %s.%s, column %s%s: %s cannot be stored (binary log at %s)", table->table->schema, table->table->name,
			  table->table->columns[i].name, strbuf_text(&key), my_problem_text(problem), mysource_place(self));
	strbuf_free(&key);
	switch (problem)
	{
		case MY_PROBLEM_ZERO_DATE:
			return error_hint(err, "[src.mysql] zero_dates = null stores NULL instead");
		case MY_PROBLEM_ZERO_BYTE:
		case MY_PROBLEM_ENCODING:
			return error_hint(err, "[src.mysql] bad_text = replace replaces such bytes");
		default:
			return error_hint(err, "[src.mysql] types can give the column another type, such as text; the target's table must have it too");
	}
}

static void
count_problem(MysqlSource *self, MyProblem problem)
{
	MysqlSourceCounts *counts = self->options.counts;

	if (counts == NULL)
		return;
	if (problem == MY_PROBLEM_ZERO_DATE)
		atomic_fetch_add_explicit(&counts->zero_dates, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&counts->replaced_texts, 1, memory_order_relaxed);
}

static inline void
append_plain(StrBuf *out, const char *data, size_t length)
{
	char	   *to = strbuf_room(out, length + 2);

	to[0] = '"';
	memcpy(to + 1, data, length);
	to[length + 1] = '"';
	strbuf_grown(out, length + 2);
}

/* The text that the server would send, as what the target takes. */
static bool
append_text(MysqlSource *self, const LoggedTable *table, const MyCell *cells, int i, const char *data, size_t length, Error *err)
{
	MyProblem	problem = MY_PROBLEM_NONE;

	strbuf_reset(&self->value);
	switch (my_value(table->columns[i].column, self->options.config, data, length, &self->value, &problem))
	{
		case MY_VALUE_SAME:
			mysource_append_json(&self->records, data, length);
			break;
		case MY_VALUE_TEXT:
			mysource_append_json(&self->records, strbuf_text(&self->value), self->value.length);
			break;
		case MY_VALUE_NULL:
			strbuf_append(&self->records, "null");
			break;
		case MY_VALUE_BAD:
			return value_error(self, table, cells, i, problem, err);
	}
	if (problem != MY_PROBLEM_NONE)
		count_problem(self, problem);
	return true;
}

/* b'101' as the server sends it: bytes, the last bit at the end. */
static bool
append_bit_default(MysqlSource *self, const LoggedTable *table, int i, Error *err)
{
	const MyColumn *column = &table->table->columns[i];
	const char *digit = column->default_text != NULL ? column->default_text + 2 : "";
	size_t		length = (size_t) (column->length + 7) / 8;
	uint64_t	bits = 0;
	char		bytes[8];

	for (; *digit == '0' || *digit == '1'; digit++)
		bits = bits << 1 | (*digit == '1');
	for (size_t k = 0; k < length; k++)
		bytes[k] = (char) (bits >> (8 * (length - 1 - k)));
	return append_text(self, table, self->after, i, bytes, length, err);
}

/* What a server that is not strict stores where nothing is said and NULL may not be; NULL: another thing for each type. */
static const char *
implicit_default(const MyColumn *column)
{
	if (column->type <= MY_DOUBLE || column->type == MY_BIT)
		return "0";
	switch (column->type)
	{
		case MY_YEAR:
			return "0000";
		case MY_TIME:
			return "00:00:00";
		case MY_ENUM:
			return column->label_count > 0 ? column->labels[0] : NULL;
		case MY_CHAR:
		case MY_VARCHAR:
		case MY_TEXT:
		case MY_VARBINARY:
		case MY_BLOB:
		case MY_SET:
			return "";
		default:
			return NULL;
	}
}

/* The catalogue shows a default as text, whatever its bytes. */
static bool
is_known_default(const MyColumn *column)
{
	if (column->default_text == NULL || column->default_is_expression || column->type == MY_BINARY || column->type == MY_OTHER)
		return false;
	if (column->type != MY_VARBINARY && column->type != MY_BLOB)
		return column->type != MY_BIT || (strncasecmp(column->default_text, "b'", 2) == 0 && column->length <= 64);
	for (const char *at = column->default_text; *at != '\0'; at++)
	{
		if (*at < ' ' || *at > '~' || *at == '?')
			return false;
	}
	return column->default_length == strlen(column->default_text);
}

/*
 * An inserted row of which the image was cut (binlog_row_image = MINIMAL): what is not in it got the column's default.  Only what the catalogue says
 * in plain words can be given here.
 */
static bool
append_default(MysqlSource *self, const LoggedTable *table, int i, Error *err)
{
	const MyColumn *column = &table->table->columns[i];

	if (column->default_text == NULL && column->is_nullable)
	{
		strbuf_append(&self->records, "null");
		return true;
	}
	if (column->default_text == NULL && !column->is_generated && implicit_default(column) != NULL)
	{
		const char *text = implicit_default(column);

		return column->type == MY_BIT ? append_bit_default(self, table, i, err)
			: append_text(self, table, self->after, i, text, strlen(text), err);
	}
	if (column->default_text != NULL && is_known_default(column))
	{
		/* the length is said only where the text may hold zero bytes */
		size_t		length = column->default_length > 0 ? column->default_length : strlen(column->default_text);

		return column->type == MY_BIT ? append_bit_default(self, table, i, err)
			: append_text(self, table, self->after, i, column->default_text, length, err);
	}
	error_set(err, ERROR_FAILED, "table %s.%s: an inserted row has no value for column %s in the binary log at %s", table->table->schema,
			  table->table->name, column->name, mysource_place(self));
	return error_hint(err, "on the source: SET GLOBAL binlog_row_image = FULL; what was logged before needs a new full sync");
}

static bool
append_value(MysqlSource *self, const LoggedTable *table, const MyCell *cells, int i, Error *err)
{
	const MyCell *cell = &cells[i];
	const MyRowColumn *column = &table->columns[i];
	const char *data;
	size_t		length;

	if (cell->state == MY_CELL_ABSENT && self->rows.kind == MY_ROWS_INSERT)
		return append_default(self, table, i, err);
	if (cell->state != MY_CELL_VALUE)
	{
		strbuf_append(&self->records, cell->state == MY_CELL_NULL ? "null" : "false");
		return true;
	}
	if (!my_row_text(column, cell, &self->text, &data, &length, err))
	{
		error_context(err, "table %s.%s", table->table->schema, table->table->name);
		return err->hint != NULL ? false : error_hint(err, "if the table was altered since: a new full sync of it");
	}
	if (table->is_plain[i])
	{
		append_plain(&self->records, data, length);
		return true;
	}
	return append_text(self, table, cells, i, data, length, err);
}

static bool
append_new(MysqlSource *self, const LoggedTable *table, const MyCell *cells, Error *err)
{
	for (int i = 0; i < table->record_count; i++)
	{
		strbuf_append_char(&self->records, i == 0 ? '[' : ',');
		if (!append_value(self, table, cells, i, err))
			return false;
	}
	strbuf_append_char(&self->records, ']');
	return true;
}

static bool
append_old(MysqlSource *self, const LoggedTable *table, const MyCell *cells, Error *err)
{
	char		before = '[';

	for (int i = 0; i < table->record_count; i++)
	{
		if (!table->is_key[i])
			continue;
		if (cells[i].state == MY_CELL_ABSENT)
			return error_set(err, ERROR_FAILED, "table %s.%s: the row image lacks column %s, by which rows are found (binary log at %s)",
							 table->table->schema, table->table->name, table->table->columns[i].name, mysource_place(self));
		strbuf_append_char(&self->records, before);
		if (!append_value(self, table, cells, i, err))
			return false;
		before = ',';
	}
	strbuf_append_char(&self->records, ']');
	return true;
}

/* What the server generates changes with what it is made of, and is left out all the same. */
static bool
lacks_generated(MysqlSource *self, const LoggedTable *table, int i, Error *err)
{
	error_set(err, ERROR_FAILED, "table %s.%s: an updated row has no value for the generated column %s, which is an ordinary one on the target (binary log at %s)",
			  table->table->schema, table->table->name, table->table->columns[i].name, mysource_place(self));
	return error_hint(err, "on the source: SET GLOBAL binlog_row_image = FULL, where the server puts generated columns into the log then (MariaDB 11.8 does not); "
					  "or make the column a generated one on the target");
}

/* An image that was cut to what changed: the others are what they were.  *changes_key: the old key must be said too. */
static bool
complete_after(MysqlSource *self, const LoggedTable *table, bool *changes_key, Error *err)
{
	*changes_key = table->identity == 'f';
	for (int i = 0; i < table->record_count; i++)
	{
		if (self->after[i].state == MY_CELL_ABSENT)
		{
			if (table->is_needed[i] && self->before[i].state == MY_CELL_ABSENT)
				return lacks_generated(self, table, i, err);
			self->after[i] = self->before[i];
		}
		else if (table->is_key[i] && !mysource_same_cell(&self->before[i], &self->after[i]))
			*changes_key = true;
	}
	return true;
}

/* "["I",17," */
static void
append_head(StrBuf *out, char kind, uint64_t number)
{
	char		digits[20];
	int			count = 0;
	char	   *to = strbuf_room(out, sizeof(digits) + 6);
	char	   *start = to;

	do
	{
		digits[count++] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(to, (char[]){'[', '"', kind, '"', ','}, 5);
	to += 5;
	while (count > 0)
		*to++ = digits[--count];
	*to++ = ',';
	strbuf_grown(out, (size_t) (to - start));
}

static bool
append_change(MysqlSource *self, LoggedTable *table, MyRowsKind kind, Error *err)
{
	StrBuf	   *records = &self->records;
	bool		has_old = false;

	switch (kind)
	{
		case MY_ROWS_INSERT:
			append_head(records, 'I', table->number);
			if (!append_new(self, table, self->after, err))
				return false;
			break;
		case MY_ROWS_UPDATE:
			if (!complete_after(self, table, &has_old, err))
				return false;
			append_head(records, 'U', table->number);
			if (!append_new(self, table, self->after, err))
				return false;
			if (has_old)
			{
				strbuf_append_char(records, ',');
				if (!append_old(self, table, self->before, err))
					return false;
			}
			break;
		case MY_ROWS_DELETE:
			append_head(records, 'D', table->number);
			if (!append_old(self, table, self->before, err))
				return false;
			break;
	}
	strbuf_append_bytes(records, "]\n", 2);
	return true;
}

/* The end of a row that has none yet is the largest there is, be it a time or the number of a transaction. */
static bool
is_present_row(const MyCell *cell)
{
	static const uint8_t largest[][8] = {{0x7f, 0xff, 0xff, 0xff, 0x0f, 0x42, 0x3f}, {0xff, 0xff, 0xff, 0xff, 0x0f, 0x42, 0x3f},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	if (cell->state != MY_CELL_VALUE)
		return true;
	for (size_t i = 0; i < sizeof(largest) / sizeof(largest[0]); i++)
	{
		if (cell->length == (i < 2 ? 7 : 8) && memcmp(cell->data, largest[i], cell->length) == 0)
			return true;
	}
	return false;
}

/*
 * Versioned tables: a row is deleted by an update of its end, and a former version of a row is inserted beside it.  Only the present rows are
 * passed on.  false: nothing of it is.
 */
static bool
is_passed_on(const MysqlSource *self, const LoggedTable *table, MyRowsKind *kind)
{
	bool		was_present = *kind == MY_ROWS_INSERT || is_present_row(&self->before[table->row_end]);
	bool		is_present = *kind == MY_ROWS_DELETE || is_present_row(&self->after[table->row_end]);

	if (*kind == MY_ROWS_UPDATE && was_present && !is_present)
	{
		*kind = MY_ROWS_DELETE;
		return true;
	}
	return was_present && is_present;
}

static bool
take_row(MysqlSource *self, LoggedTable *table, Error *err)
{
	MyRows	   *rows = &self->rows;
	MyRowsKind	kind = rows->kind;

	if ((rows->before != NULL && !my_row_read(table->columns, table->column_count, rows->before, &rows->rows, self->before, err)) ||
		(rows->after != NULL && !my_row_read(table->columns, table->column_count, rows->after, &rows->rows, self->after, err)))
		return error_context(err, "table %s.%s", table->table->schema, table->table->name);
	if (table->row_end >= 0 && !is_passed_on(self, table, &kind))
		return true;
	if (rows->ignores_keys && !mysource_keys_agree(self, table, kind))
		return true;
	self->group.change_count++;
	return append_change(self, table, kind, err);
}

bool
mysource_more_rows(MysqlSource *self, SourceEvent *out, Error *err)
{
	LoggedTable *table = self->rows_table;
	bool		may_cut = self->group.start != self->uncut;

	while (my_bytes_left(&self->rows.rows) > 0)
	{
		const uint8_t *at = self->rows.rows.at;

		if (!take_row(self, table, err))
			return false;
		if (self->stop_error.kind != ERROR_NONE)
			break;
		if (self->rows.rows.at == at)
			return error_set(err, ERROR_FAILED, "table %s.%s: malformed row of no bytes", table->table->schema, table->table->name);
		if (may_cut && self->records.length >= (size_t) self->options.part_bytes)
		{
			mysource_give_part(self, LSN_NONE, out);
			return true;
		}
	}
	self->has_rows = false;
	return true;
}

static void
need_cells(MysqlSource *self, int count)
{
	if (count <= self->cell_capacity)
		return;
	self->before = mem_realloc(self->before, sizeof(MyCell) * (size_t) count);
	self->after = mem_realloc(self->after, sizeof(MyCell) * (size_t) count);
	self->cell_capacity = count;
}

bool
mysource_rows(MysqlSource *self, const MyEvent *event, SourceEvent *out, Error *err)
{
	LoggedTable *table;
	uint64_t	id;

	if (!my_event_table_map_id(event, &id, err))
		return false;
	table = hash_get_number(self->maps, id);
	if (table == &mysource_ignored_table)
		return true;
	if (!my_event_rows(event, &self->buffer, &self->buffer_size, &self->rows, err))
		return false;
	if (self->rows.ends_statement && !mysource_end_statement(self))
		return true;
	if (table == NULL)
	{
		/* MySQL's event of this kind ends a statement and has no rows. */
		if (my_bytes_left(&self->rows.rows) == 0)
			return true;
		return error_set(err, ERROR_FAILED, "row event of table %llu without its table map", (unsigned long long) id);
	}
	if (self->rows.column_count != table->column_count)
		return error_set(err, ERROR_FAILED, "row event of %d columns, the table map of %s.%s has %d", self->rows.column_count,
						 table->table->schema, table->table->name, table->column_count);
	if (self->rows.ignores_keys && !mysource_ask_acting_keys(self, table, err))
		return false;
	need_cells(self, table->column_count);
	/* All of a small transaction goes there: one allocation instead of many. */
	if (self->records.data == NULL)
		strbuf_reserve(&self->records, 2 * my_bytes_left(&self->rows.rows) < (size_t) self->options.part_bytes
					   ? 2 * my_bytes_left(&self->rows.rows) + 384 : (size_t) self->options.part_bytes);
	mysource_begin_records(self);
	self->has_rows = true;
	self->rows_table = table;
	if (!table->is_announced)
	{
		mysource_announce(self, table, out);
		return true;
	}
	return mysource_more_rows(self, out, err);
}
