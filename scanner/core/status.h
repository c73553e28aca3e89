/*
 * One enum for every outcome in the program, and one table of their names.
 *
 * A status is what a record says of a run (its name is the record's `status`), and what functions return. The
 * names are part of the output format: they never change meaning.
 */
#ifndef MOORING_CORE_STATUS_H
#define MOORING_CORE_STATUS_H

#include <stdbool.h>

/* X(enumerator, name in records, sentence for a person) */
#define STATUS_TABLE(X)                                                                                      \
	X(ST_OK, "SUCCESS", "it worked")                                                                     \
	X(ST_AGAIN, "AGAIN", "not finished; waits for the network")                                          \
	/* DNS: names of response codes (RFC 1035 section 4.1.1, RFC 6895 section 2.3), and what has none */ \
	X(ST_NOERROR, "NOERROR", "the name has records of this type")                                        \
	X(ST_NODATA, "NODATA", "the name exists, but has no record of this type")                            \
	X(ST_FORMERR, "FORMERR", "the resolver could not read the question")                                 \
	X(ST_SERVFAIL, "SERVFAIL", "the resolver found no usable answer")                                    \
	X(ST_NXDOMAIN, "NXDOMAIN", "the name does not exist")                                                \
	X(ST_NOTIMP, "NOTIMP", "the resolver does not know this kind of question")                           \
	X(ST_REFUSED, "REFUSED", "the resolver refused to answer")                                           \
	X(ST_RCODE_OTHER, "RCODE_OTHER", "the resolver answered with a rarer response code")                 \
	X(ST_TIMEOUT, "TIMEOUT", "no resolver answered in time")                                             \
	X(ST_RESOLVER_UNREACHABLE, "RESOLVER_UNREACHABLE",                                                   \
	    "no resolver can be reached: that says nothing of the domain")                                   \
	X(ST_TRUNCATED, "TRUNCATED", "the answer was cut, and TCP did not bring the rest")                   \
	X(ST_MALFORMED, "MALFORMED", "the answer breaks the format")                                         \
	/* TCP, TLS, HTTP */                                                                                 \
	X(ST_CONNECTION_REFUSED, "CONNECTION_REFUSED", "nothing listens on that port")                       \
	X(ST_CONNECTION_TIMEOUT, "CONNECTION_TIMEOUT", "no answer to the connection attempt")                \
	X(ST_CONNECTION_RESET, "CONNECTION_RESET", "the other side reset the connection")                    \
	X(ST_UNREACHABLE, "UNREACHABLE", "there is no route to that address")                                \
	X(ST_HANDSHAKE_ERROR, "HANDSHAKE_ERROR", "the TLS handshake failed")                                 \
	X(ST_IO_TIMEOUT, "IO_TIMEOUT", "connected, then no data in time")                                    \
	X(ST_PROTOCOL_ERROR, "PROTOCOL_ERROR", "the server's bytes are no valid message")                    \
	X(ST_ROBOTS_DISALLOWED, "ROBOTS_DISALLOWED", "robots.txt asks not to fetch this")                    \
	X(ST_NOT_A_PAGE, "NOT_A_PAGE", "the body is no HTML page")                                           \
	/* What we decided ourselves */                                                                      \
	X(ST_BLOCKLISTED, "BLOCKLISTED", "on the blocklist")                                                 \
	X(ST_OUT_OF_SCOPE, "OUT_OF_SCOPE", "not a globally reachable address, or outside the register")      \
	X(ST_SKIPPED, "SKIPPED", "not tried")                                                                \
	X(ST_DEADLINE, "TARGET_TIMEOUT", "the time for this domain was used up")                             \
	X(ST_CANCELLED, "CANCELLED", "interrupted before it ended")                                          \
	/* Faults of this machine or of a file */                                                            \
	X(ST_NO_MEMORY, "NO_MEMORY", "a memory limit was reached")                                           \
	X(ST_SYSTEM, "SYSTEM_ERROR", "the operating system refused")                                         \
	X(ST_INVALID, "INVALID", "the input is not valid")                                                   \
	X(ST_NOT_FOUND, "NOT_FOUND", "no such thing")                                                        \
	X(ST_LOCKED, "LOCKED", "in use by another run")

enum status {
#define X(id, name, text) id,
	STATUS_TABLE(X)
#undef X
	    STATUS_COUNT
};

/* Name as in records, e.g. "CONNECTION_REFUSED"; never NULL. */
const char *status_name(enum status status);
/* A short sentence for a person; never NULL. */
const char *status_text(enum status status);
/* The status with that name, or STATUS_COUNT. */
enum status status_parse(const char *name);
/* The status of a DNS response code (0..4095); unknown ones are ST_RCODE_OTHER. */
enum status status_from_rcode(unsigned rcode);
/* The status of a failed connect(), read() or write(): `err` is an errno value. */
enum status status_from_errno(int err);

#endif
