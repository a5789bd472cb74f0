"""A blob that is cleared away while somebody needs it, and clearing that is killed at any moment."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from rung.registry.store import ASIDE, BlobStore


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", writable=True)


def old(store: BlobStore, data: bytes) -> str:
    name = store.put_bytes(data)
    os.utime(store.local(name), (1e9, 1e9))
    return name


def test_an_old_blob_goes_and_a_young_one_stays(store: BlobStore) -> None:
    gone, young = old(store, b"old"), store.put_bytes(b"young")
    before = time.time() - 3600
    assert store.remove(gone, before) and not store.holds(gone)
    assert not store.remove(young, before) and store.holds(young)
    assert not store.remove(gone, before)
    assert not list((store.root / ASIDE).iterdir())


def test_who_stores_the_same_again_keeps_it(store: BlobStore) -> None:
    name = old(store, b"old")
    assert store.put_bytes(b"old") == name
    assert not store.remove(name, time.time() - 3600)


def test_a_copied_folder_is_as_old_as_its_being_kept(store: BlobStore, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "w").write_bytes(b"w")
    os.utime(folder, (1e9, 1e9))
    name = store.put_tree(folder)
    assert not store.remove(name, time.time() - 3600)


@pytest.mark.parametrize("ask", ["local", "has", "put", "holds"])
def test_what_is_put_aside_is_taken_back_by_whoever_needs_it(store: BlobStore, ask: str) -> None:
    name = old(store, b"old")
    (store.root / ASIDE).mkdir()
    os.rename(store.local(name), store.root / ASIDE / name)  # killed right behind this
    if ask == "put":
        store.put_bytes(b"old")
    else:
        assert getattr(store, ask)(name)
    assert store.local(name).read_bytes() == b"old"
    assert not list((store.root / ASIDE).iterdir())


def test_a_killed_clearing_is_taken_back(store: BlobStore) -> None:
    names = [old(store, b"1"), old(store, b"2")]
    (store.root / ASIDE).mkdir()
    for name in names:
        os.rename(store.local(name), store.root / ASIDE / name)
    store.bring_back()
    assert sorted(store.all()) == sorted(names)
    assert not list((store.root / ASIDE).iterdir())


def test_clearing_and_storing_at_once_never_lose_what_was_stored(store: BlobStore) -> None:
    """Whoever has put a blob has it, however often it is being cleared away meanwhile."""
    names = [old(store, f"blob {number}".encode()) for number in range(40)]
    before = time.time() - 3600
    kept: list[str] = []

    def put() -> None:
        for number in range(40):
            kept.append(store.put_bytes(f"blob {number}".encode()))

    def clear() -> None:
        for name in names:
            store.remove(name, before)

    threads = [threading.Thread(target=work) for work in (put, clear, clear)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(store.local(name).read_bytes() and store.is_intact(name) for name in kept)


def test_a_digest_that_begins_with_zeros_is_one_like_any_other(store: BlobStore) -> None:
    data = next(str(number).encode() for number in range(2000) if hashlib.sha256(str(number).encode()).hexdigest().startswith("00"))
    name = old(store, data)
    assert store.all() == [name] and store.local(name).read_bytes() == data
    assert store.remove(name, time.time() - 3600) and store.all() == []
