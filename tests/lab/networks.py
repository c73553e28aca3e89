"""Hosting networks, name-server and mail providers of the made-up world.

AS numbers are from the ranges kept for documentation and private use.
"""
from model import Network, Place

NEW_YORK = Place("US", "New York", 40.7128, -74.006, 20, "New York")
GUANGZHOU = Place("CN", "Guangzhou", 23.1291, 113.2644, 50, "Guangdong")
HANGZHOU = Place("CN", "Hangzhou", 30.2741, 120.1551, 50, "Zhejiang")
AMSTERDAM = Place("NL", "Amsterdam", 52.3676, 4.9041, 20, "North Holland")
TORONTO = Place("CA", "Toronto", 43.6532, -79.3832, 20, "Ontario")
FRANKFURT = Place("DE", "Frankfurt am Main", 50.1109, 8.6821, 20, "Hesse")
SYDNEY = Place("AU", "Sydney", -33.8688, 151.2093, 100, "New South Wales")
SAN_JOSE = Place("US", "San Jose", 37.3382, -121.8863, 20, "California")
# No location: only where the address is registered. And a country's centroid.
AU_NO_LOCATION = Place(None, registered="AU")
US_CENTROID = Place("US", None, 37.751, -97.822, 1000)

HARBOUR_1 = Network("127.10.1", "nginx", 64496, "Harbour Hosting (lab)", NEW_YORK)
HARBOUR_2 = Network("127.10.2", "nginx", 64496, "Harbour Hosting (lab)", NEW_YORK, SAN_JOSE)
ESTUARY = Network("127.12.4", "nginx", 64497, "Estuary Cloud (lab)", TORONTO)
SOUTHERN = Network("127.14.6", "nginx", 64498, "Southern Cross Colo (lab)", AU_NO_LOCATION, SYDNEY)
PRAIRIE = Network("127.16.8", "nginx", 64499, "Prairie Servers (lab)", US_CENTROID, SAN_JOSE)
PEARL = Network("127.20.5", "apache", 64500, "Pearl Delta Data (lab)", GUANGZHOU)
WEST_LAKE = Network("127.22.7", "apache", 64501, "West Lake Cloud (lab)", HANGZHOU,
                    Place("SG", "Singapore", 1.3521, 103.8198))
POLDER = Network("127.30.3", "lighttpd", 64502, "Polder Servers (lab)", AMSTERDAM)
TAUNUS = Network("127.32.9", "lighttpd", 64503, "Taunus Rechenzentrum (lab)", FRANKFURT)
EDGE = Network("127.40.1", "haproxy", 64504, "Edge Shield CDN (lab)", US_CENTROID, AMSTERDAM)
PARKING = Network("127.42.1", "nginx", 64505, "Slipway Parking (lab)", NEW_YORK)
SHARED = Network("127.44.1", "nginx", 64506, "Commons Shared Hosting (lab)", FRANKFURT)
DNS_NET = Network("127.46.1", "none", 64507, "Bluepond DNS (lab)", NEW_YORK)
MAIL_NET = Network("127.48.1", "none", 64508, "Bigmail (lab)", AMSTERDAM)
ODD = Network("127.50.1", "odd", 64509, "Odd Servers (lab)", TORONTO)

NETWORKS = [HARBOUR_1, HARBOUR_2, ESTUARY, SOUTHERN, PRAIRIE, PEARL, WEST_LAKE, POLDER, TAUNUS, EDGE,
            PARKING, SHARED, DNS_NET, MAIL_NET, ODD]
# In turn for sites that need no particular place.
GENERAL_NETWORKS = [HARBOUR_1, PEARL, POLDER, ESTUARY, WEST_LAKE, TAUNUS, HARBOUR_2, SOUTHERN, PRAIRIE]

# Filler domains (--extra) live in 127.64.0.0/10, one /14 each of these.
FILLER_AS = [(64512 + n, f"Filler Network {n} (lab)", place) for n, place in enumerate(
    [NEW_YORK, GUANGZHOU, AMSTERDAM, TORONTO, FRANKFURT, SAN_JOSE, HANGZHOU, SYDNEY] * 2)]

# The backend of the edge: a web server that no DNS name points to.
BACKEND = "127.5.0.1"

BLUEPOND = ("ns1.bluepond-dns.test", "ns2.bluepond-dns.test")
REEDBANK = ("a.ns.reedbank.example", "b.ns.reedbank.example", "c.ns.reedbank.example")
EDGE_NS = ("ada.ns.edge-shield.labnet", "bob.ns.edge-shield.labnet")
PARKING_NS = ("ns1.slipway-parking.labnet", "ns2.slipway-parking.labnet")
DNS_PROVIDERS = {
    BLUEPOND: "hostmaster.bluepond-dns.test",
    REEDBANK: "dns-admin.reedbank.example",
    EDGE_NS: "dns.edge-shield.labnet",
    PARKING_NS: "hostmaster.slipway-parking.labnet",
}
BIGMAIL = ("mx1.bigmail.test", "mx2.bigmail.test")
OFFICEMAIL = ("in.officemail.example",)
