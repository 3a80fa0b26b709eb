# shellcheck shell=bash
# dbsync with one statement a change, in the source's order.

. "$bench/peers/dbsync.sh"
dbsync_options=(--apply=strict)
