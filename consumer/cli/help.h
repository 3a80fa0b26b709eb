/*
 * help.h
 *		What --help and --help-markdown show, made from the tables of commands and options.
 */
#ifndef DBSYNC_CLI_HELP_H
#define DBSYNC_CLI_HELP_H

#include "base/strbuf.h"
#include "cli/commands.h"

/* command NULL: the program's help. */
void help_write(StrBuf *out, const Command *command);

/* docs/options.md */
void help_write_markdown(StrBuf *out);

#endif
