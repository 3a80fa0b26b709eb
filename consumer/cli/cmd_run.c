/*
 * cmd_run.c
 *		dbsync run: the sync itself.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "cli/daemon.h"
#include "observe/progress_view.h"
#include "sync/run.h"

/* Nobody need wait at the terminal any more. */
static bool
leave_terminal(Error *err)
{
	log_echo(false);
	return daemon_ready(err);
}

int
cmd_run(const Config *config, int argc DBSYNC_UNUSED, char **argv DBSYNC_UNUSED)
{
	Error		err = ERROR_INIT;
	ProgressView *view = progress_view_new(config->progress, config->limits.report_interval_ms);
	int			code;

	if (!run_task(config, progress_view_sink(view), config->daemon ? leave_terminal : NULL, &err))
		log_report(LOG_ERROR, "run", &err);
	progress_view_free(view);
	code = error_exit_code(&err);
	error_clear(&err);
	return code;
}
