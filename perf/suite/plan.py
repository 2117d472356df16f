"""How long and how often to measure: about six minutes in a quick run, about thirty in a full
one."""

from dataclasses import dataclass

PARTS = ("core", "link", "peer", "allocations", "idle", "routes", "scale")
PAYLOAD_BYTES = 172  # 20 ms of G.711 in RTP


@dataclass(frozen=True)
class Plan:
    """Seconds are of measuring proper; `repeats` is how often the A B of a part is run."""

    name: str
    core_repeats: int
    core_laps: int  # turns of every scene, in each of the repeats
    link_repeats: int
    link_seconds: float
    peer_repeats: int
    peer_trial_seconds: float  # each rate that the search tries
    peer_resolution_percent: float  # at which the search ends
    peer_load_seconds: float  # at the rate where CPU and latency are compared
    allocations_repeats: int
    allocations_seconds: float
    idle_repeats: int  # the quiet node and the one with idle allocations in turn
    idle_seconds: float
    routes_repeats: int  # at rest and changing, in turn
    routes_seconds: float
    scale_repeats: int
    scale_seconds: float


QUICK = Plan("quick", core_repeats=2, core_laps=4, link_repeats=7, link_seconds=1,
             peer_repeats=1, peer_trial_seconds=0.7, peer_resolution_percent=5,
             peer_load_seconds=3, allocations_repeats=1, allocations_seconds=4, idle_repeats=1,
             idle_seconds=5, routes_repeats=2, routes_seconds=4, scale_repeats=3, scale_seconds=0.2)
FULL = Plan("full", core_repeats=5, core_laps=8, link_repeats=12, link_seconds=3,
            peer_repeats=3, peer_trial_seconds=2, peer_resolution_percent=2,
            peer_load_seconds=10, allocations_repeats=3, allocations_seconds=10, idle_repeats=2,
            idle_seconds=20, routes_repeats=5, routes_seconds=10, scale_repeats=5, scale_seconds=2)
