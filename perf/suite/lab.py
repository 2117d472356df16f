"""Where measurements happen: a folder for logs, two namespaces with a wire, programs that end."""

import os
import resource
import shutil
import tempfile

import topology
from process import Failure, Process
from topology import run

GENERATOR_CPU, RELAY_CPU = 0, 1

# One segment. The generator is every client and every peer on it.
RELAY = "203.0.113.5"
PREFIX_LENGTH = 24
CLIENTS = "203.0.113.32/27"  # 30 addresses of 50,000 ports: room for a million clients
PEERS = "203.0.113.64/27"
MANY_RELAYS = "198.51.100.0/26"  # 64 relay addresses of 16,384 ports
GENERATOR_MAC, RELAY_MAC = "02:00:00:00:00:09", "02:00:00:00:00:05"
ALLOWED_PEERS = ("203.0.113.0/24", "198.51.100.0/24")

__all__ = ["Failure", "Lab", "Unavailable", "run"]


class Unavailable(Exception):
    """This machine lacks what the measurement takes; no program is at fault."""


def raise_open_files():
    """coturn takes a socket for each allocation: as many as the machine lets this process have."""
    for wanted in (1 << 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        except (OSError, ValueError):
            continue


class Lab:
    def __init__(self):
        raise_open_files()
        self.logs = tempfile.mkdtemp(prefix="causeway-perf-")
        self.generator_ns = f"{topology.PREFIX}{os.getpid()}-gen"
        self.relay_ns = f"{topology.PREFIX}{os.getpid()}-relay"
        self._processes = []
        self._count = 0

    def path(self, name):
        self._count += 1
        return os.path.join(self.logs, f"{self._count:03}-{name}")

    def start(self, argv, namespace=None, cpu=None, **options):
        """A program, its output in a log. Ahead of the machine's other work, all alike."""
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        name = os.path.basename(argv[0])
        process = Process(["nice", "-n", "-10", *pinned, *argv], self.path(f"{name}.log"),
                          namespace, **options)
        process.name = name
        self._processes.append(process)
        return process

    def wire(self):
        """The veth pair gen0 - relay0, new."""
        self._begin()
        for namespace in (self.generator_ns, self.relay_ns):
            run("ip", "netns", "add", namespace)
            run("ip", "netns", "exec", namespace, "sysctl", "-q", "-w",
                "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", self.relay_ns, "link", "add", "relay0", "address", RELAY_MAC, "type",
            "veth", "peer", "name", "gen0", "address", GENERATOR_MAC, "netns", self.generator_ns)
        # A sender on the same machine leaves checksums to a card; there is none here to do it.
        run("ip", "netns", "exec", self.relay_ns, "ethtool", "-K", "relay0", "tx", "off")
        run("ip", "netns", "exec", self.generator_ns, "ethtool", "-K", "gen0", "tx", "off")
        run("ip", "-n", self.relay_ns, "addr", "add", f"{RELAY}/{PREFIX_LENGTH}", "dev", "relay0")
        run("ip", "-n", self.relay_ns, "link", "set", "relay0", "up")
        run("ip", "-n", self.generator_ns, "link", "set", "gen0", "up")

    def spaces(self):
        """The namespaces alone, for a link that is not the kernel's."""
        self._begin()
        for namespace in (self.generator_ns, self.relay_ns):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")

    def _begin(self):
        if not {GENERATOR_CPU, RELAY_CPU} <= os.sched_getaffinity(0):
            raise Unavailable(f"it takes CPU {GENERATOR_CPU} for the generator and {RELAY_CPU} for "
                              f"the relay; this process may use {sorted(os.sched_getaffinity(0))}")
        self.unwire()

    def unwire(self):
        for namespace in (self.generator_ns, self.relay_ns):
            if os.path.exists(f"/run/netns/{namespace}"):
                topology.remove(namespace)

    def end_processes(self):
        for process in reversed(self._processes):
            if process.running():
                try:
                    process.stop()
                except Failure:
                    pass  # it is dead now, by SIGKILL
        self._processes.clear()

    def close(self, keep_logs):
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()
        self.unwire()
        if not keep_logs:
            shutil.rmtree(self.logs, ignore_errors=True)
