/* Which side belongs to which configuration. */
#include "sync/source_side.h"

const SourceSide *
source_side_of(const Config *config DBSYNC_UNUSED)
{
	return &pg_side;
}
