#include "overlap_table.h"

#include <inttypes.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "core/limits.h"
#include "core/text.h"
#include "domain.h"
#include "output.h"

enum {
	SHOWN_DOMAINS = 12, /* of a group; the rest are counted */
	SHOWN_NAMES = 3	    /* certificate names of a group; the rest are counted */
};

struct line {
	const char *text;
	const struct indicator *indicator;
	struct line *next;
};

struct overlap_group {
	const char *key;   /* the domains, joined by blanks */
	const char *heads; /* the lines about the domains */
	struct line *line; /* the values */
	UT_hash_handle hh;
};

bool overlap_table_init(struct overlap_table *table)
{
	*table = (struct overlap_table){.arena = arena_new(0)};
	return table->arena != NULL;
}

void overlap_table_release(struct overlap_table *table)
{
	HASH_CLEAR(hh, table->group);
	arena_free(table->arena);
}

static void add_printable(struct buf *out, const char *text)
{
	text_add_printable(out, text, strlen(text));
}

void overlap_table_summary(struct overlap_table *table, const struct overlap_summary *summary, FILE *file)
{
	struct buf out = {0};

	table->summary = *summary;
	buf_printf(&out, "Run %" PRId64 " of %.10s from ", summary->run_id, summary->run_started);
	add_printable(&out, summary->vantage);
	buf_printf(&out, ": %" PRId64 " register domains compared", summary->domains[STRATUM_REGISTER]);
	if (summary->domains[STRATUM_GENERAL] + summary->domains[STRATUM_MATCHED] > 0)
		buf_printf(&out,
		    "; base rates from %" PRId64 " general and %" PRId64 " matched control domains.\n",
		    summary->domains[STRATUM_GENERAL], summary->domains[STRATUM_MATCHED]);
	else
		buf_add_text(&out, ". No base rate: without control domains (--control) nobody can say how "
				   "common a value is "
				   "elsewhere.\n");
	if (strcmp(summary->run_state, "complete") != 0)
		buf_printf(&out, "This run is %s: domains that it did not reach are missing here.\n",
		    summary->run_state);
	if (summary->centers > 0)
		buf_printf(&out,
		    "The register has %" PRId64 " entities, %" PRId64
		    " of them reported centers; no domain is known for %" PRId64 " of these.\n",
		    summary->entities, summary->centers, summary->centers_without_domain);
	buf_add_text(&out,
	    "A shared value is a fact about infrastructure: a shared operator or a shared service provider. "
	    "The rarest first.\n");
	output_buf(file, &out);
	buf_release(&out);
}

static void describe_domain(struct buf *out, const struct overlap_domain *domain)
{
	char unicode[4 * LIMIT_NAME];
	size_t i;

	buf_add_text(out, "      ");
	add_printable(out, domain->domain);
	domain_to_unicode(domain->domain, unicode, sizeof(unicode));
	if (strcmp(unicode, domain->domain) != 0) {
		buf_add_text(out, " (");
		add_printable(out, unicode);
		buf_add_char(out, ')');
	}
	for (i = 0; i < domain->entity_count; i++) {
		const struct overlap_entity *entity = &domain->entity[i];

		buf_add_text(out, i == 0 ? "  " : "; ");
		add_printable(out, entity->name);
		buf_add_text(out, " [");
		add_printable(out, entity->kind);
		buf_add_text(out, ", ");
		add_printable(out, entity->claim_status == NULL ? "no claim" : entity->claim_status);
		buf_add_char(out, ']');
	}
	buf_add_char(out, '\n');
}

static void describe_value(
    struct buf *out, const struct overlap_summary *summary, const struct overlap_value *value)
{
	static const char *const name[STRATA] = {"register", "general", "matched"};
	int s;

	buf_printf(out, "%s ", value->indicator->name);
	add_printable(out, value->value);
	buf_add_text(out, "  (");
	for (s = 0; s < STRATA; s++)
		if (summary->domains[s] > 0)
			buf_printf(out, "%s%" PRId64 " of %" PRId64 " %s", s == 0 ? "" : ", ",
			    value->count[s], value->observed[s], name[s]);
	buf_add_char(out, ')');
}

static struct overlap_group *find_group(struct overlap_table *table, const struct overlap_value *value)
{
	struct buf key = {0}, heads = {0};
	struct overlap_group *group;
	size_t i;

	for (i = 0; i < value->domain_count; i++)
		buf_printf(&key, "%s%s", i == 0 ? "" : " ", value->domain[i].domain);
	HASH_FIND_STR(table->group, buf_text(&key), group);
	if (group == NULL && (group = arena_alloc(table->arena, sizeof(*group))) != NULL) {
		for (i = 0; i < value->domain_count && i < SHOWN_DOMAINS; i++)
			describe_domain(&heads, &value->domain[i]);
		if (i < value->domain_count)
			buf_printf(&heads, "      and %zu domains more\n", value->domain_count - i);
		group->key = arena_strdup(table->arena, buf_text(&key));
		group->heads = arena_strdup(table->arena, buf_text(&heads));
		if (group->key == NULL || group->heads == NULL) {
			group = NULL;
		} else {
			HASH_ADD_KEYPTR(hh, table->group, group->key, strlen(group->key), group);
			table->group_count++;
		}
	}
	buf_release(&key);
	buf_release(&heads);
	return group;
}

void overlap_table_add(struct overlap_table *table, const struct overlap_value *value)
{
	struct overlap_group *group = find_group(table, value);
	struct line *line = group == NULL ? NULL : arena_alloc(table->arena, sizeof(*line));
	struct buf text = {0};

	if (line == NULL)
		return;
	describe_value(&text, &table->summary, value);
	line->text = arena_strdup(table->arena, buf_text(&text));
	line->indicator = value->indicator;
	if (line->text != NULL)
		LL_APPEND(group->line, line);
	buf_release(&text);
}

static void print_group(const struct overlap_group *group, int64_t number, FILE *file)
{
	const struct indicator *names = indicator_find("san");
	const struct line *line;
	unsigned san = 0;
	bool first = true;

	LL_FOREACH(group->line, line)
	{
		if (line->indicator == names && ++san > SHOWN_NAMES)
			continue;
		if (first)
			fprintf(file, "\n%4" PRId64 "  %s\n", number, line->text);
		else
			fprintf(file, "      %s\n", line->text);
		first = false;
	}
	if (san > SHOWN_NAMES)
		fprintf(file, "      and %u certificate names more\n", san - SHOWN_NAMES);
	fputs(group->heads, file);
}

void overlap_table_print(const struct overlap_table *table, int64_t limit, FILE *file)
{
	const struct overlap_group *group, *next;
	int64_t number = 0;

	HASH_ITER(hh, table->group, group, next)
	{
		if (limit > 0 && number == limit) {
			fprintf(file, "\n%zu groups more; -n 0 lists all.\n",
			    table->group_count - (size_t)number);
			break;
		}
		print_group(group, ++number, file);
	}
	if (table->group_count == 0)
		fputs("\nNothing is shared.\n", file);
}
