"""Blobs in a bucket: on a real server of S3's interface, and what is said where one refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import buckets
import pytest
from nouns import a_candidate, a_run

from rung.disk import tree_digest
from rung.errors import BrokenEnvironment, RungError, UserError
from rung.json_form import canonical_json
from rung.registry import bucket as bucket_module
from rung.registry.bucket import Bucket, check_url
from rung.registry.bucket_faults import without_secrets
from rung.registry.home import open_home
from rung.registry.remote import RemoteStore


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    """Before a place in this process's memory, which is there at once."""
    return RemoteStore(tmp_path / "blobs", writable=True, bucket=Bucket(f"memory://{tmp_path}/there"))


@pytest.fixture
def on_s3(bucket: str, tmp_path: Path) -> RemoteStore:
    return RemoteStore(tmp_path / "blobs", writable=True, bucket=Bucket(bucket))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    (folder / "deep").mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "deep" / "wéights.bin").write_bytes(bytes(range(256)))
    return folder


def elsewhere(store: RemoteStore, tmp_path: Path) -> RemoteStore:
    """The same bucket from another machine, which has no copies yet."""
    return RemoteStore(tmp_path / "other", writable=True, bucket=store.bucket)


def test_what_one_machine_puts_another_gets(on_s3: RemoteStore, folder: Path, tmp_path: Path) -> None:
    store = on_s3
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    other = elsewhere(store, tmp_path)
    assert other.local(data).read_bytes() == b"hello"
    assert (other.local(tree) / "deep" / "wéights.bin").read_bytes() == bytes(range(256))
    assert tree_digest(other.local(tree)) == tree == store.put_tree(folder)
    assert other.is_intact(data) and other.is_intact(tree)
    assert (other.size_bytes(data), other.size_bytes(tree)) == (5, 258)
    assert {data, tree} <= set(other.all())
    with other.open(data) as stream:
        assert stream.read() == b"hello"


def test_a_copy_answers_without_the_server(store: RemoteStore, folder: Path) -> None:
    tree = store.put_tree(folder)
    offline = RemoteStore(store.root, writable=False, bucket=Bucket("s3://blobs/x?endpoint=http://127.0.0.1:1"))
    assert (offline.local(tree) / "adapter_config.json").read_text() == "{}"


def test_a_folder_is_there_when_its_list_is_and_half_of_one_is_none(
    store: RemoteStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store.bucket, "_send", killed)
        with pytest.raises(KeyboardInterrupt):
            store.put_tree(folder)
    tree = tree_digest(folder)
    assert not store.holds(tree)
    assert store.put_tree(folder) == tree
    assert elsewhere(store, tmp_path).is_intact(tree)


def test_a_changed_object_is_found_and_never_used(on_s3: RemoteStore, folder: Path, tmp_path: Path) -> None:
    store = on_s3
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    system, root = store.bucket._system, store.bucket._root
    system.pipe_file(f"{root}/files/{data[:2]}/{data[2:]}", b"hullo")
    inside = store.bucket.beneath(tree)[-1]
    system.pipe_file(f"{root}/files/{inside[:2]}/{inside[2:]}", b"weights!")
    other = elsewhere(store, tmp_path)
    for name in (data, tree):
        with pytest.raises(BrokenEnvironment, match="was changed"):
            other.local(name)
        assert not store.is_intact(name)
    assert not list(other.cached())
    system.pipe_file(f"{root}/trees/{tree[:2]}/{tree[2:]}", b"[]")
    with pytest.raises(BrokenEnvironment, match="was changed"):
        other.local(tree)
    assert not other.is_intact(tree)


def test_what_vanished_is_said_by_name(on_s3: RemoteStore, folder: Path, tmp_path: Path) -> None:
    store = on_s3
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    system, root = store.bucket._system, store.bucket._root
    system.rm_file(f"{root}/files/{data[:2]}/{data[2:]}")
    inside = store.bucket.beneath(tree)[0]
    system.rm_file(f"{root}/files/{inside[:2]}/{inside[2:]}")
    other = elsewhere(store, tmp_path)
    with pytest.raises(BrokenEnvironment, match=f"the store has no blob {data[:12]}"):
        other.local(data)
    with pytest.raises(BrokenEnvironment, match=r"has lost a file: adapter_config\.json"):
        other.local(tree)
    for name in (data, tree):
        with pytest.raises(BrokenEnvironment):
            other.is_intact(name)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../evil"])
def test_a_list_that_names_files_outside_is_refused(store: RemoteStore, name: str) -> None:
    inside = store.put_bytes(b"x")
    said = canonical_json([[name, inside]]).encode()
    digest = hashlib.sha256(said).hexdigest()
    store.bucket._system.pipe_file(f"{store.bucket._root}/trees/{digest[:2]}/{digest[2:]}", said)
    with pytest.raises(UserError, match="names a file outside of itself"):
        store.local(digest)


def test_old_blobs_are_removed_and_young_or_needed_ones_are_not(on_s3: RemoteStore, folder: Path) -> None:
    store = on_s3
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    assert not store.remove(data, time.time() - 3600) and store.holds(data)
    assert store.remove(data, time.time() + 3600) and not store.holds(data)
    with pytest.raises(BrokenEnvironment):
        store.local(data)
    assert store.in_pieces() == {tree: store.bucket.beneath(tree)}
    assert store.uncache(tree, time.time() + 3600) and store.holds(tree)
    assert (store.local(tree) / "adapter_config.json").exists()


def test_clearing_and_putting_the_same_at_once_never_lose_it(
    store: RemoteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has put it has it, wherever between its looking and its removing the other one is."""
    import threading

    data = store.put_bytes(b"hello")
    (tmp_path / "hello").write_bytes(b"hello")
    monkeypatch.setattr("rung.registry.bucket.FRESH_S", -1.0)
    system, looked, go = store.bucket._system, threading.Event(), threading.Event()
    remove = system.rm_file

    def slow(key: str) -> None:
        if "/files/" in key:
            looked.set()
            go.wait(5)
        remove(key)

    monkeypatch.setattr(system, "rm_file", slow)
    clearing = threading.Thread(target=lambda: store.bucket.remove(data, time.time() + 3600))
    clearing.start()
    assert looked.wait(5)
    putting = threading.Thread(target=lambda: store.bucket.put(data, tmp_path / "hello"))
    putting.start()
    putting.join(0.3)
    assert putting.is_alive(), "it waits"
    go.set()
    clearing.join()
    putting.join()
    assert store.bucket.is_intact(data)


def test_what_has_lain_there_for_long_is_put_again_by_whoever_needs_it(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    data = store.put_bytes(b"hello")
    sent: list[str] = []
    put = store.bucket.put
    monkeypatch.setattr(store.bucket, "put", lambda digest, source: sent.append(digest) or put(digest, source))
    store.put_bytes(b"hello")
    assert sent == []
    for module in ("rung.registry.remote", "rung.registry.bucket"):
        monkeypatch.setattr(f"{module}.FRESH_S", -1.0)
    store.put_bytes(b"hello")
    assert sent == [data]


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_other_places_that_fsspec_knows(scheme: str, folder: Path, tmp_path: Path) -> None:
    url = f"{scheme}://{tmp_path}/there"
    bucket = Bucket(url)
    bucket.prepare("me")
    bucket.prepare("me")
    store = RemoteStore(tmp_path / "blobs", writable=True, bucket=bucket)
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    other = elsewhere(store, tmp_path)
    assert other.local(data).read_bytes() == b"hello" and tree_digest(other.local(tree)) == tree
    assert other.is_intact(tree) and other.remove(data, time.time() + 60) and not other.holds(data)


def test_a_home_remembers_where_its_blobs_are(home: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_BLOBS", bucket)
    candidate = a_candidate()
    with open_home(write=True) as opened:
        opened.candidates.add(candidate, "t")
        run = opened.runs.add(a_run(candidate))
    assert (home / "format").read_text() == f"3\n\n{bucket}\n"
    monkeypatch.delenv("RUNG_BLOBS")
    shutil.rmtree(home / "blobs")
    with open_home() as opened:
        assert opened.runs.get(run).candidate == candidate.id
        assert opened.blobs.where == bucket.partition("?")[0]
    monkeypatch.setenv("RUNG_BLOBS", bucket.replace("blobs", "other"))
    with pytest.raises(UserError, match=r"(?s)this RUNG_HOME has its blobs in s3://blobs/.*, not in s3://other.*Unset RUNG_BLOBS"):
        open_home()


def test_a_home_of_a_folder_stays_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_home().close()
    monkeypatch.setenv("RUNG_BLOBS", "s3://blobs/x")
    with pytest.raises(UserError, match="has its blobs in its folder blobs, not in s3://"):
        open_home()
    assert (home / "format").read_text() == "2\n"


def test_a_second_folder_of_one_registry_finds_the_blobs(
    postgresql: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = f"memory://{tmp_path}/there"
    import postgres

    postgres.empty(postgresql)
    monkeypatch.setenv("RUNG_DATABASE", postgresql)
    monkeypatch.setenv("RUNG_BLOBS", bucket)
    with open_home(write=True) as opened:
        data = opened.blobs.put_bytes(b"hello")
    monkeypatch.delenv("RUNG_BLOBS")
    with open_home(tmp_path / "second") as opened:
        assert opened.blobs.local(data).read_bytes() == b"hello"
    assert (tmp_path / "second" / "format").read_text() == f"3\n{postgresql}\n{bucket}\n"
    monkeypatch.setenv("RUNG_BLOBS", "memory://elsewhere")
    with pytest.raises(UserError, match="this registry has its blobs in memory://"):
        open_home(tmp_path / "third")
    assert not (tmp_path / "third" / "format").exists()


def test_no_two_registries_share_a_place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one clears away the other may need."""
    bucket = f"memory://{tmp_path}/there"
    monkeypatch.setenv("RUNG_BLOBS", bucket)
    open_home().close()
    open_home().close()
    with pytest.raises(UserError, match="another registry has its blobs there"):
        open_home(tmp_path / "second")
    assert not (tmp_path / "second" / "format").exists()


def test_a_changed_object_is_mended_from_a_copy(store: RemoteStore, folder: Path, tmp_path: Path) -> None:
    data, tree = store.put_bytes(b"hello"), store.put_tree(folder)
    (tmp_path / "hello").write_bytes(b"hello")
    system, root = store.bucket._system, store.bucket._root
    for name in (data, store.bucket.beneath(tree)[0]):
        system.pipe_file(f"{root}/files/{name[:2]}/{name[2:]}", b"changed")
    for name, source in ((data, tmp_path / "hello"), (tree, folder)):
        assert not store.is_intact(name)
        store.mend(name, source)
        assert store.is_intact(name) and elsewhere(store, tmp_path).local(name).exists()


def test_a_bucket_that_is_somebody_elses_is_left_alone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"memory://{tmp_path}/there"
    here = Bucket(bucket)
    here._system.pipe_file(f"{here._root}/format", b"a lake\n")
    monkeypatch.setenv("RUNG_BLOBS", bucket)
    with pytest.raises(UserError, match="something else is kept there"):
        open_home()
    assert not (home / "format").exists()


@pytest.mark.parametrize(
    ("status", "code", "words", "hint"),
    [
        (403, "AccessDenied", "may not be read or written", "s3:PutObject"),
        (403, "InvalidAccessKeyId", "does not take these credentials", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "does not take these credentials", "AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", "clock is wrong", "Set the clock"),
        (404, "NoSuchBucket", "the bucket of the blobs is not there", "no bucket is made for you"),
    ],
)
def test_what_a_server_refuses_is_said_without_a_secret(
    status: int, code: str, words: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs")
    buckets.credentials(monkeypatch)
    with buckets.refusing(status, code) as endpoint:
        store = RemoteStore(tmp_path / "blobs", writable=True, bucket=Bucket(f"s3://b/{code}?endpoint={endpoint}"))
        with pytest.raises(BrokenEnvironment, match=words) as caught:
            store.bucket.prepare("me")
        assert hint in caught.value.hint and buckets.SECRET not in caught.value.message
        assert caught.value.__cause__ is None
        with pytest.raises(BrokenEnvironment):
            store.put_bytes(b"hello")
        assert not list(store.cached()), "what the bucket has not is not told to be kept"


def test_a_server_that_is_not_there_or_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs = pytest.importorskip("s3fs")
    buckets.credentials(monkeypatch)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setattr(bucket_module, "TRIES", 1)
    with pytest.raises(BrokenEnvironment, match="cannot be reached"):
        Bucket("s3://b/gone?endpoint=http://127.0.0.1:1").prepare("me")
    monkeypatch.setattr(bucket_module, "READ_S", 0.2)
    with (
        buckets.refusing(500, "InternalError", silent_s=1.0) as endpoint,
        pytest.raises(BrokenEnvironment, match="does not answer"),
    ):
        Bucket(f"s3://b/slow?endpoint={endpoint}").prepare("me")


def test_without_credentials_it_is_said_how_to_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs")
    buckets.credentials(monkeypatch)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(BrokenEnvironment, match="no credentials") as caught:
        Bucket("s3://b/bare?endpoint=http://127.0.0.1:1").prepare("me")
    assert "AWS_PROFILE" in caught.value.hint


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def missing(*_given: object, **_named: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(BrokenEnvironment, match="a package that is not installed") as caught:
        Bucket("s3://b/p").prepare("me")
    assert caught.value.hint == "pip install 'rung[s3]'"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://AKIAX:hunter22@bucket/p", "holds a secret"),
        ("s3://bucket/p?secret=hunter22", "holds a secret"),
        ("s3://bucket/p?endpoint=http://me:hunter22@host", "holds a secret"),
        ("s3://bucket/p?aws_session_token=hunter22", "holds a secret"),
        ("s3://bucket/p?colour=red", "has a setting 'colour'"),
        ("s3://", "not the address of a place for blobs"),
        ("bucket/p", "not the address of a place for blobs"),
        ("C:/blobs", "not the address of a place for blobs"),
    ],
)
def test_an_address_that_will_not_do_is_refused_without_its_secret(url: str, why: str, home: Path) -> None:
    with pytest.raises(UserError, match=why) as caught:
        check_url(url)
    assert "hunter22" not in caught.value.message
    os.environ["RUNG_BLOBS"] = url
    try:
        with pytest.raises(RungError):
            open_home()
    finally:
        del os.environ["RUNG_BLOBS"]
    assert not (home / "format").exists()


def test_no_secret_of_the_environment_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter22222")
    assert without_secrets("no: hunter22222!") == "no: ***!"


def test_the_list_of_a_folder_has_its_digest(store: RemoteStore, folder: Path) -> None:
    tree = store.put_tree(folder)
    said = store.bucket._system.cat_file(store.bucket._key(tree, tree=True))
    assert hashlib.sha256(said).hexdigest() == tree
    assert [name for name, _ in json.loads(said)] == ["adapter_config.json", "deep/wéights.bin"]


def test_a_registry_on_a_server_from_before_homes_met_gets_their_tables(
    postgresql: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import postgres
    import psycopg

    postgres.empty(postgresql)
    monkeypatch.setenv("RUNG_DATABASE", postgresql)
    open_home(write=True).close()
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE origins, others, removed, places")
        connection.execute("ALTER TABLE answers DROP COLUMN kept")
        connection.execute("INSERT INTO answers VALUES ('c', 'e', '{\"text\": \"yes\"}')")
        connection.execute("DELETE FROM migrations WHERE name LIKE '%_homes_that_meet'")
    with open_home(write=True) as opened:
        opened.cleared.add({"ab" * 32: 5})
        assert list(opened.cleared.when()) == ["ab" * 32] and opened.origins.all() == [] and opened.others.all() == []
        assert opened.answers.aged()[0].last >= "2026"
