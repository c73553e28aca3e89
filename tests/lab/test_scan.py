#!/usr/bin/env -S python3 -B
"""A scan of the lab's whole register and controls, compared with truth.json in full."""
import collections
import csv
import re
import unittest
from urllib.parse import urlsplit

from labtest import LabTest, json_lines, main, mooring, query, read_csv, records, stored_name

ENVELOPE = ("schema_version", "record_type", "record_version", "run_id", "vantage", "domain", "input", "attempt",
            "timestamp", "duration", "status", "phase", "error")
RECORD_TYPES = {"dns", "tcp", "tls", "cert", "http", "page", "geo", "domain"}


class TestScan(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.db, cls.jsonl = cls.work / "scan.db", cls.work / "scan.jsonl"
        cls.first = cls.lab.scan("-d", "scan.db", "-o", "scan.jsonl")
        cls.requests = cls.lab.requests()
        cls.lines = json_lines(cls.jsonl.read_text()) if cls.jsonl.exists() else []
        cls.truth = cls.lab.truth["domains"]

    def setUp(self):
        self.run_ok(self.first)

    def by_key(self, record_type, *keys):
        """Records of a type by the values of some columns; several with one key is a fault of its own."""
        found = collections.defaultdict(list)
        for row in records(self.db, record_type):
            found[tuple(row[key] for key in keys)].append(row)
        return found

    # ---- outcomes ----

    def test_every_domain_has_one_outcome_and_it_is_true(self):
        rows = collections.defaultdict(list)
        for row in query(self.db, "SELECT domain, run_domain.* FROM run_domain JOIN domain USING (domain_id)"):
            rows[row["domain"]].append(row)
        self.check_all(self.outcome_faults(rows))

    def outcome_faults(self, rows):
        for name in rows.keys() - self.lab.names().keys():
            yield f"{name}: not in the register"
        for name, facts in self.lab.names().items():
            found, expected = rows.get(name, []), facts["outcome"]
            if len(found) != 1:
                yield f"{name}: {len(found)} outcomes"
            elif found[0]["outcome"] != expected:
                yield f"{name}: {found[0]['outcome']}, truth {expected}"
            if found and found[0]["stratum"] != facts["stratum"]:
                yield f"{name}: stratum {found[0]['stratum']}, truth {facts['stratum']}"

    def test_final_records_say_what_stands_for_the_domain(self):
        self.check_all(self.final_faults())

    def final_faults(self):
        found = self.by_key("domain", "domain")
        for name, facts in self.lab.names().items():
            rows = found.get((name,), [])
            if len(rows) != 1:
                yield f"{name}: {len(rows)} domain records"
                continue
            row = rows[0]
            wildcard = any(q["name"].startswith("any-label.") for q in facts["dns"])
            if bool(row["wildcard"]) != wildcard:
                yield f"{name}: wildcard {row['wildcard']}, truth {wildcard}"
            missing = set(facts["addresses"]) - set(row["addresses"] or [])
            if missing:
                yield f"{name}: addresses {row['addresses']}, missing {missing}"
            if facts["outcome"] != "live":
                continue
            if row["http_status_code"] != facts["http_status_code"]:
                yield f"{name}: {row['http_status_code']}, truth {facts['http_status_code']}"
            # The registrable domain may speak for its www name, and the other way round.
            if strip_www(row["final_url"]) != strip_www(facts["final_url"]):
                yield f"{name}: final_url {row['final_url']}, truth {facts['final_url']}"
            if (row["title"] or None) != (facts["title"] or None):
                yield f"{name}: title {row['title']!r}, truth {facts['title']!r}"

    # ---- DNS ----

    def test_dns(self):
        self.check_all(self.dns_faults())

    def dns_faults(self):
        found = self.by_key("dns", "domain", "query_name", "query_type", "purpose")
        for name, facts in self.lab.names().items():
            for question in facts["dns"]:
                if question["name"].startswith("any-label."):
                    continue
                where = f"{name}: {question['name']} {question['type']}"
                rows = [row for (domain, *asked, _), many in found.items() for row in many
                        if domain == name and asked == [question["name"], question["type"]]]
                if len(rows) != 1:
                    yield f"{where}: {len(rows)} records"
                elif rows[0]["status"] != question["status"]:
                    yield f"{where}: {rows[0]['status']}, truth {question['status']}"
                else:
                    yield from answer_faults(where, rows[0], question)

    # ---- connections ----

    def test_tcp(self):
        self.check_all(self.endpoint_faults("tcp", "name", "tcp"))

    def test_tls(self):
        self.check_all(self.endpoint_faults("tls", "sni", "tls"))

    def test_http(self):
        self.check_all(self.endpoint_faults("http", "host", "http"))

    def endpoint_faults(self, record_type, name_column, key):
        found = self.by_key(record_type, name_column, "address", "port")
        for host, facts in self.truth.items():
            for endpoint in facts["endpoints"]:
                rows = found.get((host, endpoint["address"], endpoint["port"]), [])
                if record_type == "http":
                    # Where robots.txt could not be asked for, nothing else is.
                    rows = [row for row in rows if row["purpose"] == "page"] or rows
                where = f"{host} {endpoint['scheme']} {endpoint['address']} {record_type}"
                yield from self.one_endpoint(where, rows, endpoint, key)

    def one_endpoint(self, where, rows, endpoint, key):
        expected = endpoint.get(key)
        if key == "http" and endpoint["outcome"] == "ROBOTS_DISALLOWED":
            if any(row["status"] != "ROBOTS_DISALLOWED" for row in rows):
                yield f"{where}: {[row['status'] for row in rows]}, though robots.txt forbids it"
            return
        if expected is None:
            if any(row["status"] == "SUCCESS" for row in rows):
                yield f"{where}: recorded, though it cannot be reached"
            return
        # A server that turns HTTP/1.1 away is called upon again, for HTTP/2.
        most = 2 if key == "tls" and endpoint["alpn"] == ["h2"] else 1
        if not 1 <= len({row["fact"] for row in rows}) <= most:
            yield f"{where}: {len(rows)} records {[row['status'] for row in rows]}, truth {expected}"
            return
        row = rows[-1]
        if row["status"] != expected:
            yield f"{where}: {row['status']}, truth {expected}"
        elif expected == "SUCCESS":
            yield from {"tcp": lambda *_: (), "tls": tls_faults, "http": http_faults}[key](where, row, endpoint)

    def test_certificates_are_stored_once(self):
        truth = {digest for facts in self.truth.values() for e in facts["endpoints"] for digest in e.get("chain_sha256", ())}
        stored = [row["fingerprint_sha256"] for row in records(self.db, "cert")]
        self.assertEqual(sorted(stored), sorted(set(stored)), "certificates are stored more than once")
        self.assertEqual(truth - set(stored), set(), "certificates are missing")
        keys = {e["certificate"]: e["spki"] for facts in self.truth.values() for e in facts["endpoints"] if e.get("certificate")}
        self.check_all(f"{row['fingerprint_sha256']}: spki {row['spki_sha256']}" for row in records(self.db, "cert")
                       if keys.get(row["fingerprint_sha256"], row["spki_sha256"]) != row["spki_sha256"])

    # ---- pages ----

    def test_pages(self):
        self.check_all(self.page_faults())

    def page_faults(self):
        pages, https = self.by_key("page", "url"), self.by_key("http", "url")
        for name, facts in self.lab.names("live").items():
            rows = pages.get((facts["final_url"],), [])
            if not rows:
                yield f"{name}: no page record of {facts['final_url']}"
            for row in rows:
                yield from one_page(name, row, facts)
            bodies = [row for row in https.get((facts["final_url"],), []) if row["purpose"] in ("page", "redirect")]
            for row in bodies:
                if row["body_sha256"] != facts["body_sha256"] and not row["body_truncated"]:
                    yield f"{name}: body {row['body_sha256']}, truth {facts['body_sha256']}"
                if row["body_length"] != facts["body_length"] and not row["body_truncated"]:
                    yield f"{name}: body of {row['body_length']} bytes, truth {facts['body_length']}"
                if (row["content_encoding"] or None) != facts["content_encoding"]:
                    yield f"{name}: encoding {row['content_encoding']}, truth {facts['content_encoding']}"
            if not bodies:
                yield f"{name}: no http record of {facts['final_url']}"

    def test_favicons(self):
        icons = collections.defaultdict(set)
        for row in records(self.db, "http"):
            if row["purpose"] == "favicon" and row["status"] == "SUCCESS" and row["http_status_code"] == 200:
                icons[row["domain"]].add(row["body_sha256"])
        self.check_all(
            f"{name}: {sorted(icons[name])}, truth {facts['favicon']}" for name, facts in self.lab.names("live").items()
            if icons[name] != ({facts["favicon"]} if facts["favicon"] else set()))

    def test_identifiers(self):
        self.check_all(self.identifier_faults())

    def identifier_faults(self):
        found = collections.defaultdict(set)
        for row in records(self.db, "page"):
            found[row["domain"]].update((i["indicator"], i["value"]) for i in row["identifiers"] or ())
        for name, facts in self.lab.names("live").items():
            missing = set(facts["ids"].items()) - found[name]
            # Not an identifier of the page but a host that it loads from: it stands in a column of its own.
            missing = {(indicator, value) for indicator, value in missing if indicator != "resource_host"}
            if missing:
                yield f"{name}: {sorted(missing)} not found, but {sorted(found[name])}"

    # ---- manners ----

    def test_robots_are_obeyed(self):
        forbidden = set(self.lab.names("ROBOTS_DISALLOWED"))
        self.assertTrue(forbidden)
        visits = [(host, path) for host, path in self.requests if stored_name(host) in forbidden]
        # Not empty, or the logs would prove nothing.
        self.assertTrue(visits)
        self.assertEqual({path for _, path in visits}, {"/robots.txt"})

    def test_robots_come_first(self):
        first = {}
        for host, path in self.requests:
            first.setdefault(host, path)
        self.check_all(f"{host}: {path} before /robots.txt" for host, path in first.items() if path != "/robots.txt")

    def test_nobody_else_is_contacted(self):
        known = {name for stored in self.lab.names() for name in (stored, "www." + stored)}
        self.assertEqual({host for host, _ in self.requests} - known, set())

    # ---- geolocation ----

    def test_geolocation(self):
        self.check_all(self.geo_faults())

    def geo_faults(self):
        found = collections.defaultdict(dict)
        for row in records(self.db, "geo"):
            found[row["address"]][database_of(row)] = row
        for address, databases in self.lab.truth["geo"].items():
            for database, facts in databases.items():
                row = found.get(address, {}).get(database)
                if row is None:
                    yield f"{address} {database}: not recorded"
                    continue
                for key, value in facts.items():
                    if not same_value(row[key], value):
                        yield f"{address} {database}: {key} {row[key]!r}, truth {value!r}"

    # ---- outputs ----

    def test_json_lines(self):
        self.check_all(self.line_faults())

    def line_faults(self):
        types = collections.defaultdict(set)
        for number, line in enumerate(self.lines, 1):
            missing = [key for key in ENVELOPE if key not in line]
            if missing:
                yield f"line {number} ({line.get('record_type')}): no {missing}"
                continue
            if line["record_type"] not in RECORD_TYPES:
                yield f"line {number}: record_type {line['record_type']}"
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"]):
                yield f"line {number}: timestamp {line['timestamp']}"
            if not (line["duration"] is None or line["duration"] >= 0):
                yield f"line {number}: duration {line['duration']}"
            for key, value in line.items():
                if value is not None:
                    types[line["record_type"], key].add("number" if type(value) in (int, float) else type(value).__name__)
        for (record_type, key), kinds in types.items():
            if len(kinds) > 1:
                yield f"{record_type}.{key}: {sorted(kinds)}"
        outcomes = collections.Counter(line["domain"] for line in self.lines if line["record_type"] == "domain")
        for name in self.lab.names():
            if outcomes[name] != 1:
                yield f"{name}: {outcomes[name]} final lines"

    def test_json_lines_and_store_agree(self):
        lines = collections.Counter(line["record_type"] for line in self.lines)
        rows = collections.Counter(row["record_type"] for row in query(self.db, "SELECT record_type FROM record"))
        # Lines of the same fact are one row: an address that was looked at twice, for instance.
        self.check_all(f"{kind}: {rows[kind]} stored of {lines[kind]} lines" for kind in lines.keys() | rows.keys()
                       if not 0 < rows[kind] <= lines[kind])

    def test_input_is_echoed(self):
        inputs = {line["domain"]: line["input"] for line in self.lines if line["record_type"] == "domain"}
        self.check_all(f"{stored_name(name)}: input {inputs.get(stored_name(name))!r}, truth {facts['input']!r}"
                       for name, facts in self.truth.items() if inputs.get(stored_name(name)) != facts["input"])

    def test_export_jsonl(self):
        done = self.run_ok(mooring("export", "jsonl", "-d", "scan.db", cwd=self.work))
        kinds = collections.Counter(line["record_type"] for line in json_lines(done.out))
        rows = collections.Counter(row["record_type"] for row in query(self.db, "SELECT record_type FROM record"))
        self.assertEqual({k: kinds[k] for k in rows}, dict(rows))

    def test_export_csv(self):
        for record_type in sorted(RECORD_TYPES):
            with self.subTest(record_type):
                done = self.run_ok(mooring("export", "csv", "-t", record_type, "-d", "scan.db", cwd=self.work))
                rows = read_csv(done.out)
                self.assertEqual(len(rows), len(records(self.db, record_type)))
                self.assertFalse([row for row in rows if None in row or None in row.values()], "rows of unequal length")
        self.assertIn("灯港海外联谊会", {row["title"] for row in read_csv(
            mooring("export", "csv", "-t", "page", "-d", "scan.db", cwd=self.work).out)})

    def test_export_csv_to_a_folder(self):
        self.run_ok(mooring("export", "csv", "-d", "scan.db", "-o", "folder", cwd=self.work))
        rows = {path.stem: len(read_csv(path.read_bytes().decode())) for path in (self.work / "folder").glob("*.csv")}
        for record_type in RECORD_TYPES:
            self.assertEqual(rows.get(record_type), len(records(self.db, record_type)), f"{record_type} of {rows}")

    def test_database_is_sound(self):
        self.assertEqual(query(self.db, "PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        self.assertEqual(query(self.db, "PRAGMA foreign_key_check"), [])
        self.assertEqual([row["state"] for row in query(self.db, "SELECT state FROM run")], ["complete"])

    def test_register_is_stored(self):
        for table, file in (("entity", "entities.csv"), ("listing", "domains.csv"), ("claim", "claims.csv")):
            with open(self.lab.register / file, newline="") as source:
                self.assertEqual(query(self.db, f"SELECT count(*) AS n FROM {table}")[0]["n"], len(list(csv.DictReader(source))),
                                 table)


class TestSecondScan(LabTest):
    """Apart, because it adds to the database."""

    def test_second_scan_adds_no_facts(self):
        db = self.work / "twice.db"
        self.run_ok(self.lab.scan("-d", "twice.db"))
        first = self.facts(db)
        self.run_ok(self.lab.scan("-d", "twice.db"))
        second = self.facts(db)
        self.check_all([f"new: {fact}" for fact in sorted(second.keys() - first.keys(), key=str)] +
                       [f"twice: {fact}" for fact, count in second.items() if count > 1])
        runs = json_lines(self.run_ok(mooring("runs", "--json", "-d", "twice.db", cwd=self.work)).out)
        self.assertEqual([(run["state"], run["done"]) for run in runs], [("complete", len(self.lab.names()))] * 2)
        self.assertEqual({row["run_count"] for row in query(db, "SELECT run_count FROM record WHERE domain_id IS NOT NULL")}, {2})
        table = self.run_ok(mooring("runs", "-d", "twice.db", cwd=self.work)).out.splitlines()
        self.assertEqual(len(table), 3, table)

    def facts(self, db):
        return collections.Counter((row["record_type"], row["domain"], row["status"], row["fact"].hex()) for row in query(
            db, "SELECT record_type, domain, status, fact FROM record LEFT JOIN domain USING (domain_id)"))


# ---- comparing ----

def strip_www(url):
    return url and url.replace("//www.", "//", 1)


def answer_faults(where, row, question):
    if (row["cname_chain"] or []) != question["cname"]:
        yield f"{where}: CNAME {row['cname_chain']}, truth {question['cname']}"
    found = sorted(rdata(a) for a in row["answers"] or () if a["section"] == "answer" and a["response_type"] == question["type"])
    expected = sorted(map(normal_rdata, question["answers"]))
    if found != expected:
        yield f"{where}: {found}, truth {expected}"


def rdata(answer):
    """The typed columns of an answer, in the notation of normal_rdata()."""
    columns = {"A": ("address",), "AAAA": ("address",), "NS": ("target",), "MX": ("preference", "target"), "TXT": ("text",),
               "SOA": ("target", "rname", "serial", "refresh", "retry", "expire", "minimum"), "CAA": ("text",),
               "HTTPS": ("preference", "target", "text")}[answer["response_type"]]
    return normal_rdata(" ".join(str(answer[column]) for column in columns))


def normal_rdata(text):
    """Zone-file notation without what is only notation: quotes, the breaks between strings, root dots."""
    text = re.sub(r'" ?"?', "", text)
    return " ".join(word.removesuffix(".") for word in text.split(" "))


def tls_faults(where, row, endpoint):
    for key in ("tls_version", "verify_status"):
        if row[key] != endpoint[key]:
            yield f"{where}: {key} {row[key]}, truth {endpoint[key]}"
    if row["chain_sha256"] != endpoint["chain_sha256"]:
        yield f"{where}: chain {row['chain_sha256']}, truth {endpoint['chain_sha256']}"


def http_faults(where, row, endpoint):
    if row["http_status_code"] != endpoint["http_status_code"]:
        yield f"{where}: {row['http_status_code']}, truth {endpoint['http_status_code']}"
    location = endpoint["redirects"][0]["location"] if endpoint["redirects"] else None
    if row["location"] != location:
        yield f"{where}: location {row['location']}, truth {location}"
    parts = urlsplit(row["url"])
    if (parts.scheme, parts.port, parts.path) != (endpoint["scheme"], endpoint["port"], "/"):
        yield f"{where}: url {row['url']}"


def one_page(name, row, facts):
    # What the response alone decides; truth.json knows better of parked and other empty sites.
    if row["page_state"] != "live":
        yield f"{name}: page_state {row['page_state']} by {row['page_state_rule']!r}"
    if (row["title"] or None) != (facts["title"] or None):
        yield f"{name}: title {row['title']!r}, truth {facts['title']!r}"
    charset, truth = (row["charset"] or "").lower(), facts["charset"]
    if truth and charset != truth and (charset, truth) != ("gb18030", "gbk"):
        yield f"{name}: charset {charset}, truth {truth}"
    if facts["body_length"] and (row["lang"] or None) != (facts["lang"] or None):
        yield f"{name}: lang {row['lang']}, truth {facts['lang']}"


def database_of(row):
    """What truth.json calls the database of a record."""
    return row["db_name"].removesuffix(".mmdb")


def same_value(found, truth):
    if isinstance(truth, float) and found is not None:
        return abs(found - truth) < 1e-4
    return found == truth


if __name__ == "__main__":
    main()
