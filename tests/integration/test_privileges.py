"""test_privileges.py - as whom the processes run, what they may do, what they show of themselves.

SPDX-License-Identifier: MIT
"""
import asyncio
import grp
import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import subprocess

from harness.bosh import OwnConnections, Session
from harness.nxb import CTL, SUPERVISOR, Folder, Nxb, free_port
from harness.runner import PATIENCE, Skipped, case, expect, main, same, until

NOBODY = "nobody"


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def core_limit(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as lines:
        return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def serving(workers=1, **server):
    nxb = Nxb(workers=workers)
    nxb.sections["server"].update(server)
    return nxb


@case("started as root with a user, everybody runs as that user, without root's groups, and may not become more (O-11)")
async def as_user():
    if os.geteuid() != 0:
        raise Skipped("needs root to become somebody else")
    who = pwd.getpwnam(NOBODY)
    nxb = serving(workers=2, user=NOBODY)
    before = os.getgroups()
    os.setgroups([0, 4242])  # for root may have none
    async with nxb:
        os.setgroups(before)
        for pid in (nxb.process.pid, *await nxb.pids()):
            status = status_of(pid)
            same(status["Uid"].split(), [str(who.pw_uid)] * 4, f"user of {pid}")
            same(status["Gid"].split(), [str(who.pw_gid)] * 4, f"group of {pid}")
            same((status["Groups"].split(), status["NoNewPrivs"]), ([], "1"), f"groups and NoNewPrivs of {pid}")
            same(int(status["CapEff"], 16), 0, f"capabilities of {pid}")
        same(os.stat(nxb.admin_socket).st_uid, who.pw_uid, "owner of the admin socket")
        session = await Session(OwnConnections(nxb.port)).login()
        await session.echo("served")
        await session.terminate()
        row = (await nxb.worker_rows())[0]
        same(os.stat(f"/proc/{row['pid']}/mem").st_uid, who.pw_uid, "owner of a worker's memory, where core dumps are wanted")
        expect(row["rss_bytes"] > 0, f"no memory is shown: {row}")
        os.kill(row["pid"], 9)

        async def replaced():
            new = (await nxb.worker_rows())[0]
            return new["pid"] not in (None, row["pid"]) and new["state"] == "ready"
        await until("it is replaced by a supervisor that is not root", replaced)
        # What is in a folder of root's cannot be removed by somebody else; the next start takes it over.
        os.chown(nxb.directory, who.pw_uid, who.pw_gid)


@case("with a port below 1024 the supervisor stays root to bind it again, and workers drop all the same (O-11)")
async def privileged_port():
    if os.geteuid() != 0:
        raise Skipped("needs root to bind a port below 1024")
    who = pwd.getpwnam(NOBODY)
    nxb = serving(user=NOBODY)
    nxb.sections["listen"].append({"address": "127.0.0.1:873"})
    async with nxb:
        same(status_of(nxb.process.pid)["Uid"].split()[1], "0", "user of the supervisor")
        for pid in await nxb.pids():
            status = status_of(pid)
            same(status["Uid"].split(), [str(who.pw_uid)] * 4, "user of a worker")
            same((status["Groups"].split(), status["NoNewPrivs"]), ([], "1"), "groups and NoNewPrivs of a worker")


def ctl_as(nxb, **who):
    """(exit code, what it said) of `nxbctl status` as another user; in a child of its own, which may become that user."""
    done = subprocess.run([CTL, "-s", nxb.admin_socket, "status"], capture_output=True, text=True, timeout=20, check=False, **who)
    return done.returncode, done.stdout + done.stderr


@case("admin_group: its members use the admin socket, by first or by further group; others do not, whatever its mode (O-13)")
async def admin_group():
    if os.geteuid() != 0:
        raise Skipped("needs root to become somebody else")
    who, group = pwd.getpwnam(NOBODY), grp.getgrnam("games")
    others = [0, *range(60000, 60100), group.gr_gid]  # more than fit at first
    for server in ({}, {"user": "games", "group": "nogroup"}):
        async with serving(admin_group=group.gr_name, **server) as nxb:
            os.chmod(nxb.directory, 0o755)
            at = os.stat(nxb.admin_socket)
            same((stat.S_IMODE(at.st_mode), at.st_gid), (0o660, group.gr_gid), "mode and group of the socket")
            no_groups = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
            admitted = {"first group": no_groups | {"group": group.gr_gid}, "further group": no_groups | {"extra_groups": others}, "root": {}}

            async def check():
                for name, ids in admitted.items():
                    code, text = await asyncio.to_thread(ctl_as, nxb, **ids)
                    expect(code == 0 and "state" in text, f"{name}: {code}, {text}")
                same((await asyncio.to_thread(ctl_as, nxb, **no_groups))[0] != 0, True, "somebody else is refused")
            await check()
            same(nxb.log().count("event=admin.refused"), 0, "the file's mode keeps others out")
            os.chmod(nxb.admin_socket, 0o666)
            await check()
            same(nxb.log().count("event=admin.refused"), 1, "he is asked for himself")
            os.chown(nxb.directory, at.st_uid, -1)  # so that its owner may remove it


@case("admin_group: without it only root and nxb's own user may, whatever the mode; one that there is not is an error (O-13 O-02)")
async def no_admin_group():
    if os.geteuid() != 0:
        raise Skipped("needs root to become somebody else")
    who = pwd.getpwnam(NOBODY)
    async with serving() as nxb:
        same(stat.S_IMODE(os.stat(nxb.admin_socket).st_mode), 0o600, "mode of the socket")
        os.chmod(nxb.directory, 0o755)
        os.chmod(nxb.admin_socket, 0o666)
        ids = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": [0]}
        expect((await asyncio.to_thread(ctl_as, nxb, **ids))[0] != 0, "somebody else was admitted")
        same(nxb.log().count("event=admin.refused"), 1, "he was refused by nxb")
    wrong = serving(admin_group="no such group")
    config = wrong.write_config()
    try:
        done = subprocess.run([SUPERVISOR, "-t", "-c", config], capture_output=True, text=True, timeout=20, check=False)
        expect(done.returncode == 78 and 'server.admin_group: there is no group "no such group"' in done.stderr + done.stdout, f"{done}")
    finally:
        wrong.folder.__exit__()


@case("of a log file root opens only what the workers' user may: a link to elsewhere leads nowhere (O-11 O-26)")
async def log_file():
    if os.geteuid() != 0:
        raise Skipped("needs root to become somebody else")
    who = pwd.getpwnam(NOBODY)
    with Folder() as logs, Folder() as secret:  # the second is root's alone
        os.chown(logs, who.pw_uid, who.pw_gid)
        path = logs / "nxb.log"
        nxb = serving(user=NOBODY)
        nxb.sections["log"] = {"file": str(path)}
        nxb.sections["listen"].append({"address": "127.0.0.1:874"})  # it stays root
        async with nxb:
            same(os.stat(path).st_uid, who.pw_uid, "owner of the log")
            path.rename(logs / "old")
            path.symlink_to(secret / "pwned")
            nxb.process.send_signal(signal.SIGUSR1)
            await until("it says so", lambda: "event=log.reopen_failed proc=supervisor" in (logs / "old").read_text())
            same(os.listdir(secret), [], "what root made elsewhere")
            path.unlink()
            nxb.process.send_signal(signal.SIGUSR1)
            await until("it is itself again", lambda: path.exists() and "log.reopened" in path.read_text())
            same(status_of(nxb.process.pid)["Uid"].split(), ["0"] * 4, "user of the supervisor")
        path.unlink()
        path.symlink_to(secret / "at-start")
        started = subprocess.run([SUPERVISOR, "-c", nxb.write_config()], capture_output=True, text=True, timeout=PATIENCE)
        nxb.folder.__exit__()
        same(started.returncode, 77, started.stderr)
        same(os.listdir(secret), [], "what root made elsewhere at its start")


@case("workers that face the web as root are warned of, at the start and by -t (O-11)")
async def as_root():
    if os.geteuid() != 0:
        raise Skipped("needs root")
    for user in ("", NOBODY):
        nxb = serving(user=user)
        async with nxb:
            same("event=supervisor.user" in nxb.log(), user == "", nxb.log())
            checked = subprocess.run([SUPERVISOR, "-t", "-c", str(nxb.directory / "nxb.toml")],
                                     capture_output=True, text=True, timeout=PATIENCE)
            same((checked.returncode, "server.user: workers face the web as root" in checked.stderr), (0, user == ""),
                 checked.stderr)
            if user:
                os.chown(nxb.directory, pwd.getpwnam(user).pw_uid, -1)  # it takes its socket away


@case("whoever is first at the place of a user's socket in /tmp is neither believed nor listened beside (O-13)")
async def squatted():
    if os.geteuid() != 0:
        raise Skipped("needs root to be two others")
    uid = 40000 + os.getpid() % 20000
    folder = f"/tmp/nxb-{uid}"
    plain = {"user": uid, "group": uid, "extra_groups": [], "capture_output": True, "text": True, "timeout": PATIENCE,
             "env": {"PATH": os.environ["PATH"]}}
    os.mkdir(folder, 0o755)
    listener = socket.socket(socket.AF_UNIX)
    try:
        os.chown(folder, pwd.getpwnam(NOBODY).pw_uid, -1)
        os.seteuid(pwd.getpwnam(NOBODY).pw_uid)  # the kernel notes who listens
        try:
            listener.bind(f"{folder}/admin.sock")
            listener.listen()
        finally:
            os.seteuid(0)
        os.chmod(f"{folder}/admin.sock", 0o777)
        asked = subprocess.run([CTL, "status"], **plain)
        same((asked.returncode, "another user listens there" in asked.stderr), (1, True), asked.stderr)
        listener.close()
        os.unlink(f"{folder}/admin.sock")
        started = subprocess.run([SUPERVISOR, "-c", "/dev/null", "--port", str(free_port())], **plain)
        same((started.returncode, "its folder belongs to another user" in started.stderr), (77, True), started.stderr)
    finally:
        listener.close()
        shutil.rmtree(folder)


@case("no core dumps unless they are wanted (O-11)")
async def core_dumps():
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    for wanted in (False, True):
        nxb = serving(core_dumps=wanted)
        async with nxb:
            for pid in (nxb.process.pid, *await nxb.pids()):
                if not wanted:
                    same(core_limit(pid), ["0", "0"], f"limit of {pid}")
                elif hard == resource.RLIM_INFINITY:
                    same(core_limit(pid)[1], "unlimited", f"limit of {pid}")
                same(status_of(pid)["NoNewPrivs"], "0" if pid == nxb.process.pid else "1", f"NoNewPrivs of {pid}")


@case("ps shows which worker it is, and how many sessions it has (O-04)")
async def titles():
    async with Nxb(workers=2) as nxb:
        pids = await nxb.pids()

        def title(pid):
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return file.read().rstrip("\0 ")
        await until("they have titles", lambda: title(pids[1]) == "nxb-worker 1: gen 1, 0 sessions")
        sessions = [await Session(OwnConnections(nxb.port)).login() for _ in range(5)]

        async def fit():
            rows = await nxb.worker_rows()
            return all(title(row["pid"]) == f"nxb-worker {row['index']}: gen 1, {row['sessions']} session"
                       + ("" if row["sessions"] == 1 else "s") for row in rows)
        await until("the titles follow", fit)
        for session in sessions:
            await session.terminate()


@case("with too few descriptors it starts, takes fewer sessions, and says so once (O-10)")
async def few_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    nxb = serving(workers=2)
    nxb.program = str(nxb.folder.__enter__() / "limited")
    with open(nxb.program, "w", encoding="utf-8") as script:
        script.write(f'#!/bin/sh\nulimit -n 75\nexec "{SUPERVISOR}" "$@"\n')
    os.chmod(nxb.program, 0o755)
    script_folder, nxb.folder = nxb.folder, type(nxb.folder)()
    try:
        async with nxb:
            lines = [line for line in nxb.log().splitlines() if "event=supervisor.descriptors" in line]
            same(len(lines), 1, nxb.log())
            expect("limit=75" in lines[0] and "sessions_per_worker=4" in lines[0], lines[0])  # (75 - 64 - 2 - 1) / 2
            session = await Session(OwnConnections(nxb.port)).login()
            await session.terminate()
    finally:
        script_folder.__exit__()


if __name__ == "__main__":
    main()
