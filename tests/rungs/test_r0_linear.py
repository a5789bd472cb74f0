import csv
import json
import random
from pathlib import Path

import pytest

from rung.engine.answer import answer
from rung.engine.linear import load
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.store import BlobStore
from rung.rungs import r0_linear
from rung.rungs.base import BuildContext
from rung.types import Bar, Candidate, Example, Task

BANKING77 = Path(__file__).resolve().parents[3] / "shared" / "data" / "banking77"


def _rows(pairs, split):
    return [
        Example(id=f"{split}{n}", messages=({"role": "user", "content": text},), target=target, split=split)
        for n, (text, target) in enumerate(pairs)
    ]


def _task(train, held_out, scorer="choice", **extra):
    quality = Bar(scorer=scorer, config=extra.pop("config", {}), at_least=0.8)
    examples = tuple(_rows(train, "train") + _rows(held_out, "dev"))
    return Task(name="toy", base="scripted:none", instruction="", examples=examples, quality=quality, **extra)


def _bench(task, folder):
    def no_backend(reference):
        raise AssertionError("the linear model asks no language model")

    runtime = Runtime(backend_for=no_backend, blobs=BlobStore(folder / "blobs", writable=True))
    return BuildContext(task, runtime, folder / "work", Silent())


def _build(task, folder, parent=None):
    context = _bench(task, folder)
    candidate = r0_linear.build(task, parent, context)
    return candidate, context


def _messages(rows, seed):
    """Texts whose words tell a city and an urgency, each of which is one field of the target."""
    draw = random.Random(seed)
    cities, urgent = ("Paris", "Rome", "Oslo"), {"now": True, "whenever": False}
    for n in range(rows):
        city, word = draw.choice(cities), draw.choice(list(urgent))
        yield f"send {n % 7} boxes to {city} {word}, please", {"city": city, "urgent": urgent[word], "unit": "box"}


def _tones(rows, seed):
    draw = random.Random(seed)
    for n in range(rows):
        good = draw.random() < 0.6
        yield (
            f"ticket {n}: {draw.choice(['great', 'lovely', 'thanks'] if good else ['broken', 'awful', 'late'])}",
            ("positive" if good else "negative"),
        )


def test_one_label(tmp_path):
    task = _task(_tones(120, 1), _tones(40, 2))
    assert r0_linear.applies(task) == ""
    candidate, context = _build(task, tmp_path)
    assert (candidate.rung, candidate.parent) == ("r0_linear", None)
    answers = answer(candidate, task.split("dev"), context.runtime)
    assert [a.text for a in answers] == [row.target for row in task.split("dev")]
    assert set(answers[0].logprobs) == {"positive", "negative"}
    assert max(answers[0].logprobs, key=answers[0].logprobs.get) == answers[0].text
    assert context.measure(candidate, "dev").mean() == 1.0
    trials = [record.figures for record in context.records if record.kind == "trial"]
    assert len(trials) == 3 and sum(trial["chosen"] for trial in trials) == 1 and trials[0]["n"] == 120


def test_each_field_of_an_object(tmp_path):
    task = _task(_messages(90, 1), _messages(30, 2), scorer="json_fields")
    assert r0_linear.applies(task) == ""
    candidate, context = _build(task, tmp_path)
    answers = answer(candidate, task.split("dev"), context.runtime)
    assert [json.loads(a.text) for a in answers] == [row.target for row in task.split("dev")]
    assert answers[0].logprobs is None and context.measure(candidate, "dev").mean() == 1.0


def test_a_field_that_is_sometimes_left_out(tmp_path):
    pairs = [(f"{text} {n}", {"tone": text, **({"why": "price"} if n % 2 else {})}) for n, text in enumerate(["good", "bad"] * 30)]
    task = _task([(text + (" too dear" if "why" in target else ""), target) for text, target in pairs], [], scorer="json_fields")
    candidate, context = _build(task, tmp_path)
    row = _rows([("bad 99 too dear", None), ("good 98", None)], "dev")
    assert [json.loads(a.text) for a in answer(candidate, row, context.runtime)] == [
        {"tone": "bad", "why": "price"},
        {"tone": "good"},
    ]


@pytest.mark.parametrize("kind", ["label", "object"])
def test_same_seed_same_bytes(tmp_path, kind):
    task = _task(_tones(80, 1), _tones(9, 2)) if kind == "label" else _task(_messages(80, 1), _messages(9, 2), scorer="json_fields")
    first, _ = _build(task, tmp_path / "a")
    second, _ = _build(task, tmp_path / "b")
    assert first == second and first.id == second.id


def test_it_says_why_it_does_not_apply(tmp_path):
    free = _task([(f"question {n}", f"a text of its own {n}") for n in range(60)], [], scorer="exact")
    assert r0_linear.applies(free) == "the targets take 60 different values in 60 train rows: no closed set"
    field = _task([(f"bill {n}", {"total": n, "currency": "EUR"}) for n in range(60)], [], scorer="json_fields")
    assert r0_linear.applies(field) == "the field 'total' takes 60 different values in 60 train rows: no closed set"
    assert "same target" in r0_linear.applies(_task([("a", "x")] * 9, []))
    assert "no row with a target" in r0_linear.applies(_task([], []))
    with pytest.raises(UserError, match="does not apply: the targets take 60"):
        _build(free, tmp_path)


def test_settings_are_checked(tmp_path):
    task = _task(_tones(60, 1), [], settings={"r0_linear": {"penaltys": [1.0]}}, path="task.yaml")
    with pytest.raises(UserError, match="unknown key 'penaltys'"):
        _build(task, tmp_path)


def test_messages_without_text_are_refused(tmp_path):
    task = _task([("", "yes"), ("", "no")] * 20, [])
    with pytest.raises(UserError, match="no text to learn from"):
        _build(task, tmp_path)


def test_few_rows_of_a_rare_class_do_not_stop_it(tmp_path):
    candidate, context = _build(_task([*_tones(60, 1), ("odd one", "neutral")], _tones(5, 2)), tmp_path)
    assert set(answer(candidate, _rows([("great", None)], "dev"), context.runtime)[0].logprobs) == {
        "positive",
        "negative",
        "neutral",
    }


def test_a_parent_is_named(tmp_path):
    parent = Candidate(rung="r0_linear", base="linear:0")
    assert _build(_task(_tones(60, 1), []), tmp_path, parent)[0].parent == parent.id


def _banking(name):
    if not BANKING77.is_dir():
        pytest.skip("BANKING77 is not beside this checkout (shared/data/banking77)")
    with (BANKING77 / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def test_banking77_reaches_the_known_accuracy(tmp_path):
    """The whole train split and the published test split; TF-IDF + LinearSVC is known to reach about 91% there."""
    task = _task(_banking("train"), _banking("test"), settings={"r0_linear": {"search_rows": 1500, "penalties": [0.3, 1.0]}})
    candidate, context = _build(task, tmp_path)
    run = context.measure(candidate, "dev")
    print(f"\nBANKING77: {run.mean():.1%} of {len(run.rows)} test rows")
    assert run.mean() >= 0.90
    model = load(context.blobs.local(candidate.base.removeprefix("linear:")))
    sure = [max(row.answer.logprobs.values()) > -0.1 for row in run.rows]
    right = [row.scores["quality"].value for row in run.rows]
    assert sum(r for r, s in zip(right, sure, strict=True) if s) / sum(sure) > 0.95
    assert len(model.fields) == 1 and len(model.fields[0].classes) == 77


def test_a_sample_of_banking77(tmp_path):
    pairs = _banking("train")
    random.Random(0).shuffle(pairs)
    candidate, context = _build(_task(pairs[:1200], pairs[1200:1700]), tmp_path)
    assert context.measure(candidate, "dev").mean() > 0.65
