/*
 * arena.c
 *		Arenas as lists of blocks, and the malloc that does not return NULL.
 *
 * Small requests are cut from ordinary blocks; a request that would waste much of one gets a block of its own, which a reset
 * gives back at once, so that one large row does not keep its memory for ever.
 */
#include "base/arena.h"

#include "base/log.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_BLOCK_BYTES 8192
#define MIN_BLOCK_BYTES     256

typedef struct Block
{
	struct Block *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
} Block;

struct Arena
{
	Block *blocks; /* ordinary ones, the one in use first */
	Block *large;  /* one request each */
	size_t used;   /* of the first ordinary block */
	size_t block_bytes;
	size_t held_bytes;
};

static void DBSYNC_NORETURN
out_of_memory(size_t size)
{
	char text[80];

	snprintf(text, sizeof(text), "out of memory: %zu bytes were asked for", size);
	log_write_emergency("memory", text);
	_exit(1);
}

void *
mem_alloc(size_t size)
{
	void *data = malloc(size ? size : 1);

	if (data == NULL)
		out_of_memory(size);
	return data;
}

void *
mem_zalloc(size_t size)
{
	void *data = calloc(1, size ? size : 1);

	if (data == NULL)
		out_of_memory(size);
	return data;
}

void *
mem_realloc(void *old, size_t size)
{
	void *data = realloc(old, size ? size : 1);

	if (data == NULL)
		out_of_memory(size);
	return data;
}

char *
mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}

char *
mem_strndup(const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *
mem_printf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, fmt);
	length = vasprintf(&text, fmt, args);
	va_end(args);
	if (length < 0)
		out_of_memory(strlen(fmt));
	return text;
}

static Block *
block_new(Arena *arena, size_t size)
{
	Block *block;

	if (size > SIZE_MAX - sizeof(Block))
		out_of_memory(size);
	block = mem_alloc(sizeof(Block) + size);
	block->next = NULL;
	block->size = size;
	arena->held_bytes += sizeof(Block) + size;
	return block;
}

static void
block_free_list(Arena *arena, Block *block)
{
	while (block != NULL)
	{
		Block *next = block->next;

		arena->held_bytes -= sizeof(Block) + block->size;
		free(block);
		block = next;
	}
}

Arena *
arena_new(size_t block_bytes)
{
	Arena *arena = mem_zalloc(sizeof(Arena));

	if (block_bytes == 0)
		block_bytes = DEFAULT_BLOCK_BYTES;
	arena->block_bytes = block_bytes < MIN_BLOCK_BYTES ? MIN_BLOCK_BYTES : block_bytes;
	return arena;
}

void
arena_free(Arena *arena)
{
	if (arena == NULL)
		return;
	block_free_list(arena, arena->blocks);
	block_free_list(arena, arena->large);
	free(arena);
}

void
arena_reset(Arena *arena)
{
	block_free_list(arena, arena->large);
	arena->large = NULL;
	if (arena->blocks != NULL)
	{
		block_free_list(arena, arena->blocks->next);
		arena->blocks->next = NULL;
	}
	arena->used = 0;
}

size_t
arena_held_bytes(const Arena *arena)
{
	return arena->held_bytes;
}

void *
arena_alloc(Arena *arena, size_t size)
{
	const size_t unit = alignof(max_align_t);
	size_t rounded;
	void *data;

	if (size > SIZE_MAX - unit)
		out_of_memory(size);
	/* Even nothing has an address of its own. */
	rounded = (size == 0) ? unit : (size + unit - 1) / unit * unit;

	if (arena->blocks != NULL && rounded <= arena->blocks->size - arena->used)
	{
		data = arena->blocks->data + arena->used;
		arena->used += rounded;
		return data;
	}
	if (rounded > arena->block_bytes / 4)
	{
		Block *block = block_new(arena, rounded);

		block->next = arena->large;
		arena->large = block;
		return block->data;
	}

	{
		Block *block = block_new(arena, arena->block_bytes);

		block->next = arena->blocks;
		arena->blocks = block;
		arena->used = rounded;
		return block->data;
	}
}

void *
arena_zalloc(Arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *
arena_strdup(Arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *
arena_strndup(Arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

void *
arena_memdup(Arena *arena, const void *data, size_t size)
{
	void *copy = arena_alloc(arena, size);

	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *
arena_printf(Arena *arena, const char *fmt, ...)
{
	char small[256];
	va_list args;
	va_list again;
	char *text;
	int length;

	va_start(args, fmt);
	va_copy(again, args);
	length = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (length < 0)
		out_of_memory(strlen(fmt));
	if ((size_t) length < sizeof(small))
		text = arena_strndup(arena, small, (size_t) length);
	else
	{
		text = arena_alloc(arena, (size_t) length + 1);
		vsnprintf(text, (size_t) length + 1, fmt, again);
	}
	va_end(again);
	return text;
}
