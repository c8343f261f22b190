#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make run` serves a page: the URL that it prints answers, also for two hundred who ask at once."""

import os
import re
import socket
import subprocess
import threading

from harness import check, contains, main, test
from wire import check_frames

PAGE_PORT = 8080
CLIENTS = 200
CLIENT_SECONDS = 10


class Run:
    """`make run` with its console on a pipe, which is read all the time: nobody waits for us."""

    def __init__(self, *variables):
        self.process = subprocess.Popen(["make", "-s", "run", *variables], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.text, self.ended, self.state = "", False, threading.Condition()
        self.asked = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            with self.state:
                self.text += chunk.decode("utf-8", "replace").replace("\r", "")
                self.state.notify_all()
        with self.state:
            self.ended = True
            self.state.notify_all()

    def wait_for(self, pattern, seconds=120):
        with self.state:
            self.state.wait_for(lambda: re.search(pattern, self.text, re.M) or self.ended, seconds)
            match = re.search(pattern, self.text, re.M)
        check(match, f"the console did not show {pattern!r} but {self.text!r}")
        return match

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def login(self):
        self.wait_for(r"^login: ")
        self.send("root\n")
        self.wait_for(r"^Password: ")
        self.send("swordfish\n")
        self.wait_for(r"^root@swos:~# ")

    def shell(self, command):
        """As a Vm's: the command's status and output, after all that was shown before."""
        self.asked += 1
        self.send(f"{command}; echo \"status\" {self.asked} $?\n")
        shown = self.wait_for(rf"^status {self.asked} (\d+)$")
        return int(shown.group(1)), self.text[:shown.start()]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if self.process.poll() is None:
            self.process.stdin.write(b"\x01x")
            self.process.stdin.close()
        self.process.wait(240)
        if kind is not None:
            print("\n".join("| " + line for line in self.text.split("\n")[-200:]))


def ask(url):
    return subprocess.Popen(["curl", "-sS", "--max-time", str(CLIENT_SECONDS), "-w", "\n%{http_code} %{time_total}", url],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@test
def the_url_that_is_printed_shows_the_page():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that were do not count
        try:
            taken.bind(("127.0.0.1", PAGE_PORT))
            taken.listen()
        except OSError:
            pass  # somebody else has it: as good
        with Run() as run:
            url, why = run.wait_for(r"^The guest's page: (http://127\.0\.0\.1:\d+/)(.*)$").groups()
            check(f":{PAGE_PORT}/" not in url, f"{url} was taken")
            contains(why, f"port {PAGE_PORT} is taken")
            run.wait_for(r"^login: ")
            one = ask(url).communicate()[0]
            contains(one, "This page comes from a virtual machine that runs swos")
            contains(one, "\n200 ")
            for _ in range(3):  # a host that stalls takes their seconds away: once of three times is enough
                answers = [p.communicate()[0] for p in [ask(url) for _ in range(CLIENTS)]]
                bad = [a for a in answers if not re.search(r"</html>\n\n200 [\d.]+$", a)]
                if not bad:
                    break
            check(not bad, f"{len(bad)} of {CLIENTS} clients that asked at once got no page; one got {bad[:1]!r}")
            print("the last of them had its page after", max(float(a.split()[-1]) for a in answers), "s")
            contains(ask(url + "nothing").communicate()[0], "\n404 ")
            run.login()
            check_frames(run)


@test
def the_port_is_8080_where_it_is_free():
    said = subprocess.run(["tools/run/vm.py", "--nic", "forward", "--print"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    port = int(re.search(r"hostfwd=tcp:127\.0\.0\.1:(\d+)-:80", said).group(1))
    if port != PAGE_PORT:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", PAGE_PORT))
            except OSError:
                return
        raise AssertionError(f"the port is {port}, though {PAGE_PORT} is free")


main()
