/*
 * Text output into the form of the send functions: by hand, and against a server, which makes the values, says what its send functions
 * make of them, and reads back what was made here.
 */
#include "pg_test.h"

#include "apply/binary_value.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>

static uint64_t seed = 20;

static uint64_t
pick(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(2685821657736338717);
}

/* Appends, and holds binary_append() to its word: nothing is appended when it refuses, and the string ends with a zero byte. */
static bool
convert(BinaryType type, const char *text, size_t length, StrBuf *out)
{
	size_t before = out->length;
	/* Without a byte behind it, so that a checker sees reading beyond. */
	char *copy = malloc(length > 0 ? length : 1);
	bool ok;

	memcpy(copy, text, length);
	ok = binary_append(type, copy, length, out);
	free(copy);
	if (!ok)
		assert_int_equal(out->length, before);
	if (out->data != NULL)
		assert_int_equal(out->data[out->length], 0);
	return ok;
}

static void
to_hex(const char *data, size_t length, StrBuf *hex)
{
	strbuf_reset(hex);
	for (size_t i = 0; i < length; i++)
		strbuf_printf(hex, "%02x", (unsigned char) data[i]);
}

typedef struct Vector
{
	BinaryType type;
	const char *text;
	const char *hex;
} Vector;

static void
values_have_the_form_of_their_send_function(void **state)
{
	static const Vector vectors[] = {
		{BINARY_TEXT, "", ""},
		{BINARY_TEXT, "a\xc3\xa9", "61c3a9"},
		{BINARY_BOOL, "t", "01"},
		{BINARY_BOOL, "f", "00"},
		{BINARY_INT2, "-32768", "8000"},
		{BINARY_INT2, "32767", "7fff"},
		{BINARY_INT4, "0", "00000000"},
		{BINARY_INT4, "-1", "ffffffff"},
		{BINARY_INT4, "-2147483648", "80000000"},
		{BINARY_INT4, "2147483647", "7fffffff"},
		{BINARY_INT8, "-9223372036854775808", "8000000000000000"},
		{BINARY_INT8, "9223372036854775807", "7fffffffffffffff"},
		{BINARY_OID, "4294967295", "ffffffff"},
		{BINARY_FLOAT4, "1", "3f800000"},
		{BINARY_FLOAT4, "-0", "80000000"},
		{BINARY_FLOAT4, "1e-45", "00000001"},
		{BINARY_FLOAT4, "3.4028235e+38", "7f7fffff"},
		{BINARY_FLOAT4, "NaN", "7fc00000"},
		{BINARY_FLOAT4, "Infinity", "7f800000"},
		{BINARY_FLOAT4, "-Infinity", "ff800000"},
		{BINARY_FLOAT8, "1.5", "3ff8000000000000"},
		{BINARY_FLOAT8, "0.1", "3fb999999999999a"},
		{BINARY_FLOAT8, "-0", "8000000000000000"},
		{BINARY_FLOAT8, "5e-324", "0000000000000001"},
		{BINARY_FLOAT8, "1.7976931348623157e+308", "7fefffffffffffff"},
		{BINARY_FLOAT8, "9007199254740993", "4340000000000000"},
		{BINARY_FLOAT8, "NaN", "7ff8000000000000"},
		{BINARY_FLOAT8, "-Infinity", "fff0000000000000"},
		/* count, weight, sign, scale, digits */
		{BINARY_NUMERIC, "0", "0000" "0000" "0000" "0000"},
		{BINARY_NUMERIC, "0.00", "0000" "0000" "0000" "0002"},
		{BINARY_NUMERIC, "1", "0001" "0000" "0000" "0000" "0001"},
		{BINARY_NUMERIC, "-10000", "0001" "0001" "4000" "0000" "0001"},
		{BINARY_NUMERIC, "12345.678", "0003" "0001" "0000" "0003" "0001" "0929" "1a7c"},
		{BINARY_NUMERIC, "-0.00001", "0001" "fffe" "4000" "0005" "03e8"},
		{BINARY_NUMERIC, "0.00001000", "0001" "fffe" "0000" "0008" "03e8"},
		{BINARY_NUMERIC, "100000000.0000", "0001" "0002" "0000" "0004" "0001"},
		{BINARY_NUMERIC, "NaN", "0000" "0000" "c000" "0000"},
		{BINARY_NUMERIC, "Infinity", "0000" "0000" "d000" "0020"},
		{BINARY_NUMERIC, "-Infinity", "0000" "0000" "f000" "0020"},
		{BINARY_DATE, "2000-01-01", "00000000"},
		{BINARY_DATE, "1999-12-31", "ffffffff"},
		{BINARY_DATE, "2024-02-29", "00002279"},
		{BINARY_DATE, "4714-11-24 BC", "ffda97a7"},
		{BINARY_DATE, "5874897-12-31", "7fda970c"},
		{BINARY_DATE, "infinity", "7fffffff"},
		{BINARY_DATE, "-infinity", "80000000"},
		{BINARY_TIME, "00:00:00", "0000000000000000"},
		{BINARY_TIME, "00:00:01.5", "000000000016e360"},
		{BINARY_TIME, "24:00:00", "000000141dd76000"},
		{BINARY_TIMESTAMP, "2000-01-01 00:00:00.000001", "0000000000000001"},
		{BINARY_TIMESTAMP, "1999-12-31 23:59:59.999999", "ffffffffffffffff"},
		{BINARY_TIMESTAMP, "4714-11-24 00:00:00 BC", "fd0f7cc1411fa000"},
		{BINARY_TIMESTAMP, "294276-12-31 23:59:59.999999", "7fffff5bb3b29fff"},
		{BINARY_TIMESTAMP, "infinity", "7fffffffffffffff"},
		{BINARY_TIMESTAMP, "-infinity", "8000000000000000"},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00+00", "0000000000000000"},
		{BINARY_TIMESTAMPTZ, "2000-01-01 05:30:12+05:30:12", "0000000000000000"},
		{BINARY_TIMESTAMPTZ, "1999-12-31 21:00:00-03", "0000000000000000"},
		{BINARY_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
		{BINARY_BYTEA, "\\x", ""},
		{BINARY_BYTEA, "\\x00ff5C", "00ff5c"},
		{BINARY_JSONB, "{}", "017b7d"},
	};
	StrBuf out = STRBUF_INIT;
	StrBuf hex = STRBUF_INIT;

	(void) state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const Vector *vector = &vectors[i];

		strbuf_reset(&out);
		if (!convert(vector->type, vector->text, strlen(vector->text), &out))
			fail_msg("%s is refused", vector->text);
		to_hex(out.data, out.length, &hex);
		if (strcmp(strbuf_text(&hex), vector->hex) != 0)
			fail_msg("%s: expected %s, got %s", vector->text, vector->hex, strbuf_text(&hex));
	}
	strbuf_free(&out);
	strbuf_free(&hex);
}

/* Each of them with a text that is good for it. */
static const Vector samples[] = {
	{BINARY_BOOL, "t", NULL},
	{BINARY_INT2, "123", NULL},
	{BINARY_INT4, "-45", NULL},
	{BINARY_INT8, "1234567890123", NULL},
	{BINARY_OID, "99", NULL},
	{BINARY_FLOAT4, "1.5", NULL},
	{BINARY_FLOAT8, "-1.25e-07", NULL},
	{BINARY_NUMERIC, "10.50", NULL},
	{BINARY_DATE, "2024-02-29", NULL},
	{BINARY_TIME, "12:34:56.789", NULL},
	{BINARY_TIMESTAMP, "2024-02-29 12:34:56.789", NULL},
	{BINARY_TIMESTAMPTZ, "2024-02-29 12:34:56.789+05:30", NULL},
	{BINARY_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", NULL},
	{BINARY_BYTEA, "\\x00ff", NULL},
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void
what_is_not_sure_is_refused(void **state)
{
	static const Vector vectors[] = {
		{BINARY_NONE, "x", NULL},
		{BINARY_BOOL, "true", NULL},
		{BINARY_BOOL, "1", NULL},
		{BINARY_INT2, "32768", NULL},
		{BINARY_INT2, "-32769", NULL},
		{BINARY_INT4, "2147483648", NULL},
		{BINARY_INT4, "-2147483649", NULL},
		{BINARY_INT4, "-", NULL},
		{BINARY_INT4, "+1", NULL},
		{BINARY_INT4, "--1", NULL},
		{BINARY_INT4, "1a", NULL},
		{BINARY_INT4, "0x1", NULL},
		{BINARY_INT8, "9223372036854775808", NULL},
		{BINARY_INT8, "-9223372036854775809", NULL},
		{BINARY_INT8, "18446744073709551617", NULL},
		{BINARY_OID, "4294967296", NULL},
		{BINARY_OID, "-1", NULL},
		{BINARY_FLOAT4, "1e39", NULL},
		{BINARY_FLOAT4, "1e-60", NULL},
		{BINARY_FLOAT8, "1e309", NULL},
		{BINARY_FLOAT8, "1e-400", NULL},
		{BINARY_FLOAT8, "1e99999", NULL},
		{BINARY_FLOAT8, "1.", NULL},
		{BINARY_FLOAT8, ".5", NULL},
		{BINARY_FLOAT8, "1e", NULL},
		{BINARY_FLOAT8, "1e+", NULL},
		{BINARY_FLOAT8, "1,5", NULL},
		{BINARY_FLOAT8, "0x1p3", NULL},
		{BINARY_FLOAT8, "nan", NULL},
		{BINARY_FLOAT8, "inf", NULL},
		{BINARY_NUMERIC, "1e5", NULL},
		{BINARY_NUMERIC, ".5", NULL},
		{BINARY_NUMERIC, "5.", NULL},
		{BINARY_NUMERIC, "1.2.3", NULL},
		{BINARY_NUMERIC, "-", NULL},
		{BINARY_NUMERIC, "-NaN", NULL},
		{BINARY_NUMERIC, "1_000", NULL},
		{BINARY_DATE, "2023-02-29", NULL},
		{BINARY_DATE, "1900-02-29", NULL},
		{BINARY_DATE, "2023-13-01", NULL},
		{BINARY_DATE, "2023-00-01", NULL},
		{BINARY_DATE, "2023-01-00", NULL},
		{BINARY_DATE, "2023-04-31", NULL},
		{BINARY_DATE, "0000-01-01", NULL},
		{BINARY_DATE, "4714-11-23 BC", NULL},
		{BINARY_DATE, "5874898-01-01", NULL},
		{BINARY_DATE, "99999999-01-01", NULL},
		{BINARY_DATE, "23-01-01", NULL},
		{BINARY_DATE, "01.02.2023", NULL},
		{BINARY_DATE, "2023-01-01 AD", NULL},
		{BINARY_DATE, "Infinity", NULL},
		{BINARY_TIME, "24:00:00.000001", NULL},
		{BINARY_TIME, "25:00:00", NULL},
		{BINARY_TIME, "12:60:00", NULL},
		{BINARY_TIME, "12:00:60", NULL},
		{BINARY_TIME, "12:00", NULL},
		{BINARY_TIME, "12:00:00.", NULL},
		{BINARY_TIME, "12:00:00.1234567", NULL},
		{BINARY_TIMESTAMP, "2000-01-01", NULL},
		{BINARY_TIMESTAMP, "2000-01-01T00:00:00", NULL},
		{BINARY_TIMESTAMP, "2000-01-01 24:00:00", NULL},
		{BINARY_TIMESTAMP, "2000-01-01 00:00:00+00", NULL},
		{BINARY_TIMESTAMP, "294277-01-01 00:00:00", NULL},
		{BINARY_TIMESTAMP, "4714-11-23 23:59:59 BC", NULL},
		{BINARY_TIMESTAMP, "9999999-01-01 00:00:00", NULL},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00", NULL},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00+16", NULL},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00+0530", NULL},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00+05:", NULL},
		{BINARY_TIMESTAMPTZ, "2000-01-01 00:00:00 UTC", NULL},
		{BINARY_TIMESTAMPTZ, "4714-11-24 00:00:00+01 BC", NULL},
		{BINARY_TIMESTAMPTZ, "294276-12-31 23:59:59-01", NULL},
		{BINARY_UUID, "a0eebc999c0b4ef8bb6d6bb9bd380a11", NULL},
		{BINARY_UUID, "{0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", NULL},
		{BINARY_UUID, "a0eebc99-9c0b-4ef8-bb6d--bb9bd380a11", NULL},
		{BINARY_BYTEA, "", NULL},
		{BINARY_BYTEA, "\\", NULL},
		{BINARY_BYTEA, "\\x0", NULL},
		{BINARY_BYTEA, "\\x0g", NULL},
		{BINARY_BYTEA, "abc\\000", NULL},
		{BINARY_JSONB, "", NULL},
	};
	static const char *const junk[] = {" ", "x", "0:", "-", "\n"};
	StrBuf out = STRBUF_INIT;
	char text[64];

	(void) state;
	strbuf_append(&out, "kept");
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		if (convert(vectors[i].type, vectors[i].text, strlen(vectors[i].text), &out))
			fail_msg("%s is taken as %d", vectors[i].text, vectors[i].type);
	}
	for (size_t i = 0; i < SAMPLE_COUNT; i++)
	{
		size_t length = strlen(samples[i].text);

		assert_false(convert(samples[i].type, "", 0, &out));
		for (size_t j = 0; j < sizeof(junk) / sizeof(junk[0]); j++)
		{
			snprintf(text, sizeof(text), "%s%s", samples[i].text, junk[j]);
			assert_false(convert(samples[i].type, text, strlen(text), &out));
			if (strcmp(junk[j], "-") == 0 && text[0] != '-')
				continue;
			snprintf(text, sizeof(text), "%s%s", junk[j], samples[i].text);
			assert_false(convert(samples[i].type, text, strlen(text), &out));
		}
		/* A zero byte, at the end or in any place. */
		strcpy(text, samples[i].text);
		assert_false(convert(samples[i].type, text, length + 1, &out));
		for (size_t at = 0; at < length; at++)
		{
			strcpy(text, samples[i].text);
			text[at] = '\0';
			assert_false(convert(samples[i].type, text, length, &out));
		}
	}
	assert_string_equal(strbuf_text(&out), "kept");
	strbuf_free(&out);
}

static void
numerics_end_at_the_limits_of_the_type(void **state)
{
	char *text = malloc(200001);
	StrBuf out = STRBUF_INIT;

	(void) state;
	memset(text, '9', 200000);
	assert_true(convert(BINARY_NUMERIC, text, 131072, &out));
	assert_int_equal(out.length, 8 + 2 * 32768);
	assert_false(convert(BINARY_NUMERIC, text, 131073, &out));
	text[1] = '.';
	assert_true(convert(BINARY_NUMERIC, text, 2 + 16383, &out));
	assert_false(convert(BINARY_NUMERIC, text, 2 + 16384, &out));
	strbuf_free(&out);
	free(text);
}

static void
types_are_known_by_their_oid(void **state)
{
	(void) state;
	assert_int_equal(binary_type_of(23), BINARY_INT4);
	assert_int_equal(binary_type_of(1043), BINARY_TEXT);
	assert_int_equal(binary_type_of(142), BINARY_NONE);
	assert_int_equal(binary_type_of(16384), BINARY_NONE);
}

/*
 * Against a server
 */

typedef struct Values
{
	const char *type;
	const char *send;
	const char *sql;			/* one column */
	const char *zone;			/* TimeZone, or NULL */
} Values;

static PGconn *
connect_to_server(void)
{
	PGconn *conn = PQconnectdb(pg_test_conninfo());

	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(PQexec(conn, "SET extra_float_digits = 3; SET datestyle = ISO; SET intervalstyle = postgres; SET bytea_output = hex; "
						 "SET client_min_messages = warning"));
	return conn;
}

static PGresult *
checked(PGconn *conn, PGresult *result, const char *sql)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s%.500s", PQerrorMessage(conn), sql);
	return result;
}

static void
append_32(StrBuf *out, uint32_t value)
{
	value = htobe32(value);
	strbuf_append_bytes(out, &value, sizeof(value));
}

/* A binary array, in three steps: its head, each element's length, its elements. */
static void
array_begin(StrBuf *array, uint32_t element_oid, uint32_t count)
{
	strbuf_reset(array);
	append_32(array, count > 0 ? 1 : 0);
	append_32(array, 0);
	append_32(array, element_oid);
	append_32(array, count);
	append_32(array, 1);
}

static bool
array_add(StrBuf *array, BinaryType type, const char *text, size_t length)
{
	StrBuf element = STRBUF_INIT;
	bool ok = convert(type, text, length, &element);

	append_32(array, (uint32_t) element.length);
	strbuf_append_bytes(array, element.data, element.length);
	strbuf_free(&element);
	return ok;
}

static PGresult *
query_array(PGconn *conn, const char *sql, const StrBuf *array)
{
	const char *values[] = {array->data};
	int lengths[] = {(int) array->length};
	int formats[] = {1};

	return checked(conn, PQexecParams(conn, sql, 1, NULL, values, lengths, formats, 0), sql);
}

/* The type's text: as numbers, names or letters that stand near what it takes. */
static size_t
mutate(const char *text, size_t length, char *out)
{
	static const char letters[] = "0123456789-+.:e \\xINaT/_BC";
	size_t changes = 1 + pick() % 2;

	memcpy(out, text, length);
	while (changes-- > 0)
	{
		size_t at = length > 0 ? pick() % length : 0;
		char letter = letters[pick() % (sizeof(letters) - 1)];

		switch (pick() % 3)
		{
			case 0:				/* another one */
				if (length > 0)
					out[at] = letter;
				break;
			case 1:				/* one more */
				memmove(out + at + 1, out + at, length - at);
				out[at] = letter;
				length++;
				break;
			default:			/* one less */
				if (length > 0)
					memmove(out + at, out + at + 1, --length - at);
				break;
		}
	}
	return length;
}

/* What is nearly right and is taken all the same must be right: the server's input function makes the same of it. */
static void
check_mutations(PGconn *conn, const Values *values, BinaryType type, const PGresult *given)
{
	StrBuf array = STRBUF_INIT;
	StrBuf taken = STRBUF_INIT;
	StrBuf hex = STRBUF_INIT;
	char **expected = malloc(sizeof(char *) * 3000);
	char *text = malloc(256);
	uint32_t count = 0;
	uint32_t big_endian;
	char sql[256];
	PGresult *result;

	array_begin(&array, 25, 0);
	for (int i = 0; i < 3000; i++)
	{
		int row = (int) (pick() % (uint64_t) PQntuples(given));
		size_t length;

		if (PQgetlength(given, row, 0) > 200)
			continue;
		length = mutate(PQgetvalue(given, row, 0), (size_t) PQgetlength(given, row, 0), text);
		strbuf_reset(&taken);
		if (!convert(type, text, length, &taken))
			continue;
		assert_true(array_add(&array, BINARY_TEXT, text, length));
		to_hex(taken.data, taken.length, &hex);
		expected[count++] = strbuf_detach(&hex);
	}
	big_endian = htobe32(count);
	memcpy(array.data + 12, &big_endian, sizeof(big_endian));
	big_endian = htobe32(count > 0 ? 1 : 0);
	memcpy(array.data, &big_endian, sizeof(big_endian));
	snprintf(sql, sizeof(sql), "SELECT v, encode(%s(v::%s), 'hex') FROM unnest($1::text[]) WITH ORDINALITY u(v, n) ORDER BY n",
			 values->send, values->type);
	if (count > 0)
	{
		result = query_array(conn, sql, &array);
		assert_int_equal(PQntuples(result), count);
		for (uint32_t i = 0; i < count; i++)
		{
			if (strcmp(PQgetvalue(result, (int) i, 1), expected[i]) != 0)
				fail_msg("%s '%s' was made %s, but is %s", values->type, PQgetvalue(result, (int) i, 0), expected[i],
						 PQgetvalue(result, (int) i, 1));
			free(expected[i]);
		}
		PQclear(result);
	}
	free(expected);
	free(text);
	strbuf_free(&array);
	strbuf_free(&taken);
	strbuf_free(&hex);
}

static void
check_values(PGconn *conn, const Values *values)
{
	StrBuf sql = STRBUF_INIT;
	StrBuf out = STRBUF_INIT;
	StrBuf hex = STRBUF_INIT;
	StrBuf array = STRBUF_INIT;
	PGresult *given;
	PGresult *back;
	uint32_t oid;
	BinaryType type;

	strbuf_printf(&sql, "SET timezone = '%s'", values->zone != NULL ? values->zone : "UTC");
	PQclear(PQexec(conn, strbuf_text(&sql)));
	strbuf_reset(&sql);
	strbuf_printf(&sql, "SELECT v, encode(%s(v), 'hex'), '%s'::regtype::oid FROM (%s) s(v)", values->send, values->type, values->sql);
	given = checked(conn, PQexec(conn, strbuf_text(&sql)), strbuf_text(&sql));
	oid = (uint32_t) strtoul(PQgetvalue(given, 0, 2), NULL, 10);
	type = binary_type_of(oid);
	assert_int_not_equal(type, BINARY_NONE);

	array_begin(&array, oid, (uint32_t) PQntuples(given));
	for (int i = 0; i < PQntuples(given); i++)
	{
		const char *text = PQgetvalue(given, i, 0);
		size_t length = (size_t) PQgetlength(given, i, 0);

		strbuf_reset(&out);
		if (!convert(type, text, length, &out) || !array_add(&array, type, text, length))
			fail_msg("%s is refused: %.200s", values->type, text);
		to_hex(out.data, out.length, &hex);
		if (strcmp(strbuf_text(&hex), PQgetvalue(given, i, 1)) != 0)
			fail_msg("%s %.200s: sent %.400s, made %.400s", values->type, text, PQgetvalue(given, i, 1), strbuf_text(&hex));
	}
	strbuf_reset(&sql);
	strbuf_printf(&sql, "SELECT v FROM unnest($1::%s[]) WITH ORDINALITY u(v, n) ORDER BY n", values->type);
	back = query_array(conn, strbuf_text(&sql), &array);
	assert_int_equal(PQntuples(back), PQntuples(given));
	for (int i = 0; i < PQntuples(given); i++)
	{
		if (strcmp(PQgetvalue(back, i, 0), PQgetvalue(given, i, 0)) != 0)
			fail_msg("%s %.200s came back as %.200s", values->type, PQgetvalue(given, i, 0), PQgetvalue(back, i, 0));
	}
	if (type != BINARY_TEXT && type != BINARY_JSONB)
		check_mutations(conn, values, type, given);
	PQclear(given);
	PQclear(back);
	strbuf_free(&sql);
	strbuf_free(&out);
	strbuf_free(&hex);
	strbuf_free(&array);
}

#define BITS(n) "('x' || left(md5(random()::text || i), 16))::bit(64)::bit(" #n ")"
#define SOME " FROM generate_series(1, 4000) i"
#define DIGITS(n) "(SELECT string_agg(floor(random() * (1 + 9 * (i % 3)) + 0 * d)::text, '') FROM generate_series(1, 1 + (i * 7919) % " #n ") d)"
#define MICROSECONDS "floor(random() * 86400e6) * interval '1 microsecond'"
#define ANY_TIMESTAMP \
	"timestamp '2000-01-01' + floor(random() * 109203527 - 2451544)::int * interval '1 day' + " MICROSECONDS SOME
#define NEAR_TIMESTAMP \
	"date_trunc((ARRAY['second', 'millisecond', 'microsecond', 'day'])[1 + i % 4], " \
	"timestamp '2000-01-01' + floor(random() * 100000 - 70000)::int * interval '1 day' + " MICROSECONDS ")" SOME

static const Values server_values[] = {
	{"bool", "boolsend", "SELECT random() < 0.5 FROM generate_series(1, 100)", NULL},
	{"int2", "int2send", "SELECT i::int2 FROM generate_series(-32768, 32767, 7) i", NULL},
	{"int4", "int4send", "SELECT " BITS(32) "::int4 >> (i % 32)" SOME, NULL},
	{"int8", "int8send", "SELECT " BITS(64) "::int8 >> (i % 64)" SOME, NULL},
	{"oid", "oidsend", "SELECT (" BITS(32) "::int8 >> (i % 32))::oid" SOME, NULL},
	{"float8", "float8send", "SELECT round((random() * 1e6 - 5e5)::numeric, i % 7)::float8" SOME, NULL},
	{"float4", "float4send", "SELECT round((random() * 1e4 - 5e3)::numeric, i % 4)::float4" SOME, NULL},
	{"float8", "float8send", "SELECT (random() - 0.5) * power(10::float8, i % 600 - 300)" SOME, NULL},
	{"float8", "float8send", "VALUES ('NaN'::float8), ('Infinity'), ('-Infinity'), ('-0'), (5e-324), (1.7976931348623157e308)", NULL},
	{"numeric", "numeric_send", "SELECT (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || " DIGITS(61) " || '.' || " DIGITS(53) ")::numeric" SOME, NULL},
	{"numeric", "numeric_send", "SELECT (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || " DIGITS(29) ")::numeric" SOME, NULL},
	{"numeric", "numeric_send", "SELECT round((random() * 100000)::numeric, i % 5)" SOME, NULL},
	{"numeric", "numeric_send", "VALUES ('NaN'::numeric), (repeat('9', 131072)::numeric), (('0.' || repeat('0', 16382) || '1')::numeric), "
								"((repeat('98', 65536) || '.' || repeat('76', 8191))::numeric), ('1e131071'::numeric)", NULL},
	{"date", "date_send", "SELECT date '2000-01-01' + floor(random() * 2147483493 - 2451545)::int" SOME, NULL},
	{"date", "date_send", "SELECT date '2000-01-01' + floor(random() * 1500000 - 1000000)::int" SOME, NULL},
	{"date", "date_send", "VALUES (date 'infinity'), ('-infinity'), ('4714-11-24 BC'), ('5874897-12-31'), ('0001-01-01'), ('0001-12-31 BC'), "
						  "('0001-02-29 BC'), ('1600-02-29')", NULL},
	{"time", "time_send", "SELECT date_trunc((ARRAY['second', 'millisecond', 'microsecond'])[1 + i % 3], " MICROSECONDS ")::time" SOME, NULL},
	{"time", "time_send", "VALUES (time '24:00:00'), ('00:00:00'), ('23:59:59.999999'), ('00:00:00.1')", NULL},
	{"timestamp", "timestamp_send", "SELECT " ANY_TIMESTAMP, NULL},
	{"timestamp", "timestamp_send", "SELECT " NEAR_TIMESTAMP, NULL},
	{"timestamp", "timestamp_send", "VALUES (timestamp 'infinity'), ('-infinity'), ('4714-11-24 00:00:00 BC'), ('294276-12-31 23:59:59.999999')", NULL},
	{"timestamptz", "timestamptz_send", "SELECT v::timestamptz FROM (SELECT " NEAR_TIMESTAMP ") s(v)", "UTC"},
	{"timestamptz", "timestamptz_send", "SELECT v::timestamptz FROM (SELECT " NEAR_TIMESTAMP ") s(v)", "America/St_Johns"},
	{"timestamptz", "timestamptz_send", "SELECT v::timestamptz FROM (SELECT " ANY_TIMESTAMP ") s(v)", "Asia/Kolkata"},
	{"timestamptz", "timestamptz_send", "SELECT v::timestamptz FROM (SELECT " ANY_TIMESTAMP ") s(v)", "America/New_York"},
	{"timestamptz", "timestamptz_send", "VALUES (timestamptz 'infinity'), ('-infinity')", NULL},
	{"uuid", "uuid_send", "SELECT md5(random()::text || i)::uuid" SOME, NULL},
	{"bytea", "byteasend", "SELECT decode(left(repeat(md5(random()::text || i), 1 + i % 9), 2 * (i % 130)), 'hex')" SOME, NULL},
	{"jsonb", "jsonb_send", "SELECT jsonb_build_object('n', random()::numeric, md5(i::text), ARRAY[i, NULL], 'é\"\\', E'\\n')" SOME, NULL},
	{"json", "json_send", "SELECT ('{\"a\":  ' || i || ', \"a\": 2}')::json" SOME, NULL},
	{"text", "textsend", "SELECT left(repeat(chr(1 + i) || md5(random()::text), 1 + i % 9), i % 200)" SOME, NULL},
	{"varchar", "varcharsend", "SELECT md5(random()::text)::varchar" SOME, NULL},
	{"bpchar", "bpcharsend", "SELECT (md5(random()::text) || '   ')::char(40)::bpchar" SOME, NULL},
};

static void
the_server_finds_its_own_values(void **state)
{
	PGconn *conn = connect_to_server();

	(void) state;
	for (size_t i = 0; i < sizeof(server_values) / sizeof(server_values[0]); i++)
		check_values(conn, &server_values[i]);
	if (PQserverVersion(conn) >= 140000)
		check_values(conn, &(Values){"numeric", "numeric_send", "VALUES ('Infinity'::numeric), ('-Infinity')", NULL});
	PQfinish(conn);
}

/* The bits are made here; the server says how they are written; they must come out of it again. */
static void
floats_keep_every_bit(void **state)
{
	enum { COUNT = 20000 };
	PGconn *conn = connect_to_server();
	StrBuf array = STRBUF_INIT;
	StrBuf bits = STRBUF_INIT;
	StrBuf out = STRBUF_INIT;

	(void) state;
	for (int size = 4; size <= 8; size += 4)
	{
		uint32_t oid = size == 4 ? 700 : 701;
		PGresult *result;

		strbuf_reset(&bits);
		array_begin(&array, oid, COUNT);
		for (int i = 0; i < COUNT; i++)
		{
			uint64_t number = pick();
			char *at;

			/* Some denormals; no NaN, which has more forms than one. */
			if (i % 16 == 0)
				number &= size == 4 ? UINT64_C(0x807fffff00000000) : UINT64_C(0x800fffffffffffff);
			else if ((number >> 52 & 0x7ff) == 0x7ff || (number >> 55 & 0xff) == 0xff)
				number ^= UINT64_C(1) << 60;
			number = htobe64(number);
			at = (char *) &number;
			append_32(&array, (uint32_t) size);
			strbuf_append_bytes(&array, at, (size_t) size);
			strbuf_append_bytes(&bits, at, (size_t) size);
		}
		result = query_array(conn, size == 4 ? "SELECT v FROM unnest($1::float4[]) WITH ORDINALITY u(v, n) ORDER BY n"
											 : "SELECT v FROM unnest($1::float8[]) WITH ORDINALITY u(v, n) ORDER BY n", &array);
		for (int i = 0; i < COUNT; i++)
		{
			strbuf_reset(&out);
			assert_true(convert(binary_type_of(oid), PQgetvalue(result, i, 0), (size_t) PQgetlength(result, i, 0), &out));
			if (memcmp(out.data, bits.data + (size_t) i * (size_t) size, (size_t) size) != 0)
				fail_msg("float%d %s has lost bits", size, PQgetvalue(result, i, 0));
		}
		PQclear(result);
	}
	strbuf_free(&array);
	strbuf_free(&bits);
	strbuf_free(&out);
	PQfinish(conn);
}

int
main(void)
{
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(values_have_the_form_of_their_send_function),
		cmocka_unit_test(what_is_not_sure_is_refused),
		cmocka_unit_test(numerics_end_at_the_limits_of_the_type),
		cmocka_unit_test(types_are_known_by_their_oid),
	};
	const struct CMUnitTest with_server[] = {
		cmocka_unit_test(the_server_finds_its_own_values),
		cmocka_unit_test(floats_keep_every_bit),
	};
	int failed = cmocka_run_group_tests(alone, NULL, NULL);

	return failed + pg_test_run("with a server", with_server, NULL, NULL);
}
