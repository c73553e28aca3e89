#!/usr/bin/env -S python3 -B
"""Scans that are killed, interrupted and run into each other: nothing is lost, doubled, or probed again."""
import collections
import random
import signal
import time

from labtest import LabTest, json_lines, main, mooring, query, start, stored_name

KILLS = 20
SEED = 20261125


class TestKill(LabTest):
    extra = 2000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        extra = (cls.lab.lab_dir / "extra.txt").read_text().split()
        # A scan goes through its list in order: mix the odd servers with the plain ones.
        mixed = extra + [facts["input"] for facts in cls.lab.truth["domains"].values()]
        random.Random(SEED).shuffle(mixed)
        # The tests that need not kill twenty times take a part of it.
        for file, names in (("names.txt", mixed), ("some.txt", mixed[:600])):
            (cls.work / file).write_text("\n".join(names) + "\n", encoding="utf-8")
        a_label = {facts["input"]: name for name, facts in cls.lab.truth["domains"].items()}
        stored = [stored_name(a_label.get(name, name)) for name in mixed]
        cls.all, cls.some = set(stored), set(stored[:600])
        began = time.monotonic()
        cls.undisturbed = cls.lab.scan("-d", "undisturbed.db", register="names.txt")
        cls.seconds = time.monotonic() - began

    def setUp(self):
        self.run_ok(self.undisturbed)

    def begin(self, names, db, *options):
        return start("scan", names, "-d", db, *self.lab.allowed(), *options, cwd=self.work)

    def resume(self, names, db, *options):
        return self.lab.scan("-d", db, *options, register=names)

    # ---- what is stored ----

    def facts(self, db):
        return collections.Counter((row["record_type"], row["domain"], row["status"], row["phase"], row["fact"].hex())
                                   for row in query(self.work / db, "SELECT record_type, domain, status, phase, fact "
                                                    "FROM record LEFT JOIN domain USING (domain_id)"))

    def indicators(self, db):
        return {tuple(row.values()) for row in query(
            self.work / db, "SELECT DISTINCT indicator_value.indicator, value, domain FROM indicator "
            "JOIN indicator_value USING (value_id) LEFT JOIN domain USING (domain_id)")}

    def done(self, db):
        """Domains with an outcome. Not yet a table: none."""
        if not (self.work / db).exists() or not query(
                self.work / db, "SELECT 1 FROM sqlite_master WHERE name = 'run_domain'"):
            return set()
        return {row["domain"] for row in query(self.work / db, "SELECT domain FROM run_domain JOIN domain USING (domain_id)")}

    def check_complete(self, db, names):
        """One run, complete, with each of the domains once and with what the undisturbed run stored of them."""
        self.assertEqual(query(self.work / db, "PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        runs = query(self.work / db, "SELECT run_id, state FROM run")
        self.assertEqual([run["state"] for run in runs], ["complete"])
        outcomes = collections.Counter(row["domain"] for row in query(
            self.work / db, "SELECT domain FROM run_domain JOIN domain USING (domain_id)"))
        self.assertEqual(outcomes, collections.Counter(names))
        found, wanted = self.facts(db), self.facts("undisturbed.db")
        # What many domains share may come from one that is not among these.
        lost = [fact for fact in (wanted - found).elements() if fact[1] in names or (fact[1] is None and names == self.all)]
        self.check_all([f"lost: {fact}" for fact in sorted(lost, key=str)] +
                       [f"new: {fact}" for fact in sorted((found - wanted).elements(), key=str)])
        found, wanted = self.indicators(db), self.indicators("undisturbed.db")
        lost = [value for value in wanted - found if value[2] in names or (value[2] is None and names == self.all)]
        self.check_all([f"lost: {value}" for value in lost] + [f"new: {value}" for value in found - wanted])

    # ---- the tests ----

    def test_undisturbed(self):
        self.check_complete("undisturbed.db", self.all)

    def test_kill(self):
        pick = random.Random(SEED)
        # Some die while they start, the others on the way; together they do not get through.
        lives = [pick.uniform(0.005, 0.15) for _ in range(KILLS // 4)]
        lives += [pick.uniform(0.1, 1.6 * self.seconds / KILLS) + 0.1 for _ in range(KILLS - len(lives))]
        pick.shuffle(lives)
        before, kills = [], 0
        for life in lives:
            before.append((self.done("killed.db"), len(self.nginx_requests())))
            scan = self.begin("names.txt", "killed.db", "-o", "killed.jsonl")
            time.sleep(life)
            scan.kill()
            kills += scan.wait() == -signal.SIGKILL
        done = self.done("killed.db")
        before.append((done, len(self.nginx_requests())))
        # Or the test shows nothing.
        self.assertGreaterEqual(kills, KILLS * 3 // 4)
        self.assertTrue(done and done < self.all, f"{len(done)} of {len(self.all)} domains were done before the last run")
        self.run_ok(self.resume("names.txt", "killed.db", "-o", "killed.jsonl"))
        self.check_complete("killed.db", self.all)
        self.check_all(self.repeated(before))
        lines = json_lines((self.work / "killed.jsonl").read_text())
        self.assertEqual({line["domain"] for line in lines if line["record_type"] == "domain"}, self.all)

    def nginx_requests(self):
        """nginx writes each request at once; the other servers keep their lines back for a while."""
        return (self.lab.logs / "nginx-access.log").read_text().splitlines()

    def repeated(self, before):
        """What was asked of a domain after its outcome was stored."""
        lines = [line.split() for line in self.nginx_requests()]
        for part, (done, at) in enumerate(before):
            for words in lines[at:]:
                if stored_name(words[3]) in done:
                    yield f"part {part}: {' '.join(words)}"

    def test_interrupt(self):
        for number, sign in enumerate((signal.SIGINT, signal.SIGTERM)):
            with self.subTest(sign.name):
                db = f"interrupted-{number}.db"
                scan = self.begin("some.txt", db)
                self.wait_for_progress(db, scan)
                asked = time.monotonic()
                scan.send_signal(sign)
                self.assertEqual(scan.wait(60), 130)
                self.assertLess(time.monotonic() - asked, 20, "seconds until it ended")
                self.assertEqual([row["state"] for row in query(self.work / db, "SELECT state FROM run")], ["interrupted"])
                done = self.done(db)
                self.assertTrue(done < self.some)
                self.run_ok(self.resume("some.txt", db))
                self.check_complete(db, self.some)

    def test_second_interrupt_ends_at_once(self):
        scan = self.begin("some.txt", "twice.db")
        self.wait_for_progress("twice.db", scan)
        scan.send_signal(signal.SIGINT)
        # Two at once count as one.
        time.sleep(0.7)
        scan.send_signal(signal.SIGINT)
        asked = time.monotonic()
        self.assertIn(scan.wait(60), (130, -signal.SIGINT))
        self.assertLess(time.monotonic() - asked, 3, "the five seconds for what is under way were waited for")
        self.run_ok(self.resume("some.txt", "twice.db"))
        self.check_complete("twice.db", self.some)

    def test_only_one_writes(self):
        scan = self.begin("some.txt", "locked.db")
        self.wait_for_progress("locked.db", scan)
        other = self.resume("some.txt", "locked.db")
        self.assertEqual(other.code, 75, str(other))
        self.assertEqual(len(other.err.splitlines()), 1, str(other))
        # Reading is free meanwhile.
        self.run_ok(mooring("runs", "-d", "locked.db", cwd=self.work))
        self.assertIsNone(scan.poll(), "the first scan ended too soon for this test")
        scan.kill()
        scan.wait()
        # The lock dies with its holder.
        self.run_ok(self.resume("some.txt", "locked.db"))

    def wait_for_progress(self, db, scan):
        """Until some domains are stored, so that there is something to lose."""
        deadline = time.monotonic() + 60
        while not self.done(db):
            self.assertIsNone(scan.poll(), "the scan ended too soon for this test")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


if __name__ == "__main__":
    main()
