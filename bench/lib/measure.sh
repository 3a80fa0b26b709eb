# shellcheck shell=bash
# Time, CPU and memory of processes, and the file of results.

now()
{
	date +%s.%N
}

# calc EXPRESSION: of awk, to six digits behind the point.
calc()
{
	awk "BEGIN {printf \"%.6f\", $1}"
}

# cpu_of PID…: seconds, user and system, that these processes used so far; ended ones count nothing.
cpu_of()
{
	local pid
	for pid in "$@"; do
		cat "/proc/$pid/stat" 2>/dev/null
	done | awk -v hz="$(getconf CLK_TCK)" '{sub(/^.*\) /, ""); sum += $12 + $13} END {printf "%.2f", sum / hz}'
}

# cpu_of_tree PID: of a process, its children that live, and those that have ended.
cpu_of_tree()
{
	local pids=$1 child=$1
	while child=$(pgrep -d ' ' -P "${child// /,}"); do
		pids="$pids $child"
	done
	for child in $pids; do
		cat "/proc/$child/stat" 2>/dev/null
	done | awk -v hz="$(getconf CLK_TCK)" '{sub(/^.*\) /, ""); sum += $12 + $13 + $14 + $15} END {printf "%.2f", sum / hz}'
}

# cpu_of_server SIDE: of all its processes since it started, also of those that have ended.
cpu_of_server()
{
	cpu_of_tree "$(head -n 1 "$BENCH_WORK/$1/data/postmaster.pid" 2>/dev/null || cat "$BENCH_WORK/$1/pid")"
}

# Highest resident memory of a process so far, in MB.
memory_of()
{
	awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$1/status" 2>/dev/null
}

# with_memory COMMAND…: runs it; its highest resident memory, looked at ten times a second, is $memory, if that was less before.
with_memory()
{
	local pid watcher status seen
	echo 0 >"$BENCH_WORK/memory"
	"$@" >>"$log" 2>&1 &
	pid=$!
	watch_memory "$pid" "$BENCH_WORK/memory" &
	watcher=$!
	wait "$pid"
	status=$?
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	seen=$(cat "$BENCH_WORK/memory")
	memory=$(awk -v a="${memory:-0}" -v b="$((seen / 1024))" 'BEGIN {print (a > b ? a : b)}')
	return "$status"
}

# watch_memory PID FILE: into the file, in kB, until the process has ended. Without programs of its own but sleep: it takes CPU from what is measured.
watch_memory()
{
	local name size
	while [ -d "/proc/$1" ]; do
		while read -r name size _; do
			[ "$name" != VmHWM: ] || echo "$size" >"$2"
		done <"/proc/$1/status"
		sleep 0.1
	done 2>/dev/null
}

# record QUESTION LOAD PEER RUN METRIC VALUE [METRIC VALUE…]
record()
{
	local key="$1	$2	$3	$4"
	shift 4
	while [ $# -gt 1 ]; do
		printf '%s\t%s\t%s\n' "$key" "$1" "$2" >>"$BENCH_WORK/results/${key%%	*}.tsv"
		shift 2
	done
}

# sums SIDE DATABASE: rows and sum of each table of the schema public, but the marker's.
sums()
{
	local table
	for table in $(sql "$1" "$2" "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
			AND relname <> 'bench_done' ORDER BY 1"); do
		sql "$1" "$2" "SELECT '$table', count(*), sum(hashtext(t.*::text)) FROM $table t"
	done
}

# cpu_of_ended: of all children of this shell that have ended, and of theirs.
cpu_of_ended()
{
	# $$ and not a subshell's own number: those count for themselves.
	awk -v hz="$(getconf CLK_TCK)" '{sub(/^.*\) /, ""); printf "%.2f", ($14 + $15) / hz}' "/proc/$$/stat"
}

# facts QUESTION: what the figures hold for, into its results.
facts()
{
	local name
	record "$1" facts - - date "$(date -u '+%Y-%m-%d')" scale "$BENCH_SCALE" runs "$runs" alidecode "${BENCH_VERSION:-unknown}" \
		postgres "$("$BINDIR/postgres" --version | sed 's/^[^0-9]*//')" \
		cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" cores "$(nproc)" \
		memory "$(awk '/^MemTotal/ {printf "%.0f GB", $2 / 1048576}' /proc/meminfo)" kernel "$(uname -r)" \
		settings "$(server_settings x | sed -n '/^wal_level\|^shared\|^max_wal_size\|^checkpoint\|^autovac\|^fsync/p' | paste -sd ';' | sed 's/;/, /g')"
	for name in wal2json pglogical pgcopydb pgloader; do
		record "$1" facts - - "$name" "$(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' "*$name" 2>/dev/null |
			awk -v major="$("$BINDIR/postgres" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')" '$3 == "installed" && ($1 ~ /^pg(copydb|loader)$/ || index($1, "-" major "-")) {print $2}')"
	done
}
