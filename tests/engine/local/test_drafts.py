"""What is drafted from a row's own text, and that no draft changes an answer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from drafted import Eager, Never, answers, prompt
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import TEXTS, ask, random_adapter

from rung.engine.backend import AdapterUse
from rung.engine.constrain import Grammars
from rung.engine.local import drafts
from rung.engine.local.adapters import BASE, AdapterCache, Stack
from rung.engine.local.answering import Answering
from rung.engine.local.cache import Part, RowCache, extend_together
from rung.engine.local.drafts import GOING_ON, Draft, Drafting, Text, kind_of
from rung.engine.local.prefix import compute_prefix
from rung.engine.local.rows import Ask, Row
from rung.parts import SchemaConstraint

FOUND = {
    "type": "object",
    "properties": {"sender": {"type": "string", "maxLength": 14}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
    "required": ["sender", "tags"],
    "additionalProperties": False,
}  # fmt: skip


def longest_run(tokens: Sequence[int]) -> int:
    """Of the runs that end as the tokens do, before their end: the longest, as far as runs are compared."""
    runs = [0]
    for place in range(1, len(tokens)):
        run = 0
        while run < min(place, drafts.LONGEST_RUN) and tokens[place - 1 - run] == tokens[-1 - run]:
            run += 1
        runs.append(run)
    return max(runs)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2), max_size=11), st.integers(0, 11))
def test_a_text_finds_the_longest_run_that_ends_alike(tokens: list[int], cut: int) -> None:
    text = Text(tokens[:cut])
    text.extend(tokens[cut:])
    assert text.tokens == tokens
    if not tokens:
        return
    run, place = text.find(tokens[-drafts.LONGEST_RUN :])
    assert run == longest_run(tokens)
    assert tokens[place - run : place] == tokens[len(tokens) - run :] if run else (run, place) == (0, 0)
    assert not run or 0 < place < len(tokens)


def test_what_repeats_is_drafted_as_if_it_went_on() -> None:
    text = Text([5, 1, 2, 1, 2])
    assert text.find([1, 2]) == (2, 3)
    assert text.behind(3, 5) == [1, 2, 1, 2, 1]


def test_where_nothing_copies_drafting_ends_and_where_it_does_it_grows() -> None:
    drafting, kind = Drafting(), kind_of(2, shared=False, goes_on=False)
    drafting.begin(1)
    first = drafting.length(kind)
    assert 1 < first <= drafts.DRAFTED_AT_ONCE
    # In one pass no more than a few of a kind that was never tried.
    assert [bool(drafting.length(kind)) for _ in range(5)] == [True] * 3 + [False] * 2
    for _ in range(400):
        drafting.see(Draft(tokens=(1, 2), kind=kind), 0)
    drafting.begin(1)
    assert drafting.length(kind) == 0
    other = kind_of(0, shared=False, goes_on=True)
    for _ in range(50):
        drafting.see(Draft(tokens=(1,) * 8, kind=other), 8)
    drafting.begin(64)
    assert drafting.length(other) >= 8 and GOING_ON < 1


@pytest.fixture(scope="module")
def stacks(tiny, tmp_path_factory: pytest.TempPathFactory) -> list[Stack]:
    root = tmp_path_factory.mktemp("drafts")
    folders = [random_adapter(root / str(n), tiny, seed=n + 3, rank=n + 2) for n in range(3)]
    return [BASE, *(AdapterCache(tiny.decoder).stack((AdapterUse.of(folder),)) for folder in folders)]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_drafts_change_no_answer(tiny, stacks: list[Stack], monkeypatch: pytest.MonkeyPatch, temperature: float) -> None:
    """Rows of several adapters, behind prefixes and not, held to a form and free, that join and leave; drawn ones by their seed."""
    grammars = Grammars(tiny.tokenizer, tiny.config.vocabulary, sorted(tiny.end_tokens))
    prefixes = {stack.key: compute_prefix(tiny.decoder, tuple(prompt(tiny, 1)[:12]), stack) for stack in stacks}

    def asks() -> Iterator[Ask]:
        for index in range(20):
            stack, ids = stacks[index % 4], prompt(tiny, index)
            if index % 3 == 0:
                ids = [*prompt(tiny, 1)[:12], *ids]
            yield Ask(
                ids=ids,
                max_tokens=1 + 5 * (index % 9),
                temperature=temperature if index % 2 else 0.0,
                seed=index,
                stack=stack,
                prefix=prefixes[stack.key] if index % 3 == 0 else None,
                constraint=grammars.constraint(FOUND) if index % 5 == 0 else None,
            )

    def joining() -> list[list[Ask]]:
        chance, left, made = random.Random(3), list(asks()), []
        while left:
            size = chance.choice((0, 1, 4, 9))
            made.append(left[:size])
            left = left[size:]
        return made

    plain, slow = answers(tiny, monkeypatch, joining(), Never, grammars)
    eager, quick = answers(tiny, monkeypatch, joining(), Eager, grammars)
    usual, _ = answers(tiny, monkeypatch, joining(), Drafting, grammars)
    assert eager == plain == usual
    assert quick < slow
    limits = [one.max_tokens for one in asks()]
    assert all(len(ids) <= limit for (ids, _), limit in zip(eager.values(), limits, strict=True)), "no draft goes beyond the limit"


def test_a_draft_ends_before_what_ends_an_answer_and_what_a_form_forbids(tiny) -> None:
    drafting, ends = Eager(), frozenset({42})
    drafting.begin(1)

    def drafted(ids: list[int], made: list[int], **settings: object) -> tuple[int, ...]:
        row = Row(number=0, ask=Ask(ids=ids, max_tokens=9, **settings), end_tokens=ends)
        for token in made:
            row.take(token)
        row.prepare(drafting)
        return row.draft.tokens

    assert drafted([7, 8, 42, 9, 9], [7]) == (8,)
    assert drafted([7, 42, 9, 9], [7]) == ()
    assert drafted([7, 8, 9, 10], [1, 2, 3, 4, 5, 6, 7]) == (8,), "one token is left to be chosen"
    assert drafted([7, 8, 9, 10], [1, 2, 3, 4, 5, 6, 1, 7]) == ()
    assert drafted([], [1, 1]) != () and drafted([3], []) == ()
    grammars = Grammars(tiny.tokenizer, tiny.config.vocabulary, [2])
    text = tiny.tokenizer.encode('["bb", "bb"] ["bb", "zz"]', add_special_tokens=False)
    held = Row(number=0, ask=Ask(ids=text, max_tokens=30, constraint=grammars.constraint({"type": "array", "items": {"enum": ["a", "bb"]}})), end_tokens=ends)  # fmt: skip # noqa: E501
    for _ in range(6):
        if held.finish_reason:
            break
        held.prepare(drafting)
        assert held.ask.constraint is not None
        assert held.ask.constraint.allowed(held.draft.tokens) == len(held.draft.tokens)
        held.take(next(token for token in range(tiny.config.vocabulary) if held.ask.constraint.allowed([token])))


def test_one_token_answers_and_the_shortest_prompts(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = [Ask(ids=[5], max_tokens=1), Ask(ids=[5], max_tokens=2), Ask(ids=[5, 5], max_tokens=30), Ask(ids=[6] * 9, max_tokens=30)]
    plain, _ = answers(tiny, monkeypatch, [asks], Never)
    eager, _ = answers(tiny, monkeypatch, [asks], Eager)
    assert eager == plain and len(plain[0][0]) == 1


def test_what_is_forgotten_leaves_no_trace(tiny) -> None:
    """A row that took back tokens goes on as one that never had them, wide rows beside narrow ones."""
    with torch.inference_mode():

        def filled() -> RowCache:
            cache = RowCache(tiny.decoder, 40, 32, None)
            extend_together([Part.of(cache, [[3 + row, 4, 5] for row in range(40)])], None)
            return cache

        drafted, plain = filled(), filled()
        tokens = [[9, 8, 7, 6, 5] if row in (0, 17, 39) else [9] for row in range(40)]
        wide = extend_together([Part(cache=drafted, first=0, tokens=tokens, wanted=[len(some) for some in tokens])], None)
        one = extend_together([Part.of(plain, [[9]] * 40)], None)
        firsts = [sum(map(len, tokens[:row])) for row in range(40)]
        torch.testing.assert_close(wide[firsts], one, atol=1e-5, rtol=0)
        for row in (0, 17, 39):
            drafted.forget(row, 4)
        assert drafted.lengths == plain.lengths
        after = [extend_together([Part.of(cache, [[11]] * 40)], None) for cache in (drafted, plain)]
        torch.testing.assert_close(after[0], after[1], atol=1e-5, rtol=0)


def test_scores_over_large_vocabularies_are_held_a_few_rows_at_a_time(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = [Ask(ids=prompt(tiny, index), max_tokens=20) for index in range(7)]
    whole, _ = answers(tiny, monkeypatch, [asks], Eager)
    monkeypatch.setattr("rung.engine.local.batch.LOGITS_AT_ONCE", 3 * tiny.config.vocabulary)
    assert answers(tiny, monkeypatch, [asks], Eager)[0] == whole


def test_the_same_call_gives_the_same_answers_whatever_was_asked_before(tiny) -> None:
    """What drafting learnt of one batch is not carried into the next: batches follow from the requests alone."""
    requests = [
        ask(text, max_tokens=25, constraint=SchemaConstraint(schema=FOUND) if n % 2 else None) for n, text in enumerate(TEXTS)
    ]
    desk = Answering(tiny)
    first = [answer.text for answer in desk.answer(requests)]
    desk.answer([replace(request, max_tokens=40) for request in requests[::-1]])
    assert [answer.text for answer in desk.answer(requests)] == first
