/*
 * help.h
 *		What --help shows, made from the tables of commands and options.
 */
#ifndef DBSYNC_CLI_HELP_H
#define DBSYNC_CLI_HELP_H

#include "base/strbuf.h"
#include "cli/commands.h"

/* command NULL: the program's help. */
void help_write(StrBuf *out, const Command *command);

#endif
