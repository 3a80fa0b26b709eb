/* The preflight: its report, and the order of its parts. */
#include "sync/preflight.h"

#include "sync/preflight_private.h"
#include "sync/readable_name.h"
#include "sync/task_store.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_SHOWN 10
#define TABLES_A_GRANT 10
#define LOCK_NOT_AVAILABLE "55P03"

/* ---- report ---- */

const char *
finding_severity_name(FindingSeverity severity)
{
	static const char *const names[] = {"ok", "notice", "warning", "error"};

	return names[severity];
}

void
finding_add(Preflight *p, FindingSeverity severity, const char *side, const char *mend, const char *fmt, ...)
{
	PreflightReport *report = p->report;
	StrBuf		what = STRBUF_INIT;
	Finding    *finding;
	va_list		args;

	if (report->count == report->capacity)
	{
		report->capacity = report->capacity == 0 ? 16 : report->capacity * 2;
		report->findings = mem_realloc(report->findings, sizeof(Finding) * (size_t) report->capacity);
	}
	finding = &report->findings[report->count++];
	va_start(args, fmt);
	strbuf_vprintf(&what, fmt, args);
	va_end(args);
	finding->severity = severity;
	finding->side = side;
	finding->what = arena_strdup(report->arena, strbuf_text(&what));
	finding->mend = mend != NULL && *mend != '\0' ? arena_strdup(report->arena, mend) : NULL;
	strbuf_free(&what);
	if (severity == FINDING_ERROR)
		report->errors++;
	else if (severity == FINDING_WARNING)
		report->warnings++;
}

bool
finding_add_error(Preflight *p, const char *side, Error *err)
{
	PgConn	   *conn = strcmp(side, "source") == 0 ? p->source : strcmp(side, "target") == 0 ? p->target : NULL;

	if (err->kind == ERROR_CANCELLED)
		return false;
	if (conn != NULL && strcmp(err->sqlstate, LOCK_NOT_AVAILABLE) == 0)
		return preflight_add_lock(p, side, conn, err);
	finding_add_failure(p, side, err->hint, "", err);
	return true;
}

void
finding_add_failure(Preflight *p, const char *side, const char *mend, const char *prefix, Error *err)
{
	if (err->kind == ERROR_RETRY && p->outage == NULL)
	{
		p->outage = arena_printf(p->report->arena, "%s%s", prefix, err->message);
		p->outage_mend = mend != NULL && *mend != '\0' ? arena_strdup(p->report->arena, mend) : NULL;
	}
	finding_add(p, FINDING_ERROR, side, mend, "%s%s", prefix, err->message);
	error_clear(err);
}

void
preflight_report_free(PreflightReport *report)
{
	free(report->findings);
	arena_free(report->arena);
	*report = (PreflightReport) PREFLIGHT_REPORT_INIT;
}

/* A mend of many lines stays readable: the log gets its first ones. */
static void
log_finding(const Finding *finding)
{
	Error		err = ERROR_INIT;
	StrBuf		hint = STRBUF_INIT;
	int			lines = 0;

	error_set(&err, ERROR_PREFLIGHT, "%s: %s", finding->side, finding->what);
	for (const char *line = finding->mend; line != NULL && *line != '\0';)
	{
		size_t		length = strcspn(line, "\n");

		if (++lines > NAMES_SHOWN)
		{
			strbuf_append(&hint, " (all of them: dbsync check)");
			break;
		}
		if (lines > 1)
			strbuf_append_char(&hint, ' ');
		strbuf_append_bytes(&hint, line, length);
		line += length + (line[length] == '\n');
	}
	if (lines > 0)
		error_hint(&err, "%s", strbuf_text(&hint));
	log_report(finding->severity == FINDING_ERROR ? LOG_ERROR : LOG_WARN, "preflight", &err);
	strbuf_free(&hint);
	error_clear(&err);
}

void
preflight_log(const PreflightReport *report)
{
	for (int i = 0; i < report->count; i++)
		if (report->findings[i].severity >= FINDING_WARNING)
			log_finding(&report->findings[i]);
}

/* ---- lists of names ---- */

void
name_list_add(NameList *list, const char *name)
{
	list->count++;
	if (list->count > NAMES_SHOWN)
		return;
	if (list->count > 1)
		strbuf_append(&list->text, ", ");
	strbuf_append(&list->text, name);
}

void
name_list_add_table(NameList *list, const char *schema, const char *name)
{
	StrBuf		qualified = STRBUF_INIT;

	readable_name_write_qualified(&qualified, schema, name);
	name_list_add(list, strbuf_text(&qualified));
	strbuf_free(&qualified);
}

const char *
name_list_text(NameList *list)
{
	if (list->count > NAMES_SHOWN)
		strbuf_printf(&list->text, " and %d more", list->count - NAMES_SHOWN);
	return strbuf_text(&list->text);
}

void
name_list_free(NameList *list)
{
	strbuf_free(&list->text);
	list->count = 0;
}

void
grant_list_add(GrantList *list, const char *rights, const char *schema, const char *name, const char *role)
{
	if (list->open == TABLES_A_GRANT)
	{
		strbuf_printf(&list->text, " TO %s;\n", role);
		list->open = 0;
	}
	if (list->open++ == 0)
		strbuf_printf(&list->text, "GRANT %s ON ", rights);
	else
		strbuf_append(&list->text, ", ");
	readable_name_write_qualified(&list->text, schema, name);
}

const char *
grant_list_text(GrantList *list, const char *role)
{
	if (list->open > 0)
		strbuf_printf(&list->text, " TO %s;", role);
	list->open = 0;
	return strbuf_text(&list->text);
}

void
grant_list_free(GrantList *list)
{
	strbuf_free(&list->text);
	list->open = 0;
}

/* ---- results ---- */

const char *
result_text(const PGresult *result, const char *column)
{
	int			number = PQfnumber(result, column);

	return number < 0 || PQgetisnull(result, 0, number) ? NULL : PQgetvalue(result, 0, number);
}

int64_t
result_number(const PGresult *result, const char *column)
{
	const char *text = result_text(result, column);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

bool
result_is_true(const PGresult *result, const char *column)
{
	const char *text = result_text(result, column);

	return text != NULL && text[0] == 't';
}

bool
preflight_is_copied(const Preflight *p, const PgTable *table)
{
	if (table->kind != 'r')
		return false;
	return table->can_select || p->config->copy.unreadable != UNREADABLE_SKIP;
}

/* ---- local store ---- */

/* A file that a run would make: is there a place for it? */
static void
check_store_folder(Preflight *p)
{
	char	   *path = mem_strdup(p->config->local_path);
	const char *folder = dirname(path);

	if (access(folder, W_OK | X_OK) == 0)
		finding_add(p, FINDING_OK, "local", NULL, "the local store %s will be created", p->config->local_path);
	else
		finding_add(p, FINDING_ERROR, "local", "create the folder, give the right to write there, or set [local] path",
					"the local store %s cannot be created: folder %s is not there or cannot be written",
					p->config->local_path, folder);
	free(path);
}

static bool
check_store(Preflight *p, Error *err)
{
	Store	   *store = NULL;
	CopyItem   *items;
	int			count = 0;
	bool		ok = true;

	if (!task_store_open(p->config, STORE_READ_ONLY, &store, err))
		return finding_add_error(p, "local", err);
	p->copy_pending = p->config->copy.enabled;
	if (store == NULL)
	{
		if (p->config->local == NULL)
			check_store_folder(p);
		else
			finding_add(p, FINDING_OK, "local", NULL, "the local store will be created in the database");
		return true;
	}
	if (!store->ops->load_task(store, p->config->slot, p->arena, &p->task, &p->has_task, err) ||
		(p->has_task && !store->ops->load_items(store, p->config->slot, p->arena, &items, &count, err)))
		ok = finding_add_error(p, "local", err);
	else
	{
		p->has_started = p->has_task && p->task.phase >= TASK_SLOT_CREATED;
		if (p->has_started)
			p->copy_pending = p->task.phase <= TASK_COPYING && p->config->copy.enabled;
		finding_add(p, FINDING_OK, "local", NULL, "%s can be read, task %s %s", store->description, p->config->slot,
					p->has_task ? task_phase_name(p->task.phase) : "is new");
	}
	store->ops->close(store);
	return ok;
}

/* ---- all ---- */

static bool
check_source(Preflight *p, Error *err)
{
#ifdef DBSYNC_WITH_MYSQL
	if (p->config->is_mysql)
		return preflight_mysql(p, err);
#endif
	return preflight_source(p, err);
}

static bool
check_target(Preflight *p, Error *err)
{
	if (!preflight_target(p, err))
		return false;
#ifdef DBSYNC_WITH_MYSQL
	if (p->config->is_mysql)
		return preflight_mysql_target(p, err);
#endif
	return true;
}

/* What was found while a server was away may have come of that, so it counts only once the preflight has met all of them. */
bool
preflight_verdict(const Preflight *p, Error *err)
{
	int			errors = p->report->errors;

	if (p->outage != NULL)
	{
		error_set(err, ERROR_RETRY, "%s", p->outage);
		return p->outage_mend != NULL ? error_hint(err, "%s", p->outage_mend) : false;
	}
	return errors == 0 || error_set(err, ERROR_PREFLIGHT, "the preflight found %d error%s", errors, errors == 1 ? "" : "s");
}

bool
preflight_run(const Config *config, PreflightReport *report, Error *err)
{
	Preflight	p = {.config = config, .report = report};
	bool		ok;

	if (report->arena == NULL)
		report->arena = arena_new(0);
	p.arena = report->arena;

	ok = check_store(&p, err) && check_source(&p, err) && check_target(&p, err);
	pg_catalog_free(&p.source_tables);
	pg_close(p.source);
	pg_close(p.target);
	return ok && preflight_verdict(&p, err);
}
