/*
 * store.c
 *		Names of the task's phases, as they stand in db_sync_status and in status output.
 */
#include "model/store.h"

#include <string.h>

static const char *const phase_names[] = {
	[TASK_NEW] = "new",
	[TASK_CREATING_SLOT] = "creating_slot",
	[TASK_SLOT_CREATED] = "slot_created",
	[TASK_COPYING] = "copying",
	[TASK_CATCHING_UP] = "catching_up",
	[TASK_STREAMING] = "streaming",
	[TASK_DONE] = "done",
};

#define PHASE_COUNT ((int) (sizeof(phase_names) / sizeof(phase_names[0])))

const char *
task_phase_name(TaskPhase phase)
{
	if ((int) phase < 0 || (int) phase >= PHASE_COUNT)
		return "unknown";
	return phase_names[phase];
}

bool
task_phase_parse(const char *name, TaskPhase *phase)
{
	for (int i = 0; i < PHASE_COUNT; i++)
	{
		if (strcmp(name, phase_names[i]) == 0)
		{
			*phase = (TaskPhase) i;
			return true;
		}
	}
	return false;
}
