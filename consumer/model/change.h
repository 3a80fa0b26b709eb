/*
 * change.h
 *		What a source says: relations, values, changes.  The model that sources, planner and appliers share.
 *
 * All pointers lead into the arena that the decoder was given (relations: into their RelationMap) and live as long as it.
 * Text is in the encoding of the stream (see Hello), zero-terminated.
 */
#ifndef DBSYNC_MODEL_CHANGE_H
#define DBSYNC_MODEL_CHANGE_H

#include "base/compiler.h"
#include "model/lsn.h"

typedef enum ValueKind
{
	VALUE_NULL,
	VALUE_TEXT,					/* text output of the type */
	VALUE_BYTES,				/* the same, but its bytes are not valid in the stream's encoding (SQL_ASCII source) */
	VALUE_UNCHANGED				/* unchanged TOAST value: not known, stays as it is */
} ValueKind;

typedef struct Value
{
	const char *data;			/* zero-terminated; NULL unless VALUE_TEXT or VALUE_BYTES */
	size_t		length;
	ValueKind	kind;
} Value;

#define COLUMN_IDENTITY 1
#define COLUMN_GENERATED 2

typedef struct RelationColumn
{
	const char *name;
	const char *type;			/* SQL identifier of the source's type; for people and for checks */
	int			flags;			/* COLUMN_* */
} RelationColumn;

typedef struct Relation
{
	uint64_t	number;			/* "rel" of its session */
	uint32_t	oid;			/* on the source; 0 where a source has none */
	const char *schema;
	const char *table;
	const char *root_schema;	/* root of the partition tree, or NULL */
	const char *root_table;
	char		identity;		/* 'd' primary key, 'i' index, 'f' full, 'n' none usable */
	int			column_count;
	RelationColumn *columns;
	int			identity_count;
	int		   *identity_columns;	/* indexes into columns */
	void	   *applier_data;	/* the applier's; not touched by the model */
} Relation;

typedef enum ChangeKind
{
	CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_TRUNCATE, CHANGE_MESSAGE
} ChangeKind;

#define TRUNCATE_CASCADE 1
#define TRUNCATE_RESTART_IDENTITY 2

typedef struct Change
{
	ChangeKind	kind;

	/* insert, update, delete */
	Relation   *relation;
	Value	   *new_values;		/* column_count of them; NULL for delete */
	Value	   *old_values;		/* identity_count of them, or NULL: update without change of the identity, or no_identity */
	bool		no_identity;	/* update or delete of a row that cannot be named */

	/* truncate */
	Relation  **relations;
	int			relation_count;
	int			truncate_flags;

	/* message */
	const char *prefix;
	const char *content;		/* decoded; may hold zero bytes */
	size_t		content_length;
	Lsn			message_lsn;
	bool		message_transactional;
} Change;

#endif
