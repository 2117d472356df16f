"""--device: any DPDK device through the same code, with a TAP as the kernel's mirror."""

import os

from checks import check_echo, open_channel, start_on_device
from lab import causeway_only
from process import check
from test_datagrams import SIZES
from topology import GATEWAY4, RELAY4, RELAY6


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
