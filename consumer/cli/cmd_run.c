/*
 * cmd_run.c
 *		dbsync run: the sync itself.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "observe/progress_view.h"
#include "sync/run.h"

int
cmd_run(const Config *config, int argc DBSYNC_UNUSED, char **argv DBSYNC_UNUSED)
{
	Error		err = ERROR_INIT;
	ProgressView *view = progress_view_new(config->progress, config->limits.report_interval_ms);
	int			code;

	if (!run_task(config, progress_view_sink(view), &err))
		log_report(LOG_ERROR, "run", &err);
	progress_view_free(view);
	code = error_exit_code(&err);
	error_clear(&err);
	return code;
}
