/*
 * settings.c
 *
 * Fixes output settings. Setting seven of them costs more than decoding a
 * small transaction, so the variables behind them are compared first.
 */
#include "postgres.h"

#include "settings.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/pg_locale.h"
#if PG_VERSION_NUM >= 180000
#include "utils/ruleutils.h"
#endif

static bool
is_iso_style(void)
{
	return DateStyle == USE_ISO_DATES;
}

static bool
is_postgres_interval(void)
{
	return IntervalStyle == INTSTYLE_POSTGRES;
}

static bool
is_float_exact(void)
{
	return extra_float_digits == 3;
}

static bool
is_bytea_hex(void)
{
	return bytea_output == BYTEA_OUTPUT_HEX;
}

static bool
is_utc(void)
{
	return session_timezone != NULL &&
		strcmp(pg_get_timezone_name(session_timezone), "UTC") == 0;
}

static bool
is_c_money(void)
{
	return strcmp(locale_monetary, "C") == 0;
}

static bool
is_catalog_path(void)
{
	return strcmp(namespace_search_path, "pg_catalog") == 0;
}

static bool
is_minimal_quoting(void)
{
	return !quote_all_identifiers;
}

static const struct
{
	const char *name;
	const char *value;
	bool		(*is_fixed) (void);
}			output_settings[] = {
	{"DateStyle", "ISO", is_iso_style},
	{"IntervalStyle", "postgres", is_postgres_interval},
	{"extra_float_digits", "3", is_float_exact},
	{"bytea_output", "hex", is_bytea_hex},
	{"TimeZone", "UTC", is_utc},
	{"lc_monetary", "C", is_c_money},

	/* Names within values (regclass and the like) are qualified by it. */
	{"search_path", "pg_catalog", is_catalog_path},
	{"quote_all_identifiers", "off", is_minimal_quoting},
};

static void
set_setting(const char *name, const char *value, GucAction action)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, action,
							 true, ERROR, false);
}

void
settings_fix_session(void)
{
	for (int i = 0; i < (int) lengthof(output_settings); i++)
		if (!output_settings[i].is_fixed())
			set_setting(output_settings[i].name, output_settings[i].value,
						GUC_ACTION_SET);
}

int
settings_fix(void)
{
	int			nest_level = 0;

	for (int i = 0; i < (int) lengthof(output_settings); i++)
	{
		if (output_settings[i].is_fixed())
			continue;
		if (nest_level == 0)
			nest_level = NewGUCNestLevel();
		set_setting(output_settings[i].name, output_settings[i].value,
					GUC_ACTION_SAVE);
	}
	return nest_level;
}

void
settings_restore(int nest_level)
{
	if (nest_level != 0)
		AtEOXact_GUC(true, nest_level);
}
