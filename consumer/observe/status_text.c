/* The status for people. */
#include "observe/status.h"

#include "base/clock.h"

#include <stdio.h>

/* Lines of one kind; --json has them all. */
#define LINES_SHOWN 30

const char *
status_format_size(int64_t bytes, char buf[STATUS_SIZE_TEXT])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	double		value = (double) bytes;
	size_t		unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]))
	{
		value /= 1024;
		unit++;
	}
	snprintf(buf, STATUS_SIZE_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return buf;
}

static const char *
lsn_or_none(Lsn lsn, char buf[LSN_TEXT_SIZE])
{
	return lsn == LSN_NONE ? "-" : lsn_show(lsn, buf);
}

static void
write_task(StrBuf *out, const TaskStatus *status)
{
	char		time[CLOCK_TEXT_SIZE];

	strbuf_printf(out, "task      %s\n", status->task);
	strbuf_printf(out, "store     %s\n", status->store != NULL ? status->store : "not there yet");
	strbuf_printf(out, "state     %s", status_state_name(status));
	if (status->is_mysql ? status->target.connected : status->source.connected)
		strbuf_append(out, status->running ? ", running" : ", not running");
	strbuf_append_char(out, '\n');
	if (!status->found)
		return;
	if (status->state.copy_start_us != 0)
		strbuf_printf(out, "full sync started %s", clock_format(status->state.copy_start_us, time));
	if (status->state.copy_end_us != 0)
		strbuf_printf(out, ", ended %s", clock_format(status->state.copy_end_us, time));
	if (status->state.copy_start_us != 0)
		strbuf_append_char(out, '\n');
}

static void
write_slot(StrBuf *out, const TaskStatus *status)
{
	const StatusSlot *slot = &status->slot;
	char		lsn[LSN_TEXT_SIZE];
	char		size[STATUS_SIZE_TEXT];

	if (!status->source.connected)
	{
		strbuf_printf(out, "source    not reached: %s\n", status->source.error);
		return;
	}
	strbuf_printf(out, "source    at %s\n", lsn_or_none(status->current_lsn, lsn));
	if (status->is_mysql)
		return;
	if (!slot->exists)
	{
		strbuf_printf(out, "slot      none of the name %s\n", status->task);
		return;
	}
	if (slot->active)
		strbuf_printf(out, "slot      active, pid %d", slot->active_pid);
	else
		strbuf_append(out, "slot      not active");
	strbuf_printf(out, ", confirmed %s", lsn_or_none(slot->confirmed, lsn));
	if (slot->lag_bytes != STATUS_UNKNOWN)
		strbuf_printf(out, ", %s behind", status_format_size(slot->lag_bytes, size));
	if (slot->retained_bytes != STATUS_UNKNOWN)
		strbuf_printf(out, ", keeps %s of WAL", status_format_size(slot->retained_bytes, size));
	if (slot->wal_status != NULL)
		strbuf_printf(out, " (%s)", slot->wal_status);
	if (slot->safe_wal_size != STATUS_UNKNOWN)
		strbuf_printf(out, ", lost after %s more", status_format_size(slot->safe_wal_size, size));
	strbuf_append_char(out, '\n');
}

static void
write_progress(StrBuf *out, const TaskStatus *status)
{
	char		lsn[LSN_TEXT_SIZE];
	char		time[CLOCK_TEXT_SIZE];
	char		size[STATUS_SIZE_TEXT];

	if (!status->target.connected)
		strbuf_printf(out, "target    not reached: %s\n", status->target.error);
	if (!status->found)
		return;
	strbuf_printf(out, "received  up to %s\n", lsn_or_none(status->state.received_lsn, lsn));
	strbuf_printf(out, "applied   up to %s", lsn_or_none(status->applied_lsn, lsn));
	if (status->applied_commit_us != 0)
		strbuf_printf(out, ", committed on the source %s", clock_format(status->applied_commit_us, time));
	if (!status->target.connected)
		strbuf_append(out, " (as the local store remembers it)");
	strbuf_append_char(out, '\n');
	if (status->lag_bytes != STATUS_UNKNOWN)
	{
		strbuf_printf(out, "lag       %s", status_format_size(status->lag_bytes, size));
		if (status->lag_seconds != STATUS_UNKNOWN)
			strbuf_printf(out, ", %.1f s", status->lag_seconds);
		strbuf_append_char(out, '\n');
	}
	strbuf_printf(out, "waiting   %lld transactions, %lld changes, %s in the local store\n",
				  (long long) status->waiting.transaction_count, (long long) status->waiting.change_count,
				  status_format_size(status->waiting.bytes, size));
	if (status->conflicts > 0)
		strbuf_printf(out, "conflicts %lld, kept in dbsync.conflicts on the target\n", (long long) status->conflicts);
	else if (status->conflicts == 0)
		strbuf_append(out, "conflicts none\n");
}

/* True: enough of them were shown, and how many more there are is said. */
static bool
is_enough(StrBuf *out, int shown, int count)
{
	if (shown < LINES_SHOWN)
		return false;
	strbuf_printf(out, "  and %d more\n", count - shown);
	return true;
}

static void
write_replays(StrBuf *out, const TaskStatus *status)
{
	int64_t		total = 0;
	char		time[CLOCK_TEXT_SIZE];

	if (!status->found || status->replay_count == STATUS_UNKNOWN)
		return;
	if (status->replay_count == 0)
	{
		strbuf_append(out, "replays   none\n");
		return;
	}
	for (int i = 0; i < status->replay_count; i++)
		total += status->replays[i].count;
	strbuf_printf(out, "replays   %lld groups went change by change instead of by batch, the last one %s\n",
				  (long long) total, clock_format(status->replays[0].last_us, time));
	for (int i = 0; i < status->replay_count && !is_enough(out, i, status->replay_count); i++)
		strbuf_printf(out, "  %-8lld %s\n", (long long) status->replays[i].count, status->replays[i].reason);
}

/* While the full sync runs: what is not done yet.  Afterwards a line is enough. */
static void
write_tables(StrBuf *out, const TaskStatus *status)
{
	int			done = 0;
	int			shown = 0;
	int64_t		rows = 0;
	int64_t		bytes = 0;
	char		size[STATUS_SIZE_TEXT];
	char		estimate[STATUS_SIZE_TEXT];

	for (int i = 0; i < status->table_count; i++)
	{
		done += status->tables[i].phase == COPY_DONE;
		rows += status->tables[i].rows;
		bytes += status->tables[i].bytes;
	}
	if (status->table_count == 0)
		return;
	strbuf_printf(out, "copied    %d of %d tables, %lld rows, %s\n", done, status->table_count, (long long) rows,
				  status_format_size(bytes, size));
	for (int i = 0; i < status->table_count; i++)
	{
		const StatusTable *table = &status->tables[i];

		if (table->phase == COPY_DONE)
			continue;
		if (is_enough(out, shown++, status->table_count - done))
			break;
		strbuf_printf(out, "  %-8s %s.%s, %d of %d chunks, %s of about %s\n", table->phase == COPY_RUNNING ? "running" : "pending",
					  table->schema, table->table, table->chunks_done, table->chunks, status_format_size(table->bytes, size),
					  status_format_size(table->estimated_bytes, estimate));
	}
}

/* What dbsync schema --defer has left for the time behind the copy. */
static void
write_post_data(StrBuf *out, const TaskStatus *status)
{
	if (status->deferred <= 0)
		return;
	strbuf_printf(out, "indexes   %lld of %lld indexes, constraints and triggers are made\n",
				  (long long) (status->deferred - status->pending_count), (long long) status->deferred);
	for (int i = 0; i < status->pending_count && !is_enough(out, i, status->pending_count); i++)
		strbuf_printf(out, "  pending  %s\n", status->pending[i].name);
}

void
status_write_text(StrBuf *out, const TaskStatus *status)
{
	write_task(out, status);
	write_slot(out, status);
	write_progress(out, status);
	write_replays(out, status);
	write_tables(out, status);
	write_post_data(out, status);
}
