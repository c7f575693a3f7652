"""own_network.py - a network namespace for one test: loopback and nothing else, with "public" addresses on it.

Whatever the program under test connects to stays on this machine, and every port is free. Needs Linux and, where the user is not
root, user namespaces; enter() raises Skipped where they are not to be had. It moves this process, before its loop or child begins.
SPDX-License-Identifier: MIT
"""
import ctypes
import fcntl
import os
import pathlib
import socket
import struct

from harness.runner import Skipped

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, SET_ADDRESS = 0x8914, 0x8916  # SIOCSIFFLAGS, SIOCSIFADDR
UP_AND_RUNNING = 0x41


def enter(*addresses):
    user, group = os.getuid(), os.getgid()
    kinds = NEW_NET if user == 0 else NEW_NET | NEW_USER
    if ctypes.CDLL(None, use_errno=True).unshare(kinds) != 0:
        raise Skipped(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    try:
        if user != 0:
            pathlib.Path("/proc/self/setgroups").write_text("deny")
            pathlib.Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            pathlib.Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
            for number, address in enumerate(addresses, 1):
                name = f"lo:{number}".encode()
                fcntl.ioctl(any_socket, SET_ADDRESS, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address)))
    except OSError as problem:
        raise Skipped(f"no loopback in a network namespace: {problem}") from None
