"""What processes cost, from /proc: CPU time and memory, summed over a set of process ids; and how to start and end some.

SPDX-License-Identifier: MIT
"""
import contextlib
import pathlib
import resource
import socket
import subprocess
import time


def tree(pid):
    """pid and all its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            todo += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pids):
    """User and system time of all threads so far: what /proc/PID/stat has, but to the nanosecond."""
    total = 0
    for pid in pids:
        for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[0])
    return total / 1e9


def pss_bytes(pids):
    """Proportional set size: shared pages divided by the number of processes that share them."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def settled_pss(pids, seconds=10):
    """The same once it no longer changes, or after so many seconds."""
    last, end = -1, time.monotonic() + seconds
    while True:
        now = pss_bytes(pids)
        if abs(now - last) <= 16384 or time.monotonic() > end:
            return now
        last = now
        time.sleep(0.3)


def socket_memory():
    """Bytes that the kernel keeps in TCP sockets, those of all processes of the machine: data on its way, not the sockets themselves."""
    for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * resource.getpagesize()
    return 0


def raise_descriptor_limit(wanted=65536):
    """For this process and those it starts. More than the hard limit is only for who may."""
    with contextlib.suppress(ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, seconds=20, **options):
    """A process that is ended, by its own handle, when the block is left."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        process.terminate()
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition, what, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{what}: it does not start")
        time.sleep(0.02)


def answers(port):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
