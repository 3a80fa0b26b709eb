#!/bin/bash
# What does a change cost in the source's walsender, and how many bytes does it send? Each
# plugin decodes the same WAL from the same LSN, and pg_recvlogical throws the output away.
#
# bench/decode.sh [LOAD…] [PLUGIN…]: tpcb, inserts, inserts_500, updates; the names in plugin_of.
. "$(dirname "$0")/lib/enter.sh"
. "$bench/lib/loads.sh"

all_peers="floor alidecode pgoutput pgoutput_binary test_decoding wal2json_1 wal2json_2"

# plugin_of NAME: sets plugin and its options.
plugin_of()
{
	case $1 in
		# Decoding alone: every table is excluded.
		floor) plugin=alidecode options=('exclude_tables=*.*') ;;
		# As dbsync asks for it.
		alidecode) plugin=alidecode options=(version=1 format=compact batch_bytes=65536 encoding=UTF8 messages=off) ;;
		pgoutput) plugin=pgoutput options=(proto_version=1 publication_names=bench) ;;
		pgoutput_binary) plugin=pgoutput options=(proto_version=1 publication_names=bench binary=true) ;;
		test_decoding) plugin=test_decoding options=() ;;
		wal2json_1) plugin=wal2json options=(format-version=1) ;;
		wal2json_2) plugin=wal2json options=(format-version=2) ;;
		*) fail "no such plugin: $1" ;;
	esac
}

# receive FILE [OPTION…]: becomes a pg_recvlogical of $slot, so call it in the background or a pipe only.
receive()
{
	local file=$1 option
	local -a with=()
	shift
	for option in "${options[@]}"; do
		with+=(-o "$option")
	done
	exec "$BINDIR/pg_recvlogical" -h "$BENCH_WORK/source" -U postgres -d "$load" --slot "$slot" --start --no-loop -F 0 -f "$file" "${with[@]}" "$@" 2>>"$log"
}

new_slot()
{
	slot=bench_$1
	sql source "$load" "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$slot'" \
		"SELECT pg_copy_logical_replication_slot('base', '$slot', false, '$plugin')" >/dev/null
}

# Prints the walsender's pid once it has decoded all up to $end.
wait_for_walsender()
{
	sql source "$load" "SET statement_timeout = '${limit_seconds}s'" "DO \$\$ BEGIN
			WHILE NOT EXISTS (SELECT FROM pg_stat_get_wal_senders() WHERE sent_lsn >= '$end') LOOP COMMIT; PERFORM pg_sleep(0.005); COMMIT; END LOOP;
		END \$\$" "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'"
}

# decode RUN NAME
decode()
{
	local plugin options slot receiver waiter began seconds cpu receiver_cpu bytes

	plugin_of "$2"
	if [ "$1" = 1 ]; then
		# A pass of its own, so that counting costs the others nothing; a line feed stands behind each message.
		new_slot "$2" || fail "slot of $2"
		bytes=$(receive - --endpos="$end" | wc -c)
		until_true 30 slot_is_free "$slot"
		record decode "$load" "$2" "$1" bytes "$bytes"
	fi
	new_slot "$2" || fail "slot of $2"
	wait_for_walsender >"$BENCH_WORK/walsender" &
	waiter=$!
	began=$(now)
	receive /dev/null &
	receiver=$!
	wait -n "$waiter" "$receiver"
	seconds=$(calc "$(now) - $began")
	if ! kill -0 "$receiver" 2>/dev/null; then
		kill "$waiter" 2>/dev/null
		record decode "$load" "$2" "$1" failed "the plugin ended with an error"
		printf '%-12s %-16s failed: %s\n' "$load" "$2" "$(tail -n 1 "$log")"
		return
	fi
	cpu=$(cpu_of "$(cat "$BENCH_WORK/walsender")") receiver_cpu=$(cpu_of_tree "$receiver")
	kill -TERM "$receiver"
	wait "$receiver" 2>/dev/null
	until_true 30 slot_is_free "$slot" || fail "$2: the slot is in use still"
	sql source "$load" "SELECT pg_drop_replication_slot('$slot')" >/dev/null
	record decode "$load" "$2" "$1" seconds "$seconds" changes "$changes" walsender "$cpu" receiver "$receiver_cpu"
	awk -v l="$load" -v p="$2" -v s="$seconds" -v c="$changes" -v w="$cpu" -v r="$receiver_cpu" -v b="${bytes:-0}" 'BEGIN {
		printf "%-12s %-16s %6.2f s %9.0f changes/s   CPU us/change: walsender %5.2f receiver %5.2f", l, p, s, c / s, w / c * 1e6, r / c * 1e6
		printf (b > 0 ? "   %4.0f bytes/change\n" : "\n"), b / c}'
}

slot_is_free()
{
	[ "$(sql source postgres "SELECT active FROM pg_replication_slots WHERE slot_name = '$1'")" = f ]
}

loads=() wanted=()
for word in "$@"; do
	case " $all_loads " in *" $word "*) loads+=("$word") ;; *) wanted+=("$word") ;; esac
done
[ ${#loads[@]} -gt 0 ] || read -ra loads <<<"$all_loads"
[ ${#wanted[@]} -gt 0 ] || read -ra wanted <<<"$all_peers"
peers=()
for name in "${wanted[@]}"; do
	plugin_of "$name"
	if [ -f "$BENCH_WORK/lib/$plugin.so" ] || has_library "$plugin"; then
		peers+=("$name")
	else
		echo "skipped: $name: $plugin is not installed"
	fi
done

facts decode
start_server source
for load in "${loads[@]}"; do
	load_counts "$load"
	sql source postgres "CREATE DATABASE $load" || fail "database"
	load_base "$load" "$load"
	publish "$load"
	sql source "$load" "SELECT pg_create_logical_replication_slot('base', 'test_decoding')" >/dev/null || fail "slot"
	echo "$load: $transactions transactions, $changes changes are written"
	load_write "$load" "$load"
	end=$(sql source "$load" "SELECT pg_current_wal_insert_lsn()")
	sql source "$load" "INSERT INTO bench_done VALUES (1)" "CHECKPOINT" || fail "marker"
	for run in $(seq "$runs"); do
		for name in $(in_order "$run"); do
			decode "$run" "$name"
		done
	done
	sql source postgres "SELECT pg_drop_replication_slot('base')" >/dev/null
	drop_database source "$load"
done
