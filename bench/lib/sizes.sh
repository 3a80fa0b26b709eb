# shellcheck shell=bash disable=SC2034
# How much is done: BENCH_SCALE=quick (default) to see that it works and which way a change goes,
# full for figures to publish. Each value may be set by its own name too.

case ${BENCH_SCALE:=quick} in
	full) sizes=(3 10 100000 1000000 300000 50 30) ;;
	quick) sizes=(1 10 20000 100000 60000 5 10) ;;
	*) echo "BENCH_SCALE is quick or full, not $BENCH_SCALE" >&2; exit 2 ;;
esac
runs=${BENCH_RUNS:-${sizes[0]}}                        # of each peer; the median counts
tpcb_scale=${BENCH_TPCB_SCALE:-${sizes[1]}}            # pgbench -s
tpcb_transactions=${BENCH_TPCB_TRANSACTIONS:-${sizes[2]}}
insert_rows=${BENCH_INSERT_ROWS:-${sizes[3]}}
update_rows=${BENCH_UPDATE_ROWS:-${sizes[4]}}
copy_scale=${BENCH_COPY_SCALE:-${sizes[5]}}            # pgbench -s
live_seconds=${BENCH_LIVE_SECONDS:-${sizes[6]}}
live_rate=${BENCH_LIVE_RATE:-1000}                     # transactions a second
mysql_rows=${BENCH_MYSQL_ROWS:-1000000}                   # of the table that mysql.sh copies
limit_seconds=${BENCH_LIMIT:-600}                      # of one run of one peer
