#!/usr/bin/env python3
# tests/unit/supervisor/manual_test.py - what the programs know, their manual pages and nxbctl's completion know too.
# Usage: manual_test.py NXB-SUPERVISOR NXBCTL. What bash and groff are needed for is skipped without them.
# SPDX-License-Identifier: MIT
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

SUPERVISOR, NXBCTL = sys.argv[1:3]
ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = {name: ROOT / "conf" / "man" / name for name in ("nxbctl.1", "nxb.toml.5", "nxb-supervisor.8")}
COMPLETION = ROOT / "conf" / "completion" / "nxbctl.bash"


def output(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def plain(page):
    return re.sub(r"\\f[BIR]", "", page.read_text()).replace("\\-", "-").replace("\\e", "\\")


def commands():
    lines = output(NXBCTL, "--help").partition("Subcommands:\n")[2].splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ")]


def options_of(*command):
    return re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", output(*command, "--help"), re.M)


def completed(*words):
    script = f'source {COMPLETION}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nxbctl; echo "${{COMPREPLY[@]}}"'
    return output("bash", "-c", script, "bash", *words).split()


class Manual(unittest.TestCase):
    def test_made_files_are_up_to_date(self):
        """O-14 the manual pages and the completion are those of the tables"""
        done = subprocess.run([ROOT / "scripts" / "manual", "--check"], capture_output=True, text=True)
        self.assertEqual(done.stdout, "manual: ok\n")

    def test_every_command_and_option_is_in_its_page(self):
        """O-14 man nxbctl has every command, every option of each; man nxb-supervisor every option"""
        page = plain(PAGES["nxbctl.1"])
        self.assertGreater(len(commands()), 7)
        for command in commands():
            self.assertRegex(page, rf"(?m)^\.TP\n{command}\b", command)
            for option in options_of(NXBCTL, command):
                self.assertIn(option, page)
        for option in options_of(SUPERVISOR):
            self.assertIn(option, plain(PAGES["nxb-supervisor.8"]))

    def test_every_key_is_in_its_page(self):
        """O-14 man nxb.toml has every section and key of the configuration"""
        page = plain(PAGES["nxb.toml.5"])
        reference = (ROOT / "conf" / "nxb.toml").read_text()
        keys = re.findall(r"^(?:# )?(\w+) = ", reference, re.M)
        self.assertGreater(len(keys), 60)
        for key in keys:
            self.assertRegex(page, rf"(?m)^\.TP\n{key} = ", key)
        for section in re.findall(r"^(?:# )?(\[\[?[\w.]+\]?\])$", reference, re.M):
            self.assertIn(f".SH {section}\n", page)

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_pages_are_clean(self):
        """O-14 groff has no warning for any page"""
        for page in PAGES.values():
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)

    @unittest.skipUnless(shutil.which("bash"), "no bash")
    def test_completion(self):
        """O-14 bash completes every command, each command's options, and the words that are known"""
        self.assertLessEqual(set(commands()), set(completed("nxbctl", "")))
        self.assertEqual(completed("nxbctl", "--json", "sta"), ["status", "stats"])
        for command in commands():
            own = set(options_of(NXBCTL, command)) - {"--help"}
            self.assertLessEqual(own, set(completed("nxbctl", "-s", "/some/path", command, "--")), command)
        self.assertEqual(completed("nxbctl", "sessions", "--sort", ""), ["age", "idle", "bytes", "queue"])
        self.assertEqual(completed("nxbctl", "kick", "0123abcd", "--condition", "sys"), ["system-shutdown"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
