#!/usr/bin/env python3
# tests/unit/supervisor/stand_in_worker.py - the worker's side of common/ipc/contract.h; misbehaves on request.
# What it was given goes to NXB_TEST_FOLDER/worker-INDEX.json; a file there named after a mode below turns it on.
# SPDX-License-Identifier: MIT
import json
import mmap
import os
import re
import select
import socket
import struct
import sys

CONTROL, STATS, MAILBOX_IN, LISTENER_MAIL, FIRST_MAILBOX_OUT = 3, 4, 5, 6, 7
folder = os.environ["NXB_TEST_FOLDER"]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../common/stats/counters.def")) as rows:
    COUNTERS = re.findall(r"^\s*X\((\w+),", rows.read(), re.MULTILINE)


def mode(name):
    return os.path.exists(os.path.join(folder, name))


def write_file(name, text):
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    with open(temporary, "w") as file:
        file.write(text)
    os.rename(temporary, os.path.join(folder, name))


def open_descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass  # the one of this listing
    return found


def count(index, counter, value):
    """Adds to a counter of our slot: a 64-byte header, then slots on whole cache lines."""
    size = os.fstat(STATS).st_size
    memory = mmap.mmap(STATS, size)
    at = 64 + index * ((size - 64) // configure["workers"]) + COUNTERS.index(counter) * 8
    memory[at:at + 8] = struct.pack("<Q", struct.unpack("<Q", memory[at:at + 8])[0] + value)


def lines(control):
    buffer = b""
    while True:
        chunk = control.recv(65536, socket.MSG_PEEK)
        if not chunk:
            return
        buffer += control.recv(chunk.find(b"\n") + 1 or len(chunk))  # the next line stays there, for select() to see
        if buffer.endswith(b"\n"):
            line, buffer = buffer, b""
            yield json.loads(line)


descriptors = open_descriptors()
control = socket.socket(fileno=CONTROL)
control.setblocking(True)
messages = lines(control)
configure = next(messages)
index = configure["index"]
mailbox = socket.socket(fileno=MAILBOX_IN)
outgoing = socket.socket(fileno=FIRST_MAILBOX_OUT)
room = outgoing.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
write_file(f"worker-{index}.json", json.dumps({"pid": os.getpid(), "descriptors": descriptors, "configure": configure,
           "mailbox_type": int(mailbox.type), "room": room}))

if mode("refuse"):
    sys.exit(78)
if mode("fail") or mode(f"fail-{index}"):
    sys.exit(3)
if mode("garbage") and index == 0:
    os.unlink(os.path.join(folder, "garbage"))
    control.sendall(b'{"type":"stop","over_ms":0}\n')
    select.select([], [], [])
while mode(f"late-{index}"):
    select.select([], [], [], 0.01)
count(index, "sessions", 5)
count(index, "sessions_opened", 7)
control.sendall(b'{"type":"ready","version":%d}\n' % configure["version"])

if mode("ask"):
    for id, what in ((7, "figures"), (8, "something else")):
        control.sendall(json.dumps({"type": "ask", "id": id, "what": what}).encode() + b"\n")

if index == 0 and mode("mail"):
    for other in range(configure["workers"]):
        os.write(FIRST_MAILBOX_OUT + other, b"for %d" % other)
    write_file("mailed", "")



def misbehave(message, nonsense):
    """Says what the supervisor would have to parse, once."""
    text = {"deep": '{"type":"nodes","state":"alive","x":' + "[" * 200000 + "]" * 200000 + "}",
            "wide": '{"type":"nodes","state":"alive"' + "".join(f',"{n:x}":1' for n in range(20000)) + "}",
            "long": '{"type":"nodes","state":"alive","x":"' + "x" * 2000000 + '"}'}[nonsense]
    os.unlink(os.path.join(folder, nonsense))
    answer = {"type": "answer", "id": message.get("id"), "json": text}
    events = {"type": "events", "lines": text + "\n", "dropped": 0}
    control.sendall(json.dumps(answer if message["type"] == "question" else events).encode() + b"\n")


def take_listeners():
    """The numbers of the listening sockets that were mailed."""
    numbers = []
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(listener_mail, 100, 1)
        except BlockingIOError:
            return numbers
        numbers.append(struct.unpack("=H", data)[0])
        os.close(descriptors[0])


publishes = 0
reloads = []
listener_mail = socket.socket(fileno=LISTENER_MAIL)
listener_mail.setblocking(False)
mailbox.setblocking(True)
while True:
    wanted = [control] if mode(f"hold-{index}") else [control, mailbox]
    readable, _, _ = select.select(wanted, [], [])
    if mailbox in readable:
        write_file(f"mail-{index}", f"{os.getpid()} {mailbox.recv(1000).decode()}")
    if control in readable:
        message = next(messages, None)
        if message is None:
            sys.exit(75)
        if message["type"] == "stop" and not mode("deaf"):
            sys.exit(0)
        for nonsense in ("deep", "wide", "long"):
            if (message.get("on") or message["type"] == "question") and mode(nonsense):
                misbehave(message, nonsense)
                break
        if message["type"] == "question":
            answer = {"type": "answer", "id": message["id"], "json": '{"state":"unknown"}'}
            control.sendall(json.dumps(answer).encode() + b"\n")
        if message["type"] == "reload":
            config = json.loads(message["config"])
            reloads.append({"mailed": take_listeners(), "listen": [one["address"] for one in config["listen"]],
                            "denied": len(config["upstream"]["deny"])})
            write_file(f"reloads-{index}", json.dumps({"pid": os.getpid(), "all": reloads}))
        if message["type"] == "reload" and not mode(f"mute-{index}"):
            answer = {"type": "reloaded", "id": message["id"], "error": "as told" if mode("refuse") else ""}
            control.sendall(json.dumps(answer).encode() + b"\n")
        if message["type"] == "told":
            write_file(f"told-{index}-{message['id']}", message["text"])
        if message["type"] == "publish":
            publishes += 1
            write_file(f"publish-{index}", f"{publishes} {message['on']}")
