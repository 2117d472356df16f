#!/usr/bin/python3
"""The end-to-end tests: real clients, real NATs, real packets, in network namespaces.

  sudo /usr/bin/python3 tests/e2e/run.py [--server coturn] [--pause] [--list] [NAME...]

NAME is a topic (test_<topic>.py) or topic.test. CAUSEWAY_BUILD names the build directory. With
--pause a test that fails leaves its namespaces and programs up until Enter is pressed."""

import argparse
import glob
import importlib
import inspect
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]
TEST_SECONDS = 90

# pylint: disable=wrong-import-position
import relay
import topology
from lab import Lab
from process import Failure


class Stopped(BaseException):
    """A signal asks the run to end."""


def all_tests(server):
    """(name, function) in the order of the files and of the lines in them."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        topic = os.path.basename(path)[len("test_") : -len(".py")]
        module = importlib.import_module(f"test_{topic}")
        tests = [(name[len("test_"):], function) for name, function in vars(module).items()
                 if name.startswith("test_") and inspect.isfunction(function)]
        found += [(f"{topic}.{name}", function) for name, function in tests
                  if server == "causewayd" or not getattr(function, "causeway_only", False)]
    return found


def select(tests, wanted):
    if not wanted:
        return tests
    chosen = [(name, test) for name, test in tests
              if any(name == want or name.split(".")[0] == want for want in wanted)]
    if not chosen:
        sys.exit(f"run.py: no test named {' '.join(wanted)}; --list shows them")
    return chosen


def on_alarm(*_):
    raise Failure(f"it did not end within {TEST_SECONDS} s")


def on_stop(number, _):
    raise Stopped(signal.Signals(number).name)


def pause(lab, name, reason):
    """Shows how to enter what the failed test left up, and waits for Enter."""
    print(f"PAUSED {name}: {' '.join(reason.split())}\n\n  logs: {lab.logs}\n"
          "  Enter a host, then look: ip addr, ss -unp, tcpdump -ni any, gdb -p PID")
    for namespace, commands in lab.left_up().items():
        print(f"    ip netns exec {namespace} bash")
        for pid, command in commands:
            print(f"        {pid}  {command}")
    print("\nEnter ends them all and goes on.", end=" ", flush=True)
    sys.stdin.readline()


def attempt(lab, name, test, pauses):
    """The reason why the test failed, or None."""
    reason = None
    signal.alarm(TEST_SECONDS)
    try:
        test(lab)
    except Failure as failure:
        reason = str(failure)
    except Exception as error:  # pylint: disable=broad-except
        where = traceback.extract_tb(error.__traceback__)[-1]
        ours = [frame for frame in traceback.extract_tb(error.__traceback__)
                if os.path.basename(frame.filename).startswith("test_")]
        where = ours[-1] if ours else where
        reason = (f"{type(error).__name__}: {error} "
                  f"({os.path.basename(where.filename)}:{where.lineno})")
    finally:
        signal.alarm(0)
    if reason and pauses:
        pause(lab, name, reason)
    try:
        lab.after_test()
    except Failure as failure:
        reason = reason or str(failure)
    return reason


def run(tests, lab, pauses):
    failed = 0
    for name, test in tests:
        began = time.monotonic()
        before = set(os.listdir(lab.logs))
        reason = attempt(lab, name, test, pauses)
        took = time.monotonic() - began
        if reason is None:
            print(f"ok     {name} ({took:.1f} s)", flush=True)
            continue
        failed += 1
        new = sorted(set(os.listdir(lab.logs)) - before)
        print(f"FAILED {name} ({took:.1f} s): {' '.join(reason.split())}", flush=True)
        print(f"       logs: {lab.logs}/{{{','.join(new)}}}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=("causewayd", "coturn"), default="causewayd")
    parser.add_argument("--pause", action="store_true",
                        help="wait for Enter where a test fails, its namespaces still up")
    parser.add_argument("--list", action="store_true", help="print the names of the tests")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    tests = select(all_tests(arguments.server), arguments.names)
    if arguments.list:
        print("\n".join(name for name, _ in tests))
        return 0
    if os.geteuid() != 0:
        sys.exit("run.py: network namespaces need root: run it with sudo")
    if arguments.server == "causewayd" and not os.access(relay.causewayd_path(), os.X_OK):
        sys.exit(f"run.py: {relay.causewayd_path()} is not there: build first (./test does)")
    if arguments.pause and not (sys.stdin.isatty() and "CI" not in os.environ):
        sys.exit("run.py: --pause waits for Enter: run it in a terminal, with CI unset")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_stop)
    signal.signal(signal.SIGALRM, on_alarm)
    topology.remove_stale()
    return run_in_lab(arguments.server, tests, arguments.pause)


def run_in_lab(server, tests, pauses):
    logs = tempfile.mkdtemp(prefix="causeway-e2e-")
    lab = None
    failed = len(tests)
    try:
        lab = Lab(server, logs)
        failed = run(tests, lab, pauses)
        lab.stop_shared()
    except Stopped as stopped:
        print(f"e2e: stopped by {stopped}", file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if lab is not None:
            lab.close()
        if failed == 0:
            shutil.rmtree(logs, ignore_errors=True)
    print(f"e2e: {len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
