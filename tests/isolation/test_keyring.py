import ctypes
import errno
import os
import struct

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import keyring

ADD_KEY = {"x86_64": 248, "aarch64": 217, "riscv64": 217, "ppc64le": 269}
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271}
MACHINE = os.uname().machine
SESSION = -3  # KEY_SPEC_SESSION_KEYRING
SETPERM, SEARCH = 5, 10  # KEYCTL_SETPERM, KEYCTL_SEARCH
POSSESSOR = 0x3F000000  # all rights to whoever has it in a keyring, and to no other
NAME = b"cfs-test"

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000

_libc = ctypes.CDLL(None, use_errno=True)


def ask(function: str, *arguments: object) -> int:
    result = _libc[function](*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), function)
    return int(result)


def add_key(name: bytes = NAME) -> int:
    return ask("syscall", ADD_KEY[MACHINE], b"user", name, b"secret", 6, SESSION)


def find_key() -> int:
    return ask("syscall", KEYCTL[MACHINE], SEARCH, SESSION, b"user", NAME, 0)


def forbid_keyctl(code: int) -> None:
    """Have a filter answer for the kernel, as in Docker: see seccomp(2)."""
    program = b"".join(
        [
            struct.pack("HBBI", 0x20, 0, 0, 0),  # load the number of the call
            struct.pack("HBBI", 0x15, 0, 1, KEYCTL[MACHINE]),  # another? skip one
            struct.pack("HBBI", 0x06, 0, 0, SECCOMP_RET_ERRNO | code),
            struct.pack("HBBI", 0x06, 0, 0, SECCOMP_RET_ALLOW),
        ]
    )
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    ask("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    ask("prctl", PR_SET_SECCOMP, 2, head, 0, 0)


def has_keys() -> bool:
    try:
        in_child(keyring_with_a_key)
    except OSError:
        return False
    return True


def keyring_with_a_key(name: bytes = NAME) -> int:
    keyring.join_new_session()  # not to leave a key in that of the tests
    return add_key(name)


def keyring_with_a_key_for_its_session_alone(name: bytes) -> None:
    key = keyring_with_a_key(name)
    ask("syscall", KEYCTL[MACHINE], SETPERM, key, POSSESSOR)


needs_keys = pytest.mark.skipif(not has_keys(), reason="needs keyctl(2)")


@needs_keys
def test_a_key_of_our_session_is_not_in_the_new_one() -> None:
    def look() -> int:
        key = keyring_with_a_key()
        assert find_key() == key
        keyring.join_new_session()
        return find_key()

    with pytest.raises(OSError, match="syscall") as caught:
        in_child(look)
    assert caught.value.errno == errno.ENOKEY


@needs_keys
def test_two_new_sessions_are_not_the_same() -> None:
    def another_has_it() -> bool:
        keyring_with_a_key()
        try:
            return bool(in_child(join_and_look))
        except OSError:
            return False

    def join_and_look() -> int:
        keyring.join_new_session()
        return find_key()

    assert in_child(another_has_it) is False


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS])
def test_where_nobody_may_ask_for_keys_there_is_nothing_to_do(code: int) -> None:
    def join() -> int:
        forbid_keyctl(code)
        keyring.join_new_session()
        try:
            return find_key()
        except OSError as error:
            return error.errno or 0

    assert in_child(join) == code  # nor may whoever comes after us


def test_a_user_with_too_many_keys_is_told() -> None:
    def join() -> None:
        forbid_keyctl(errno.EDQUOT)
        keyring.join_new_session()

    with pytest.raises(OSError, match=r"keyctl\(JOIN_SESSION_KEYRING, NULL\)") as it:
        in_child(join)
    assert "maxkeys" in it.value.__notes__[0]
