# shellcheck shell=bash
# A pipe from the mariadb program to psql's COPY, key at the end: the floor.

peer_source()
{
	echo mariadb
}

peer_copy()
{
	sql target "$1" "CREATE SCHEMA $1" "CREATE TABLE $1.item (id int NOT NULL, n int, a char(120), b char(60))" || return 1
	mariadb --no-defaults --socket="$BENCH_WORK/mariadb/s" --user=root --batch --skip-column-names --quick "$1" -e "SELECT * FROM item" 2>>"$log" |
		quietly "$BINDIR/psql" -X -q -h "$BENCH_WORK/target" -U postgres -d "$1" -v ON_ERROR_STOP=1 -c "COPY $1.item FROM STDIN (NULL 'NULL')" || return 1
	sql target "$1" "ALTER TABLE $1.item ADD PRIMARY KEY (id)"
}
