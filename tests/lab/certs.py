"""A small certification authority on top of the openssl command, with a cache.

Certificates are kept in DIR/certs; a second `up` makes only what changed.
"""
import concurrent.futures
import dataclasses
import json
import ssl
import subprocess
import time

from model import sha256

CACHE_SECONDS = 30 * 86400  # well within the 90 days for which leaves are valid
DATES = {"expired": ("20200101000000Z", "20210101000000Z"), "future": ("20490101000000Z", "20500101000000Z")}
# SECLEVEL 0: the lab also plays servers that today's defaults refuse to be.
CONFIG = """
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = system
[system]
MinProtocol = None
CipherString = DEFAULT:@SECLEVEL=0
[req]
distinguished_name = dn
prompt = no
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = ${ENV::SAN}
[ca]
default_ca = dated
[dated]
database = ${ENV::INDEX}
new_certs_dir = ${ENV::TEMP}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
organizationName = optional
"""


class Authority:
    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir(parents=True, exist_ok=True)
        self.config = directory / "openssl.cnf"
        self.config.write_text(CONFIG)
        self.cache_file = directory / "cache.json"
        self.cache = json.loads(self.cache_file.read_text()) if self.cache_file.exists() else {}

    def path(self, name, ext):
        return self.dir / f"{name}.{ext}"

    def openssl(self, *args, san="DNS:unused.test", index="unused"):
        env = {"PATH": "/usr/bin:/bin", "SAN": san, "INDEX": str(index), "TEMP": str(self.dir),
               "OPENSSL_CONF": str(self.config)}
        run = subprocess.run(["openssl", *map(str, args)], env=env, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"openssl {' '.join(map(str, args))}\n{run.stderr}")

    def new_key(self, name, kind):
        out = self.path(name, "key")
        if kind == "rsa":
            return ["-newkey", "rsa:2048", "-keyout", out]
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", out]

    def authority(self, name, subject, parent=None):
        """A root, or an intermediate under `parent`; made once and kept."""
        if self.path(name, "crt").exists():
            return
        signer = ["-CA", self.path(parent, "crt"), "-CAkey", self.path(parent, "key")] if parent else []
        self.openssl("req", "-x509", "-nodes", "-config", self.config, *self.new_key(name, "ec"), *signer, "-days", 3650,
                     "-subj", subject, "-extensions", "root", "-out", self.path(name, "crt"))

    def leaf(self, cert):
        out = self.path(cert.name, "crt")
        san = ",".join("DNS:" + n for n in cert.names)
        key = (["-key", self.path(cert.key[1:], "key")] if cert.key.startswith("@")
               else self.new_key(cert.name, cert.key))
        subject = ["-subj", f"/O=Lab/CN={cert.names[0]}", "-config", self.config]
        issuer = {"lab": "intermediate", "untrusted": "untrusted"}.get(cert.issuer)
        signer = ["-CA", self.path(issuer, "crt"), "-CAkey", self.path(issuer, "key")] if issuer else []
        if cert.validity == "now":
            self.openssl("req", "-x509", "-nodes", *key, *signer, *subject, "-days", 90, "-extensions", "leaf",
                         "-out", out, san=san)
        else:  # only `openssl ca` takes dates
            request, (start, end) = self.path(cert.name, "csr"), DATES[cert.validity]
            self.openssl("req", "-new", "-nodes", *key, *subject, "-out", request, san=san)
            # Its database of what was issued is of no use here; two runs at once would trip over one.
            index = self.path(cert.name, "index")
            index.write_text("")
            self.openssl("ca", "-batch", "-notext", "-config", self.config, "-startdate", start, "-enddate", end, "-cert",
                         self.path(issuer, "crt"), "-keyfile", self.path(issuer, "key"), "-in", request, "-out", out,
                         san=san, index=index)

    def bundle(self, cert):
        """NAME.chain for nginx and apache, NAME.pem with the key for haproxy and lighttpd."""
        parts = [self.path(cert.name, "crt").read_text()]
        if cert.issuer == "lab" and cert.send_chain:
            parts.append(self.path("intermediate", "crt").read_text())
        key = self.path(cert.key[1:] if cert.key.startswith("@") else cert.name, "key")
        self.path(cert.name, "chain").write_text("".join(parts))
        self.path(cert.name, "pem").write_text("".join(parts) + key.read_text())
        return [ssl.PEM_cert_to_DER_cert(p) for p in parts]

    def make(self, certs):
        """Make what the cache lacks and fill in every certificate's hashes."""
        specs = {}
        for cert in certs:
            spec = dataclasses.asdict(cert)
            del spec["chain_sha256"], spec["spki_sha256"]
            if specs.setdefault(cert.name, spec) != spec:
                raise SystemExit(f"two different certificates are called {cert.name}")
        self.authority("root", "/O=Lab/CN=Lab Root CA")
        self.authority("intermediate", "/O=Lab/CN=Lab Intermediate CA", "root")
        self.authority("untrusted", "/O=Strangers/CN=Strange Root CA")
        now = time.time()
        todo = {c.name: c for c in certs if self.cache.get(c.name, {}).get("spec") != specs[c.name]
                or self.cache[c.name]["made"] < now - CACHE_SECONDS}
        todo.update({c.name: c for c in certs if c.key[1:] in todo and c.key.startswith("@")})
        for borrowed in (False, True):  # keys first, then certificates that borrow them
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                list(pool.map(self.leaf, [c for c in todo.values() if c.key.startswith("@") == borrowed]))
        self.cache.update({name: {"spec": specs[name], "made": now} for name in todo})
        self.cache_file.write_text(json.dumps(self.cache))
        for cert in certs:
            chain = self.bundle(cert)
            cert.chain_sha256 = [sha256(der) for der in chain]
            cert.spki_sha256 = sha256(spki(chain[0]))
        return len(todo)


def _element(der, at):
    """(start of the content, end) of the DER element at `at`."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2:start], "big")
    return start, start + length


def spki(der):
    """SubjectPublicKeyInfo: RFC 5280 section 4.1, the seventh field of a version 3 certificate."""
    at = _element(der, _element(der, 0)[0])[0]
    for _ in ("version", "serial", "signature", "issuer", "validity", "subject"):
        at = _element(der, at)[1]
    return der[at:_element(der, at)[1]]
