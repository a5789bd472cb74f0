"""Two small Candidates behind one name, through HTTP: dealt, spoken of, rolled back; then the champion answers everybody."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server is not installed: pip install 'rung[serve]'")

from rung.registry.home import Home, open_home
from rung.serve.dashboard.rolling import KeptRollouts
from rung.serve.rollout.begin import Wanted, begin
from rung.types import Candidate

SCRIPT = """
def good(request):
    return {"text": "yes"}


def bad(request):
    return {"text": "gibberish"}
"""


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, Any]]:
    """A server of a home in which `spam@1` is the champion and `spam@2` its rival."""
    from serving_home import register, serving

    from rung.engine.bases.resolve import resolve
    from rung.serve.opening import Settings, open_door

    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        (home / "script.py").write_text(SCRIPT)
        for word in ("good", "bad"):
            pinned = resolve(f"scripted:{home / 'script.py'}#{word}", home).pinned
            register(opened, "spam", Candidate(rung="r1_prompt", base=pinned, max_tokens=20))
        opened.aliases.move("spam", "champion", 1, expected=0, kind="set")
        with serving(open_door(opened, Settings())) as running:
            yield opened, running


def posted(running: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(body).encode()
    asked = urllib.request.Request(f"{running.url}{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as said:
        return json.load(said)


def chat(running: Any, user: str, model: str = "spam@champion") -> dict[str, Any]:
    messages = [{"role": "user", "content": f"hello from {user}"}]
    return posted(running, "/v1/chat/completions", {"model": model, "messages": messages, "user": user})


def text(said: dict[str, Any]) -> str:
    return said["choices"][0]["message"]["content"]


def test_from_the_first_question_to_the_rollback(server: tuple[Home, Any]) -> None:
    home, running = server
    router = running.door.router
    rollout = begin(home, Wanted(name="spam", canary="50%")).rollout
    router.look()
    met: dict[str, str] = {}
    for number in range(120):
        said = chat(running, f"u{number}")
        met[f"u{number}"] = text(said)
        posted(running, "/v1/feedback", {"id": said["id"], "thumb": "up" if text(said) == "yes" else "down"})
    assert set(met.values()) == {"yes", "gibberish"}
    some = list(met)[:10]
    assert [text(chat(running, user)) for user in some] == [met[user] for user in some], "one user meets one version"
    assert text(chat(running, "u0", "spam@2")) == "gibberish"
    [shown] = KeptRollouts(home).all()
    assert (shown.state, shown.actions) == ("running", ("pause", "stop"))
    router.work()
    ended = home.rollouts.get(rollout.id)
    assert ended.state == "rolled-back" and "feedback" in ended.said
    for model in ("spam", "spam@champion"):
        assert {text(chat(running, user, model)) for user in list(met)[:25]} == {"yes"}
    [shown] = KeptRollouts(home).all()
    assert (shown.state, shown.tone, shown.actions) == ("rolled back", "fail", ())
    assert [arm.ref for arm in shown.arms] == ["spam@1", "spam@2"] and all(arm.spoken for arm in shown.arms)
    assert {one.name: one.shown for one in shown.measures}["feedback"] == "worse"
    assert home.integrity.faults() == []
