"""Where a relay's time goes: samples of its threads while the load runs (linux-perf)."""

import os
import shutil
import signal
import subprocess

from suite.lab import Unavailable

HERTZ = 997
SECONDS = 60
LEAST_PERCENT = 0.5


class Profiler:
    """Writes one text file a recording into a folder; without a folder, nothing is recorded."""

    def __init__(self, folder=None):
        self.folder = folder
        self.files = []
        if folder is None:
            return
        if not shutil.which("perf"):
            raise Unavailable("perf is not installed: apt-get install linux-perf")
        os.makedirs(folder, exist_ok=True)

    def recording(self, name):
        """For Window; None when nothing is to be recorded."""
        return Recording(self, name) if self.folder else None


class Recording:
    def __init__(self, profiler, name):
        self._profiler = profiler
        self._path = os.path.join(profiler.folder, name)
        self._process = None

    def begin(self, pid):
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", str(HERTZ), "-g",
             "--pid", str(pid), "--output", f"{self._path}.data"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def end(self):
        """Writes the file; Unavailable, in perf's words, when it could not record."""
        self._process.send_signal(signal.SIGINT)
        _, words = self._process.communicate(timeout=SECONDS)
        if not os.path.exists(f"{self._path}.data"):
            raise Unavailable(f"perf cannot record on this machine: {' '.join(words.split())}")
        report = subprocess.run(
            ["perf", "report", "--stdio", "--no-children", "--call-graph", "none", "--sort",
             "comm,dso,symbol", "--percent-limit", str(LEAST_PERCENT), "--input",
             f"{self._path}.data"], capture_output=True, text=True, check=False, timeout=SECONDS)
        with open(f"{self._path}.txt", "w", encoding="utf-8") as file:
            file.write(lines_of(report.stdout))
        os.remove(f"{self._path}.data")
        self._profiler.files.append(os.path.basename(f"{self._path}.txt"))


def lines_of(text):
    """perf's report without its headings."""
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    return "".join(f"{line}\n" for line in kept)
