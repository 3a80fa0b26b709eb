/*
 * record.c
 *		The parser of docs/record-format.md.
 *
 * jansson makes a tree of a record; this file checks each element's type and number before it is used, and copies what is
 * kept into the arena, so that nothing of the tree outlives the call.  Messages name the record and the position, never a value.
 */
#include "model/record.h"

#include "base/clock.h"
#include "model/record_scan.h"
#include "model/relation_map.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* PostgreSQL has at most 1,600 columns; views of other sources have somewhat more.  A limit keeps int arithmetic safe. */
#define COLUMN_LIMIT 65535

typedef struct Parser
{
	const char *what;			/* "insert record" ... */
	json_t	   *root;
	size_t		count;			/* elements of root */
	RelationMap *map;
	Arena	   *arena;
	Error	   *err;
} Parser;

static const char *
record_name(char letter)
{
	switch (letter)
	{
		case 'H':
			return "hello record";
		case 'B':
			return "begin record";
		case 'R':
			return "relation record";
		case 'I':
			return "insert record";
		case 'U':
			return "update record";
		case 'D':
			return "delete record";
		case 'T':
			return "truncate record";
		case 'M':
			return "message record";
		case 'C':
			return "commit record";
		default:
			return NULL;
	}
}

char
record_letter(const char *text, size_t length)
{
	/* ["X"] is the shortest that can be a record */
	if (length < 5 || text[0] != '[' || text[1] != '"' || text[3] != '"' || (text[4] != ',' && text[4] != ']'))
		return 0;
	return text[2];
}

/* jansson's own message quotes the text near the error, which is row data. */
static const char *
json_reason(const json_error_t *error)
{
	switch (json_error_code(error))
	{
		case json_error_invalid_utf8:
			return "bytes that are not UTF-8";
		case json_error_null_character:
		case json_error_null_byte_in_key:
			return "a zero character in a string";
		case json_error_premature_end_of_input:
			return "it ends too early";
		case json_error_end_of_input_expected:
			return "something behind its end";
		case json_error_stack_overflow:
			return "nested too deeply";
		case json_error_numeric_overflow:
			return "a number out of range";
		case json_error_out_of_memory:
			return "out of memory";
		default:
			return "invalid syntax";
	}
}

static bool
parser_open(Parser *parser, const char *text, size_t length, RelationMap *map, Arena *arena, Error *err)
{
	json_error_t error;
	const char *what = record_name(record_letter(text, length));

	memset(parser, 0, sizeof(*parser));
	parser->what = what;
	parser->map = map;
	parser->arena = arena;
	parser->err = err;
	if (what == NULL)
	{
		unsigned char letter = (unsigned char) record_letter(text, length);

		if (letter > ' ' && letter < 127)
			return error_hint((error_set(err, ERROR_FAILED, "unknown record kind \"%c\"", letter), err),
							  "The plugin on the source is newer than this dbsync: upgrade dbsync.");
		return error_set(err, ERROR_FAILED, "not a record: %zu bytes that do not begin as one", length);
	}

	parser->root = json_loadb(text, length, 0, &error);
	if (parser->root == NULL)
		return error_set(err, ERROR_FAILED, "%s: not valid JSON at byte %d of %zu: %s", what, error.position, length, json_reason(&error));
	if (!json_is_array(parser->root))
	{
		json_decref(parser->root);
		parser->root = NULL;
		return error_set(err, ERROR_FAILED, "%s: not an array", what);
	}
	parser->count = json_array_size(parser->root);
	return true;
}

static bool
bad(const Parser *parser, const char *part, const char *expected)
{
	return error_set(parser->err, ERROR_FAILED, "%s: %s is not %s", parser->what, part, expected);
}

static bool
need(const Parser *parser, size_t count)
{
	if (parser->count >= count)
		return true;
	return error_set(parser->err, ERROR_FAILED, "%s: %zu elements, needs %zu", parser->what, parser->count, count);
}

static json_t *
at(const Parser *parser, size_t index)
{
	return json_array_get(parser->root, index);
}

static bool
get_text(const Parser *parser, const json_t *json, const char *part, const char **text)
{
	if (!json_is_string(json))
		return bad(parser, part, "a string");
	*text = arena_strndup(parser->arena, json_string_value(json), json_string_length(json));
	return true;
}

static bool
get_number(const Parser *parser, const json_t *json, const char *part, uint64_t max, uint64_t *number)
{
	if (!json_is_integer(json) || json_integer_value(json) < 0 || (uint64_t) json_integer_value(json) > max)
		return bad(parser, part, "a number in range");
	*number = (uint64_t) json_integer_value(json);
	return true;
}

static bool
get_lsn(const Parser *parser, const json_t *json, const char *part, Lsn *lsn)
{
	if (!json_is_string(json) || !lsn_parse_bytes(json_string_value(json), json_string_length(json), lsn))
		return bad(parser, part, "an LSN");
	return true;
}

static bool
get_time(const Parser *parser, const json_t *json, const char *part, int64_t *time_us)
{
	if (!json_is_string(json) || !clock_parse(json_string_value(json), time_us))
		return bad(parser, part, "a time");
	return true;
}

static bool
parse_hello(const Parser *parser, Record *record)
{
	uint64_t	version = 0;
	uint64_t	server = 0;

	record->kind = RECORD_HELLO;
	if (!need(parser, 4) || !get_number(parser, at(parser, 1), "the version", INT32_MAX, &version))
		return false;
	/* A later version may have changed everything behind it. */
	if (version != RECORD_VERSION)
		return error_hint((error_set(parser->err, ERROR_FAILED, "%s: record version %" PRIu64 ", this dbsync speaks version %d", parser->what,
									 version, RECORD_VERSION),
						   parser->err),
						  "Use a dbsync and an alidecode of the same release.");
	if (!get_number(parser, at(parser, 2), "the server's version", INT32_MAX, &server) ||
		!get_text(parser, at(parser, 3), "the encoding", &record->encoding))
		return false;
	record->version = (int) version;
	record->server_version_num = (int) server;
	return true;
}

static bool
parse_begin(const Parser *parser, Record *record)
{
	uint64_t	xid = 0;

	record->kind = RECORD_BEGIN;
	if (!need(parser, 4) || !get_number(parser, at(parser, 1), "the xid", UINT32_MAX, &xid) ||
		!get_lsn(parser, at(parser, 2), "the commit LSN", &record->commit_lsn) ||
		!get_time(parser, at(parser, 3), "the commit time", &record->commit_time_us))
		return false;
	record->xid = (uint32_t) xid;
	if (parser->count < 6)
		return true;
	return get_text(parser, at(parser, 4), "the origin", &record->origin_name) &&
		get_lsn(parser, at(parser, 5), "the origin's LSN", &record->origin_lsn);
}

static bool
parse_commit(const Parser *parser, Record *record)
{
	record->kind = RECORD_COMMIT;
	return need(parser, 4) && get_lsn(parser, at(parser, 1), "the commit LSN", &record->commit_lsn) &&
		get_lsn(parser, at(parser, 2), "the end LSN", &record->end_lsn) &&
		get_time(parser, at(parser, 3), "the commit time", &record->commit_time_us);
}

static bool
parse_columns(const Parser *parser, const json_t *json, Relation *relation)
{
	size_t		count = json_array_size(json);

	if (!json_is_array(json) || count > COLUMN_LIMIT)
		return bad(parser, "the list of columns", "an array in range");
	relation->column_count = (int) count;
	relation->columns = arena_zalloc(parser->arena, sizeof(RelationColumn) * (count + 1));
	relation->identity_columns = arena_zalloc(parser->arena, sizeof(int) * (count + 1));
	for (size_t i = 0; i < count; i++)
	{
		const json_t *entry = json_array_get(json, i);
		RelationColumn *column = &relation->columns[i];
		uint64_t	flags = 0;

		if (!json_is_array(entry) || json_array_size(entry) < 3)
			return bad(parser, "a column", "an array of name, type and flags");
		if (!get_text(parser, json_array_get(entry, 0), "a column's name", &column->name) ||
			!get_text(parser, json_array_get(entry, 1), "a column's type", &column->type) ||
			!get_number(parser, json_array_get(entry, 2), "a column's flags", INT32_MAX, &flags))
			return false;
		column->flags = (int) flags;
		if (relation->identity == 'f' || (relation->identity != 'n' && (flags & COLUMN_IDENTITY) != 0))
			relation->identity_columns[relation->identity_count++] = (int) i;
	}
	if ((relation->identity == 'd' || relation->identity == 'i') && relation->identity_count == 0)
		return error_set(parser->err, ERROR_FAILED, "%s: %s.%s has identity \"%c\" and no column of it", parser->what, relation->schema,
						 relation->table, relation->identity);
	return true;
}

static bool
parse_relation(const Parser *parser, Record *record)
{
	Relation	relation;
	uint64_t	oid = 0;
	const char *identity = "";

	memset(&relation, 0, sizeof(relation));
	record->kind = RECORD_RELATION;
	if (!need(parser, 7) || !get_number(parser, at(parser, 1), "the relation's number", INT64_MAX, &relation.number) ||
		!get_number(parser, at(parser, 2), "the oid", UINT32_MAX, &oid) || !get_text(parser, at(parser, 3), "the schema", &relation.schema) ||
		!get_text(parser, at(parser, 4), "the table", &relation.table) || !get_text(parser, at(parser, 5), "the identity", &identity))
		return false;
	if (strlen(identity) != 1 || strchr("dfin", identity[0]) == NULL)
		return bad(parser, "the identity", "one of d, f, i, n");
	relation.oid = (uint32_t) oid;
	relation.identity = identity[0];
	if (!parse_columns(parser, at(parser, 6), &relation))
		return false;
	if (parser->count > 7 && !json_is_null(at(parser, 7)))
	{
		const json_t *root = at(parser, 7);

		if (!json_is_array(root) || json_array_size(root) < 2)
			return bad(parser, "the partition root", "an array of schema and table");
		if (!get_text(parser, json_array_get(root, 0), "the root's schema", &relation.root_schema) ||
			!get_text(parser, json_array_get(root, 1), "the root's table", &relation.root_table))
			return false;
	}
	return relation_map_add(parser->map, &relation, &record->relation, parser->err);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
get_bytes(const Parser *parser, const json_t *json, Value *value)
{
	const json_t *hex = json_object_get(json, "hex");
	const char *digits = json_string_value(hex);
	size_t		length = json_string_length(hex);
	char	   *bytes;

	if (digits == NULL || length % 2 != 0)
		return bad(parser, "a value", "an object with hex digits");
	bytes = arena_alloc(parser->arena, length / 2 + 1);
	for (size_t i = 0; i < length / 2; i++)
	{
		int			high = hex_digit(digits[2 * i]);
		int			low = hex_digit(digits[2 * i + 1]);

		/* text that goes to a server ends at a zero byte */
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return bad(parser, "a value", "an object with hex digits of non-zero bytes");
		bytes[i] = (char) (high * 16 + low);
	}
	bytes[length / 2] = '\0';
	value->kind = VALUE_BYTES;
	value->data = bytes;
	value->length = length / 2;
	return true;
}

static bool
get_value(const Parser *parser, const json_t *json, Value *value)
{
	value->data = NULL;
	value->length = 0;
	switch (json_typeof(json))
	{
		case JSON_STRING:
			value->kind = VALUE_TEXT;
			value->length = json_string_length(json);
			value->data = arena_strndup(parser->arena, json_string_value(json), value->length);
			return true;
		case JSON_NULL:
			value->kind = VALUE_NULL;
			return true;
		case JSON_FALSE:
			value->kind = VALUE_UNCHANGED;
			return true;
		case JSON_OBJECT:
			return get_bytes(parser, json, value);
		default:
			return bad(parser, "a value", "a string, null, false or an object");
	}
}

static bool
get_values(const Parser *parser, const json_t *json, const Relation *relation, int count, const char *part, Value **values)
{
	size_t		found = json_array_size(json);

	if (!json_is_array(json))
		return bad(parser, part, "an array");
	if (found != (size_t) count)
		return error_set(parser->err, ERROR_FAILED, "%s: %s are %zu, relation %" PRIu64 " (%s.%s) needs %d", parser->what, part, found,
						 relation->number, relation->schema, relation->table, count);
	*values = arena_alloc(parser->arena, sizeof(Value) * (size_t) (count + 1));
	for (int i = 0; i < count; i++)
	{
		if (!get_value(parser, json_array_get(json, (size_t) i), &(*values)[i]))
			return false;
	}
	return true;
}

static bool
get_relation(const Parser *parser, const json_t *json, Relation **relation)
{
	uint64_t	number = 0;

	if (!get_number(parser, json, "the relation's number", INT64_MAX, &number))
		return false;
	*relation = relation_map_find(parser->map, number);
	if (*relation == NULL)
		return error_set(parser->err, ERROR_FAILED, "%s: relation %" PRIu64 " was not announced by a relation record", parser->what, number);
	return true;
}

static bool
get_old_values(const Parser *parser, const json_t *json, Change *change)
{
	if (json_is_null(json))
	{
		change->no_identity = true;
		return true;
	}
	return get_values(parser, json, change->relation, change->relation->identity_count, "the old values", &change->old_values);
}

static bool
parse_row_change(const Parser *parser, ChangeKind kind, Change *change)
{
	change->kind = kind;
	if (!need(parser, 3) || !get_relation(parser, at(parser, 1), &change->relation))
		return false;
	if (kind == CHANGE_DELETE)
		return get_old_values(parser, at(parser, 2), change);
	if (!get_values(parser, at(parser, 2), change->relation, change->relation->column_count, "the new values", &change->new_values))
		return false;
	if (kind == CHANGE_UPDATE && parser->count > 3)
		return get_old_values(parser, at(parser, 3), change);
	return true;
}

static bool
parse_truncate(const Parser *parser, Change *change)
{
	const json_t *list = at(parser, 1);
	const char *flags = "";

	change->kind = CHANGE_TRUNCATE;
	if (!need(parser, 3))
		return false;
	if (!json_is_array(list) || json_array_size(list) > INT32_MAX)
		return bad(parser, "the list of relations", "an array");
	change->relation_count = (int) json_array_size(list);
	change->relations = arena_zalloc(parser->arena, sizeof(Relation *) * (size_t) (change->relation_count + 1));
	for (int i = 0; i < change->relation_count; i++)
	{
		if (!get_relation(parser, json_array_get(list, (size_t) i), &change->relations[i]))
			return false;
	}
	if (!get_text(parser, at(parser, 2), "the flags", &flags))
		return false;
	for (; *flags != '\0'; flags++)
	{
		if (*flags == 'c')
			change->truncate_flags |= TRUNCATE_CASCADE;
		else if (*flags == 'r')
			change->truncate_flags |= TRUNCATE_RESTART_IDENTITY;
		else
			return bad(parser, "the flags", "made of c and r");
	}
	return true;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

static bool
decode_base64(const Parser *parser, const char *text, size_t length, Change *change)
{
	unsigned char *out = arena_alloc(parser->arena, length / 4 * 3 + 1);
	size_t		used = 0;

	if (length % 4 != 0)
		return bad(parser, "the content", "base64");
	for (size_t i = 0; i < length; i += 4)
	{
		uint32_t	bits = 0;
		int			padding = 0;

		for (size_t j = 0; j < 4; j++)
		{
			int			digit = base64_digit(text[i + j]);

			/* "=" fills the last group only, at its third and fourth place */
			if (text[i + j] == '=' && i + 4 == length && j >= 2)
			{
				padding++;
				digit = 0;
			}
			else if (digit < 0 || padding > 0)
				return bad(parser, "the content", "base64");
			bits = bits << 6 | (uint32_t) digit;
		}
		out[used++] = (unsigned char) (bits >> 16);
		if (padding < 2)
			out[used++] = (unsigned char) (bits >> 8);
		if (padding < 1)
			out[used++] = (unsigned char) bits;
	}
	out[used] = '\0';
	change->content = (const char *) out;
	change->content_length = used;
	return true;
}

static bool
parse_message(const Parser *parser, Change *change)
{
	const json_t *content = at(parser, 2);
	const json_t *encoded = at(parser, 5);

	change->kind = CHANGE_MESSAGE;
	if (!need(parser, 5) || !get_text(parser, at(parser, 1), "the prefix", &change->prefix))
		return false;
	if (!json_is_string(content))
		return bad(parser, "the content", "a string");
	if (!get_lsn(parser, at(parser, 3), "the LSN", &change->message_lsn))
		return false;
	if (!json_is_boolean(at(parser, 4)))
		return bad(parser, "transactional", "true or false");
	change->message_transactional = json_is_true(at(parser, 4));
	if (encoded == NULL || json_is_null(encoded))
	{
		change->content_length = json_string_length(content);
		change->content = arena_strndup(parser->arena, json_string_value(content), change->content_length);
		return true;
	}
	if (!json_is_string(encoded) || strcmp(json_string_value(encoded), "base64") != 0)
		return bad(parser, "the content's encoding", "\"base64\"");
	return decode_base64(parser, json_string_value(content), json_string_length(content), change);
}

static bool
parse_root(const Parser *parser, char letter, Record *record)
{
	switch (letter)
	{
		case 'H':
			return parse_hello(parser, record);
		case 'B':
			return parse_begin(parser, record);
		case 'R':
			return parse_relation(parser, record);
		case 'C':
			return parse_commit(parser, record);
		default:
			break;
	}
	record->kind = RECORD_CHANGE;
	switch (letter)
	{
		case 'I':
			return parse_row_change(parser, CHANGE_INSERT, &record->change);
		case 'U':
			return parse_row_change(parser, CHANGE_UPDATE, &record->change);
		case 'D':
			return parse_row_change(parser, CHANGE_DELETE, &record->change);
		case 'T':
			return parse_truncate(parser, &record->change);
		default:
			return parse_message(parser, &record->change);
	}
}

bool
record_parse(const char *text, size_t length, RelationMap *map, Arena *arena, Record *record, Error *err)
{
	Parser		parser;
	bool		ok;

	memset(record, 0, sizeof(*record));
	if (!parser_open(&parser, text, length, map, arena, err))
		return false;
	ok = parse_root(&parser, record_letter(text, length), record);
	json_decref(parser.root);
	return ok;
}

bool
record_peek_begin(const char *text, size_t length, uint32_t *xid, Lsn *commit_lsn, int64_t *commit_time_us, Error *err)
{
	Parser		parser;
	uint64_t	number = 0;
	bool		ok;

	if (record_scan_begin(text, length, xid, commit_lsn, commit_time_us))
		return true;
	if (record_letter(text, length) != 'B')
		return error_set(err, ERROR_FAILED, "not a begin record");
	if (!parser_open(&parser, text, length, NULL, NULL, err))
		return false;
	ok = need(&parser, 4) && get_number(&parser, at(&parser, 1), "the xid", UINT32_MAX, &number) &&
		get_lsn(&parser, at(&parser, 2), "the commit LSN", commit_lsn) && get_time(&parser, at(&parser, 3), "the commit time", commit_time_us);
	*xid = (uint32_t) number;
	json_decref(parser.root);
	return ok;
}

bool
record_peek_commit(const char *text, size_t length, Lsn *commit_lsn, Lsn *end_lsn, Error *err)
{
	Parser		parser;
	bool		ok;

	if (record_scan_commit(text, length, commit_lsn, end_lsn))
		return true;
	if (record_letter(text, length) != 'C')
		return error_set(err, ERROR_FAILED, "not a commit record");
	if (!parser_open(&parser, text, length, NULL, NULL, err))
		return false;
	ok = need(&parser, 4) && get_lsn(&parser, at(&parser, 1), "the commit LSN", commit_lsn) &&
		get_lsn(&parser, at(&parser, 2), "the end LSN", end_lsn);
	json_decref(parser.root);
	return ok;
}

bool
record_peek_relation(const char *text, size_t length, uint64_t *number, Error *err)
{
	Parser		parser;
	bool		ok;

	if (record_letter(text, length) != 'R')
		return error_set(err, ERROR_FAILED, "not a relation record");
	if (!parser_open(&parser, text, length, NULL, NULL, err))
		return false;
	ok = need(&parser, 7) && get_number(&parser, at(&parser, 1), "the relation's number", INT64_MAX, number);
	json_decref(parser.root);
	return ok;
}
