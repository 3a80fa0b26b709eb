#!/bin/bash
# Where do the cycles go? Drains a backlog while perf watches the walsender (the plugin), the
# consumer, and its backend on the target; prints the functions that took most of each.
#
# bench/profile.sh [LOAD] [PEER], by default tpcb dbsync; dbsync_mysql is dbsync with a MariaDB source. Package linux-perf; to see into the
# server's own functions, its debug symbols too (postgresql-NN-dbgsym). A few seconds of work are
# needed for a picture: BENCH_TPCB_TRANSACTIONS=100000 and the like.
# Where perf is not allowed: valgrind --tool=callgrind build/dbsync run ... shows dbsync alone.
if ! perf record -q -e cpu-clock -o /dev/null true >/dev/null 2>&1; then
	echo "perf does not work here: install linux-perf, or see kernel.perf_event_paranoid" >&2
	exit 1
fi
[ $# -gt 0 ] || set -- tpcb
[ $# -gt 1 ] || set -- "$1" dbsync
question=drain
[ "$2" != dbsync_mysql ] || question=mysql
BENCH_PROFILE=yes BENCH_RUNS=1 exec bash "$(dirname "$0")/$question.sh" "$@"
