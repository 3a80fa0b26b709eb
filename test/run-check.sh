#!/bin/bash
# Runs the tests: test/run-check.sh [static] [unit] [regress] [tap]; all of them by default.
#
# Servers refuse to run as root, and the checkout may be unreadable for the user they run as. So
# the tests always run in a copy of the checkout, in a folder of their own, and as root they run
# as CHECK_USER. Logs are kept in build/check/. The last line sums up all tests.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

CHECK_USER=${CHECK_USER:-postgres}
PG_CONFIG=${PG_CONFIG:-pg_config}
logs=$PWD/build/check

work=$(mktemp -d "${TMPDIR:-/tmp}/dbsync-check.XXXXXX") || exit 1
mounted=
suites_pid=

clean_up()
{
	trap '' INT TERM
	if [ -n "$suites_pid" ] && kill -TERM -- "-$suites_pid" 2>/dev/null; then
		wait "$suites_pid"
	fi
	# Each test stops its own servers, unless it was killed.
	local pid_file
	find "$work" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
		kill -QUIT "$(head -n 1 "$pid_file")" 2>/dev/null
	done
	find "$work" -name mariadbd.pid 2>/dev/null | while read -r pid_file; do
		kill -KILL "$(head -n 1 "$pid_file")" 2>/dev/null
	done
	cp -r "$work/logs/." "$logs/" 2>/dev/null
	[ -z "$mounted" ] || umount -l "$work/small"
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
}
trap 'exit 130' INT TERM
trap clean_up EXIT

rm -rf "$logs"
mkdir -p "$logs" "$work/src" "$work/logs" "$work/small" "$work/tmp"
tar -C "$PWD" --exclude=./.git --exclude=./build/obj --exclude=./build/check --exclude=./build/mysql -cf - . | tar -C "$work/src" -xf -

# Another server than the installed MariaDB: in a place, too, that the tests' user can read.
mysql=${DBSYNC_TEST_MYSQL:-}
if [ -d "$mysql" ]; then
	mysql=$work/mysql
	mkdir "$mysql" && tar -C "$DBSYNC_TEST_MYSQL" -cf - . | tar -C "$mysql" -xf - || exit 1
fi

# A file system that is easily filled, for the tests of a full disk; they skip where it cannot
# be mounted.
small=
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=256m,mode=1777 tmpfs "$work/small" 2>/dev/null; then
	mounted=yes
	small=$work/small
fi

# A session of its own: an interrupt reaches the tests only through clean_up().
run=(setsid env)
if [ "$(id -u)" = 0 ]; then
	if ! id "$CHECK_USER" >/dev/null 2>&1; then
		echo "servers refuse to run as root, and there is no user $CHECK_USER: set CHECK_USER" >&2
		exit 1
	fi
	chown -R "$CHECK_USER": "$work"
	run=(setsid setpriv --reuid="$CHECK_USER" --regid="$(id -g "$CHECK_USER")" --init-groups env -i
		"PATH=$PATH" HOME="$work" LANG=C.UTF-8)
fi

"${run[@]}" PG_CONFIG="$PG_CONFIG" TMPDIR="$work/tmp" CHECK_LOGS="$work/logs" \
	DBSYNC_TEST_SMALL="$small" TESTS="${TESTS:-}" UNIT_TESTS="${UNIT_TESTS:-}" JOBS="${JOBS:-2}" \
	DBSYNC_TEST_ROWS="${DBSYNC_TEST_ROWS:-}" DBSYNC_TEST_SEED="${DBSYNC_TEST_SEED:-}" \
	DBSYNC_TEST_KILLS="${DBSYNC_TEST_KILLS:-}" DBSYNC_TEST_ROUNDS="${DBSYNC_TEST_ROUNDS:-}" DBSYNC_TEST_TABLES="${DBSYNC_TEST_TABLES:-}" DBSYNC="${DBSYNC:-}" DBSYNC_TEST_MYSQL="$mysql" TEST_LIMIT="${TEST_LIMIT:-}" \
	bash "$work/src/test/run-suites.sh" "$@" </dev/null &
suites_pid=$!
wait "$suites_pid"
status=$?
suites_pid=
exit $status
