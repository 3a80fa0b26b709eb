# shellcheck shell=bash
# A source and a target for consumers of changes: drain.sh and live.sh.

target_settings=()
settings_now=

start_pair()
{
	start_server source
	start_server target
}

# use_settings [SETTINGS]: of the servers, where a peer needs some; the others run without. Databases
# are made and dropped without too: that waits for every process, and pglogical's do not answer.
use_settings()
{
	[ "${1:-}" != "$settings_now" ] || return 0
	settings_now=${1:-}
	restart_server source "$settings_now"
	restart_server target "$settings_now" "${target_settings[@]}"
}

# base_of_target DATABASE: makes the target's database "base" from the source's.
base_of_target()
{
	drop_database target base
	sql target postgres "CREATE DATABASE base" || fail "database"
	"$BINDIR/pg_dump" --no-publications -h "$BENCH_WORK/source" -U postgres "$1" 2>>"$log" |
		quietly "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -h "$BENCH_WORK/target" -U postgres -d base || fail "base of the target"
	sql target base "VACUUM ANALYZE" || fail "vacuum"
}

# Ends when the target has the marker. COMMIT, so that this session holds no snapshot that would
# keep the target from cleaning up dead rows.
wait_for_marker()
{
	sql target "$1" "SET application_name = bench" "SET statement_timeout = '${limit_seconds}s'" \
		"DO \$\$ BEGIN WHILE NOT EXISTS (SELECT FROM bench_done) LOOP COMMIT; PERFORM pg_sleep(0.005); COMMIT; END LOOP; END \$\$"
}

# backends DATABASE: those on the target that work for the consumer.
backends()
{
	sql target postgres "SELECT pid FROM pg_stat_activity WHERE (datname = '$1' OR backend_type = 'logical replication worker')
		AND application_name <> 'bench' AND backend_type NOT LIKE 'parallel%'"
}

walsenders()
{
	sql source postgres "SELECT active_pid FROM pg_replication_slots WHERE active_pid IS NOT NULL"
}

waiter_is_there()
{
	[ "$(sql target postgres "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bench'")" = 1 ]
}

slots_are_free()
{
	[ "$(sql source postgres "SELECT count(*) FROM pg_replication_slots WHERE active")" = 0 ]
}
