#!/usr/bin/python3
"""Names the lines of the project's files that are not wrapped at 100 columns: those that are
longer, and those of a comment or a page that break long before, in the middle of a sentence.

  tests/columns.py [FILE...]      all tracked and new files, if none is named

Exempt from the first are what cannot be wrapped (in pages, tables, code blocks and lines without a
blank to wrap at), from the second drawings and lists."""

import os
import re
import subprocess
import sys

COLUMNS = 100
# Shorter than this a line is ragged, when the first word of the next one had fitted.
RAGGED = 80
ENDINGS = (".bpf.c", ".c", ".cc", ".h", ".md", ".py", ".sh", ".build", ".txt", ".yml")
SCRIPTS = ("run", "test", "perf/run", ".ci/run")
FENCE = re.compile(r"\s*```")
UNBREAKABLE = re.compile(r"\s*([*>#-]+ |\d+\. )?\S+$")
# Indentation, comment mark, text.
CPP_COMMENT = re.compile(r"(\s*)(///?) (\S.*)$")
COMMENT = re.compile(r"(\s*)(#) (\S.*)$")
PARAGRAPH = re.compile(r"( *)((?:[*-] |\d+\. )?)(?![|#<!])(\S.*)$")
LIST_ITEM = re.compile(r"([*-]|\d+[.:]|\S+:|`\S+`:?|--\S*)( |$)")
SENTENCE_ENDS = (".", ":", "?", "!", ";")


def is_drawing(text):
    return "  " in text or re.search(r"[^\x00-\x7f]{2}|-->|\+--|\\$", text) is not None


def continues(previous, match):
    """Whether a line of text goes on with the sentence of the one before it."""
    if previous is None or match is None or LIST_ITEM.match(match[3]):
        return False
    indent = len(previous[1]) + (len(previous[2]) if previous.re is PARAGRAPH else 0)
    same_mark = match[2] == "" if previous.re is PARAGRAPH else match[2] == previous[2]
    return same_mark and len(match[1]) == indent and not (
        is_drawing(previous[3]) or is_drawing(match[3]) or previous[3].endswith(SENTENCE_ENDS))


def faults(path):
    """(line number, what is wrong) of each line that is not wrapped as it should be."""
    page = path.endswith(".md")
    text = PARAGRAPH if page else CPP_COMMENT if path.endswith((".cc", ".h", ".c")) else COMMENT
    in_code = False
    previous = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if page and FENCE.match(line):
                in_code = not in_code
            exempt = page and (in_code or line.startswith("|"))
            if len(line) > COLUMNS and not exempt and not UNBREAKABLE.match(line):
                yield number, f"{len(line)} columns, at most {COLUMNS}: wrap the line"
            match = None if exempt else text.match(line)
            if continues(previous, match):
                columns = len(previous[0])
                word = match[3].split()[0]
                if columns < RAGGED and columns + 1 + len(word) <= COLUMNS:
                    yield number - 1, f"{columns} columns: there was room for \"{word}\""
            previous = match


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    return [path for path in listed
            if (path.endswith(ENDINGS) or path in SCRIPTS) and os.path.isfile(path)]


def main():
    bad = 0
    for path in sys.argv[1:] or files():
        for number, fault in faults(path):
            print(f"{path}:{number}: {fault}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
