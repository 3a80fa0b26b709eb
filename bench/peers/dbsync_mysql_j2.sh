# shellcheck shell=bash
# The same with -j 2.

. "$bench/peers/dbsync_mysql.sh"
dbsync_jobs=2
