"""A container that tries to leave does not get out of it, and this is why."""

from dataclasses import dataclass

import pytest

from tests.image.conftest import Image

# A container that is root over more than it should be: with every right in namespaces
# of its own, right in the image, with the whole of /proc.
IN_NAMESPACES = [
    *("unshare", "--user", "--map-root-user", "--mount"),
    *("--pid", "--fork", "--mount-proc"),
]
SURROUNDINGS = {"cfs": ["cfs", "run"], "unshare": IN_NAMESPACES}
CLIMB = """
    mkdir "/tmp/deep"; chroot "/tmp/deep";
    chdir ".." for 1..99;
    chroot "."; chdir "/";
    print -e "CONTAINER_ROOTFS" ? "still inside" : "outside";
"""


@dataclass(frozen=True)
class Attempt:
    """What a container tries, and what shows that it is tried in the right way."""

    program: str
    cfs: str  # why a container of ours cannot
    unshare: str  # why nobody else can either
    control: str  # the same where it is allowed, in `unshare`


TAKEN = "Operation not permitted"
DENIED = "Permission denied"
ATTEMPTS = {
    "a setting of the kernel": Attempt(
        "echo 1 >/proc/sys/kernel/panic",
        *("Read-only file system", DENIED),
        "echo 1 >/proc/sys/user/max_user_namespaces",
    ),
    "a program for the kernel to start": Attempt(
        "echo '|/tmp/evil' >/proc/sys/kernel/core_pattern",
        *("Read-only file system", DENIED),
        "echo 1 >/proc/self/oom_score_adj",
    ),
    "memory of the kernel": Attempt(
        "echo 0 >/proc/sys/vm/overcommit_memory",
        *("Read-only file system", DENIED),
        "echo 1 >/proc/sys/user/max_mnt_namespaces",
    ),
    "a device": Attempt("mknod /tmp/disk b 254 0", TAKEN, TAKEN, "mknod /tmp/pipe p"),
    "a disk": Attempt(
        "mount -t ext4 /dev/vda /mnt",
        *("permission denied", "permission denied"),
        "mount -t tmpfs none /mnt",
    ),
    "what debugs the kernel": Attempt(
        "mount -t debugfs none /mnt",
        *("permission denied", "permission denied"),
        "mount -t ramfs none /mnt",
    ),
    "the root of PID 1": Attempt(
        "cat /proc/1/root/etc/shadow", DENIED, DENIED, "cat /proc/1/root/etc/passwd"
    ),
}


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_on_the_machine_is_refused(
    image: Image, around: str, attempt: Attempt
) -> None:
    program = f"{attempt.program} && echo succeeded"
    done = image.run(*SURROUNDINGS[around], "sh", "-c", program)

    assert getattr(attempt, around) in done.stdout
    assert "succeeded" not in done.stdout
    assert done.returncode != 0


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_where_it_is_allowed_the_attempt_succeeds(
    image: Image, attempt: Attempt
) -> None:
    done = image.run(*IN_NAMESPACES, "sh", "-c", attempt.control)

    assert done.returncode == 0, done.stdout


def test_climbing_out_of_the_root_ends_at_the_root(image: Image) -> None:
    chroot = ["unshare", "--user", "--map-root-user", "chroot", "/opt/rootfs"]
    # `perl -e` would need /dev/null, which `chroot` alone does not bring along.
    climb = ["sh", "-c", f"perl <<'END'\n{CLIMB}\nEND"]

    assert image.run(*chroot, *climb).stdout == "outside"
    assert image.run("cfs", "run", *climb).stdout == "still inside"


@pytest.mark.parametrize("file", ["/proc/kcore", "/proc/sysrq-trigger", "/proc/keys"])
def test_of_what_concerns_the_whole_machine_nothing_is_read(
    image: Image, file: str
) -> None:
    done = image.run("cfs", "run", "sh", "-c", f"wc -c <{file}; echo h >{file}")
    without = "No such file" in done.stdout or "nonexistent" in done.stdout

    assert without or done.stdout.startswith("0\n") or DENIED in done.stdout


def test_root_inside_cannot_read_what_others_own(image: Image) -> None:
    volume = ["cfs", "run", "--volume", "/etc:/data"]

    assert image.run(*volume, "cat", "/data/hostname").returncode == 0
    assert "denied" in image.run(*volume, "cat", "/data/shadow").stdout
    assert "denied" in image.run(*volume, "touch", "/data/new").stdout


def test_the_rest_of_the_image_is_not_seen(image: Image) -> None:
    look = ("sh", "-c", "ls -d /opt/cfs /home/learner; cat /proc/[0-9]*/comm")
    outside = image.run(*look).stdout
    inside = image.run("cfs", "run", *look).stdout

    assert (outside.count("No such file"), "tini" in outside) == (0, True)
    assert (inside.count("No such file"), "tini" in inside) == (2, False)
