/*
 * verify_look.h
 *		One look at one table, on both sides at once, and what it says.
 */
#ifndef DBSYNC_VERIFY_VERIFY_LOOK_H
#define DBSYNC_VERIFY_VERIFY_LOOK_H

#include "pg/conn.h"
#include "verify/verify.h"

/*
 * Looks, and moves table->result from PENDING where the look allows a judgement; with final always.  The first look is at the whole
 * table, later ones are at its parts.  A table that cannot be read becomes FAILED, with a remark; false only where the connection
 * is gone or a stop was asked for.
 */
bool verify_look_at(PgConn *source, PgConn *target, VerifyTable *table, bool final, Error *err) DBSYNC_MUST_CHECK;

/*
 * The judgement of a look that has the totals of both sides, and a hash of each of their parts (0: no rows there); for whoever looks by other
 * means.
 */
void verify_judge_parts(VerifyTable *table, const uint64_t *source, const uint64_t *target, bool final);

void verify_look_free(VerifyLook *look);

#endif
