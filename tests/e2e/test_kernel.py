"""The kernel keeps all else on the relay's interface while the relay runs."""

import os

from checks import check_echo, check_pings, forget_neighbours, open_channel
from lab import causeway_only
from process import check, wait_until
from topology import NEAR4, NEAR6, PEER4, PEER6, RELAY4, RELAY6

OTHER4 = "203.0.113.6"


def test_ping_both_ways(lab):
    lab.shared_relay()
    client, peer = open_channel(lab)
    check_pings(lab, "near", RELAY4, RELAY6)
    check_pings(lab, "alice", RELAY4, RELAY6)
    check_pings(lab, "core", NEAR4, NEAR6, PEER4, PEER6)
    check_echo(client, 0x4000, peer, b"and the relay relays")


def test_neighbour_discovery(lab):
    """ARP and IPv6 ND for the relay's addresses are answered by the kernel, from nothing."""
    lab.shared_relay()
    for _ in range(2):
        forget_neighbours(lab)
        check_pings(lab, "near", RELAY4, RELAY6)
    client, peer = open_channel(lab, "near", RELAY6)
    forget_neighbours(lab)
    check_echo(client, 0x4000, peer, b"after the flush")


def send_file(lab, sender, receiver, address, port):
    """nc carries a file; the bytes that arrived."""
    sent = os.path.join(lab.logs, f"tcp-{port}")
    with open(sent, "wb") as file:
        file.write(os.urandom(1 << 20))
    six = ["-6"] if ":" in address else ["-4"]
    got = lab.log("nc-received")
    listener = lab.start(receiver, "sh", "-c", f'exec nc -N -l {six[0]} {port} > "$0" < /dev/null',
                         got)
    wait_listening(lab, receiver, port)
    status, output = lab.run(sender, "sh", "-c", f'exec nc -N {six[0]} {address} {port} < "$0"',
                             sent)
    check(status == 0, f"nc to {address} port {port}: {output}")
    listener.finish(10)
    with open(sent, "rb") as first, open(got, "rb") as second:
        check(first.read() == second.read(), f"TCP {sender} to {address}: other bytes arrived")


def wait_listening(lab, host, port):
    wait_until(lambda: f":{port} " in lab.network.sh(host, "ss", "-Htln"), 5,
               f"nc listening on port {port}")


def test_tcp_both_ways(lab):
    """TCP with everything that offloads do to it, on the relay's address and port number too."""
    lab.shared_relay()
    client, peer = open_channel(lab)
    port = 3478 if lab.server == "causewayd" else 3999
    send_file(lab, "near", "core", RELAY4, port)
    send_file(lab, "alice", "core", RELAY6, 5001)
    send_file(lab, "core", "near", NEAR4, 5002)
    send_file(lab, "core", "peer", PEER6, 5003)
    check_echo(client, 0x4000, peer, b"and the relay relays")


def check_udp(lab, sender, receiver):
    """Both ways between two sockets."""
    end = receiver.getsockname()
    receiver.settimeout(3)
    sender.settimeout(3)
    sender.sendto(b"there", end)
    data, source = receiver.recvfrom(100)
    receiver.sendto(b"and back", source)
    check((data, sender.recv(100)) == (b"there", b"and back"), f"UDP to {end[0]} port {end[1]}")


@causeway_only  # coturn takes port 3479 too
def test_udp_to_other_ports_and_addresses(lab):
    """Only UDP to our addresses on our ports is ours."""
    lab.shared_relay()
    client, peer = open_channel(lab)
    check_udp(lab, lab.udp("near"), lab.udp("core", RELAY4, 3479))
    check_udp(lab, lab.udp("near", "::"), lab.udp("core", RELAY6, 49151))
    check_udp(lab, lab.udp("core", RELAY4, 5353), lab.udp("near", NEAR4))
    lab.network.ip("core", "addr", "add", f"{OTHER4}/24", "dev", "eth1")
    try:
        check_udp(lab, lab.udp("near"), lab.udp("core", OTHER4, 3478))
        check_udp(lab, lab.udp("near"), lab.udp("core", OTHER4, 50000))
    finally:
        lab.network.ip("core", "addr", "del", f"{OTHER4}/24", "dev", "eth1")
    check_echo(client, 0x4000, peer, b"and the relay relays")
