"""The rung that has a provider tune its base: when it is climbed, what may leave this machine, what it costs, what comes of it."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from serving_home import plain, register, serving

from rung.climb import steps
from rung.climb.outlook.telling import Outlook
from rung.climb.record import spent
from rung.engine.http.tuning import run as running
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.home import open_home
from rung.rungs import r4b_hosted
from rung.rungs.base import rung_named
from rung.rungs.settings import setting_problems
from rung.serve.opening import Settings, open_door
from rung.task.load import load_task
from rung.types import Example, Task
from rung.worker.loop import Worker

WORDS = (("great", "positive"), ("broken", "negative"), ("love it", "positive"), ("late again", "negative"))


def write(folder: Path, base: str, *, hosted: dict[str, Any] | None = None, odd: str = "", **more: Any) -> Path:
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "tone"])
        for number in range(60):
            word, tone = WORDS[number % 4]
            writer.writerow([f"order {number}: {word}{odd if number == 7 else ''}", tone])
    others = {name: {"skip": True} for name in ("r0_linear", "r1_prompt", "r2_retrieve", "r3_tools", "r4_adapter", "r5_full")}
    task = {
        "name": "hosted",
        "base": base,
        "instruction": "Is it positive or negative?",
        "data": {
            "examples": "rows.csv",
            "columns": {"input": "text", "target": "tone"},
            "split": {"train": 30, "dev": 10, "test": 20},
        },
        "quality": {"scorer": "choice", "at_least": 0.6},
        "prices": {"input_usd_per_million": 0.1, "output_usd_per_million": 0.4},
        "limits": {"usd": 5},
        "rungs": others | ({} if hosted is None else {"r4b_hosted": hosted}),
        **more,
    }
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return path


def loaded(folder: Path, base: str = "http://127.0.0.1:9/v1#m", **more: Any) -> Task:
    return load_task(write(folder, base, **more), folder / "downloads")


PRICE = {"usd_per_million_tokens": 3.0}


def test_nothing_is_bought_that_was_not_asked_for(tmp_path: Path, tiny_base: Path) -> None:
    rung = rung_named("r4b_hosted")
    assert "the task does not ask for it" in rung.why_skipped(loaded(tmp_path))
    assert "the task does not ask for it" in rung.why_skipped(loaded(tmp_path, hosted={"epochs": 2}))
    assert "limits.usd" in rung.why_skipped(loaded(tmp_path, hosted=PRICE, limits={}))
    assert "no provider's" in rung.why_skipped(loaded(tmp_path, str(tiny_base), hosted=PRICE))
    few = {"train": 8, "dev": 10, "test": 20}
    data = {"examples": "rows.csv", "columns": {"input": "text", "target": "tone"}, "split": few}
    assert "no fewer than 10 rows" in rung.why_skipped(loaded(tmp_path, hosted=PRICE, data=data))
    assert rung.why_skipped(loaded(tmp_path, hosted=PRICE)) == ""


def test_a_wrong_setting_is_told_by_its_name(tmp_path: Path) -> None:
    problems = setting_problems(loaded(tmp_path, hosted={"usd_per_million_tokens": -1, "epoch": 3}))
    assert any("did you mean 'epochs'" in problem.text.casefold() for problem in problems)
    assert len(problems) == 2


def row(text: str, answer: str = "yes") -> Example:
    return Example(id=text[:4], messages=({"role": "user", "content": text},), target=answer, source="rows.csv:9", split="train")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to anna.b@example.org", "e-mail addresses"),
        ("call +49 170 1234 5678", "phone numbers"),
        ("card 4111 1111 1111 1111", "payment card numbers"),
        ("to DE89 3704 0044 0532 0130 00", "bank account numbers"),
        ("AKIAABCDEFGHIJKLMNOP is it", "AWS access keys"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private keys"),
    ],
)
def test_personal_data_and_secrets_do_not_leave_unless_the_task_says_so(tmp_path: Path, text: str, kind: str) -> None:
    task = loaded(tmp_path, hosted=PRICE)
    for rows in ([row(text)], [row("what?", text)]):
        with pytest.raises(UserError, match=f"{kind} in 1 row: rows.csv:9") as error:
            r4b_hosted.refuse_to_let_go(task, rows, ())
        assert text not in error.value.message
        r4b_hosted.refuse_to_let_go(task, rows, (kind,))
    with pytest.raises(UserError, match="the instruction"):
        r4b_hosted.refuse_to_let_go(replace(task, instruction=text), [row("what?")], ())
    with pytest.raises(UserError, match="'mails' is no kind of data"):
        r4b_hosted.refuse_to_let_go(task, [], ("mails",))


def test_the_most_that_it_costs_is_a_token_for_every_byte() -> None:
    config = r4b_hosted.Config(usd_per_million_tokens=2.0, epochs=5)
    price = r4b_hosted._price(config, [b"x" * 400] * 100)
    assert price.most_usd == pytest.approx(40_000 * 5 * 2 / 1e6)
    assert price.tokens == pytest.approx(10_000 + 1600)
    assert price.usd == pytest.approx(price.tokens * 5 * 2 / 1e6)


@pytest.fixture
def provider(tmp_path: Path, tiny_base: Path) -> Iterator[str]:
    """The address of a server, and a worker that does its jobs."""
    with open_home(tmp_path / "provider", write=True) as home:
        register(home, "tone", plain(str(tiny_base)))
        worker = Worker(home)
        thread = threading.Thread(target=worker.run, daemon=True)
        with serving(open_door(home, Settings())) as there:
            thread.start()
            try:
                yield f"{there.url}/v1"
            finally:
                worker.stop()
                thread.join()


def test_a_climb_has_its_base_tuned_and_asks_what_came_of_it(
    provider: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One home's climb by another home's server: the rows go there, and what is answered comes from there."""
    sleep = time.sleep
    quick = SimpleNamespace(sleep=lambda s: sleep(min(s, 0.1)), monotonic=time.monotonic)
    monkeypatch.setattr(running, "time", quick)
    task = loaded(tmp_path, f"{provider}#tone", hosted={**PRICE, "epochs": 1, "batch_rows": 8, "suffix": "there"})
    with open_home(home, write=True) as mine:
        climb = steps.open_climb(task, mine, Silent())
        with climb.lease:
            foreseen = rung_named("r4b_hosted").foresee(task, None, climb.context("foreseen"))
            [bought] = foreseen.asks
            Outlook(climb).foretell()
            said = climb.record.foreseen
            assert said is not None, "what it will cost can be told"
            step = said.step("built/r4b_hosted")
            assert step.amount.usd.most == bought.usd.most > bought.usd.expected > 0
            steps.build(climb, "r4b_hosted")
            steps.measure(climb, "r4b_hosted")
            candidate = climb.candidate("r4b_hosted")
            [finding] = climb.record.built["r4b_hosted"].recorded("finding")
            usd, put_aside = spent(mine, climb.id)
            assert climb.record.measured["r4b_hosted"].n == 10
        [left] = [line for line in mine.audit.lines("hosted") if line.kind == steps.LEFT]
    reference = candidate.base_reference
    assert str(reference.address) == provider
    assert reference.member.startswith("ft-tone-there-")
    assert (candidate.rung, candidate.adapters, candidate.prompt) == ("r4b_hosted", (), "Is it positive or negative?")
    assert "30 rows" in finding["message"]
    assert (left.payload["rows"], left.payload["to"]) == (30, provider)
    assert left.payload["digest"][:16] in finding["message"]
    assert put_aside == {}
    assert 0 < usd < 1
