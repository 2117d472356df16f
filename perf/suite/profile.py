"""Where the time goes that makes a target not met: samples of a relay's threads while the load runs
(linux-perf), or instructions a packet (callgrind)."""

import os
import re
import shutil
import signal
import subprocess
import tempfile

from suite.callgrind import CannotCount, count
from suite.generator import binary
from suite.instructions import lines
from suite.lab import Unavailable

HERTZ = 997
SECONDS = 60
LEAST_PERCENT = 1
MOST_LINES = 16
FUNCTIONS = 8  # of each scene


def instructions(scenes):
    """{"core": the functions that take the most of these scenes' packets, and of what they are
    compared with}."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            counts = count(binary("shard_bench"), scenes, folder)
        except CannotCount as reason:
            raise Unavailable(str(reason)) from reason
    return {"core": [line.rstrip() for line in lines(counts, {}, FUNCTIONS)]}


class Recording:
    """Samples of all threads of a process during the generator's load: give `on_phase` to it, then
    take `lines()`."""

    def __init__(self, pid, path):
        if not shutil.which("perf"):
            raise Unavailable("perf is not installed: apt-get install linux-perf")
        self._pid, self._path = pid, path
        self._process = None
        self._words = ""

    def on_phase(self, name, begins):
        if name != "load":
            return
        if begins:
            self._begin()
        elif self._process:
            self._process.send_signal(signal.SIGINT)
            _, self._words = self._process.communicate(timeout=SECONDS)

    def _begin(self):
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", str(HERTZ), "--pid",
             str(self._pid), "--output", self._path], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def lines(self):
        """The libraries and the functions that took the most; Unavailable, in perf's words, when it
        cannot record."""
        if not os.path.exists(self._path):
            raise Unavailable(f"perf cannot record: {' '.join(self._words.split())}")
        return kept(self._report("comm,dso")) + kept(self._report("comm,dso,symbol"))

    def _report(self, by):
        return subprocess.run(
            ["perf", "report", "--stdio", "--sort", by, "--percent-limit", str(LEAST_PERCENT),
             "--input", self._path], capture_output=True, text=True, check=False,
            timeout=SECONDS).stdout


def kept(text):
    """perf's report without its headings, its empty columns, and the addresses of programs that
    have no symbols."""
    rows = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    rows = [re.sub(r"(\s+-)+$", "", row) for row in rows]
    return [row for row in rows if not re.search(r" 0x[0-9a-f]+$", row)][:MOST_LINES]
