/* Log lines in a file: their form, escapes, levels, and opening it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *path;

static int
open_log(void **state)
{
	const char *base = getenv("TMPDIR");
	Error err = ERROR_INIT;
	int fd;

	(void) state;
	path = mem_printf("%s/log.XXXXXX", (base != NULL) ? base : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_true(log_open(path, LOG_INFO, &err));
	return 0;
}

static int
close_log(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	assert_true(log_open(NULL, LOG_INFO, &err));
	unlink(path);
	free(path);
	return 0;
}

/* The lines that the log has now, without their times, joined; to be freed. */
static char *
read_log(int *lines)
{
	FILE *file = fopen(path, "r");
	char *text = mem_strdup("");
	char *line = NULL;
	size_t size = 0;

	assert_non_null(file);
	*lines = 0;
	while (getline(&line, &size, file) > 0)
	{
		char *more;

		/* "2026-11-24 03:39:23.123Z " */
		assert_true(strlen(line) > 25);
		assert_int_equal(line[4], '-');
		assert_int_equal(line[10], ' ');
		assert_int_equal(line[19], '.');
		assert_int_equal(line[23], 'Z');
		assert_int_equal(line[24], ' ');
		more = mem_printf("%s%s", text, line + 25);
		free(text);
		text = more;
		(*lines)++;
	}
	free(line);
	fclose(file);
	return text;
}

static void
expect(const char *expected)
{
	int lines;
	char *text = read_log(&lines);

	assert_string_equal(text, expected);
	free(text);
}

static void
a_line_has_level_module_and_message(void **state)
{
	(void) state;
	log_info("run", "full sync start tables=%d", 3);
	log_warn("source", "slow");
	log_error("apply", "%s", "bad");
	expect("info run: full sync start tables=3\nwarn source: slow\nerror apply: bad\n");
}

static void
a_message_is_one_line(void **state)
{
	(void) state;
	log_info("x", "a\nb\rc\td\033[31me\x7f");
	log_info("x", "from libpq\n");
	log_info("x", "gr\xc3\xbc\xc3\x9f");
	expect("info x: a\\nb\\rc d\\x1b[31me\\x7f\ninfo x: from libpq\ninfo x: gr\xc3\xbc\xc3\x9f\n");
}

static void
levels_are_obeyed(void **state)
{
	LogLevel level;

	(void) state;
	log_debug("x", "no");
	log_set_level(LOG_TRACE);
	log_trace("x", "yes");
	log_set_level(LOG_ERROR);
	log_warn("x", "no");
	assert_false(log_enabled(LOG_WARN));
	expect("trace x: yes\n");
	assert_true(log_level_parse("warn", &level) && level == LOG_WARN);
	assert_false(log_level_parse("loud", &level));
}

static void
a_report_has_the_hint_on_lines_of_its_own(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	log_report(LOG_ERROR, "x", &err);
	error_set(&err, ERROR_PREFLIGHT, "wal_level is\nreplica");
	memcpy(err.sqlstate, "55000", 6);
	error_hint(&err, "ALTER SYSTEM SET wal_level = logical;\nand restart\n");
	log_report(LOG_ERROR, "x", &err);
	error_clear(&err);
	expect("error x: unknown error\n"
		   "error x: wal_level is\\nreplica sqlstate=55000\n"
		   "error x: HINT: ALTER SYSTEM SET wal_level = logical;\n"
		   "error x:       and restart\n");
}

static void
a_long_message_is_whole(void **state)
{
	char *long_text = mem_alloc(100001);
	char *expected;

	(void) state;
	memset(long_text, 'z', 100000);
	long_text[100000] = '\0';
	log_info("x", "%s", long_text);
	expected = mem_printf("info x: %s\n", long_text);
	expect(expected);
	free(expected);
	free(long_text);
}

static void
a_renamed_file_is_opened_again(void **state)
{
	Error err = ERROR_INIT;
	char *renamed = mem_printf("%s.1", path);

	(void) state;
	log_info("x", "old");
	assert_int_equal(rename(path, renamed), 0);
	log_info("x", "old too");
	assert_true(log_reopen(&err));
	log_info("x", "new");
	expect("info x: new\n");
	unlink(renamed);
	free(renamed);
}

static void
a_file_that_cannot_be_opened_is_an_error(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	assert_false(log_open("/nonexistent/folder/x.log", LOG_INFO, &err));
	assert_non_null(strstr(err.message, "/nonexistent/folder/x.log"));
	error_clear(&err);
	log_info("x", "still there");
	expect("info x: still there\n");
}

static void *
write_lines(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("thread", "%s", (const char *) arg);
	return NULL;
}

static void
lines_of_threads_stay_whole(void **state)
{
	static char texts[4][100];
	pthread_t threads[4];
	FILE *file;
	char line[300];
	int lines = 0;

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		memset(texts[i], 'a' + i, sizeof(texts[i]) - 1);
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, texts[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		const char *text = strstr(line, "thread: ");

		assert_non_null(text);
		text += strlen("thread: ");
		assert_int_equal(strspn(text, (char[]){text[0], '\0'}), 99);
		assert_int_equal(text[99], '\n');
		lines++;
	}
	fclose(file);
	assert_int_equal(lines, 2000);
}

static void
an_echo_has_what_somebody_must_see(void **state)
{
	int old = dup(STDERR_FILENO);
	int fds[2];
	char text[512];
	ssize_t length;

	(void) state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_warn("m", "before");
	log_echo(true);
	log_info("m", "quiet");
	log_warn("m", "loud");
	log_echo(false);
	log_warn("m", "after");
	dup2(old, STDERR_FILENO);
	close(old);
	close(fds[1]);
	length = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	assert_true(length > 25);
	text[length] = '\0';
	assert_string_equal(text + 25, "warn m: loud\n");
	expect("warn m: before\ninfo m: quiet\nwarn m: loud\nwarn m: after\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_level_module_and_message, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_message_is_one_line, open_log, close_log),
		cmocka_unit_test_setup_teardown(levels_are_obeyed, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_report_has_the_hint_on_lines_of_its_own, open_log, close_log),
		cmocka_unit_test_setup_teardown(an_echo_has_what_somebody_must_see, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_long_message_is_whole, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_renamed_file_is_opened_again, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_an_error, open_log, close_log),
		cmocka_unit_test_setup_teardown(lines_of_threads_stay_whole, open_log, close_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
