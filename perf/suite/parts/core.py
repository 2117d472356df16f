"""The shard alone: cycles a packet by scene, for three numbers of allocations."""

import json

from suite.generator import binary
from suite.lab import RELAY_CPU, Failure
from suite.profile import instructions
from suite.results import CORE_INDICATIONS, CORE_SIZES, CORE_WAYS
from suite.spread import median, ratio, spread

DIRECTIONS = ("to_peer", "to_client")
SECONDS = 300


def run_benchmark(lab, name, arguments, seconds, cpu=None):
    """The benchmarks of a Google Benchmark program, as it reports them; and its context."""
    out = lab.path(f"{name}.json")
    report = _run(lab, name, [f"--benchmark_out={out}", "--benchmark_out_format=json", *arguments],
                  out, seconds, cpu)
    for benchmark in report["benchmarks"]:
        if benchmark.get("error_occurred"):
            raise Failure(f"{name}: {benchmark['name']}: {benchmark.get('error_message')}")
    return report["benchmarks"], report["context"]


def _run(lab, name, arguments, out, seconds, cpu):
    process = lab.start([binary(name), *arguments], cpu=cpu)
    status = process.finish(seconds)
    if status != 0:
        raise Failure(f"{name} ended with status {status}: {process.last_line()}")
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def measure(lab, plan, results, say):
    reports = []
    for repeat in range(plan.core_repeats):
        say(f"core: run {repeat + 1} of {plan.core_repeats}")
        out = lab.path("shard_bench.json")
        reports.append(_run(lab, "shard_bench", ["--laps", str(plan.core_laps), "--json", out], out,
                            SECONDS, RELAY_CPU))
    conclude(results, reports)


def profile(_lab, _plan, missed):
    """Of the scenes that miss a target."""
    scenes = {"first_channel"}
    for key in missed:
        if key.endswith(".ratio"):
            scenes.add(key.split(".")[-2])
    return instructions(sorted(scenes))


def conclude(results, reports):
    """The figures of shard_bench's reports: medians over the laps of all of them."""
    scenes = {size: {} for size in CORE_SIZES}
    names = {count: size for size, count in CORE_SIZES.items()}
    for row in (row for report in reports for row in report["scenes"]):
        scene = scenes[names[row["allocations"]]].setdefault(
            row["scene"], {"cycles": [], "ratios": [], "dropped_share": []})
        for key, values in scene.items():
            values += row[key]
    for size, by_name in scenes.items():
        _set_size(results, size, by_name, reports[0]["tsc_hz"])
    results.set("core.growth_ratio", ratio(results.get("core.1m.cycles_per_packet"),
                                           results.get("core.1k.cycles_per_packet")))
    for key in ("empty", "held64"):
        results.set(f"core.idle_poll.{key}", _median(scenes["1k"], f"idle_poll.{key}", "cycles"))
    _set_ways(results, scenes["100k"])
    results.details["core"] = {
        **{key: reports[0][key] for key in ("memory", "tsc_hz", "payload_bytes")},
        "scenes": {size: {name: {key: spread(values) for key, values in scene.items()}
                          for name, scene in by_name.items()} for size, by_name in scenes.items()}}


def _median(by_name, name, key):
    return median(by_name[name][key]) if name in by_name else None


def _slower(by_name, name, key):
    """Of the two directions; None unless both were measured."""
    values = [_median(by_name, f"{name}.{direction}", key) for direction in DIRECTIONS]
    return None if None in values else max(values)


def _set_size(results, size, by_name, tsc_hz):
    slower = _slower(by_name, "first_channel", "cycles")
    results.set(f"core.{size}.cycles_per_packet", slower)
    results.set(f"core.{size}.mpps", tsc_hz / slower / 1e6 if slower else None)
    results.set(f"core.{size}.rte_hash_cycles", _median(by_name, "rte_hash", "cycles"))
    results.set(f"core.{size}.rte_hash_ratio", _slower(by_name, "first_channel", "ratios"))


def _set_ways(results, by_name):
    for way in CORE_WAYS:
        for direction in DIRECTIONS:
            name, key = f"{way}.{direction}", f"core.100k.{way}.{direction}"
            results.set(f"{key}.cycles", _median(by_name, name, "cycles"))
            results.set(f"{key}.ratio", _median(by_name, name, "ratios"))
        results.set(f"core.100k.{way}.ratio", _slower(by_name, way, "ratios"))
    for name in CORE_INDICATIONS:
        results.set(f"core.100k.{name}.cycles", _median(by_name, name, "cycles"))
        results.set(f"core.100k.{name}.ratio", _median(by_name, name, "ratios"))
    results.set("core.100k.mixed.cycles", _median(by_name, "first_channel.mixed", "cycles"))
    results.set("core.100k.handoff.dropped_share", _slower(by_name, "handoff", "dropped_share"))
