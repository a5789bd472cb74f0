"""Which names a change of base is about, and in which order they are climbed again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.campaign.facts import Entry
from rung.campaign.order import ordered
from rung.campaign.scope import scope
from rung.campaign.standing import Standing, same_base
from rung.errors import UserError
from rung.registry.names import Evidence, Version
from rung.sources.base import BaseReference
from rung.types import Candidate

A, B, NEW = "pip:llm@sha256:" + "a" * 64, "https://host/v1#model@sha256:" + "b" * 64, "pip:other@sha256:" + "c" * 64


def standing(name: str, base: str, *, candidate: str = "") -> Standing:
    made = Candidate(rung="r1_prompt", base=candidate or base)
    version = Version(name=name, version=1, candidate=made.id, rung="r1_prompt", evidence=Evidence(), created="")
    return Standing(version=version, served=False, candidate=made, base=BaseReference.read(base))


def names(*standings: Standing, former: str = "", new: str = NEW) -> list[str]:
    return [one.name for one in scope(standings, BaseReference.read(new), former).affected]


def test_the_same_content_is_the_same_base_whatever_it_is_called() -> None:
    moved = BaseReference.read("/models/llm@sha256:" + "a" * 64)
    assert same_base(BaseReference.read(A), moved)
    assert not same_base(BaseReference.read(A), moved.with_weights("int8")), "other weights answer otherwise"
    assert not same_base(BaseReference.read(A), BaseReference.read("pip:llm@sha256:" + "d" * 64))
    assert same_base(BaseReference.read("pip:llm"), BaseReference.read(A)), "what was never pinned is told by its name"


def test_who_is_left_alone_and_why() -> None:
    linear = standing("fast", A, candidate="linear:" + "e" * 64)
    found = scope([standing("tone", A), linear, standing("new", NEW)], BaseReference.read(NEW))
    assert [one.name for one in found.affected] == ["tone"] and found.former == ("pip:llm",)
    assert {one.name: one.why for one in found.left_alone} == {
        "fast": "it is a linear model: it rests on no base",
        "new": "it answers on this base already",
    }


@pytest.mark.parametrize("former", ["pip:llm", "pip:l", A, "a" * 64, "aaaaaa", "sha256:aaaaaaaa"])
def test_a_base_is_named_by_its_words_or_its_digest(former: str) -> None:
    assert names(standing("tone", A), standing("mail", B), former=former) == ["tone"]


def test_a_whole_name_goes_before_the_beginning_of_another() -> None:
    longer = standing("mail", "pip:llm-large@sha256:" + "d" * 64)
    assert names(standing("tone", A), longer, former="pip:llm") == ["tone"]
    assert names(standing("tone", A), longer, former="pip:ll") == ["tone", "mail"]


def test_of_several_bases_one_is_to_be_named() -> None:
    with pytest.raises(UserError, match="names rest on 2 other bases") as caught:
        names(standing("tone", A), standing("mail", B))
    assert "--from https://host/v1#model (1 name); --from pip:llm (1 name)" in caught.value.hint
    with pytest.raises(UserError, match="no name rests on 'pip:lln'") as caught:
        names(standing("tone", A), former="pip:lln")
    assert "Did you mean 'pip:llm'?" in caught.value.hint


def test_other_files_under_the_same_name_are_another_base() -> None:
    """And the one that is meant, where others are about."""
    assert names(standing("tone", A), standing("mail", B), new="pip:llm@sha256:" + "d" * 64) == ["tone"]


def entry(name: str, **changes: object) -> Entry:
    plain = Entry(
        name=name,
        old=f"{name}@1",
        candidate="",
        rung="r1_prompt",
        base=A,
        served=True,
        lock="",
        task="",
        consequence="low",
        traffic=None,
        margin=None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def order(*entries: Entry) -> list[str]:
    return [one.name for one in ordered(entries)]


def test_by_traffic_then_by_what_a_wrong_answer_risks_then_by_the_narrowest() -> None:
    assert order(entry("few", traffic=3.0), entry("many", traffic=900.0)) == ["many", "few"]
    assert order(entry("unsaid", consequence="high"), entry("none", traffic=0.0)) == ["none", "unsaid"]
    assert order(entry("a"), entry("b", consequence="high"), entry("c", consequence="medium")) == ["b", "c", "a"]
    assert order(entry("wide", margin=0.1), entry("narrow", margin=0.01)) == ["narrow", "wide"]
    assert order(entry("a", served=False), entry("b")) == ["b", "a"]
    assert order(entry("b"), entry("a")) == ["a", "b"]


def test_what_others_are_built_on_comes_first() -> None:
    top = entry("top", traffic=900.0, built_on="middle")
    assert order(top, entry("middle", built_on="ground"), entry("ground"), entry("alone", traffic=5.0)) == [
        "alone",
        "ground",
        "middle",
        "top",
    ]
    assert sorted(order(entry("a", built_on="b"), entry("b", built_on="a"))) == ["a", "b"], "a circle is no reason to hang"
