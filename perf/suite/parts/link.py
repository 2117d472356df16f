"""The relay against a forwarder that does no work, over the same memif link."""

from suite import relays
from suite.generator import Generator
from suite.lab import GENERATOR_MAC, RELAY_MAC, Failure, Unavailable
from suite.profile import Recording
from suite.spread import interleave, median, ratio, spread
from suite.window import Window

ALLOCATIONS = 1000
AS_FAST_AS_IT_GOES = 0


KEYS = {"causeway": "link.mpps", "5tswap": "link.testpmd_mpps", "macswap": "link.macswap"}


def measure(lab, plan, results, say):
    runs = {mode: [] for mode in KEYS}
    failed = set()
    lab.spaces()
    for number, mode in enumerate(interleave(plan.link_repeats, *KEYS)):
        if mode in failed:
            continue
        say(f"link: {mode}, run {number // len(KEYS) + 1} of {plan.link_repeats}")
        try:
            runs[mode].append(_run(lab, plan, mode))
        except (Failure, Unavailable) as reason:
            failed.add(mode)
            results.explain(KEYS[mode], reason, broken=isinstance(reason, Failure))
        finally:
            lab.end_processes()
    rates = {mode: [run["received_pps"] / 1e6 for run in runs[mode]] for mode in KEYS}
    results.set("link.mpps", median(rates["causeway"]))
    results.set("link.testpmd_mpps", median(rates["5tswap"]))
    # Lap by lap: the host moves its CPUs, and with that all rates, between two laps.
    laps = [ratio(*lap) for lap in zip(rates["causeway"], rates["5tswap"])]
    results.set("link.ratio", median(laps))
    results.details["link"] = {
        "allocations": ALLOCATIONS, "ratio": spread(laps),
        "mpps": {mode: spread(rates[mode]) for mode in KEYS},
        "worker_ns_per_packet": spread([run["worker_ns_per_packet"] for run in runs["causeway"]]),
        "worker_busy": spread([run["busy"] for run in runs["causeway"]]), "runs": runs}


def profile(lab, plan, _missed):
    """Of the relay and of testpmd under the load that was measured."""
    lab.spaces()
    lines = {}
    for mode in ("causeway", "5tswap"):
        relay, offer = _start(lab, plan, mode)
        recording = Recording(relay.pid, lab.path("perf.data"))
        offer(recording.on_phase)
        relay.stop()
        lines[f"link, {mode}"] = recording.lines()
        lab.end_processes()
    return lines


def _start(lab, plan, mode):
    """The relay, and what offers it the load: takes on_phase, returns causeway-gen's report."""
    path = lab.path("memif")
    server = relays.memif(path, "server", f",mac={RELAY_MAC}")
    client = relays.memif(path, "client", f",mac={GENERATOR_MAC}")
    reflect = ()
    if mode == "causeway":
        relay = relays.Causewayd(lab, ("--device", server))
    else:
        relay = relays.Testpmd(lab, server, mode)
        reflect = ("--reflect", relay.mac)
    load = ["--allocations", ALLOCATIONS, "--load", "channeldata", "--rate", AS_FAST_AS_IT_GOES,
            "--duration", plan.link_seconds]

    def offer(on_phase):
        return Generator(lab, ["--device", client]).run(
            *load, *reflect, seconds=plan.link_seconds + 60, on_phase=on_phase)

    return relay, offer


def _run(lab, plan, mode):
    relay, offer = _start(lab, plan, mode)
    window = Window(relay)
    load = offer(window.on_phase)["load"]
    relay.stop()
    causeway = mode == "causeway"
    return {"received_pps": load["received_pps"], "sent_pps": load["sent_pps"],
            "loss": load["loss"], "p99_us": load["latency_us"]["p99"],
            "worker_ns_per_packet": (relay.busy_ns_per_packet(window, load["sent"]) if causeway
                                     else None),  # testpmd forgets when a memif peer goes
            "busy": window.busy_share() if causeway else None}
