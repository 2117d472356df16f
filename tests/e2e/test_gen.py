"""causeway-gen: what it measures of causewayd and of coturn, by every kind of load and flood."""

import json
import signal

from generator import Generator, Pair, addresses, check_flow, credentials
from lab import causeway_only
from process import check

REPORT_KEYS = {"tool", "version", "ok", "error", "command", "setup", "load", "search", "flood",
               "keepalive"}
UNLIMITED = ("--requests-per-prefix", "0", "--max-allocations", "5000")
GENTLE = ["--rate", "1000", "--duration", "0.3", "--quiet"]


def start(lab, pair, *arguments, **families):
    return lab.adopt(
        Generator(pair, lab.log("gen"), *addresses(**families), *credentials(), *arguments))


def measure(lab, pair, *arguments, **families):
    return start(lab, pair, *arguments, **families).ended_well()


def check_load(report, kind, allocations):
    check(set(report) == REPORT_KEYS, f"the report's keys are {sorted(report)}")
    check("secret" not in json.dumps(report), "the password is in the report")
    setup, load = report["setup"], report["load"]
    check(setup["allocations"] == allocations, f"setup: {setup}")
    check(load["kind"] == kind and load["received"] == load["sent"], f"load: {load}")
    for name, wanted in (("to_peer", kind != "peer"), ("to_client", kind in ("peer", "both"))):
        direction = load["directions"][name]
        check((direction is not None) == wanted, f"{kind}: direction {name} is {direction}")
        if wanted:
            check_flow(direction, f"{kind} {name}")


def check_loads(lab, pair):
    for number, kind in enumerate(("channeldata", "send", "peer", "both")):
        ports = ["--client-ports", f"{10000 + 1000 * number}-{10999 + 1000 * number}"]
        report = measure(lab, pair, "--load", kind, "--allocations", "50", *ports, *GENTLE)
        check_load(report, kind, 50)


def test_loads_with_causewayd(lab):
    """Every kind of load, both families and from one to the other, and the sizes of IMIX."""
    pair = lab.new_network(make=Pair)
    lab.relay(network=pair)
    check_loads(lab, pair)
    report = measure(lab, pair, "--load", "both", "--allocations", "20", *GENTLE, client=6, peer=6)
    check_load(report, "both", 20)
    report = measure(lab, pair, "--load", "send", "--allocations", "20", "--profile", "imix",
                     "--client-ports", "20000-20999", *GENTLE, client=4, peer=6)
    check_load(report, "send", 20)
    check(report["load"]["profile"] == "imix" and report["load"]["payload_bytes"] is None,
          f"profile: {report['load']['profile']}, {report['load']['payload_bytes']} bytes")


@causeway_only  # once is enough
def test_loads_with_coturn(lab):
    pair = lab.new_network(make=Pair)
    lab.relay(kind="coturn", network=pair)
    check_loads(lab, pair)
    report = measure(lab, pair, "--load", "peer", "--no-channels", "--profile", "video", *GENTLE,
                     client=6, peer=6)
    check_load(report, "peer", 1)
    check(report["setup"]["channels"] == 0, f"setup: {report['setup']}")


def test_search_and_pcap(lab):
    pair = lab.new_network(make=Pair)
    lab.relay(network=pair)
    pcap = lab.log("pcap")
    report = measure(lab, pair, "--load", "both", "--search", "--min-rate", "500", "--max-rate",
                     "2000", "--trial", "0.2", "--resolution", "10", "--loss-bound", "5",
                     "--pcap-out", pcap, "--pcap-packets", "60")
    search = report["search"]
    check(search["trials"] and 400 <= search["rate_pps"] <= 2000, f"search: {search}")
    check(search["loss_bound"] == 0.05, f"loss bound {search['loss_bound']}")
    check(any(trial["passed"] for trial in search["trials"]), f"trials: {search['trials']}")
    lines = pair.sh("near", "tcpdump", "-nvr", pcap).splitlines()
    packets = [line for line in lines if " > 203.0.113.5." in line]
    check(len(packets) == 60, f"tcpdump reads {len(packets)} packets, not 60")
    check(not [line for line in lines if "bad" in line], "tcpdump finds bad checksums")


@causeway_only
def test_floods_and_keepalive(lab):
    pair = lab.new_network(make=Pair)
    relay = lab.relay(*UNLIMITED, network=pair)
    alone = ["--duration", "0.4", "--quiet", "--flood-clients", "20"]
    for kind in ("allocate", "binding", "allocate-auth"):
        flood = measure(lab, pair, "--flood", kind, *alone)["flood"]
        check(flood["kind"] == kind and flood["answered"] > 20, f"{kind}: {flood}")
        check((flood["cycles"] is not None) == (kind == "allocate-auth"), f"{kind}: {flood}")
        errors = {"401"} if kind == "allocate" else set()
        check(set(flood["errors"]) == errors, f"{kind}: errors {flood['errors']}")
    flood = measure(lab, pair, "--flood", "garbage", "--flood-rate", "2000", *alone)["flood"]
    check(flood["sent"] > 100 and flood["answered"] == 0, f"garbage: {flood}")
    report = measure(lab, pair, "--keepalive", "0.2", "--allocations", "30", "--load", "peer",
                     *GENTLE, "--flood", "allocate-auth", "--flood-rate", "200")
    keepalive = report["keepalive"]
    check(keepalive["answered"] == keepalive["sent"] >= 30 and keepalive["lost"] == 0,
          f"keepalive: {keepalive}")
    check(report["flood"]["cycles"] > 0, f"the flood beside a load: {report['flood']}")
    check_load(report, "peer", 30)
    totals = relay.counters()
    check(totals["drops"] > 100, f"{totals['drops']} of the garbage counted as drops")


def test_a_signal_ends_it_tidily(lab):
    """It reports what it has, and its allocations are gone: the next run finds none of them."""
    pair = lab.new_network(make=Pair)
    lab.relay(network=pair)
    generator = start(lab, pair, "--load", "both", "--rate", "500", "--duration", "60",
                      "--allocations", "40")
    generator.wait_for("^causeway-gen: t=1")
    for line in ("phase setup begin", "phase setup end", "phase load begin"):
        check(f"causeway-gen: {line}\n" in generator.output(), f"no line \"{line}\"")
    generator.popen.send_signal(signal.SIGINT)
    error = generator.failed(5, status=130)
    check("interrupted" in error, error)
    report = generator.report()
    check(report["ok"] is False and report["load"]["received"] > 0, f"report: {report}")
    report = measure(lab, pair, "--allocations", "40", "--keep-allocations")
    check(report["setup"]["errors"] == {}, f"allocations were left: {report['setup']}")
    report = measure(lab, pair, "--allocations", "40")
    check(report["setup"]["errors"].get("437", 0) > 0,
          f"--keep-allocations kept none: {report['setup']}")
