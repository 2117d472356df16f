"""ICMP errors about relayed datagrams reach the client (RFC 8656 section 11.5)."""

import socket
import struct

import turn_client as turn
from checks import allocate_towards, check_echo
from lab import causeway_only
from process import check
from topology import NEAR4, NEAR6, PEER4, PEER6, RELAY4


def parse(value):
    """(type, code, error data). Figure 11 of RFC 8656 draws the border between type and code one
    bit too far left; they are bytes, as in ICMP itself and as other implementations have it."""
    check(len(value) == 8, f"an ICMP attribute of {len(value)} bytes")
    word, data = struct.unpack("!II", value)
    check(word >> 16 == 0, "the reserved bits are not zero")
    return word >> 8, word & 0xFF, data


def check_unreachable(lab, host, address, wanted):
    client = lab.client(host, RELAY4)
    allocate_towards(client, address)
    closed = lab.udp("near" if address in (NEAR4, NEAR6) else "peer", address)
    port = closed.getsockname()[1]
    closed.close()
    client.bind(0x4000, (address, port))
    client.send_channel(0x4000, b"is anyone there?")
    event = client.receive(3)
    check(event is not None, f"no ICMP error about {address} came")
    check((event.kind, event.peer) == ("icmp", (address, port)), f"the client got {event}")
    check(parse(event.payload) == wanted, f"ICMP says {event.payload.hex()}, wanted {wanted}")


@causeway_only
def test_port_unreachable(lab):
    lab.shared_relay()
    check_unreachable(lab, "alice", PEER4, (3, 3, 0))
    check_unreachable(lab, "near", NEAR4, (3, 3, 0))
    check_unreachable(lab, "alice", PEER6, (1, 4, 0))


@causeway_only
def test_too_big(lab):
    """A link with a smaller MTU on the way: with DONT-FRAGMENT the client hears of it."""
    network = lab.new_network()
    lab.relay(network=network)
    network.ip("net", "link", "set", "peer0", "mtu", "1400")
    client = lab.client("near", network=network)
    peer = lab.udp("peer", PEER4, network=network)
    client.allocate((turn.DONT_FRAGMENT, b""))
    client.permit(PEER4)
    client.send(peer.getsockname(), bytes(1390), (turn.DONT_FRAGMENT, b""))
    event = client.receive(3)
    check(event is not None and event.kind == "icmp", f"the client got {str(event)[:80]}")
    check(parse(event.payload) == (3, 4, 1400), f"ICMP says {event.payload.hex()}")


@causeway_only
def test_none_without_permission(lab):
    """An ICMP error from a peer without a permission is not passed on."""
    lab.shared_relay()
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    client.allocate()
    inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 36, 0, 0, 64, 17, 0, bytes([203, 0, 113, 5]),
                        bytes([198, 51, 100, 9]))
    inner += struct.pack("!HHHH", client.relayed[0][1], 9, 16, 0) + bytes(8)
    error = struct.pack("!BBHI", 3, 3, 0, 0) + inner
    total = sum(struct.unpack(f"!{len(error) // 2}H", error))
    total = (total & 0xFFFF) + (total >> 16)
    error = error[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + error[4:]
    with lab.network.inside("peer"):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with raw:
        raw.sendto(error, (RELAY4, 0))
        check(client.receive(0.3) is None, "an ICMP error passed without a permission")
        client.bind(0x4000, (PEER4, 9))
        raw.sendto(error, (RELAY4, 0))
        event = client.receive(3)
    check(event is not None and event.kind == "icmp", f"with a permission the client got {event}")
    client.bind(0x4001, peer.getsockname())
    check_echo(client, 0x4001, peer, b"still relaying")
