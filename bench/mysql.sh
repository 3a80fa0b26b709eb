#!/bin/bash
# From MariaDB to PostgreSQL: how fast does a large table come over, beside pgloader? And how fast is a backlog of the binary log
# worked off, beside the same changes of a PostgreSQL source?
#
# bench/mysql.sh [LOAD…] [PEER…]: copy, by pgloader, pipe_mysql, dbsync_mysql_j2, dbsync_mysql; tpcb, inserts_500, updates, by dbsync from
# PostgreSQL and dbsync_mysql.
. "$(dirname "$0")/lib/enter.sh"
. "$bench/lib/loads.sh"
. "$bench/lib/pair.sh"
. "$bench/lib/drain.sh"
. "$bench/lib/mariadb.sh"
[ -z "${BENCH_PROFILE:-}" ] || . "$bench/lib/profile.sh"

loads=() wanted=()
for word in "$@"; do
	case $word in
		copy | tpcb | inserts_500 | updates) loads+=("$word") ;;
		*) wanted+=("$word") ;;
	esac
done
[ ${#loads[@]} -gt 0 ] || loads=(copy tpcb inserts_500 updates)
[ ${#wanted[@]} -gt 0 ] || wanted=(pgloader pipe_mysql dbsync_mysql_j2 dbsync dbsync_mysql)
mariadb_is_there || {
	echo "skipped: mariadbd, mariadb-install-db and mariadb are needed (Debian: mariadb-server-core, mariadb-client-core)"
	exit 0
}

# wanted_of PATTERN: of the peers that were asked for.
wanted_of()
{
	printf '%s\n' "${wanted[@]}" | grep -E -x "$1"
}

# One table, in a database of its own.
copies()
{
	my "" "CREATE DATABASE app" || fail "database"
	my app "CREATE TABLE item (id int PRIMARY KEY, n int, a char(120), b char(60)) CHARACTER SET utf8mb4;
		INSERT INTO item SELECT seq, seq * 7 % 10007, rpad(concat(md5(seq), md5(seq + 1)), 120, md5(seq + 2)), rpad(md5(seq + 3), 60, 'b') FROM seq_1_to_$mysql_rows" || fail "table"
	my_expected=$(my_sums app item)
	echo "copy: $mysql_rows rows"
	# shellcheck disable=SC2046
	choose_peers $(wanted_of '.*mysql.*|pgloader')
	for run in $(seq "$runs"); do
		for name in $(in_order "$run"); do
			copy "$run" "$name"
		done
	done
	my "" "DROP DATABASE app"
}

copy()
{
	local run=$1 began seconds source_before target_before source target client memory=0 answer=right

	load_peer "$2"
	slot=bench_copy
	drop_database target app
	sql target postgres "CREATE DATABASE app" || fail "database"
	peer_copy_prepare app || fail "$2: prepare"
	sql target postgres "CHECKPOINT"
	source_before=$(cpu_of_server mariadb) target_before=$(cpu_of_server target)
	client=$(cpu_of_ended)
	began=$(now)
	peer_copy app || answer="failed"
	seconds=$(calc "$(now) - $began")
	client=$(calc "$(cpu_of_ended) - $client")
	source=$(calc "$(cpu_of_server mariadb) - $source_before") target=$(calc "$(cpu_of_server target) - $target_before")
	if [ "$answer" = right ]; then
		[ "$(pg_sums app app item)" = "$my_expected" ] && has_key || answer="wrong result"
	fi
	peer_copy_drop app || fail "$2: drop"
	if [ "$answer" = right ]; then
		record mysql copy "$2" "$run" seconds "$seconds" rows "$mysql_rows" source "$source" consumer "$client" target "$target" memory_mb "$memory"
		awk -v p="$2" -v s="$seconds" -v r="$mysql_rows" -v a="$source" -v c="$client" -v b="$target" -v m="$memory" 'BEGIN {
			printf "%-15s %7.2f s %9.0f rows/s   CPU s: source %5.2f client %5.2f target %5.2f all %5.2f   %s MB\n", p, s, r / s, a, c, b, a + b + c, m}'
	else
		record mysql copy "$2" "$run" failed "$answer"
		printf '%-15s %s\n' "$2" "$answer"
	fi
}

has_key()
{
	[ "$(sql target app "SELECT count(*) FROM pg_constraint WHERE conrelid = 'app.item'::regclass AND contype = 'p'")" = 1 ]
}

# The same load on both sources; dbsync drains the one and the other into a copy of the same base.
drains()
{
	load=$1
	# shellcheck disable=SC2046
	choose_peers $(wanted_of 'dbsync|dbsync_mysql')
	load_counts "$load"
	sql source postgres "CREATE DATABASE $load" || fail "database"
	load_base "$load" "$load"
	base_of_target "$load"
	my_load_base "$load"
	sql source "$load" "SELECT pg_create_logical_replication_slot('base', 'test_decoding')" >/dev/null || fail "slot"
	my "" "FLUSH BINARY LOGS"
	read -r binlog_file binlog_offset _ < <(my "" "SHOW MASTER STATUS")

	echo "$load: $transactions transactions, $changes changes are written on both sources"
	load_write "$load" "$load"
	my_load_write "$load"
	sql source "$load" "INSERT INTO bench_done VALUES (1)" "CHECKPOINT" || fail "marker"
	my "$load" "INSERT INTO bench_done VALUES (1)" || fail "marker"
	expected=$(sums source "$load")
	# shellcheck disable=SC2046
	my_expected=$(my_sums "$load" $(tables_of_load "$load"))
	for run in $(seq "$runs"); do
		for name in $(in_order "$run"); do
			drain "$run" "$name"
		done
	done
	sql source postgres "SELECT pg_drop_replication_slot('base')" >/dev/null
	drop_database source "$load"
	drop_database target "$load"
	my "" "DROP DATABASE $load"
}

question=mysql
facts mysql
record mysql facts - - mariadb "$(mariadbd --version | sed 's/^.*Ver \([^ ]*\).*/\1/')"
start_pair
start_mariadb
for load in "${loads[@]}"; do
	case $load in
		copy) copies ;;
		*) drains "$load" ;;
	esac
done
