#!/usr/bin/env -S python3 -B
"""What the lab's domains share, compared with the `shared` part of truth.json."""
import collections
import csv
import re

from labtest import LabTest, json_lines, main, mooring, read_csv, stored_name

# Indicators that truth.json says everything about: nothing beside its values may be shared.
MODELLED = {"address", "prefix", "asn", "ns_set", "mx", "certificate", "spki", "favicon", "body", "google_site_verification",
            "ms_verification", "baidu_tongji", "cnzz", "la51", "google_analytics_ua", "google_tag", "icp", "public_security",
            "title"}
# The hosts that a page loads from are a column of its record.
NO_INDICATORS = {"resource_host"}


def in_table(entity):
    """What limits a listing stands behind the kind and the status of the newest claim."""
    limits = [entity["role"]] if entity["role"] != "official" else []
    limits += [f"until {entity['valid_to']}"] if entity["valid_to"] else []
    limits += ["unverified"] if entity["verified"] == "unverified" else []
    return f"{entity['name']} [{entity['kind']}, {entity['claim_status'] or 'no claim'}{'; ' * bool(limits)}{', '.join(limits)}]"


class TestOverlaps(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scan = cls.lab.scan("-d", "scan.db")
        cls.jsonl = cls.overlaps("-f", "jsonl", "-n", "0")
        lines = json_lines(cls.jsonl.out) if cls.jsonl.code == 0 else []
        cls.summary = next((line for line in lines if line["record_type"] == "overlap_summary"), None)
        cls.found = {(line["indicator"], line["value"]): line for line in lines if line["record_type"] == "overlap_value"}
        cls.lines = lines
        cls.truth = {(s["indicator"], as_listed(s["indicator"], s["value"])): s for s in cls.lab.truth["shared"]}

    @classmethod
    def overlaps(cls, *options):
        return mooring("overlaps", "-d", "scan.db", *options, cwd=cls.work)

    def setUp(self):
        self.run_ok(self.scan)
        self.run_ok(self.jsonl)

    # ---- the values ----

    def test_every_planted_value_is_listed(self):
        self.check_all(self.value_faults())

    def value_faults(self):
        for key, truth in self.truth.items():
            if key[0] in NO_INDICATORS:
                continue
            where = f"{key[0]} {key[1]}"
            line = self.found.get(key)
            expected = set(map(stored_name, truth["domains"]))
            if line is None:
                yield f"{where}: not listed, shared by {sorted(expected)}"
                continue
            domains = {d["domain"] for d in line["domains"]}
            if domains != expected:
                yield f"{where}: missing {sorted(expected - domains)}, too many {sorted(domains - expected)}"
            if line["register_count"] != len(domains):
                yield f"{where}: register_count {line['register_count']}, {len(domains)} domains"
            for stratum in ("general", "matched"):
                count = len(truth[stratum])
                if line[f"{stratum}_count"] != count:
                    yield f"{where}: {stratum}_count {line[f'{stratum}_count']}, truth {count}"

    def test_nothing_else_is_listed(self):
        strange = [f"{indicator} {value}: {[d['domain'] for d in line['domains']]}"
                   for (indicator, value), line in self.found.items()
                   if indicator in MODELLED and (indicator, value) not in self.truth]
        self.check_all(strange)

    def test_rarest_first_and_each_once(self):
        values = [line for line in self.lines if line["record_type"] == "overlap_value"]
        self.assertEqual(len(values), len(self.found))
        self.assertEqual([v["frequency"] for v in values], sorted(v["frequency"] for v in values))

    def test_frequency_is_the_larger_control_share(self):
        self.check_all(
            f"{key}: {line['frequency']}" for key, line in self.found.items()
            if abs(line["frequency"] - max((line[f"{s}_count"] + 0.5) / (line[f"{s}_n"] + 1) for s in ("general", "matched"))) > 1e-5)

    # ---- what stands beside a domain ----

    def test_entities_stand_beside_their_domains(self):
        with open(self.lab.register / "entities.csv", newline="", encoding="utf-8") as file:
            entities = {row["entity_id"]: row for row in csv.DictReader(file)}
        with open(self.lab.register / "claims.csv", newline="", encoding="utf-8") as file:
            claims = collections.defaultdict(list)
            for number, row in enumerate(csv.DictReader(file)):
                claims[row["entity_id"]].append((row["status_date"] or row["first_reported"], number, row["status"]))
        with open(self.lab.register / "domains.csv", newline="", encoding="utf-8") as file:
            listed = collections.defaultdict(set)
            for row in csv.DictReader(file):
                entity = entities[row["entity_id"]]
                status = max(claims[row["entity_id"]])[2] if claims[row["entity_id"]] else None
                name = next((n for n, f in self.lab.truth["domains"].items() if row["domain"] in (n, f["input"])), row["domain"])
                listed[stored_name(name)].add((entity["entity_id"], entity["kind"], entity["name"], row["role"], status))
        self.check_all(self.entity_faults(listed))

    def entity_faults(self, listed):
        for key, line in self.found.items():
            for domain in line["domains"]:
                found = {(e["entity_id"], e["kind"], e["name"], e["role"], e["claim_status"]) for e in domain["entities"]}
                if found != listed[domain["domain"]]:
                    yield f"{key} {domain['domain']}: {sorted(found)}, truth {sorted(listed[domain['domain']])}"

    def test_controls_are_never_named(self):
        controls = {stored_name(n) for n, facts in self.lab.truth["domains"].items() if facts["stratum"] != "register"}
        self.assertEqual({d["domain"] for line in self.found.values() for d in line["domains"]} & controls, set())

    def test_summary_counts_entities_without_domain(self):
        with open(self.lab.register / "entities.csv", newline="", encoding="utf-8") as file:
            kinds = {row["entity_id"]: row["kind"] for row in csv.DictReader(file)}
        with open(self.lab.register / "domains.csv", newline="", encoding="utf-8") as file:
            with_domain = {row["entity_id"] for row in csv.DictReader(file)}
        centers = {entity for entity, kind in kinds.items() if kind == "reported_center"}
        strata = collections.Counter(facts["stratum"] for facts in self.lab.truth["domains"].values())
        self.assertEqual(self.lines[0], self.summary)
        self.assertEqual(
            [self.summary[key] for key in ("entities", "reported_centers", "reported_centers_without_domain")],
            [len(kinds), len(centers), len(centers - with_domain)])
        self.assertTrue(centers - with_domain)
        self.assertEqual({s: self.summary[f"{s}_domains"] for s in strata}, dict(strata))

    # ---- formats and options ----

    def test_csv_says_the_same(self):
        rows = read_csv(self.run_ok(self.overlaps("-f", "csv", "-n", "0")).out)
        found = collections.defaultdict(set)
        for row in rows:
            found[row["indicator"], unescape(row["value"]), int(row["register_count"]), int(row["general_count"])].add(
                (row["domain"], row["entity_id"], row["kind"], row["claim_status"]))
        expected = {
            (line["indicator"], line["value"], line["register_count"], line["general_count"]):
            {(d["domain"], e["entity_id"], e["kind"], e["claim_status"] or "") for d in line["domains"] for e in d["entities"]}
            for line in self.found.values()}
        self.assertEqual(dict(found), expected)

    def test_table_says_the_same(self):
        text = self.run_ok(self.overlaps("-n", "0")).out
        self.check_all(self.table_faults(text.split("\n\n")))

    def table_faults(self, groups):
        """Values that the same domains share stand together; of many domains or certificate names some are counted only."""
        for (indicator, value), line in self.found.items():
            if indicator == "san":
                continue
            counts = ", ".join(f"{line[f'{s}_count']} of {line[f'{s}_n']} {s}" for s in ("register", "general", "matched"))
            group = [part for part in groups if f"{indicator} {value}  ({counts})\n" in part + "\n"]
            if len(group) != 1:
                yield f"{indicator} {value} ({counts}): {len(group)} times in the table"
                continue
            for domain in line["domains"][:12]:
                names = "; ".join(map(in_table, domain["entities"]))
                if not re.search(rf"(?m)^ +{re.escape(domain['domain'])}( \([^)]*\))?  {re.escape(names)}$", group[0]):
                    yield f"{indicator} {value}: no line of {domain['domain']} with {names}"
            if len(line["domains"]) > 12 and f"and {len(line['domains']) - 12} domain" not in group[0]:
                yield f"{indicator} {value}: {len(line['domains'])} domains, and no word of those not shown"

    def test_limit_type_and_with(self):
        few = json_lines(self.run_ok(self.overlaps("--json", "-n", "3")).out)
        self.assertEqual(few[1:], self.lines[1:4])
        icp = json_lines(self.run_ok(self.overlaps("--json", "-n", "0", "-t", "icp")).out)[1:]
        self.assertEqual(icp, [line for key, line in self.found.items() if key[0] == "icp"])
        self.assertTrue(icp)
        name = icp[0]["domains"][0]["domain"]
        shared = json_lines(self.run_ok(self.overlaps("--json", "-n", "0", "--with", name)).out)[1:]
        self.assertEqual({(s["indicator"], s["value"]) for s in shared},
                         {key for key, line in self.found.items() if name in [d["domain"] for d in line["domains"]]})

    def test_without_controls_no_base_rate_is_claimed(self):
        names = [n for n, f in self.lab.truth["domains"].items() if f["group"] == "op1" and f["stratum"] == "register"]
        (self.work / "plain.txt").write_text("\n".join(names) + "\n")
        self.run_ok(self.lab.scan("-d", "plain.db", register="plain.txt"))
        text = self.run_ok(mooring("overlaps", "-d", "plain.db", cwd=self.work)).out
        self.assertIn("No base rate", text.splitlines()[0])
        self.assertIn("baidu_tongji", text)


def as_listed(indicator, value):
    return f"AS{value}" if indicator == "asn" else value


def unescape(cell):
    """A CSV cell that a spreadsheet would take for a formula carries an apostrophe."""
    return cell.removeprefix("'")


if __name__ == "__main__":
    main()
