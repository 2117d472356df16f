#!/usr/bin/python3
"""Names the includes of the two planes that point up: between folders those that the table below
does not allow, within a folder those that close a circle of modules. A module is a header with the
source of the same name.

  tests/arrows.py [ROOT]      the tree at ROOT, else the one around this file"""

import glob
import os
import re
import sys

# What a folder may include beside its own files, and what those folders may.
BELOW = {
    "dataplane": [],
    "dataplane/ip": ["dataplane"],
    "dataplane/shard": ["dataplane/ip"],
    "dataplane/link": ["dataplane"],
    "dataplane/engine": ["dataplane/shard", "dataplane/link"],
    "control/stun": ["dataplane"],
    "control/auth": ["control/stun"],
    "control/access": ["control/auth"],
    "control/turn": ["control/access"],
    "control/next_hop": ["dataplane"],
    "control/config": ["control/turn"],
    "control/daemon": ["control/config", "control/next_hop", "dataplane/engine"],
}
# Control is built without DPDK; this it may have of a folder that has some.
ALSO = {"control/next_hop": ["dataplane/ip/checksum.h"]}
# Sources that put the parts of a folder together: no module needs what they include.
TOPS = {"control/next_hop/next_hops.cc", "control/turn/server.cc", "dataplane/link/link.cc",
        "dataplane/shard/shard.cc"}
PLANES = ("control/", "dataplane/")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def folders_below(folder):
    """The folder itself and all that it may include."""
    below = {folder}
    for each in BELOW.get(folder, ()):
        below |= folders_below(each)
    return below


def includes(root):
    """(file, line number, included file) of all of the planes' own, sorted."""
    for plane in PLANES:
        for path in sorted(glob.glob(os.path.join(root, plane, "**/*.*"), recursive=True)):
            if not path.endswith((".h", ".cc")):
                continue
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    match = INCLUDE.match(line)
                    if match and match[1].startswith((*PLANES, "srtp/")):
                        yield os.path.relpath(path, root), number, match[1]


def circle(arrows, begin):
    """The modules on a way from `begin` back to it, or None."""
    ways = [[begin]]
    seen = set()
    while ways:
        way = ways.pop(0)
        for module in sorted(arrows.get(way[-1], ())):
            if module == begin:
                return way + [begin]
            if module not in seen:
                seen.add(module)
                ways.append(way + [module])
    return None


def faults(root):
    """What is wrong, one line each."""
    arrows = {}
    for path, number, included in includes(root):
        folder, below = os.path.dirname(path), os.path.dirname(included)
        if folder not in BELOW:
            yield f"{path}:{number}: {folder}/ has no line in tests/arrows.py: say what is below it"
        elif below not in folders_below(folder) and included not in ALSO.get(folder, ()):
            yield f"{path}:{number}: {included} is not below {folder}/ (see tests/arrows.py)"
        module, other = os.path.splitext(path)[0], os.path.splitext(included)[0]
        if module != other and path not in TOPS:
            arrows.setdefault(module, set()).add(other)
    reported = set()
    for module in sorted(arrows):
        way = None if module in reported else circle(arrows, module)
        if way:
            reported.update(way)
            yield "a circle of includes: " + " -> ".join(way)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    found = list(faults(root))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
