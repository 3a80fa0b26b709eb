/*
 * task_lock.c
 *		Lock files beside the store's file.
 */
#include "store/task_lock.h"

#include "base/arena.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct TaskLock
{
	char	   *path;
	int			fd;
};

/* A task's name may hold anything; a file's may not. */
static char *
lock_path(const char *path, const char *task)
{
	StrBuf		buf = STRBUF_INIT;

	strbuf_printf(&buf, "%s.", path);
	for (const unsigned char *c = (const unsigned char *) task; *c != '\0'; c++)
	{
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-')
			strbuf_append_char(&buf, (char) *c);
		else
			strbuf_printf(&buf, "%%%02X", *c);
	}
	strbuf_append(&buf, ".lock");
	return strbuf_detach(&buf);
}

/* What the holder wrote into the file: "pid 123 on host". */
static void
read_holder(int fd, char *text, size_t size)
{
	ssize_t		got = pread(fd, text, size - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text[0] == '\0')
		snprintf(text, size, "a process that did not say its name");
}

static void
write_holder(int fd)
{
	char		host[256] = "";
	char		text[320];
	int			length;

	gethostname(host, sizeof(host) - 1);
	length = snprintf(text, sizeof(text), "pid %ld on %s\n", (long) getpid(), host);

	/* For people only: where the disk is full the lock holds all the same. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t) length, 0) != length)
		errno = 0;
}

/* Is the locked file still the one that the path leads to?  Its last holder removes it before it lets go. */
static bool
is_current(int fd, const char *path)
{
	struct stat mine;
	struct stat there;

	return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

bool
task_lock_take(const char *path, const char *task, TaskLock **lock, Error *err)
{
	char	   *file = lock_path(path, task);
	int			fd;

	for (;;)
	{
		fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
		{
			error_errno(err, "cannot open lock file \"%s\"", file);
			break;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		{
			char		holder[320];

			if (errno == EINTR)
			{
				close(fd);
				continue;
			}
			if (errno != EWOULDBLOCK)
				error_errno(err, "cannot lock file \"%s\"", file);
			else
			{
				read_holder(fd, holder, sizeof(holder));
				error_set(err, ERROR_FAILED, "task \"%s\" is being worked on by another dbsync: %s", task, holder);
				error_hint(err, "Stop it first, or wait until it ends; the lock is on file \"%s\".", file);
			}
			close(fd);
			break;
		}
		if (is_current(fd, file))
		{
			write_holder(fd);
			*lock = mem_zalloc(sizeof(TaskLock));
			(*lock)->path = file;
			(*lock)->fd = fd;
			return true;
		}
		close(fd);
	}
	free(file);
	return false;
}

void
task_lock_release(TaskLock *lock)
{
	if (lock == NULL)
		return;
	unlink(lock->path);
	close(lock->fd);
	free(lock->path);
	free(lock);
}
