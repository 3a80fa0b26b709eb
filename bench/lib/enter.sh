# shellcheck shell=bash
# Sourced first by every question. Called from a checkout, it runs the same script again from a
# working folder of its own, as an ordinary user, and keeps the results in build/bench/ at the
# end. In the working folder it only loads the rest of lib/.
#
# BENCH_SCALE=quick|full sizes; BENCH_RUNS and the names in sizes.sh override one of them.
# DBSYNC, ALIDECODE: the program and the plugin to measure, by default those that were built.
set -uo pipefail

bench_run_from_checkout()
{
	local script=$1 checkout user=${BENCH_USER:-postgres} work status name
	local -a as_user=(setsid env -i)
	shift
	checkout=$(cd "$(dirname "$script")/.." && pwd) || exit 1
	work=$(mktemp -d "${BENCH_TMPDIR:-/tmp}/dbsync-bench.XXXXXX") || exit 1

	mkdir -p "$work/bin" "$work/lib" "$work/results" "$checkout/build/bench/by-hand"
	cp -r "$checkout/bench" "$work/bench"
	cp "${DBSYNC:-$checkout/build/dbsync}" "$work/bin/dbsync" 2>/dev/null
	# What was built is measured, not what is installed; the servers look here first.
	cp "${ALIDECODE:-$checkout/decoder/alidecode.so}" "$work/lib/alidecode.so" 2>/dev/null

	if [ "$(id -u)" = 0 ]; then
		chown -R "$user": "$work"
		as_user=(setsid setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env -i)
	fi
	for name in $(compgen -e BENCH_) PG_CONFIG TERM; do
		[ -z "${!name:-}" ] || as_user+=("$name=${!name}")
	done
	trap 'exit 130' INT TERM
	trap 'bench_leave "$work" "$checkout"' EXIT
	"${as_user[@]}" PATH="$PATH" HOME="$work" LANG=C.UTF-8 TMPDIR="$work" BENCH_WORK="$work" \
		BENCH_VERSION="$(cat "$checkout/VERSION") $(git -C "$checkout" rev-parse --short HEAD 2>/dev/null)" \
		bash "$work/bench/$(basename "$script")" "$@" </dev/null &
	bench_child=$!
	wait "$bench_child"
	status=$?
	bench_child=
	exit "$status"
}

bench_leave()
{
	local work=$1 checkout=$2 name

	trap '' INT TERM
	[ -z "${bench_child:-}" ] || { kill -TERM -- "-$bench_child" && wait "$bench_child"; } 2>/dev/null
	# What run.sh measured takes the place of the last run's; questions asked by hand add up elsewhere.
	for name in "$work"/results/*.tsv; do
		[ -f "$name" ] || continue
		if [ "$(basename "$0")" = run.sh ]; then
			cp "$name" "$checkout/build/bench/"
		else
			cat "$name" >>"$checkout/build/bench/by-hand/$(basename "$name")"
		fi
	done
	if [ "$(basename "$0")" = run.sh ] && [ -f "$checkout/docs/benchmarks.md" ]; then
		perl "$checkout/bench/report.pl" "$checkout/build/bench" "$checkout/docs" || echo "the report was not made"
	fi
	if [ -n "${BENCH_KEEP:-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
}

if [ -z "${BENCH_WORK:-}" ]; then
	bench_run_from_checkout "$0" "$@"
fi

bench=$BENCH_WORK/bench
BINDIR=$("${PG_CONFIG:-pg_config}" --bindir) || exit 1
for name in $(compgen -e PG); do
	[ "$name" = PG_CONFIG ] || unset "$name"
done

. "$bench/lib/sizes.sh"
. "$bench/lib/server.sh"
. "$bench/lib/measure.sh"
. "$bench/lib/peer.sh"
