"""A climb on a server whose replies are no answers: they are missing, counted and told, never wrong; and its key is in no file.

Where nothing comes any more the climb ends at once, says what it knows, and goes on once the server does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stand_in import Server
from toy import GOOD, write_toy

from rung.cli.app import run
from rung.climb.record import Record
from rung.engine.http.sending import Patience
from rung.registry.home import open_home

RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}}
TRIED = 64  # questions of the trials' first round: four forms on sixteen rows
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


def right(body: Any) -> tuple[int, Any, dict[str, str], int]:
    return replied("positive" if any(word in body["messages"][-1]["content"] for word in GOOD) else "negative")


def then(rows: int, reply: Any) -> Callable[[Any], Any]:
    """Right for so many of the task's questions, and then nothing but this."""
    asked = []

    def answer(body: Any) -> Any:
        if len(body["messages"]) == 1 and len(asked) < rows:
            return replied("Hello.")
        asked.append(body)
        return right(body) if len(asked) <= rows else reply

    return answer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"attempts": 2, "first_wait_s": 0.01, "longest_wait_s": 0.02, "timeout_s": 0.3, "away_s": 0.1}
    for name, value in quick.items():
        monkeypatch.setitem(Patience.__init__.__kwdefaults__, name, value)


def climbed(server: Server, folder: Path, capsys: pytest.CaptureFixture[str], *words: str, **changed: Any) -> tuple[int, str]:
    settings = {"rungs": RUNGS, "noise": 0.0, "limits": {"in_flight": 1}, **changed}
    code = run(["climb", str(write_toy(folder, f"{server.address}#tiny", **settings)), *words])
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def is_anywhere(words: str, folder: Path) -> bool:
    return any(words.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def ledger() -> tuple[int, list[str]]:
    """How many climbs were charged on the toy's rows, and what each judged rung may spend by its record."""
    with open_home() as home:
        (begun,) = home.climbs.all()
        record = Record(home, begun.climb)
        return record.charged.number if record.charged else 0, [f"{name} {fact.part}" for name, fact in record.allotted.items()]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (replied(""), "answers came without a text"),
        (replied(None, "length"), "the limit ended every answer at 5 tokens: raise `max_tokens`"),
    ],
    ids=["no text", "the limit"],
)
def test_a_server_that_says_nothing_ends_the_climb_and_fails_nobody(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], reply: Any, told: str
) -> None:
    """After its first trials; once it is mended the same command asks them anew, and its silence is nowhere."""
    server.script = [reply]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 2 and f"not one of {TRIED} questions was answered: " in said and told in said
    assert "Nothing was decided so far. The same command goes on from there" in said
    assert "failed" not in said and "0.0%" not in said and not (home / "reports" / "toy.html").exists()
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert KEY not in said and not is_anywhere(KEY, home)
    assert ledger() == (0, [])
    silent = len(server.bodies)
    server.script = [right]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 0 and "toy@1" in said and len(server.bodies) > silent + TRIED, "what it was silent on is asked anew"
    page = (home / "reports" / "toy.html").read_text("utf-8")
    assert told.partition(":")[0] not in page and "missing, not wrong" not in page


def test_what_was_decided_before_is_told_and_stays(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rungs = {"r1_prompt": RUNGS["r1_prompt"]}
    server.script = [replied("")]
    code, said = climbed(server, tmp_path, capsys, "--json", rungs=rungs, noise=0.25, at_least=0.95)
    told = said.partition("rung: ")[2]
    assert code == 2 and "So far: r0_linear failed, " in told and "The same command goes on from there" in told
    error, _ = json.JSONDecoder().raw_decode(said[said.index('{ "error"') :])
    assert error["error"]["exit_code"] == 2 and error["error"]["notes"][0].startswith("So far: r0_linear failed")
    server.script = [right]
    code, said = climbed(server, tmp_path, capsys, rungs=rungs, noise=0.25, at_least=0.95)
    assert code == 1 and "r0_linear" in (home / "reports" / "toy.html").read_text("utf-8")
    assert "r0_linear at the gate" not in said, "what was judged is not judged again"


@pytest.mark.parametrize("rows", [0, 20, 50], ids=["before its share is fixed", "at the gate", "between two looks"])
def test_one_that_falls_silent_later_loses_nothing(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], rows: int
) -> None:
    """Its share of alpha, its charge and its verdict are those of a climb that nothing befell."""
    server.script = [then(TRIED + rows, replied(""))]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 2 and "questions was answered" in said and "So far: r1_prompt is built." in said
    assert not (home / "reports" / "toy.html").exists()
    server.script = [right]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 0 and "toy@1" in said and "without a text" not in said
    told = ledger()
    shutil.rmtree(home)
    assert climbed(server, tmp_path, capsys)[0] == 0 and told == ledger()


STUB = {"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
THOUGHT = {"choices": [{"message": {"role": "assistant", "content": None, "reasoning": "Well, "}, "finish_reason": "stop"}]}
# What comes in the place of an answer, with which exit code it ends, and what is told of it.
INSTEAD: dict[str, tuple[tuple[int, Any], int, str]] = {
    "a thought alone": ((200, THOUGHT), 2, "a thought and no answer"),
    "a success that is none": ((200, {**STUB, "error": {"message": "insufficient credits"}}), 2, "insufficient credits"),
    "a refusal of each": ((400, {"error": {"message": "Your credit balance is too low."}}), 2, "Your credit balance is too low"),
    "a bill": ((402, {"error": {"message": "Please top up."}}), 2, "wants to be paid first"),
    "another key": ((401, {"error": {"message": "revoked"}}), 2, "refuses the key"),
    "the quota's end": ((429, {"error": {"code": "insufficient_quota", "message": "quota"}}), 3, "does not answer"),
    "an error in place of a choice": ((200, {"error": {"message": "no such worker"}}), 3, "no chat completion"),
    "a page": ((200, b"<html>Log in</html>"), 2, "what answers there is a web page"),
}


@pytest.mark.parametrize("kind", INSTEAD)
def test_whatever_comes_in_the_place_of_answers_is_told(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], impatient: None, kind: str
) -> None:
    (status, body), code, words = INSTEAD[kind]
    server.script = [then(TRIED, (status, body, {}, 0))]
    ended, said = climbed(server, tmp_path, capsys)
    assert ended == code and words in said and "So far: r1_prompt is built." in said, said
    asked = len(server.bodies)
    assert asked < TRIED + 60 and not (home / "reports" / "toy.html").exists()


@pytest.mark.parametrize("how", ["hangs", "is gone", "fails"])
def test_one_that_answers_no_more_is_waited_for_and_told(
    server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], impatient: None, how: str
) -> None:
    """What came is kept; the machine is broken (3), not the input; the same command ends the climb once it is back."""
    failing = {"hangs": (200, {}, {}, 1), "is gone": (503, {"error": "away"}, {}, 0), "fails": (500, {"error": "oh"}, {}, 0)}[how]
    server.script = [then(TRIED, failing)]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 3 and "the server does not answer" in said and "run the same command again" in said, said
    assert "So far: r1_prompt is built." in said and not (home / "reports" / "toy.html").exists()
    kept = [body["messages"][-1]["content"] for body in server.bodies if len(body["messages"]) > 1][:TRIED]
    before = len(server.bodies)
    server.script = [right]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 0 and "toy@1" in said
    again = [body["messages"][-1]["content"] for body in server.bodies[before:]]
    assert not set(kept) & set(again), "what was answered is not asked again"


def test_a_filtered_row_ends_no_climb(server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = {"error": {"code": "content_filter", "message": f"filtered, by the way: {os.environ['RUNG_API_KEY']}"}}

    def answer(body: Any) -> Any:
        if any(f" {number}: " in body["messages"][-1]["content"] for number in range(0, 260, 40)):
            return 400, held, {}, 0
        return right(body)

    server.script = [answer]
    code, said = climbed(server, tmp_path, capsys)
    assert code == 0 and "withheld by a filter" in said.rpartition("The bar: ")[2]
    assert KEY not in said and not is_anywhere(KEY, home)
