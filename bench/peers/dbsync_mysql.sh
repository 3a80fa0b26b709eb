# shellcheck shell=bash
# dbsync with MariaDB as its source, and the options that it has by default.

. "$bench/peers/dbsync.sh"
dbsync_jobs=

peer_is_there()
{
	[ -x "$BENCH_WORK/bin/dbsync" ] || { echo "build it first: make"; return 1; }
	printf '[src.mysql]\ndb = app\n' >"$BENCH_WORK/with_mysql.cfg"
	[[ $("$BENCH_WORK/bin/dbsync" check -c "$BENCH_WORK/with_mysql.cfg" 2>&1) != *"no MySQL support"* ]] || { echo "it was built without MySQL"; return 1; }
}

peer_source()
{
	echo mariadb
}

peer_prepare()
{
	mkdir -p "$BENCH_WORK/dbsync"
	cat >"$BENCH_WORK/dbsync/my.cfg" <<-CONF
		[src.mysql]
		socket = $BENCH_WORK/mariadb/s
		user = root
		db = $1
		binlogfile = ${binlog_file:-}
		binlogfile_offset = ${binlog_offset:-}
		[desc.pgsql]
		connect_string = $(conninfo target "$1")
		target_schema = public
		[local]
		path = $BENCH_WORK/dbsync/local.db
		[dbsync]
		slot = $slot
		copy = off
	CONF
}

peer_is_right()
{
	# shellcheck disable=SC2046
	[ "$(pg_sums "$1" public $(tables_of_load "$1"))" = "$my_expected" ]
}

# Schema, copy and keys, into the schema of the database's name.
peer_copy_prepare()
{
	peer_prepare "$1" && sed -i '/^copy = off/d; /^target_schema/d; /^binlogfile/d' "$BENCH_WORK/dbsync/my.cfg"
}

peer_copy()
{
	local dbsync=$BENCH_WORK/bin/dbsync config=$BENCH_WORK/dbsync/my.cfg
	quietly "$dbsync" schema -c "$config" --pre-data && with_memory "$dbsync" run -c "$config" --copy-only ${dbsync_jobs:+-j "$dbsync_jobs"} &&
		quietly "$dbsync" schema -c "$config" --post-data
}
