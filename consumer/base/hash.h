/*
 * hash.h
 *		A hash map from bytes to a pointer.  Keys are copied; values are the caller's.  One thread at a time.
 */
#ifndef DBSYNC_BASE_HASH_H
#define DBSYNC_BASE_HASH_H

#include "base/compiler.h"

typedef struct HashMap HashMap;

HashMap *hash_new(void);
void  hash_free(HashMap *map, void (*free_value) (void *value));	/* free_value may be NULL; map NULL is fine */
void  hash_clear(HashMap *map, void (*free_value) (void *value));
size_t hash_count(const HashMap *map);

/* Put replaces, and returns the former value or NULL. */
void *hash_put(HashMap *map, const void *key, size_t key_length, void *value);
void *hash_get(const HashMap *map, const void *key, size_t key_length);		/* or NULL */
void *hash_remove(HashMap *map, const void *key, size_t key_length);		/* the value, or NULL */

void *hash_put_text(HashMap *map, const char *key, void *value);
void *hash_get_text(const HashMap *map, const char *key);
void *hash_put_number(HashMap *map, uint64_t key, void *value);
void *hash_get_number(const HashMap *map, uint64_t key);

/* Walk: start with *cursor = 0; false at the end.  The map must not change meanwhile. */
bool  hash_next(const HashMap *map, size_t *cursor, const void **key, size_t *key_length, void **value);

/* FNV-1a or better, for whoever needs a stable 64-bit hash. */
uint64_t hash_bytes(const void *data, size_t length);

#endif
