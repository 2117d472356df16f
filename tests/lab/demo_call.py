"""The demo's call: RTP voice and video both ways, over TURN channels, timed on their way."""

import select
import socket
import struct
import time

import relay as relays
from topology import RELAY4
from turn_client import TurnClient

SO_TIMESTAMPNS = 35  # the kernel's time of arrival with every datagram
CHANNEL = 0x4000
RTP_HEADER = 12
# name: (RTP payload type, bytes of a packet with its RTP header, packets a second)
STREAMS = {"voice": (0, 172, 50), "video": (96, 1100, 114)}
DRAIN_SECONDS = 1.0


class Stream:
    """One sender's packets of one kind."""

    def __init__(self, kind, source):
        self.payload_type, self.size, self.rate = STREAMS[kind]
        self.source = source
        self.sent = 0
        self.due = 0.0

    def next_packet(self):
        header = struct.pack("!BBHII", 0x80, self.payload_type, self.sent & 0xFFFF, self.sent,
                             self.source)
        self.sent += 1
        stamp = struct.pack("!Q", time.time_ns())
        return header + stamp + bytes(self.size - RTP_HEADER - len(stamp))


class Party:
    """One of the two: a TURN client in a home, what it sends and what it heard."""

    def __init__(self, name, network):
        self.name = name
        self.turn = TurnClient(network.udp(name), (RELAY4, relays.PORT))
        self.turn.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.streams = [Stream(kind, number) for number, kind in enumerate(STREAMS)]
        self.heard = set()  # (stream, sequence number)
        self.latencies_us = []

    def count_direct(self):
        """Datagrams that came from elsewhere than the relay."""
        while self.turn.receive(0.1) is not None:
            pass
        return len(self.turn.strays)

    def send_due(self, now):
        for stream in self.streams:
            while stream.due <= now:
                self.turn.send_channel(CHANNEL, stream.next_packet())
                stream.due += 1 / stream.rate

    def read(self):
        """Takes one datagram in: ChannelData with an RTP packet and a time stamp inside."""
        data, ancillary, _, _ = self.turn.sock.recvmsg(2048, 64)
        if len(data) < 4 + RTP_HEADER + 8 or data[:2] != struct.pack("!H", CHANNEL):
            return
        number, source = struct.unpack_from("!II", data, 8)
        if (source, number) in self.heard:
            return
        self.heard.add((source, number))
        sent_ns = struct.unpack_from("!Q", data, 4 + RTP_HEADER)[0]
        self.latencies_us.append((arrival_ns(ancillary) - sent_ns) // 1000)


def arrival_ns(ancillary):
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return seconds * 1_000_000_000 + nanoseconds
    return time.time_ns()


class Call:
    def __init__(self, alice, bob):
        self.parties = (alice, bob)
        self._began = 0.0

    def elapsed(self):
        return time.monotonic() - self._began

    def run(self, seconds, relay, show):
        """Both talk for that long; `show` gets each of causewayd's lines of counters."""
        self._began = time.monotonic()
        for party in self.parties:
            for stream in party.streams:
                stream.due = self._began
        lines = LinesOf(relay)
        while (now := time.monotonic()) < self._began + seconds:
            for party in self.parties:
                party.send_due(now)
            self._read_until(min(s.due for p in self.parties for s in p.streams))
            for line in lines.new():
                show(line, self)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.received() < self.sent() and time.monotonic() < deadline:
            self._read_until(time.monotonic() + 0.05)

    def _read_until(self, due):
        sockets = {party.turn.sock: party for party in self.parties}
        while True:
            ready = select.select(list(sockets), [], [], max(0, due - time.monotonic()))[0]
            if not ready:
                return
            for sock in ready:
                sockets[sock].read()

    def heard(self, name):
        return next(len(party.heard) for party in self.parties if party.name == name)

    def sent(self):
        return sum(stream.sent for party in self.parties for stream in party.streams)

    def received(self):
        return sum(len(party.heard) for party in self.parties)

    def latency_us(self, quantile):
        every = sorted(latency for party in self.parties for latency in party.latencies_us)
        return every[min(len(every) - 1, int(quantile * len(every)))] if every else -1


class LinesOf:
    """The lines of counters that causewayd has printed since the last look."""

    def __init__(self, relay):
        self._relay = relay
        self._seen = len(self._lines())

    def _lines(self):
        return [line for line in self._relay.output().splitlines(True)
                if line.startswith("stats ") and line.endswith("\n")]

    def new(self):
        lines = self._lines()
        fresh, self._seen = lines[self._seen:], len(lines)
        return fresh
