/*
 * format.c
 *		Which tables may be copied in COPY's binary format.
 *
 * Binary values are taken as they stand, so both sides must mean the same by them.  That is known of the types listed here: built in,
 * with one number on every server, and with a binary form that has not changed since the oldest version that we speak to.  All
 * others go as text: types made by users and extensions, arrays and rows of them (they carry type numbers that differ between servers),
 * and those whose binary form depends on version or settings.
 */
#include "copy/copy_private.h"

/* Sorted.  Text in them travels in client_encoding, as it does in the text format. */
static const uint32_t stable_types[] = {
	16,	  /* bool */
	17,	  /* bytea */
	20,	  /* int8 */
	21,	  /* int2 */
	23,	  /* int4 */
	25,	  /* text */
	26,	  /* oid */
	114,  /* json */
	600,  /* point */
	700,  /* float4 */
	701,  /* float8 */
	774,  /* macaddr8 */
	829,  /* macaddr */
	869,  /* inet */
	1000, /* bool[] */
	1001, /* bytea[] */
	1005, /* int2[] */
	1007, /* int4[] */
	1009, /* text[] */
	1015, /* varchar[] */
	1016, /* int8[] */
	1021, /* float4[] */
	1022, /* float8[] */
	1042, /* bpchar */
	1043, /* varchar */
	1082, /* date */
	1083, /* time */
	1114, /* timestamp */
	1115, /* timestamp[] */
	1182, /* date[] */
	1184, /* timestamptz */
	1185, /* timestamptz[] */
	1186, /* interval */
	1231, /* numeric[] */
	1266, /* timetz */
	1560, /* bit */
	1562, /* varbit */
	1700, /* numeric */
	2950, /* uuid */
	2951, /* uuid[] */
	3802, /* jsonb */
};

static bool
is_stable(uint32_t type)
{
	size_t low = 0;
	size_t high = sizeof(stable_types) / sizeof(stable_types[0]);

	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (stable_types[middle] == type)
			return true;
		if (stable_types[middle] < type)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
copy_can_be_binary(const PgTable *source, const PgTable *target)
{
	for (int i = 0; i < source->column_count; i++)
	{
		const PgColumn *from = &source->columns[i];
		const PgColumn *to = pg_table_column(target, from->name);

		if (from->generated || !to || to->generated)
			continue;
		if (from->type_oid != to->type_oid || !is_stable(from->type_oid))
			return false;
	}
	return true;
}
