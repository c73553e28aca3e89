"""Document roots; Apache, lighttpd and HAProxy; the plays of silent.py."""
import subprocess
import zlib

import networks as net

APACHE_MODULES = ("mpm_event", "authz_core", "alias", "rewrite", "mime", "dir", "ssl")


def compressed(body, encoding):
    if encoding == "deflate":
        return zlib.compress(body)
    return subprocess.run(["brotli", "-c"], input=body, capture_output=True, check=True).stdout


def write_files(root, site):
    """The document root that every web server shares."""
    for path, data in site.files.items():
        file = root / site.apex / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    if site.encoding in ("deflate", "br"):
        (root / site.apex / "index.enc").write_bytes(compressed(site.body, site.encoding))


def apache_conf(base, world):
    sites = [s for s in world.sites if s.server == "apache"]
    listens = [f"Listen {a}:{p}" for s in sites for a in s.addresses for p in (world.http_port, world.https_port)]
    hosts = "\n".join(_apache_site(base, world, s, scheme) for s in sites for scheme in ("http", "https"))
    modules = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in APACHE_MODULES)
    return f"""{modules}
ServerRoot {base}/run
PidFile {base}/run/apache.pid
DefaultRuntimeDir {base}/run
ErrorLog {base}/log/apache-error.log
LogLevel warn
LogFormat "%{{%FT%TZ}}t %A %{{Host}}i \\"%r\\" %>s %b \\"%{{User-Agent}}i\\"" lab
CustomLog {base}/log/apache-access.log lab
ServerName apache.lab.test
StartServers 1
ServerLimit 4
ThreadsPerChild 64
MaxRequestWorkers 256
TypesConfig /dev/null
AddType text/html .html
AddType text/plain .txt
AddType image/x-icon .ico
AddDefaultCharset Off
SSLSessionCache none
SSLProtocol -all +TLSv1.2 +TLSv1.3
{chr(10).join(listens)}
<Directory {base}/www>
  Require all granted
</Directory>
{hosts}
"""


def _apache_site(base, world, site, scheme):
    lines = [f"ServerName {site.apex}", f"ServerAlias www.{site.apex}", f"DocumentRoot {base}/www/{site.apex}"]
    if scheme == "https":
        key = site.cert.key[1:] if site.cert.key.startswith("@") else site.cert.name
        lines += ["SSLEngine on", f"SSLCertificateFile {base}/certs/{site.cert.name}.chain",
                  f"SSLCertificateKeyFile {base}/certs/{key}.key"]
    if scheme == "http" and site.http == "redirect":
        # Within the %{...} of mod_rewrite so that the host asked for is kept.
        lines += ["RewriteEngine on", f"RewriteRule ^(.*)$ https://%{{SERVER_NAME}}:{world.https_port}$1 [R=301,L]",
                  "UseCanonicalName Off"]
    else:
        for path, route in site.routes.items():
            target = world.fill(route.location, site.apex) if route.location else ""
            lines.append(f'RedirectMatch {route.status} "^{path}$" {target}')
        lines += ["DirectoryIndex index.html"]
        if site.page.declared == "header":
            lines.append(f'<Files "index.html">\n    ForceType "{site.page.content_type}"\n  </Files>')
    names = " ".join(f"{a}:{world.port(scheme)}" for a in site.addresses)
    return f"<VirtualHost {names}>\n" + "".join(f"  {line}\n" for line in lines) + "</VirtualHost>"


def lighttpd_conf(base, world):
    """One socket per site and scheme; the main socket is an address that no name points to."""
    out = [f"""server.modules = ("mod_redirect", "mod_openssl", "mod_accesslog")
server.bind = "127.3.0.1"
server.port = {world.http_port}
server.document-root = "{base}/www"
server.errorlog = "{base}/log/lighttpd-error.log"
accesslog.filename = "{base}/log/lighttpd-access.log"
accesslog.format = "%t %V \\"%r\\" %s %b \\"%{{User-Agent}}i\\""
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain", ".ico" => "image/x-icon")
server.max-connections = 2048
server.max-fds = 4096
"""]
    for site in (s for s in world.sites if s.server == "lighttpd"):
        for address in site.addresses:
            redirect = ""
            if site.http == "redirect":
                # %1 is the host without its port.
                redirect = f'  $HTTP["host"] =~ "^([^:]+)" {{\n' \
                           f'    url.redirect = ("" => "https://%1:{world.https_port}${{url.path}}${{qsa}}")\n  }}\n'
            root = f'  server.document-root = "{base}/www/{site.apex}"\n'
            out.append(f'$SERVER["socket"] == "{address}:{world.http_port}" {{\n{root}{redirect}}}\n')
            out.append(f'$SERVER["socket"] == "{address}:{world.https_port}" {{\n{root}  ssl.engine = "enable"\n'
                       f'  ssl.pemfile = "{base}/certs/{site.cert.name}.pem"\n}}\n')
    return "".join(out)


def haproxy_conf(base, world):
    """The shared edge; a site that offers only h2 gets a frontend that accepts nothing else."""
    sites = [s for s in world.sites if s.server == "haproxy"]
    edge = [s for s in sites if s.group == "edge"]
    out = [f"""global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
backend origin
  http-response set-header Via "1.1 edge-shield-lab"
  server origin {net.BACKEND}:{world.http_port}
frontend edge
  default_backend origin
"""]
    for address in sorted({a for s in edge for a in s.addresses}):
        out.append(f"  bind {address}:{world.http_port}\n")
        out.append(f"  bind {address}:{world.https_port} ssl crt {base}/certs/{edge[0].cert.name}.pem alpn h2,http/1.1\n")
    for site in (s for s in sites if s.group != "edge"):
        out.append(f"frontend {site.apex}\n  default_backend origin\n  bind {site.addresses[0]}:{world.https_port} "
                   f"ssl crt {base}/certs/{site.cert.name}.pem alpn h2 proto h2\n")
    return "".join(out)


def plays(base, world):
    """The configuration of silent.py; `refuse` needs nobody to listen."""
    out = []
    for site in world.sites:
        for scheme, play in site.odd.items():
            if play == "refuse":
                continue
            # These plays come before or instead of a TLS handshake.
            tls = scheme == "https" and play in ("banner", "bare_lf", "slow")
            for address in site.addresses:
                out.append({"address": address, "port": world.port(scheme), "play": play,
                            "chain": f"{base}/certs/{site.cert.name}.chain" if tls else None,
                            "key": f"{base}/certs/{site.cert.name}.key" if tls else None,
                            "body": site.page.html()})
    return out
