#include "register_faults.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

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
	char *message = NULL;

	if (faults->count < KEPT && grow(faults))
		message = arena_strdup(faults->arena, info->message);
	if (message == NULL) {
		faults->omitted[info->severity]++;
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

/* "50 more warnings, 3 more notes" of what was not kept, and the gravest severity of it; false when all was
 * kept. */
static bool add_omitted(
    const struct register_faults *faults, struct buf *out, enum register_severity *ret_gravest)
{
	unsigned severity;

	for (severity = 0; severity < REGISTER_SEVERITY_COUNT; severity++) {
		if (faults->omitted[severity] == 0)
			continue;
		/* They are ordered from the gravest on. */
		if (out->length == 0)
			*ret_gravest = (enum register_severity)severity;
		buf_printf(out, "%s%zu more %s%s", out->length > 0 ? ", " : "", faults->omitted[severity],
		    register_severity_name((enum register_severity)severity),
		    faults->omitted[severity] == 1 ? "" : "s");
	}
	return out->length > 0;
}

void register_faults_flush(
    struct register_faults *faults, const char *folder, register_fault *fault, void *arg)
{
	struct register_fault_info rest = {.file = folder, .omitted = faults->omitted};
	struct buf message = {0};
	size_t i;

	if (fault == NULL)
		return;
	if (faults->count > 0)
		qsort(faults->fault, faults->count, sizeof(*faults->fault), by_place);
	for (i = 0; i < faults->count; i++)
		fault(arg, &faults->fault[i].info);
	if (add_omitted(faults, &message, &rest.severity)) {
		buf_add_text(&message, ". Mend the others first");
		rest.message = buf_text(&message);
		fault(arg, &rest);
	}
	buf_release(&message);
}

void register_faults_release(struct register_faults *faults)
{
	free(faults->fault);
}
