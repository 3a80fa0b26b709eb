/*
 * config.h
 *		The configuration of a run: defaults, then the INI file, then the command line.  Read-only after load.
 *
 * Every option is one row of the table in options.c (section, name, type, default, range, help); the row feeds the INI parser,
 * --help and docs/options.md.
 */
#ifndef DBSYNC_CONFIG_CONFIG_H
#define DBSYNC_CONFIG_CONFIG_H

#include "base/error.h"
#include "base/log.h"

typedef enum ConflictPolicy
{
	CONFLICT_STOP, CONFLICT_SKIP, CONFLICT_UPSERT
} ConflictPolicy;

typedef enum ExistingRows
{
	EXISTING_STOP, EXISTING_TRUNCATE
} ExistingRows;

typedef enum CopyFormat
{
	COPY_FORMAT_AUTO,			/* binary for tables where both sides mean the same by it, text for the others */
	COPY_FORMAT_TEXT
} CopyFormat;

typedef enum UnreadableTables
{
	UNREADABLE_STOP, UNREADABLE_SKIP
} UnreadableTables;

typedef enum StoreDurability
{
	DURABILITY_FULL, DURABILITY_NORMAL
} StoreDurability;

typedef enum ApplyMode
{
	APPLY_BATCH, APPLY_STRICT
} ApplyMode;

/* How changes come to the target. */
typedef struct ApplyOptions
{
	ApplyMode	mode;			/* [dbsync] apply = batch|strict */
	ConflictPolicy conflict;	/* [dbsync] conflict = stop|skip|upsert */
	int			group_changes;	/* [dbsync] group_changes: changes of one target transaction before it is committed at the next boundary */
	int64_t		group_bytes;	/* [dbsync] group_bytes */
	int64_t		pipeline_bytes; /* [dbsync] pipeline_bytes: sent to the target and not yet answered; default 256kB */
} ApplyOptions;

typedef struct CopyOptions
{
	bool		enabled;		/* [dbsync] copy = on|off */
	int			jobs;			/* [dbsync] jobs, -j; default 4 */
	int64_t		split_bytes;	/* [dbsync] split_bytes: a table larger than this is copied in ctid ranges of about this size; default 1GB */
	ExistingRows existing_rows;	/* [dbsync] existing_rows = stop|truncate */
	CopyFormat	format;			/* [dbsync] copy_format = auto|text */
	bool		analyze;		/* [dbsync] analyze = on|off: ANALYZE of each table once its copy is done */
	UnreadableTables unreadable;	/* [dbsync] unreadable_tables = stop|skip */
} CopyOptions;

typedef struct LimitOptions
{
	int64_t		queue_bytes;	/* [dbsync] queue_bytes: changes waiting in memory before they go to the local store; default 32MB */
	int64_t		batch_bytes;	/* [dbsync] batch_bytes: asked from the plugin; default 64kB */
	int			status_interval_ms;	/* [dbsync] status_interval: feedback to the source; default 1s */
	int			report_interval_ms;	/* [dbsync] report_interval: "confirming recv up to" line; default 10s */
	int			retry_max_ms;	/* [dbsync] retry_max: longest wait between tries; default 30s */
	int			retry_give_up_ms;	/* [dbsync] retry_give_up: 0 never */
} LimitOptions;

typedef enum MyTinyint1
{
	MY_TINYINT1_BOOLEAN, MY_TINYINT1_SMALLINT
} MyTinyint1;

typedef enum MyZeroDates
{
	MY_ZERO_DATES_NULL, MY_ZERO_DATES_ERROR
} MyZeroDates;

typedef enum MyBadText
{
	MY_BAD_TEXT_ERROR, MY_BAD_TEXT_REPLACE
} MyBadText;

typedef enum MyGeometry
{
	MY_GEOMETRY_BYTEA, MY_GEOMETRY_TEXT
} MyGeometry;

typedef enum MyDdl
{
	MY_DDL_STOP, MY_DDL_SKIP
} MyDdl;

typedef enum MyCascades
{
	MY_CASCADES_STOP, MY_CASCADES_IGNORE
} MyCascades;

typedef enum MyTls
{
	MY_TLS_PREFERRED, MY_TLS_DISABLED, MY_TLS_REQUIRED, MY_TLS_VERIFY
} MyTls;

/* [src.mysql] */
typedef struct MySourceConfig
{
	const char *host;
	int			port;
	const char *socket;
	const char *user;
	const char *password;
	const char *db;				/* one database: it becomes one schema */
	const char *encoding;		/* accepted for old files; the connection is always utf8mb4 */
	const char *encoding_dir;	/* the same */
	MyTls		tls;
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	int			server_id;		/* among the source's replicas; never 0: where it is not set, made of slot and host name */
	const char *binlog_file;	/* [src.mysql] binlogfile, binlogfile_offset: where to start without a full copy */
	int64_t		binlog_offset;
	const char *gtid;			/* the same, by GTID */
	MyTinyint1	tinyint1;
	MyZeroDates zero_dates;
	MyBadText	bad_text;		/* '\0' and invalid UTF-8 in text */
	MyGeometry	geometry;
	MyCascades	cascades;		/* foreign keys that change rows below the binlog, and do not on the target */
	MyDdl		ddl;			/* met in the stream on a table that is synchronized */
	bool		lower_names;
	const char *types;			/* overrides: "int unsigned = bigint, t.c = numeric(10)" */
	const char *copy_queries;	/* -l FILE */
	int64_t		reject_limit;	/* [desc.pgsql] ignore_copy_error_count_each_table */
} MySourceConfig;

typedef struct Config
{
	/* where it came from */
	const char *file;			/* NULL: none was read */

	/* connections */
	const char *source;			/* [src.pgsql] connect_string; NULL where the source is MySQL */
	bool		is_mysql;		/* there is a section [src.mysql], or --mysql-... */
	MySourceConfig mysql;
	const char *local;			/* [local.pgsql] connect_string, or NULL: the SQLite file */
	const char *local_path;		/* [local] path; default dbsync.db beside the configuration file (or current folder) */
	StoreDurability local_durability;	/* [local] durability = full|normal */
	const char *target;			/* [desc.pgsql] connect_string */
	const char *target_schema;	/* [desc.pgsql] target_schema: every table goes there; NULL: the source's schema */

	/* what */
	const char *slot;			/* [dbsync] slot, default "dbsync_slot"; also the task's name */
	const char *include_tables;	/* patterns as model/table_pattern.h; NULL: all */
	const char *exclude_tables;
	CopyOptions copy;
	ApplyOptions apply;
	LimitOptions limits;

	/* log and process */
	LogLevel	log_level;		/* [dbsync] log_level, -v */
	const char *log_file;		/* [dbsync] log_file, --log-file */
	const char *pid_file;		/* --pid-file */
	bool		daemon;			/* --daemon */

	/* of the command line only */
	const char *until;			/* --until: LSN text or "current"; NULL */
	bool		copy_only;		/* --copy-only */
	bool		json;			/* --json (status, check, verify) */
	bool		progress;		/* progress bars wanted: terminal, not daemon */
} Config;

/*
 * Defaults, then the file.  path NULL: ./my.cfg if it is there.  Errors name file and line.  A file with a password that group or
 * others can read is a warning in the log.  All strings live until config_free().
 */
Config *config_new(void);
bool config_load_file(Config *config, const char *path, Error *err) DBSYNC_MUST_CHECK;
/* One option by "section.name" or by the name of a command line option, from where: for messages. */
bool config_set(Config *config, const char *section, const char *name, const char *value, const char *where, Error *err) DBSYNC_MUST_CHECK;
/* What cannot be seen option by option: required ones, contradictions. */
bool config_check(const Config *config, Error *err) DBSYNC_MUST_CHECK;
void config_free(Config *config);

#endif
