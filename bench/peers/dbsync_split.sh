# shellcheck shell=bash
# dbsync with two jobs that share a large table, which by default only one of more than 1 GB is.

. "$bench/peers/dbsync.sh"
dbsync_copy_options=(--split-bytes=128MB)
