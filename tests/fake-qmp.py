#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""fake-qmp.py SOCKET LOG PID [COMMAND=REPLY...] - QEMU's monitor, for one client after the other.

Commands are written to LOG, a line each. REPLY is what "return" has (JSON), or one of several replies, separated by "|", the
last of which stays. In place of JSON it may be:

error:TEXT      the command fails
run:COMMAND     what a shell's command prints
die             the process PID ends, and there is no reply
late            there is no reply, and the process PID ends some time later
none            there is no reply
FILE+TEXT       for "migrate" and "migrate-incoming" with a file: TEXT is written to it, or must be in it

"quit" ends the process PID. "stop" and "cont" set the last reply to "query-status". After "migrate_cancel" the migration is cancelled, unless it is completed, or there is none ("{}"). Three words are no commands: "greeting"; "ended",
a file that gets a line when the process has ended; "noise", a line before each reply.
"""
import json
import os
import signal
import socket
import subprocess
import sys

path, log, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
running = '{"status": "running", "running": true}'
replies = {"query-status": [running]} | {k: v.split("|") for k, v in (a.split("=", 1) for a in sys.argv[4:])}
ended = replies.pop("ended", ["/dev/null"])[0]
noise = replies.pop("noise", ['{"timestamp": {"seconds": 1}, "event": "OF \\"THESE\\"", "data": {"return": [1, -2.5e3, null]}}'])[0]
greeting = replies.pop("greeting", ['{"QMP": {"version": {}, "capabilities": []}}'])[0]
fds = []


def reply(command):
    """The reply to a command, as a JSON object."""
    words = replies.get(command, ["{}"])
    word = words.pop(0) if len(words) > 1 else words[0]
    if command == "migrate_cancel" and "completed" not in replies["query-migrate"][-1] and replies["query-migrate"] != ["{}"]:
        replies["query-migrate"] = ['{"status": "cancelled"}']
    if command in ("stop", "cont") and not word.startswith("error:"):
        replies["query-status"] = [running if command == "cont" else '{"status": "paused", "running": false}']
    if word == "none":
        return None
    if word == "late":
        subprocess.Popen(f"sleep 3; kill -9 {pid}; echo >{ended}", shell=True)
        return None
    if word == "die" or command == "quit":
        os.kill(pid, signal.SIGKILL)
        with open(ended, "w", encoding="utf-8") as f:
            print(file=f)
    if word == "die":
        return None
    if word.startswith("error:"):
        return {"error": {"class": "GenericError", "desc": word[6:]}}
    if word.startswith("run:"):
        word = subprocess.run(word[4:], shell=True, check=True, stdout=subprocess.PIPE).stdout
    elif word.startswith("FILE+"):
        text = word[5:].encode()
        if command == "migrate":
            os.write(fds[-1], text)
        elif os.read(fds[-1], 1000) != text:
            return {"error": {"class": "GenericError", "desc": "other content"}}
        word = "{}"
    return {"return": json.loads(word)}


def serve(client):
    """Serves a client until it closes the connection."""
    client.sendall(greeting.encode() + b"\r\n")
    data = b""
    while True:
        got, new, _, _ = socket.recv_fds(client, 65536, 1)
        fds.extend(new)
        if not got:
            return
        data += got
        while b"\n" in data:
            line, data = data.split(b"\n", 1)
            asked = json.loads(line)
            command = asked["execute"]
            arguments = asked.get("arguments", {})
            with open(log, "a", encoding="utf-8") as f:
                print(command, *arguments.values(), file=f)
            answer = reply(command)
            if answer is None:
                return
            client.sendall(noise.encode() + b"\r\n")
            client.sendall(json.dumps(answer).encode() + b"\r\n")


with socket.socket(socket.AF_UNIX) as server:
    server.bind(path + ".new")
    server.listen()
    os.rename(path + ".new", path)
    while True:
        with server.accept()[0] as connection:
            try:
                serve(connection)
            except (BrokenPipeError, ConnectionResetError):
                pass
