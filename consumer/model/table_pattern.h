/*
 * table_pattern.h
 *
 * Lists of tables as a user writes them: the options include_tables and
 * exclude_tables, of the output plugin and of dbsync alike. Both compile this
 * one file, so that a list means the same on both sides.
 *
 *     list  = item *( "," item )        white space around an item is dropped
 *     item  = part "." part             schema and table
 *     part  = unquoted | quoted
 *     unquoted: taken as it stands, in its case; "*" matches any run of bytes.
 *               It holds no white space, comma, dot or quote.
 *     quoted:   "..." taken literally, "*" too; a quote within is written "".
 *
 * Names are compared byte by byte, without folding of case.
 *
 * Pure functions over caller's strings: no allocation, no state, any thread.
 */
#ifndef TABLE_PATTERN_H
#define TABLE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is this a well-formed list of at least one item? If not, *error_offset is
 * the offset of the byte where it goes wrong and *reason a static text.
 */
extern bool table_pattern_check(const char *list, size_t *error_offset,
								const char **reason);

/*
 * Does any item of the list match? The list must have passed
 * table_pattern_check(); what follows a malformed item is not looked at.
 */
extern bool table_pattern_match(const char *list, const char *schema,
								const char *table);

#endif							/* TABLE_PATTERN_H */
