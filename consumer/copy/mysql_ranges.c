/*
 * mysql_ranges.c
 *		Cuts a table into parts of about the same number of rows, along the first column of its primary key.
 *
 * Keys may have large holes, so even steps would not do.  The server's optimizer tells in no time about how many rows lie between two keys (it looks
 * at a few pages of the index).  So the keys are halved until each piece has few rows, and the bounds are laid between pieces.  What it
 * tells may be wrong by a factor, but by about the same for all pieces; of more than half of a table it only says that it is half, and such
 * pieces are halved anyway.  The parts cover all keys whatever it says.
 */
#include "copy/mysql_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Pieces that make a part, and how often the server is asked for one table. */
#define PIECES 8
#define MAX_LOOKS 5000

typedef struct Piece
{
	uint64_t start;
	int64_t rows;
} Piece;

/* A key is its distance from the smallest one here, so that signed and unsigned are alike. */
typedef struct Ruler
{
	MyConn *conn;
	const MyTable *table;
	uint64_t first; /* the smallest key's bits */
	uint64_t span;	/* to the largest one */
	int64_t few;	/* rows of a piece that is not halved */
	int looks;
	Piece *pieces;
	int count;
	int room;
	int64_t rows; /* of all pieces */
} Ruler;

static const MyColumn *
range_column(const MyTable *table)
{
	return &table->columns[table->key_columns[0]];
}

bool
mysql_ranges_possible(const MyTable *table)
{
	if (!table->key_is_primary || table->key_count == 0)
		return false;
	switch (range_column(table)->type)
	{
		case MY_TINYINT:
		case MY_SMALLINT:
		case MY_MEDIUMINT:
		case MY_INT:
		case MY_BIGINT:
			return true;
		default:
			return false;
	}
}

static char *
key_text(const Ruler *ruler, uint64_t distance)
{
	uint64_t bits = ruler->first + distance;

	return range_column(ruler->table)->is_unsigned ? mem_printf("%" PRIu64, bits) : mem_printf("%" PRId64, (int64_t) bits);
}

/* Not forced to use it: MySQL would then see no reason to look into the index. */
static void
append_table(StrBuf *sql, const MyTable *table)
{
	my_quote_identifier(sql, table->schema);
	strbuf_append(sql, ".");
	my_quote_identifier(sql, table->name);
	strbuf_append(sql, " USE INDEX (PRIMARY)");
}

static void
append_condition(StrBuf *sql, const MyTable *table, const char *from, const char *to)
{
	const char *column = range_column(table)->name;

	if (from || to)
		strbuf_append(sql, " WHERE ");
	if (from)
	{
		my_quote_identifier(sql, column);
		strbuf_printf(sql, " >= %s", from);
	}
	if (from && to)
		strbuf_append(sql, " AND ");
	if (to)
	{
		my_quote_identifier(sql, column);
		strbuf_printf(sql, " < %s", to);
	}
}

void
mysql_ranges_append(StrBuf *sql, const MyTable *table, char **bounds, int part, int count)
{
	append_condition(sql, table, part > 0 ? bounds[part - 1] : NULL, part + 1 < count ? bounds[part] : NULL);
}

static bool
find_ends(Ruler *ruler, bool *is_empty, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	bool is_unsigned = range_column(ruler->table)->is_unsigned;
	MYSQL_RES *result;
	MYSQL_ROW row;
	bool ok;

	strbuf_append(&sql, "SELECT MIN(");
	my_quote_identifier(&sql, range_column(ruler->table)->name);
	strbuf_append(&sql, "), MAX(");
	my_quote_identifier(&sql, range_column(ruler->table)->name);
	strbuf_append(&sql, ") FROM ");
	append_table(&sql, ruler->table);
	ok = my_query(ruler->conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	row = mysql_fetch_row(result);
	*is_empty = !row || !row[0] || !row[1];
	if (!*is_empty)
	{
		ruler->first = is_unsigned ? strtoull(row[0], NULL, 10) : (uint64_t) strtoll(row[0], NULL, 10);
		ruler->span = (is_unsigned ? strtoull(row[1], NULL, 10) : (uint64_t) strtoll(row[1], NULL, 10)) - ruler->first;
	}
	mysql_free_result(result);
	return true;
}

/* How many rows lie in [from, to), or to the end where to is NULL; -1: the server does not say. */
static bool
estimate(const Ruler *ruler, const char *from, const char *to, int64_t *rows, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	MYSQL_RES *result;
	MYSQL_ROW row;
	bool ok;

	*rows = -1;
	strbuf_append(&sql, "EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM ");
	append_table(&sql, ruler->table);
	append_condition(&sql, ruler->table, from, to);
	ok = my_query(ruler->conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	row = mysql_fetch_row(result);
	for (unsigned i = 0; row && i < mysql_num_fields(result); i++)
		if (strcasecmp(mysql_fetch_field_direct(result, i)->name, "rows") == 0)
			*rows = row[i] ? strtoll(row[i], NULL, 10) : 0;
	mysql_free_result(result);
	return true;
}

static void
add_piece(Ruler *ruler, uint64_t start, int64_t rows)
{
	if (ruler->count == ruler->room)
	{
		ruler->room = ruler->room * 2 + 64;
		ruler->pieces = mem_realloc(ruler->pieces, sizeof(Piece) * (size_t) ruler->room);
	}
	ruler->pieces[ruler->count++] = (Piece) {start, rows};
	ruler->rows += rows;
}

/* Keys from start to last, in pieces. */
static bool
halve(Ruler *ruler, uint64_t start, uint64_t last, Error *err)
{
	uint64_t middle = start + (last - start) / 2;
	char *from = key_text(ruler, start);
	char *to = last < ruler->span ? key_text(ruler, last + 1) : NULL;
	int64_t rows;
	bool ok;

	ok = estimate(ruler, from, to, &rows, err);
	free(from);
	free(to);
	if (!ok)
		return false;
	if (rows <= ruler->few || last == start || ++ruler->looks > MAX_LOOKS)
	{
		add_piece(ruler, start, rows > 0 ? rows : 0);
		return true;
	}
	return halve(ruler, start, middle, err) && halve(ruler, middle + 1, last, err);
}

/* The first part has everything before its bound, and so on: a bound is where a piece begins. */
static void
lay_bounds(const Ruler *ruler, int count, char **bounds)
{
	int64_t passed = 0;
	int piece = 0;

	for (int i = 0; i < count - 1; i++)
	{
		while (piece < ruler->count && passed + ruler->pieces[piece].rows / 2 < ruler->rows / count * (i + 1))
			passed += ruler->pieces[piece++].rows;
		bounds[i] = key_text(ruler, piece < ruler->count ? ruler->pieces[piece].start : ruler->span);
	}
}

bool
mysql_ranges_find(MyConn *conn, const MyTable *table, int count, char ***bounds, Error *err)
{
	Ruler ruler = {.conn = conn, .table = table};
	char **found = mem_zalloc(sizeof(char *) * (size_t) (count > 1 ? count : 1)); /* ends with a NULL */
	int64_t total = 0;
	bool is_empty = true;
	bool ok;

	ok = find_ends(&ruler, &is_empty, err) && estimate(&ruler, NULL, NULL, &total, err);
	ruler.few = total / count / PIECES;
	if (ok && !is_empty)
		ok = halve(&ruler, 0, ruler.span, err);
	if (ok)
		lay_bounds(&ruler, count, found);
	free(ruler.pieces);
	if (ok)
		*bounds = found;
	else
		free(found);
	return ok;
}
