"""What allocations cost that carry no media: memory, control CPU, and others' latency."""

from suite import relays
from suite.generator import Generator
from suite.lab import Failure, Unavailable
from suite.machine import free_memory_mb
from suite.spread import interleave, median, spread
from suite.window import Window

SIZES = {"100k": 100_000, "1m": 1_000_000}
ACTIVE = 100
MEDIA = ("--load", "both", "--active", ACTIVE, "--rate", 3000)
SHARING = ("--poll-sleep-us", 50, "--realtime")
KEEPALIVE_SECONDS = 15
MEMORY_MB = {"100k": 1500, "1m": 4000}
SETUP_SECONDS = {"100k": 60, "1m": 240}
OUTSTANDING = 1024
MOST_MAPPINGS = 12


def measure(lab, plan, results, say):
    empty = _empty_node(lab)
    results.details["idle"]["empty_node"] = empty
    for size, count in SIZES.items():
        try:
            if free_memory_mb() < MEMORY_MB[size]:
                raise Unavailable(f"{count} allocations take {MEMORY_MB[size]} MB of free memory, "
                                  f"there are {free_memory_mb()}")
            _measure_size(lab, plan, results, say, size)
        except (Failure, Unavailable) as reason:
            results.explain(f"idle.{size}", reason, broken=isinstance(reason, Failure))
        finally:
            lab.end_processes()


def _empty_node(lab):
    """The memory of a node that could hold one allocation."""
    lab.wire()
    relay = relays.Causewayd(lab, max_allocations=1)
    memory = relay.memory()
    relay.stop()
    return memory


def _measure_size(lab, plan, results, say, size):
    runs = {"none": [], "idle": []}
    for kind in interleave(plan.idle_repeats, *runs):
        say(f"idle: {size}, {'kept alive' if kind == 'idle' else 'none, to compare with'}")
        runs[kind].append(_run(lab, plan, size, kind == "idle"))
    idle, none = runs["idle"], runs["none"]
    total = median([run["rss"] + run["hugepages"] for run in idle])
    empty = sum(results.details["idle"]["empty_node"].values())
    results.set(f"idle.{size}.bytes_per_allocation", total / SIZES[size])
    for key in ("control_cpu_share", "forward_p99_us"):
        results.set(f"idle.{size}.{key}", median([run[key] for run in idle]))
    results.details["idle"][size] = {
        "bytes_per_allocation_beyond_empty_node": (total - empty) / SIZES[size],
        "warnings": idle[-1]["warnings"],
        "control_cpu_share": spread([run["control_cpu_share"] for run in idle]),
        "control_cpu_share_none": spread([run["control_cpu_share"] for run in none]),
        "forward_p99_us": spread([run["forward_p99_us"] for run in idle]),
        "forward_p99_us_none": spread([run["forward_p99_us"] for run in none]), "runs": runs}


def profile(lab, plan, _missed):
    """What memory is there, by what it is a mapping of."""
    return {"idle": [f"{size / SIZES['1m']:8.1f}  {name}" for size, name in
                     _run(lab, plan, "1m", True)["mappings"]]}


def _run(lab, plan, size, idle):
    """A node with room for all; all of them, or the few with media alone, are there."""
    lab.wire()
    relay = relays.Causewayd(lab, max_allocations=SIZES[size], many_relays=True)
    window = Window(relay)
    memory = {}

    def on_phase(name, begins):
        window.on_phase(name, begins)
        if name == "load" and not begins:
            memory.update(relay.memory(), mappings=relay.mappings()[:MOST_MAPPINGS])

    count = SIZES[size] if idle else ACTIVE
    keepalive = ("--keepalive", KEEPALIVE_SECONDS) if idle else ()
    report = Generator(lab, ("--interface", "gen0")).run(
        "--allocations", count, "--outstanding", OUTSTANDING, *MEDIA, *SHARING, *keepalive,
        "--duration", plan.idle_seconds, "--keep-allocations",
        seconds=plan.idle_seconds + SETUP_SECONDS[size], on_phase=on_phase)
    warnings = relay.warnings()
    relay.stop()
    return {**memory, "allocations": report["setup"]["allocations"],
            "setup_per_s": report["setup"]["allocations_per_s"],
            "keepalive": report["keepalive"], "loss": report["load"]["loss"],
            "control_cpu_share": window.spent_ns("main") / window.spent_ns("time"),
            "forward_p99_us": report["load"]["latency_us"]["p99"],
            "latency_us": report["load"]["latency_us"], "warnings": warnings}
