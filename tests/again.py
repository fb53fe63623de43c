"""Leave out what is the same for everybody, where root has tried it: `pytest --again`.

A test that is marked `alike` asks nothing of the kernel that depends on who asks.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option."""
    text = "leave out tests that are the same for root and for an ordinary user"
    parser.addoption("--again", action="store_true", help=text)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave them out, and say how many these are."""
    if not config.option.again:
        return
    alike: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (alike if item.get_closest_marker("alike") else others).append(item)
    config.hook.pytest_deselected(items=alike)
    items[:] = others
