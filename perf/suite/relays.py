"""The programs that are measured: causewayd, coturn, dpdk-testpmd."""

import os
import re
import shutil
import subprocess

from process import check, wait_until
from relay import parse_counters
from suite.generator import PASSWORD, REALM, USER
from suite.lab import (ALLOWED_PEERS, MANY_RELAYS, PREFIX_LENGTH, RELAY, RELAY_CPU, RELAY_MAC,
                       Unavailable, run)
from suite.machine import free_hugepages

VETH = ("--interface", "relay0")
TESTPMD_HUGEPAGES = 64  # of 2 MB
# Of coturn, what a version knows: without TLS, TCP, CLI, logs, databases; then what makes it fast.
COTURN_LESS = ("--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay", "--no-cli", "--no-rfc5780",
               "--no-stun-backward-compatibility", "--no-software-attribute", "--no-auth-pings",
               "--no-dynamic-ip-list", "--no-dynamic-realms", "--no-stdout-log", "--simple-log")
COTURN_NEWEST = ("--multiplex-peer", "--udp-recvmmsg", "--udp-gso")


def memif(path, role, extra=""):
    """A memif port's device string; both ends alike."""
    return f"net_memif0,role={role},socket={path},socket-abstract=no,rsize=11{extra}"


def largest_mappings(smaps):
    """[(bytes that are there, name)] of the lines of /proc/PID/smaps, the most first."""
    sizes, name = {}, ""
    for line in smaps:
        words = line.split()
        if re.match(r"[0-9a-f]+-[0-9a-f]+$", words[0]):
            name = " ".join(words[5:]) or "(anonymous)"
        elif words[0] in ("Rss:", "Private_Hugetlb:", "Shared_Hugetlb:"):
            sizes[name] = sizes.get(name, 0) + int(words[1]) * 1024
    return sorted(((size, name) for name, size in sizes.items() if size), reverse=True)


class Causewayd:
    """Started, ready, one worker on the relay's CPU, control on the other."""

    name = "causewayd"

    def __init__(self, lab, link=VETH, max_allocations=2000, many_relays=False, extra=()):
        prefix = f"/{PREFIX_LENGTH}" if "--device" in link else ""
        binary = os.path.join(os.environ["CAUSEWAY_BUILD"], "control", "daemon", "causewayd")
        argv = [binary, *link, "--address", RELAY + prefix, "--realm", REALM, "--user",
                f"{USER}:{PASSWORD}", "--workers", "1", "--requests-per-prefix", "0", "--stats",
                "1", "--max-allocations", str(max_allocations), *extra]
        for network in ALLOWED_PEERS:
            argv += ["--allow-peer", network]
        if many_relays:
            argv += ["--relay-address", MANY_RELAYS]
        self.process = lab.start(argv, lab.relay_ns)
        self.process.wait_for(r"^causewayd: ready", 60)
        self.pid = self.process.popen.pid

    def mark(self):
        """A moment, for stats_between()."""
        return len(self._lines())

    def stats_between(self, begin, end):
        """Sums over the intervals that lie wholly between two marks: {"rx_packets": n, …}. Empty
        when none does."""
        totals = {}
        for line in self._lines()[begin + 1:end]:
            for key, value in parse_counters(line).items():
                totals[key] = totals.get(key, 0) + value
        return totals

    @staticmethod
    def busy_ns_per_packet(window, _packets):
        """The worker's polls that found work over the packets it received, by its own count; None
        when no interval of the count lies in the window."""
        stats = window.stats()
        if not stats.get("rx_packets"):
            return None
        return stats["busy_us_by_worker"] * 1e3 / stats["rx_packets"]

    def _lines(self):
        return [line for line in self.process.output().splitlines() if line.startswith("stats ")]

    def warnings(self):
        return [line for line in self.process.output().splitlines() if "warning" in line]

    def memory(self):
        """Bytes of ordinary pages and of hugepages that the process holds, each counted once."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            text = file.read()
        size = {key: int(value) * 1024 for key, value in
                re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
        return {"rss": size["Rss"],
                "hugepages": size.get("Private_Hugetlb", 0) + size.get("Shared_Hugetlb", 0)}

    def mappings(self):
        """[(bytes that are there, name)] of the process's memory, the most first."""
        with open(f"/proc/{self.pid}/smaps", encoding="ascii") as file:
            return largest_mappings(file)

    def stop(self):
        status = self.process.stop(30)
        check(status == 0, f"causewayd ended with status {status}: {self.process.last_line()}")


def coturn_options(text, wanted):
    """Those of the wanted options that turnserver's help knows."""
    known = set(re.findall(r"--[a-z0-9-]+", text))
    return [option for option in wanted if option in known]


def coturn_help():
    """turnserver's words on its options; Unavailable without it."""
    if not shutil.which("turnserver"):
        raise Unavailable("coturn is not installed: turnserver is not in PATH")
    done = subprocess.run(["turnserver", "--help"], capture_output=True, text=True, check=False,
                          timeout=10)
    return done.stdout + done.stderr


class Coturn:
    """turnserver without what costs it time, with the newest that it has to be faster. On one core
    unless told otherwise."""

    name = "coturn"

    def __init__(self, lab, relay_threads=1, pinned=True):
        text = coturn_help()
        self.newest = coturn_options(text, COTURN_NEWEST)
        path = lab.path("turnserver")
        argv = [shutil.which("turnserver"), "-n", "-L", RELAY, "-E", RELAY, "-r", REALM, "-a", "-u",
                f"{USER}:{PASSWORD}", "-m", str(relay_threads), *coturn_options(text, COTURN_LESS),
                *self.newest, "--log-file", "/dev/null", "--db", path + ".sqlite", "--pidfile",
                path + ".pid"]
        self.process = lab.start(argv, lab.relay_ns, RELAY_CPU if pinned else None)
        self.pid = self.process.popen.pid
        self._namespace = lab.relay_ns
        wait_until(self._listens, 15, "turnserver's start")

    def _listens(self):
        check(self.process.running(), f"turnserver ended: {self.process.last_line()}")
        return RELAY in run("ip", "netns", "exec", self._namespace, "ss", "-Hlun", "sport = :3478")

    @staticmethod
    def busy_ns_per_packet(window, packets):
        """All of its threads' CPU time over the packets sent to it."""
        return window.spent_ns("process") / packets if packets else None

    def stop(self):
        self.process.stop(15)


class Testpmd:
    """The ceiling of a link: it sends back what comes, with two or ten bytes swapped."""

    name = "testpmd"

    def __init__(self, lab, device, mode):
        if not shutil.which("dpdk-testpmd"):
            raise Unavailable("dpdk-testpmd is not installed")
        memory = (["--in-memory"] if free_hugepages() >= TESTPMD_HUGEPAGES
                  else ["--no-huge", "--no-shconf", "-m", "256"])
        argv = ["stdbuf", "-oL", "dpdk-testpmd", "-l", f"0,{RELAY_CPU}", "--main-lcore", "0",
                "--no-pci", "--no-telemetry", *memory, "--vdev", device, "--",
                f"--forward-mode={mode}", "--nb-cores=1", "--total-num-mbufs=32768",
                "--disable-link-check", "--record-core-cycles"]
        # It forwards until its standard input ends.
        self.process = lab.start(argv, lab.relay_ns, stdin=subprocess.PIPE)
        self.process.name = "dpdk-testpmd"
        self.process.wait_for(rf"{mode} packet forwarding - ports=1", 30)
        self.pid = self.process.popen.pid
        self.mac = RELAY_MAC

    def stop(self):
        self.process.stop(15)

    def busy_ns_per_packet(self, _window, _packets):
        """Its polls that found work over the packets it received, from its start to its end."""
        match = re.search(r"CPU cycles/packet=([\d.]+) .* at (\d+) MHz", self.process.output())
        return float(match.group(1)) * 1e3 / float(match.group(2)) if match else None
