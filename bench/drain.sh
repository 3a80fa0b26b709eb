#!/bin/bash
# How fast does each consumer work off a backlog? All begin at the same LSN, with the same copy
# of the tables, and the clock stops when the last transaction's row can be seen on the target.
#
# bench/drain.sh [LOAD…] [PEER…]: tpcb, inserts, updates, tpcb_durable; files of bench/peers.
. "$(dirname "$0")/lib/enter.sh"
. "$bench/lib/loads.sh"
. "$bench/lib/pair.sh"
. "$bench/lib/drain.sh"
[ -z "${BENCH_PROFILE:-}" ] || . "$bench/lib/profile.sh"

loads=() wanted=()
for word in "$@"; do
	case $word in
		tpcb | inserts | inserts_500 | updates | tpcb_durable) loads+=("$word") ;;
		*) wanted+=("$word") ;;
	esac
done
[ ${#loads[@]} -gt 0 ] || loads=(tpcb inserts updates tpcb_durable)
[ ${#wanted[@]} -gt 0 ] || wanted=(builtin builtin_binary pglogical pgcopydb dbsync dbsync_strict)
choose_peers "${wanted[@]}"

question=drain
facts drain
start_pair
for load in "${loads[@]}"; do
	load_counts "$load"
	target_settings=()
	[ "$load" != tpcb_durable ] || target_settings=("fsync = on" "synchronous_commit = on")
	settings_now=
	restart_server target "${target_settings[@]}"
	sql source postgres "CREATE DATABASE $load" || fail "database"
	load_base "$load" "$load"
	publish "$load"
	base_of_target "$load"
	for name in "${peers[@]}"; do
		load_peer "$name"
		use_settings "$(peer_settings)"
		peer_source_setup "$load" || fail "$name: source"
	done
	use_settings

	sql source "$load" "SELECT pg_create_logical_replication_slot('base', 'test_decoding')" >/dev/null || fail "slot"
	echo "$load: $transactions transactions, $changes changes are written"
	load_write "$load" "$load"
	sql source "$load" "INSERT INTO bench_done VALUES (1)" "CHECKPOINT" || fail "marker"
	expected=$(sums source "$load")
	for run in $(seq "$runs"); do
		for name in $(in_order "$run"); do
			drain "$run" "$name"
		done
	done
	use_settings
	sql source postgres "SELECT pg_drop_replication_slot('base')" >/dev/null
	drop_database source "$load"
	drop_database target "$load"
done
