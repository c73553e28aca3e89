#include "geo/distance.h"

#include <math.h>

static double radians(double degrees)
{
	return degrees * (M_PI / 180);
}

double distance_km(double lat_a, double lon_a, double lat_b, double lon_b)
{
	double sin_lat = sin(radians(lat_b - lat_a) / 2);
	double sin_lon = sin(radians(lon_b - lon_a) / 2);
	double h = sin_lat * sin_lat + cos(radians(lat_a)) * cos(radians(lat_b)) * sin_lon * sin_lon;

	/* Rounding may bring antipodes above 1, where asin() has no value. */
	return 2 * EARTH_RADIUS_KM * asin(sqrt(fmin(1, h)));
}
