/*
 * cmd_status.c
 *		dbsync status: where the task stands.  The shape of --json is in observe/status.h.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "observe/status.h"

#include <stdio.h>

int
cmd_status(const Config *config, int argc DBSYNC_UNUSED, char **argv DBSYNC_UNUSED)
{
	TaskStatus	status;
	StrBuf		text = STRBUF_INIT;
	Error		err = ERROR_INIT;
	int			code;

	if (!status_read(config, &status, &err))
		log_report(LOG_ERROR, "status", &err);
	else if (config->json)
		status_write_json(&text, &status);
	else
		status_write_text(&text, &status);
	fputs(strbuf_text(&text), stdout);
	code = error_exit_code(&err);
	strbuf_free(&text);
	status_free(&status);
	error_clear(&err);
	return code;
}
