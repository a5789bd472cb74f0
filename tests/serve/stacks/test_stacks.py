"""Adapters added up for a request, a session, a mode: what they come to, what admits them, and whose a session is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "rails"))
from played import OTHER, SHOP, asked, candidate, registered, served
from played import stack as named

from rung.line import Mix, Serving, Share
from rung.registry.home import Home, open_home
from rung.registry.receipts import Receipt
from rung.serve.rails.line import RulesAtHand
from rung.serve.stacks.line import LineStacks
from rung.serve.types import Asked, Refused, Served, StackedAdapter, Tenant
from rung.types import Bar, Verdict

A, B, C, D, GROUND = ("a" * 64, "b" * 64, "c" * 64, "d" * 64, "9" * 64)


@dataclass(frozen=True)
class Names:
    """The names of a home, as a server resolves them: `law` is nothing to the other tenant."""

    home: Home

    def find(self, model: str) -> Served | None:
        return served(self.home, model) if self.home.names.find(model) else None

    def resolve(self, model: str, tenant: Tenant) -> Served:
        found = self.find(model)
        if found is None or (tenant.id == OTHER.id and found.name == "law"):
            raise Refused(404, f"The model `{model}` does not exist.", type="not_found_error")
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with open_home(tmp_path_factory.mktemp("stacks") / "home", write=True) as opened:
        registered(opened, "desk", adapters=(A,))
        registered(opened, "plain")
        registered(opened, "law", adapters=(B,))
        registered(opened, "law", adapters=(C,))
        registered(opened, "tone", adapters=(D,))
        registered(opened, "built", adapters=(GROUND, A))
        registered(opened, "also", adapters=(GROUND, B))
        registered(opened, "far", base="other@sha256:" + "cd" * 32, adapters=(B,))
        opened.aliases.move("law", "champion", 1, expected=None, kind="set")
        yield opened


def share(name: str, least: float, most: float | None = None) -> Share:
    return Share(name=name, least=least, most=least if most is None else most)


ANY = Serving(
    mixes=(
        Mix(shares=(share("desk", -4, 4), share("law", -4, 4), share("tone", -4, 4))),
        Mix(shares=(share("built", 0, 4), share("also", 0, 4))),
    )
)


def stacks(house: Home, model: str, serving: Serving | None = ANY) -> tuple[LineStacks, Served]:
    one = served(house, model)
    house.serving.put(one.ref, serving)
    return LineStacks(house, Names(house), RulesAtHand(house, iter(range(10**6)).__next__)), one


def come(house: Home, model: str, question: Asked, serving: Serving | None = ANY) -> Served:
    line, one = stacks(house, model, serving)
    return line.stacked(question, one)


def refused(house: Home, model: str, question: Asked, serving: Serving | None = ANY) -> Refused:
    with pytest.raises(Refused) as told:
        come(house, model, question, serving)
    return told.value


def at(**weights: float) -> Asked:
    return asked(stack=tuple(StackedAdapter(id=name.replace("_", "@"), weight=weight) for name, weight in weights.items()))


def test_nothing_asked_for_is_the_model_itself(house: Home) -> None:
    line, one = stacks(house, "desk")
    assert line.stacked(asked(), one) is one and line.stacked(asked(session="s"), one) is one
    assert line.stacked(asked(stack=()), one) == one


@pytest.mark.parametrize(
    ("model", "weights", "adapters"),
    [
        ("desk", {"law_1": 0.3}, ((A, 1.0), (B, 0.3))),
        ("desk", {"law": 0.3}, ((A, 1.0), (C, 0.3))),  # the name alone is its newest version
        ("desk", {"law_champion": 0.3, "tone": -0.5}, ((A, 1.0), (B, 0.3), (D, -0.5))),
        ("desk", {"desk": 0.4, "law_1": 1.0}, ((A, 0.4), (B, 1.0))),
        ("desk", {"desk": 0.0, "law_1": 1.0}, ((B, 1.0),)),
        ("desk", {"law_1": 0.0}, ((A, 1.0),)),
        ("plain", {"law_1": 0.5}, ((B, 0.5),)),
        ("built", {"also": 0.5}, ((GROUND, 1.0), (A, 1.0), (B, 0.5))),
        ("built", {"built": 0.5, "also": 0.5}, ((GROUND, 1.0), (A, 0.5), (B, 0.5))),
    ],
)
def test_what_is_added_comes_to(house: Home, model: str, weights: dict[str, float], adapters: Any) -> None:
    found = come(house, model, at(**weights))
    assert found.adapters == adapters and found.candidate.prompt == served(house, model).candidate.prompt
    assert (found.ref, found.name) == (f"{model}@1", model) and (not found.weights) == all(one == 1.0 for _, one in adapters)


WRONG: list[tuple[str, dict[str, float], int, str]] = [
    ("desk", {"far": 1.0}, 400, "other_base"),
    ("desk", {"plain": 1.0}, 400, "no_adapter"),
    ("desk", {"law_1": float("nan")}, 400, "weight"),
    ("desk", {"law_1": float("inf")}, 400, "weight"),
    ("desk", {"law_1": 4.5}, 400, "weight"),
    ("desk", {"law_2": 1.0, "law": 1.0}, 400, "named_twice"),
    ("desk", {"built": 1.0}, 400, "shared_adapter"),
    ("desk", {"nothing": 1.0}, 404, ""),
    ("desk", {"law_9": 1.0}, 404, ""),
]


@pytest.mark.parametrize(("model", "weights", "status", "code"), WRONG)
def test_what_cannot_be_added_up_is_refused(house: Home, model: str, weights: dict[str, float], status: int, code: str) -> None:
    told = refused(house, model, at(**weights))
    assert (told.status, told.code or "") == (status, code)


def test_too_many_and_both_ways_at_once_are_refused(house: Home) -> None:
    many = asked(stack=tuple(StackedAdapter(id="law@1", weight=1.0) for _ in range(9)))
    assert refused(house, "desk", many).code == "too_many"
    assert refused(house, "desk", asked(stack=named(law=1.0), mode="legal")).code == "both"
    assert refused(house, "desk", asked(session="s" * 201)).code == "session_too_long"


def test_a_name_that_is_not_the_tenants_is_told_as_none(house: Home) -> None:
    told = refused(house, "desk", replace(at(law_1=0.5), tenant=OTHER))
    assert (told.status, told.message) == (404, "The model `law@1` does not exist.")


class TestAdmission:
    """A combination answers where the task names it, or a gate has judged just this."""

    @pytest.mark.parametrize(
        ("mix", "weights", "admitted"),
        [
            ([share("law", 0.2, 0.8)], {"law_1": 0.2}, True),
            ([share("law", 0.2, 0.8)], {"law_2": 0.8}, True),
            ([share("law", 0.2, 0.8)], {"law_1": 0.81}, False),
            ([share("law@2", 0.2, 0.8)], {"law_1": 0.5}, False),
            ([share("law@champion", 0.2, 0.8)], {"law_1": 0.5}, True),
            ([share("law", 0.2, 0.8)], {"law_1": 0.5, "tone": 0.1}, False),
            ([share("law", 0.2, 0.8), share("tone", 0.5)], {"law_1": 0.5}, False),
            ([share("law", 0.2, 0.8), share("tone", 0.0, 0.5)], {"law_1": 0.5}, True),
            ([share("law", 0.2, 0.8), share("desk", 1.0)], {"law_1": 0.5}, True),
            ([share("law", 0.2, 0.8), share("desk", 0.5)], {"law_1": 0.5}, False),
            ([share("law", 0.2, 0.8), share("desk", 0.5)], {"law_1": 0.5, "desk": 0.5}, True),
            ([share("law", 0.2, 0.8)], {"law_1": 0.5, "desk": 0.5}, False),
            ([share("law", 0.2, 0.8)], {"desk": 0.5}, False),
        ],
    )
    def test_by_the_task(self, house: Home, mix: list[Share], weights: dict[str, float], admitted: bool) -> None:
        serving = Serving(mixes=(Mix(shares=tuple(mix)),))
        if admitted:
            assert come(house, "desk", at(**weights), serving).parts
        else:
            told = refused(house, "desk", at(**weights), serving)
            assert (told.status, told.code) == (403, "combination_not_admitted") and "desk@1" in told.message

    def test_without_a_word_nothing_is_admitted(self, house: Home) -> None:
        for serving in (None, Serving()):
            assert refused(house, "desk", at(law_1=0.5), serving).status == 403
        mode = Serving(mixes=(Mix(mode="x", shares=(share("law@1", 0.5),)),))  # what a mode adds up may be asked for by its parts
        assert come(house, "desk", at(law_1=0.5), mode).parts and refused(house, "desk", at(law_1=0.6), mode).status == 403

    def test_by_a_receipt_of_just_this(self, house: Home) -> None:
        whole = registered(house, "both", rung="stacked", adapters=("e" * 64,))
        house.stackings.enter(whole.candidate.base, [(A, 1.0), (B, 0.25)], whole.ref, "e" * 64)
        assert refused(house, "desk", at(law_1=0.25), None).status == 403  # a claim, which nobody has judged
        passed(house, whole)
        assert come(house, "desk", at(law_1=0.25), None).weights == (1.0, 0.25)
        for weights in ({"law_1": 0.26}, {"law_2": 0.25}, {"law_1": 0.25, "tone": 0.1}):
            assert refused(house, "desk", at(**weights), None).status == 403
        other = replace(served(house, "desk"), candidate=candidate(prompt="Other.", adapters=(A,)))
        with pytest.raises(Refused):
            LineStacks(house, Names(house)).stacked(at(law_1=0.25), other)

    def test_a_version_that_has_these_adapters_itself(self, house: Home) -> None:
        judged = registered(house, "pair", rung="r4_adapter", adapters=(A, D))
        assert refused(house, "desk", at(tone=1.0), None).status == 403
        passed(house, judged)
        assert come(house, "desk", at(tone=1.0), None).candidate.adapters == (A, D)
        assert refused(house, "desk", at(tone=0.9), None).status == 403


def passed(house: Home, one: Served) -> None:
    """A receipt of a version."""
    verdict = Verdict(
        status="pass",
        estimate=0.9,
        lower=0.8,
        upper=1.0,
        n=50,
        n_total=50,
        missing=0,
        alpha=0.05,
        bar=0.8,
        stopped_by="",
        reason="",
    )
    house.receipts.add(
        Receipt(
            name=one.name,
            version=one.version,
            candidate=one.candidate.id,
            artefacts=one.candidate.artefacts,
            base=one.candidate.base,
            template="",
            task="t" * 64,
            data={},
            consequence="low",
            alpha=0.05,
            seed=0,
            bars=(Bar(scorer="exact"),),
            climb="c",
            rung="stacked",
            run="r" * 64,
            status="pass",
            verdict=verdict,
            guards=(),
            level=0.05,
            maker="",
            rung_version="1",
            code="",
            created="2026-11-03T00:00:00.000+00:00",
        )
    )


class TestSessions:
    """What is switched on stays on, for this tenant, this session and this model."""

    MODES = Serving(
        mixes=(
            Mix(mode="legal", shares=(share("law@champion", 0.5), share("desk", 1.0))),
            Mix(mode="calm", shares=(share("tone", 1.0),)),
            Mix(shares=(share("law", 0, 1),)),
        )
    )

    def ask(self, house: Home, session: str, **more: Any) -> Any:
        return come(house, "desk", asked(session=session, **more), self.MODES).adapters

    def test_a_mode_is_gone_into_and_left(self, house: Home) -> None:
        legal = ((A, 1.0), (B, 0.5))
        assert self.ask(house, "one", mode="legal") == legal == self.ask(house, "one")
        assert self.ask(house, "two") == ((A, 1.0),)
        assert self.ask(house, "one", tenant=OTHER) == ((A, 1.0),)
        assert self.ask(house, "one", mode="calm") == ((A, 1.0), (D, 1.0)) == self.ask(house, "one")
        assert self.ask(house, "one", mode="off") == ((A, 1.0),) == self.ask(house, "one")

    def test_adapters_are_switched_on_and_off(self, house: Home) -> None:
        on = named(**{"law@1": 0.3})
        assert self.ask(house, "three", stack=on) == ((A, 1.0), (B, 0.3)) == self.ask(house, "three")
        assert self.ask(house, "three", stack=()) == ((A, 1.0),) == self.ask(house, "three")

    def test_what_is_refused_is_not_remembered(self, house: Home) -> None:
        assert refused(house, "desk", asked(session="four", stack=named(tone=9.0)), self.MODES).status == 400
        told = refused(house, "desk", asked(session="four", mode="legale"), self.MODES)
        assert told.status == 404 and "Did you mean 'legal'?" in told.message
        assert self.ask(house, "four") == ((A, 1.0),)

    def test_without_a_session_nothing_is_remembered(self, house: Home) -> None:
        assert self.ask(house, "", mode="legal") == ((A, 1.0), (B, 0.5)) and self.ask(house, "") == ((A, 1.0),)

    def test_what_is_on_is_looked_at_anew(self, house: Home) -> None:
        assert self.ask(house, "five", mode="legal")
        house.aliases.move("law", "champion", 2, expected=None, kind="set")
        assert self.ask(house, "five") == ((A, 1.0), (C, 0.5))
        house.aliases.move("law", "champion", 1, expected=None, kind="set")
        assert refused(house, "desk", asked(session="five"), Serving()).code == "no_such_mode"
        assert self.ask(house, "six", stack=named(**{"law@1": 1.0}))
        assert refused(house, "desk", asked(session="six"), Serving()).status == 403

    def test_each_change_is_in_the_audit(self, house: Home) -> None:
        before = len([line for line in house.audit.lines() if line.kind == "session"])
        for _ in range(2):
            self.ask(house, "seven", mode="legal")
        assert len([line for line in house.audit.lines() if line.kind == "session"]) == before + 1
        assert SHOP.id in house.audit.lines()[-1].subject
