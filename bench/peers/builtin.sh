# shellcheck shell=bash
# The server's own logical replication.

builtin_options=

peer_prepare()
{
	local commit=off
	[ "$load" != tpcb_durable ] || commit=on
	sql target "$1" "CREATE SUBSCRIPTION bench CONNECTION '$(conninfo source "$1")' PUBLICATION bench
		WITH (create_slot = false, slot_name = '$slot', enabled = false, copy_data = false, synchronous_commit = $commit $builtin_options)"
}

peer_start()
{
	sql target "$1" "ALTER SUBSCRIPTION bench ENABLE"
}

peer_drop()
{
	sql target "$1" "ALTER SUBSCRIPTION bench DISABLE" "ALTER SUBSCRIPTION bench SET (slot_name = NONE)" "DROP SUBSCRIPTION bench"
}

# Table synchronization by two workers into tables with their keys, which it asks for. The
# schema is made within the time.
peer_copy_prepare() { :; }

peer_copy()
{
	copy_schema "$1" &&
		sql target "$1" "CREATE SUBSCRIPTION bench CONNECTION '$(conninfo source "$1")' PUBLICATION bench WITH (slot_name = '$slot' $builtin_options)" &&
		sql target "$1" "SET statement_timeout = '${limit_seconds}s'" "DO \$\$ BEGIN
			WHILE EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate NOT IN ('s', 'r')) LOOP COMMIT; PERFORM pg_sleep(0.01); COMMIT; END LOOP;
		END \$\$"
}

peer_copy_drop()
{
	sql target "$1" "DROP SUBSCRIPTION bench"
}
