"""extras: try what a container can do without, limits and ids beyond our own.

Like `trials`, each thing in a child; but what is refused here is a remark, no failure.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from subprocess import DEVNULL

from cfslib.children.in_child import in_child
from cfslib.doctor import machine, trials
from cfslib.doctor.trials import Finding
from cfslib.isolation import idmaps, limits
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import program
from cfslib.runtime import ownership, scope

PATIENCE = 10  # seconds; a systemd that is well answers in a tenth of one
_ALONE = "root or, with --userns keep-id, ourselves"


def process_limit() -> Finding:
    """Limit the number of processes, and fork until the limit is met."""
    few = 4
    wanted = Limits(pids_max=few)
    try:
        with limits.enforced(
            wanted, counted_alone=not ownership.may_do_it_alone()
        ) as join:
            forks = in_child(lambda: _forks_under(join, few))
    except OSError as error:
        return Finding("process limit", trials.cause_of(error), _delegation())
    if not 0 < forks < few:
        state = f"does not count what it should: {forks} forks of at most {few - 1}"
        return Finding("process limit", state, machine.newer_kernel())
    return Finding("process limit", "holds")


def _forks_under(join: Callable[[], None], limit: int) -> int:
    """Return how many forks succeed; the limit counts us as well."""
    if not ownership.may_do_it_alone():
        idmaps.unshare_as_root(Namespace(0))
    join()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # or there are no zombies
    for forks in range(limit + 1):
        try:
            pid = os.fork()
        except BlockingIOError:
            return forks
        if pid == 0:
            os._exit(0)  # and stay a zombie, which counts
    return limit + 1


def other_limits() -> Finding:
    """Make a group that limits memory and processor time."""
    version = hierarchies.version()
    wanted = Limits(memory_max=64 << 20, cpu_max=0.5)
    try:
        with limits.enforced(wanted, counted_alone=False) as join:
            in_child(join)
    except OSError as error:
        try:
            in_a_scope = _controllers_in_a_scope()
        except TimeoutError as late:
            return Finding("cgroups", f"{version}; {late}", "systemctl --user status")
        if {"memory", "cpu"} <= in_a_scope:
            state = f"{version}; memory and cpu can be limited, in a scope of systemd's"
            return Finding("cgroups", state)
        return Finding("cgroups", f"{version}; {trials.cause_of(error)}", _delegation())
    return Finding("cgroups", f"{version}; memory and cpu can be limited")


def _controllers_in_a_scope() -> set[str]:
    """Return what `cfs run` may limit in a scope that systemd gives to this user.

    Raise TimeoutError if it gives no answer.
    """
    tree = [home.top for home in hierarchies.homes() if home.version == 2]
    look = 'cat "$0$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.controllers"'
    line = scope.words(["sh", "-c", look, *tree])
    if not tree or not line:
        return set()
    with subprocess.Popen(
        line,
        env=scope.environment(),
        stdin=DEVNULL,
        stdout=subprocess.PIPE,
        stderr=DEVNULL,
        text=True,
        start_new_session=True,  # so that what it has started ends with it
    ) as asked:
        try:
            return set(asked.communicate(timeout=PATIENCE)[0].split())
        except subprocess.TimeoutExpired:
            os.killpg(asked.pid, signal.SIGKILL)
            raise TimeoutError(f"systemd-run gives no answer in {PATIENCE} s") from None


def _delegation() -> str:
    """Return how to get to where we may make groups."""
    version = hierarchies.version()
    if version == "none":
        return "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    if os.geteuid() == 0 and machine.around():
        return "docker run --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup ..."
    cfs = program.ours()
    if name := machine.around():
        return f"sudo {cfs} run ...  # on the machine itself, not in {name}"
    if version == "v2" and shutil.which("systemd-run"):
        return f"systemd-run --user --scope {cfs} run ..."
    return f"sudo {cfs} run ..."


def user_ids() -> Finding:
    """Be a user other than root inside, which takes ids that are ours to give."""
    about = "user ids"
    if ownership.may_do_it_alone():
        return Finding(about, "all of them are ours to give")
    if machine.setuid_is_void():
        state = f"{_ALONE}: newuidmap could not become root here"
        return Finding(about, state, "grep -E 'NoNewPrivs|CapBnd' /proc/self/status")
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        state = f"{_ALONE}: there is no newuidmap"
        return Finding(about, state, machine.newuidmap())
    try:
        idmaps.many("uid")
        idmaps.many("gid")
    except OSError:
        state = f"{_ALONE}: no ids for us in /etc/subuid and /etc/subgid"
        add = "sudo usermod -v 100000-165535 -w 100000-165535 $(id -un)"
        return Finding(about, state, add)
    error = trials.run_true(user="1:1")
    if error:
        return Finding(
            about, trials.cause_of(error), "sudo chmod u+s $(which newuidmap newgidmap)"
        )
    return Finding(about, "we have more than our own to give")
