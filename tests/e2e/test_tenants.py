"""Tenants: whose a credential is, and what its tenant's table allows it."""

import base64
import hashlib
import hmac
import time

from checks import check_echo, expect_error
from lab import causeway_only
from relay import PUBLIC, REALM, link_arguments
from topology import NEAR4, PEER4

ACME, BETA = "the secret of acme", "the secret of beta"


def credential(user, secret, seconds=3600):
    """The arguments of a client with a time-limited credential."""
    name = f"{int(time.time()) + seconds}:{user}"
    digest = hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()
    return {"username": name, "password": base64.b64encode(digest).decode()}


def write_tenants(path, *lines):
    """A configuration without users or secrets of the node's own."""
    allowed = ", ".join(f'"{prefix}"' for prefix in PUBLIC)
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join([f'realm = "{REALM}"', f"allow-peer = [{allowed}]", *lines]))


def tenant(name, secret, *lines):
    return [f"[tenant.{name}]", f'secrets = ["{secret}"]', *lines]


@causeway_only
def test_tenants(lab):
    """Tenants alone suffice; each has its secret, its quotas and its peers."""
    path = lab.log("tenants.toml")
    write_tenants(path,
                  *tenant("acme", ACME, f'deny-peers = ["{NEAR4}/32"]',
                          "limits = { allocations = 3, allocations-per-user = 2 }"),
                  *tenant("beta", BETA))
    lab.causewayd(*link_arguments(), "--config", path).wait_ready()
    clients = [lab.client("near", **credential("acme/carol", ACME, 1000 + n)) for n in range(3)]
    clients[0].allocate()
    clients[1].allocate()
    expect_error(486, clients[2].allocate)
    lab.client("near", **credential("acme/dave", ACME)).allocate()
    expect_error(486, lab.client("near", **credential("acme/erin", ACME)).allocate)
    expect_error(403, lambda: clients[0].permit(NEAR4))
    other = lab.client("alice", **credential("beta/carol", BETA))
    other.allocate()
    near = lab.udp("near", NEAR4)
    other.bind(0x4000, near.getsockname())
    check_echo(other, 0x4000, near, b"what acme denies, beta may reach")
    peer = lab.udp("peer", PEER4)
    clients[0].bind(0x4000, peer.getsockname())
    check_echo(clients[0], 0x4000, peer, b"and acme the rest")
    expect_error(401, lab.client("near", **credential("acme/carol", BETA)).allocate)
    expect_error(401, lab.client("near", **credential("carol", ACME)).allocate)
