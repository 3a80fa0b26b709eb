/*
 * test_apply.c
 *		The strict applier against a real server, fed with records written by hand.
 */
#include "pg_test.h"

#include <inttypes.h>
#include <stdio.h>

#include "apply/apply.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define TASK "apply_test"
#define FIRST_LSN ((Lsn) 0x1000)

/* Every test is run in both ways of applying. */
static ApplyMode way = APPLY_STRICT;

typedef struct Fixture
{
	PgConn	   *conn;			/* a superuser's, to look and to prepare */
	Applier    *applier;
	ApplierOptions options;
	ApplierSession session;
	Lsn			next_lsn;
	int64_t		segment;
	Lsn			snapshot_lsn;	/* of every table */
	const char *younger;		/* or of this one alone */
	char	   *stored_relations;
	int			loads;
	Error		err;
} Fixture;

/*
 * Feeding
 */

static TxnPart *
new_part(const Fixture *fixture, Lsn commit_lsn, int number, bool last, const char *lines)
{
	TxnPart    *part = txn_part_new();
	StrBuf		text = STRBUF_INIT;
	char		lsn[LSN_TEXT_SIZE];
	char		end[LSN_TEXT_SIZE];

	part->segment = fixture->segment;
	part->commit_lsn = commit_lsn;
	part->end_lsn = last ? commit_lsn + 8 : LSN_NONE;
	part->xid = (uint32_t) commit_lsn;
	part->part = number;
	part->last = last;
	part->commit_time_us = 1790000000000000 + (int64_t) commit_lsn;
	lsn_format(commit_lsn, lsn);
	lsn_format(commit_lsn + 8, end);
	if (number == 0)
		strbuf_printf(&text, "[\"B\",%" PRIu32 ",\"%s\",\"2026-11-24 00:00:00+00\"]\n", part->xid, lsn);
	strbuf_append(&text, lines);
	if (last)
		strbuf_printf(&text, "[\"C\",\"%s\",\"%s\",\"2026-11-24 00:00:00+00\"]\n", lsn, end);
	part->length = text.length;
	part->records = strbuf_detach(&text);
	return part;
}

/* A transaction of its own position; not committed on the target yet. */
static bool
feed(Fixture *fixture, const char *lines)
{
	Lsn			lsn = fixture->next_lsn;

	fixture->next_lsn += 16;
	return applier_apply(fixture->applier, new_part(fixture, lsn, 0, true, lines), &fixture->err);
}

static void
apply_ok(Fixture *fixture, const char *lines)
{
	assert_ok(feed(fixture, lines), &fixture->err);
	assert_ok(applier_commit(fixture->applier, &fixture->err), &fixture->err);
}

static void
assert_says(Fixture *fixture, const char *text)
{
	const char *hint = fixture->err.hint != NULL ? fixture->err.hint : "";

	assert_non_null(fixture->err.message);
	if (strstr(fixture->err.message, text) == NULL && strstr(hint, text) == NULL)
		fail_msg("says \"%s\" (hint \"%s\"), not \"%s\"", fixture->err.message, hint, text);
}

/* Fails with this kind and these words, then rolls back. */
static void
apply_fails(Fixture *fixture, const char *lines, ErrorKind kind, const char *first, const char *second)
{
	if (feed(fixture, lines) && applier_commit(fixture->applier, &fixture->err))
		fail_msg("applied: %s", lines);
	if (fixture->err.kind != kind)
		fail_msg("kind %d: %s", (int) fixture->err.kind, fixture->err.message);
	assert_says(fixture, first);
	assert_says(fixture, second);
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
}

/*
 * What the apply loop does: transactions are fed, and again from the first one each time that the applier wants it.  False: it failed for good.
 */
static bool
deliver(Fixture *fixture, const char *const *transactions, int count)
{
	Lsn			first = fixture->next_lsn;
	int			tries = 0;

	for (int i = 0; i <= count;)
	{
		bool		ok;

		if (i == count)
			ok = applier_commit(fixture->applier, &fixture->err);
		else
			ok = applier_apply(fixture->applier, new_part(fixture, first + (Lsn) i * 16, 0, true, transactions[i]), &fixture->err);
		if (ok)
		{
			ApplierStats stats;

			applier_stats(fixture->applier, &stats);
			if (stats.commit_wanted)
				ok = applier_commit(fixture->applier, &fixture->err);
		}
		if (ok)
		{
			i++;
			continue;
		}
		if (!applier_wants_again(fixture->applier))
			return false;
		if (++tries > 20)
			fail_msg("kind %d after %d tries: %s", (int) fixture->err.kind, tries, fixture->err.message);
		error_clear(&fixture->err);
		applier_rollback(fixture->applier);
		i = 0;					/* the applier passes over what is done */
	}
	fixture->next_lsn = first + (Lsn) count * 16;
	return true;
}

/* Under a policy that passes conflicts. */
static void
apply_with_policy(Fixture *fixture, const char *const *transactions, int count)
{
	assert_ok(deliver(fixture, transactions, count), &fixture->err);
}

/* Fails with these words, and at first only because of what is in one group with it. */
static void
deliver_fails(Fixture *fixture, const char *const *transactions, int count, const char *first, const char *second)
{
	assert_false(deliver(fixture, transactions, count));
	assert_says(fixture, first);
	assert_says(fixture, second);
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
}

/*
 * Fixtures
 */

static bool
load_stored(void *arg, int64_t segment, char **records, size_t *length, Error *err)
{
	Fixture    *fixture = arg;

	(void) segment;
	(void) err;
	fixture->loads++;
	*records = mem_strdup(fixture->stored_relations != NULL ? fixture->stored_relations : "");
	*length = strlen(*records);
	return true;
}

static Lsn
snapshot_lsn(void *arg, const char *schema, const char *table)
{
	const Fixture *fixture = arg;

	(void) schema;
	return fixture->younger == NULL || strcmp(fixture->younger, table) == 0 ? fixture->snapshot_lsn : LSN_NONE;
}

static bool
wanted(void *arg, const char *schema, const char *table)
{
	(void) arg;
	(void) schema;
	return strcmp(table, "unwanted") != 0;
}

static void
reopen(Fixture *fixture)
{
	Lsn			applied;
	bool		found;

	applier_close(fixture->applier);
	fixture->applier = NULL;
	assert_ok(applier_open(&fixture->options, &fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	if (!found)
		assert_ok(applier_set_progress(fixture->applier, FIRST_LSN, &fixture->err), &fixture->err);
}

static void
reopen_with_policy(Fixture *fixture, ConflictPolicy policy)
{
	fixture->options.apply.conflict = policy;
	reopen(fixture);
}

static int
set_up(void **state)
{
	Fixture    *fixture = mem_zalloc(sizeof(Fixture));
	PgConnOptions options = {.role = PG_ROLE_STORE};

	assert_ok(pg_connect(pg_test_conninfo(), &options, &fixture->conn, &fixture->err), &fixture->err);
	pg_test_sql(fixture->conn, "DROP SCHEMA IF EXISTS a CASCADE; DROP SCHEMA IF EXISTS dbsync CASCADE; CREATE SCHEMA a");
	fixture->next_lsn = FIRST_LSN;
	fixture->segment = 1;
	fixture->options = (ApplierOptions) {
		.conninfo = pg_test_conninfo(),
		.task = TASK,
		.source_id = "7/app",
		.source_timeline = 1,
		.slot = "slot",
		.apply = {.mode = way, .conflict = CONFLICT_STOP, .group_changes = 5000, .group_bytes = 8 * 1024 * 1024, .pipeline_bytes = 256 * 1024},
		.session = &fixture->session,
		.arg = fixture,
		.wanted = wanted,
		.table_snapshot_lsn = snapshot_lsn,
		.load_relations = load_stored,
	};
	reopen(fixture);
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture    *fixture = *state;

	applier_close(fixture->applier);
	pg_test_sql(fixture->conn, "DROP SCHEMA IF EXISTS a CASCADE; DROP SCHEMA IF EXISTS dbsync CASCADE");
	pg_close(fixture->conn);
	free(fixture->stored_relations);
	error_clear(&fixture->err);
	free(fixture);
	return 0;
}

#define R_T "[\"R\",1,100,\"a\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0]]]\n"
#define CREATE_T "CREATE TABLE a.t (id int PRIMARY KEY, note text)"
#define ROWS_T "SELECT string_agg(id || ':' || coalesce(note, '-'), ' ' ORDER BY id) FROM a.t"

/*
 * Plain changes
 */

/* The source's text of a date is not what the binary form of a timestamp is made from: after one group as text, for good. */
static void
a_type_that_is_wider_on_the_target_takes_batches(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;

	pg_test_sql(fixture->conn, "CREATE TABLE a.d (id bigint PRIMARY KEY, day timestamp, n numeric)");
	for (int round = 0; round < 5; round++)
	{
		strbuf_reset(&lines);
		if (round == 0)
			strbuf_append(&lines, "[\"R\",1,100,\"a\",\"d\",\"d\",[[\"id\",\"int4\",1],[\"day\",\"date\",0],[\"n\",\"int4\",0]]]\n");
		for (int i = 0; i < 20; i++)
			strbuf_printf(&lines, "[\"I\",1,[\"%d\",\"2026-11-%02d\",\"%d\"]]\n", round * 20 + i, i + 1, i);
		apply_ok(fixture, lines.data);
	}
	assert_value(fixture->conn, "SELECT count(*) || ' ' || sum(id) || ' ' || max(day) FROM a.d", "100 4950 2026-11-20 00:00:00");
	assert_value(fixture->conn, "SELECT coalesce(sum(count), 0) FROM dbsync.strict_replays", way == APPLY_BATCH ? "1" : "0");
	strbuf_free(&lines);
}

static void
changes_are_applied_in_order(void **state)
{
	Fixture    *fixture = *state;
	ApplierStats stats;

	pg_test_sql(fixture->conn, CREATE_T);
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"one\"]]\n[\"I\",1,[\"2\",null]]\n[\"I\",1,[\"3\",\"three\"]]\n");
	apply_ok(fixture, "[\"U\",1,[\"1\",\"uno\"]]\n[\"U\",1,[\"4\",\"vier\"],[\"3\"]]\n[\"D\",1,[\"2\"]]\n[\"I\",1,[\"2\",\"again\"]]\n");
	assert_value(fixture->conn, ROWS_T, "1:uno 2:again 4:vier");
	applier_stats(fixture->applier, &stats);
	assert_int_equal(stats.transactions, 2);
	assert_int_equal(stats.changes, 7);
	assert_int_equal(stats.applied_lsn, FIRST_LSN + 16 + 8);
	assert_false(stats.group_open);
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1018' FROM dbsync.progress WHERE task = '" TASK "'", "t");
}

static void
messages_and_unknown_toast_alone_change_nothing(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"one\"]]\n");
	apply_ok(fixture, "[\"M\",\"p\",\"c\",\"0/1\",true]\n[\"U\",1,[\"1\",false]]\n");
	apply_ok(fixture, "[\"U\",1,[\"9\",false],[\"1\"]]\n");
	assert_value(fixture->conn, ROWS_T, "9:one");
	/* a transaction that changes nothing moves the progress all the same */
	apply_ok(fixture, "");
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1038' FROM dbsync.progress", "t");
}

static void
done_transactions_are_passed_over_but_their_relations_count(void **state)
{
	Fixture    *fixture = *state;
	TxnPart    *part;

	pg_test_sql(fixture->conn, CREATE_T);
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"one\"]]\n");
	reopen(fixture);
	fixture->segment = 2;
	fixture->next_lsn = FIRST_LSN;
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"one\"]]\n");
	apply_ok(fixture, "[\"I\",1,[\"2\",\"two\"]]\n");
	/* also within an open group: the stream was started again under it */
	assert_ok(feed(fixture, "[\"I\",1,[\"3\",\"three\"]]\n"), &fixture->err);
	fixture->next_lsn -= 16;
	fixture->segment = 3;
	assert_ok(feed(fixture, R_T "[\"I\",1,[\"3\",\"three\"]]\n"), &fixture->err);
	apply_ok(fixture, "[\"I\",1,[\"4\",\"four\"]]\n");
	assert_value(fixture->conn, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM a.t", "1 2 3 4");

	/* a piece without its beginning, a beginning within another */
	part = new_part(fixture, fixture->next_lsn, 1, true, "");
	assert_false(applier_apply(fixture->applier, part, &fixture->err));
	assert_says(fixture, "without its beginning");
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
	assert_ok(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, 0, false, "[\"I\",1,[\"5\",\"x\"]]\n"), &fixture->err), &fixture->err);
	assert_false(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, 0, false, ""), &fixture->err));
	assert_says(fixture, "before the one in hand");
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "4");
}

static void
a_tables_copy_has_what_came_before_its_snapshot(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	fixture->snapshot_lsn = FIRST_LSN + 16;
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"in the copy\"]]\n[\"T\",[1],\"\"]\n");
	apply_ok(fixture, "[\"I\",1,[\"2\",\"new\"]]\n");
	assert_value(fixture->conn, ROWS_T, "2:new");
}

static void
stored_relations_are_loaded_where_one_is_unknown(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	fixture->stored_relations = mem_strdup(R_T);
	apply_ok(fixture, "[\"I\",1,[\"1\",\"one\"]]\n");
	apply_ok(fixture, "[\"I\",1,[\"2\",\"two\"]]\n");
	assert_int_equal(fixture->loads, 1);
	apply_fails(fixture, "[\"I\",8,[\"2\",\"two\"]]\n", ERROR_FAILED, "relation 8 was not announced", "");
}

static void
unwanted_tables_are_passed_over(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	apply_ok(fixture, R_T "[\"R\",2,101,\"a\",\"unwanted\",\"n\",[[\"x\",\"int4\",0]]]\n[\"I\",2,[\"1\"]]\n[\"D\",2,null]\n[\"T\",[2,1],\"\"]\n[\"I\",1,[\"1\",\"x\"]]\n");
	assert_value(fixture->conn, ROWS_T, "1:x");
}

/*
 * Columns
 */

static void
columns_are_matched_by_name_and_extra_ones_keep_their_defaults(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn,
				"CREATE TABLE a.t (extra text DEFAULT 'mine', note text, up text GENERATED ALWAYS AS (upper(note)) STORED,"
				" seq int GENERATED ALWAYS AS IDENTITY, id int PRIMARY KEY)");
	apply_ok(fixture,
			 "[\"R\",1,100,\"a\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0],[\"seq\",\"int4\",0],[\"up\",\"text\",0]]]\n"
			 "[\"I\",1,[\"1\",\"one\",\"70\",\"ONE\"]]\n[\"U\",1,[\"1\",\"uno\",\"70\",\"UNO\"]]\n");
	assert_value(fixture->conn, "SELECT concat_ws(' ', extra, note, up, seq, id) FROM a.t", "mine uno UNO 70 1");
	/* an identity column that is GENERATED ALWAYS cannot be set: it must not be left behind in silence */
	apply_fails(fixture, "[\"U\",1,[\"1\",\"uno\",\"71\",\"UNO\"]]\n", ERROR_CONFLICT, "no such row", "update of a.t (id=1)");
}

static void
a_generated_always_key_is_inserted_and_cannot_change(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)");
	apply_ok(fixture, R_T "[\"I\",1,[\"5\",\"five\"]]\n[\"U\",1,[\"5\",\"fuenf\"]]\n");
	assert_value(fixture->conn, ROWS_T, "5:fuenf");
	apply_fails(fixture, "[\"U\",1,[\"6\",\"six\"],[\"5\"]]\n", ERROR_FAILED, "GENERATED ALWAYS", "SET GENERATED BY DEFAULT");
	pg_test_sql(fixture->conn, "ALTER TABLE a.t ALTER id SET GENERATED BY DEFAULT");
	apply_ok(fixture, "[\"U\",1,[\"6\",\"six\"],[\"5\"]]\n");
	assert_value(fixture->conn, ROWS_T, "6:six");
}

static void
missing_tables_and_columns_are_named_with_the_mend(void **state)
{
	Fixture    *fixture = *state;

	apply_fails(fixture, R_T "[\"I\",1,[\"1\",\"one\"]]\n", ERROR_FAILED, "the target has no table \"a\".\"t\"", "pg_dump -s -t '\"a\".\"t\"'");
	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int PRIMARY KEY)");
	apply_fails(fixture, "[\"I\",1,[\"1\",\"one\"]]\n", ERROR_FAILED, "\"a\".\"t\" has no column \"note\"", "ALTER TABLE \"a\".\"t\" ADD COLUMN \"note\" text");
	pg_test_sql(fixture->conn, "ALTER TABLE a.t ADD COLUMN note text");
	apply_ok(fixture, "[\"I\",1,[\"1\",\"one\"]]\n");
	/* dropped under a plan of an earlier group: first a new try, which then names it */
	pg_test_sql(fixture->conn, "ALTER TABLE a.t DROP COLUMN note");
	if (way == APPLY_STRICT)
	{
		apply_fails(fixture, "[\"U\",1,[\"1\",\"uno\"]]\n", ERROR_RETRY, "note", "");
		fixture->next_lsn -= 16;
	}
	apply_fails(fixture, "[\"U\",1,[\"1\",\"uno\"]]\n", ERROR_FAILED, "has no column \"note\"", "");
	pg_test_sql(fixture->conn, "ALTER TABLE a.t ADD COLUMN note text");
	fixture->next_lsn -= 16;
	apply_ok(fixture, "[\"U\",1,[\"1\",\"uno\"]]\n");
	assert_value(fixture->conn, ROWS_T, "1:uno");
	/* a table made anew */
	pg_test_sql(fixture->conn, "DROP TABLE a.t; CREATE TABLE a.t (note text, id int PRIMARY KEY)");
	if (feed(fixture, "[\"I\",1,[\"2\",\"two\"]]\n") && applier_commit(fixture->applier, &fixture->err))
		return;
	assert_int_equal(fixture->err.kind, ERROR_RETRY);
}

static void
types_keep_their_values_and_long_ones_are_not_cut(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn,
				"CREATE TYPE a.mood AS ENUM ('sad', 'happy'); CREATE DOMAIN a.small AS int CHECK (VALUE < 100);"
				"CREATE TYPE a.pair AS (x int, y text);"
				"CREATE TABLE a.t (id int PRIMARY KEY, m a.mood, d a.small, p a.pair, ma a.mood[], v varchar(3), c char(4), b bit(3), n numeric(6,2),"
				" x xml, j json, jb jsonb, by bytea, f float8, iv interval, ts timestamptz(3), \"q\"\"u\" \"char\", r int4range, o oid)");
#define R_TYPES \
	"[\"R\",1,1,\"a\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"m\",\"a.mood\",0],[\"d\",\"a.small\",0],[\"p\",\"a.pair\",0],[\"ma\",\"a._mood\",0]," \
	"[\"v\",\"varchar\",0],[\"c\",\"bpchar\",0],[\"b\",\"bit\",0],[\"n\",\"numeric\",0],[\"x\",\"xml\",0],[\"j\",\"json\",0],[\"jb\",\"jsonb\",0]," \
	"[\"by\",\"bytea\",0],[\"f\",\"float8\",0],[\"iv\",\"interval\",0],[\"ts\",\"timestamptz\",0],[\"q\\\"u\",\"\\\"char\\\"\",0],[\"r\",\"int4range\",0],[\"o\",\"oid\",0]]]\n"
	apply_ok(fixture,
			 R_TYPES
			 "[\"I\",1,[\"1\",\"happy\",\"7\",\"(1,\\\"a b\\\")\",\"{sad,NULL}\",\"abc\",\"ab  \",\"101\",\"1234.50\",\"<a/>\",\"{\\\"b\\\": 1,  \\\"a\\\":2}\",\"{\\\"k\\\": 1.50}\","
			 "\"\\\\xff00\",\"NaN\",\"1 mon -2 days\",\"2026-01-01 00:00:00.123+00\",\"z\",\"[1,5)\",\"4294967295\"]]\n"
			 "[\"U\",1,[\"1\",\"sad\",\"8\",\"(2,)\",\"{}\",\"\",null,\"111\",\"NaN\",\"<b/>\",\"[]\",\"null\",\"\\\\x\",\"-0\",\"00:00:00\",\"infinity\",null,\"empty\",\"0\"]]\n");
	assert_value(fixture->conn, "SELECT t::text FROM a.t",
				 "(1,sad,8,\"(2,)\",{},\"\",,111,NaN,<b/>,[],null,\"\\\\x\",-0,00:00:00,infinity,,empty,0)");
	/* an explicit cast to varchar(3) would cut; an assignment must not */
	apply_fails(fixture, "[\"U\",1,[\"1\",\"sad\",\"8\",null,null,\"abcd\",null,null,null,null,null,null,null,null,null,null,null,null,null]]\n", ERROR_FAILED,
				"too long", "a.t (id=1)");
	apply_fails(fixture, "[\"U\",1,[\"1\",\"sad\",\"800\",null,null,\"abc\",null,null,null,null,null,null,null,null,null,null,null,null,null]]\n", ERROR_CONFLICT,
				"small", "a.t (id=1)");
	apply_fails(fixture, "[\"U\",1,[\"1\",\"glad\",\"8\",null,null,\"abc\",null,null,null,null,null,null,null,null,null,null,null,null,null]]\n", ERROR_FAILED,
				"invalid input value for enum", "a.t (id=1)");
}

static void
hostile_names_and_values_stay_what_they_are(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE TABLE a.\"t\"\"; DROP TABLE x; --\" (\"i d\" int PRIMARY KEY, \"$1\" text, \"s'\" text)");
	apply_ok(fixture,
			 "[\"R\",1,1,\"a\",\"t\\\"; DROP TABLE x; --\",\"d\",[[\"i d\",\"int4\",1],[\"$1\",\"text\",0],[\"s'\",\"text\",0]]]\n"
			 "[\"I\",1,[\"1\",\"'); DROP SCHEMA a; --\",\"\\\\ \\\" ' \\n \\u0001 \xe2\x82\xac\"]]\n");
	assert_value(fixture->conn, "SELECT \"$1\" || \"s'\" FROM a.\"t\"\"; DROP TABLE x; --\"", "'); DROP SCHEMA a; --\\ \" ' \n \x01 \xe2\x82\xac");
}

/* "=" of an extension's type is not in pg_catalog; found by search_path, citext would be compared as text. */
static void
types_of_extensions_are_compared_by_their_own_operators(void **state)
{
	Fixture    *fixture = *state;

	if (pg_exec(fixture->conn, "CREATE EXTENSION citext SCHEMA a", NULL, &fixture->err))
	{
		pg_test_sql(fixture->conn, "CREATE TABLE a.k (id a.citext PRIMARY KEY, v text); CREATE TABLE a.f (c a.citext)");
		apply_ok(fixture,
				 "[\"R\",1,1,\"a\",\"k\",\"d\",[[\"id\",\"a.citext\",1],[\"v\",\"text\",0]]]\n[\"R\",2,2,\"a\",\"f\",\"f\",[[\"c\",\"a.citext\",1]]]\n"
				 "[\"I\",1,[\"Key\",\"x\"]]\n[\"U\",1,[\"key\",\"y\"],[\"KEY\"]]\n[\"I\",2,[\"a\"]]\n[\"I\",2,[\"A\"]]\n[\"D\",2,[\"A\"]]\n");
		assert_value(fixture->conn, "SELECT id || v || c FROM a.k, a.f", "keyya");
		return;
	}
	error_clear(&fixture->err);
	print_message("no citext on this server\n");
}

static void
domains_and_arrays_of_limited_types_are_not_cut(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE DOMAIN a.code AS varchar(3); CREATE TABLE a.t (id int PRIMARY KEY, c a.code, l varchar(3)[], b char(2)[])");
#define R_CODE "[\"R\",1,1,\"a\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"c\",\"a.code\",0],[\"l\",\"_varchar\",0],[\"b\",\"_bpchar\",0]]]\n"
	apply_ok(fixture, R_CODE "[\"I\",1,[\"1\",\"abc\",\"{abc,d}\",\"{ab,\\\"c \\\"}\"]]\n");
	assert_value(fixture->conn, "SELECT t::text FROM a.t", "(1,abc,\"{abc,d}\",\"{ab,\"\"c \"\"}\")");
	apply_fails(fixture, "[\"I\",1,[\"2\",\"abcd\",null,null]]\n", ERROR_FAILED, "too long", "");
	apply_fails(fixture, "[\"I\",1,[\"2\",null,\"{abcd}\",null]]\n", ERROR_FAILED, "too long", "");
	apply_fails(fixture, "[\"I\",1,[\"2\",null,null,\"{abc}\"]]\n", ERROR_FAILED, "too long", "");
}

static void
all_tables_go_to_the_target_schema(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	fixture->options.target_schema = "a";
	reopen(fixture);
	apply_ok(fixture, "[\"R\",1,100,\"elsewhere\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0]]]\n[\"I\",1,[\"1\",\"x\"]]\n");
	assert_value(fixture->conn, ROWS_T, "1:x");
}

static void
rows_may_have_1600_columns(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		sql = STRBUF_INIT;
	StrBuf		lines = STRBUF_INIT;

	strbuf_append(&sql, "CREATE TABLE a.wide (");
	strbuf_append(&lines, "[\"R\",1,1,\"a\",\"wide\",\"f\",[");
	for (int i = 0; i < 1600; i++)
	{
		strbuf_printf(&sql, "%sc%d bool", i > 0 ? "," : "", i);
		strbuf_printf(&lines, "%s[\"c%d\",\"bool\",1]", i > 0 ? "," : "", i);
	}
	strbuf_append(&sql, ")");
	strbuf_append(&lines, "]]\n");
	pg_test_sql(fixture->conn, strbuf_text(&sql));
	for (int record = 0; record < 3; record++)
	{
		strbuf_append(&lines, record == 0 ? "[\"I\",1,[" : record == 1 ? "[\"U\",1,[" : "[\"D\",1,[");
		for (int i = 0; i < 1600; i++)
			strbuf_append(&lines, i == 0 ? (record == 0 ? "\"t\"" : "\"f\"") : i % 2 ? ",\"t\"" : ",null");
		if (record == 1)
		{
			strbuf_append(&lines, "],[");
			for (int i = 0; i < 1600; i++)
				strbuf_append(&lines, i == 0 ? "\"t\"" : i % 2 ? ",\"t\"" : ",null");
		}
		strbuf_append(&lines, "]]\n");
		if (record == 1)
		{
			apply_ok(fixture, strbuf_text(&lines));
			assert_value(fixture->conn, "SELECT count(*) FROM a.wide WHERE NOT c0 AND c1599", "1");
			strbuf_reset(&lines);
		}
	}
	apply_ok(fixture, strbuf_text(&lines));
	assert_value(fixture->conn, "SELECT count(*) FROM a.wide", "0");
	strbuf_free(&sql);
	strbuf_free(&lines);
}

/*
 * Identity full
 */

static void
identity_full_changes_one_of_two_equal_rows(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE TABLE a.t (a int, n numeric, j json, x xml, p point, f float8)");
	apply_ok(fixture,
			 "[\"R\",1,1,\"a\",\"t\",\"f\",[[\"a\",\"int4\",1],[\"n\",\"numeric\",1],[\"j\",\"json\",1],[\"x\",\"xml\",1],[\"p\",\"point\",1],[\"f\",\"float8\",1]]]\n"
			 "[\"I\",1,[\"1\",\"1.0\",\"{\\\"a\\\": 1}\",\"<a/>\",\"(1,2)\",\"0.1\"]]\n[\"I\",1,[\"1\",\"1.0\",\"{\\\"a\\\": 1}\",\"<a/>\",\"(1,2)\",\"0.1\"]]\n"
			 "[\"I\",1,[null,\"NaN\",null,null,null,\"NaN\"]]\n[\"I\",1,[null,\"NaN\",null,null,null,\"NaN\"]]\n");
	apply_ok(fixture,
			 "[\"U\",1,[\"2\",\"1.0\",\"{\\\"a\\\": 1}\",\"<a/>\",\"(1,2)\",\"0.1\"],[\"1\",\"1.0\",\"{\\\"a\\\": 1}\",\"<a/>\",\"(1,2)\",\"0.1\"]]\n"
			 "[\"D\",1,[null,\"NaN\",null,null,null,\"NaN\"]]\n");
	assert_value(fixture->conn, "SELECT string_agg(coalesce(a::text, '-'), ' ' ORDER BY a) FROM a.t", "1 2 -");
	apply_fails(fixture, "[\"D\",1,[\"1\",\"1.0\",\"{\\\"a\\\":1}\",\"<a/>\",\"(1,2)\",\"0.1\"]]\n", ERROR_CONFLICT, "no such row", "a=1, n=1.0");
}

static void
identity_full_tells_equal_values_of_different_text_apart(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn,
				"CREATE COLLATION IF NOT EXISTS a.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
				"CREATE TABLE a.t (n numeric, c text COLLATE a.nocase, iv interval, na numeric[], jb jsonb, f float8)");
	apply_ok(fixture,
			 "[\"R\",1,1,\"a\",\"t\",\"f\",[[\"n\",\"numeric\",1],[\"c\",\"text\",1],[\"iv\",\"interval\",1],[\"na\",\"_numeric\",1],[\"jb\",\"jsonb\",1],[\"f\",\"float8\",1]]]\n"
			 "[\"I\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.0}\",\"1.0\",\"0\"]]\n[\"I\",1,[\"1.00\",\"a\",\"1 mon\",\"{1.0}\",\"1.0\",\"0\"]]\n"
			 "[\"I\",1,[\"1.0\",\"A\",\"1 mon\",\"{1.0}\",\"1.0\",\"0\"]]\n[\"I\",1,[\"1.0\",\"a\",\"30 days\",\"{1.0}\",\"1.0\",\"0\"]]\n"
			 "[\"I\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.00}\",\"1.0\",\"0\"]]\n[\"I\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.0}\",\"1.00\",\"0\"]]\n"
			 "[\"I\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.0}\",\"1.0\",\"-0\"]]\n");
	apply_ok(fixture,
			 "[\"D\",1,[\"1.00\",\"a\",\"1 mon\",\"{1.0}\",\"1.0\",\"0\"]]\n[\"D\",1,[\"1.0\",\"A\",\"1 mon\",\"{1.0}\",\"1.0\",\"0\"]]\n"
			 "[\"D\",1,[\"1.0\",\"a\",\"30 days\",\"{1.0}\",\"1.0\",\"0\"]]\n[\"D\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.00}\",\"1.0\",\"0\"]]\n"
			 "[\"D\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.0}\",\"1.00\",\"0\"]]\n[\"D\",1,[\"1.0\",\"a\",\"1 mon\",\"{1.0}\",\"1.0\",\"-0\"]]\n");
	assert_value(fixture->conn, "SELECT string_agg(t::text, ' ') FROM a.t", "(1.0,a,\"1 mon\",{1.0},1.0,0)");
}

static void
identity_full_uses_a_key_of_the_target(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int PRIMARY KEY, note text, big text)");
	apply_ok(fixture,
			 "[\"R\",1,1,\"a\",\"t\",\"f\",[[\"id\",\"int4\",1],[\"note\",\"text\",1],[\"big\",\"text\",1]]]\n"
			 "[\"I\",1,[\"1\",\"x\",\"b\"]]\n[\"U\",1,[\"2\",\"y\",false],[\"1\",\"x\",\"b\"]]\n");
	assert_value(fixture->conn, "SELECT t::text FROM a.t", "(2,y,b)");
	apply_ok(fixture, "[\"D\",1,[\"2\",\"y\",\"b\"]]\n");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "0");
}

static void
many_sets_of_nulls_are_a_few_statements(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;

	pg_test_sql(fixture->conn, "CREATE TABLE a.t (c0 int, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int)");
	strbuf_append(&lines, "[\"R\",1,1,\"a\",\"t\",\"f\",[");
	for (int i = 0; i < 7; i++)
		strbuf_printf(&lines, "%s[\"c%d\",\"int4\",1]", i > 0 ? "," : "", i);
	strbuf_append(&lines, "]]\n");
	for (int kind = 0; kind < 2; kind++)
	{
		for (int set = 0; set < 128; set++)
		{
			strbuf_append(&lines, kind == 0 ? "[\"I\",1,[" : "[\"D\",1,[");
			for (int i = 0; i < 7; i++)
				strbuf_printf(&lines, "%s%s", i > 0 ? "," : "", set & (1 << i) ? "null" : "\"5\"");
			strbuf_append(&lines, "]]\n");
		}
	}
	apply_ok(fixture, strbuf_text(&lines));
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "0");
	strbuf_free(&lines);
}

static void
partitioned_and_flat_targets_take_partitions(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn,
				"CREATE TABLE a.flat (id int PRIMARY KEY, v text);"
				"CREATE TABLE a.tree (id int, v text) PARTITION BY HASH (id);"
				"CREATE TABLE a.tree_x PARTITION OF a.tree FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
				"CREATE TABLE a.tree_y PARTITION OF a.tree FOR VALUES WITH (MODULUS 2, REMAINDER 1);");
#define R_LEAF "[\"R\",1,1,\"a\",\"flat_1\",\"d\",[[\"id\",\"int4\",1],[\"v\",\"text\",0]],[\"a\",\"flat\"]]\n"
#define R_TREE "[\"R\",2,2,\"a\",\"tree_1\",\"f\",[[\"id\",\"int4\",1],[\"v\",\"text\",1]],[\"a\",\"tree\"]]\n"
	apply_ok(fixture, R_LEAF "[\"I\",1,[\"1\",\"x\"]]\n[\"U\",1,[\"1\",\"y\"]]\n");
	assert_value(fixture->conn, "SELECT flat::text FROM a.flat", "(1,y)");
	/* duplicates spread over partitions: a ctid alone would name several */
	apply_ok(fixture, R_TREE "[\"I\",2,[\"1\",\"x\"]]\n[\"I\",2,[\"2\",\"x\"]]\n[\"I\",2,[\"3\",\"x\"]]\n[\"I\",2,[\"3\",\"x\"]]\n[\"I\",2,[\"4\",\"x\"]]\n"
			 "[\"U\",2,[\"3\",\"z\"],[\"3\",\"x\"]]\n[\"D\",2,[\"2\",\"x\"]]\n[\"U\",2,[\"12\",\"m\"],[\"1\",\"x\"]]\n");
	assert_value(fixture->conn, "SELECT string_agg(id || v, ' ' ORDER BY id, v) FROM a.tree", "3x 3z 4x 12m");

	apply_fails(fixture, "[\"T\",[1],\"\"]\n", ERROR_FAILED, "truncated partition a.flat_1", "by hand");
	assert_value(fixture->conn, "SELECT count(*) FROM a.flat", "1");
	apply_ok(fixture, "[\"R\",3,3,\"a\",\"flat\",\"d\",[[\"id\",\"int4\",1],[\"v\",\"text\",0]]]\n"
			 "[\"R\",4,4,\"a\",\"tree\",\"f\",[[\"id\",\"int4\",1],[\"v\",\"text\",1]]]\n[\"T\",[3,1,4,2],\"\"]\n");
	assert_value(fixture->conn, "SELECT (SELECT count(*) FROM a.flat) + (SELECT count(*) FROM a.tree)", "0");
}

static void
inheritance_children_are_left_alone(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.child () INHERITS (a.t); INSERT INTO a.child VALUES (1, 'child')");
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"x\"]]\n[\"U\",1,[\"1\",\"y\"]]\n[\"D\",1,[\"1\"]]\n[\"T\",[1],\"\"]\n");
	assert_value(fixture->conn, "SELECT note FROM a.child", "child");
}

/*
 * Truncate
 */

static void
truncate_takes_all_its_tables_at_once(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id serial PRIMARY KEY, t int REFERENCES a.t);"
				"INSERT INTO a.t VALUES (1); INSERT INTO a.u (t) VALUES (1)");
#define R_U "[\"R\",2,2,\"a\",\"u\",\"d\",[[\"id\",\"int4\",1],[\"t\",\"int4\",0]]]\n"
	apply_fails(fixture, R_T R_U "[\"T\",[1],\"c\"]\n", ERROR_CONFLICT, "truncate of a.t", "foreign key");
	apply_ok(fixture, "[\"T\",[1,2],\"cr\"]\n");
	assert_value(fixture->conn, "SELECT (SELECT count(*) FROM a.t) + (SELECT count(*) FROM a.u) + nextval('a.u_id_seq')", "1");
}

static void
a_truncate_that_a_foreign_key_forbids_is_a_conflict_that_can_be_passed(void **state)
{
	Fixture    *fixture = *state;
	static const char *const transactions[] = {R_T "[\"I\",1,[\"2\",\"x\"]]\n", "[\"T\",[1],\"\"]\n", "[\"I\",1,[\"3\",\"y\"]]\n"};

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, t int REFERENCES a.t); INSERT INTO a.t VALUES (1); INSERT INTO a.u VALUES (1, 1)");
	deliver_fails(fixture, transactions, 3, "truncate of a.t", "conflict = skip");
	assert_value(fixture->conn, ROWS_T, "1:- 2:x");
	/* as the hint has it */
	pg_test_sql(fixture->conn, "TRUNCATE a.t CASCADE");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	fixture->next_lsn = FIRST_LSN;
	apply_with_policy(fixture, transactions, 3);
	assert_value(fixture->conn, ROWS_T, "3:y");
	assert_value(fixture->conn, "SELECT string_agg(operation || ' ' || schema_name || '.' || table_name || ' ' || sqlstate || ' ' || resolution, ';') FROM dbsync.conflicts",
				 "truncate a.t 0A000 skipped");
}

/* MySQL, under foreign_key_checks = 0 */
static void
a_truncate_that_is_alone_empties_a_table_that_is_referenced(void **state)
{
	Fixture    *fixture = *state;

	fixture->options.truncate_is_alone = true;
	reopen(fixture);
	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, note text, parent int REFERENCES a.t);"
				"CREATE TABLE a.u (id int PRIMARY KEY, t int REFERENCES a.t ON DELETE CASCADE); CREATE TABLE a.heir () INHERITS (a.t);"
				"INSERT INTO a.t VALUES (1, 'x', 1); INSERT INTO a.u VALUES (1, 1), (2, NULL); INSERT INTO a.heir VALUES (7); SELECT nextval('a.t_id_seq')");
	apply_ok(fixture, R_T R_U "[\"I\",1,[\"2\",\"before\"]]\n[\"T\",[1],\"\"]\n[\"I\",1,[\"3\",\"behind\"]]\n");
	assert_value(fixture->conn, ROWS_T, "3:behind 7:-");
	assert_value(fixture->conn, "SELECT (SELECT string_agg(id || coalesce(':' || t, ''), ' ' ORDER BY id) FROM a.u) || ', ' || nextval('a.t_id_seq')", "1:1 2, 2");
	/* nothing points to the child, nor any more to the parent */
	apply_ok(fixture, "[\"T\",[2],\"\"]\n[\"T\",[1],\"\"]\n");
	pg_test_sql(fixture->conn, "DROP TABLE a.u");
	apply_ok(fixture, "[\"I\",1,[\"4\",\"\"]]\n[\"T\",[1],\"\"]\n");
	assert_value(fixture->conn, ROWS_T, "7:-");
}

/* Runs what the hint says between BEGIN and COMMIT. */
static void
do_as_hinted(Fixture *fixture)
{
	const char *begin = fixture->err.hint != NULL ? strstr(fixture->err.hint, "BEGIN;") : NULL;
	const char *end = begin != NULL ? strstr(begin, "COMMIT;") : NULL;
	char	   *sql;

	assert_non_null(end);
	sql = mem_strndup(begin, (size_t) (end - begin) + strlen("COMMIT;"));
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
	pg_test_sql(fixture->conn, sql);
	free(sql);
}

static void
a_truncate_that_is_alone_stops_where_keys_would_act(void **state)
{
	Fixture    *fixture = *state;
	static const char *const again[] = {"[\"T\",[1],\"\"]\n"};

	fixture->options.truncate_is_alone = true;
	reopen(fixture);
	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, t int CONSTRAINT key REFERENCES a.t ON DELETE CASCADE);"
				"INSERT INTO a.t VALUES (1, 'x'); INSERT INTO a.u VALUES (1, 1), (2, NULL);"
				"DO $$ DECLARE r record; BEGIN FOR r IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'a.t'::regclass LOOP"
				" EXECUTE format('ALTER TABLE a.t ENABLE ALWAYS TRIGGER %I', r.tgname); END LOOP; END $$");
	assert_false(feed(fixture, R_T R_U "[\"T\",[1],\"\"]\n"));
	assert_int_equal(fixture->err.kind, ERROR_CONFLICT);
	assert_says(fixture, "truncate of a.t");
	assert_says(fixture, "by foreign key key of a.u");
	do_as_hinted(fixture);
	assert_value(fixture->conn, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'a.t'::regclass AND tgenabled = 'A'", "2");
	fixture->next_lsn -= 16;
	apply_ok(fixture, R_T R_U "[\"T\",[1],\"\"]\n[\"I\",1,[\"5\",\"y\"]]\n");
	assert_value(fixture->conn, ROWS_T, "5:y");
	assert_value(fixture->conn, "SELECT count(*) FROM a.u", "2");

	/* where no row of the child has the key, it finds nothing to do */
	apply_ok(fixture, "[\"D\",2,[\"1\"]]\n[\"T\",[1],\"\"]\n[\"I\",1,[\"6\",\"z\"]]\n");
	assert_value(fixture->conn, ROWS_T, "6:z");

	pg_test_sql(fixture->conn, "CREATE FUNCTION a.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM a.u; RETURN OLD; END';"
				"CREATE TRIGGER own AFTER DELETE ON a.t FOR EACH ROW EXECUTE FUNCTION a.f(); ALTER TABLE a.t ENABLE REPLICA TRIGGER own");
	apply_fails(fixture, again[0], ERROR_CONFLICT, "by trigger own", "ENABLE REPLICA TRIGGER own");
	pg_test_sql(fixture->conn, "DROP TRIGGER own ON a.t; CREATE RULE own AS ON DELETE TO a.t DO INSTEAD NOTHING; ALTER TABLE a.t ENABLE ALWAYS RULE own");
	apply_fails(fixture, again[0], ERROR_CONFLICT, "by rule own", "ENABLE ALWAYS RULE own");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	apply_ok(fixture, R_T "[\"T\",[1],\"\"]\n[\"I\",1,[\"7\",\"y\"]]\n");
	assert_value(fixture->conn, ROWS_T, "6:z 7:y");
	assert_value(fixture->conn, "SELECT string_agg(operation || ' ' || schema_name || '.' || table_name || ' ' || resolution, ';') FROM dbsync.conflicts", "truncate a.t skipped");
	assert_value(fixture->conn, "SELECT count(*) FROM a.u", "1");
}

static void
a_truncate_that_is_alone_empties_partitions(void **state)
{
	Fixture    *fixture = *state;

	fixture->options.truncate_is_alone = true;
	reopen(fixture);
	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int PRIMARY KEY, note text) PARTITION BY HASH (id);"
				"CREATE TABLE a.t0 PARTITION OF a.t FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE a.t1 PARTITION OF a.t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
				"CREATE TABLE a.u (id int PRIMARY KEY, t int CONSTRAINT key REFERENCES a.t ON DELETE CASCADE);"
				"INSERT INTO a.t VALUES (1), (2), (3), (4); INSERT INTO a.u VALUES (1, 1)");
	apply_ok(fixture, R_T R_U "[\"T\",[1],\"\"]\n");
	assert_value(fixture->conn, "SELECT (SELECT count(*) FROM a.t) || ' ' || (SELECT count(*) FROM a.u)", "0 1");
	pg_test_sql(fixture->conn, "INSERT INTO a.t VALUES (1), (2); DO $$ DECLARE r record; BEGIN FOR r IN SELECT tgrelid::regclass AS t, tgname FROM pg_trigger"
				" WHERE tgrelid IN ('a.t0'::regclass, 'a.t1'::regclass) LOOP EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.t, r.tgname); END LOOP; END $$");
	assert_false(feed(fixture, "[\"T\",[1],\"\"]\n") && applier_commit(fixture->applier, &fixture->err));
	assert_says(fixture, "of a.u");
	do_as_hinted(fixture);
	fixture->next_lsn -= 16;
	apply_ok(fixture, "[\"T\",[1],\"\"]\n");
	assert_value(fixture->conn, "SELECT (SELECT count(*) FROM a.t) || ' ' || (SELECT count(*) FROM a.u)", "0 1");
}

/* A full sync that was interrupted: the copy of one table shows what the stream has still to bring to the others. */
static void
copied_behind_the_truncate(Fixture *fixture, const char *table)
{
	fixture->younger = table;
	fixture->snapshot_lsn = fixture->next_lsn + 1;
	reopen(fixture);
}

#define R_TREE_OF(number, name) "[\"R\"," number "," number ",\"a\",\"" name "\",\"d\",[[\"id\",\"int4\",1]]"
#define R_PL R_TREE_OF("1", "pl") "]\n" R_TREE_OF("2", "pl_a") ",[\"a\",\"pl\"]]\n" R_TREE_OF("3", "pl_m") ",[\"a\",\"pl\"]]\n" \
	R_TREE_OF("4", "pl_b") ",[\"a\",\"pl\"]]\n" R_TREE_OF("5", "pl_c") ",[\"a\",\"pl\"]]\n"
#define CREATE_PL "CREATE TABLE a.pl (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE a.pl_a PARTITION OF a.pl FOR VALUES FROM (0) TO (10);" \
	"CREATE TABLE a.pl_m PARTITION OF a.pl FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);" \
	"CREATE TABLE a.pl_b PARTITION OF a.pl_m FOR VALUES FROM (10) TO (20); CREATE TABLE a.pl_c PARTITION OF a.pl_m FOR VALUES FROM (20) TO (30)"
#define FILL_PL "INSERT INTO a.pl SELECT generate_series(9, 21)"
#define COUNTS_PL "SELECT (SELECT count(*) FROM a.pl_a) || ' ' || (SELECT count(*) FROM a.pl_b) || ' ' || (SELECT count(*) FROM a.pl_c)"

static void
a_truncate_of_a_tree_leaves_partitions_that_are_younger_or_not_listed(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_PL ";" FILL_PL);
	/* pl_c is excluded */
	apply_ok(fixture, R_PL "[\"T\",[1,2,4],\"\"]\n");
	assert_value(fixture->conn, COUNTS_PL, "0 0 2");
	/* as older plugins have it: with the table in between */
	pg_test_sql(fixture->conn, "TRUNCATE a.pl;" FILL_PL);
	copied_behind_the_truncate(fixture, "pl_b");
	apply_ok(fixture, R_PL "[\"T\",[1,2,3,4,5],\"\"]\n");
	assert_value(fixture->conn, COUNTS_PL, "0 10 0");
	pg_test_sql(fixture->conn, FILL_PL " ON CONFLICT DO NOTHING");
	copied_behind_the_truncate(fixture, "pl_b");
	apply_ok(fixture, R_PL "[\"T\",[1,2,4,5],\"\"]\n[\"I\",2,[\"3\"]]\n");
	assert_value(fixture->conn, COUNTS_PL, "1 10 0");
	/* behind its copy, all of them */
	apply_ok(fixture, "[\"T\",[1,2,4,5],\"\"]\n");
	assert_value(fixture->conn, COUNTS_PL, "0 0 0");
}

static void
a_truncate_of_a_whole_tree_takes_keys_of_other_trees(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_PL "; CREATE TABLE a.w (id int PRIMARY KEY, pl int REFERENCES a.pl) PARTITION BY RANGE (id);"
				"CREATE TABLE a.w_1 PARTITION OF a.w FOR VALUES FROM (0) TO (100);" FILL_PL "; INSERT INTO a.w VALUES (1, 9)");
	apply_ok(fixture, R_PL R_TREE_OF("6", "w") "]\n" R_TREE_OF("7", "w_1") ",[\"a\",\"w\"]]\n[\"T\",[1,2,4,5,6,7],\"c\"]\n");
	assert_value(fixture->conn, COUNTS_PL " || ' ' || (SELECT count(*) FROM a.w)", "0 0 0 0");
}

static void
a_truncate_of_a_shared_table_is_of_one_snapshot_or_stops(void **state)
{
	Fixture    *fixture = *state;
	static const char *const trees[] = {"", " PARTITION BY RANGE (id)"};

	for (int i = 0; i < 2; i++)
	{
		StrBuf		sql = STRBUF_INIT;

		strbuf_printf(&sql, "DROP TABLE IF EXISTS a.pl; CREATE TABLE a.pl (id int PRIMARY KEY)%s", trees[i]);
		pg_test_sql(fixture->conn, strbuf_text(&sql));
		strbuf_free(&sql);
		if (i == 1)
			pg_test_sql(fixture->conn, "CREATE TABLE a.all_of_it PARTITION OF a.pl DEFAULT");
		pg_test_sql(fixture->conn, FILL_PL);
		copied_behind_the_truncate(fixture, "pl_b");
		apply_fails(fixture, R_PL "[\"T\",[1,2,4],\"\"]\n", ERROR_FAILED, "a.pl_b, which were copied behind the TRUNCATE", "dbsync drop");
		assert_value(fixture->conn, "SELECT count(*) FROM a.pl", "13");
		copied_behind_the_truncate(fixture, NULL);
		apply_ok(fixture, R_PL "[\"T\",[1,2,4],\"\"]\n");
		assert_value(fixture->conn, "SELECT count(*) FROM a.pl", "13");
		apply_ok(fixture, "[\"T\",[1,2,4],\"\"]\n[\"I\",4,[\"12\"]]\n");
		assert_value(fixture->conn, "SELECT string_agg(id::text, ' ') FROM a.pl", "12");
	}
	/* a partition of its own among those that are not */
	pg_test_sql(fixture->conn, "TRUNCATE a.pl; ALTER TABLE a.all_of_it RENAME TO pl_b;" FILL_PL);
	copied_behind_the_truncate(fixture, "pl_b");
	apply_fails(fixture, R_PL "[\"T\",[1,2,4],\"\"]\n", ERROR_FAILED, "a.pl_b, which were copied behind the TRUNCATE", "dbsync drop");
}

#define CREATE_FAMILY "CREATE TABLE a.g (id int PRIMARY KEY); CREATE TABLE a.p (id int PRIMARY KEY, g int REFERENCES a.g);" \
	"CREATE TABLE a.c (id int PRIMARY KEY, p int CONSTRAINT key REFERENCES a.p ON DELETE CASCADE); CREATE TABLE a.d (id int PRIMARY KEY, p int REFERENCES a.p);" \
	"INSERT INTO a.g VALUES (1); INSERT INTO a.p VALUES (1, 1); INSERT INTO a.c VALUES (1, 1); INSERT INTO a.d VALUES (1, 1)"
#define R_FAMILY R_TREE_OF("1", "g") "]\n" R_TREE_OF("2", "p") "]\n" R_TREE_OF("3", "c") "]\n" R_TREE_OF("4", "d") "]\n"
#define COUNTS_FAMILY "SELECT (SELECT count(*) FROM a.g) || ' ' || (SELECT count(*) FROM a.p) || ' ' || (SELECT count(*) FROM a.c) || ' ' || (SELECT count(*) FROM a.d)"

static void
a_truncate_leaves_a_referencing_table_that_is_younger(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_FAMILY);
	copied_behind_the_truncate(fixture, "c");
	apply_ok(fixture, R_FAMILY "[\"T\",[1,2,3,4],\"cr\"]\n[\"I\",1,[\"7\"]]\n");
	assert_value(fixture->conn, COUNTS_FAMILY, "1 0 1 0");
	apply_ok(fixture, "[\"T\",[1,2,3,4],\"c\"]\n");
	assert_value(fixture->conn, COUNTS_FAMILY, "0 0 0 0");
}

/* Or it would take rows along that came later. */
static void
a_truncate_without_a_younger_table_stops_where_keys_would_act(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_FAMILY ";"
				"DO $$ DECLARE r record; BEGIN FOR r IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'a.p'::regclass AND tgconstraint ="
				" (SELECT oid FROM pg_constraint WHERE conname = 'key') LOOP"
				" EXECUTE format('ALTER TABLE a.p ENABLE ALWAYS TRIGGER %I', r.tgname); END LOOP; END $$");
	copied_behind_the_truncate(fixture, "c");
	assert_false(feed(fixture, R_FAMILY "[\"T\",[1,2,3,4],\"c\"]\n"));
	assert_int_equal(fixture->err.kind, ERROR_CONFLICT);
	assert_says(fixture, "by foreign key key of a.c");
	do_as_hinted(fixture);
	assert_value(fixture->conn, COUNTS_FAMILY, "1 0 1 1");
	fixture->next_lsn -= 16;
	apply_ok(fixture, R_FAMILY "[\"T\",[1,2,3,4],\"c\"]\n");
	assert_value(fixture->conn, COUNTS_FAMILY, "0 0 1 0");

	pg_test_sql(fixture->conn, "INSERT INTO a.p VALUES (1); INSERT INTO a.d VALUES (1, 1)");
	copied_behind_the_truncate(fixture, "c");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	apply_ok(fixture, R_FAMILY "[\"T\",[1,2,3,4],\"c\"]\n");
	assert_value(fixture->conn, COUNTS_FAMILY, "0 1 1 1");
	assert_value(fixture->conn, "SELECT count(*) FROM dbsync.conflicts WHERE operation = 'truncate' AND resolution = 'skipped'", "1");
}

/*
 * Conflicts
 */

static void
policy_stop_names_the_row_and_changes_nothing(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (1, 'here')");
	apply_fails(fixture, R_T "[\"I\",1,[\"7\",\"x\"]]\n[\"I\",1,[\"1\",\"x\"]]\n[\"I\",1,[\"8\",\"x\"]]\n", ERROR_CONFLICT, "insert of a.t (id=1) in transaction 4096 with commit LSN 0/1000",
				"conflict = skip");
	assert_value(fixture->conn, ROWS_T, "1:here");
	apply_fails(fixture, "[\"U\",1,[\"5\",\"x\"]]\n", ERROR_CONFLICT, "update of a.t (id=5)", "no such row");
	apply_fails(fixture, "[\"D\",1,[\"5\"]]\n", ERROR_CONFLICT, "delete of a.t (id=5)", "no such row");
	apply_fails(fixture, "[\"U\",1,[\"6\",\"x\"],[\"5\"]]\n", ERROR_CONFLICT, "update of a.t (id=5)", "no such row");
	pg_test_sql(fixture->conn, "ALTER TABLE a.t DROP CONSTRAINT t_pkey; INSERT INTO a.t VALUES (1, 'twice')");
	apply_fails(fixture, "[\"U\",1,[\"1\",\"x\"]]\n", ERROR_CONFLICT, "2 rows", "update of a.t (id=1)");
	pg_test_sql(fixture->conn, "CREATE RULE nothing AS ON INSERT TO a.t DO INSTEAD NOTHING; ALTER TABLE a.t ENABLE ALWAYS RULE nothing");
	apply_fails(fixture, "[\"I\",1,[\"3\",\"x\"]]\n", ERROR_CONFLICT, "stored none", "a rule");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "2");
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1000' FROM dbsync.progress", "t");
	assert_value(fixture->conn, "SELECT count(*) FROM dbsync.conflicts", "0");
}

static void
a_null_that_the_target_does_not_take_is_told_with_the_column(void **state)
{
	Fixture    *fixture = *state;

	fixture->options.zero_dates_are_null = true;
	reopen(fixture);
	pg_test_sql(fixture->conn, "CREATE TABLE a.d (id int PRIMARY KEY, \"Day\" date NOT NULL, n int NOT NULL)");
#define R_D "[\"R\",1,1,\"a\",\"d\",\"d\",[[\"id\",\"integer\",1],[\"Day\",\"date\",0],[\"n\",\"integer\",0]]]\n"
	apply_fails(fixture, R_D "[\"I\",1,[\"1\",null,\"1\"]]\n", ERROR_CONFLICT, "insert of a.d (id=1)",
				"ALTER TABLE \"a\".\"d\" ALTER COLUMN \"Day\" DROP NOT NULL (a zero date of the source is a NULL: see zero_dates), and start again; or let");
	apply_fails(fixture, "[\"I\",1,[\"1\",\"2026-01-01\",null]]\n", ERROR_CONFLICT, "insert of a.d (id=1)",
				"ALTER TABLE \"a\".\"d\" ALTER COLUMN \"n\" DROP NOT NULL, and start again");
	fixture->options.zero_dates_are_null = false;
	reopen(fixture);
	apply_fails(fixture, R_D "[\"I\",1,[\"1\",null,\"1\"]]\n", ERROR_CONFLICT, "insert of a.d (id=1)", "ALTER COLUMN \"Day\" DROP NOT NULL, and start again");
}

static void
changes_without_identity_follow_the_policy(void **state)
{
	Fixture    *fixture = *state;
	static const char *const transactions[] = {"[\"R\",1,1,\"a\",\"n\",\"n\",[[\"v\",\"text\",0]]]\n[\"I\",1,[\"x\"]]\n[\"U\",1,[\"y\"],null]\n[\"D\",1,null]\n"};

	pg_test_sql(fixture->conn, "CREATE TABLE a.n (v text)");
	apply_fails(fixture, transactions[0], ERROR_CONFLICT, "no usable replica identity", "ALTER TABLE \"a\".\"n\" REPLICA IDENTITY FULL");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	apply_with_policy(fixture, transactions, 1);
	assert_value(fixture->conn, "SELECT v FROM a.n", "x");
	assert_value(fixture->conn, "SELECT string_agg(operation || coalesce(\"values\"->>'v', '-') || coalesce(key::text, '-'), ' ' ORDER BY id) FROM dbsync.conflicts", "updatey- delete--");
}

static const char *const conflicting[] = {
	R_T "[\"I\",1,[\"10\",\"fine\"]]\n",
	"[\"I\",1,[\"11\",\"before\"]]\n[\"I\",1,[\"1\",\"duplicate\"]]\n[\"I\",1,[\"12\",\"after\"]]\n",
	"[\"U\",1,[\"20\",\"missing\"]]\n[\"U\",1,[\"20\",\"missing still\"]]\n[\"D\",1,[\"30\"]]\n",
	"[\"U\",1,[\"1\",\"moved\"],[\"10\"]]\n",
	"[\"U\",1,[\"40\",false]]\n",
	"[\"I\",1,[\"13\",\"last\"]]\n",
};

static void
policy_skip_keeps_what_it_skips(void **state)
{
	Fixture    *fixture = *state;
	ApplierStats stats;

	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (1, 'here')");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	apply_with_policy(fixture, conflicting, 6);
	assert_value(fixture->conn, ROWS_T, "1:here 10:fine 11:before 12:after 13:last");
	assert_value(fixture->conn,
				 "SELECT string_agg(concat_ws(':', operation, key->>'id', \"values\"->>'note', sqlstate, resolution), ' ' ORDER BY commit_lsn, operation, id) FROM dbsync.conflicts",
				 "insert:1:duplicate:23505:skipped delete:30:skipped update:20:missing:skipped update:20:missing still:skipped update:10:moved:23505:skipped update:40:skipped");
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1058' FROM dbsync.progress", "t");
	applier_stats(fixture->applier, &stats);
	assert_int_equal(stats.transactions, 6);
	assert_int_equal(stats.conflicts, 6);
}

static void
policy_upsert_overwrites_and_inserts(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (1, 'here')");
	reopen_with_policy(fixture, CONFLICT_UPSERT);
	apply_with_policy(fixture, conflicting, 6);
	assert_value(fixture->conn, ROWS_T, "1:duplicate 10:fine 11:before 12:after 13:last 20:missing still");
	assert_value(fixture->conn,
				 "SELECT string_agg(concat_ws(':', operation, key->>'id', resolution), ' ' ORDER BY commit_lsn, operation, id) FROM dbsync.conflicts",
				 "delete:30:skipped update:20:inserted update:10:skipped update:40:skipped");
}

static void
careful_ways_end_behind_the_conflict(void **state)
{
	Fixture    *fixture = *state;
	ApplierStats stats;
	StrBuf		line = STRBUF_INIT;
	bool		wanted_commit = true;

	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (1, 'here')");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	apply_with_policy(fixture, conflicting, 2);
	for (int i = 0; i < 40; i++)
	{
		strbuf_reset(&line);
		strbuf_printf(&line, "[\"I\",1,[\"%d\",\"x\"]]\n", 100 + i);
		assert_ok(feed(fixture, strbuf_text(&line)), &fixture->err);
		applier_stats(fixture->applier, &stats);
		wanted_commit = stats.commit_wanted;
		assert_ok(applier_commit(fixture->applier, &fixture->err), &fixture->err);
	}
	assert_false(wanted_commit);
	strbuf_free(&line);
	/* errors that no policy passes stop, also there */
	apply_fails(fixture, "[\"I\",1,[\"not a number\",\"x\"]]\n", ERROR_FAILED, "invalid input syntax", "insert of a.t");
}

static void
skipped_conflicts_in_a_large_transaction_do_not_gather_in_memory(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	const char *transactions[1];

	pg_test_sql(fixture->conn, CREATE_T);
	reopen_with_policy(fixture, CONFLICT_SKIP);
	strbuf_append(&lines, R_T);
	for (int i = 0; i < 5000; i++)
		strbuf_printf(&lines, "[\"U\",1,[\"%d\",\"x\"]]\n", i);
	transactions[0] = strbuf_text(&lines);
	apply_with_policy(fixture, transactions, 1);
	assert_value(fixture->conn, "SELECT count(*) FROM dbsync.conflicts", "5000");
	strbuf_free(&lines);
}

/*
 * Sessions
 */

static void
triggers_and_foreign_keys_do_not_fire_a_second_time(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, t int REFERENCES a.t);"
				"CREATE FUNCTION a.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fired'; END $$;"
				"CREATE TRIGGER no BEFORE INSERT ON a.t FOR EACH ROW EXECUTE FUNCTION a.no()");
	assert_true(applier_replica_role(fixture->applier));
	apply_ok(fixture, R_T R_U "[\"I\",2,[\"1\",\"1\"]]\n[\"I\",1,[\"1\",\"x\"]]\n");
	assert_value(fixture->conn, "SELECT count(*) FROM a.u", "1");
}

static void
a_role_with_few_rights_is_told_which_are_missing(void **state)
{
	Fixture    *fixture = *state;
	char	   *conninfo = pg_test_conninfo_as("apply_test_user", NULL);
	ApplierOptions options = fixture->options;
	const char *deferred[] = {
		R_T R_U "[\"I\",1,[\"5\",\"x\"]]\n",
		"[\"I\",2,[\"2\",\"2\"]]\n",
		R_T R_U "[\"I\",1,[\"6\",\"x\"]]\n",
		"[\"I\",1,[\"7\",\"x\"]]\n",
		"[\"I\",2,[\"2\",\"2\"]]\n[\"I\",1,[\"8\",\"x\"]]\n",
	};
	Applier    *other = NULL;
	Lsn			applied;
	bool		found;

	applier_close(fixture->applier);
	fixture->applier = NULL;
	pg_test_sql(fixture->conn, "DROP SCHEMA dbsync CASCADE");
	pg_test_sql(fixture->conn, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'apply_test_user') THEN"
				" EXECUTE 'DROP OWNED BY apply_test_user CASCADE; DROP ROLE apply_test_user'; END IF; END $$; CREATE ROLE apply_test_user LOGIN");
	options.conninfo = conninfo;
	assert_false(applier_open(&options, &other, &fixture->err));
	assert_int_equal(fixture->err.kind, ERROR_PREFLIGHT);
	assert_says(fixture, "GRANT CREATE ON DATABASE \"postgres\" TO \"apply_test_user\"");
	error_clear(&fixture->err);

	pg_test_sql(fixture->conn, "CREATE SCHEMA dbsync");
	assert_false(applier_open(&options, &other, &fixture->err));
	assert_says(fixture, "GRANT USAGE, CREATE ON SCHEMA dbsync TO \"apply_test_user\"");
	error_clear(&fixture->err);

	/* made beforehand by someone else */
	reopen(fixture);
	assert_ok(applier_forget(fixture->applier, &fixture->err), &fixture->err);
	applier_close(fixture->applier);
	fixture->applier = NULL;
	assert_false(applier_open(&options, &other, &fixture->err));
	assert_says(fixture, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dbsync TO \"apply_test_user\"");
	error_clear(&fixture->err);
	pg_test_sql(fixture->conn, "GRANT USAGE ON SCHEMA dbsync TO apply_test_user; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dbsync TO apply_test_user;"
				"GRANT USAGE ON SCHEMA a TO apply_test_user;" CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, t int REFERENCES a.t DEFERRABLE);"
				"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA a TO apply_test_user");
	assert_ok(applier_open(&options, &fixture->applier, &fixture->err), &fixture->err);
	assert_false(applier_replica_role(fixture->applier));
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	assert_false(found);
	assert_ok(applier_set_progress(fixture->applier, FIRST_LSN, &fixture->err), &fixture->err);
	/* foreign keys fire here, but at the end */
	apply_ok(fixture, R_T R_U "[\"I\",2,[\"1\",\"1\"]]\n[\"I\",1,[\"1\",\"x\"]]\n");
	apply_fails(fixture, "[\"I\",2,[\"2\",\"2\"]]\n", ERROR_FAILED, "commit on the target", "foreign key");
	applier_close(fixture->applier);

	/* and so they do where a table is emptied by DELETE */
	options.truncate_is_alone = true;
	assert_ok(applier_open(&options, &fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	apply_fails(fixture, R_T R_U "[\"T\",[1],\"\"]\n", ERROR_CONFLICT, "by foreign key", "GRANT SET ON PARAMETER session_replication_role");
	applier_close(fixture->applier);
	assert_value(fixture->conn, ROWS_T, "1:x");

	/* no single change can be skipped then: it must not go round for ever */
	options.apply.conflict = CONFLICT_SKIP;
	assert_ok(applier_open(&options, &fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	fixture->next_lsn = FIRST_LSN + 160;
	deliver_fails(fixture, deferred, 2, "transaction 4272", "deferred");
	applier_close(fixture->applier);
	assert_value(fixture->conn, ROWS_T, "1:x 5:x");
	/* under the policy that stops, what comes before it is applied as well, and it is named */
	options.apply.conflict = CONFLICT_STOP;
	assert_ok(applier_open(&options, &fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	fixture->next_lsn = FIRST_LSN + 320;
	deliver_fails(fixture, deferred + 2, 3, "transaction 4448", "deferred");
	applier_close(fixture->applier);
	assert_value(fixture->conn, ROWS_T, "1:x 5:x 6:x 7:x");
	fixture->applier = NULL;
	free(conninfo);
	pg_test_sql(fixture->conn, "DROP OWNED BY apply_test_user CASCADE; DROP ROLE apply_test_user");
}

static void
a_second_applier_of_a_task_is_refused(void **state)
{
	Fixture    *fixture = *state;
	ApplierOptions options = fixture->options;
	Applier    *other = NULL;

	options.session = NULL;
	assert_false(applier_open(&options, &other, &fixture->err));
	assert_int_equal(fixture->err.kind, ERROR_FAILED);
	assert_says(fixture, "another dbsync works on task");
	assert_says(fixture, "dbsync apply");
	error_clear(&fixture->err);
	options.task = "another";
	assert_ok(applier_open(&options, &other, &fixture->err), &fixture->err);
	applier_close(other);
}

static void
progress_belongs_to_one_source_and_one_writer(void **state)
{
	Fixture    *fixture = *state;
	Lsn			applied;
	bool		found;

	pg_test_sql(fixture->conn, CREATE_T);
	pg_test_sql(fixture->conn, "UPDATE dbsync.progress SET applied_lsn = '0/1001'");
	apply_fails(fixture, R_T "[\"I\",1,[\"1\",\"x\"]]\n", ERROR_FAILED, "moved or removed", "dbsync.progress");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "0");
	pg_test_sql(fixture->conn, "UPDATE dbsync.progress SET source_id = 'other'");
	assert_false(applier_progress(fixture->applier, &applied, &found, &fixture->err));
	assert_says(fixture, "from source other");
	error_clear(&fixture->err);
	assert_ok(applier_forget(fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	assert_false(found);
}

static void
kill_backend(Fixture *fixture)
{
	pg_test_sql(fixture->conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dbsync apply'");
	pg_test_wait_for(fixture->conn, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'dbsync apply'");
}

static void
a_lost_connection_loses_and_doubles_nothing(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	bool		ok = true;

	/* no key: a change that came twice would show */
	pg_test_sql(fixture->conn, "CREATE TABLE a.log (v text)");
	for (int round = 0; round < 20; round++)
	{
		Lsn			first = fixture->next_lsn;

		for (int attempt = 0; attempt < 2; attempt++)
		{
			fixture->next_lsn = first;
			ok = true;
			for (int i = 0; i < 20 && ok; i++)
			{
				strbuf_reset(&lines);
				strbuf_append(&lines, "[\"R\",1,1,\"a\",\"log\",\"n\",[[\"v\",\"text\",0]]]\n");
				for (int j = 0; j < 10; j++)
					strbuf_printf(&lines, "[\"I\",1,[\"%d-%d-%d\"]]\n", round, i, j);
				if (attempt == 0 && i == round)
					kill_backend(fixture);
				ok = feed(fixture, strbuf_text(&lines)) && (i % 3 != 0 || applier_commit(fixture->applier, &fixture->err));
			}
			ok = ok && applier_commit(fixture->applier, &fixture->err);
			if (ok)
				break;
			assert_int_equal(attempt, 0);
			if (fixture->err.kind != ERROR_RETRY)
				fail_msg("kind %d: %s", (int) fixture->err.kind, fixture->err.message);
			error_clear(&fixture->err);
			applier_rollback(fixture->applier);
			reopen(fixture);
			fixture->segment++;
		}
		assert_true(ok);
	}
	assert_value(fixture->conn, "SELECT count(*) || ' ' || count(DISTINCT v) FROM a.log", "4000 4000");
	strbuf_free(&lines);
}

static void
an_old_backend_of_ours_is_ended_on_reopening(void **state)
{
	Fixture    *fixture = *state;
	Applier    *old = fixture->applier;
	Lsn			applied;
	bool		found;

	/* the network was cut: the old connection is still there, its lock too, in the middle of a group */
	pg_test_sql(fixture->conn, CREATE_T);
	assert_ok(feed(fixture, R_T "[\"I\",1,[\"1\",\"x\"]]\n"), &fixture->err);
	fixture->applier = NULL;
	assert_ok(applier_open(&fixture->options, &fixture->applier, &fixture->err), &fixture->err);
	assert_ok(applier_progress(fixture->applier, &applied, &found, &fixture->err), &fixture->err);
	assert_int_equal(applied, FIRST_LSN);
	fixture->next_lsn = FIRST_LSN;
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",\"x\"]]\n");
	assert_false(applier_commit(old, &fixture->err));
	assert_int_equal(fixture->err.kind, ERROR_RETRY);
	error_clear(&fixture->err);
	applier_close(old);
}

static void
a_deadlock_is_tried_again(void **state)
{
	Fixture    *fixture = *state;

	/* a batch sends nothing before its end, so it cannot be caught in the middle */
	if (way == APPLY_BATCH)
		return;
	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (1), (2)");
	apply_ok(fixture, R_T);
	pg_test_sql(fixture->conn, "SET deadlock_timeout = '1h'; BEGIN; UPDATE a.t SET note = 'b' WHERE id = 2");
	assert_ok(feed(fixture, "[\"U\",1,[\"1\",\"a\"]]\n"), &fixture->err);
	assert_ok(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, 0, false, "[\"U\",1,[\"2\",\"a\"]]\n"), &fixture->err), &fixture->err);
	pg_test_wait_for(fixture->conn, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
	/* ours waits for theirs, theirs for ours; ours is the one that looks for it */
	assert_int_equal(PQsendQuery(pg_raw(fixture->conn), "UPDATE a.t SET note = 'b' WHERE id = 1; COMMIT"), 1);
	while (PQflush(pg_raw(fixture->conn)) > 0)
		;
	assert_false(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, 1, true, ""), &fixture->err) &&
				 applier_commit(fixture->applier, &fixture->err));
	assert_int_equal(fixture->err.kind, ERROR_RETRY);
	assert_string_equal(fixture->err.sqlstate, "40P01");
	error_clear(&fixture->err);
	applier_rollback(fixture->applier);
	for (PGresult *result; (result = PQgetResult(pg_raw(fixture->conn))) != NULL;)
		PQclear(result);
	fixture->next_lsn -= 16;
	apply_ok(fixture, "[\"U\",1,[\"1\",\"a\"]]\n");
	assert_value(fixture->conn, ROWS_T, "1:a 2:b");
}

/*
 * Size
 */

static long
resident_kb(void)
{
	FILE	   *file = fopen("/proc/self/status", "r");
	char		line[256];
	long		kb = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	}
	if (file != NULL)
		fclose(file);
	return kb;
}

static void
a_large_transaction_is_applied_in_pieces_and_bounded_memory(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	const char *rows_text = getenv("DBSYNC_TEST_ROWS");
	int			rows = rows_text != NULL ? atoi(rows_text) : 0;	/* set and empty: as not set */
	int			parts = rows > 200000 ? rows / 5000 : 40;
	long		early_kb = 0;
	long		kept_kb = way == APPLY_BATCH ? 2 * 8 * 1024 : 0;	/* a batch keeps parts, up to twice group_bytes */
	int64_t		start_ms;
	ApplierStats stats;
	char		wanted_count[32];

	pg_test_sql(fixture->conn, CREATE_T);
	start_ms = clock_monotonic_ms();
	for (int part = 0; part < parts; part++)
	{
		strbuf_reset(&lines);
		if (part == 0)
			strbuf_append(&lines, R_T);
		for (int i = 0; i < 5000; i++)
			strbuf_printf(&lines, "[\"I\",1,[\"%d\",\"some text of a usual length, and a little more\"]]\n", part * 5000 + i);
		assert_ok(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, part, part == parts - 1, strbuf_text(&lines)), &fixture->err), &fixture->err);
		applier_stats(fixture->applier, &stats);
		assert_true(stats.group_open);
		assert_int_equal(stats.in_transaction, part < parts - 1);
		if (part == 3)
			early_kb = resident_kb();
	}
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "0");
	assert_ok(applier_commit(fixture->applier, &fixture->err), &fixture->err);
	print_message("%d inserts: %.0f a second, resident %ld kB, at the beginning %ld kB\n", parts * 5000,
				  parts * 5000 * 1000.0 / (double) (clock_monotonic_ms() - start_ms + 1), resident_kb(), early_kb);
#ifndef __SANITIZE_ADDRESS__	/* which keeps what is freed */
	assert_true(resident_kb() < early_kb + kept_kb + 4096);
#endif
	snprintf(wanted_count, sizeof(wanted_count), "%d", parts * 5000);
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", wanted_count);
	strbuf_free(&lines);
}

/* Each group of the replay ends at a transaction's end, and its progress with it. */
static void
a_large_batch_is_replayed_in_several_groups(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	ApplierStats stats;

	pg_test_sql(fixture->conn, "CREATE TABLE a.t (id int PRIMARY KEY, note text UNIQUE); INSERT INTO a.t VALUES (1, 'a'), (2, 'b')");
	for (int t = 0; t < 45; t++)
	{
		strbuf_reset(&lines);
		if (t == 0)
			strbuf_append(&lines, R_T);
		if (t == 30)
			strbuf_append(&lines, "[\"U\",1,[\"1\",\"x\"]]\n[\"U\",1,[\"2\",\"a\"]]\n[\"U\",1,[\"1\",\"b\"]]\n");
		for (int i = 0; i < 100; i++)
			strbuf_printf(&lines, "[\"I\",1,[\"%d\",\"%d\"]]\n", 1000 + t * 100 + i, t * 100 + i);
		assert_ok(feed(fixture, strbuf_text(&lines)), &fixture->err);
	}
	assert_ok(applier_commit(fixture->applier, &fixture->err), &fixture->err);
	apply_ok(fixture, "[\"D\",1,[\"1000\"]]\n");
	assert_value(fixture->conn, "SELECT count(*) || ' ' || sum(id) || ' ' || string_agg(note, '' ORDER BY id) FILTER (WHERE id < 3) FROM a.t", "4501 14621753 ba");
	assert_value(fixture->conn, "SELECT coalesce(sum(count), 0) FROM dbsync.strict_replays", way == APPLY_BATCH ? "1" : "0");
	applier_stats(fixture->applier, &stats);
	assert_int_equal(stats.transactions, 46);
	assert_int_equal(stats.applied_lsn, fixture->next_lsn - 16 + 8);
	strbuf_free(&lines);
}

/*
 * Long runs of new rows: in a batch they go by COPY once a group's worth of them has been gathered within a transaction
 */

static void
append_inserts(StrBuf *lines, int relation, int first, int count, const char *second)
{
	for (int i = first; i < first + count; i++)
		strbuf_printf(lines, "[\"I\",%d,[\"%d\",\"%s\"]]\n", relation, i, second);
}

static void
a_long_run_of_new_rows_may_end_in_anything(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	Lsn			lsn = fixture->next_lsn;

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, note text)");
	strbuf_append(&lines, R_T);
	append_inserts(&lines, 1, 0, 6000, "x");
	assert_ok(applier_apply(fixture->applier, new_part(fixture, lsn, 0, false, strbuf_text(&lines)), &fixture->err), &fixture->err);
	strbuf_reset(&lines);
	append_inserts(&lines, 1, 6000, 3000, "");
	strbuf_append(&lines, "[\"U\",1,[\"10\",\"ten\"]]\n[\"D\",1,[\"11\"]]\n[\"I\",1,[\"11\",null]]\n");
	append_inserts(&lines, 1, 9000, 6000, "y");
	strbuf_append(&lines, "[\"R\",2,101,\"a\",\"u\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0]]]\n");
	append_inserts(&lines, 2, 0, 6000, "u");
	append_inserts(&lines, 1, 15000, 10, "z");
	strbuf_append(&lines, "[\"T\",[2],\"\"]\n");
	append_inserts(&lines, 2, 0, 7000, "after");
	assert_ok(applier_apply(fixture->applier, new_part(fixture, lsn, 1, true, strbuf_text(&lines)), &fixture->err), &fixture->err);
	fixture->next_lsn += 16;
	/* the next transaction of the group finds the run still open */
	strbuf_reset(&lines);
	append_inserts(&lines, 2, 7000, 5, "next");
	apply_ok(fixture, strbuf_text(&lines));
	assert_value(fixture->conn, "SELECT count(*) || ' ' || sum(id) || ' ' || string_agg(DISTINCT coalesce(note, '-'), ',') FROM a.t", "15010 112642545 ,-,ten,x,y,z");
	assert_value(fixture->conn, "SELECT string_agg(note, ',') FROM a.t WHERE id = 10", "ten");
	assert_value(fixture->conn, "SELECT count(*) || ' ' || sum(id) || ' ' || count(DISTINCT note) FROM a.u", "7005 24531510 2");
	assert_value(fixture->conn, "SELECT coalesce(sum(count), 0) FROM dbsync.strict_replays", "0");
	strbuf_free(&lines);
}

static void
a_long_run_of_new_rows_may_be_given_up(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;

	pg_test_sql(fixture->conn, CREATE_T);
	strbuf_append(&lines, R_T);
	append_inserts(&lines, 1, 0, 6000, "x");
	for (int again = 0; again < 3; again++)
	{
		assert_ok(applier_apply(fixture->applier, new_part(fixture, fixture->next_lsn, 0, again == 2, strbuf_text(&lines)), &fixture->err), &fixture->err);
		if (again < 2)
			applier_rollback(fixture->applier);
	}
	assert_ok(applier_commit(fixture->applier, &fixture->err), &fixture->err);
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "6000");
	strbuf_free(&lines);
}

static void
a_row_of_nulls_is_not_null(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, "CREATE TYPE a.pair AS (x int, y text); CREATE TABLE a.f (k a.pair, v int);"
				"INSERT INTO a.f VALUES ('(,)', 1), (NULL, 1), ('(,)', 2), (NULL, 2)");
	apply_ok(fixture, "[\"R\",1,100,\"a\",\"f\",\"f\",[[\"k\",\"a.pair\",1],[\"v\",\"int4\",1]]]\n"
			 "[\"D\",1,[null,\"1\"]]\n[\"U\",1,[\"(1,)\",\"2\"],[\"(,)\",\"2\"]]\n");
	assert_value(fixture->conn, "SELECT string_agg(coalesce(k::text, 'NULL') || v, ' ' ORDER BY v, k::text) FROM a.f", "(,)1 (1,)2 NULL2");
}

static void
what_comes_before_the_transaction_that_stops_is_applied(void **state)
{
	Fixture    *fixture = *state;
	const char *transactions[] = {
		R_T R_U "[\"I\",1,[\"1\",\"one\"]]\n",
		"[\"U\",1,[\"1\",\"uno\"]]\n[\"I\",2,[\"7\",null]]\n",
		"[\"I\",1,[\"2\",\"two\"]]\n[\"U\",1,[\"5\",\"none\"]]\n",
		"[\"I\",1,[\"3\",\"three\"]]\n",
	};

	pg_test_sql(fixture->conn, CREATE_T "; CREATE TABLE a.u (id int PRIMARY KEY, t int)");
	deliver_fails(fixture, transactions, 4, "update of a.t (id=5) in transaction 4128", "no such row");
	assert_value(fixture->conn, ROWS_T, "1:uno");
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1018' FROM dbsync.progress", "t");
	/* stopped again, with nothing before it */
	reopen(fixture);
	deliver_fails(fixture, transactions, 4, "update of a.t (id=5) in transaction 4128", "no such row");
	assert_value(fixture->conn, "SELECT applied_lsn = '0/1018' FROM dbsync.progress", "t");
	pg_test_sql(fixture->conn, "INSERT INTO a.t VALUES (5)");
	assert_ok(deliver(fixture, transactions, 4), &fixture->err);
	assert_value(fixture->conn, ROWS_T, "1:uno 2:two 3:three 5:none");
	assert_value(fixture->conn, "SELECT count(*) FROM a.u", "1");
}

/* What is refused is not a row but a column, and by no policy passed. */
static void
what_comes_before_a_table_that_does_not_fit_is_applied(void **state)
{
	Fixture    *fixture = *state;
	const char *transactions[] = {
		R_T R_U "[\"I\",1,[\"1\",\"one\"]]\n",
		"[\"I\",1,[\"2\",\"two\"]]\n",
		"[\"I\",1,[\"3\",\"three\"]]\n[\"I\",2,[\"1\",null]]\n",
	};

	pg_test_sql(fixture->conn, CREATE_T);
	reopen_with_policy(fixture, CONFLICT_SKIP);
	deliver_fails(fixture, transactions, 3, "insert of a.u", "in transaction 4128");
	assert_value(fixture->conn, ROWS_T, "1:one 2:two");
	pg_test_sql(fixture->conn, "CREATE TABLE a.u (id int PRIMARY KEY, t int)");
	assert_ok(deliver(fixture, transactions, 3), &fixture->err);
	assert_value(fixture->conn, ROWS_T, "1:one 2:two 3:three");
}

/* Raises its value as an SQLSTATE. */
#define CREATE_REFUSING \
	"CREATE FUNCTION a.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN" \
	" IF NEW.note ~ '^[0-9][0-9A-Z]{4}$' THEN RAISE 'refused' USING ERRCODE = NEW.note; END IF; RETURN NEW; END $$;"
#define REFUSE_AT_ONCE \
	CREATE_T "; " CREATE_REFUSING "CREATE TRIGGER refuse BEFORE INSERT ON a.t FOR EACH ROW EXECUTE FUNCTION a.refuse();" \
	"ALTER TABLE a.t ENABLE ALWAYS TRIGGER refuse"
#define REFUSE_AT_COMMIT \
	CREATE_T "; " CREATE_REFUSING "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON a.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION a.refuse();" \
	"ALTER TABLE a.t ENABLE ALWAYS TRIGGER refuse"

static void
what_may_pass_names_the_change_that_meets_it(void **state)
{
	Fixture    *fixture = *state;
	static const char *const states[] = {"40001", "55P03", "08006"};

	pg_test_sql(fixture->conn, REFUSE_AT_ONCE);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		char	   *lines = mem_printf(R_T "[\"I\",1,[\"7\",\"%s\"]]\n", states[i]);

		fixture->next_lsn = FIRST_LSN;
		apply_fails(fixture, lines, ERROR_RETRY, "insert of a.t (id=7) in transaction 4096 with commit LSN 0/1000", "refused");
		free(lines);
	}
	/* also where it goes by itself, under a savepoint */
	reopen_with_policy(fixture, CONFLICT_SKIP);
	fixture->options.careful_until = FIRST_LSN;
	reopen(fixture);
	fixture->next_lsn = FIRST_LSN;
	apply_fails(fixture, R_T "[\"I\",1,[\"7\",\"40001\"]]\n", ERROR_RETRY, "insert of a.t (id=7) in transaction 4096", "refused");
}

/* Many rows in one statement: the table at least. */
static void
what_may_pass_names_the_table_of_a_batch(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T "; CREATE FUNCTION a.accept(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN"
				" IF $1 = 'refuse' THEN RAISE 'refused' USING ERRCODE = '40001'; END IF; RETURN true; END $$;"
				"ALTER TABLE a.t ADD CHECK (a.accept(note))");
	apply_fails(fixture, R_T "[\"I\",1,[\"7\",\"refuse\"]]\n", ERROR_RETRY, way == APPLY_BATCH ? "changes of \"a\".\"t\"" : "insert of a.t (id=7)", "refused");
}

static void
what_does_not_pass_lets_through_what_comes_before_it(void **state)
{
	Fixture    *fixture = *state;
	const char *transactions[] = {
		R_T "[\"I\",1,[\"1\",\"one\"]]\n",
		"[\"I\",1,[\"2\",\"two\"]]\n",
		"[\"I\",1,[\"3\",\"40001\"]]\n",
		"[\"I\",1,[\"4\",\"four\"]]\n",
	};

	pg_test_sql(fixture->conn, REFUSE_AT_ONCE);
	deliver_fails(fixture, transactions, 4, "insert of a.t (id=3) in transaction 4128", "refused");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "0");
	fixture->options.careful_until = FIRST_LSN + 48;
	reopen(fixture);
	deliver_fails(fixture, transactions, 4, "insert of a.t (id=3) in transaction 4128", "refused");
	assert_value(fixture->conn, ROWS_T, "1:one 2:two");
	pg_test_sql(fixture->conn, "ALTER TABLE a.t DISABLE TRIGGER refuse");
	assert_ok(deliver(fixture, transactions, 4), &fixture->err);
	assert_value(fixture->conn, ROWS_T, "1:one 2:two 3:40001 4:four");
}

/* Classes 28 and 3D are of the way in only where a connection is made; and a deferred trigger is heard of at COMMIT. */
static void
what_a_trigger_raises_stops_behind_what_comes_before_it(void **state)
{
	Fixture    *fixture = *state;
	static const char *const states[] = {"28000", "3D000", "0A000"};

	for (size_t i = 0; i < 2 * sizeof(states) / sizeof(states[0]); i++)
	{
		bool		at_commit = i % 2 == 1;
		char	   *refused = mem_printf("[\"I\",1,[\"3\",\"%s\"]]\n", states[i / 2]);
		const char *transactions[] = {R_T "[\"I\",1,[\"1\",\"one\"]]\n", "[\"I\",1,[\"2\",\"two\"]]\n", refused, "[\"I\",1,[\"4\",\"four\"]]\n"};

		pg_test_sql(fixture->conn, "DROP SCHEMA a CASCADE; CREATE SCHEMA a; DELETE FROM dbsync.progress");
		pg_test_sql(fixture->conn, at_commit ? REFUSE_AT_COMMIT : REFUSE_AT_ONCE);
		fixture->next_lsn = FIRST_LSN;
		reopen(fixture);
		assert_false(deliver(fixture, transactions, 4));
		assert_int_equal(fixture->err.kind, ERROR_FAILED);
		assert_says(fixture, at_commit ? "transaction 4128 with commit LSN 0/1020: commit on the target" : "insert of a.t (id=3) in transaction 4128");
		error_clear(&fixture->err);
		applier_rollback(fixture->applier);
		assert_value(fixture->conn, ROWS_T, "1:one 2:two");
		free(refused);
	}
}

static void
a_long_run_of_new_rows_may_meet_one_that_is_there(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	const char *transactions[2];

	pg_test_sql(fixture->conn, CREATE_T "; INSERT INTO a.t VALUES (5500, 'mine'), (5700, 'mine')");
	strbuf_append(&lines, R_T);
	append_inserts(&lines, 1, 0, 8000, "x");
	transactions[0] = strbuf_text(&lines);
	transactions[1] = "[\"I\",1,[\"9000\",\"last\"]]\n";
	apply_fails(fixture, transactions[0], ERROR_CONFLICT, "5500", "conflict");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t", "2");
	reopen_with_policy(fixture, CONFLICT_SKIP);
	fixture->next_lsn -= 16;
	apply_with_policy(fixture, transactions, 2);
	assert_value(fixture->conn, "SELECT count(*) || ' ' || count(*) FILTER (WHERE note = 'mine') FROM a.t", "8001 2");
	assert_value(fixture->conn, "SELECT count(*) FROM dbsync.conflicts", "2");
	strbuf_free(&lines);
}

/* In the middle of the run, a value that is not in the form that a binary one is made from. */
static void
a_long_run_of_new_rows_may_change_its_form(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;

	pg_test_sql(fixture->conn, "CREATE TABLE a.d (id int PRIMARY KEY, day timestamp)");
	strbuf_append(&lines, "[\"R\",1,100,\"a\",\"d\",\"d\",[[\"id\",\"int4\",1],[\"day\",\"text\",0]]]\n");
	append_inserts(&lines, 1, 0, 6000, "2026-11-24 10:00:00");
	append_inserts(&lines, 1, 6000, 1, "2026-11-25");
	append_inserts(&lines, 1, 6001, 6000, "2026-11-24 10:00:00");
	apply_ok(fixture, strbuf_text(&lines));
	strbuf_reset(&lines);
	append_inserts(&lines, 1, 20000, 6001, "2026-11-26");
	apply_ok(fixture, strbuf_text(&lines));
	apply_ok(fixture, "[\"I\",1,[\"30000\",\"2026-11-26\"]]\n");
	assert_value(fixture->conn, "SELECT count(*) || ' ' || count(DISTINCT day) FROM a.d", "18003 3");
	assert_value(fixture->conn, "SELECT coalesce(sum(count), 0) FROM dbsync.strict_replays", way == APPLY_BATCH ? "1" : "0");
	strbuf_free(&lines);
}

static void
a_value_of_100_mb_passes(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		lines = STRBUF_INIT;
	char		chunk[1001];

	pg_test_sql(fixture->conn, CREATE_T);
	memset(chunk, 'x', 1000);
	chunk[1000] = '\0';
	strbuf_append(&lines, R_T "[\"I\",1,[\"1\",\"");
	for (int i = 0; i < 100000; i++)
		strbuf_append(&lines, chunk);
	strbuf_append(&lines, "\"]]\n[\"I\",1,[\"2\",\"small\"]]\n");
	apply_ok(fixture, strbuf_text(&lines));
	strbuf_free(&lines);
	assert_value(fixture->conn, "SELECT string_agg(length(note)::text, ' ' ORDER BY id) FROM a.t", "100000000 5");
}

static void
more_tables_than_prepared_statements(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		sql = STRBUF_INIT;
	StrBuf		lines = STRBUF_INIT;

	for (int i = 0; i < 300; i++)
	{
		strbuf_printf(&sql, "CREATE TABLE a.t%d (id int PRIMARY KEY);", i);
		strbuf_printf(&lines, "[\"R\",%d,1,\"a\",\"t%d\",\"d\",[[\"id\",\"int4\",1]]]\n[\"I\",%d,[\"1\"]]\n", i, i, i);
	}
	pg_test_sql(fixture->conn, strbuf_text(&sql));
	for (int i = 0; i < 300; i++)
		strbuf_printf(&lines, "[\"I\",%d,[\"2\"]]\n[\"D\",%d,[\"1\"]]\n", i, i);
	apply_ok(fixture, strbuf_text(&lines));
	assert_value(fixture->conn, "SELECT count(*) FROM a.t299", "1");
	assert_value(fixture->conn, "SELECT count(*) FROM a.t0 WHERE id = 2", "1");
	strbuf_free(&sql);
	strbuf_free(&lines);
}

static void
bytes_that_are_not_text_need_a_target_that_takes_them(void **state)
{
	Fixture    *fixture = *state;

	pg_test_sql(fixture->conn, CREATE_T);
	apply_fails(fixture, R_T "[\"I\",1,[\"1\",{\"hex\":\"ff\"}]]\n", ERROR_FAILED, "not valid in the encoding", "SQL_ASCII");
	/* the encoding of the stream is the connection's */
	fixture->options.client_encoding = "SQL_ASCII";
	reopen(fixture);
	apply_ok(fixture, R_T "[\"I\",1,[\"1\",{\"hex\":\"c3a9\"}]]\n");
	assert_value(fixture->conn, "SELECT note FROM a.t", "\xc3\xa9");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changes_are_applied_in_order),
		TEST(a_type_that_is_wider_on_the_target_takes_batches),
		TEST(messages_and_unknown_toast_alone_change_nothing),
		TEST(done_transactions_are_passed_over_but_their_relations_count),
		TEST(a_tables_copy_has_what_came_before_its_snapshot),
		TEST(stored_relations_are_loaded_where_one_is_unknown),
		TEST(unwanted_tables_are_passed_over),
		TEST(columns_are_matched_by_name_and_extra_ones_keep_their_defaults),
		TEST(a_generated_always_key_is_inserted_and_cannot_change),
		TEST(missing_tables_and_columns_are_named_with_the_mend),
		TEST(types_keep_their_values_and_long_ones_are_not_cut),
		TEST(hostile_names_and_values_stay_what_they_are),
		TEST(types_of_extensions_are_compared_by_their_own_operators),
		TEST(domains_and_arrays_of_limited_types_are_not_cut),
		TEST(all_tables_go_to_the_target_schema),
		TEST(rows_may_have_1600_columns),
		TEST(identity_full_changes_one_of_two_equal_rows),
		TEST(identity_full_tells_equal_values_of_different_text_apart),
		TEST(identity_full_uses_a_key_of_the_target),
		TEST(many_sets_of_nulls_are_a_few_statements),
		TEST(partitioned_and_flat_targets_take_partitions),
		TEST(inheritance_children_are_left_alone),
		TEST(truncate_takes_all_its_tables_at_once),
		TEST(a_truncate_that_a_foreign_key_forbids_is_a_conflict_that_can_be_passed),
		TEST(a_truncate_that_is_alone_empties_a_table_that_is_referenced),
		TEST(a_truncate_that_is_alone_stops_where_keys_would_act),
		TEST(a_truncate_that_is_alone_empties_partitions),
		TEST(a_truncate_of_a_tree_leaves_partitions_that_are_younger_or_not_listed),
		TEST(a_truncate_of_a_whole_tree_takes_keys_of_other_trees),
		TEST(a_truncate_of_a_shared_table_is_of_one_snapshot_or_stops),
		TEST(a_truncate_leaves_a_referencing_table_that_is_younger),
		TEST(a_truncate_without_a_younger_table_stops_where_keys_would_act),
		TEST(policy_stop_names_the_row_and_changes_nothing),
		TEST(a_null_that_the_target_does_not_take_is_told_with_the_column),
		TEST(changes_without_identity_follow_the_policy),
		TEST(policy_skip_keeps_what_it_skips),
		TEST(policy_upsert_overwrites_and_inserts),
		TEST(careful_ways_end_behind_the_conflict),
		TEST(skipped_conflicts_in_a_large_transaction_do_not_gather_in_memory),
		TEST(triggers_and_foreign_keys_do_not_fire_a_second_time),
		TEST(a_role_with_few_rights_is_told_which_are_missing),
		TEST(a_second_applier_of_a_task_is_refused),
		TEST(progress_belongs_to_one_source_and_one_writer),
		TEST(a_lost_connection_loses_and_doubles_nothing),
		TEST(an_old_backend_of_ours_is_ended_on_reopening),
		TEST(a_deadlock_is_tried_again),
		TEST(a_large_transaction_is_applied_in_pieces_and_bounded_memory),
		TEST(a_large_batch_is_replayed_in_several_groups),
		TEST(a_long_run_of_new_rows_may_end_in_anything),
		TEST(a_long_run_of_new_rows_may_be_given_up),
		TEST(a_row_of_nulls_is_not_null),
		TEST(what_comes_before_the_transaction_that_stops_is_applied),
		TEST(what_comes_before_a_table_that_does_not_fit_is_applied),
		TEST(what_may_pass_names_the_change_that_meets_it),
		TEST(what_may_pass_names_the_table_of_a_batch),
		TEST(what_does_not_pass_lets_through_what_comes_before_it),
		TEST(what_a_trigger_raises_stops_behind_what_comes_before_it),
		TEST(a_long_run_of_new_rows_may_meet_one_that_is_there),
		TEST(a_long_run_of_new_rows_may_change_its_form),
		TEST(a_value_of_100_mb_passes),
		TEST(more_tables_than_prepared_statements),
		TEST(bytes_that_are_not_text_need_a_target_that_takes_them),
	};

	int			failed = pg_test_run("apply strict", tests, NULL, NULL);

	way = APPLY_BATCH;
	return failed + pg_test_run("apply batch", tests, NULL, NULL);
}
