#!/usr/bin/env python3
# tests/unit/supervisor/processes_test.py - nxb-supervisor and nxbctl as processes, with a stand-in for the worker.
# Usage: processes_test.py NXB-SUPERVISOR NXBCTL. Every wait is for a condition and has a bound.
# SPDX-License-Identifier: MIT
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

from processes_rig import SUPERVISOR, WORKER, PATIENCE, Cases, Run, gone, until


class Processes(Cases):
    def test_a_worker_gets_exactly_the_descriptors_of_the_contract(self):
        run = self.run_supervisor(workers=3, listen=("127.0.0.1:0", "unix:FOLDER/http.sock")).ready()
        for index in range(3):
            told = run.worker(index)
            held = {int(number): where for number, where in told["descriptors"].items()}
            held = {number: where for number, where in held.items() if "/proc/" not in where}  # its own listing
            self.assertEqual(sorted(held), list(range(7 + 3 + 2)))
            self.assertEqual(held[0], "/dev/null")
            self.assertEqual(held[1], held[2])
            self.assertIn("memfd:nxb-stats", held[4])
            self.assertEqual(told["mailbox_type"], socket.SOCK_SEQPACKET)
            with open("/proc/sys/net/core/wmem_max") as file:
                self.assertGreater(told["room"], int(file.read()))  # the kernel doubles what it is asked for
        self.assertEqual([run.worker(index)["descriptors"]["8"] for index in range(3)],
                         [run.worker(0)["descriptors"]["8"]] * 3)

    def test_a_worker_is_told_who_it_is_and_all_share_the_routing_key(self):
        run = self.run_supervisor(workers=2).ready()
        first, second = run.worker(0)["configure"], run.worker(1)["configure"]
        self.assertEqual((first["type"], first["index"], first["workers"]), ("configure", 0, 2))
        self.assertEqual(second["index"], 1)
        self.assertEqual(first["routing_key"], second["routing_key"])
        self.assertEqual(first["config"], second["config"])
        key = first["routing_key"]
        os.kill(run.worker(0)["pid"], signal.SIGKILL)
        run.wait_log("event=worker.ready", 3)
        self.assertEqual(run.worker(0)["configure"]["routing_key"], key)

    def test_port_0_is_a_real_port_in_log_and_status_and_connections_reach_the_queue(self):
        run = self.run_supervisor().ready()
        listen = run.ask("status")["listen"]
        port = int(listen[0].rsplit(":", 1)[1])
        self.assertGreater(port, 0)
        self.assertIn(listen[0], run.wait_log("event=supervisor.start.*")[0])
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()

    def test_O05_a_killed_worker_is_replaced_in_place_and_the_other_is_untouched(self):
        run = self.run_supervisor().ready()
        before = run.pids()
        os.kill(before[1], signal.SIGKILL)
        run.wait_log("event=worker.exit .*index=1 .*")
        run.wait_log("event=worker.ready", 3)
        after = run.ask("workers")["workers"]
        self.assertEqual(after[0]["pid"], before[0])
        self.assertNotEqual(after[1]["pid"], before[1])
        self.assertEqual((after[1]["restarts"], after[1]["last_exit"]), (1, "signal 9 (Killed)"))
        self.assertEqual((after[0]["restarts"], after[0]["last_exit"]), (0, None))
        self.assertEqual(run.ask("status")["workers"], {"ready": 2, "total": 2})

    def test_O24_sums_survive_a_worker_and_its_gauges_do_not(self):
        run = self.run_supervisor().ready()
        total = run.ask("stats")["total"]
        self.assertEqual((total["sessions"], total["sessions_opened"]), (10, 14))
        run.turn_on("fail-1")
        os.kill(run.pids()[1], signal.SIGKILL)
        run.wait_log("event=worker.postponed")
        total = run.ask("stats")["total"]
        self.assertEqual((total["sessions"], total["sessions_opened"]), (5, 14))
        run.turn_off("fail-1")
        run.wait_log("event=worker.ready", 3)
        total = run.ask("stats")["total"]
        self.assertEqual((total["sessions"], total["sessions_opened"]), (10, 21))

    def test_what_waits_in_the_mailbox_of_a_dead_worker_is_there_for_the_next(self):
        run = self.run_supervisor(modes=["mail", "hold-1"]).ready()
        until(lambda: os.path.exists(run.file("mailed")), "the mail to be sent")
        before = run.pids()[1]
        run.turn_off("hold-1")
        os.kill(before, signal.SIGKILL)
        until(lambda: os.path.exists(run.file("mail-1")), "the mail to arrive")
        with open(run.file("mail-1")) as file:
            pid, text = file.read().split(" ", 1)
        self.assertEqual(text, "for 1")
        self.assertNotEqual(int(pid), before)

    def test_O05_all_workers_failing_before_the_first_is_ready_is_70_with_the_last_error(self):
        run = self.run_supervisor(workers=3, modes=["fail"])
        self.assertEqual(run.wait(), 70)
        self.assertRegex(run.text, r"event=supervisor\.give_up .*exit 3")
        self.assertFalse(os.path.exists(run.admin))

    def test_O05_a_worker_program_that_cannot_be_run_is_70(self):
        with tempfile.NamedTemporaryFile(prefix="nxb-", dir="/tmp") as program:  # executable, but no program
            os.chmod(program.name, 0o755)
            program.write(b"\x7fELF")
            program.flush()
            run = self.run_supervisor(worker=program.name)
            self.assertEqual(run.wait(), 70)
        self.assertIn("event=worker.not_started", run.text)
        run = self.run_supervisor(worker="/nonexistent/nxb-worker")
        self.assertEqual(run.wait(), 70)

    def test_O03_a_refused_configuration_is_78_and_not_retried(self):
        run = self.run_supervisor(workers=1, modes=["refuse"])
        self.assertEqual(run.wait(), 78)
        self.assertEqual(run.text.count("event=worker.spawn"), 1)

    def test_O05_a_worker_that_keeps_dying_is_postponed_and_the_others_serve(self):
        run = self.run_supervisor(modes=["fail-1"])
        run.wait_log(r"event=worker\.postponed .*ms=200")
        status = run.ask("status")
        self.assertEqual((status["workers"], status["state"]), ({"ready": 1, "total": 2}, "starting"))
        self.assertEqual(run.text.count("event=worker.exit index=0"), 0)
        self.assertEqual(run.stop(), 0)

    def test_a_worker_that_breaks_the_protocol_is_killed_and_replaced(self):
        run = self.run_supervisor(modes=["garbage"]).ready()
        self.assertIn("event=worker.misbehaved", run.text)
        self.assertEqual(run.ask("workers")["workers"][0]["restarts"], 1)

    def test_O19_events_that_are_not_as_workers_write_them_cost_the_worker_and_not_the_supervisor(self):
        run = self.run_supervisor(workers=1, modes=("deep", "wide", "long")).ready()
        with run.subscribe():  # a replacement is told that somebody listens, and says the next nonsense
            run.wait_log("event=worker.misbehaved .*index=0", 3)
            run.wait_log("event=worker.ready", 4)
        self.assertIsNone(run.process.poll())
        self.assertEqual(run.ask("status")["state"], "running")

    def test_O18_an_answer_that_is_not_as_workers_write_it_costs_the_worker_and_not_the_supervisor(self):
        run = self.run_supervisor(workers=1).ready()
        for times, nonsense in enumerate(("deep", "wide", "long"), 1):
            run.turn_on(nonsense)
            run.ctl("explain", "01234567")  # answered, or not in time where so much nonsense takes long to read
            run.wait_log("event=worker.misbehaved .*index=0", times)
            run.wait_log("event=worker.ready", times + 1)
            self.assertIn("crashed", run.ctl("explain", "01234567").stdout)
        self.assertEqual(run.ask("status")["state"], "running")

    def test_O19_a_worker_that_hangs_is_told_whether_somebody_listens_when_it_reads_again(self):
        run = self.run_supervisor(workers=1).ready()
        pid = run.worker(0)["pid"]
        os.kill(pid, signal.SIGSTOP)
        changes = 1000  # each two messages, if they were all sent; the kernel keeps a few hundred
        with run.admin_socket() as other:
            for _ in range(changes):
                run.subscribe().close()
                for _ in range(2):  # answered after the end of the subscriber was seen
                    other.sendall(b'{"command":"nothing"}\n')
                    other.recv(1000)
        with run.subscribe():
            os.kill(pid, signal.SIGCONT)
            for _ in range(2):  # when it answers, it has read all that was sent before
                until(lambda: run.ctl("explain", "01234567").returncode == 0, "an answer")
            with open(run.file("publish-0")) as file:
                count, on = file.read().split()
        self.assertEqual(on, "True")
        self.assertLess(int(count), changes)

    def test_O21_O24_a_worker_is_told_what_its_pages_ask_for_and_nothing_of_what_is_not_known(self):
        run = self.run_supervisor(workers=2, modes=["ask"]).ready()
        told = [run.file(f"told-1-{id}") for id in (7, 8)]
        until(lambda: all(os.path.exists(path) for path in told), "both answers")
        with open(told[0]) as file:
            figures = json.load(file)
        self.assertEqual([worker["pid"] for worker in figures["workers"]], run.pids())
        self.assertIn(figures["state"], ("starting", "running"))
        self.assertEqual(figures["history"]["every_ms"], 5000)
        with open(told[1]) as file:
            self.assertEqual(file.read(), "")
        os.kill(run.pids()[0], signal.SIGKILL)
        run.wait_log("event=worker.ready .*index=0", 2)
        self.assertEqual(run.ask("stats")["total"]["worker_restarts"], 1)

    def test_O01_both_signals_end_everything_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            run = self.run_supervisor(listen=("unix:FOLDER/http.sock", "127.0.0.1:0")).ready()
            path = run.file("http.sock")
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o666)
            self.assertEqual(stat.S_IMODE(os.stat(run.admin).st_mode), 0o600)
            pids = run.pids()
            self.assertEqual(run.stop(number), 0)
            self.assertTrue(all(gone(pid) for pid in pids))
            self.assertFalse(os.path.exists(path))
            self.assertFalse(os.path.exists(run.admin))
            self.assertNotIn("event=worker.kill", run.text)

    def test_a_second_signal_kills_workers_that_do_not_stop(self):
        run = self.run_supervisor(modes=["deaf"]).ready()
        pids = run.pids()
        run.process.send_signal(signal.SIGTERM)
        until(lambda: run.ask("status")["state"] == "stopping", "stopping")
        self.assertEqual(run.stop(signal.SIGINT), 0)
        self.assertTrue(all(gone(pid) for pid in pids))
        self.assertIn("event=worker.kill", run.text)

    def test_O07_workers_hear_of_a_killed_supervisor_and_its_sockets_are_taken_over(self):
        first = self.run_supervisor(listen=("unix:FOLDER/http.sock",)).ready()
        path = first.file("http.sock")
        pids = first.pids()
        first.process.kill()
        first.process.wait()
        until(lambda: all(gone(pid) for pid in pids), "the workers to end")
        self.assertTrue(os.path.exists(path))
        second = self.run_supervisor(listen=("unix:FOLDER/http.sock",), folder=first.folder).ready()
        self.assertEqual(second.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_O03_an_address_in_use_is_69_and_starts_no_worker(self):
        run = self.run_supervisor().ready()
        address = run.ask("status")["listen"][0]
        second = self.run_supervisor(listen=(address,))
        self.assertEqual(second.wait(), 69)
        self.assertNotIn("event=worker.spawn", second.text)
        third = Run(folder=run.folder)  # the admin socket is alive
        self.assertEqual(third.wait(), 69)
        third.process.stderr.close()
        self.assertEqual(run.ask("status")["ok"], True)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to become someone else")
    def test_O03_a_refused_permission_is_77(self):
        folder = tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        with open(folder + "/nxb.toml", "w") as file:
            file.write(f'[server]\nadmin_socket = "{folder}/a"\n[[listen]]\naddress = "unix:{folder}/s"\n'
                       '[upstream]\nkind = "echo"\n')
        os.chmod(folder, 0o755)
        nobody = ["setpriv", "--reuid=65534", "--clear-groups"]
        words = [SUPERVISOR, "-c", folder + "/nxb.toml", "--worker", WORKER]
        self.assertEqual(subprocess.run(nobody + words, stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode, 77)

    def test_O02_check_prints_the_verdict_and_binds_nothing(self):
        run = self.run_supervisor().ready()
        check = subprocess.run([SUPERVISOR, "-t", "-c", run.file("nxb.toml")], capture_output=True, text=True)
        self.assertEqual((check.returncode, check.stdout), (0, run.file("nxb.toml") + ": ok\n"))
        show = subprocess.run([SUPERVISOR, "-T", "-c", run.file("nxb.toml")], capture_output=True, text=True)
        self.assertEqual(show.returncode, 0)
        self.assertIn("[server]", show.stdout)
        with open(run.file("bad.toml"), "w") as file:
            file.write("[server]\nworkers = -1\nnonsense = 1\n")
        bad = subprocess.run([SUPERVISOR, "-t", "-c", run.file("bad.toml")], capture_output=True, text=True)
        self.assertEqual(bad.returncode, 78)
        self.assertGreaterEqual(bad.stderr.count("bad.toml:"), 2)
        with open(run.file("odd.toml"), "w") as file:
            file.write("[bosh]\nwindow_size = 2\n")
        odd = subprocess.run([SUPERVISOR, "-t", "-c", run.file("odd.toml")], capture_output=True, text=True)
        self.assertEqual((odd.returncode, odd.stderr.startswith("warning: " + run.file("odd.toml") + ":2: ")), (0, True), odd.stderr)
        self.assertEqual(subprocess.run([SUPERVISOR, "-c", run.file("bad.toml")], capture_output=True).returncode, 78)
        self.assertEqual(subprocess.run([SUPERVISOR, "-c", "/nonexistent"], capture_output=True).returncode, 78)
        self.assertEqual(subprocess.run([SUPERVISOR, "--what"], capture_output=True).returncode, 64)

    def test_O11_O02_check_says_when_there_is_no_such_user_or_group(self):
        folder = tempfile.mkdtemp(prefix="nxb-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        for keys, wrong in (('user = "nobody-there"', 'user: there is no user "nobody-there"'),
                            ('user = "nobody"\ngroup = "none-there"', 'group: there is no group "none-there"'),
                            ('group = "nogroup"', "group: is given without user")):
            with open(folder + "/nxb.toml", "w") as file:
                file.write(f'[server]\n{keys}\n[upstream]\nkind = "echo"\n')
            check = subprocess.run([SUPERVISOR, "-t", "-c", folder + "/nxb.toml"], capture_output=True, text=True)
            self.assertEqual(check.returncode, 78)
            self.assertIn(wrong, check.stderr)

    def test_C23_flags_override_the_file(self):
        run = self.run_supervisor(listen=("192.0.2.1:1",), arguments=["--host", "127.0.0.1", "--port", "0"]).ready()
        self.assertTrue(run.ask("status")["listen"][0].startswith("127.0.0.1:"))

    def test_C22_the_file_is_named_by_c_or_config_relative_to_where_one_is(self):
        run = self.run_supervisor().ready()
        for words in (["-c", "nxb.toml"], ["--config", "nxb.toml"], ["--config=nxb.toml"]):
            check = subprocess.run([SUPERVISOR, "-t", *words], cwd=run.folder, capture_output=True, text=True)
            self.assertEqual((check.returncode, check.stdout), (0, "nxb.toml: ok\n"), words)
        missing = subprocess.run([SUPERVISOR, "-t", "--config=missing.toml"], cwd=run.folder, capture_output=True, text=True)
        self.assertEqual(missing.returncode, 78)
        self.assertIn("missing.toml: cannot be read", missing.stderr)

    def test_C25_the_start_is_one_log_line_with_version_address_and_path(self):
        run = self.run_supervisor(arguments=["--path", "bosh", "--logging", "info"]).ready()
        starts = [line for line in run.log().splitlines() if "event=supervisor.start" in line]
        self.assertEqual(len(starts), 1)
        version = subprocess.run([SUPERVISOR, "--version"], capture_output=True, text=True).stdout.split()[-1]
        for word in ("version=" + version, "listen=127.0.0.1:", "path=/bosh"):
            self.assertIn(word, starts[0])

    def test_O14_nxbctl_prints_tables_and_its_exit_codes_tell_what_is_wrong(self):
        run = self.run_supervisor().ready()
        for command, words in {"status": ["workers      2 of 2 ready", "sessions     10"],
                               "stats": ["worker 1", "sessions_opened"], "workers": ["last exit", "ready"]}.items():
            shown = run.ctl(command)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            for word in words:
                self.assertIn(word, shown.stdout)
        rows = run.ask("workers")["workers"]
        self.assertGreater(rows[0]["rss_bytes"], 0)
        self.assertGreaterEqual(rows[0]["rss_bytes"], rows[0]["pss_bytes"])
        self.assertEqual(run.ctl("status", "--json").returncode, 0)
        self.assertEqual(run.ctl().returncode, 2)
        self.assertEqual(run.ctl("dance").returncode, 2)
        self.assertEqual(run.stop(), 0)
        nobody = run.ctl("status")
        self.assertEqual(nobody.returncode, 3)
        self.assertIn("nxb-supervisor -c FILE", nobody.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
