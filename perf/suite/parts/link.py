"""The relay against a forwarder that does no work, over the same memif link."""

from suite import relays
from suite.generator import Generator
from suite.lab import GENERATOR_MAC, RELAY_MAC
from suite.spread import interleave, median, ratio, spread
from suite.window import Window

ALLOCATIONS = 1000
AS_FAST_AS_IT_GOES = 0


def measure(lab, plan, results, say):
    modes = ("causeway", "5tswap", "macswap")
    runs = {mode: [] for mode in modes}
    lab.spaces()
    for number, mode in enumerate(interleave(plan.link_repeats, *modes)):
        say(f"link: {mode}, run {number // len(modes) + 1} of {plan.link_repeats}")
        runs[mode].append(_run(lab, plan, mode))
    rates = {mode: [run["received_pps"] / 1e6 for run in runs[mode]] for mode in modes}
    results.set("link.mpps", median(rates["causeway"]))
    results.set("link.testpmd_mpps", median(rates["5tswap"]))
    results.set("link.ratio", ratio(median(rates["causeway"]), median(rates["5tswap"])))
    results.details["link"] = {
        "allocations": ALLOCATIONS, "mpps": {mode: spread(rates[mode]) for mode in modes},
        "worker_busy": spread([run["busy"] for run in runs["causeway"]]), "runs": runs}


def _run(lab, plan, mode):
    path = lab.path("memif")
    server = relays.memif(path, "server", f",mac={RELAY_MAC}")
    client = relays.memif(path, "client", f",mac={GENERATOR_MAC}")
    generator = Generator(lab, ["--device", client])
    load = ["--allocations", ALLOCATIONS, "--load", "channeldata", "--rate", AS_FAST_AS_IT_GOES, "--duration",
            plan.link_seconds]
    if mode != "causeway":
        relay = relays.Testpmd(lab, server, mode)
        report = generator.run(*load, "--reflect", relay.mac, seconds=plan.link_seconds + 30)
        relay.stop()
        return _figures(report["load"])
    relay = relays.Causewayd(lab, ("--device", server))
    window = Window(relay)
    report = generator.run(*load, seconds=plan.link_seconds + 60, on_phase=window.on_phase)
    relay.stop()
    return _figures(report["load"], window)


def _figures(load, window=None):
    return {"received_pps": load["received_pps"], "sent_pps": load["sent_pps"],
            "loss": load["loss"], "p99_us": load["latency_us"]["p99"],
            "busy": window.busy_share() if window else None}
