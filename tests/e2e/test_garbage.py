"""Garbage on the wire: the node goes on serving and answers none of it."""

import os
import random
import socket
import struct

import turn_client as turn
from checks import check_echo, open_channel
from lab import causeway_only
from process import check
from topology import NEAR4, PEER4, RELAY4, RELAY6
from turn_client import Message

SEED = int(os.environ.get("CAUSEWAY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
SIZES = range(0, 1601)
BATCH = 100


def may_be_answered(data):
    """It is a request, sound as far as a stranger can tell."""
    try:
        return Message.decode(data).cls == turn.REQUEST
    except (ValueError, struct.error):
        return False


def valid_messages(rng):
    """One of each kind that a client sends."""
    peer = (turn.XOR_PEER_ADDRESS, turn.xor_address((PEER4, 9), bytes(12)))
    kinds = [(turn.BINDING, turn.REQUEST, []),
             (turn.ALLOCATE, turn.REQUEST, [(turn.REQUESTED_TRANSPORT, turn.UDP_TRANSPORT)]),
             (turn.REFRESH, turn.REQUEST, [(turn.LIFETIME, struct.pack("!I", 600))]),
             (turn.CREATE_PERMISSION, turn.REQUEST, [peer]),
             (turn.CHANNEL_BIND, turn.REQUEST, [(turn.CHANNEL_NUMBER, b"\x40\0\0\0"), peer]),
             (turn.SEND, turn.INDICATION, [peer, (turn.DATA_ATTRIBUTE, rng.randbytes(40))])]
    credentials = [(turn.USERNAME, b"alice"), (turn.REALM, b"example.org"),
                   (turn.NONCE, b"obMatJos2AAAA" + rng.randbytes(12).hex().encode())]
    for method, cls, attributes in kinds:
        transaction = rng.randbytes(12)
        yield Message(method, cls, transaction, attributes).encode()
        yield Message(method, cls, transaction, attributes + credentials).encode(rng.randbytes(16))
    yield b"\x40\x00\x00\x04data"


def mutate(rng, data):
    """Bytes changed, cut out, put in, repeated, or a length field made wrong."""
    data = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data)) if data else 0
        choice = rng.randrange(6)
        if choice == 0 and data:
            data[at] = rng.randrange(256)
        elif choice == 1:
            del data[at:at + rng.randrange(1, 9)]
        elif choice == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif choice == 3 and len(data) >= 4:
            data[2:4] = rng.randbytes(2)
        elif choice == 4:
            data = data[:at]
        elif len(data) > 24:
            at = 20 + 4 * rng.randrange((len(data) - 20) // 4)
            data[at:at + 4] = struct.pack("!HH", rng.choice(range(0x40)), rng.randrange(70))
    return bytes(data[:1600])


def garbage(rng):
    """Every size from 0 to 1600 bytes at random, then as many mutations of valid messages."""
    for size in SIZES:
        data = rng.randbytes(size)
        if data and rng.random() < 0.5:
            data = bytes([rng.choice((0, 1, 0x40, 0x7F))]) + data[1:]
        yield data
    originals = list(valid_messages(rng))
    for _ in SIZES:
        yield mutate(rng, rng.choice(originals))


def check_unanswered(lab, server, data_source):
    """Sends what no one should answer; only the Binding after each batch is answered."""
    client = lab.client("near", server)
    batch = 0
    for data in data_source:
        if may_be_answered(data):
            continue
        client.transmit(data)
        batch += 1
        if batch % BATCH == 0:
            expect_only_binding(client)
    expect_only_binding(client)


def expect_only_binding(client):
    message = Message(turn.BINDING, turn.REQUEST)
    client.transmit(message.encode())
    client.sock.settimeout(5)
    try:
        reply = client.sock.recv(2000)
    except TimeoutError:
        check(False, f"no answer to Binding after garbage (seed {SEED})")
    check(reply[:2] == b"\x01\x01" and reply[8:20] == message.transaction,
          f"garbage was answered with {reply[:40].hex()} (seed {SEED})")


def garbage_relay(lab):
    """Without the budget for requests of one prefix, which would hide answers."""
    if lab.server == "coturn":
        return lab.shared_relay()
    return lab.relay("--requests-per-prefix", "0")


@causeway_only  # coturn answers some of it
def test_at_the_listening_port(lab):
    relay = garbage_relay(lab)
    client, peer = open_channel(lab)
    for server in (RELAY4, RELAY6):
        check_unanswered(lab, server, garbage(random.Random(SEED)))
    check_echo(client, 0x4000, peer, b"still serving")
    totals = relay.counters()
    check(totals["drops"] >= 2 * len(SIZES), f"{totals['drops']} of the garbage counted as drops")


def test_at_a_relay_port(lab):
    """From a permitted peer it is payload and arrives, whatever it is; from others it does not."""
    garbage_relay(lab)
    client, stranger, friend = lab.client("alice"), lab.udp("near", NEAR4), lab.udp("peer", PEER4)
    client.allocate()
    client.permit(PEER4)
    rng = random.Random(SEED)
    for size in range(0, 1373, 7):
        payload = rng.randbytes(size)
        stranger.sendto(payload, client.relayed[0])
        friend.sendto(payload, client.relayed[0])
        event = client.receive()
        check(event == ("data", friend.getsockname(), payload),
              f"{size} bytes: the client got {str(event)[:60]} (seed {SEED})")


@causeway_only
def test_from_an_allocations_client(lab):
    """The same garbage on an allocation's own five-tuple does not end the allocation."""
    garbage_relay(lab)
    client, peer = open_channel(lab, "near")
    key = client.key
    for number, data in enumerate(garbage(random.Random(SEED + 1))):
        if may_be_answered(data) or data[:1] == b"\x40" or data[:2] == b"\x00\x16":
            continue
        client.transmit(data)
        if number % BATCH == 0:
            expect_only_binding(client)
    expect_only_binding(client)
    client.key = key
    check(client.refresh(600) == 600, "Refresh after the garbage")
    check_echo(client, 0x4000, peer, b"still serving")


@causeway_only
def test_mutated_requests_that_may_be_answered(lab):
    """Their answers carry their transaction, and are no larger than an error with a challenge."""
    garbage_relay(lab)
    rng = random.Random(SEED + 2)
    originals = list(valid_messages(rng))
    client = lab.client("near")
    waiting = set()
    for _ in range(1500):
        data = mutate(rng, rng.choice(originals))
        if not may_be_answered(data):
            continue
        waiting.add(data[8:20])
        client.transmit(data)
        client.sock.setblocking(False)
        try:
            while True:
                reply = client.sock.recv(2000)
                check(reply[8:20] in waiting and reply[0] & 1, f"stray {reply[:40].hex()}")
                check(len(reply) <= 400, f"an answer of {len(reply)} bytes to {len(data)}")
        except BlockingIOError:
            pass
    after, peer = open_channel(lab, "alice")
    check_echo(after, 0x4000, peer, b"still serving")


@causeway_only
def test_broken_headers(lab):
    """Frames whose IP and UDP headers are wrong in every place, options and fragments included."""
    relay = garbage_relay(lab)
    client, peer = open_channel(lab)
    rng = random.Random(SEED + 3)
    target = lab.network.sh("core", "cat", "/sys/class/net/eth1/address").strip()
    source = lab.network.sh("near", "cat", "/sys/class/net/eth0/address").strip()
    ethernet = bytes.fromhex((target + source).replace(":", ""))
    with lab.network.inside("near"):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind(("eth0", 0))
        for _ in range(3000):
            raw.send(ethernet + broken_packet(rng, client.relayed[0][1]))
    check_echo(client, 0x4000, peer, b"still serving")
    for server in (RELAY4, RELAY6):
        expect_only_binding(lab.client("near", server))
    totals = relay.counters()
    check(totals["drops"] > 0, "none of the broken packets is counted as a drop")


def broken_packet(rng, relay_port):
    """EtherType and an IPv4 or IPv6 packet to the relay, some bytes of the headers mutated."""
    payload = rng.randbytes(rng.choice((0, 1, 3, 4, 8, 20, 28, 100, 500)))
    port = rng.choice((3478, relay_port))
    udp = struct.pack("!HHHH", rng.randrange(65536), port, 8 + len(payload), 0) + payload
    if rng.random() < 0.5:
        flags = rng.choice((0, 0, 0x4000, 0x2000, 0x2001, 0x1FFF, rng.randrange(65536)))
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), rng.randrange(65536), flags,
                             rng.choice((64, 1, 0)), 17, 0, socket.inet_aton(NEAR4),
                             socket.inet_aton(RELAY4))
        total = sum(struct.unpack("!10H", packet))
        total = (total & 0xFFFF) + (total >> 16)
        packet = packet[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + packet[12:]
        kind, header = b"\x08\x00", 28
    else:
        following = rng.choice((17, 17, 0, 43, 44, 60, 50))
        packet = struct.pack("!IHBB", 6 << 28, len(udp), following, rng.choice((64, 1, 0)))
        packet += socket.inet_pton(socket.AF_INET6, "2001:db8::9")
        packet += socket.inet_pton(socket.AF_INET6, RELAY6)
        kind, header = b"\x86\xdd", 48
    data = bytearray(packet + udp)
    for _ in range(rng.randrange(0, 4)):
        at = rng.randrange(header)
        if not (kind == b"\x08\x00" and 12 <= at < 20) and not (header == 48 and 8 <= at < 40):
            data[at] = rng.randrange(256)
    if rng.random() < 0.3:
        data = data[:rng.randrange(len(data))]
    return kind + bytes(data)
