"""Filler domains for scans of thousands: plain sites on many addresses of one nginx.

A group is the customers of one address: they share a zone file (its names are
relative to each zone), a certificate, and a provider of names and mail.
"""
from model import Cert

WORDS = ("anchor", "beacon", "cable", "dory", "ensign", "fender", "gangway", "halyard", "islet", "jetty", "keel",
         "lagoon", "marina", "nautilus", "outrigger", "portside", "rudder", "sextant", "tiller", "windlass")
TLDS = ("test", "example", "labnet")
PROVIDERS = 40
MAX_GROUPS, DOMAINS_PER_GROUP = 250, 40
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>@HOST@</title></head>
<body><h1>Welcome to @HOST@</h1>
<p>This page belongs to @HOST@, one of many plain sites of the lab. It has a few sentences, so that it counts as a page:
the weather at the quay is fair, the boats are in, and the office opens at nine. Write to office at @HOST@.</p>
</body></html>
"""


def provider(n):
    return f"provider-{n:02d}.labnet"


class Extra:
    def __init__(self, count):
        groups = min(MAX_GROUPS, -(-count // DOMAINS_PER_GROUP)) if count else 0
        self.groups = [[] for _ in range(groups)]
        for i in range(count):
            self.groups[i % groups].append(f"{WORDS[i % len(WORDS)]}-{i:05d}.{TLDS[i % 3]}")
        self.names = [self.groups[i % groups][i // groups] for i in range(count)]
        self.certs = [Cert(f"extra-{g:03d}-{len(names)}", names) for g, names in enumerate(self.groups)]

    def address(self, group):
        """In 127.64.0.0/10: a /24 for each group, the /14 networks of geo.py in turn."""
        return f"127.{64 + 4 * (group % 16)}.{group // 16}.{10 + group % 200}"

    def add_zones(self, zones, address_records):
        """Zones of the 40 providers, and the delegations of the fillers."""
        for n in range(PROVIDERS if self.names else 0):
            name = provider(n)
            hosts = [f"ns1.{name}", f"ns2.{name}", f"mx.{name}"]
            zones[name] = [(name, "SOA", f"ns1.{name}. hostmaster.{name}. 1 7200 3600 1209600 300")]
            zones[name] += [(name, "NS", f"ns{i}.{name}.") for i in (1, 2)]
            zones[name] += [r for i, h in enumerate(hosts) for r in address_records(h, [f"127.46.{100 + i}.{1 + n}"])]
            zones["labnet"] += [(name, "NS", f"ns{i}.{name}.") for i in (1, 2)]
        for g, names in enumerate(self.groups):
            for name in names:
                zones[name.rpartition(".")[2]] += [(name, "NS", f"ns{i}.{provider(g % PROVIDERS)}.") for i in (1, 2)]

    def zone_files(self, directory):
        """Write one file per group; zone name -> file name."""
        files = {}
        for g, names in enumerate(self.groups):
            p = provider(g % PROVIDERS)
            (directory / f"extra-{g:03d}").write_text(
                f"$TTL 300\n@ SOA ns1.{p}. hostmaster.{p}. 1 7200 3600 1209600 300\n@ NS ns1.{p}.\n@ NS ns2.{p}.\n"
                f"@ MX 10 mx.{p}.\n@ TXT \"v=spf1 mx -all\"\n@ A {self.address(g)}\nwww CNAME @\n")
            files.update(dict.fromkeys(names, f"extra-{g:03d}"))
        return files

    def nginx(self, base, world):
        """One catch-all block per group; the page names the host that was asked for."""
        out = []
        for g, cert in enumerate(self.certs):
            a = self.address(g)
            out.append(f"""server {{
  listen {a}:{world.http_port};
  listen {a}:{world.https_port} ssl;
  ssl_certificate {base}/certs/{cert.name}.chain;
  ssl_certificate_key {base}/certs/{cert.name}.key;
  access_log off;
  root {base}/www/extra;
  location = / {{ sub_filter @HOST@ $host; sub_filter_once off; try_files /index.html =404; }}
}}
""")
        return "".join(out)

    def truth(self):
        return {"count": len(self.names), "addresses": len(self.groups), "outcome": "live", "page_state": "live",
                "verify_status": "ok", "tls_version": "TLSv1.3"}
