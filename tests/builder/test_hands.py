"""Where layers can be made, and who may take them away meanwhile."""

from pathlib import Path

import pytest

from cfslib.builder import hands
from cfslib.cli import with_ids
from cfslib.images import locks
from cfslib.images.store import Store
from cfslib.isolation import rootfs
from tests.conftest import needs_namespaces


@needs_namespaces
def test_nothing_is_pruned_while_we_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keep = Store(tmp_path / "store"), rootfs.keep

    def ask(place: str) -> None:
        with pytest.raises(locks.Busy), locks.held(store.directory, patience=0):
            pass
        (tmp_path / "asked").touch()
        keep(place)

    monkeypatch.setattr(rootfs, "keep", ask)
    hands.found(store, with_ids.owners(), with_ids.call)

    assert (tmp_path / "asked").exists()
    assert not list(Path(store.directory, "builds").iterdir())
