"""`pytest --again` leaves out what root has tried, and nothing else."""

import subprocess
import sys

import pytest

from tests.test_readme import TOP


@pytest.mark.parametrize(
    ("file", "is_left_out"), [("test_map", True), ("test_again", False)]
)
def test_what_is_alike_for_everybody_is_left_out(file: str, is_left_out: bool) -> None:
    words = ["--again", "--collect-only", "-q", f"tests/{file}.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=TOP,
        capture_output=True,
        text=True,
    )

    assert (done.returncode == 5) == is_left_out, done.stdout  # 5: no tests
    assert ("deselected" in done.stdout) == is_left_out
