"""The machine and the programs that the figures belong to."""

import os
import platform
import re
import resource
import subprocess


def describe(repository):
    cpu = _cpu()
    return {
        "cpu": cpu.get("model name", platform.processor() or "unknown"),
        "cores": os.cpu_count(),
        "tsc_mhz": _tsc_mhz(cpu),
        "virtualisation": _output("systemd-detect-virt") or None,
        "l2_cache": _sysfs("devices/system/cpu/cpu0/cache/index2/size"),
        "l3_cache": _sysfs("devices/system/cpu/cpu0/cache/index3/size"),
        "governor": _sysfs("devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_mb": _meminfo("MemTotal") // 1024,
        "hugepages_2mb": _meminfo("HugePages_Total"),
        "hugepages_2mb_free": _meminfo("HugePages_Free"),
        "kernel": platform.release(),
        "system": _system(),
        "compiler": _first_line("g++", "--version"),
        "dpdk": _version("libdpdk-dev"),
        "coturn": _first_line("turnserver", "--version"),
        "open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "load_at_start": os.getloadavg()[0],
        "commit": _output("git", "-C", repository, "rev-parse", "--short=12", "HEAD") or None,
        "changed_files": len((_output("git", "-C", repository, "status", "--porcelain",
                                      "--untracked-files=no") or "").splitlines()),
    }


def free_hugepages():
    return _meminfo("HugePages_Free")


def free_memory_mb():
    return _meminfo("MemAvailable") // 1024


def _cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = file.read().split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _tsc_mhz(cpu):
    """As the CPU is sold, or as it runs now; shard_bench measures its own."""
    match = re.search(r"([\d.]+)\s*GHz", cpu.get("model name", ""))
    return float(match.group(1)) * 1000 if match else float(cpu.get("cpu MHz", 0)) or None


def _meminfo(key):
    with open("/proc/meminfo", encoding="ascii") as file:
        match = re.search(rf"^{key}:\s+(\d+)", file.read(), re.MULTILINE)
    return int(match.group(1)) if match else 0


def _sysfs(path):
    try:
        with open(f"/sys/{path}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def _system():
    with open("/etc/os-release", encoding="utf-8") as file:
        match = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(), re.MULTILINE)
    return match.group(1) if match else "unknown"


def _version(package):
    return _output("dpkg-query", "-W", "-f", "${Version}", package) or None


def _first_line(*command):
    return _output(*command).split("\n")[0] or None


def _output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
