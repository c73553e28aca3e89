/*
 * Who may be contacted: everything that is globally reachable by the IANA registries (special.h), and what
 * --allow-net names, but nothing that is on a blocklist.
 *
 * An IPv6 address that carries an IPv4 address (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP) is judged by both.
 * What is allowed is judged by the address itself alone. Ask right before connect(), with the very address
 * that goes into it. Not thread-safe.
 */
#ifndef MOORING_SCOPE_H
#define MOORING_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/status.h"

enum { SCOPE_ERROR = 256 };

struct scope;

/* NULL when memory runs out. */
struct scope *scope_new(void);
/* NULL is allowed. */
void scope_free(struct scope *scope);

/* An address or CIDR that may be contacted whatever the registries say. ST_INVALID when `text` is neither. */
enum status scope_allow_net(struct scope *scope, const char *text);
/* Adds the rules of a file (blocklist.h). On any error nothing is added and `ret_error` has the sentence,
 * with FILE:LINE where a line is wrong. */
enum status scope_load_blocklist(struct scope *scope, const char *path, char ret_error[SCOPE_ERROR]);
/*
 * Reads those files again that changed (size, time or inode) and were left in peace for a second since. ST_OK
 * when all rules are those of the files. Otherwise the rules of the broken file stay as they were and
 * `ret_error` says why; this is said once per change of the file. `*ret_changed`, which may be NULL, says in
 * either case whether any rules were replaced. A regular file costs one stat(); others (pipes) are never read
 * again.
 */
enum status scope_reload_if_changed(struct scope *scope, bool *ret_changed, char ret_error[SCOPE_ERROR]);
/* Rules of all blocklists. */
size_t scope_rule_count(const struct scope *scope);

/*
 * ST_OK, ST_BLOCKLISTED or ST_OUT_OF_SCOPE. With the latter two `*ret_reason`, which may be NULL, is a
 * sentence that lives as long as the scope: "loopback, RFC 1122 section 3.2.1.3", or "203.0.113.0/24, line 3
 * of FILE".
 */
enum status scope_check_address(
    const struct scope *scope, const struct address *address, const char **ret_reason);
/* ST_OK or ST_BLOCKLISTED for a name in A-label form, reason as above. */
enum status scope_check_domain(const struct scope *scope, const char *name, const char **ret_reason);

#endif
