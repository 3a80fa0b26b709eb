/*
 * plugin_list.h
 *		The server's setting output_plugin_libraries: which output plugins it loads.
 *
 * Servers since the minor releases of August 2026 have it.  Its text is a comma separated list; an element may be in double quotes,
 * with "" for a quote, and white space around elements does not count.  Pure functions, no server.
 */
#ifndef DBSYNC_SYNC_PLUGIN_LIST_H
#define DBSYNC_SYNC_PLUGIN_LIST_H

#include "base/strbuf.h"

/* Does the list name the plugin? */
bool plugin_list_has(const char *list, const char *plugin);

/* The elements as string constants, and the plugin behind them where it is missing: what ALTER ... SET takes as a new value. */
void plugin_list_with(StrBuf *buf, const char *list, const char *plugin);

#endif
