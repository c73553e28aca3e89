#!/usr/bin/env -S python3 -B
"""The command line: what is refused and how, what is never contacted, and what hostile text does to the outputs."""
import http.server
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import socketserver
import struct
import subprocess
import threading

import labtest
from labtest import CONTACT, FAST, LabTest, clean_environment, command_line, json_lines, main, mooring, query, read_csv, records

NAME, WWW = "heron-quay.test", "www.heron-quay.test"


class TestUsage(LabTest):
    """Everything here is refused, so nobody may be contacted."""

    def setUp(self):
        self.visits = len(self.lab.requests())
        self.addCleanup(lambda: self.assertEqual(len(self.lab.requests()), self.visits, "somebody was contacted"))

    def refused(self, code, pattern, *args, lines=2, **kwargs):
        """Refused with that exit code and a message that says why; nothing on standard output."""
        done = mooring(*args, cwd=self.work, **kwargs)
        self.assertEqual(done.code, code, f"\n{done}")
        self.assertRegex(done.err, pattern, f"\n{done}")
        self.assertLessEqual(len(done.err.splitlines()), lines, f"\n{done}")
        self.assertEqual(done.out, "", f"\n{done}")
        return done

    def scan_refused(self, code, pattern, *options, register=None, **kwargs):
        return self.refused(code, pattern, "scan", register or self.lab.register, *self.lab.allowed(), *options, **kwargs)

    # ---- usage: exit code 2 ----

    def test_no_command(self):
        self.refused(2, "Usage: mooring COMMAND", lines=30)

    def test_unknown_command(self):
        self.refused(2, "unknown command 'moor'", "moor", lines=30)

    def test_unknown_option(self):
        for command in ("scan", "check", "overlaps", "runs", "export"):
            with self.subTest(command):
                self.refused(2, rf"--frobnicate(.|\n)*mooring {command} --help", command, "--frobnicate")

    def test_values_that_are_none(self):
        for options in (("--rate", "fast"), ("--concurrency", "0"), ("--concurrency", "-1"), ("--port-http", "70000"),
                        ("--timeout", "nan"), ("--allow-net", "127.0.0.0/99"), ("--resolver", "resolver.example:port"),
                        ("--probes", "dns,smtp"), ("--vantage", "here,91,0")):
            with self.subTest(options):
                done = mooring("scan", self.lab.register, "--contact", CONTACT, "-d", "none.db", *options, cwd=self.work)
                self.assertIn(done.code, (1, 2), f"\n{done}")
                self.assertTrue(any(word in done.err for word in (options[0], options[1], options[1].split(":")[0])), f"\n{done}")
                self.assertLessEqual(len(done.err.splitlines()), 2, f"\n{done}")

    def test_scan_needs_one_register(self):
        self.refused(2, "REGISTER", "scan", "--contact", CONTACT)
        self.refused(2, "REGISTER", "scan", "a", "b", "--contact", CONTACT)

    def test_scan_needs_a_contact(self):
        self.refused(2, "--contact", "scan", self.lab.register, "--resolver", self.lab.env["RESOLVER"], "-d", "nameless.db")
        self.assertFalse((self.work / "nameless.db").exists())

    def test_help_and_version(self):
        for command in ("scan", "check", "overlaps", "runs", "export", "register", "probes"):
            with self.subTest(command):
                done = self.run_ok(mooring(command, "--help", cwd=self.work))
                self.assertIn(f"Usage: mooring {command}", done.out)
                self.assertEqual(done.err, "")
        self.assertRegex(self.run_ok(mooring("--version", cwd=self.work)).out, r"^mooring \d+\.\d+\.\d+\n$")

    def test_configuration_file(self):
        (self.work / "bad.conf").write_text("# comment\n[scan]\nrate = 5\nspeed = 9\n")
        self.scan_refused(2, r"bad\.conf:4: .*speed", "--config", "bad.conf")
        (self.work / "bad.conf").write_text("rate = quick\n")
        self.scan_refused(2, r"bad\.conf:1: .*rate", "--config", "bad.conf")
        self.scan_refused(2, r"nowhere\.conf", "--config", "nowhere.conf")
        (self.work / "good.conf").write_text("rate = 7\nconcurrency = 3\n")
        done = self.run_ok(mooring("scan", self.lab.register, "--dry-run", "--config", "good.conf", "--concurrency", "5", cwd=self.work))
        self.assertRegex(done.out, r"(?m)^rate = 7$")
        self.assertRegex(done.out, r"(?m)^concurrency = 5$")

    # ---- the register ----

    def test_missing_register(self):
        self.scan_refused(1, "no-such-register", register="no-such-register")

    def damaged_register(self, file, change):
        copy = self.work / f"register-{self._testMethodName}"
        shutil.copytree(self.lab.register, copy)
        text = (copy / file).read_text(encoding="utf-8")
        (copy / file).write_text(change(text), encoding="utf-8")
        return copy

    def test_missing_column(self):
        copy = self.damaged_register("domains.csv", lambda text: text.replace("entity_id", "entity", 1))
        self.scan_refused(1, r"domains\.csv:1.*entity_id", "-d", "none.db", register=copy, lines=5)
        done = mooring("register", "check", copy, cwd=self.work)
        self.assertEqual(done.code, 1, f"\n{done}")
        self.assertRegex(done.out + done.err, r"domains\.csv:1.*entity_id")

    def test_entity_that_is_not_there(self):
        copy = self.damaged_register("domains.csv", lambda text: text.replace("lab-en-001", "lab-en-999", 1))
        self.scan_refused(1, r"domains\.csv:2:\d+: .*lab-en-999", "-d", "none.db", register=copy, lines=5)

    def test_good_register_passes(self):
        done = self.run_ok(mooring("register", "check", self.lab.register, cwd=self.work))
        self.assertNotIn("error:", done.out + done.err)

    # ---- files ----

    def test_output_that_cannot_be_written(self):
        self.scan_refused(1, "no/such/place", "-o", "no/such/place", "-d", "output.db")
        self.scan_refused(1, "no/such/place", "-d", "no/such/place.db")

    def test_file_that_is_no_database(self):
        for content in (b"this is a letter, not a database\n" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
            path = self.work / "letter.db"
            path.write_bytes(content)
            self.scan_refused(1, "letter.db", "-d", "letter.db")
            self.assertEqual(path.read_bytes(), content)
            for command in (("runs",), ("overlaps",), ("export", "jsonl")):
                self.refused(1, "letter.db", *command, "-d", "letter.db")
                self.assertEqual(path.read_bytes(), content)

    def test_database_of_another_program(self):
        path = self.work / "other.db"
        path.unlink(missing_ok=True)
        database = labtest.sqlite3.connect(path)
        database.execute("CREATE TABLE recipe (name TEXT)")
        database.commit()
        database.close()
        content = path.read_bytes()
        self.scan_refused(1, "other.db", "-d", "other.db")
        self.assertEqual(path.read_bytes(), content)

    def test_readers_make_no_database(self):
        for command in (("runs",), ("overlaps",), ("export", "csv", "-t", "dns")):
            self.refused(1, "nothing.db", *command, "-d", "nothing.db")
            self.assertFalse((self.work / "nothing.db").exists())

    def test_dry_run(self):
        done = self.run_ok(self.lab.scan("--dry-run", "-d", "dry.db", "-o", "dry.jsonl"))
        self.assertIn(f"{len(self.lab.names())} domains", done.out)
        self.assertFalse((self.work / "dry.db").exists())
        self.assertFalse((self.work / "dry.jsonl").exists())


class TestScope(LabTest):
    """Who is contacted, by the logs of the servers."""

    def scan_list(self, names, *options, reach=None, **kwargs):
        (self.work / "list.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        db = self.work / f"{self._testMethodName}.db"
        before = len(self.lab.requests())
        done = self.run_ok(mooring("scan", "list.txt", "-d", db, *(reach or self.lab.allowed()), *options, cwd=self.work, **kwargs))
        rows = query(db, "SELECT domain, outcome FROM run_domain JOIN domain USING (domain_id)")
        self.assertEqual(len(rows), len({row["domain"] for row in rows}))
        return {row["domain"]: row["outcome"] for row in rows}, {host for host, _ in self.lab.requests()[before:]}, db, done

    def test_loopback_is_out_of_scope(self):
        outcomes, hosts, db, _ = self.scan_list([NAME, "dual-stack.example"], reach=self.lab.reach())
        self.assertEqual(set(outcomes.values()), {"OUT_OF_SCOPE"})
        self.assertEqual(hosts, set())
        # What was not contacted is recorded all the same.
        self.assertEqual({row["status"] for row in records(db, "tcp")}, {"OUT_OF_SCOPE"})
        self.assertIn("127.16.8.10", {row["address"] for row in records(db, "tcp")})

    def test_allowed_network_is_no_wider_than_it_says(self):
        outcomes, hosts, _, _ = self.scan_list([NAME, "lantern-harbour.com.cn"], "--allow-net", "127.16.8.0/24", reach=self.lab.reach())
        self.assertEqual(outcomes, {NAME: "live", "lantern-harbour.com.cn": "OUT_OF_SCOPE"})
        self.assertEqual(hosts - {NAME, WWW}, set())

    def test_blocklist(self):
        (self.work / "blocked.txt").write_text(f"# who does not want this\n{NAME} # by name\n127.40.1.0/24\n127.20.5.10\n")
        outcomes, hosts, _, _ = self.scan_list(
            [NAME, "plum-blossom-hall.test", "lantern-harbour.com.cn", "kowhai-hall.org.nz"], "--blocklist-file", "blocked.txt")
        self.assertEqual(outcomes, {NAME: "BLOCKLISTED", "plum-blossom-hall.test": "BLOCKLISTED",
                                    "lantern-harbour.com.cn": "BLOCKLISTED", "kowhai-hall.org.nz": "live"})
        self.assertEqual({host.removeprefix("www.") for host in hosts}, {"kowhai-hall.org.nz"})

    def test_broken_blocklist_stops_the_scan(self):
        (self.work / "blocked.txt").write_text("127.0.0.0/8\n10.0.0.0/64\n")
        done = self.lab.scan("-d", "none.db", "--blocklist-file", "blocked.txt")
        self.assertIn(done.code, (1, 2), f"\n{done}")
        self.assertRegex(done.err, r"blocked\.txt:2")

    def test_names_as_people_write_them(self):
        outcomes, _, db, _ = self.scan_list(
            ["https://Heron-Quay.test:443/news?x=1#top", "www.kowhai-hall.org.nz.", "HERON-QUAY.TEST", "芦湾同乡会.test",
             "http://user@lantern-harbour.com.cn:8080", "# a comment", "", "7,heron-quay-news.example"])
        self.assertEqual(outcomes, dict.fromkeys((NAME, "kowhai-hall.org.nz", "xn--wjq8qo6jyo7aecv.test", "lantern-harbour.com.cn",
                                                  "heron-quay-news.example"), "live"))
        inputs = {row["domain"]: row["input"] for row in query(db, "SELECT domain, input FROM run_domain JOIN domain USING (domain_id)")}
        self.assertEqual(inputs["xn--wjq8qo6jyo7aecv.test"], "芦湾同乡会.test")

    def test_lines_that_are_no_domains_yield_a_line(self):
        (self.work / "bad.txt").write_text(f"{NAME}\n192.0.2.1\nno domain\nco.uk\n" + "a" * 300 + ".test\n")
        done = self.run_ok(self.lab.scan("-o", "bad.jsonl", "-d", "bad.db", register="bad.txt"))
        final = [line for line in json_lines((self.work / "bad.jsonl").read_text()) if line["record_type"] == "domain"]
        self.assertEqual([line["outcome"] for line in final if line["domain"] == NAME], ["live"])
        invalid = [line for line in final if line["domain"] is None]
        self.assertEqual({line["status"] for line in invalid}, {"INVALID"}, f"\n{done}")
        self.assertEqual(len(invalid), 4, [line["input"] for line in invalid])
        self.assertTrue(all(line["error"] for line in invalid))
        # Each fault is said with its place, too.
        self.assertRegex(done.err, r"bad\.txt:2:\d+: ")

    def test_empty_register(self):
        (self.work / "empty.txt").write_text("# nothing yet\n")
        done = self.run_ok(mooring("scan", "empty.txt", *self.lab.allowed(), "-d", "empty.db", cwd=self.work), 1)
        self.assertIn("empty.txt has no domain", done.err)

    def test_controls_beside_a_list(self):
        (self.work / "popular.txt").write_text(f"1,kowhai-hall.org.nz\n2,{NAME}\n")
        _, _, db, done = self.scan_list([NAME], "--control", "popular.txt")
        strata = {row["domain"]: row["stratum"] for row in query(db, "SELECT domain, stratum FROM run_domain JOIN domain USING (domain_id)")}
        # One that the register has itself would spoil the base rate.
        self.assertEqual(strata, {NAME: "register", "kowhai-hall.org.nz": "general"}, f"\n{done}")

    def test_metadata_file(self):
        self.scan_list([NAME], "--metadata-file", "meta.json")
        meta = json.loads((self.work / "meta.json").read_text())
        self.assertEqual(meta["state"], "complete")
        self.assertIn(CONTACT, json.dumps(meta))

    def test_standard_input(self):
        done = self.run_ok(self.lab.scan("-d", "stdin.db", register="-", stdin=f"{NAME}\n"))
        self.assertEqual(query(self.work / "stdin.db", "SELECT outcome FROM run_domain"), [{"outcome": "live"}], f"\n{done}")

    def test_json_lines_on_standard_output(self):
        (self.work / "one.txt").write_text(NAME + "\n")
        done = self.run_ok(self.lab.scan("-o", "-", register="one.txt"))
        self.assertEqual([line["outcome"] for line in json_lines(done.out) if line["record_type"] == "domain"], ["live"])

    def test_probes(self):
        outcomes, hosts, db, _ = self.scan_list([NAME], "--probes", "dns")
        self.assertEqual((outcomes, hosts), ({NAME: "resolved"}, set()))
        self.assertEqual(query(db, "SELECT count(*) AS n FROM record WHERE record_type IN ('tcp', 'tls', 'http', 'page')")[0]["n"], 0)

    # ---- check ----

    def check(self, *args, code=0, **kwargs):
        return self.run_ok(mooring("check", *self.lab.allowed(), *args, cwd=self.work, **kwargs), code)

    def test_check(self):
        done = self.check(NAME)
        for word in (NAME, "127.16.8.10", "live"):
            self.assertIn(word, done.out)
        self.assertNotIn("\033", done.out + done.err)
        self.assertEqual([path.name for path in self.work.iterdir() if path.name == "mooring.db"], [])

    def test_check_json(self):
        lines = json_lines(self.check("--json", NAME, "driftwood-pier.test").out)
        self.assertEqual({line["domain"]: line["outcome"] for line in lines if line["record_type"] == "domain"},
                         {NAME: "live", "driftwood-pier.test": "resolve_nx"})
        self.assertEqual({line["run_id"] for line in lines}, {None})

    def test_check_refuses_what_is_no_domain(self):
        done = self.check("not a domain", code=2)
        self.assertIn("not a domain", done.err)

    def test_check_with_database_names_what_is_shared(self):
        self.run_ok(self.lab.scan("-d", "known.db"))
        done = self.check("--db", "known.db", NAME)
        self.assertIn("heron-quay-news.example", done.out)
        self.assertIn("reported_center", done.out)

    def test_color_is_for_terminals(self):
        def on_terminal(**env):
            return run_on_terminal(["check", *self.lab.allowed(), NAME], self.work, env)
        self.assertIn("\033[", on_terminal())
        self.assertNotIn("\033[", on_terminal(NO_COLOR="1"))
        self.assertNotIn("\033[", run_on_terminal(["check", "--no-color", *self.lab.allowed(), NAME], self.work, {}))

    def test_progress_is_for_terminals(self):
        (self.work / "few.txt").write_text(f"{NAME}\nsilent-bell.labnet\n")
        args = ["scan", "few.txt", *self.lab.allowed()]
        self.assertIn("1/2", run_on_terminal([*args, "-d", "progress.db"], self.work, {}))
        self.assertNotIn("1/2", run_on_terminal([*args, "-q", "-d", "quiet.db"], self.work, {}))
        self.assertNotIn("\r", self.run_ok(mooring(*args, "-d", "pipe.db", cwd=self.work)).err)

    # ---- what the system refuses ----

    def test_disk_full(self):
        done = self.lab.scan("-o", "/dev/full", "-d", "full-output.db")
        self.assertEqual(done.code, 1, f"\n{done}")
        self.assertRegex(done.err, "/dev/full.*No space left")
        for command in (("runs",), ("overlaps", "-n", "0"), ("export", "jsonl")):
            with self.subTest(command), open("/dev/full", "w") as full:
                self.run_ok(self.lab.scan("-d", "full.db"))
                done = mooring(*command, "-d", "full.db", cwd=self.work, stdout=full)
                self.assertEqual(done.code, 1, f"\n{done}")
                self.assertIn("No space left", done.err)

    def test_reader_that_has_enough(self):
        self.run_ok(self.lab.scan("-d", "long.db"))
        for command in (("overlaps", "-n", "0"), ("export", "jsonl"), ("export", "csv", "-t", "dns")):
            with self.subTest(command):
                with subprocess.Popen(command_line([*command, "-d", "long.db"]), cwd=self.work, env=clean_environment({}),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                    process.stdout.close()
                    said = process.stderr.read().decode()
                self.assertEqual(said, "")
                # As `| head` expects: the end, or the signal for a pipe that nobody reads.
                self.assertIn(process.returncode, (0, -signal.SIGPIPE))

    def test_disk_full_for_the_database(self):
        # A limit on the size of files stands for a full disk: a write beyond it fails.
        limit = 300 * 1024
        done = self.limited(["scan", self.lab.register, "-d", "small.db", *self.lab.allowed()], resource.RLIMIT_FSIZE, limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "database.*(full|I/O error)")
        self.assertEqual(query(self.work / "small.db", "PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        self.run_ok(self.lab.scan("-d", "small.db"))
        outcomes = {row["domain"]: row["outcome"] for row in query(
            self.work / "small.db", "SELECT domain, outcome FROM run_domain JOIN domain USING (domain_id)")}
        # What was under way when the disk was full is probed again, not stored as a failure of its own.
        self.check_all(f"{name}: {outcomes.get(name)}, truth {facts['outcome']}" for name, facts in self.lab.names().items()
                       if outcomes.get(name) != facts["outcome"])

    def test_few_descriptors(self):
        done = self.limited(["scan", self.lab.register, "-d", "fds.db", *self.lab.allowed()], resource.RLIMIT_NOFILE, 48)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        if done.returncode == 1:
            self.assertTrue(done.stderr.strip(), "it failed without a word")
        else:
            outcomes = [row["outcome"] for row in query(self.work / "fds.db", "SELECT outcome FROM run_domain")]
            self.assertEqual(len(outcomes), len(self.lab.names()))
            # Waiting for a descriptor is right; blaming the server for the lack of one is not.
            self.assertNotIn("SYSTEM", outcomes)

    def limited(self, args, what, limit):
        def set_limit():
            resource.setrlimit(what, (limit, limit))
        # restore_signals would bring back the death by SIGXFSZ.
        return subprocess.run(command_line(args), cwd=self.work, env=clean_environment({}), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240,
                              preexec_fn=set_limit, restore_signals=False)

    def test_resolver_that_is_not_there(self):
        port = labtest.free_ports(1)[0]
        reach = self.lab.allowed()
        reach[reach.index("--resolver") + 1] = f"127.0.0.1:{port}"
        (self.work / "list.txt").write_text(f"{NAME}\n")
        done = self.run_ok(mooring("scan", "list.txt", *reach, "-d", "deaf.db", "--retries", "2", cwd=self.work), 1)
        self.assertIn("no resolver answers", done.err)
        # Nothing was recorded that a resumed run would pass over.
        self.assertEqual(query(self.work / "deaf.db", "SELECT * FROM run_domain"), [])


def run_on_terminal(args, cwd, env):
    """All that a person would see, standard output and error together."""
    try:
        primary, secondary = pty.openpty()
    except OSError as error:
        # As in a chroot without /dev/pts.
        raise labtest.unittest.SkipTest(f"no terminals here: {error}") from error
    process = subprocess.Popen(command_line(args), cwd=cwd, env=clean_environment({"TERM": "xterm", **env}), stdin=secondary,
                               stdout=secondary, stderr=secondary)
    os.close(secondary)
    seen = b""
    while select.select([primary], [], [], 60)[0]:
        try:
            part = os.read(primary, 65536)
        except OSError:  # the end, on Linux
            break
        if not part:
            break
        seen += part
    os.close(primary)
    process.wait(60)
    return seen.decode()


# ---- hostile text ----

HOSTILE_TITLES = {  # name below two suffixes, so that each title is shared
    "escape": "\033]0;owned\007\033[31m red \033[2J \x9b1m",
    "formula": "=cmd|' /C calc'!A0",
    "markup": "\"><script>alert(1)</script>&lt;script&gt;alert(2)&lt;/script&gt;",
    "direction": "safe \u202egnp.exe\u2066 \u200b\ufeff hidden",
    "control": "a\x00b\x08c\x7f\r\nX-Injected: yes\u0085\u2028end",
    "invalid": b"broken \xff\xfe\xc3( \xed\xa0\x80 bytes",
}
HOSTILE_NAMES = [f"{name}.{suffix}" for suffix in ("test", "example") for name in HOSTILE_TITLES]
TEXT = "<p>" + "This is a plain page of a plain site, with enough of a text to count as one. " * 5 + "</p>"
# C0 but for the line feed, DEL and C1, and what turns or hides text on a terminal.
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        host = self.headers.get("Host", "").removeprefix("www.")
        title = HOSTILE_TITLES.get(host.split(".")[0], "nobody")
        title = title if isinstance(title, bytes) else title.encode()
        body = b"<html><head><meta charset=utf-8><title>" + title + b"</title></head><body>" + TEXT.encode() + b"</body></html>"
        found = self.path == "/"
        self.send_response_only(200 if found else 404)
        # A header is as hostile as a title.
        self._headers_buffer.append(b"Server: evil\033[5m" + title.replace(b"\r", b"").replace(b"\n", b"")[:40] + b"\r\n")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Resolver(socketserver.BaseRequestHandler):
    """127.0.0.1 for every A question, nothing for the others; a TXT record with an escape in it."""

    def handle(self):
        data, sock = self.request
        end = data.index(b"\0", 12) + 5
        kind = struct.unpack(">H", data[end - 4:end - 2])[0]
        rdata = {1: b"\x7f\0\0\1", 16: b"\x0c\033]0;owned\007.."}.get(kind)
        answer = b"" if rdata is None else b"\xc0\x0c" + data[end - 4:end] + struct.pack(">IH", 60, len(rdata)) + rdata
        sock.sendto(data[:2] + b"\x81\x80" + struct.pack(">4H", 1, bool(answer), 0, 0) + data[12:end] + answer, self.client_address)


class TestHostileText(labtest.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = labtest.pathlib.Path(labtest.tempfile.mkdtemp(prefix="mooring-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        dns, web, closed = labtest.free_ports(3)
        for server in (socketserver.ThreadingUDPServer(("127.0.0.1", dns), Resolver),
                       http.server.ThreadingHTTPServer(("127.0.0.1", web), Site)):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            cls.addClassCleanup(server.server_close)
            cls.addClassCleanup(server.shutdown)
        cls.reach = ["--resolver", f"127.0.0.1:{dns}", "--port-http", str(web), "--port-https", str(closed), "--allow-net", "127.0.0.0/8",
                     "--contact", CONTACT, "--timeout", "3", *FAST]
        (cls.work / "list.txt").write_text("\n".join(HOSTILE_NAMES) + "\n")
        cls.scan = mooring("scan", "list.txt", "-d", "hostile.db", "-o", "hostile.jsonl", *cls.reach, cwd=cls.work)

    def setUp(self):
        self.assertEqual(self.scan.code, 0, f"\n{self.scan}")

    def neutral(self, text, allowed=""):
        for match in HARMFUL.finditer(text):
            if match[0] not in allowed:
                self.fail(f"{match[0]!r} in the output: ...{text[max(0, match.start() - 80):match.end() + 40]!r}")

    def run_neutral(self, *args, allowed=""):
        done = mooring(*args, cwd=self.work)
        self.assertEqual(done.code, 0, f"\n{done}")
        self.neutral(done.out, allowed)
        self.neutral(done.err)
        return done.out

    def test_titles_were_seen(self):
        self.assertEqual({row["outcome"] for row in query(self.work / "hostile.db", "SELECT outcome FROM run_domain")}, {"live"})
        titles = [row["title"] for row in query(self.work / "hostile.db", "SELECT title FROM page")]
        self.assertTrue(any("\033" in title or "red" in title for title in titles))

    def test_scan_speaks_neutrally(self):
        self.neutral(self.scan.err)

    def test_check(self):
        text = self.run_neutral("check", "--no-color", *self.reach, *HOSTILE_NAMES)
        for word in ("owned", "alert(1)", "gnp.exe", "broken"):
            self.assertIn(word, text)

    def test_check_on_a_terminal(self):
        text = run_on_terminal(["check", *self.reach, *HOSTILE_NAMES], self.work, {})
        # Its own colours, and the terminal's line ends.
        self.neutral(re.sub(r"\033\[[0-9;]*m", "", text), "\r")
        self.assertNotIn("\033[5m", text)

    def test_json(self):
        lines = json_lines(self.run_neutral("check", "--json", *self.reach, *HOSTILE_NAMES))
        self.assertIn(HOSTILE_TITLES["formula"], {line.get("title") for line in lines})
        self.neutral((self.work / "hostile.jsonl").read_text())
        for line in self.run_neutral("export", "jsonl", "-d", "hostile.db").splitlines():
            json.loads(line)

    def test_bytes_that_are_no_text_are_kept(self):
        lines = json_lines((self.work / "hostile.jsonl").read_text())
        self.assertTrue(any(line["undecoded"] for line in lines if line["record_type"] == "http" and line["domain"] == "invalid.test"))

    def test_csv(self):
        for kind in ("page", "http", "dns", "domain"):
            text = self.run_neutral("export", "csv", "-t", kind, "-d", "hostile.db", allowed="\r")
            for row in read_csv(text):
                for key, value in row.items():
                    self.assertNotRegex(value or "", r"^[=+@]", f"{kind}.{key} is a formula to a spreadsheet")

    def test_overlaps(self):
        for form in ("table", "jsonl", "csv"):
            text = self.run_neutral("overlaps", "-d", "hostile.db", "-n", "0", "-f", form, allowed="\r" if form == "csv" else "")
            for word in ("owned", "cmd|", "gnp.exe", "broken"):
                self.assertIn(word, text)

    def test_hostile_arguments(self):
        done = mooring("check", *self.reach, "\033[31mred.test", "a\u202eb c", cwd=self.work)
        self.assertNotEqual(done.code, 0)
        self.neutral(done.out + done.err)
        done = mooring("overlaps", "-d", "\033[31m.db", cwd=self.work)
        self.assertEqual(done.code, 1)
        self.neutral(done.err)


if __name__ == "__main__":
    main()
