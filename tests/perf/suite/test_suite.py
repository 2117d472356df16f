#!/usr/bin/python3
"""perf/run's arithmetic, its JSON and its report. Nothing is measured here."""

import json
import math
import os
import sys
import tempfile
import time
import unittest
from types import SimpleNamespace
from unittest import mock

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [os.path.join(TOP, "perf"), os.path.join(TOP, "tests", "lab")]
os.environ.setdefault("CAUSEWAY_BUILD", "/nonexistent")

# pylint: disable=wrong-import-position
from process import Failure, Process, wait_until
from suite import machine, profile, relays, report
from suite.generator import Generator
from suite.lab import Unavailable
from suite.parts import peer, scale
from suite.plan import FULL, PARTS, QUICK
from suite.results import KEYS, Results
from suite.spread import interleave, median, ratio, spread
from suite.targets import TARGETS, targets
from suite.window import Window


def all_measured(value=50.0):
    results = Results()
    for key in KEYS:
        results.set(key, value)
    return results


def document_of(results, **details):
    results.close_gaps()
    return {"plan": "quick", "began": "2026-01-01T00:00:00Z", "seconds": {"core": 1.0},
            "machine": {"cpu": "a | b", "governor": None, "load_at_start": 0.5}, **results.tree(),
            "targets": [vars(target) for target in targets(results)], "reasons": results.reasons,
            "profiles": {}, "details": {**{part: {} for part in PARTS}, **details}}


class SpreadTest(unittest.TestCase):
    def test_median_ignores_what_is_no_number(self):
        self.assertEqual(median([3, None, 1, math.nan, 2, math.inf, True]), 2)

    def test_nothing_measured_is_nothing(self):
        self.assertIsNone(median([None, math.nan]))
        self.assertIsNone(spread([]))

    def test_spread(self):
        self.assertEqual(spread([4, 1, 3, 2]), {"median": 2.5, "min": 1, "max": 4, "repeats": 4,
                                                "values": [4, 1, 3, 2]})

    def test_ratio(self):
        self.assertEqual(ratio(3, 2), 1.5)
        for pair in ((1, 0), (None, 1), (1, None), (math.nan, 1)):
            self.assertIsNone(ratio(*pair))

    def test_interleave_alternates(self):
        self.assertEqual(interleave(2, "a", "b"), ["a", "b", "a", "b"])


class ResultsTest(unittest.TestCase):
    def test_every_key_of_the_issue_is_there(self):
        wanted = set("""
            core.1k.cycles_per_packet core.100k.cycles_per_packet core.1m.cycles_per_packet
            core.1k.mpps core.100k.mpps core.1m.mpps core.1k.rte_hash_cycles
            core.100k.rte_hash_cycles core.1m.rte_hash_cycles core.1k.rte_hash_ratio
            core.100k.rte_hash_ratio core.1m.rte_hash_ratio core.100k.mixed.cycles
            core.100k.send.cycles core.100k.send.ratio core.100k.data.cycles core.100k.data.ratio
            core.100k.handoff.dropped_share core.growth_ratio core.idle_poll.empty
            core.idle_poll.held64 link.mpps link.testpmd_mpps link.ratio
            peer.causeway.pps peer.causeway.cpu_ns_per_packet peer.causeway.p50_us
            peer.causeway.p99_us peer.coturn.pps peer.coturn.cpu_ns_per_packet peer.coturn.p50_us
            peer.coturn.p99_us peer.testpmd.pps peer.pps_ratio peer.cpu_ratio peer.p99_ratio
            peer.testpmd.cpu_ns_per_packet peer.testpmd_ratio peer.testpmd_cpu_ratio
            peer.coturn_1.ratio peer.coturn_1000.ratio peer.testpmd_1.ratio peer.testpmd_1000.ratio
            allocations.causeway_per_s allocations.coturn_per_s
            allocations.ratio allocations.forward_p99_us_idle allocations.forward_p99_us_storm
            allocations.forward_p99_ratio
            idle.100k.bytes_per_allocation idle.100k.control_cpu_share idle.100k.forward_p99_us
            idle.1m.bytes_per_allocation idle.1m.control_cpu_share idle.1m.forward_p99_us
            scale.one.mpps scale.two.mpps""".split())
        for way in ("second_channel", "alternating_channels", "ipv6", "checksum0", "limits",
                    "handoff"):
            wanted |= {f"core.100k.{way}.{key}" for key in (
                "to_peer.cycles", "to_peer.ratio", "to_client.cycles", "to_client.ratio", "ratio")}
        for relay in ("causeway", "coturn", "testpmd"):
            for flows in (1, 1000):
                wanted |= {f"peer.{relay}_{flows}.{key}" for key in ("pps", "cpu_ns_per_packet")}
        for size in ("19k", "500k"):
            for key in ("p50", "p99", "max"):
                wanted |= {f"routes.{size}.allocate_{key}_us_{kind}"
                           for kind in ("quiet", "changing")}
            wanted |= {f"routes.{size}.allocate_{key}_ratio" for key in ("p50", "p99")}
        self.assertEqual(set(KEYS), wanted)

    def test_tree_nests_and_is_json(self):
        tree = json.loads(json.dumps(all_measured(1.25).tree(), allow_nan=False))
        self.assertEqual(tree["core"]["100k"]["cycles_per_packet"], 1.25)
        self.assertEqual(tree["link"]["ratio"], 1.25)
        self.assertEqual(tree["peer"]["coturn"]["p99_us"], 1.25)

    def test_no_figure_without_a_finite_number(self):
        results = Results()
        for value in (None, math.nan, math.inf):
            results.set("link.mpps", value)
            self.assertIsNone(results.get("link.mpps"))
        self.assertRaises(KeyError, results.set, "link.speed", 1)

    def test_every_gap_has_a_reason(self):
        results = Results()
        results.explain("peer.coturn", "coturn is\nnot installed", broken=False)
        results.close_gaps()
        self.assertEqual(results.reasons["peer.coturn"], "coturn is not installed")
        self.assertNotIn("peer.coturn.pps", results.reasons)
        self.assertIn("peer.pps_ratio", results.reasons)
        self.assertFalse(results.broken)

    def test_a_broken_program_is_remembered(self):
        results = Results()
        results.explain("link", "it crashed", broken=True)
        results.explain("peer", "not installed", broken=False)
        self.assertTrue(results.broken)


class TargetsTest(unittest.TestCase):
    BOUNDS = (  # key, a value that just meets the target, one that just misses
        ("core.100k.cycles_per_packet", 110, 110.1), ("core.growth_ratio", 1.6, 1.601),
        ("core.100k.rte_hash_ratio", 1.2, 1.201), ("core.1m.rte_hash_ratio", 1.2, 1.201),
        ("core.100k.second_channel.ratio", 1.3, 1.301), ("core.100k.ipv6.ratio", 1.3, 1.301),
        ("core.100k.send.ratio", 1.8, 1.801), ("core.100k.data.ratio", 1.8, 1.801),
        ("core.100k.handoff.ratio", 1.6, 1.601), ("core.100k.limits.ratio", 1.1, 1.101),
        ("link.ratio", 0.95, 0.949),
        ("peer.testpmd_ratio", 0.95, 0.949), ("peer.testpmd_cpu_ratio", 1.15, 1.151),
        ("peer.pps_ratio", 3, 2.99), ("peer.p99_ratio", 0.999, 1),
        ("allocations.causeway_per_s", 300000, 299999),
        ("allocations.forward_p99_ratio", 1.5, 1.501), ("idle.1m.bytes_per_allocation", 576, 577),
        ("routes.500k.allocate_p99_ratio", 2, 2.001))

    def test_bounds(self):
        for row, (key, meets, misses) in enumerate(self.BOUNDS):
            for value, met in ((meets, True), (misses, False)):
                results = Results()
                results.set(key, value)
                target = targets(results)[row]
                self.assertEqual((target.key, target.met), (key, met), f"{key} = {value}")

    def test_every_target_is_held_here_and_is_a_figure(self):
        self.assertEqual([row[0] for row in TARGETS], [bound[0] for bound in self.BOUNDS])
        self.assertEqual({row[0] for row in TARGETS} - set(KEYS), set())

    def test_unmeasured_is_neither_met_nor_missed(self):
        self.assertEqual({target.met for target in targets(Results())}, {None})


class ProfileTest(unittest.TestCase):
    TEXT = """# Overhead  Command  Shared Object  Symbol
#
    28.16%  sh       libc.so.6         [.] strcmp                    -      -

    11.07%  sh       dash              [.] 0x000000000007cf82        -      -
     9.71%  sh       dash              [.] main                      -      -
"""

    def test_rows_without_headings_and_empty_columns(self):
        self.assertEqual([" ".join(row.split()) for row in profile.kept(self.TEXT)],
                         ["28.16% sh libc.so.6 [.] strcmp", "9.71% sh dash [.] main"])

    def record(self, script, folder):
        """The lines of a load during which perf is this shell script."""
        perf = os.path.join(folder, "perf")
        with open(perf, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(perf, 0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}):
            recording = profile.Recording(1, os.path.join(folder, "perf.data"))
            for phase in (("setup", True), ("load", True)):
                recording.on_phase(*phase)
            wait_until(lambda: os.path.exists(f"{folder}/begun"), 10, "perf's start")
            recording.on_phase("load", False)
            return recording.lines()

    def test_recording(self):
        with tempfile.TemporaryDirectory() as folder:
            script = (f"if [ $1 = record ]; then touch {folder}/perf.data {folder}/begun; "
                      "exec sleep 60; fi\n"
                      "echo '90 % main'")
            self.assertEqual(self.record(script, folder), 2 * ["90 % main"])

    def test_a_machine_that_cannot_record(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(Unavailable, "cannot record: no access"):
                self.record(f"echo no access >&2; touch {folder}/begun; exit 255", folder)


class PartsTest(unittest.TestCase):
    def test_amdahl(self):
        self.assertEqual(scale.serial_share(10, 20), 0)
        self.assertEqual(scale.serial_share(10, 10), 1)
        self.assertEqual(scale.serial_share(10, 21), 0)  # noise
        points = dict(scale.model(10, 16))
        self.assertAlmostEqual(points[1], 10)
        self.assertAlmostEqual(points[2], 16)
        self.assertLess(points[32], 10 / scale.serial_share(10, 16))

    def test_peer_without_coturn(self):
        series = {key: peer.Series() for key in (("causeway", 1), ("causeway", 1000),
                                                 ("testpmd", 1000))}
        series["causeway", 1].pps, series["causeway", 1000].pps = [30.0], [90.0]
        series["testpmd", 1000].pps = [100.0]
        results = Results()
        peer.conclude(results, series)
        for key, value in (("testpmd_ratio", 0.9), ("testpmd_1000.ratio", 0.9),
                           ("causeway_1.pps", 30), ("causeway.pps", 90), ("testpmd_1.ratio", None),
                           ("pps_ratio", None), ("coturn.pps", None)):
            self.assertEqual(results.get(f"peer.{key}"), value, key)

    def test_coturn_gets_the_options_that_it_knows(self):
        text = " --udp-gso   Enable GSO; requires --multiplex-peer\n --multiplex-peer-port <port>\n"
        self.assertEqual(relays.coturn_options(text, ("--udp-gso", "--udp", "--multiplex-peer")),
                         ["--udp-gso", "--multiplex-peer"])

    def test_coturn_is_named_with_its_newest_options(self):
        self.assertIn("knows neither", report.coturn_words([]))
        self.assertIn("`--multiplex-peer --udp-gso`",
                      report.coturn_words(["--multiplex-peer", "--udp-gso"]))

    def test_memory_by_mapping(self):
        smaps = ["7f00-7f10 rw-s 00000000 00:0f 12 /dev/hugepages/rtemap_0\n", "Rss: 0 kB\n",
                 "Private_Hugetlb: 4 kB\n", "5500-5600 rw-p 00000000 00:00 0 [heap]\n",
                 "Rss: 1 kB\n", "7000-7100 rw-p 00000000 00:00 0\n", "Rss: 2 kB\n"]
        self.assertEqual(relays.largest_mappings(smaps), [
            (4096, "/dev/hugepages/rtemap_0"), (2048, "(anonymous)"), (1024, "[heap]")])

    def test_plans(self):
        for field in vars(QUICK):
            if field != "name" and field != "peer_resolution_percent":
                self.assertLessEqual(getattr(QUICK, field), getattr(FULL, field), field)

    def test_stats_lines_between_marks(self):
        lines = [f"stats uptime_s={n}.0 interval_s=1.0 rx_packets={10 ** n} busy_us_by_worker={n} "
                 "rx_packets_by_worker=1,2" for n in range(5)]
        output = "\n".join(["causewayd: ready", *lines, "totals rx_packets=9"])
        relay = SimpleNamespace(process=SimpleNamespace(output=lambda: output))
        relay._lines = lambda: relays.Causewayd._lines(relay)  # pylint: disable=protected-access
        self.assertEqual(relays.Causewayd.mark(relay), 5)
        sums = relays.Causewayd.stats_between(relay, 1, 4)
        self.assertEqual((sums["rx_packets"], sums["busy_us_by_worker"], sums["interval_s"]),
                         (1100, 5, 2.0))
        self.assertNotIn("rx_packets_by_worker", sums)
        self.assertEqual(relays.Causewayd.stats_between(relay, 4, 5), {})

    def test_window_of_this_process(self):
        window = Window(SimpleNamespace(pid=os.getpid()))
        window.on_phase("setup", True)
        window.on_phase("load", True)
        sum(range(200000))
        time.sleep(0.002)  # the scheduler counts when the thread leaves the CPU
        window.on_phase("load", False)
        self.assertTrue(window.closed())
        self.assertGreater(window.spent_ns("time"), 0)
        self.assertGreater(window.spent_ns("process"), 0)


class FakeLab:
    """Starts programs in no namespace, at the priority that there is."""

    generator_ns = None

    def __init__(self, folder):
        self._folder = folder
        self._count = 0

    def path(self, name):
        self._count += 1
        return os.path.join(self._folder, f"{self._count}-{name}")

    def start(self, argv, _namespace, **options):
        return Process(argv, self.path("log"), **options)


class GeneratorTest(unittest.TestCase):
    REPORT = """
        while [ "$1" != --json ]; do shift; done
        echo '{"load": {"sent": 3}}' >"$2"
    """

    def run_script(self, script, *arguments, seconds=20):
        """The outcome of a run of a causeway-gen that is this shell script, and its phases."""
        with tempfile.TemporaryDirectory() as folder:
            binary = os.path.join(folder, "perf", "gen", "causeway-gen")
            os.makedirs(os.path.dirname(binary))
            with open(binary, "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\n{script}\n")
            os.chmod(binary, 0o755)
            phases = []
            with mock.patch.dict(os.environ, {"CAUSEWAY_BUILD": folder}):
                report = Generator(FakeLab(folder), ("--interface", "x")).run(
                    *arguments, seconds=seconds, on_phase=lambda *phase: phases.append(phase))
            return report, phases

    def test_phases_and_report(self):
        report, phases = self.run_script(
            "echo 'causeway-gen: phase load begin' >&2; echo 'causeway-gen: phase load end' >&2;"
            "echo 'causeway-gen: phase teardown begin' >&2;" + self.REPORT)
        self.assertEqual(report["load"]["sent"], 3)
        self.assertEqual(phases, [("load", True), ("load", False), ("teardown", True)])

    def test_an_error_is_the_reason(self):
        with self.assertRaisesRegex(Failure, "status 1: causeway-gen: error: no ARP answer"):
            self.run_script("echo 'causeway-gen: error: no ARP answer' >&2; exit 1")

    def test_a_search_without_a_result_is_no_fault(self):
        last = "causeway-gen: error: search: at --min-rate 5000 already 1.2 % are lost"
        with self.assertRaisesRegex(Unavailable, "already 1.2 % are lost"):
            self.run_script(f"echo '{last}' >&2; echo 'search no rate passes'; exit 1")

    def test_a_hang_is_ended(self):
        with self.assertRaisesRegex(Failure, "did not end in time; its last line: going on"):
            self.run_script("echo going on; exec sleep 60", seconds=0.5)

    def test_reflection_takes_no_account(self):
        reject = 'case "$*" in *--user*) exit 9 ;; esac;'
        self.run_script(reject + self.REPORT, "--reflect", "02:00:00:00:00:05")
        self.assertRaisesRegex(Failure, "status 9", self.run_script, reject + self.REPORT)


class ReportTest(unittest.TestCase):
    def test_numbers(self):
        for value, text in ((None, "not measured"), (1234567.8, "1,234,568"), (123.4, "123"),
                            (0.12345, "0.123"), (0, "0")):
            self.assertEqual(report.number(value), text)

    def test_all_missing_still_reports(self):
        results = Results()
        results.explain("core", "shard_bench ended", broken=True)
        document = document_of(results)
        text = report.markdown(document, plots=[])
        self.assertIn("| core | shard_bench ended |", text)
        self.assertIn("shard_bench ended", report.terminal(document))
        self.assertNotIn("None", text)

    def test_measured(self):
        document = document_of(all_measured(), scale={
            "one": spread([1.0]), "two": spread([1.9, 2.0]),
            "model": {"serial_share": 0.0, "mpps_by_workers": scale.model(1.0, 2.0)}})
        text = report.markdown(document, plots=["core.svg"])
        self.assertIn("![core.svg](core.svg)", text)
        self.assertIn("two 1.95 (1.9–2) Mpps", text)
        self.assertIn("| 32 | 32 | model |", text)
        self.assertIn("a \\| b", text)
        self.assertIn("met", report.terminal(document))

    def test_profiles(self):
        document = document_of(Results())
        document["profiles"] = {"link, causeway": ["50.00%  worker  causewayd  [.] Poll"]}
        self.assertIn("\nlink, causeway:\n\n```\n50.00%  worker  causewayd  [.] Poll\n```\n",
                      report.markdown(document, plots=[]))

    def test_into_a_page(self):
        page = f"# Title\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        text = report.into(page, document_of(all_measured()), ["core.svg"], "performance")
        self.assertTrue(text.startswith("# Title\n"))
        self.assertTrue(text.endswith(f"{report.END}\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("\n### Targets\n", text)
        self.assertIn("![core.svg](performance/core.svg)", text)
        self.assertFalse([line for line in text.splitlines()
                          if len(line) > 100 and not line.startswith(("|", "!"))])
        again = report.into(text, document_of(all_measured()), ["core.svg"], "performance")
        self.assertEqual(again, text)
        self.assertRaises(ValueError, report.into, "no marks", document_of(Results()), [], "")

    def test_machine(self):
        with tempfile.TemporaryDirectory() as folder:  # no repository
            described = machine.describe(folder)
        self.assertIsNone(described["commit"])
        self.assertGreaterEqual(described["cores"], 1)
        json.dumps(described, allow_nan=False)


if __name__ == "__main__":
    unittest.main()
