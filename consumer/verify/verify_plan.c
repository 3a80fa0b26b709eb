/* Pairs of tables to compare: whole partition trees where both sides have them, groups of partitions where only the target's root is there. */
#include "verify/verify_plan.h"

#include "base/strbuf.h"
#include "model/table_pattern.h"
#include "sync/table_filter.h"

#include <stdlib.h>
#include <string.h>

typedef struct Plan
{
	const Config *config;
	const char *patterns;
	VerifyReport *report;
	PgCatalog	source;
	PgCatalog	target;
	bool		by_md5;			/* the encodings differ: hashes over UTF-8 */
	HashMap    *split_roots;	/* source roots whose tree cannot be compared as a whole */
	HashMap    *by_target;		/* target oid -> Pairing */
	struct Pairing *pairings;	/* as many as source tables */
	int			count;
} Plan;

typedef struct Pairing
{
	const PgTable *source;		/* the first one */
	const PgTable *target;
	StrBuf		from;			/* source: SELECT of each table, joined by UNION ALL */
	StrBuf		rows;			/* the same, every row */
	bool		is_group;		/* several source tables */
	int64_t		size_bytes;
} Pairing;

static bool
is_wanted(const Plan *plan, const PgTable *table)
{
	if (!table_filter_wants_table(table, (void *) plan->config))
		return false;
	if (!table->can_select && plan->config->copy.unreadable == UNREADABLE_SKIP)
		return false;
	return true;
}

static void
root_key(StrBuf *key, const char *schema, const char *name)
{
	strbuf_reset(key);
	strbuf_append(key, schema);
	strbuf_append_char(key, '\0');
	strbuf_append(key, name);
}

static PgTable *
find_target(const Plan *plan, const PgTable *table, bool with_root)
{
	return pg_catalog_target_of(&plan->target, plan->config->target_schema, table->schema, table->name,
								with_root ? table->root_schema : NULL, with_root ? table->root_name : NULL);
}

/*
 * A tree is compared as a whole where the target has its root, and every partition of the source is brought over and lands in
 * that root's tree.
 */
static void
find_split_roots(Plan *plan)
{
	StrBuf		key = STRBUF_INIT;

	for (int i = 0; i < plan->source.count; i++)
	{
		const PgTable *leaf = &plan->source.tables[i];
		const PgTable *root;
		const PgTable *to;
		bool		is_whole = false;

		if (leaf->kind != 'r' || !leaf->is_partition || leaf->root_schema == NULL)
			continue;
		root = pg_catalog_target_of(&plan->target, plan->config->target_schema, leaf->root_schema, leaf->root_name, NULL, NULL);
		to = find_target(plan, leaf, true);
		if (root != NULL && to != NULL && is_wanted(plan, leaf))
			is_whole = to == root || (to->is_partition && to->root_schema != NULL &&
									  strcmp(to->root_schema, root->schema) == 0 && strcmp(to->root_name, root->name) == 0);
		if (is_whole)
			continue;
		root_key(&key, leaf->root_schema, leaf->root_name);
		hash_put(plan->split_roots, strbuf_text(&key), key.length, plan);
	}
	strbuf_free(&key);
}

static bool
root_is_split(Plan *plan, const char *schema, const char *name)
{
	StrBuf		key = STRBUF_INIT;
	bool		found;

	root_key(&key, schema, name);
	found = hash_get(plan->split_roots, strbuf_text(&key), key.length) != NULL;
	strbuf_free(&key);
	return found;
}

/* ---- statements ---- */

/* key_only: of the columns that name a row. */
static void
append_row_hash(StrBuf *sql, const Plan *plan, const PgTable *columns_of, bool key_only)
{
	const char *separator = "";

	strbuf_append(sql, plan->by_md5
				  ? "('x' || pg_catalog.substr(pg_catalog.md5(pg_catalog.convert_to(ROW("
				  : "pg_catalog.hashtext(ROW(");
	for (int i = 0; i < columns_of->column_count; i++)
	{
		if (key_only ? columns_of->columns[i].identity_position == 0 : columns_of->columns[i].generated != '\0')
			continue;
		strbuf_append(sql, separator);
		strbuf_append(sql, "t.");
		pg_quote_identifier(sql, columns_of->columns[i].name);
		separator = ", ";
	}
	strbuf_append(sql, plan->by_md5 ? ")::pg_catalog.text, 'UTF8')), 1, 16))::pg_catalog.bit(64)::pg_catalog.int8"
				  : ")::pg_catalog.text)::pg_catalog.int8");
}

static void
append_from(StrBuf *sql, const PgTable *table)
{
	strbuf_append(sql, " FROM ");
	/* Rows of old-style children are theirs. */
	if (table->kind == 'r')
		strbuf_append(sql, "ONLY ");
	pg_quote_qualified(sql, table->schema, table->name);
	strbuf_append(sql, " t");
}

/* The columns are the source's, in the source's order, on both sides. */
static void
append_select(StrBuf *sql, const Plan *plan, const PgTable *columns_of, const PgTable *table)
{
	strbuf_append(sql, "SELECT pg_catalog.count(*) AS rows, coalesce(pg_catalog.sum(");
	append_row_hash(sql, plan, columns_of, false);
	strbuf_append(sql, "), 0) AS sum");
	append_from(sql, table);
}

/* Every row: its part and its hash.  A generated column of the key may be missing on the target. */
static void
append_rows(StrBuf *sql, const Plan *plan, const PgTable *columns_of, const PgTable *table)
{
	bool		has_key = columns_of->identity == 'd' || columns_of->identity == 'i';

	for (int i = 0; i < columns_of->column_count; i++)
		if (columns_of->columns[i].identity_position != 0 && columns_of->columns[i].generated != '\0')
			has_key = false;
	strbuf_append(sql, "SELECT ");
	append_row_hash(sql, plan, columns_of, has_key);
	strbuf_printf(sql, " & %d AS part, ", VERIFY_PARTS - 1);
	append_row_hash(sql, plan, columns_of, false);
	strbuf_append(sql, " AS hash");
	append_from(sql, table);
}

static const char *
parts_sql(const Plan *plan, const char *rows)
{
	return arena_printf(plan->report->arena,
						"SELECT part, pg_catalog.count(*), pg_catalog.sum(hash), pg_catalog.sum(pg_catalog.count(*)) OVER (),"
						" pg_catalog.sum(pg_catalog.sum(hash)) OVER () FROM (%s) s GROUP BY part", rows);
}

/* A column that the target lacks: named, in malloc'd text; NULL: none. */
static char *
missing_column(const PgTable *source, const PgTable *target)
{
	for (int i = 0; i < source->column_count; i++)
		if (source->columns[i].generated == '\0' && pg_table_column(target, source->columns[i].name) == NULL)
			return mem_printf("the target has no column %s", source->columns[i].name);
	return NULL;
}

/* ---- pairing ---- */

static void
add_table(Plan *plan, const PgTable *source, const PgTable *target)
{
	Pairing    *pairing = target != NULL ? hash_get_number(plan->by_target, target->oid) : NULL;

	if (pairing == NULL)
	{
		pairing = &plan->pairings[plan->count++];
		pairing->source = source;
		pairing->target = target;
		if (target != NULL)
			hash_put_number(plan->by_target, target->oid, pairing);
	}
	else
	{
		strbuf_append(&pairing->from, " UNION ALL ");
		strbuf_append(&pairing->rows, " UNION ALL ");
		pairing->is_group = true;
	}
	append_select(&pairing->from, plan, source, source);
	append_rows(&pairing->rows, plan, source, source);
	pairing->size_bytes += source->size_bytes;
}

static void
pair_tables(Plan *plan)
{
	for (int i = 0; i < plan->source.count; i++)
	{
		const PgTable *table = &plan->source.tables[i];
		bool		in_tree = table->is_partition && table->root_schema != NULL;

		if (plan->patterns != NULL && !table_pattern_match(plan->patterns, table->schema, table->name) &&
			!(in_tree && table_pattern_match(plan->patterns, table->root_schema, table->root_name)))
			continue;
		if (table->kind == 'p')
		{
			const PgTable *target = find_target(plan, table, false);

			if (!table->is_partition && target != NULL && !root_is_split(plan, table->schema, table->name))
				add_table(plan, table, target);
			continue;
		}
		if (!is_wanted(plan, table))
			continue;
		if (in_tree && !root_is_split(plan, table->root_schema, table->root_name) &&
			(plan->patterns == NULL || table_pattern_match(plan->patterns, table->root_schema, table->root_name)))
			continue;
		add_table(plan, table, find_target(plan, table, true));
	}
}

static void
finish_table(const Plan *plan, const Pairing *pairing, VerifyTable *table)
{
	Arena	   *arena = plan->report->arena;
	StrBuf		sql = STRBUF_INIT;

	table->schema = pairing->source->schema;
	table->name = pairing->source->name;
	table->size_bytes = pairing->size_bytes;
	if (pairing->target == NULL)
	{
		table->result = VERIFY_FAILED;
		table->remark = mem_strdup("the target has no such table");
		return;
	}
	table->target_schema = pairing->target->schema;
	table->target_name = pairing->target->name;
	/* Several partitions that go to one table are named by it. */
	if (pairing->is_group && pairing->source->root_schema != NULL)
	{
		table->schema = pairing->source->root_schema;
		table->name = pairing->source->root_name;
	}
	table->remark = missing_column(pairing->source, pairing->target);
	if (table->remark != NULL)
	{
		table->result = VERIFY_FAILED;
		return;
	}
	strbuf_printf(&sql, "SELECT pg_catalog.sum(rows), pg_catalog.sum(sum) FROM (%s) s", strbuf_text(&pairing->from));
	table->source_sql = arena_strdup(arena, strbuf_text(&sql));
	strbuf_reset(&sql);
	append_select(&sql, plan, pairing->source, pairing->target);
	table->target_sql = arena_strdup(arena, strbuf_text(&sql));
	table->source_parts_sql = parts_sql(plan, strbuf_text(&pairing->rows));
	strbuf_reset(&sql);
	append_rows(&sql, plan, pairing->source, pairing->target);
	table->target_parts_sql = parts_sql(plan, strbuf_text(&sql));
	strbuf_free(&sql);
}

static bool
compare_encodings(Plan *plan, PgConn *source, PgConn *target, Error *err)
{
	static const char sql[] = "SELECT pg_catalog.getdatabaseencoding()";
	const char *from;
	const char *to;

	if (!pg_query_value(source, plan->report->arena, sql, 0, NULL, &from, err) ||
		!pg_query_value(target, plan->report->arena, sql, 0, NULL, &to, err))
		return false;
	plan->by_md5 = strcmp(from, to) != 0 &&
		!(strcmp(from, "SQL_ASCII") == 0 && strcmp(to, "UTF8") == 0) &&
		!(strcmp(from, "UTF8") == 0 && strcmp(to, "SQL_ASCII") == 0);
	return true;
}

bool
verify_plan(const Config *config, const char *patterns, PgConn *source, PgConn *target, VerifyReport *report, Error *err)
{
	Plan		plan = {.config = config, .patterns = patterns, .report = report};
	bool		ok;

	ok = compare_encodings(&plan, source, target, err) &&
		pg_catalog_load(source, NULL, NULL, report->arena, &plan.source, err) &&
		pg_catalog_load(target, NULL, NULL, report->arena, &plan.target, err);
	if (ok)
	{
		plan.split_roots = hash_new();
		plan.by_target = hash_new();
		plan.pairings = mem_zalloc(sizeof(Pairing) * ((size_t) plan.source.count + 1));
		find_split_roots(&plan);
		pair_tables(&plan);
		report->tables = mem_zalloc(sizeof(VerifyTable) * ((size_t) plan.count + 1));
		report->count = plan.count;
		for (int i = 0; i < plan.count; i++)
		{
			finish_table(&plan, &plan.pairings[i], &report->tables[i]);
			strbuf_free(&plan.pairings[i].from);
			strbuf_free(&plan.pairings[i].rows);
		}
	}
	hash_free(plan.split_roots, NULL);
	hash_free(plan.by_target, NULL);
	free(plan.pairings);
	pg_catalog_free(&plan.source);
	pg_catalog_free(&plan.target);
	return ok;
}
