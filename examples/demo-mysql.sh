#!/bin/bash
# A throwaway MariaDB and a throwaway PostgreSQL. Clients write to the first, dbsync brings the second in sync; dbsync is killed
# twice on the way, and MariaDB is restarted under it. At the end both have the same rows.
#
# Run by `make demo-mysql`. By hand: examples/demo-mysql.sh [path of dbsync]; it needs the server programs of both (Debian:
# mariadb-server-core, mariadb-client-core, postgresql), and starts only its own.
# ROWS, CLIENTS and SECONDS_STREAM (time of streaming under load) change its size.
set -uo pipefail

ROWS=${ROWS:-400000}
CLIENTS=${CLIENTS:-4}
SECONDS_STREAM=${SECONDS_STREAM:-10}
PATH=$PATH:/usr/sbin
for program in mariadbd mariadb-install-db mariadb; do
	command -v $program >/dev/null || {
		echo "$program is not there: .ci/install-deps.sh, or apt-get install mariadb-server-core mariadb-client-core" >&2
		exit 1
	}
done

. "$(dirname "$0")/demo-lib.sh"
demo_enter "${1:-}" ROWS CLIENTS SECONDS_STREAM
demo_logs=("$log" "$work/mariadb.log" "$work/dbsync.log")
mariadb_pid=
writer_pids=

stop_load()
{
	local pid
	for pid in $writer_pids $mariadb_pid; do
		kill -KILL "$pid" 2>/dev/null
	done
}

# my QUERY: on MariaDB, as root.
my()
{
	mariadb --no-defaults --socket="$work/s" --user=root --default-character-set=utf8mb4 --batch --skip-column-names shop -e "$1" 2>>"$log"
}

mariadb_answers()
{
	mariadb --no-defaults --socket="$work/s" --user=root -e 'SELECT 1' >/dev/null 2>&1
}

start_mariadb()
{
	mariadbd --no-defaults --datadir="$work/source" --tmpdir="$work" --socket="$work/s" --skip-networking --pid-file="$work/mariadb.pid" --log-error="$work/mariadb.log" \
		--log-bin="$work/source/mysql-bin" --binlog-format=ROW --server-id=1 --innodb-buffer-pool-size=256M --innodb-flush-log-at-trx-commit=2 \
		>>"$work/mariadb.log" 2>&1 &
	mariadb_pid=$!
	wait_for "MariaDB" 60 mariadb_answers
}

start_writers()
{
	local i
	writer_pids=
	for ((i = 0; i < CLIENTS; i++)); do
		my 'CALL work()' >/dev/null &
		writer_pids="$writer_pids $!"
	done
}

stop_writers()
{
	my 'INSERT INTO halt VALUES (1)' || fail "stopping the writers"
	# shellcheck disable=SC2086
	wait $writer_pids 2>/dev/null
	writer_pids=
}

orders_on_target()
{
	sql target 'SELECT count(*) FROM shop.orders'
}

orders_reached()
{
	[ "$(orders_on_target)" -ge "$1" ]
}

copy_is_under_way()
{
	[ "$(sql target "SELECT pg_relation_size('shop.item')")" -gt 1000000 ]
}

echo "${bold}MariaDB to PostgreSQL: a live sync, killed twice on the way${plain}"
say "starting a MariaDB and a PostgreSQL"
quietly mariadb-install-db --no-defaults --datadir="$work/source" --tmpdir="$work" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve
start_mariadb
start_server target

say "source: a shop of $ROWS items, 50000 customers and 100000 orders"
mariadb --no-defaults --socket="$work/s" --user=root --default-character-set=utf8mb4 >>"$log" 2>&1 <<SQL || fail "the shop"
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customer (id int unsigned AUTO_INCREMENT PRIMARY KEY, name varchar(60) NOT NULL, level enum('bronze', 'silver', 'gold') NOT NULL DEFAULT 'bronze',
	tags set('new', 'late', 'vip'), born date, note text, UNIQUE KEY by_name (name));
CREATE TABLE item (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, title varchar(120) NOT NULL, price decimal(10,2) NOT NULL, stock int NOT NULL, active tinyint(1) NOT NULL DEFAULT 1,
	attributes json, picture blob, KEY by_price (price));
CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer_id int unsigned NOT NULL, item_id bigint unsigned NOT NULL, amount int NOT NULL,
	at datetime(3) NOT NULL, KEY by_customer (customer_id), FOREIGN KEY (customer_id) REFERENCES customer (id), FOREIGN KEY (item_id) REFERENCES item (id));
CREATE TABLE visit (at timestamp(6), page varchar(80));
CREATE TABLE halt (id int);
INSERT INTO customer (name, level, tags, born, note) SELECT CONCAT('customer ', seq, ' ☃😀'), 1 + seq % 3, seq % 8, '1950-01-01' + INTERVAL seq % 20000 DAY, NULL FROM seq_1_to_50000;
INSERT INTO item (title, price, stock, attributes, picture) SELECT CONCAT('item ', seq, ' ', REPEAT('x', seq % 60)), seq % 5000 / 7, 1000, CONCAT('{"n": ', seq, ', "tags": ["a", "ü"]}'),
	UNHEX(SHA1(seq)) FROM seq_1_to_$ROWS;
INSERT INTO orders (customer_id, item_id, amount, at) SELECT 1 + seq % 50000, 1 + seq % $ROWS, 1, '2026-01-01' + INTERVAL seq SECOND FROM seq_1_to_100000;
DELIMITER //
CREATE PROCEDURE work()
BEGIN
	DECLARE c, i, n int;
	DECLARE halted int DEFAULT 0;
	WHILE halted = 0 DO
		SET c = 1 + FLOOR(RAND() * 50000), i = 1 + FLOOR(RAND() * $ROWS), n = 1 + FLOOR(RAND() * 5);
		START TRANSACTION;
		UPDATE item SET stock = stock - n WHERE id = i;
		INSERT INTO orders (customer_id, item_id, amount, at) VALUES (c, i, n, NOW(3));
		INSERT INTO visit VALUES (NOW(6), CONCAT('/item/', i));
		IF n = 5 THEN UPDATE customer SET note = CONCAT('ordered ', i, ' ✓'), level = 'gold' WHERE id = c; END IF;
		IF n = 4 THEN DELETE FROM orders WHERE customer_id = c ORDER BY id LIMIT 1; END IF;
		COMMIT;
		DO SLEEP(0.0005);
		SELECT COUNT(*) INTO halted FROM halt;
	END WHILE;
END //
DELIMITER ;
CREATE USER sync@localhost IDENTIFIED BY 'demo';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO sync@localhost;
GRANT RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO sync@localhost;
SQL

(umask 077; cat >"$work/my.cfg") <<CONF
[src.mysql]
socket = $work/s
user = sync
password = demo
db = shop

[desc.pgsql]
connect_string = host=$work/target dbname=app user=postgres

[local]
path = $work/local.db

[dbsync]
slot = demo
jobs = 2
exclude_tables = shop.halt
CONF

say "dbsync schema"
quietly "$DBSYNC" schema -c "$work/my.cfg"
sql target "SELECT '  ' || table_name || ' (' || string_agg(column_name || ' ' || coalesce(nullif(data_type, 'USER-DEFINED'), udt_name), ', ' ORDER BY ordinal_position) || ')'
	FROM information_schema.columns WHERE table_schema = 'shop' GROUP BY table_name ORDER BY 1"

say "dbsync check"
"$DBSYNC" check -c "$work/my.cfg" >"$work/check.log" 2>&1 || { cat "$work/check.log"; fail "dbsync check"; }

say "source: $CLIENTS clients begin to write, and do not stop before the end"
start_writers
wait_for "the first writes" 60 eval '[ "$(my "SELECT COUNT(*) FROM visit")" -gt 100 ]'

say "dbsync run"
sync_began=$(date +%s.%N)
start_dbsync
wait_for "a copy under way" 120 copy_is_under_way
kill_dbsync "in the full sync"

start_dbsync
wait_for "the full sync" 240 eval '[ "$("$DBSYNC" status --json -c "$work/my.cfg" | grep -c "\"state\": \"streaming\"\|\"state\": \"catching_up\"")" -gt 0 ]'
copy_seconds=$(since "$sync_began")
say "full sync done: $ROWS items, 50000 customers, $(orders_on_target) orders"
wait_for "the stream" 120 eval "orders_reached $(($(orders_on_target) + 500))"
kill_dbsync "while streaming"

start_dbsync
say "MariaDB is restarted; dbsync waits for it and goes on"
kill -TERM "$mariadb_pid"
wait "$mariadb_pid" 2>/dev/null
# shellcheck disable=SC2086
wait $writer_pids 2>/dev/null
start_mariadb
start_writers
wait_for "the stream" 120 eval "orders_reached $(($(orders_on_target) + 500))"

stream_began=$(date +%s.%N)
stream_from=$(orders_on_target)
say "streaming for $SECONDS_STREAM s while the clients write"
wait_seconds "$stream_began" "$SECONDS_STREAM"
stream_rows=$(($(orders_on_target) - stream_from))
stream_seconds=$(since "$stream_began")

stop_writers
say "the clients have stopped; dbsync is asked to stop (SIGTERM)"
stop_dbsync

catch_up_and_verify

say "and by both clients: SELECT COUNT(*), SUM(stock) FROM item; SUM(amount) FROM orders"
on_source=$(my 'SELECT CONCAT((SELECT CONCAT(COUNT(*), " ", SUM(stock)) FROM item), " ", (SELECT SUM(amount) FROM orders))')
on_target=$(sql target "SELECT (SELECT count(*) || ' ' || sum(stock) FROM shop.item) || ' ' || (SELECT sum(amount) FROM shop.orders)")
printf '\n  MariaDB     %s\n  PostgreSQL  %s\n' "$on_source" "$on_target"
quietly "$DBSYNC" drop --yes -c "$work/my.cfg"

cat <<END

  full sync, with a kill       $copy_seconds s   ($(rate $((ROWS + 150000)) "$copy_seconds") rows/s, under load)
  stream under load            $stream_seconds s   ($(rate "$stream_rows" "$stream_seconds") orders/s applied)
  catch up after the load      $catch_up_seconds s
  kills survived               $kills
  in all                       $(since "$began") s

END
[ -n "$on_source" ] && [ "$on_source" = "$on_target" ] || fail "the sides differ"
echo "${good}source and target are equal${plain}"
