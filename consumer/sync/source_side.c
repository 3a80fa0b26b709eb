/* Which side belongs to which configuration. */
#include "sync/source_side.h"

const SourceSide *
source_side_of(const Config *config)
{
#ifdef DBSYNC_WITH_MYSQL
	if (config->is_mysql)
		return &mysql_side;
#endif
	(void) config;
	return &pg_side;
}
