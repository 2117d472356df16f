"""coturn's clients against the relay, from behind a symmetric NAT. Nothing may be lost."""

import re
import shutil
import time

from checks import check_echo
from lab import causeway_only
from process import check, wait_until
from relay import PASSWORD, USER
from topology import PEER4, PEER6, RELAY4, RELAY6


def tool(name):
    path = shutil.which(name)
    check(path, f"{name} is not installed: run tests/setup.sh")
    return path


def start_peer(lab):
    peer = lab.start("peer", tool("turnutils_peer"), "-L", PEER4, "-L", PEER6, "-p", "3480")
    sockets = f"/proc/{peer.popen.pid}/net/udp"

    def listens():
        with open(sockets, encoding="ascii") as file:
            return f":{3480:04X} " in file.read()

    wait_until(listens, 5, "turnutils_peer listening")


def start_uclient(lab, host, *arguments, server=RELAY4):
    return lab.start(host, tool("turnutils_uclient"), "-u", USER, "-w", PASSWORD, *arguments,
                     server)


def check_nothing_lost(client, messages):
    """The program ended well, and its own figures say that all came back."""
    status, output = client.finish(40), client.output()
    check(status == 0, f"turnutils_uclient ended with status {status}: {client.last_line()}")
    totals = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", output)
    check(totals, "turnutils_uclient printed no totals")
    sent, received = map(int, totals[-1])
    check((sent, received) == (messages, messages),
          f"sent {sent}, received {received} of {messages} messages")
    lost = re.search(r"Total lost packets (\d+) .*total send dropped (\d+)", output)
    check(lost and lost.groups() == ("0", "0"), f"loss: {lost.group(0) if lost else 'not printed'}")


def wait_for_some(programs, seconds):
    """Those that ended in time."""
    deadline = time.monotonic() + seconds
    while any(program.running() for program in programs) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [program for program in programs if not program.running()]


def test_channels(lab):
    """Three sizes at once, each with its RTCP pair: two allocations a client."""
    lab.shared_relay()
    start_peer(lab)
    clients = [start_uclient(lab, host, "-e", PEER4, "-n", "40", "-z", "5", "-l", size)
               for host, size in (("alice", "100"), ("bob", "172"), ("near", "1100"))]
    for client in clients:
        check_nothing_lost(client, 80)


def test_send(lab):
    lab.shared_relay()
    start_peer(lab)
    clients = [start_uclient(lab, host, "-s", "-e", PEER4, "-n", "40", "-z", "5", "-l", size)
               for host, size in (("alice", "100"), ("bob", "1000"))]
    for client in clients:
        check_nothing_lost(client, 80)


def test_client_to_client(lab):
    """Two allocations of the relay talk to each other, over channels and over Send."""
    lab.shared_relay()
    channels = start_uclient(lab, "alice", "-y", "-n", "40", "-z", "5")
    sends = start_uclient(lab, "bob", "-y", "-s", "-n", "40", "-z", "5")
    check_nothing_lost(channels, 160)
    check_nothing_lost(sends, 160)


def test_ipv6_relay(lab):
    """An IPv6 relayed address for a client that comes over IPv4, and for one over IPv6."""
    lab.shared_relay()
    start_peer(lab)
    mixed = start_uclient(lab, "alice", "-x", "-e", PEER6, "-n", "40", "-z", "5")
    pure = start_uclient(lab, "bob", "-x", "-e", PEER6, "-n", "40", "-z", "5", server=RELAY6)
    pair = start_uclient(lab, "near", "-x", "-y", "-n", "40", "-z", "5", server=RELAY6)
    check_nothing_lost(mixed, 80)
    check_nothing_lost(pure, 80)
    check_nothing_lost(pair, 160)


def test_ipv4_relay_for_an_ipv6_client(lab):
    lab.shared_relay()
    start_peer(lab)
    check_nothing_lost(
        start_uclient(lab, "alice", "-X", "-e", PEER4, "-n", "40", "-z", "5", server=RELAY6), 80)


def test_dual_allocation(lab):
    lab.shared_relay()
    start_peer(lab)
    four = start_uclient(lab, "alice", "-Z", "-e", PEER4, "-n", "40", "-z", "5")
    six = start_uclient(lab, "bob", "-Z", "-e", PEER6, "-n", "40", "-z", "5")
    check_nothing_lost(four, 40)
    check_nothing_lost(six, 40)


def test_dont_fragment(lab):
    lab.shared_relay()
    start_peer(lab)
    check_nothing_lost(
        start_uclient(lab, "alice", "-g", "-e", PEER4, "-n", "40", "-z", "5", "-l", "1000"), 80)


def test_many_clients(lab):
    lab.shared_relay()
    start_peer(lab)
    check_nothing_lost(
        start_uclient(lab, "alice", "-m", "10", "-c", "-e", PEER4, "-n", "20", "-z", "10"), 200)


def test_negative(lab):
    """-N binds random channel numbers. Over Send that changes nothing; with channels its second
    number for one peer must be refused with 400 (RFC 8656 12.2), which ends it with status 255."""
    lab.shared_relay()
    start_peer(lab)
    sends = start_uclient(lab, "alice", "-N", "-s", "-e", PEER4, "-n", "20", "-z", "5")
    binds = start_uclient(lab, "bob", "-N", "-e", PEER4, "-n", "20", "-z", "5")
    check(binds.finish(20) == 255, f"-N with channels ended with {binds.popen.returncode}")
    check("channel bind: error 400" in binds.output(), f"-N printed {binds.last_line()}")
    check_nothing_lost(sends, 40)


def test_negative_protocol(lab):
    """-R garbles every tenth message, requests too: a client may fail or wait for ever for an
    answer, so each is given 12 s; the relay must go on serving a sound one without loss."""
    relay = lab.shared_relay()
    start_peer(lab)
    wild = [start_uclient(lab, host, "-R", *more, "-e", PEER4, "-n", "20", "-z", "5")
            for host in ("alice", "bob") for more in ([], ["-s"], ["-y"])]
    sound = start_uclient(lab, "near", "-e", PEER4, "-n", "40", "-z", "20")
    check_nothing_lost(sound, 80)
    ended = wait_for_some(wild, 6)
    check(all(client.popen.returncode in (0, 255) for client in ended),
          f"-R ended with {[client.popen.returncode for client in ended]}")
    check(relay.running(), "the relay ended")
    after, peer = lab.client("alice"), lab.udp("peer", PEER4)
    after.allocate()
    after.bind(0x4000, peer.getsockname())
    check_echo(after, 0x4000, peer, b"still serving")


def test_extra_requests(lab):
    """-G binds channels and asks permissions for many more peers, denied ones among them."""
    lab.shared_relay()
    start_peer(lab)
    check_nothing_lost(
        start_uclient(lab, "alice", "-G", "-e", PEER4, "-n", "20", "-z", "5"), 40)


@causeway_only  # coturn offers RFC 5780's second port, which the program then tries in vain
def test_stunclient(lab):
    lab.shared_relay()
    for host, server, mapped in (("alice", RELAY4, r"192\.0\.2\.2:\d+"),
                                 ("near", RELAY6, r"\[?2001:db8::9\]?:\d+")):
        status, output = lab.run(host, tool("turnutils_stunclient"), server)
        check(status == 0, f"turnutils_stunclient ended with status {status}: {output}")
        check(re.search(r"UDP reflexive addr: " + mapped, output),
              f"turnutils_stunclient said {' '.join(output.split())}")


def test_wrong_password(lab):
    lab.shared_relay()
    status, output = lab.run("alice", tool("turnutils_uclient"), "-u", USER, "-w", "guess", "-y",
                             "-n", "1", RELAY4, seconds=20)
    check(status not in (0, None), f"a wrong password ended with status {status}: {output[-200:]}")


