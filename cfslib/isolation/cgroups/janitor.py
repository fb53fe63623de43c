"""janitor: a process that removes cgroups after us, even if we are killed.

A cgroup is a directory, and directories do not go away with the process that made
them.  So before one is made, a child is forked that sleeps until the kernel says that
we died; then it removes what it finds on a list in memory that it shares with us.
"""

import _signal as signal
import errno
import posix
import time

from cfslib.kernel import libc, procfs
from cfslib.kernel.syscalls import Prctl

END = b"\0\n"  # of a line
NOW = b"now"  # at the end of the list: remove what is on it


class Janitor:
    """Looks after the groups on its list until it is dismissed."""

    def __init__(self) -> None:
        self._list = posix.memfd_create("cfs-janitor", posix.MFD_CLOEXEC)
        self._size = 0
        self._places: dict[bytes, int] = {}  # on the list, by group
        self._gaps: dict[int, list[int]] = {}  # places where one was, by its length
        maker = posix.getpid()
        # Before the fork, so that no signal ends it before it is ready.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._pid = libc.fork_quietly()
        if self._pid == 0:
            try:
                self._sleep_until_the_end_of(maker)
                _remove_all(self._groups())
                posix._exit(0)
            finally:
                posix._exit(1)
        # By us, so that it is done before a group is made: what is sent to all of our
        # process group, by kill(2) or by a terminal, is not for the janitor.
        posix.setpgid(self._pid, self._pid)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def look_after(self, groups: list[bytes]) -> None:
        """Put groups on the list; do it before they are made."""
        for group in groups:
            gaps = self._gaps.get(len(group))
            place = gaps.pop() if gaps else self._size
            self._size = max(self._size, place + len(group + END))
            self._places[group] = place
            posix.pwrite(self._list, group + END, place)

    def remove(self, groups: list[bytes]) -> None:
        """Remove groups, and forget about them."""
        groups = groups[::-1]  # what is inside another one comes after it
        _remove_all(groups)
        for group in groups:
            place = self._places.pop(group)
            posix.pwrite(self._list, bytes(len(group)), place)
            self._gaps.setdefault(len(group), []).append(place)

    def dismiss(self) -> None:
        """Need it no more."""
        posix.close(self._list)
        posix.kill(self._pid, signal.SIGKILL)
        libc.wait_for(self._pid)

    def finish(self) -> None:
        """Remove all that is on the list, and need it no more.

        What we do not see, because we may have changed our root, it removes itself.
        """
        seen = [group for group in self._places if posix.access(group, posix.F_OK)]
        _remove_all(seen[::-1])
        if len(seen) == len(self._places):
            self.dismiss()
            return
        posix.pwrite(self._list, NOW, self._size)
        posix.close(self._list)
        posix.kill(self._pid, signal.SIGTERM)
        status = libc.wait_for(self._pid)
        if status != 0:  # somebody killed it
            _remove_all(list(self._places)[::-1])

    def _groups(self) -> "list[bytes]":
        """Return what is on the list; what is inside another one comes before it.

        A gap is full of NUL bytes, and there is one in a line of which we had written
        or wiped only a part when we were killed.  That must not be taken for a path.
        """
        lines = self._read().split(END)[:-1]
        return sorted((line for line in lines if b"\0" not in line), reverse=True)

    def _read(self) -> bytes:
        return posix.pread(self._list, posix.fstat(self._list).st_size, 0)

    def _sleep_until_the_end_of(self, maker: int) -> None:
        """Keep no descriptor of the maker's but the list, and heed no other signal."""
        libc.prctl(Prctl.SET_PDEATHSIG, signal.SIGTERM)
        libc.prctl(Prctl.SET_NAME, b"cfs-janitor")
        posix.chdir("/")
        posix.closerange(0, self._list)
        libc.close_from(self._list + 1)
        # It may have ended before the kernel knew our wish, so look before we wait; and
        # anybody may send this signal, so look what it means.
        while posix.getppid() == maker and not self._read().endswith(NOW):
            signal.sigwait({signal.SIGTERM})


def _remove_all(groups: "list[bytes]") -> None:
    """Remove groups of one container, in this order."""
    for group in groups:  # or the first of them waits for what the last one holds still
        _thaw(group)
    for group in groups:
        remove(group)


def remove(group: bytes) -> None:
    """End every process in a cgroup and in those below it, and then the group."""
    while True:
        try:
            posix.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            # Where nothing can be removed, not even what is not there can be.
            if error.errno == errno.EROFS and not posix.access(group, posix.F_OK):
                return
            if error.errno != errno.EBUSY:
                raise
        try:
            _empty(group)  # it has processes, or groups
        except OSError as error:
            if not procfs.is_gone(error):  # somebody else removes it, too
                raise


def _empty(group: bytes) -> None:
    with posix.scandir(group) as entries:
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    for path in below:
        remove(path)
    if below:
        return
    fd = posix.open(group + b"/cgroup.procs", posix.O_RDONLY)
    try:
        pids = posix.read(fd, 1 << 16).split()
    finally:
        posix.close(fd)
    for pid in pids:
        try:
            posix.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended by itself
    _thaw(group)
    time.sleep(0.001)  # a killed process leaves its group a moment later


def _thaw(group: bytes) -> None:
    """Let processes of v1 go on, which do not end while they are held still."""
    try:
        fd = posix.open(group + b"/freezer.state", posix.O_WRONLY)
    except OSError:
        return  # it is another tree, or gone
    try:
        posix.write(fd, b"THAWED")
    except OSError as error:
        if not procfs.is_gone(error):
            raise
    finally:
        posix.close(fd)
