/* mooring: records where publicly listed domains are moored, and what they share. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
    {"check", cmd_check, "probe domains now and print what was seen"},
    {"scan", cmd_scan, "probe every domain of a register; resumes a broken run"},
    {"overlaps", cmd_overlaps, "what the domains of a scan share, the rarest first"},
    {"runs", cmd_runs, "what was scanned when, and how it ended"},
    {"export", cmd_export, "what is stored, as JSON Lines or CSV"},
    {"register", cmd_register, "check a register for faults"},
    {"probes", cmd_probes, "the probes and the fields they record"},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(*commands) };

static void print_usage(FILE *out)
{
	unsigned i;

	fprintf(out,
	    "mooring " MOORING_VERSION " - where publicly listed domains are moored, and what they share\n\n"
	    "Usage: mooring COMMAND [OPTION...] [ARGUMENT...]\n\n");
	for (i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n'mooring COMMAND --help' lists a command's options. The manual: man mooring.\n");
}

int main(int argc, char **argv)
{
	unsigned i;

	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_COMPLETE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("mooring " MOORING_VERSION "\n");
		return EXIT_COMPLETE;
	}
	for (i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "mooring: unknown command '%s'\n\n", argv[1]);
	print_usage(stderr);
	return EXIT_USAGE;
}
