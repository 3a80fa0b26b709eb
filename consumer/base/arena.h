/*
 * arena.h
 *		Memory in three lifetimes: process, transaction, record.
 *
 * An Arena hands out memory that is freed all at once.  It is passed explicitly; a function that returns memory names the
 * arena it came from.  An arena belongs to one thread at a time.  Memory is aligned for any type and is not zeroed unless
 * the name says so.  Running out of memory ends the process with a message (exit code 1): there is nothing that could be
 * done about it, and what is durable stays durable.
 */
#ifndef DBSYNC_BASE_ARENA_H
#define DBSYNC_BASE_ARENA_H

#include "base/compiler.h"

#include <stdarg.h>

typedef struct Arena Arena;

/* block_bytes: the size of a block that is asked from malloc; larger requests get a block of their own. 0: 8 kB. */
Arena *arena_new(size_t block_bytes);
void   arena_free(Arena *arena);			/* NULL is fine */

/* Forget everything.  Keeps one ordinary block for the next use, gives large ones back. */
void   arena_reset(Arena *arena);

/* Bytes now held from malloc: what limits are checked against. */
size_t arena_held_bytes(const Arena *arena);

void *arena_alloc(Arena *arena, size_t size);
void *arena_zalloc(Arena *arena, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);	/* adds a zero byte */
void *arena_memdup(Arena *arena, const void *data, size_t size);
char *arena_printf(Arena *arena, const char *fmt, ...) DBSYNC_PRINTF(2, 3);

/* malloc that does not return NULL, for what has one owner and its own lifetime; free with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *old, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
char *mem_printf(const char *fmt, ...) DBSYNC_PRINTF(1, 2);

#endif
