"""A TURN client of its own kind: RFC 8489 and RFC 8656 over UDP from the standard library alone,
so that the relay is not tested with code that shares its mistakes."""

import collections
import hashlib
import hmac
import ipaddress
import os
import select
import struct
import time
import zlib

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3

USERNAME, INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_FAMILY = 0x0014, 0x0015, 0x0016, 0x0017
EVEN_PORT, REQUESTED_TRANSPORT, DONT_FRAGMENT = 0x0018, 0x0019, 0x001A
INTEGRITY_SHA256, PASSWORD_ALGORITHM, USERHASH = 0x001C, 0x001D, 0x001E
XOR_MAPPED_ADDRESS, RESERVATION_TOKEN = 0x0020, 0x0022
ADDITIONAL_FAMILY, ADDRESS_ERROR_CODE, PASSWORD_ALGORITHMS = 0x8000, 0x8001, 0x8002
ICMP, FINGERPRINT = 0x8004, 0x8028

UDP_TRANSPORT = b"\x11\0\0\0"
FAMILY_4, FAMILY_6 = b"\x01\0\0\0", b"\x02\0\0\0"

Event = collections.namedtuple("Event", "kind peer payload")  # kind: data, channel, icmp


class TurnError(Exception):
    """An error response; `code` is its STUN error code."""

    def __init__(self, code, reason, response):
        super().__init__(f"{code} {reason}")
        self.code = code
        self.response = response


class Message:
    """A STUN message: `attributes` is a list of (type, value) in wire order."""

    def __init__(self, method, cls, transaction=None, attributes=()):
        self.method, self.cls = method, cls
        self.transaction = transaction or os.urandom(12)
        self.attributes = list(attributes)

    def get(self, kind):
        return next((value for k, value in self.attributes if k == kind), None)

    def address(self, kind):
        value = self.get(kind)
        return None if value is None else unxor_address(value, self.transaction)

    def encode(self, key=None, sha256=False, fingerprint=True):
        body = b"".join(_attribute(kind, value) for kind, value in self.attributes)
        if key is not None:
            kind, name, size = (
                (INTEGRITY_SHA256, "sha256", 32) if sha256 else (INTEGRITY, "sha1", 20)
            )
            covered = self._header(len(body) + 4 + size) + body
            body += _attribute(kind, hmac.new(key, covered, name).digest())
        if fingerprint:
            crc = zlib.crc32(self._header(len(body) + 8) + body) ^ 0x5354554E
            body += _attribute(FINGERPRINT, struct.pack("!I", crc))
        return self._header(len(body)) + body

    def _header(self, length):
        kind = (self.method & 0xF) | (self.method & 0x70) << 1 | (self.method & 0xF80) << 2
        kind |= (self.cls & 1) << 4 | (self.cls & 2) << 7
        return struct.pack("!HHI", kind, length, COOKIE) + self.transaction

    @classmethod
    def decode(cls, data):
        """The message, or ValueError when it is not one in every detail."""
        if len(data) < 20:
            raise ValueError("shorter than a STUN header")
        kind, length, cookie = struct.unpack_from("!HHI", data)
        if kind & 0xC000 or cookie != COOKIE or length % 4 or length + 20 != len(data):
            raise ValueError("not a STUN header")
        message = cls((kind & 0xF) | (kind & 0xE0) >> 1 | (kind & 0x3E00) >> 2,
                      (kind >> 4 & 1) | (kind >> 7 & 2), data[8:20])
        at = 20
        while at < len(data):
            kind, size = struct.unpack_from("!HH", data, at)
            if at + 4 + size > len(data):
                raise ValueError("attribute past the end")
            value = data[at + 4 : at + 4 + size]
            if kind == FINGERPRINT and struct.unpack("!I", value)[0] != (
                zlib.crc32(data[:at]) ^ 0x5354554E
            ):
                raise ValueError("wrong FINGERPRINT")
            message.attributes.append((kind, value))
            at += 4 + size + -size % 4
        return message


def _attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def verify_integrity(data, key, sha256=False):
    """True if the message carries the integrity attribute and it is right (RFC 8489 14.5, 14.6)."""
    wanted, name = (INTEGRITY_SHA256, "sha256") if sha256 else (INTEGRITY, "sha1")
    at = 20
    while at < len(data):
        kind, size = struct.unpack_from("!HH", data, at)
        if kind == wanted:
            covered = data[:2] + struct.pack("!H", at + 4 + size - 20) + data[4:at]
            return hmac.compare_digest(hmac.new(key, covered, name).digest()[:size],
                                       data[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return False


def xor_address(endpoint, transaction):
    address = ipaddress.ip_address(endpoint[0]).packed
    mask = struct.pack("!I", COOKIE) + transaction
    family = 1 if len(address) == 4 else 2
    masked = bytes(a ^ b for a, b in zip(address, mask))
    return struct.pack("!BBH", 0, family, endpoint[1] ^ COOKIE >> 16) + masked


def unxor_address(value, transaction):
    port = struct.unpack_from("!H", value, 2)[0] ^ COOKIE >> 16
    mask = struct.pack("!I", COOKIE) + transaction
    return str(ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], mask)))), port


class TurnClient:
    """One client with at most one allocation, over one UDP socket, which it owns."""

    def __init__(self, sock, server, username="alice", password="secret", modern=False):
        self.sock, self.server = sock, server
        self.username, self.password = username.encode(), password.encode()
        self.modern = modern  # RFC 8489's SHA-256 and USERHASH where the server offers them
        self.realm = self.nonce = self.key = None
        self.algorithms = None
        self.inbox = collections.deque()
        self.relayed = []  # one address, or two after a dual allocation
        self.mapped = None
        self.channels = {}
        self.strays = []  # what came from elsewhere than the server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Gives the allocation back (as far as one unanswered datagram can) and the socket."""
        if self.relayed:
            message = Message(REFRESH, REQUEST, attributes=[(LIFETIME, bytes(4))])
            try:
                self.transmit(self._signed(message))
            except OSError:
                pass
        self.sock.close()

    # Requests.

    def binding(self):
        """Our address as the server sees it."""
        return self.transact(Message(BINDING, REQUEST)).address(XOR_MAPPED_ADDRESS)

    def allocate(self, *extra, lifetime=None):
        attributes = [(REQUESTED_TRANSPORT, UDP_TRANSPORT), *extra]
        if lifetime is not None:
            attributes.append((LIFETIME, struct.pack("!I", lifetime)))
        response = self.request(ALLOCATE, *attributes)
        self.relayed = [unxor_address(value, response.transaction)
                        for kind, value in response.attributes if kind == XOR_RELAYED_ADDRESS]
        self.mapped = response.address(XOR_MAPPED_ADDRESS)
        return response

    def refresh(self, lifetime):
        response = self.request(REFRESH, (LIFETIME, struct.pack("!I", lifetime)))
        if lifetime == 0:
            self.relayed = []
        return struct.unpack("!I", response.get(LIFETIME))[0]

    def permit(self, *hosts):
        return self.request(CREATE_PERMISSION, *((XOR_PEER_ADDRESS, (host, 0)) for host in hosts))

    def bind(self, channel, peer):
        response = self.request(CHANNEL_BIND, (CHANNEL_NUMBER, struct.pack("!HH", channel, 0)),
                                (XOR_PEER_ADDRESS, peer))
        self.channels[channel] = peer
        return response

    def request(self, method, *attributes):
        """An authenticated request; answers one 401 or 438 challenge. Raises TurnError."""
        for attempt in (1, 2):
            message = Message(method, REQUEST)
            message.attributes = [
                (k, xor_address(v, message.transaction) if k == XOR_PEER_ADDRESS else v)
                for k, v in attributes]
            try:
                return self.transact(message, signed=self.key is not None)
            except TurnError as error:
                if attempt == 2 or not self.take_challenge(error):
                    raise
        raise AssertionError("unreachable")

    def ask(self, method, *attributes):
        """Sends an authenticated request once; `answered` has the response."""
        message = Message(method, REQUEST, attributes=list(attributes))
        self.transmit(self._signed(message))
        return message.transaction

    def answered(self, transaction, seconds=5.0):
        """The response to what `ask` sent, or None. In the order of asking."""
        return self._await(transaction, time.monotonic() + seconds, True)

    def transact(self, message, signed=False, attempts=5):
        """Sends, again and again as RFC 8489 6.2.1 has it, and gives the response. Raises
        TurnError, or TimeoutError."""
        wire = self._signed(message) if signed else message.encode()
        wait = 0.5
        for _ in range(attempts):
            self.transmit(wire)
            response = self._await(message.transaction, time.monotonic() + wait, signed)
            if response is not None:
                return response
            wait *= 2
        raise TimeoutError(f"no answer from {self.server[0]} port {self.server[1]}")

    def transmit(self, wire):
        self.sock.sendto(wire, self.server)

    def _signed(self, message):
        sha256 = self.modern and self.algorithms is not None
        user = [(USERHASH, hashlib.sha256(self.username + b":" + self.realm).digest())
                if sha256 else (USERNAME, self.username)]
        extra = [(PASSWORD_ALGORITHMS, self.algorithms),
                 (PASSWORD_ALGORITHM, b"\0\x02\0\0")] if sha256 else []
        message.attributes += [*user, (REALM, self.realm), (NONCE, self.nonce), *extra]
        return message.encode(self.key, sha256)

    def take_challenge(self, error):
        """Takes realm and nonce from a 401 or 438; False if the request is not to be repeated."""
        nonce = error.response.get(NONCE)
        if error.code not in (401, 438) or nonce is None or (error.code == 401 and self.key):
            return False
        self.nonce, self.realm = nonce, error.response.get(REALM) or self.realm
        self.algorithms = error.response.get(PASSWORD_ALGORITHMS)
        secret = b":".join((self.username, self.realm, self.password))
        sha256 = self.modern and self.algorithms is not None
        self.key = (hashlib.sha256 if sha256 else hashlib.md5)(secret).digest()
        return True

    def _await(self, transaction, deadline, signed):
        while (data := self._datagram(deadline)) is not None:
            message = self._take(data)
            if message is None or message.transaction != transaction:
                continue
            if message.cls == ERROR:
                value = message.get(ERROR_CODE)
                raise TurnError(value[2] * 100 + value[3], value[4:].decode(), message)
            sha256 = self.modern and self.algorithms is not None
            if signed and not verify_integrity(data, self.key, sha256):
                raise ValueError("the response's MESSAGE-INTEGRITY is wrong or missing")
            return message
        return None

    # Data.

    def send(self, peer, payload, *extra):
        """A Send indication."""
        message = Message(SEND, INDICATION)
        message.attributes = [(XOR_PEER_ADDRESS, xor_address(peer, message.transaction)),
                              (DATA_ATTRIBUTE, payload), *extra]
        self.transmit(message.encode(fingerprint=False))

    def send_channel(self, channel, payload):
        self.transmit(struct.pack("!HH", channel, len(payload)) + payload)

    def receive(self, timeout=2.0):
        """The next Event, or None when none comes in time. A channel's peer is looked up."""
        deadline = time.monotonic() + timeout
        while not self.inbox:
            data = self._datagram(deadline)
            if data is None:
                return None
            self._take(data)
        return self.inbox.popleft()

    def _datagram(self, deadline):
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.sock], [], [], left)[0]:
                break
            data, source = self.sock.recvfrom(65536)
            if source[:2] == tuple(self.server):
                return data
            self.strays.append((source, data))
        return None

    def _take(self, data):
        """Files data in the inbox; gives back a response."""
        if data and data[0] >> 6 == 1:
            channel, size = struct.unpack_from("!HH", data)
            self.inbox.append(Event("channel", self.channels.get(channel), data[4 : 4 + size]))
            return None
        message = Message.decode(data)
        if (message.method, message.cls) == (DATA, INDICATION):
            kind = "data" if message.get(ICMP) is None else "icmp"
            payload = message.get(DATA_ATTRIBUTE) if kind == "data" else message.get(ICMP)
            self.inbox.append(Event(kind, message.address(XOR_PEER_ADDRESS), payload))
            return None
        return message
