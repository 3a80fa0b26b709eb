/* The net effect of many changes, by key: each rule by itself, and random histories against a table in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "apply/net_change.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

/*
 * Rules.  A change is written as text: "I k a b", "U k a b", "U k a b < old", "D old"; values: "~" NULL, "?" unchanged TOAST.  What the
 * net effect is, too: "-k" delete, "k=a,b" update, "+k,a,b" insert, in the order of keys.
 */

typedef struct Bench
{
	NetShape shape;
	Relation relation;
	NetTable *net;
	Arena *arena;
} Bench;

static const int first_column[] = {0, 1};
static int identity[] = {0, 1, 2};

static void
bench_open(Bench *bench, int key_count, const NetKeyKind *kinds, int identity_count, bool can_reinsert)
{
	*bench = (Bench){.arena = arena_new(0)};
	bench->shape = (NetShape){3, key_count, first_column, first_column, kinds, can_reinsert};
	bench->relation.column_count = 3;
	bench->relation.identity_count = identity_count;
	bench->relation.identity_columns = identity;
	bench->net = net_new(&bench->shape, bench->arena);
}

static void
bench_close(Bench *bench)
{
	net_free(bench->net);
	arena_free(bench->arena);
}

static Value
text_value(Arena *arena, const char *text)
{
	if (strcmp(text, "~") == 0)
		return (Value){NULL, 0, VALUE_NULL};
	if (strcmp(text, "?") == 0)
		return (Value){NULL, 0, VALUE_UNCHANGED};
	return (Value){arena_strdup(arena, text), strlen(text), VALUE_TEXT};
}

static NetResult
add(Bench *bench, const char *text)
{
	Change change = {.relation = &bench->relation};
	char *copy = arena_strdup(bench->arena, text);
	char *save = NULL;
	char *word = strtok_r(copy, " ", &save);
	Value *values = arena_zalloc(bench->arena, sizeof(Value) * 8);
	int count = 0;

	change.kind = *word == 'I' ? CHANGE_INSERT : *word == 'U' ? CHANGE_UPDATE : CHANGE_DELETE;
	if (change.kind == CHANGE_DELETE)
		change.old_values = values;
	else
		change.new_values = values;
	while ((word = strtok_r(NULL, " ", &save)) != NULL)
	{
		if (strcmp(word, "<") == 0)
		{
			count = 4;
			change.old_values = values + count;
		}
		else
			values[count++] = text_value(bench->arena, word);
	}
	return net_add(bench->net, &change);
}

static void
show_value(StrBuf *out, const Value *value)
{
	strbuf_append(out, value->kind == VALUE_NULL ? "~" : value->kind == VALUE_UNCHANGED ? "?" : value->data);
}

static void
show_key(StrBuf *out, const Bench *bench, const NetRow *row)
{
	for (int k = 0; k < bench->shape.key_count; k++)
	{
		strbuf_append(out, k > 0 ? "/" : "");
		show_value(out, &row->key_values[k]);
	}
}

static void
show(Bench *bench, StrBuf *out)
{
	NetRow **rows = net_sorted(bench->net);

	strbuf_reset(out);
	for (size_t i = 0; i < net_count(bench->net); i++)
	{
		const NetRow *row = rows[i];

		if (row->deletes)
		{
			strbuf_append(out, " -");
			show_key(out, bench, row);
		}
		if (row->state == NET_NOTHING)
			continue;
		strbuf_append_char(out, ' ');
		if (row->state == NET_UPDATE)
		{
			show_key(out, bench, row);
			strbuf_append_char(out, '=');
		}
		else
			strbuf_append_char(out, '+');
		for (int c = row->state == NET_UPDATE ? bench->shape.key_count : 0; c < 3; c++)
		{
			show_value(out, &row->values[c]);
			strbuf_append(out, c < 2 ? "," : "");
		}
	}
}

typedef struct Rule
{
	const char *changes;		/* between them: ";" */
	const char *net;
	NetResult last;				/* of the last change; all before are taken */
} Rule;

static void
check_rules(const Rule *rules, size_t count, int key_count, const NetKeyKind *kinds, int identity_count, bool can_reinsert)
{
	StrBuf found = STRBUF_INIT;

	for (size_t i = 0; i < count; i++)
	{
		Bench bench;
		char *copy = strdup(rules[i].changes);
		char *save = NULL;
		size_t rows = 0;

		bench_open(&bench, key_count, kinds, identity_count, can_reinsert);
		for (char *change = strtok_r(copy, ";", &save); change != NULL;)
		{
			char *next = strtok_r(NULL, ";", &save);
			NetResult result = add(&bench, change);

			if (result != (next != NULL ? NET_TAKEN : rules[i].last))
				fail_msg("%s: \"%s\" gives %d", rules[i].changes, change, result);
			if (result != NET_TAKEN)
				assert_int_equal(net_count(bench.net), rows);
			rows = net_count(bench.net);
			change = next;
		}
		show(&bench, &found);
		if (strcmp(strbuf_text(&found), rules[i].net) != 0)
			fail_msg("%s: expected \"%s\", got \"%s\"", rules[i].changes, rules[i].net, strbuf_text(&found));
		free(copy);
		bench_close(&bench);
	}
	strbuf_free(&found);
}
#define check(rules, key_count, kinds, identity_count, can_reinsert) \
	check_rules(rules, sizeof(rules) / sizeof((rules)[0]), key_count, kinds, identity_count, can_reinsert)

static const NetKeyKind integer_key[] = {NET_KEY_INTEGER};
static const NetKeyKind numeric_key[] = {NET_KEY_NUMERIC};
static const NetKeyKind text_key[] = {NET_KEY_TEXT};
static const NetKeyKind two_keys[] = {NET_KEY_TEXT, NET_KEY_NUMERIC};

static void
changes_of_one_key_become_one(void **state)
{
	static const Rule rules[] = {
		{"I 1 a b", " +1,a,b", NET_TAKEN},
		{"I 1 a ~", " +1,a,~", NET_TAKEN},
		{"I 1 a b;U 1 c ?", " +1,c,b", NET_TAKEN},
		{"I 1 a b;U 1 ~ d", " +1,~,d", NET_TAKEN},
		{"I 1 a b;D 1", "", NET_TAKEN},
		{"I 1 a b;D 1;I 1 c d", " +1,c,d", NET_TAKEN},
		{"I 1 a b;U 1 c d;D 1;I 1 e f;U 1 g ?", " +1,g,f", NET_TAKEN},
		{"U 1 a ?", " 1=a,?", NET_TAKEN},
		{"U 1 a b;U 1 c ?", " 1=c,b", NET_TAKEN},
		{"U 1 a ?;U 1 c d", " 1=c,d", NET_TAKEN},
		{"U 1 a ?;U 1 ~ ?", " 1=~,?", NET_TAKEN},
		{"U 1 a b;D 1", " -1", NET_TAKEN},
		{"D 1", " -1", NET_TAKEN},
		{"D 1;I 1 a b", " -1 +1,a,b", NET_TAKEN},
		{"D 1;I 1 a b;U 1 c ?", " -1 +1,c,b", NET_TAKEN},
		{"D 1;I 1 a b;D 1", " -1", NET_TAKEN},
		{"D 1;I 1 a b;D 1;I 1 c d", " -1 +1,c,d", NET_TAKEN},
		{"U 1 a ?;D 1;I 1 c d", " -1 +1,c,d", NET_TAKEN},
		/* old values that are the same: the key has not changed */
		{"U 1 a ? < 1", " 1=a,?", NET_TAKEN},
	};

	(void) state;
	check(rules, 1, integer_key, 1, true);
	check(rules, 1, integer_key, 1, false);
	check(rules, 1, text_key, 1, false);
}

static void
a_change_of_the_key_is_a_delete_and_an_insert(void **state)
{
	static const Rule rules[] = {
		{"U 2 a b < 1", " -1 +2,a,b", NET_TAKEN},
		{"U 2 a ? < 1", "", NET_NOT_POSSIBLE},
		{"U 1 a b;U 2 c ? < 1", " -1 +2,c,b", NET_TAKEN},
		/* nothing of the refused one is left behind */
		{"U 1 a ?;U 2 c ? < 1", " 1=a,?", NET_NOT_POSSIBLE},
		{"I 1 a b;U 2 c ? < 1", " +2,c,b", NET_TAKEN},
		{"D 1;I 1 a b;U 2 c ? < 1", " -1 +2,c,b", NET_TAKEN},
		{"D 2;U 2 a b < 1", " -1 -2 +2,a,b", NET_TAKEN},
		{"I 2 x y;D 2;U 2 a b < 1", " -1 +2,a,b", NET_TAKEN},
		/* there and back; a swap; a chain */
		{"U 2 a b < 1;U 1 c d < 2", " -1 +1,c,d", NET_TAKEN},
		{"U 9 a b < 1;U 1 c d < 2;U 2 a b < 9", " -1 +1,c,d -2 +2,a,b", NET_TAKEN},
		{"U 4 c c < 3;U 3 b b < 2;U 2 a a < 1", " -1 -2 +2,a,a -3 +3,b,b +4,c,c", NET_TAKEN},
		{"U 2 a b < 1;D 2", " -1", NET_TAKEN},
		{"U 2 a b < 1;I 1 c d", " -1 +1,c,d +2,a,b", NET_TAKEN},
		{"U 2 a b < 1;U 2 ? c", " -1 +2,a,c", NET_TAKEN},
	};

	(void) state;
	check(rules, 1, integer_key, 1, true);
}

static void
without_reinsert_only_rows_of_ours_change_their_key(void **state)
{
	static const Rule rules[] = {
		{"U 2 a b < 1", "", NET_NOT_POSSIBLE},
		{"U 1 a b;U 2 c d < 1", " 1=a,b", NET_NOT_POSSIBLE},
		{"I 1 a b;U 2 c ? < 1", " +2,c,b", NET_TAKEN},
		{"D 1;I 1 a b;U 2 c d < 1;U 3 ~ ? < 2", " -1 +3,~,d", NET_TAKEN},
	};

	(void) state;
	check(rules, 1, integer_key, 1, false);
}

static void
the_old_row_fills_what_is_unchanged(void **state)
{
	static const Rule rules[] = {
		{"U 2 a ? < 1 x y", " -1 +2,a,y", NET_TAKEN},
		{"U 2 a ? < 1 x ~", " -1 +2,a,~", NET_TAKEN},
		{"U 2 a ? < 1 x ?", "", NET_NOT_POSSIBLE},
		{"U 1 a ? < 1 x y", " 1=a,?", NET_TAKEN},
		{"U 1 a ? < 1 x y;U 2 a ? < 1 a y", " -1 +2,a,y", NET_TAKEN},
		{"D 1 x y", " -1", NET_TAKEN},
	};

	(void) state;
	check(rules, 1, integer_key, 3, true);
}

static void
what_does_not_fit_is_found(void **state)
{
	static const Rule rules[] = {
		{"I 1 a b;I 1 c d", " +1,a,b", NET_CONTRADICTION},
		{"U 1 a b;I 1 c d", " 1=a,b", NET_CONTRADICTION},
		{"D 1;D 1", " -1", NET_CONTRADICTION},
		{"D 1;U 1 a b", " -1", NET_CONTRADICTION},
		{"I 1 a b;D 1;D 1", "", NET_CONTRADICTION},
		{"I 1 a b;D 1;U 1 c d", "", NET_CONTRADICTION},
		{"D 1;U 2 a b < 1", " -1", NET_CONTRADICTION},
		{"I 2 a b;U 2 c d < 1", " +2,a,b", NET_CONTRADICTION},
		{"I 1 a b;I 2 c d;U 2 e ? < 1", " +1,a,b +2,c,d", NET_CONTRADICTION},
		{"U 1 a b;U 2 c d;U 2 e ? < 1", " 1=a,b 2=c,d", NET_CONTRADICTION},
		{"U 2 a b < 1;U 3 c d < 1", " -1 +2,a,b", NET_CONTRADICTION},
	};

	(void) state;
	check(rules, 1, integer_key, 1, true);
}

static void
a_row_without_a_known_key_is_not_taken(void **state)
{
	static const Rule rules[] = {
		{"I ~ a b", "", NET_NOT_POSSIBLE},
		{"I 1 a b;U ? a b", " +1,a,b", NET_NOT_POSSIBLE},
		{"I 1 a b;U ? c d < 1", " +1,c,d", NET_TAKEN},
		{"D ~", "", NET_NOT_POSSIBLE},
		{"U ~ a b < 1", "", NET_NOT_POSSIBLE},
		{"U 1 a b < ~", "", NET_NOT_POSSIBLE},
		{"D ?", "", NET_NOT_POSSIBLE},
	};
	Bench bench;
	Value value = {"\xff", 1, VALUE_BYTES};
	Change bytes = {.kind = CHANGE_DELETE, .old_values = &value};
	Change nameless = {.kind = CHANGE_DELETE, .no_identity = true};
	Change empty = {.kind = CHANGE_DELETE};
	Change truncate = {.kind = CHANGE_TRUNCATE};

	(void) state;
	check(rules, 1, integer_key, 1, true);
	bench_open(&bench, 1, text_key, 1, true);
	assert_int_equal(net_add(bench.net, &bytes), NET_NOT_POSSIBLE);
	assert_int_equal(net_add(bench.net, &nameless), NET_NOT_POSSIBLE);
	assert_int_equal(net_add(bench.net, &empty), NET_NOT_POSSIBLE);
	assert_int_equal(net_add(bench.net, &truncate), NET_NOT_POSSIBLE);
	bench.shape.key_count = 0;
	assert_int_equal(add(&bench, "I 1 a b"), NET_NOT_POSSIBLE);
	bench.shape.key_count = NET_KEY_LIMIT + 1;
	assert_int_equal(add(&bench, "I 1 a b"), NET_NOT_POSSIBLE);
	assert_int_equal(net_count(bench.net), 0);
	bench.shape.key_count = 1;
	bench_close(&bench);
}

static void
numbers_are_equal_by_value(void **state)
{
	static const Rule rules[] = {
		{"I 1.0 a b;U 1.00 c ?", " +1.00,c,b", NET_TAKEN},
		{"U 1 a b;D 1.000", " -1", NET_TAKEN},
		{"D 1.0;I 1.00 a b", " -1.0 +1.00,a,b", NET_TAKEN},
		{"D 0.00;I 0 a b;D 0.0", " -0.00", NET_TAKEN},
		{"I 10 a b;I 1 c d;I 100 e f;I 1.01 g h;I -1.10 i j", " +-1.10,i,j +1,c,d +1.01,g,h +10,a,b +100,e,f", NET_TAKEN},
		{"I 10 a b;I 10.0 c d", " +10,a,b", NET_CONTRADICTION},
		{"D NaN;I NaN a b", " -NaN +NaN,a,b", NET_TAKEN},
		/* written in another way */
		{"U 1.00 a b < 1.0", " -1.0 +1.00,a,b", NET_TAKEN},
		{"I 1.0 a b;U 1.00 c ? < 1.0", " +1.00,c,b", NET_TAKEN},
		{"U 1.00 a ? < 1.0", "", NET_NOT_POSSIBLE},
	};

	(void) state;
	check(rules, 1, numeric_key, 1, true);
}

static void
keys_of_several_columns_do_not_run_together(void **state)
{
	static const Rule rules[] = {
		{"I a 1 x;I a1 1 y;U a 1.0 z", " +a,1.0,z +a1,1,y", NET_TAKEN},
		{"I ab 1 x;I a 1 y;D ab 1.00", " +a,1,y", NET_TAKEN},
		{"U a 2 x < a 1", " -a/1 +a,2,x", NET_TAKEN},
		{"U ? 2 x < a 1", " -a/1 +a,2,x", NET_TAKEN},
		{"U b 1 x < a 1;U a 1 y < b 1", " -a/1 +a,1,y", NET_TAKEN},
		{"I a ~ x", "", NET_NOT_POSSIBLE},
		{"I a 1 x;I a 1.0 y", " +a,1,x", NET_CONTRADICTION},
	};

	(void) state;
	check(rules, 2, two_keys, 2, true);
}

static void
rows_come_in_the_order_of_their_numbers(void **state)
{
	static const Rule rules[] = {
		{"D 10;D 9;D -10;D -9;D 0;D 9223372036854775807;D -9223372036854775808;D 100",
		 " --9223372036854775808 --10 --9 -0 -9 -10 -100 -9223372036854775807", NET_TAKEN},
		{"D 1;D 2;D 3", " -1 -2 -3", NET_TAKEN},
	};
	Bench bench;
	NetRow **rows;
	char text[64];

	(void) state;
	check(rules, 1, integer_key, 1, true);

	/* Many, through several sizes of the table; then few again, and the old ones are forgotten. */
	bench_open(&bench, 1, integer_key, 1, true);
	for (int round = 0; round < 6; round++)
	{
		int count = round == 0 ? 50000 : 100;

		for (int i = 0; i < count; i++)
		{
			snprintf(text, sizeof(text), "I %d a b", (int) ((int64_t) i * 7919 % count) - count / 2);
			assert_int_equal(add(&bench, text), NET_TAKEN);
		}
		snprintf(text, sizeof(text), "I %d a b", 0);
		assert_int_equal(add(&bench, text), NET_CONTRADICTION);
		assert_int_equal(net_count(bench.net), count);
		rows = net_sorted(bench.net);
		for (int i = 0; i < count; i++)
			assert_int_equal(rows[i]->order, i - count / 2);
		net_reset(bench.net);
		arena_reset(bench.arena);
		assert_int_equal(net_count(bench.net), 0);
	}
	bench_close(&bench);
}

/*
 * Histories.  source is the table as it goes through all changes one by one; target gets what is gathered as deletes, updates and
 * inserts, each of which must find its row, or no row.
 */

#define KEYS 7
#define TEXT_SIZE 16

typedef struct Row
{
	bool present;
	char column[3][TEXT_SIZE];	/* of a key of two columns the second one is key, too */
} Row;

typedef struct History
{
	Bench bench;
	unsigned seed;
	Row source[KEYS];
	Row before[KEYS];			/* source before the change in hand */
	Row target[KEYS];
	bool is_gathered[KEYS];		/* a change of it was taken since the last flush */
	size_t taken;
	size_t not_possible;
	size_t contradictions;
} History;

static unsigned
pick(History *history, unsigned limit)
{
	history->seed = history->seed * 1664525 + 1013904223;
	return (history->seed >> 8) % limit;
}

static bool
is_two(const History *history)
{
	return history->bench.shape.key_count == 2;
}

static void
write_key(History *history, int number, Row *row)
{
	static const char *const zeros[] = {"", ".0", ".00"};
	int shown = number - KEYS / 2;

	if (is_two(history))
	{
		snprintf(row->column[0], TEXT_SIZE, "%.*s", 1 + number / 3, "aaaa");
		snprintf(row->column[1], TEXT_SIZE, "%d%s", number % 3, zeros[pick(history, 3)]);
	}
	else
		snprintf(row->column[0], TEXT_SIZE, "%d%s", shown, history->bench.shape.key_kinds == numeric_key ? zeros[pick(history, 3)] : "");
}

static int
number_of(const History *history, const Value *key)
{
	if (is_two(history))
		return ((int) key[0].length - 1) * 3 + atoi(key[1].data);
	return atoi(key[0].data) + KEYS / 2;
}

static Value
value_of(History *history, const Row *row, int column)
{
	return text_value(history->bench.arena, row->column[column]);
}

static void
set(Row *row, int column, const Value *value)
{
	if (value->kind == VALUE_UNCHANGED)
		return;
	snprintf(row->column[column], TEXT_SIZE, "%s", value->kind == VALUE_NULL ? "~" : value->data);
}

static void
flush(History *history)
{
	NetRow **rows = net_sorted(history->bench.net);
	size_t count = net_count(history->bench.net);

	for (size_t i = 0; i < count; i++)
	{
		Row *row = &history->target[number_of(history, rows[i]->key_values)];

		if (rows[i]->deletes)
		{
			assert_true(row->present);
			row->present = false;
		}
	}
	for (size_t i = 0; i < count; i++)
	{
		Row *row = &history->target[number_of(history, rows[i]->key_values)];

		if (rows[i]->state != NET_UPDATE)
			continue;
		assert_true(row->present);
		/* The statement does not set the key's columns. */
		for (int c = history->bench.shape.key_count; c < 3; c++)
			set(row, c, &rows[i]->values[c]);
	}
	for (size_t i = 0; i < count; i++)
	{
		Row *row = &history->target[number_of(history, rows[i]->values != NULL ? rows[i]->values : rows[i]->key_values)];

		if (rows[i]->state != NET_INSERT)
			continue;
		assert_false(row->present);
		row->present = true;
		for (int c = 0; c < 3; c++)
		{
			assert_int_not_equal(rows[i]->values[c].kind, VALUE_UNCHANGED);
			set(row, c, &rows[i]->values[c]);
		}
	}
	net_reset(history->bench.net);
	memset(history->is_gathered, 0, sizeof(history->is_gathered));
}

static void
assert_same(const Row *target, const Row *source)
{
	for (int i = 0; i < KEYS; i++)
	{
		assert_int_equal(target[i].present, source[i].present);
		for (int c = 0; c < 3 && source[i].present; c++)
			assert_string_equal(target[i].column[c], source[i].column[c]);
	}
}

static void
new_text(History *history, char *text)
{
	if (pick(history, 8) == 0)
		strcpy(text, "~");
	else
		snprintf(text, TEXT_SIZE, "v%u", pick(history, 1000));
}

/* A change from one row to another (either may be none); what is the same may be sent as unchanged. */
static void
make_change(History *history, Change *change, const Row *from, const Row *to)
{
	Arena *arena = history->bench.arena;
	int key_count = history->bench.shape.key_count;
	int identity_count = history->bench.relation.identity_count;
	bool key_differs = false;

	*change = (Change){.relation = &history->bench.relation};
	change->kind = from == NULL ? CHANGE_INSERT : to == NULL ? CHANGE_DELETE : CHANGE_UPDATE;
	if (to != NULL)
	{
		change->new_values = arena_alloc(arena, sizeof(Value) * 3);
		for (int c = 0; c < 3; c++)
		{
			bool same = from != NULL && strcmp(from->column[c], to->column[c]) == 0;

			key_differs = key_differs || (c < key_count && !same);
			change->new_values[c] = value_of(history, to, c);
			if (same && c >= key_count && change->new_values[c].kind == VALUE_TEXT && pick(history, 2) == 0)
				change->new_values[c].kind = VALUE_UNCHANGED;
		}
	}
	if (from != NULL && (to == NULL || key_differs || identity_count == 3 || pick(history, 8) == 0))
	{
		change->old_values = arena_alloc(arena, sizeof(Value) * (size_t) identity_count);
		for (int c = 0; c < identity_count; c++)
			change->old_values[c] = value_of(history, from, c);
	}
}

/* A change that cannot follow what was gathered must be found out, and must leave no trace. */
static void
contradict(History *history)
{
	int number = (int) pick(history, KEYS);
	int other = (int) pick(history, KEYS);
	Row row = {.column = {"", "x", "y"}};
	Row from = {.column = {"", "x", "y"}};
	Change change;

	write_key(history, number, &row);
	write_key(history, other, &from);
	if (!history->is_gathered[number])
		return;
	if (history->source[number].present)
		make_change(history, &change, number != other && pick(history, 2) == 0 ? &from : NULL, &row);
	else
		make_change(history, &change, &row, pick(history, 2) == 0 ? &row : NULL);
	assert_int_not_equal(net_add(history->bench.net, &change), NET_TAKEN);
	history->contradictions++;
}

static void
step(History *history)
{
	int number = (int) pick(history, KEYS);
	int to_number = number;
	Row *row = &history->source[number];
	Row now = {0};
	Change change;
	NetResult result;

	memcpy(history->before, history->source, sizeof(history->source));
	if (!row->present)
	{
		write_key(history, number, &now);
		for (int c = history->bench.shape.key_count; c < 3; c++)
			new_text(history, now.column[c]);
		now.present = true;
		make_change(history, &change, NULL, &now);
		*row = now;
	}
	else if (pick(history, 4) == 0)
	{
		make_change(history, &change, row, NULL);
		row->present = false;
	}
	else
	{
		now = *row;
		for (int c = history->bench.shape.key_count; c < 3; c++)
		{
			if (pick(history, 2) == 0)
				new_text(history, now.column[c]);
		}
		if (pick(history, 2) == 0)
		{
			to_number = (int) pick(history, KEYS);
			if (to_number != number && history->source[to_number].present)
				to_number = number;
			write_key(history, to_number, &now);
		}
		make_change(history, &change, row, &now);
		row->present = false;
		history->source[to_number] = now;
	}

	result = net_add(history->bench.net, &change);
	assert_int_not_equal(result, NET_CONTRADICTION);
	if (result == NET_TAKEN)
	{
		history->taken++;
		history->is_gathered[number] = history->is_gathered[to_number] = true;
		return;
	}
	history->not_possible++;
	flush(history);
	assert_same(history->target, history->before);
	memcpy(history->target, history->source, sizeof(history->source));
	arena_reset(history->bench.arena);
}

static void
any_history_ends_with_the_same_table(void **state)
{
	size_t taken = 0;
	size_t not_possible = 0;
	size_t contradictions = 0;

	(void) state;
	for (unsigned seed = 1; seed <= 16000; seed++)
	{
		static const NetKeyKind *const kinds[] = {integer_key, numeric_key, text_key, two_keys};
		const NetKeyKind *kind = kinds[seed % 4];
		int key_count = kind == two_keys ? 2 : 1;
		History history = {.seed = seed * 2654435761u};

		bench_open(&history.bench, key_count, kind, seed / 4 % 3 == 0 ? 3 : key_count, seed / 12 % 4 != 0);
		for (int i = 0; i < KEYS; i++)
		{
			history.source[i] = (Row){.present = pick(&history, 2) == 0, .column = {"", "o", "t"}};
			write_key(&history, i, &history.source[i]);
		}
		memcpy(history.target, history.source, sizeof(history.source));
		for (int i = 0; i < 60; i++)
		{
			step(&history);
			if (pick(&history, 6) == 0)
				contradict(&history);
			if (pick(&history, 25) == 0)
			{
				flush(&history);
				assert_same(history.target, history.source);
				arena_reset(history.bench.arena);
			}
		}
		flush(&history);
		assert_same(history.target, history.source);
		taken += history.taken;
		not_possible += history.not_possible;
		contradictions += history.contradictions;
		bench_close(&history.bench);
	}
	/* The histories are worth something: each outcome was met often. */
	assert_true(taken > 500000 && not_possible > 10000 && contradictions > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_of_one_key_become_one),
		cmocka_unit_test(a_change_of_the_key_is_a_delete_and_an_insert),
		cmocka_unit_test(without_reinsert_only_rows_of_ours_change_their_key),
		cmocka_unit_test(the_old_row_fills_what_is_unchanged),
		cmocka_unit_test(what_does_not_fit_is_found),
		cmocka_unit_test(a_row_without_a_known_key_is_not_taken),
		cmocka_unit_test(numbers_are_equal_by_value),
		cmocka_unit_test(keys_of_several_columns_do_not_run_together),
		cmocka_unit_test(rows_come_in_the_order_of_their_numbers),
		cmocka_unit_test(any_history_ends_with_the_same_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
