#!/usr/bin/env -S python3 -B
"""Writes the lab: configurations, certificates, zones, pages, register, databases and truth.json."""
import argparse
import json
import pathlib
import shutil
import socket
import sys

import certs
import geo
import networks as net
import nginx
import register
import servers
import truth
import world as worlds
import zones as zone_files
from extra import PAGE, Extra


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def check_ports(dns_port, world, extra):
    """Fail early, and name the address that is taken."""
    wanted = [(zone_files.RESOLVER_ADDRESS, dns_port, "--dns-port"), (zone_files.NSD_ADDRESS, dns_port, "--dns-port")]
    hosts = {a for s in world.sites for a in s.addresses} | {net.BACKEND} | {extra.address(g) for g in range(len(extra.groups))}
    wanted += [(a, world.port(s), f"--{s}-port") for a in sorted(hosts) for s in ("http", "https")]
    for address, port, option in wanted:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kinds = [socket.SOCK_STREAM] + ([socket.SOCK_DGRAM] if option == "--dns-port" else [])
        for kind in kinds:
            with socket.socket(family, kind) as sock:
                if kind == socket.SOCK_STREAM:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind((address, port))
                    if kind == socket.SOCK_STREAM:
                        sock.listen()
                except OSError as error:
                    raise SystemExit(f"lab: cannot use {address} port {port}: {error.strerror} (choose another {option})")


def write_configs(base, world, extra, zones, dns_port):
    etc = base / "etc"
    etc.mkdir(exist_ok=True)
    broken = [s.apex for s in world.sites if s.dns_case == "SERVFAIL"]
    fillers = extra.zone_files(base / "zones")
    (etc / "nsd.conf").write_text(zone_files.nsd_conf(base, dns_port, zones, broken, fillers))
    (etc / "unbound.conf").write_text(zone_files.unbound_conf(base, dns_port, world))
    (etc / "nginx-extra.conf").write_text(extra.nginx(base, world))
    (etc / "nginx.conf").write_text(nginx.Nginx(base, world).config(etc / "nginx-extra.conf"))
    (etc / "apache.conf").write_text(servers.apache_conf(base, world))
    (etc / "lighttpd.conf").write_text(servers.lighttpd_conf(base, world))
    (etc / "haproxy.conf").write_text(servers.haproxy_conf(base, world))
    (etc / "silent.json").write_text(json.dumps(servers.plays(base, world), indent=1))


def write_pages(base, world):
    root = base / "www"
    for site in world.sites:
        if site.page:
            servers.write_files(root, site)
    (root / "extra").mkdir(parents=True, exist_ok=True)
    (root / "extra" / "index.html").write_text(PAGE)


def write_hosts(path, world):
    """In the format of /etc/hosts, for tools that are to do without the resolver."""
    path.write_text("".join(f"{s.addresses[0]} {' '.join(s.hosts)}\n" for s in world.sites if s.addresses))


def write_env(base, args):
    facts = {"LAB_DIR": base, "RESOLVER": f"{zone_files.RESOLVER_ADDRESS}:{args.dns_port}", "DNS_PORT": args.dns_port,
             "HTTP_PORT": args.http_port, "HTTPS_PORT": args.https_port, "REGISTER": base / "register",
             "CONTROLS": base / "register/controls.csv", "GEO": base / "geo", "CA": base / "certs/root.crt",
             "TRUTH": base / "truth.json", "HOSTS": base / "hosts", "EXTRA": base / "extra.txt", "LOGS": base / "log",
             "ALLOW_NET": '"127.0.0.0/8 ::1/128"'}
    (base / "lab.env").write_text("".join(f"{k}={v}\n" for k, v in facts.items()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--extra", type=int, default=0)
    for name in ("dns", "http", "https"):
        parser.add_argument(f"--{name}-port", type=int, required=True)
    args = parser.parse_args()
    base = args.dir.resolve()
    world = worlds.build(args.http_port, args.https_port, has_ipv6())
    extra = Extra(args.extra)
    check_ports(args.dns_port, world, extra)
    for name in ("zones", "www", "run", "log"):  # nothing stale from an earlier, larger lab
        shutil.rmtree(base / name, ignore_errors=True)
        (base / name).mkdir(parents=True)
    certs.Authority(base / "certs").make([s.cert for s in world.sites if s.cert] + extra.certs)
    zones = zone_files.build(world)
    extra.add_zones(zones, zone_files.address_records)
    zone_files.write_zones(base / "zones", zones)
    write_configs(base, world, extra, zones, args.dns_port)
    write_pages(base, world)
    register.write(base / "register", world)
    (base / "extra.txt").write_text("".join(n + "\n" for n in extra.names))
    write_hosts(base / "hosts", world)
    geo.write(base / "geo")
    addresses = {a for s in world.sites for a in s.addresses} | set(world.hosts.values())
    facts = truth.build(world, zones, geo.truth(addresses), args.dns_port, extra.truth())
    (base / "truth.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    write_env(base, args)
    strata = [s.stratum for s in world.sites]
    print(f"lab: {strata.count('register')} register domains, {strata.count('general')} general and "
          f"{strata.count('matched')} matched controls, {len(extra.names)} extra", file=sys.stderr)


if __name__ == "__main__":
    main()
