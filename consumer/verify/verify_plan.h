/*
 * verify_plan.h
 *		What is compared with what, and by which statements.
 */
#ifndef DBSYNC_VERIFY_VERIFY_PLAN_H
#define DBSYNC_VERIFY_VERIFY_PLAN_H

#include "pg/catalog.h"
#include "verify/verify.h"

/* Fills report->tables.  Both connections are only read. */
bool verify_plan(const Config *config, const char *patterns, PgConn *source, PgConn *target, VerifyReport *report, Error *err) DBSYNC_MUST_CHECK;

#endif
