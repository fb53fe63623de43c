"""Each security option is needed, is enough, and is missed by its name."""

import json
from pathlib import Path

import pytest

from tests.image.conftest import TOP, Image

PROFILE = TOP / ".docker/seccomp.json"
# What an image cannot have: `cfs doctor` may remark on it.
REMARKS = {"cgroups", "user ids"}
# The calls that Docker's own profile refuses, each with something that needs it.
RUN = ("cfs", "run", "true")
VOLUME = ("cfs", "run", "--volume", "/opt/notebooks:/data:ro", "ls", "/data")
TMPFS = ("cfs", "run", "--mount", "type=tmpfs,target=/data", "ls", "/data")
ROOT = ("unshare", "--user", "--map-root-user", "--uts")
NEEDS = {
    "chroot": (*ROOT, "chroot", "/opt/rootfs", "true"),
    "clone": RUN,
    "fsconfig": TMPFS,
    "fsmount": TMPFS,
    "fsopen": TMPFS,
    "mount": RUN,
    "mount_setattr": VOLUME,
    "move_mount": VOLUME,
    "open_tree": VOLUME,
    "pivot_root": RUN,
    "sethostname": RUN,
    "setns": (*ROOT, "sh", "-c", "nsenter --target $$ --uts true"),
    "umount2": RUN,
    "unshare": ("unshare", "--user", "true"),
}


def added() -> list[str]:
    """Return the calls that the profile allows beyond Docker's."""
    return list(json.loads(PROFILE.read_text())["syscalls"][0]["names"])


def test_with_all_of_them_the_doctor_is_content(image: Image) -> None:
    done = image.run("cfs", "doctor")
    remarks = {
        line[6:22].strip() for line in done.stdout.splitlines() if "note" in line
    }

    assert done.returncode == 0, done.stdout
    assert remarks <= REMARKS, done.stdout
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize("option", ["seccomp", "systempaths", "unmask", "apparmor"])
def test_the_doctor_names_the_one_that_is_missing(image: Image, option: str) -> None:
    options = image.options()
    rest = [other for other in options if f"={option}=" not in other]
    if rest == options:
        pytest.skip(f"{option} is for another engine")
    done = image.run("cfs", "doctor", options=rest)
    if done.returncode == 0 and option == "apparmor":
        pytest.skip("there is no AppArmor here")

    assert f"--security-opt {option}=" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_filter_is_missed_by_name_with_the_capabilities_of_an_engine(
    image: Image,
) -> None:
    options = image.options()
    rest = [it for it in options if "seccomp" not in it and "cap-drop" not in it]
    done = image.run("cfs", "doctor", options=rest)

    assert "--security-opt seccomp=.docker/seccomp.json" in done.stdout
    assert done.returncode != 0


@pytest.mark.parametrize("option", ["cap-drop", "no-new-privileges"])
def test_what_takes_rights_away_is_not_missed(image: Image, option: str) -> None:
    rest = [other for other in image.options() if option not in other]
    done = image.run("cfs", "doctor", options=rest)

    assert len(rest) == len(image.options()) - 1
    assert done.returncode == 0, done.stdout


def test_the_profile_adds_what_is_listed_here() -> None:
    assert added() == sorted(NEEDS)


@pytest.mark.parametrize("call", NEEDS)
def test_every_call_that_the_profile_adds_is_needed(
    image: Image, call: str, tmp_path: Path
) -> None:
    profile = json.loads(PROFILE.read_text())
    profile["syscalls"][0]["names"].remove(call)
    stricter = tmp_path / "seccomp.json"
    stricter.write_text(json.dumps(profile))
    options = [
        word.replace(".docker/seccomp.json", str(stricter)) for word in image.options()
    ]

    assert image.run(*NEEDS[call]).returncode == 0
    refused = image.run(*NEEDS[call], options=options)
    assert refused.returncode != 0
    assert "not permitted" in refused.stdout.lower()
