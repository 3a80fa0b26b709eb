# shellcheck shell=bash
# COPY to COPY by a pipe between two psql, table after table, keys at the end: the floor.

pipe_format=text

peer_copy()
{
	local table
	copy_schema "$1" --section=pre-data || return 1
	for table in $(tables_of "$1"); do
		"$BINDIR/psql" -X -q -h "$BENCH_WORK/source" -U postgres -d "$1" -c "COPY $table TO STDOUT (FORMAT $pipe_format)" |
			quietly "$BINDIR/psql" -X -q -h "$BENCH_WORK/target" -U postgres -d "$1" -v ON_ERROR_STOP=1 -c "COPY $table FROM STDIN (FORMAT $pipe_format)" || return 1
	done
	copy_schema "$1" --section=post-data
}
