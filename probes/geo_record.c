#include "probes/geo_record.h"

#include <math.h>

enum {
	F_ADDRESS,
	F_ROLE,
	F_DB_NAME,
	F_DB_TYPE,
	F_BUILD_EPOCH,
	F_FOUND,
	F_NETWORK,
	F_COUNTRY,
	F_REGISTERED_COUNTRY,
	F_CITY,
	F_LAT,
	F_LON,
	F_ACCURACY_RADIUS_KM,
	F_CENTROID,
	F_ASN,
	F_AS_NAME,
	F_COUNT
};

static const struct field fields[F_COUNT] = {
    [F_ADDRESS] = {.name = "address",
	.type = FIELD_TEXT,
	.flags = FIELD_KEY,
	.help = "The address that was looked up."},
    [F_ROLE] = {.name = "role",
	.type = FIELD_TEXT,
	.help = "What the address was found as: web, ns, mx or other."},
    [F_DB_NAME] = {.name = "db_name", .type = FIELD_TEXT, .help = "File name of the database."},
    [F_DB_TYPE] = {.name = "db_type", .type = FIELD_TEXT, .help = "Type that the database gives itself."},
    [F_BUILD_EPOCH] = {.name = "build_epoch",
	.type = FIELD_INT,
	/* A new edition that says the same is the same fact. */
	.flags = FIELD_VOLATILE,
	.unit = "s",
	.help = "When the database was built, since 1970-01-01 UTC."},
    [F_FOUND] = {.name = "found",
	.type = FIELD_BOOL,
	.help = "Whether the database has an entry for the address; an entry may be without a location."},
    [F_NETWORK] = {.name = "network",
	.type = FIELD_TEXT,
	.help = "The network that the entry is about, in CIDR form."},
    [F_COUNTRY] = {.name = "country",
	.type = FIELD_TEXT,
	.help = "Country of the location, ISO 3166-1 alpha-2."},
    [F_REGISTERED_COUNTRY] = {.name = "registered_country",
	.type = FIELD_TEXT,
	.help = "Country that the network is registered in, ISO 3166-1 alpha-2."},
    [F_CITY] = {.name = "city", .type = FIELD_TEXT, .help = "City, by its English name."},
    [F_LAT] = {.name = "lat", .type = FIELD_REAL, .unit = "degrees", .help = "Latitude, WGS 84."},
    [F_LON] = {.name = "lon", .type = FIELD_REAL, .unit = "degrees", .help = "Longitude, WGS 84."},
    [F_ACCURACY_RADIUS_KM] = {.name = "accuracy_radius_km",
	.type = FIELD_INT,
	.unit = "km",
	.help = "Radius around the location in which the address is likely to be, as the database says."},
    [F_CENTROID] = {.name = "centroid",
	.type = FIELD_BOOL,
	.help = "Whether the location is the middle of a country or region, which is no point on a map."},
    [F_ASN] = {.name = "asn", .type = FIELD_INT, .help = "Number of the autonomous system."},
    [F_AS_NAME] = {.name = "as_name", .type = FIELD_TEXT, .help = "Organization of the autonomous system."},
};

const struct schema geo_schema = {
    .record_type = "geo",
    .version = 1,
    .help = "Where one database says that an address is.",
    .field = fields,
    .field_count = F_COUNT,
};

static void set_nonempty(struct record *record, size_t field, const char *text)
{
	if (text[0] != '\0')
		record_set_text(record, field, text);
}

static void set_answer(struct record *record, const struct geo_answer *answer)
{
	record_set_bool(record, F_FOUND, answer->found);
	set_nonempty(record, F_NETWORK, answer->network);
	set_nonempty(record, F_COUNTRY, answer->country);
	set_nonempty(record, F_REGISTERED_COUNTRY, answer->registered_country);
	set_nonempty(record, F_CITY, answer->city);
	if (!isnan(answer->lat)) {
		record_set_real(record, F_LAT, answer->lat);
		record_set_real(record, F_LON, answer->lon);
		record_set_bool(record, F_CENTROID, answer->is_centroid);
	}
	if (answer->accuracy_radius_km >= 0)
		record_set_int(record, F_ACCURACY_RADIUS_KM, answer->accuracy_radius_km);
	if (answer->asn != 0)
		record_set_int(record, F_ASN, answer->asn);
	set_nonempty(record, F_AS_NAME, answer->as_name);
}

struct record *geo_record(struct arena *arena, const struct geo_set *set, size_t database,
    const struct address *address, const char *role, int64_t now_wall)
{
	const struct geo_database *info = geo_set_database(set, database);
	struct record *record = record_new(arena, &geo_schema, NULL, NULL);
	struct geo_answer answer;
	char text[ADDRESS_TEXT];

	if (record == NULL)
		return NULL;
	record->started = now_wall;
	record_set_text(record, F_ADDRESS, address_text(address, text));
	record_set_text(record, F_ROLE, role);
	record_set_text(record, F_DB_NAME, info->name);
	record_set_text(record, F_DB_TYPE, info->db_type);
	record_set_int(record, F_BUILD_EPOCH, info->build_epoch);
	record->status = geo_lookup(set, database, address, &answer);
	if (record->status == ST_OK)
		set_answer(record, &answer);
	else
		record->error = "the database file is broken at the entry of this address";
	return record;
}
