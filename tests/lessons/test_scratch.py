import subprocess
import sys
from pathlib import Path

from tests.conftest import wait_until


def test_a_directory_to_try_things_in_ends_with_a_process_that_is_killed() -> None:
    code = "from cfslib.lessons import scratch; print(scratch.directory()); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        place = Path(process.stdout.readline().decode().strip())
        (place / "file").touch()
        process.kill()

    assert wait_until(lambda: not place.exists())
