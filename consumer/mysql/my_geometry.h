/*
 * my_geometry.h
 *		Geometry as MySQL and MariaDB store it: four bytes of SRID, then WKB.  Pure.
 */
#ifndef DBSYNC_MYSQL_MY_GEOMETRY_H
#define DBSYNC_MYSQL_MY_GEOMETRY_H

#include "base/strbuf.h"

/* Appends it as EWKB in hexadecimal digits; plain WKB where the SRID is 0.  false: it is no geometry; *out is as it was. */
bool my_geometry_hex(const char *data, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;
/* Appends it as WKT, "SRID=4326;" in front of it where it has one. */
bool my_geometry_text(const char *data, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;

#endif
