# shellcheck shell=bash
# Throwaway servers below $BENCH_WORK, reached by a Unix socket only: no port is used.

log=$BENCH_WORK/bench.log
servers=()

fail()
{
	echo "failed: $*" >&2
	tail -n 15 "$log" >&2 2>/dev/null
	exit 1
}

quietly()
{
	"$@" >>"$log" 2>&1
}

# sql SIDE DATABASE QUERY…: each query is a transaction of its own.
sql()
{
	local side=$1 database=$2 query
	local -a queries=()
	shift 2
	for query in "$@"; do
		queries+=(-c "$query")
	done
	"$BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$BENCH_WORK/$side" -U postgres -d "$database" "${queries[@]}" 2>>"$log"
}

conninfo()
{
	echo "host=$BENCH_WORK/$1 user=postgres dbname=$2"
}

# The settings that docs/benchmarks.md names: the same for all peers.
server_settings()
{
	cat <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$1'
		wal_level = logical
		max_wal_senders = 20
		max_replication_slots = 20
		max_worker_processes = 20
		shared_buffers = ${BENCH_SHARED_BUFFERS:-1GB}
		max_wal_size = 32GB
		checkpoint_timeout = 1h
		wal_sender_timeout = 10min
		wal_receiver_timeout = 10min
		wal_retrieve_retry_interval = 10ms
		autovacuum = off
		fsync = off
		log_min_messages = warning
		dynamic_library_path = '$BENCH_WORK/lib:\$libdir'
	CONF
}

# start_server SIDE [SETTING…]
start_server()
{
	local side=$1 dir=$BENCH_WORK/$1
	shift

	mkdir -p "$dir"
	quietly "$BINDIR/initdb" -D "$dir/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 || fail "initdb"
	server_settings "$dir" >>"$dir/data/postgresql.conf"
	if "$BINDIR/postgres" -D "$dir/data" -C output_plugin_libraries >/dev/null 2>&1; then
		echo "output_plugin_libraries = 'pgoutput, test_decoding, alidecode, wal2json, pglogical_output'" >>"$dir/data/postgresql.conf"
	fi
	servers+=("$side")
	restart_server "$side" "$@"
}

# restart_server SIDE [SETTING…]: these in place of the ones of the last start.
restart_server()
{
	local dir=$BENCH_WORK/$1
	shift
	printf '%s\n' "$@" >"$dir/data/extra.conf"
	grep -q extra.conf "$dir/data/postgresql.conf" || echo "include 'extra.conf'" >>"$dir/data/postgresql.conf"
	stop_server "$dir" fast
	quietly "$BINDIR/pg_ctl" -D "$dir/data" -w -t 120 -l "$dir/server.log" start || { tail -n 5 "$dir/server.log"; fail "server $dir"; } >&2
}

stop_server()
{
	[ ! -f "$1/data/postmaster.pid" ] || quietly "$BINDIR/pg_ctl" -D "$1/data" -w -t 120 -m "$2" stop
}

leave()
{
	local side pid

	trap '' INT TERM
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null
	done
	[ ! -f "$BENCH_WORK/mariadb/pid" ] || kill -KILL "$(cat "$BENCH_WORK/mariadb/pid")" 2>/dev/null
	for side in "${servers[@]}"; do
		stop_server "$BENCH_WORK/$side" immediate
		[ -n "${BENCH_KEEP:-}" ] || rm -rf "${BENCH_WORK:?}/$side"
	done
}
trap 'exit 130' INT TERM
trap leave EXIT

drop_database()
{
	sql "$1" postgres "DROP DATABASE IF EXISTS $2 WITH (FORCE)" || fail "drop database $2"
}

# until_true LIMIT COMMAND…
until_true()
{
	local limit=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$limit" ] || return 1
		sleep 0.02
	done
}

# publish DATABASE: the tables of public, and not those of a peer, as the publication "bench".
publish()
{
	local tables
	tables=$(sql source "$1" "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	sql source "$1" "CREATE PUBLICATION bench FOR TABLE $tables" || fail "publication"
}
