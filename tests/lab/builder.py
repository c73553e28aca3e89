"""Fills in what a site does not say for itself, so that world files stay short."""
import itertools

import networks as net
import pages
from model import Cert, Site, World, registrable

KINDS = ("association", "association", "federation", "association", "media", "service_center")
PLACES = (("CA", "Lantern Bay"), ("US", "Harbour Falls"), ("NL", "Wharfdam"), ("DE", "Ankerheim"),
          ("AU", "Mooring Creek"), ("GB", "Quayside"))


class Builder:
    def __init__(self, world: World):
        self.world = world
        self.counter = itertools.count()
        self.entities = itertools.count(1)

    def entity(self, name, local="", kind=None):
        n = next(self.entities)
        country, locality = PLACES[n % len(PLACES)]
        return (f"lab-en-{n:03d}", kind or KINDS[n % len(KINDS)], f"{name} (lab)", local, country, locality)

    def host(self, name, network):
        """Give a name-server or mail host an address, once."""
        if name not in self.world.hosts:
            self.world.hosts[name] = self.world.address(network)
        return name

    def site(self, domain, name=None, *, on=None, address=None, lang="en", local=None, ids=None,
             title=None, page=None, charset="utf-8", declared="meta", **fields):
        """Add one site; `name` is the English name of who runs it, `on` its network."""
        n = next(self.counter)
        name = name or registrable(domain).split(".")[0].replace("-", " ").title()
        title = title or local or name
        site = Site(domain, title=title, **fields)
        if site.stratum == "register" and site.entity is None:
            site.entity = self.entity(name, local or "")
        self._dns_defaults(site, n)
        if site.dns_case is None or site.addresses:
            self._web_defaults(site, n, on, address)
            site.page = page or pages.Page(title, domain, lang, charset, declared, ids or {}, 1 + n % 3,
                                           icon=site.favicon_path if site.favicon
                                           and site.favicon_path != "/favicon.ico" else None)
        self.world.sites.append(site)
        return site

    def _dns_defaults(self, site, n):
        """Most domains use a popular provider for names and mail, some their own."""
        if site.domain != site.apex:
            # Seen from below the apex, a provider's records would or would not count: avoid the question.
            site.ns, site.mx = (f"ns1.{site.apex}", f"ns2.{site.apex}"), ("mail." + site.apex,)
        if not site.ns:
            site.ns = (net.BLUEPOND, net.REEDBANK, net.BLUEPOND)[n % 3]
        for name in site.ns:
            self.host(name, net.DNS_NET)
        if not site.mx and n % 4 != 3 and site.dns_case is None:
            site.mx = (net.BIGMAIL, net.OFFICEMAIL, net.BIGMAIL)[n // 3 % 3]
        for name in site.mx:
            self.host(name, net.MAIL_NET)
        if not site.rname:
            site.rname = net.DNS_PROVIDERS.get(site.ns, "hostmaster." + site.apex)
        if site.mx in (net.BIGMAIL, net.OFFICEMAIL):
            site.txt.insert(0, f"v=spf1 include:{registrable(site.mx[0])} -all")

    def _web_defaults(self, site, n, on, address):
        if not site.addresses:
            on = on or net.GENERAL_NETWORKS[n % len(net.GENERAL_NETWORKS)]
            site.addresses = [address or self.world.address(on)]
        if site.server is None:
            network = self.world.network_of(site.addresses[0])
            site.server = network.server if network else "nginx"
        if site.server == "lighttpd":
            site.alpn = ("h2", "http/1.1")
        if site.cert is None:
            site.cert = Cert(site.apex, site.hosts, key="rsa" if n % 9 == 4 else "ec")
