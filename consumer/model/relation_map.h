/*
 * relation_map.h
 *		The side of RelationMap (model/record.h) that only the parser sees.
 */
#ifndef DBSYNC_MODEL_RELATION_MAP_H
#define DBSYNC_MODEL_RELATION_MAP_H

#include "model/record.h"

/*
 * Copies the relation, names and all, into the map.  One of the same number that says the same is kept and given back; one that
 * says something else is an error: a number is never bound again in a session.
 */
bool relation_map_add(RelationMap *map, const Relation *relation, Relation **added, Error *err) DBSYNC_MUST_CHECK;

#endif
