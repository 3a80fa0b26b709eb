/*
 * option_table.c
 *		The table of options: one row each.
 */
#include "config/options.h"

#include "config/config.h"
#include "config/units.h"

/* Choices are written through a pointer to int. */
_Static_assert(sizeof(ConflictPolicy) == sizeof(int), "an enum is as large as an int");
_Static_assert(sizeof(LogLevel) == sizeof(int), "an enum is as large as an int");

static const OptionChoice apply_choices[] = {{"batch", APPLY_BATCH}, {"strict", APPLY_STRICT}, {NULL, 0}};
static const OptionChoice conflict_choices[] = {
	{"stop", CONFLICT_STOP}, {"skip", CONFLICT_SKIP}, {"upsert", CONFLICT_UPSERT}, {NULL, 0}};
static const OptionChoice existing_choices[] = {{"stop", EXISTING_STOP}, {"truncate", EXISTING_TRUNCATE}, {NULL, 0}};
static const OptionChoice format_choices[] = {{"auto", COPY_FORMAT_AUTO}, {"text", COPY_FORMAT_TEXT}, {NULL, 0}};
static const OptionChoice unreadable_choices[] = {{"stop", UNREADABLE_STOP}, {"skip", UNREADABLE_SKIP}, {NULL, 0}};
static const OptionChoice durability_choices[] = {{"full", DURABILITY_FULL}, {"normal", DURABILITY_NORMAL}, {NULL, 0}};
static const OptionChoice tls_choices[] = {{"disabled", MY_TLS_DISABLED},
										   {"preferred", MY_TLS_PREFERRED},
										   {"required", MY_TLS_REQUIRED},
										   {"verify", MY_TLS_VERIFY},
										   {NULL, 0}};
static const OptionChoice tinyint1_choices[] = {
	{"boolean", MY_TINYINT1_BOOLEAN}, {"smallint", MY_TINYINT1_SMALLINT}, {NULL, 0}};
static const OptionChoice zero_date_choices[] = {
	{"null", MY_ZERO_DATES_NULL}, {"error", MY_ZERO_DATES_ERROR}, {NULL, 0}};
static const OptionChoice bad_text_choices[] = {
	{"error", MY_BAD_TEXT_ERROR}, {"replace", MY_BAD_TEXT_REPLACE}, {NULL, 0}};
static const OptionChoice geometry_choices[] = {{"bytea", MY_GEOMETRY_BYTEA}, {"text", MY_GEOMETRY_TEXT}, {NULL, 0}};
static const OptionChoice cascades_choices[] = {{"stop", MY_CASCADES_STOP}, {"ignore", MY_CASCADES_IGNORE}, {NULL, 0}};
static const OptionChoice ddl_choices[] = {{"stop", MY_DDL_STOP}, {"skip", MY_DDL_SKIP}, {NULL, 0}};
static const OptionChoice level_choices[] = {{"error", LOG_ERROR}, {"warn", LOG_WARN},   {"info", LOG_INFO},
											 {"debug", LOG_DEBUG}, {"trace", LOG_TRACE}, {NULL, 0}};

#define AT(field) .offset = offsetof(Config, field)

const Option option_table[] = {
	/* General */
	{.name = "config", .letter = 'c', .group = OPTION_GENERAL, .type = OPTION_ACTION, .argument = "FILE",
	 .help = "configuration file; without it, my.cfg in the current folder is read if it is there"},
	{.name = "verbose", .letter = 'v', .group = OPTION_GENERAL, .type = OPTION_ACTION,
	 .help = "log more: once for debug, twice for trace"},
	{.name = "quiet", .letter = 'q', .group = OPTION_GENERAL, .type = OPTION_ACTION,
	 .help = "log warnings and errors only"},
	{.section = "dbsync", .name = "log_level", .group = OPTION_GENERAL, .type = OPTION_CHOICE, AT(log_level),
	 .choices = level_choices, .initial = "info", .argument = "LEVEL",
	 .help = "how much is logged"},
	{.section = "dbsync", .name = "log_file", .group = OPTION_GENERAL, .type = OPTION_PATH, AT(log_file),
	 .help = "log to this file, which SIGHUP opens again, instead of standard error"},
	{.name = "help", .letter = 'h', .group = OPTION_GENERAL, .type = OPTION_ACTION,
	 .help = "show help, of a command where one is named, and exit"},
	{.name = "version", .letter = 'V', .group = OPTION_GENERAL, .type = OPTION_ACTION,
	 .help = "show the version and exit"},

	/* Connections */
	{.section = "src.pgsql", .name = "connect_string", .long_name = "src", .group = OPTION_CONNECTIONS,
	 .type = OPTION_CONNECTION, AT(source),
	 .help = "the source: any connection string or URI of libpq; service files, passfiles and the PG* environment variables work too"},
	{.section = "desc.pgsql", .name = "connect_string", .long_name = "desc", .group = OPTION_CONNECTIONS,
	 .type = OPTION_CONNECTION, AT(target),
	 .help = "the target"},
	{.section = "desc.pgsql", .name = "target_schema", .group = OPTION_CONNECTIONS, .type = OPTION_TEXT, .letter = 's',
	 AT(target_schema), .argument = "SCHEMA",
	 .help = "schema of the target that gets every table; without it, each table goes to a schema of the name that it has on the source"},
	{.section = "local.pgsql", .name = "connect_string", .long_name = "local", .group = OPTION_CONNECTIONS,
	 .type = OPTION_CONNECTION, AT(local),
	 .help = "keep the state of the task and the changes that wait in this PostgreSQL database instead of a file"},
	{.section = "local", .name = "path", .long_name = "local-path", .group = OPTION_CONNECTIONS, .type = OPTION_PATH,
	 AT(local_path), .initial = "dbsync.db",
	 .help = "file (SQLite) of the local store; a path in the configuration file starts from that file's folder"},
	{.section = "local", .name = "durability", .long_name = "local-durability", .group = OPTION_CONNECTIONS,
	 .type = OPTION_CHOICE, AT(local_durability), .choices = durability_choices, .initial = "full",
	 .argument = "MODE",
	 .help = "full: what is confirmed to the source survives a power failure; normal: it survives a crash of dbsync only"},

	/* A MySQL or MariaDB source */
	{.section = "src.mysql", .name = "host", .long_name = "mysql-host", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.host),
	 .argument = "HOST",
	 .help = "the source is MySQL or MariaDB, on this host"},
	{.section = "src.mysql", .name = "port", .long_name = "mysql-port", .group = OPTION_MYSQL, .type = OPTION_COUNT, AT(mysql.port),
	 .initial = "3306", .min = 1, .max = 65535,
	 .help = "its port"},
	{.section = "src.mysql", .name = "socket", .long_name = "mysql-socket", .group = OPTION_MYSQL, .type = OPTION_PATH,
	 AT(mysql.socket),
	 .help = "a socket of this machine instead of host and port"},
	{.section = "src.mysql", .name = "user", .long_name = "mysql-user", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.user),
	 .argument = "NAME",
	 .help = "user there"},
	{.section = "src.mysql", .name = "password", .long_name = "mysql-password", .group = OPTION_MYSQL, .type = OPTION_PASSWORD,
	 AT(mysql.password),
	 .help = "its password"},
	{.section = "src.mysql", .name = "db", .long_name = "mysql-db", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.db),
	 .argument = "NAME",
	 .help = "database that is synchronized; the target has it as a schema of that name, or of target_schema's"},
	{.section = "src.mysql", .name = "encoding", .long_name = "mysql-encoding", .group = OPTION_MYSQL, .type = OPTION_TEXT,
	 AT(mysql.encoding), .argument = "NAME",
	 .help = "accepted for configurations of older tools, and without effect: text always travels as utf8mb4"},
	{.section = "src.mysql", .name = "encodingdir", .long_name = "mysql-encodingdir", .group = OPTION_MYSQL, .type = OPTION_TEXT,
	 AT(mysql.encoding_dir), .argument = "FOLDER",
	 .help = "the same"},
	{.section = "src.mysql", .name = "tls", .long_name = "mysql-tls", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.tls),
	 .choices = tls_choices, .initial = "preferred", .argument = "MODE",
	 .help = "preferred: encrypted where the server can; required: always; verify: and its certificate must fit tls_ca and the host's name"},
	{.section = "src.mysql", .name = "tls_ca", .long_name = "mysql-tls-ca", .group = OPTION_MYSQL, .type = OPTION_PATH,
	 AT(mysql.tls_ca),
	 .help = "certificates of those who may have signed the server's (PEM); without it, the system's"},
	{.section = "src.mysql", .name = "tls_cert", .long_name = "mysql-tls-cert", .group = OPTION_MYSQL, .type = OPTION_PATH,
	 AT(mysql.tls_cert),
	 .help = "our own certificate, where the server asks for one"},
	{.section = "src.mysql", .name = "tls_key", .long_name = "mysql-tls-key", .group = OPTION_MYSQL, .type = OPTION_PATH,
	 AT(mysql.tls_key),
	 .help = "its key"},
	{.section = "src.mysql", .name = "server_id", .group = OPTION_MYSQL, .type = OPTION_COUNT, AT(mysql.server_id),
	 .min = 1, .max = 2147483647,
	 .help = "number that no other replica of the source may have; without it, one made from the names of task and machine"},
	{.section = "src.mysql", .name = "binlogfile", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.binlog_file), .argument = "NAME",
	 .help = "with copy = off: binary log file to begin with"},
	{.section = "src.mysql", .name = "binlogfile_offset", .group = OPTION_MYSQL, .type = OPTION_NUMBER, AT(mysql.binlog_offset),
	 .initial = "0", .min = 0, .max = INT64_C(1000000000000),
	 .help = "and the position in it, between two transactions; 0: the file's first event"},
	{.section = "src.mysql", .name = "gtid", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.gtid), .argument = "POSITION",
	 .help = "with copy = off: begin behind this GTID position (MariaDB: 0-1-100; MySQL: a GTID set) instead of a file's"},
	{.section = "src.mysql", .name = "tinyint1", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.tinyint1),
	 .choices = tinyint1_choices, .initial = "boolean", .argument = "TYPE",
	 .help = "what tinyint(1) becomes; as boolean, a value other than 0 and 1 is a bad one"},
	{.section = "src.mysql", .name = "zero_dates", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.zero_dates),
	 .choices = zero_date_choices, .initial = "null", .argument = "POLICY",
	 .help = "dates with a zero year, month or day, which PostgreSQL does not have: NULL, and counted; or an error"},
	{.section = "src.mysql", .name = "bad_text", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.bad_text),
	 .choices = bad_text_choices, .initial = "error", .argument = "POLICY",
	 .help = "zero bytes and what is no UTF-8 in text: an error, or replaced by U+FFFD and counted"},
	{.section = "src.mysql", .name = "geometry", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.geometry),
	 .choices = geometry_choices, .initial = "bytea", .argument = "TYPE",
	 .help = "what geometry becomes: bytea, as EWKB, or text (WKT)"},
	{.section = "src.mysql", .name = "ddl", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.ddl), .choices = ddl_choices,
	 .initial = "stop", .argument = "POLICY",
	 .help = "ALTER TABLE and the like, met while streaming, of a table that is synchronized: stop and show it, or go on"},
	{.section = "src.mysql", .name = "cascades", .group = OPTION_MYSQL, .type = OPTION_CHOICE, AT(mysql.cascades), .choices = cascades_choices,
	 .initial = "stop", .argument = "POLICY",
	 .help = "foreign keys with ON DELETE or ON UPDATE actions, which the binary log does not have, where the target's do not act: stop, or go on"},
	{.section = "src.mysql", .name = "lower_names", .group = OPTION_MYSQL, .type = OPTION_BOOL, AT(mysql.lower_names),
	 .initial = "off",
	 .help = "names of tables and columns become lower-case on the target"},
	{.section = "src.mysql", .name = "types", .group = OPTION_MYSQL, .type = OPTION_TEXT, AT(mysql.types), .argument = "LIST",
	 .help = "other types than docs/mysql-types.md has, by type or by column: int unsigned = bigint, orders.price = numeric(10,2)"},
	{.section = "src.mysql", .name = "copy_queries", .letter = 'l', .group = OPTION_MYSQL, .type = OPTION_PATH,
	 AT(mysql.copy_queries),
	 .help = "file with the tables to copy, one a line, each alone or as \"table : select ...\" with the query that gives its rows"},
	{.section = "desc.pgsql", .name = "ignore_copy_error_count_each_table", .group = OPTION_MYSQL, .type = OPTION_NUMBER,
	 AT(mysql.reject_limit), .initial = "0", .min = 0, .max = INT64_C(1000000000000), .argument = "N",
	 .help = "rows of one table that the full copy of a MySQL source may reject before it stops"},

	/* What is synchronized */
	{.section = "dbsync", .name = "slot", .group = OPTION_TASK, .type = OPTION_SLOT, AT(slot), .initial = "dbsync_slot",
	 .argument = "NAME",
	 .help = "name of the replication slot on the source, and of the task"},
	{.section = "dbsync", .name = "include_tables", .group = OPTION_TASK, .type = OPTION_TABLES, AT(include_tables),
	 .help = "only these tables: schema.table, separated by commas, * stands for any text, unusual names in double quotes; without it, all"},
	{.section = "dbsync", .name = "exclude_tables", .group = OPTION_TASK, .type = OPTION_TABLES, AT(exclude_tables),
	 .help = "not these tables, written the same way"},

	/* Full sync */
	{.section = "dbsync", .name = "copy", .group = OPTION_COPY, .type = OPTION_BOOL, AT(copy.enabled), .initial = "on",
	 .help = "off: no full sync; the target has the data already, and streaming starts from the existing slot"},
	{.section = "dbsync", .name = "jobs", .letter = 'j', .group = OPTION_COPY, .type = OPTION_COUNT, AT(copy.jobs),
	 .initial = "4", .min = 1, .max = 256,
	 .help = "tables, or parts of large ones, that are copied at the same time; as many compared by verify"},
	{.section = "dbsync", .name = "split_bytes", .group = OPTION_COPY, .type = OPTION_SIZE, AT(copy.split_bytes),
	 .initial = "1GB", .min = 64 * KB, .max = 1024 * 1024 * GB,
	 .help = "a table larger than this is copied in parts of this size"},
	{.section = "dbsync", .name = "existing_rows", .group = OPTION_COPY, .type = OPTION_CHOICE, AT(copy.existing_rows),
	 .choices = existing_choices, .initial = "stop", .argument = "POLICY",
	 .help = "target table that is not empty before its copy: stop, or truncate it"},
	{.section = "dbsync", .name = "copy_format", .group = OPTION_COPY, .type = OPTION_CHOICE, AT(copy.format),
	 .choices = format_choices, .initial = "auto", .argument = "FORMAT",
	 .help = "auto: COPY's binary format for tables of which every column has the same built-in type on both sides, text for the others; text: for all"},
	{.section = "dbsync", .name = "analyze", .group = OPTION_COPY, .type = OPTION_BOOL, AT(copy.analyze), .initial = "on",
	 .help = "ANALYZE each table of the target once it is copied"},
	{.section = "dbsync", .name = "unreadable_tables", .group = OPTION_COPY, .type = OPTION_CHOICE, AT(copy.unreadable),
	 .choices = unreadable_choices, .initial = "stop", .argument = "POLICY",
	 .help = "source table that the role may not read: stop, or skip it with a warning"},

	/* Applying changes */
	{.section = "dbsync", .name = "apply", .group = OPTION_APPLY, .type = OPTION_CHOICE, AT(apply.mode),
	 .choices = apply_choices, .initial = "batch", .argument = "MODE",
	 .help = "batch: the net effect of many changes, by statements for many rows; strict: one statement a change, in the source's order"},
	{.section = "dbsync", .name = "conflict", .group = OPTION_APPLY, .type = OPTION_CHOICE, AT(apply.conflict),
	 .choices = conflict_choices, .initial = "stop", .argument = "POLICY",
	 .help = "row missing or there already on the target: stop; skip the change and keep it in a table; or upsert, make the row as the source has it"},
	{.section = "dbsync", .name = "group_changes", .group = OPTION_APPLY, .type = OPTION_COUNT, AT(apply.group_changes),
	 .initial = "20000", .min = 1, .max = 10000000,
	 .help = "changes in one target transaction, after which it ends at the next end of a source transaction"},
	{.section = "dbsync", .name = "group_bytes", .group = OPTION_APPLY, .type = OPTION_SIZE, AT(apply.group_bytes),
	 .initial = "8MB", .min = KB, .max = GB,
	 .help = "the same limit, by size"},
	{.section = "dbsync", .name = "pipeline_bytes", .group = OPTION_APPLY, .type = OPTION_SIZE, AT(apply.pipeline_bytes),
	 .initial = "256kB", .min = 8 * KB, .max = 64 * MB,
	 .help = "sent to the target and not yet answered"},

	/* Limits and intervals */
	{.section = "dbsync", .name = "queue_bytes", .group = OPTION_LIMITS, .type = OPTION_SIZE, AT(limits.queue_bytes),
	 .initial = "32MB", .min = 64 * KB, .max = 16 * GB,
	 .help = "changes that wait in memory; what is more goes to the local store"},
	{.section = "dbsync", .name = "batch_bytes", .group = OPTION_LIMITS, .type = OPTION_SIZE, AT(limits.batch_bytes),
	 .initial = "64kB", .min = 0, .max = 16 * MB,
	 .help = "records that the source gathers for one message; 0: one record a message"},
	{.section = "dbsync", .name = "status_interval", .group = OPTION_LIMITS, .type = OPTION_DURATION,
	 AT(limits.status_interval_ms), .initial = "1s", .min = 10, .max = 5 * MINUTE,
	 .help = "between two confirmations to the source; well below its wal_sender_timeout"},
	{.section = "dbsync", .name = "report_interval", .group = OPTION_LIMITS, .type = OPTION_DURATION,
	 AT(limits.report_interval_ms), .initial = "10s", .min = 100, .max = DAY,
	 .help = "between two progress lines in the log"},
	{.section = "dbsync", .name = "retry_max", .group = OPTION_LIMITS, .type = OPTION_DURATION, AT(limits.retry_max_ms),
	 .initial = "30s", .min = 100, .max = DAY,
	 .help = "longest wait between two tries, where a connection is lost or the target refuses a change for now; the first is half a second, then it doubles"},
	{.section = "dbsync", .name = "retry_give_up", .group = OPTION_LIMITS, .type = OPTION_DURATION,
	 AT(limits.retry_give_up_ms), .initial = "0", .min = 0, .max = 20 * DAY,
	 .help = "stop after failing for so long, without a connection or at the same change; 0: try for ever"},

	/* One run */
	{.name = "until", .group = OPTION_RUN, .type = OPTION_POSITION, AT(until),
	 .help = "end with exit code 0 when everything up to this LSN is durable on the target, with 1 when stopped before; current: the source's position at "
	 "the start"},
	{.name = "copy_only", .group = OPTION_RUN, .type = OPTION_FLAG, AT(copy_only),
	 .help = "end after the full sync; exit code 1 when stopped before"},
	{.name = "daemon", .group = OPTION_RUN, .type = OPTION_FLAG, AT(daemon),
	 .help = "run in the background; returns once the run has started well"},
	{.section = "dbsync", .name = "pid_file", .group = OPTION_RUN, .type = OPTION_PATH, AT(pid_file),
	 .help = "write the process number there, and refuse to start while another process holds the file"},

	/* Output */
	{.name = "json", .group = OPTION_OUTPUT, .type = OPTION_FLAG, AT(json),
	 .help = "print JSON instead of text"},
};

const int option_count = (int) (sizeof(option_table) / sizeof(option_table[0]));
