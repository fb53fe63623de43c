"""`cfs image build`: what it prints, how it ends, and what it leaves behind."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.builder.conftest import Cfs, cached
from tests.conftest import needs_namespaces, wait_until

pytestmark = needs_namespaces
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def leftovers(cfs: Cfs) -> list[str]:
    """Return what builds have left that goes on."""
    builds = cfs.data / "cfs/builds"
    return os.listdir(builds) if builds.exists() else []


def test_each_step_is_told_and_then_what_its_command_prints(cfs: Cfs) -> None:
    lines = cfs.built('FROM base:1\nENV A=1\nRUN echo hello; echo $A\nCMD ["ls"]\n')

    assert lines == [
        "[1/4] FROM base:1",
        "[2/4] ENV A=1",
        "[3/4] RUN echo hello; echo $A",
        "hello",
        "1",
        '[4/4] CMD ["ls"]',
        "Built image: tool:1",
    ]
    assert not leftovers(cfs)


def test_what_was_built_runs(cfs: Cfs) -> None:
    cfs.built('FROM base:1\nRUN echo made > /made\nCMD ["cat", "/made"]\n')

    assert cfs.run() == "made\n"


def test_an_image_of_this_machines_tools_needs_no_other(cfs: Cfs) -> None:
    cfs.built('FROM host-tools\nRUN echo made > /made\nCMD ["cat", "/made"]\n')

    assert cfs.run() == "made\n"


def test_a_failing_command_ends_the_build_with_its_code_and_names_its_line(
    cfs: Cfs,
) -> None:
    done = cfs.build("FROM base:1\n\n#\nRUN echo to && \\\n  exit 3\nRUN ls\n")

    assert done.code == 3
    assert done.error.splitlines()[0] == (
        "cfs: Dockerfile:4: RUN echo to && exit 3: exit code 3"
    )
    assert done.out.splitlines()[-1] == "to"
    assert cfs("run", "--image", "tool:1", "ls").code == 125
    assert not leftovers(cfs)


@pytest.mark.parametrize(
    ("step", "code", "error"),
    [
        ('["nothing-of-this-name"]', 127, "nothing-of-this-name"),
        ('["/etc/passwd"]', 126, "/etc/passwd"),
        ("nothing-of-this-name", 127, "exit code 127"),
    ],
)
def test_a_command_that_is_not_there_says_which(
    step: str, code: int, error: str, cfs: Cfs
) -> None:
    done = cfs.build(f"FROM base:1\nRUN {step}\n")

    assert done.code == code
    assert "cfs: Dockerfile:2: RUN" in done.error
    assert error in done.error


def test_what_was_built_before_keeps_its_name_if_the_next_build_fails(
    cfs: Cfs,
) -> None:
    cfs.built('FROM base:1\nCMD ["echo", "old"]\n')
    assert cfs.build('FROM base:1\nCMD ["echo", "new"]\nRUN false\n').code == 1

    assert cfs.run() == "old\n"


def test_run_true_makes_no_layer(cfs: Cfs) -> None:
    """As Docker's first builder; others have directories in it, or nothing."""
    cfs.built("FROM base:1\nRUN true\nRUN ls / > /dev/null\n")

    assert len(cfs.config["rootfs"]["diff_ids"]) == 2
    assert [step.get("empty_layer") for step in cfs.config["history"]] == [True, True]


def test_mount_points_of_a_container_are_in_no_layer(cfs: Cfs) -> None:
    """Not /etc/hosts and /etc/resolv.conf either, nor what a command writes there."""
    cfs.write({"sh": Path("/bin/true").read_bytes()})
    cfs.built(
        "FROM base:1 AS tools\nFROM scratch\n"
        "COPY --from=tools / /\n"
        "RUN rm -r /etc && exit 1 || echo nameserver 192.0.2.1 > /etc/resolv.conf\n"
        "RUN echo x > /x\n"
    )

    assert (cfs.tree / "x").read_text() == "x\n"
    assert not (cfs.tree / "etc/resolv.conf").exists()
    assert len(cfs.config["rootfs"]["diff_ids"]) == 3


def test_a_root_without_etc_stays_so(cfs: Cfs) -> None:
    names = " ".join(f"/{name}" for name in ("bin", "lib", "lib64", "usr"))
    cfs.built(
        "FROM base:1 AS tools\nFROM scratch\n"
        + "".join(f"COPY --from=tools {name} {name}\n" for name in names.split())
        + "COPY --from=tools /usr /usr\nRUN /usr/bin/touch /x\n"
    )

    found = {path.name for path in cfs.tree.iterdir()}
    assert "x" in found
    assert found.isdisjoint({"etc", "dev", "proc", "sys"})


def test_commands_have_no_network_if_that_is_asked_for(cfs: Cfs) -> None:
    text = "FROM base:1\nRUN cat /proc/net/dev\n"
    alone = cfs.built(text, "--network", "none")
    shared = cfs.built(text)

    assert interfaces(alone) == ["lo"]
    assert cached(shared) == [False]
    ours = Path("/proc/net/dev").read_text().splitlines()
    assert interfaces(shared) == interfaces(ours)


def interfaces(lines: list[str]) -> list[str]:
    """Return the names in lines of /proc/net/dev."""
    found = [line.partition(":") for line in lines if not line.startswith("[")]
    return sorted(name.strip() for name, _, rest in found if len(rest.split()) == 16)


def test_commands_have_the_rights_that_a_container_has(cfs: Cfs) -> None:
    there = cfs("run", "--image", "base:1", "cat", "/proc/self/status").out
    kinds = ("Cap", "Seccomp", "NoNewPrivs")
    rights = [line for line in there.splitlines() if line.startswith(kinds)]
    lines = cfs.built("FROM base:1\nRUN cat /proc/self/status\n")

    assert rights
    assert set(rights) <= set(lines)


def test_no_step_waits_for_what_is_typed(cfs: Cfs) -> None:
    assert "end" in cfs.built("FROM base:1\nRUN cat; echo end\n")


def test_an_image_without_a_name_has_an_id(cfs: Cfs) -> None:
    cfs.write({"Dockerfile": 'FROM base:1\nCMD ["echo", "here"]\n'})
    done = cfs("image", "build", cfs.files)
    name = done.out.splitlines()[-1].removeprefix("Built image: ")

    assert name.startswith("files@sha256:")
    assert cfs("run", "--image", name).out == "here\n"


def test_an_image_may_get_several_names(cfs: Cfs) -> None:
    cfs.built("FROM base:1\n", "-t", "other:2")

    assert cfs("run", "--image", "other:2", "echo", "x").out == "x\n"
    assert cfs.store.find("other:2").config == cfs.image.config


def test_a_target_is_built_without_what_it_does_not_need(cfs: Cfs) -> None:
    text = (
        "FROM base:1 AS one\nRUN echo one > /x\nFROM base:1 AS two\nRUN exit 9\n"
        "FROM one\nRUN exit 8\n"
    )
    lines = cfs.built(text, "--target", "ONE")
    done = cfs.build(text, "--target", "nowhere")

    assert [line for line in lines if line.startswith("[")][-1].startswith("[2/2]")
    assert "there is no stage nowhere" in done.error


def test_a_given_value_that_nobody_asks_for_is_told(cfs: Cfs) -> None:
    lines = cfs.built("FROM base:1\n", "--build-arg", "TYPO=1")

    assert "no ARG asks for --build-arg TYPO" in lines


def test_a_dockerfile_may_be_elsewhere(cfs: Cfs, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("FROM base:1\nCOPY x /x\nRUN nothing\n")
    cfs.write({"x": "x"})
    done = cfs("image", "build", "-f", tmp_path / "other", cfs.files)

    assert f"{tmp_path}/other:3" in done.error


# Two at once, and builds that are ended.


def test_two_builds_at_once_give_two_images(cfs: Cfs) -> None:
    text = "FROM base:1\nRUN echo {} > /who; sleep 0.2\nCOPY big /\nRUN cat /who\n"
    cfs.write({"big": b"x" * 3_000_000, "one": text.format(1), "two": text.format(2)})
    running = [
        cfs.start("image", "build", "-t", name, "-f", cfs.files / name, cfs.files)
        for name in ("one", "two", "one")
    ]
    said = [process.communicate(timeout=120) for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], said
    for name, text in (("one", "1\n"), ("two", "2\n")):
        assert cfs("run", "--image", name, "cat", "/who").out == text
    assert not leftovers(cfs)


def sleeping(cfs: Cfs) -> "subprocess.Popen[str]":
    """Return a build whose command runs."""
    cfs.write(
        {"Dockerfile": "FROM base:1\nRUN echo 1 > /1\nRUN echo ready; sleep 98765\n"}
    )
    process = cfs.start("image", "build", "-t", "tool:1", cfs.files)
    assert process.stdout
    assert "ready\n" in iter(process.stdout.readline, "")
    return process


def are_asleep() -> bool:
    """Say if a command of such a build runs."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(b"sleep\0") and b"98765" in line:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_interrupted_leaves_nothing(number: int, cfs: Cfs) -> None:
    process = sleeping(cfs)
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert not are_asleep()
    assert not leftovers(cfs)
    assert [image.familiar for image in cfs.store.images()] == ["base:1"]


def test_what_is_left_of_a_killed_build_prune_clears(cfs: Cfs) -> None:
    process = sleeping(cfs)
    process.kill()
    process.communicate(timeout=60)
    left = leftovers(cfs)

    assert wait_until(lambda: not are_asleep())
    assert left
    assert cfs("image", "prune").code == 0
    assert not leftovers(cfs)
    assert not os.listdir(cfs.data / "cfs/steps")
    assert cached(cfs.built("FROM base:1\nRUN echo 1 > /1\n")) == [False]


@pytest.mark.parametrize("delay", [0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
def test_a_store_works_on_whenever_a_build_is_killed(delay: float, cfs: Cfs) -> None:
    text = "FROM base:1\nRUN echo 1 > /1\nCOPY x /x\nRUN echo 2 > /2\n"
    cfs.write({"x": b"x" * 1_000_000, "Dockerfile": text})
    process = cfs.start("image", "build", "-t", "tool:1", cfs.files)
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)
    assert cfs("image", "prune").code == 0
    assert not leftovers(cfs)

    cfs.built(text)
    assert cfs.run("cat", "/1", "/2") == "1\n2\n"


# Where no overlay can be on the disk.

OVERLAY = """
    cd "$1" && mkdir below upper work home && mount -t overlay overlay
    -o lowerdir=below,upperdir=upper,workdir=work home && shift && exec "$@"
"""


@needs_root
def test_layers_are_in_memory_where_the_disk_is_an_overlay_itself(
    cfs: Cfs, tmp_path: Path
) -> None:
    text = "FROM host-tools\nRUN echo 1 > /1\nRUN rm /1\nCOPY x /x\nRUN cat /x\n"
    cfs.write({"Dockerfile": text, "x": "from a file"})
    cfs.data = tmp_path / "home"
    build = cfs.start_line("image", "build", cfs.files)
    overlay = ["sh", "-c", " ".join(OVERLAY.split()), "sh", str(tmp_path)]
    done = subprocess.run(
        ["unshare", "-m", *overlay, *build],
        capture_output=True,
        text=True,
        env=cfs.environment,
    )

    assert done.returncode == 0, done.stderr
    assert "from a file" in done.stdout
    assert "Built image" in done.stdout
