"""nginx: most of the sites, the edge's backend, and the filler domains."""
import networks as net

PROTOCOLS = {None: "TLSv1.2 TLSv1.3", "TLSv1": "TLSv1", "TLSv1.2": "TLSv1.2", "TLSv1.3": "TLSv1.3"}


def host_port(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Nginx:
    def __init__(self, base, world):
        self.base, self.world = base, world

    def config(self, extra_include):
        sites = [s for s in self.world.sites if s.server in ("nginx", "haproxy")]
        blocks = "\n".join(self.site(s) for s in sites)
        return f"""daemon off;
pid {self.base}/run/nginx.pid;
error_log {self.base}/log/nginx-error.log warn;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  log_format lab '$time_iso8601 $scheme $server_addr $host "$request" $status $body_bytes_sent "$http_user_agent"';
  access_log {self.base}/log/nginx-access.log lab;
  client_body_temp_path {self.base}/run/body;
  proxy_temp_path {self.base}/run/proxy;
  fastcgi_temp_path {self.base}/run/fastcgi;
  uwsgi_temp_path {self.base}/run/uwsgi;
  scgi_temp_path {self.base}/run/scgi;
  types {{ text/html html; text/plain txt; image/x-icon ico; }}
  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 256;
  sendfile on;
  tcp_nopush on;
  absolute_redirect off;
{blocks}
  include {extra_include};
}}
"""

    def site(self, site):
        """One block per scheme and host rule."""
        if site.server == "haproxy":
            return self.block(site, "http", [net.BACKEND], site.hosts)
        addresses = site.addresses
        out = []
        for scheme in ("http", "https"):
            if scheme in site.odd or (scheme == "http" and site.http == "none") or (scheme == "https" and not site.https):
                continue
            if scheme == "http" and site.http == "redirect":
                target = f"https://$host:{self.world.https_port}$request_uri"
                out.append(self.block(site, scheme, addresses, site.hosts, target))
                continue
            served = [site.canonical] if site.canonical else site.hosts
            out.append(self.block(site, scheme, addresses, served))
            others = [h for h in site.hosts if h not in served]
            if others:
                port = self.world.port(scheme)
                out.append(self.block(site, scheme, addresses, others,
                                      f"{scheme}://{site.canonical}:{port}$request_uri"))
        return "\n".join(out)

    def block(self, site, scheme, addresses, hosts, redirect=None):
        flags = " ssl" + (" http2" if "h2" in site.alpn else "") if scheme == "https" else ""
        lines = [f"listen {host_port(a, self.world.port(scheme))}{flags};" for a in addresses]
        lines.append(f"server_name {' '.join(hosts)};")
        if scheme == "https":
            lines += self.tls(site)
        if redirect:
            lines.append(f"return 301 {redirect};")
        else:
            lines += [f"root {self.base}/www/{site.apex};", *self.locations(site)]
        return "  server {\n" + "".join(f"    {line}\n" for line in lines) + "  }"

    def tls(self, site):
        cert = site.cert
        key = cert.key[1:] if cert.key.startswith("@") else cert.name
        out = [f"ssl_certificate {self.base}/certs/{cert.name}.chain;", f"ssl_certificate_key {self.base}/certs/{key}.key;",
               f"ssl_protocols {PROTOCOLS[site.tls]};"]
        if site.tls == "TLSv1":
            out.append("ssl_ciphers ALL:@SECLEVEL=0;")
        return out

    def locations(self, site):
        for path, route in site.routes.items():
            headers = " ".join(f"add_header {k} {quote(v)} always;" for k, v in route.headers)
            if route.location:
                answer = f"return {route.status} {self.world.fill(route.location, '$host')};"
            elif route.text:
                answer = f"default_type text/html; return {route.status} {quote(route.text)};"
            else:
                answer = f"return {route.status};"
            yield f"location = {path} {{ {headers} {answer} }}"
        if not site.page:
            return
        content = f"types {{ }} default_type {quote(site.page.content_type)};"
        if site.encoding in ("deflate", "br"):
            content += f" add_header Content-Encoding {site.encoding}; try_files /index.enc =404;"
        elif site.encoding == "gzip":
            content += " gzip on; gzip_min_length 1; gzip_types *; try_files /index.html =404;"
        else:
            content += " try_files /index.html =404;"
        for path in ("/", "/index.html"):
            if path not in site.routes:
                yield f"location = {path} {{ {content} }}"
