#!/usr/bin/env -S python3 -B
"""Does the running lab do what its truth.json says? Uses nothing of mooring.

usage: selfcheck.py [--wait SECONDS] DIR
With --wait: only wait until the servers answer. Otherwise every DNS question and
every endpoint of truth.json is tried, and each difference is printed.
"""
import argparse
import concurrent.futures
import http.client
import json
import pathlib
import random
import socket
import ssl
import struct
import sys
import time
import warnings
import zlib
from urllib.parse import urlsplit

from model import sha256

TYPE_NUMBERS = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "HTTPS": 65, "CAA": 257, "CNAME": 5}
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
PATIENCE = 1.5      # seconds after which a silent server counts as silent
PAGE_PATIENCE = 10  # the slow page takes two seconds


# ---- DNS ----

def ask(resolver, name, kind):
    """(status, number of answers of that type)"""
    ident = random.randrange(65536)
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    query = struct.pack(">6H", ident, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">2H", TYPE_NUMBERS[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.sendto(query, resolver)
        try:
            reply = sock.recv(4096)
        except TimeoutError:
            return "TIMEOUT", 0
    if reply[2] & 2:  # truncated
        with socket.create_connection(resolver, PATIENCE) as sock:
            sock.sendall(struct.pack(">H", len(query)) + query)
            file = sock.makefile("rb")
            reply = file.read(struct.unpack(">H", file.read(2))[0])
    status = RCODES.get(reply[3] & 15, str(reply[3] & 15))
    count, at = 0, 12 + len(labels) + 4
    for _ in range(struct.unpack(">H", reply[6:8])[0]):
        at = skip_name(reply, at)
        rtype, _, _, length = struct.unpack(">2HIH", reply[at:at + 10])
        count += rtype == TYPE_NUMBERS[kind]
        at += 10 + length
    return ("NODATA" if status == "NOERROR" and not count else status), count


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


# ---- TCP, TLS, HTTP ----

def any_context():
    """Verifies nothing and meets any server, old ones too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def failure(error):
    if isinstance(error, ConnectionRefusedError):
        return "CONNECTION_REFUSED"
    if isinstance(error, ConnectionResetError):
        return "CONNECTION_RESET"
    if isinstance(error, TimeoutError):
        return "IO_TIMEOUT"
    return "HANDSHAKE_ERROR" if isinstance(error, ssl.SSLError) else "PROTOCOL_ERROR"


def get(sock, host, path):
    """(status, location, headers, body) of one request on an open socket."""
    connection = http.client.HTTPConnection(host)
    connection.sock = sock
    connection.request("GET", path, headers={"User-Agent": "lab-selfcheck", "Accept-Encoding": "gzip, deflate, br"})
    reply = connection.getresponse()
    return reply.status, reply.getheader("Location"), dict(reply.getheaders()), reply.read()


def probe(endpoint, host, path="/"):
    """What is seen at an endpoint, under the names of truth.json."""
    seen = {"tcp": None, "tls": None, "http": None}
    try:
        sock = socket.create_connection((endpoint["address"], endpoint["port"]), PATIENCE)
    except OSError as error:
        seen["tcp"] = "CONNECTION_TIMEOUT" if isinstance(error, TimeoutError) else failure(error)
        return seen
    with sock:
        seen["tcp"] = "SUCCESS"
        if endpoint["scheme"] == "https":
            context = any_context()
            if endpoint["alpn"] == ["h2"]:
                context.set_alpn_protocols(["h2"])
            try:
                sock = context.wrap_socket(sock, server_hostname=host)
            except OSError as error:
                seen["tls"] = failure(error)
                return seen
            seen.update(tls="SUCCESS", tls_version=sock.version().replace("TLSv1.0", "TLSv1"),
                        certificate=sha256(sock.getpeercert(True)))
            if endpoint["alpn"] == ["h2"]:
                return seen  # the standard library speaks no HTTP/2
        if endpoint["outcome"] == "live":
            sock.settimeout(PAGE_PATIENCE)
        try:
            status, location, headers, body = get(sock, f"{host}:{endpoint['port']}", path)
        except (OSError, http.client.HTTPException) as error:
            seen["http"] = failure(error)
            return seen
        seen.update(http="SUCCESS", http_status_code=status, location=location, headers=headers, body=body)
    return seen


def decoded(seen):
    encoding = seen["headers"].get("Content-Encoding")
    if encoding == "gzip":
        return zlib.decompress(seen["body"], 31)
    return zlib.decompress(seen["body"]) if encoding == "deflate" else seen["body"]


def verify_status(endpoint, host, root):
    """What OpenSSL says with the lab's root as its only one."""
    context = ssl.create_default_context(cafile=root)
    try:
        with socket.create_connection((endpoint["address"], endpoint["port"]), PATIENCE) as sock:
            with context.wrap_socket(sock, server_hostname=host):
                return "ok"
    except ssl.SSLCertVerificationError as error:
        return {9: "not_yet_valid", 10: "expired", 18: "self_signed", 20: "unknown_issuer", 21: "unknown_issuer",
                62: "name_mismatch"}.get(error.verify_code, str(error.verify_code))


# ---- comparing ----

def check_dns(resolver, question):
    status, count = ask(resolver, question["name"], question["type"])
    if status != question["status"] or count != len(question["answers"]):
        yield f"dns {question['name']} {question['type']}: {status}, {count} answers"


def check_endpoint(endpoint, host, facts, root):
    where = f"{host} {endpoint['scheme']} {endpoint['address']}"
    # Ask for robots.txt where that forbids the page: the log then shows only what others asked for.
    h2_only = endpoint.get("alpn") == ["h2"]
    closed = endpoint["outcome"] == "ROBOTS_DISALLOWED"
    seen = probe(endpoint, host, "/robots.txt" if closed else "/")
    if closed and b"Disallow: /\n" not in seen.get("body", b""):
        yield f"{where}: robots.txt does not forbid the page"
    for key in ("tcp", "tls", "http", "tls_version", "certificate", "http_status_code"):
        if key.startswith("http") and (closed or h2_only):
            continue
        if seen.get(key) != endpoint.get(key):
            yield f"{where}: {key} {seen.get(key)}, truth {endpoint.get(key)}"
    if endpoint.get("tls") == "SUCCESS" and endpoint["tls_version"] != "TLSv1":
        verified = verify_status(endpoint, host, root)
        # OpenSSL stops at the first fault, and looks for an unknown issuer before it looks at the dates.
        hidden = verified == "unknown_issuer" and endpoint["verify_status"] == "expired"
        if verified != endpoint["verify_status"] and not hidden:
            yield f"{where}: verify {verified}, truth {endpoint['verify_status']}"
    if endpoint["redirects"] and seen.get("location") != endpoint["redirects"][0]["location"]:
        yield f"{where}: location {seen.get('location')}, truth {endpoint['redirects'][0]['location']}"
    if endpoint["outcome"] == "live" and not h2_only:
        yield from check_page(endpoint, where, facts)


def check_page(endpoint, where, facts):
    final = urlsplit(endpoint["final_url"])
    seen = probe({**endpoint, "scheme": final.scheme, "port": final.port, "alpn": []}, final.hostname, final.path)
    if seen.get("http_status_code") != endpoint["final_status_code"]:
        yield f"{where}: {endpoint['final_url']} gives {seen.get('http_status_code')}, truth {endpoint['final_status_code']}"
    elif seen["headers"].get("Content-Encoding") != facts["content_encoding"]:
        yield f"{where}: encoded as {seen['headers'].get('Content-Encoding')}, truth {facts['content_encoding']}"
    elif facts["content_encoding"] != "br" and sha256(decoded(seen)) != facts["body_sha256"]:
        yield f"{where}: {endpoint['final_url']} has another body"
    elif facts["title"] and facts["content_encoding"] != "br" and facts["title"].encode(facts["charset"]) not in decoded(seen):
        yield f"{where}: title not in body"


def check_extra(directory, resolver, truth):
    """A few of the filler domains."""
    names = (directory / "extra.txt").read_text().split()
    for name in names[::max(1, len(names) // 10)]:
        for kind in ("A", "SOA", "NS", "MX"):
            if ask(resolver, name, kind)[0] != "NOERROR":
                yield f"extra {name} {kind} is missing"


def wait(directory, truth, resolver, seconds):
    """Until one endpoint of each kind of server, and the resolver, answer as they should."""
    probes = {}
    for host, facts in truth["domains"].items():
        for endpoint in facts.get("endpoints", []):
            if facts["outcome"] == "live" and endpoint["tcp"] == "SUCCESS":
                probes.setdefault((facts["server"], endpoint["scheme"]), (endpoint, host))
    left = list(probes.values())
    names = (directory / "extra.txt").read_text().split()[-1:] + ["nic.labnet"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = [(e, h) for e, h in left if probe(e, h)["tcp"] != "SUCCESS"]
        if not left:
            names = [n for n in names if not ready(resolver, n)]
            if not names:
                return 0
        time.sleep(0.05)
    print("lab: no answer from:", *[f"{h} ({e['address']}:{e['port']})" for e, h in left], *names, file=sys.stderr)
    return 1


def ready(resolver, name):
    try:
        return ask(resolver, name, "SOA")[0] == "NOERROR"
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wait", type=float)
    parser.add_argument("dir", type=pathlib.Path)
    args = parser.parse_args()
    truth = json.loads((args.dir / "truth.json").read_text())
    host, port = truth["resolver"].split(":")
    resolver = (host, int(port))
    if args.wait:
        return wait(args.dir, truth, resolver, args.wait)
    root = args.dir / "certs/root.crt"
    jobs = [(check_dns, resolver, q) for d in truth["domains"].values() for q in d["dns"]]
    jobs += [(check_endpoint, e, name, d, root) for name, d in truth["domains"].items() for e in d["endpoints"]]
    jobs.append((check_extra, args.dir, resolver, truth))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        faults = [f for found in pool.map(lambda j: list(j[0](*j[1:])), jobs) for f in found]
    print(*faults, f"{len(jobs)} checks, {len(faults)} differences", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
