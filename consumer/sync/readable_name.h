/*
 * readable_name.h
 *		Names as people write them: quoted only where SQL needs it.  For messages and for the statements in them.
 */
#ifndef DBSYNC_SYNC_READABLE_NAME_H
#define DBSYNC_SYNC_READABLE_NAME_H

#include "base/strbuf.h"

void readable_name_write(StrBuf *buf, const char *name);
void readable_name_write_qualified(StrBuf *buf, const char *schema, const char *name);

#endif
