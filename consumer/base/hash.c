/*
 * hash.c
 *		The hash map: open addressing with linear probing; a removal moves later entries back, so there are no graves.
 */
#include "base/hash.h"

#include "base/arena.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* The key stands behind its entry, in one allocation. */
typedef struct Entry
{
	void *value;
	size_t key_length;
	char key[];
} Entry;

typedef struct Bucket
{
	uint64_t hash;
	Entry *entry; /* NULL: free */
} Bucket;

struct HashMap
{
	Bucket *buckets;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

#define FIRST_CAPACITY 16
/* A cleared map does not keep the memory of its largest day. */
#define KEPT_CAPACITY 1024

static uint64_t
mix(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	hash ^= hash >> 32;
	return hash;
}

uint64_t
hash_bytes(const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t hash = mix(length + UINT64_C(0x9e3779b97f4a7c15));
	uint64_t word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word))
	{
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
	}
	if (length > 0)
	{
		word = 0;
		memcpy(&word, bytes, length);
		hash = mix(hash ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return mix(hash);
}

HashMap *
hash_new(void)
{
	return mem_zalloc(sizeof(HashMap));
}

static void
free_entries(HashMap *map, void (*free_value)(void *value))
{
	for (size_t i = 0; i < map->capacity; i++)
	{
		Entry *entry = map->buckets[i].entry;

		if (entry == NULL)
			continue;
		if (free_value != NULL)
			free_value(entry->value);
		free(entry);
	}
}

void
hash_free(HashMap *map, void (*free_value)(void *value))
{
	if (map == NULL)
		return;
	free_entries(map, free_value);
	free(map->buckets);
	free(map);
}

void
hash_clear(HashMap *map, void (*free_value)(void *value))
{
	if (map->count > 0)
		free_entries(map, free_value);
	if (map->capacity > KEPT_CAPACITY)
	{
		free(map->buckets);
		map->buckets = NULL;
		map->capacity = 0;
	}
	else if (map->count > 0)
		memset(map->buckets, 0, map->capacity * sizeof(Bucket));
	map->count = 0;
}

size_t
hash_count(const HashMap *map)
{
	return map->count;
}

/* The bucket of the key, or the free one where it belongs.  There is always a free one. */
static size_t
find_bucket(const HashMap *map, uint64_t hash, const void *key, size_t key_length)
{
	size_t mask = map->capacity - 1;
	size_t at = hash & mask;

	for (;; at = (at + 1) & mask)
	{
		const Bucket *bucket = &map->buckets[at];

		if (bucket->entry == NULL)
			return at;
		if (bucket->hash == hash && bucket->entry->key_length == key_length &&
			(key_length == 0 || memcmp(bucket->entry->key, key, key_length) == 0))
			return at;
	}
}

static void
grow(HashMap *map)
{
	size_t capacity = (map->capacity > 0) ? map->capacity * 2 : FIRST_CAPACITY;
	Bucket *buckets = mem_zalloc(capacity * sizeof(Bucket));

	for (size_t i = 0; i < map->capacity; i++)
	{
		size_t at;

		if (map->buckets[i].entry == NULL)
			continue;
		at = map->buckets[i].hash & (capacity - 1);
		while (buckets[at].entry != NULL)
			at = (at + 1) & (capacity - 1);
		buckets[at] = map->buckets[i];
	}
	free(map->buckets);
	map->buckets = buckets;
	map->capacity = capacity;
}

void *
hash_put(HashMap *map, const void *key, size_t key_length, void *value)
{
	uint64_t hash = hash_bytes(key, key_length);
	size_t at;
	Entry *entry;

	/* At most three quarters full. */
	if (map->count + 1 > map->capacity / 4 * 3)
		grow(map);
	at = find_bucket(map, hash, key, key_length);
	entry = map->buckets[at].entry;
	if (entry != NULL)
	{
		void *former = entry->value;

		entry->value = value;
		return former;
	}
	entry = mem_alloc(sizeof(Entry) + key_length);
	entry->value = value;
	entry->key_length = key_length;
	if (key_length > 0)
		memcpy(entry->key, key, key_length);
	map->buckets[at] = (Bucket){hash, entry};
	map->count++;
	return NULL;
}

void *
hash_get(const HashMap *map, const void *key, size_t key_length)
{
	const Entry *entry;

	if (map->count == 0)
		return NULL;
	entry = map->buckets[find_bucket(map, hash_bytes(key, key_length), key, key_length)].entry;
	return (entry != NULL) ? entry->value : NULL;
}

void *
hash_remove(HashMap *map, const void *key, size_t key_length)
{
	size_t mask = map->capacity - 1;
	size_t hole;
	void *value;

	if (map->count == 0)
		return NULL;
	hole = find_bucket(map, hash_bytes(key, key_length), key, key_length);
	if (map->buckets[hole].entry == NULL)
		return NULL;
	value = map->buckets[hole].entry->value;
	free(map->buckets[hole].entry);
	map->count--;

	/* Move back what would no longer be found behind the hole. */
	for (size_t at = (hole + 1) & mask; map->buckets[at].entry != NULL; at = (at + 1) & mask)
	{
		size_t home = map->buckets[at].hash & mask;

		if (((at - home) & mask) >= ((at - hole) & mask))
		{
			map->buckets[hole] = map->buckets[at];
			hole = at;
		}
	}
	map->buckets[hole] = (Bucket){0, NULL};
	return value;
}

void *
hash_put_text(HashMap *map, const char *key, void *value)
{
	return hash_put(map, key, strlen(key), value);
}

void *
hash_get_text(const HashMap *map, const char *key)
{
	return hash_get(map, key, strlen(key));
}

void *
hash_put_number(HashMap *map, uint64_t key, void *value)
{
	return hash_put(map, &key, sizeof(key), value);
}

void *
hash_get_number(const HashMap *map, uint64_t key)
{
	return hash_get(map, &key, sizeof(key));
}

bool
hash_next(const HashMap *map, size_t *cursor, const void **key, size_t *key_length, void **value)
{
	for (; *cursor < map->capacity; (*cursor)++)
	{
		const Entry *entry = map->buckets[*cursor].entry;

		if (entry == NULL)
			continue;
		if (key != NULL)
			*key = entry->key;
		if (key_length != NULL)
			*key_length = entry->key_length;
		if (value != NULL)
			*value = entry->value;
		(*cursor)++;
		return true;
	}
	return false;
}
