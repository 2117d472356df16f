"""Runs the real causewayd with wrong and right arguments: command_line_test.py BINARY.

What is refused here is refused before anything of the machine is touched, so this needs no
privileges, no interface and no DPDK memory.
"""

import os
import subprocess
import sys
import tempfile
import unittest

BINARY = ""
BASE = ["--interface", "nosuch0", "--address", "203.0.113.5", "--realm", "example.org",
        "--user", "alice:hunter2"]


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20,
                          check=False)


def replaced(flag, value):
    """BASE with another value for one flag."""
    arguments = list(BASE)
    arguments[arguments.index(flag) + 1] = value
    return arguments


def without(flag):
    arguments = list(BASE)
    at = arguments.index(flag)
    del arguments[at:at + 2]
    return arguments


class WrongArguments(unittest.TestCase):
    CASES = {
        "no arguments": ([], "--interface is missing"),
        "unknown flag": (BASE + ["--relay-port", "50000-50001"], "did you mean --relay-ports?"),
        "stray value": (BASE + ["eth1"], "a value stands without its flag"),
        "flag without value": (BASE + ["--port"], "--port: needs a value"),
        "flag twice": (BASE + ["--realm", "b"], "--realm: given 2 times"),
        "bad address": (replaced("--address", "203.0.113.256"), "--address 203.0.113.256: "),
        "mapped address": (replaced("--address", "::ffff:203.0.113.5"), "write 203.0.113.5"),
        "duplicate address": (replaced("--address", "203.0.113.5,203.0.113.5"), "given twice"),
        "length without device": (replaced("--address", "203.0.113.5/24"), "--device only"),
        "port 0": (BASE + ["--port", "0"], "--port 0: "),
        "port in relay range": (BASE + ["--port", "50000"], "--port 50000: lies in the relay"),
        "range of one": (BASE + ["--relay-ports", "50000-50000"], "one port is too few"),
        "range reversed": (BASE + ["--relay-ports", "60000-50000"], "write 50000-60000"),
        "range below 1024": (BASE + ["--relay-ports", "1000-2000"], "below 1024"),
        "host bits": (BASE + ["--relay-address", "198.51.100.1/24"], "mean 198.51.100.0/24?"),
        "huge prefix": (BASE + ["--relay-address", "10.0.0.0/8"], "at most 65535"),
        "too few ports": (BASE + ["--max-allocations", "40000"], "give 2 more --relay-address"),
        "no credentials": (without("--user"), "nobody could use this relay"),
        "user without colon": (replaced("--user", "hunter2"), "--user, value 1: has no colon"),
        "user without name": (replaced("--user", ":hunter2"), "no name before its colon"),
        "user without password": (replaced("--user", "alice:"), "no password after its colon"),
        "no realm": (without("--realm"), "--realm is missing"),
        "interface and device": (BASE + ["--device", "net_ring0"], "choose one"),
        "no workers": (BASE + ["--workers", "0"], "--workers 0: "),
        "many workers": (BASE + ["--workers", "200"], "--workers 200: "),
        "bad peer": (BASE + ["--deny-peer", "10.0.0.1/8"], "did you mean 10.0.0.0/8?"),
        "log level": (BASE + ["--log-level", "loud"], "--log-level loud: "),
        "no config file": (BASE + ["--config", "/nonexistent.toml"], "/nonexistent.toml: No such"),
        "line break in a value": (BASE + ["--log-level", "a\nb"], "--log-level a?b: "),
    }

    def test_each_gives_one_clear_line(self):
        for name, (arguments, expected) in self.CASES.items():
            with self.subTest(name):
                result = run(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertEqual(result.stdout, "")
                self.assertTrue(result.stderr.startswith("causewayd: error: "), result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertIn(expected, result.stderr)
                self.assertNotIn("hunter2", result.stderr)

    def test_check_config_fails_with_1(self):
        result = run("--check-config", *replaced("--address", "nowhere"))
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr,
                         "causewayd: error: --address nowhere: not an IPv4 or IPv6 address\n")

    def test_unusable_password_is_refused_but_not_shown(self):
        result = run(*replaced("--user", "alice:hun\x01ter2"))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertNotIn("ter2", result.stderr)

    def test_missing_interface_is_a_runtime_error(self):
        result = run(*BASE)
        self.assertEqual(result.returncode, 1, result.stderr)
        errors = [line for line in result.stderr.splitlines()
                  if line.startswith("causewayd: error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertEqual(result.stdout, "")


class RightArguments(unittest.TestCase):
    def test_help_and_version(self):
        result = run("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("--relay-address ADDRESS|PREFIX", result.stdout)
        result = run("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^causewayd \d+\.\d+\.\d+\n$")

    def test_check_config_prints_what_would_run(self):
        result = run("--check-config", "--auth-secret", "geheim", *BASE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn('address = ["203.0.113.5"]\n', result.stdout)
        self.assertIn('user = ["alice:***"]\nauth-secret = ["***"]\n', result.stdout)
        self.assertNotIn("hunter2", result.stdout)
        self.assertNotIn("geheim", result.stdout)

    def test_check_config_reads_its_own_output(self):
        first = run("--check-config", "--relay-address", "198.51.100.0/28", *BASE).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(first)
            file.flush()
            again = run("--check-config", "--config", file.name)
        self.assertEqual(again.stderr, "")
        self.assertEqual(again.stdout, first)

    def test_secrets_leave_the_process_list(self):
        # The configuration is a pipe that nobody writes to, so that the process stands still.
        with tempfile.TemporaryDirectory() as directory:
            pipe = os.path.join(directory, "config")
            os.mkfifo(pipe)
            with subprocess.Popen([BINARY, "--config", pipe, "--user", "alice:hunter2",
                                   "--auth-secret=geheim"], stderr=subprocess.DEVNULL) as process:
                with open(pipe, "w", encoding="ascii"):
                    # The pipe opens when causewayd reads its configuration, after it has read and
                    # overwritten its arguments.
                    with open(f"/proc/{process.pid}/cmdline", encoding="ascii") as file:
                        shown = file.read()
                self.assertIn("alice:xxxxxxx", shown)
                self.assertNotIn("hunter2", shown)
                self.assertNotIn("geheim", shown)
                self.assertEqual(process.wait(20), 2)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
