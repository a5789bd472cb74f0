"""Rows of any adapters, joining and leaving: each is answered as if it were alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from oracle import LONG_SYSTEM, TEXTS, adapted, ask, complete, random_adapter
from torch import Tensor

from rung.engine.backend import AdapterUse, Request
from rung.engine.chat import prompt_tokens
from rung.engine.constrain import Grammars
from rung.engine.local.adapters import AdapterCache, Stack
from rung.engine.local.answering import Answering
from rung.engine.local.bank import WASTEFUL_FOR, Bank
from rung.engine.local.batch import Batch
from rung.engine.local.prefix import compute_prefix
from rung.engine.local.rows import Ask
from rung.engine.local.update import Untouched
from rung.errors import UserError
from rung.parts import ChoiceConstraint

RANKS = (2, 4, 8, 1, 16, 4, 3, 8)


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("adapters")
    return [random_adapter(root / str(n), tiny, seed=n + 10, rank=rank) for n, rank in enumerate(RANKS)]


@pytest.fixture(scope="module")
def stacks(tiny, folders: list[Path]) -> list[Stack]:
    """The base, each adapter alone, and sums of two."""
    cache, uses = AdapterCache(tiny.decoder), [AdapterUse.of(folder) for folder in folders]
    pairs = [(uses[n], replace(uses[(n + 3) % 8], weight=0.25 * n - 0.5)) for n in range(4)]
    halves = [(replace(use, weight=0.5),) for use in uses[:2]]
    return [cache.stack(())] * 3 + [cache.stack((use,)) for use in uses] + [cache.stack(some) for some in (*pairs, *halves)]


def run(batch: Batch, joining: Sequence[Sequence[Ask]]) -> dict[int, list[int]]:
    """All tokens of each row, where these join before the steps in turn."""
    made: dict[int, list[int]] = {}
    waiting = list(joining)
    while waiting or batch:
        if waiting:
            made |= {number: [] for number in batch.add(waiting.pop(0))}
        for part in batch.step():
            made[part.row] += part.tokens
    return made


class Doubled(Untouched):
    """No low-rank update: it acts at all four places."""

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return 1.1 * super().linear(layer, product, x, weight, bias)

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return 0.9 * x

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return 1.2 * keys, 0.8 * values

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        return x * (1 + (ids % 3)[:, None] / 10)


def prompt(tiny, index: int, *, long: bool = False) -> list[int]:
    return prompt_tokens(tiny.tokenizer, ask(TEXTS[index % 5] * (1 + index % 3), system=LONG_SYSTEM if long else "").messages)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_rows_over_many_adapters_join_and_leave_and_are_answered_as_alone(tiny, stacks: list[Stack], temperature: float) -> None:
    chance = random.Random(7)
    ends = frozenset(range(40, 60))
    prefixes: dict[object, object] = {}
    asks = []
    for index in range(64):
        stack = Stack(key=(("doubled", 1.0),), parts=((Doubled(), 1.0),)) if index % 16 == 5 else chance.choice(stacks)
        ids, behind = prompt(tiny, index, long=index % 3 == 0), None
        if index % 3 == 0:
            shared = tuple(prompt(tiny, 0, long=True)[:90])
            behind = prefixes.setdefault(stack.key, compute_prefix(tiny.decoder, shared, stack))
            assert tuple(ids[:90]) == shared
        settings = {"max_tokens": chance.randint(1, 40), "temperature": temperature, "top_p": 0.9, "seed": index}
        asks.append(Ask(ids=ids, prefix=behind, stack=stack, **settings))
    joining, left = [], list(asks)
    while left:
        size = chance.choice((0, 1, 1, 2, 5, 9))
        joining.append(left[:size])
        left = left[size:]
    together = run(Batch(tiny.decoder, ends), joining)
    alone = [complete(Batch(tiny.decoder, ends), [replace(one, prefix=None)])[0].ids for one in asks]
    assert list(together.values()) == alone
    assert together == run(Batch(tiny.decoder, ends), joining)
    assert len({one.stack.key for one in asks}) > 12 and len({len(ids) for ids in alone}) > 10


def test_one_call_answers_questions_of_different_adapters(tiny, folders: list[Path]) -> None:
    """Choices, schemas and free answers over eight adapters and the base, with prefixes that nobody else's adapter made."""
    choice = {"kind": "choice", "choices": ["my order", "my card", "positive"]}
    schema = {"kind": "json_schema", "schema": {"type": "array", "items": {"type": "boolean"}, "maxItems": 4}}
    requests: list[Request] = []
    for index, text in enumerate(TEXTS * 6):
        plain = ask(text, system=LONG_SYSTEM, max_tokens=12, constraint=(None, choice, schema)[index % 3])
        requests += adapted([plain], folders[index % 8]) if index % 7 else [plain]
    desk = Answering(tiny)
    together = desk.answer(requests)
    for one, request in zip(together, requests, strict=True):
        alone = Answering(tiny).answer([request])[0]
        assert (one.text, one.finish_reason, one.completion_tokens) == (alone.text, alone.finish_reason, alone.completion_tokens)
        assert one.logprobs == (pytest.approx(alone.logprobs, abs=1e-4) if alone.logprobs else None)
    again = desk.answer(requests)
    assert [(a.text, a.logprobs) for a in again] == [(a.text, a.logprobs) for a in together]
    assert len({a.text for a in together}) > 10


def test_a_weight_scales_an_adapters_update(tiny, folders: list[Path]) -> None:
    """Two halves are the whole, none is the base, and stacked updates add up whatever their kind."""
    cache, use = AdapterCache(tiny.decoder), AdapterUse.of(folders[0])
    request = ask(
        TEXTS[0],
        constraint=ChoiceConstraint(
            choices=(
                "positive",
                "negative",
            )
        ),
    )

    def logprobs(*uses: AdapterUse) -> dict[str, float]:
        return Answering(tiny).answer([replace(request, adapters=uses)])[0].logprobs

    half = replace(use, weight=0.5)
    assert logprobs(half, half) == pytest.approx(logprobs(use), abs=1e-5)
    assert logprobs(replace(use, weight=0.0)) == pytest.approx(logprobs(), abs=1e-5)
    assert abs(logprobs(half)["positive"] - logprobs(use)["positive"]) > 1e-3
    x, weight = torch.randn(5, 64), tiny.decoder.weights.layers[0].output
    whole, part = cache.stack((use,)).update, cache.stack((half,)).update
    assert torch.allclose(
        part.linear(0, "output", x, weight, None), (whole.linear(0, "output", x, weight, None) + x @ weight.T) / 2, atol=1e-5
    )


def test_constrained_rows_beside_free_ones(tiny, stacks: list[Stack]) -> None:
    schema = {"type": "object", "properties": {"name": {"enum": ["get_weather", "get_time"]}, "days": {"type": "integer"}},
              "required": ["name", "days"], "additionalProperties": False}  # fmt: skip
    grammars = Grammars(tiny.tokenizer, tiny.config.vocabulary, sorted(tiny.end_tokens))

    def asks() -> list[Ask]:
        return [
            Ask(
                ids=prompt(tiny, index),
                max_tokens=30,
                stack=stacks[index],
                constraint=grammars.constraint(schema) if index % 2 else None,
            )
            for index in range(12)
        ]

    together = run(Batch(tiny.decoder, tiny.end_tokens, grammars), [[one] for one in asks()])
    alone = [complete(Batch(tiny.decoder, tiny.end_tokens, grammars), [one])[0].ids for one in asks()]
    assert list(together.values()) == alone
    texts = [tiny.tokenizer.decode(ids) for ids in alone]
    assert all(text.startswith('{"name":"get_') == bool(index % 2) for index, text in enumerate(texts))


def test_a_constraint_that_cannot_be_held_ends_its_own_row_alone(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    grammars = Grammars(tiny.tokenizer, tiny.config.vocabulary, sorted(tiny.end_tokens))
    held = Ask(ids=prompt(tiny, 1), max_tokens=9, constraint=grammars.constraint({"type": "string"}))
    free = Ask(ids=prompt(tiny, 0), max_tokens=9)
    alone = complete(Batch(tiny.decoder, frozenset()), [free])[0].ids

    def fail(token: int) -> None:
        raise UserError("too much to follow")

    monkeypatch.setattr(held.constraint, "take", fail)
    batch = Batch(tiny.decoder, frozenset(), grammars)
    batch.add([held, free])
    told = batch.step()
    assert told[0].finish_reason == "error" and told[0].error is not None and told[1].error is None
    assert [*told[1].tokens, *(token for _ in range(8) for part in batch.step() for token in part.tokens)] == alone
    with pytest.raises(UserError, match="too much"):
        complete(Batch(tiny.decoder, frozenset(), grammars), [held, free])


def test_a_step_tells_every_new_token_once(tiny) -> None:
    batch = Batch(tiny.decoder, frozenset())
    first = batch.add([Ask(ids=prompt(tiny, 0), max_tokens=3), Ask(ids=prompt(tiny, 1), max_tokens=5)])
    assert [part.row for part in batch.step()] == first
    late = batch.add([Ask(ids=prompt(tiny, 2), max_tokens=2)])
    told = [batch.step() for _ in range(4)]
    assert [[part.row for part in step] for step in told] == [[*first, *late], [*first, *late], first[1:], first[1:]]
    assert [[len(part.tokens) for part in step] for step in told] == [[1, 1, 1], [1, 1, 1], [1], [1]]
    assert [part.finish_reason for part in told[1]] == ["length", "", "length"] and told[3][0].finish_reason == "length"
    assert len(batch) == 0 and batch.step() == []


def test_a_removed_row_leaves_at_once_and_changes_no_other(tiny, stacks: list[Stack]) -> None:
    asks = [Ask(ids=prompt(tiny, index), max_tokens=20, stack=stacks[index + 2]) for index in range(9)]
    alone = [complete(Batch(tiny.decoder, frozenset()), [one])[0].ids for one in asks]
    batch = Batch(tiny.decoder, frozenset())
    numbers = batch.add(asks[:6])
    batch.step()
    numbers += batch.add(asks[6:])
    # One under way, one whose prompt is not yet read, one that is no more.
    batch.remove([numbers[0], numbers[7], 999])
    assert len(batch) == 7
    made: dict[int, list[int]] = {number: [] for number in numbers}
    while batch:
        for part in batch.step():
            made[part.row] += part.tokens
    assert made[0] == made[7] == []
    assert [made[number][-19:] for number in numbers if number not in (0, 7)] == [
        ids[-19:] for index, ids in enumerate(alone) if index not in (0, 7)
    ]


def test_rows_that_join_take_places_that_are_free(tiny) -> None:
    """A steady stream of rows neither grows what is kept nor scatters it over blocks."""
    batch = Batch(tiny.decoder, frozenset())
    for index in range(40):
        batch.add([Ask(ids=prompt(tiny, index), max_tokens=4)])
        batch.step()
    assert len(batch._blocks) == 1 and len(batch._blocks[0].cache.keys[0]) <= 8


def test_a_prefix_of_other_adapters_is_refused(tiny, stacks: list[Stack]) -> None:
    shared = compute_prefix(tiny.decoder, tuple(prompt(tiny, 0)[:20]), stacks[4])
    with pytest.raises(ValueError, match="under its own adapters"):
        Ask(ids=prompt(tiny, 0), max_tokens=1, prefix=shared, stack=stacks[5])


def test_slots_are_taken_over_by_adapters_of_the_same_ranks_and_else_laid_out_anew(tiny, stacks: list[Stack]) -> None:
    bank = Bank(torch.device("cpu"))
    singles = stacks[3:11]  # of the ranks 2, 4, 8, 1, 16, 4, 3, 8
    names = [stack.key[0][0] for stack in singles]

    def held() -> None:
        slab = bank.slab(0, "output")
        assert slab is not None
        for slot, name in enumerate(bank.slots):
            own = singles[names.index(name)].update.layers[0]["output"]
            assert torch.equal(slab.up[slab.rows(slot)].T @ slab.down[slab.rows(slot)], own.up @ own.down)

    bank.hold([*stacks[:1], *singles[:3]])
    assert bank.slots == names[:3]
    bank.hold([singles[0], singles[5], singles[2]])
    assert bank.slots == [names[0], names[5], names[2]]
    held()
    bank.hold([singles[0], singles[4], singles[2]])
    assert sorted(bank.slots) == sorted([names[0], names[4], names[2]])
    held()
    for _ in range(WASTEFUL_FOR):
        bank.hold([singles[2]])
    assert len(bank.slots) == 3, "who was there a moment ago may come back"
    bank.hold([singles[2]])
    assert bank.slots == [names[2]], "slots of nobody's are not multiplied by"
    held()
