import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.children.pipes import Finished
from cfslib.images import host_tools
from cfslib.isolation import capabilities, devices, idmaps, rootfs
from cfslib.isolation.capabilities import ALL, DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import procfs, tracing
from cfslib.runtime import client
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.run import capture, run
from cfslib.runtime.spec import NAMESPACES, Spec, Volume
from tests.conftest import (
    ROOT,
    groups_of,
    is_alive,
    needs_namespaces,
    needs_root,
    own_world,
    wait_until,
)
from tests.isolation.test_keyring import (
    KEYCTL,
    MACHINE,
    NAME,
    SEARCH,
    SESSION,
    keyring_with_a_key,
    needs_keys,
)

pytestmark = needs_namespaces

HERE = Path(__file__).parent.parent.parent


def shell(program: str, **more: object) -> str:
    """Return what a shell in a container printed, after it went well."""
    return _printed(Spec(["sh", "-c", program], **more))  # type: ignore[arg-type]


def _printed(spec: Spec) -> str:
    done = capture(spec)

    assert (done.stderr, done.code) == ("", 0)
    return done.stdout


# What comes out.


def test_run_prints_where_we_do_and_returns_the_exit_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = run(Spec(["sh", "-c", "echo out; echo err >&2; exit 3"]))

    assert code == 3
    assert tuple(capfd.readouterr()) == ("out\n", "err\n")


def test_what_we_had_not_yet_printed_is_printed_once_and_first() -> None:
    program = """
        from cfslib.runtime.run import run
        from cfslib.runtime.spec import Spec
        print("before")
        run(Spec(["echo", "inside"]))
        print("after")
        """

    assert _python(program) == "before\ninside\nafter\n"


def test_capture_keeps_the_two_outputs_apart() -> None:
    done = capture(Spec(["sh", "-c", "echo out; echo err >&2; exit 3"]))

    assert done == Finished(3, "out\n", "err\n")


def test_capture_takes_more_than_a_pipe_holds() -> None:
    program = "head -c 300000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero >&2"
    done = capture(Spec(["sh", "-c", program]))

    assert (len(done.stdout), len(done.stderr)) == (300_000, 200_000)


def test_a_captured_command_reads_nothing() -> None:
    assert _printed(Spec(["cat"])) == ""


def test_a_command_ended_by_a_signal_is_128_and_its_number() -> None:
    assert capture(Spec(["sh", "-c", "kill -TERM $$"])).code == 143


def test_a_process_with_threads_can_run_one_too() -> None:
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(capture, Spec(["echo", "hello"])).result()

    assert done == Finished(0, "hello\n", "")


# What is seen inside.


def test_the_hostname_is_the_containers_own() -> None:
    before = socket.gethostname()

    assert _printed(Spec(["hostname"])) == "cfs-container\n"
    assert _printed(Spec(["hostname"], hostname="box")) == "box\n"
    assert socket.gethostname() == before


def test_ps_shows_exactly_two_processes() -> None:
    rows = _printed(Spec(["ps", "-e", "-o", "pid=,comm="])).split()

    assert rows == ["1", "cfs", "2", "ps"]


def test_proc_shows_two_processes() -> None:
    assert shell("cd /proc; echo [0-9]*") == "1 2\n"


def test_the_mounts_are_the_containers_own() -> None:
    rows = shell("cat /proc/self/mountinfo").splitlines()
    targets = [row.split()[4] for row in rows]

    assert targets.count("/") == 1
    assert {target.split("/")[1] for target in targets} <= {"", "dev", "proc", "sys"}


def test_the_mount_table_does_not_tell_where_the_rootfs_is(tmp_path: Path) -> None:
    root = _rootfs(tmp_path)

    assert str(tmp_path) not in shell("cat /proc/self/mountinfo", rootfs=root)


def test_above_the_root_is_the_root() -> None:
    program = "cd /; a=$(stat -c %d:%i .); cd ../../..; test $a = $(stat -c %d:%i .)"

    assert shell(f"{program}; pwd; ls -d /..") == "/\n/..\n"


def test_nothing_of_the_hosts_files_is_in_sight(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()

    assert shell(f"ls -d {tmp_path} 2>/dev/null || echo none") == "none\n"


PRIVATE = ["cgroup", "ipc", "mnt", "pid", "uts"]


@pytest.mark.parametrize("kind", PRIVATE)
def test_a_container_has_a_namespace_of_its_own(kind: str) -> None:
    inside = shell(f"readlink /proc/self/ns/{kind}").strip()

    assert inside != os.readlink(f"/proc/self/ns/{kind}")


def test_the_network_is_the_hosts_unless_its_own_is_asked_for() -> None:
    tell = "stat -Lc %i /proc/self/ns/net"
    own = NAMESPACES | Namespace.NET

    assert int(shell(tell)) == inode(Namespace.NET)
    assert int(shell(tell, namespaces=own)) != inode(Namespace.NET)


def test_a_network_of_its_own_has_one_interface_at_most() -> None:
    own = NAMESPACES | Namespace.NET
    lines = shell("cat /proc/net/dev", namespaces=own).splitlines()[2:]

    assert [line.split(":")[0].strip() for line in lines] == ["lo"]


@pytest.mark.skipif(ROOT, reason="needs an ordinary user")
def test_an_ordinary_user_is_root_inside_and_itself_outside() -> None:
    assert shell("id -u; cat /proc/self/uid_map").split() == [
        "0",
        *["0", str(os.geteuid()), "1"],
    ]


@needs_root
def test_root_without_roots_rights_takes_a_user_namespace() -> None:
    """So it is in Docker, whose defaults are ours: uid 0, and no right to mount."""

    def examined() -> str:
        capabilities.keep_only(capabilities.DEFAULT)
        # For this root nobody counts: it has no cgroup, and RLIMIT_NPROC spares it.
        return shell("cat /proc/self/uid_map", limits=Limits(pids_max=None))

    assert in_child(examined).split() == ["0", "0", "1"]


def test_a_container_can_be_made_in_a_user_namespace() -> None:
    def examined() -> str:
        idmaps.unshare_as_root(Namespace(0))
        return shell("hostname")

    assert in_child(examined) == "cfs-container\n"


@needs_root
def test_another_user_has_its_ids_and_no_groups() -> None:
    program = "id -u; id -g; grep Groups /proc/self/status | tr -d '[:space:]'"

    assert shell(program, user="1000:7") == "1000\n7\nGroups:"


@needs_root
def test_another_user_has_no_capabilities() -> None:
    words = shell("grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status", user="1000").split()

    assert {int(word, 16) for word in words[1::2]} == {0}


def sets_of(name: str, **parts: object) -> int:
    """Return one of the sets of capabilities of a command, one bit each."""
    return int(shell(f"grep {name} /proc/self/status", **parts).split()[1], 16)


def test_root_has_no_right_when_all_are_dropped() -> None:
    assert sets_of("CapEff", capabilities=()) == sets_of("CapBnd", capabilities=()) == 0


def test_root_has_every_right_that_we_have_when_all_are_added() -> None:
    def ours() -> int:
        own_world(0)
        return int(procfs.status()["CapEff"], 16)

    assert sets_of("CapEff", capabilities=ALL) == in_child(ours)


@needs_root
def test_for_another_user_a_right_that_is_added_is_only_within_bounds() -> None:
    parts = {"capabilities": DEFAULT | {Capability.NET_RAW}, "user": "1000"}

    assert sets_of("CapEff", **parts) == sets_of("CapAmb", **parts) == 0
    assert sets_of("CapBnd", **parts) >> Capability.NET_RAW & 1


GAIN = "cp /bin/id /bin/other && chown 1 /bin/other && chmod u+s /bin/other && other -u"


@needs_root
@pytest.mark.parametrize(("no_more", "user"), [(False, "1"), (True, "0")])
def test_without_new_privileges_a_setuid_program_is_any_program(
    no_more: bool, user: str
) -> None:
    assert shell(GAIN, no_new_privileges=no_more).strip() == user


def test_the_environment_is_four_variables_and_ours() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "of the host")
        lines = set(_printed(Spec(["env"], env={"A": "1"})).splitlines())

    assert {line.partition("=")[0] for line in lines} == (
        {"PATH", "HOME", "TERM", "HOSTNAME", "A"}
    )
    assert {"HOME=/root", "HOSTNAME=cfs-container", "A=1"} <= lines


def test_a_variable_of_ours_wins_over_the_four() -> None:
    assert shell("echo $HOME", env={"HOME": "/mnt"}) == "/mnt\n"


def test_files_that_we_hold_open_do_not_leak(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        descriptors = shell("exec ls /proc/self/fd").split()

    # The last is the one that ls itself reads the directory with.
    assert descriptors == ["0", "1", "2", "3"]


def test_files_are_made_with_the_usual_permissions() -> None:
    def examined() -> str:
        os.umask(0o077)
        return shell("touch /x; stat -c %a /x")

    assert in_child(examined) == "644\n"


# What is seen of PID 1, which was a process of the host's a moment before.


def test_pid_1_does_not_show_how_we_were_called() -> None:
    assert shell("tr -d '\\0' < /proc/1/cmdline") == "cfs"


@pytest.mark.parametrize("name", ["environ", "maps", "mem", "syscall"])
def test_the_memory_of_pid_1_cannot_be_read(name: str) -> None:
    done = capture(Spec(["head", "-c", "1", f"/proc/1/{name}"]))

    assert done.stdout == ""
    assert "Permission denied" in done.stderr or "not permitted" in done.stderr


@pytest.mark.parametrize("name", ["exe", "cwd", "root", "fd/0", "ns/mnt"])
def test_what_pid_1_holds_cannot_be_reached(name: str) -> None:
    done = capture(Spec(["stat", "-L", f"/proc/1/{name}"]))

    assert done.stdout == ""
    assert "Permission denied" in done.stderr


@needs_keys
def test_the_keys_of_our_session_stay_outside(python_inside: Spec) -> None:
    python_inside = python_inside.changed(filter=b"")  # which would refuse to search
    arguments = (KEYCTL[MACHINE], SEARCH, SESSION, b"user", NAME, 0)
    search = f"call('syscall', *{arguments})"

    def told_inside() -> str:
        keyring_with_a_key()
        return _told(python_inside, f"print(attempt({search!r}))")

    assert in_child(told_inside) == "ENOKEY"


# What root inside tries, and may not.  The programs are Python's, with this machine's
# own files in sight for it, because no everyday tool makes all of these calls.

REFUSED = {
    "make a device": "os.mknod('/d', stat.S_IFBLK | 0o600, os.makedev(7, 0))",
    "mount": "syscalls.mount('tmpfs', '/mnt', 'tmpfs')",
    "unmount a mask": "syscalls.umount2('/proc/sys', 2)",
    "make /proc/sys writable": (
        "syscalls.mount(None, '/proc/sys', flags=MountFlag.REMOUNT | MountFlag.BIND)"
    ),
    "write to /proc/sys": "open('/proc/sys/kernel/hostname', 'w').write('theirs')",
    "change the hostname": "syscalls.sethostname('theirs')",
    "trace PID 1": "call('ptrace', 16, 1, 0, 0)",
    "join the namespaces of PID 1": "syscalls.setns(os.pidfd_open(1), Namespace.MNT)",
    "unshare a mount namespace": "syscalls.unshare(Namespace.MNT)",
    "pivot the root": "syscalls.pivot_root('.', '.')",
    "open a file by its handle": (
        "call('open_by_handle_at', os.open('/', 0), struct.pack('Iixxxxxxxx', 8, 1), 0)"
    ),
    "listen to the network": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "set the clock": "time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "be served first": "os.nice(-5)",
}
PREAMBLE = """
import ctypes, errno, os, socket, stat, struct, sys, time
sys.path.insert(0, "/cfs")
from cfslib.isolation import idmaps
from cfslib.kernel import syscalls
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace

def call(name, *arguments):
    function = ctypes.CDLL(None, use_errno=True)[name]
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

def attempt(action):
    try:
        exec(action)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
"""


@pytest.fixture(scope="module")
def python_inside(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    """Return a spec of a container that sees the Python which runs this test."""
    root = tmp_path_factory.mktemp("python")
    shown = {HERE: Path("/cfs"), Path(sys.base_prefix): Path(sys.base_prefix)}
    for name in ("usr", "bin", "lib", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            (root / name).symlink_to(place.readlink())
        elif place.exists():
            shown[place] = place
    (root / "mnt").mkdir()
    interpreter = os.path.realpath(sys.executable)
    volumes = [Volume(*pair, read_only=True) for pair in sorted(shown.items())]
    return Spec([interpreter, "-ISc"], rootfs=root, volumes=volumes)


def _told(spec: Spec, program: str) -> str:
    return _printed(spec.changed(argv=[*spec.argv, PREAMBLE + program])).strip()


@pytest.mark.parametrize("action", REFUSED)
def test_root_inside_may_not(action: str, python_inside: Spec) -> None:
    told = _told(python_inside, f"print(attempt({REFUSED[action]!r}))")

    assert told == ("EROFS" if action.startswith("write") else "EPERM")


def test_root_of_a_user_namespace_inside_uncovers_nothing(python_inside: Spec) -> None:
    """Anybody may make one, and be root in it: the kernel locks the mounts."""
    program = f"""
idmaps.unshare_as_root(Namespace.MNT)
for action in {[REFUSED["unmount a mask"], REFUSED["make /proc/sys writable"]]}:
    print(attempt(action))
"""

    assert _told(python_inside, program).split() == ["EINVAL", "EPERM"]


@needs_root
def test_root_of_a_cgroup_namespace_inside_does_not_find_its_limit(
    python_inside: Spec,
) -> None:
    program = """
idmaps.unshare_as_root(Namespace.MNT | Namespace.CGROUP)
os.mkdir("/tmp")
for kind, options in (("cgroup", "pids"), ("cgroup2", None)):
    try:
        syscalls.mount(kind, "/tmp", kind, options=options)
        open("/tmp/pids.max", "w").write("max")
        os.mkdir("/tmp/below")
    except OSError:
        pass
pids = 0
try:
    while pids < 30:
        if os.fork() == 0:
            time.sleep(60)
        pids += 1
except BlockingIOError:
    pass
print(pids)
"""

    assert _told(python_inside, program) == "18"  # and PID 1, and the one that forks


def test_the_classic_escape_from_chroot_ends_at_the_containers_root(
    python_inside: Spec,
) -> None:
    program = """
before = os.stat("/").st_dev, os.stat("/").st_ino
os.mkdir("/trap")
os.chroot("/trap")
for _ in range(20):
    os.chdir("..")
os.chroot(".")
print(before == (os.stat("/").st_dev, os.stat("/").st_ino), os.path.exists("/cfs"))
"""

    assert _told(python_inside, program) == "True True"


@pytest.mark.parametrize("number", ["KILL", "TERM", "STOP", "SEGV"])
def test_pid_1_cannot_be_killed_from_inside(number: str) -> None:
    # TERM goes on to the main process, which is this shell: it has an answer.
    assert shell(f"trap : TERM; kill -{number} 1; echo alive") == "alive\n"


def test_dev_has_no_devices_of_the_machine() -> None:
    names = set(shell("ls /dev").split())

    assert names == (
        {"full", "null", "random", "tty", "urandom", "zero", "pts", "shm"}
        | {"fd", "ptmx", "stderr", "stdin", "stdout"}
    )


# Volumes.


def test_a_volume_shows_a_directory_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("eggs\n")
    volume = Volume(tmp_path, Path("/a/new/place"))

    assert shell("cat /a/new/place/list", volumes=[volume]) == "eggs\n"


def test_a_volume_can_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("eggs\n")
    volume = Volume(tmp_path / "list", Path("/a/list"))

    assert shell("cat /a/list; echo milk >> /a/list", volumes=[volume]) == "eggs\n"
    assert (tmp_path / "list").read_text() == "eggs\nmilk\n"


def test_a_read_only_volume_is_not_written_to(tmp_path: Path) -> None:
    volume = Volume(tmp_path, Path("/mnt"), read_only=True)
    done = capture(Spec(["touch", "/mnt/x"], volumes=[volume]))

    assert "Read-only file system" in done.stderr
    assert not list(tmp_path.iterdir())


@needs_root
def test_a_device_file_in_a_volume_is_no_device(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "zero", 0o666 | stat.S_IFCHR, os.stat("/dev/zero").st_rdev)
        (tmp_path / "zero").open("rb").close()
    except PermissionError:
        pytest.skip("needs a place where device files can be made, and work")
    volume = Volume(tmp_path, Path("/mnt"))
    done = capture(Spec(["head", "-c", "1", "/mnt/zero"], volumes=[volume]))

    assert done.stdout == ""
    assert "Permission denied" in done.stderr


@needs_root
def test_a_setuid_program_in_a_volume_gives_nobody_its_rights(tmp_path: Path) -> None:
    program = Path(shutil.copy(shutil.which("id") or "", tmp_path))
    program.chmod(0o4755)
    tmp_path.chmod(0o755)
    volumes = [Volume(tmp_path, Path("/mnt"))]

    assert shell("/mnt/id -u", volumes=volumes, user="1234") == "1234\n"


def test_a_volume_that_is_a_device_stops_the_container() -> None:
    volumes = [Volume(Path("/dev/null"), Path("/mnt/null"))]

    with pytest.raises(PermissionError, match="/dev/null is a device"):
        run(Spec(["true"], volumes=volumes))


def test_a_link_in_the_rootfs_leads_a_volume_to_a_place_inside(
    tmp_path: Path,
) -> None:
    root = _rootfs(tmp_path)
    (root / "link").symlink_to("/etc")
    (tmp_path / "mark").touch()
    volume = Volume(tmp_path, Path("/link"))
    before = Path("/proc/self/mountinfo").read_text()

    assert "mark" in shell("ls /etc", volumes=[volume], rootfs=root)
    assert not Path("/etc/mark").exists()
    assert not (root / "etc/mark").exists()
    assert Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.parametrize("link", ["{}", "../../../../../../../..{}"])
def test_a_link_to_a_place_that_only_the_host_has_leads_nowhere(
    link: str, tmp_path: Path
) -> None:
    root = _rootfs(tmp_path)
    there = tmp_path / "on-the-host"
    there.mkdir()
    (root / "link").symlink_to(link.format(there))
    volume = Volume(tmp_path, Path("/link/x"))

    assert "on-the-host" in shell("ls /link/x", volumes=[volume], rootfs=root)
    assert not list(there.iterdir())  # it was made inside, in the layer


def test_a_volume_does_not_uncover_what_is_masked(tmp_path: Path) -> None:
    volumes = [Volume(Path("/proc"), Path("/sys/firmware"))]

    with pytest.raises(PermissionError, match="cannot cover /sys/firmware"):
        capture(Spec(["ls", "/sys/firmware"], volumes=volumes))


# Flags of mounts, and what they take of the machine.

MAY_MAKE_DEVICES = DEFAULT | {Capability.MKNOD}
OPTIONS = {
    "none": Spec(["cat", "/proc/self/mountinfo"]),
    "read_only": Spec(["cat", "/proc/self/mountinfo"], read_only=True),
    "mknod": Spec(["cat", "/proc/self/mountinfo"], capabilities=MAY_MAKE_DEVICES),
    "user": Spec(["cat", "/proc/self/mountinfo"], user="0:7" if ROOT else "0"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_takes_no_flag_off_a_mount(option: str) -> None:
    whole, changed = (_flags(OPTIONS[name]) for name in ("none", option))
    taken = {place: whole[place] - changed[place] for place in whole}

    assert {place: flags for place, flags in taken.items() if flags} == (
        {"/": {"rw"}} if option == "read_only" else {}
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_devices_work_in_dev_alone(option: str) -> None:
    flags = _flags(OPTIONS[option])
    places = {place for place in flags if "nodev" not in flags[place]}

    assert {place for place in places if not place.startswith("/proc/")} <= (
        {"/dev", "/dev/pts"} if option != "mknod" else {"/dev/pts"}
    ) | {f"/dev/{name}" for name in devices.DEVICES}


def _flags(spec: Spec) -> dict[str, set[str]]:
    mounts = procfs.parse_mountinfo(capture(spec).stdout)
    return {mount.target: set(mount.options.split(",")) for mount in mounts}


@needs_root
def test_a_device_that_is_made_inside_does_not_work() -> None:
    program = "mknod /dev/new c 1 5 && head -c 1 /dev/zero && head -c 1 /dev/new"
    done = capture(Spec(["sh", "-c", program], capabilities=MAY_MAKE_DEVICES))

    assert done.stdout == "\0"
    assert "/dev/new" in done.stderr
    assert "Permission denied" in done.stderr


def test_what_is_kept_in_memory_has_bounds() -> None:
    mounts = procfs.parse_mountinfo(capture(OPTIONS["none"]).stdout)
    memory = [mount for mount in mounts if mount.fstype == "tmpfs"]

    assert memory
    for mount in memory:
        assert "size=" in mount.super_options, mount
        assert "nr_inodes=" in mount.super_options, mount


@pytest.mark.parametrize("size", [1 << 20, 4 << 20])
def test_files_that_are_written_have_a_bound(size: int) -> None:
    program = ["dd", "if=/dev/zero", "of=/file", "bs=64k", "count=100"]
    done = capture(Spec(program, layer_max=size))

    assert "No space left" in done.stderr
    assert f"\n{size} bytes" in done.stderr


@pytest.mark.skipif(ROOT, reason="root of the machine has no user namespace here")
def test_a_container_leaves_inotify_to_its_user(python_inside: Spec) -> None:
    program = """
import ctypes, os
libc, made = ctypes.CDLL(None), 0
while libc.inotify_init() >= 0:
    made += 1
print(made)
"""
    assert 0 < int(_told(python_inside, program)) <= 32


# The rootfs.


def _rootfs(place: Path) -> Path:
    """Return a rootfs that a test may change."""
    host_tools.build(place / "root", ["sh", "cat", "ls", "touch", "rm", "hostname"])
    return place / "root"


def _listing(root: Path) -> dict[str, tuple[int, int, int]]:
    stats = {str(path): path.lstat() for path in [root, *root.rglob("*")]}
    return {name: (s.st_mode, s.st_size, s.st_mtime_ns) for name, s in stats.items()}


def test_a_container_never_changes_its_rootfs(tmp_path: Path) -> None:
    root = _rootfs(tmp_path)
    for mount_point in ("dev", "proc", "sys"):
        (root / mount_point).rmdir()
    before = _listing(root)

    shell("touch /new; echo x >> /etc/passwd; rm /etc/hosts", rootfs=root)
    assert _listing(root) == before


def test_what_a_container_writes_is_gone_with_it(rootfs_dir: Path) -> None:
    shell("echo x > /x", rootfs=rootfs_dir)

    assert shell("test -e /x || echo none", rootfs=rootfs_dir) == "none\n"


def test_read_only_refuses_writing_and_leaves_dev_shm() -> None:
    done = capture(Spec(["touch", "/x"], read_only=True))

    assert "Read-only file system" in done.stderr
    assert shell("echo x > /dev/shm/x; cat /dev/shm/x", read_only=True) == "x\n"


def test_two_at_once_on_one_rootfs_do_not_see_each_other(tmp_path: Path) -> None:
    root = _rootfs(tmp_path)
    meeting = Volume(tmp_path, Path("/meeting"))
    program = """
        echo $1 > /mine; touch /meeting/$1
        while ! [ -e /meeting/1 -a -e /meeting/2 ]; do :; done
        cat /mine; hostname; cd /proc; echo [0-9]*
        """

    def one(name: str) -> str:
        argv = ["sh", "-c", program, "sh", name]
        return _printed(Spec(argv, rootfs=root, hostname=name, volumes=[meeting]))

    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(one, ["1", "2"]))

    assert outputs[0].splitlines()[:2] == ["1", "1"]
    assert outputs[1].splitlines()[:2] == ["2", "2"]
    # PID 1, the shell, and the `hostname` that may not be gone yet: no fourth.
    assert all(len(output.splitlines()[2].split()) <= 3 for output in outputs)


# When a step fails.

FAILING: dict[str, Callable[[Path], Spec]] = {
    "the workdir": lambda place: Spec(["touch", "/out/x"], workdir="/nowhere"),
    "the command": lambda place: Spec(["/nowhere"]),
    "the first volume": lambda place: Spec(
        ["touch", "/out/x"], volumes=[Volume(place / "nothing", Path("/mnt"))]
    ),
    "the second volume": lambda place: Spec(
        ["touch", "/out/x"], volumes=[Volume(place, Path("/etc/passwd"))]
    ),
    "the user": lambda place: Spec(["touch", "/out/x"], user="nosuch"),
    "the hostname": lambda place: Spec(["touch", "/out/x"], hostname="x" * 65),
    "the rootfs": lambda place: Spec(["touch", "/out/x"], rootfs=place / "nothing"),
}


@pytest.mark.parametrize("step", FAILING)
def test_after_a_step_that_fails_nothing_was_run_and_nothing_is_left(
    step: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    spec = FAILING[step](tmp_path)
    spec = spec.changed(volumes=[Volume(out, Path("/out")), *spec.volumes])

    def state() -> list[object]:
        mounts = Path("/proc/self/mountinfo").read_text()
        groups = groups_of(os.getpid())
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return [mounts, groups, children, os.listdir("/proc/self/fd"), mask]

    def examined() -> tuple[str, bool]:
        before = state()
        try:
            capture(spec)
        except (OSError, LookupError) as error:
            return type(error).__name__, state() == before
        return "no error", False

    name, same = in_child(examined)
    assert name != "no error"
    assert same
    assert not list(out.iterdir())


def test_an_error_from_inside_arrives_with_its_text_and_hint() -> None:
    with pytest.raises(FileNotFoundError, match=r'^.*chdir\("/nowhere"\)') as caught:
        run(Spec(["true"], workdir="/nowhere"))
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_a_command_that_is_not_there_has_an_error_of_its_own() -> None:
    with pytest.raises(CannotExecute, match="no-such-program") as caught:
        run(Spec(["no-such-program"]))
    assert caught.value.__notes__[0].startswith("Hint: no such program inside")


def test_the_calls_of_all_processes_arrive_even_after_an_error() -> None:
    with tracing.trace() as calls, pytest.raises(CannotExecute):
        run(Spec(["no-such-program"]))

    names = [call.name for call in calls]
    assert names.index("clone") < names.index("pivot_root") < len(names) - 1
    assert str(calls[-1]) == 'posix_spawn(["no-such-program"]) = -1 ENOENT'
    assert {call.pid for call in calls} >= {1, os.getpid()}


@pytest.mark.parametrize("kind", [Namespace.MNT, Namespace.UTS, Namespace.PID])
def test_what_would_change_the_host_is_refused(kind: Namespace) -> None:
    with pytest.raises(ValueError, match=f"without a {kind} namespace"):
        run(Spec(["true"], namespaces=NAMESPACES & ~kind))


# The end.


def test_what_the_command_left_running_ends_with_it(tmp_path: Path) -> None:
    volume = Volume(tmp_path, Path("/mnt"))
    program = "(until [ -e /mnt/go ]; do :; done; touch /mnt/late) > /dev/null 2>&1 &"
    shell(program, volumes=[volume])
    (tmp_path / "go").touch()
    time.sleep(0.3)

    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_maker_that_is_ended_takes_the_container_along(number: int) -> None:
    program = """
        from cfslib.runtime.run import run
        from cfslib.runtime.spec import Spec
        run(Spec(["sh", "-c", "echo up; exec sleep 60"]))
        """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as maker:
        assert maker.stdout
        maker.stdout.readline()
        below = _descendants(maker.pid)
        maker.send_signal(number)

    assert len(below) >= 2
    assert wait_until(lambda: not any(map(is_alive, below)))


def test_a_server_that_is_killed_takes_the_container_along(
    tmp_path: Path,
) -> None:
    program = ": >/mnt/up; exec sleep 60"
    spec = Spec(["sh", "-c", program], volumes=[Volume(tmp_path, Path("/mnt"))])

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(capture, spec)
        assert wait_until((tmp_path / "up").exists)
        server = client.server.pid
        assert server
        below = _descendants(server)
        os.kill(server, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match="the server was killed"):
            running.result()

    assert len(below) >= 2
    assert wait_until(lambda: not any(map(is_alive, below)))


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        pid for child in map(int, children) for pid in (child, *_descendants(child))
    ]


def _python(program: str) -> str:
    words = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(words, capture_output=True, text=True)

    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_a_link_to_proc_in_the_rootfs_leads_no_volume_there(tmp_path: Path) -> None:
    root, zero = tmp_path / "root", tmp_path / "zero"
    host_tools.build(root, ["true"])
    (root / "link").symlink_to("/proc/sys/kernel/cap_last_cap")
    zero.write_text("0")

    with pytest.raises(PermissionError, match="cannot cover /proc"):
        run(Spec(["true"], rootfs=root, volumes=[Volume(zero, Path("/link"))]))


@pytest.mark.parametrize("name", rootfs.MOUNT_POINTS)
def test_a_link_in_the_place_of_a_mount_point_is_covered(
    name: str, tmp_path: Path
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    host_tools.build(root, ["ls"])
    elsewhere.mkdir()
    (root / name).rmdir()
    (root / name).symlink_to(elsewhere)
    (root / str(elsewhere).lstrip("/")).mkdir(parents=True)
    done = capture(Spec(["ls", str(elsewhere)], rootfs=root))

    assert (done.code, done.stdout) == (0, "")
    assert os.listdir(elsewhere) == []


def test_a_volume_that_leads_out_of_the_container_is_no_place_to_start(
    tmp_path: Path,
) -> None:
    """A link of this kind leads past all mounts, to a directory that we have open."""
    (tmp_path / "link").symlink_to("/proc/self/fd/0")
    spec = Spec(
        ["ls"], workdir="/volume/link", volumes=[Volume(tmp_path, Path("/volume"))]
    )

    def start() -> int:
        os.dup2(os.open("/etc", os.O_RDONLY), 0)
        return run(spec)

    with pytest.raises(PermissionError, match="not in the container"):
        in_child(start)
