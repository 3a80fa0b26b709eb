/*
 * options.c
 *
 * One row per option: the row feeds the parser, the defaults and the hints.
 * To add an option, add a field to DecoderOptions, a row here, and a line to
 * the table in docs/record-format.md.
 */
#include "postgres.h"

#include <limits.h>

#include "options.h"

#include "../consumer/model/table_pattern.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* A batch is one replication message; the client must take it in whole. */
#define BATCH_BYTES_MAX (64 * 1024 * 1024)

typedef enum OptionKind
{
	OPTION_BOOL,
	OPTION_INT,
	OPTION_BYTES,				/* an integer that may have a unit: 64kB */
	OPTION_ENUM,				/* an int field, the index in "allowed" */
	OPTION_ENCODING,			/* an int field */
	OPTION_TABLES				/* a char * field, a list of tables */
} OptionKind;

typedef struct OptionRow
{
	const char *name;
	OptionKind	kind;
	size_t		offset;			/* of the field in DecoderOptions */
	int			initial;		/* default; tables have none */
	int			max;			/* for numbers; the least is 0 */
	const char *const *allowed; /* for enums, ends with NULL */
} OptionRow;

static const char *const format_names[] = {"compact", "verbose", NULL};
static const char *const origin_names[] = {"any", "none", NULL};

#define FIELD(field) offsetof(DecoderOptions, field)

static const OptionRow option_rows[] = {
	{"version", OPTION_INT, FIELD(version), RECORD_VERSION, INT_MAX, NULL},
	{"format", OPTION_ENUM, FIELD(format), FORMAT_COMPACT, 0, format_names},
	{"batch_bytes", OPTION_BYTES, FIELD(batch_bytes), 0, BATCH_BYTES_MAX, NULL},
	{"encoding", OPTION_ENCODING, FIELD(encoding), 0, 0, NULL},
	{"include_tables", OPTION_TABLES, FIELD(include_tables), 0, 0, NULL},
	{"exclude_tables", OPTION_TABLES, FIELD(exclude_tables), 0, 0, NULL},
	{"origin", OPTION_ENUM, FIELD(origin), ORIGIN_ANY, 0, origin_names},
	{"messages", OPTION_BOOL, FIELD(messages), true, 0, NULL},
	{"include_empty", OPTION_BOOL, FIELD(include_empty), false, 0, NULL},
};

static void
set_defaults(DecoderOptions *options)
{
	memset(options, 0, sizeof(*options));
	for (int i = 0; i < (int) lengthof(option_rows); i++)
	{
		const OptionRow *row = &option_rows[i];
		void	   *field = (char *) options + row->offset;

		switch (row->kind)
		{
			case OPTION_BOOL:
				*(bool *) field = row->initial != 0;
				break;
			case OPTION_INT:
			case OPTION_BYTES:
			case OPTION_ENUM:
				*(int *) field = row->initial;
				break;
			case OPTION_ENCODING:
				*(int *) field = GetDatabaseEncoding();
				break;
			case OPTION_TABLES:
				*(char **) field = NULL;
				break;
		}
	}
}

static void
append_name(StringInfo list, const char *name)
{
	if (list->len > 0)
		appendStringInfoString(list, ", ");
	appendStringInfo(list, "\"%s\"", name);
}

static void
raise_bad_value(const OptionRow *row, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\" of output plugin alidecode: \"%s\"",
					row->name, value),
			 errhint("%s", hint)));
}

static void
parse_number(const OptionRow *row, const char *value, int *field)
{
	int			flags = row->kind == OPTION_BYTES ? GUC_UNIT_BYTE : 0;
	const char *unit_hint = NULL;

	if (!parse_int(value, field, flags, &unit_hint) ||
		*field < 0 || *field > row->max)
		raise_bad_value(row, value,
						psprintf("Use a whole number from 0 to %d%s.", row->max,
								 flags != 0 ? ", or one with a unit (B, kB, MB)" : ""));
}

static void
parse_enum(const OptionRow *row, const char *value, int *field)
{
	StringInfoData names;

	for (int i = 0; row->allowed[i] != NULL; i++)
	{
		if (pg_strcasecmp(value, row->allowed[i]) == 0)
		{
			*field = i;
			return;
		}
	}
	initStringInfo(&names);
	for (int i = 0; row->allowed[i] != NULL; i++)
		append_name(&names, row->allowed[i]);
	raise_bad_value(row, value, psprintf("Allowed values: %s.", names.data));
}

static void
parse_encoding(const OptionRow *row, const char *value, int *field)
{
	int			encoding = pg_char_to_encoding(value);
	int			database = GetDatabaseEncoding();

	/*
	 * Encodings for clients only have characters that end in what looks like
	 * a quote or backslash: no JSON parser could read them.
	 */
	if (encoding < 0 || !PG_VALID_BE_ENCODING(encoding))
		raise_bad_value(row, value,
						"Use the name of an encoding that a PostgreSQL database can have, such as \"UTF8\" or \"LATIN1\".");

	/* Bytes of no known encoding cannot be converted, only checked. */
	if (database == PG_SQL_ASCII && encoding != PG_SQL_ASCII && encoding != PG_UTF8)
		raise_bad_value(row, value,
						"The database is in SQL_ASCII, which is not converted. Allowed values: \"SQL_ASCII\", \"UTF8\".");
	if (database != PG_SQL_ASCII && encoding == PG_SQL_ASCII)
		raise_bad_value(row, value,
						psprintf("SQL_ASCII names no encoding that a reader could decode. Leave the option out for the database's own, %s, or use \"UTF8\".",
								 pg_encoding_to_char(database)));
	*field = encoding;
}

static void
parse_tables(const OptionRow *row, const char *value, char **field)
{
	size_t		offset;
	const char *reason;

	if (!table_pattern_check(value, &offset, &reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\" of output plugin alidecode: \"%s\"",
						row->name, value),
				 errdetail("At byte %zu: %s.", offset + 1, reason),
				 errhint("Write schema.table, several separated by commas. \"*\" stands for any characters; a name with other than plain characters is put in double quotes.")));
	*field = pstrdup(value);
}

static void
parse_value(const OptionRow *row, const char *value, DecoderOptions *options)
{
	void	   *field = (char *) options + row->offset;

	switch (row->kind)
	{
		case OPTION_BOOL:
			if (!parse_bool(value, (bool *) field))
				raise_bad_value(row, value, "Allowed values: \"on\", \"off\".");
			break;
		case OPTION_INT:
		case OPTION_BYTES:
			parse_number(row, value, field);
			break;
		case OPTION_ENUM:
			parse_enum(row, value, field);
			break;
		case OPTION_ENCODING:
			parse_encoding(row, value, field);
			break;
		case OPTION_TABLES:
			parse_tables(row, value, field);
			break;
	}
}

static int
find_row(const char *name)
{
	StringInfoData names;

	for (int i = 0; i < (int) lengthof(option_rows); i++)
		if (strcmp(option_rows[i].name, name) == 0)
			return i;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(option_rows); i++)
		append_name(&names, option_rows[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("output plugin alidecode has no option \"%s\"", name),
			 errhint("Options: %s.", names.data)));
	return -1;					/* not reached */
}

static void
check_version(int version)
{
	if (version != RECORD_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("record version %d was asked of output plugin alidecode, which speaks version %d",
						version, RECORD_VERSION),
				 errhint("Install releases of plugin and reader that belong together.")));
}

void
options_parse(List *elements, DecoderOptions *options)
{
	bool		seen[lengthof(option_rows)] = {false};
	ListCell   *cell;

	set_defaults(options);
	foreach(cell, elements)
	{
		DefElem    *element = (DefElem *) lfirst(cell);
		int			i = find_row(element->defname);
		const OptionRow *row = &option_rows[i];

		if (seen[i])
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("option \"%s\" of output plugin alidecode is given more than once",
							row->name)));
		seen[i] = true;

		if (element->arg != NULL)
			parse_value(row, strVal(element->arg), options);
		else if (row->kind == OPTION_BOOL)
			parse_value(row, "on", options);
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" of output plugin alidecode needs a value",
							row->name)));
	}
	check_version(options->version);
}
