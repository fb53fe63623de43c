import pytest

from cfslib.cli import rights
from cfslib.cli.parser import Usage
from cfslib.isolation.capabilities import ALL, Capability


@pytest.mark.parametrize(
    "text", ["sys_admin", "SYS_ADMIN", "CAP_SYS_ADMIN", "cap_Sys_Admin"]
)
def test_a_capability_may_be_written_in_many_ways(text: str) -> None:
    assert rights.capability(text) == {Capability.SYS_ADMIN}


@pytest.mark.parametrize("text", ["ALL", "all", "All"])
def test_all_of_them_have_a_name_too(text: str) -> None:
    assert rights.capability(text) == ALL == set(Capability)


@pytest.mark.parametrize(
    "text", ["", "CAP_", "21", "CAP_CAP_CHOWN", "CAP_ALL", "x" * 99]
)
def test_a_capability_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="no such capability"):
        rights.capability(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("sysadmin", "SYS_ADMIN"), ("kil", "KILL"), ("chroot", "SYS_CHROOT"),
     ("CAP_NET_BINDSERVICE", "NET_BIND_SERVICE"), ("CAP_CAP_CHOWN", "CHOWN")],
)  # fmt: skip
def test_of_a_wrong_name_the_nearest_right_one_is_said(text: str, meant: str) -> None:
    with pytest.raises(Usage, match=f"{text!r}; did you mean {meant}\\?"):
        rights.capability(text)


@pytest.mark.parametrize(
    ("text", "is_so"),
    [("", True), ("=true", True), ("=1", True), (":true", True), ("=TRUE", True),
     ("=false", False), ("=0", False), (":false", False)],
)  # fmt: skip
def test_to_gain_no_more_is_written_in_many_ways(text: str, is_so: bool) -> None:
    assert rights.security(f"no-new-privileges{text}") == ("no-new-privileges", is_so)


@pytest.mark.parametrize(
    ("text", "cause"),
    [("no-new-privileges=", "neither true nor false: ''"),
     ("no-new-privileges:maybe", "'maybe'"), ("no-new-privileges==1", "'=1'"),
     ("no_new_privs", "no-new-privileges or seccomp: 'no_new"), ("", "''"),
     ("seccomp", "seccomp=FILE"), ("seccomp=", "seccomp=unconfined"),
     ("=true", "'=true'"), ("label=disable", "'label=disable'")],
)  # fmt: skip
def test_any_other_security_is_refused(text: str, cause: str) -> None:
    with pytest.raises(Usage, match=cause):
        rights.security(text)
