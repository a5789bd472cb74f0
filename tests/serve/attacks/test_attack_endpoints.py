"""Every endpoint that takes a body or an id: what is none is the client's fault, told as such, and never the server's."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from attacked import Attacked
from test_attack_bodies import MALFORMED

POSTS = [
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/feedback",
    "/v1/fine_tuning/jobs",
    "/v1/fine_tuning/jobs/ftjob-none/cancel",
    "/v1/fine_tuning/jobs/ftjob-none/pause",
]
# That say something is wrong with the body whatever it is for.
NEVER = [
    "empty",
    "half",
    "two",
    "list",
    "nan",
    "infinity",
    "deep lists",
    "deep objects",
    "duplicate key",
    "no utf-8",
    "utf-16",
    "pickle",
]
IDS = ["../x", "%2e%2e", "x" * 3000, "a\x00b", "' OR 1=1 --", "file-*", "\U0001f600", "http://127.0.0.1/x", "-1", "None"]
UNDER = [
    "/v1/files/{}",
    "/v1/files/{}/content",
    "/v1/fine_tuning/jobs/{}",
    "/v1/fine_tuning/jobs/{}/events",
    "/v1/fine_tuning/jobs/{}/checkpoints",
    "/v1/held/{}",
]


@pytest.mark.parametrize("path", POSTS)
def test_bodies_that_are_none(attacked: Attacked, path: str) -> None:
    for name in NEVER:
        came = attacked.wire.post(MALFORMED[name], path)
        assert 400 <= came.status < 500 and came.error["message"], (path, name, came)
        assert b"Traceback" not in came.body and b"rung/" not in came.body
    for body in (
        {},
        {"model": "echo"},
        {"model": 1},
        {"model": "echo", "input": {"a": 1}},
        {"answer": {}, "score": "NaN"},
        {"x": 1},
    ):
        came = attacked.wire.post(body, path)
        assert 400 <= came.status < 500, (path, body, came)


@pytest.mark.parametrize("path", UNDER)
def test_ids_that_are_none(attacked: Attacked, path: str) -> None:
    for id in IDS:
        came = attacked.wire.get(path.format(quote(id, safe="")))
        assert 400 <= came.status < 500 and b"root:" not in came.body and str(attacked.home.path) not in came.body.decode(), (
            id,
            came,
        )


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=99999999999", "limit=x", "limit=1e9", "after=../x", "order=sideways", "limit=%00"]
)
def test_pages_that_are_none(attacked: Attacked, query: str) -> None:
    for path in ("/v1/files", "/v1/fine_tuning/jobs"):
        came = attacked.wire.get(f"{path}?{query}")
        assert came.status in (200, 400, 404, 422), (path, query, came)


def upload(name: bytes, content: bytes, *, purpose: bytes = b"fine-tune", boundary: bytes = b"xx") -> bytes:
    parts = [
        b'Content-Disposition: form-data; name="purpose"\r\n\r\n' + purpose,
        b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n' + content,
    ]
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


ROW = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
FILES = {
    "a path in its name": upload(b"../../evil.jsonl", ROW),
    "an absolute path": upload(b"/etc/cron.d/evil.jsonl", ROW),
    "a name with a line": upload(b"a\r\nX-Evil: 1", ROW),
    "a name of nothing": upload(b"", ROW),
    "nothing in it": upload(b"a.jsonl", b""),
    "a bomb": upload(b"a.jsonl", b"\x1f\x8b\x08" + b"\x00" * 1000),
    "no purpose that there is": upload(b"a.jsonl", ROW, purpose=b"../x"),
    "another boundary": upload(b"a.jsonl", ROW, boundary=b"yy"),
    "cut short": upload(b"a.jsonl", ROW)[:-10],
    "a thousand parts": b"".join(b'--xx\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n' % n for n in range(5000))
    + b"--xx--",
    "no parts": b"--xx--\r\n",
    "not a form": b"{}",
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_none(attacked: Attacked, name: str) -> None:
    came = attacked.wire.post(FILES[name], "/v1/files", Content_Type="multipart/form-data; boundary=xx")
    assert came.status == 200 or 400 <= came.status < 500, came
    assert "x-evil" not in came.head.lower() and b"Traceback" not in came.body
    if came.status == 200:  # kept under an id of the server's own: its name is a word
        told = json.loads(came.body)
        assert "/" not in told["filename"] and "\n" not in told["filename"] and told["id"].startswith("file-"), told
    outside = [attacked.home.path.parent / "evil.jsonl", attacked.home.path.parent.parent / "evil.jsonl"]
    assert not any(path.exists() for path in outside)


def test_a_file_that_is_too_large_by_its_own_word(attacked: Attacked) -> None:
    came = attacked.wire.post(b"--xx", "/v1/files", Content_Type="multipart/form-data; boundary=xx", Content_Length=str(1 << 50))
    assert came.status in (0, 400, 413)
