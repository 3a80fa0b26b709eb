/*
 * ini_file.h
 *		Reading an INI file by inih, with line numbers, lines of any length, and nothing cut in silence.
 *
 * What it reads: "[section]", "name = value" (or "name: value"), comments that begin with ";" or "#" at the start of a line, and
 * values that go on over several lines: a line that begins with white space continues the value above, joined by one blank.
 * There are no comments behind a value: a semicolon or "#" in a password is part of it.
 */
#ifndef DBSYNC_CONFIG_INI_FILE_H
#define DBSYNC_CONFIG_INI_FILE_H

#include "base/error.h"

#include <stdio.h>

typedef struct IniHandler
{
	/* A section begins.  false: err is filled, the reading ends. */
	bool (*section) (void *arg, const char *section, int line, Error *err);
	/* A whole entry; line is its first one. */
	bool (*entry) (void *arg, const char *section, const char *name, const char *value, int line, Error *err);
	/* Is this the name of an option?  A continued line that looks like "option = value" is an error: it was not meant so. */
	bool (*is_name) (void *arg, const char *name);
	void	   *arg;
} IniHandler;

/* path is for messages: "PATH:LINE: what". */
bool ini_file_read(FILE *file, const char *path, const IniHandler *handler, Error *err) DBSYNC_MUST_CHECK;

#endif
