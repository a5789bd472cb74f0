"""Cheaper forms: each part in turn, on one share of alpha, the cheapest that holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.climb.facts import Judged, Tried
from rung.climb.simplify import cheapest, part_added, share_of, simpler
from rung.parts import Demonstrations, Retrieval, ToolSet, ToolUse
from rung.registry.store import BlobStore
from rung.types import Answer, Candidate, Row, Run, Score, Verdict

WHOLE = Candidate(
    rung="r4_adapter",
    base="b",
    demonstrations=Demonstrations(pool="p", k=2),
    retrieval=Retrieval(index="i", mode="lexical", k=3, form="cited"),
    tools=ToolUse(toolset=ToolSet(tools=()), files=None),
)


@pytest.fixture
def adapted(tmp_path):
    """(a Candidate with every part, the store of its adapter)"""
    import json

    import torch
    from safetensors.torch import save_file

    folder = tmp_path / "adapter"
    folder.mkdir()
    weights = {"x.lora_A.weight": torch.randn(4, 8), "x.lora_B.weight": torch.randn(8, 4)}
    save_file(weights, str(folder / "adapter_model.safetensors"))
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8}))
    (folder / "rung.json").write_text("{}")
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    return replace(WHOLE, adapters=(blobs.put_tree(folder),)), blobs


def test_every_part_is_removed_in_turn(adapted, tmp_path):
    candidate, blobs = adapted
    forms = dict(simpler(candidate, blobs, tmp_path / "work"))
    assert list(forms) == [
        "without the demonstrations",
        "without the documents",
        "with half the documents",
        "without the tools",
        "without the adapter",
        "with half the rank",
    ]
    assert forms["without the demonstrations"] == replace(candidate, demonstrations=None)
    assert forms["without the documents"] == replace(candidate, retrieval=None)
    assert forms["with half the documents"].retrieval.k == 1
    assert forms["without the tools"] == replace(candidate, tools=None)
    assert forms["without the adapter"] == replace(candidate, adapters=())
    halved = forms["with half the rank"]
    assert halved.adapters != candidate.adapters and replace(halved, adapters=candidate.adapters) == candidate
    assert simpler(candidate, blobs, tmp_path / "work") == list(forms.items()), "the same when a climb is taken up again"


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ({"demonstrations"}, ["without the demonstrations"]),
        ({"retrieval"}, ["with half the documents"]),
        ({"tools"}, []),
        ({"tools", "retrieval"}, ["without the documents", "with half the documents", "without the tools"]),
        (set(), []),
    ],
)
def test_the_last_part_stays_for_without_it_the_prompt_rung_was_judged(kept, names, tmp_path):
    candidate = replace(WHOLE, **{part: None for part in ("demonstrations", "retrieval", "tools") if part not in kept})
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    assert [name for name, _ in simpler(candidate, blobs, tmp_path / "work")] == names


@pytest.mark.parametrize(
    ("shared", "k", "names"),
    [
        (4, 0, ["without the demonstrations"]),
        (4, 2, ["without the demonstrations", "without the nearest demonstrations"]),
        (0, 2, ["without the demonstrations"]),
        (0, 0, []),
    ],
)
def test_demonstrations_go_as_a_whole_and_the_nearest_alone_where_others_stay(shared, k, names, tmp_path):
    candidate = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="p", k=k, shared=shared))
    forms = dict(simpler(candidate, BlobStore(tmp_path / "blobs", writable=True), tmp_path / "work"))
    assert list(forms) == names
    if len(names) == 2:
        assert forms[names[1]].demonstrations == Demonstrations(pool="p", k=0, shared=shared)


VERDICT = Verdict(
    status="pass",
    estimate=None,
    lower=None,
    upper=None,
    n=0,
    n_total=0,
    missing=0,
    alpha=0.01,
    bar=0.5,
    stopped_by="",
    reason="",
)


def judged(status, alpha):
    return Judged(rung="r4_adapter", status=status, verdict=VERDICT, guards=(), run="", alpha=alpha, seconds=0.0)


def a_form(name, size):
    verdict = judged("pass", 0.01)
    return Tried(rung="r4_adapter", name=name, candidate="c", artefact_bytes=size, part_added=None, judged=verdict)


def test_what_held_hands_its_part_of_alpha_on():
    assert share_of(0.03, 3, []) == pytest.approx(0.01)
    assert share_of(0.03, 3, [True]) == pytest.approx(0.02)
    assert share_of(0.03, 3, [True, False]) == pytest.approx(0.01)
    assert share_of(0.03, 3, [False, True]) == pytest.approx(0.02)
    assert share_of(0.03, 3, [True, True]) == pytest.approx(0.03)


@pytest.mark.parametrize("wrong", [(True, True, True), (False, True, True), (True, False, True), (False, False, True)])
@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_a_wrong_form_passes_at_most_at_the_share(wrong, shared):
    """Scores of forms on one gate are correlated; forms that are not wrong always pass, and hand on all that they had."""
    draw, alpha, climbs = np.random.default_rng(3), 0.05, 40_000
    common, own = draw.normal(size=(climbs, 1)), draw.normal(size=(climbs, 3))
    from scipy.stats import norm

    p_values = norm.sf(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
    errors = 0
    for row in p_values:
        before = []
        for form_is_wrong, p_value in zip(wrong, row, strict=True):
            share = share_of(alpha, 3, before)
            passed = not form_is_wrong or p_value <= share
            before.append(passed)
        errors += any(form_is_wrong and held for form_is_wrong, held in zip(wrong, before, strict=True))
    assert errors / climbs <= alpha + 3 * np.sqrt(alpha / climbs)


def a_run(values, tokens):
    answer = Answer(text="x", prompt_tokens=tokens, completion_tokens=1)
    rows = [Row(example=str(n), group=str(n), answer=answer, scores={"quality": Score(value=v)}) for n, v in enumerate(values)]
    return Run(candidate="c", task="t", split="test", rows=tuple(rows))


def test_what_a_part_added_is_paired_on_the_rows_that_both_answered():
    assert part_added(a_run([1, 1, None, 1, 0], 9), a_run([1, 0, 0, None], 9)) == 0.5
    assert part_added(a_run([None], 9), a_run([1], 9)) is None


def test_the_fewest_tokens_win_then_the_smallest_file():
    long, short, light = (a_form(name, size) for name, size in (("long", 1), ("short", 9), ("light", 5)))
    assert cheapest([(long, a_run([1], 90)), (short, a_run([1], 30)), (light, a_run([1], 30))]) is light
    assert cheapest([(long, a_run([1], None)), (short, a_run([1], 30))]) is short
    assert cheapest([]) is None
