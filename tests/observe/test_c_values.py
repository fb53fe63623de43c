"""Arguments in C; a C compiler is the judge."""

import ast
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.isolation import capabilities, mounts, namespaces
from cfslib.kernel.syscalls import Keyctl, Prctl, Resource, TreeFlag
from cfslib.observe import c_values, in_c
from tests.observe.test_in_c import compiled, needs_gcc


@needs_gcc
@pytest.mark.parametrize(
    "flags",
    [
        mounts.MountFlag,
        mounts.UmountFlag,
        namespaces.Namespace,
        TreeFlag,
        Keyctl,
        Prctl,
        Resource,
        capabilities.Capability,
    ],
)
def test_the_headers_agree_with_every_name(flags: type[mounts.MountFlag]) -> None:
    headers = "".join(f"#include <{header}>\n" for header in in_c.HEADERS)
    checks = "".join(
        f'_Static_assert({c_values.value(flag)} == {int(flag)}, "{flag.name}");\n'
        for flag in flags
    )

    compiled(f"#define _GNU_SOURCE\n{headers}{checks}", "-fsyntax-only")


@given(st.binary())
def test_text_means_the_same_bytes_in_c(data: bytes) -> None:
    written = c_values.value(os.fsdecode(data))

    # Python reads these escapes as C does.
    assert ast.literal_eval("b" + written) == data
    assert "??" not in written  # a trigraph
