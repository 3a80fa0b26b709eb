/* The preflight of a table's columns: what the target lacks, and where its types differ. */
#include "sync/preflight_columns.h"

#include "sync/readable_name.h"

#include <string.h>

static void
alter_table(StrBuf *buf, const PgTable *table)
{
	strbuf_append(buf, buf->length > 0 ? "\nALTER TABLE " : "ALTER TABLE ");
	readable_name_write_qualified(buf, table->schema, table->name);
}

static void
add_name(NameList *names, const PgTable *table, const char *column)
{
	StrBuf		name = STRBUF_INIT;

	readable_name_write_qualified(&name, table->schema, table->name);
	strbuf_append_char(&name, '.');
	readable_name_write(&name, column);
	name_list_add(names, strbuf_text(&name));
	strbuf_free(&name);
}

bool
column_type_is_wider(const char *from, const char *to)
{
	static const char *const pairs[][2] = {
		{"smallint", "integer"}, {"smallint", "bigint"}, {"smallint", "numeric"}, {"integer", "bigint"}, {"integer", "numeric"},
		{"bigint", "numeric"}, {"real", "double precision"}, {"character varying", "text"}, {"name", "text"}, {"uuid", "text"},
	};
	size_t		from_length;

	/* A modifier of the source only narrows what can come. */
	from_length = strcspn(from, "(");
	if (strlen(to) == from_length && strncmp(from, to, from_length) == 0 && from[from_length] == '(' &&
		strcmp(to, "character") != 0)
		return true;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strlen(pairs[i][0]) == from_length && strncmp(pairs[i][0], from, from_length) == 0 && strcmp(pairs[i][1], to) == 0)
			return true;
	return false;
}

static void
check_column(ColumnCheck *check, const PgTable *target, const PgColumn *from)
{
	const PgColumn *to = pg_table_column(target, from->name);

	if (to == NULL)
	{
		if (from->generated != '\0')
			return;
		add_name(&check->missing, target, from->name);
		alter_table(&check->missing_mend, target);
		strbuf_append(&check->missing_mend, " ADD COLUMN ");
		readable_name_write(&check->missing_mend, from->name);
		strbuf_printf(&check->missing_mend, " %s;", from->type != NULL ? from->type : from->type_bare);
		return;
	}
	if (from->generated != '\0' && to->generated == '\0')
	{
		if (check->row_image != NULL)
			add_name(&check->left_out, target, from->name);
		if (check->generated_is_sent)
			return;
		add_name(&check->not_sent, target, from->name);
		return;
	}
	if (from->generated == '\0' && to->generated != '\0')
	{
		add_name(&check->computed, target, from->name);
		return;
	}
	if (from->type != NULL && strcmp(from->type, to->type) != 0 && !column_type_is_wider(from->type, to->type))
	{
		add_name(&check->types, target, from->name);
		alter_table(&check->types_mend, target);
		strbuf_append(&check->types_mend, " ALTER COLUMN ");
		readable_name_write(&check->types_mend, from->name);
		strbuf_printf(&check->types_mend, " TYPE %s;   -- now %s", from->type, to->type);
	}
}

void
column_check_add(ColumnCheck *check, const PgTable *source, const PgTable *target)
{
	for (int i = 0; i < source->column_count; i++)
		check_column(check, target, &source->columns[i]);

	/* What the source does not send, the target must be able to fill. */
	for (int i = 0; i < target->column_count; i++)
	{
		const PgColumn *to = &target->columns[i];
		const PgColumn *from = pg_table_column(source, to->name);

		if (!to->not_null || to->has_default || to->generated != '\0' || to->identity != '\0')
			continue;
		if (from != NULL && (from->generated == '\0' || check->generated_is_sent))
			continue;
		add_name(&check->unfilled, target, to->name);
		alter_table(&check->unfilled_mend, target);
		strbuf_append(&check->unfilled_mend, " ALTER COLUMN ");
		readable_name_write(&check->unfilled_mend, to->name);
		strbuf_append(&check->unfilled_mend, " DROP NOT NULL;   -- or SET DEFAULT ...");
	}
}

void
column_check_report(ColumnCheck *check, Preflight *p, FindingSeverity severity)
{
	if (check->missing.count > 0)
		finding_add(p, severity, "target", strbuf_text(&check->missing_mend), "%d column%s missing on the target: %s",
					check->missing.count, check->missing.count == 1 ? " is" : "s are", name_list_text(&check->missing));
	if (check->unfilled.count > 0)
		finding_add(p, severity, "target", strbuf_text(&check->unfilled_mend),
					"%d column%s NOT NULL on the target, without default, and not sent by the source: %s", check->unfilled.count,
					check->unfilled.count == 1 ? " is" : "s are", name_list_text(&check->unfilled));
	if (check->computed.count > 0)
		finding_add(p, FINDING_WARNING, "target", NULL,
					"%d column%s generated on the target alone: the source's values are not used: %s", check->computed.count,
					check->computed.count == 1 ? " is" : "s are", name_list_text(&check->computed));
	if (check->not_sent.count > 0)
		finding_add(p, FINDING_WARNING, "target", NULL,
					"%d column%s generated on the source and ordinary on the target: the value is not sent: %s",
					check->not_sent.count, check->not_sent.count == 1 ? " is" : "s are", name_list_text(&check->not_sent));
	if (check->left_out.count > 0)
		finding_add(p, severity, "source",
					"SET GLOBAL binlog_row_image = FULL;\n(and under [mysqld]; sessions that are open keep the old value until they end)",
					"binlog_row_image is %s, and %d column%s generated on the source and ordinary on the target: changes lack the value: %s",
					check->row_image, check->left_out.count, check->left_out.count == 1 ? " is" : "s are", name_list_text(&check->left_out));
	if (check->types.count > 0)
		finding_add(p, FINDING_WARNING, "target", strbuf_text(&check->types_mend),
					"%d column%s another type on the target, a value that does not fit stops dbsync: %s", check->types.count,
					check->types.count == 1 ? " has" : "s have", name_list_text(&check->types));
}

void
column_check_free(ColumnCheck *check)
{
	name_list_free(&check->missing);
	name_list_free(&check->unfilled);
	name_list_free(&check->computed);
	name_list_free(&check->not_sent);
	name_list_free(&check->left_out);
	name_list_free(&check->types);
	strbuf_free(&check->missing_mend);
	strbuf_free(&check->unfilled_mend);
	strbuf_free(&check->types_mend);
}
