/*
 * my_bytes.h
 *		Reading bytes that another program wrote: nothing is read behind the end.
 *
 * What is asked for behind the end reads as zero and sets is_short; whoever reads looks at it once, when all is read.
 * Numbers are little-endian, as in the binary log.
 */
#ifndef DBSYNC_MYSQL_MY_BYTES_H
#define DBSYNC_MYSQL_MY_BYTES_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct MyBytes
{
	const uint8_t *at;
	const uint8_t *end;
	bool		is_short;
} MyBytes;

static inline MyBytes
my_bytes(const void *data, size_t length)
{
	return (MyBytes) {(const uint8_t *) data, (const uint8_t *) data + length, false};
}

static inline size_t
my_bytes_left(const MyBytes *bytes)
{
	return (size_t) (bytes->end - bytes->at);
}

/* The next length bytes; NULL where there are not so many. */
static inline const uint8_t *
my_bytes_take(MyBytes *bytes, uint64_t length)
{
	const uint8_t *at = bytes->at;

	if (length > my_bytes_left(bytes))
	{
		bytes->is_short = true;
		bytes->at = bytes->end;
		return NULL;
	}
	bytes->at += length;
	return at;
}

/* A number of one to eight bytes at a place that holds them. */
static inline uint64_t
my_bytes_le(const uint8_t *at, int length)
{
	uint64_t	value = 0;

	for (int i = length - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

static inline uint64_t
my_bytes_be(const uint8_t *at, int length)
{
	uint64_t	value = 0;

	for (int i = 0; i < length; i++)
		value = value << 8 | at[i];
	return value;
}

static inline uint64_t
my_bytes_number(MyBytes *bytes, int length)
{
	const uint8_t *at = my_bytes_take(bytes, (uint64_t) length);

	return at != NULL ? my_bytes_le(at, length) : 0;
}

/* A length-encoded number. */
static inline uint64_t
my_bytes_packed(MyBytes *bytes)
{
	uint64_t	first = my_bytes_number(bytes, 1);

	switch (first)
	{
		case 252:
			return my_bytes_number(bytes, 2);
		case 253:
			return my_bytes_number(bytes, 3);
		case 254:
			return my_bytes_number(bytes, 8);
		case 251:
		case 255:
			/* NULL and error markers of the protocol: no number */
			bytes->is_short = true;
			return 0;
		default:
			return first;
	}
}

#endif
