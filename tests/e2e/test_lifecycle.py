"""Starting, stopping, dying, and starting again."""

import json
import shutil
import signal

from checks import check_echo, check_one_line, check_serves, open_channel
import relay as relays
from lab import causeway_only
from process import check, wait_until
from topology import RELAY4, RELAY6

FOREIGN_PROGRAM = """
__attribute__((section("xdp"), used)) int foreign(void *context) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
"""


def xdp_program(network):
    """The id of the XDP program on the relay's interface, or None."""
    link = json.loads(network.sh("core", "ip", "-j", "link", "show", "eth1"))[0]
    return link.get("xdp", {}).get("prog", {}).get("id")


@causeway_only
def test_stop_leaves_nothing(lab):
    """SIGTERM: exit status 0, totals printed, the XDP program gone, the kernel has its ports."""
    relay = lab.relay()
    check_serves(lab)
    check(xdp_program(lab.network), "no XDP program on the interface while it runs")
    totals = relay.counters()
    check(totals["rx_packets"] > 0 and totals["allocated"] >= 2, f"totals: {totals}")
    check(xdp_program(lab.network) is None, "the XDP program is still there after the end")
    lab.udp("core", RELAY4, 3478).close()


@causeway_only
def test_interrupt_stops_it(lab):
    relay = lab.relay()
    relay.popen.send_signal(signal.SIGINT)
    check(relay.finish(10) == 0, f"SIGINT ended it with {relay.popen.returncode}")


@causeway_only
def test_killed_and_started_again(lab):
    """kill -9 under traffic, three times: the next start serves at once."""
    for _ in range(3):
        relay = lab.relay()
        check_serves(lab)
        client, _ = open_channel(lab, "alice")
        for number in range(100):
            client.send_channel(0x4000, bytes([number]))
        relay.kill()
    lab.relay()
    check_serves(lab)


@causeway_only
def test_started_while_the_one_before_ends(lab):
    """kill -9 and a start that does not wait for the end: it waits for what is still held."""
    for _ in range(3):
        relay = lab.relay()
        check_serves(lab)
        relay.popen.kill()
    lab.relay()
    check_serves(lab)


@causeway_only
def test_second_instance(lab):
    """On the same interface it is refused in one line; the first goes on."""
    lab.shared_relay()
    client, peer = open_channel(lab, "alice")
    second = relays.Causewayd(lab.network, lab.log("second"), *relays.causewayd_arguments())
    try:
        check(second.finish(10) != 0, "a second instance ended with status 0")
    finally:
        second.kill()
    check_one_line(second, r"eth1")
    other_port = relays.Causewayd(lab.network, lab.log("second"),
                                  *relays.causewayd_arguments("--port", "3500"))
    try:
        check(other_port.finish(10) != 0, "a second instance on another port was let in")
    finally:
        other_port.kill()
    check_echo(client, 0x4000, peer, b"the first still serves")


@causeway_only
def test_foreign_xdp_program(lab):
    """Another's XDP program on the interface is left alone: one line, no start."""
    network = lab.new_network()
    clang = shutil.which("clang")
    check(clang, "clang is not installed: run tests/setup.sh")
    source, compiled = lab.log("foreign.c"), lab.log("foreign.o")
    with open(source, "w", encoding="ascii") as file:
        file.write(FOREIGN_PROGRAM)
    status, output = lab.run("net", clang, "-O2", "-target", "bpf", "-x", "c", "-c", source, "-o",
                             compiled)
    check(status == 0, f"clang: {output}")
    network.sh("core", "ip", "link", "set", "dev", "eth1", "xdp", "obj", compiled, "sec", "xdp")
    before = xdp_program(network)
    check(before, "the foreign program is not there to begin with")
    relay = lab.causewayd(*relays.causewayd_arguments(), network=network)
    check(relay.finish(15) != 0, "it started in spite of another's XDP program")
    check(xdp_program(network) == before, "another's XDP program was replaced or removed")
    check_one_line(relay, r"(?i)xdp")
    network.sh("core", "ip", "link", "set", "dev", "eth1", "xdp", "off")
    lab.relay(network=network)
    check_serves(lab, network)


@causeway_only
def test_port_in_use(lab):
    """A kernel socket on the listening port belongs to another program."""
    lab.stop_shared()
    holder = lab.udp("core", RELAY4, 3478)
    relay = lab.causewayd(*relays.causewayd_arguments())
    check(relay.finish(15) != 0, "it started with its port in use")
    check_one_line(relay, r"3478")
    holder.close()
    lab.relay()
    check_serves(lab)


@causeway_only
def test_interface_goes_down_and_up(lab):
    network = lab.new_network()
    relay = lab.relay(network=network)
    check_serves(lab, network)
    network.ip("core", "link", "set", "eth1", "down")
    network.ip("core", "link", "set", "eth1", "up")
    network.ip("core", "addr", "replace", f"{RELAY6}/64", "dev", "eth1", "nodad")
    network.ip("core", "route", "replace", "default", "via", "203.0.113.1")
    network.ip("core", "route", "replace", "::/0", "via", "2001:db8::1")
    wait_until(lambda: network.pings("alice", RELAY4) and network.pings("alice", RELAY6), 10,
               "the network after link down and up")
    check(relay.running(), f"it ended: {relay.last_line()}")
    check_serves(lab, network)
