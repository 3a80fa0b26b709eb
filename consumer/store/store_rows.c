/*
 * store_rows.c
 *		Names of phases in the tables.
 */
#include "store/store_rows.h"

#include <string.h>

static const char *const copy_phase_names[] = {
	[COPY_PENDING] = "pending",
	[COPY_RUNNING] = "running",
	[COPY_DONE] = "done",
};

const char *
store_copy_phase_name(CopyPhase phase)
{
	return copy_phase_names[phase];
}

bool
store_copy_phase_parse(const char *name, const char *description, CopyPhase *phase, Error *err)
{
	for (int i = COPY_PENDING; i <= COPY_DONE; i++)
	{
		if (name != NULL && strcmp(name, copy_phase_names[i]) == 0)
		{
			*phase = (CopyPhase) i;
			return true;
		}
	}
	return error_set(err, ERROR_STORE, "%s: unknown phase \"%s\" of a table in db_sync_tables", description,
					 name == NULL ? "" : name);
}

bool
store_task_phase_parse(const char *name, const char *description, TaskPhase *phase, Error *err)
{
	if (name != NULL && task_phase_parse(name, phase))
		return true;
	return error_set(err, ERROR_STORE, "%s: unknown phase \"%s\" of a task in db_sync_status", description,
					 name == NULL ? "" : name);
}

bool
store_unknown_task(const char *task, const char *description, Error *err)
{
	return error_set(err, ERROR_FAILED, "%s does not know task \"%s\"", description, task);
}
