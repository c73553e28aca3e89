/* What `mooring register check` prints last, and its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"

static char folder[] = "/tmp/mooring-check-XXXXXX";
static char path[sizeof(folder) + 32];

static FILE *create(const char *name, const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	return file;
}

/* A folder whose entities.csv has `errors` rows with too few cells and `warnings` rows without a claim. */
static void put_register(int errors, int warnings)
{
	FILE *file;
	int i;

	fclose(create(
	    "domains.csv", "domain,entity_id,role,listed_at_url,listed_on,verified,valid_from,valid_to\n"));
	fclose(create("claims.csv",
	    "claim_id,entity_id,report,first_reported,source_url,source_title,accessed_on,quote,status,"
	    "status_date,status_source_url,certainty\n"));
	file = create(
	    "entities.csv", "entity_id,kind,name,name_local,country,locality,operated_from,parent_id\n");
	for (i = 0; i < errors; i++)
		fputs("x\n", file);
	for (i = 0; i < warnings; i++)
		fprintf(file, "w%d,media,N,,CA,,,\n", i);
	fclose(file);
}

/* Runs the command; the end of what it printed, and the number of its lines. */
static int check(const char *option, char *ret_end, size_t size, int *ret_lines)
{
	char *argv[] = {(char *)"register", (char *)"check", folder, (char *)option, NULL};
	FILE *printed = tmpfile();
	int before, code, c;
	size_t length;

	assert_non_null(printed);
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	dup2(fileno(printed), STDOUT_FILENO);
	code = cmd_register(option == NULL ? 3 : 4, argv);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	rewind(printed);
	for (*ret_lines = 0; (c = getc(printed)) != EOF;)
		*ret_lines += c == '\n';
	fseek(printed, ftell(printed) < (long)size ? 0 : ftell(printed) - (long)size + 1, SEEK_SET);
	length = fread(ret_end, 1, size - 1, printed);
	ret_end[length] = '\0';
	fclose(printed);
	return code;
}

static void expect_end(int errors, int warnings, int code)
{
	char end[2048], expected[128];
	int lines, kept = errors + warnings <= 10000 ? errors + warnings : 10001;

	put_register(errors, warnings);
	assert_int_equal(check(NULL, end, sizeof(end), &lines), code);
	snprintf(expected, sizeof(expected), "\n%d errors, %d warnings\n", errors, warnings);
	if (strstr(end, expected) == NULL)
		fail_msg("no '%s' in: %s", expected, end);
	assert_int_equal(check("--json", end, sizeof(end), &lines), code);
	snprintf(expected, sizeof(expected), "\"errors\":%d,\"warnings\":%d,\"notes\":0,", errors, warnings);
	if (strstr(end, expected) == NULL)
		fail_msg("no '%s' in: %s", expected, end);
	assert_int_equal(lines, kept + 1);
}

static void faults_are_counted_by_severity(void **state)
{
	(void)state;
	expect_end(0, 0, EXIT_COMPLETE);
	expect_end(0, 3, EXIT_COMPLETE);
	expect_end(2, 3, EXIT_FAILED);
}

/* Those that are too many to be printed count as what they are, and the line about them as nothing. */
static void omitted_faults_are_counted_by_severity(void **state)
{
	(void)state;
	expect_end(0, 10050, EXIT_COMPLETE);
	expect_end(15000, 0, EXIT_FAILED);
	expect_end(10001, 7, EXIT_FAILED);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	static const char *const name[] = {"entities.csv", "domains.csv", "claims.csv"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(name) / sizeof(*name); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, name[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_are_counted_by_severity),
	    cmocka_unit_test(omitted_faults_are_counted_by_severity),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
