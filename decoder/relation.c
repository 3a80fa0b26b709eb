/*
 * relation.c
 *
 * The cache of relations. The server offers no way to take an invalidation
 * callback back, so they are registered once per process and find the cache of
 * the running session, if there is one, through a static pointer.
 */
#include "postgres.h"

#include "relation.h"

#include "../consumer/model/table_pattern.h"
#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

struct RelationCache
{
	MemoryContext context;
	HTAB	   *entries;
	HTAB	   *ancestors;		/* oids of partition parents that matter */
	RelationEntry *last;		/* the one looked up last */
	uint64		generation;		/* entries built before are stale */
	uint32		last_number;
	const DecoderOptions *options;
	Writer	   *writer;
	RelationDescribe describe;
	MemoryContextCallback forget;
};

/* Where invalidations go; NULL while no session is running. */
static RelationCache *active_cache = NULL;

/* Relations that relation_warn_no_identity() has spoken of. */
static HTAB *warned_relations = NULL;

static HTAB *
create_oid_hash(const char *name, Size entry_size, MemoryContext context)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(Oid);
	control.entrysize = entry_size;
	control.hcxt = context;
	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
invalidate_relation(Datum arg, Oid relid)
{
	RelationCache *cache = active_cache;
	RelationEntry *entry;

	if (cache == NULL)
		return;
	if (!OidIsValid(relid))
	{
		cache->generation++;
		return;
	}
	entry = hash_search(cache->entries, &relid, HASH_FIND, NULL);
	if (entry != NULL)
		entry->is_stale = true;

	/* A partition's root changes without a word about the partition. */
	if (hash_search(cache->ancestors, &relid, HASH_FIND, NULL) != NULL)
		cache->generation++;
}

static void
invalidate_names(Datum arg, int cacheid, uint32 hashvalue)
{
	if (active_cache != NULL)
		active_cache->generation++;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, invalidate_names, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_names, (Datum) 0);
	registered = true;
}

/* The memory of a cache goes away; an error does so without a shutdown. */
static void
forget_cache(void *arg)
{
	if (active_cache == arg)
		active_cache = NULL;
}

RelationCache *
relation_cache_new(const DecoderOptions *options, Writer *writer,
				   RelationDescribe describe)
{
	RelationCache *cache = palloc0(sizeof(RelationCache));

	cache->context = CurrentMemoryContext;
	cache->entries = create_oid_hash("alidecode relations",
									 sizeof(RelationEntry), cache->context);
	cache->ancestors = create_oid_hash("alidecode partition parents",
									   sizeof(Oid), cache->context);
	cache->options = options;
	cache->writer = writer;
	cache->describe = describe;

	register_callbacks();
	cache->forget.func = forget_cache;
	cache->forget.arg = cache;
	MemoryContextRegisterResetCallback(cache->context, &cache->forget);
	active_cache = cache;
	return cache;
}

/*
 * The columns that name a row in the old tuples of the WAL, as attribute
 * numbers, and the kind of identity that this is. Under identity FULL the set
 * is left empty: it is all columns.
 */
static Bitmapset *
read_identity(Relation relation, char *identity)
{
	char		declared = relation->rd_rel->relreplident;
	Bitmapset  *columns = NULL;
	Oid			index;
	HeapTuple	tuple;

	*identity = REPLICA_IDENTITY_NOTHING;
	if (declared == REPLICA_IDENTITY_FULL)
		*identity = REPLICA_IDENTITY_FULL;
	if (declared == REPLICA_IDENTITY_FULL || declared == REPLICA_IDENTITY_NOTHING)
		return NULL;

	index = RelationGetReplicaIndex(relation);
	if (!OidIsValid(index))
		return NULL;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);

		for (int i = 0; i < form->indnkeyatts; i++)
			if (form->indkey.values[i] > 0)
				columns = bms_add_member(columns, form->indkey.values[i]);
		ReleaseSysCache(tuple);
	}
	if (columns != NULL)
		*identity = declared;
	return columns;
}

static bool
is_plain_keyword(Oid type)
{
	return type == NUMERICOID || type == VARCHAROID || type == TIMEOID ||
		type == TIMESTAMPOID || type == INTERVALOID || type == JSONOID;
}

/*
 * The name of a type as SQL text: bare for a type of pg_catalog. Some of those
 * are keywords that mean the type itself and need no quotes, json only from 17 on;
 * "char" and "bit" would without quotes mean char(1) and bit(1).
 */
static const char *
type_name(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	const char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (form->typnamespace == PG_CATALOG_NAMESPACE)
		name = is_plain_keyword(type) ? pstrdup(NameStr(form->typname)) :
			pstrdup(quote_identifier(NameStr(form->typname)));
	else
	{
		const char *schema = get_namespace_name(form->typnamespace);

		if (schema == NULL)
			elog(ERROR, "cache lookup failed for namespace %u", form->typnamespace);
		name = quote_qualified_identifier(schema, NameStr(form->typname));
	}
	ReleaseSysCache(tuple);
	return name;
}

/*
 * Is a column sent? A generated one only where it names the row: its value is
 * made anew from those that are sent.
 */
static bool
is_column_sent(Form_pg_attribute attribute, const Bitmapset *identity_columns)
{
	if (attribute->attisdropped)
		return false;
	if (attribute->attgenerated == '\0')
		return true;
	return bms_is_member(attribute->attnum, identity_columns);
}

static void
read_columns(RelationEntry *entry, Relation relation, RelationShape *shape)
{
	TupleDesc	tuple_desc = RelationGetDescr(relation);
	Bitmapset  *identity_columns = read_identity(relation, &entry->identity);
	int			count = 0;

	entry->natts = tuple_desc->natts;
	entry->columns = MemoryContextAllocZero(entry->context,
											Max(entry->natts, 1) * sizeof(RelationColumn));
	shape->columns = palloc0(Max(entry->natts, 1) * sizeof(ShapeColumn));

	for (int i = 0; i < entry->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tuple_desc, i);
		RelationColumn *column = &entry->columns[count];
		ShapeColumn *shape_column = &shape->columns[count];

		if (!is_column_sent(attribute, identity_columns))
			continue;
		column->index = i;
		column->is_identity = entry->identity == REPLICA_IDENTITY_FULL ||
			bms_is_member(attribute->attnum, identity_columns);
		value_writer_init(&column->value, attribute->atttypid, entry->context);

		shape_column->name = pstrdup(NameStr(attribute->attname));
		shape_column->type = type_name(attribute->atttypid);
		shape_column->flags = (column->is_identity ? COLUMN_IDENTITY : 0) |
			(attribute->attgenerated != '\0' ? COLUMN_GENERATED : 0);
		count++;
	}
	entry->column_count = count;
	shape->column_count = count;
	shape->identity = entry->identity;
}

static bool
matches(const char *list, const char *schema, const char *table)
{
	return list != NULL && schema != NULL && table != NULL &&
		table_pattern_match(list, schema, table);
}

/*
 * Fills in the names of a relation and of the root of its partition tree, and
 * decides whether it is wanted: it or a parent of it is asked for, and none of
 * them is excluded.
 */
static bool
read_names(RelationCache *cache, Relation relation, RelationShape *shape)
{
	const DecoderOptions *options = cache->options;
	List	   *ancestors = NIL;
	ListCell   *cell;
	bool		included;
	bool		excluded;

	shape->oid = RelationGetRelid(relation);
	shape->schema = get_namespace_name(RelationGetNamespace(relation));
	shape->table = pstrdup(RelationGetRelationName(relation));
	if (shape->schema == NULL)
		elog(ERROR, "cache lookup failed for namespace %u",
			 RelationGetNamespace(relation));
	included = options->include_tables == NULL ||
		matches(options->include_tables, shape->schema, shape->table);
	excluded = matches(options->exclude_tables, shape->schema, shape->table);

	if (relation->rd_rel->relispartition)
		ancestors = get_partition_ancestors(shape->oid);
	foreach(cell, ancestors)
	{
		Oid			parent = lfirst_oid(cell);

		(void) hash_search(cache->ancestors, &parent, HASH_ENTER, NULL);
		shape->root_schema = get_namespace_name(get_rel_namespace(parent));
		shape->root_table = get_rel_name(parent);
		included = included ||
			matches(options->include_tables, shape->root_schema, shape->root_table);
		excluded = excluded ||
			matches(options->exclude_tables, shape->root_schema, shape->root_table);
	}
	return included && !excluded;
}

/* Lets the record format describe the shape; true: not as it was before. */
static bool
describe(RelationCache *cache, RelationEntry *entry, const RelationShape *shape,
		 const char *old_text, int old_size)
{
	Writer	   *writer = cache->writer;
	StringInfo	record = writer->out;
	StringInfoData made;
	char	   *kept;

	initStringInfo(&made);
	writer->out = &made;
	cache->describe(writer, entry, shape);
	writer->out = record;

	kept = MemoryContextAlloc(entry->context, (Size) made.len + 1);
	memcpy(kept, made.data, (Size) made.len);
	kept[made.len] = '\0';
	entry->text = kept;
	entry->text_size = made.len;
	return old_text == NULL || old_size != made.len ||
		memcmp(old_text, kept, (Size) made.len) != 0;
}

static void
build_entry(RelationCache *cache, RelationEntry *entry, Relation relation)
{
	MemoryContext old_context = entry->context;
	const char *old_text = entry->text;
	int			old_size = entry->text_size;
	char		relkind = relation->rd_rel->relkind;
	RelationShape shape;

	/* Marks that come while catalogs are read must stay: clear them first. */
	entry->is_stale = false;
	entry->generation = cache->generation;
	entry->context = NULL;
	entry->text = NULL;
	memset(&shape, 0, sizeof(shape));

	/* A materialized view is made anew from tables that are sent. */
	entry->is_wanted =
		(relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
		read_names(cache, relation, &shape);
	if (entry->is_wanted)
	{
		entry->context = AllocSetContextCreate(cache->context,
											   "alidecode relation",
											   ALLOCSET_SMALL_SIZES);
		read_columns(entry, relation, &shape);
		if (describe(cache, entry, &shape, old_text, old_size))
		{
			entry->number = ++cache->last_number;
			entry->is_announced = false;
		}
	}
	if (old_context != NULL)
		MemoryContextDelete(old_context);
}

RelationEntry *
relation_get(RelationCache *cache, Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	RelationEntry *entry = cache->last;
	bool		found = true;

	if (entry == NULL || entry->relid != relid)
		entry = hash_search(cache->entries, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(entry, 0, sizeof(*entry));
		entry->relid = relid;
		entry->is_stale = true;
	}
	cache->last = entry;
	if (unlikely(entry->is_stale || entry->generation != cache->generation))
		build_entry(cache, entry, relation);
	return entry;
}

void
relation_warn_no_identity(RelationEntry *entry, Relation relation)
{
	bool		found;
	const char *name;

	if (warned_relations == NULL)
		warned_relations = create_oid_hash("alidecode warned relations",
										   sizeof(Oid), TopMemoryContext);
	(void) hash_search(warned_relations, &entry->relid, HASH_ENTER, &found);
	if (found)
		return;
	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
	ereport(LOG,
			(errmsg("table %s has no usable replica identity", name),
			 errdetail("Its updates and deletes are sent without values that name the row."),
			 errhint("Give it a primary key, or use ALTER TABLE %s REPLICA IDENTITY FULL.", name)));
}
