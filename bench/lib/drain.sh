# shellcheck shell=bash
# One peer works off the backlog that is there: for drain.sh and mysql.sh. They set $question, $load, $transactions, $changes and
# $expected, the sums of the source; the database "base" of the target is what all begin with, the slot "base" of the source where.

# drain RUN PEER
drain()
{
	local run=$1 began seconds waiter client walsender target consumer=0 memory=0 answer=right source
	local source_before target_before ended_before all

	load_peer "$2"
	source=$(peer_source)
	slot=bench_$2
	use_settings
	drop_database target "$load"
	sql target postgres "CREATE DATABASE $load TEMPLATE base STRATEGY file_copy" || fail "database of $2"
	use_settings "$(peer_settings)"
	sql source "$load" "SELECT pg_copy_logical_replication_slot('base', '$slot', false, '$(peer_plugin)')" >/dev/null || fail "slot of $2"
	if ! peer_prepare "$load"; then
		answer="could not be prepared"
		drained "$2"
		return
	fi
	sql target postgres "CHECKPOINT"

	wait_for_marker "$load" &
	waiter=$!
	until_true 10 waiter_is_there || fail "the connection that waits"
	source_before=$(cpu_of_server "$source") target_before=$(cpu_of_server target) ended_before=$(cpu_of_ended)

	began=$(now)
	peer_start "$load" || answer="could not be started"
	client=$(peer_client)
	[ -z "${BENCH_PROFILE:-}" ] || profile_begin
	# shellcheck disable=SC2086
	[ "$answer" != right ] || wait -n "$waiter" $client
	seconds=$(calc "$(now) - $began")

	if [ "$answer" != right ]; then
		kill "$waiter"
	elif kill -0 "$waiter" 2>/dev/null && [ "$(sql target "$load" "SELECT count(*) FROM bench_done")" = 0 ]; then
		kill "$waiter"
		answer="ended by itself"
	else
		wait "$waiter" || answer="not within $limit_seconds s"
	fi
	# shellcheck disable=SC2046
	walsender=$(cpu_of $(walsenders)) target=$(cpu_of $(backends "$load"))
	# A MariaDB server is one process.
	[ "$source" = source ] || walsender=$(calc "$(cpu_of_server "$source") - $source_before")
	if [ -n "$client" ] && kill -0 "$client" 2>/dev/null; then
		consumer=$(cpu_of_tree "$client") memory=$(memory_of "$client")
	elif [ -n "$client" ]; then
		# It ends when it is done: what servers and programs used meanwhile is its own.
		walsender=$(calc "$(cpu_of_server "$source") - $source_before") target=$(calc "$(cpu_of_server target) - $target_before")
		consumer=$(calc "$(cpu_of_ended) - $ended_before")
	fi
	all=$(calc "$(cpu_of_server "$source") - $source_before + $(cpu_of_server target) - $target_before + $consumer")
	[ -z "${BENCH_PROFILE:-}" ] || profile_end
	drained "$2"
}

# drained PEER: ends it, looks at its result, and tells.
drained()
{
	peer_drop "$load" || answer="$answer, and could not be stopped"
	until_true 60 slots_are_free || fail "$1: the slot is in use still"
	sql source postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name <> 'base'" >/dev/null

	[ "$answer" != right ] || peer_is_right "$load" || answer="wrong result"
	if [ "$answer" = right ]; then
		record "$question" "$load" "$1" "$run" seconds "$seconds" transactions "$transactions" changes "$changes" walsender "$walsender" \
			consumer "$consumer" target "$target" servers_and_consumer "$all" memory_mb "$memory"
		awk -v l="$load" -v p="$1" -v s="$seconds" -v t="$transactions" -v c="$changes" -v w="$walsender" -v d="$consumer" -v b="$target" -v m="$memory" \
			'BEGIN {printf "%-12s %-15s %7.2f s %8.0f tx/s %8.0f changes/s   CPU us/change: walsender %5.2f consumer %5.2f target %5.2f all %6.2f   %s MB\n",
			l, p, s, t / s, c / s, w / c * 1e6, d / c * 1e6, b / c * 1e6, (w + d + b) / c * 1e6, m}'
	else
		record "$question" "$load" "$1" "$run" failed "$answer"
		printf '%-12s %-15s %s\n' "$load" "$1" "$answer"
	fi
}
