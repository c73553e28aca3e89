"""truth.json: what a scanner should find, derived from the model alone."""
import collections

import zones as zone_files
from model import prefix_of, sha256

TYPES = ("A", "AAAA", "NS", "SOA", "MX", "TXT", "CAA", "HTTPS")
PREFIXES = {"google-site-verification=": "google_site_verification", "MS=": "ms_verification",
            "baidu_site_verification=codeva-": "baidu_site_verification",
            "facebook-domain-verification=": "facebook_domain_verification"}
# What each play of silent.py looks like: tcp, tls (https only) and http status.
PLAYS = {
    "refuse": ("CONNECTION_REFUSED", None, None),
    "blackhole": ("CONNECTION_TIMEOUT", None, None),
    "silent": ("SUCCESS", "IO_TIMEOUT", "IO_TIMEOUT"),
    "reset": ("SUCCESS", "CONNECTION_RESET", "CONNECTION_RESET"),
    "garbage": ("SUCCESS", "HANDSHAKE_ERROR", "PROTOCOL_ERROR"),
    "banner": ("SUCCESS", "SUCCESS", "PROTOCOL_ERROR"),
    "bare_lf": ("SUCCESS", "SUCCESS", "SUCCESS"),
    "slow": ("SUCCESS", "SUCCESS", "SUCCESS"),
}


class Names:
    """Look-ups in the records that NSD serves."""

    def __init__(self, zones):
        self.records = collections.defaultdict(lambda: collections.defaultdict(list))
        for zone, records in zones.items():
            for name, kind, rdata in records:
                # A delegation at the parent repeats the zone's own NS.
                if rdata not in self.records[name][kind]:
                    self.records[name][kind].append(rdata)
        self.parents = {".".join(n.split(".")[i:]) for n in list(self.records) for i in range(1, n.count(".") + 1)}

    def look_up(self, name, kind):
        chain = []
        while True:
            types = self.records.get(name) or self.records.get("*." + name.partition(".")[2])
            if not types:
                status = "NODATA" if name in self.parents else "NXDOMAIN"
                return {"status": status, "cname": chain, "answers": []}
            if "CNAME" in types and kind != "CNAME":
                name = types["CNAME"][0].rstrip(".")
                chain.append(name)
                continue
            answers = list(types[kind]) if kind in types else []
            return {"status": "NOERROR" if answers else "NODATA", "cname": chain, "answers": answers}


def dns(site, names):
    questions = [(site.domain, t) for t in TYPES]
    if not site.dns_case:
        questions.append(("www." + site.apex, "A"))
    if site.wildcard:
        questions.append(("any-label." + site.apex, "A"))
    out = []
    for name, kind in questions:
        if site.dns_case in (None, "NODATA"):
            answer = names.look_up(name, kind)
        else:
            answer = {"status": site.dns_case, "cname": [], "answers": []}
        out.append({"name": name, "type": kind, **answer})
    return out


def endpoint(world, site, address, scheme):
    out = {"address": address, "scheme": scheme, "port": world.port(scheme), "tcp": "SUCCESS", "http": None, "outcome": None,
           "http_status_code": None, "redirects": [], "final_url": None, "final_status_code": None}
    if scheme == "https":
        out.update(tls=None, tls_version=None, alpn=[], verify_status=None, certificate=None, spki=None, chain_sha256=[])
    closed = (scheme == "http" and site.http == "none") or (scheme == "https" and not site.https)
    tcp, tls, http = PLAYS[site.odd.get(scheme, "refuse" if closed else "slow")]
    out["tcp"] = tcp
    if tcp != "SUCCESS":
        out["outcome"] = tcp
        return out
    if scheme == "https":
        out["tls"] = tls
        if tls != "SUCCESS":
            out["outcome"] = tls
            return out
        out.update(tls_version=site.tls or "TLSv1.3", alpn=list(site.alpn), verify_status=site.cert.verify_status(site.domain),
                   certificate=site.cert.chain_sha256[0], spki=site.cert.spki_sha256, chain_sha256=site.cert.chain_sha256)
    if site.robots_forbid():
        out["outcome"] = "ROBOTS_DISALLOWED"
        return out
    out["http"] = http
    if http != "SUCCESS":
        out["outcome"] = http
        return out
    outcome, chain, _ = world.follow(scheme, site.domain)
    out.update(outcome=outcome, http_status_code=chain[0]["http_status_code"], redirects=chain[:-1] if outcome == "live" else chain,
               final_url=chain[-1]["url"], final_status_code=chain[-1]["http_status_code"])
    out["redirects"] = [hop for hop in out["redirects"] if hop["location"]]
    return out


def rank(item):
    """Which endpoint speaks for the domain: a page, then how far it came; https before http."""
    if item["outcome"] == "live":
        reached = 5
    elif item["outcome"] in ("error", "redirect_offsite", "ROBOTS_DISALLOWED"):
        reached = 4
    else:
        reached = 3 if item["http"] else 2 if item.get("tls") else 1
    return reached, item["tcp"] == "SUCCESS", item["scheme"] == "https"


def page(site, best):
    body = site.body
    return {"title": site.page.title if site.page.raw != b"" else None, "charset": site.page.charset,
            "charset_declared": site.page.declared, "lang": site.page.lang, "body_sha256": sha256(body),
            "body_length": len(body), "content_encoding": site.encoding, "final_url": best["final_url"],
            "http_status_code": best["final_status_code"], "favicon": sha256(site.favicon) if site.favicon else None,
            "ids": site.page.ids}


def domain(world, site, names):
    out = {"input": site.input, "stratum": site.stratum, "entity_id": site.entity[0] if site.entity else None,
           "group": site.group, "server": site.server, "page_state": site.page_state,
           "addresses": site.addresses, "dns": dns(site, names)}
    out["endpoints"] = [endpoint(world, site, a, s) for a in site.addresses for s in ("http", "https")]
    if site.dns_case:
        out["outcome"] = "resolve_nx" if site.dns_case == "NXDOMAIN" else site.dns_case
        return out
    best = max(out["endpoints"], key=rank)
    secure = next((e for e in out["endpoints"] if e.get("tls") == "SUCCESS"), {})
    out.update(outcome=best["outcome"], verify_status=secure.get("verify_status"), tls_version=secure.get("tls_version"),
               final_url=best["final_url"], http_status_code=best["final_status_code"], title=None, charset=None)
    if best["outcome"] == "live":
        out.update(page(site, best))
    return out


def values(world, site, seen):
    """Every (indicator, value) that a scan of this site can see."""
    if site.dns_case not in (None, "NODATA"):
        return
    if site.domain == site.apex:
        yield "ns_set", " ".join(sorted(site.ns))
        yield "soa_rname", site.rname
        yield from (("mx", m) for m in site.mx)
        for text in site.txt:
            yield from ((name, text[len(p):]) for p, name in PREFIXES.items() if text.startswith(p))
    if site.cname:
        yield "cname_target", site.cname[0]
    for address in site.addresses:
        network = world.network_of(address)
        yield "address", address
        yield "prefix", prefix_of(address)
        yield "asn", str(network.asn if network else world.networks[0].asn)
    if any(e.get("tls") == "SUCCESS" for e in seen["endpoints"]):
        yield "certificate", site.cert.chain_sha256[0]
        yield "spki", site.cert.spki_sha256
    if seen["outcome"] == "live":
        yield "body", seen["body_sha256"]
        if seen["title"]:
            yield "title", seen["title"]
        if seen["favicon"]:
            yield "favicon", seen["favicon"]
        yield from seen["ids"].items()


def shared(world, domains):
    holders = collections.defaultdict(lambda: collections.defaultdict(set))
    for site in world.sites:
        for indicator, value in values(world, site, domains[site.domain]):
            holders[indicator, value][site.stratum].add(site.domain)
    return [{"indicator": i, "value": v, "domains": sorted(h["register"]), "general": sorted(h["general"]),
             "matched": sorted(h["matched"])} for (i, v), h in sorted(holders.items()) if len(h["register"]) > 1]


def build(world, zones, geo, dns_port, extra):
    names = Names(zones)
    domains = {s.domain: domain(world, s, names) for s in world.sites}
    return {"resolver": f"{zone_files.RESOLVER_ADDRESS}:{dns_port}", "http_port": world.http_port,
            "https_port": world.https_port, "ipv6": world.ipv6, "domains": domains, "shared": shared(world, domains),
            "geo": geo, "extra": extra}
