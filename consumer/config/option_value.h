/*
 * option_value.h
 *		One value, as a person wrote it, into its field of the Config.
 */
#ifndef DBSYNC_CONFIG_OPTION_VALUE_H
#define DBSYNC_CONFIG_OPTION_VALUE_H

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"
#include "config/options.h"

/*
 * folder: where a relative path starts; NULL: the current folder.  Strings go to the arena.  The error names the option and says what is
 * allowed; the value is not shown where it could be a password.
 */
bool option_set_value(const Option *option, Config *config, const char *value, const char *folder, Arena *arena,
					  Error *err) DBSYNC_MUST_CHECK;

/*
 * Without the double quotes around a value of the file: older configurations have them.  Not for table lists, where quotes are part
 * of a name.  option may be NULL.  To be freed.
 */
char *option_unquote(const Option *option, const char *value);

/* Does this connection string hold a password? */
bool option_has_password(const char *connection);

#endif
