"""Floods while control is busy: whoever has an allocation is heard, whatever comes in beside."""

import socket
import time

import turn_client as turn
from checks import start_on_device
from lab import causeway_only
from process import check, first_thread_stopped
from relay import PORT
from topology import RELAY4

REFRESHES = 20
GULP = 64  # frames that are sent without a pause: no queue on the way overflows


def flood(count, send):
    for number in range(count):
        send()
        if number % GULP == GULP - 1:
            time.sleep(0.001)


def check_refreshes(client, relay, flood_while_stopped):
    with first_thread_stopped(relay):
        flood_while_stopped()
        asked = [client.ask(turn.REFRESH) for _ in range(REFRESHES)]
    answered = [client.answered(transaction) for transaction in asked]
    lost = answered.count(None)
    check(lost == 0, f"{lost} of {REFRESHES} Refreshes of a known client were not answered")
    client.close()
    totals = relay.counters()
    check(totals.get("drop_client_punt_full", 0) == 0,
          f"requests of known clients dropped: {totals}")
    return totals


@causeway_only
def test_strangers_take_no_room_from_a_known_client(lab):
    relay = lab.relay("--requests-per-prefix", "0")
    client, stranger = lab.client("alice"), lab.udp("peer")
    client.allocate()
    allocate = turn.Message(turn.ALLOCATE, turn.REQUEST).encode()
    totals = check_refreshes(client, relay, lambda: flood(
        6000, lambda: stranger.sendto(allocate, (RELAY4, PORT))))
    check(totals.get("drop_stranger_punt_full", 0) > 0, f"the flood overflowed nothing: {totals}")


@causeway_only
def test_neighbours_take_no_room_from_a_known_client(lab):
    """ARP requests, where they pass through us to the kernel."""
    network = lab.new_network()
    relay = start_on_device(lab, network, "net_af_packet0,iface=eth1")
    client = lab.client("alice", network=network)
    client.allocate()
    with network.inside("near"):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("eth0", 0))
    sender = bytes.fromhex("020000000099")
    arp = (b"\xff" * 6 + sender + bytes.fromhex("08060001080006040001") + sender +
           socket.inet_aton("203.0.113.99") + bytes(6) + socket.inet_aton("203.0.113.98"))
    with wire:
        totals = check_refreshes(client, relay, lambda: flood(1500, lambda: wire.send(arp)))
    check(totals.get("drop_neighbour_full", 0) > 0, f"the flood overflowed nothing: {totals}")
