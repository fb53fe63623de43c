import os
import stat
import subprocess
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.images.host_tools import MissingTool
from cfslib.isolation import rootfs
from tests.conftest import ROOT, needs_namespaces, own_world


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


def make_script(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho hello\n")
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


def listing(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mode) for path in root.rglob("*"))
