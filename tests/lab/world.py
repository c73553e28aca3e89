"""Puts the world together: operators, confounders, cases, and plain controls."""
import cases
import networks as net
import operators
import register
from builder import Builder
from model import World

FIRST = ("copper", "willow", "granite", "linen", "saffron", "timber", "violet", "cobalt", "barley", "ivory")
SECOND_GENERAL = ("bakery", "garage", "dental", "cycles")
SECOND_MATCHED = ("lion-dance", "calligraphy", "noodle-house", "qipao-studio")
TLDS = ("test", "example", "labnet")


def plain_controls(builder):
    """Ordinary businesses, and matched neighbours: same suffixes, languages and hosters, not in the register."""
    for stratum, words, every in (("general", SECOND_GENERAL, 9), ("matched", SECOND_MATCHED, 2)):
        for n, first in enumerate(FIRST * 2):
            chinese = n % every == 0
            builder.site(f"{first}-{words[n % len(words)]}-{n:02d}.{TLDS[n % 3]}", stratum=stratum,
                         lang="zh-CN" if chinese else "en", http="same" if n % 4 == 1 else "redirect",
                         ids={"google_analytics_ua": str(51000000 + 7919 * n)} if n % 5 == 2 else {})


def build(http_port, https_port, ipv6):
    world = World(http_port, https_port, ipv6, networks=net.NETWORKS)
    builder = Builder(world)
    operators.planted(builder)
    operators.confounders(builder)
    cases.cases(builder)
    plain_controls(builder)
    register.adopt(world)
    return world
