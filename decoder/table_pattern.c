/*
 * table_pattern.c
 *
 * The plugin and dbsync read lists of tables by the same code, which lives
 * with dbsync because it knows nothing of PostgreSQL's headers.
 */
#include "../consumer/model/table_pattern.c"
