"""What is left of a climb, priced from what it has found out: facts in, seconds out, on a machine of a second for each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.climb.outlook.foresight import Foresight, Known, through
from rung.climb.outlook.gate import of_score
from rung.climb.outlook.machine import Load, Machine
from rung.climb.outlook.pricing import Pricing
from rung.climb.outlook.questions import Questions, Reader
from rung.engine.runtime import Runtime
from rung.parts import Span
from rung.progress import Silent
from rung.registry.predictions import Step
from rung.rungs.asks import Answers, Foreseen, Training
from rung.rungs.base import BuildContext
from rung.rungs.training import WITH_ADAPTER
from rung.train.config import TrainConfig
from rung.types import Answer, Bar, Candidate, Example, Task
from rung.verify.alpha import plan_alpha
from rung.verify.run import random_order

SIZES = {"train": 60, "dev": 400, "test": 1500}
BASE = "./base"
SERVER = "http://127.0.0.1:9/v1#m"


@dataclass
class Kept:
    """Answers that are known, by Candidate."""

    answers: dict[str, dict[str, Answer]] = field(default_factory=dict)

    def load(self, candidate: str, examples: Sequence[str]) -> dict[str, Answer]:
        known = self.answers.get(candidate, {})
        return {name: known[name] for name in examples if name in known}

    def store(self, candidate: str, answers: Mapping[str, Answer]) -> None:
        self.answers.setdefault(candidate, {}).update(answers)


def task_of(base: str = BASE, **changed: Any) -> Task:
    rows = tuple(
        Example(
            id=f"{split}-{number}",
            messages=({"role": "user", "content": f"is {split} {number} fine?"},),
            target="yes" if number % 2 else "no",
            split=split,
            group=f"{split}-{number}",
        )
        for split, size in SIZES.items()
        for number in range(size)
    )
    return Task(name="t", base=base, instruction="", examples=rows, quality=Bar(scorer="exact", at_least=0.83), **changed)


def pricing_of(task: Task, work: Path, machine: Machine | None = None) -> Pricing:
    backend: Any = SimpleNamespace(reference=task.base, template="")
    runtime = Runtime(backend_for=lambda _: backend, blobs=None, cache=Kept())  # type: ignore[arg-type,return-value]
    context = BuildContext(task, runtime, work, Silent())
    pricing = Pricing(context=context, machine=machine or Machine(cost=Load(rows=1.0)), reader=Reader(task, runtime))
    pricing.judging_s = 0.0
    return pricing


def built(rung: str, base: str = BASE, **changed: Any) -> Candidate:
    return Candidate(rung=rung, base=base, prompt="", max_tokens=4, **changed)


def keep(pricing: Pricing, candidate: Candidate, split: str, rows: int) -> None:
    order = random_order(pricing.task, split)[:rows]
    assert pricing.context.runtime.cache is not None
    pricing.context.runtime.cache.store(candidate.id, {row.digest: Answer(text="yes", completion_tokens=1) for row in order})


def left(pricing: Pricing, known: Mapping[str, Known], done: Sequence[str] = ("diagnosed",)) -> dict[tuple[str, str], Step]:
    foresight = Foresight(
        task=pricing.task,
        pricing=pricing,
        rungs=tuple(known),
        alpha=plan_alpha(pricing.task, tuple(known)),
        known=known,
        done=done,
    )
    return {(step.key, step.when): step for step in foresight.run()}


def test_an_adapter_that_dev_was_asked_of_is_asked_the_rest_alone(tmp_path: Path) -> None:
    pricing, adapter = pricing_of(task_of(), tmp_path), built("r4_adapter", adapters=("a" * 64,))
    keep(pricing, adapter, "dev", 200)
    steps = left(pricing, {"r4_adapter": Known(candidate=adapter)})
    assert ("built/r4_adapter", "") not in steps
    assert steps["measured/r4_adapter", ""].amount.seconds.expected == pytest.approx(200 * WITH_ADAPTER)


def test_a_smaller_adapter_has_answered_nothing_yet(tmp_path: Path) -> None:
    pricing, adapter = pricing_of(task_of(), tmp_path), built("r4_adapter", adapters=("a" * 64,))
    keep(pricing, adapter, "test", 168)
    step = left(pricing, {"r4_adapter": Known(candidate=adapter, dev=of_score(0.9, 368, 0.83), alpha=0.0134)})
    assert step["simplified/r4_adapter", ""].amount.answers.least == 24
    assert step["judged/r4_adapter", "pass"].amount.answers.least == 0, "its own first looks are known"


def test_what_is_trained_later_is_known_after_its_own_looks_alone(tmp_path: Path) -> None:
    """Its stand-in is the prompt, which was asked all of dev: that says nothing; what its share of alpha asked of itself does."""
    pricing, prompt = pricing_of(task_of(), tmp_path), built("r1_prompt")
    keep(pricing, prompt, "dev", 400)
    later = Foreseen(asks=(), likely=prompt, adapter=True, heavier=1.3, made="r4_adapter")
    first = pricing.amount(later.asked("dev", Span(least=48, expected=200, most=400)))
    rest = pricing.amount(later.asked("dev", Span.of(400.0)))
    assert first.answers.expected == 200 and first.seconds.expected == pytest.approx(260)
    assert (rest.answers.least, rest.answers.expected, rest.answers.most) == (0, 200, 352)
    assert pricing.amount(Foreseen(asks=(), likely=prompt).asked("dev", Span.of(400.0))).answers.most == 0


def test_the_same_rows_drawn_twice_are_asked_once(tmp_path: Path) -> None:
    pricing, prompt = pricing_of(task_of(), tmp_path), built("r1_prompt")
    arm = Answers(what="an arm", candidate=prompt, rows=Span(least=64, expected=112, most=160), drawn=160)
    again = replace(arm, rows=Span.of(160.0))
    assert pricing.amount([arm]).answers == arm.rows
    assert pricing.amount([again]).answers == Span(least=0, expected=48, most=96)
    assert pricing.amount([replace(again, drawn=400)]).answers.expected == 160, "of other rows nothing is known"


def test_a_built_prompt_is_priced_as_it_is(tmp_path: Path) -> None:
    """Four times as long a prompt takes four times as long, whatever was taken to be likely before."""
    machine = Machine(cost=Load(tokens=1.0))
    short, long = built("r1_prompt"), built("r1_prompt")
    short, long = replace(short, prompt="yes or no?"), replace(long, prompt="yes or no? " * 100)
    seconds = []
    for candidate in (short, long):
        pricing = pricing_of(task_of(), tmp_path, machine)
        pricing.reader.of_rows = lambda one, rows, **_: Questions(shared=0.0, own=10.0 if one is short else 40.0)  # type: ignore[method-assign]
        seconds.append(left(pricing, {"r1_prompt": Known(candidate=candidate)})["measured/r1_prompt", ""].amount.seconds.expected)
    assert seconds == [2000, 8000], "half of dev is asked before the gate"


def test_in_a_batch_the_gate_asks_to_the_end_of_it(tmp_path: Path) -> None:
    known = {"r1_prompt": Known(candidate=built("r1_prompt", SERVER), dev=of_score(0.95, 200, 0.83), alpha=0.02)}
    alone, together = (
        left(pricing_of(task_of(SERVER, batch=batch), tmp_path), known)["judged/r1_prompt", "pass"].amount.answers
        for batch in (False, True)
    )
    assert alone.expected < 375 and (together.least, together.expected, together.most) == (384, 384, 1500)


PRICES = {"input_usd_per_million": 100.0, "output_usd_per_million": 100.0, "batch_factor": 0.2}


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({}, 0.2),
        ({"drawn": 160}, 0.2),
        ({"rows": Span.of(12.0)}, 1.0),
        ({"at_once": 1}, 1.0),
    ],
)
def test_what_goes_into_a_batch_is_cheaper(tmp_path: Path, changed: dict[str, Any], part: float) -> None:
    """Also the rows of a probe; a few, and what is asked one at a time, are asked at the full price."""
    ask = Answers(**{"what": "x", "candidate": built("r1_prompt", SERVER), "rows": Span.of(100.0), **changed})
    alone, together = (pricing_of(task_of(SERVER, prices=PRICES, batch=batch), tmp_path).amount([ask]) for batch in (False, True))
    assert alone.usd and together.usd and alone.usd.expected > 0
    assert together.usd.expected == pytest.approx(part * alone.usd.expected)
    assert together.usd.most == pytest.approx(alone.usd.most), "at most all of it comes back and is asked again"


def test_all_weights_train_as_much_slower_than_a_measured_adapter_as_usual(tmp_path: Path) -> None:
    from rung import plugins

    adapter, whole = plugins.names("adapter_kinds")[0], plugins.names("methods")[0]
    measured = pricing_of(task_of(), tmp_path, Machine(cost=Load(tokens=1.0), trained={adapter: 1000.0}))
    guessed = pricing_of(task_of(), tmp_path, Machine(cost=Load(tokens=1 / 2000)))
    seconds = {}
    for name, pricing in (("measured", measured), ("guessed", guessed)):
        for method in (adapter, whole):
            training = TrainConfig.read({"method": method, "objective": "sft", "epochs": 2}, "t")
            ask = Training(what="x", candidate=built("r4_adapter"), training=training, rows=60)
            seconds[name, method] = pricing.amount([ask]).seconds.expected
    assert seconds["measured", whole] == pytest.approx(1.35 * seconds["measured", adapter])
    assert seconds["guessed", adapter] == pytest.approx(seconds["measured", adapter], rel=0.05)


def test_the_share_by_dev_is_a_step_of_every_rung_that_is_climbed(tmp_path: Path) -> None:
    names = ("r1_prompt", "r4_adapter")
    steps = left(pricing_of(task_of(), tmp_path), {name: Known(candidate=built(name)) for name in names})
    shared = {step.key for step in through(list(steps.values()), names, "r1_prompt")}
    assert "allotted/r1_prompt" in shared and "allotted/r4_adapter" not in shared
    equal = left(pricing_of(task_of(alpha_shares="equal"), tmp_path), {"r1_prompt": Known(candidate=built("r1_prompt"))})
    assert ("allotted/r1_prompt", "") not in equal


def test_thoughts_are_counted_until_answers_tell_how_long_they_are(tmp_path: Path) -> None:
    """A model that thinks first is not said to cost what its answers alone do: at most all that it may think."""
    prices = {"input_usd_per_million": 0.0, "output_usd_per_million": 1.0}
    ask = Answers(what="x", candidate=built("r1_prompt", SERVER), rows=Span.of(100.0))
    plain, thinking, told = (pricing_of(task_of(SERVER, prices=prices), tmp_path) for _ in range(3))
    thinking.thoughts = told.thoughts = 8192.0
    keep(told, ask.candidate, "dev", 24)
    quick, slow, known = (pricing.amount([ask]).usd for pricing in (plain, thinking, told))
    assert quick and slow and known
    assert quick.most == quick.expected < slow.expected / 50 and slow.most == pytest.approx(100 * 8196e-6, rel=0.01)
    assert known.most == pytest.approx(76e-6), "24 answers of a token each say what the others take"


def test_a_training_that_was_interrupted_has_the_rest_to_do(tmp_path: Path) -> None:
    from rung import plugins

    (method, *_), pricing = plugins.names("adapter_kinds"), pricing_of(task_of(), tmp_path, Machine(cost=Load(tokens=1.0)))
    training = TrainConfig.read({"method": method, "objective": "sft", "epochs": 2, "batch_rows": 16}, "t")
    whole = Training(what="x", candidate=built("r4_adapter"), training=training, rows=60)
    assert whole.steps == 8
    seconds = [pricing.amount([replace(whole, done=done)]).seconds.expected for done in (0, 6, 8, 9)]
    assert seconds[1] == pytest.approx(seconds[0] / 4) and seconds[2:] == [0, 0]
