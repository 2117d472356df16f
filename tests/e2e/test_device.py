"""--device: any DPDK device through the same code, with a TAP as the kernel's mirror."""

import json
import os

from checks import check_echo, open_channel
from lab import causeway_only
from process import check, wait_until
from relay import account_arguments, peer_arguments
from test_datagrams import SIZES
from topology import GATEWAY4, GATEWAY6, NEAR4, RELAY4, RELAY6


def start_on_device(lab, network, device):
    """The kernel loses eth1's addresses: the mirror gets them, and the routes go with it."""
    network.ip("core", "addr", "flush", "dev", "eth1")
    network.sh("core", "sysctl", "-q", "-w", "net.ipv6.conf.eth1.disable_ipv6=1")
    relay = lab.causewayd("--device", device, "--address", f"{RELAY4}/24,{RELAY6}/64",
                          *account_arguments(), *peer_arguments(), "--stats", "60",
                          "--max-allocations", "1000", network=network).wait_ready()
    links = json.loads(network.sh("core", "ip", "-j", "addr"))
    mirror = next((link["ifname"] for link in links for address in link["addr_info"]
                   if address["local"] == RELAY4), None)
    check(mirror not in (None, "eth1"), f"no mirror with {RELAY4} among {links}")
    network.ip("core", "route", "replace", "default", "via", GATEWAY4, "dev", mirror)
    network.ip("core", "route", "replace", "::/0", "via", GATEWAY6, "dev", mirror)
    wait_until(lambda: network.pings("near", RELAY4) and network.pings("near", RELAY6), 10,
               "ARP and ND answered through the mirror")
    return relay


@causeway_only
def test_af_packet(lab):
    """ARP, ND and ping are answered by the kernel behind the TAP; media by the shard."""
    network = lab.new_network()
    relay = start_on_device(lab, network, "net_af_packet0,iface=eth1")
    for server in (RELAY4, RELAY6):
        client, peer = open_channel(lab, "alice", server, network=network)
        for size in SIZES:
            check_echo(client, 0x4000, peer, os.urandom(size))
    output = network.sh("core", "ping", "-nqc", "2", "-i", "0.2", GATEWAY4)
    check(" 0% packet loss" in output, f"the kernel's own ping: {output}")
    totals = relay.counters()
    check(totals["kernel_frames"] > 0 and totals["mirror_sent"] > 0,
          f"frames to the mirror {totals['kernel_frames']}, from it {totals['mirror_sent']}")


@causeway_only
def test_tap_device(lab):
    """net_tap: the wire is a TAP that this host's bridge could carry; here it is bridged to eth1,
    whose frames are then the relay's."""
    network = lab.new_network()
    network.ip("core", "addr", "flush", "dev", "eth1")
    network.sh("core", "sysctl", "-q", "-w", "net.ipv6.conf.eth1.disable_ipv6=1")
    relay = lab.causewayd("--device", "net_tap0,iface=wire0", "--address",
                          f"{RELAY4}/24,{RELAY6}/64", *account_arguments(), *peer_arguments(),
                          "--max-allocations", "1000", network=network).wait_ready()
    network.ip("core", "link", "add", "wire", "type", "bridge")
    network.ip("core", "link", "set", "eth1", "master", "wire")
    network.ip("core", "link", "set", "wire0", "master", "wire")
    network.ip("core", "link", "set", "wire0", "up")
    network.ip("core", "link", "set", "wire", "up")
    wait_until(lambda: network.pings("near", RELAY4), 10, "ARP answered through TAP and mirror")
    client, peer = open_near(lab, network)
    check_echo(client, 0x4000, peer, b"through two TAPs")
    check(relay.running(), "it ended")


def open_near(lab, network):
    client = lab.client("near", RELAY4, network=network)
    peer = lab.udp("near", NEAR4, network=network)
    client.allocate()
    client.bind(0x4000, peer.getsockname())
    return client, peer


