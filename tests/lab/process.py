"""Programs in namespaces: started, awaited, always ended."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """A test's reason to fail, in words for its one line."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_until(condition, seconds, what):
    """The condition's first true value; Failure when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"{what} did not happen within {seconds} s")
        time.sleep(0.005)
    return value


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program whose output goes to a file, or to the descriptor `output` instead. Start it from
    the main thread: it dies with it."""

    def __init__(self, argv, log, namespace=None, stdin=subprocess.DEVNULL, env=None, output=None):
        self.name = os.path.basename(argv[0])
        self.log = log
        enter = ["ip", "netns", "exec", namespace] if namespace else []
        with open(log, "ab") as file:
            self._start = file.tell()
            self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
                [*enter, *argv], stdin=stdin, stdout=output or file, stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent)

    def output(self):
        with open(self.log, "rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def wait_for(self, pattern, seconds=10):
        """The match of a regular expression in the output so far."""
        def found():
            match = re.search(pattern, self.output(), re.MULTILINE)
            if not match and not self.running():
                match = re.search(pattern, self.output(), re.MULTILINE)
                if not match:
                    raise Failure(f"{self.name} ended with status {self.popen.returncode}: "
                                  f"{self.last_line()}")
            return match
        return wait_until(found, seconds, f"{self.name}: a line like \"{pattern}\"")

    def last_line(self):
        lines = [line for line in self.output().splitlines() if line.strip()]
        return lines[-1] if lines else "(no output)"

    def finish(self, seconds):
        """Its exit status, once it has ended by itself."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def stop(self, seconds=5):
        """Asks it to end (SIGTERM); gives its exit status."""
        if self.running():
            self.popen.terminate()
        return self.finish(seconds)

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()


@contextlib.contextmanager
def first_thread_stopped(process):
    """The process's first thread alone stands still within, as if it were busy; the others go on.
    With causewayd that is control, while the workers relay."""
    pid = process.popen.pid
    _trace(PTRACE_SEIZE, pid)
    _trace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, WALL)
    try:
        yield
    finally:
        _trace(PTRACE_DETACH, pid)


def _trace(request, pid):
    if _libc.ptrace(request, pid, None, None) != 0:
        raise Failure(f"ptrace request {request:#x} on {pid}: {os.strerror(ctypes.get_errno())}")
