#!/bin/bash
# The part of run-check.sh that runs as the servers' user, in the copy of the checkout.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD

# Nothing of the caller's connection settings may lead a test to another server.
for name in $(compgen -e PG); do
	case $name in
		PG_CONFIG | PG_TEST_*) ;;
		*) unset "$name" ;;
	esac
done

bindir=$("$PG_CONFIG" --bindir)
pgxs_test=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
passed=0
failed=0
skipped=0
ran=0
unit_data=

clean_up()
{
	trap '' INT TERM
	[ -z "$unit_data" ] || "$bindir/pg_ctl" -D "$unit_data" -m immediate stop >/dev/null 2>&1
	# The server tests, asked to end with the whole session, stop their servers themselves.
	wait
}
trap 'exit 130' INT TERM
trap clean_up EXIT

# add SUITE PASSED FAILED SKIPPED STATUS: a suite that failed without a failed test (it crashed,
# or did not even start) counts as one failure, and so does one that ran nothing.
add()
{
	local bad=$3

	if [ "$5" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ "$2" = 0 ] && [ "$bad" = 0 ] && [ "$4" = 0 ]; then
		echo "$1 ran no test"
		bad=1
	fi
	passed=$((passed + $2))
	failed=$((failed + bad))
	skipped=$((skipped + $4))
	ran=$((ran + 1))
	printf '# %-28s %4d passed, %d failed, %d skipped\n' "$1" "$2" "$bad" "$4"
}

count()
{
	grep -cE "$1" "$2"
	return 0
}

sum()
{
	sed -nE "s/$1/\\1/p" "$2" | awk '{n += $1} END {print n + 0}'
}

run_static()
{
	local name log status

	for name in version layers; do
		log=$CHECK_LOGS/check-$name.log
		bash "test/check-$name.sh" >"$log" 2>&1
		status=$?
		[ $status = 0 ] || cat "$log"
		add "check-$name" "$(count '^ok' "$log")" "$(count '^not ok' "$log")" 0 $status
	done
}

# A server for the unit tests that need one: DBSYNC_TEST_PG is its connection string.
start_unit_server()
{
	local dir

	dir=$(mktemp -d "$TMPDIR/unit.XXXX")
	if "$bindir/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$CHECK_LOGS/unit-server.log" 2>&1; then
		cat >>"$dir/data/postgresql.conf" <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$dir'
			wal_level = logical
			max_connections = 50
			fsync = off
		CONF
		allow_plugin "$dir/data"
		if "$bindir/pg_ctl" -D "$dir/data" -w -l "$CHECK_LOGS/unit-server.log" start >/dev/null; then
			unit_data=$dir/data
			export DBSYNC_TEST_PG="host=$dir user=postgres dbname=postgres"
			return
		fi
	fi
	echo "no server for the unit tests:"
	tail -n 20 "$CHECK_LOGS/unit-server.log"
}

# Servers with the setting output_plugin_libraries load only the plugins that it names.
allow_plugin()
{
	if "$bindir/postgres" -D "$1" -C output_plugin_libraries >/dev/null 2>&1; then
		echo "output_plugin_libraries = 'pgoutput, test_decoding, alidecode'" >>"$1/postgresql.conf"
	fi
}

run_unit()
{
	local program name log status

	start_unit_server
	for program in build/unit/${UNIT_TESTS:-test_*}; do
		name=$(basename "$program")
		# A program whose source is gone is left over from an older build.
		[ -f "test/unit/$name.c" ] || continue
		log=$CHECK_LOGS/$name.log
		timeout 300 "$program" >"$log" 2>&1
		status=$?
		if [ $status != 0 ]; then
			grep -vE '^\[( RUN|       OK)' "$log" | tail -n 60
			echo "$name: exit status $status"
		fi
		add "unit $name" "$(sum '^\[  PASSED  \] ([0-9]+) test.*' "$log")" \
			"$(sum '^\[  FAILED  \] ([0-9]+) test.*' "$log")" "$(sum '^\[  SKIPPED \] ([0-9]+) test.*' "$log")" $status
	done
	if [ -n "$unit_data" ]; then
		"$bindir/pg_ctl" -D "$unit_data" -m immediate stop >/dev/null
		unit_data=
	fi
}

# pg_regress before 16 says "test NAME ... ok", from then on TAP.
run_regress()
{
	local log=$CHECK_LOGS/regress.log status good bad

	make -C test/regress check PG_CONFIG="$PG_CONFIG" >"$log" 2>&1
	status=$?
	good=$(count '^((test)? +[^ ]+ +\.\.\. ok|ok [0-9]+ )' "$log")
	bad=$(count '^((test)? +[^ ]+ +\.\.\. FAILED|not ok [0-9]+ )' "$log")
	cp -r test/regress/regression.diffs test/regress/output_iso "$CHECK_LOGS/" 2>/dev/null
	if [ $status != 0 ]; then
		tail -n 60 "$log"
		[ ! -s test/regress/regression.diffs ] || head -n 200 test/regress/regression.diffs
	fi
	add "regress" "$good" "$bad" 0 $status
}

run_one_tap()
{
	local test=$1 name log start status

	name=$(basename "$test" .pl)
	log=$CHECK_LOGS/$name.log
	start=$SECONDS
	# Each test in a folder of its own: servers, sockets and logs of two tests never meet.
	mkdir -p "$TMPDIR/$name"
	# The limit is for a test that hangs; it ends the test's servers as well.
	TESTDIR=$TMPDIR/$name timeout --kill-after=60 "${TEST_LIMIT:-900}" prove --verbose -I "$pgxs_test/perl" -I lib "$test" >"$log" 2>&1
	status=$?
	echo "$status $((SECONDS - start))" >"$CHECK_LOGS/$name.status"
	echo "# $test finished after $((SECONDS - start)) s"
	mkdir -p "$CHECK_LOGS/$name"
	cp -r "$TMPDIR/$name/tmp_check/log/." "$CHECK_LOGS/$name/" 2>/dev/null
	[ $status != 0 ] || rm -rf "${TMPDIR:?}/$name"
}

run_tap()
{
	local test name log status seconds running=0

	export PG_REGRESS=$pgxs_test/regress/pg_regress
	export PATH=$bindir:$top/build:$PATH
	export DBSYNC=${DBSYNC:-$top/build/dbsync}
	cd "$top/test/tap" || exit 1
	# shellcheck disable=SC2086
	set -- ${TESTS:-t/*.pl}
	for test in "$@"; do
		if [ "$running" -ge "$JOBS" ]; then
			wait -n
			running=$((running - 1))
		fi
		run_one_tap "$test" &
		running=$((running + 1))
	done
	wait
	for test in "$@"; do
		name=$(basename "$test" .pl)
		log=$CHECK_LOGS/$name.log
		read -r status seconds <"$CHECK_LOGS/$name.status" || status=1
		if [ "$status" != 0 ]; then
			grep -vE '^ok ' "$log" | tail -n 60
			for log in "$CHECK_LOGS/$name"/dbsync*.log; do
				[ -f "$log" ] && { echo "--- $(basename "$log")"; tail -n 25 "$log"; }
			done
			log=$CHECK_LOGS/$name.log
		fi
		add "tap $name (${seconds:-?} s)" "$(grep -E '^ok [0-9]+' "$log" | grep -cv '# skip')" "$(count '^not ok [0-9]+' "$log")" \
			"$(count '(^ok [0-9]+ # skip|\.\. skipped:|^1\.\.0 # SKIP)' "$log")" "$status"
	done
	cd "$top" || exit 1
}

for suite in ${*:-static unit regress tap}; do
	case $suite in
		static | unit | regress | tap) "run_$suite" ;;
		*)
			echo "no such suite: $suite (static, unit, regress, tap)" >&2
			exit 2
			;;
	esac
done

[ "$skipped" = 0 ] || summary=", $skipped skipped"
echo "$passed passed, $failed failed${summary:-}"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
