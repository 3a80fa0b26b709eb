/* Configuration files, values, defaults, and the page made from the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "cli/help.h"
#include "config/config.h"
#include "config/options.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;
static char *path;

static int
make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void) state;
	folder = mem_printf("%s/config.XXXXXX", (base != NULL) ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	path = mem_printf("%s/my.cfg", folder);
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

static void
write_bytes(const char *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	chmod(path, 0600);
}

/* The configuration of this text; it must be right. */
static Config *
load(const char *text)
{
	Config *config = config_new();
	Error err = ERROR_INIT;

	write_bytes(text, strlen(text));
	if (!config_load_file(config, path, &err))
		fail_msg("%s", err.message);
	return config;
}

/* It must be refused, with this in the message and this in the hint. */
static void
refuse_bytes(const char *text, size_t length, const char *message, const char *hint)
{
	Config *config = config_new();
	Error err = ERROR_INIT;

	write_bytes(text, length);
	if (config_load_file(config, path, &err))
		fail_msg("not refused: %s", text);
	assert_int_equal(err.kind, ERROR_USAGE);
	if (strstr(err.message, message) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", message, err.message);
	if (hint != NULL && (err.hint == NULL || strstr(err.hint, hint) == NULL))
		fail_msg("\"%s\" is not in the hint \"%s\"", hint, (err.hint != NULL) ? err.hint : "");
	error_clear(&err);
	config_free(config);
}

static void
refuse(const char *text, const char *message, const char *hint)
{
	refuse_bytes(text, strlen(text), message, hint);
}

static void
defaults_are_those_of_the_table(void **state)
{
	Config *config = config_new();
	char *here = getcwd(NULL, 0);
	char *expected = mem_printf("%s/dbsync.db", here);

	(void) state;
	assert_string_equal(config->slot, "dbsync_slot");
	assert_true(config->copy.enabled);
	assert_int_equal(config->copy.jobs, 4);
	assert_true(config->copy.split_bytes == INT64_C(1024) * 1024 * 1024);
	assert_int_equal(config->copy.existing_rows, EXISTING_STOP);
	assert_int_equal(config->copy.unreadable, UNREADABLE_STOP);
	assert_int_equal(config->apply.conflict, CONFLICT_STOP);
	assert_true(config->apply.pipeline_bytes == 256 * 1024);
	assert_true(config->limits.batch_bytes == 65536);
	assert_int_equal(config->limits.status_interval_ms, 1000);
	assert_int_equal(config->limits.retry_give_up_ms, 0);
	assert_int_equal(config->local_durability, DURABILITY_FULL);
	assert_int_equal(config->log_level, LOG_INFO);
	assert_string_equal(config->local_path, expected);
	assert_null(config->source);
	assert_null(config->include_tables);
	assert_false(config->daemon);
	free(here);
	free(expected);
	config_free(config);
	config_free(NULL);
}

static void
every_default_passes_its_own_check(void **state)
{
	Config *config = config_new();
	Error err = ERROR_INIT;
	char name[64];

	(void) state;
	for (int i = 0; i < option_count; i++)
	{
#ifndef DBSYNC_WITH_MYSQL
		if (option_table[i].section != NULL && strcmp(option_table[i].section, "src.mysql") == 0)
			continue;
#endif
		if (option_table[i].initial != NULL &&
			!config_set(config, NULL, option_long_name(&option_table[i], name), option_table[i].initial, "test", &err))
			fail_msg("%s", err.message);
	}
	config_free(config);
}

static void
a_whole_file_is_read(void **state)
{
	Config *config = load("\xef\xbb\xbf# comment\r\n"
						  "[src.pgsql]\r\n"
						  "connect_string = host=a dbname=b\r\n"
						  "; another comment\n"
						  "[desc.pgsql]\n"
						  "connect_string: postgresql://u@h:5433/d?sslmode=require\n"
						  "target_schema = My Schema\n"
						  "[local]\n"
						  "path = store/local.db\n"
						  "durability = NORMAL\n"
						  "[dbsync]\n"
						  "slot = app_1\n"
						  "copy = off\n"
						  "jobs=16\n"
						  "split_bytes = 1 GB\n"
						  "existing_rows = truncate\n"
						  "unreadable_tables = skip\n"
						  "conflict = upsert\n"
						  "queue_bytes = 65536\n"
						  "status_interval = 500ms\n"
						  "report_interval = 1min\n"
						  "retry_max = 2 s\n"
						  "log_level = debug\n"
						  "log_file = /var/log/x.log");
	char *expected = mem_printf("%s/store/local.db", folder);

	(void) state;
	assert_string_equal(config->file, path);
	assert_string_equal(config->source, "host=a dbname=b");
	assert_string_equal(config->target, "postgresql://u@h:5433/d?sslmode=require");
	assert_string_equal(config->target_schema, "My Schema");
	assert_string_equal(config->local_path, expected);
	assert_int_equal(config->local_durability, DURABILITY_NORMAL);
	assert_string_equal(config->slot, "app_1");
	assert_false(config->copy.enabled);
	assert_int_equal(config->copy.jobs, 16);
	assert_true(config->copy.split_bytes == INT64_C(1024) * 1024 * 1024);
	assert_int_equal(config->copy.existing_rows, EXISTING_TRUNCATE);
	assert_int_equal(config->copy.unreadable, UNREADABLE_SKIP);
	assert_int_equal(config->apply.conflict, CONFLICT_UPSERT);
	assert_true(config->limits.queue_bytes == 65536);
	assert_int_equal(config->limits.status_interval_ms, 500);
	assert_int_equal(config->limits.report_interval_ms, 60000);
	assert_int_equal(config->limits.retry_max_ms, 2000);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_string_equal(config->log_file, "/var/log/x.log");
	free(expected);
	config_free(config);
}

static void
the_default_store_lies_beside_the_file(void **state)
{
	Config *config = load("[dbsync]\nslot = a\n");
	char *expected = mem_printf("%s/dbsync.db", folder);

	(void) state;
	assert_string_equal(config->local_path, expected);
	free(expected);
	config_free(config);
}

static void
values_keep_semicolons_hashes_and_equal_signs(void **state)
{
	Config *config = load("[src.pgsql]\nconnect_string = host=a password='x ;y #z = [q] ; r' options='-c a=b'\n");

	(void) state;
	assert_string_equal(config->source, "host=a password='x ;y #z = [q] ; r' options='-c a=b'");
	config_free(config);
}

static void
lines_of_any_length_are_read_whole(void **state)
{
	static const int lengths[] = {150, 190, 196, 197, 198, 199, 200, 201, 202, 256, 1000, 65536, 300000};

	(void) state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		StrBuf tables = STRBUF_INIT;
		StrBuf text = STRBUF_INIT;
		Config *config;

		for (int n = 0; (int) tables.length < lengths[i]; n++)
			strbuf_printf(&tables, "%ss.t%d", (n > 0) ? "," : "", n);
		/* Without and with a line feed at the end. */
		strbuf_printf(&text, "[dbsync]\nslot = a\ninclude_tables=%s%s", strbuf_text(&tables), (i % 2) ? "\n" : "");
		config = load(strbuf_text(&text));
		assert_string_equal(config->include_tables, strbuf_text(&tables));
		config_free(config);
		strbuf_free(&tables);
		strbuf_free(&text);
	}
}

static void
indented_lines_continue_a_value(void **state)
{
	Config *config = load("[dbsync]\n"
						  "include_tables =\n"
						  "    a.b,\n"
						  "\n"
						  "    # not a part of it\n"
						  "\tc.d\n"
						  "slot = x\n"
						  "[src.pgsql]\n"
						  "connect_string = host=a\n"
						  "   dbname=b\n"
						  "   user=c");

	(void) state;
	assert_string_equal(config->include_tables, "a.b, c.d");
	assert_string_equal(config->source, "host=a dbname=b user=c");
	assert_string_equal(config->slot, "x");
	config_free(config);
	refuse("[dbsync]\n  slot = a\n  jobs = 4\n", "my.cfg:3: ", "remove the white space");
}

static void
quotes_around_a_value_are_dropped(void **state)
{
	Config *config = load("[src.pgsql]\nconnect_string = \"host=a dbname=b\"\n"
						  "[dbsync]\nslot = \"s\"\ninclude_tables = \"A\".\"B\"\n");

	(void) state;
	assert_string_equal(config->source, "host=a dbname=b");
	assert_string_equal(config->slot, "s");
	assert_string_equal(config->include_tables, "\"A\".\"B\"");
	config_free(config);
}

#ifdef DBSYNC_WITH_MYSQL
/* As users of older tools have it, quotes and all. */
static void
a_mysql_source_is_read(void **state)
{
	Config *config = load("[src.mysql]\nhost = \"10.0.0.1\"\nport = \"3307\"\nuser = \"test\"\npassword = \"se cret\"\n"
						  "db = \"test\"\nencodingdir = \"share\"\nencoding = \"utf8\"\n"
						  "binlogfile = \"mysql-bin.000001\"\nbinlogfile_offset = \"5368709120\"\n"
						  "tls = verify\ntls_ca = ca.pem\nserver_id = 7\ntinyint1 = smallint\nzero_dates = error\n"
						  "bad_text = replace\ngeometry = text\nddl = skip\nlower_names = on\n"
						  "types = int unsigned = bigint,\n    t.host = text\n"
						  "[desc.pgsql]\nconnect_string = host=b\n  port=5433\n  user=u\n"
						  "ignore_copy_error_count_each_table = \"10\"\n");
	char *expected = mem_printf("%s/ca.pem", folder);
	Error err = ERROR_INIT;

	(void) state;
	assert_true(config->is_mysql);
	assert_null(config->source);
	assert_string_equal(config->mysql.host, "10.0.0.1");
	assert_int_equal(config->mysql.port, 3307);
	assert_string_equal(config->mysql.user, "test");
	assert_string_equal(config->mysql.password, "se cret");
	assert_string_equal(config->mysql.db, "test");
	assert_string_equal(config->mysql.binlog_file, "mysql-bin.000001");
	assert_true(config->mysql.binlog_offset == INT64_C(5368709120));
	assert_int_equal(config->mysql.tls, MY_TLS_VERIFY);
	assert_string_equal(config->mysql.tls_ca, expected);
	assert_int_equal(config->mysql.server_id, 7);
	assert_int_equal(config->mysql.tinyint1, MY_TINYINT1_SMALLINT);
	assert_int_equal(config->mysql.zero_dates, MY_ZERO_DATES_ERROR);
	assert_int_equal(config->mysql.bad_text, MY_BAD_TEXT_REPLACE);
	assert_int_equal(config->mysql.geometry, MY_GEOMETRY_TEXT);
	assert_int_equal(config->mysql.ddl, MY_DDL_SKIP);
	assert_true(config->mysql.lower_names);
	assert_string_equal(config->mysql.types, "int unsigned = bigint, t.host = text");
	assert_string_equal(config->target, "host=b port=5433 user=u");
	assert_true(config->mysql.reject_limit == 10);
	assert_true(config_check(config, &err));
	free(expected);
	config_free(config);
}

static void
a_mysql_source_can_be_named_on_the_command_line(void **state)
{
	Config *config = config_new();
	Error err = ERROR_INIT;

	(void) state;
	assert_false(config->is_mysql);
	assert_true(config_set(config, NULL, "copy_queries", "/x", "-l", &err));
	assert_false(config->is_mysql);
	assert_string_equal(config->mysql.copy_queries, "/x");
	assert_true(config_set(config, NULL, "mysql-host", "h", "--mysql-host", &err));
	assert_true(config->is_mysql);
	config_free(config);
}

static void
a_server_id_is_made_of_the_task(void **state)
{
	Config *one = load("[src.mysql]\n[dbsync]\nslot = one\n");
	Config *again = load("[dbsync]\nslot = one\n[src.mysql]\n");
	Config *two = load("[src.mysql]\n[dbsync]\nslot = two\n");
	Config *own = load("[src.mysql]\nserver_id = 5\n[dbsync]\nslot = two\n");

	(void) state;
	assert_in_range(one->mysql.server_id, 1000000, 2147483647);
	assert_int_equal(one->mysql.server_id, again->mysql.server_id);
	assert_int_not_equal(one->mysql.server_id, two->mysql.server_id);
	assert_int_equal(own->mysql.server_id, 5);
	config_free(one);
	config_free(again);
	config_free(two);
	config_free(own);
}
#endif

static void
unknown_things_are_refused_by_line(void **state)
{
	(void) state;
	refuse("[dbsync]\n\nslto = a\n", "my.cfg:3: unknown option \"slto\" in [dbsync]", "slot");
	refuse("[dbsync]\ntarget_schema = a\n", "my.cfg:2: ", "belongs to [desc.pgsql]");
	refuse("[dbsnyc]\n", "my.cfg:1: unknown section [dbsnyc]", "[dbsync]");
#ifndef DBSYNC_WITH_MYSQL
	refuse("# x\n[src.mysql]\nhost = a\n", "my.cfg:2: [src.mysql]: this build of dbsync has no MySQL support", "libmariadb-dev");
#endif
	refuse("slot = a\n", "my.cfg:1: ", "[src.pgsql]");
	refuse("[dbsync]\nslot\n", "my.cfg:2: ", NULL);
	refuse("[dbsync\nslot = a\n", "my.cfg:1: ", NULL);
	refuse("[dbsync] slot = a\n", "my.cfg:1: ", NULL);
	refuse_bytes("[dbsync]\nslot = a\0b\n", 21, "my.cfg:2: ", NULL);
	refuse("[dbsync]\nslot = a\njobs = 2\nslot = b\n", "my.cfg:4: slot of [dbsync] is set a second time", NULL);
	refuse("[dbsync]\nslot = a\n[local]\n[dbsync]\nslot = a\n", "my.cfg:5: ", NULL);
	/* The first error is the one that is shown. */
	refuse("[dbsync]\njobs = x\nnonsense\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\nnonsense\njobs = x\n", "my.cfg:2: ", NULL);
}

static void
bad_values_are_refused_with_what_is_allowed(void **state)
{
	(void) state;
	refuse("[dbsync]\njobs = 0\n", "my.cfg:2: jobs: 0 is outside", "from 1 to 256");
	refuse("[dbsync]\njobs = many\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\njobs = 4kB\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\njobs = 4 4\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\njobs = -1\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\njobs =\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\nqueue_bytes = 1XB\n", "my.cfg:2: queue_bytes: \"1XB\" is no size", "MB");
	refuse("[dbsync]\nqueue_bytes = 99999999999999999999\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\nqueue_bytes = 9999999999TB\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\nqueue_bytes = 1kB\n", "outside of its range", "from 64kB to 16GB");
	refuse("[dbsync]\nretry_max = 10\n", "my.cfg:2: ", "ms, s, min");
	refuse("[dbsync]\nretry_max = 30d\n", "my.cfg:2: ", "from 100ms to 1d");
	refuse("[dbsync]\ncopy = maybe\n", "my.cfg:2: copy: \"maybe\"", "on, off");
	refuse("[dbsync]\nconflict = ignore\n", "my.cfg:2: ", "stop, skip, upsert");
	refuse("[dbsync]\nslot = My-Slot\n", "my.cfg:2: ", "lower-case");
	refuse("[dbsync]\nslot = \n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\nslot = a123456789012345678901234567890123456789012345678901234567890123\n", "my.cfg:2: ", NULL);
	refuse("[dbsync]\ninclude_tables = a,b\n", "my.cfg:2: include_tables: ", "schema.table");
	refuse("[src.pgsql]\nconnect_string = hots=a\n", "my.cfg:2: connect_string: ", NULL);
	refuse("[src.pgsql]\nconnect_string = nonsense\n", "my.cfg:2: connect_string: ", NULL);
}

static void
a_password_is_not_shown_in_an_error(void **state)
{
	static const char *const bad[] = {"[src.pgsql]\nconnect_string = host=a password=very secret\n",
									  "[src.pgsql]\nconnect_string = postgresql://u:secret@[h/d\n",
									  "[src.pgsql]\nconnect_string = host=a password='secret\n"};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Config *config = config_new();
		Error err = ERROR_INIT;

		write_bytes(bad[i], strlen(bad[i]));
		assert_false(config_load_file(config, path, &err));
		assert_null(strstr(err.message, "secret"));
		assert_null(strstr(err.hint, "secret"));
		error_clear(&err);
		config_free(config);
	}
}

static void
the_command_line_holds_over_the_file(void **state)
{
	Config *config = load("[dbsync]\nslot = a\njobs = 2\n[src.pgsql]\nconnect_string = host=a\n");
	Error err = ERROR_INIT;

	(void) state;
	assert_true(config_set(config, NULL, "jobs", "8", "--jobs", &err));
	assert_true(config_set(config, NULL, "src", "host=b", "--src", &err));
	assert_true(config_set(config, NULL, "include_tables", "a.*", "--include-tables", &err));
	assert_true(config_set(config, NULL, "until", "16/B374D848", "--until", &err));
	assert_true(config_set(config, "dbsync", "retry_max", "1s", "test", &err));
	assert_int_equal(config->copy.jobs, 8);
	assert_string_equal(config->source, "host=b");
	assert_string_equal(config->include_tables, "a.*");
	assert_string_equal(config->until, "16/B374D848");
	assert_int_equal(config->limits.retry_max_ms, 1000);

	assert_false(config_set(config, NULL, "jbos", "8", "command line", &err));
	assert_string_equal(err.message, "command line: unknown option --jbos");
	assert_string_equal(err.hint, "did you mean --jobs?");
	assert_false(config_set(config, NULL, "until", "now", "--until", &err));
	assert_string_equal(err.message, "--until: until: \"now\" is no position in the source's log");
	error_clear(&err);
	config_free(config);
}

static void
check_one(const char *text, const char *message, const char *hint)
{
	Config *config = load(text);
	Error err = ERROR_INIT;

	if (message == NULL)
	{
		if (!config_check(config, &err))
			fail_msg("%s", err.message);
	}
	else
	{
		assert_false(config_check(config, &err));
		assert_non_null(strstr(err.message, message));
		assert_non_null(err.hint);
		assert_non_null(strstr(err.hint, hint));
	}
	error_clear(&err);
	config_free(config);
}

static void
what_is_missing_or_contradicts_is_said(void **state)
{
	(void) state;
	check_one("[dbsync]\nslot = a\n", "no source", "[src.pgsql]\nconnect_string = ");
	check_one("[src.pgsql]\nconnect_string = host=a\n", "no target", "[desc.pgsql]\nconnect_string = ");
	check_one("[src.pgsql]\nconnect_string = host=a\n[desc.pgsql]\nconnect_string =\n", "no target", "[desc.pgsql]");
	check_one("[src.pgsql]\nconnect_string = host=a\n[desc.pgsql]\nconnect_string = host=a\n", "the same", "same text");
	check_one("[src.pgsql]\nconnect_string = host=a\n[desc.pgsql]\nconnect_string = host=b\n", NULL, NULL);
	check_one("[src.pgsql]\nconnect_string = host=a\n[desc.pgsql]\nconnect_string = host=b\n"
			  "[local]\npath = x\n[local.pgsql]\nconnect_string = host=c\n",
			  "local store", "remove one");
#ifdef DBSYNC_WITH_MYSQL
	check_one("[src.mysql]\n", "host of [src.mysql] is not set", "[src.mysql]\nhost = ");
	check_one("[src.mysql]\nhost=a\n", "user of [src.mysql]", "user = ");
	check_one("[src.mysql]\nsocket=a\nuser=b\n", "db of [src.mysql]", "db = ");
	check_one("[src.mysql]\nhost=a\nuser=b\ndb=c\n", "no target", "[desc.pgsql]");
	check_one("[src.mysql]\nhost=a\nuser=b\ndb=c\n[desc.pgsql]\nconnect_string = host=b\n", NULL, NULL);
	check_one("[src.mysql]\nhost=a\nuser=b\ndb=c\n[src.pgsql]\nconnect_string = host=b\n", "two sources", "remove");
#endif
}

static void
the_store_of_the_command_line_replaces_the_other_kind(void **state)
{
	static const char both_sides[] = "[src.pgsql]\nconnect_string = host=a\n[desc.pgsql]\nconnect_string = host=b\n";
	char *with_path = mem_printf("%s[local]\npath = x\n", both_sides);
	char *with_database = mem_printf("%s[local.pgsql]\nconnect_string = host=c\n", both_sides);
	Error err = ERROR_INIT;
	Config *config = load(with_path);

	(void) state;
	assert_true(config_set(config, NULL, "local", "host=d", "--local", &err));
	assert_true(config_check(config, &err));
	assert_string_equal(config->local, "host=d");
	config_free(config);

	config = load(with_database);
	assert_true(config_set(config, NULL, "local-path", "/y", "--local-path", &err));
	assert_true(config_check(config, &err));
	assert_null(config->local);
	assert_string_equal(config->local_path, "/y");
	config_free(config);
	free(with_path);
	free(with_database);
}

/* Lines put together at random: whatever comes, it is an error with a line, or a configuration. */
static void
any_text_is_read_or_refused(void **state)
{
	static const char *const pieces[] = {"[dbsync]",  "[local]", "[",   "]",    "slot",
										 "jobs",      "path",    "=",   ":",    " ",
										 "\t",        "\n",      "\n",  "\n",   ";",
										 "#",         "\"",      "a.b", ",",    "4",
										 "copy = on", "\r\n",    "'",   "\xff", "include_tables = x.y,\n  z.q\n"};
	int refused = 0;

	(void) state;
	srand(11);
	for (int round = 0; round < 3000; round++)
	{
		StrBuf text = STRBUF_INIT;
		Config *config = config_new();
		Error err = ERROR_INIT;

		if (round % 2 == 0)
			strbuf_append(&text, "[dbsync]\n");
		for (int i = rand() % 30; i > 0; i--)
			strbuf_append(&text, pieces[(size_t) rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		if (round % 50 == 0)
			strbuf_printf(&text, "%*s", rand() % 1000, "x");
		write_bytes(strbuf_text(&text), text.length);
		if (!config_load_file(config, path, &err))
		{
			assert_non_null(strstr(err.message, "my.cfg:"));
			refused++;
		}
		error_clear(&err);
		config_free(config);
		strbuf_free(&text);
	}
	assert_in_range(refused, 500, 2999);
}

static void
a_missing_file_is_an_error_only_where_it_is_named(void **state)
{
	Config *config = config_new();
	Error err = ERROR_INIT;
	char *missing = mem_printf("%s/missing.cfg", folder);
	char *here = getcwd(NULL, 0);

	(void) state;
	assert_false(config_load_file(config, missing, &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, missing));
	error_clear(&err);
	assert_false(config_load_file(config, folder, &err));
	error_clear(&err);
	config_free(config);

	config = config_new();
	unlink(path);
	assert_int_equal(chdir(folder), 0);
	assert_true(config_load_file(config, NULL, &err));
	assert_null(config->file);
	write_bytes("[dbsync]\nslot = found\n", 22);
	assert_true(config_load_file(config, NULL, &err));
	assert_string_equal(config->slot, "found");
	assert_string_equal(config->file, "my.cfg");
	assert_int_equal(chdir(here), 0);
	free(here);
	free(missing);
	config_free(config);
}

static void
sizes_and_times_are_read_and_written(void **state)
{
	char buf[OPTION_NUMBER_SIZE];
	int64_t value;
	bool flag;

	(void) state;
	assert_true(option_parse_size("64kB", &value) && value == 65536);
	assert_true(option_parse_size("64KB", &value) && value == 65536);
	assert_true(option_parse_size("2g", &value) && value == INT64_C(2) << 30);
	assert_true(option_parse_size("7", &value) && value == 7);
	assert_true(option_parse_duration("0", &value) && value == 0);
	assert_true(option_parse_duration("5min", &value) && value == 300000);
	assert_true(option_parse_duration("1h", &value) && value == 3600000);
	assert_false(option_parse_duration("5", &value));
	assert_false(option_parse_size("1.5GB", &value));
	assert_false(option_parse_size("", &value));
	assert_true(option_parse_bool("YES", &flag) && flag);
	assert_true(option_parse_bool("0", &flag) && !flag);
	assert_false(option_parse_bool("", &flag));
	assert_string_equal(option_format_number(OPTION_SIZE, 65536, buf), "64kB");
	assert_string_equal(option_format_number(OPTION_SIZE, 65537, buf), "65537B");
	assert_string_equal(option_format_number(OPTION_SIZE, 0, buf), "0");
	assert_string_equal(option_format_number(OPTION_DURATION, 90000, buf), "90s");
	assert_string_equal(option_format_number(OPTION_COUNT, 5000, buf), "5000");
}

/* Run at the top of the project, as all tests are. */
static void
the_page_of_options_is_up_to_date(void **state)
{
	StrBuf expected = STRBUF_INIT;
	StrBuf found = STRBUF_INIT;
	char chunk[4096];
	size_t length;
	FILE *file = fopen("docs/options.md", "r");

	(void) state;
	if (file == NULL)
		skip();
	while ((length = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_append_bytes(&found, chunk, length);
	fclose(file);
	help_write_markdown(&expected);
	if (strcmp(strbuf_text(&found), strbuf_text(&expected)) != 0)
		fail_msg("docs/options.md is old: build/dbsync --help-markdown > docs/options.md");
	strbuf_free(&found);
	strbuf_free(&expected);
}

static void
names_are_not_given_twice(void **state)
{
	char first[64];
	char second[64];

	(void) state;
	for (int i = 0; i < option_count; i++)
	{
		for (int j = 0; j < i; j++)
		{
			assert_string_not_equal(option_long_name(&option_table[i], first),
									option_long_name(&option_table[j], second));
			assert_true(option_table[i].letter == 0 || option_table[i].letter != option_table[j].letter);
		}
		option_long_name(&option_table[i], first);
		for (const Command *command = command_table; command->name != NULL; command++)
			assert_null(command_find_option(command, first, strlen(first)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_table),
		cmocka_unit_test(every_default_passes_its_own_check),
		cmocka_unit_test(a_whole_file_is_read),
		cmocka_unit_test(the_default_store_lies_beside_the_file),
		cmocka_unit_test(values_keep_semicolons_hashes_and_equal_signs),
		cmocka_unit_test(lines_of_any_length_are_read_whole),
		cmocka_unit_test(indented_lines_continue_a_value),
		cmocka_unit_test(quotes_around_a_value_are_dropped),
#ifdef DBSYNC_WITH_MYSQL
		cmocka_unit_test(a_mysql_source_is_read),
		cmocka_unit_test(a_mysql_source_can_be_named_on_the_command_line),
		cmocka_unit_test(a_server_id_is_made_of_the_task),
#endif
		cmocka_unit_test(unknown_things_are_refused_by_line),
		cmocka_unit_test(bad_values_are_refused_with_what_is_allowed),
		cmocka_unit_test(a_password_is_not_shown_in_an_error),
		cmocka_unit_test(the_command_line_holds_over_the_file),
		cmocka_unit_test(what_is_missing_or_contradicts_is_said),
		cmocka_unit_test(the_store_of_the_command_line_replaces_the_other_kind),
		cmocka_unit_test(any_text_is_read_or_refused),
		cmocka_unit_test(a_missing_file_is_an_error_only_where_it_is_named),
		cmocka_unit_test(sizes_and_times_are_read_and_written),
		cmocka_unit_test(the_page_of_options_is_up_to_date),
		cmocka_unit_test(names_are_not_given_twice),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
