"""The relay, coturn and testpmd's macswap, each over the same veth pair with the same packets."""

from suite import relays
from suite.generator import Generator
from suite.lab import Failure, Unavailable
from suite.results import KEYS
from suite.spread import interleave, median, ratio, spread
from suite.window import Window

ALLOCATIONS = 1000
LOAD = ("--allocations", ALLOCATIONS, "--load", "both")
LOSS_BOUND_PERCENT = 0.1
MIN_PPS, MAX_PPS = 5_000, 3_000_000
SEARCH_SECONDS = 120
WITHOUT_COTURN_PPS = 50_000  # where Causeway's CPU and latency are measured then
# coturn first: its highest rate decides where CPU and latency are compared.
KINDS = ("coturn", "causeway", "testpmd")


class _Series:
    """What is collected of one relay."""

    def __init__(self):
        self.pps, self.cpu_ns, self.loads, self.trials = [], [], [], []


def measure(lab, plan, results, say):
    series = {kind: _Series() for kind in KINDS}
    failed = {}
    for number, kind in enumerate(interleave(plan.peer_repeats, *KINDS)):
        if kind in failed:
            continue
        say(f"peer: {kind}, run {number // len(KINDS) + 1} of {plan.peer_repeats}")
        try:
            _round(lab, plan, kind, series)
        except (Failure, Unavailable) as reason:
            failed[kind] = reason
            results.explain(f"peer.{kind}", reason, broken=isinstance(reason, Failure))
        finally:
            lab.end_processes()
    _conclude(results, {kind: series[kind] for kind in KINDS if kind not in failed})


def _round(lab, plan, kind, series):
    lab.wire()
    generator = Generator(lab, ("--interface", "gen0"))
    start = {"coturn": relays.Coturn, "causeway": relays.Causewayd, "testpmd": _macswap}[kind]
    relay = start(lab)
    load = [*LOAD, *(["--reflect", relay.mac] if kind == "testpmd" else [])]
    report = generator.run(*load, "--search", "--loss-bound", LOSS_BOUND_PERCENT, "--trial",
                           plan.peer_trial_seconds, "--resolution", plan.peer_resolution_percent,
                           "--min-rate", MIN_PPS, "--max-rate", MAX_PPS, seconds=SEARCH_SECONDS)
    series[kind].pps.append(report["search"]["rate_pps"])
    series[kind].trials.append(report["search"]["trials"])
    if kind == "testpmd":  # it counts cycles from its start to its end
        relay.stop()
        relay = start(lab)
    _compare(plan, kind, generator, relay, load, series)


def _macswap(lab):
    return relays.Testpmd(lab, "net_af_xdp0,iface=relay0", "macswap")


def _compare(plan, kind, generator, relay, load, series):
    """CPU and latency at half of the highest rate that coturn had in its first search."""
    window = Window(relay)
    rate = series["coturn"].pps[0] / 2 if series["coturn"].pps else WITHOUT_COTURN_PPS
    report = generator.run(*load, "--rate", round(rate), "--duration", plan.peer_load_seconds,
                           seconds=plan.peer_load_seconds + 30, on_phase=window.on_phase)
    relay.stop()
    load = report["load"]
    own = relay.busy_ns_per_packet(window, load["sent"])
    softirq = window.spent_ns("ksoftirqd") / load["sent"]
    series[kind].cpu_ns.append(None if own is None else own + softirq)
    series[kind].loads.append({
        "offered_pps": rate, "sent": load["sent"], "loss": load["loss"],
        "own_ns_per_packet": own, "ksoftirqd_ns_per_packet": softirq,
        "latency_us": load["latency_us"]})


def _conclude(results, series):
    details = results.details["peer"]
    for kind, one in series.items():
        loads = one.loads
        figures = {"pps": one.pps, "cpu_ns_per_packet": one.cpu_ns,
                   "p50_us": [load["latency_us"]["p50"] for load in loads],
                   "p99_us": [load["latency_us"]["p99"] for load in loads]}
        for key, values in figures.items():
            if f"peer.{kind}.{key}" in KEYS:
                results.set(f"peer.{kind}.{key}", median(values))
        details[kind] = {**{key: spread(values) for key, values in figures.items()},
                         "loads": loads, "trials": one.trials}
    details["allocations"] = ALLOCATIONS
    details["loss_bound_percent"] = LOSS_BOUND_PERCENT
    for key, other, figure in (("pps_ratio", "coturn", "pps"), ("testpmd_ratio", "testpmd", "pps"),
                               ("cpu_ratio", "coturn", "cpu_ns_per_packet"),
                               ("p99_ratio", "coturn", "p99_us")):
        results.set(f"peer.{key}", ratio(results.get(f"peer.causeway.{figure}"),
                                         results.get(f"peer.{other}.{figure}")))
