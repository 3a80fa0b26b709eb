# shellcheck shell=bash
# pglogical 2: its own output plugin, its own apply worker.

peer_is_there()
{
	has_library pglogical || { echo "the server has no pglogical"; return 1; }
}

peer_plugin()
{
	echo pglogical_output
}

peer_settings()
{
	echo "shared_preload_libraries = 'pglogical'"
	# Of its apply worker; off is its default.
	[ "$load" != tpcb_durable ] || echo "pglogical.synchronous_commit = on"
}

peer_source_setup()
{
	sql source "$1" "CREATE EXTENSION pglogical" "SELECT pglogical.create_node('source', '$(conninfo source "$1")')" \
		"SELECT pglogical.replication_set_add_table(CASE WHEN EXISTS (SELECT FROM pg_constraint WHERE contype = 'p' AND conrelid = c.oid)
			THEN 'default' ELSE 'default_insert_only' END, c.oid) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" >/dev/null
}

# It makes its slot and starts when the subscription is made. So that it begins where the others
# do, it is stopped, gets the slot of the base LSN under its slot's name, and its origin is set there.
peer_prepare()
{
	local name start
	start=$(sql source "$1" "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'")
	sql target "$1" "CREATE EXTENSION pglogical" "SELECT pglogical.create_node('target', '$(conninfo target "$1")')" \
		"SELECT pglogical.create_subscription('bench', '$(conninfo source "$1")', synchronize_structure := false, synchronize_data := false)" >/dev/null || return 1
	until_true 60 pglogical_is "$1" replicating || return 1
	sql target "$1" "SELECT pglogical.alter_subscription_disable('bench', true)" >/dev/null || return 1
	name=$(sql target "$1" "SELECT sub_slot_name FROM pglogical.subscription")
	until_true 30 slots_are_free && until_true 30 pglogical_is "$1" disabled || return 1
	sql source "$1" "SELECT pg_drop_replication_slot('$name')" "SELECT pg_copy_logical_replication_slot('$slot', '$name')" \
		"SELECT pg_drop_replication_slot('$slot')" >/dev/null || return 1
	slot=$name
	until_true 30 pglogical_sets_origin "$1" "$name" "$start"
}

pglogical_is()
{
	[ "$(sql target "$1" "SELECT status FROM pglogical.show_subscription_status()")" = "$2" ]
}

# Fails while the worker that ends holds the origin.
pglogical_sets_origin()
{
	sql target "$1" "SELECT pg_replication_origin_advance('$2', '$3')" >/dev/null
}

peer_start()
{
	sql target "$1" "SELECT pglogical.alter_subscription_enable('bench', true)" >/dev/null
}

peer_drop()
{
	sql target "$1" "SELECT pglogical.drop_subscription('bench', true)" >/dev/null
}
