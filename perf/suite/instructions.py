"""perf/core/instructions, once everything is built and installed."""

import argparse
import contextlib
import json
import os
import sys
import tempfile

from suite import callgrind


def parse():
    parser = argparse.ArgumentParser(prog="perf/core/instructions", allow_abbrev=False)
    parser.add_argument("scenes", nargs="*", metavar="SCENE")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--against", metavar="FILE")
    parser.add_argument("--functions", metavar="N", type=int, default=0)
    parser.add_argument("--keep", metavar="DIR")
    arguments = parser.parse_args()
    arguments.before = {}
    if arguments.against:
        try:
            with open(arguments.against, encoding="utf-8") as file:
                arguments.before = json.load(file)
        except (OSError, ValueError) as error:
            parser.error(f"--against {arguments.against}: {error}: give a file that --json wrote")
    return arguments


def lines(counts, before, functions):
    """The table, as lines."""
    for name, one in counts.items():
        change = ""
        if before.get(name):
            change = f"{before[name]:10.1f}{100 * (one.instructions / before[name] - 1):+8.1f} %"
        yield f"{name:32}{one.instructions:10.1f}{change}"
        for function in list(one.functions)[:functions]:
            yield f"    {function:40}{one.functions[function]:10.1f}"


def main():
    arguments = parse()
    with contextlib.ExitStack() as stack:
        folder = arguments.keep or stack.enter_context(tempfile.TemporaryDirectory())
        try:
            os.makedirs(folder, exist_ok=True)
            counts = callgrind.count(
                os.path.join(os.environ["CAUSEWAY_BUILD"], "perf", "shard_bench"),
                arguments.scenes, folder)
            if arguments.json:
                with open(arguments.json, "w", encoding="utf-8") as file:
                    json.dump({name: round(one.instructions, 2) for name, one in counts.items()},
                              file, indent=1)
        except (callgrind.CannotCount, OSError) as error:
            print(f"perf/core/instructions: {error}", file=sys.stderr)
            return 1
    before = "    before  change" if arguments.before else ""
    print(f"{'instructions a packet':32}{'':10}{before}")
    print("\n".join(lines(counts, arguments.before, arguments.functions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
