"""Runs the real causewayd with wrong and right arguments: command_line_test.py BINARY.

What is refused here is refused before anything of the machine is touched, so this needs no
privileges, no interface and no DPDK memory.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY = ""
GUIDE = os.path.join(os.path.dirname(__file__), "../../../docs/operating.md")
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
        "config file is a directory": (BASE + ["--config", "/tmp"], "/tmp: Is a directory"),
        "user file is a directory": (BASE + ["--user-file", "/tmp"], "/tmp: Is a directory"),
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


class WrongFiles(unittest.TestCase):
    SECRET = '"0123456789abcdef"'
    CASES = {
        "empty": ("", "--realm is missing"),
        "garbled": ("\0\x1b[2J", ":1: not TOML: "),
        "wrong type": ("\nport = 'http'\n", ":2: port \"http\": must be a whole number from 1"),
        "out of range": ("port = 99999", ":1: port 99999: must be a whole number from 1 to 65535"),
        "key twice": ("port = 1\nport = 2\n", ":2: not TOML: "),
        "unknown key": ("adress = 'x'", ":1: adress is no setting: did you mean address?"),
        "unknown table": ("[tenants.acme]", "no table of ours: did you mean tenant?"),
        "unquoted password": ("auth-secret = hunter2", ":1: not TOML: "),
        "password as key": ("user = { hunter2 = 1 }", ":1: user is a table: must be a text"),
        "tenant's name": (f"[tenant.Acme]\nsecrets = [{SECRET}]", "the name is a DNS label"),
        "default tenant": (f"[tenant.default]\nsecrets = [{SECRET}]", ":1: [tenant.default]: "),
        "no secrets": ("[tenant.acme]", ":1: [tenant.acme]: secrets are missing"),
        "five secrets": ("[tenant.acme]\nsecrets = [" + ",".join([SECRET] * 5) + "]",
                         ":2: tenant.acme.secrets: 5 secrets; at most 4"),
        "short secret": (f"[tenant.acme]\nsecrets = [{SECRET},\n'hunter2']",
                         ":3: tenant.acme.secrets, value 2: 7 bytes; must be 16 to 256"),
        "limit of 0": (f"[tenant.acme]\nsecrets = [{SECRET}]\nlimits.kbps = 0",
                       ":3: tenant.acme.limits.kbps 0: must be a whole number from 1"),
        "unknown limit": (f"[tenant.acme]\nsecrets = [{SECRET}]\nlimits.pps = 1",
                          ":3: tenant.acme.limits.pps is no setting"),
    }

    def test_each_gives_one_clear_line(self):
        for name, (text, expected) in self.CASES.items():
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(text)
                file.flush()
                arguments = without("--realm")
                result = run("--config", file.name, *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertTrue(result.stderr.startswith("causewayd: error: "), result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertIn(expected, result.stderr)
                self.assertNotIn("hunter2", result.stderr)
                self.assertNotIn("0123456789abcdef", result.stderr)


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

    def test_check_config_prints_tenants(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[tenant.acme]\nsecrets = ["0123456789abcdef"]\nallow-peers = "10.0.0.0/8"\n'
                       "limits = { kbps = 5, allocations-per-user = 2 }\n")
            file.flush()
            result = run("--check-config", "--config", file.name, *BASE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn('\n[tenant.acme]\nsecrets = ["***"]\nallow-peers = ["10.0.0.0/8"]\n'
                      "deny-peers = []\nend-with-credential = false\n\n[tenant.acme.limits]\n"
                      "allocations-per-user = 2\nkbps = 5\n", result.stdout)
        self.assertNotIn("0123456789abcdef", result.stdout)

    def test_examples_of_the_guide_are_right(self):
        with open(GUIDE, encoding="utf-8") as file:
            examples = re.findall(r"```toml\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual(len(examples), 2)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("\n".join(examples).replace("auth-secret-file", "#"))
            file.flush()
            result = run("--check-config", "--config", file.name, "--auth-secret", "geheim")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_manual_page_has_every_flag_of_the_help(self):
        flags = set(re.findall(r"--[a-z][a-z-]+", run("--help").stdout))
        self.assertIn("--relay-ports", flags)
        result = run("--man")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        shown = set(re.findall(r"--[a-z][a-z-]+", result.stdout.replace("\\-", "-")))
        self.assertEqual(flags - shown, set())

    @unittest.skipUnless(shutil.which("groff"), "groff is missing")
    def test_groff_takes_the_manual_page_without_a_warning(self):
        page = run("--man").stdout
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=78n", "-P-c", "-P-b"],
                                input=page, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("SIGHUP applies", re.sub(r"\s+", " ", result.stdout))

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
