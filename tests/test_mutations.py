"""The rule that mutated inputs are held to can fail, each way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mutations import Mutation, check_refused_or_right, some

from rung.errors import BrokenEnvironment, UserError


def _refuse(error: type[Exception] = UserError, problem: str = "no 'key' here", **told: str) -> Any:
    def act() -> None:
        raise error(problem, **{"where": "a.json", "hint": "Write it."} | told)

    return act


def test_what_holds() -> None:
    mutation = Mutation(name="a", apply=lambda _path, _draw: None, says=("'key'",))
    assert check_refused_or_right(mutation, _refuse(), lambda _: None, file="a.json") == "refused"
    assert check_refused_or_right(mutation, lambda: 1, lambda made: None) == "right"


@pytest.mark.parametrize(
    "told",
    [{"where": ""}, {"hint": ""}, {"error": BrokenEnvironment}, {"problem": "no value here"}],
    ids=str,
)
def test_a_refusal_without_its_words_fails(told: dict[str, Any]) -> None:
    mutation = Mutation(name="a", apply=lambda _path, _draw: None, says=("'key'",))
    with pytest.raises(AssertionError):
        check_refused_or_right(mutation, _refuse(**told), lambda _: None)


def test_a_silent_loss_a_needless_refusal_and_a_traceback_fail() -> None:
    loss = Mutation(name="a", apply=lambda _path, _draw: None, only="refused")
    with pytest.raises(AssertionError, match="cannot be right"):
        check_refused_or_right(loss, lambda: 1, lambda _: None)
    harmless = Mutation(name="b", apply=lambda _path, _draw: None, only="right")
    with pytest.raises(AssertionError, match="nothing is lost"):
        check_refused_or_right(harmless, _refuse(), lambda _: None)
    with pytest.raises(KeyError):
        check_refused_or_right(harmless, lambda: {}["absent"], lambda _: None)


def test_equal_names_draw_equally_and_a_sample_is_drawn(tmp_path: Path) -> None:
    drawn: list[float] = []
    mutations = [Mutation(name=str(index), apply=lambda _path, draw: drawn.append(draw.random())) for index in range(9)]
    mutations[4](tmp_path)
    mutations[4](tmp_path)
    assert drawn[0] == drawn[1]
    assert len(some(mutations)) == 9 and [case.id for case in some(mutations, 3)] == [case.id for case in some(mutations, 3)]
