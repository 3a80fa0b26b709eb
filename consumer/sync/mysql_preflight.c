/* The preflight of a MySQL source: server, binlog, rights. */
#include "sync/mysql_preflight.h"

#include "mysql/my_position.h"

#include <mysqld_error.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARIADB_BINLOG_MONITOR 100502	/* the first version that calls REPLICATION CLIENT so */
#define SHORT_RETENTION_S (24 * 3600)

/* ---- variables ---- */

const char *
mysql_variable(const MysqlPreflight *self, const char *name)
{
	return hash_get_text(self->variables, name);
}

bool
mysql_variable_is(const MysqlPreflight *self, const char *name, const char *value)
{
	const char *now = mysql_variable(self, name);

	return now != NULL && strcasecmp(now, value) == 0;
}

static int64_t
variable_number(const MysqlPreflight *self, const char *name)
{
	const char *text = mysql_variable(self, name);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static bool
load_variables(MysqlPreflight *self, const char *sql, Error *err)
{
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	if (!my_query(self->conn, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
		if (row[0] != NULL && row[1] != NULL)
			hash_put_text(self->variables, row[0], arena_strdup(self->p->arena, row[1]));
	mysql_free_result(result);
	return true;
}

/* ---- binlog ---- */

static void
check_format(MysqlPreflight *self)
{
	Preflight  *p = self->p;
	const char *format = mysql_variable(self, "binlog_format");
	const char *image = mysql_variable(self, "binlog_row_image");

	if (!mysql_variable_is(self, "log_bin", "ON"))
	{
		finding_add(p, FINDING_ERROR, "source", "[mysqld]\nlog_bin = mysql-bin\nbinlog_format = ROW\nserver_id = 1\n(in the server's configuration; then restart it)",
					"the server writes no binlog (log_bin is OFF): there is nothing to stream changes from");
		return;
	}
	if (format != NULL && strcasecmp(format, "ROW") != 0)
		finding_add(p, FINDING_ERROR, "source",
					"SET GLOBAL binlog_format = ROW;\n(and binlog_format = ROW under [mysqld]; sessions that are open keep the old format until they end)",
					"binlog_format is %s: statements do not say which rows they have changed", format);
	else
		finding_add(p, FINDING_OK, "source", NULL, "binlog_format is ROW, binlog_row_image %s", image != NULL ? image : "FULL");
	if (image != NULL && strcasecmp(image, "FULL") != 0 && strcasecmp(image, "MINIMAL") != 0 && strcasecmp(image, "NOBLOB") != 0 &&
		strcasecmp(image, "FULL_NODUP") != 0)
		finding_add(p, FINDING_ERROR, "source", "SET GLOBAL binlog_row_image = FULL;", "binlog_row_image is %s, which dbsync does not know", image);
	/* MySQL logs such a REPLACE as a deletion and an insertion. */
	if (image != NULL && (strcasecmp(image, "MINIMAL") == 0 || strcasecmp(image, "NOBLOB") == 0) && my_server(self->conn)->is_mariadb)
		finding_add(p, FINDING_WARNING, "source", "SET GLOBAL binlog_row_image = FULL;\n(and under [mysqld]; sessions that are open keep the old value until they end)",
					"binlog_row_image is %s: where REPLACE names only some columns of a row that is there, the binlog lacks that the others went back to their defaults%s,"
					" and the target keeps their old values", image, strcasecmp(image, "NOBLOB") == 0 ? " (texts and blobs)" : "");
	if (mysql_variable(self, "binlog_row_value_options") != NULL && strcasestr(mysql_variable(self, "binlog_row_value_options"), "PARTIAL_JSON") != NULL)
		finding_add(p, FINDING_ERROR, "source", "SET GLOBAL binlog_row_value_options = '';\n(and under [mysqld]; sessions that are open keep the old value until they end)",
					"binlog_row_value_options is PARTIAL_JSON: a JSON value would come in pieces, which dbsync does not put together");
	if (mysql_variable_is(self, "binlog_transaction_compression", "ON"))
		finding_add(p, FINDING_ERROR, "source", "SET GLOBAL binlog_transaction_compression = OFF;\n(and under [mysqld]; sessions that are open keep the old value until they end)",
					"binlog_transaction_compression is ON: dbsync does not read compressed transactions");
	if (mysql_variable_is(self, "log_slave_updates", "OFF") && mysql_variable_is(self, "read_only", "ON"))
		finding_add(p, FINDING_WARNING, "source", "[mysqld]\nlog_slave_updates = ON\n(then restart it); or let dbsync read from the primary",
					"the server looks like a replica and log_slave_updates is OFF: what it gets from its primary is not in its own binlog");
}

/* How long a stop of dbsync, or a copy without room in the local store, may last. */
static void
check_retention(MysqlPreflight *self)
{
	int64_t		seconds = variable_number(self, "binlog_expire_logs_seconds");

	if (seconds == 0)
		seconds = (int64_t) (strtod(mysql_variable(self, "expire_logs_days") != NULL ? mysql_variable(self, "expire_logs_days") : "0", NULL) * 86400);
	if (seconds == 0 || mysql_variable_is(self, "binlog_expire_logs_auto_purge", "OFF"))
		finding_add(self->p, FINDING_OK, "source", NULL, "the server keeps its binlog until somebody purges it");
	else if (seconds < SHORT_RETENTION_S)
		finding_add(self->p, FINDING_WARNING, "source", "SET GLOBAL binlog_expire_logs_seconds = 604800;   -- and under [mysqld]; before MySQL 8.0 and MariaDB 10.6: expire_logs_days = 7",
					"the server purges its binlog after %lld s: dbsync may not be stopped for longer, or changes are lost", (long long) seconds);
	else
		finding_add(self->p, FINDING_OK, "source", NULL, "the server keeps its binlog for %.1f days", (double) seconds / 86400);
}

/* Is the name in a list like "a,b"? */
static bool
is_in_list(const char *list, const char *name)
{
	size_t		length = strlen(name);

	for (const char *item = list; *item != '\0'; item += strcspn(item, ","))
	{
		item += strspn(item, ", ");
		if (strcspn(item, ",") == length && strncmp(item, name, length) == 0)
			return true;
	}
	return false;
}

static void
check_databases(MysqlPreflight *self, const MyLogStatus *status)
{
	const char *database = self->p->config->mysql.db;

	if ((status->do_db[0] != '\0' && !is_in_list(status->do_db, database)) || is_in_list(status->ignore_db, database))
		finding_add(self->p, FINDING_ERROR, "source", "change binlog_do_db and binlog_ignore_db under [mysqld], and restart the server",
					"the server leaves the database %s out of its binlog (binlog_do_db \"%s\", binlog_ignore_db \"%s\")", database, status->do_db,
					status->ignore_db);
	else if (status->do_db[0] != '\0' || status->ignore_db[0] != '\0')
		finding_add(self->p, FINDING_NOTICE, "source", NULL,
					"binlog_do_db or binlog_ignore_db is set: with binlog_format ROW the table's database counts, for other formats the session's");
}

/* ---- server_id ---- */

static bool
check_server_id(MysqlPreflight *self, Error *err)
{
	Preflight  *p = self->p;
	int64_t		theirs = variable_number(self, "server_id");
	const MyServer *server = my_server(self->conn);
	bool		is_renamed = !server->is_mariadb && server->version >= 80022;
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	if (theirs == 0)
		finding_add(p, FINDING_ERROR, "source", "SET GLOBAL server_id = 1;   -- and under [mysqld]", "the server's server_id is 0: it serves no reader of its binlog");
	if (theirs == p->config->mysql.server_id)
		finding_add(p, FINDING_ERROR, "source", "set server_id of [src.mysql] to a number that no server and no replica has",
					"server_id %d is the source's own", p->config->mysql.server_id);
	/* Whoever may not see the others has to know. */
	if (!my_query(self->conn, is_renamed ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS", &result, err))
	{
		if (err->kind == ERROR_CANCELLED || my_is_lost(self->conn))
			return finding_add_error(p, "source", err);
		error_clear(err);
		return true;
	}
	while ((row = mysql_fetch_row(result)) != NULL)
		if (row[0] != NULL && strtoll(row[0], NULL, 10) == p->config->mysql.server_id)
			finding_add(p, FINDING_WARNING, "source", "set server_id of [src.mysql] to a number that no server and no replica has",
						"a reader with server_id %d is there already: two of one number throw each other out (fine if it is this task's own run)",
						p->config->mysql.server_id);
	mysql_free_result(result);
	return true;
}

/* ---- rights ---- */

typedef struct Rights
{
	bool		all;			/* ALL PRIVILEGES ON *.* */
	bool		select;
	bool		reload;
	bool		slave;
	bool		lock;
	bool		has_roles;		/* a role may bring what is not listed */
} Rights;

static void
note_right(Rights *rights, const char *name, size_t length)
{
	static const struct
	{
		const char *name;
		size_t		offset;
	} known[] = {
		{"ALL PRIVILEGES", offsetof(Rights, all)}, {"SELECT", offsetof(Rights, select)}, {"RELOAD", offsetof(Rights, reload)},
		{"REPLICATION SLAVE", offsetof(Rights, slave)}, {"REPLICATION REPLICA", offsetof(Rights, slave)}, {"LOCK TABLES", offsetof(Rights, lock)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == length && strncasecmp(known[i].name, name, length) == 0)
			*(bool *) ((char *) rights + known[i].offset) = true;
}

/* "GRANT SELECT, RELOAD ON *.* TO ..." */
static void
read_grant(Rights *rights, const char *line)
{
	const char *on = strstr(line, " ON *.* TO ");
	const char *p = line + strlen("GRANT ");

	if (strncasecmp(line, "GRANT ", strlen("GRANT ")) != 0)
		return;
	if (strstr(line, " ON ") == NULL)
	{
		rights->has_roles = true;
		return;
	}
	while (on != NULL && p < on)
	{
		size_t		length = strcspn(p, ",");

		if (p + length > on)
			length = (size_t) (on - p);
		note_right(rights, p, length);
		p += length;
		p += strspn(p, ", ");
	}
}

static bool
read_account(MysqlPreflight *self, Error *err)
{
	const char *text = NULL;
	const char *at;

	if (!my_query_value(self->conn, self->p->arena, "SELECT CURRENT_USER()", &text, err))
		return false;
	at = text != NULL ? strrchr(text, '@') : NULL;
	self->account = at != NULL ? arena_printf(self->p->arena, "'%.*s'@'%s'", (int) (at - text), text, at + 1) : "''@''";
	return true;
}

static void
add_right(StrBuf *list, bool missing, const char *name)
{
	if (missing)
		strbuf_printf(list, "%s%s", list->length > 0 ? ", " : "", name);
}

/* may_see_log: was the server's position told?  That right has several names, so it is tried. */
static bool
check_rights(MysqlPreflight *self, bool may_see_log, Error *err)
{
	Preflight  *p = self->p;
	const MyServer *server = my_server(self->conn);
	Rights		rights = {0};
	StrBuf		missing = STRBUF_INIT;
	StrBuf		mend = STRBUF_INIT;
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	if (!my_query(self->conn, "SHOW GRANTS", &result, err))
		return finding_add_error(p, "source", err);
	while ((row = mysql_fetch_row(result)) != NULL)
		if (row[0] != NULL)
			read_grant(&rights, row[0]);
	mysql_free_result(result);
	self->may_lock_tables = rights.all || rights.lock;
	self->may_read_all = rights.all || rights.select;

	add_right(&missing, !rights.all && !rights.reload && p->copy_pending, "RELOAD");
	add_right(&missing, !rights.all && !rights.slave, "REPLICATION SLAVE");
	add_right(&missing, !may_see_log, server->is_mariadb && server->version >= MARIADB_BINLOG_MONITOR ? "BINLOG MONITOR" : "REPLICATION CLIENT");
	if (missing.length > 0)
	{
		strbuf_printf(&mend, "GRANT %s ON *.* TO %s;", strbuf_text(&missing), self->account);
		/* MySQL does not list what a role has. */
		finding_add(p, rights.has_roles && may_see_log && !server->is_mariadb ? FINDING_WARNING : FINDING_ERROR, "source", strbuf_text(&mend),
					"the user %s lacks: %s%s", self->account, strbuf_text(&missing), rights.has_roles && !server->is_mariadb ? " (unless by a role)" : "");
	}
	else
		finding_add(p, FINDING_OK, "source", NULL, "the user %s has the global rights that are needed", self->account);
	strbuf_free(&missing);
	strbuf_free(&mend);
	return true;
}

/* ---- all ---- */

static void
check_connections(MysqlPreflight *self)
{
	Preflight  *p = self->p;
	int64_t		free_connections = variable_number(self, "max_connections") - variable_number(self, "Threads_connected");
	int			wanted = p->copy_pending ? p->config->copy.jobs + 4 : 3;

	if (free_connections < wanted)
		finding_add(p, FINDING_WARNING, "source", "set [dbsync] jobs lower, or SET GLOBAL max_connections = ...;",
					"%d connections are wanted, %lld are free", wanted, (long long) free_connections);
}

static bool
check_server(MysqlPreflight *self, Error *err)
{
	Preflight  *p = self->p;
	MyLogStatus status;
	bool		may_see_log = true;

	if (!read_account(self, err) || !load_variables(self, "SHOW GLOBAL VARIABLES", err) ||
		!load_variables(self, "SHOW GLOBAL STATUS LIKE 'Threads_connected'", err) ||
		!mysql_source_id(self->conn, p->config->mysql.db, p->arena, &p->source_id, err))
		return finding_add_error(p, "source", err);
	p->source_encoding = arena_strdup(p->arena, "UTF8");
	finding_add(p, FINDING_OK, "source", NULL, "connected, version %s, database %s, user %s", my_server(self->conn)->version_text,
				p->config->mysql.db, self->account);
	if (p->has_started && strcmp(p->task.source_id, p->source_id) != 0)
		finding_add(p, FINDING_ERROR, "source", "use another slot name and local store for it, or end the old task: dbsync drop",
					"task %s belongs to the source %s, this one is %s", p->task.task, p->task.source_id, p->source_id);
	check_format(self);
	check_retention(self);
	check_connections(self);
	if (mysql_variable_is(self, "log_bin", "ON"))
	{
		may_see_log = my_position_current(self->conn, p->arena, &status, err);
		if (may_see_log)
			check_databases(self, &status);
		else if (mysql_errno(my_handle(self->conn)) != ER_SPECIFIC_ACCESS_DENIED_ERROR)
			return finding_add_error(p, "source", err);
		error_clear(err);
	}
	return check_server_id(self, err) && check_rights(self, may_see_log, err);
}

/* copy = off: is the place there that the configuration names? */
static bool
check_start(MysqlPreflight *self, Error *err)
{
	Preflight  *p = self->p;
	const MySourceConfig *config = &p->config->mysql;
	Lsn			start;
	char		text[LSN_TEXT_SIZE];

	if (p->config->copy.enabled)
	{
		if (config->binlog_file != NULL || config->gtid != NULL)
			finding_add(p, FINDING_NOTICE, "source", NULL, "binlogfile and gtid count only with copy = off: the full sync takes its own place");
		return true;
	}
	if (p->has_started)
		return true;
	if (!mysql_configured_start(self->conn, config, p->arena, &start, err))
		return finding_add_error(p, "source", err);
	if (start != LSN_NONE)
		finding_add(p, FINDING_OK, "source", NULL, "changes are wanted from %s on", lsn_show(start, text));
	return true;
}

bool
preflight_mysql(Preflight *p, Error *err)
{
	MysqlPreflight self = {.p = p, .variables = hash_new()};
	bool		ok;

	if (!mysql_tables_load(p->config, p->arena, &self.tables, err) || !my_connect(&p->config->mysql, "check", &self.conn, err))
		ok = finding_add_error(p, "source", err);
	else
		ok = check_server(&self, err) && check_start(&self, err) && mysql_preflight_tables(&self, err);
	my_close(self.conn);
	hash_free(self.variables, NULL);
	return ok;
}
