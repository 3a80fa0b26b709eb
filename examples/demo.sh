#!/bin/bash
# Two throwaway servers, pgbench writing to the first, dbsync bringing the second in sync, and
# killed twice on the way. At the end both have the same rows.
#
# Run by `make demo`. By hand: examples/demo.sh [path of dbsync], with the plugin installed.
# SCALE, CLIENTS and SECONDS_STREAM (time of streaming under load) change its size.
set -uo pipefail

SCALE=${SCALE:-20}
CLIENTS=${CLIENTS:-8}
SECONDS_STREAM=${SECONDS_STREAM:-15}
DEMO_USER=${DEMO_USER:-postgres}
DBSYNC=${1:-$(command -v dbsync || echo /usr/local/bin/dbsync)}
BINDIR=$("${PG_CONFIG:-pg_config}" --bindir) || exit 1

# Servers refuse to run as root: go on as an ordinary user, from a copy that it can read.
if [ "$(id -u)" = 0 ]; then
	home=$(mktemp -d /tmp/dbsync-demo.XXXXXX) || exit 1
	cp "$0" "$home/demo.sh"
	cp "$DBSYNC" "$home/dbsync"
	chown -R "$DEMO_USER": "$home"
	trap 'rm -rf "$home"' EXIT
	trap : INT TERM
	colour=
	[ -t 1 ] && colour=yes
	cd "$home" || exit 1
	setpriv --reuid="$DEMO_USER" --regid="$(id -g "$DEMO_USER")" --init-groups env -i \
		PATH="$PATH" HOME="$home" TMPDIR="$home" LANG=C.UTF-8 TERM="${TERM:-dumb}" PG_CONFIG="${PG_CONFIG:-pg_config}" \
		SCALE="$SCALE" CLIENTS="$CLIENTS" SECONDS_STREAM="$SECONDS_STREAM" COLOUR="$colour" \
		bash "$home/demo.sh" "$home/dbsync"
	exit $?
fi

bold= good= bad= plain=
if [ -n "${COLOUR:-}" ] || [ -t 1 ]; then
	bold=$'\e[1m' good=$'\e[32m' bad=$'\e[31m' plain=$'\e[0m'
fi
for name in $(compgen -e PG); do
	[ "$name" = PG_CONFIG ] || unset "$name"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX") || exit 1
log=$work/demo.log
dbsync_pid=
pgbench_pid=
began=$(date +%s.%N)

clean_up()
{
	trap '' INT TERM
	[ -z "$dbsync_pid" ] || kill -KILL "$dbsync_pid" 2>/dev/null
	[ -z "$pgbench_pid" ] || kill -KILL "$pgbench_pid" 2>/dev/null
	wait 2>/dev/null
	local side
	for side in source target; do
		[ -f "$work/$side/data/postmaster.pid" ] &&
			"$BINDIR/pg_ctl" -D "$work/$side/data" -m immediate stop >/dev/null 2>&1
	done
	rm -rf "$work"
}
trap 'echo; exit 130' INT TERM
trap clean_up EXIT

since()
{
	awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}'
}

say()
{
	printf '%s[%6.1f s]%s %s\n' "$bold" "$(since "$began")" "$plain" "$*"
}

fail()
{
	echo "${bad}failed: $*${plain}" >&2
	for file in "$log" "$work/dbsync.log"; do
		[ -s "$file" ] && { echo "--- $(basename "$file")"; tail -n 20 "$file"; } >&2
	done
	exit 1
}

quietly()
{
	"$@" >>"$log" 2>&1 || fail "$*"
}

# sql SIDE QUERY
sql()
{
	"$BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$work/$1" -U postgres -d app -c "$2" 2>>"$log"
}

# wait_for WHAT LIMIT COMMAND…: until the command succeeds; dbsync must go on running.
wait_for()
{
	local what=$1 limit=$2 start
	shift 2
	start=$(date +%s)
	until "$@"; do
		[ -z "$dbsync_pid" ] || kill -0 "$dbsync_pid" 2>/dev/null || fail "dbsync ended while $what was waited for"
		[ $(($(date +%s) - start)) -lt "$limit" ] || fail "$what: not within $limit s"
		sleep 0.1
	done
}

start_server()
{
	local dir=$work/$1

	mkdir -p "$dir"
	quietly "$BINDIR/initdb" -D "$dir/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8
	# Only a Unix socket, in this folder: no port of the machine is used.
	cat >>"$dir/data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$dir'
		shared_buffers = 256MB
		max_wal_size = 4GB
		wal_level = logical
	CONF
	if "$BINDIR/postgres" -D "$dir/data" -C output_plugin_libraries >/dev/null 2>&1; then
		echo "output_plugin_libraries = 'pgoutput, test_decoding, alidecode'" >>"$dir/data/postgresql.conf"
	fi
	quietly "$BINDIR/pg_ctl" -D "$dir/data" -w -l "$dir/server.log" start
	quietly "$BINDIR/createdb" -h "$dir" -U postgres app
}

start_dbsync()
{
	"$DBSYNC" run -c "$work/my.cfg" >>"$work/dbsync.log" 2>&1 &
	dbsync_pid=$!
}

kill_dbsync()
{
	kill -KILL "$dbsync_pid"
	wait "$dbsync_pid" 2>/dev/null
	dbsync_pid=
	kills=$((kills + 1))
}

copied_mb()
{
	local bytes
	bytes=$(sql target "SELECT sum(pg_relation_size(c.oid)) FROM pg_class c WHERE relname = 'pgbench_accounts'")
	[ "${bytes:-0}" -gt $(($1 * 1000000)) ]
}

full_sync_is_done()
{
	[ "$(sql target "SELECT count(*) FROM pgbench_accounts")" = $((SCALE * 100000)) ]
}

history_on()
{
	sql "$1" 'SELECT count(*) FROM pgbench_history'
}

history_reached()
{
	[ "$(history_on target)" -ge "$1" ]
}

kills=0

echo "${bold}alidecode + dbsync: a live sync, killed twice on the way${plain}"
say "starting two servers"
start_server source
start_server target

say "source: pgbench -i -s $SCALE ($((SCALE * 100000)) accounts)"
quietly "$BINDIR/pgbench" -i -q -s "$SCALE" -h "$work/source" -U postgres app

say "target: the same schema (pg_dump -s | psql), roles without superuser on both sides"
"$BINDIR/pg_dump" -s -h "$work/source" -U postgres app 2>>"$log" |
	quietly "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/target" -U postgres -d app
sql source "CREATE ROLE sync_source LOGIN REPLICATION;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO sync_source" || fail "grants on the source"
sql target "CREATE ROLE sync_target LOGIN; GRANT CREATE ON DATABASE app TO sync_target;
	GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO sync_target" || fail "grants on the target"
if [ "$(sql target "SELECT current_setting('server_version_num')::int >= 150000")" = t ]; then
	sql target 'GRANT SET ON PARAMETER session_replication_role TO sync_target' || fail "grant of the parameter"
else
	sql target 'ALTER ROLE sync_target SUPERUSER' || fail "superuser, which versions before 15 ask for"
fi

(umask 077; cat >"$work/my.cfg") <<CONF
[src.pgsql]
connect_string = host=$work/source dbname=app user=sync_source

[desc.pgsql]
connect_string = host=$work/target dbname=app user=sync_target

[local]
path = $work/local.db

[dbsync]
slot = demo
jobs = 2
CONF

say "source: pgbench -c $CLIENTS begins to write, and does not stop before the end"
"$BINDIR/pgbench" -n -c "$CLIENTS" -j 2 -T 3600 -h "$work/source" -U postgres app >"$work/pgbench.log" 2>&1 &
pgbench_pid=$!
wait_for "the first writes" 60 eval '[ "$(history_on source)" -gt 100 ]'

say "dbsync run"
sync_began=$(date +%s.%N)
start_dbsync
wait_for "a copy under way" 120 copied_mb "$((SCALE * 4))"
kill_dbsync
say "${bad}kill -9${plain} in the full sync"

start_dbsync
wait_for "the full sync" 240 full_sync_is_done
copy_seconds=$(since "$sync_began")
say "full sync done: $((SCALE * 100000)) accounts"
wait_for "the stream" 120 eval "history_reached $(($(history_on target) + 500))"
kill_dbsync
say "${bad}kill -9${plain} while streaming"

start_dbsync
stream_began=$(date +%s.%N)
stream_from=$(history_on target)
say "streaming for $SECONDS_STREAM s while pgbench writes"
wait_for "time to pass" $((SECONDS_STREAM + 60)) eval "[ \"\$(since $stream_began | cut -d. -f1)\" -ge $SECONDS_STREAM ]"
on_target=$(history_on target)
stream_rows=$((on_target - stream_from))
stream_seconds=$(since "$stream_began")
# The target was asked first: its lag is not flattered, and never below zero.
behind=$(($(history_on source) - on_target))

kill -TERM "$pgbench_pid"
wait "$pgbench_pid" 2>/dev/null
pgbench_pid=
written=$(history_on source)
say "pgbench stopped after $written transactions; dbsync is asked to stop (SIGTERM)"
kill -TERM "$dbsync_pid"
wait "$dbsync_pid"
code=$?
dbsync_pid=
[ "$code" = 0 ] || fail "dbsync ended with exit code $code on SIGTERM"

say "dbsync run --until current"
catch_up_began=$(date +%s.%N)
"$DBSYNC" run -c "$work/my.cfg" --until current >>"$work/dbsync.log" 2>&1 || fail "dbsync run --until current"
catch_up_seconds=$(since "$catch_up_began")

say "dbsync verify"
"$DBSYNC" verify -c "$work/my.cfg" 2>>"$work/dbsync.log" || fail "dbsync verify"

say "and by psql on both sides: count(*), sum(hashtext(t.*::text))"
equal=yes
printf '\n  %-18s %10s %18s   %s\n' table rows sum 'source = target'
for table in pgbench_accounts pgbench_branches pgbench_history pgbench_tellers; do
	query="SELECT count(*) || ' ' || coalesce(sum(hashtext(t.*::text)), 0) FROM $table t"
	on_source=$(sql source "$query")
	on_target=$(sql target "$query")
	if [ -n "$on_source" ] && [ "$on_source" = "$on_target" ]; then
		answer="${good}equal${plain}"
	else
		answer="${bad}different: $on_target${plain}"
		equal=no
	fi
	printf '  %-18s %10s %18s   %s\n' "$table" ${on_source:-? ?} "$answer"
done
quietly "$DBSYNC" drop --yes -c "$work/my.cfg"

rate()
{
	awk -v n="$1" -v s="$2" 'BEGIN {printf "%.0f", (s > 0 ? n / s : 0)}'
}

cat <<END

  full sync, with a kill       $copy_seconds s   ($(rate $((SCALE * 100000)) "$copy_seconds") rows/s, under load)
  stream under load            $stream_seconds s   ($(rate "$stream_rows" "$stream_seconds") transactions/s applied, $behind behind at its end)
  catch up after the load      $catch_up_seconds s
  transactions applied         $written
  kills survived               $kills
  in all                       $(since "$began") s

END
[ "$equal" = yes ] || fail "the sides differ"
echo "${good}source and target are equal${plain}"
