"""What the buttons do: to jobs, held calls, rollouts, keys; and what the playground answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import filled
import parts
import pytest
from visitor import Visitor

from rung.registry.home import Home
from rung.serve.dashboard.data import Controls


@pytest.fixture
def queue(empty: Home) -> Iterator[tuple[Visitor, Home]]:
    """A home of one's own, with jobs."""
    filled._jobs(empty, filled.PLAIN)
    yield Visitor(Controls(home=empty, admins=parts.OneAdmin())).log_in(), empty


def _job(home: Home, state: str) -> str:
    return next(job.id for job in home.jobs.all() if job.state == state)


def test_a_job_is_paused_resumed_and_cancelled(queue: tuple[Visitor, Home]) -> None:
    visitor, home = queue
    job = _job(home, "queued")
    seen = str(home.jobs.get(job).number)
    assert f"{job} is paused now." in visitor.done(f"/jobs/{job}", {"action": "pause", "seen": seen}).text
    assert home.jobs.get(job).state == "paused"
    assert "meanwhile; nothing was done" in visitor.done(f"/jobs/{job}", {"action": "resume", "seen": seen}).text
    visitor.done(f"/jobs/{job}", {"action": "resume"})
    assert home.jobs.get(job).state == "queued"
    running = _job(home, "running")
    assert "stops as soon as its worker hears of it" in visitor.done(f"/jobs/{running}", {"action": "cancel"}).text
    assert home.jobs.get(running).state == "cancelling"
    done = _job(home, "done")
    assert "cannot be cancelled" in visitor.done(f"/jobs/{done}", {"action": "cancel"}).text
    assert "no such button" in visitor.done(f"/jobs/{done}", {"action": "explode"}).text


def test_a_job_shows_its_log_its_events_and_only_what_can_be_done(queue: tuple[Visitor, Home]) -> None:
    visitor, home = queue
    page = visitor.look(f"/jobs/{_job(home, 'running')}")
    assert "r11_step: r4_adapter: epoch 2 of 3" in page.text and "submitted" in page.text and "started" in page.text
    values = [attrs.get("value") for attrs in page.all("button") if attrs.get("name") == "action"]
    assert values == ["pause", "cancel"]
    assert not [attrs for attrs in visitor.look(f"/jobs/{_job(home, 'done')}").all("button") if attrs.get("name") == "action"]


def test_a_held_call_is_approved_or_refused_with_a_reason(anna: Visitor) -> None:
    page = anna.look("/approvals")
    assert "refund" in page.text and "irreversible" in page.text and "4711" in page.text
    assert "a refusal needs a reason" in anna.done("/approvals/held-aa", {"action": "refuse", "reason": "  "}).text
    assert "held-aa is refused." in anna.done("/approvals/held-aa", {"action": "refuse", "reason": "not our order"}).text
    assert "was decided meanwhile" in anna.done("/approvals/held-aa", {"action": "approve"}).text
    said = anna.done("/approvals/held-bb", {"action": "approve"}).text
    assert "held-bb is approved." in said and "not our order" in said and "Nothing waits." in said
    assert "there is no such button" in anna.done("/approvals/held-bb", {"action": "x"}).text


def test_a_rollout_is_paused_and_stopped(anna: Visitor) -> None:
    page = anna.look("/rollouts")
    assert "tone: canary" in page.text and "5.0% of those who ask" in page.text and "88.4%" in page.text
    assert "The rollout of tone: pause" in anna.done("/rollouts/rollout-00aa11bb22cc33dd", {"action": "pause"}).text
    anna.done("/rollouts/rollout-00aa11bb22cc33dd", {"action": "stop", "reason": "the champion is better"})
    assert anna.controls.rollouts.done[-1][1:] == ("stop", "the champion is better")  # type: ignore[union-attr]
    assert "it is over" in anna.done("/rollouts/rollout-99", {"action": "stop"}).text


def test_a_key_is_shown_once_and_ended(anna: Visitor) -> None:
    assert "there is a tenant 'acme' already" in anna.done("/tenants", {"name": "acme", "models": "*"}).text
    assert "The tenant initech is there" in anna.done("/tenants", {"name": "initech", "models": "tone, legal-*"}).text
    secret = "rk-0123456789abcdef-" + "s" * 43
    assert secret in anna.done("/tenants/tenant-1/keys", {"label": "the desk"}).text
    assert secret not in anna.look("/tenants").source
    assert "does not hold any more" in anna.done("/keys/7c21f0aa/revoke").text


def test_the_playground_answers_without_scripts(anna: Visitor) -> None:
    fields = [("question", "Is it good?"), ("ref", "tone@champion"), ("ref", "spam@1"), ("other", "nothing@1")]
    answer = anna.send("/playground", fields)
    assert answer.status_code == 200
    for said in ("tone@champion says: Complaint", "spam@1 says: Complaint", "No candidate is called", "41 tokens in, 9 out"):
        assert said in answer.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("question", "x")], "nobody was chosen"),
        ([("question", " "), ("ref", "tone")], "there is no question"),
        ([("question", "x"), *[("ref", f"tone@{n}") for n in range(5)]], "5 were chosen"),
        ([("question", "x"), ("ref", "tone"), ("temperature", "nan")], "is no number from 0 to 2"),
        ([("question", "x"), ("ref", "tone"), ("max_tokens", "1e9")], "is no number from 1 to 4096"),
        ([("question", "x" * 60_001), ("ref", "tone")], "60,001 characters"),
    ],
)
def test_the_playground_says_what_is_wrong(anna: Visitor, fields: list[tuple[str, str]], said: str) -> None:
    assert said in anna.done("/playground", fields).text


def test_an_answer_comes_in_pieces_and_is_told_whole_at_its_end(anna: Visitor) -> None:
    answer = anna.send("/playground/answer", {"question": "Is it good?", "ref": "tone@2"})
    lines = [json.loads(line) for line in answer.text.splitlines() if line]
    assert answer.headers["content-type"] == "application/x-ndjson" and answer.headers["cache-control"] == "no-store"
    assert "".join(line["piece"] for line in lines[:-1]).strip() == lines[-1]["said"]["text"]
    wrong = anna.send("/playground/answer", {"question": "x", "ref": "nothing"})
    assert json.loads(wrong.text)["problem"] == "no candidate is called 'nothing'"


def test_whoever_leaves_stops_the_answer(all_parts: Controls) -> None:
    import httpx

    with parts.serving(all_parts) as address, httpx.Client(base_url=address) as client:
        token = client.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
        client.post("/login", data={"csrf": token, "key": parts.KEY})
        csrf = client.get("/").text.partition('name="csrf" value="')[2].partition('"')[0]
        with client.stream("POST", "/playground/answer", data={"csrf": csrf, "question": "slow", "ref": "tone@2"}) as answer:
            next(answer.iter_lines())
        until = time.monotonic() + 10
        while not all_parts.asks.left and time.monotonic() < until:  # type: ignore[union-attr]
            time.sleep(0.02)
    assert all_parts.asks.left == ["tone@2"]  # type: ignore[union-attr]
