"""The lab's model: what exists, before any server is configured.

The same objects write the server configurations, the zones, the register and
truth.json, so the truth cannot drift away from what the servers do.
"""
import functools
import hashlib
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pages

# Public suffixes of more than one label that the world uses; every other
# name falls under the default rule "one label".
MULTI_LABEL_SUFFIXES = ("com.cn", "gov.cn", "org.nz")
MAX_REDIRECTS = 10


def registrable(name):
    """The public suffix plus one label, for the names of this world."""
    labels = name.split(".")
    keep = 3 if ".".join(labels[-2:]) in MULTI_LABEL_SUFFIXES else 2
    return ".".join(labels[-keep:])


@dataclass(frozen=True)
class Place:
    """A location as a database gives it; lat None means 'no location'."""
    country: str
    city: str = None
    lat: float = None
    lon: float = None
    radius: int = 20
    state: str = None
    registered: str = None


@dataclass(frozen=True)
class Network:
    """One /24 of a made-up hosting provider, played by one kind of server."""
    prefix: str         # first three octets
    server: str         # nginx | apache | lighttpd | haproxy | odd
    asn: int
    as_name: str
    place: Place        # nested city database
    flat: Place = None  # flat city database, where it disagrees

    @property
    def cidr(self):
        return self.prefix + ".0/24"


@dataclass
class Cert:
    """What a certificate should be; certs.py makes it and fills the hashes."""
    name: str               # file name stem
    names: list             # DNS names
    key: str = "ec"         # ec | rsa, or @NAME for the key of another certificate
    issuer: str = "lab"     # lab | self | untrusted
    validity: str = "now"   # now | expired | future
    send_chain: bool = True
    chain_sha256: list = field(default_factory=list)
    spki_sha256: str = None

    def verify_status(self, host):
        """Time first, then trust, then name."""
        if self.validity != "now":
            return "expired" if self.validity == "expired" else "not_yet_valid"
        if self.issuer == "self":
            return "self_signed"
        if self.issuer == "untrusted" or not self.send_chain:
            return "unknown_issuer"
        return "ok" if host in self.names else "name_mismatch"


@dataclass
class Route:
    """An answer that is not simply a file of the document root."""
    status: int = 200
    location: str = None    # a URL; {host} {http} {https} are filled in
    text: str = ""
    headers: tuple = ()


@dataclass
class Site:
    domain: str             # A-label
    stratum: str = "register"
    title: str = None
    unicode: str = None     # as the register writes it, if not the A-label
    entity: tuple = None    # (entity_id, kind, name, name_local, country, locality)
    role: str = "official"
    group: str = None       # planted operator or innocent reason for sharing
    # DNS
    addresses: list = field(default_factory=list)
    dns_case: str = None    # NXDOMAIN SERVFAIL REFUSED TIMEOUT: nothing else is served
    ns: tuple = ()
    mx: tuple = ()
    rname: str = None
    txt: list = field(default_factory=list)
    caa: list = field(default_factory=list)
    https_rr: str = None
    wildcard: bool = False
    cname: tuple = ()       # chain followed by the name itself; only for www.* inputs
    www_cname: str = None
    # Web
    server: str = None
    odd: dict = field(default_factory=dict)  # scheme -> play of silent.py
    http: str = "redirect"  # redirect | same | none
    https: bool = True
    cert: Cert = None
    tls: str = None         # the only version spoken; None is 1.2 and 1.3
    alpn: tuple = ("http/1.1",)
    canonical: str = None   # host to which the other host name redirects
    routes: dict = field(default_factory=dict)
    page: pages.Page = None
    encoding: str = None    # gzip (by the server) | deflate | br (precompressed)
    robots: str = None
    favicon: bytes = None
    favicon_path: str = "/favicon.ico"
    page_state: str = "live"

    @property
    def apex(self):
        return registrable(self.domain)

    @property
    def hosts(self):
        return [self.apex, "www." + self.apex]

    @property
    def input(self):
        return self.unicode or self.domain

    @functools.cached_property
    def body(self):
        return self.page.render() if self.page else b""

    @property
    def files(self):
        """Path -> bytes of the document root (before any compression)."""
        out = {"/index.html": self.body}
        if self.robots is not None:
            out["/robots.txt"] = self.robots.encode()
        if self.favicon:
            out[self.favicon_path] = self.favicon
        return out

    def robots_forbid(self):
        """Does robots.txt forbid / to an agent called mooring?"""
        return bool(self.robots) and "Disallow: /\n" in self.robots


@dataclass
class World:
    http_port: int
    https_port: int
    ipv6: bool
    networks: list = field(default_factory=list)
    sites: list = field(default_factory=list)
    used: dict = field(default_factory=dict)
    hosts: dict = field(default_factory=dict)   # name of an NS or MX host -> address
    aliases: dict = field(default_factory=dict)  # name at a provider -> CNAME target or addresses

    def address(self, network):
        """The next unused address of a network."""
        host = self.used.get(network.prefix, 9) + 1
        self.used[network.prefix] = host
        return f"{network.prefix}.{host}"

    def network_of(self, address):
        return next((n for n in self.networks if address.startswith(n.prefix + ".")), None)

    def port(self, scheme):
        return self.http_port if scheme == "http" else self.https_port

    def url(self, scheme, host, path="/"):
        return f"{scheme}://{host}:{self.port(scheme)}{path}"

    def fill(self, location, host):
        return location.format(host=host, http=self.http_port, https=self.https_port)

    def site_of(self, host):
        return next((s for s in self.sites if host in s.hosts), None)

    def answer(self, scheme, host, path):
        """(status, location, site) that a server gives to one request."""
        site = self.site_of(host)
        if scheme == "http" and site.http == "redirect":
            return 301, self.url("https", host, path), site
        if site.canonical and host != site.canonical:
            return 301, self.url(scheme, site.canonical, path), site
        route = site.routes.get(path)
        if route:
            return route.status, route.location and self.fill(route.location, host), site
        known = path == "/" or path in site.files
        return (200 if known else 404), None, site

    def follow(self, scheme, host):
        """Walk the redirects as a scanner of this registrable domain must."""
        chain, url = [], self.url(scheme, host)
        home = registrable(host)
        while True:
            parts = urlsplit(url)
            status, location, site = self.answer(parts.scheme, parts.hostname, parts.path)
            hop = {"url": url, "http_status_code": status, "location": location}
            looped = url in [h["url"] for h in chain]
            chain.append(hop)
            if location is None:
                end = "live" if status < 400 else "error"
                return end, chain, site
            if registrable(urlsplit(location).hostname) != home:
                return "redirect_offsite", chain, site
            if looped or len(chain) > MAX_REDIRECTS:
                return "error", chain, site
            url = location


def prefix_of(address):
    ip = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def sha256(data):
    return hashlib.sha256(data).hexdigest()
