#include "core/status.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *text;
} table[STATUS_COUNT] = {
#define X(id, name, text) [id] = {name, text},
    STATUS_TABLE(X)
#undef X
};

const char *status_name(enum status status)
{
	return (unsigned)status < STATUS_COUNT ? table[status].name : "UNKNOWN";
}

const char *status_text(enum status status)
{
	return (unsigned)status < STATUS_COUNT ? table[status].text : "unknown status";
}

enum status status_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < STATUS_COUNT; i++)
		if (strcmp(table[i].name, name) == 0)
			break;
	return (enum status)i;
}

enum status status_from_rcode(unsigned rcode)
{
	static const enum status by_rcode[] = {
	    ST_NOERROR, ST_FORMERR, ST_SERVFAIL, ST_NXDOMAIN, ST_NOTIMP, ST_REFUSED};

	return rcode < sizeof(by_rcode) / sizeof(*by_rcode) ? by_rcode[rcode] : ST_RCODE_OTHER;
}

enum status status_from_errno(int err)
{
	switch (err) {
	case 0:
		return ST_OK;
	case EAGAIN:
	case EINPROGRESS:
		return ST_AGAIN;
	case ECONNREFUSED:
		return ST_CONNECTION_REFUSED;
	case ETIMEDOUT:
		return ST_CONNECTION_TIMEOUT;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return ST_CONNECTION_RESET;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case ENETDOWN:
	case EHOSTDOWN:
	case EAFNOSUPPORT:
	case ENOPROTOOPT:
	case ENONET:
	case EPROTO: /* the last three: rare ICMP errors */
		return ST_UNREACHABLE;
	case ENOMEM:
	case ENOBUFS:
		return ST_NO_MEMORY;
	default:
		return ST_SYSTEM;
	}
}
