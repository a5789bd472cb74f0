"""Many rows through one batch: who joins when, and what comes of rows whose form cannot be held."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import TEXTS, ask

from rung.engine.chat import prompt_tokens
from rung.engine.constrain import Constraint, Grammars
from rung.engine.local.answering import Answering
from rung.engine.local.batch import Batch
from rung.engine.local.batching import Budget, Waiting
from rung.engine.local.completing import complete
from rung.engine.local.rows import Ask
from rung.errors import UserError
from rung.parts import SchemaConstraint
from rung.verify.missing import no_answer


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 90)), max_size=30), st.integers(1, 9), st.integers(1, 200), st.randoms()
)
def test_rows_wait_for_room_and_none_is_left_behind(sizes, rows: int, tokens: int, chance) -> None:
    lengths, kept = [length for length, _ in sizes], [room for _, room in sizes]
    waiting = Waiting(lengths, kept, Budget(rows=rows, tokens=1, kept_tokens=tokens))
    inside: list[int] = []
    order: list[int] = []
    while waiting or inside:
        joined = waiting.join()
        inside += joined
        order += joined
        assert inside, "somebody is always at work"
        assert len(inside) <= rows and (len(inside) == 1 or sum(kept[index] for index in inside) <= tokens)
        gone = inside.pop(chance.randrange(len(inside)))
        waiting.leave(gone)
    assert sorted(order) == list(range(len(sizes)))
    assert [lengths[index] for index in order] == sorted(lengths, reverse=True)


def test_more_rows_than_a_batch_holds_are_answered_as_alone_and_the_same_each_time(tiny) -> None:
    budget = Budget(rows=4, tokens=256, kept_tokens=900)
    prompts = [prompt_tokens(tiny.tokenizer, ask(TEXTS[n % 5] * (1 + n % 3)).messages) for n in range(22)]
    asks = [Ask(ids=ids, max_tokens=1 + 7 * (n % 5)) for n, ids in enumerate(prompts)]
    ends = frozenset(range(40, 44))
    made = list(complete(tiny.decoder, asks, ends, None, budget))
    assert sorted(one.row for one in made) == list(range(22))
    assert [(one.row, one.ids) for one in made] == [(one.row, one.ids) for one in complete(tiny.decoder, asks, ends, None, budget)]
    for one in made:
        (alone,) = complete(tiny.decoder, [asks[one.row]], ends, None, budget)
        assert (one.ids, one.finish_reason) == (alone.ids, alone.finish_reason) and one.seconds > 0


def test_the_last_rows_do_not_wait_for_a_batch_of_their_own(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long answer: the short ones pass beside it, and nobody begins again behind it."""
    steps: list[int] = []
    step = Batch.step
    monkeypatch.setattr(Batch, "step", lambda self: steps.append(len(self)) or step(self))
    ids = prompt_tokens(tiny.tokenizer, ask(TEXTS[0]).messages)
    asks = [Ask(ids=[*ids, 7], max_tokens=60)] + [Ask(ids=ids, max_tokens=6)] * 24
    assert len(list(complete(tiny.decoder, asks, frozenset(), None, Budget(rows=4, tokens=512, kept_tokens=9999)))) == 25
    assert len(steps) <= 62 and max(steps) == 4


def test_what_few_rows_keep_does_not_hold_the_room_of_many(tiny) -> None:
    batch = Batch(tiny.decoder, frozenset())
    ids = prompt_tokens(tiny.tokenizer, ask(TEXTS[0]).messages)
    batch.add([Ask(ids=ids, max_tokens=3 if n else 30) for n in range(48)])
    for _ in range(5):
        batch.step()
    assert len(batch) == 1 and len(batch._blocks[0].cache.keys[0]) <= 16


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grammars of a schema of numbers become too much to follow."""
    take = Constraint.take

    def fail(self: Constraint, token: int) -> None:
        if "number" in self.schema:  # type: ignore[attr-defined]
            raise UserError("too much to follow")
        take(self, token)

    make = Grammars.constraint

    def made(self: Grammars, schema) -> Constraint:
        found = make(self, schema)
        found.schema = str(schema)  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(Grammars, "constraint", made)
    monkeypatch.setattr(Constraint, "take", fail)


def test_a_form_that_cannot_be_held_is_missing_and_stops_no_other(tiny, breaks) -> None:
    number, word = SchemaConstraint(schema={"type": "number"}), SchemaConstraint(schema={"enum": ["aa", "bb"]})
    requests = [ask(text, max_tokens=9, constraint=(number, word, None)[n % 3]) for n, text in enumerate(TEXTS)]
    heard: dict[int, str] = {}
    said = Answering(tiny).answer_each(requests, lambda came: heard.update({place: one.text for place, one in came.items()}))
    assert [bool(no_answer(one)) for one in said] == [True, False, False, True, False]
    assert no_answer(said[0]) == "no answer: it was given up: it could not be held to its form (too much to follow)"
    assert [heard[place] for place in range(5)] == [one.text for one in said] and said[1].text in ('"aa"', '"bb"')
    with pytest.raises(UserError, match="too much"):
        Answering(tiny).answer(requests[::3])
