"""What holds for every scorer plug-in, also one that is added tomorrow: give it a good row in GOOD."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from scorer_rows import row, scorer

from rung import plugins
from rung.json_form import as_json, canonical_json
from rung.parts import Constraint
from rung.task.keys import BarSpec
from rung.types import Example, Score
from rung.verify.problems import keys_of
from rung.verify.scoring import BoundScorer

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
GOOD: dict[str, tuple[Example, dict[str, Any]]] = {
    "exact": (row("yes"), {}),
    "choice": (row("positive"), {"choices": ["positive", "negative"]}),
    "labels": (row(["red", "blue"]), {"choices": ["red", "blue", "green"]}),
    "contains": (row(["red", "blue"]), {"match": "all"}),
    "regex": (row("the answer is 12"), {"pattern": r"is (\d+)"}),
    "numeric": (row("1,234.5"), {}),
    "date": (row("2024-03-05T15:30"), {}),
    "json_schema": (row({"a": 1}), {}),
    "json_fields": (row({"vendor": "Acme", "total": 12.5, "day": "2024-03-01"}), {}),
    "tool_call": (row([{"name": "f", "arguments": {"a": 1}}], tools=(TOOL,)), {}),
    "cited": (row("not in the documents"), {}),
    "overlap": (row("a small red house by the sea"), {}),
    "python": (row("abc"), {"function": "mine.py#score"}),
    "forbidden": (row("abc"), {"words": ["idea"]}),
    "length": (row("abc"), {"characters": 6, "least_characters": 3}),
    "personal_data": (row("abc"), {}),
}
HOOKS = {
    "score": ["example", "output", "config"],
    "render": ["target", "config"],
    "ideal": ["example", "config"],
    "check": ["example", "config"],
    "constraint": ["examples", "config"],
    "describe": ["examples", "config"],
    "closed_set": ["examples", "config"],
    "settle": ["examples", "config", "folder"],
    "place": ["config", "folder"],
    "most_labels": ["config"],
    "named": ["example", "output", "config"],
    "accepts": ["config"],
    "harmless": ["config"],
    "staged": ["example", "config"],
}


@pytest.fixture
def bound(name: str, tmp_path: Path) -> BoundScorer:
    return bind_good(name, tmp_path)


def bind_good(name: str, tmp_path: Path) -> BoundScorer:
    """A scorer settled on its good row; its files are written to a folder."""
    (tmp_path / "mine.py").write_text("def score(example, output):\n    return output == example['target'], 'compared'\n", "utf-8")
    example, settings = GOOD[name]
    found = scorer(name, **settings).settle([example], tmp_path)
    place = getattr(found.module, "place", None)
    return BoundScorer(name=name, module=found.module, config=place(found.config, tmp_path)) if place else found


def test_every_scorer_has_a_good_row() -> None:
    assert set(GOOD) == set(plugins.names("scorers"))


@pytest.mark.parametrize("name", plugins.names("scorers"))
class TestEveryScorer:
    def test_first_line_is_its_help(self, name: str) -> None:
        line = plugins.help_line("scorers", name)
        assert 20 < len(line) <= 120
        assert line.endswith(".")

    def test_settings_are_strict_and_frozen(self, name: str) -> None:
        config = plugins.load("scorers", name).Config
        assert issubclass(config, BaseModel)
        assert config.__doc__
        assert config.model_config["frozen"]
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            config.model_validate({**GOOD[name][1], "surely_unknown": 1})

    def test_settings_are_no_keys_of_a_bar(self, name: str) -> None:
        assert set(keys_of(plugins.load("scorers", name).Config)) & set(keys_of(BarSpec)) == set()

    def test_hooks_have_their_signature(self, name: str) -> None:
        module = plugins.load("scorers", name)
        own = {hook: function for hook in HOOKS if (function := getattr(module, hook, None))}
        assert "score" in own
        assert {hook: list(inspect.signature(function).parameters) for hook, function in own.items()} == {
            hook: HOOKS[hook] for hook in own
        }
        assert all(function.__doc__ for function in own.values())

    def test_the_ideal_answer_is_right(self, name: str, bound: BoundScorer) -> None:
        example = GOOD[name][0]
        assert bound.check(example) is None
        assert bound.score(example, bound.render(example.target)) == Score(
            value=1.0, reason=bound.score(example, bound.render(example.target)).reason
        )

    @pytest.mark.parametrize(
        "output", ["", "  \n", "\x00", "{", "[" * 5000, "null", "NaN", "```json\n{}\n```", "1e999", "é" * 3000]
    )
    def test_any_text_gets_a_score(self, name: str, bound: BoundScorer, output: str) -> None:
        score = bound.score(GOOD[name][0], output)
        assert score.value is not None
        assert 0 <= score.value < 1 or not bound.needs_target
        assert score.reason or score.value == 1

    @pytest.mark.parametrize(("begins", "ends"), [("<think>", "</think>"), ("", "\n</think>\n"), ("[THINK]", "[/THINK]\n")])
    def test_what_was_only_thought_does_not_count(self, name: str, bound: BoundScorer, begins: str, ends: str) -> None:
        example = GOOD[name][0]
        ideal = bound.ideal(example)
        assert bound.score(example, f"{begins}nothing yet{ends}{ideal}").value == 1
        if hasattr(bound.module, "OF_THOUGHTS"):
            return  # what may not be said may not be thought, either
        assert bound.score(example, f"{begins}{ideal}{ends}no idea") == bound.score(example, "no idea")
        assert (bound.score(example, f"<think>{ideal}").value or 0) < 1

    def test_settled_settings_can_be_stored_and_bound_again(self, name: str, bound: BoundScorer) -> None:
        stored = bound.settings()
        canonical_json(stored)
        assert scorer(name, **stored).settings() == stored

    def test_constraint_and_description_are_plain(self, name: str, bound: BoundScorer) -> None:
        examples = [GOOD[name][0]]
        constraint = bound.constraint(examples)
        assert constraint is None or isinstance(constraint, Constraint)
        canonical_json(as_json(constraint))
        assert isinstance(bound.describe(examples), str)

    def test_a_row_without_target_is_told(self, name: str, bound: BoundScorer) -> None:
        told = bound.check(row(None))
        needs_one = bound.needs_target and name != "python"  # a function may want none
        assert (told == "the row has no target") if needs_one else (told is None)
