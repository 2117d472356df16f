"""What the flags promise, seen from outside."""

import signal

from checks import check_echo, expect_error, open_channel
from lab import causeway_only
from process import check
from relay import REALM, link_arguments
from topology import NEAR4, PEER4, RELAY4
from turn_client import TurnClient


@causeway_only
def test_port_and_relay_ports(lab):
    """Another listening port; with four relay ports the fifth allocation gets 508."""
    lab.relay("--port", "3500", "--relay-ports", "50000-50003", "--max-allocations", "4")
    clients = [TurnClient(lab.udp("near"), (RELAY4, 3500)) for _ in range(5)]
    for client in clients[:4]:
        client.allocate()
    ports = sorted(client.relayed[0][1] for client in clients[:4])
    check(ports == [50000, 50001, 50002, 50003], f"relay ports {ports}")
    expect_error(508, clients[4].allocate)
    clients[0].refresh(0)
    clients[4].allocate()
    peer = lab.udp("peer", PEER4)
    clients[4].bind(0x4000, peer.getsockname())
    check_echo(clients[4], 0x4000, peer, b"on a port that was another's")


@causeway_only
def test_user_quota(lab):
    lab.relay("--user-quota", "1", "--user", "bob:other")
    first, second = lab.client("near"), lab.client("near")
    first.allocate()
    expect_error(486, second.allocate)
    lab.client("near", username="bob", password="other").allocate()
    first.refresh(0)
    second.allocate()


@causeway_only
def test_deny_peer_and_no_hairpin(lab):
    """--deny-peer closes what --allow-peer opens; --no-hairpin closes this node's allocations."""
    lab.relay("--deny-peer", "198.51.100.0/28", "--no-hairpin")
    alice, bob = lab.client("alice"), lab.client("bob")
    alice.allocate()
    bob.allocate()
    expect_error(403, lambda: alice.permit(PEER4))
    expect_error(403, lambda: alice.bind(0x4000, bob.relayed[0]))
    near = lab.udp("near", NEAR4)
    alice.bind(0x4000, near.getsockname())
    check_echo(alice, 0x4000, near, b"others are open")


@causeway_only
def test_max_lifetime(lab):
    lab.relay("--max-lifetime", "900")
    client, _ = open_channel(lab, "near")
    check(client.refresh(3600) == 900, "a longer lifetime than --max-lifetime")


@causeway_only
def test_relay_address(lab):
    """Relayed addresses apart from the listening ones, a prefix of them routed here."""
    network = lab.new_network()
    network.ip("net", "route", "add", "192.0.2.128/29", "via", RELAY4)
    lab.relay("--relay-address", "192.0.2.128/29", network=network)
    seen = set()
    for _ in range(8):
        client, peer = open_channel(lab, "alice", network=network)
        source, _ = check_echo(client, 0x4000, peer, b"from a routed address")
        check(source == client.relayed[0], f"sent from {source}, allocated {client.relayed}")
        check(source[0].startswith("192.0.2.1"), f"relayed address {source[0]}")
        seen.add(source[0])
    check(len(seen) > 1, f"eight allocations all on {seen}")


@causeway_only
def test_hangup(lab):
    """SIGHUP applies users, names what has to wait, and takes nothing of a file with a mistake."""
    path = lab.log("hangup.toml")

    def configure(*lines):
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join([f'realm = "{REALM}"', *lines]))

    configure('user = ["alice:secret"]')
    relay = lab.causewayd(*link_arguments(), "--config", path).wait_ready()
    expect_error(401, lab.client("near", username="bob", password="hunter2").allocate)

    configure('user = ["alice:secret", "bob:hunter2"]', "max-lifetime = 1800", "workers = 1",
              "stats = 3600", "[tenant.acme]", 'secrets = ["0123456789abcdef"]')
    relay.popen.send_signal(signal.SIGHUP)
    changes = relay.wait_for(r"take effect at the next start only: (.*)$").group(1)
    check({"max-lifetime", "stats"} <= set(changes.split(", ")), f"it names {changes}")
    check(not {"user", "realm", "port"} & set(changes.split(", ")), f"it names {changes}")
    lab.client("near", username="bob", password="hunter2").allocate()

    configure('user = ["alice:secret", 5]')
    relay.popen.send_signal(signal.SIGHUP)
    relay.wait_for(r"nothing changed.*hangup\S*:2: user: must be a text")
    lab.client("near", username="bob", password="hunter2").allocate()
    check("hunter2" not in relay.output(), "a password is in the log")
