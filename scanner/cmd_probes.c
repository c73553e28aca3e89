#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/log.h"
#include "results/overlap/indicator.h"
#include "results/table.h"
#include "schemas.h"

static void print_fields(const struct field *field, size_t count, const char *indent)
{
	size_t i;

	for (i = 0; i < count; i++) {
		printf("%s%-26s %-6s %s%s%s%s%s\n", indent, field[i].name, field_type_name(field[i].type),
		    field[i].help, field[i].unit == NULL ? "" : " (",
		    field[i].unit == NULL ? "" : field[i].unit, field[i].unit == NULL ? "" : ")",
		    field[i].flags & FIELD_VOLATILE ? " ~" : "");
		if (field[i].type == FIELD_ROWS)
			print_fields(field[i].row, field[i].row_count, "      ");
	}
}

static void print_all(void)
{
	const struct schema *schemas[SCHEMAS];
	size_t i;

	schemas_list(schemas);
	for (i = 0; i < SCHEMAS; i++) {
		printf(
		    "%s (version %u): %s\n", schemas[i]->record_type, schemas[i]->version, schemas[i]->help);
		print_fields(schemas[i]->field, schemas[i]->field_count, "  ");
		putchar('\n');
	}
	printf("~ changes from look to look: not part of what makes two records the same fact.\n\nIndicators "
	       "that "
	       "domains may share:\n");
	for (i = 0; i < indicator_count; i++)
		printf("  %-29s %-5s %s\n", indicators[i].name, indicator_family_name(indicators[i].family),
		    indicators[i].help);
}

int cmd_probes(int argc, char **argv)
{
	const struct schema *schemas[SCHEMAS];
	struct buf sql = {0};

	if (argc == 1) {
		print_all();
		return EXIT_COMPLETE;
	}
	if (argc == 2 && strcmp(argv[1], "--sql") == 0) {
		schemas_list(schemas);
		table_document(&sql, schemas, SCHEMAS);
		fwrite(buf_text(&sql), 1, sql.length, stdout);
		buf_release(&sql);
		return EXIT_COMPLETE;
	}
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("Usage: mooring probes [--sql]\n\nLists the record types with the fields they "
		       "declare, and the "
		       "indicators.\n  --sql   the tables of the database instead\n");
		return EXIT_COMPLETE;
	}
	log_line(LOG_ERROR, "unknown argument '%s'. Try 'mooring probes --help'", argv[1]);
	return EXIT_USAGE;
}
