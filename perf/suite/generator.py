"""Runs of causeway-gen."""

import json
import os
import selectors
import time

from suite.lab import CLIENTS, GENERATOR_CPU, PEERS, RELAY, Failure, Unavailable
from suite.plan import PAYLOAD_BYTES

USER, PASSWORD, REALM = "alice", "secret", "example.org"
PHASE = "causeway-gen: phase "
ERROR = "causeway-gen: error: "
# A machine so busy that no rate passes is a finding, not a fault of the tools.
NO_RATE_PASSES = ERROR + "search: at --min-rate"


def binary(name):
    return os.path.join(os.environ["CAUSEWAY_BUILD"], "perf", *name.split("/"))


class Generator:
    """`link` is causeway-gen's --interface or --device with its value."""

    def __init__(self, lab, link):
        self._lab = lab
        self._link = link

    def run(self, *arguments, seconds, on_phase=None):
        """causeway-gen's JSON of a run that must end well within `seconds`; Unavailable when no
        rate of a search passes. `on_phase` hears (name, begins) of each phase when it begins and
        when it ends."""
        report = self._lab.path("causeway-gen.json")
        account = () if "--reflect" in arguments else ("--user", f"{USER}:{PASSWORD}")
        argv = [binary("gen/causeway-gen"), *self._link, "--server", RELAY, "--client-address",
                CLIENTS, "--peer-address", PEERS, *account, "--cpu", str(GENERATOR_CPU), "--size",
                str(PAYLOAD_BYTES), "--quiet", "--json", report, *map(str, arguments)]
        read_end, write_end = os.pipe()
        try:
            process = self._lab.start(argv, self._lab.generator_ns, output=write_end)
        finally:
            os.close(write_end)
        with open(read_end, "rb", buffering=0) as lines:
            last = self._follow(process, lines, time.monotonic() + seconds, on_phase)
        status = process.finish(10)
        if status == 1 and last.startswith(NO_RATE_PASSES):
            raise Unavailable(last)
        if status != 0:
            raise Failure(f"causeway-gen ended with status {status}: {last}")
        with open(report, encoding="utf-8") as file:
            return json.load(file)

    @staticmethod
    def _follow(process, lines, deadline, on_phase):
        """Reads to the end of the output; the error that it tells, or else its last line."""
        last, rest = "(no output)", b""
        with selectors.DefaultSelector() as selector, open(process.log, "ab") as log:
            selector.register(lines, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0, deadline - time.monotonic())):
                    process.kill()
                    raise Failure(f"causeway-gen did not end in time; its last line: {last}")
                data = lines.read(65536)
                if not data:
                    return last
                log.write(data)
                *whole, rest = (rest + data).split(b"\n")
                for line in (line.decode(errors="replace").strip() for line in whole):
                    if line and not last.startswith(ERROR):
                        last = line
                    if on_phase and line.startswith(PHASE):
                        name, event = line[len(PHASE):].split()[:2]
                        on_phase(name, event == "begin")
