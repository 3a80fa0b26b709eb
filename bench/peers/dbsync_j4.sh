# shellcheck shell=bash
# dbsync's copy with -j 4.

. "$bench/peers/dbsync.sh"
dbsync_jobs=4
