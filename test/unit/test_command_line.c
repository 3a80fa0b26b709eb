/* The command line: options before and behind the command, values, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "cli/command_line.h"
#include "cli/help.h"

#include <string.h>

static Arena *arena;
static CommandLine line;
static Error err;

/* Copies: the parser overwrites passwords. */
static char words[20][200];
static char *argv[21];

static bool
parse(const char *text)
{
	int argc = 0;

	error_clear(&err);
	while (*text != '\0')
	{
		size_t length = strcspn(text, "|");

		assert_true(length < sizeof(words[0]));
		memcpy(words[argc], text, length);
		words[argc][length] = '\0';
		argv[argc] = words[argc];
		argc++;
		text += length + (text[length] == '|');
	}
	argv[argc] = NULL;
	return command_line_parse(argc, argv, arena, &line, &err);
}

static void
refuse(const char *text, const char *message, const char *hint)
{
	if (parse(text))
		fail_msg("not refused: %s", text);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_string_equal(err.message, message);
	if (hint != NULL)
	{
		assert_non_null(err.hint);
		if (strstr(err.hint, hint) == NULL)
			fail_msg("\"%s\" is not in the hint \"%s\"", hint, err.hint);
	}
}

static int
set_up(void **state)
{
	(void) state;
	arena = arena_new(0);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	error_clear(&err);
	arena_free(arena);
	return 0;
}

static void
run_is_the_default(void **state)
{
	(void) state;
	assert_true(parse("dbsync"));
	assert_string_equal(line.command->name, "run");
	assert_false(line.is_command_named);
	assert_true(parse("dbsync|-j8"));
	assert_string_equal(line.command->name, "run");
	assert_int_equal(line.argc, 1);
	assert_string_equal(line.argv[0], "run");
	assert_null(line.argv[1]);
}

static void
options_stand_anywhere_and_in_any_form(void **state)
{
	static const char *const same[] = {
		"dbsync|-j8|check|-c|x.cfg|--include-tables=a.*",
		"dbsync|check|-j|8|-cx.cfg|--include_tables|a.*",
		"dbsync|--jobs=8|--config=x.cfg|check|--include-tables|a.*",
		"dbsync|--jobs|8|--config|x.cfg|--include_tables=a.*|check",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		Config *config = config_new();

		if (!parse(same[i]))
			fail_msg("%s", err.message);
		assert_string_equal(line.command->name, "check");
		assert_string_equal(line.config_file, "x.cfg");
		assert_true(command_line_apply(&line, config, &err));
		assert_int_equal(config->copy.jobs, 8);
		assert_string_equal(config->include_tables, "a.*");
		config_free(config);
	}
}

static void
flags_need_no_value(void **state)
{
	Config *config = config_new();

	(void) state;
	assert_true(parse("dbsync|--daemon|run|--copy-only|-vv"));
	assert_true(command_line_apply(&line, config, &err));
	assert_true(config->daemon);
	assert_true(config->copy_only);
	assert_int_equal(config->log_level, LOG_TRACE);
	assert_true(parse("dbsync|--daemon=off|-q|--copy=off"));
	assert_true(command_line_apply(&line, config, &err));
	assert_false(config->daemon);
	assert_false(config->copy.enabled);
	assert_int_equal(config->log_level, LOG_WARN);
	config_free(config);
}

static void
options_of_one_command_have_letters_too(void **state)
{
	static const char *const same[] = {"dbsync|schema|-dn", "dbsync|-n|schema|-d", "dbsync|schema|--print|--no_partitions"};

	(void) state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		if (!parse(same[i]))
			fail_msg("%s", err.message);
		assert_string_equal(command_option(line.argc, line.argv, "print"), "");
		assert_string_equal(command_option(line.argc, line.argv, "no-partitions"), "");
	}
	assert_true(parse("dbsync|schema|-dvj8"));
	assert_int_equal(line.verbose, 1);
	assert_int_equal(line.setting_count, 1);
	refuse("dbsync|run|-d", "--print is no option of \"dbsync run\"", "dbsync run --help");
}

static void
the_last_value_holds(void **state)
{
	Config *config = config_new();

	(void) state;
	assert_true(parse("dbsync|-j4|-j|5|--jobs=6"));
	assert_true(command_line_apply(&line, config, &err));
	assert_int_equal(config->copy.jobs, 6);
	config_free(config);
}

static void
help_and_version_are_seen(void **state)
{
	(void) state;
	assert_true(parse("dbsync|--version"));
	assert_true(line.version);
	assert_true(parse("dbsync|help|verify"));
	assert_true(line.help && line.is_command_named);
	assert_string_equal(line.command->name, "verify");
	assert_true(parse("dbsync|verify|-h"));
	assert_true(line.help && line.is_command_named);
	assert_true(parse("dbsync|help"));
	assert_true(line.help && !line.is_command_named);
}

static void
wrong_usage_is_explained(void **state)
{
	(void) state;
	refuse("dbsync|--jbos=3", "unknown option --jbos", "--jobs");
	refuse("dbsync|-x", "unknown option -x", "--help");
	refuse("dbsync|chekc", "unknown command \"chekc\"", "dbsync check");
	refuse("dbsync|run|now", "\"dbsync run\" does not know what to do with \"now\"", "usage: dbsync run");
	refuse("dbsync|-j", "-j needs a value", NULL);
	refuse("dbsync|--slot", "--slot needs a value", NULL);
	refuse("dbsync|--help=me", "--help takes no value", NULL);
	refuse("dbsync|status|--until=current", "--until is no option of \"dbsync status\"", "dbsync status --help");
}

static void
options_of_one_command_reach_it_in_one_form(void **state)
{
	(void) state;
	if (!parse("dbsync|--wait|30s|verify|--once|-j2"))
		fail_msg("%s", err.message);
	assert_int_equal(line.argc, 3);
	assert_string_equal(line.argv[1], "--wait=30s");
	assert_string_equal(line.argv[2], "--once");
	assert_string_equal(command_option(line.argc, line.argv, "wait"), "30s");
	assert_string_equal(command_option(line.argc, line.argv, "once"), "");
	assert_null(command_option(line.argc, line.argv, "on"));
	assert_null(command_option(line.argc, line.argv, "tables"));
	assert_null(command_word(line.argc, line.argv, 0));
	refuse("dbsync|run|--once", "--once is no option of \"dbsync run\"", "dbsync run --help");
	refuse("dbsync|verify|--once=yes", "--once takes no value", NULL);
	refuse("dbsync|verify|--wait", "--wait needs a value", NULL);
}

static void
passwords_are_wiped_from_the_process_title(void **state)
{
	(void) state;
	assert_true(parse("dbsync|--src=host=a password=secret|--desc|postgresql://u:secret@h/d|--local|host=b"));
	assert_string_equal(line.settings[0].value, "host=a password=secret");
	assert_string_equal(line.settings[1].value, "postgresql://u:secret@h/d");
	for (int i = 0; i < 6 && argv[i] != NULL; i++)
		assert_null(strstr(argv[i], "secret"));
	assert_memory_equal(argv[1], "--src=xxxx", 10);
	assert_string_equal(argv[5], "host=b");
	assert_true(parse("dbsync|--mysql-password=secret|--mysql-user=u"));
	assert_string_equal(line.settings[0].value, "secret");
	assert_string_equal(argv[1], "--mysql-password=xxxxxx");
	assert_string_equal(argv[2], "--mysql-user=u");
}

static void
every_command_has_help(void **state)
{
	(void) state;
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		StrBuf out = STRBUF_INIT;

		help_write(&out, command);
		assert_non_null(strstr(strbuf_text(&out), command->summary));
		assert_non_null(strstr(strbuf_text(&out), "--config=FILE"));
		strbuf_reset(&out);
		help_write(&out, NULL);
		assert_non_null(strstr(strbuf_text(&out), command->name));
		strbuf_free(&out);
		assert_non_null(command->function);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_is_the_default),
		cmocka_unit_test(options_stand_anywhere_and_in_any_form),
		cmocka_unit_test(flags_need_no_value),
		cmocka_unit_test(options_of_one_command_have_letters_too),
		cmocka_unit_test(the_last_value_holds),
		cmocka_unit_test(help_and_version_are_seen),
		cmocka_unit_test(wrong_usage_is_explained),
		cmocka_unit_test(options_of_one_command_reach_it_in_one_form),
		cmocka_unit_test(passwords_are_wiped_from_the_process_title),
		cmocka_unit_test(every_command_has_help),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
