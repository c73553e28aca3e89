/* The subcommands: each gets its own argv (argv[0] is its name) and returns the exit code. */
#ifndef MOORING_COMMANDS_H
#define MOORING_COMMANDS_H

enum {
	EXIT_COMPLETE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_LOCKED = 75,      /* EX_TEMPFAIL: another scan holds the database */
	EXIT_INTERRUPTED = 130 /* resumable */
};

int cmd_check(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_overlaps(int argc, char **argv);
int cmd_runs(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_register(int argc, char **argv);
int cmd_probes(int argc, char **argv);

#endif
