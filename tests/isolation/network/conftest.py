"""Fixtures of the tests of networks."""

from tests.isolation.network.host import host, python_rootfs

__all__ = ["host", "python_rootfs"]
