/*
 * pid_file.c
 *		Creating, locking and removing the pid file.
 */
#include "cli/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
held_by_other(int fd, const char *path, Error *err)
{
	char text[32] = "";
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	text[(length > 0) ? strcspn(text, "\n") : 0] = '\0';
	error_set(err, ERROR_FAILED, "pid file %s is held by process %s", path, (text[0] != '\0') ? text : "(unknown)");
	return error_hint(err, "dbsync runs already with this pid file; stop it, or name another file by --pid-file");
}

/* Its owner may have removed the file between our open and our lock: then the lock is of a file that nobody sees. */
static bool
is_same_file(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
		   opened.st_ino == named.st_ino;
}

bool
pid_file_create(PidFile *file, const char *path, Error *err)
{
	char text[32];
	int length;
	int fd;

	for (;;)
	{
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return error_errno(err, "cannot create pid file %s", path);
		if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		{
			if (errno == EWOULDBLOCK)
				held_by_other(fd, path, err);
			else
				error_errno(err, "cannot lock pid file %s", path);
			close(fd);
			return false;
		}
		if (is_same_file(fd, path))
			break;
		close(fd);
	}

	length = snprintf(text, sizeof(text), "%ld\n", (long) getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t) length, 0) != length)
	{
		error_errno(err, "cannot write pid file %s", path);
		close(fd);
		return false;
	}
	file->path = path;
	file->fd = fd;
	return true;
}

void
pid_file_remove(PidFile *file)
{
	if (file->fd < 0)
		return;
	unlink(file->path);
	close(file->fd);
	file->fd = -1;
}
