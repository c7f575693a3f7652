"""test_install.py - `meson install`, the service, and the Debian package: put in place, judged, used, removed.

Nothing outside of temporary folders changes. NXB_BUILD is the build folder; what is installed is what it holds.
SPDX-License-Identifier: MIT
"""
import asyncio
import os
import pathlib
import re
import shutil

from harness.bosh import OwnConnections, Session
from harness.nxb import Folder, Nxb
from harness.runner import Skipped, case, expect, main, same

BUILD = os.environ.get("NXB_BUILD", "")
TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {"nxb-supervisor", "nxb-worker", "nxbctl"}
_packages = Folder()
EXPOSURE = 15  # tenths: of systemd-analyze security


async def run(*command, wanted=0, **environment):
    """Its output, also what it said on stderr; `wanted` None: whatever the exit code."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ) | environment)
    output = (await process.communicate())[0].decode(errors="replace")
    if wanted is not None:
        same(process.returncode, wanted, f"exit code of {command[0]}:\n{output}")
    return output


def needs(program):
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise Skipped(f"{program} is needed")
    return found


async def install(folder):
    """DESTDIR/prefix after `meson install`."""
    meson = needs("meson")
    expect(BUILD, "NXB_BUILD must name the build folder")
    await run(meson, "install", "-C", BUILD, "--no-rebuild", "--destdir", folder)
    return next(folder.rglob("nxb-supervisor")).parent.parent


async def serves(programs):
    """The installed programs find each other, and a client gets a session."""
    async with Nxb(workers=2, program=str(programs / "nxb-supervisor")) as nxb:
        session = await Session(OwnConnections(nxb.port)).login()
        await session.echo("m1")
        expect("ready" in await run(programs / "nxbctl", "-s", nxb.admin_socket, "workers"), "nxbctl workers")
        await session.terminate()


@case("meson install puts programs, service, user and examples in place, they work, and uninstall leaves the configuration (O-42)", within=120)
async def installed():
    with Folder() as folder:
        prefix = await install(folder)
        same({one.name for one in (prefix / "bin").iterdir()}, PROGRAMS, "programs")
        examples = prefix / "share/doc/nxb/examples"
        for name in ("nxb.toml", "nxb.socket", "nginx/sticky-cookie.conf", "haproxy/one-box.cfg", "external/echo_bot.py"):
            expect((examples / name).is_file(), f"{name} among the examples")
        pages = {"README.md"} | {one.name for one in (TOP / "conf/doc").iterdir()}
        same({one.name for one in (prefix / "share/doc/nxb").iterdir() if one.is_file()}, pages, "what one reads")
        for page in (prefix / "share/doc/nxb").glob("*.md"):
            links = re.findall(r"\]\(([a-z./]+|README.md)[)#]", page.read_text())
            same([link for link in links if not (page.parent / link).exists()], [], f"links of {page.name} that lead nowhere")
        expect((prefix / "lib/sysusers.d/nxb.conf").is_file(), "the user")
        for source, place in (("nxbctl.1", "man1"), ("nxb-supervisor.8", "man8"), ("nxb.toml.5", "man5")):
            same((prefix / "share/man" / place / source).is_file(), (TOP / "conf" / "man" / source).is_file(), source)
        same((prefix / "share/bash-completion/completions/nxbctl").is_file(), (TOP / "conf/completion/nxbctl.bash").is_file(), "completion")
        expect("ok" in await run(prefix / "bin/nxb-supervisor", "-t", "-c", examples / "nxb.toml"), "the example is valid")
        expect(not list(folder.glob("**/etc")), "something was installed where the configuration of the user is")
        await serves(prefix / "bin")
        own = prefix / "etc/nxb/nxb.toml"
        own.parent.mkdir(parents=True)
        own.write_text("# mine\n")
        await run(needs("ninja"), "-C", BUILD, "uninstall")  # it knows what was installed last, and where
        same([one for one in folder.rglob("*") if one.is_file()], [own], "what is left")


@case("the service starts what was installed, and systemd has no complaint about it (O-42 O-12)")
async def service():
    analyze = needs("systemd-analyze")
    with Folder() as folder:
        prefix = await install(folder)
        unit = folder / "nxb.service"
        text = (prefix / "lib/systemd/system/nxb.service").read_text()
        bin_after_install = "/" + str((prefix / "bin").relative_to(folder))
        same(text.count(f"={bin_after_install}/"), 2, f"programs started from {bin_after_install}:\n{text}")
        # A wrong file ends the main process, whose exit status RestartPreventExitStatus looks at; of no other process does it.
        expect("\nExecStartPre" not in text and re.search(r"^RestartPreventExitStatus=.*\b78\b", text, re.M), text)
        expect("\nProtectProc=default\n" in text, f"the supervisor sees what its workers use:\n{text}")
        unit.write_text(text.replace(bin_after_install, str(prefix / "bin")))  # so that they can be found
        complaints = [line for line in (await run(analyze, "verify", "--man=no", unit, wanted=None)).splitlines() if "nxb" in line]
        same(complaints, [], "systemd-analyze verify")
        socket = folder / "nxb.socket"
        shutil.copy(prefix / "share/doc/nxb/examples/nxb.socket", socket)
        complaints = [line for line in (await run(analyze, "verify", "--man=no", socket, wanted=None)).splitlines() if "nxb" in line]
        same(complaints, [], "systemd-analyze verify of the socket")
        await run(analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", unit)


async def package():
    """A package of what the build folder holds; it is made once."""
    for program in ("meson", "dpkg-deb", "dpkg-shlibdeps", "strip"):
        needs(program)
    if not (made := list(_packages.path.glob("*.deb"))):
        await run(TOP / "scripts/package", "--from", BUILD, "--to", _packages.path, DEBEMAIL="packages@users.noreply.github.com")
        made = list(_packages.path.glob("*.deb"))
    return made[0]


def scratch_root(folder):
    """As much of a machine as dpkg and useradd want to see."""
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log", "etc/default"):
        (folder / name).mkdir(parents=True)
    for name in ("var/lib/dpkg/status", "var/lib/dpkg/available", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"):
        (folder / name).touch()
    return folder


async def dpkg(root, *action):
    return await run(needs("dpkg"), f"--root={root}", f"--log={root}/dpkg.log", "--force-script-chrootless", "--force-depends",
                     "--force-confold", *action)


@case("the Debian package is installed, serves, is removed without the configuration, and purged with it (O-42)", within=180)
async def packaged():
    if os.getuid() != 0:
        raise Skipped("dpkg wants root, also for a folder of its own")
    needs("useradd")
    deb = await package()
    with Folder() as folder:
        root = scratch_root(folder)
        await dpkg(root, "-i", deb)
        config = root / "etc/nxb/nxb.toml"
        expect((root / "etc/passwd").read_text().startswith("nxb:"), "no user nxb")
        group = int((root / "etc/group").read_text().split("nxb:")[1].split(":")[1])
        same((config.stat().st_mode & 0o777, config.stat().st_gid), (0o640, group), "who may read the configuration")
        expect("ok" in await run(root / "usr/bin/nxb-supervisor", "-t", "-c", config), "it is valid")
        expect('\naddress = "127.0.0.1:5280"' in config.read_text(), "it listens on this machine only")
        expect(len(config.read_text().splitlines()) < 20, "keys that are as by default are not in it: dpkg would ask for each new one")
        unit = (root / "lib/systemd/system/nxb.service").read_text()
        expect("ExecStart=/usr/bin/nxb-supervisor -c /etc/nxb/nxb.toml\n" in unit, unit)
        await serves(root / "usr/bin")
        own = config.read_text() + "# mine\n"
        config.write_text(own)
        await dpkg(root, "-i", deb)  # an upgrade
        same(config.read_text(), own, "the configuration after an upgrade")
        await dpkg(root, "-r", "nxb")
        same(config.read_text(), own, "the configuration after the removal")
        left = [one for one in root.rglob("*nxb*") if one.is_file() and "dpkg" not in str(one) and one != config]
        same(left, [], "what is left")
        await dpkg(root, "-P", "nxb")
        expect(not config.parent.exists(), "the configuration after the purge")


@case("lintian finds no error in the package (O-42)", within=120)
async def judged():
    lintian = needs("lintian")
    output = await run(lintian, "--allow-root", "--no-tag-display-limit", await package(), wanted=None)
    same([line for line in output.splitlines() if line.startswith("E:")], [], "errors")


with _packages:
    main()
