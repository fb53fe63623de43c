import json
from pathlib import Path
from typing import Any

import pytest

from cfslib.isolation.capabilities import Capability
from cfslib.isolation.seccomp import profile
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.rules import Condition
from cfslib.kernel.syscalls import FilterFlag

pytestmark = pytest.mark.alike

ALLOW = "SCMP_ACT_ALLOW"
ERRNO = "SCMP_ACT_ERRNO"


def rule(**parts: Any) -> dict[str, Any]:
    return {"names": ["mkdir"], "action": ERRNO, **parts}


def text(*rules: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"defaultAction": ALLOW, "syscalls": [*rules], **parts}


def number_of_rules(one: dict[str, Any], **where: Any) -> int:
    return len(profile.read(text(one), **where).rules)


@pytest.mark.parametrize("word", profile.ACTIONS)
def test_every_action_is_known(word: str) -> None:
    assert profile.read({"defaultAction": word}).default.kind == profile.ACTIONS[word]


@pytest.mark.parametrize(
    ("parts", "data"),
    [
        ({}, 1),
        ({"errnoRet": None}, 1),
        ({"errnoRet": 0}, 0),
        ({"errnoRet": 4094}, 4094),
        ({"errno": "ENOSYS"}, 38),
        ({"errnoRet": 5, "errno": "ENOSYS"}, 5),
    ],
)
def test_an_error_is_eperm_unless_it_says_which(
    parts: dict[str, Any], data: int
) -> None:
    (only,) = profile.read(text(rule(**parts))).rules

    assert only.action == Action.ERRNO | data


def test_the_default_has_its_error_in_fields_of_its_own() -> None:
    def default(**parts: Any) -> Action:
        return profile.read(text(**parts) | {"defaultAction": ERRNO}).default

    assert default(defaultErrnoRet=38) == Action.ERRNO | 38
    assert default(defaultErrno="ENOSYS") == Action.ERRNO | 38
    assert default(errnoRet=38) == Action.ERRNO | 1


MASK = {"index": 2, "op": "SCMP_CMP_MASKED_EQ", "value": 7, "valueTwo": 3}


@pytest.mark.parametrize(
    ("arguments", "holds"), [((0, 0, 3), True), ((0, 0, 11), True), ((0, 0, 2), False)]
)
def test_of_a_mask_comes_the_mask_first(
    arguments: tuple[int, ...], holds: bool
) -> None:
    (only,) = profile.read(text(rule(args=[MASK]))).rules

    assert only.conditions == (Condition(2, "MASKED_EQ", 3, mask=7),)
    assert only.conditions[0].holds(arguments) == holds


def test_bits_that_the_mask_has_not_are_not_compared() -> None:
    (only,) = profile.read(text(rule(args=[MASK | {"valueTwo": 11}]))).rules

    assert only.conditions == (Condition(2, "MASKED_EQ", 3, mask=7),)


MODULE = {Capability.SYS_MODULE}
BOTH = MODULE | {Capability.SYS_BOOT}
CAPS = {"caps": ["CAP_SYS_MODULE", "CAP_SYS_BOOT"]}


@pytest.mark.parametrize(
    ("parts", "where", "count"),
    [
        # All that it includes have to be there, and none that it excludes.
        ({"includes": CAPS}, {"capabilities": MODULE}, 0),
        ({"includes": CAPS}, {"capabilities": BOTH}, 1),
        ({"excludes": CAPS}, {"capabilities": MODULE}, 0),
        ({"excludes": CAPS}, {"capabilities": {Capability.KILL}}, 1),
        ({"includes": {"arches": ["amd64", "x32"]}}, {"machine": "x86_64"}, 1),
        ({"includes": {"arches": ["amd64", "x32"]}}, {"machine": "aarch64"}, 0),
        ({"includes": {"arches": ["arm64"]}}, {"machine": "aarch64"}, 1),
        ({"excludes": {"arches": ["s390x"]}}, {"machine": "x86_64"}, 1),
        ({"excludes": {"arches": ["amd64"]}}, {"machine": "x86_64"}, 0),
        ({"includes": {"minKernel": "4.8"}}, {"kernel": "4.8.0-1-amd64"}, 1),
        ({"includes": {"minKernel": "4.8"}}, {"kernel": "4.7"}, 0),
        ({"includes": {"minKernel": "4.8"}}, {"kernel": "10.1"}, 1),
        ({"excludes": {"minKernel": "4.8"}}, {"kernel": "4.8"}, 0),
        ({"excludes": {"minKernel": "4.8"}}, {"kernel": "4.7"}, 1),
        ({"includes": {}, "excludes": None}, {}, 1),
    ],
)
def test_a_rule_is_for_some_containers(
    parts: dict[str, Any], where: dict[str, Any], count: int
) -> None:
    assert number_of_rules(rule(**parts), **where) == count


X86 = {"architecture": "SCMP_ARCH_X86_64"}
BY_MAP = {"archMap": [{**X86, "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}]}


@pytest.mark.parametrize(
    ("parts", "machine", "sets"),
    [
        ({}, "x86_64", ("x86_64",)),
        (BY_MAP, "x86_64", ("x86_64", "i386")),
        (BY_MAP, "aarch64", ("aarch64",)),
        ({"architectures": ["SCMP_ARCH_X86"]}, "x86_64", ("x86_64", "i386")),
        ({"architectures": ["SCMP_ARCH_S390X"]}, "x86_64", ("x86_64",)),
    ],
)
def test_a_profile_names_sets_of_calls(
    parts: dict[str, Any], machine: str, sets: tuple[str, ...]
) -> None:
    assert profile.read(text(**parts), machine=machine).sets == sets


def test_flags_are_those_of_the_call() -> None:
    flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]

    assert profile.read(text(flags=flags)).flags == FilterFlag.LOG
    assert profile.read(text()).flags == 0


def test_a_rule_may_have_one_name() -> None:
    (only,) = profile.read(text({"name": "mkdir", "action": ERRNO})).rules

    assert only.names == ("mkdir",)


def test_names_that_nobody_knows_are_said() -> None:
    with pytest.warns(UserWarning, match="^no such calls: mkdri$"):
        read = profile.read(text(rule(names=["mkdri", "set_tls", "mkdir"])))

    assert read.unknown_names() == ["mkdri"]


FROM_3, TO_5 = (
    {"index": 0, "op": "SCMP_CMP_GE", "value": 3},
    {"index": 0, "op": "SCMP_CMP_LE", "value": 5},
)
SECOND = {"index": 1, "op": "SCMP_CMP_EQ", "value": 7}
ENOUGH = "one is enough: mkdir rmdir$"


def test_conditions_of_which_one_is_enough_are_said() -> None:
    wrong = rule(names=["rmdir", "mkdir"], args=[FROM_3, SECOND, TO_5])
    right = rule(names=["chdir"], args=[FROM_3, SECOND])
    nothing = rule(names=["sync"], args=[FROM_3, TO_5], action=ALLOW)  # the default

    with pytest.warns(UserWarning, match=ENOUGH):
        read = profile.read(text(wrong, right, nothing))

    assert [one.has_alternatives() for one in read.rules] == [True, False, True]
    assert profile.read(text(right, nothing)).remarks() == []


def test_a_file_is_named_in_a_warning_about_it(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(text(rule(names=["mkdri"]))))

    with pytest.warns(UserWarning, match=f"^{file}: no such calls: mkdri") as told:
        profile.load(str(file))
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "the profile is \\[\\]"),
        ({}, "defaultAction"),
        ({"defaultAction": "ALLOW"}, "defaultAction of the profile is 'ALLOW'"),
        (text(rule(errnoRet=4095)), "errnoRet of rule 0 is 4095"),
        (text(rule(errnoRet=-1)), "errnoRet of rule 0 is -1"),
        (text(rule(errnoRet="1")), "errnoRet of rule 0"),
        (text(rule(errno="ENONE")), "errnoRet of rule 0"),
        (text(rule(), rule(action="no")), "action of rule 1 is 'no'"),
        (text(rule(args=[{"index": 6, "op": "SCMP_CMP_EQ"}])), "index of rule 0 is 6"),
        (text(rule(args=[{"index": 0, "op": "EQUAL"}])), "op of rule 0 is 'EQUAL'"),
        (text(rule(args=[MASK | {"value": 1 << 64}])), "64 bits"),
        (text(rule(args=[MASK | {"value": -1}])), "64 bits"),
        (text(rule(args=[MASK | {"value": True}])), "True, but not a number"),
        (text(rule(args={})), None),  # nothing is no list, either, and means none
        (text(rule(args={"index": 0})), "args of rule 0 is no list"),
        (text(rule(names=[])), "either names or one name"),
        (text(rule(name="mkdir")), "either names or one name"),
        (text(syscalls="mkdir"), "syscalls of the profile is no list"),
        (text(syscalls=["mkdir"]), "rule 0"),
        (text(rule(includes={"minKernel": "new"})), "minKernel is 'new'"),
        (text(rule(includes="amd64")), "rule 0"),
        (text(rule(includes={"caps": "CAP_KILL"})), "caps of rule 0 is no list"),
        (text(rule(names=[1])), "names of rule 0"),
        ({"defaultAction": ALLOW, "syscalls": [{"name": {}}]}, "names of rule 0"),
        (text(rule(includes={"caps": [{}]})), "caps of rule 0 are no text"),
        (text(rule(excludes={"arches": [[]]})), "arches of rule 0 are no text"),
        (text(architectures=[{}]), "architectures of the profile are no text"),
        (text(flags=[{}]), "flags of it are no text"),
        (text(rule(args=[1])), "args of rule 0"),
        (text(archMap=["x86"]), "archMap"),
        (text(flags=["FAST"]), "FAST"),
        (text(architectures=["SCMP_ARCH_X86"], **BY_MAP), "either architectures"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Any, said: str | None) -> None:
    if said is None:
        profile.read(wrong)
        return

    with pytest.raises(ValueError, match=said):
        profile.read(wrong)


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    endless = "[" * 10**6, " " * (profile.LONGEST + 1)
    for wrong in ("{", json.dumps({"defaultAction": "no"}), "\udc80", *endless):
        file.write_bytes(wrong.encode("utf-8", "surrogateescape"))
        with pytest.raises(ValueError, match=f"^{file}: "):
            profile.load(str(file))


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text(json.dumps(text(rule())))

    assert profile.load(str(tmp_path / "profile.json")) == profile.read(text(rule()))
