"""The shard alone: cycles a packet by kind, for three numbers of allocations."""

import json

from suite.generator import binary
from suite.lab import RELAY_CPU, Failure
from suite.spread import spread

SIZES = {"1000": "1k", "100000": "100k", "1000000": "1m"}
CHANNEL_DATA = ("ChannelData/client_to_peer", "ChannelData/peer_to_client")
IN_FLIGHT = "4096"


def run_benchmark(lab, name, arguments, seconds, cpu=None):
    """The benchmarks of a Google Benchmark program, as it reports them; and its context."""
    out = lab.path(f"{name}.json")
    process = lab.start([binary(name), f"--benchmark_out={out}", "--benchmark_out_format=json",
                         *arguments], cpu=cpu)
    status = process.finish(seconds)
    if status != 0:
        raise Failure(f"{name} ended with status {status}: {process.last_line()}")
    with open(out, encoding="utf-8") as file:
        report = json.load(file)
    for benchmark in report["benchmarks"]:
        if benchmark.get("error_occurred"):
            raise Failure(f"{name}: {benchmark['name']}: {benchmark.get('error_message')}")
    return report["benchmarks"], report["context"]


def measure(lab, plan, results, say):
    cycles, tsc_hz, context = {}, None, {}
    for repeat in range(plan.core_repeats):
        say(f"core: run {repeat + 1} of {plan.core_repeats}")
        rows, context = run_benchmark(
            lab, "shard_bench", [f"--benchmark_filter=/{IN_FLIGHT}",
                                 f"--benchmark_min_time={plan.core_seconds}"], 240, RELAY_CPU)
        tsc_hz = float(context["tsc_hz"])
        for row in rows:
            *kind, allocations, in_flight = row["name"].split("/manual_time")[0].split("/")
            if in_flight == IN_FLIGHT and allocations in SIZES:
                cycles.setdefault("/".join(kind), {}).setdefault(SIZES[allocations], []).append(
                    row["cycles_per_packet"])
    kinds = {kind: {size: spread(values) for size, values in sizes.items()}
             for kind, sizes in cycles.items()}
    results.details["core"] = {"memory": context.get("memory"), "tsc_hz": tsc_hz,
                               "payload_bytes": context.get("payload_bytes"),
                               "cycles_by_kind": kinds}
    for size in SIZES.values():
        slower = max(kinds[kind][size]["median"] for kind in CHANNEL_DATA)
        results.set(f"core.{size}.cycles_per_packet", slower)
        results.set(f"core.{size}.mpps", tsc_hz / slower / 1e6)
