"""How many workers there are, and two of them on two queues."""

import os
import re
import subprocess
import tempfile

import turn_client as turn
from checks import check_echo, check_one_line, start_on_device
from lab import causeway_only
from process import check, wait_until
from relay import causewayd_arguments
from topology import PEER4, PEER6, RELAY4, RELAY6

CLIENTS = 12


def serve_many(lab, network):
    """Clients of every family to peers of every family, and each to the next one by hairpin."""
    clients = []
    for number in range(CLIENTS):
        server = (RELAY4, RELAY6)[number % 2]
        address = (PEER4, PEER6)[number // 2 % 2]
        client = lab.client(("alice", "bob", "near")[number % 3], server, network=network)
        client.allocate((turn.REQUESTED_FAMILY,
                         turn.FAMILY_6 if ":" in address else turn.FAMILY_4))
        peer = lab.udp("peer", address, network=network)
        client.bind(0x4000, peer.getsockname()[:2])
        clients.append((client, peer, address))
    for _ in range(20):
        for client, peer, _ in clients:
            check_echo(client, 0x4000, peer, os.urandom(172))
    for address in (PEER4, PEER6):
        same = [client for client, _, family in clients if family == address]
        for first, second in zip(same, same[1:] + same[:1]):
            first.permit(second.relayed[0][0])
            second.permit(first.relayed[0][0])
            first.send(second.relayed[0], b"next")
            event = second.receive()
            check(event == ("data", first.relayed[0], b"next"), f"hairpin: got {event}")


@causeway_only
def test_two_queues(lab):
    """AF_PACKET spreads the flows over two queues (DPDK's AF_XDP driver sees one on a veth)."""
    network = lab.new_network()
    relay = start_on_device(lab, network, "net_af_packet0,iface=eth1,qpairs=2", "--workers", "2")
    serve_many(lab, network)
    totals = relay.counters()
    check(totals["handed_off"] > 0 and totals["handoff_received"] == totals["handed_off"],
          f"handed off {totals['handed_off']}, received {totals['handoff_received']}")
    line = next(l for l in relay.output().splitlines() if l.startswith("totals "))
    received = dict(w.split("=") for w in line.split()[1:])["rx_packets_by_worker"].split(",")
    check(len(received) == 2 and all(int(count) > 0 for count in received),
          f"packets by worker: {received}")
    check("are handed off when they are another worker's; driver net_af_packet refuses flow rules: "
          in relay.output(), f"no word of steering: {relay.output()}")


@causeway_only
def test_one_worker_on_an_interface_with_two_queues(lab):
    """No queue may be left unread: it serves all, or says in one line what to do."""
    network = lab.new_network(queues=2)
    relay = lab.causewayd(*causewayd_arguments("--workers", "1"), network=network)
    wait_until(lambda: not relay.running() or re.search(relay.READY, relay.output(), re.M), 15,
               "ready or refused")
    if relay.running():
        serve_many(lab, network)
    else:
        check_one_line(relay, r"queue")


@causeway_only
def test_two_workers_on_one_queue(lab):
    """More workers than queues: refused in one line that says so."""
    lab.stop_shared()
    relay = lab.causewayd(*causewayd_arguments("--workers", "2"))
    check(relay.finish(15) > 0, "it started with more workers than queues")
    check_one_line(relay, r"queue")


# What a machine of eight CPUs says, on one of any number.
EIGHT_CPUS = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
  memset(set, 0, size);
  for (int cpu = 0; cpu < 8; ++cpu) CPU_SET(cpu, set);
  return 0;
}
"""


@causeway_only
def test_eight_cpus_and_one_queue(lab):
    """No number given: as many workers as the interface has queues, however many CPUs there are."""
    with tempfile.TemporaryDirectory() as directory:
        library = os.path.join(directory, "eight_cpus.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library],
                       input=EIGHT_CPUS.encode(), check=True)
        relay = lab.causewayd(*causewayd_arguments(), env={"LD_PRELOAD": library})
        relay.wait_ready()
        check(" workers=1 " in relay.output(), f"not one worker: {relay.last_line()}")
        check(re.search(r"workers: 1, .*queues.* enough for 7$", relay.output(), re.M),
              f"it does not say why: {relay.output()}")
        check(re.search(r"CPUs: control on \d+, workers on \d+\b", relay.output()),
              f"it does not say where they run: {relay.output()}")
        client = lab.client("alice")
        client.allocate()
        strict = lab.causewayd(*causewayd_arguments("--workers", "7"), env={"LD_PRELOAD": library})
        check(strict.finish(15) > 0, "it started with seven workers on one queue")
        check_one_line(strict, r"queue")
