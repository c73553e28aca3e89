#include "geo/geo.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/text.h"
#include "geo/mmdb_check.h"

struct open_database {
	struct geo_database info;
	MMDB_s mmdb;
	char *name;
	char sha256[SHA256_TEXT]; /* "" until asked for */
};

struct geo_set {
	/* Each on its own: what libmaxminddb hands out points back to its MMDB_s. */
	struct open_database *database[GEO_DATABASES];
	size_t count;
};

/* Paths to one fact in the layouts that are known, tried in this order; each ends with NULL. */
enum { PATH_KEYS = 4, PATHS = 3 };
typedef const char *const fact_paths[PATHS][PATH_KEYS];

static fact_paths country_paths = {{"country", "iso_code"}, {"country_code"}};
static fact_paths registered_paths = {{"registered_country", "iso_code"}};
static fact_paths city_paths = {{"city", "names", "en"}, {"city"}};
static fact_paths lat_paths = {{"location", "latitude"}, {"latitude"}};
static fact_paths lon_paths = {{"location", "longitude"}, {"longitude"}};
static fact_paths radius_paths = {{"location", "accuracy_radius"}, {"accuracy_radius"}};
static fact_paths asn_paths = {{"autonomous_system_number"}, {"traits", "autonomous_system_number"}, {"asn"}};
static fact_paths as_name_paths = {
    {"autonomous_system_organization"}, {"traits", "autonomous_system_organization"}, {"as_name"}};

struct geo_set *geo_set_new(void)
{
	return calloc(1, sizeof(struct geo_set));
}

static void database_free(struct open_database *database)
{
	MMDB_close(&database->mmdb);
	free(database->name);
	free(database);
}

void geo_set_free(struct geo_set *set)
{
	size_t i;

	if (set == NULL)
		return;
	for (i = 0; i < set->count; i++)
		database_free(set->database[i]);
	free(set);
}

/* A sentence about a path, which may be any bytes. */
static void describe(char ret_error[GEO_ERROR], const char *path, const char *fault)
{
	struct buf shown = {.limit = 160};

	text_add_printable(&shown, path, strnlen(path, 160));
	snprintf(ret_error, GEO_ERROR, "%s %s", buf_text(&shown), fault);
	buf_release(&shown);
}

static enum status add_file(struct geo_set *set, const char *path, char ret_error[GEO_ERROR])
{
	const char *slash = strrchr(path, '/'), *fault = mmdb_check_file(path);
	struct open_database *database;
	char reason[160];
	int error;

	if (fault == NULL && set->count == GEO_DATABASES)
		fault = "is one database too many: at most 64 can be used at a time";
	if (fault != NULL) {
		describe(ret_error, path, fault);
		return ST_INVALID;
	}
	database = calloc(1, sizeof(*database));
	if (database == NULL)
		goto no_memory;
	error = MMDB_open(path, MMDB_MODE_MMAP, &database->mmdb);
	if (error != MMDB_SUCCESS) {
		free(database);
		snprintf(reason, sizeof(reason), "is no usable database: %s", MMDB_strerror(error));
		describe(ret_error, path, reason);
		return ST_INVALID;
	}
	database->name = strdup(slash == NULL ? path : slash + 1);
	if (database->name == NULL) {
		database_free(database);
		goto no_memory;
	}
	database->info.name = database->name;
	database->info.db_type = database->mmdb.metadata.database_type;
	database->info.build_epoch = database->mmdb.metadata.build_epoch > INT64_MAX
					 ? INT64_MAX
					 : (int64_t)database->mmdb.metadata.build_epoch;
	set->database[set->count++] = database;
	return ST_OK;
no_memory:
	describe(ret_error, path, "cannot be opened: out of memory");
	return ST_NO_MEMORY;
}

static int is_database(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 5, ".mmdb") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	/* By octets: the order is part of the output and must not hang on the locale. */
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status add_folder(struct geo_set *set, const char *path, char ret_error[GEO_ERROR])
{
	enum status status = ST_OK;
	struct dirent **entry = NULL;
	int i, count = scandir(path, &entry, is_database, compare_names);
	char *file;

	if (count <= 0) {
		free(entry);
		describe(ret_error, path, count < 0 ? "cannot be read" : "has no *.mmdb file in it");
		return count < 0 ? ST_SYSTEM : ST_NOT_FOUND;
	}
	for (i = 0; i < count; i++) {
		if (status == ST_OK && asprintf(&file, "%s/%s", path, entry[i]->d_name) < 0) {
			describe(ret_error, path, "cannot be read: out of memory");
			status = ST_NO_MEMORY;
		} else if (status == ST_OK) {
			status = add_file(set, file, ret_error);
			free(file);
		}
		free(entry[i]);
	}
	free(entry);
	return status;
}

enum status geo_set_add_path(struct geo_set *set, const char *path, char ret_error[GEO_ERROR])
{
	struct stat st;

	if (stat(path, &st) != 0) {
		describe(ret_error, path, "does not exist, or may not be read");
		return ST_NOT_FOUND;
	}
	return S_ISDIR(st.st_mode) ? add_folder(set, path, ret_error) : add_file(set, path, ret_error);
}

size_t geo_set_count(const struct geo_set *set)
{
	return set->count;
}

const struct geo_database *geo_set_database(const struct geo_set *set, size_t index)
{
	return &set->database[index]->info;
}

enum status geo_database_sha256(struct geo_set *set, size_t index, char ret_hex[SHA256_TEXT])
{
	struct open_database *database = set->database[index];

	if (database->sha256[0] == '\0' &&
	    !text_sha256_hex(database->mmdb.file_content, (size_t)database->mmdb.file_size, database->sha256))
		return ST_SYSTEM;
	memcpy(ret_hex, database->sha256, SHA256_TEXT);
	return ST_OK;
}

/* The first of the values at `paths`; false when there is none. */
static bool get(MMDB_entry_s *entry, fact_paths paths, uint32_t type, MMDB_entry_data_s *ret_value)
{
	size_t i;

	for (i = 0; i < PATHS && paths[i][0] != NULL; i++)
		if (MMDB_aget_value(entry, ret_value, paths[i]) == MMDB_SUCCESS && ret_value->has_data &&
		    (type == 0 || ret_value->type == type))
			return true;
	return false;
}

static void get_text(MMDB_entry_s *entry, fact_paths paths, char *ret_text, size_t size)
{
	MMDB_entry_data_s value;
	size_t length;

	if (!get(entry, paths, MMDB_DATA_TYPE_UTF8_STRING, &value))
		return;
	length = strnlen(value.utf8_string, value.data_size);
	if (length >= size) {
		length = size - 1;
		while (length > 0 && (value.utf8_string[length] & 0xc0) == 0x80)
			length--; /* not in the middle of a character */
	}
	memcpy(ret_text, value.utf8_string, length);
	ret_text[length] = '\0';
}

/* A number of any type, or NAN. */
static double get_number(MMDB_entry_s *entry, fact_paths paths)
{
	MMDB_entry_data_s value;
	char shortest[32];

	if (!get(entry, paths, 0, &value))
		return NAN;
	switch (value.type) {
	case MMDB_DATA_TYPE_DOUBLE:
		return value.double_value;
	case MMDB_DATA_TYPE_FLOAT:
		/* What was 37.422 in the source is 37.4220009 as a double: show the digits that a float
		 * holds. */
		snprintf(shortest, sizeof(shortest), "%.*g", FLT_DIG, (double)value.float_value);
		return strtod(shortest, NULL);
	case MMDB_DATA_TYPE_UINT16:
		return value.uint16;
	case MMDB_DATA_TYPE_UINT32:
		return value.uint32;
	case MMDB_DATA_TYPE_INT32:
		return value.int32;
	default:
		return NAN;
	}
}

static void get_country(MMDB_entry_s *entry, fact_paths paths, char ret_country[3])
{
	char text[4] = "";

	get_text(entry, paths, text, sizeof(text));
	if (strlen(text) == 2 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2)
		memcpy(ret_country, text, 3);
}

/*
 * MaxMind gives the middle of a country a radius of 1000 km, or leaves the city out. The flat layout knows no
 * radius: there a location without a city is that of a region or country, as it has no other.
 */
static bool is_centroid(const struct geo_answer *answer)
{
	if (isnan(answer->lat))
		return false;
	return answer->accuracy_radius_km >= 1000 ||
	       (answer->accuracy_radius_km < 0 && answer->city[0] == '\0');
}

static void get_location(MMDB_entry_s *entry, struct geo_answer *answer)
{
	double lat = get_number(entry, lat_paths), lon = get_number(entry, lon_paths);
	double radius = get_number(entry, radius_paths);

	if (!(fabs(lat) <= 90 && fabs(lon) <= 180))
		return; /* absent, or no place on Earth */
	answer->lat = lat;
	answer->lon = lon;
	if (radius >= 0 && radius <= UINT16_MAX)
		answer->accuracy_radius_km = (int)radius;
	answer->is_centroid = is_centroid(answer);
}

static void get_facts(MMDB_entry_s *entry, struct geo_answer *answer)
{
	double asn = get_number(entry, asn_paths);

	get_country(entry, country_paths, answer->country);
	get_country(entry, registered_paths, answer->registered_country);
	get_text(entry, city_paths, answer->city, sizeof(answer->city));
	get_text(entry, as_name_paths, answer->as_name, sizeof(answer->as_name));
	if (asn >= 1 && asn <= UINT32_MAX)
		answer->asn = (uint32_t)asn;
	get_location(entry, answer);
}

/* The depth counts from the root of an IPv6 tree also when an IPv4 address was asked for. */
static void describe_network(
    const MMDB_s *mmdb, const struct address *address, unsigned depth, struct geo_answer *answer)
{
	struct network network;
	char text[ADDRESS_TEXT];

	if (address->family == 4 && mmdb->metadata.ip_version == 6)
		depth = depth > 96 ? depth - 96 : 0;
	network = network_of(address, depth);
	snprintf(answer->network, sizeof(answer->network), "%s/%u", address_text(&network.address, text),
	    network.prefix);
}

enum status geo_lookup(
    const struct geo_set *set, size_t index, const struct address *address, struct geo_answer *ret_answer)
{
	const MMDB_s *mmdb = &set->database[index]->mmdb;
	struct geo_answer answer = {.lat = NAN, .lon = NAN, .accuracy_radius_km = -1};
	struct sockaddr_storage sockaddr;
	MMDB_lookup_result_s result;
	int error = MMDB_SUCCESS;

	if (address->family == 6 && mmdb->metadata.ip_version == 4) {
		*ret_answer = answer;
		return ST_OK;
	}
	address_to_sockaddr(address, 0, &sockaddr);
	result = MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&sockaddr, &error);
	if (error != MMDB_SUCCESS)
		return ST_MALFORMED;
	if (result.found_entry) {
		if (!mmdb_check_value(mmdb->data_section, mmdb->data_section_size, result.entry.offset))
			return ST_MALFORMED;
		answer.found = true;
		describe_network(mmdb, address, result.netmask, &answer);
		get_facts(&result.entry, &answer);
	}
	*ret_answer = answer;
	return ST_OK;
}
