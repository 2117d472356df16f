"""Wrong flags and impossible settings: one clear line each, an exit status that is not 0."""

import os
import shutil

from checks import check_one_line, check_serves
import relay as relays
from lab import causeway_only
from process import check
from relay import account_arguments, causewayd_arguments, link_arguments

ANY = link_arguments() + account_arguments()

# (arguments, what the one line must name)
WRONG = [
    ([*ANY, "--prot", "3478"], r"--prot"),
    ([*ANY, "extra"], r"."),
    ([*ANY, "--port"], r"port"),
    ([*ANY, "--port", "70000"], r"70000"),
    ([*ANY, "--port", "0"], r"port"),
    ([*ANY, "--port", "banana"], r"banana"),
    ([*ANY, "--port", "3478", "--port", "3479"], r"port"),
    ([*ANY, "--relay-ports", "50000-50000"], r"50000"),
    ([*ANY, "--relay-ports", "50001-50000"], r"50001"),
    ([*ANY, "--relay-ports", "50000"], r"50000"),
    ([*ANY, "--relay-ports", "3000-4000"], r"3478"),
    ([*ANY, "--workers", "0"], r"workers"),
    ([*ANY, "--workers", "1000"], r"workers|1000"),
    ([*ANY, "--max-allocations", "0"], r"max-allocations"),
    ([*ANY, "--max-allocations", "99999999999999999999"], r"max-allocations"),
    ([*ANY, "--allow-peer", "10.0.0.0/33"], r"10\.0\.0\.0/33"),
    ([*ANY, "--deny-peer", "everyone"], r"everyone"),
    ([*ANY, "--relay-address", "198.51.100.300"], r"198\.51\.100\.300"),
    ([*ANY, "--user", "nocolon"], r"user"),
    ([*ANY, "--config", "/nonexistent/causeway.toml"], r"/nonexistent/causeway\.toml"),
    ([*ANY, "--log-level", "loud"], r"loud"),
    ([*ANY, "--device", "net_nosuch0"], r"interface|device"),
    (["--interface", "eth1", "--address", "203.0.113.77", *account_arguments()],
     r"203\.0\.113\.77"),
    (["--interface", "eth1", "--address", "2001:db8::77", *account_arguments()],
     r"2001:db8::77"),
    (["--interface", "eth1", "--address", "here", *account_arguments()], r"here"),
    (["--interface", "nosuch0", "--address", "203.0.113.5", *account_arguments()], r"nosuch0"),
    (["--interface", "lo", "--address", "203.0.113.5", *account_arguments()], r"203\.0\.113\.5|lo"),
    (["--device", "net_nosuch0", "--address", "203.0.113.5/24", *account_arguments()],
     r"net_nosuch0"),
    (["--device", "0000:99:00.0", "--address", "203.0.113.5/24", *account_arguments()],
     r"0000:99:00\.0"),
    (["--address", "203.0.113.5", *account_arguments()], r"--interface"),
    (["--interface", "eth1", *account_arguments()], r"address"),
    ([*link_arguments(), "--user", "alice:secret"], r"realm"),
    ([*link_arguments(), "--realm", "example.org"], r"user|credential"),
    ([], r"interface"),
]


@causeway_only
def test_wrong_arguments(lab):
    lab.stop_shared()
    failures = []
    for arguments, names in WRONG:
        process = lab.causewayd(*arguments)
        try:
            status = process.finish(15)
            check(status != 0, "exit status 0")
            check(status > 0, f"it died of signal {-status}")
            check_one_line(process, names)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(f"[{' '.join(arguments)}] {failure}")
    check(not failures, f"{len(failures)} of {len(WRONG)}: " + "; ".join(failures))


@causeway_only
def test_secrets_are_not_shown(lab):
    """Neither the error lines nor the process list have the password."""
    bad = lab.causewayd(*link_arguments(), "--realm", "example.org", "--user", "alice:hunter2",
                        "--port", "x")
    check(bad.finish(10) != 0, "exit status 0")
    check("hunter2" not in bad.output(), "the error shows the password")
    relay = lab.relay("--user", "carol:hunter2", "--auth-secret", "deep-secret")
    with open(f"/proc/{relay.popen.pid}/cmdline", "rb") as file:
        shown = file.read()
    check(b"hunter2" not in shown and b"deep-secret" not in shown, "`ps` shows a password")
    check("hunter2" not in relay.output() and "deep-secret" not in relay.output(),
          "the log shows a password")


@causeway_only
def test_no_privileges(lab):
    """As root without capabilities, and as nobody."""
    lab.stop_shared()
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    process = lab.causewayd(*causewayd_arguments(), prefix=bare)
    check(process.finish(15) > 0, "it started without capabilities")
    check_one_line(process, r"(?i)privilege|root|permission|cap")
    os.chmod(lab.logs, 0o755)
    copy = shutil.copy(relays.causewayd_path(), os.path.join(lab.logs, "causewayd"))
    nobody = lab.start("core", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy,
                       *causewayd_arguments())
    check(nobody.finish(15) > 0, "it started as nobody")
    check_one_line(nobody, r"(?i)privilege|root|permission|cap")
    os.unlink(copy)


@causeway_only
def test_help_version_and_check(lab):
    for arguments, expected in ((["--help"], "--interface"), (["--version"], "causewayd "),
                                ([*ANY, "--check-config"], "203.0.113.5")):
        process = lab.causewayd(*arguments)
        check(process.finish(10) == 0, f"{arguments[-1]} ended with {process.popen.returncode}")
        check(expected in process.output(), f"{arguments[-1]} printed {process.output()[:200]}")
        check("secret" not in process.output().replace("auth-secret", "").replace("SECRET", "")
              or arguments == ["--help"], f"{arguments[-1]} shows the password")


@causeway_only
def test_config_file(lab):
    """The same names in a TOML file; a wrong one is named with its line."""
    good, bad = lab.log("good.toml"), lab.log("bad.toml")
    with open(good, "w", encoding="ascii") as file:
        file.write('interface = "eth1"\naddress = ["203.0.113.5", "2001:db8::5"]\n'
                   'realm = "example.org"\nuser = ["alice:secret"]\n'
                   'allow-peer = ["198.51.100.0/24", "2001:db8::/32"]\nmax-allocations = 100\n')
    with open(bad, "w", encoding="ascii") as file:
        file.write('interface = "eth1"\nrealm = "example.org"\nadress = "203.0.113.5"\n')
    process = lab.causewayd("--config", bad)
    check(process.finish(10) > 0, "a wrong name in the file is not an error")
    check_one_line(process, r"adress")
    relay = lab.causewayd("--config", good).wait_ready()
    check_serves(lab)
    check(relay.running(), "it ended")
