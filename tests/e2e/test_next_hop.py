"""Next hops follow the kernel: a new gateway MAC, a silent neighbour, a new route."""

import time

from checks import allocate_towards, check_echo, forget_neighbours, open_channel
from lab import causeway_only
from process import check, wait_until
from topology import NEAR4, NEAR6, RELAY4, RELAY6

NEW_MAC = "02:00:00:00:00:77"


def longest_silence(client, peer, change, seconds=2.5):
    """The longest time without an echo while datagrams flow every 10 ms and the change is made."""
    peer.setblocking(False)
    began = last = time.monotonic()
    silence, changed, number = 0.0, False, 0
    while (now := time.monotonic()) < began + seconds:
        if not changed and now > began + 0.5:
            change()
            changed = True
        number += 1
        client.send_channel(0x4000, number.to_bytes(4, "big"))
        try:
            while True:
                data, source = peer.recvfrom(2000)
                peer.sendto(data, source)
        except BlockingIOError:
            pass
        while client.receive(0.01) is not None:
            now = time.monotonic()
            silence, last = max(silence, now - last), now
    return max(silence, time.monotonic() - last)


def test_gateway_announces_new_mac(lab):
    """The gateway changes its MAC and says so (gratuitous ARP, unsolicited ND): within 1 s the
    relay uses it."""
    network = lab.new_network()
    lab.relay(network=network)
    network.sh("net", "sysctl", "-q", "-w", "net.ipv4.conf.br0.arp_notify=1",
               "net.ipv6.conf.br0.ndisc_notify=1")
    for mac, server in ((NEW_MAC, RELAY4), ("02:00:00:00:00:78", RELAY6)):
        client, peer = open_channel(lab, "alice", server, network=network)
        check_echo(client, 0x4000, peer, b"before")
        silence = longest_silence(client, peer, lambda mac=mac: network.ip(
            "net", "link", "set", "br0", "address", mac))
        check(silence < 1.0, f"{silence:.2f} s without traffic after the gateway's MAC changed")


@causeway_only
def test_operator_sets_gateway_mac(lab):
    """`ip neigh replace` in the relay's kernel takes effect within 1 s."""
    network = lab.new_network()
    lab.relay(network=network)
    client, peer = open_channel(lab, "alice", RELAY4, network=network)
    check_echo(client, 0x4000, peer, b"before")
    network.ip("core", "neigh", "replace", "203.0.113.1", "lladdr", "02:00:00:00:00:99", "nud",
               "permanent", "dev", "eth1")
    network.ip("net", "link", "set", "br0", "address", NEW_MAC)
    silence = longest_silence(client, peer, lambda: network.ip(
        "core", "neigh", "replace", "203.0.113.1", "lladdr", NEW_MAC, "nud", "permanent", "dev",
        "eth1"), 2.0)
    check(silence < 1.5, f"{silence:.2f} s without traffic, 0.5 s of them before the change")


def test_unresolved_neighbour_is_resolved(lab):
    """The first datagrams to an on-link peer whose MAC nobody knows are held, not lost."""
    lab.shared_relay()
    for server, address in ((RELAY4, NEAR4), (RELAY6, NEAR6)):
        near = lab.udp("near", address)
        client = lab.client("alice", server)
        allocate_towards(client, address)
        client.permit(address)
        forget_neighbours(lab)
        near.settimeout(3)
        for number in range(3):
            client.send(near.getsockname()[:2], bytes([number]))
        got = sorted(near.recv(10) for _ in range(3))
        check(got == [b"\0", b"\1", b"\2"], f"to a fresh neighbour arrived {got}")


@causeway_only
def test_new_route(lab):
    """A route added while the relay runs is used; taken away, the packets go the old way."""
    network = lab.new_network()
    lab.relay(network=network)
    client, peer = open_channel(lab, "near", RELAY4, network=network)
    check_echo(client, 0x4000, peer, b"by the gateway")
    network.ip("near", "addr", "add", "198.51.100.77/32", "dev", "lo")
    near = lab.udp("near", "198.51.100.77", network=network)
    client.permit("198.51.100.77")
    network.ip("core", "route", "add", "198.51.100.77/32", "via", NEAR4, "dev", "eth1")
    near.setblocking(False)

    def arrives():
        client.send(near.getsockname(), b"by the new route")
        try:
            return near.recv(100)
        except BlockingIOError:
            return None

    check(wait_until(arrives, 1, "a datagram by the new route") == b"by the new route", "payload")
    network.ip("core", "route", "del", "198.51.100.77/32")
    check_echo(client, 0x4000, peer, b"by the gateway again")
