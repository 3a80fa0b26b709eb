/*
 * cmd_check.c
 *		dbsync check: the preflight alone, all its findings.
 *
 * With --json: {"errors": n, "warnings": n, "findings": [{"severity", "side", "what", "mend"}]}.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "sync/preflight.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_json(const PreflightReport *report)
{
	json_t	   *root = json_object();
	json_t	   *findings = json_array();
	char	   *text;

	for (int i = 0; i < report->count; i++)
	{
		const Finding *finding = &report->findings[i];
		json_t	   *entry = json_object();

		json_object_set_new(entry, "severity", json_string(finding_severity_name(finding->severity)));
		json_object_set_new(entry, "side", json_string(finding->side));
		json_object_set_new(entry, "what", json_string(finding->what));
		json_object_set_new(entry, "mend", finding->mend != NULL ? json_string(finding->mend) : json_null());
		json_array_append_new(findings, entry);
	}
	json_object_set_new(root, "errors", json_integer(report->errors));
	json_object_set_new(root, "warnings", json_integer(report->warnings));
	json_object_set_new(root, "findings", findings);
	text = json_dumps(root, JSON_INDENT(2));
	if (text != NULL)
		puts(text);
	free(text);
	json_decref(root);
}

/* Each line of the mend stands under the finding, ready to be copied. */
static void
print_finding(const Finding *finding)
{
	printf("%-8s %-7s %s\n", finding_severity_name(finding->severity), finding->side, finding->what);
	for (const char *line = finding->mend; line != NULL && *line != '\0';)
	{
		size_t		length = strcspn(line, "\n");

		printf("%17s%.*s\n", "", (int) length, line);
		line += length + (line[length] == '\n');
	}
}

static void
print_text(const PreflightReport *report)
{
	for (int severity = FINDING_ERROR; severity >= FINDING_OK; severity--)
		for (int i = 0; i < report->count; i++)
			if ((int) report->findings[i].severity == severity)
				print_finding(&report->findings[i]);
	printf("\n%d error%s, %d warning%s\n", report->errors, report->errors == 1 ? "" : "s", report->warnings,
		   report->warnings == 1 ? "" : "s");
}

int
cmd_check(const Config *config, int argc DBSYNC_UNUSED, char **argv DBSYNC_UNUSED)
{
	PreflightReport report = PREFLIGHT_REPORT_INIT;
	Error		err = ERROR_INIT;
	bool		ok = preflight_run(config, &report, &err);
	int			code = report.errors > 0 ? 3 : error_exit_code(&err);

	if (!ok && report.errors == 0)
		log_report(LOG_ERROR, "check", &err);
	else if (config->json)
		print_json(&report);
	else
		print_text(&report);
	preflight_report_free(&report);
	error_clear(&err);
	return code;
}
