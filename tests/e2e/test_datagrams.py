"""What happens to payloads: every family on either leg, large ones, missing checksums, hairpin."""

import os
import socket

import turn_client as turn
from checks import allocate_towards, check_echo, expect_error
from lab import causeway_only
from process import check, wait_until
from topology import ALICE6, NEAR4, NEAR6, PEER4, PEER6, RELAY4, RELAY6

SO_NO_CHECK = 11
IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO = 14, 10, 0, 2
FAMILIES = [(RELAY4, PEER4), (RELAY4, PEER6), (RELAY6, PEER4), (RELAY6, PEER6)]
SIZES = [0, 1, 2, 3, 172, 1100, 1200, 1372]


def test_every_family_and_size(lab):
    """Client leg and peer leg over IPv4 and IPv6, by channel and by indication, all bytes equal."""
    lab.shared_relay()
    for server, peer_address in FAMILIES:
        client, peer = lab.client("alice", server), lab.udp("peer", peer_address)
        allocate_towards(client, peer_address)
        end = peer.getsockname()[:2]
        client.bind(0x4000, end)
        for size in SIZES:
            payload = os.urandom(size)
            check_echo(client, 0x4000, peer, payload)
            client.send(end, payload)
            data, source = peer.recvfrom(65536)
            check(data == payload and source[:2] == client.relayed[0],
                  f"Send of {size} bytes {server} to {peer_address}: got {len(data)} from {source}")


def test_data_indications_of_every_size(lab):
    lab.shared_relay()
    for server, peer_address in FAMILIES:
        client, peer = lab.client("alice", server), lab.udp("peer", peer_address)
        allocate_towards(client, peer_address)
        client.permit(peer_address)
        for size in SIZES:
            payload = os.urandom(size)
            peer.sendto(payload, client.relayed[0])
            event = client.receive()
            check(event == ("data", peer.getsockname()[:2], payload),
                  f"{size} bytes from {peer_address} to a client of {server}: {str(event)[:80]}")


def test_large_datagrams_are_fragmented(lab):
    """Datagrams over the link's MTU come and leave in fragments, on both legs and families. The
    senders allow it: DF is off, as it is not by default in Linux for what fits its own link."""
    lab.shared_relay()
    for server, peer_address in FAMILIES:
        client, peer = lab.client("near", server), lab.udp("peer", peer_address)
        for sock in (client.sock, peer):
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        allocate_towards(client, peer_address)
        client.bind(0x4000, peer.getsockname()[:2])
        sizes = (1473, 1500, 2000, 2960, 4000)
        for size in sizes if ":" in server + peer_address else (1472, *sizes):
            check_echo(client, 0x4000, peer, os.urandom(size))


@causeway_only
def test_too_big_with_df(lab):
    """A peer's datagram with DF that fits its link but not as ChannelData or a Data indication:
    the peer is told of an MTU with room for the relay's header (RFC 8656 section 14.3)."""
    relay = lab.relay()
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    client.allocate()
    client.permit(PEER4)
    peer.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    peer.connect(client.relayed[0])
    peer.send(bytes(1472))
    wait_until(lambda: peer.getsockopt(socket.IPPROTO_IP, IP_MTU) < 1500, 3,
               "the peer's kernel hearing of a smaller MTU")
    mtu = peer.getsockopt(socket.IPPROTO_IP, IP_MTU)
    check(mtu == 1500 - 48, f"the peer is told an MTU of {mtu}")
    peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # takes the error that the ICMP left
    payload = os.urandom(mtu - 28)
    peer.send(payload)
    event = client.receive()
    check(event == ("data", peer.getsockname(), payload), f"the client got {str(event)[:60]}")
    relay.check_counter("icmp_errors_sent", 1)


@causeway_only
def test_large_datagrams_are_counted(lab):
    relay = lab.relay()
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    client.allocate()
    client.bind(0x4000, peer.getsockname())
    check_echo(client, 0x4000, peer, os.urandom(3000))
    totals = relay.counters()
    for name in ("datagrams_reassembled", "datagrams_fragmented"):
        check(totals[name] >= 2, f"counter {name} is {totals[name]}")


def test_no_udp_checksum(lab):
    """Linux senders with the checksum off (IPv4 only): zero on the wire is not an error."""
    lab.shared_relay()
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    for sock in (client.sock, peer):
        sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    client.allocate()
    client.bind(0x4000, peer.getsockname())
    check_echo(client, 0x4000, peer, os.urandom(172))
    six = lab.client("near")
    six.sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    six.allocate((turn.REQUESTED_FAMILY, turn.FAMILY_6))
    other = lab.udp("peer", PEER6)
    six.bind(0x4000, other.getsockname()[:2])
    check_echo(six, 0x4000, other, os.urandom(171))


def test_checksums_of_finished_packets(lab):
    """With transmit checksum offload off, the senders' checksums are whole on the wire."""
    for host in ("near", "peer"):
        lab.network.sh(host, "ethtool", "-K", "eth0", "tx", "off")
    try:
        lab.shared_relay()
        for server, peer_address in FAMILIES:
            client, peer = lab.client("near", server), lab.udp("peer", peer_address)
            allocate_towards(client, peer_address)
            client.bind(0x4000, peer.getsockname()[:2])
            for size in SIZES:
                check_echo(client, 0x4000, peer, os.urandom(size))
    finally:
        for host in ("near", "peer"):
            lab.network.sh(host, "ethtool", "-K", "eth0", "tx", "on")


def test_hairpin(lab):
    """Two allocations of this relay as each other's peers: channels one way, indications the
    other, and both families."""
    lab.shared_relay()
    for server, family in ((RELAY4, turn.FAMILY_4), (RELAY4, turn.FAMILY_6),
                           (RELAY6, turn.FAMILY_4), (RELAY6, turn.FAMILY_6)):
        alice, bob = lab.client("alice", server), lab.client("bob", server)
        for client in (alice, bob):
            client.allocate((turn.REQUESTED_FAMILY, family))
        alice.bind(0x4000, bob.relayed[0])
        bob.permit(alice.relayed[0][0])
        for size in SIZES:
            payload = os.urandom(size)
            alice.send_channel(0x4000, payload)
            event = bob.receive()
            check(event == ("data", alice.relayed[0], payload), f"bob got {str(event)[:80]}")
            bob.send(alice.relayed[0], payload)
            event = alice.receive()
            check(event == ("channel", bob.relayed[0], payload), f"alice got {str(event)[:80]}")


@causeway_only
def test_hairpin_is_counted(lab):
    relay = lab.relay()
    alice, bob = lab.client("alice"), lab.client("bob")
    alice.allocate()
    bob.allocate()
    alice.bind(0x4000, bob.relayed[0])
    bob.bind(0x4000, alice.relayed[0])
    for number in range(10):
        alice.send_channel(0x4000, bytes([number]))
        check(bob.receive() == ("channel", alice.relayed[0], bytes([number])), "hairpin lost one")
    relay.check_counter("hairpin", 10)


def test_hairpin_needs_both_permissions(lab):
    lab.shared_relay()
    alice, bob, near = lab.client("alice"), lab.client("bob"), lab.udp("near", NEAR4)
    alice.allocate()
    bob.allocate()
    alice.permit(RELAY4)
    bob.permit(NEAR4)
    alice.send(bob.relayed[0], b"unasked")
    near.sendto(b"asked", bob.relayed[0])
    event = bob.receive()
    check(event is not None and event.payload == b"asked", f"bob got {event}")
    check(bob.receive(0.2) is None, "the packet without bob's permission arrived")


@causeway_only  # coturn gives one address here
def test_dual_allocation_uses_both_addresses(lab):
    lab.shared_relay()
    client = lab.client("alice")
    client.allocate((turn.ADDITIONAL_FAMILY, turn.FAMILY_6))
    check(len(client.relayed) == 2, f"two relayed addresses, not {client.relayed}")
    four, six = lab.udp("peer", PEER4), lab.udp("near", NEAR6)
    client.bind(0x4000, four.getsockname()[:2])
    client.bind(0x4001, six.getsockname()[:2])
    sources = {check_echo(client, 0x4000, four, b"four")[0][:2],
               check_echo(client, 0x4001, six, b"six")[0][:2]}
    check(sources == set(client.relayed), f"sent from {sources}, allocated {client.relayed}")
    check(client.relayed[0][0] != ALICE6, "a relayed address is the client's own")


@causeway_only
def test_family_without_relayed_address(lab):
    relay = lab.relay()
    client = lab.client("near")
    client.allocate()
    client.permit(NEAR4)
    expect_error(443, lambda: client.bind(0x4000, (NEAR6, 9)))
    client.send((NEAR6, 9), b"no")
    sock = lab.udp("near", NEAR4)
    client.send(sock.getsockname(), b"yes")
    sock.settimeout(3)
    check(sock.recv(10) == b"yes", "the relay stopped relaying")
    totals = relay.counters()
    check(totals["drops"] >= 1, "the datagram for the other family is not counted")


def test_channel_padding(lab):
    """Over UDP a client may pad ChannelData to four bytes or not (RFC 8656 12.5): the peer never
    sees the padding."""
    lab.shared_relay()
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    client.allocate()
    client.bind(0x4000, peer.getsockname())
    client.transmit(b"\x40\x00\x00\x05" + b"hello" + b"\0\0\0")
    peer.settimeout(3)
    check(peer.recv(100) == b"hello", "padding reached the peer")
