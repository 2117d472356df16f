"""What was promised, and whether it is met."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    key: str
    figure: str
    target: str
    measured: float | None
    unit: str
    met: bool | None  # None: not measured


AT_MOST = ("at most", lambda value, bound: value <= bound)
AT_LEAST = ("at least", lambda value, bound: value >= bound)
BELOW = ("below", lambda value, bound: value < bound)

_FIRST = "over the first channel, the slower direction"
TARGETS = (
    ("core.100k.cycles_per_packet",
     "100,000 allocations at random, slower direction of ChannelData", AT_MOST, 110,
     "cycles a packet"),
    ("core.growth_ratio", "1,000,000 allocations over 1,000", AT_MOST, 1.6, "×"),
    ("core.100k.rte_hash_ratio", "100,000 allocations over rte_hash_lookup_bulk", AT_MOST, 1.2,
     "×"),
    ("core.1m.rte_hash_ratio", "1,000,000 allocations over rte_hash_lookup_bulk", AT_MOST, 1.2,
     "×"),
    ("core.100k.second_channel.ratio", f"the second channel {_FIRST}", AT_MOST, 1.3, "×"),
    ("core.100k.ipv6.ratio", f"IPv6 {_FIRST}", AT_MOST, 1.3, "×"),
    ("core.100k.send.ratio", "Send indications over the first channel", AT_MOST, 1.8, "×"),
    ("core.100k.data.ratio", "Data indications over the first channel", AT_MOST, 1.8, "×"),
    ("core.100k.handoff.ratio", f"packets of another shard {_FIRST}", AT_MOST, 1.6, "×"),
    ("core.100k.limits.ratio", "limits on over limits off, the slower direction", AT_MOST, 1.1,
     "×"),
    ("link.ratio", "rate over testpmd's 5tswap", AT_LEAST, 0.95, "×"),
    ("peer.testpmd_ratio", "highest rate over testpmd's macswap", AT_LEAST, 0.95, "×"),
    ("peer.testpmd_cpu_ratio", "CPU of the relay's core a packet over testpmd's", AT_MOST, 1.15,
     "×"),
    ("peer.pps_ratio", "highest rate over coturn's", AT_LEAST, 3, "×"),
    ("peer.p99_ratio", "p99 over coturn's, at half of coturn's highest rate", BELOW, 1, "×"),
    ("allocations.causeway_per_s", "a second of the control core", AT_LEAST, 300_000, "/s"),
    ("allocations.forward_p99_ratio", "forwarding p99 in the storm over the quiet one", AT_MOST,
     1.5, "×"),
    ("idle.1m.bytes_per_allocation", "memory an allocation at 1,000,000, meter included", AT_MOST,
     576, "B"),
    ("routes.500k.allocate_p99_ratio",
     "Allocate's p99 with 500,000 routes and 50 changes a second, over the quiet one", AT_MOST, 2,
     "×"),
)


def targets(results):
    """All of them, in the order of the report."""
    rows = []
    for key, figure, (words, holds), bound, unit in TARGETS:
        value = results.get(key)
        rows.append(Target(key, f"{key.split('.')[0]}: {figure}", f"{words} {bound:,}", value, unit,
                           None if value is None else holds(value, bound)))
    return rows
