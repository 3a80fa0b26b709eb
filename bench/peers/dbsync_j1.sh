# shellcheck shell=bash
# dbsync's copy with -j 1.

. "$bench/peers/dbsync.sh"
dbsync_jobs=1
