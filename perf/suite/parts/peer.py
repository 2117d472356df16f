"""The relay, coturn and testpmd's macswap, each over the same veth pair with the same packets, of
1,000 flows and of one."""

from suite import relays
from suite.generator import Generator
from suite.lab import Failure, Unavailable
from suite.profile import Recording
from suite.results import KEYS, PEER_FLOWS
from suite.spread import interleave, median, ratio, spread
from suite.window import Window

MOST_FLOWS = max(PEER_FLOWS)
LOSS_BOUND_PERCENT = 0.1
MIN_PPS, MAX_PPS = 5_000, 3_000_000
SEARCH_SECONDS = 120
WITHOUT_COTURN_PPS = 50_000  # where latency is measured then
PROFILE_PPS = 100_000
BUSY_SHARE = 0.9  # of its own highest rate: where a relay's CPU a packet is measured
# coturn first: its highest rate decides where latency is compared.
KINDS = ("coturn", "causeway", "testpmd")


class Series:
    """What is collected of one relay with so many flows."""

    def __init__(self):
        self.pps, self.trials = [], []
        self.busy, self.common = [], []  # loads: near its highest rate, at the common one


def measure(lab, plan, results, say):
    series = {(kind, flows): Series() for flows in PEER_FLOWS for kind in KINDS}
    failed = set()
    for flows in PEER_FLOWS:
        for number, kind in enumerate(interleave(plan.peer_repeats, *KINDS)):
            if (kind, flows) in failed:
                continue
            say(f"peer: {kind}, flows: {flows}, run {number // len(KINDS) + 1} of "
                f"{plan.peer_repeats}")
            try:
                _round(lab, plan, results, kind, flows, series)
            except (Failure, Unavailable) as reason:
                failed.add((kind, flows))
                for name in _names(kind, flows):
                    results.explain(f"peer.{name}", reason, broken=isinstance(reason, Failure))
            finally:
                lab.end_processes()
    conclude(results, {key: one for key, one in series.items() if key not in failed})


def _names(kind, flows):
    """What the figures of a relay with so many flows are under."""
    return [f"{kind}_{flows}"] + ([kind] if flows == MOST_FLOWS else [])


def _round(lab, plan, results, kind, flows, series):
    lab.wire()
    start = START[kind]
    one = series[kind, flows]
    relay = start(lab)
    if kind == "coturn":
        results.details["peer"]["coturn_newest"] = relay.newest
    report = _generator(lab, relay, flows, "--search", "--loss-bound", LOSS_BOUND_PERCENT,
                        "--trial", plan.peer_trial_seconds, "--resolution",
                        plan.peer_resolution_percent, "--min-rate", MIN_PPS, "--max-rate", MAX_PPS,
                        seconds=SEARCH_SECONDS)
    relay.stop()
    one.pps.append(report["search"]["rate_pps"])
    one.trials.append(report["search"]["trials"])
    one.busy.append(_load(lab, plan, start, flows, one.pps[-1] * BUSY_SHARE))
    if flows == MOST_FLOWS:
        coturn = series["coturn", flows].pps
        common = coturn[0] / 2 if coturn else WITHOUT_COTURN_PPS
        one.common.append(_load(lab, plan, start, flows, common))


def _macswap(lab):
    return relays.Testpmd(lab, "net_af_xdp0,iface=relay0", "macswap")


START = {"coturn": relays.Coturn, "causeway": relays.Causewayd, "testpmd": _macswap}


def _generator(lab, relay, flows, *arguments, seconds, on_phase=None):
    reflect = ["--reflect", relay.mac] if isinstance(relay, relays.Testpmd) else []
    return Generator(lab, ("--interface", "gen0")).run(
        "--allocations", flows, "--load", "both", *reflect, *arguments, seconds=seconds,
        on_phase=on_phase)


def _load(lab, plan, start, flows, rate):
    """A relay of its own: testpmd counts its cycles from its start to its end."""
    relay = start(lab)
    window = Window(relay)
    load = _generator(lab, relay, flows, "--rate", round(rate), "--duration",
                      plan.peer_load_seconds, seconds=plan.peer_load_seconds + 30,
                      on_phase=window.on_phase)["load"]
    relay.stop()
    own = relay.busy_ns_per_packet(window, load["sent"])
    softirq = window.spent_ns("ksoftirqd") / load["sent"]
    return {"offered_pps": rate, "sent": load["sent"], "loss": load["loss"],
            "own_ns_per_packet": own, "ksoftirqd_ns_per_packet": softirq,
            "cpu_ns_per_packet": None if own is None else own + softirq,
            "latency_us": load["latency_us"]}


def profile(lab, plan, missed):
    """Of the relay, and of what it is compared with, at a rate that any of them can take."""
    others = {kind for key in missed for kind in ("testpmd", "coturn") if kind in key}
    lines = {}
    for kind in ["causeway", *sorted(others)]:
        lab.wire()
        relay = START[kind](lab)
        recording = Recording(relay.pid, lab.path("perf.data"))
        _generator(lab, relay, MOST_FLOWS, "--rate", PROFILE_PPS, "--duration",
                   plan.peer_load_seconds, seconds=plan.peer_load_seconds + 30,
                   on_phase=recording.on_phase)
        relay.stop()
        lines[f"peer, {kind}"] = recording.lines()
        lab.end_processes()
    return lines


def conclude(results, series):
    """The figures of {(relay, flows): Series}."""
    details = results.details["peer"]
    for (kind, flows), one in series.items():
        figures = {"pps": one.pps,
                   "cpu_ns_per_packet": [load["cpu_ns_per_packet"] for load in one.busy],
                   "cpu_ns_per_packet_common": [load["cpu_ns_per_packet"] for load in one.common],
                   "p50_us": [load["latency_us"]["p50"] for load in one.common],
                   "p99_us": [load["latency_us"]["p99"] for load in one.common]}
        for name in _names(kind, flows):
            for key, values in figures.items():
                if f"peer.{name}.{key}" in KEYS:
                    results.set(f"peer.{name}.{key}", median(values))
        details[f"{kind}_{flows}"] = {
            **{key: spread(values) for key, values in figures.items()},
            "busy": one.busy, "common": one.common, "trials": one.trials}
    details["loss_bound_percent"] = LOSS_BOUND_PERCENT
    for flows in PEER_FLOWS:
        for kind in KINDS:
            if kind != "causeway":
                results.set(f"peer.{kind}_{flows}.ratio",
                            ratio(results.get(f"peer.causeway_{flows}.pps"),
                                  results.get(f"peer.{kind}_{flows}.pps")))
    for key, other, figure in (("pps_ratio", "coturn", "pps"), ("testpmd_ratio", "testpmd", "pps"),
                               ("cpu_ratio", "coturn", "cpu_ns_per_packet"),
                               ("testpmd_cpu_ratio", "testpmd", "cpu_ns_per_packet"),
                               ("p99_ratio", "coturn", "p99_us")):
        results.set(f"peer.{key}", ratio(results.get(f"peer.causeway.{figure}"),
                                         results.get(f"peer.{other}.{figure}")))
