/* The preflight of the slot: is the one of that name ours, and where is it? */
#include "sync/preflight_private.h"

#include <string.h>

/* A run was killed while it made the slot: one that is there is the task's, and goes. */
static bool
is_half_made(const Preflight *p)
{
	return p->has_task && p->task.phase == TASK_CREATING_SLOT;
}

static void
check_missing(Preflight *p)
{
	StrBuf		mend = STRBUF_INIT;

	if (p->has_started)
		finding_add(p, FINDING_ERROR, "source", "dbsync drop, then empty the target's tables and start anew",
					"the slot %s of this task is gone: the changes since then are lost", p->config->slot);
	else if (!p->config->copy.enabled)
	{
		strbuf_append(&mend, "SELECT pg_create_logical_replication_slot(");
		pg_quote_literal(&mend, p->config->slot);
		strbuf_append(&mend, ", 'alidecode');   -- before the target's data is taken from the source");
		finding_add(p, FINDING_ERROR, "source", strbuf_text(&mend), "copy is off, and there is no slot %s to start from",
					p->config->slot);
	}
	strbuf_free(&mend);
}

static void
check_active(Preflight *p, const PGresult *facts)
{
	const char *application = result_text(facts, "slot_application");
	const char *pid = result_text(facts, "slot_pid");
	bool		is_waited_for = p->has_started || is_half_made(p);
	bool		is_ours = application != NULL && strncmp(application, "dbsync", 6) == 0;
	StrBuf		mend = STRBUF_INIT;

	if (is_waited_for && is_ours)
		finding_add(p, FINDING_NOTICE, "source", NULL, "the slot %s is being read by pid %s, application \"%s\"", p->config->slot,
					pid != NULL ? pid : "?", application);
	else
	{
		strbuf_printf(&mend, "stop its reader, or: SELECT pg_terminate_backend(%s);", pid != NULL ? pid : "...");
		finding_add(p, is_waited_for ? FINDING_WARNING : FINDING_ERROR, "source", strbuf_text(&mend),
					"the slot %s is being read by pid %s, application \"%s\"", p->config->slot, pid != NULL ? pid : "?",
					application != NULL ? application : "?");
	}
	strbuf_free(&mend);
}

bool
preflight_slot(Preflight *p, const PGresult *facts, Error *err DBSYNC_UNUSED)
{
	const char *plugin = result_text(facts, "slot_plugin");
	const char *database = result_text(facts, "slot_database");
	const char *wal_status = result_text(facts, "slot_wal_status");
	StrBuf		drop = STRBUF_INIT;
	bool		is_usable = true;

	if (result_text(facts, "slot") == NULL)
	{
		check_missing(p);
		return true;
	}
	strbuf_append(&drop, "SELECT pg_drop_replication_slot(");
	pg_quote_literal(&drop, p->config->slot);
	strbuf_append(&drop, ");");

	if (plugin == NULL || strcmp(plugin, "alidecode") != 0)
	{
		finding_add(p, FINDING_ERROR, "source", "choose another name: [dbsync] slot = ...",
					"the slot %s belongs to something else: its plugin is %s", p->config->slot, plugin != NULL ? plugin : "none");
		is_usable = false;
	}
	else if (database == NULL || strcmp(database, result_text(facts, "database")) != 0)
	{
		finding_add(p, FINDING_ERROR, "source", "choose another name: [dbsync] slot = ...",
					"the slot %s is of the database %s", p->config->slot, database != NULL ? database : "?");
		is_usable = false;
	}
	else if ((wal_status != NULL && strcmp(wal_status, "lost") == 0) || result_is_true(facts, "slot_conflicting"))
	{
		finding_add(p, FINDING_ERROR, "source", "dbsync drop, then empty the target's tables and start anew",
					"the slot %s is lost: the server has removed WAL that it needs", p->config->slot);
		is_usable = false;
	}
	else if (!p->has_started && p->config->copy.enabled && !is_half_made(p))
	{
		strbuf_append(&drop, "   (or, where the target has its data already: copy = off)");
		finding_add(p, FINDING_ERROR, "source", strbuf_text(&drop),
					"the slot %s is there already, but the local store knows no task that made it", p->config->slot);
		is_usable = false;
	}
	else if (wal_status != NULL && strcmp(wal_status, "unreserved") == 0)
		finding_add(p, FINDING_WARNING, "source", "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();",
					"the slot %s keeps more WAL than max_slot_wal_keep_size: it is lost at the next checkpoint", p->config->slot);

	if (is_usable)
	{
		if (result_is_true(facts, "slot_active"))
			check_active(p, facts);
		else
			finding_add(p, FINDING_OK, "source", NULL, "the slot %s is there", p->config->slot);
	}
	strbuf_free(&drop);
	return true;
}
