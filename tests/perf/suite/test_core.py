#!/usr/bin/python3
"""What perf/run makes of shard_bench's figures and of callgrind's. Nothing is measured here."""

import os
import sys
import tempfile
import unittest
from unittest import mock

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [os.path.join(TOP, "perf"), os.path.join(TOP, "tests", "lab")]

# pylint: disable=wrong-import-position
from suite import callgrind, instructions, report
from suite.parts import core
from suite.results import Results


def scene(name, allocations, cycles, ratios=(), dropped_share=(0, 0, 0)):
    return {"scene": name, "allocations": allocations, "cycles": cycles, "reference": "",
            "ratios": list(ratios), "dropped_share": list(dropped_share)}


def report_of(to_peer):
    """shard_bench's, of three laps."""
    return {"memory": "hugepages", "tsc_hz": 2e9, "payload_bytes": 172, "scenes": [
        scene("idle_poll.empty", 1000, [40, 40, 90]),
        scene("rte_hash", 100000, [80, 80, 80]),
        scene("first_channel.to_peer", 100000, [to_peer] * 3, [1.25] * 3),
        scene("first_channel.to_client", 100000, [90] * 3, [1.2] * 3),
        scene("handoff.to_peer", 100000, [300] * 3, [3] * 3, [0.5] * 3),
        scene("handoff.to_client", 100000, [270] * 3, [2.5] * 3, [0.25] * 3),
        scene("ipv6.to_client", 100000, [200] * 3, [2] * 3)]}


class CoreTest(unittest.TestCase):
    def test_medians_and_the_slower_direction(self):
        results = Results()
        core.conclude(results, [report_of(100), report_of(100), report_of(150)])
        for key, value in (
                ("100k.cycles_per_packet", 100), ("100k.mpps", 20), ("100k.rte_hash_cycles", 80),
                ("100k.rte_hash_ratio", 1.25), ("100k.handoff.ratio", 3),
                ("100k.handoff.to_client.ratio", 2.5), ("100k.handoff.dropped_share", 0.5),
                ("100k.ipv6.to_client.cycles", 200), ("100k.ipv6.ratio", None),
                ("idle_poll.empty", 40), ("idle_poll.held64", None), ("1m.mpps", None)):
            self.assertEqual(results.get(f"core.{key}"), value, key)

    def test_table(self):
        results = Results()
        core.conclude(results, [report_of(100)])
        text = "\n".join(report.core({}, results.details["core"]))
        self.assertIn("| handoff.to_peer |  | 300 (300–300) |  | 3 (3–3) |", text)


OUTPUT = """# callgrind format
positions: line
events: Ir
summary: 81

ob=/work/build/perf/shard_bench
fl=shard.cc
fn=causeway::(anonymous namespace)::ShardImpl::Poll(unsigned long)
10 20
+2 5
cfn=causeway::FlushTx(causeway::ShardState&)
calls=4 -59
* 50
fi=state.h
* 1
fe=shard.cc

fn=causeway::FlushTx(causeway::ShardState&)
50 40
-3 4

ob=/usr/lib/librte_net_ring.so.23.0
fn=0x0000000000003960
0 11
"""


class CallgrindTest(unittest.TestCase):
    def test_own_cost_of_functions(self):
        self.assertEqual(callgrind.parse(OUTPUT.splitlines(keepends=True)), {
            "ShardImpl::Poll": 26, "FlushTx": 44, "librte_net_ring.so.23.0 3960": 11})

    def test_names(self):
        for name, wanted in (
                ("void std::visit<causeway::A<int (*)(char)>&>(causeway::A<int>&)", "std::visit"),
                ("main", "main"), ("0x00000000000030f0", "x.so 30f0")):
            self.assertEqual(callgrind.short(name, "x.so"), wanted)

    def run_script(self, script, folder):
        """count() with a valgrind that is this shell script."""
        valgrind = os.path.join(folder, "valgrind")
        with open(valgrind, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nout={folder}/callgrind.out json={folder}/shard_bench.json\n"
                       f"{script}\n")
        os.chmod(valgrind, 0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}):
            return callgrind.count("shard_bench", ["a", "b"], folder)

    def test_each_scene_has_its_file(self):
        turn = "printf 'fn=warm\\n1 9\\n' >$out.{}; printf 'fn=f\\n1 {}\\n' >$out.{};"
        script = (turn.format(1, 4096, 2) + turn.format(3, 8192, 4) +
                  """echo '{"scenes": [{"scene": "a"}, {"scene": "b"}]}' >$json""")
        with tempfile.TemporaryDirectory() as folder:
            counts = self.run_script(script, folder)
        self.assertEqual(counts, {"a": callgrind.Count(1, {"f": 1}),
                                  "b": callgrind.Count(2, {"f": 2})})

    def test_a_failure_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(callgrind.CannotCount, "status 3: no memory"):
                self.run_script("echo no memory; echo '==1== noise'; exit 3", folder)

    def test_table_compares(self):
        counts = {"a": callgrind.Count(110, {"f": 60, "g": 50}), "b": callgrind.Count(5, {})}
        self.assertEqual([" ".join(line.split()) for line in
                          instructions.lines(counts, {"a": 100}, functions=1)],
                         ["a 110.0 100.0 +10.0 %", "f 60.0", "b 5.0"])


if __name__ == "__main__":
    unittest.main()
