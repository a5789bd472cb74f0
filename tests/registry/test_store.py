from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rung.disk import MAKING, tree_digest
from rung.errors import BrokenEnvironment, UserError
from rung.registry.home import open_home
from rung.registry.store import BlobStore


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", writable=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    (folder / "deep").mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "deep" / "weights.bin").write_bytes(bytes(range(256)))
    return folder


def _everything_in(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_bytes_are_kept_under_their_sha256(store: BlobStore) -> None:
    name = store.put_bytes(b"hello")
    assert name == hashlib.sha256(b"hello").hexdigest()
    assert store.local(name) == store.root / name[:2] / name[2:]
    assert store.local(name).read_bytes() == b"hello"
    with store.open(name) as stream:
        assert stream.read() == b"hello"
    assert store.put_bytes(b"hello") == name
    assert _everything_in(store.root) == [store.local(name)]


def test_a_folder_keeps_its_names_and_bytes_and_digest(store: BlobStore, folder: Path) -> None:
    name = store.put_tree(folder)
    kept = store.local(name)
    assert (kept / "deep" / "weights.bin").read_bytes() == bytes(range(256))
    assert tree_digest(kept) == name == store.put_tree(folder)
    assert store.size_bytes(name) == 258
    assert store.is_intact(name)


def test_many_that_store_the_same_at_once_store_it_once(store: BlobStore, folder: Path) -> None:
    together = threading.Barrier(8)

    def put(number: int) -> tuple[str, str]:
        each = BlobStore(store.root, writable=True)
        together.wait()
        return each.put_bytes(b"hello" * 100_000), each.put_tree(folder)

    with ThreadPoolExecutor(8) as pool:
        [(data, tree)] = set(pool.map(put, range(8)))
    assert store.is_intact(data)
    assert store.is_intact(tree)
    assert len(_everything_in(store.root)) == 3


def test_what_a_living_writer_is_writing_stays(store: BlobStore) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        (store.root / "tmp" / f"{MAKING}{pid}-x").mkdir(parents=True)
    store.clear_leftovers()
    assert [entry.name for entry in (store.root / "tmp").iterdir()] == [f"{MAKING}{os.getpid()}-x"]


def test_a_folders_digest_sees_names_and_bytes_but_not_where_it_stands(folder: Path, tmp_path: Path) -> None:
    before = tree_digest(folder)
    assert tree_digest(folder.rename(tmp_path / "elsewhere")) == before
    moved = tmp_path / "elsewhere"
    (moved / "adapter_config.json").rename(moved / "other.json")
    renamed = tree_digest(moved)
    (moved / "other.json").write_text("[]")
    assert len({before, renamed, tree_digest(moved)}) == 3


def test_a_changed_blob_is_seen(store: BlobStore, folder: Path) -> None:
    name = store.put_tree(folder)
    file = store.local(name) / "adapter_config.json"
    file.chmod(0o644)
    file.write_text("tampered")
    assert not store.is_intact(name)


def test_links_and_empty_folders_are_refused(store: BlobStore, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no file in this folder"):
        store.put_tree(tmp_path / "empty")
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="may not hold links"):
        store.put_tree(folder)


def test_an_unknown_digest_and_a_digest_that_is_a_path_are_refused(store: BlobStore) -> None:
    with pytest.raises(BrokenEnvironment, match="the store has no blob 000000000000"):
        store.local("0" * 64)
    with pytest.raises(BrokenEnvironment, match="the store has no blob 000000000000"):
        store.open("0" * 64)
    with pytest.raises(UserError, match="not a SHA-256"):
        store.local("../../etc/passwd")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing(store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    for put in (lambda: store.put_bytes(b"x" * 100), lambda: store.put_tree(folder)):
        with pytest.raises(BrokenEnvironment, match="no space left") as caught:
            put()
        assert caught.value.exit_code == 3
    assert _everything_in(store.root) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB; skips where this user may not mount one."""
    mount = tmp_path / "disk"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_really_full_disk_loses_nothing(small_disk: Path) -> None:
    with open_home(small_disk / "home", write=True) as home:
        kept = home.blobs.put_bytes(b"a" * 100_000)
        home.climbs.begin("climb", form=1, task="t")
        with pytest.raises(BrokenEnvironment, match="no space left"):
            home.blobs.put_bytes(os.urandom(4_000_000))
        (small_disk / "filler").write_bytes(b"")
        with pytest.raises(OSError, match="No space"):
            (small_disk / "filler").write_bytes(bytes(4_000_000))
        with pytest.raises(BrokenEnvironment, match="no space left"):
            home.climbs.put("climb", "big", "x" * 300_000)
        (small_disk / "filler").unlink()
        home.climbs.put("climb", "small", 1)
        assert home.blobs.is_intact(kept)
        assert home.climbs.facts("climb") == {"small": 1}


def test_a_read_only_disk_says_so(small_disk: Path) -> None:
    open_home(small_disk / "home").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(BrokenEnvironment, match="cannot be written"):
        open_home(small_disk / "home", write=True)
    with pytest.raises(BrokenEnvironment, match="cannot be written"):
        open_home(small_disk / "new")


def test_a_forbidden_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BrokenEnvironment, match="cannot be written"):
        open_home(tmp_path / "home")
