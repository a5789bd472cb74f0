"""/v1/files by the official client: what is taken, told, given back and taken away, each tenant's own."""

from __future__ import annotations

import time
from typing import Any

import httpx
import openai
import pytest
from tuning_server import TuningServer, lines

from rung.registry import files as shelf


def upload(client: Any, data: bytes | None = None, name: str = "train.jsonl", **more: Any) -> Any:
    return client.files.create(file=(name, lines(12) if data is None else data), purpose="fine-tune", **more)


def test_a_file_goes_up_comes_back_and_goes(server: TuningServer) -> None:
    client = server.client()
    file = upload(client)
    assert (file.object, file.purpose, file.filename, file.bytes, file.status) == (
        *("file", "fine-tune", "train.jsonl"),
        *(len(lines(12)), "processed"),
    )
    assert file.expires_at is None
    assert abs(file.created_at - time.time()) < 60
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == lines(12)
    [stored] = server.home.files.of("anna")
    assert server.home.blobs.holds(stored.digest)
    assert client.files.delete(file.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert not server.home.blobs.holds(stored.digest)


def test_the_bytes_of_two_files_that_are_alike_go_with_the_last(server: TuningServer) -> None:
    mine, theirs = upload(server.client()), upload(server.client("ben"))
    digest = server.home.files.of("anna")[0].digest
    server.client().files.delete(mine.id)
    assert server.client("ben").files.content(theirs.id).content == lines(12)
    server.client("ben").files.delete(theirs.id)
    assert not server.home.blobs.holds(digest)


def test_another_tenants_file_is_not_there(server: TuningServer) -> None:
    file, ben = upload(server.client()), server.client("ben")
    for ask in (ben.files.retrieve, ben.files.delete, ben.files.content):
        with pytest.raises(openai.NotFoundError) as own:
            ask(file.id)
        with pytest.raises(openai.NotFoundError) as none:
            ask("file-000")
        assert own.value.message.replace(file.id, "file-000") == none.value.message
    assert [one.id for one in ben.files.list()] == []
    server.client().files.delete(file.id)


def test_lists_are_paged(server: TuningServer) -> None:
    client = server.client("pages")
    made = [upload(client, name=f"{number}.jsonl").id for number in range(5)]
    assert [one.id for one in client.files.list(limit=2)] == made[::-1]
    assert [one.id for one in client.files.list(limit=2, order="asc")] == made
    page = client.files.list(limit=2)
    assert page.has_more is True
    assert len(page.data) == 2
    assert list(client.files.list(purpose="batch")) == []
    with pytest.raises(openai.BadRequestError):
        client.files.list(limit=0)


def test_a_file_expires(server: TuningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client("expiring")
    file = upload(client, expires_after={"anchor": "created_at", "seconds": 3600})
    assert abs(file.expires_at - file.created_at - 3600) <= 1
    monkeypatch.setattr(shelf.time, "time", lambda: file.created_at + 3601.5)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert list(client.files.list()) == []
    assert server.home.files.sweep() == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"purpose": "batch"}, "'batch' are not kept here"),
        ({"purpose": "assistants"}, "'assistants' are not kept here"),
        ({"purpose": "tuning"}, "is not one of"),
        ({"file": ("train.csv", b"a,b\n")}, "Invalid extension 'csv'"),
        ({"file": ("train.jsonl", b"")}, "empty"),
        ({"file": ("train.jsonl", b"\n\n")}, "holds no line"),
        ({"file": ("train.jsonl", lines(2) + b"{'role': 1}\n")}, "Line 3: it is no JSON"),
        ({"file": ("train.jsonl", b'["a"]\n')}, "Line 1: it holds list"),
        ({"file": ("train.jsonl", b'{"a": NaN}\n')}, "Line 1"),
        ({"file": ("train.jsonl", b"\xff\xfe{}\n")}, "Line 1: it is not UTF-8"),
        ({"file": ("train.jsonl", b"[" * 100_000 + b"\n")}, "Line 1"),
        ({"expires_after": {"anchor": "created_at", "seconds": 10}}, "from 3600 to 2592000"),
        ({"expires_after": {"anchor": "last_used", "seconds": 7200}}, "'created_at'"),
    ],
)
def test_what_is_none_is_refused_with_why(server: TuningServer, given: dict[str, Any], said: str) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        server.client().files.create(**{"file": ("train.jsonl", lines(2)), "purpose": "fine-tune", **given})
    assert server.home.files.of("anna") == []


def test_a_files_name_is_a_name_and_no_path(server: TuningServer) -> None:
    file = upload(server.client(), name='../../etc/p"ass\r\nwd.jsonl')
    assert "/" not in file.filename
    assert "\n" not in file.filename
    answer = server.client().files.with_raw_response.content(file.id)
    assert answer.headers["content-disposition"].startswith("attachment")
    server.client().files.delete(file.id)


def test_what_is_no_form_is_refused(server: TuningServer) -> None:
    key = {"authorization": "Bearer anna"}
    for sent in ({"json": {"purpose": "fine-tune"}}, {"data": {"purpose": "fine-tune"}}, {"content": b"--x\r\n"}):
        answer = httpx.post(f"{server.url}/v1/files", headers=key, **sent)  # type: ignore[arg-type]
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]
    assert httpx.get(f"{server.url}/v1/files").status_code == 401


def test_a_file_that_is_too_large_is_refused(server: TuningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.serve.tuning.uploads.FILE_BYTES", 100)
    with pytest.raises(openai.APIStatusError, match="larger than") as error:
        upload(server.client())
    assert error.value.status_code == 413
    monkeypatch.undo()
    monkeypatch.setattr("rung.serve.tuning.uploads.TENANT_BYTES", 100)
    with pytest.raises(openai.APIStatusError, match="Delete some"):
        upload(server.client())
