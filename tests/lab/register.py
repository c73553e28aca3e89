"""The lab's register and controls in the four CSV files that mooring reads."""
import csv

LISTED_AT = "https://example.org/lab/directory/{0}"
# Two names of one entity each, and one name that two entities use.
SAME_ENTITY = (("heron-quay-news.example", "heron-quay.test"), ("tide-gate-friends.example", "lantern-harbour-society.test"),
               ("lapsed-lantern.test", "northern-lantern.labnet"))
ALSO_NAMED_BY = (("red-bridge-club.test", "moon-gate-choir.test"),)
NO_DOMAIN = ("lab-en-000", "reported_center", "Pebble Street Service Center (lab)", "", "CA", "Lantern Bay")
OPERATED_FROM = {"lab-en-000": "Reed City", "heron-quay.test": "Reed City", "mangrove-court.test": "Tidewater Prefecture"}
VERIFIED = ("both", "page_names_entity", "directory_names_domain", "unverified")
CENTER_CLAIMS = {
    "heron-quay.test": (("reported", "B"), ("denied", "A"), ("under_investigation", "A"), ("closure_ordered", "A")),
    "mangrove-court.test": (("reported", "B"), ("disputed", "C"), ("investigated_no_offence", "A")),
    "lab-en-000": (("reported", "C"), ("reported_closed", "B"), ("retracted", "B")),
}


def write_csv(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split())
        writer.writerows(rows)


def adopt(world):
    """Let some domains belong to the entity of another one."""
    by_domain = {s.domain: s for s in world.sites}
    for domain, owner in SAME_ENTITY:
        by_domain[domain].entity = by_domain[owner].entity
        by_domain[domain].role = "linked" if by_domain[domain].role == "official" else by_domain[domain].role


def entities(sites):
    named = {s.entity[0]: (s.entity, s.domain) for s in reversed(sites)}
    rows = [NO_DOMAIN + (OPERATED_FROM["lab-en-000"], "")]
    for entity_id in sorted(named):
        entity, domain = named[entity_id]
        rows.append(entity + (OPERATED_FROM.get(domain, ""), ""))
    return rows


def domains(sites):
    rows = []
    for n, site in enumerate(sites):
        dates = ("2015-01-01", "2024-06-30") if site.role == "historical" else ("", "")
        rows.append((site.input, site.entity[0], site.role, LISTED_AT.format(site.entity[0]), f"2026-0{1 + n % 9}-15",
                     VERIFIED[n % 4], *dates))
    entity_of = {s.domain: s.entity[0] for s in sites}
    for domain, other in ALSO_NAMED_BY:
        rows.append((domain, entity_of[other], "linked", LISTED_AT.format(entity_of[other]), "2026-05-02", "unverified", "", ""))
    return rows


def claims(sites):
    centers = {s.entity[0]: CENTER_CLAIMS[s.domain] for s in sites if s.domain in CENTER_CLAIMS}
    centers[NO_DOMAIN[0]] = CENTER_CLAIMS[NO_DOMAIN[0]]
    rows = []
    for entity_id in sorted({s.entity[0] for s in sites} | set(centers)):
        for n, (status, certainty) in enumerate(centers.get(entity_id, (("listed", "C"),))):
            url = f"https://example.org/lab/source/{entity_id}/{n}"
            rows.append((f"lab-cl-{len(rows) + 1:03d}", entity_id, "LAB-1" if entity_id in centers else "", f"2025-{n + 1:02d}-10",
                         url, f"Lab source {n} on {entity_id}", "2026-10-01", "An invented sentence, for the lab only.",
                         status, f"2025-{n + 1:02d}-20", url, certainty))
    return rows


def write(directory, world):
    directory.mkdir(parents=True, exist_ok=True)
    register = [s for s in world.sites if s.stratum == "register"]
    write_csv(directory / "entities.csv", "entity_id kind name name_local country locality operated_from parent_id",
              entities(register))
    write_csv(directory / "domains.csv", "domain entity_id role listed_at_url listed_on verified valid_from valid_to",
              domains(register))
    write_csv(directory / "claims.csv", "claim_id entity_id report first_reported source_url source_title accessed_on quote "
              "status status_date status_source_url certainty", claims(register))
    write_csv(directory / "controls.csv", "domain stratum source",
              [(s.input, s.stratum, "https://example.org/lab/controls") for s in world.sites if s.stratum != "register"])
