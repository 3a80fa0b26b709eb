/*
 * value.h
 *
 * One value of a row as JSON: the text output of its type, as a string. The
 * commonest built-in types are written straight to the record, byte for byte
 * as their output functions would; all others go through those functions.
 *
 * Output settings are those of settings.h; they must be in force.
 */
#ifndef ALIDECODE_VALUE_H
#define ALIDECODE_VALUE_H

#include "postgres.h"

#include "fmgr.h"
#include "writer.h"

typedef enum ValueKind
{
	VALUE_OTHER,				/* by the output function */
	VALUE_BOOL,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_OID,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_NUMERIC,
	VALUE_TEXT,					/* text, varchar, char(n), json */
	VALUE_NAME,
	VALUE_BYTEA,
	VALUE_UUID,
	VALUE_DATE,
	VALUE_TIMESTAMP,
	VALUE_TIMESTAMPTZ
} ValueKind;

/* How the values of one column are written. */
typedef struct ValueWriter
{
	ValueKind	kind;
	bool		is_varlena;
	FmgrInfo	output;
} ValueWriter;

/* Looks up the output of a type. Its memory is of the given context. */
extern void value_writer_init(ValueWriter *value_writer, Oid type,
							  MemoryContext context);

/*
 * Appends a value that is not null. Memory that it needs on the way is taken
 * from the current context, which the caller resets.
 */
extern void value_append(Writer *writer, ValueWriter *value_writer, Datum value);

/* Is this a value that the WAL does not hold (unchanged, out of line)? */
static inline bool
value_is_absent(const ValueWriter *value_writer, Datum value)
{
	return value_writer->is_varlena &&
		VARATT_IS_EXTERNAL_ONDISK((struct varlena *) DatumGetPointer(value));
}

/* Appends a time as timestamptz shows it in UTC, quotes included. */
extern void value_append_time(Writer *writer, TimestampTz time);

#endif							/* ALIDECODE_VALUE_H */
