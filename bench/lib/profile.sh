# shellcheck shell=bash
# For bench/profile.sh: perf watches the processes of a drain, one file each.

profile_begin()
{
	local role pid
	profilers=()
	until_true 20 profile_is_ready || fail "the processes to watch"
	while read -r role pid; do
		perf record -q -g -e cpu-clock -F 997 -o "$BENCH_WORK/$role.perf" -p "$pid" >>"$log" 2>&1 &
		profilers+=("$role:$!")
	done < <(profile_pids)
}

profile_is_ready()
{
	profile_pids >"$BENCH_WORK/profile.pids"
	grep -q 'walsender\|mariadb' "$BENCH_WORK/profile.pids" && grep -q target "$BENCH_WORK/profile.pids"
}

# The consumer's backend is the one that has been given the most to do: it lives longest.
profile_pids()
{
	sql source postgres "SELECT 'walsender ' || active_pid FROM pg_replication_slots WHERE active_pid IS NOT NULL"
	[ "$(peer_source)" = source ] || echo "mariadb $(cat "$BENCH_WORK/mariadb/pid")"
	[ -z "$(peer_client)" ] || echo "consumer $(peer_client)"
	sql target postgres "SELECT 'target ' || pid FROM pg_stat_activity WHERE application_name <> 'bench' AND
			(datname = '$load' AND backend_type = 'client backend' OR backend_type = 'logical replication worker' AND datname IS NOT NULL)" |
		awk '{print $1 (NR > 1 ? NR : ""), $2}'
}

profile_end()
{
	local entry role
	for entry in "${profilers[@]}"; do
		kill -INT "${entry##*:}" 2>/dev/null
		wait "${entry##*:}" 2>/dev/null
	done
	for entry in "${profilers[@]}"; do
		role=${entry%%:*}
		echo "== $role"
		perf report -i "$BENCH_WORK/$role.perf" --stdio --no-children -g none --percent-limit 0.7 --sort dso,symbol 2>>"$log" |
			sed '/^#/d; /^ *$/d' | head -n "${BENCH_PROFILE_LINES:-30}"
	done
}
