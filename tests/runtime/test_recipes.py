import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cfslib.kernel import syscalls
from cfslib.runtime import container, recipes, shelf
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

SPEC = Spec(["true"])


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(recipes, "_found", {})
    monkeypatch.setattr(shelf, "directory", lambda _: os.fsencode(tmp_path / "shelf"))
    return tmp_path / "shelf"


def test_the_command_has_no_part_in_the_name() -> None:
    assert recipes.name_of(SPEC) == recipes.name_of(replace(SPEC, argv=["ps", "a"]))


def test_other_options_have_another_name(tmp_path: Path) -> None:
    specs = [
        SPEC,
        replace(SPEC, hostname="another"),
        replace(SPEC, read_only=True),
        replace(SPEC, env={"A": "1"}),
        replace(SPEC, rootfs=tmp_path),
        replace(SPEC, rootfs=tmp_path.parent),
    ]

    assert len({recipes.name_of(spec) for spec in specs}) == len(specs)


def test_a_relative_rootfs_is_another_in_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, rootfs=Path("rootfs"))
    here = recipes.name_of(spec)
    monkeypatch.chdir(tmp_path)

    assert recipes.name_of(spec) != here


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, volumes=[Volume(Path("/etc"), Path("/mnt"))]),
        replace(SPEC, user="nobody"),
        replace(SPEC, terminal=True),
    ],
)
def test_where_files_inside_are_asked_there_is_no_recipe(spec: Spec) -> None:
    assert recipes.name_of(spec) is None
    assert recipes.find(spec) is None


@needs_namespaces
def test_a_container_made_plainly_leaves_a_recipe(directory: Path) -> None:
    with syscalls.trace():
        container.capture(SPEC)

    assert os.listdir(directory) == [recipes.name_of(SPEC)]
    assert recipes.find(SPEC)
    assert recipes.find(replace(SPEC, hostname="another")) is None


@needs_namespaces
def test_nothing_of_one_container_is_in_its_recipe() -> None:
    with syscalls.trace() as calls:
        container.capture(SPEC)
    recipe = recipes.find(SPEC)
    assert recipe
    own = {call.result for call in calls if call.name == "clone"}
    written = repr(recipe)

    assert own
    assert not any(f"/{pid}/" in written or f"-{pid}-" in written for pid in own)


@needs_namespaces
def test_a_container_that_was_not_made_leaves_no_recipe(directory: Path) -> None:
    with pytest.raises(OSError, match="no-such-place"):
        container.capture(replace(SPEC, workdir="/no-such-place"))

    assert not directory.exists()


def test_a_forgotten_recipe_is_looked_up_again(directory: Path) -> None:
    name = recipes.name_of(SPEC)
    assert name
    recipes.save(name, {"root": "/before", "code": []})
    before = recipes.find(SPEC)
    recipes.save(name, {"root": "/after", "code": []})

    assert recipes.find(SPEC) is before
    recipes.forget(SPEC)
    after = recipes.find(SPEC)
    assert after
    assert after["root"] == "/after"


def test_a_second_name_leads_to_the_same_and_is_written_once(directory: Path) -> None:
    name = recipes.name_of(SPEC)
    assert name
    recipes.save(name, {"root": "/rootfs"})
    recipes.also_as("run", SPEC)
    written = (directory / "run").stat()
    recipes.also_as("run", SPEC)
    recipe = shelf.load(os.fsencode(directory), "run")

    assert recipe
    assert recipe["root"] == "/rootfs"
    assert (directory / "run").stat().st_ino == written.st_ino


def test_a_full_shelf_is_cleared(directory: Path) -> None:
    for number in range(recipes.ENOUGH + 2):
        recipes.save(f"run {number}", {})

    assert os.listdir(directory) == [f"run {recipes.ENOUGH + 1}"]


def test_a_shelf_that_cannot_be_written_is_no_error(directory: Path) -> None:
    directory.write_text("in its way")
    recipes.save("run", {})

    assert directory.read_text() == "in its way"


def test_a_draft_of_somebody_else_is_not_written_through(directory: Path) -> None:
    directory.mkdir()
    victim = directory.with_name("victim")
    victim.write_text("mine")
    (directory / f"new-{os.getpid()}").symlink_to(victim)
    recipes.save("run", {})

    assert victim.read_text() == "mine"


AS_IT_WAS = """
import sys
sys.path.insert(0, sys.argv[1])
from cfslib.isolation import masks
from cfslib.runtime import container, recipes
from cfslib.runtime.spec import Spec

spec = Spec(["true"])
for change in sys.argv[2:]:
    with open(masks.__file__, "a") as file:
        file.write(change)
container.capture(spec)
print(bool(recipes.find(spec)))
"""


@needs_namespaces
def test_a_process_that_has_not_seen_our_code_change_writes_no_recipe(
    tmp_path: Path,
) -> None:
    """Else it would write down the old ways, and they would pass for the new ones."""
    package = Path(recipes.__file__).parent
    shutil.copytree(package, tmp_path / "cfslib")
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def is_there(*changes: str) -> str:
        words = [sys.executable, "-I", "-c", AS_IT_WAS, str(tmp_path), *changes]
        return subprocess.check_output(words, env=env, text=True)

    assert is_there("# new\n") == "False\n"
    assert is_there() == "True\n"
    assert is_there() == "True\n"
    assert is_there("# newer\n") == "False\n"


def test_the_places_of_a_link_are_all_on_its_way(tmp_path: Path) -> None:
    for name in ("bin", "alternatives", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib/vim").touch()
    (tmp_path / "alternatives/vi").symlink_to(tmp_path / "lib/vim")
    (tmp_path / "bin/vi").symlink_to("../alternatives/vi")

    places = [Path(place).resolve() for place in recipes._places(f"{tmp_path}/bin/vi")]
    assert places == [tmp_path / name for name in ("bin", "alternatives", "lib")]
