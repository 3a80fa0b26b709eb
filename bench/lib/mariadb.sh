# shellcheck shell=bash
# A throwaway MariaDB server in $BENCH_WORK/mariadb, reached by a Unix socket only, and the loads of loads.sh on it.

PATH=$PATH:/usr/sbin

mariadb_is_there()
{
	command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null && command -v mariadb >/dev/null
}

# my DATABASE QUERY: as root; the database may be empty.
my()
{
	mariadb --no-defaults --socket="$BENCH_WORK/mariadb/s" --user=root --default-character-set=utf8mb4 --batch --skip-column-names --raw --quick \
		"--init-command=SET time_zone = '+00:00'" ${1:+"$1"} -e "$2" 2>>"$log"
}

# Caches and durability as server_settings has them for PostgreSQL.
start_mariadb()
{
	local dir=$BENCH_WORK/mariadb
	mkdir -p "$dir"
	quietly mariadb-install-db --no-defaults --datadir="$dir/data" --tmpdir="$dir" --auth-root-authentication-method=normal --skip-test-db \
		--skip-name-resolve || fail "mariadb-install-db"
	mariadbd --no-defaults --datadir="$dir/data" --tmpdir="$dir" --socket="$dir/s" --pid-file="$dir/pid" --log-error="$dir/server.log" --skip-networking \
		--log-bin="$dir/data/binlog" --binlog-format=ROW --server-id=1 --sync-binlog=0 --innodb-flush-log-at-trx-commit=0 \
		--innodb-buffer-pool-size="${BENCH_SHARED_BUFFERS:-1GB}" --innodb-log-file-size=2G --innodb-doublewrite=OFF --character-set-server=utf8mb4 \
		>>"$log" 2>&1 &
	disown
	until_true 60 my "" "SELECT 1" >/dev/null || fail "MariaDB"
}

# What load_base does, in MariaDB's words.
my_load_base()
{
	my "" "CREATE DATABASE $1" || fail "base of $1 on MariaDB"
	case $1 in
		tpcb*) my "$1" "
			CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
			CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
			CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
			CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime datetime(6), filler char(22));
			INSERT INTO pgbench_branches SELECT seq, 0, NULL FROM seq_1_to_$tpcb_scale;
			INSERT INTO pgbench_tellers SELECT seq, (seq - 1) DIV 10 + 1, 0, NULL FROM seq_1_to_$((tpcb_scale * 10));
			INSERT INTO pgbench_accounts SELECT seq, (seq - 1) DIV 100000 + 1, 0, '' FROM seq_1_to_$((tpcb_scale * 100000))" ;;
		*) my "$1" "CREATE TABLE wide (id int PRIMARY KEY, customer int NOT NULL, amount decimal(12,2), price double, paid boolean, day date,
				made timestamp NULL, code text, title text, note text)" ;;
	esac || fail "base of $1 on MariaDB"
	[[ $1 != updates* ]] || my "$1" "INSERT INTO wide SELECT $(my_row seq) FROM seq_1_to_$update_rows" || fail "base of $1 on MariaDB"
	my "$1" "CREATE TABLE bench_done (id int PRIMARY KEY)" || fail "base of $1 on MariaDB"
}

my_row()
{
	echo "$1, $1 * 7 % 10007, ($1 % 100000) / 100.0, $1 / 7e0, $1 % 3 = 0, DATE '2026-01-01' + INTERVAL $1 % 365 DAY,
		TIMESTAMP '2026-01-01 00:00:00' + INTERVAL $1 SECOND, concat('code-', $1), md5($1), CASE WHEN $1 % 5 > 0 THEN repeat('note ', 1 + $1 % 8) END"
}

# What load_write does.
my_load_write()
{
	case $1 in
		tpcb*) my_tpcb "$1" ;;
		inserts_500)
			my_in_transactions "$1" $((insert_rows / 500)) "INSERT INTO wide SELECT $(my_row i) FROM (SELECT n * 500 + seq AS i FROM seq_1_to_500) s" ;;
		updates)
			my_in_transactions "$1" $((update_rows / 1000)) "UPDATE wide JOIN (SELECT (n * 1000 + seq) * 104729 % $update_rows + 1 AS id FROM seq_0_to_999) s USING (id)
				SET amount = amount + 1, made = now(), title = md5(title), paid = NOT paid" ;;
		*) fail "no such load for MariaDB: $1" ;;
	esac || fail "load $1 on MariaDB"
}

# my_in_transactions DATABASE COUNT STATEMENT: n counts from 0.
my_in_transactions()
{
	my "$1" "DELIMITER //
		CREATE PROCEDURE work() BEGIN DECLARE n int DEFAULT 0; WHILE n < $2 DO $3; SET n = n + 1; END WHILE; END//
		DELIMITER ;
		CALL work(); DROP PROCEDURE work"
}

# pgbench's transaction, by four clients.
my_tpcb()
{
	local client
	local -a clients=()
	my "$1" "DELIMITER //
		CREATE PROCEDURE work() BEGIN
			DECLARE n, a, t, b, d, x int DEFAULT 0;
			WHILE n < $((tpcb_transactions / 4)) DO
				SET a = 1 + floor(rand() * $((tpcb_scale * 100000))), t = 1 + floor(rand() * $((tpcb_scale * 10))),
					b = 1 + floor(rand() * $tpcb_scale), d = floor(rand() * 10001) - 5000, n = n + 1;
				START TRANSACTION;
				UPDATE pgbench_accounts SET abalance = abalance + d WHERE aid = a;
				SELECT abalance INTO x FROM pgbench_accounts WHERE aid = a;
				UPDATE pgbench_tellers SET tbalance = tbalance + d WHERE tid = t;
				UPDATE pgbench_branches SET bbalance = bbalance + d WHERE bid = b;
				INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (t, b, a, d, current_timestamp(6));
				COMMIT;
			END WHILE;
		END//" || return 1
	for client in 1 2 3 4; do
		my "$1" "CALL work()" &
		clients+=("$!")
	done
	for client in "${clients[@]}"; do
		wait "$client" || return 1
	done
}

# Rows, and a sum over md5() of what a row's columns are as text, of each table: the same on both sides, by the means of each.
# my_sums DATABASE TABLE…, pg_sums DATABASE SCHEMA TABLE…
my_sums()
{
	local database=$1 table
	shift
	for table in "$@"; do
		my "$database" "SELECT '$table', count(*), sum(CAST(conv(left(md5(concat_ws(',', $(text_of my "$table"))), 8), 16, 10) AS unsigned)) FROM $table" | tr '\t' '|'
	done
}

pg_sums()
{
	local database=$1 schema=$2 table
	shift 2
	for table in "$@"; do
		sql target "$database" "SELECT '$table', count(*), sum(('x' || left(md5(concat_ws(',', $(text_of pg "$table"))), 8))::bit(32)::bigint) FROM $schema.$table"
	done
}

text_of()
{
	case $1.$2 in
		*.pgbench_accounts) echo "aid, bid, abalance" ;;
		*.pgbench_tellers) echo "tid, bid, tbalance" ;;
		*.pgbench_branches) echo "bid, bbalance" ;;
		my.pgbench_history) echo "tid, bid, aid, delta, mtime" ;;
		pg.pgbench_history) echo "tid, bid, aid, delta, to_char(mtime, 'YYYY-MM-DD HH24:MI:SS.US')" ;;
		my.wide) echo "id, customer, amount, CAST(price AS decimal(20,4)), paid, day, made, code, title, note" ;;
		pg.wide) echo "id, customer, amount, price::numeric(20,4), paid::int, day, to_char(made AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), code, title, note" ;;
		my.item) echo "id, n, a, b" ;;
		pg.item) echo "id, n, rtrim(a), rtrim(b)" ;;
	esac
}

tables_of_load()
{
	case $1 in
		tpcb*) echo pgbench_accounts pgbench_tellers pgbench_branches pgbench_history ;;
		*) echo wide ;;
	esac
}
