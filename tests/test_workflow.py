import re

import pytest

from tests.test_readme import TOP

pytestmark = pytest.mark.alike

WORKFLOW = (TOP / ".github/workflows/ci.yml").read_text()


def test_each_action_is_one_commit_and_says_which_version_that_is() -> None:
    actions = re.findall(r"uses: (.*)", WORKFLOW)

    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_it_may_read_and_nothing_else() -> None:
    assert re.findall(r"(?m)^ *permissions:\n(?: +.*\n)+", WORKFLOW) == [
        "permissions:\n  contents: read # nothing here writes\n"
    ]
    checkouts = WORKFLOW.count("uses: actions/checkout@")
    assert WORKFLOW.count("persist-credentials: false") == checkouts > 0


def test_it_runs_what_people_type() -> None:
    commands = re.findall(r"- run: (make \S+)", WORKFLOW)
    targets = set(re.findall(r"(?m)^([\w-]+):", (TOP / "Makefile").read_text()))

    assert commands == ["make test", "make test-image"]
    assert {command.removeprefix("make ") for command in commands} <= targets
