"""How tests and notebooks are run."""

pytest_plugins = ["tests.again", "tests.parallel", "tests.signals"]
