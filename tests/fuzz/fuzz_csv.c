/* Any bytes as a CSV file, and as a plain list: bounded rows, valid text, and positions that never go back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/text.h"
#include "csv_reader.h"
#include "register_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct csv_row *row, uint64_t *line)
{
	size_t i;

	if (row->count == 0 || row->count > CSV_CELLS)
		abort();
	for (i = 0; i < row->count; i++) {
		const struct csv_entry *entry = &row->entry[i];

		if (entry->line < *line || entry->column == 0 || entry->length > LIMIT_LINE ||
		    strlen(entry->text) != entry->length || !text_is_valid(entry->text, entry->length))
			abort();
		*line = entry->line;
	}
}

static void read_csv(FILE *file)
{
	struct csv_reader *reader = csv_reader_new(file);
	const struct csv_row *row;
	struct csv_fault fault;
	enum status status;
	uint64_t line = 1;

	while ((status = csv_reader_next(reader, &row, &fault)) == ST_OK || status == ST_INVALID)
		if (status == ST_OK)
			check_row(row, &line);
		else if (fault.line == 0 || fault.column == 0)
			abort();
	if (status != ST_NOT_FOUND)
		abort();
	csv_reader_free(reader);
}

static void read_list(FILE *file)
{
	struct list_reader *reader = list_reader_new(file, true);
	char sha256[SHA256_TEXT];
	struct list_line line;
	uint64_t count = 0;

	while (list_reader_next(reader, &line) == ST_OK)
		if (line.line != ++count || line.length > LIMIT_LINE || line.text[line.length] != '\0')
			abort();
	if (list_reader_sha256(reader, sha256) != ST_OK || strlen(sha256) != SHA256_TEXT - 1)
		abort();
	list_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file;

	if (size == 0)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (file == NULL)
		return 0;
	read_csv(file);
	rewind(file);
	read_list(file);
	fclose(file);
	return 0;
}
