#!/bin/bash
# How fast does a whole database come over? From the first step to all rows, indexes and
# keys in place on an empty target. What stands before the clock: an empty database, and for
# those that do not make it themselves the schema that they start from (see each adapter).
#
# bench/copy.sh [PEER…]
. "$(dirname "$0")/lib/enter.sh"

[ $# -gt 0 ] || set -- builtin pgcopydb dump_restore pipe_text pipe_binary dbsync_j1 dbsync dbsync_split dbsync_j4
load=copy
choose_peers "$@"
rows=$((copy_scale * 100011))

copy()
{
	local run=$1 began seconds source_before target_before source target client answer=right

	load_peer "$2"
	slot=bench_copy
	drop_database target app
	sql target postgres "CREATE DATABASE app" || fail "database"
	peer_copy_prepare app || fail "$2: prepare"
	sql target postgres "CHECKPOINT"
	source_before=$(cpu_of_server source) target_before=$(cpu_of_server target)
	client=$(cpu_of_ended)
	began=$(now)
	peer_copy app || answer="failed"
	seconds=$(calc "$(now) - $began")
	client=$(calc "$(cpu_of_ended) - $client")
	source=$(calc "$(cpu_of_server source) - $source_before") target=$(calc "$(cpu_of_server target) - $target_before")
	if [ "$answer" = right ]; then
		[ "$(sums target app)" = "$expected" ] && [ "$(keys target)" = "$(keys source)" ] || answer="wrong result"
	fi
	peer_copy_drop app || fail "$2: drop"
	if [ "$answer" = right ]; then
		record copy pgbench "$2" "$run" seconds "$seconds" rows "$rows" source "$source" consumer "$client" target "$target"
		awk -v p="$2" -v s="$seconds" -v r="$rows" -v a="$source" -v c="$client" -v b="$target" 'BEGIN {
			printf "%-15s %7.2f s %9.0f rows/s   CPU us/row: source %5.2f client %5.2f target %5.2f all %5.2f\n", p, s, r / s, a / r * 1e6, c / r * 1e6, b / r * 1e6, (a + b + c) / r * 1e6}'
	else
		record copy pgbench "$2" "$run" failed "$answer"
		printf '%-15s %s\n' "$2" "$answer"
	fi
}

keys()
{
	sql "$1" app "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
}

facts copy
start_server source
start_server target
sql source postgres "CREATE DATABASE app" || fail "database"
echo "copy: pgbench scale $copy_scale, $rows rows"
quietly "$BINDIR/pgbench" -i -q -s "$copy_scale" -h "$BENCH_WORK/source" -U postgres app || fail "pgbench -i"
publish app
sql source app "CHECKPOINT"
expected=$(sums source app)
for run in $(seq "$runs"); do
	for name in $(in_order "$run"); do
		copy "$run" "$name"
	done
done
