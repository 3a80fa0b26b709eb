# shellcheck shell=bash
# dbsync, with the options that it has by default.

dbsync_options=()
dbsync_jobs=2
dbsync_copy_options=()

peer_is_there()
{
	[ -x "$BENCH_WORK/bin/dbsync" ] || { echo "build it first: make"; return 1; }
	[ -f "$BENCH_WORK/lib/alidecode.so" ] || has_library alidecode || { echo "the plugin is not built"; return 1; }
}

peer_plugin()
{
	echo alidecode
}

peer_prepare()
{
	mkdir -p "$BENCH_WORK/dbsync"
	cat >"$BENCH_WORK/dbsync/my.cfg" <<-CONF
		[src.pgsql]
		connect_string = $(conninfo source "$1")
		[desc.pgsql]
		connect_string = $(conninfo target "$1")
		[local]
		path = $BENCH_WORK/dbsync/local.db
		[dbsync]
		slot = $slot
		include_tables = public.*
		copy = off
	CONF
}

peer_start()
{
	"$BENCH_WORK/bin/dbsync" run -c "$BENCH_WORK/dbsync/my.cfg" "${dbsync_options[@]}" >>"$log" 2>&1 &
	dbsync_pid=$!
}

peer_client()
{
	echo "${dbsync_pid:-}"
}

peer_drop()
{
	[ -z "${dbsync_pid:-}" ] || kill -TERM "$dbsync_pid" 2>/dev/null
	wait "${dbsync_pid:-}" 2>/dev/null
	dbsync_pid=
	rm -rf "$BENCH_WORK/dbsync"
}

# Schema, copy and keys: these are made by "dbsync run" when the rows are there.
peer_copy_prepare()
{
	peer_prepare "$1" && sed -i '/^copy = off/d' "$BENCH_WORK/dbsync/my.cfg"
}

peer_copy()
{
	local dbsync=$BENCH_WORK/bin/dbsync config=$BENCH_WORK/dbsync/my.cfg
	quietly "$dbsync" schema -c "$config" --defer && quietly "$dbsync" run -c "$config" --copy-only -j "$dbsync_jobs" "${dbsync_copy_options[@]}"
}

peer_copy_drop()
{
	quietly "$BENCH_WORK/bin/dbsync" drop --yes -c "$BENCH_WORK/dbsync/my.cfg"
	rm -rf "$BENCH_WORK/dbsync"
}
