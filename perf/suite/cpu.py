"""CPU time as the scheduler counts it, in nanoseconds.

A thread's time holds its system calls and the softirqs that ran inside them (this is so without
CONFIG_IRQ_TIME_ACCOUNTING; with it, softirqs are in nobody's time). Softirqs that were put off run
in ksoftirqd, whose time is read beside it."""

import os


def thread_ns(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def process_ns(pid):
    """All threads that live."""
    return sum(thread_ns(pid, tid) for tid in os.listdir(f"/proc/{pid}/task"))


def ksoftirqd_ns(cpu):
    """0 where kernel threads are not to be seen, as in a container."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == f"ksoftirqd/{cpu}":
                    return thread_ns(pid, pid)
        except OSError:
            continue
    return 0
