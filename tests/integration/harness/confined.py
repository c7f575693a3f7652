"""confined.py - runs a program without privileges on a read-only file system; only the folder of its configuration is writable.

    confined.py PROGRAM ... -c FOLDER/nxb.toml

A mount namespace of its own, every mount read-only, no capability left, user `nobody` if it was started by root. It makes sure
of that before the program begins. What cannot be had is said with exit code 77.
SPDX-License-Identifier: MIT
"""
import ctypes
import os
import sys

NEW_NAMESPACE, NEW_USER = 0x20000, 0x10000000
READ_ONLY, BIND, RECURSIVE, PRIVATE = 1, 4096, 16384, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
NO_NEW_PRIVILEGES = 38
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    _fields_ = [("set", ctypes.c_uint64), ("clear", ctypes.c_uint64), ("propagation", ctypes.c_uint64), ("userns", ctypes.c_uint64)]


def done(what, result):
    if result != 0:
        print(f"confined: {what}: {os.strerror(ctypes.get_errno())}", flush=True)
        sys.exit(77)


def mount(source, target, flags):
    done(f"mount {target}", libc.mount(source and source.encode(), target.encode(), None, flags, None))


def set_attributes(path, flags, **what):
    attributes = Attributes(**what)
    done(f"mount_setattr {path}", libc.syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, ctypes.byref(attributes), ctypes.sizeof(attributes)))


def confine(folder):
    root = os.getuid() == 0
    ids = {"uid_map": os.getuid(), "gid_map": os.getgid()}
    done("unshare", libc.unshare(NEW_NAMESPACE if root else NEW_NAMESPACE | NEW_USER))
    if not root:
        open("/proc/self/setgroups", "w", encoding="ascii").write("deny")
        for name, own in ids.items():
            open(f"/proc/self/{name}", "w", encoding="ascii").write(f"{own} {own} 1")
    mount(None, "/", RECURSIVE | PRIVATE)
    mount(folder, folder, BIND)
    set_attributes("/", AT_RECURSIVE, set=READ_ONLY)
    set_attributes(folder, 0, clear=READ_ONLY)
    if root:
        for path, _, names in os.walk(folder):
            for one in [path, *(os.path.join(path, name) for name in names)]:
                os.chown(one, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    done("no new privileges", libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def is_writable(folder):
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return False
    os.close(descriptor)
    return True


def main():
    command = sys.argv[1:]
    folder = os.path.dirname(command[command.index("-c") + 1])
    confine(folder)
    open_doors = [one for one in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run") if is_writable(one)]
    if open_doors or os.geteuid() == 0 or not is_writable(folder):
        print(f"confined: not as it should be: {open_doors}", flush=True)
        sys.exit(1)
    for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR"):
        os.environ.pop(name, None)
    os.chdir("/")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
