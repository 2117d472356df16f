"""SIGHUP while calls are under way: what is no longer granted ends, all else goes on."""

import signal
import time

from checks import check_echo, expect_error
from lab import causeway_only
from process import check, wait_until
from relay import PUBLIC, REALM, link_arguments
from test_tenants import ACME, credential, tenant
from topology import NEAR4, PEER4

NODE = "the secret of the node"
# For a client that asks as fast as it can: more than 1,000 times a second on a fast machine.
UNLIMITED = "requests-per-prefix = 0"


class Node:
    """A relay and the file that SIGHUP has it read again."""

    def __init__(self, lab, *lines):
        self.path = lab.log("reload.toml")
        self.write(*lines)
        self.relay = lab.causewayd(*link_arguments(), "--stats", "3600", "--config",
                                   self.path).wait_ready()

    def write(self, *lines):
        allowed = ", ".join(f'"{prefix}"' for prefix in PUBLIC)
        with open(self.path, "w", encoding="ascii") as file:
            file.write("\n".join([f'realm = "{REALM}"', f"allow-peer = [{allowed}]", *lines]))

    def reload(self, *lines):
        self.write(*lines)
        before = self.relay.output().count("SIGHUP: ")
        self.relay.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: self.relay.output().count("SIGHUP: ") > before, 30, "the reload")


def call(lab, host, address=PEER4, **account):
    client = lab.client(host, **account)
    peer = lab.udp("peer" if address == PEER4 else "near", address)
    client.allocate()
    client.bind(0x4000, peer.getsockname())
    check_echo(client, 0x4000, peer, b"under way")
    return client, peer


def goes_through(client, peer, text=b"still there"):
    """Whether a datagram reaches the peer."""
    client.send_channel(0x4000, text)
    peer.settimeout(0.1)
    try:
        while peer.recv(2048) != text:
            pass
    except TimeoutError:
        return False
    return True


def check_ends(client, peer):
    """Within a second, and what a busy machine adds."""
    begin = time.monotonic()
    wait_until(lambda: not goes_through(client, peer), 15, "the end of a call")
    return time.monotonic() - begin


@causeway_only
def test_what_is_gone_ends(lab):
    """A user, another password, a secret and a tenant; calls of others do not notice."""
    tables = tenant("acme", ACME)
    node = Node(lab, 'user = ["alice:secret", "bob:hunter2"]', f'auth-secret = ["{NODE}"]', *tables)
    alice = call(lab, "near")
    bob = call(lab, "near", username="bob", password="hunter2")
    carol = call(lab, "alice", **credential("carol", NODE))
    dave = call(lab, "bob", **credential("acme/dave", ACME))

    node.reload('user = ["bob:hunter2"]', f'auth-secret = ["{NODE}"]', *tables)
    check_ends(*alice)
    expect_error(401, lambda: alice[0].refresh(600))
    for client, peer in (bob, carol, dave):
        check_echo(client, 0x4000, peer, b"not mine")

    node.reload('user = ["bob:another"]', f'auth-secret = ["{NODE}"]', *tables)
    check_ends(*bob)
    check_echo(*carol[:1], 0x4000, carol[1], b"not mine either")

    node.reload('user = ["bob:another"]', 'auth-secret = ["a newer one"]', *tables)
    check_ends(*carol)
    check_echo(*dave[:1], 0x4000, dave[1], b"nor mine")

    node.reload('user = ["bob:another"]', 'auth-secret = ["a newer one"]')
    check_ends(*dave)
    totals = node.relay.counters()
    check(totals["revoked"] == 4 and totals["allocations"] == 0,
          f"{totals['revoked']} revoked, {totals['allocations']} left")


@causeway_only
def test_a_new_rule_ends_what_it_denies(lab):
    """One channel ends, its client's allocation and another channel stay."""
    node = Node(lab, 'user = ["alice:secret"]')
    denied = call(lab, "alice")
    allowed = call(lab, "alice", NEAR4)
    node.reload('user = ["alice:secret"]', f'deny-peer = ["{PEER4}/32"]')
    check_ends(*denied)
    check_echo(allowed[0], 0x4000, allowed[1], b"allowed")
    denied[0].refresh(600)
    expect_error(403, lambda: denied[0].permit(PEER4))


@causeway_only
def test_a_mistake_ends_nothing(lab):
    """The file's line is named; calls go on."""
    node = Node(lab, 'user = ["alice:secret"]')
    client, peer = call(lab, "alice")
    node.reload("user = []", "deny-peer = 7")
    node.relay.wait_for(r"nothing changed.*reload\S*:4: deny-peer")
    check_echo(client, 0x4000, peer, b"as before")


@causeway_only
def test_a_large_file_delays_nobody(lab):
    """Requests are answered and calls go on while 200,000 users are read and their keys derived."""
    node = Node(lab, 'user = ["alice:secret"]', UNLIMITED)
    client, peer = call(lab, "near")
    names = lab.log("users")
    with open(names, "w", encoding="ascii") as file:
        file.write("alice:secret\n")
        file.writelines(f"user{number}:password{number}\n" for number in range(200_000))
    node.write(f'user-file = "{names}"', UNLIMITED)
    node.relay.popen.send_signal(signal.SIGHUP)
    waits, begin = [], time.monotonic()
    while "SIGHUP: 200001 users" not in node.relay.output():
        check(time.monotonic() - begin < 120, "the reload takes more than two minutes")
        sent = time.monotonic()
        client.binding()
        client.refresh(600)
        waits.append(time.monotonic() - sent)
        check_echo(client, 0x4000, peer, b"meanwhile")
    waits.sort()
    took = time.monotonic() - begin
    check(len(waits) > 20, f"only {len(waits)} rounds in {took:.1f} s")
    # A control thread that did this itself would answer nobody until the end.
    check(waits[-1] < took / 2, f"one round of {len(waits)} took {waits[-1]:.2f} of {took:.2f} s")
    lab.client("near", username="user199999", password="password199999").allocate()
