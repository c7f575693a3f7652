#!/usr/bin/env python3
# tests/unit/supervisor/reloads_test.py - reloads, and orders while nxb stops, as workers, operators and systemd see them.
# Usage: reloads_test.py NXB-SUPERVISOR NXBCTL. Every wait is for a condition and has a bound.
# SPDX-License-Identifier: MIT
import json
import os
import signal
import sys
import tempfile
import unittest

from processes_rig import Cases, Notices, until


class Reloads(Cases):
    def test_O33_a_reload_of_a_file_with_a_mistake_is_refused_aloud_and_changes_nothing(self):
        run = self.run_supervisor().ready()
        before = run.pids()
        with open(run.file("nxb.toml"), "a", encoding="utf-8") as file:
            file.write("\n[dance]\n")
        run.process.send_signal(signal.SIGHUP)
        run.wait_log(r"event=reload\.refused .*dance")
        self.assertEqual(run.pids(), before)

    def test_O33_O05_a_slot_whose_worker_refused_its_configuration_is_served_again_after_a_reload(self):
        run = self.run_supervisor().ready()
        run.turn_on("refuse")
        os.kill(run.pids()[0], signal.SIGKILL)
        until(lambda: run.ask("workers")["workers"][0]["state"] == "gone", "a slot that is given up")
        run.turn_off("refuse")
        done = run.ctl("reload")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("0 is being started, begins with it; 1 applied", done.stdout)
        until(lambda: run.ask("status")["workers"]["ready"] == 2, "both workers")

    def test_O23_O33_a_reload_that_workers_refuse_is_a_failure_wherever_it_is_told(self):
        run = self.run_supervisor().ready()
        run.turn_on("refuse")
        self.assertEqual(run.ctl("reload").returncode, 1)
        self.assertIs(run.ask("status")["last_reload"]["ok"], False)
        run.turn_off("refuse")
        run.turn_on("ask")
        os.kill(run.pids()[0], signal.SIGKILL)
        until(lambda: os.path.exists(run.file("told-0-7")), "the figures for pages")
        with open(run.file("told-0-7"), encoding="utf-8") as file:
            self.assertIs(json.load(file)["reload_success"], False)

    def test_O17_O21_a_worker_that_drains_is_ready_and_said_to_drain_wherever_it_is_told(self):
        run = self.run_supervisor(modes=["ask"]).ready()
        self.assertEqual(run.ctl("drain", "--worker", "0").returncode, 0)
        self.assertEqual(run.ask("workers")["workers"][0]["state"], "draining")
        self.assertEqual(run.ask("status")["workers"], {"ready": 2, "total": 2})
        os.unlink(run.file("told-1-7"))
        os.kill(run.pids()[1], signal.SIGKILL)
        until(lambda: os.path.exists(run.file("told-1-7")), "the figures for pages")
        with open(run.file("told-1-7"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["workers"][0]["state"], "draining")

    def test_O12_a_reload_while_nxb_starts_does_not_make_it_ready(self):
        folder = tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        told = Notices(folder)
        self.addCleanup(told.socket.close)
        run = self.run_supervisor(folder=folder, modes=["late-1"])
        run.wait_log("event=worker.ready .*index=0")
        run.process.send_signal(signal.SIGHUP)
        run.wait_log("event=reload.done")
        self.assertIs(run.ask("status")["last_reload"]["ok"], True)  # by then the end of the reload was told
        told.count("")
        self.assertEqual(told.all, [])
        run.turn_off("late-1")
        until(lambda: told.count("READY=1") == 1, "readiness")

    def test_O12_O15_reloads_that_overlap_are_over_with_the_last_and_the_later_one_is_the_last(self):
        folder = tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        told = Notices(folder)
        self.addCleanup(told.socket.close)
        run = self.run_supervisor(folder=folder).ready()
        until(lambda: told.count("READY=1") == 1, "readiness")
        run.turn_on("mute-0")
        run.process.send_signal(signal.SIGHUP)
        until(lambda: told.count("RELOADING=1") == 1, "the first reload")
        before = run.rewrite("\n[dance]\n")
        self.assertEqual(run.ctl("reload").returncode, 1)  # at once; the first one waits two seconds for worker 0
        self.assertNotIn("event=reload.done", run.log())
        self.assertEqual((told.count("RELOADING=1"), told.count("READY=1")), (2, 1))
        run.wait_log("event=reload.done")
        until(lambda: told.count("READY=1") == 2, "the end of both")
        self.assertIs(run.ask("status")["last_reload"]["ok"], False)
        with open(run.file("nxb.toml"), "w", encoding="utf-8") as file:
            file.write(before)
        run.turn_off("mute-0")
        self.assertEqual(run.ctl("reload").returncode, 0)
        self.assertIs(run.ask("status")["last_reload"]["ok"], True)

    def test_O17_O12_what_is_ordered_while_nxb_stops_is_refused_and_systemd_hears_of_the_stop_only(self):
        folder = tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        told = Notices(folder)
        self.addCleanup(told.socket.close)
        run = self.run_supervisor(folder=folder, modes=["deaf"]).ready()
        until(lambda: told.count("READY=1") == 1, "readiness")
        answers = run.answers("stop", "undrain", "drain", "reload", "stop")
        self.assertEqual([answer["ok"] for answer in answers], [True, False, False, False, True])
        self.assertEqual([answer["error"] for answer in answers[1:3]], ["nxb is stopping"] * 2)
        self.assertIn("nxb is stopping", answers[3]["error"])
        self.assertEqual(run.wait(), 0)
        self.assertEqual((told.count("STOPPING=1"), told.count("RELOADING=1"), told.count("READY=1")), (1, 0, 1))
        self.assertNotIn("drain", run.text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
