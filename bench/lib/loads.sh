# shellcheck shell=bash
# What is written on the source: load_base makes tables and rows that both sides have, load_write
# the changes. load_counts sets $transactions and $changes.

all_loads="tpcb inserts inserts_500 updates"

columns="id int PRIMARY KEY, customer int NOT NULL, amount numeric(12,2), price float8, paid bool, day date,
	made timestamptz, code text, title text, note text"
row="i, i * 7 % 10007, (i % 100000) / 100.0, i / 7.0, i % 3 = 0, date '2026-01-01' + i % 365,
	timestamptz '2026-01-01 00:00+00' + i * interval '1 second', 'code-' || i, md5(i::text),
	CASE WHEN i % 5 > 0 THEN repeat('note ', 1 + i % 8) END"

load_base()
{
	sql source "$2" "CREATE TABLE bench_done (id int PRIMARY KEY)" || fail "base of $1"
	case $1 in
		tpcb*)
			quietly "$BINDIR/pgbench" -i -q -s "$tpcb_scale" -h "$BENCH_WORK/source" -U postgres "$2" ;;
		inserts*)
			sql source "$2" "CREATE TABLE wide ($columns)" ;;
		updates*)
			sql source "$2" "CREATE TABLE wide ($columns)" \
				"INSERT INTO wide SELECT $row FROM generate_series(1, $update_rows) i" ;;
	esac || fail "base of $1"
}

load_counts()
{
	case $1 in
		tpcb*) transactions=$tpcb_transactions changes=$((tpcb_transactions * 4)) ;;
		inserts_500) transactions=$((insert_rows / 500)) changes=$insert_rows ;;
		inserts) transactions=1 changes=$insert_rows ;;
		updates) transactions=$((update_rows / 1000)) changes=$update_rows ;;
		*) fail "no such load: $1" ;;
	esac
}

load_write()
{
	case $1 in
		tpcb*)
			quietly "$BINDIR/pgbench" -n -c 4 -j 2 -t $((tpcb_transactions / 4)) -h "$BENCH_WORK/source" -U postgres "$2" ;;
		inserts)
			sql source "$2" "INSERT INTO wide SELECT $row FROM generate_series(1, $insert_rows) i" ;;
		inserts_500)
			in_transactions "$2" $((insert_rows / 500)) "INSERT INTO wide SELECT $row FROM generate_series(n * 500 + 1, n * 500 + 500) i" ;;
		updates)
			# Each row once, scattered over the table: 104729 is prime and no divisor of the number of rows.
			in_transactions "$2" $((update_rows / 1000)) "UPDATE wide SET amount = amount + 1, made = now(), title = md5(title), paid = NOT paid
				WHERE id IN (SELECT (i::bigint * 104729 % $update_rows)::int + 1 FROM generate_series(n * 1000, n * 1000 + 999) i)" ;;
	esac || fail "load $1"
}

# in_transactions DATABASE COUNT STATEMENT: n counts from 0.
in_transactions()
{
	sql source "$1" "DO \$\$ BEGIN FOR n IN 0 .. $2 - 1 LOOP $3; COMMIT; END LOOP; END \$\$"
}
