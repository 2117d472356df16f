"""perf/run, once everything is built and installed."""

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import time
import traceback

import topology
from suite import machine, plots, report
from suite.lab import Failure, Lab, Unavailable
from suite.plan import FULL, PARTS, QUICK
from suite.results import Results
from suite.targets import targets

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PART_SECONDS = 1200
PROFILE_SECONDS = 300


class Stopped(BaseException):
    """A signal asks the run to end."""


def parse():
    parser = argparse.ArgumentParser(prog="perf/run", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--output", metavar="DIR")
    parser.add_argument("--only", metavar="PART[,PART]")
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    arguments.parts = tuple(arguments.only.split(",")) if arguments.only else PARTS
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"--only: there is no part '{part}'; the parts are {', '.join(PARTS)}")
    arguments.output = arguments.output or os.path.join(os.environ["CAUSEWAY_BUILD"], "perf",
                                                        "results")
    try:
        os.makedirs(arguments.output, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {arguments.output}: {error.strerror}: give a folder that can be "
                     "made")
    for path in (arguments.output, os.path.dirname(os.path.abspath(arguments.json or "."))):
        if not os.access(path, os.W_OK):
            parser.error(f"{path} is no folder that can be written: give another")
    return arguments


def say(text):
    print(f"perf/run: {text}", flush=True)


def on_alarm(*_):
    raise Failure("it did not end in time")


def on_stop(number, _):
    raise Stopped(signal.Signals(number).name)


def measure(part, lab, plan, results):
    """One part; what fails in it is its reason, and no other part's matter."""
    signal.alarm(PART_SECONDS)
    try:
        if importlib.util.find_spec(f"suite.parts.{part}") is None:
            raise Unavailable(f"perf/suite/parts/{part}.py is not there: nothing measures it yet")
        importlib.import_module(f"suite.parts.{part}").measure(
            lab, plan, results, say)
    except Unavailable as reason:
        results.explain(part, reason, broken=False)
    except Failure as reason:
        results.explain(part, reason, broken=True)
    except Exception as error:  # pylint: disable=broad-except
        where = traceback.extract_tb(error.__traceback__)[-1]
        results.explain(part, f"{type(error).__name__}: {error} "
                        f"({os.path.basename(where.filename)}:{where.lineno})", broken=True)
    finally:
        signal.alarm(0)
        lab.end_processes()
        lab.unwire()


def profile(part, lab, plan, results):
    """What shows why a part's targets are not met: {name: lines}, empty when all are met."""
    missed = [target.key for target in targets(results)
              if target.met is False and target.key.split(".")[0] == part]
    module = sys.modules.get(f"suite.parts.{part}")
    if not missed or not hasattr(module, "profile"):
        return {}
    say(f"{part}: profiling, for {', '.join(missed)} not met")
    signal.alarm(PROFILE_SECONDS)
    try:
        return module.profile(lab, plan, missed)
    except (Failure, Unavailable) as reason:
        results.explain(f"{part}.profile", reason, broken=isinstance(reason, Failure))
        return {}
    finally:
        signal.alarm(0)
        lab.end_processes()
        lab.unwire()


def measure_all(arguments, plan, lab):
    began = time.time()
    described = machine.describe(REPOSITORY)
    say(f"{described['cpu']}, {described['cores']} cores, load {described['load_at_start']:.2f}; "
        f"{plan.name} run of {', '.join(arguments.parts)}")
    if described["hugepages_2mb_free"] < 400:
        say(f"only {described['hugepages_2mb_free']} of the 400 hugepages (2 MB) wanted are free: "
            "what finds none uses ordinary pages, and is slower")
    results, seconds, profiles = Results(), {}, {}
    for part in PARTS:
        if part not in arguments.parts:
            results.explain(part, f"left out by --only {arguments.only}", broken=False)
            continue
        start = time.monotonic()
        measure(part, lab, plan, results)
        profiles |= profile(part, lab, plan, results)
        seconds[part] = round(time.monotonic() - start, 1)
        reasons = [reason for key, reason in results.reasons.items() if key.split(".")[0] == part]
        say(f"{part}: took {seconds[part]} s" + "".join(f"; not measured: {r}" for r in reasons))
    results.close_gaps()
    return results, {
        "tool": "perf/run", "plan": plan.name,
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)), "seconds": seconds,
        "machine": described, **results.tree(),
        "targets": [vars(target) for target in targets(results)
                    if target.key.split(".")[0] in arguments.parts],
        "profiles": profiles, "reasons": results.reasons, "details": results.details}


def write(arguments, document):
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    names = ["results.json", "report.md", *plots.draw(document, arguments.output)]
    with open(os.path.join(arguments.output, "results.json"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(arguments.output, "report.md"), "w", encoding="utf-8") as file:
        file.write(report.markdown(document, plots=names[2:]))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(text)
    if arguments.publish:
        publish(document, arguments.output, names[2:])


def publish(document, folder, drawn):
    """The tables go into docs/performance.md, plots and figures beside it."""
    page = os.path.join(REPOSITORY, "docs", "performance.md")
    beside = os.path.join(REPOSITORY, "docs", "performance")
    os.makedirs(beside, exist_ok=True)
    for name in ("results.json", *drawn):
        shutil.copy(os.path.join(folder, name), beside)
    with open(page, encoding="utf-8") as file:
        text = report.into(file.read(), document, drawn, "performance")
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)
    say("published to docs/performance.md")


def main():
    arguments = parse()
    plan = QUICK if arguments.quick else FULL
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_stop)
    signal.signal(signal.SIGALRM, on_alarm)
    topology.remove_stale()
    lab, broken = None, True
    try:
        lab = Lab()
        results, document = measure_all(arguments, plan, lab)
        write(arguments, document)
        broken = results.broken
    except Stopped as stopped:
        print(f"perf/run: stopped by {stopped}; nothing was written", file=sys.stderr)
        broken = False
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if lab is not None:
            lab.close(keep_logs=broken)
    print(report.terminal(document))
    say(f"results.json, report.md and plots are in {arguments.output}")
    if broken:
        say(f"something could not be measured; the programs' logs are in {lab.logs}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
