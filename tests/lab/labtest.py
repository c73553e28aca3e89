"""What the lab tests share: a lab of their own, runs of mooring, and readers of what it wrote.

The program is named by the environment variable MOORING (CTest sets it), else it is build/mooring.
"""
import csv
import json
import os
import pathlib
import random
import re
import shutil
import shlex
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
MOORING = pathlib.Path(os.environ.get("MOORING", TOP / "build" / "mooring")).resolve()
LAB = TOP / "scripts" / "lab"
CONTACT = "https://example.org/lab"
FAST = ["--rate", "0", "--pause", "0", "--per-address", "64", "--per-network", "256", "--concurrency", "64"]
# A server that never answers costs each test that long.
PATIENCE = ["--timeout", "3"]


# ---- the lab ----

def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def free_ports(count):
    """Below the range that the kernel gives to clients, so that no connection takes one meanwhile."""
    pick = random.SystemRandom()
    found = []
    while len(found) < count:
        port = pick.randrange(10000, 30000)
        if port not in found and is_free(port):
            found.append(port)
    return found


class Lab:
    """A running lab in a directory of its own; `with Lab() as lab`."""

    def __init__(self, extra=0):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mooring-test-"))
        # As root the servers run as nobody.
        self.dir.chmod(0o755)
        self.lab_dir = self.dir / "lab"
        self.work = self.dir / "work"
        self.work.mkdir()
        self.watch()
        try:
            self.start(extra)
        except BaseException:
            self.stop()
            raise
        self.env = dict(line.split("=", 1) for line in (self.lab_dir / "lab.env").read_text().splitlines())
        self.truth = json.loads((self.lab_dir / "truth.json").read_text())
        self.register = self.lab_dir / "register"
        self.logs = self.lab_dir / "log"
        self.ca = self.env["CA"]
        self.http_port, self.https_port = self.truth["http_port"], self.truth["https_port"]

    def start(self, extra):
        for attempt in range(3):
            dns, http, https = free_ports(3)
            up = subprocess.run([LAB, "up", "--dir", self.lab_dir, "--extra", str(extra), "--dns-port", str(dns),
                                 "--http-port", str(http), "--https-port", str(https)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if up.returncode == 0:
                return
        raise RuntimeError(f"the lab did not start:\n{up.stdout}")

    def watch(self):
        """A test may be killed, by CTest for one: then somebody else must take the lab down. He waits for the end of
        a pipe, outside our process tree."""
        self.watcher = subprocess.Popen(["setsid", "--fork", "sh", "-c", f"cat >/dev/null; {shlex.quote(str(LAB))} down "
                                         f"--dir {self.lab_dir}; rm -rf {self.dir}"], stdin=subprocess.PIPE)

    def stop(self):
        subprocess.run([LAB, "down", "--dir", self.lab_dir], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.watcher.stdin.close()
        self.watcher.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def reach(self):
        """Options that lead mooring into the lab."""
        return ["--resolver", self.env["RESOLVER"], "--port-http", str(self.http_port), "--port-https", str(self.https_port),
                "--ca-file", self.ca, "--geo", self.env["GEO"], "--contact", CONTACT, *PATIENCE, *FAST]

    def allowed(self):
        return [*self.reach(), "--allow-net", "127.0.0.0/8", "--allow-net", "::1/128"]

    def scan(self, *options, register=None, **kwargs):
        return mooring("scan", register or self.register, *self.allowed(), *options, cwd=self.work, **kwargs)

    def requests(self):
        """(host, path) of every request that reached a web server that keeps a log, oldest first."""
        found = []
        for log, pattern in ACCESS_LOGS.items():
            path = self.logs / log
            for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
                match = re.search(pattern, line)
                # The lab's own checks are no visits.
                if match and '"lab-selfcheck"' not in line:
                    found.append((match["host"].rsplit(":", 1)[0], match["path"]))
        return found

    def names(self, outcome=None):
        """Names of the register and the controls, as the store has them, with their facts."""
        return {stored_name(name): facts for name, facts in self.truth["domains"].items()
                if outcome is None or facts["outcome"] == outcome}


ACCESS_LOGS = {
    "nginx-access.log": r'^\S+ https? \S+ (?P<host>\S+) "\S+ (?P<path>\S+)',
    "apache-access.log": r'^\S+ \S+ (?P<host>\S+) "\S+ (?P<path>\S+)',
    "lighttpd-access.log": r'^\[[^]]*\] (?P<host>\S+) "\S+ (?P<path>\S+)',
}


def stored_name(name):
    """mooring cuts "www." off a registrable domain."""
    return name.removeprefix("www.")


# ---- mooring ----

class Done:
    """How a run of mooring ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __str__(self):
        return (f"{' '.join(self.command)}\nexit code {self.code}\n--- standard output\n{shorten(self.out)}"
                f"\n--- standard error\n{shorten(self.err)}")


def shorten(text):
    return text if len(text) < 4000 else f"{text[:2000]}\n[...]\n{text[-2000:]}"


def clean_environment(extra):
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    env.update({"LC_ALL": "C", "TERM": "dumb", **extra})
    # A leak at the end of a command is as much an error as any other.
    env.setdefault("ASAN_OPTIONS", "abort_on_error=0:exitcode=99:detect_leaks=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return env


def command_line(args):
    return [str(MOORING), *map(str, args)]


def mooring(*args, cwd, timeout=240, stdin="", env=None, stdout=subprocess.PIPE):
    command = command_line(args)
    done = subprocess.run(command, cwd=cwd, env=clean_environment(env or {}), input=stdin.encode() if isinstance(stdin, str) else stdin,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=timeout)
    # Anything that is no UTF-8 in an output is a fault of its own.
    return Done(command, done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def start(*args, cwd):
    """A run in the background; its outputs go nowhere."""
    return subprocess.Popen(command_line(args), cwd=cwd, env=clean_environment({}), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- readers ----

def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def query(path, sql, *args):
    """Rows as dictionaries."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql, args)]
    finally:
        database.close()


def table_of(record_type):
    return "domain_outcome" if record_type == "domain" else record_type


def records(path, record_type):
    """All stored records of a type: the common columns and the declared ones."""
    rows = query(path, f'SELECT record.*, domain.domain, fields.* FROM "{table_of(record_type)}" AS fields '
                       "JOIN record USING (record_id) LEFT JOIN domain USING (domain_id)")
    lists = {row["column_name"] for row in
             query(path, "SELECT column_name FROM field WHERE record_type = ? AND type IN ('texts', 'rows')", record_type)}
    for row in rows:
        for column in lists & row.keys():
            row[column] = json.loads(row[column]) if row[column] is not None else None
    return rows


def read_csv(text):
    return list(csv.DictReader(text.splitlines(keepends=True), strict=True))


# ---- tests ----

class LabTest(unittest.TestCase):
    """A test class with one lab for all its tests."""
    extra = 0
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.extra)
        cls.addClassCleanup(cls.lab.stop)
        cls.work = cls.lab.work

    def run_ok(self, done, code=0):
        self.assertEqual(done.code, code, f"\n{done}")
        return done

    def check_all(self, faults):
        """One failure that lists every difference."""
        faults = list(faults)
        if faults:
            more = "" if len(faults) <= 60 else f"\n... and {len(faults) - 60} more"
            self.fail(f"{len(faults)} differences:\n" + "\n".join(map(str, faults[:60])) + more)


def main():
    if not MOORING.exists():
        sys.exit(f"{MOORING} is missing: build it, or name another one in the environment variable MOORING")
    unittest.main(module="__main__", verbosity=2)
