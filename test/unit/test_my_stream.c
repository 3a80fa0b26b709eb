/*
 * The stream of a real server's binary log, by the source that a run uses: every type as SELECT says it, transactions, statements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/stop.h"
#include "my_test.h"
#include "mysql/my_catalog.h"
#include "mysql/my_position.h"
#include "mysql/my_value.h"
#include "source/mysql_source.h"

#define PART_BYTES (256 * 1024)

static MySourceConfig config;
static MyConn *server;
static Error err = ERROR_INIT;

static void
check(bool ok, const char *what)
{
	if (!ok)
	{
		print_error("%s: %s\n", what, err.message != NULL ? err.message : "failed");
		fail();
	}
}

static void
sql(const char *text)
{
	check(my_exec(server, text, &err), text);
}

static Lsn
log_end(void)
{
	Arena	   *arena = arena_new(0);
	MyLogStatus status;

	check(my_position_current(server, arena, &status, &err), "status");
	arena_free(arena);
	return status.position;
}

/* A database of its own for each test. */
static int
fresh_database(void **state)
{
	(void) state;
	if (server == NULL)
		return 0;
	error_clear(&err);
	sql("DROP DATABASE IF EXISTS app");
	sql("CREATE DATABASE app CHARACTER SET utf8mb4");
	sql("USE app");
	sql("SET binlog_row_image = FULL, binlog_format = ROW");
	config.server_id++;		/* the last stream may still be on its way out of the server */
	config.ddl = MY_DDL_STOP;
	config.bad_text = MY_BAD_TEXT_ERROR;
	config.zero_dates = MY_ZERO_DATES_NULL;
	config.lower_names = false;
	return 0;
}

/* ---------------------------------------------------------------- reading a stream */

typedef struct Stream
{
	Source	   *source;
	Lsn			until;
	Lsn			position;
	int64_t		segment;
	int			parts;
	int			relations;
	StrBuf		text;			/* records of whole transactions */
	StrBuf		open;			/* of one that has not ended */
} Stream;

static Stream
stream_open(Lsn from, int64_t part_bytes)
{
	MysqlSourceOptions options = {.config = &config, .part_bytes = part_bytes, .heartbeat_ms = 100};
	Stream		stream = {.source = mysql_source_new(&options), .position = from};

	stream.segment = 1;
	check(stream.source->ops->start(stream.source, from, from, 1, &err), "start");
	return stream;
}

static void
take_part(Stream *stream, TxnPart *part)
{
	stream->parts++;
	assert_true(part->commit_lsn >= stream->position);
	if (part->part == 0)
		strbuf_reset(&stream->open);
	strbuf_append_bytes(&stream->open, part->records, part->length);
	if (part->last)
	{
		assert_true(part->end_lsn > part->commit_lsn);
		strbuf_append_bytes(&stream->text, strbuf_text(&stream->open), stream->open.length);
		strbuf_reset(&stream->open);
		stream->position = part->end_lsn;
		check(stream->source->ops->confirm(stream->source, part->end_lsn, part->end_lsn, false, &err), "confirm");
	}
	txn_part_free(part);
}

/* Reads up to a position; a lost session is begun anew, as the receiver does it.  false: err. */
static bool
stream_read(Stream *stream, Lsn until)
{
	while (stream->position < until)
	{
		SourceEvent event;

		if (!stream->source->ops->next(stream->source, 10000, &event, &err))
		{
			if (err.kind != ERROR_RETRY)
				return false;
			error_clear(&err);
			strbuf_reset(&stream->open);
			check(stream->source->ops->start(stream->source, stream->position, stream->position, ++stream->segment, &err), "start again");
			continue;
		}
		if (event.kind == SOURCE_RELATION)
			stream->relations++;
		else if (event.kind == SOURCE_PART)
			take_part(stream, event.part);
		else if (event.kind == SOURCE_POSITION && event.position > stream->position)
			stream->position = event.position;
	}
	return true;
}

static void
stream_close(Stream *stream)
{
	stream->source->ops->close(stream->source);
	strbuf_free(&stream->text);
	strbuf_free(&stream->open);
}

/* The records but for begin, commit and relations, of all from a position to the end of the log; malloc'd. */
static char *
changes_since(Lsn from, int64_t part_bytes)
{
	Stream		stream = stream_open(from, part_bytes);
	StrBuf		changes = STRBUF_INIT;
	const char *line;

	check(stream_read(&stream, log_end()), "read");
	for (line = strbuf_text(&stream.text); *line != '\0'; line = strchr(line, '\n') + 1)
	{
		if (strchr("BCR", line[2]) == NULL)
			strbuf_append_bytes(&changes, line, (size_t) (strchr(line, '\n') + 1 - line));
	}
	stream_close(&stream);
	return changes.data != NULL ? strbuf_detach(&changes) : mem_strdup("");
}

static void
assert_changes(Lsn from, const char *wanted)
{
	char	   *changes = changes_since(from, PART_BYTES);

	assert_string_equal(changes, wanted);
	free(changes);
}

/* ---------------------------------------------------------------- types */

typedef struct TypeCase
{
	const char *type;
	const char *values;			/* of an INSERT: "(1),(2)" */
} TypeCase;

static const TypeCase type_cases[] = {
	{"TINYINT", "(-128),(-1),(0),(1),(127),(NULL)"},
	{"TINYINT UNSIGNED", "(0),(127),(128),(255)"},
	{"TINYINT(1)", "(0),(1)"},
	{"SMALLINT", "(-32768),(-1),(0),(32767)"},
	{"SMALLINT UNSIGNED", "(0),(32768),(65535)"},
	{"MEDIUMINT", "(-8388608),(-1),(0),(8388607)"},
	{"MEDIUMINT UNSIGNED", "(0),(8388608),(16777215)"},
	{"INT", "(-2147483648),(-1),(0),(2147483647)"},
	{"INT UNSIGNED", "(0),(2147483648),(4294967295)"},
	{"INT(5) ZEROFILL", "(0),(42),(4294967295)"},
	{"BIGINT", "(-9223372036854775808),(-1),(0),(9223372036854775807)"},
	{"BIGINT UNSIGNED", "(0),(9223372036854775808),(18446744073709551615)"},
	{"DECIMAL(1,0)", "(-9),(0),(9)"},
	{"DECIMAL(10,2)", "(-12345678.90),(-0.01),(0),(0.5),(99999999.99)"},
	{"DECIMAL(5,5)", "(-0.12345),(0),(0.00001),(0.99999)"},
	{"DECIMAL(9,0)", "(-999999999),(1),(999999999)"},
	{"DECIMAL(18,9)", "(-123456789.123456789),(0.000000001),(123456789.000000001)"},
	{"DECIMAL(19,10)", "(-123456789.1234567891),(0.0000000001)"},
	{"DECIMAL(65,30)", "(-12345678901234567890123456789012345.123456789012345678901234567890),(0),(1),(0.000000000000000000000000000001)"},
	{"DECIMAL(65,0)", "(-99999999999999999999999999999999999999999999999999999999999999999),(10000000000)"},
	{"DECIMAL(10,3) UNSIGNED", "(0),(0.001),(9999999.999)"},
	{"FLOAT", "(0),(-1.5),(1.1),(3.4028234e38),(1.17549435e-38),(123456.789),(16777217)"},
	{"FLOAT(7,2)", "(-12345.67),(0.01),(99999.99)"},
	{"DOUBLE", "(0),(-1.5),(1.1),(0.1),(1.7976931348623157e308),(2.2250738585072014e-308),(123456789.123456789),(1e21),(1e-7)"},
	{"DOUBLE UNSIGNED", "(0),(2.5)"},
	{"BIT(1)", "(b'0'),(b'1')"},
	{"BIT(5)", "(b'0'),(b'10110'),(b'11111')"},
	{"BIT(8)", "(b'1'),(b'10000000')"},
	{"BIT(13)", "(b'1000000000001'),(b'0')"},
	{"BIT(64)", "(b'1'),(x'ffffffffffffffff'),(x'8000000000000000')"},
	{"YEAR", "(0),(1901),(1999),(2155)"},
	{"DATE", "('1000-01-01'),('9999-12-31'),('2024-02-29'),('0000-00-00'),('2024-00-00'),('0001-01-01')"},
	{"TIME", "('00:00:00'),('-00:00:01'),('23:59:59'),('838:59:59'),('-838:59:59'),('100:11:12'),('-100:11:12')"},
	{"TIME(1)", "('-00:00:00.1'),('00:00:00.9'),('-838:59:58.9'),('-1:00:00.0')"},
	{"TIME(2)", "('-100:11:12.34'),('100:11:12.34'),('-00:00:00.01'),('-23:59:59.99')"},
	{"TIME(3)", "('-100:11:12.345'),('100:11:12.345'),('-00:00:00.001')"},
	{"TIME(4)", "('-100:11:12.3456'),('100:11:12.3456'),('-00:00:00.0001')"},
	{"TIME(5)", "('-100:11:12.34567'),('100:11:12.34567'),('-00:00:00.00001')"},
	{"TIME(6)", "('-100:11:12.345678'),('100:11:12.345678'),('-00:00:00.000001'),('-838:59:58.999999'),('838:59:58.999999'),('00:00:00')"},
	{"DATETIME", "('1000-01-01 00:00:00'),('9999-12-31 23:59:59'),('0000-00-00 00:00:00'),('2024-02-29 12:34:56')"},
	{"DATETIME(1)", "('2024-02-29 12:34:56.7'),('0000-00-00 00:00:00')"},
	{"DATETIME(2)", "('2024-02-29 12:34:56.78'),('2024-02-29 12:34:56.01')"},
	{"DATETIME(3)", "('2024-02-29 12:34:56.789'),('2024-02-29 12:34:56.001')"},
	{"DATETIME(4)", "('2024-02-29 12:34:56.7891')"},
	{"DATETIME(5)", "('2024-02-29 12:34:56.78912')"},
	{"DATETIME(6)", "('2024-02-29 12:34:56.789123'),('9999-12-31 23:59:59.999999'),('2024-02-29 12:34:56.000001')"},
	{"TIMESTAMP NULL", "('1970-01-01 00:00:01'),('2038-01-19 03:14:07'),('0000-00-00 00:00:00'),('2024-02-29 12:34:56'),(NULL)"},
	{"TIMESTAMP(2) NULL", "('2024-02-29 12:34:56.78'),('0000-00-00 00:00:00')"},
	{"TIMESTAMP(3) NULL", "('2024-02-29 12:34:56.789')"},
	{"TIMESTAMP(6) NULL", "('2024-02-29 12:34:56.789123'),('2038-01-19 03:14:07.999999'),('1970-01-01 00:00:01.000001')"},
	{"CHAR(10)", "(''),('a'),('  pad  '),('äöü€😀'),('0123456789')"},
	{"CHAR(255)", "(REPEAT('€', 255)),('x')"},
	{"CHAR(100) CHARACTER SET utf8mb3", "('äöü€'),('')"},
	{"CHAR(20) CHARACTER SET latin1", "('äöü€ß'),('plain'),('œŠ™')"},
	{"VARCHAR(20)", "(''),('trailing  '),('\\\\ \" \\n \\t \\r \\b \\Z'),('äöü€😀'),(NULL)"},
	{"VARCHAR(64)", "(REPEAT('😀', 64))"},
	{"VARCHAR(300)", "(''),(REPEAT('x', 300)),('short')"},
	{"VARCHAR(20) CHARACTER SET latin1", "('äöü€ß'),('plain ascii text')"},
	{"VARCHAR(20) CHARACTER SET latin2", "('łódź')"},
	{"VARCHAR(20) CHARACTER SET latin7", "('ąčęė')"},
	{"VARCHAR(20) CHARACTER SET cp1251", "('Привет')"},
	{"VARCHAR(20) CHARACTER SET cp1250", "('žluťoučký')"},
	{"VARCHAR(20) CHARACTER SET koi8r", "('Привет')"},
	{"VARCHAR(20) CHARACTER SET cp850", "('äöü')"},
	{"VARCHAR(20) CHARACTER SET greek", "('αβγ')"},
	{"VARCHAR(20) CHARACTER SET hebrew", "('שלום')"},
	{"VARCHAR(20) CHARACTER SET ascii", "('plain')"},
	{"VARCHAR(20) CHARACTER SET ucs2", "('aä€')"},
	{"VARCHAR(20) CHARACTER SET utf16", "('aä€😀')"},
	{"VARCHAR(20) CHARACTER SET utf16le", "('aä€😀')"},
	{"VARCHAR(20) CHARACTER SET utf32", "('aä€😀')"},
	{"VARCHAR(20) CHARACTER SET sjis", "('日本語 \\\\ ~ 〜−ｱ語ｱ日')"},
	{"VARCHAR(20) CHARACTER SET cp932", "('日本語 ①')"},
	{"VARCHAR(20) CHARACTER SET ujis", "('日本語 \\\\ ~ 〜−ｱ丂')"},
	{"VARCHAR(20) CHARACTER SET eucjpms", "('日本語 ①')"},
	{"VARCHAR(20) CHARACTER SET gbk", "('汉字 €')"},
	{"VARCHAR(20) CHARACTER SET gb2312", "('汉字')"},
	{"VARCHAR(20) CHARACTER SET big5", "('漢字ォカ')"},
	{"VARCHAR(20) CHARACTER SET euckr", "('한국어')"},
	{"VARCHAR(20) CHARACTER SET tis620", "('ไทย')"},
	{"VARCHAR(20) CHARACTER SET swe7", "('åäö')"},
	{"TINYTEXT", "(''),('äöü')"},
	{"TEXT", "(''),('a\\nb'),(REPEAT('y', 60000))"},
	{"TEXT CHARACTER SET latin1", "('äöü€'),(REPEAT('ä', 1000))"},
	{"MEDIUMTEXT", "(REPEAT('z', 100000))"},
	{"LONGTEXT", "('x'),(REPEAT('€', 70000))"},
	{"BINARY(5)", "(''),(x'00'),(x'0100000000'),(x'0102030405'),('ab')"},
	{"BINARY(255)", "(x'00'),(x'01')"},
	{"VARBINARY(20)", "(''),(x'00'),(x'0100'),(x'ff00ff')"},
	{"VARBINARY(300)", "(x'00'),(REPEAT(x'ff', 300))"},
	{"TINYBLOB", "(''),(x'00'),(x'00ff00')"},
	{"BLOB", "(''),(REPEAT(x'00', 1000))"},
	{"MEDIUMBLOB", "(REPEAT(x'ab', 100000))"},
	{"LONGBLOB", "(x'00'),(REPEAT(x'00ff', 100000))"},
	{"ENUM('a','B','ä','with ''quote','x,y')", "('a'),('B'),('ä'),('with ''quote'),('x,y'),(NULL)"},
	{"ENUM('ä','ö') CHARACTER SET latin1", "('ä'),('ö')"},
	{"SET('a','b','c')", "(''),('a'),('b,c'),('a,b,c')"},
	{"SET('1','2','3','4','5','6','7','8','9')", "('9'),('1,9')"},
	{"JSON", "('{\"a\": 1, \"b\": [true, null, 1.5, \"x\\\\\\\\ny\"]}'),('[]'),('\"text\"'),('12'),('null'),(NULL)"},
	{"GEOMETRY", "(ST_GeomFromText('POINT(1 2)')),(ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'))"},
	{"POINT", "(ST_GeomFromText('POINT(1.5 -2.25)'))"},
	{"INT DEFAULT 5 INVISIBLE", "(7)"},
};

static const TypeCase mariadb_type_cases[] = {
	{"UUID", "('00112233-4455-1677-8899-aabbccddeeff'),('00000000-0000-0000-0000-000000000000'),('123e4567-e89b-12d3-a456-426655440000'),"
		"('ffffffff-ffff-ffff-ffff-ffffffffffff'),('018f4e5a-7b3c-7def-8123-456789abcdef'),('11223344-5566-4788-99aa-bbccddeeff00')"},
	{"INET6", "('::'),('::1'),('1::'),('::1.2.3.4'),('::ffff:1.2.3.4'),('2001:db8::ff00:42:8329'),('1:2:3:4:5:6:7:8'),('1:0:2:0:3:0:4:0'),"
		"('1:0:0:2:0:0:0:3'),('0:0:1::'),('::1:0'),('1:2:3:4:5:6:0:0')"},
	{"INET4", "('0.0.0.0'),('1.2.3.4'),('255.255.255.255'),('1.2.0.0')"},
	{"VARCHAR(1000) COMPRESSED", "(''),('short'),(REPEAT('a', 1000)),(REPEAT('äb', 400))"},
	{"VARCHAR(200) COMPRESSED CHARACTER SET latin1", "(REPEAT('ä', 200)),('ä'),('plain')"},
	{"VARBINARY(1000) COMPRESSED", "(''),(x'00'),(REPEAT(x'00', 1000))"},
	{"TEXT COMPRESSED", "(''),('short'),(REPEAT('abc', 10000))"},
	{"LONGBLOB COMPRESSED", "(''),(x'00'),(REPEAT(x'00ff', 100000))"},
};

/* MySQL's JSON is binary in the log. */
static const TypeCase mysql_type_cases[] = {
	{"JSON", "('{\"\": {}, \"a\": [], \"b\": [1, -1, 127, 128, -32768, 32767, 32768, 65535, 65536, -2147483648, 4294967295, 9223372036854775807, -9223372036854775808, 18446744073709551615]}'),"
		"('[1.0, 1.5, -0.1, 1e300, 1e-7, 100000000000000000000, true, false, null]'),('\"q\\\\\"b\\\\\\\\s\\\\/n\\\\nt\\\\tr\\\\rb\\\\bf\\\\fu\\\\u0001 \\\\u00e4 😀\"'),"
		"(JSON_OBJECT('d', CAST('2024-01-02 03:04:05.678' AS DATETIME(6)), 'day', DATE '2024-02-29', 't', CAST('-10:11:12.5' AS TIME(3)), 't2', TIME '838:59:59')),"
		"(JSON_ARRAY(CAST(1.50 AS DECIMAL(10,2)), CAST(-12345678901234567890.123 AS DECIMAL(30,3)), x'00ff', b'101', CAST('x' AS BINARY(3)))),"
		"(JSON_ARRAY(REPEAT('x', 70000), REPEAT('y', 200), 100000, JSON_OBJECT('k', 5))),"
		"(JSON_OBJECT('big', REPEAT('x', 70000), 'n', 70000, 'small', 1)),"
		"('[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]'),('[]'),('{}'),('\"\"')"},
	{"VECTOR(3)", "(STRING_TO_VECTOR('[1,2.5,-3]'))"},
};

/* What the copy would make of the column of one row; malloc'd, NULL: SQL NULL. */
static char *
wanted_value(const MyColumn *column, MYSQL_ROW row, const unsigned long *lengths)
{
	StrBuf		out = STRBUF_INIT;
	MyProblem	problem;

	if (row[1] == NULL)
		return NULL;
	switch (my_value(column, &config, row[1], lengths[1], &out, &problem))
	{
		case MY_VALUE_SAME:
			return mem_strndup(row[1], lengths[1]);
		case MY_VALUE_TEXT:
			return strbuf_detach(&out);
		case MY_VALUE_NULL:
			strbuf_free(&out);
			return NULL;
		case MY_VALUE_BAD:
			strbuf_free(&out);
			return mem_printf("(%s)", my_problem_text(problem));
	}
	return NULL;
}

static bool
is_same_json(const char *a, const char *b)
{
	json_t	   *first = json_loads(a, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
	json_t	   *second = json_loads(b, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
	bool		same = first != NULL && second != NULL && json_equal(first, second);

	json_decref(first);
	json_decref(second);
	return same;
}

static bool
is_same_value(const MyColumn *column, const char *wanted, const json_t *got)
{
	if (wanted == NULL || !json_is_string(got))
		return wanted == NULL && json_is_null(got);
	if (column->type == MY_FLOAT)
		return strtof(wanted, NULL) == strtof(json_string_value(got), NULL);
	if (column->type == MY_DOUBLE)
		return strtod(wanted, NULL) == strtod(json_string_value(got), NULL);
	if (strcmp(wanted, json_string_value(got)) == 0)
		return true;
	/* the same number may be written in several ways */
	return column->type == MY_JSON && is_same_json(wanted, json_string_value(got));
}

/* Insert records of a table, in order, against what the table holds. */
static int
compare_table(const MyTable *table, const char *type, const char **line)
{
	const MyColumn *column = my_table_column(table, "v");
	char	   *query = mem_printf("SELECT id, %s FROM %s ORDER BY id", column->type == MY_FLOAT ? "CAST(v AS DOUBLE)" : "v", table->name);
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	int			differences = 0;

	check(my_query(server, query, &result, &err), query);
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		char	   *wanted = wanted_value(column, row, mysql_fetch_lengths(result));
		json_error_t json_err;
		json_t	   *record;
		const json_t *value;

		while ((*line)[2] != 'I')
			*line = strchr(*line, '\n') + 1;
		record = json_loadb(*line, (size_t) (strchr(*line, '\n') - *line), 0, &json_err);
		assert_non_null(record);
		value = json_array_get(json_array_get(record, 2), 1);
		if (!is_same_value(column, wanted, value))
		{
			print_error("%s, row %s: wanted %.200s, got %.200s\n", type, row[0], wanted != NULL ? wanted : "NULL",
						json_is_string(value) ? json_string_value(value) : "(no string)");
			differences++;
		}
		json_decref(record);
		free(wanted);
		*line = strchr(*line, '\n') + 1;
	}
	mysql_free_result(result);
	free(query);
	return differences;
}

static void
run_type_cases(const TypeCase *cases, size_t count, const char *create_option)
{
	Arena	   *arena = arena_new(0);
	MyCatalog	catalog;
	Stream		stream;
	const char *line;
	int			differences = 0;
	Lsn			from;

	for (size_t i = 0; i < count; i++)
	{
		char	   *create = mem_printf("CREATE TABLE t%03zu (id INT AUTO_INCREMENT PRIMARY KEY, v %s) %s", i, cases[i].type, create_option);

		sql(create);
		free(create);
	}
	from = log_end();
	for (size_t i = 0; i < count; i++)
	{
		char	   *insert = mem_printf("INSERT INTO t%03zu (v) VALUES %s", i, cases[i].values);

		sql(insert);
		free(insert);
	}
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, log_end()), "read");
	stream.source->ops->stop(stream.source);
	check(my_catalog_load(server, "app", NULL, NULL, arena, &catalog, &err), "catalogue");
	line = strbuf_text(&stream.text);
	for (size_t i = 0; i < count; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "t%03zu", i);
		differences += compare_table(my_catalog_find(&catalog, name), cases[i].type, &line);
	}
	assert_int_equal(differences, 0);
	stream_close(&stream);
	arena_free(arena);
	config.server_id++;
}

#define RUN_TYPES(cases) run_type_cases((cases), sizeof(cases) / sizeof((cases)[0]), "")

static void
every_type_arrives_as_select_says_it(void **state)
{
	(void) state;
	RUN_TYPES(type_cases);
	if (my_server(server)->is_mariadb)
	{
		fresh_database(NULL);
		RUN_TYPES(mariadb_type_cases);
	}
	else
	{
		fresh_database(NULL);
		RUN_TYPES(mysql_type_cases);
	}
}

static void
old_forms_of_times_are_read(void **state)
{
	static const TypeCase cases[] = {
		{"TIME", "('00:00:00'),('-00:00:01'),('838:59:59'),('-838:59:59'),('-100:11:12')"},
		{"DATETIME", "('1000-01-01 00:00:00'),('9999-12-31 23:59:59'),('0000-00-00 00:00:00'),('2024-02-29 12:34:56')"},
		{"TIMESTAMP NULL", "('1970-01-01 00:00:01'),('2038-01-19 03:14:07'),('0000-00-00 00:00:00')"},
	};

	(void) state;
	if (!my_server(server)->is_mariadb)
		skip();
	sql("SET GLOBAL mysql56_temporal_format = OFF");
	RUN_TYPES(cases);
	sql("CREATE TABLE f (id INT PRIMARY KEY, v TIME(3))");
	sql("SET GLOBAL mysql56_temporal_format = ON");
	{
		Lsn			from = log_end();
		Stream		stream;

		sql("INSERT INTO f VALUES (1, '-10:11:12.345')");
		stream = stream_open(from, PART_BYTES);
		assert_false(stream_read(&stream, log_end()));
		assert_non_null(strstr(err.message, "old form"));
		stream_close(&stream);
	}
}

/* ---------------------------------------------------------------- rows */

static void
changes_of_each_kind_are_records(void **state)
{
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), data BLOB)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 'a\"b', x'00ff'), (2, NULL, '')");
	sql("UPDATE t SET name = 'c' WHERE id = 1");
	sql("UPDATE t SET id = 3 WHERE id = 2");
	sql("DELETE FROM t");
	assert_changes(from,
				   "[\"I\",1,[\"1\",\"a\\\"b\",\"\\\\x00ff\"]]\n"
				   "[\"I\",1,[\"2\",null,\"\\\\x\"]]\n"
				   "[\"U\",1,[\"1\",\"c\",\"\\\\x00ff\"]]\n"
				   "[\"U\",1,[\"3\",null,\"\\\\x\"],[\"2\"]]\n"
				   "[\"D\",1,[\"1\"]]\n"
				   "[\"D\",1,[\"3\"]]\n");
}

static void
a_row_without_key_is_named_by_all_its_columns(void **state)
{
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (a INT, b VARCHAR(20))");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 'x'), (NULL, 'y')");
	sql("UPDATE t SET b = 'z' WHERE a = 1");
	sql("DELETE FROM t WHERE a IS NULL");
	assert_changes(from,
				   "[\"I\",1,[\"1\",\"x\"]]\n"
				   "[\"I\",1,[null,\"y\"]]\n"
				   "[\"U\",1,[\"1\",\"z\"],[\"1\",\"x\"]]\n"
				   "[\"D\",1,[null,\"y\"]]\n");
}

static void
shortened_row_images_are_completed(void **state)
{
	static const char *const images[] = {"MINIMAL", "NOBLOB"};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		char	   *set = mem_printf("SET binlog_row_image = %s", images[i]);
		char	   *changes;
		Lsn			from;

		fresh_database(NULL);
		sql(set);
		sql("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'dflt', n INT DEFAULT 7, at TIMESTAMP DEFAULT '2024-01-01 00:00:00', data BLOB)");
		sql("CREATE TABLE u (a INT NOT NULL UNIQUE, b VARCHAR(20), c BLOB)");
		sql("CREATE TABLE n (a INT, b VARCHAR(20), c BLOB)");
		from = log_end();
		sql("INSERT INTO t (id, data) VALUES (1, 'x')");
		sql("UPDATE t SET n = 8");
		sql("UPDATE t SET id = 2");
		sql("UPDATE t SET data = 'y', name = 'z'");
		sql("DELETE FROM t");
		sql("INSERT INTO u VALUES (1, 'x', 'y')");
		sql("UPDATE u SET b = 'z'");
		sql("DELETE FROM u");
		sql("INSERT INTO n VALUES (1, 'x', 'y')");
		sql("UPDATE n SET b = 'z'");
		sql("DELETE FROM n");
		changes = changes_since(from, PART_BYTES);
		if (i == 0)
			assert_string_equal(changes,
								"[\"I\",1,[\"1\",\"dflt\",\"7\",\"2024-01-01 00:00:00+00\",\"\\\\x78\"]]\n"
								"[\"U\",1,[\"1\",false,\"8\",false,false]]\n"
								"[\"U\",1,[\"2\",false,false,false,false],[\"1\"]]\n"
								"[\"U\",1,[\"2\",\"z\",false,false,\"\\\\x79\"]]\n"
								"[\"D\",1,[\"2\"]]\n"
								"[\"I\",2,[\"1\",\"x\",\"\\\\x79\"]]\n"
								"[\"U\",2,[\"1\",\"z\",false]]\n"
								"[\"D\",2,[\"1\"]]\n"
								"[\"I\",3,[\"1\",\"x\",\"\\\\x79\"]]\n"
								"[\"U\",3,[\"1\",\"z\",\"\\\\x79\"],[\"1\",\"x\",\"\\\\x79\"]]\n"
								"[\"D\",3,[\"1\",\"z\",\"\\\\x79\"]]\n");
		else
			assert_non_null(strstr(changes, "[\"U\",1,[\"1\",\"dflt\",\"8\",\"2024-01-01 00:00:00+00\",false]]\n"));
		free(changes);
		free(set);
		sql("SET binlog_row_image = FULL");
	}
}

static void
a_large_transaction_comes_in_parts_of_bounded_size(void **state)
{
	Stream		stream;
	Lsn			from;
	int			lines = 0;

	(void) state;
	sql("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v CHAR(100))");
	from = log_end();
	sql("INSERT INTO t (v) VALUES ('a'),('b'),('c'),('d'),('e'),('f'),('g'),('h'),('i'),('j')");
	sql("BEGIN");
	for (int i = 0; i < 8; i++)
		sql("INSERT INTO t (v) SELECT v FROM t");
	sql("COMMIT");
	stream = stream_open(from, 4096);
	check(stream_read(&stream, log_end()), "read");
	for (const char *at = strbuf_text(&stream.text); *at != '\0'; at = strchr(at, '\n') + 1)
		lines += at[2] == 'I';
	assert_int_equal(lines, 2560);
	assert_true(stream.parts > 10);
	assert_int_equal(stream.relations, 1);
	stream_close(&stream);
}

static void
a_value_larger_than_a_packet_arrives(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, REPEAT('0123456789', 4000000))");
	sql("INSERT INTO t VALUES (2, 'x')");
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, log_end()), "read");
	assert_true(stream.text.length > 80000000);
	assert_non_null(strstr(strbuf_text(&stream.text), "[\"I\",1,[\"2\",\"\\\\x78\"]]\n"));
	stream_close(&stream);
}

static void
changes_are_the_same_whatever_the_log_is_written_like(void **state)
{
	static const char *const ways[][2] = {
		{"SET GLOBAL binlog_row_metadata = FULL", "SET GLOBAL binlog_row_metadata = DEFAULT"},
		{"SET GLOBAL binlog_row_metadata = MINIMAL", "SET GLOBAL binlog_row_metadata = DEFAULT"},
		{"SET GLOBAL binlog_checksum = NONE", "SET GLOBAL binlog_checksum = CRC32"},
		/* MariaDB's own */
		{"SET GLOBAL log_bin_compress = 1, GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = 0"},
		{"SET SESSION binlog_annotate_row_events = OFF", "SET SESSION binlog_annotate_row_events = ON"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		Lsn			from;

		if (i >= 3 && !my_server(server)->is_mariadb)
			break;
		fresh_database(NULL);
		sql("CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, a TINYINT, b DECIMAL(5,2) UNSIGNED, c TEXT, d ENUM('x','y'), e BIGINT UNSIGNED)");
		from = log_end();
		sql(ways[i][0]);
		sql("INSERT INTO t VALUES (4294967295, -1, 1.5, REPEAT('text ', 20), 'y', 18446744073709551615)");
		sql("UPDATE t SET a = -2");
		sql("DELETE FROM t");
		sql(ways[i][1]);
		assert_changes(from,
					   "[\"I\",1,[\"4294967295\",\"-1\",\"1.50\",\"text text text text text text text text text text text text text text text text text text text text \",\"y\",\"18446744073709551615\"]]\n"
					   "[\"U\",1,[\"4294967295\",\"-2\",\"1.50\",\"text text text text text text text text text text text text text text text text text text text text \",\"y\",\"18446744073709551615\"]]\n"
					   "[\"D\",1,[\"4294967295\"]]\n");
	}
}

/* MariaDB 11.8 (10.11 does not) leaves generated columns out of updates, whatever binlog_row_image says. */
static bool
leaves_out_generated(void)
{
	return my_server(server)->is_mariadb && my_server(server)->version >= 110800;
}

static bool
needs_it(void *arg, const char *table, const char *column, bool *is_needed, Error *error)
{
	(void) arg;
	(void) error;
	*is_needed = strcmp(table, "t") == 0 && strcmp(column, "g") == 0;
	return true;
}

static void
an_update_without_a_generated_value_that_is_needed_stops_it(void **state)
{
	MysqlSourceOptions options = {.config = &config, .needs_generated = needs_it, .part_bytes = PART_BYTES, .heartbeat_ms = 100};
	Stream		stream = {.source = mysql_source_new(&options), .segment = 1};
	Lsn			from;

	(void) state;
	if (!my_server(server)->is_mariadb)
	{
		stream_close(&stream);
		skip();
	}
	sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, g INT AS (a + 1) VIRTUAL, c INT)");
	sql("INSERT INTO t (id, a) VALUES (1, 1)");
	from = stream.position = log_end();
	sql("SET binlog_row_image = MINIMAL");
	sql("UPDATE t SET a = 2");
	check(stream.source->ops->start(stream.source, from, from, 1, &err), "start");
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "generated column g"));
	stream_close(&stream);
}

/* Keys of the target that refer to p.id act on updates and deletes, one that refers to p.u on updates. */
static bool
its_keys(void *arg, const MyTable *table, Arena *arena, const char **acting, Error *error)
{
	(void) arena;
	(void) error;
	(*(int *) arg)++;
	if (strcmp(table->name, "p") == 0)
	{
		acting[0] = acting[table->column_count] = "ALTER TABLE p ENABLE TRIGGER a;";
		acting[1] = "ALTER TABLE p ENABLE TRIGGER b;";
	}
	return true;
}

static void
changes_without_key_checks_stop_it_where_keys_of_the_target_would_act(void **state)
{
	static const struct
	{
		const char *statement;
		const char *problem;	/* NULL: it goes on */
		const char *hint;
	} cases[] = {
		{"INSERT INTO p VALUES (4, 4, 4)", NULL, NULL},
		{"UPDATE p SET v = 9 WHERE id = 1", NULL, NULL},
		{"DELETE FROM plain WHERE id = 1", NULL, NULL},
		{"UPDATE plain SET id = 9 WHERE id = 2", NULL, NULL},
		{"DELETE FROM p WHERE id = 1", "a delete of table app.p", "TRIGGER a"},
		{"UPDATE p SET id = 9 WHERE id = 2", "an update of table app.p", "TRIGGER a"},
		{"UPDATE p SET u = 9 WHERE id = 3", "an update of table app.p", "TRIGGER b"},
		{"REPLACE INTO p VALUES (3, 8, 8)", "table app.p", "TRIGGER"},
	};
	static const char *const images[] = {"FULL", "MINIMAL", "NOBLOB"};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 3; i++)
	{
		int			asked = 0;
		MysqlSourceOptions options = {.config = &config, .acting_keys = its_keys, .acting_keys_arg = &asked, .part_bytes = PART_BYTES, .heartbeat_ms = 100};
		Stream		stream = {.source = mysql_source_new(&options), .segment = 1};
		char	   *image = mem_printf("SET binlog_row_image = %s", images[i % 3]);
		const char *problem = cases[i / 3].problem;
		Lsn			from;
		Lsn			before;

		sql("DROP TABLE IF EXISTS p, plain");
		sql("CREATE TABLE p (id INT PRIMARY KEY, u INT, v INT, UNIQUE (u))");
		sql("CREATE TABLE plain (id INT PRIMARY KEY)");
		sql("INSERT INTO p VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)");
		sql("INSERT INTO plain VALUES (1), (2)");
		sql(image);
		free(image);
		from = stream.position = log_end();
		sql("UPDATE p SET id = 7 WHERE id = 1");
		sql("UPDATE p SET id = 1 WHERE id = 7");
		before = log_end();
		sql("SET foreign_key_checks = 0");
		sql(cases[i / 3].statement);
		sql("SET foreign_key_checks = 1");
		config.server_id++;
		check(stream.source->ops->start(stream.source, from, from, 1, &err), "start");
		assert_true(stream_read(&stream, log_end()) == (problem == NULL));
		assert_true(asked <= 1);
		if (problem != NULL)
		{
			assert_non_null(strstr(err.message, problem));
			assert_non_null(strstr(err.message, "foreign_key_checks = 0"));
			assert_non_null(strstr(err.hint, cases[i / 3].hint));
			assert_true(stream.position == before);
			error_clear(&err);
		}
		stream_close(&stream);
	}
}

/* Servers keep columns of their own beside a table's, for keys on expressions and on long values. */
static void
hidden_and_generated_columns_do_not_shift_others(void **state)
{
	bool		is_mariadb = my_server(server)->is_mariadb;
	char	   *changes;
	Lsn			from;

	(void) state;
	if (is_mariadb)
		sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, g INT AS (a + 1) VIRTUAL, b TEXT, s INT AS (a * 2) STORED, UNIQUE (b), KEY (g))");
	else
		sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, g INT AS (a + 1) VIRTUAL, b TEXT, s INT AS (a * 2) STORED, KEY ((a + 5)), KEY (g))");
	sql("CREATE TABLE i (a INT, hidden INT DEFAULT 3 INVISIBLE, b INT)");
	from = log_end();
	sql("INSERT INTO t (id, a, b) VALUES (1, 5, 'x'), (2, 6, 'y')");
	sql("UPDATE t SET a = 7 WHERE id = 1");
	sql("DELETE FROM t WHERE id = 2");
	sql("INSERT INTO i (a, b) VALUES (1, 2)");
	changes = changes_since(from, PART_BYTES);
	if (leaves_out_generated())
	{
		/* the target has to generate them itself */
		assert_non_null(strstr(changes, "[\"U\",1,[\"1\",\"7\",false,\"x\",false]]\n"));
		free(changes);
		return;
	}
	assert_string_equal(changes,
						"[\"I\",1,[\"1\",\"5\",\"6\",\"x\",\"10\"]]\n"
						"[\"I\",1,[\"2\",\"6\",\"7\",\"y\",\"12\"]]\n"
						"[\"U\",1,[\"1\",\"7\",\"8\",\"x\",\"14\"]]\n"
						"[\"D\",1,[\"2\"]]\n"
						"[\"I\",2,[\"1\",\"3\",\"2\"]]\n");
	free(changes);
}

static void
of_versioned_tables_only_present_rows_come(void **state)
{
	static const char *const columns[] = {"", ", s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)"};

	(void) state;
	if (!my_server(server)->is_mariadb)
		skip();
	for (int i = 0; i < 2; i++)
	{
		char	   *create = mem_printf("CREATE TABLE v (id INT PRIMARY KEY, a INT, b TEXT, UNIQUE (b) %s) WITH SYSTEM VERSIONING", columns[i]);
		char	   *changes;
		Lsn			from;

		fresh_database(NULL);
		sql(create);
		from = log_end();
		sql("INSERT INTO v (id, a) VALUES (1, 1), (2, 2)");
		sql("UPDATE v SET a = 3 WHERE id = 1");
		sql("DELETE FROM v WHERE id = 2");
		sql("DELETE HISTORY FROM v");
		changes = changes_since(from, PART_BYTES);
		if (i == 0)
			assert_string_equal(changes,
								"[\"I\",1,[\"1\",\"1\",null]]\n"
								"[\"I\",1,[\"2\",\"2\",null]]\n"
								"[\"U\",1,[\"1\",\"3\",null]]\n"
								"[\"D\",1,[\"2\"]]\n");
		else
		{
			const char *kinds = changes;

			/* their start is of now; end is the largest */
			for (const char *wanted = "IIUD"; *wanted != '\0'; wanted++)
			{
				assert_int_equal(kinds[2], *wanted);
				kinds = strchr(kinds, '\n') + 1;
			}
			assert_int_equal(*kinds, '\0');
		}
		free(changes);
		free(create);
	}
}

static void
names_are_lowered_where_that_is_wanted(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	sql("CREATE TABLE Mixed (Id INT PRIMARY KEY, `Ünicode` INT)");
	from = log_end();
	sql("INSERT INTO Mixed VALUES (1, 2)");
	config.lower_names = true;
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, log_end()), "read");
	assert_non_null(strstr(strbuf_text(&stream.text), "\"app\",\"mixed\",\"d\",[[\"id\",\"int"));
	assert_non_null(strstr(strbuf_text(&stream.text), ",[\"Ünicode\",\"int"));
	stream_close(&stream);
}

static void
a_value_that_cannot_be_stored_stops_with_its_place(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT, part INT, at DATETIME, PRIMARY KEY (id, part))");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 2, '2024-01-01'), (3, 4, 0)");
	config.zero_dates = MY_ZERO_DATES_ERROR;
	stream = stream_open(from, PART_BYTES);
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "table app.t, column at, row (id, part) = (3, 4): zero date"));
	assert_non_null(strstr(err.hint, "zero_dates"));
	stream_close(&stream);
	config.server_id++;
	config.zero_dates = MY_ZERO_DATES_NULL;
	assert_changes(from, "[\"I\",1,[\"1\",\"2\",\"2024-01-01 00:00:00\"]]\n[\"I\",1,[\"3\",\"4\",null]]\n");
}

/* ---------------------------------------------------------------- transactions */

static void
a_transaction_spans_from_its_first_event_to_behind_its_last(void **state)
{
	Stream		stream;
	Lsn			from;
	Lsn			until;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY)");
	from = log_end();
	sql("BEGIN");
	sql("INSERT INTO t VALUES (1)");
	sql("INSERT INTO t VALUES (2)");
	sql("COMMIT");
	until = log_end();
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, until), "read");
	assert_true(stream.position == until);
	assert_int_equal(stream.parts, 1);
	/* what ends before a position is skipped; what begins there is not */
	check(stream.source->ops->start(stream.source, from, until, 2, &err), "start again");
	sql("INSERT INTO t VALUES (3)");
	check(stream_read(&stream, log_end()), "read");
	assert_int_equal(stream.parts, 2);
	assert_non_null(strstr(strbuf_text(&stream.text), "[\"I\",1,[\"3\"]]"));
	stream_close(&stream);
}

static void
tables_that_are_not_wanted_move_the_position_alone(void **state)
{
	Stream		stream;
	Lsn			from;
	Lsn			until;

	(void) state;
	sql("DROP DATABASE IF EXISTS other");
	sql("CREATE DATABASE other");
	sql("CREATE TABLE other.t (id INT PRIMARY KEY)");
	from = log_end();
	sql("INSERT INTO other.t VALUES (1)");
	sql("ALTER TABLE other.t ADD c INT");
	sql("TRUNCATE other.t");
	sql("FLUSH BINARY LOGS");
	sql("DROP DATABASE other");
	until = log_end();
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, until), "read");
	assert_int_equal(stream.parts, 0);
	assert_true(stream.position >= until);
	stream_close(&stream);
}

static void
rolled_back_and_nontransactional_changes(void **state)
{
	Lsn			from;
	char	   *changes;

	(void) state;
	if (!my_server(server)->is_mariadb)
		skip();				/* with its GTIDs MySQL does not let both be in one transaction */
	sql("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
	sql("CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM");
	from = log_end();
	sql("BEGIN");
	sql("INSERT INTO t VALUES (1)");
	sql("INSERT INTO m VALUES (1)");
	sql("ROLLBACK");
	sql("BEGIN");
	sql("INSERT INTO t VALUES (2)");
	sql("SAVEPOINT a");
	sql("INSERT INTO t VALUES (3)");
	sql("INSERT INTO m VALUES (3)");
	sql("SAVEPOINT b");
	sql("INSERT INTO t VALUES (4)");
	sql("ROLLBACK TO a");
	sql("INSERT INTO t VALUES (5)");
	sql("COMMIT");
	changes = changes_since(from, PART_BYTES);
	/* relation 1 is whichever table came first */
	assert_string_equal(changes, "[\"I\",1,[\"1\"]]\n[\"I\",1,[\"3\"]]\n[\"I\",2,[\"2\"]]\n[\"I\",2,[\"5\"]]\n");
	free(changes);
	config.server_id++;
	/* the same in parts of one row each: parts cannot be called back */
	changes = changes_since(from, 1);
	assert_int_equal(strlen(changes), 4 * strlen("[\"I\",1,[\"1\"]]\n"));
	assert_null(strstr(changes, "\"4\""));
	free(changes);
}

static void
xa_transactions_come_with_their_commit(void **state)
{
	Lsn			from;
	Lsn			between;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	from = log_end();
	sql("XA START 'one','b',7");
	sql("INSERT INTO t VALUES (1, 1)");
	sql("XA END 'one','b',7");
	sql("XA PREPARE 'one','b',7");
	sql("XA COMMIT 'one','b',7");
	sql("XA START 'gone'");
	sql("INSERT INTO t VALUES (2, 1)");
	sql("XA END 'gone'");
	sql("XA PREPARE 'gone'");
	sql("XA ROLLBACK 'gone'");
	sql("XA START 'short'");
	sql("INSERT INTO t VALUES (3, 1)");
	sql("XA END 'short'");
	sql("XA COMMIT 'short' ONE PHASE");
	assert_changes(from, "[\"I\",1,[\"1\",\"1\"]]\n[\"I\",1,[\"3\",\"1\"]]\n");

	config.server_id++;
	{
		MyConn	   *other;

		/* a connection with a prepared transaction may do nothing else; it stays prepared when that ends */
		check(my_connect(&config, "test", &other, &err), "connect");
		check(my_exec(other, "XA START 'two'", &err) && my_exec(other, "INSERT INTO t VALUES (4, 1), (5, 1)", &err) &&
			  my_exec(other, "XA END 'two'", &err) && my_exec(other, "XA PREPARE 'two'", &err), "prepare");
		my_close(other);
	}
	sql("FLUSH BINARY LOGS");
	between = log_end();
	sql("XA COMMIT 'two'");
	sql("UPDATE t SET v = 2 WHERE id = 4");
	/* prepared before the stream begins, in another file */
	assert_changes(between, "[\"I\",1,[\"4\",\"1\"]]\n[\"I\",1,[\"5\",\"1\"]]\n[\"U\",1,[\"4\",\"2\"]]\n");
	config.server_id++;
	/* in several parts */
	{
		char	   *changes = changes_since(between, 1);

		assert_string_equal(changes, "[\"I\",1,[\"4\",\"1\"]]\n[\"I\",1,[\"5\",\"1\"]]\n[\"U\",1,[\"4\",\"2\"]]\n");
		free(changes);
	}
}

/* ---------------------------------------------------------------- statements */

static void
a_table_made_of_a_select_comes_with_its_rows(void **state)
{
	Lsn			from;

	(void) state;
	config.ddl = MY_DDL_SKIP;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	sql("INSERT INTO t VALUES (1, 1), (2, 2)");
	from = log_end();
	sql("CREATE TABLE made (PRIMARY KEY (id)) AS SELECT * FROM t");
	sql("INSERT INTO made VALUES (3, 3)");
	assert_changes(from, "[\"I\",1,[\"1\",\"1\"]]\n[\"I\",1,[\"2\",\"2\"]]\n[\"I\",1,[\"3\",\"3\"]]\n");
}

static void
truncate_is_a_record(void **state)
{
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY)");
	from = log_end();
	sql("INSERT INTO t VALUES (1)");
	sql("TRUNCATE TABLE t");
	sql("INSERT INTO t VALUES (2)");
	sql("TRUNCATE app.t");
	assert_changes(from, "[\"I\",1,[\"1\"]]\n[\"T\",[1],\"\"]\n[\"I\",1,[\"2\"]]\n[\"T\",[1],\"\"]\n");
}

static void
ddl_stops_the_stream_when_what_came_before_is_durable(void **state)
{
	static const char *const statements[] = {
		"ALTER TABLE t ADD c INT",
		"ALTER TABLE `app`.`t` ENGINE = InnoDB",
		"CREATE INDEX i ON t (v)",
		"DROP INDEX i ON t",
		"RENAME TABLE t TO u",
		"RENAME TABLE u TO t",
		"CREATE TABLE new_one (id INT)",
		"/* comment */ DROP TABLE /* x */ IF EXISTS nothing, t",
	};

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
	{
		Lsn			from = log_end();
		Stream		stream = stream_open(from, PART_BYTES);

		sql(statements[i]);
		/* RENAME to t: the catalogue of the session has no t yet, so it is no change of a table that it knows */
		if (stream_read(&stream, log_end()))
			print_error("passed over: %s\n", statements[i]);
		else
		{
			assert_int_equal(err.kind, ERROR_FAILED);
			assert_non_null(strstr(err.message, "the stream stops at a statement that changes table app."));
			assert_non_null(strstr(err.hint, "ddl = skip"));
		}
		error_clear(&err);
		stream_close(&stream);
		config.server_id++;
	}
}

static void
harmless_statements_do_not_stop_it(void **state)
{
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY)");
	from = log_end();
	sql("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)");
	sql("CREATE VIEW v AS SELECT * FROM t");
	sql("CREATE TEMPORARY TABLE tmp (id INT)");
	sql("INSERT INTO tmp VALUES (1)");
	sql("DROP TEMPORARY TABLE tmp");
	sql("ANALYZE TABLE t");
	sql("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id");
	sql("DROP TABLE IF EXISTS never_there");
	sql("CREATE USER IF NOT EXISTS somebody IDENTIFIED BY 'secret'");
	sql("DROP USER somebody");
	sql("INSERT INTO t VALUES (1)");
	assert_changes(from, "[\"I\",1,[\"1\"]]\n");
}

static void
skipped_ddl_brings_the_new_shape(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 1)");
	config.ddl = MY_DDL_SKIP;
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, log_end()), "read");
	sql("ALTER TABLE t ADD w VARCHAR(10) FIRST");
	sql("INSERT INTO t VALUES ('w', 2, 2)");
	sql("CREATE TABLE made (id INT PRIMARY KEY)");
	sql("INSERT INTO made VALUES (1)");
	check(stream_read(&stream, log_end()), "read");
	assert_non_null(strstr(strbuf_text(&stream.text), "[\"I\",2,[\"w\",\"2\",\"2\"]]\n"));
	assert_non_null(strstr(strbuf_text(&stream.text), "[\"I\",3,[\"1\"]]\n"));
	assert_int_equal(stream.relations, 3);
	stream_close(&stream);
}

static void
rows_of_another_shape_stop_it(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 1)");
	sql("ALTER TABLE t MODIFY v BIGINT");
	stream = stream_open(from, PART_BYTES);
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "table app.t was changed since its definition was read: column v"));
	stream_close(&stream);
}

/* Columns of one type that change places look the same in a table map. */
static void
rows_of_before_a_change_are_not_read_by_what_came_after(void **state)
{
	static const char *const changes[] = {"ALTER TABLE t MODIFY a INT AFTER b", "ALTER TABLE t RENAME COLUMN a TO c, RENAME COLUMN b TO a",
		"ALTER TABLE t DROP COLUMN a, ADD d INT AFTER id", "RENAME TABLE t TO x, u TO t"};

	(void) state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		Stream		stream;
		Lsn			from;

		fresh_database(NULL);
		config.ddl = MY_DDL_SKIP;
		sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)");
		sql("CREATE TABLE u (id INT PRIMARY KEY, b INT, a INT)");
		from = log_end();
		sql("INSERT INTO t VALUES (1, 10, 20)");
		sql(changes[i]);
		sql("INSERT INTO t VALUES (2, 10, 20)");
		stream = stream_open(from, PART_BYTES);
		assert_false(stream_read(&stream, log_end()));
		assert_non_null(strstr(err.message, "is changed later in the log"));
		assert_int_equal(stream.parts, 0);
		stream_close(&stream);
	}
}

static void
changes_that_leave_columns_alone_do_not_matter(void **state)
{
	Lsn			from;

	(void) state;
	config.ddl = MY_DDL_SKIP;
	sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)");
	sql("CREATE TABLE other (id INT PRIMARY KEY)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 10, 20)");
	sql("ALTER TABLE t ADD INDEX i (a), COMMENT = 'change column'");
	sql("ALTER TABLE other ADD c INT");
	sql("/*M!100100 SET STATEMENT lock_wait_timeout = (SELECT 10 + LENGTH('for')) FOR */ TRUNCATE t");
	sql("INSERT INTO t VALUES (2, 10, 20)");
	assert_changes(from, "[\"I\",1,[\"1\",\"10\",\"20\"]]\n[\"T\",[2],\"\"]\n[\"I\",2,[\"2\",\"10\",\"20\"]]\n");
}

static void
assert_statement_stops(const char *text, const char *message)
{
	Stream		stream;
	Lsn			from;

	sql("SET binlog_format = STATEMENT");
	from = log_end();
	sql(text);
	sql("SET binlog_format = ROW");
	config.server_id++;
	stream = stream_open(from, PART_BYTES);
	if (stream_read(&stream, log_end()) || strstr(err.message, message) == NULL)
		fail_msg("%s: %s", text, err.message);
	assert_null(strstr(err.message, "987654321"));
	error_clear(&err);
	stream_close(&stream);
}

static void
a_change_in_statement_format_stops_it(void **state)
{
	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	sql("CREATE TABLE other_table (id INT PRIMARY KEY, v INT)");
	assert_statement_stops("INSERT INTO t VALUES (987654321, 1)", "statement format");
	if (my_server(server)->is_mariadb)
	{
		assert_statement_stops("SET STATEMENT max_statement_time = 60 FOR UPDATE t SET v = 987654321", "statement format");
		assert_statement_stops("ANALYZE FORMAT = JSON DELETE FROM t WHERE id = 987654321", "statement format");
	}
	else
		assert_statement_stops("WITH x AS (SELECT 1) UPDATE t SET v = 987654321", "statement format");
}

/* Of a client that speaks another character set: names in other bytes, of which one may look like a backslash. */
static void
statements_are_in_the_character_set_of_their_session(void **state)
{
	Lsn			from;

	(void) state;
	sql("CREATE TABLE täble (id INT PRIMARY KEY)");
	from = log_end();
	sql("INSERT INTO täble VALUES (1)");
	sql("SET NAMES latin1");
	sql("TRUNCATE t\xe4" "ble");
	assert_changes(from, "[\"I\",1,[\"1\"]]\n[\"T\",[1],\"\"]\n");
	assert_statement_stops("ALTER TABLE t\xe4" "ble COMMENT = 'x'", "changes table app.täble");
	sql("SET NAMES cp932");
	sql("CREATE TABLE `\x95\x5c` (id INT PRIMARY KEY)");
	assert_statement_stops("ALTER TABLE `\x95\x5c` COMMENT = 'x'", "changes table app.表");
	sql("SET NAMES utf8mb4");
}

/* Words of MariaDB in front of a statement, and what drops a table without saying so. */
static void
statements_of_mariadb_stop_it(void **state)
{
	(void) state;
	if (!my_server(server)->is_mariadb)
		skip();
	sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
	assert_statement_stops("SET STATEMENT lock_wait_timeout = 60 FOR ALTER TABLE t ADD w INT", "a statement that changes table app.t");
	assert_statement_stops("CREATE OR REPLACE DATABASE app", "a statement that changes table app.app");
}

/* The server's catalogue shows an emoji as "?", which another label may really be. */
static void
a_label_that_the_catalogue_does_not_tell_stops_it(void **state)
{
	Stream		stream;
	Lsn			from;
	Lsn			middle;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY, v ENUM('x', '😀') CHARACTER SET utf8mb4)");
	from = log_end();
	sql("INSERT INTO t VALUES (1, 'x')");
	middle = log_end();
	sql("INSERT INTO t VALUES (2, '😀')");
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, middle), "read");
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "may have another character"));
	if (err.hint == NULL || strstr(err.hint, "types") == NULL)
		fail_msg("%s HINT %s", err.message, err.hint);
	stream_close(&stream);

	/* Who has looked at the labels says what they become. */
	config.server_id++;
	config.types = "t.v = text";
	stream = stream_open(from, PART_BYTES);
	check(stream_read(&stream, log_end()), "read");
	config.types = NULL;
	stream_close(&stream);
}

static void
what_cannot_be_read_is_refused(void **state)
{
	Stream		stream;
	Lsn			from;

	(void) state;
	if (my_server(server)->is_mariadb)
		skip();
	sql("CREATE TABLE t (id INT PRIMARY KEY, v JSON)");
	sql("INSERT INTO t VALUES (1, JSON_OBJECT('a', REPEAT('x', 1000), 'b', 1))");
	from = log_end();
	sql("SET binlog_row_value_options = PARTIAL_JSON");
	sql("UPDATE t SET v = JSON_SET(v, '$.b', 2)");
	sql("SET binlog_row_value_options = ''");
	stream = stream_open(from, PART_BYTES);
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "partial update of JSON"));
	stream_close(&stream);

	config.server_id++;
	from = log_end();
	sql("SET binlog_transaction_compression = ON");
	sql("INSERT INTO t VALUES (2, '[]')");
	sql("SET binlog_transaction_compression = OFF");
	stream = stream_open(from, PART_BYTES);
	assert_false(stream_read(&stream, log_end()));
	assert_non_null(strstr(err.message, "compressed transaction"));
	stream_close(&stream);
}

/* ---------------------------------------------------------------- the log */

static void
a_purged_log_is_a_gap(void **state)
{
	Arena	   *arena = arena_new(0);
	MysqlSourceOptions options = {.config = &config, .part_bytes = PART_BYTES};
	Source	   *source = mysql_source_new(&options);
	MyLogStatus status;
	MyPositionState where = MY_POSITION_PRESENT;
	const char *file;
	int64_t		limit_ms = clock_monotonic_ms() + 60000;
	Lsn			from = log_end();
	char	   *purge;

	(void) state;
	sql("FLUSH BINARY LOGS");
	sql("FLUSH BINARY LOGS");
	check(my_position_current(server, arena, &status, &err), "status");
	purge = mem_printf("PURGE BINARY LOGS TO '%s.%06u'", status.base, my_position_file_number(status.position));
	/* A file is kept while a dump reads it, and that of a connection that has gone is noticed late. */
	while (where == MY_POSITION_PRESENT && clock_monotonic_ms() < limit_ms)
	{
		sql(purge);
		check(my_position_locate(server, from, arena, &where, &file, &err), "locate");
	}
	assert_int_equal(where, MY_POSITION_PURGED);
	assert_false(source->ops->start(source, from, from, 1, &err));
	assert_int_equal(err.kind, ERROR_GAP);
	assert_non_null(strstr(err.message, "purged"));
	assert_false(source->ops->start(source, status.position + 1000000, LSN_NONE, 1, &err));
	assert_int_equal(err.kind, ERROR_GAP);
	assert_non_null(strstr(err.message, "does not reach"));
	source->ops->close(source);
	free(purge);
	arena_free(arena);
}

static void
two_with_one_server_id_are_told(void **state)
{
	MysqlSourceOptions options = {.config = &config, .part_bytes = PART_BYTES};
	Source	   *first = mysql_source_new(&options);
	Source	   *second = mysql_source_new(&options);
	Lsn			from = log_end();
	SourceEvent event;

	(void) state;
	check(first->ops->start(first, from, from, 1, &err), "start");
	check(first->ops->next(first, 1000, &event, &err), "next");
	assert_false(second->ops->start(second, from, from, 1, &err));
	assert_int_equal(err.kind, ERROR_RETRY);
	assert_non_null(strstr(err.message, "server_id"));
	first->ops->close(first);
	second->ops->close(second);
}

static void
a_killed_connection_is_a_retry(void **state)
{
	Stream		stream;
	SourceEvent event;
	Lsn			from;
	bool		ok = true;

	(void) state;
	sql("CREATE TABLE t (id INT PRIMARY KEY)");
	from = log_end();
	stream = stream_open(from, PART_BYTES);
	sql("INSERT INTO t VALUES (1)");
	check(stream_read(&stream, log_end()), "read");
	{
		Arena	   *arena = arena_new(0);
		const char *id = NULL;
		char	   *kill;

		check(my_query_value(server, arena, "SELECT id FROM information_schema.processlist WHERE command = 'Binlog Dump' ORDER BY id DESC LIMIT 1", &id, &err), "id");
		assert_non_null(id);
		kill = mem_printf("KILL %s", id);
		sql(kill);
		free(kill);
		arena_free(arena);
	}
	for (int i = 0; ok && i < 100; i++)
		ok = stream.source->ops->next(stream.source, 1000, &event, &err);
	assert_false(ok);
	assert_int_equal(err.kind, ERROR_RETRY);
	config.server_id++;
	check(stream.source->ops->start(stream.source, stream.position, stream.position, 2, &err), "start again");
	sql("INSERT INTO t VALUES (2)");
	check(stream_read(&stream, log_end()), "read");
	assert_int_equal(stream.parts, 2);
	stream_close(&stream);
}

static void
skip_all(void **state)
{
	(void) state;
	print_message("no mariadbd here\n");
	skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type_arrives_as_select_says_it, fresh_database),
		cmocka_unit_test_setup(old_forms_of_times_are_read, fresh_database),
		cmocka_unit_test_setup(changes_of_each_kind_are_records, fresh_database),
		cmocka_unit_test_setup(a_row_without_key_is_named_by_all_its_columns, fresh_database),
		cmocka_unit_test_setup(shortened_row_images_are_completed, fresh_database),
		cmocka_unit_test_setup(a_large_transaction_comes_in_parts_of_bounded_size, fresh_database),
		cmocka_unit_test_setup(a_value_larger_than_a_packet_arrives, fresh_database),
		cmocka_unit_test_setup(changes_are_the_same_whatever_the_log_is_written_like, fresh_database),
		cmocka_unit_test_setup(an_update_without_a_generated_value_that_is_needed_stops_it, fresh_database),
		cmocka_unit_test_setup(changes_without_key_checks_stop_it_where_keys_of_the_target_would_act, fresh_database),
		cmocka_unit_test_setup(hidden_and_generated_columns_do_not_shift_others, fresh_database),
		cmocka_unit_test_setup(of_versioned_tables_only_present_rows_come, fresh_database),
		cmocka_unit_test_setup(names_are_lowered_where_that_is_wanted, fresh_database),
		cmocka_unit_test_setup(a_value_that_cannot_be_stored_stops_with_its_place, fresh_database),
		cmocka_unit_test_setup(a_transaction_spans_from_its_first_event_to_behind_its_last, fresh_database),
		cmocka_unit_test_setup(tables_that_are_not_wanted_move_the_position_alone, fresh_database),
		cmocka_unit_test_setup(rolled_back_and_nontransactional_changes, fresh_database),
		cmocka_unit_test_setup(xa_transactions_come_with_their_commit, fresh_database),
		cmocka_unit_test_setup(a_table_made_of_a_select_comes_with_its_rows, fresh_database),
		cmocka_unit_test_setup(truncate_is_a_record, fresh_database),
		cmocka_unit_test_setup(ddl_stops_the_stream_when_what_came_before_is_durable, fresh_database),
		cmocka_unit_test_setup(harmless_statements_do_not_stop_it, fresh_database),
		cmocka_unit_test_setup(skipped_ddl_brings_the_new_shape, fresh_database),
		cmocka_unit_test_setup(rows_of_another_shape_stop_it, fresh_database),
		cmocka_unit_test_setup(rows_of_before_a_change_are_not_read_by_what_came_after, fresh_database),
		cmocka_unit_test_setup(changes_that_leave_columns_alone_do_not_matter, fresh_database),
		cmocka_unit_test_setup(a_change_in_statement_format_stops_it, fresh_database),
		cmocka_unit_test_setup(statements_are_in_the_character_set_of_their_session, fresh_database),
		cmocka_unit_test_setup(statements_of_mariadb_stop_it, fresh_database),
		cmocka_unit_test_setup(a_label_that_the_catalogue_does_not_tell_stops_it, fresh_database),
		cmocka_unit_test_setup(what_cannot_be_read_is_refused, fresh_database),
		cmocka_unit_test_setup(a_purged_log_is_a_gap, fresh_database),
		cmocka_unit_test_setup(two_with_one_server_id_are_told, fresh_database),
		cmocka_unit_test_setup(a_killed_connection_is_a_retry, fresh_database),
	};
	const struct CMUnitTest skipped[] = {cmocka_unit_test(skip_all)};
	int			failed = 1;

	if (getenv("DBSYNC_TEST_FILTER") != NULL)
		cmocka_set_test_filter(getenv("DBSYNC_TEST_FILTER"));
	check(stop_install(&err), "signals");
	if (my_test_start())
	{
		config = (MySourceConfig) {.host = "localhost", .socket = my_test_socket(), .user = my_test_user(), .password = "", .db = "mysql", .server_id = 900};
		check(my_connect(&config, "test", &server, &err), "connect");
		config.db = "app";
		sql("SET sql_mode = 'ALLOW_INVALID_DATES'");
		failed = cmocka_run_group_tests(tests, NULL, NULL);
		my_close(server);
	}
	else if (my_test_is_wanted())
		print_error("the server of DBSYNC_TEST_MYSQL does not start\n");
	else
		failed = cmocka_run_group_tests(skipped, NULL, NULL);
	my_test_stop();
	return failed;
}
