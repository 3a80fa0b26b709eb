/*
 * error.c
 *		Filling, moving and clearing an Error.  New text is always made before the old is freed, so that it may be built from it.
 */
#include "base/error.h"

#include "base/arena.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static char *
format_text(const char *fmt, va_list args)
{
	StrBuf buf = STRBUF_INIT;

	strbuf_vprintf(&buf, fmt, args);
	return strbuf_detach(&buf);
}

/* Takes the message. */
static void
replace(Error *err, ErrorKind kind, char *message)
{
	error_clear(err);
	err->kind = kind;
	err->message = message;
}

bool
error_set(Error *err, ErrorKind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	replace(err, kind, format_text(fmt, args));
	va_end(args);
	return false;
}

bool
error_hint(Error *err, const char *fmt, ...)
{
	va_list args;
	char *hint;

	va_start(args, fmt);
	hint = format_text(fmt, args);
	va_end(args);
	free(err->hint);
	err->hint = hint;
	return false;
}

bool
error_context(Error *err, const char *fmt, ...)
{
	va_list args;
	char *context;
	char *message;

	va_start(args, fmt);
	context = format_text(fmt, args);
	va_end(args);

	if (err->message != NULL)
	{
		message = mem_printf("%s: %s", context, err->message);
		free(context);
	}
	else
		message = context;
	free(err->message);
	err->message = message;
	/* Context is only given to what has failed. */
	if (err->kind == ERROR_NONE)
		err->kind = ERROR_FAILED;
	return false;
}

bool
error_errno(Error *err, const char *fmt, ...)
{
	int code = errno;
	char reason[128];
	va_list args;
	char *what;

	va_start(args, fmt);
	what = format_text(fmt, args);
	va_end(args);
	replace(err, (code == ENOSPC || code == EDQUOT) ? ERROR_STORE : ERROR_FAILED,
			mem_printf("%s: %s", what, strerror_r(code, reason, sizeof(reason))));
	free(what);
	return false;
}

void
error_clear(Error *err)
{
	free(err->message);
	free(err->hint);
	*err = (Error) ERROR_INIT;
}

void
error_move(Error *to, Error *from)
{
	if (to == from)
		return;
	error_clear(to);
	*to = *from;
	*from = (Error) ERROR_INIT;
}

int
error_exit_code(const Error *err)
{
	switch (err->kind)
	{
		case ERROR_NONE:
			return 0;
		case ERROR_USAGE:
			return 2;
		case ERROR_PREFLIGHT:
			return 3;
		case ERROR_DIFFERENT:
			return 4;
		case ERROR_FAILED:
		case ERROR_RETRY:
		case ERROR_CONFLICT:
		case ERROR_STORE:
		case ERROR_GAP:
		case ERROR_CANCELLED:
			break;
	}
	return 1;
}
