"""Every way to start a container, each as a process of its own.

command     `cfs run`, with pipes
terminal    `cfs run`, at a terminal
program     a Python program with one thread
notebook    a Python program with several, as a Jupyter kernel is
ahead       the same, in a container that was made before anybody asked for it
"""

import fcntl
import marshal
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cfslib.children.pipes import Finished
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.spec import Spec
from tests.conftest import SLOWNESS

WAYS = ("command", "terminal", "program", "notebook", "ahead")
PACKAGE = Path(__file__).parent.parent
CFS = Path(sys.executable).with_name("cfs")
REFUSED = 125  # the exit code if the container could not be made
SECONDS = 60 * SLOWNESS

Prepare = Callable[[], None]  # is called in the process that is to start one

# `cfs` itself, but for what has no option.
COMMAND = """
from cfslib.cli import options

def with_one_more(*arguments, **named):
    return complete(*arguments, **named).changed(
        leave_out=wanted.leave_out, filter=wanted.filter
    )

complete = options.spec_from
options.spec_from = with_one_more
cfs, *sys.argv[1:] = sys.argv[3:]
exec(open(cfs).read())
"""
PROGRAM = """
import os, time
from cfslib.kernel import procfs
from cfslib.runtime import run

def has_one_ahead():
    def status(pid):
        try:
            return procfs.status(pid)
        except (FileNotFoundError, ProcessLookupError):
            return {"PPid": "", "Name": ""}

    found = map(status, filter(str.isdecimal, os.listdir("/proc")))
    names = [one["Name"] for one in found if one["PPid"] == str(client.server.pid)]
    return "cfs-ahead" in names

try:
    if sys.argv[2] in ("notebook", "ahead"):
        import threading
        from cfslib.runtime import client
        client.PROGRAM = prelude + client.PROGRAM  # which is the one to start it
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
    if sys.argv[2] == "ahead":
        run.capture(wanted.changed(argv=["true"]))
        end = time.monotonic() + patience
        while not has_one_ahead():
            assert time.monotonic() < end, "nothing was made ahead"
            time.sleep(0.01)
    done = run.capture(wanted)
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(125)
print(done.stdout, end="")
print(done.stderr, end="", file=sys.stderr)
sys.exit(done.code)
"""
BEGIN = """
import marshal
patience = {patience}
prelude = {prelude!r}
exec(prelude)
from cfslib.runtime import spec
wanted = spec.from_plain(marshal.loads(bytes.fromhex(sys.argv[1])))
"""


def as_we_are() -> None:
    """Prepare nothing."""


def start(
    way: str,
    spec: Spec,
    *,
    prepare: Prepare = as_we_are,
    prelude: str = "",
) -> Finished:
    """Run a container in one of the ways; return what came of it.

    `prepare` is called in the new process; `prelude` is a program that is run first by
    who starts the container.
    """
    words = _words(way, spec, prelude)
    return _at_a_terminal(words, prepare) if way == "terminal" else _run(words, prepare)


def _words(way: str, spec: Spec, prelude: str) -> list[str]:
    is_command = way in ("command", "terminal")
    if is_command and not (prelude or spec.leave_out or spec.filter):
        return [str(CFS), *options(spec)]
    path = f"import sys\nsys.path.append({str(PACKAGE)!r})\n"
    # Without one of its steps, there may never be a container that was made ahead.
    patience = (3 if spec.leave_out else 20) * SLOWNESS
    begin = path + BEGIN.format(patience=patience, prelude=path + prelude)
    program = begin + (COMMAND if is_command else PROGRAM)
    wanted = marshal.dumps(spec.as_plain()).hex()
    more = [str(CFS), *options(spec)] if is_command else []
    return [sys.executable, "-I", "-S", "-c", program, wanted, way, *more]


def options(spec: Spec) -> list[str]:
    """Return what to type after `cfs` for a container like this."""
    return ["run", *_options(spec), *spec.argv]


def _options(spec: Spec) -> Iterator[str]:
    complete = Spec([])
    if spec.rootfs:
        yield f"--rootfs={spec.rootfs}"
    yield f"--hostname={spec.hostname}"
    yield f"--workdir={spec.workdir}"
    yield f"--user={spec.user}"
    yield from (f"--group-add={group}" for group in spec.groups)
    if spec.userns:
        yield f"--userns={spec.userns}"
    yield f"--pids-limit={spec.limits.pids_max or 'max'}"
    if spec.limits.memory_max:
        yield f"--memory={spec.limits.memory_max}"
    if spec.limits.cpu_max:
        yield f"--cpus={spec.limits.cpu_max}"
    if spec.limits.memory_max and spec.limits.memory_swap_max is not None:
        yield f"--memory-swap={spec.limits.memory_max + spec.limits.memory_swap_max}"
    for name in ("cpuset_cpus", "cpu_shares", "oom_score_adj"):
        if (value := getattr(spec.limits, name)) is not None:
            yield f"--{name.replace('_', '-')}={value}"
    if Namespace.NET in spec.namespaces:
        yield "--network=none"
    if spec.read_only:
        yield "--read-only"
    for name, value in spec.env.items():
        yield f"--env={name}={value}"
    for volume in spec.volumes:
        end = ":ro" if volume.read_only else ""
        yield f"--volume={volume.source}:{volume.target}{end}"
    for capability in sorted(spec.capabilities - complete.capabilities):
        yield f"--cap-add={capability}"
    for capability in sorted(complete.capabilities - spec.capabilities):
        yield f"--cap-drop={capability}"
    if spec.no_new_privileges:
        yield "--security-opt=no-new-privileges"


def _run(words: list[str], prepare: Prepare) -> Finished:
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=prepare,
        close_fds=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def _at_a_terminal(words: list[str], prepare: Prepare) -> Finished:
    def begin() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        prepare()

    master, slave = os.openpty()
    process = subprocess.Popen(
        words,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=begin,
        close_fds=False,
    )
    os.close(slave)
    try:
        printed = _printed(master)
        code = process.wait(SECONDS)
    finally:
        os.close(master)
        process.kill()
        process.wait()
    return Finished(code, printed.replace("\r\n", "\n"), "")


def _printed(master: int) -> str:
    data, end = b"", time.monotonic() + SECONDS
    while select.select([master], [], [], max(0, end - time.monotonic()))[0]:
        try:
            data += os.read(master, 1 << 16)
        except OSError:  # EIO: nobody has the other end open any more
            return data.decode(errors="replace")
    raise TimeoutError(f"after {SECONDS} s, all it printed is: {data!r}")


class Notes:
    """What processes write down that share a file in their memory.

    So can a PID 1 that has closed all its descriptors and left our files behind.
    """

    SIZE = 1 << 16
    PRELUDE = """
import mmap, os

_notes = os.open({path!r}, os.O_RDWR)
_memory = mmap.mmap(_notes, {size})
os.close(_notes)

def note(text):
    end = _memory.find(b"\\0")
    _memory[end : end + len(text) + 1] = text.encode("ascii") + b"\\n"
"""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(bytes(self.SIZE))
        self.prelude = self.PRELUDE.format(path=str(path), size=self.SIZE)

    def lines(self) -> list[str]:
        """Return what has been noted, in order."""
        return self._path.read_text().rstrip("\0").splitlines()
