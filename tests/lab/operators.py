"""Five planted operators, and innocent reasons for which unrelated domains share things."""
import networks as net
import pages
from model import Cert

ICON_OP1 = pages.icon("op1")
ICON_HOSTER = pages.icon("commons hosting default")
AGENCY_TAG = "GTM-KX7PLAB"


def planted(b):
    tongji_and_analytics(b)
    one_key_many_addresses(b)
    one_private_address(b)
    filing_and_mail(b)
    copies(b)


def tongji_and_analytics(b):
    """op1: Baidu Tongji id, Google Analytics account, favicon; four different hosters."""
    ids = {"baidu_tongji": "5f0c4d1e9a7b32c68de1f0a4b7c9d215", "google_analytics_ua": "48271653"}
    for domain, on, kw in (
            ("lantern-harbour.com.cn", net.PEARL, dict(lang="zh-CN", local="灯港海外联谊会")),
            ("lantern-harbour-society.test", net.HARBOUR_1, {}),
            ("tide-gate-friends.example", net.POLDER, dict(http="same")),
            ("northern-lantern.labnet", net.ESTUARY, dict(favicon_path="/assets/icon.ico"))):
        b.site(domain, on=on, ids=dict(ids), favicon=ICON_OP1, group="op1", **kw)


def one_key_many_addresses(b):
    """op2: one key on four addresses (three times in one certificate) and private name servers."""
    domains = ("mangrove-court.test", "mangrove-link.example", "saltmarsh-centre.labnet", "cormorant-bridge.test")
    shared = Cert("op2-shared", [h for d in domains for h in (d, "www." + d)])
    own = Cert("cormorant-bridge.test", ["cormorant-bridge.test", "www.cormorant-bridge.test"], key="@op2-shared")
    for domain, on in zip(domains, (net.HARBOUR_2, net.WEST_LAKE, net.TAUNUS, net.SOUTHERN)):
        b.site(domain, on=on, cert=own if domain.startswith("cormorant") else shared, group="op2",
               ns=("ns1.saltmarsh-names.test", "ns2.saltmarsh-names.test"), rname="hostmaster." + domain,
               entity=b.entity("Mangrove Court Service Center", kind="reported_center")
               if domain == domains[0] else None)


def one_private_address(b):
    """op3: one address that nobody else uses, a verification token, and the SOA mailbox."""
    address = b.world.address(net.PRAIRIE)
    token = "google-site-verification=Qm4vT0lanternLAB7xYw2ZkPp9dR3sUeHfGjNbVcXaE"
    for domain, kw in (
            ("heron-quay.test", {}),
            ("heron-quay-news.example", dict(http="same")),
            ("quay-affairs.gov.cn", dict(lang="zh-CN", local="码头事务服务中心")),
            ("kowhai-hall.org.nz", {})):
        b.site(domain, address=address, rname="it-desk.heron-office.example", txt=[token], group="op3",
               ns=(f"ns1.{domain}", f"ns2.{domain}"),
               entity=b.entity("Heron Quay Service Center", kind="reported_center")
               if domain == "heron-quay.test" else None, **kw)


def filing_and_mail(b):
    """op4: one ICP subject (site numbers differ), one mail host, one Matomo host; public security number."""
    for n, (domain, on, lang, local) in enumerate((
            ("merlion-gate.sg", net.ESTUARY, "zh-CN", "狮门联谊总会"),
            ("banyan-root.com.cn", net.PEARL, "zh-CN", "榕根同乡会"),
            ("banyan-youth.test", net.WEST_LAKE, "zh-CN", "榕根青年会"),
            ("fujin-harbour.example", net.TAUNUS, "zh-CN", "福津商会"),
            ("fujin-voice.labnet", net.HARBOUR_1, "en", None)), 1):
        ids = {"icp": "闽ICP备13095246", "resource_host": "reedgate-metrics.labnet"}
        if n in (2, 3):
            ids["public_security"] = "35010002000123"
        site = b.site(domain, on=on, lang=lang, local=local, ids=ids, mx=("mail.reedgate-post.test",), group="op4",
                      http="same" if n % 2 else "redirect")
        site.page.site_number = n


def copies(b):
    """op5: the same page word for word, with the same two Chinese counters."""
    ids = {"la51": "21547788", "cnzz": "1279453321"}
    for domain, on in (("willow-ferry.test", net.SOUTHERN), ("willow-ferry.example", net.PEARL),
                       ("ferry-landing.labnet", net.POLDER)):
        page = pages.Page("柳渡互助会", "op5", "zh-CN", ids=dict(ids))
        b.site(domain, "Willow Ferry Mutual Aid", on=on, page=page, local="柳渡互助会", group="op5")


def confounders(b):
    edge(b)
    shared_hosting(b)
    agency(b)
    parking(b)
    site_builder(b)


def edge(b):
    """Unrelated domains behind one CDN: two of three addresses, one certificate for all, provider NS."""
    names = (("plum-blossom-hall.test", "register"), ("signal-hill-club.example", "register"),
             ("blue-kite-radio.labnet", "register"), ("seven-bridges.test", "register"),
             ("osmanthus-society.com.cn", "register"), ("copper-kettle-cafe.test", "general"),
             ("granite-gym.example", "general"), ("violet-bicycles.labnet", "general"),
             ("pine-ridge-chorus.test", "matched"), ("amber-tea-house.example", "matched"))
    addresses = [b.world.address(net.EDGE) for _ in range(3)]
    cert = Cert("edge-shared", [h for d, _ in names for h in (d, "www." + d)])
    for n, (domain, stratum) in enumerate(names):
        tenant = domain.replace(".", "-") + ".edge-shield.labnet"
        pair = [addresses[n % 3], addresses[(n + 1) % 3]]
        b.world.aliases[tenant] = pair
        b.site(domain, stratum=stratum, addresses=list(pair), server="haproxy", cert=cert, http="same", group="edge",
               ns=net.EDGE_NS, www_cname=tenant, alpn=("h2", "http/1.1"),
               lang="zh-CN" if domain.endswith("cn") else "en")


def shared_hosting(b):
    """Twenty customers on one address, half of them with the hoster's default icon."""
    address = b.world.address(net.SHARED)
    register = ("red-bridge-club.test", "jasmine-garden.example", "old-pier-society.labnet", "three-rivers-hall.test",
                "cedar-court.example", "eastern-tide.labnet", "moon-gate-choir.test", "ink-stone-academy.example")
    general = ("brass-lamp-repair.test", "fern-valley-dental.example", "quick-fox-courier.labnet",
               "river-stone-bakery.test", "tall-ship-models.example", "winter-coat-shop.labnet")
    matched = ("dragon-well-tea.test", "five-petal-dance.example", "jade-river-school.labnet",
               "lotus-pond-theatre.test", "silk-fan-museum.example", "paper-crane-club.labnet")
    for stratum, names in (("register", register), ("general", general), ("matched", matched)):
        for n, domain in enumerate(names):
            b.site(domain, stratum=stratum, address=address, group="shared_hosting", ns=net.BLUEPOND,
                   favicon=ICON_HOSTER if n % 2 else None, http="same" if n % 3 else "redirect")


def agency(b):
    """One web agency's tag container on the pages of unrelated customers."""
    for domain, stratum in (("maple-hall-assembly.test", "register"), ("crane-island-news.example", "register"),
                            ("silver-oar-regatta.labnet", "register"), ("stone-mill-hotel.test", "general"),
                            ("green-awning-grocer.example", "general"), ("bamboo-flute-trio.test", "matched"),
                            ("red-envelope-bistro.example", "matched"), ("autumn-moon-travel.labnet", "matched")):
        b.site(domain, stratum=stratum, ids={"google_tag": AGENCY_TAG}, group="agency")


def parking(b):
    """Six names parked at one provider: same name servers, address and page."""
    address = b.world.address(net.PARKING)
    for domain, stratum in (("former-pier-club.test", "register"), ("closed-gate-centre.example", "register"),
                            ("past-harbour-post.labnet", "register"), ("lapsed-lantern.test", "register"),
                            ("empty-lot-garage.example", "general"), ("quiet-corner-salon.labnet", "matched")):
        b.site(domain, stratum=stratum, address=address, page=pages.parked(), page_state="parked", group="parking",
               ns=net.PARKING_NS, http="same", role="historical", wildcard=True,
               cert=Cert("parking-shared", ["slipway-parking.labnet", "www.slipway-parking.labnet"]))


def site_builder(b):
    """Two register names whose www points to the same host of a site builder."""
    target = "sites.pagecraft.test"
    address = b.world.address(net.HARBOUR_2)
    b.world.aliases[target] = [address]
    for domain in ("www.maple-wharf.test", "www.kelp-bay.example"):
        b.site(domain, addresses=[address], cname=(target,), group="site_builder", canonical=domain)
