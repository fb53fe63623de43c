"""How tests and notebooks are run: see tests/parallel.py and tests/signals.py."""

from tests.parallel import pytest_addoption, pytest_runtestloop
from tests.signals import pytest_configure

__all__ = ["pytest_addoption", "pytest_configure", "pytest_runtestloop"]
