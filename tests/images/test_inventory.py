"""What is in a rootfs, and what is not."""

from pathlib import Path

from cfslib.images import host_tools, inventory


def test_what_is_at_the_top_is_counted_with_all_below(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/one").write_bytes(b"12345")
    (tmp_path / "usr/two").write_bytes(b"678")
    (tmp_path / "usr/link").symlink_to("two")
    (tmp_path / "bin").symlink_to("usr/bin")
    bin_, usr = inventory.directories(tmp_path)

    assert (usr.name, usr.link, usr.files, usr.links, usr.size) == (
        "usr", None, 2, 1, 8
    )  # fmt: skip
    assert (bin_.name, bin_.link, bin_.size) == ("bin", "usr/bin", 0)


def test_an_empty_directory_lacks_everything(tmp_path: Path) -> None:
    lacking = {str(lack.path) for lack in inventory.lacks(tmp_path)}

    assert lacking >= {"/proc", "/sys", "/dev", "/etc/passwd", "/bin/sh", "/tmp"}


def test_the_rootfs_of_everyday_tools_lacks_nothing(tmp_path: Path) -> None:
    host_tools.build(tmp_path)

    assert inventory.lacks(tmp_path) == []
