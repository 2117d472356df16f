"""Instructions a packet: shard_bench under callgrind, one of its files for each scene."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass

PACKETS = 4096  # of shard_bench's rounds, one of which counts; polls where nothing arrives
SECONDS = 300
COUNTED = ("*ShardImpl::Poll*", "*RteHashScene::LookUpAll*")
ROUNDS = "*ServeRounds*"  # each scene's first for the caches, its second to count


@dataclass(frozen=True)
class Count:
    """Of one scene, each a packet."""

    instructions: float
    functions: dict  # {name: its own, without what it calls}


class CannotCount(Exception):
    """valgrind is missing, or it or the benchmark failed."""


def count(bench, scenes, folder):
    """{scene: Count} of these scenes and those that they are compared with; all when there are
    none. Callgrind's files stay in `folder`."""
    if not shutil.which("valgrind"):
        raise CannotCount("valgrind is not installed: apt-get install valgrind")
    out, report = os.path.join(folder, "callgrind.out"), os.path.join(folder, "shard_bench.json")
    argv = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--compress-strings=no",
            *(f"--toggle-collect={function}" for function in COUNTED), f"--dump-after={ROUNDS}",
            f"--callgrind-out-file={out}", bench, "--ordinary-pages", "--lossless",
            "--sizes", "1000", "--laps", "1", "--rounds", "2", "--json", report,
            "--only", ",".join(scenes) if scenes else "all"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CannotCount(f"{bench} did not end within {SECONDS} s under valgrind") from error
    if done.returncode != 0:
        raise CannotCount(f"{bench} under valgrind ended with status {done.returncode}: "
                          f"{_last_line(done.stdout + done.stderr)}")
    with open(report, encoding="utf-8") as file:
        names = [row["scene"] for row in json.load(file)["scenes"]]
    return {name: _read(f"{out}.{2 * number}") for number, name in enumerate(names, 1)}


def _last_line(text):
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("==")]
    return lines[-1] if lines else "(no output)"


def _read(path):
    with open(path, encoding="utf-8") as file:
        costs = parse(file)
    return Count(sum(costs.values()) / PACKETS,
                 {name: cost / PACKETS for name, cost in costs.most_common() if cost})


def parse(lines):
    """{function: its own instructions} of one of callgrind's files, names not compressed."""
    costs, library, function, of_a_call = Counter(), "", None, False
    for line in lines:
        if line.startswith("ob="):
            library = os.path.basename(line[3:].strip())
        elif line.startswith("fn="):
            function = short(line[3:].strip(), library)
        elif line.startswith("calls="):
            of_a_call = True
        elif re.match(r"[\d+*-]", line):
            if not of_a_call and function:
                costs[function] += int(line.split()[1])
            of_a_call = False
    return costs


def short(function, library):
    """A name without namespaces, arguments and template arguments; the library where it has
    none."""
    if function.startswith("0x"):
        return f"{library} {function.lstrip('0x') or '0'}"
    name = function.replace("(anonymous namespace)::", "").replace("causeway::", "")
    without = None
    while without != name:  # the innermost first
        without, name = name, re.sub(r"<[^<>]*>", "", name)
    return name.split("(")[0].split(" ")[-1]
