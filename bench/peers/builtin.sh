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
