"""What a test gets: the network, the relay in it, clients and programs, all cleaned up after it."""

import functools
import os

import relay as relays
import topology
from process import Process, check
from turn_client import TurnClient


class Lab:
    def __init__(self, server, log_directory):
        self.server = server
        self.logs = log_directory
        self.network = topology.Network()
        self._networks = [self.network]
        self._shared = None
        self._started = []
        self._clients = []
        self._count = 0

    # Relays.

    def relay(self, *arguments, **options):
        """A relay of the test's own, with these arguments; `kind` for a certain one."""
        self.stop_shared()
        kind, network = options.pop("kind", self.server), options.pop("network", self.network)
        started = relays.start(kind, network, self.log("relay"), *arguments, **options)
        self._started.append(started)
        return started

    def shared_relay(self):
        """The relay with default arguments, started once for the tests that need no other."""
        if self._shared is None or not self._shared.running():
            self._shared = relays.start(self.server, self.network, self.log("relay"))
        return self._shared

    def stop_shared(self):
        if self._shared is not None:
            shared, self._shared = self._shared, None
            shared.stop()
            check(not shared.errors(), f"the relay's sanitizer says: {shared.errors()[:1]}")

    def causewayd(self, *arguments, **options):
        """causewayd with exactly these arguments, not waited for."""
        self.stop_shared()
        started = relays.Causewayd(options.pop("network", self.network), self.log("causewayd"),
                                   *arguments, **options)
        self._started.append(started)
        return started

    # Hosts.

    def new_network(self, make=topology.Network, **options):
        network = make(**options)
        self._networks.append(network)
        return network

    def start(self, host, *argv, network=None, **options):
        process = Process(list(argv), self.log(os.path.basename(argv[0])),
                          (network or self.network).ns(host), **options)
        self._started.append(process)
        return process

    def adopt(self, process):
        """A process that a test made itself, to be ended with the others."""
        self._started.append(process)
        return process

    def run(self, host, *argv, seconds=30):
        """A program's exit status and output, once it has ended."""
        process = self.start(host, *argv)
        return process.finish(seconds), process.output()

    def udp(self, host, address="", port=0, network=None):
        sock = (network or self.network).udp(host, address, port)
        self._clients.append(sock)
        return sock

    def client(self, host, server=topology.RELAY4, network=None, **options):
        """A TURN client in a host, of the server address's family."""
        bind = "::" if ":" in server else ""
        client = TurnClient((network or self.network).udp(host, bind), (server, relays.PORT),
                            **options)
        self._clients.append(client)
        return client

    def log(self, name):
        self._count += 1
        return os.path.join(self.logs, f"{self._count:03}-{name}.log")

    # Ends.

    def left_up(self):
        """{namespace: [(pid, command line)]} of all networks that stand."""
        return {namespace: topology.programs(namespace)
                for network in self._networks for namespace in network.namespaces()}

    def after_test(self):
        """Ends what the test started; a relay that died is the test's failure."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        started, self._started = self._started, []
        for process in reversed(started):
            if isinstance(process, relays.Causewayd) and process.running():
                process.stop()
            process.kill()
        for network in self._networks[1:]:
            network.close()
        del self._networks[1:]
        if self._shared is not None and not self._shared.running():
            shared, self._shared = self._shared, None
            check(False, f"the relay died during the test: {shared.last_line()}")
        bad = [line for process in started if isinstance(process, relays.Causewayd)
               for line in process.errors()]
        check(not bad, f"the relay's sanitizer says: {bad[:1]}")

    def close(self):
        for process in [*self._started, self._shared]:
            if process is not None:
                process.kill()
        for network in self._networks:
            network.close()


def causeway_only(test):
    """Marks what coturn cannot be asked."""
    @functools.wraps(test)
    def marked(lab):
        return test(lab)
    marked.causeway_only = True
    return marked
