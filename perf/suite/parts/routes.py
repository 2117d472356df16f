"""What the kernel's routes cost a client: Allocate while they change, beside while they rest."""

import subprocess
import threading
import time

from suite import relays
from suite.generator import Generator
from suite.lab import Failure, Unavailable, run
from suite.machine import free_memory_mb
from suite.spread import median, ratio, spread

SIZES = {"19k": 19_000, "500k": 500_000}
MEMORY_MB = {"19k": 1500, "500k": 3000}
GATEWAY = "203.0.113.33"  # the generator, which answers for the clients' addresses
CHANGES_PER_S = 50
MEDIA = ("--allocations", 100, "--load", "both", "--rate", 3000)
# A few requests at a time: what is asked is how long one waits, not how many there can be.
FLOOD = ("--flood", "allocate-auth", "--flood-rate", 1000, "--flood-clients", 4000)
SHARING = ("--poll-sleep-us", 50, "--realtime")
CAPACITY = 10_000


def measure(lab, plan, results, say):
    for size in SIZES:
        try:
            if free_memory_mb() < MEMORY_MB[size]:
                raise Unavailable(f"{SIZES[size]} routes take {MEMORY_MB[size]} MB of free memory, "
                                  f"there are {free_memory_mb()}")
            _measure_size(lab, plan, results, say, size)
        except (Failure, Unavailable) as reason:
            results.explain(f"routes.{size}", reason, broken=isinstance(reason, Failure))
        finally:
            lab.end_processes()


def route(number):
    """One of a million host routes."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32 via {GATEWAY}"


class Churn:
    """Takes a route away or puts it back, 50 times a second, until it is left."""

    def __init__(self, namespace, routes):
        self._routes = routes
        self._ip = subprocess.Popen(["ip", "-n", namespace, "-batch", "-"], stdin=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._change)
        self.changes, self.seconds = 0, 0

    def _change(self):
        begin = time.monotonic()
        while not self._stop.wait(max(0, begin + self.changes / CHANGES_PER_S - time.monotonic())):
            word = "del" if self.changes % 2 == 0 else "add"
            number = self.changes // 2 * 7919 % self._routes
            self._ip.stdin.write(f"route {word} {route(number)}\n")
            self._ip.stdin.flush()
            self.changes += 1
        self.seconds = time.monotonic() - begin

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self.changes % 2 == 1:  # what was taken away last comes back
            self._ip.stdin.write(f"route add {route(self.changes // 2 * 7919 % self._routes)}\n")
        _, errors = self._ip.communicate()
        if self._ip.returncode != 0:
            raise Failure(f"the kernel refused a change of routes: {errors.strip()[:200]}")


def _measure_size(lab, plan, results, say, size):
    routes = SIZES[size]
    lab.wire()
    say(f"routes: {routes:,} are set")
    run("ip", "-n", lab.relay_ns, "-batch", "-",
        stdin="\n".join(f"route add {route(number)}" for number in range(routes)))
    relay = relays.Causewayd(lab, max_allocations=CAPACITY)
    rounds = {"quiet": [], "changing": []}
    for repeat in range(plan.routes_repeats):
        say(f"routes: {routes:,} at rest, then {CHANGES_PER_S} changes a second, run {repeat + 1} "
            f"of {plan.routes_repeats}")
        rounds["quiet"].append(_latency(lab, plan))
        with Churn(lab.relay_ns, routes) as churn:
            rounds["changing"].append(_latency(lab, plan))
        rate = churn.changes / churn.seconds
        if rate < 0.9 * CHANGES_PER_S:
            raise Failure(f"only {rate:.1f} routes changed a second, not {CHANGES_PER_S}")
    relay.stop()
    for key in ("p50", "p99", "max"):
        for kind, done in rounds.items():
            results.set(f"routes.{size}.allocate_{key}_us_{kind}",
                        median([one[key] for one in done]))
    for key in ("p50", "p99"):
        results.set(f"routes.{size}.allocate_{key}_ratio",
                    median([ratio(changing[key], quiet[key])
                            for quiet, changing in zip(rounds["quiet"], rounds["changing"])]))
    results.details["routes"][size] = {
        f"{key}_us_{kind}": spread([one[key] for one in done])
        for key in ("p50", "p99", "max") for kind, done in rounds.items()}


def _latency(lab, plan):
    report = Generator(lab, ("--interface", "gen0")).run(
        *MEDIA, *FLOOD, *SHARING, "--duration", plan.routes_seconds,
        seconds=plan.routes_seconds + 30)
    if report["flood"]["errors"]:
        raise Failure(f"{report['flood']['errors']} requests failed")
    return report["flood"]["latency_us"]
