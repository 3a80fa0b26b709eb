/*
 * main.c
 *		dbsync: command line, configuration, process; then the command.
 */
#include "base/log.h"
#include "base/stop.h"
#include "base/strbuf.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/hangup.h"
#include "cli/help.h"
#include "cli/pid_file.h"
#include "model/lsn.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* On standard output; a full disk or a closed pipe is an error here, too. */
static int
print_text(StrBuf *text)
{
	bool ok = fputs(strbuf_text(text), stdout) >= 0 && fflush(stdout) == 0;

	strbuf_free(text);
	return ok ? 0 : 1;
}

/* What hinders the start is said to the person at the terminal, and not as a line of a log: hints are there to be copied. */
static void
print_error(const Error *err)
{
	fprintf(stderr, "dbsync: %s\n", err->message);
	if (err->hint != NULL)
		fprintf(stderr, "HINT: %s\n", err->hint);
}

static int
print_information(const CommandLine *line)
{
	StrBuf text = STRBUF_INIT;

	if (line->version)
		strbuf_append(&text, "dbsync " DBSYNC_VERSION "\n");
	else if (line->help_markdown)
		help_write_markdown(&text);
	else
		help_write(&text, line->is_command_named ? line->command : NULL);
	return print_text(&text);
}

/* Log, signals, pid file; in the background where it is asked for.  Errors go to the terminal: until the end of it, or until a daemon runs well. */
static bool
start_process(const CommandLine *line, const Config *config, PidFile *pid_file, Error *err)
{
	bool can_daemon = (line->command->flags & COMMAND_CAN_DAEMON) != 0;
	const char *log_file = can_daemon ? config->log_file : NULL;
	bool hangup_ignored = hangup_is_ignored();

	if (config->daemon)
	{
		if (log_file == NULL)
			log_warn("run", "a daemon without --log-file: nobody will see its log");
		if (!daemon_detach(err))
			return false;
	}
	if (!stop_install(err))
		return false;
	if (can_daemon && config->pid_file != NULL && !pid_file_create(pid_file, config->pid_file, err))
		return false;
	if (log_file != NULL && !config->daemon && isatty(STDERR_FILENO))
		log_info("run", "logging to %s", log_file);
	if (!log_open(log_file, config->log_level, err))
		return false;
	log_echo(config->daemon);
	return hangup_watch(log_file != NULL || config->daemon, hangup_ignored, err);
}

static int
run_command(const CommandLine *line, Config *config, Error *err)
{
	PidFile pid_file = PID_FILE_INIT;
	int code;

	if (!config_load_file(config, line->config_file, err) || !command_line_apply(line, config, err))
		return error_exit_code(err);
	if ((line->command->flags & COMMAND_NEEDS_CONFIG) != 0 && !config_check(config, err))
		return error_exit_code(err);
	if (config->is_mysql)
		lsn_show_as_binlog();
	config->progress = !config->daemon && config->log_file == NULL && isatty(STDERR_FILENO) == 1;

	if (start_process(line, config, &pid_file, err))
		code = line->command->function(config, line->argc, line->argv);
	else
		code = error_exit_code(err);
	/* A command may print at its end. */
	if (fflush(stdout) != 0 && code == 0)
		code =
			error_exit_code(err->kind == ERROR_NONE ? (error_errno(err, "cannot write to standard output"), err) : err);
	pid_file_remove(&pid_file);
	return code;
}

int
main(int argc, char **argv)
{
	Arena *arena = arena_new(0);
	Config *config = config_new();
	CommandLine line;
	Error err = ERROR_INIT;
	int code;

	/* With its colours, until the configuration is known. */
	if (!log_open(NULL, LOG_INFO, &err) || !command_line_parse(argc, argv, arena, &line, &err))
		code = error_exit_code(&err);
	else if (line.help || line.version || line.help_markdown)
		code = print_information(&line);
	else
		code = run_command(&line, config, &err);

	/* A command has logged its own error. */
	if (err.kind != ERROR_NONE)
		print_error(&err);
	error_clear(&err);
	config_free(config);
	arena_free(arena);
	return code;
}
