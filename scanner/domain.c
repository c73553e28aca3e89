#include "domain.h"

#include <ctype.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/address.h"
#include "core/text.h"

/* Bytes of a host before it is mapped: 253 characters of four bytes, and some for those that mapping drops.
 */
enum { HOST_BYTES = 1024 };

#define SPACES " \t\r\n\v\f"

static const char fault_empty[] = "is empty. Give a domain name, such as example.org";
static const char fault_characters[] = "has characters that no host name has. Give the bare name, such as "
				       "example.org";
static const char fault_port[] = "has a port that is no number. Give the bare name, such as example.org";
static const char fault_mail[] = "is a mail address. Give the domain of a web site; a mail provider's domain "
				 "is not the entity's own";
static const char fault_address[] = "is an IP address. Give the domain name that leads to it";
static const char fault_number[] = "ends in a number, which no domain name does. Give a name that ends in a "
				   "top-level domain";
static const char fault_label[] = "has an empty label. Take the dot at its start, or one of two dots in a "
				  "row, away";
static const char fault_long_label[] = "has a label of more than 63 characters. Look for a missing dot";
static const char fault_hyphen[] = "has a label that begins or ends with a hyphen. Look for a typing error";
static const char fault_long[] = "is longer than a domain name can be (253 characters). Look for a missing "
				 "line end";
static const char fault_encoding[] = "is not valid UTF-8. Save the file as UTF-8";
static const char fault_idna[] = "is not valid under IDNA2008. Compare it with what the registry or the site "
				 "itself writes";
static const char fault_single[] = "is a single label. Give the whole name, with its top-level domain";
static const char fault_suffix[] = "is a public suffix, under which unrelated people register. Give the name "
				   "below it that is meant";

struct domain_rules {
	psl_ctx_t *loaded; /* NULL: the built-in list */
	const psl_ctx_t *psl;
};

struct domain_rules *domain_rules_new(const char *psl_file)
{
	struct domain_rules *rules = calloc(1, sizeof(*rules));

	if (rules == NULL)
		return NULL;
	if (psl_file != NULL)
		rules->loaded = psl_load_file(psl_file);
	rules->psl = psl_file != NULL ? rules->loaded : psl_builtin();
	if (rules->psl == NULL || psl_suffix_count(rules->psl) == 0) {
		domain_rules_free(rules);
		return NULL;
	}
	return rules;
}

void domain_rules_free(struct domain_rules *rules)
{
	if (rules == NULL)
		return;
	psl_free(rules->loaded);
	free(rules);
}

/* A part of somebody's string. */
struct span {
	const char *text;
	size_t length;
};

static struct span trimmed(const char *text)
{
	struct span span = {.text = text + strspn(text, SPACES)};

	span.length = strlen(span.text);
	while (span.length > 0 && strchr(SPACES, span.text[span.length - 1]) != NULL)
		span.length--;
	return span;
}

/* Cuts the first `length` bytes off. */
static void advance(struct span *span, size_t length)
{
	span->text += length;
	span->length -= length;
}

/* Skips "scheme:" before "//"; true when there was an authority mark, so that the text is a URL. */
static bool skip_scheme(struct span *span)
{
	size_t i = 0;

	if (span->length > 0 && isalpha((unsigned char)span->text[0]))
		while (i < span->length &&
		       (isalnum((unsigned char)span->text[i]) || strchr("+-.", span->text[i]) != NULL))
			i++;
	if (i > 0 && i < span->length && span->text[i] == ':')
		i++;
	else
		i = 0;
	if (span->length < i + 2 || memcmp(span->text + i, "//", 2) != 0)
		return false;
	advance(span, i + 2);
	return true;
}

/* Takes ":443" off the end. */
static const char *cut_port(struct span *host)
{
	const char *colon = memchr(host->text, ':', host->length);
	size_t i, at;

	if (colon == NULL)
		return NULL;
	at = (size_t)(colon - host->text);
	for (i = at + 1; i < host->length; i++)
		if (!isdigit((unsigned char)host->text[i]))
			return fault_port;
	host->length = at;
	return NULL;
}

static bool is_address(const struct span *host)
{
	char text[ADDRESS_TEXT];
	struct address address;

	if (host->length >= sizeof(text))
		return false;
	memcpy(text, host->text, host->length);
	text[host->length] = '\0';
	return address_parse(&address, text);
}

/* Narrows a URL or a host with ornaments to the host; NULL or the fault. */
static const char *find_host(struct span *host)
{
	bool url = skip_scheme(host);
	const char *fault, *at;
	size_t i;

	for (i = 0; i < host->length; i++)
		if (strchr("/?#\\", host->text[i]) != NULL)
			break;
	host->length = i;
	at = memrchr(host->text, '@', host->length);
	if (at != NULL && !url)
		return fault_mail;
	if (at != NULL)
		advance(host, (size_t)(at + 1 - host->text));
	if (host->length == 0)
		return fault_empty;
	if (host->text[0] == '[' || is_address(host))
		return fault_address;
	fault = cut_port(host);
	if (fault != NULL)
		return fault;
	return host->length > HOST_BYTES ? fault_long : NULL;
}

/* True when IDNA has work to do: a U-label, or an A-label that is to be checked. */
static bool needs_idna(const char *host)
{
	const char *label = host;

	for (; *host != '\0'; host++) {
		if ((unsigned char)*host >= 0x80)
			return true;
		if (host == label && strncasecmp(label, "xn--", 4) == 0)
			return true;
		if (*host == '.')
			label = host + 1;
	}
	return false;
}

static const char *idna_fault(int code)
{
	if (code == IDN2_TOO_BIG_DOMAIN)
		return fault_long;
	if (code == IDN2_TOO_BIG_LABEL)
		return fault_long_label;
	if (code == IDN2_HYPHEN_STARTEND)
		return fault_hyphen;
	return code == IDN2_ENCODING_ERROR ? fault_encoding : fault_idna;
}

/*
 * To lower-case A-labels. Plain ASCII does not go through libidn2: it is most of all input, and names such as
 * r3---sn.example, which exist and which browsers open, would be refused for their hyphens.
 */
static enum status to_ascii(const char *host, char ret_name[HOST_BYTES + 1], const char **ret_fault)
{
	uint8_t *mapped = NULL;
	size_t i;
	int code;

	if (!needs_idna(host)) {
		for (i = 0; host[i] != '\0'; i++)
			ret_name[i] = (char)tolower((unsigned char)host[i]);
		ret_name[i] = '\0';
		return ST_OK;
	}
	if (!text_is_valid(host, strlen(host))) {
		*ret_fault = fault_encoding;
		return ST_INVALID;
	}
	code = idn2_lookup_u8((const uint8_t *)host, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (code == IDN2_MALLOC)
		return ST_NO_MEMORY;
	if (code != IDN2_OK) {
		*ret_fault = idna_fault(code);
		return ST_INVALID;
	}
	snprintf(ret_name, HOST_BYTES + 1, "%s", (const char *)mapped);
	idn2_free(mapped);
	return ST_OK;
}

static const char *label_fault(const char *label, size_t length)
{
	if (length == 0)
		return fault_label;
	if (length > LIMIT_LABEL)
		return fault_long_label;
	return label[0] == '-' || label[length - 1] == '-' ? fault_hyphen : NULL;
}

/* Letters, digits and hyphens (RFC 1123 section 2.1); the underscore is met in host names and resolves. */
static bool is_host_text(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

/* True for the forms of IPv4 addresses that browsers take (URL Standard, "ends in a number"). */
static bool ends_in_number(const char *name)
{
	size_t start, end = strlen(name);

	if (end > 0 && name[end - 1] == '.')
		end--;
	for (start = end; start > 0 && name[start - 1] != '.';)
		start--;
	if (strncmp(name + start, "0x", 2) == 0)
		return strspn(name + start + 2, "0123456789abcdef") == end - start - 2;
	return end > start && strspn(name + start, "0123456789") == end - start;
}

/* Checks a name in lower-case ASCII without its root dot. */
static const char *name_fault(const char *name)
{
	const char *label = name, *fault;

	if (*name == '\0')
		return fault_empty;
	if (!is_host_text(name))
		return fault_characters;
	for (;;) {
		size_t length = strcspn(label, ".");

		fault = label_fault(label, length);
		if (fault != NULL)
			return fault;
		if (label[length] == '\0')
			break;
		label += length + 1;
	}
	if (strlen(name) > LIMIT_NAME)
		return fault_long;
	if (ends_in_number(name)) {
		const struct span all = {.text = name, .length = strlen(name)};

		return is_address(&all) ? fault_address : fault_number;
	}
	return NULL;
}

const char *domain_registrable(const struct domain_rules *rules, const char *host)
{
	const char *registrable = NULL;

	if (*host != '.' && !ends_in_number(host))
		registrable = psl_registrable_domain(rules->psl, host);
	return registrable == NULL ? host + strlen(host) : registrable;
}

/* Finds the registrable domain; NULL or the fault. */
static const char *split(const struct domain_rules *rules, const char *name, struct domain *ret_domain)
{
	const char *registrable;

	if (strchr(name, '.') == NULL)
		return fault_single;
	registrable = domain_registrable(rules, name);
	if (*registrable == '\0')
		return fault_suffix;
	if (strchr(registrable, '_') != NULL)
		return fault_characters;
	if (strncmp(name, "www.", 4) == 0 && name + 4 == registrable)
		name = registrable;
	/* name_fault() has seen that it fits. */
	memcpy(ret_domain->name, name, strlen(name) + 1);
	memcpy(ret_domain->registrable, registrable, strlen(registrable) + 1);
	return NULL;
}

enum status domain_parse(
    const struct domain_rules *rules, const char *text, struct domain *ret_domain, const char **ret_fault)
{
	char raw[HOST_BYTES + 1], name[HOST_BYTES + 1];
	struct span host = trimmed(text);
	const char *fault = find_host(&host);
	enum status status;
	size_t length;

	if (fault == NULL) {
		memcpy(raw, host.text, host.length);
		raw[host.length] = '\0';
		status = to_ascii(raw, name, &fault);
		if (status == ST_NO_MEMORY)
			return status;
	}
	if (fault == NULL) {
		length = strlen(name);
		if (length > 1 && name[length - 1] == '.')
			name[length - 1] = '\0';
		fault = name_fault(name);
	}
	if (fault == NULL)
		fault = split(rules, name, ret_domain);
	if (fault == NULL)
		return ST_OK;
	*ret_fault = fault;
	return ST_INVALID;
}

char *domain_to_unicode(const char *name, char *ret_text, size_t size)
{
	char *decoded = NULL;

	if (idn2_to_unicode_8z8z(name, &decoded, 0) == IDN2_OK && strlen(decoded) < size)
		snprintf(ret_text, size, "%s", decoded);
	else
		snprintf(ret_text, size, "%s", name);
	idn2_free(decoded);
	return ret_text;
}
