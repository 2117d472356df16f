"""causeway-gen against what is wrong, dead or lost: one clear line, a status, in bounded time."""

import re

import fake_server
from generator import (Generator, Pair, addresses, cable_arguments, cable_server, credentials)
from process import check, wait_until
from relay import USER

PORT = 3478
SOME_LOAD = ["--load", "peer", "--rate", "200", "--duration", "0.5"]


def start(lab, pair, *arguments):
    return lab.adopt(Generator(pair, lab.log("gen"), "--quiet", *arguments))


def expect(generator, pattern, status=1):
    error = generator.failed(status=status)
    check(re.search(pattern, error), f"the line does not say \"{pattern}\": {error}")
    if status == 1:
        report = generator.report()
        check(report["ok"] is False and report["error"] in error, f"report: {report}")


def fake(lab, pair, cable, answer):
    fake_server.serve(lab.udp("core", cable_server(cable), PORT, network=pair), answer)


def test_options_and_devices(lab):
    pair = lab.new_network(make=Pair)
    base = addresses()
    absent = ["--device", "net_memif0,role=client,socket=/run/nowhere.sock,socket-abstract=no"]
    for arguments, pattern, status in (
            (["--rate", "5"], r"--rate 5: .* --load", 2),
            (["--load", "peer", "--rate", "5", "--size", "31"], r"--size 31: ", 2),
            (["--device", "net_null0"], r"--interface eth0 and --device net_null0: ", 2),
            (["--allocations", "9999999"], r"--client-address .* add addresses or ports", 2),
            (["--interface", "eth7"], r"eth7 does not exist; there are: eth0", 1),
            (["--device", "net_nowhere0"], r"no driver net_nowhere", 1),
            (["--device", "net_af_packet0,iface=eth7"], r"net_af_packet0,iface=eth7", 1),
            (absent, r"memif.*is the program at the other end", 1),
            (["--device", "0000:7f:1f.7"], r"there is no PCI device 0000:7f:1f.7", 1),
            (["--cpu", "1023"], r"--cpu 1023: .* usable are ", 1)):
        link = base[2:] if arguments[0] in ("--interface", "--device") and status == 1 else base
        expect(start(lab, pair, *link, *arguments), pattern, status)


def test_an_interface_that_is_in_use(lab):
    pair = lab.new_network(make=Pair)
    start(lab, pair, *addresses(), "--gateway", "203.0.113.7")  # asks for it for some seconds
    wait_until(lambda: "xdp" in pair.ip("near", "link", "show", "eth0"), 10, "XDP on eth0")
    expect(start(lab, pair, *addresses()),
           "another AF_XDP socket holds queue 0 of interface eth0: end the program that has it")


def test_an_interface_whose_user_is_ending(lab):
    pair = lab.new_network(make=Pair)
    for _ in range(3):
        generator = start(lab, pair, *addresses(), "--gateway", "203.0.113.7")
        wait_until(lambda: "xdp" in pair.ip("near", "link", "show", "eth0"), 10, "XDP on eth0")
        generator.popen.kill()
    expect(start(lab, pair, *addresses(), "--gateway", "203.0.113.7"), "no ARP answer")


def start_silent(lab, pair):
    """Dead ports, dead links and servers that fall silent: to give up takes seconds."""
    for cable, deaf_after in ((3, None), (4, 20), (5, None)):
        fake(lab, pair, cable, fake_server.relay_nothing(cable_server(cable), deaf_after))
    expected = []
    for cable, arguments, pattern in (
            (1, SOME_LOAD, r"no answer to Allocate from .* listening"),
            (2, ["--gateway", cable_server(2)[:-1] + "9"], r"no ARP answer from .* --gateway"),
            (3, SOME_LOAD, r"load: none of \d+ packets from peers to clients arrived"),
            (4, ["--allocations", "50"], r"no answer to \w+ from "),
            (6, ["--flood", "binding", "--duration", "0.5"], r"flood: none of \d+ .* answered")):
        expected.append((start(lab, pair, *cable_arguments(cable), *arguments), pattern))
    unplugged = start(lab, pair, *cable_arguments(5), "--keepalive", "0.1", "--duration", "2")
    unplugged.wait_for("^causeway-gen: phase keepalive begin")
    pair.ip("core", "link", "set", "eth6", "down")
    return expected, unplugged


def check_refusals(lab, pair):
    account = credentials()
    for arguments, pattern in (
            (["--user", f"{USER}:wrong"], r"refuses Allocate with 401 .*--user"),
            ([], r"asks for credentials .*--user"),
            ([*account, "--allocations", "5"], r"with 486 .*quota"),
            ([*account, "--flood", "allocate-auth", "--duration", "0.3", "--realm", "other.org"],
             r"refuses Allocate with 401 .*--realm")):
        expect(start(lab, pair, *addresses(), *arguments), pattern)
    for cable, code, arguments, pattern in (
            (7, 500, SOME_LOAD, r"refuses Allocate with 500 .*server's log"),
            (8, 401, account, r"refuses Allocate with 401 .*--user"),
            (9, 508, ["--allocations", "50"], r"with 508 ")):
        fake(lab, pair, cable, fake_server.refuse(code))
        expect(start(lab, pair, *cable_arguments(cable), *arguments), pattern)


def test_servers_that_are_dead_lost_or_refuse(lab):
    pair = lab.new_network(make=Pair, cables=10)
    lab.relay("--user-quota", "3", network=pair)
    silent, unplugged = start_silent(lab, pair)
    check_refusals(lab, pair)
    for generator, pattern in silent:
        expect(generator, pattern)
    check(unplugged.finish(20) in (0, 1), f"the unplugged one: {unplugged.last_line()}")
    keepalive = unplugged.report()["keepalive"]
    check(0 < keepalive["lost"] <= keepalive["sent"], f"keepalive: {keepalive}")
    check("not all allocations could be deleted" in unplugged.output(), unplugged.last_line())
