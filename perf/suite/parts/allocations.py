"""Full authenticated allocations, made and deleted, beside a small steady stream of media."""

from suite import relays
from suite.generator import Generator
from suite.lab import Failure, Unavailable
from suite.profile import Recording
from suite.spread import interleave, median, ratio, spread
from suite.window import Window

STEADY = ("--allocations", 100, "--load", "both", "--rate", 3000)
# On two CPUs the generator and the control thread share one: the generator sleeps when there is
# nothing to do, and is served first when there is. Shorter sleeps cost the control thread more by
# interrupts than its work does; more in flight keeps the generator from its media.
SHARING = ("--poll-sleep-us", 50, "--realtime")
FLOOD = ("--flood", "allocate-auth", "--flood-outstanding", 32)
# coturn holds on to the five-tuple of a deleted allocation, and to its nonce, for some seconds:
# enough clients that none need wait for that.
FLOOD_CLIENTS = {"causeway": 4_000, "coturn": 50_000}
KINDS = {"causeway": relays.Causewayd, "coturn": relays.Coturn}
CAPACITY = 10_000


def measure(lab, plan, results, say):
    rounds = {kind: [] for kind in KINDS}
    for number, kind in enumerate(interleave(plan.allocations_repeats, *KINDS)):
        say(f"allocations: {kind}, run {number // len(KINDS) + 1} of {plan.allocations_repeats}")
        try:
            rounds[kind].append(_round(lab, plan, kind))
        except (Failure, Unavailable) as reason:
            key = f"allocations.{kind}_per_s"
            results.explain(key, reason, broken=isinstance(reason, Failure))
        finally:
            lab.end_processes()
    for kind, done in rounds.items():
        results.set(f"allocations.{kind}_per_s", median([one["per_cpu_s"] for one in done]))
        results.details["allocations"][kind] = {
            key: spread([one[key] for one in done])
            for key in ("per_cpu_s", "per_wall_s", "p99_us_idle", "p99_us_storm")}
        results.details["allocations"][kind]["rounds"] = done
    results.set("allocations.ratio", ratio(results.get("allocations.causeway_per_s"),
                                           results.get("allocations.coturn_per_s")))
    for key in ("idle", "storm"):
        results.set(f"allocations.forward_p99_us_{key}",
                    median([one[f"p99_us_{key}"] for one in rounds["causeway"]]))
    results.set("allocations.forward_p99_ratio",
                median([ratio(one["p99_us_storm"], one["p99_us_idle"])
                        for one in rounds["causeway"]]))


def profile(lab, plan, _missed):
    """Of the relay in the storm."""
    lab.wire()
    relay = relays.Causewayd(lab, max_allocations=CAPACITY)
    recording = Recording(relay.pid, lab.path("perf.data"))
    Generator(lab, ("--interface", "gen0")).run(
        *STEADY, *SHARING, *FLOOD, "--flood-clients", FLOOD_CLIENTS["causeway"], "--duration",
        plan.allocations_seconds, seconds=plan.allocations_seconds + 30,
        on_phase=recording.on_phase)
    relay.stop()
    return {"allocations": recording.lines()}


def _round(lab, plan, kind):
    lab.wire()
    relay = (relays.Causewayd(lab, max_allocations=CAPACITY) if kind == "causeway"
             else relays.Coturn(lab))
    quiet, quiet_window = _run(lab, plan, relay)
    storm, storm_window = _run(lab, plan, relay, *FLOOD, "--flood-clients", FLOOD_CLIENTS[kind])
    relay.stop()
    # The steady media cost coturn's process time too: what the quiet run took is not the storm's.
    clock = "main" if kind == "causeway" else "process"
    seconds = storm_window.spent_ns("time") / 1e9
    per_second = quiet_window.spent_ns(clock) / quiet_window.spent_ns("time")
    cpu_s = storm_window.spent_ns(clock) / 1e9 - per_second * seconds
    made = storm["flood"]["cycles"]
    return {"cycles": made, "cpu_s": cpu_s, "per_cpu_s": made / cpu_s if cpu_s > 0 else None,
            "per_wall_s": storm["flood"]["cycles_per_s"], "errors": storm["flood"]["errors"],
            "request_latency_us": storm["flood"]["latency_us"],
            "p99_us_idle": quiet["load"]["latency_us"]["p99"],
            "p99_us_storm": storm["load"]["latency_us"]["p99"],
            "loss_storm": storm["load"]["loss"],
            "process_cpu_s": storm_window.spent_ns("process") / 1e9}


def _run(lab, plan, relay, *flood):
    window = Window(relay)
    report = Generator(lab, ("--interface", "gen0")).run(
        *STEADY, *SHARING, *flood, "--duration", plan.allocations_seconds,
        seconds=plan.allocations_seconds + 30, on_phase=window.on_phase)
    return report, window
