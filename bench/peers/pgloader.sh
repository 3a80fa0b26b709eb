# shellcheck shell=bash
# pgloader, from MySQL, with the options that it has by default.

peer_is_there()
{
	command -v pgloader >/dev/null || { echo "pgloader is not installed"; return 1; }
}

peer_source()
{
	echo mariadb
}

peer_copy()
{
	with_memory pgloader --root-dir "$BENCH_WORK/pgloader" "mysql://root@unix:$BENCH_WORK/mariadb/s:/$1" "postgresql://postgres@unix:$BENCH_WORK/target:5432/$1"
}
