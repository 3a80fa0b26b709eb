/* Which side belongs to which configuration. */
#include "sync/source_side.h"

const SourceSide *
source_side_of(const Config *config DBSYNC_UNUSED)
{
#ifdef DBSYNC_WITH_MYSQL_TASKS
	if (config->is_mysql)
		return &mysql_side;
#endif
	return &pg_side;
}
