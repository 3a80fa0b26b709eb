/*
 * record.h
 *		From record text to the model: the parser of docs/record-format.md.  No I/O.
 *
 * Bad input gives an error that names the record's kind and what is wrong, never a crash; a value's text is not put into the
 * message.  jansson reads every record.
 */
#ifndef DBSYNC_MODEL_RECORD_H
#define DBSYNC_MODEL_RECORD_H

#include "base/arena.h"
#include "base/error.h"
#include "model/change.h"

#define RECORD_VERSION 1

typedef enum RecordKind
{
	RECORD_HELLO, RECORD_BEGIN, RECORD_RELATION, RECORD_CHANGE, RECORD_COMMIT
} RecordKind;

typedef struct Record
{
	RecordKind	kind;

	/* hello */
	int			version;
	int			server_version_num;
	const char *encoding;

	/* begin, commit */
	uint32_t	xid;			/* begin only */
	Lsn			commit_lsn;
	Lsn			end_lsn;		/* commit only */
	int64_t		commit_time_us;
	const char *origin_name;	/* begin only; or NULL */
	Lsn			origin_lsn;

	Relation   *relation;		/* relation: the new entry of the map */
	Change		change;
} Record;

/* The relations of one segment, by number.  Owns them. */
typedef struct RelationMap RelationMap;

RelationMap *relation_map_new(void);
void relation_map_free(RelationMap *map);
/* free_data is called for each relation's applier_data that is not NULL. */
void relation_map_clear(RelationMap *map, void (*free_data) (void *applier_data));
Relation *relation_map_find(const RelationMap *map, uint64_t number);	/* or NULL */

/*
 * Parse one record of the given length (no line feed).  Memory of the result comes from the arena; relations are put into the map
 * (a relation record with a number that is already there is accepted when it says the same, and is an error otherwise).
 */
bool record_parse(const char *text, size_t length, RelationMap *map, Arena *arena, Record *record, Error *err) DBSYNC_MUST_CHECK;

/*
 * What the receiver needs, without a full parse.  kind_letter: the byte at [2], 0 if the text is no record at all.
 */
char record_letter(const char *text, size_t length);
bool record_peek_begin(const char *text, size_t length, uint32_t *xid, Lsn *commit_lsn, int64_t *commit_time_us, Error *err) DBSYNC_MUST_CHECK;
bool record_peek_commit(const char *text, size_t length, Lsn *commit_lsn, Lsn *end_lsn, Error *err) DBSYNC_MUST_CHECK;
bool record_peek_relation(const char *text, size_t length, uint64_t *number, Error *err) DBSYNC_MUST_CHECK;

#endif
