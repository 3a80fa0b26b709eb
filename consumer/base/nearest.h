/*
 * nearest.h
 *		The name that may have been meant: for hints about misspelt options and commands.  No I/O; one thread.
 *
 *		Nearest nearest = NEAREST_INIT(word);
 *		for (...)
 *			nearest_offer(&nearest, candidate);
 *		hint = nearest_best(&nearest);
 */
#ifndef DBSYNC_BASE_NEAREST_H
#define DBSYNC_BASE_NEAREST_H

#include "base/compiler.h"

typedef struct Nearest
{
	const char *word;
	const char *best;
	int			distance;
} Nearest;

#define NEAREST_INIT(text) {(text), NULL, 0}

/* The candidate must live as long as the result is used.  "-" and "_" are the same. */
void nearest_offer(Nearest *nearest, const char *candidate);
const char *nearest_best(const Nearest *nearest);	/* NULL: nothing is near enough */

#endif
