/*
 * table_filter.h
 *		Which tables the configuration wants.
 */
#ifndef DBSYNC_SYNC_TABLE_FILTER_H
#define DBSYNC_SYNC_TABLE_FILTER_H

#include "config/config.h"
#include "pg/catalog.h"

/* Of a table that is no partition. */
bool table_filter_wants(const char *schema, const char *name, void *config);
/* A PgTableFilter; arg is the Config.  As the plugin has it: a partition is wanted where a list names it or a parent of it (docs/record-format.md). */
bool table_filter_wants_table(const PgTable *table, void *config);

/* Calls each() for every item of a pattern list, as it is written.  The list has passed table_pattern_check(). */
void table_filter_items(const char *list, void (*each) (const char *item, void *arg), void *arg);

#endif
