/* Any bytes as an MMDB file: refused, or answering within bounds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "geo/geo.h"
#include "geo/mmdb_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_country(const char *country)
{
	return country[0] == '\0' || (country[0] >= 'A' && country[0] <= 'Z' && country[1] >= 'A' &&
					 country[1] <= 'Z' && country[2] == '\0');
}

static void check_answer(const struct geo_answer *answer)
{
	struct network network;

	require(isnan(answer->lat) == isnan(answer->lon));
	require(isnan(answer->lat) || (fabs(answer->lat) <= 90 && fabs(answer->lon) <= 180));
	require(answer->accuracy_radius_km >= -1);
	require(is_country(answer->country) && is_country(answer->registered_country));
	require(memchr(answer->city, '\0', sizeof(answer->city)) != NULL);
	require(memchr(answer->as_name, '\0', sizeof(answer->as_name)) != NULL);
	require(answer->found == network_parse(&network, answer->network));
}

static void look_up(const struct geo_set *set)
{
	static const char *const addresses[] = {
	    "0.0.0.0", "8.8.8.8", "127.0.0.1", "200.1.2.3", "::", "::1", "2001:4860::1", "ffff::ffff"};
	struct geo_answer answer[sizeof(addresses) / sizeof(addresses[0])];
	struct address address;
	size_t i, count = 0;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		require(address_parse(&address, addresses[i]));
		if (geo_lookup(set, 0, &address, &answer[count]) != ST_OK)
			continue;
		check_answer(&answer[count]);
		count++;
	}
	geo_agreement(answer, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], error[GEO_ERROR] = "", hex[SHA256_TEXT];
	int fd = memfd_create("mmdb", MFD_CLOEXEC);
	struct geo_set *set = geo_set_new();

	require(fd >= 0 && set != NULL && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (geo_set_add_path(set, path, error) == ST_OK) {
		require(strlen(geo_set_database(set, 0)->db_type) < size);
		require(geo_database_sha256(set, 0, hex) == ST_OK && strlen(hex) == 64);
		look_up(set);
	} else {
		require(error[0] != '\0' && geo_set_count(set) == 0);
	}
	geo_set_free(set);
	close(fd);
	mmdb_check_value(data, size, 0);
	return 0;
}
