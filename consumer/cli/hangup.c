/*
 * hangup.c
 *		The thread that waits for SIGHUP: the main thread is busy in a command, and a signal handler may not open files.
 */
#include "cli/hangup.h"

#include "base/log.h"
#include "base/stop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

enum
{
	REOPEN_LOG,
	STOP,
	IGNORE
};

static int reaction;

static void *
watch(void *arg DBSYNC_UNUSED)
{
	struct pollfd event = {.fd = stop_hangup_fd(), .events = POLLIN};

	for (;;)
	{
		if (poll(&event, 1, -1) < 0 || !stop_take_hangup())
			continue;
		if (reaction == REOPEN_LOG)
		{
			Error err = ERROR_INIT;

			if (log_reopen(&err))
				log_info("log", "log file opened again");
			else
				log_report(LOG_ERROR, "log", &err);
			error_clear(&err);
		}
		else if (reaction == STOP)
		{
			log_info("run", "the terminal has gone, stopping");
			stop_request();
		}
	}
	return NULL;
}

bool
hangup_is_ignored(void)
{
	struct sigaction action;

	return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool
hangup_watch(bool has_log_file, bool was_ignored, Error *err)
{
	pthread_t thread;

	reaction = has_log_file ? REOPEN_LOG : was_ignored ? IGNORE : STOP;
	errno = pthread_create(&thread, NULL, watch, NULL);
	if (errno != 0)
		return error_errno(err, "cannot start a thread");
	pthread_detach(thread);
	return true;
}
