#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote, merged into an image by ROOT_EXTRA and run by run= and at the shell: dynamic glibc
ones with Debian's libraries, some with threads, a static glibc and a static musl one."""

import hashlib
import os
import subprocess

from harness import check, contains, equal, main, test
from vm import Vm, build_path, run_in_guest

TMP = os.environ.get("TEST_TMP", "/tmp")
IMAGE = os.path.join(TMP, "ports.img")

NUMBERS = "".join(f"{i}\n" for i in range(1, 100001)).encode()
MANY_NUMBERS = "".join(f"{i}\n" for i in range(1, 300001)).encode()

THREADS = """
import threading
changed, waiting, out = threading.Condition(), [], []
def put(n):
    with changed:
        changed.wait_for(lambda: len(waiting) < 4)
        waiting.append(n)
        changed.notify_all()
def get():
    with changed:
        changed.wait_for(lambda: waiting)
        n = waiting.pop(0)
        changed.notify_all()
        return n
def work():
    while (n := get()) is not None:
        out.append(n * n)
crew = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in crew]
[put(n) for n in range(1000)]
[put(None) for _ in crew]
[t.join() for t in crew]
print(sum(out))
"""
PROCESSES = """
import os, signal
read, write = os.pipe()
children = []
for n in range(20):
    pid = os.fork()
    if pid == 0:
        os.write(write, bytes([n]))
        signal.pause()
    children.append(pid)
got = b''
while len(got) < 20:
    got += os.read(read, 20)
[os.kill(p, signal.SIGTERM) for p in children]
print(sum(got), sum(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in children))
"""
FILES = """
import os, select, time, errno
os.chdir('/tmp')
os.makedirs('d/e'); open('d/e/f', 'w').write('text'); os.rename('d/e', 'd/g'); os.symlink('g/f', 'd/l')
print(open('d/l').read(), sorted(os.listdir('d')), os.stat('d/l').st_size, oct(os.stat('d/g/f').st_mode))
try:
    open('/etc/motd', 'w')
except OSError as e:
    print(errno.errorcode[e.errno])
r, w = os.pipe(); p = select.epoll(); p.register(r, select.EPOLLIN)
print(p.poll(0.01)); os.write(w, b'1'); print(len(p.poll(10)))
"""

# command, what it prints
COMMANDS = (
    # dynamic glibc: coreutils (sort uses threads), dash, mawk (floating point), pigz (threads)
    ("/opt/debian/factor 1234567", "1234567: 127 9721"),
    ("/opt/debian/seq 300000 | /opt/debian/sort -n -r --parallel=4 | /opt/debian/head -1", "300000"),
    ("/opt/debian/seq 100000 | /opt/debian/sha256sum", f"{hashlib.sha256(NUMBERS).hexdigest()}  -"),
    ("/opt/debian/dash -c 'echo $((6*7))'", "42"),
    ("/opt/debian/mawk 'BEGIN{printf \"%.5f\", 2^0.5}'", "1.41421"),
    ("/opt/debian/env A=b /opt/debian/printenv A", "b"),
    ("/opt/debian/timeout 1 /opt/debian/sleep 20; echo $?", "124"),
    ("/opt/debian/dd if=/dev/zero bs=64k count=100 2>/dev/null | /opt/debian/wc -c", "6553600"),
    ("/opt/debian/stat -c %a:%U:%F /tmp", "1777:root:directory"),
    ("/opt/debian/seq 300000 | /opt/debian/pigz -p 4 -b 128 | /opt/debian/pigz -d | md5sum",
     f"{hashlib.md5(MANY_NUMBERS).hexdigest()}  -"),
    ("/opt/debian/python3.11 /opt/tests/threads.py", str(sum(n * n for n in range(1000)))),
    ("/opt/debian/python3.11 /opt/tests/processes.py", f"{sum(range(20))} {20 * -15}"),
    ("/opt/debian/python3.11 /opt/tests/files.py", "text ['g', 'l'] 4 0o100644\nEROFS\n[]\n1"),
    ("/opt/debian/python3.11 -c 'import os, sys; print(sys.platform, os.uname().machine, os.cpu_count() > 0)'",
     "linux aarch64 True"),
    # static glibc
    ("/opt/static/sash -c '-echo one two'", "one two"),
    ("/opt/static/sash -c '-ls /opt/static'", ".\n..\nsash"),
    ("busybox seq 20000 | busybox gzip | busybox gzip -d | busybox tail -1", "20000"),
    ("/bin/bash -c 'x=(1 2 3); echo ${#x[@]}'", "3"),
    # static musl, ET_EXEC
    ("/opt/debian/seq 50000 | /opt/musl/bzip2 | /opt/musl/bzip2 -d | /opt/debian/tail -1", "50000"),
)


def make_image(out, tree):
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={out}"], check=True, stdout=subprocess.DEVNULL)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def make_programs_image():
    subprocess.run(["make", "-s", "guest-ports"], check=True, stdout=subprocess.DEVNULL)
    tree = os.path.join(TMP, "programs")
    subprocess.run(["cp", "-RPpl", build_path("ports-guest"), tree], check=True)
    for name, text in (("threads", THREADS), ("processes", PROCESSES), ("files", FILES)):
        write(f"{tree}/opt/tests/{name}.py", text)
    make_image(IMAGE, tree)


def run_all(**machine):
    with Vm(base_image=IMAGE, mem="512M", timeout=300, **machine) as guest:
        guest.login()
        for command, wanted in COMMANDS:
            status, output = guest.shell(command)
            equal(status, 0, f"status of {command}, which printed {output!r},")
            equal(output.strip(), wanted, f"output of {command}")
        equal(guest.shell("dmesg | grep -c 'segfault\\|killed'")[1].strip(), "0", "programs that died")


@test
def four_cpus():
    run_all(smp=4)


@test
def one_cpu_with_every_feature():
    run_all(smp=1, cpu="max,pauth-impdef=on", gic=3, base="initrd")


@test
def run_from_the_command_line():
    """Each kind as the one command of a machine, which ends with the command's status."""
    for command, wanted in (("/opt/static/sash -c '-echo static'; exit 3", (3, "static")),
                            ("echo text | /opt/musl/bzip2 | /opt/musl/bzip2 -dc; exit 4", (4, "text")),
                            ("/opt/debian/python3.11 -c 'print(55 * 101); exit(5)'",
                             (5, "5555"))):
        status, output = run_in_guest(command, base_image=IMAGE, mem="512M", smp=2, base="initrd")
        equal(status, wanted[0], f"status of {command}")
        contains(output, f"\n{wanted[1]}\n")


@test
def extra_trees_are_merged():
    tree, image = os.path.join(TMP, "extra"), os.path.join(TMP, "extra.img")
    write(f"{tree}/etc/motd", "Another welcome\n")
    write(f"{tree}/bin/longer-work", "#!/bin/sh\n# Holds what run= cannot: \"quotes\"\necho \"long $1\"; exit 9\n", 0o755)
    write(f"{tree}/srv/www/index.html", "page\n")
    os.symlink("/etc/motd", f"{tree}/opt-link")
    make_image(image, tree)
    status, output = run_in_guest("cat /opt-link; readlink /opt-link; ls -l /usr/bin/longer-work | cut -c1-10; test -e /bin/ls; "
                                  "longer-work work", base_image=image, base="initrd")
    equal(status, 9, "status")
    contains(output, "\nAnother welcome\n/etc/motd\n-rwxr-xr-x\nlong work\n")
    listed = subprocess.run([build_path("host/swos-image"), "verify", image], check=False, capture_output=True, text=True)
    equal(listed.returncode, 0, f"swos-image verify, which says {listed.stderr!r},")


@test
def what_cannot_be_merged_is_told():
    for extra, reason in (("/nonexistent", "is no directory"),):
        done = subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={extra}", f"OUT={TMP}/no.img"], check=False,
                              capture_output=True, text=True)
        check(done.returncode != 0 and reason in done.stderr, f"{done.returncode}: {done.stderr}")
        check(not os.path.exists(f"{TMP}/no.img"), "an image was made all the same")


make_programs_image()
main()
