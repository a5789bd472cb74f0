"""A climb on a server whose replies are no answers: they are missing, counted and told, never wrong; and its key is in no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from stand_in import Server
from toy import GOOD, write_toy

from rung.cli.app import run

RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}}
KEY = "zq-17-verysecret-98"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("RUNG_API_KEY", f" {KEY}\n")
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def replied(content: str | None, finish: str = "stop") -> tuple[int, Any, dict[str, str], int]:
    message = {"role": "assistant", "content": content}
    return 200, {"choices": [{"message": message, "finish_reason": finish}], "usage": {"completion_tokens": 5}}, {}, 0


def climbed(server: Server, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["climb", str(write_toy(folder, f"{server.address}#tiny", rungs=RUNGS, noise=0.0))])
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def is_anywhere(words: str, folder: Path) -> bool:
    return any(words.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (replied(""), "answers came without a text"),
        (replied(None, "length"), "the limit ended every answer at 5 tokens: raise `max_tokens`"),
    ],
    ids=["no text", "the limit"],
)
def test_a_server_that_says_nothing_fails_nobody(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], reply: Any, told: str
) -> None:
    server.script = [reply]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 2 and told in said
    assert "failed" not in said and "0.0%:" not in said
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert KEY not in said and not is_anywhere(KEY, home)


def test_a_filtered_row_ends_no_climb(server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = {"error": {"code": "content_filter", "message": f"filtered, by the way: {os.environ['RUNG_API_KEY']}"}}

    def answer(body: Any) -> Any:
        asked = body["messages"][-1]["content"]
        if any(f" {number}: " in asked for number in range(0, 260, 40)):
            return 400, held, {}, 0
        return replied("positive" if any(word in asked for word in GOOD) else "negative")

    server.script = [answer]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 0 and "withheld by a filter" in said.rpartition("The bar: ")[2]
    assert KEY not in said and not is_anywhere(KEY, home)
