# shellcheck shell=bash
# pgcopydb: the copy by "clone".

peer_is_there()
{
	command -v pgcopydb >/dev/null || { echo "pgcopydb is not installed"; return 1; }
}

peer_copy()
{
	quietly pgcopydb clone --source "$(uri source "$1")" --target "$(uri target "$1")" --dir "$BENCH_WORK/pgcopydb" --table-jobs 2 --index-jobs 2 \
		--no-owner --no-acl --skip-large-objects
}

peer_copy_drop()
{
	rm -rf "$BENCH_WORK/pgcopydb"
}

# It reads connections as URIs.
uri()
{
	echo "postgres://postgres@/$2?host=$BENCH_WORK/$1"
}
