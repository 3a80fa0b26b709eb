# shellcheck shell=bash
# pgcopydb: the copy by "clone", changes by "follow".

peer_is_there()
{
	command -v pgcopydb >/dev/null || { echo "pgcopydb is not installed"; return 1; }
}

peer_copy()
{
	quietly pgcopydb clone --source "$(uri source "$1")" --target "$(uri target "$1")" --dir "$BENCH_WORK/pgcopydb" --table-jobs 2 --index-jobs 2 \
		--no-owner --no-acl --skip-large-objects
}

peer_copy_drop()
{
	rm -rf "$BENCH_WORK/pgcopydb"
}

# "follow" of version 0.10 reads wal2json, writes files of JSON, then of SQL, and applies these up to the end that it is told.
peer_plugin()
{
	echo wal2json
}

peer_prepare()
{
	local start
	has_library wal2json || { echo "pgcopydb follow needs wal2json"; return 1; }
	start=$(sql source "$1" "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'")
	pgcopydb_end=$(sql source "$1" "SELECT pg_current_wal_insert_lsn()")
	quietly pgcopydb stream sentinel create --source "$(uri source "$1")" --startpos "$start" --endpos "$pgcopydb_end" &&
		quietly pgcopydb stream sentinel set apply --source "$(uri source "$1")"
}

peer_start()
{
	pgcopydb follow --source "$(uri source "$1")" --target "$(uri target "$1")" --dir "$BENCH_WORK/pgcopydb" --slot-name "$slot" --origin "$slot" \
		--endpos "$pgcopydb_end" --not-consistent --resume >>"$log" 2>&1 &
	pgcopydb_pid=$!
}

peer_client()
{
	echo "${pgcopydb_pid:-}"
}

peer_drop()
{
	if [ -n "${pgcopydb_pid:-}" ]; then
		# It does not always listen.
		kill -TERM "$pgcopydb_pid" 2>/dev/null
		until_true 5 eval "! kill -0 $pgcopydb_pid 2>/dev/null" || { pkill -KILL -P "$pgcopydb_pid"; kill -KILL "$pgcopydb_pid"; }
		wait "$pgcopydb_pid" 2>/dev/null
		pgcopydb_pid=
	fi
	rm -rf "$BENCH_WORK/pgcopydb"
	sql source "$1" "DROP SCHEMA IF EXISTS pgcopydb CASCADE" &&
		sql target "$1" "SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = '$slot'" >/dev/null
}

# It reads connections as URIs.
uri()
{
	echo "postgres://postgres@/$2?host=$BENCH_WORK/$1"
}
