"""A relay on two links: clients on the public network, media servers on a private one."""

import os
import re
import socket

import turn_client as turn
from checks import check_echo, check_one_line, expect_error
from lab import causeway_only
from process import check, wait_until
from relay import PUBLIC, account_arguments, causewayd_arguments
from test_datagrams import IP_MTU_DISCOVER, IP_PMTUDISC_DONT
from topology import PEER4, RELAY4, RELAY6, Network, run

PRIVATE4, PRIVATE6 = "10.7.0.5", "fd07::5"  # the relay on eth2
MEDIA4, MEDIA6 = "10.7.0.9", "fd07::9"
BOTH = ("--interface", "eth1", "--interface", "eth2")
ALLOWED = (*PUBLIC, "10.7.0.0/24", "fd07::/64")


class TwoLinks(Network):
    """The usual network, and a host `media` on a link of its own to the relay's eth2."""

    def __init__(self, mtu=1500):
        self._mtu = mtu
        super().__init__()

    def namespaces(self):
        extra = [self.ns("media")] if os.path.exists(f"/run/netns/{self.ns('media')}") else []
        return super().namespaces() + extra

    def _build(self):
        super()._build()
        run("ip", "netns", "add", self.ns("media"))
        self.ip("core", "link", "add", "eth2", "type", "veth", "peer", "name", "eth0", "netns",
                self.ns("media"))
        for host, device, *addresses in (("core", "eth2", PRIVATE4, PRIVATE6),
                                         ("media", "eth0", MEDIA4, MEDIA6)):
            self.ip(host, "link", "set", "lo", "up")
            self.ip(host, "link", "set", device, "mtu", str(self._mtu), "up")
            for address in addresses:
                length, flags = ("64", ["nodad"]) if ":" in address else ("24", [])
                self.ip(host, "addr", "add", f"{address}/{length}", "dev", device, *flags)
        self.ip("media", "route", "add", "default", "via", PRIVATE4)
        wait_until(lambda: self.pings("media", PRIVATE4) and self.pings("media", PRIVATE6), 10,
                   "the private link")


def arguments(*extra, addresses=(RELAY4, RELAY6), relayed=(PRIVATE4, PRIVATE6)):
    return [*BOTH, "--address", ",".join(addresses), *account_arguments(),
            *[word for prefix in ALLOWED for word in ("--allow-peer", prefix)],
            *[word for address in relayed for word in ("--relay-address", address)],
            "--stats", "3600", *extra]


def call(lab, network, host="alice", server=RELAY4, media=MEDIA4):
    """A client with channel 0x4000 to the media server, and that one's socket."""
    client = lab.client(host, server, network=network)
    peer = lab.udp("media", media, network=network)
    client.allocate((turn.REQUESTED_FAMILY, turn.FAMILY_6 if ":" in media else turn.FAMILY_4))
    client.bind(0x4000, peer.getsockname()[:2])
    return client, peer


def relayed_at(lab, network, address):
    """A client with an allocation at this one of the relay addresses, which are dealt by chance."""
    while True:
        client = lab.client("near", network=network)
        client.allocate()
        if client.relayed[0][0] == address:
            return client


@causeway_only
def test_clients_on_one_and_media_on_the_other(lab):
    """Every pair of families, channel and indications; media sees the private address alone."""
    network = lab.new_network(TwoLinks)
    relay = lab.causewayd(*arguments(), network=network).wait_ready()
    check("interface=eth1,eth2" in relay.output(), "the ready line does not name both")
    for server in (RELAY4, RELAY6):
        for media, private in ((MEDIA4, PRIVATE4), (MEDIA6, PRIVATE6)):
            client, peer = call(lab, network, server=server, media=media)
            for size in (1, 172, 1300):
                source, _ = check_echo(client, 0x4000, peer, os.urandom(size))
                check(source[0] == private, f"media heard from {source[0]}, not {private}")
            other = lab.udp("media", media, network=network)
            client.permit(media)
            client.send(other.getsockname()[:2], b"indication")
            data, source = other.recvfrom(2048)
            check(data == b"indication", f"got {data}")
            other.sendto(b"back", source)
            event = client.receive()
            check(event == ("data", other.getsockname()[:2], b"back"), f"got {event}")
    totals = relay.counters()
    check(totals["rx_packets"] > 0 and totals.get("drop_no_route", 0) == 0, f"{totals}")


@causeway_only
def test_relay_addresses_on_both(lab):
    """Peers of either network, each by its link, and hairpin from one address to the other."""
    network = lab.new_network(TwoLinks)
    lab.causewayd(*arguments(relayed=(RELAY4, PRIVATE4)), network=network).wait_ready()
    public = relayed_at(lab, network, RELAY4)
    peer = lab.udp("peer", PEER4, network=network)
    public.bind(0x4000, peer.getsockname())
    check_echo(public, 0x4000, peer, b"peer")
    private = relayed_at(lab, network, PRIVATE4)
    media = lab.udp("media", MEDIA4, network=network)
    private.bind(0x4000, media.getsockname())
    check_echo(private, 0x4000, media, b"media")
    public.permit(PRIVATE4)
    private.permit(RELAY4)
    public.send(private.relayed[0], b"hairpin")
    event = private.receive()
    check(event == ("data", public.relayed[0], b"hairpin"), f"got {event}")


@causeway_only
def test_each_link_has_its_mtu(lab):
    """What is too large for the private link is cut towards it, and not towards the other."""
    network = lab.new_network(lambda: TwoLinks(mtu=1300))
    relay = lab.causewayd(*arguments(relayed=(RELAY4, PRIVATE4)), network=network).wait_ready()
    client = relayed_at(lab, network, PRIVATE4)
    media = lab.udp("media", MEDIA4, network=network)
    client.bind(0x4000, media.getsockname())
    client.sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    for size in (1250, 1272, 1273, 1400):
        check_echo(client, 0x4000, media, os.urandom(size))
    client = relayed_at(lab, network, RELAY4)
    peer = lab.udp("peer", PEER4, network=network)
    client.bind(0x4000, peer.getsockname())
    check_echo(client, 0x4000, peer, os.urandom(1400))
    totals = relay.counters()
    check(totals["datagrams_fragmented"] == 2, f"{totals['datagrams_fragmented']} were cut")


@causeway_only
def test_an_address_is_served_on_its_own_link(lab):
    """From the private network nobody reaches the public listener, though the kernel would."""
    network = lab.new_network(TwoLinks)
    lab.causewayd(*arguments(), network=network).wait_ready()
    lab.client("near", network=network).binding()
    stranger = lab.udp("media", MEDIA4, network=network)
    for _ in range(3):
        stranger.sendto(turn.Message(turn.BINDING, turn.REQUEST).encode(), (RELAY4, 3478))
    stranger.settimeout(1)
    try:
        stranger.recv(2048)
    except TimeoutError:
        return
    check(False, "the public listener answered on the private link")


@causeway_only
def test_one_link_goes_down_and_comes_back(lab):
    """Calls of the other link do not notice, its own go on when it is back."""
    network = lab.new_network(TwoLinks)
    lab.causewayd(*arguments(relayed=(RELAY4, PRIVATE4)), network=network).wait_ready()
    private, media = relayed_at(lab, network, PRIVATE4), lab.udp("media", MEDIA4, network=network)
    private.bind(0x4000, media.getsockname())
    check_echo(private, 0x4000, media, b"before")
    public, peer = relayed_at(lab, network, RELAY4), lab.udp("peer", PEER4, network=network)
    public.bind(0x4000, peer.getsockname())
    check_echo(public, 0x4000, peer, b"peer")
    network.ip("core", "link", "set", "eth2", "down")
    for _ in range(20):
        check_echo(public, 0x4000, peer, b"meanwhile")
    network.ip("core", "link", "set", "eth2", "up")
    wait_until(lambda: network.pings("media", PRIVATE4), 10, "the private link's kernel")

    def through():
        private.send_channel(0x4000, b"again")
        media.settimeout(0.2)
        try:
            return media.recv(2048) == b"again"
        except TimeoutError:
            return False
    wait_until(through, 15, "media over the link that is back")
    check_echo(public, 0x4000, peer, b"after")


@causeway_only
def test_a_killed_relay_starts_again(lab):
    """The claims and XDP programs of both links are taken over at once."""
    network = lab.new_network(TwoLinks)
    relay = lab.causewayd(*arguments(), network=network).wait_ready()
    relay.popen.kill()
    relay.popen.wait()
    lab.causewayd(*arguments(), network=network).wait_ready()
    client, media = call(lab, network)
    check_echo(client, 0x4000, media, b"served again")


@causeway_only
def test_what_cannot_be_served_ends_the_start(lab):
    """One line each: an address that no link has, one of an unserved link, a link given twice."""
    network = lab.new_network(TwoLinks)
    cases = (
        (arguments(addresses=(RELAY4, "203.0.113.77")),
         r"address 203\.0\.113\.77 is on none of the interfaces eth1, eth2"),
        (causewayd_arguments("--relay-address", PRIVATE4),
         r"relay address 10\.7\.0\.5 is on interface eth2, which is not served: add --interface"),
        (arguments("--interface", "eth1"), r"interface.*eth1.*is given twice"),
        (arguments("--interface", "eth7"), r"eth7"),
    )
    for words, line in cases:
        refused = lab.causewayd(*words, network=network)
        wait_until(lambda: not refused.running(), 15, f"refused: {line}")  # noqa: B023
        check_one_line(refused, line)
    path = lab.log("links.toml")
    with open(path, "w", encoding="ascii") as file:
        file.write('interface = ["eth1", "eth2"]\n')
    words = arguments()[len(BOTH):]
    relay = lab.causewayd("--config", path, *words, network=network).wait_ready()
    check(re.search(r"interface=eth1,eth2 ", relay.output()), "the file's list is not taken")
    expect_error(403, lambda: call(lab, network)[0].permit("10.8.0.1"))
