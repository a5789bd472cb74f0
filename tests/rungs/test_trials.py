"""A race of forms on dev: who is chosen, who is asked how much, what happens where something goes wrong on the way."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rung.climb.runtime import runtime_for
from rung.engine.backend import ContextTooLong
from rung.engine.http.spending import BudgetSpent
from rung.progress import Silent
from rung.registry.home import open_home
from rung.rungs.base import BuildContext
from rung.rungs.trials import Form, complete, race, record
from rung.task.load import load_task
from rung.types import Candidate
from rung.verify.choosing import shares_of_run
from rung.verify.stats.select import one_standard_error

TASK = """\
name: raced
base: scripted:model.py#model
instruction: Answer.
data:
  examples: rows.jsonl
  columns: {input: input, target: target, group: group}
  split: {train: 10, dev: 160, test: 40}
quality: QUALITY
"""
# A prompt says how often it is right; rows are hard to all prompts alike in part, so that forms are compared on the same rows.
MODEL = """
import hashlib
def drawn(*words):
    return int.from_bytes(hashlib.blake2b(" ".join(words).encode(), digest_size=7).digest(), "big") / 2**56
def model(request):
    told, asked = request["messages"][0]["content"], request["messages"][-1]["content"]
    right = 0.5 * drawn(asked) + 0.5 * drawn(told, asked) < float(told.split()[0])
    return "yes" if right else "no"
"""
PLAIN = "{scorer: exact, at_least: .8}"


@pytest.fixture
def around(tmp_path, home):
    """Opens a context on a task of 160 dev rows, over the home's cache."""

    def make(quality: str = PLAIN, group_of=lambda row: "") -> Path:
        folder = tmp_path / "task"
        folder.mkdir(exist_ok=True)
        rows = [{"input": f"question {n}", "target": "yes", "group": group_of(n), "kind": "ab"[n % 2]} for n in range(210)]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "model.py").write_text(MODEL)
        (folder / "task.yaml").write_text(TASK.replace("QUALITY", quality))
        return folder / "task.yaml"

    @contextmanager
    def opened(*given, **named):
        with open_home(home, write=True) as here:
            task = load_task(make(*given, **named), here.downloads)
            yield BuildContext(task, runtime_for(task, here), home / "work", Noting())

    return opened


class Noting(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def forms(context: BuildContext, *prompts: str) -> list[Form]:
    """Candidates that are right as often as their prompt says; the longer prompt costs more."""
    base = context.runtime.backend_for(context.task.base).reference
    return [Form(prompt, Candidate(rung="r1_prompt", base=base, template="", prompt=prompt, max_tokens=4)) for prompt in prompts]


def asked(raced) -> list[int]:
    return [len(trial.run.rows) for trial in raced.trials]


def whole_search(context: BuildContext, tried: list[Form], dev_rows: int = 160) -> str:
    trials = [context.measure(form.candidate, "dev", dev_rows) for form in tried]
    scores = [shares_of_run(context.task, run).values for run in trials]
    costs = [len(form.candidate.prompt) + form.extra_tokens for form in tried]
    return tried[one_standard_error(list(zip(costs, scores, strict=True)), [row.group for row in trials[0].rows])].name


def test_where_the_gap_is_clear_it_chooses_as_all_rows_would_with_a_part_of_the_answers(around):
    with around() as context:
        tried = forms(context, "0.5", "0.9 dear", "0.3 dearer", "0.35", "0.55 longest of all")
        raced = race(tried, context, 160)
        assert raced.best.name == "0.9 dear" == whole_search(context, tried)
        assert sum(asked(raced)) < 0.4 * 5 * 160
        assert [trial.name for trial in raced.trials] == [form.name for form in tried]
        assert all(trial.behind for trial in raced.trials if trial is not raced.best) and not raced.best.behind


def test_each_round_asks_all_that_are_in_on_the_same_first_rows(around):
    with around() as context:
        raced = race(forms(context, "0.5", "0.52", "0.2"), context, 160)
        order = max((trial.run.rows for trial in raced.trials), key=len)
        assert min(asked(raced)) < len(order)
        for trial in raced.trials:
            assert [row.example for row in trial.run.rows] == [row.example for row in order[: len(trial.run.rows)]]


def test_the_best_enters_the_next_race_for_nothing(around, monkeypatch):
    with around() as context:
        first = race(forms(context, "0.9", "0.2"), context, 160)
        before = []
        measure = context.measure
        monkeypatch.setattr(context, "measure", lambda who, *rest, **named: before.append(who.id) or measure(who, *rest, **named))
        second = race([first.best.form, *forms(context, "0.3 more")], context, 160)
        seen = len(first.best.run.rows)
        assert second.best.name == "0.9" and asked(second) == [seen, seen]
        assert set(before) == {second.trials[1].candidate.id}


def test_the_same_again_is_the_same_race(around):
    with around() as context:
        one = race(forms(context, "0.6", "0.62 dear", "0.5"), context, 160)
    with around() as context:
        two = race(forms(context, "0.6", "0.62 dear", "0.5"), context, 160)
    assert asked(one) == asked(two) and one.best.name == two.best.name
    assert [trial.behind for trial in one.trials] == [trial.behind for trial in two.trials]


def test_killed_on_the_way_it_goes_on_and_asks_nothing_twice(around, monkeypatch):
    with around() as context:
        tried = forms(context, "0.6", "0.62 dear", "0.5")
        measure, calls = context.measure, []

        def dying(*given, **named):
            calls.append(given)
            if len(calls) > 4:
                raise KeyboardInterrupt
            return measure(*given, **named)

        monkeypatch.setattr(context, "measure", dying)
        with pytest.raises(KeyboardInterrupt):
            race(tried, context, 160)
    fresh = []
    with around() as context:
        context.runtime = replace(context.runtime, observers=(lambda told: fresh.append(told.known),))
        again = race(tried, context, 160)
    assert fresh.count(True) >= 3 * 24 and len(fresh) == sum(asked(again))


def test_one_form_is_asked_a_few_rows_and_equal_forms_are_one(around):
    with around() as context:
        tried = forms(context, "0.7")
        assert asked(race(tried, context, 160)) == [24]
        doubled = race([*tried, replace(tried[0], name="the same again")], context, 160)
        assert [trial.name for trial in doubled.trials] == ["0.7"]


@pytest.mark.parametrize("rows", [0, 24])
def test_a_form_that_does_not_fit_is_left_out(around, monkeypatch, rows):
    with around() as context:
        tried = forms(context, "0.55", "0.57 too long", "0.2")
        measure = context.measure

        def narrow(candidate, *given, **named):
            if candidate.prompt == "0.57 too long" and len(context.answered[candidate.id]) >= rows:
                raise ContextTooLong({0: "1,900 tokens, of 1,800"})
            return measure(candidate, *given, **named)

        monkeypatch.setattr(context, "measure", narrow)
        raced = race(tried, context, 160)
        assert raced.best.name == "0.55" and [trial.name for trial in raced.trials] == ["0.55", "0.2"]
        assert "0.57 too long: not tried: 1,900 tokens, of 1,800" in context.progress.notes


def test_where_no_form_fits_that_is_told(around, monkeypatch):
    with around() as context:
        monkeypatch.setattr(context, "measure", lambda *given, **named: (_ for _ in ()).throw(ContextTooLong({0: "no room"})))
        with pytest.raises(ContextTooLong, match="no room"):
            race(forms(context, "0.1", "0.2"), context, 160)


def test_a_budget_that_is_spent_ends_the_race(around, monkeypatch):
    with around() as context:
        monkeypatch.setattr(context, "measure", lambda *given, **named: (_ for _ in ()).throw(BudgetSpent("spent")))
        with pytest.raises(BudgetSpent):
            race(forms(context, "0.5", "0.6"), context, 160)


def test_rows_that_the_bar_is_not_about_are_not_asked(around):
    with around("{scorer: exact, at_least: .8, where: {kind: a}}") as context:
        raced = race(forms(context, "0.5", "0.52"), context, 160)
        about = sum(is_about(row) for row in context.task.split("dev"))
        assert {trial.of for trial in raced.trials} == {about} and about < 160
        assert len(raced.best.shares.values) == len(raced.best.run.rows)
        kinds = {row.id: row for row in context.task.split("dev")}
        assert all(is_about(kinds[row.example]) for row in raced.best.run.rows)


def is_about(row) -> bool:
    return int(row.messages[-1]["content"].split()[-1]) % 2 == 0


def test_a_bar_on_at_most_prefers_the_lower_score(around):
    with around("{scorer: exact, at_most: .2}") as context:
        assert race(forms(context, "0.9", "0.1"), context, 160).best.name == "0.1"
        tied = race(forms(context, "0.0 longer", "0.0"), context, 160)
        assert tied.best.name == "0.0" and len({trial.shares.mean for trial in tied.trials}) == 1


def test_a_file_that_is_sorted_is_not_raced_from_its_head(around):
    with around() as context:
        first = race(forms(context, "0.5", "0.9"), context, 160).trials[0].run.rows
        places = [_place(context, row.example) for row in first]
        assert places != sorted(places) and max(places) - min(places) > 60


def _place(context, example: str) -> int:
    return [row.id for row in context.task.split("dev")].index(example)


def test_what_was_asked_is_recorded_once_and_told(around):
    with around() as context:
        first = race(forms(context, "0.9", "0.2", "0.3"), context, 160)
        second = race([first.best.form, *forms(context, "0.4 more")], context, 160)
        record([*first.trials, *second.trials], second.best, context)
        trials = [fact.figures for fact in context.records if fact.kind == "trial"]
        told = next(fact.figures for fact in context.records if fact.kind == "raced")
        assert [trial["name"] for trial in trials] == ["0.9", "0.2", "0.3", "0.4 more"]
        assert [trial["name"] for trial in trials if trial["chosen"]] == ["0.9"]
        assert told == {"asked": sum(trial["n"] for trial in trials), "of": 4 * 160}
        assert f"{told['asked']} of 640 dev answers asked; the rest could hardly have bettered the choice" in context.progress.notes


def test_what_needs_all_rows_of_the_best_gets_them(around):
    with around() as context:
        raced = race(forms(context, "0.9", "0.2"), context, 160)
        assert len(raced.best.run.rows) < 160 == len(complete(raced.best, context, 160).run.rows)


def test_rows_of_few_groups_are_raced_longer(around):
    with around(group_of=lambda row: f"g{row // 20}") as context:
        grouped = race(forms(context, "0.5", "0.62 dear"), context, 160)
    assert sum(asked(grouped)) >= 2 * 24


def test_a_small_dev_is_asked_whole(around):
    with around() as context:
        raced = race(forms(context, "0.9", "0.2"), context, 12)
        assert asked(raced) == [12, 12] and raced.best.name == "0.9"
        lone = race(forms(context, "0.9", "0.2"), context, 1)
        assert asked(lone) == [1, 1]
