#!/usr/bin/python3
"""Names the lines of the project's files that are longer than 100 columns.

  tests/columns.py [FILE...]      all tracked and new files, if none is named

Exempt are what cannot be wrapped: in pages, tables, code blocks and lines without a blank to wrap
at."""

import os
import re
import subprocess
import sys

COLUMNS = 100
ENDINGS = (".bpf.c", ".c", ".cc", ".h", ".md", ".py", ".sh", ".build", ".txt", ".yml")
SCRIPTS = ("run", "test", "perf/run", ".ci/run")
FENCE = re.compile(r"\s*```")
UNBREAKABLE = re.compile(r"\s*([*>#-]+ |\d+\. )?\S+$")


def long_lines(path):
    """(line number, columns) of each line that is too long."""
    page = path.endswith(".md")
    in_code = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if page and FENCE.match(line):
                in_code = not in_code
            exempt = page and (in_code or line.startswith("|"))
            if len(line) > COLUMNS and not exempt and not UNBREAKABLE.match(line):
                yield number, len(line)


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    return [path for path in listed
            if (path.endswith(ENDINGS) or path in SCRIPTS) and os.path.isfile(path)]


def main():
    bad = 0
    for path in sys.argv[1:] or files():
        for number, columns in long_lines(path):
            print(f"{path}:{number}: {columns} columns, at most {COLUMNS}: wrap the line")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
