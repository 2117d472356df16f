"""A small internet of network namespaces: a core with the relay, two homes behind symmetric NATs,
and public hosts. Documentation addresses only; nothing leaves the machine.

    alice ── nata ──┐                      ┌── near    (same segment as the relay)
  192.168.1.2       ├── net ── br0 ── core ┘  eth1: the relay, 203.0.113.5, 2001:db8::5
    bob ──── natb ──┤
  192.168.2.2       └── peer 198.51.100.9, 2001:db8:2::9
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

RELAY4, RELAY6 = "203.0.113.5", "2001:db8::5"
GATEWAY4, GATEWAY6 = "203.0.113.1", "2001:db8::1"
NEAR4, NEAR6 = "203.0.113.9", "2001:db8::9"
PEER4, PEER6 = "198.51.100.9", "2001:db8:2::9"
ALICE4, ALICE6 = "192.168.1.2", "2001:db8:a1::2"
BOB4, BOB6 = "192.168.2.2", "2001:db8:b1::2"

PREFIX = "cw-"
HOSTS = ("net", "core", "near", "peer", "nata", "natb", "alice", "bob")
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

# A home router: a fresh random port for every destination (a symmetric NAT), nothing unasked in.
NAT_RULES = """
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random; }
}
table inet firewall {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname { "lan", "lo" } accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
  }
}
"""


def run(*args, stdin=None):
    """Runs a command to its end; its error output is the exception's text."""
    done = subprocess.run(args, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """The calling thread is in the namespace: a socket made here stays there."""
    with open("/proc/thread-self/ns/net", encoding="ascii") as back, open(
        f"/run/netns/{namespace}", encoding="ascii"
    ) as there:
        _enter(there)
        try:
            yield
        finally:
            _enter(back)


def _enter(handle):
    if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def remove_stale():
    """Takes away what runs that were killed left behind."""
    for name in _namespaces():
        fields = name.split("-")
        if len(fields) == 3 and fields[1].isdigit() and not _is_ours(int(fields[1])):
            remove(name)


def _namespaces():
    try:
        return [name for name in os.listdir("/run/netns") if name.startswith(PREFIX)]
    except FileNotFoundError:
        return []


def _is_ours(pid):
    """A live process that could own namespaces: not any other that got its number since."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"python" in file.read()
    except OSError:
        return False


def _pids(namespace):
    done = subprocess.run(
        ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split()]


def programs(namespace):
    """(pid, command line) of what runs in the namespace."""
    found = []
    for pid in _pids(namespace):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            found.append((pid, file.read().replace(b"\0", b" ").decode(errors="replace").strip()))
    return found


def remove(namespace):
    """Ends a namespace and what runs in it."""
    deadline = time.monotonic() + 5
    while (pids := _pids(namespace)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


class Network:
    """The namespaces of one run. `queues` is the number of queues of the relay's interface."""

    _made = 0

    def __init__(self, queues=1):
        Network._made += 1
        self._tag = f"{PREFIX}{os.getpid()}-"
        self._suffix = "" if Network._made == 1 else str(Network._made)
        self._queues = queues
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def ns(self, host):
        """The namespace's name as `ip netns` has it."""
        return f"{self._tag}{host}{self._suffix}"

    def namespaces(self):
        """The names of those that stand."""
        return [self.ns(host) for host in HOSTS if os.path.exists(f"/run/netns/{self.ns(host)}")]

    def inside(self, host):
        return inside(self.ns(host))

    def ip(self, host, *args):
        return run("ip", "-n", self.ns(host), *args)

    def sh(self, host, *args, stdin=None):
        return run("ip", "netns", "exec", self.ns(host), *args, stdin=stdin)

    def udp(self, host, address="", port=0):
        """A UDP socket in a host; IPv6 if the address is."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside(host):
            sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((address, port))
        return sock

    def close(self):
        for namespace in self.namespaces():
            remove(namespace)

    def _build(self):
        for host in HOSTS:
            run("ip", "netns", "add", self.ns(host))
            self._sysctl(host, "net.ipv6.conf.all.accept_dad=0",
                         "net.ipv6.conf.default.accept_dad=0",
                         "net.ipv6.conf.default.accept_ra=0")
        for host in ("net", "nata", "natb"):
            self._sysctl(host, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self._wire()
        self._number()
        for router in ("nata", "natb"):
            self.sh(router, "nft", "-f", "-", stdin=NAT_RULES)
        self._wait_for_links()

    def _sysctl(self, host, *settings):
        self.sh(host, "sysctl", "-q", "-w", *settings)

    def _wire(self):
        queues = ["numrxqueues", str(self._queues), "numtxqueues", str(self._queues)]
        for a, a_dev, b, b_dev, extra in (
            ("core", "eth1", "net", "core0", queues),
            ("near", "eth0", "net", "near0", []),
            ("peer", "eth0", "net", "peer0", []),
            ("nata", "wan", "net", "nata0", []),
            ("natb", "wan", "net", "natb0", []),
            ("alice", "eth0", "nata", "lan", []),
            ("bob", "eth0", "natb", "lan", []),
        ):
            self.ip(a, "link", "add", a_dev, *extra, "type", "veth", "peer", "name", b_dev,
                    "netns", self.ns(b), *extra)

    def _number(self):
        def addresses(device, *values):
            lines = [f"link set {device} up"]
            for value in values:
                lines.append(f"addr add {value} dev {device}{' nodad' if ':' in value else ''}")
            return lines

        def routes(v4, v6):
            return [f"route add default via {v4}", f"route add ::/0 via {v6}"]

        plan = {
            "net": ["link add br0 type bridge", "link set core0 up master br0",
                    "link set near0 up master br0",
                    *addresses("br0", f"{GATEWAY4}/24", f"{GATEWAY6}/64"),
                    *addresses("peer0", "198.51.100.1/24", "2001:db8:2::1/64"),
                    *addresses("nata0", "192.0.2.1/30", "2001:db8:a0::1/64"),
                    *addresses("natb0", "192.0.2.5/30", "2001:db8:b0::1/64"),
                    "route add 2001:db8:a1::/64 via 2001:db8:a0::2",
                    "route add 2001:db8:b1::/64 via 2001:db8:b0::2"],
            "core": [*addresses("eth1", f"{RELAY4}/24", f"{RELAY6}/64"),
                     *routes(GATEWAY4, GATEWAY6)],
            "near": [*addresses("eth0", f"{NEAR4}/24", f"{NEAR6}/64"), *routes(GATEWAY4, GATEWAY6)],
            "peer": [*addresses("eth0", f"{PEER4}/24", f"{PEER6}/64"),
                     *routes("198.51.100.1", "2001:db8:2::1")],
            "nata": [*addresses("wan", "192.0.2.2/30", "2001:db8:a0::2/64"),
                     *addresses("lan", "192.168.1.1/24", "2001:db8:a1::1/64"),
                     *routes("192.0.2.1", "2001:db8:a0::1")],
            "natb": [*addresses("wan", "192.0.2.6/30", "2001:db8:b0::2/64"),
                     *addresses("lan", "192.168.2.1/24", "2001:db8:b1::1/64"),
                     *routes("192.0.2.5", "2001:db8:b0::1")],
            "alice": [*addresses("eth0", f"{ALICE4}/24", f"{ALICE6}/64"),
                      *routes("192.168.1.1", "2001:db8:a1::1")],
            "bob": [*addresses("eth0", f"{BOB4}/24", f"{BOB6}/64"),
                    *routes("192.168.2.1", "2001:db8:b1::1")],
        }
        for host, lines in plan.items():
            run("ip", "-n", self.ns(host), "-batch", "-",
                stdin="\n".join(["link set lo up", *lines]))

    def _wait_for_links(self):
        """The bridge forwards and the homes reach the relay's segment in both families."""
        deadline = time.monotonic() + 10
        for host in ("alice", "bob", "peer", "near"):
            for address in (RELAY4, RELAY6):
                while not self.pings(host, address):
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"{host} cannot reach {address} through the namespaces")

    def pings(self, host, address):
        done = subprocess.run(
            ["ip", "netns", "exec", self.ns(host), "ping", "-nqc1", "-W1", address],
            capture_output=True, check=False)
        return done.returncode == 0
