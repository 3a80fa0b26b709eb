/*
 * mysql_cascades.c
 *		Changes that the target's foreign keys would follow, and the source's did not.
 *
 * The log does not have what foreign keys do to other rows, so those of the target are asked to do the same.  Under foreign_key_checks = 0 the source's
 * do nothing, of which a row event has a flag; the target's would act all the same.
 */
#include "source/mysql_private.h"

bool
mysource_ask_acting_keys(MysqlSource *self, LoggedTable *table, Error *err)
{
	const char **acting;

	if (self->rows.kind == MY_ROWS_INSERT || self->options.acting_keys == NULL || table->acting != NULL)
		return true;
	acting = arena_zalloc(self->catalog_arena, sizeof(char *) * ((size_t) table->record_count + 1));
	if (!self->options.acting_keys(self->options.acting_keys_arg, table->table, self->catalog_arena, acting, err))
		return false;
	table->acting = acting;
	return true;
}

/* What would act on the present row; NULL: nothing.  A value of which the image of before was cut counts as changed. */
static const char *
acting_on(const MysqlSource *self, const LoggedTable *table, MyRowsKind kind)
{
	if (kind == MY_ROWS_DELETE)
		return table->acting[table->record_count];
	for (int i = 0; i < table->record_count && kind == MY_ROWS_UPDATE; i++)
	{
		if (table->acting[i] != NULL && self->after[i].state != MY_CELL_ABSENT && !mysource_same_cell(&self->before[i], &self->after[i]))
			return table->acting[i];
	}
	return NULL;
}

/* One transaction can be passed over by itself: "until" takes what begins before it. */
static void
make_stop(MysqlSource *self, const LoggedTable *table, MyRowsKind kind, const char *statements, Error *err)
{
	Arena	   *arena = arena_new(0);
	const char *base = my_binlog_base(self->binlog);
	const char *start = my_position_text(arena, base, self->group.start);
	const char *behind = self->replay != NULL ? my_position_text(arena, base, self->replay_end) : mysource_place(self);

	error_set(err, ERROR_FAILED,
			  "the stream stops at %s of table %s.%s that was made with foreign_key_checks = 0 (binary log at %s): the source's foreign keys have left the "
			  "rows that refer to it alone, the target's would not", kind == MY_ROWS_DELETE ? "a delete" : "an update", table->table->schema,
			  table->table->name, mysource_place(self));
	error_hint(err, "to bring this transaction over as it was made: dbsync run --until %s; then, on the target as a superuser:\n%s\n"
			   "then dbsync run --cascades ignore --until %s; then let these keys act again, by the statements that dbsync check has. "
			   "Or \"dbsync drop\" and a new full sync", start, statements, behind);
	arena_free(arena);
}

static void
stop(MysqlSource *self, Error *why)
{
	error_move(&self->stop_error, why);
	/* Of a transaction that was passed on in part, the parts say where we are. */
	if (self->group.next_part == 0)
		self->idle = self->group.start;
}

bool
mysource_end_statement(MysqlSource *self)
{
	bool		stops = self->late_stop.kind != ERROR_NONE && self->rows.ignores_keys;

	if (stops)
		stop(self, &self->late_stop);
	error_clear(&self->late_stop);
	return !stops;
}

bool
mysource_keys_agree(MysqlSource *self, const LoggedTable *table, MyRowsKind kind)
{
	const char *statements = table->acting != NULL && self->late_stop.kind == ERROR_NONE ? acting_on(self, table, kind) : NULL;
	Error		why = ERROR_INIT;

	if (statements == NULL)
		return true;
	make_stop(self, table, kind, statements, &why);
	if (self->rows.may_be_cascade)
	{
		error_move(&self->late_stop, &why);
		return true;
	}
	stop(self, &why);
	return false;
}
