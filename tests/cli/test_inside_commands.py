"""`cfs pause`, `unpause`, `top`, `stats`, `cp` and `diff`, as their users see them."""

import io
import os
import re
import stat
import subprocess
import tarfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from cfslib.cli import commands, inside_commands
from cfslib.isolation import freezer
from cfslib.runtime.state import State
from tests.conftest import needs_namespaces, needs_root, wait_until
from tests.life import CFS, Life, life

pytestmark = needs_namespaces
SLEEP = ("sleep", 1000)
COUNT = "i=0; while :; do i=$((i+1)); echo $i > /n; done"


@pytest.fixture(scope="module")
def lives() -> Generator[Life]:
    with life() as found:
        yield found


@pytest.fixture
def box(lives: Life) -> Generator[State]:
    """Return a container for one test."""
    container = lives.start("--name", "box", *SLEEP)
    yield container
    lives.did("rm", "-f", container.id)


def sh(lives: Life, script: str) -> str:
    """Run a script in the container of the test."""
    return lives.did("exec", "box", "sh", "-c", script)


def raw(
    lives: Life, *words: str, data: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run `cfs` with an archive."""
    line = [*CFS, *words]
    return subprocess.run(
        line, input=data, env=lives.env, capture_output=True, timeout=60
    )


def test_each_command_is_known_and_has_help(lives: Life) -> None:
    assert set(inside_commands.COMMANDS) == commands.INSIDE
    everything = lives.did("--help")
    for name in (*commands.INSIDE, "exec"):
        assert re.search(rf"^    {name} +\w", everything, re.MULTILINE)
        assert lives.did(name, "--help").startswith(f"usage: cfs {name} ")


@pytest.mark.parametrize(
    "line",
    [["pause"], ["unpause"], ["top"], ["diff"], ["stats"], ["cp", "{}:/etc", "-"]],
    ids=str,
)
def test_of_one_that_has_ended_an_error_says_so(lives: Life, line: list[str]) -> None:
    ended = lives.start("true")
    lives.did("wait", ended.id)
    words = [it.format(ended.id) for it in line]
    done = lives.cfs(*words, *([] if len(words) > 1 else [ended.id]))

    assert done.returncode != 0
    assert done.stderr.startswith(f"cfs: {ended.name} ")
    assert done.stdout == ""


# pause:


@needs_root
@pytest.mark.parametrize("kind", [freezer.V2, freezer.V1])
def test_what_is_paused_stands_still(lives: Life, kind: str) -> None:
    container = lives.start("--name", "busy", "sh", "-c", COUNT)
    groups = [it for it in container.groups() if os.path.exists(f"{it}/{kind}")]
    if not groups:
        lives.did("rm", "-f", "busy")
        pytest.skip(f"no tree here has {kind}")
    pid1 = container.pid1()
    assert pid1
    counter = Path(f"/proc/{pid1.pid}/root/n")
    assert wait_until(counter.exists)
    freezer.freeze(groups)
    before = counter.read_text()
    time.sleep(0.1)

    assert freezer.is_frozen(groups)
    assert counter.read_text() == before
    freezer.thaw(groups)
    assert not freezer.is_frozen(groups)
    assert wait_until(lambda: counter.read_text() != before)
    freezer.freeze(groups)  # and so it ends all the same
    lives.did("rm", "-f", "busy")


@needs_root
def test_pause_and_unpause_by_name(lives: Life, box: State) -> None:
    assert lives.did("pause", "box") == "box\n"
    assert "(Paused)" in lives.did("ps")
    assert '"paused": true' in lives.did("inspect", "box")
    again = lives.cfs("pause", "box")
    assert (again.returncode, again.stdout) == (1, "")
    for done in (again, lives.cfs("exec", "box", "true")):
        assert (
            done.stderr == "cfs: box is paused\n  Hint: `cfs unpause box` "
            "lets it go on.\n"
        )
    assert lives.did("unpause", "box") == "box\n"
    assert "(Paused)" not in lives.did("ps")
    assert lives.cfs("unpause", "box").stderr == "cfs: box is not paused\n"
    assert sh(lives, "echo here") == "here\n"


@needs_root
@pytest.mark.parametrize("line", [["kill"], ["stop", "-t", 0], ["rm", "-f"]], ids=str)
def test_what_is_paused_can_be_ended(lives: Life, line: list[object]) -> None:
    container = lives.start(*SLEEP)
    lives.did("pause", container.id)
    start = time.monotonic()
    lives.did(*line, container.id)

    assert time.monotonic() - start < 20
    if line != ["rm", "-f"]:
        assert container.end()[0] in (137, 143)


def test_what_ends_while_it_is_to_be_paused_is_said_to_have_ended(
    lives: Life, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    container, freeze = lives.start(*SLEEP), freezer.freeze

    def too_late(groups: list[str]) -> None:
        lives.did("kill", container.id)
        freeze(groups)

    monkeypatch.setenv("XDG_RUNTIME_DIR", lives.env["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(freezer, "freeze", too_late)

    assert inside_commands.pause([container.id]) == 1
    assert f"cfs: {container.name} does not run\n" in capsys.readouterr().err
    lives.did("rm", container.id)


@needs_root
def test_what_is_paused_ends_with_its_monitor(lives: Life) -> None:
    container = lives.start(*SLEEP)
    lives.did("pause", container.id)
    pid1, groups = container.pid1(), container.groups()
    container.maker().send(9)

    assert pid1
    assert pid1.wait(30)
    assert wait_until(lambda: not any(map(os.path.exists, groups)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root has a group for each container")
def test_without_a_group_an_error_says_that_it_cannot_be_paused(
    lives: Life, box: State
) -> None:
    if box.groups():
        pytest.skip("this user may make groups")
    done = lives.cfs("pause", "box")

    assert done.returncode == 1
    assert done.stderr.startswith("cfs: box cannot be paused: it has no cgroup\n")


# top and stats:


def test_top_shows_both_pids_of_each_process(lives: Life, box: State) -> None:
    lives.did("exec", "-d", "box", "sh", "-c", "sleep 1008 & sleep 1009; wait")
    assert wait_until(lambda: "sleep 1009" in lives.did("top", "box"))
    head, *rows = lives.did("top", "box").splitlines()
    found = {line.split(maxsplit=5)[5]: line.split() for line in rows}
    pid1 = box.pid1()

    assert head.split() == ["PID", "INSIDE", "PPID", "UID", "TIME", "COMMAND"]
    assert pid1
    assert found["cfs"][:2] == [str(pid1.pid), "1"]
    assert found["sleep 1000"][1:4] == ["2", str(pid1.pid), str(os.geteuid())]
    assert {"sleep 1008", "sleep 1009"} < {*found}
    assert len(found) == 5


def test_top_shows_no_control_characters(lives: Life, box: State) -> None:
    lives.did("exec", "-d", "box", "sh", "-c", "sleep 9; : \x1b[2J")

    assert wait_until(lambda: "x1b[2J" in lives.did("top", "box"))
    assert "\x1b" not in lives.did("top", "box")


def test_stats_once(lives: Life, box: State) -> None:
    for words in ([], ["box"]):
        head, *rows = lives.did("stats", "--no-stream", *words).splitlines()
        (row,) = [it for it in rows if it.startswith(box.id[:12])]
        assert head.startswith("CONTAINER ID   NAME")
        assert row.split()[:2] == [box.id[:12], "box"]
        assert row.split()[-1] == "2"


@needs_root
def test_stats_of_one_that_works(lives: Life) -> None:
    container = lives.start("-m", "64m", "sh", "-c", "while :; do :; done")
    row = lives.did("stats", "--no-stream", container.id).splitlines()[1]

    percent = float(row.split()[2].removesuffix("%"))
    assert 1 < percent < 150
    assert "/ 64MiB" in row
    lives.did("rm", "-f", container.id)


# cp:


def test_a_file_comes_out_and_belongs_to_us(
    lives: Life, box: State, tmp_path: Path
) -> None:
    sh(lives, "echo hi > /f; chmod 4640 /f; touch -d 2001-02-03 /f")
    lives.did("cp", "box:/f", tmp_path)
    lives.did("cp", "box:f", tmp_path / "new")

    for name in ("f", "new"):
        status = (tmp_path / name).stat()
        assert (tmp_path / name).read_text() == "hi\n"
        assert stat.S_IMODE(status.st_mode) == 0o640  # out here, it is not setuid
        assert status.st_uid == os.geteuid()
        assert time.gmtime(status.st_mtime).tm_year == 2001


def test_a_directory_comes_out_with_all_that_is_in_it(
    lives: Life, box: State, tmp_path: Path
) -> None:
    make = """mkdir -p /d/e/empty; echo 1 > /d/e/f; ln /d/e/f /d/hard; mkfifo /d/fifo
ln -s /etc/passwd /d/link; echo > "/d/a name
with é"; chmod 500 /d/e"""
    sh(lives, make)
    lives.did("cp", "box:/d", tmp_path)
    lives.did("cp", "box:/d/.", tmp_path / "same")

    for top in ("d", "same"):
        found = sorted(
            str(it.relative_to(tmp_path / top)) for it in (tmp_path / top).rglob("*")
        )
        names = ["a name\nwith é", "e", "e/empty", "e/f", "fifo", "hard", "link"]
        assert found == names
        assert os.readlink(tmp_path / top / "link") == "/etc/passwd"
        assert (tmp_path / top / "hard").samefile(tmp_path / top / "e/f")
        assert stat.S_IMODE((tmp_path / top / "e").stat().st_mode) == 0o500
        assert stat.S_ISFIFO((tmp_path / top / "fifo").stat().st_mode)
        (tmp_path / top / "e").chmod(0o700)


def test_files_go_in_and_belong_to_root(
    lives: Life, box: State, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/script").write_text("#!/bin/sh\necho it runs\n")
    (tree / "sub/script").chmod(0o755)
    lives.did("cp", tree, "box:/tmp")
    lives.did("cp", f"{tree}/.", "box:/tmp/new")
    lives.did("cp", tree / "sub/script", "box:/bin/script")

    assert (
        sh(lives, "/tmp/tree/sub/script; /tmp/new/sub/script; script")
        == "it runs\n" * 3
    )
    assert sh(lives, "stat -c '%u %g %a' /tmp/tree/sub/script") == "0 0 755\n"


def test_archives_keep_their_owners(lives: Life, box: State, tmp_path: Path) -> None:
    sh(lives, "mkdir /d; echo hi > /d/f; chmod 4755 /d/f")
    printed = raw(lives, "cp", "box:/d", "-").stdout
    with tarfile.open(fileobj=io.BytesIO(printed)) as archive:
        found = {it.name: (it.mode, it.uid, it.gid) for it in archive}
    assert found == {"d": (0o755, 0, 0), "d/f": (0o4755, 0, 0)}

    assert raw(lives, "cp", "-", "box:/tmp", data=printed).returncode == 0
    assert sh(lives, "cat /tmp/d/f; stat -c '%u %a' /tmp/d/f") == "hi\n0 4755\n"


def test_no_link_in_the_container_leads_to_the_hosts_files(
    lives: Life, box: State, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("of the host")
    up = "../" * 30
    sh(lives, f"ln -s {tmp_path} /out; ln -s {up}{tmp_path} /up; ln -s /tmp /in")
    for path in (
        "/out/secret",
        "/up/secret",
        f"/{up}{tmp_path}/secret",
        f"/proc/self/root{tmp_path}/secret",
        "/proc/self/cwd/x",
    ):
        done = lives.cfs("cp", f"box:{path}", tmp_path / "got")
        assert done.returncode == 125
        assert "No such file" in done.stderr
        assert lives.cfs("cp", tmp_path / "secret", f"box:{path}").returncode == 125
    lives.did("cp", tmp_path / "secret", "box:/in/")

    assert sorted(os.listdir(tmp_path)) == ["secret"]
    assert (tmp_path / "secret").read_text() == "of the host"
    assert sh(lives, "cat /tmp/secret") == "of the host"


@pytest.mark.parametrize("name", ["../out", "/out", "d/../../out", "link/out"])
def test_a_hostile_archive_writes_nothing_outside(
    lives: Life, box: State, tmp_path: Path, name: str
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(name))
    done = raw(lives, "cp", "-", "box:/tmp", data=file.getvalue())

    assert done.returncode == 125
    assert b"Traceback" not in done.stderr
    assert "out" not in sh(lives, "ls / /etc")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (["box:/nosuch", "."], "nosuch: No such file"),
        (["/nosuch", "box:/tmp"], "nosuch: No such file"),
        (["box:/etc/passwd", "/nosuch/there"], "No such file"),
        (["/etc/passwd", "box:/nosuch/there"], "No such file"),
        (["/etc/passwd", "box:/nosuch/"], "no directory /nosuch/"),
        (["box:/etc", "/etc/passwd"], "is no directory"),
        (["/etc/passwd", "/tmp"], "one of the two"),
        (["box:/etc/passwd", "box:/tmp"], "one of the two"),
        (["-", "box:/tmp"], "no archive"),
    ],
    ids=str,
)
def test_what_cannot_be_copied_is_one_line_of_error(
    lives: Life, box: State, line: list[str], error: str
) -> None:
    done = lives.cfs("cp", *line)

    assert done.returncode == 125
    assert error in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_what_is_large_comes_through(lives: Life, box: State, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 9
    (tmp_path / "large").write_bytes(data)
    lives.did("cp", tmp_path / "large", "box:/tmp")
    lives.did("cp", "box:/tmp/large", tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == data


# diff:


def test_diff_shows_what_was_added_changed_and_deleted(lives: Life, box: State) -> None:
    assert lives.did("diff", "box") == ""
    make = """mkdir -p /new/dir; echo > /new/dir/f; echo x >> /etc/group
rm /etc/passwd; chmod 700 /bin/true; mv /etc/hosts /moved 2>/dev/null || :"""
    sh(lives, make)
    found = lives.did("diff", "box").splitlines()

    assert {"A /new", "A /new/dir", "A /new/dir/f"} < {*found}
    assert {"C /etc", "C /etc/group", "D /etc/passwd"} < {*found}
    assert not [it for it in found if it[2:].startswith(("/proc", "/dev", "/sys"))]


def test_diff_leaves_out_what_is_mounted(lives: Life, tmp_path: Path) -> None:
    lives.start("--name", "vol", "-v", f"{tmp_path}:/vol", *SLEEP)
    lives.did("exec", "vol", "sh", "-c", "echo > /vol/f; echo > /dev/shm/g")

    assert lives.did("diff", "vol") == ""
    lives.did("rm", "-f", "vol")


def test_output_that_nobody_reads_is_no_traceback(lives: Life, box: State) -> None:
    line = f"{' '.join(CFS)} cp box:/bin - | head -c 9 >/dev/null"
    done = subprocess.run(
        ["sh", "-c", line], env=lives.env, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
