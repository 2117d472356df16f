"""What several topics check in the same way."""

import json
import re

import turn_client as turn
from process import check, wait_until
from relay import account_arguments, peer_arguments
from topology import GATEWAY4, GATEWAY6, PEER4, PEER6, RELAY4, RELAY6
from turn_client import TurnError


def expect_error(code, action):
    """Runs the action; it must be refused with this code. The error, for more checks."""
    try:
        action()
    except TurnError as error:
        check(error.code == code, f"wanted error {code}, got {error}")
        return error
    check(False, f"wanted error {code}, got success")
    return None


def check_echo(client, channel, peer_socket, payload):
    """The payload goes to the peer over the channel and comes back."""
    client.send_channel(channel, payload)
    peer_socket.settimeout(3)
    data, source = peer_socket.recvfrom(65536)
    check(data == payload,
          f"the peer got {len(data)} bytes that differ from the {len(payload)} sent")
    peer_socket.sendto(data, source)
    event = client.receive()
    check(event is not None, f"{len(payload)} bytes sent back by the peer did not arrive")
    check(event.payload == payload, "the client got other bytes than the peer sent")
    return source, event


def allocate_towards(client, peer_address):
    family = turn.FAMILY_6 if ":" in peer_address else turn.FAMILY_4
    client.allocate((turn.REQUESTED_FAMILY, family))


def open_channel(lab, host="alice", server=RELAY4, network=None):
    """A client with channel 0x4000 to a peer of the server address's family, and the peer."""
    address = PEER6 if ":" in server else PEER4
    client = lab.client(host, server, network=network)
    peer = lab.udp("peer", address, network=network)
    allocate_towards(client, address)
    client.bind(0x4000, peer.getsockname()[:2])
    return client, peer


def check_serves(lab, network=None):
    for server in (RELAY4, RELAY6):
        client, peer = open_channel(lab, "alice", server, network=network)
        check_echo(client, 0x4000, peer, b"served")
        client.close()


def check_one_line(process, pattern):
    """It printed one line of error, which names the matter; warnings may stand before it."""
    lines = [line for line in process.output().splitlines() if line.strip()]
    foreign = [line for line in lines if not line.startswith("causewayd: ")]
    check(not foreign, f"lines that do not name their program: {' | '.join(foreign)[:300]}")
    errors = [line for line in lines if not line.startswith("causewayd: warning: ")]
    check(len(errors) == 1, f"{len(errors)} lines, not one: {' | '.join(lines)[:300]}")
    check(re.search(pattern, errors[0]), f"the line does not say \"{pattern}\": {errors[0]}")


def check_pings(lab, host, *destinations):
    for destination in destinations:
        status, output = lab.run(host, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", destination)
        check(status == 0 and " 0% packet loss" in output,
              f"ping {host} to {destination}: {output.splitlines()[-2:]}")


def start_on_device(lab, network, device, *arguments):
    """The kernel loses eth1's addresses: the mirror gets them, and the routes go with it."""
    network.ip("core", "addr", "flush", "dev", "eth1")
    network.sh("core", "sysctl", "-q", "-w", "net.ipv6.conf.eth1.disable_ipv6=1")
    relay = lab.causewayd("--device", device, "--address", f"{RELAY4}/24,{RELAY6}/64",
                          *account_arguments(), *peer_arguments(), "--stats", "60",
                          "--max-allocations", "1000", *arguments, network=network).wait_ready()
    links = json.loads(network.sh("core", "ip", "-j", "addr"))
    mirror = next((link["ifname"] for link in links for address in link["addr_info"]
                   if address["local"] == RELAY4), None)
    check(mirror not in (None, "eth1"), f"no mirror with {RELAY4} among {links}")
    network.ip("core", "route", "replace", "default", "via", GATEWAY4, "dev", mirror)
    network.ip("core", "route", "replace", "::/0", "via", GATEWAY6, "dev", mirror)
    wait_until(lambda: network.pings("near", RELAY4) and network.pings("near", RELAY6), 10,
               "ARP and ND answered through the mirror")
    return relay


def forget_neighbours(lab):
    """Each one once: `ip neigh flush` repeats until none is left, and the relay asks again for
    those that it uses."""
    for host, device in (("near", "eth0"), ("core", "eth1")):
        for line in lab.network.ip(host, "neigh", "show", "dev", device).splitlines():
            lab.network.ip(host, "neigh", "del", line.split()[0], "dev", device)
