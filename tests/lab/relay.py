"""The relay under test: causewayd, or coturn's turnserver to check the tests themselves."""

import os
import shutil

import topology
from process import Failure, Process, check, wait_until
from turn_client import TurnClient

PORT = 3478
REALM = "example.org"
USER, PASSWORD = "alice", "secret"
# The networks of these tests are documentation prefixes, which causewayd denies as peers.
PUBLIC = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def causewayd_path():
    build = os.environ.get("CAUSEWAY_BUILD", os.path.join(REPOSITORY, "build"))
    return os.path.join(build, "control", "daemon", "causewayd")


def link_arguments(addresses=(topology.RELAY4, topology.RELAY6)):
    """--interface is eth1; a test of another link gives its own."""
    return ["--interface", "eth1", "--address", ",".join(addresses)]


def account_arguments():
    return ["--realm", REALM, "--user", f"{USER}:{PASSWORD}"]


def peer_arguments(allowed=PUBLIC):
    return [argument for prefix in allowed for argument in ("--allow-peer", prefix)]


def causewayd_arguments(*extra, link=None, allowed=PUBLIC):
    return [*(link or link_arguments()), *account_arguments(), *peer_arguments(allowed), *extra]


class Causewayd(Process):
    READY = r"^causewayd: ready.*$"

    def __init__(self, network, log, *arguments, prefix=(), env=None):
        super().__init__([*prefix, causewayd_path(), *arguments], log, network.ns("core"), env=env)
        self.name = "causewayd"
        self.network = network

    def wait_ready(self, seconds=15):
        self.wait_for(self.READY, seconds)
        return self

    def counters(self):
        """Ends it and gives its totals, once it has ended well."""
        status = self.stop(10)
        check(status == 0, f"causewayd ended with status {status} on SIGTERM: {self.last_line()}")
        totals = [line for line in self.output().splitlines() if line.startswith("totals ")]
        check(len(totals) == 1, f"causewayd printed {len(totals)} lines of totals at its end")
        return parse_counters(totals[0])

    def check_counter(self, name, at_least):
        totals = self.counters()
        check(totals.get(name, 0) >= at_least,
              f"counter {name} is {totals.get(name, 0)}, not {at_least} or more")

    def errors(self):
        return [line for line in self.output().splitlines() if "ERROR: AddressSanitizer" in line
                or "runtime error:" in line or "LeakSanitizer" in line]


def parse_counters(line):
    """{name: value} of a line of `causewayd --stats`, its numbers as numbers."""
    pairs = dict(word.split("=", 1) for word in line.split()[1:])
    return {name: float(value) if "." in value else int(value) for name, value in pairs.items()
            if value.replace(".", "", 1).isdigit()}


class Coturn(Process):
    def __init__(self, network, log):
        turnserver = shutil.which("turnserver")
        check(turnserver, "turnserver is not installed: run tests/setup.sh")
        database = log + ".sqlite"
        super().__init__(
            [turnserver, "-n", "-L", topology.RELAY4, "-L", topology.RELAY6, "-E", topology.RELAY4,
             "-E", topology.RELAY6, "-r", REALM, "-u", f"{USER}:{PASSWORD}", "-a", "--no-tls",
             "--no-dtls", "--no-cli", "--no-auth-pings", "--log-file", "stdout", "--simple-log",
             "--db", database, "--pidfile", log + ".pid", "-m", "1"],
            log, network.ns("core"))
        self.network = network

    def wait_ready(self, seconds=10):
        def answers():
            check(self.running(), f"turnserver ended: {self.last_line()}")
            with TurnClient(self.network.udp("near"), (topology.RELAY4, PORT)) as client:
                try:
                    return client.binding()
                except (TimeoutError, OSError):
                    return None
        wait_until(answers, seconds, "turnserver's first answer")
        return self

    def errors(self):
        return []


def start(kind, network, log, *arguments, **options):
    """A relay that serves: causewayd with the given extra arguments, or coturn without any."""
    if kind == "coturn":
        if arguments:
            raise Failure("coturn takes no causewayd arguments")
        return Coturn(network, log).wait_ready()
    link, allowed = options.pop("link", None), options.pop("allowed", PUBLIC)
    capacity = [] if "--max-allocations" in arguments else ["--max-allocations", "1000"]
    every = causewayd_arguments("--stats", "60", *capacity, *arguments, link=link, allowed=allowed)
    return Causewayd(network, log, *every, **options).wait_ready()
