"""Plots of the results, as SVG. A plot whose figures are missing is left out."""

import os

import matplotlib

matplotlib.use("svg")
# pylint: disable=wrong-import-position
import matplotlib.pyplot as plt

from suite.results import CORE_SIZES, PEER_FLOWS, PEER_RELAYS

matplotlib.rcParams["svg.hashsalt"] = "causeway"  # the same figures, the same file
matplotlib.rcParams["svg.fonttype"] = "none"  # text as text
SIZE = (7, 3.6)
COLOURS = {"causeway": "#1b6ca8", "coturn": "#c8553d", "testpmd": "#8a8a8a", "5tswap": "#8a8a8a",
           "macswap": "#b5b5b5"}


def draw(document, folder):
    """The names of the files that were written."""
    names = []
    for plot in (core, link, peer_rate, peer_latency, scale):
        figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
        try:
            if plot(document, axes):
                name = f"{plot.__name__.replace('_', '-')}.svg"
                figure.savefig(os.path.join(folder, name), metadata={"Date": None})
                names.append(name)
        finally:
            plt.close(figure)
    return names


def _bars(axes, spreads, unit):
    """A bar with its spread for each {name: spread}."""
    known = {name: spread for name, spread in spreads.items() if spread}
    for position, (name, spread) in enumerate(known.items()):
        middle = spread["median"]
        axes.bar(position, middle, color=COLOURS.get(name, "#1b6ca8"), width=0.6,
                 yerr=[[middle - spread["min"]], [spread["max"] - middle]], capsize=4)
    axes.set_xticks(range(len(known)), list(known))
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    return bool(known)


def core(document, axes):
    scenes = document["details"]["core"].get("scenes", {})
    for name in ("rte_hash", "first_channel.to_peer", "first_channel.to_client", "send", "data"):
        points = [(CORE_SIZES[size], by_name[name]["cycles"]["median"])
                  for size, by_name in scenes.items() if name in by_name]
        if points:
            axes.plot(*zip(*points), marker="o", label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("allocations")
    axes.set_ylabel("cycles a packet")
    if scenes:
        axes.legend(fontsize="small")
    return bool(scenes)


def link(document, axes):
    axes.set_title("memif, one core each")
    return _bars(axes, document["details"]["link"].get("mpps", {}), "million packets/s")


def _of_peers(document, key):
    details = document["details"]["peer"]
    return {kind: details[_with_most_flows(kind)].get(key) for kind in PEER_RELAYS
            if _with_most_flows(kind) in details}


def _with_most_flows(kind):
    return f"{kind}_{max(PEER_FLOWS)}"


def peer_rate(document, axes):
    axes.set_title("veth, highest rate under 0.1 % loss")
    return _bars(axes, _of_peers(document, "pps"), "packets/s")


def peer_latency(document, axes):
    quantiles = ("p50", "p90", "p99", "p99_9")
    drawn = False
    for kind in ("causeway", "coturn"):
        loads = document["details"]["peer"].get(_with_most_flows(kind), {}).get("common", [])
        if loads:
            latency = loads[len(loads) // 2]["latency_us"]
            axes.plot(quantiles, [latency[name] for name in quantiles], marker="o", label=kind,
                      color=COLOURS[kind])
            drawn = True
    axes.set_yscale("log")
    axes.set_ylabel("µs")
    axes.set_title("latency at half of coturn's highest rate")
    if drawn:
        axes.legend()
    return drawn


def scale(document, axes):
    model = document["details"]["scale"].get("model")
    if not model:
        return False
    points = model["mpps_by_workers"]
    axes.plot(*zip(*points), linestyle="--", color="#8a8a8a", label="model")
    axes.plot(*zip(*points[:2]), marker="o", color=COLOURS["causeway"], label="measured")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("workers")
    axes.set_ylabel("million packets/s")
    axes.legend()
    return True
