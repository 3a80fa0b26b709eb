/*
 * progress_line.h
 *		The text of progress lines, cut to a number of terminal columns.  No I/O.
 */
#ifndef DBSYNC_OBSERVE_PROGRESS_LINE_H
#define DBSYNC_OBSERVE_PROGRESS_LINE_H

#include "base/strbuf.h"

typedef struct ProgressLine
{
	const char *name;
	int64_t		rows;
	int64_t		done_bytes;
	int64_t		estimated_bytes;	/* 0: not known */
	double		bytes_per_second;	/* 0: not known yet */
} ProgressLine;

/*
 * Appends the text in at most so many columns, and returns how many it has.  Names may be any UTF-8: what is cut ends in "...", wide
 * characters count twice, control characters and invalid bytes are shown as "?".
 */
int progress_append_cut(StrBuf *out, const char *text, int columns);

/* "public.orders  [####....]  45%   1,234,567 rows  12.3 MB/s  1m 20s left"; narrow terminals get less of it. */
void progress_append_line(StrBuf *out, const ProgressLine *line, int columns);

/* "1,234,567" */
#define PROGRESS_NUMBER_SIZE 32
const char *progress_format_count(int64_t count, char buf[PROGRESS_NUMBER_SIZE]);
/* "12.3 MB" */
const char *progress_format_bytes(double bytes, char buf[PROGRESS_NUMBER_SIZE]);
/* 0..100; 99 for what should be done but is not: the estimate was low.  -1: not known. */
int progress_percent(int64_t done_bytes, int64_t estimated_bytes);
/* -1: not known */
int64_t progress_left_ms(int64_t done_bytes, int64_t estimated_bytes, double bytes_per_second);

#endif
