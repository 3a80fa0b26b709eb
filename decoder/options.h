/*
 * options.h
 *
 * The plugin's options: what START_REPLICATION and the SQL functions pass as
 * name and value. One table in options.c declares them all.
 *
 * Read-only after options_parse(). Strings live in the memory context that was
 * current then.
 */
#ifndef ALIDECODE_OPTIONS_H
#define ALIDECODE_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The record version that this plugin speaks, see docs/record-format.md. */
#define RECORD_VERSION 1

typedef enum OptionFormat
{
	FORMAT_COMPACT,
	FORMAT_VERBOSE
} OptionFormat;

typedef enum OptionOrigin
{
	ORIGIN_ANY,
	ORIGIN_NONE
} OptionOrigin;

typedef struct DecoderOptions
{
	int			version;
	int			format;			/* OptionFormat */
	int			batch_bytes;	/* 0: one record a message */
	int			encoding;		/* of the output, a PostgreSQL encoding id */
	int			origin;			/* OptionOrigin */
	bool		messages;
	bool		include_empty;
	char	   *include_tables; /* table_pattern.h; NULL: all */
	char	   *exclude_tables; /* NULL: none */
} DecoderOptions;

/*
 * Fills *options from a list of DefElem, defaults first. Raises an error that
 * names the option and what it allows.
 */
extern void options_parse(List *elements, DecoderOptions *options);

#endif							/* ALIDECODE_OPTIONS_H */
