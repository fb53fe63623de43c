import errno
import marshal
import os
import subprocess
import sys

import pytest

from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.runtime import errors
from cfslib.runtime.errors import CannotExecute


def there_and_back(error: BaseException) -> BaseException:
    return errors.from_plain(marshal.loads(marshal.dumps(errors.as_plain(error))))


WHOLE = [
    OSError(errno.ENOENT, "a text"),
    PermissionError(errno.EPERM, "mount(...): a text"),
    CannotExecute(errno.EACCES, "ls: Permission denied"),
    CannotLimit("no cgroup around"),
    ValueError("a name", 3),
    LookupError("nobody"),
    TimeoutError("too late"),
]


@pytest.mark.parametrize("error", WHOLE, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was(error: Exception) -> None:
    error.add_note("Hint: do this")
    again = there_and_back(error)

    assert type(again) is type(error)
    assert (str(again), again.args) == (str(error), error.args)
    assert again.__notes__ == ["Hint: do this"]


def test_the_file_that_python_names_arrives_too() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        os.stat("/no/such/file")
    again = there_and_back(caught.value)

    assert str(again) == "[Errno 2] No such file or directory: '/no/such/file'"


def test_an_error_without_a_hint_gets_none() -> None:
    assert not hasattr(there_and_back(OSError("x")), "__notes__")


@pytest.mark.parametrize(
    "error", [subprocess.SubprocessError("word"), KeyboardInterrupt("word")]
)
def test_one_of_an_unknown_kind_tells_its_kind(error: BaseException) -> None:
    again = there_and_back(error)

    assert type(again) is ChildProcessError
    assert str(again) == f"{type(error).__name__}: word"


@pytest.mark.parametrize("kind", ["eval", "open", "__import__", "SystemExit", "type"])
def test_no_kind_is_anything_but_an_error(kind: str) -> None:
    again = errors.from_plain((kind, ["1 + 1"], None, []))

    assert type(again) is ChildProcessError


@pytest.mark.parametrize(
    "kind", ["xml.dom.DOMException", "DOMException", "xml.dom", "xml"]
)
def test_no_module_is_imported_for_an_error(kind: str) -> None:
    sys.modules.pop("xml.dom", None)
    errors.from_plain((kind, ["word"], None, []))

    assert "xml.dom" not in sys.modules


def test_one_that_needs_other_arguments_tells_its_kind_too() -> None:
    again = errors.from_plain(("UnicodeDecodeError", ["word"], None, []))

    assert str(again) == "UnicodeDecodeError: word"
