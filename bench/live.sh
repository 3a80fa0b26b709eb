#!/bin/bash
# How far behind is the target while the source is written to at a steady rate? For each
# transaction, the time from its commit on the source to the commit on the target that brings
# its row, both read from the servers' WAL: nothing is added to what is measured.
#
# bench/live.sh [PEER…]
. "$(dirname "$0")/lib/enter.sh"
. "$bench/lib/pair.sh"

[ $# -gt 0 ] || set -- builtin pglogical dbsync
choose_peers "$@"
load=live

# commits SIDE LSN: transaction and time of each commit since then; parts of a transaction have its time.
commits()
{
	"$BINDIR/pg_waldump" -p "$BENCH_WORK/$1/data/pg_wal" -r Transaction -s "$2" -e "$(sql "$1" postgres "SELECT pg_current_wal_flush_lsn()")" 2>>"$log" |
		awk -v OFS='\t' '/desc: COMMIT/ {
			match($0, /tx: +[0-9]+/); xid = substr($0, RSTART + 3, RLENGTH - 3) + 0
			match($0, /COMMIT [-0-9]+ [0-9:.]+ [A-Z]+/); at = substr($0, RSTART + 7, RLENGTH - 7)
			print xid, at
			if (match($0, /subxacts: [0-9 ]+/)) {
				n = split(substr($0, RSTART + 10, RLENGTH - 10), sub_xids, " ")
				for (i = 1; i <= n; i++) print sub_xids[i], at
			}}'
}

# lags SOURCE_LSN TARGET_LSN: rows, median, 99 of 100, and longest, in ms.
lags()
{
	local side
	for side in source target; do
		commits "$side" "$([ "$side" = source ] && echo "$1" || echo "$2")" >"$BENCH_WORK/$side.commits"
		sql "$side" live "COPY (SELECT id, xmin FROM pgbench_history) TO STDOUT" >"$BENCH_WORK/$side.rows"
	done
	"$BINDIR/psql" -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -h "$BENCH_WORK/source" -U postgres -d postgres 2>>"$log" <<-SQL
		CREATE TEMP TABLE source_commits (xid xid, at timestamptz);
		CREATE TEMP TABLE target_commits (xid xid, at timestamptz);
		CREATE TEMP TABLE source_rows (id int, xid xid);
		CREATE TEMP TABLE target_rows (id int, xid xid);
		\\copy source_commits FROM '$BENCH_WORK/source.commits'
		\\copy target_commits FROM '$BENCH_WORK/target.commits'
		\\copy source_rows FROM '$BENCH_WORK/source.rows'
		\\copy target_rows FROM '$BENCH_WORK/target.rows'
		WITH lags AS (SELECT extract(epoch FROM t.at - s.at)::float8 * 1000 AS ms
			FROM source_rows JOIN source_commits s USING (xid) JOIN target_rows USING (id) JOIN target_commits t ON t.xid = target_rows.xid)
		SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), max(ms) FROM lags;
	SQL
}

# live RUN PEER
live()
{
	local run=$1 side waiter client source_lsn target_lsn walsender target consumer=0 memory=0 answer=right count median p99 longest

	load_peer "$2"
	slot=bench_$2
	use_settings
	for side in source target; do
		drop_database "$side" live
		sql "$side" postgres "CREATE DATABASE live TEMPLATE base STRATEGY file_copy" "CHECKPOINT" || fail "database of $2"
	done
	use_settings "$(peer_settings)"
	peer_source_setup live || fail "$2: source"
	sql source live "SELECT pg_create_logical_replication_slot('$slot', '$(peer_plugin)')" >/dev/null || fail "slot of $2"
	{ peer_prepare live && peer_start live; } || fail "$2: start"
	until_true 30 slot_is_used || fail "$2: does not start"
	client=$(peer_client)
	# What is done once, at the first change of a table, is no matter of a steady rate.
	quietly "$BINDIR/pgbench" -n -c 4 -j 1 -R "$live_rate" -T 1 -h "$BENCH_WORK/source" -U postgres live || fail "pgbench"
	source_lsn=$(sql source postgres "SELECT pg_current_wal_lsn()") target_lsn=$(sql target postgres "SELECT pg_current_wal_lsn()")

	quietly "$BINDIR/pgbench" -n -c 4 -j 1 -R "$live_rate" -T "$live_seconds" -h "$BENCH_WORK/source" -U postgres live || fail "pgbench"
	wait_for_marker live &
	waiter=$!
	sql source live "INSERT INTO bench_done VALUES (1)"
	# shellcheck disable=SC2086
	wait -n "$waiter" $client
	kill "$waiter" 2>/dev/null && answer="ended by itself"
	# shellcheck disable=SC2046
	walsender=$(cpu_of $(walsenders)) target=$(cpu_of $(backends live))
	[ -z "$client" ] || consumer=$(cpu_of_tree "$client") memory=$(memory_of "$client")
	read -r count median p99 longest <<<"$(lags "$source_lsn" "$target_lsn")"
	[ "$answer" != right ] || [ "$(sums source live)" = "$(sums target live)" ] || answer="wrong result"
	peer_drop live || fail "$2: drop"
	until_true 30 slots_are_free || fail "$2: the slot is in use still"
	sql source postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots" >/dev/null
	[ "$answer" != right ] || [ "${count:-0}" -gt 0 ] || answer="no transaction was found in the WAL"

	if [ "$answer" = right ]; then
		record live "tpcb at $live_rate/s" "$2" "$run" transactions "$count" median_ms "$median" p99_ms "$p99" max_ms "$longest" \
			walsender "$walsender" consumer "$consumer" target "$target" memory_mb "$memory"
		printf '%-12s %d transactions: lag median %.2f ms, p99 %.2f ms, max %.2f ms   CPU s: walsender %s consumer %s target %s   %s MB\n' \
			"$2" "$count" "$median" "$p99" "$longest" "$walsender" "$consumer" "$target" "$memory"
	else
		record live "tpcb at $live_rate/s" "$2" "$run" failed "$answer"
		printf '%-12s %s\n' "$2" "$answer"
	fi
}

slot_is_used()
{
	[ "$(sql source postgres "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 1 ]
}

facts live
start_pair
sql source postgres "CREATE DATABASE base" || fail "database"
quietly "$BINDIR/pgbench" -i -q -s "$tpcb_scale" -h "$BENCH_WORK/source" -U postgres base || fail "pgbench -i"
# A number for each transaction's row; pgbench leaves it to its default.
sql source base "ALTER TABLE pgbench_history ADD id serial" "CREATE TABLE bench_done (id int PRIMARY KEY)" || fail "base"
publish base
base_of_target base
echo "live: $live_rate transactions a second for $live_seconds s"
for run in $(seq "$runs"); do
	for name in $(in_order "$run"); do
		live "$run" "$name"
	done
done
