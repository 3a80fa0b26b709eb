/*
 * progress_view.c
 *		State of what is copied and streamed, the thread that shows it, and the place on the terminal.
 *
 * Locks: the log's lock is taken before the view's (the hooks hold both), so nothing here logs while it holds the view's.
 */
#include "observe/progress_view.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "observe/progress_line.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MODULE           "copy"
#define DRAW_INTERVAL_MS 200
/* Rates follow a change within this time. */
#define RATE_SECONDS    3.0
#define MAX_BARS        16
#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS    24

typedef struct Rate
{
	int64_t amount;
	int64_t time_ms; /* 0: not started */
	double per_second;
} Rate;

typedef struct RunningItem
{
	struct RunningItem *next;
	char *schema;
	char *table;
	char *label;
	int chunk;
	int64_t estimated_bytes;
	int64_t rows;
	int64_t bytes;
	Rate rate;
} RunningItem;

struct ProgressView
{
	ProgressSink sink;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	pthread_t thread;
	bool has_thread;
	bool bars;
	int report_interval_ms;
	bool ending;

	/* the copy */
	RunningItem *running; /* in the order of their start */
	int running_count;
	int item_count;
	int done_count;
	int64_t estimated_bytes; /* of all items */
	int64_t done_estimate;   /* of the finished ones */
	int64_t done_bytes;      /* that this run has copied, of finished items */
	int64_t done_rows;
	Rate rate;

	/* the stream */
	bool is_streaming;
	Lsn received;
	Lsn applied;
	int64_t changes;
	Rate change_rate;

	/* the terminal: columns of each line that is on it */
	int drawn_columns[MAX_BARS + 2];
	int drawn_count;
};

static void
rate_start(Rate *rate, int64_t amount, int64_t now_ms)
{
	*rate = (Rate){amount, now_ms, 0};
}

/* An average that forgets: exact for uneven intervals. */
static void
rate_update(Rate *rate, int64_t amount, int64_t now_ms)
{
	double seconds = (double) (now_ms - rate->time_ms) / 1000;
	double current;

	if (seconds < 0.05)
		return;
	current = (double) (amount - rate->amount) / seconds;
	if (current < 0)
		current = 0;
	if (rate->per_second <= 0)
		rate->per_second = current;
	else
		rate->per_second += (current - rate->per_second) * (1 - exp(-seconds / RATE_SECONDS));
	rate->amount = amount;
	rate->time_ms = now_ms;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return (a < b) ? a : b;
}

/* The view is locked. */
static int64_t
copied_bytes(const ProgressView *view)
{
	int64_t bytes = view->done_bytes;

	for (const RunningItem *item = view->running; item != NULL; item = item->next)
		bytes += item->bytes;
	return bytes;
}

/* The same in terms of the estimates, so that it ends at their sum. */
static int64_t
estimated_done(const ProgressView *view)
{
	int64_t bytes = view->done_estimate;

	for (const RunningItem *item = view->running; item != NULL; item = item->next)
		bytes += smaller(item->bytes, item->estimated_bytes);
	return bytes;
}

static void
update_rates(ProgressView *view)
{
	int64_t now_ms = clock_monotonic_ms();

	rate_update(&view->rate, copied_bytes(view), now_ms);
	for (RunningItem *item = view->running; item != NULL; item = item->next)
		rate_update(&item->rate, item->bytes, now_ms);
	if (view->is_streaming)
		rate_update(&view->change_rate, view->changes, now_ms);
}

static void
terminal_size(int *columns, int *rows)
{
	struct winsize size;

	*columns = DEFAULT_COLUMNS;
	*rows = DEFAULT_ROWS;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0)
	{
		if (size.ws_col > 0)
			*columns = size.ws_col;
		if (size.ws_row > 0)
			*rows = size.ws_row;
	}
}

static void
write_terminal(const StrBuf *text)
{
	const char *next = strbuf_text(text);
	size_t left = text->length;

	while (left > 0)
	{
		ssize_t written = write(STDERR_FILENO, next, left);

		if (written < 0 && errno != EINTR)
			return;
		if (written > 0)
		{
			next += written;
			left -= (size_t) written;
		}
	}
}

/* To the first of our lines, and clear from there.  Lines wrap when a terminal is made narrower: then they are several. */
static void
append_erase(ProgressView *view, StrBuf *out, int columns)
{
	int up = 0;

	for (int i = 0; i < view->drawn_count; i++)
		up += (view->drawn_columns[i] <= columns) ? 1 : (view->drawn_columns[i] + columns - 1) / columns;
	if (up > 0)
		strbuf_printf(out, "\033[%dA", up);
	if (view->drawn_count > 0)
		strbuf_append(out, "\r\033[J");
	view->drawn_count = 0;
}

static void
end_line(ProgressView *view, StrBuf *out, int columns)
{
	view->drawn_columns[view->drawn_count++] = columns;
	strbuf_append_char(out, '\n');
}

static void
append_copy(ProgressView *view, StrBuf *out, int columns, int rows)
{
	int max_bars = (rows > 8) ? rows / 2 : 1;
	int shown = 0;
	ProgressLine total = {.done_bytes = estimated_done(view),
						  .estimated_bytes = view->estimated_bytes,
						  .bytes_per_second = view->rate.per_second,
						  .rows = view->done_rows};
	StrBuf name = STRBUF_INIT;

	if (max_bars > MAX_BARS)
		max_bars = MAX_BARS;
	for (const RunningItem *item = view->running; item != NULL; item = item->next)
	{
		ProgressLine line = {item->label, item->rows, item->bytes, item->estimated_bytes, item->rate.per_second};

		total.rows += item->rows;
		if (shown >= max_bars)
			continue;
		progress_append_line(out, &line, columns);
		end_line(view, out, columns);
		shown++;
	}
	strbuf_printf(&name, "full sync %d of %d", view->done_count, view->item_count);
	if (shown < view->running_count)
		strbuf_printf(&name, " (%d more running)", view->running_count - shown);
	total.name = strbuf_text(&name);
	progress_append_line(out, &total, columns);
	end_line(view, out, columns);
	strbuf_free(&name);
}

static void
append_stream(ProgressView *view, StrBuf *out, int columns)
{
	StrBuf line = STRBUF_INIT;
	char lsn[LSN_TEXT_SIZE];
	char number[PROGRESS_NUMBER_SIZE];
	Lsn behind = (view->received > view->applied) ? view->received - view->applied : 0;

	strbuf_printf(&line, "streaming  applied %s", lsn_show(view->applied, lsn));
	strbuf_printf(&line, "  behind %s", progress_format_bytes((double) behind, number));
	strbuf_printf(&line, "  %s changes/s", progress_format_count((int64_t) view->change_rate.per_second, number));
	progress_append_cut(out, strbuf_text(&line), columns);
	end_line(view, out, columns);
	strbuf_free(&line);
}

/* The view is locked.  The last column stays free: terminals differ in what they do behind it. */
static void
draw(ProgressView *view)
{
	StrBuf out = STRBUF_INIT;
	int columns;
	int rows;

	terminal_size(&columns, &rows);
	append_erase(view, &out, columns);
	if (view->running_count > 0)
		append_copy(view, &out, columns - 1, rows);
	if (view->is_streaming)
		append_stream(view, &out, columns - 1);
	write_terminal(&out);
	strbuf_free(&out);
}

static void
erase(ProgressView *view)
{
	StrBuf out = STRBUF_INIT;
	int columns;
	int rows;

	terminal_size(&columns, &rows);
	append_erase(view, &out, columns);
	write_terminal(&out);
	strbuf_free(&out);
}

/* Hooks of the log: it holds its own lock, and the view's in between. */
static void
before_log_line(void *arg)
{
	ProgressView *view = arg;

	pthread_mutex_lock(&view->mutex);
	erase(view);
}

static void
after_log_line(void *arg)
{
	ProgressView *view = arg;

	draw(view);
	pthread_mutex_unlock(&view->mutex);
}

/* Unlocks the view to log, and locks it again. */
static void
report_copy(ProgressView *view)
{
	ProgressLine total = {.done_bytes = estimated_done(view),
						  .estimated_bytes = view->estimated_bytes,
						  .bytes_per_second = view->rate.per_second};
	int running = view->running_count;
	int done = view->done_count;
	int count = view->item_count;
	int64_t rows = view->done_rows;
	int64_t bytes = copied_bytes(view);
	int64_t left_ms = progress_left_ms(total.done_bytes, total.estimated_bytes, total.bytes_per_second);
	int percent = progress_percent(total.done_bytes, total.estimated_bytes);
	char bytes_text[PROGRESS_NUMBER_SIZE];
	char rate_text[PROGRESS_NUMBER_SIZE];
	char left_text[CLOCK_TEXT_SIZE];

	for (const RunningItem *item = view->running; item != NULL; item = item->next)
		rows += item->rows;
	pthread_mutex_unlock(&view->mutex);
	log_info(MODULE, "full sync: %d of %d done, %d running percent=%d rows=%lld size=\"%s\" rate=\"%s/s\"%s%s%s", done,
			 count, running, (percent < 0) ? 0 : percent, (long long) rows,
			 progress_format_bytes((double) bytes, bytes_text),
			 progress_format_bytes(total.bytes_per_second, rate_text), (left_ms < 0) ? "" : " left=\"",
			 (left_ms < 0) ? "" : clock_format_duration(left_ms, left_text), (left_ms < 0) ? "" : "\"");
	pthread_mutex_lock(&view->mutex);
}

static struct timespec
time_after(int ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += (long) (ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000)
	{
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

static void *
show(void *arg)
{
	ProgressView *view = arg;
	int64_t next_report_ms = clock_monotonic_ms() + view->report_interval_ms;

	pthread_mutex_lock(&view->mutex);
	while (!view->ending)
	{
		struct timespec wake_at = time_after(DRAW_INTERVAL_MS);

		(void) pthread_cond_timedwait(&view->wake, &view->mutex, &wake_at);
		if (view->ending)
			break;
		update_rates(view);
		if (view->bars)
			draw(view);
		else if (clock_monotonic_ms() >= next_report_ms)
		{
			next_report_ms += view->report_interval_ms;
			if (view->running_count > 0)
				report_copy(view);
		}
	}
	pthread_mutex_unlock(&view->mutex);
	return NULL;
}

/* The view is locked. */
static void
remove_item(ProgressView *view, RunningItem **place)
{
	RunningItem *item = *place;

	*place = item->next;
	view->running_count--;
	free(item->schema);
	free(item->table);
	free(item->label);
	free(item);
}

/* The place of the pointer to it; the view is locked. */
static RunningItem **
find_item(ProgressView *view, const CopyItem *item)
{
	RunningItem **place = &view->running;

	while (*place != NULL && ((*place)->chunk != item->chunk || strcmp((*place)->table, item->table) != 0 ||
							  strcmp((*place)->schema, item->schema) != 0))
		place = &(*place)->next;
	return place;
}

static char *
label_of(const CopyItem *item)
{
	if (item->chunk_count > 1)
		return mem_printf("%s.%s %d/%d", item->schema, item->table, item->chunk + 1, item->chunk_count);
	return mem_printf("%s.%s", item->schema, item->table);
}

/* Comes again with a new snapshot: what was running then has not finished. */
static void
on_copy_planned(void *arg, const CopyItem *items, int count)
{
	ProgressView *view = arg;

	pthread_mutex_lock(&view->mutex);
	while (view->running != NULL)
		remove_item(view, &view->running);
	view->item_count = count;
	view->done_count = 0;
	view->estimated_bytes = 0;
	view->done_estimate = 0;
	for (int i = 0; i < count; i++)
	{
		view->estimated_bytes += items[i].estimated_bytes;
		if (items[i].phase == COPY_DONE)
		{
			view->done_count++;
			view->done_estimate += items[i].estimated_bytes;
		}
	}
	rate_start(&view->rate, copied_bytes(view), clock_monotonic_ms());
	pthread_mutex_unlock(&view->mutex);
}

static void
on_copy_started(void *arg, const CopyItem *item)
{
	ProgressView *view = arg;
	RunningItem **place;

	pthread_mutex_lock(&view->mutex);
	place = find_item(view, item);
	if (*place == NULL)
	{
		*place = mem_zalloc(sizeof(RunningItem));
		(*place)->schema = mem_strdup(item->schema);
		(*place)->table = mem_strdup(item->table);
		(*place)->label = label_of(item);
		(*place)->chunk = item->chunk;
		(*place)->estimated_bytes = item->estimated_bytes;
		view->running_count++;
	}
	(*place)->rows = 0;
	(*place)->bytes = 0;
	rate_start(&(*place)->rate, 0, clock_monotonic_ms());
	pthread_mutex_unlock(&view->mutex);
}

static void
on_copy_advanced(void *arg, const CopyItem *item, int64_t rows, int64_t bytes)
{
	ProgressView *view = arg;
	RunningItem *running;

	pthread_mutex_lock(&view->mutex);
	running = *find_item(view, item);
	if (running != NULL)
	{
		running->rows = rows;
		running->bytes = bytes;
	}
	pthread_mutex_unlock(&view->mutex);
}

/* Whoever copied it says so in the log. */
static void
on_copy_finished(void *arg, const CopyItem *item)
{
	ProgressView *view = arg;
	RunningItem **place;

	pthread_mutex_lock(&view->mutex);
	place = find_item(view, item);
	if (*place != NULL)
		remove_item(view, place);
	view->done_count++;
	view->done_estimate += item->estimated_bytes;
	view->done_bytes += item->bytes;
	view->done_rows += item->rows;
	pthread_mutex_unlock(&view->mutex);
}

/* Whoever tries again says why in the log. */
static void
on_copy_restarted(void *arg, const CopyItem *item, const char *reason DBSYNC_UNUSED)
{
	on_copy_advanced(arg, item, 0, 0);
}

static void
on_stream_advanced(void *arg, Lsn received, Lsn flushed DBSYNC_UNUSED, Lsn applied, int64_t transactions DBSYNC_UNUSED,
				   int64_t changes)
{
	ProgressView *view = arg;

	pthread_mutex_lock(&view->mutex);
	if (!view->is_streaming)
	{
		view->is_streaming = true;
		rate_start(&view->change_rate, changes, clock_monotonic_ms());
	}
	view->received = received;
	view->applied = applied;
	view->changes = changes;
	pthread_mutex_unlock(&view->mutex);
}

ProgressView *
progress_view_new(bool bars, int report_interval_ms)
{
	ProgressView *view = mem_zalloc(sizeof(ProgressView));
	pthread_condattr_t attributes;
	const char *terminal = getenv("TERM");

	view->sink = (ProgressSink){on_copy_planned,
								on_copy_started,
								on_copy_advanced,
								on_copy_finished,
								on_copy_restarted,
								on_stream_advanced,
								view};
	view->bars = bars && log_is_terminal() && terminal != NULL && strcmp(terminal, "dumb") != 0;
	view->report_interval_ms = report_interval_ms;
	pthread_mutex_init(&view->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&view->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (view->bars)
		log_set_hooks(before_log_line, after_log_line, view);
	/* Without it nothing is shown while a table is copied; that is no reason not to copy. */
	view->has_thread = pthread_create(&view->thread, NULL, show, view) == 0;
	return view;
}

const ProgressSink *
progress_view_sink(ProgressView *view)
{
	return &view->sink;
}

void
progress_view_free(ProgressView *view)
{
	if (view == NULL)
		return;
	pthread_mutex_lock(&view->mutex);
	view->ending = true;
	pthread_cond_signal(&view->wake);
	pthread_mutex_unlock(&view->mutex);
	if (view->has_thread)
		pthread_join(view->thread, NULL);
	if (view->bars)
	{
		log_set_hooks(NULL, NULL, NULL);
		erase(view);
	}
	while (view->running != NULL)
		remove_item(view, &view->running);
	pthread_cond_destroy(&view->wake);
	pthread_mutex_destroy(&view->mutex);
	free(view);
}
