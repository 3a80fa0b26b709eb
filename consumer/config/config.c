/*
 * config.c
 *		The configuration: values into their fields, from the file and from the command line.
 */
#include "config/config.h"

#include "base/arena.h"
#include "base/hash.h"
#include "config/ini_file.h"
#include "config/option_value.h"
#include "config/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE "my.cfg"

/* What users see is its first member. */
typedef struct LoadedConfig
{
	Config config;
	Arena *arena;
	const char **set_at; /* of each option: where it was set, or NULL */
	bool *in_file;       /* of each option: the file has it */
	const char *folder;  /* of the file, while it is read */
	const char *section; /* the same */
} LoadedConfig;

static LoadedConfig *
loaded(Config *config)
{
	return (LoadedConfig *) config;
}

/*
 * Two replicas of one number throw each other out of the source again and again, so that a constant would not do.  Small numbers are what
 * people give to servers.
 */
static void
make_server_id(LoadedConfig *self)
{
	Config *config = &self->config;
	char host[256] = "";
	char *name;

	if (self->set_at[option_find("src.mysql", "server_id") - option_table] != NULL)
		return;
	(void) gethostname(host, sizeof(host) - 1);
	name = mem_printf("%s %s", config->slot, host);
	config->mysql.server_id = (int) (1000000 + hash_bytes(name, strlen(name)) % 2000000000);
	free(name);
}

static const LoadedConfig *
loaded_const(const Config *config)
{
	return (const LoadedConfig *) config;
}

Config *
config_new(void)
{
	LoadedConfig *self = mem_zalloc(sizeof(LoadedConfig));
	Error err = ERROR_INIT;

	self->arena = arena_new(0);
	self->set_at = mem_zalloc((size_t) option_count * sizeof(*self->set_at));
	self->in_file = mem_zalloc((size_t) option_count * sizeof(*self->in_file));
	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		/* A default of the table that its own parser refuses is found by the first test that runs. */
		if (option->initial != NULL && option->type != OPTION_ACTION &&
			!option_set_value(option, &self->config, option->initial, NULL, self->arena, &err))
			abort();
	}
	make_server_id(self);
	return &self->config;
}

void
config_free(Config *config)
{
	LoadedConfig *self;

	if (config == NULL)
		return;
	self = loaded(config);
	arena_free(self->arena);
	free(self->set_at);
	free(self->in_file);
	free(self);
}

static bool
unknown_section(const char *section, const char *where, Error *err)
{
	const char *nearest = option_nearest_section(section);

	error_set(err, ERROR_USAGE, "%s: unknown section [%s]", where, section);
	if (nearest != NULL)
		return error_hint(err, "did you mean [%s]?", nearest);
	return error_hint(err,
					  "the sections are [src.pgsql], [src.mysql], [desc.pgsql], [local], [local.pgsql] and [dbsync]");
}

static bool
unknown_option(const char *section, const char *name, const char *where, Error *err)
{
	const char *nearest = option_nearest_name(section, name);

	error_set(err, ERROR_USAGE, "%s: unknown option \"%s\" in [%s]", where, name, section);
	if (nearest != NULL)
		return error_hint(err, "did you mean %s?", nearest);
	/* In the wrong section? */
	for (int i = 0; i < option_count; i++)
	{
		if (option_table[i].section != NULL && strcmp(option_table[i].name, name) == 0)
			return error_hint(err, "%s belongs to [%s]", name, option_table[i].section);
	}
	return error_hint(err, "\"dbsync --help\" lists the options");
}

/* A build without MySQL knows the names, so that it can say what is missing. */
static bool
check_mysql_support(const char *where DBSYNC_UNUSED, Error *err DBSYNC_UNUSED)
{
#ifdef DBSYNC_WITH_MYSQL
	return true;
#else
	error_set(err, ERROR_USAGE, "%s: this build of dbsync has no MySQL support", where);
	return error_hint(err, "build it where libmariadb is installed (libmariadb-dev), without WITH_MYSQL=no");
#endif
}

static bool
is_of_mysql(const Option *option)
{
	return option->section != NULL && strcmp(option->section, "src.mysql") == 0;
}

static bool
set_option(LoadedConfig *self, const Option *option, const char *value, const char *where, Error *err)
{
	if (!option_set_value(option, &self->config, value, self->folder, self->arena, err))
		return error_context(err, "%s", where);
	self->set_at[option - option_table] = arena_strdup(self->arena, where);
	if (strcmp(option->name, "slot") == 0)
		make_server_id(self);
	return true;
}

/* The store that the command line names takes the place of the file's, of whichever kind that is. */
static void
choose_store(LoadedConfig *self, const Option *option)
{
	const Option *path = option_find("local", "path");
	const Option *database = option_find("local.pgsql", "connect_string");

	if (option == path)
	{
		self->config.local = NULL;
		self->set_at[database - option_table] = NULL;
	}
	else if (option == database)
		self->set_at[path - option_table] = NULL;
}

bool
config_set(Config *config, const char *section, const char *name, const char *value, const char *where, Error *err)
{
	const Option *option;
	char buf[64];

	if (section != NULL)
	{
		if (!option_section_exists(section))
			return unknown_section(section, where, err);
		option = option_find(section, name);
		if (option == NULL)
			return unknown_option(section, name, where, err);
	}
	else
	{
		option = option_find_long(name, strlen(name));
		if (option == NULL || option->type == OPTION_ACTION)
		{
			error_set(err, ERROR_USAGE, "%s: unknown option --%s", where, name);
			if (option_nearest_long(name, buf) != NULL)
				error_hint(err, "did you mean --%s?", buf);
			return false;
		}
	}
	if (is_of_mysql(option) && !check_mysql_support(where, err))
		return false;
	if (!set_option(loaded(config), option, value, where, err))
		return false;
	if (is_of_mysql(option) && option->offset != offsetof(Config, mysql.copy_queries))
		config->is_mysql = true;
	if (section == NULL)
		choose_store(loaded(config), option);
	return true;
}

static bool
take_section(void *arg, const char *section, int line, Error *err)
{
	LoadedConfig *self = arg;
	char *where;
	bool ok = true;

	if (!option_section_exists(section))
	{
		where = mem_printf("%s:%d", self->config.file, line);
		ok = unknown_section(section, where, err);
		free(where);
	}
	else if (strcmp(section, "src.mysql") == 0)
	{
		where = mem_printf("%s:%d: [src.mysql]", self->config.file, line);
		ok = check_mysql_support(where, err);
		self->config.is_mysql = ok;
		free(where);
	}
	self->section = arena_strdup(self->arena, section);
	return ok;
}

static bool
take_entry(void *arg, const char *section, const char *name, const char *value, int line, Error *err)
{
	LoadedConfig *self = arg;
	char *where = mem_printf("%s:%d", self->config.file, line);
	const Option *option = option_find(section, name);
	bool ok;

	if (section[0] == '\0')
	{
		ok = error_set(err, ERROR_USAGE, "%s: \"%s\" stands in front of the first section", where, name);
		error_hint(err, "begin with a line such as [src.pgsql]");
	}
	else if (option != NULL && self->in_file[option - option_table])
		ok = error_set(err, ERROR_USAGE, "%s: %s of [%s] is set a second time; the first is at %s", where, name,
					   section, self->set_at[option - option_table]);
	else
	{
		char *plain = option_unquote(option, value);

		ok = config_set(&self->config, section, name, plain, where, err);
		if (ok)
			self->in_file[option - option_table] = true;
		free(plain);
	}
	free(where);
	return ok;
}

/* "host", "port" and "user" of [src.mysql] are words of a connection string, which may go on over several lines. */
static bool
is_name(void *arg, const char *name)
{
	const LoadedConfig *self = arg;

	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->section != NULL && strcmp(option->name, name) == 0 &&
			(!is_of_mysql(option) || (self->section != NULL && strcmp(self->section, option->section) == 0)))
			return true;
	}
	return false;
}

/* Absolute, so that paths made from it stay right wherever the process goes. */
static const char *
folder_of(const char *path, Arena *arena)
{
	const char *slash = strrchr(path, '/');
	char *folder = (slash == NULL) ? arena_strdup(arena, ".")
								   : arena_strndup(arena, path, (slash == path) ? 1 : (size_t) (slash - path));
	char *real = realpath(folder, NULL);

	if (real != NULL)
	{
		folder = arena_strdup(arena, real);
		free(real);
	}
	return folder;
}

static bool
holds_password(const LoadedConfig *self, const Option *option)
{
	const char *value;

	if (option->type != OPTION_CONNECTION && option->type != OPTION_PASSWORD)
		return false;
	value = *(const char *const *) ((const char *) &self->config + option->offset);
	return value != NULL && (option->type == OPTION_PASSWORD || option_has_password(value));
}

static void
warn_of_readable_password(const LoadedConfig *self, FILE *file)
{
	struct stat status;

	if (fstat(fileno(file), &status) != 0 || (status.st_mode & (S_IRGRP | S_IROTH)) == 0)
		return;
	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (self->in_file[i] && holds_password(self, option))
		{
			log_warn("config", "%s: others can read the password in [%s]; \"chmod 600 %s\" ends that mode=%03o",
					 self->set_at[i], option->section, self->config.file, (unsigned) status.st_mode & 0777);
			return;
		}
	}
}

bool
config_load_file(Config *config, const char *path, Error *err)
{
	LoadedConfig *self = loaded(config);
	const Option *local_path = option_find("local", "path");
	const IniHandler handler = {take_section, take_entry, is_name, self};
	bool is_default = (path == NULL);
	FILE *file;
	bool ok;

	if (is_default)
		path = DEFAULT_FILE;
	file = fopen(path, "re");
	if (file == NULL)
	{
		if (is_default && errno == ENOENT)
			return true;
		error_errno(err, "cannot open configuration file %s", path);
		err->kind = ERROR_USAGE;
		return false;
	}

	config->file = arena_strdup(self->arena, path);
	self->folder = folder_of(path, self->arena);
	ok = ini_file_read(file, path, &handler, err);
	if (ok && self->set_at[local_path - option_table] == NULL)
		ok = option_set_value(local_path, config, local_path->initial, self->folder, self->arena, err);
	self->folder = NULL;
	if (ok)
		warn_of_readable_password(self, file);
	fclose(file);
	return ok;
}

static bool
missing_connection(const Config *config, const char *what, const char *section, const char *option, Error *err)
{
	error_set(err, ERROR_USAGE, "no %s: connect_string of [%s] is not set", what, section);
	return error_hint(err,
					  "add to %s, or give --%s=...:\n[%s]\nconnect_string = host=... port=5432 dbname=... user=...",
					  (config->file != NULL) ? config->file : DEFAULT_FILE, option, section);
}

static bool
check_mysql_source(const Config *config, Error *err)
{
	const MySourceConfig *mysql = &config->mysql;
	const char *missing = (mysql->host == NULL && mysql->socket == NULL) ? "host"
						  : (mysql->user == NULL)                        ? "user"
						  : (mysql->db == NULL)                          ? "db"
																		 : NULL;

	if (config->source != NULL && config->source[0] != '\0')
	{
		error_set(err, ERROR_USAGE, "two sources: [src.pgsql] and [src.mysql]");
		return error_hint(err, "a task has one; remove the other section");
	}
	if (missing != NULL)
	{
		error_set(err, ERROR_USAGE, "no source: %s of [src.mysql] is not set", missing);
		return error_hint(err, "add to %s:\n[src.mysql]\nhost = ...\nport = 3306\nuser = ...\npassword = ...\ndb = ...",
						  (config->file != NULL) ? config->file : DEFAULT_FILE);
	}
	if (mysql->gtid != NULL && mysql->binlog_file != NULL)
		return error_set(err, ERROR_USAGE, "gtid and binlogfile of [src.mysql] exclude each other");
	if (mysql->binlog_offset != 0 && mysql->binlog_file == NULL)
		return error_set(err, ERROR_USAGE, "binlogfile_offset of [src.mysql] needs binlogfile");
	if ((mysql->tls_cert == NULL) != (mysql->tls_key == NULL))
		return error_set(err, ERROR_USAGE, "tls_cert and tls_key of [src.mysql] belong together");
	return true;
}

static bool
check_pgsql_source(const Config *config, Error *err)
{
	if (config->source == NULL || config->source[0] == '\0')
		return missing_connection(config, "source", "src.pgsql", "src", err);
	if (config->target != NULL && strcmp(config->source, config->target) == 0)
	{
		error_set(err, ERROR_USAGE, "source and target are the same database");
		return error_hint(err, "connect_string of [src.pgsql] and of [desc.pgsql] have the same text");
	}
	return true;
}

bool
config_check(const Config *config, Error *err)
{
	const LoadedConfig *self = loaded_const(config);
	const char *path_set_at = self->set_at[option_find("local", "path") - option_table];

	if (config->is_mysql ? !check_mysql_source(config, err) : !check_pgsql_source(config, err))
		return false;
	if (config->target == NULL || config->target[0] == '\0')
		return missing_connection(config, "target", "desc.pgsql", "desc", err);
	if (config->local != NULL && path_set_at != NULL)
	{
		error_set(err, ERROR_USAGE, "%s: the local store is a file by [local] path, and a database by [local.pgsql]",
				  path_set_at);
		return error_hint(err, "remove one of the two");
	}
	if (config->copy_only && config->until != NULL)
		return error_set(err, ERROR_USAGE, "--copy-only and --until exclude each other");
	if (config->copy_only && !config->copy.enabled)
		return error_set(err, ERROR_USAGE, "--copy-only with copy = off leaves nothing to do");
	return true;
}
