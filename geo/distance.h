/* Distances on the Earth. Pure. */
#ifndef MOORING_GEO_DISTANCE_H
#define MOORING_GEO_DISTANCE_H

/* Mean radius R1 of the GRS 80 ellipsoid (IUGG; Moritz, Geodetic Reference System 1980), km. */
#define EARTH_RADIUS_KM 6371.0088

/* Great-circle distance in km between two points in degrees, by the haversine formula: exact on the sphere,
 * within 0.6 % of the ellipsoid. */
double distance_km(double lat_a, double lon_a, double lat_b, double lon_b);

#endif
