"""A container that tries to leave does not get out of it."""

import pytest

from tests.image.conftest import Image

# In a user namespace with every right there, right in the image, /proc unmasked.
IN_A_NAMESPACE = [
    *("unshare", "--user", "--map-root-user", "--mount"),
    *("--pid", "--fork", "--mount-proc"),
]
CLIMB = """
    mkdir "/tmp/deep"; chroot "/tmp/deep";
    chdir ".." for 1..99;
    chroot "."; chdir "/";
    print -e "CONTAINER_ROOTFS" ? "still inside" : "outside";
"""


def test_climbing_out_of_the_root_ends_at_the_root(image: Image) -> None:
    climb = ["cfs", "run", "--cap-add", "SYS_CHROOT", "perl", "-e", CLIMB]

    assert image.run(*climb).stdout == "still inside"


@pytest.mark.parametrize(
    "around", [("cfs", "run"), IN_A_NAMESPACE], ids=["cfs", "unshare"]
)
@pytest.mark.parametrize(
    "attempt",
    [
        "echo 1 >/proc/sys/kernel/panic",
        "echo core >/proc/sys/kernel/core_pattern",
        "echo 0 >/proc/sys/vm/overcommit_memory",
        "echo h >/proc/sysrq-trigger",
        "mknod /tmp/disk b 254 0",
        "mount -t ext4 /dev/vda /mnt",
        "mount -t ext4 /dev/sda1 /mnt",
        "mount -t debugfs none /mnt",
        "head -c 1 /proc/kcore",
        "cat /proc/1/root/etc/shadow",
    ],
)
def test_an_attempt_on_the_machine_is_refused(
    image: Image, around: list[str], attempt: str
) -> None:
    done = image.run(*around, "sh", "-c", f"{attempt} && echo succeeded")

    assert "succeeded" not in done.stdout
    assert done.returncode != 0


def test_root_inside_cannot_read_what_others_own(image: Image) -> None:
    volume = ["cfs", "run", "--volume", "/etc:/data"]

    assert image.run(*volume, "cat", "/data/hostname").returncode == 0
    assert "denied" in image.run(*volume, "cat", "/data/shadow").stdout
    assert "denied" in image.run(*volume, "touch", "/data/new").stdout


def test_the_rest_of_the_image_is_not_seen(image: Image) -> None:
    seen = image.run(
        "cfs", "run", "sh", "-c", "ls -d /opt/cfs /home/learner; ps -e"
    ).stdout

    assert seen.count("No such file") == 2
    assert "tini" not in seen
