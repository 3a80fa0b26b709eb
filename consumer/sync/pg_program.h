/*
 * pg_program.h
 *		PostgreSQL's own programs: finding pg_dump of a fitting version with what stands beside it, and running them.
 *
 * A password never comes into a command line: it goes into the environment of the child alone.
 */
#ifndef DBSYNC_SYNC_PG_PROGRAM_H
#define DBSYNC_SYNC_PG_PROGRAM_H

#include "base/arena.h"
#include "base/error.h"

typedef struct PgPrograms
{
	const char *pg_dump;		/* paths, all of one folder */
	const char *pg_restore;
	const char *psql;
	int			major;
} PgPrograms;

/*
 * The lowest major version from min_major on, searched in PATH and where packages put them (/usr/lib/postgresql/N/bin,
 * /usr/pgsql-N/bin, ...).
 */
bool pg_programs_find(int min_major, Arena *arena, PgPrograms *programs, Error *err) DBSYNC_MUST_CHECK;

/* "pg_dump (PostgreSQL) 15.20 (Debian ...)": 15; 0 where it is none. */
int pg_program_major(const char *version_text);

/* A connection string as keyword=value without password, and the password apart (NULL: none). */
bool pg_program_conninfo(const char *conninfo, Arena *arena, const char **plain, const char **password, Error *err) DBSYNC_MUST_CHECK;

/*
 * Runs argv (ends with NULL) and waits; standard output goes to the file output, or stays (NULL).  A stop ends the child.  Any exit code
 * but 0 is an error that names the program.
 */
bool pg_program_run(const char *const *argv, const char *password, const char *output, Error *err) DBSYNC_MUST_CHECK;

/* The command as a line for people, quoted where a shell would need it. */
const char *pg_program_line(const char *const *argv, Arena *arena);

#endif
