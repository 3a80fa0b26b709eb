# shellcheck shell=bash
# pg_dump and pg_restore, two jobs each, by way of a folder without compression.

peer_copy()
{
	local folder=$BENCH_WORK/dump
	quietly "$BINDIR/pg_dump" -Fd -Z0 -j 2 --no-publications -f "$folder" -h "$BENCH_WORK/source" -U postgres "$1" &&
		quietly "$BINDIR/pg_restore" -j 2 -d "$1" -h "$BENCH_WORK/target" -U postgres "$folder"
}

peer_copy_drop()
{
	rm -rf "$BENCH_WORK/dump"
}
