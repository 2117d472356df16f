"""The results in words: tables for the terminal, and report.md."""

import os
import textwrap

from suite.plan import PARTS
from suite.relays import COTURN_NEWEST
from suite.results import KEYS, PEER_FLOWS, PEER_RELAYS

NOT_MEASURED = "not measured"


def number(value):
    """Three digits and more, without an exponent."""
    if value is None:
        return NOT_MEASURED
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(target):
    return {True: "met", False: "not met", None: NOT_MEASURED}[target["met"]]


def figure(document, key):
    node = document
    for part in key.split("."):
        node = node[part]
    return node


def terminal(document):
    """The figures, the targets, and what is missing."""
    lines = [""]
    for part in document["seconds"]:
        lines += [f"{key:36}{number(figure(document, key)):>14}" for key in KEYS
                  if key.startswith(f"{part}.")]
    if document["targets"]:
        lines += target_lines(document)
    lines.append("")
    if reasons := unwanted_gaps(document):
        lines += ["not measured:", *(f"  {key}: {reason}" for key, reason in reasons), ""]
    return "\n".join(lines)


def target_row(target):
    measured = number(target["measured"])
    if target["measured"] is not None:
        measured += f" {target['unit']}"
    return target["figure"], target["target"], measured, verdict(target)


def target_lines(document):
    rows = [("target", "wanted", "measured", "")]
    for target in document["targets"]:
        rows.append(target_row(target))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["", *("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                  for row in rows)]


def unwanted_gaps(document):
    """(key, reason) of what should have been measured."""
    return [(key, reason) for key, reason in document["reasons"].items() if key not in PARTS
            or key in document["seconds"]]


def table(heading, rows):
    lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
              for row in rows]
    return lines + [""]


def with_spread(spread, scale=1.0):
    """median (min–max, repeats)"""
    if not spread:
        return NOT_MEASURED
    low, high = number(spread["min"] * scale), number(spread["max"] * scale)
    if spread["repeats"] == 1:
        return number(spread["median"] * scale)
    return f"{number(spread['median'] * scale)} ({low}–{high})"


def markdown(document, plots):
    machine = document["machine"]
    lines = ["# Measured", "",
             f"`perf/run`, {document['plan']} plan, {document['began']}. Medians; in brackets the "
             "lowest and the highest of the repeats.", "", "## Targets", ""]
    lines += table(("figure", "wanted", "measured", ""), map(target_row, document["targets"]))
    lines += [f"![{os.path.basename(plot)}]({plot})" for plot in plots] + [""]
    for part in (core, link, peer, allocations, idle, scale):
        detail = document["details"].get(part.__name__)
        if detail:
            lines += part(document, detail)
    lines += profile_lines(document["profiles"])
    if reasons := unwanted_gaps(document):
        lines += ["## Not measured", "", *table(("figure", "why"), reasons)]
    lines += ["## Machine", "", *table(("", ""), machine_rows(machine))]
    lines += ["## All figures", "", *table(("key", "value"), (
        (f"`{key}`", number(figure(document, key))) for key in KEYS))]
    return "\n".join(lines).rstrip() + "\n"


def profile_lines(profiles):
    """What was recorded because a target is not met."""
    if not profiles:
        return []
    lines = ["## Profiles of targets that are not met", "",
             "`core` is instructions a packet, by function, under callgrind, of the scenes that "
             "miss and of their references; `idle` is bytes an allocation by mapping; the others "
             "are samples of all threads under load, by `perf record`.", ""]
    for name, rows in profiles.items():
        lines += [f"{name}:", "", "```", *rows, "```", ""]
    return lines


BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def into(page, document, plots, folder):
    """The page with the tables and plots between its two marks replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    text = markdown(document, [f"{folder}/{plot}" for plot in plots])
    tables = "\n".join(f"#{line}" if line.startswith("#") else line
                       for line in wrapped(text.splitlines()[2:]))
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def wrapped(lines):
    """Prose in lines of 100 columns, as all pages are; tables, pictures and code as they are."""
    code = False
    for line in lines:
        code ^= line.startswith("```")
        if code or line.startswith(("|", "!", "```")) or len(line) <= 100:
            yield line
        else:
            yield from textwrap.wrap(line, 100, break_long_words=False, break_on_hyphens=False)


def machine_rows(machine):
    return [(key.replace("_", " "), "-" if value is None else
             (f"{value:g}" if isinstance(value, float) else value))
            for key, value in machine.items()]


def core(_, detail):
    sizes = ("1k", "100k", "1m")
    names = list(dict.fromkeys(name for size in sizes for name in detail["scenes"][size]))
    rows = []
    for name in names:
        scenes = [detail["scenes"][size].get(name, {}) for size in sizes]
        rows.append((name, *(with_spread(scene["cycles"]) if scene else "" for scene in scenes),
                     with_spread(scenes[1]["ratios"]) if scenes[1].get("ratios") else ""))
    return ["## Core: cycles a packet of the shard alone", "",
            f"{detail['payload_bytes']} bytes of data, {detail['memory']}, TSC at "
            f"{detail['tsc_hz'] / 1e9:.2f} GHz. `port` is the port of rings with nothing between; "
            "`first_channel` is compared with `rte_hash`, all else with `first_channel` of the "
            "same direction; `idle_poll` is cycles a poll.", "",
            *table(("scene", "1,000 allocations", "100,000", "1,000,000", "ratio at 100,000"),
                   rows)]


def link(_, detail):
    rows = [(mode, with_spread(rate)) for mode, rate in detail["mpps"].items()]
    busy = detail["worker_busy"]
    return ["## Link: million packets a second over memif", "",
            *table(("forwarder", "Mpps"), rows),
            "Causeway's worker found work in "
            f"{with_spread(busy, 100)} % of its time, "
            f"{with_spread(detail['worker_ns_per_packet'])} ns a packet: what is missing to 100 % "
            "is the generator's limit, not the relay's.", ""]


def coturn_words(newest):
    """Which of coturn's newest options it ran with."""
    if newest:
        return f"coturn ran with `{' '.join(newest)}`."
    return f"This coturn knows neither {' nor '.join(f'`{option}`' for option in COTURN_NEWEST)}."


def peer(document, detail):
    columns = ("pps", "cpu_ns_per_packet", "cpu_ns_per_packet_common", "p50_us", "p99_us")
    rows = []
    for flows in sorted(PEER_FLOWS, reverse=True):
        for kind in PEER_RELAYS:
            one = detail.get(f"{kind}_{flows}")
            if one:
                rows.append((kind, f"{flows:,}", *(with_spread(one[key]) if one.get(key) else "-"
                                                   for key in columns)))
    ratios = document["peer"]
    lines = ["## Peer: over one veth pair", "", *table(
        ("relay", "flows", f"packets/s under {detail['loss_bound_percent']} % loss",
         "CPU ns a packet at 90 % of that", "and at half of coturn's rate", "p50 µs there",
         "p99 µs there"), rows)]
    if "coturn_newest" in detail:
        lines += [coturn_words(detail["coturn_newest"]), ""]
    return lines + [
        f"Causeway over coturn: {number(ratios['pps_ratio'])} × the packets "
        f"({number(ratios['coturn_1']['ratio'])} × with one flow), {number(ratios['cpu_ratio'])} × "
        f"the CPU, {number(ratios['p99_ratio'])} × the p99. Causeway over testpmd: "
        f"{number(ratios['testpmd_ratio'])} × the packets "
        f"({number(ratios['testpmd_1']['ratio'])} × with one flow), "
        f"{number(ratios['testpmd_cpu_ratio'])} × the CPU.", ""]


def allocations(_, detail):
    rows = [(kind, *(with_spread(detail[kind][key]) for key in
                     ("per_cpu_s", "per_wall_s", "p99_us_idle", "p99_us_storm")))
            for kind in ("causeway", "coturn") if detail.get(kind)]
    return ["## Allocations: authenticated, made and deleted", "", *table(
        ("relay", "per CPU second of control", "per second", "forward p99 µs, quiet",
         "forward p99 µs, storm"), rows)]


def idle(document, detail):
    rows = []
    for size in ("100k", "1m"):
        one = detail.get(size)
        if one:
            run = one["runs"]["idle"][-1]
            rows.append((f"{run['allocations']:,}", number(run["rss"] / 2**20),
                         number(run["hugepages"] / 2**20),
                         number(document["idle"][size]["bytes_per_allocation"]),
                         number(one["bytes_per_allocation_beyond_empty_node"]),
                         with_spread(one["control_cpu_share_none"], 100),
                         with_spread(one["control_cpu_share"], 100),
                         with_spread(one["forward_p99_us_none"]),
                         with_spread(one["forward_p99_us"])))
    empty = detail.get("empty_node", {})
    return ["## Idle: allocations kept alive", "",
            f"An empty node takes {number(sum(empty.values()) / 2**20)} MB.", "", *table(
                ("allocations", "RSS MB", "hugepages MB", "bytes an allocation",
                 "beyond an empty node", "control CPU % with none", "with these",
                 "forward p99 µs with none", "with these"), rows)]


def scale(_, detail):
    model = detail["model"]
    rows = [(workers, number(mpps), "measured" if workers <= 2 else "model")
            for workers, mpps in model["mpps_by_workers"]]
    return ["## Scale: workers", "",
            f"One worker {with_spread(detail['one'])} Mpps, two {with_spread(detail['two'])} Mpps. "
            f"Amdahl's serial share from these two: {model['serial_share']:.3f}; beyond two cores "
            "the figures are what the law says, not a measurement.", "",
            *table(("workers", "Mpps", ""), rows)]
