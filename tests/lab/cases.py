"""One site for each thing that a server, a certificate, a page or the DNS may do."""
import networks as net
import pages
from model import Cert, Route

ROBOTS_OPEN = "User-agent: *\nDisallow:\n"
ROBOTS_CLOSED = "User-agent: *\nDisallow: /\n"
ROBOTS_NAMED = "User-agent: *\nDisallow:\n\nUser-agent: mooring\nDisallow: /\n"


def cases(b):
    dns(b)
    charsets(b)
    encodings(b)
    redirects(b)
    robots(b)
    states(b)
    certificates(b)
    tls_versions(b)
    odd_servers(b)


def dns(b):
    b.site("driftwood-pier.test", dns_case="NXDOMAIN", page_state="resolve_nx", role="historical")
    b.site("sunken-buoy.example", dns_case="NXDOMAIN", page_state="resolve_nx", stratum="general")
    b.site("hollow-reed.test", dns_case="NODATA", page_state=None, mx=("mail.hollow-reed.test",))
    b.site("broken-anchor.test", dns_case="SERVFAIL", page_state="resolve_nx")
    b.site("shut-gate.example", dns_case="REFUSED", page_state=None)
    b.site("silent-bell.labnet", dns_case="TIMEOUT", page_state=None)
    b.site("star-compass.test", wildcard=True, on=net.ESTUARY)
    idn = "芦湾同乡会.test"
    b.site(idn.encode("idna").decode(), "Reed Bay Fellow Townsmen", local="芦湾同乡会", unicode=idn, lang="zh-CN",
           on=net.PEARL)
    ferry = b.world.address(net.HARBOUR_1)
    b.world.aliases.update({"ferry-stairs.hop1.edge-shield.labnet": "ferry-stairs.hop2.reedbank.example",
                            "ferry-stairs.hop2.reedbank.example": "ferry-stairs.hop3.edge-shield.labnet",
                            "ferry-stairs.hop3.edge-shield.labnet": [ferry]})
    b.site("www.ferry-stairs.test", addresses=[ferry], canonical="www.ferry-stairs.test",
           cname=tuple(f"ferry-stairs.hop{n}.{z}" for n, z in (
               (1, "edge-shield.labnet"), (2, "reedbank.example"), (3, "edge-shield.labnet"))))
    b.site("long-scroll.example", txt=["MS=ms47110815", "facebook-domain-verification=lab0c7q4t2m9xkw1z8",
                                       "baidu_site_verification=codeva-LabTok3nA1",
                                       *(f"note-{n:02d}=" + f"{n % 10}" * 240 for n in range(20))])
    b.site("two-moorings.labnet", addresses=[b.world.address(net.HARBOUR_1), b.world.address(net.ESTUARY)],
           txt=["MS=ms20993377"], caa=['0 issue "lab-ca.example"', '0 iodef "mailto:security@two-moorings.labnet"'],
           https_rr="1 . alpn=\"h2,http/1.1\"", alpn=("h2", "http/1.1"), favicon=pages.icon("two moorings"),
           favicon_path="/static/two.ico")
    if b.world.ipv6:
        b.site("six-only.test", addresses=["::1"], server="nginx")
        b.site("dual-stack.example", addresses=[b.world.address(net.HARBOUR_1), "::1"], server="nginx")


def charsets(b):
    for domain, local, kw in (
            ("gold-carp.com.cn", "金鲤文化协会", dict(charset="gbk", declared="header", on=net.HARBOUR_1)),
            ("stone-lion.test", "石狮\u3400会馆", dict(charset="gb18030", declared="meta", on=net.PEARL)),
            ("rain-pavilion.example", "雨亭联谊会", dict(charset="gbk", declared="none", on=net.POLDER)),
            ("jade-bell.labnet", "玉鐘同鄉會", dict(charset="big5", declared="none", lang="zh-TW", on=net.ESTUARY)),
            ("tea-mountain.test", "茶山同鄉會", dict(charset="big5", declared="meta", lang="zh-TW", on=net.TAUNUS)),
            ("white-sail.example", "白帆海外服务中心", dict(declared="bom", on=net.WEST_LAKE))):
        kw.setdefault("lang", "zh-CN")
        b.site(domain, domain.split(".")[0].replace("-", " ").title(), local=local, http="same", **kw)


def encodings(b):
    for domain, encoding, stratum in (("tight-rope.test", "gzip", "register"), ("flat-stone.example", "deflate", "general"),
                                      ("bread-oven.labnet", "br", "register")):
        b.site(domain, encoding=encoding, on=net.HARBOUR_2, http="same", stratum=stratum)


def redirects(b):
    nginx, apache = net.HARBOUR_2, net.PEARL
    b.site("front-door.test", on=apache, routes={"/": Route(302, "https://{host}:{https}/index.html")})
    b.site("elder-willow.example", on=nginx, canonical="www.elder-willow.example")
    b.site("www.old-signpost.test", on=nginx, canonical="old-signpost.test", role="linked")
    b.site("moved-away.labnet", on=nginx, routes={"/": Route(301, "https://elder-willow.example:{https}/")},
           page_state="redirect_offsite")
    b.site("round-about.test", on=nginx, page_state="error", stratum="general", routes={
        "/": Route(302, "https://{host}:{https}/left"), "/left": Route(302, "https://{host}:{https}/right"),
        "/right": Route(302, "https://{host}:{https}/left")})
    b.site("stepping-stones.example", on=nginx, canonical="www.stepping-stones.example", routes={
        "/": Route(307, "https://{host}:{https}/start"), "/start": Route(308, "https://{host}:{https}/index.html")})


def robots(b):
    b.site("open-gate.test", on=net.HARBOUR_1, robots=ROBOTS_OPEN, http="same")
    b.site("closed-book.example", on=net.HARBOUR_1, robots=ROBOTS_CLOSED, http="same")
    b.site("no-moorings.labnet", on=net.PEARL, robots=ROBOTS_NAMED, http="same")


def states(b):
    nginx = net.HARBOUR_1
    b.site("locked-hall.test", on=nginx, routes={"/": Route(403)}, page_state="error")
    b.site("lost-path.example", on=net.PEARL, routes={"/": Route(404)}, page_state="error")
    b.site("cracked-hull.labnet", on=net.WEST_LAKE, routes={"/": Route(500)}, page_state="error")
    b.site("for-sale-pier.test", on=net.PARKING, page=pages.for_sale("for-sale-pier.test"), page_state="for_sale",
           role="historical")
    b.site("fresh-install.example", on=nginx, page=pages.nginx_default(), page_state="default_page", http="same")
    b.site("fresh-server.test", on=net.ESTUARY, page=pages.nginx_default(), page_state="default_page", stratum="general")
    b.site("lucky-carp.labnet", on=net.SOUTHERN, page=pages.gambling(), page_state="hijacked_gambling", role="historical")
    b.site("unfiled-lantern.com.cn", on=net.HARBOUR_2, http="same", page_state="icp_interception", routes={
        "/": Route(302, "http://dnspod.qcloud.com/static/webblock.html?d={host}")})
    b.site("waf-lock.com.cn", on=net.HARBOUR_2, http="same", page_state="waf_challenge", routes={"/": Route(
        521, text="<script>document.cookie='__jsl_clearance_s=lab';location.reload()</script>",
        headers=(("Set-Cookie", "__jsluid_s=0123456789abcdef0123456789abcdef; max-age=31536000; path=/; HttpOnly"),))})
    big = b.site("heavy-barge.test", on=nginx, stratum="matched")
    big.page.size = 3_000_000
    b.site("empty-hold.example", on=nginx, page=pages.Page("", "", raw=b""), page_state=None, title="")
    b.site("plain-harbour.labnet", on=nginx, http="same", https=False)


def certificates(b):
    for domain, stratum, kw in (
            ("late-ledger.test", "register", dict(validity="expired")),
            ("early-bird.example", "matched", dict(validity="future")),
            ("own-seal.labnet", "register", dict(issuer="self")),
            ("strange-seal.test", "register", dict(issuer="untrusted")),
            ("missing-link.example", "general", dict(send_chain=False)),
            ("late-stranger.labnet", "general", dict(issuer="untrusted", validity="expired"))):
        b.site(domain, stratum=stratum, on=net.HARBOUR_1, cert=Cert(domain, [domain, "www." + domain], **kw))
    b.site("other-name.labnet", on=net.HARBOUR_1, cert=Cert("other-name.labnet", ["somebody-else.test"]))
    b.site("rsa-vault.test", on=net.PEARL, cert=Cert("rsa-vault.test", ["rsa-vault.test", "www.rsa-vault.test"], key="rsa"))


def tls_versions(b):
    for domain, version, stratum in (("old-clock.test", "TLSv1.2", "general"), ("new-clock.example", "TLSv1.3", "matched"),
                                     ("ancient-clock.labnet", "TLSv1", "register")):
        b.site(domain, tls=version, stratum=stratum, on=net.ESTUARY)
    b.site("double-h.test", alpn=("h2", "http/1.1"), on=net.HARBOUR_2)
    # Speaks HTTP/2 only: an HTTP/1.1 client is turned away.
    b.site("second-only.example", alpn=("h2",), on=net.EDGE, http="none", server="haproxy")


def odd_servers(b):
    both = ("http", "https")
    b.site("bare-rock.test", on=net.ODD, odd=dict.fromkeys(both, "refuse"), page_state="error")
    b.site("mute-swan.example", on=net.ODD, odd=dict.fromkeys(both, "silent"), page_state="syn_only")
    b.site("half-mute.labnet", on=net.HARBOUR_1, http="same", odd={"https": "silent"})
    b.site("black-hole.test", on=net.ODD, odd=dict.fromkeys(both, "blackhole"), page_state="error")
    b.site("slammed-door.example", on=net.ODD, odd=dict.fromkeys(both, "reset"), page_state="error")
    b.site("wrong-tongue.labnet", on=net.ODD, odd=dict.fromkeys(both, "banner"), page_state="error", stratum="general")
    b.site("tangled-line.test", on=net.ODD, odd={"http": "refuse", "https": "garbage"}, page_state="error")
    b.site("loose-knot.example", on=net.ODD, odd=dict.fromkeys(both, "bare_lf"), http="same", stratum="matched")
    b.site("slow-barge.labnet", on=net.ODD, odd=dict.fromkeys(both, "slow"), http="same")
