/*
 * relation_map.c
 *		The relations of one segment, by number.
 *
 * Relations live until the map is cleared, that is as long as their numbers mean something: changes point to them.
 */
#include "model/relation_map.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct RelationMap
{
	HashMap	   *by_number;
	Arena	   *arena;
};

RelationMap *
relation_map_new(void)
{
	RelationMap *map = mem_zalloc(sizeof(RelationMap));

	map->by_number = hash_new();
	map->arena = arena_new(0);
	return map;
}

void
relation_map_free(RelationMap *map)
{
	if (map == NULL)
		return;
	hash_free(map->by_number, NULL);
	arena_free(map->arena);
	free(map);
}

void
relation_map_clear(RelationMap *map, void (*free_data) (void *applier_data))
{
	size_t		cursor = 0;
	void	   *value;

	while (free_data != NULL && hash_next(map->by_number, &cursor, NULL, NULL, &value))
	{
		Relation   *relation = value;

		if (relation->applier_data != NULL)
			free_data(relation->applier_data);
		relation->applier_data = NULL;
	}
	hash_clear(map->by_number, NULL);
	arena_reset(map->arena);
}

Relation *
relation_map_find(const RelationMap *map, uint64_t number)
{
	return hash_get_number(map->by_number, number);
}

static bool
same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
same_relation(const Relation *a, const Relation *b)
{
	if (a->oid != b->oid || a->identity != b->identity || a->column_count != b->column_count ||
		!same_text(a->schema, b->schema) || !same_text(a->table, b->table) ||
		!same_text(a->root_schema, b->root_schema) || !same_text(a->root_table, b->root_table))
		return false;
	for (int i = 0; i < a->column_count; i++)
	{
		const RelationColumn *left = &a->columns[i];
		const RelationColumn *right = &b->columns[i];

		if (left->flags != right->flags || !same_text(left->name, right->name) || !same_text(left->type, right->type))
			return false;
	}
	return true;
}

static const char *
copy_text(Arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_strdup(arena, text);
}

bool
relation_map_add(RelationMap *map, const Relation *relation, Relation **added, Error *err)
{
	Relation   *found = relation_map_find(map, relation->number);
	Relation   *copy;

	if (found != NULL)
	{
		*added = found;
		if (same_relation(found, relation))
			return true;
		return error_set(err, ERROR_FAILED, "relation record: number %" PRIu64 " was %s.%s, and is bound again to %s.%s", relation->number,
						 found->schema, found->table, relation->schema, relation->table);
	}

	copy = arena_zalloc(map->arena, sizeof(Relation));
	copy->number = relation->number;
	copy->oid = relation->oid;
	copy->identity = relation->identity;
	copy->schema = copy_text(map->arena, relation->schema);
	copy->table = copy_text(map->arena, relation->table);
	copy->root_schema = copy_text(map->arena, relation->root_schema);
	copy->root_table = copy_text(map->arena, relation->root_table);
	copy->column_count = relation->column_count;
	copy->columns = arena_zalloc(map->arena, sizeof(RelationColumn) * (size_t) (relation->column_count + 1));
	for (int i = 0; i < relation->column_count; i++)
	{
		copy->columns[i].name = copy_text(map->arena, relation->columns[i].name);
		copy->columns[i].type = copy_text(map->arena, relation->columns[i].type);
		copy->columns[i].flags = relation->columns[i].flags;
	}
	copy->identity_count = relation->identity_count;
	copy->identity_columns = arena_memdup(map->arena, relation->identity_columns, sizeof(int) * (size_t) (relation->identity_count + 1));
	hash_put_number(map->by_number, copy->number, copy);
	*added = copy;
	return true;
}
