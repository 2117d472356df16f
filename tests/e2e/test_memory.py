"""Without hugepages it runs, and says what that costs."""

import os

from checks import check_echo, open_channel
from lab import causeway_only
from process import check


@causeway_only
def test_no_hugepages(lab):
    """In this process's view of /sys the kernel has none."""
    empty = os.path.join(lab.logs, "no-hugepages")
    os.makedirs(empty, exist_ok=True)
    hide = ["sh", "-c", 'mount --bind "$0" /sys/kernel/mm/hugepages && exec "$@"', empty]
    relay = lab.relay(prefix=hide)
    check("hugepages" in relay.output() and "4 kB" in relay.output(),
          f"it does not say what it runs on: {relay.output()[:400]}")
    client, peer = open_channel(lab)
    for size in (0, 172, 1200):
        check_echo(client, 0x4000, peer, os.urandom(size))
    os.rmdir(empty)
