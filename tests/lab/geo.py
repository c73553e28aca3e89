"""Four small MMDB files, in the layouts that real databases come in, and what they say."""
import ipaddress
import json
import pathlib
import subprocess

import networks as net

DATABASES = {  # file -> database_type
    "lab-city": "GeoLite2-City",
    "lab-city-flat": "lab-city-flat",
    "lab-country": "lab-country",
    "lab-asn": "GeoLite2-ASN",
}


def nested(place):
    """MaxMind's layout; registered_country may be all there is."""
    registered = place.registered or place.country
    record = {"registered_country": {"iso_code": registered, "names": {"en": registered}}}
    if place.country:
        record["country"] = {"iso_code": place.country, "names": {"en": place.country}}
    if place.city:
        record["city"] = {"names": {"en": place.city}}
    if place.state:
        record["subdivisions"] = [{"names": {"en": place.state}}]
    if place.lat is not None:
        record["location"] = {"latitude": place.lat, "longitude": place.lon, "accuracy_radius": place.radius}
    return record


def flat(place):
    """The layout of the ip-location-db packages."""
    return {"country_code": place.country, "city": place.city or "", "state1": place.state or "", "state2": "",
            "postcode": "", "timezone": "", "latitude": place.lat, "longitude": place.lon}


def blocks():
    """(network, nested place, flat place, as number, as name) for all that has an address in the lab."""
    for n in net.NETWORKS:
        yield n.cidr, n.place, n.flat or n.place, n.asn, n.as_name
    home = net.NETWORKS[0]
    yield "::1/128", home.place, home.flat or home.place, home.asn, home.as_name
    for n, (asn, as_name, place) in enumerate(net.FILLER_AS):
        yield f"127.{64 + 4 * n}.0.0/14", place, place, asn, as_name


def records():
    """Database -> network -> record."""
    out = {name: {} for name in DATABASES}
    for cidr, place, other, asn, as_name in blocks():
        out["lab-city"][cidr] = nested(place)
        out["lab-city-flat"][cidr] = flat(other)
        out["lab-country"][cidr] = {"country_code": place.country or place.registered}
        out["lab-asn"][cidr] = {"autonomous_system_number": asn, "autonomous_system_organization": as_name}
    return out


def write(directory):
    """Write the databases, unless they already say just this."""
    directory.mkdir(parents=True, exist_ok=True)
    spec = json.dumps({"types": DATABASES, "records": records()}, sort_keys=True)
    kept = directory / "spec.json"
    complete = all((directory / (name + ".mmdb")).exists() for name in DATABASES)
    if complete and kept.exists() and kept.read_text() == spec:
        return
    kept.write_text(spec)
    script = pathlib.Path(__file__).with_name("mmdb.pl")
    subprocess.run(["/usr/bin/perl", script, kept, directory], check=True)


def truth(addresses):
    """Address -> database -> the facts, under the names of mooring's geo record."""
    out = {}
    for address in sorted(addresses):
        ip = ipaddress.ip_address(address)
        for cidr, place, other, asn, as_name in blocks():
            network = ipaddress.ip_network(cidr)
            if ip.version == network.version and ip in network:
                out[address] = {
                    "lab-city": {"country": place.country, "registered_country": place.registered or place.country,
                                 "city": place.city, "lat": place.lat, "lon": place.lon,
                                 "accuracy_radius_km": place.radius if place.lat is not None else None},
                    "lab-city-flat": {"country": other.country, "city": other.city, "lat": other.lat, "lon": other.lon},
                    "lab-country": {"country": place.country or place.registered},
                    "lab-asn": {"asn": asn, "as_name": as_name}}
    return out
