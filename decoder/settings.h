/*
 * settings.h
 *
 * The server settings that decide how values look as text. While rows are
 * written they have fixed values, whatever the session says, so that reading
 * the text again gives the same value.
 */
#ifndef ALIDECODE_SETTINGS_H
#define ALIDECODE_SETTINGS_H

#include "postgres.h"

/*
 * Fixes the settings for the rest of the session. For a walsender, which has
 * nothing else to do; called outside of a transaction.
 */
extern void settings_fix_session(void);

/*
 * Fixes those settings that differ until settings_restore(), or until the end
 * of the current (sub)transaction, also by an error. Returns what
 * settings_restore() wants; 0: nothing had to be done.
 */
extern int	settings_fix(void);
extern void settings_restore(int nest_level);

#endif							/* ALIDECODE_SETTINGS_H */
