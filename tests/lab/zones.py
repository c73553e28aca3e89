"""NSD serves every zone of the world, the root included; unbound resolves in front of it."""
import collections
import ipaddress

from model import registrable

NSD_ADDRESS, RESOLVER_ADDRESS = "127.0.0.2", "127.0.0.1"
TLDS = ("test", "example", "labnet", "cn", "com.cn", "gov.cn", "nz", "org.nz", "sg")
TLD_NS = "ns.nic.labnet"
TTL = 300


def quoted(text):
    """A TXT rdata: strings of 255 bytes at most."""
    return " ".join('"' + text[i:i + 255] + '"' for i in range(0, len(text), 255))


def address_records(name, addresses):
    return [(name, "AAAA" if ":" in a else "A", a) for a in addresses]


def soa(zone_ns, rname):
    return f"{zone_ns}. {rname}. 2026010101 7200 3600 1209600 300"


def site_records(site):
    """All records of a site's zone, as (name, type, rdata) with names without the trailing dot."""
    apex = site.apex
    out = [(apex, "SOA", soa(site.ns[0], site.rname))]
    out += [(apex, "NS", n + ".") for n in site.ns]
    out += [(apex, "MX", f"{10 * i} {m}.") for i, m in enumerate(site.mx, 1)]
    out += [(apex, "TXT", quoted(t)) for t in site.txt]
    out += [(apex, "CAA", c) for c in site.caa]
    if site.https_rr:
        out.append((apex, "HTTPS", site.https_rr))
    out += address_records(apex, site.addresses)
    if site.wildcard:
        out += address_records("*." + apex, site.addresses)
    if site.addresses:
        target = site.cname[0] if site.cname else site.www_cname or apex
        out.append(("www." + apex, "CNAME", target + "."))
    return out


def provider_records(world):
    """Name-server and mail hosts, CDN names, reverse names: everything that no site owns."""
    out = address_records(TLD_NS, [NSD_ADDRESS])
    out += [r for name, address in world.hosts.items() for r in address_records(name, [address])]
    for name, target in world.aliases.items():
        out += [(name, "CNAME", target + ".")] if isinstance(target, str) else address_records(name, target)
    return out


def reverse_records(world):
    for address in sorted({a for s in world.sites for a in s.addresses}):
        network = world.network_of(address)
        label = network.as_name.split(" (")[0].lower().replace(" ", "-") if network else "localhost"
        yield (ipaddress.ip_address(address).reverse_pointer, "PTR",
               f"host-{address.split('.')[-1].strip(':')}.{label}.test.")


def build(world):
    """Zone name -> records. Sites whose case is NXDOMAIN have none; SERVFAIL is a zone without a file."""
    zones = collections.OrderedDict((z, []) for z in ("", *TLDS, "127.in-addr.arpa", "ip6.arpa"))
    for site in world.sites:
        if site.dns_case not in ("NXDOMAIN", "SERVFAIL"):
            zones[site.apex] = site_records(site)
    for record in provider_records(world):
        zones.setdefault(registrable(record[0]), []).append(record)
    for record in reverse_records(world):
        zones["ip6.arpa" if record[0].endswith("ip6.arpa") else "127.in-addr.arpa"].append(record)
    for zone, records in zones.items():
        if not any(r[1] == "SOA" for r in records):
            records[:0] = [(zone, "SOA", soa(TLD_NS, "hostmaster.nic.labnet")), (zone, "NS", TLD_NS + ".")]
    for zone in list(zones):
        if zone:
            zones[parent(zone, zones)] += [(zone, "NS", r[2]) for r in zones[zone] if r[1] == "NS" and r[0] == zone]
    return zones


def parent(zone, zones):
    while zone:
        zone = zone.partition(".")[2]
        if zone in zones:
            return zone
    return ""


def write_zones(directory, zones):
    directory.mkdir(parents=True, exist_ok=True)
    for zone, records in zones.items():
        lines = [f"$TTL {TTL}"] + [f"{name}. {kind} {rdata}" for name, kind, rdata in records]
        (directory / (zone or "root")).write_text("\n".join(lines) + "\n")


def nsd_conf(base, port, zones, broken, fillers):
    """`broken` zones have no file, so NSD answers SERVFAIL; `fillers` maps zone -> file name."""
    out = [f"""server:
  ip-address: {NSD_ADDRESS}@{port}
  do-ip6: no
  server-count: 1
  username: ""
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "{base}/run/nsd-zones"
  zonesdir: "{base}/zones"
  xfrdir: "{base}/run"
  logfile: "{base}/log/nsd.log"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  tcp-count: 500
  send-buffer-size: 4194304
  receive-buffer-size: 4194304
remote-control:
  control-enable: no
"""]
    files = {(z or "."): (z or "root") for z in zones}
    files.update({z: "missing/" + z for z in broken})
    files.update(fillers)
    out += [f'zone:\n  name: "{zone}"\n  zonefile: "{file}"\n' for zone, file in files.items()]
    return "".join(out)


def unbound_conf(base, port, world):
    silent = [s for s in world.sites if s.dns_case in ("REFUSED", "TIMEOUT")]
    local = "".join(f'  local-zone: "{s.apex}." {"refuse" if s.dns_case == "REFUSED" else "deny"}\n' for s in silent)
    return f"""server:
  interface: {RESOLVER_ADDRESS}@{port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{base}/run"
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  logfile: "{base}/log/unbound.log"
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  minimal-responses: yes
  rrset-roundrobin: no
  qname-minimisation: no
  harden-below-nxdomain: no
  outgoing-range: 8192
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  so-sndbuf: 4m
  msg-cache-size: 64m
  rrset-cache-size: 128m
  infra-keep-probing: yes
  # Zones that unbound answers itself by default, and that the lab serves.
  local-zone: "test." nodefault
  local-zone: "127.in-addr.arpa." nodefault
  local-zone: "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa." nodefault
  # These two names are refused and dropped, to play such resolvers.
{local}remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {NSD_ADDRESS}@{port}
"""
