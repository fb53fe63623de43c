"""`pytest --again` leaves out what root has tried, and nothing else."""

import subprocess
import sys

from tests.test_readme import TOP


def test_what_is_alike_for_everybody_is_left_out() -> None:
    files = ["tests/test_map.py", "tests/test_again.py"]
    words = ["--again", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    first, *_, last = done.stdout.splitlines()

    assert first.startswith("tests/test_again.py::")
    assert "test_map" not in done.stdout
    assert "1/" in last
    assert "deselected" in last
