/* Any text as a domain: what is taken is in its one form, and taken again it is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct domain_rules *rules, const struct domain *domain)
{
	size_t length = strlen(domain->name), tail = strlen(domain->registrable);
	struct domain again;
	const char *fault;
	char text[2 * LIMIT_NAME];

	if (length == 0 || length > LIMIT_NAME || tail == 0 || tail > length ||
	    strcmp(domain->name + length - tail, domain->registrable) != 0)
		abort();
	if (domain->name[strspn(domain->name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
		abort();
	if (domain_parse(rules, domain->name, &again, &fault) != ST_OK ||
	    strcmp(again.name, domain->name) != 0 || strcmp(again.registrable, domain->registrable) != 0)
		abort();
	domain_to_unicode(domain->name, text, sizeof(text));
	domain_to_unicode(domain->name, text, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct domain_rules *rules;
	char *text = malloc(size + 1);
	struct domain domain;
	const char *fault = NULL;
	enum status status;

	if (rules == NULL)
		rules = domain_rules_new(NULL);
	if (text == NULL || rules == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	status = domain_parse(rules, text, &domain, &fault);
	if (status == ST_OK)
		check(rules, &domain);
	else if (status != ST_INVALID || fault == NULL || strstr(fault, ". ") == NULL)
		abort();
	domain_registrable(rules, text);
	free(text);
	return 0;
}
