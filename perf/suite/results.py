"""The figures by their keys, why some are missing, and whether the targets are met."""

import math
from dataclasses import dataclass

from suite.plan import PARTS

CORE_SIZES = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}
# What is compared with the first channel of the same direction.
CORE_WAYS = ("second_channel", "alternating_channels", "ipv6", "checksum0", "handoff")
CORE_INDICATIONS = ("send", "data")
_KEYS = {
    "core": [*(f"{size}.{key}" for size in CORE_SIZES for key in
               ("cycles_per_packet", "mpps", "rte_hash_cycles", "rte_hash_ratio")),
             "100k.mixed.cycles",
             *(f"100k.{way}.{key}" for way in CORE_WAYS for key in
               ("to_peer.cycles", "to_peer.ratio", "to_client.cycles", "to_client.ratio", "ratio")),
             *(f"100k.{kind}.{key}" for kind in CORE_INDICATIONS for key in ("cycles", "ratio")),
             "100k.handoff.dropped_share", "idle_poll.empty", "idle_poll.held64"],
    "link": ["mpps", "testpmd_mpps", "ratio"],
    "peer": [*(f"{relay}.{key}" for relay in ("causeway", "coturn")
               for key in ("pps", "cpu_ns_per_packet", "p50_us", "p99_us")),
             "testpmd.pps", "pps_ratio", "cpu_ratio", "p99_ratio", "testpmd_ratio"],
    "allocations": ["causeway_per_s", "coturn_per_s", "ratio", "forward_p99_us_idle",
                    "forward_p99_us_storm"],
    "idle": [f"{size}.{key}" for size in ("100k", "1m")
             for key in ("bytes_per_allocation", "control_cpu_share", "forward_p99_us")],
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


@dataclass(frozen=True)
class Target:
    figure: str
    target: str
    measured: float | None
    unit: str
    met: bool | None  # None: not measured


def targets(results):
    """The table of what was promised."""
    get = results.get

    def target(figure, text, value, unit, holds):
        return Target(figure, text, value, unit, None if value is None else holds(value))

    def at_most(figure, key, bound):
        return target(figure, f"at most {bound}", get(key), "×", lambda value: value <= bound)

    def quotient(a, b):
        return get(a) / get(b) if get(a) is not None and get(b) else None

    return [
        target("core: 100,000 allocations at random, slower direction of ChannelData",
               "at most 110", get("core.100k.cycles_per_packet"), "cycles a packet",
               lambda value: value <= 110),
        target("core: 1,000,000 allocations over 1,000", "at most 1.6",
               quotient("core.1m.cycles_per_packet", "core.1k.cycles_per_packet"), "×",
               lambda value: value <= 1.6),
        *(at_most(f"core: {size} allocations, over rte_hash_lookup_bulk of the same clients",
                  f"core.{key}.rte_hash_ratio", 1.2)
          for key, size in (("100k", "100,000"), ("1m", "1,000,000"))),
        *(at_most(f"core: 100,000, {text}, over the first channel", f"core.100k.{key}.ratio", bound)
          for key, text, bound in (("second_channel", "second channel", 1.3), ("ipv6", "IPv6", 1.3),
                                   ("send", "Send indications", 1.8),
                                   ("data", "Data indications", 1.8),
                                   ("handoff", "all handed off", 1.6))),
        target("link: rate over testpmd's 5tswap", "at least 0.6", get("link.ratio"), "×",
               lambda value: value >= 0.6),
        target("peer: CPU of the relay's core a packet over coturn's", "at most 0.125",
               get("peer.cpu_ratio"), "×", lambda value: value <= 0.125),
        target("peer: highest rate over testpmd's macswap", "at least 0.9",
               get("peer.testpmd_ratio"), "×", lambda value: value >= 0.9),
        target("peer: highest rate over coturn's", "at least 3", get("peer.pps_ratio"), "×",
               lambda value: value >= 3),
        target("peer: p99 over coturn's, at half of coturn's highest rate", "below 1",
               get("peer.p99_ratio"), "×", lambda value: value < 1),
        target("allocations: a second of the control core", "at least 100,000",
               get("allocations.causeway_per_s"), "/s", lambda value: value >= 100_000),
        target("allocations: forwarding p99 in the storm over the quiet one", "at most 2",
               quotient("allocations.forward_p99_us_storm", "allocations.forward_p99_us_idle"),
               "×", lambda value: value <= 2),
        target("idle: memory an allocation at 1,000,000", "at most 512",
               get("idle.1m.bytes_per_allocation"), "B", lambda value: value <= 512),
    ]
