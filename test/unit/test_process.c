/* The pid file, and going into the background. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "cli/daemon.h"
#include "cli/pid_file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;
static char *path;

static int
make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void) state;
	folder = mem_printf("%s/process.XXXXXX", (base != NULL) ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	path = mem_printf("%s/dbsync.pid", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void) state;
	unlink(path);
	rmdir(folder);
	free(path);
	free(folder);
	return 0;
}

static long
pid_in_file(void)
{
	FILE *file = fopen(path, "r");
	char text[64] = "";

	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	return strtol(text, NULL, 10);
}

static void
the_file_holds_the_number_and_goes_with_the_process(void **state)
{
	PidFile file = PID_FILE_INIT;
	Error err = ERROR_INIT;

	(void) state;
	pid_file_remove(&file);
	assert_true(pid_file_create(&file, path, &err));
	assert_int_equal(pid_in_file(), getpid());
	pid_file_remove(&file);
	assert_int_equal(access(path, F_OK), -1);
	pid_file_remove(&file);
}

static void
a_held_file_is_refused_with_its_holder(void **state)
{
	PidFile first = PID_FILE_INIT;
	PidFile second = PID_FILE_INIT;
	Error err = ERROR_INIT;
	char *holder = mem_printf("process %ld", (long) getpid());

	(void) state;
	assert_true(pid_file_create(&first, path, &err));
	assert_false(pid_file_create(&second, path, &err));
	assert_non_null(strstr(err.message, holder));
	assert_int_equal(pid_in_file(), getpid());
	error_clear(&err);
	free(holder);
	pid_file_remove(&first);
}

static void
a_file_left_behind_is_in_nobodys_way(void **state)
{
	PidFile file = PID_FILE_INIT;
	Error err = ERROR_INIT;
	FILE *old = fopen(path, "w");

	(void) state;
	assert_non_null(old);
	fputs("1234567890\nand more\n", old);
	fclose(old);
	assert_true(pid_file_create(&file, path, &err));
	assert_int_equal(pid_in_file(), getpid());
	pid_file_remove(&file);
}

static void
a_file_that_cannot_be_made_is_an_error(void **state)
{
	PidFile file = PID_FILE_INIT;
	Error err = ERROR_INIT;

	(void) state;
	assert_false(pid_file_create(&file, "/nonexistent/x.pid", &err));
	assert_non_null(strstr(err.message, "/nonexistent/x.pid"));
	error_clear(&err);
}

/* Does what main() does for --daemon, in a process of its own; returns the exit code that a shell would see. */
static int
start_daemon(int code_before_ready)
{
	pid_t parent = fork();
	int status;

	assert_true(parent >= 0);
	if (parent == 0)
	{
		PidFile file = PID_FILE_INIT;
		Error err = ERROR_INIT;

		if (!daemon_detach(&err))
			_exit(99);
		if (code_before_ready != 0)
			_exit(code_before_ready);
		if (!pid_file_create(&file, path, &err) || !daemon_ready(&err))
			_exit(98);
		/* Until the test ends it. */
		for (;;)
			pause();
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
the_parent_returns_when_the_child_is_ready(void **state)
{
	long pid;

	(void) state;
	assert_int_equal(start_daemon(0), 0);
	/* No waiting: the file is there when the parent has returned. */
	pid = pid_in_file();
	assert_true(pid > 0 && pid != getpid());
	assert_int_equal(getsid((pid_t) pid), pid);
	assert_int_equal(kill((pid_t) pid, SIGKILL), 0);
}

static void
the_parent_ends_with_the_code_of_a_failed_start(void **state)
{
	(void) state;
	assert_int_equal(start_daemon(7), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_holds_the_number_and_goes_with_the_process),
		cmocka_unit_test(a_held_file_is_refused_with_its_holder),
		cmocka_unit_test(a_file_left_behind_is_in_nobodys_way),
		cmocka_unit_test(a_file_that_cannot_be_made_is_an_error),
		cmocka_unit_test(the_parent_returns_when_the_child_is_ready),
		cmocka_unit_test(the_parent_ends_with_the_code_of_a_failed_start),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
