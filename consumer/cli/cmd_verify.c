/*
 * cmd_verify.c
 *		dbsync verify: are the rows of both sides the same?
 *
 * With --json: {"equal": bool, "position", "note", "tables": [{"schema", "table", "target_schema", "target_table", "result",
 * "source_rows", "target_rows", "source_sum", "target_sum", "looks", "remark"}]}; rows and looks are numbers, sums are texts.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "model/table_pattern.h"
#include "verify/verify.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_WAIT_MS 60000

static json_t *
json_text(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *
json_number(const char *text)
{
	return text != NULL ? json_integer(strtoll(text, NULL, 10)) : json_null();
}

static void
print_json(const VerifyReport *report)
{
	json_t	   *root = json_object();
	json_t	   *tables = json_array();
	char		position[LSN_TEXT_SIZE];
	char	   *text;

	for (int i = 0; i < report->count; i++)
	{
		const VerifyTable *table = &report->tables[i];
		json_t	   *entry = json_object();

		json_object_set_new(entry, "schema", json_text(table->schema));
		json_object_set_new(entry, "table", json_text(table->name));
		json_object_set_new(entry, "target_schema", json_text(table->target_schema));
		json_object_set_new(entry, "target_table", json_text(table->target_name));
		json_object_set_new(entry, "result", json_string(verify_result_name(table->result)));
		json_object_set_new(entry, "source_rows", json_number(table->look.source_rows));
		json_object_set_new(entry, "target_rows", json_number(table->look.target_rows));
		json_object_set_new(entry, "source_sum", json_text(table->look.source_sum));
		json_object_set_new(entry, "target_sum", json_text(table->look.target_sum));
		json_object_set_new(entry, "looks", json_integer(table->looks));
		json_object_set_new(entry, "remark", json_text(table->remark));
		json_array_append_new(tables, entry);
	}
	json_object_set_new(root, "equal", json_boolean(report->different == 0 && report->count > 0));
	json_object_set_new(root, "position", json_string(lsn_show(report->position, position)));
	json_object_set_new(root, "note", json_text(report->note));
	json_object_set_new(root, "tables", tables);
	text = json_dumps(root, JSON_INDENT(2));
	if (text != NULL)
		puts(text);
	free(text);
	json_decref(root);
}

static const char *
or_dash(const char *text)
{
	return text != NULL ? text : "-";
}

static void
print_text(const VerifyReport *report)
{
	size_t		width = strlen("table");

	for (int i = 0; i < report->count; i++)
	{
		size_t		length = strlen(report->tables[i].schema) + 1 + strlen(report->tables[i].name);

		if (length > width)
			width = length;
	}
	printf("%-*s  %14s  %14s  %20s  %20s  %s\n", (int) width, "table", "source rows", "target rows", "source sum", "target sum",
		   "result");
	for (int i = 0; i < report->count; i++)
	{
		const VerifyTable *table = &report->tables[i];
		int			used = printf("%s.%s", table->schema, table->name);

		printf("%*s  %14s  %14s  %20s  %20s  %s", (int) width - used > 0 ? (int) width - used : 0, "",
			   or_dash(table->look.source_rows), or_dash(table->look.target_rows), or_dash(table->look.source_sum),
			   or_dash(table->look.target_sum), verify_result_name(table->result));
		if (table->remark != NULL)
			printf(": %s", table->remark);
		putchar('\n');
	}
	printf("\n%d of %d tables are equal\n", report->equal, report->count);
	if (report->note != NULL)
		printf("note: %s\n", report->note);
}

/* The list of tables that are not equal, for whoever reads only the log. */
static void
log_differences(const VerifyReport *report)
{
	for (int i = 0; i < report->count; i++)
	{
		const VerifyTable *table = &report->tables[i];

		if (table->result == VERIFY_CHANGING)
			log_warn("verify", "%s.%s is written too fast to be compared; look again when the writes pause", table->schema,
					 table->name);
		else if (table->result != VERIFY_EQUAL && table->result != VERIFY_PENDING)
			log_error("verify", "%s.%s is %s%s%s source_rows=%s target_rows=%s", table->schema, table->name,
					  verify_result_name(table->result), table->remark != NULL ? ": " : "",
					  table->remark != NULL ? table->remark : "", or_dash(table->look.source_rows),
					  or_dash(table->look.target_rows));
	}
}

static bool
read_options(int argc, char **argv, VerifyOptions *options, Error *err)
{
	const char *wait = command_option(argc, argv, "wait");
	const char *reason;
	size_t		offset;

	options->tables = command_option(argc, argv, "tables");
	options->once = command_option(argc, argv, "once") != NULL;
	options->wait_ms = DEFAULT_WAIT_MS;
	if (options->tables != NULL && !table_pattern_check(options->tables, &offset, &reason))
	{
		error_set(err, ERROR_USAGE, "option --tables: %s, at character %zu", reason, offset + 1);
		return error_hint(err, "a list like public.orders, sales.*");
	}
	if (wait != NULL && (!option_parse_duration(wait, &options->wait_ms) || options->wait_ms < 0))
		return error_set(err, ERROR_USAGE, "option --wait: \"%s\" is no time; write it like 30s or 5min", wait);
	return true;
}

int
cmd_verify(const Config *config, int argc, char **argv)
{
	VerifyOptions options = {0};
	VerifyReport report = VERIFY_REPORT_INIT;
	Error		err = ERROR_INIT;
	bool		ok;
	int			code;

	ok = read_options(argc, argv, &options, &err) && verify_run(config, &options, &report, &err);
	if (ok || err.kind == ERROR_DIFFERENT)
	{
		if (config->json)
			print_json(&report);
		else
			print_text(&report);
		fflush(stdout);
		log_differences(&report);
	}
	if (!ok)
		log_report(LOG_ERROR, "verify", &err);
	code = error_exit_code(&err);
	verify_report_free(&report);
	error_clear(&err);
	return code;
}
