# shellcheck shell=bash
# Peers: one file each in peers/, which defines some of the functions below. README.md says what
# each has to do. load_peer NAME puts these in place and then the peer's own.

load_peer()
{
	[ -f "$bench/peers/$1.sh" ] || fail "no such peer: $1 (peers/$1.sh)"
	peer=$1

	# Prints why it cannot take part, and fails.
	peer_is_there() { :; }
	# Settings that both servers need for it.
	peer_settings() { :; }
	# What must stand in the source's catalogue before the load is written.
	peer_source_setup() { :; }
	# The name of its output plugin.
	peer_plugin() { echo pgoutput; }
	# peer_prepare DATABASE: all but the start; the slot $slot is there, the target has the base.
	peer_prepare() { return 1; }
	peer_start() { return 1; }
	# Process of the consumer, where it is not one of the target's.
	peer_client() { :; }
	peer_drop() { :; }
	# The server that it reads: a folder of $BENCH_WORK.
	peer_source() { echo source; }
	# peer_is_right DATABASE: whether the target has what it should have.
	peer_is_right() { [ "$(sums target "$1")" = "$expected" ]; }
	# peer_copy DATABASE: all of it, until everything is there.
	peer_copy_prepare() { :; }
	peer_copy() { return 1; }
	peer_copy_drop() { :; }
	. "$bench/peers/$1.sh"
}

# choose_peers NAME…: of these, those that are there, into $peers.
choose_peers()
{
	local name why
	peers=()
	for name in "$@"; do
		load_peer "$name"
		if why=$(peer_is_there); then
			peers+=("$name")
		else
			echo "skipped: $name: $why"
		fi
	done
	[ ${#peers[@]} -gt 0 ] || fail "no peer is left"
}

# The order of the peers in a run: turned round every second time.
in_order()
{
	if [ $(($1 % 2)) = 1 ]; then
		printf '%s\n' "${peers[@]}"
	else
		printf '%s\n' "${peers[@]}" | tac
	fi
}

has_library()
{
	[ -f "$("${PG_CONFIG:-pg_config}" --pkglibdir)/$1.so" ]
}

# copy_schema DATABASE [SECTION…]: from the source to the target, by pg_dump and psql.
copy_schema()
{
	local database=$1
	shift
	"$BINDIR/pg_dump" -s --no-publications --no-subscriptions "$@" -h "$BENCH_WORK/source" -U postgres "$database" 2>>"$log" |
		quietly "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -h "$BENCH_WORK/target" -U postgres -d "$database"
}

# The source's tables, biggest first.
tables_of()
{
	sql source "$1" "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relpages DESC"
}
