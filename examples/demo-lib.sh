# shellcheck shell=bash
# What both demos share. Sourced first: demo_enter goes on as an ordinary user where root began; the rest belongs to that user's run.
#
# Sets DBSYNC, BINDIR, work (a folder that goes at the end), log, began, kills and colours. A demo sets demo_logs (shown after a
# failure) and defines stop_load, which ends what it has started beside dbsync and the PostgreSQL servers.

DEMO_USER=${DEMO_USER:-postgres}
BINDIR=$("${PG_CONFIG:-pg_config}" --bindir) || exit 1
dbsync_pid=
kills=0

# demo_enter DBSYNC NAME…: the variables named are the demo's sizes.
demo_enter()
{
	DBSYNC=${1:-$(command -v dbsync || echo /usr/local/bin/dbsync)}
	shift
	[ "$(id -u)" != 0 ] || demo_leave_root "$@"

	bold= good= bad= plain=
	if [ -n "${COLOUR:-}" ] || [ -t 1 ]; then
		bold=$'\e[1m' good=$'\e[32m' bad=$'\e[31m' plain=$'\e[0m'
	fi
	local name
	for name in $(compgen -e PG); do
		[ "$name" = PG_CONFIG ] || unset "$name"
	done

	work=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX") || exit 1
	log=$work/demo.log
	demo_logs=("$log" "$work/dbsync.log")
	began=$(date +%s.%N)
	trap 'echo; exit 130' INT TERM
	trap clean_up EXIT
}

# Servers refuse to run as root: the same script again, from a copy that the user can read.
demo_leave_root()
{
	local home colour= name
	local -a sizes=()

	home=$(mktemp -d /tmp/dbsync-demo.XXXXXX) || exit 1
	cp "$0" "$home/demo.sh"
	cp "${BASH_SOURCE[0]}" "$home/demo-lib.sh"
	cp "$DBSYNC" "$home/dbsync"
	chown -R "$DEMO_USER": "$home"
	# shellcheck disable=SC2064
	trap "rm -rf '$home'" EXIT
	trap : INT TERM
	[ -t 1 ] && colour=yes
	for name in "$@"; do
		sizes+=("$name=${!name}")
	done
	cd "$home" || exit 1
	setpriv --reuid="$DEMO_USER" --regid="$(id -g "$DEMO_USER")" --init-groups env -i \
		PATH="$PATH" HOME="$home" TMPDIR="$home" LANG=C.UTF-8 TERM="${TERM:-dumb}" PG_CONFIG="${PG_CONFIG:-pg_config}" \
		"${sizes[@]}" COLOUR="$colour" bash "$home/demo.sh" "$home/dbsync"
	exit $?
}

clean_up()
{
	trap '' INT TERM
	[ -z "$dbsync_pid" ] || kill -KILL "$dbsync_pid" 2>/dev/null
	stop_load
	wait 2>/dev/null
	local side
	for side in source target; do
		[ -f "$work/$side/data/postmaster.pid" ] &&
			"$BINDIR/pg_ctl" -D "$work/$side/data" -m immediate stop >/dev/null 2>&1
	done
	rm -rf "$work"
}

since()
{
	awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}'
}

# rate COUNT SECONDS
rate()
{
	awk -v n="$1" -v s="$2" 'BEGIN {printf "%.0f", (s > 0 ? n / s : 0)}'
}

say()
{
	printf '%s[%6.1f s]%s %s\n' "$bold" "$(since "$began")" "$plain" "$*"
}

fail()
{
	local file

	echo "${bad}failed: $*${plain}" >&2
	for file in "${demo_logs[@]}"; do
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

# wait_seconds SINCE SECONDS: dbsync works meanwhile.
wait_seconds()
{
	wait_for "time to pass" $(($2 + 60)) eval "[ \"\$(since $1 | cut -d. -f1)\" -ge $2 ]"
}

# start_server SIDE [SETTING…]: a PostgreSQL server with a database app.
start_server()
{
	local dir=$work/$1
	shift

	mkdir -p "$dir"
	quietly "$BINDIR/initdb" -D "$dir/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8
	# Only a Unix socket, in this folder: no port of the machine is used.
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$dir'" "shared_buffers = 256MB" "max_wal_size = 4GB" "$@" \
		>>"$dir/data/postgresql.conf"
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

# kill_dbsync WHEN
kill_dbsync()
{
	kill -KILL "$dbsync_pid"
	wait "$dbsync_pid" 2>/dev/null
	dbsync_pid=
	kills=$((kills + 1))
	say "${bad}kill -9${plain} $1"
}

stop_dbsync()
{
	local code

	kill -TERM "$dbsync_pid"
	wait "$dbsync_pid"
	code=$?
	dbsync_pid=
	[ "$code" = 0 ] || fail "dbsync ended with exit code $code on SIGTERM"
}

# Once nobody writes: sets catch_up_seconds.
catch_up_and_verify()
{
	local from

	say "dbsync run --until current"
	from=$(date +%s.%N)
	"$DBSYNC" run -c "$work/my.cfg" --until current >>"$work/dbsync.log" 2>&1 || fail "dbsync run --until current"
	catch_up_seconds=$(since "$from")

	say "dbsync verify"
	"$DBSYNC" verify -c "$work/my.cfg" 2>>"$work/dbsync.log" || fail "dbsync verify"
}
