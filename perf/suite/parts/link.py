"""The relay against a forwarder that does no work, over the same memif link."""

from suite import relays
from suite.generator import Generator
from suite.lab import GENERATOR_MAC, RELAY_MAC, Failure, Unavailable
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
    results.set("link.ratio", ratio(median(rates["causeway"]), median(rates["5tswap"])))
    results.details["link"] = {
        "allocations": ALLOCATIONS, "mpps": {mode: spread(rates[mode]) for mode in KEYS},
        "worker_ns_per_packet": spread([run["worker_ns_per_packet"] for run in runs["causeway"]]),
        "worker_busy": spread([run["busy"] for run in runs["causeway"]]), "runs": runs}


def _run(lab, plan, mode):
    path = lab.path("memif")
    server = relays.memif(path, "server", f",mac={RELAY_MAC}")
    client = relays.memif(path, "client", f",mac={GENERATOR_MAC}")
    generator = Generator(lab, ["--device", client])
    load = ["--allocations", ALLOCATIONS, "--load", "channeldata", "--rate", AS_FAST_AS_IT_GOES,
            "--duration", plan.link_seconds]
    causeway, reflect = mode == "causeway", ()
    if causeway:
        relay = relays.Causewayd(lab, ("--device", server))
    else:
        relay = relays.Testpmd(lab, server, mode)
        reflect = ("--reflect", relay.mac)
    window = Window(relay)
    load = generator.run(*load, *reflect, seconds=plan.link_seconds + 60,
                         on_phase=window.on_phase)["load"]
    relay.stop()
    return {"received_pps": load["received_pps"], "sent_pps": load["sent_pps"],
            "loss": load["loss"], "p99_us": load["latency_us"]["p99"],
            "worker_ns_per_packet": (relay.busy_ns_per_packet(window, load["sent"]) if causeway
                                     else None),  # testpmd forgets when a memif peer goes
            "busy": window.busy_share() if causeway else None}
