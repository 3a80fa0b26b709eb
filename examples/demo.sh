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
. "$(dirname "$0")/demo-lib.sh"
demo_enter "${1:-}" SCALE CLIENTS SECONDS_STREAM
pgbench_pid=

stop_load()
{
	[ -z "$pgbench_pid" ] || kill -KILL "$pgbench_pid" 2>/dev/null
}

copied_mb()
{
	local bytes
	# The file of a table that is being frozen is not seen by others; before version 14 there is only that.
	bytes=$(sql target "SELECT sum(bytes_processed) FROM pg_stat_progress_copy" || sql target "SELECT pg_relation_size('pgbench_accounts')")
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

echo "${bold}alidecode + dbsync: a live sync, killed twice on the way${plain}"
say "starting two servers"
start_server source "wal_level = logical"
start_server target "wal_level = logical"

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
kill_dbsync "in the full sync"

start_dbsync
wait_for "the full sync" 240 full_sync_is_done
copy_seconds=$(since "$sync_began")
say "full sync done: $((SCALE * 100000)) accounts"
wait_for "the stream" 120 eval "history_reached $(($(history_on target) + 500))"
kill_dbsync "while streaming"

start_dbsync
stream_began=$(date +%s.%N)
stream_from=$(history_on target)
say "streaming for $SECONDS_STREAM s while pgbench writes"
wait_seconds "$stream_began" "$SECONDS_STREAM"
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
stop_dbsync

catch_up_and_verify

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
