"""Thousands of routes, and routes that never rest."""

import contextlib
import subprocess
import threading

from checks import check_echo, open_channel
from lab import causeway_only
from process import check, wait_until
from relay import causewayd_arguments
from test_reload import goes_through
from topology import GATEWAY4, PEER4

ROUTES = 5_000
CHANGES_PER_S = 50


def route(number):
    return f"10.9.{number >> 8}.{number & 255}/32 via {GATEWAY4}"


def add_routes(network, count=ROUTES):
    network.sh("core", "ip", "-batch", "-",
               stdin="\n".join(f"route add {route(number)}" for number in range(count)))


@contextlib.contextmanager
def changing(network):
    """50 times a second a route goes or comes back. Yields a function: how many have so far."""
    batch = subprocess.Popen(["ip", "-n", network.ns("core"), "-batch", "-"], text=True,
                             stdin=subprocess.PIPE)
    stop, done = threading.Event(), [0]

    def change():
        while not stop.wait(1 / CHANGES_PER_S):
            word = "del" if done[0] % 2 == 0 else "add"
            batch.stdin.write(f"route {word} {route(done[0] // 2 % ROUTES)}\n")
            batch.stdin.flush()
            done[0] += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield lambda: done[0]
    finally:
        stop.set()
        thread.join()
        batch.communicate()
    check(batch.returncode == 0, "the kernel refused a change")


@causeway_only
def test_many_at_the_start(lab):
    """The node starts and serves."""
    network = lab.new_network()
    add_routes(network)
    lab.causewayd(*causewayd_arguments(), network=network).wait_ready()
    client, peer = open_channel(lab, network=network)
    check_echo(client, 0x4000, peer, b"by the default route")


@causeway_only
def test_calls_and_requests_go_on_while_routes_change(lab):
    """No datagram is lost, every request is answered, and a change that matters takes effect."""
    network = lab.new_network()
    add_routes(network)
    lab.causewayd(*causewayd_arguments(), "--requests-per-prefix", "0",
                  network=network).wait_ready()
    client, peer = open_channel(lab, network=network)
    with changing(network) as changes:
        rounds = 0
        while changes() < 150:
            check_echo(client, 0x4000, peer, b"under way")
            with lab.client("near", network=network) as other:
                other.allocate()
                other.refresh(0)
            rounds += 1
        check(rounds > 10, f"only {rounds} rounds during {changes()} changes")

        network.ip("core", "route", "add", "blackhole", PEER4)
        wait_until(lambda: not goes_through(client, peer, b"nowhere"), 15, "the route to nowhere")
        network.ip("core", "route", "del", "blackhole", PEER4)
        wait_until(lambda: goes_through(client, peer, b"back"), 15, "the way back")
