"""The figures by their keys, and why some are missing."""

import math

from suite.plan import PARTS

CORE_SIZES = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}
# What is compared with the first channel of the same direction.
CORE_WAYS = ("second_channel", "alternating_channels", "ipv6", "checksum0", "limits",
             "handoff")
CORE_INDICATIONS = ("send", "data")
PEER_RELAYS = ("causeway", "coturn", "testpmd")
PEER_FLOWS = (1, 1000)
_KEYS = {
    "core": [*(f"{size}.{key}" for size in CORE_SIZES for key in
               ("cycles_per_packet", "mpps", "rte_hash_cycles", "rte_hash_ratio")),
             "100k.mixed.cycles",
             *(f"100k.{way}.{key}" for way in CORE_WAYS for key in
               ("to_peer.cycles", "to_peer.ratio", "to_client.cycles", "to_client.ratio", "ratio")),
             *(f"100k.{kind}.{key}" for kind in CORE_INDICATIONS for key in ("cycles", "ratio")),
             "100k.handoff.dropped_share", "growth_ratio", "idle_poll.empty", "idle_poll.held64"],
    "link": ["mpps", "testpmd_mpps", "ratio"],
    "peer": [*(f"{relay}.{key}" for relay in ("causeway", "coturn")
               for key in ("pps", "cpu_ns_per_packet", "p50_us", "p99_us")),
             "testpmd.pps", "testpmd.cpu_ns_per_packet", "pps_ratio", "cpu_ratio", "p99_ratio",
             "testpmd_ratio", "testpmd_cpu_ratio",
             *(f"{relay}_{flows}.{key}" for flows in PEER_FLOWS for relay in PEER_RELAYS
               for key in ("pps", "cpu_ns_per_packet")),
             *(f"{relay}_{flows}.ratio" for flows in PEER_FLOWS
               for relay in PEER_RELAYS if relay != "causeway")],
    "allocations": ["causeway_per_s", "coturn_per_s", "ratio", "forward_p99_us_idle",
                    "forward_p99_us_storm", "forward_p99_ratio"],
    "idle": [f"{size}.{key}" for size in ("100k", "1m")
             for key in ("bytes_per_allocation", "control_cpu_share", "forward_p99_us")],
    "routes": [*(f"{size}.allocate_{key}_us_{kind}" for size in ("19k", "500k")
                 for key in ("p50", "p99", "max") for kind in ("quiet", "changing")),
               *(f"{size}.allocate_{key}_ratio" for size in ("19k", "500k")
                 for key in ("p50", "p99"))],
    "scale": ["one.mpps", "two.mpps"],
}
KEYS = [f"{part}.{key}" for part in PARTS for key in _KEYS[part]]


class Results:
    """Figures by dotted key; `details` holds per part what has no key: spreads, rates tried."""

    def __init__(self):
        self._figures = dict.fromkeys(KEYS)
        self.details = {part: {} for part in PARTS}
        self.reasons = {}
        self.broken = False

    def set(self, key, value):
        """A figure; None and what is no finite number stay unmeasured."""
        if key not in self._figures:
            raise KeyError(key)
        if value is not None and math.isfinite(value):
            self._figures[key] = float(f"{value:.6g}")

    def get(self, key):
        return self._figures[key]

    def explain(self, key, reason, broken):
        """Why a key, or a part of the keys, was not measured; `broken` when a program failed."""
        self.reasons[key] = " ".join(str(reason).split())
        self.broken = self.broken or broken

    def close_gaps(self):
        """Every figure that is missing has a reason."""
        for key, value in self._figures.items():
            names = [".".join(key.split(".")[:count]) for count in range(1, key.count(".") + 2)]
            if value is None and not any(name in self.reasons for name in names):
                self.explain(key, "it follows from a figure that was not measured", broken=False)

    def tree(self):
        """The figures as nested dictionaries."""
        top = {}
        for key, value in self._figures.items():
            *parents, last = key.split(".")
            node = top
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        return top
