/*
 * What a person may set: command-line options and the same keys in mooring.conf. An option beats the file,
 * the file beats the default. There is no global configuration: the struct is handed to whoever needs it.
 */
#ifndef MOORING_CONFIG_H
#define MOORING_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/status.h"

/* A list of strings, owned. */
struct strings {
	char **item;
	size_t count;
};

struct config {
	/* places */
	char *db, *output, *config_file, *metadata_file, *blocklist_file, *ca_file, *psl_file;
	struct strings geo, control, allow_net, resolver;
	/* what is done */
	char *probes; /* comma list; NULL: all */
	bool keep_bodies, ignore_robots, no_favicon, dry_run;
	uint16_t port_http, port_https;
	/* pace; times in microseconds */
	double rate;
	int64_t concurrency, per_address, per_network, retries;
	int64_t timeout, target_timeout, pause;
	/* who scans */
	char *contact, *vantage;
	/* how it talks */
	bool json, quiet, no_color, help;
	int64_t verbose;
	/* reading commands */
	char *format, *run, *with, *type;
	int64_t limit;
};

/* Which commands know an option. */
enum {
	CONFIG_SCAN = 1,
	CONFIG_CHECK = 2,
	CONFIG_OVERLAPS = 4,
	CONFIG_RUNS = 8,
	CONFIG_EXPORT = 16,
	CONFIG_READ = CONFIG_OVERLAPS | CONFIG_RUNS | CONFIG_EXPORT,
	CONFIG_ALL = CONFIG_SCAN | CONFIG_CHECK | CONFIG_READ
};

void config_init(struct config *config);
void config_release(struct config *config);
/*
 * Reads options from argv[1..], permuting it; *ret_first is the index of the first word that is no option.
 * Reads the configuration file named by --config, or ./mooring.conf when it exists, before the options take
 * effect. ST_INVALID after printing the fault and the mend to standard error.
 */
enum status config_read(struct config *config, unsigned command, int argc, char **argv, int *ret_first);
/* The options of a command, for its --help. */
void config_print_help(unsigned command);
/* All settings that bear on what a scan does, as "key = value" lines in a fixed order: stored and hashed with
 * the run. */
void config_describe(const struct config *config, struct buf *out);

#endif
