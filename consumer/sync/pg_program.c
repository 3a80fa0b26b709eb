/* Finds and runs pg_dump, pg_restore and psql. */
#include "sync/pg_program.h"

#include "base/stop.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 20

static const char *const package_patterns[] = {
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib64/pgsql*/bin", "/opt/postgresql*/bin", "/usr/local/pgsql*/bin",
	"/usr/libexec/postgresql*",
};

/* ---- running ---- */

/* In the child: does not return. */
static void
become(const char *const *argv, const char *password, int output_fd)
{
	sigset_t	none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (password != NULL)
		setenv("PGPASSWORD", password, 1);
	if (output_fd >= 0 && dup2(output_fd, STDOUT_FILENO) < 0)
		_exit(126);
	execv(argv[0], (char *const *) argv);
	_exit(127);
}

static bool
wait_child(pid_t pid, int *status, Error *err)
{
	for (;;)
	{
		pid_t		done = waitpid(pid, status, WNOHANG);

		if (done == pid)
			return true;
		if (done < 0 && errno != EINTR)
			return error_errno(err, "cannot wait for a program");
		if (!stop_wait(POLL_MS))
		{
			kill(pid, SIGTERM);
			while (waitpid(pid, status, 0) < 0 && errno == EINTR)
				;
			return error_set(err, ERROR_CANCELLED, "stopped");
		}
	}
}

bool
pg_program_run(const char *const *argv, const char *password, const char *output, Error *err)
{
	int			output_fd = -1;
	int			status = 0;
	pid_t		pid;

	if (output != NULL)
	{
		output_fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (output_fd < 0)
			return error_errno(err, "cannot write %s", output);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(argv, password, output_fd);
	if (output_fd >= 0)
		close(output_fd);
	if (pid < 0)
		return error_errno(err, "cannot start %s", argv[0]);
	if (!wait_child(pid, &status, err))
		return false;
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_FAILED, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) == 127)
		return error_set(err, ERROR_FAILED, "%s cannot be run", argv[0]);
	if (WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_FAILED, "%s failed with exit code %d", argv[0], WEXITSTATUS(status));
	return true;
}

const char *
pg_program_line(const char *const *argv, Arena *arena)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
	StrBuf		line = STRBUF_INIT;
	const char *text;

	for (; *argv != NULL; argv++)
	{
		if (line.length > 0)
			strbuf_append_char(&line, ' ');
		if (**argv != '\0' && strspn(*argv, plain) == strlen(*argv))
		{
			strbuf_append(&line, *argv);
			continue;
		}
		strbuf_append_char(&line, '\'');
		for (const char *p = *argv; *p != '\0'; p++)
		{
			if (*p == '\'')
				strbuf_append(&line, "'\\''");
			else
				strbuf_append_char(&line, *p);
		}
		strbuf_append_char(&line, '\'');
	}
	text = arena_strdup(arena, strbuf_text(&line));
	strbuf_free(&line);
	return text;
}

/* ---- connection strings ---- */

static void
append_option(StrBuf *plain, const char *keyword, const char *value)
{
	strbuf_printf(plain, "%s%s='", plain->length > 0 ? " " : "", keyword);
	for (const char *p = value; *p != '\0'; p++)
	{
		if (*p == '\'' || *p == '\\')
			strbuf_append_char(plain, '\\');
		strbuf_append_char(plain, *p);
	}
	strbuf_append_char(plain, '\'');
}

bool
pg_program_conninfo(const char *conninfo, Arena *arena, const char **plain, const char **password, Error *err)
{
	char	   *message = NULL;
	PQconninfoOption *options;
	StrBuf		text = STRBUF_INIT;
	bool		ok = true;

	*password = NULL;
	/* A lone word is a database name. */
	if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL)
	{
		append_option(&text, "dbname", conninfo);
		*plain = arena_strdup(arena, strbuf_text(&text));
		strbuf_free(&text);
		return true;
	}
	options = PQconninfoParse(conninfo, &message);
	if (options == NULL)
	{
		error_set(err, ERROR_USAGE, "invalid connection string");
		PQfreemem(message);
		return false;
	}
	for (PQconninfoOption *option = options; ok && option->keyword != NULL; option++)
	{
		if (option->val == NULL || option->val[0] == '\0')
			continue;
		if (strcmp(option->keyword, "password") == 0)
			*password = arena_strdup(arena, option->val);
		else if (strcmp(option->keyword, "sslpassword") == 0)
		{
			ok = error_set(err, ERROR_USAGE, "a connection string with sslpassword cannot be handed to pg_dump and psql");
			(void) error_hint(err, "use a key file without a password of its own, or run pg_dump -s and psql by hand");
		}
		else
			append_option(&text, option->keyword, option->val);
	}
	*plain = arena_strdup(arena, strbuf_text(&text));
	PQconninfoFree(options);
	strbuf_free(&text);
	return ok;
}

/* ---- finding ---- */

int
pg_program_major(const char *version_text)
{
	const char *p = strstr(version_text, "(PostgreSQL) ");

	return p == NULL ? 0 : atoi(p + strlen("(PostgreSQL) "));
}

/* Asks the program itself: a wrapper in PATH may stand for any version. */
static int
ask_major(const char *path)
{
	StrBuf		command = STRBUF_INIT;
	char		line[256];
	FILE	   *pipe;
	int			major = 0;

	strbuf_append_char(&command, '\'');
	for (const char *p = path; *p != '\0'; p++)
	{
		if (*p == '\'')
			strbuf_append(&command, "'\\''");
		else
			strbuf_append_char(&command, *p);
	}
	strbuf_append(&command, "' --version 2>/dev/null");
	pipe = popen(strbuf_text(&command), "r");
	if (pipe != NULL)
	{
		if (fgets(line, sizeof(line), pipe) != NULL)
			major = pg_program_major(line);
		pclose(pipe);
	}
	strbuf_free(&command);
	return major;
}

/* Keeps the folder if it has all three programs and fits better than what was found. */
static void
try_folder(const char *folder, int min_major, Arena *arena, PgPrograms *best, int *newest)
{
	PgPrograms	found;

	found.pg_dump = arena_printf(arena, "%s/pg_dump", folder);
	found.pg_restore = arena_printf(arena, "%s/pg_restore", folder);
	found.psql = arena_printf(arena, "%s/psql", folder);
	if (access(found.pg_dump, X_OK) != 0 || access(found.pg_restore, X_OK) != 0 || access(found.psql, X_OK) != 0)
		return;
	found.major = ask_major(found.pg_dump);
	if (found.major > *newest)
		*newest = found.major;
	if (found.major >= min_major && (best->major == 0 || found.major < best->major))
		*best = found;
}

bool
pg_programs_find(int min_major, Arena *arena, PgPrograms *programs, Error *err)
{
	const char *path = getenv("PATH");
	char	   *copy = mem_strdup(path != NULL ? path : "");
	char	   *rest = copy;
	char	   *folder;
	int			newest = 0;

	memset(programs, 0, sizeof(*programs));
	while ((folder = strsep(&rest, ":")) != NULL)
		if (*folder != '\0')
			try_folder(folder, min_major, arena, programs, &newest);
	free(copy);
	for (size_t i = 0; i < sizeof(package_patterns) / sizeof(package_patterns[0]); i++)
	{
		glob_t		matches;

		if (glob(package_patterns[i], 0, NULL, &matches) != 0)
			continue;
		for (size_t m = 0; m < matches.gl_pathc; m++)
			try_folder(matches.gl_pathv[m], min_major, arena, programs, &newest);
		globfree(&matches);
	}
	if (programs->major != 0)
		return true;
	if (newest == 0)
		error_set(err, ERROR_FAILED, "pg_dump, pg_restore and psql were not found");
	else
		error_set(err, ERROR_FAILED, "pg_dump is of version %d, the source of %d", newest, min_major);
	return error_hint(err, "install postgresql-client-%d, or put its folder into PATH", min_major);
}
