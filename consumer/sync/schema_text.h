/*
 * schema_text.h
 *		What pg_restore has written of some entries of an archive, as one text for each: the settings that it needs, then its statements.
 */
#ifndef DBSYNC_SYNC_SCHEMA_TEXT_H
#define DBSYNC_SYNC_SCHEMA_TEXT_H

#include "base/arena.h"

#include <stdbool.h>

/* Of a text of one entry; NULL where it has none. */
const char *schema_text_of_one(const char *text, Arena *arena) DBSYNC_MUST_CHECK;

/*
 * Of a text of many, in their order; whats are what "pg_restore -l" calls them, from the type on.  False: the text may be read in more than one
 * way, because something in an entry (a comment) looks like the head of another one.
 */
bool schema_text_cut(const char *text, const char *const *whats, int count, Arena *arena, const char **statements) DBSYNC_MUST_CHECK;

#endif
