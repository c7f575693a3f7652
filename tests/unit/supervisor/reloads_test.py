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

    def test_O33_a_new_listener_is_mailed_once_to_each_worker_before_the_reload_that_names_it(self):
        run = self.run_supervisor(listen=("unix:FOLDER/a",)).ready()

        def told(listen, **more):
            run.write(listen, **more)
            states = {row["state"] for row in run.ask("reload")["workers"]}
            self.assertEqual(states, {"applied"})
            last = [run.reloads(index)[-1] for index in range(2)]
            self.assertEqual(last[0], last[1])
            return last[0]["mailed"], [address.replace(run.folder + "/", "") for address in last[0]["listen"]]

        self.assertEqual(told(["unix:FOLDER/a", "unix:FOLDER/b"]), ([1], ["unix:a", "unix:b"]))
        self.assertEqual(told(["unix:FOLDER/a", "unix:FOLDER/b"], denied=1), ([], ["unix:a", "unix:b"]))
        self.assertEqual(told(["unix:FOLDER/a"]), ([], ["unix:a", ""]))
        self.assertEqual(told(["unix:FOLDER/b", "unix:FOLDER/a"]), ([2], ["unix:a", "", "unix:b"]))
        os.kill(run.pids()[1], signal.SIGKILL)
        run.wait_log("event=worker.ready .*index=1", 2)
        given = run.worker(1)
        listeners = [number for number, where in given["descriptors"].items() if int(number) >= 7 + 2 and "socket:" in where]
        self.assertEqual(len(listeners), 2)  # the open ones come with the process, and are not mailed again
        self.assertEqual(told(["unix:FOLDER/b", "unix:FOLDER/a"], denied=2), ([], ["unix:a", "", "unix:b"]))
        self.assertEqual(told(["unix:FOLDER/b", "unix:FOLDER/c"]), ([3], ["", "", "unix:b", "unix:c"]))

    def test_O33_a_worker_that_hangs_is_told_of_the_last_reload_when_it_reads_again_and_nothing_piles_up(self):
        run = self.run_supervisor(workers=1, listen=("unix:FOLDER/a",)).ready()
        pid = run.worker(0)["pid"]
        os.kill(pid, signal.SIGSTOP)
        reloads = 12  # of more than 100 kB each; the kernel keeps two or three
        admins = [run.admin_socket() for _ in range(reloads)]
        try:
            for number, admin in enumerate(admins, 1):
                run.write(["unix:FOLDER/a"] + [f"unix:FOLDER/{number}"], denied=900 + number)
                admin.sendall(b'{"command":"reload"}\n')
                until(lambda: os.path.exists(run.file(str(number))), f"reload {number} to be under way")
            for admin in admins:
                answer = json.loads(admin.makefile().readline())
                self.assertEqual((answer["ok"], answer["workers"][0]["state"]), (True, "silent"))
        finally:
            os.kill(pid, signal.SIGCONT)
            for admin in admins:
                admin.close()
        until(lambda: os.path.exists(run.file("reloads-0")), "a reload to be told")
        until(lambda: run.reloads(0)[-1]["denied"] == 900 + reloads, "the last reload to be told")
        told = run.reloads(0)
        self.assertLess(len(told), reloads)
        open_now = [number for number, address in enumerate(told[-1]["listen"]) if address]
        self.assertEqual(open_now, [0, reloads])
        self.assertIn(reloads, [number for reload in told for number in reload["mailed"]])
        self.assertEqual(run.pids(), [pid])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
