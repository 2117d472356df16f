"""Full ICE with aioice between two homes behind symmetric NATs: only relay candidates can work."""

import json
import os
import re
import subprocess
import sys

from process import check, wait_until
from relay import PASSWORD, PORT, USER
from topology import RELAY4

AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ice_agent.py")
PACKETS = 100


class Agent:
    def __init__(self, lab, host, controlling):
        setting = {"name": host, "controlling": controlling, "server": [RELAY4, PORT],
                   "user": USER, "password": PASSWORD, "packets": PACKETS}
        self.host = host
        self.process = lab.start(host, sys.executable, AGENT, json.dumps(setting),
                                 stdin=subprocess.PIPE)

    def hear(self, number, seconds=20):
        """The agent's JSON line of that number."""
        def line():
            check(self.process.running(), f"{self.host}'s agent ended: {self.process.last_line()}")
            lines = [l for l in self.process.output().splitlines(True) if l.startswith("{")]
            return lines[number] if len(lines) > number and lines[number].endswith("\n") else None
        return json.loads(wait_until(line, seconds, f"line {number + 1} of {self.host}'s agent"))

    def tell(self, what):
        self.process.popen.stdin.write((json.dumps(what) + "\n").encode())
        self.process.popen.stdin.flush()


def test_relay_to_relay(lab):
    lab.shared_relay()
    alice, bob = Agent(lab, "alice", True), Agent(lab, "bob", False)
    offers = alice.hear(0), bob.hear(0)
    for offer in offers:
        relays = [c for c in offer["candidates"] if re.search(rf" {RELAY4} \d+ typ relay", c)]
        check(relays, f"no relay candidate among {offer['candidates']}")
        check(any("typ srflx" in c for c in offer["candidates"]), "no server-reflexive candidate")
    alice.tell(offers[1])
    bob.tell(offers[0])
    for agent in (alice, bob):
        chosen = agent.hear(1, 40)
        check("relay" in (chosen["local"], chosen["remote"]), f"the chosen pair is {chosen}")
    for agent, other in ((alice, "bob"), (bob, "alice")):
        received = agent.hear(2)["received"]
        check(received == [f"{other} {n}" for n in range(PACKETS)],
              f"{agent.host} received {len(set(received))} of {PACKETS} in order")
    for agent in (alice, bob):
        agent.tell("done")
        check(agent.process.finish(10) == 0, f"{agent.host}'s agent: {agent.process.last_line()}")
