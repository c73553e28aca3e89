#include "register_faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 10000 };

struct kept_fault {
	struct register_fault_info info;
	size_t order; /* of arrival */
};

static bool grow(struct register_faults *faults)
{
	size_t capacity = faults->capacity == 0 ? 64 : faults->capacity * 2;
	struct kept_fault *larger;

	if (faults->count < faults->capacity)
		return true;
	larger = reallocarray(faults->fault, capacity, sizeof(*larger));
	if (larger == NULL)
		return false;
	faults->fault = larger;
	faults->capacity = capacity;
	return true;
}

void register_faults_keep(void *arg, const struct register_fault_info *info)
{
	struct register_faults *faults = arg;
	char *message;

	if (faults->count == KEPT || !grow(faults)) {
		faults->dropped++;
		return;
	}
	message = arena_strdup(faults->arena, info->message);
	if (message == NULL) {
		faults->dropped++;
		return;
	}
	faults->fault[faults->count] = (struct kept_fault){.info = *info, .order = faults->count};
	faults->fault[faults->count++].info.message = message;
}

static int by_place(const void *left, const void *right)
{
	const struct kept_fault *a = left, *b = right;
	int file = strcmp(a->info.file, b->info.file);

	if (file != 0)
		return file;
	if (a->info.line != b->info.line)
		return a->info.line < b->info.line ? -1 : 1;
	if (a->info.column != b->info.column)
		return a->info.column < b->info.column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void register_faults_flush(struct register_faults *faults, register_fault *fault, void *arg)
{
	char message[96];
	size_t i;

	if (fault == NULL || (faults->count == 0 && faults->dropped == 0))
		return;
	if (faults->count > 0)
		qsort(faults->fault, faults->count, sizeof(*faults->fault), by_place);
	for (i = 0; i < faults->count; i++)
		fault(arg, &faults->fault[i].info);
	if (faults->dropped == 0)
		return;
	snprintf(message, sizeof(message), "%zu more faults. Mend these first", faults->dropped);
	fault(arg, &(struct register_fault_info){.severity = REGISTER_ERROR,
		       .file = faults->count > 0 ? faults->fault[faults->count - 1].info.file : "",
		       .message = message});
}

void register_faults_release(struct register_faults *faults)
{
	free(faults->fault);
}
