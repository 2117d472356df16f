#!/usr/bin/python3
"""The demo of ./run: two clients behind symmetric NATs talk through causewayd.

The last line is `demo: ok sent=… received=… lost=… p99_us=…` (exit status 0) or
`demo: failed …` (1)."""

import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

# pylint: disable=wrong-import-position
import relay as relays
import topology
from demo_call import Call, Party
from process import Failure, check
from topology import RELAY4

CALL_SECONDS = 10
DIRECT_TRIES = 20
# A call with more lost than this is not a good one: a thousandth.
LOSS_LIMIT = 0.001

PICTURE = f"""
  alice 192.168.1.2 ── her router 192.0.2.2 ──┐
                                              ├── internet ── relay {RELAY4} (causewayd)
  bob   192.168.2.2 ── his router 192.0.2.6 ──┘

Each router lets nothing in that was not asked for, and takes a new random port for every
destination (a symmetric NAT). All of it is in network namespaces of this machine.
"""


class Stopped(BaseException):
    """A signal asks for the end."""


def tell(text=""):
    print(text, flush=True)


def start_relay(network, logs):
    arguments = relays.causewayd_arguments("--stats", "1", "--max-allocations", "1000",
                                           allowed=(f"{RELAY4}/32",))
    tell("1. The relay starts, on its interface eth1:")
    tell(f"   causewayd {' '.join(arguments).replace(relays.PASSWORD, '******')}")
    relay = relays.Causewayd(network, os.path.join(logs, "causewayd.log"), *arguments)
    relay.wait_ready()
    tell(f"   {relay.wait_for(relay.READY).group(0)}")
    return relay


def try_direct(alice, bob):
    """A real attempt: both send to where the other's router shows it. True if any arrived."""
    tell("\n2. First without the relay. Each asks it only how its own router shows it (STUN), then")
    tell(f"   sends {DIRECT_TRIES} datagrams to where the other's router shows the other:")
    mapped = {alice: alice.turn.binding(), bob: bob.turn.binding()}
    for party in (alice, bob):
        tell(f"   {party.name} is shown as {mapped[party][0]} port {mapped[party][1]}")
    for _ in range(DIRECT_TRIES):
        alice.turn.sock.sendto(b"direct", mapped[bob])
        bob.turn.sock.sendto(b"direct", mapped[alice])
        time.sleep(0.02)
    arrived = alice.count_direct() + bob.count_direct()
    tell(f"   {arrived} of {2 * DIRECT_TRIES} arrived: the direct path "
         f"{'works' if arrived else 'fails'}.")
    return arrived > 0


def set_up_call(alice, bob):
    tell("\n3. Now through the relay. Each gets an address there, which the other sends to:")
    for party in (alice, bob):
        party.turn.allocate()
        tell(f"   {party.name} is reachable at {party.turn.relayed[0][0]} port "
             f"{party.turn.relayed[0][1]}")
    for party, other in ((alice, bob), (bob, alice)):
        party.turn.bind(0x4000, other.turn.relayed[0])
    tell(f"   A {CALL_SECONDS} s call, each way 50 packets/s of voice and about 1 Mbit/s of video."
         "\n")


def show(line, call):
    """One second of the call, as causewayd counts it."""
    values = relays.parse_counters(line)
    if values.get("hairpin", 0) == 0:
        return
    tell(f"   {call.elapsed():4.0f} s   relayed {values['hairpin']:4d} packets/s"
         f"   {values['tx_bytes'] * 8 / 1e6 / values['interval_s']:4.1f} Mbit/s"
         f"   dropped {values['drops']}   worker busy {values['busy_pct']:.0f} %"
         f"   alice heard {call.heard('alice')}   bob heard {call.heard('bob')}")


def demonstrate(network, logs):
    relay = start_relay(network, logs)
    try:
        alice, bob = Party("alice", network), Party("bob", network)
        check(not try_direct(alice, bob), "the direct path works, so this shows nothing")
        set_up_call(alice, bob)
        call = Call(alice, bob)
        call.run(CALL_SECONDS, relay, show)
        alice.turn.close()
        bob.turn.close()
        relay.stop()
    finally:
        relay.kill()
    return call


def verdict(call):
    sent, received = call.sent(), call.received()
    p99 = call.latency_us(0.99)
    figures = f"sent={sent} received={received} lost={sent - received} p99_us={p99}"
    if sent == 0 or sent - received > LOSS_LIMIT * sent:
        return f"demo: failed {figures}: more than {LOSS_LIMIT:.1%} lost"
    return f"demo: ok {figures}"


def on_stop(number, _):
    raise Stopped(signal.Signals(number).name)


def main():
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, on_stop)
    network, logs = None, tempfile.mkdtemp(prefix="causeway-demo-")
    try:
        topology.remove_stale()
        network = topology.Network()
        tell("Two clients behind symmetric NATs, and a relay that both can reach:")
        tell(PICTURE)
        last = verdict(demonstrate(network, logs))
    except Stopped as stopped:
        last = f"demo: failed: stopped by {stopped}"
    except (Failure, OSError, RuntimeError, ValueError) as failure:
        last = f"demo: failed: {' '.join(str(failure).split())} (causewayd's log: {logs})"
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        if network is not None:
            network.close()
    if "log" not in last:
        shutil.rmtree(logs, ignore_errors=True)
    tell("\n" + last)
    return 0 if last.startswith("demo: ok") else 1


if __name__ == "__main__":
    sys.exit(main())
