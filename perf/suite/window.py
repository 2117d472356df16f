"""What a relay spends while the generator's load runs."""

import time

from suite import cpu
from suite.lab import RELAY_CPU


class Window:
    """Reads the clocks when the phase begins and when it ends; give `on_phase` to the generator."""

    def __init__(self, relay, phase="load"):
        self._relay = relay
        self._phase = phase
        self._begin = self._end = None

    def on_phase(self, name, begins):
        if name != self._phase:
            return
        if begins and self._begin is None:
            self._begin = self._read()
        elif not begins:
            self._end = self._read()

    def _read(self):
        return {"time": time.monotonic_ns(), "process": cpu.process_ns(self._relay.pid),
                "main": cpu.thread_ns(self._relay.pid, self._relay.pid),
                "ksoftirqd": cpu.ksoftirqd_ns(RELAY_CPU),
                "lines": self._relay.mark() if hasattr(self._relay, "mark") else 0}

    def closed(self):
        return self._begin is not None and self._end is not None

    def spent_ns(self, clock):
        """Of "time", "process" (all threads), "main" (causewayd's control), "ksoftirqd"."""
        return self._end[clock] - self._begin[clock]

    def stats(self):
        """causewayd's counters, summed over its whole intervals within the window."""
        return self._relay.stats_between(self._begin["lines"], self._end["lines"])

    def busy_share(self):
        """Of the worker's time, what found work."""
        stats = self.stats()
        return stats["busy_us_by_worker"] / 1e6 / stats["interval_s"] if stats else None
