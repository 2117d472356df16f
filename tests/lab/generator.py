"""causeway-gen in a namespace of its own, next to a server on one or more veth pairs."""

import json
import os

import topology
from process import Process, check
from relay import PASSWORD, REPOSITORY, USER
from topology import NEAR4, NEAR6, RELAY4, RELAY6

CLIENTS4, PEERS4 = "203.0.113.64/27", "203.0.113.96/27"
CLIENTS6, PEERS6 = "2001:db8::100/120", "2001:db8::200/120"
FLOW_KEYS = {"sent", "received", "lost", "loss", "duplicated", "reordered", "late", "stray",
             "corrupt", "sent_pps", "received_pps", "latency_us"}
LATENCY_KEYS = {"p50", "p90", "p99", "p99_9", "max", "mean"}


def generator_path():
    build = os.environ.get("CAUSEWAY_BUILD", os.path.join(REPOSITORY, "build"))
    return os.path.join(build, "perf", "gen", "causeway-gen")


class Pair(topology.Network):
    """`core`, where the server runs, and `near`, where the generator does. Cable 0 joins eth1 and
    eth0 in the relay's network; each of the others is a network of its own."""

    def __init__(self, cables=1):
        self._cables = cables
        super().__init__()

    def _build(self):
        for host in ("core", "near"):
            topology.run("ip", "netns", "add", self.ns(host))
            self._sysctl(host, "net.ipv6.conf.all.accept_dad=0",
                         "net.ipv6.conf.default.accept_dad=0")
            self.ip(host, "link", "set", "lo", "up")
        for cable in range(self._cables):
            core, near = f"eth{cable + 1}", f"eth{cable}"
            queue = ["numrxqueues", "1", "numtxqueues", "1"]
            self.ip("core", "link", "add", core, *queue, "type", "veth", "peer", "name", near,
                    "netns", self.ns("near"), *queue)
            self.ip("core", "link", "set", core, "up")
            self.ip("near", "link", "set", near, "up")
            if cable > 0:
                self.ip("core", "addr", "add", f"{cable_server(cable)}/28", "dev", core)
        for host, device, v4, v6 in (("core", "eth1", RELAY4, RELAY6),
                                     ("near", "eth0", NEAR4, NEAR6)):
            self.ip(host, "addr", "add", f"{v4}/24", "dev", device)
            self.ip(host, "addr", "add", f"{v6}/64", "dev", device, "nodad")


def cable_server(cable):
    return f"192.0.2.{16 * cable + 1}"


def cable_arguments(cable):
    """Of a generator on another cable than the first."""
    base = 16 * cable
    return ["--interface", f"eth{cable}", "--server", cable_server(cable), "--client-address",
            f"192.0.2.{base + 4}/30", "--peer-address", f"192.0.2.{base + 8}/30"]


def addresses(client=4, peer=4):
    """Of a generator on the first cable; the families of its legs are 4 or 6."""
    return ["--interface", "eth0", "--server", RELAY4 if client == 4 else RELAY6,
            "--client-address", CLIENTS4 if client == 4 else CLIENTS6,
            "--peer-address", PEERS4 if peer == 4 else PEERS6]


def credentials():
    return ["--user", f"{USER}:{PASSWORD}"]


class Generator(Process):
    """Sleeps when idle: servers share its CPU."""

    def __init__(self, network, log, *arguments):
        self._json = log + ".json"
        considerate = ["--poll-sleep-us", "20", "--json", self._json]
        super().__init__([generator_path(), *arguments, *considerate], log, network.ns("near"))

    def report(self):
        """What it wrote, once it has ended."""
        with open(self._json, encoding="utf-8") as file:
            return json.load(file, parse_constant=not_json)

    def ended_well(self, seconds=20):
        status = self.finish(seconds)
        check(status == 0, f"causeway-gen ended with status {status}: {self.last_line()}")
        report = self.report()
        check(report["ok"] is True and report["error"] is None, f"ok and error: {report}")
        return report

    def failed(self, seconds=25, status=1):
        """The one line of its error."""
        ended = self.finish(seconds)
        errors = [line for line in self.output().splitlines() if " error: " in line]
        check(ended == status, f"causeway-gen ended with status {ended}, not {status}: {errors}")
        check(len(errors) == 1, f"{len(errors)} lines of error, not one: {errors}")
        return errors[0]


def not_json(text):
    raise ValueError(f"{text} in the JSON report")


def check_flow(flow, name):
    """A direction of a gentle load, from which nothing may be missing."""
    check(set(flow) >= FLOW_KEYS, f"{name}: keys {sorted(FLOW_KEYS - set(flow))} are missing")
    check(flow["sent"] > 0 and flow["received"] == flow["sent"] and flow["loss"] == 0,
          f"{name}: {flow['received']} of {flow['sent']} arrived")
    bad = {key: flow[key] for key in ("duplicated", "reordered", "late", "corrupt") if flow[key]}
    check(not bad, f"{name}: {bad}")
    latency = flow["latency_us"]
    check(set(latency) == LATENCY_KEYS, f"{name}: latency has {sorted(latency)}")
    order = [latency[key] for key in ("p50", "p90", "p99", "p99_9", "max")]
    check(0 < order[0] and order == sorted(order), f"{name}: latencies {order}")
