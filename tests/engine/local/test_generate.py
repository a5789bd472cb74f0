from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
import torch
from oracle import LONG_SYSTEM, TEXTS, adapted, ask, complete, greedy, reference_model

from rung.engine.answer import answer as answer_rows
from rung.engine.answer import compose
from rung.engine.backend import ContextTooLong
from rung.engine.demos import Pool, pool_bytes
from rung.engine.local.answering import Answering
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.parts import Demonstrations, SchemaConstraint
from rung.types import Candidate, Example


@pytest.mark.parametrize("system", ["", LONG_SYSTEM])
@pytest.mark.parametrize("with_adapter", [False, True])
def test_greedy_equals_transformers(tiny, tiny_base: Path, adapter: Path, system: str, with_adapter: bool) -> None:
    """Against PEFT where there is an adapter: a PEFT-readable folder, written here, applied here."""
    reference = reference_model(tiny_base, adapter if with_adapter else None)
    requests = [ask(text, system=system, max_tokens=6 + 5 * index) for index, text in enumerate(TEXTS)]
    answers = Answering(tiny).answer(adapted(requests, adapter) if with_adapter else requests)
    for request, answer in zip(requests, answers, strict=True):
        tokens, text = greedy(reference, tiny, request)
        assert answer.text == text
        assert answer.completion_tokens == len(tokens)
        assert answer.finish_reason == ("length" if len(tokens) == request.max_tokens else "stop")
        assert answer.latency_s is not None and answer.latency_s > 0
    if system:
        assert all((answer.cached_tokens or 0) > 80 for answer in answers[1:]) and answers[0].cached_tokens == 0


def test_rows_that_end_leave_the_batch(tiny, tiny_reference) -> None:
    """End tokens at different steps: made likely by stopping at a frequent token."""
    from rung.engine.chat import prompt_tokens
    from rung.engine.local.batch import Batch
    from rung.engine.local.rows import Ask

    prompts = [prompt_tokens(tiny.tokenizer, ask(text).messages) for text in TEXTS * 2]
    plain = complete(Batch(tiny.decoder, frozenset()), [Ask(ids=ids, max_tokens=40) for ids in prompts])
    ends = frozenset({plain[1].ids[3], plain[2].ids[9], plain[3].ids[0]})
    found = complete(Batch(tiny.decoder, ends), [Ask(ids=ids, max_tokens=40) for ids in prompts])
    for whole, cut in zip(plain, found, strict=True):
        expected = next((place + 1 for place, token in enumerate(whole.ids) if token in ends), 40)
        assert cut.ids == whole.ids[:expected]
        assert cut.finish_reason == ("stop" if whole.ids[expected - 1] in ends else "length")
    assert len({len(cut.ids) for cut in found}) > 2


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_row_does_not_depend_on_its_batch(tiny, temperature: float) -> None:
    requests = [ask(text, max_tokens=20, temperature=temperature, top_p=0.9, seed=index) for index, text in enumerate(TEXTS)]
    together = Answering(tiny).answer(requests)
    alone = [Answering(tiny).answer([request])[0] for request in requests]
    backwards = Answering(tiny).answer(requests[::-1])[::-1]
    assert [a.text for a in together] == [a.text for a in alone] == [a.text for a in backwards]


def test_sampling_follows_seed_and_distribution(tiny, tiny_reference) -> None:
    from rung.engine.chat import prompt_tokens

    requests = [ask(TEXTS[0], max_tokens=1, temperature=0.7, top_p=0.6, seed=seed) for seed in range(1500)]
    runtime = Answering(tiny)
    first = [answer.text for answer in runtime.answer(requests)]
    assert first == [answer.text for answer in runtime.answer(requests)]
    ids = prompt_tokens(tiny.tokenizer, requests[0].messages)
    with torch.inference_mode():
        logits = tiny_reference(torch.tensor([ids])).logits[0, -1].double()
    sorted_, tokens = torch.softmax(logits / 0.7, -1).sort(descending=True)
    kept = int((sorted_.cumsum(0) - sorted_ < 0.6).sum())
    shares = sorted_[:kept] / sorted_[:kept].sum()
    texts = [tiny.tokenizer.decode([token], skip_special_tokens=True) for token in tokens[:kept].tolist()]
    assert set(first) <= set(texts)
    for text, share in list(zip(texts, shares.tolist(), strict=True))[:5]:
        if texts.count(text) == 1:
            assert abs(first.count(text) / 1500 - share) < 4 * (share * (1 - share) / 1500) ** 0.5


def test_too_long_prompts_are_named(tiny) -> None:
    with pytest.raises(ContextTooLong, match=r"tokens and the base reads at most 2,048.*'late late late") as caught:
        Answering(tiny).answer([ask("fine"), ask("late " * 3000)])
    assert caught.value.exit_code == 2
    assert caught.value.problems.keys() == {1} and caught.value.answered == {}


def test_demonstrations_that_leave_no_room_are_left_out(tiny, tmp_path: Path) -> None:
    """The whole way from a Candidate to this engine: three demonstrations do not fit, one does."""
    rows = [Example(id=str(n), messages=({"role": "user", "content": f"{n} " + "late " * 250},), target="yes") for n in range(3)]
    (tmp_path / "pool").write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    made = Candidate(rung="r1_prompt", base="tiny", demonstrations=Demonstrations(pool="pool", k=3), max_tokens=2)
    blobs = SimpleNamespace(local=lambda digest: tmp_path / digest)
    asked = Example(id="asked", messages=({"role": "user", "content": "late " * 250},))
    said = answer_rows(made, [asked], Runtime(backend_for=lambda _: Answering(tiny), blobs=blobs))[0]
    with pytest.raises(ContextTooLong):
        Answering(tiny).answer([compose(made, asked, Pool.read(tmp_path / "pool"))])
    bare = answer_rows(replace(made, demonstrations=None), [asked], Runtime(backend_for=lambda _: Answering(tiny), blobs=blobs))[0]
    assert bare.prompt_tokens < said.prompt_tokens < 2048


def test_the_answer_is_cut_at_the_context(tiny, tiny_reference) -> None:
    from rung.engine.chat import prompt_tokens

    request = ask("late " * 600, max_tokens=4000)
    room = 2048 - len(prompt_tokens(tiny.tokenizer, request.messages))
    assert 0 < room < 1000
    answer = Answering(tiny).answer([request])[0]
    assert answer.completion_tokens is not None and answer.completion_tokens <= room


SCHEMAS = (
    {"type": "object", "properties": {"name": {"enum": ["get_weather", "get_time"]}, "days": {"type": "integer", "maximum": 99}},
     "required": ["name", "days"], "additionalProperties": False},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 4},
    {"anyOf": [{"type": "object", "properties": {"name": {"const": "f"}, "arguments": {"type": "object", "properties":
     {"city": {"type": "string", "maxLength": 12}}, "required": ["city"], "additionalProperties": False}},
     "required": ["name", "arguments"], "additionalProperties": False}, {"type": "null"}]},
    {"type": "string", "maxLength": 8},
    {"type": "object", "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}, "ä ö": {"enum": ["ü", 3, None]}},
     "required": ["zip", "ä ö"], "additionalProperties": False},
)  # fmt: skip


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_constrained_output_always_fits_the_schema(tiny, temperature: float) -> None:
    """From a model of random weights, with unconstrained rows in the same batch."""
    requests = [
        ask(text, max_tokens=120, temperature=temperature, seed=seed, constraint=SchemaConstraint(schema=schema))
        for seed, text in enumerate(TEXTS)
        for schema in SCHEMAS
    ]
    free = ask(TEXTS[0], max_tokens=15)
    answers = Answering(tiny).answer([*requests, free])
    for request, answer in zip(requests, answers, strict=False):
        assert answer.finish_reason == "stop", answer
        jsonschema.validate(json.loads(answer.text), request.constraint.schema)
    compact = [
        json.dumps(json.loads(answer.text), separators=(",", ":"), ensure_ascii=False) for answer in answers[: len(requests)]
    ]
    assert [len(text) for text in compact] <= [len(answer.text) for answer in answers[: len(requests)]]
    assert answers[-1].text == Answering(tiny).answer([free])[0].text


def test_forced_tokens_change_nothing(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forced is what masks alone, a token at a time, would give."""
    requests = [ask(text, max_tokens=60, constraint=SchemaConstraint(schema=schema)) for text in TEXTS for schema in SCHEMAS]
    quick = Answering(tiny).answer(requests)
    monkeypatch.setattr("rung.engine.constrain.Constraint.forced", lambda self, limit: [])
    slow = Answering(tiny).answer(requests)
    assert [(a.text, a.finish_reason) for a in quick] == [(a.text, a.finish_reason) for a in slow]


def test_constrained_output_is_cut_at_max_tokens(tiny) -> None:
    for limit in (1, 3, 7):
        answer = Answering(tiny).answer([ask("x", max_tokens=limit, constraint=SchemaConstraint(schema=SCHEMAS[0]))])[0]
        assert (answer.finish_reason, answer.completion_tokens) == ("length", limit)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "not": {}, "uniqueItems": True}, "Unimplemented keys"),
        ({"type": "string", "pattern": "(?=x)y"}, "look-around"),
        ({"type": "blob"}, "blob"),
    ],
)
def test_a_schema_without_a_grammar_is_refused(tiny, schema: dict, said: str) -> None:
    with pytest.raises(UserError, match="cannot be turned into a grammar") as caught:
        Answering(tiny).answer([ask("x", constraint=SchemaConstraint(schema=schema))])
    assert said in caught.value.message
