"""The `cfs` command as its users see it: a process with text and an exit code."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess, Popen

import nbformat
import pytest

from cfslib.children.in_child import in_child
from cfslib.cli import entry, options
from cfslib.images import host_tools
from cfslib.isolation import capabilities, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.runtime import direct, run
from cfslib.runtime.spec import Spec
from tests.conftest import (
    ROOT,
    SLOWNESS,
    in_own_mounts,
    needs_namespaces,
    needs_root,
    own_world,
    wait_until,
)
from tests.images.conftest import closed_tool
from tests.lessons.test_rehearsal import CHECK, FOUND, notebook

CFS = [sys.executable, "-m", "cfslib.cli.entry"]
OUR_ERROR = 125

pytestmark = needs_namespaces


def cfs(
    *words: str | Path,
    env: Mapping[str, str] = os.environ,
    text_in: str = "",
    cwd: Path | None = None,
) -> CompletedProcess[str]:
    """Run `cfs` to its end, as from a script."""
    return subprocess.run(
        [*CFS, *map(str, words)],
        input=text_in,
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        timeout=60 * SLOWNESS,
    )


def printed(*words: str | Path, **more: object) -> str:
    """Return what `cfs` printed, after it went well."""
    done = cfs(*words, **more)  # type: ignore[arg-type]

    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def complaint(done: CompletedProcess[str], code: int = OUR_ERROR) -> str:
    """Return the one line of cause, after a look at how the error is told."""
    cause, *advice = done.stderr.splitlines()

    assert (done.stdout, done.returncode) == ("", code)
    assert cause.startswith("cfs: ")
    assert len(advice) <= 1
    for line in advice:
        assert line.startswith("  Hint: ")
        assert len(re.sub(r"/\S+", "/PATH", line)) <= 80
    return cause


# What is said about the command line, before anything is made.

WRONG_WORDS = {
    "cfs": "the following arguments are required: COMMAND",
    "cfs nonsense": "COMMAND: invalid choice: 'nonsense'",
    "cfs run": "run what? name a command: cfs run COMMAND [ARG...]",
    "cfs run --": "run what? name a command: cfs run COMMAND [ARG...]",
    "cfs run --nonsense true": "unrecognized arguments: --nonsense",
    "cfs run --rootfs": "--rootfs: expected one argument",
    "cfs run --memory": "-m/--memory: expected one argument",
    "cfs run --memory --cpus 1 true": "-m/--memory: expected one argument",
    "cfs run --read-only=yes true": "--read-only: ignored explicit argument 'yes'",
    "cfs run -ix true": "-i/--interactive: ignored explicit argument 'x'",
    "cfs run -x -y true": "unrecognized arguments: -x -y",
    "cfs run --network a.b true": "--network: a network has ...: 'a.b'",
    "cfs run --cap-add NO true": "--cap-add: no such capability: 'NO'; see ...",
    "cfs run --cap-drop KIL true": "--cap-drop: no such capability: 'KIL'; did you ...",
    "cfs run --security-opt no true": "--security-opt: not no-new-privileges...: 'no'",
    "cfs run -e A true": "-e/--env: not NAME=VALUE: 'A'",
    "cfs run -e =1 true": "-e/--env: not NAME=VALUE: '=1'",
    "cfs run -v /tmp true": "-v/--volume: not SRC:DST or SRC:DST:ro ...: '/tmp'",
    "cfs run -v /tmp: true": "-v/--volume: not SRC:DST or SRC:DST:ro ...: '/tmp:'",
    "cfs run -v :/mnt true": "-v/--volume: not SRC:DST or SRC:DST:ro ...: ':/mnt'",
    "cfs run -v /tmp:mnt true": "-v/--volume: not SRC:DST ...: '/tmp:mnt'",
    "cfs run -v /tmp:/mnt:no true": "-v/--volume: not SRC:DST ...: '/tmp:/mnt:no'",
    "cfs run -v /tmp:// true": "-v/--volume: a volume cannot cover /, ...",
    "cfs run -v /tmp:/proc true": "-v/--volume: a volume cannot cover /, ...",
    "cfs run -t true": "--tty: standard input is no terminal",
    "cfs rootfs": "the following arguments are required: ACTION",
    "cfs rootfs nonsense": "ACTION: invalid choice: 'nonsense'",
    "cfs rootfs build": "the following arguments are required: DIR",
    "cfs check": "the following arguments are required: NOTEBOOK",
    "cfs doctor me": "unrecognized arguments: me",
    "cfs ns 1 2": "unrecognized arguments: 2",
    "cfs ns -5": "there is no process -5",
    "cfs ns many": "PID: invalid int value: 'many'",
    "cfs ns 0": "there is no process 0",
}


@pytest.mark.parametrize("line", WRONG_WORDS)
def test_a_wrong_command_line_is_answered_in_one_line(line: str) -> None:
    cause = complaint(cfs(*line.split()[1:]))

    pattern = re.escape(WRONG_WORDS[line]).replace(re.escape("..."), ".*")
    assert re.fullmatch(f"cfs: {pattern}", cause)
    assert len(cause) <= 80


LIMITS = ("--pids-limit", "--memory", "--cpus")


@pytest.mark.parametrize("option", LIMITS)
@pytest.mark.parametrize("value", ["", "many", "0", "-1", "nan", "1e3", "٣"])
def test_a_limit_that_is_no_positive_number_is_refused(option: str, value: str) -> None:
    cause = complaint(cfs("run", option, value, "true"))

    assert f"{option}: not a" in cause
    assert cause.endswith(repr(value))
    assert len(cause) <= 80


@pytest.mark.parametrize("name", ["", "a" * 65, "ä" * 33])
def test_a_hostname_of_no_or_over_64_bytes_is_refused(name: str) -> None:
    cause = complaint(cfs("run", "--hostname", name, "true"))

    assert cause.startswith("cfs: --hostname: a hostname has 1 to 64 bytes")


def test_a_hostname_of_64_bytes_is_taken() -> None:
    assert printed("run", "--hostname", "a" * 64, "hostname") == "a" * 64 + "\n"


# What is said about the rootfs and the command.


def _missing(place: Path) -> None: ...


def _a_file(place: Path) -> None:
    place.touch()


def _empty(place: Path) -> None:
    place.mkdir()


def _unreadable(place: Path) -> None:
    place.mkdir(mode=0)


BAD_ROOTS: dict[Callable[[Path], None], str] = {
    _missing: "rootfs {} does not exist",
    _a_file: "rootfs {} is no directory",
    _empty: "rootfs {} is empty",
    _unreadable: "rootfs {} is empty" if ROOT else "rootfs {} cannot be read",
}


@pytest.mark.parametrize("make", BAD_ROOTS)
def test_a_directory_that_is_no_rootfs_is_refused(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    place = tmp_path / "rootfs"
    make(place)

    done = cfs("run", "--rootfs", place, "true")
    assert complaint(done) == f"cfs: {BAD_ROOTS[make].format(place)}"
    assert "`cfs rootfs build DIR`" in done.stderr
    if place.is_dir():
        place.chmod(0o755)  # or pytest cannot remove it


def test_a_rootfs_without_the_command_is_127(tmp_path: Path) -> None:
    host_tools.build(tmp_path / "root", ["sh"])

    done = cfs("run", "--rootfs", tmp_path / "root", "ps")
    assert complaint(done, 127) == "cfs: ps: No such file or directory"


def test_a_host_without_ps_makes_a_rootfs_without_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    host_tools.build(root, ["sh", "ls", "true"])
    printed("run", "--rootfs", root, "true")

    done = cfs("run", "ps", env={**os.environ, "CFS_ROOTFS": str(root)})
    assert complaint(done, 127) == "cfs: ps: No such file or directory"
    assert "no such program" in done.stderr


COMMANDS = {
    "nosuch": (127, "No such file or directory"),
    "./nosuch": (127, "No such file or directory"),
    "/etc": (126, "Permission denied"),
    "/etc/passwd": (126, "Permission denied"),
    "/etc/passwd/x": (126, "Not a directory"),
    "n" * 300: (126, "File name too long"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_cannot_be_run_is_127_or_126(command: str) -> None:
    code, why = COMMANDS[command]

    assert complaint(cfs("run", command), code) == f"cfs: {command}: {why}"


def test_a_text_without_a_first_line_for_it_is_not_executed(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)

    done = cfs("run", "-v", f"{script}:/script", "/script")
    assert complaint(done, 126) == "cfs: /script: Exec format error"


def test_no_command_at_all_is_no_command() -> None:
    assert "run what?" in complaint(cfs("run", ""))


@pytest.mark.parametrize("place", ["/nowhere", "nowhere", "/etc/passwd", "/n ä\n"])
def test_a_workdir_that_does_not_exist_inside_is_refused(place: str) -> None:
    assert complaint(cfs("run", "-w", place, "true")).startswith("cfs: chdir(")


def test_a_volume_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = cfs("run", "-v", f"{tmp_path}/nothing:/mnt", "true")

    assert str(tmp_path / "nothing") in complaint(done)
    assert "Hint: there is no such directory or file on the host." in done.stderr


def test_a_directory_does_not_go_on_a_file(tmp_path: Path) -> None:
    done = cfs("run", "-v", f"{tmp_path}:/etc/passwd", "true")

    assert complaint(done) == f"cfs: {tmp_path}:/etc/passwd puts a directory on a file"


def test_a_file_does_not_go_on_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = cfs("run", "-v", f"{tmp_path}/file:/etc", "true")

    assert complaint(done) == f"cfs: {tmp_path}/file:/etc puts a file on a directory"


@needs_root
@pytest.mark.parametrize("user", ["nosuch", "0:nosuch", "", "-1", str(2**32 - 1)])
def test_a_user_who_cannot_be_is_refused(user: str) -> None:
    cause = complaint(cfs("run", "--user", user, "true"))

    assert "no '" in cause or "there is no user" in cause


def test_nothing_of_a_rootfs_is_run_by_us(tmp_path: Path) -> None:
    """An error inside must not have Python look for a module there."""
    root = tmp_path / "root"
    host_tools.build(root, ["true"])
    for place in sys.path:
        trap = root / place.lstrip("/") / "encodings"
        trap.mkdir(parents=True, exist_ok=True)
        for name in ("__init__", "unicode_escape", "idna"):
            (trap / f"{name}.py").write_text("open('/dev/stderr','w').write('gotcha')")

    for words in (["-w", "/n ä"], ["-u", "nosuch"] if ROOT else [], ["--read-only"]):
        assert "gotcha" not in cfs("run", "--rootfs", root, *words, "true").stderr


# Exit codes of what ran.


@pytest.mark.parametrize("code", [0, 1, 2, 77, 125, 126, 127, 255])
def test_the_commands_own_exit_code_is_ours(code: int) -> None:
    done = cfs("run", "sh", "-c", f"exit {code}")

    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("number", ["HUP", "INT", "KILL", "PIPE", "SEGV", "TERM"])
def test_a_command_ended_by_a_signal_is_128_and_its_number(number: str) -> None:
    done = cfs("run", "sh", "-c", f"kill -{number} $$")

    assert done.returncode == 128 + signal.Signals[f"SIG{number}"]
    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_us_is_one_to_the_command(number: signal.Signals) -> None:
    program = "trap 'echo caught; exit 3' TERM INT HUP; echo ready; sleep 60 & wait"
    with Popen([*CFS, "run", "sh", "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)

        assert process.stdout.read() == b"caught\n"
        assert process.wait() == 3


def test_sigterm_ends_a_command_that_has_no_answer_with_143() -> None:
    with Popen([*CFS, "run", "sh", "-c", "echo ready; exec sleep 60"], stdout=-1) as it:
        assert it.stdout
        it.stdout.readline()
        it.send_signal(signal.SIGTERM)

        assert it.wait() == 143


# Options.


def test_a_hostname_is_ours_inside_only() -> None:
    before = os.uname().nodename

    assert printed("run", "hostname") == "cfs-container\n"
    assert printed("run", "--hostname", "box", "hostname") == "box\n"
    assert os.uname().nodename == before


def test_ps_sees_pid_1_and_itself() -> None:
    lines = printed("run", "ps").splitlines()[1:]

    assert [line.split()[0::3] for line in lines] == [["1", "cfs"], ["2", "ps"]]


def test_defaults_come_from_the_environment(tmp_path: Path) -> None:
    host_tools.build(tmp_path / "root", ["sh", "hostname"])
    env = os.environ | {"CFS_ROOTFS": str(tmp_path / "root"), "CFS_HOSTNAME": "box"}

    assert printed("run", "hostname", env=env) == "box\n"
    assert printed("run", "--hostname", "other", "hostname", env=env) == "other\n"
    assert cfs("run", "ls", env=env).returncode == 127


def test_a_bad_default_is_reported_like_a_bad_option() -> None:
    cause = complaint(cfs("run", "true", env={**os.environ, "CFS_PIDS_LIMIT": "few"}))

    assert cause.startswith("cfs: --pids-limit: not a number")


def test_other_names_in_the_environment_mean_nothing_to_us() -> None:
    env = os.environ | {"CONTAINER_NAME": "theirs", "HOSTNAME": "theirs", "ROOTFS": "/"}

    assert printed("run", "hostname", env=env) == "cfs-container\n"


@pytest.mark.parametrize("term", ["xterm-kitty", "no-such", "../../x", "ä", "vt100"])
def test_programs_inside_know_the_kind_of_terminal(term: str) -> None:
    env = os.environ | {"TERM": term}
    inside, columns = printed(
        "run", "sh", "-c", "echo $TERM; tput cols", env=env
    ).split()

    assert inside in (term, "xterm-256color")
    assert inside == term or not Path("/lib/terminfo", term[:1], term).exists()
    assert columns == "80"
    # What is typed is meant.
    words = ["-e", f"TERM={term}", "printenv", "TERM"]
    assert printed("run", *words, env=env) == f"{term}\n"


@pytest.mark.parametrize("term", ["dumb", "xterm-kitty", ""])
def test_where_no_terminal_is_known_its_kind_stays(term: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    host_tools.build(root, ["sh"])
    for found in (*root.glob("usr/*/terminfo"), *root.glob("etc/terminfo")):
        shutil.rmtree(found)
    words = ["run", "--rootfs", str(root), "sh", "-c", "echo $TERM"]

    assert printed(*words, env=os.environ | {"TERM": term}) == f"{term}\n"


def test_the_environment_inside_is_made_of_four_and_ours() -> None:
    lines = printed("run", "-e", "A=1", "-e", "B=x=y", "-e", "C=", "env").split()

    names = {"PATH", "HOME", "TERM", "HOSTNAME", "A", "B", "C"}
    assert {line.partition("=")[0] for line in lines} == names
    assert {"A=1", "B=x=y", "C=", "HOSTNAME=cfs-container"} <= set(lines)


def test_a_workdir_is_where_the_command_starts() -> None:
    assert printed("run", "pwd") == "/\n"
    assert printed("run", "-w", "/etc", "pwd") == "/etc\n"
    assert printed("run", "-w", "tmp", "pwd") == "/tmp\n"


def test_a_volume_shows_the_hosts_files_and_keeps_changes(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("eggs\n")
    program = "cat list; echo milk >> list"

    assert (
        printed("run", "-v", f"{tmp_path}:/data", "-w", "/data", "sh", "-c", program)
        == "eggs\n"
    )
    assert (tmp_path / "list").read_text() == "eggs\nmilk\n"


def test_a_mount_of_files_in_memory_has_its_size_and_goes_away(tmp_path: Path) -> None:
    program = "touch /scratch/x; head -c 2m /dev/zero 2>&- >/scratch/y || ls /scratch"
    mount = "type=tmpfs,target=/scratch,tmpfs-size=1m"

    assert printed("run", "--mount", mount, "sh", "-c", program) == "x\ny\n"
    assert printed("run", "--mount", mount, "ls", "/scratch") == ""


def test_a_mount_of_files_in_memory_can_be_empty_for_good() -> None:
    done = cfs("run", "--mount", "type=tmpfs,dst=/new,readonly", "touch", "/new/x")

    assert "Read-only file system" in done.stderr


def test_a_mount_shows_the_hosts_files(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("eggs\n")
    mount = f"type=bind,source={tmp_path},target=/data,readonly"

    assert printed("run", "--mount", mount, "cat", "/data/list") == "eggs\n"
    done = cfs("run", "--mount", mount, "touch", "/data/x")
    assert "Read-only file system" in done.stderr


def test_a_mount_of_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    mount = f"type=bind,source={tmp_path}/nothing,target=/data"
    done = cfs("run", "--mount", mount, "true")

    assert "no such directory or file on the host" in done.stderr
    assert done.returncode == 125
    assert not (tmp_path / "nothing").exists()


def test_a_relative_volume_starts_where_we_are(tmp_path: Path) -> None:
    (tmp_path / "here").touch()

    assert printed("run", "-v", ".:/data", "ls", "/data", cwd=tmp_path) == "here\n"


def test_a_read_only_volume_is_not_written_to(tmp_path: Path) -> None:
    done = cfs("run", "-v", f"{tmp_path}:/data:ro", "touch", "/data/x")

    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert not list(tmp_path.iterdir())


def test_read_only_protects_the_root_and_not_dev_shm() -> None:
    done = cfs("run", "--read-only", "touch", "/x")

    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    printed("run", "--read-only", "touch", "/dev/shm/x")


def test_what_a_container_writes_is_gone_with_it() -> None:
    printed("run", "touch", "/x")

    assert cfs("run", "ls", "/x").returncode == 2


def test_no_network_means_one_interface_at_most() -> None:
    program = "tail -n +3 /proc/net/dev | cut -d: -f1"
    lines = printed("run", "--network", "none", "sh", "-c", program).split()

    assert lines == ["lo"]


@needs_root
def test_another_user_is_another_user_inside() -> None:
    assert printed("run", "--user", "1000", "id", "-u") == "1000\n"
    assert printed("run", "--user", "1000:7", "id", "-g") == "7\n"
    assert printed("run", "--user", "nobody", "id", "-un") == "nobody\n"
    groups = ("--group-add", "tty", "--group-add", "70", "id", "-G")
    assert printed("run", "--user", "1000:7", *groups) == "7 5 70\n"


@needs_root
def test_a_user_is_in_the_groups_that_name_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    host_tools.build(root, ["id"])
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write("ada:x:1000:1001::/home/ada:/bin/sh\n")
    with (root / "etc/group").open("a") as group:
        group.write("staff:x:50:bob,ada\nwheel:x:51:bob\n")

    def groups(user: str) -> str:
        return printed("run", "--rootfs", root, "--user", user, "id", "-G")

    assert groups("ada") == groups("1000") == "1001 50\n"
    assert groups("ada:wheel") == "51\n"


@needs_root
def test_a_user_of_passwd_has_the_home_that_is_written_there() -> None:
    script = ("sh", "-c", "echo $HOME")

    assert printed("run", "--user", "nobody", *script) == "/nonexistent\n"
    assert printed("run", "--user", "1234", *script) == "/\n"
    assert printed("run", "--user", "1234", "-e", "HOME=/x", *script) == "/x\n"


@pytest.mark.parametrize("word", ["auto", "nomap", "container:x", "", "HOST"])
def test_other_words_for_user_namespaces_are_refused_by_naming_ours(word: str) -> None:
    cause = complaint(cfs("run", "--userns", word, "true"))

    assert "host, private, keep-id" in cause


@pytest.mark.skipif(ROOT, reason="root is root inside")
def test_an_ordinary_user_may_be_itself_inside(tmp_path: Path) -> None:
    mine = ("--userns", "keep-id", "-v", f"{tmp_path}:/data")
    script = "id -u; id -g; touch /data/x; stat -c %u /data/x; cat /proc/self/uid_map"
    lines = printed("run", *mine, "sh", "-c", script).splitlines()

    uid, gid = str(os.geteuid()), str(os.getegid())
    assert lines[:3] == [uid, gid, uid]
    assert lines[3].split() == [uid, uid, "1"]
    assert (tmp_path / "x").stat().st_uid == os.geteuid()


@pytest.mark.skipif(ROOT, reason="root may")
def test_an_ordinary_user_may_not_share_the_hosts_user_namespace() -> None:
    assert "only root may share" in complaint(cfs("run", "--userns=host", "true"))


@needs_root
def test_root_may_have_users_of_its_own_inside(tmp_path: Path) -> None:
    data = ("-v", f"{tmp_path}:/data")
    script = "cat /proc/self/uid_map; readlink /proc/self/ns/user; touch /data/x"

    own = printed("run", "--userns=private", *data, "sh", "-c", script).splitlines()
    hosts = printed("run", "--userns=host", *data, "sh", "-c", script).splitlines()
    assert own[0].split() == ["0", "0", "65536"]
    assert hosts[1] == os.readlink("/proc/self/ns/user") != own[1]
    assert (tmp_path / "x").stat().st_uid == 0
    assert printed("run", "--userns=private", "--user=7:8", "id", "-u") == "7\n"


@needs_root
def test_root_cannot_keep_its_id_and_be_less_than_root() -> None:
    assert "root is root" in complaint(cfs("run", "--userns=keep-id", "true"))


@pytest.mark.skipif(ROOT, reason="root may be anybody")
def test_an_ordinary_user_hears_what_other_users_take() -> None:
    done = cfs("run", "--user", "1000", "id", "-u")

    if done.returncode != 0:  # newuidmap and a range in /etc/subuid may be here
        assert complaint(done) == "cfs: only one uid is ours to give"
        assert "uidmap" in done.stderr or "/etc/subuid" in done.stderr
        assert "`--userns keep-id`" in done.stderr
    else:
        assert done.stdout == "1000\n"


def test_twenty_processes_are_the_limit() -> None:
    program = "n=0; while [ $n -lt 30 ]; do sleep 5 & n=$((n+1)); done; echo all"
    done = cfs("run", "sh", "-c", program)

    assert done.stdout == ""
    assert re.search("[Cc]annot fork|fork: retry", done.stderr)


def test_a_limit_on_processes_is_the_one_that_was_asked_for() -> None:
    program = "sleep 5 & sleep 5 & sleep 5 & echo three; kill $!"

    assert printed("run", "--pids-limit", "6", "sh", "-c", program) == "three\n"
    assert "fork" in cfs("run", "--pids-limit", "4", "sh", "-c", program).stderr


def test_too_few_processes_for_the_command_is_our_error() -> None:
    done = cfs("run", "--pids-limit", "1", "true")

    assert "Resource temporarily unavailable" in complaint(done)
    assert "Hint: a limit on processes was reached" in done.stderr


HOG = "x=0123456789abcdef; while :; do x=$x$x; done"


@needs_root
def test_a_hog_is_killed_at_its_limit_on_memory() -> None:
    done = cfs("run", "--memory", "16m", "sh", "-c", HOG)

    assert (done.returncode, done.stdout) == (137, "")


@needs_root
def test_too_little_memory_for_pid_1_is_our_error() -> None:
    done = cfs("run", "--memory", "4k", "true")

    assert complaint(done).startswith("cfs: ")
    assert "--memory may be too low" in done.stderr


@needs_root
def test_a_fifth_of_a_processor_makes_work_take_longer() -> None:
    program = "n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done"
    clock = "read now rest < /proc/uptime; echo $now"
    text = printed(
        "run", "--cpus", "0.2", "sh", "-c", f"{clock}; {program}; {clock}; times"
    )

    start, end, minutes, seconds = map(float, re.findall(r"[\d.]+", text)[:4])
    assert end - start > 3 * (60 * minutes + seconds)


@pytest.mark.skipif(ROOT, reason="root may limit what it likes")
@pytest.mark.parametrize("words", [["--memory", "64m"], ["--cpus", "1"]])
def test_a_limit_that_a_user_cannot_set_is_an_error_that_says_why(
    words: list[str],
) -> None:
    done = cfs("run", *words, "true")

    if done.returncode == 0:
        pytest.skip("a cgroup is delegated to this user")
    assert re.search(
        "we may make no|delegated to us|has the controller", complaint(done)
    )
    assert "Hint: " in done.stderr


@needs_root
@pytest.mark.parametrize(
    ("words", "typed"),
    [
        ([], "`cfs run --pids-limit max ...`"),
        (["--memory", "64m"], "`cfs doctor`"),
    ],
)
def test_where_root_may_make_no_cgroups_it_is_told_what_to_type(
    words: list[str], typed: str
) -> None:
    def run(*options: str) -> CompletedProcess[str]:
        for mount in procfs.mounts():
            if mount.fstype in ("cgroup", "cgroup2"):
                mounts.make_read_only(mount.target)
        return cfs("run", *options, "true")

    done = in_own_mounts(lambda: run(*words))
    without = in_own_mounts(lambda: run("--pids-limit", "max"))

    assert "cannot limit" in complaint(done)
    assert typed in done.stderr
    assert without.returncode == 0


# Streams.


def test_standard_input_reaches_the_command() -> None:
    assert printed("run", "cat", text_in="one\ntwo\n") == "one\ntwo\n"
    assert printed("run", "wc", "-c", text_in="x" * 200_000) == "200000\n"


def test_the_two_outputs_stay_two() -> None:
    done = cfs("run", "sh", "-c", "echo out; echo err >&2")

    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_a_reader_who_leaves_ends_the_command() -> None:
    with Popen([*CFS, "run", "yes"], stdout=-1, stderr=-1) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()

        assert process.wait() == 141
        assert process.stderr.read() == b""


def _buffered() -> dict[str, str]:
    return {name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("words", ["--help", "run --help", "--version", "ns"])
def test_nobody_who_reads_is_no_traceback(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words_ = [*CFS, *words.split()]
    done = subprocess.run(words_, stdout=writer, stderr=-1, env=_buffered())
    os.close(writer)

    assert (done.stderr, done.returncode) == (b"", 141)


@pytest.mark.parametrize("words", ["--help", "ns"])
def test_a_full_disk_is_one_line(words: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*CFS, words], stdout=full, stderr=-1, env=_buffered())

    cause, advice = done.stderr.splitlines()
    assert (cause, done.returncode) == (b"cfs: No space left on device", 125)
    assert b"`df`" in advice


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_traceback(closed: str) -> None:
    command = f"exec {sys.executable} -m cfslib.cli.entry run sh -c 'exit 3' {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 3)


def test_an_error_that_nobody_reads_keeps_its_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*CFS, "run", "nosuch"], stderr=writer)
    os.close(writer)

    assert done.returncode == 127


# The cache.


def test_a_full_cache_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def with_a_tiny_cache() -> tuple[CompletedProcess[str], list[str]]:
        own_world(Namespace.MNT)
        syscalls.mount("tmpfs", tmp_path, "tmpfs", options="size=400k")
        done = cfs("run", "true", env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)})
        return done, [path.name for path in (tmp_path / "cfs").glob("rootfs-*")]

    done, left = in_child(with_a_tiny_cache)
    assert "No space left on device" in complaint(done)
    assert "XDG_CACHE_HOME names another place" in done.stderr
    assert not left


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")}

    assert str(tmp_path / "file") in complaint(cfs("run", "true", env=env))


def test_a_user_without_a_home_is_told_so() -> None:
    homes = ("HOME", "XDG_CACHE_HOME")
    env = {name: os.environ[name] for name in os.environ if name not in homes}
    program = "import os; print(os.path.expanduser('~'))"
    home = subprocess.check_output([sys.executable, "-c", program], env=env)
    if home != b"~\n":
        pytest.skip("this user has a home in /etc/passwd")

    cause = complaint(cfs("run", "true", env=env))
    assert cause == "cfs: no home directory, so no cache: this user has none"


@pytest.mark.alone("who waits too long builds a cache of its own")
def test_two_at_once_build_one_cache(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    both = [Popen([*CFS, "run", "hostname"], env=env, stdout=-1) for _ in range(4)]
    outputs = [process.communicate()[0] for process in both]

    assert outputs == [b"cfs-container\n"] * 4
    assert len(list((tmp_path / "cfs").glob("rootfs-*"))) == 1


def test_two_at_once_do_not_see_each_other() -> None:
    program = "hostname; touch /mine; read line; ls / | grep -c mine; ps | wc -l"
    words = [*CFS, "run", "--hostname", "box", "sh", "-c", program]
    both = [Popen(words, stdin=-1, stdout=-1, text=True) for _ in range(2)]

    outputs = [process.communicate("go\n")[0] for process in both]
    assert outputs == ["box\n1\n5\n"] * 2


# The other commands.


def test_version_and_help_go_to_standard_output() -> None:
    assert re.fullmatch(r"cfs \d+\.\d+\.\d+\n", printed("--version"))
    assert "run a command in a container" in printed("--help")
    for word in ("run", "doctor", "ns", "rootfs"):
        assert printed(word, "--help").startswith(f"usage: cfs {word}")


@pytest.mark.parametrize("columns", [80, 132])
@pytest.mark.parametrize("words", ["", "run", "doctor", "ns", "check", "rootfs build"])
def test_help_fits_the_terminal(words: str, columns: int) -> None:
    env = {**os.environ, "COLUMNS": str(columns)}
    lines = printed(*words.split(), "--help", env=env).splitlines()

    assert max(map(len, lines)) <= columns
    assert "  -h, --help" in "\n".join(lines)


def test_help_names_every_option_and_its_default() -> None:
    env = {**os.environ, "CFS_HOSTNAME": "box", "COLUMNS": "80"}
    text = printed("run", "--help", env=env)

    for option in options.command().options:
        assert option.name in text
    assert "  --hostname NAME       (default: box)\n" in text
    assert "(default: 20)\n" in text
    assert " ".join(text.split()).endswith("are defaults for these options")


def test_the_exercises_of_a_notebook_are_checked(tmp_path: Path) -> None:
    path = notebook(tmp_path, CHECK.replace(", 3)", ", 1)"), FOUND)
    saved = nbformat.read(path, as_version=4)
    text = "## Exercise 1: a name\n\n## Exercise 2: a note"
    saved.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(saved, path)
    copy = shutil.copy(path, tmp_path / "a copy.ipynb")
    done = cfs("check", path, copy, env=os.environ | {"XDG_STATE_HOME": str(tmp_path)})

    assert done.stdout.splitlines() == [
        "done 01-short: 1. a name",
        "open 01-short: 2. a note",
        "done a copy: 1. a name",
        "open a copy: 2. a note",
    ]
    assert done.returncode == 1


def test_where_there_is_no_exercise_nothing_is_checked(tmp_path: Path) -> None:
    done = cfs("check", notebook(tmp_path, "1 + 1"))

    assert (done.stdout, done.returncode) == ("", 125)
    assert "has no exercises" in done.stderr


def test_ns_shows_where_we_live() -> None:
    lines = printed("ns").splitlines()

    assert [line.split()[0] for line in lines] == [str(kind) for kind in Namespace]
    assert all(line.endswith("shared") for line in lines)


def test_ns_of_a_container_tells_what_is_private() -> None:
    with Popen(
        [*CFS, "run", "sh", "-c", "echo up; exec cat"], stdin=-1, stdout=-1
    ) as it:
        assert it.stdout
        it.stdout.readline()
        # Their own user may look at the command; at PID 1 nobody may.
        assert wait_until(lambda: "cat" in map(_name, _descendants(it.pid)))
        (command,) = (pid for pid in _descendants(it.pid) if _name(pid) == "cat")
        rows = [row.split() for row in printed("ns", str(command)).splitlines()]
        it.communicate()

    marks = {row[0]: row[-1] for row in rows}
    private = {"MNT", "UTS", "PID", "IPC", "CGROUP"} | (set() if ROOT else {"USER"})
    assert {name for name, mark in marks.items() if mark == "private"} == private
    assert {name for name, mark in marks.items() if mark == "shared"} == (
        {str(kind) for kind in Namespace} - private
    )


def _descendants(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [
        found
        for child in map(int, text.split())
        for found in (child, *_descendants(child))
    ]


def _name(pid: int) -> str:
    return procfs.status(pid)["Name"]


def test_a_rootfs_is_built_and_used(tmp_path: Path) -> None:
    root = tmp_path / "new/root"

    assert printed("rootfs", "build", root, "sh", "ls").startswith(
        f"built {root}; try:"
    )
    assert "etc" in printed("run", "--rootfs", root, "ls", "/").split()
    assert complaint(cfs("rootfs", "build", root)) == f"cfs: {root} is not empty"


def test_a_rootfs_of_tools_that_are_not_here_is_not_built(tmp_path: Path) -> None:
    done = cfs("rootfs", "build", tmp_path / "root", "sh", "nosuchtool")

    assert complaint(done) == "cfs: not on this machine: nosuchtool"
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_rootfs_that_does_not_fit_leaves_what_was_there(
    is_there: bool, tmp_path: Path
) -> None:
    root = tmp_path / "root"

    def on_a_tiny_disk() -> tuple[CompletedProcess[str], list[Path]]:
        own_world(Namespace.MNT)
        syscalls.mount("tmpfs", tmp_path, "tmpfs", options="size=400k")
        if is_there:
            root.mkdir()
        return cfs("rootfs", "build", root), [*tmp_path.rglob("*")]

    done, left = in_child(on_a_tiny_disk)

    assert re.search(f"{root}/.*: No space left on device", complaint(done))
    assert "df -h" in done.stderr
    assert left == [root] * is_there


@pytest.mark.parametrize(
    ("limit", "cause"),
    [("ulimit -f 0", "File too large"), ("ulimit -n 7", "Too many open files")],
)
def test_a_rootfs_that_limits_forbid_is_not_built(
    limit: str, cause: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    words = [
        "sh",
        "-c",
        f'{limit}; exec "$@"',
        "sh",
        *CFS,
        "rootfs",
        "build",
        str(root),
    ]
    done = subprocess.run(words, capture_output=True, text=True)

    assert re.fullmatch(f"cfs: {root}.*: {cause}", complaint(done))
    assert limit[:9] in done.stderr
    assert not [*root.iterdir()]


def test_a_rootfs_that_lacks_something_is_built_and_said(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter -x\n")
    script.chmod(0o755)
    done = cfs("rootfs", "build", tmp_path / "root", "sh", script)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"cfs: {script} cannot run there; not here: /no/such/interpreter",
        "  Hint: install what is missing, and build anew.",
    ]
    assert printed("run", "--rootfs", tmp_path / "root", "sh", "-c", "echo well")


def test_a_rootfs_without_an_everyday_tool_is_built_and_said(tmp_path: Path) -> None:
    cat, closed = host_tools.find("cat"), closed_tool("cat", tmp_path / "closed")
    assert cat

    def without_cat() -> CompletedProcess[str]:
        mounts.bind(closed, cat)
        capabilities.keep_only([])
        return cfs("rootfs", "build", tmp_path / "root")

    done = in_own_mounts(without_cat)

    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"cfs: left out, because we may not read it: {cat}",
        f"  Hint: sudo chmod a+r {cat}",
    ]


@pytest.mark.parametrize("name", [b"n\xff", b"sp ace", "ä".encode()])
def test_a_rootfs_may_have_any_name(name: bytes, tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(name)
    strict = {"PYTHONIOENCODING": "ascii:strict"}
    words = [*CFS, "rootfs", "build", str(root), "true"]
    done = subprocess.run(words, stdout=subprocess.PIPE, env=os.environ | strict)

    assert done.returncode == 0
    assert os.fsencode(root) in done.stdout


def test_a_mistake_of_ours_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistake(_spec: Spec) -> int:
        raise ZeroDivisionError("what now")

    monkeypatch.setattr(direct, "run", mistake)

    assert entry.execute(["run", "true"]) == OUR_ERROR
    assert capsys.readouterr().err == (
        "cfs: what now\n  Hint: this ZeroDivisionError is our mistake: report it.\n"
    )


def test_trace_shows_the_calls_and_keeps_the_output_clean() -> None:
    done = cfs("run", "--trace", "hostname")

    assert (done.stdout, done.returncode) == ("cfs-container\n", 0)
    calls = [line.split(None, 2)[-1] for line in done.stderr.splitlines()[1:]]
    names = [call.partition("(")[0] for call in calls]
    for earlier, later in pairwise(STORY):
        assert names.index(earlier) < names.index(later)
    assert calls[-1].startswith('posix_spawn(["hostname"]) = ')


STORY = ["clone", "mount", "sethostname", "pivot_root", "capset", "posix_spawn"]


def test_trace_shows_the_calls_of_a_container_that_failed() -> None:
    done = cfs("run", "--trace", "nosuch")

    assert done.returncode == 127
    assert 'posix_spawn(["nosuch"]) = -1 ENOENT' in done.stderr
    assert done.stderr.splitlines()[-2] == "cfs: nosuch: No such file or directory"


# From Python, where a NUL can be written.


@pytest.mark.parametrize(
    "spec",
    [
        Spec(["true"], hostname="a\0b"),
        Spec(["true"], workdir="/\0"),
        Spec(["true"], env={"A": "\0"}),
        Spec(["tr\0ue"]),
    ],
)
def test_a_nul_is_refused(spec: Spec) -> None:
    with pytest.raises(ValueError, match=r"NUL|null"):
        run.capture(spec)
