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

/* " 1 domain", " 2 domains" */
static void add_count(struct buf *out, int64_t count, const char *one, const char *many)
{
	buf_printf(out, " %" PRId64 " %s", count, count == 1 ? one : many);
}

static void add_base(struct buf *out, const struct overlap_summary *summary)
{
	int64_t general = summary->domains[STRATUM_GENERAL], matched = summary->domains[STRATUM_MATCHED];

	if (general + matched > 0)
		buf_printf(out,
		    "; base rates from %" PRId64 " general and %" PRId64 " matched control domains.\n",
		    general, matched);
	else if (strcmp(summary->run_state, "complete") != 0)
		buf_add_text(out, ". No base rate: its control domains were not reached, if it has any.\n");
	else
		buf_add_text(out, ". No base rate: without control domains (--control) nobody can say how "
				  "common a value is elsewhere.\n");
}

static void add_entities(struct buf *out, const struct overlap_summary *summary)
{
	if (summary->entities == 0)
		return;
	buf_add_text(out, "After a name: [kind, status of the newest claim; role and validity of the "
			  "listing].\n");
	if (summary->centers == 0)
		return;
	buf_add_text(out, "The register has");
	add_count(out, summary->entities, "entity", "entities");
	buf_add_text(out, " and among them");
	add_count(out, summary->centers, "reported center", "reported centers");
	buf_printf(
	    out, "; no domain is known for %" PRId64 " of the centers.\n", summary->centers_without_domain);
}

void overlap_table_summary(struct overlap_table *table, const struct overlap_summary *summary, FILE *file)
{
	struct buf out = {0};

	table->summary = *summary;
	buf_printf(&out, "Run %" PRId64 " of %.10s from ", summary->run_id, summary->run_started);
	add_printable(&out, summary->vantage);
	if (summary->register_name != NULL) {
		buf_add_text(&out, ", register ");
		add_printable(&out, summary->register_name);
	}
	buf_add_char(&out, ':');
	add_count(&out, summary->domains[STRATUM_REGISTER], "register domain", "register domains");
	buf_add_text(&out, " compared");
	add_base(&out, summary);
	if (strcmp(summary->run_state, "complete") != 0)
		buf_printf(&out, "This run is %s: domains that it did not reach are missing here.\n",
		    summary->run_state);
	add_entities(&out, summary);
	buf_add_text(&out,
	    "A shared value is a fact about infrastructure: a shared operator or a shared service provider. "
	    "The rarest first.\n");
	output_buf(file, &out);
	buf_release(&out);
}

/* What limits a listing, each after a comma or, the first, a semicolon. */
static void add_limit(struct buf *out, bool *first, const char *word, const char *text)
{
	buf_add_text(out, *first ? "; " : ", ");
	buf_add_text(out, word);
	add_printable(out, text);
	*first = false;
}

void overlap_entity_text(struct buf *out, const struct overlap_entity *entity)
{
	bool first = true;

	add_printable(out, entity->name);
	buf_add_text(out, " [");
	add_printable(out, entity->kind);
	buf_add_text(out, ", ");
	add_printable(out, entity->claim_status == NULL ? "no claim" : entity->claim_status);
	if (entity->role != NULL && strcmp(entity->role, "official") != 0)
		add_limit(out, &first, "", entity->role);
	if (entity->valid_to != NULL)
		add_limit(out, &first, "until ", entity->valid_to);
	if (entity->verified != NULL && strcmp(entity->verified, "unverified") == 0)
		add_limit(out, &first, "", entity->verified);
	buf_add_char(out, ']');
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
		buf_add_text(out, i == 0 ? "  " : "; ");
		overlap_entity_text(out, &domain->entity[i]);
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

static void add_more(struct buf *out, size_t count, const char *what)
{
	buf_printf(out, "      and %zu %s%s more\n", count, what, count == 1 ? "" : "s");
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
			add_more(&heads, value->domain_count - i, "domain");
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
	struct buf more = {0};
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
		add_more(&more, san - SHOWN_NAMES, "certificate name");
	output_buf(file, &more);
	buf_release(&more);
	fputs(group->heads, file);
}

void overlap_table_print(const struct overlap_table *table, const char *with, int64_t limit, FILE *file)
{
	const struct overlap_group *group, *next;
	int64_t number = 0;

	HASH_ITER(hh, table->group, group, next)
	{
		if (limit > 0 && number == limit) {
			size_t left = table->group_count - (size_t)number;

			fprintf(
			    file, "\n%zu group%s more; -n 0 shows all groups.\n", left, left == 1 ? "" : "s");
			break;
		}
		print_group(group, ++number, file);
	}
	if (table->group_count == 0 && with != NULL)
		fprintf(file, "\n%s was scanned; nothing that it shows is shared.\n", with);
	else if (table->group_count == 0)
		fputs("\nNothing is shared.\n", file);
}
