/*
 * my_name.h
 *		What a MySQL name is called on the target: the same, or in lower case where lower_names says so.
 *
 * Only A to Z change, as with a name that PostgreSQL gets without quotes.
 */
#ifndef DBSYNC_MYSQL_MY_NAME_H
#define DBSYNC_MYSQL_MY_NAME_H

#include "base/arena.h"
#include "config/config.h"

/* The name itself, or a copy in the arena. */
const char *my_target_name(const MySourceConfig *config, Arena *arena, const char *name);

#endif
