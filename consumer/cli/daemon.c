/*
 * daemon.c
 *		Fork, session, and the pipe by which the child reports.
 */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;

static int
exit_code_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
	{
		if (errno != EINTR)
			return EXIT_FAILURE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* One byte: it runs.  None: it has ended, and has said why. */
static void DBSYNC_NORETURN
wait_for_child(int fd, pid_t child)
{
	char byte;
	ssize_t length;

	do
		length = read(fd, &byte, 1);
	while (length < 0 && errno == EINTR);
	_exit((length == 1) ? 0 : exit_code_of(child));
}

bool
daemon_detach(Error *err)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_errno(err, "cannot create a pipe");
	child = fork();
	if (child < 0)
	{
		error_errno(err, "cannot start the background process");
		close(fds[0]);
		close(fds[1]);
		return false;
	}
	if (child > 0)
	{
		close(fds[1]);
		wait_for_child(fds[0], child);
	}
	close(fds[0]);
	ready_fd = fds[1];
	if (setsid() < 0)
		return error_errno(err, "cannot start a new session");
	return true;
}

bool
daemon_ready(Error *err)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t written DBSYNC_UNUSED;

	if (null_fd < 0)
		return error_errno(err, "cannot open /dev/null");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
	{
		if (dup2(null_fd, fd) < 0)
			return error_errno(err, "cannot redirect to /dev/null");
	}
	if (null_fd > STDERR_FILENO)
		close(null_fd);
	/* If the parent is gone, nobody waits. */
	written = write(ready_fd, "r", 1);
	close(ready_fd);
	ready_fd = -1;
	return true;
}
