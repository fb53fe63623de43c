import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools, needs
from cfslib.images.host_tools import MissingTool
from cfslib.isolation import mounts, rootfs
from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import TreeFlag
from tests.conftest import ROOT, in_own_mounts, needs_namespaces, own_world
from tests.images.conftest import closed_tool, without_rights

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")


def output_in(root: Path, *argv: str) -> str:
    """Run a program with `root` as its root; return what it prints."""

    def run() -> str:
        own_world(0)
        rootfs.enter_by_chroot(root)
        return subprocess.check_output(argv, text=True, env={"PATH": host_tools.PATH})

    return in_child(run)


@needs_namespaces
def test_a_program_runs_in_what_was_built(tmp_path: Path) -> None:
    host_tools.build(tmp_path, ["sh", "cat"])

    assert output_in(tmp_path, "sh", "-c", "echo hello | cat") == "hello\n"


@needs_namespaces
def test_without_its_loader_a_program_is_not_found(tmp_path: Path) -> None:
    cat = host_tools.find("cat")
    assert cat
    host_tools.copy(cat.resolve(), tmp_path)

    with pytest.raises(FileNotFoundError):
        output_in(tmp_path, str(cat.resolve()))


def test_every_everyday_tool_that_is_here_is_there(tmp_path: Path) -> None:
    host_tools.build(tmp_path)
    found = [
        program for tool in host_tools.EVERYDAY if (program := host_tools.find(tool))
    ]

    assert found
    for program in found:
        assert os.path.lexists(tmp_path / program.relative_to("/"))


def test_a_tool_that_was_asked_for_has_to_be_here(tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match="no-such-tool") as caught:
        host_tools.build(tmp_path / "root", ["sh", "no-such-tool"])

    assert "install" in caught.value.__notes__[0]
    assert not (tmp_path / "root").exists()


def test_the_files_it_came_from_are_named(tmp_path: Path) -> None:
    sources = host_tools.build(tmp_path, ["sh"])

    assert host_tools.find("sh") in sources
    assert any("libc" in source.name for source in sources)


def test_the_libraries_of_a_program_include_its_loader() -> None:
    names = [library.name for library in host_tools.libraries([Path("/bin/sh")])]

    assert any(name.startswith("ld") for name in names)
    assert len(names) == len(set(names))


def test_a_script_has_no_libraries_but_an_interpreter(tmp_path: Path) -> None:
    script = make_script(tmp_path / "hello")

    assert host_tools.libraries([script]) == []
    assert host_tools.interpreters([script]) == [Path("/bin/sh")]


@pytest.mark.parametrize(
    "first_line", ["#!/no/such/interpreter", "#!", "#! ", "", "\x7fELF"], ids=ascii
)
def test_a_file_without_a_usable_first_line_has_no_interpreter(
    first_line: str, tmp_path: Path
) -> None:
    (tmp_path / "script").write_text(f"{first_line}\n")

    assert host_tools.interpreters([tmp_path / "script"]) == []


@needs_namespaces
def test_a_script_from_anywhere_runs_by_its_name(tmp_path: Path) -> None:
    script = make_script(tmp_path / "tools/hello")
    host_tools.build(tmp_path / "root", ["sh", str(script)])

    assert output_in(tmp_path / "root", "hello") == "hello\n"


@needs_namespaces
def test_a_script_finds_its_shell_where_there_is_nothing_but_a_shell(
    tmp_path: Path,
) -> None:
    host_tools.build(tmp_path, ["sh"])
    make_script(tmp_path / "hello")

    assert output_in(tmp_path, "/hello") == "hello\n"


def test_no_link_leads_nowhere(tmp_path: Path) -> None:
    host_tools.build(tmp_path, ["sh"])

    dangling = [p for p in tmp_path.iterdir() if p.is_symlink() and not p.exists()]
    assert dangling == []


def make_script(path: Path, first_line: str = "#!/bin/sh") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(f"{first_line}\necho hello\n".encode())
    path.chmod(0o755)
    return path


def test_a_tool_is_looked_for_where_we_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = make_script(tmp_path / "hello-from-our-path")
    assert host_tools.find(script.name) is None
    monkeypatch.setenv("PATH", str(tmp_path))

    assert host_tools.find(script.name) == script


def test_a_path_is_looked_for_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = make_script(tmp_path / "tools/hello")
    monkeypatch.chdir(tmp_path)

    for path in ("tools/hello", "./tools/hello", str(script)):
        assert host_tools.find(path) == script
    monkeypatch.chdir("tools")
    assert host_tools.find("./hello") == script
    assert host_tools.find("hello") is None


def test_a_file_that_cannot_be_executed_is_no_tool(tmp_path: Path) -> None:
    (tmp_path / "text").touch()

    assert host_tools.find(str(tmp_path / "text")) is None


@pytest.mark.skipif(ROOT, reason="root may look everywhere")
def test_where_we_may_not_look_is_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = make_script(tmp_path / "closed/hidden-from-us")
    monkeypatch.setenv("PATH", str(script.parent))
    script.parent.chmod(0)

    assert host_tools.find(script.name) is None


def test_links_stay_links(tmp_path: Path) -> None:
    host, root = tmp_path / "host", tmp_path / "root"
    (host / "real").mkdir(parents=True)
    (host / "real/file").write_text("found")
    (host / "link").symlink_to("real")
    (host / "real/alias").symlink_to("./file")

    host_tools.copy(host / "link/alias", root)
    host_tools.copy(host / "link/alias", root)  # twice is fine

    there = root / host.relative_to("/")
    assert (there / "link").readlink() == Path("real")
    assert (there / "real/alias").readlink() == Path("file")
    assert (there / "link/alias").read_text() == "found"


def test_a_setuid_program_is_no_longer_one(tmp_path: Path) -> None:
    program = make_script(tmp_path / "program")
    program.chmod(0o4755)

    host_tools.copy(program, tmp_path / "root")

    copied = (tmp_path / "root" / program.relative_to("/")).stat()
    assert stat.S_IMODE(copied.st_mode) == 0o755


def test_a_root_has_what_programs_expect(tmp_path: Path) -> None:
    host_tools.build(tmp_path, ["sh"])

    assert (tmp_path / "etc/passwd").read_text().startswith("root:x:0:0:")
    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o1777
    assert {"dev", "proc", "sys", "root"} <= set(os.listdir(tmp_path))


def test_the_hosts_own_users_are_not_copied(tmp_path: Path) -> None:
    host_tools.build(tmp_path)

    assert (tmp_path / "etc/passwd").read_text() != Path("/etc/passwd").read_text()
    assert not (tmp_path / "etc/shadow").exists()


def test_building_twice_gives_the_same(tmp_path: Path) -> None:
    host_tools.build(tmp_path, ["sh"])
    before = listing(tmp_path)

    host_tools.build(tmp_path, ["sh"])

    assert listing(tmp_path) == before


def listing(root: Path, above: Path = Path("/")) -> list[tuple[str, int]]:
    found = ((path, path.lstat().st_mode) for path in root.rglob("*"))
    return sorted((str(path.relative_to(above)), mode) for path, mode in found)


ELSEWHERE = ("root", "tmp", "etc", "usr/local")  # links to /disk, on some machines


def on_another_host(func: Callable[[], None], scratch: Path) -> None:
    """Call `func` where the directories in ELSEWHERE are absolute links."""

    def child() -> None:
        everything = TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE
        syscalls.mount_setattr(syscalls.open_path("/"), everything, MountFlag.RDONLY)
        syscalls.mount("tmpfs", scratch, "tmpfs")
        for name in ELSEWHERE:
            (scratch / "disk" / name).mkdir(parents=True)
            (scratch / "disk" / name).chmod(0o711)
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).symlink_to(f"/disk/{name}")
        (scratch / "disk/root/.bashrc").write_text("mine")
        make_script(scratch / "disk/tmp/hello")
        for place in [*Path("/").iterdir(), *Path("/usr").iterdir()]:
            if place.is_symlink():
                (scratch / place.relative_to("/")).symlink_to(place.readlink())
            elif {"proc", "dev", "bin", "lib", "lib64"} & {*place.parts[-2:]}:
                there = scratch / place.relative_to("/")
                there.mkdir(exist_ok=True)
                mounts.bind(place, there)
        rootfs.enter_by_chroot(scratch)
        func()

    in_own_mounts(child)


@needs_namespaces
def test_where_the_hosts_directories_are_links_nothing_is_written_outside(
    tmp_path: Path,
) -> None:
    def build() -> None:
        before = listing(Path("/disk"))
        host_tools.build(Path("/new"), ["sh", "/tmp/hello"])

        assert listing(Path("/disk")) == before
        assert Path("/root/.bashrc").read_text() == "mine"
        assert Path("/new/tmp").readlink() == Path("/disk/tmp")
        assert Path("/new/disk/tmp/hello").is_file()
        assert Path("/new/usr/local/bin/hello").readlink() == Path("/tmp/hello")
        assert Path("/new/root").is_dir()

    on_another_host(build, tmp_path)


@pytest.mark.parametrize("name", ["root", "var", "usr", "usr/local", "etc"])
def test_a_link_that_is_there_already_leads_nowhere_else(
    name: str, tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (root / name).parent.mkdir(parents=True)
    (root / name).symlink_to(outside)
    before = listing(outside), outside.stat().st_mode
    script = str(make_script(tmp_path / "tools/hello"))

    with pytest.raises(FileExistsError, match=str(root)):
        host_tools.build(root, ["sh", script])  # inside, that link leads nowhere
    (root / outside.relative_to("/")).mkdir(parents=True)
    host_tools.build(root, ["sh", script])

    assert (listing(outside), outside.stat().st_mode) == before
    assert listing(root / outside.relative_to("/"))


def test_nobody_leads_us_outside_by_swapping_directories(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    swap = """
import os, sys
from contextlib import suppress
os.symlink(sys.argv[1], "link")
while os.getppid() == int(sys.argv[2]):
    for change in (("usr", "kept"), ("link", "usr"), ("usr", "link"), ("kept", "usr")):
        with suppress(OSError):
            os.rename(*change)
"""
    root = tmp_path / "root"
    root.mkdir()
    words = [sys.executable, "-c", swap, str(outside), str(os.getpid())]
    with subprocess.Popen(words, cwd=root) as swapper:
        refused = 0
        for _ in range(40):
            try:
                host_tools.build(root, ["true"])
            except OSError:
                refused += 1
            for name in ("usr", "kept"):
                shutil.rmtree(root / name, ignore_errors=True)
        swapper.kill()

    assert refused  # now and then it got in between
    assert listing(outside) == []


def test_a_link_is_followed_as_the_kernel_does(tmp_path: Path) -> None:
    host, root = tmp_path / "host", tmp_path / "root"
    (host / "long/way").mkdir(parents=True)
    (host / "long/prog").write_text("the right one")
    (host / "prog").write_text("the wrong one")
    (host / "short").symlink_to("long/way")
    (host / "tool").symlink_to("short/../prog")

    host_tools.copy(host / "tool", root)
    host_tools.copy(host / "short/../../long/prog", root)

    there = root / host.relative_to("/")
    assert (there / "tool").read_text() == "the right one"
    assert not (there / "prog").exists()


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        host_tools.copy(tmp_path / "one", tmp_path / "root")


@pytest.mark.parametrize("umask", [0, 0o027, 0o077, 0o777], ids=oct)
def test_modes_are_the_same_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    script = make_script(tmp_path / "tools/hello")
    host_tools.build(tmp_path / "usual", ["sh", str(script)])
    (tmp_path / "other").mkdir()

    def build() -> None:
        os.umask(umask)
        host_tools.build(tmp_path / "other/root", ["sh", str(script)])

    in_child(build)
    here, there = tmp_path / "usual", tmp_path / "other/root"

    assert listing(there, there) == listing(here, here)
    assert stat.S_IMODE(there.stat().st_mode) == 0o755


def test_an_everyday_tool_that_we_may_not_read_is_left_out(tmp_path: Path) -> None:
    closed = closed_tool("cat", tmp_path / "closed")
    path = f"{closed.parent}:{host_tools.PATH}"
    root = tmp_path / "root"
    sources = without_rights(lambda: host_tools.build(root, path=path))

    assert closed in sources  # so that the cache notices when it is opened
    assert (root / "bin/sh").exists()
    assert not (root / closed.relative_to("/")).exists()


def test_a_tool_that_was_asked_for_has_to_be_readable(tmp_path: Path) -> None:
    closed = closed_tool("cat", tmp_path / "closed")
    root = tmp_path / "root"
    with pytest.raises(PermissionError, match=str(closed)) as caught:
        without_rights(lambda: host_tools.build(root, ["sh", str(closed)]))

    assert f"sudo chmod a+r {closed}" in caught.value.__notes__[0]
    assert not root.exists()


def test_what_a_tool_needs_and_we_may_not_read_is_left_out_too(tmp_path: Path) -> None:
    closed = closed_tool("sh", tmp_path / "closed")
    script = make_script(tmp_path / "tools/hello", f"#!{closed} -e")
    root = tmp_path / "root"
    without_rights(lambda: host_tools.build(root, ["sh", str(script)]))

    assert needs.of(script, root).missing() == [str(closed)]


def compiled(place: Path, source: str, *options: str | Path) -> Path:
    """Compile a program, or a library, from a line of C."""
    place.parent.mkdir(parents=True, exist_ok=True)
    words = ["gcc", "-x", "c", "-", "-x", "none", *options, "-o", place]
    subprocess.run(words, input=source, text=True, check=True)
    return place


def library(place: Path) -> Path:
    return compiled(place, "int seven() { return 7; }", "-shared", "-fPIC")


def program(place: Path, *options: str | Path) -> Path:
    source = "int seven(); int main() { return seven(); }"
    return compiled(place, source, *options, "-Wl,--enable-new-dtags")


@needs_namespaces
@needs_gcc
def test_a_link_to_a_program_finds_the_libraries_beside_the_program(
    tmp_path: Path,
) -> None:
    beside = library(tmp_path / "app/lib/libseven.so")
    program(tmp_path / "app/bin/prog", beside, "-Wl,-rpath,$ORIGIN/../lib")
    (tmp_path / "link").symlink_to("app/bin/prog")
    root = tmp_path / "root"
    host_tools.build(root, ["sh", str(tmp_path / "link")])

    assert needs.of(tmp_path / "link", root).missing() == []
    assert output_in(root, "sh", "-c", "link; echo $?") == "7\n"


@needs_namespaces
@needs_gcc
@pytest.mark.parametrize("name", ["spa ce", "=> x (0x1)", "\udcff", "ä"], ids=ascii)
def test_a_library_is_found_whatever_the_name_of_its_directory(
    name: str, tmp_path: Path
) -> None:
    place = tmp_path / name / "libseven.so"
    library(place)
    tool = program(tmp_path / "prog", f"-L{place.parent}", "-lseven",
                   f"-Wl,-rpath,{place.parent}")  # fmt: skip
    root = tmp_path / "root"
    host_tools.build(root, ["sh", str(tool)])

    assert needs.of(tool, root).missing() == []
    assert output_in(root, "sh", "-c", "prog; echo $?") == "7\n"


@needs_namespaces
@needs_gcc
def test_a_library_that_the_machine_was_told_of_is_found(tmp_path: Path) -> None:
    place = library(tmp_path / "lib/libseven.so")
    tool = program(tmp_path / "prog", f"-L{place.parent}", "-lseven")
    (tmp_path / "conf").write_text(f"{place.parent}\n")
    words: list[str | Path] = [
        "/sbin/ldconfig",
        "-X",
        "-C",
        tmp_path / "cache",
        "-f",
        tmp_path / "conf",
    ]
    subprocess.run(words, check=True)

    def build_and_run() -> str:
        mounts.bind(tmp_path / "cache", "/etc/ld.so.cache")
        host_tools.build(tmp_path / "root", ["sh", str(tool)])
        syscalls.umount2("/etc/ld.so.cache")
        return output_in(tmp_path / "root", "sh", "-c", "prog; echo $?")

    assert in_own_mounts(build_and_run) == "7\n"


@needs_namespaces
@needs_gcc
def test_a_program_brings_its_own_loader(tmp_path: Path) -> None:
    usual = host_tools.loaders([Path("/bin/sh")])[0]
    own = Path(shutil.copy(usual, tmp_path / "ld.so"))
    library(tmp_path / "libseven.so")
    tool = program(tmp_path / "prog", tmp_path / "libseven.so",
                   f"-Wl,--dynamic-linker,{own}")  # fmt: skip
    host_tools.build(tmp_path / "root", ["sh", str(tool)])

    assert output_in(tmp_path / "root", "sh", "-c", "prog; echo $?") == "7\n"


@needs_namespaces
@pytest.mark.parametrize("name", [b"sp ace", b"n\xff", b"\xc3\xa4", b"-x", b"a\nb"])
def test_a_tool_may_have_any_name(name: bytes, tmp_path: Path) -> None:
    script = make_script(tmp_path / "tools" / os.fsdecode(name))
    host_tools.build(tmp_path / "root", ["sh", str(script)])

    assert output_in(tmp_path / "root", os.fsdecode(name)) == "hello\n"


FIRST_LINES = {
    "#!/bin/sh -e": [],
    "#! \t /bin/sh\t-e": [],
    "#!/usr/bin/env sh": [],
    "#!/usr/bin/env -S LANG=C sh -e": [],
    "#!{chain} -x": [],
    "#!/no/such -x": ["/no/such"],
    "#!/bin/sh\r": ["/bin/sh\r"],
    "#!/usr/bin/env nosuchtool": ["nosuchtool"],
}


@needs_namespaces
@pytest.mark.parametrize("line", FIRST_LINES)
def test_a_script_gets_what_its_first_line_names(line: str, tmp_path: Path) -> None:
    chain = make_script(tmp_path / "tools/chain", "#!/bin/sh")
    script = make_script(tmp_path / "tools/hello", line.format(chain=chain))
    root = tmp_path / "root"
    host_tools.build(root, ["true", str(script)])
    missing = needs.of(script, root).missing()

    assert missing == FIRST_LINES[line]
    if missing:
        with pytest.raises((OSError, subprocess.CalledProcessError)):
            output_in(root, "hello")
    else:
        assert output_in(root, "hello") == "hello\n"
