"""Requests and their answers, with the independent client."""

import base64
import hashlib
import hmac
import struct
import time

import turn_client as turn
from checks import check_echo, expect_error
from lab import causeway_only
from process import check
from topology import NEAR4, PEER4, RELAY4, RELAY6
from turn_client import Message


def test_binding_shows_the_nat(lab):
    lab.shared_relay()
    client = lab.client("alice")
    first = client.binding()
    check(first[0] == "192.0.2.2", f"mapped to {first[0]}, not the router's address")
    near = lab.client("near")
    check(near.binding() == (NEAR4, near.sock.getsockname()[1]), "an open client's own address")
    check(lab.client("near", RELAY6).binding()[0] == "2001:db8::9", "IPv6 Binding")


def test_send_and_channel(lab):
    lab.shared_relay()
    client, peer = lab.client("alice"), lab.udp("peer", PEER4)
    client.allocate()
    check(client.relayed[0][0] == RELAY4, f"relayed address {client.relayed}")
    client.permit(PEER4)
    client.send(peer.getsockname(), b"over Send")
    peer.settimeout(3)
    data, source = peer.recvfrom(2000)
    check((data, source) == (b"over Send", client.relayed[0]), f"the peer got {data} from {source}")
    peer.sendto(b"over Data", source)
    event = client.receive()
    check(event == ("data", peer.getsockname(), b"over Data"), f"the client got {event}")
    client.bind(0x4001, peer.getsockname())
    _, event = check_echo(client, 0x4001, peer, b"over the channel")
    check(event.kind == "channel", f"after ChannelBind the client got {event}")
    check(client.refresh(0) == 0, "Refresh with lifetime 0")


def test_rfc8489_credentials(lab):
    """SHA-256, USERHASH and the nonce cookie, where the server offers them."""
    lab.shared_relay()
    client, peer = lab.client("alice", modern=True), lab.udp("peer", PEER4)
    client.allocate()
    if lab.server == "causewayd":
        check(client.algorithms is not None, "no PASSWORD-ALGORITHMS in the 401")
        check(client.nonce.startswith(b"obMatJos2"), "no nonce cookie")
    client.bind(0x4000, peer.getsockname())
    check_echo(client, 0x4000, peer, b"modern")


@causeway_only
def test_bid_down_is_refused(lab):
    """The nonce says that the server offers PASSWORD-ALGORITHMS; a request that lacks one of the
    two attributes, or names other algorithms, went through somebody's hands (RFC 8489 9.2.4)."""
    lab.shared_relay()
    client = lab.client("near", modern=True)
    client.allocate()
    client.algorithms = b"\0\x01\0\0"
    expect_error(400, lambda: client.refresh(600))


def test_wrong_credentials(lab):
    lab.shared_relay()
    expect_error(401, lab.client("near", password="guess").allocate)
    expect_error(401, lab.client("near", username="mallory").allocate)
    owner, thief = lab.client("near"), lab.client("near")
    owner.allocate()
    thief.allocate()
    thief.nonce = b"made up"
    client_error = expect_error(438, lambda: thief.transact(
        Message(turn.REFRESH, turn.REQUEST), signed=True))
    check(client_error.response.get(turn.NONCE), "438 without a fresh nonce")


@causeway_only  # coturn answers Refresh without an allocation
def test_mismatch(lab):
    """437: a second Allocate, and requests without an allocation."""
    lab.shared_relay()
    client = lab.client("near")
    client.allocate()
    expect_error(437, client.allocate)
    client.refresh(0)
    expect_error(437, lambda: client.refresh(600))
    expect_error(437, lambda: client.permit(PEER4))
    expect_error(437, lambda: client.bind(0x4000, (PEER4, 9)))


@causeway_only
def test_wrong_user(lab):
    """441: another user's request on the allocation's five-tuple."""
    lab.relay("--user", "bob:other")
    client = lab.client("near")
    client.allocate()
    client.username, client.password, client.key = b"bob", b"other", None
    expect_error(441, lambda: client.refresh(600))


@causeway_only
def test_denied_peers(lab):
    """403 for what no relay should reach: the lists of the default policy, and our own node."""
    lab.relay(allowed=("203.0.113.0/24",))
    client = lab.client("near")
    client.allocate()
    for host in ("127.0.0.1", "10.1.2.3", "192.168.1.2", "169.254.169.254", PEER4, "224.0.0.1",
                 "0.0.0.0", "255.255.255.255"):
        expect_error(403, lambda host=host: client.permit(host))
        expect_error(403, lambda host=host: client.bind(0x4000, (host, 80)))
    client.permit(NEAR4)
    expect_error(403, lambda: client.permit(NEAR4, "127.0.0.1"))
    six = lab.client("near", RELAY6)
    six.allocate((turn.REQUESTED_FAMILY, turn.FAMILY_6))
    for host in ("::1", "::ffff:127.0.0.1", "fe80::1", "2002:7f00:1::1", "64:ff9b::7f00:1",
                 "fd00::1"):
        expect_error(403, lambda host=host: six.permit(host))


@causeway_only
def test_own_node_is_out_of_reach(lab):
    """Of the relay's own addresses only relayed addresses may be peers: neither its kernel's
    sockets nor its own listening port hear what is relayed."""
    relay = lab.relay()
    client, kernel = lab.client("near"), lab.udp("core", RELAY4, 5353)
    client.allocate()
    client.permit(RELAY4, NEAR4)
    for port in (5353, 3478, 22):
        client.send((RELAY4, port), Message(turn.BINDING, turn.REQUEST).encode())
    near = lab.udp("near", NEAR4)
    client.send(near.getsockname(), b"elsewhere")
    near.settimeout(3)
    check(near.recv(100) == b"elsewhere", "the datagram after them")
    kernel.setblocking(False)
    try:
        check(False, f"a socket of the relay's host got {kernel.recv(100)}")
    except BlockingIOError:
        pass
    event = client.receive(0.2)
    check(event is None, f"the relay answered itself: {event}")
    check(relay.counters()["drops"] >= 3, "the three datagrams are not counted as drops")


@causeway_only
def test_send_to_denied_peer_goes_nowhere(lab):
    relay = lab.relay(allowed=("203.0.113.0/24",))
    client, peer = lab.client("near"), lab.udp("peer", PEER4)
    client.allocate()
    client.permit(NEAR4)
    client.send(peer.getsockname(), b"no")
    near = lab.udp("near", NEAR4)
    client.send(near.getsockname(), b"yes")
    near.settimeout(3)
    check(near.recv(100) == b"yes", "the allowed peer's datagram")
    peer.setblocking(False)
    try:
        check(False, f"a denied peer got {peer.recv(100)}")
    except BlockingIOError:
        pass
    check(relay.running(), "the relay ended")


def test_no_permission_no_data(lab):
    lab.shared_relay()
    client, stranger, friend = lab.client("near"), lab.udp("near", NEAR4), lab.udp("peer", PEER4)
    client.allocate()
    client.permit(PEER4)
    stranger.sendto(b"unasked", client.relayed[0])
    friend.sendto(b"asked", client.relayed[0])
    event = client.receive()
    check(event == ("data", friend.getsockname(), b"asked"), f"the client got {event}")
    check(client.receive(0.2) is None, "the stranger's datagram arrived")


def test_retransmission_gets_the_same_answer(lab):
    lab.shared_relay()
    client = lab.client("near")
    wanted = [(turn.REQUESTED_TRANSPORT, turn.UDP_TRANSPORT)]
    client.take_challenge(expect_error(401, lambda: client.transact(
        Message(turn.ALLOCATE, turn.REQUEST, attributes=wanted))))
    message = Message(turn.ALLOCATE, turn.REQUEST, attributes=wanted)
    first = client.transact(message, signed=True).address(turn.XOR_RELAYED_ADDRESS)
    again = Message(message.method, message.cls, message.transaction, message.attributes[:1])
    second = client.transact(again, signed=True).address(turn.XOR_RELAYED_ADDRESS)
    check(first == second, f"the retransmission got {second}, the first {first}")
    client.relayed = [first]


@causeway_only  # coturn has other codes for some
def test_bad_requests(lab):
    """Each malformed or impossible request has its own code."""
    lab.shared_relay()
    client = lab.client("near")
    client.allocate()
    peer = (turn.XOR_PEER_ADDRESS, (PEER4, 9))

    def number(value):
        return (turn.CHANNEL_NUMBER, struct.pack("!HH", value, 0))

    expect_error(400, lambda: client.request(turn.CHANNEL_BIND, number(0x3FFF), peer))
    expect_error(400, lambda: client.request(turn.CHANNEL_BIND, peer))
    expect_error(400, lambda: client.request(turn.CREATE_PERMISSION))
    expect_error(443, lambda: client.permit("2001:db8::9"))
    client.bind(0x4000, (PEER4, 9))
    expect_error(400, lambda: client.bind(0x4000, (PEER4, 10)))
    expect_error(400, lambda: client.bind(0x4001, (PEER4, 9)))
    error = expect_error(420, lambda: client.request(turn.REFRESH, (0x7ABC, b"what")))
    check(error.response.get(turn.UNKNOWN_ATTRIBUTES)[:2] == b"\x7a\xbc", "420 names the attribute")
    other = lab.client("near")
    expect_error(442, lambda: other.request(turn.ALLOCATE,
                                            (turn.REQUESTED_TRANSPORT, b"\x06\0\0\0")))
    expect_error(400, lambda: other.request(turn.ALLOCATE))
    expect_error(440, lambda: other.allocate((turn.REQUESTED_FAMILY, b"\x03\0\0\0")))


def test_even_port_and_reservation(lab):
    lab.shared_relay()
    first, second = lab.client("near"), lab.client("near")
    response = first.allocate((turn.EVEN_PORT, b"\x80"))
    token = response.get(turn.RESERVATION_TOKEN)
    check(token is not None and len(token) == 8, "no RESERVATION-TOKEN")
    check(first.relayed[0][1] % 2 == 0, f"EVEN-PORT gave {first.relayed[0][1]}")
    second.allocate((turn.RESERVATION_TOKEN, token))
    check(second.relayed[0][1] == first.relayed[0][1] + 1, f"the reserved port is {second.relayed}")


@causeway_only
def test_time_limited_credentials(lab):
    """user `expiry:id`, password base64(HMAC-SHA1(secret, user)); several secrets for rotation."""
    lab.relay("--auth-secret", "old-key", "--auth-secret", "new-key")

    def credentials(secret, seconds):
        user = f"{int(time.time()) + seconds}:carol"
        digest = hmac.new(secret, user.encode(), hashlib.sha1).digest()
        return {"username": user, "password": base64.b64encode(digest).decode()}

    for secret in (b"old-key", b"new-key"):
        lab.client("near", **credentials(secret, 600)).allocate()
    expect_error(401, lab.client("near", **credentials(b"other-key", 600)).allocate)
    expect_error(401, lab.client("near", **credentials(b"new-key", -60)).allocate)
