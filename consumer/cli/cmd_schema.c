/*
 * cmd_schema.c
 *		dbsync schema: makes the source's tables on the target.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "sync/schema.h"

#include <string.h>

static bool
read_options(int argc, char **argv, SchemaOptions *options, Error *err)
{
	bool		pre = command_option(argc, argv, "pre-data") != NULL;
	bool		post = command_option(argc, argv, "post-data") != NULL;

	options->print = command_option(argc, argv, "print") != NULL;
	options->no_partitions = command_option(argc, argv, "no-partitions") != NULL;
	options->section = command_option(argc, argv, "section");
	if (options->section != NULL && strcmp(options->section, "pre-data") != 0 && strcmp(options->section, "post-data") != 0)
	{
		error_set(err, ERROR_USAGE, "option --section: \"%s\" is no section", options->section);
		return error_hint(err, "pre-data or post-data; without it: both");
	}
	if ((pre && post) || ((pre || post) && options->section != NULL))
		return error_set(err, ERROR_USAGE, "name one section, or none for both");
	options->defer = command_option(argc, argv, "defer") != NULL;
	if (options->defer && (pre || post || options->section != NULL))
		return error_set(err, ERROR_USAGE, "--defer makes all of it, in two steps: name no section");
	if (options->defer)
		options->section = "pre-data";
	if (pre || post)
		options->section = pre ? "pre-data" : "post-data";
	return true;
}

int
cmd_schema(const Config *config, int argc, char **argv)
{
	SchemaOptions options = {0};
	Error		err = ERROR_INIT;
	bool		ok;
	int			code;

	ok = read_options(argc, argv, &options, &err) && schema_create(config, &options, &err);
	if (!ok)
		log_report(LOG_ERROR, "schema", &err);
	else if (!options.print)
		log_info("schema", "the target has the source's %s",
				 options.defer ? "tables; dbsync run makes indexes, constraints and triggers once the rows are there" : options.section == NULL ? "tables" : strcmp(options.section, "pre-data") == 0
				 ? "tables; indexes, constraints and triggers: dbsync schema --post-data" : "indexes, constraints and triggers");
	code = error_exit_code(&err);
	error_clear(&err);
	return code;
}
