/*
 * progress_line.c
 *		Numbers for people, and names in columns.
 */
#include "observe/progress_line.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIN_NAME_COLUMNS 12
#define MAX_NAME_COLUMNS 40
#define BAR_COLUMNS      20
/* Longest waits are not worth a number. */
#define MAX_LEFT_MS (INT64_C(100) * 24 * 3600 * 1000)

/* Of a character at text: its bytes, its columns; false where it is not valid UTF-8 or must not be shown. */
static bool
read_character(const unsigned char *text, int *bytes, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	int length;

	*bytes = 1;
	if (text[0] < 0x80)
	{
		*code = text[0];
		return text[0] >= 0x20 && text[0] != 0x7f;
	}
	length = (text[0] >= 0xf0 && text[0] < 0xf5) ? 4 : (text[0] >= 0xe0) ? 3 : (text[0] >= 0xc2) ? 2 : 0;
	if (length == 0 || text[0] >= 0xf5)
		return false;
	*code = text[0] & (0x7fu >> length);
	for (int i = 1; i < length; i++)
	{
		if ((text[i] & 0xc0) != 0x80)
			return false;
		*code = (*code << 6) | (text[i] & 0x3f);
	}
	if (*code < smallest[length] || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff)
		return false;
	*bytes = length;
	/* C1 controls, and marks that change the direction of the line. */
	return *code >= 0xa0 && !(*code >= 0x200e && *code <= 0x200f) && !(*code >= 0x2028 && *code <= 0x202e) &&
		   !(*code >= 0x2066 && *code <= 0x2069);
}

typedef struct CodeRange
{
	uint32_t first;
	uint32_t last;
} CodeRange;

static bool
is_in(const CodeRange *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++)
	{
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

/*
 * The main ranges of East Asian wide characters and emoji, and of marks that take no column.  wcwidth() would need the
 * locale of the terminal, and a locale changes how numbers are written.
 */
static int
columns_of(uint32_t code)
{
	static const CodeRange wide[] = {{0x1100, 0x115f},  {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},
									 {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
									 {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
									 {0x20000, 0x3fffd}};
	static const CodeRange none[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},
									 {0x064b, 0x065f}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
									 {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
									 {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};

	if (is_in(none, sizeof(none) / sizeof(none[0]), code))
		return 0;
	return is_in(wide, sizeof(wide) / sizeof(wide[0]), code) ? 2 : 1;
}

int
progress_append_cut(StrBuf *out, const char *text, int columns)
{
	const unsigned char *next = (const unsigned char *) text;
	size_t length_before_dots = out->length;
	int used_before_dots = 0;
	int used = 0;

	while (*next != '\0')
	{
		uint32_t code;
		int bytes;
		bool valid = read_character(next, &bytes, &code);
		int width = valid ? columns_of(code) : 1;

		if (used + width > columns)
		{
			int dots = (columns >= 3) ? 3 : (columns > 0) ? columns : 0;

			out->length = length_before_dots;
			strbuf_append_bytes(out, "...", (size_t) dots);
			return used_before_dots + dots;
		}
		if (valid)
			strbuf_append_bytes(out, next, (size_t) bytes);
		else
			strbuf_append_char(out, '?');
		used += width;
		next += bytes;
		if (used + 3 <= columns)
		{
			length_before_dots = out->length;
			used_before_dots = used;
		}
	}
	return used;
}

const char *
progress_format_count(int64_t count, char buf[PROGRESS_NUMBER_SIZE])
{
	char digits[PROGRESS_NUMBER_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, count);
	int at = 0;

	for (int i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *
progress_format_bytes(double bytes, char buf[PROGRESS_NUMBER_SIZE])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	int unit = 0;

	while (bytes >= 1000 && unit < 5)
	{
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, PROGRESS_NUMBER_SIZE, (unit == 0 || bytes >= 100) ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return buf;
}

int
progress_percent(int64_t done_bytes, int64_t estimated_bytes)
{
	double percent;

	if (estimated_bytes <= 0)
		return -1;
	percent = (double) done_bytes * 100 / (double) estimated_bytes;
	return (percent > 99) ? 99 : (int) percent;
}

int64_t
progress_left_ms(int64_t done_bytes, int64_t estimated_bytes, double bytes_per_second)
{
	double left_ms;

	if (estimated_bytes <= done_bytes || bytes_per_second < 1)
		return -1;
	left_ms = (double) (estimated_bytes - done_bytes) / bytes_per_second * 1000;
	return (left_ms > (double) MAX_LEFT_MS) ? -1 : (int64_t) left_ms;
}

static void
append_bar(StrBuf *out, int percent)
{
	int filled = percent * BAR_COLUMNS / 100;

	strbuf_append(out, "  [");
	for (int i = 0; i < BAR_COLUMNS; i++)
		strbuf_append_char(out, (i < filled) ? '#' : '.');
	strbuf_append_char(out, ']');
}

/* What stands right of the name, the more the larger level is; plain ASCII, so that bytes are columns. */
static void
append_facts(StrBuf *out, const ProgressLine *line, int level)
{
	int percent = progress_percent(line->done_bytes, line->estimated_bytes);
	int64_t left_ms = progress_left_ms(line->done_bytes, line->estimated_bytes, line->bytes_per_second);
	char number[PROGRESS_NUMBER_SIZE];
	char duration[CLOCK_TEXT_SIZE];

	if (level >= 3)
		append_bar(out, (percent >= 0) ? percent : 0);
	/* Of fixed width, so that the lines stand in columns. */
	if (percent >= 0)
		strbuf_printf(out, "  %7d%%", percent);
	else
		strbuf_printf(out, "  %8s", progress_format_bytes((double) line->done_bytes, number));
	if (level >= 4)
		strbuf_printf(out, "  %13s rows", progress_format_count(line->rows, number));
	if (level >= 1)
		strbuf_printf(out, "  %7s/s", progress_format_bytes(line->bytes_per_second, number));
	if (level >= 2 && left_ms >= 0)
		strbuf_printf(out, "  %11s left", clock_format_duration((left_ms + 999) / 1000 * 1000, duration));
	else if (level >= 2)
		strbuf_printf(out, "%18s", "");
}

void
progress_append_line(StrBuf *out, const ProgressLine *line, int columns)
{
	StrBuf facts = STRBUF_INIT;
	int name_columns;
	int used;

	for (int level = 4; level >= 0; level--)
	{
		strbuf_reset(&facts);
		append_facts(&facts, line, level);
		if ((int) facts.length + MIN_NAME_COLUMNS + level * 4 <= columns)
			break;
	}
	if ((int) facts.length >= columns)
		strbuf_reset(&facts);
	name_columns = columns - (int) facts.length;
	if (name_columns > MAX_NAME_COLUMNS)
		name_columns = MAX_NAME_COLUMNS;
	used = progress_append_cut(out, line->name, name_columns);
	if (facts.length > 0)
		strbuf_printf(out, "%*s%s", name_columns - used, "", strbuf_text(&facts));
	strbuf_free(&facts);
}
